/* The producer of the Kafka log. Every record's fate is counted by its delivery report, so a commit
 * knows whether all that it covers is in the log. */
#include <inttypes.h>
#include <stdio.h>

#include "consumers/kafka_state.h"
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

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct troth_kafka_state *state = opaque;
    TROTH_ASSERT(state->outstanding > 0);
    state->outstanding--;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        state->failures++;
        troth_kafka_note(state, "a record for %s was not delivered: %s",
                         rd_kafka_topic_name(message->rkt), rd_kafka_err2str(message->err));
    }
}

/* Without this, librdkafka logs errors on its own; a fatal one is asked for where it matters. */
static void on_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    (void)client;
    troth_kafka_note(opaque, "producer: %s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)error),
                     reason);
}

troth_status troth_kafka_output_open(struct troth_kafka_state *state,
                                     struct troth_kafka_properties passed, const char *partitioner,
                                     char *error, size_t size)
{
    const struct troth_kafka_property needed[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"allow.auto.create.topics", "false"},
        {"partitioner", partitioner},
    };
    rd_kafka_conf_t *conf;
    troth_status status = troth_kafka_conf_create(
        (struct troth_kafka_properties){suggested, sizeof(suggested) / sizeof(suggested[0])},
        passed, (struct troth_kafka_properties){needed, sizeof(needed) / sizeof(needed[0])},
        &state->voice, &conf, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    state->producer = troth_kafka_client_create(RD_KAFKA_PRODUCER, conf, error, size);
    if (state->producer == NULL) {
        return TROTH_INVALID;
    }
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        state->sending[i] = rd_kafka_topic_new(state->producer, state->names[i], NULL);
        if (state->sending[i] == NULL) {
            (void)snprintf(error, size, "topic %s: %s", state->names[i],
                           rd_kafka_err2str(rd_kafka_last_error()));
            return TROTH_INVALID;
        }
    }
    return TROTH_OK;
}

void troth_kafka_output_close(struct troth_kafka_state *state)
{
    if (state->producer == NULL) {
        return;
    }
    /* What is queued and was not committed is sent again by the next owner: do not wait for it. */
    (void)rd_kafka_purge(state->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        if (state->sending[i] != NULL) {
            rd_kafka_topic_destroy(state->sending[i]);
        }
    }
    rd_kafka_destroy(state->producer);
    state->producer = NULL;
}

/* Returns TROTH_REFUSED where the producer will never send again. */
static troth_status check_fatal(struct troth_kafka_state *state)
{
    char reason[TROTH_KAFKA_ERROR_LENGTH / 2] = "";
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(state->producer, reason, sizeof(reason));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return TROTH_OK;
    }
    troth_kafka_note(state, "the producer has failed for good (%s): %s", rd_kafka_err2name(code),
                     reason);
    return TROTH_REFUSED;
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

static rd_kafka_resp_err_t produce(struct troth_kafka_state *state,
                                   const struct troth_log_record *record)
{
    rd_kafka_vu_t fields[8]; /* topic, flags, value, key, partition, time, headers */
    size_t count = 0;
    fields[count].vtype = RD_KAFKA_VTYPE_RKT;
    fields[count++].u.rkt = state->sending[record->topic];
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
    rd_kafka_error_t *failure = rd_kafka_produceva(state->producer, fields, count);
    if (failure == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        troth_kafka_note(state, "a record for %s was refused: %s", state->names[record->topic],
                         rd_kafka_error_string(failure));
    }
    rd_kafka_error_destroy(failure);
    if (headers != NULL) {
        rd_kafka_headers_destroy(headers); /* taken only by a record that was taken */
    }
    return code;
}

troth_status troth_kafka_output_send(struct troth_kafka_state *state,
                                     const struct troth_log_record *record)
{
    TROTH_ASSERT(record->topic < TROTH_TOPIC_COUNT);
    TROTH_ASSERT(record->header_count <= TROTH_HEADERS_MAX);
    rd_kafka_resp_err_t code = produce(state, record);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)rd_kafka_poll(state->producer, 0); /* acknowledged records still hold their places */
        code = produce(state, record);
    }
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        state->outstanding++;
        return TROTH_OK;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return TROTH_FULL;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return TROTH_OVER_LIMIT;
    case RD_KAFKA_RESP_ERR__FATAL:
        (void)check_fatal(state); /* for its reason */
        return TROTH_REFUSED;
    default:
        return TROTH_REFUSED;
    }
}

troth_status troth_kafka_output_flush(struct troth_kafka_state *state, int64_t timeout_us)
{
    /* With a delivery callback rd_kafka_flush returns with the last report (it sleeps in steps of
     * 10 ms only without one), and it overrides linger.ms. */
    rd_kafka_resp_err_t code =
        rd_kafka_flush(state->producer, troth_kafka_milliseconds(timeout_us));
    troth_status status = check_fatal(state);
    if (status != TROTH_OK) {
        return status;
    }
    if (state->failures > 0) {
        return TROTH_REFUSED;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || state->outstanding > 0) {
        troth_kafka_note(state, "%" PRIu64 " records are not acknowledged in time",
                         state->outstanding);
        return TROTH_TIMED_OUT;
    }
    return TROTH_OK;
}
