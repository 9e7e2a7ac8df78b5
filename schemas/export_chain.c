#include "schemas/export_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "schemas/assert.h"

#define LINK_WORD      "{\"after\":\""
#define KEY_WORD       "\",\"key\":\""
#define SIGNATURE_WORD "\",\"signature\":\""

enum {
    HASH_BYTES = TROTH_CHAIN_HASH_LENGTH / 2,
    WORD_LENGTH = sizeof LINK_WORD - 1,
    LINK_LENGTH = WORD_LENGTH + TROTH_CHAIN_HASH_LENGTH + 1, /* with the closing quote */
    KEY_AT = WORD_LENGTH + TROTH_CHAIN_HASH_LENGTH + sizeof KEY_WORD - 1,
    SIGNATURE_AT = KEY_AT + TROTH_KEY_ID_LENGTH + sizeof SIGNATURE_WORD - 1,
    SIGNATURE_BASE64 = 88, /* characters of 64 bytes */
    LAST_LENGTH = SIGNATURE_AT + SIGNATURE_BASE64 + 3,
    GROW = 65536
};

static void hash_of(const char *line, size_t length, char hash[TROTH_CHAIN_HASH_LENGTH + 1])
{
    uint8_t digest[HASH_BYTES];
    crypto_generichash(digest, sizeof digest, (const uint8_t *)line, length, NULL, 0);
    sodium_bin2hex(hash, TROTH_CHAIN_HASH_LENGTH + 1, digest, sizeof digest);
}

static void start(char after[TROTH_CHAIN_HASH_LENGTH + 1])
{
    memset(after, '0', TROTH_CHAIN_HASH_LENGTH);
    after[TROTH_CHAIN_HASH_LENGTH] = '\0';
}

/* ---- Writing. ---- */

void troth_chain_init(struct troth_chain *chain)
{
    memset(chain, 0, sizeof *chain);
    start(chain->after);
}

void troth_chain_fini(struct troth_chain *chain)
{
    free(chain->text);
    memset(chain, 0, sizeof *chain);
}

static troth_status make_room(struct troth_chain *chain, size_t more)
{
    if (more > (size_t)TROTH_EXPORT_LENGTH_MAX - chain->length ||
        chain->lines == TROTH_EXPORT_LINES_MAX) {
        return TROTH_FULL;
    }
    if (more <= chain->capacity - chain->length) {
        return TROTH_OK;
    }
    const size_t capacity = 2 * chain->capacity + more + GROW;
    char *text = realloc(chain->text, capacity);
    if (text == NULL) {
        return TROTH_NO_MEMORY;
    }
    chain->text = text;
    chain->capacity = capacity;
    return TROTH_OK;
}

static void put(struct troth_chain *chain, const char *text, size_t length)
{
    memcpy(chain->text + chain->length, text, length);
    chain->length += length;
}

/* Ends the line that began at that place. */
static void end_line(struct troth_chain *chain, size_t begin)
{
    put(chain, "\n", 1);
    hash_of(chain->text + begin, chain->length - begin, chain->after);
    chain->lines++;
}

troth_status troth_chain_add(struct troth_chain *chain, const char *object, size_t length)
{
    TROTH_ASSERT(length > 2 && object[0] == '{' && memchr(object, '\n', length) == NULL);
    const troth_status status = make_room(chain, LINK_LENGTH + length + 2);
    if (status != TROTH_OK) {
        return status;
    }
    const size_t begin = chain->length;
    put(chain, LINK_WORD, WORD_LENGTH);
    put(chain, chain->after, TROTH_CHAIN_HASH_LENGTH);
    put(chain, "\",", 2);
    put(chain, object + 1, length - 1);
    end_line(chain, begin);
    return TROTH_OK;
}

/* The start of the last line of a text that ends with a line break. */
static size_t last_line(const char *text, size_t length)
{
    size_t begin = length - 1;
    while (begin > 0 && text[begin - 1] != '\n') {
        begin--;
    }
    return begin;
}

troth_status troth_chain_sign(struct troth_chain *chain, const struct troth_secret_key *secret)
{
    uint8_t signature[TROTH_SIGNATURE_LENGTH];
    char text[TROTH_SIGNATURE_TEXT_MAX];
    char id[TROTH_KEY_ID_LENGTH + 1];
    struct troth_public_key key;
    TROTH_ASSERT(chain->lines > 0);
    const troth_status status = make_room(chain, LAST_LENGTH + 1);
    if (status != TROTH_OK) {
        return status;
    }
    const size_t last = last_line(chain->text, chain->length);
    troth_sign(secret, TROTH_PURPOSE_EXPORT, chain->text + last, chain->length - last, signature);
    troth_signature_write(signature, text);
    troth_key_public(secret, &key);
    troth_key_id(&key, id);
    const size_t begin = chain->length;
    put(chain, LINK_WORD, WORD_LENGTH);
    put(chain, chain->after, TROTH_CHAIN_HASH_LENGTH);
    put(chain, KEY_WORD, sizeof KEY_WORD - 1);
    put(chain, id, TROTH_KEY_ID_LENGTH);
    put(chain, SIGNATURE_WORD, sizeof SIGNATURE_WORD - 1);
    put(chain, text, SIGNATURE_BASE64);
    put(chain, "\"}", 2);
    end_line(chain, begin);
    return TROTH_OK;
}

/* ---- Reading. ---- */

size_t troth_chain_next(const char *text, size_t length, size_t *at, const char **line)
{
    if (*at >= length) {
        return 0;
    }
    *line = text + *at;
    const char *end = memchr(*line, '\n', length - *at);
    const size_t found = end != NULL ? (size_t)(end - *line) : length - *at;
    *at += found + 1;
    return found;
}

/* Whether a line begins with that hash. */
static bool bears(const char *line, size_t length, const char *after)
{
    return length > LINK_LENGTH && memcmp(line, LINK_WORD, WORD_LENGTH) == 0 &&
           memcmp(line + WORD_LENGTH, after, TROTH_CHAIN_HASH_LENGTH) == 0 &&
           line[LINK_LENGTH - 1] == '"' && line[LINK_LENGTH] == ',' && line[length - 1] == '}';
}

/* Whether a line has the form of the last one; what its hash and its signature are is not asked. */
static bool is_last(const char *line, size_t length)
{
    return length == LAST_LENGTH - 1 && memcmp(line, LINK_WORD, WORD_LENGTH) == 0 &&
           memcmp(line + KEY_AT - (sizeof KEY_WORD - 1), KEY_WORD, sizeof KEY_WORD - 1) == 0 &&
           memcmp(line + SIGNATURE_AT - (sizeof SIGNATURE_WORD - 1), SIGNATURE_WORD,
                  sizeof SIGNATURE_WORD - 1) == 0 &&
           memcmp(line + length - 2, "\"}", 2) == 0;
}

bool troth_chain_key(const char *text, size_t length, char id[TROTH_KEY_ID_LENGTH + 1])
{
    if (length < LAST_LENGTH || text[length - 1] != '\n' ||
        !is_last(text + length - LAST_LENGTH, LAST_LENGTH - 1)) {
        return false;
    }
    memcpy(id, text + length - LAST_LENGTH + KEY_AT, TROTH_KEY_ID_LENGTH);
    id[TROTH_KEY_ID_LENGTH] = '\0';
    return strspn(id, "0123456789abcdef") == TROTH_KEY_ID_LENGTH;
}

/* Looks at the links, up to the last line. Returns why they do not hold, or NULL. */
static const char *check_links(const char *text, size_t length, struct troth_chain_look *look)
{
    char after[TROTH_CHAIN_HASH_LENGTH + 1];
    const char *line = NULL;
    size_t at = 0;
    start(after);
    if (length == 0 || text[length - 1] != '\n') {
        return "the file does not end with a line break: it is cut short, or something follows";
    }
    if (length > TROTH_EXPORT_LENGTH_MAX || memchr(text, '\0', length) != NULL) {
        return "it is longer than an export may be, or no text";
    }
    if (!troth_chain_key(text, length, look->key)) {
        look->key[0] = '\0';
        return "the last line is no signature: the file is cut short, or something follows";
    }
    const size_t end = length - LAST_LENGTH;
    while (at < end) {
        const size_t begin = at;
        const size_t found = troth_chain_next(text, length, &at, &line);
        if (!bears(line, found, after)) {
            return "it does not bear the hash of the line before";
        }
        if (look->lines + 1 == TROTH_EXPORT_LINES_MAX) {
            return "there are more lines than an export may have";
        }
        hash_of(text + begin, at - begin, after);
        look->lines++;
    }
    if (at != end || look->lines == 0 || !bears(text + end, LAST_LENGTH - 1, after)) {
        return "it does not bear the hash of the line before";
    }
    return NULL;
}

bool troth_chain_check(const char *text, size_t length, const struct troth_public_key *key,
                       struct troth_chain_look *look)
{
    uint8_t signature[TROTH_SIGNATURE_LENGTH];
    char id[TROTH_KEY_ID_LENGTH + 1];
    *look = (struct troth_chain_look){.unsigned_as = "the chain does not hold"};
    look->broken = check_links(text, length, look);
    if (look->broken != NULL) {
        return false;
    }
    const size_t end = length - LAST_LENGTH;
    const size_t last = last_line(text, end);
    look->unsigned_as = "no key is given";
    if (key == NULL) {
        return false;
    }
    troth_key_id(key, id);
    if (strcmp(id, look->key) != 0) {
        look->unsigned_as = "it was signed with another key";
    } else if (!troth_signature_read(text + end + SIGNATURE_AT, SIGNATURE_BASE64, signature) ||
               !troth_signature_holds(key, TROTH_PURPOSE_EXPORT, text + last, end - last,
                                      signature)) {
        look->unsigned_as = "the signature is not that of the key";
    } else {
        look->unsigned_as = NULL;
    }
    return look->unsigned_as == NULL;
}
