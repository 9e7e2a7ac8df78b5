/*
 * Eviction: an agent that says nothing any more, and has nothing on record, gives its place back.
 *
 * Each agent is looked at once in each `evict_after` of the shard's clock, as its name's hash has
 * it, so a look takes one agent in LOOKS. One that is at rest is marked as idle; any event of its
 * own takes the mark off, be it evidence or not, or a duplicate. One that still bears the mark at
 * its next look is evicted: after at least one `evict_after` without an event, and at most two.
 * The mark is written down with the standings, and the times follow from clock and name, so the
 * same log evicts the same agents, wherever it is cut by a restart.
 *
 * At rest is a standing that a new one would not be told from, by what may yet come of it:
 * - it is in recertify, and did not come there by a decision;
 * - nothing is in its windows, no budget's amount either, and no cadence is still partly kept;
 * - its counters are empty: who is half-way through a certification keeps it until `certify.within`
 *   has started the counters anew;
 * - no never-mark, and no CUSUM at its alarm; below that one narrows nothing, and is forgotten as
 *   recertify itself would forget it;
 * - no relapse, and 24 hours since it last left narrow, review or pause, so that the next climb is
 *   none;
 * - nothing was ever decided of it: a docket keeps it.
 *
 * What goes with it: when recertify was entered, and from when the certification counts; counts of
 * tasks, cost and late pieces; the last cause and the witnesses of it.
 *
 * An agent goes as a whole, with its sequence windows, or not at all: the worst of its standings is
 * what it may do, so one that went alone would widen the agent. One that has no standing left, as
 * its contracts ended, has its windows alone, and goes likewise.
 */
#include "schemas/assert.h"
#include "scoring/shard_state.h"

enum { LOOKS = 32 }; /* in each evict_after; a bit of a mask each */

#define DAY_US INT64_C(86400000000)

static int64_t step_us(const struct troth_shard *shard)
{
    const int64_t step = shard->config.evict_after_us / LOOKS;
    return step > 0 ? step : 1;
}

void troth_shard_plan_look(struct troth_shard *shard)
{
    shard->look_us = TROTH_LAST_US;
    if (shard->config.evict_after_us > 0) {
        shard->look_us = (shard->clock_us / step_us(shard) + 1) * step_us(shard);
    }
    shard->next_us = shard->look_us < shard->next_us ? shard->look_us : shard->next_us;
}

/* Whether a term holds nothing that a new one does not. */
static bool term_rests(struct troth_sight *sight, unsigned term)
{
    const struct troth_rules *rules = sight->rules;
    const struct troth_standing *standing = sight->standing;
    if (rules->terms[term].windowed &&
        troth_window_newest(rules, standing, term, sight->instant) >= 0) {
        return false;
    }
    if (rules->terms[term].shares) {
        const struct troth_tally *tally = troth_tally_of(rules, standing, term);
        return tally->kept == 0 && tally->broken == 0 && !troth_alarm(standing, term);
    }
    if (rules->cadence_mask >> term & 1) {
        return troth_sight_freshness(sight, term, 1.0) <= 0.0;
    }
    return !(rules->never_mask >> term & 1) || troth_hot_of(standing, term)->level == 0;
}

/* Whether a standing is at rest, at the shard's clock; see above. */
static bool rests(struct troth_shard *shard, const struct troth_standing *standing)
{
    struct troth_slot *slot = &shard->slots[standing->contract];
    const int64_t left_us = troth_past_of(slot->rules, standing)->left_us;
    struct troth_sight sight;
    if (standing->rung != TROTH_RUNG_RECERTIFY || standing->after_decision || standing->docketed ||
        standing->relapses > 0 ||
        (left_us != TROTH_NEVER_US && shard->clock_us - left_us <= DAY_US)) {
        return false;
    }
    troth_instant_set(slot->rules, &slot->now, shard->clock_us);
    troth_sight_init(&sight, slot->rules, standing, NULL, &slot->now);
    for (unsigned i = 0; i < slot->rules->term_count; i++) {
        if (!term_rests(&sight, i)) {
            return false;
        }
    }
    return true;
}

static bool all_rest(struct troth_shard *shard, const struct troth_agent *agent)
{
    for (uint32_t i = agent->first; i != TROTH_NONE; i = troth_shard_at(shard, i)->next) {
        if (!rests(shard, troth_shard_at(shard, i))) {
            return false;
        }
    }
    return true;
}

static void look_at(struct troth_shard *shard, uint32_t index)
{
    struct troth_agent *agent = &shard->agents.agents[index];
    const bool rest = all_rest(shard, agent);
    if (rest && agent->idle) {
        shard->counts.evicted++;
        while (agent->first != TROTH_NONE) {
            troth_shard_end(shard, agent->first);
        }
        troth_shard_drop_agent(shard, index);
    } else if (rest != agent->idle) {
        agent->idle = rest;
        agent->generation = 0; /* of no contracts: its next event goes the way of a first one */
        troth_shard_note_agent(shard, index);
    }
}

/* Whether an agent was restored as it is after the record that is being applied: what this look
 * found is in it already. */
static bool is_ahead(const struct troth_shard *shard, uint32_t index)
{
    return shard->agents.agents[index].ahead && shard->offset <= shard->true_until[index];
}

void troth_shard_look_for_idle(struct troth_shard *shard)
{
    const int64_t first = shard->look_us / step_us(shard);
    const int64_t last = shard->clock_us / step_us(shard);
    uint32_t turns = last - first >= LOOKS ? UINT32_MAX : 0;
    for (int64_t turn = first; turn <= last && turns != UINT32_MAX; turn++) {
        turns |= UINT32_C(1) << turn % LOOKS;
    }
    for (uint32_t i = 0; i < shard->agents.places; i++) {
        if (troth_agents_has(&shard->agents, i) &&
            (turns >> shard->agents.agents[i].hash % LOOKS & 1) != 0 && !is_ahead(shard, i)) {
            look_at(shard, i);
        }
    }
    troth_shard_plan_look(shard);
}
