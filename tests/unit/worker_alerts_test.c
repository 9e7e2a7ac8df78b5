/*
 * Claims: a worker tells of a narrowing at once, before its record is committed, with its cause,
 * and of its end only once that is committed; nobody is told of a new agent, nor of what is advised
 * or in the shadow. After a restart, and whenever it is asked for, all that is narrowed is told
 * anew, and nothing else; a sweep holds where there is no room, and goes on. A partition that is
 * taken away is given up without an end of anything. What went with its contract's mode, or its
 * agent, is found.
 */
#include "tests/support/fake_world.h"

#include "consumers/alerts.h"

enum { HEARD_MAX = 4096 };

/* Those who are alerted: what they heard. */
struct listener {
    struct troth_alerts alerts; /* first */
    uint64_t wanted;
    uint64_t room; /* for so many more messages a sweep may go on */
    size_t count;
    struct troth_alert heard[HEARD_MAX];
};

static struct world world;
static struct listener listener;

static bool hear(struct troth_alerts *alerts, const struct troth_alert *alert)
{
    struct listener *to = (struct listener *)(void *)alerts;
    assert_true(to->count < HEARD_MAX);
    to->heard[to->count++] = *alert;
    to->room -= to->room > 0;
    return true;
}

static uint64_t wanted(struct troth_alerts *alerts)
{
    return ((struct listener *)(void *)alerts)->wanted;
}

static bool has_room(struct troth_alerts *alerts)
{
    return ((struct listener *)(void *)alerts)->room > 0;
}

#define SPENDING(name, version, mode)                                                              \
    "contract: " name "\n"                                                                         \
    "version: " #version "\n"                                                                      \
    "promise: It keeps to its budget.\n"                                                           \
    "owner: treasury\n"                                                                            \
    "mode: " mode "\n"                                                                             \
    "capabilities: [buy]\n"                                                                        \
    "window: 10m\n"                                                                                \
    "panes: 10\n"                                                                                  \
    "hold: 1m\n"                                                                                   \
    "terms:\n"                                                                                     \
    "  - {name: spend, budget: {sum: cost_micros, at_most: 100}}\n"

static int open_world(void **state)
{
    (void)state;
    memset(&listener, 0, sizeof listener);
    listener.alerts = (struct troth_alerts){hear, wanted, has_room};
    listener.wanted = 1;
    listener.room = UINT64_MAX;
    world_open(&world, 1);
    world.config.checkpoint_us = SECOND_US;
    world.config.alerts = &listener.alerts;
    world_push(&world, SPENDING("spending", 1, "enforce"));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static void spend(const char *agent, int64_t cost)
{
    struct troth_event event = world_event(&world, agent, TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    event.present |= 1U << TROTH_FIELD_COST_MICROS;
    event.cost_micros = cost;
    world_append(&world, &event);
}

/* Time passes, and a record says so. */
static void pass(int64_t us)
{
    fake_clock_move(&world.clock, us);
    spend("clock", 0);
    world_run(&world, SECOND_US / 10);
}

static void answer_commits(void)
{
    world.log.slow = 0;
    world.log.commit.looks = 0;
}

static unsigned heard_of(unsigned kind, const char *agent)
{
    unsigned count = 0;
    for (size_t i = 0; i < listener.count; i++) {
        const struct troth_alert *one = &listener.heard[i];
        count += one->kind == kind && one->agent_length == strlen(agent) &&
                 memcmp(one->agent, agent, one->agent_length) == 0;
    }
    return count;
}

static const struct troth_alert *last_of(unsigned kind)
{
    for (size_t i = listener.count; i-- > 0;) {
        if (listener.heard[i].kind == kind) {
            return &listener.heard[i];
        }
    }
    fail_msg("nothing of kind %u was told", kind);
    return NULL;
}

static const struct troth_alert *last_about(const char *agent)
{
    for (size_t i = listener.count; i-- > 0;) {
        const struct troth_alert *one = &listener.heard[i];
        if (one->kind == TROTH_ALERT_RAISED && one->agent_length == strlen(agent) &&
            memcmp(one->agent, agent, one->agent_length) == 0) {
            return one;
        }
    }
    fail_msg("nothing was told of %s", agent);
    return NULL;
}

static void narrow(const char *agent)
{
    spend(agent, 10);
    spend(agent, 200);
    world_run(&world, SECOND_US / 10);
}

static void at_once_with_its_cause(void **state)
{
    (void)state;
    spend("a", 10);
    spend("quiet", 0);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(heard_of(TROTH_ALERT_RAISED, "a"), 0);
    const uint64_t commits = world_counts(&world).commits;
    world.log.slow = 1000; /* no commit is answered */
    spend("a", 200);
    world_run(&world, SECOND_US / 10);
    assert_int_equal(heard_of(TROTH_ALERT_RAISED, "a"), 1);
    assert_int_equal(world_counts(&world).commits, commits);
    const struct troth_alert *told = last_of(TROTH_ALERT_RAISED);
    assert_string_equal(told->contract, "spending");
    assert_string_equal(told->owner, "treasury");
    assert_string_equal(told->term, "spend");
    assert_int_equal(told->rung, TROTH_RUNG_NARROW);
    assert_int_equal(told->condition, TROTH_CONDITION_BUDGET);
    assert_int_equal(told->observed, 210);
    assert_int_equal(told->limit, 100);
    assert_int_equal(told->narrowed, 1);
    assert_int_equal(told->time_to_narrow_us, 0);
    assert_true(told->witness_count >= 1);
    assert_int_equal(told->witnesses[0], world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].count - 1);
    assert_true(told->since_us <= world.clock.wall_us && told->since_us > FAKE_EPOCH_US);
    answer_commits();
}

static void its_end_is_committed_first(void **state)
{
    (void)state;
    narrow("a");
    pass(10 * 60 * SECOND_US + 30 * SECOND_US);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(heard_of(TROTH_ALERT_ENDED, "a"), 0);
    world.log.slow = 1000000;
    pass(SECOND_US);
    world_run(&world, 2 * SECOND_US); /* a commit is under way, of what came before */
    assert_true(world.log.commit.under_way);
    pass(61 * SECOND_US);
    assert_int_equal(world_counts(&world).widenings[TROTH_CONDITION_CALM], 1);
    world.log.commit.looks = 0; /* and stands; the next one does not yet */
    world_run(&world, 2 * SECOND_US);
    assert_true(world.log.commit.under_way);
    assert_int_equal(heard_of(TROTH_ALERT_ENDED, "a"), 0);
    answer_commits();
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(heard_of(TROTH_ALERT_ENDED, "a"), 1);
    assert_int_equal(last_of(TROTH_ALERT_ENDED)->narrowed, 0);
}

static void an_end_that_did_not_last_is_none(void **state)
{
    (void)state;
    narrow("a");
    pass(10 * 60 * SECOND_US + 30 * SECOND_US);
    world_run(&world, 2 * SECOND_US);
    world.log.slow = 1000000;
    pass(61 * SECOND_US);
    narrow("a");
    assert_int_equal(heard_of(TROTH_ALERT_RAISED, "a"), 2);
    answer_commits();
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(heard_of(TROTH_ALERT_ENDED, "a"), 0);
}

/* Runs until a sweep of that number is whole. Out raised: since it began. */
static unsigned swept(uint64_t number)
{
    const int64_t end_us = world.clock.monotonic_us + 5 * SECOND_US;
    unsigned raised = 0;
    while (last_of(TROTH_ALERT_SWEPT)->sweep != number) {
        world_step(&world);
        assert_true(world.clock.monotonic_us < end_us);
    }
    for (size_t i = 0; i < listener.count; i++) {
        raised = listener.heard[i].kind == TROTH_ALERT_SWEEP ? 0 : raised;
        raised += listener.heard[i].kind == TROTH_ALERT_RAISED;
    }
    return raised;
}

static void what_lasts_is_told_anew(void **state)
{
    (void)state;
    narrow("a");
    narrow("b");
    spend("c", 1);
    world_run(&world, 2 * SECOND_US);
    listener.wanted = 2;
    assert_int_equal(swept(2), 2);
    assert_int_equal(heard_of(TROTH_ALERT_RAISED, "a"), 2);
    const struct troth_alert first = *last_about("a");
    const int64_t since_us = first.since_us;
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(swept(2), 2); /* once */
    world_crash(&world);
    assert_int_equal(last_of(TROTH_ALERT_DROPPED)->partition, 0);
    assert_int_equal(heard_of(TROTH_ALERT_ENDED, "a") + heard_of(TROTH_ALERT_ENDED, "b"), 0);
    listener.count = 0;
    listener.wanted = 3;
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(swept(3), 2);
    const struct troth_alert *again = last_about("a");
    assert_int_equal(again->since_us, since_us);
    assert_int_equal(again->condition, TROTH_CONDITION_BUDGET);
    assert_string_equal(again->term, "spend");
    assert_int_equal(again->witnesses[0], first.witnesses[0]);
    assert_int_equal(again->time_to_narrow_us, -1);
    assert_int_equal(again->narrowed, 2);
    assert_true(again->source != 0 && first.source != 0);
}

static void a_sweep_leaves_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "a%u", i);
        narrow(agent);
    }
    listener.wanted = 2;
    listener.room = 20;
    world_run(&world, SECOND_US);
    assert_int_not_equal(last_of(TROTH_ALERT_SWEPT)->sweep, 2);
    assert_int_equal(listener.room, 0);
    listener.room = UINT64_MAX;
    assert_int_equal(swept(2), 50);
}

static void given_up_without_an_end(void **state)
{
    (void)state;
    narrow("a");
    world_run(&world, 2 * SECOND_US);
    fake_log_take_away(&world.log, false);
    world_run(&world, SECOND_US);
    assert_int_equal(last_of(TROTH_ALERT_DROPPED)->source, last_of(TROTH_ALERT_RAISED)->source);
    assert_int_equal(listener.heard[listener.count - 1].kind, TROTH_ALERT_DROPPED);
    assert_int_equal(heard_of(TROTH_ALERT_ENDED, "a"), 0);
}

static void an_end_goes_with_its_partition(void **state)
{
    (void)state;
    narrow("a");
    pass(10 * 60 * SECOND_US + 30 * SECOND_US);
    world_run(&world, 2 * SECOND_US);
    world.log.slow = 1000000;
    pass(61 * SECOND_US);
    fake_log_take_away(&world.log, true); /* lost, with the commit of the end */
    world_run(&world, SECOND_US);
    answer_commits();
    world_run(&world, SECOND_US);
    assert_int_equal(heard_of(TROTH_ALERT_ENDED, "a"), 0);
    assert_int_equal(last_of(TROTH_ALERT_DROPPED)->partition, 0);
}

static void modes(void **state)
{
    (void)state;
    world_push(&world, SPENDING("advised", 1, "advise"));
    world_push(&world, SPENDING("shadowed", 1, "shadow"));
    world_run(&world, 3 * SECOND_US);
    narrow("a");
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).narrowings[TROTH_CONDITION_BUDGET], 3);
    assert_int_equal(heard_of(TROTH_ALERT_RAISED, "a"), 1);
    /* A version that enforces no more: the sweep that follows it does not find it. */
    world_push(&world, SPENDING("spending", 2, "advise"));
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(swept(1), 0);
    assert_int_equal(heard_of(TROTH_ALERT_RAISED, "a"), 1);
    world_push(&world, SPENDING("advised", 2, "enforce"));
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(swept(1), 1);
    assert_string_equal(last_of(TROTH_ALERT_RAISED)->contract, "advised");
}

/* What is left of one that ends with its contract is not named by anything but its end. */
static void what_applies_no_more_has_ended(void **state)
{
    (void)state;
    narrow("a");
    world_run(&world, 2 * SECOND_US);
    world_push(&world, SPENDING("spending", 2, "enforce") "applies_to: {agent: \"x*\"}\n");
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(heard_of(TROTH_ALERT_ENDED, "a"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_once_with_its_cause, open_world, close_world),
        cmocka_unit_test_setup_teardown(its_end_is_committed_first, open_world, close_world),
        cmocka_unit_test_setup_teardown(an_end_that_did_not_last_is_none, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_lasts_is_told_anew, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_sweep_leaves_room, open_world, close_world),
        cmocka_unit_test_setup_teardown(given_up_without_an_end, open_world, close_world),
        cmocka_unit_test_setup_teardown(an_end_goes_with_its_partition, open_world, close_world),
        cmocka_unit_test_setup_teardown(modes, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_applies_no_more_has_ended, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
