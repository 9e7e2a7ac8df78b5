/*
 * The standard load's fleet: healthy agents, chosen by Zipf's law with exponent 1, and tasks alone,
 * because each of them is evidence for all three share terms: the dearest that the standard load
 * can mean.
 */
#ifndef TROTH_BENCH_STANDARD_LOAD_H
#define TROTH_BENCH_STANDARD_LOAD_H

#include "bench/bench.h"

#include "ops/fleet/fleet.h"
#include "ops/message.h"

enum { BENCH_AGENTS = 100000 };

#define BENCH_PANE_US INT64_C(300000000) /* of its contract: twelve panes in an hour */

struct bench_load {
    uint32_t agents;
    double zipf;       /* exponent of the choice of agents, 0: all alike */
    uint32_t late_ppm; /* of the events: come after a later one of the agent; at most a third */
};

/* Returns by how much an event that is late comes too late: one to ten panes, so that it falls into
 * an older pane of the window. In state: of bench_random. */
static inline int64_t bench_late_us(uint64_t *state)
{
    return BENCH_PANE_US + (int64_t)(bench_random(state) % (9 * (uint64_t)BENCH_PANE_US));
}

/* Returns the fleet, to be freed, or NULL where it was told why not. In now_us: where it begins; it
 * lasts an hour of its own time, a microsecond an event, which is enough for any number of them.
 * An event is late where it is recorded after its own time. */
static inline struct troth_fleet *bench_fleet_create(const struct bench_load *load, int64_t now_us)
{
    static const uint32_t floors_ppm[TROTH_FLEET_RATES] = {980000, 950000, 970000, 950000, 999999};
    struct troth_fleet_config config;
    const char *problem = "no memory";
    void *memory = NULL;
    troth_fleet_config_default(&config);
    config.seed = 1;
    config.agents = load->agents;
    config.rate_per_second = 1000000;
    config.start_us = now_us;
    config.duration_us = INT64_C(3600000000);
    config.zipf = load->zipf;
    config.tool_ppm = 0;
    config.evaluation_ppm = 0;
    config.heartbeat_ppm = 0;
    /* Of three turns of an agent that holds an event back two give one. */
    config.late_ppm = (uint32_t)(UINT64_C(1000000) * load->late_ppm / (1000000 - load->late_ppm));
    config.duplicate_ppm = 0;
    config.spend_micros_per_hour = INT64_MAX / 2; /* no budget: tasks cost what tasks cost */
    memset(config.share_ppm, 0, sizeof config.share_ppm);
    memcpy(config.floor_ppm, floors_ppm, sizeof floors_ppm);
    if (troth_fleet_config_check(&config, &problem) != TROTH_OK ||
        posix_memalign(&memory, 64, troth_fleet_size(&config)) != 0) {
        troth_message_error("the fleet: %s", problem);
        return NULL;
    }
    return troth_fleet_init(memory, &config);
}

/* Makes an event keep all terms, whatever it was. */
static inline void bench_event_keep(struct troth_event *event)
{
    event->outcome = TROTH_OUTCOME_OK;
    event->latency_us = 900000;
    event->present &= ~(UINT32_C(1) << TROTH_FIELD_RESCUE);
}

#endif
