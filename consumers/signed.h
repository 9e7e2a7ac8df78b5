/*
 * Whether a record of a control topic is signed as the installation asks (schemas/signatures.md).
 *
 * A signature is a header of the record, `troth-signature`: the id of its key, a space, and the
 * signature in base64; a record may bear several, and each must hold. What is signed is the key, a
 * zero byte and the value, for the purpose of the topic.
 *
 * The judgement is a pure function of the record, of what its topic held before it, and of the
 * trust file: so it is the same for every worker, now and when the log is read again. Times are the
 * log's.
 *
 * Memory: the caller's, but where told otherwise. Threads: any; no state.
 */
#ifndef TROTH_CONSUMERS_SIGNED_H
#define TROTH_CONSUMERS_SIGNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/control_record.h"
#include "schemas/trust.h"

/* X(NAME, "name in metrics and rulings", "what is wrong, and what mends it") */
#define TROTH_DISTRUSTS(X)                                                                         \
    X(UNSIGNED, "unsigned",                                                                        \
      "it is not signed; give its command --key FILE, or set "                                     \
      "signatures.key_file")                                                                       \
    X(TOO_MANY, "too_many", "it bears more signatures than are looked at")                         \
    X(MALFORMED, "malformed", "a signature is not as schemas/signatures.md has it")                \
    X(UNKNOWN_KEY, "unknown_key", "its key is not in the trust file")                              \
    X(WRONG_ROLE, "wrong_role", "its key is there for another role")                               \
    X(OUT_OF_TIME, "out_of_time", "its key did not count yet, or no more, when the log took it")   \
    X(FORGED, "forged", "a signature does not hold for these bytes")                               \
    X(STALE, "stale", "it was made too long before the log took it, or after, by its own time")    \
    X(REPLAYED, "replayed", "it is an earlier record over again")                                  \
    X(SECOND_KEY, "second_key", "it takes the signatures of two authors")

#define TROTH_ENUMERATE_DISTRUST(NAME, text, meaning) TROTH_DISTRUST_##NAME,
enum troth_distrust { TROTH_DISTRUSTS(TROTH_ENUMERATE_DISTRUST) TROTH_DISTRUST_COUNT };
#undef TROTH_ENUMERATE_DISTRUST

enum { TROTH_SIGNED_REASON_LENGTH = 320 };

/* What a decision's own time may differ from the log's: people's clocks are not exact, and a copy
 * of it must not be worth anything for long. */
#define TROTH_SIGNED_WITHIN_US INT64_C(600000000)

/* What an installation asks for. All zero: nothing. */
struct troth_signing {
    const struct troth_trust *trust; /* borrowed; NULL where nothing is asked for */
    bool contracts;
    bool decisions;
    int64_t since_us; /* what the log took before that need not be signed */
};

/* Who signed a record, or why it is not believed. */
struct troth_signers {
    enum troth_distrust distrust; /* TROTH_DISTRUST_COUNT: it is believed */
    unsigned count;               /* of the keys; 0: nothing was asked for */
    unsigned persons;             /* of the names */
    const struct troth_trusted *keys[TROTH_SIGNATURES_MAX];
    char reason[TROTH_SIGNED_REASON_LENGTH]; /* why not, for people; else "" */
};

/* Returns whether a record that the log took at that time must be signed. */
bool troth_signed_is_asked(const struct troth_signing *signing, enum troth_role role,
                           int64_t time_us);

/*
 * Judges a record's signatures, whether they are asked for or not.
 * In record: with a value. Out signers.
 * Returns TROTH_OK (it is believed), TROTH_REFUSED or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_signed_judge(const struct troth_trust *trust, enum troth_role role,
                                const struct troth_control_record *record,
                                struct troth_signers *signers);

/* Says that a record is not believed for that reason. Returns TROTH_REFUSED. In format: what goes
 * before the reason's meaning, as printf's, or "". */
__attribute__((format(printf, 3, 4))) troth_status
troth_signed_distrust(struct troth_signers *signers, enum troth_distrust distrust,
                      const char *format, ...);

/* Returns the purpose of signatures of a role's records (schemas/signature.h). */
const char *troth_signed_purpose(enum troth_role role);

/* Returns what is signed of a record, to be freed; NULL without memory. Out length. */
uint8_t *troth_signed_bytes(const struct troth_control_record *record, size_t *length);

/* Returns the name of a distrust, or what it means; never NULL for one in range. */
const char *troth_distrust_name(enum troth_distrust distrust);
const char *troth_distrust_meaning(enum troth_distrust distrust);

enum { TROTH_SIGNED_HEADER_MAX = TROTH_KEY_ID_LENGTH + 1 + TROTH_SIGNATURE_TEXT_MAX };

/* Signs a record. Out header: the header's value, terminated. Returns whether there was memory. */
bool troth_signed_sign(const struct troth_secret_key *secret, enum troth_role role,
                       const struct troth_control_record *record,
                       char header[TROTH_SIGNED_HEADER_MAX]);

#endif
