/*
 * The floor under the engine: a consumer that takes the records of a topic from librdkafka in
 * batches, counts them, and touches nothing else.
 *
 *   bench_bare [--config FILE] [TOPIC]     TOPIC: telemetry (default), rejects, interventions
 *
 *   bare_records   records of all partitions, from the first to where the log ends
 *
 * What makes it the strongest baseline: the batch call of 4,096 on one queue, the properties of
 * consumers/kafka_open.c and the allocator, as the engine has them; but neither a group nor a
 * rebalance callback, no producer, and a batch call that may wait until its array is full.
 */
#include "bench/bench.h"

#include <inttypes.h>
#include <unistd.h>

#include "consumers/log.h"
#include "ops/kafka_link.h"
#include "ops/message.h"
#include "ops/options.h"

enum { WAIT_MS = 50, REACH_US = 10000000, SILENCE_MAX = 600 /* waits without a record */ };

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

/* Reads until every partition has been at its end. Returns whether it came to that. */
static bool drain(rd_kafka_queue_t *queue, int32_t partitions, uint64_t *records)
{
    static rd_kafka_message_t *held[TROTH_BATCH_MAX];
    int32_t ended = 0;
    unsigned silence = 0;
    while (ended < partitions && silence < SILENCE_MAX) {
        const ssize_t count = rd_kafka_consume_batch_queue(queue, WAIT_MS, held, TROTH_BATCH_MAX);
        silence = count > 0 ? 0 : silence + 1;
        for (ssize_t i = 0; i < count; i++) {
            if (held[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                (*records)++;
            } else if (held[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                ended++;
            } else {
                troth_message_error("%s", rd_kafka_message_errstr(held[i]));
            }
            rd_kafka_message_destroy(held[i]);
        }
    }
    return ended == partitions;
}

static bool count_records(struct troth_kafka_link *link, const char *topic, int32_t partitions)
{
    uint64_t records = 0;
    (void)rd_kafka_poll_set_consumer(link->client);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(link->client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t p = 0; p < partitions; p++) {
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    const rd_kafka_resp_err_t code = rd_kafka_assign(link->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    const bool done = code == RD_KAFKA_RESP_ERR_NO_ERROR && drain(queue, partitions, &records);
    if (done) {
        printf("bare_records %" PRIu64 " records\n", records);
    } else {
        troth_message_error("topic %s could not be read to its end after %" PRIu64 " records: %s",
                            topic, records, rd_kafka_err2str(code));
    }
    (void)rd_kafka_assign(link->client, NULL);
    rd_kafka_queue_destroy(queue);
    (void)rd_kafka_consumer_close(link->client);
    return done;
}

static bool read_topic(const struct troth_config *config, const char *suffix)
{
    char topic[TROTH_KAFKA_NAME_LENGTH];
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    struct troth_kafka_link link;
    int32_t partitions = 0;
    (void)troth_config_topic(config, suffix, topic, sizeof topic);
    if (troth_kafka_link_open(
            &link, config, RD_KAFKA_CONSUMER,
            (struct troth_kafka_properties){suggested, sizeof suggested / sizeof suggested[0]},
            (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL,
            error) != TROTH_OK) {
        troth_message_error("%s", error);
        return false;
    }
    bool done = false;
    if (troth_kafka_link_reach(&link, topic, REACH_US, &partitions, error) == TROTH_OK) {
        done = count_records(&link, topic, partitions);
    } else {
        troth_message_error("%s", error);
    }
    troth_kafka_link_close(&link);
    return done;
}

int main(int argc, char **argv)
{
    static struct troth_common_options common;
    struct troth_config config;
    troth_message_setup("bench_bare", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_take_common(&argc, argv, &common) != TROTH_OK || argc > 2) {
        fputs("usage: bench_bare [--config FILE] [TOPIC]\n", stderr);
        return 2;
    }
    common.request.environment = environ;
    bool done = false;
    if (troth_config_load(&config, &common.request) == TROTH_OK) {
        done = read_topic(&config, argc == 2 ? argv[1] : "telemetry");
    }
    troth_config_fini(&config);
    return done ? 0 : 1;
}
