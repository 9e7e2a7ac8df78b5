/*
 * The function troth_route of the library in Redis (ops/redis/route.lua), as the operator's command
 * calls it: the question, its answer, and what is wrong where there is none. schemas/redis.md has
 * both.
 *
 * Threads: none shared. Memory: texts of an answer are the reply's, which lives as long.
 */
#ifndef TROTH_OPS_REDIS_ROUTE_H
#define TROTH_OPS_REDIS_ROUTE_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "ops/redis/reader.h"

enum { TROTH_ROUTE_COUNT_MAX = 64, TROTH_ROUTE_RANDOM_LENGTH_MAX = 64 /* bytes */ };

/* Texts are the caller's; NULL: not said. */
struct troth_route_question {
    const char *capability;
    int64_t count; /* 1..TROTH_ROUTE_COUNT_MAX */
    const char *random;
    const char *contract;
    const char *consequence;
    const char *cost;    /* micros */
    const char *explore; /* share */
};

/* One agent, as it may be used now. */
struct troth_route_agent {
    struct troth_text agent;
    struct troth_text rung;
    struct troth_text capabilities;
    int64_t score;
    double traffic;
    int64_t max_cost_micros; /* -1: no limit */
    int64_t good_until_us;
    int64_t offer_until_us;
    bool guarded;
};

struct troth_route_answer {
    struct troth_route_agent agents[TROTH_ROUTE_COUNT_MAX]; /* the best first */
    unsigned count;
    int64_t listed;    /* agents of the route */
    int64_t reads;     /* of them, looked at */
    int64_t unproven;  /* of these: without a hash */
    int64_t expired;   /* past offer_until */
    int64_t unfit;     /* not what was asked for */
    int64_t held_back; /* their traffic did not let them in */
    bool exploring;    /* those on probation came first */
    redisReply *reply; /* owned */
};

/* Asks and takes the answer. Out answer: to be given to troth_route_answer_free, also after a
 * failure. Returns TROTH_OK; or, with reader->error, which names what would mend it: TROTH_INVALID,
 * the question will not do; TROTH_REFUSED, the function cannot be called; TROTH_UNREACHABLE. */
TROTH_MUST_CHECK
troth_status troth_redis_route(struct troth_redis_reader *reader,
                               const struct troth_route_question *question,
                               struct troth_route_answer *answer);

/* Takes a reply apart. Out answer: owns the reply on success. Returns TROTH_OK, or TROTH_INVALID:
 * it is not an answer of troth_route. */
TROTH_MUST_CHECK
troth_status troth_route_answer_take(redisReply *reply, struct troth_route_answer *answer);
void troth_route_answer_free(struct troth_route_answer *answer);

#endif
