/* troth top: the fleet by contract and rung, and the agents that stand worst. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "consumers/clock.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/message.h"
#include "ops/redis/layout.h"
#include "ops/redis/outages.h"
#include "ops/redis/reader.h"
#include "ops/table.h"

enum {
    LINES_DEFAULT = 20,
    CONTRACTS_SHOWN = 200, /* lines of the upper table */
    LINES_AROUND = 6,      /* title, headings, blank lines, and the last one, which would scroll */
    MEMBER_LENGTH_MAX = TROTH_AGENT_LENGTH_MAX,
    SCREEN_EVERY_S = 1
};

/* One standing among the worst, by its place in PREFIX:fleet:CONTRACT. */
struct place {
    int64_t rank;
    unsigned contract;
    uint32_t length;
    char agent[MEMBER_LENGTH_MAX];
};

struct fleet {
    char (*names)[TROTH_NAME_LENGTH_MAX + 1];
    int64_t (*counts)[TROTH_RUNG_COUNT]; /* by contract */
    unsigned contracts;
    struct place *places; /* worst first */
    unsigned place_count;
    unsigned places_shown;          /* of them, those that fit the screen */
    unsigned contracts_shown;       /* likewise */
    struct troth_fields *standings; /* of the places */
    struct troth_redis_outage outages[TROTH_REDIS_OUTAGES_MAX];
    unsigned outage_count;
};

struct choice {
    const char *contract; /* NULL: all */
    int rung;             /* -1: all */
    unsigned lines;       /* 0: what fits the screen */
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

/* ---- reading ---- */

static void ask_count(struct troth_redis_reader *reader, const char *contract, unsigned rung)
{
    troth_redis_reader_begin(reader, "ZCOUNT");
    troth_redis_reader_key(reader, "fleet", troth_text_of(contract), NULL);
    troth_resp_integer(&reader->command, troth_redis_rank(rung, 0));
    troth_resp_integer(&reader->command, troth_redis_rank(rung, TROTH_REDIS_RANK_STEP - 1));
    troth_redis_reader_ask(reader);
}

static void ask_worst(struct troth_redis_reader *reader, const char *contract, int rung,
                      unsigned lines)
{
    const unsigned best = rung >= 0 ? (unsigned)rung : TROTH_RUNG_CLEAR;
    const unsigned worst = rung >= 0 ? (unsigned)rung : TROTH_RUNG_PAUSE;
    troth_redis_reader_begin(reader, "ZRANGEBYSCORE");
    troth_redis_reader_key(reader, "fleet", troth_text_of(contract), NULL);
    troth_resp_integer(&reader->command, troth_redis_rank(worst, 0));
    troth_resp_integer(&reader->command, troth_redis_rank(best, TROTH_REDIS_RANK_STEP - 1));
    troth_resp_string(&reader->command, "WITHSCORES");
    troth_resp_string(&reader->command, "LIMIT");
    troth_resp_string(&reader->command, "0");
    troth_resp_integer(&reader->command, lines);
    troth_redis_reader_ask(reader);
}

/* Keeps the worst `lines` places in order. */
static void keep_place(struct fleet *fleet, unsigned lines, const struct place *place)
{
    unsigned at = fleet->place_count;
    while (at > 0 && fleet->places[at - 1].rank > place->rank) {
        at--;
    }
    if (at >= lines) {
        return;
    }
    if (fleet->place_count < lines) {
        fleet->place_count++;
    }
    memmove(&fleet->places[at + 1], &fleet->places[at],
            (fleet->place_count - at - 1) * sizeof *fleet->places);
    fleet->places[at] = *place;
}

static void take_worst(struct fleet *fleet, unsigned contract, unsigned lines,
                       const redisReply *reply)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *agent = reply->element[i];
        struct place place = {.contract = contract};
        if ((size_t)agent->len > sizeof place.agent) {
            continue;
        }
        place.length = (uint32_t)agent->len;
        memcpy(place.agent, agent->str, place.length);
        place.rank = strtoll(reply->element[i + 1]->str, NULL, 10);
        keep_place(fleet, lines, &place);
    }
}

static bool read_standings(struct troth_redis_reader *reader, struct fleet *fleet)
{
    for (unsigned i = 0; i < fleet->place_count; i++) {
        const struct place *place = &fleet->places[i];
        troth_redis_reader_begin(reader, "HGETALL");
        troth_redis_reader_key(reader, "standing",
                               (struct troth_text){.data = place->agent, .length = place->length},
                               fleet->names[place->contract]);
        troth_redis_reader_ask(reader);
    }
    bool read = true;
    for (unsigned i = 0; i < fleet->place_count && read; i++) {
        fleet->standings[i] = troth_redis_reader_fields(reader);
        read = fleet->standings[i].reply != NULL;
    }
    return read;
}

static bool read_contracts(struct troth_redis_reader *reader, struct fleet *fleet,
                           const struct choice *choice)
{
    if (choice->contract != NULL) {
        snprintf(fleet->names[0], sizeof fleet->names[0], "%s", choice->contract);
        fleet->contracts = 1;
        return true;
    }
    const int count =
        troth_redis_reader_contracts(reader, fleet->names, TROTH_REDIS_READER_CONTRACTS_MAX);
    fleet->contracts = count > 0 ? (unsigned)count : 0;
    return count >= 0;
}

/* Reads it all: seven questions a contract and one a line shown, in two round trips. */
static bool read_fleet(struct troth_redis_reader *reader, struct fleet *fleet,
                       const struct choice *choice, unsigned lines)
{
    if (!read_contracts(reader, fleet, choice)) {
        return false;
    }
    for (unsigned c = 0; c < fleet->contracts; c++) {
        for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
            ask_count(reader, fleet->names[c], rung);
        }
        ask_worst(reader, fleet->names[c], choice->rung, lines);
    }
    for (unsigned c = 0; c < fleet->contracts; c++) {
        for (unsigned rung = 0; rung <= TROTH_RUNG_COUNT; rung++) {
            redisReply *reply = troth_redis_reader_answer(reader);
            if (reply == NULL) {
                return false;
            }
            if (rung < TROTH_RUNG_COUNT) {
                fleet->counts[c][rung] = reply->integer;
            } else {
                take_worst(fleet, c, lines, reply);
            }
            freeReplyObject(reply);
        }
    }
    const int outages = troth_redis_outages(reader->context, reader->config.prefix, fleet->outages);
    fleet->outage_count = outages > 0 ? (unsigned)outages : 0;
    return read_standings(reader, fleet);
}

static bool fleet_init(struct fleet *fleet)
{
    memset(fleet, 0, sizeof *fleet);
    fleet->names = calloc(TROTH_REDIS_READER_CONTRACTS_MAX, sizeof *fleet->names);
    fleet->counts = calloc(TROTH_REDIS_READER_CONTRACTS_MAX, sizeof *fleet->counts);
    fleet->places = calloc(TROTH_REDIS_READER_WORST_MAX, sizeof *fleet->places);
    fleet->standings = calloc(TROTH_REDIS_READER_WORST_MAX, sizeof *fleet->standings);
    return fleet->names != NULL && fleet->counts != NULL && fleet->places != NULL &&
           fleet->standings != NULL;
}

static void fleet_fini(struct fleet *fleet)
{
    for (unsigned i = 0; fleet->standings != NULL && i < fleet->place_count; i++) {
        troth_fields_free(&fleet->standings[i]);
    }
    free(fleet->names);
    free(fleet->counts);
    free(fleet->places);
    free(fleet->standings);
}

/* ---- showing ---- */

static int64_t total_of(const struct fleet *fleet, unsigned contract)
{
    int64_t total = 0;
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        total += fleet->counts[contract][rung];
    }
    return total;
}

static void print_counts(const struct fleet *fleet, unsigned width, const char *line_end)
{
    const char *headings[TROTH_RUNG_COUNT + 2] = {"CONTRACT"};
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        headings[rung + 1] = troth_rung_name(TROTH_RUNG_COUNT - 1 - rung);
    }
    headings[TROTH_RUNG_COUNT + 1] = "total";
    unsigned shown = 0;
    struct troth_table table;
    if (!troth_table_init(&table, headings, TROTH_RUNG_COUNT + 2, ~1U)) {
        return;
    }
    for (unsigned c = 0; c < fleet->contracts && shown < fleet->contracts_shown; c++) {
        if (total_of(fleet, c) == 0) {
            continue;
        }
        shown++;
        troth_table_cell(&table, "%s", fleet->names[c]);
        for (unsigned rung = TROTH_RUNG_COUNT; rung-- > 0;) {
            troth_table_cell(&table, "%" PRId64, fleet->counts[c][rung]);
        }
        troth_table_cell(&table, "%" PRId64, total_of(fleet, c));
    }
    troth_table_print(&table, stdout, width, line_end);
    troth_table_fini(&table);
}

static void print_worst(const struct fleet *fleet, int64_t now_us, unsigned width,
                        const char *line_end)
{
    static const char *const headings[] = {"AGENT", "CONTRACT", "RUNG",     "SCORE",
                                           "MODE",  "SINCE",    "LIMITING", "WHY"};
    static const char *const fields[] = {"rung", "score", "mode", NULL, "limiting", "why"};
    struct troth_table table;
    if (!troth_table_init(&table, headings, 8, 1U << 3 | 1U << 5)) {
        return;
    }
    for (unsigned i = 0; i < fleet->places_shown; i++) {
        const struct place *place = &fleet->places[i];
        char text[TROTH_CELL_LENGTH_MAX];
        troth_printable(place->agent, place->length, text, sizeof text);
        troth_table_cell(&table, "%s", text);
        troth_table_cell(&table, "%s", fleet->names[place->contract]);
        for (unsigned f = 0; f < sizeof fields / sizeof fields[0]; f++) {
            if (fields[f] != NULL) {
                troth_table_cell(
                    &table, "%s",
                    troth_fields_text(&fleet->standings[i], fields[f], text, sizeof text));
                continue;
            }
            const int64_t since_us = troth_fields_integer(&fleet->standings[i], "since", now_us);
            (void)troth_duration_format(now_us > since_us ? now_us - since_us : 0, text);
            troth_table_cell(&table, "%s", text);
        }
    }
    troth_table_print(&table, stdout, width, line_end);
    troth_table_fini(&table);
}

static void print_fleet_json(const struct fleet *fleet)
{
    for (unsigned c = 0; c < fleet->contracts; c++) {
        json_t *rungs = json_object();
        for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
            json_object_set_new(rungs, troth_rung_name(rung), json_integer(fleet->counts[c][rung]));
        }
        troth_redis_reader_print_json(
            json_pack("{s:{s:s, s:o}}", "contract", "name", fleet->names[c], "rungs", rungs));
    }
    for (unsigned i = 0; i < fleet->outage_count; i++) {
        troth_redis_reader_print_json(
            json_pack("{s:o}", "outage", troth_redis_outage_json(&fleet->outages[i])));
    }
    for (unsigned i = 0; i < fleet->place_count; i++) {
        troth_redis_reader_print_json(
            json_pack("{s:o}", "standing", troth_fields_json(&fleet->standings[i])));
    }
}

static void print_fleet(const struct fleet *fleet, const struct troth_redis_reader *reader,
                        unsigned width, const char *line_end)
{
    const struct troth_clock clock = troth_clock_system();
    const int64_t now_us = clock.wall_us(clock.context);
    char time[TROTH_TIME_LENGTH_MAX];
    int64_t total = 0;
    for (unsigned c = 0; c < fleet->contracts; c++) {
        total += total_of(fleet, c);
    }
    (void)troth_time_format(now_us, time);
    printf("troth top  %s  Redis %s  %" PRId64 " standing%s%s%s", time, reader->config.address,
           total, total == 1 ? "" : "s", line_end, line_end);
    print_counts(fleet, width, line_end);
    for (unsigned i = 0; i < fleet->outage_count; i++) {
        char text[TROTH_REDIS_OUTAGE_LENGTH_MAX];
        troth_redis_outage_text(&fleet->outages[i], now_us, text);
        printf("%s%.*s", line_end, width > 0 ? (int)width : (int)sizeof text, text);
    }
    printf("%s%s", fleet->outage_count > 0 ? line_end : "", line_end);
    print_worst(fleet, now_us, width, line_end);
}

/* Out width, height: of the terminal; 0 where there is none. */
static void screen_size(unsigned *width, unsigned *height)
{
    struct winsize size = {0};
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *width = known ? size.ws_col : 0;
    *height = known ? size.ws_row : 0;
}

/* Fits both tables into a screen; no more than half of it goes to the counts. */
static void fit(struct fleet *fleet, unsigned height)
{
    unsigned used = 0;
    fleet->contracts_shown = CONTRACTS_SHOWN;
    fleet->places_shown = fleet->place_count;
    if (height == 0) {
        return;
    }
    for (unsigned c = 0; c < fleet->contracts; c++) {
        used += total_of(fleet, c) > 0;
    }
    fleet->contracts_shown = used < height / 2 ? used : height / 2;
    const unsigned taken = fleet->contracts_shown + fleet->outage_count + LINES_AROUND;
    const unsigned left = height > taken ? height - taken : 1;
    fleet->places_shown = left < fleet->place_count ? left : fleet->place_count;
}

/* Shows the fleet once. Returns false with the reader's error. */
static bool show(const struct troth_context *context, struct troth_redis_reader *reader,
                 const struct choice *choice, bool live)
{
    struct fleet fleet;
    unsigned width = 0;
    unsigned height = 0;
    unsigned lines = choice->lines > 0 ? choice->lines : LINES_DEFAULT;
    if (live) {
        screen_size(&width, &height);
        lines = choice->lines == 0 && height > 0 ? height : lines;
        lines = lines < TROTH_REDIS_READER_WORST_MAX ? lines : TROTH_REDIS_READER_WORST_MAX;
    }
    bool read = fleet_init(&fleet) && read_fleet(reader, &fleet, choice, lines);
    fit(&fleet, height);
    if (read && context->json) {
        print_fleet_json(&fleet);
    } else if (read) {
        print_fleet(&fleet, reader, width, live ? "\x1b[K\n" : "\n");
    }
    fleet_fini(&fleet);
    return read;
}

/* Shows it anew each second on a screen of its own, until it is interrupted. Redis may go and come
 * meanwhile. */
static int show_live(const struct troth_context *context, const struct troth_redis_config *redis,
                     const struct choice *choice)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct troth_redis_reader reader = {0};
    bool open = false;
    printf("\x1b[?1049h\x1b[?25l");
    while (!stopped && !ferror(stdout)) {
        printf("\x1b[H");
        open = open || troth_redis_reader_open(&reader, redis) == TROTH_OK;
        if (!open || !show(context, &reader, choice, true)) {
            printf("%s\x1b[K\n", reader.error);
            troth_redis_reader_close(&reader);
            open = false;
        }
        printf("\x1b[J");
        fflush(stdout);
        nanosleep(&(struct timespec){.tv_sec = SCREEN_EVERY_S}, NULL);
    }
    printf("\x1b[?25h\x1b[?1049l");
    fflush(stdout);
    troth_redis_reader_close(&reader);
    return TROTH_EXIT_DONE;
}

static int show_once(const struct troth_context *context, const struct troth_redis_config *redis,
                     const struct choice *choice)
{
    struct troth_redis_reader reader;
    int result = TROTH_EXIT_DONE;
    if (troth_redis_reader_open(&reader, redis) != TROTH_OK ||
        !show(context, &reader, choice, false)) {
        troth_message_error("%s", reader.error);
        result = TROTH_EXIT_NO;
    }
    troth_redis_reader_close(&reader);
    return result;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    struct choice choice = {.rung = -1};
    const char *rung = NULL;
    int64_t lines = 0;
    bool once = false;
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "contract", .kind = TROTH_OPTION_TEXT, .target = &choice.contract},
        {.name = "rung", .kind = TROTH_OPTION_TEXT, .target = &rung},
        {.name = "n",
         .kind = TROTH_OPTION_INTEGER,
         .target = &lines,
         .low = 1,
         .high = TROTH_REDIS_READER_WORST_MAX},
        {.name = "once", .kind = TROTH_OPTION_FLAG, .target = &once},
    };
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    choice.rung = rung != NULL ? troth_rung_find(rung, strlen(rung)) : -1;
    choice.lines = (unsigned)lines;
    if (rung != NULL && choice.rung < 0) {
        troth_message_error("--rung %s: there are clear, warn, narrow, recertify, review and pause",
                            rung);
        return TROTH_EXIT_USAGE;
    }
    if (operands != 0) {
        troth_message_error("top takes no operand; troth standing AGENT shows one agent");
        return TROTH_EXIT_USAGE;
    }
    const struct troth_redis_config redis = troth_redis_config_of(context->config);
    return once || context->json || !isatty(STDOUT_FILENO) ? show_once(context, &redis, &choice)
                                                           : show_live(context, &redis, &choice);
}

const struct troth_command troth_command_top = {
    .name = "top",
    .arguments = "[--contract C] [--rung R] [-n N] [--once]",
    .summary = "the fleet by rung, and the agents that stand worst, live",
    .help =
        "Counts by contract and rung, then the worst standings: lowest rung first, then lowest\n"
        "score. Where a contract's telemetry has stopped, that is said between them. On a "
        "terminal\n"
        "it is shown anew each second until Ctrl-C.\n"
        "\n"
        "  --contract C     of this contract alone\n"
        "  --rung R         list the standings at this rung alone\n"
        "  -n N             list N of them (20; at most 1000)\n"
        "  --once           print once and end, as it does where there is no terminal",
    .run = run,
};
