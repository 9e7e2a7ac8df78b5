#include "tests/sim/sim_store.h"

#include <string.h>

#include "consumers/report.h"
#include "schemas/assert.h"

static struct sim_store *store_of(struct troth_store *base)
{
    return (struct sim_store *)(void *)base;
}

static void drop(struct sim_write *writes, size_t from, size_t *count)
{
    for (size_t i = from; i < *count; i++) {
        free(writes[i].report);
    }
    *count = 0;
}

/* Notes what Redis did not take: it is not ours any more there. */
static void note_refused(void *sender, uint32_t refused)
{
    struct sim_store *store = sender;
    for (int32_t p = 0; p < SIM_PARTITIONS_MAX; p++) {
        if ((refused >> p & 1U) != 0) {
            store->owned[p].era = 0;
        }
    }
}

static void arrive(struct sim_store *store, struct sim_write *writes, size_t *count)
{
    note_refused(store, sim_redis_write(store->redis, writes, *count));
    *count = 0;
}

void sim_store_break(struct sim_store *store)
{
    store->connected = false;
    sim_redis_hang_up(store->redis, store);
    memset(store->owned, 0, sizeof store->owned);
    drop(store->queued, 0, &store->queued_count);
    drop(store->narrowed, 0, &store->narrowed_count);
}

/* Counts a call. Returns whether there is a connection. */
static bool called(struct sim_store *store)
{
    const bool lives = sim_life_goes_on(store->life);
    const bool there = lives && !sim_redis_is_away(store->redis) &&
                       store->restarts == store->redis->restarts &&
                       (store->may_write == NULL || store->may_write(store->context));
    if (store->connected && !there) {
        sim_store_break(store);
    }
    return store->connected;
}

static bool connected(struct troth_store *base, bool *fresh)
{
    struct sim_store *store = store_of(base);
    *fresh = false;
    if (called(store)) {
        return true;
    }
    const int64_t now_us = store->redis->clock->monotonic_us;
    if (store->life->dead || now_us - store->tried_us < SIM_SECOND_US) {
        return false;
    }
    store->tried_us = now_us;
    *fresh = !sim_redis_is_away(store->redis) &&
             (store->may_write == NULL || store->may_write(store->context));
    store->connected = *fresh;
    store->restarts = store->redis->restarts;
    return store->connected;
}

static void name(char out[SIM_NAME_MAX], const char *text, size_t length)
{
    TROTH_ASSERT(length < SIM_NAME_MAX);
    memcpy(out, text, length);
    out[length] = '\0';
}

/* By what right a write is sent, as the connection owns its partition now. */
static void sign(const struct sim_store *store, struct sim_write *write, int64_t applied)
{
    write->era = store->owned[write->partition].era;
    write->claim = store->owned[write->partition].claim;
    write->applied = applied;
}

static bool owns(const struct sim_store *store, int32_t partition)
{
    return store->owned[partition].era > 0;
}

static troth_status own(struct troth_store *base, const struct troth_store_claim *claim,
                        int64_t *applied)
{
    struct sim_store *store = store_of(base);
    size_t kept = 0;
    if (!called(store)) {
        return TROTH_UNREACHABLE;
    }
    sim_redis_wait(store->redis, store);
    for (size_t i = 0; i < store->queued_count; i++) {
        if (store->queued[i].partition == claim->partition) {
            free(store->queued[i].report);
        } else {
            store->queued[kept++] = store->queued[i];
        }
    }
    store->queued_count = kept;
    if (!sim_redis_own(store->redis, claim->partition, claim->era, claim->claim, applied)) {
        store->owned[claim->partition].era = 0;
        return TROTH_FENCED;
    }
    store->owned[claim->partition] = *claim;
    return TROTH_OK;
}

static troth_status ownership(struct troth_store *base, int32_t partition)
{
    return owns(store_of(base), partition) ? TROTH_OK : TROTH_NOT_FOUND;
}

static struct sim_write of_standing(const struct sim_store *store,
                                    const struct troth_publication *standing)
{
    const struct troth_standing_view *view = standing->view;
    struct sim_write write = {.kind = SIM_WRITE_STANDING,
                              .rung = (uint8_t)view->standing->rung,
                              .cause = (uint8_t)view->standing->cause,
                              .whole = standing->whole,
                              .timid = standing->timid,
                              .score = standing->score.score,
                              .partition = standing->partition,
                              .version = view->rules->contract->version,
                              .cause_offset =
                                  troth_past_of(view->rules, view->standing)->cause_offset,
                              .as_of_us = standing->as_of_us};
    name(write.agent, view->agent.data, view->agent.length);
    name(write.contract, view->rules->contract->name, strlen(view->rules->contract->name));
    if (store->redis->keeps_reports) {
        json_t *report = troth_report_standing(standing->view);
        write.report = json_dumps(report, TROTH_REPORT_FLAGS);
        json_decref(report);
    }
    sign(store, &write, standing->applied);
    return write;
}

static struct sim_write of_agent(const struct sim_store *store,
                                 const struct troth_agent_publication *agent)
{
    struct sim_write write = {.kind = SIM_WRITE_AGENT,
                              .rung = agent->meet.rung,
                              .whole = agent->whole,
                              .guarded = agent->meet.guarded,
                              .score = agent->meet.score,
                              .partition = agent->partition,
                              .as_of_us = agent->as_of_us};
    name(write.agent, agent->agent.data, agent->agent.length);
    sign(store, &write, agent->applied);
    return write;
}

/* Nothing older of the agent may land after a narrowing of it: what is queued is taken back, and
 * what is on its way is waited for. */
static void clear_the_way(struct sim_store *store, const struct sim_write *standing)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->queued_count; i++) {
        struct sim_write *write = &store->queued[i];
        const bool same = strcmp(write->agent, standing->agent) == 0;
        if (same && (write->kind == SIM_WRITE_AGENT ||
                     (write->kind == SIM_WRITE_STANDING &&
                      strcmp(write->contract, standing->contract) == 0))) {
            free(write->report);
        } else {
            store->queued[kept++] = *write;
        }
    }
    store->queued_count = kept;
    sim_redis_wait(store->redis, store);
}

static troth_status narrow(struct troth_store *base, const struct troth_publication *standing,
                           const struct troth_agent_publication *agent, const char *record,
                           size_t record_length)
{
    struct sim_store *store = store_of(base);
    (void)record;
    TROTH_ASSERT(record_length > 0);
    if (!called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (!owns(store, standing->partition)) {
        return TROTH_NOT_FOUND;
    }
    /* Several may be put; each arrives at once, as it does by a buffer that is full. */
    arrive(store, store->narrowed, &store->narrowed_count);
    const struct sim_write written = of_standing(store, standing);
    clear_the_way(store, &written);
    store->narrowed[0] = written;
    store->narrowed[1] = of_agent(store, agent);
    store->narrowed[1].timid = standing->timid;
    store->narrowed_count = 2;
    return TROTH_OK;
}

static troth_status narrowed(struct troth_store *base, int64_t timeout_us)
{
    struct sim_store *store = store_of(base);
    if (!called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (timeout_us == 0 && store->narrowed_count > 0 &&
        random_below(store->redis->random, 4) == 0) {
        return TROTH_TIMED_OUT;
    }
    arrive(store, store->narrowed, &store->narrowed_count);
    return TROTH_OK;
}

/* In partition: what is put is of it; -1: of none. */
static troth_status may_put(struct sim_store *store, int32_t partition)
{
    if (!called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (partition >= 0 && !owns(store, partition)) {
        return TROTH_NOT_FOUND;
    }
    if (store->slow > 0) {
        store->slow--;
        sim_clock_move(store->redis->clock, 1000);
        return TROTH_FULL;
    }
    return TROTH_OK;
}

static troth_status put(struct sim_store *store, const struct sim_write *write)
{
    TROTH_ASSERT(store->queued_count < SIM_PUTS_MAX);
    store->queued[store->queued_count++] = *write;
    return TROTH_OK;
}

static troth_status announce(struct troth_store *base, int32_t partition, int64_t applied,
                             const char *record, size_t record_length)
{
    (void)record;
    TROTH_ASSERT(record_length > 0 && applied > 0);
    return may_put(store_of(base), partition);
}

static troth_status rebuilt(struct troth_store *base, int32_t partition)
{
    struct sim_store *store = store_of(base);
    const troth_status status = may_put(store, partition);
    if (status != TROTH_OK) {
        return status;
    }
    struct sim_write write = {.kind = SIM_WRITE_REBUILT, .partition = partition};
    sign(store, &write, TROTH_OFFSET_NONE);
    return put(store, &write);
}

/* Whether a narrowing of the agent has not arrived. */
static bool narrows(const struct sim_store *store, struct troth_text agent)
{
    return store->narrowed_count > 0 && strlen(store->narrowed[0].agent) == agent.length &&
           memcmp(store->narrowed[0].agent, agent.data, agent.length) == 0;
}

static troth_status put_standing(struct troth_store *base, const struct troth_publication *standing)
{
    struct sim_store *store = store_of(base);
    const troth_status status = may_put(store, standing->partition);
    if (status != TROTH_OK) {
        return status;
    }
    if (narrows(store, standing->view->agent)) {
        return TROTH_TIMED_OUT;
    }
    const struct sim_write write = of_standing(store, standing);
    return put(store, &write);
}

static troth_status put_agent(struct troth_store *base, const struct troth_agent_publication *agent)
{
    struct sim_store *store = store_of(base);
    const troth_status status = may_put(store, agent->partition);
    if (status != TROTH_OK) {
        return status;
    }
    if (narrows(store, agent->agent)) {
        return TROTH_TIMED_OUT;
    }
    const struct sim_write write = of_agent(store, agent);
    return put(store, &write);
}

static troth_status put_outage(struct troth_store *base,
                               const struct troth_outage_publication *outage)
{
    TROTH_ASSERT(outage->contract[0] != '\0');
    return may_put(store_of(base), outage->partition);
}

static troth_status put_week(struct troth_store *base, int32_t partition, int64_t applied,
                             const char *contract, int64_t number, const char *text, size_t length)
{
    TROTH_ASSERT(contract[0] != '\0' && number >= 0 && applied >= 0 &&
                 (text != NULL || length == 0));
    return may_put(store_of(base), partition);
}

static troth_status take_away(struct troth_store *base, int32_t partition, int64_t applied,
                              struct troth_text agent, const char *contract, bool last)
{
    struct sim_store *store = store_of(base);
    struct sim_write write = {.kind = SIM_WRITE_REMOVE, .last = last, .partition = partition};
    const troth_status status = may_put(store, partition);
    if (status != TROTH_OK) {
        return status;
    }
    if (narrows(store, agent)) {
        return TROTH_FULL;
    }
    name(write.agent, agent.data, agent.length);
    name(write.contract, contract, strlen(contract));
    sign(store, &write, applied);
    return put(store, &write);
}

static troth_status flush(struct troth_store *base)
{
    struct sim_store *store = store_of(base);
    const troth_status status = may_put(store, -1);
    if (status != TROTH_OK) {
        return status;
    }
    sim_redis_wait(store->redis, store);
    if (store->may_write == NULL && random_below(store->redis->random, 4) == 0) {
        const int64_t after_us = (int64_t)random_below(store->redis->random, 5 * SIM_SECOND_US);
        sim_redis_write_late(store->redis, store, store->queued, store->queued_count, after_us);
        store->queued_count = 0;
    } else {
        arrive(store, store->queued, &store->queued_count);
    }
    return TROTH_OK;
}

static troth_status acknowledged(struct troth_store *base, int64_t timeout_us)
{
    struct sim_store *store = store_of(base);
    if (!called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (store->silent > 0) {
        store->silent--;
        sim_clock_move(store->redis->clock, timeout_us);
        sim_store_break(store);
        return TROTH_TIMED_OUT;
    }
    sim_redis_wait(store->redis, store);
    return TROTH_OK;
}

static const char *error(struct troth_store *base)
{
    (void)base;
    return "the simulated store failed";
}

static void close_store(struct troth_store *base)
{
    sim_store_break(store_of(base));
}

void sim_store_open(struct sim_store *store, struct sim_redis *redis, struct sim_life *life)
{
    memset(store, 0, sizeof *store);
    store->store = (struct troth_store){.connected = connected,
                                        .own = own,
                                        .ownership = ownership,
                                        .rebuilt = rebuilt,
                                        .narrow = narrow,
                                        .narrowed = narrowed,
                                        .announce = announce,
                                        .put_standing = put_standing,
                                        .put_agent = put_agent,
                                        .put_outage = put_outage,
                                        .put_week = put_week,
                                        .remove = take_away,
                                        .flush = flush,
                                        .acknowledged = acknowledged,
                                        .error = error,
                                        .close = close_store};
    store->redis = redis;
    redis->answer = note_refused;
    store->life = life;
    store->tried_us = INT64_MIN / 2;
}
