#include "ops/kafka/registry_topic.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/kafka/control_topic.h"

/* Writes who signed a record: names, where each signature holds; else the ids that it claims, which
 * prove nothing. */
static void write_signers(const struct troth_registry_topic *topic,
                          const struct troth_control_record *record, char *text)
{
    struct troth_signers signers = {.count = 0};
    size_t used = 0;
    text[0] = '\0';
    const bool believed =
        topic->rules.trust != NULL && record->signature_count > 0 &&
        troth_signed_judge(topic->rules.trust, TROTH_ROLE_AUTHOR, record, &signers) == TROTH_OK;
    for (unsigned i = 0; believed && i < signers.count && used < TROTH_SIGNED_BY_LENGTH; i++) {
        used += (size_t)snprintf(text + used, TROTH_SIGNED_BY_LENGTH - used, "%s%s",
                                 i > 0 ? ", " : "", signers.keys[i]->name);
    }
    if (!believed && record->signature_count > 0) {
        snprintf(text, TROTH_SIGNED_BY_LENGTH, "%s",
                 topic->rules.trust != NULL ? "not believed" : "not checked: no trust file");
    }
}

static bool take_record(void *context, const struct troth_control_record *record)
{
    struct troth_registry_topic *topic = context;
    char reason[TROTH_REASON_LENGTH];
    topic->records++;
    topic->next = record->offset + 1;
    const troth_status status = troth_registry_take(topic->registry, record, reason);
    if (status != TROTH_OK) {
        if (topic->refusal_count < TROTH_REGISTRY_REFUSALS_MAX) {
            struct troth_registry_refusal *refusal = &topic->refusals[topic->refusal_count];
            refusal->offset = record->offset;
            snprintf(refusal->key, sizeof refusal->key, "%.*s",
                     record->key != NULL ? (int)record->key_length : 0,
                     record->key != NULL ? record->key : "");
            snprintf(refusal->reason, sizeof refusal->reason, "%s", reason);
        }
        topic->refusal_count++;
        return true;
    }
    const struct troth_rules *rules = troth_registry_at(topic->registry, record->offset);
    if (rules != NULL) {
        struct troth_registry_version *version = &topic->versions[topic->version_count++];
        version->contract = rules->contract;
        version->offset = record->offset;
        write_signers(topic, record, version->signed_by);
    }
    return true;
}

troth_status troth_registry_topic_read(struct troth_registry_topic *topic,
                                       const struct troth_config *config, char *error)
{
    memset(topic, 0, sizeof *topic);
    topic->registry = troth_registry_create();
    topic->versions = calloc(TROTH_VERSIONS_MAX, sizeof *topic->versions);
    if (topic->registry == NULL || topic->versions == NULL) {
        snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "no memory for the contracts");
        return TROTH_NO_MEMORY;
    }
    if (!troth_signing_open(config, &topic->rules)) {
        snprintf(error, TROTH_KAFKA_ERROR_LENGTH,
                 "without the trust file it cannot be told what workers believe");
        return TROTH_INVALID;
    }
    troth_registry_ask(topic->registry, &topic->rules.signing);
    return troth_control_topic_read(config, "contracts", take_record, topic, error);
}

void troth_registry_topic_fini(struct troth_registry_topic *topic)
{
    troth_registry_destroy(topic->registry);
    free(topic->versions);
    troth_signing_close(&topic->rules);
    memset(topic, 0, sizeof *topic);
}

troth_status troth_registry_topic_try(struct troth_registry_topic *topic,
                                      const struct troth_control_record *record,
                                      char reason[TROTH_REASON_LENGTH])
{
    struct troth_control_record next = *record;
    next.offset = topic->next++;
    return troth_registry_take(topic->registry, &next, reason);
}

const struct troth_registry_version *
troth_registry_topic_find(const struct troth_registry_topic *topic, const char *name,
                          int64_t version)
{
    for (size_t i = 0; i < topic->version_count; i++) {
        const struct troth_contract *contract = topic->versions[i].contract;
        if (contract->version == version && strcmp(contract->name, name) == 0) {
            return &topic->versions[i];
        }
    }
    return NULL;
}

int64_t troth_registry_topic_in_force(const struct troth_registry_topic *topic, const char *name)
{
    const struct troth_in_force *list;
    const size_t count = troth_registry_in_force(topic->registry, &list);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return list[i].version;
        }
    }
    return 0;
}
