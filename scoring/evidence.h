/*
 * Evidence: what an event adds to a standing's terms, and what a dispute takes out of them again.
 *
 * A ring holds the panes up to `head`; adding moves it to the pane of the clock. scoring/window.h
 * looks.
 */
#ifndef TROTH_SCORING_EVIDENCE_H
#define TROTH_SCORING_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/event.h"
#include "scoring/instant.h"
#include "scoring/rules.h"
#include "scoring/standing.h"

/* Where and when an event stands: its own time (never past its record's) and its record. */
struct troth_moment {
    int64_t at_us;
    int64_t offset;     /* of the record; 0..2^48 - 2 */
    uint32_t signature; /* of the event; scoring/predicate.h */
    uint32_t missing;   /* numbers that left the sequence window unseen by this event, 0..64 */
    bool counted;       /* the event bears a sequence number, seen for the first time */
};

/* What events of one signature are to a contract's terms, as far as it tells. */
struct troth_reading {
    uint32_t signature; /* 0: none was read yet, which no event has */
    uint16_t kept;      /* bit i: kept evidence of term i */
    uint16_t ranged;    /* bit i: the same, where its range holds */
    uint16_t asked;     /* bit i: term i must be asked */
};

/* The signatures read last, under one contract: zeroed at first. Most events have one of a few. */
enum { TROTH_READINGS = 16 };
struct troth_readings {
    struct troth_reading last[TROTH_READINGS];
};

/* What an event did to a standing; bits. */
enum {
    TROTH_EFFECT_IMPROVED = 1, /* something was kept or matched */
    TROTH_EFFECT_WORSENED = 2, /* something was broken, or an amount was added */
    TROTH_EFFECT_ADVANCED = 4, /* a ring has moved on to the clock's pane, or a cadence was met */
    TROTH_EFFECT_LATE = 8,     /* something kept came too late to count */
    TROTH_EFFECT_HIDDEN = 16   /* something broken came too late for its own pane */
};

/*
 * Adds what an event is to each term, in the contract's order, and counts the event's task.
 * In instant: of the shard's clock. In readings: zeroed, or of earlier calls with the same rules.
 * In event: accepted, and reaches this contract. Returns the effects.
 */
unsigned troth_evidence_apply(const struct troth_rules *rules, struct troth_standing *standing,
                              const struct troth_instant *instant, struct troth_readings *readings,
                              const struct troth_event *event, const struct troth_moment *moment);

/*
 * What an event was to a term, for one who disputes it.
 * In moment: of the event's record. Returns how many pieces of evidence it is to a share or judged
 * term (kept and broken together), amounts to a budget, matches to a never term; 0: it is none, or
 * the term is one whose evidence is not a record's (completeness, cadence).
 */
unsigned troth_evidence_pieces(const struct troth_rules *rules, unsigned term,
                               const struct troth_event *event, const struct troth_moment *moment);

/* The same of those pieces alone that speak against the agent: broken ones, amounts, matches. */
unsigned troth_evidence_breaks(const struct troth_rules *rules, unsigned term,
                               const struct troth_event *event, const struct troth_moment *moment);

/*
 * Takes what an event was to a term out of its pane again, where that is still in the window, out
 * of the counters at recertify, and out of the witnesses; of a never term, one mark. The CUSUM
 * stays. At recertify what was never counted in it gives nothing back. In timestamp_us: of the
 * event's record: what was late then counted in the pane of that time. In instant: of the shard's
 * clock.
 */
void troth_evidence_take_back(const struct troth_rules *rules, struct troth_standing *standing,
                              unsigned term, const struct troth_instant *instant,
                              const struct troth_event *event, const struct troth_moment *moment,
                              int64_t timestamp_us);

#endif
