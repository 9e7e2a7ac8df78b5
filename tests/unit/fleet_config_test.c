/*
 * Claim: the parts of the fleet that everything rests on are exact: the choice of agents follows
 * its weights to the last part, a wrong configuration is told by its key, and the truth is written
 * in the contract's words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "ops/fleet/choice.h"
#include "ops/fleet/fleet.h"
#include "scoring/ladder.h"

enum { MILLION = 1000000 };

/* The alias table gives each agent exactly its weight, to the last of 2^32 parts of a column. */
static void zipf_is_exact(void **state)
{
    (void)state;
    enum { AGENTS = 257 };
    static struct fleet_column columns[AGENTS];
    static uint64_t scaled[AGENTS];
    static uint32_t stack[AGENTS];
    static const double exponents[] = {0.5, 1, 1.25, 3};
    for (size_t e = 0; e < sizeof(exponents) / sizeof(exponents[0]); e++) {
        static uint64_t mass[AGENTS];
        memset(mass, 0, sizeof(mass));
        uint32_t steps = (uint32_t)(exponents[e] * FLEET_ZIPF_STEPS);
        double sum = fleet_choice_init(columns, AGENTS, steps, scaled, stack);
        for (uint32_t i = 0; i < AGENTS; i++) {
            uint64_t own = columns[i].alias == i ? UINT64_C(1) << 32 : columns[i].threshold;
            mass[i] += own;
            mass[columns[i].alias] += (UINT64_C(1) << 32) - own;
        }
        for (uint32_t i = 0; i < AGENTS; i++) {
            double expected = pow(i + 1, -exponents[e]) / sum * AGENTS * 4294967296.0;
            assert_true(fabs((double)mass[i] - expected) <= AGENTS + 1e-9 * expected);
        }
    }
}

static void wrong_configurations_are_told(void **state)
{
    (void)state;
    struct troth_fleet_config config;
    const char *problem = NULL;
#define REFUSED(key, change)                                                                       \
    do {                                                                                           \
        troth_fleet_config_default(&config);                                                       \
        assert_int_equal(troth_fleet_config_check(&config, &problem), TROTH_OK);                   \
        change;                                                                                    \
        problem = "";                                                                              \
        assert_int_equal(troth_fleet_config_check(&config, &problem), TROTH_INVALID);              \
        assert_memory_equal(problem, key, strlen(key));                                            \
    } while (0)
    REFUSED("agents", config.agents = 0);
    REFUSED("agents", config.agents = TROTH_FLEET_AGENTS_MAX + 1);
    REFUSED("rate", config.rate_per_second = 0);
    REFUSED("rate", config.rate_per_second = TROTH_FLEET_RATE_MAX + 1);
    REFUSED("start", config.start_us = -1);
    REFUSED("duration", config.duration_us = MILLION - 1);
    REFUSED("duration", config.duration_us = TROTH_FLEET_DURATION_MAX_US + 1);
    REFUSED("zipf", config.zipf = -0.5);
    REFUSED("zipf", config.zipf = NAN);
    REFUSED("shares", config.share_ppm[TROTH_FLEET_SILENT] = 860001);
    REFUSED("floors", config.floor_ppm[TROTH_FLEET_TERM_COMPLETE] = MILLION);
    REFUSED("floors", config.floor_ppm[0] = 499999);
    REFUSED("onset", config.onset_until_ppm = config.onset_from_ppm - 1);
    REFUSED("onset", config.onset_until_ppm = MILLION + 1);
    REFUSED("events", config.evaluation_ppm = 830000);
    REFUSED("late", config.late_ppm = 500001);
    REFUSED("spend", config.spend_micros_per_hour = 0);
    REFUSED("rate, duration", config.rate_per_second = 1000000;
            config.duration_us = TROTH_FLEET_DURATION_MAX_US);
#undef REFUSED
}

static void the_truth_is_written_in_the_contracts_words(void **state)
{
    (void)state;
    char line[512];
    size_t length = 0;
    struct troth_fleet_truth truth = {.name = "refund-00017",
                                      .kind = TROTH_FLEET_DRIFTING,
                                      .term = TROTH_FLEET_TERM_PROMPT,
                                      .conditions = 1 << TROTH_CONDITION_CONFIDENCE |
                                                    1 << TROTH_CONDITION_CHANGE,
                                      .onset_us = 7,
                                      .full_us = 9,
                                      .rate_ppm = 123400,
                                      .events = 3,
                                      .events_after = 2};
    static const char drifting[] =
        "{\"agent\":\"refund-00017\",\"kind\":\"drifting\",\"term\":\"prompt\","
        "\"causes\":[\"confidence\",\"change\"],\"onset\":7,\"full\":9,\"rate\":0.1234,"
        "\"events\":3,\"events_after\":2}";
    assert_int_equal(troth_fleet_truth_write(&truth, line, sizeof(line), &length), TROTH_OK);
    assert_int_equal(length, strlen(drifting));
    assert_memory_equal(line, drifting, length);
    assert_int_equal(troth_fleet_truth_write(&truth, line, length - 1, &length), TROTH_FULL);
    truth = (struct troth_fleet_truth){.name = "refund-00018",
                                       .kind = TROTH_FLEET_HEALTHY,
                                       .term = TROTH_FLEET_NO_TERM,
                                       .onset_us = TROTH_FLEET_NO_ONSET_US,
                                       .full_us = TROTH_FLEET_NO_ONSET_US};
    static const char healthy[] =
        "{\"agent\":\"refund-00018\",\"kind\":\"healthy\",\"term\":null,\"causes\":[],"
        "\"onset\":null,\"full\":null,\"rate\":null,\"events\":0,\"events_after\":0}";
    assert_int_equal(troth_fleet_truth_write(&truth, line, sizeof(line), &length), TROTH_OK);
    assert_int_equal(length, strlen(healthy));
    assert_memory_equal(line, healthy, length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zipf_is_exact),
        cmocka_unit_test(wrong_configurations_are_told),
        cmocka_unit_test(the_truth_is_written_in_the_contracts_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
