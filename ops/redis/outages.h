/*
 * Which contracts' telemetry has stopped, as it stands in Redis (schemas/redis.md), over all
 * partitions: for the operator's commands.
 *
 * Threads: any; no state. Memory: the caller's.
 */
#ifndef TROTH_OPS_REDIS_OUTAGES_H
#define TROTH_OPS_REDIS_OUTAGES_H

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdint.h>

#include "schemas/contract.h"

enum {
    TROTH_REDIS_OUTAGES_MAX = 64, /* contracts that are told of */
    TROTH_REDIS_OUTAGE_LENGTH_MAX = 320
};

struct troth_redis_outage {
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    unsigned partitions;      /* in which it has stopped */
    int64_t hit;              /* standings that it narrowed, */
    int64_t standings;        /* of so many there */
    int64_t since_us;         /* when the first of them did */
    int64_t guarded_until_us; /* the latest; 0: nothing is guarded */
};

/* Asks which there are. In context: connected, with no answer to come. In prefix: of the keys.
 * Out outages: by contract, at most TROTH_REDIS_OUTAGES_MAX, of at most 4096 entries. Returns how
 * many, or -1: there was no answer, or the user may not ask. */
int troth_redis_outages(redisContext *context, const char *prefix,
                        struct troth_redis_outage outages[TROTH_REDIS_OUTAGES_MAX]);

/* Out text: one as a sentence, terminated. In now_us: the time, to say since and until when. */
void troth_redis_outage_text(const struct troth_redis_outage *outage, int64_t now_us,
                             char text[TROTH_REDIS_OUTAGE_LENGTH_MAX]);

/* Returns one as an object, the caller's. */
json_t *troth_redis_outage_json(const struct troth_redis_outage *outage);

#endif
