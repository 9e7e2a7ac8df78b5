#include "scoring/meet.h"

#include <string.h>

const struct troth_scope *troth_meet_scope(const struct troth_contract *contract, unsigned rung)
{
    const unsigned worst = contract->mode == TROTH_MODE_ENFORCE  ? TROTH_RUNG_PAUSE
                           : contract->mode == TROTH_MODE_ADVISE ? TROTH_RUNG_WARN
                                                                 : TROTH_RUNG_CLEAR;
    return &contract->ladder[rung < worst ? rung : worst].scope;
}

/* Keeps of the meet's capabilities those that the scope has too; the first scope gives all its own.
 */
static void meet_capabilities(struct troth_meet *meet, const struct troth_contract *contract,
                              const struct troth_scope *scope)
{
    if (!meet->any) {
        for (unsigned i = 0; i < contract->capability_count; i++) {
            if (scope->capabilities >> i & 1) {
                meet->capabilities[meet->capability_count++] = contract->capabilities[i];
            }
        }
        return;
    }
    uint8_t kept = 0;
    for (unsigned k = 0; k < meet->capability_count; k++) {
        for (unsigned i = 0; i < contract->capability_count; i++) {
            if ((scope->capabilities >> i & 1) &&
                strcmp(meet->capabilities[k], contract->capabilities[i]) == 0) {
                meet->capabilities[kept++] = meet->capabilities[k];
                break;
            }
        }
    }
    meet->capability_count = kept;
}

static void add(struct troth_meet *meet, const struct troth_offer *offer)
{
    const struct troth_scope *scope = troth_meet_scope(offer->contract, offer->rung);
    const bool advised = offer->contract->mode == TROTH_MODE_ADVISE;
    const uint8_t rung = advised && offer->rung > TROTH_RUNG_WARN ? TROTH_RUNG_WARN : offer->rung;
    meet_capabilities(meet, offer->contract, scope);
    meet->any = true;
    meet->rung = rung > meet->rung ? rung : meet->rung;
    meet->traffic = scope->traffic < meet->traffic ? scope->traffic : meet->traffic;
    if (scope->max_cost_micros >= 0 &&
        (meet->max_cost_micros < 0 || scope->max_cost_micros < meet->max_cost_micros)) {
        meet->max_cost_micros = scope->max_cost_micros;
    }
    if (offer->good_until_us < meet->good_until_us) {
        meet->good_until_us = offer->good_until_us;
    }
    if (offer->offer_until_us < meet->offer_until_us) {
        meet->offer_until_us = offer->offer_until_us;
    }
    if (meet->limiting == NULL || offer->score < meet->score) {
        meet->score = offer->score;
        meet->limiting = offer->contract;
        meet->limiting_term = offer->limiting;
    }
}

void troth_meet_of(struct troth_meet *meet, const struct troth_offer *offers, unsigned count)
{
    static const enum troth_mode order[] = {TROTH_MODE_ENFORCE, TROTH_MODE_ADVISE};
    memset(meet, 0, sizeof *meet);
    meet->traffic = 1.0;
    meet->max_cost_micros = -1;
    meet->good_until_us = INT64_MAX;
    meet->offer_until_us = INT64_MAX;
    meet->limiting_term = TROTH_NO_TERM;
    for (unsigned pass = 0; pass < 2 && !meet->any; pass++) {
        for (unsigned i = 0; i < count; i++) {
            if (offers[i].contract->mode == order[pass]) {
                add(meet, &offers[i]);
            }
        }
    }
    if (!meet->any) {
        meet->traffic = 0.0;
        meet->good_until_us = 0;
        meet->offer_until_us = 0;
    }
}
