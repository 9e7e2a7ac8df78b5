/*
 * A worker's connections to the simulated Redis: consumers/store.h.
 *
 * What is put is queued; flush sends it, acknowledged waits for the answers. A connection that
 * breaks has sent a part of what was queued, as chance has it. Narrowings go their own way, at
 * once.
 *
 * `may_write` stands for the fence: what a worker writes that is not the present owner, by the
 * group, does not arrive; its connection is as if broken. Where the store has a fence of its own,
 * leave it NULL.
 *
 * Threads: one. Memory: the queue, at most SIM_PUTS_MAX writes.
 */
#ifndef TROTH_TESTS_SIM_STORE_H
#define TROTH_TESTS_SIM_STORE_H

#include "consumers/store.h"
#include "tests/sim/sim_life.h"
#include "tests/sim/sim_redis.h"

enum { SIM_PUTS_MAX = 4096 };

struct sim_store {
    struct troth_store store; /* first */
    struct sim_redis *redis;
    struct sim_life *life;
    bool (*may_write)(void *context);
    void *context;
    bool connected;
    uint64_t restarts; /* of Redis, when it was connected */
    unsigned slow;     /* so many puts or flushes say FULL */
    unsigned silent;   /* so many acknowledged() time out */
    int64_t tried_us;  /* when it last tried to connect */
    struct sim_write queued[SIM_PUTS_MAX];
    size_t queued_count;
    struct sim_write narrowed[2];
    size_t narrowed_count;
};

void sim_store_open(struct sim_store *store, struct sim_redis *redis, struct sim_life *life);

/* The connection is gone; a part of what was queued may have arrived. */
void sim_store_break(struct sim_store *store);

#endif
