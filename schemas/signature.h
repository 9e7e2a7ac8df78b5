/*
 * Signatures of what people say: contracts, decisions and exports.
 *
 * Ed25519 (RFC 8032) over one line of text, so that any tool can check one:
 *
 *     troth-PURPOSE BLAKE2b-256-OF-THE-BYTES-IN-HEX\n
 *
 * Keys are lines of text, too. Anybody may know a public one:
 *
 *     troth-public BASE64-OF-32-BYTES [ROLES [NAME]]
 *     troth-secret BASE64-OF-THE-32-BYTES-OF-THE-SEED
 *
 * A key's id is the first 16 hexadecimal digits of the BLAKE2b-256 of its 32 public bytes: a name,
 * no proof.
 *
 * Memory: the caller's. Threads: any; no state.
 */
#ifndef TROTH_SCHEMAS_SIGNATURE_H
#define TROTH_SCHEMAS_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TROTH_SIGNATURE_LENGTH = 64,
    TROTH_KEY_ID_LENGTH = 16,     /* characters, without the NUL */
    TROTH_KEY_TEXT_MAX = 64,      /* bytes of a key's line without roles and name, with the NUL */
    TROTH_SIGNATURE_TEXT_MAX = 96 /* bytes of a signature in base64, with the NUL */
};

struct troth_public_key {
    uint8_t bytes[32];
};

struct troth_secret_key {
    uint8_t bytes[64]; /* the seed, and the public key */
};

/* What a signature is for: one made for another purpose does not hold. */
#define TROTH_PURPOSE_CONTRACT "contract"
#define TROTH_PURPOSE_DECISION "decision"
#define TROTH_PURPOSE_EXPORT   "export"

/* Makes a new pair of keys from the system's randomness. Returns false where there is none. */
bool troth_key_make(struct troth_secret_key *secret);

/* Out key: the public half of a secret key. */
void troth_key_public(const struct troth_secret_key *secret, struct troth_public_key *key);

/* Out id: the key's id, with the NUL. */
void troth_key_id(const struct troth_public_key *key, char id[TROTH_KEY_ID_LENGTH + 1]);

/* Writes a key as its line of text, without roles, name and newline. */
void troth_key_write_public(const struct troth_public_key *key, char text[TROTH_KEY_TEXT_MAX]);
void troth_key_write_secret(const struct troth_secret_key *secret, char text[TROTH_KEY_TEXT_MAX]);

/* Reads a key from its line; a public one's roles and name may follow it. In text: ended by NUL or
 * newline. Out rest: what follows the key, or the end. Returns false where there is no such key. */
bool troth_key_read_public(const char *text, struct troth_public_key *key, const char **rest);
bool troth_key_read_secret(const char *text, struct troth_secret_key *secret);

/* Signs bytes. In purpose: a TROTH_PURPOSE_*. */
void troth_sign(const struct troth_secret_key *secret, const char *purpose, const void *bytes,
                size_t length, uint8_t signature[TROTH_SIGNATURE_LENGTH]);

/* Returns whether the signature of the bytes is that of the key, for the purpose. */
bool troth_signature_holds(const struct troth_public_key *key, const char *purpose,
                           const void *bytes, size_t length,
                           const uint8_t signature[TROTH_SIGNATURE_LENGTH]);

/* A signature as text, and back; false where the text is none. In text of read: `length` bytes. */
void troth_signature_write(const uint8_t signature[TROTH_SIGNATURE_LENGTH],
                           char text[TROTH_SIGNATURE_TEXT_MAX]);
bool troth_signature_read(const char *text, size_t length,
                          uint8_t signature[TROTH_SIGNATURE_LENGTH]);

#endif
