/* troth review week: what an operator's week was like, by contract, beside the week before. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/commands/review_parts.h"
#include "ops/commands/review_week_show.h"
#include "ops/config/options.h"
#include "ops/message.h"

struct choice {
    const char *week; /* NULL: the present one */
    const char *contract;
    bool markdown;
    bool from_kafka;
};

/* ---- which week ---- */

static int64_t now_us(void)
{
    const struct troth_clock clock = troth_clock_system();
    return clock.wall_us(clock.context);
}

/* Out number: the week that was asked for; -1: the present one. Returns whether it is one (told).
 */
static bool parse_week(const char *week, int64_t *number)
{
    const int64_t present = troth_week_of(now_us());
    *number = week == NULL                ? -1
              : strcmp(week, "last") == 0 ? present - 1
                                          : troth_week_find(week, strlen(week));
    if (week != NULL && *number < 0) {
        troth_message_error("there is no week \"%s\"; it must be an ISO 8601 week, as 2026-W48, or "
                            "last",
                            week);
        return false;
    }
    return true;
}

/* Opens where the ledgers are, and finds the week. The present one is by this machine's clock;
 * where nothing has been counted in it yet, the newest of which there is anything. */
static bool open_weeks(const struct troth_context *context, const struct choice *choice,
                       struct troth_weeks *weeks, int64_t *number)
{
    const int64_t present = troth_week_of(now_us());
    char label[TROTH_WEEK_LABEL_LENGTH];
    char found[TROTH_WEEK_LABEL_LENGTH];
    int64_t newest = -1;
    if (choice->from_kafka) {
        *number = *number < 0 ? present : *number;
        return troth_weeks_open_topic(weeks, context->config, choice->contract, *number);
    }
    if (!troth_weeks_open_redis(weeks, context->config, choice->contract)) {
        return false;
    }
    if (*number >= 0) {
        return true;
    }
    /* The log's clock may be a little ahead of this machine's. */
    if (!troth_weeks_newest(weeks, present + 1, &newest)) {
        return false;
    }
    *number = newest >= 0 ? newest : present;
    if (*number != present) {
        troth_week_label(present, label);
        troth_week_label(*number, found);
        troth_message_info("nothing was counted in the present week, %s; this is %s, the newest "
                           "there is",
                           label, found);
    }
    return true;
}

/* Says why there is nothing of a week. */
static void tell_nothing(const struct troth_weeks *weeks, const struct choice *choice,
                         int64_t number)
{
    const int64_t present = troth_week_of(now_us());
    const char *under = choice->contract != NULL ? " under " : "";
    const char *contract = choice->contract != NULL ? choice->contract : "";
    char label[TROTH_WEEK_LABEL_LENGTH];
    char first[TROTH_WEEK_LABEL_LENGTH];
    char last[TROTH_WEEK_LABEL_LENGTH];
    troth_week_label(number, label);
    if (number > present) {
        troth_message_error("%s has not begun", label);
    } else if (weeks->from_topic && weeks->topic.first >= 0) {
        troth_week_label(weeks->topic.first, first);
        troth_week_label(weeks->topic.last, last);
        troth_message_error("nothing was counted%s%s in %s; the topic has weeks from %s to %s",
                            under, contract, label, first, last);
    } else if (weeks->from_topic) {
        troth_message_error("the topic of standings has no week%s%s yet (%" PRIu64
                            " records); the engine writes them",
                            under, contract, weeks->topic.read);
    } else if (number <= present - TROTH_WEEKS_IN_REDIS) {
        troth_week_label(present - TROTH_WEEKS_IN_REDIS + 1, first);
        troth_message_error("Redis keeps the last %d weeks, from %s on; %s is in the topic of "
                            "standings: --from-kafka",
                            TROTH_WEEKS_IN_REDIS, first, label);
    } else {
        troth_message_error("nothing was counted%s%s in %s; does trothd run (troth doctor)?", under,
                            contract, label);
    }
}

/* ---- all contracts ---- */

/* The exceptions that are open now belong to a week that is; they are read once, where one is. */
static bool find_debts(struct troth_week_report *report, struct troth_ledger *ledger)
{
    const bool open = ledger->open > 0;
    report->debts = open ? &report->weeks->debts : &ledger->debts;
    report->debts_known = !open || !report->weeks->from_topic;
    report->at_us = open ? now_us() : ledger->as_of_us;
    if (!open || report->weeks->from_topic || report->debts_read) {
        return true;
    }
    report->debts_read = true;
    return troth_weeks_read_debts(report->weeks, report->at_us);
}

/* Shows one contract's week where there is any. Out shown: counted up. */
static bool show(struct troth_week_report *report, const char *name, int64_t number,
                 unsigned *shown)
{
    static struct troth_ledger ledgers[2];
    troth_ledger_init(&ledgers[0], name, number);
    troth_ledger_init(&ledgers[1], name, number > 0 ? number - 1 : 0);
    bool good = troth_weeks_load(report->weeks, &ledgers[0]) &&
                (number == 0 || troth_weeks_load(report->weeks, &ledgers[1]));
    if (good && ledgers[0].partitions > 0) {
        report->now = &ledgers[0];
        report->before = &ledgers[1];
        good = find_debts(report, &ledgers[0]);
    }
    if (good && ledgers[0].partitions > 0) {
        if (report->context->json) {
            troth_week_report_print_json(report);
        } else {
            good = troth_week_report_print(report, *shown == 0);
        }
        ++*shown;
    }
    troth_ledger_fini(&ledgers[0]);
    troth_ledger_fini(&ledgers[1]);
    return good;
}

static int show_all(const struct troth_context *context, const struct choice *choice,
                    struct troth_weeks *weeks, int64_t number)
{
    struct troth_week_report report = {
        .context = context, .weeks = weeks, .markdown = choice->markdown};
    unsigned shown = 0;
    bool good = open_weeks(context, choice, weeks, &number);
    for (unsigned i = 0; good && i < weeks->name_count; i++) {
        good = show(&report, weeks->names[i], number, &shown);
    }
    if (!good) {
        troth_message_error("%s", weeks->error[0] != '\0' ? weeks->error : "no memory");
    } else if (shown == 0) {
        tell_nothing(weeks, choice, number);
    }
    return good && shown > 0 ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}

int troth_review_week_run(const struct troth_context *context, int argc, char **argv)
{
    static struct troth_weeks weeks;
    struct choice choice = {0};
    int64_t number = -1;
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "contract", .kind = TROTH_OPTION_TEXT, .target = &choice.contract},
        {.name = "markdown", .kind = TROTH_OPTION_FLAG, .target = &choice.markdown},
        {.name = "from-kafka", .kind = TROTH_OPTION_FLAG, .target = &choice.from_kafka},
    };
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands > 1) {
        troth_message_error("say one week, as 2026-W48, or last; one contract alone: --contract %s",
                            argv[2]);
        return TROTH_EXIT_USAGE;
    }
    if (choice.markdown && context->json) {
        troth_message_error("--markdown or --json, not both");
        return TROTH_EXIT_USAGE;
    }
    choice.week = operands == 1 ? argv[1] : NULL;
    if (!parse_week(choice.week, &number)) {
        return TROTH_EXIT_USAGE;
    }
    const int result = show_all(context, &choice, &weeks, number);
    troth_weeks_close(&weeks);
    return result;
}
