/*
 * Sequence windows: which numbers of an emitter's own counter have been seen.
 *
 * One window of 64 numbers per agent and session, as IPsec's anti-replay window (RFC 4303, 3.4.3):
 * a number in it is new or a duplicate, exactly; one that leaves it unseen is missing; one from
 * before it is stale, and dropped as a duplicate is. A session starts with the first number seen of
 * it: what came before that is not missing.
 *
 * Pure; the caller's memory.
 */
#ifndef TROTH_SCORING_SEQUENCE_H
#define TROTH_SCORING_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TROTH_SESSIONS_MAX = 4, /* of an agent; the oldest idle one is forgotten */
    TROTH_SEQUENCE_WIDTH = 64,
    TROTH_MISSING_MAX = 64 /* counted of one jump */
};

struct troth_session {
    uint64_t name_hash; /* of the session's name; 0 is kept for a free place */
    int64_t first;      /* the first number seen */
    int64_t top;        /* the greatest number seen */
    uint64_t seen;      /* bit i: top - i has been seen */
    int64_t used;       /* a count that grows with each use, for the oldest idle */
};

struct troth_sequences {
    int64_t uses; /* beside the first session, which most agents have alone */
    struct troth_session sessions[TROTH_SESSIONS_MAX];
    int64_t reserved[3]; /* three whole cache lines */
};

/* Returns whether the number was seen before or is stale; the session counts as used then. */
bool troth_sequence_seen(struct troth_sequences *sequences, uint64_t name_hash, int64_t seq);

/* Notes a number that was not seen before. In name_hash: not 0. Returns how many numbers left the
 * window unseen by it, 0..64. */
uint32_t troth_sequence_note(struct troth_sequences *sequences, uint64_t name_hash, int64_t seq);

#endif
