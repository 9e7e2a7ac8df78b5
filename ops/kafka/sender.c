#include "ops/kafka/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/avro/framing.h"
#include "schemas/assert.h"

enum {
    QUEUE_WAIT_MS = 100, /* one wait for room in the queue */
    REACH_TIMEOUT_US = 10000000
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct troth_sender *sender = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        sender->acknowledged++;
        sender->last_partition = message->partition;
        sender->last_offset = message->offset;
        sender->last_time_us = rd_kafka_message_timestamp(message, NULL) * 1000;
        return;
    }
    sender->failed++;
    (void)snprintf(sender->error, sizeof sender->error, "topic %s: %s", sender->topic,
                   troth_kafka_explain(message->err));
}

/* Makes the header that `framing` asks of an event; bare has none. */
static troth_status make_header(struct troth_sender *sender, const struct troth_config *config)
{
    struct troth_framing *framing = NULL;
    if (config->framing == TROTH_FRAMING_CONFLUENT) {
        for (uint32_t i = 0; i < config->schemas.count; i++) {
            if (strcmp(config->schemas.entries[i].value, "embedded") == 0) {
                troth_encode_confluent_header(
                    (uint32_t)strtoul(config->schemas.entries[i].name, NULL, 10), sender->header);
                sender->header_length = TROTH_CONFLUENT_HEADER_LENGTH;
                return TROTH_OK;
            }
        }
        (void)snprintf(
            sender->error, sizeof sender->error,
            "framing is confluent, but no schema id is ours; add `schemas: {ID: embedded}`");
        return TROTH_INVALID;
    }
    if (config->framing != TROTH_FRAMING_SINGLE_OBJECT) {
        return TROTH_OK;
    }
    const troth_status status =
        troth_config_framing_open(config, &framing, sender->error, sizeof sender->error);
    if (status == TROTH_OK) {
        troth_encode_single_object_header(framing->embedded.fingerprint, sender->header);
        sender->header_length = TROTH_SINGLE_OBJECT_HEADER_LENGTH;
    }
    free(framing);
    return status;
}

troth_status troth_sender_open(struct troth_sender *sender, const struct troth_config *config,
                               const char *suffix)
{
    static const struct troth_kafka_property suggested[] = {
        {"enable.idempotence", "true"}, /* implies acks=all and keeps the order */
        {"linger.ms", "5"},
        {"compression.codec", "lz4"},
        {"message.timeout.ms", "30000"},
        {"socket.nagle.disable", "true"},
    };
    const char *partitioner = troth_config_partitioner_name(config);
    const struct troth_kafka_property needed[] = {{"partitioner", partitioner}};
    memset(sender, 0, sizeof *sender);
    sender->last_offset = -1;
    (void)troth_config_topic(config, suffix, sender->topic, sizeof sender->topic);
    troth_status status = troth_kafka_link_open(
        &sender->link, config, RD_KAFKA_PRODUCER,
        (struct troth_kafka_properties){suggested, sizeof suggested / sizeof suggested[0]},
        (struct troth_kafka_properties){needed, 1}, on_delivery, sender->error);
    if (status == TROTH_OK) {
        status = troth_kafka_link_reach(&sender->link, sender->topic, REACH_TIMEOUT_US,
                                        &sender->partitions, sender->error);
    }
    if (status == TROTH_OK && strcmp(suffix, "telemetry") == 0) {
        struct troth_kafka_property entries[TROTH_CONFIG_ENTRIES_MAX];
        status =
            troth_headroom_open(&sender->headroom, troth_kafka_link_properties(config, entries),
                                sender->topic, sender->partitions, config->group);
        if (status != TROTH_OK) {
            (void)snprintf(sender->error, sizeof sender->error, "%s", sender->headroom.error);
        } else {
            status = make_header(sender, config);
        }
    }
    if (status != TROTH_OK) {
        troth_sender_close(sender);
    }
    return status;
}

/* Waits, where the broker is an embedded one, until the engine has read enough of what was sent. */
static troth_status make_room(struct troth_sender *sender, size_t bytes)
{
    if (!troth_headroom_count(&sender->headroom, bytes)) {
        return TROTH_OK;
    }
    troth_status status = troth_sender_flush(sender);
    if (status == TROTH_OK) {
        status = troth_headroom_wait(&sender->headroom, TROTH_SENDER_TIMEOUT_MS * INT64_C(1000));
        if (status != TROTH_OK) {
            (void)snprintf(sender->error, sizeof sender->error, "%s", sender->headroom.error);
        }
    }
    return status;
}

/* Queues one record. */
static rd_kafka_resp_err_t produce(struct troth_sender *sender, const void *key, size_t key_length,
                                   const void *value, size_t value_length, int64_t timestamp_ms,
                                   const struct troth_log_header *headers, size_t header_count)
{
    rd_kafka_vu_t parts[5 + TROTH_HEADERS_MAX] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = sender->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, key_length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value, value_length}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp_ms},
    };
    TROTH_ASSERT(header_count <= TROTH_HEADERS_MAX);
    for (size_t i = 0; i < header_count; i++) {
        parts[5 + i].vtype = RD_KAFKA_VTYPE_HEADER;
        parts[5 + i].u.header.name = headers[i].name;
        parts[5 + i].u.header.val = headers[i].value;
        parts[5 + i].u.header.size = (ssize_t)headers[i].value_length;
    }
    rd_kafka_error_t *failure = rd_kafka_produceva(sender->link.client, parts, 5 + header_count);
    const rd_kafka_resp_err_t code =
        failure != NULL ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_destroy(failure);
    return code;
}

troth_status troth_sender_send(struct troth_sender *sender, const void *key, size_t key_length,
                               const void *value, size_t value_length, int64_t timestamp_us)
{
    return troth_sender_send_with(sender, key, key_length, value, value_length, timestamp_us, NULL,
                                  0);
}

troth_status troth_sender_send_with(struct troth_sender *sender, const void *key, size_t key_length,
                                    const void *value, size_t value_length, int64_t timestamp_us,
                                    const struct troth_log_header *headers, size_t header_count)
{
    const int64_t timestamp_ms = timestamp_us / 1000; /* a lead of less than 1 ms is taken away */
    if (sender->failed > 0) {
        return TROTH_REFUSED; /* going on would leave a gap behind */
    }
    const troth_status room = make_room(sender, key_length + value_length);
    if (room != TROTH_OK) {
        return room;
    }
    if (sender->header_length > 0) {
        if (value_length > TROTH_RECORD_LENGTH_MAX) {
            (void)snprintf(sender->error, sizeof sender->error, "an event is longer than %d bytes",
                           TROTH_RECORD_LENGTH_MAX);
            return TROTH_REFUSED;
        }
        memcpy(sender->framed, sender->header, sender->header_length);
        memcpy(sender->framed + sender->header_length, value, value_length);
        value = sender->framed;
        value_length += sender->header_length;
    }
    for (int waited_ms = 0; waited_ms <= TROTH_SENDER_TIMEOUT_MS; waited_ms += QUEUE_WAIT_MS) {
        const rd_kafka_resp_err_t code = produce(sender, key, key_length, value, value_length,
                                                 timestamp_ms, headers, header_count);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            sender->sent++;
            rd_kafka_poll(sender->link.client, 0);
            return TROTH_OK;
        }
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            (void)snprintf(sender->error, sizeof sender->error, "topic %s: %s", sender->topic,
                           troth_kafka_explain(code));
            return TROTH_REFUSED;
        }
        rd_kafka_poll(sender->link.client, QUEUE_WAIT_MS);
    }
    (void)snprintf(sender->error, sizeof sender->error,
                   "topic %s: the broker has taken nothing for %d s", sender->topic,
                   TROTH_SENDER_TIMEOUT_MS / 1000);
    return TROTH_TIMED_OUT;
}

void troth_sender_poll(struct troth_sender *sender)
{
    rd_kafka_poll(sender->link.client, 0);
}

troth_status troth_sender_flush(struct troth_sender *sender)
{
    /* Every record ends within message.timeout.ms; twice that is a bound, not an expectation. */
    const rd_kafka_resp_err_t code =
        rd_kafka_flush(sender->link.client, 2 * TROTH_SENDER_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(sender->error, sizeof sender->error, "topic %s: %s", sender->topic,
                       troth_kafka_explain(code));
        return TROTH_REFUSED;
    }
    return sender->failed == 0 ? TROTH_OK : TROTH_REFUSED;
}

void troth_sender_close(struct troth_sender *sender)
{
    troth_headroom_close(&sender->headroom);
    troth_kafka_link_close(&sender->link);
}
