/*
 * Makes one topic, for the system tests: also one that Troth must refuse.
 *
 *   make_topic BOOTSTRAP TOPIC PARTITIONS [SETTING=VALUE]...
 *
 * Returns when the broker tells it to others. Exit status 0, or 1 with a message.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 20000, TRIES_MAX = 200, TRY_MS = 50 };

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "make_topic: %s: %s\n", what, why);
    exit(1);
}

static rd_kafka_t *open_client(const char *bootstrap)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, error, sizeof error) !=
        RD_KAFKA_CONF_OK) {
        fail(bootstrap, error);
    }
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (client == NULL) {
        fail("client", error);
    }
    return client;
}

static rd_kafka_NewTopic_t *describe(char **argv, int argc)
{
    char error[512];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(argv[2], (int)strtol(argv[3], NULL, 10), 1, error, sizeof error);
    if (topic == NULL) {
        fail(argv[2], error);
    }
    for (int i = 4; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL) {
            fail(argv[i], "it must be SETTING=VALUE");
        }
        *equals = '\0';
        if (rd_kafka_NewTopic_set_config(topic, argv[i], equals + 1) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            fail(argv[i], "cannot be set");
        }
    }
    return topic;
}

static void create(rd_kafka_t *client, rd_kafka_NewTopic_t *topic, const char *name)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    if (event == NULL) {
        fail(name, "no answer");
    }
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(name, rd_kafka_event_error_string(event));
    }
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    if (count != 1 || rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(name, count == 1 ? rd_kafka_topic_result_error_string(results[0]) : "no result");
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

static bool is_known(rd_kafka_t *client, rd_kafka_topic_t *handle)
{
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(client, 0, handle, &metadata, ANSWER_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    const bool known = metadata->topic_cnt == 1 && metadata->topics[0].partition_cnt > 0 &&
                       metadata->topics[0].partitions[0].leader >= 0;
    rd_kafka_metadata_destroy(metadata);
    return known;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        (void)fputs("usage: make_topic BOOTSTRAP TOPIC PARTITIONS [SETTING=VALUE]...\n", stderr);
        return 2;
    }
    rd_kafka_t *client = open_client(argv[1]);
    rd_kafka_NewTopic_t *topic = describe(argv, argc);
    create(client, topic, argv[2]);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, argv[2], NULL);
    bool known = false;
    for (int i = 0; i < TRIES_MAX && !known; i++) {
        known = is_known(client, handle);
        rd_kafka_poll(client, known ? 0 : TRY_MS);
    }
    if (!known) {
        fail(argv[2], "made, but the broker does not tell it");
    }
    rd_kafka_topic_destroy(handle);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(client);
    return 0;
}
