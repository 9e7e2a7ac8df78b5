#include "bench/detection/statistics.h"

#include <math.h>
#include <stdlib.h>

static const double TAIL = 0.025; /* on each side */
static const double Z = 1.959963984540054;

enum { EXACT_MAX = 1000, HALVINGS = 60 };

/* The probability of at most `count` with that mean. */
static double poisson_at_most(uint64_t count, double mean)
{
    double sum = 0.0;
    for (uint64_t k = 0; k <= count; k++) {
        sum += exp((double)k * log(mean) - mean - lgamma((double)k + 1.0));
    }
    return sum;
}

/* The mean at which at most `count` has that probability, which falls with the mean. */
static double mean_where(uint64_t count, double probability)
{
    double low = 1e-9;
    double high = 2.0 * (double)count + 20.0;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2.0;
        if (poisson_at_most(count, middle) > probability) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (low + high) / 2.0;
}

/* Half a quantile of chi-square with 2 n degrees of freedom. */
static double wilson_hilferty(double n, double z)
{
    const double root = 1.0 - 1.0 / (9.0 * n) + z / (3.0 * sqrt(n));
    return n * root * root * root;
}

void detection_poisson_interval(uint64_t count, double *low, double *high)
{
    if (count > EXACT_MAX) {
        *low = wilson_hilferty((double)count, -Z);
        *high = wilson_hilferty((double)count + 1.0, Z);
        return;
    }
    *low = count == 0 ? 0.0 : mean_where(count - 1, 1.0 - TAIL);
    *high = mean_where(count, TAIL);
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t detection_quantile(uint32_t *values, size_t count, double share)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof *values, by_value);
    const size_t rank = (size_t)ceil(share * (double)count);
    return values[rank > 0 ? rank - 1 : 0];
}
