/*
 * When the telemetry of a contract has stopped, as far as one shard can tell: more than a share of
 * the contract's standings there was narrowed for freshness alone within the contract's `hold`
 * (DESIGN 6, "Telemetry outage"; the rules in full are in schemas/redis.md).
 *
 * A standing is *hit* when freshness alone takes it from clear or warn to narrow or recertify, and
 * stays so until its rung changes for anything else; when freshness takes it on to recertify, it is
 * hit at that time instead. Of those that are hit there are counts by time, in a ring of buckets of
 * a 16th of `hold`: none is listed. An outage begins when the last 16 buckets hold more than the
 * share; so all of it was within `hold`. It ends when none of its standings is hit any more, or
 * after `guard`; what was hit before that end counts for no other.
 *
 *     |  floor  . . . . | from  ...  begun |  . . . . . . . . . | until
 *       counts for none   hits that began it  hits that came on
 *
 * Pure: time is the log's, and comes with each call. Threads: its owner's. Memory: the caller's.
 */
#ifndef TROTH_CONSUMERS_OUTAGE_H
#define TROTH_CONSUMERS_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/contract.h"

enum {
    TROTH_OUTAGE_HOLD = 16,     /* buckets in a hold */
    TROTH_OUTAGE_BUCKETS = 128, /* 8 holds: what a restart can find again */
    TROTH_OUTAGE_LEAST = 20     /* standings of a contract in a shard, for it to tell at all */
};

/* What makes an outage. */
struct troth_outage_rules {
    double max_narrowed; /* share of the standings, above which; 0..1 */
    int64_t guard_us;    /* how long it may last, microseconds; 0: outages are not looked for */
    uint32_t least;      /* standings that there must be */
};

struct troth_outage {
    char contract[TROTH_NAME_LENGTH_MAX + 1]; /* empty: of none yet */
    int64_t version;                          /* of the contract */
    int64_t hold_us;
    bool running;
    int64_t floor_us; /* what was hit before it counts no more */
    int64_t from_us;  /* running: what is hit from then on is of it */
    int64_t begun_us;
    int64_t until_us;
    uint32_t hit;       /* running: standings of it that are hit */
    uint32_t standings; /* that there were when it began */
    int64_t newest;     /* number of the newest bucket; -1: nothing was hit yet */
    uint32_t counts[TROTH_OUTAGE_BUCKETS];
};

/* Begins to count for a version of a contract, where it does not yet. Of another version, or
 * another contract, nothing is kept: its rules are others. In clock_us: what was hit up to then
 * does not count. */
void troth_outage_follow(struct troth_outage *outage, const struct troth_contract *contract,
                         int64_t clock_us);

/* A standing is hit, at a time from 0 on; times need not come in order. */
void troth_outage_hit(struct troth_outage *outage, int64_t time_us);

/* One that was hit at that time is so no more. */
void troth_outage_unhit(struct troth_outage *outage, int64_t time_us);

/* Returns whether what was hit at a time is within `hold` before the clock, and counts. */
bool troth_outage_counts(const struct troth_outage *outage, int64_t time_us, int64_t clock_us);

/* Begins an outage where enough are hit. In standings: of the contract, in the shard, whatever
 * their rungs. Returns whether it did. */
bool troth_outage_begin(struct troth_outage *outage, const struct troth_outage_rules *rules,
                        uint32_t standings);

/* Ends one whose time is over. Returns whether it did. */
bool troth_outage_pass(struct troth_outage *outage, int64_t clock_us);

/* Ends it: what was hit before that time counts no more. */
void troth_outage_end(struct troth_outage *outage, int64_t floor_us);

/* Returns whether what was hit at a time is of an outage that runs at the clock. */
bool troth_outage_holds(const struct troth_outage *outage, int64_t time_us, int64_t clock_us);

/* After a restart, when all that is hit was given again: finds the outage that runs at the clock.
 * It is taken to have begun with the first bucket of what began it, so a restart may shorten a
 * guard and never lengthens one. What left it meanwhile is missing, and what is older than the ring
 * is forgotten: then it is not found, and nothing is guarded. */
void troth_outage_recall(struct troth_outage *outage, const struct troth_outage_rules *rules,
                         uint32_t standings, int64_t clock_us);

#endif
