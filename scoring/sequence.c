#include "scoring/sequence.h"

#include <stddef.h>

static struct troth_session *find(struct troth_sequences *sequences, uint64_t name_hash)
{
    for (unsigned i = 0; i < TROTH_SESSIONS_MAX; i++) {
        if (sequences->sessions[i].name_hash == name_hash) {
            return &sequences->sessions[i];
        }
    }
    return NULL;
}

/* How far `later` is past `earlier`; both may be any 64-bit numbers. */
static uint64_t distance(int64_t later, int64_t earlier)
{
    return (uint64_t)later - (uint64_t)earlier;
}

bool troth_sequence_seen(struct troth_sequences *sequences, uint64_t name_hash, int64_t seq)
{
    struct troth_session *session = find(sequences, name_hash);
    if (session == NULL || seq > session->top) {
        return false;
    }
    const uint64_t back = distance(session->top, seq);
    const bool seen = back >= TROTH_SEQUENCE_WIDTH || (session->seen >> back & 1) != 0;
    if (seen) {
        session->used = ++sequences->uses;
    }
    return seen;
}

/* Numbers that leave the window when its top moves from session->top to seq, unseen. */
static uint32_t count_missing(const struct troth_session *session, int64_t seq)
{
    const uint64_t jump = distance(seq, session->top);
    const uint64_t old = distance(session->top, session->first);
    if (jump == 1) { /* as mostly: one leaves, top - 63 */
        return old >= TROTH_SEQUENCE_WIDTH - 1 && session->seen >> (TROTH_SEQUENCE_WIDTH - 1) == 0;
    }
    /* Bit i: top - i. Of the old window leave the numbers top - 63 .. seq - 64, but none from
     * before `first`. */
    const uint64_t known = old < TROTH_SEQUENCE_WIDTH - 1 ? (UINT64_C(2) << old) - 1 : UINT64_MAX;
    const uint64_t stay = jump < TROTH_SEQUENCE_WIDTH ? UINT64_MAX >> jump : 0;
    uint64_t missing = 0;
    for (uint64_t gone = known & ~stay & ~session->seen; gone != 0; gone &= gone - 1) {
        missing++; /* a bit each, and hardly ever one */
    }
    /* Numbers past the old top that never were in the window: top + 1 .. seq - 64. */
    if (jump > TROTH_SEQUENCE_WIDTH) {
        missing += jump - TROTH_SEQUENCE_WIDTH;
    }
    return (uint32_t)(missing < TROTH_MISSING_MAX ? missing : TROTH_MISSING_MAX);
}

uint32_t troth_sequence_note(struct troth_sequences *sequences, uint64_t name_hash, int64_t seq)
{
    struct troth_session *session = find(sequences, name_hash);
    const int64_t use = ++sequences->uses;
    if (session == NULL) {
        struct troth_session *oldest = &sequences->sessions[0];
        for (unsigned i = 1; i < TROTH_SESSIONS_MAX; i++) {
            struct troth_session *s = &sequences->sessions[i];
            oldest = s->used < oldest->used ? s : oldest;
        }
        *oldest = (struct troth_session){name_hash, seq, seq, 1, use};
        return 0;
    }
    session->used = use;
    if (seq <= session->top) {
        session->seen |= UINT64_C(1) << distance(session->top, seq);
        return 0;
    }
    const uint32_t missing = count_missing(session, seq);
    const uint64_t jump = distance(seq, session->top);
    session->seen = (jump < TROTH_SEQUENCE_WIDTH ? session->seen << jump : 0) | 1;
    session->top = seq;
    return missing;
}
