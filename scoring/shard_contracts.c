#include <string.h>

#include "schemas/assert.h"
#include "scoring/predicate.h"
#include "scoring/shard_state.h"
#include "scoring/snapshot.h"

unsigned troth_shard_find_slot(const struct troth_shard *shard, struct troth_text name)
{
    for (unsigned i = 0; i < shard->slot_count; i++) {
        const struct troth_rules *rules = shard->slots[i].rules;
        if (rules != NULL && strlen(rules->contract->name) == name.length &&
            memcmp(rules->contract->name, name.data, name.length) == 0) {
            return i;
        }
    }
    return TROTH_CONTRACTS_MAX;
}

static unsigned find_slot(const struct troth_shard *shard, const char *name)
{
    return troth_shard_find_slot(shard, (struct troth_text){name, (uint32_t)strlen(name)});
}

static unsigned free_slot(struct troth_shard *shard)
{
    for (unsigned i = 0; i < shard->slot_count; i++) {
        if (shard->slots[i].rules == NULL) {
            return i;
        }
    }
    return shard->slot_count < TROTH_CONTRACTS_MAX ? shard->slot_count++ : TROTH_CONTRACTS_MAX;
}

/* Fills a block laid out by the new version from one laid out by the old. In docket: the
 * standing's, or NULL. */
static void carry_over(const struct troth_rules *old, const struct troth_standing *from,
                       const struct troth_rules *new, struct troth_standing *to,
                       struct troth_docket *docket)
{
    struct troth_snapshot snapshot;
    troth_snapshot_take(old, from, docket, &snapshot);
    if (docket != NULL) {
        troth_snapshot_fill_docket(&snapshot, new, docket);
    }
    memset(to, 0, new->size);
    *to = *from;
    (void)troth_snapshot_fill(&snapshot, new, to);
}

/* Moves a standing to the new version's layout. The caller has seen to it that there is room. */
static void move_standing(struct troth_shard *shard, uint32_t index, const struct troth_rules *old,
                          const struct troth_rules *new)
{
    struct troth_standing *from = troth_shard_at(shard, index);
    const uint32_t from_line = shard->lines[index];
    const uint32_t line = troth_blocks_take(&shard->blocks, new->size);
    TROTH_ASSERT(line != UINT32_MAX);
    struct troth_standing *to = troth_blocks_at(&shard->blocks, line);
    carry_over(old, from, new, to, from->docketed ? troth_shard_docket(shard, index) : NULL);
    troth_blocks_give(&shard->blocks, from_line, old->size);
    shard->lines[index] = line;
    struct troth_agent *agent = &shard->agents.agents[to->agent];
    if (agent->first == index) {
        agent->first_line = line;
    }
}

static bool is_in_slot(const struct troth_shard *shard, uint32_t index, unsigned slot)
{
    return (shard->marks[index] & MARK_LIVE) && troth_shard_at(shard, index)->contract == slot;
}

/* Whether the standings of a new version fit. Blocks of the old size are given back one by one:
 * where the new size is the same each is the next one's place, else none is. Those of agents that
 * the version does not apply to end, and need none. */
static bool fits(const struct troth_shard *shard, unsigned slot, const struct troth_rules *new)
{
    uint64_t need = 0;
    for (uint32_t i = 0; i < shard->standings; i++) {
        if (is_in_slot(shard, i, slot)) {
            const struct troth_text agent =
                troth_agents_name(&shard->agents, troth_shard_at(shard, i)->agent);
            need += troth_glob_matches(new->contract->applies_to, agent.data, agent.length);
        }
    }
    if (shard->slots[slot].rules->size == new->size && need > 1) {
        need = 1;
    }
    return troth_blocks_free(&shard->blocks, new->size, need) >= need;
}

static void end(struct troth_shard *shard, uint32_t standing)
{
    const uint32_t agent = troth_shard_at(shard, standing)->agent;
    troth_shard_end(shard, standing);
    troth_shard_see_to_agent(shard, agent);
}

static void replace(struct troth_shard *shard, unsigned slot, const struct troth_rules *new)
{
    const struct troth_rules *old = shard->slots[slot].rules;
    for (uint32_t i = 0; i < shard->standings; i++) {
        if (!is_in_slot(shard, i, slot)) {
            continue;
        }
        const struct troth_text agent =
            troth_agents_name(&shard->agents, troth_shard_at(shard, i)->agent);
        if (!troth_glob_matches(new->contract->applies_to, agent.data, agent.length)) {
            end(shard, i);
        } else {
            move_standing(shard, i, old, new);
        }
    }
    struct troth_slot replaced = {.rules = new, .week = &shard->weeks[slot]};
    memcpy(replaced.rungs, shard->slots[slot].rungs, sizeof replaced.rungs);
    shard->slots[slot] = replaced;
    for (uint32_t i = 0; i < shard->standings; i++) {
        if (is_in_slot(shard, i, slot)) {
            troth_shard_reconsider(shard, i);
        }
    }
}

troth_status troth_shard_contract(struct troth_shard *shard, const struct troth_rules *rules)
{
    const unsigned slot = find_slot(shard, rules->contract->name);
    if (slot != TROTH_CONTRACTS_MAX) {
        if (rules->contract->version <= shard->slots[slot].rules->contract->version) {
            return TROTH_REFUSED;
        }
        if (!fits(shard, slot, rules)) {
            return TROTH_FULL;
        }
        replace(shard, slot, rules);
    } else {
        const unsigned free = free_slot(shard);
        if (free == TROTH_CONTRACTS_MAX) {
            return TROTH_FULL;
        }
        shard->slots[free] = (struct troth_slot){.rules = rules, .week = &shard->weeks[free]};
        troth_week_init(&shard->weeks[free], troth_week_of(shard->clock_us), 0);
    }
    shard->generation++;
    return TROTH_OK;
}

troth_status troth_shard_retire(struct troth_shard *shard, const char *contract)
{
    const unsigned slot = find_slot(shard, contract);
    if (slot == TROTH_CONTRACTS_MAX) {
        return TROTH_NOT_FOUND;
    }
    for (uint32_t i = 0; i < shard->standings; i++) {
        if (is_in_slot(shard, i, slot)) {
            end(shard, i);
        }
    }
    troth_shard_end_week(shard, slot);
    shard->slots[slot].rules = NULL;
    shard->generation++;
    return TROTH_OK;
}

const struct troth_rules *troth_shard_rules(const struct troth_shard *shard, unsigned slot)
{
    return slot < shard->slot_count ? shard->slots[slot].rules : NULL;
}

int64_t troth_shard_version(const struct troth_shard *shard, struct troth_text contract)
{
    const unsigned slot = troth_shard_find_slot(shard, contract);
    return slot != TROTH_CONTRACTS_MAX ? shard->slots[slot].rules->contract->version : 0;
}
