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

/* Returns the fleet, to be freed, or NULL where it was told why not. In zipf: exponent of the
 * choice of agents, 0: all alike. In now_us: where it begins; it lasts an hour of its own time,
 * which is enough for any number of events. */
static inline struct troth_fleet *bench_fleet_create_zipf(uint32_t agents, double zipf,
                                                          int64_t now_us)
{
    static const uint32_t floors_ppm[TROTH_FLEET_RATES] = {980000, 950000, 970000, 950000, 999999};
    struct troth_fleet_config config;
    const char *problem = "no memory";
    void *memory = NULL;
    troth_fleet_config_default(&config);
    config.seed = 1;
    config.agents = agents;
    config.rate_per_second = TROTH_FLEET_RATE_MAX;
    config.start_us = now_us;
    config.duration_us = INT64_C(3600000000);
    config.zipf = zipf;
    config.tool_ppm = 0;
    config.evaluation_ppm = 0;
    config.heartbeat_ppm = 0;
    config.late_ppm = 0;
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

/* The same, of the standard load's choice. */
static inline struct troth_fleet *bench_fleet_create(uint32_t agents, int64_t now_us)
{
    return bench_fleet_create_zipf(agents, 1.0, now_us);
}

#endif
