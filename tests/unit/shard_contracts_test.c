/*
 * Claims: when a version replaces another, what was promised before keeps its evidence to the byte,
 * wherever it now stands, and what is new starts empty; the standing is looked at anew at once.
 * What is refused changes nothing, what ends is told, and no memory is lost.
 */
#include "tests/support/scenario_random.h"

#define HEAD                                                                                       \
    "window: 4m, panes: 4, half_life: 366d, hold: 30s, certify: {confidence: 0.6, within: 1h}, "
#define QUIET                                                                                      \
    "ladder: {warn: {confidence_below: null, freshness_below: null, change: false}, narrow: "      \
    "{confidence_below: null, freshness_below: null}, recertify: {freshness_below: null}, "        \
    "review: {confidence_below: null}, pause: {confidence_below: null}}, "
#define TASKS                                                                                      \
    "{name: tasks, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 1, fresh: 1}"
#define TOOLS                                                                                      \
    "{name: tools, when: {kind: tool}, keep: {latency_us: {le: 5}}, floor: 0.9, window: 64m, "     \
    "panes: 64, required: false}"
#define SPEND   "{name: spend, budget: {sum: cost_micros, at_most: 90}, window: 10m, panes: 5}"
#define LEAK    "{name: leak, never: {kind: exception, outcome: ok}}"
#define PULSE   "{name: pulse, cadence: {when: {kind: heartbeat}, every: 1h}, required: false}"
#define VERDICT "{name: verdict, judged: {}, floor: 0.7, required: false}"

enum { RULES_MAX = 8 };

struct fixture {
    struct scenario s;
    const struct troth_rules *rules[RULES_MAX];
    unsigned count;
};

static void begin(struct fixture *f, uint32_t standings_max, uint32_t standing_bytes)
{
    memset(f, 0, sizeof *f);
    scenario_open(&f->s, 16, standings_max, standing_bytes);
}

static const struct troth_rules *make(struct fixture *f, unsigned version, const char *rest)
{
    char keys[4096];
    assert_true(f->count < RULES_MAX);
    snprintf(keys, sizeof keys, "contract: c, version: %u, %s", version, rest);
    f->rules[f->count] = scenario_rules(keys);
    return f->rules[f->count++];
}

static void done(struct fixture *f)
{
    scenario_close(&f->s);
    for (unsigned i = 0; i < f->count; i++) {
        scenario_rules_free(f->rules[i]);
    }
}

/* Some of everything, some of it broken. */
static void feed_all(struct scenario *s, const char *agent)
{
    for (unsigned i = 0; i < 40; i++) {
        const int64_t at_us = START + i * 5 * SECOND;
        struct troth_event event = task_of(agent, i % 5 != 0, at_us);
        event.cost_micros = 2;
        event.latency_us = i % 7;
        event.present |= 1U << TROTH_FIELD_COST_MICROS | 1U << TROTH_FIELD_LATENCY_US;
        event.kind = i % 3 == 2 ? TROTH_KIND_TOOL : TROTH_KIND_TASK;
        event.kind = i % 11 == 10 ? TROTH_KIND_HEARTBEAT : event.kind;
        if (i % 6 == 5) {
            event.kind = TROTH_KIND_EVALUATION;
            event.source = TROTH_SOURCE_PEER;
            static const struct troth_verdict verdict = {.term = {"verdict", 7}, .kept = false};
            event.verdicts = &verdict;
            event.verdict_count = 1;
            event.present |= 1U << TROTH_FIELD_VERDICTS;
        }
        assert_int_equal(scenario_feed(s, at_us, &event), TROTH_OK);
    }
}

/* A standing and all of its bytes, taken before its contract is replaced. */
struct before {
    const struct troth_rules *rules;
    struct troth_standing *standing;
};

static struct before remember(struct scenario *s, const char *agent)
{
    const struct troth_standing_view view = scenario_view(s, agent, "c");
    struct before before = {view.rules, aligned_alloc(64, view.rules->size)};
    memcpy(before.standing, view.standing, view.rules->size);
    return before;
}

static void assert_term_kept(const struct before *before, unsigned old,
                             const struct troth_standing_view *after, unsigned new)
{
    const struct troth_rules *a = before->rules;
    const struct troth_rules *b = after->rules;
    assert_memory_equal(troth_hot_of(before->standing, old), troth_hot_of(after->standing, new),
                        sizeof(struct troth_hot));
    assert_memory_equal(troth_cold_of(a, before->standing, old),
                        troth_cold_of(b, after->standing, new), sizeof(struct troth_cold));
    assert_memory_equal(troth_tally_of(a, before->standing, old),
                        troth_tally_of(b, after->standing, new), sizeof(struct troth_tally));
    for (unsigned slot = 0; a->terms[old].windowed && slot + 1 < a->contract->terms[old].panes;
         slot++) {
        assert_true(troth_pane_of(a, before->standing, old, slot)->sum ==
                    troth_pane_of(b, after->standing, new, slot)->sum);
    }
}

static void assert_term_empty(const struct troth_standing_view *view, unsigned term)
{
    struct troth_standing *empty = aligned_alloc(64, view->rules->size);
    const struct before fresh = {view->rules, empty};
    troth_standing_init(view->rules, empty, START);
    assert_term_kept(&fresh, term, view, term);
    free(empty);
}

static void what_is_promised_still_keeps_its_evidence(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 16, 8192);
    scenario_put(&f.s, make(&f, 1,
                            HEAD QUIET "terms: [" TASKS "," TOOLS "," SPEND "," LEAK "," PULSE
                                       "," VERDICT "]"));
    feed_all(&f.s, "a");
    const struct before before = remember(&f.s, "a");
    assert_int_equal(before.standing->rung, TROTH_RUNG_CLEAR);
    for (unsigned i = 0; i < 6; i++) { /* the test would prove little about empty terms */
        assert_true(i == 3 || troth_hot_of(before.standing, i)->head > 0);
    }
    /* Reversed, with a new term first, and one that is asked to prove more. */
    scenario_put(&f.s,
                 make(&f, 2,
                      HEAD QUIET
                      "terms: [{name: extra, when: {kind: rescue}, keep: {outcome: ok}, floor: "
                      "0.5, required: false}," VERDICT "," PULSE "," LEAK "," SPEND
                      ", {name: tools, when: {kind: tool}, keep: {latency_us: {le: 5}}, floor: "
                      "0.9, window: 64m, panes: 64, required: false, evidence: 999, fresh: "
                      "33}," TASKS "]"));
    struct troth_standing_view after = scenario_view(&f.s, "a", "c");
    assert_int_equal(after.rules->contract->version, 2);
    for (unsigned i = 0; i < 6; i++) {
        assert_term_kept(&before, i, &after, 6 - i);
    }
    assert_term_empty(&after, 0);
    assert_int_equal(after.standing->rung, TROTH_RUNG_CLEAR);
    assert_true(after.standing->since_us == before.standing->since_us);
    assert_true(after.standing->tasks == before.standing->tasks);
    assert_true(after.standing->cost_micros == before.standing->cost_micros);
    assert_int_equal(after.standing->agent, before.standing->agent);
    free(before.standing);
    done(&f);
}

static void what_is_promised_otherwise_starts_anew(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{name: tasks, when: {kind: task}, keep: {outcome: ok}, floor: 0.6, evidence: 1, fresh: 1}",
        "{name: work, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 1, fresh: 1}",
        "{name: tasks, when: {kind: [task, tool]}, keep: {outcome: ok}, floor: 0.5, fresh: 1}",
        "{name: tasks, when: {kind: task}, keep: {latency_us: {le: 9}}, floor: 0.5, fresh: 1}",
        "{name: tasks, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, window: 8m, panes: 8}",
        "{name: tasks, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, panes: 2}",
        "{name: tasks, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, half_life: 1h}",
        "{name: tasks, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, absent: broken}"};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        struct fixture f;
        char rest[1024];
        begin(&f, 16, 8192);
        scenario_put(&f.s, make(&f, 1, HEAD QUIET "terms: [" TASKS "," SPEND "]"));
        feed_all(&f.s, "a");
        const struct before before = remember(&f.s, "a");
        snprintf(rest, sizeof rest, HEAD QUIET "terms: [%s," SPEND "]", others[i]);
        scenario_put(&f.s, make(&f, 2, rest));
        const struct troth_standing_view after = scenario_view(&f.s, "a", "c");
        assert_term_empty(&after, 0);
        assert_term_kept(&before, 1, &after, 1);
        free(before.standing);
        done(&f);
    }
}

static void a_version_not_higher_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 16, 8192);
    const struct troth_rules *second = make(&f, 2, HEAD "terms: [" TASKS "]");
    scenario_put(&f.s, second);
    scenario_task(&f.s, "a", true, START);
    const struct before before = remember(&f.s, "a");
    for (unsigned version = 1; version <= 2; version++) {
        assert_int_equal(
            troth_shard_contract(f.s.shard, make(&f, version, HEAD "terms: [" SPEND "]")),
            TROTH_REFUSED);
        const struct troth_standing_view after = scenario_view(&f.s, "a", "c");
        assert_ptr_equal(after.rules, second);
        assert_memory_equal(before.standing, after.standing, second->size);
    }
    assert_ptr_equal(troth_shard_rules(f.s.shard, 0), second);
    assert_null(troth_shard_rules(f.s.shard, 1));
    free(before.standing);
    done(&f);
}

static void where_it_no_longer_applies_a_standing_ends(void **state)
{
    (void)state;
    struct fixture f;
    unsigned flags = 0;
    begin(&f, 16, 8192);
    scenario_put(&f.s, make(&f, 1, HEAD "terms: [" TASKS "]"));
    scenario_task(&f.s, "a1", true, START);
    scenario_task(&f.s, "b1", true, START);
    scenario_task(&f.s, "a2", true, START);
    const uint64_t interventions = f.s.told_count;
    scenario_put(&f.s,
                 make(&f, 2, "applies_to: {agent: \"a*\"}, " HEAD "terms: [" SPEND "," TASKS "]"));
    assert_int_equal(f.s.ended_count, 1);
    assert_int_equal(f.s.ended[0].standing, 1);
    assert_string_equal(f.s.ended[0].agent, "b1");
    assert_string_equal(f.s.ended[0].contract, "c");
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("b1"), NULL, 0), 0);
    assert_int_equal(f.s.told_count, interventions);
    scenario_task(&f.s, "b1", true, START); /* bound to nothing now */
    scenario_task(&f.s, "a1", true, START);
    assert_true(scenario_view(&f.s, "a1", "c").standing->tasks == 2);
    struct troth_shard_counts counts;
    troth_shard_count(f.s.shard, &counts);
    assert_int_equal(counts.standings, 2);
    assert_int_equal(counts.unbound, 1);
    assert_int_equal(troth_shard_take_dirty(f.s.shard, &flags), 0);
    assert_int_equal(troth_shard_take_dirty(f.s.shard, &flags), 2);
    assert_int_equal(troth_shard_take_dirty(f.s.shard, &flags), TROTH_NONE);
    /* A third version applies again: begun by the next event, in the index that is free. */
    scenario_put(&f.s, make(&f, 3, HEAD "terms: [" TASKS "]"));
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("b1"), NULL, 0), 0);
    scenario_task(&f.s, "b1", true, START + SECOND);
    uint32_t index = TROTH_NONE;
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("b1"), &index, 1), 1);
    assert_int_equal(index, 1);
    assert_int_equal(scenario_rung(&f.s, "b1", "c"), TROTH_RUNG_CLEAR);
    done(&f);
}

static void a_new_contract_begins_at_the_next_event_that_reaches_it(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 16, 8192);
    scenario_put(&f.s, make(&f, 1, HEAD "terms: [" TASKS "]"));
    scenario_task(&f.s, "a", true, START);
    const struct troth_rules *other =
        scenario_rules("contract: d, version: 1, " HEAD "terms: [" TASKS "]");
    scenario_put(&f.s, other);
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("a"), NULL, 0), 1);
    scenario_tick(&f.s, START + SECOND);
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("a"), NULL, 0), 1);
    struct troth_event event = task_of("a", true, START + 2 * SECOND);
    event.source = TROTH_SOURCE_GATEWAY;
    event.contract = text_of("c");
    event.present |= 1U << TROTH_FIELD_CONTRACT;
    assert_int_equal(scenario_feed(&f.s, START + 2 * SECOND, &event), TROTH_OK);
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("a"), NULL, 0), 1);
    scenario_task(&f.s, "a", true, START + 3 * SECOND);
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("a"), NULL, 0), 2);
    const struct troth_standing_view view = scenario_view(&f.s, "a", "d");
    assert_true(view.standing->since_us == START + 3 * SECOND);
    assert_int_equal(view.standing->rung, TROTH_RUNG_CLEAR); /* by that very event */
    /* Retired, its standing ends and nothing else does; so does the other, then. */
    assert_int_equal(troth_shard_retire(f.s.shard, "d"), TROTH_OK);
    assert_int_equal(f.s.ended_count, 1);
    assert_string_equal(f.s.ended[0].contract, "d");
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("a"), NULL, 0), 1);
    assert_int_equal(troth_shard_retire(f.s.shard, "d"), TROTH_NOT_FOUND);
    scenario_task(&f.s, "a", true, START + 3 * SECOND);
    assert_true(scenario_view(&f.s, "a", "c").standing->tasks == 4);
    assert_int_equal(troth_shard_retire(f.s.shard, "c"), TROTH_OK);
    struct troth_shard_counts counts;
    troth_shard_count(f.s.shard, &counts);
    assert_true(counts.standings == 0 && counts.standing_bytes == 0);
    scenario_tick(&f.s, START + DAY);
    scenario_task(&f.s, "a", true, START + DAY);
    assert_int_equal(troth_shard_of_agent(f.s.shard, text_of("a"), NULL, 0), 0);
    /* After it was retired any version may come. */
    scenario_put(&f.s, f.rules[0]);
    scenario_task(&f.s, "a", true, START + DAY);
    assert_int_equal(scenario_rung(&f.s, "a", "c"), TROTH_RUNG_CLEAR);
    scenario_rules_free(other);
    done(&f);
}

static void without_room_the_old_version_stays(void **state)
{
    (void)state;
    struct fixture f;
    struct troth_shard_counts counts;
    unsigned begun = 0;
    /* 16 standings of 64 bytes each, and 256 lines that any shard has beyond them. */
    begin(&f, 16, 64);
    const struct troth_rules *small = make(&f, 1, HEAD "terms: [" TASKS "]");
    const struct troth_rules *large =
        make(&f, 2,
             HEAD "terms: [" TASKS "," TOOLS ", {name: more, when: {kind: "
                  "rescue}, keep: {outcome: ok}, floor: 0.9, window: "
                  "32m, panes: 64}]");
    const unsigned fitting = (unsigned)((16 * 64 + 256 * 64) / (small->size + large->size));
    assert_in_range(fitting, 2, 15);
    scenario_put(&f.s, small);
    for (; begun <= fitting; begun++) { /* one more than can move */
        char name[16];
        snprintf(name, sizeof name, "a%u", begun);
        scenario_task(&f.s, name, true, START);
    }
    const struct before before = remember(&f.s, "a0");
    assert_int_equal(troth_shard_contract(f.s.shard, large), TROTH_FULL);
    const struct troth_standing_view after = scenario_view(&f.s, "a0", "c");
    assert_ptr_equal(after.rules, small);
    assert_memory_equal(before.standing, after.standing, small->size);
    troth_shard_count(f.s.shard, &counts);
    assert_int_equal(counts.standing_bytes, begun * small->size);
    scenario_task(&f.s, "a0", true, START + SECOND); /* it goes on */
    free(before.standing);
    done(&f);
}

static void a_stricter_version_narrows_at_once(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 16, 8192);
    scenario_put(&f.s, make(&f, 1, HEAD QUIET "terms: [" TASKS "," SPEND "]"));
    scenario_task(&f.s, "a", true, START);
    for (unsigned i = 0; i < 4; i++) {
        scenario_task(&f.s, "a", false, START + SECOND);
    }
    assert_int_equal(f.s.told_count, 1);
    scenario_put(&f.s, make(&f, 2,
                            HEAD "ladder: {warn: {confidence_below: 0.3}, narrow: "
                                 "{confidence_below: 0.2}}, terms: [" SPEND "," TASKS "]"));
    assert_int_equal(f.s.told_count, 2);
    const struct troth_intervention *told = &f.s.told[1].intervention;
    assert_int_equal(told->from, TROTH_RUNG_CLEAR);
    assert_int_equal(told->to, TROTH_RUNG_NARROW);
    assert_int_equal(told->cause.condition, TROTH_CONDITION_CONFIDENCE);
    assert_int_equal(told->cause.term, 1);
    assert_int_equal(told->broken[1], 4);
    assert_int_equal(told->contract->version, 2);
    assert_true(told->decided_at_us == START + SECOND);
    assert_true(told->degraded_at_us == START + SECOND);
    assert_true(told->cause_offset == f.s.offset - 1); /* the pointer to the version */
    assert_int_equal(told->ordinal, 0);
    assert_int_equal(told->witness_count, 4);
    assert_true(told->witness_offsets[0] == 4 && told->witness_offsets[3] == 1);
    /* Its deadlines are those of the new version: calm is looked for as the panes pass. */
    scenario_tick(&f.s, START + HOUR);
    assert_true(f.s.told_count > 2);
    done(&f);
}

/* Two versions by turns, of one size and of two: what is taken for one is given back for the next.
 */
static void replacing_loses_no_memory(void **state)
{
    (void)state;
    enum { TIMES = 10000, STANDINGS = 12 };
    for (unsigned sizes = 1; sizes <= 2; sizes++) {
        struct fixture f;
        char name[16];
        /* Room for all standings in either size, and for all once more while they move. */
        begin(&f, STANDINGS, 8192);
        struct ready_contract *versions[2];
        for (unsigned i = 0; i < 2; i++) {
            const struct troth_rules *rules = scenario_rules(
                i == 0 || sizes == 1 ? "contract: c, version: 1, " HEAD "terms: [" TASKS "]"
                                     : "contract: c, version: 1, " HEAD "terms: [" TOOLS "," TASKS
                                       "]");
            versions[i] = (struct ready_contract *)(void *)((char *)(uintptr_t)rules -
                                                            offsetof(struct ready_contract, rules));
        }
        assert_int_equal(versions[0]->rules.size == versions[1]->rules.size, sizes == 1);
        scenario_put(&f.s, &versions[0]->rules);
        for (unsigned i = 0; i < STANDINGS; i++) {
            snprintf(name, sizeof name, "a%u", i);
            scenario_task(&f.s, name, true, START);
        }
        for (unsigned i = 1; i < TIMES; i++) {
            struct troth_shard_counts counts;
            struct ready_contract *next = versions[i % 2];
            next->contract.version = i + 1;
            scenario_put(&f.s, &next->rules);
            troth_shard_count(f.s.shard, &counts);
            assert_int_equal(counts.standing_bytes, STANDINGS * next->rules.size);
        }
        for (unsigned i = 0; i < STANDINGS; i++) {
            uint64_t kept = 0;
            uint64_t broken = 0;
            snprintf(name, sizeof name, "a%u", i);
            struct troth_standing_view view = scenario_view(&f.s, name, "c");
            troth_window_counts(view.rules, view.standing, view.rules->term_count - 1,
                                view.sight.instant, &kept, &broken);
            assert_true(kept == 1 && broken == 0);
        }
        scenario_rules_free(&versions[0]->rules);
        scenario_rules_free(&versions[1]->rules);
        done(&f);
    }
}

static void slots_are_bounded_and_used_again(void **state)
{
    (void)state;
    struct fixture f;
    struct ready_contract *all = calloc(TROTH_CONTRACTS_MAX + 1, sizeof *all);
    begin(&f, 1, 64);
    const struct troth_rules *first = make(&f, 1, HEAD "terms: [" LEAK "]");
    for (unsigned i = 0; i <= TROTH_CONTRACTS_MAX; i++) {
        all[i].contract = *first->contract;
        snprintf(all[i].contract.name, sizeof all[i].contract.name, "c%u", i);
        troth_rules_init(&all[i].rules, &all[i].contract);
        assert_int_equal(troth_shard_contract(f.s.shard, &all[i].rules),
                         i < TROTH_CONTRACTS_MAX ? TROTH_OK : TROTH_FULL);
    }
    assert_int_equal(troth_shard_retire(f.s.shard, "c7"), TROTH_OK);
    scenario_put(&f.s, &all[TROTH_CONTRACTS_MAX].rules);
    assert_ptr_equal(troth_shard_rules(f.s.shard, 7), &all[TROTH_CONTRACTS_MAX].rules);
    assert_null(troth_shard_rules(f.s.shard, TROTH_CONTRACTS_MAX));
    done(&f);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_promised_still_keeps_its_evidence),
        cmocka_unit_test(what_is_promised_otherwise_starts_anew),
        cmocka_unit_test(a_version_not_higher_is_refused),
        cmocka_unit_test(where_it_no_longer_applies_a_standing_ends),
        cmocka_unit_test(a_new_contract_begins_at_the_next_event_that_reaches_it),
        cmocka_unit_test(without_room_the_old_version_stays),
        cmocka_unit_test(a_stricter_version_narrows_at_once),
        cmocka_unit_test(replacing_loses_no_memory),
        cmocka_unit_test(slots_are_bounded_and_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
