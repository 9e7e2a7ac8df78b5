#include "scoring/shard.h"

#include <string.h>

#include "schemas/assert.h"
#include "schemas/touch.h"
#include "scoring/evidence.h"
#include "scoring/predicate.h"
#include "scoring/shard_state.h"

enum {
    SESSION_EMPTY = 1, /* the hash of a session without a name */
    TOUCHED_LINES = 10 /* asked for of one event; a long standing's other lines come when needed */
};

static size_t round_up(size_t size)
{
    return (size + 63) / 64 * 64;
}

static uint32_t group_count(const struct troth_shard_config *config)
{
    return (config->standings_max + GROUP - 1) / GROUP;
}

static uint32_t line_count(const struct troth_shard_config *config)
{
    const uint64_t bytes = (uint64_t)config->standings_max * config->standing_bytes;
    const uint64_t lines = bytes / TROTH_LINE + TROTH_BLOCK_LINES_MAX;
    return lines < UINT32_MAX ? (uint32_t)lines : UINT32_MAX - 1;
}

size_t troth_shard_size(const struct troth_shard_config *config)
{
    const size_t n = config->standings_max;
    return round_up(sizeof(struct troth_shard)) + round_up(n * sizeof(int64_t)) +
           round_up(group_count(config) * sizeof(int64_t)) + 4 * round_up(n * sizeof(uint32_t)) +
           round_up((size_t)config->dockets_max * sizeof(struct troth_docket)) + round_up(n) +
           round_up(n * sizeof(struct troth_review)) +
           round_up(TROTH_CONTRACTS_MAX * sizeof(struct troth_week)) +
           round_up((size_t)config->agents_max * sizeof(struct troth_sequences)) +
           round_up((size_t)config->agents_max * sizeof(uint32_t)) +
           round_up((size_t)config->agents_max * sizeof(struct troth_since)) +
           round_up((size_t)config->agents_max * sizeof(int64_t)) +
           round_up(troth_agents_size(config->agents_max)) +
           (size_t)line_count(config) * TROTH_LINE;
}

/* Cuts the next part off the memory. */
static void *cut(char **memory, size_t size)
{
    void *part = *memory;
    *memory += round_up(size);
    return part;
}

struct troth_shard *troth_shard_init(void *memory, const struct troth_shard_config *config)
{
    TROTH_ASSERT(config->agents_max >= 1 && config->standings_max >= 1 &&
                 config->standing_bytes >= TROTH_LINE && config->max_ahead_us >= 0 &&
                 config->evict_after_us >= 0);
    char *p = memory;
    const size_t n = config->standings_max;
    struct troth_shard *shard = cut(&p, sizeof *shard);
    shard->config = *config;
    shard->next_us = TROTH_LAST_US;
    shard->offset = -1;
    shard->free_standing = TROTH_NONE;
    shard->free_sequences = TROTH_NONE;
    shard->free_docket = TROTH_NONE;
    shard->generation = 1;
    shard->deadlines = cut(&p, n * sizeof(int64_t));
    shard->group_us = cut(&p, group_count(config) * sizeof(int64_t));
    shard->lines = cut(&p, n * sizeof(uint32_t));
    shard->dirty.standings = cut(&p, n * sizeof(uint32_t));
    shard->later.standings = cut(&p, n * sizeof(uint32_t));
    shard->docket_of = cut(&p, n * sizeof(uint32_t));
    shard->marks = cut(&p, n);
    shard->sequences = cut(&p, (size_t)config->agents_max * sizeof(struct troth_sequences));
    shard->unsaved = cut(&p, (size_t)config->agents_max * sizeof(uint32_t));
    shard->unsaved_since = cut(&p, (size_t)config->agents_max * sizeof(struct troth_since));
    shard->true_until = cut(&p, (size_t)config->agents_max * sizeof(int64_t));
    shard->dockets = cut(&p, (size_t)config->dockets_max * sizeof(struct troth_docket));
    shard->reviews = cut(&p, n * sizeof(struct troth_review));
    shard->weeks = cut(&p, TROTH_CONTRACTS_MAX * sizeof(struct troth_week));
    shard->week_end_us = troth_week_start_us(1);
    troth_agents_init(&shard->agents, cut(&p, troth_agents_size(config->agents_max)),
                      config->agents_max);
    troth_blocks_init(&shard->blocks, p, line_count(config));
    troth_shard_plan_look(shard);
    return shard;
}

void troth_shard_mark_dirty(struct troth_shard *shard, uint32_t index, unsigned flags)
{
    troth_shard_note(shard, index, troth_shard_at(shard, index), flags);
}

enum { LATER_TURN = 4 }; /* each so many that is taken is of those that only time changed */

static uint32_t take(const struct troth_shard *shard, struct troth_ring *ring)
{
    const uint32_t index = ring->standings[ring->first];
    ring->first = ring->first + 1 < shard->config.standings_max ? ring->first + 1 : 0;
    ring->count--;
    return index;
}

uint32_t troth_shard_take_dirty(struct troth_shard *shard, unsigned *flags)
{
    while (shard->dirty.count + shard->later.count > 0) {
        const bool turn = shard->dirty_taken % LATER_TURN == LATER_TURN - 1;
        const bool later = shard->dirty.count == 0 || (turn && shard->later.count > 0);
        const uint32_t index = take(shard, later ? &shard->later : &shard->dirty);
        const unsigned listed = later ? TROTH_DIRTY_LATER : TROTH_DIRTY_LISTED;
        shard->marks[index] &= (uint8_t) ~(later ? MARK_LATER : MARK_LISTED);
        if (!(shard->marks[index] & MARK_LIVE)) {
            continue;
        }
        struct troth_standing *standing = troth_shard_at(shard, index);
        const unsigned changes = standing->dirty & TROTH_DIRTY_CHANGES;
        standing->dirty &= ~(listed | TROTH_DIRTY_CHANGES) & 31U;
        if (changes != 0) {
            *flags = changes | listed;
            shard->dirty_taken++;
            return index;
        }
    }
    return TROTH_NONE;
}

static bool has_standing(const struct troth_shard *shard, uint32_t agent, unsigned slot)
{
    uint32_t index = shard->agents.agents[agent].first;
    while (index != TROTH_NONE) {
        const struct troth_standing *standing = troth_shard_at(shard, index);
        if (standing->contract == slot) {
            return true;
        }
        index = standing->next;
    }
    return false;
}

/* Begins the standings that this event is the first to reach. */
static troth_status begin_missing(struct troth_shard *shard, uint32_t agent,
                                  const struct troth_event *event)
{
    struct troth_agent *a = &shard->agents.agents[agent];
    const uint32_t first = a->first;
    bool all = true;
    for (unsigned slot = 0; slot < shard->slot_count; slot++) {
        const struct troth_rules *rules = shard->slots[slot].rules;
        if (rules == NULL ||
            !troth_glob_matches(rules->contract->applies_to, event->agent.data,
                                event->agent.length) ||
            has_standing(shard, agent, slot)) {
            continue;
        }
        if (!troth_shard_reaches(event, rules->contract)) {
            all = false;
        } else if (!troth_shard_begin(shard, agent, slot)) {
            while (a->first != first) { /* all of them or none: the newest stand first */
                troth_shard_unbegin(shard, a->first);
            }
            return TROTH_STANDINGS_FULL;
        }
    }
    a->generation = all ? shard->generation : a->generation;
    return TROTH_OK;
}

/* Whether any contract in force applies to the event's agent. */
static bool is_bound(const struct troth_shard *shard, const struct troth_event *event)
{
    for (unsigned slot = 0; slot < shard->slot_count; slot++) {
        const struct troth_rules *rules = shard->slots[slot].rules;
        if (rules != NULL && troth_glob_matches(rules->contract->applies_to, event->agent.data,
                                                event->agent.length)) {
            return true;
        }
    }
    return false;
}

static uint64_t session_hash(const struct troth_event *event)
{
    const uint64_t hash =
        event->session.data != NULL ? troth_agents_hash(event->session) : SESSION_EMPTY;
    return hash != 0 ? hash : SESSION_EMPTY;
}

/* Counts an event in the ledger of the week, whatever it is. */
static __attribute__((noinline)) void note_all(struct troth_shard *shard, uint32_t index,
                                               struct troth_week *week,
                                               const struct troth_event *event,
                                               const struct troth_moment *moment, unsigned effects)
{
    troth_week_note(week, event);
    week->missing += moment->missing;
    week->late_kept += (effects & TROTH_EFFECT_LATE) != 0;
    week->late_broken += (effects & TROTH_EFFECT_HIDDEN) != 0;
    if (event->kind == TROTH_KIND_EXCEPTION) {
        troth_shard_note_exception(shard, index, event, moment->at_us);
    }
}

/* The same; mostly it is one more task. */
static inline void note_in_week(struct troth_shard *shard, uint32_t index, struct troth_week *week,
                                const struct troth_event *event, const struct troth_moment *moment,
                                unsigned effects)
{
    if (event->kind != TROTH_KIND_TASK || troth_event_has(event, TROTH_FIELD_RESCUE) ||
        (effects & (TROTH_EFFECT_LATE | TROTH_EFFECT_HIDDEN)) != 0 || moment->missing != 0) {
        note_all(shard, index, week, event, moment, effects);
        return;
    }
    week->tasks++;
    week->changed = true;
}

/* Looks whether a standing's rung moves, and sets its deadline. In look: else it only sets it; in
 * due: the deadline has changed, whether the rung moves or not. */
static __attribute__((noinline)) void see_to(struct troth_shard *shard, uint32_t index,
                                             struct troth_standing *standing, int64_t offset,
                                             bool look, bool worsened, bool due)
{
    struct troth_sight sight;
    troth_shard_sight(shard, index, standing, &shard->slots[standing->contract].now, &sight);
    if ((look && troth_shard_settle(shard, index, standing, &sight, offset, worsened)) || due) {
        troth_shard_schedule(shard, index, &sight);
    }
}

static inline void apply_to(struct troth_shard *shard, struct troth_slot *slot, uint32_t index,
                            struct troth_standing *standing, const struct troth_event *event,
                            const struct troth_moment *moment)
{
    const struct troth_rules *rules = slot->rules;
    troth_instant_set(rules, &slot->now, shard->clock_us);
    const enum troth_hearing heard = rules->version_offset != 0
                                         ? troth_shard_hear(shard, index, standing, event, moment)
                                         : TROTH_HEARD_NOTHING;
    if (standing->rung == TROTH_RUNG_RECERTIFY) {
        standing->phase_us = troth_certification_end(rules, standing, shard->clock_us);
    }
    const unsigned effects =
        troth_evidence_apply(rules, standing, &slot->now, &slot->readings, event, moment);
    const unsigned rung = standing->rung;
    shard->counts.late += (effects & TROTH_EFFECT_LATE) != 0;
    note_in_week(shard, index, troth_shard_counts(shard) ? slot->week : &shard->uncounted, event,
                 moment, effects);
    bool look = rung == TROTH_RUNG_RECERTIFY || standing->unsettled;
    bool worsened = standing->unsettled;
    if (effects & TROTH_EFFECT_WORSENED) {
        worsened = true;
        look |= rung != TROTH_RUNG_PAUSE;
        troth_shard_note(shard, index, standing, TROTH_DIRTY_WORSENED);
        if (standing->docketed) {
            troth_shard_note_uses(shard, index, moment->offset);
        }
    } else if (effects & TROTH_EFFECT_IMPROVED) {
        /* Kept evidence can only raise: it matters where calm may begin, or certification end. */
        look |= (rung == TROTH_RUNG_WARN || rung == TROTH_RUNG_NARROW) &&
                standing->phase_us == TROTH_NEVER_US;
        troth_shard_note(shard, index, standing, TROTH_DIRTY_IMPROVED);
    }
    look &= heard != TROTH_HEARD_ENTERED;
    /* Evidence in a pane that has some already leaves the deadline as it is. */
    const bool due = heard != TROTH_HEARD_NOTHING || (effects & TROTH_EFFECT_ADVANCED);
    if (look || due) {
        see_to(shard, index, standing, moment->offset, look, worsened, due);
    }
}

static bool belongs(const struct troth_shard *shard, const struct troth_event *event)
{
    return shard->config.belongs == NULL ||
           shard->config.belongs(shard->config.context, event->agent);
}

/* Finds the agent of an event that a contract applies to, adding it where it is new. In agent: who
 * it may be, or TROTH_NONE. */
static inline troth_status find_agent(struct troth_shard *shard, const struct troth_event *event,
                                      uint64_t hash, uint32_t *agent)
{
    if (*agent != TROTH_NONE && troth_agents_is(&shard->agents, *agent, event->agent, hash)) {
        return TROTH_OK;
    }
    *agent = troth_agents_find(&shard->agents, event->agent, hash);
    if (*agent == TROTH_NONE) {
        if (!belongs(shard, event)) {
            return TROTH_MISROUTED;
        }
        if (!is_bound(shard, event)) {
            return TROTH_NOT_FOUND;
        }
        *agent = troth_agents_add(&shard->agents, event->agent, hash);
    }
    return *agent != TROTH_NONE ? TROTH_OK : TROTH_AGENTS_FULL;
}

/* Begins what the contracts in force want of an agent whose event came, and is not begun yet; the
 * agent is not idle. What it cannot begin leaves no trace. */
static troth_status begin_agent(struct troth_shard *shard, uint32_t index,
                                const struct troth_event *event)
{
    struct troth_agent *agent = &shard->agents.agents[index];
    if (agent->idle) {
        agent->idle = false;
        troth_shard_note_agent(shard, index);
    }
    const troth_status status = begin_missing(shard, index, event);
    if (status != TROTH_OK && agent->first == TROTH_NONE && agent->sequences == TROTH_NONE) {
        troth_agents_remove(&shard->agents, index); /* it is new */
    }
    return status;
}

/* A duplicate is no evidence, but a sign of life, and its session was used. */
static __attribute__((noinline)) troth_status drop_duplicate(struct troth_shard *shard,
                                                             uint32_t index)
{
    shard->counts.duplicates++;
    shard->agents.agents[index].idle = false;
    troth_shard_note_agent(shard, index);
    return TROTH_DUPLICATE;
}

/* In index: who its agent may be, or TROTH_NONE. */
static inline troth_status apply_event(struct troth_shard *shard, int64_t timestamp_us,
                                       int64_t offset, const struct troth_event *event,
                                       uint64_t hash, uint32_t index)
{
    troth_status status = find_agent(shard, event, hash, &index);
    if (status != TROTH_OK) {
        shard->counts.unbound += status == TROTH_NOT_FOUND;
        return status == TROTH_NOT_FOUND ? TROTH_OK : status;
    }
    struct troth_agent *agent = &shard->agents.agents[index];
    if (agent->ahead) {
        if (offset <= shard->true_until[index]) {
            return TROTH_OK; /* its standings know of it */
        }
        agent->ahead = false;
    }
    struct troth_moment moment = {.at_us =
                                      event->at_us < timestamp_us ? event->at_us : timestamp_us,
                                  .offset = offset,
                                  .signature = troth_event_signature(event),
                                  .counted = troth_event_has(event, TROTH_FIELD_SEQ)};
    const uint64_t session = moment.counted ? session_hash(event) : 0;
    if (moment.counted && agent->sequences != TROTH_NONE &&
        troth_sequence_seen(&shard->sequences[agent->sequences], session, event->seq)) {
        return drop_duplicate(shard, index);
    }
    if (agent->generation != shard->generation) {
        status = begin_agent(shard, index, event);
        if (status != TROTH_OK) {
            return status;
        }
    }
    troth_shard_note_agent(shard, index);
    if (moment.counted) {
        moment.missing =
            troth_sequence_note(troth_shard_sequences(shard, agent), session, event->seq);
        shard->counts.missing += moment.missing;
    }
    bool reached = false;
    uint32_t line = agent->first_line;
    for (uint32_t i = agent->first; i != TROTH_NONE;) {
        struct troth_standing *standing = troth_blocks_at(&shard->blocks, line);
        const uint32_t next = standing->next;
        struct troth_slot *slot = &shard->slots[standing->contract];
        if (troth_shard_reaches(event, slot->rules->contract)) {
            apply_to(shard, slot, i, standing, event, &moment);
            reached = true;
        }
        line = next != TROTH_NONE ? shard->lines[next] : 0;
        i = next;
    }
    shard->counts.applied += reached;
    shard->counts.unbound += !reached;
    return TROTH_OK;
}

static inline __attribute__((always_inline)) troth_status
apply_record(struct troth_shard *shard, int64_t timestamp_us, int64_t offset,
             const struct troth_event *event, uint64_t hash, uint32_t index)
{
    shard->offset = offset;
    shard->before_us = shard->clock_us;
    if (timestamp_us > shard->clock_us) {
        if (timestamp_us < shard->week_end_us && timestamp_us < shard->next_us) {
            shard->clock_us = timestamp_us;
        } else {
            troth_shard_enter_time(shard, timestamp_us, offset);
        }
    }
    if (event == NULL || event->kind == TROTH_KIND_TICK || event->kind == TROTH_KIND_POINTER) {
        return TROTH_OK;
    }
    if (event->at_us > timestamp_us && event->at_us - timestamp_us > shard->config.max_ahead_us) {
        return belongs(shard, event) ? TROTH_AHEAD_OF_TIME : TROTH_MISROUTED;
    }
    return apply_event(shard, timestamp_us, offset, event, hash, index);
}

troth_status troth_shard_apply_sought(struct troth_shard *shard, int64_t timestamp_us,
                                      int64_t offset, const struct troth_event *event,
                                      const struct troth_ahead *ahead, unsigned i)
{
    return apply_record(shard, timestamp_us, offset, event, ahead->hashes[i], ahead->agents[i]);
}

troth_status troth_shard_apply(struct troth_shard *shard, int64_t timestamp_us, int64_t offset,
                               const struct troth_event *event, uint64_t hash)
{
    return apply_record(shard, timestamp_us, offset, event, hash, TROTH_NONE);
}

/* Reads a byte of each line that a kept event touches of its agent's sequences and first standing:
 * header and hot terms; where it is certifying also the counters, and what it has heard; where it
 * is looked at, everything up to the cold terms. */
static inline void touch_agent(const struct troth_shard *shard, const struct troth_agent *agent)
{
    const char *block = troth_blocks_at(&shard->blocks, agent->first_line);
    const struct troth_rules *rules = shard->slots[agent->first_contract].rules;
    const uint32_t whole = agent->looked_at    ? rules->terms[0].cold_offset
                           : agent->certifying ? rules->counted_end
                                               : rules->kept_end;
    const uint32_t end = whole < TOUCHED_LINES * TROTH_LINE ? whole : TOUCHED_LINES * TROTH_LINE;
    if (agent->sequences != TROTH_NONE) {
        troth_touch(&shard->sequences[agent->sequences]);
    }
    for (uint32_t at = 0; at < end; at += TROTH_LINE) {
        troth_touch(block + at);
    }
}

void troth_shard_seek(const struct troth_shard *shard, const struct troth_event *const *events,
                      unsigned count, struct troth_ahead *ahead)
{
    const struct troth_agents *agents = &shard->agents;
    TROTH_ASSERT(count <= TROTH_PREFETCH);
    ahead->count = count;
    for (unsigned i = 0; i < count; i++) {
        ahead->hashes[i] = 0;
        if (events[i] != NULL && events[i]->agent.data != NULL) {
            ahead->hashes[i] = troth_agents_hash(events[i]->agent);
            __builtin_prefetch(&agents->slots[ahead->hashes[i] & agents->mask]);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        ahead->agents[i] =
            ahead->hashes[i] != 0 ? troth_agents_guess(agents, ahead->hashes[i]) : TROTH_NONE;
        if (ahead->agents[i] != TROTH_NONE) {
            __builtin_prefetch(&agents->agents[ahead->agents[i]]);
        }
    }
}

void troth_shard_touch(struct troth_shard *shard, const struct troth_ahead *ahead)
{
    for (unsigned i = 0; i < ahead->count; i++) {
        const uint32_t index = ahead->agents[i];
        /* One that has gone since has left a place with no name. */
        if (index != TROTH_NONE && troth_agents_has(&shard->agents, index) &&
            shard->agents.agents[index].first != TROTH_NONE) {
            touch_agent(shard, &shard->agents.agents[index]);
        }
    }
}

int64_t troth_shard_clock_us(const struct troth_shard *shard)
{
    return shard->clock_us;
}

void troth_shard_count(const struct troth_shard *shard, struct troth_shard_counts *counts)
{
    *counts = shard->counts;
    counts->agents = shard->agents.count;
    counts->standings = shard->live;
    counts->standing_bytes = (uint64_t)shard->blocks.in_use * TROTH_LINE;
}

void troth_shard_rungs(const struct troth_shard *shard, unsigned slot,
                       uint32_t rungs[TROTH_RUNG_COUNT])
{
    memcpy(rungs, shard->slots[slot].rungs, sizeof shard->slots[slot].rungs);
}

uint32_t troth_shard_standings(const struct troth_shard *shard)
{
    return shard->standings;
}

unsigned troth_shard_rung(const struct troth_shard *shard, uint32_t standing)
{
    return standing < shard->standings && (shard->marks[standing] & MARK_LIVE)
               ? troth_shard_at(shard, standing)->rung
               : TROTH_RUNG_COUNT;
}

bool troth_shard_view(struct troth_shard *shard, uint32_t standing,
                      struct troth_standing_view *view)
{
    if (standing >= shard->standings || !(shard->marks[standing] & MARK_LIVE)) {
        return false;
    }
    const struct troth_standing *s = troth_shard_at(shard, standing);
    struct troth_slot *slot = &shard->slots[s->contract];
    troth_instant_set(slot->rules, &slot->now, shard->clock_us);
    view->agent = troth_agents_name(&shard->agents, s->agent);
    view->rules = slot->rules;
    view->standing = s;
    troth_shard_sight(shard, standing, s, &slot->now, &view->sight);
    return true;
}

uint32_t troth_shard_of_agent(struct troth_shard *shard, struct troth_text agent,
                              uint32_t *standings, uint32_t capacity)
{
    uint32_t count = 0;
    const uint32_t index = troth_agents_find(&shard->agents, agent, troth_agents_hash(agent));
    if (index == TROTH_NONE) {
        return 0;
    }
    for (uint32_t i = shard->agents.agents[index].first; i != TROTH_NONE;
         i = troth_shard_at(shard, i)->next) {
        if (count < capacity) {
            standings[count] = i;
        }
        count++;
    }
    return count;
}
