/*
 * Claims: a decision takes effect where the owner's pointer to it stands in telemetry; what it did
 * and how it was ruled stand in one commit, once, through crashes, restarts, new owners and
 * replays; a forged pointer does nothing before the decision was there, or to another partition's
 * agent, and a doubled one nothing at all; a dispute is ruled on the record read again, and on
 * nothing while that does not answer; what is no decision is refused and counted; those of an
 * earlier era are not taken.
 */
#include "tests/support/fake_world.h"

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 2);
    world.config.read_decisions = true;
    world.config.checkpoint_us = SECOND_US;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
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

/* Appends a pointer to a decision, as a forger would. */
static void point(int32_t partition, int64_t offset)
{
    char number[24];
    const int length = snprintf(number, sizeof number, "%lld", (long long)offset);
    const struct troth_attribute attributes[] = {{{"topic", 5}, {"decisions", 9}},
                                                 {{"offset", 6}, {number, (uint32_t)length}}};
    struct troth_event event = world_event(&world, "", TROTH_KIND_POINTER, TROTH_OUTCOME_NONE);
    event.attributes = attributes;
    event.attribute_count = 2;
    event.present |= 1U << TROTH_FIELD_ATTRIBUTES;
    world_append_to(&world, partition, NULL, &event);
}

/* The records of interventions that hold a text. */
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

static int64_t decide(const char *agent, enum troth_action action, unsigned number)
{
    const struct troth_decision decision = world_decision(&world, agent, action, number);
    return world_decide(&world, &decision);
}

static void restart(void)
{
    world_crash(&world);
    world_start(&world);
    world_run(&world, 3 * SECOND_US);
}

static void check_replay(void)
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

static void taken_once(void **state)
{
    (void)state;
    decide("a", TROTH_ACTION_NARROW, 1);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"applied\""), 1);
    assert_int_equal(count("\"condition\":\"decision\""), 1);
    assert_int_equal(count("\"decision\":{\"id\":\"01000000"), 1);
    assert_int_equal(world_own(&world, world_place(&world, "a"), TROTH_KIND_POINTER), 2);
    check_replay();
    assert_int_equal(world_own(&world, world_place(&world, "a"), TROTH_KIND_POINTER), 2);
    decide("a", TROTH_ACTION_NARROW, 1); /* sent again, with the same id */
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"repeated\""), 1);
    check_replay();
}

/* What was ruled and not committed is ruled again, and stands once. */
static void crash_before_the_commit(void **state)
{
    (void)state;
    decide("a", TROTH_ACTION_PAUSE, 1);
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 1000};
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(count("\"ruling\""), 0);
    world.log.on_commit.count = 0;
    restart();
    assert_int_equal(count("\"ruling\":\"applied\""), 1);
    assert_int_equal(count("\"to\":\"pause\",\"from_since\""), 1);
    check_replay();
}

static void made_while_nobody_runs(void **state)
{
    (void)state;
    world_crash(&world);
    decide("a", TROTH_ACTION_REVIEW, 1);
    decide("never-seen", TROTH_ACTION_PAUSE, 2);
    decide("a", TROTH_ACTION_PAUSE, 3);
    world_start(&world);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"applied\""), 3);
    check_replay();
}

static void without_checkpoints(void **state)
{
    (void)state;
    world_crash(&world);
    world.config.checkpoint_us = 0;
    for (int32_t i = 0; i < 2; i++) {
        world.cluster.topics[TROTH_TOPIC_TELEMETRY][i].committed = TROTH_OFFSET_NONE;
    }
    world_start(&world);
    decide("a", TROTH_ACTION_NARROW, 1);
    decide("b", TROTH_ACTION_PAUSE, 2);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"applied\""), 2);
    check_replay();
}

static void forged_pointers(void **state)
{
    (void)state;
    const int32_t place = world_place(&world, "a");
    point(place, 0); /* to what is yet to come */
    point(place, 5);
    world_run(&world, SECOND_US);
    const int64_t first = decide("a", TROTH_ACTION_NARROW, 1);
    const int64_t second = decide("a", TROTH_ACTION_REVIEW, 2);
    point(1 - place, first);
    point(place, second); /* before the one before it: that is taken all the same */
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\""), 2);
    for (unsigned i = 0; i < 50; i++) {
        point(place, i % 2 > 0 ? first : second);
        point(1 - place, first);
    }
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\""), 2);
    /* Long ago, and not among the last that are known any more. */
    for (unsigned i = 0; i < 2 * TROTH_DECISIONS_KNOWN; i++) {
        decide("a", TROTH_ACTION_KEEP, 10 + i);
    }
    world_run(&world, 3 * SECOND_US);
    point(place, first);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\""), 2 + 2 * TROTH_DECISIONS_KNOWN);
    check_replay();
}

/* Where no contract applies there is nothing to remember it by; it is told once all the same. */
static void not_bound_is_told_once(void **state)
{
    (void)state;
    struct troth_decision decision = world_decision(&world, "a", TROTH_ACTION_PAUSE, 1);
    decision.contract = troth_text_of("nothing");
    const int64_t offset = world_decide(&world, &decision);
    world_run(&world, 3 * SECOND_US);
    point(world_place(&world, "a"), offset);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"not_bound\""), 1);
    check_replay();
}

static void disputes(void **state)
{
    (void)state;
    const int64_t offset = world_leak(&world, "a");
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(count("\"condition\":\"never\""), 1);
    struct troth_decision decision = world_decision(&world, "a", TROTH_ACTION_DISPUTE_OPEN, 1);
    decision.term = troth_text_of("no-leak");
    decision.topic = troth_text_of(WORLD_TOPIC);
    decision.partition = 1 - world_place(&world, "a");
    decision.offset = offset;
    world_decide(&world, &decision);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"no_record\""), 1); /* of another partition */
    decision.partition = world_place(&world, "a");
    decision.id[0] = 2;
    world_decide(&world, &decision);
    world.log.on_read_back = (struct fake_failure){TROTH_TIMED_OUT, 0, 5};
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world.log.on_read_back.count, 0);
    assert_int_equal(count("\"ruling\":\"unchanged\""), 1);
    decision.action = TROTH_ACTION_DISPUTE_UPHOLD;
    decision.id[0] = 3;
    world_decide(&world, &decision);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"unchanged\""), 2);
    check_replay();
    decide("a", TROTH_ACTION_RECERTIFY, 4);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 12);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(count("\"condition\":\"certified\""), 2);
    check_replay();
}

/* Nothing is ruled on a record that nobody can read: the worker ends, and a new one goes on. */
static void disputed_record_does_not_answer(void **state)
{
    (void)state;
    struct troth_decision decision = world_decision(&world, "a", TROTH_ACTION_DISPUTE_OPEN, 1);
    decision.term = troth_text_of("resolves");
    decision.topic = troth_text_of(WORLD_TOPIC);
    decision.partition = world_place(&world, "a");
    decision.offset = 0;
    const struct fake_partition *topic =
        &world.cluster.topics[TROTH_TOPIC_TELEMETRY][decision.partition];
    while (topic->records[decision.offset].key == NULL) {
        decision.offset++; /* the first that is an event */
    }
    world_decide(&world, &decision);
    world.log.on_read_back = (struct fake_failure){TROTH_UNREACHABLE, 0, 1000};
    troth_status status = TROTH_OK;
    for (unsigned i = 0; i < 10000 && status == TROTH_OK; i++) {
        status = troth_worker_step(world.worker);
    }
    assert_int_equal(status, TROTH_REFUSED);
    assert_int_equal(count("\"ruling\""), 0);
    restart();
    assert_int_equal(count("\"ruling\":\"unchanged\""), 1);
    check_replay();
}

static void what_is_no_decision(void **state)
{
    (void)state;
    static uint8_t value[TROTH_DECISION_RECORD_MAX];
    const struct troth_decision decision = world_decision(&world, "a", TROTH_ACTION_PAUSE, 1);
    const size_t length = troth_decision_encode(&decision, value);
    fake_cluster_append(&world.cluster, TROTH_TOPIC_DECISIONS, 0, "b", 1, value, length);
    fake_cluster_append(&world.cluster, TROTH_TOPIC_DECISIONS, 0, "a", 1, value, length - 1);
    fake_cluster_append(&world.cluster, TROTH_TOPIC_DECISIONS, 0, NULL, 0, "x", 1);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_counts(&world).decisions_unreadable, 3);
    assert_int_equal(count("\"ruling\""), 0);
    assert_non_null(strstr(world.said, "its key is not its agent's name"));
}

static void earlier_era(void **state)
{
    (void)state;
    world_crash(&world);
    decide("a", TROTH_ACTION_PAUSE, 1);
    world.config.era = 2;
    world_start(&world);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\""), 0);
    decide("a", TROTH_ACTION_NARROW, 2);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(count("\"ruling\":\"applied\""), 1);
    check_replay();
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(taken_once),
        TEST(crash_before_the_commit),
        TEST(made_while_nobody_runs),
        TEST(without_checkpoints),
        TEST(forged_pointers),
        TEST(not_bound_is_told_once),
        TEST(disputes),
        TEST(disputed_record_does_not_answer),
        TEST(what_is_no_decision),
        TEST(earlier_era),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
