/*
 * Claims: who was replaced in the store publishes nothing more, and says so once; who replaces
 * widens nothing before it has passed what it found applied; a store that lost everything is
 * filled anew, of all partitions the least trusted first, and of each standing once; of a storm
 * that is not told whole those who listen are told so once its rows stand there.
 */
#include "tests/support/fake_world.h"

enum { STORM = 4500 /* more than may wait to be told */ };

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 1);
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

static int64_t committed(void)
{
    return world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].committed;
}

static int64_t end_of_log(void)
{
    return (int64_t)world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].count;
}

static unsigned shown_rung(const char *agent)
{
    const struct fake_entry *entry = fake_store_shows(&world.store, agent, "refunds");
    return entry != NULL ? entry->rung : TROTH_RUNG_COUNT;
}

static void who_was_replaced_publishes_nothing(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_run(&world, SECOND_US);
    assert_int_equal(shown_rung("a"), TROTH_RUNG_CLEAR);
    world.store.shards[0].claim = 9; /* somebody else's */
    world_leak(&world, "a");
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 20);
    world_run(&world, SECOND_US);
    assert_int_equal(shown_rung("a"), TROTH_RUNG_CLEAR);
    assert_int_equal(shown_rung("b"), TROTH_RUNG_COUNT);
    const size_t from = world.journal.count;
    const uint64_t refused = world.store.refused;
    world_leak(&world, "b");
    world_tasks(&world, "c", TROTH_OUTCOME_OK, 20);
    world_run(&world, 10 * SECOND_US);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_NARROWED, NULL, from), 0);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, NULL, from), 0);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_ANNOUNCED, NULL, from), 0);
    assert_int_equal(world.store.refused, refused);
    assert_int_equal(world.store.shards[0].claim, 9);
    assert_int_equal(world_counts(&world).fenced, 1);
    const char *said = strstr(world.said, "nothing of it is published");
    assert_non_null(said);
    assert_null(strstr(said + 1, "nothing of it is published"));
    /* It is no failure of the store, and the log decides who goes on. */
    assert_int_equal(world_counts(&world).store_failures, 0);
    assert_true(world_counts(&world).store_connected);
    assert_int_equal(committed(), end_of_log());
}

/* The former owner showed a pause, and what came before it, without a commit. */
static void who_replaces_widens_nothing_before_it_has_passed(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 20);
    world_run(&world, 2 * SECOND_US);
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 1000};
    world_tasks(&world, "a", TROTH_OUTCOME_FAILED, 4);
    world_leak(&world, "a");
    world_tasks(&world, "c", TROTH_OUTCOME_OK, 4000); /* so that it takes many publications */
    world_tasks(&world, "b", TROTH_OUTCOME_FAILED, 4);
    world_leak(&world, "b");
    for (unsigned i = 0; i < 20; i++) {
        world_step(&world);
    }
    assert_int_equal(shown_rung("a"), TROTH_RUNG_PAUSE);
    assert_int_equal(shown_rung("b"), TROTH_RUNG_PAUSE);
    const int64_t shown = world.store.shards[0].applied;
    world_crash(&world);
    assert_true(shown > committed() + 4000);
    world.config.commit_us = SECOND_US / 10;
    world_join(&world);
    world.log.on_commit = (struct fake_failure){0};
    uint64_t random = random_seed("who_replaces_widens_nothing_before_it_has_passed");
    world.log.random = &random; /* small batches, and time for a publication after each */
    const size_t from = world.journal.count;
    fake_log_assign(&world.log, 0);
    unsigned before = 0; /* after which it had not passed yet */
    for (unsigned i = 0; i < 200; i++) {
        world_step(&world);
        before += committed() < shown;
        fake_clock_move(&world.clock, SECOND_US);
        assert_int_equal(shown_rung("a"), TROTH_RUNG_PAUSE);
        assert_int_equal(shown_rung("b"), TROTH_RUNG_PAUSE);
    }
    const size_t owned = fake_journal_find(&world.journal, FAKE_OWNED, NULL, from);
    assert_true(owned < world.journal.count);
    assert_int_equal(world.journal.entries[owned].offset, shown);
    unsigned timid = 0;
    for (size_t i = from; i < world.journal.count; i++) {
        const struct fake_entry *entry = &world.journal.entries[i];
        assert_true(entry->act != FAKE_STANDING || entry->offset >= shown);
        if (entry->act == FAKE_NARROWED) {
            assert_true(entry->timid == (entry->offset < shown));
            timid += entry->timid;
        }
    }
    assert_true(timid > 0);
    assert_true(before > 5); /* else nothing could have been published in between */
    assert_true(fake_journal_count(&world.journal, FAKE_STANDING, "a", from) > 0);
    assert_true(fake_journal_count(&world.journal, FAKE_STANDING, "b", from) > 0);
}

/* How little a rung is trusted: in which turn it comes back. */
static unsigned turn_of(unsigned rung)
{
    return rung >= TROTH_RUNG_NARROW ? 0 : rung == TROTH_RUNG_WARN ? 1 : 2;
}

/* Checks that all agents came back since a place, in the order of their turns over all partitions,
 * and that then it was told of each. */
static void check_rebuilt(size_t from, unsigned agents)
{
    unsigned counts[3] = {0};
    unsigned turn = 0;
    unsigned told = 0;
    for (size_t i = from; i < world.journal.count; i++) {
        const struct fake_entry *entry = &world.journal.entries[i];
        if (entry->act == FAKE_STANDING) {
            assert_true(turn_of(entry->rung) >= turn);
            assert_int_equal(told, 0);
            turn = turn_of(entry->rung);
            counts[turn]++;
        }
        told += entry->act == FAKE_REBUILT;
    }
    assert_int_equal(counts[0] + counts[1] + counts[2], agents);
    assert_true(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    assert_int_equal(told, world.cluster.partition_count);
}

static void a_store_that_lost_everything_is_filled_narrowed_first(void **state)
{
    (void)state;
    world_close(&world);
    world_open(&world, 3);
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    for (unsigned i = 0; i < 60; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 20);
        if (i % 3 == 1) {
            world_tasks(&world, agent, TROTH_OUTCOME_FAILED, 4);
        } else if (i % 3 == 2) {
            world_leak(&world, agent);
        }
    }
    world_run(&world, 5 * SECOND_US);
    /* Under a live connection; */
    size_t from = world.journal.count;
    fake_store_lose(&world.store);
    assert_int_equal(shown_rung("a2"), TROTH_RUNG_COUNT);
    world_run(&world, SECOND_US);
    check_rebuilt(from, 60);
    assert_int_equal(shown_rung("a2"), TROTH_RUNG_PAUSE);
    assert_int_equal(shown_rung("a0"), TROTH_RUNG_CLEAR);
    assert_int_equal(world_counts(&world).store_failures, 0);
    /* and with a new one. */
    from = world.journal.count;
    fake_store_break(&world.store);
    fake_store_lose(&world.store);
    world_run(&world, SECOND_US);
    check_rebuilt(from, 60);
    assert_int_equal(committed(), end_of_log());
}

static unsigned number_of(const char *agent)
{
    const unsigned long number = strtoul(agent + 1, NULL, 10);
    assert_true(number < STORM);
    return (unsigned)number;
}

static void a_storm_that_is_not_told_whole_is_told_as_such(void **state)
{
    (void)state;
    static bool shown[STORM];
    world_close(&world);
    world_open(&world, 1);
    world.config.agents_max = STORM;
    world.config.standings_max = STORM;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    const size_t from = world.journal.count;
    world.log.slow = 1000; /* so all of it waits for one commit */
    for (unsigned i = 0; i < STORM; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 20);
    }
    do {
        world_run(&world, SECOND_US);
    } while (committed() < end_of_log());
    world_run(&world, 5 * SECOND_US);
    assert_true(world_counts(&world).unannounced > 0);
    const unsigned told = (unsigned)fake_journal_count(&world.journal, FAKE_ANNOUNCED, NULL, from);
    assert_int_equal(told + world_counts(&world).unannounced, STORM);
    /* The last time that it is said, every row is there. */
    unsigned rows = 0;
    unsigned rows_then = 0;
    for (size_t i = from; i < world.journal.count; i++) {
        const struct fake_entry *entry = &world.journal.entries[i];
        if (entry->act == FAKE_STANDING && entry->rung == TROTH_RUNG_CLEAR) {
            rows += !shown[number_of(entry->agent)];
            shown[number_of(entry->agent)] = true;
        } else if (entry->act == FAKE_REBUILT) {
            rows_then = rows;
        }
    }
    assert_int_equal(rows, STORM);
    assert_int_equal(rows_then, STORM);
}

/* A store that is slow while it is filled: what changes before its turn comes is published for
 * that, and is there when the turn does come. */
static void what_changed_while_it_is_filled_comes_back_once(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 40);
    world_leak(&world, "b");
    world_run(&world, 5 * SECOND_US);
    const size_t from = world.journal.count;
    fake_store_break(&world.store);
    fake_store_lose(&world.store);
    world.store.slow_puts = 1;
    for (unsigned i = 0; i < 1000 && world.store.slow_puts > 0; i++) {
        world_step(&world);
    }
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, NULL, from), 0);
    world_tasks(&world, "a", TROTH_OUTCOME_FAILED, 1);
    world_run(&world, SECOND_US);
    assert_int_equal(shown_rung("a"), TROTH_RUNG_CLEAR);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, "a", from), 1);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, "b", from), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_was_replaced_publishes_nothing, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(who_replaces_widens_nothing_before_it_has_passed,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(a_store_that_lost_everything_is_filled_narrowed_first,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(a_storm_that_is_not_told_whole_is_told_as_such, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(what_changed_while_it_is_filled_comes_back_once, open_world,
                                        close_world),
    };
    return cmocka_run_group_tests_name("worker_view", tests, NULL, NULL);
}
