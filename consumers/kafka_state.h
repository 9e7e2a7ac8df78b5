/*
 * Inside of the Kafka log: what its files share (kafka_log.c: poll, extent, commit;
 * kafka_fetch.c: takes records from librdkafka; kafka_assignment.c: who reads what from where;
 * kafka_output.c: the producers; kafka_transaction.c: begins and ends transactions; kafka_open.c).
 */
#ifndef TROTH_CONSUMERS_KAFKA_STATE_H
#define TROTH_CONSUMERS_KAFKA_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/kafka_client.h"
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

/* A producer, and what it owes. */
struct troth_kafka_output {
    rd_kafka_t *client;                          /* NULL: there is none */
    rd_kafka_topic_t *topics[TROTH_TOPIC_COUNT]; /* its handles */
    uint64_t outstanding;                        /* records sent and not acknowledged */
    uint64_t failures;                           /* records that could not be delivered */
};

struct troth_kafka_state {
    struct troth_kafka_voice voice; /* first: librdkafka's opaque points here */
    struct troth_log log;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;                    /* the consumer's */
    rd_kafka_queue_t *commit_queue;             /* answers to commits */
    struct troth_kafka_output plain;            /* questions go over its connections, too */
    struct troth_kafka_output transactional;    /* without a client where all is plain */
    rd_kafka_topic_t *reads[TROTH_TOPIC_COUNT]; /* the consumer's; NULL: not read */
    char names[TROTH_TOPIC_COUNT][TROTH_KAFKA_NAME_LENGTH];

    int32_t partition_count;
    struct troth_kafka_reading *telemetry;                 /* by partition */
    struct troth_kafka_reading *standings;                 /* likewise, of the standings topic */
    struct troth_kafka_reading control[TROTH_TOPIC_COUNT]; /* partition 0 */
    bool joined;       /* the group has assigned (perhaps nothing), and not revoked since */
    bool unassign_due; /* revoked; answered once all REVOKED items were given */
    bool assign_due;   /* what is read, or from where, has changed */
    bool closing;
    bool create_time;    /* by configuration: telemetry bears its emitters' time */
    bool warned_of_time; /* that it does, against the configuration */
    rd_kafka_consumer_group_metadata_t *membership; /* taken when the group assigned */

    struct troth_kafka_event *events; /* 2 a partition and 1 a control topic */
    size_t event_count;
    size_t event_capacity;

    rd_kafka_message_t *held[TROTH_BATCH_MAX]; /* lent to the caller until the next poll */
    size_t held_count;
    int64_t taken_records; /* since librdkafka's fetching was woken */
    int64_t taken_bytes;
    int64_t wake_records; /* it is woken after so many, */
    int64_t wake_bytes;   /* or so many bytes */

    troth_status verdict;   /* to be returned by the next poll */
    bool verdict_for_good;  /* and by every later one */
    int64_t down_since_us;  /* monotonic, all brokers; 0: not known to be down */
    int64_t probed_us;      /* monotonic: last time that we asked */
    uint64_t commit_number; /* so that a late answer is told from the one waited for */

    bool in_transaction;         /* one is open */
    bool abort_due;              /* what it covers is not ours any more */
    troth_status output_verdict; /* TROTH_OK, or why the transactional producer is of no more use */
    char error[TROTH_KAFKA_ERROR_LENGTH];
};

/* The interface, filled in. */
extern const struct troth_log troth_kafka_log_calls;

/* librdkafka's error callback of the consumer. */
void troth_kafka_log_on_error(rd_kafka_t *client, int error, const char *reason, void *opaque);

/* kafka_fetch.c. Of the configuration of state->consumer: when its fetching is to be woken. */
void troth_kafka_fetch_setup(struct troth_kafka_state *state);

/* Holds what there is, at most `capacity` records; where there is none, waits for the first. */
void troth_kafka_fetch(struct troth_kafka_state *state, int timeout_ms, size_t capacity);

/* Gives back the records that the caller was lent. */
void troth_kafka_fetch_release(struct troth_kafka_state *state);

/* Closes and frees what is there. NULL is fine. */
void troth_kafka_state_destroy(struct troth_kafka_state *state);

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

/* kafka_output.c. Makes a producer, one of state's two. In needed: what it must have beside what
 * both must. */
TROTH_MUST_CHECK
troth_status troth_kafka_output_open(struct troth_kafka_state *state,
                                     struct troth_kafka_output *output,
                                     struct troth_kafka_properties passed,
                                     struct troth_kafka_properties needed, char *error,
                                     size_t size);

/* Closes both producers; an open transaction is aborted. */
void troth_kafka_output_close(struct troth_kafka_state *state);

/* Takes the delivery reports that are there. */
void troth_kafka_output_serve(struct troth_kafka_state *state);

TROTH_MUST_CHECK
troth_status troth_kafka_output_send(struct troth_kafka_state *state,
                                     const struct troth_log_record *record);

/* Waits until what both producers were given is acknowledged. */
TROTH_MUST_CHECK
troth_status troth_kafka_output_flush(struct troth_kafka_state *state, int64_t timeout_us);

/* kafka_transaction.c. Makes the transactional producer, and fences whoever had its name before;
 * waits at most 30 s. Needs the consumer, whose session bounds a transaction. In id: the name of
 * this member's transactions, the same over its restarts. */
TROTH_MUST_CHECK
troth_status troth_kafka_transaction_open(struct troth_kafka_state *state,
                                          struct troth_kafka_properties passed,
                                          const char *partitioner, const char *id, char *error,
                                          size_t size);

/* Begins a transaction where none is open. */
TROTH_MUST_CHECK
troth_status troth_kafka_transaction_begin(struct troth_kafka_state *state);

/* Ends the open transaction with these offsets, all or nothing. In offsets: may be empty. */
TROTH_MUST_CHECK
troth_status troth_kafka_transaction_commit(struct troth_kafka_state *state,
                                            const rd_kafka_topic_partition_list_t *offsets,
                                            int64_t deadline_us);

/* Aborts the open transaction, whose partitions were taken away; the producer goes on. */
TROTH_MUST_CHECK
troth_status troth_kafka_transaction_abandon(struct troth_kafka_state *state);

/* Aborts the open transaction where that can still be done; the producer is of no more use. Returns
 * the verdict: the given one, or that of a fatal error. */
troth_status troth_kafka_transaction_give_up(struct troth_kafka_state *state, troth_status verdict);

#endif
