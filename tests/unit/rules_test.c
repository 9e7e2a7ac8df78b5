/*
 * Claims: the tables of the rules answer exactly as comparing the rounded confidence does, on both
 * sides of every threshold; weights, CUSUM steps and layout are those of the design.
 */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "scoring/beta.h"
#include "scoring/rules.h"
#include "scoring/standing.h"

static struct troth_contract contract;
static struct troth_rules rules;

static void make(double floor_rate)
{
    memset(&contract, 0, sizeof contract);
    strcpy(contract.name, "test");
    contract.version = 1;
    contract.term_count = 1;
    contract.window_us = 3600000000;
    contract.certify_confidence = 0.95;
    contract.hold_us = 600000000;
    contract.ladder[TROTH_RUNG_WARN].confidence_below = 0.25;
    contract.ladder[TROTH_RUNG_NARROW].confidence_below = 0.05;
    contract.ladder[TROTH_RUNG_REVIEW].confidence_below = 0.005;
    contract.ladder[TROTH_RUNG_PAUSE].confidence_below = 0.0001;
    contract.terms[0] = (struct troth_term){.name = "resolves",
                                            .kind = TROTH_TERM_SHARE,
                                            .required = true,
                                            .panes = 12,
                                            .evidence = 100,
                                            .fresh = 10,
                                            .window_us = 3600000000,
                                            .half_life_us = 1800000000,
                                            .floor = floor_rate};
    troth_rules_init(&rules, &contract);
}

static const double floors[] = {0.05, 0.5, 0.8, 0.9, 0.95, 0.98, 0.999};

static void check(unsigned threshold, double g, double b)
{
    const bool expected = troth_confidence(&rules, 0, g, b) < rules.threshold[threshold];
    if (troth_confidence_below(&rules, 0, (enum troth_threshold)threshold, g, b) != expected) {
        fail_msg("floor %g threshold %g: g=%.17g b=%.17g is %s below", contract.terms[0].floor,
                 rules.threshold[threshold], g, b, expected ? "" : "not");
    }
}

static void brackets_never_lie(void **state)
{
    (void)state;
    uint64_t random = random_seed("brackets_never_lie");
    for (size_t f = 0; f < sizeof floors / sizeof *floors; f++) {
        make(floors[f]);
        for (unsigned threshold = 0; threshold < TROTH_THRESHOLD_COUNT; threshold++) {
            for (unsigned cell = 0; cell < TROTH_BRACKETS; cell++) {
                const double low = rules.terms[0].below[threshold][cell];
                const double high = rules.terms[0].above[threshold][cell];
                assert_true(low <= high);
                for (int i = 0; i < 12; i++) {
                    const double b = (cell + random_unit(&random)) / TROTH_BRACKETS_PER_BROKEN;
                    const double edge = i % 2 == 0 ? low : high;
                    const double near = edge + (random_unit(&random) - 0.5) * pow(10.0, -i / 2.0);
                    check(threshold, near > 0.0 ? near : 0.0, b);
                    check(threshold, edge > 0.0 ? edge : 0.0, b);
                    check(threshold, random_unit(&random) * 2.0 * (high + 1.0), b);
                    check(threshold, edge > 0.0 ? edge : 0.0,
                          (double)cell / TROTH_BRACKETS_PER_BROKEN);
                }
            }
            check(threshold, 500.0, 8.0);
            check(threshold, 5.0, 80.0);
        }
    }
}

/* Much broken evidence, with as much kept as brings the mean up to about the floor, a deviation or
 * so to both sides. */
static void the_bound_never_lies(void **state)
{
    (void)state;
    uint64_t random = random_seed("the_bound_never_lies");
    for (size_t f = 0; f < sizeof floors / sizeof *floors; f++) {
        make(floors[f]);
        for (int i = 0; i < 20000; i++) {
            const double b = 8.0 * pow(10.0, 3.0 * random_unit(&random));
            const double mean = (b + 1.0) * floors[f] / (1.0 - floors[f]);
            const double deviation = sqrt(b + 1.0) * floors[f] / (1.0 - floors[f]);
            const double g =
                mean - rules.terms[0].prior + (random_unit(&random) * 4.0 - 1.0) * deviation;
            for (unsigned threshold = 0; threshold < TROTH_THRESHOLD_COUNT; threshold++) {
                check(threshold, g > 0.0 ? g : 0.0, b);
            }
        }
    }
}

static void counters_never_lie(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof floors / sizeof *floors; f++) {
        make(floors[f]);
        for (uint32_t broken = 0; broken < TROTH_COUNTERS + 3; broken++) {
            const uint32_t edges[2] = {
                broken < TROTH_COUNTERS ? rules.terms[0].certified_from[broken] : 100,
                broken < TROTH_COUNTERS ? rules.terms[0].failing_under[broken] : 10};
            for (unsigned e = 0; e < 2; e++) {
                for (uint32_t kept = edges[e] > 2 ? edges[e] - 2 : 0; kept < edges[e] + 3; kept++) {
                    const double kappa = troth_confidence(&rules, 0, kept, broken);
                    assert_int_equal(troth_counters_certified(&rules, 0, kept, broken),
                                     kappa >= 0.95);
                    assert_int_equal(troth_counters_failing(&rules, 0, kept, broken), kappa < 0.05);
                }
            }
        }
    }
}

static void no_evidence_is_a_coin_toss(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof floors / sizeof *floors; f++) {
        make(floors[f]);
        assert_true(troth_confidence(&rules, 0, 0.0, 0.0) == 0.5);
        assert_false(troth_confidence_below(&rules, 0, TROTH_THRESHOLD_HALF, 0.0, 0.0));
    }
}

static void constants(void **state)
{
    (void)state;
    make(0.98);
    assert_true(TROTH_CUSUM_ALARM == llround(1e9 * log(1e4)));
    assert_true(rules.terms[0].cusum_broken == llround(1e9 * log(4.0)));
    assert_true(rules.terms[0].cusum_kept == llround(1e9 * log(0.96 / 0.99)));
    assert_true(rules.terms[0].weight[0] == 1.0);
    assert_true(rules.terms[0].weight[6] == 0.5);
    assert_true(rules.terms[0].weight[12] == 0.0);
    assert_true(rules.size % 64 == 0);
    assert_true(rules.size >= sizeof(struct troth_standing) + 24 + 8 + 16 + 11 * 8 + 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brackets_never_lie), cmocka_unit_test(the_bound_never_lies),
        cmocka_unit_test(counters_never_lie), cmocka_unit_test(no_evidence_is_a_coin_toss),
        cmocka_unit_test(constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
