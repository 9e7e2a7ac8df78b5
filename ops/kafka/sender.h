/*
 * Sends records of a command to one topic and knows what became of each.
 *
 * Records go to the partition that the configured partitioner gives their key. Sending waits while
 * the queue (100,000 records) is full, so memory stays bounded and a slow broker slows the command
 * and nothing else. The producer is idempotent: what is sent again is not doubled.
 *
 * Threads: one. Memory: records are copied before send returns.
 */
#ifndef TROTH_OPS_KAFKA_SENDER_H
#define TROTH_OPS_KAFKA_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "consumers/avro/encode.h"
#include "consumers/log.h"
#include "ops/config/config.h"
#include "ops/headroom.h"
#include "ops/kafka/link.h"
#include "schemas/status.h"

enum { TROTH_SENDER_TIMEOUT_MS = 30000 }; /* after which a record counts as failed */

struct troth_sender {
    struct troth_kafka_link link;   /* first: its address is librdkafka's opaque */
    struct troth_headroom headroom; /* paces what goes to an embedded broker */
    char topic[TROTH_KAFKA_NAME_LENGTH];
    int32_t partitions;
    uint64_t sent;
    uint64_t acknowledged;
    uint64_t failed;
    int32_t last_partition; /* of the record acknowledged last */
    int64_t last_offset;
    int64_t last_time_us; /* of the log, where it stamps records; else ours */
    uint8_t header[TROTH_SINGLE_OBJECT_HEADER_LENGTH]; /* telemetry: of the configured framing */
    size_t header_length;
    uint8_t framed[TROTH_SINGLE_OBJECT_HEADER_LENGTH + TROTH_RECORD_LENGTH_MAX];
    char error[TROTH_KAFKA_ERROR_LENGTH]; /* why it does not open, or a record failed */
};

/* In suffix: of the topic, as "telemetry". Returns TROTH_OK, TROTH_INVALID, TROTH_UNREACHABLE or
 * TROTH_NOT_FOUND, with error; the sender is then closed. */
TROTH_MUST_CHECK
troth_status troth_sender_open(struct troth_sender *sender, const struct troth_config *config,
                               const char *suffix);

/* In value: of telemetry an encoded event, which is given the configured framing's header.
 * In timestamp_us: of the record, in whole milliseconds; 0: now.
 * Returns TROTH_OK (queued), TROTH_TIMED_OUT (no room within TROTH_SENDER_TIMEOUT_MS, or an
 * embedded broker that nobody reads from) or TROTH_REFUSED (also where an earlier record has
 * failed), with error. */
TROTH_MUST_CHECK
troth_status troth_sender_send(struct troth_sender *sender, const void *key, size_t key_length,
                               const void *value, size_t value_length, int64_t timestamp_us);

/* The same with headers, which are copied. In header_count: at most TROTH_HEADERS_MAX. */
TROTH_MUST_CHECK
troth_status troth_sender_send_with(struct troth_sender *sender, const void *key, size_t key_length,
                                    const void *value, size_t value_length, int64_t timestamp_us,
                                    const struct troth_log_header *headers, size_t header_count);

/* Takes what was answered meanwhile, without waiting. */
void troth_sender_poll(struct troth_sender *sender);

/* Waits until every record is acknowledged or has failed. Returns TROTH_OK where none has failed
 * since the sender was opened, else TROTH_REFUSED, with error. */
TROTH_MUST_CHECK
troth_status troth_sender_flush(struct troth_sender *sender);

/* In sender: open, closed, or all bytes zero. */
void troth_sender_close(struct troth_sender *sender);

#endif
