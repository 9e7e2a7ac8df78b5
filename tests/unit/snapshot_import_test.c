/*
 * Claims: a snapshot with any one value out of range, or for which there is no place, is refused
 * with a status, and the shard stays as it was. Of an agent's sequence windows the later ones stay.
 * What a term promises is one number, equal just where the promises are.
 */
#include "tests/support/restore.h"

#include <math.h>

static struct troth_snapshot snapshot;
static struct scenario s;
static const struct troth_rules *rules;

static void done(void)
{
    scenario_close(&s);
    scenario_rules_free(rules);
}

static struct troth_snapshot_term *term_of(unsigned kind)
{
    for (unsigned i = 0; i < snapshot.term_count; i++) {
        if (snapshot.terms[i].kind == kind) {
            return &snapshot.terms[i];
        }
    }
    fail_msg("no term of kind %u", kind);
    return NULL;
}

/* Makes one thing wrong. Returns false past the last. */
static bool spoil(unsigned which)
{
    struct troth_snapshot_term *share = term_of(TROTH_TERM_SHARE);
    struct troth_snapshot_term *never = term_of(TROTH_TERM_NEVER);
    struct troth_snapshot_term *budget = term_of(TROTH_TERM_BUDGET);
    struct troth_snapshot_term *cadence = term_of(TROTH_TERM_CADENCE);
    switch (which) {
    case 0:
        snapshot.agent.length = 0;
        return true;
    case 1:
        snapshot.agent.length = TROTH_AGENT_LENGTH_MAX + 1;
        return true;
    case 2:
        snapshot.contract_version = 0;
        return true;
    case 3:
        snapshot.offset = -2;
        return true;
    case 4:
        snapshot.offset = INT64_C(1) << 48;
        return true;
    case 5:
        snapshot.clock_us = -1;
        return true;
    case 6:
        snapshot.clock_us = INT64_MAX;
        return true;
    case 7:
        snapshot.rung = TROTH_RUNG_COUNT;
        return true;
    case 8:
        snapshot.since_us = snapshot.clock_us + 1;
        return true;
    case 9:
        snapshot.rung = TROTH_RUNG_WARN;
        snapshot.phase_us = snapshot.clock_us + 1;
        return true;
    case 10:
        snapshot.rung = TROTH_RUNG_RECERTIFY;
        snapshot.phase_us = TROTH_NEVER_US;
        return true;
    case 11:
        snapshot.rung = TROTH_RUNG_RECERTIFY;
        snapshot.phase_us = INT64_MAX;
        return true;
    case 12:
        snapshot.left_us = snapshot.clock_us + 1;
        return true;
    case 13:
        snapshot.cost_micros = -1;
        return true;
    case 14:
        snapshot.cause_offset = snapshot.offset + 1;
        return true;
    case 15:
        snapshot.late = TROTH_LATE_MAX + 1;
        return true;
    case 16:
        snapshot.ordinal = TROTH_ORDINAL_MAX;
        return true;
    case 17:
        snapshot.relapses = TROTH_RELAPSES_MAX + 1;
        return true;
    case 18:
        snapshot.cause = TROTH_CONDITION_COUNT;
        return true;
    case 19:
        snapshot.cause_term = snapshot.term_count;
        return true;
    case 20:
        snapshot.observed = (float)NAN;
        return true;
    case 21:
        snapshot.term_count = 0;
        return true;
    case 22:
        snapshot.term_count = TROTH_TERMS_MAX + 1;
        return true;
    case 23:
        snapshot.session_count = TROTH_SESSIONS_MAX + 1;
        return true;
    case 24:
        snapshot.sequence_uses = -1;
        return true;
    case 25:
        snapshot.sequence_uses = INT64_MAX;
        return true;
    case 26:
        snapshot.sessions[0].name_hash = 0;
        return true;
    case 27:
        snapshot.sessions[0].seen = 0;
        return true;
    case 28:
        snapshot.sessions[0].first = snapshot.sessions[0].top + 1;
        return true;
    case 29:
        snapshot.sessions[0].used = snapshot.sequence_uses + 1;
        return true;
    case 30:
        snapshot.sessions[1] = snapshot.sessions[0];
        snapshot.session_count = 2;
        return true;
    case 31:
        share->name.length = 0;
        return true;
    case 32:
        share->kind = TROTH_TERM_CADENCE + 1;
        return true;
    case 33:
        share->head = -1;
        return true;
    case 34:
        share->head++;
        return true; /* it is the clock's pane */
    case 35:
        share->level = -1;
        return true;
    case 36:
        share->level = TROTH_CUSUM_CAP + 1;
        return true;
    case 37:
        share->cost_mark = snapshot.cost_micros + 1;
        return true;
    case 38:
        share->onset_us = snapshot.clock_us + 1;
        return true;
    case 39:
        share->pane_count = TROTH_PANES_MAX + 1;
        return true;
    case 40:
        share->ages[1] = share->ages[0];
        return true;
    case 41:
        share->ages[share->pane_count - 1] = 4;
        return true; /* of 4 panes */
    case 42:
        share->witness_count = TROTH_WITNESSES_MAX + 1;
        return true;
    case 43:
        share->witnesses[0] = snapshot.offset + 1;
        return true;
    case 44:
        share->witnesses[0] = -1;
        return true;
    case 45:
        never->level = -1;
        return true;
    case 46:
        never->pane_count = 1;
        return true;
    case 47:
        budget->panes[0].sum = -1;
        return true;
    case 48:
        budget->level = 1;
        return true;
    case 49:
        cadence->head = snapshot.clock_us + 1;
        return true;
    case 50:
        cadence->pane_count = 1;
        return true;
    case 51:
        snapshot.agent.data = NULL;
        return true;
    case 52:
        snapshot.contract.data = NULL;
        return true;
    case 53:
        snapshot.heard.last_us = snapshot.clock_us + 1;
        return true;
    case 54:
        snapshot.heard.last_us = -TROTH_SNAPSHOT_MAX - 1;
        return true;
    case 55:
        snapshot.heard.hash = 0; /* of none, which was heard at a time all the same */
        return true;
    default:
        return false;
    }
}

/* A standing with every kind of term, two panes of evidence and a session. */
static void make_full(void)
{
    rules = scenario_rules(
        "contract: c, version: 1, applies_to: {agent: 'a*'}, on_agent_version: recertify, "
        "window: 4m, panes: 4, terms: ["
        "{name: tasks, when: {kind: task}, keep: {outcome: ok}, floor: 0.9}, "
        "{name: leak, never: {kind: exception}}, "
        "{name: spend, budget: {sum: cost_micros, at_most: 90}}, "
        "{name: pulse, cadence: {when: {kind: heartbeat}, every: 1h}}]");
    scenario_open(&s, 1, 1, 4096);
    scenario_put(&s, rules);
    for (unsigned i = 0; i < 4; i++) {
        const int64_t at_us = START + i * MINUTE / 2;
        struct troth_event task = task_of("a", i != 3, at_us);
        task.cost_micros = 5;
        task.seq = i;
        task.agent_version = text_of("1.0");
        task.present |=
            1U << TROTH_FIELD_COST_MICROS | 1U << TROTH_FIELD_SEQ | 1U << TROTH_FIELD_AGENT_VERSION;
        const struct troth_event beat =
            event_of("a", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, at_us);
        assert_int_equal(scenario_feed(&s, at_us, &task), TROTH_OK);
        assert_int_equal(scenario_feed(&s, at_us, &beat), TROTH_OK);
    }
    assert_true(troth_shard_export(s.shard, 0, &snapshot));
    assert_int_equal(snapshot.terms[0].pane_count, 2);
    assert_int_equal(snapshot.session_count, 1);
    assert_true(snapshot.heard.hash != 0 && snapshot.heard.last_us == snapshot.clock_us);
}

static void test_bad_values(void **state)
{
    static struct troth_snapshot good;
    static struct saved before;
    static struct saved after;
    (void)state;
    make_full();
    good = snapshot;
    saved_take(&before, s.shard);
    unsigned which = 0;
    for (; spoil(which); which++) {
        uint32_t standing = 77;
        if (troth_shard_import(s.shard, &snapshot, &standing) != TROTH_INVALID) {
            fail_msg("bad value %u was taken", which);
        }
        assert_int_equal(standing, 77);
        saved_take(&after, s.shard);
        assert_true(saved_equal(&before, &after));
        snapshot = good;
    }
    assert_int_equal(which, 56);
    uint32_t standing = 77;
    assert_int_equal(troth_shard_import(s.shard, &good, &standing), TROTH_OK);
    assert_int_equal(standing, 0);
    saved_take(&after, s.shard);
    assert_true(saved_equal(&before, &after));
    saved_free(&before);
    saved_free(&after);
    done();
}

static void test_no_place(void **state)
{
    struct troth_shard_counts counts;
    uint32_t standing = 77;
    (void)state;
    make_full();
    struct troth_snapshot *other = &snapshot;
    other->agent = text_of("b");
    assert_int_equal(troth_shard_import(s.shard, other, &standing), TROTH_NOT_FOUND);
    other->agent = text_of("another");
    assert_int_equal(troth_shard_import(s.shard, other, &standing), TROTH_AGENTS_FULL);
    other->contract = text_of("d");
    assert_int_equal(troth_shard_import(s.shard, other, &standing), TROTH_NOT_FOUND);
    assert_int_equal(troth_shard_forget(s.shard, text_of("a"), text_of("d")), TROTH_NOT_FOUND);
    assert_int_equal(troth_shard_forget(s.shard, text_of("b"), text_of("c")), TROTH_NOT_FOUND);
    assert_int_equal(troth_shard_forget(s.shard, text_of("a"), text_of("c")), TROTH_OK);
    assert_int_equal(troth_shard_forget(s.shard, text_of("a"), text_of("c")), TROTH_NOT_FOUND);
    assert_int_equal(s.ended_count, 0);
    troth_shard_count(s.shard, &counts);
    assert_int_equal(counts.standings, 0);
    assert_int_equal(standing, 77);
    done();
    /* Agents enough, but one standing alone: the second agent is taken back. */
    make_full();
    s.config.agents_max = 2;
    scenario_close(&s);
    scenario_open(&s, 2, 1, 4096);
    scenario_put(&s, rules);
    struct troth_snapshot *two = &snapshot;
    two->contract = text_of("c");
    two->agent = text_of("a");
    assert_int_equal(troth_shard_import(s.shard, two, &standing), TROTH_OK);
    two->agent = text_of("a2");
    assert_int_equal(troth_shard_import(s.shard, two, &standing), TROTH_STANDINGS_FULL);
    troth_shard_count(s.shard, &counts);
    assert_int_equal(counts.agents, 1);
    done();
}

/* Of an agent's records the one with the later windows decides, in whatever order they come. */
static void test_later_windows_stay(void **state)
{
    static struct troth_snapshot early;
    uint32_t standing = 0;
    (void)state;
    make_full();
    early = snapshot;
    early.sequence_uses = 2;
    early.sessions[0].top = 1;
    early.sessions[0].seen = 3;
    early.sessions[0].used = 2;
    assert_int_equal(troth_shard_import(s.shard, &early, &standing), TROTH_OK);
    assert_true(troth_shard_export(s.shard, standing, &snapshot));
    assert_int_equal(snapshot.sessions[0].top, 3);
    assert_int_equal(snapshot.sequence_uses, 4);
    done();
}

/* What was restored is on the list of those that changed, once, however often it is restored; and
 * the agent knows whether its events lead to a look. */
static void test_marks(void **state)
{
    unsigned flags = 0;
    uint32_t standing = 0;
    (void)state;
    make_full();
    while (troth_shard_take_dirty(s.shard, &flags) != TROTH_NONE) {
    }
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        snapshot.rung = (uint8_t)rung;
        snapshot.phase_us =
            rung == TROTH_RUNG_RECERTIFY ? snapshot.clock_us + HOUR : TROTH_NEVER_US;
        assert_int_equal(troth_shard_import(s.shard, &snapshot, &standing), TROTH_OK);
        assert_int_equal(s.shard->agents.agents[0].certifying, rung == TROTH_RUNG_RECERTIFY);
        assert_int_equal(s.shard->agents.agents[0].looked_at,
                         rung != TROTH_RUNG_CLEAR && rung != TROTH_RUNG_RECERTIFY);
    }
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), standing);
    assert_true((flags & TROTH_DIRTY_MOVED) != 0);
    assert_int_equal(troth_shard_take_dirty(s.shard, &flags), TROTH_NONE);
    done();
}

/* A certification after a decision ends in review; one that nobody decided starts anew. */
static void test_after_decision(void **state)
{
    uint32_t standing = 0;
    (void)state;
    for (unsigned decided = 0; decided < 2; decided++) {
        make_full();
        snapshot.rung = TROTH_RUNG_RECERTIFY;
        snapshot.phase_us = snapshot.clock_us + 1;
        snapshot.after_decision = decided == 1;
        assert_int_equal(troth_shard_import(s.shard, &snapshot, &standing), TROTH_OK);
        s.told_count = 0;
        scenario_tick(&s, snapshot.clock_us + 1);
        assert_int_equal(s.told_count, decided);
        assert_int_equal(scenario_rung(&s, "a", "c"),
                         decided == 1 ? TROTH_RUNG_REVIEW : TROTH_RUNG_RECERTIFY);
        done();
    }
}

/* A record whose deadline had passed when it was written is none of ours: it is looked at in the
 * next microsecond, never at a time before it was written. */
static void test_overdue(void **state)
{
    uint32_t standing = 0;
    (void)state;
    make_full();
    const int64_t clock_us = snapshot.clock_us;
    snapshot.rung = TROTH_RUNG_RECERTIFY;
    snapshot.phase_us = clock_us - HOUR;
    snapshot.after_decision = true;
    assert_int_equal(troth_shard_import(s.shard, &snapshot, &standing), TROTH_OK);
    assert_true(s.shard->deadlines[standing] == clock_us + 1);
    s.told_count = 0;
    scenario_tick(&s, clock_us + SECOND);
    assert_int_equal(s.told_count, 1);
    assert_true(s.told[0].intervention.decided_at_us == clock_us + 1);
    done();
}

/* Terms of which each differs from the first in one thing that is promised. */
static void test_promises(void **state)
{
    static const char *const terms[] = {
        "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9}",
        "{name: u, when: {kind: task}, keep: {outcome: ok}, floor: 0.9}",
        "{name: t, when: {kind: tool}, keep: {outcome: ok}, floor: 0.9}",
        "{name: t, when: {kind: task, tool: x}, keep: {outcome: ok}, floor: 0.9}",
        "{name: t, when: {kind: task, tool: y}, keep: {outcome: ok}, floor: 0.9}",
        "{name: t, when: {kind: task, tool: [x, y]}, keep: {outcome: ok}, floor: 0.9}",
        "{name: t, when: {kind: task, tool: {not: [x, y]}}, keep: {outcome: ok}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {outcome: [ok, none]}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {latency_us: {le: 5}}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {latency_us: {le: 6}}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {latency_us: [5, 6]}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {latency_us: {exists: true}}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {attributes.a: {le: 5}}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {attributes.a: {lt: 5}}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {attributes.b: {le: 5}}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.91}",
        "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, absent: broken}",
        "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, window: 2h}",
        "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, panes: 6}",
        "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, half_life: 1h}",
        "{name: t, completeness: true, floor: 0.9}", "{name: t, judged: {}, floor: 0.9}",
        "{name: t, judged: {by: [a]}, floor: 0.9}", "{name: t, judged: {by: [a, b]}, floor: 0.9}",
        "{name: t, never: {kind: task}}", "{name: t, never: {kind: tool}}",
        "{name: t, budget: {sum: cost_micros, at_most: 5}}",
        "{name: t, budget: {sum: cost_micros, at_most: 6}}",
        "{name: t, budget: {sum: input_tokens, at_most: 5}}",
        "{name: t, cadence: {when: {kind: task}, every: 1h}}",
        "{name: t, cadence: {when: {kind: task}, every: 2h}}",
        /* As the first: how much proof is asked for is not promised. */
        ("{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 3, fresh: 2, "
         "required: false}")};
    enum { TERMS = sizeof terms / sizeof *terms };
    const struct troth_rules *all[TERMS];
    unsigned equal = 0;
    (void)state;
    for (unsigned i = 0; i < TERMS; i++) {
        char keys[512];
        snprintf(keys, sizeof keys, "contract: c, version: %u, terms: [%s]", i + 1, terms[i]);
        all[i] = scenario_rules(keys);
    }
    for (unsigned i = 0; i < TERMS; i++) {
        for (unsigned j = 0; j < TERMS; j++) {
            const bool same = all[i]->promises[0] == all[j]->promises[0];
            assert_int_equal(same, troth_term_equal(all[i]->contract, 0, all[j]->contract, 0));
            equal += same;
        }
    }
    assert_int_equal(equal, TERMS + 2); /* each itself, and the last as the first */
    /* A part of the record's format: a number that was written must be found again. */
    if (all[0]->promises[0] != UINT64_C(0x1d1fab716fcbe782)) {
        fail_msg("the promise is 0x%016llx", (unsigned long long)all[0]->promises[0]);
    }
    for (unsigned i = 0; i < TERMS; i++) {
        scenario_rules_free(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_values),         cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_later_windows_stay), cmocka_unit_test(test_marks),
        cmocka_unit_test(test_after_decision),     cmocka_unit_test(test_overdue),
        cmocka_unit_test(test_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
