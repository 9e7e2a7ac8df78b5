/*
 * What the programs share that read topics for the system tests. Whatever fails ends the program:
 * with its name, what failed and why, and exit status 1.
 *
 * Memory: a client is the caller's, to be destroyed. Threads: one.
 */
#ifndef TROTH_TESTS_SYSTEM_READER_H
#define TROTH_TESTS_SYSTEM_READER_H

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MS = 10000 };

static inline void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    exit(1);
}

static inline void require(rd_kafka_resp_err_t code, const char *what)
{
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(what, rd_kafka_err2str(code));
    }
}

/* Returns a consumer that commits nothing on its own and says where a partition ends. In settings:
 * librdkafka's names and values, beside those. */
static inline rd_kafka_t *open_reader(const char *const (*settings)[2], size_t count)
{
    static const char *const every[][2] = {{"enable.auto.commit", "false"},
                                           {"enable.partition.eof", "true"},
                                           {"socket.nagle.disable", "true"},
                                           {"allow.auto.create.topics", "false"}};
    enum { EVERY = sizeof every / sizeof every[0] };
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < EVERY + count; i++) {
        const char *const *setting = i < EVERY ? every[i] : settings[i - EVERY];
        if (rd_kafka_conf_set(conf, setting[0], setting[1], error, sizeof error) !=
            RD_KAFKA_CONF_OK) {
            fail(setting[0], error);
        }
    }
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
    if (client == NULL) {
        fail("client", error);
    }
    rd_kafka_poll_set_consumer(client);
    return client;
}

static inline int32_t count_partitions(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    require(rd_kafka_metadata(client, 0, handle, &metadata, ANSWER_MS), topic);
    require(metadata->topics[0].err, topic);
    const int32_t count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

#endif
