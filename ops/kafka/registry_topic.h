/*
 * The contracts topic, read whole: what a worker would make of it, for the operator's command.
 *
 * Threads: one. Memory: owned by the reading, given back by troth_registry_topic_fini.
 */
#ifndef TROTH_OPS_KAFKA_REGISTRY_TOPIC_H
#define TROTH_OPS_KAFKA_REGISTRY_TOPIC_H

#include <stddef.h>
#include <stdint.h>

#include "consumers/kafka/client.h"
#include "consumers/registry.h"
#include "ops/config/config.h"
#include "ops/signing.h"
#include "schemas/contract.h"
#include "schemas/status.h"

enum {
    TROTH_REGISTRY_REFUSALS_MAX = 32, /* kept; more are counted */
    TROTH_SIGNED_BY_LENGTH = TROTH_SIGNATURES_MAX * (TROTH_TRUSTED_NAME_MAX + 2)
};

struct troth_registry_version {
    const struct troth_contract *contract; /* the registry's */
    int64_t offset;
    char
        signed_by[TROTH_SIGNED_BY_LENGTH]; /* names, where the trust file has them; "" : unsigned */
};

/* A record that workers refuse. */
struct troth_registry_refusal {
    int64_t offset;
    char key[TROTH_NAME_LENGTH_MAX + 32];
    char reason[TROTH_REASON_LENGTH];
};

struct troth_registry_topic {
    struct troth_registry *registry;
    struct troth_registry_version *versions; /* in the topic's order */
    size_t version_count;
    struct troth_registry_refusal refusals[TROTH_REGISTRY_REFUSALS_MAX];
    size_t refusal_count;
    uint64_t records;
    int64_t next;                     /* one past the last record */
    struct troth_signing_rules rules; /* what workers ask of signatures */
};

/*
 * Reads PREFIX.contracts from its beginning to what is its end now.
 * Out topic: to be given to troth_registry_topic_fini in every case.
 * Out error: TROTH_KAFKA_ERROR_LENGTH bytes: why it failed and what would be right.
 * Returns TROTH_OK, TROTH_INVALID, TROTH_UNREACHABLE, TROTH_NOT_FOUND (no such topic),
 * TROTH_TIMED_OUT, TROTH_REFUSED or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_registry_topic_read(struct troth_registry_topic *topic,
                                       const struct troth_config *config, char *error);

void troth_registry_topic_fini(struct troth_registry_topic *topic);

/* Takes one more record, as a worker would that reads it next: what is about to be sent is judged
 * by it. Out reason: why workers would refuse it. */
TROTH_MUST_CHECK
troth_status troth_registry_topic_try(struct troth_registry_topic *topic,
                                      const struct troth_control_record *record,
                                      char reason[TROTH_REASON_LENGTH]);

/* Returns the version of a contract, or NULL. */
const struct troth_registry_version *
troth_registry_topic_find(const struct troth_registry_topic *topic, const char *name,
                          int64_t version);

/* Returns the version in force of a contract, or 0. */
int64_t troth_registry_topic_in_force(const struct troth_registry_topic *topic, const char *name);

#endif
