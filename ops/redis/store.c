#include "ops/redis/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/redis/layout.h"
#include "ops/redis/store_state.h"
#include "schemas/assert.h"
#include "scoring/agents.h"

enum {
    WAITING_MAX = 128 * 1024
}; /* bytes unanswered, some 3 ms of Redis' work, until it is full */

#define NARROW_US  INT64_C(1000000) /* that a narrowing may wait for its answer */
#define NOT_YET_US INT64_MIN        /* no try was made */

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
    return (troth_agents_hash(agent) * 31 + troth_agents_hash(troth_text_of(contract))) | 1;
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

/* Returns whether something of a partition may be put: TROTH_OK, TROTH_UNREACHABLE or
 * TROTH_NOT_FOUND. */
static troth_status may_put(struct redis_store *self, int32_t partition)
{
    return self->main.context == NULL ? TROTH_UNREACHABLE
                                      : troth_redis_store_ownership(&self->store, partition);
}

/* Queues what was written since troth_pipe_begin. In view: a later state replaces it. */
static troth_status end_entry(struct troth_pipe *pipe, int32_t partition, int64_t applied,
                              uint64_t tag, bool view)
{
    return troth_pipe_end(
        pipe, (struct troth_pipe_entry){
                  .partition = partition, .applied = applied, .tag = tag, .view = view});
}

/* Writes a contract the first time that it is met, for those who explain standings. */
static troth_status put_contract(struct redis_store *self, int32_t partition,
                                 const struct troth_contract *contract)
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
    status = end_entry(&self->main, partition, TROTH_OFFSET_NONE, 0, false);
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
static troth_status put_capabilities(struct redis_store *self, int32_t partition,
                                     const struct troth_meet *meet)
{
    for (unsigned i = 0; i < meet->capability_count; i++) {
        if (troth_routes_has(&self->routes, meet->capabilities[i])) {
            continue;
        }
        troth_pipe_begin(&self->main);
        troth_redis_write_capability(&self->main.out, self->redis.prefix, meet->capabilities[i]);
        const troth_status status = end_entry(&self->main, partition, TROTH_OFFSET_NONE, 0, false);
        if (status != TROTH_OK) {
            return status;
        }
        self->remembers = true;
        if (!troth_routes_add(&self->routes, meet->capabilities[i])) {
            snprintf(self->error, sizeof self->error,
                     "more than %d capabilities; agents may stay listed for %s after they lost it",
                     TROTH_ROUTES_MAX, meet->capabilities[i]);
        }
    }
    return TROTH_OK;
}

static void remember(struct redis_store *self, uint64_t agent, uint64_t set)
{
    troth_routes_remember(&self->routes, agent, set);
    self->remembers = true;
}

/* The capabilities in whose sets an agent stands, and whether on probation. */
struct places {
    const char *const *capabilities;
    unsigned count;
    bool probation;
};

static struct places places_of(const struct troth_agent_publication *agent)
{
    return (struct places){.capabilities = agent->meet.capabilities,
                           .count = troth_redis_is_routed(agent) ? agent->meet.capability_count : 0,
                           .probation = troth_redis_is_probationary(agent)};
}

static uint64_t set_of(const struct places *places)
{
    return troth_routes_set(places->capabilities, places->count, places->probation);
}

/* Takes an agent out of the sets of all capabilities but its own. */
static void write_unroutes(const struct redis_store *self, struct troth_resp *out,
                           struct troth_text agent, const struct places *places)
{
    for (uint32_t i = 0; i < self->routes.count; i++) {
        bool keep = false;
        for (unsigned k = 0; k < places->count && !keep; k++) {
            keep = strcmp(self->routes.names[i], places->capabilities[k]) == 0;
        }
        if (!keep) {
            troth_redis_write_unroute(out, self->redis.prefix, agent, self->routes.names[i]);
        }
        if (!keep || !places->probation) {
            troth_redis_write_unprobation(out, self->redis.prefix, agent, self->routes.names[i]);
        }
    }
}

/* Whether a narrowing of the agent is not answered: what is put now might land before it. */
static bool awaits_narrowing(const struct redis_store *self, struct troth_text agent)
{
    return self->narrowings.count > 0 && troth_pipe_holds(&self->narrowings, agent_tag(agent));
}

static troth_status store_put_standing(struct troth_store *store,
                                       const struct troth_publication *standing)
{
    struct redis_store *self = redis_store_of(store);
    troth_status status = may_put(self, standing->partition);
    if (status != TROTH_OK) {
        return status;
    }
    if (awaits_narrowing(self, standing->view->agent)) {
        return TROTH_TIMED_OUT;
    }
    const struct troth_contract *contract = standing->view->rules->contract;
    status = put_contract(self, standing->partition, contract);
    if (status != TROTH_OK) {
        return status;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_standing(&self->main.out, self->redis.prefix, standing);
    status = end_entry(&self->main, standing->partition, standing->applied,
                       standing_tag(standing->view->agent, contract->name), true);
    self->counts.standings += status == TROTH_OK;
    return status;
}

static troth_status store_put_agent(struct troth_store *store,
                                    const struct troth_agent_publication *agent)
{
    struct redis_store *self = redis_store_of(store);
    troth_status status = may_put(self, agent->partition);
    if (status != TROTH_OK) {
        return status;
    }
    if (awaits_narrowing(self, agent->agent)) {
        return TROTH_TIMED_OUT;
    }
    status = put_capabilities(self, agent->partition, &agent->meet);
    if (status != TROTH_OK) {
        return status;
    }
    const uint64_t tag = agent_tag(agent->agent);
    const struct places places = places_of(agent);
    const uint64_t set = set_of(&places);
    const bool moves = !troth_routes_is(&self->routes, tag, set);
    troth_pipe_begin(&self->main);
    troth_redis_write_agent(&self->main.out, self->redis.prefix, agent, moves);
    if (moves) {
        write_unroutes(self, &self->main.out, agent->agent, &places);
    }
    status = end_entry(&self->main, agent->partition, agent->applied, tag, true);
    if (status == TROTH_OK) {
        remember(self, tag, set);
        self->counts.agents++;
    }
    return status;
}

static troth_status store_announce(struct troth_store *store, int32_t partition, int64_t applied,
                                   const char *record, size_t record_length)
{
    struct redis_store *self = redis_store_of(store);
    troth_status status = may_put(self, partition);
    if (status != TROTH_OK) {
        return status;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_record(&self->main.out, &self->stream, record, record_length, false);
    return end_entry(&self->main, partition, applied, 0, false);
}

static troth_status store_put_outage(struct troth_store *store,
                                     const struct troth_outage_publication *outage)
{
    struct redis_store *self = redis_store_of(store);
    const troth_status status = may_put(self, outage->partition);
    if (status != TROTH_OK) {
        return status;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_outage(&self->main.out, self->redis.prefix, outage);
    return end_entry(&self->main, outage->partition, outage->applied, 0, false);
}

static troth_status store_put_week(struct troth_store *store, int32_t partition, int64_t applied,
                                   const char *contract, int64_t number, const char *text,
                                   size_t length)
{
    struct redis_store *self = redis_store_of(store);
    const troth_status status = may_put(self, partition);
    if (status != TROTH_OK) {
        return status;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_week(&self->main.out, self->redis.prefix, partition, contract, number, text,
                           length);
    return end_entry(&self->main, partition, applied, 0, false);
}

static troth_status store_remove(struct troth_store *store, int32_t partition, int64_t applied,
                                 struct troth_text agent, const char *contract, bool last)
{
    struct redis_store *self = redis_store_of(store);
    troth_status status = may_put(self, partition);
    if (status != TROTH_OK) {
        return status;
    }
    if (awaits_narrowing(self, agent)) {
        return TROTH_FULL;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_standing_end(&self->main.out, self->redis.prefix, agent, contract);
    status = end_entry(&self->main, partition, applied, standing_tag(agent, contract), false);
    if (status != TROTH_OK || !last) {
        return status;
    }
    troth_pipe_begin(&self->main);
    troth_redis_write_agent_end(&self->main.out, self->redis.prefix, agent);
    const struct places none = {0};
    write_unroutes(self, &self->main.out, agent, &none);
    status = end_entry(&self->main, partition, applied, agent_tag(agent), false);
    if (status == TROTH_OK) {
        remember(self, agent_tag(agent), set_of(&none));
    }
    return status;
}

/* ---- what goes out ---- */

static troth_status store_flush(struct troth_store *store)
{
    struct redis_store *self = redis_store_of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    troth_redis_store_check_idle(self);
    troth_pipe_release(&self->main);
    const troth_status status = troth_redis_store_checked(
        self, &self->main, troth_pipe_pump(&self->main, TROTH_PIPE_SENT, 0));
    if (status != TROTH_OK && status != TROTH_TIMED_OUT) {
        return status;
    }
    /* What is left goes with the next flush. */
    const size_t waiting = self->main.out.length - self->main.taken + self->main.bytes_flying;
    if (waiting <= WAITING_MAX) {
        return TROTH_OK;
    }
    snprintf(self->error, sizeof self->error,
             "Redis is slower than what is published: %u commands wait", self->main.count);
    return TROTH_FULL;
}

static troth_status store_acknowledged(struct troth_store *store, int64_t timeout_us)
{
    struct redis_store *self = redis_store_of(store);
    if (self->main.context == NULL) {
        return TROTH_UNREACHABLE;
    }
    const troth_status status = troth_redis_store_checked(
        self, &self->main, troth_pipe_pump(&self->main, TROTH_PIPE_ANSWERED, timeout_us));
    return status == TROTH_OK ? troth_redis_store_refusals(self, &self->main) : status;
}

static bool store_quiet(struct troth_store *store)
{
    struct redis_store *self = redis_store_of(store);
    if (self->main.context == NULL) {
        return false;
    }
    const troth_status status =
        troth_redis_store_checked(self, &self->main, troth_pipe_hear(&self->main));
    return status == TROTH_OK && self->main.count == 0;
}

/* Makes sure that nothing older about the agent and its standing comes after a narrowing. */
static troth_status clear_the_way(struct redis_store *self, uint64_t standing, uint64_t agent)
{
    troth_pipe_take_back(&self->main, standing);
    troth_pipe_take_back(&self->main, agent);
    const troth_status status = troth_pipe_settle(&self->main, standing, NARROW_US);
    return troth_redis_store_checked(
        self, &self->main,
        status == TROTH_OK ? troth_pipe_settle(&self->main, agent, NARROW_US) : status);
}

/* One entry, so one chunk has all of it. A timid one brings its own frame. */
static void write_narrowing(struct redis_store *self, const struct troth_publication *standing,
                            const struct troth_agent_publication *agent, const char *record,
                            size_t record_length)
{
    struct troth_resp *out = &self->narrowings.out;
    const struct places places = places_of(agent);
    const char *prefix = self->redis.prefix;
    if (standing->timid) {
        troth_fence_write_timid(
            out, &self->fences, troth_fences_find(&self->fences, standing->partition), agent->agent,
            standing->view->rules->contract->name, standing->view->standing->rung,
            agent->meet.any ? agent->meet.rung : TROTH_RUNG_PAUSE);
    }
    troth_redis_write_agent(out, prefix, agent, true);
    write_unroutes(self, out, agent->agent, &places);
    troth_redis_write_standing(out, prefix, standing);
    troth_redis_write_record(out, &self->stream, record, record_length, true);
    if (standing->timid) {
        troth_fence_write_end(out);
    }
}

static troth_status store_narrow(struct troth_store *store,
                                 const struct troth_publication *standing,
                                 const struct troth_agent_publication *agent, const char *record,
                                 size_t record_length)
{
    struct redis_store *self = redis_store_of(store);
    const struct troth_contract *contract = standing->view->rules->contract;
    const uint64_t tag = agent_tag(agent->agent);
    troth_status status = may_put(self, standing->partition);
    if (status != TROTH_OK) {
        return status;
    }
    status = clear_the_way(self, standing_tag(standing->view->agent, contract->name), tag);
    if (status != TROTH_OK) {
        return status == TROTH_TIMED_OUT
                   ? troth_redis_store_drop(self, TROTH_TIMED_OUT, "no answer for a second")
                   : status;
    }
    status = put_contract(self, standing->partition, contract);
    status =
        status == TROTH_OK ? put_capabilities(self, standing->partition, &agent->meet) : status;
    if (status != TROTH_OK) {
        return status;
    }
    troth_pipe_begin(&self->narrowings);
    write_narrowing(self, standing, agent, record, record_length);
    status = troth_pipe_end(
        &self->narrowings,
        (struct troth_pipe_entry){.partition = standing->partition,
                                  .applied = standing->applied,
                                  .tag = tag,
                                  .kind = standing->timid ? TROTH_PIPE_FRAMED : TROTH_PIPE_WRITES});
    if (status == TROTH_OK) {
        /* Where it may be passed over, it is not known which sets the agent stands in. */
        const struct places places = places_of(agent);
        remember(self, tag, standing->timid ? 0 : set_of(&places));
        self->counts.narrowings++;
    }
    return status;
}

static troth_status store_narrowed(struct troth_store *store, int64_t timeout_us)
{
    struct redis_store *self = redis_store_of(store);
    struct troth_pipe *pipe = &self->narrowings;
    if (pipe->context == NULL) {
        return TROTH_UNREACHABLE;
    }
    troth_pipe_release(pipe);
    const troth_status status = troth_redis_store_checked(
        self, pipe, troth_pipe_pump(pipe, TROTH_PIPE_ANSWERED, timeout_us));
    if (status == TROTH_TIMED_OUT &&
        self->clock.monotonic_us(self->clock.context) - pipe->heard_us > NARROW_US) {
        /* It may still be carried out, after what we send next: only a new connection is sure. */
        return troth_redis_store_drop(self, TROTH_UNREACHABLE,
                                      "no answer to a narrowing for a second");
    }
    return status == TROTH_OK ? troth_redis_store_refusals(self, pipe) : status;
}

static const char *store_error(struct troth_store *store)
{
    return redis_store_of(store)->error;
}

static void store_close(struct troth_store *store)
{
    if (store == NULL) {
        return;
    }
    struct redis_store *self = redis_store_of(store);
    troth_pipe_fini(&self->main);
    troth_pipe_fini(&self->narrowings);
    troth_routes_fini(&self->routes);
    troth_fences_fini(&self->fences);
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
    counts->fenced += self->main.fenced + self->narrowings.fenced;
}

troth_status troth_redis_store_open_with(const struct troth_redis_store_config *config,
                                         struct troth_store **store)
{
    struct redis_store *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TROTH_NO_MEMORY;
    }
    const size_t buffer_max = config->buffer_max > 0 ? config->buffer_max : TROTH_REDIS_BUFFER;
    self->store = (struct troth_store){.connected = troth_redis_store_connected,
                                       .own = troth_redis_store_own,
                                       .ownership = troth_redis_store_ownership,
                                       .rebuilt = troth_redis_store_rebuilt,
                                       .narrow = store_narrow,
                                       .narrowed = store_narrowed,
                                       .announce = store_announce,
                                       .put_standing = store_put_standing,
                                       .put_agent = store_put_agent,
                                       .put_outage = store_put_outage,
                                       .put_week = store_put_week,
                                       .remove = store_remove,
                                       .flush = store_flush,
                                       .acknowledged = store_acknowledged,
                                       .quiet = store_quiet,
                                       .error = store_error,
                                       .close = store_close};
    self->redis = config->redis;
    self->stream = (struct troth_redis_stream){.prefix = config->redis.prefix,
                                               .length = config->redis.stream_length > 0
                                                             ? config->redis.stream_length
                                                             : TROTH_REDIS_STREAM_LENGTH};
    self->clock = config->clock;
    self->tried_us = NOT_YET_US;
    self->json = malloc(TROTH_CONTRACT_LENGTH_MAX);
    troth_fences_init(&self->fences, self->redis.prefix);
    if (self->json == NULL ||
        troth_pipe_init(&self->main, buffer_max, config->clock, &self->fences) != TROTH_OK ||
        troth_pipe_init(&self->narrowings, buffer_max, config->clock, &self->fences) != TROTH_OK ||
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
