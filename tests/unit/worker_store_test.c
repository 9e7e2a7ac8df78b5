/*
 * Claims: a narrowing is published before the next record is applied and before the commit, a
 * widening never before its record is committed; interventions are committed at once; a commit
 * comes after what the store was sent, but waits for no store that is away or says no; with the
 * store away or slow scoring and interventions go on, nothing is lost, and on return every standing
 * is shown anew, wherever the connection breaks; inside the dead band nothing is written, but
 * each use of a waiver is; who drains shows the ledgers that the last commit wrote; where
 * records wait, publication has a tenth of the thread's work, whatever time others have its core.
 */
#include "tests/support/fake_world.h"

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

/* The place of the first arrival of a record of the interventions topic, from a place on. */
static size_t told_at(size_t from)
{
    for (size_t i = from; i < world.journal.count; i++) {
        if (world.journal.entries[i].act == FAKE_ARRIVED &&
            world.journal.entries[i].topic == TROTH_TOPIC_INTERVENTIONS) {
            return i;
        }
    }
    return world.journal.count;
}

static unsigned shown_rung(const char *agent)
{
    const struct fake_entry *entry = fake_store_shows(&world.store, agent, "refunds");
    return entry != NULL ? entry->rung : TROTH_RUNG_COUNT;
}

/* ---- Order. ---- */

static void narrowing_comes_at_once(void **state)
{
    (void)state;
    const size_t from = world.journal.count;
    for (unsigned i = 0; i < 40; i++) { /* all in one batch; b comes after a */
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        world_leak(&world, agent);
        world_tasks(&world, "other", TROTH_OUTCOME_OK, 1);
    }
    world_step(&world);
    int64_t last_us = 0;
    for (unsigned i = 0; i < 40; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        const size_t place = fake_journal_find(&world.journal, FAKE_NARROWED, agent, from);
        assert_true(place < fake_journal_find(&world.journal, FAKE_COMMITTED, NULL, from));
        assert_true(place < fake_journal_find(&world.journal, FAKE_STANDING, NULL, from));
        assert_int_equal(world.journal.entries[place].state, FAKE_DONE);
        assert_int_equal(world.journal.entries[place].rung, TROTH_RUNG_PAUSE);
        assert_int_equal(world.journal.entries[place + 1].act, FAKE_AGENT);
        assert_int_equal(world.journal.entries[place + 1].rung, TROTH_RUNG_PAUSE);
        assert_true(world.journal.entries[place].as_of_us >= last_us);
        last_us = world.journal.entries[place].as_of_us;
    }
}

/* As the record stood in the log, not as the batch ended: the standing is shown at the record's
 * own time. */
static void narrowing_is_shown_before_the_next_record(void **state)
{
    (void)state;
    const size_t from = world.journal.count;
    world_leak(&world, "a");
    const int64_t leaked_us = world.clock.wall_us / 1000 * 1000;
    fake_clock_move(&world.clock, 5000);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    fake_clock_move(&world.clock, 5000);
    world_leak(&world, "b");
    world_step(&world);
    const size_t a = fake_journal_find(&world.journal, FAKE_NARROWED, "a", from);
    const size_t b = fake_journal_find(&world.journal, FAKE_NARROWED, "b", from);
    assert_true(a < b && b < world.journal.count);
    assert_int_equal(world.journal.entries[a].as_of_us, leaked_us);
    assert_int_equal(world.journal.entries[b].as_of_us, leaked_us + 10000);
}

static void widening_waits_for_its_record(void **state)
{
    (void)state;
    world.log.keeps_pending = true;
    world.log.on_flush = (struct fake_failure){TROTH_TIMED_OUT, 0, 3};
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 3};
    const size_t from = world.journal.count;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10);
    world_run(&world, 200 * SECOND_US);
    assert_int_equal(shown_rung("a"), TROTH_RUNG_CLEAR);
    const size_t told = told_at(from);
    const size_t done = fake_journal_find(&world.journal, FAKE_COMMITTED, NULL, from);
    size_t announced = world.journal.count;
    for (size_t i = from; i < world.journal.count; i++) {
        const struct fake_entry *entry = &world.journal.entries[i];
        if ((entry->act == FAKE_STANDING || entry->act == FAKE_AGENT) &&
            entry->rung == TROTH_RUNG_CLEAR) {
            assert_true(i > told && i > done);
        }
        announced = entry->act == FAKE_ANNOUNCED ? i : announced;
    }
    assert_true(told < world.journal.count);
    assert_true(announced < world.journal.count);
    assert_in_range(world.journal.entries[announced].state, FAKE_SENT, FAKE_DONE);
}

/* Where a standing widens and narrows in the same batch, what is shown of it at once is not wider
 * than what was shown before, until the widening's record is safe. */
static void narrowing_brings_no_unsafe_widening(void **state)
{
    (void)state;
    /* The tasks certify `refunds` (clear), the failures then bring it to warn: a narrowing, and yet
     * wider than the recertify that was shown. */
    world.log.keeps_pending = true;
    world.log.on_flush = (struct fake_failure){TROTH_TIMED_OUT, 0, 2};
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 2};
    const size_t from = world.journal.count;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_step(&world);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 19);
    world_tasks(&world, "a", TROTH_OUTCOME_FAILED, 4);
    world_run(&world, 200 * SECOND_US);
    const size_t told = told_at(from);
    assert_true(told < world.journal.count);
    assert_true(world_told(&world) >= 2);
    for (size_t i = from; i < told; i++) {
        const struct fake_entry *entry = &world.journal.entries[i];
        if (entry->act == FAKE_NARROWED || entry->act == FAKE_STANDING ||
            entry->act == FAKE_AGENT) {
            assert_true(entry->rung >= TROTH_RUNG_RECERTIFY);
        }
    }
}

/* The loop goes on while a narrowing is on its way; its record is not committed before it is there,
 * and nothing else is put of its agent. */
static void a_narrowing_on_its_way_holds_up_its_commit_alone(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 12);
    world_run(&world, SECOND_US);
    const size_t from = world.journal.count;
    world.store.slow_narrowed = 1000000;
    world_leak(&world, "a");
    world_step(&world);
    const uint64_t records = world_counts(&world).records;
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 3);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    for (unsigned i = 0; i < 100; i++) {
        fake_clock_move(&world.clock, 10000);
        world_step(&world);
    }
    assert_true(world_counts(&world).records >= records + 6);
    assert_true(fake_journal_count(&world.journal, FAKE_STANDING, "b", from) > 0);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, "a", from), 0);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_COMMITTED, NULL, from), 0);
    assert_int_equal(shown_rung("a"), TROTH_RUNG_CLEAR);
    world.store.slow_narrowed = 0;
    world_run(&world, SECOND_US);
    assert_int_equal(shown_rung("a"), TROTH_RUNG_PAUSE);
    assert_true(told_at(from) < world.journal.count);
    assert_int_equal(committed(), end_of_log());
}

static void commit_comes_last(void **state)
{
    (void)state;
    size_t from = world.journal.count;
    const int64_t before = committed();
    world_leak(&world, "a");
    world_step(&world);
    size_t done = fake_journal_find(&world.journal, FAKE_COMMITTED, NULL, from);
    assert_true(fake_journal_find(&world.journal, FAKE_NARROWED, "a", from) < done);
    assert_true(told_at(from) < done && done < world.journal.count);
    assert_true(committed() > before);
    from = world.journal.count;
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 3);
    world_run(&world, 3 * SECOND_US);
    done = fake_journal_find(&world.journal, FAKE_COMMITTED, NULL, from);
    const size_t answered = fake_journal_find(&world.journal, FAKE_ACKNOWLEDGED, NULL, from);
    assert_true(fake_journal_find(&world.journal, FAKE_STANDING, "b", from) < answered);
    assert_true(answered < done && done < world.journal.count);
}

/* Batch after batch has something to tell: each is committed before the next is read. */
static void interventions_are_committed_at_once(void **state)
{
    (void)state;
    world_crash(&world);
    world.config.commit_us = 1000 * SECOND_US;
    world_start(&world);
    world_run(&world, SECOND_US);
    for (unsigned i = 0; i < 5; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, "other", TROTH_OUTCOME_OK, 1);
        world_leak(&world, agent);
        world_step(&world);
        assert_int_equal(world_told(&world), i + 1);
        assert_int_equal(committed(), end_of_log());
    }
    const int64_t before = committed();
    world_tasks(&world, "other", TROTH_OUTCOME_OK, 1); /* tells nothing, so it can wait */
    world_run(&world, SECOND_US);
    assert_int_equal(committed(), before);
}

static void store_that_says_no_is_told_anew(void **state)
{
    (void)state;
    world.store.refusals = 1;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    world_run(&world, SECOND_US / 2);
    const size_t from = world.journal.count;
    world_run(&world, SECOND_US);
    assert_int_equal(committed(), end_of_log());
    assert_int_equal(world_counts(&world).store_failures, 1);
    assert_int_equal(world_counts(&world).commit_failures, 0);
    assert_true(fake_journal_count(&world.journal, FAKE_STANDING, "a", from) > 0);
}

static unsigned times_said(const char *text)
{
    unsigned count = 0;
    for (const char *at = strstr(world.said, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

static void store_that_says_no_for_long_is_neither_pressed_nor_told_of_again(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_run(&world, 2 * SECOND_US);
    const unsigned there = times_said("the store is there");
    world.store.refusals = 1000;
    for (unsigned i = 0; i < 200; i++) {
        world_tasks(&world, "b", TROTH_OUTCOME_OK, 1);
        world_run(&world, SECOND_US / 10);
    }
    assert_int_equal(times_said("scoring goes on"), 1);
    assert_int_equal(times_said("the store is there"), there);
    assert_in_range(world_counts(&world).store_failures, 2, 20);
    assert_int_equal(committed(), end_of_log());
    world.store.refusals = 0;
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 1);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(times_said("the store is there again"), 1);
    assert_int_equal(shown_rung("b"), TROTH_RUNG_CLEAR);
    assert_true(world_counts(&world).store_connected);
}

/* ---- Away, slow, broken. ---- */

static void store_away_stops_nothing(void **state)
{
    (void)state;
    world.store.away = true;
    for (unsigned i = 0; i < 300; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 12);
        if (i % 10 == 0) {
            world_leak(&world, agent);
        }
        world_run(&world, SECOND_US / 10);
    }
    world_run(&world, SECOND_US);
    assert_int_equal(committed(), end_of_log());
    assert_int_equal(world_told(&world), 300 + 30);
    assert_int_equal(world_counts(&world).standings, 300);
    assert_false(world_counts(&world).store_connected);
    const size_t from = world.journal.count;
    world.store.away = false;
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(committed(), end_of_log());
    for (unsigned i = 0; i < 300; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "a%u", i);
        assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, agent, from), 1);
        assert_int_equal(shown_rung(agent), i % 10 == 0 ? TROTH_RUNG_PAUSE : TROTH_RUNG_CLEAR);
    }
}

static void slow_store_loses_nothing(void **state)
{
    (void)state;
    uint64_t random = random_seed("slow_store_loses_nothing");
    for (unsigned i = 0; i < 200; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "a%u", i);
        world.store.slow_puts = (unsigned)random_below(&random, 4);
        world.store.slow_flush = (unsigned)random_below(&random, 3);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 10 + i % 5);
        world_run(&world, SECOND_US / 20);
    }
    world_run(&world, 5 * SECOND_US);
    assert_int_equal(world_counts(&world).store_failures, 0);
    assert_int_equal(committed(), end_of_log());
    for (unsigned i = 0; i < 200; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "a%u", i);
        assert_int_equal(shown_rung(agent), TROTH_RUNG_CLEAR);
    }
}

/* Shows an agent of which so many records come with each poll, then another. Returns how long the
 * second one took to be shown. */
static int64_t next_is_shown_after(const char *first, unsigned records, const char *second)
{
    while (shown_rung(first) == TROTH_RUNG_COUNT) {
        world_tasks(&world, first, TROTH_OUTCOME_OK, records);
        fake_clock_move(&world.clock, SECOND_US / 100); /* polls that bring records wait for none */
        world_step(&world);
    }
    const int64_t from_us = world.clock.monotonic_us;
    world_tasks(&world, second, TROTH_OUTCOME_OK, 10);
    while (shown_rung(second) == TROTH_RUNG_COUNT) {
        world_step(&world);
    }
    return world.clock.monotonic_us - from_us;
}

static void publication_pauses_for_its_own_work(void **state)
{
    (void)state;
    world.store.put_us = 20000;
    assert_true(next_is_shown_after("a", 2000, "b") >= 9 * world.store.put_us);
    world_run(&world, SECOND_US);
    assert_true(next_is_shown_after("c", 10, "d") < 5 * world.store.put_us);
    world_run(&world, SECOND_US);
    world.store.put_waits = true;
    assert_true(next_is_shown_after("e", 2000, "f") < 5 * world.store.put_us);
}

static void slow_store_has_a_rest(void **state)
{
    (void)state;
    world.store.slow_flush = 1;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10);
    while (world.store.slow_flush > 0) {
        world_step(&world);
    }
    const int64_t took_us = 400000;
    world.store.answers_us = world.clock.monotonic_us + took_us;
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 10);
    while (shown_rung("b") == TROTH_RUNG_COUNT) {
        world_step(&world);
    }
    const int64_t rested_us = world.clock.monotonic_us - world.store.answers_us;
    assert_in_range(rested_us, took_us / 4, took_us / 4 + 10000);
}

/* A slice ends when its time is over; the next one comes though the store has not answered it. */
static void slices_do_not_wait_for_answers(void **state)
{
    (void)state;
    enum { AGENTS = 100 };
    char agent[16];
    const int64_t end_us = world.clock.monotonic_us + SECOND_US;
    world.store.put_us = 100; /* so that each slice is over before all are put */
    world.store.answers_us = world.clock.monotonic_us + 100 * SECOND_US;
    for (unsigned i = 0; i < AGENTS; i++) {
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 1);
    }
    for (unsigned i = 0; i < AGENTS; i++) {
        snprintf(agent, sizeof agent, "a%u", i);
        while (shown_rung(agent) == TROTH_RUNG_COUNT && world.clock.monotonic_us < end_us) {
            world_step(&world);
        }
        assert_int_equal(shown_rung(agent), TROTH_RUNG_RECERTIFY);
    }
}

/* Whichever call it is at which the connection breaks: in the end all is shown, told and committed.
 */
static void connection_may_break_anywhere(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 40; n++) {
        char agents[3][16];
        world.store.break_at = world.store.calls + n;
        for (unsigned i = 0; i < 3; i++) {
            snprintf(agents[i], sizeof agents[i], "a%u-%llu", i, (unsigned long long)n);
            world_tasks(&world, agents[i], TROTH_OUTCOME_OK, 10);
            world_step(&world);
        }
        world_leak(&world, agents[1]);
        world_step(&world);
        world_run(&world, 5 * SECOND_US);
        assert_true(world.store.calls >= world.store.break_at);
        assert_int_equal(shown_rung(agents[0]), TROTH_RUNG_CLEAR);
        assert_int_equal(shown_rung(agents[1]), TROTH_RUNG_PAUSE);
        assert_int_equal(shown_rung(agents[2]), TROTH_RUNG_CLEAR);
        assert_int_equal(committed(), end_of_log());
        assert_int_equal(world_told(&world), 4 * n);
    }
    assert_true(world_counts(&world).store_failures >= 40);
}

/* ---- What is worth a write. ---- */

static void dead_band_holds_back(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK,
                50); /* a score of 997: the rest is within 5 points */
    world_run(&world, SECOND_US);
    assert_true(fake_store_shows(&world.store, "a", "refunds")->score > 995);
    const size_t from = world.journal.count;
    for (unsigned i = 0; i < 100; i++) {
        world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
        world_run(&world, SECOND_US / 10);
    }
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, "a", from), 0);
    world_tasks(&world, "a", TROTH_OUTCOME_FAILED, 20);
    world_run(&world, SECOND_US / 10);
    assert_true(fake_journal_count(&world.journal, FAKE_STANDING, "a", from) +
                    fake_journal_count(&world.journal, FAKE_NARROWED, "a", from) >
                0);
}

static void good_until_is_kept_fresh(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 100);
    world_run(&world, SECOND_US);
    const size_t from = world.journal.count;
    for (unsigned i = 0; i < 1800; i++) { /* half an hour of steady work */
        world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
        world_run(&world, SECOND_US);
        const struct fake_entry *shown = fake_store_shows(&world.store, "a", "refunds");
        assert_int_equal(shown->rung, TROTH_RUNG_CLEAR);
        assert_true(shown->good_until_us > world.clock.wall_us);
    }
    /* About every five minutes, as it is good for about ten. */
    assert_in_range(fake_journal_count(&world.journal, FAKE_STANDING, "a", from), 4, 12);
}

static void without_a_store_all_goes_on(void **state)
{
    (void)state;
    world_crash(&world);
    world.config.store = NULL;
    world_start(&world);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10);
    world_leak(&world, "b");
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_told(&world), 2);
    assert_int_equal(committed(), end_of_log());
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_step(&world);
    assert_int_equal(troth_worker_drain(world.worker, SECOND_US), TROTH_OK);
    assert_int_equal(committed(), end_of_log());
}

static void drain_finishes_what_is_read(void **state)
{
    (void)state;
    world.store.slow_puts = 7;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10);
    world_step(&world);
    assert_int_equal(troth_worker_drain(world.worker, 5 * SECOND_US), TROTH_OK);
    assert_int_equal(shown_rung("a"), TROTH_RUNG_CLEAR);
    assert_int_equal(committed(), end_of_log());
    world.store.away = true; /* the log takes all of it nevertheless */
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10);
    world_step(&world);
    assert_int_equal(troth_worker_drain(world.worker, 5 * SECOND_US), TROTH_TIMED_OUT);
    assert_int_equal(committed(), end_of_log());
}

/* The ledger that the store was given last. */
static const char *shown_week(void)
{
    const char *text = NULL;
    for (size_t i = 0; i < world.journal.count; i++) {
        text = world.journal.entries[i].act == FAKE_WEEK ? world.journal.entries[i].text : text;
    }
    return text;
}

/* Of 5 tasks the ledger in the log tells only with the last commit. */
static void drain_shows_the_last_ledger(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10);
    world_run(&world, 10 * SECOND_US);
    assert_non_null(strstr(shown_week(), "\"tasks\":10,"));
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 5);
    world_step(&world);
    assert_non_null(strstr(shown_week(), "\"tasks\":10,"));
    assert_int_equal(troth_worker_drain(world.worker, 5 * SECOND_US), TROTH_OK);
    assert_non_null(strstr(shown_week(), "\"tasks\":15,"));
}

/* The first leak takes the score to 0, where it stays: all that the others change is their count.
 */
static void uses_of_a_waiver_are_shown(void **state)
{
    (void)state;
    world_crash(&world);
    world.config.read_decisions = true;
    world_start(&world);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_run(&world, 10 * SECOND_US);
    struct troth_decision waiver = world_decision(&world, "a", TROTH_ACTION_WAIVE, 1);
    waiver.term = troth_text_of("no-leak");
    waiver.until_us = world.clock.wall_us + 3600 * SECOND_US;
    (void)world_decide(&world, &waiver);
    world_run(&world, 2 * SECOND_US);
    world_leak(&world, "a");
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(shown_rung("a"), TROTH_RUNG_CLEAR);
    assert_int_equal(fake_store_shows(&world.store, "a", "refunds")->score, 0);
    for (unsigned i = 0; i < 3; i++) {
        const size_t from = world.journal.count;
        world_leak(&world, "a");
        world_run(&world, SECOND_US);
        assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, "a", from), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(narrowing_comes_at_once, open_world, close_world),
        cmocka_unit_test_setup_teardown(narrowing_is_shown_before_the_next_record, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(widening_waits_for_its_record, open_world, close_world),
        cmocka_unit_test_setup_teardown(narrowing_brings_no_unsafe_widening, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_narrowing_on_its_way_holds_up_its_commit_alone,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(commit_comes_last, open_world, close_world),
        cmocka_unit_test_setup_teardown(interventions_are_committed_at_once, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(
            store_that_says_no_for_long_is_neither_pressed_nor_told_of_again, open_world,
            close_world),
        cmocka_unit_test_setup_teardown(store_that_says_no_is_told_anew, open_world, close_world),
        cmocka_unit_test_setup_teardown(store_away_stops_nothing, open_world, close_world),
        cmocka_unit_test_setup_teardown(slow_store_loses_nothing, open_world, close_world),
        cmocka_unit_test_setup_teardown(publication_pauses_for_its_own_work, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(slow_store_has_a_rest, open_world, close_world),
        cmocka_unit_test_setup_teardown(slices_do_not_wait_for_answers, open_world, close_world),
        cmocka_unit_test_setup_teardown(connection_may_break_anywhere, open_world, close_world),
        cmocka_unit_test_setup_teardown(dead_band_holds_back, open_world, close_world),
        cmocka_unit_test_setup_teardown(good_until_is_kept_fresh, open_world, close_world),
        cmocka_unit_test_setup_teardown(without_a_store_all_goes_on, open_world, close_world),
        cmocka_unit_test_setup_teardown(drain_finishes_what_is_read, open_world, close_world),
        cmocka_unit_test_setup_teardown(drain_shows_the_last_ledger, open_world, close_world),
        cmocka_unit_test_setup_teardown(uses_of_a_waiver_are_shown, open_world, close_world),
    };
    return cmocka_run_group_tests_name("worker_store", tests, NULL, NULL);
}
