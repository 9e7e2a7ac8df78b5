#include "bench/detection/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/assert.h"
#include "scoring/agents.h"

#define HOUR_US  INT64_C(3600000000)
#define START_US (INT64_C(497232) * HOUR_US) /* a whole hour of September 2026 */

static const char name[] = "agent";

/* Out text: the contract's document. What it does not say has the product's defaults. */
static void write_document(const struct detection_contract *contract, char *text, size_t capacity)
{
    static const char *const terms[DETECTION_TERMS_MAX] = {
        "{name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.%06u}",
        "{name: prompt, when: {kind: task}, keep: {latency_us: {le: 2000000}}, floor: 0.%06u}",
        "{name: unaided, when: {kind: task}, keep: {rescue: {exists: false}}, floor: 0.%06u}"};
    int at = snprintf(text, capacity,
                      "{contract: detection, version: 1, promise: p, owner: bench,"
                      " capabilities: [work]%s%s, ",
                      contract->ageless ? ", half_life: 366d" : "",
                      contract->change ? ", ladder: {narrow: {change: true}}" : "");
    if (contract->narrow_below > 0.0) {
        at += snprintf(text + at, capacity - (size_t)at,
                       "ladder: {narrow: {confidence_below: %g}, review: {confidence_below: null},"
                       " pause: {confidence_below: null}}, ",
                       contract->narrow_below);
    }
    at += snprintf(text + at, capacity - (size_t)at, "terms: [");
    for (unsigned i = 0; i < contract->terms; i++) {
        at += snprintf(text + at, capacity - (size_t)at, i > 0 ? ", " : "");
        at += snprintf(text + at, capacity - (size_t)at, terms[i], contract->floor_ppm[i]);
    }
    (void)snprintf(text + at, capacity - (size_t)at, "]}");
}

static void on_intervention(void *context, const struct troth_intervention *intervention)
{
    struct detection_agent *agent = context;
    const bool trusted =
        intervention->from == TROTH_RUNG_CLEAR || intervention->from == TROTH_RUNG_WARN;
    if (intervention->from == TROTH_RUNG_CLEAR) {
        agent->climbed |= DETECTION_WARNED;
    }
    if (trusted && intervention->to >= TROTH_RUNG_NARROW) {
        agent->climbed |= DETECTION_NARROWED;
    }
}

static void parse(struct detection_agent *agent, const struct detection_contract *contract)
{
    static struct troth_problems problems;
    char text[1024];
    write_document(contract, text, sizeof text);
    if (troth_contract_parse(text, strlen(text), agent->contract, &problems) != TROTH_OK) {
        (void)fprintf(stderr, "bench_detection: the contract: %s: %s\n", problems.items[0].key,
                      problems.items[0].text);
        exit(1);
    }
    troth_rules_init(agent->rules, agent->contract);
}

void detection_agent_open(struct detection_agent *agent, const struct detection_contract *contract)
{
    memset(agent, 0, sizeof *agent);
    agent->contract = malloc(sizeof *agent->contract);
    agent->rules = malloc(sizeof *agent->rules);
    TROTH_ASSERT(agent->contract != NULL && agent->rules != NULL);
    parse(agent, contract);
    agent->config = (struct troth_shard_config){.agents_max = 1,
                                                .standings_max = 1,
                                                .standing_bytes = agent->rules->size,
                                                .on_intervention = on_intervention,
                                                .context = agent};
    agent->size = troth_shard_size(&agent->config);
    agent->memory = aligned_alloc(64, agent->size);
    agent->saved = malloc(agent->size);
    TROTH_ASSERT(agent->memory != NULL && agent->saved != NULL);
    TROTH_ASSERT(!contract->change || contract->narrow_below <= 0.0);
    agent->step_us = HOUR_US / contract->window_events;
    agent->hash = troth_agents_hash((struct troth_text){name, sizeof name - 1});
    detection_agent_renew(agent, 0);
}

void detection_agent_close(struct detection_agent *agent)
{
    free(agent->contract);
    free(agent->rules);
    free(agent->memory);
    free(agent->saved);
}

void detection_agent_renew(struct detection_agent *agent, uint64_t phase)
{
    memset(agent->memory, 0, agent->size);
    agent->shard = troth_shard_init(agent->memory, &agent->config);
    const troth_status status = troth_shard_contract(agent->shard, agent->rules);
    TROTH_ASSERT(status == TROTH_OK);
    agent->now_us = START_US + (int64_t)(phase % (uint64_t)HOUR_US);
    agent->offset = 0;
}

unsigned detection_agent_task(struct detection_agent *agent, unsigned broken)
{
    struct troth_event event = {
        .present = 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT | 1U << TROTH_FIELD_KIND |
                   1U << TROTH_FIELD_OUTCOME | 1U << TROTH_FIELD_SOURCE | 1U << TROTH_FIELD_ID |
                   1U << TROTH_FIELD_LATENCY_US | (broken & 4U ? 1U << TROTH_FIELD_RESCUE : 0U),
        .kind = TROTH_KIND_TASK,
        .outcome = broken & 1U ? TROTH_OUTCOME_FAILED : TROTH_OUTCOME_OK,
        .at_us = agent->now_us,
        .latency_us = broken & 2U ? 9000000 : 900000,
        .agent = {name, sizeof name - 1}};
    agent->climbed = 0;
    const troth_status status =
        troth_shard_apply(agent->shard, agent->now_us, agent->offset++, &event, agent->hash);
    TROTH_ASSERT(status == TROTH_OK);
    agent->now_us += agent->step_us;
    return agent->climbed;
}

unsigned detection_agent_rung(const struct detection_agent *agent)
{
    return troth_shard_rung(agent->shard, 0);
}

double detection_agent_confidence(struct detection_agent *agent)
{
    struct troth_standing_view view;
    const bool there = troth_shard_view(agent->shard, 0, &view);
    TROTH_ASSERT(there);
    return troth_sight_confidence(&view.sight, 0);
}

void detection_agent_save(struct detection_agent *agent)
{
    memcpy(agent->saved, agent->memory, agent->size);
    agent->saved_now_us = agent->now_us;
    agent->saved_offset = agent->offset;
}

void detection_agent_restore(struct detection_agent *agent)
{
    /* The shard points into its own memory alone, so its image is good at its own address. */
    memcpy(agent->memory, agent->saved, agent->size);
    agent->now_us = agent->saved_now_us;
    agent->offset = agent->saved_offset;
}
