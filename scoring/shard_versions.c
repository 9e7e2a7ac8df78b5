/*
 * Versions of agents: when a new one has taken the place of the one in force, its standing starts
 * anew. The rules are those of schemas/versions.md.
 */
#include <stdalign.h>
#include <string.h>

#include "schemas/assert.h"
#include "scoring/shard_state.h"

enum { HASH_OF_ZERO = 1 }; /* a text's hash of 0 would read as none */

static uint64_t hash_of(struct troth_text version)
{
    const uint64_t hash = troth_agents_hash(version);
    return hash != 0 ? hash : HASH_OF_ZERO;
}

/* Whether the event, taken as any other, leads to review or pause. Tried on a copy, which is the
 * only way to know it before a thing is emptied; this happens once a version. */
static bool needs_person(struct troth_shard *shard, uint32_t index,
                         const struct troth_standing *standing, const struct troth_event *event,
                         const struct troth_moment *moment)
{
    alignas(TROTH_LINE) char block[TROTH_BLOCK_LINES_MAX * TROTH_LINE];
    struct troth_slot *slot = &shard->slots[standing->contract];
    const struct troth_rules *rules = slot->rules;
    struct troth_standing *copy = (struct troth_standing *)(void *)block;
    struct troth_sight sight;
    struct troth_step step;
    TROTH_ASSERT(rules->size <= sizeof block);
    memcpy(block, standing, rules->size);
    const unsigned effects =
        troth_evidence_apply(rules, copy, &slot->now, &slot->readings, event, moment);
    troth_shard_sight(shard, index, copy, &slot->now, &sight);
    if (copy->rung == TROTH_RUNG_RECERTIFY) {
        bool restart = false;
        copy->phase_us = troth_certification_end(rules, copy, shard->clock_us);
        step = troth_ladder_certify(&sight, &restart);
    } else {
        struct troth_ladder ladder = troth_ladder_of(rules, copy);
        step = troth_ladder_step(&sight, &ladder,
                                 copy->unsettled || (effects & TROTH_EFFECT_WORSENED));
    }
    return step.taken && step.to > TROTH_RUNG_RECERTIFY;
}

/* At recertify already: what was proved is not of this version. A certification that follows a
 * review or a pause still ends when it would have: no agent puts that off. */
static enum troth_hearing start_anew(struct troth_shard *shard, uint32_t index,
                                     struct troth_standing *standing)
{
    const struct troth_rules *rules = shard->slots[standing->contract].rules;
    const int64_t end_us = standing->phase_us;
    troth_standing_recertify(rules, standing, shard->clock_us, standing->after_decision);
    if (standing->after_decision) {
        standing->phase_us = end_us;
    }
    if (standing->docketed) {
        troth_docket_recertify(troth_shard_docket(shard, index));
    }
    troth_shard_note(shard, index, standing, TROTH_DIRTY_MOVED);
    return TROTH_HEARD_ANEW;
}

static enum troth_hearing enter_recertify(struct troth_shard *shard, uint32_t index,
                                          struct troth_standing *standing)
{
    const struct troth_slot *slot = &shard->slots[standing->contract];
    struct troth_ladder ladder = troth_ladder_of(slot->rules, standing);
    struct troth_sight sight;
    const struct troth_step step = {.taken = true,
                                    .from = (uint8_t)standing->rung,
                                    .to = TROTH_RUNG_RECERTIFY,
                                    .cause = {TROTH_CONDITION_VERSION, TROTH_NO_TERM, 0.0, 0.0}};
    troth_shard_sight(shard, index, standing, &slot->now, &sight);
    troth_ladder_enter(&sight, &ladder, step.to);
    troth_past(slot->rules, standing)->left_us = ladder.left_us;
    standing->relapses = (unsigned)ladder.relapses & TROTH_RELAPSES_MAX;
    standing->unsettled = true;
    troth_shard_take_step(shard, index, standing, &sight, &step, shard->offset, NULL);
    return TROTH_HEARD_ENTERED;
}

/* Another version has come after the one in force was silent for a window. */
static __attribute__((noinline)) enum troth_hearing
replace(struct troth_shard *shard, uint32_t index, struct troth_standing *standing,
        const struct troth_event *event, const struct troth_moment *moment)
{
    const unsigned rung = standing->rung;
    if (rung > TROTH_RUNG_RECERTIFY || needs_person(shard, index, standing, event, moment)) {
        return TROTH_HEARD_NOTHING;
    }
    return rung == TROTH_RUNG_RECERTIFY ? start_anew(shard, index, standing)
                                        : enter_recertify(shard, index, standing);
}

enum troth_hearing troth_shard_hear(struct troth_shard *shard, uint32_t index,
                                    struct troth_standing *standing,
                                    const struct troth_event *event,
                                    const struct troth_moment *moment)
{
    const struct troth_rules *rules = shard->slots[standing->contract].rules;
    if (!troth_event_has(event, TROTH_FIELD_AGENT_VERSION) || event->agent_version.length == 0) {
        return TROTH_HEARD_NOTHING;
    }
    struct troth_heard *heard = troth_heard(rules, standing);
    const uint64_t hash = hash_of(event->agent_version);
    if (heard->hash == hash) {
        heard->last_us = moment->at_us > heard->last_us ? moment->at_us : heard->last_us;
        return TROTH_HEARD_NOTHING;
    }
    if (heard->hash != 0 && moment->at_us - heard->last_us <= rules->longest_window_us) {
        return TROTH_HEARD_NOTHING; /* a canary, or a rollout that goes on */
    }
    const bool is_first = heard->hash == 0;
    *heard = (struct troth_heard){hash, moment->at_us};
    return is_first ? TROTH_HEARD_NOTHING : replace(shard, index, standing, event, moment);
}
