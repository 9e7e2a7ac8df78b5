#include "scoring/beta.h"

#include <math.h>

#include "schemas/assert.h"

enum { ITERATIONS_MAX = 20000 }; /* about sqrt(max(a, b)) are needed; 1e7 needs some 3,200 */

/* The continued fraction of DLMF 8.17.22 for x below its turning point; modified Lentz. */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1.0;
    double d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= ITERATIONS_MAX; m++) {
        const double n = m;
        const double even = n * (b - n) * x / ((a + 2.0 * n - 1.0) * (a + 2.0 * n));
        d = 1.0 + even * d;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = 1.0 + even / c;
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        const double odd = -(a + n) * (a + b + n) * x / ((a + 2.0 * n) * (a + 2.0 * n + 1.0));
        d = 1.0 + odd * d;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = 1.0 + odd / c;
        c = fabs(c) < tiny ? tiny : c;
        const double step = d * c;
        h *= step;
        if (fabs(step - 1.0) < 1e-15) {
            break;
        }
    }
    return h;
}

double troth_beta_regularized(double x, double a, double b)
{
    TROTH_ASSERT(x >= 0.0 && x <= 1.0 && a > 0.0 && b > 0.0);
    if (x == 0.0 || x == 1.0) {
        return x;
    }
    if (b == 1.0) {
        return pow(x, a); /* exact, and the whole of a clean record's confidence */
    }
    int sign = 0; /* all arguments are positive, so are the gammas */
    const double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) +
                             a * log(x) + b * log1p(-x));
    const double value = x < (a + 1.0) / (a + b + 2.0)
                             ? front * beta_fraction(x, a, b) / a
                             : 1.0 - front * beta_fraction(1.0 - x, b, a) / b;
    return value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value;
}

double troth_round9(double value)
{
    return floor(value * 1e9 + 0.5) / 1e9;
}
