/*
 * Claims: an evicted agent is told by tombstones that are committed with everything else that
 * changed, so that a restart comes to the same; its place is another's; its rows go from the store,
 * also where that is away, comes back older, or the worker dies before it has told it. An agent
 * whose contracts ended keeps its sequence windows over a restart, by a record of its own, until it
 * has a standing again or is evicted.
 */
#include "tests/support/fake_world.h"

#include "consumers/partition_record.h"

#define HOUR_US (3600 * SECOND_US)

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 1);
    world.config.checkpoint_us = SECOND_US;
    world.config.evict_after_us = 2 * HOUR_US;
    world.config.agents_max = 2;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static void restart(void)
{
    world_crash(&world);
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
}

static void push_for(const char *glob, unsigned version)
{
    char yaml[2048];
    const int length = snprintf(yaml, sizeof yaml, "%s", WORLD_CONTRACT("refunds", 7));
    char *digit = strstr(yaml, "version: 7");
    digit[9] = (char)('0' + version);
    snprintf(yaml + length, sizeof yaml - (size_t)length, "applies_to: {agent: \"%s\"}\n", glob);
    world_push(&world, yaml);
    world_run(&world, 2 * SECOND_US);
}

/* Hours pass, in which somebody else is heard. */
static void hours(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fake_clock_move(&world.clock, HOUR_US);
        const struct troth_event event =
            world_event(&world, "other", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE);
        world_append(&world, &event);
        world_run(&world, SECOND_US / 10);
    }
    world_run(&world, 2 * SECOND_US);
}

/* The last record of a key in standings; NULL: there is none. */
static const struct fake_record *last_of(const char *key, size_t length)
{
    const struct fake_partition *standings = &world.cluster.topics[TROTH_TOPIC_STANDINGS][0];
    const struct fake_record *last = NULL;
    for (size_t i = 0; i < standings->count; i++) {
        const struct fake_record *record = &standings->records[i];
        last =
            record->key_length == length && memcmp(record->key, key, length) == 0 ? record : last;
    }
    return last;
}

static unsigned removals(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < world.journal.count; i++) {
        const struct fake_entry *entry = &world.journal.entries[i];
        count += entry->act == FAKE_REMOVED && entry->last &&
                 (entry->state == FAKE_SENT || entry->state == FAKE_DONE) &&
                 strcmp(entry->agent, "a") == 0;
    }
    return count;
}

/* An agent that does a task, and then is silent for long. */
static void fall_silent(void)
{
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    world_run(&world, 2 * SECOND_US);
    hours(1);
    assert_int_equal(world_counts(&world).agents, 2);
}

static void the_place_is_anothers(void **state)
{
    (void)state;
    fall_silent();
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 1); /* no room */
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).rejects[TROTH_AGENTS_FULL], 1);
    hours(30);
    assert_int_equal(world_counts(&world).evicted, 1);
    assert_int_equal(world_counts(&world).agents, 1);
    assert_int_equal(world_counts(&world).standings, 1);
    assert_null(last_of("a\0refunds", 9)->value);
    assert_int_equal(removals(), 1);
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 1);
    world_run(&world, 2 * SECOND_US);
    char *before = world_standings(&world);
    restart();
    assert_int_equal(world_counts(&world).restored, 0);
    assert_int_equal(world_counts(&world).agents, 2);
    char *after = world_standings(&world);
    assert_string_equal(before, after);
    free(before);
    free(after);
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 1);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).rejects[TROTH_AGENTS_FULL], 0);
}

/* Nothing from before an eviction may be read again: whoever has a record of it has no agent. */
static void what_changed_is_committed_with_it(void **state)
{
    (void)state;
    world.config.checkpoint_us = 1000 * HOUR_US; /* no round comes by itself */
    fall_silent();
    hours(30);
    assert_int_equal(world_counts(&world).evicted, 1);
    restart();
    assert_true(world_counts(&world).restored < 8); /* of what came after the eviction */
    assert_int_equal(world_counts(&world).agents, 1);
    assert_int_equal(world_counts(&world).standings, 1);
}

static void a_store_that_was_away_is_told(void **state)
{
    (void)state;
    fall_silent();
    world.store.away = true;
    hours(30);
    assert_int_equal(world_counts(&world).evicted, 1);
    assert_int_equal(removals(), 0);
    world.store.away = false;
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(removals(), 1);
    fake_store_break(&world.store); /* what it did not answer is lost */
    assert_int_equal(removals(), 0);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(removals(), 1);
}

static void who_comes_next_tells_the_store(void **state)
{
    (void)state;
    fall_silent();
    world.store.away = true;
    hours(30);
    world_crash(&world);
    world.store.away = false;
    world_start(&world);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(removals(), 1);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1); /* it is back, and its rows stay */
    world_run(&world, 2 * SECOND_US);
    restart();
    assert_int_equal(removals(), 1);
}

static void send_numbered(int64_t seq)
{
    struct troth_event event = world_event(&world, "a", TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    event.present |= 1U << TROTH_FIELD_SEQ;
    event.seq = seq;
    world_append(&world, &event);
    world_run(&world, SECOND_US);
}

static void the_windows_of_an_agent_alone_are_kept(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    send_numbered(7);
    assert_null(last_of("a\0", 2));
    push_for("other", 2);
    assert_null(last_of("a\0refunds", 9)->value);
    assert_non_null(last_of("a\0", 2)->value);
    restart();
    assert_int_equal(world_counts(&world).agents, 1);
    assert_int_equal(world_counts(&world).standings, 0);
    send_numbered(7);
    assert_int_equal(world_counts(&world).duplicates, 1);
    send_numbered(8); /* of no contract, and remembered all the same */
    world_run(&world, 2 * SECOND_US);
    restart();
    assert_int_equal(world_counts(&world).restored, 0);
    send_numbered(8);
    assert_int_equal(world_counts(&world).duplicates, 1);
    push_for("a", 3);
    send_numbered(9);
    world_run(&world, 2 * SECOND_US);
    assert_non_null(last_of("a\0refunds", 9)->value);
    assert_null(last_of("a\0", 2)->value); /* the standing's record has them now */
    restart();
    send_numbered(8);
    send_numbered(9);
    assert_int_equal(world_counts(&world).duplicates, 2);
}

static void an_agent_alone_is_evicted_too(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    send_numbered(7);
    push_for("other", 2);
    hours(3);
    restart();
    hours(3);
    assert_int_equal(world_counts(&world).evicted, 1);
    assert_null(last_of("a\0", 2)->value);
    restart();
    assert_int_equal(world_counts(&world).agents, 1);
    send_numbered(7);
    assert_int_equal(world_counts(&world).duplicates, 0);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(the_place_is_anothers),
        WITH_WORLD(what_changed_is_committed_with_it),
        WITH_WORLD(a_store_that_was_away_is_told),
        WITH_WORLD(who_comes_next_tells_the_store),
        WITH_WORLD(the_windows_of_an_agent_alone_are_kept),
        WITH_WORLD(an_agent_alone_is_evicted_too),
    };
    return cmocka_run_group_tests_name("worker_eviction", tests, NULL, NULL);
}
