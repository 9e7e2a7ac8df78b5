/*
 * What speaks against an agent now, the gravest first: the "top causes" of a review.
 *
 * Everything comes of the standing's hash in Redis and, for limits, of its contract. Ranked by the
 * highest rung whose condition it meets; on one rung in the order in which the ladder tries its
 * conditions; then the lowest figure. What meets no condition comes after all that does, and what
 * is waived last.
 *
 * Threads: pure. Memory: the caller's.
 */
#ifndef TROTH_OPS_REVIEW_CAUSES_H
#define TROTH_OPS_REVIEW_CAUSES_H

#include "ops/redis/reader.h"
#include "schemas/contract.h"

enum { TROTH_REVIEW_CAUSES_MAX = 4 * TROTH_TERMS_MAX, TROTH_REVIEW_CAUSE_TEXT_MAX = 320 };

/* X(NAME, "name in JSON"): in the order of the ladder's conditions. */
#define TROTH_REVIEW_CAUSES(X)                                                                     \
    X(NEVER, "never")                                                                              \
    X(BUDGET, "budget")                                                                            \
    X(CONFIDENCE, "confidence")                                                                    \
    X(CHANGE, "change")                                                                            \
    X(FRESHNESS, "freshness")                                                                      \
    X(DISPUTES, "disputes")                                                                        \
    X(UNCERTIFIED, "uncertified")                                                                  \
    X(RELAPSES, "relapses")

#define TROTH_ENUMERATE_REVIEW_CAUSE(NAME, text) TROTH_REVIEW_CAUSE_##NAME,
enum troth_review_cause_kind {
    TROTH_REVIEW_CAUSES(TROTH_ENUMERATE_REVIEW_CAUSE) TROTH_REVIEW_CAUSE_COUNT
};
#undef TROTH_ENUMERATE_REVIEW_CAUSE

struct troth_review_cause {
    uint8_t kind; /* enum troth_review_cause_kind */
    uint8_t rung; /* the highest whose condition it meets; TROTH_RUNG_CLEAR: none */
    bool waived;  /* its term is waived, so that no condition counts it */
    bool lowest;  /* of a confidence that meets no condition: it is the least of all terms */
    char term[TROTH_NAME_LENGTH_MAX + 1]; /* "": of none */
    double observed; /* confidence or freshness, the budget's sum, how often a never term broke,
                      * disputes that are open, pieces that are still needed at least, relapses */
    double limit;    /* of the rung's condition, or of what calm needs; 0: there is none */
};

/*
 * Ranks what speaks against a standing.
 * In standing: its hash. In contract: of the version that it was scored by; NULL: not known, and
 * then no limits are told. Out causes: the gravest first. Returns how many.
 */
unsigned troth_review_causes(const struct troth_fields *standing,
                             const struct troth_contract *contract,
                             struct troth_review_cause causes[TROTH_REVIEW_CAUSES_MAX]);

/* Out text: the cause in words, with its figures. Returns text. */
const char *troth_review_cause_text(const struct troth_review_cause *cause,
                                    const struct troth_fields *standing,
                                    const struct troth_contract *contract,
                                    char text[TROTH_REVIEW_CAUSE_TEXT_MAX]);

/* Returns it as an object. */
json_t *troth_review_cause_json(const struct troth_review_cause *cause, const char *text);

#endif
