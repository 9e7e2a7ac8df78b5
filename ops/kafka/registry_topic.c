#include "ops/kafka/registry_topic.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/kafka/link.h"

#define REACH_TIMEOUT_US INT64_C(10000000)
#define READ_TIMEOUT_US  INT64_C(30000000) /* for the whole topic */

static void take_record(struct troth_registry_topic *topic, const rd_kafka_message_t *message)
{
    char reason[TROTH_REASON_LENGTH];
    topic->records++;
    const struct troth_control_record record = {
        .offset = message->offset,
        .time_us = rd_kafka_message_timestamp(message, NULL) * 1000,
        .key = message->key,
        .key_length = message->key_len,
        .value = message->payload,
        .value_length = message->len,
    };
    const troth_status status = troth_registry_take(topic->registry, &record, reason);
    if (status != TROTH_OK) {
        if (topic->refusal_count < TROTH_REGISTRY_REFUSALS_MAX) {
            struct troth_registry_refusal *refusal = &topic->refusals[topic->refusal_count];
            refusal->offset = message->offset;
            snprintf(refusal->key, sizeof refusal->key, "%.*s",
                     message->key != NULL ? (int)message->key_len : 0, (const char *)message->key);
            snprintf(refusal->reason, sizeof refusal->reason, "%s", reason);
        }
        topic->refusal_count++;
        return;
    }
    const struct troth_rules *rules = troth_registry_at(topic->registry, message->offset);
    if (rules != NULL) {
        topic->versions[topic->version_count++] =
            (struct troth_registry_version){.contract = rules->contract, .offset = message->offset};
    }
}

/* Reads on until the end of the partition is told. */
static troth_status read_records(struct troth_registry_topic *topic, rd_kafka_t *client,
                                 char *error)
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
            snprintf(error, TROTH_KAFKA_ERROR_LENGTH,
                     "the contracts topic could not be read whole within %d s",
                     (int)(READ_TIMEOUT_US / 1000000));
            return TROTH_TIMED_OUT;
        }
        const rd_kafka_resp_err_t code = message->err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            take_record(topic, message);
        } else if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "the contracts topic: %s",
                     troth_kafka_explain_or(code, rd_kafka_message_errstr(message)));
        }
        rd_kafka_message_destroy(message);
        if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            return TROTH_OK;
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return troth_kafka_status(code);
        }
    }
}

static troth_status read_from(struct troth_registry_topic *topic, struct troth_kafka_link *link,
                              const char *name, char *error)
{
    troth_status status = troth_kafka_link_reach(link, name, REACH_TIMEOUT_US, NULL, error);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    const rd_kafka_resp_err_t code = rd_kafka_assign(link->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "topic %s: %s", name, troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    return read_records(topic, link->client, error);
}

troth_status troth_registry_topic_read(struct troth_registry_topic *topic,
                                       const struct troth_config *config, char *error)
{
    /* The group is never joined; librdkafka wants a name of a consumer all the same. */
    const struct troth_kafka_property needed[] = {
        {"group.id", config->group},           {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},      {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},
    };
    char name[TROTH_KAFKA_NAME_LENGTH];
    struct troth_kafka_link link;
    memset(topic, 0, sizeof *topic);
    topic->registry = troth_registry_create();
    topic->versions = calloc(TROTH_VERSIONS_MAX, sizeof *topic->versions);
    if (topic->registry == NULL || topic->versions == NULL) {
        snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "no memory for the contracts");
        return TROTH_NO_MEMORY;
    }
    troth_status status = troth_kafka_link_open(
        &link, config, RD_KAFKA_CONSUMER, (struct troth_kafka_properties){NULL, 0},
        (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL, error);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_poll_set_consumer(link.client);
    status =
        read_from(topic, &link, troth_config_topic(config, "contracts", name, sizeof name), error);
    rd_kafka_consumer_close(link.client);
    troth_kafka_link_close(&link);
    return status;
}

void troth_registry_topic_fini(struct troth_registry_topic *topic)
{
    troth_registry_destroy(topic->registry);
    free(topic->versions);
    memset(topic, 0, sizeof *topic);
}

const struct troth_registry_version *
troth_registry_topic_find(const struct troth_registry_topic *topic, const char *name,
                          int64_t version)
{
    for (size_t i = 0; i < topic->version_count; i++) {
        const struct troth_contract *contract = topic->versions[i].contract;
        if (contract->version == version && strcmp(contract->name, name) == 0) {
            return &topic->versions[i];
        }
    }
    return NULL;
}

int64_t troth_registry_topic_in_force(const struct troth_registry_topic *topic, const char *name)
{
    const struct troth_in_force *list;
    const size_t count = troth_registry_in_force(topic->registry, &list);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return list[i].version;
        }
    }
    return 0;
}
