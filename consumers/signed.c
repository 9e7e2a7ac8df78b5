#include "consumers/signed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_OF(NAME, text, meaning)    text,
#define MEANING_OF(NAME, text, meaning) meaning,

static const char *const names[] = {TROTH_DISTRUSTS(NAME_OF)};
static const char *const meanings[] = {TROTH_DISTRUSTS(MEANING_OF)};

const char *troth_distrust_name(enum troth_distrust distrust)
{
    return names[distrust];
}

const char *troth_distrust_meaning(enum troth_distrust distrust)
{
    return meanings[distrust];
}

const char *troth_signed_purpose(enum troth_role role)
{
    return role == TROTH_ROLE_AUTHOR ? TROTH_PURPOSE_CONTRACT : TROTH_PURPOSE_DECISION;
}

bool troth_signed_is_asked(const struct troth_signing *signing, enum troth_role role,
                           int64_t time_us)
{
    return signing->trust != NULL && time_us >= signing->since_us &&
           (role == TROTH_ROLE_AUTHOR ? signing->contracts : signing->decisions);
}

uint8_t *troth_signed_bytes(const struct troth_control_record *record, size_t *length)
{
    uint8_t *bytes = malloc(record->key_length + 1 + record->value_length);
    if (bytes != NULL) {
        if (record->key_length > 0) {
            memcpy(bytes, record->key, record->key_length);
        }
        bytes[record->key_length] = 0;
        if (record->value_length > 0) {
            memcpy(bytes + record->key_length + 1, record->value, record->value_length);
        }
        *length = record->key_length + 1 + record->value_length;
    }
    return bytes;
}

troth_status troth_signed_distrust(struct troth_signers *signers, enum troth_distrust distrust,
                                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int written = vsnprintf(signers->reason, sizeof signers->reason, format, arguments);
    va_end(arguments);
    const size_t used =
        written > 0 && (size_t)written < sizeof signers->reason ? (size_t)written : 0;
    (void)snprintf(signers->reason + used, sizeof signers->reason - used, "%s%s",
                   used > 0 ? ": " : "", meanings[distrust]);
    signers->distrust = distrust;
    return TROTH_REFUSED;
}

/* One signature: "KEYID BASE64". */
static troth_status judge_one(const struct troth_trust *trust, enum troth_role role,
                              struct troth_text text, int64_t time_us, const uint8_t *bytes,
                              size_t length, struct troth_signers *signers)
{
    uint8_t signature[TROTH_SIGNATURE_LENGTH];
    enum { PREFIX = TROTH_KEY_ID_LENGTH + 1 };
    if (text.length <= PREFIX || text.data[TROTH_KEY_ID_LENGTH] != ' ' ||
        strspn(text.data, "0123456789abcdef") < TROTH_KEY_ID_LENGTH ||
        !troth_signature_read(text.data + PREFIX, text.length - PREFIX, signature)) {
        return troth_signed_distrust(signers, TROTH_DISTRUST_MALFORMED, "%s", "");
    }
    const char *id = text.data;
    const struct troth_trusted *key = troth_trust_find(trust, id);
    if (key == NULL) {
        return troth_signed_distrust(signers, TROTH_DISTRUST_UNKNOWN_KEY, "key %.*s",
                                     TROTH_KEY_ID_LENGTH, id);
    }
    if (!troth_signature_holds(&key->key, troth_signed_purpose(role), bytes, length, signature)) {
        return troth_signed_distrust(signers, TROTH_DISTRUST_FORGED, "key %s of %s", key->id,
                                     key->name);
    }
    if ((key->roles & 1U << role) == 0) {
        return troth_signed_distrust(signers, TROTH_DISTRUST_WRONG_ROLE,
                                     "key %s of %s is not there as %s, who signs %s", key->id,
                                     key->name, troth_role_name(role), troth_role_signs(role));
    }
    if (time_us < key->since_us || time_us >= key->until_us) {
        return troth_signed_distrust(signers, TROTH_DISTRUST_OUT_OF_TIME, "key %s of %s", key->id,
                                     key->name);
    }
    bool new_key = true;
    bool new_person = true;
    for (unsigned i = 0; i < signers->count; i++) {
        new_key &= signers->keys[i] != key;
        new_person &= strcmp(signers->keys[i]->name, key->name) != 0;
    }
    signers->persons += new_person;
    if (new_key) {
        signers->keys[signers->count++] = key;
    }
    return TROTH_OK;
}

troth_status troth_signed_judge(const struct troth_trust *trust, enum troth_role role,
                                const struct troth_control_record *record,
                                struct troth_signers *signers)
{
    *signers = (struct troth_signers){.distrust = TROTH_DISTRUST_COUNT};
    if (record->signature_count == 0) {
        return troth_signed_distrust(signers, TROTH_DISTRUST_UNSIGNED, "%s", "");
    }
    if (record->signature_count > TROTH_SIGNATURES_MAX) {
        return troth_signed_distrust(signers, TROTH_DISTRUST_TOO_MANY, "%zu of at most %d",
                                     record->signature_count, TROTH_SIGNATURES_MAX);
    }
    size_t length = 0;
    uint8_t *bytes = troth_signed_bytes(record, &length);
    troth_status status = bytes != NULL ? TROTH_OK : TROTH_NO_MEMORY;
    for (size_t i = 0; i < record->signature_count && status == TROTH_OK; i++) {
        status =
            judge_one(trust, role, record->signatures[i], record->time_us, bytes, length, signers);
    }
    free(bytes);
    return status;
}

bool troth_signed_sign(const struct troth_secret_key *secret, enum troth_role role,
                       const struct troth_control_record *record,
                       char header[TROTH_SIGNED_HEADER_MAX])
{
    struct troth_public_key key;
    uint8_t signature[TROTH_SIGNATURE_LENGTH];
    size_t length = 0;
    uint8_t *bytes = troth_signed_bytes(record, &length);
    if (bytes == NULL) {
        return false;
    }
    troth_sign(secret, troth_signed_purpose(role), bytes, length, signature);
    free(bytes);
    troth_key_public(secret, &key);
    troth_key_id(&key, header);
    header[TROTH_KEY_ID_LENGTH] = ' ';
    troth_signature_write(signature, header + TROTH_KEY_ID_LENGTH + 1);
    return true;
}
