#include "scoring/shard_snapshot.h"

#include <string.h>

#include "schemas/assert.h"
#include "scoring/predicate.h"
#include "scoring/shard_state.h"

void troth_shard_resume(struct troth_shard *shard, int64_t clock_us, int64_t offset)
{
    TROTH_ASSERT(shard->offset == -1 && clock_us >= 0 && offset >= -1);
    shard->clock_us = clock_us;
    shard->offset = offset;
    while (shard->unsaved_count > 0) {
        (void)troth_shard_take_unsaved(shard);
    }
}

/* Forgets the offsets that a standing names. */
static void forget_offsets(const struct troth_rules *rules, struct troth_standing *standing)
{
    standing->cause_offset = -1;
    standing->ordinal = 0;
    for (unsigned i = 0; i < rules->term_count; i++) {
        struct troth_cold *cold = troth_cold(rules, standing, i);
        memset(cold->witness_low, 0xff, sizeof cold->witness_low);
        memset(cold->witness_high, 0xff, sizeof cold->witness_high);
    }
}

void troth_shard_renumber(struct troth_shard *shard)
{
    for (uint32_t i = 0; i < shard->standings; i++) {
        if (shard->marks[i] & MARK_LIVE) {
            struct troth_standing *standing = troth_shard_at(shard, i);
            forget_offsets(shard->slots[standing->contract].rules, standing);
        }
    }
    for (uint32_t i = 0; i < shard->agents.places; i++) {
        shard->agents.agents[i].ahead = false;
        if (troth_agents_has(&shard->agents, i) && shard->agents.agents[i].first != TROTH_NONE) {
            troth_shard_note_agent(shard, i);
        }
    }
}

uint32_t troth_shard_unsaved(const struct troth_shard *shard)
{
    return shard->unsaved_count;
}

int64_t troth_shard_saved_until(const struct troth_shard *shard, int64_t *clock_us)
{
    if (shard->unsaved_count == 0) {
        *clock_us = shard->clock_us;
        return shard->offset + 1;
    }
    const struct troth_since *since = &shard->unsaved_since[shard->unsaved_first];
    *clock_us = since->clock_us;
    return since->offset;
}

uint32_t troth_shard_take_unsaved(struct troth_shard *shard)
{
    if (shard->unsaved_count == 0) {
        return TROTH_NONE;
    }
    const uint32_t agent = shard->unsaved[shard->unsaved_first];
    shard->unsaved_first =
        shard->unsaved_first + 1 < shard->config.agents_max ? shard->unsaved_first + 1 : 0;
    shard->unsaved_count--;
    shard->agents.agents[agent].unsaved = false;
    return agent;
}

uint32_t troth_shard_standing_after(const struct troth_shard *shard, uint32_t agent,
                                    uint32_t standing)
{
    return standing == TROTH_NONE ? shard->agents.agents[agent].first
                                  : troth_shard_at(shard, standing)->next;
}

int64_t troth_shard_offset(const struct troth_shard *shard)
{
    return shard->offset;
}

static void export_sequences(const struct troth_shard *shard, const struct troth_agent *agent,
                             struct troth_snapshot *snapshot)
{
    snapshot->sequence_uses = 0;
    snapshot->session_count = 0;
    if (agent->sequences == TROTH_NONE) {
        return;
    }
    const struct troth_sequences *sequences = &shard->sequences[agent->sequences];
    snapshot->sequence_uses = sequences->uses;
    for (unsigned i = 0; i < TROTH_SESSIONS_MAX; i++) {
        if (sequences->sessions[i].name_hash != 0) {
            snapshot->sessions[snapshot->session_count++] = sequences->sessions[i];
        }
    }
}

bool troth_shard_export(struct troth_shard *shard, uint32_t standing,
                        struct troth_snapshot *snapshot)
{
    if (standing >= shard->standings || !(shard->marks[standing] & MARK_LIVE)) {
        return false;
    }
    const struct troth_standing *s = troth_shard_at(shard, standing);
    struct troth_slot *slot = &shard->slots[s->contract];
    troth_instant_set(slot->rules, &slot->now, shard->clock_us);
    troth_snapshot_take(slot->rules, s, snapshot);
    snapshot->agent = troth_agents_name(&shard->agents, s->agent);
    snapshot->offset = shard->offset;
    snapshot->clock_us = shard->clock_us;
    export_sequences(shard, &shard->agents.agents[s->agent], snapshot);
    troth_snapshot_prune(snapshot, slot->rules, &slot->now);
    return true;
}

/* The agent's standing under the contract in a slot, or TROTH_NONE. */
static uint32_t find_standing(const struct troth_shard *shard, uint32_t agent, unsigned slot)
{
    uint32_t index = shard->agents.agents[agent].first;
    while (index != TROTH_NONE && troth_shard_at(shard, index)->contract != slot) {
        index = troth_shard_at(shard, index)->next;
    }
    return index;
}

/* Makes room for a standing where there is none yet: the agent, where it is new, and the block. */
static troth_status find_place(struct troth_shard *shard, struct troth_text name, unsigned slot,
                               uint32_t *standing)
{
    const uint64_t hash = troth_agents_hash(name);
    uint32_t agent = troth_agents_find(&shard->agents, name, hash);
    const bool is_new = agent == TROTH_NONE;
    if (is_new) {
        agent = troth_agents_add(&shard->agents, name, hash);
    }
    if (agent == TROTH_NONE) {
        return TROTH_AGENTS_FULL;
    }
    uint32_t index = find_standing(shard, agent, slot);
    if (index == TROTH_NONE) {
        if (!troth_shard_begin(shard, agent, slot)) {
            if (is_new) {
                troth_agents_remove(&shard->agents, agent);
            }
            return TROTH_STANDINGS_FULL;
        }
        index = shard->agents.agents[agent].first;
    }
    *standing = index;
    return TROTH_OK;
}

/* Each use of an agent's windows is counted, so those with more uses are the later ones. */
static void import_sequences(struct troth_shard *shard, struct troth_agent *agent,
                             const struct troth_snapshot *snapshot)
{
    if (snapshot->sequence_uses == 0) {
        return;
    }
    if (agent->sequences == TROTH_NONE) {
        agent->sequences = shard->sequence_count++; /* as many as agents: always room */
    }
    struct troth_sequences *sequences = &shard->sequences[agent->sequences];
    if (snapshot->sequence_uses < sequences->uses) {
        return;
    }
    *sequences = (struct troth_sequences){.uses = snapshot->sequence_uses};
    for (unsigned i = 0; i < snapshot->session_count; i++) {
        sequences->sessions[i] = snapshot->sessions[i];
    }
}

/* Sets the deadline as it is at the snapshot's clock. One that had passed there was handled in the
 * standing that was written down, so no record of ours has one; in any other it is due at once. */
static void set_deadline(struct troth_shard *shard, uint32_t index, struct troth_sight *sight)
{
    const int64_t clock_us = sight->instant->time_us;
    troth_shard_schedule(shard, index, sight);
    if (shard->deadlines[index] <= clock_us) {
        troth_shard_set_deadline(shard, index, clock_us + 1);
    }
}

troth_status troth_shard_import(struct troth_shard *shard, const struct troth_snapshot *snapshot,
                                uint32_t *standing)
{
    const struct troth_text agent = snapshot->agent;
    if (snapshot->contract.data == NULL || agent.data == NULL) {
        return TROTH_INVALID;
    }
    const unsigned place = troth_shard_find_slot(shard, snapshot->contract);
    if (place == TROTH_CONTRACTS_MAX) {
        return TROTH_NOT_FOUND;
    }
    struct troth_slot *slot = &shard->slots[place];
    const struct troth_rules *rules = slot->rules;
    troth_status status = troth_snapshot_check(snapshot, rules);
    if (status == TROTH_OK &&
        !troth_glob_matches(rules->contract->applies_to, agent.data, agent.length)) {
        status = TROTH_NOT_FOUND;
    }
    uint32_t index = TROTH_NONE;
    if (status == TROTH_OK) {
        status = find_place(shard, agent, place, &index);
    }
    if (status != TROTH_OK) {
        return status;
    }
    struct troth_standing *s = troth_shard_at(shard, index);
    const bool whole = troth_snapshot_fill(snapshot, rules, s);
    struct troth_agent *owner = &shard->agents.agents[s->agent];
    import_sequences(shard, owner, snapshot);
    shard->true_until[s->agent] = snapshot->offset;
    owner->ahead = true;
    struct troth_sight sight;
    troth_instant_set(rules, &slot->past, snapshot->clock_us);
    troth_sight_init(&sight, rules, s, &slot->past);
    if (!whole || snapshot->contract_version != rules->contract->version) {
        (void)troth_shard_settle(shard, index, s, &sight, snapshot->offset, true);
    }
    set_deadline(shard, index, &sight);
    troth_shard_note_rung(shard, index, s);
    troth_shard_note(shard, index, s, TROTH_DIRTY_MOVED);
    *standing = index;
    return TROTH_OK;
}

troth_status troth_shard_forget(struct troth_shard *shard, struct troth_text agent,
                                struct troth_text contract)
{
    const unsigned slot = troth_shard_find_slot(shard, contract);
    const uint32_t found = troth_agents_find(&shard->agents, agent, troth_agents_hash(agent));
    if (slot == TROTH_CONTRACTS_MAX || found == TROTH_NONE) {
        return TROTH_NOT_FOUND;
    }
    const uint32_t index = find_standing(shard, found, slot);
    if (index == TROTH_NONE) {
        return TROTH_NOT_FOUND;
    }
    troth_shard_unbegin(shard, index);
    return TROTH_OK;
}
