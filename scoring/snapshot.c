#include "scoring/snapshot.h"

#include <string.h>

#include "schemas/assert.h"
#include "scoring/ladder.h"
#include "scoring/window.h"

static bool is_windowed(unsigned kind)
{
    return kind != TROTH_TERM_NEVER && kind != TROTH_TERM_CADENCE;
}

/* The panes that hold something, from the ring's head back. */
static void take_panes(const struct troth_rules *rules, const struct troth_standing *standing,
                       unsigned term, struct troth_snapshot_term *t)
{
    const unsigned panes = rules->contract->terms[term].panes;
    const bool shares = rules->terms[term].shares;
    const uint64_t used = (uint64_t)troth_hot_of(standing, term)->level;
    unsigned slot = TROTH_NEWEST;
    unsigned next = troth_ring_slot(rules, term, t->head);
    for (unsigned age = 0; age < panes; age++) {
        const union troth_pane pane = *troth_pane_of(rules, standing, term, slot);
        if (shares ? (pane.count.kept | pane.count.broken) != 0 : (used >> slot & 1U) != 0) {
            t->ages[t->pane_count] = (uint8_t)age;
            t->panes[t->pane_count++] = pane;
        }
        next = next == 0 ? panes - 2 : next - 1;
        slot = next;
    }
}

static void take_term(const struct troth_rules *rules, const struct troth_standing *standing,
                      unsigned term, struct troth_snapshot_term *t)
{
    const struct troth_hot *hot = troth_hot_of(standing, term);
    const struct troth_cold *cold = troth_cold_of(rules, standing, term);
    const struct troth_term *promise = &rules->contract->terms[term];
    t->name = (struct troth_text){promise->name, (uint32_t)strlen(promise->name)};
    t->promise = rules->promises[term];
    t->kind = promise->kind;
    t->head = hot->head;
    t->level = promise->kind == TROTH_TERM_BUDGET ? 0 : hot->level;
    t->tally = *troth_tally_of(rules, standing, term);
    t->onset_us = cold->onset_us;
    t->cost_mark = cold->cost_mark;
    t->tasks_mark = cold->tasks_mark;
    t->witness_count = (uint8_t)troth_witnesses(rules, standing, term, t->witnesses);
    t->pane_count = 0;
    if (rules->terms[term].windowed) {
        take_panes(rules, standing, term, t);
    }
}

void troth_snapshot_take(const struct troth_rules *rules, const struct troth_standing *standing,
                         const struct troth_docket *docket, struct troth_snapshot *snapshot)
{
    const char *name = rules->contract->name;
    snapshot->contract = (struct troth_text){name, (uint32_t)strlen(name)};
    snapshot->contract_version = rules->contract->version;
    snapshot->since_us = standing->since_us;
    snapshot->phase_us = standing->phase_us;
    snapshot->left_us = troth_past_of(rules, standing)->left_us;
    snapshot->cost_micros = standing->cost_micros;
    snapshot->cause_offset = troth_past_of(rules, standing)->cause_offset;
    snapshot->tasks = standing->tasks;
    snapshot->observed = standing->observed;
    snapshot->late = (uint16_t)standing->late;
    snapshot->ordinal = (uint16_t)standing->ordinal;
    snapshot->rung = (uint8_t)standing->rung;
    snapshot->relapses = (uint8_t)standing->relapses;
    snapshot->cause = (uint8_t)standing->cause;
    snapshot->cause_term = (uint8_t)standing->cause_term;
    snapshot->unsettled = standing->unsettled;
    snapshot->matched = standing->matched;
    snapshot->after_decision = standing->after_decision;
    snapshot->term_count = (uint8_t)rules->term_count;
    snapshot->docketed = docket != NULL;
    if (docket != NULL) {
        snapshot->docket = *docket;
    }
    snapshot->heard = (struct troth_heard){0, 0};
    if (rules->version_offset != 0) {
        snapshot->heard = *troth_heard_of(rules, standing);
    }
    for (unsigned i = 0; i < rules->term_count; i++) {
        take_term(rules, standing, i, &snapshot->terms[i]);
    }
}

void troth_snapshot_prune(struct troth_snapshot *snapshot, const struct troth_rules *rules,
                          const struct troth_instant *instant)
{
    TROTH_ASSERT(snapshot->term_count == rules->term_count);
    for (unsigned i = 0; i < snapshot->term_count; i++) {
        struct troth_snapshot_term *t = &snapshot->terms[i];
        if (snapshot->rung != TROTH_RUNG_RECERTIFY) {
            t->tally = (struct troth_tally){0, 0};
        }
        if (!rules->terms[i].shares || t->level == 0) {
            t->onset_us = 0;
            t->cost_mark = 0;
            t->tasks_mark = 0;
        }
        if (!rules->terms[i].windowed) {
            continue;
        }
        const int64_t shift = instant->terms[i].pane - t->head;
        while (t->pane_count > 0 &&
               shift + t->ages[t->pane_count - 1] >= rules->contract->terms[i].panes) {
            t->pane_count--;
        }
        if (t->pane_count == 0) {
            t->head = 0; /* of an empty ring nobody asks where it stands */
        }
    }
}

static bool in_range(int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most;
}

static bool time_or_never(int64_t time_us, int64_t most_us)
{
    return time_us == TROTH_NEVER_US || in_range(time_us, 0, most_us);
}

static bool text_fits(struct troth_text text, uint32_t most)
{
    return text.data != NULL && text.length >= 1 && text.length <= most;
}

static bool panes_valid(const struct troth_snapshot_term *t)
{
    if (t->pane_count > (is_windowed(t->kind) ? TROTH_PANES_MAX : 0)) {
        return false;
    }
    for (unsigned i = 0; i < t->pane_count; i++) {
        if (t->ages[i] >= TROTH_PANES_MAX || t->ages[i] > t->head ||
            (i > 0 && t->ages[i] <= t->ages[i - 1]) ||
            (t->kind == TROTH_TERM_BUDGET && t->panes[i].sum < 0)) {
            return false;
        }
    }
    return true;
}

static bool term_valid(const struct troth_snapshot *snapshot, const struct troth_snapshot_term *t)
{
    if (!text_fits(t->name, TROTH_NAME_LENGTH_MAX) || t->kind > TROTH_TERM_CADENCE ||
        t->witness_count > TROTH_WITNESSES_MAX || t->level < 0) {
        return false;
    }
    const bool shares = t->kind <= TROTH_TERM_JUDGED;
    /* A time that an emitter gave may be from before 1970. */
    const int64_t least = t->kind == TROTH_TERM_CADENCE ? -TROTH_SNAPSHOT_MAX : 0;
    const bool never = t->kind == TROTH_TERM_CADENCE && t->head == TROTH_NEVER_US;
    if ((!never && !in_range(t->head, least, snapshot->clock_us)) ||
        (shares && t->level > TROTH_CUSUM_CAP) || (t->kind >= TROTH_TERM_BUDGET && t->level != 0) ||
        !in_range(t->onset_us, -TROTH_SNAPSHOT_MAX, snapshot->clock_us) ||
        !in_range(t->cost_mark, 0, snapshot->cost_micros)) {
        return false;
    }
    for (unsigned i = 0; i < t->witness_count; i++) {
        if (!in_range(t->witnesses[i], 0, snapshot->offset)) {
            return false;
        }
    }
    return panes_valid(t);
}

static bool sessions_valid(const struct troth_session *sessions, unsigned count, int64_t uses)
{
    if (count > TROTH_SESSIONS_MAX || !in_range(uses, count, TROTH_SNAPSHOT_MAX)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct troth_session *s = &sessions[i];
        if (s->name_hash == 0 || s->first > s->top || (s->seen & 1) == 0 ||
            !in_range(s->used, 1, uses)) {
            return false;
        }
        for (unsigned j = 0; j < i; j++) {
            if (sessions[j].name_hash == s->name_hash) {
                return false;
            }
        }
    }
    return true;
}

static bool place_valid(struct troth_text agent, int64_t clock_us, int64_t offset)
{
    return text_fits(agent, TROTH_AGENT_LENGTH_MAX) && in_range(clock_us, 0, TROTH_SNAPSHOT_MAX) &&
           in_range(offset, -1, (INT64_C(1) << 48) - 2);
}

/* As a cadence's `last`, the time is one that an emitter gave. */
static bool heard_valid(const struct troth_snapshot *s)
{
    return s->heard.hash != 0 ? in_range(s->heard.last_us, -TROTH_SNAPSHOT_MAX, s->clock_us)
                              : s->heard.last_us == 0;
}

static bool header_valid(const struct troth_snapshot *s)
{
    /* In recertify it is a time ahead, or one that has passed while nothing was counted. */
    const int64_t phase_most = s->rung == TROTH_RUNG_RECERTIFY ? TROTH_SNAPSHOT_MAX : s->clock_us;
    return place_valid(s->agent, s->clock_us, s->offset) &&
           text_fits(s->contract, TROTH_NAME_LENGTH_MAX) && s->contract_version >= 1 &&
           in_range(s->since_us, 0, s->clock_us) && s->rung < TROTH_RUNG_COUNT &&
           time_or_never(s->phase_us, phase_most) &&
           (s->rung != TROTH_RUNG_RECERTIFY || s->phase_us != TROTH_NEVER_US) &&
           time_or_never(s->left_us, s->clock_us) && s->cost_micros >= 0 &&
           in_range(s->cause_offset, -1, s->offset) && s->late <= TROTH_LATE_MAX &&
           s->ordinal < TROTH_ORDINAL_MAX && s->relapses <= TROTH_RELAPSES_MAX &&
           s->cause < TROTH_CONDITION_COUNT && s->observed - s->observed == 0.0F &&
           in_range(s->term_count, 1, TROTH_TERMS_MAX) && heard_valid(s) &&
           (s->cause_term < s->term_count || s->cause_term == TROTH_CAUSE_NO_TERM) &&
           s->review <= TROTH_REVIEW_BY_CLOCK && in_range(s->review_us, 0, s->clock_us) &&
           time_or_never(s->fell_us, s->clock_us);
}

static bool exceptions_valid(const struct troth_snapshot *s)
{
    for (unsigned i = 0; i < TROTH_EXCEPTIONS_MAX; i++) {
        const struct troth_exception *exception = &s->docket.exceptions[i];
        if (exception->until_us == TROTH_NEVER_US) {
            continue;
        }
        if (!in_range(exception->until_us, 0, TROTH_UNTIL_MAX_US) ||
            !in_range(exception->since_us, -TROTH_SNAPSHOT_MAX, s->clock_us) ||
            !in_range(exception->owner_length, 1, TROTH_OWNER_MAX)) {
            return false;
        }
    }
    return true;
}

static bool docket_valid(const struct troth_snapshot *s)
{
    const struct troth_docket *docket = &s->docket;
    if (docket->dispute_count > TROTH_DISPUTES_MAX || docket->known_count > TROTH_DECISIONS_KNOWN ||
        !time_or_never(docket->decided_us, s->clock_us) ||
        !in_range(docket->forgotten, -1, TROTH_SNAPSHOT_MAX) || !exceptions_valid(s) ||
        !in_range(docket->claimed_position, -1, TROTH_SNAPSHOT_MAX) ||
        !time_or_never(docket->claimed_us, s->clock_us) ||
        !time_or_never(docket->reviewed_us, s->clock_us) ||
        docket->reviewed_rung >= TROTH_RUNG_COUNT ||
        !time_or_never(docket->quiet_until_us, TROTH_SNAPSHOT_MAX)) {
        return false;
    }
    unsigned open = 0;
    for (unsigned i = 0; i < docket->known_count; i++) {
        if (!in_range(docket->known[i].position, -1, TROTH_SNAPSHOT_MAX)) {
            return false;
        }
    }
    for (unsigned i = 0; i < docket->dispute_count; i++) {
        const struct troth_dispute *dispute = &docket->disputes[i];
        open += !dispute->upheld;
        if (dispute->term >= s->term_count || !in_range(dispute->offset, 0, s->offset) ||
            !in_range(dispute->record_us, 0, TROTH_SNAPSHOT_MAX)) {
            return false;
        }
        for (unsigned j = 0; j < i; j++) {
            if (docket->disputes[j].offset == dispute->offset &&
                docket->disputes[j].term == dispute->term) {
                return false;
            }
        }
    }
    for (unsigned i = 0; i < TROTH_TERMS_MAX; i++) {
        if (!time_or_never(docket->waived_until_us[i], TROTH_SNAPSHOT_MAX) ||
            !in_range(docket->waived_position[i], -1, TROTH_SNAPSHOT_MAX) ||
            (i >= s->term_count && docket->waived_until_us[i] != TROTH_NEVER_US)) {
            return false;
        }
    }
    return open == docket->open_count;
}

/* The snapshot's term that promises what a term of the rules does, or NULL. Mostly it stands in the
 * same place. */
static const struct troth_snapshot_term *find_same(const struct troth_snapshot *snapshot,
                                                   const struct troth_rules *rules, unsigned term)
{
    const struct troth_term *promise = &rules->contract->terms[term];
    for (unsigned i = 0; i < snapshot->term_count; i++) {
        const unsigned place = (term + i) % snapshot->term_count;
        const struct troth_snapshot_term *t = &snapshot->terms[place];
        if (t->promise == rules->promises[term] && t->kind == promise->kind &&
            strlen(promise->name) == t->name.length &&
            memcmp(promise->name, t->name.data, t->name.length) == 0) {
            return t;
        }
    }
    return NULL;
}

troth_status troth_snapshot_check(const struct troth_snapshot *snapshot,
                                  const struct troth_rules *rules)
{
    if (!header_valid(snapshot) || (snapshot->docketed && !docket_valid(snapshot)) ||
        !sessions_valid(snapshot->sessions, snapshot->session_count, snapshot->sequence_uses)) {
        return TROTH_INVALID;
    }
    for (unsigned i = 0; i < snapshot->term_count; i++) {
        if (!term_valid(snapshot, &snapshot->terms[i])) {
            return TROTH_INVALID;
        }
    }
    for (unsigned i = 0; i < rules->term_count; i++) {
        const struct troth_snapshot_term *t = find_same(snapshot, rules, i);
        if (t == NULL || !rules->terms[i].windowed) {
            continue;
        }
        if (t->head > snapshot->clock_us / rules->terms[i].pane_us ||
            (t->pane_count > 0 && t->ages[t->pane_count - 1] >= rules->contract->terms[i].panes)) {
            return TROTH_INVALID;
        }
    }
    return TROTH_OK;
}

troth_status troth_agent_snapshot_check(const struct troth_agent_snapshot *s)
{
    return place_valid(s->agent, s->clock_us, s->offset) && s->sequence_uses >= 1 &&
                   s->session_count >= 1 &&
                   sessions_valid(s->sessions, s->session_count, s->sequence_uses)
               ? TROTH_OK
               : TROTH_INVALID;
}

static void fill_term(const struct troth_snapshot_term *t, const struct troth_rules *rules,
                      struct troth_standing *standing, unsigned term)
{
    struct troth_hot *hot = troth_hot(standing, term);
    struct troth_cold *cold = troth_cold(rules, standing, term);
    hot->head = t->head;
    hot->level = t->level;
    *troth_tally(rules, standing, term) = t->tally;
    cold->onset_us = t->onset_us;
    cold->cost_mark = t->cost_mark;
    cold->tasks_mark = t->tasks_mark;
    for (unsigned i = 0; i < t->witness_count; i++) {
        cold->witness_low[i] = (uint32_t)t->witnesses[i];
        cold->witness_high[i] = (uint16_t)(t->witnesses[i] >> 32);
    }
    if (t->pane_count == 0) {
        return;
    }
    const unsigned panes = rules->contract->terms[term].panes;
    const unsigned head_slot = troth_ring_slot(rules, term, t->head);
    for (unsigned i = 0; i < t->pane_count; i++) {
        TROTH_ASSERT(t->ages[i] < panes);
        const unsigned back = head_slot + panes - 1 - t->ages[i];
        const unsigned slot = t->ages[i] == 0    ? TROTH_NEWEST
                              : back < panes - 1 ? back
                                                 : back - (panes - 1);
        *troth_pane(rules, standing, term, slot) = t->panes[i];
        if (!rules->terms[term].shares) {
            hot->level = (int64_t)((uint64_t)hot->level | UINT64_C(1) << slot);
        }
    }
}

bool troth_snapshot_fill(const struct troth_snapshot *snapshot, const struct troth_rules *rules,
                         struct troth_standing *standing)
{
    bool whole = true;
    standing->since_us = snapshot->since_us;
    standing->phase_us = snapshot->phase_us;
    standing->cost_micros = snapshot->cost_micros;
    *troth_past(rules, standing) = (struct troth_past){snapshot->left_us, snapshot->cause_offset};
    standing->tasks = snapshot->tasks;
    standing->observed = snapshot->observed;
    standing->late = snapshot->late & (unsigned)TROTH_LATE_MAX;
    standing->ordinal = snapshot->ordinal & (unsigned)TROTH_ORDINAL_MAX;
    standing->rung = snapshot->rung & 7U;
    standing->relapses = snapshot->relapses & (unsigned)TROTH_RELAPSES_MAX;
    standing->cause = snapshot->cause & 15U;
    standing->cause_term = TROTH_CAUSE_NO_TERM;
    standing->unsettled = snapshot->unsettled;
    standing->matched = snapshot->matched;
    standing->after_decision = snapshot->after_decision;
    if (rules->version_offset != 0) {
        *troth_heard(rules, standing) = snapshot->heard;
    }
    for (unsigned i = 0; i < rules->term_count; i++) {
        const struct troth_snapshot_term *same = find_same(snapshot, rules, i);
        troth_term_clear(rules, standing, i);
        if (same == NULL) {
            whole = false;
            continue;
        }
        if (snapshot->cause_term == same - snapshot->terms) {
            standing->cause_term = i & 31U;
        }
        fill_term(same, rules, standing, i);
    }
    return whole;
}

void troth_snapshot_fill_docket(const struct troth_snapshot *snapshot,
                                const struct troth_rules *rules, struct troth_docket *docket)
{
    const struct troth_docket from = snapshot->docket;
    unsigned places[TROTH_TERMS_MAX];
    *docket = from;
    docket->dispute_count = 0;
    docket->open_count = 0;
    for (unsigned i = 0; i < TROTH_TERMS_MAX; i++) {
        places[i] = TROTH_TERMS_MAX;
        docket->waived_until_us[i] = TROTH_NEVER_US;
        docket->waived_uses[i] = 0;
        docket->waived_position[i] = -1;
    }
    for (unsigned i = 0; i < rules->term_count; i++) {
        const struct troth_snapshot_term *same = find_same(snapshot, rules, i);
        if (same != NULL) {
            const unsigned place = (unsigned)(same - snapshot->terms);
            places[place] = i;
            docket->waived_until_us[i] = from.waived_until_us[place];
            docket->waived_uses[i] = from.waived_uses[place];
            docket->waived_position[i] = from.waived_position[place];
        }
    }
    for (unsigned i = 0; i < from.dispute_count; i++) {
        struct troth_dispute dispute = from.disputes[i];
        if (places[dispute.term] < TROTH_TERMS_MAX) {
            dispute.term = (uint8_t)places[dispute.term];
            docket->disputes[docket->dispute_count++] = dispute;
            if (!dispute.upheld) {
                docket->open_count++;
            }
        }
    }
}
