/*
 * Deletes the records of a partition before an offset, as retention does, for the system tests.
 *
 *   delete_records BOOTSTRAP TOPIC PARTITION OFFSET
 *
 * Exit status 0, or 1 with a message.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 30000 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "delete_records: %s: %s\n", what, why);
    exit(1);
}

static rd_kafka_t *open_client(const char *bootstrap)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, error, sizeof error) !=
        RD_KAFKA_CONF_OK) {
        fail("bootstrap.servers", error);
    }
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (client == NULL) {
        fail("a client", error);
    }
    return client;
}

static void delete_before(rd_kafka_t *client, const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(before, topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(before);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteRecords(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(topic, event != NULL ? rd_kafka_event_error_string(event) : "no answer");
    }
    const rd_kafka_topic_partition_list_t *done =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    if (done->cnt != 1 || done->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(topic, done->cnt == 1 ? rd_kafka_err2str(done->elems[0].err) : "no result");
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(before);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: delete_records BOOTSTRAP TOPIC PARTITION OFFSET\n");
        return 2;
    }
    rd_kafka_t *client = open_client(argv[1]);
    delete_before(client, argv[2], (int32_t)strtol(argv[3], NULL, 10), strtoll(argv[4], NULL, 10));
    rd_kafka_destroy(client);
    return 0;
}
