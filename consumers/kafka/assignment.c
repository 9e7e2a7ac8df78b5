/*
 * Who reads what, and from where.
 *
 *     group: ASSIGN ──► ASSIGNED items ──► caller: start(p, offset) ──► next poll: rd_kafka_assign
 *     group: REVOKE ──► REVOKED items ──► caller: commit() ──► next poll: rd_kafka_assign(NULL)
 *
 * librdkafka's own set is always replaced whole (eager protocol): the started telemetry partitions,
 * the standings that are recalled, and the control topics, each with the offset that it goes on
 * from. That throws away what was fetched ahead and not given, and what is fetched next waits for
 * the fetch that is under way, fetch.wait.max.ms at most. So starts are gathered until the next
 * poll, and while standings are recalled for longer.
 *
 * A rebalance callback runs inside a batch call. It answers the group only where the assignment is
 * lost; a plain revoke is answered from the next poll, so records that the same batch call still
 * brings are of partitions that are ours.
 */
#include <inttypes.h>

#include "consumers/kafka/state.h"
#include "schemas/assert.h"

enum { WATERMARK_TIMEOUT_US = 5000000, RETRY_AFTER_MS = 50, GATHER_US = 2000000 };

struct troth_kafka_reading *troth_kafka_reading_find(struct troth_kafka_state *state,
                                                     const rd_kafka_topic_t *handle,
                                                     int32_t partition, enum troth_topic *topic)
{
    if (handle == state->reads[TROTH_TOPIC_TELEMETRY]) {
        *topic = TROTH_TOPIC_TELEMETRY;
        return partition >= 0 && partition < state->partition_count ? &state->telemetry[partition]
                                                                    : NULL;
    }
    if (handle != NULL && handle == state->reads[TROTH_TOPIC_STANDINGS]) {
        *topic = TROTH_TOPIC_STANDINGS;
        return partition >= 0 && partition < state->partition_count ? &state->standings[partition]
                                                                    : NULL;
    }
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        if (handle != NULL && handle == state->reads[i]) {
            *topic = (enum troth_topic)i;
            return partition == 0 ? &state->control[i] : NULL;
        }
    }
    return NULL;
}

static void put(struct troth_kafka_state *state, enum troth_log_kind kind, enum troth_topic topic,
                int32_t partition)
{
    TROTH_ASSERT(state->event_count < state->event_capacity);
    state->events[state->event_count++] =
        (struct troth_kafka_event){(uint8_t)kind, (uint8_t)topic, partition};
}

/* Takes back an event that was not given yet. Returns whether there was one. As ASSIGNED and END
 * are taken back, a partition never has more than two events waiting (LOST, then ASSIGNED), and a
 * control topic one, which bounds the queue. */
static bool take_back(struct troth_kafka_state *state, enum troth_log_kind kind,
                      enum troth_topic topic, int32_t partition)
{
    for (size_t i = 0; i < state->event_count; i++) {
        if (state->events[i].kind == kind && state->events[i].topic == topic &&
            state->events[i].partition == partition) {
            state->event_count--;
            for (size_t j = i; j < state->event_count; j++) {
                state->events[j] = state->events[j + 1];
            }
            return true;
        }
    }
    return false;
}

void troth_kafka_assignment_end(struct troth_kafka_state *state, enum troth_topic topic)
{
    if (!state->control[topic].ended) {
        state->control[topic].ended = true;
        put(state, TROTH_LOG_END, topic, 0);
    }
}

void troth_kafka_assignment_reopen(struct troth_kafka_state *state, enum troth_topic topic)
{
    (void)take_back(state, TROTH_LOG_END, topic, 0);
    state->control[topic].ended = false;
}

size_t troth_kafka_assignment_give(struct troth_kafka_state *state, struct troth_log_item *items,
                                   size_t capacity)
{
    size_t given = state->event_count < capacity ? state->event_count : capacity;
    for (size_t i = 0; i < given; i++) {
        const struct troth_kafka_event *event = &state->events[i];
        uint8_t kind = event->kind;
        if (kind == TROTH_LOG_REVOKED && rd_kafka_assignment_lost(state->consumer)) {
            kind = TROTH_LOG_LOST; /* too late for a commit since it was put */
        }
        items[i] = (struct troth_log_item){
            .kind = kind, .topic = event->topic, .partition = event->partition};
    }
    state->event_count -= given;
    for (size_t i = 0; i < state->event_count; i++) {
        state->events[i] = state->events[given + i];
    }
    return given;
}

/* All that is ours stops being read. Where `kind` is REVOKED it stays ours until settled. */
static void give_up(struct troth_kafka_state *state, enum troth_log_kind kind)
{
    state->joined = false;
    state->assign_due = false;
    for (int32_t p = 0; p < state->partition_count; p++) {
        struct troth_kafka_reading *reading = &state->telemetry[p];
        state->standings[p] = (struct troth_kafka_reading){0};
        if (!reading->assigned) {
            continue;
        }
        bool untold = take_back(state, TROTH_LOG_ASSIGNED, TROTH_TOPIC_TELEMETRY, p);
        if (kind == TROTH_LOG_LOST || untold) {
            *reading = (struct troth_kafka_reading){0};
        }
        if (!untold) {
            put(state, kind, TROTH_TOPIC_TELEMETRY, p);
        }
    }
}

static void take_over(struct troth_kafka_state *state,
                      const rd_kafka_topic_partition_list_t *partitions)
{
    state->joined = true;
    troth_kafka_assignment_change(state, false);
    for (int i = 0; i < partitions->cnt; i++) {
        int32_t p = partitions->elems[i].partition;
        if (p < 0 || p >= state->partition_count) {
            state->verdict = TROTH_REFUSED;
            state->verdict_for_good = true;
            troth_kafka_note(state, "%s has more partitions than when it was opened (%" PRId32 ")",
                             state->names[TROTH_TOPIC_TELEMETRY], state->partition_count);
            continue;
        }
        state->telemetry[p] = (struct troth_kafka_reading){.assigned = true};
        put(state, TROTH_LOG_ASSIGNED, TROTH_TOPIC_TELEMETRY, p);
    }
    if (state->membership != NULL) {
        rd_kafka_consumer_group_metadata_destroy(state->membership);
    }
    state->membership = rd_kafka_consumer_group_metadata(state->consumer);
}

void troth_kafka_assignment_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t error,
                                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct troth_kafka_state *state = opaque;
    if (state->closing) {
        (void)rd_kafka_assign(client, NULL);
        return;
    }
    if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        take_over(state, partitions);
    } else if (error == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && !rd_kafka_assignment_lost(client)) {
        give_up(state, TROTH_LOG_REVOKED);
        state->unassign_due = true;
    } else {
        state->abort_due = true; /* what the caller sends until it learns of it is of no use */
        troth_kafka_note(
            state,
            "the group has gone on without this member, which has lost its "
            "partitions%s%s",
            error == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS ? "" : ": ",
            error == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS ? "" : troth_kafka_explain(error));
        give_up(state, TROTH_LOG_LOST);
        state->unassign_due = false;
        (void)rd_kafka_assign(client, NULL);
    }
    rd_kafka_queue_yield(state->queue); /* a batch call that waits shall come back with this */
}

void troth_kafka_assignment_change(struct troth_kafka_state *state, bool can_wait)
{
    if (!can_wait) {
        state->assign_by_us = 0;
    } else if (!state->assign_due) {
        state->assign_by_us = troth_kafka_monotonic_us() + GATHER_US;
    }
    state->assign_due = true;
}

/* Whether a change that can wait still does. */
static bool gathers(const struct troth_kafka_state *state)
{
    bool recalls = false;
    for (int32_t p = 0; p < state->partition_count && !recalls; p++) {
        recalls = state->standings[p].started;
    }
    return recalls && troth_kafka_monotonic_us() < state->assign_by_us;
}

static troth_status unassign(struct troth_kafka_state *state)
{
    rd_kafka_resp_err_t code = rd_kafka_assign(state->consumer, NULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "unassign: %s", troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    state->unassign_due = false;
    for (int32_t p = 0; p < state->partition_count; p++) {
        state->telemetry[p] = (struct troth_kafka_reading){0};
    }
    return troth_kafka_write_abandon(state); /* where the caller could not commit it */
}

static void add(rd_kafka_topic_partition_list_t *list, struct troth_kafka_state *state,
                enum troth_topic topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_add(list, state->names[topic], partition)->offset = offset;
}

static troth_status assign(struct troth_kafka_state *state)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(2 * state->partition_count + TROTH_TOPIC_COUNT);
    for (int32_t p = 0; p < state->partition_count; p++) {
        if (state->telemetry[p].started) {
            add(list, state, TROTH_TOPIC_TELEMETRY, p, state->telemetry[p].next);
        }
        if (state->standings[p].started) {
            add(list, state, TROTH_TOPIC_STANDINGS, p, state->standings[p].next);
        }
    }
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        if (state->control[i].started) {
            add(list, state, (enum troth_topic)i, 0, state->control[i].next);
        }
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(state->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "assign: %s", troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    state->assign_due = false;
    return TROTH_OK;
}

troth_status troth_kafka_assignment_settle(struct troth_kafka_state *state)
{
    if (state->abort_due && state->event_count == 0) {
        const troth_status status = troth_kafka_write_abandon(state);
        if (status != TROTH_OK) {
            return status;
        }
    }
    if (state->unassign_due && state->event_count == 0) {
        return unassign(state);
    }
    if (state->assign_due && state->joined && !gathers(state)) {
        return assign(state);
    }
    return TROTH_OK;
}

rd_kafka_resp_err_t troth_kafka_reading_extent(struct troth_kafka_state *state,
                                               enum troth_topic topic, int32_t partition,
                                               int64_t timeout_us, int64_t *low, int64_t *high)
{
    int64_t deadline_us = troth_kafka_monotonic_us() + timeout_us;
    for (;;) {
        int64_t left_us = deadline_us - troth_kafka_monotonic_us();
        /* The producer's connection: on the consumer's the answer would wait behind a fetch that
         * waits for records, half a second each time. */
        rd_kafka_resp_err_t code =
            troth_kafka_watermarks(state->plain.client, state->names[topic], partition,
                                   troth_kafka_milliseconds(left_us / 2), low, high);
        if (troth_kafka_status(code) != TROTH_TIMED_OUT || left_us <= 0) {
            return code;
        }
        /* Waits. Where a late answer to a commit comes, nobody waits for it any more. */
        rd_kafka_event_destroy(rd_kafka_queue_poll(state->commit_queue, RETRY_AFTER_MS));
    }
}

void troth_kafka_assignment_mend(struct troth_kafka_state *state, enum troth_topic topic,
                                 int32_t partition)
{
    struct troth_kafka_reading *reading =
        topic == TROTH_TOPIC_TELEMETRY   ? &state->telemetry[partition]
        : topic == TROTH_TOPIC_STANDINGS ? &state->standings[partition]
                                         : &state->control[topic];
    int64_t low = 0;
    int64_t high = 0;
    troth_kafka_assignment_change(state, false); /* to the same, where we learn nothing better */
    rd_kafka_resp_err_t code =
        troth_kafka_reading_extent(state, topic, partition, WATERMARK_TIMEOUT_US, &low, &high);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "%s[%" PRId32 "]: watermarks: %s", state->names[topic], partition,
                         troth_kafka_explain(code));
    } else if (reading->next < low) {
        troth_kafka_note(state,
                         "%s[%" PRId32 "]: records %" PRId64 " to %" PRId64
                         " were deleted before they were read; lengthen its retention",
                         state->names[topic], partition, reading->next, low - 1);
        troth_kafka_say(&state->voice, 3, "%s", state->error);
        reading->next = low;
        reading->exact = false;
    } else if (reading->next > high) {
        state->verdict = TROTH_REFUSED;
        state->verdict_for_good = true;
        troth_kafka_note(state,
                         "%s[%" PRId32 "] ends at %" PRId64 ", but %" PRId64
                         " was to be read next: the log was truncated or made anew",
                         state->names[topic], partition, high, reading->next);
    }
}
