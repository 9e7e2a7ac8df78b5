/*
 * What every unit test includes: cmocka with what it needs, and seeded random numbers.
 *
 * The seed is TROTH_TEST_SEED, or a fixed one; random_seed prints it, so a failure can be repeated.
 */
#ifndef TROTH_TESTS_SUPPORT_TEST_H
#define TROTH_TESTS_SUPPORT_TEST_H

/* cmocka 1.1 needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* splitmix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Returns a number below n (>= 1). */
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return random_next(state) % n;
}

/* Returns a number in [0, 1). */
static inline double random_unit(uint64_t *state)
{
    return (double)(random_next(state) >> 11) * 0x1p-53;
}

static inline uint64_t random_seed(const char *test)
{
    const char *given = getenv("TROTH_TEST_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261124;
    printf("%s: TROTH_TEST_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}

#endif
