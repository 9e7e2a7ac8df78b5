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
    for (uint32_t i = 0; i < shard->agents.places; i++) {
        const struct troth_agent *agent = &shard->agents.agents[i];
        if (troth_agents_has(&shard->agents, i) && agent->first == TROTH_NONE && !agent->alone) {
            troth_shard_drop_agent(shard, i);
        }
    }
    while (shard->unsaved_count > 0) {
        (void)troth_shard_take_unsaved(shard);
    }
    const int64_t number = troth_week_of(clock_us);
    for (unsigned slot = 0; slot < shard->slot_count; slot++) {
        troth_week_init(&shard->weeks[slot], number, 0);
    }
    shard->week_end_us = troth_week_start_us(number + 1);
    troth_shard_plan_look(shard);
}

/* Forgets the offsets that a standing names. */
static void forget_offsets(const struct troth_rules *rules, struct troth_standing *standing)
{
    troth_past(rules, standing)->cause_offset = -1;
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
            if (standing->docketed) {
                troth_docket_renumber(troth_shard_docket(shard, i));
            }
            forget_offsets(shard->slots[standing->contract].rules, standing);
        }
    }
    for (uint32_t i = 0; i < shard->agents.places; i++) {
        shard->agents.agents[i].ahead = false;
        if (troth_agents_has(&shard->agents, i)) {
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
    while (shard->unsaved_count > 0) {
        const uint32_t agent = shard->unsaved[shard->unsaved_first];
        shard->unsaved_first =
            shard->unsaved_first + 1 < shard->config.agents_max ? shard->unsaved_first + 1 : 0;
        shard->unsaved_count--;
        shard->agents.agents[agent].unsaved = false;
        if (troth_agents_has(&shard->agents, agent)) {
            return agent;
        }
    }
    return TROTH_NONE;
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

/* Out sessions: those of an agent's windows that are in use. Returns how many. */
static uint8_t export_sessions(const struct troth_shard *shard, const struct troth_agent *agent,
                               int64_t *uses, struct troth_session sessions[TROTH_SESSIONS_MAX])
{
    uint8_t count = 0;
    *uses = 0;
    if (agent->sequences == TROTH_NONE) {
        return count;
    }
    const struct troth_sequences *sequences = &shard->sequences[agent->sequences];
    *uses = sequences->uses;
    for (unsigned i = 0; i < TROTH_SESSIONS_MAX; i++) {
        if (sequences->sessions[i].name_hash != 0) {
            sessions[count++] = sequences->sessions[i];
        }
    }
    return count;
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
    troth_snapshot_take(slot->rules, s, s->docketed ? troth_shard_docket(shard, standing) : NULL,
                        snapshot);
    snapshot->agent = troth_agents_name(&shard->agents, s->agent);
    snapshot->offset = shard->offset;
    snapshot->clock_us = shard->clock_us;
    snapshot->review = (uint8_t)s->review;
    snapshot->review_us = s->review != TROTH_REVIEW_NONE ? shard->reviews[standing].since_us : 0;
    snapshot->fell_us = shard->reviews[standing].fell_us;
    const struct troth_agent *agent = &shard->agents.agents[s->agent];
    snapshot->idle = agent->idle;
    snapshot->session_count =
        export_sessions(shard, agent, &snapshot->sequence_uses, snapshot->sessions);
    troth_snapshot_prune(snapshot, slot->rules, &slot->now);
    return true;
}

bool troth_shard_export_agent(const struct troth_shard *shard, uint32_t index,
                              struct troth_agent_snapshot *snapshot)
{
    const struct troth_agent *agent = &shard->agents.agents[index];
    if (agent->first != TROTH_NONE) {
        return false;
    }
    snapshot->agent = troth_agents_name(&shard->agents, index);
    snapshot->offset = shard->offset;
    snapshot->clock_us = shard->clock_us;
    snapshot->idle = agent->idle;
    snapshot->session_count =
        export_sessions(shard, agent, &snapshot->sequence_uses, snapshot->sessions);
    return true;
}

bool troth_shard_note_alone(struct troth_shard *shard, uint32_t agent, bool alone)
{
    const bool was = shard->agents.agents[agent].alone;
    shard->agents.agents[agent].alone = alone;
    return was;
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
static void import_sessions(struct troth_shard *shard, struct troth_agent *agent, int64_t uses,
                            const struct troth_session *sessions, unsigned count)
{
    if (uses == 0) {
        return;
    }
    struct troth_sequences *sequences = troth_shard_sequences(shard, agent);
    if (uses < sequences->uses) {
        return;
    }
    *sequences = (struct troth_sequences){.uses = uses};
    for (unsigned i = 0; i < count; i++) {
        sequences->sessions[i] = sessions[i];
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

/* Whether there is a docket to be had, as a snapshot that has one needs. */
static bool has_room(const struct troth_shard *shard, const struct troth_snapshot *snapshot)
{
    return !snapshot->docketed || shard->free_docket != TROTH_NONE ||
           shard->docket_count < shard->config.dockets_max;
}

/* Gives a standing the docket of a snapshot, in place of what it has. */
static void import_docket(struct troth_shard *shard, uint32_t index,
                          const struct troth_snapshot *snapshot)
{
    const struct troth_standing *s = troth_shard_at(shard, index);
    if (s->docketed) {
        troth_shard_drop_docket(shard, index);
    }
    if (snapshot->docketed) {
        struct troth_docket *docket = troth_shard_make_docket(shard, index);
        TROTH_ASSERT(docket != NULL);
        troth_snapshot_fill_docket(snapshot, shard->slots[s->contract].rules, docket);
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
    if (status == TROTH_OK && !has_room(shard, snapshot)) {
        status = TROTH_STANDINGS_FULL;
    }
    if (status == TROTH_OK) {
        status = find_place(shard, agent, place, &index);
    }
    if (status != TROTH_OK) {
        return status;
    }
    struct troth_standing *s = troth_shard_at(shard, index);
    import_docket(shard, index, snapshot);
    const unsigned rung = s->rung;
    const bool whole = troth_snapshot_fill(snapshot, rules, s);
    troth_shard_book_rung(shard, place, rung, s->rung);
    s->review = snapshot->review & 3U;
    shard->reviews[index] = (struct troth_review){snapshot->review_us, snapshot->fell_us};
    struct troth_agent *owner = &shard->agents.agents[s->agent];
    import_sessions(shard, owner, snapshot->sequence_uses, snapshot->sessions,
                    snapshot->session_count);
    shard->true_until[s->agent] = snapshot->offset;
    owner->ahead = true;
    owner->idle = snapshot->idle;
    struct troth_sight sight;
    troth_instant_set(rules, &slot->past, snapshot->clock_us);
    troth_shard_sight(shard, index, s, &slot->past, &sight);
    /* As troth_shard_reconsider does where the version changes under a standing. */
    (void)troth_shard_review_by_clock(shard, index, s, snapshot->clock_us);
    if (!whole || snapshot->contract_version != rules->contract->version) {
        (void)troth_shard_settle(shard, index, s, &sight, snapshot->offset, true);
    }
    set_deadline(shard, index, &sight);
    troth_shard_note_rung(shard, index, s);
    troth_shard_note(shard, index, s, TROTH_DIRTY_MOVED | TROTH_DIRTY_LATER);
    *standing = index;
    return TROTH_OK;
}

/* An agent of which no record stands is nobody. */
static void drop_unless_alone(struct troth_shard *shard, uint32_t index)
{
    const struct troth_agent *agent = &shard->agents.agents[index];
    if (agent->first == TROTH_NONE && !agent->alone) {
        troth_shard_drop_agent(shard, index);
    }
}

troth_status troth_shard_forget(struct troth_shard *shard, struct troth_text agent,
                                struct troth_text contract)
{
    const unsigned slot = troth_shard_find_slot(shard, contract);
    const uint32_t found = troth_agents_find(&shard->agents, agent, troth_agents_hash(agent));
    if (found == TROTH_NONE) {
        return TROTH_NOT_FOUND;
    }
    const uint32_t index =
        slot != TROTH_CONTRACTS_MAX ? find_standing(shard, found, slot) : TROTH_NONE;
    if (index != TROTH_NONE) {
        troth_shard_unbegin(shard, index);
    }
    drop_unless_alone(shard, found);
    return index != TROTH_NONE ? TROTH_OK : TROTH_NOT_FOUND;
}

troth_status troth_shard_import_agent(struct troth_shard *shard,
                                      const struct troth_agent_snapshot *snapshot)
{
    const troth_status status = troth_agent_snapshot_check(snapshot);
    if (status != TROTH_OK) {
        return status;
    }
    const uint64_t hash = troth_agents_hash(snapshot->agent);
    uint32_t index = troth_agents_find(&shard->agents, snapshot->agent, hash);
    if (index == TROTH_NONE) {
        index = troth_agents_add(&shard->agents, snapshot->agent, hash);
    }
    if (index == TROTH_NONE) {
        return TROTH_AGENTS_FULL;
    }
    struct troth_agent *agent = &shard->agents.agents[index];
    import_sessions(shard, agent, snapshot->sequence_uses, snapshot->sessions,
                    snapshot->session_count);
    shard->true_until[index] = snapshot->offset;
    agent->ahead = true;
    agent->idle = snapshot->idle;
    agent->alone = true;
    return TROTH_OK;
}

void troth_shard_forget_agent(struct troth_shard *shard, struct troth_text agent)
{
    const uint32_t index = troth_agents_find(&shard->agents, agent, troth_agents_hash(agent));
    if (index != TROTH_NONE) {
        shard->agents.agents[index].alone = false;
        drop_unless_alone(shard, index);
    }
}
