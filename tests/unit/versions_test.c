/*
 * Claims, of schemas/versions.md: a version of an agent takes the place of the one in force just
 * where that was silent for longer than the longest window, by the events' own times; a canary, a
 * rollout and a flip-flop change nothing before. Then the standing enters recertify before the
 * event's evidence, starts anew where it is there already, and stays at review and at pause; an
 * event that leads there without its version does so with it. No version announced leaves an agent
 * lower than it would be without. The version lives through contracts that ask for it.
 */
#include "tests/support/restore.h"
#include "tests/support/scenario_random.h"

#define KEYS(version, on)                                                                          \
    "contract: c, version: " #version ", consequence: medium, on_agent_version: " on               \
    ", window: 1h, hold: 10m, certify: {confidence: 0.9, within: 6h}, capabilities: [x], "         \
    "terms: [{name: works, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 4, "     \
    "fresh: 4}, {name: leak, never: {kind: tool}}, "                                               \
    "{name: long, when: {kind: rescue}, keep: {outcome: ok}, floor: 0.5, window: 2h, "             \
    "required: false}]"
#define WINDOW (2 * HOUR)

static struct scenario s;
static const struct troth_rules *rules;
static int64_t now_us;

static int open_scenario(void **state)
{
    (void)state;
    rules = scenario_rules(KEYS(1, "recertify"));
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

static void say(struct troth_event *event, const char *version)
{
    if (version != NULL) {
        event->agent_version = text_of(version);
        event->present |= 1U << TROTH_FIELD_AGENT_VERSION;
    }
}

/* A task at `at_us` that the log took at now_us. In version: NULL: it bears none. */
static void task_at(const char *version, bool ok, int64_t at_us)
{
    struct troth_event event = task_of("a", ok, at_us);
    say(&event, version);
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
}

static void work(const char *version, unsigned kept, unsigned broken)
{
    for (unsigned i = 0; i < kept + broken; i++) {
        now_us += SECOND;
        task_at(version, i < kept, now_us);
    }
}

static unsigned rung(void)
{
    return scenario_rung(&s, "a", "c");
}

static const struct troth_heard *heard(void)
{
    const struct troth_standing_view view = scenario_view(&s, "a", "c");
    assert_true(view.rules->version_offset != 0);
    return troth_heard_of(view.rules, view.standing);
}

static uint64_t hash_of(const char *version)
{
    return troth_agents_hash(text_of(version));
}

static struct troth_tally tally(void)
{
    const struct troth_standing_view view = scenario_view(&s, "a", "c");
    return *troth_tally_of(view.rules, view.standing, 0);
}

static uint64_t counted(bool kept)
{
    uint64_t counts[2];
    const struct troth_standing_view view = scenario_view(&s, "a", "c");
    troth_window_counts(view.rules, view.standing, 0, view.sight.instant, &counts[1], &counts[0]);
    return counts[kept];
}

static unsigned decide(enum troth_action action)
{
    static uint8_t next_id;
    const struct troth_decision decision = {.id = {++next_id},
                                            .agent = text_of("a"),
                                            .contract = text_of("c"),
                                            .by = text_of("ann"),
                                            .reason = text_of("why"),
                                            .position = -1,
                                            .offset = -1,
                                            .partition = -1,
                                            .action = (uint8_t)action,
                                            .expected = TROTH_RUNG_COUNT};
    now_us += SECOND;
    return scenario_decide(&s, now_us, &decision, NULL).ruling;
}

/* At clear, by version 1, which was heard just now. */
static void certify(void)
{
    work("1", 12, 0);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    assert_true(heard()->hash == hash_of("1") && heard()->last_us == now_us);
}

/* Without a version, so that nothing else hears one: stays fresh until now + span. */
static void idle_through(int64_t span_us)
{
    const int64_t end_us = now_us + span_us;
    while (now_us + 5 * MINUTE < end_us) {
        now_us += 5 * MINUTE;
        task_at(NULL, true, now_us);
    }
    now_us = end_us;
}

static void test_both_sides_of_the_window(void **state)
{
    (void)state;
    certify();
    const int64_t last_us = now_us;
    idle_through(WINDOW);
    task_at("2", true, now_us); /* a window to the microsecond */
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    assert_true(heard()->hash == hash_of("1") && heard()->last_us == last_us);
    const unsigned told = s.told_count;
    now_us += 1;
    task_at("2", true, now_us);
    assert_int_equal(rung(), TROTH_RUNG_RECERTIFY);
    assert_int_equal(s.told_count, told + 1);
    const struct troth_intervention *last = &s.told[told].intervention;
    assert_int_equal(last->from, TROTH_RUNG_CLEAR);
    assert_int_equal(last->to, TROTH_RUNG_RECERTIFY);
    assert_true(last->narrowing && last->decision == NULL && last->decided_at_us == now_us);
    assert_int_equal(last->cause.condition, TROTH_CONDITION_VERSION);
    assert_int_equal(last->cause.term, TROTH_NO_TERM);
    assert_true(last->cause.observed == 0.0 && last->cause.limit == 0.0);
    assert_true(last->cause_offset == s.offset - 1 && last->kept[0] > 10); /* what it rested on */
    assert_true(heard()->hash == hash_of("2") && heard()->last_us == now_us);
    assert_int_equal(counted(true), 1); /* the event is the new version's first evidence */
    assert_int_equal(tally().kept, 1);
    assert_true(scenario_view(&s, "a", "c").standing->since_us == now_us);
    assert_false(scenario_view(&s, "a", "c").standing->after_decision);
}

/* The silence is that of the version, by the events' own times: not the log's. */
static void test_by_the_events_times(void **state)
{
    (void)state;
    certify();
    const int64_t last_us = now_us;
    idle_through(WINDOW + MINUTE);
    task_at("2", true, last_us + WINDOW); /* late, of when the other was not silent long enough */
    assert_true(heard()->hash == hash_of("1"));
    task_at("1", true, last_us + 30 * MINUTE); /* late too: it was heard after all */
    assert_true(heard()->last_us == last_us + 30 * MINUTE);
    task_at("1", true, last_us + 10 * MINUTE); /* later still, of before that */
    assert_true(heard()->last_us == last_us + 30 * MINUTE);
    task_at("2", true, now_us);
    assert_true(heard()->hash == hash_of("1"));
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
    now_us += 30 * MINUTE;
    task_at("2", true, now_us + SECOND); /* ahead of the log: it is of the log's time */
    assert_true(heard()->hash == hash_of("2") && heard()->last_us == now_us);
}

static void test_flip_flop(void **state)
{
    (void)state;
    certify();
    int64_t last_us = now_us;
    for (unsigned i = 0; i < 200; i++) {
        now_us += 4 * MINUTE;
        task_at(i % 30 == 29 ? "1" : i % 2 == 0 ? "2" : "3", true, now_us);
        assert_int_equal(rung(), TROTH_RUNG_CLEAR);
        assert_true(heard()->hash == hash_of("1"));
        last_us = i % 30 == 29 ? now_us : last_us;
    }
    assert_true(counted(true) > 4); /* the canary's evidence counts as any */
    for (unsigned i = 0; rung() == TROTH_RUNG_CLEAR; i++) {
        now_us += 4 * MINUTE;
        task_at(i % 2 == 0 ? "2" : "3", true, now_us);
    }
    assert_int_equal(rung(), TROTH_RUNG_RECERTIFY);
    assert_true(now_us - last_us > WINDOW && now_us - last_us <= WINDOW + 4 * MINUTE);
    assert_true(heard()->hash == hash_of("2") || heard()->hash == hash_of("3"));
}

static void test_what_says_nothing(void **state)
{
    (void)state;
    work(NULL, 2, 0);
    work("", 2, 0);
    assert_true(heard()->hash == 0 && heard()->last_us == 0);
    certify();
    const int64_t last_us = now_us;
    idle_through(WINDOW);
    now_us += SECOND;
    task_at("", true, now_us);
    task_at(NULL, true, now_us);
    assert_true(heard()->hash == hash_of("1") && heard()->last_us == last_us);
    /* Whoever bears it, of whatever kind. */
    struct troth_event event = event_of("a", TROTH_KIND_HEARTBEAT, TROTH_OUTCOME_NONE, now_us);
    event.source = TROTH_SOURCE_GATEWAY;
    say(&event, "2");
    event.contract = text_of("another");
    event.present |= 1U << TROTH_FIELD_CONTRACT;
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
    assert_true(heard()->hash == hash_of("1")); /* it does not reach the standing */
    event.contract = text_of("c");
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
    assert_true(heard()->hash == hash_of("2"));
    assert_int_equal(rung(), TROTH_RUNG_RECERTIFY);
    assert_int_equal(counted(true), 0);
}

/* A number that was seen is no sign of a version either. */
static void test_duplicates(void **state)
{
    (void)state;
    certify();
    struct troth_event event = task_of("a", true, now_us);
    event.seq = 7;
    event.present |= 1U << TROTH_FIELD_SEQ;
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_OK);
    now_us += WINDOW + 1;
    event.at_us = now_us;
    say(&event, "2");
    assert_int_equal(scenario_feed(&s, now_us, &event), TROTH_DUPLICATE);
    assert_true(heard()->hash == hash_of("1"));
}

static void test_anew_in_recertify(void **state)
{
    (void)state;
    work("1", 2, 0);
    assert_int_equal(tally().kept, 2);
    now_us += WINDOW + 1;
    const unsigned told = s.told_count;
    task_at("2", true, now_us);
    const struct troth_standing *standing = scenario_view(&s, "a", "c").standing;
    assert_int_equal(tally().kept, 1);
    assert_int_equal(s.told_count, told);
    assert_true(standing->since_us == now_us && standing->phase_us == now_us + 6 * HOUR);
    task_at("1", true, now_us - 1); /* of before: late */
    task_at("1", true, now_us);     /* of now: a canary, which counts */
    assert_int_equal(tally().kept, 2);
    now_us += WINDOW;
    task_at("1", false, now_us - HOUR); /* hiding must not pay */
    assert_int_equal(tally().broken, 1);
    work(NULL, 12, 0);
    assert_int_equal(rung(), TROTH_RUNG_CLEAR);
}

/* No agent puts off the end of a certification that follows a review. */
static void test_after_a_decision(void **state)
{
    (void)state;
    certify();
    assert_int_equal(decide(TROTH_ACTION_REVIEW), TROTH_RULING_APPLIED);
    assert_int_equal(decide(TROTH_ACTION_RECERTIFY), TROTH_RULING_APPLIED);
    const int64_t end_us = now_us + 6 * HOUR;
    static const char *const versions[] = {"2", "3", "4"};
    for (unsigned i = 0; i < 2; i++) {
        now_us += WINDOW + MINUTE;
        task_at(versions[i], true, now_us);
        assert_true(heard()->hash == hash_of(versions[i]));
        assert_int_equal(tally().kept, 1);
        const struct troth_standing *standing = scenario_view(&s, "a", "c").standing;
        assert_true(standing->after_decision && standing->phase_us == end_us);
    }
    scenario_tick(&s, end_us - 1);
    assert_int_equal(rung(), TROTH_RUNG_RECERTIFY);
    scenario_tick(&s, end_us);
    assert_int_equal(rung(), TROTH_RUNG_REVIEW);
}

/* Review and pause are left by a decision alone; the version is taken over. */
static void test_review_and_pause(void **state)
{
    static const enum troth_action actions[] = {TROTH_ACTION_REVIEW, TROTH_ACTION_PAUSE};
    (void)state;
    certify();
    for (unsigned i = 0; i < 2; i++) {
        const char *version = i == 0 ? "2" : "3";
        assert_int_equal(decide(actions[i]), TROTH_RULING_APPLIED);
        const unsigned before = rung();
        work(NULL, 5, 0);
        now_us += WINDOW + 1;
        const unsigned told = s.told_count;
        task_at(version, true, now_us);
        assert_true(heard()->hash == hash_of(version) && heard()->last_us == now_us);
        assert_int_equal(rung(), before);
        assert_int_equal(s.told_count, told);
        work(version, 1, 0);
        assert_int_equal(counted(true), 2);
    }
}

/* What leads to pause or review as any event does so. */
static void test_leads_to_a_person(void **state)
{
    (void)state;
    certify();
    now_us += WINDOW + 1;
    work(NULL, 4, 0);
    now_us += SECOND;
    struct troth_event leak = event_of("a", TROTH_KIND_TOOL, TROTH_OUTCOME_NONE, now_us);
    say(&leak, "2");
    const unsigned told = s.told_count;
    assert_int_equal(scenario_feed(&s, now_us, &leak), TROTH_OK);
    assert_int_equal(rung(), TROTH_RUNG_PAUSE);
    assert_int_equal(s.told_count, told + 1);
    assert_int_equal(s.told[told].intervention.cause.condition, TROTH_CONDITION_NEVER);
    assert_true(heard()->hash == hash_of("2"));
    assert_int_equal(counted(true), 4); /* and nothing was emptied */
}

/* The broken piece too many: with another version as without one. */
static void test_no_way_past_review(void **state)
{
    (void)state;
    for (unsigned broken = 0;; broken++) {
        scenario_restart(&s);
        scenario_put(&s, rules);
        now_us = START;
        certify();
        now_us += WINDOW + 1;
        work(NULL, 4, broken);
        if (rung() > TROTH_RUNG_RECERTIFY) {
            assert_true(broken > 4);
            break;
        }
        void *memory = malloc(s.size);
        assert_non_null(memory);
        memcpy(memory, s.memory, s.size);
        work(NULL, 0, 1);
        const unsigned without = rung();
        memcpy(s.memory, memory, s.size);
        free(memory);
        work("2", 0, 1);
        assert_int_equal(rung(), without > TROTH_RUNG_RECERTIFY ? without : TROTH_RUNG_RECERTIFY);
        assert_int_equal(counted(false), without > TROTH_RUNG_RECERTIFY ? broken + 1 : 1);
    }
}

/* ---- Contracts that change. ---- */

static void test_contracts(void **state)
{
    (void)state;
    const struct troth_rules *same = scenario_rules(KEYS(2, "recertify"));
    const struct troth_rules *keep = scenario_rules(KEYS(3, "keep"));
    const struct troth_rules *again = scenario_rules(KEYS(4, "recertify"));
    certify();
    const int64_t last_us = now_us;
    scenario_put(&s, same);
    assert_true(heard()->hash == hash_of("1") && heard()->last_us == last_us);
    now_us += WINDOW + 1;
    scenario_put(&s, keep);
    assert_int_equal(keep->version_offset, 0);
    const unsigned told = s.told_count;
    task_at("2", true, now_us);
    assert_true(s.told_count == told ||
                s.told[told].intervention.cause.condition != TROTH_CONDITION_VERSION);
    scenario_put(&s, again);
    assert_true(heard()->hash == 0);
    task_at("3", true, now_us); /* the first that is heard */
    assert_true(heard()->hash == hash_of("3"));
    assert_int_equal(rules->size, again->size);
    scenario_restart(&s);
    scenario_rules_free(same);
    scenario_rules_free(keep);
    scenario_rules_free(again);
}

/* A record written under one version of the contract, restored under another. */
static void test_restored_under_another(void **state)
{
    static struct saved saved;
    uint64_t random = random_seed("restored");
    (void)state;
    const struct troth_rules *same = scenario_rules(KEYS(2, "recertify"));
    const struct troth_rules *keep = scenario_rules(KEYS(3, "keep"));
    certify();
    const int64_t last_us = now_us;
    saved_take(&saved, s.shard);
    scenario_restart(&s);
    scenario_put(&s, same);
    saved_restore(&saved, &s, &random);
    task_at(NULL, true, now_us);
    assert_true(heard()->hash == hash_of("1") && heard()->last_us == last_us);
    scenario_restart(&s);
    scenario_put(&s, keep);
    saved_restore(&saved, &s, &random);
    saved_take(&saved, s.shard);
    scenario_restart(&s);
    scenario_put(&s, rules);
    saved_restore(&saved, &s, &random);
    task_at(NULL, true, now_us);
    assert_true(heard()->hash == 0);
    scenario_restart(&s);
    saved_free(&saved);
    scenario_rules_free(same);
    scenario_rules_free(keep);
}

/* ---- No version that is announced pays. ---- */

static const char *const agents[] = {"a", "b"};

struct rungs {
    unsigned of[2];
};

static struct rungs rungs_now(const char *contract)
{
    struct rungs rungs = {{TROTH_RUNG_COUNT, TROTH_RUNG_COUNT}};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t standing = 0;
        if (troth_shard_of_agent(s.shard, text_of(agents[i]), &standing, 1) == 1) {
            rungs.of[i] = scenario_rung(&s, agents[i], contract);
        }
    }
    return rungs;
}

static void decide_at_random(uint64_t *random, unsigned id)
{
    static const enum troth_action actions[] = {TROTH_ACTION_REVIEW, TROTH_ACTION_RESTORE,
                                                TROTH_ACTION_RECERTIFY, TROTH_ACTION_RECERTIFY};
    struct troth_decision decision = {.agent = text_of(PICK(random, agents)),
                                      .contract = text_of("r"),
                                      .by = text_of("ann"),
                                      .reason = text_of("why"),
                                      .position = -1,
                                      .offset = -1,
                                      .partition = -1,
                                      .action = (uint8_t)PICK(random, actions),
                                      .expected = TROTH_RUNG_COUNT};
    memcpy(decision.id, &id, sizeof id);
    (void)scenario_decide(&s, troth_shard_clock_us(s.shard), &decision, NULL);
}

/* Each event that bears a version, taken without it and then with it. In higher: by how often the
 * version made the rung higher. */
static void compare(uint64_t *random, unsigned *higher)
{
    char *memory = malloc(s.size);
    int64_t timestamp_us = START;
    assert_non_null(memory);
    for (unsigned i = 0; i < 400; i++) {
        struct record record = random_record(random, timestamp_us, agents, 2, 12);
        struct troth_event without = record.event;
        timestamp_us = record.timestamp_us > timestamp_us ? record.timestamp_us : timestamp_us;
        without.present &= ~(1U << TROTH_FIELD_AGENT_VERSION);
        memcpy(memory, s.memory, s.size);
        const unsigned told = s.told_count;
        (void)!scenario_feed(&s, record.timestamp_us, &without);
        const struct rungs plain = rungs_now("r");
        memcpy(s.memory, memory, s.size);
        s.told_count = told;
        s.offset--;
        (void)!scenario_feed(&s, record.timestamp_us, &record.event);
        const struct rungs announced = rungs_now("r");
        for (unsigned k = 0; k < 2; k++) {
            assert_true(announced.of[k] >= plain.of[k]);
            *higher += announced.of[k] > plain.of[k];
        }
        if (random_below(random, 15) == 0) {
            decide_at_random(random, i);
        }
    }
    free(memory);
}

static void test_no_version_pays(void **state)
{
    uint64_t random = random_seed("pays");
    unsigned higher = 0;
    unsigned asked = 0;
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        const struct troth_rules *drawn = random_rules(&random, "r", 1);
        scenario_restart(&s);
        scenario_put(&s, drawn);
        compare(&random, &higher);
        asked += drawn->version_offset != 0;
        scenario_restart(&s);
        scenario_rules_free(drawn);
    }
    assert_true(asked > 10 && higher > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_scenario, close_scenario)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_both_sides_of_the_window),
                                       TEST(test_by_the_events_times),
                                       TEST(test_flip_flop),
                                       TEST(test_what_says_nothing),
                                       TEST(test_duplicates),
                                       TEST(test_anew_in_recertify),
                                       TEST(test_after_a_decision),
                                       TEST(test_review_and_pause),
                                       TEST(test_leads_to_a_person),
                                       TEST(test_no_way_past_review),
                                       TEST(test_contracts),
                                       TEST(test_restored_under_another),
                                       TEST(test_no_version_pays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
