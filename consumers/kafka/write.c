/*
 * What the Kafka log writes, and how it commits.
 *
 * Records go through the committer's transactions, but for the engine's own of telemetry (ticks and
 * pointers): as long as a transaction with a record of a partition is open, nobody who reads
 * committed records alone gets past it, and in telemetry that is everybody, this engine first. They
 * may be there twice without harm, so they need no transaction. On the embedded broker, and where
 * at_least_once is enough, everything is plain, and a commit is over when it has begun.
 */
#include <inttypes.h>

#include "consumers/kafka/state.h"
#include "schemas/assert.h"

/* Takes over what the plain producer said, for error(). Returns the status. */
static troth_status plainly(struct troth_kafka_state *state, troth_status status)
{
    if (status == TROTH_REFUSED || status == TROTH_TIMED_OUT) {
        troth_kafka_note(state, "%s", state->plain.error);
    }
    return status;
}

/* Likewise, of the committer. */
static troth_status transactionally(struct troth_kafka_state *state, troth_status status)
{
    if (status == TROTH_REFUSED || status == TROTH_FENCED) {
        troth_kafka_note(state, "%s", troth_kafka_committer_error(state->committer));
    }
    return status;
}

troth_status troth_kafka_log_send(struct troth_log *log, const struct troth_log_record *record)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    return record->topic == TROTH_TOPIC_TELEMETRY || state->committer == NULL
               ? plainly(state, troth_kafka_output_send(&state->plain, record))
               : transactionally(state, troth_kafka_committer_send(state->committer, record));
}

troth_status troth_kafka_log_flush(struct troth_log *log, int64_t timeout_us)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    const int64_t deadline_us = troth_kafka_monotonic_us() + (timeout_us > 0 ? timeout_us : 0);
    troth_status status = TROTH_OK;
    if (state->committer != NULL) {
        status = transactionally(
            state, troth_kafka_committer_flush(state->committer, timeout_us > 0 ? timeout_us : 0));
    }
    if (status == TROTH_REFUSED || status == TROTH_FENCED) {
        return status;
    }
    if (status == TROTH_TIMED_OUT) {
        troth_kafka_note(state, "records are not acknowledged in time");
    }
    const troth_status plain = plainly(
        state, troth_kafka_output_flush(&state->plain, deadline_us - troth_kafka_monotonic_us()));
    return plain != TROTH_OK ? plain : status;
}

/* ---- Commits. ---- */

/* Returns what the answer to commit `number` says, or TROTH_TIMED_OUT. */
static troth_status await_commit(struct troth_kafka_state *state, uint64_t number,
                                 int64_t deadline_us)
{
    for (;;) {
        int64_t left_us = deadline_us - troth_kafka_monotonic_us();
        rd_kafka_event_t *event =
            rd_kafka_queue_poll(state->commit_queue, troth_kafka_milliseconds(left_us));
        if (event == NULL) {
            if (left_us > 0) {
                continue;
            }
            troth_kafka_note(state, "the group has not answered the commit in time");
            return TROTH_TIMED_OUT;
        }
        rd_kafka_resp_err_t code = rd_kafka_event_error(event);
        const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
        for (int i = 0; list != NULL && i < list->cnt; i++) {
            code = code == RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[i].err : code;
        }
        bool awaited = (uint64_t)(uintptr_t)rd_kafka_event_opaque(event) == number;
        rd_kafka_event_destroy(event);
        if (!awaited) {
            continue; /* the late answer to a commit that was given up; at most one each */
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            troth_kafka_note(state, "commit: %s", troth_kafka_explain(code));
        }
        return troth_kafka_status(code);
    }
}

/* Out list: of the offsets, to be destroyed. Returns TROTH_FENCED where a partition is not ours:
 * the group would take an offset of one that has moved on within this generation, as it checks the
 * member, not the partition. */
static troth_status list_offsets(struct troth_kafka_state *state,
                                 const struct troth_log_offset *offsets, size_t count,
                                 rd_kafka_topic_partition_list_t **list)
{
    rd_kafka_topic_partition_list_t *made = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        if (troth_kafka_log_owned(state, offsets[i].partition) == NULL) {
            rd_kafka_topic_partition_list_destroy(made);
            return TROTH_FENCED;
        }
        rd_kafka_topic_partition_list_add(made, state->names[TROTH_TOPIC_TELEMETRY],
                                          offsets[i].partition)
            ->offset = offsets[i].offset;
    }
    *list = made;
    return TROTH_OK;
}

/* Without transactions (the embedded broker throws away offsets that come in one) the records are
 * flushed first, and the consumer commits. */
static troth_status commit_plainly(struct troth_kafka_state *state,
                                   const rd_kafka_topic_partition_list_t *list, int64_t deadline_us)
{
    const troth_status status = plainly(
        state, troth_kafka_output_flush(&state->plain, deadline_us - troth_kafka_monotonic_us()));
    if (status != TROTH_OK || list->cnt == 0) {
        return status;
    }
    const uint64_t number = ++state->commit_number;
    /* rd_kafka_commit() would wait without a bound. */
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(state->consumer, list, state->commit_queue,
                                                     NULL, (void *)(uintptr_t)number);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_kafka_note(state, "commit: %s", troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    return await_commit(state, number, deadline_us);
}

troth_status troth_kafka_log_commit(struct troth_log *log, const struct troth_log_offset *offsets,
                                    size_t count, int64_t timeout_us)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    const int64_t deadline_us = troth_kafka_monotonic_us() + (timeout_us > 0 ? timeout_us : 0);
    rd_kafka_topic_partition_list_t *list = NULL;
    if (state->abort_due) {
        troth_kafka_note(state, "what was sent is of partitions that were taken away");
        return TROTH_FENCED;
    }
    troth_status status = plainly(state, troth_kafka_output_check(&state->plain));
    if (status == TROTH_OK) {
        status = list_offsets(state, offsets, count, &list);
    }
    if (status != TROTH_OK) {
        return status;
    }
    if (state->committer == NULL) {
        status = commit_plainly(state, list, deadline_us);
    } else {
        status = transactionally(
            state, troth_kafka_committer_commit(state->committer, list, state->membership));
        list = status == TROTH_OK ? NULL : list; /* taken */
    }
    if (list != NULL) {
        rd_kafka_topic_partition_list_destroy(list);
    }
    return status;
}

troth_status troth_kafka_log_committed(struct troth_log *log, int64_t timeout_us)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    return state->committer == NULL
               ? TROTH_OK
               : transactionally(state, troth_kafka_committer_committed(
                                            state->committer, timeout_us > 0 ? timeout_us : 0));
}

troth_status troth_kafka_write_abandon(struct troth_kafka_state *state)
{
    state->abort_due = false;
    return state->committer == NULL
               ? TROTH_OK
               : transactionally(state, troth_kafka_committer_abandon(state->committer));
}
