/*
 * Claims: an agent that is narrowed is told of at once, once, and again each `resend` while that
 * lasts, with the same identity and beginning; its end is told once to each who knows of it, and to
 * nobody who does not. How it stands is part of its identity, the rung and the cause's numbers are
 * not. An Alertmanager that was away is told all anew. More than `limit` agents of a contract are
 * told together, and one by one again at four fifths of it, however often they go to and fro
 * between; other contracts are not touched by it. A partition that goes takes its alerts along
 * without an end, one that comes in brings them with the same identity; what a sweep does not say
 * has ended, unless something was lost. A former owner's word is void. The set never holds more
 * than its bounds.
 */
#include "tests/support/alert_world.h"

static struct alert_world world;

static int open_world(void **state)
{
    (void)state;
    alert_world_open(&world, 1, 10);
    alert_begin(&world, 0);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    alert_world_close(&world);
    return 0;
}

static struct alert_held *held(const char *identity)
{
    struct alert_held *found = alert_find(&world.managers[0], identity);
    if (found == NULL) {
        fail_msg("there is no %s", identity);
    }
    return found;
}

static void raise_many(const char *contract, unsigned first, unsigned count, unsigned narrowed)
{
    for (unsigned i = 0; i < count; i++) {
        char agent[32];
        snprintf(agent, sizeof agent, "%s-%u", contract, first + i);
        alert_raise(&world, 0, contract, agent, narrowed + i);
    }
}

static void at_once_again_and_over(void **state)
{
    (void)state;
    alert_send(&world);
    alert_raise(&world, 0, "refunds", "a", 1);
    assert_int_equal(alert_send(&world), 1);
    assert_int_equal(alert_send(&world), 0);
    const int64_t starts_us = held("narrowed refunds a")->starts_us;
    assert_int_equal(held("narrowed refunds a")->ends_us,
                     world.now.wall_us + 4 * world.config.resend_us);
    for (unsigned i = 2; i < 10; i++) {
        alert_pass(&world, 30);
        assert_int_equal(alert_send(&world), 1);
        assert_int_equal(held("narrowed refunds a")->sent, i);
        assert_int_equal(held("narrowed refunds a")->starts_us, starts_us);
        assert_int_equal(alert_firing(&world, 0, ""), 1);
    }
    alert_end(&world, 0, "refunds", "a", 0);
    assert_int_equal(alert_send(&world), 1);
    assert_false(held("narrowed refunds a")->firing);
    assert_int_equal(held("narrowed refunds a")->ends_us, world.now.wall_us);
    alert_pass(&world, 300);
    assert_int_equal(alert_send(&world), 0);
}

static void what_nobody_heard_of_has_no_end(void **state)
{
    (void)state;
    alert_raise(&world, 0, "refunds", "a", 1);
    alert_end(&world, 0, "refunds", "a", 0);
    assert_int_equal(alert_send(&world), 0);
    alert_end(&world, 0, "refunds", "b", 0);
    assert_int_equal(alert_send(&world), 0);
    /* Over, and there again before the end was sent: it goes on. */
    alert_raise(&world, 0, "refunds", "a", 1);
    alert_send(&world);
    alert_end(&world, 0, "refunds", "a", 0);
    alert_raise(&world, 0, "refunds", "a", 1);
    assert_int_equal(alert_send(&world), 1);
    assert_true(held("narrowed refunds a")->firing);
}

static void raise_as(unsigned rung, unsigned condition)
{
    struct troth_alert alert = alert_of(&world, TROTH_ALERT_RAISED, 0, "refunds", "a");
    alert.rung = (uint8_t)rung;
    alert.condition = (uint8_t)condition;
    alert_tell(&world, &alert);
}

static void how_it_stands_is_its_identity(void **state)
{
    (void)state;
    raise_as(TROTH_RUNG_NARROW, TROTH_CONDITION_FRESHNESS);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "stale refunds a"), 1);
    raise_as(TROTH_RUNG_REVIEW, TROTH_CONDITION_CONFIDENCE);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "stale"), 0);
    assert_int_equal(alert_firing(&world, 0, "waiting refunds a"), 1);
    const int64_t starts_us = held("waiting refunds a")->starts_us;
    alert_pass(&world, 5);
    raise_as(TROTH_RUNG_PAUSE, TROTH_CONDITION_NEVER);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, ""), 1);
    assert_int_equal(held("waiting refunds a")->starts_us, starts_us);
    assert_int_equal(held("waiting refunds a")->sent, 2);
    raise_as(TROTH_RUNG_NARROW, TROTH_CONDITION_DECISION);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "narrowed refunds a"), 1);
    assert_int_equal(alert_firing(&world, 0, ""), 1);
}

static void who_was_away_is_told_anew(void **state)
{
    (void)state;
    alert_world_close(&world);
    alert_world_open(&world, 2, 10);
    alert_begin(&world, 0);
    world.managers[1].away = true;
    alert_raise(&world, 0, "refunds", "a", 1);
    alert_raise(&world, 0, "refunds", "b", 2);
    alert_send_to(&world, 0);
    alert_send_to(&world, 1);
    assert_int_equal(alert_firing(&world, 0, ""), 2);
    assert_int_equal(troth_alert_set_due(world.set), 2);
    alert_end(&world, 0, "refunds", "b", 1);
    alert_pass(&world, 1);
    assert_int_equal(alert_send_to(&world, 0), 1);
    alert_send_to(&world, 1);
    world.managers[1].away = false;
    /* It may know of b, as it may have taken what was not answered. */
    assert_int_equal(alert_send_to(&world, 1), 2);
    assert_int_equal(alert_firing(&world, 1, ""), 1);
    assert_int_equal(troth_alert_set_due(world.set), 0);
    /* It forgets everything, and is away once: all comes back without waiting for its turn. */
    world.managers[1].count = 0;
    world.managers[1].away = true;
    alert_raise(&world, 0, "refunds", "c", 2);
    alert_send_to(&world, 1);
    world.managers[1].away = false;
    alert_send_to(&world, 1);
    assert_int_equal(alert_firing(&world, 1, ""), 2);
    /* An end that nobody takes is forgotten when the alert has ended by itself. */
    world.managers[1].away = true;
    alert_end(&world, 0, "refunds", "c", 1);
    alert_send_to(&world, 0);
    alert_send_to(&world, 1);
    alert_pass(&world, 121);
    alert_send_to(&world, 1);
    world.managers[1].away = false;
    alert_send_to(&world, 0);
    assert_int_equal(alert_send_to(&world, 1), 1);
    assert_int_equal(troth_alert_set_due(world.set), 0);
}

static void many_are_told_together(void **state)
{
    (void)state;
    uint64_t single = 0;
    uint64_t together = 0;
    uint64_t dropped = 0;
    raise_many("refunds", 0, 10, 1);
    alert_raise(&world, 0, "quotes", "q", 1);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "narrowed refunds"), 10);
    raise_many("refunds", 10, 1, 11);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "narrowed refunds"), 0);
    assert_true(held("narrowed refunds refunds-3")->together);
    assert_int_equal(alert_firing(&world, 0, "many refunds"), 1);
    assert_int_equal(alert_firing(&world, 0, "narrowed quotes q"), 1);
    raise_many("refunds", 11, 5000, 12);
    alert_pass(&world, 2);
    assert_int_equal(alert_send(&world), 1);
    assert_int_equal(held("many refunds ")->count, 5011);
    troth_alert_set_count(world.set, &single, &together, &dropped);
    assert_int_equal(single, 1);
    assert_int_equal(together, 1);
    assert_int_equal(dropped, 0);
    alert_pass(&world, 300);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, ""), 2);
}

static void hysteresis(void **state)
{
    (void)state;
    raise_many("refunds", 0, 11, 1);
    alert_send(&world);
    const uint64_t wanted = world.wanted;
    for (unsigned i = 0; i < 20; i++) { /* 11, 10, 9: to and fro */
        alert_end(&world, 0, "refunds", "refunds-0", 10);
        alert_end(&world, 0, "refunds", "refunds-1", 9);
        alert_raise(&world, 0, "refunds", "refunds-1", 10);
        alert_raise(&world, 0, "refunds", "refunds-0", 11);
        alert_send(&world);
        assert_int_equal(alert_firing(&world, 0, ""), 1);
    }
    assert_int_equal(world.wanted, wanted);
    alert_end(&world, 0, "refunds", "refunds-0", 8);
    assert_int_equal(world.wanted, wanted + 1);
    alert_sweep(&world, 0, 7);
    for (unsigned i = 0; i < 8; i++) {
        raise_many("refunds", i + 3, 1, 8);
    }
    alert_swept(&world, 0, 7);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "many"), 0);
    assert_int_equal(alert_firing(&world, 0, "narrowed refunds"), 8);
    assert_int_equal(world.wanted, wanted + 1);
}

static void the_worst_are_named(void **state)
{
    (void)state;
    struct troth_alert_sending sendings[TROTH_ALERT_BATCH_MAX];
    bool turn = false;
    for (unsigned i = 0; i < 40; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "a%u", i);
        struct troth_alert alert = alert_of(&world, TROTH_ALERT_RAISED, 0, "refunds", agent);
        alert.narrowed = i + 1;
        alert.score = (uint16_t)(500 - i);
        alert.rung = i == 20 || i == 2 ? TROTH_RUNG_PAUSE : TROTH_RUNG_NARROW;
        alert_tell(&world, &alert);
    }
    alert_end(&world, 0, "refunds", "a20", 39);
    const size_t count = troth_alert_set_batch(world.set, 0, &world.now, sendings, &turn);
    assert_int_equal(count, 1);
    assert_int_equal(sendings[0].worst_count, TROTH_ALERT_WORST_MAX - 1);
    assert_memory_equal(sendings[0].worst[0].agent, "a2", 2);
    assert_memory_equal(sendings[0].worst[1].agent, "a39", 3);
    assert_memory_equal(sendings[0].worst[2].agent, "a38", 3);
    troth_alert_set_done(world.set, 0, true, &world.now);
}

static void partitions_go_and_come(void **state)
{
    (void)state;
    alert_raise(&world, 0, "refunds", "a", 1);
    alert_send(&world);
    const unsigned sent = held("narrowed refunds a")->sent;
    struct troth_alert dropped = alert_of(&world, TROTH_ALERT_DROPPED, 0, "", "");
    alert_tell(&world, &dropped);
    alert_pass(&world, 31);
    assert_int_equal(alert_send(&world), 0);
    assert_true(held("narrowed refunds a")->firing); /* it was not ended */
    assert_int_equal(held("narrowed refunds a")->sent, sent);
    /* Another has it, and finds the agent narrowed since then. */
    const int64_t since_us = world.now.wall_us - 100 * ALERT_SECOND_US;
    alert_sweep(&world, 0, 8);
    struct troth_alert found = alert_of(&world, TROTH_ALERT_RAISED, 0, "refunds", "a");
    found.source = 8;
    found.since_us = since_us;
    alert_tell(&world, &found);
    alert_swept(&world, 0, 8);
    assert_int_equal(alert_send(&world), 1);
    assert_int_equal(held("narrowed refunds a")->starts_us, since_us);
    assert_int_equal(world.managers[0].count, 1);
    /* The former owner wakes up. */
    alert_end(&world, 0, "refunds", "a", 0);
    alert_raise(&world, 0, "refunds", "z", 1);
    alert_tell(&world, &dropped);
    alert_pass(&world, 31);
    assert_int_equal(alert_send(&world), 1);
    assert_int_equal(alert_firing(&world, 0, ""), 1);
}

static void what_a_sweep_does_not_say_has_ended(void **state)
{
    (void)state;
    alert_begin(&world, 1);
    raise_many("refunds", 0, 3, 1);
    alert_raise(&world, 1, "refunds", "other", 1);
    alert_send(&world);
    alert_sweep(&world, 0, 7);
    raise_many("refunds", 1, 1, 1);
    world.wanted++; /* something was lost meanwhile: this sweep ends nothing, the next one does */
    struct troth_alert old = alert_of(&world, TROTH_ALERT_SWEPT, 0, "", "");
    old.sweep = world.wanted - 1;
    alert_tell(&world, &old);
    assert_int_equal(alert_send(&world), 0); /* and what is known is no news */
    assert_int_equal(alert_firing(&world, 0, ""), 4);
    alert_sweep(&world, 0, 7);
    raise_many("refunds", 1, 1, 1);
    alert_swept(&world, 0, 7);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, ""), 2);
    assert_int_equal(alert_firing(&world, 0, "narrowed refunds refunds-1"), 1);
    assert_int_equal(alert_firing(&world, 0, "narrowed refunds other"), 1);
}

static void a_storm_goes_with_its_partition(void **state)
{
    (void)state;
    raise_many("refunds", 0, 20, 1);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "many"), 1);
    struct troth_alert dropped = alert_of(&world, TROTH_ALERT_DROPPED, 0, "", "");
    alert_tell(&world, &dropped);
    alert_pass(&world, 31);
    assert_int_equal(alert_send(&world), 0);
    assert_int_equal(alert_firing(&world, 0, "many"), 1); /* who has it now may say so */
    alert_pass(&world, 90);
    assert_int_equal(alert_firing(&world, 0, "many"), 0); /* nobody did */
}

static void stopped_telemetry_is_one_alert(void **state)
{
    (void)state;
    struct troth_alert stopped = alert_of(&world, TROTH_ALERT_STOPPED, 0, "refunds", "");
    stopped.narrowed = 700;
    for (unsigned i = 0; i < 5; i++) {
        alert_tell(&world, &stopped);
    }
    assert_int_equal(alert_send(&world), 1);
    assert_int_equal(alert_firing(&world, 0, "outage refunds"), 1);
    assert_int_equal(held("outage refunds ")->count, 700);
    stopped.narrowed = 0;
    alert_tell(&world, &stopped);
    alert_tell(&world, &stopped);
    assert_int_equal(alert_send(&world), 1);
    assert_int_equal(alert_firing(&world, 0, ""), 0);
}

static void bounds(void **state)
{
    (void)state;
    uint64_t single = 0;
    uint64_t together = 0;
    uint64_t dropped = 0;
    alert_world_close(&world);
    alert_world_open(&world, 1, 1000);
    alert_begin(&world, 0);
    for (unsigned c = 0; c < 8; c++) {
        char contract[16];
        snprintf(contract, sizeof contract, "c%u", c);
        raise_many(contract, 0, 900, 1);
    }
    troth_alert_set_count(world.set, &single, &together, &dropped);
    assert_true(single <= TROTH_ALERT_ENTRIES_MAX && single == 3600);
    assert_int_equal(together, 4); /* for which there was no room */
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "many"), 4);
    for (unsigned c = 0; c < 400; c++) {
        char contract[16];
        snprintf(contract, sizeof contract, "d%u", c);
        alert_raise(&world, 0, contract, "a", 1);
    }
    troth_alert_set_count(world.set, &single, &together, &dropped);
    assert_int_equal(dropped, 8 + 400 - TROTH_ALERT_CONTRACTS_MAX);
    alert_raise(&world, TROTH_ALERT_PARTITIONS_MAX, "c0", "a", 1);
    alert_raise(&world, -1, "c0", "a", 1);
    troth_alert_set_count(world.set, &single, &together, &dropped);
    assert_int_equal(dropped, 8 + 400 - TROTH_ALERT_CONTRACTS_MAX + 2);
    troth_alert_set_forget(world.set);
    troth_alert_set_count(world.set, &single, &together, &dropped);
    assert_int_equal(single + together, 0);
}

/* ---- Against an obvious model. ---- */

enum { AGENTS = 24, STEPS = 20000 };

/* What must fire: for a contract of few, each agent that is narrowed; else one alert. */
static void agrees(const bool narrowed[AGENTS], bool *together)
{
    unsigned count = 0;
    for (unsigned i = 0; i < AGENTS; i++) {
        count += narrowed[i];
    }
    *together = count > 10 || (*together && count > 8);
    alert_send(&world);
    assert_int_equal(alert_firing(&world, 0, "many"), *together ? 1 : 0);
    for (unsigned i = 0; i < AGENTS; i++) {
        char identity[64];
        snprintf(identity, sizeof identity, "narrowed refunds agent-%u!", i);
        assert_int_equal(alert_firing(&world, 0, identity), narrowed[i] && !*together);
    }
}

static unsigned in_partition(const bool narrowed[AGENTS], unsigned partition)
{
    unsigned count = 0;
    for (unsigned i = partition; i < AGENTS; i += 2) {
        count += narrowed[i];
    }
    return count;
}

static void sweep_all(const bool narrowed[AGENTS])
{
    for (unsigned p = 0; p < 2; p++) {
        alert_sweep(&world, (int32_t)p, 7);
        for (unsigned i = p; i < AGENTS; i += 2) {
            char agent[16];
            snprintf(agent, sizeof agent, "agent-%u!", i);
            if (narrowed[i]) {
                alert_raise(&world, (int32_t)p, "refunds", agent, in_partition(narrowed, p));
            }
        }
        alert_swept(&world, (int32_t)p, 7);
    }
}

static void random_changes(void **state)
{
    (void)state;
    bool narrowed[AGENTS] = {false};
    bool together = false;
    uint64_t random = random_seed("alert_set");
    alert_begin(&world, 1);
    uint64_t swept = world.wanted;
    for (unsigned step = 0; step < STEPS; step++) {
        const unsigned i = (unsigned)random_below(&random, AGENTS);
        char agent[16];
        snprintf(agent, sizeof agent, "agent-%u!", i);
        /* For a while most go up, then most go down. */
        const bool up = random_below(&random, 10) < (step / 200 % 2 == 0 ? 7 : 3);
        if (up && !narrowed[i]) {
            narrowed[i] = true;
            alert_raise(&world, (int32_t)(i % 2), "refunds", agent, in_partition(narrowed, i % 2));
        } else if (!up && narrowed[i]) {
            narrowed[i] = false;
            alert_end(&world, (int32_t)(i % 2), "refunds", agent, in_partition(narrowed, i % 2));
        }
        if (world.wanted != swept) {
            swept = world.wanted;
            sweep_all(narrowed);
        }
        alert_pass(&world, (int64_t)random_below(&random, 3));
        agrees(narrowed, &together);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_once_again_and_over, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_nobody_heard_of_has_no_end, open_world, close_world),
        cmocka_unit_test_setup_teardown(how_it_stands_is_its_identity, open_world, close_world),
        cmocka_unit_test_setup_teardown(who_was_away_is_told_anew, open_world, close_world),
        cmocka_unit_test_setup_teardown(many_are_told_together, open_world, close_world),
        cmocka_unit_test_setup_teardown(hysteresis, open_world, close_world),
        cmocka_unit_test_setup_teardown(the_worst_are_named, open_world, close_world),
        cmocka_unit_test_setup_teardown(partitions_go_and_come, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_a_sweep_does_not_say_has_ended, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_storm_goes_with_its_partition, open_world, close_world),
        cmocka_unit_test_setup_teardown(stopped_telemetry_is_one_alert, open_world, close_world),
        cmocka_unit_test_setup_teardown(bounds, open_world, close_world),
        cmocka_unit_test_setup_teardown(random_changes, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
