/*
 * Reads what telemetry holds, partition by partition, for commands that look back at it. Of what
 * was written in transactions, what is committed.
 *
 * Threads: one. Memory: the caller owns the reader, which must not move while it is open; what is
 * given lives until the function that it is given to returns.
 */
#ifndef TROTH_OPS_KAFKA_TELEMETRY_H
#define TROTH_OPS_KAFKA_TELEMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/avro/framing.h"
#include "consumers/partitioner.h"
#include "ops/kafka/link.h"
#include "ops/recording.h"

struct troth_telemetry {
    struct troth_kafka_link link; /* first: its address is librdkafka's opaque */
    char topic[TROTH_KAFKA_NAME_LENGTH];
    int32_t partitions;
    enum troth_partitioner partitioner;
    struct troth_framing *framing;
    struct troth_telemetry_group *group; /* of records that are being given */
    char error[TROTH_KAFKA_ERROR_LENGTH];
};

/* What of a partition is looked at. */
struct troth_telemetry_range {
    int64_t low;   /* the first offset that is kept */
    int64_t first; /* to read; `end` where there is none */
    int64_t end;   /* one past the last to read, as it stood when it was asked for */
};

/* Finds the topic. Returns TROTH_OK, or why not, with error; the reader is to be closed in any
 * case. */
TROTH_MUST_CHECK
troth_status troth_telemetry_open(struct troth_telemetry *telemetry,
                                  const struct troth_config *config);
void troth_telemetry_close(struct troth_telemetry *telemetry);

/*
 * Asks the brokers for the records of a partition within a time: from the first that the log took
 * at or after from_us, up to the first that it took at or after to_us. In from_us: 0: from the
 * beginning. In to_us: INT64_MAX: to the present end. Out range. Returns TROTH_OK, or why not, with
 * error.
 */
TROTH_MUST_CHECK
troth_status troth_telemetry_find(struct troth_telemetry *telemetry, int32_t partition,
                                  int64_t from_us, int64_t to_us,
                                  struct troth_telemetry_range *range);

/*
 * Reads a range, and gives its records in their order; what is no event of the agents' or the
 * engine's stands as none. Stops where `give` returns false.
 * Returns TROTH_OK, also where it was stopped, or why not, with error: some were given then.
 */
TROTH_MUST_CHECK
troth_status troth_telemetry_read(
    struct troth_telemetry *telemetry, int32_t partition, const struct troth_telemetry_range *range,
    bool (*give)(void *context, const struct troth_recorded *recorded), void *context);

#endif
