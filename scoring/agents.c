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
                                    .capacity = capacity,
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

struct troth_text troth_agents_name(const struct troth_agents *agents, uint32_t agent)
{
    const struct troth_agent *a = &agents->agents[agent];
    const char *data =
        a->name_length <= TROTH_INLINE_NAME ? a->name : agents->long_names[a->long_name];
    return (struct troth_text){data, a->name_length};
}

uint32_t troth_agents_find(const struct troth_agents *agents, struct troth_text name, uint64_t hash)
{
    const uint32_t tag = (uint32_t)(hash >> 32);
    for (uint64_t i = hash & agents->mask;; i = (i + 1) & agents->mask) {
        const struct troth_agent_slot slot = agents->slots[i];
        if (slot.agent == 0) {
            return TROTH_NONE;
        }
        if (slot.tag == tag && agents->agents[slot.agent - 1].hash == hash) {
            const struct troth_text known = troth_agents_name(agents, slot.agent - 1);
            if (known.length == name.length && memcmp(known.data, name.data, name.length) == 0) {
                return slot.agent - 1;
            }
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

uint32_t troth_agents_add(struct troth_agents *agents, struct troth_text name, uint64_t hash)
{
    TROTH_ASSERT(name.length >= 1 && name.length <= TROTH_AGENT_LENGTH_MAX);
    const bool is_long = name.length > TROTH_INLINE_NAME;
    if (agents->count == agents->capacity ||
        (is_long && agents->long_count == agents->long_capacity)) {
        return TROTH_NONE;
    }
    const uint32_t index = agents->count++;
    struct troth_agent *agent = &agents->agents[index];
    *agent = (struct troth_agent){.hash = hash,
                                  .first = TROTH_NONE,
                                  .first_line = TROTH_NONE,
                                  .sequences = TROTH_NONE,
                                  .name_length = (uint8_t)name.length};
    if (is_long) {
        agent->long_name = agents->long_count++;
        memcpy(agents->long_names[agent->long_name], name.data, name.length);
    } else {
        memcpy(agent->name, name.data, name.length);
    }
    uint64_t i = hash & agents->mask;
    while (agents->slots[i].agent != 0) { /* at most half of the slots are in use */
        i = (i + 1) & agents->mask;
    }
    agents->slots[i] = (struct troth_agent_slot){(uint32_t)(hash >> 32), index + 1};
    return index;
}

void troth_agents_take_back(struct troth_agents *agents)
{
    const uint32_t index = --agents->count;
    const struct troth_agent *agent = &agents->agents[index];
    uint64_t i = agent->hash & agents->mask;
    while (agents->slots[i].agent != index + 1) {
        i = (i + 1) & agents->mask;
    }
    /* It was added last, so it ends its run of slots, and no search goes on past it. */
    agents->slots[i] = (struct troth_agent_slot){0, 0};
    agents->long_count -= agent->name_length > TROTH_INLINE_NAME;
}
