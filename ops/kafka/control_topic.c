#include "ops/kafka/control_topic.h"

#include <stdio.h>

#include "ops/kafka/link.h"

#define REACH_TIMEOUT_US INT64_C(10000000)
#define READ_TIMEOUT_US  INT64_C(30000000) /* for the whole topic */

struct reading {
    const char *suffix;
    bool (*take)(void *context, const struct troth_control_record *record);
    void *context;
    char *error;
};

static troth_status take_message(const struct reading *reading, const rd_kafka_message_t *message)
{
    struct troth_log_header headers[TROTH_SIGNATURES_MAX];
    struct troth_control_record record = {
        .offset = message->offset,
        .time_us = rd_kafka_message_timestamp(message, NULL) * 1000,
        .key = message->key,
        .key_length = message->key_len,
        .value = message->payload,
        .value_length = message->len,
    };
    troth_control_record_sign(
        &record, headers,
        troth_kafka_headers(message, TROTH_SIGNATURE_HEADER, headers, TROTH_SIGNATURES_MAX));
    if (!reading->take(reading->context, &record)) {
        snprintf(reading->error, TROTH_KAFKA_ERROR_LENGTH, "no memory for the %s topic",
                 reading->suffix);
        return TROTH_NO_MEMORY;
    }
    return TROTH_OK;
}

/* Reads on until the end of the partition is told. */
static troth_status read_records(const struct reading *reading, rd_kafka_t *client)
{
    const int64_t until_us = troth_kafka_monotonic_us() + READ_TIMEOUT_US;
    for (;;) {
        const int64_t left_us = until_us - troth_kafka_monotonic_us();
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(client, troth_kafka_milliseconds(left_us));
        if (message == NULL || left_us <= 0) {
            if (message != NULL) {
                rd_kafka_message_destroy(message);
            }
            snprintf(reading->error, TROTH_KAFKA_ERROR_LENGTH,
                     "the %s topic could not be read whole within %d s", reading->suffix,
                     (int)(READ_TIMEOUT_US / 1000000));
            return TROTH_TIMED_OUT;
        }
        const rd_kafka_resp_err_t code = message->err;
        troth_status status = TROTH_OK;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            status = take_message(reading, message);
        } else if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            snprintf(reading->error, TROTH_KAFKA_ERROR_LENGTH, "the %s topic: %s", reading->suffix,
                     troth_kafka_explain_or(code, rd_kafka_message_errstr(message)));
            status = troth_kafka_status(code);
        }
        rd_kafka_message_destroy(message);
        if (status != TROTH_OK || code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            return status;
        }
    }
}

static troth_status read_from(const struct reading *reading, struct troth_kafka_link *link,
                              const char *name)
{
    troth_status status =
        troth_kafka_link_reach(link, name, REACH_TIMEOUT_US, NULL, reading->error);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    const rd_kafka_resp_err_t code = rd_kafka_assign(link->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(reading->error, TROTH_KAFKA_ERROR_LENGTH, "topic %s: %s", name,
                 troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    return read_records(reading, link->client);
}

troth_status troth_control_topic_read(const struct troth_config *config, const char *suffix,
                                      bool (*take)(void *context,
                                                   const struct troth_control_record *record),
                                      void *context, char *error)
{
    /* The group is never joined; librdkafka wants a name of a consumer all the same. */
    const struct troth_kafka_property needed[] = {
        {"group.id", config->group},           {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},      {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},
    };
    const struct reading reading = {suffix, take, context, error};
    char name[TROTH_KAFKA_NAME_LENGTH];
    struct troth_kafka_link link;
    troth_status status = troth_kafka_link_open(
        &link, config, RD_KAFKA_CONSUMER, (struct troth_kafka_properties){NULL, 0},
        (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL, error);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_poll_set_consumer(link.client);
    status = read_from(&reading, &link, troth_config_topic(config, suffix, name, sizeof name));
    rd_kafka_consumer_close(link.client);
    troth_kafka_link_close(&link);
    return status;
}
