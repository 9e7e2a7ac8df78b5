/*
 * One cell of the benchmark: an agent under a floor, with so many events a window. How often is it
 * narrowed falsely while it fails at 0.4 of its allowance, and how many events does it take from
 * the event at which it becomes worse? Troth and its peers see the same streams.
 *
 * False alarms: one stream. Troth's exposure is what it reads of an agent that is steady, which
 * is: certified, and at clear for a window since; a narrowing ends it, and the next event is a new
 * agent's first. A peer is deaf after each alarm until nothing of what it looked at is left: it
 * starts anew. So each figure is a count over an exposure, and no run is cut short.
 *
 * Delays: each run is an agent that has become steady; then it fails at a multiple of its
 * allowance. A peer that is in alarm just then is left out of the run: what it would find is
 * luck. Runs end at a horizon, and what has not come by then is counted as later than that.
 *
 * Memory: taken by measure, given back by free. Threads: one.
 */
#ifndef TROTH_BENCH_DETECTION_CELL_H
#define TROTH_BENCH_DETECTION_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/detection/agent.h"
#include "bench/detection/peers.h"

enum { DETECTION_MULTIPLES = 3 };

/* The multiples of the allowance; a rate ends at 1. */
extern const unsigned detection_multiple[DETECTION_MULTIPLES];

/* Healthy: at this part of the allowance. */
#define DETECTION_HEALTHY 0.4

struct detection_effort {
    uint64_t events; /* of the stream that is healthy */
    uint32_t runs;   /* of delays */
    uint64_t seed;
};

/* Alarms, and the events in which they could have come. */
struct detection_rate {
    uint64_t alarms;
    uint64_t exposure;
};

/* The delay of a rule over runs, in events; that at which it changed is the first. */
struct detection_delay {
    uint32_t runs;  /* counted */
    uint32_t found; /* within the horizon */
    uint32_t p50;   /* above the horizon: later than that */
    uint32_t p95;
};

struct detection_cell {
    struct detection_contract contract;
    uint32_t horizon; /* events */
    struct detection_rate narrow;
    struct detection_rate warn; /* exposure: at clear */
    uint64_t agents;            /* that were taken, runs included */
    uint64_t refused;           /* of them, in review or worse before they were ever steady */
    struct detection_rate peer[DETECTION_PEERS][DETECTION_THRESHOLDS];
    struct detection_delay narrow_delay[DETECTION_MULTIPLES];
    struct detection_delay warn_delay[DETECTION_MULTIPLES];
    struct detection_delay peer_delay[DETECTION_MULTIPLES][DETECTION_PEERS][DETECTION_THRESHOLDS];
};

/* In cell: its contract. In with_peers: false: Troth alone. Out cell: the rest. */
void detection_cell_measure(struct detection_cell *cell, const struct detection_effort *effort,
                            bool with_peers);

/* Returns the events to one alarm of that rate; where there was none: at least so many, with 97.5 %
 * confidence. */
double detection_events_between(const struct detection_rate *rate);

/*
 * A peer whose threshold is such that it alarms as often as Troth: between two thresholds of its
 * curve, by the logarithm of the events between alarms. Where Troth was seen to alarm fewer than
 * ten times, as often as it may at most (95 % interval), which favors the peer.
 * In rate: Troth's. Out between: the peer's events between alarms. Out delays: by multiple; with 0
 * runs where no threshold is so rare.
 */
void detection_cell_tune(const struct detection_cell *cell, unsigned peer,
                         const struct detection_rate *rate, double *between,
                         struct detection_delay delays[DETECTION_MULTIPLES]);

#endif
