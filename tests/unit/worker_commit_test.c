/*
 * Claims: interventions and the offsets of what they came of are committed together or not at all,
 * whatever becomes of the partitions: all that is given back is one commit, and what is told and
 * cannot be committed is told by the next owner, once. While a commit is under way the loop goes
 * on: records are applied and narrowings shown; a widening that it bears is not, nor any after it
 * that it does not bear; and what was applied meanwhile is the next one's.
 */
#include "tests/support/fake_world.h"

#include <limits.h>

enum { LEAKS = 9 };

static struct world world;

static int open_three(void **state)
{
    (void)state;
    world_open(&world, 3);
    return 0;
}

static int open_one(void **state)
{
    (void)state;
    world_open(&world, 1);
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

/* ---- While it is under way. ---- */

static void the_loop_goes_on(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    world.log.slow = UINT_MAX;
    world_leak(&world, "a");
    world_step(&world);
    assert_true(world.log.commit.under_way);
    const size_t from = world.journal.count;
    const uint64_t records = world_counts(&world).records;
    world_leak(&world, "b");
    world_run(&world, 5 * SECOND_US);
    assert_true(world_counts(&world).records > records);
    assert_true(fake_journal_count(&world.journal, FAKE_NARROWED, "b", from) == 1);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_COMMITTED, NULL, from), 0);
    assert_int_equal(world_told(&world), 0);
    /* It ends: its record is there, and that of what came after it is not yet. */
    world.log.commit.looks = 0;
    world_step(&world);
    assert_int_equal(world_told(&world), 1);
    world.log.commit.looks = world.log.slow = 0;
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_told(&world), 2);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(committed(i), end_of(i));
    }
}

static bool is_shown(const char *agent, unsigned rung)
{
    const struct fake_entry *entry = fake_store_shows(&world.store, agent, "refunds");
    return entry != NULL && entry->rung == rung;
}

/* One widens in the commit that is under way, another after it began. */
static void a_widening_is_shown_after_the_commit_that_bears_it(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 1);
    world_run(&world, 2 * SECOND_US);
    assert_true(is_shown("a", TROTH_RUNG_RECERTIFY) && is_shown("b", TROTH_RUNG_RECERTIFY));
    world.log.slow = UINT_MAX;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10); /* certified: clear */
    world_step(&world);
    assert_true(world.log.commit.under_way);
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 10);
    const size_t from = world.journal.count;
    world_run(&world, SECOND_US);
    assert_true(is_shown("a", TROTH_RUNG_RECERTIFY) && is_shown("b", TROTH_RUNG_RECERTIFY));
    assert_int_equal(fake_journal_count(&world.journal, FAKE_ANNOUNCED, NULL, from), 0);
    world.log.commit.looks = 0;
    world_run(&world, SECOND_US);
    assert_true(is_shown("a", TROTH_RUNG_CLEAR) && is_shown("b", TROTH_RUNG_RECERTIFY));
    assert_int_equal(fake_journal_count(&world.journal, FAKE_ANNOUNCED, NULL, from), 1);
    world.log.commit.looks = world.log.slow = 0;
    world_run(&world, SECOND_US);
    assert_true(is_shown("b", TROTH_RUNG_CLEAR));
    assert_int_equal(fake_journal_count(&world.journal, FAKE_ANNOUNCED, NULL, from), 2);
}

/* A narrowing that is wider than what is shown, as a widening before it is not committed: it waits
 * for that, and then comes as a narrowing, for those who listen too. */
static void a_narrowing_waits_for_the_widening_before_it(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_run(&world, 2 * SECOND_US);
    world.log.slow = UINT_MAX;
    const size_t from = world.journal.count;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 19);
    world_tasks(&world, "a", TROTH_OUTCOME_FAILED, 4); /* from clear to warn */
    world_run(&world, SECOND_US);
    assert_true(world.log.commit.under_way);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_NARROWED, "a", from), 0);
    assert_true(is_shown("a", TROTH_RUNG_RECERTIFY));
    world.log.commit.looks = world.log.slow = 0;
    world_run(&world, SECOND_US);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_NARROWED, "a", from), 1);
    assert_true(is_shown("a", TROTH_RUNG_WARN));
}

/* Taken away meanwhile: the commit is waited for, then what came after it is committed; lost, or
 * refused in the end, what it bore is told by the next owner, once. */
static void partitions_that_go_take_it_along(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    for (unsigned i = 0; i < 3; i++) {
        char agent[2][8];
        snprintf(agent[0], sizeof agent[0], "a%u", i);
        snprintf(agent[1], sizeof agent[1], "b%u", i);
        world.log.slow = UINT_MAX;
        world_leak(&world, agent[0]);
        world_step(&world);
        assert_true(world.log.commit.under_way);
        world_leak(&world, agent[1]);
        world_step(&world);
        if (i == 2) {
            world.log.on_committed = (struct fake_failure){TROTH_FENCED, 0, 1};
            world.log.commit.looks = 0;
            assert_int_equal(troth_worker_step(world.worker), TROTH_FENCED);
            world_crash(&world);
            world_start(&world);
        } else {
            fake_log_take_away(&world.log, i == 1);
            world_step(&world);
            assert_int_equal(world_counts(&world).partitions, 0);
            assert_int_equal(world_told(&world), i == 0 ? 2 : 2 * i);
            world_step(&world);
            world.log.slow = 0;
            for (int32_t p = 0; p < 3; p++) {
                fake_log_assign(&world.log, p);
            }
        }
        world_run(&world, 3 * SECOND_US);
        assert_int_equal(world_told(&world), 2 * (i + 1));
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
        cmocka_unit_test_setup_teardown(the_loop_goes_on, open_three, close_world),
        cmocka_unit_test_setup_teardown(a_widening_is_shown_after_the_commit_that_bears_it,
                                        open_one, close_world),
        cmocka_unit_test_setup_teardown(a_narrowing_waits_for_the_widening_before_it, open_one,
                                        close_world),
        cmocka_unit_test_setup_teardown(partitions_that_go_take_it_along, open_three, close_world),
    };
    return cmocka_run_group_tests_name("worker_commit", tests, NULL, NULL);
}
