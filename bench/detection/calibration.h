/*
 * Is confidence a probability? Agents whose true keep rates are drawn from the prior, Beta(a0, 1)
 * with a0 = ln(1/2) / ln(floor), each seen once, after a number of events of its own. Of those with
 * a confidence of about c the share c should truly keep the floor.
 *
 * Without ageing that is a theorem, and the figure holds the arithmetic to it. With the default
 * half-life evidence is weighted by its age, which no likelihood is, and the figure says what that
 * does.
 */
#ifndef TROTH_BENCH_DETECTION_CALIBRATION_H
#define TROTH_BENCH_DETECTION_CALIBRATION_H

#include <stdint.h>

#include "bench/detection/agent.h"

enum { DETECTION_BINS = 10 };

struct detection_bin {
    uint64_t agents;
    uint64_t keeping;  /* of them, with a true rate at or above the floor */
    double confidence; /* mean */
};

struct detection_calibration {
    struct detection_contract contract;
    uint32_t events_min; /* of an agent; drawn from min to max, each as likely */
    uint32_t events_max;
    struct detection_bin bins[DETECTION_BINS]; /* of a tenth each */
};

/* In calibration: contract and events. In agents: how many are drawn. Out calibration: bins. */
void detection_calibration_measure(struct detection_calibration *calibration, uint64_t agents,
                                   uint64_t seed);

/* Returns the share of a bin's agents that keep the floor; 0 where there is none. */
double detection_bin_share(const struct detection_bin *bin);

/* Returns the standard error of a bin's share. */
double detection_bin_error(const struct detection_bin *bin);

/* Returns the greatest distance of a bin's share from its mean confidence. */
double detection_calibration_worst(const struct detection_calibration *calibration);

#endif
