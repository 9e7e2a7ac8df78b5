/*
 * The chain of an export: lines of JSON of which each bears the hash of the one before, and the
 * last a signature. The format is told in schemas/export.md.
 *
 * What is checked is the bytes as they are: a byte that is another, a line that is missing, doubled
 * or moved, or anything after the end, and the chain does not hold.
 *
 * Memory: a chain that is written owns its text; what is read is the caller's. Threads: any.
 */
#ifndef TROTH_SCHEMAS_EXPORT_CHAIN_H
#define TROTH_SCHEMAS_EXPORT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/signature.h"
#include "schemas/status.h"

enum {
    TROTH_EXPORT_LENGTH_MAX = 64 * 1024 * 1024, /* bytes of a file */
    TROTH_EXPORT_LINES_MAX = 1 << 18,           /* the signature's among them */
    TROTH_CHAIN_HASH_LENGTH = 64                /* hexadecimal digits of a BLAKE2b-256 */
};

struct troth_chain {
    char *text; /* what is written so far */
    size_t length;
    size_t capacity;
    size_t lines;
    char after[TROTH_CHAIN_HASH_LENGTH + 1]; /* of the last line; zeros before the first */
};

void troth_chain_init(struct troth_chain *chain);
void troth_chain_fini(struct troth_chain *chain);

/*
 * Appends a line. In object: a JSON object with a member at least, without line breaks; the hash
 * becomes its first member. Returns TROTH_OK; TROTH_FULL: longer than an export may be; or
 * TROTH_NO_MEMORY. On failure the chain is as it was.
 */
TROTH_MUST_CHECK
troth_status troth_chain_add(struct troth_chain *chain, const char *object, size_t length);

/* Appends the last line, the signature. In chain: at least one line. Returns as troth_chain_add. */
TROTH_MUST_CHECK
troth_status troth_chain_sign(struct troth_chain *chain, const struct troth_secret_key *secret);

/* What a look at a file found. */
struct troth_chain_look {
    size_t lines;                      /* that hold, the signature's not counted */
    const char *broken;                /* why the chain does not hold, after those; NULL: it does */
    const char *unsigned_as;           /* why the signature does not; NULL: it does */
    char key[TROTH_KEY_ID_LENGTH + 1]; /* the id that the signature names; "": none is named */
};

/*
 * Checks a file's bytes. In text: any. In key: whose signature it must be; NULL: the signature is
 * not looked at, and does not hold. Returns whether all of it holds.
 */
bool troth_chain_check(const char *text, size_t length, const struct troth_public_key *key,
                       struct troth_chain_look *look);

/* Out id: of the key that the last line names. Returns false where it names none. Nothing else is
 * checked. */
bool troth_chain_key(const char *text, size_t length, char id[TROTH_KEY_ID_LENGTH + 1]);

/* Gives the lines in turn. In out at: 0 at first. Out line: its start. Returns its length without
 * the line break; 0: there is none any more. */
size_t troth_chain_next(const char *text, size_t length, size_t *at, const char **line);

#endif
