#include "schemas/signature.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "schemas/assert.h"

#define PUBLIC_WORD "troth-public "
#define SECRET_WORD "troth-secret "

enum {
    DIGEST_LENGTH = 32,
    LINE_MAX_LENGTH = 128,
    KEY_BASE64 = 44 /* characters of 32 bytes */
};

_Static_assert(sizeof(struct troth_public_key) == crypto_sign_PUBLICKEYBYTES, "libsodium's");
_Static_assert(sizeof(struct troth_secret_key) == crypto_sign_SECRETKEYBYTES, "libsodium's");
_Static_assert(TROTH_SIGNATURE_LENGTH == crypto_sign_BYTES, "libsodium's");
_Static_assert(TROTH_KEY_TEXT_MAX > sizeof PUBLIC_WORD - 1 + KEY_BASE64, "a key's line");

static void digest_of(const void *bytes, size_t length, uint8_t digest[DIGEST_LENGTH])
{
    crypto_generichash(digest, DIGEST_LENGTH, bytes, length, NULL, 0);
}

bool troth_key_make(struct troth_secret_key *secret)
{
    struct troth_public_key public;
    return sodium_init() >= 0 && crypto_sign_keypair(public.bytes, secret->bytes) == 0;
}

void troth_key_public(const struct troth_secret_key *secret, struct troth_public_key *key)
{
    crypto_sign_ed25519_sk_to_pk(key->bytes, secret->bytes);
}

void troth_key_id(const struct troth_public_key *key, char id[TROTH_KEY_ID_LENGTH + 1])
{
    uint8_t digest[DIGEST_LENGTH];
    digest_of(key->bytes, sizeof key->bytes, digest);
    sodium_bin2hex(id, TROTH_KEY_ID_LENGTH + 1, digest, TROTH_KEY_ID_LENGTH / 2);
}

static void write_key(const char *word, const uint8_t bytes[32], char text[TROTH_KEY_TEXT_MAX])
{
    const size_t length = strlen(word);
    memcpy(text, word, length);
    sodium_bin2base64(text + length, TROTH_KEY_TEXT_MAX - length, bytes, 32,
                      sodium_base64_VARIANT_ORIGINAL);
}

void troth_key_write_public(const struct troth_public_key *key, char text[TROTH_KEY_TEXT_MAX])
{
    write_key(PUBLIC_WORD, key->bytes, text);
}

void troth_key_write_secret(const struct troth_secret_key *secret, char text[TROTH_KEY_TEXT_MAX])
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    crypto_sign_ed25519_sk_to_seed(seed, secret->bytes);
    write_key(SECRET_WORD, seed, text);
    sodium_memzero(seed, sizeof seed);
}

/* Reads base64 of so many bytes, and no other text that the library takes for it too: 1.0.18 does
 * some characters with the highest bit set. In length: at most TROTH_SIGNATURE_TEXT_MAX - 1. */
static bool read_base64(const char *text, size_t length, uint8_t *bytes, size_t wanted)
{
    char again[TROTH_SIGNATURE_TEXT_MAX];
    size_t count = 0;
    if (sodium_base642bin(bytes, wanted, text, length, NULL, &count, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        count != wanted) {
        return false;
    }
    sodium_bin2base64(again, sizeof again, bytes, wanted, sodium_base64_VARIANT_ORIGINAL);
    const bool same = strlen(again) == length && sodium_memcmp(again, text, length) == 0;
    sodium_memzero(again, sizeof again);
    return same;
}

/* Reads the 32 bytes that stand in base64 after a word; what follows begins with a space or ends.
 */
static bool read_key(const char *word, const char *text, uint8_t bytes[32], const char **rest)
{
    const size_t length = strlen(word);
    if (strncmp(text, word, length) != 0 ||
        strnlen(text + length, KEY_BASE64) < (size_t)KEY_BASE64 ||
        !read_base64(text + length, KEY_BASE64, bytes, 32)) {
        return false;
    }
    const char *end = text + length + KEY_BASE64;
    if (*end != '\0' && *end != ' ' && *end != '\n' && *end != '\r') {
        return false;
    }
    *rest = end + strspn(end, " \r\n");
    return true;
}

bool troth_key_read_public(const char *text, struct troth_public_key *key, const char **rest)
{
    struct troth_public_key read;
    if (!read_key(PUBLIC_WORD, text, read.bytes, rest)) {
        return false;
    }
    *key = read;
    return true;
}

bool troth_key_read_secret(const char *text, struct troth_secret_key *secret)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    struct troth_public_key public;
    const char *rest;
    const bool is_key = read_key(SECRET_WORD, text, seed, &rest) &&
                        crypto_sign_seed_keypair(public.bytes, secret->bytes, seed) == 0;
    sodium_memzero(seed, sizeof seed);
    return is_key;
}

/* The line that is signed. Returns its length. */
static size_t line_of(const char *purpose, const void *bytes, size_t length,
                      char line[LINE_MAX_LENGTH])
{
    uint8_t digest[DIGEST_LENGTH];
    char hex[DIGEST_LENGTH * 2 + 1];
    digest_of(bytes, length, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    const int written = snprintf(line, LINE_MAX_LENGTH, "troth-%s %s\n", purpose, hex);
    TROTH_ASSERT(written > 0 && written < LINE_MAX_LENGTH);
    return (size_t)written;
}

void troth_sign(const struct troth_secret_key *secret, const char *purpose, const void *bytes,
                size_t length, uint8_t signature[TROTH_SIGNATURE_LENGTH])
{
    char line[LINE_MAX_LENGTH];
    const size_t line_length = line_of(purpose, bytes, length, line);
    crypto_sign_detached(signature, NULL, (const uint8_t *)line, line_length, secret->bytes);
}

bool troth_signature_holds(const struct troth_public_key *key, const char *purpose,
                           const void *bytes, size_t length,
                           const uint8_t signature[TROTH_SIGNATURE_LENGTH])
{
    char line[LINE_MAX_LENGTH];
    const size_t line_length = line_of(purpose, bytes, length, line);
    return crypto_sign_verify_detached(signature, (const uint8_t *)line, line_length, key->bytes) ==
           0;
}

void troth_signature_write(const uint8_t signature[TROTH_SIGNATURE_LENGTH],
                           char text[TROTH_SIGNATURE_TEXT_MAX])
{
    sodium_bin2base64(text, TROTH_SIGNATURE_TEXT_MAX, signature, TROTH_SIGNATURE_LENGTH,
                      sodium_base64_VARIANT_ORIGINAL);
}

bool troth_signature_read(const char *text, size_t length,
                          uint8_t signature[TROTH_SIGNATURE_LENGTH])
{
    uint8_t bytes[TROTH_SIGNATURE_LENGTH];
    if (length >= TROTH_SIGNATURE_TEXT_MAX || !read_base64(text, length, bytes, sizeof bytes)) {
        return false;
    }
    memcpy(signature, bytes, sizeof bytes);
    return true;
}
