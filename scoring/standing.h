/*
 * The state of one agent under one contract, as integers in one block of memory.
 *
 *     +--------------+------------------+----------------+------------+-------------+------+
 *     | header, 48 B | hot, 24 B a term | tally, 8 B each| past, 16 B | older panes | cold |
 *     +--------------+------------------+----------------+------------+-------------+------+
 *
 * The newest pane of a ring stands with what else is hot of its term, and moves into the ring, 8 B
 * a pane, when the next one begins. So a kept event touches header and hot terms and nothing else:
 * at `clear`, with up to three terms, two lines. The cold terms, 48 B each, are for what goes
 * wrong. Before the rings stand 16 B of the agent's version, where the contract asks for it. Rings
 * of one shape (panes and their width) are woven: the panes of one slot lie side by side. Offsets
 * are in the rules, since they depend on the contract. Every number shown is a function of this
 * block, the rules and one time.
 *
 * Memory: the caller's, rules->size bytes, aligned to 64. Threads: one writer.
 */
#ifndef TROTH_SCORING_STANDING_H
#define TROTH_SCORING_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "scoring/rules.h"

#define TROTH_NEVER_US INT64_MIN /* no such time */
#define TROTH_LAST_US  INT64_MAX /* no deadline */

enum {
    TROTH_WITNESSES_MAX = 4,  /* broken records remembered by term */
    TROTH_CAUSE_NO_TERM = 31, /* the header's cause_term where there is none */
    TROTH_LATE_MAX = 4095,
    TROTH_RELAPSES_MAX = 31,
    TROTH_ORDINAL_MAX = 4095, /* one record can pass at most 2,048 deadlines of a standing */
    TROTH_NEWEST = 63         /* the slot of a ring's newest pane: behind those of at most 63 older
                               * ones */
};

/* Whether a person is to look at a standing: schemas/reviews.md. */
enum troth_review_state {
    TROTH_REVIEW_NONE,
    TROTH_REVIEW_WAITING,   /* the clock runs */
    TROTH_REVIEW_BY_LADDER, /* one is open, */
    TROTH_REVIEW_BY_CLOCK
};

/* The header. */
struct troth_standing {
    int64_t since_us;      /* when the present rung was entered */
    int64_t phase_us;      /* warn, narrow: since when it has been calm, or TROTH_NEVER_US;
                            * recertify: when its counters start anew or the certification ends */
    int64_t cost_micros;   /* of all TASK events applied */
    uint32_t tasks;        /* TASK events applied, modulo 2^32 */
    uint32_t agent;        /* index of the agent in its shard */
    uint32_t next;         /* index of the agent's next standing, or UINT32_MAX */
    float observed;        /* what the last change of rung saw; a note for people, never compared */
    unsigned late : 12;    /* kept pieces that came too late to count; saturates */
    unsigned dirty : 5;    /* the shard's TROTH_DIRTY_* */
    unsigned contract : 9; /* slot of the contract in its shard */
    unsigned docketed : 1; /* it has a docket */
    unsigned review : 2;   /* enum troth_review_state */
    unsigned spare : 3;
    unsigned rung : 3;           /* enum troth_rung */
    unsigned relapses : 5;       /* saturates */
    unsigned unsettled : 1;      /* the last look took a step, so the next may take another */
    unsigned cause : 4;          /* enum troth_condition of the last change of rung */
    unsigned cause_term : 5;     /* its term, or 31: none */
    unsigned matched : 1;        /* evidence has come since recertify was entered */
    unsigned after_decision : 1; /* recertify was entered from review or pause */
    unsigned ordinal : 12;       /* interventions that the record at cause_offset caused so far */
};

/* One pane of a ring. */
union troth_pane {
    struct {
        uint32_t kept;
        uint32_t broken;
    } count;
    int64_t sum; /* budget */
};

/* What an event touches of a term. */
struct troth_hot {
    int64_t head;  /* windowed: the newest pane of the ring; cadence: the greatest `at` seen */
    int64_t level; /* shares: the CUSUM in billionths; budget: bit i is set where the pane in slot i
                    * has an amount; never: times broken, less what a dispute took back */
    union troth_pane newest; /* windowed: the head's */
};

/* Plain counters of a term that shares, since recertify was entered; they saturate. */
struct troth_tally {
    uint32_t kept;
    uint32_t broken;
};

/* What was, of the standing as a whole. */
struct troth_past {
    int64_t left_us;      /* when it last left narrow, review or pause downwards or for recertify */
    int64_t cause_offset; /* of the record that caused the last change of rung; -1: none */
};

/* The agent's version in force: schemas/versions.md. */
struct troth_heard {
    uint64_t hash;   /* of its text, never 0; 0: none was heard of yet */
    int64_t last_us; /* the greatest time of an event that bore it */
};

/* What a term needs when something went wrong. */
struct troth_cold {
    int64_t onset_us;    /* shares: when the CUSUM last left 0 */
    int64_t cost_mark;   /* shares: the header's cost before the event at which it did */
    uint32_t tasks_mark; /* shares: likewise */
    uint32_t reserved;
    uint32_t witness_low[TROTH_WITNESSES_MAX];  /* offsets of the last broken records, 48 bits, */
    uint16_t witness_high[TROTH_WITNESSES_MAX]; /* newest first; all ones: none */
};

static inline struct troth_hot *troth_hot(struct troth_standing *standing, unsigned term)
{
    return (struct troth_hot *)(void *)(standing + 1) + term;
}

static inline const struct troth_hot *troth_hot_of(const struct troth_standing *standing,
                                                   unsigned term)
{
    return (const struct troth_hot *)(const void *)(standing + 1) + term;
}

static inline struct troth_tally *troth_tally(const struct troth_rules *rules,
                                              struct troth_standing *standing, unsigned term)
{
    return (struct troth_tally *)(void *)troth_hot(standing, rules->term_count) + term;
}

static inline const struct troth_tally *troth_tally_of(const struct troth_rules *rules,
                                                       const struct troth_standing *standing,
                                                       unsigned term)
{
    return (const struct troth_tally *)(const void *)troth_hot_of(standing, rules->term_count) +
           term;
}

static inline struct troth_past *troth_past(const struct troth_rules *rules,
                                            struct troth_standing *standing)
{
    return (struct troth_past *)(void *)troth_tally(rules, standing, rules->term_count);
}

static inline const struct troth_past *troth_past_of(const struct troth_rules *rules,
                                                     const struct troth_standing *standing)
{
    return (const struct troth_past *)(const void *)troth_tally_of(rules, standing,
                                                                   rules->term_count);
}

/* The agent's version, of a standing that has one: rules->version_offset is not 0. */
static inline struct troth_heard *troth_heard(const struct troth_rules *rules,
                                              struct troth_standing *standing)
{
    return (struct troth_heard *)(void *)((char *)standing + rules->version_offset);
}

static inline const struct troth_heard *troth_heard_of(const struct troth_rules *rules,
                                                       const struct troth_standing *standing)
{
    return (const struct troth_heard *)(const void *)((const char *)standing +
                                                      rules->version_offset);
}

/* The pane in a slot of a windowed term's ring: the head's in TROTH_NEWEST; of an older pane p it
 * is p modulo the panes of a window but one. */
static inline union troth_pane *troth_pane(const struct troth_rules *rules,
                                           struct troth_standing *standing, unsigned term,
                                           unsigned slot)
{
    const struct troth_term_rules *t = &rules->terms[term];
    if (slot == TROTH_NEWEST) {
        return &troth_hot(standing, term)->newest;
    }
    return (union troth_pane *)(void *)((char *)standing + t->ring_offset +
                                        (size_t)slot * t->ring_stride);
}

static inline const union troth_pane *troth_pane_of(const struct troth_rules *rules,
                                                    const struct troth_standing *standing,
                                                    unsigned term, unsigned slot)
{
    const struct troth_term_rules *t = &rules->terms[term];
    if (slot == TROTH_NEWEST) {
        return &troth_hot_of(standing, term)->newest;
    }
    return (const union troth_pane *)(const void *)((const char *)standing + t->ring_offset +
                                                    (size_t)slot * t->ring_stride);
}

static inline struct troth_cold *troth_cold(const struct troth_rules *rules,
                                            struct troth_standing *standing, unsigned term)
{
    return (struct troth_cold *)(void *)((char *)standing + rules->terms[term].cold_offset);
}

static inline const struct troth_cold *
troth_cold_of(const struct troth_rules *rules, const struct troth_standing *standing, unsigned term)
{
    return (const struct troth_cold *)(const void *)((const char *)standing +
                                                     rules->terms[term].cold_offset);
}

/* Makes a standing as it is when `recertify` is entered at time_us: no evidence at all.
 * Out standing: rules->size bytes; agent, next and contract are zero. */
void troth_standing_init(const struct troth_rules *rules, struct troth_standing *standing,
                         int64_t time_us);

/* Empties the evidence of one term: ring, CUSUM, never-mark, `last`, counters, witnesses. */
void troth_term_clear(const struct troth_rules *rules, struct troth_standing *standing,
                      unsigned term);

/* Enters `recertify` at time_us: everything of every term starts empty.
 * In after_decision: it was entered from review or pause, so that its end leads back to review. */
void troth_standing_recertify(const struct troth_rules *rules, struct troth_standing *standing,
                              int64_t time_us, bool after_decision);

#endif
