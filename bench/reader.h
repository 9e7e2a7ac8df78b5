/*
 * A topic read from all its partitions at once, as fast as librdkafka gives it: what the benches
 * that are no engine read with. The properties of consumers/kafka/open.c and the allocator, as the
 * engine has them; but neither a group nor a rebalance callback, and no producer.
 *
 * Threads: one. Memory: the caller owns the reader, which must not move while it is open.
 */
#ifndef TROTH_BENCH_READER_H
#define TROTH_BENCH_READER_H

#include "bench/bench.h"

#include "consumers/log.h"
#include "ops/kafka/link.h"
#include "ops/message.h"

enum {
    BENCH_READER_WAIT_MS = 50,      /* a batch call may wait until its array is full */
    BENCH_READER_SILENCE_MAX = 600, /* such waits without a record, until a topic has no end */
    BENCH_READER_REACH_US = 10000000
};

struct bench_reader {
    struct troth_kafka_link link;
    rd_kafka_queue_t *queue;
    int32_t partitions;
    int32_t ended; /* of them, that have been at their end */
    char topic[TROTH_KAFKA_NAME_LENGTH];
    rd_kafka_message_t *held[TROTH_BATCH_MAX];
};

static inline void bench_reader_close(struct bench_reader *reader)
{
    if (reader->queue != NULL) {
        (void)rd_kafka_assign(reader->link.client, NULL);
        rd_kafka_queue_destroy(reader->queue);
        (void)rd_kafka_consumer_close(reader->link.client);
    }
    troth_kafka_link_close(&reader->link);
}

/* In from: RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END. Returns whether it reads; else it was
 * told why not, and the reader is closed. */
static inline bool bench_reader_open(struct bench_reader *reader, const struct troth_config *config,
                                     const char *suffix, int64_t from)
{
    static const struct troth_kafka_property suggested[] = {
        {"client.id", "bare"},
        {"socket.nagle.disable", "true"},
        {"check.crcs", "true"},
        {"fetch.error.backoff.ms", "20"},
        {"reconnect.backoff.max.ms", "1000"},
        {"queued.min.messages", "32768"},
        {"queued.max.messages.kbytes", "32768"},
    };
    static const struct troth_kafka_property needed[] = {
        {"group.id", "bare"}, /* never joined: partitions are assigned by hand */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "error"},
        {"allow.auto.create.topics", "false"},
    };
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    memset(reader, 0, sizeof *reader);
    (void)troth_config_topic(config, suffix, reader->topic, sizeof reader->topic);
    if (troth_kafka_link_open(
            &reader->link, config, RD_KAFKA_CONSUMER,
            (struct troth_kafka_properties){suggested, sizeof suggested / sizeof suggested[0]},
            (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL,
            error) != TROTH_OK ||
        troth_kafka_link_reach(&reader->link, reader->topic, BENCH_READER_REACH_US,
                               &reader->partitions, error) != TROTH_OK) {
        troth_message_error("%s", error);
        bench_reader_close(reader);
        return false;
    }
    (void)rd_kafka_poll_set_consumer(reader->link.client);
    reader->queue = rd_kafka_queue_get_consumer(reader->link.client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(reader->partitions);
    for (int32_t p = 0; p < reader->partitions; p++) {
        rd_kafka_topic_partition_list_add(list, reader->topic, p)->offset = from;
    }
    const rd_kafka_resp_err_t code = rd_kafka_assign(reader->link.client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_message_error("topic %s: %s", reader->topic, rd_kafka_err2str(code));
        bench_reader_close(reader);
        return false;
    }
    return true;
}

/* Takes what there is, at most `capacity` messages, waiting at most wait_ms until they are so many.
 * In take: is given each record, which it must not keep. Returns how many messages came. */
static inline size_t bench_reader_take(struct bench_reader *reader, int wait_ms, size_t capacity,
                                       void (*take)(void *context, const rd_kafka_message_t *),
                                       void *context)
{
    const ssize_t count =
        rd_kafka_consume_batch_queue(reader->queue, wait_ms, reader->held, capacity);
    for (ssize_t i = 0; i < count; i++) {
        rd_kafka_message_t *message = reader->held[i];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            take(context, message);
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            reader->ended++;
        } else {
            troth_message_error("%s", rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    return count > 0 ? (size_t)count : 0;
}

/* Reads until every partition has been at its end. Returns whether it came to that; else it was
 * told. */
static inline bool bench_reader_drain(struct bench_reader *reader,
                                      void (*take)(void *context, const rd_kafka_message_t *),
                                      void *context)
{
    unsigned silence = 0;
    while (reader->ended < reader->partitions && silence < BENCH_READER_SILENCE_MAX) {
        const size_t count =
            bench_reader_take(reader, BENCH_READER_WAIT_MS, TROTH_BATCH_MAX, take, context);
        silence = count > 0 ? 0 : silence + 1;
    }
    if (reader->ended < reader->partitions) {
        troth_message_error("topic %s could not be read to its end", reader->topic);
    }
    return reader->ended >= reader->partitions;
}

#endif
