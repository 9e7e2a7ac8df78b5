/*
 * How often something took how long: counts by bound, 1 ms to 60 s, and the sum.
 *
 * Threads: one writer; a copy may go anywhere. Memory: the caller's; all zero is empty.
 */
#ifndef TROTH_CONSUMERS_HISTOGRAM_H
#define TROTH_CONSUMERS_HISTOGRAM_H

#include <stdint.h>

enum { TROTH_HISTOGRAM_BOUNDS = 15 };

struct troth_histogram {
    uint64_t counts[TROTH_HISTOGRAM_BOUNDS + 1]; /* at most the bound, and more than the one before;
                                                  * the last: more than all */
    uint64_t sum_us;
};

/* Returns bound number i, below TROTH_HISTOGRAM_BOUNDS, in microseconds. */
int64_t troth_histogram_bound_us(unsigned i);

/* Counts one. In us: below 0 is taken as 0: two clocks may differ. */
void troth_histogram_note(struct troth_histogram *histogram, int64_t us);

/* Adds one histogram to another. */
void troth_histogram_add(struct troth_histogram *sum, const struct troth_histogram *one);

#endif
