#include "scoring/meet.h"

#include <string.h>

#include "schemas/assert.h"

const struct troth_scope *troth_meet_scope(const struct troth_contract *contract, unsigned rung)
{
    const unsigned worst = contract->mode == TROTH_MODE_ENFORCE  ? TROTH_RUNG_PAUSE
                           : contract->mode == TROTH_MODE_ADVISE ? TROTH_RUNG_WARN
                                                                 : TROTH_RUNG_CLEAR;
    return &contract->ladder[rung < worst ? rung : worst].scope;
}

/* Keeps of the names those that the scope has too. Returns how many. */
static uint8_t keep_common(const char **names, uint8_t count, const struct troth_contract *contract,
                           const struct troth_scope *scope)
{
    uint8_t kept = 0;
    for (unsigned k = 0; k < count; k++) {
        for (unsigned i = 0; i < contract->capability_count; i++) {
            if ((scope->capabilities >> i & 1) &&
                strcmp(names[k], contract->capabilities[i]) == 0) {
                names[kept++] = names[k];
                break;
            }
        }
    }
    return kept;
}

/* Keeps of the meet's capabilities those that the scope has too; the first scope gives all its own.
 */
static void meet_capabilities(struct troth_meet *meet, const struct troth_contract *contract,
                              const struct troth_scope *scope)
{
    if (meet->any) {
        meet->capability_count =
            keep_common(meet->capabilities, meet->capability_count, contract, scope);
        return;
    }
    for (unsigned i = 0; i < contract->capability_count; i++) {
        if (scope->capabilities >> i & 1) {
            meet->capabilities[meet->capability_count++] = contract->capabilities[i];
        }
    }
}

static int64_t least_cost(int64_t a, int64_t b)
{
    return b >= 0 && (a < 0 || b < a) ? b : a;
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
    meet->max_cost_micros = least_cost(meet->max_cost_micros, scope->max_cost_micros);
    meet->contracts[meet->contract_count++] = offer->contract;
    meet->guarded |= offer->guarded;
    if (offer->contract->consequence > meet->consequence) {
        meet->consequence = offer->contract->consequence;
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

/* Of what is left, what the narrow scopes leave, and worse ones behind a guard. In offers, count:
 * of which those of the mode count. */
static void narrow(struct troth_meet *meet, const struct troth_offer *offers, unsigned count,
                   enum troth_mode mode)
{
    meet->narrowed.traffic = meet->traffic;
    meet->narrowed.max_cost_micros = meet->max_cost_micros;
    meet->narrowed.capability_count = meet->capability_count;
    memcpy(meet->narrowed.capabilities, meet->capabilities,
           meet->capability_count * sizeof meet->capabilities[0]);
    for (unsigned i = 0; i < count && meet->rung < TROTH_RUNG_NARROW; i++) {
        const struct troth_contract *contract = offers[i].contract;
        if (contract->mode != mode) {
            continue;
        }
        const unsigned rung =
            offers[i].behind > TROTH_RUNG_NARROW ? offers[i].behind : TROTH_RUNG_NARROW;
        const struct troth_scope *scope = troth_meet_scope(contract, rung);
        if (scope->traffic < meet->narrowed.traffic) {
            meet->narrowed.traffic = scope->traffic;
        }
        meet->narrowed.max_cost_micros =
            least_cost(meet->narrowed.max_cost_micros, scope->max_cost_micros);
        meet->narrowed.capability_count = keep_common(
            meet->narrowed.capabilities, meet->narrowed.capability_count, contract, scope);
    }
}

/* Makes the meet of the offers of one mode. */
static void meet_mode(struct troth_meet *meet, const struct troth_offer *offers, unsigned count,
                      enum troth_mode mode)
{
    int64_t guard_us = INT64_MAX;
    for (unsigned i = 0; i < count; i++) {
        if (offers[i].contract->mode != mode) {
            continue;
        }
        add(meet, &offers[i]);
        if (offers[i].guarded && offers[i].good_until_us < guard_us) {
            guard_us = offers[i].good_until_us;
        }
    }
    if (meet->rung >= TROTH_RUNG_NARROW && guard_us < meet->offer_until_us) {
        meet->offer_until_us = guard_us;
    }
    narrow(meet, offers, count, mode);
}

void troth_meet_of(struct troth_meet *meet, const struct troth_offer *offers, unsigned count)
{
    TROTH_ASSERT(count <= TROTH_CONTRACTS_MAX);
    memset(meet, 0, sizeof *meet);
    meet->traffic = 1.0;
    meet->max_cost_micros = -1;
    meet->good_until_us = INT64_MAX;
    meet->offer_until_us = INT64_MAX;
    meet->limiting_term = TROTH_NO_TERM;
    meet_mode(meet, offers, count, TROTH_MODE_ENFORCE);
    if (!meet->any) {
        meet_mode(meet, offers, count, TROTH_MODE_ADVISE);
    }
    if (!meet->any) {
        meet->traffic = 0.0;
        meet->narrowed.traffic = 0.0;
        meet->good_until_us = 0;
        meet->offer_until_us = 0;
    }
}
