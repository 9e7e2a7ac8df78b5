/*
 * Time in the simulation: it stands still until somebody waits, or the world moves it.
 *
 * Three clocks run on it: the engine's monotonic one, the engine's wall clock, which faults may set
 * forward and back, and the brokers' clocks (one for telemetry, one for the other topics), which
 * give records their times and differ from each other too.
 */
#ifndef TROTH_TESTS_SIM_CLOCK_H
#define TROTH_TESTS_SIM_CLOCK_H

#include <stdbool.h>

#include "consumers/clock.h"

/* Where the wall clocks begin: 20 s before a week ends. */
#define SIM_EPOCH_US  INT64_C(1789948780000000)
#define SIM_SECOND_US INT64_C(1000000)

struct sim_clock {
    int64_t monotonic_us;
    int64_t wall_skew_us;      /* of the engine's wall clock */
    int64_t telemetry_skew_us; /* of the brokers' */
    int64_t control_skew_us;   /* only rises, so the contracts' times do */
    bool control_leads; /* it is never behind telemetry's: then forged pointers can do no harm */
};

static inline void sim_clock_move(struct sim_clock *clock, int64_t by_us)
{
    clock->monotonic_us += by_us > 0 ? by_us : 0;
}

/* The clock of telemetry's brokers is set by so much. */
static inline void sim_clock_set(struct sim_clock *clock, int64_t by_us)
{
    clock->telemetry_skew_us += by_us;
    if (clock->control_leads && clock->control_skew_us < clock->telemetry_skew_us) {
        clock->control_skew_us = clock->telemetry_skew_us;
    }
}

/* A long silence passes, by all brokers' clocks, and nobody of the engine notices. */
static inline void sim_clock_leap(struct sim_clock *clock, int64_t by_us)
{
    clock->telemetry_skew_us += by_us;
    clock->control_skew_us += by_us;
}

static inline int64_t sim_clock_monotonic_us(void *context)
{
    const struct sim_clock *clock = context;
    return clock->monotonic_us;
}

static inline int64_t sim_clock_wall_us(void *context)
{
    const struct sim_clock *clock = context;
    return SIM_EPOCH_US + clock->monotonic_us + clock->wall_skew_us;
}

static inline struct troth_clock sim_clock_calls(struct sim_clock *clock)
{
    return (struct troth_clock){sim_clock_monotonic_us, sim_clock_wall_us, sim_clock_monotonic_us,
                                clock};
}

#endif
