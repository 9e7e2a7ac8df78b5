/*
 * Claims: what cannot be applied goes to the rejects topic once, with its reason, its origin and
 * its own bytes, and does not stop what follows; duplicates are counted alone; a full producer is
 * waited for, one that stays full or refuses ends the worker with nothing passed over.
 */
#include "tests/support/fake_world.h"

static struct world world;

static int open_three(void **state)
{
    (void)state;
    world_open(&world, 3);
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static const struct fake_record *reject_number(size_t n)
{
    return fake_cluster_record(&world.cluster, TROTH_TOPIC_REJECTS, n);
}

static size_t reject_count(void)
{
    return fake_cluster_count(&world.cluster, TROTH_TOPIC_REJECTS);
}

/* The one new reject is that record, and says so. */
static void check_reject(int32_t partition, int64_t offset, troth_status reason)
{
    char number[4][24];
    const struct fake_record *origin =
        &world.cluster.topics[TROTH_TOPIC_TELEMETRY][partition].records[offset];
    const uint64_t before = world_counts(&world).rejects[reason];
    const struct fake_record *found = NULL;
    assert_int_equal(reject_count(), 0);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).rejects[reason], before + 1);
    assert_int_equal(reject_count(), 1);
    found = reject_number(0);
    snprintf(number[0], sizeof number[0], "%d", partition);
    snprintf(number[1], sizeof number[1], "%lld", (long long)offset);
    snprintf(number[2], sizeof number[2], "%lld", (long long)origin->timestamp_us);
    snprintf(number[3], sizeof number[3], "%zu", origin->value != NULL ? origin->value_length : 0);
    assert_int_equal(found->header_count, 7);
    assert_string_equal(fake_record_header(found, "reason"), troth_status_name(reason));
    assert_string_equal(fake_record_header(found, "topic"), WORLD_TOPIC);
    assert_string_equal(fake_record_header(found, "partition"), number[0]);
    assert_string_equal(fake_record_header(found, "offset"), number[1]);
    assert_string_equal(fake_record_header(found, "timestamp_us"), number[2]);
    assert_string_equal(fake_record_header(found, "value_length"), number[3]);
    assert_true(strlen(fake_record_header(found, "detail")) > 0);
    assert_int_equal(found->key != NULL, origin->key != NULL);
    assert_int_equal(found->value != NULL, origin->value != NULL);
    assert_int_equal(found->key_length, origin->key != NULL ? origin->key_length : 0);
    assert_int_equal(found->value_length, origin->value != NULL ? origin->value_length : 0);
    if (origin->key != NULL) {
        assert_memory_equal(found->key, origin->key, origin->key_length);
    }
    if (origin->value != NULL) {
        assert_memory_equal(found->value, origin->value, origin->value_length);
    }
    /* It is told once, and the stream goes on. */
    const uint64_t applied = world_counts(&world).applied;
    world_tasks(&world, "after", TROTH_OUTCOME_OK, 1);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).applied, applied + 1);
    world_crash(&world);
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(reject_count(), 1);
    assert_int_equal(world_counts(&world).rejects[reason], 0);
    assert_int_equal(world_counts(&world).applied, applied + 1);
}

static int64_t append_bytes(int32_t partition, const char *key, size_t key_length,
                            const void *value, size_t length)
{
    return fake_cluster_append(&world.cluster, TROTH_TOPIC_TELEMETRY, partition, key, key_length,
                               value, length);
}

/* Returns the length of a good task of an agent, encoded. */
static size_t encode(const struct troth_event *event, char value[4096])
{
    size_t length = 0;
    assert_int_equal(troth_encode(event, value, 4096, &length), TROTH_OK);
    return length;
}

static void undecodable(void **state)
{
    (void)state;
    static const char bytes[] = "\0not\xff avro\0";
    check_reject(1, append_bytes(1, "a\0b", 3, bytes, sizeof bytes), TROTH_UNDECODABLE);
}

static void undecodable_cut_short(void **state)
{
    (void)state;
    char value[4096];
    const struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    const size_t length = encode(&event, value);
    check_reject(0, append_bytes(0, "a", 1, value, length - 1), TROTH_UNDECODABLE);
}

static void undecodable_tombstone(void **state)
{
    (void)state;
    check_reject(2, append_bytes(2, "a", 1, NULL, 0), TROTH_UNDECODABLE);
}

static void undecodable_empty(void **state)
{
    (void)state;
    check_reject(2, append_bytes(2, "", 0, "", 0), TROTH_UNDECODABLE);
}

static void unkeyed(void **state)
{
    (void)state;
    const struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    check_reject(world_place(&world, "a"),
                 world_append_to(&world, world_place(&world, "a"), NULL, &event), TROTH_UNKEYED);
}

static void unkeyed_by_an_empty_key(void **state)
{
    (void)state;
    const struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    check_reject(world_place(&world, "a"),
                 world_append_to(&world, world_place(&world, "a"), "", &event), TROTH_UNKEYED);
}

static void misrouted_by_key(void **state)
{
    (void)state;
    const struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    char key[16] = "b0";
    for (unsigned i = 0; world_place(&world, key) != world_place(&world, "a"); i++) {
        snprintf(key, sizeof key, "b%u", i); /* the partition is right for both */
    }
    check_reject(world_place(&world, "a"),
                 world_append_to(&world, world_place(&world, "a"), key, &event), TROTH_MISROUTED);
}

static void misrouted_by_partition(void **state)
{
    (void)state;
    const int32_t other = (world_place(&world, "a") + 1) % 3;
    const struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    check_reject(other, world_append_to(&world, other, "a", &event), TROTH_MISROUTED);
}

static void ahead_of_time(void **state)
{
    (void)state;
    struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    event.at_us = event.at_us / 1000 * 1000 + world.config.max_ahead_us;
    world_append(&world, &event); /* just not too far */
    world_run(&world, SECOND_US);
    event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    event.at_us = event.at_us / 1000 * 1000 + world.config.max_ahead_us + 1;
    check_reject(world_place(&world, "a"), world_append(&world, &event), TROTH_AHEAD_OF_TIME);
}

/* Where it is decides before when it is, as for any other record. */
static void misrouted_and_ahead_of_time(void **state)
{
    (void)state;
    const int32_t other = (world_place(&world, "a") + 1) % 3;
    struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    event.at_us = event.at_us / 1000 * 1000 + world.config.max_ahead_us + 1;
    check_reject(other, world_append_to(&world, other, "a", &event), TROTH_MISROUTED);
}

/* A good event, its agent's name replaced in the bytes by one of the same length. */
static int64_t append_renamed(const char *agent, const char *renamed)
{
    char value[4096];
    const size_t name_length = strlen(agent);
    const struct troth_event event = world_event(&world, agent, TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    const size_t length = encode(&event, value);
    char *name = memmem(value, length, agent, name_length);
    assert_non_null(name);
    memcpy(name, renamed, name_length);
    return append_bytes(0, renamed, name_length, value, length);
}

static void invalid(void **state)
{
    (void)state;
    check_reject(0, append_renamed("agent", "ag\tnt"), TROTH_INVALID);
}

static void over_limit(void **state)
{
    (void)state;
    char value[4096];
    char name[TROTH_AGENT_LENGTH_MAX + 2];
    memset(name, 'x', sizeof name);
    const struct troth_event event = world_event(&world, "", TROTH_KIND_TICK, TROTH_OUTCOME_NONE);
    const size_t length = encode(&event, value);
    /* id, then the name's length as a zigzag varint of two bytes, the name, and the rest. */
    char longer[4096];
    const size_t name_length = sizeof name;
    memcpy(longer, value, 16);
    longer[16] = (char)(0x80 | (name_length << 1 & 0x7f));
    longer[17] = (char)(name_length << 1 >> 7);
    memcpy(longer + 18, name, name_length);
    memcpy(longer + 18 + name_length, value + 17, length - 17);
    check_reject(0, append_bytes(0, name, name_length, longer, length + 1 + name_length),
                 TROTH_OVER_LIMIT);
}

static int open_tight(void **state)
{
    (void)state;
    world_open(&world, 3);
    return 0;
}

static void agents_full(void **state)
{
    (void)state;
    world.config.agents_max = 2;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    const int32_t place = world_place(&world, "after");
    char name[16];
    unsigned found = 0;
    world_tasks(&world, "after", TROTH_OUTCOME_OK, 1);
    for (unsigned i = 0; found < 2; i++) {
        snprintf(name, sizeof name, "a%u", i);
        found += world_place(&world, name) == place;
        if (found == 1 && world_place(&world, name) == place) {
            world_tasks(&world, name, TROTH_OUTCOME_OK, 1);
        }
    }
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).applied, 2);
    const struct troth_event event = world_event(&world, name, TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    check_reject(place, world_append(&world, &event), TROTH_AGENTS_FULL);
}

static void standings_full(void **state)
{
    (void)state;
    world.config.standings_max = 1;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_push(&world, WORLD_CONTRACT("other", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    const char *agent = world_place(&world, "a") != world_place(&world, "after") ? "a" : "b";
    const struct troth_event event = world_event(&world, agent, TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    const int64_t offset = world_append(&world, &event);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(reject_count(), 1);
    const struct fake_record *found = reject_number(0);
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)offset);
    assert_string_equal(fake_record_header(found, "reason"), "standings_full");
    assert_string_equal(fake_record_header(found, "offset"), number);
    assert_int_equal(world_counts(&world).rejects[TROTH_STANDINGS_FULL], 1);
    assert_int_equal(
        world.cluster.topics[TROTH_TOPIC_TELEMETRY][world_place(&world, agent)].committed,
        offset + 1);
}

static void duplicates_are_counted_alone(void **state)
{
    (void)state;
    struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    event.present |= 1U << TROTH_FIELD_SEQ;
    for (unsigned i = 0; i < 20; i++) {
        event.seq = i / 2;
        world_append(&world, &event);
    }
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).duplicates, 10);
    assert_int_equal(world_counts(&world).applied, 10);
    assert_int_equal(reject_count(), 0);
}

/* ---- The producer. ---- */

static void full_producer_is_waited_for(void **state)
{
    (void)state;
    world.log.on_send = (struct fake_failure){TROTH_FULL, 1, 50};
    for (unsigned i = 0; i < 5; i++) {
        append_bytes(0, "a", 1, "?", 1);
    }
    world_run(&world, 20 * SECOND_US);
    assert_int_equal(reject_count(), 5);
}

/* Whoever comes next finds everything as it was: nothing was passed over. */
static void check_nothing_passed_over(troth_status status, unsigned count)
{
    append_bytes(0, "a", 1, "1", 1);
    world_run(&world, 2 * SECOND_US);
    const int64_t committed = world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].committed;
    for (unsigned i = 0; i < 5; i++) {
        append_bytes(0, "a", 1, "2", 1);
    }
    world.log.on_send = (struct fake_failure){status, 2, count};
    troth_status answer = TROTH_OK;
    for (unsigned i = 0; i < 100 && answer == TROTH_OK; i++) {
        answer = troth_worker_step(world.worker);
    }
    assert_int_equal(answer, TROTH_REFUSED);
    assert_int_equal(troth_worker_step(world.worker), TROTH_REFUSED);
    assert_int_equal(troth_worker_drain(world.worker, SECOND_US), TROTH_REFUSED);
    assert_int_equal(world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].committed, committed);
    world_crash(&world);
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    /* The two that went out before were sent again. */
    assert_in_range(reject_count(), 1 + 5, 1 + 2 + 5);
    assert_int_equal(world_counts(&world).rejects[TROTH_UNDECODABLE], 5);
}

static void producer_that_stays_full_ends_the_worker(void **state)
{
    (void)state;
    check_nothing_passed_over(TROTH_FULL, 1000000);
}

static void producer_that_refuses_ends_the_worker(void **state)
{
    (void)state;
    check_nothing_passed_over(TROTH_REFUSED, 1);
}

/* Bad input never stops the stream: a record that is too long to be sent on as it is, with the
 * headers of a reject, must not be read, refused and read again for ever. */
static void reject_too_long_to_send(void **state)
{
    (void)state;
    static char value[1000500];
    memset(value, '?', sizeof value);
    world.log.value_max = 1000000; /* as librdkafka's message.max.bytes */
    append_bytes(0, "a", 1, value, sizeof value);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].committed,
                     world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].count);
    assert_int_equal(reject_count(), 1);
    assert_in_range(reject_number(0)->value_length, 65536, world.log.value_max);
    assert_memory_equal(reject_number(0)->value, value, reject_number(0)->value_length);
    assert_string_equal(fake_record_header(reject_number(0), "value_length"), "1000500");
}

#define REJECT(name) cmocka_unit_test_setup_teardown(name, open_three, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REJECT(undecodable),
        REJECT(undecodable_cut_short),
        REJECT(undecodable_tombstone),
        REJECT(undecodable_empty),
        REJECT(unkeyed),
        REJECT(unkeyed_by_an_empty_key),
        REJECT(misrouted_by_key),
        REJECT(misrouted_by_partition),
        REJECT(misrouted_and_ahead_of_time),
        REJECT(ahead_of_time),
        REJECT(invalid),
        REJECT(over_limit),
        cmocka_unit_test_setup_teardown(agents_full, open_tight, close_world),
        cmocka_unit_test_setup_teardown(standings_full, open_tight, close_world),
        REJECT(duplicates_are_counted_alone),
        REJECT(full_producer_is_waited_for),
        REJECT(producer_that_stays_full_ends_the_worker),
        REJECT(producer_that_refuses_ends_the_worker),
        REJECT(reject_too_long_to_send),
    };
    return cmocka_run_group_tests_name("worker_rejects", tests, NULL, NULL);
}
