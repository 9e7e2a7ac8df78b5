/* The calls of the Kafka log. Opening and closing it is in kafka/open.c. */

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "consumers/kafka/state.h"
#include "schemas/assert.h"

enum {
    EXTENT_TIMEOUT_MS = 15000, /* of each of its two questions */
    CATCH_UP_TIMEOUT_US = 2000000,
    PROBE_TIMEOUT_MS = 100,
    PROBE_EVERY_US = 1000000,
    DOWN_PATIENCE_US = 30000000
};

struct troth_kafka_state *troth_kafka_state_of(struct troth_log *log)
{
    return (struct troth_kafka_state *)((char *)log - offsetof(struct troth_kafka_state, log));
}

void troth_kafka_note(struct troth_kafka_state *state, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(state->error, sizeof(state->error), format, arguments);
    va_end(arguments);
}

/* The status that the next poll returns; the first one that is for good stays. */
static void judge(struct troth_kafka_state *state, troth_status verdict, bool for_good)
{
    if (!state->verdict_for_good) {
        state->verdict = verdict;
        state->verdict_for_good = for_good;
    }
}

/* ---- poll ----------------------------------------------------------------------------------- */

static void judge_fatal(struct troth_kafka_state *state)
{
    char reason[TROTH_KAFKA_ERROR_LENGTH / 2] = "";
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(state->consumer, reason, sizeof(reason));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
            (void)snprintf(reason, sizeof(reason),
                           "another process has joined the group under the same name; give each "
                           "an `instance` (--instance) of its own");
        }
        troth_kafka_note(state, "the consumer has failed for good (%s): %s",
                         rd_kafka_err2name(code), reason);
        judge(state, troth_kafka_status(code) == TROTH_FENCED ? TROTH_FENCED : TROTH_REFUSED, true);
    }
}

void troth_kafka_log_on_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    (void)client;
    struct troth_kafka_state *state = opaque;
    troth_kafka_note(state, "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)error), reason);
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && state->down_since_us == 0) {
        state->down_since_us = troth_kafka_monotonic_us();
    } else if (error == RD_KAFKA_RESP_ERR__FATAL) {
        judge_fatal(state);
    }
}

/* Whether a topic is read whole, to an END. */
static bool is_control(enum troth_topic topic)
{
    return topic != TROTH_TOPIC_TELEMETRY && topic != TROTH_TOPIC_STANDINGS;
}

/* In message: bears an error or an end instead of a record. */
static void handle_error(struct troth_kafka_state *state, const rd_kafka_message_t *message)
{
    enum troth_topic topic = TROTH_TOPIC_COUNT;
    struct troth_kafka_reading *reading =
        troth_kafka_reading_find(state, message->rkt, message->partition, &topic);
    bool ours = reading != NULL && reading->started;
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (ours && !reading->exact && message->offset >= reading->next) {
            reading->next = message->offset; /* past holes: compaction and control records */
            if (is_control(topic) && reading->next >= reading->end) {
                troth_kafka_assignment_end(state, topic);
            }
        }
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        if (ours) {
            troth_kafka_assignment_mend(state, topic, message->partition);
        }
        return;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        judge_fatal(state);
        return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        troth_kafka_note(state, "%s", rd_kafka_message_errstr(message));
        judge(state, TROTH_REFUSED, false);
        return;
    default: /* passes by itself, or another callback follows */
        troth_kafka_note(state, "%s: %s", rd_kafka_err2name(message->err),
                         rd_kafka_message_errstr(message));
    }
}

/* Once. Records from before the topic was mended keep their emitters' time, so this is no reason to
 * stop; `troth topics check` is. */
static void warn_of_time(struct troth_kafka_state *state, enum troth_topic topic)
{
    if (topic == TROTH_TOPIC_TELEMETRY && !state->warned_of_time) {
        state->warned_of_time = true;
        troth_kafka_note(state,
                         "%s holds records with their emitters' time, not the log's: see "
                         "`troth topics check`",
                         state->names[topic]);
        troth_kafka_say(&state->voice, 4, "%s", state->error);
    }
}

/* Fills in an item. Returns whether its time is its emitter's. Inline: it is every record's. */
static inline bool give(const rd_kafka_message_t *message, enum troth_topic topic,
                        struct troth_log_item *item)
{
    rd_kafka_timestamp_type_t type;
    const int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    *item = (struct troth_log_item){
        .kind = TROTH_LOG_RECORD,
        .topic = (uint8_t)topic,
        .has_key = message->key != NULL,
        .has_value = message->payload != NULL,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_us = timestamp_ms > 0 ? timestamp_ms * 1000 : 0,
        .key = message->key,
        .value = message->payload,
        .key_length = (uint32_t)message->key_len,
        .value_length = (uint32_t)message->len,
    };
    return type != RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
}

void troth_kafka_item(const rd_kafka_message_t *message, enum troth_topic topic,
                      struct troth_log_item *item)
{
    (void)give(message, topic, item);
}

/* Turns what is held into items; drops what is stale. Returns how many. */
static size_t translate(struct troth_kafka_state *state, struct troth_log_item *items)
{
    size_t count = 0;
    for (size_t i = 0; i < state->held_count; i++) {
        const rd_kafka_message_t *message = state->held[i];
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            handle_error(state, message);
            continue;
        }
        enum troth_topic topic;
        struct troth_kafka_reading *reading =
            troth_kafka_reading_find(state, message->rkt, message->partition, &topic);
        if (reading == NULL || !reading->started || message->offset < reading->next ||
            (reading->exact && message->offset > reading->next)) {
            continue;
        }
        reading->exact = false;
        reading->next = message->offset + 1;
        if (give(message, topic, &items[count++]) && !state->create_time) {
            warn_of_time(state, topic);
        }
        if (is_control(topic) && reading->next >= reading->end) {
            troth_kafka_assignment_end(state, topic);
        }
    }
    return count;
}

/* librdkafka says when all brokers are down and not when they are back: so it is asked. What was
 * fetched before may still come, so records prove nothing. */
static bool is_unreachable(struct troth_kafka_state *state)
{
    if (state->down_since_us == 0) {
        return false;
    }
    int64_t now_us = troth_kafka_monotonic_us();
    if (now_us - state->probed_us >= PROBE_EVERY_US) {
        state->probed_us = now_us;
        const struct rd_kafka_metadata *metadata;
        if (rd_kafka_metadata(state->consumer, 0, state->reads[TROTH_TOPIC_TELEMETRY], &metadata,
                              PROBE_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(metadata);
            state->down_since_us = 0;
        }
    }
    return state->down_since_us != 0 && now_us - state->down_since_us >= DOWN_PATIENCE_US;
}

static troth_status take_verdict(struct troth_kafka_state *state)
{
    troth_status verdict = state->verdict;
    if (!state->verdict_for_good) {
        state->verdict = TROTH_OK;
    }
    return verdict;
}

static troth_status log_poll(struct troth_log *log, int64_t timeout_us,
                             struct troth_log_item *items, size_t capacity, size_t *count)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    TROTH_ASSERT(capacity > 0);
    capacity = capacity < TROTH_BATCH_MAX ? capacity : TROTH_BATCH_MAX;
    troth_kafka_fetch_release(state);
    *count = 0;
    troth_status status = take_verdict(state);
    if (status != TROTH_OK) {
        return status;
    }
    status = troth_kafka_assignment_settle(state);
    if (status != TROTH_OK) {
        return status;
    }
    troth_kafka_output_serve(&state->plain);
    size_t given = 0;
    if (state->event_count == 0) {
        troth_kafka_fetch(state, troth_kafka_milliseconds(timeout_us), capacity);
        given = translate(state, items);
    }
    given += troth_kafka_assignment_give(state, items + given, capacity - given);
    *count = given;
    /* Asked in any case, so that what passed is not found, much later, to have lasted. */
    return is_unreachable(state) && given == 0 ? TROTH_UNREACHABLE : TROTH_OK;
}

/* ---- partitions ----------------------------------------------------------------------------- */

struct troth_kafka_reading *troth_kafka_log_owned(struct troth_kafka_state *state,
                                                  int32_t partition)
{
    if (partition < 0 || partition >= state->partition_count ||
        !state->telemetry[partition].assigned) {
        troth_kafka_note(state, "%s[%" PRId32 "] is not assigned to this member",
                         state->names[TROTH_TOPIC_TELEMETRY], partition);
        return NULL;
    }
    return &state->telemetry[partition];
}

static troth_status log_extent(struct troth_log *log, int32_t partition,
                               struct troth_log_extent *extent)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    if (troth_kafka_log_owned(state, partition) == NULL) {
        return TROTH_NOT_FOUND;
    }
    const char *topic = state->names[TROTH_TOPIC_TELEMETRY];
    struct troth_log_extent found = {0};
    rd_kafka_resp_err_t code = troth_kafka_reading_extent(
        state, TROTH_TOPIC_TELEMETRY, partition, EXTENT_TIMEOUT_MS * 1000, &found.low, &found.high);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_t *element =
            rd_kafka_topic_partition_list_add(list, topic, partition);
        code = rd_kafka_committed(state->consumer, list, EXTENT_TIMEOUT_MS);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            code = element->err;
        }
        found.committed = element->offset >= 0 ? element->offset : TROTH_OFFSET_NONE;
        rd_kafka_topic_partition_list_destroy(list);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "extent of %s[%" PRId32 "]: %s", topic, partition,
                         troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    *extent = found;
    return TROTH_OK;
}

static troth_status log_catch_up(struct troth_log *log, enum troth_topic topic, bool *reached)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    struct troth_kafka_reading *reading = &state->control[topic];
    int64_t low = 0;
    int64_t high = 0;
    if (!reading->assigned) {
        troth_kafka_note(state, "%s is not read", state->names[topic]);
        return TROTH_NOT_FOUND;
    }
    rd_kafka_resp_err_t code =
        troth_kafka_reading_extent(state, topic, 0, CATCH_UP_TIMEOUT_US, &low, &high);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "end of %s: %s", state->names[topic], troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    troth_kafka_assignment_reopen(state, topic);
    reading->end = high;
    reading->ended = reading->next >= high;
    *reached = reading->ended;
    return TROTH_OK;
}

static troth_status log_start(struct troth_log *log, int32_t partition, int64_t offset)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    struct troth_kafka_reading *reading = troth_kafka_log_owned(state, partition);
    if (reading == NULL || !state->joined) {
        return TROTH_NOT_FOUND;
    }
    if (offset < 0) {
        return TROTH_INVALID;
    }
    reading->exact = reading->started; /* what was fetched ahead may still come */
    reading->started = true;
    reading->next = offset;
    troth_kafka_assignment_change(state, true);
    return TROTH_OK;
}

static troth_status log_recall(struct troth_log *log, int32_t partition)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    int64_t low = 0;
    int64_t high = 0;
    if (troth_kafka_log_owned(state, partition) == NULL || !state->joined) {
        return TROTH_NOT_FOUND;
    }
    rd_kafka_resp_err_t code = troth_kafka_reading_extent(state, TROTH_TOPIC_STANDINGS, partition,
                                                          EXTENT_TIMEOUT_MS * 1000, &low, &high);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "extent of %s[%" PRId32 "]: %s",
                         state->names[TROTH_TOPIC_STANDINGS], partition, troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    state->standings[partition] = (struct troth_kafka_reading){.started = true, .next = low};
    troth_kafka_assignment_change(state, false);
    return TROTH_OK;
}

static void log_recalled(struct troth_log *log, int32_t partition)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    state->standings[partition] = (struct troth_kafka_reading){0};
    troth_kafka_assignment_change(state, true);
}

static int64_t log_end(struct troth_log *log, int32_t partition)
{
    const struct troth_kafka_state *state = troth_kafka_state_of(log);
    int64_t low = 0;
    int64_t high = 0;
    const bool known =
        rd_kafka_get_watermark_offsets(state->consumer, state->names[TROTH_TOPIC_TELEMETRY],
                                       partition, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR;
    return known && high >= 0 ? high : TROTH_OFFSET_NONE;
}

static int32_t log_partitions(struct troth_log *log)
{
    return troth_kafka_state_of(log)->partition_count;
}

static const char *log_error(struct troth_log *log)
{
    return troth_kafka_state_of(log)->error;
}

static void log_close(struct troth_log *log)
{
    if (log != NULL) {
        troth_kafka_state_close(troth_kafka_state_of(log));
    }
}

const struct troth_log troth_kafka_log_calls = {
    .poll = log_poll,
    .extent = log_extent,
    .catch_up = log_catch_up,
    .start = log_start,
    .recall = log_recall,
    .recalled = log_recalled,
    .read_back = troth_kafka_log_read_back,
    .headers = troth_kafka_log_headers,
    .send = troth_kafka_log_send,
    .flush = troth_kafka_log_flush,
    .commit = troth_kafka_log_commit,
    .committed = troth_kafka_log_committed,
    .end = log_end,
    .partitions = log_partitions,
    .error = log_error,
    .close = log_close,
};
