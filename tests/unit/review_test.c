/*
 * Claims, of schemas/reviews.md: the ladder and the clock open a review, one at a time, and a
 * person's decision ends it; the clock's is no look, so rungs and times are what they are without
 * it; who claims one is remembered until it ends; what is let pass has owner, end and uses; each
 * event, change and review is counted in the week that it belongs to, once.
 */
#include "tests/support/scenario.h"

#include "scoring/shard_state.h"

#define KEYS                                                                                       \
    "contract: c, version: %u, consequence: medium, window: 1h, hold: 10m, review_every: %s, "     \
    "terms: [{name: works, when: {kind: [task, exception]}, keep: {outcome: ok}, floor: 0.9}, "    \
    "{name: leak, never: {kind: tool}}]"

static struct scenario s;
static const struct troth_rules *rules;
static int64_t now_us;
static uint8_t next_id;

static const struct troth_rules *rules_of(unsigned version, const char *every)
{
    char keys[1024];
    snprintf(keys, sizeof keys, KEYS, version, every);
    return scenario_rules(keys);
}

static int open_scenario(void **state)
{
    (void)state;
    rules = rules_of(1, "7d");
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

/* Time passes, with a task each ten minutes so that proof stays fresh, or in silence. */
static void pass_working(int64_t by_us)
{
    for (const int64_t end_us = now_us + by_us; now_us < end_us;) {
        now_us += MINUTE;
        scenario_task(&s, "a", true, now_us);
    }
}

static void tick(int64_t at_us)
{
    now_us = at_us;
    assert_int_equal(scenario_feed(&s, now_us, NULL), TROTH_OK);
}

static unsigned decide(enum troth_action action, int64_t position)
{
    struct troth_decision decision = {.agent = text_of("a"),
                                      .contract = text_of("c"),
                                      .by = text_of("ann"),
                                      .reason = text_of("why"),
                                      .position = position,
                                      .offset = -1,
                                      .partition = -1,
                                      .action = (uint8_t)action,
                                      .expected = TROTH_RUNG_COUNT};
    decision.id[0] = ++next_id;
    now_us += SECOND;
    return scenario_decide(&s, now_us, &decision, NULL).ruling;
}

static struct troth_review_view review(void)
{
    struct troth_review_view view;
    uint32_t standing = 0;
    assert_int_equal(troth_shard_of_agent(s.shard, text_of("a"), &standing, 1), 1);
    troth_shard_review_of(s.shard, standing, &view);
    return view;
}

static const struct troth_week *week(void)
{
    return troth_shard_ledger(s.shard, 0);
}

static unsigned rung(void)
{
    return scenario_rung(&s, "a", "c");
}

static void leak(void)
{
    now_us += SECOND;
    const struct troth_event event = event_of("a", TROTH_KIND_TOOL, TROTH_OUTCOME_NONE, now_us);
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
}

static void test_the_ladder_opens_and_a_decision_ends(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    assert_int_equal(review().state, TROTH_REVIEW_WAITING);
    assert_int_equal(decide(TROTH_ACTION_CLAIM, 5), TROTH_RULING_NOT_OPEN);
    leak();
    assert_int_equal(rung(), TROTH_RUNG_PAUSE);
    assert_int_equal(review().state, TROTH_REVIEW_BY_LADDER);
    assert_true(review().since_us == now_us && review().next_us == TROTH_LAST_US);
    assert_int_equal(week()->reviews_opened, 1);
    assert_int_equal(week()->reviews_by_ladder, 1);
    /* None of these ends it. */
    assert_int_equal(decide(TROTH_ACTION_REVIEW, -1), TROTH_RULING_UNCHANGED);
    assert_int_equal(decide(TROTH_ACTION_RESTORE, -1), TROTH_RULING_NOT_FROM_HERE);
    assert_int_equal(decide(TROTH_ACTION_CLAIM, 7), TROTH_RULING_UNCHANGED);
    assert_int_equal(review().docket->claimed_position, 7);
    assert_int_equal(decide(TROTH_ACTION_CLAIM, 8), TROTH_RULING_UNCHANGED);
    assert_int_equal(review().docket->claimed_position, 8);
    assert_true(review().docket->claimed_us == now_us);
    assert_int_equal(review().state, TROTH_REVIEW_BY_LADDER);
    assert_int_equal(week()->reviews_done, 0);
    /* This does. */
    assert_int_equal(decide(TROTH_ACTION_RECERTIFY, -1), TROTH_RULING_APPLIED);
    assert_int_equal(review().state, TROTH_REVIEW_NONE);
    assert_int_equal(review().docket->claimed_position, -1);
    assert_true(review().docket->reviewed_us == now_us);
    assert_int_equal(review().docket->reviewed_rung, TROTH_RUNG_RECERTIFY);
    assert_int_equal(week()->reviews_done, 1);
    assert_int_equal(week()->reviews_concrete, 1);
    /* Certified, the clock runs anew. */
    work(60, 0);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    assert_int_equal(review().state, TROTH_REVIEW_WAITING);
    assert_int_equal(review().docket->widened_since, 1);
}

static void test_the_clock_opens_at_its_own_time(void **state)
{
    (void)state;
    work(60, 0);
    const int64_t since_us = s.told[s.told_count - 1].intervention.decided_at_us;
    assert_true(review().next_us == since_us + 7 * DAY);
    pass_working(7 * DAY - 2 * MINUTE);
    const size_t told = s.told_count;
    tick(since_us + 7 * DAY - 1);
    assert_int_equal(review().state, TROTH_REVIEW_WAITING);
    tick(since_us + 7 * DAY + 3);
    assert_int_equal(review().state, TROTH_REVIEW_BY_CLOCK);
    assert_true(review().since_us == since_us + 7 * DAY);
    assert_int_equal(s.told_count, told);
    assert_int_equal(week()->reviews_opened, 1);
    assert_int_equal(week()->reviews_by_ladder, 0);
    /* What the ladder opens then is the same one. */
    leak();
    assert_int_equal(review().state, TROTH_REVIEW_BY_LADDER);
    assert_true(review().since_us == since_us + 7 * DAY);
    assert_int_equal(week()->reviews_opened, 1);
    assert_int_equal(decide(TROTH_ACTION_KEEP, -1), TROTH_RULING_UNCHANGED);
    assert_int_equal(week()->reviews_done, 1);
    assert_int_equal(week()->reviews_concrete, 0);
    assert_int_equal(rung(), TROTH_RUNG_PAUSE);
    /* Kept at pause, it comes up again. */
    const int64_t kept_us = now_us;
    assert_true(review().next_us == kept_us + 7 * DAY);
    tick(kept_us + 7 * DAY);
    assert_int_equal(review().state, TROTH_REVIEW_BY_CLOCK);
}

static void test_a_person_opens_one_and_pauses_without(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(decide(TROTH_ACTION_REVIEW, -1), TROTH_RULING_APPLIED);
    assert_int_equal(review().state, TROTH_REVIEW_BY_LADDER);
    assert_int_equal(decide(TROTH_ACTION_PAUSE, -1), TROTH_RULING_APPLIED);
    assert_int_equal(review().state, TROTH_REVIEW_WAITING);
    assert_int_equal(week()->reviews_concrete, 1);
    assert_int_equal(week()->narrowed, 1); /* clear to review; review to pause was none */
    assert_int_equal(week()->narrowed_decided, 1);
}

static void test_a_shorter_clock_opens_when_it_comes(void **state)
{
    const struct troth_rules *shorter = rules_of(2, "1h");
    (void)state;
    work(60, 0);
    pass_working(3 * HOUR);
    assert_int_equal(review().state, TROTH_REVIEW_WAITING);
    scenario_put(&s, shorter);
    assert_int_equal(review().state, TROTH_REVIEW_BY_CLOCK);
    assert_true(review().since_us == now_us);
    scenario_close(&s);
    scenario_open(&s, 8, 8, 4096);
    scenario_rules_free(shorter);
}

/* The version that makes a review due also asks for what is not proved: the look that comes with it
 * sends the standing to recertify, where no clock runs. The review is open all the same. */
static void test_a_shorter_clock_is_before_the_look(void **state)
{
    (void)state;
    const struct troth_rules *other =
        scenario_rules("contract: c, version: 2, consequence: medium, window: 1h, hold: 10m, "
                       "review_every: 1h, terms: [{name: other, when: {kind: task}, "
                       "keep: {outcome: ok}, floor: 0.95}]");
    work(60, 0);
    pass_working(3 * HOUR);
    scenario_put(&s, other);
    assert_int_equal(rung(), TROTH_RUNG_RECERTIFY);
    assert_int_equal(review().state, TROTH_REVIEW_BY_CLOCK);
    assert_int_equal(week()->reviews_opened, 1);
    assert_int_equal(week()->reviews_by_ladder, 0);
    scenario_close(&s);
    scenario_open(&s, 8, 8, 4096);
    scenario_rules_free(other);
}

/* The same stream with a clock of a minute and with none to speak of: the ladder does the same. */
static void test_the_clock_is_no_look(void **state)
{
    static const char *const every[] = {"1m", "366d"};
    static struct told told[2][200];
    size_t count[2];
    (void)state;
    for (unsigned run = 0; run < 2; run++) {
        uint64_t random = 5;
        const struct troth_rules *own = rules_of(2, every[run]);
        scenario_close(&s);
        scenario_open(&s, 8, 8, 4096);
        scenario_put(&s, own);
        int64_t at_us = START;
        for (unsigned i = 0; i < 4000; i++) {
            at_us += (int64_t)random_below(&random, i % 500 < 450 ? 20 * SECOND : 5 * MINUTE);
            scenario_task(&s, "a", random_below(&random, i / 400 % 2 == 0 ? 100 : 4) != 0, at_us);
        }
        count[run] = s.told_count;
        assert_in_range(count[run], 5, 199);
        memcpy(told[run], s.told, count[run] * sizeof told[run][0]);
        scenario_close(&s);
        scenario_open(&s, 8, 8, 4096);
        scenario_rules_free(own);
    }
    assert_int_equal(count[0], count[1]);
    for (size_t i = 0; i < count[0]; i++) {
        const struct troth_intervention *a = &told[0][i].intervention;
        const struct troth_intervention *b = &told[1][i].intervention;
        assert_true(a->from == b->from && a->to == b->to && a->decided_at_us == b->decided_at_us &&
                    a->cause_offset == b->cause_offset && a->ordinal == b->ordinal);
    }
}

static void except(const char *owner, enum troth_source source, int64_t until_us)
{
    now_us += SECOND;
    struct troth_event event = event_of("a", TROTH_KIND_EXCEPTION, TROTH_OUTCOME_OK, now_us);
    event.source = (uint8_t)source;
    event.owner = text_of(owner);
    event.until_us = until_us;
    event.present |= 1U << TROTH_FIELD_OWNER | 1U << TROTH_FIELD_UNTIL;
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
}

static void test_exceptions_have_owner_end_and_uses(void **state)
{
    (void)state;
    work(1, 0);
    except("ann", TROTH_SOURCE_SELF, now_us + DAY);
    assert_null(review().docket);
    assert_int_equal(week()->exceptions, 1);
    except("ann", TROTH_SOURCE_GATEWAY, now_us + DAY);
    const int64_t since_us = now_us;
    const int64_t later_us = now_us + 2 * DAY;
    except("ann", TROTH_SOURCE_GATEWAY, later_us);
    except("ann", TROTH_SOURCE_GATEWAY, now_us + HOUR);
    const struct troth_exception *first = &review().docket->exceptions[0];
    assert_true(first->owner_length == 3 && memcmp(first->owner, "ann", 3) == 0);
    assert_true(first->since_us == since_us && first->until_us == later_us);
    assert_int_equal(first->uses, 3);
    for (unsigned i = 0; i < TROTH_EXCEPTIONS_MAX; i++) { /* one more than there is room for */
        char owner[] = "bob0";
        owner[3] = (char)('0' + i);
        except(owner, TROTH_SOURCE_HUMAN, now_us + HOUR);
    }
    const struct troth_exception *last = &review().docket->exceptions[TROTH_EXCEPTIONS_MAX - 1];
    assert_memory_equal(last->owner, "bob6", 4);
    assert_int_equal(week()->exceptions, 4 + TROTH_EXCEPTIONS_MAX);
    tick(now_us + 2 * HOUR); /* but for ann's all have ended: the one that ended first goes */
    except("cleo", TROTH_SOURCE_HUMAN, now_us + HOUR);
    assert_memory_equal(review().docket->exceptions[1].owner, "cleo", 4);
    assert_int_equal(review().docket->exceptions[1].uses, 1);
    /* A long name is cut between its characters: this one has two bytes at the limit. */
    char longest[80] = "";
    memset(longest, 'x', TROTH_OWNER_MAX - 1);
    memcpy(longest + TROTH_OWNER_MAX - 1, "\xc3\xa9 and more", 11);
    except(longest, TROTH_SOURCE_HUMAN, now_us + HOUR);
    assert_int_equal(review().docket->exceptions[2].owner_length, TROTH_OWNER_MAX - 1);
}

static struct troth_week ended[8];
static unsigned ended_count;

static void on_week(void *context, unsigned slot, const struct troth_week *closed)
{
    (void)context;
    assert_int_equal(slot, 0);
    assert_in_range(ended_count, 0, 7);
    ended[ended_count++] = *closed;
}

/* START is a Tuesday. What happens at a deadline of the old week, found by the first record of the
 * new one, is the old week's. */
static void test_a_week_ends_where_it_ends(void **state)
{
    const int64_t end_us = troth_week_start_us(troth_week_of(START) + 1);
    (void)state;
    ended_count = 0;
    s.shard->config.on_week = on_week;
    work(60, 0);
    now_us = end_us - 30 * MINUTE;
    work(60, 0);
    const uint64_t tasks = week()->tasks;
    assert_int_equal(tasks, 120);
    /* A silence of days: it goes stale within hours, which the next week has counted. */
    tick(end_us + 8 * DAY);
    assert_int_equal(ended_count, 2);
    assert_int_equal(ended[0].number, troth_week_of(START));
    assert_int_equal(ended[0].tasks, 120);
    assert_int_equal(ended[0].narrowed, 1); /* the silence between the two hours of work */
    assert_int_equal(ended[0].narrowed_stale, 1);
    assert_int_equal(ended[1].number, troth_week_of(START) + 1);
    assert_int_equal(ended[1].tasks, 0);
    assert_int_equal(ended[1].narrowed, 1);
    assert_int_equal(week()->number, troth_week_of(now_us));
    assert_int_equal(week()->tasks, 0);
    work(3, 0);
    assert_int_equal(week()->tasks, 3);
}

static void test_signals(void **state)
{
    (void)state;
    work(60, 0);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    const size_t before = s.told_count;
    work(0, 12);
    assert_true(rung() >= TROTH_RUNG_NARROW);
    assert_int_equal(week()->narrowed, 1);
    assert_int_equal(week()->narrowed_stale, 0);
    int64_t to_narrow_us = -1;
    int64_t fell_us = -1;
    for (size_t i = before; i < s.told_count; i++) {
        const struct troth_intervention *told = &s.told[i].intervention;
        if (told->from <= TROTH_RUNG_WARN && told->to > TROTH_RUNG_WARN) {
            to_narrow_us = told->decided_at_us - told->degraded_at_us;
            fell_us = told->decided_at_us;
        }
    }
    assert_true(to_narrow_us >= 0);
    assert_int_equal(week()->time_to_narrow[troth_week_bucket(to_narrow_us)], 1);
    assert_int_equal(week()->recovered, 0);
    assert_int_equal(decide(TROTH_ACTION_RECERTIFY, -1), TROTH_RULING_APPLIED);
    work(60, 0);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    assert_int_equal(week()->recovered, 1);
    const int64_t recovery_us = s.told[s.told_count - 1].intervention.decided_at_us - fell_us;
    assert_int_equal(week()->recovery[troth_week_bucket(recovery_us)], 1);
    /* Again within a day: a relapse. */
    assert_int_equal(week()->relapses, 0);
    work(0, 12);
    assert_int_equal(week()->narrowed, 2);
    assert_int_equal(week()->relapses, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_ladder_opens_and_a_decision_ends, open_scenario,
                                        close_scenario),
        cmocka_unit_test_setup_teardown(test_the_clock_opens_at_its_own_time, open_scenario,
                                        close_scenario),
        cmocka_unit_test_setup_teardown(test_a_person_opens_one_and_pauses_without, open_scenario,
                                        close_scenario),
        cmocka_unit_test_setup_teardown(test_a_shorter_clock_opens_when_it_comes, open_scenario,
                                        close_scenario),
        cmocka_unit_test_setup_teardown(test_a_shorter_clock_is_before_the_look, open_scenario,
                                        close_scenario),
        cmocka_unit_test_setup_teardown(test_the_clock_is_no_look, open_scenario, close_scenario),
        cmocka_unit_test_setup_teardown(test_exceptions_have_owner_end_and_uses, open_scenario,
                                        close_scenario),
        cmocka_unit_test_setup_teardown(test_a_week_ends_where_it_ends, open_scenario,
                                        close_scenario),
        cmocka_unit_test_setup_teardown(test_signals, open_scenario, close_scenario),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
