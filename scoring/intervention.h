/*
 * The record of one change of rung, as the core gives it: what, when, why, resting on what.
 *
 * Memory: the texts and pointers live until the callback that gets it returns.
 */
#ifndef TROTH_SCORING_INTERVENTION_H
#define TROTH_SCORING_INTERVENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "scoring/ladder.h"
#include "scoring/outlook.h"

struct troth_intervention {
    struct troth_text agent;
    const struct troth_contract *contract;
    uint32_t standing; /* index in the shard */
    uint32_t ordinal;  /* among those of this standing that the same record caused, from 0 */
    uint8_t from;
    uint8_t to;
    bool narrowing; /* the rank rises */
    struct troth_cause cause;
    struct troth_score score;       /* at the change */
    uint64_t kept[TROTH_TERMS_MAX]; /* by term, sums of the windows at the change */
    uint64_t broken[TROTH_TERMS_MAX];
    int64_t decided_at_us;
    int64_t from_since_us;       /* when the rung that is left was entered */
    int64_t degraded_at_us;      /* of a narrowing; else TROTH_NEVER_US */
    uint32_t exposed_tasks;      /* TASK events since the causing term's CUSUM last left 0 */
    int64_t exposed_cost_micros; /* their cost */
    int64_t cause_offset;        /* of the record that caused it */
    const struct troth_decision *decision;        /* that it came of; NULL: the ladder */
    int64_t witness_offsets[TROTH_WITNESSES_MAX]; /* broken records of the causing term */
    unsigned witness_count;
};

#endif
