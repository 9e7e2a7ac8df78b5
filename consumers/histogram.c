#include "consumers/histogram.h"

static const int64_t bounds_us[TROTH_HISTOGRAM_BOUNDS] = {
    1000,   2000,    5000,    10000,   20000,    50000,    100000,  200000,
    500000, 1000000, 2000000, 5000000, 10000000, 30000000, 60000000};

int64_t troth_histogram_bound_us(unsigned i)
{
    return bounds_us[i];
}

void troth_histogram_note(struct troth_histogram *histogram, int64_t us)
{
    unsigned i = 0;
    while (i < TROTH_HISTOGRAM_BOUNDS && us > bounds_us[i]) {
        i++;
    }
    histogram->counts[i]++;
    histogram->sum_us += us > 0 ? (uint64_t)us : 0;
}

void troth_histogram_add(struct troth_histogram *sum, const struct troth_histogram *one)
{
    for (unsigned i = 0; i <= TROTH_HISTOGRAM_BOUNDS; i++) {
        sum->counts[i] += one->counts[i];
    }
    sum->sum_us += one->sum_us;
}
