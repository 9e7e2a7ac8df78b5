/*
 * Trust: whose signatures count, for what, and from when until when. A file of text, a key a line
 * (schemas/signatures.md):
 *
 *     troth-public BASE64 ROLES [since=TIME] [until=TIME] NAME
 *
 * ROLES is author, operator, or both with a comma between. The times are held against the log's
 * time of the record that is signed, and never against a clock: whoever reads the log again judges
 * it as it was judged. So a key that is done with gets an end and stays in the file. Two keys with
 * one name are one person's.
 *
 * Memory: the caller's; nothing is taken. Threads: plain data.
 */
#ifndef TROTH_SCHEMAS_TRUST_H
#define TROTH_SCHEMAS_TRUST_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/signature.h"
#include "schemas/status.h"

/* X(NAME, "name in the file", what it may sign) */
#define TROTH_ROLES(X)                                                                             \
    X(AUTHOR, "author", "contracts")                                                               \
    X(OPERATOR, "operator", "decisions")

#define TROTH_ENUMERATE_ROLE(NAME, text, signs) TROTH_ROLE_##NAME,
enum troth_role { TROTH_ROLES(TROTH_ENUMERATE_ROLE) TROTH_ROLE_COUNT };
#undef TROTH_ENUMERATE_ROLE

enum {
    TROTH_TRUSTED_MAX = 256,      /* keys of a file */
    TROTH_TRUSTED_NAME_MAX = 128, /* bytes of a name */
    TROTH_TRUST_BYTES_MAX = 131072,
    TROTH_TRUST_PROBLEM_LENGTH = 256
};

struct troth_trusted {
    struct troth_public_key key;
    char id[TROTH_KEY_ID_LENGTH + 1];
    char name[TROTH_TRUSTED_NAME_MAX + 1];
    unsigned roles;   /* bit 1 << TROTH_ROLE_* */
    int64_t since_us; /* INT64_MIN: from ever */
    int64_t until_us; /* the first time that is too late; INT64_MAX: for good */
};

struct troth_trust {
    struct troth_trusted keys[TROTH_TRUSTED_MAX];
    size_t count;
};

struct troth_trust_problem {
    unsigned line;
    char text[TROTH_TRUST_PROBLEM_LENGTH]; /* what is wrong, and what would be right */
};

/*
 * Reads the text of a trust file.
 * In text: any bytes. Out trust: meaningful on OK alone. Out problem: of the first line that is
 * wrong, on any other.
 * Returns TROTH_OK (of no keys too), TROTH_INVALID, or TROTH_FULL (too many keys or bytes).
 */
TROTH_MUST_CHECK
troth_status troth_trust_read(const char *text, size_t length, struct troth_trust *trust,
                              struct troth_trust_problem *problem);

/* Returns the key of an id, or NULL. In id: TROTH_KEY_ID_LENGTH bytes, terminated or not. */
const struct troth_trusted *troth_trust_find(const struct troth_trust *trust, const char *id);

/* Returns the name of a role as the file has it, or what it signs. */
const char *troth_role_name(enum troth_role role);
const char *troth_role_signs(enum troth_role role);

/* Reads a time as YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DD, from 1970 to 2199, UTC. In text: length
 * bytes. Returns whether it is one. Out time_us. */
bool troth_trust_time(const char *text, size_t length, int64_t *time_us);

#endif
