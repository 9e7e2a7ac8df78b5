/*
 * What an agent may do: the meet of its enforced standings.
 *
 * The worst rung, the least score and traffic, the common capabilities, the nearest ends; and what
 * would be left of the scope from good_until on, when a reader treats the agent as narrowed.
 */
#ifndef TROTH_SCORING_MEET_H
#define TROTH_SCORING_MEET_H

#include <stdbool.h>
#include <stdint.h>

#include "scoring/outlook.h"
#include "scoring/shard.h"

/* One standing as a router sees it. */
struct troth_offer {
    const struct troth_contract *contract;
    uint8_t rung;     /* enum troth_rung */
    uint8_t limiting; /* term, or TROTH_NO_TERM */
    uint16_t score;
    int64_t good_until_us;
    int64_t offer_until_us;
    bool guarded;   /* it is offered better than it is, until good_until_us: */
    uint8_t behind; /* then it is at this rung; of one that is not guarded: 0 */
};

struct troth_meet {
    bool any;     /* some standing is enforced or advised; without one an agent is unproven */
    bool guarded; /* one of those that count is */
    uint8_t rung;
    uint16_t score;
    double traffic;          /* 0..1 */
    int64_t max_cost_micros; /* -1: no limit */
    int64_t good_until_us;
    int64_t offer_until_us;
    const struct troth_contract *limiting; /* contract of the least score; NULL without any */
    uint8_t limiting_term;                 /* or TROTH_NO_TERM */
    uint8_t capability_count;
    const char *capabilities[TROTH_CAPABILITIES_MAX]; /* names in the contracts */
    struct {
        double traffic;
        int64_t max_cost_micros;
        uint8_t capability_count;
        const char *capabilities[TROTH_CAPABILITIES_MAX];
    } narrowed;          /* the same scope, were everything that counts at narrow at least, and
                          * what is guarded at the rung behind its guard */
    uint8_t consequence; /* the highest of what counts: enum troth_consequence */
    uint16_t contract_count;
    const struct troth_contract *contracts[TROTH_CONTRACTS_MAX]; /* that count */
};

/* The scope of a rung under the contract's mode: `advise` is never worse than warn, `shadow` is as
 * clear. */
const struct troth_scope *troth_meet_scope(const struct troth_contract *contract, unsigned rung);

/*
 * Makes the meet of an agent's standings. In offers: any order, at most TROTH_CONTRACTS_MAX.
 * Enforced ones count. Where there is none, advised ones do, as no worse than warn. Shadowed ones
 * never do. A reader narrows clear and warn alone at good_until, so where the meet is worse than
 * those, what is guarded is not offered past the end of its guard.
 */
void troth_meet_of(struct troth_meet *meet, const struct troth_offer *offers, unsigned count);

#endif
