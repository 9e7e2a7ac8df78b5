/*
 * A clock that stands still until the test moves it.
 *
 * What waits (a poll without records, a flush in vain) moves it by the time that it waited, so a
 * loop that waits for a deadline gets there without sleeping.
 */
#ifndef TROTH_TESTS_SUPPORT_FAKE_CLOCK_H
#define TROTH_TESTS_SUPPORT_FAKE_CLOCK_H

#include "consumers/clock.h"

#define FAKE_EPOCH_US INT64_C(1790000000000000) /* where the wall clock begins */

struct fake_clock {
    int64_t monotonic_us;
    int64_t wall_us;
    int64_t elsewhere_us; /* of the monotonic time: others had the core */
};

static inline void fake_clock_move(struct fake_clock *clock, int64_t by_us)
{
    clock->monotonic_us += by_us;
    clock->wall_us += by_us;
}

static inline int64_t fake_clock_monotonic_us(void *context)
{
    const struct fake_clock *clock = context;
    return clock->monotonic_us;
}

static inline int64_t fake_clock_wall_us(void *context)
{
    const struct fake_clock *clock = context;
    return clock->wall_us;
}

static inline int64_t fake_clock_worked_us(void *context)
{
    const struct fake_clock *clock = context;
    return clock->monotonic_us - clock->elsewhere_us;
}

static inline struct troth_clock fake_clock_calls(struct fake_clock *clock)
{
    return (struct troth_clock){fake_clock_monotonic_us, fake_clock_wall_us, fake_clock_worked_us,
                                clock};
}

#endif
