/*
 * Single records of telemetry, read again: a dispute names one. By a consumer of its own, which is
 * in no group, is made when it is first asked and fetches nothing between.
 */
#include <inttypes.h>

#include "consumers/kafka/state.h"

/* What the consumer has, but for the group, its callbacks and its appetite. Returns NULL where
 * there is no memory. */
static rd_kafka_t *create(struct troth_kafka_state *state)
{
    char error[TROTH_KAFKA_ERROR_LENGTH];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(rd_kafka_conf(state->consumer));
    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_rebalance_cb(conf, NULL);
    rd_kafka_conf_set_error_cb(conf, NULL);
    if (rd_kafka_conf_set(conf, "queued.min.messages", "1", error, sizeof error) !=
            RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "group.instance.id", "", error, sizeof error) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        troth_kafka_note(state, "%s", error);
        return NULL;
    }
    rd_kafka_t *client =
        troth_kafka_client_create(RD_KAFKA_CONSUMER, conf, state->error, sizeof state->error);
    if (client != NULL) {
        (void)rd_kafka_poll_set_consumer(client);
    }
    return client;
}

static bool assign(struct troth_kafka_state *state, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, state->names[TROTH_TOPIC_TELEMETRY], partition)
        ->offset = offset;
    const rd_kafka_resp_err_t error = rd_kafka_assign(state->back, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "%s", rd_kafka_err2str(error));
    }
    return error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* What one answer says: TROTH_TIMED_OUT: nothing yet. In message: taken. */
static troth_status judge(struct troth_kafka_state *state, rd_kafka_message_t *message,
                          int64_t offset)
{
    troth_status status = TROTH_TIMED_OUT;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset == offset) {
        state->back_message = message;
        return TROTH_OK;
    }
    if ((message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset > offset) ||
        message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
        message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        status = TROTH_NOT_FOUND;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "%s", rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
    return status;
}

troth_status troth_kafka_log_read_back(struct troth_log *log, int32_t partition, int64_t offset,
                                       int64_t timeout_us, struct troth_log_item *item)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    const int64_t end_us = troth_kafka_monotonic_us() + timeout_us;
    if (state->back_message != NULL) {
        rd_kafka_message_destroy(state->back_message);
        state->back_message = NULL;
    }
    if (state->back == NULL) {
        state->back = create(state);
    }
    if (state->back == NULL || !assign(state, partition, offset)) {
        return TROTH_UNREACHABLE;
    }
    troth_status status = TROTH_TIMED_OUT;
    for (int64_t left_us = timeout_us; status == TROTH_TIMED_OUT && left_us > 0;
         left_us = end_us - troth_kafka_monotonic_us()) {
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(state->back, troth_kafka_milliseconds(left_us));
        if (message != NULL) {
            status = judge(state, message, offset);
        }
    }
    (void)rd_kafka_assign(state->back, NULL);
    if (status == TROTH_OK) {
        troth_kafka_item(state->back_message, TROTH_TOPIC_TELEMETRY, item);
    } else if (status == TROTH_TIMED_OUT) {
        troth_kafka_note(state, "%s[%" PRId32 "] at %" PRId64 ": no answer",
                         state->names[TROTH_TOPIC_TELEMETRY], partition, offset);
    }
    return status;
}

void troth_kafka_back_close(struct troth_kafka_state *state)
{
    if (state->back_message != NULL) {
        rd_kafka_message_destroy(state->back_message);
        state->back_message = NULL;
    }
    if (state->back != NULL) {
        (void)rd_kafka_consumer_close(state->back);
        rd_kafka_destroy(state->back);
        state->back = NULL;
    }
}
