#include <jansson.h>

#include "ops/fleet/fleet.h"
#include "ops/fleet/state.h"
#include "schemas/assert.h"
#include "scoring/ladder.h"

#define NAME_OF(NAME, text) text,

static const char *const kind_names[] = {TROTH_FLEET_KINDS(NAME_OF)};
static const char *const term_names[] = {TROTH_FLEET_TERMS(NAME_OF)};

const char *troth_fleet_kind_name(unsigned kind)
{
    return kind < TROTH_FLEET_KIND_COUNT ? kind_names[kind] : NULL;
}

const char *troth_fleet_term_name(unsigned term)
{
    return term < TROTH_FLEET_TERM_COUNT ? term_names[term] : NULL;
}

/* Which causes are right, by kind. */
static uint32_t right_conditions(uint8_t kind)
{
    switch (kind) {
    case TROTH_FLEET_HEALTHY:
    case TROTH_FLEET_AT_FLOOR:
        return 0;
    case TROTH_FLEET_SILENT:
        return UINT32_C(1) << TROTH_CONDITION_FRESHNESS;
    case TROTH_FLEET_LEAKING:
        return UINT32_C(1) << TROTH_CONDITION_NEVER;
    default:
        return UINT32_C(1) << TROTH_CONDITION_CONFIDENCE | UINT32_C(1) << TROTH_CONDITION_CHANGE;
    }
}

void troth_fleet_agent(const struct troth_fleet *fleet, uint32_t agent,
                       struct troth_fleet_truth *truth)
{
    TROTH_ASSERT(agent < fleet->config.agents);
    const struct fleet_member *member = &fleet->members[agent];
    const struct troth_fleet_config *config = &fleet->config;
    *truth = (struct troth_fleet_truth){.kind = member->kind,
                                        .term = member->term,
                                        .conditions = right_conditions(member->kind),
                                        .onset_us = member->onset_us,
                                        .full_us = member->onset_us,
                                        .events = member->events,
                                        .events_after = member->events_after};
    (void)fleet_name(fleet, agent, truth->name);
    uint64_t rate_ppm = ((uint64_t)member->degraded * FLEET_MILLION + (UINT32_C(1) << 31)) >> 32;
    if (member->kind == TROTH_FLEET_LEAKING) {
        truth->term = TROTH_FLEET_TERM_NO_LEAK;
    } else if (member->kind == TROTH_FLEET_HIDING) {
        /* What is left out are tasks, while tools and heartbeats go on. */
        uint32_t numbered_ppm = FLEET_MILLION - config->evaluation_ppm;
        uint32_t tasks_ppm = numbered_ppm - config->tool_ppm - config->heartbeat_ppm;
        truth->term = TROTH_FLEET_TERM_COMPLETE;
        rate_ppm = rate_ppm * tasks_ppm / numbered_ppm;
    } else if (member->kind == TROTH_FLEET_DRIFTING || member->kind == TROTH_FLEET_RESCUED) {
        truth->full_us = member->onset_us + (int64_t)member->period_ms * 1000;
    }
    truth->rate_ppm = (uint32_t)rate_ppm;
}

troth_status troth_fleet_truth_write(const struct troth_fleet_truth *truth, char *buffer,
                                     size_t capacity, size_t *length)
{
    bool has_onset = truth->onset_us != TROTH_FLEET_NO_ONSET_US;
    bool has_rate = truth->rate_ppm != 0;
    json_t *causes = json_array();
    for (unsigned condition = 0; condition < TROTH_CONDITION_COUNT; condition++) {
        if ((truth->conditions >> condition & 1) != 0) {
            (void)json_array_append_new(causes, json_string(troth_condition_name(condition)));
        }
    }
    json_t *line = json_pack(
        "{s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:I, s:I}", "agent", truth->name, "kind",
        troth_fleet_kind_name(truth->kind), "term", troth_fleet_term_name(truth->term), "causes",
        causes, "onset", has_onset ? json_integer(truth->onset_us) : json_null(), "full",
        has_onset ? json_integer(truth->full_us) : json_null(), "rate",
        has_rate ? json_real((double)truth->rate_ppm / FLEET_MILLION) : json_null(), "events",
        (json_int_t)truth->events, "events_after", (json_int_t)truth->events_after);
    size_t needed = line == NULL
                        ? 0
                        : json_dumpb(line, buffer, capacity, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(line);
    if (needed == 0) {
        return TROTH_NO_MEMORY;
    }
    if (needed > capacity) {
        return TROTH_FULL;
    }
    *length = needed;
    return TROTH_OK;
}
