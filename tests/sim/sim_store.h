/*
 * A worker's connections to the simulated Redis: consumers/store.h.
 *
 * What is put is queued; flush sends it, acknowledged waits for the answers. Narrowings go their
 * own way, at once.
 *
 * A flush may arrive late, in order with what the same connection sends after it, and also when the
 * connection is gone. The fence is Redis's (sim_redis.h). Without checkpoints there are no claims,
 * and then there is no fence: `may_write` is in its place, so that what a worker writes that is not
 * the present owner, by the group, does not arrive, and its connection is as if broken.
 *
 * Threads: one. Memory: the queue, at most SIM_PUTS_MAX writes.
 */
#ifndef TROTH_TESTS_SIM_STORE_H
#define TROTH_TESTS_SIM_STORE_H

#include "consumers/store.h"
#include "tests/sim/sim_life.h"
#include "tests/sim/sim_log.h"
#include "tests/sim/sim_redis.h"

enum { SIM_PUTS_MAX = 4096 };

struct sim_store {
    struct troth_store store; /* first */
    struct sim_redis *redis;
    struct sim_life *life;
    bool (*may_write)(void *context); /* NULL: the fence */
    void *context;
    bool connected;
    uint64_t restarts;                                  /* of Redis, when it was connected */
    unsigned slow;                                      /* so many puts or flushes say FULL */
    unsigned silent;                                    /* so many acknowledged() time out */
    int64_t tried_us;                                   /* when it last tried to connect */
    struct troth_store_claim owned[SIM_PARTITIONS_MAX]; /* era 0: it is not */
    struct sim_write queued[SIM_PUTS_MAX];
    size_t queued_count;
    struct sim_write narrowed[2];
    size_t narrowed_count;
};

void sim_store_open(struct sim_store *store, struct sim_redis *redis, struct sim_life *life);

/* The connection is gone, and what was not sent with it. */
void sim_store_break(struct sim_store *store);

#endif
