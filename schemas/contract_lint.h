/*
 * What a contract that is right in form would still not do as its author hopes.
 *
 * Without a rate: conditions that can never hold, a ladder whose rungs stand in the wrong order,
 * rungs that nothing leads to. With the rate of evidence that each term is expected to see, also
 * the required terms that cannot certify, cannot stay fresh, or cannot leave narrow again.
 *
 * The arithmetic is DESIGN's Scoring and Ladder in the steady state. At a rate r of evidence an
 * hour at full traffic, a rung of traffic s sees r * s, all of it kept; the aged pieces of a term
 * are counted where they are fewest, just after a pane has begun. A finding is a warning: the
 * contract may be pushed all the same.
 *
 * Memory: the caller owns all. Threads: a pure function.
 */
#ifndef TROTH_SCHEMAS_CONTRACT_LINT_H
#define TROTH_SCHEMAS_CONTRACT_LINT_H

#include "schemas/contract.h"

enum { TROTH_FINDINGS_MAX = 64, TROTH_FINDING_LENGTH_MAX = 256 };

struct troth_finding {
    char term[TROTH_NAME_LENGTH_MAX + 1]; /* empty: the contract as a whole */
    char text[TROTH_FINDING_LENGTH_MAX];  /* what will happen, and what would help */
};

struct troth_findings {
    uint32_t count; /* at most TROTH_FINDINGS_MAX are kept; more are counted */
    struct troth_finding items[TROTH_FINDINGS_MAX];
};

/*
 * In contract: as the parser gave it. In rate_per_hour: evidence of each term an hour at full
 * traffic, above 0 and finite; 0: no rate is known. Out findings: in the order contract, terms.
 */
void troth_contract_lint(const struct troth_contract *contract, double rate_per_hour,
                         struct troth_findings *findings);

/*
 * Returns the aged pieces of a term that sees rate_per_hour pieces an hour and has done so for a
 * window, just after a pane has begun: the sum over the panes of age 1 and more of
 * rate * w * 2^(-age * w / H).
 */
double troth_lint_pieces(const struct troth_term *term, double rate_per_hour);

/* Returns the pieces, none broken, that bring a term of this floor to a confidence: the least n
 * with 1 - floor^n / 2 >= confidence. */
double troth_lint_pieces_to(double floor_rate, double confidence);

#endif
