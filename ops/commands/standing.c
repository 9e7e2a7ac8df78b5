/* troth standing: what an agent may do, and where it stands under each contract. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/message.h"
#include "ops/redis/reader.h"
#include "ops/review/debt.h"
#include "ops/review/open.h"
#include "ops/table.h"

/* "in 4m12s" or "2s ago". Returns text. */
static const char *relative(int64_t time_us, int64_t now_us,
                            char text[TROTH_DURATION_LENGTH_MAX + 8])
{
    char duration[TROTH_DURATION_LENGTH_MAX];
    const bool ahead = time_us > now_us;
    (void)troth_duration_format(ahead ? time_us - now_us : now_us - time_us, duration);
    snprintf(text, TROTH_DURATION_LENGTH_MAX + 8, ahead ? "in %s" : "%s ago", duration);
    return text;
}

static void print_time(const char *label, int64_t time_us, int64_t now_us, const char *passed)
{
    char time[TROTH_TIME_LENGTH_MAX];
    char distance[TROTH_DURATION_LENGTH_MAX + 8];
    if (time_us == 0) {
        printf("  %-14s no\n", label);
        return;
    }
    (void)troth_time_format(time_us, time);
    printf("  %-14s %s (%s)%s\n", label, time, relative(time_us, now_us, distance),
           time_us <= now_us ? passed : "");
}

static void print_agent(const struct troth_fields *agent, const char *name, int64_t now_us)
{
    char text[TROTH_CELL_LENGTH_MAX];
    char rung[TROTH_CELL_LENGTH_MAX];
    if (!troth_fields_any(agent)) {
        printf("%s: unproven: none of its contracts is enforced or advised\n", name);
        return;
    }
    printf("%s: %s, score %" PRId64 " of 1000\n", name,
           troth_fields_text(agent, "rung", rung, sizeof rung),
           troth_fields_integer(agent, "score", 0));
    const int64_t cost = troth_fields_integer(agent, "max_cost_micros", -1);
    printf("  %-14s %g%% of traffic", "may have", 100 * troth_fields_decimal(agent, "traffic", 0));
    if (cost >= 0) {
        printf(", at most %" PRId64 " micros a task", cost);
    }
    printf("\n  %-14s %s\n", "capabilities",
           troth_fields_text(agent, "capabilities", text, sizeof text)[0] != '\0' ? text : "none");
    printf("  %-14s %s\n", "limited by", troth_fields_text(agent, "limiting", text, sizeof text));
    print_time("good until", troth_fields_integer(agent, "good_until", 0), now_us,
               ": routers treat it as narrowed");
    print_time("offered until", troth_fields_integer(agent, "offer_until", 0), now_us,
               ": routers do not offer it");
    print_time("as of", troth_fields_integer(agent, "as_of", 0), now_us, "");
    if (troth_fields_integer(agent, "guarded", 0) != 0) {
        printf("  %-14s telemetry stopped: its former scope is kept for a while\n", "guarded");
    }
}

static bool print_standings(const struct troth_look *look, int64_t now_us)
{
    static const char *const headings[] = {"CONTRACT",  "MODE",  "RUNG",     "SCORE", "COMPLIANCE",
                                           "FRESHNESS", "SINCE", "LIMITING", "WHY"};
    struct troth_table table;
    if (!troth_table_init(&table, headings, 9, 1U << 3 | 1U << 4 | 1U << 5)) {
        return false;
    }
    for (unsigned i = 0; i < look->count; i++) {
        static const char *const fields[] = {"contract",  "mode", "rung",     "score", "compliance",
                                             "freshness", NULL,   "limiting", "why"};
        char text[TROTH_CELL_LENGTH_MAX];
        for (unsigned f = 0; f < sizeof fields / sizeof fields[0]; f++) {
            if (fields[f] == NULL) {
                const int64_t since_us = troth_fields_integer(&look->standings[i], "since", 0);
                troth_table_cell(&table, "%s", relative(since_us, now_us, text));
            } else {
                troth_table_cell(
                    &table, "%s",
                    troth_fields_text(&look->standings[i], fields[f], text, sizeof text));
            }
        }
    }
    troth_table_print(&table, stdout, 0, "\n");
    troth_table_fini(&table);
    return true;
}

/* A standing's review and its exceptions, a line each where there are any. */
static bool print_reviews(const struct troth_look *look, int64_t now_us)
{
    bool first = true;
    bool read = true;
    for (unsigned i = 0; i < look->count && read; i++) {
        char contract[TROTH_CELL_LENGTH_MAX];
        char review[TROTH_REVIEW_TEXT_MAX];
        char text[TROTH_DEBT_TEXT_MAX];
        struct troth_debts debts = {0};
        (void)troth_fields_text(&look->standings[i], "contract", contract, sizeof contract);
        read = troth_debts_add_standing(&debts, &look->standings[i], now_us);
        if (troth_review_text(&look->standings[i], now_us, review)[0] != '\0') {
            printf("%s  %-14s %s: %s\n", first ? "\n" : "", "review", contract, review);
            first = false;
        }
        for (unsigned d = 0; d < debts.count; d++) {
            printf("%s  %-14s %s: %s\n", first ? "\n" : "", "debt", contract,
                   troth_debt_text(&debts.items[d], now_us, text));
            first = false;
        }
        troth_debts_fini(&debts);
    }
    return read;
}

/* A number of a term, or - where its kind has none. */
static void number_cell(struct troth_table *table, const struct troth_fields *standing,
                        const char *term, const char *field)
{
    const double value = troth_fields_term(standing, term, field, -1.0);
    if (value < 0.0) {
        troth_table_cell(table, "-");
    } else {
        troth_table_cell(table, "%.10g", value);
    }
}

static bool print_terms(const struct troth_look *look)
{
    static const char *const headings[] = {"CONTRACT",   "TERM",      "KEPT",  "BROKEN",
                                           "CONFIDENCE", "FRESHNESS", "ALARM", "AMOUNT"};
    struct troth_table table;
    if (!troth_table_init(&table, headings, 8, 0xFC)) {
        return false;
    }
    for (unsigned i = 0; i < look->count; i++) {
        const struct troth_fields *standing = &look->standings[i];
        char contract[TROTH_CELL_LENGTH_MAX];
        char names[TROTH_TERMS_MAX * (TROTH_NAME_LENGTH_MAX + 1)];
        char *rest = NULL;
        (void)troth_fields_text(standing, "contract", contract, sizeof contract);
        (void)troth_fields_text(standing, "terms", names, sizeof names);
        for (char *term = strtok_r(names, ",", &rest); term != NULL;
             term = strtok_r(NULL, ",", &rest)) {
            static const char *const fields[] = {"kept",      "broken", "confidence",
                                                 "freshness", "alarm",  "amount"};
            troth_table_cell(&table, "%s", contract);
            troth_table_cell(&table, "%s", term);
            for (unsigned f = 0; f < sizeof fields / sizeof fields[0]; f++) {
                number_cell(&table, standing, term, fields[f]);
            }
        }
    }
    putchar('\n');
    troth_table_print(&table, stdout, 0, "\n");
    troth_table_fini(&table);
    return true;
}

static void print_json(const struct troth_look *look)
{
    if (troth_fields_any(&look->agent)) {
        troth_redis_reader_print_json(json_pack("{s:o}", "agent", troth_fields_json(&look->agent)));
    }
    for (unsigned i = 0; i < look->count; i++) {
        troth_redis_reader_print_json(
            json_pack("{s:o}", "standing", troth_fields_json(&look->standings[i])));
    }
}

static int show(const struct troth_context *context, const struct troth_look *look,
                const char *agent, const char *contract)
{
    char name[TROTH_CELL_LENGTH_MAX];
    troth_printable(agent, strlen(agent), name, sizeof name);
    if (look->count == 0) {
        troth_message_error("unproven: no standing of %s%s%s", name,
                            contract != NULL ? " under " : "", contract != NULL ? contract : "");
        return TROTH_EXIT_NO;
    }
    if (context->json) {
        print_json(look);
        return TROTH_EXIT_DONE;
    }
    const struct troth_clock clock = troth_clock_system();
    const int64_t now_us = clock.wall_us(clock.context);
    print_agent(&look->agent, name, now_us);
    putchar('\n');
    if (!print_standings(look, now_us) || !print_reviews(look, now_us) || !print_terms(look)) {
        troth_message_error("no memory");
        return TROTH_EXIT_NO;
    }
    return TROTH_EXIT_DONE;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    const char *contract = NULL;
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "contract", .kind = TROTH_OPTION_TEXT, .target = &contract},
    };
    if (troth_options_parse(options, 1, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 1) {
        troth_message_error("name one agent, as in: troth standing refund-7");
        return TROTH_EXIT_USAGE;
    }
    const struct troth_redis_config redis = troth_redis_config_of(context->config);
    struct troth_redis_reader reader;
    struct troth_look look = {0};
    troth_status status = troth_redis_reader_open(&reader, &redis);
    if (status == TROTH_OK) {
        status = troth_redis_reader_look(&reader, troth_text_of(argv[1]), contract, &look);
    }
    int result = TROTH_EXIT_NO;
    if (status == TROTH_OK) {
        result = show(context, &look, argv[1], contract);
    } else {
        troth_message_error("%s", reader.error);
    }
    troth_look_free(&look);
    troth_redis_reader_close(&reader);
    return result;
}

const struct troth_command troth_command_standing = {
    .name = "standing",
    .arguments = "[--contract C] AGENT",
    .summary = "what an agent may do, and where it stands",
    .help =
        "Reads Redis, as a router does. First the meet over the agent's contracts, then each\n"
        "standing and its terms.\n"
        "\n"
        "  --contract C     this contract's standing alone\n"
        "\n"
        "Exit status 1: the agent has no standing, and so is unproven. See also: troth explain.",
    .run = run,
};
