/*
 * Claims: rings, counters, budgets, marks, witnesses and CUSUMs hold exactly what a list of all
 * evidence says, at the edges of panes and windows, after any silence, and at their limits; a
 * cadence loses its tenths at the microsecond.
 */
#include "tests/support/scenario.h"

#include "scoring/beta.h"
#include "scoring/instant.h"
#include "scoring/ladder.h"
#include "scoring/predicate.h"

enum { SHARE, BUDGET, NEVER, CADENCE, JUDGED, COMPLETE, PANES = 4 };

#define PANE   MINUTE
#define WINDOW (PANES * PANE)

static const char contract_text[] =
    "contract: c, version: 1, window: 4m, panes: 4, half_life: 1m, terms: ["
    "{name: share, when: {kind: task}, keep: {outcome: ok}, floor: 0.9},"
    "{name: budget, budget: {sum: cost_micros, at_most: 100}},"
    "{name: never, never: {kind: exception}},"
    "{name: cadence, cadence: {when: {kind: heartbeat}, every: 1h}},"
    "{name: judged, judged: {by: [one, two]}, floor: 0.8},"
    "{name: complete, completeness: true, floor: 0.9}]";

struct fixture {
    const struct troth_rules *rules;
    struct troth_standing *standing;
    struct troth_instant instant;
    struct troth_readings readings;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->rules = scenario_rules(contract_text);
    f->standing = aligned_alloc(64, f->rules->size);
    troth_standing_init(f->rules, f->standing, START);
    f->standing->rung = TROTH_RUNG_CLEAR;
    troth_instant_set(f->rules, &f->instant, START);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    scenario_rules_free(f->rules);
    free(f->standing);
    free(f);
    return 0;
}

static unsigned feed_event(struct fixture *f, int64_t clock_us, const struct troth_event *event,
                           int64_t offset, uint32_t missing)
{
    const struct troth_moment moment = {.at_us = event->at_us,
                                        .offset = offset,
                                        .signature = troth_event_signature(event),
                                        .missing = missing,
                                        .counted = troth_event_has(event, TROTH_FIELD_SEQ)};
    troth_instant_set(f->rules, &f->instant, clock_us);
    return troth_evidence_apply(f->rules, f->standing, &f->instant, &f->readings, event, &moment);
}

static unsigned feed_task(struct fixture *f, int64_t clock_us, int64_t at_us, bool ok)
{
    const struct troth_event event = task_of("a", ok, at_us);
    return feed_event(f, clock_us, &event, 1, 0);
}

static struct troth_event cost_of(int64_t at_us, int64_t cost_micros)
{
    struct troth_event event = event_of("a", TROTH_KIND_TOOL, TROTH_OUTCOME_NONE, at_us);
    event.cost_micros = cost_micros;
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    return event;
}

static void assert_counts(struct fixture *f, unsigned term, int64_t time_us, uint64_t kept,
                          uint64_t broken)
{
    uint64_t k = 0;
    uint64_t b = 0;
    struct troth_instant instant = {0};
    troth_instant_set(f->rules, &instant, time_us);
    troth_window_counts(f->rules, f->standing, term, &instant, &k, &b);
    assert_int_equal(k, kept);
    assert_int_equal(b, broken);
}

/* What stands in pane(clock) - N is late; the microsecond after it is not. */
static void late_begins_exactly_a_window_ago(void **state)
{
    struct fixture *f = *state;
    static const int64_t clocks_us[] = {0, 1, PANE - 1, PANE, 17 * PANE + 12345};
    for (unsigned i = 0; i < sizeof clocks_us / sizeof *clocks_us; i++) {
        const int64_t clock_us = START + clocks_us[i];
        const int64_t oldest_us = (clock_us / PANE - PANES + 1) * PANE;
        troth_standing_init(f->rules, f->standing, START);
        f->standing->rung = TROTH_RUNG_CLEAR;

        assert_int_equal(feed_task(f, clock_us, oldest_us - 1, true), TROTH_EFFECT_LATE);
        assert_int_equal(f->standing->late, 1);
        assert_true(f->standing->matched);
        assert_counts(f, SHARE, clock_us, 0, 0);

        assert_int_equal(feed_task(f, clock_us, oldest_us, true),
                         TROTH_EFFECT_IMPROVED | TROTH_EFFECT_ADVANCED);
        assert_int_equal(f->standing->late, 1);
        assert_counts(f, SHARE, clock_us, 1, 0);
        struct troth_sums sums = troth_window_sums(f->rules, f->standing, SHARE, &f->instant);
        assert_true(sums.g == 0.125 && sums.b == 0.0 && sums.any);

        /* Broken and in time: its own pane. Broken and late: the clock's. */
        assert_int_equal(feed_task(f, clock_us, oldest_us, false), TROTH_EFFECT_WORSENED);
        sums = troth_window_sums(f->rules, f->standing, SHARE, &f->instant);
        assert_true(sums.b == 0.125);
        assert_true(troth_cold(f->rules, f->standing, SHARE)->onset_us == oldest_us);
        troth_hot(f->standing, SHARE)->level = 0;
        assert_int_equal(feed_task(f, clock_us, oldest_us - 1, false),
                         TROTH_EFFECT_WORSENED | TROTH_EFFECT_HIDDEN);
        sums = troth_window_sums(f->rules, f->standing, SHARE, &f->instant);
        assert_true(sums.b == 1.125);
        assert_true(troth_cold(f->rules, f->standing, SHARE)->onset_us == clock_us);
        assert_int_equal(f->standing->late, 1);
        assert_true(f->standing->tasks == 4);
        /* Out of recertify nothing is tallied. */
        assert_int_equal(troth_tally(f->rules, f->standing, SHARE)->kept, 0);
        assert_int_equal(troth_tally(f->rules, f->standing, SHARE)->broken, 0);
    }
}

static void kept_before_recertify_is_late(void **state)
{
    struct fixture *f = *state;
    const int64_t since_us = START + 2 * PANE + 7;
    troth_standing_recertify(f->rules, f->standing, since_us, false);
    assert_int_equal(feed_task(f, since_us + PANE, since_us - 1, true), TROTH_EFFECT_LATE);
    assert_int_equal(f->standing->late, 1);
    assert_true(feed_task(f, since_us + PANE, since_us, true) & TROTH_EFFECT_IMPROVED);
    assert_true(feed_task(f, since_us + PANE, since_us - 1, false) & TROTH_EFFECT_WORSENED);
    assert_counts(f, SHARE, since_us + PANE, 1, 1);
    assert_int_equal(troth_tally(f->rules, f->standing, SHARE)->kept, 1);
    assert_int_equal(troth_tally(f->rules, f->standing, SHARE)->broken, 1);
    struct troth_event beat = event_of("a", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, since_us - 1);
    assert_int_equal(feed_event(f, since_us + PANE, &beat, 1, 0), TROTH_EFFECT_LATE);
    assert_true(troth_hot(f->standing, CADENCE)->head == TROTH_NEVER_US);
    assert_int_equal(f->standing->late, 2);
    beat.at_us = since_us;
    assert_true(feed_event(f, since_us + PANE, &beat, 1, 0) & TROTH_EFFECT_IMPROVED);
    assert_true(troth_hot(f->standing, CADENCE)->head == since_us);
}

static void recertify_starts_with_nothing(void **state)
{
    struct fixture *f = *state;
    struct troth_standing *fresh = aligned_alloc(64, f->rules->size);
    const struct troth_event cost = cost_of(START, 5);
    const struct troth_event exception =
        event_of("a", TROTH_KIND_EXCEPTION, TROTH_OUTCOME_NONE, START);
    const struct troth_event beat = event_of("a", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, START);
    (void)feed_task(f, START, START, true);
    (void)feed_task(f, START, START, false);
    (void)feed_event(f, START, &cost, 1, 0);
    (void)feed_event(f, START, &exception, 1, 0);
    (void)feed_event(f, START, &beat, 1, 0);
    assert_true(f->standing->matched);
    troth_standing_recertify(f->rules, f->standing, START + 5, false);
    troth_standing_init(f->rules, fresh, START + 5);
    assert_false(f->standing->matched);
    assert_int_equal(f->standing->rung, TROTH_RUNG_RECERTIFY);
    assert_true(f->standing->since_us == START + 5);
    assert_memory_equal(f->standing + 1, fresh + 1, f->rules->size - sizeof *fresh);
    free(fresh);
}

static void counters_saturate(void **state)
{
    struct fixture *f = *state;
    f->standing->rung = TROTH_RUNG_RECERTIFY;
    for (unsigned i = 0; i < 2; i++) {
        const bool ok = i == 0;
        assert_true(feed_task(f, START, START, ok) != 0);
        union troth_pane *pane = troth_pane(f->rules, f->standing, SHARE, TROTH_NEWEST);
        uint32_t *count = ok ? &pane->count.kept : &pane->count.broken;
        struct troth_tally *tally = troth_tally(f->rules, f->standing, SHARE);
        uint32_t *tallied = ok ? &tally->kept : &tally->broken;
        *count = UINT32_MAX - 1;
        *tallied = UINT32_MAX - 1;
        for (unsigned n = 0; n < 3; n++) {
            assert_true(feed_task(f, START, START, ok) != 0);
            assert_true(*count == UINT32_MAX && *tallied == UINT32_MAX);
        }
    }
    assert_true(feed_task(f, START + PANE, START + PANE, true) != 0);
    assert_counts(f, SHARE, START + PANE, UINT64_C(1) << 32, UINT32_MAX);

    f->standing->late = TROTH_LATE_MAX - 1;
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(feed_task(f, START + PANE, START - HOUR, true), TROTH_EFFECT_LATE);
        assert_int_equal(f->standing->late, TROTH_LATE_MAX);
    }
    f->standing->tasks = UINT32_MAX; /* wraps: only differences are read */
    assert_true(feed_task(f, START + PANE, START + PANE, true) != 0);
    assert_int_equal(f->standing->tasks, 0);
    struct troth_event dear = task_of("a", true, START + PANE);
    dear.cost_micros = INT64_MAX - 1;
    dear.present |= 1U << TROTH_FIELD_COST_MICROS;
    (void)feed_event(f, START + PANE, &dear, 1, 0);
    assert_true(f->standing->cost_micros == INT64_MAX - 1);
    (void)feed_event(f, START + PANE, &dear, 1, 0);
    assert_true(f->standing->cost_micros == INT64_MAX);
}

static bool amount_at(struct fixture *f, int64_t time_us, int64_t *sum)
{
    struct troth_instant instant = {0};
    troth_instant_set(f->rules, &instant, time_us);
    const bool any = troth_window_amount(f->rules, f->standing, BUDGET, &instant, sum);
    assert_int_equal(any, troth_window_newest(f->rules, f->standing, BUDGET, &instant) >= 0);
    return any;
}

static void budgets_saturate_and_forget(void **state)
{
    struct fixture *f = *state;
    int64_t sum = -1;
    assert_false(amount_at(f, START, &sum));
    assert_true(sum == 0);

    struct troth_event event = cost_of(START, 0); /* an amount of nothing is an amount */
    assert_true(feed_event(f, START, &event, 1, 0) & TROTH_EFFECT_WORSENED);
    assert_true(amount_at(f, START + WINDOW - 1, &sum) && sum == 0);
    assert_false(amount_at(f, START + WINDOW, &sum));

    event = cost_of(START + PANE, INT64_MAX - 5);
    (void)feed_event(f, START + PANE, &event, 1, 0);
    assert_true(amount_at(f, START + PANE, &sum) && sum == INT64_MAX - 5);
    event.cost_micros = 7;
    (void)feed_event(f, START + PANE, &event, 1, 0);
    assert_true(amount_at(f, START + PANE, &sum) && sum == INT64_MAX);
    event = cost_of(START + 2 * PANE, INT64_MAX);
    (void)feed_event(f, START + 2 * PANE, &event, 1, 0);
    assert_true(amount_at(f, START + 2 * PANE, &sum) && sum == INT64_MAX);

    event = cost_of(START - HOUR, 11); /* late amounts go into the clock's pane */
    (void)feed_event(f, START + 7 * PANE, &event, 1, 0);
    assert_true(amount_at(f, START + 7 * PANE, &sum) && sum == 11);
    assert_true(amount_at(f, START + 11 * PANE - 1, &sum) && sum == 11);
    assert_false(amount_at(f, START + 11 * PANE, &sum));

    event = cost_of(START + 20 * PANE, 3); /* the panes that passed are empty, marks and all */
    (void)feed_event(f, START + 20 * PANE, &event, 1, 0);
    assert_true(amount_at(f, START + 20 * PANE, &sum) && sum == 3);
    assert_true((uint64_t)troth_hot(f->standing, BUDGET)->level == UINT64_C(1) << TROTH_NEWEST);
    event.present &= ~(1U << TROTH_FIELD_COST_MICROS);
    assert_int_equal(feed_event(f, START + 20 * PANE, &event, 1, 0), 0);
}

static void cadences_lose_tenths_at_the_microsecond(void **state)
{
    struct fixture *f = *state;
    struct troth_sight sight;
    struct troth_instant instant = {0};
    const struct troth_event beat =
        event_of("a", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, START + 17);
    troth_instant_set(f->rules, &instant, START + HOUR);
    troth_sight_init(&sight, f->rules, f->standing, NULL, &instant);
    assert_true(troth_sight_freshness(&sight, CADENCE, 1.0) == 0.0); /* never seen */
    assert_int_equal(feed_event(f, START + 20, &beat, 1, 0),
                     TROTH_EFFECT_IMPROVED | TROTH_EFFECT_ADVANCED);
    for (int64_t tenth = 0; tenth <= 12; tenth++) {
        const int64_t last_us = START + 17 + HOUR + tenth * (HOUR / 10);
        for (int64_t beside = 0; beside < 2; beside++) {
            const int64_t lost = tenth + beside < 10 ? tenth + beside : 10;
            troth_instant_set(f->rules, &instant, last_us + beside);
            troth_sight_init(&sight, f->rules, f->standing, NULL, &instant);
            assert_true(troth_sight_freshness(&sight, CADENCE, 1.0) ==
                        troth_round9(1.0 - (double)lost / 10.0));
        }
    }
    struct troth_event older = beat; /* an older match moves nothing back */
    older.at_us -= 5;
    (void)feed_event(f, START + 30, &older, 1, 0);
    assert_true(troth_hot(f->standing, CADENCE)->head == START + 17);
}

static void witnesses_are_the_last_four(void **state)
{
    struct fixture *f = *state;
    static const int64_t given[] = {
        0, (INT64_C(1) << 48) - 2, UINT32_MAX, INT64_C(1) << 32, INT64_C(0xffff) << 32, 5};
    int64_t offsets[TROTH_WITNESSES_MAX];
    assert_int_equal(troth_witnesses(f->rules, f->standing, SHARE, offsets), 0);
    for (unsigned n = 0; n < 6; n++) {
        const struct troth_event task = task_of("a", false, START);
        const struct troth_event exception =
            event_of("a", TROTH_KIND_EXCEPTION, TROTH_OUTCOME_NONE, START);
        const struct troth_event cost = cost_of(START, 1);
        (void)feed_event(f, START, &task, given[n], 0);
        (void)feed_event(f, START, &exception, given[n], 0);
        (void)feed_event(f, START, &cost, given[n], 0);
        (void)feed_task(f, START, START, true); /* what is kept is no witness */
        static const unsigned terms[] = {SHARE, NEVER, BUDGET};
        for (unsigned t = 0; t < 3; t++) {
            const unsigned count = troth_witnesses(f->rules, f->standing, terms[t], offsets);
            assert_int_equal(count, n < 3 ? n + 1 : 4);
            for (unsigned i = 0; i < count; i++) {
                assert_true(offsets[i] == given[n - i]);
            }
        }
    }
    assert_counts(f, NEVER, START, 0, 6);
    assert_counts(f, NEVER, START + DAY, 0, 6); /* a mark does not age */
}

static void verdicts_count_by_name_and_issuer(void **state)
{
    struct fixture *f = *state;
    const struct troth_verdict verdicts[] = {{.term = text_of("judged"), .kept = true},
                                             {.term = text_of("judge"), .kept = false},
                                             {.term = text_of("judged"), .kept = false},
                                             {.term = text_of("judged2"), .kept = false},
                                             {.term = text_of("judged"), .kept = true}};
    struct troth_event event = event_of("a", TROTH_KIND_EVALUATION, TROTH_OUTCOME_NONE, START);
    event.verdicts = verdicts;
    event.verdict_count = 5;
    event.present |= 1U << TROTH_FIELD_VERDICTS | 1U << TROTH_FIELD_ISSUER;
    event.issuer = text_of("two");
    assert_int_equal(feed_event(f, START, &event, 1, 0), 0); /* nobody judges itself */
    event.source = TROTH_SOURCE_PEER;
    assert_int_equal(feed_event(f, START, &event, 1, 0),
                     TROTH_EFFECT_IMPROVED | TROTH_EFFECT_WORSENED | TROTH_EFFECT_ADVANCED);
    assert_counts(f, JUDGED, START, 2, 1);
    event.issuer = text_of("tw");
    assert_int_equal(feed_event(f, START, &event, 1, 0), 0);
    event.issuer = (struct troth_text){0};
    assert_int_equal(feed_event(f, START, &event, 1, 0), 0);
    event.issuer = text_of("one");
    event.kind = TROTH_KIND_TOOL;
    assert_int_equal(feed_event(f, START, &event, 1, 0), 0);
    assert_counts(f, JUDGED, START, 2, 1);
}

static void missing_numbers_break_in_the_clocks_pane(void **state)
{
    struct fixture *f = *state;
    struct troth_event event = event_of("a", TROTH_KIND_TOOL, TROTH_OUTCOME_NONE, START);
    event.present |= 1U << TROTH_FIELD_SEQ;
    assert_true(feed_event(f, START + 3 * PANE, &event, 9, 2) & TROTH_EFFECT_WORSENED);
    assert_counts(f, COMPLETE, START + 3 * PANE, 1, 2);
    const struct troth_sums sums = troth_window_sums(f->rules, f->standing, COMPLETE, &f->instant);
    assert_true(sums.g == 0.125 && sums.b == 2.0);
    assert_true(troth_cold(f->rules, f->standing, COMPLETE)->onset_us == START + 3 * PANE);
    event.present &= ~(1U << TROTH_FIELD_SEQ);
    assert_int_equal(feed_event(f, START + 3 * PANE, &event, 9, 0), 0);
}

/* One piece as a slow model remembers it: the pane in which it counts. */
struct piece {
    int64_t pane;
    bool kept;
};

enum { PIECES_MAX = 4000 };

/* Rings, sums, the CUSUM and its onset against a list of all pieces, looked at now and later. */
static void a_ring_is_the_list_of_its_evidence(void **state)
{
    struct fixture *f = *state;
    static struct piece pieces[PIECES_MAX];
    uint64_t random = random_seed("a_ring_is_the_list_of_its_evidence");
    int64_t clock_us = START;
    int64_t level = 0;
    int64_t onset_us = 0;
    unsigned late = 0;
    for (unsigned count = 0; count < PIECES_MAX;) {
        static const int64_t strides_us[] = {0, 1, PANE / 3, PANE, 3 * PANE, 4 * PANE, 50 * PANE};
        clock_us += strides_us[random_below(&random, random_below(&random, 20) == 0 ? 7 : 4)];
        const int64_t at_us = clock_us - (int64_t)random_below(&random, (uint64_t)(5 * PANE));
        const bool ok = random_below(&random, 100) < 94;
        const bool is_late = at_us / PANE <= clock_us / PANE - PANES;
        (void)feed_task(f, clock_us, at_us, ok);
        if (ok && is_late) {
            late++;
        } else {
            pieces[count++] = (struct piece){(is_late ? clock_us : at_us) / PANE, ok};
            onset_us = !ok && level == 0 ? is_late ? clock_us : at_us : onset_us;
            level += ok ? f->rules->terms[SHARE].cusum_kept : f->rules->terms[SHARE].cusum_broken;
            level = level < 0 ? 0 : level > TROTH_CUSUM_CAP ? TROTH_CUSUM_CAP : level;
        }
        assert_int_equal(f->standing->late, late < TROTH_LATE_MAX ? late : TROTH_LATE_MAX);
        assert_true(troth_hot(f->standing, SHARE)->level == level);
        assert_true(level == 0 || troth_cold(f->rules, f->standing, SHARE)->onset_us == onset_us);
        const int64_t look_us = clock_us + (int64_t)random_below(&random, (uint64_t)(6 * PANE));
        struct troth_instant instant = {0};
        troth_instant_set(f->rules, &instant, look_us);
        uint64_t kept[PANES] = {0};
        uint64_t broken[PANES] = {0};
        for (unsigned i = 0; i < count; i++) {
            const int64_t age = look_us / PANE - pieces[i].pane;
            if (age < PANES) {
                *(pieces[i].kept ? &kept[age] : &broken[age]) += 1;
            }
        }
        double g = 0.0;
        double b = 0.0;
        int64_t newest = -1;
        for (int age = PANES - 1; age >= 0; age--) {
            g += (double)kept[age] / (double)(1 << age); /* exact: half lives of one pane */
            b += (double)broken[age] / (double)(1 << age);
            newest = kept[age] + broken[age] > 0 ? look_us / PANE - age : newest;
        }
        const struct troth_sums sums = troth_window_sums(f->rules, f->standing, SHARE, &instant);
        assert_true(sums.g == g && sums.b == b && sums.any == (newest >= 0));
        assert_true(troth_window_newest(f->rules, f->standing, SHARE, &instant) == newest);
        assert_counts(f, SHARE, look_us, kept[0] + kept[1] + kept[2] + kept[3],
                      broken[0] + broken[1] + broken[2] + broken[3]);
    }
    assert_true(late > 100);
}

static void a_cusum_stops_at_its_cap(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 30; i++) {
        (void)feed_task(f, START, START, false);
    }
    assert_true(troth_hot(f->standing, SHARE)->level == TROTH_CUSUM_CAP);
    (void)feed_task(f, START, START, true);
    assert_true(troth_hot(f->standing, SHARE)->level ==
                TROTH_CUSUM_CAP + f->rules->terms[SHARE].cusum_kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(late_begins_exactly_a_window_ago),
        TEST(kept_before_recertify_is_late),
        TEST(recertify_starts_with_nothing),
        TEST(counters_saturate),
        TEST(budgets_saturate_and_forget),
        TEST(cadences_lose_tenths_at_the_microsecond),
        TEST(witnesses_are_the_last_four),
        TEST(verdicts_count_by_name_and_issuer),
        TEST(missing_numbers_break_in_the_clocks_pane),
        TEST(a_ring_is_the_list_of_its_evidence),
        TEST(a_cusum_stops_at_its_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
