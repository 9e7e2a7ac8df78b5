/*
 * Claims: the ladder's times are exact (holds, relapses, certification), the score is the design's,
 * and the promise of good_until and offer_until is kept to the microsecond: with no further
 * evidence the standing gets worse then, not before and not later.
 */
#include "tests/support/scenario_random.h"

#include <math.h>

#include "scoring/beta.h"

static void open_one(struct scenario *s, const char *keys, const struct troth_rules **rules)
{
    *rules = scenario_rules(keys);
    scenario_open(s, 4, 4, 4096);
    scenario_put(s, *rules);
}

static void close_one(struct scenario *s, const struct troth_rules *rules)
{
    scenario_close(s);
    scenario_rules_free(rules);
}

static void assert_last(const struct scenario *s, unsigned from, unsigned to, unsigned condition,
                        int64_t decided_at_us)
{
    assert_true(s->told_count > 0);
    const struct troth_intervention *last = &s->told[s->told_count - 1].intervention;
    assert_int_equal(last->from, from);
    assert_int_equal(last->to, to);
    assert_int_equal(last->cause.condition, condition);
    assert_true(last->decided_at_us == decided_at_us);
}

/* Everything certifies on one piece; confidence alone counts, and nothing ages. */
#define PLAIN                                                                                      \
    "contract: c, version: 1, window: 4m, panes: 4, half_life: 366d, certify: {confidence: "       \
    "0.6, within: 1h}, "
#define NO_FRESHNESS                                                                               \
    "warn: {confidence_below: 0.1, freshness_below: null, change: false}, narrow: "                \
    "{confidence_below: 0.01, freshness_below: null}, recertify: {freshness_below: null}, "        \
    "review: {confidence_below: null}, pause: {confidence_below: null}"

/* Five broken pieces and twenty older kept ones; the kept leave the window a pane before. */
static void hold_against_pane(const char *hold, struct scenario *s,
                              const struct troth_rules **rules)
{
    char keys[1024];
    snprintf(keys, sizeof keys,
             PLAIN "hold: %s, ladder: {" NO_FRESHNESS "}, terms: [{name: t, when: {kind: task}, "
                   "keep: {outcome: ok}, floor: 0.5, evidence: 1, fresh: 1}]",
             hold);
    open_one(s, keys, rules);
    scenario_task(s, "a", true, START);
    const int64_t now_us = START + MINUTE + 30 * SECOND;
    for (unsigned i = 0; i < 5; i++) {
        scenario_task(s, "a", false, now_us);
    }
    assert_last(s, TROTH_RUNG_CLEAR, TROTH_RUNG_WARN, TROTH_CONDITION_CONFIDENCE, now_us);
    for (unsigned i = 0; i < 20; i++) {
        const struct troth_event event = task_of("a", true, START + 30 * SECOND);
        assert_int_equal(scenario_feed(s, now_us, &event), TROTH_OK);
    }
    scenario_tick(s, START + 10 * MINUTE);
}

static void a_pane_that_breaks_calm_beats_the_hold_that_ends_with_it(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    /* Calm began at 1:30, the kept pieces leave at 4:00: 150 s later. */
    hold_against_pane("150s", &s, &rules);
    assert_last(&s, TROTH_RUNG_WARN, TROTH_RUNG_CLEAR, TROTH_CONDITION_CALM,
                START + 5 * MINUTE + 150 * SECOND);
    close_one(&s, rules);
    /* A millisecond less and the hold ends first. */
    hold_against_pane("149999ms", &s, &rules);
    assert_true(s.told_count > 2);
    const struct troth_intervention *third = &s.told[2].intervention;
    assert_int_equal(third->from, TROTH_RUNG_WARN);
    assert_int_equal(third->to, TROTH_RUNG_CLEAR);
    assert_true(third->decided_at_us == START + 4 * MINUTE - MILLISECOND);
    close_one(&s, rules);
}

/* A standing with one kept piece at the clock, for looks at the ladder alone. */
static struct troth_standing_view fresh_view(struct scenario *s)
{
    scenario_task(s, "a", true, START);
    return scenario_view(s, "a", "c");
}

static const char one_share[] =
    PLAIN "hold: 10m, ladder: {" NO_FRESHNESS "}, terms: [{name: t, when: {kind: task}, keep: "
          "{outcome: ok}, floor: 0.5, evidence: 1, fresh: 1}]";

static void a_relapse_is_within_a_day(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s, one_share, &rules);
    struct troth_standing_view view = fresh_view(&s);
    static const uint8_t from[] = {TROTH_RUNG_CLEAR, TROTH_RUNG_WARN};
    static const uint8_t to[] = {TROTH_RUNG_NARROW, TROTH_RUNG_REVIEW, TROTH_RUNG_PAUSE};
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned t = 0; t < 3; t++) {
            struct troth_ladder ladder = {TROTH_NEVER_US, START - DAY, from[f], 3};
            troth_ladder_enter(&view.sight, &ladder, to[t]);
            assert_int_equal(ladder.relapses, 4);
            assert_int_equal(ladder.rung, to[t]);
            assert_true(ladder.left_us == START - DAY);
            ladder = (struct troth_ladder){TROTH_NEVER_US, START - DAY - 1, from[f], 3};
            troth_ladder_enter(&view.sight, &ladder, to[t]);
            assert_int_equal(ladder.relapses, 0);
            ladder = (struct troth_ladder){TROTH_NEVER_US, TROTH_NEVER_US, from[f], 3};
            troth_ladder_enter(&view.sight, &ladder, to[t]);
            assert_int_equal(ladder.relapses, 0);
        }
    }
    /* It saturates; going up from narrow, to warn or to recertify neither counts nor forgets. */
    static const uint8_t moves[][3] = {{TROTH_RUNG_CLEAR, TROTH_RUNG_NARROW, 31},
                                       {TROTH_RUNG_NARROW, TROTH_RUNG_REVIEW, 31},
                                       {TROTH_RUNG_CLEAR, TROTH_RUNG_WARN, 31},
                                       {TROTH_RUNG_WARN, TROTH_RUNG_RECERTIFY, 31},
                                       {TROTH_RUNG_RECERTIFY, TROTH_RUNG_NARROW, 31}};
    for (unsigned i = 0; i < sizeof moves / sizeof *moves; i++) {
        struct troth_ladder ladder = {TROTH_NEVER_US, START - 1, moves[i][0], 31};
        troth_ladder_enter(&view.sight, &ladder, moves[i][1]);
        assert_int_equal(ladder.relapses, moves[i][2]);
        assert_true(ladder.left_us == START - 1);
    }
    /* What counts as leaving: narrow, review and pause downwards, or for recertify. */
    static const uint8_t leaves[][2] = {{TROTH_RUNG_NARROW, TROTH_RUNG_WARN},
                                        {TROTH_RUNG_NARROW, TROTH_RUNG_RECERTIFY},
                                        {TROTH_RUNG_REVIEW, TROTH_RUNG_NARROW},
                                        {TROTH_RUNG_PAUSE, TROTH_RUNG_RECERTIFY}};
    for (unsigned i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        struct troth_ladder ladder = {TROTH_NEVER_US, 1, leaves[i][0], 5};
        troth_ladder_enter(&view.sight, &ladder, leaves[i][1]);
        assert_true(ladder.left_us == START);
        assert_int_equal(ladder.relapses, 5);
    }
    close_one(&s, rules);
}

static void a_hold_doubles_by_relapse_up_to_64(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s, one_share, &rules);
    struct troth_standing_view view = fresh_view(&s);
    for (uint8_t relapses = 0; relapses <= TROTH_RELAPSES_MAX; relapses++) {
        const int64_t hold_us = 10 * MINUTE << (relapses < 6 ? relapses : 6);
        for (uint8_t rung = TROTH_RUNG_WARN; rung <= TROTH_RUNG_NARROW; rung++) {
            struct troth_ladder ladder = {START - hold_us + 1, 0, rung, relapses};
            assert_false(troth_ladder_step(&view.sight, &ladder, true).taken);
            assert_true(ladder.phase_us == START - hold_us + 1);
            assert_true(troth_ladder_deadline(&view.sight, &ladder) <= START + 1);
            ladder.phase_us = START - hold_us;
            const struct troth_step step = troth_ladder_step(&view.sight, &ladder, true);
            assert_true(step.taken);
            assert_int_equal(step.to, rung - 1);
            assert_int_equal(step.cause.condition, TROTH_CONDITION_CALM);
            assert_int_equal(step.cause.term, TROTH_NO_TERM);
            assert_true(step.cause.observed == (double)hold_us);
        }
    }
    close_one(&s, rules);
}

static void certification_starts_anew_when_its_time_is_over(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s,
             PLAIN "ladder: {" NO_FRESHNESS "}, terms: [{name: t, when: {kind: task}, keep: "
                   "{outcome: ok}, floor: 0.5, evidence: 2, fresh: 1}]",
             &rules);
    scenario_task(&s, "a", true, START);
    scenario_tick(&s, START + HOUR - 1);
    assert_int_equal(troth_tally_of(rules, scenario_view(&s, "a", "c").standing, 0)->kept, 1);
    /* The deadline comes before the event of the same microsecond. */
    scenario_task(&s, "a", true, START + HOUR);
    const struct troth_standing *standing = scenario_view(&s, "a", "c").standing;
    assert_int_equal(standing->rung, TROTH_RUNG_RECERTIFY);
    assert_int_equal(troth_tally_of(rules, standing, 0)->kept, 1);
    assert_true(standing->since_us == START && standing->phase_us == START + 2 * HOUR);
    assert_int_equal(s.told_count, 0);
    scenario_task(&s, "a", true, START + 2 * HOUR - 1);
    assert_last(&s, TROTH_RUNG_RECERTIFY, TROTH_RUNG_CLEAR, TROTH_CONDITION_CERTIFIED,
                START + 2 * HOUR - 1);
    close_one(&s, rules);
}

static void certification_after_a_decision_ends_in_review(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s, one_share, &rules);
    struct troth_standing_view view = fresh_view(&s);
    struct troth_standing *standing = aligned_alloc(64, rules->size);
    troth_standing_init(rules, standing, START - HOUR);
    for (unsigned after = 0; after < 2; after++) {
        for (int64_t beside_us = 0; beside_us < 2; beside_us++) {
            troth_standing_recertify(rules, standing, START - HOUR + beside_us, after == 1);
            view.sight.standing = standing;
            view.sight.ready = 0;
            bool restart = false;
            const struct troth_step step = troth_ladder_certify(&view.sight, &restart);
            assert_int_equal(step.taken, after == 1 && beside_us == 0);
            assert_int_equal(restart, after == 0 && beside_us == 0);
            if (step.taken) {
                assert_int_equal(step.to, TROTH_RUNG_REVIEW);
                assert_int_equal(step.cause.condition, TROTH_CONDITION_DEADLINE);
            }
        }
    }
    free(standing);
    close_one(&s, rules);
}

static void without_required_proof_the_first_match_certifies(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    const char keys[] =
        PLAIN "terms: [{name: n, never: {kind: exception}}, {name: b, budget: {sum: "
              "cost_micros, at_most: 9}}, {name: t, when: {kind: task}, keep: "
              "{outcome: ok}, floor: 0.5, required: false}]";
    open_one(&s, keys, &rules);
    struct troth_event event = event_of("a", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, START);
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK); /* begins, matches nothing */
    struct troth_standing_view view = scenario_view(&s, "a", "c");
    assert_int_equal(view.standing->rung, TROTH_RUNG_RECERTIFY);
    assert_true(troth_outlook_score(&view.sight).freshness == 0.0);
    event = task_of("a", true, START - HOUR); /* too late to count, yet a match */
    assert_int_equal(scenario_feed(&s, START + 1, &event), TROTH_OK);
    assert_last(&s, TROTH_RUNG_RECERTIFY, TROTH_RUNG_CLEAR, TROTH_CONDITION_CERTIFIED, START + 1);
    view = scenario_view(&s, "a", "c");
    const struct troth_score score = troth_outlook_score(&view.sight);
    assert_true(score.freshness == 1.0 && score.compliance == 1.0);
    assert_int_equal(score.score, 1000);
    close_one(&s, rules);
}

/* A cadence holds no ring: its tenths are deadlines of their own, and the last of them counts. It
 * is no proof by which recertify asks. */
static void a_cadence_is_looked_at_as_each_tenth_begins(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s,
             "contract: c, version: 1, window: 30d, panes: 2, certify: {confidence: 0.6}, ladder: "
             "{warn: {freshness_below: 0.95}, narrow: {freshness_below: 0.05}, recertify: "
             "{freshness_below: 0.9}}, terms: [{name: k, cadence: {when: {kind: heartbeat}, every: "
             "1h}}, {name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 1, "
             "fresh: 1}]",
             &rules);
    const struct troth_event beat =
        event_of("a", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, START - 7);
    scenario_task(&s, "a", true, START - 8);
    assert_int_equal(s.told_count, 0); /* certified when both are proved */
    assert_int_equal(scenario_feed(&s, START - 7, &beat), TROTH_OK);
    assert_last(&s, TROTH_RUNG_RECERTIFY, TROTH_RUNG_CLEAR, TROTH_CONDITION_CERTIFIED, START - 7);
    scenario_tick(&s, START + HOUR - 7);
    assert_int_equal(s.told_count, 1);
    scenario_tick(&s, START + HOUR);
    assert_last(&s, TROTH_RUNG_CLEAR, TROTH_RUNG_WARN, TROTH_CONDITION_FRESHNESS, START + HOUR - 6);
    scenario_tick(&s, START + 5 * HOUR);
    assert_last(&s, TROTH_RUNG_WARN, TROTH_RUNG_NARROW, TROTH_CONDITION_FRESHNESS,
                START + HOUR + 54 * MINUTE - 6);
    assert_int_equal(s.told_count, 3);
    close_one(&s, rules);
}

/* Narrowed by a budget, forgiven twice by calm, and then stale by the measure of `clear`, a pane
 * before it would have been stale by that of `narrow`. */
static void the_walk_takes_steps_down(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s,
             "contract: c, version: 1, window: 60m, panes: 12, half_life: 366d, hold: 10m, "
             "certify: {confidence: 0.6, within: 1h}, ladder: {warn: {freshness_below: null}, "
             "narrow: {freshness_below: null}, recertify: {freshness_below: 0.5}}, terms: [{name: "
             "t, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 1, fresh: 8}, "
             "{name: b, budget: {sum: cost_micros, at_most: 1}, window: 2m, panes: 2}]",
             &rules);
    for (unsigned i = 0; i < 5; i++) {
        scenario_task(&s, "a", true, START);
    }
    for (unsigned i = 0; i < 3; i++) {
        scenario_task(&s, "a", true, START + 5 * MINUTE);
    }
    struct troth_event event = task_of("a", true, START + 5 * MINUTE);
    event.kind = TROTH_KIND_TOOL;
    event.cost_micros = 2;
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    assert_int_equal(scenario_feed(&s, START + 5 * MINUTE, &event), TROTH_OK);
    struct troth_standing_view view = scenario_view(&s, "a", "c");
    assert_int_equal(view.standing->rung, TROTH_RUNG_NARROW);
    int64_t good_us = 0;
    int64_t offer_us = 0;
    troth_outlook_until(&view.sight, &good_us, &offer_us);
    assert_true(good_us == START + 60 * MINUTE);
    assert_true(offer_us == START + 60 * MINUTE);
    scenario_tick(&s, START + DAY);
    assert_last(&s, TROTH_RUNG_CLEAR, TROTH_RUNG_RECERTIFY, TROTH_CONDITION_FRESHNESS,
                START + 60 * MINUTE);
    assert_int_equal(s.told_count, 5); /* certified, narrow, warn, clear, recertify */
    close_one(&s, rules);
}

static void without_recertify_an_offer_lasts_as_long_as_its_evidence(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s,
             PLAIN "consequence: low, terms: [{name: t, when: {kind: task}, keep: {outcome: ok}, "
                   "floor: 0.5, evidence: 20, fresh: 20}, {name: b, budget: {sum: cost_micros, "
                   "at_most: 100}, window: 10m, panes: 10}]",
             &rules);
    for (unsigned i = 0; i < 20; i++) {
        scenario_task(&s, "a", true, START + (i < 19 ? 0 : MINUTE));
    }
    struct troth_event event = event_of("a", TROTH_KIND_TOOL, TROTH_OUTCOME_NONE, START);
    event.cost_micros = 1;
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    assert_int_equal(scenario_feed(&s, START + MINUTE, &event), TROTH_OK);
    struct troth_standing_view view = scenario_view(&s, "a", "c");
    assert_int_equal(view.standing->rung, TROTH_RUNG_CLEAR);
    int64_t good_us = 0;
    int64_t offer_us = 0;
    troth_outlook_until(&view.sight, &good_us, &offer_us);
    assert_true(good_us == START + 4 * MINUTE);   /* one of 20 is left: freshness 0.05 */
    assert_true(offer_us == START + 10 * MINUTE); /* the budget's amount leaves last */
    close_one(&s, rules);
}

static void a_paused_standing_is_offered_to_nobody(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s,
             PLAIN "terms: [{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, "
                   "evidence: 1, fresh: 1}, {name: n, never: {kind: exception}, required: false}]",
             &rules);
    struct troth_standing_view view = fresh_view(&s);
    assert_int_equal(troth_outlook_score(&view.sight).score, 750);
    const struct troth_event event = event_of("a", TROTH_KIND_EXCEPTION, TROTH_OUTCOME_NONE, START);
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    assert_last(&s, TROTH_RUNG_CLEAR, TROTH_RUNG_PAUSE, TROTH_CONDITION_NEVER, START);
    assert_int_equal(s.told[s.told_count - 1].intervention.score.score, 0);
    view = scenario_view(&s, "a", "c");
    int64_t good_us = 1;
    int64_t offer_us = 1;
    troth_outlook_until(&view.sight, &good_us, &offer_us);
    assert_true(good_us == 0 && offer_us == 0);
    assert_int_equal(troth_outlook_score(&view.sight).score, 0);
    assert_int_equal(troth_outlook_score(&view.sight).limiting, 1);
    close_one(&s, rules);
}

static void compliance_is_the_least_of_what_is_promised(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s,
             PLAIN "terms: [{name: idle, judged: {}, floor: 0.5, required: false}, {name: twin, "
                   "when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 1, fresh: 1}, "
                   "{name: second, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: "
                   "1, fresh: 1}, {name: spare, when: {kind: tool}, keep: {outcome: ok}, floor: "
                   "0.5, required: false}, {name: cost, budget: {sum: cost_micros, at_most: 5}, "
                   "required: false}]",
             &rules);
    struct troth_standing_view view = fresh_view(&s);
    struct troth_score score = troth_outlook_score(&view.sight);
    assert_true(score.compliance == 0.75); /* 1 - 0.5^(1 + 1); the twins tie: the first limits */
    assert_int_equal(score.limiting, 1);
    /* A term that need not be proved counts by twice its confidence: (0, 1) is 0.25. */
    struct troth_event event = event_of("a", TROTH_KIND_TOOL, TROTH_OUTCOME_FAILED, START);
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    view = scenario_view(&s, "a", "c");
    score = troth_outlook_score(&view.sight);
    assert_true(score.compliance == 0.5);
    assert_int_equal(score.limiting, 3);
    event.outcome = TROTH_OUTCOME_OK; /* (1, 1) is 0.5, so 1: the twins limit again */
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    view = scenario_view(&s, "a", "c");
    assert_int_equal(troth_outlook_score(&view.sight).limiting, 1);
    event.kind = TROTH_KIND_HEARTBEAT;
    event.cost_micros = 5;
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    for (unsigned i = 0; i < 2; i++) { /* at the limit it is kept; past it broken */
        assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
        view = scenario_view(&s, "a", "c");
        score = troth_outlook_score(&view.sight);
        assert_true(score.compliance == (i == 0 ? 0.75 : 0.0));
        assert_int_equal(score.limiting, i == 0 ? 1 : 4);
        event.cost_micros = 1;
    }
    close_one(&s, rules);
}

static void what_nothing_was_promised_of_does_not_limit(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules;
    open_one(&s,
             PLAIN "terms: [{name: idle, judged: {}, floor: 0.5, required: false}, {name: spend, "
                   "budget: {sum: cost_micros, at_most: 5}, required: false}]",
             &rules);
    struct troth_standing_view view = fresh_view(&s);
    struct troth_score score = troth_outlook_score(&view.sight);
    assert_true(score.compliance == 1.0 && score.freshness == 0.0);
    assert_int_equal(score.limiting, TROTH_NO_TERM);
    struct troth_event event = task_of("a", true, START);
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    view = scenario_view(&s, "a", "c");
    score = troth_outlook_score(&view.sight);
    assert_true(score.compliance == 1.0 && score.freshness == 1.0);
    assert_int_equal(score.limiting, 1);
    close_one(&s, rules);
}

/* The last evidence of all windows, found by looking at every term's plain sums. */
static int64_t last_evidence_us(struct troth_standing_view *view)
{
    int64_t last_us = TROTH_NEVER_US;
    for (unsigned i = 0; i < view->rules->term_count; i++) {
        if (view->rules->terms[i].windowed) {
            const int64_t pane =
                troth_window_newest(view->rules, view->standing, i, view->sight.instant);
            const int64_t leaves_us =
                (pane + view->rules->contract->terms[i].panes) * view->rules->terms[i].pane_us;
            last_us = pane >= 0 && leaves_us > last_us ? leaves_us : last_us;
        }
    }
    return last_us;
}

/* Feeds a random stream, looks ahead, and then lets time alone pass. In out met: counts what was
 * met: good_until; offer_until; neither, as it never got so bad. */
static void look_and_wait(uint64_t *random, const struct troth_rules *rules, unsigned met[3])
{
    static const char *const agent = "a";
    struct scenario s;
    struct troth_standing_view view;
    scenario_open(&s, 1, 1, 8192);
    scenario_put(&s, rules);
    int64_t now_us = START;
    for (uint64_t n = 1 + random_below(random, 60); n > 0; n--) {
        const struct record record = random_record(random, now_us, &agent, 1, 12);
        now_us = record.timestamp_us > now_us ? record.timestamp_us : now_us;
        const troth_status status =
            scenario_feed(&s, record.timestamp_us, record.rejected ? NULL : &record.event);
        assert_true(status == TROTH_OK || status == TROTH_DUPLICATE);
    }
    if (troth_shard_view(s.shard, 0, &view) && view.standing->rung <= TROTH_RUNG_NARROW) {
        const int64_t last_us = last_evidence_us(&view);
        const int64_t otherwise_us = last_us != TROTH_NEVER_US ? last_us : now_us;
        const unsigned bad =
            view.standing->rung < TROTH_RUNG_NARROW ? TROTH_RUNG_NARROW : TROTH_RUNG_RECERTIFY;
        const unsigned first = s.told_count;
        int64_t good_us = 0;
        int64_t offer_us = 0;
        int64_t worse_us = otherwise_us;
        int64_t worst_us = otherwise_us;
        troth_outlook_until(&view.sight, &good_us, &offer_us);
        for (int64_t after_us = SECOND; after_us < 4 * DAY; after_us += after_us / 3) {
            scenario_tick(&s, now_us + after_us);
        }
        for (unsigned i = s.told_count; i-- > first;) {
            const struct troth_intervention *told = &s.told[i].intervention;
            worse_us = told->to >= bad ? told->decided_at_us : worse_us;
            worst_us = told->to >= TROTH_RUNG_RECERTIFY ? told->decided_at_us : worst_us;
        }
        if (good_us != worse_us || offer_us != worst_us) {
            fail_msg("good %lld against %lld, offer %lld against %lld", (long long)good_us,
                     (long long)worse_us, (long long)offer_us, (long long)worst_us);
        }
        met[0] += worse_us != otherwise_us;
        met[1] += worst_us != otherwise_us;
        met[2] += worst_us == otherwise_us;
    }
    scenario_close(&s);
}

static void the_outlook_keeps_its_word(void **state)
{
    (void)state;
    uint64_t random = random_seed("the_outlook_keeps_its_word");
    unsigned met[3] = {0};
    for (unsigned contract = 0; contract < 50; contract++) {
        const struct troth_rules *rules = random_rules(&random, "c", 1);
        for (unsigned stream = 0; stream < 80; stream++) {
            look_and_wait(&random, rules, met);
        }
        scenario_rules_free(rules);
    }
    printf("good_until met %u times, offer_until %u, neither %u\n", met[0], met[1], met[2]);
    assert_true(met[0] > 50 && met[1] > 20 && met[2] > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pane_that_breaks_calm_beats_the_hold_that_ends_with_it),
        cmocka_unit_test(a_relapse_is_within_a_day),
        cmocka_unit_test(a_hold_doubles_by_relapse_up_to_64),
        cmocka_unit_test(certification_starts_anew_when_its_time_is_over),
        cmocka_unit_test(certification_after_a_decision_ends_in_review),
        cmocka_unit_test(without_required_proof_the_first_match_certifies),
        cmocka_unit_test(a_cadence_is_looked_at_as_each_tenth_begins),
        cmocka_unit_test(the_walk_takes_steps_down),
        cmocka_unit_test(without_recertify_an_offer_lasts_as_long_as_its_evidence),
        cmocka_unit_test(a_paused_standing_is_offered_to_nobody),
        cmocka_unit_test(compliance_is_the_least_of_what_is_promised),
        cmocka_unit_test(what_nothing_was_promised_of_does_not_limit),
        cmocka_unit_test(the_outlook_keeps_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
