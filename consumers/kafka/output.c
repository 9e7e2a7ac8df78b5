#include "consumers/kafka/output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/assert.h"

static const struct troth_kafka_property suggested[] = {
    {"client.id", "troth"},
    {"linger.ms", "2"},
    {"retry.backoff.ms", "20"},
    {"reconnect.backoff.max.ms", "1000"},
    {"socket.nagle.disable", "true"},
    {"queue.buffering.max.messages", "100000"},
    {"queue.buffering.max.kbytes", "65536"},
};

enum {
    NEEDED_MAX = 8,
    RECORD_OVERHEAD = 256, /* bytes that librdkafka counts beside key, value and headers, at most */
    HEADER_OVERHEAD = 16,
    NUMBER_LENGTH = 32
};

__attribute__((format(printf, 2, 3))) static void note(struct troth_kafka_output *output,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(output->error, sizeof output->error, format, arguments);
    va_end(arguments);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct troth_kafka_output *output = opaque;
    (void)client;
    TROTH_ASSERT(output->outstanding > 0);
    output->outstanding--;
    if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
        output->failures++; /* of a transaction that is aborted; why is known already */
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        output->failures++;
        note(output, "a record for %s was not delivered: %s", rd_kafka_topic_name(message->rkt),
             troth_kafka_explain(message->err));
    }
}

/* Without this, librdkafka logs errors on its own; a fatal one is asked for where it matters. */
static void on_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    (void)client;
    note(opaque, "producer: %s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)error), reason);
}

/* Out: what `kafka.message.max.bytes` leaves for a record. */
static size_t record_max(const struct troth_kafka_output *output)
{
    char value[NUMBER_LENGTH] = "";
    size_t length = sizeof value;
    const rd_kafka_conf_res_t found =
        rd_kafka_conf_get(rd_kafka_conf(output->client), "message.max.bytes", value, &length);
    TROTH_ASSERT(found == RD_KAFKA_CONF_OK);
    const size_t bytes = strtoull(value, NULL, 10);
    return bytes > RECORD_OVERHEAD ? bytes - RECORD_OVERHEAD : 0;
}

troth_status troth_kafka_output_open(struct troth_kafka_output *output,
                                     char (*names)[TROTH_KAFKA_NAME_LENGTH],
                                     struct troth_kafka_properties passed,
                                     struct troth_kafka_properties needed, char *error, size_t size)
{
    struct troth_kafka_property all[NEEDED_MAX] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"allow.auto.create.topics", "false"},
    };
    size_t count = 3;
    TROTH_ASSERT(needed.count <= NEEDED_MAX - count);
    for (size_t i = 0; i < needed.count; i++) {
        all[count++] = needed.entries[i];
    }
    rd_kafka_conf_t *conf;
    troth_status status = troth_kafka_conf_create(
        (struct troth_kafka_properties){suggested, sizeof(suggested) / sizeof(suggested[0])},
        passed, (struct troth_kafka_properties){all, count}, &output->voice, &conf, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    output->client = troth_kafka_client_create(RD_KAFKA_PRODUCER, conf, error, size);
    if (output->client == NULL) {
        return TROTH_INVALID;
    }
    output->record_max = record_max(output);
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        output->topics[i] = rd_kafka_topic_new(output->client, names[i], NULL);
        if (output->topics[i] == NULL) {
            (void)snprintf(error, size, "topic %s: %s", names[i],
                           troth_kafka_explain(rd_kafka_last_error()));
            return TROTH_INVALID;
        }
    }
    return TROTH_OK;
}

void troth_kafka_output_close(struct troth_kafka_output *output)
{
    if (output->client == NULL) {
        return;
    }
    /* What is queued and was not committed is sent again by the next owner: do not wait for it. */
    (void)rd_kafka_purge(output->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        if (output->topics[i] != NULL) {
            rd_kafka_topic_destroy(output->topics[i]);
        }
    }
    rd_kafka_destroy(output->client);
    output->client = NULL;
}

void troth_kafka_output_serve(struct troth_kafka_output *output)
{
    (void)rd_kafka_poll(output->client, 0);
}

troth_status troth_kafka_output_check(struct troth_kafka_output *output)
{
    char reason[TROTH_KAFKA_ERROR_LENGTH / 2] = "";
    const rd_kafka_resp_err_t code = rd_kafka_fatal_error(output->client, reason, sizeof(reason));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note(output, "the producer has failed for good (%s): %s", rd_kafka_err2name(code), reason);
        return TROTH_REFUSED;
    }
    return output->failures > 0 ? TROTH_REFUSED : TROTH_OK;
}

static rd_kafka_headers_t *make_headers(const struct troth_log_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct troth_log_header *header = &record->headers[i];
        (void)rd_kafka_header_add(headers, header->name, -1, header->value,
                                  (ssize_t)header->value_length);
    }
    return headers;
}

static rd_kafka_resp_err_t produce(struct troth_kafka_output *output,
                                   const struct troth_log_record *record)
{
    rd_kafka_vu_t fields[8]; /* topic, flags, value, key, partition, time, headers */
    size_t count = 0;
    fields[count].vtype = RD_KAFKA_VTYPE_RKT;
    fields[count++].u.rkt = output->topics[record->topic];
    fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
    fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[count].u.mem.ptr = (void *)(uintptr_t)record->value;
    fields[count++].u.mem.size = record->value == NULL ? 0 : record->value_length;
    fields[count].vtype = RD_KAFKA_VTYPE_KEY;
    fields[count].u.mem.ptr = (void *)(uintptr_t)record->key;
    fields[count++].u.mem.size = record->key == NULL ? 0 : record->key_length;
    fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[count++].u.i32 =
        record->partition == TROTH_ANY_PARTITION ? RD_KAFKA_PARTITION_UA : record->partition;
    if (record->timestamp_us > 0) {
        fields[count].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
        fields[count++].u.i64 = record->timestamp_us / 1000;
    }
    rd_kafka_headers_t *headers = NULL;
    if (record->header_count > 0) {
        headers = make_headers(record);
        fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
        fields[count++].u.headers = headers;
    }
    rd_kafka_error_t *failure = rd_kafka_produceva(output->client, fields, count);
    if (failure == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        note(output, "a record for %s was refused: %s",
             rd_kafka_topic_name(output->topics[record->topic]),
             troth_kafka_explain_or(code, rd_kafka_error_string(failure)));
    }
    rd_kafka_error_destroy(failure);
    if (headers != NULL) {
        rd_kafka_headers_destroy(headers); /* taken only by a record that was taken */
    }
    return code;
}

/* Returns the bytes that librdkafka counts of a record, or a few more. */
static size_t weigh(const struct troth_log_record *record)
{
    size_t bytes = (record->key != NULL ? record->key_length : 0) +
                   (record->value != NULL ? record->value_length : 0);
    for (size_t i = 0; i < record->header_count; i++) {
        bytes += strlen(record->headers[i].name) + record->headers[i].value_length;
    }
    return bytes + record->header_count * HEADER_OVERHEAD;
}

bool troth_kafka_output_fits(const struct troth_kafka_output *output,
                             const struct troth_log_record *record)
{
    return weigh(record) <= output->record_max;
}

troth_status troth_kafka_output_send(struct troth_kafka_output *output,
                                     const struct troth_log_record *record)
{
    TROTH_ASSERT(record->topic < TROTH_TOPIC_COUNT);
    TROTH_ASSERT(record->header_count <= TROTH_HEADERS_MAX);
    if (!troth_kafka_output_fits(output, record)) {
        return TROTH_OVER_LIMIT;
    }
    rd_kafka_resp_err_t code = produce(output, record);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)rd_kafka_poll(output->client, 0); /* acknowledged records still hold their places */
        code = produce(output, record);
    }
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        output->outstanding++;
        return TROTH_OK;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return TROTH_FULL;
    case RD_KAFKA_RESP_ERR__FATAL:
        return troth_kafka_output_check(output); /* for its reason */
    default:
        return TROTH_REFUSED;
    }
}

troth_status troth_kafka_output_flush(struct troth_kafka_output *output, int64_t timeout_us)
{
    /* With a delivery callback rd_kafka_flush returns with the last report (it sleeps in steps of
     * 10 ms only without one), and it overrides linger.ms. */
    const rd_kafka_resp_err_t code =
        output->outstanding > 0
            ? rd_kafka_flush(output->client, troth_kafka_milliseconds(timeout_us))
            : RD_KAFKA_RESP_ERR_NO_ERROR;
    const troth_status status = troth_kafka_output_check(output);
    if (status != TROTH_OK || (code == RD_KAFKA_RESP_ERR_NO_ERROR && output->outstanding == 0)) {
        return status;
    }
    note(output, "%" PRIu64 " records are not acknowledged in time", output->outstanding);
    return TROTH_TIMED_OUT;
}
