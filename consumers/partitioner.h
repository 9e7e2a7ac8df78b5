/*
 * Which partition a key belongs to, as Kafka's producers choose it.
 *
 * Pure functions; any thread.
 */
#ifndef TROTH_CONSUMERS_PARTITIONER_H
#define TROTH_CONSUMERS_PARTITIONER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, "librdkafka's name") */
#define TROTH_PARTITIONERS(X)                                                                      \
    X(MURMUR2, "murmur2_random")                                                                   \
    X(CRC32, "consistent_random")                                                                  \
    X(FNV1A, "fnv1a_random")

#define TROTH_ENUMERATE_PARTITIONER(NAME, text) TROTH_PARTITIONER_##NAME,
enum troth_partitioner { TROTH_PARTITIONERS(TROTH_ENUMERATE_PARTITIONER) TROTH_PARTITIONER_COUNT };
#undef TROTH_ENUMERATE_PARTITIONER

/* Returns the partition of a key, 0..partitions - 1. In partitions: >= 1. */
int32_t troth_partition_of(enum troth_partitioner partitioner, const char *key, size_t length,
                           int32_t partitions);

/* Returns librdkafka's name of a partitioner, as "murmur2_random". */
const char *troth_partitioner_name(enum troth_partitioner partitioner);

/* Out partitioner: of librdkafka's name, with or without "_random". Returns whether there is one.
 */
bool troth_partitioner_find(const char *name, enum troth_partitioner *partitioner);

#endif
