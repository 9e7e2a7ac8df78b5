/*
 * Claims: a worker that owns a partition has claimed it in the log, and a restart reads the
 * standings and no more of telemetry than changed since they were written; a round writes as much
 * as it may, oldest first, and what it did not write is read again; after a contract's change
 * nothing stands ahead of it; an ended standing leaves a tombstone. A new era keeps the standings
 * and begins the offsets anew; where they do not fit what is there (partitions, partitioner, era,
 * an end that lies before them, a version that is not to be had, a later format) the worker ends
 * and says what to do; one damaged record costs its own standing alone, and says so.
 */
#include "tests/support/fake_world.h"

#include "consumers/partition_record.h"
#include "consumers/standing_record.h"

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 1);
    world.config.checkpoint_us = SECOND_US;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static struct fake_partition *standings(void)
{
    return &world.cluster.topics[TROTH_TOPIC_STANDINGS][0];
}

static void restart(void)
{
    world_crash(&world);
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
}

/* Joins, and expects that the worker ends and says so. */
static void refuses(const char *text)
{
    if (world.worker != NULL) {
        world_crash(&world);
    }
    world.said_length = 0;
    world_start(&world);
    troth_status status = TROTH_OK;
    for (unsigned i = 0; i < 100 && status == TROTH_OK; i++) {
        status = troth_worker_step(world.worker);
    }
    assert_int_equal(status, TROTH_REFUSED);
    if (strstr(world.said, text) == NULL) {
        fail_msg("not said: %s\n%s", text, world.said);
    }
}

/* The last record of a key that begins with a zero byte, or NULL. Out offset. */
static struct fake_record *last_own(enum troth_record_kind kind, size_t *offset)
{
    struct fake_record *found = NULL;
    size_t length;
    const char *key = troth_partition_key(kind, &length);
    for (size_t i = 0; i < standings()->count; i++) {
        struct fake_record *record = &standings()->records[i];
        if (record->key_length == length && memcmp(record->key, key, length) == 0) {
            found = record;
            *offset = i;
        }
    }
    return found;
}

static struct troth_checkpoint last_checkpoint(void)
{
    static struct troth_checkpoint checkpoint;
    size_t offset;
    const struct fake_record *record = last_own(TROTH_RECORD_CHECKPOINT, &offset);
    assert_non_null(record);
    assert_int_equal(troth_checkpoint_decode(record->value, record->value_length, &checkpoint),
                     TROTH_OK);
    return checkpoint;
}

/* How often a standing of an agent was written; tombstones count as well. */
static unsigned writes_of(const char *agent)
{
    unsigned count = 0;
    for (size_t i = 0; i < standings()->count; i++) {
        count += strcmp(standings()->records[i].key, agent) == 0;
    }
    return count;
}

/* ---- As it should be. ---- */

static void a_restart_reads_standings_and_not_the_log(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    for (unsigned i = 0; i < 20; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 30);
    }
    world_leak(&world, "a7");
    world_run(&world, 3 * SECOND_US);
    char *before = world_standings(&world);
    const size_t told = world_told(&world);
    restart();
    assert_int_equal(world_counts(&world).restored, 0);
    assert_int_equal(world_counts(&world).standings, 20);
    char *after = world_standings(&world);
    assert_string_equal(before, after);
    assert_int_equal(world_told(&world), told);
    free(before);
    free(after);
    const struct troth_checkpoint checkpoint = last_checkpoint();
    assert_int_equal(checkpoint.told,
                     (int64_t)world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].count);
    assert_int_equal(checkpoint.offset, checkpoint.told);
    assert_int_equal(checkpoint.version_count, 1);
}

/* A group that has forgotten its offsets, as after a week without members, tells nothing twice. */
static void what_was_told_is_known_without_the_group(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    world_leak(&world, "a");
    world_run(&world, SECOND_US / 2);
    assert_int_equal(world_told(&world), 1);
    world_crash(&world);
    world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].committed = TROTH_OFFSET_NONE;
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_told(&world), 1);
}

static void a_round_is_bounded_and_the_rest_is_read_again(void **state)
{
    (void)state;
    world.config.checkpoint_bytes = 1; /* one agent a round */
    world_start(&world);
    world_run(&world, SECOND_US);
    world.config.checkpoint_us = 1000 * SECOND_US;
    restart(); /* the first round comes at once, the next in a quarter of an hour */
    for (unsigned i = 0; i < 4; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 10);
    }
    const size_t end = world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].count;
    world_step(&world);
    fake_clock_move(&world.clock, 2 * SECOND_US);
    world_step(&world);
    assert_int_equal(writes_of("a0"), 1);
    const struct troth_checkpoint checkpoint = last_checkpoint();
    assert_int_equal(checkpoint.told, (int64_t)end);
    assert_true(checkpoint.offset < checkpoint.told);
    world_tasks(&world, "a0", TROTH_OUTCOME_FAILED, 2);
    char *before = world_standings(&world);
    world_crash(&world);
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).standings, 4);
    char *after = world_standings(&world);
    assert_string_equal(before, after); /* what a0's record knows was passed over */
    free(before);
    free(after);
}

static void nothing_is_ahead_of_a_change_of_contract(void **state)
{
    (void)state;
    world.config.checkpoint_bytes = 1;
    world_start(&world);
    world_run(&world, SECOND_US);
    for (unsigned i = 0; i < 6; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 10);
    }
    world_push(&world, WORLD_CONTRACT("refunds", 2));
    world_run(&world, SECOND_US / 4);
    world_tasks(&world, "a1", TROTH_OUTCOME_OK, 3);
    world_run(&world, SECOND_US / 4);
    for (unsigned i = 0; i < 6; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        assert_true(writes_of(agent) >= 1);
    }
    assert_int_equal(last_checkpoint().versions[0].version, 2);
    restart();
    assert_int_equal(world_counts(&world).standings, 6);
    assert_int_equal(world_counts(&world).pointers, 0); /* it was not replayed */
}

static void an_ended_standing_leaves_a_tombstone(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    world_run(&world, 2 * SECOND_US);
    char yaml[2048];
    snprintf(yaml, sizeof yaml, "%sapplies_to: {agent: \"b*\"}\n", WORLD_CONTRACT("refunds", 2));
    world_push(&world, yaml);
    world_run(&world, 2 * SECOND_US);
    const struct fake_record *last = NULL;
    for (size_t i = 0; i < standings()->count; i++) {
        last = strcmp(standings()->records[i].key, "a") == 0 ? &standings()->records[i] : last;
    }
    assert_non_null(last);
    assert_null(last->value);
    restart();
    assert_int_equal(world_counts(&world).standings, 0);
}

static void the_offset_of_a_claim_is_greater_than_any_before(void **state)
{
    (void)state;
    size_t first = 0;
    size_t second = 0;
    world_start(&world);
    world_run(&world, SECOND_US);
    assert_non_null(last_own(TROTH_RECORD_CLAIM, &first));
    restart();
    assert_non_null(last_own(TROTH_RECORD_CLAIM, &second));
    assert_true(second > first);
}

/* A claim that cannot be committed is not believed, and nothing is applied before it is. */
static void nothing_begins_without_a_claim(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    world_start(&world);
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 3};
    for (unsigned i = 0; i < 3; i++) {
        world_step(&world);
    }
    assert_int_equal(world_counts(&world).records, 0);
    world_run(&world, 60 * SECOND_US);
    assert_true(world_counts(&world).records > 0);
}

static void compaction_takes_nothing_that_is_needed(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    for (unsigned round = 0; round < 5; round++) {
        world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
        world_tasks(&world, "b", TROTH_OUTCOME_FAILED, 3);
        world_run(&world, 2 * SECOND_US);
    }
    char *before = world_standings(&world);
    fake_cluster_compact(&world.cluster, TROTH_TOPIC_STANDINGS, 0);
    restart();
    char *after = world_standings(&world);
    assert_string_equal(before, after);
    assert_int_equal(world_counts(&world).restored, 0);
    free(before);
    free(after);
}

/* ---- Where it does not fit. ---- */

static void stand(void)
{
    world_start(&world);
    world_run(&world, SECOND_US);
    world_leak(&world, "a");
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 30);
    world_run(&world, 2 * SECOND_US);
    world_crash(&world);
}

static void a_new_era_keeps_the_standings(void **state)
{
    (void)state;
    stand();
    struct fake_partition *log = &world.cluster.topics[TROTH_TOPIC_TELEMETRY][0];
    for (size_t i = 0; i < log->count; i++) {
        fake_record_fini(&log->records[i]);
    }
    log->count = 0; /* made anew */
    log->committed = TROTH_OFFSET_NONE;
    refuses("see `troth redis rebuild --help` on --new-era");
    world.config.era = 2;
    restart();
    assert_int_equal(world_counts(&world).standings, 2);
    const size_t told = world_told(&world);
    world_leak(&world, "b");
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_told(&world), told + 1);
    char *before = world_standings(&world);
    restart();
    char *after = world_standings(&world);
    assert_string_equal(before, after);
    assert_int_equal(last_checkpoint().era, 2);
    free(before);
    free(after);
    world.config.era = 1;
    refuses("set `era: 2`");
}

static void another_number_of_partitions_is_refused(void **state)
{
    (void)state;
    stand();
    world.cluster.partition_count = 2;
    refuses("when telemetry had 1 partitions, and it has 2");
}

static void another_partitioner_is_refused(void **state)
{
    (void)state;
    stand();
    world.config.partitioner = TROTH_PARTITIONER_CRC32;
    refuses("set that again");
}

static void a_version_that_is_gone_is_refused(void **state)
{
    (void)state;
    stand();
    struct fake_partition *contracts = &world.cluster.topics[TROTH_TOPIC_CONTRACTS][0];
    for (size_t i = 0; i < contracts->count; i++) {
        contracts->records[i].gone = true;
    }
    refuses("refunds@1, which the contracts topic does not hold (any more); push it again");
}

/* The value of the last record of an agent's standing. */
static struct fake_record *standing_of(const char *agent)
{
    struct fake_record *found = NULL;
    for (size_t i = 0; i < standings()->count; i++) {
        struct fake_record *record = &standings()->records[i];
        found = strcmp(record->key, agent) == 0 ? record : found;
    }
    assert_non_null(found);
    return found;
}

static void a_later_format_is_refused(void **state)
{
    (void)state;
    stand();
    standing_of("a")->value[0] = 2 * (TROTH_STANDING_FORMAT + 1); /* as Avro writes it */
    refuses("written by a later version of the engine");
}

static void a_damaged_record_costs_its_own_standing(void **state)
{
    (void)state;
    stand();
    standing_of("a")->value_length -= 1;
    world.said_length = 0;
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).standings, 1);
    assert_non_null(strstr(world.said, "the standing of a under refunds"));
}

static void records_that_are_needed_and_gone_are_missed_aloud(void **state)
{
    (void)state;
    world.config.checkpoint_us = 1000 * SECOND_US;
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_run(&world, 2 * SECOND_US); /* one round has been */
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 30);
    world_run(&world, 2 * SECOND_US);
    world_crash(&world);
    struct fake_partition *log = &world.cluster.topics[TROTH_TOPIC_TELEMETRY][0];
    assert_true(last_checkpoint().offset + 5 < (int64_t)log->count);
    log->low = last_checkpoint().offset + 5;
    world.said_length = 0;
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_non_null(strstr(world.said, "5 records before it that are needed are gone"));
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_restart_reads_standings_and_not_the_log),
        WITH_WORLD(what_was_told_is_known_without_the_group),
        WITH_WORLD(a_round_is_bounded_and_the_rest_is_read_again),
        WITH_WORLD(nothing_is_ahead_of_a_change_of_contract),
        WITH_WORLD(an_ended_standing_leaves_a_tombstone),
        WITH_WORLD(the_offset_of_a_claim_is_greater_than_any_before),
        WITH_WORLD(nothing_begins_without_a_claim),
        WITH_WORLD(compaction_takes_nothing_that_is_needed),
        WITH_WORLD(a_new_era_keeps_the_standings),
        WITH_WORLD(another_number_of_partitions_is_refused),
        WITH_WORLD(another_partitioner_is_refused),
        WITH_WORLD(a_version_that_is_gone_is_refused),
        WITH_WORLD(a_later_format_is_refused),
        WITH_WORLD(a_damaged_record_costs_its_own_standing),
        WITH_WORLD(records_that_are_needed_and_gone_are_missed_aloud),
    };
    return cmocka_run_group_tests_name("worker_checkpoint", tests, NULL, NULL);
}
