/*
 * Transactions of the Kafka log.
 *
 *     send() ──► begin ──► records ──► commit(): flush ──► offsets, with our membership ──► commit
 *                                └───► partitions taken away, or an error: abort
 *
 * The offsets bear the membership that was taken when the group assigned: a member that slept while
 * the group went on has its transaction refused whole. A former self that still runs is fenced by
 * its name (transactional.id) when the next one opens.
 *
 * Whatever fails ends the producer. It is not gone on with after an abort, since what the caller
 * has applied since the last commit was told in that transaction and would never be told again; nor
 * after a commit that timed out, which may or may not have happened (librdkafka's issue 5423). Only
 * where the caller's partitions are taken away, and with them all that was applied, it goes on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "consumers/kafka_state.h"
#include "schemas/assert.h"

enum { OPEN_TIMEOUT_US = 30000000, ABORT_TIMEOUT_MS = 5000, NUMBER_LENGTH = 32 };

/* ---- opening -------------------------------------------------------------------------------- */

/* Out timeout: how long a transaction may last. No longer than the consumer's session: where that
 * has ended, the next owner must not wait for what is left of us. */
static troth_status choose_timeout(const struct troth_kafka_state *state,
                                   struct troth_kafka_properties passed,
                                   char timeout[NUMBER_LENGTH], char *error, size_t size)
{
    static const char name[] = "transaction.timeout.ms";
    char session[NUMBER_LENGTH] = "";
    size_t length = sizeof(session);
    const rd_kafka_conf_res_t found =
        rd_kafka_conf_get(rd_kafka_conf(state->consumer), "session.timeout.ms", session, &length);
    TROTH_ASSERT(found == RD_KAFKA_CONF_OK);
    const char *given = troth_kafka_property_find(passed, name);
    if (given != NULL && strtoll(given, NULL, 10) > strtoll(session, NULL, 10)) {
        (void)snprintf(error, size, "kafka.%s: %s is more than session.timeout.ms, %s", name, given,
                       session);
        return TROTH_INVALID;
    }
    (void)snprintf(timeout, NUMBER_LENGTH, "%s", given != NULL ? given : session);
    return TROTH_OK;
}

static troth_status fence_former(struct troth_kafka_state *state, const char *id, char *error,
                                 size_t size)
{
    const int64_t deadline_us = troth_kafka_monotonic_us() + OPEN_TIMEOUT_US;
    for (;;) {
        const int64_t left_us = deadline_us - troth_kafka_monotonic_us();
        rd_kafka_error_t *failure = rd_kafka_init_transactions(state->transactional.client,
                                                               troth_kafka_milliseconds(left_us));
        if (failure == NULL) {
            return TROTH_OK;
        }
        const bool again = rd_kafka_error_is_retriable(failure) && left_us > 0;
        const troth_status status = troth_kafka_status(rd_kafka_error_code(failure));
        (void)snprintf(error, size,
                       "transactions as %s cannot begin: %s; the engine needs the rights Write and "
                       "Describe on that transactional id",
                       id, rd_kafka_error_string(failure));
        rd_kafka_error_destroy(failure);
        if (!again) {
            return status == TROTH_TIMED_OUT ? TROTH_UNREACHABLE : status;
        }
    }
}

troth_status troth_kafka_transaction_open(struct troth_kafka_state *state,
                                          struct troth_kafka_properties passed,
                                          const char *partitioner, const char *id, char *error,
                                          size_t size)
{
    char timeout[NUMBER_LENGTH];
    troth_status status = choose_timeout(state, passed, timeout, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    const struct troth_kafka_property needed[] = {
        {"transactional.id", id},
        {"transaction.timeout.ms", timeout},
        {"partitioner", partitioner},
    };
    status = troth_kafka_output_open(state, &state->transactional, passed,
                                     (struct troth_kafka_properties){needed, 3}, error, size);
    return status == TROTH_OK ? fence_former(state, id, error, size) : status;
}

/* ---- ending --------------------------------------------------------------------------------- */

/* Notes what went wrong, and what would be right where that is known. */
static void note_failure(struct troth_kafka_state *state, const char *what,
                         rd_kafka_resp_err_t code, const char *reason)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        troth_kafka_note(state,
                         "%s: another process goes by this one's name, or this one slept longer "
                         "than transaction.timeout.ms; give each an `instance` (--instance) of "
                         "its own (%s)",
                         what, reason);
        break;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        troth_kafka_note(state, "%s: the group has gone on without this member (%s)", what, reason);
        break;
    default:
        troth_kafka_note(state, "%s: %s: %s", what, rd_kafka_err2name(code), reason);
    }
}

/* Returns TROTH_OK, or what a fatal error of the producer means. */
static troth_status fatal_status(const struct troth_kafka_state *state)
{
    char reason[TROTH_KAFKA_ERROR_LENGTH / 2];
    const rd_kafka_resp_err_t code =
        rd_kafka_fatal_error(state->transactional.client, reason, sizeof(reason));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return TROTH_OK;
    }
    return troth_kafka_status(code) == TROTH_FENCED ? TROTH_FENCED : TROTH_REFUSED;
}

troth_status troth_kafka_transaction_give_up(struct troth_kafka_state *state, troth_status verdict)
{
    if (state->output_verdict != TROTH_OK) {
        return state->output_verdict;
    }
    const troth_status fatal = fatal_status(state);
    state->output_verdict = fatal != TROTH_OK ? fatal : verdict;
    if (state->in_transaction && fatal == TROTH_OK) {
        /* Where it fails too, the broker aborts after transaction.timeout.ms. */
        rd_kafka_error_destroy(
            rd_kafka_abort_transaction(state->transactional.client, ABORT_TIMEOUT_MS));
    }
    state->in_transaction = false;
    return state->output_verdict;
}

/* In failure: taken. */
static troth_status fail(struct troth_kafka_state *state, const char *what,
                         rd_kafka_error_t *failure)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    note_failure(state, what, code, rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
    return troth_kafka_transaction_give_up(
        state, troth_kafka_status(code) == TROTH_FENCED ? TROTH_FENCED : TROTH_REFUSED);
}

troth_status troth_kafka_transaction_begin(struct troth_kafka_state *state)
{
    if (state->output_verdict != TROTH_OK || state->in_transaction) {
        return state->output_verdict;
    }
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(state->transactional.client);
    if (failure != NULL) {
        return fail(state, "a transaction could not begin", failure);
    }
    state->in_transaction = true;
    return TROTH_OK;
}

troth_status troth_kafka_transaction_abandon(struct troth_kafka_state *state)
{
    state->abort_due = false;
    if (!state->in_transaction) {
        return state->output_verdict;
    }
    rd_kafka_error_t *failure =
        rd_kafka_abort_transaction(state->transactional.client, ABORT_TIMEOUT_MS);
    state->in_transaction = false;
    if (failure != NULL) {
        return fail(state, "a transaction could not be aborted", failure);
    }
    state->transactional.failures = 0; /* they were of it */
    return TROTH_OK;
}

/* Sends the offsets into the transaction; again, where that may help, until the deadline. */
static rd_kafka_error_t *send_offsets(struct troth_kafka_state *state,
                                      const rd_kafka_topic_partition_list_t *offsets,
                                      int64_t deadline_us)
{
    for (;;) {
        const int64_t left_us = deadline_us - troth_kafka_monotonic_us();
        rd_kafka_error_t *failure = rd_kafka_send_offsets_to_transaction(
            state->transactional.client, offsets, state->membership,
            troth_kafka_milliseconds(left_us));
        if (failure == NULL || !rd_kafka_error_is_retriable(failure) || left_us <= 0) {
            return failure;
        }
        rd_kafka_error_destroy(failure);
    }
}

troth_status troth_kafka_transaction_commit(struct troth_kafka_state *state,
                                            const rd_kafka_topic_partition_list_t *offsets,
                                            int64_t deadline_us)
{
    troth_status status = troth_kafka_output_flush(state, deadline_us - troth_kafka_monotonic_us());
    if (status != TROTH_OK) {
        return status; /* where it timed out the transaction stays open, for the next try */
    }
    if (offsets->cnt > 0) {
        status = troth_kafka_transaction_begin(state);
        if (status != TROTH_OK) {
            return status;
        }
        rd_kafka_error_t *failure = send_offsets(state, offsets, deadline_us);
        if (failure != NULL) {
            return fail(state, "the group did not take the offsets", failure);
        }
    }
    if (!state->in_transaction) {
        return TROTH_OK;
    }
    const int64_t left_us = deadline_us - troth_kafka_monotonic_us();
    rd_kafka_error_t *failure =
        rd_kafka_commit_transaction(state->transactional.client, troth_kafka_milliseconds(left_us));
    if (failure != NULL) {
        /* Only an error that says so can be aborted: else the commit may be under way. */
        state->in_transaction = rd_kafka_error_txn_requires_abort(failure);
        return fail(state, "a transaction was not committed", failure);
    }
    state->in_transaction = false;
    return TROTH_OK;
}
