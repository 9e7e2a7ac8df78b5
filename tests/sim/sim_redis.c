#include "tests/sim/sim_redis.h"

#include <string.h>

#include "schemas/assert.h"

void sim_redis_init(struct sim_redis *redis, struct sim_clock *clock, uint64_t *random)
{
    memset(redis, 0, sizeof *redis);
    redis->clock = clock;
    redis->random = random;
}

/* What is on its way never arrives. */
static void drop_late(struct sim_redis *redis)
{
    for (size_t i = 0; i < redis->late_count; i++) {
        for (size_t k = 0; k < redis->late[i].count; k++) {
            free(redis->late[i].writes[k].report);
        }
        free(redis->late[i].writes);
    }
    redis->late_count = 0;
}

void sim_redis_fini(struct sim_redis *redis)
{
    drop_late(redis);
    for (size_t i = 0; i < redis->count; i++) {
        free(redis->writes[i].report);
    }
    free(redis->writes);
}

static void put(struct sim_redis *redis, const struct sim_write *write)
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

/* The last write of a partition bears what the shard's row says, or NULL. */
static const struct sim_write *shard_of(const struct sim_redis *redis, int32_t partition)
{
    for (size_t i = redis->count; i-- > 0;) {
        if (redis->writes[i].partition == partition) {
            return &redis->writes[i];
        }
    }
    return NULL;
}

static bool passes(const struct sim_redis *redis, const struct sim_write *write)
{
    const struct sim_write *shard = shard_of(redis, write->partition);
    return redis->bug == SIM_BUG_NO_FENCE ||
           (shard != NULL && shard->era == write->era && shard->claim == write->claim);
}

/* Whether something worse stands than a timid narrowing, a standing's or its agent's. */
static bool stands_worse(const struct sim_redis *redis, const struct sim_write *write)
{
    bool complete = false;
    const struct sim_write *row = sim_redis_shows(
        redis, write->agent, write->kind == SIM_WRITE_STANDING ? write->contract : NULL, &complete);
    return write->timid && row != NULL && row->rung > write->rung;
}

uint32_t sim_redis_write(struct sim_redis *redis, struct sim_write *writes, size_t count)
{
    uint32_t refused = 0;
    bool worse = false;
    for (size_t i = 0; i < count; i++) {
        refused |= passes(redis, &writes[i]) ? 0 : 1U << writes[i].partition;
        worse |= stands_worse(redis, &writes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if ((refused >> writes[i].partition & 1U) != 0 || worse) {
            free(writes[i].report);
            continue;
        }
        if (writes[i].kind == SIM_WRITE_REMOVE && redis->bug == SIM_BUG_KEPT_ROWS) {
            continue;
        }
        const struct sim_write *shard = shard_of(redis, writes[i].partition);
        writes[i].sent_applied = writes[i].applied;
        if (shard != NULL && shard->applied > writes[i].applied) {
            writes[i].applied = shard->applied;
        }
        put(redis, &writes[i]);
    }
    redis->fenced += refused != 0;
    return refused;
}

bool sim_redis_own(struct sim_redis *redis, int32_t partition, int64_t era, int64_t claim,
                   int64_t *applied)
{
    const struct sim_write *shard = shard_of(redis, partition);
    if (shard != NULL && redis->bug != SIM_BUG_NO_FENCE &&
        (shard->era > era || (shard->era == era && shard->claim > claim))) {
        return false;
    }
    *applied = shard != NULL && shard->era == era ? shard->applied : TROTH_OFFSET_NONE;
    const struct sim_write own = {.kind = SIM_WRITE_OWN,
                                  .partition = partition,
                                  .era = era,
                                  .claim = claim,
                                  .applied = *applied};
    put(redis, &own);
    return true;
}

static void land(struct sim_redis *redis, size_t place)
{
    struct sim_late late = redis->late[place];
    redis->late_count--;
    memmove(&redis->late[place], &redis->late[place + 1],
            (redis->late_count - place) * sizeof *redis->late);
    const uint32_t refused = sim_redis_write(redis, late.writes, late.count);
    if (late.sender != NULL) {
        redis->answer(late.sender, refused);
    }
    free(late.writes);
}

void sim_redis_write_late(struct sim_redis *redis, void *sender, struct sim_write *writes,
                          size_t count, int64_t after_us)
{
    if (redis->late_count == SIM_LATE_MAX) {
        (void)sim_redis_write(redis, writes, count);
        return;
    }
    struct sim_late *late = &redis->late[redis->late_count++];
    *late = (struct sim_late){.sender = sender,
                              .arrives_us = redis->clock->monotonic_us + after_us,
                              .writes = calloc(count + 1, sizeof *writes),
                              .count = count};
    TROTH_ASSERT(late->writes != NULL);
    memcpy(late->writes, writes, count * sizeof *writes);
}

void sim_redis_wait(struct sim_redis *redis, const void *sender)
{
    for (size_t i = 0; i < redis->late_count;) {
        if (redis->late[i].sender == sender) {
            land(redis, i);
        } else {
            i++;
        }
    }
}

void sim_redis_hang_up(struct sim_redis *redis, const void *sender)
{
    for (size_t i = 0; i < redis->late_count; i++) {
        if (redis->late[i].sender == sender) {
            redis->late[i].sender = NULL;
        }
    }
}

void sim_redis_pass(struct sim_redis *redis)
{
    for (size_t i = 0; i < redis->late_count;) {
        if (redis->clock->monotonic_us >= redis->late[i].arrives_us && !sim_redis_is_away(redis)) {
            land(redis, i);
        } else {
            i++;
        }
    }
}

void sim_redis_lose(struct sim_redis *redis, size_t writes)
{
    drop_late(redis);
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
        if (write->kind == SIM_WRITE_OWN || write->kind == SIM_WRITE_REBUILT) {
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
