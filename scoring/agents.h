/*
 * The agents of a shard, found by name.
 *
 * An open-addressing table of (tag, index) pairs compares tags, then hashes, then names; an agent
 * is one cache line. Bounded by what it was made for; nothing is allocated after that. The place of
 * one that was removed is the next one's.
 *
 * Threads: one writer. Memory: one block of the caller's, zeroed, aligned to 64.
 */
#ifndef TROTH_SCORING_AGENTS_H
#define TROTH_SCORING_AGENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/bytes.h"
#include "schemas/event.h"

#define TROTH_NONE UINT32_MAX /* no such index */

enum { TROTH_INLINE_NAME = 33 }; /* bytes of a name kept in the agent's own line */

struct troth_agent {
    uint64_t hash;
    uint32_t first;         /* its first standing, or TROTH_NONE */
    uint32_t first_line;    /* where that one's block is */
    uint32_t sequences;     /* its sequence windows, or TROTH_NONE */
    uint32_t generation;    /* of the contracts for which every standing that may begin has begun */
    uint32_t long_name;     /* index of the name where it is longer than TROTH_INLINE_NAME */
    uint8_t first_contract; /* slot of its first standing's contract */
    bool looked_at : 1;     /* its first standing is neither at clear nor in recertify: most events
                             * lead to a look at all its panes */
    bool certifying : 1;    /* its first standing is in recertify: at its counters */
    bool unsaved : 1;       /* it changed since its standings were last written down; of a place
                             * that is free: it still stands on the list of those */
    bool ahead : 1; /* its standings were restored, and may be true past the shard's offset */
    bool idle : 1;  /* nothing has come of it since it was found at rest (shard_idle.c) */
    bool alone : 1; /* what was last written down of it is a record of its own, without standings */
    uint8_t name_length; /* 0: the place is free, and `first` is the next that is */
    char name[TROTH_INLINE_NAME];
};

struct troth_agent_slot {
    uint32_t tag;
    uint32_t agent; /* index + 1; 0: free */
};

struct troth_agents {
    struct troth_agent_slot *slots;
    struct troth_agent *agents;
    char (*long_names)[TROTH_AGENT_LENGTH_MAX];
    uint64_t mask;
    uint32_t count;      /* there are */
    uint32_t places;     /* one past the greatest index so far */
    uint32_t free_place; /* first of the list of free ones, or TROTH_NONE */
    uint32_t capacity;
    uint32_t long_count; /* one past the greatest so far */
    uint32_t free_long;  /* as free_place; a free one's first bytes are the next */
    uint32_t long_capacity;
};

/* Returns the bytes that `capacity` agents take (a multiple of 64). */
size_t troth_agents_size(uint32_t capacity);

/* In memory: troth_agents_size(capacity) bytes, zeroed; kept until the agents are done with. */
void troth_agents_init(struct troth_agents *agents, void *memory, uint32_t capacity);

/* Returns the hash of a name (XXH3, 64 bits). */
uint64_t troth_agents_hash(struct troth_text name);

/* Returns the agent's index, or TROTH_NONE. In hash: of the name. */
uint32_t troth_agents_find(const struct troth_agents *agents, struct troth_text name,
                           uint64_t hash);

/* Returns the agent that a hash most likely is of, by its tag alone, or TROTH_NONE: what to ask the
 * caches for, before the agent itself is touched. */
uint32_t troth_agents_guess(const struct troth_agents *agents, uint64_t hash);

/* Adds an agent that is not there yet. Returns its index, or TROTH_NONE when full. */
uint32_t troth_agents_add(struct troth_agents *agents, struct troth_text name, uint64_t hash);

/* Removes an agent. Its index is given to one that is added later. */
void troth_agents_remove(struct troth_agents *agents, uint32_t agent);

/* Returns whether there is an agent of an index below `places`. */
static inline bool troth_agents_has(const struct troth_agents *agents, uint32_t agent)
{
    return agents->agents[agent].name_length > 0;
}

/* Returns the name of an agent; lives as long as the agents. */
static inline struct troth_text troth_agents_name(const struct troth_agents *agents, uint32_t agent)
{
    const struct troth_agent *a = &agents->agents[agent];
    const char *data =
        a->name_length <= TROTH_INLINE_NAME ? a->name : agents->long_names[a->long_name];
    return (struct troth_text){data, a->name_length};
}

/* Returns whether that of an index below `places` is the agent of a name. In hash: of the name. */
static inline bool troth_agents_is(const struct troth_agents *agents, uint32_t agent,
                                   struct troth_text name, uint64_t hash)
{
    if (agents->agents[agent].hash != hash) {
        return false;
    }
    const struct troth_text known = troth_agents_name(agents, agent);
    return known.length == name.length && troth_bytes_equal(known.data, name.data, name.length);
}

#endif
