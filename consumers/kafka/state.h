/*
 * Inside of the Kafka log: what its files share (kafka/log.c: poll, extent, commit;
 * kafka/fetch.c: takes records from librdkafka; kafka/assignment.c: who reads what from where;
 * kafka/write.c: sends and commits; kafka/back.c: reads single records again; kafka/open.c). What
 * it writes with is kafka/output.h's.
 */
#ifndef TROTH_CONSUMERS_KAFKA_STATE_H
#define TROTH_CONSUMERS_KAFKA_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/kafka/client.h"
#include "consumers/kafka/output.h"
#include "consumers/log.h"

/* One partition that is, or may be, read. */
struct troth_kafka_reading {
    bool assigned; /* ours, by the group; always for control topics that are read */
    bool started;  /* records may be given */
    bool ended;    /* control: END was given */
    bool exact;    /* started again: no record but that at `next` may be given next */
    int64_t next;  /* the least offset that may be given */
    int64_t end;   /* control: the high watermark, when it was last asked for */
};

/* An item that is not a record, waiting to be given. */
struct troth_kafka_event {
    uint8_t kind;
    uint8_t topic;
    int32_t partition;
};

struct troth_kafka_state {
    struct troth_kafka_voice voice; /* first: librdkafka's opaque points here */
    struct troth_log log;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;                    /* the consumer's */
    rd_kafka_queue_t *commit_queue;             /* answers to commits */
    struct troth_kafka_output plain;            /* questions go over its connections, too */
    struct troth_kafka_committer *committer;    /* NULL where all is plain */
    rd_kafka_topic_t *reads[TROTH_TOPIC_COUNT]; /* the consumer's; NULL: not read */
    char names[TROTH_TOPIC_COUNT][TROTH_KAFKA_NAME_LENGTH];

    int32_t partition_count;
    struct troth_kafka_reading *telemetry;                 /* by partition */
    struct troth_kafka_reading *standings;                 /* likewise, of the standings topic */
    struct troth_kafka_reading control[TROTH_TOPIC_COUNT]; /* partition 0 */
    bool joined;          /* the group has assigned (perhaps nothing), and not revoked since */
    bool unassign_due;    /* revoked; answered once all REVOKED items were given */
    bool assign_due;      /* what is read, or from where, has changed */
    int64_t assign_by_us; /* monotonic: that waits until then, while standings are recalled */
    bool closing;
    int64_t close_us;    /* how long closing is waited for */
    bool create_time;    /* by configuration: telemetry bears its emitters' time */
    bool warned_of_time; /* that it does, against the configuration */
    rd_kafka_consumer_group_metadata_t *membership; /* taken when the group assigned */

    struct troth_kafka_event *events; /* 2 a partition and 1 a control topic */
    size_t event_count;
    size_t event_capacity;

    rd_kafka_t *back;                 /* reads single records again; NULL: none was asked for yet */
    rd_kafka_message_t *back_message; /* lent to the caller until the next */

    rd_kafka_message_t *held[TROTH_BATCH_MAX]; /* lent to the caller until the next poll */
    size_t held_count;
    size_t asked;          /* the one whose headers were asked for last */
    int64_t taken_records; /* since librdkafka's fetching was woken */
    int64_t taken_bytes;
    int64_t wake_records; /* it is woken after so many, */
    int64_t wake_bytes;   /* or so many bytes */

    troth_status verdict;   /* to be returned by the next poll */
    bool verdict_for_good;  /* and by every later one */
    int64_t down_since_us;  /* monotonic, all brokers; 0: not known to be down */
    int64_t probed_us;      /* monotonic: last time that we asked */
    uint64_t commit_number; /* so that a late answer is told from the one waited for */

    bool abort_due; /* what was sent is of partitions that are not ours any more */
    char error[TROTH_KAFKA_ERROR_LENGTH];
};

/* The interface, filled in. */
extern const struct troth_log troth_kafka_log_calls;

/* librdkafka's error callback of the consumer. */
void troth_kafka_log_on_error(rd_kafka_t *client, int error, const char *reason, void *opaque);

/* kafka/fetch.c. Of the configuration of state->consumer: when its fetching is to be woken. */
void troth_kafka_fetch_setup(struct troth_kafka_state *state);

/* Holds what there is, at most `capacity` records; where there is none, waits for the first. */
void troth_kafka_fetch(struct troth_kafka_state *state, int timeout_ms, size_t capacity);

/* Gives back the records that the caller was lent. */
void troth_kafka_fetch_release(struct troth_kafka_state *state);

/* Closes and frees what is there, however long that takes. NULL is fine. */
void troth_kafka_state_destroy(struct troth_kafka_state *state);

/* The same, in close_us or a little more; what has not ended then is left behind, and said. */
void troth_kafka_state_close(struct troth_kafka_state *state);

/* Remembers what went wrong, for error(). */
__attribute__((format(printf, 2, 3))) void troth_kafka_note(struct troth_kafka_state *state,
                                                            const char *format, ...);

/* Answers the group and librdkafka for what changed since the poll before. */
TROTH_MUST_CHECK
troth_status troth_kafka_assignment_settle(struct troth_kafka_state *state);

/* librdkafka's rebalance callback. */
void troth_kafka_assignment_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t error,
                                         rd_kafka_topic_partition_list_t *partitions, void *opaque);

/* Puts an END, or drops it where it was given. */
void troth_kafka_assignment_end(struct troth_kafka_state *state, enum troth_topic topic);

/* What is read is to change: now, or where that can wait, when no standings are recalled any more,
 * or GATHER_US have passed. */
void troth_kafka_assignment_change(struct troth_kafka_state *state, bool can_wait);

/* An END is to be put again; one that waits to be given is not given. */
void troth_kafka_assignment_reopen(struct troth_kafka_state *state, enum troth_topic topic);

/* Gives waiting events. Returns how many. */
size_t troth_kafka_assignment_give(struct troth_kafka_state *state, struct troth_log_item *items,
                                   size_t capacity);

/* Out low, high: the first offset that is kept, and one past the last. Tries again what passes (a
 * leader that is new or moves), until the timeout. */
rd_kafka_resp_err_t troth_kafka_reading_extent(struct troth_kafka_state *state,
                                               enum troth_topic topic, int32_t partition,
                                               int64_t timeout_us, int64_t *low, int64_t *high);

/* Goes on after an offset that the partition does not hold. */
void troth_kafka_assignment_mend(struct troth_kafka_state *state, enum troth_topic topic,
                                 int32_t partition);

/* Out topic. Returns the reading of a record's partition, or NULL where it is none of ours. */
struct troth_kafka_reading *troth_kafka_reading_find(struct troth_kafka_state *state,
                                                     const rd_kafka_topic_t *handle,
                                                     int32_t partition, enum troth_topic *topic);

/* Out item: of a record that librdkafka gave; points into it. */
void troth_kafka_item(const rd_kafka_message_t *message, enum troth_topic topic,
                      struct troth_log_item *item);

/* kafka/back.c. The call that reads a record again, and the end of it. */
troth_status troth_kafka_log_read_back(struct troth_log *log, int32_t partition, int64_t offset,
                                       int64_t timeout_us, struct troth_log_item *item);
void troth_kafka_back_close(struct troth_kafka_state *state);

/* kafka/headers.c. The call that reads headers. */
size_t troth_kafka_log_headers(struct troth_log *log, const struct troth_log_item *item,
                               const char *name, struct troth_log_header *headers, size_t capacity);

/* kafka/write.c. The calls that send and commit. */
troth_status troth_kafka_log_send(struct troth_log *log, const struct troth_log_record *record);
troth_status troth_kafka_log_flush(struct troth_log *log, int64_t timeout_us);
troth_status troth_kafka_log_commit(struct troth_log *log, const struct troth_log_offset *offsets,
                                    size_t count, int64_t timeout_us);
troth_status troth_kafka_log_committed(struct troth_log *log, int64_t timeout_us);

/* What was sent is of partitions that were taken away. Returns TROTH_OK or why nothing can be sent
 * any more. */
TROTH_MUST_CHECK
troth_status troth_kafka_write_abandon(struct troth_kafka_state *state);

/* Returns the reading of a partition that is assigned, or NULL and a note. */
struct troth_kafka_reading *troth_kafka_log_owned(struct troth_kafka_state *state,
                                                  int32_t partition);

/* Returns the log's inside. */
struct troth_kafka_state *troth_kafka_state_of(struct troth_log *log);

#endif
