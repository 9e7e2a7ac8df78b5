/*
 * Claim: whatever way the log is polled (batches of 1 to 4096, partitions in any order), restarted,
 * reassigned, or its commits time out or are refused, with checkpoints of any pace and size and
 * without, the worker's standings and interventions are, byte for byte, those of a shard that is
 * fed each partition's log record by record, each intervention once; and what it rejects is, once,
 * what that shard was not given or refused. The same standings come out of a restart afterwards.
 */
#include "tests/support/fake_world.h"

#include "scoring/agents.h"

enum { PARTITIONS = 3, AGENTS = 9, EVENTS = 3000, RUNS = 12 };

static unsigned restarts; /* of workers that the log refused */

/* ---- The slow way: one shard a partition, one record after another. ---- */

struct direct {
    struct world *world;
    int32_t partition;
    struct troth_shard *shard;
    void *memory;
    struct troth_contract *contracts; /* by the offset of their documents */
    struct troth_rules *rules;
    bool *usable;
    char *told; /* interventions, a line each */
    size_t told_length;
    uint64_t rejects;
};

static void append_line(char **text, size_t *length, const char *line)
{
    const size_t more = strlen(line);
    *text = realloc(*text, *length + more + 2);
    TROTH_ASSERT(*text != NULL);
    memcpy(*text + *length, line, more);
    memcpy(*text + *length + more, "\n", 2);
    *length += more + 1;
}

static void on_intervention(void *context, const struct troth_intervention *told)
{
    struct direct *direct = context;
    const struct troth_report_origin origin = {WORLD_TOPIC, direct->partition,
                                               direct->world->config.era};
    json_t *report = troth_report_intervention(&origin, told);
    char *json = json_dumps(report, TROTH_REPORT_FLAGS);
    append_line(&direct->told, &direct->told_length, json);
    free(json);
    json_decref(report);
}

static void on_ended(void *context, uint32_t standing, struct troth_text agent,
                     const char *contract)
{
    (void)context;
    (void)standing;
    (void)agent;
    (void)contract;
}

static void direct_init(struct direct *direct, struct world *world, int32_t partition)
{
    const struct fake_partition *topic = &world->cluster.topics[TROTH_TOPIC_CONTRACTS][0];
    const struct troth_shard_config config = {.agents_max = world->config.agents_max,
                                              .standings_max = world->config.standings_max,
                                              .standing_bytes = world->config.standing_bytes,
                                              .max_ahead_us = world->config.max_ahead_us,
                                              .on_intervention = on_intervention,
                                              .on_ended = on_ended,
                                              .context = direct};
    const size_t size = (troth_shard_size(&config) + 63) / 64 * 64;
    *direct = (struct direct){.world = world, .partition = partition};
    direct->memory = aligned_alloc(64, size);
    memset(direct->memory, 0, size);
    direct->shard = troth_shard_init(direct->memory, &config);
    direct->contracts = calloc(topic->count, sizeof *direct->contracts);
    direct->rules = calloc(topic->count, sizeof *direct->rules);
    direct->usable = calloc(topic->count, sizeof *direct->usable);
    direct->told = calloc(1, 1);
    for (size_t i = 0; i < topic->count; i++) {
        static struct troth_problems problems;
        problems.count = 0;
        direct->usable[i] =
            memchr(topic->records[i].key, '@', topic->records[i].key_length) &&
            troth_contract_parse(topic->records[i].value, topic->records[i].value_length,
                                 &direct->contracts[i], &problems) == TROTH_OK;
        if (direct->usable[i]) {
            troth_rules_init(&direct->rules[i], &direct->contracts[i]);
        }
    }
}

static void direct_fini(struct direct *direct)
{
    free(direct->memory);
    free(direct->contracts);
    free(direct->rules);
    free(direct->usable);
    free(direct->told);
}

/* Whether a record is an event that belongs where it stands. */
static bool belongs(const struct direct *direct, const struct fake_record *record,
                    const struct troth_event *event)
{
    if (event->kind == TROTH_KIND_TICK || event->kind == TROTH_KIND_POINTER) {
        return true;
    }
    return record->key != NULL && record->key_length == event->agent.length &&
           memcmp(record->key, event->agent.data, record->key_length) == 0 &&
           troth_partition_of(TROTH_PARTITIONER_MURMUR2, record->key, record->key_length,
                              PARTITIONS) == direct->partition;
}

static void follow(struct direct *direct, const struct troth_event *event)
{
    char offset[24] = "";
    for (unsigned i = 0; i < event->attribute_count; i++) {
        const struct troth_attribute *a = &event->attributes[i];
        if (a->name.length == 6 && memcmp(a->name.data, "offset", 6) == 0) {
            snprintf(offset, sizeof offset, "%.*s", (int)a->value.length, a->value.data);
        }
    }
    const struct fake_partition *topic = &direct->world->cluster.topics[TROTH_TOPIC_CONTRACTS][0];
    const size_t place = strtoul(offset, NULL, 10);
    assert_true(place < topic->count && direct->usable[place]);
    const troth_status status = troth_shard_contract(direct->shard, &direct->rules[place]);
    assert_true(status == TROTH_OK || status == TROTH_REFUSED);
}

static void direct_run(struct direct *direct)
{
    static struct troth_event event;
    static struct troth_scratch scratch;
    struct troth_reason reason;
    const struct fake_partition *log =
        &direct->world->cluster.topics[TROTH_TOPIC_TELEMETRY][direct->partition];
    for (size_t i = 0; i < log->count; i++) {
        const struct fake_record *record = &log->records[i];
        const bool good =
            record->value != NULL &&
            troth_framing_decode(&direct->world->framing, record->value, record->value_length,
                                 &event, &scratch, &reason) == TROTH_OK &&
            belongs(direct, record, &event);
        const uint64_t hash = good ? troth_agents_hash(event.agent) : 0;
        const troth_status status = troth_shard_apply(direct->shard, record->timestamp_us,
                                                      (int64_t)i, good ? &event : NULL, hash);
        direct->rejects += !good || (status != TROTH_OK && status != TROTH_DUPLICATE);
        if (good && status == TROTH_OK && event.kind == TROTH_KIND_POINTER) {
            follow(direct, &event);
        }
    }
}

/* ---- A random world. ---- */

static void append_random(struct world *world, uint64_t *random)
{
    char agent[16];
    snprintf(agent, sizeof agent, "agent-%u", (unsigned)random_below(random, AGENTS));
    struct troth_event event = world_event(world, agent, TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    event.at_us -= (int64_t)random_below(random, 4) * (int64_t)random_below(random, 90000000);
    event.at_us += random_below(random, 50) == 0 ? (int64_t)random_below(random, 90000000) : 0;
    const uint64_t luck = random_below(random, 1000);
    if (luck < 60) {
        event.outcome = TROTH_OUTCOME_FAILED;
    } else if (luck < 62) {
        event.kind = TROTH_KIND_TOOL;
        event.present |= 1U << TROTH_FIELD_TOOL;
        event.tool = (struct troth_text){"export", 6};
    } else if (luck < 300) {
        event.present |= 1U << TROTH_FIELD_SEQ;
        event.seq = (int64_t)random_below(random, 200);
    } else if (luck < 350) {
        event.source = TROTH_SOURCE_GATEWAY;
        event.present |= 1U << TROTH_FIELD_CONTRACT;
        event.contract = (struct troth_text){"other", 5};
    }
    const int32_t place = world_place(world, agent);
    if (luck >= 990) {
        fake_cluster_append(&world->cluster, TROTH_TOPIC_TELEMETRY, place, agent, strlen(agent),
                            luck % 2 == 0 ? "?" : NULL, 1);
    } else if (luck >= 980) {
        world_append_to(world, (place + 1) % PARTITIONS, agent, &event);
    } else if (luck >= 975) {
        world_append_to(world, place, NULL, &event);
    } else {
        world_append(world, &event);
    }
}

static void assign_free(struct world *world)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        if (world->cluster.topics[TROTH_TOPIC_TELEMETRY][i].owner == NULL) {
            fake_log_assign(&world->log, i);
        }
    }
}

/* A turn of events for the worker itself. A restore takes several steps, and must get through. */
static void disturb(struct world *world, uint64_t *random)
{
    static const unsigned restoring[] = {400, 1500};
    const unsigned one_in =
        world->config.checkpoint_us > 0 ? restoring[random_below(random, 2)] : 40;
    world->log.slow = (unsigned)random_below(random, 4);
    world->store.slow_narrowed = (unsigned)random_below(random, 3);
    switch (random_below(random, one_in)) {
    case 0:
        world_crash(world);
        world_start(world);
        world->log.random = random;
        break;
    case 1:
    case 2:
        fake_log_take_away(&world->log, random_below(random, 2) == 0);
        break;
    case 8: {
        struct fake_failure *failure =
            random_below(random, 2) == 0 ? &world->log.on_commit : &world->log.on_committed;
        *failure =
            (struct fake_failure){random_below(random, 2) == 0 ? TROTH_REFUSED : TROTH_FENCED,
                                  (unsigned)random_below(random, 3), 1};
        break;
    }
    case 3:
        world->log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 2};
        break;
    case 4:
        world->log.on_flush = (struct fake_failure){TROTH_TIMED_OUT, 1, 1};
        break;
    case 5:
        world->log.on_send = (struct fake_failure){TROTH_FULL, 2, 5};
        break;
    case 6:
        world->store.break_at = world->store.calls + 1 + random_below(random, 20);
        break;
    case 7:
        world->store.slow_puts = 5;
        break;
    case 9:
        fake_cluster_compact(&world->cluster, TROTH_TOPIC_STANDINGS,
                             (int32_t)random_below(random, PARTITIONS));
        break;
    default:
        break;
    }
    assign_free(world);
}

/* As the engine does: a worker that the log refused is made anew, with a new log. */
static void step_or_restart(struct world *world, uint64_t *random)
{
    if (troth_worker_step(world->worker) != TROTH_OK) {
        restarts++;
        world_crash(world);
        world_start(world);
        world->log.random = random;
    }
}

static void play(struct world *world, uint64_t *random, bool disturbed)
{
    world_start(world);
    world->log.random = random;
    int64_t version = 1;
    for (unsigned i = 0; i < EVENTS; i++) {
        append_random(world, random);
        if (random_below(random, 3) == 0) {
            fake_clock_move(&world->clock, (int64_t)random_below(random, 4000000));
        }
        if (random_below(random, 20) == 0) {
            step_or_restart(world, random);
        }
        if (i % 1000 == 500) {
            char yaml[1024];
            snprintf(yaml, sizeof yaml, "%s", WORLD_CONTRACT("refunds", 1));
            char *digit = strstr(yaml, "version: 1") + strlen("version: ");
            *digit = (char)('0' + ++version);
            if (version == 3) { /* a term that changes begins anew */
                char *floor = strstr(yaml, "floor: 0.9");
                memcpy(floor, "floor: 0.8", 10);
            }
            world_push(world, yaml);
        }
        if (disturbed) {
            disturb(world, random);
        }
    }
    step_or_restart(world, random); /* what was revoked last is free after the second */
    step_or_restart(world, random);
    world->log.on_commit.count = world->log.on_committed.count = 0;
    assign_free(world);
    const struct fake_partition *log = world->cluster.topics[TROTH_TOPIC_TELEMETRY];
    const size_t ends[PARTITIONS] = {log[0].count, log[1].count, log[2].count};
    world_run(world, 60 * SECOND_US);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        if (log[p].committed < (int64_t)ends[p]) {
            fail_msg("telemetry[%d]: committed %lld of %zu\n%s", p, (long long)log[p].committed,
                     ends[p],
                     world->said + (world->said_length > 900 ? world->said_length - 900 : 0));
        }
    }
    if (world->config.tick_us > 0) {
        /* The logs must stand still to be compared: the last owner sends no ticks. */
        world_crash(world);
        world->config.tick_us = 0;
        world_start(world);
        world_run(world, 20 * SECOND_US);
    }
}

/* The interventions that came of a partition, in order, a line each. */
static char *told_of(const struct world *world, int32_t partition)
{
    char source[64];
    char *text = calloc(1, 1);
    size_t length = 0;
    snprintf(source, sizeof source, "/troth/" WORLD_TOPIC "/%d", partition);
    for (size_t i = 0; i < world->journal.count; i++) {
        const struct fake_entry *entry = &world->journal.entries[i];
        if (entry->act != FAKE_ARRIVED || entry->topic != TROTH_TOPIC_INTERVENTIONS) {
            continue;
        }
        const struct fake_record *record =
            &world->cluster.topics[entry->topic][entry->partition].records[entry->offset];
        if (strcmp(fake_record_header(record, "ce_source"), source) != 0) {
            continue;
        }
        append_line(&text, &length, record->value);
    }
    return text;
}

/* By standing, and of one standing in the order in which they came: that between standings is not
 * promised. */
static int told_order(const void *a, const void *b)
{
    const char *x = *(char *const *)a;
    const char *y = *(char *const *)b;
    const char *of_x = strstr(x, "\"agent\"");
    const char *of_y = strstr(y, "\"agent\"");
    const size_t length = (size_t)(strstr(of_x, "\"contract_version\"") - of_x);
    const int order = strncmp(of_x, of_y, length);
    return order != 0 ? order : x < y ? -1 : 1;
}

/* In text: lines; the caller's to free, as what is returned. */
static char *in_order(char *text)
{
    static char *lines[EVENTS];
    size_t count = 0;
    char *sorted = calloc(1, strlen(text) + 1);
    size_t length = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_true(count < EVENTS);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, told_order);
    for (size_t i = 0; i < count; i++) {
        append_line(&sorted, &length, lines[i]);
    }
    return sorted;
}

static void check_against_shards(struct world *world)
{
    char *published = world_standings(world);
    char **lines = calloc(PARTITIONS * AGENTS * 2, sizeof *lines);
    size_t count = 0;
    size_t told = 0;
    uint64_t rejects = 0;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        struct direct direct;
        direct_init(&direct, world, p);
        direct_run(&direct);
        char *heard = told_of(world, p);
        char *heard_sorted = in_order(heard);
        char *told_sorted = in_order(direct.told);
        assert_string_equal(heard_sorted, told_sorted);
        free(heard_sorted);
        free(told_sorted);
        told += direct.told_length;
        rejects += direct.rejects;
        for (uint32_t i = 0; i < troth_shard_standings(direct.shard); i++) {
            struct troth_standing_view view;
            if (troth_shard_view(direct.shard, i, &view)) {
                json_t *report = troth_report_standing(&view);
                assert_true(count < PARTITIONS * AGENTS * 2);
                lines[count++] = json_dumps(report, TROTH_REPORT_FLAGS);
                json_decref(report);
            }
        }
        free(heard);
        direct_fini(&direct);
    }
    assert_true(told > 0 && rejects > 0); /* else this proves nothing */
    qsort(lines, count, sizeof *lines, world_compare);
    char *expected = calloc(1, 1);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        append_line(&expected, &length, lines[i]);
        free(lines[i]);
    }
    free(lines);
    assert_string_equal(published, expected);
    assert_int_equal(fake_cluster_count(&world->cluster, TROTH_TOPIC_REJECTS), rejects);
    free(expected);
    free(published);
}

static void play_all(const char *test, bool disturbed)
{
    static struct world world;
    uint64_t random = random_seed(test);
    for (unsigned run = 0; run < RUNS; run++) {
        uint64_t seed = random_next(&random);
        printf("  run %u: seed %llu\n", run, (unsigned long long)seed);
        world_open(&world, PARTITIONS);
        world.config.tick_us = run % 2 == 0 ? 0 : SECOND_US;
        world.config.checkpoint_us =
            run % 3 == 0 ? 0 : 1 + (int64_t)random_below(&seed, 3 * (uint64_t)SECOND_US);
        world.config.checkpoint_bytes = 1 + (size_t)random_below(&seed, run % 3 == 1 ? 2000 : 100);
        world_push(&world, WORLD_CONTRACT("refunds", 1));
        world_push(&world, WORLD_CONTRACT("other", 1));
        play(&world, &seed, disturbed);
        check_against_shards(&world);
        const uint64_t restored = world_counts(&world).restored;
        world_crash(&world);
        world_start(&world);
        world_run(&world, 20 * SECOND_US);
        check_against_shards(&world);
        printf("    read again: %llu before, %llu at the end\n", (unsigned long long)restored,
               (unsigned long long)world_counts(&world).restored);
        if (world.config.checkpoint_us > 0) {
            assert_true(world_counts(&world).restored < EVENTS / 2);
        }
        world_close(&world);
    }
}

static void polled_any_way(void **state)
{
    (void)state;
    play_all("polled_any_way", false);
}

static void disturbed_any_way(void **state)
{
    (void)state;
    play_all("disturbed_any_way", true);
    assert_true(restarts > 0); /* else refused commits were not tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polled_any_way),
        cmocka_unit_test(disturbed_any_way),
    };
    return cmocka_run_group_tests_name("worker_random", tests, NULL, NULL);
}
