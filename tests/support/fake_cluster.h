/*
 * The cluster of the fake log: records by topic and partition, committed offsets, and who owns
 * what. The test appends, compacts and looks; members reach it by tests/support/fake_log.h.
 *
 * Memory: fake_cluster_init and fake_cluster_fini. Threads: one.
 */
#ifndef TROTH_TESTS_SUPPORT_FAKE_CLUSTER_H
#define TROTH_TESTS_SUPPORT_FAKE_CLUSTER_H

#include "tests/support/test.h"

#include "tests/support/fake_clock.h"
#include "tests/support/fake_journal.h"

#include "consumers/log.h"

enum { FAKE_PARTITIONS_MAX = 8 };

struct fake_log; /* a member */

struct fake_record {
    int64_t timestamp_us;
    char *key;   /* NULL: none */
    char *value; /* NULL: a tombstone */
    size_t key_length;
    size_t value_length;
    size_t header_count;
    char *header_names[TROTH_HEADERS_MAX];
    char *header_values[TROTH_HEADERS_MAX]; /* terminated */
    bool gone;                              /* compacted away */
};

struct fake_partition {
    struct fake_record *records; /* by offset */
    size_t count;
    size_t capacity;
    int64_t low;
    int64_t committed;
    struct fake_log *owner;
};

struct fake_cluster {
    struct fake_clock *clock;
    struct fake_journal *journal;
    int32_t partition_count; /* of telemetry */
    struct fake_partition topics[TROTH_TOPIC_COUNT][FAKE_PARTITIONS_MAX];
};

static inline char *fake_copy(const void *data, size_t length)
{
    char *copy = malloc(length + 1);
    TROTH_ASSERT(copy != NULL);
    if (length > 0) {
        memcpy(copy, data, length);
    }
    copy[length] = '\0';
    return copy;
}

static inline void fake_record_fini(struct fake_record *record)
{
    free(record->key);
    free(record->value);
    for (size_t i = 0; i < record->header_count; i++) {
        free(record->header_names[i]);
        free(record->header_values[i]);
    }
}

static inline void fake_cluster_init(struct fake_cluster *cluster, struct fake_clock *clock,
                                     struct fake_journal *journal, int32_t partition_count)
{
    TROTH_ASSERT(partition_count <= FAKE_PARTITIONS_MAX);
    memset(cluster, 0, sizeof *cluster);
    cluster->clock = clock;
    cluster->journal = journal;
    cluster->partition_count = partition_count;
    for (int32_t i = 0; i < FAKE_PARTITIONS_MAX; i++) {
        cluster->topics[TROTH_TOPIC_TELEMETRY][i].committed = TROTH_OFFSET_NONE;
    }
}

static inline void fake_cluster_fini(struct fake_cluster *cluster)
{
    for (unsigned topic = 0; topic < TROTH_TOPIC_COUNT; topic++) {
        for (int32_t i = 0; i < FAKE_PARTITIONS_MAX; i++) {
            struct fake_partition *partition = &cluster->topics[topic][i];
            for (size_t k = 0; k < partition->count; k++) {
                fake_record_fini(&partition->records[k]);
            }
            free(partition->records);
        }
    }
}

/* Appends, at the time that the record has or else the wall clock's. Returns the offset. In
 * record: taken over. */
static inline int64_t fake_cluster_put(struct fake_cluster *cluster, enum troth_topic topic,
                                       int32_t number, struct fake_record record)
{
    struct fake_partition *partition = &cluster->topics[topic][number];
    if (partition->count == partition->capacity) {
        partition->capacity = partition->capacity > 0 ? partition->capacity * 2 : 64;
        partition->records =
            realloc(partition->records, partition->capacity * sizeof *partition->records);
        TROTH_ASSERT(partition->records != NULL);
    }
    if (record.timestamp_us == 0) {
        record.timestamp_us = cluster->clock->wall_us;
    }
    record.timestamp_us -= record.timestamp_us % 1000;
    partition->records[partition->count] = record;
    return (int64_t)partition->count++;
}

/* Appends bytes as a producer of somebody else would. In key, value: may be NULL. */
static inline int64_t fake_cluster_append(struct fake_cluster *cluster, enum troth_topic topic,
                                          int32_t number, const char *key, size_t key_length,
                                          const void *value, size_t value_length)
{
    return fake_cluster_put(
        cluster, topic, number,
        (struct fake_record){.key = key != NULL ? fake_copy(key, key_length) : NULL,
                             .key_length = key_length,
                             .value = value != NULL ? fake_copy(value, value_length) : NULL,
                             .value_length = value_length});
}

/* Gives a record that was appended one more header. In value: terminated. */
static inline void fake_cluster_add_header(struct fake_cluster *cluster, enum troth_topic topic,
                                           int32_t number, int64_t offset, const char *name,
                                           const char *value)
{
    struct fake_record *record = &cluster->topics[topic][number].records[offset];
    TROTH_ASSERT(record->header_count < TROTH_HEADERS_MAX);
    record->header_names[record->header_count] = fake_copy(name, strlen(name));
    record->header_values[record->header_count++] = fake_copy(value, strlen(value));
}

/* Compacts a partition: of each key the last record stays. */
static inline void fake_cluster_compact(struct fake_cluster *cluster, enum troth_topic topic,
                                        int32_t number)
{
    struct fake_partition *partition = &cluster->topics[topic][number];
    for (size_t i = 0; i < partition->count; i++) {
        for (size_t k = i + 1; k < partition->count && !partition->records[i].gone; k++) {
            partition->records[i].gone =
                partition->records[i].key_length == partition->records[k].key_length &&
                memcmp(partition->records[i].key, partition->records[k].key,
                       partition->records[k].key_length) == 0;
        }
    }
}

/* Returns the n-th record of a topic over all its partitions, in their order; NULL past the last.
 */
static inline const struct fake_record *fake_cluster_record(const struct fake_cluster *cluster,
                                                            enum troth_topic topic, size_t n)
{
    for (int32_t i = 0; i < FAKE_PARTITIONS_MAX; i++) {
        const struct fake_partition *partition = &cluster->topics[topic][i];
        if (n < partition->count) {
            return &partition->records[n];
        }
        n -= partition->count;
    }
    return NULL;
}

static inline size_t fake_cluster_count(const struct fake_cluster *cluster, enum troth_topic topic)
{
    size_t count = 0;
    while (fake_cluster_record(cluster, topic, count) != NULL) {
        count++;
    }
    return count;
}

/* Returns a header's value, or NULL. */
static inline const char *fake_record_header(const struct fake_record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++) {
        if (strcmp(record->header_names[i], name) == 0) {
            return record->header_values[i];
        }
    }
    return NULL;
}

#endif
