#include "ops/kafka/telemetry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/telemetry_record.h"

enum {
    ANSWER_MS = 10000,    /* for a question to the brokers */
    SILENCE_MS = 30000,   /* after which a partition that has more to give is given up */
    BATCH_RECORDS = 2048, /* taken from librdkafka at once, */
    BATCH_MS = 10         /* which waits so long for them to be as many */
};

/* Records on their way: librdkafka's, and those of them that are decoded. */
struct troth_telemetry_group {
    rd_kafka_message_t *messages[BATCH_RECORDS];
    struct troth_recorded recorded;
    struct troth_event events[TROTH_PREFETCH];
    struct troth_scratch scratches[TROTH_PREFETCH];
};

static troth_status fail(struct troth_telemetry *telemetry, int32_t partition,
                         rd_kafka_resp_err_t code)
{
    snprintf(telemetry->error, sizeof telemetry->error, "%s[%" PRId32 "]: %s", telemetry->topic,
             partition, troth_kafka_explain(code));
    return troth_kafka_status(code);
}

/* ---- Opening -------------------------------------------------------------------------------- */

troth_status troth_telemetry_open(struct troth_telemetry *telemetry,
                                  const struct troth_config *config)
{
    /* The group is never joined; librdkafka wants a name of a consumer all the same. */
    const struct troth_kafka_property needed[] = {
        {"group.id", config->group},           {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},      {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"}, {"auto.offset.reset", "error"},
    };
    memset(telemetry, 0, sizeof *telemetry);
    (void)troth_config_topic(config, "telemetry", telemetry->topic, sizeof telemetry->topic);
    (void)troth_partitioner_find(troth_config_partitioner_name(config), &telemetry->partitioner);
    troth_status status = troth_config_framing_open(config, &telemetry->framing, telemetry->error,
                                                    sizeof telemetry->error);
    if (status != TROTH_OK) {
        return status;
    }
    telemetry->group = malloc(sizeof *telemetry->group);
    if (telemetry->group == NULL) {
        snprintf(telemetry->error, sizeof telemetry->error, "no memory for records");
        return TROTH_NO_MEMORY;
    }
    status = troth_kafka_link_open(
        &telemetry->link, config, RD_KAFKA_CONSUMER, (struct troth_kafka_properties){NULL, 0},
        (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL,
        telemetry->error);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_poll_set_consumer(telemetry->link.client);
    return troth_kafka_link_reach(&telemetry->link, telemetry->topic, ANSWER_MS * INT64_C(1000),
                                  &telemetry->partitions, telemetry->error);
}

void troth_telemetry_close(struct troth_telemetry *telemetry)
{
    if (telemetry->link.client != NULL) {
        rd_kafka_consumer_close(telemetry->link.client);
    }
    troth_kafka_link_close(&telemetry->link);
    free(telemetry->framing);
    free(telemetry->group);
    telemetry->framing = NULL;
    telemetry->group = NULL;
}

/* ---- Finding -------------------------------------------------------------------------------- */

/* Out offset: of the first record at or after a time; `end` where there is none. */
static rd_kafka_resp_err_t find_time(struct troth_telemetry *telemetry, int32_t partition,
                                     int64_t time_us, int64_t end, int64_t *offset)
{
    /* A record's time is in whole milliseconds, so the first at or after is that of the next one.
     */
    const int64_t time_ms = time_us / 1000 + (time_us % 1000 > 0);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, telemetry->topic, partition)->offset = time_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(telemetry->link.client, list, ANSWER_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = list->elems[0].err;
    }
    const int64_t found = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    *offset = found >= 0 && found < end ? found : end;
    return code;
}

troth_status troth_telemetry_find(struct troth_telemetry *telemetry, int32_t partition,
                                  int64_t from_us, int64_t to_us,
                                  struct troth_telemetry_range *range)
{
    struct troth_telemetry_range found = {0};
    rd_kafka_resp_err_t code = troth_kafka_watermarks(telemetry->link.client, telemetry->topic,
                                                      partition, ANSWER_MS, &found.low, &found.end);
    found.first = found.low;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && to_us != INT64_MAX) {
        code = find_time(telemetry, partition, to_us, found.end, &found.end);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && from_us > 0) {
        code = find_time(telemetry, partition, from_us, found.end, &found.first);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fail(telemetry, partition, code);
    }
    *range = found;
    return TROTH_OK;
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* Puts a record into the group that is given next. */
static void add_record(const struct troth_telemetry *telemetry, const rd_kafka_message_t *message)
{
    struct troth_telemetry_group *group = telemetry->group;
    const unsigned i = group->recorded.count++;
    const struct troth_log_item item = {
        .has_key = message->key != NULL,
        .has_value = message->payload != NULL,
        .key = message->key,
        .value = message->payload,
        .key_length = (uint32_t)message->key_len,
        .value_length = (uint32_t)message->len,
    };
    struct troth_reason reason;
    const bool is_event = troth_telemetry_record_read(telemetry->framing, &item, &group->events[i],
                                                      &group->scratches[i], &reason) == TROTH_OK;
    group->recorded.events[i] = is_event ? &group->events[i] : NULL;
    group->recorded.recorded_at_us[i] = rd_kafka_message_timestamp(message, NULL) * 1000;
    group->recorded.offsets[i] = message->offset;
}

/* What a batch has come to. */
struct progress {
    int64_t next; /* offset that is awaited */
    rd_kafka_resp_err_t code;
    bool stopped;
};

/* Gives the records of a batch that are within the range. */
static void give_batch(struct troth_telemetry *telemetry, ssize_t count, int32_t partition,
                       int64_t end,
                       bool (*give)(void *context, const struct troth_recorded *recorded),
                       void *context, struct progress *progress)
{
    struct troth_recorded *recorded = &telemetry->group->recorded;
    recorded->count = 0;
    for (ssize_t i = 0; i < count; i++) {
        const rd_kafka_message_t *message = telemetry->group->messages[i];
        if (message->partition != partition && message->rkt != NULL) {
            /* of the partition before, which librdkafka 2.0.2 may have had in hand */
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            /* After a transaction the last offsets are no records. */
            progress->next = message->offset > progress->next ? message->offset : progress->next;
        } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            progress->code = message->err;
        } else if (message->offset >= progress->next && message->offset < end &&
                   !progress->stopped) {
            add_record(telemetry, message);
            progress->next = message->offset + 1;
        } else if (message->offset >= end) {
            progress->next = end;
        }
        if (recorded->count == TROTH_PREFETCH || (i + 1 == count && recorded->count > 0)) {
            progress->stopped = !give(context, recorded);
            recorded->count = 0;
        }
    }
}

static troth_status read_records(struct troth_telemetry *telemetry, int32_t partition, int64_t end,
                                 bool (*give)(void *context, const struct troth_recorded *recorded),
                                 void *context, struct progress *progress)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(telemetry->link.client);
    troth_status status = TROTH_OK;
    int64_t heard_us = troth_kafka_monotonic_us();
    while (progress->next < end && !progress->stopped && status == TROTH_OK) {
        rd_kafka_message_t **messages = telemetry->group->messages;
        const ssize_t count =
            rd_kafka_consume_batch_queue(queue, BATCH_MS, messages, BATCH_RECORDS);
        const int64_t now_us = troth_kafka_monotonic_us();
        if (count > 0) {
            heard_us = now_us;
            give_batch(telemetry, count, partition, end, give, context, progress);
        } else if (now_us - heard_us > SILENCE_MS * INT64_C(1000)) {
            snprintf(telemetry->error, sizeof telemetry->error,
                     "%s[%" PRId32 "]: no record came within %d s, and offset %" PRId64
                     " of %" PRId64 " is reached; is the broker up?",
                     telemetry->topic, partition, SILENCE_MS / 1000, progress->next, end);
            status = TROTH_TIMED_OUT;
        }
        for (ssize_t i = 0; i < count; i++) {
            rd_kafka_message_destroy(messages[i]);
        }
        if (progress->code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            status = fail(telemetry, partition, progress->code);
        }
    }
    rd_kafka_queue_destroy(queue);
    return status;
}

troth_status troth_telemetry_read(
    struct troth_telemetry *telemetry, int32_t partition, const struct troth_telemetry_range *range,
    bool (*give)(void *context, const struct troth_recorded *recorded), void *context)
{
    struct progress progress = {.next = range->first};
    if (range->first >= range->end) {
        return TROTH_OK;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, telemetry->topic, partition)->offset = range->first;
    const rd_kafka_resp_err_t code = rd_kafka_assign(telemetry->link.client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fail(telemetry, partition, code);
    }
    const troth_status status =
        read_records(telemetry, partition, range->end, give, context, &progress);
    const rd_kafka_resp_err_t ended = rd_kafka_assign(telemetry->link.client, NULL);
    return status == TROTH_OK && ended != RD_KAFKA_RESP_ERR_NO_ERROR
               ? fail(telemetry, partition, ended)
               : status;
}
