/*
 * The registry: every contract version of the contracts topic, by the offset of its record, and
 * which version of each contract is in force.
 *
 * The topic has two kinds of records: `contract@version` with the contract's canonical JSON, and
 * `contract` with the number of the version in force. What cannot be used is refused with its
 * reason, and what was in force stays so.
 *
 * Threads: one worker's. Memory: versions are kept until the registry is destroyed, since shards
 * point at their rules; bounded by TROTH_VERSIONS_MAX.
 */
#ifndef TROTH_CONSUMERS_REGISTRY_H
#define TROTH_CONSUMERS_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/status.h"
#include "scoring/rules.h"
#include "scoring/shard.h"

enum { TROTH_VERSIONS_MAX = 4096, TROTH_REASON_LENGTH = 512 };

struct troth_registry;

/* A contract that has a version in force. */
struct troth_in_force {
    char name[TROTH_NAME_LENGTH_MAX + 1];
    int64_t version;
    int64_t offset; /* of the record `contract@version`; -1: not there (yet) */
};

/* Returns a registry, or NULL without memory. */
struct troth_registry *troth_registry_create(void);
void troth_registry_destroy(struct troth_registry *registry);

/*
 * Takes a record of the contracts topic.
 * In value: NULL for a tombstone. Out reason: why it was refused, for people.
 * Returns TROTH_OK, TROTH_INVALID (a record that cannot be used), TROTH_FULL (too many versions or
 * contracts) or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_registry_take(struct troth_registry *registry, int64_t offset, const char *key,
                                 size_t key_length, const char *value, size_t value_length,
                                 char reason[TROTH_REASON_LENGTH]);

/* Returns the rules of the version whose record has that offset, or NULL. */
const struct troth_rules *troth_registry_at(const struct troth_registry *registry, int64_t offset);

/* Out list: the contracts in force; lives until the next take. Returns how many, at most
 * TROTH_CONTRACTS_MAX. */
size_t troth_registry_in_force(const struct troth_registry *registry,
                               const struct troth_in_force **list);

#endif
