/*
 * A trial of a contract: a version that is new and one that is old, side by side over the same
 * records, and who would fare otherwise.
 *
 * Each side is a shard of its own under its contract alone, as both may bear one name. A log is
 * taken whole, from where it is begun to where it is ended; then its agents are compared, and both
 * sides begin the next log with nothing. What people decided in that time is left out: it answered
 * what was in force then.
 *
 *     narrowed   a climb from clear or warn to narrow or above
 *     certified  a step out of recertify, for the proof that has come
 *
 * Threads: one. Memory: two shards, touched where standings come, and an entry an agent that fares
 * otherwise or never certifies.
 */
#ifndef TROTH_OPS_TRIAL_H
#define TROTH_OPS_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/config/config.h"
#include "ops/recording.h"
#include "scoring/shard.h"

enum troth_trial_side { TROTH_TRIAL_OLD, TROTH_TRIAL_NEW, TROTH_TRIAL_SIDES };

/* X(NAME, "name"): how an agent fares; the first that holds.
 *
 *     released     the old one alone applies to it
 *     unproven     it never certifies, under neither
 *     uncertified  it never certifies under the new one
 *     narrowed     it is narrowed under the new one, and not under the old
 *     bound        the new one alone applies to it
 *     certified    it certifies under the new one, and never under the old
 *     widened      it is narrowed under the old one, and not under the new
 *     earlier      it is narrowed under both, under the new one first
 *     later        it is narrowed under both, under the old one first
 *     otherwise    some other change of rung differs, or its time
 */
#define TROTH_TRIAL_FATES(X)                                                                       \
    X(NARROWED, "narrowed")                                                                        \
    X(UNCERTIFIED, "uncertified")                                                                  \
    X(WIDENED, "widened")                                                                          \
    X(CERTIFIED, "certified")                                                                      \
    X(EARLIER, "earlier")                                                                          \
    X(LATER, "later")                                                                              \
    X(BOUND, "bound")                                                                              \
    X(RELEASED, "released")                                                                        \
    X(OTHERWISE, "otherwise")                                                                      \
    X(UNPROVEN, "unproven")                                                                        \
    X(SAME, "same")

#define TROTH_ENUMERATE_FATE(NAME, text) TROTH_TRIAL_##NAME,
enum troth_trial_fate { TROTH_TRIAL_FATES(TROTH_ENUMERATE_FATE) TROTH_TRIAL_FATE_COUNT };
#undef TROTH_ENUMERATE_FATE

/* One agent under one side. */
struct troth_trial_course {
    bool applies;         /* the contract does */
    uint8_t rung;         /* at the end */
    uint8_t lacking;      /* of one that never certified: the first required term without the proof,
                             or TROTH_NO_TERM: all have it */
    uint8_t narrowed_to;  /* by the first narrowing */
    int64_t certified_us; /* first; TROTH_NEVER_US: never */
    int64_t narrowed_us;  /* first; TROTH_NEVER_US: never */
    struct troth_cause cause; /* of that; of one that never was, of the rung that it is on */
    uint32_t narrowings;
    uint32_t reviews; /* times that it came to review */
    uint32_t pauses;
    uint32_t kept; /* of the lacking term, since recertify was entered; at most UINT32_MAX */
    uint32_t broken;
};

struct troth_trial_entry {
    char *agent; /* terminated; it has no zero byte within, as no name of an agent does */
    int32_t partition;
    uint8_t fate;
    int64_t when_us; /* what the fate rests on: the narrowing that one side alone has, or the first
                        of two, or the certification; else TROTH_NEVER_US */
    struct troth_trial_course sides[TROTH_TRIAL_SIDES];
};

struct troth_trial_totals {
    uint64_t agents;    /* that the contract applied to */
    uint64_t certified; /* of them, at some time */
    uint64_t narrowed;  /* of them, at some time */
    uint64_t narrowings;
    uint64_t reviews;
    uint64_t pauses;
    uint64_t rungs[TROTH_RUNG_COUNT]; /* at the end */
};

struct troth_trial_results {
    uint64_t agents; /* that any side applied to */
    uint64_t records;
    uint64_t decisions; /* left out */
    int64_t first_us;   /* of the first record and of the last; TROTH_NEVER_US: there was none */
    int64_t last_us;
    uint64_t rejects[TROTH_STATUS_COUNT]; /* records that the new side did not apply, by reason */
    uint64_t differing; /* agents with any difference in what happens to them, and when */
    uint64_t fates[TROTH_TRIAL_FATE_COUNT];
    struct troth_trial_totals sides[TROTH_TRIAL_SIDES];
    struct troth_trial_entry *entries; /* those that are not the same, or never certified */
    size_t entry_count;
};

struct troth_trial;

struct troth_trial_config {
    const struct troth_contract *sides[TROTH_TRIAL_SIDES]; /* old NULL: there is none */
    const struct troth_config *engine;                     /* of its limits */
    /* Whether an agent belongs to the log that was begun; NULL: any does. */
    bool (*belongs)(void *context, struct troth_text agent);
    /* Told of each change of rung of a side; NULL: nobody is. */
    void (*on_intervention)(void *context, enum troth_trial_side side,
                            const struct troth_intervention *intervention);
    void *context;
};

/* In config: copied; what it points at is kept by the caller. Returns NULL without memory (told).
 */
struct troth_trial *troth_trial_create(const struct troth_trial_config *config);
void troth_trial_destroy(struct troth_trial *trial);

/* Begins a log. Returns whether there is memory; else it has been told. */
bool troth_trial_begin(struct troth_trial *trial, int32_t partition);

/* Takes its next records. */
void troth_trial_take(struct troth_trial *trial, const struct troth_recorded *recorded);

/* A record that is a decision: the clock goes on, and it is counted. */
void troth_trial_pass(struct troth_trial *trial, int64_t recorded_at_us, int64_t offset);

/* Ends the log: compares its agents. Returns whether there is memory; else it has been told. */
bool troth_trial_end(struct troth_trial *trial);

/* Returns what came of the logs that were ended, the entries by fate, time, agent and partition;
 * until the trial is next used. */
const struct troth_trial_results *troth_trial_results(struct troth_trial *trial);

/* Returns the rules of a side, or NULL where there is none. */
const struct troth_rules *troth_trial_rules(const struct troth_trial *trial,
                                            enum troth_trial_side side);

/* Returns the name of a fate; never NULL for one in range. */
const char *troth_trial_fate_name(unsigned fate);

#endif
