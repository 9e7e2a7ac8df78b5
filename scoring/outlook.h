/*
 * What a standing is worth to a router: its score now, and until when that may be relied on.
 */
#ifndef TROTH_SCORING_OUTLOOK_H
#define TROTH_SCORING_OUTLOOK_H

#include <stdint.h>

#include "scoring/ladder.h"

/* DESIGN 5.5. */
struct troth_score {
    double compliance; /* 0..1, rounded to 1e-9 */
    double freshness;  /* 0..1, rounded to 1e-9 */
    uint16_t score;    /* 0..1000 */
    uint8_t limiting;  /* the term that gives compliance, or TROTH_NO_TERM */
};

/* Returns the score of the sight's standing at the sight's time. */
struct troth_score troth_outlook_score(struct troth_sight *sight);

/*
 * DESIGN 5.6: walks every deadline ahead as if no further evidence came.
 * Out good_until_us, offer_until_us: microseconds; both 0 at pause. At most 2,048 deadlines are
 * walked, more than any contract has.
 */
void troth_outlook_until(struct troth_sight *sight, int64_t *good_until_us,
                         int64_t *offer_until_us);

#endif
