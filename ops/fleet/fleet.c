#include "ops/fleet/fleet.h"

#include <string.h>

#include "ops/fleet/state.h"
#include "schemas/assert.h"

static const char prefix[] = "refund-";

enum {
    NAME_DIGITS = 5,          /* at least */
    COST_MEAN_MICROS = 1200,  /* of one task, where the budget allows */
    RATE_MOST_PPM = 900000,   /* nobody fails always */
    NEAR_PPM = 400000,        /* healthy agents fail at most at this part of their allowance */
    FAR_LEAST_PPM = 5000000,  /* degraded ones at least at this */
    FAR_MOST_PPM = 15000000,  /* and at most at this, */
    DRIFT_MOST_PPM = 10000000 /* or this where they drift */
};

/* Knows every agent's truth, and nothing of its events: another number than the events' stream. */
#define TRUTH_STREAM UINT64_C(0x7472757468)

static uint32_t zipf_steps(const struct troth_fleet_config *config)
{
    return (uint32_t)(config->zipf * FLEET_ZIPF_STEPS + 0.5);
}

/* The block: the fleet, its members, and where agents are not alike the columns, followed by what
 * building them takes. */
static size_t align(size_t size)
{
    return (size + 15) / 16 * 16;
}

static size_t members_size(const struct troth_fleet_config *config)
{
    return align(config->agents * sizeof(struct fleet_member));
}

static size_t columns_size(const struct troth_fleet_config *config)
{
    return align(config->agents * sizeof(struct fleet_column));
}

size_t troth_fleet_size(const struct troth_fleet_config *config)
{
    size_t size = align(sizeof(struct troth_fleet)) + members_size(config);
    if (zipf_steps(config) != 0) {
        size += columns_size(config) + config->agents * (sizeof(uint64_t) + sizeof(uint32_t));
    }
    return size;
}

/* Gives each kind its exact number of agents, at least one where it has a share, and shuffles them
 * (Fisher and Yates, 1938). */
static void assign_kinds(struct troth_fleet *fleet, struct fleet_random *random)
{
    uint32_t agents = fleet->config.agents;
    uint32_t next = 0;
    for (uint8_t kind = TROTH_FLEET_HEALTHY + 1; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        uint64_t share = fleet->config.share_ppm[kind];
        uint64_t count = (share * agents + FLEET_MILLION / 2) / FLEET_MILLION;
        count = count == 0 && share != 0 ? 1 : count;
        for (; count > 0 && next < agents; count--) {
            fleet->members[next++].kind = kind;
        }
    }
    for (uint32_t i = agents - 1; i > 0; i--) {
        uint32_t other = fleet_random_below(random, i + 1);
        uint8_t kind = fleet->members[i].kind;
        fleet->members[i].kind = fleet->members[other].kind;
        fleet->members[other].kind = kind;
    }
}

/* Returns a part of a term's allowance as a rate in parts of 2^32. */
static uint32_t rate_of(const struct troth_fleet_config *config, unsigned term, uint32_t part_ppm)
{
    uint64_t allowance_ppm = FLEET_MILLION - config->floor_ppm[term];
    uint64_t rate_ppm = allowance_ppm * part_ppm / FLEET_MILLION;
    if (rate_ppm > RATE_MOST_PPM) {
        return (uint32_t)(((uint64_t)RATE_MOST_PPM << 32) / FLEET_MILLION);
    }
    /* Once more, so that small rates keep their lower digits. */
    return (uint32_t)((allowance_ppm * part_ppm << 12) / FLEET_MILLION * (UINT64_C(1) << 20) /
                      FLEET_MILLION);
}

/* Returns a time in a stretch of the duration, drawn. */
static int64_t draw_part_us(const struct troth_fleet_config *config, struct fleet_random *random,
                            uint32_t from_ppm, uint32_t until_ppm)
{
    uint64_t from = (uint64_t)config->duration_us * from_ppm / FLEET_MILLION;
    uint64_t until = (uint64_t)config->duration_us * until_ppm / FLEET_MILLION;
    return (int64_t)(from + fleet_random_next(random) % (until - from + 1));
}

/* Draws what an agent of its kind is like from its onset on. */
static void draw_degraded(const struct troth_fleet_config *config, struct fleet_member *member,
                          struct fleet_random *random)
{
    /* resolves, prompt or grounded; unaided is what rescued agents break. */
    static const uint8_t terms[] = {TROTH_FLEET_TERM_RESOLVES, TROTH_FLEET_TERM_PROMPT,
                                    TROTH_FLEET_TERM_GROUNDED, TROTH_FLEET_TERM_UNAIDED};
    uint8_t term = terms[fleet_random_below(random, member->kind == TROTH_FLEET_AT_FLOOR ? 4 : 3)];
    uint32_t most = member->kind == TROTH_FLEET_DRIFTING ? DRIFT_MOST_PPM : FAR_MOST_PPM;
    uint32_t part_ppm = fleet_random_between(random, FAR_LEAST_PPM, most);
    uint32_t from_ppm = 0;
    uint32_t until_ppm = 0;
    switch (member->kind) {
    case TROTH_FLEET_AT_FLOOR:
        part_ppm = FLEET_MILLION;
        break;
    case TROTH_FLEET_DRIFTING:
        member->healthy[term] = rate_of(config, term, NEAR_PPM);
        from_ppm = 100000;
        until_ppm = 200000;
        break;
    case TROTH_FLEET_RESCUED:
        term = TROTH_FLEET_TERM_UNAIDED;
        until_ppm = 50000;
        break;
    case TROTH_FLEET_HIDING:
        term = TROTH_FLEET_TERM_RESOLVES;
        break;
    case TROTH_FLEET_FLAPPING:
        from_ppm = 100000;
        until_ppm = 150000;
        break;
    case TROTH_FLEET_BREAKING:
        break;
    default:
        term = TROTH_FLEET_NO_TERM;
        break;
    }
    member->term = term;
    member->degraded = term == TROTH_FLEET_NO_TERM ? 0 : rate_of(config, term, part_ppm);
    member->period_ms = 1 + (uint32_t)(draw_part_us(config, random, from_ppm, until_ppm) / 1000);
}

static void draw_member(const struct troth_fleet_config *config, struct fleet_member *member,
                        struct fleet_random *random)
{
    for (unsigned term = 0; term < TROTH_FLEET_RATES; term++) {
        member->healthy[term] =
            rate_of(config, term, fleet_random_between(random, NEAR_PPM / 4, NEAR_PPM));
    }
    int64_t onset = draw_part_us(config, random, config->onset_from_ppm, config->onset_until_ppm);
    bool has_onset = member->kind != TROTH_FLEET_HEALTHY && member->kind != TROTH_FLEET_AT_FLOOR;
    member->onset_us = has_onset ? config->start_us + onset : TROTH_FLEET_NO_ONSET_US;
    member->seq = 1;
    draw_degraded(config, member, random);
}

/* Sees to it that an agent spends what its budget allows at the rate at which it is chosen. */
static void limit_cost(struct troth_fleet *fleet, double sum)
{
    const struct troth_fleet_config *config = &fleet->config;
    double tasks_ppm =
        FLEET_MILLION - config->tool_ppm - config->evaluation_ppm - config->heartbeat_ppm;
    double tasks_per_hour = (double)config->rate_per_second * 3600 * (tasks_ppm / FLEET_MILLION);
    for (uint32_t i = 0; i < config->agents; i++) {
        double weight = fleet_zipf_weight(i, zipf_steps(config)) / sum;
        double mean = (double)config->spend_micros_per_hour / (tasks_per_hour * weight);
        fleet->members[i].cost_most =
            mean < COST_MEAN_MICROS ? (uint32_t)(2 * mean) : 2 * COST_MEAN_MICROS;
    }
}

struct troth_fleet *troth_fleet_init(void *memory, const struct troth_fleet_config *config)
{
    const char *problem = NULL;
    TROTH_ASSERT(troth_fleet_config_check(config, &problem) == TROTH_OK);
    char *block = memory;
    struct troth_fleet *fleet = memory;
    memset(block, 0, troth_fleet_size(config));
    fleet->config = *config;
    fleet->slots = fleet_slots(config);
    fleet->name_digits = NAME_DIGITS;
    for (uint32_t beyond = 100000; beyond < config->agents; beyond *= 10) {
        fleet->name_digits++;
    }
    block += align(sizeof(struct troth_fleet));
    fleet->members = (struct fleet_member *)block;
    double sum = config->agents;
    if (zipf_steps(config) != 0) {
        block += members_size(config);
        fleet->columns = (struct fleet_column *)block;
        uint64_t *scaled = (uint64_t *)(block + columns_size(config));
        sum = fleet_choice_init(fleet->columns, config->agents, zipf_steps(config), scaled,
                                (uint32_t *)(scaled + config->agents));
    }
    struct fleet_random truth;
    fleet_random_init(&truth, config->seed ^ TRUTH_STREAM);
    fleet_random_init(&fleet->random, config->seed);
    assign_kinds(fleet, &truth);
    for (uint32_t i = 0; i < config->agents; i++) {
        draw_member(config, &fleet->members[i], &truth);
    }
    limit_cost(fleet, sum);
    return fleet;
}

uint32_t troth_fleet_agents(const struct troth_fleet *fleet)
{
    return fleet->config.agents;
}

int64_t troth_fleet_end_us(const struct troth_fleet *fleet)
{
    return fleet->config.start_us + fleet->config.duration_us;
}

uint32_t fleet_name(const struct troth_fleet *fleet, uint32_t agent,
                    char name[TROTH_FLEET_NAME_LENGTH])
{
    uint32_t length = (uint32_t)sizeof(prefix) - 1 + fleet->name_digits;
    memcpy(name, prefix, sizeof(prefix) - 1);
    name[length] = '\0';
    for (uint32_t i = 0; i < fleet->name_digits; i++) {
        name[length - 1 - i] = (char)('0' + agent % 10);
        agent /= 10;
    }
    return length;
}

uint32_t troth_fleet_find(const struct troth_fleet *fleet, struct troth_text name)
{
    uint32_t start = (uint32_t)sizeof(prefix) - 1;
    uint32_t agent = 0;
    if (name.length != start + fleet->name_digits || memcmp(name.data, prefix, start) != 0) {
        return fleet->config.agents;
    }
    for (uint32_t i = start; i < name.length; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') {
            return fleet->config.agents;
        }
        agent = agent * 10 + (uint32_t)(name.data[i] - '0');
    }
    return agent < fleet->config.agents ? agent : fleet->config.agents;
}

uint32_t fleet_rate(const struct fleet_member *member, enum troth_fleet_term term, int64_t time_us)
{
    uint32_t healthy = member->healthy[term];
    if (member->term != term) {
        return healthy;
    }
    if (member->kind == TROTH_FLEET_AT_FLOOR) {
        return member->degraded;
    }
    if (time_us < member->onset_us) {
        return healthy;
    }
    uint64_t since_ms = (uint64_t)(time_us - member->onset_us) / 1000;
    switch (member->kind) {
    case TROTH_FLEET_DRIFTING:
    case TROTH_FLEET_RESCUED:
        return since_ms >= member->period_ms ? member->degraded
                                             : healthy + (uint32_t)((member->degraded - healthy) *
                                                                    since_ms / member->period_ms);
    case TROTH_FLEET_FLAPPING:
        return since_ms / member->period_ms % 2 == 0 ? member->degraded : healthy;
    default:
        return member->degraded;
    }
}
