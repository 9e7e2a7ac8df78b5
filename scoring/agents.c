#include "scoring/agents.h"

#include <string.h>

#include "schemas/assert.h"
#include "schemas/hash.h"

enum { LONG_NAMES_SHARE = 8 }; /* one agent in eight may have a long name, 1,024 at least */

_Static_assert(sizeof(struct troth_agent) == 64, "an agent is one cache line");

static uint64_t slot_count(uint32_t capacity)
{
    uint64_t slots = 64;
    while (slots < 2 * (uint64_t)capacity) {
        slots *= 2;
    }
    return slots;
}

static uint32_t long_count(uint32_t capacity)
{
    const uint32_t share = capacity / LONG_NAMES_SHARE;
    const uint32_t least = capacity < 1024 ? capacity : 1024;
    return share > least ? share : least;
}

size_t troth_agents_size(uint32_t capacity)
{
    return slot_count(capacity) * sizeof(struct troth_agent_slot) +
           (size_t)capacity * sizeof(struct troth_agent) +
           (size_t)long_count(capacity) * TROTH_AGENT_LENGTH_MAX;
}

void troth_agents_init(struct troth_agents *agents, void *memory, uint32_t capacity)
{
    char *p = memory;
    *agents = (struct troth_agents){.mask = slot_count(capacity) - 1,
                                    .free_place = TROTH_NONE,
                                    .capacity = capacity,
                                    .free_long = TROTH_NONE,
                                    .long_capacity = long_count(capacity)};
    agents->slots = (void *)p;
    p += slot_count(capacity) * sizeof(struct troth_agent_slot);
    agents->agents = (void *)p;
    p += (size_t)capacity * sizeof(struct troth_agent);
    agents->long_names = (void *)p;
}

uint64_t troth_agents_hash(struct troth_text name)
{
    return XXH3_64bits(name.data, name.length);
}

uint32_t troth_agents_find(const struct troth_agents *agents, struct troth_text name, uint64_t hash)
{
    const uint32_t tag = (uint32_t)(hash >> 32);
    for (uint64_t i = hash & agents->mask;; i = (i + 1) & agents->mask) {
        const struct troth_agent_slot slot = agents->slots[i];
        if (slot.agent == 0) {
            return TROTH_NONE;
        }
        if (slot.tag == tag && troth_agents_is(agents, slot.agent - 1, name, hash)) {
            return slot.agent - 1;
        }
    }
}

uint32_t troth_agents_guess(const struct troth_agents *agents, uint64_t hash)
{
    const uint32_t tag = (uint32_t)(hash >> 32);
    for (uint64_t i = hash & agents->mask;; i = (i + 1) & agents->mask) {
        const struct troth_agent_slot slot = agents->slots[i];
        if (slot.agent == 0 || slot.tag == tag) {
            return slot.agent - 1; /* of a free slot: TROTH_NONE */
        }
    }
}

/* Takes a place for a long name. Returns TROTH_NONE when there is none. */
static uint32_t take_long(struct troth_agents *agents)
{
    const uint32_t place = agents->free_long;
    if (place != TROTH_NONE) {
        memcpy(&agents->free_long, agents->long_names[place], sizeof agents->free_long);
        return place;
    }
    return agents->long_count < agents->long_capacity ? agents->long_count++ : TROTH_NONE;
}

static void give_long(struct troth_agents *agents, uint32_t place)
{
    memcpy(agents->long_names[place], &agents->free_long, sizeof agents->free_long);
    agents->free_long = place;
}

uint32_t troth_agents_add(struct troth_agents *agents, struct troth_text name, uint64_t hash)
{
    TROTH_ASSERT(name.length >= 1 && name.length <= TROTH_AGENT_LENGTH_MAX);
    uint32_t long_name = 0;
    if (agents->count == agents->capacity) {
        return TROTH_NONE;
    }
    if (name.length > TROTH_INLINE_NAME) {
        long_name = take_long(agents);
        if (long_name == TROTH_NONE) {
            return TROTH_NONE;
        }
    }
    uint32_t index = agents->free_place;
    if (index != TROTH_NONE) {
        agents->free_place = agents->agents[index].first;
    } else {
        index = agents->places++;
    }
    agents->count++;
    struct troth_agent *agent = &agents->agents[index];
    *agent = (struct troth_agent){.hash = hash,
                                  .first = TROTH_NONE,
                                  .first_line = TROTH_NONE,
                                  .sequences = TROTH_NONE,
                                  .long_name = long_name,
                                  .unsaved = agent->unsaved,
                                  .name_length = (uint8_t)name.length};
    memcpy(name.length > TROTH_INLINE_NAME ? agents->long_names[long_name] : agent->name, name.data,
           name.length);
    uint64_t i = hash & agents->mask;
    while (agents->slots[i].agent != 0) { /* at most half of the slots are in use */
        i = (i + 1) & agents->mask;
    }
    agents->slots[i] = (struct troth_agent_slot){(uint32_t)(hash >> 32), index + 1};
    return index;
}

/* Frees a slot: of those behind it, up to the next free one, each that a search would not find any
 * more moves up (Knuth, TAOCP vol. 3, 6.4, algorithm R). */
static void free_slot(struct troth_agents *agents, uint64_t hole)
{
    for (uint64_t i = (hole + 1) & agents->mask; agents->slots[i].agent != 0;
         i = (i + 1) & agents->mask) {
        const uint64_t home = agents->agents[agents->slots[i].agent - 1].hash & agents->mask;
        if (((i - home) & agents->mask) >= ((i - hole) & agents->mask)) {
            agents->slots[hole] = agents->slots[i];
            hole = i;
        }
    }
    agents->slots[hole] = (struct troth_agent_slot){0, 0};
}

void troth_agents_remove(struct troth_agents *agents, uint32_t index)
{
    struct troth_agent *agent = &agents->agents[index];
    uint64_t i = agent->hash & agents->mask;
    TROTH_ASSERT(troth_agents_has(agents, index));
    while (agents->slots[i].agent != index + 1) {
        i = (i + 1) & agents->mask;
    }
    free_slot(agents, i);
    if (agent->name_length > TROTH_INLINE_NAME) {
        give_long(agents, agent->long_name);
    }
    agent->name_length = 0;
    agent->first = agents->free_place;
    agents->free_place = index;
    agents->count--;
}
