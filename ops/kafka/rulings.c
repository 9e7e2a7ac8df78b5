#include "ops/kafka/rulings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REACH_TIMEOUT_US INT64_C(10000000)

enum { MARKS_TIMEOUT_MS = 10000 };

/* Assigns every partition of the topic, each from its end. */
static troth_status assign(struct troth_rulings *rulings, const char *topic, int32_t partitions,
                           char *error)
{
    rd_kafka_t *client = rulings->link.client;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int32_t i = 0; i < partitions && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        int64_t low = 0;
        int64_t high = 0;
        code = troth_kafka_watermarks(client, topic, i, MARKS_TIMEOUT_MS, &low, &high);
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = high;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_assign(client, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "topic %s: %s", topic, rd_kafka_err2str(code));
    }
    return troth_kafka_status(code);
}

troth_status troth_rulings_open(struct troth_rulings *rulings, const struct troth_config *config,
                                char error[TROTH_KAFKA_ERROR_LENGTH])
{
    /* The group is never joined; librdkafka wants a name of a consumer all the same. */
    const struct troth_kafka_property needed[] = {
        {"group.id", config->group},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},
    };
    char topic[TROTH_KAFKA_NAME_LENGTH];
    int32_t partitions = 0;
    troth_status status = troth_kafka_link_open(
        &rulings->link, config, RD_KAFKA_CONSUMER, (struct troth_kafka_properties){NULL, 0},
        (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL, error);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_poll_set_consumer(rulings->link.client);
    troth_config_topic(config, "interventions", topic, sizeof topic);
    status = troth_kafka_link_reach(&rulings->link, topic, REACH_TIMEOUT_US, &partitions, error);
    if (status == TROTH_OK) {
        status = assign(rulings, topic, partitions, error);
    }
    if (status != TROTH_OK) {
        troth_rulings_close(rulings);
    }
    return status;
}

/* The ruling on that decision, or NULL where the record is another. */
static json_t *read_ruling(const rd_kafka_message_t *message, const char *id)
{
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || message->payload == NULL) {
        return NULL;
    }
    json_t *object = json_loadb(message->payload, message->len, 0, NULL);
    const char *decision = json_string_value(json_object_get(object, "decision"));
    const bool ruling = json_object_get(object, "ruling") != NULL;
    if (!ruling || decision == NULL || strcmp(decision, id) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *troth_rulings_wait(struct troth_rulings *rulings, const char *id, int64_t timeout_us)
{
    const int64_t end_us = troth_kafka_monotonic_us() + timeout_us;
    json_t *ruling = NULL;
    for (int64_t left_us = timeout_us; ruling == NULL && left_us > 0;
         left_us = end_us - troth_kafka_monotonic_us()) {
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(rulings->link.client, troth_kafka_milliseconds(left_us));
        if (message != NULL) {
            ruling = read_ruling(message, id);
            rd_kafka_message_destroy(message);
        }
    }
    return ruling;
}

void troth_rulings_close(struct troth_rulings *rulings)
{
    if (rulings->link.client != NULL) {
        rd_kafka_consumer_close(rulings->link.client);
    }
    troth_kafka_link_close(&rulings->link);
}
