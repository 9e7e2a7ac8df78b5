/*
 * What every bench includes: a clock, medians, and how a figure is printed: `name value unit`, one
 * a line, ratios taken in one run with both sides interleaved.
 *
 * --tiny (as the test suite runs them) makes a bench take a second; its figures mean nothing then.
 */
#ifndef TROTH_BENCH_BENCH_H
#define TROTH_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_REPETITIONS = 7 };

/* CPU time of this thread, in nanoseconds. */
static inline int64_t bench_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Returns the next random number (splitmix64: Steele, Lea and Flood, 2014). In state: any number.
 */
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline int bench_by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints the median of the values with the least and the greatest; sorts them. */
static inline void bench_print(const char *name, double *values, size_t count, const char *unit)
{
    qsort(values, count, sizeof *values, bench_by_value);
    printf("%s %.4g %s (min %.4g, max %.4g, %zu runs)\n", name, values[count / 2], unit, values[0],
           values[count - 1], count);
    fflush(stdout);
}

static inline bool bench_is_tiny(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tiny") == 0) {
            return true;
        }
    }
    return false;
}

#endif
