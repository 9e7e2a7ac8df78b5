/*
 * What the store remembers of PREFIX:route:CAPABILITY and PREFIX:probation:CAPABILITY: which
 * capabilities there are sets of, and which set of capabilities an agent was last written with.
 *
 * An agent whose capabilities are as remembered is in the right sets already; any other is taken
 * out of every set that it does not belong to. So forgetting costs a few commands and is never
 * wrong, and the memory can be a fixed cache.
 *
 * Threads: one. Memory: fixed, taken at init.
 */
#ifndef TROTH_OPS_REDIS_ROUTES_H
#define TROTH_OPS_REDIS_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/contract.h"
#include "schemas/status.h"

enum {
    TROTH_ROUTES_MAX = 1024,      /* capabilities that have a set */
    TROTH_ROUTES_AGENTS = 1 << 18 /* agents remembered: 4 MiB */
};

struct troth_routes {
    struct troth_routes_agent {
        uint64_t agent; /* hash of its name; 0: free */
        uint64_t set;   /* hash of its capabilities and probation */
    } * agents;
    uint32_t count;
    uint32_t turn;               /* which way of a full bucket is replaced next */
    bool said[TROTH_ROUTES_MAX]; /* it was made known */
    uint64_t hashes[TROTH_ROUTES_MAX];
    char names[TROTH_ROUTES_MAX][TROTH_NAME_LENGTH_MAX + 1];
};

/* Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_routes_init(struct troth_routes *routes);
void troth_routes_fini(struct troth_routes *routes);

/* Forgets the agents; and with the capabilities. */
void troth_routes_forget(struct troth_routes *routes);
void troth_routes_clear(struct troth_routes *routes);

/* What was said last may not have been heard: forgets the agents, and that the capabilities were
 * made known. Agents are still taken out of their sets. */
void troth_routes_doubt(struct troth_routes *routes);

/* Returns whether a capability was made known, as far as is known. */
bool troth_routes_has(const struct troth_routes *routes, const char *capability);

/* Adds one, as made known. Returns false when there are TROTH_ROUTES_MAX, or the name is too long
 * for one. */
bool troth_routes_add(struct troth_routes *routes, const char *capability);

/* Returns the hash of a set of capabilities, in any order, and of whether the agent is on probation
 * for them; never 0. */
uint64_t troth_routes_set(const char *const *capabilities, unsigned count, bool probation);

/* Returns whether the agent was last written with that set. In agent: hash of its name. */
bool troth_routes_is(const struct troth_routes *routes, uint64_t agent, uint64_t set);
void troth_routes_remember(struct troth_routes *routes, uint64_t agent, uint64_t set);

#endif
