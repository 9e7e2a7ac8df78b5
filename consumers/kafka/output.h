/*
 * What the Kafka log writes with.
 *
 *     kafka/output.c       a producer, that knows what it owes
 *     kafka/transaction.c  transactions of one
 *     kafka/committer.c    the thread that they belong to, and what waits for it
 *
 * Every record's fate is counted by its delivery report, so a commit knows whether all that it
 * covers is in the log.
 *
 * Threads: a producer, and its transactions, belong to one thread at a time.
 */
#ifndef TROTH_CONSUMERS_KAFKA_OUTPUT_H
#define TROTH_CONSUMERS_KAFKA_OUTPUT_H

#include <stdatomic.h>

#include "consumers/kafka/client.h"
#include "consumers/log.h"

/* ---- A producer. ---- */

struct troth_kafka_output {
    struct troth_kafka_voice voice; /* first: librdkafka's opaque points here */
    rd_kafka_t *client;             /* NULL: there is none */
    rd_kafka_topic_t *topics[TROTH_TOPIC_COUNT];
    uint64_t outstanding; /* records that it was given, and that are not acknowledged */
    uint64_t failures;    /* records that could not be delivered */
    size_t record_max;    /* bytes of a record that fit for sure, headers and all */
    char error[TROTH_KAFKA_ERROR_LENGTH]; /* what went wrong last */
};

/* Makes a producer. In output: zero but for its voice. In names: of the topics, by enum
 * troth_topic. In needed: what it must have beside what all must. On failure close it all the
 * same. */
TROTH_MUST_CHECK
troth_status troth_kafka_output_open(struct troth_kafka_output *output,
                                     char (*names)[TROTH_KAFKA_NAME_LENGTH],
                                     struct troth_kafka_properties passed,
                                     struct troth_kafka_properties needed, char *error,
                                     size_t size);

/* Does not wait for what it still owes. */
void troth_kafka_output_close(struct troth_kafka_output *output);

/* Takes the delivery reports that are there. */
void troth_kafka_output_serve(struct troth_kafka_output *output);

/* Whether a record is short enough for it. */
bool troth_kafka_output_fits(const struct troth_kafka_output *output,
                             const struct troth_log_record *record);

/* Gives it a record, copied. Returns TROTH_OK, TROTH_FULL, TROTH_OVER_LIMIT, or TROTH_REFUSED. */
TROTH_MUST_CHECK
troth_status troth_kafka_output_send(struct troth_kafka_output *output,
                                     const struct troth_log_record *record);

/* Waits until what it was given is acknowledged, or has failed. Returns TROTH_OK, TROTH_TIMED_OUT,
 * or TROTH_REFUSED where something of it can never be there. */
TROTH_MUST_CHECK
troth_status troth_kafka_output_flush(struct troth_kafka_output *output, int64_t timeout_us);

/* Returns TROTH_REFUSED where a record has failed, or it will never send again; else TROTH_OK. */
TROTH_MUST_CHECK
troth_status troth_kafka_output_check(struct troth_kafka_output *output);

/* ---- Transactions. ---- */

struct troth_kafka_transactions {
    struct troth_kafka_output output;
    bool begun;           /* one is open */
    troth_status verdict; /* TROTH_OK, or why the producer is of no more use */
};

/* What they are made of; all borrowed for the call, but for `wake`. */
struct troth_kafka_committer_config {
    rd_kafka_t *consumer;                     /* whose session bounds a transaction */
    rd_kafka_queue_t *wake;                   /* told when a commit has ended; outlives it */
    char (*names)[TROTH_KAFKA_NAME_LENGTH];   /* of the topics, by enum troth_topic */
    struct troth_kafka_properties properties; /* passed through */
    const char *partitioner;
    const char *id; /* name of this member's transactions, the same over its restarts */
    struct troth_kafka_voice voice;
};

/* Makes the producer, and fences whoever had its name before; waits at most 30 s. In transactions:
 * zero but for the voice. On failure close it all the same. */
TROTH_MUST_CHECK
troth_status troth_kafka_transactions_open(struct troth_kafka_transactions *transactions,
                                           const struct troth_kafka_committer_config *config,
                                           char *error, size_t size);

/* An open one is aborted. */
void troth_kafka_transactions_close(struct troth_kafka_transactions *transactions);

/* Sends in the open transaction, or one that it begins. Returns TROTH_OK, TROTH_FULL, or the
 * verdict. */
TROTH_MUST_CHECK
troth_status troth_kafka_transaction_send(struct troth_kafka_transactions *transactions,
                                          const struct troth_log_record *record);

/* Returns TROTH_OK, TROTH_TIMED_OUT, or the verdict. */
TROTH_MUST_CHECK
troth_status troth_kafka_transaction_flush(struct troth_kafka_transactions *transactions,
                                           int64_t timeout_us);

/* Ends the open transaction, all of which is acknowledged, with these offsets, all or nothing. In
 * offsets: may be empty. In membership: ours, when the group assigned. Returns TROTH_OK or the
 * verdict. */
TROTH_MUST_CHECK
troth_status troth_kafka_transaction_commit(struct troth_kafka_transactions *transactions,
                                            const rd_kafka_topic_partition_list_t *offsets,
                                            const rd_kafka_consumer_group_metadata_t *membership,
                                            int64_t timeout_us);

/* Aborts the open transaction, whose partitions were taken away; the producer goes on. Returns
 * TROTH_OK or the verdict. */
TROTH_MUST_CHECK
troth_status troth_kafka_transaction_abandon(struct troth_kafka_transactions *transactions);

/* ---- The committer. ---- */

struct troth_kafka_committer;

/* Opens the transactions, and the thread that they belong to. Returns TROTH_OK, or why not, with
 * its text. */
TROTH_MUST_CHECK
troth_status troth_kafka_committer_open(const struct troth_kafka_committer_config *config,
                                        struct troth_kafka_committer **committer, char *error,
                                        size_t size);

/* What is not committed is given up. NULL is fine. */
void troth_kafka_committer_close(struct troth_kafka_committer *committer);

/* Returns TROTH_OK, TROTH_FULL, TROTH_OVER_LIMIT, or the verdict. */
TROTH_MUST_CHECK
troth_status troth_kafka_committer_send(struct troth_kafka_committer *committer,
                                        const struct troth_log_record *record);

/* As log.h has it. */
TROTH_MUST_CHECK
troth_status troth_kafka_committer_flush(struct troth_kafka_committer *committer,
                                         int64_t timeout_us);

/* As log.h has it. In offsets: taken where TROTH_OK is returned. In membership: copied. */
TROTH_MUST_CHECK
troth_status troth_kafka_committer_commit(struct troth_kafka_committer *committer,
                                          rd_kafka_topic_partition_list_t *offsets,
                                          const rd_kafka_consumer_group_metadata_t *membership);
TROTH_MUST_CHECK
troth_status troth_kafka_committer_committed(struct troth_kafka_committer *committer,
                                             int64_t timeout_us);

/* The partitions were taken away: what was sent, and is not committed, is given up; a commit that
 * cannot be stopped any more is waited for, and not told. Returns TROTH_OK or the verdict. */
TROTH_MUST_CHECK
troth_status troth_kafka_committer_abandon(struct troth_kafka_committer *committer);

/* Returns why it is of no more use; never NULL. */
const char *troth_kafka_committer_error(const struct troth_kafka_committer *committer);

#endif
