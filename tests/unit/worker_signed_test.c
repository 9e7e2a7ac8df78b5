/*
 * Claims: where signatures are asked for, a contract or a decision that is not believed never takes
 * effect, by no pointer; that a decision was not is ruled once and committed, through restarts and
 * replays; both are counted by reason, and told with what is wrong; what was asked before, and what
 * is asked of others, is not touched.
 */
#include "tests/support/fake_world.h"
#include "tests/support/signed.h"

static struct world world;
static struct signed_world keys;

/* Signs the record of a control topic that stands at an offset. */
static void sign_at(enum troth_topic topic, int64_t offset, enum signer by)
{
    char header[TROTH_SIGNED_HEADER_MAX];
    const struct fake_record *stands = &world.cluster.topics[topic][0].records[offset];
    const struct troth_control_record record = {.key = stands->key,
                                                .key_length = stands->key_length,
                                                .value = stands->value,
                                                .value_length = stands->value_length};
    assert_true(troth_signed_sign(
        &keys.secrets[by], topic == TROTH_TOPIC_CONTRACTS ? TROTH_ROLE_AUTHOR : TROTH_ROLE_OPERATOR,
        &record, header));
    fake_cluster_add_header(&world.cluster, topic, 0, offset, TROTH_SIGNATURE_HEADER, header);
    fake_cluster_add_header(&world.cluster, topic, 0, offset, "trace", "of something else");
}

static void sign_contracts(enum signer by)
{
    const struct fake_partition *topic = &world.cluster.topics[TROTH_TOPIC_CONTRACTS][0];
    for (size_t i = 0; i < topic->count; i++) {
        if (topic->records[i].header_count == 0) {
            sign_at(TROTH_TOPIC_CONTRACTS, (int64_t)i, by);
        }
    }
}

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 2);
    signed_open(&keys, "");
    world.config.read_decisions = true;
    world.config.checkpoint_us = SECOND_US;
    world.config.signing = keys.signing;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    sign_contracts(ANN);
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 12);
    world_run(&world, 3 * SECOND_US);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static unsigned count(const char *text)
{
    unsigned found = 0;
    for (int32_t p = 0; p < FAKE_PARTITIONS_MAX; p++) {
        const struct fake_partition *topic = &world.cluster.topics[TROTH_TOPIC_INTERVENTIONS][p];
        for (size_t i = 0; i < topic->count; i++) {
            found += strstr(topic->records[i].value, text) != NULL;
        }
    }
    return found;
}

static int64_t decide(const char *agent, enum troth_action action, unsigned number, enum signer by)
{
    const struct troth_decision decision = world_decision(&world, agent, action, number);
    const int64_t offset = world_decide(&world, &decision);
    if (by != SIGNERS) {
        sign_at(TROTH_TOPIC_DECISIONS, offset, by);
    }
    return offset;
}

static void restart(void)
{
    world_crash(&world);
    world_start(&world);
    world_run(&world, 3 * SECOND_US);
}

/* A restart tells nothing anew, and finds everything as it was. */
static void check_restart(void)
{
    world_run(&world, 3 * SECOND_US);
    char *run = world_standings(&world);
    const size_t told = world_told(&world);
    restart();
    char *restored = world_standings(&world);
    assert_string_equal(run, restored);
    assert_int_equal(world_told(&world), told);
    free(run);
    free(restored);
}

static void decisions(void **state)
{
    (void)state;
    decide("a", TROTH_ACTION_PAUSE, 1, SIGNERS);
    decide("a", TROTH_ACTION_PAUSE, 2, ANN);
    decide("a", TROTH_ACTION_PAUSE, 3, NOBODY);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"not_believed\""), 3);
    assert_int_equal(count("\"ruling\""), 3);
    assert_int_equal(count("\"to\":\"pause\""), 0);
    decide("a", TROTH_ACTION_NARROW, 4, OLA);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"applied\""), 1);
    const struct troth_worker_counts counts = world_counts(&world);
    assert_int_equal(counts.distrusted_decisions[TROTH_DISTRUST_UNSIGNED], 1);
    assert_int_equal(counts.distrusted_decisions[TROTH_DISTRUST_WRONG_ROLE], 1);
    assert_int_equal(counts.distrusted_decisions[TROTH_DISTRUST_UNKNOWN_KEY], 1);
    assert_int_equal(counts.distrusted_contracts[TROTH_DISTRUST_UNSIGNED], 0);
    assert_int_equal(counts.decisions_unreadable, 0);
    assert_int_equal(counts.rulings[TROTH_RULING_NOT_BELIEVED], 3);
    assert_non_null(strstr(world.said, "--key FILE"));
    check_restart();
    check_restart();
}

/* Bytes that an operator signed, appended again by one who has no key. */
static void a_copy(void **state)
{
    (void)state;
    const int64_t offset = decide("a", TROTH_ACTION_PAUSE, 1, OLA);
    world_run(&world, 3 * SECOND_US);
    decide("a", TROTH_ACTION_RECERTIFY, 2, OLA);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"applied\""), 2);
    const struct fake_record *first =
        &world.cluster.topics[TROTH_TOPIC_DECISIONS][0].records[offset];
    for (unsigned i = 0; i < 2; i++) {
        const int64_t again =
            fake_cluster_append(&world.cluster, TROTH_TOPIC_DECISIONS, 0, first->key,
                                first->key_length, first->value, first->value_length);
        first = &world.cluster.topics[TROTH_TOPIC_DECISIONS][0].records[offset]; /* it has moved */
        fake_cluster_add_header(&world.cluster, TROTH_TOPIC_DECISIONS, 0, again,
                                TROTH_SIGNATURE_HEADER,
                                fake_record_header(first, TROTH_SIGNATURE_HEADER));
        world_run(&world, 3 * SECOND_US);
        fake_clock_move(&world.clock, 2 * TROTH_SIGNED_WITHIN_US);
    }
    assert_int_equal(count("\"ruling\":\"not_believed\""), 2);
    assert_int_equal(count("\"ruling\":\"applied\""), 2);
    const struct troth_worker_counts counts = world_counts(&world);
    assert_int_equal(counts.distrusted_decisions[TROTH_DISTRUST_REPLAYED], 1);
    assert_int_equal(counts.distrusted_decisions[TROTH_DISTRUST_STALE], 1);
    check_restart();
}

static void contracts(void **state)
{
    (void)state;
    const unsigned before = world_counts(&world).contracts;
    world_push(&world, WORLD_CONTRACT("other", 1));
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_counts(&world).contracts, before);
    assert_int_equal(world_counts(&world).distrusted_contracts[TROTH_DISTRUST_UNSIGNED], 2);
    world_push(&world, WORLD_CONTRACT("third", 1));
    sign_contracts(OLA); /* `other` too, but it has been read */
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_counts(&world).contracts, before);
    assert_int_equal(world_counts(&world).distrusted_contracts[TROTH_DISTRUST_WRONG_ROLE], 2);
    world_push(&world, WORLD_CONTRACT("fourth", 1));
    sign_contracts(BOB);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_counts(&world).contracts, before + 1);
    check_restart();
    assert_int_equal(world_counts(&world).contracts, before + 1);
}

/* Turned on over a log that has a past. */
static void since(void **state)
{
    (void)state;
    decide("a", TROTH_ACTION_NARROW, 1, OLA);
    world_run(&world, 3 * SECOND_US);
    world_crash(&world);
    world.config.signing = (struct troth_signing){0};
    world_start(&world);
    world_run(&world, 3 * SECOND_US);
    decide("a", TROTH_ACTION_REVIEW, 2, SIGNERS);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"applied\""), 2);
    fake_clock_move(&world.clock, SECOND_US);
    world.config.signing = keys.signing;
    world.config.signing.since_us = world.clock.wall_us;
    check_restart();
    decide("a", TROTH_ACTION_PAUSE, 3, SIGNERS);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"not_believed\""), 1);
    assert_int_equal(count("\"ruling\":\"applied\""), 2);
    check_restart();
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(decisions),
        TEST(a_copy),
        TEST(contracts),
        TEST(since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
