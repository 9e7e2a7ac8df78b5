/*
 * Claims: where the telemetry of more than half of at least twenty standings stops, their agents
 * are shown as guarded, by the rung that they had, those narrowed before it was enough as well,
 * while the standings' rows and the interventions say what they are; where less stops nothing is
 * guarded; with high consequence nothing is, and it is told all the same. A guard ends when the
 * rung changes, when what came puts the agent above its former rung though its rung stays, when its
 * time is over, with a new version, and no reader keeps it longer where the engine is dead. It
 * joins what other contracts leave. A restart finds it again, at warn and not for longer; before
 * what a former owner has shown is passed nothing is guarded. It is told once to people, and to the
 * store how it stands. Nobody is alerted of those that are guarded, one by one: what was told of
 * them is taken back when the outage is found, and told when the guard is over.
 */
#include "tests/support/fake_world.h"

#include "consumers/alerts.h"
#include "consumers/survey.h"

#define MINUTE (60 * SECOND_US)

static struct world world;
static struct troth_survey survey;

#define CONTRACT(name, version, more)                                                              \
    "contract: " name "\n"                                                                         \
    "version: " #version "\n"                                                                      \
    "promise: It does what it says.\n"                                                             \
    "owner: ops\n"                                                                                 \
    "capabilities: [refund, quote]\n"                                                              \
    "window: 10m\n"                                                                                \
    "panes: 10\n"                                                                                  \
    "certify: {confidence: 0.6, within: 1d}\n"                                                     \
    "terms:\n"                                                                                     \
    "  - {name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 10}\n"    \
    "  - {name: no-leak, never: {kind: tool, tool: export}}\n" more

#define HOLD "hold: 1m\n"

/* Proof that grows old leads to narrow and stays there. */
#define STAYS_NARROW "ladder: {recertify: {freshness_below: null}}\n"

/* Those who are alerted, as the sender keeps them: by the number of the agent. */
static struct listener {
    struct troth_alerts alerts; /* first */
    bool lasts[64];
    bool found[64]; /* by the sweep that goes on */
    unsigned raised;
} listener;

static bool hear(struct troth_alerts *alerts, const struct troth_alert *alert)
{
    struct listener *to = (struct listener *)(void *)alerts;
    char name[TROTH_AGENT_LENGTH_MAX + 1] = "a0";
    memcpy(name, alert->agent, alert->agent_length);
    const long agent = strtol(name + 1, NULL, 10);
    assert_in_range(agent, 0, 63);
    switch ((enum troth_alert_kind)alert->kind) {
    case TROTH_ALERT_RAISED:
        to->raised++;
        to->lasts[agent] = to->found[agent] = true;
        break;
    case TROTH_ALERT_ENDED:
        to->lasts[agent] = false;
        break;
    case TROTH_ALERT_SWEEP:
        memset(to->found, 0, sizeof to->found);
        break;
    case TROTH_ALERT_SWEPT:
        memcpy(to->lasts, to->found, sizeof to->lasts);
        break;
    case TROTH_ALERT_DROPPED:
    case TROTH_ALERT_STOPPED:
        break;
    }
    return true;
}

static uint64_t wanted(struct troth_alerts *alerts)
{
    (void)alerts;
    return 1;
}

static bool has_room(struct troth_alerts *alerts)
{
    (void)alerts;
    return true;
}

static unsigned alerted(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 64; i++) {
        count += listener.lasts[i];
    }
    return count;
}

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 1);
    memset(&listener, 0, sizeof listener);
    listener.alerts = (struct troth_alerts){hear, wanted, has_room};
    world.config.alerts = &listener.alerts;
    world.config.tick_us = SECOND_US;
    world.config.checkpoint_us = SECOND_US;
    world.config.outage =
        (struct troth_outage_rules){.max_narrowed = 0.5, .guard_us = 5 * MINUTE, .least = 20};
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static const char *name_of(unsigned agent)
{
    static char name[16];
    snprintf(name, sizeof name, "a%u", agent);
    return name;
}

/* Agents from..to-1 do what certifies them, or keeps them fresh. */
static void work(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        world_tasks(&world, name_of(i), TROTH_OUTCOME_OK, 10);
    }
}

/* A contract, and so many agents that are clear under it. */
static void begin(const char *yaml, unsigned agents)
{
    world_push(&world, yaml);
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    work(0, agents);
    world_run(&world, 2 * SECOND_US);
}

/* So long without a word of the others, in minutes, while from..to-1 go on. */
static void pass(unsigned minutes, unsigned from, unsigned to)
{
    for (unsigned i = 0; i < minutes; i++) {
        work(from, to);
        world_run(&world, MINUTE);
    }
}

static const struct fake_entry *agent_of(unsigned agent)
{
    const struct fake_entry *entry = fake_store_shows(&world.store, name_of(agent), NULL);
    assert_non_null(entry);
    return entry;
}

static const struct fake_entry *standing_of(unsigned agent)
{
    const struct fake_entry *entry = fake_store_shows(&world.store, name_of(agent), "refunds");
    assert_non_null(entry);
    return entry;
}

static unsigned guarded(unsigned agents)
{
    unsigned count = 0;
    for (unsigned i = 0; i < agents; i++) {
        count += agent_of(i)->guarded;
        if (agent_of(i)->guarded) {
            assert_true(agent_of(i)->rung < standing_of(i)->rung);
        } else {
            assert_int_equal(agent_of(i)->rung, standing_of(i)->rung);
        }
    }
    return count;
}

static const struct troth_outage_survey *surveyed(void)
{
    troth_worker_survey(world.worker, &survey);
    return &survey.contracts[0].outage;
}

/* The last that the store was told of an outage, or NULL. */
static const struct fake_entry *told(void)
{
    for (size_t i = world.journal.count; i-- > 0;) {
        if (world.journal.entries[i].act == FAKE_OUTAGE) {
            return &world.journal.entries[i];
        }
    }
    return NULL;
}

static unsigned said(const char *text)
{
    unsigned count = 0;
    for (const char *at = world.said; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

/* ---- When. ---- */

static void stopped_telemetry_is_guarded(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    assert_int_equal(guarded(30), 0);
    assert_false(told() != NULL && told()->guarded);
    const size_t interventions = world_told(&world);
    pass(11, 0, 0);
    assert_int_equal(guarded(30), 30);
    assert_int_equal(world_told(&world) - interventions, 30); /* the core says what it says */
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(standing_of(i)->rung, TROTH_RUNG_RECERTIFY);
        assert_true(standing_of(i)->guarded);
        assert_int_equal(agent_of(i)->rung, TROTH_RUNG_CLEAR);
        assert_int_equal(agent_of(i)->good_until_us, told()->good_until_us);
        assert_true(agent_of(i)->offer_until_us >= agent_of(i)->good_until_us);
    }
    assert_true(told()->guarded);
    assert_string_equal(told()->contract, "refunds");
    assert_int_equal(told()->score, 30);
    assert_int_equal(told()->good_until_us, told()->as_of_us + 5 * MINUTE);
    assert_int_equal(said("telemetry stopped for refunds"), 1);
    assert_int_equal(surveyed()->partitions, 1);
    assert_int_equal(surveyed()->guarded, 30);
    assert_int_equal(surveyed()->standings, 30);
    assert_int_equal(surveyed()->since_us, told()->as_of_us);
    assert_int_equal(world_counts(&world).outages, 1);
}

static void half_is_not_enough(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 15);
    assert_int_equal(standing_of(29)->rung, TROTH_RUNG_RECERTIFY);
    assert_int_equal(guarded(30), 0);
    assert_int_equal(surveyed()->partitions, 0);
    assert_int_equal(said("telemetry stopped"), 0);
}

static void one_more_is(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 14);
    assert_int_equal(guarded(30), 16);
    assert_false(agent_of(0)->guarded);
    assert_true(agent_of(14)->guarded);
}

static void nineteen_tell_nothing(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 19);
    pass(11, 0, 0);
    assert_int_equal(guarded(19), 0);
    assert_int_equal(surveyed()->partitions, 0);
}

static void twenty_do(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 20);
    pass(11, 0, 0);
    assert_int_equal(guarded(20), 20);
}

/* Some are narrowed a while before it is enough: they are narrowed, and then guarded with the rest.
 * What was narrowed more than a hold before is no part of it. */
static void those_before_it_was_enough_are_guarded_too(void **state)
{
    (void)state;
    /* Within the hold of four minutes: a0..a9 a pane earlier than the rest; a10 long before. */
    begin(CONTRACT("refunds", 1, "hold: 4m\n"), 11);
    world_run(&world, 6 * MINUTE);
    work(0, 10);
    world_run(&world, 2 * MINUTE);
    work(11, 31);
    const size_t from = world.journal.count;
    world_run(&world, 9 * MINUTE);
    assert_int_equal(agent_of(0)->rung, TROTH_RUNG_RECERTIFY);
    assert_int_equal(agent_of(0)->guarded, 0);
    world_run(&world, 2 * MINUTE);
    assert_int_equal(guarded(31), 30);
    assert_int_equal(agent_of(0)->rung, TROTH_RUNG_CLEAR);
    assert_int_equal(agent_of(10)->rung, TROTH_RUNG_RECERTIFY);
    assert_int_equal(told()->score, 30);
    assert_true(fake_journal_find(&world.journal, FAKE_NARROWED, name_of(0), from) <
                world.journal.count);
}

static void high_consequence_is_told_alone(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD "consequence: high\n"), 30);
    pass(11, 0, 0);
    assert_int_equal(guarded(30), 0);
    assert_int_equal(agent_of(3)->rung, TROTH_RUNG_RECERTIFY);
    assert_true(told()->guarded);
    assert_int_equal(told()->good_until_us, 0);
    assert_int_equal(surveyed()->partitions, 1);
    assert_int_equal(surveyed()->hit, 30);
    assert_int_equal(surveyed()->guarded, 0);
    assert_int_equal(said("none of them is guarded"), 1);
}

static void nothing_is_looked_for_without_a_guard(void **state)
{
    (void)state;
    world.config.outage.guard_us = 0;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 0);
    assert_int_equal(guarded(30), 0);
    assert_int_equal(surveyed()->partitions, 0);
}

static void nobody_is_alerted_of_the_guarded(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD STAYS_NARROW), 30);
    assert_int_equal(alerted(), 0);
    pass(11, 0, 0);
    assert_int_equal(guarded(30), 30);
    assert_int_equal(standing_of(3)->rung, TROTH_RUNG_NARROW);
    assert_int_equal(alerted(), 0);
    assert_in_range(listener.raised, 1, 15); /* until it was enough: those were taken back */
    world_leak(&world, name_of(5));
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(alerted(), 1);
    assert_true(listener.lasts[5]);
    world_run(&world, told()->good_until_us - world.clock.wall_us + 4 * SECOND_US);
    assert_int_equal(guarded(30), 0);
    assert_int_equal(alerted(), 30);
}

static void of_high_consequence_all_are_alerted(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD STAYS_NARROW "consequence: high\n"), 30);
    pass(11, 0, 0);
    assert_int_equal(alerted(), 30);
}

/* ---- Until when. ---- */

static void time_ends_it(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 0);
    const int64_t until_us = told()->good_until_us;
    world_run(&world, until_us - world.clock.wall_us - 2 * SECOND_US);
    assert_int_equal(guarded(30), 30);
    world_run(&world, 4 * SECOND_US);
    assert_int_equal(guarded(30), 0);
    assert_int_equal(agent_of(7)->rung, TROTH_RUNG_RECERTIFY);
    assert_false(standing_of(7)->guarded);
    assert_false(told()->guarded);
    assert_int_equal(surveyed()->partitions, 0);
    assert_int_equal(said("telemetry stopped"), 1);
    assert_int_equal(said("nothing of refunds is guarded any more"), 1);
    world_run(&world, 20 * MINUTE); /* it goes on, and nothing is guarded anew */
    assert_int_equal(guarded(30), 0);
    assert_int_equal(world_counts(&world).outages, 1);
}

static void evidence_ends_it(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 0);
    work(4, 5);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(standing_of(4)->rung, TROTH_RUNG_CLEAR);
    assert_int_equal(guarded(30), 29);
    assert_int_equal(told()->score, 29);
    work(0, 30);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(guarded(30), 0);
    assert_int_equal(agent_of(0)->rung, TROTH_RUNG_CLEAR);
    assert_false(told()->guarded);
    assert_int_equal(surveyed()->partitions, 0);
}

static void worse_ends_it_at_once(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 0);
    world_leak(&world, name_of(3));
    world_tasks(&world, name_of(5), TROTH_OUTCOME_FAILED, 5);
    world_step(&world);
    assert_int_equal(agent_of(3)->rung, TROTH_RUNG_PAUSE);
    assert_false(agent_of(3)->guarded);
    assert_int_equal(agent_of(5)->rung, TROTH_RUNG_REVIEW);
    assert_false(agent_of(5)->guarded);
    world_run(&world, SECOND_US);
    assert_int_equal(guarded(30), 28);
}

/* At narrow already: its rung does not change when what comes would have put it there. */
static void proof_ends_it_where_the_rung_stays(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD STAYS_NARROW), 30);
    pass(11, 0, 0);
    assert_int_equal(guarded(30), 30);
    assert_int_equal(standing_of(5)->rung, TROTH_RUNG_NARROW);
    assert_int_equal(agent_of(5)->rung, TROTH_RUNG_CLEAR);
    const size_t interventions = world_told(&world);
    world_tasks(&world, name_of(5), TROTH_OUTCOME_FAILED, 2);
    world_tasks(&world, name_of(6), TROTH_OUTCOME_OK, 2);
    world_run(&world, SECOND_US);
    assert_int_equal(world_told(&world), interventions);
    assert_int_equal(standing_of(5)->rung, TROTH_RUNG_NARROW);
    assert_false(agent_of(5)->guarded);
    assert_int_equal(agent_of(5)->rung, TROTH_RUNG_NARROW);
    assert_true(agent_of(6)->guarded);
    assert_int_equal(guarded(30), 29);
    assert_int_equal(told()->score, 29);
}

static void new_version_ends_it(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 0);
    world_push(&world, CONTRACT("refunds", 2, HOLD));
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(guarded(30), 0);
    assert_false(told()->guarded);
}

/* ---- With others, and after a restart. ---- */

static void other_contracts_still_count(void **state)
{
    (void)state;
    world_push(&world, CONTRACT("leaks", 1, HOLD STAYS_NARROW "consequence: high\n"));
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 0);
    for (unsigned i = 0; i < 30; i++) {
        /* The other is narrowed, too, and never guarded: the worse rung counts, and past the end of
         * the guard nothing is offered by a row that would not be narrowed then. */
        assert_true(standing_of(i)->guarded);
        assert_int_equal(agent_of(i)->rung, TROTH_RUNG_NARROW);
        assert_true(agent_of(i)->offer_until_us <= surveyed()->since_us + 5 * MINUTE);
    }
}

static void restart_finds_it_again(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 0);
    const int64_t until_us = told()->good_until_us;
    assert_int_equal(guarded(30), 30);
    world_run(&world, 2 * SECOND_US);
    world_crash(&world);
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(guarded(30), 30);
    assert_int_equal(agent_of(9)->rung, TROTH_RUNG_WARN);
    assert_true(told()->guarded);
    assert_true(told()->good_until_us <= until_us);
    assert_true(told()->good_until_us > until_us - MINUTE);
    work(0, 1);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(guarded(30), 29);
    world_run(&world, 5 * MINUTE);
    assert_int_equal(guarded(30), 0);
    assert_false(told()->guarded);
    world_crash(&world);
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(guarded(30), 0);
}

/* One is let out of narrow, and freshness takes it on while that is not committed: it is shown as
 * it is, and guarded when its former rung is committed. */
static void guard_waits_for_its_rung_to_be_committed(void **state)
{
    (void)state;
    begin(
        "contract: refunds\nversion: 1\npromise: It does what it says.\nowner: ops\n"
        "capabilities: [refund]\nwindow: 10s\npanes: 10\nhold: 1s\n"
        "certify: {confidence: 0.6, within: 1d}\n"
        "terms:\n"
        "  - {name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 10}\n",
        30);
    world_tasks(&world, name_of(0), TROTH_OUTCOME_FAILED, 4);
    world_run(&world, SECOND_US);
    assert_int_equal(agent_of(0)->rung, TROTH_RUNG_NARROW);
    world_run(&world, SECOND_US);
    world.log.on_committed = (struct fake_failure){TROTH_TIMED_OUT, 0, UINT32_MAX};
    const size_t from = world.journal.count;
    world_tasks(&world, name_of(0), TROTH_OUTCOME_OK, 60);
    world_run(&world, 12 * SECOND_US);
    assert_int_equal(surveyed()->partitions, 1);
    assert_int_equal(surveyed()->hit, 30);
    assert_int_equal(standing_of(0)->rung, TROTH_RUNG_RECERTIFY);
    assert_true(agent_of(1)->guarded);
    for (size_t i = from; i < world.journal.count; i++) {
        const struct fake_entry *entry = &world.journal.entries[i];
        if (entry->act == FAKE_AGENT && strcmp(entry->agent, name_of(0)) == 0) {
            assert_true(entry->rung >= TROTH_RUNG_NARROW && !entry->guarded);
        }
    }
    world.log.on_committed.count = 0;
    world_run(&world, SECOND_US);
    assert_true(agent_of(0)->guarded);
    assert_int_equal(agent_of(0)->rung, TROTH_RUNG_CLEAR);
}

/* Who had it before had shown more of the log than is applied yet. */
static void nothing_is_guarded_behind(void **state)
{
    (void)state;
    world.config.outage.guard_us = 60 * MINUTE;
    begin(CONTRACT("refunds", 1, HOLD), 40);
    pass(11, 30, 40);
    assert_int_equal(guarded(40), 30);
    world_run(&world, 2 * SECOND_US);
    world_crash(&world);
    world.store.shards[0].applied += 1000000;
    world_start(&world);
    pass(11, 0, 0);
    assert_int_equal(surveyed()->partitions, 1);
    assert_int_equal(surveyed()->hit, 40);
    assert_int_equal(agent_of(35)->rung, TROTH_RUNG_RECERTIFY);
    assert_false(agent_of(35)->guarded);
}

static void store_that_lost_it_is_told_anew(void **state)
{
    (void)state;
    begin(CONTRACT("refunds", 1, HOLD), 30);
    pass(11, 0, 0);
    fake_store_break(&world.store);
    fake_store_lose(&world.store);
    const size_t from = world.journal.count;
    world_run(&world, 2 * SECOND_US);
    assert_true(fake_journal_count(&world.journal, FAKE_OUTAGE, NULL, from) >= 1);
    assert_true(told()->guarded);
    assert_int_equal(guarded(30), 30);
    assert_int_equal(said("telemetry stopped"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(stopped_telemetry_is_guarded),
        TEST(nobody_is_alerted_of_the_guarded),
        TEST(of_high_consequence_all_are_alerted),
        TEST(half_is_not_enough),
        TEST(one_more_is),
        TEST(nineteen_tell_nothing),
        TEST(twenty_do),
        TEST(those_before_it_was_enough_are_guarded_too),
        TEST(high_consequence_is_told_alone),
        TEST(nothing_is_looked_for_without_a_guard),
        TEST(time_ends_it),
        TEST(evidence_ends_it),
        TEST(worse_ends_it_at_once),
        TEST(proof_ends_it_where_the_rung_stays),
        TEST(new_version_ends_it),
        TEST(other_contracts_still_count),
        TEST(restart_finds_it_again),
        TEST(guard_waits_for_its_rung_to_be_committed),
        TEST(nothing_is_guarded_behind),
        TEST(store_that_lost_it_is_told_anew),
    };
    return cmocka_run_group_tests_name("worker_outage", tests, NULL, NULL);
}
