/*
 * One agent in a shard of its own: the product's whole decision, from an event to its rung, with
 * nothing made simpler for the bench.
 *
 * Its tasks come evenly in time, so that a window of an hour holds so many of them. Each task is
 * evidence for every term of the contract.
 *
 * Memory: taken by open, given back by close. Threads: one.
 */
#ifndef TROTH_BENCH_DETECTION_AGENT_H
#define TROTH_BENCH_DETECTION_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "scoring/shard.h"

enum { DETECTION_TERMS_MAX = 3 };

struct detection_contract {
    uint32_t floor_ppm[DETECTION_TERMS_MAX]; /* of `resolves`, `prompt`, `unaided` */
    unsigned terms;                          /* 1..3 */
    uint32_t window_events;                  /* divides 3,600,000 */
    double narrow_below; /* narrow's confidence_below, no rung above it; 0: the default ladder */
    bool change;         /* narrow at a CUSUM's alarm too, which by default warns alone */
    bool ageless;        /* a half-life that is no half-life within a window */
};

/* What became of a standing at an event; bits. */
enum {
    DETECTION_WARNED = 1,  /* it climbed from clear */
    DETECTION_NARROWED = 2 /* it climbed from clear or warn to narrow or worse */
};

struct detection_agent {
    struct troth_contract *contract;
    struct troth_rules *rules;
    struct troth_shard_config config;
    struct troth_shard *shard;
    void *memory;
    void *saved; /* an image of memory, and what stands below with it */
    size_t size;
    int64_t step_us; /* between two events */
    int64_t now_us;
    int64_t saved_now_us;
    int64_t offset;
    int64_t saved_offset;
    uint64_t hash;
    unsigned climbed; /* DETECTION_* of the present event */
};

/* Ends the program where the contract does not parse or there is no memory. */
void detection_agent_open(struct detection_agent *agent, const struct detection_contract *contract);
void detection_agent_close(struct detection_agent *agent);

/* Makes the agent a new one, of which nothing is known. In phase: anything; it moves the first
 * event against the panes. */
void detection_agent_renew(struct detection_agent *agent, uint64_t phase);

/* Applies the next task. In broken: bit i: it breaks term i. Returns DETECTION_* bits. */
unsigned detection_agent_task(struct detection_agent *agent, unsigned broken);

/* Returns the standing's rung. */
unsigned detection_agent_rung(const struct detection_agent *agent);

/* Returns the confidence of the first term, at the last event. */
double detection_agent_confidence(struct detection_agent *agent);

/* Keeps the agent as it is, and puts it back as it was kept. */
void detection_agent_save(struct detection_agent *agent);
void detection_agent_restore(struct detection_agent *agent);

#endif
