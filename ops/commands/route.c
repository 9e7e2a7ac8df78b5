/* troth route: the agents that a router would be given for a capability now. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "consumers/clock.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/message.h"
#include "ops/redis/route.h"
#include "ops/table.h"

enum { COUNT_DEFAULT = 10, RANDOM_DIGITS = 20 /* of 64 bits */ };

/* "4m12s", or "-" where it is over. */
static const char *left_of(int64_t time_us, int64_t now_us, char text[TROTH_DURATION_LENGTH_MAX])
{
    if (time_us <= now_us) {
        snprintf(text, TROTH_DURATION_LENGTH_MAX, "-");
    } else {
        (void)troth_duration_format(time_us - now_us, text);
    }
    return text;
}

static void add_row(struct troth_table *table, const struct troth_route_agent *agent,
                    int64_t now_us)
{
    char text[TROTH_CELL_LENGTH_MAX];
    char duration[TROTH_DURATION_LENGTH_MAX];
    troth_printable(agent->agent.data, agent->agent.length, text, sizeof text);
    troth_table_cell(table, "%s", text);
    troth_table_cell(table, "%" PRId64, agent->score);
    troth_printable(agent->rung.data, agent->rung.length, text, sizeof text);
    troth_table_cell(table, "%s%s", text, agent->guarded ? " (guarded)" : "");
    troth_table_cell(table, "%g", agent->traffic);
    if (agent->max_cost_micros < 0) {
        troth_table_cell(table, "any");
    } else {
        troth_table_cell(table, "%" PRId64, agent->max_cost_micros);
    }
    troth_table_cell(table, "%s", left_of(agent->good_until_us, now_us, duration));
    troth_table_cell(table, "%s", left_of(agent->offer_until_us, now_us, duration));
    troth_printable(agent->capabilities.data, agent->capabilities.length, text, sizeof text);
    troth_table_cell(table, "%s", text);
}

static void print_answer(const struct troth_route_question *question,
                         const struct troth_route_answer *answer)
{
    static const char *const headings[] = {"AGENT", "SCORE", "RUNG",  "TRAFFIC",
                                           "COST",  "GOOD",  "OFFER", "CAPABILITIES"};
    const struct troth_clock clock = troth_clock_system();
    const int64_t now_us = clock.wall_us(clock.context);
    struct troth_table table;
    if (answer->count > 0 && troth_table_init(&table, headings, 8, 1U << 1 | 1U << 3 | 1U << 4)) {
        for (unsigned i = 0; i < answer->count; i++) {
            add_row(&table, &answer->agents[i], now_us);
        }
        troth_table_print(&table, stdout, 0, "\n");
        troth_table_fini(&table);
        printf("\n");
    }
    printf("%u of %" PRId64 " for %s%s; passed over: %" PRId64 " unproven, %" PRId64
           " past offer_until, %" PRId64 " unfit, %" PRId64
           " held back by their traffic; --random %s\n",
           answer->count, answer->listed, question->capability,
           answer->exploring ? ", those on probation first" : "", answer->unproven, answer->expired,
           answer->unfit, answer->held_back, question->random);
}

static json_t *text_json(struct troth_text text)
{
    char printable[TROTH_CELL_LENGTH_MAX];
    json_t *string = json_stringn(text.data, text.length);
    if (string == NULL) { /* it is not UTF-8 */
        troth_printable(text.data, text.length, printable, sizeof printable);
        string = json_string(printable);
    }
    return string;
}

static json_t *list_json(struct troth_text list)
{
    json_t *array = json_array();
    for (uint32_t begin = 0, at = 0; at <= list.length && list.length > 0; at++) {
        if (at == list.length || list.data[at] == ',') {
            json_array_append_new(array, json_stringn(list.data + begin, at - begin));
            begin = at + 1;
        }
    }
    return array;
}

static void print_answer_json(const struct troth_route_question *question,
                              const struct troth_route_answer *answer)
{
    for (unsigned i = 0; i < answer->count; i++) {
        const struct troth_route_agent *agent = &answer->agents[i];
        troth_redis_reader_print_json(json_pack(
            "{s:{s:o, s:I, s:o, s:f, s:o, s:I, s:I, s:I, s:b}}", "agent", "agent",
            text_json(agent->agent), "score", (json_int_t)agent->score, "rung",
            text_json(agent->rung), "traffic", agent->traffic, "capabilities",
            list_json(agent->capabilities), "max_cost_micros", (json_int_t)agent->max_cost_micros,
            "good_until", (json_int_t)agent->good_until_us, "offer_until",
            (json_int_t)agent->offer_until_us, "guarded", agent->guarded));
    }
    troth_redis_reader_print_json(json_pack(
        "{s:{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s}}", "passed_over", "capability",
        question->capability, "listed", (json_int_t)answer->listed, "reads",
        (json_int_t)answer->reads, "unproven", (json_int_t)answer->unproven, "expired",
        (json_int_t)answer->expired, "unfit", (json_int_t)answer->unfit, "held_back",
        (json_int_t)answer->held_back, "exploring", answer->exploring, "random", question->random));
}

static int ask(const struct troth_context *context, const struct troth_route_question *question)
{
    const struct troth_redis_config redis = troth_redis_config_of(context->config);
    struct troth_redis_reader reader;
    struct troth_route_answer answer = {0};
    troth_status status = troth_redis_reader_open(&reader, &redis);
    if (status == TROTH_OK) {
        status = troth_redis_route(&reader, question, &answer);
    }
    if (status != TROTH_OK) {
        troth_message_error("%s", reader.error);
    } else if (context->json) {
        print_answer_json(question, &answer);
    } else {
        print_answer(question, &answer);
    }
    const int result = status == TROTH_INVALID                  ? TROTH_EXIT_USAGE
                       : status == TROTH_OK && answer.count > 0 ? TROTH_EXIT_DONE
                                                                : TROTH_EXIT_NO;
    troth_route_answer_free(&answer);
    troth_redis_reader_close(&reader);
    return result;
}

/* Returns whether there is a text of the caller's to use as RANDOM, or one was drawn into it. */
static bool draw(struct troth_route_question *question, char digits[RANDOM_DIGITS + 1])
{
    uint64_t number = 0;
    if (question->random != NULL) {
        const size_t length = strlen(question->random);
        if (length < 1 || length > TROTH_ROUTE_RANDOM_LENGTH_MAX) {
            troth_message_error("--random has 1 to %d bytes", TROTH_ROUTE_RANDOM_LENGTH_MAX);
            return false;
        }
        return true;
    }
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
        troth_message_error("this machine gives no random number; name one with --random");
        return false;
    }
    snprintf(digits, RANDOM_DIGITS + 1, "%" PRIu64, number);
    question->random = digits;
    return true;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    struct troth_route_question question = {.count = COUNT_DEFAULT};
    char digits[RANDOM_DIGITS + 1];
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "count",
         .kind = TROTH_OPTION_INTEGER,
         .target = &question.count,
         .low = 1,
         .high = TROTH_ROUTE_COUNT_MAX},
        {.name = "contract", .kind = TROTH_OPTION_TEXT, .target = &question.contract},
        {.name = "consequence", .kind = TROTH_OPTION_TEXT, .target = &question.consequence},
        {.name = "cost", .kind = TROTH_OPTION_TEXT, .target = &question.cost},
        {.name = "explore", .kind = TROTH_OPTION_TEXT, .target = &question.explore},
        {.name = "random", .kind = TROTH_OPTION_TEXT, .target = &question.random},
    };
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 1) {
        troth_message_error("say one capability: troth route refund");
        return TROTH_EXIT_USAGE;
    }
    question.capability = argv[1];
    return draw(&question, digits) ? ask(context, &question) : TROTH_EXIT_USAGE;
}

const struct troth_command troth_command_route = {
    .name = "route",
    .arguments = "CAPABILITY [--count N] [--contract C] [--consequence L] [--cost MICROS]\n"
                 "                   [--explore S] [--random R]",
    .summary = "the agents that a router would be given now",
    .help =
        "Calls troth_route in Redis as a router does, the best agent first, and says what was\n"
        "passed over. Each call draws anew; --random repeats one. Exit status 1: nobody may have\n"
        "this work now.\n"
        "\n"
        "  --count N        agents wanted (10; at most 64)\n"
        "  --contract C     that this contract counts for\n"
        "  --consequence L  with a contract of this consequence or a higher one: low, medium, "
        "high\n"
        "  --cost MICROS    that may do a task of this cost\n"
        "  --explore S      share of the calls in which those on probation come first (0.05)\n"
        "  --random R       what the draw comes of, 1 to 64 bytes",
    .run = run,
};
