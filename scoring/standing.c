#include "scoring/standing.h"

#include <string.h>

_Static_assert(sizeof(struct troth_standing) + 3 * sizeof(struct troth_hot) <= 128,
               "the header and three hot terms share two cache lines");
_Static_assert(TROTH_PANES_MAX - 1 <= TROTH_NEWEST, "the slot of the newest pane is no other's");
_Static_assert(sizeof(struct troth_past) == 16, "layout in the header's comment");
_Static_assert(sizeof(union troth_pane) == 8, "kept and broken of a pane, or one sum");
_Static_assert(sizeof(struct troth_tally) == 8, "layout in the header's comment");
_Static_assert(sizeof(struct troth_heard) == 16, "layout in the header's comment");
_Static_assert(sizeof(struct troth_cold) == 48, "layout in the header's comment");

void troth_term_clear(const struct troth_rules *rules, struct troth_standing *standing,
                      unsigned term)
{
    struct troth_hot *hot = troth_hot(standing, term);
    struct troth_cold *cold = troth_cold(rules, standing, term);
    const struct troth_term *promise = &rules->contract->terms[term];
    hot->head = promise->kind == TROTH_TERM_CADENCE ? TROTH_NEVER_US : 0;
    hot->level = 0;
    hot->newest.sum = 0;
    if (rules->terms[term].windowed) {
        for (unsigned slot = 0; slot + 1 < promise->panes; slot++) {
            troth_pane(rules, standing, term, slot)->sum = 0;
        }
    }
    *troth_tally(rules, standing, term) = (struct troth_tally){0, 0};
    memset(cold, 0, sizeof *cold);
    memset(cold->witness_low, 0xff, sizeof cold->witness_low);
    memset(cold->witness_high, 0xff, sizeof cold->witness_high);
}

void troth_standing_recertify(const struct troth_rules *rules, struct troth_standing *standing,
                              int64_t time_us, bool after_decision)
{
    standing->rung = TROTH_RUNG_RECERTIFY;
    standing->since_us = time_us;
    standing->phase_us = time_us + rules->contract->certify_within_us;
    standing->matched = false;
    standing->after_decision = after_decision;
    for (unsigned i = 0; i < rules->term_count; i++) {
        troth_term_clear(rules, standing, i);
    }
}

void troth_standing_init(const struct troth_rules *rules, struct troth_standing *standing,
                         int64_t time_us)
{
    memset(standing, 0, rules->size);
    *troth_past(rules, standing) = (struct troth_past){TROTH_NEVER_US, -1};
    standing->next = UINT32_MAX;
    standing->cause_term = TROTH_CAUSE_NO_TERM;
    troth_standing_recertify(rules, standing, time_us, false);
}
