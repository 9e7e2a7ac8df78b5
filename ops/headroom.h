/*
 * Paces a sender against the embedded broker, which keeps 5 MiB a partition and drops the oldest
 * silently: before more is sent than the consumer group has room to fall behind, it waits for the
 * group's committed offsets. Against any other broker it does nothing.
 *
 *     bytes since the last look <= 1 MiB, in one partition at worst
 *     bytes that the group has not committed <= 2 MiB a partition at the last look
 *     so a partition never holds more than 3 MiB that are unread
 *
 * It also notices what was lost all the same: the partition begins past what the group has
 * committed.
 *
 * Threads: one. Memory: the caller's, and a Kafka client.
 */
#ifndef TROTH_OPS_HEADROOM_H
#define TROTH_OPS_HEADROOM_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/kafka/client.h"

struct troth_headroom {
    struct troth_kafka_voice voice; /* first: librdkafka's opaque points here */
    rd_kafka_t *client;             /* NULL: a broker that keeps what it is given */
    char topic[TROTH_KAFKA_NAME_LENGTH];
    char group[TROTH_KAFKA_NAME_LENGTH];
    int32_t partitions;
    uint64_t sent_bytes;   /* since the last look */
    uint64_t record_bytes; /* of the largest record so far */
    uint64_t lost;         /* records that were dropped before the group read them */
    char error[TROTH_KAFKA_ERROR_LENGTH];
};

/*
 * Looks whether the broker is an embedded one (by its cluster's id) and gets ready where it is.
 * In properties, topic (full name), group: borrowed for the call. In partitions: of the topic.
 * Out headroom: to be closed. It must not move.
 * Returns TROTH_OK; TROTH_UNREACHABLE or TROTH_INVALID, with headroom->error. Waits at most 10 s.
 */
TROTH_MUST_CHECK
troth_status troth_headroom_open(struct troth_headroom *headroom,
                                 struct troth_kafka_properties properties, const char *topic,
                                 int32_t partitions, const char *group);

/* Counts a record that is about to be sent. In bytes: of its key and value. Returns whether the
 * sender must flush, and then wait. */
bool troth_headroom_count(struct troth_headroom *headroom, size_t bytes);

/* Waits until the group has read enough, at most timeout_us without any progress of the group.
 * Returns TROTH_OK; TROTH_TIMED_OUT (nobody reads) or TROTH_REFUSED (records were lost: see
 * `lost`), with headroom->error. */
TROTH_MUST_CHECK
troth_status troth_headroom_wait(struct troth_headroom *headroom, int64_t timeout_us);

/* In headroom: open, closed, or all bytes zero. */
void troth_headroom_close(struct troth_headroom *headroom);

#endif
