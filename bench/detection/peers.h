/*
 * The rules that stand beside Troth's, as they are usually set up, each over the last so many
 * events of one agent:
 *
 *   raw     the keep rate of the last 50 events is below the floor
 *   wilson  the upper end of Wilson's 95 % interval (Wilson 1927; z = 1.96) of the keep rate of the
 *           last window is below the floor: the promise is broken, surely
 *   page    multiwindow, multi-burn-rate, as Google's Site Reliability Workbook (2018), chapter 5,
 *           table 5-8, recommends for a budget of 30 days: the budget burns faster than 14.4 over
 *           1 h and 5 min, or than 6 over 6 h and 30 min
 *   ticket  the slow tier of the same table: faster than 1 over 3 days and 6 h
 *
 * A burn is the broken share over the allowance, 1 - floor. The contract's window is an hour, so
 * with n events a window the windows of the burn rates are n / 12, n / 2, n, 6n and 72n events.
 *
 * Each rule is a statistic and a threshold, and is true where the statistic is above it. All of
 * them rise with each broken event and with nothing else, so they are asked at broken events alone.
 * Other thresholds than the usual one make the rule's curve: raw, by the count of broken events;
 * wilson, by z; page and ticket, by a factor on their burns.
 *
 * Memory: taken by open, given back by close. Threads: one.
 */
#ifndef TROTH_BENCH_DETECTION_PEERS_H
#define TROTH_BENCH_DETECTION_PEERS_H

#include <stdint.h>

enum detection_peer {
    DETECTION_RAW,
    DETECTION_WILSON,
    DETECTION_PAGE,
    DETECTION_TICKET,
    DETECTION_PEERS
};

enum {
    DETECTION_THRESHOLDS = 64,
    DETECTION_SPANS = 6,
    DETECTION_HISTORY_WINDOWS = 72 /* what the slowest rule looks back on */
};

/* Where the windows' tails stand: all that changes but the ring's content. */
struct detection_tails {
    uint64_t pushed; /* broken events so far */
    uint64_t tail[DETECTION_SPANS];
};

struct detection_peers {
    double allowance; /* 1 - floor */
    int64_t span[DETECTION_SPANS];
    struct detection_tails tails;
    int64_t *broken; /* when the last broken events came, a ring */
    uint64_t mask;
    double threshold[DETECTION_PEERS][DETECTION_THRESHOLDS]; /* rising */
};

/* Returns the peer's name. */
const char *detection_peer_name(unsigned peer);

/* Returns a threshold of a peer (below DETECTION_THRESHOLDS): raw, the count from which it alarms
 * less a half; wilson, z; page and ticket, the factor on their burns. */
double detection_peer_threshold(unsigned peer, unsigned i);

/* Returns the index of the threshold that is usual under that floor, millionths. */
unsigned detection_peer_usual(unsigned peer, uint32_t floor_ppm);

/* In floor_ppm: the floor, millionths. In window_events: of the contract's window. */
void detection_peers_open(struct detection_peers *peers, uint32_t floor_ppm,
                          uint32_t window_events);
void detection_peers_close(struct detection_peers *peers);

/* Forgets all events. */
void detection_peers_reset(struct detection_peers *peers);

/* Event number `event` is broken; the others need not be told. Numbers rise. */
void detection_peers_break(struct detection_peers *peers, int64_t event);

/* Out levels: how many of its thresholds, from the lowest, each peer's statistic is above, with
 * `event` the last event there was. */
void detection_peers_look(struct detection_peers *peers, int64_t event,
                          unsigned levels[DETECTION_PEERS]);

/* Returns the events after which nothing of what a peer looks at is left. */
int64_t detection_peer_span(const struct detection_peers *peers, unsigned peer);

#endif
