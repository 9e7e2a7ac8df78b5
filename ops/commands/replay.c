/*
 * troth replay: the pure core over JSON Lines. The file is the log of one shard: a line's number is
 * its offset, recorded_at (else at) its time. No Kafka, no Redis.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/announce.h"
#include "consumers/report.h"
#include "ops/command.h"
#include "ops/commands/replay_weeks.h"
#include "ops/contract_files.h"
#include "ops/message.h"
#include "ops/recording.h"
#include "ops/shard_memory.h"
#include "schemas/assert.h"
#include "scoring/shard.h"

/* A version that the recording itself brings into force; kept until the end, as the shard points at
 * its rules. */
struct brought {
    struct brought *next;
    struct troth_contract contract;
    struct troth_rules rules;
};

enum { STANDING_BYTES = 1024 }; /* room per standing, as the engine has */

struct replay {
    const struct troth_context *command;
    const struct troth_config *config;
    struct troth_contract_files contracts;
    struct troth_rules *rules;
    struct brought *brought;
    int64_t *told; /* positions of decisions that were ruled where there is no standing */
    size_t told_count;
    struct troth_shard *shard;
    struct troth_shard_memory memory;
    struct troth_recording recording;
    struct troth_report_origin origin;
    struct troth_replay_weeks weeks;
    bool tells_weeks;
    bool json;
    bool broken; /* there was no memory, as has been told; nothing more is taken */
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

static void note_week(void *context, unsigned slot, const struct troth_week *week)
{
    struct replay *replay = context;
    if (replay->tells_weeks) {
        troth_replay_weeks_note(&replay->weeks, week,
                                troth_shard_rules(replay->shard, slot)->contract->name,
                                replay->origin.partition, troth_week_start_us(week->number + 1));
    }
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

/* Makes the shard, once it is known of what log. */
static bool make_shard(struct replay *replay, bool of_a_log)
{
    uint32_t largest = STANDING_BYTES;
    for (size_t i = 0; i < replay->contracts.count; i++) {
        largest = replay->rules[i].size > largest ? replay->rules[i].size : largest;
    }
    /* Of a file that is no log's nobody goes: it may be longer than any retention. */
    const struct troth_shard_config shard = {.standing_bytes = largest,
                                             .dockets_max = TROTH_DOCKETS_MAX,
                                             .evict_after_us =
                                                 of_a_log ? replay->config->evict_after_us : 0,
                                             .on_intervention = print_intervention,
                                             .on_week = note_week,
                                             .context = replay};
    if (!troth_shard_memory_open(&replay->memory, shard, replay->config)) {
        return false;
    }
    replay->shard = replay->memory.shard;
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

/* Returns whether records can be taken. */
static bool is_ready(struct replay *replay)
{
    if (!replay->broken && replay->shard == NULL) {
        replay->broken = !make_shard(replay, false);
    }
    return !replay->broken;
}

static void take_log(void *context, const struct troth_recorded_log *log)
{
    struct replay *replay = context;
    replay->origin = (struct troth_report_origin){log->topic, log->partition, log->era};
    if (!replay->broken && replay->shard == NULL) {
        replay->broken = !make_shard(replay, true);
    }
}

static void take_records(void *context, const struct troth_recorded *recorded)
{
    struct replay *replay = context;
    struct troth_ahead ahead;
    if (!is_ready(replay)) {
        return;
    }
    troth_shard_seek(replay->shard, recorded->events, recorded->count, &ahead);
    troth_shard_touch(replay->shard, &ahead);
    for (unsigned i = 0; i < recorded->count; i++) {
        const troth_status status =
            troth_shard_apply(replay->shard, recorded->recorded_at_us[i], recorded->offsets[i],
                              recorded->events[i], ahead.hashes[i]);
        replay->rejects[status]++;
    }
}

/* The record of a pointer: without an event it moves the clock alone. */
static void move_clock(struct replay *replay, int64_t recorded_at_us, int64_t offset)
{
    const troth_status moved = troth_shard_apply(replay->shard, recorded_at_us, offset, NULL, 0);
    TROTH_ASSERT(moved == TROTH_OK);
}

static void take_contract(void *context, const struct troth_recorded_contract *taken)
{
    struct replay *replay = context;
    struct brought *brought = malloc(sizeof *brought);
    if (brought == NULL) {
        troth_message_error("no memory for %s@%" PRId64, taken->contract->name,
                            taken->contract->version);
        replay->broken = true;
    }
    if (brought == NULL || !is_ready(replay)) {
        free(brought);
        return;
    }
    brought->contract = *taken->contract;
    brought->next = replay->brought;
    replay->brought = brought;
    troth_rules_init(&brought->rules, &brought->contract);
    move_clock(replay, taken->recorded_at_us, taken->offset);
    /* A version that is not higher is passed over, as a doubled pointer is. */
    if (troth_shard_contract(replay->shard, &brought->rules) == TROTH_FULL) {
        troth_message_error("%s@%" PRId64 " does not fit; the old version stays in force; raise "
                            "standings_max",
                            brought->contract.name, brought->contract.version);
    }
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

/* Whether a ruling on a standing that there is not was told before: no docket remembers it, and
 * whoever forges pointers could have it told without end. */
static bool was_told(struct replay *replay, int64_t position)
{
    for (size_t i = 0; i < replay->told_count; i++) {
        if (replay->told[i] == position) {
            return true;
        }
    }
    int64_t *told = realloc(replay->told, (replay->told_count + 1) * sizeof *told);
    if (told == NULL) {
        troth_message_error("no memory for the rulings");
        replay->broken = true;
        return true;
    }
    told[replay->told_count++] = position;
    replay->told = told;
    return false;
}

static void take_decision(void *context, const struct troth_recorded_decision *taken)
{
    struct replay *replay = context;
    if (!is_ready(replay)) {
        return;
    }
    move_clock(replay, taken->recorded_at_us, taken->offset);
    const struct troth_ruled ruled =
        troth_shard_decide(replay->shard, taken->decision, taken->disputed);
    const int64_t position = taken->decision->position;
    const bool again =
        ruled.from == TROTH_RUNG_COUNT && position >= 0 && was_told(replay, position);
    if (ruled.ruling < TROTH_RULING_COUNT && !again) {
        print_ruling(replay, taken->decision, &ruled, taken->offset);
    }
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

static bool print_weeks(struct replay *replay)
{
    return !replay->tells_weeks ||
           troth_replay_weeks_print(&replay->weeks, replay->command, replay->shard,
                                    replay->origin.partition);
}

/* Says on stderr what was not applied. */
static void tell_rejects(const struct replay *replay)
{
    for (unsigned i = 1; i < TROTH_STATUS_COUNT; i++) {
        if (replay->rejects[i] > 0) {
            troth_message_info("%" PRIu64 " events not applied: %s (%s)", replay->rejects[i],
                               troth_status_name((troth_status)i),
                               troth_status_meaning((troth_status)i));
        }
    }
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    static const struct option options[] = {{"contracts", required_argument, NULL, 'c'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {"weeks", no_argument, NULL, 'w'},
                                            {NULL, 0, NULL, 0}};
    struct replay *replay = calloc(1, sizeof *replay);
    int exit_status = TROTH_EXIT_USAGE;
    if (replay == NULL) {
        return TROTH_EXIT_NO;
    }
    replay->command = context;
    replay->json = context->json;
    replay->recording = (struct troth_recording){.group = TROTH_PREFETCH,
                                                 .on_records = take_records,
                                                 .on_decision = take_decision,
                                                 .on_contract = take_contract,
                                                 .on_log = take_log,
                                                 .context = replay};
    replay->origin = (struct troth_report_origin){"replay", 0, 1};
    bool loaded = true;
    optind = 1;
    for (int option = 0; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'b') {
            const long batch = strtol(optarg, NULL, 10);
            if (batch < 1 || batch > TROTH_PREFETCH) {
                troth_message_error("--batch takes 1 to %d", TROTH_PREFETCH);
                goto out;
            }
            replay->recording.group = (unsigned)batch;
            continue;
        }
        if (option == 'w') {
            replay->tells_weeks = true;
            continue;
        }
        if (option != 'c') {
            goto out;
        }
        loaded &= troth_contract_files_add(&replay->contracts, optarg) == TROTH_OK;
    }
    if (argc - optind != 1) {
        troth_message_error("usage: troth replay [--contracts DIR] [--weeks] [--json] FILE; FILE "
                            "may be -");
        goto out;
    }
    exit_status = TROTH_EXIT_NO;
    replay->recording.path = argv[optind];
    replay->config = context->config;
    if (loaded && load_contracts(replay) && troth_recording_read(&replay->recording) &&
        is_ready(replay) && print_standings(replay) && print_weeks(replay)) {
        tell_rejects(replay);
        if (replay->contracts.count == 0 && replay->brought == NULL) {
            troth_message_warn(
                "no contract: %s brings none into force, so nothing was scored; give "
                "--contracts DIR",
                argv[optind]);
        }
        exit_status =
            troth_recording_is_whole(&replay->recording) ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
    }
out:
    troth_replay_weeks_fini(&replay->weeks);
    troth_shard_memory_close(&replay->memory);
    free(replay->told);
    while (replay->brought != NULL) {
        struct brought *next = replay->brought->next;
        free(replay->brought);
        replay->brought = next;
    }
    troth_contract_files_fini(&replay->contracts);
    free(replay->rules);
    free(replay);
    return exit_status;
}

const struct troth_command troth_command_replay = {
    .name = "replay",
    .arguments = "[--contracts DIR] [--weeks] [--json] FILE",
    .summary = "score recorded events (JSON Lines) without Kafka or Redis: what-if and audit",
    .help =
        "FILE is taken as the log of one shard; - is standard input. --contracts takes a file or\n"
        "a directory of *.yaml and *.json, and may be given more than once. With --json: one\n"
        "{\"intervention\": ...} a line as they happen, then one {\"standing\": ...} a line.\n"
        "A line {\"decision\": {...}} is decided there (schemas/decisions.md), and gives a\n"
        "{\"ruling\": ...}; the record that a dispute names is a line of the same file, from 0.\n"
        "A file of troth dump brings its contracts, its decisions and its offsets along: of it "
        "the\n"
        "interventions are, byte for byte, those that the engine told.\n"
        "--weeks tells at the end what each contract's weeks were like, as troth review week\n"
        "does, of this one shard; with --json one {\"week\": ...} a line, the ledger as the "
        "engine\n"
        "writes it (schemas/reviews.md) but for the exceptions that are open at a week's end.\n"
        "--batch N reads N lines ahead (1 to 32); what is printed never depends on it.\n",
    .run = run,
};
