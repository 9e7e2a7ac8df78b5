#include "ops/kafka/ledgers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/week_record.h"
#include "ops/kafka/link.h"
#include "ops/progress.h"

#define REACH_TIMEOUT_US INT64_C(10000000)
#define QUIET_US         INT64_C(30000000) /* without a record */

enum { PARTITION_TEXT_MAX = 16 };

/* Returns the object under a name, made where it is not there. */
static json_t *object_in(json_t *object, const char *name)
{
    json_t *inner = json_object_get(object, name);
    if (inner == NULL) {
        inner = json_object();
        json_object_set_new(object, name, inner);
    }
    return inner;
}

/* Keeps a record that is of the contract and one of the two weeks; a later one takes its place. */
static void take_record(struct troth_ledgers *ledgers, const rd_kafka_message_t *message)
{
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    char label[TROTH_WEEK_LABEL_LENGTH];
    char partition[PARTITION_TEXT_MAX];
    struct troth_text name;
    int64_t number = -1;
    ledgers->read++;
    if (message->key == NULL ||
        !troth_week_key_read(message->key, message->key_len, &name, &number)) {
        return;
    }
    snprintf(contract, sizeof contract, "%.*s", (int)name.length, name.data);
    if (ledgers->contract != NULL && strcmp(contract, ledgers->contract) != 0) {
        return;
    }
    ledgers->first = ledgers->first < 0 || number < ledgers->first ? number : ledgers->first;
    ledgers->last = number > ledgers->last ? number : ledgers->last;
    if (number != ledgers->number && number != ledgers->number - 1) {
        return;
    }
    troth_week_label(number, label);
    snprintf(partition, sizeof partition, "%" PRId32, message->partition);
    json_t *week = object_in(object_in(ledgers->records, contract), label);
    if (message->payload == NULL) {
        (void)json_object_del(week, partition);
        return;
    }
    json_t *text = json_stringn(message->payload, message->len);
    json_object_set_new(week, partition, text != NULL ? text : json_string("not UTF-8"));
}

/* Reads on until each partition's end was told. */
static troth_status read_records(struct troth_ledgers *ledgers, rd_kafka_t *client,
                                 const char *topic, char *error)
{
    struct troth_progress progress;
    int64_t until_us = troth_kafka_monotonic_us() + QUIET_US;
    int32_t ended = 0;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    troth_progress_start(&progress, "records");
    while (ended < ledgers->partitions && code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const int64_t left_us = until_us - troth_kafka_monotonic_us();
        rd_kafka_message_t *message =
            left_us > 0 ? rd_kafka_consumer_poll(client, troth_kafka_milliseconds(left_us)) : NULL;
        if (message == NULL) {
            code = RD_KAFKA_RESP_ERR__TIMED_OUT;
            snprintf(error, TROTH_KAFKA_ERROR_LENGTH,
                     "topic %s: nothing came for %d s; %" PRId32 " of %" PRId32
                     " partitions were read to their end",
                     topic, (int)(QUIET_US / 1000000), ended, ledgers->partitions);
            break;
        }
        until_us = troth_kafka_monotonic_us() + QUIET_US;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            take_record(ledgers, message);
            troth_progress_show(&progress, ledgers->read);
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            /* Its records go on to come; they are of after this. Paused, it tells its end once. */
            rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
            rd_kafka_topic_partition_list_add(list, topic, message->partition);
            (void)rd_kafka_pause_partitions(client, list);
            rd_kafka_topic_partition_list_destroy(list);
            ended++;
        } else {
            code = message->err;
            snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "topic %s: %s", topic,
                     troth_kafka_explain_or(code, rd_kafka_message_errstr(message)));
        }
        rd_kafka_message_destroy(message);
    }
    (void)troth_progress_end(&progress);
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT ? TROTH_TIMED_OUT : troth_kafka_status(code);
}

static troth_status read_from(struct troth_ledgers *ledgers, struct troth_kafka_link *link,
                              const char *topic, char *error)
{
    const troth_status status =
        troth_kafka_link_reach(link, topic, REACH_TIMEOUT_US, &ledgers->partitions, error);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(ledgers->partitions);
    for (int32_t i = 0; i < ledgers->partitions; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    const rd_kafka_resp_err_t code = rd_kafka_assign(link->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "topic %s: %s", topic, troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    return read_records(ledgers, link->client, topic, error);
}

troth_status troth_ledgers_read(struct troth_ledgers *ledgers, const struct troth_config *config,
                                const char *contract, int64_t number, char *error)
{
    /* The group is never joined; librdkafka wants a name of a consumer all the same. */
    const struct troth_kafka_property needed[] = {
        {"group.id", config->group},           {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},      {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},
    };
    char topic[TROTH_KAFKA_NAME_LENGTH];
    struct troth_kafka_link link;
    *ledgers = (struct troth_ledgers){
        .contract = contract, .number = number, .records = json_object(), .first = -1, .last = -1};
    if (ledgers->records == NULL) {
        snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "no memory for the ledgers");
        return TROTH_NO_MEMORY;
    }
    troth_status status = troth_kafka_link_open(
        &link, config, RD_KAFKA_CONSUMER, (struct troth_kafka_properties){NULL, 0},
        (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL, error);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_poll_set_consumer(link.client);
    status = read_from(ledgers, &link, troth_config_topic(config, "standings", topic, sizeof topic),
                       error);
    rd_kafka_consumer_close(link.client);
    troth_kafka_link_close(&link);
    return status;
}

void troth_ledgers_fini(struct troth_ledgers *ledgers)
{
    json_decref(ledgers->records);
    memset(ledgers, 0, sizeof *ledgers);
}
