/*
 * Claims: interventions and the offsets of what they came of are committed together or not at all,
 * whatever becomes of the partitions: all that is given back is one commit, and what is told and
 * cannot be committed is told by the next owner, once.
 */
#include "tests/support/fake_world.h"

enum { LEAKS = 9 };

static struct world world;

static int open_three(void **state)
{
    (void)state;
    world_open(&world, 3);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static int64_t committed(int32_t partition)
{
    return world.cluster.topics[TROTH_TOPIC_TELEMETRY][partition].committed;
}

static int64_t end_of(int32_t partition)
{
    return (int64_t)world.cluster.topics[TROTH_TOPIC_TELEMETRY][partition].count;
}

/* Agents enough that each partition has some do what they never may: each goes to pause. */
static void leak_everywhere(void)
{
    for (unsigned i = 0; i < LEAKS; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        world_leak(&world, agent);
    }
}

/* Two partitions have something to tell: the first that is given back must not take the other's
 * interventions along without its offset. */
static void all_that_is_given_back_is_one_commit(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    world.config.commit_us = 1000 * SECOND_US;
    world_crash(&world);
    world_start(&world);
    world_run(&world, SECOND_US);
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 1};
    leak_everywhere();
    world_step(&world);
    assert_int_equal(world_told(&world), 0);
    const size_t from = world.journal.count;
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 1, 100};
    fake_log_take_away(&world.log, false);
    world_step(&world);
    assert_int_equal(world_told(&world), LEAKS);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_COMMITTED, NULL, from), 3);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(committed(i), end_of(i));
    }
}

/* Where that one commit fails, no later one of the others may take the interventions along. */
static void what_is_given_back_without_a_commit_is_told_by_the_next(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 2};
    leak_everywhere();
    world_step(&world);
    fake_log_take_away(&world.log, false);
    world_step(&world);
    assert_int_equal(world.log.on_commit.count, 0); /* a third would have gone through */
    assert_int_equal(world_counts(&world).partitions, 0);
    world_step(&world);
    assert_int_equal(world_told(&world), 0);
    for (int32_t p = 0; p < 3; p++) {
        fake_log_assign(&world.log, p);
    }
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_told(&world), LEAKS);
}

/* Given back without a commit, lost, or refused: what was told is not there, and the next owner
 * tells it. */
static void what_is_not_committed_is_told_once(void **state)
{
    (void)state;
    static const troth_status refusals[] = {TROTH_REFUSED, TROTH_FENCED};
    size_t told = 0;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    for (unsigned i = 0; i < 4; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        const bool refused = i >= 2;
        world.log.on_commit = refused ? (struct fake_failure){refusals[i - 2], 0, 1}
                                      : (struct fake_failure){TROTH_TIMED_OUT, 0, 2};
        world_leak(&world, agent);
        if (refused) {
            assert_int_equal(troth_worker_step(world.worker), refusals[i - 2]);
            assert_int_equal(world_told(&world), told);
            world_crash(&world);
            world_start(&world);
        } else {
            world_step(&world);
            fake_log_take_away(&world.log, i == 1);
            world_step(&world); /* is told, and tries in vain */
            world_step(&world); /* has given up */
            assert_int_equal(world_counts(&world).partitions, 0);
            assert_int_equal(world_told(&world), told);
            world.log.on_commit.count = 0;
            for (int32_t p = 0; p < 3; p++) {
                fake_log_assign(&world.log, p);
            }
        }
        world_run(&world, 3 * SECOND_US);
        assert_int_equal(world_told(&world), ++told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_is_given_back_is_one_commit, open_three,
                                        close_world),
        cmocka_unit_test_setup_teardown(what_is_given_back_without_a_commit_is_told_by_the_next,
                                        open_three, close_world),
        cmocka_unit_test_setup_teardown(what_is_not_committed_is_told_once, open_three,
                                        close_world),
    };
    return cmocka_run_group_tests_name("worker_commit", tests, NULL, NULL);
}
