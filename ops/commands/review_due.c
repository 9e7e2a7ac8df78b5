/*
 * troth review due: the work list. For each open review who and why, what weighs most, what has
 * changed since the last one, and the commands that would decide it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/commands/review_parts.h"
#include "ops/message.h"
#include "ops/review/causes.h"
#include "ops/review/debt.h"
#include "ops/review/open.h"
#include "ops/table.h"
#include "schemas/decision.h"

enum {
    LIMIT = 10,
    CAUSES_SHOWN = 3,
    DEBTS_SHOWN = 3,
    QUOTED_MAX = 4 * TROTH_AGENT_LENGTH_MAX + 3, /* a quote in a quoted word takes four bytes */
    COMMAND_MAX = QUOTED_MAX + TROTH_NAME_LENGTH_MAX + 96,
    COMMANDS_MAX = 5,
    WHEN_MAX = TROTH_TIME_LENGTH_MAX + TROTH_DURATION_LENGTH_MAX + 8
};

/* One review, looked at. */
struct item {
    const struct troth_review *review;
    const struct troth_contract *contract; /* of the version that it was scored by; or NULL */
    const char *owner;                     /* of the contract; "" where it is not known */
    struct troth_review_cause causes[TROTH_REVIEW_CAUSES_MAX];
    unsigned cause_count;
    struct troth_debts debts;
    char commands[COMMANDS_MAX][COMMAND_MAX];
    unsigned command_count;
    int64_t now_us;
};

/* ---- the commands ---- */

/* Out quoted: the word as a shell takes it. */
static void quote(const char *word, char quoted[QUOTED_MAX])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._-:/@%+=,";
    size_t length = 0;
    if (word[strspn(word, plain)] == '\0') {
        snprintf(quoted, QUOTED_MAX, "%s", word);
        return;
    }
    quoted[length++] = '\'';
    for (; *word != '\0' && length + 6 < QUOTED_MAX; word++) {
        if (*word == '\'') {
            memcpy(quoted + length, "'\\''", 4);
            length += 4;
        } else {
            quoted[length++] = *word;
        }
    }
    quoted[length++] = '\'';
    quoted[length] = '\0';
}

/* The decisions that end a review of a standing on that rung and can change something there, and
 * `keep`. */
static const char *actions_at(int rung)
{
    switch (rung) {
    case TROTH_RUNG_CLEAR:
    case TROTH_RUNG_WARN:
        return "keep narrow pause recertify";
    case TROTH_RUNG_NARROW:
    case TROTH_RUNG_REVIEW:
        return "keep restore pause recertify";
    case TROTH_RUNG_RECERTIFY:
        return "keep pause recertify";
    default:
        return "keep recertify";
    }
}

/* In begin: the words before the agent. In action: the word after it, or "". */
static void add_command(struct item *item, const char *begin, const char *action, const char *end)
{
    char agent[QUOTED_MAX];
    char *command = item->commands[item->command_count++];
    const char *space = action[0] != '\0' ? " " : "";
    quote(item->review->agent, agent);
    if (agent[0] == '-') { /* it is no option after two dashes */
        snprintf(command, COMMAND_MAX, "troth %s --contract %s%s --reason '' -- %s%s%s", begin,
                 item->review->contract, end, agent, space, action);
    } else {
        snprintf(command, COMMAND_MAX, "troth %s %s%s%s --contract %s%s --reason ''", begin, agent,
                 space, action, item->review->contract, end);
    }
}

static void add_commands(struct item *item)
{
    char rung[32];
    char expect[64];
    char actions[64];
    char *rest = NULL;
    troth_fields_text(&item->review->standing, "rung", rung, sizeof rung);
    snprintf(expect, sizeof expect, " --expect %s", rung);
    snprintf(actions, sizeof actions, "%s", actions_at(troth_rung_find(rung, strlen(rung))));
    for (char *action = strtok_r(actions, " ", &rest); action != NULL;
         action = strtok_r(NULL, " ", &rest)) {
        add_command(item, "decide", action, expect);
    }
    add_command(item, "review claim", "", "");
}

/* ---- looking ---- */

static bool look(struct troth_review_walk *walk, const struct troth_review *review, int64_t now_us,
                 struct item *item)
{
    memset(item, 0, sizeof *item);
    const struct troth_contract *contract = troth_review_walk_contract(walk, review->contract);
    const int64_t version = troth_fields_integer(&review->standing, "contract_version", 0);
    item->review = review;
    item->contract = contract != NULL && contract->version == version ? contract : NULL;
    item->owner = contract != NULL ? contract->owner : "";
    item->now_us = now_us;
    item->cause_count = troth_review_causes(&review->standing, item->contract, item->causes);
    add_commands(item);
    const bool added = troth_debts_add_standing(&item->debts, &review->standing, now_us);
    troth_debts_sort(&item->debts);
    return added;
}

/* "2026-01-31T12:00:00.250Z, 3d2h ago". Returns text. */
static const char *when(const struct item *item, const char *field, char text[WHEN_MAX])
{
    char time[TROTH_TIME_LENGTH_MAX];
    char distance[TROTH_DURATION_LENGTH_MAX + 8];
    const int64_t time_us = troth_fields_integer(&item->review->standing, field, 0);
    (void)troth_time_format(time_us, time);
    snprintf(text, WHEN_MAX, "%s, %s", time,
             troth_review_when(time_us, item->now_us, distance, sizeof distance));
    return text;
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- as text ---- */

static void print_head(const struct item *item)
{
    const struct troth_fields *standing = &item->review->standing;
    char text[TROTH_CELL_LENGTH_MAX];
    char time[WHEN_MAX];
    char why[TROTH_CELL_LENGTH_MAX];
    troth_printable(item->review->agent, strlen(item->review->agent), text, sizeof text);
    printf("%s under %s", text, item->review->contract);
    troth_printable(item->owner, strlen(item->owner), text, sizeof text);
    printf("%s%s\n", text[0] != '\0' ? ", owner " : "", text);
    printf("  %-8s %s; opened by the %s", "due", when(item, "review_since", time),
           troth_fields_text(standing, "review", text, sizeof text));
    (void)troth_review_claimer(standing, text, sizeof text);
    if (text[0] != '\0') {
        printf("; claimed by %s at %s\n", text, when(item, "review_claimed", time));
    } else {
        printf("; nobody has claimed it\n");
    }
    troth_fields_text(standing, "why", why, sizeof why);
    printf("  %-8s %s since %s%s%s\n", "is at",
           troth_fields_text(standing, "rung", text, sizeof text), when(item, "since", time),
           why[0] != '\0' ? ": " : "", why);
    troth_fields_text(standing, "capabilities", text, sizeof text);
    printf("  %-8s score %" PRId64 " of 1000; %g%% of traffic%s%s\n", "",
           troth_fields_integer(standing, "score", 0),
           100 * troth_fields_decimal(standing, "traffic", 0), text[0] != '\0' ? ", with " : "",
           text);
}

static void print_causes(const struct item *item)
{
    char text[TROTH_REVIEW_CAUSE_TEXT_MAX];
    for (unsigned i = 0; i < item->cause_count && i < CAUSES_SHOWN; i++) {
        printf("  %-8s %u. %s\n", i == 0 ? "against" : "", i + 1,
               troth_review_cause_text(&item->causes[i], &item->review->standing, item->contract,
                                       text));
    }
    if (item->cause_count == 0) {
        printf("  %-8s nothing: every promise is kept\n", "against");
    }
    if (item->cause_count > CAUSES_SHOWN) {
        printf("  %-8s %u more: troth explain\n", "", item->cause_count - CAUSES_SHOWN);
    }
    if (item->contract == NULL) {
        printf("  %-8s (Redis has another version of the contract than it was scored by, so "
               "limits are not told)\n",
               "");
    }
}

static void print_since(const struct item *item)
{
    const struct troth_fields *standing = &item->review->standing;
    char time[WHEN_MAX];
    char before[TROTH_CELL_LENGTH_MAX];
    char now[TROTH_CELL_LENGTH_MAX];
    const int64_t narrowed = troth_fields_integer(standing, "narrowed_since", 0);
    const int64_t widened = troth_fields_integer(standing, "widened_since", 0);
    if (troth_fields_integer(standing, "reviewed_at", 0) == 0) {
        printf("  %-8s nothing was decided of it before\n", "changed");
        return;
    }
    printf("  %-8s since the last decision (%s): %s -> %s, score %" PRId64 " -> %" PRId64
           "; narrowed %" PRId64 " time%s, widened %" PRId64 " time%s\n",
           "changed", when(item, "reviewed_at", time),
           troth_fields_text(standing, "reviewed_rung", before, sizeof before),
           troth_fields_text(standing, "rung", now, sizeof now),
           troth_fields_integer(standing, "reviewed_score", 0),
           troth_fields_integer(standing, "score", 0), narrowed, plural(narrowed), widened,
           plural(widened));
}

/* Whether an exception was made since the last decision that set the review clock. */
static bool is_new(const struct item *item, const struct troth_debt *debt)
{
    const int64_t reviewed_us =
        troth_fields_integer(&item->review->standing, "reviewed_at", INT64_MAX);
    return reviewed_us > 0 && debt->since_us >= reviewed_us;
}

static void print_debts(const struct item *item)
{
    char text[TROTH_DEBT_TEXT_MAX];
    for (unsigned i = 0; i < item->debts.count && i < DEBTS_SHOWN; i++) {
        const struct troth_debt *debt = &item->debts.items[i];
        printf("  %-8s %s%s\n", i == 0 ? "debt" : "", is_new(item, debt) ? "new: " : "",
               troth_debt_text(debt, item->now_us, text));
    }
    if (item->debts.count > DEBTS_SHOWN) {
        printf("  %-8s %u more: troth explain\n", "", item->debts.count - DEBTS_SHOWN);
    }
}

static void print_item(const struct item *item, bool first)
{
    printf("%s", first ? "" : "\n");
    print_head(item);
    print_causes(item);
    print_since(item);
    print_debts(item);
    for (unsigned i = 0; i < item->command_count; i++) {
        char command[COMMAND_MAX];
        troth_printable(item->commands[i], strlen(item->commands[i]), command, sizeof command);
        printf("  %-8s %s\n",
               i == 0                         ? "decide"
               : i + 1 == item->command_count ? "or"
                                              : "",
               command);
    }
}

/* ---- as JSON ---- */

static json_t *last_json(const struct troth_fields *standing)
{
    char rung[32];
    const int64_t reviewed_us = troth_fields_integer(standing, "reviewed_at", 0);
    if (reviewed_us == 0) {
        return json_null();
    }
    return json_pack("{s:I, s:s, s:I, s:I, s:I}", "reviewed_at", (json_int_t)reviewed_us, "rung",
                     troth_fields_text(standing, "reviewed_rung", rung, sizeof rung), "score",
                     (json_int_t)troth_fields_integer(standing, "reviewed_score", 0), "narrowed",
                     (json_int_t)troth_fields_integer(standing, "narrowed_since", 0), "widened",
                     (json_int_t)troth_fields_integer(standing, "widened_since", 0));
}

static json_t *debts_json(const struct item *item)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < item->debts.count; i++) {
        json_t *debt = troth_debt_json(&item->debts.items[i]);
        json_object_set_new(debt, "new", json_boolean(is_new(item, &item->debts.items[i])));
        json_array_append_new(array, debt);
    }
    return array;
}

static void print_item_json(const struct item *item)
{
    char text[TROTH_REVIEW_CAUSE_TEXT_MAX];
    const struct troth_fields *standing = &item->review->standing;
    json_t *object = troth_review_json(item->review, item->now_us);
    json_t *causes = json_array();
    json_t *commands = json_array();
    for (unsigned i = 0; i < item->cause_count && i < CAUSES_SHOWN; i++) {
        troth_review_cause_text(&item->causes[i], standing, item->contract, text);
        json_array_append_new(causes, troth_review_cause_json(&item->causes[i], text));
    }
    for (unsigned i = 0; i < item->command_count; i++) {
        json_t *command = json_string(item->commands[i]);
        json_array_append_new(commands, command != NULL ? command : json_null());
    }
    json_object_set_new(object, "owner", json_string(item->owner));
    json_object_set_new(object, "causes", causes);
    json_object_set_new(object, "last", last_json(standing));
    json_object_set_new(object, "debt", debts_json(item));
    json_object_set_new(object, "commands", commands);
    json_object_set_new(object, "standing", troth_fields_json(standing));
    troth_redis_reader_print_json(json_pack("{s:o}", "review", object));
}

/* ---- all of them ---- */

/* Shows a page. Returns whether there was memory. */
static bool show_page(const struct troth_context *context, struct troth_review_walk *walk,
                      int64_t now_us, bool first)
{
    static struct item item;
    for (unsigned i = 0; i < walk->count; i++) {
        const bool looked = look(walk, &walk->page[i], now_us, &item);
        if (looked && context->json) {
            print_item_json(&item);
        } else if (looked) {
            print_item(&item, first && i == 0);
        }
        troth_debts_fini(&item.debts);
        if (!looked) {
            snprintf(walk->reader->error, sizeof walk->reader->error, "no memory");
            return false;
        }
    }
    return true;
}

/* Out shown: how many. Returns false with the reader's error. */
static bool show_all(const struct troth_context *context, struct troth_review_walk *walk,
                     int64_t limit, int64_t *shown)
{
    const struct troth_clock clock = troth_clock_system();
    const int64_t now_us = clock.wall_us(clock.context);
    *shown = 0;
    for (;;) {
        const int64_t left = limit > 0 ? limit - *shown : TROTH_REVIEW_PAGE_MAX;
        const unsigned most = left < TROTH_REVIEW_PAGE_MAX ? (unsigned)left : TROTH_REVIEW_PAGE_MAX;
        if (!troth_review_walk_next(walk, most)) {
            return false;
        }
        if (walk->count == 0) {
            return true;
        }
        if (!show_page(context, walk, now_us, *shown == 0)) {
            return false;
        }
        *shown += walk->count;
    }
}

static bool show(const struct troth_context *context, struct troth_review_walk *walk, int64_t limit)
{
    int64_t shown = 0;
    uint64_t more = 0;
    if (!show_all(context, walk, limit, &shown) || !troth_review_walk_rest(walk, &more)) {
        return false;
    }
    if (context->json) {
        troth_redis_reader_print_json(json_pack("{s:{s:I, s:I}}", "reviews", "open",
                                                (json_int_t)(shown + (int64_t)more), "shown",
                                                (json_int_t)shown));
    } else if (shown == 0) {
        printf("Nothing is due: no review is open%s%s%s%s.\n", walk->only != NULL ? " under " : "",
               walk->only != NULL ? walk->only : "", walk->owner != NULL ? " for " : "",
               walk->owner != NULL ? walk->owner : "");
    } else if (more > 0) {
        printf("\n%" PRIu64 " more are due: troth review list, or --limit %" PRIu64 "\n", more,
               more + (uint64_t)shown);
    }
    return true;
}

int troth_review_due_run(const struct troth_context *context, int argc, char **argv)
{
    struct troth_review_choice choice;
    if (!troth_review_choose(context, "due", LIMIT, argc, argv, &choice)) {
        return TROTH_EXIT_USAGE;
    }
    const struct troth_redis_config redis = troth_redis_config_of(context->config);
    struct troth_redis_reader reader;
    static struct troth_review_walk walk;
    troth_review_walk_init(&walk, &reader, choice.contract, choice.owner);
    const bool shown =
        troth_redis_reader_open(&reader, &redis) == TROTH_OK && show(context, &walk, choice.limit);
    if (!shown) {
        troth_message_error("%s", reader.error);
    }
    troth_review_walk_fini(&walk);
    troth_redis_reader_close(&reader);
    return shown ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}
