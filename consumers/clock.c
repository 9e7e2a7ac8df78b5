#include "consumers/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t monotonic_us(void *context)
{
    (void)context;
    return read_us(CLOCK_MONOTONIC);
}

static int64_t wall_us(void *context)
{
    (void)context;
    return read_us(CLOCK_REALTIME);
}

static int64_t worked_us(void *context)
{
    (void)context;
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

struct troth_clock troth_clock_system(void)
{
    return (struct troth_clock){monotonic_us, wall_us, worked_us, NULL};
}
