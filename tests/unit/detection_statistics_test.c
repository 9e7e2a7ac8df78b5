/*
 * Claim: the statistics of bench_detection are those of the tables: Garwood's exact Poisson
 * intervals, on both sides of where an approximation takes over, and quantiles by rank.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "bench/detection/statistics.h"

static void expect_interval(uint64_t count, double low, double high, double relative)
{
    double seen_low = -1.0;
    double seen_high = -1.0;
    detection_poisson_interval(count, &seen_low, &seen_high);
    assert_true(fabs(seen_low - low) <= relative * low + 1e-12);
    assert_true(fabs(seen_high - high) <= relative * high);
}

/* Halves of chi-square's quantiles, as published (Garwood 1936; Ulm 1990). */
static void intervals_are_garwoods(void **state)
{
    (void)state;
    expect_interval(0, 0.0, 3.688879454, 1e-8);
    expect_interval(1, 0.025317808, 5.571643390, 1e-8);
    expect_interval(2, 0.242209278, 7.224687667, 1e-8);
    expect_interval(10, 4.795389, 18.390356, 1e-6);
    expect_interval(100, 81.363991, 121.626794, 1e-7);
}

/* The probability of at most `count`, summed term by term from the greatest down. */
static double at_most(uint64_t count, double mean)
{
    double term = exp((double)count * log(mean) - mean - lgamma((double)count + 1.0));
    double sum = 0.0;
    for (uint64_t k = count; term > 1e-18; k--) {
        sum += term;
        term *= (double)k / mean;
    }
    return sum;
}

/* By what an interval means: at either end what was seen has 2.5 % left. */
static void intervals_leave_their_tails(void **state)
{
    (void)state;
    static const uint64_t counts[] = {3, 57, 999, 1000, 1001, 5000, 300000};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        double low = 0.0;
        double high = 0.0;
        detection_poisson_interval(counts[i], &low, &high);
        assert_true(fabs(at_most(counts[i], high) - 0.025) < 2e-4);
        assert_true(fabs(1.0 - at_most(counts[i] - 1, low) - 0.025) < 2e-4);
    }
}

static void quantiles_are_by_rank(void **state)
{
    (void)state;
    uint32_t values[] = {9, 1, 7, 3, 5};
    assert_int_equal(detection_quantile(values, 5, 0.5), 5);
    assert_int_equal(detection_quantile(values, 5, 0.6), 5);
    assert_int_equal(detection_quantile(values, 5, 0.61), 7);
    assert_int_equal(detection_quantile(values, 5, 0.95), 9);
    assert_int_equal(detection_quantile(values, 5, 0.0), 1);
    assert_int_equal(detection_quantile(values, 1, 0.95), 1);
    assert_int_equal(detection_quantile(values, 0, 0.5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_garwoods),
        cmocka_unit_test(intervals_leave_their_tails),
        cmocka_unit_test(quantiles_are_by_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
