/*
 * Predicates: whether an event has what a term's `when` asks, and what its `keep` makes of it.
 *
 * A test on an absent field does not hold, but `exists: false`. An outcome is never absent: `none`
 * is one. All tests on enumerations are one AND: an event's signature has one bit in each of four
 * fields (kind, outcome, source, and rescue or its absence), and a predicate knows the bits that it
 * forbids. The other tests are run one by one.
 *
 * Pure functions of the contract and the event.
 */
#ifndef TROTH_SCORING_PREDICATE_H
#define TROTH_SCORING_PREDICATE_H

#include <stdbool.h>
#include <string.h>

#include "schemas/event.h"
#include "scoring/rules.h"

/* Where the fields of a signature begin; the rescue's first bit stands for its absence. */
enum {
    TROTH_SIGNATURE_KIND = 0,
    TROTH_SIGNATURE_OUTCOME = TROTH_SIGNATURE_KIND + TROTH_KIND_COUNT,
    TROTH_SIGNATURE_SOURCE = TROTH_SIGNATURE_OUTCOME + TROTH_OUTCOME_COUNT,
    TROTH_SIGNATURE_RESCUE = TROTH_SIGNATURE_SOURCE + TROTH_SOURCE_COUNT,
    TROTH_SIGNATURE_BITS = TROTH_SIGNATURE_RESCUE + 1 + TROTH_RESCUE_COUNT
};

enum troth_verdict_kind { TROTH_NO_EVIDENCE, TROTH_KEPT, TROTH_BROKEN };

/* Returns the signature of an event: four bits set. */
static inline uint32_t troth_event_signature(const struct troth_event *event)
{
    const unsigned rescue = troth_event_has(event, TROTH_FIELD_RESCUE) ? 1U + event->rescue : 0U;
    return 1U << (TROTH_SIGNATURE_KIND + event->kind) |
           1U << (TROTH_SIGNATURE_OUTCOME + event->outcome) |
           1U << (TROTH_SIGNATURE_SOURCE + event->source) | 1U << (TROTH_SIGNATURE_RESCUE + rescue);
}

/* Makes a predicate of the rules' contract ready, its remaining tests at the end of rules->tests.
 * In keep: it is a `keep`, to which an absent field is neither kept nor broken by itself. */
struct troth_ready_predicate troth_predicate_ready(struct troth_rules *rules,
                                                   struct troth_predicate predicate, bool keep);

/* Out range: that of a ready predicate which has no other test left. Returns whether it is such. */
bool troth_predicate_range(const struct troth_rules *rules,
                           const struct troth_ready_predicate *predicate,
                           struct troth_range *range);

/* Returns whether an event has the field of a range, and its value is within it. */
static inline bool troth_range_holds(const struct troth_range *range,
                                     const struct troth_event *event)
{
    int64_t value = 0; /* of any field, whether it is there or not */
    memcpy(&value, (const char *)event + range->place, sizeof value);
    return (event->present >> range->field & 1U) != 0 && value >= range->low &&
           value <= range->high;
}

/* The tests that no signature tells, of a `when`, and of a `keep` whose forbidden bits are not set:
 * behind the two below, for which most predicates are told by the signature alone. */
bool troth_tests_hold(const struct troth_rules *rules, const struct troth_ready_predicate *when,
                      const struct troth_event *event);
enum troth_verdict_kind troth_tests_keep(const struct troth_rules *rules, unsigned term,
                                         const struct troth_event *event, uint32_t signature);

/* Returns whether a `when` holds. In signature: of the event. */
static inline bool troth_predicate_holds(const struct troth_rules *rules,
                                         const struct troth_ready_predicate *when,
                                         const struct troth_event *event, uint32_t signature)
{
    if ((signature & when->forbidden) != 0) {
        return false;
    }
    return when->count == 0 || troth_tests_hold(rules, when, event);
}

/* What an event that `when` selected is to a share term: kept, broken, or no evidence, by its
 * `keep` and `absent`. */
static inline enum troth_verdict_kind troth_predicate_keeps(const struct troth_rules *rules,
                                                            unsigned term,
                                                            const struct troth_event *event,
                                                            uint32_t signature)
{
    const struct troth_ready_predicate *keep = &rules->terms[term].keep;
    if ((signature & keep->forbidden) != 0) {
        return TROTH_BROKEN;
    }
    if (keep->count == 0 && (signature & keep->absent) == 0) {
        return TROTH_KEPT;
    }
    return troth_tests_keep(rules, term, event, signature);
}

/* Returns the integer of an INTEGER field; meaningful where it is present. */
int64_t troth_event_integer(const struct troth_event *event, unsigned field);

/* Returns whether a name fits a glob of `*` (any run) and `?` (one byte); at most length(glob) *
 * length(name) steps. In glob: terminated. */
bool troth_glob_matches(const char *glob, const char *name, size_t name_length);

#endif
