#include "ops/redis/routes.h"

#include <stdlib.h>
#include <string.h>

#include "scoring/agents.h"

#define PROBATION UINT64_C(0x9e3779b97f4a7c15) /* any odd number that is no sum of hashes */

enum { WAYS = 4, BUCKET_MASK = TROTH_ROUTES_AGENTS / WAYS - 1 };

troth_status troth_routes_init(struct troth_routes *routes)
{
    memset(routes, 0, sizeof *routes);
    routes->agents = calloc(TROTH_ROUTES_AGENTS, sizeof *routes->agents);
    return routes->agents != NULL ? TROTH_OK : TROTH_NO_MEMORY;
}

void troth_routes_fini(struct troth_routes *routes)
{
    free(routes->agents);
    routes->agents = NULL;
}

void troth_routes_forget(struct troth_routes *routes)
{
    memset(routes->agents, 0, TROTH_ROUTES_AGENTS * sizeof *routes->agents);
}

void troth_routes_clear(struct troth_routes *routes)
{
    troth_routes_forget(routes);
    routes->count = 0;
}

static uint64_t hash_name(const char *name)
{
    return troth_agents_hash((struct troth_text){.data = name, .length = (uint32_t)strlen(name)});
}

/* Returns where a capability stands; the count where it does not. */
static uint32_t place_of(const struct troth_routes *routes, const char *capability)
{
    const uint64_t hash = hash_name(capability);
    uint32_t i = 0;
    while (i < routes->count &&
           !(routes->hashes[i] == hash && strcmp(routes->names[i], capability) == 0)) {
        i++;
    }
    return i;
}

void troth_routes_doubt(struct troth_routes *routes)
{
    troth_routes_forget(routes);
    memset(routes->said, 0, sizeof routes->said);
}

bool troth_routes_has(const struct troth_routes *routes, const char *capability)
{
    const uint32_t place = place_of(routes, capability);
    return place < routes->count && routes->said[place];
}

bool troth_routes_add(struct troth_routes *routes, const char *capability)
{
    const uint32_t place = place_of(routes, capability);
    const size_t length = strlen(capability);
    if (place == TROTH_ROUTES_MAX || length > TROTH_NAME_LENGTH_MAX) {
        return false;
    }
    if (place == routes->count) {
        memcpy(routes->names[place], capability, length + 1);
        routes->hashes[place] = hash_name(capability);
        routes->count++;
    }
    routes->said[place] = true;
    return true;
}

uint64_t troth_routes_set(const char *const *capabilities, unsigned count, bool probation)
{
    uint64_t set = probation ? PROBATION : 1; /* of the empty set */
    for (unsigned i = 0; i < count; i++) {
        set += hash_name(capabilities[i]);
    }
    return set != 0 ? set : 1;
}

static struct troth_routes_agent *bucket_of(const struct troth_routes *routes, uint64_t agent)
{
    return &routes->agents[(agent >> 1 & BUCKET_MASK) * WAYS]; /* bit 0 is set in every tag */
}

bool troth_routes_is(const struct troth_routes *routes, uint64_t agent, uint64_t set)
{
    const struct troth_routes_agent *bucket = bucket_of(routes, agent);
    for (unsigned i = 0; i < WAYS; i++) {
        if (bucket[i].agent == agent) {
            return bucket[i].set == set;
        }
    }
    return false;
}

void troth_routes_remember(struct troth_routes *routes, uint64_t agent, uint64_t set)
{
    struct troth_routes_agent *bucket = bucket_of(routes, agent);
    unsigned way = WAYS;
    for (unsigned i = 0; i < WAYS && way == WAYS; i++) {
        way = bucket[i].agent == agent ? i : WAYS;
    }
    for (unsigned i = 0; i < WAYS && way == WAYS; i++) {
        way = bucket[i].agent == 0 ? i : WAYS;
    }
    if (way == WAYS) {
        way = routes->turn++ % WAYS;
    }
    bucket[way] = (struct troth_routes_agent){.agent = agent, .set = set};
}
