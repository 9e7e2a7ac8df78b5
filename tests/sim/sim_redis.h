/*
 * The simulated Redis: the rows that routers read, and every write that made them.
 *
 * It can be away, lose its last writes (a restart from its file, a failover), or all of them.
 * Whoever breaks it breaks every connection: `restarts` counts.
 *
 * Threads: one. Memory: grows with the writes, at most SIM_WRITES_MAX; sim_redis_fini gives it
 * back.
 */
#ifndef TROTH_TESTS_SIM_REDIS_H
#define TROTH_TESTS_SIM_REDIS_H

#include "tests/support/test.h"

#include <stdbool.h>

#include "tests/sim/sim_bugs.h"
#include "tests/sim/sim_clock.h"

enum { SIM_WRITES_MAX = 1 << 20, SIM_NAME_MAX = 32 };

enum sim_write_kind { SIM_WRITE_STANDING, SIM_WRITE_AGENT, SIM_WRITE_REMOVE };

struct sim_write {
    uint8_t kind; /* enum sim_write_kind */
    uint8_t rung;
    uint8_t cause; /* enum troth_condition of the last change of rung */
    bool whole;    /* else only a part of a row that is there already */
    bool last;     /* REMOVE: the agent has no other standing */
    uint16_t score;
    int32_t partition;
    int64_t version;      /* of the contract */
    int64_t cause_offset; /* of the last change of rung; -1: none */
    int64_t as_of_us;
    char agent[SIM_NAME_MAX];
    char contract[SIM_NAME_MAX];
    char *report; /* of a standing, where reports are kept */
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
    void (*on_write)(void *context, const struct sim_write *write);
    void *context;
};

void sim_redis_init(struct sim_redis *redis, struct sim_clock *clock, uint64_t *random);
void sim_redis_fini(struct sim_redis *redis);

/* Takes a write, and what it points at. */
void sim_redis_write(struct sim_redis *redis, const struct sim_write *write);

/* It restarts without its last writes. */
void sim_redis_lose(struct sim_redis *redis, size_t writes);

bool sim_redis_is_away(const struct sim_redis *redis);

/* Returns the last write of a standing's row (contract NULL: of the agent's), or NULL where there
 * is none. Out complete: some write of the row was whole. */
const struct sim_write *sim_redis_shows(const struct sim_redis *redis, const char *agent,
                                        const char *contract, bool *complete);

#endif
