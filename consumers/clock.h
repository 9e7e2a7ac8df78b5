/*
 * Time as an interface: the worker asks this, so a test or a simulation can give it.
 *
 * It paces publication, commits and ticks. It never reaches the scoring core, whose only time is
 * the log's.
 */
#ifndef TROTH_CONSUMERS_CLOCK_H
#define TROTH_CONSUMERS_CLOCK_H

#include <stdint.h>

struct troth_clock {
    /* Returns microseconds on a clock that never goes back. */
    int64_t (*monotonic_us)(void *context);
    /* Returns microseconds since 1970 UTC. */
    int64_t (*wall_us)(void *context);
    /* Returns microseconds that the calling thread has worked: while others have its core, or it
     * waits, they stand still. */
    int64_t (*worked_us)(void *context);
    void *context;
};

/* Returns the machine's clocks. */
struct troth_clock troth_clock_system(void);

#endif
