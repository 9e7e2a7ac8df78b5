#include "ops/redis_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/redis_layout.h"
#include "ops/redis_meta.h"
#include "ops/redis_pipe.h"
#include "ops/redis_routes.h"
#include "schemas/assert.h"
#include "scoring/agents.h"

#define RETRY_US   INT64_C(1000000)  /* between two tries to connect */
#define FLUSH_US   INT64_C(20000)    /* that a flush may wait for the socket */
#define NARROW_US  INT64_C(1000000)  /* that a narrowing may wait for its answer */
#define NOT_YET_US INT64_MIN         /* no try was made */
#define REBUILD_US INT64_C(60000000) /* after which a fresh view passes for whole in any case */

struct redis_store {
    struct troth_store store; /* first: a store is cast to us */
    struct troth_redis_config redis;
    struct troth_clock clock;
    int64_t era;
    int64_t tried_us;
    struct troth_pipe main;
    struct troth_pipe narrowings;
    struct troth_routes routes;
    struct {
        const struct troth_contract *contract; /* as an address alone: it may be gone */
        int64_t version;
        char name[TROTH_NAME_LENGTH_MAX + 1];
    } written[TROTH_CONTRACTS_MAX]; /* contracts that Redis has; the oldest makes room */
    uint32_t written_count;
    uint32_t written_turn;
    uint32_t written_last; /* where the last one asked for stands */
    char *json;            /* room for one contract */
    bool rebuilding;       /* Redis was found empty, or half filled, and we say so in it */
    bool published;        /* something was put since the connection was made */
    bool quiet;            /* nothing was put since the last flush */
    int64_t connected_us;  /* when the connection was made */
    struct troth_redis_store_counts counts;
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
};

static struct redis_store *of(struct troth_store *store)
{
    return (struct redis_store *)(void *)store;
}

static uint64_t refusals(const struct redis_store *self)
{
    return self->main.refusals + self->narrowings.refusals;
}

static uint64_t agent_tag(struct troth_text agent)
{
    return troth_agents_hash(agent) | 1;
}

static uint64_t standing_tag(struct troth_text agent, const char *contract)
{
    return (troth_agents_hash(agent) * 31 + troth_agents_hash(troth_resp_text(contract))) | 1;
}

/* Drops both connections and what we know of the server. Returns the status given. */
static troth_status drop(struct redis_store *self, troth_status status, const char *why)
{
    if (self->main.context != NULL || self->narrowings.context != NULL) {
        self->counts.losses++;
    }
    snprintf(self->error, sizeof self->error, "%s", why);
    troth_pipe_close(&self->main);
    troth_pipe_close(&self->narrowings);
    troth_routes_clear(&self->routes);
    self->written_count = 0;
    self->published = false;
    return status;
}

/* A pipe's status, of which a loss drops the other pipe too. */
static troth_status checked(struct redis_store *self, const struct troth_pipe *pipe,
                            troth_status status)
{
    if (status != TROTH_UNREACHABLE) {
        return status;
    }
    char why[TROTH_REDIS_ERROR_LENGTH_MAX];
    snprintf(why, sizeof why, "%s", pipe->error);
    return drop(self, TROTH_UNREACHABLE, why);
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
        troth_redis_meta_begin(&self->redis, main, self->era, &self->rebuilding, &self->routes,
                               self->error) != TROTH_OK ||
        troth_redis_connect(&self->redis, TROTH_REDIS_CONNECT_US, &narrowings, self->error) !=
            TROTH_OK) {
        redisFree(main);
        troth_routes_clear(&self->routes);
        return false;
    }
    troth_pipe_open(&self->main, main);
    troth_pipe_open(&self->narrowings, narrowings);
    self->connected_us = self->clock.monotonic_us(self->clock.context);
    self->counts.connects++;
    return true;
}

static bool store_connected(struct troth_store *store, bool *fresh)
{
    struct redis_store *self = of(store);
    *fresh = false;
    if (self->main.context != NULL &&
        checked(self, &self->main, troth_pipe_hear(&self->main)) == TROTH_OK &&
        checked(self, &self->narrowings, troth_pipe_hear(&self->narrowings)) == TROTH_OK) {
        return true;
    }
    const int64_t now_us = self->clock.monotonic_us(self->clock.context);
    if (self->tried_us != NOT_YET_US && now_us - self->tried_us < RETRY_US) {
        return false;
    }
    self->tried_us = now_us;
    *fresh = store_connect(self);
    return *fresh;
}

/* ---- what is put ---- */

static bool is_written(struct redis_store *self, const struct troth_contract *contract)
{
    for (uint32_t i = 0; i < self->written_count; i++) {
        const uint32_t at = (self->written_last + i) % self->written_count;
        if (self->written[at].contract == contract &&
            self->written[at].version == contract->version &&
            strcmp(self->written[at].name, contract->name) == 0) {
            self->written_last = at;
            return true;
        }
    }
    return false;
}

/* Writes a contract the first time that it is met, for those who explain standings. */
static troth_status put_contract(struct redis_store *self, const struct troth_contract *contract)
{
    if (is_written(self, contract)) {
        return TROTH_OK;
    }
    size_t length = 0;
    troth_status status =
        troth_contract_write(contract, self->json, TROTH_CONTRACT_LENGTH_MAX, &length);
    TROTH_ASSERT(status == TROTH_OK);
    troth_pipe_begin(&self->main);
    troth_redis_write_contract(&self->main.out, self->redis.prefix, contract, self->json, length);
    status = troth_pipe_end(&self->main, 0, false);
    if (status != TROTH_OK) {
        return status;
    }
    const bool full = self->written_count == TROTH_CONTRACTS_MAX;
    const uint32_t at = full ? self->written_turn++ % TROTH_CONTRACTS_MAX : self->written_count++;
    self->written[at].contract = contract;
    self->written[at].version = contract->version;
    memcpy(self->written[at].name, contract->name, sizeof contract->name);
    return TROTH_OK;
}

/* Makes the capabilities of a meet known, before an agent is put into their sets. */
static troth_status put_capabilities(struct redis_store *self, const struct troth_meet *meet)
{
    for (unsigned i = 0; i < meet->capability_count; i++) {
        if (troth_routes_has(&self->routes, meet->capabilities[i])) {
            continue;
        }
        troth_pipe_begin(&self->main);
        troth_redis_write_capability(&self->main.out, self->redis.prefix, meet->capabilities[i]);
        const troth_status status = troth_pipe_end(&self->main, 0, false);
        if (status != TROTH_OK) {
            return status;
        }
        if (!troth_routes_add(&self->routes, meet->capabilities[i])) {
            snprintf(self->error, sizeof self->error,
                     "more than %d capabilities; agents may stay listed for %s after they lost it",
                     TROTH_ROUTES_MAX, meet->capabilities[i]);
        }
    }
    return TROTH_OK;
}

static unsigned routed_count(const struct troth_agent_publication *agent)
{
    return troth_redis_is_routed(agent) ? agent->meet.capability_count : 0;
}

/* Takes an agent out of the sets of all capabilities but those given. */
static void write_unroutes(const struct redis_store *self, struct troth_resp *out,
                           struct troth_text agent, const char *const *kept, unsigned kept_count)
{
    for (uint32_t i = 0; i < self->routes.count; i++) {
        bool keep = false;
        for (unsigned k = 0; k < kept_count && !keep; k++) {
            keep = strcmp(self->routes.names[i], kept[k]) == 0;
        }
        if (!keep) {
            troth_redis_write_unroute(out, self->redis.prefix, agent, self->routes.names[i]);
        }
    }
}

static troth_status store_put_standing(struct troth_store *store,
                                       const struct troth_publication *standing)
{
    struct redis_store *self = of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    const struct troth_contract *contract = standing->view->rules->contract;
    troth_status status = put_contract(self, contract);
    if (status != TROTH_OK) {
        return status;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_standing(&self->main.out, self->redis.prefix, standing);
    status = troth_pipe_end(&self->main, standing_tag(standing->view->agent, contract->name), true);
    self->counts.standings += status == TROTH_OK;
    self->published = true;
    self->quiet = false;
    return status;
}

static troth_status store_put_agent(struct troth_store *store,
                                    const struct troth_agent_publication *agent)
{
    struct redis_store *self = of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    troth_status status = put_capabilities(self, &agent->meet);
    if (status != TROTH_OK) {
        return status;
    }
    const uint64_t tag = agent_tag(agent->agent);
    const unsigned count = routed_count(agent);
    const uint64_t set = troth_routes_set(agent->meet.capabilities, count);
    troth_pipe_begin(&self->main);
    troth_redis_write_agent(&self->main.out, self->redis.prefix, agent);
    if (!troth_routes_is(&self->routes, tag, set)) {
        write_unroutes(self, &self->main.out, agent->agent, agent->meet.capabilities, count);
    }
    status = troth_pipe_end(&self->main, tag, true);
    if (status == TROTH_OK) {
        troth_routes_remember(&self->routes, tag, set);
        self->counts.agents++;
    }
    return status;
}

static troth_status store_announce(struct troth_store *store, const char *record,
                                   size_t record_length)
{
    struct redis_store *self = of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_record(&self->main.out, self->redis.prefix, record, record_length, false);
    return troth_pipe_end(&self->main, 0, false);
}

static troth_status store_remove(struct troth_store *store, struct troth_text agent,
                                 const char *contract, bool last)
{
    struct redis_store *self = of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_standing_end(&self->main.out, self->redis.prefix, agent, contract);
    troth_status status = troth_pipe_end(&self->main, standing_tag(agent, contract), false);
    if (status != TROTH_OK || !last) {
        return status;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_agent_end(&self->main.out, self->redis.prefix, agent);
    write_unroutes(self, &self->main.out, agent, NULL, 0);
    status = troth_pipe_end(&self->main, agent_tag(agent), false);
    if (status == TROTH_OK) {
        troth_routes_remember(&self->routes, agent_tag(agent), troth_routes_set(NULL, 0));
    }
    return status;
}

/* ---- what goes out ---- */

/* Says that the view is whole again: once all that was put is answered and there was nothing more
 * to put, or after a minute, since a busy log always has more. */
static void end_rebuilding(struct redis_store *self)
{
    const int64_t now_us = self->clock.monotonic_us(self->clock.context);
    const bool settled = self->quiet && self->main.count == 0;
    if (!self->rebuilding || !self->published ||
        (!settled && now_us - self->connected_us < REBUILD_US)) {
        return;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_rebuilt(&self->main.out, self->redis.prefix);
    self->rebuilding = troth_pipe_end(&self->main, 0, false) != TROTH_OK;
}

static troth_status store_flush(struct troth_store *store)
{
    struct redis_store *self = of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    end_rebuilding(self);
    self->quiet = true;
    troth_pipe_release(&self->main);
    const troth_status status = troth_pipe_pump(&self->main, TROTH_PIPE_SENT, FLUSH_US);
    if (status != TROTH_TIMED_OUT) {
        return checked(self, &self->main, status);
    }
    /* What is left goes with the next flush, as long as it does not grow without end. */
    const bool crowded = self->main.count > TROTH_PIPE_ENTRIES_MAX / 2 ||
                         self->main.out.length > self->main.out.limit / 2;
    if (crowded) {
        snprintf(self->error, sizeof self->error,
                 "Redis is slower than what is published: %u commands wait", self->main.count);
    }
    return crowded ? TROTH_FULL : TROTH_OK;
}

/* Returns TROTH_REFUSED where an error came since this was last asked. */
static troth_status take_refusals(struct redis_store *self, struct troth_pipe *pipe)
{
    if (pipe->refusals == pipe->refusals_told) {
        return TROTH_OK;
    }
    pipe->refusals_told = pipe->refusals;
    snprintf(self->error, sizeof self->error, "%s", pipe->error);
    troth_routes_forget(&self->routes); /* an agent may not be in the sets that it was put into */
    return TROTH_REFUSED;
}

static troth_status store_acknowledged(struct troth_store *store, int64_t timeout_us)
{
    struct redis_store *self = of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    const troth_status status =
        checked(self, &self->main, troth_pipe_pump(&self->main, TROTH_PIPE_ANSWERED, timeout_us));
    return status == TROTH_OK ? take_refusals(self, &self->main) : status;
}

/* Makes sure that nothing older about the agent and its standing comes after a narrowing. */
static troth_status clear_the_way(struct redis_store *self, uint64_t standing, uint64_t agent)
{
    troth_pipe_take_back(&self->main, standing);
    troth_pipe_take_back(&self->main, agent);
    const troth_status status = troth_pipe_settle(&self->main, standing, NARROW_US);
    return checked(self, &self->main,
                   status == TROTH_OK ? troth_pipe_settle(&self->main, agent, NARROW_US) : status);
}

static void write_narrowing(struct redis_store *self, const struct troth_publication *standing,
                            const struct troth_agent_publication *agent, const char *record,
                            size_t record_length)
{
    struct troth_resp *out = &self->narrowings.out;
    const char *prefix = self->redis.prefix;
    troth_resp_begin(out, "MULTI");
    troth_resp_end(out);
    troth_redis_write_agent(out, prefix, agent);
    write_unroutes(self, out, agent->agent, agent->meet.capabilities, routed_count(agent));
    troth_redis_write_standing(out, prefix, standing);
    troth_redis_write_record(out, prefix, record, record_length, true);
    troth_resp_begin(out, "EXEC");
    troth_resp_end(out);
}

static troth_status store_narrow(struct troth_store *store,
                                 const struct troth_publication *standing,
                                 const struct troth_agent_publication *agent, const char *record,
                                 size_t record_length)
{
    struct redis_store *self = of(store);
    const struct troth_contract *contract = standing->view->rules->contract;
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    const uint64_t tag = agent_tag(agent->agent);
    troth_status status =
        clear_the_way(self, standing_tag(standing->view->agent, contract->name), tag);
    if (status != TROTH_OK) {
        return status == TROTH_TIMED_OUT ? drop(self, TROTH_TIMED_OUT, "no answer for a second")
                                         : status;
    }
    status = put_contract(self, contract);
    status = status == TROTH_OK ? put_capabilities(self, &agent->meet) : status;
    if (status != TROTH_OK) {
        return status;
    }
    troth_pipe_begin(&self->narrowings);
    write_narrowing(self, standing, agent, record, record_length);
    status = troth_pipe_end(&self->narrowings, tag, false);
    if (status == TROTH_OK) {
        troth_routes_remember(&self->routes, tag,
                              troth_routes_set(agent->meet.capabilities, routed_count(agent)));
        self->counts.narrowings++;
    }
    return status;
}

static troth_status store_narrowed(struct troth_store *store)
{
    struct redis_store *self = of(store);
    if (self->narrowings.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    troth_pipe_release(&self->narrowings);
    const troth_status status =
        checked(self, &self->narrowings,
                troth_pipe_pump(&self->narrowings, TROTH_PIPE_ANSWERED, NARROW_US));
    if (status == TROTH_TIMED_OUT) {
        /* It may still be carried out, after what we send next: only a new connection is sure. */
        return drop(self, TROTH_TIMED_OUT, "no answer to a narrowing for a second");
    }
    return status == TROTH_OK ? take_refusals(self, &self->narrowings) : status;
}

static const char *store_error(struct troth_store *store)
{
    return of(store)->error;
}

static void store_close(struct troth_store *store)
{
    if (store == NULL) {
        return;
    }
    struct redis_store *self = of(store);
    troth_pipe_fini(&self->main);
    troth_pipe_fini(&self->narrowings);
    troth_routes_fini(&self->routes);
    free(self->json);
    free(self);
}

void troth_redis_store_count(const struct troth_store *store,
                             struct troth_redis_store_counts *counts)
{
    const struct redis_store *self = (const struct redis_store *)(const void *)store;
    *counts = self->counts;
    counts->refusals = refusals(self);
    counts->bytes = self->main.bytes_written + self->narrowings.bytes_written;
}

troth_status troth_redis_store_open_with(const struct troth_redis_store_config *config,
                                         struct troth_store **store)
{
    struct redis_store *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TROTH_NO_MEMORY;
    }
    const size_t buffer_max = config->buffer_max > 0 ? config->buffer_max : TROTH_REDIS_BUFFER;
    self->store = (struct troth_store){.connected = store_connected,
                                       .narrow = store_narrow,
                                       .narrowed = store_narrowed,
                                       .announce = store_announce,
                                       .put_standing = store_put_standing,
                                       .put_agent = store_put_agent,
                                       .remove = store_remove,
                                       .flush = store_flush,
                                       .acknowledged = store_acknowledged,
                                       .error = store_error,
                                       .close = store_close};
    self->redis = config->redis;
    self->clock = config->clock;
    self->era = config->era > 0 ? config->era : 1;
    self->tried_us = NOT_YET_US;
    self->json = malloc(TROTH_CONTRACT_LENGTH_MAX);
    if (self->json == NULL || troth_pipe_init(&self->main, buffer_max, config->clock) != TROTH_OK ||
        troth_pipe_init(&self->narrowings, buffer_max, config->clock) != TROTH_OK ||
        troth_routes_init(&self->routes) != TROTH_OK) {
        store_close(&self->store);
        return TROTH_NO_MEMORY;
    }
    *store = &self->store;
    return TROTH_OK;
}

troth_status troth_redis_store_open(const struct troth_redis_config *redis,
                                    struct troth_store **store,
                                    char error[TROTH_REDIS_ERROR_LENGTH_MAX])
{
    const struct troth_redis_store_config config = {.redis = *redis, .clock = troth_clock_system()};
    const troth_status status = troth_redis_store_open_with(&config, store);
    snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "%s",
             status == TROTH_OK ? "" : "no memory for what is to be published");
    return status;
}
