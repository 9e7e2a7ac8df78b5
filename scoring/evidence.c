#include "scoring/evidence.h"

#include <string.h>

#include "scoring/predicate.h"

static uint32_t add_saturating(uint32_t value, uint32_t more)
{
    return value > UINT32_MAX - more ? UINT32_MAX : value + more;
}

/* Moves the ring's head to the clock's pane: what was the newest becomes an older one, and the
 * panes between are empty. */
static __attribute__((noinline)) void move_head(const struct troth_rules *rules,
                                                struct troth_standing *standing, unsigned term,
                                                int64_t pane)
{
    struct troth_hot *hot = troth_hot(standing, term);
    const unsigned older = rules->contract->terms[term].panes - 1U;
    const int64_t first = hot->head > pane - older ? hot->head : pane - older;
    const unsigned first_slot = troth_ring_slot(rules, term, first);
    uint64_t marks = UINT64_C(1) << TROTH_NEWEST;
    unsigned slot = first_slot;
    for (int64_t p = first; p < pane; p++) {
        troth_pane(rules, standing, term, slot)->sum = 0;
        marks |= UINT64_C(1) << slot;
        slot = slot + 1 < older ? slot + 1 : 0;
    }
    if (first == hot->head) { /* still in the window */
        *troth_pane(rules, standing, term, first_slot) = hot->newest;
    }
    if (!rules->terms[term].shares) {
        const uint64_t had = (uint64_t)hot->level;
        const uint64_t moved = first == hot->head ? (had >> TROTH_NEWEST) << first_slot : 0;
        hot->level = (int64_t)((had & ~marks) | moved);
    }
    hot->newest.sum = 0;
    hot->head = pane;
}

/* Moves a ring on to the clock's pane. Returns TROTH_EFFECT_ADVANCED where it moved: for most
 * events another has done it. */
static inline unsigned ring_advance(const struct troth_rules *rules,
                                    struct troth_standing *standing, unsigned term, int64_t pane)
{
    if (troth_hot(standing, term)->head >= pane) {
        return 0;
    }
    move_head(rules, standing, term, pane);
    return TROTH_EFFECT_ADVANCED;
}

/* Finds the slot of the evidence's own pane, in a ring that has come to the clock's. Returns false
 * when that has left the window: late. */
static bool find_slot(const struct troth_rules *rules, unsigned term,
                      const struct troth_instant *instant, int64_t at_us, unsigned *slot)
{
    if (at_us >= instant->terms[term].start_us) {
        *slot = TROTH_NEWEST;
        return true;
    }
    const int64_t panes = rules->contract->terms[term].panes;
    const int64_t pane = at_us / rules->terms[term].pane_us;
    if (at_us < 0 || pane <= instant->terms[term].pane - panes) {
        return false;
    }
    *slot = troth_ring_slot(rules, term, pane);
    return true;
}

static unsigned note_late(struct troth_standing *standing)
{
    standing->late =
        standing->late < TROTH_LATE_MAX ? (standing->late + 1U) & TROTH_LATE_MAX : TROTH_LATE_MAX;
    return TROTH_EFFECT_LATE;
}

/* One kept piece. */
static unsigned add_kept(const struct troth_rules *rules, struct troth_standing *standing,
                         unsigned term, const struct troth_instant *instant,
                         const struct troth_moment *moment)
{
    unsigned slot = 0;
    const bool certifying = standing->rung == TROTH_RUNG_RECERTIFY;
    if (!find_slot(rules, term, instant, moment->at_us, &slot) ||
        (certifying && moment->at_us < standing->since_us)) {
        return note_late(standing);
    }
    unsigned advanced = ring_advance(rules, standing, term, instant->terms[term].pane);
    union troth_pane *pane = troth_pane(rules, standing, term, slot);
    pane->count.kept = add_saturating(pane->count.kept, 1);
    struct troth_hot *hot = troth_hot(standing, term);
    if (hot->level != 0) {
        const int64_t level = hot->level + rules->terms[term].cusum_kept;
        hot->level = level > 0 ? level : 0;
    }
    if (certifying) {
        struct troth_tally *tally = troth_tally(rules, standing, term);
        advanced |= tally->kept == 0 ? TROTH_EFFECT_ADVANCED : 0; /* its end is a deadline now */
        tally->kept = add_saturating(tally->kept, 1);
    }
    return TROTH_EFFECT_IMPROVED | advanced;
}

/* The same to some terms where it is of the newest pane, and of the certification: as nearly every
 * event is, to each term that it reaches. Some 12 instructions a term, where the whole of add_kept
 * has 60. */
static inline __attribute__((always_inline)) unsigned
add_kept_newest(const struct troth_rules *rules, struct troth_standing *standing, unsigned terms,
                const struct troth_instant *instant, const struct troth_moment *moment,
                bool certifying)
{
    unsigned effects = 0;
    for (; terms != 0; terms &= terms - 1) {
        const unsigned term = (unsigned)__builtin_ctz(terms);
        struct troth_hot *hot = troth_hot(standing, term);
        struct troth_tally *tally = troth_tally(rules, standing, term);
        if (hot->head < instant->terms[term].pane || hot->newest.count.kept == UINT32_MAX ||
            (certifying && (tally->kept == 0 || tally->kept == UINT32_MAX))) {
            effects |= add_kept(rules, standing, term, instant, moment);
            continue;
        }
        hot->newest.count.kept++;
        tally->kept += certifying;
        if (hot->level != 0) {
            const int64_t level = hot->level + rules->terms[term].cusum_kept;
            hot->level = level > 0 ? level : 0;
        }
        effects |= TROTH_EFFECT_IMPROVED;
    }
    return effects;
}

/* Kept evidence of some terms. */
static inline __attribute__((always_inline)) unsigned
add_kept_to(const struct troth_rules *rules, struct troth_standing *standing, unsigned terms,
            const struct troth_instant *instant, const struct troth_moment *moment)
{
    const bool certifying = standing->rung == TROTH_RUNG_RECERTIFY;
    if (moment->at_us >= instant->from_us && !certifying) {
        return add_kept_newest(rules, standing, terms, instant, moment, false);
    }
    if (moment->at_us >= instant->from_us && moment->at_us >= standing->since_us) {
        return add_kept_newest(rules, standing, terms, instant, moment, true);
    }
    unsigned effects = 0;
    for (; terms != 0; terms &= terms - 1) {
        effects |= add_kept(rules, standing, (unsigned)__builtin_ctz(terms), instant, moment);
    }
    return effects;
}

static void push_witness(struct troth_cold *cold, int64_t offset)
{
    memmove(cold->witness_low + 1, cold->witness_low,
            sizeof cold->witness_low - sizeof *cold->witness_low);
    memmove(cold->witness_high + 1, cold->witness_high,
            sizeof cold->witness_high - sizeof *cold->witness_high);
    cold->witness_low[0] = (uint32_t)offset;
    cold->witness_high[0] = (uint16_t)(offset >> 32);
}

/* One broken piece; late ones count in the pane of the clock, since hiding must not pay. */
static unsigned add_broken(const struct troth_rules *rules, struct troth_standing *standing,
                           unsigned term, const struct troth_instant *instant, int64_t at_us,
                           int64_t offset)
{
    unsigned slot = 0;
    int64_t onset_us = at_us;
    unsigned advanced = ring_advance(rules, standing, term, instant->terms[term].pane);
    if (!find_slot(rules, term, instant, at_us, &slot)) {
        slot = TROTH_NEWEST;
        onset_us = instant->time_us;
        advanced |= TROTH_EFFECT_HIDDEN;
    }
    union troth_pane *pane = troth_pane(rules, standing, term, slot);
    pane->count.broken = add_saturating(pane->count.broken, 1);
    struct troth_hot *hot = troth_hot(standing, term);
    struct troth_cold *cold = troth_cold(rules, standing, term);
    if (hot->level == 0) {
        cold->onset_us = onset_us;
        cold->tasks_mark = standing->tasks;
        cold->cost_mark = standing->cost_micros;
    }
    const int64_t level = hot->level + rules->terms[term].cusum_broken;
    hot->level = level < TROTH_CUSUM_CAP ? level : TROTH_CUSUM_CAP;
    if (standing->rung == TROTH_RUNG_RECERTIFY) {
        struct troth_tally *tally = troth_tally(rules, standing, term);
        advanced |= tally->broken == 0 ? TROTH_EFFECT_ADVANCED : 0;
        tally->broken = add_saturating(tally->broken, 1);
    }
    push_witness(cold, offset);
    return TROTH_EFFECT_WORSENED | advanced;
}

static unsigned add_amount(const struct troth_rules *rules, struct troth_standing *standing,
                           unsigned term, const struct troth_instant *instant,
                           const struct troth_event *event, const struct troth_moment *moment)
{
    const unsigned field = rules->contract->terms[term].sum;
    if (!troth_event_has(event, (enum troth_field)field)) {
        return 0;
    }
    unsigned slot = 0;
    if (!find_slot(rules, term, instant, moment->at_us, &slot)) {
        slot = TROTH_NEWEST;
    }
    unsigned advanced = ring_advance(rules, standing, term, instant->terms[term].pane);
    union troth_pane *pane = troth_pane(rules, standing, term, slot);
    if (__builtin_add_overflow(pane->sum, troth_event_integer(event, field), &pane->sum)) {
        pane->sum = INT64_MAX;
    }
    struct troth_hot *hot = troth_hot(standing, term);
    hot->level = (int64_t)((uint64_t)hot->level | UINT64_C(1) << slot);
    push_witness(troth_cold(rules, standing, term), moment->offset);
    return TROTH_EFFECT_WORSENED | advanced;
}

static unsigned add_never(const struct troth_rules *rules, struct troth_standing *standing,
                          unsigned term, const struct troth_moment *moment)
{
    struct troth_hot *hot = troth_hot(standing, term);
    hot->level += hot->level < INT64_MAX;
    push_witness(troth_cold(rules, standing, term), moment->offset);
    return TROTH_EFFECT_WORSENED;
}

static unsigned add_match(struct troth_standing *standing, unsigned term,
                          const struct troth_moment *moment)
{
    if (standing->rung == TROTH_RUNG_RECERTIFY && moment->at_us < standing->since_us) {
        return note_late(standing);
    }
    struct troth_hot *hot = troth_hot(standing, term);
    hot->head = moment->at_us > hot->head ? moment->at_us : hot->head;
    return TROTH_EFFECT_IMPROVED | TROTH_EFFECT_ADVANCED;
}

/* A share term that no signature tells. In kept: where the terms gather of which it is kept
 * evidence. */
static inline unsigned apply_share(const struct troth_rules *rules, struct troth_standing *standing,
                                   unsigned i, const struct troth_instant *instant,
                                   const struct troth_event *event,
                                   const struct troth_moment *moment, unsigned *kept)
{
    if (!troth_predicate_holds(rules, &rules->terms[i].when, event, moment->signature)) {
        return 0;
    }
    switch (troth_predicate_keeps(rules, i, event, moment->signature)) {
    case TROTH_KEPT:
        *kept |= 1U << i;
        break;
    case TROTH_BROKEN:
        return add_broken(rules, standing, i, instant, moment->at_us, moment->offset);
    case TROTH_NO_EVIDENCE:
        break;
    }
    return 0;
}

/* Another term that is told by its `when`. */
static unsigned apply_selected(const struct troth_rules *rules, struct troth_standing *standing,
                               unsigned i, const struct troth_instant *instant,
                               const struct troth_event *event, const struct troth_moment *moment)
{
    if (!troth_predicate_holds(rules, &rules->terms[i].when, event, moment->signature)) {
        return 0;
    }
    switch ((enum troth_term_kind)rules->contract->terms[i].kind) {
    case TROTH_TERM_NEVER:
        return add_never(rules, standing, i, moment);
    case TROTH_TERM_BUDGET:
        return add_amount(rules, standing, i, instant, event, moment);
    default:
        return add_match(standing, i, moment);
    }
}

static bool issuer_counts(const struct troth_contract *contract, const struct troth_term *term,
                          struct troth_text issuer)
{
    for (unsigned i = 0; i < term->by_count; i++) {
        const struct troth_value *by = &contract->values[term->by_first + i];
        if (issuer.data != NULL && by->text_length == issuer.length &&
            memcmp(contract->pool + by->text_offset, issuer.data, issuer.length) == 0) {
            return true;
        }
    }
    return term->by_count == 0;
}

static unsigned apply_judged(const struct troth_rules *rules, struct troth_standing *standing,
                             unsigned i, const struct troth_instant *instant,
                             const struct troth_event *event, const struct troth_moment *moment)
{
    const struct troth_term *term = &rules->contract->terms[i];
    if (event->kind != TROTH_KIND_EVALUATION || event->source == TROTH_SOURCE_SELF ||
        !issuer_counts(rules->contract, term, event->issuer)) {
        return 0;
    }
    const size_t length = strlen(term->name);
    unsigned effects = 0;
    for (unsigned v = 0; v < event->verdict_count; v++) {
        const struct troth_verdict *verdict = &event->verdicts[v];
        if (verdict->term.length != length || memcmp(verdict->term.data, term->name, length) != 0) {
            continue;
        }
        effects |= verdict->kept
                       ? add_kept(rules, standing, i, instant, moment)
                       : add_broken(rules, standing, i, instant, moment->at_us, moment->offset);
    }
    return effects;
}

static unsigned apply_complete(const struct troth_rules *rules, struct troth_standing *standing,
                               unsigned i, const struct troth_instant *instant,
                               const struct troth_moment *moment)
{
    unsigned effects = 0;
    for (uint32_t n = 0; n < moment->missing; n++) {
        effects |= add_broken(rules, standing, i, instant, instant->time_us, moment->offset);
    }
    if (moment->counted) {
        effects |= add_kept(rules, standing, i, instant, moment);
    }
    return effects;
}

static __attribute__((noinline)) struct troth_reading
read_signature(const struct troth_rules *rules, uint32_t signature)
{
    struct troth_reading reading = {.signature = signature};
    for (unsigned i = 0; i < rules->term_count; i++) {
        const struct troth_ready_predicate *when = &rules->terms[i].when;
        const struct troth_ready_predicate *keep = &rules->terms[i].keep;
        const uint16_t bit = (uint16_t)(1U << i);
        if ((rules->selects_mask & bit) && (signature & when->forbidden) != 0) {
            continue;
        }
        const bool fits = (rules->selects_mask & rules->shares_mask & bit) && when->count == 0 &&
                          (signature & (keep->forbidden | keep->absent)) == 0;
        uint16_t *told = fits && keep->count == 0             ? &reading.kept
                         : fits && (rules->ranged_mask & bit) ? &reading.ranged
                                                              : &reading.asked;
        *told |= bit;
    }
    return reading;
}

static inline struct troth_reading reading_of(const struct troth_rules *rules,
                                              struct troth_readings *readings, uint32_t signature)
{
    /* Four bits of the 28 that a signature has, set far apart: any spread of them does. */
    const uint32_t place = signature * UINT32_C(0x9E3779B1) >> 28;
    if (readings->last[place].signature != signature) {
        readings->last[place] = read_signature(rules, signature);
    }
    return readings->last[place];
}

/* Terms that neither a signature nor one number tells. */
static __attribute__((noinline)) unsigned
apply_asked(const struct troth_rules *rules, struct troth_standing *standing, unsigned terms,
            const struct troth_instant *instant, const struct troth_event *event,
            const struct troth_moment *moment)
{
    const unsigned shares = rules->selects_mask & rules->shares_mask;
    unsigned kept = 0;
    unsigned effects = 0;
    for (; terms != 0; terms &= terms - 1) {
        const unsigned i = (unsigned)__builtin_ctz(terms);
        const unsigned bit = 1U << i;
        if (shares & bit) {
            effects |= apply_share(rules, standing, i, instant, event, moment, &kept);
        } else if (rules->selects_mask & bit) {
            effects |= apply_selected(rules, standing, i, instant, event, moment);
        } else if (rules->judged_mask & bit) {
            effects |= apply_judged(rules, standing, i, instant, event, moment);
        } else {
            effects |= apply_complete(rules, standing, i, instant, moment);
        }
    }
    return effects | add_kept_to(rules, standing, kept, instant, moment);
}

unsigned troth_evidence_apply(const struct troth_rules *rules, struct troth_standing *standing,
                              const struct troth_instant *instant, struct troth_readings *readings,
                              const struct troth_event *event, const struct troth_moment *moment)
{
    const struct troth_reading reading = reading_of(rules, readings, moment->signature);
    unsigned kept = reading.kept;
    unsigned asked = reading.asked;
    for (unsigned ranged = reading.ranged; ranged != 0; ranged &= ranged - 1) {
        const unsigned i = (unsigned)__builtin_ctz(ranged);
        const bool holds = troth_range_holds(&rules->terms[i].range, event);
        kept |= (unsigned)holds << i;
        asked |= (unsigned)!holds << i;
    }
    unsigned effects = add_kept_to(rules, standing, kept, instant, moment);
    if (asked != 0) {
        effects |= apply_asked(rules, standing, asked, instant, event, moment);
    }
    if (effects != 0) { /* evidence, an amount or a match, late kept evidence included */
        standing->matched = true;
    }
    if (event->kind == TROTH_KIND_TASK) {
        standing->tasks++;
        if (troth_event_has(event, TROTH_FIELD_COST_MICROS) &&
            __builtin_add_overflow(standing->cost_micros, event->cost_micros,
                                   &standing->cost_micros)) {
            standing->cost_micros = INT64_MAX;
        }
    }
    return effects;
}

/* What an event is to a term that shares. */
struct pieces {
    uint32_t kept;
    uint32_t broken;
};

static struct pieces judged_pieces(const struct troth_rules *rules, unsigned i,
                                   const struct troth_event *event)
{
    const struct troth_term *term = &rules->contract->terms[i];
    struct pieces pieces = {0, 0};
    if (event->kind != TROTH_KIND_EVALUATION || event->source == TROTH_SOURCE_SELF ||
        !issuer_counts(rules->contract, term, event->issuer)) {
        return pieces;
    }
    const size_t length = strlen(term->name);
    for (unsigned v = 0; v < event->verdict_count; v++) {
        const struct troth_verdict *verdict = &event->verdicts[v];
        if (verdict->term.length == length && memcmp(verdict->term.data, term->name, length) == 0) {
            pieces.kept += verdict->kept;
            pieces.broken += !verdict->kept;
        }
    }
    return pieces;
}

static struct pieces shared_pieces(const struct troth_rules *rules, unsigned term,
                                   const struct troth_event *event,
                                   const struct troth_moment *moment)
{
    if (rules->judged_mask >> term & 1) {
        return judged_pieces(rules, term, event);
    }
    if (!troth_predicate_holds(rules, &rules->terms[term].when, event, moment->signature)) {
        return (struct pieces){0, 0};
    }
    const unsigned kept = troth_predicate_keeps(rules, term, event, moment->signature);
    return (struct pieces){kept == TROTH_KEPT, kept == TROTH_BROKEN};
}

unsigned troth_evidence_pieces(const struct troth_rules *rules, unsigned term,
                               const struct troth_event *event, const struct troth_moment *moment)
{
    const unsigned bit = 1U << term;
    if ((rules->complete_mask | rules->cadence_mask) & bit) {
        return 0;
    }
    if (rules->shares_mask & bit) {
        const struct pieces pieces = shared_pieces(rules, term, event, moment);
        return pieces.kept + pieces.broken;
    }
    if (!troth_predicate_holds(rules, &rules->terms[term].when, event, moment->signature)) {
        return 0;
    }
    return (rules->never_mask & bit) ||
           troth_event_has(event, (enum troth_field)rules->contract->terms[term].sum);
}

unsigned troth_evidence_breaks(const struct troth_rules *rules, unsigned term,
                               const struct troth_event *event, const struct troth_moment *moment)
{
    return rules->shares_mask >> term & ~rules->complete_mask >> term & 1
               ? shared_pieces(rules, term, event, moment).broken
               : troth_evidence_pieces(rules, term, event, moment);
}

/* The pane in which evidence of that time was put, by the instant of its record. Returns NULL where
 * it was late and not counted, or has left the window since. */
static union troth_pane *pane_of(const struct troth_rules *rules, struct troth_standing *standing,
                                 unsigned term, const struct troth_instant *instant, int64_t at_us,
                                 int64_t timestamp_us, bool kept)
{
    const int64_t panes = rules->contract->terms[term].panes;
    const int64_t width_us = rules->terms[term].pane_us;
    const int64_t then = timestamp_us / width_us;
    int64_t pane = at_us < 0 ? -1 : at_us / width_us;
    if (pane <= then - panes) {
        if (kept) {
            return NULL;
        }
        pane = then;
    }
    const int64_t head = troth_hot_of(standing, term)->head;
    if (pane < 0 || pane <= instant->terms[term].pane - panes || pane <= head - panes ||
        pane > head) {
        return NULL;
    }
    return troth_pane(rules, standing, term,
                      pane == head ? TROTH_NEWEST : troth_ring_slot(rules, term, pane));
}

static uint32_t take(uint32_t count, uint32_t less)
{
    return count > less ? count - less : 0;
}

/* A witness that is one no more; those after it move up. */
static void drop_witness(struct troth_cold *cold, int64_t offset)
{
    unsigned to = 0;
    for (unsigned i = 0; i < TROTH_WITNESSES_MAX; i++) {
        if (((int64_t)cold->witness_high[i] << 32 | cold->witness_low[i]) != offset) {
            cold->witness_low[to] = cold->witness_low[i];
            cold->witness_high[to++] = cold->witness_high[i];
        }
    }
    for (; to < TROTH_WITNESSES_MAX; to++) {
        cold->witness_low[to] = UINT32_MAX;
        cold->witness_high[to] = UINT16_MAX;
    }
}

/* Whether recertify, where the standing is in it, has not emptied what came at that time: kept
 * evidence by its own, other by its record's. */
static bool counts_still(const struct troth_standing *standing, int64_t time_us)
{
    return standing->rung != TROTH_RUNG_RECERTIFY || time_us >= standing->since_us;
}

static void take_back_shares(const struct troth_rules *rules, struct troth_standing *standing,
                             unsigned term, const struct troth_instant *instant,
                             const struct troth_event *event, const struct troth_moment *moment,
                             int64_t timestamp_us)
{
    struct pieces pieces = shared_pieces(rules, term, event, moment);
    pieces.kept = counts_still(standing, moment->at_us) ? pieces.kept : 0;
    pieces.broken = counts_still(standing, timestamp_us) ? pieces.broken : 0;
    union troth_pane *pane =
        pane_of(rules, standing, term, instant, moment->at_us, timestamp_us, true);
    if (pane != NULL) {
        pane->count.kept = take(pane->count.kept, pieces.kept);
    }
    pane = pane_of(rules, standing, term, instant, moment->at_us, timestamp_us, false);
    if (pane != NULL) {
        pane->count.broken = take(pane->count.broken, pieces.broken);
    }
    if (standing->rung == TROTH_RUNG_RECERTIFY) {
        struct troth_tally *tally = troth_tally(rules, standing, term);
        tally->kept = take(tally->kept, pieces.kept);
        tally->broken = take(tally->broken, pieces.broken);
    }
}

void troth_evidence_take_back(const struct troth_rules *rules, struct troth_standing *standing,
                              unsigned term, const struct troth_instant *instant,
                              const struct troth_event *event, const struct troth_moment *moment,
                              int64_t timestamp_us)
{
    struct troth_hot *hot = troth_hot(standing, term);
    if (rules->shares_mask >> term & 1) {
        take_back_shares(rules, standing, term, instant, event, moment, timestamp_us);
    } else if (!counts_still(standing, timestamp_us)) {
        return;
    } else if (rules->never_mask >> term & 1) {
        hot->level -= hot->level > 0;
    } else {
        union troth_pane *pane =
            pane_of(rules, standing, term, instant, moment->at_us, timestamp_us, false);
        const int64_t amount = troth_event_integer(event, rules->contract->terms[term].sum);
        if (pane != NULL) {
            pane->sum = pane->sum > amount ? pane->sum - amount : 0;
        }
    }
    drop_witness(troth_cold(rules, standing, term), moment->offset);
}
