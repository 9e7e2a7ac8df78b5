/*
 * How far a command is: a line that is written over, on stderr where that is a terminal; and the
 * pace of what is sent at a given rate.
 *
 * Threads: one. Memory: none is taken.
 */
#ifndef TROTH_OPS_PROGRESS_H
#define TROTH_OPS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct troth_progress {
    const char *what; /* what is counted, as "events"; borrowed */
    int64_t started_us;
    int64_t shown_us;
    uint64_t shown_count;
    bool visible;
};

void troth_progress_start(struct troth_progress *progress, const char *what);

/* Shows the count, at most four times a second. */
void troth_progress_show(struct troth_progress *progress, uint64_t count);

/* Takes the line away again. Returns the seconds since it was started, above 0. */
double troth_progress_end(struct troth_progress *progress);

/*
 * When to send the next of many at a rate: number n is due at start + n / rate, so a delay is made
 * up for and the rate is true in the mean.
 */
struct troth_pace {
    double per_second; /* 0: as fast as possible */
    int64_t started_us;
    uint64_t count;
};

void troth_pace_start(struct troth_pace *pace, double per_second);

/* Returns microseconds until the next is due, 0 where it is; then counts it as sent. */
int64_t troth_pace_next(struct troth_pace *pace);

#endif
