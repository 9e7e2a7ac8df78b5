/*
 * Claims: an agent that fell silent in recertify, with nothing on record, gives its places back
 * after one to two times `evict_after` without an event, and never where that is 0; any event of
 * its own begins the time anew; each thing that is on record keeps it, and so does each standing of
 * its that is not at rest; what comes back is what a new agent is. Places are used again without
 * end. One whose contracts ended goes likewise, and it is told where it was written down.
 */
#include "tests/support/restore.h"

#define EVICT (8 * HOUR)
#define SHORT                                                                                      \
    "version: 1, window: 4m, panes: 4, half_life: 30s, hold: 30s, certify: {confidence: 0.6, "     \
    "within: 1h}, "
#define SHARE                                                                                      \
    "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 100, fresh: 50}"

static struct scenario s;

static void open_with(const struct troth_rules *rules)
{
    scenario_open(&s, 2, 4, 4096);
    s.config.evict_after_us = EVICT;
    scenario_restart(&s);
    scenario_put(&s, rules);
}

static void close_with(const struct troth_rules *rules)
{
    scenario_close(&s);
    scenario_rules_free(rules);
}

static struct troth_shard_counts counts(void)
{
    struct troth_shard_counts now;
    troth_shard_count(s.shard, &now);
    return now;
}

static bool is_there(const char *agent)
{
    return troth_agents_find(&s.shard->agents, text_of(agent), troth_agents_hash(text_of(agent))) !=
           TROTH_NONE;
}

/* Ticks each minute. Returns when the agent went, or 0 where it is still there at the end. */
static int64_t wait_for(const char *agent, int64_t from_us, int64_t until_us)
{
    for (int64_t t = from_us; t <= until_us; t += MINUTE) {
        scenario_tick(&s, t);
        if (!is_there(agent)) {
            return t;
        }
    }
    return 0;
}

static struct troth_event heartbeat_of(const char *agent, int64_t at_us)
{
    return event_of(agent, TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, at_us);
}

static void silence_is_ended(void **state)
{
    (void)state;
    const struct troth_rules *rules = scenario_rules("contract: c, " SHORT "terms: [" SHARE "]");
    open_with(rules);
    for (unsigned i = 0; i < 50; i++) {
        char name[8];
        snprintf(name, sizeof name, "a%u", i);
        const int64_t from = START + i * 4 * DAY + i * 7 * MINUTE;
        scenario_task(&s, name, i % 2 > 0, from);
        const int64_t went = wait_for(name, from + MINUTE, from + 3 * DAY);
        /* Its windows are empty after 4 minutes, its counters within an hour of that. */
        assert_true(went > from + EVICT);
        assert_true(went <= from + 64 * MINUTE + 2 * EVICT + MINUTE);
        assert_int_equal(s.ended_count, 1);
        assert_string_equal(s.ended[0].agent, name);
        assert_string_equal(s.ended[0].contract, "c");
        s.ended_count = 0;
    }
    assert_int_equal(s.told_count, 0);
    const struct troth_shard_counts end = counts();
    assert_int_equal(end.agents, 0);
    assert_int_equal(end.standings, 0);
    assert_int_equal(end.standing_bytes, 0);
    assert_int_equal(end.evicted, 50);
    assert_int_equal(troth_shard_standings(s.shard), 1); /* the same place each time */
    close_with(rules);
}

static void never_where_it_is_not_wanted(void **state)
{
    (void)state;
    const struct troth_rules *rules = scenario_rules("contract: c, " SHORT "terms: [" SHARE "]");
    open_with(rules);
    s.config.evict_after_us = 0;
    scenario_restart(&s);
    scenario_put(&s, rules);
    scenario_task(&s, "a", true, START);
    scenario_tick(&s, START + 2000 * DAY);
    scenario_tick(&s, START + 4000 * DAY);
    assert_true(is_there("a"));
    close_with(rules);
}

/* Whatever it is, evidence or not, and even what was seen before. */
static void any_event_begins_the_time_anew(void **state)
{
    (void)state;
    const struct troth_rules *rules = scenario_rules("contract: c, " SHORT "terms: [" SHARE "]");
    for (unsigned kind = 0; kind < 3; kind++) {
        open_with(rules);
        struct troth_event event = heartbeat_of("a", START);
        event.seq = 7;
        event.present |= 1U << TROTH_FIELD_SEQ;
        assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
        int64_t t = START;
        for (unsigned i = 0; i < 20; i++) {
            t += EVICT - MINUTE;
            const struct troth_event plain = heartbeat_of("a", t);
            scenario_tick(&s, t - HOUR);
            if (kind == 0) {
                assert_int_equal(scenario_feed(&s, t, &event), TROTH_DUPLICATE);
            } else if (kind == 1) {
                assert_int_equal(scenario_feed(&s, t, &plain), TROTH_OK);
            } else {
                scenario_task(&s, "a", true, t);
            }
            assert_true(is_there("a"));
        }
        assert_true(wait_for("a", t, t + 3 * DAY) > t + EVICT);
        scenario_close(&s);
    }
    scenario_rules_free(rules);
}

/* Silence for weeks, after what `act` does; returns whether the agent is still there. */
static bool is_kept(const char *keys, void (*act)(int64_t at_us))
{
    const struct troth_rules *rules = scenario_rules(keys);
    open_with(rules);
    act(START);
    const bool kept = wait_for("a", START + MINUTE, START + 20 * DAY) == 0;
    close_with(rules);
    return kept;
}

static void does_one_task(int64_t at_us)
{
    scenario_task(&s, "a", true, at_us);
}

static void leaks(int64_t at_us)
{
    const struct troth_event leak = event_of("a", TROTH_KIND_EXCEPTION, TROTH_OUTCOME_NONE, at_us);
    assert_int_equal(scenario_feed(&s, at_us, &leak), TROTH_OK);
}

static void spends(int64_t at_us)
{
    struct troth_event event = heartbeat_of("a", at_us);
    event.cost_micros = 1;
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    assert_int_equal(scenario_feed(&s, at_us, &event), TROTH_OK);
}

static void breaks_often(int64_t at_us)
{
    for (unsigned i = 0; i < 200; i++) {
        scenario_task(&s, "a", false, at_us);
    }
}

static void does_well_and_then_badly(int64_t at_us)
{
    for (unsigned i = 0; i < 300; i++) {
        scenario_task(&s, "a", true, at_us);
    }
    breaks_often(at_us + SECOND);
}

/* As much as goes stale bit by bit. */
static void does_well(int64_t at_us)
{
    for (unsigned i = 0; i < 130; i++) {
        scenario_task(&s, "a", true, at_us);
    }
    assert_int_equal(scenario_rung(&s, "a", "c"), TROTH_RUNG_CLEAR);
}

static void what_is_on_record_keeps_it(void **state)
{
    (void)state;
#define CALM "consequence: medium, terms: [" SHARE ", {name: n, never: {kind: exception}}]"
    assert_false(is_kept("contract: c, " SHORT CALM, does_one_task));
    assert_false(is_kept("contract: c, " SHORT CALM, does_well)); /* stale, so it certifies anew */
    assert_true(is_kept("contract: c, " SHORT CALM, leaks));
    assert_true(is_kept("contract: c, " SHORT CALM, does_well_and_then_badly));
    /* A low consequence leaves it at narrow when it is stale, and a bad CUSUM on record. */
    assert_true(is_kept("contract: c, consequence: low, " SHORT "terms: [" SHARE "]", does_well));
    assert_true(
        is_kept("contract: c, consequence: low, " SHORT "terms: [" SHARE "]", breaks_often));
    /* Evidence stays in a long window, a budget's amount too; a cadence is partly kept for long;
     * counters start anew after a long time alone. */
#define LONG                                                                                       \
    "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 100, window: 30d}"
    assert_true(is_kept("contract: c, " SHORT "terms: [" LONG "]", does_one_task));
    assert_true(is_kept("contract: c, " SHORT "terms: [" SHARE
                        ", {name: b, budget: {sum: cost_micros, at_most: 9}, "
                        "window: 30d}]",
                        spends));
    assert_true(is_kept("contract: c, " SHORT "terms: [" SHARE
                        ", {name: h, cadence: {when: {kind: task}, every: 15d}}]",
                        does_one_task));
    assert_true(is_kept("contract: c, version: 1, window: 4m, panes: 4, certify: {confidence: 0.6, "
                        "within: 30d}, terms: [" SHARE "]",
                        does_one_task));
}

/* A relapse, and what makes the next climb one, are on record; the second for 24 hours. */
static void relapses_are_on_record(void **state)
{
    (void)state;
    const struct troth_rules *rules = scenario_rules("contract: c, " SHORT "terms: [" SHARE "]");
    for (unsigned relapses = 0; relapses < 2; relapses++) {
        open_with(rules);
        does_well(START);
        scenario_tick(&s, START + HOUR); /* stale: by narrow into recertify */
        assert_int_equal(scenario_rung(&s, "a", "c"), TROTH_RUNG_RECERTIFY);
        const uint32_t index = s.shard->agents.agents[0].first;
        struct troth_standing *standing = troth_shard_at(s.shard, index);
        assert_true(troth_past(rules, standing)->left_us > START);
        standing->relapses = relapses & TROTH_RELAPSES_MAX;
        const int64_t went = wait_for("a", START + HOUR, START + 20 * DAY);
        assert_int_equal(went == 0, relapses > 0);
        assert_true(went == 0 || went > troth_past(rules, standing)->left_us + DAY + EVICT);
        scenario_close(&s);
    }
    scenario_rules_free(rules);
}

/* The worst of its standings is what an agent may do: so none goes alone. */
static void standings_go_together(void **state)
{
    (void)state;
    const struct troth_rules *c = scenario_rules("contract: c, " SHORT "terms: [" SHARE "]");
    const struct troth_rules *d = scenario_rules(
        "contract: d, " SHORT "terms: [{name: n, never: {kind: exception, source: evaluator}}]");
    for (unsigned broken = 0; broken < 2; broken++) {
        open_with(c);
        scenario_put(&s, d);
        scenario_task(&s, "a", true, START);
        if (broken > 0) {
            struct troth_event event =
                event_of("a", TROTH_KIND_EXCEPTION, TROTH_OUTCOME_NONE, START);
            event.source = TROTH_SOURCE_EVALUATOR;
            event.contract = text_of("d");
            event.present |= 1U << TROTH_FIELD_CONTRACT;
            assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
            assert_int_equal(scenario_rung(&s, "a", "d"), TROTH_RUNG_PAUSE);
        }
        const int64_t went = wait_for("a", START + MINUTE, START + 10 * DAY);
        assert_int_equal(went > 0, broken == 0);
        assert_int_equal(counts().standings, broken > 0 ? 2 : 0);
        assert_int_equal(s.ended_count, broken > 0 ? 0 : 2);
        scenario_close(&s);
    }
    scenario_rules_free(c);
    scenario_rules_free(d);
}

/* Who comes back is told from a new agent by nothing: number for number, a duplicate of before
 * included. */
static void who_comes_back_is_new(void **state)
{
    (void)state;
    static struct saved back;
    static struct saved new;
    const struct troth_rules *rules = scenario_rules("contract: c, " SHORT "terms: [" SHARE "]");
    open_with(rules);
    struct troth_event event = task_of("a", false, START);
    event.seq = 7;
    event.present |= 1U << TROTH_FIELD_SEQ;
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    assert_true(wait_for("a", START, START + 3 * DAY) > 0);
    const int64_t offset = s.offset;
    event.at_us = START + 4 * DAY;
    assert_int_equal(scenario_feed(&s, START + 4 * DAY, &event), TROTH_OK);
    scenario_tick(&s, START + 4 * DAY + 2 * MINUTE);
    saved_take(&back, s.shard);
    scenario_restart(&s);
    scenario_put(&s, rules);
    s.offset = offset;
    assert_int_equal(scenario_feed(&s, START + 4 * DAY, &event), TROTH_OK);
    scenario_tick(&s, START + 4 * DAY + 2 * MINUTE);
    saved_take(&new, s.shard);
    assert_true(saved_equal(&back, &new));
    saved_free(&back);
    saved_free(&new);
    close_with(rules);
}

static char gone[16];

static void hear_gone(void *context, struct troth_text agent)
{
    (void)context;
    snprintf(gone, sizeof gone, "%.*s", (int)agent.length, agent.data);
}

/* Its windows drop duplicates while it is there, though no contract applies to it. */
static void who_has_no_standing_left_goes_too(void **state)
{
    (void)state;
    const struct troth_rules *rules = scenario_rules("contract: c, " SHORT "terms: [" SHARE "]");
    for (unsigned written = 0; written < 2; written++) {
        open_with(rules);
        s.shard->config.on_gone = hear_gone;
        gone[0] = '\0';
        struct troth_event event = heartbeat_of("a", START);
        event.seq = 7;
        event.present |= 1U << TROTH_FIELD_SEQ;
        assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
        scenario_task(&s, "plain", true, START);
        assert_int_equal(troth_shard_retire(s.shard, "c"), TROTH_OK);
        assert_true(is_there("a"));
        assert_false(is_there("plain")); /* nothing is left of it */
        (void)troth_shard_note_alone(s.shard, 0, written > 0);
        assert_int_equal(scenario_feed(&s, START, &event), TROTH_DUPLICATE);
        assert_true(wait_for("a", START + MINUTE, START + 2 * DAY) > START + EVICT);
        assert_string_equal(gone, written > 0 ? "a" : "");
        scenario_close(&s);
    }
    scenario_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_ended),
        cmocka_unit_test(never_where_it_is_not_wanted),
        cmocka_unit_test(any_event_begins_the_time_anew),
        cmocka_unit_test(what_is_on_record_keeps_it),
        cmocka_unit_test(relapses_are_on_record),
        cmocka_unit_test(standings_go_together),
        cmocka_unit_test(who_comes_back_is_new),
        cmocka_unit_test(who_has_no_standing_left_goes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
