/*
 * Claims: a shard is a function of its log alone: its clock never goes back, a jump of days is the
 * same as a tick each second, batches and prefetching change nothing, and evidence within a pane
 * may come in any order; an event reaches the contracts that it is for.
 */
#include "tests/support/scenario_random.h"

#define SHARE                                                                                      \
    "{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 1, fresh: 1}"
#define QUICK                                                                                      \
    "version: 1, window: 4m, panes: 4, half_life: 366d, hold: 30s, certify: {confidence: 0.6, "    \
    "within: 1h}, "

static const char *const crew[] = {"a", "b", "c"};

enum { NO_OFFSETS = 1 };

/* A copy of a standing without what may differ. */
static struct troth_standing *copy_compared(const struct troth_standing_view *view, unsigned flags)
{
    struct troth_standing *copy = aligned_alloc(64, view->rules->size);
    memcpy(copy, view->standing, view->rules->size);
    copy->dirty = 0;
    if (flags & NO_OFFSETS) {
        troth_past(view->rules, copy)->cause_offset = 0;
        copy->ordinal = 0;
    }
    return copy;
}

/* Fails where two shards do not hold the same standings, byte by byte. In flags: NO_OFFSETS where
 * the records that moved the clock are others. */
static void assert_same_state(struct scenario *a, struct scenario *b, unsigned flags)
{
    struct troth_standing_view x;
    struct troth_standing_view y;
    assert_true(troth_shard_clock_us(a->shard) == troth_shard_clock_us(b->shard));
    assert_int_equal(troth_shard_standings(a->shard), troth_shard_standings(b->shard));
    for (uint32_t i = 0; i < troth_shard_standings(a->shard); i++) {
        const bool live = troth_shard_view(a->shard, i, &x);
        assert_int_equal(live, troth_shard_view(b->shard, i, &y));
        if (!live) {
            continue;
        }
        struct troth_standing *p = copy_compared(&x, flags);
        struct troth_standing *q = copy_compared(&y, flags);
        assert_memory_equal(p, q, x.rules->size);
        free(p);
        free(q);
    }
}

/* Fails where the two did not tell the same of each standing, in its order. */
static void assert_same_told(const struct scenario *a, const struct scenario *b, bool offsets)
{
    assert_int_equal(a->told_count, b->told_count);
    for (uint32_t index = 0; index < troth_shard_standings(a->shard); index++) {
        unsigned j = 0;
        for (unsigned i = 0; i < a->told_count; i++) {
            if (a->told[i].intervention.standing != index) {
                continue;
            }
            while (j < b->told_count && b->told[j].intervention.standing != index) {
                j++;
            }
            assert_true(j < b->told_count);
            if (!told_equal(&a->told[i], &b->told[j], offsets)) {
                fail_msg("standing %u: intervention %u is not as %u", index, i, j);
            }
            j++;
        }
    }
}

static void the_clock_never_goes_back(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules =
        scenario_rules("contract: c, " QUICK "terms: [" SHARE
                       ", {name: k, cadence: {when: {kind: task}, every: 1h}, required: false}]");
    scenario_open(&s, 2, 2, 4096);
    scenario_put(&s, rules);
    assert_true(troth_shard_clock_us(s.shard) == 0);
    scenario_task(&s, "a", true, START + HOUR);
    assert_true(troth_shard_clock_us(s.shard) == START + HOUR);
    /* A record that the log stamped earlier: its evidence is of its own time, here late. */
    scenario_task(&s, "a", true, START);
    assert_true(troth_shard_clock_us(s.shard) == START + HOUR);
    assert_int_equal(scenario_view(&s, "a", "c").standing->late, 1);
    /* A small lead is taken as the record's time; exactly max_ahead is small. */
    struct troth_event event = task_of("a", true, START + HOUR + MINUTE + MINUTE);
    assert_int_equal(scenario_feed(&s, START + HOUR + MINUTE, &event), TROTH_OK);
    assert_true(troth_hot_of(scenario_view(&s, "a", "c").standing, 0)->head ==
                (START + HOUR + MINUTE) / MINUTE);
    assert_true(troth_hot_of(scenario_view(&s, "a", "c").standing, 1)->head ==
                START + HOUR + MINUTE);
    event.at_us++;
    assert_int_equal(scenario_feed(&s, START + HOUR + MINUTE, &event), TROTH_AHEAD_OF_TIME);
    event.at_us += 2 * MINUTE; /* refused, it moves the clock all the same */
    assert_int_equal(scenario_feed(&s, START + HOUR + 2 * MINUTE, &event), TROTH_AHEAD_OF_TIME);
    assert_true(troth_shard_clock_us(s.shard) == START + HOUR + 2 * MINUTE);
    scenario_close(&s);
    scenario_rules_free(rules);
}

static void a_rejected_record_runs_deadlines(void **state)
{
    (void)state;
    const struct troth_rules *rules = scenario_rules("contract: c, " QUICK "terms: [" SHARE "]");
    for (unsigned how = 0; how < 4; how++) {
        struct scenario s;
        scenario_open(&s, 2, 2, 4096);
        scenario_put(&s, rules);
        scenario_task(&s, "a", true, START);
        struct troth_event event = task_of("unbound", true, START + DAY);
        event.kind = how == 2 ? TROTH_KIND_POINTER : how == 3 ? TROTH_KIND_TICK : event.kind;
        event.at_us += how == 1 ? HOUR : 0;
        const troth_status status = scenario_feed(&s, START + DAY, how == 0 ? NULL : &event);
        assert_int_equal(status, how == 1 ? TROTH_AHEAD_OF_TIME : TROTH_OK);
        assert_int_equal(s.told_count, 2);
        const struct troth_intervention *last = &s.told[1].intervention;
        assert_int_equal(last->to, TROTH_RUNG_RECERTIFY);
        assert_true(last->decided_at_us == START + 4 * MINUTE);
        assert_true(last->cause_offset == 1);
        scenario_close(&s);
    }
    scenario_rules_free(rules);
}

/* Feeds the same records to both, to the second with ticks between: one a second, or 60 where the
 * silence is long. */
static void feed_with_ticks(struct scenario *plain, struct scenario *ticked,
                            const struct record *record, int64_t offset)
{
    const struct troth_event *event = record->rejected ? NULL : &record->event;
    const uint64_t hash = troth_agents_hash(record->event.agent);
    const int64_t clock_us = troth_shard_clock_us(ticked->shard);
    const int64_t gap_us = record->timestamp_us - clock_us;
    const int64_t stride_us = gap_us / 60 > SECOND ? gap_us / 60 : SECOND;
    for (int64_t at_us = clock_us + stride_us; clock_us > 0 && at_us < record->timestamp_us;
         at_us += stride_us) {
        assert_int_equal(troth_shard_apply(ticked->shard, at_us, offset - 1, NULL, 0), TROTH_OK);
    }
    assert_int_equal(troth_shard_apply(plain->shard, record->timestamp_us, offset, event, hash),
                     troth_shard_apply(ticked->shard, record->timestamp_us, offset, event, hash));
}

static void a_jump_is_a_tick_each_second(void **state)
{
    (void)state;
    uint64_t random = random_seed("a_jump_is_a_tick_each_second");
    unsigned told = 0;
    for (unsigned round = 0; round < 60; round++) {
        const struct troth_rules *rules[2] = {random_rules(&random, "one", 1),
                                              random_rules(&random, "two", 1)};
        for (unsigned stream = 0; stream < 6; stream++) {
            struct scenario plain;
            struct scenario ticked;
            scenario_open(&plain, 3, 6, 4096);
            scenario_open(&ticked, 3, 6, 4096);
            for (unsigned i = 0; i < 2; i++) {
                scenario_put(&plain, rules[i]);
                scenario_put(&ticked, rules[i]);
            }
            int64_t now_us = START;
            for (int64_t n = 1; n <= 150; n++) {
                const struct record record = random_record(&random, now_us, crew, 3, 10);
                now_us = record.timestamp_us > now_us ? record.timestamp_us : now_us;
                feed_with_ticks(&plain, &ticked, &record, n * 1000);
            }
            assert_same_told(&plain, &ticked, false);
            assert_same_state(&plain, &ticked, NO_OFFSETS);
            told += plain.told_count;
            scenario_close(&plain);
            scenario_close(&ticked);
        }
        scenario_rules_free(rules[0]);
        scenario_rules_free(rules[1]);
    }
    printf("%u interventions\n", told);
    assert_true(told > 1000);
}

/* More standings than a group of deadlines holds, each with times of its own. */
static void every_standing_meets_its_own_deadlines(void **state)
{
    (void)state;
    enum { MANY = 1100 };
    struct scenario plain;
    struct scenario ticked;
    char name[16];
    const struct troth_rules *rules =
        scenario_rules("contract: c, " QUICK "terms: [" SHARE
                       ", {name: k, cadence: {when: {kind: tool}, every: 90s}}]");
    scenario_open(&plain, MANY, MANY, 640);
    scenario_open(&ticked, MANY, MANY, 640);
    scenario_put(&plain, rules);
    scenario_put(&ticked, rules);
    for (unsigned i = 0; i < MANY; i++) {
        struct record record = {.timestamp_us = START + i * SECOND / 7};
        snprintf(name, sizeof name, "agent-%u", i);
        record.event = task_of(name, true, record.timestamp_us);
        feed_with_ticks(&plain, &ticked, &record, 10 * i + 2);
        record.event.kind = TROTH_KIND_TOOL;
        feed_with_ticks(&plain, &ticked, &record, 10 * i + 5);
    }
    for (int64_t at_us = START + MINUTE; at_us < START + HOUR; at_us += 700 * MILLISECOND) {
        assert_int_equal(troth_shard_apply(ticked.shard, at_us, 99998, NULL, 0), TROTH_OK);
    }
    assert_int_equal(troth_shard_apply(plain.shard, START + HOUR, 99999, NULL, 0), TROTH_OK);
    assert_int_equal(troth_shard_apply(ticked.shard, START + HOUR, 99999, NULL, 0), TROTH_OK);
    assert_same_told(&plain, &ticked, false);
    assert_same_state(&plain, &ticked, NO_OFFSETS);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "agent-%u", i);
        assert_int_equal(scenario_rung(&plain, name, "c"), TROTH_RUNG_RECERTIFY);
    }
    scenario_close(&plain);
    scenario_close(&ticked);
    scenario_rules_free(rules);
}

/* On a rung that is given more work than the one before, evidence that was enough there may not be
 * here: one event takes one step, and the next, whatever it is, the next one. */
static void the_next_event_takes_the_step_that_is_left(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules = scenario_rules(
        "contract: c, " QUICK "ladder: {clear: {scope: {traffic: 0.5}}, warn: {freshness_below: "
        "null}, narrow: {freshness_below: null, scope: {traffic: 1}}, recertify: "
        "{freshness_below: 0.5}}, terms: [{name: t, when: {kind: task}, keep: {outcome: ok}, "
        "floor: 0.5, evidence: 1, fresh: 8}, {name: b, budget: {sum: cost_micros, at_most: 1}}]");
    scenario_open(&s, 1, 1, 4096);
    scenario_put(&s, rules);
    for (unsigned i = 0; i < 3; i++) {
        scenario_task(&s, "a", true, START);
    }
    struct troth_event event = event_of("a", TROTH_KIND_TOOL, TROTH_OUTCOME_NONE, START);
    event.cost_micros = 2;
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    assert_int_equal(scenario_rung(&s, "a", "c"), TROTH_RUNG_NARROW);
    assert_int_equal(s.told_count, 2);
    scenario_tick(&s, START + SECOND); /* no event and no deadline */
    assert_int_equal(s.told_count, 2);
    event = event_of("a", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, START + SECOND);
    assert_int_equal(scenario_feed(&s, START + SECOND, &event), TROTH_OK);
    assert_int_equal(s.told_count, 3);
    assert_int_equal(scenario_rung(&s, "a", "c"), TROTH_RUNG_RECERTIFY);
    assert_true(s.told[2].intervention.decided_at_us == START + SECOND);
    scenario_close(&s);
    scenario_rules_free(rules);
}

/* With empty windows nothing is due; the first evidence after a silence makes it due again. */
static void evidence_after_a_silence_has_its_deadlines(void **state)
{
    (void)state;
    struct scenario s;
    struct troth_shard_counts counts;
    const struct troth_rules *rules = scenario_rules(
        "contract: c, " QUICK "ladder: {warn: {confidence_below: null, freshness_below: null, "
        "change: false}, narrow: {confidence_below: 0.1, freshness_below: null}, recertify: "
        "{freshness_below: null}}, terms: [" SHARE "]");
    scenario_open(&s, 1, 1, 4096);
    scenario_put(&s, rules);
    scenario_task(&s, "a", true, START);
    scenario_tick(&s, START + HOUR);
    troth_shard_count(s.shard, &counts);
    scenario_tick(&s, START + 2 * HOUR);
    const uint64_t deadlines = counts.deadlines;
    troth_shard_count(s.shard, &counts);
    assert_int_equal(counts.deadlines, deadlines);
    for (unsigned i = 0; i < 20; i++) {
        const struct troth_event event = task_of("a", true, START + 2 * HOUR - 1);
        assert_int_equal(scenario_feed(&s, START + 2 * HOUR, &event), TROTH_OK);
    }
    for (unsigned i = 0; i < 5; i++) {
        scenario_task(&s, "a", false, START + 2 * HOUR);
    }
    assert_int_equal(scenario_rung(&s, "a", "c"), TROTH_RUNG_CLEAR);
    scenario_tick(&s, START + 2 * HOUR + 3 * MINUTE - 1);
    assert_int_equal(scenario_rung(&s, "a", "c"), TROTH_RUNG_CLEAR);
    scenario_tick(&s, START + 2 * HOUR + 3 * MINUTE); /* what was kept leaves first */
    assert_int_equal(scenario_rung(&s, "a", "c"), TROTH_RUNG_NARROW);
    scenario_close(&s);
    scenario_rules_free(rules);
}

static void batches_and_prefetching_change_nothing(void **state)
{
    (void)state;
    enum { RECORDS = 400 };
    static struct record records[RECORDS];
    uint64_t random = random_seed("batches_and_prefetching_change_nothing");
    for (unsigned round = 0; round < 40; round++) {
        const struct troth_rules *rules = random_rules(&random, "c", 1);
        struct scenario plain;
        struct scenario batched;
        scenario_open(&plain, 3, 3, 4096);
        scenario_open(&batched, 3, 3, 4096);
        scenario_put(&plain, rules);
        scenario_put(&batched, rules);
        int64_t now_us = START;
        for (unsigned i = 0; i < RECORDS; i++) {
            records[i] = random_record(&random, now_us, crew, 3, 10);
            now_us = records[i].timestamp_us > now_us ? records[i].timestamp_us : now_us;
        }
        for (unsigned first = 0; first < RECORDS;) {
            const struct troth_event *events[TROTH_PREFETCH];
            struct troth_ahead ahead;
            unsigned count = (unsigned)random_below(&random, TROTH_PREFETCH + 1);
            count = count < RECORDS - first ? count : RECORDS - first;
            for (unsigned i = 0; i < count; i++) {
                events[i] = records[first + i].rejected ? NULL : &records[first + i].event;
            }
            troth_shard_seek(batched.shard, events, count, &ahead);
            for (unsigned i = 0; i < count; i++) {
                assert_int_equal(ahead.hashes[i],
                                 events[i] == NULL ? 0 : troth_agents_hash(events[i]->agent));
            }
            for (unsigned i = 0; i < count; i++) {
                const struct record *record = &records[first + i];
                assert_int_equal(scenario_feed(&plain, record->timestamp_us, events[i]),
                                 troth_shard_apply_sought(batched.shard, record->timestamp_us,
                                                          batched.offset++, events[i], &ahead, i));
                if (random_below(&random, count) == 0) { /* whatever has happened since */
                    troth_shard_touch(batched.shard, &ahead);
                }
            }
            first += count;
        }
        assert_same_told(&plain, &batched, true);
        assert_same_state(&plain, &batched, 0);
        scenario_close(&plain);
        scenario_close(&batched);
        scenario_rules_free(rules);
    }
}

static void shuffle(uint64_t *random, struct troth_event *events, unsigned count)
{
    for (unsigned i = count; i > 1; i--) {
        const uint64_t j = random_below(random, i);
        const struct troth_event event = events[i - 1];
        events[i - 1] = events[j];
        events[j] = event;
    }
}

/* With no condition that a passing state could set off, any order of evidence that is recorded
 * within a pane comes to the same sums; where all of it is kept, to the same bytes. */
static void evidence_within_a_pane_may_come_in_any_order(void **state)
{
    (void)state;
    enum { EVENTS = 40 };
    uint64_t random = random_seed("evidence_within_a_pane_may_come_in_any_order");
    const struct troth_rules *rules = scenario_rules(
        "contract: c, version: 1, window: 4m, panes: 4, certify: {confidence: 0.51}, ladder: "
        "{warn: {confidence_below: null, freshness_below: null, change: false}, narrow: "
        "{confidence_below: null, freshness_below: null, budget: false}, recertify: "
        "{freshness_below: null}, review: {confidence_below: null}, pause: {confidence_below: "
        "null}}, terms: [" SHARE ", {name: p, when: {kind: tool}, keep: {latency_us: {le: 5}}, "
        "floor: 0.8, required: false}, {name: b, budget: {sum: cost_micros, at_most: 9}}, {name: "
        "k, cadence: {when: {kind: task}, every: 1h}, required: false}]");
    for (unsigned round = 0; round < 300; round++) {
        struct troth_event events[EVENTS];
        struct scenario s[2];
        const bool all_kept = round % 2 == 0;
        for (unsigned i = 0; i < EVENTS; i++) {
            const bool ok = all_kept || random_below(&random, 3) > 0;
            events[i] = task_of("a", ok,
                                START + 6 * MINUTE + SECOND -
                                    (int64_t)random_below(&random, (uint64_t)(5 * MINUTE)));
            if (random_below(&random, 3) == 0) {
                events[i].kind = TROTH_KIND_TOOL;
                events[i].latency_us = ok ? 5 : 6;
                events[i].cost_micros = (int64_t)random_below(&random, 5);
                events[i].present |=
                    1U << TROTH_FIELD_LATENCY_US | (all_kept ? 0 : 1U << TROTH_FIELD_COST_MICROS);
            }
        }
        for (unsigned side = 0; side < 2; side++) {
            scenario_open(&s[side], 1, 1, 4096);
            scenario_put(&s[side], rules);
            scenario_task(&s[side], "a", true, START + 6 * MINUTE);
            assert_int_equal(scenario_rung(&s[side], "a", "c"), TROTH_RUNG_CLEAR);
            shuffle(&random, events, EVENTS);
            for (unsigned i = 0; i < EVENTS; i++) {
                assert_int_equal(scenario_feed(&s[side], START + 6 * MINUTE + SECOND, &events[i]),
                                 TROTH_OK);
            }
        }
        if (all_kept) {
            assert_same_state(&s[0], &s[1], 0);
        }
        for (int64_t later_us = 0; later_us < 6 * MINUTE; later_us += 40 * SECOND) {
            for (unsigned side = 0; side < 2; side++) {
                scenario_tick(&s[side], START + 6 * MINUTE + SECOND + later_us);
            }
            struct troth_standing_view x = scenario_view(&s[0], "a", "c");
            struct troth_standing_view y = scenario_view(&s[1], "a", "c");
            const struct troth_score p = troth_outlook_score(&x.sight);
            const struct troth_score q = troth_outlook_score(&y.sight);
            assert_true(p.compliance == q.compliance && p.freshness == q.freshness);
            assert_int_equal(x.standing->rung, y.standing->rung);
            for (unsigned t = 0; t < rules->term_count; t++) {
                uint64_t counts[4];
                troth_window_counts(rules, x.standing, t, x.sight.instant, &counts[0], &counts[1]);
                troth_window_counts(rules, y.standing, t, y.sight.instant, &counts[2], &counts[3]);
                assert_true(counts[0] == counts[2] && counts[1] == counts[3]);
            }
        }
        scenario_close(&s[0]);
        scenario_close(&s[1]);
    }
    scenario_rules_free(rules);
}

static void an_event_reaches_what_it_names(void **state)
{
    (void)state;
    struct scenario s;
    const struct troth_rules *rules = scenario_rules("contract: c, " QUICK "terms: [" SHARE "]");
    const struct troth_rules *other =
        scenario_rules("contract: cd, applies_to: {agent: \"a*\"}, " QUICK "terms: [" SHARE "]");
    scenario_open(&s, 4, 8, 4096);
    scenario_put(&s, rules);
    scenario_put(&s, other);
    struct troth_event event = task_of("a1", true, START);
    event.contract = text_of("cd");
    event.present |= 1U << TROTH_FIELD_CONTRACT;
    event.source = TROTH_SOURCE_GATEWAY;
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    assert_int_equal(troth_shard_of_agent(s.shard, event.agent, NULL, 0), 1);
    assert_int_equal(scenario_rung(&s, "a1", "cd"), TROTH_RUNG_CLEAR);
    event.source = TROTH_SOURCE_SELF; /* an agent does not choose where its events count */
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    assert_int_equal(troth_shard_of_agent(s.shard, event.agent, NULL, 0), 2);
    uint64_t kept = 0;
    uint64_t broken = 0;
    struct troth_standing_view view = scenario_view(&s, "a1", "cd");
    troth_window_counts(other, view.standing, 0, view.sight.instant, &kept, &broken);
    assert_int_equal(kept, 2);
    event = task_of("b", true, START); /* only one fits */
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    assert_int_equal(troth_shard_of_agent(s.shard, event.agent, NULL, 0), 1);
    event.source = TROTH_SOURCE_PEER; /* it names one that does not apply */
    event.contract = text_of("cd");
    event.present |= 1U << TROTH_FIELD_CONTRACT;
    assert_int_equal(scenario_feed(&s, START, &event), TROTH_OK);
    assert_int_equal(troth_shard_of_agent(s.shard, event.agent, NULL, 0), 1);
    struct troth_shard_counts counts;
    troth_shard_count(s.shard, &counts);
    assert_int_equal(counts.applied, 3);
    assert_int_equal(counts.unbound, 1);
    scenario_close(&s);
    scenario_rules_free(rules);
    scenario_rules_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(a_rejected_record_runs_deadlines),
        cmocka_unit_test(a_jump_is_a_tick_each_second),
        cmocka_unit_test(every_standing_meets_its_own_deadlines),
        cmocka_unit_test(the_next_event_takes_the_step_that_is_left),
        cmocka_unit_test(evidence_after_a_silence_has_its_deadlines),
        cmocka_unit_test(batches_and_prefetching_change_nothing),
        cmocka_unit_test(evidence_within_a_pane_may_come_in_any_order),
        cmocka_unit_test(an_event_reaches_what_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
