/*
 * Claims: the incomplete beta function agrees with the numerical integral of its definition; the
 * confidence gives the reference values of the design; rounding is to 1e-9.
 */
#include "tests/support/test.h"

#include <math.h>

#include "scoring/beta.h"

/* The definition, by Simpson's rule in the variable u, x = u^2 (3 - 2u), which is flat at both ends
 * so that the integrand stays bounded for a, b >= 0.5. Slow and obvious. */
static double beta_by_integration(double x, double a, double b)
{
    const int steps = 200000;
    double below = 0.0;
    double all = 0.0;
    for (int i = 0; i <= steps; i++) {
        const double u = (double)i / steps;
        const double t = u * u * (3.0 - 2.0 * u);
        const double dt = 6.0 * u * (1.0 - u);
        const double weight = i == 0 || i == steps ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
        const double value =
            t > 0.0 && t < 1.0 ? exp((a - 1.0) * log(t) + (b - 1.0) * log1p(-t)) * dt : 0.0;
        all += weight * value;
    }
    /* The part below x, with its own grid so that x is a node. */
    double u_of_x = 0.5;
    for (int i = 0; i < 100; i++) {
        const double t = u_of_x * u_of_x * (3.0 - 2.0 * u_of_x);
        const double slope = 6.0 * u_of_x * (1.0 - u_of_x);
        u_of_x -= (t - x) / (slope > 1e-9 ? slope : 1e-9);
        u_of_x = fmin(1.0, fmax(0.0, u_of_x));
    }
    for (int i = 0; i <= steps; i++) {
        const double u = u_of_x * (double)i / steps;
        const double t = u * u * (3.0 - 2.0 * u);
        const double dt = 6.0 * u * (1.0 - u);
        const double weight = i == 0 || i == steps ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
        const double value =
            t > 0.0 && t < 1.0 ? exp((a - 1.0) * log(t) + (b - 1.0) * log1p(-t)) * dt : 0.0;
        below += weight * value;
    }
    return below * u_of_x / all;
}

static void agrees_with_the_integral(void **state)
{
    (void)state;
    const double as[] = {1.0, 2.5, 13.5, 34.3, 84.0, 531.0};
    const double bs[] = {1.0, 1.5, 2.0, 6.0, 20.0};
    const double xs[] = {0.01, 0.02, 0.1, 0.5, 0.9, 0.98};
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        for (size_t j = 0; j < sizeof bs / sizeof *bs; j++) {
            for (size_t k = 0; k < sizeof xs / sizeof *xs; k++) {
                const double expected = beta_by_integration(xs[k], as[i], bs[j]);
                const double got = troth_beta_regularized(xs[k], as[i], bs[j]);
                if (fabs(expected - got) > 1e-8) {
                    fail_msg("I_%g(%g, %g) is %.12g, expected %.12g", xs[k], as[i], bs[j], got,
                             expected);
                }
            }
        }
    }
}

static void symmetry_and_ends(void **state)
{
    (void)state;
    uint64_t random = random_seed("symmetry_and_ends");
    assert_true(troth_beta_regularized(0.0, 3.0, 4.0) == 0.0);
    assert_true(troth_beta_regularized(1.0, 3.0, 4.0) == 1.0);
    for (int i = 0; i < 100000; i++) {
        const double x = random_unit(&random);
        const double a = exp(random_unit(&random) * 16.0 - 1.0);
        const double b = exp(random_unit(&random) * 16.0 - 1.0);
        const double sum = troth_beta_regularized(x, a, b) + troth_beta_regularized(1.0 - x, b, a);
        if (fabs(sum - 1.0) > 2e-9) {
            fail_msg("I_x(a, b) + I_1-x(b, a) is %.15g at x=%.17g a=%.17g b=%.17g", sum, x, a, b);
        }
    }
}

static void reference_values(void **state)
{
    (void)state;
    const struct {
        double f, g, b, kappa;
    } rows[] = {{0.98, 0, 0, 0.500000},       {0.98, 45, 5, 0.007016},  {0.98, 50, 0, 0.817915},
                {0.98, 497.5, 2.5, 0.996950}, {0.98, 114, 0, 0.950026}, {0.95, 95, 5, 0.503844},
                {0.98, 49, 1, 0.504619},      {0.95, 90, 10, 0.027082}, {0.98, 48, 2, 0.238287},
                {0.90, 85, 15, 0.064924}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const double prior = log(0.5) / log(rows[i].f);
        const double kappa =
            1.0 - troth_beta_regularized(rows[i].f, prior + rows[i].g, 1.0 + rows[i].b);
        if (fabs(kappa - rows[i].kappa) > 5e-7) {
            fail_msg("row %zu: %.7f, expected %.6f", i, kappa, rows[i].kappa);
        }
    }
}

static void rounding(void **state)
{
    (void)state;
    assert_true(troth_round9(0.0) == 0.0);
    assert_true(troth_round9(1.0) == 1.0);
    assert_true(troth_round9(0.5) == 0.5);
    assert_true(troth_round9(0.1234567894) == 0.123456789);
    assert_true(troth_round9(0.1234567896) == 0.123456790);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_integral),
        cmocka_unit_test(symmetry_and_ends),
        cmocka_unit_test(reference_values),
        cmocka_unit_test(rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
