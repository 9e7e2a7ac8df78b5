#include "scoring/outlook.h"

#include <math.h>

#include "schemas/assert.h"
#include "scoring/beta.h"

enum {
    DEADLINES_MAX = 2048
}; /* 16 terms of 64 panes, 11 tenths a cadence, and the holds between */

/* What one term gives to compliance; NaN where it is passed over. */
static double term_compliance(struct troth_sight *sight, unsigned i)
{
    const struct troth_rules *rules = sight->rules;
    const struct troth_term *term = &rules->contract->terms[i];
    if (rules->terms[i].shares) {
        const struct troth_sums *sums = troth_sight_sums(sight, i);
        if (!term->required && !sums->any) {
            return NAN;
        }
        const double kappa = troth_sight_confidence(sight, i);
        return term->required ? kappa : troth_round9(fmin(1.0, kappa / 0.5));
    }
    switch ((enum troth_term_kind)term->kind) {
    case TROTH_TERM_BUDGET: {
        int64_t sum = 0;
        const bool any = troth_window_amount(rules, sight->standing, i, sight->instant, &sum);
        return !any && !term->required ? NAN : sum <= term->at_most ? 1.0 : 0.0;
    }
    case TROTH_TERM_NEVER:
        return troth_hot_of(sight->standing, i)->level > 0 ? 0.0 : 1.0;
    default:
        return NAN;
    }
}

struct troth_score troth_outlook_score(struct troth_sight *sight)
{
    struct troth_score score = {.compliance = 1.0, .limiting = TROTH_NO_TERM};
    double least = 2.0;
    for (unsigned i = 0; i < sight->rules->term_count; i++) {
        const double compliance = term_compliance(sight, i);
        if (compliance < least) {
            least = compliance;
            score.limiting = (uint8_t)i;
        }
    }
    score.compliance = least <= 1.0 ? least : 1.0;
    score.freshness = troth_sight_least_freshness(sight, 1.0, true);
    score.score = sight->standing->rung == TROTH_RUNG_PAUSE
                      ? 0
                      : (uint16_t)floor(1000.0 * score.compliance * score.freshness + 0.5);
    return score;
}

/* When the last evidence leaves its windows, or TROTH_NEVER_US where there is none. */
static int64_t last_evidence_us(struct troth_sight *sight)
{
    int64_t last_us = TROTH_NEVER_US;
    for (unsigned i = 0; i < sight->rules->term_count; i++) {
        if (!sight->rules->terms[i].windowed) {
            continue;
        }
        const int64_t pane = troth_window_newest(sight->rules, sight->standing, i, sight->instant);
        if (pane >= 0) {
            const int64_t leaves_us =
                (pane + sight->rules->contract->terms[i].panes) * sight->rules->terms[i].pane_us;
            last_us = leaves_us > last_us ? leaves_us : last_us;
        }
    }
    return last_us;
}

/* Walks ahead from clear, warn or narrow until both times are known or nothing is left to come. */
static void walk(struct troth_sight *now, int64_t *good_us, int64_t *offer_us)
{
    struct troth_ladder ladder = troth_ladder_of(now->rules, now->standing);
    const unsigned bad = ladder.rung < TROTH_RUNG_NARROW ? TROTH_RUNG_NARROW : TROTH_RUNG_RECERTIFY;
    struct troth_instant instant = *now->instant;
    struct troth_sight sight = *now;
    sight.instant = &instant;
    for (unsigned i = 0; i < DEADLINES_MAX; i++) {
        const int64_t next_us = troth_ladder_deadline(&sight, &ladder);
        if (next_us == TROTH_LAST_US) {
            return;
        }
        troth_instant_set(sight.rules, &instant, next_us);
        sight.ready = 0;
        const struct troth_step step = troth_ladder_step(&sight, &ladder, true);
        if (!step.taken) {
            continue;
        }
        if (step.to >= bad && *good_us == TROTH_LAST_US) {
            *good_us = next_us;
        }
        if (step.to >= TROTH_RUNG_RECERTIFY) {
            *offer_us = next_us;
            return;
        }
    }
    TROTH_ASSERT(false);
}

void troth_outlook_until(struct troth_sight *sight, int64_t *good_until_us, int64_t *offer_until_us)
{
    const unsigned rung = sight->standing->rung;
    const int64_t last_us = last_evidence_us(sight);
    if (rung == TROTH_RUNG_PAUSE) {
        *good_until_us = 0;
        *offer_until_us = 0;
        return;
    }
    if (rung == TROTH_RUNG_RECERTIFY || rung == TROTH_RUNG_REVIEW) {
        *good_until_us = last_us != TROTH_NEVER_US
                             ? last_us
                             : sight->standing->since_us + sight->rules->longest_window_us;
        *offer_until_us = *good_until_us;
        return;
    }
    int64_t good_us = TROTH_LAST_US;
    int64_t offer_us = TROTH_LAST_US;
    walk(sight, &good_us, &offer_us);
    const int64_t otherwise_us = last_us != TROTH_NEVER_US ? last_us : sight->instant->time_us;
    *good_until_us = good_us != TROTH_LAST_US ? good_us : otherwise_us;
    *offer_until_us = offer_us != TROTH_LAST_US ? offer_us : otherwise_us;
}
