#include "ops/fleet/fleet.h"
#include "ops/fleet/state.h"

void troth_fleet_config_default(struct troth_fleet_config *config)
{
    *config = (struct troth_fleet_config){
        .agents = 1000,
        .rate_per_second = 1000,
        .duration_us = INT64_C(3600000000),
        .floor_ppm = {980000, 950000, 970000, 950000, 990000},
        .onset_from_ppm = 400000,
        .onset_until_ppm = 650000,
        .tool_ppm = 150000,
        .evaluation_ppm = 150000,
        .heartbeat_ppm = 20000,
        .spend_micros_per_hour = 25000000,
    };
    for (int kind = TROTH_FLEET_HEALTHY + 1; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        config->share_ppm[kind] = 20000;
    }
}

/* Ten events a second from each agent: with 6 tasks, 3 verdicts and 7 numbered events among them,
 * nearly every healthy agent has certified under demo.yaml before the first onset, at 24 s. The
 * last onset, at 39 s, leaves one window of 20 s. 1,200 agents are 1,008 healthy ones, of which one
 * may be narrowed wrongly. */
void troth_fleet_config_demo(struct troth_fleet_config *config)
{
    static const uint32_t floors[TROTH_FLEET_RATES] = {900000, 900000, 900000, 850000, 950000};
    troth_fleet_config_default(config);
    config->agents = 1200;
    config->rate_per_second = 12000;
    config->duration_us = INT64_C(60000000);
    config->tool_ppm = 100000;
    config->evaluation_ppm = 280000;
    for (int term = 0; term < TROTH_FLEET_RATES; term++) {
        config->floor_ppm[term] = floors[term];
    }
}

static bool share_is_right(const struct troth_fleet_config *config)
{
    uint64_t sum = 0;
    for (int kind = TROTH_FLEET_HEALTHY + 1; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        sum += config->share_ppm[kind];
    }
    return sum <= FLEET_MILLION;
}

static bool floors_are_right(const struct troth_fleet_config *config)
{
    for (int term = 0; term < TROTH_FLEET_RATES; term++) {
        if (config->floor_ppm[term] < 500000 || config->floor_ppm[term] >= FLEET_MILLION) {
            return false;
        }
    }
    return true;
}

uint64_t fleet_slots(const struct troth_fleet_config *config)
{
    uint64_t seconds = (uint64_t)config->duration_us / FLEET_MILLION;
    uint64_t rest_us = (uint64_t)config->duration_us % FLEET_MILLION;
    return seconds * config->rate_per_second + rest_us * config->rate_per_second / FLEET_MILLION;
}

troth_status troth_fleet_config_check(const struct troth_fleet_config *config, const char **problem)
{
    const struct {
        bool right;
        const char *problem;
    } rules[] = {
        {config->agents >= 1 && config->agents <= TROTH_FLEET_AGENTS_MAX,
         "agents: must be 1 to 10000000"},
        {config->rate_per_second >= 1 && config->rate_per_second <= TROTH_FLEET_RATE_MAX,
         "rate: must be 1 to 10000000 events a second"},
        {config->start_us >= 0, "start: must not be before 1970"},
        {config->duration_us >= FLEET_MILLION && config->duration_us <= TROTH_FLEET_DURATION_MAX_US,
         "duration: must be 1s to 30d"},
        {config->zipf >= 0 && config->zipf <= TROTH_FLEET_ZIPF_MAX, "zipf: must be 0 to 4"},
        {share_is_right(config), "shares: the kinds must be at most the whole fleet together"},
        {floors_are_right(config), "floors: must be 0.5 to 0.999999"},
        {config->onset_from_ppm <= config->onset_until_ppm &&
             config->onset_until_ppm <= FLEET_MILLION,
         "onset: must be a stretch of the duration, from no later than until"},
        {(uint64_t)config->tool_ppm + config->evaluation_ppm + config->heartbeat_ppm <
             FLEET_MILLION,
         "events: tools, evaluations and heartbeats must leave room for tasks"},
        {config->late_ppm <= 500000 && config->duplicate_ppm <= 500000,
         "late, duplicate: must be at most half of the events"},
        {config->spend_micros_per_hour >= 1, "spend: must be at least 1 micro an hour"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!rules[i].right) {
            *problem = rules[i].problem;
            return TROTH_INVALID;
        }
    }
    if (fleet_slots(config) > TROTH_FLEET_SLOTS_MAX) {
        *problem = "rate, duration: must be at most 10^12 events together";
        return TROTH_INVALID;
    }
    return TROTH_OK;
}
