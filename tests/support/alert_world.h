/*
 * A set of alerts with a clock of its own, and short ways to say what workers tell and what is
 * sent. What is sent is kept by target, as an Alertmanager would: by identity, firing or not.
 */
#ifndef TROTH_TESTS_SUPPORT_ALERT_WORLD_H
#define TROTH_TESTS_SUPPORT_ALERT_WORLD_H

#include "tests/support/test.h"

#include <string.h>

#include "ops/alert/json.h"
#include "ops/alert/set.h"
#include "scoring/ladder.h"

enum { ALERTS_HELD_MAX = 20000, ALERT_SECOND_US = 1000000 };

/* An alert as an Alertmanager holds it. */
struct alert_held {
    char identity[256]; /* form, contract, agent */
    bool firing;
    bool together;
    int64_t starts_us;
    int64_t ends_us;
    uint64_t count;
    unsigned sent; /* times */
};

struct alert_manager {
    bool away;
    size_t count;
    struct alert_held held[ALERTS_HELD_MAX];
};

struct alert_world {
    struct troth_alert_set *set;
    struct troth_alert_set_config config;
    struct troth_alert_now now;
    uint64_t wanted;
    struct alert_manager managers[TROTH_ALERT_TARGETS_MAX];
};

static inline void alert_world_open(struct alert_world *world, unsigned targets, uint32_t limit)
{
    memset(world, 0, sizeof *world);
    world->config = (struct troth_alert_set_config){
        .targets = targets, .limit = limit, .resend_us = 30 * ALERT_SECOND_US};
    world->now = (struct troth_alert_now){.monotonic_us = 1000 * ALERT_SECOND_US,
                                          .wall_us = INT64_C(1800000000000000)};
    world->wanted = 1;
    assert_int_equal(troth_alert_set_create(&world->config, &world->set), TROTH_OK);
}

static inline void alert_world_close(struct alert_world *world)
{
    troth_alert_set_destroy(world->set);
}

static inline void alert_pass(struct alert_world *world, int64_t seconds)
{
    world->now.monotonic_us += seconds * ALERT_SECOND_US;
    world->now.wall_us += seconds * ALERT_SECOND_US;
}

/* ---- What is told. ---- */

static inline struct troth_alert alert_of(const struct alert_world *world, unsigned kind,
                                          int32_t partition, const char *contract,
                                          const char *agent)
{
    struct troth_alert alert = {.kind = (uint8_t)kind,
                                .partition = partition,
                                .source = 7,
                                .sweep = world->wanted,
                                .rung = TROTH_RUNG_NARROW,
                                .condition = TROTH_CONDITION_CONFIDENCE,
                                .score = 100,
                                .narrowed = 1,
                                .since_us = world->now.wall_us - ALERT_SECOND_US,
                                .time_to_narrow_us = -1,
                                .observed = 0.01,
                                .limit = 0.05};
    snprintf(alert.contract, sizeof alert.contract, "%s", contract);
    snprintf(alert.owner, sizeof alert.owner, "ops");
    alert.agent_length = (uint8_t)strlen(agent);
    memcpy(alert.agent, agent, alert.agent_length);
    return alert;
}

static inline void alert_tell(struct alert_world *world, const struct troth_alert *alert)
{
    world->wanted += troth_alert_set_take(world->set, alert, world->wanted, &world->now);
}

static inline void alert_sweep(struct alert_world *world, int32_t partition, uint64_t source)
{
    struct troth_alert alert = alert_of(world, TROTH_ALERT_SWEEP, partition, "", "");
    alert.source = source;
    alert_tell(world, &alert);
}

static inline void alert_swept(struct alert_world *world, int32_t partition, uint64_t source)
{
    struct troth_alert alert = alert_of(world, TROTH_ALERT_SWEPT, partition, "", "");
    alert.source = source;
    alert_tell(world, &alert);
}

/* A partition begins, with nothing narrowed. */
static inline void alert_begin(struct alert_world *world, int32_t partition)
{
    alert_sweep(world, partition, 7);
    alert_swept(world, partition, 7);
}

/* An agent is narrowed, so many of its contract and partition with it. */
static inline void alert_raise(struct alert_world *world, int32_t partition, const char *contract,
                               const char *agent, uint32_t narrowed)
{
    struct troth_alert alert = alert_of(world, TROTH_ALERT_RAISED, partition, contract, agent);
    alert.narrowed = narrowed;
    alert_tell(world, &alert);
}

static inline void alert_end(struct alert_world *world, int32_t partition, const char *contract,
                             const char *agent, uint32_t narrowed)
{
    struct troth_alert alert = alert_of(world, TROTH_ALERT_ENDED, partition, contract, agent);
    alert.narrowed = narrowed;
    alert_tell(world, &alert);
}

/* ---- What is sent. ---- */

static inline struct alert_held *alert_find(struct alert_manager *manager, const char *identity)
{
    for (size_t i = 0; i < manager->count; i++) {
        if (strcmp(manager->held[i].identity, identity) == 0) {
            return &manager->held[i];
        }
    }
    return NULL;
}

static inline void alert_hold(struct alert_manager *manager,
                              const struct troth_alert_sending *sending)
{
    static const char *const forms[] = {"stale", "narrowed", "waiting", "many", "outage"};
    char identity[256];
    const bool single = sending->form <= TROTH_ALERT_WAITING;
    snprintf(identity, sizeof identity, "%s %s %.*s", forms[sending->form],
             sending->alert->contract, single ? (int)sending->alert->agent_length : 0,
             sending->alert->agent);
    struct alert_held *held = alert_find(manager, identity);
    if (held == NULL) {
        assert_true(manager->count < ALERTS_HELD_MAX);
        held = &manager->held[manager->count++];
        memset(held, 0, sizeof *held);
        snprintf(held->identity, sizeof held->identity, "%s", identity);
    }
    held->firing = !sending->ended;
    held->together = sending->together;
    held->starts_us = sending->starts_us;
    held->ends_us = sending->ends_us;
    held->count = sending->count;
    held->sent++;
}

/* Sends what is due to a target, batch after batch, as far as it is there. Returns the alerts. */
static inline size_t alert_send_to(struct alert_world *world, unsigned target)
{
    struct troth_alert_sending sendings[TROTH_ALERT_BATCH_MAX];
    struct alert_manager *manager = &world->managers[target];
    size_t all = 0;
    size_t count = 0;
    bool turn = false;
    do {
        count = troth_alert_set_batch(world->set, target, &world->now, sendings, &turn);
        assert_true(count <= TROTH_ALERT_BATCH_MAX);
        for (size_t i = 0; i < count && !manager->away; i++) {
            assert_true(sendings[i].starts_us <= sendings[i].ends_us);
            alert_hold(manager, &sendings[i]);
        }
        troth_alert_set_done(world->set, target, !manager->away, &world->now);
        all += count;
    } while (count > 0 && !manager->away);
    return all;
}

static inline size_t alert_send(struct alert_world *world)
{
    return alert_send_to(world, 0);
}

/* Returns how many fire at a target, of those whose identity begins so; what has not been sent
 * again in time has ended by itself. */
static inline size_t alert_firing(struct alert_world *world, unsigned target, const char *begin)
{
    size_t count = 0;
    for (size_t i = 0; i < world->managers[target].count; i++) {
        const struct alert_held *held = &world->managers[target].held[i];
        count += held->firing && held->ends_us > world->now.wall_us &&
                 strncmp(held->identity, begin, strlen(begin)) == 0;
    }
    return count;
}

#endif
