/*
 * What people decide, and the dockets in which it stands. The rules are those of
 * schemas/decisions.md.
 */
#include <string.h>

#include "schemas/assert.h"
#include "scoring/evidence.h"
#include "scoring/predicate.h"
#include "scoring/shard_state.h"

/* ---- Dockets. ---- */

struct troth_docket *troth_shard_make_docket(struct troth_shard *shard, uint32_t standing)
{
    struct troth_standing *s = troth_shard_at(shard, standing);
    if (s->docketed) {
        return troth_shard_docket(shard, standing);
    }
    uint32_t place = shard->free_docket;
    if (place != TROTH_NONE) {
        shard->free_docket = shard->dockets[place].next_free;
    } else if (shard->docket_count < shard->config.dockets_max) {
        place = shard->docket_count++;
    } else {
        return NULL;
    }
    troth_docket_init(&shard->dockets[place]);
    shard->docket_of[standing] = place;
    s->docketed = true;
    return &shard->dockets[place];
}

void troth_shard_drop_docket(struct troth_shard *shard, uint32_t standing)
{
    const uint32_t place = shard->docket_of[standing];
    shard->dockets[place].next_free = shard->free_docket;
    shard->free_docket = place;
    troth_shard_at(shard, standing)->docketed = false;
}

const struct troth_docket *troth_shard_docket_of(const struct troth_shard *shard, uint32_t standing)
{
    return standing < shard->standings && (shard->marks[standing] & MARK_LIVE) &&
                   troth_shard_at(shard, standing)->docketed
               ? troth_shard_docket(shard, standing)
               : NULL;
}

bool troth_shard_is_under(const struct troth_shard *shard, uint32_t standing,
                          struct troth_text contract)
{
    return standing < shard->standings && (shard->marks[standing] & MARK_LIVE) &&
           troth_shard_find_slot(shard, contract) == troth_shard_at(shard, standing)->contract;
}

/* Whether the record at that offset is the last that a term has as a witness. */
static bool witnessed(const struct troth_rules *rules, const struct troth_standing *standing,
                      unsigned term, int64_t offset)
{
    int64_t offsets[TROTH_WITNESSES_MAX];
    return troth_witnesses(rules, standing, term, offsets) > 0 && offsets[0] == offset;
}

void troth_shard_note_uses(struct troth_shard *shard, uint32_t standing, int64_t offset)
{
    struct troth_standing *s = troth_shard_at(shard, standing);
    struct troth_slot *slot = &shard->slots[s->contract];
    const struct troth_rules *rules = slot->rules;
    struct troth_docket *docket = troth_shard_docket(shard, standing);
    bool used = false;
    for (unsigned i = 0; i < rules->term_count; i++) {
        if (!troth_docket_waives(docket, i, shard->clock_us) || !witnessed(rules, s, i, offset)) {
            continue;
        }
        int64_t sum = INT64_MAX;
        if (rules->budget_mask >> i & 1) {
            (void)troth_window_amount(rules, s, i, &slot->now, &sum);
        }
        if (sum > rules->contract->terms[i].at_most || !(rules->budget_mask >> i & 1)) {
            docket->waived_uses[i] += docket->waived_uses[i] < UINT32_MAX;
            used = true;
        }
    }
    if (used) {
        troth_shard_week(shard, s->contract)->waiver_uses++;
        troth_shard_note(shard, standing, s, TROTH_DIRTY_MOVED); /* uses are shown as they come */
    }
}

/* ---- Decisions. ---- */

/* One decision at one standing. */
struct ruling {
    struct troth_shard *shard;
    const struct troth_decision *decision;
    const struct troth_disputed *disputed;
    const struct troth_rules *rules;
    struct troth_standing *standing;
    struct troth_docket *docket;
    uint32_t index;
    unsigned term; /* that the decision names, or TROTH_NO_TERM */
};

/* Finds the standing that a decision is of, and begins it where there is none yet. */
static unsigned find_standing(struct troth_shard *shard, const struct troth_decision *decision,
                              uint32_t *standing)
{
    const struct troth_text name = decision->agent;
    const unsigned slot = troth_shard_find_slot(shard, decision->contract);
    if (slot == TROTH_CONTRACTS_MAX ||
        !troth_glob_matches(shard->slots[slot].rules->contract->applies_to, name.data,
                            name.length)) {
        return TROTH_RULING_NOT_BOUND;
    }
    const uint64_t hash = troth_agents_hash(name);
    uint32_t agent = troth_agents_find(&shard->agents, name, hash);
    const bool is_new = agent == TROTH_NONE;
    if (!is_new && shard->agents.agents[agent].ahead) {
        if (shard->offset <= shard->true_until[agent]) {
            return TROTH_RULING_COUNT;
        }
        shard->agents.agents[agent].ahead = false;
    }
    if (is_new) {
        agent = troth_agents_add(&shard->agents, name, hash);
    }
    if (agent == TROTH_NONE) {
        return TROTH_RULING_NO_ROOM;
    }
    uint32_t index = shard->agents.agents[agent].first;
    while (index != TROTH_NONE && troth_shard_at(shard, index)->contract != slot) {
        index = troth_shard_at(shard, index)->next;
    }
    if (index == TROTH_NONE) {
        if (!troth_shard_begin(shard, agent, slot)) {
            if (is_new) {
                troth_agents_remove(&shard->agents, agent);
            }
            return TROTH_RULING_NO_ROOM;
        }
        index = shard->agents.agents[agent].first;
    }
    troth_shard_note_agent(shard, agent);
    *standing = index;
    return TROTH_RULING_APPLIED;
}

static unsigned find_term(const struct troth_rules *rules, struct troth_text name)
{
    for (unsigned i = 0; i < rules->term_count && name.data != NULL; i++) {
        const char *term = rules->contract->terms[i].name;
        if (strlen(term) == name.length && memcmp(term, name.data, name.length) == 0) {
            return i;
        }
    }
    return TROTH_NO_TERM;
}

static struct troth_moment moment_of(const struct ruling *r)
{
    const struct troth_event *event = r->disputed->event;
    const int64_t timestamp_us = r->disputed->timestamp_us;
    return (struct troth_moment){.at_us = event->at_us < timestamp_us ? event->at_us : timestamp_us,
                                 .offset = r->decision->offset,
                                 .signature = troth_event_signature(event)};
}

/* Whether the disputed record was read, was taken of this agent under this contract, and is
 * evidence of the term. */
static bool is_evidence(const struct ruling *r)
{
    if (r->disputed == NULL || r->disputed->event == NULL) {
        return false;
    }
    const struct troth_event *event = r->disputed->event;
    const struct troth_text agent = event->agent;
    if (!troth_shard_reaches(event, r->rules->contract) ||
        (event->at_us > r->disputed->timestamp_us &&
         event->at_us - r->disputed->timestamp_us > r->shard->config.max_ahead_us)) {
        return false;
    }
    if (agent.data == NULL || agent.length != r->decision->agent.length ||
        memcmp(agent.data, r->decision->agent.data, agent.length) != 0) {
        return false;
    }
    const struct troth_moment moment = moment_of(r);
    return troth_evidence_pieces(r->rules, r->term, event, &moment) > 0;
}

/* Makes room among the disputes: those that were upheld of records that the window does not hold
 * any more would give back nothing if they came again. */
static void forget_aged(struct ruling *r)
{
    const struct troth_instant *now = &r->shard->slots[r->standing->contract].now;
    for (unsigned i = r->docket->dispute_count; i-- > 0;) {
        struct troth_dispute *dispute = &r->docket->disputes[i];
        const unsigned term = dispute->term;
        const int64_t oldest = now->terms[term].pane - r->rules->contract->terms[term].panes + 1;
        if (dispute->upheld && !(r->rules->never_mask >> term & 1) &&
            dispute->record_us / r->rules->terms[term].pane_us < oldest) {
            troth_docket_remove(r->docket, dispute);
        }
    }
}

static unsigned open_dispute(struct ruling *r)
{
    if (!is_evidence(r)) {
        return TROTH_RULING_NO_RECORD;
    }
    forget_aged(r);
    if (troth_docket_dispute(r->docket, r->decision->offset, r->term) != NULL) {
        return TROTH_RULING_UNCHANGED;
    }
    return troth_docket_open(r->docket, r->decision->offset, r->disputed->timestamp_us, r->term)
               ? TROTH_RULING_UNCHANGED
               : TROTH_RULING_NO_ROOM;
}

static unsigned close_dispute(struct ruling *r, bool upheld)
{
    struct troth_dispute *dispute = troth_docket_dispute(r->docket, r->decision->offset, r->term);
    if (dispute == NULL || dispute->upheld) {
        return TROTH_RULING_NOT_OPEN;
    }
    if (upheld && !dispute->idle) {
        if (!is_evidence(r)) {
            return TROTH_RULING_NO_RECORD;
        }
        const struct troth_moment moment = moment_of(r);
        const struct troth_instant *now = &r->shard->slots[r->standing->contract].now;
        troth_evidence_take_back(r->rules, r->standing, r->term, now, r->disputed->event, &moment,
                                 r->disputed->timestamp_us);
        dispute->upheld = true;
        r->docket->open_count--;
        return TROTH_RULING_UNCHANGED;
    }
    troth_docket_remove(r->docket, dispute);
    return TROTH_RULING_UNCHANGED;
}

/* Moves a standing as a decision wants it. */
static unsigned move(struct ruling *r, const struct troth_step *step,
                     const struct troth_ladder *ladder, struct troth_sight *sight)
{
    if (!step->taken) {
        return TROTH_RULING_UNCHANGED;
    }
    r->standing->phase_us = ladder->phase_us;
    troth_past(sight->rules, r->standing)->left_us = ladder->left_us;
    r->standing->relapses = (unsigned)ladder->relapses & TROTH_RELAPSES_MAX;
    troth_shard_take_step(r->shard, r->index, r->standing, sight, step, r->shard->offset,
                          r->decision);
    return TROTH_RULING_APPLIED;
}

static unsigned recertify(struct ruling *r, struct troth_ladder *ladder, struct troth_sight *sight)
{
    if (r->standing->rung != TROTH_RUNG_RECERTIFY) {
        troth_ladder_enter(sight, ladder, TROTH_RUNG_RECERTIFY);
        const struct troth_step step = {
            .taken = true,
            .from = (uint8_t)r->standing->rung,
            .to = TROTH_RUNG_RECERTIFY,
            .cause = {TROTH_CONDITION_DECISION, TROTH_NO_TERM, 0.0, 0.0}};
        return move(r, &step, ladder, sight);
    }
    r->standing->since_us = r->shard->clock_us;
    troth_standing_recertify(r->rules, r->standing, r->shard->clock_us,
                             r->standing->after_decision);
    troth_docket_recertify(r->docket);
    return TROTH_RULING_UNCHANGED;
}

/* Does what is decided. Returns the ruling; a look at the standing follows where nothing refuses.
 */
static unsigned act(struct ruling *r)
{
    struct troth_slot *slot = &r->shard->slots[r->standing->contract];
    struct troth_ladder ladder = troth_ladder_of(slot->rules, r->standing);
    struct troth_sight sight;
    struct troth_step step;
    const unsigned action = r->decision->action;
    troth_shard_sight(r->shard, r->index, r->standing, &slot->now, &sight);
    switch ((enum troth_action)action) {
    case TROTH_ACTION_NARROW:
    case TROTH_ACTION_REVIEW:
    case TROTH_ACTION_PAUSE:
        step = troth_ladder_raise(&sight, &ladder,
                                  action == TROTH_ACTION_NARROW   ? TROTH_RUNG_NARROW
                                  : action == TROTH_ACTION_REVIEW ? TROTH_RUNG_REVIEW
                                                                  : TROTH_RUNG_PAUSE);
        return move(r, &step, &ladder, &sight);
    case TROTH_ACTION_RESTORE:
        if (r->standing->rung != TROTH_RUNG_NARROW && r->standing->rung != TROTH_RUNG_REVIEW) {
            return TROTH_RULING_NOT_FROM_HERE;
        }
        r->docket->quiet_until_us = r->shard->clock_us + r->rules->longest_window_us;
        step = troth_ladder_restore(&sight, &ladder);
        return move(r, &step, &ladder, &sight);
    case TROTH_ACTION_RECERTIFY:
        return recertify(r, &ladder, &sight);
    case TROTH_ACTION_WAIVE:
        if (r->term == TROTH_NO_TERM) {
            return TROTH_RULING_NO_TERM;
        }
        r->docket->waived_until_us[r->term] = r->decision->until_us;
        r->docket->waived_position[r->term] = r->decision->position;
        return TROTH_RULING_UNCHANGED;
    case TROTH_ACTION_DISPUTE_OPEN:
    case TROTH_ACTION_DISPUTE_UPHOLD:
    case TROTH_ACTION_DISPUTE_REJECT:
        if (r->term == TROTH_NO_TERM ||
            ((r->rules->complete_mask | r->rules->cadence_mask) >> r->term & 1)) {
            return TROTH_RULING_NO_TERM;
        }
        return action == TROTH_ACTION_DISPUTE_OPEN
                   ? open_dispute(r)
                   : close_dispute(r, action == TROTH_ACTION_DISPUTE_UPHOLD);
    case TROTH_ACTION_CLAIM:
        return troth_shard_claim_review(r->shard, r->index, r->standing, r->decision);
    case TROTH_ACTION_KEEP:
    case TROTH_ACTION_COUNT:
        break;
    }
    return TROTH_RULING_UNCHANGED;
}

struct troth_ruled troth_shard_decide(struct troth_shard *shard,
                                      const struct troth_decision *decision,
                                      const struct troth_disputed *disputed)
{
    struct troth_ruled ruled = {TROTH_RULING_APPLIED, TROTH_RUNG_COUNT, TROTH_RUNG_COUNT,
                                TROTH_NONE};
    struct ruling r = {.shard = shard, .decision = decision, .disputed = disputed};
    ruled.ruling = (uint8_t)find_standing(shard, decision, &r.index);
    if (ruled.ruling != TROTH_RULING_APPLIED) {
        return ruled;
    }
    r.standing = troth_shard_at(shard, r.index);
    r.docket = troth_shard_make_docket(shard, r.index);
    ruled.standing = r.index;
    ruled.from = ruled.to = (uint8_t)r.standing->rung;
    if (r.docket == NULL) {
        ruled.ruling = TROTH_RULING_NO_ROOM;
        return ruled;
    }
    if (troth_docket_took(r.docket, decision->position)) {
        ruled.ruling = TROTH_RULING_COUNT;
        return ruled;
    }
    struct troth_known *known = troth_docket_find(r.docket, decision->id);
    if (known != NULL) {
        /* A later record of the same id is told of once, an earlier one never again. */
        const bool later = decision->position < 0 || decision->position > known->position;
        known->position = later && decision->position >= 0 ? decision->position : known->position;
        ruled.ruling = (uint8_t)(later ? TROTH_RULING_REPEATED : TROTH_RULING_COUNT);
        return ruled;
    }
    troth_docket_note(r.docket, decision);
    if (decision->expected != TROTH_RUNG_COUNT && decision->expected != r.standing->rung) {
        ruled.ruling = TROTH_RULING_MOVED_ON;
        return ruled;
    }
    struct troth_slot *slot = &shard->slots[r.standing->contract];
    r.rules = slot->rules;
    r.term = find_term(r.rules, decision->term);
    troth_instant_set(r.rules, &slot->now, shard->clock_us);
    if (r.standing->rung == TROTH_RUNG_RECERTIFY) {
        r.standing->phase_us = troth_certification_end(r.rules, r.standing, shard->clock_us);
    }
    ruled.ruling = (uint8_t)act(&r);
    ruled.to = (uint8_t)r.standing->rung;
    if (ruled.ruling == TROTH_RULING_APPLIED || ruled.ruling == TROTH_RULING_UNCHANGED) {
        r.docket->decided_us = shard->clock_us;
        troth_shard_review_decided(shard, r.index, r.standing, decision->action,
                                   ruled.ruling == TROTH_RULING_APPLIED);
        troth_shard_reconsider(shard, r.index);
    }
    return ruled;
}
