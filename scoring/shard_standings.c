/*
 * Standings in a shard: how they begin and end, take steps, and what their deadlines do.
 */
#include <string.h>

#include "schemas/assert.h"
#include "scoring/shard_state.h"

_Static_assert(TROTH_CONTRACTS_MAX <= UINT8_MAX + 1, "an agent notes a slot in a byte");

void troth_shard_set_deadline(struct troth_shard *shard, uint32_t index, int64_t due_us)
{
    shard->deadlines[index] = due_us;
    int64_t *group = &shard->group_us[index / GROUP];
    *group = due_us < *group ? due_us : *group;
    shard->next_us = due_us < shard->next_us ? due_us : shard->next_us;
}

/* Tells of a step that is being taken, before anything that it rests on is emptied. Returns the
 * onset of the term that caused it, where its CUSUM is above 0; else TROTH_NEVER_US. */
static int64_t tell(struct troth_shard *shard, uint32_t index, struct troth_standing *standing,
                    struct troth_sight *sight, const struct troth_step *step, int64_t offset,
                    const struct troth_decision *decision)
{
    const struct troth_rules *rules = sight->rules;
    const int64_t from_since_us = standing->since_us;
    standing->since_us = sight->instant->time_us;
    struct troth_intervention told = {
        .agent = troth_agents_name(&shard->agents, standing->agent),
        .contract = rules->contract,
        .standing = index,
        .from = step->from,
        .to = step->to,
        .narrowing = step->to > step->from,
        .cause = step->cause,
        .score = troth_outlook_score(sight),
        .decided_at_us = sight->instant->time_us,
        .from_since_us = from_since_us,
        .degraded_at_us = TROTH_NEVER_US,
        .cause_offset = offset,
        .decision = decision,
    };
    for (unsigned i = 0; i < rules->term_count; i++) {
        troth_window_counts(rules, standing, i, sight->instant, &told.kept[i], &told.broken[i]);
    }
    const unsigned term = step->cause.term;
    const bool degraded =
        term != TROTH_NO_TERM && rules->terms[term].shares && troth_hot(standing, term)->level > 0;
    if (told.narrowing) {
        told.degraded_at_us =
            degraded ? troth_cold(rules, standing, term)->onset_us : told.decided_at_us;
    }
    if (degraded) {
        const struct troth_cold *cold = troth_cold(rules, standing, term);
        told.exposed_tasks = standing->tasks - cold->tasks_mark;
        told.exposed_cost_micros = standing->cost_micros - cold->cost_mark;
    }
    if (term != TROTH_NO_TERM) {
        told.witness_count = troth_witnesses(rules, standing, term, told.witness_offsets);
    }
    struct troth_past *past = troth_past(rules, standing);
    if (past->cause_offset != offset) {
        past->cause_offset = offset;
        standing->ordinal = 0;
    }
    told.ordinal = standing->ordinal;
    TROTH_ASSERT(told.ordinal < TROTH_ORDINAL_MAX);
    standing->ordinal = (told.ordinal + 1U) & 4095U;
    standing->cause = step->cause.condition & 15U;
    standing->cause_term = term < TROTH_TERMS_MAX ? term & 31U : TROTH_CAUSE_NO_TERM;
    standing->observed = (float)step->cause.observed;
    shard->counts.interventions++;
    if (shard->config.on_intervention != NULL) {
        shard->config.on_intervention(shard->config.context, &told);
    }
    return degraded ? troth_cold(rules, standing, term)->onset_us : TROTH_NEVER_US;
}

void troth_shard_note_rung(struct troth_shard *shard, uint32_t index,
                           const struct troth_standing *standing)
{
    struct troth_agent *agent = &shard->agents.agents[standing->agent];
    if (agent->first == index) {
        troth_shard_note_first(agent, standing);
    }
}

void troth_shard_take_step(struct troth_shard *shard, uint32_t index,
                           struct troth_standing *standing, struct troth_sight *sight,
                           const struct troth_step *step, int64_t offset,
                           const struct troth_decision *decision)
{
    troth_shard_book_rung(shard, standing->contract, standing->rung, step->to);
    standing->rung = step->to & 7U;
    const int64_t onset_us = tell(shard, index, standing, sight, step, offset, decision);
    troth_shard_review_step(shard, index, standing, step, sight->instant->time_us, onset_us,
                            decision);
    if (step->to == TROTH_RUNG_RECERTIFY) {
        const bool held = step->from == TROTH_RUNG_REVIEW || step->from == TROTH_RUNG_PAUSE;
        troth_standing_recertify(sight->rules, standing, sight->instant->time_us, held);
        if (standing->docketed) {
            troth_docket_recertify(troth_shard_docket(shard, index));
        }
    }
    sight->ready = 0;
    troth_shard_note_rung(shard, index, standing);
    troth_shard_note(shard, index, standing, TROTH_DIRTY_MOVED);
}

static void restart_counters(const struct troth_sight *sight, struct troth_standing *standing)
{
    const struct troth_rules *rules = sight->rules;
    for (unsigned i = 0; i < rules->term_count; i++) {
        *troth_tally(rules, standing, i) = (struct troth_tally){0, 0};
    }
    if (sight->instant->time_us >= standing->phase_us) {
        standing->phase_us = troth_certification_end(rules, standing, sight->instant->time_us);
    }
}

/* Looks at a standing and lets it take at most one step. Returns whether it, or its phase, moved.
 */
bool troth_shard_settle(struct troth_shard *shard, uint32_t index, struct troth_standing *standing,
                        struct troth_sight *sight, int64_t offset, bool worsened)
{
    struct troth_ladder ladder = troth_ladder_of(sight->rules, standing);
    struct troth_step step;
    bool restart = false;
    if (standing->rung == TROTH_RUNG_RECERTIFY) {
        step = troth_ladder_certify(sight, &restart);
        if (restart) {
            restart_counters(sight, standing);
        }
        restart |= standing->unsettled; /* its end is a deadline no more: certification_ends */
        if (step.taken) {
            troth_ladder_enter(sight, &ladder, step.to);
        }
    } else {
        step = troth_ladder_step(sight, &ladder, worsened);
    }
    if (standing->rung != TROTH_RUNG_RECERTIFY || step.taken) {
        restart |= standing->phase_us != ladder.phase_us;
        standing->phase_us = ladder.phase_us;
        troth_past(sight->rules, standing)->left_us = ladder.left_us;
        standing->relapses = (unsigned)ladder.relapses & TROTH_RELAPSES_MAX;
    }
    standing->unsettled = step.taken;
    if (step.taken) {
        troth_shard_take_step(shard, index, standing, sight, &step, offset, NULL);
    }
    return step.taken || restart;
}

void troth_shard_schedule(struct troth_shard *shard, uint32_t index, struct troth_sight *sight)
{
    const struct troth_ladder ladder = troth_ladder_of(sight->rules, sight->standing);
    const int64_t ladder_us = troth_ladder_deadline(sight, &ladder);
    const int64_t review_us = troth_shard_review_due_us(shard, index, sight->standing);
    troth_shard_set_deadline(shard, index, ladder_us < review_us ? ladder_us : review_us);
}

/* Whether a deadline that is due is the ladder's, and not the clock's of a review alone. */
static bool is_look(struct troth_shard *shard, uint32_t index,
                    const struct troth_standing *standing, int64_t due_us)
{
    struct troth_slot *slot = &shard->slots[standing->contract];
    const struct troth_ladder ladder = troth_ladder_of(slot->rules, standing);
    struct troth_sight sight;
    if (troth_shard_review_due_us(shard, index, standing) != due_us) {
        return true;
    }
    troth_instant_set(slot->rules, &slot->past, due_us - 1);
    troth_shard_sight(shard, index, standing, &slot->past, &sight);
    return troth_ladder_deadline(&sight, &ladder) == due_us;
}

/* Handles the deadlines of one standing up to a time, in order, each at its own time. */
static void run_deadlines(struct troth_shard *shard, uint32_t index, int64_t offset,
                          int64_t until_us)
{
    struct troth_standing *standing = troth_shard_at(shard, index);
    struct troth_slot *slot = &shard->slots[standing->contract];
    struct troth_sight sight;
    while (shard->deadlines[index] <= until_us) {
        const int64_t due_us = shard->deadlines[index];
        const bool look = is_look(shard, index, standing, due_us);
        unsigned flags = TROTH_DIRTY_WORSENED | TROTH_DIRTY_LATER;
        shard->counts.deadlines++;
        troth_instant_set(slot->rules, &slot->past, due_us);
        troth_shard_sight(shard, index, standing, &slot->past, &sight);
        if (troth_shard_review_by_clock(shard, index, standing, due_us)) {
            flags |= TROTH_DIRTY_MOVED;
        }
        if (look) {
            (void)troth_shard_settle(shard, index, standing, &sight, offset, true);
        }
        troth_shard_note(shard, index, standing, flags);
        troth_shard_note_agent(shard, standing->agent);
        troth_shard_schedule(shard, index, &sight);
        TROTH_ASSERT(shard->deadlines[index] > due_us);
    }
}

/* Handles every deadline up to a time, by groups, and finds the next. */
void troth_shard_run_deadlines(struct troth_shard *shard, int64_t offset, int64_t until_us)
{
    int64_t next_us = TROTH_LAST_US;
    const uint32_t groups = (shard->standings + GROUP - 1) / GROUP;
    for (uint32_t g = 0; g < groups; g++) {
        if (shard->group_us[g] <= until_us) {
            const uint32_t first = g * GROUP;
            const uint32_t end =
                first + GROUP < shard->standings ? first + GROUP : shard->standings;
            int64_t least_us = TROTH_LAST_US;
            for (uint32_t i = first; i < end; i++) {
                if (shard->deadlines[i] <= until_us) {
                    run_deadlines(shard, i, offset, until_us);
                }
                least_us = shard->deadlines[i] < least_us ? shard->deadlines[i] : least_us;
            }
            shard->group_us[g] = least_us;
        }
        next_us = shard->group_us[g] < next_us ? shard->group_us[g] : next_us;
    }
    shard->next_us = shard->look_us < next_us ? shard->look_us : next_us;
    if (shard->look_us <= shard->clock_us && until_us == shard->clock_us) {
        shard->next_us = next_us;
        troth_shard_look_for_idle(shard);
    }
}

/* Takes a standing out of its agent's list. */
static void unlink_standing(struct troth_shard *shard, uint32_t index,
                            const struct troth_standing *standing)
{
    struct troth_agent *agent = &shard->agents.agents[standing->agent];
    if (agent->first == index) {
        agent->first = standing->next;
        agent->first_line = TROTH_NONE;
        if (standing->next != TROTH_NONE) {
            agent->first_line = shard->lines[standing->next];
            const struct troth_standing *next = troth_shard_at(shard, standing->next);
            agent->first_contract = (uint8_t)next->contract;
            troth_shard_note_first(agent, next);
        }
        return;
    }
    struct troth_standing *before = troth_shard_at(shard, agent->first);
    while (before->next != index) {
        before = troth_shard_at(shard, before->next);
    }
    before->next = standing->next;
}

/* Gives a standing's block and index back. */
static void give_back(struct troth_shard *shard, uint32_t index)
{
    struct troth_standing *standing = troth_shard_at(shard, index);
    const uint32_t size = shard->slots[standing->contract].rules->size;
    troth_shard_book_rung(shard, standing->contract, standing->rung, TROTH_RUNG_COUNT);
    troth_shard_drop_review(shard, standing);
    unlink_standing(shard, index, standing);
    if (standing->docketed) {
        troth_shard_drop_docket(shard, index);
    }
    shard->marks[index] = (uint8_t)((standing->dirty & TROTH_DIRTY_LISTED ? MARK_LISTED : 0) |
                                    (standing->dirty & TROTH_DIRTY_LATER ? MARK_LATER : 0));
    troth_blocks_give(&shard->blocks, shard->lines[index], size);
    shard->deadlines[index] = TROTH_LAST_US;
    shard->lines[index] = shard->free_standing;
    shard->free_standing = index;
    shard->live--;
}

void troth_shard_unbegin(struct troth_shard *shard, uint32_t index)
{
    give_back(shard, index);
}

void troth_shard_end(struct troth_shard *shard, uint32_t index)
{
    const struct troth_standing *standing = troth_shard_at(shard, index);
    const struct troth_text agent = troth_agents_name(&shard->agents, standing->agent);
    const struct troth_rules *rules = shard->slots[standing->contract].rules;
    give_back(shard, index);
    if (shard->config.on_ended != NULL) {
        shard->config.on_ended(shard->config.context, index, agent, rules->contract->name);
    }
}

struct troth_sequences *troth_shard_sequences(struct troth_shard *shard, struct troth_agent *agent)
{
    if (agent->sequences == TROTH_NONE) {
        const uint32_t place = shard->free_sequences;
        agent->sequences = place != TROTH_NONE ? place : shard->sequence_count++;
        TROTH_ASSERT(agent->sequences < shard->config.agents_max); /* as many as agents */
        if (place != TROTH_NONE) {
            shard->free_sequences = (uint32_t)shard->sequences[place].uses;
            shard->sequences[place].uses = 0;
        }
    }
    return &shard->sequences[agent->sequences];
}

void troth_shard_drop_agent(struct troth_shard *shard, uint32_t index)
{
    const struct troth_agent *agent = &shard->agents.agents[index];
    TROTH_ASSERT(agent->first == TROTH_NONE);
    if (agent->sequences != TROTH_NONE) {
        shard->sequences[agent->sequences] =
            (struct troth_sequences){.uses = shard->free_sequences};
        shard->free_sequences = agent->sequences;
    }
    if (agent->alone && shard->config.on_gone != NULL) {
        shard->config.on_gone(shard->config.context, troth_agents_name(&shard->agents, index));
    }
    troth_agents_remove(&shard->agents, index);
}

void troth_shard_see_to_agent(struct troth_shard *shard, uint32_t index)
{
    const struct troth_agent *agent = &shard->agents.agents[index];
    if (agent->first != TROTH_NONE) {
        return;
    }
    if (agent->sequences == TROTH_NONE) {
        troth_shard_drop_agent(shard, index);
    } else {
        troth_shard_note_agent(shard, index);
    }
}

void troth_shard_reconsider(struct troth_shard *shard, uint32_t index)
{
    struct troth_standing *standing = troth_shard_at(shard, index);
    struct troth_slot *slot = &shard->slots[standing->contract];
    struct troth_sight sight;
    troth_instant_set(slot->rules, &slot->now, shard->clock_us);
    troth_shard_sight(shard, index, standing, &slot->now, &sight);
    /* What another `review_every` makes due is due before the look, which may stop the clock. */
    (void)troth_shard_review_by_clock(shard, index, standing, shard->clock_us);
    (void)troth_shard_settle(shard, index, standing, &sight, shard->offset, true);
    troth_shard_note(shard, index, standing, TROTH_DIRTY_MOVED);
    troth_shard_note_agent(shard, standing->agent);
    troth_shard_schedule(shard, index, &sight);
}

/* Returns a new index, or TROTH_NONE when there are as many standings as there may be. */
static uint32_t new_index(struct troth_shard *shard)
{
    uint32_t index = shard->free_standing;
    if (index != TROTH_NONE) {
        shard->free_standing = shard->lines[index];
    } else if (shard->standings < shard->config.standings_max) {
        index = shard->standings++;
        if (index % GROUP == 0) {
            shard->group_us[index / GROUP] = TROTH_LAST_US;
        }
    } else {
        return TROTH_NONE;
    }
    shard->deadlines[index] = TROTH_LAST_US;
    shard->marks[index] |= MARK_LIVE;
    shard->live++;
    return index;
}

/* Begins a standing at the clock. Returns false when there is no room. */
bool troth_shard_begin(struct troth_shard *shard, uint32_t agent, unsigned slot)
{
    const struct troth_rules *rules = shard->slots[slot].rules;
    const uint32_t line = troth_blocks_take(&shard->blocks, rules->size);
    if (line == UINT32_MAX) {
        return false;
    }
    const uint32_t index = new_index(shard);
    if (index == TROTH_NONE) {
        troth_blocks_give(&shard->blocks, line, rules->size);
        return false;
    }
    struct troth_agent *a = &shard->agents.agents[agent];
    struct troth_standing *standing = troth_blocks_at(&shard->blocks, line);
    troth_standing_init(rules, standing, shard->clock_us);
    standing->agent = agent;
    standing->contract = slot & 511U;
    troth_shard_book_rung(shard, slot, TROTH_RUNG_COUNT, standing->rung);
    standing->next = a->first;
    standing->dirty = ((shard->marks[index] & MARK_LISTED ? TROTH_DIRTY_LISTED : 0U) |
                       (shard->marks[index] & MARK_LATER ? TROTH_DIRTY_LATER : 0U)) &
                      31U;
    a->first = index;
    a->first_line = line;
    a->first_contract = (uint8_t)slot;
    troth_shard_note_first(a, standing);
    shard->lines[index] = line;
    shard->reviews[index] = (struct troth_review){0, TROTH_NEVER_US};
    troth_instant_set(rules, &shard->slots[slot].now, shard->clock_us);
    struct troth_sight sight;
    troth_sight_init(&sight, rules, standing, NULL, &shard->slots[slot].now);
    troth_shard_schedule(shard, index, &sight);
    troth_shard_note(shard, index, standing, TROTH_DIRTY_MOVED);
    return true;
}
