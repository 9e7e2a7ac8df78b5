/*
 * Taking records from librdkafka, and keeping it at work.
 *
 * A broker's thread that finds the consumer's queue full (queued.min.messages) sleeps until
 * something else wakes it, for up to a second; until then the queue runs empty, and a backlog is
 * read at one queue a second. (Versions since 2.2 have fetch.queue.backoff.ms; before, the only way
 * is a request to that broker.) So each time half a queue was taken, the leaders are asked for
 * where our partitions end, and nobody waits for their answer.
 */
#include <stdlib.h>

#include "consumers/kafka/state.h"

enum { NUMBER_LENGTH = 32 };

/* Returns the number that the consumer's configuration holds, or at least 1. */
static int64_t configured(const struct troth_kafka_state *state, const char *name)
{
    char text[NUMBER_LENGTH] = "";
    size_t size = sizeof(text);
    if (rd_kafka_conf_get(rd_kafka_conf(state->consumer), name, text, &size) != RD_KAFKA_CONF_OK) {
        return 1;
    }
    const int64_t number = strtoll(text, NULL, 10);
    return number > 0 ? number : 1;
}

void troth_kafka_fetch_setup(struct troth_kafka_state *state)
{
    state->wake_records = (configured(state, "queued.min.messages") + 1) / 2;
    state->wake_bytes = configured(state, "queued.max.messages.kbytes") * 1024 / 2;
}

static void add_end(rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_END;
}

/* Control topics are left out: they are short. */
static void wake(struct troth_kafka_state *state)
{
    state->taken_records = 0;
    state->taken_bytes = 0;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(2 * state->partition_count);
    for (int32_t p = 0; p < state->partition_count; p++) {
        if (state->telemetry[p].assigned && state->telemetry[p].started) {
            add_end(list, state->names[TROTH_TOPIC_TELEMETRY], p);
        }
        if (state->standings[p].started) { /* being recalled, which may be a long log too */
            add_end(list, state->names[TROTH_TOPIC_STANDINGS], p);
        }
    }
    if (list->cnt > 0) {
        /* Sends, and returns TIMED_OUT: librdkafka throws the answer away. */
        (void)rd_kafka_offsets_for_times(state->consumer, list, 0);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void note_taken(struct troth_kafka_state *state)
{
    state->taken_records += (int64_t)state->held_count;
    for (size_t i = 0; i < state->held_count; i++) {
        state->taken_bytes += (int64_t)(state->held[i]->len + state->held[i]->key_len);
    }
    if (state->taken_records >= state->wake_records || state->taken_bytes >= state->wake_bytes) {
        wake(state);
    }
}

/* The batch call waits until its array is full. So: what is there; or else the first record, and
 * what has come with it. */
void troth_kafka_fetch(struct troth_kafka_state *state, int timeout_ms, size_t capacity)
{
    ssize_t count = rd_kafka_consume_batch_queue(state->queue, 0, state->held, capacity);
    if (count <= 0 && timeout_ms > 0 && state->event_count == 0) {
        count = rd_kafka_consume_batch_queue(state->queue, timeout_ms, state->held, 1);
        if (count == 1 && capacity > 1) {
            ssize_t more =
                rd_kafka_consume_batch_queue(state->queue, 0, state->held + 1, capacity - 1);
            count += more > 0 ? more : 0;
        }
    }
    state->held_count = count > 0 ? (size_t)count : 0;
    note_taken(state);
}

void troth_kafka_fetch_release(struct troth_kafka_state *state)
{
    for (size_t i = 0; i < state->held_count; i++) {
        rd_kafka_message_destroy(state->held[i]);
    }
    state->held_count = 0;
}
