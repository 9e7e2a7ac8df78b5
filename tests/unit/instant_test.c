/*
 * Claims: an instant's panes are floor(time / width), whether it is fresh or was set before to any
 * other time, forward or back; its bounds are the times for which they hold.
 */
#include "tests/support/scenario.h"

#include "scoring/instant.h"

static const char several[] =
    "contract: several, version: 1, terms: ["
    "{name: a, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, window: 1h, panes: 12},"
    "{name: b, when: {kind: tool}, keep: {outcome: ok}, floor: 0.9, window: 64ms, panes: 64},"
    "{name: c, never: {kind: tool}},"
    "{name: d, budget: {sum: cost_micros, at_most: 5}, window: 7s, panes: 7},"
    "{name: e, cadence: {when: {kind: task}, every: 1h}}]";

static void check(const struct troth_rules *rules, const struct troth_instant *instant,
                  int64_t time_us)
{
    assert_true(instant->time_us == time_us);
    assert_true(instant->from_us <= time_us && time_us < instant->until_us);
    for (unsigned i = 0; i < rules->term_count; i++) {
        if (!rules->terms[i].windowed) {
            continue;
        }
        const int64_t width = rules->contract->terms[i].window_us / rules->contract->terms[i].panes;
        const int64_t pane = time_us / width;
        assert_true(instant->terms[i].pane == pane);
        assert_true(instant->terms[i].start_us == pane * width);
        assert_true(instant->terms[i].slot == pane % (rules->contract->terms[i].panes - 1));
        assert_true(instant->from_us / width == pane);
        assert_true((instant->until_us - 1) / width == pane);
    }
}

static void panes_are_floors(void **state)
{
    (void)state;
    uint64_t random = random_seed("panes_are_floors");
    const struct troth_rules *rules = scenario_rules(several);
    struct troth_instant reused = {0};
    for (int i = 0; i < 100000; i++) {
        int64_t time_us = START + (int64_t)random_below(&random, (uint64_t)DAY);
        if (i % 2 == 0) { /* on an edge, or a microsecond beside it */
            time_us = time_us / 1000 * 1000 + (int64_t)random_below(&random, 3) - 1;
        }
        if (i % 5 == 0) {
            time_us = (int64_t)random_below(&random, 3000);
        }
        struct troth_instant fresh = {0};
        troth_instant_set(rules, &fresh, time_us);
        troth_instant_set(rules, &reused, time_us);
        check(rules, &fresh, time_us);
        check(rules, &reused, time_us);
        if (i % 3 == 0) {
            const int64_t beside_us = reused.until_us - (int64_t)random_below(&random, 2);
            troth_instant_set(rules, &reused, beside_us);
            check(rules, &reused, beside_us);
        }
    }
    scenario_rules_free(rules);
}

static void without_windows_one_instant_is_all(void **state)
{
    (void)state;
    const struct troth_rules *rules =
        scenario_rules("contract: marks, version: 1, terms: [{name: a, never: {kind: tool}}]");
    struct troth_instant instant = {0};
    const int64_t times_us[] = {0, 1, START, 5, INT64_MAX - 1};
    for (unsigned i = 0; i < sizeof times_us / sizeof *times_us; i++) {
        troth_instant_set(rules, &instant, times_us[i]);
        check(rules, &instant, times_us[i]);
    }
    assert_true(instant.from_us == 0 && instant.until_us == INT64_MAX);
    scenario_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panes_are_floors),
        cmocka_unit_test(without_windows_one_instant_is_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
