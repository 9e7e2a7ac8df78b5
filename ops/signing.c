#include "ops/signing.h"

#include <stdlib.h>
#include <string.h>

#include "ops/keys.h"
#include "ops/message.h"

/* What is asked for without what it takes is no configuration. */
static bool is_sound(const struct troth_config *config)
{
    if (config->signatures_require == TROTH_SIGNATURES_OFF) {
        return true;
    }
    if (config->signatures_trust_file[0] == '\0') {
        troth_message_error("signatures.require is on, but signatures.trust_file, which says whose "
                            "count, is not set");
        return false;
    }
    if (config->clock == TROTH_CONFIG_CLOCK_CREATE_TIME) {
        troth_message_error("signatures.require takes clock: log_append_time; with create_time "
                            "whoever writes a record says when, and a key's end, or a copy's age, "
                            "would be what he likes");
        return false;
    }
    return true;
}

bool troth_signing_open(const struct troth_config *config, struct troth_signing_rules *rules)
{
    *rules = (struct troth_signing_rules){.trust = NULL};
    if (!is_sound(config)) {
        return false;
    }
    if (config->signatures_trust_file[0] == '\0') {
        return true;
    }
    rules->trust = calloc(1, sizeof *rules->trust);
    if (rules->trust == NULL) {
        troth_message_error("no memory for the trust file");
        return false;
    }
    if (!troth_keys_read_trust(config->signatures_trust_file, rules->trust)) {
        return false;
    }
    const char *since = config->signatures_since;
    const int64_t require = config->signatures_require;
    rules->signing = (struct troth_signing){
        .trust = rules->trust,
        .contracts = require == TROTH_SIGNATURES_CONTRACTS || require == TROTH_SIGNATURES_ALL,
        .decisions = require == TROTH_SIGNATURES_DECISIONS || require == TROTH_SIGNATURES_ALL,
        .since_us = INT64_MIN};
    (void)troth_trust_time(since, strlen(since), &rules->signing.since_us); /* it was checked */
    return true;
}

void troth_signing_close(struct troth_signing_rules *rules)
{
    free(rules->trust);
    *rules = (struct troth_signing_rules){.trust = NULL};
}

unsigned troth_signing_count(const struct troth_trust *trust, enum troth_role role, int64_t time_us)
{
    unsigned count = 0;
    for (size_t i = 0; i < trust->count; i++) {
        const struct troth_trusted *key = &trust->keys[i];
        count +=
            (key->roles & 1U << role) != 0 && time_us >= key->since_us && time_us < key->until_us;
    }
    return count;
}

bool troth_signing_keys_open(const struct troth_config *config,
                             const struct troth_option_texts *given,
                             struct troth_signing_keys *keys)
{
    const char *configured = config->signatures_key_file;
    keys->count = 0;
    for (unsigned i = 0; i < given->count; i++) {
        if (!troth_keys_read_secret(given->items[i], &keys->secrets[keys->count])) {
            return false;
        }
        keys->count++;
    }
    if (given->count == 0 && configured[0] != '\0') {
        if (!troth_keys_read_secret(configured, &keys->secrets[0])) {
            return false;
        }
        keys->count = 1;
    }
    return true;
}

void troth_signing_keys_close(struct troth_signing_keys *keys)
{
    for (unsigned i = 0; i < keys->count; i++) {
        troth_keys_wipe(&keys->secrets[i]);
    }
    keys->count = 0;
}

bool troth_signing_make(const struct troth_signing_keys *keys, enum troth_role role,
                        struct troth_text key, const void *value, size_t value_length,
                        int64_t time_us, struct troth_signed_record *made)
{
    made->record = (struct troth_control_record){.time_us = time_us,
                                                 .key = key.data,
                                                 .key_length = key.length,
                                                 .value = value,
                                                 .value_length = value_length};
    for (unsigned i = 0; i < keys->count; i++) {
        char *text = made->texts[i];
        if (!troth_signed_sign(&keys->secrets[i], role, &made->record, text)) {
            troth_message_error("no memory to sign with");
            return false;
        }
        made->headers[i] = (struct troth_log_header){
            .name = TROTH_SIGNATURE_HEADER, .value = text, .value_length = strlen(text)};
    }
    for (unsigned i = 0; i < keys->count; i++) {
        made->record.signatures[i] =
            (struct troth_text){made->texts[i], (uint32_t)made->headers[i].value_length};
    }
    made->record.signature_count = keys->count;
    return true;
}
