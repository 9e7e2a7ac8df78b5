#include "ops/kafka/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REACH_TIMEOUT_US INT64_C(10000000)

enum {
    MARKS_TIMEOUT_MS = 10000,
    SILENCE_MS = 30000,
    PASS_OVER_MAX = 2000 /* records that are read over rather than asked for anew */
};

troth_status troth_scan_open(struct troth_scan *scan, const struct troth_config *config)
{
    /* The group is never joined; librdkafka wants a name of a consumer all the same. */
    const struct troth_kafka_property needed[] = {
        {"group.id", config->group},           {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},      {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"}, {"auto.offset.reset", "error"},
    };
    /* Who goes from place to place must not wait at each for records that do not come. */
    static const struct troth_kafka_property suggested[] = {
        {"fetch.wait.max.ms", "10"},
        {"fetch.error.backoff.ms", "10"},
        {"socket.nagle.disable", "true"},
    };
    memset(scan, 0, sizeof *scan);
    scan->next = -1;
    const troth_status status = troth_kafka_link_open(
        &scan->link, config, RD_KAFKA_CONSUMER,
        (struct troth_kafka_properties){suggested, sizeof suggested / sizeof suggested[0]},
        (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL,
        scan->error);
    if (status == TROTH_OK) {
        rd_kafka_poll_set_consumer(scan->link.client);
    }
    return status;
}

troth_status troth_scan_reach(struct troth_scan *scan, const char *topic, int32_t *partitions)
{
    return troth_kafka_link_reach(&scan->link, topic, REACH_TIMEOUT_US, partitions, scan->error);
}

static troth_status fail(struct troth_scan *scan, const char *topic, int32_t partition,
                         rd_kafka_resp_err_t code, const char *words)
{
    (void)snprintf(scan->error, sizeof scan->error, "%.200s[%" PRId32 "]: %.200s", topic, partition,
                   troth_kafka_explain_or(code, words));
    return troth_kafka_status(code);
}

troth_status troth_scan_marks(struct troth_scan *scan, const char *topic, int32_t partition,
                              int64_t *low, int64_t *high)
{
    const rd_kafka_resp_err_t code =
        troth_kafka_watermarks(scan->link.client, topic, partition, MARKS_TIMEOUT_MS, low, high);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? TROTH_OK
               : fail(scan, topic, partition, code, rd_kafka_err2str(code));
}

/* Brings the client to an offset: nothing is asked for anew that comes next or soon anyway. */
static troth_status go_to(struct troth_scan *scan, const char *topic, int32_t partition,
                          int64_t from)
{
    if (scan->next >= 0 && from >= scan->next && from - scan->next <= PASS_OVER_MAX &&
        partition == scan->partition && strcmp(topic, scan->topic) == 0) {
        return TROTH_OK;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = from;
    const rd_kafka_resp_err_t code = rd_kafka_assign(scan->link.client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        scan->next = -1;
        return fail(scan, topic, partition, code, rd_kafka_err2str(code));
    }
    scan->next = from;
    scan->partition = partition;
    (void)snprintf(scan->topic, sizeof scan->topic, "%s", topic);
    return TROTH_OK;
}

/* Takes what was polled. Out ended: nothing more is to be read. */
static troth_status take_message(struct troth_scan *scan, const rd_kafka_message_t *message,
                                 int64_t from, int64_t until, troth_scan_take *take, void *context,
                                 bool *ended)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        *ended = message->partition == scan->partition && message->offset >= scan->next;
        return TROTH_OK;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fail(scan, scan->topic, scan->partition, message->err,
                    rd_kafka_message_errstr(message));
    }
    if (message->partition != scan->partition || message->offset < scan->next ||
        strcmp(rd_kafka_topic_name(message->rkt), scan->topic) != 0) {
        return TROTH_OK; /* of an assignment before */
    }
    if (message->offset < until) {
        scan->next = message->offset + 1;
        *ended = message->offset >= from && !take(context, message);
    } else { /* what ends it is not taken, and must be asked for anew */
        scan->next = -1;
        *ended = true;
    }
    return TROTH_OK;
}

troth_status troth_scan_read(struct troth_scan *scan, const char *topic, int32_t partition,
                             int64_t from, int64_t until, troth_scan_take *take, void *context)
{
    if (from >= until) {
        return TROTH_OK;
    }
    troth_status status = go_to(scan, topic, partition, from);
    bool ended = false;
    while (status == TROTH_OK && !ended && scan->next < until) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(scan->link.client, SILENCE_MS);
        if (message == NULL) {
            status = fail(scan, topic, partition, RD_KAFKA_RESP_ERR__TIMED_OUT,
                          "no record and no end came within 30 s");
            break;
        }
        status = take_message(scan, message, from, until, take, context, &ended);
        rd_kafka_message_destroy(message);
    }
    scan->next = status == TROTH_OK ? scan->next : -1;
    return status;
}

void troth_scan_close(struct troth_scan *scan)
{
    if (scan->link.client != NULL) {
        rd_kafka_consumer_close(scan->link.client);
    }
    troth_kafka_link_close(&scan->link);
    scan->next = -1;
}
