/*
 * The store over Redis: consumers/store.h on a real server. The layout is ops/redis/layout.h's.
 *
 *     own                   -> whose a partition is (ops/redis/fence.h)
 *     put, announce, remove -> pipe `main` -> flush
 *     narrow                -> pipe `narrowings` -> narrowed
 *
 * Order: what is queued about the narrowed agent is taken back first, and what is in flight about
 * it is waited for, so nothing older overtakes a narrowing (ops/redis/pipe.h).
 * Every error that Redis answers is counted and the last one kept; acknowledged() tells of them.
 * A connection that is lost takes the other with it; connected() then tries once a second.
 *
 * Threads: one store, one thread. Memory: about 15 MiB at open, and buffers that grow up to
 * buffer_max.
 */
#ifndef TROTH_OPS_REDIS_STORE_H
#define TROTH_OPS_REDIS_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "consumers/clock.h"
#include "consumers/store.h"
#include "ops/redis/connect.h"

enum { TROTH_REDIS_BUFFER = 64 * 1024 * 1024 /* bytes queued, unless the caller says otherwise */ };

struct troth_redis_store_config {
    struct troth_redis_config redis; /* its texts are borrowed as long as the store lives */
    struct troth_clock clock;        /* paces reconnecting and time limits */
    size_t buffer_max;               /* 0: TROTH_REDIS_BUFFER */
};

/* What a store has counted since it was opened. */
struct troth_redis_store_counts {
    uint64_t connects;   /* connections made */
    uint64_t losses;     /* of them, lost */
    uint64_t refusals;   /* errors that Redis answered */
    uint64_t narrowings; /* published at once */
    uint64_t standings;  /* queued */
    uint64_t agents;     /* queued */
    uint64_t bytes;      /* queued since the present connection was made */
    uint64_t fenced; /* flushes, and claims, that Redis did not take: another owner, or no view */
};

/* Opens a store, not yet connected: connected() does that. Out store: close it with its close().
 * Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_redis_store_open_with(const struct troth_redis_store_config *config,
                                         struct troth_store **store);

/* The same with the machine's clock and every default. Out error: on failure, for people. */
TROTH_MUST_CHECK
troth_status troth_redis_store_open(const struct troth_redis_config *redis,
                                    struct troth_store **store,
                                    char error[TROTH_REDIS_ERROR_LENGTH_MAX]);

/* In store: one that was opened here. */
void troth_redis_store_count(const struct troth_store *store,
                             struct troth_redis_store_counts *counts);

#endif
