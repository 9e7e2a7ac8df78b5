/*
 * A docket: what people decided about one standing, and what of it still holds. Few standings have
 * one. What each field means is told in schemas/decisions.md.
 *
 * Memory: of the shard, a fixed number. Threads: one writer.
 */
#ifndef TROTH_SCORING_DOCKET_H
#define TROTH_SCORING_DOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/contract.h"
#include "schemas/decision.h"

enum {
    TROTH_DISPUTES_MAX = 16, /* of one standing: open ones, and upheld ones that might come again */
    TROTH_DECISIONS_KNOWN = 8, /* ids remembered of one standing */
    TROTH_EXCEPTIONS_MAX = 8,  /* of EXCEPTION events, of one standing */
    TROTH_OWNER_MAX = 63       /* bytes of an exception's owner that are kept */
};

#define TROTH_UNTIL_MAX_US (INT64_MAX / 4) /* no exception ends later */

struct troth_dispute {
    int64_t offset;    /* of the record */
    int64_t record_us; /* the time of its evidence */
    uint8_t term;
    bool upheld; /* else open */
    bool idle;   /* its evidence has gone with recertify */
};

struct troth_known {
    int64_t position; /* offset of its record, the last one of its id; -1: of none */
    uint8_t id[TROTH_DECISION_ID_LENGTH];
};

/* What an owner lets an agent do past its contract: schemas/reviews.md. */
struct troth_exception {
    int64_t since_us;
    int64_t until_us; /* TROTH_NEVER_US: a free place */
    uint32_t uses;    /* saturate */
    uint8_t owner_length;
    char owner[TROTH_OWNER_MAX];
};

struct troth_docket {
    int64_t decided_us; /* by the shard's clock: the last decision that was taken, none refused */
    int64_t forgotten;  /* the greatest position of those that are not `known` any more; -1 */
    int64_t quiet_until_us; /* freshness conditions wait until then; TROTH_NEVER_US: they do not */
    int64_t waived_until_us[TROTH_TERMS_MAX]; /* TROTH_NEVER_US: no waiver */
    uint32_t waived_uses[TROTH_TERMS_MAX];    /* saturate */
    int64_t waived_position[TROTH_TERMS_MAX]; /* of the decision that waived it last; -1: of none */
    struct troth_exception exceptions[TROTH_EXCEPTIONS_MAX];
    int64_t claimed_position; /* of the decision by which the open review was claimed; -1: none */
    int64_t claimed_us;       /* TROTH_NEVER_US: it was not */
    int64_t reviewed_us;      /* of the last decision that set the review clock; TROTH_NEVER_US */
    uint16_t reviewed_score;  /* right after it */
    uint8_t reviewed_rung;
    uint16_t narrowed_since; /* changes of rung since then; these saturate */
    uint16_t widened_since;
    struct troth_dispute disputes[TROTH_DISPUTES_MAX];
    struct troth_known known[TROTH_DECISIONS_KNOWN]; /* the last ones taken, the newest first */
    uint8_t known_count;
    uint8_t dispute_count;
    uint8_t open_count; /* of them */
    uint32_t next_free; /* of a docket that is not in use */
};

/* Out docket: empty. */
void troth_docket_init(struct troth_docket *docket);

/* Returns whether the record of a decision was taken: its position is among the last that were
 * noted, or is not past one that was forgotten for them. Never where it has none. */
bool troth_docket_took(const struct troth_docket *docket, int64_t position);

/* Returns the decision of that id among the last that were noted, or NULL. */
struct troth_known *troth_docket_find(struct troth_docket *docket,
                                      const uint8_t id[TROTH_DECISION_ID_LENGTH]);

/* Notes a decision, be it refused or not; the oldest is forgotten for it. */
void troth_docket_note(struct troth_docket *docket, const struct troth_decision *decision);

/* Returns the dispute of a record and term, open or upheld, or NULL. */
struct troth_dispute *troth_docket_dispute(struct troth_docket *docket, int64_t offset,
                                           unsigned term);

/* Adds an open dispute. Returns false where there is no room. */
bool troth_docket_open(struct troth_docket *docket, int64_t offset, int64_t record_us,
                       unsigned term);

/* Removes one of the docket's disputes; those after it move up. */
void troth_docket_remove(struct troth_docket *docket, struct troth_dispute *dispute);

/* Recertify was entered: open disputes are idle, upheld ones go. */
void troth_docket_recertify(struct troth_docket *docket);

/* The offsets that it names are of another log: disputes go, and decisions are known by their ids.
 */
void troth_docket_renumber(struct troth_docket *docket);

/* Returns the nearest end after a time, of a waiver or of waiting for freshness, or TROTH_LAST_US.
 */
int64_t troth_docket_deadline(const struct troth_docket *docket, int64_t time_us);

/* Returns whether a term's conditions do not hold at a time. In docket: NULL: none. */
static inline bool troth_docket_waives(const struct troth_docket *docket, unsigned term,
                                       int64_t time_us)
{
    return docket != NULL && docket->waived_until_us[term] > time_us;
}

#endif
