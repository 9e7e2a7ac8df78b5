/*
 * Claims: what does not fit a shard is refused whole and the rest goes on; it works in exactly the
 * memory asked for; the largest contract is within the bounds of its loops; one record's
 * interventions are numbered; each changed standing is listed once.
 */
#include "tests/support/scenario.h"

#include <sys/mman.h>
#include <unistd.h>

#define SHARE                                                                                      \
    "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 1, fresh: 1}"
#define QUICK                                                                                      \
    "version: 1, window: 4m, panes: 4, half_life: 366d, hold: 30s, certify: {confidence: 0.6, "    \
    "within: 1h}, "

static const char *const crew[] = {"a", "b", "c"};

static void assert_applied(struct scenario *s, uint64_t applied, uint32_t agents,
                           uint32_t standings)
{
    struct troth_shard_counts counts;
    troth_shard_count(s->shard, &counts);
    assert_int_equal(counts.applied, applied);
    assert_int_equal(counts.agents, agents);
    assert_int_equal(counts.standings, standings);
}

static void a_full_shard_refuses_and_goes_on(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules = scenario_rules("contract: c, " QUICK "terms: [" SHARE "]");
    const struct troth_rules *other = scenario_rules("contract: d, " QUICK "terms: [" SHARE "]");
    scenario_open(&s, 3, 8, 4096);
    scenario_put(&s, rules);
    for (unsigned i = 0; i < 3; i++) {
        scenario_task(&s, crew[i], true, START);
    }
    struct troth_event event = task_of("d", true, START);
    assert_int_equal(scenario_feed(&s, START + SECOND, &event), TROTH_AGENTS_FULL);
    assert_true(troth_shard_clock_us(s.shard) == START + SECOND);
    assert_applied(&s, 3, 3, 3);
    assert_int_equal(troth_shard_of_agent(s.shard, text_of("d"), NULL, 0), 0);
    scenario_task(&s, "a", true, START + SECOND);
    assert_applied(&s, 4, 3, 3);
    scenario_close(&s);

    scenario_open(&s, 8, 2, 4096);
    scenario_put(&s, rules);
    scenario_task(&s, "a", true, START);
    scenario_task(&s, "b", true, START);
    event = task_of("c", true, START);
    event.seq = 5;
    event.present |= 1U << TROTH_FIELD_SEQ;
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_STANDINGS_FULL);
    assert_int_equal(troth_shard_of_agent(s.shard, text_of("c"), NULL, 0), 0);
    scenario_put(&s, other); /* known agents too: what applies to them finds no room */
    struct troth_event known = task_of("a", true, START);
    assert_int_equal(scenario_feed(&s, START, &known), TROTH_STANDINGS_FULL);
    assert_int_equal(troth_tally_of(rules, scenario_view(&s, "a", "c").standing, 0)->kept, 1);
    assert_int_equal(troth_shard_retire(s.shard, "d"), TROTH_OK);
    assert_int_equal(scenario_feed(&s, START, &known), TROTH_OK);
    assert_applied(&s, 3, 2, 2); /* nor does a refused agent take a place */
    /* With room again the refused number is no duplicate. */
    assert_int_equal(troth_shard_retire(s.shard, "c"), TROTH_OK);
    scenario_put(&s, other);
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_DUPLICATE);
    assert_applied(&s, 4, 1, 1); /* those whose last standing ended gave their places back */
    scenario_close(&s);
    scenario_rules_free(rules);
    scenario_rules_free(other);
}

static void one_record_numbers_what_it_causes(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules = scenario_rules(
        "contract: c, version: 1, window: 4m, panes: 4, half_life: 366d, certify: {confidence: "
        "0.6}, ladder: {warn: {freshness_below: 0.9}, narrow: {freshness_below: 0.7, scope: "
        "{traffic: 1}}, recertify: {freshness_below: 0.3}}, terms: [{name: t, when: {kind: task}, "
        "keep: {outcome: ok}, floor: 0.5, evidence: 4, fresh: 4}]");
    scenario_open(&s, 1, 1, 4096);
    scenario_put(&s, rules);
    for (unsigned i = 0; i < 4; i++) { /* one piece a pane: each boundary costs a quarter */
        scenario_task(&s, "a", true, START + i * MINUTE);
    }
    assert_int_equal(s.told_count, 1);
    scenario_tick(&s, START + HOUR);
    static const uint8_t rungs[] = {TROTH_RUNG_CLEAR, TROTH_RUNG_WARN, TROTH_RUNG_NARROW,
                                    TROTH_RUNG_RECERTIFY};
    assert_int_equal(s.told_count, 4);
    for (unsigned i = 1; i < 4; i++) {
        const struct troth_intervention *told = &s.told[i].intervention;
        assert_int_equal(told->to, rungs[i]);
        assert_int_equal(told->ordinal, i - 1);
        assert_true(told->cause_offset == 4);
        assert_true(told->decided_at_us == START + (i + 3) * MINUTE);
    }
    for (unsigned i = 0; i < 4; i++) {
        scenario_task(&s, "a", true, START + HOUR);
    }
    assert_int_equal(s.told_count, 5);
    assert_int_equal(s.told[4].intervention.ordinal, 0);
    assert_true(s.told[4].intervention.cause_offset == 8);
    scenario_close(&s);
    scenario_rules_free(rules);
}

/* As many deadlines as any contract has: the walk ahead and a jump over all of them end. */
static void the_largest_contract_is_within_its_bounds(void **state)
{
    (void)state;
    struct draft keys = {0};
    struct scenario s;
    draft_add(&keys, "contract: c, version: 1, consequence: low, hold: 1ms, certify: {confidence: "
                     "0.51}, terms: [");
    for (unsigned i = 0; i < 12; i++) {
        /* The greatest common divisor of the panes' widths is a millisecond: no boundaries meet. */
        draft_add(&keys,
                  "%s{name: t%u, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: "
                  "1, fresh: 1, panes: 64, window: %ums, half_life: 1d}",
                  i > 0 ? ", " : "", i, 64 * (10007 + 2 * i));
    }
    for (unsigned i = 12; i < 16; i++) {
        draft_add(&keys, ", {name: t%u, cadence: {when: {kind: task}, every: %us}}", i, 7 * i);
    }
    draft_add(&keys, "]");
    const struct troth_rules *rules = scenario_rules(keys.text);
    assert_true(rules->size <= 256 * 64);
    scenario_open(&s, 1, 1, 64);
    scenario_put(&s, rules);
    for (int64_t at_us = START; at_us < START + 12 * MINUTE; at_us += 2 * SECOND) {
        scenario_task(&s, "a", at_us % (14 * SECOND) != 0, at_us);
    }
    for (unsigned i = 0; i < 30; i++) { /* an alarm, so that nothing steps down meanwhile */
        scenario_task(&s, "a", true, START + 12 * MINUTE);
    }
    struct troth_standing_view view = scenario_view(&s, "a", "c");
    int64_t good_us = 0;
    int64_t offer_us = 0;
    troth_outlook_until(&view.sight, &good_us, &offer_us);
    assert_true(good_us > 0 && good_us <= offer_us);
    struct troth_shard_counts before;
    struct troth_shard_counts after;
    troth_shard_count(s.shard, &before);
    scenario_tick(&s, START + 366 * DAY);
    troth_shard_count(s.shard, &after);
    printf("%llu deadlines\n", (unsigned long long)(after.deadlines - before.deadlines));
    assert_in_range(after.deadlines - before.deadlines, 12 * 60, 2048);
    scenario_close(&s);
    scenario_rules_free(rules);
}

static void what_only_time_changed_is_taken_last(void **state)
{
    (void)state;
    enum { AGENTS = 12 };
    struct scenario s;
    unsigned flags = 0;
    const struct troth_rules *rules = scenario_rules("contract: c, " QUICK "terms: [" SHARE "]");
    scenario_open(&s, AGENTS, AGENTS, 16384);
    scenario_put(&s, rules);
    for (unsigned i = 0; i < AGENTS; i++) {
        scenario_task(&s, (const char[]){(char)('a' + i), '\0'}, true, START);
    }
    for (uint32_t i = 0; i < AGENTS; i++) {
        assert_int_equal(troth_shard_take_dirty(s.shard, &flags), i);
    }
    scenario_tick(&s, START + MINUTE); /* a pane boundary passes all */
    for (unsigned i = AGENTS - 4; i < AGENTS; i++) {
        scenario_task(&s, (const char[]){(char)('a' + i), '\0'}, true, START + MINUTE);
    }
    static const struct {
        uint32_t standing;
        unsigned listed;
    } turns[] = {{8, TROTH_DIRTY_LISTED}, {9, TROTH_DIRTY_LISTED},  {10, TROTH_DIRTY_LISTED},
                 {0, TROTH_DIRTY_LATER},  {11, TROTH_DIRTY_LISTED}, {1, TROTH_DIRTY_LATER}};
    for (unsigned i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        assert_int_equal(troth_shard_take_dirty(s.shard, &flags), turns[i].standing);
        assert_int_equal(flags & (TROTH_DIRTY_LISTED | TROTH_DIRTY_LATER), turns[i].listed);
        assert_true((flags & TROTH_DIRTY_WORSENED) != 0);
    }
    troth_shard_mark_dirty(s.shard, 1, flags);
    for (uint32_t i = 2; i < AGENTS - 4; i++) {
        assert_int_equal(troth_shard_take_dirty(s.shard, &flags), i);
    }
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), 1);
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), TROTH_NONE);
    scenario_close(&s);
    scenario_rules_free(rules);
}

static void a_changed_standing_is_listed_once(void **state)
{
    (void)state;
    struct scenario s;
    unsigned flags = 0;
    const struct troth_rules *rules = scenario_rules("contract: c, " QUICK "terms: [" SHARE "]");
    scenario_open(&s, 4, 3, 4096);
    scenario_put(&s, rules);
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), TROTH_NONE);
    for (unsigned round = 0; round < 7; round++) { /* the ring goes round */
        scenario_task(&s, "a", true, START + round);
        scenario_task(&s, "b", true, START + round);
        scenario_task(&s, "a", true, START + round);
        assert_int_equal(troth_shard_take_dirty(s.shard, &flags), 0);
        assert_int_equal(flags, TROTH_DIRTY_LISTED | TROTH_DIRTY_IMPROVED |
                                    (round == 0 ? TROTH_DIRTY_MOVED : 0));
        assert_int_equal(troth_shard_take_dirty(s.shard, &flags), 1);
        assert_int_equal(troth_shard_take_dirty(s.shard, &flags), TROTH_NONE);
    }
    scenario_task(&s, "b", false, START + 9);
    troth_shard_mark_dirty(s.shard, 0, TROTH_DIRTY_MOVED);
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), 1);
    assert_int_equal(flags & (TROTH_DIRTY_WORSENED | TROTH_DIRTY_IMPROVED), TROTH_DIRTY_WORSENED);
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), 0);
    assert_int_equal(flags, TROTH_DIRTY_LISTED | TROTH_DIRTY_MOVED);
    scenario_tick(&s, START + MINUTE); /* a pane boundary passes both */
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), 0);
    assert_true((flags & TROTH_DIRTY_WORSENED) != 0);
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), 1);
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), TROTH_NONE);

    /* Ended while listed: passed over. Its index taken again while listed: listed once, whole. */
    const struct troth_rules *other = scenario_rules("contract: d, " QUICK "terms: [" SHARE "]");
    for (unsigned again = 0; again < 2; again++) {
        const char *const names[] = {again == 0 ? "c" : "d", again == 0 ? "d" : "c"};
        scenario_task(&s, "a", true, START + MINUTE);
        scenario_task(&s, "b", true, START + MINUTE);
        assert_int_equal(troth_shard_retire(s.shard, names[0]), TROTH_OK);
        scenario_put(&s, again == 0 ? other : rules);
        if (again == 1) {
            scenario_task(&s, "c", true, START + MINUTE);
            scenario_task(&s, "b", true, START + MINUTE);
            scenario_task(&s, "a", true, START + MINUTE);
            uint32_t seen = 0;
            for (unsigned i = 0; i < 3; i++) {
                const uint32_t index = troth_shard_take_dirty(s.shard, &flags);
                assert_true(index < 3);
                assert_int_equal(seen >> index & 1U, 0);
                assert_true((flags & TROTH_DIRTY_MOVED) != 0);
                seen |= 1U << index;
            }
        }
        assert_int_equal(troth_shard_take_dirty(s.shard, &flags), TROTH_NONE);
    }
    scenario_close(&s);
    scenario_rules_free(rules);
    scenario_rules_free(other);
}

/* The memory ends at a page that may not be touched, and begins after bytes that must not change.
 * Agents, long names and sequences are filled to their bounds, and blocks to the last that fits. */
static void the_memory_is_exactly_what_was_asked_for(void **state)
{
    (void)state;
    enum { AGENTS = 400, BESIDE = 64 };
    static const int lengths[] = {33, 34, TROTH_AGENT_LENGTH_MAX, 5};
    const struct troth_rules *rules =
        scenario_rules("contract: c, " QUICK "terms: [" SHARE ", {name: k, completeness: true, "
                       "floor: 0.9, panes: 64, window: 64m}]");
    const struct troth_shard_config config = {.agents_max = AGENTS,
                                              .standings_max = AGENTS,
                                              .standing_bytes = 64,
                                              .max_ahead_us = MINUTE};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t size = troth_shard_size(&config);
    const size_t room = (size + BESIDE + page - 1) / page * page;
    const unsigned fitting = (AGENTS + 256) * 64 / rules->size;
    assert_int_equal(size % 64, 0);
    assert_in_range(fitting, 10, AGENTS - 1);
    char *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + room, page, PROT_NONE), 0);
    memset(map, 0x5a, room - size);
    struct troth_shard *shard = troth_shard_init(map + room - size, &config);
    assert_int_equal(troth_shard_contract(shard, rules), TROTH_OK);
    for (unsigned i = 0; i < AGENTS + 8; i++) {
        char name[TROTH_AGENT_LENGTH_MAX + 1];
        snprintf(name, sizeof name, "%0*u", lengths[i % 4], i);
        struct troth_event event = task_of(name, true, START);
        event.seq = i;
        event.present |= 1U << TROTH_FIELD_SEQ;
        assert_int_equal(troth_shard_apply(shard, START, i, &event, troth_agents_hash(event.agent)),
                         i < fitting ? TROTH_OK : TROTH_STANDINGS_FULL);
    }
    assert_int_equal(troth_shard_apply(shard, START + 9 * DAY, AGENTS + 8, NULL, 0), TROTH_OK);
    for (unsigned i = 0; i < fitting; i++) {
        char name[TROTH_AGENT_LENGTH_MAX + 1];
        struct troth_standing_view view;
        snprintf(name, sizeof name, "%0*u", lengths[i % 4], i);
        assert_true(troth_shard_view(shard, i, &view));
        assert_int_equal(view.agent.length, strlen(name));
        assert_memory_equal(view.agent.data, name, view.agent.length);
    }
    for (size_t i = 0; i < room - size; i++) {
        assert_int_equal(map[i], 0x5a);
    }
    assert_int_equal(munmap(map, room + page), 0);
    scenario_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_shard_refuses_and_goes_on),
        cmocka_unit_test(one_record_numbers_what_it_causes),
        cmocka_unit_test(the_largest_contract_is_within_its_bounds),
        cmocka_unit_test(a_changed_standing_is_listed_once),
        cmocka_unit_test(what_only_time_changed_is_taken_last),
        cmocka_unit_test(the_memory_is_exactly_what_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
