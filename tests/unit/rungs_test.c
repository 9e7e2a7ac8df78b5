/*
 * Claims: how many standings of a contract are on each rung, as the shard keeps it, is what a look
 * at every standing counts, after each record of random streams, when contracts change or are
 * retired, when agents go, and when standings are restored, written over and forgotten. A standing
 * that kept evidence comes too late for is counted once an event.
 */
#include "tests/support/restore.h"
#include "tests/support/scenario_random.h"

enum { RECORDS = 400, AGENTS = 6, CONTRACTS = 3, CASES = 60 };

static const char *const agents[AGENTS] = {"a", "b", "c", "d", "e", "f"};
static const char *const names[CONTRACTS] = {"c0", "c1", "c2"};
static unsigned seen[TROTH_RUNG_COUNT];

/* Holds what the shard keeps against a recount; returns how many standings there are. */
static uint32_t check(const struct scenario *s)
{
    uint32_t recounted[TROTH_CONTRACTS_MAX][TROTH_RUNG_COUNT] = {{0}};
    uint32_t sum = 0;
    for (uint32_t i = 0; i < troth_shard_standings(s->shard); i++) {
        const unsigned rung = troth_shard_rung(s->shard, i);
        if (rung < TROTH_RUNG_COUNT) {
            recounted[troth_shard_at(s->shard, i)->contract][rung]++;
            seen[rung]++;
            sum++;
        }
    }
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        uint32_t kept[TROTH_RUNG_COUNT];
        troth_shard_rungs(s->shard, slot, kept);
        assert_memory_equal(kept, recounted[slot], sizeof kept);
    }
    return sum;
}

static void feed_random(struct scenario *s, uint64_t *random, int64_t *clock_us)
{
    const unsigned trouble = (unsigned)random_below(random, 60);
    for (unsigned i = 0; i < RECORDS; i++) {
        struct record record = random_record(random, *clock_us, agents, AGENTS, trouble);
        *clock_us = record.timestamp_us > *clock_us ? record.timestamp_us : *clock_us;
        (void)scenario_feed(s, record.timestamp_us, record.rejected ? NULL : &record.event);
        (void)check(s);
    }
}

static void random_streams(void **state)
{
    (void)state;
    uint64_t random = random_seed("rungs_test");
    static struct scenario s;
    static struct scenario restored;
    struct saved saved = {0};
    uint64_t evicted = 0;
    uint64_t late = 0;
    for (unsigned c = 0; c < CASES; c++) {
        const struct troth_rules *rules[2 * CONTRACTS];
        scenario_open(&s, AGENTS - 1, 2 * AGENTS, 4096); /* one agent too many, few standings */
        scenario_open(&restored, AGENTS, 3 * AGENTS, 4096);
        s.config.on_ended = restored.config.on_ended = NULL;
        s.config.evict_after_us = c % 2 > 0 ? 10 * SECOND : 0;
        scenario_restart(&s);
        scenario_restart(&restored);
        int64_t clock_us = START;
        for (unsigned i = 0; i < CONTRACTS; i++) {
            rules[i] = random_rules(&random, names[i], 1);
            scenario_put(&s, rules[i]);
            scenario_put(&restored, rules[i]);
        }
        feed_random(&s, &random, &clock_us);
        saved_take(&saved, s.shard);
        saved_restore(&saved, &restored, &random);
        assert_int_equal(check(&restored), saved.count);
        feed_random(&s, &random, &clock_us);
        saved_take(&saved, s.shard);
        for (unsigned i = 0; i < saved.count; i++) { /* over what is there, and some forgotten */
            assert_int_equal(saved_put(restored.shard, &saved.records[i]), TROTH_OK);
            (void)check(&restored);
            if (random_below(&random, 3) == 0) {
                assert_int_equal(troth_shard_forget(restored.shard, text_of(saved.records[i].agent),
                                                    text_of(saved.records[i].contract)),
                                 TROTH_OK);
                (void)check(&restored);
            }
        }
        for (unsigned i = 0; i < CONTRACTS; i++) {
            rules[CONTRACTS + i] = random_rules(&random, names[i], 2);
            (void)!troth_shard_contract(s.shard, rules[CONTRACTS + i]); /* there may be no room */
            (void)check(&s);
        }
        feed_random(&s, &random, &clock_us);
        for (unsigned i = 0; i < CONTRACTS; i++) {
            assert_int_equal(troth_shard_retire(s.shard, names[i]), TROTH_OK);
            (void)check(&s);
        }
        assert_int_equal(check(&s), 0);
        struct troth_shard_counts counts;
        troth_shard_count(s.shard, &counts);
        evicted += counts.evicted;
        late += counts.late;
        scenario_close(&s);
        scenario_close(&restored);
        for (unsigned i = 0; i < 2 * CONTRACTS; i++) {
            scenario_rules_free(rules[i]);
        }
    }
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        assert_true(seen[rung] > 0);
    }
    assert_true(evicted > 0);
    assert_true(late > 0);
    saved_free(&saved);
}

static void late_is_counted_once(void **state)
{
    (void)state;
    static struct scenario s;
    struct troth_shard_counts counts;
    const struct troth_rules *rules =
        scenario_rules("contract: c, version: 1, window: 4m, panes: 4, terms: ["
                       "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9},"
                       "{name: u, when: {kind: task}, keep: {outcome: ok}, floor: 0.8}]");
    scenario_open(&s, 4, 4, 4096);
    scenario_put(&s, rules);
    scenario_task(&s, "a", true, START + HOUR);
    const struct troth_event late = task_of("a", true, START);
    const struct troth_event broken = task_of("a", false, START);
    assert_int_equal(scenario_feed(&s, START + HOUR, &late), TROTH_OK);
    assert_int_equal(scenario_feed(&s, START + HOUR, &broken), TROTH_OK); /* hiding must not pay */
    troth_shard_count(s.shard, &counts);
    assert_int_equal(counts.late, 1);
    scenario_close(&s);
    scenario_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_streams),
                                       cmocka_unit_test(late_is_counted_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
