/*
 * The producers of the Kafka log. Every record's fate is counted by its delivery report, so a
 * commit knows whether all that it covers is in the log.
 *
 * Records go through the transactional producer, but for the engine's own of telemetry (ticks and
 * pointers): as long as a transaction with a record of a partition is open, nobody who reads
 * committed records alone gets past it, and in telemetry that is everybody, this engine first. They
 * may be there twice without harm, so they need no transaction. On the embedded broker, and
 * where at_least_once is enough, everything is plain.
 */
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

enum { NEEDED_MAX = 8 };

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct troth_kafka_state *state = opaque;
    struct troth_kafka_output *output =
        client == state->transactional.client ? &state->transactional : &state->plain;
    TROTH_ASSERT(output->outstanding > 0);
    output->outstanding--;
    if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
        output->failures++; /* of a transaction that is aborted; why is known already */
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        output->failures++;
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
                                     struct troth_kafka_output *output,
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
        passed, (struct troth_kafka_properties){all, count}, &state->voice, &conf, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    output->client = troth_kafka_client_create(RD_KAFKA_PRODUCER, conf, error, size);
    if (output->client == NULL) {
        return TROTH_INVALID;
    }
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        output->topics[i] = rd_kafka_topic_new(output->client, state->names[i], NULL);
        if (output->topics[i] == NULL) {
            (void)snprintf(error, size, "topic %s: %s", state->names[i],
                           rd_kafka_err2str(rd_kafka_last_error()));
            return TROTH_INVALID;
        }
    }
    return TROTH_OK;
}

static void output_close(struct troth_kafka_output *output)
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

void troth_kafka_output_close(struct troth_kafka_state *state)
{
    if (state->in_transaction) {
        /* Or it would hold back whoever reads committed records alone, until it times out. */
        (void)troth_kafka_transaction_give_up(state, TROTH_REFUSED);
    }
    output_close(&state->transactional);
    output_close(&state->plain);
}

void troth_kafka_output_serve(struct troth_kafka_state *state)
{
    (void)rd_kafka_poll(state->plain.client, 0);
    if (state->transactional.client != NULL) {
        (void)rd_kafka_poll(state->transactional.client, 0);
    }
}

/* Returns TROTH_REFUSED where the plain producer will never send again. */
static troth_status check_fatal(struct troth_kafka_state *state)
{
    char reason[TROTH_KAFKA_ERROR_LENGTH / 2] = "";
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(state->plain.client, reason, sizeof(reason));
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
                                   struct troth_kafka_output *output,
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
    const bool plain =
        record->topic == TROTH_TOPIC_TELEMETRY || state->transactional.client == NULL;
    struct troth_kafka_output *output = plain ? &state->plain : &state->transactional;
    if (!plain) {
        const troth_status begun = troth_kafka_transaction_begin(state);
        if (begun != TROTH_OK) {
            return begun;
        }
    }
    rd_kafka_resp_err_t code = produce(state, output, record);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)rd_kafka_poll(output->client, 0); /* acknowledged records still hold their places */
        code = produce(state, output, record);
    }
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        output->outstanding++;
        return TROTH_OK;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return TROTH_FULL;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return TROTH_OVER_LIMIT;
    default:
        if (!plain) {
            return troth_kafka_transaction_give_up(state, TROTH_REFUSED);
        }
        if (code == RD_KAFKA_RESP_ERR__FATAL) {
            (void)check_fatal(state); /* for its reason */
        }
        return TROTH_REFUSED;
    }
}

/* Returns whether all that it was given is acknowledged, or has failed. */
static bool flush(struct troth_kafka_state *state, struct troth_kafka_output *output,
                  int64_t deadline_us)
{
    if (output->client == NULL || output->outstanding == 0) {
        return true;
    }
    /* With a delivery callback rd_kafka_flush returns with the last report (it sleeps in steps of
     * 10 ms only without one), and it overrides linger.ms. */
    const rd_kafka_resp_err_t code = rd_kafka_flush(
        output->client, troth_kafka_milliseconds(deadline_us - troth_kafka_monotonic_us()));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || output->outstanding > 0) {
        troth_kafka_note(state, "%" PRIu64 " records are not acknowledged in time",
                         output->outstanding);
        return false;
    }
    return true;
}

troth_status troth_kafka_output_flush(struct troth_kafka_state *state, int64_t timeout_us)
{
    const int64_t deadline_us = troth_kafka_monotonic_us() + (timeout_us > 0 ? timeout_us : 0);
    if (state->output_verdict != TROTH_OK) {
        return state->output_verdict;
    }
    bool done = flush(state, &state->transactional, deadline_us);
    done &= flush(state, &state->plain, deadline_us);
    troth_status status = check_fatal(state);
    if (status != TROTH_OK || state->plain.failures > 0) {
        return TROTH_REFUSED;
    }
    if (state->transactional.failures > 0) {
        return troth_kafka_transaction_give_up(state, TROTH_REFUSED);
    }
    return done ? TROTH_OK : TROTH_TIMED_OUT;
}
