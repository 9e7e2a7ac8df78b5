/*
 * Random numbers from a seed: the same on every machine and in every run (SplitMix64; Steele, Lea
 * and Flood 2014). One number an event, broken where it is below the rate, so that with the same
 * seed a worse agent breaks all that a better one breaks.
 */
#ifndef TROTH_BENCH_DETECTION_DRAW_H
#define TROTH_BENCH_DETECTION_DRAW_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t detection_mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t detection_draw(uint64_t *state)
{
    return detection_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* Returns a state for one stream of many: equal words, equal stream. */
static inline uint64_t detection_stream(uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    return detection_mix(detection_mix(detection_mix(a + golden) + b + golden) + c + golden);
}

/* Returns the bound under which a draw is an event of that probability, 0..1. */
static inline uint64_t detection_bound(double probability)
{
    return probability >= 1.0 ? UINT64_MAX : (uint64_t)(probability * 0x1p64);
}

/* Returns a number in (0, 1). */
static inline double detection_unit(uint64_t *state)
{
    return ((double)(detection_draw(state) >> 11) + 0.5) * 0x1p-53;
}

#endif
