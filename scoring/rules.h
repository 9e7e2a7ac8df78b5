/*
 * A contract made ready to be scored: constants, layout and tables that depend on its text alone.
 *
 * Made once per contract version, then read only, so any number of shards and threads share it.
 * The tables say on which side of a threshold a confidence lies without computing it; they are
 * brackets, never approximations: where they cannot tell, the confidence itself is computed, so
 * the answer is always that of comparing the rounded confidence.
 *
 * Memory: the caller's; no pointer inside but `contract`, which must outlive the rules.
 */
#ifndef TROTH_SCORING_RULES_H
#define TROTH_SCORING_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/contract.h"

enum {
    TROTH_BRACKETS_PER_BROKEN = 8, /* cells per unit of aged broken evidence */
    TROTH_BRACKETS = 64,           /* cells; beyond 8 aged broken pieces confidence is computed */
    TROTH_COUNTERS = 64            /* broken counts for which the certification's bound is kept */
};

/* A threshold on confidence. The first four are the ladder's, HALF is calm's. */
enum troth_threshold {
    TROTH_THRESHOLD_WARN,
    TROTH_THRESHOLD_NARROW,
    TROTH_THRESHOLD_REVIEW,
    TROTH_THRESHOLD_PAUSE,
    TROTH_THRESHOLD_HALF,
    TROTH_THRESHOLD_COUNT
};

/* A predicate made ready: what the signature of an event must not have, and the tests that are
 * left, a run in rules->tests. See scoring/predicate.h. */
struct troth_ready_predicate {
    uint32_t forbidden; /* bits of the signature for which it does not hold */
    uint32_t absent;    /* `keep`: bits for which a field that it names is absent */
    uint16_t first;
    uint16_t count;
};

/* A `keep` that asks for one integer within bounds and nothing else, as {latency_us: {le: 2000000}}
 * does: where the signature does not tell, that one number mostly does. */
struct troth_range {
    int64_t low;
    int64_t high;
    uint16_t field;
    uint16_t place; /* in a struct troth_event, in bytes */
};

struct troth_term_rules {
    int64_t pane_us;      /* width of a pane */
    int64_t cusum_broken; /* billionths added by a broken piece */
    int64_t cusum_kept;   /* billionths added by a kept piece; negative */
    double prior;         /* a0 = ln(1/2) / ln(floor) */
    uint32_t ring_offset; /* bytes from the standing's start to slot 0 */
    uint32_t ring_stride; /* bytes from one slot to the next */
    uint32_t cold_offset;
    struct troth_ready_predicate when;
    struct troth_ready_predicate keep;
    struct troth_range range; /* of `keep`, where the bit in ranged_mask is set */
    bool shares;              /* share, completeness or judged: has confidence and a CUSUM */
    bool windowed;            /* shares, or a budget: has a ring of panes */
    double weight[2 * TROTH_PANES_MAX]; /* by age in panes; 0 from `panes` on */
    /* Bracket of cell c: aged broken evidence in [c, c + 1) / 8. Confidence is below the threshold
     * for certain where g < below[c], and at or above it for certain where g >= above[c]. */
    float below[TROTH_THRESHOLD_COUNT][TROTH_BRACKETS];
    float above[TROTH_THRESHOLD_COUNT][TROTH_BRACKETS];
    /* By broken count: certified from this many kept; below narrow's threshold under this many. */
    uint32_t certified_from[TROTH_COUNTERS];
    uint32_t failing_under[TROTH_COUNTERS];
};

struct troth_rules {
    const struct troth_contract *contract;
    double threshold[TROTH_THRESHOLD_COUNT]; /* 0: off */
    double surely[TROTH_THRESHOLD_COUNT];    /* -ln(1 - threshold), a little more */
    int64_t longest_window_us;               /* of the contract and its windowed terms */
    uint32_t size;                           /* bytes of one standing, a multiple of 64 */
    uint32_t version_offset; /* bytes from the standing's start to its struct troth_heard; 0: it has
                              * none, since a new version of an agent changes nothing */
    uint32_t
        kept_end; /* bytes from the standing's start: all that a kept event touches is before */
    uint32_t counted_end; /* the same where it is certifying, and has counters */
    uint32_t term_count;
    uint16_t shares_mask;   /* bit i: term i shares */
    uint16_t judged_mask;   /* bit i: term i is judged */
    uint16_t complete_mask; /* bit i: term i is a completeness term */
    uint16_t selects_mask;  /* bit i: term i is told by `when` (share, never, budget, cadence) */
    uint16_t ranged_mask;   /* bit i: term i shares, and what no signature tells is its range */
    uint16_t never_mask;
    uint16_t budget_mask;
    uint16_t cadence_mask;
    bool has_required_proof; /* some required share, completeness, judged or cadence term */
    struct troth_term_rules terms[TROTH_TERMS_MAX];
    struct troth_test tests[TROTH_TESTS_MAX]; /* those that no signature tells */
    uint32_t test_count;
    uint64_t promises[TROTH_TERMS_MAX]; /* what each term promises: scoring/promise.h */
};

/* Returns the slot of a pane (>= 0) of a windowed term among the older ones of its ring. */
static inline uint32_t troth_ring_slot(const struct troth_rules *rules, unsigned term, int64_t pane)
{
    return (uint32_t)(pane % (rules->contract->terms[term].panes - 1));
}

/* The CUSUM's alarm level h = 1e9 ln 10^4, and its cap, in billionths. */
#define TROTH_CUSUM_ALARM INT64_C(9210340372)
#define TROTH_CUSUM_CAP   (2 * TROTH_CUSUM_ALARM)

/* In contract: parsed, kept by the caller as long as the rules. Out rules: ready. Takes about a
 * millisecond a term. */
void troth_rules_init(struct troth_rules *rules, const struct troth_contract *contract);

/*
 * Confidence that the true keep rate is at or above the term's floor: the probability under a
 * Beta(a0 + g, 1 + b) posterior, rounded to 1e-9.
 * In g, b: aged kept and broken evidence, >= 0. Returns 0..1; exactly 0.5 when both are 0.
 */
double troth_confidence(const struct troth_rules *rules, unsigned term, double g, double b);

/* Returns whether the confidence, rounded, is below the threshold (never where that is off). */
bool troth_confidence_below(const struct troth_rules *rules, unsigned term,
                            enum troth_threshold threshold, double g, double b);

/* The same over plain counters: certified, and failing (below narrow's threshold). */
bool troth_counters_certified(const struct troth_rules *rules, unsigned term, uint32_t kept,
                              uint32_t broken);
bool troth_counters_failing(const struct troth_rules *rules, unsigned term, uint32_t kept,
                            uint32_t broken);

#endif
