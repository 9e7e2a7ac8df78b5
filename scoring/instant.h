/*
 * A time, seen through a contract's panes: for each windowed term the pane that it falls in.
 *
 * All standings of a contract share it, so the divisions are made once a pane and not once an
 * event.
 */
#ifndef TROTH_SCORING_INSTANT_H
#define TROTH_SCORING_INSTANT_H

#include <stdint.h>

#include "scoring/rules.h"

struct troth_instant {
    int64_t time_us;
    int64_t from_us; /* the panes below hold for times in [from_us, until_us) */
    int64_t until_us;
    struct {
        int64_t pane;     /* floor(time / pane width) */
        int64_t start_us; /* of that pane */
        uint32_t slot;    /* its own in a ring, when it is the newest no more: scoring/standing.h */
    } terms[TROTH_TERMS_MAX];
};

/* Out instant: the panes of time_us (>= 0), computed anew. */
void troth_instant_move(const struct troth_rules *rules, struct troth_instant *instant,
                        int64_t time_us);

/* Out instant: the panes of time_us (>= 0). In instant: zeroed, or set by an earlier call with the
 * same rules, which makes a time in the same panes cheap. */
static inline void troth_instant_set(const struct troth_rules *rules, struct troth_instant *instant,
                                     int64_t time_us)
{
    if (time_us >= instant->from_us && time_us < instant->until_us) {
        instant->time_us = time_us;
    } else {
        troth_instant_move(rules, instant, time_us);
    }
}

#endif
