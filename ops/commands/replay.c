/*
 * troth replay: the pure core over JSON Lines. The file is the log of one shard: a line's number is
 * its offset, recorded_at (else at) its time. No Kafka, no Redis.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "consumers/announce.h"
#include "consumers/report.h"
#include "ops/command.h"
#include "ops/contract_files.h"
#include "ops/message.h"
#include "schemas/assert.h"
#include "schemas/decision_json.h"
#include "schemas/event_json.h"
#include "scoring/shard.h"

enum { COMPLAINTS_MAX = 20 }; /* lines that are complained of one by one */

struct replay {
    struct troth_contract_files contracts;
    struct troth_rules *rules;
    struct troth_shard *shard;
    void *memory;
    size_t memory_size;
    struct troth_report_origin origin;
    bool json;
    unsigned batch; /* lines read ahead, 1..TROTH_PREFETCH */
    uint64_t lines;
    uint64_t unreadable;
    uint64_t rejects[TROTH_STATUS_COUNT];
};

static void print_object(const char *key, json_t *object)
{
    json_t *line = json_object();
    json_object_set_new(line, key, object);
    char *text = json_dumps(line, TROTH_REPORT_FLAGS);
    if (text != NULL) {
        puts(text);
    }
    free(text);
    json_decref(line);
}

static void print_intervention(void *context, const struct troth_intervention *told)
{
    const struct replay *replay = context;
    if (replay->json) {
        print_object("intervention", troth_report_intervention(&replay->origin, told));
        return;
    }
    char time[TROTH_TIME_LENGTH];
    troth_time_write(told->decided_at_us, time);
    const char *term =
        told->cause.term == TROTH_NO_TERM ? "" : told->contract->terms[told->cause.term].name;
    printf("%s  %-24.*s %-16s %9s -> %-9s  %s%s%s\n", time, (int)told->agent.length,
           told->agent.data, told->contract->name, troth_rung_name(told->from),
           troth_rung_name(told->to), troth_condition_name(told->cause.condition),
           term[0] != '\0' ? " of " : "", term);
}

static bool load_contracts(struct replay *replay)
{
    replay->rules = calloc(replay->contracts.count, sizeof *replay->rules);
    if (replay->rules == NULL) {
        troth_message_error("no memory for %zu contracts", replay->contracts.count);
        return false;
    }
    for (size_t i = 0; i < replay->contracts.count; i++) {
        troth_rules_init(&replay->rules[i], &replay->contracts.files[i]->contract);
    }
    return true;
}

static bool make_shard(struct replay *replay, const struct troth_config *config)
{
    uint32_t largest = 64;
    for (size_t i = 0; i < replay->contracts.count; i++) {
        largest = replay->rules[i].size > largest ? replay->rules[i].size : largest;
    }
    const struct troth_shard_config shard = {.agents_max = (uint32_t)config->agents_max,
                                             .standings_max = (uint32_t)config->standings_max,
                                             .standing_bytes = largest,
                                             .dockets_max = TROTH_DOCKETS_MAX,
                                             .max_ahead_us = config->max_ahead_us,
                                             .on_intervention = print_intervention,
                                             .context = replay};
    replay->memory_size = troth_shard_size(&shard);
    replay->memory = mmap(NULL, replay->memory_size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (replay->memory == MAP_FAILED) {
        replay->memory = NULL;
        troth_message_error("no memory for %" PRId64 " standings; lower standings_max",
                            config->standings_max);
        return false;
    }
    replay->shard = troth_shard_init(replay->memory, &shard);
    for (size_t i = 0; i < replay->contracts.count; i++) {
        const troth_status status = troth_shard_contract(replay->shard, &replay->rules[i]);
        if (status != TROTH_OK) {
            troth_message_error("%s: %s", replay->contracts.files[i]->path,
                                troth_status_meaning(status));
            return false;
        }
    }
    return true;
}

static void complain(struct replay *replay, const char *file, const char *message)
{
    replay->unreadable++;
    if (replay->unreadable <= COMPLAINTS_MAX) {
        troth_message_error("%s:%" PRIu64 ": %s", file, replay->lines, message);
    } else if (replay->unreadable == COMPLAINTS_MAX + 1) {
        troth_message_error("%s: more such lines are counted, not told", file);
    }
}

/* Lines that were read ahead, so that memory can be asked for what they will need. */
struct batch {
    struct troth_event events[TROTH_PREFETCH];
    int64_t recorded_at_us[TROTH_PREFETCH];
    int64_t offsets[TROTH_PREFETCH];
    struct troth_event_arena arenas[TROTH_PREFETCH];
    unsigned count;
    struct troth_decision_arena decided; /* and what a decision among them rests on */
    struct troth_event_arena disputed;
};

static void apply_batch(struct replay *replay, struct batch *batch)
{
    const struct troth_event *ahead[TROTH_PREFETCH];
    for (unsigned i = 0; i < batch->count; i++) {
        ahead[i] = &batch->events[i];
    }
    uint64_t hashes[TROTH_PREFETCH];
    troth_shard_prefetch(replay->shard, ahead, batch->count, hashes);
    for (unsigned i = 0; i < batch->count; i++) {
        const troth_status status =
            troth_shard_apply(replay->shard, batch->recorded_at_us[i], batch->offsets[i],
                              &batch->events[i], hashes[i]);
        replay->rejects[status]++;
    }
    batch->count = 0;
}

/* Reads an earlier line of the file again, as a dispute asks. Returns false where there is none, or
 * the file can be read only once. */
static bool read_again(const char *path, int64_t number, struct troth_event_arena *arena,
                       struct troth_event *event, int64_t *recorded_at_us)
{
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "rb") : NULL;
    char message[TROTH_EVENT_MESSAGE_LENGTH];
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = -1;
    for (int64_t i = 0; file != NULL && i <= number; i++) {
        length = getline(&line, &capacity, file);
    }
    const bool found =
        length > 0 && troth_event_json_parse(line, (size_t)length, arena, event, recorded_at_us,
                                             message, sizeof message) == TROTH_OK;
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static void print_ruling(struct replay *replay, const struct troth_decision *decision,
                         const struct troth_ruled *ruled, int64_t offset)
{
    const int64_t clock_us = troth_shard_clock_us(replay->shard);
    if (replay->json) {
        print_object("ruling",
                     troth_report_ruling(&replay->origin, decision, ruled, offset, clock_us));
        return;
    }
    char time[TROTH_TIME_LENGTH];
    troth_time_write(clock_us, time);
    printf("%s  %-24.*s %-16.*s %s by %.*s: %s\n", time, (int)decision->agent.length,
           decision->agent.data, (int)decision->contract.length, decision->contract.data,
           troth_action_name(decision->action), (int)decision->by.length, decision->by.data,
           troth_ruling_meaning(ruled->ruling));
}

/* Takes a line that is a decision: it takes effect here, as where the log points to it. Returns why
 * it is none. */
static troth_status decide(struct replay *replay, struct batch *batch, const char *file,
                           const char *line, size_t length, char *message, size_t capacity)
{
    struct troth_decision decision;
    int64_t recorded_at_us = 0;
    const int64_t offset = (int64_t)replay->lines - 1;
    const troth_status status = troth_decision_json_parse(line, length, &batch->decided, &decision,
                                                          &recorded_at_us, message, capacity);
    if (status != TROTH_OK) {
        return status;
    }
    apply_batch(replay, batch);
    const troth_status moved = troth_shard_apply(replay->shard, recorded_at_us, offset, NULL, 0);
    TROTH_ASSERT(moved == TROTH_OK); /* a record without an event moves the clock alone */
    struct troth_event event;
    struct troth_disputed disputed = {.event = &event};
    const bool found =
        decision.offset >= 0 && decision.offset < offset &&
        read_again(file, decision.offset, &batch->disputed, &event, &disputed.timestamp_us);
    const struct troth_ruled ruled =
        troth_shard_decide(replay->shard, &decision, found ? &disputed : NULL);
    print_ruling(replay, &decision, &ruled, offset);
    return TROTH_OK;
}

static void read_line(struct replay *replay, struct batch *batch, const char *file,
                      const char *line, size_t length)
{
    char why_not[TROTH_EVENT_MESSAGE_LENGTH];
    char message[TROTH_EVENT_MESSAGE_LENGTH];
    const unsigned i = batch->count;
    batch->offsets[i] = (int64_t)replay->lines;
    replay->lines++;
    if (troth_event_json_parse(line, length, &batch->arenas[i], &batch->events[i],
                               &batch->recorded_at_us[i], message, sizeof message) == TROTH_OK) {
        batch->count++;
        return;
    }
    const troth_status status = decide(replay, batch, file, line, length, why_not, sizeof why_not);
    if (status != TROTH_OK) {
        complain(replay, file, status == TROTH_NOT_FOUND ? message : why_not);
    }
}

static bool replay_file(struct replay *replay, const char *path)
{
    const bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    struct batch *batch = malloc(sizeof *batch);
    char *line = NULL;
    size_t capacity = 0;
    if (file == NULL || batch == NULL) {
        troth_message_error("%s: %s", path, strerror(errno));
        free(batch);
        return false;
    }
    batch->count = 0;
    for (ssize_t length = 0; (length = getline(&line, &capacity, file)) >= 0;) {
        if (length > 1 || (length == 1 && line[0] != '\n')) {
            read_line(replay, batch, path, line, (size_t)length);
        } else {
            replay->lines++;
        }
        if (batch->count == replay->batch) {
            apply_batch(replay, batch);
        }
    }
    apply_batch(replay, batch);
    const bool failed = ferror(file) != 0;
    if (failed) {
        troth_message_error("%s: %s", path, strerror(errno));
    }
    if (!standard) {
        fclose(file);
    }
    free(line);
    free(batch);
    return !failed;
}

/* A standing's place in the sorted list. */
struct place {
    struct troth_text agent;
    const char *contract;
    uint32_t standing;
};

static int by_name(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    const uint32_t shorter = a->agent.length < b->agent.length ? a->agent.length : b->agent.length;
    const int order = memcmp(a->agent.data, b->agent.data, shorter);
    if (order != 0) {
        return order;
    }
    return a->agent.length != b->agent.length ? (a->agent.length < b->agent.length ? -1 : 1)
                                              : strcmp(a->contract, b->contract);
}

static void print_standing(struct replay *replay, uint32_t standing)
{
    struct troth_standing_view view;
    if (!troth_shard_view(replay->shard, standing, &view)) {
        return;
    }
    if (replay->json) {
        print_object("standing", troth_report_standing(&view));
        return;
    }
    const struct troth_score score = troth_outlook_score(&view.sight);
    char since[TROTH_TIME_LENGTH];
    troth_time_write(view.standing->since_us, since);
    printf("%-24.*s %-16s %-9s %5u %10.6f %9.6f  %-16s %s\n", (int)view.agent.length,
           view.agent.data, view.rules->contract->name, troth_rung_name(view.standing->rung),
           score.score, score.compliance, score.freshness,
           score.limiting == TROTH_NO_TERM ? "-" : view.rules->contract->terms[score.limiting].name,
           since);
}

static bool print_standings(struct replay *replay)
{
    const uint32_t end = troth_shard_standings(replay->shard);
    struct place *places = calloc(end > 0 ? end : 1, sizeof *places);
    size_t count = 0;
    if (places == NULL) {
        troth_message_error("no memory to sort %u standings", end);
        return false;
    }
    for (uint32_t i = 0; i < end; i++) {
        struct troth_standing_view view;
        if (troth_shard_view(replay->shard, i, &view)) {
            places[count++] = (struct place){view.agent, view.rules->contract->name, i};
        }
    }
    qsort(places, count, sizeof *places, by_name);
    if (!replay->json) {
        printf("\n%-24s %-16s %-9s %5s %10s %9s  %-16s %s\n", "AGENT", "CONTRACT", "RUNG", "SCORE",
               "COMPLIANCE", "FRESHNESS", "LIMITING", "SINCE");
    }
    for (size_t i = 0; i < count; i++) {
        print_standing(replay, places[i].standing);
    }
    free(places);
    return true;
}

/* Says on stderr what was not applied. Returns whether every line could be read. */
static bool tell_rejects(const struct replay *replay)
{
    for (unsigned i = 1; i < TROTH_STATUS_COUNT; i++) {
        if (replay->rejects[i] > 0) {
            troth_message_info("%" PRIu64 " events not applied: %s (%s)", replay->rejects[i],
                               troth_status_name((troth_status)i),
                               troth_status_meaning((troth_status)i));
        }
    }
    if (replay->unreadable > 0) {
        troth_message_error("%" PRIu64 " of %" PRIu64 " lines could not be read",
                            replay->unreadable, replay->lines);
    }
    return replay->unreadable == 0;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    static const struct option options[] = {{"contracts", required_argument, NULL, 'c'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {NULL, 0, NULL, 0}};
    struct replay *replay = calloc(1, sizeof *replay);
    int exit_status = TROTH_EXIT_USAGE;
    if (replay == NULL) {
        return TROTH_EXIT_NO;
    }
    replay->json = context->json;
    replay->batch = TROTH_PREFETCH;
    replay->origin = (struct troth_report_origin){"replay", 0, 1};
    bool named = false;
    bool loaded = true;
    optind = 1;
    for (int option = 0; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'b') {
            const long batch = strtol(optarg, NULL, 10);
            if (batch < 1 || batch > TROTH_PREFETCH) {
                troth_message_error("--batch takes 1 to %d", TROTH_PREFETCH);
                goto out;
            }
            replay->batch = (unsigned)batch;
            continue;
        }
        if (option != 'c') {
            goto out;
        }
        named = true;
        loaded &= troth_contract_files_add(&replay->contracts, optarg) == TROTH_OK;
    }
    if (!named || argc - optind != 1) {
        troth_message_error("usage: troth replay --contracts DIR [--json] FILE; FILE may be -");
        goto out;
    }
    exit_status = TROTH_EXIT_NO;
    if (loaded && load_contracts(replay) && make_shard(replay, context->config) &&
        replay_file(replay, argv[optind]) && print_standings(replay) && tell_rejects(replay)) {
        exit_status = TROTH_EXIT_DONE;
    }
out:
    if (replay->memory != NULL) {
        munmap(replay->memory, replay->memory_size);
    }
    troth_contract_files_fini(&replay->contracts);
    free(replay->rules);
    free(replay);
    return exit_status;
}

const struct troth_command troth_command_replay = {
    .name = "replay",
    .arguments = "--contracts DIR [--json] FILE",
    .summary = "score recorded events (JSON Lines) without Kafka or Redis: what-if and audit",
    .help =
        "FILE is taken as the log of one shard; - is standard input. --contracts takes a file or\n"
        "a directory of *.yaml and *.json, and may be given more than once. With --json: one\n"
        "{\"intervention\": ...} a line as they happen, then one {\"standing\": ...} a line.\n"
        "A line {\"decision\": {...}} is decided there (schemas/decisions.md), and gives a\n"
        "{\"ruling\": ...}; the record that a dispute names is a line of the same file, from 0.\n"
        "--batch N reads N lines ahead (1 to 32); what is printed never depends on it.\n",
    .run = run,
};
