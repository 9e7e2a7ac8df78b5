#include <inttypes.h>
#include <stdio.h>

#include "ops/redis/library.h"
#include "ops/redis/meta.h"
#include "ops/redis/store_state.h"

#define RETRY_US INT64_C(1000000) /* between two tries to connect */
#define OWN_US   INT64_C(1000000) /* that owning a partition may wait for its answer */
#define IDLE_US  INT64_C(1000000) /* after which a partition is asked for */

troth_status troth_redis_store_drop(struct redis_store *self, troth_status status, const char *why)
{
    if (self->main.context != NULL || self->narrowings.context != NULL) {
        self->counts.losses++;
    }
    snprintf(self->error, sizeof self->error, "%s", why);
    troth_pipe_close(&self->main);
    troth_pipe_close(&self->narrowings);
    troth_fences_lose(&self->fences);
    troth_routes_clear(&self->routes);
    self->remembers = false;
    self->written_count = 0;
    return status;
}

troth_status troth_redis_store_checked(struct redis_store *self, const struct troth_pipe *pipe,
                                       troth_status status)
{
    if (status != TROTH_UNREACHABLE) {
        return status;
    }
    char why[TROTH_REDIS_ERROR_LENGTH_MAX];
    snprintf(why, sizeof why, "%s", pipe->error);
    return troth_redis_store_drop(self, TROTH_UNREACHABLE, why);
}

troth_status troth_redis_store_refusals(struct redis_store *self, struct troth_pipe *pipe)
{
    if (pipe->refusals == pipe->refusals_told) {
        return TROTH_OK;
    }
    pipe->refusals_told = pipe->refusals;
    snprintf(self->error, sizeof self->error, "%s", pipe->error);
    troth_routes_forget(&self->routes); /* an agent may not be in the sets that it was put into */
    self->remembers = false;
    return TROTH_REFUSED;
}

/* ---- connecting ---- */

static bool store_connect(struct redis_store *self)
{
    redisContext *main = NULL;
    redisContext *narrowings = NULL;
    if (troth_redis_connect(&self->redis, TROTH_REDIS_CONNECT_US, &main, self->error) != TROTH_OK) {
        return false;
    }
    if (troth_redis_check(&self->redis, main, self->error) != TROTH_OK ||
        troth_redis_meta_begin(&self->redis, main, &self->routes, self->error) != TROTH_OK ||
        troth_redis_library_offer(&self->redis, main, self->error) != TROTH_OK ||
        troth_redis_connect(&self->redis, TROTH_REDIS_CONNECT_US, &narrowings, self->error) !=
            TROTH_OK) {
        redisFree(main);
        troth_routes_clear(&self->routes);
        return false;
    }
    troth_pipe_open(&self->main, main);
    troth_pipe_open(&self->narrowings, narrowings);
    self->counts.connects++;
    return true;
}

bool troth_redis_store_connected(struct troth_store *store, bool *fresh)
{
    struct redis_store *self = redis_store_of(store);
    *fresh = false;
    if (self->main.context != NULL &&
        troth_redis_store_checked(self, &self->main, troth_pipe_hear(&self->main)) == TROTH_OK &&
        troth_redis_store_checked(self, &self->narrowings, troth_pipe_hear(&self->narrowings)) ==
            TROTH_OK) {
        return true;
    }
    const int64_t now_us = self->clock.monotonic_us(self->clock.context);
    if (self->tried_us != INT64_MIN && now_us - self->tried_us < RETRY_US) {
        return false;
    }
    self->tried_us = now_us;
    *fresh = store_connect(self);
    return *fresh;
}

/* ---- owning ---- */

/* Something that was sent may not stand there, or another has written meanwhile. */
static void forget_written(struct redis_store *self)
{
    self->written_count = 0;
    if (self->remembers) {
        troth_routes_doubt(&self->routes);
        self->remembers = false;
    }
}

/* The question goes on the connection of narrowings, where nothing is in flight: so it is not held
 * up. What is in flight on the other was put by the same owner before. */
static troth_status ask_to_own(struct redis_store *self, const struct troth_fence *fence)
{
    struct troth_pipe *pipe = &self->narrowings;
    troth_pipe_begin(pipe);
    troth_fence_write_own(&pipe->out, &self->fences, fence);
    troth_status status =
        troth_pipe_end(pipe, (struct troth_pipe_entry){.partition = fence->claim.partition,
                                                       .applied = TROTH_OFFSET_NONE,
                                                       .kind = TROTH_PIPE_ASKS});
    if (status != TROTH_OK) {
        return status;
    }
    troth_pipe_release(pipe);
    status =
        troth_redis_store_checked(self, pipe, troth_pipe_pump(pipe, TROTH_PIPE_ANSWERED, OWN_US));
    if (status == TROTH_TIMED_OUT) {
        return troth_redis_store_drop(self, status, "no answer for a second");
    }
    return status;
}

troth_status troth_redis_store_own(struct troth_store *store, const struct troth_store_claim *claim,
                                   int64_t *applied)
{
    struct redis_store *self = redis_store_of(store);
    struct troth_fence *fence = troth_fences_find(&self->fences, claim->partition);
    const bool again = fence != NULL;
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    troth_status status = troth_fences_claim(&self->fences, claim, &fence);
    if (status != TROTH_OK) {
        snprintf(self->error, sizeof self->error, "partition %" PRId32 ": %s", claim->partition,
                 troth_status_meaning(status));
        return TROTH_REFUSED;
    }
    troth_pipe_forget(&self->main, claim->partition);
    status = ask_to_own(self, fence);
    if (status != TROTH_OK) {
        return status;
    }
    if (again) {
        forget_written(self);
    }
    if (self->narrowings.word == TROTH_FENCE_TAKEN) {
        self->counts.fenced++;
        snprintf(self->error, sizeof self->error,
                 "%s:shard:%" PRId32 " has a later owner than era %" PRId64 ", claim %" PRId64,
                 self->redis.prefix, claim->partition, claim->era, claim->claim);
        return TROTH_FENCED;
    }
    fence->owned = true;
    fence->applied = self->narrowings.word;
    *applied = self->narrowings.word;
    return TROTH_OK;
}

troth_status troth_redis_store_ownership(struct troth_store *store, int32_t partition)
{
    const struct troth_fence *fence = troth_fences_find(&redis_store_of(store)->fences, partition);
    return fence != NULL && fence->owned ? TROTH_OK : TROTH_NOT_FOUND;
}

troth_status troth_redis_store_rebuilt(struct troth_store *store, int32_t partition)
{
    struct redis_store *self = redis_store_of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    if (troth_redis_store_ownership(store, partition) != TROTH_OK) {
        return TROTH_NOT_FOUND;
    }
    troth_pipe_begin(&self->main);
    troth_fence_write_rebuilt(&self->main.out, &self->fences, partition);
    troth_redis_write_restated(&self->main.out, &self->stream, partition);
    return troth_pipe_end(&self->main, (struct troth_pipe_entry){.partition = partition,
                                                                 .applied = TROTH_OFFSET_NONE});
}

void troth_redis_store_check_idle(struct redis_store *self)
{
    const int64_t now_us = self->clock.monotonic_us(self->clock.context);
    for (uint32_t i = 0; i < self->fences.count; i++) {
        struct troth_fence *fence = &self->fences.items[i];
        if (!fence->owned || now_us - fence->checked_us < IDLE_US) {
            continue;
        }
        troth_pipe_begin(&self->main);
        troth_fence_write_check(&self->main.out, &self->fences, fence);
        const troth_status status =
            troth_pipe_end(&self->main, (struct troth_pipe_entry){.partition = (int32_t)i,
                                                                  .applied = TROTH_OFFSET_NONE,
                                                                  .kind = TROTH_PIPE_CHECKS});
        if (status != TROTH_OK) {
            return; /* there is much to send, which asks as well */
        }
        fence->checked_us = now_us;
    }
}
