#include "tests/sim/sim_redis.h"

#include <string.h>

#include "schemas/assert.h"

void sim_redis_init(struct sim_redis *redis, struct sim_clock *clock, uint64_t *random)
{
    memset(redis, 0, sizeof *redis);
    redis->clock = clock;
    redis->random = random;
}

void sim_redis_fini(struct sim_redis *redis)
{
    for (size_t i = 0; i < redis->count; i++) {
        free(redis->writes[i].report);
    }
    free(redis->writes);
}

void sim_redis_write(struct sim_redis *redis, const struct sim_write *write)
{
    TROTH_ASSERT(redis->count < SIM_WRITES_MAX);
    if (redis->count == redis->capacity) {
        redis->capacity = redis->capacity > 0 ? redis->capacity * 2 : 256;
        redis->writes = realloc(redis->writes, redis->capacity * sizeof *redis->writes);
        TROTH_ASSERT(redis->writes != NULL);
    }
    redis->writes[redis->count++] = *write;
    if (redis->on_write != NULL) {
        redis->on_write(redis->context, write);
    }
}

void sim_redis_lose(struct sim_redis *redis, size_t writes)
{
    for (; writes > 0 && redis->count > 0; writes--) {
        free(redis->writes[--redis->count].report);
        redis->lost++;
    }
    redis->restarts += redis->bug != SIM_BUG_FORGOTTEN;
}

bool sim_redis_is_away(const struct sim_redis *redis)
{
    return redis->clock->monotonic_us < redis->away_until_us;
}

const struct sim_write *sim_redis_shows(const struct sim_redis *redis, const char *agent,
                                        const char *contract, bool *complete)
{
    const struct sim_write *shown = NULL;
    *complete = false;
    for (size_t i = redis->count; i-- > 0;) {
        const struct sim_write *write = &redis->writes[i];
        if (strcmp(write->agent, agent) != 0) {
            continue;
        }
        if (write->kind == SIM_WRITE_REMOVE) {
            if (contract != NULL ? strcmp(write->contract, contract) == 0 : write->last) {
                break;
            }
        } else if (contract != NULL
                       ? write->kind == SIM_WRITE_STANDING && strcmp(write->contract, contract) == 0
                       : write->kind == SIM_WRITE_AGENT) {
            shown = shown != NULL ? shown : write;
            *complete |= write->whole;
        }
    }
    return shown;
}
