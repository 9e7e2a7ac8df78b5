/*
 * Reads partitions from one offset to another, for commands that look at what is recorded:
 * committed records alone, nothing is committed, no group is joined.
 *
 * Threads: one. Memory: the caller owns the scan, which must not move while it is open; a record
 * lives until the callback that gets it returns.
 */
#ifndef TROTH_OPS_KAFKA_SCAN_H
#define TROTH_OPS_KAFKA_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/kafka/link.h"

struct troth_scan {
    struct troth_kafka_link link; /* first: its address is librdkafka's opaque */
    int64_t next;                 /* where the partition below is read on; -1: none is assigned */
    int32_t partition;
    char topic[TROTH_KAFKA_NAME_LENGTH];
    char error[TROTH_KAFKA_ERROR_LENGTH]; /* why the last call failed */
};

/* Takes a record. Returns whether to go on. */
typedef bool troth_scan_take(void *context, const rd_kafka_message_t *message);

/* Makes the client. Returns TROTH_OK, or why not, with the scan's error; it is then closed. */
TROTH_MUST_CHECK
troth_status troth_scan_open(struct troth_scan *scan, const struct troth_config *config);

/* Asks for a topic. Out partitions. Returns as troth_kafka_link_reach. */
TROTH_MUST_CHECK
troth_status troth_scan_reach(struct troth_scan *scan, const char *topic, int32_t *partitions);

/* Out low, high: the first offset that is kept, and one past the last committed one. */
TROTH_MUST_CHECK
troth_status troth_scan_marks(struct troth_scan *scan, const char *topic, int32_t partition,
                              int64_t *low, int64_t *high);

/*
 * Gives the records from one offset on and before another, until take returns false.
 * In from: of the partition's records, or its end. In until: at most its end.
 * Returns TROTH_OK, or TROTH_TIMED_OUT (a broker was silent for 30 s) or what else librdkafka says.
 */
TROTH_MUST_CHECK
troth_status troth_scan_read(struct troth_scan *scan, const char *topic, int32_t partition,
                             int64_t from, int64_t until, troth_scan_take *take, void *context);

/* In scan: open, closed, or all bytes zero. */
void troth_scan_close(struct troth_scan *scan);

#endif
