/*
 * The simulated Redis: the rows that routers read, and every write that made them.
 *
 * It can be away, lose its last writes (a restart from its file, a failover), or all of them.
 * Whoever breaks it breaks every connection: `restarts` counts.
 *
 * The fence (schemas/redis.md): a partition is somebody's, by era and claim; what is sent by
 * another is not taken, and what is sent together is taken whole or not at all. It is kept like any
 * row: a Redis that loses its last writes loses it too. A flush may arrive late, when who sent it
 * is gone.
 *
 * Threads: one. Memory: grows with the writes, at most SIM_WRITES_MAX; sim_redis_fini gives it
 * back.
 */
#ifndef TROTH_TESTS_SIM_REDIS_H
#define TROTH_TESTS_SIM_REDIS_H

#include "tests/support/test.h"

#include <stdbool.h>

#include "consumers/log.h"
#include "tests/sim/sim_bugs.h"
#include "tests/sim/sim_clock.h"

enum { SIM_WRITES_MAX = 1 << 20, SIM_NAME_MAX = 32, SIM_LATE_MAX = 16 };

enum sim_write_kind {
    SIM_WRITE_STANDING,
    SIM_WRITE_AGENT,
    SIM_WRITE_REMOVE,
    SIM_WRITE_OWN,    /* somebody takes a partition */
    SIM_WRITE_REBUILT /* its view is whole */
};

struct sim_write {
    uint8_t kind; /* enum sim_write_kind */
    uint8_t rung;
    uint8_t cause; /* enum troth_condition of the last change of rung */
    bool whole;    /* else only a part of a row that is there already */
    bool guarded;  /* of an agent: it is shown by a former rung */
    bool last;     /* REMOVE: the agent has no other standing */
    uint16_t score;
    bool timid; /* passed over where something worse stands */
    int32_t partition;
    int64_t era; /* with claim: by what right it is written */
    int64_t claim;
    int64_t sent_applied; /* one past the last record that is in it */
    int64_t applied;      /* the same; then the shard's */
    int64_t version;      /* of the contract */
    int64_t cause_offset; /* of the last change of rung; -1: none */
    int64_t as_of_us;
    char agent[SIM_NAME_MAX];
    char contract[SIM_NAME_MAX];
    char *report; /* of a standing, where reports are kept */
};

/* A flush that is on its way. */
struct sim_late {
    void *sender; /* NULL: its connection is gone */
    int64_t arrives_us;
    struct sim_write *writes;
    size_t count;
};

struct sim_redis {
    struct sim_clock *clock;
    uint64_t *random;
    enum sim_bug bug;
    bool keeps_reports;
    int64_t away_until_us;
    uint64_t restarts;
    uint64_t lost; /* writes */
    struct sim_write *writes;
    size_t count;
    size_t capacity;
    struct sim_late late[SIM_LATE_MAX];
    size_t late_count;
    void (*answer)(void *sender, uint32_t refused); /* to what arrived late */
    uint64_t fenced; /* flushes and narrowings that the fence did not let pass */
    void (*on_write)(void *context, const struct sim_write *write);
    void *context;
};

void sim_redis_init(struct sim_redis *redis, struct sim_clock *clock, uint64_t *random);
void sim_redis_fini(struct sim_redis *redis);

/* Takes what was sent together, of any partitions, and what it points at: of each partition all or
 * nothing, as the fence says. Returns the partitions that were not taken, bit by bit. */
uint32_t sim_redis_write(struct sim_redis *redis, struct sim_write *writes, size_t count);

/* What a sender sent arrives later, though the sender be gone by then. Where too much is on its way
 * it arrives at once. */
void sim_redis_write_late(struct sim_redis *redis, void *sender, struct sim_write *writes,
                          size_t count, int64_t after_us);

/* What is on its way of a sender arrives now: what comes after it on a connection cannot overtake
 * it. */
void sim_redis_wait(struct sim_redis *redis, const void *sender);

/* The sender's connection is gone: what is on its way goes on, and nobody hears the answer. */
void sim_redis_hang_up(struct sim_redis *redis, const void *sender);

/* Time has passed. */
void sim_redis_pass(struct sim_redis *redis);

/* Somebody takes a partition. Out applied: of the shard in that era, or TROTH_OFFSET_NONE. Returns
 * false where a higher era or claim has it. */
bool sim_redis_own(struct sim_redis *redis, int32_t partition, int64_t era, int64_t claim,
                   int64_t *applied);

/* It restarts without its last writes. */
void sim_redis_lose(struct sim_redis *redis, size_t writes);

bool sim_redis_is_away(const struct sim_redis *redis);

/* Returns the last write of a standing's row (contract NULL: of the agent's), or NULL where there
 * is none. Out complete: some write of the row was whole. */
const struct sim_write *sim_redis_shows(const struct sim_redis *redis, const char *agent,
                                        const char *contract, bool *complete);

#endif
