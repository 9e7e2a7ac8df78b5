/*
 * Claims, of schemas/decisions.md: a decision moves a standing as its action says, once, and only
 * while the standing is where the person saw it; restore waits for freshness and not for anything
 * else; a waiver takes a term's conditions away until its end, and counts its uses; while a dispute
 * is open nothing steps down, enough of them open a review, and what is upheld leaves its pane and
 * its mark and gives back nothing twice. Who was never seen has a standing from then on, and
 * whoever has a docket is never evicted.
 */
#include "tests/support/scenario.h"

#include "scoring/shard_state.h"

#define KEYS                                                                                       \
    "contract: c, version: 1, consequence: medium, window: 1h, hold: 10m, capabilities: [x], "     \
    "terms: [{name: works, when: {kind: task}, keep: {outcome: ok}, floor: 0.9}, "                 \
    "{name: leak, never: {kind: tool}}, "                                                          \
    "{name: spend, budget: {sum: cost_micros, at_most: 100}}]"

static struct scenario s;
static const struct troth_rules *rules;
static int64_t now_us;
static uint8_t next_id;

static int open_scenario(void **state)
{
    (void)state;
    rules = scenario_rules(KEYS);
    scenario_open(&s, 8, 8, 4096);
    scenario_put(&s, rules);
    now_us = START;
    return 0;
}

static int close_scenario(void **state)
{
    (void)state;
    scenario_close(&s);
    scenario_rules_free(rules);
    return 0;
}

static void work(unsigned kept, unsigned broken)
{
    for (unsigned i = 0; i < kept + broken; i++) {
        now_us += SECOND;
        scenario_task(&s, "a", i < kept, now_us);
    }
}

static struct troth_event leak_of(const char *agent)
{
    return event_of(agent, TROTH_KIND_TOOL, TROTH_OUTCOME_NONE, now_us);
}

static void leak(void)
{
    now_us += SECOND;
    const struct troth_event event = leak_of("a");
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
}

static struct troth_decision decision_of(enum troth_action action)
{
    struct troth_decision decision = {.agent = text_of("a"),
                                      .contract = text_of("c"),
                                      .by = text_of("ann"),
                                      .reason = text_of("why"),
                                      .position = -1,
                                      .offset = -1,
                                      .partition = -1,
                                      .action = (uint8_t)action,
                                      .expected = TROTH_RUNG_COUNT};
    decision.id[0] = ++next_id;
    return decision;
}

static struct troth_ruled rule(const struct troth_decision *decision)
{
    now_us += SECOND;
    return scenario_decide(&s, now_us, decision, NULL);
}

static unsigned decide(enum troth_action action)
{
    const struct troth_decision decision = decision_of(action);
    return rule(&decision).ruling;
}

static unsigned waive(const char *term, int64_t until_us)
{
    struct troth_decision decision = decision_of(TROTH_ACTION_WAIVE);
    decision.term = text_of(term);
    decision.until_us = until_us;
    return rule(&decision).ruling;
}

/* A dispute of a record that was fed `back` records ago and is given here again. */
static unsigned dispute(enum troth_action action, const char *term, int64_t offset,
                        const struct troth_event *event, int64_t timestamp_us)
{
    struct troth_decision decision = decision_of(action);
    const struct troth_disputed disputed = {event, timestamp_us};
    decision.term = text_of(term);
    decision.topic = text_of("telemetry");
    decision.partition = 0;
    decision.offset = offset;
    now_us += SECOND;
    return scenario_decide(&s, now_us, &decision, event != NULL ? &disputed : NULL).ruling;
}

static unsigned rung(void)
{
    return scenario_rung(&s, "a", "c");
}

static const struct told *last(void)
{
    assert_true(s.told_count > 0);
    return &s.told[s.told_count - 1];
}

static uint64_t broken_of(unsigned term)
{
    const struct troth_standing_view view = scenario_view(&s, "a", "c");
    uint64_t kept = 0;
    uint64_t broken = 0;
    troth_window_counts(view.rules, view.standing, term, view.sight.instant, &kept, &broken);
    return broken;
}

static const struct troth_docket *docket(void)
{
    uint32_t standing = 0;
    assert_int_equal(troth_shard_of_agent(s.shard, text_of("a"), &standing, 1), 1);
    return troth_shard_docket_of(s.shard, standing);
}

static void test_up_and_repeated(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    assert_null(docket());
    struct troth_decision narrow = decision_of(TROTH_ACTION_NARROW);
    narrow.expected = TROTH_RUNG_WARN;
    assert_int_equal(rule(&narrow).ruling, TROTH_RULING_MOVED_ON);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    narrow.expected = TROTH_RUNG_CLEAR;
    assert_int_equal(rule(&narrow).ruling, TROTH_RULING_REPEATED); /* it was refused, for good */
    narrow.id[1] = 1;
    const struct troth_ruled ruled = rule(&narrow);
    assert_int_equal(ruled.ruling, TROTH_RULING_APPLIED);
    assert_int_equal(ruled.from, TROTH_RUNG_CLEAR);
    assert_int_equal(ruled.to, TROTH_RUNG_NARROW);
    assert_int_equal(last()->intervention.cause.condition, TROTH_CONDITION_DECISION);
    assert_int_equal(last()->intervention.cause.term, TROTH_NO_TERM);
    assert_true(last()->intervention.decision == &narrow && last()->intervention.narrowing);
    assert_true(last()->intervention.decided_at_us == now_us);
    assert_int_equal(rule(&narrow).ruling, TROTH_RULING_REPEATED);
    assert_int_equal(decide(TROTH_ACTION_NARROW), TROTH_RULING_UNCHANGED);
    assert_int_equal(decide(TROTH_ACTION_KEEP), TROTH_RULING_UNCHANGED);
    assert_int_equal(decide(TROTH_ACTION_REVIEW), TROTH_RULING_APPLIED);
    assert_int_equal(decide(TROTH_ACTION_NARROW), TROTH_RULING_UNCHANGED);
    assert_int_equal(decide(TROTH_ACTION_PAUSE), TROTH_RULING_APPLIED);
    assert_int_equal(rung(), TROTH_RUNG_PAUSE);
    assert_int_equal(decide(TROTH_ACTION_RESTORE), TROTH_RULING_NOT_FROM_HERE);
    assert_int_equal(decide(TROTH_ACTION_RECERTIFY), TROTH_RULING_APPLIED);
    assert_int_equal(rung(), TROTH_RUNG_RECERTIFY);
    assert_false(last()->intervention.narrowing);
    assert_true(scenario_view(&s, "a", "c").standing->after_decision);
    assert_int_equal(decide(TROTH_ACTION_NARROW), TROTH_RULING_UNCHANGED); /* it ranks below */
}

static void test_narrow_ends_by_calm(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(decide(TROTH_ACTION_NARROW), TROTH_RULING_APPLIED);
    for (unsigned i = 0; i < 11; i++) {
        now_us += MINUTE - 20 * SECOND;
        work(20, 0);
    }
    assert_int_equal(rung(), TROTH_RUNG_WARN);
    assert_int_equal(last()->intervention.cause.condition, TROTH_CONDITION_CALM);
}

/* The certification that follows a pause must succeed in time, or a person looks again. */
static void test_recertify_deadline(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(decide(TROTH_ACTION_REVIEW), TROTH_RULING_APPLIED);
    assert_int_equal(decide(TROTH_ACTION_RECERTIFY), TROTH_RULING_APPLIED);
    scenario_tick(&s, now_us + 7 * DAY - 1);
    assert_int_equal(rung(), TROTH_RUNG_RECERTIFY);
    scenario_tick(&s, now_us + 7 * DAY);
    assert_int_equal(rung(), TROTH_RUNG_REVIEW);
    assert_int_equal(last()->intervention.cause.condition, TROTH_CONDITION_DEADLINE);
    now_us += 7 * DAY;
    assert_int_equal(decide(TROTH_ACTION_RECERTIFY), TROTH_RULING_APPLIED);
    work(10, 0);
    const int64_t since_us = scenario_view(&s, "a", "c").standing->since_us;
    assert_int_equal(decide(TROTH_ACTION_RECERTIFY), TROTH_RULING_UNCHANGED);
    const struct troth_standing_view view = scenario_view(&s, "a", "c");
    assert_true(view.standing->since_us > since_us && view.standing->after_decision);
    assert_int_equal(troth_tally_of(view.rules, view.standing, 0)->kept, 0);
}

static void test_restore(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(decide(TROTH_ACTION_RESTORE), TROTH_RULING_NOT_FROM_HERE);
    assert_int_equal(decide(TROTH_ACTION_REVIEW), TROTH_RULING_APPLIED);
    now_us += 2 * HOUR; /* all evidence has left: stale by every measure */
    assert_int_equal(decide(TROTH_ACTION_RESTORE), TROTH_RULING_APPLIED);
    assert_int_equal(rung(), TROTH_RUNG_WARN);
    const int64_t restored_us = now_us;
    scenario_tick(&s, restored_us + HOUR - 1);
    assert_true(rung() <= TROTH_RUNG_WARN); /* calm may have brought it further down */
    scenario_tick(&s, restored_us + HOUR);
    assert_true(rung() > TROTH_RUNG_WARN);
    assert_int_equal(last()->intervention.cause.condition, TROTH_CONDITION_FRESHNESS);
    assert_true(last()->intervention.decided_at_us == restored_us + HOUR);
}

static void test_restore_keeps_what_is_true(void **state)
{
    (void)state;
    work(60, 0);
    work(0, 12);
    assert_int_equal(rung(), TROTH_RUNG_NARROW);
    assert_int_equal(decide(TROTH_ACTION_RESTORE), TROTH_RULING_UNCHANGED);
    assert_int_equal(rung(), TROTH_RUNG_NARROW);
}

static void test_waiver(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(waive("nothing", now_us + HOUR), TROTH_RULING_NO_TERM);
    const int64_t until_us = now_us + MINUTE;
    assert_int_equal(waive("leak", until_us), TROTH_RULING_UNCHANGED);
    leak();
    leak();
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    assert_int_equal(docket()->waived_uses[1], 2);
    struct troth_standing_view view = scenario_view(&s, "a", "c");
    assert_true(troth_outlook_score(&view.sight).compliance <= 0.0); /* it is shown as it is */
    scenario_tick(&s, until_us - 1);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    scenario_tick(&s, until_us + 5 * SECOND);
    now_us = until_us + 5 * SECOND;
    assert_int_equal(rung(), TROTH_RUNG_PAUSE);
    assert_true(last()->intervention.decided_at_us == until_us);
    assert_int_equal(docket()->waived_uses[1], 2);
}

static void spend(int64_t micros)
{
    now_us += SECOND;
    struct troth_event event = task_of("a", true, now_us);
    event.cost_micros = micros;
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
}

static void test_waiver_of_a_budget_ends_by_hand(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(waive("spend", now_us + DAY), TROTH_RULING_UNCHANGED);
    spend(60);
    assert_int_equal(docket()->waived_uses[2], 0); /* within the limit: no use of it */
    spend(60);
    spend(1);
    assert_int_equal(docket()->waived_uses[2], 2);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    assert_int_equal(waive("spend", now_us), TROTH_RULING_UNCHANGED);
    assert_int_equal(rung(), TROTH_RUNG_NARROW);
    assert_int_equal(last()->intervention.cause.condition, TROTH_CONDITION_BUDGET);
}

static void test_dispute_of_a_mark(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(decide(TROTH_ACTION_NARROW), TROTH_RULING_APPLIED);
    now_us += SECOND;
    const struct troth_event event = leak_of("a");
    const struct troth_event other = leak_of("b");
    const int64_t offset = s.offset;
    const int64_t at_us = now_us;
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
    assert_int_equal(rung(), TROTH_RUNG_PAUSE);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "leak", offset, NULL, 0),
                     TROTH_RULING_NO_RECORD);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "leak", offset, &other, at_us),
                     TROTH_RULING_NO_RECORD);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", offset, &event, at_us),
                     TROTH_RULING_NO_RECORD);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_UPHOLD, "leak", offset, &event, at_us),
                     TROTH_RULING_NOT_OPEN);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "leak", offset, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(docket()->open_count, 1);
    assert_int_equal(broken_of(1), 1);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_UPHOLD, "leak", offset, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(docket()->open_count, 0);
    assert_int_equal(broken_of(1), 0);
    assert_int_equal(rung(), TROTH_RUNG_PAUSE); /* left by recertify alone */
    leak();
    assert_int_equal(broken_of(1), 1);
    /* What was upheld gives back nothing twice. */
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "leak", offset, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(docket()->open_count, 0);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_UPHOLD, "leak", offset, &event, at_us),
                     TROTH_RULING_NOT_OPEN);
    assert_int_equal(broken_of(1), 1);
}

static void test_dispute_of_a_piece(void **state)
{
    (void)state;
    work(60, 0);
    const int64_t offset = s.offset;
    now_us += SECOND;
    const struct troth_event event = task_of("a", false, now_us);
    const int64_t at_us = now_us;
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
    work(0, 2);
    assert_int_equal(broken_of(0), 3);
    struct troth_standing_view view = scenario_view(&s, "a", "c");
    const int64_t level = troth_hot_of(view.standing, 0)->level;
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", offset, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(broken_of(0), 3);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_UPHOLD, "works", offset, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(broken_of(0), 2);
    int64_t offsets[TROTH_WITNESSES_MAX];
    view = scenario_view(&s, "a", "c");
    assert_int_equal(troth_witnesses(view.rules, view.standing, 0, offsets), 2);
    assert_true(offsets[0] != offset && offsets[1] != offset);
    assert_true(troth_hot_of(view.standing, 0)->level == level);
    /* Rejected, it stays. */
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", offset + 1, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_REJECT, "works", offset + 1, NULL, 0),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(broken_of(0), 2);
    assert_int_equal(docket()->dispute_count, 1);
    /* What has left the window has left. */
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", offset + 2, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    now_us += 3 * HOUR;
    work(0, 1);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_UPHOLD, "works", offset + 2, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(broken_of(0), 1);
}

static void test_open_disputes_hold_and_review(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(decide(TROTH_ACTION_NARROW), TROTH_RULING_APPLIED);
    const struct troth_event event = task_of("a", true, now_us);
    const int64_t at_us = now_us;
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", 7, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    for (unsigned i = 0; i < 30; i++) {
        now_us += 20 * SECOND;
        work(40, 0);
    }
    assert_int_equal(rung(), TROTH_RUNG_NARROW); /* calm for long, and disputed */
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", 8, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(rung(), TROTH_RUNG_NARROW);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", 9, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(rung(), TROTH_RUNG_REVIEW);
    assert_int_equal(last()->intervention.cause.condition, TROTH_CONDITION_DISPUTES);
    assert_true(last()->intervention.cause.observed == 3.0);
    assert_true(last()->intervention.cause.limit == 3.0);
}

static void test_closing_lets_calm_go_on(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(decide(TROTH_ACTION_NARROW), TROTH_RULING_APPLIED);
    const struct troth_event event = task_of("a", true, now_us);
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", 7, &event, now_us),
                     TROTH_RULING_UNCHANGED);
    for (unsigned i = 0; i < 20; i++) {
        now_us += 20 * SECOND;
        work(40, 0);
    }
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_REJECT, "works", 7, NULL, 0),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(rung(), TROTH_RUNG_WARN); /* at once: the calm was long enough */
}

static void test_recertify_makes_disputes_idle(void **state)
{
    (void)state;
    work(60, 0);
    const struct troth_event event = task_of("a", false, now_us + SECOND);
    const int64_t offset = s.offset;
    work(0, 1);
    const int64_t at_us = now_us;
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_OPEN, "works", offset, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(decide(TROTH_ACTION_RECERTIFY), TROTH_RULING_APPLIED);
    work(40, 1);
    assert_int_equal(rung(), TROTH_RUNG_RECERTIFY); /* proved, and disputed */
    assert_int_equal(dispute(TROTH_ACTION_DISPUTE_UPHOLD, "works", offset, &event, at_us),
                     TROTH_RULING_UNCHANGED);
    assert_int_equal(broken_of(0), 1); /* that was of another record */
    work(60, 0);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
}

static void test_unseen_unbound_and_full(void **state)
{
    (void)state;
    struct troth_decision decision = decision_of(TROTH_ACTION_PAUSE);
    decision.contract = text_of("other");
    assert_int_equal(rule(&decision).ruling, TROTH_RULING_NOT_BOUND);
    assert_int_equal(rule(&decision).from, TROTH_RUNG_COUNT);
    decision.contract = text_of("c");
    decision.agent = text_of("never-seen");
    decision.expected = TROTH_RUNG_RECERTIFY;
    const struct troth_ruled ruled = rule(&decision);
    assert_int_equal(ruled.ruling, TROTH_RULING_APPLIED);
    assert_int_equal(scenario_rung(&s, "never-seen", "c"), TROTH_RUNG_PAUSE);
    /* One docket alone: the second standing has to go without. */
    s.config.dockets_max = 1;
    scenario_restart(&s);
    scenario_put(&s, rules);
    assert_int_equal(rule(&decision).ruling, TROTH_RULING_APPLIED);
    decision.agent = text_of("b");
    assert_int_equal(rule(&decision).ruling, TROTH_RULING_NO_ROOM);
    assert_int_equal(scenario_rung(&s, "b", "c"), TROTH_RUNG_RECERTIFY);
    /* When the first ends, its docket is free again. */
    assert_int_equal(troth_shard_retire(s.shard, "c"), TROTH_OK);
    scenario_put(&s, rules);
    assert_int_equal(rule(&decision).ruling, TROTH_RULING_APPLIED);
}

static void test_dockets_keep_from_eviction(void **state)
{
    (void)state;
    s.config.evict_after_us = HOUR;
    scenario_restart(&s);
    scenario_put(&s, rules);
    now_us = START;
    scenario_task(&s, "b", true, now_us);
    assert_int_equal(decide(TROTH_ACTION_KEEP), TROTH_RULING_UNCHANGED);
    for (unsigned i = 1; i < 24 * 16; i++) {
        scenario_tick(&s, now_us + i * HOUR);
    }
    uint32_t standing = 0;
    assert_int_equal(troth_shard_of_agent(s.shard, text_of("b"), &standing, 1), 0);
    assert_int_equal(troth_shard_of_agent(s.shard, text_of("a"), &standing, 1), 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_scenario, close_scenario)
    const struct CMUnitTest tests[] = {
        TEST(test_up_and_repeated),
        TEST(test_narrow_ends_by_calm),
        TEST(test_recertify_deadline),
        TEST(test_restore),
        TEST(test_restore_keeps_what_is_true),
        TEST(test_waiver),
        TEST(test_waiver_of_a_budget_ends_by_hand),
        TEST(test_dispute_of_a_mark),
        TEST(test_dispute_of_a_piece),
        TEST(test_open_disputes_hold_and_review),
        TEST(test_closing_lets_calm_go_on),
        TEST(test_recertify_makes_disputes_idle),
        TEST(test_unseen_unbound_and_full),
        TEST(test_dockets_keep_from_eviction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
