/*
 * The ladder: which rung the proof puts a standing on, and the rules of going up, down and back.
 *
 * A sight is one look at a standing at one time; it computes each term's sums once, when asked.
 * The ladder reads evidence and changes only what it is given as struct troth_ladder, so the same
 * code walks the future of a standing without touching it.
 */
#ifndef TROTH_SCORING_LADDER_H
#define TROTH_SCORING_LADDER_H

#include <stdbool.h>
#include <stdint.h>

#include "scoring/docket.h"
#include "scoring/window.h"

/* In the order in which a rung's conditions are tried for its cause. */
#define TROTH_CONDITIONS(X)                                                                        \
    X(NONE, "none")                                                                                \
    X(NEVER, "never")                                                                              \
    X(BUDGET, "budget")                                                                            \
    X(CONFIDENCE, "confidence")                                                                    \
    X(CHANGE, "change")                                                                            \
    X(FRESHNESS, "freshness")                                                                      \
    X(DISPUTES, "disputes")                                                                        \
    X(CALM, "calm")                                                                                \
    X(CERTIFIED, "certified")                                                                      \
    X(DEADLINE, "deadline")                                                                        \
    X(DECISION, "decision")                                                                        \
    X(VERSION, "version")

#define TROTH_ENUMERATE_CONDITION(NAME, text) TROTH_CONDITION_##NAME,
enum troth_condition { TROTH_CONDITIONS(TROTH_ENUMERATE_CONDITION) TROTH_CONDITION_COUNT };
#undef TROTH_ENUMERATE_CONDITION

/* Returns the condition's name, never NULL for one in range. */
const char *troth_condition_name(unsigned condition);

enum { TROTH_NO_TERM = 255 };

/* Why a rung was entered: the condition, its term, what was seen and what the contract allows. */
struct troth_cause {
    uint8_t condition; /* enum troth_condition */
    uint8_t term;      /* index, or TROTH_NO_TERM */
    double observed;   /* confidence or freshness 0..1; budget: the sum; never: times broken;
                        * change: the CUSUM in nats; calm: microseconds; else 0 */
    double limit;      /* in the same unit */
};

/* Returns the cause of the standing's last change of rung; condition NONE before the first. Its
 * limit is what the contract in force allows. */
struct troth_cause troth_standing_cause(const struct troth_rules *rules,
                                        const struct troth_standing *standing);

struct troth_sight {
    const struct troth_rules *rules;
    const struct troth_standing *standing;
    const struct troth_instant *instant;
    const struct troth_docket *docket; /* of the standing; NULL: none */
    uint16_t ready;                    /* bit i: sums[i] is computed */
    uint16_t confident; /* bit i: so is confidence[i], of these sums; means nothing without ready */
    struct troth_sums sums[TROTH_TERMS_MAX];
    double confidence[TROTH_TERMS_MAX];
};

/* What of a standing is the ladder's own. */
struct troth_ladder {
    int64_t phase_us;
    int64_t left_us;
    uint8_t rung;
    uint8_t relapses;
};

/* A step of the ladder; `taken` false: nothing changed. */
struct troth_step {
    bool taken;
    uint8_t from;
    uint8_t to;
    struct troth_cause cause;
};

/* In docket: of the standing; NULL: it has none. */
void troth_sight_init(struct troth_sight *sight, const struct troth_rules *rules,
                      const struct troth_standing *standing, const struct troth_docket *docket,
                      const struct troth_instant *instant);

/* Returns the aged sums of a term that shares. */
const struct troth_sums *troth_sight_sums(struct troth_sight *sight, unsigned term);

/* Returns the confidence of a term that shares, by these sums; computed once. */
double troth_sight_confidence(struct troth_sight *sight, unsigned term);

/* Returns the freshness of a share or cadence term, rounded; a share's need of aged pieces is
 * multiplied by `need` (1 for what is shown; max(0.1, traffic) where the ladder compares). */
double troth_sight_freshness(struct troth_sight *sight, unsigned term, double need);

/* Returns the least freshness over required terms: shares, and cadences where `cadences`. Where
 * there is none: 1 once anything has matched, else 0. */
double troth_sight_least_freshness(struct troth_sight *sight, double need, bool cadences);

/*
 * Takes at most one step, in any rung but recertify: up at once, down after unbroken calm.
 * In worsened: something may have become worse since the last look. Kept evidence alone cannot put
 * a standing higher, so without it only calm is looked at. In out ladder: of the standing at the
 * sight's time. Returns the step.
 */
struct troth_step troth_ladder_step(struct troth_sight *sight, struct troth_ladder *ladder,
                                    bool worsened);

/* Takes at most one step out of recertify. Out restart: all counters start anew (and the
 * certification's time with them where its deadline has passed). */
struct troth_step troth_ladder_certify(struct troth_sight *sight, bool *restart);

/* Returns whether some rung above `rung` has a true condition that rests on evidence which came:
 * any but freshness and disputes. */
bool troth_ladder_proof_above(struct troth_sight *sight, unsigned rung);

/*
 * The step that a person wants: to `rung` where that ranks above the standing's, of any rung.
 * Where `restore`: from narrow or review down to the highest rung with a true condition, at best
 * warn. In out ladder: as troth_ladder_step. Returns the step, with cause `decision`.
 */
struct troth_step troth_ladder_raise(struct troth_sight *sight, struct troth_ladder *ladder,
                                     unsigned rung);
struct troth_step troth_ladder_restore(struct troth_sight *sight, struct troth_ladder *ladder);

/* Books a change of rung that the step describes: relapses, calm and when it left. */
void troth_ladder_enter(struct troth_sight *sight, struct troth_ladder *ladder, uint8_t to);

/* Returns when the certification of a standing in recertify ends, or its counters start anew, next
 * after time_us. While they are empty that passes without a deadline, so phase_us may lag behind.
 */
int64_t troth_certification_end(const struct troth_rules *rules,
                                const struct troth_standing *standing, int64_t time_us);

/* Returns the standing's next deadline after the sight's time, or TROTH_LAST_US. */
int64_t troth_ladder_deadline(struct troth_sight *sight, const struct troth_ladder *ladder);

/* Returns whether the term's CUSUM is at its alarm. */
static inline bool troth_alarm(const struct troth_standing *standing, unsigned term)
{
    return troth_hot_of(standing, term)->level >= TROTH_CUSUM_ALARM;
}

static inline struct troth_ladder troth_ladder_of(const struct troth_rules *rules,
                                                  const struct troth_standing *standing)
{
    return (struct troth_ladder){.phase_us = standing->phase_us,
                                 .left_us = troth_past_of(rules, standing)->left_us,
                                 .rung = (uint8_t)standing->rung,
                                 .relapses = (uint8_t)standing->relapses};
}

#endif
