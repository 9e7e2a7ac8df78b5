/*
 * The inside of the store over Redis, shared by redis/store.c (what is put and sent) and
 * redis/store_own.c (connecting, and whose the partitions are). Nobody else includes this.
 */
#ifndef TROTH_OPS_REDIS_STORE_STATE_H
#define TROTH_OPS_REDIS_STORE_STATE_H

#include "ops/redis/fence.h"
#include "ops/redis/layout.h"
#include "ops/redis/pipe.h"
#include "ops/redis/routes.h"
#include "ops/redis/store.h"

struct redis_store {
    struct troth_store store; /* first: a store is cast to us */
    struct troth_redis_config redis;
    struct troth_redis_stream stream;
    struct troth_clock clock;
    int64_t tried_us;
    struct troth_fences fences;
    struct troth_pipe main;
    struct troth_pipe narrowings;
    struct troth_routes routes;
    bool remembers; /* the routes may hold an agent */
    struct {
        const struct troth_contract *contract; /* as an address alone: it may be gone */
        int64_t version;
        char name[TROTH_NAME_LENGTH_MAX + 1];
    } written[TROTH_CONTRACTS_MAX]; /* contracts that Redis has; the oldest makes room */
    uint32_t written_count;
    uint32_t written_turn;
    uint32_t written_last; /* where the last one asked for stands */
    char *json;            /* room for one contract */
    struct troth_redis_store_counts counts;
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
};

static inline struct redis_store *redis_store_of(struct troth_store *store)
{
    return (struct redis_store *)(void *)store;
}

/* Drops both connections and what is known of the server. Returns the status given. */
troth_status troth_redis_store_drop(struct redis_store *self, troth_status status, const char *why);

/* Returns a pipe's status, of which a loss drops the other pipe too. */
troth_status troth_redis_store_checked(struct redis_store *self, const struct troth_pipe *pipe,
                                       troth_status status);

/* Returns TROTH_REFUSED where an error came since this was last asked. */
troth_status troth_redis_store_refusals(struct redis_store *self, struct troth_pipe *pipe);

/* Asks for each partition to which nothing was sent for a second whether it still is ours: so that
 * a view that was lost, or is to be made anew, is noticed where nothing changes, too. */
void troth_redis_store_check_idle(struct redis_store *self);

/* As in consumers/store.h. */
bool troth_redis_store_connected(struct troth_store *store, bool *fresh);
troth_status troth_redis_store_own(struct troth_store *store, const struct troth_store_claim *claim,
                                   int64_t *applied);
troth_status troth_redis_store_ownership(struct troth_store *store, int32_t partition);
troth_status troth_redis_store_rebuilt(struct troth_store *store, int32_t partition);

#endif
