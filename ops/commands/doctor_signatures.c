/* troth doctor: signatures that are asked for, and whether anybody can make them. */
#include <string.h>

#include "consumers/clock.h"
#include "ops/commands/doctor_parts.h"
#include "ops/keys.h"
#include "ops/signing.h"

static const char area[] = "signature";

static void look_at_role(struct troth_doctor *doctor, const struct troth_signing_rules *rules,
                         enum troth_role role, int64_t now_us)
{
    const char *file = doctor->config->signatures_trust_file;
    const unsigned count = troth_signing_count(rules->trust, role, now_us);
    if (count == 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area,
                          "troth key new --out FILE, and its public line into the trust file",
                          "%s must be signed, and %s has no key of an %s that counts now",
                          troth_role_signs(role), file, troth_role_name(role));
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL,
                          "%s must be signed; %s has %u keys of an %s", troth_role_signs(role),
                          file, count, troth_role_name(role));
    }
    bool another = false;
    const char *first = NULL;
    for (size_t i = 0; i < rules->trust->count; i++) {
        const struct troth_trusted *key = &rules->trust->keys[i];
        const bool counts =
            (key->roles & 1U << role) != 0 && now_us >= key->since_us && now_us < key->until_us;
        another = another || (counts && first != NULL && strcmp(first, key->name) != 0);
        first = counts && first == NULL ? key->name : first;
    }
    if (role == TROTH_ROLE_AUTHOR && count > 0 && !another) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, "add a second author",
                          "only %s may author: a contract of high consequence can be made "
                          "stricter, and never looser",
                          first);
    }
}

/* The key of whoever asks, where the configuration has one. */
static void look_at_own_key(struct troth_doctor *doctor, const struct troth_signing_rules *rules)
{
    struct troth_secret_key secret;
    struct troth_public_key key;
    char id[TROTH_KEY_ID_LENGTH + 1];
    const char *file = doctor->config->signatures_key_file;
    if (!troth_keys_read_secret(file, &secret)) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area, "see above",
                          "signatures.key_file %s is no key to sign with", file);
        return;
    }
    troth_key_public(&secret, &key);
    troth_keys_wipe(&secret);
    troth_key_id(&key, id);
    const struct troth_trusted *trusted =
        rules->trust != NULL ? troth_trust_find(rules->trust, id) : NULL;
    if (rules->trust != NULL && trusted == NULL) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area,
                          "put its public line (troth key show) into the trust file",
                          "signatures.key_file %s: key %s is not in the trust file", file, id);
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL, "you sign with key %s%s%s", id,
                          trusted != NULL ? " of " : "", trusted != NULL ? trusted->name : "");
    }
}

void troth_doctor_signatures(struct troth_doctor *doctor)
{
    struct troth_signing_rules rules;
    const struct troth_clock clock = troth_clock_system();
    const int64_t now_us = clock.wall_us(clock.context);
    if (!troth_signing_open(doctor->config, &rules)) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area, "see above",
                          "the engine does not start: what it takes to believe signatures is not "
                          "there");
        troth_signing_close(&rules);
        return;
    }
    if (rules.signing.contracts) {
        look_at_role(doctor, &rules, TROTH_ROLE_AUTHOR, now_us);
    }
    if (rules.signing.decisions) {
        look_at_role(doctor, &rules, TROTH_ROLE_OPERATOR, now_us);
    }
    if (doctor->config->signatures_key_file[0] != '\0') {
        look_at_own_key(doctor, &rules);
    }
    troth_signing_close(&rules);
}
