/*
 * The memory of a shard that a command fills: reserved as a whole, and touched only where standings
 * come, so that the configured limits cost nothing until they are needed.
 *
 * Threads: plain data. Memory: the system's, until close.
 */
#ifndef TROTH_OPS_SHARD_MEMORY_H
#define TROTH_OPS_SHARD_MEMORY_H

#include "ops/config/config.h"
#include "scoring/shard.h"

struct troth_shard_memory {
    struct troth_shard *shard; /* NULL: closed */
    void *block;
    size_t size;
};

/* Makes an empty shard. In config: as of the shard; agents_max, standings_max and max_ahead_us are
 * set here, to those of the engine. Returns whether there is memory; else what to lower has been
 * told. */
bool troth_shard_memory_open(struct troth_shard_memory *memory, struct troth_shard_config config,
                             const struct troth_config *engine);

/* In memory: open, closed, or all bytes zero. */
void troth_shard_memory_close(struct troth_shard_memory *memory);

#endif
