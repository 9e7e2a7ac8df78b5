/*
 * The little statistics that the figures need. Pure; no memory.
 */
#ifndef TROTH_BENCH_DETECTION_STATISTICS_H
#define TROTH_BENCH_DETECTION_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

/* Out low, high: the exact 95 % interval of a Poisson mean of which `count` was seen (Garwood
 * 1936); beyond 1,000 by the cube root's normality (Wilson and Hilferty 1931), whose error is then
 * below 1e-4 of the bound. low is 0 where count is. */
void detection_poisson_interval(uint64_t count, double *low, double *high);

/* Sorts values. Returns the one below or at which the share lies (0..1, the least such value);
 * 0 where there is none. */
uint32_t detection_quantile(uint32_t *values, size_t count, double share);

#endif
