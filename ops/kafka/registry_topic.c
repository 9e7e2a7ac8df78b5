#include "ops/kafka/registry_topic.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/kafka/control_topic.h"

static bool take_record(void *context, const struct troth_control_record *record)
{
    struct troth_registry_topic *topic = context;
    char reason[TROTH_REASON_LENGTH];
    topic->records++;
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
        topic->versions[topic->version_count++] =
            (struct troth_registry_version){.contract = rules->contract, .offset = record->offset};
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
    return troth_control_topic_read(config, "contracts", take_record, topic, error);
}

void troth_registry_topic_fini(struct troth_registry_topic *topic)
{
    troth_registry_destroy(topic->registry);
    free(topic->versions);
    memset(topic, 0, sizeof *topic);
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
