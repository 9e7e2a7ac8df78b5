/*
 * Transactions of a producer.
 *
 *     send() ──► begin ──► records ──► flush ──► offsets, with our membership ──► commit
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
#include "consumers/kafka/output.h"

#include <stdio.h>
#include <stdlib.h>

#include "schemas/assert.h"

enum { OPEN_TIMEOUT_US = 30000000, ABORT_TIMEOUT_MS = 5000, NUMBER_LENGTH = 32 };

/* ---- opening -------------------------------------------------------------------------------- */

/* Out timeout: how long a transaction may last. No longer than the consumer's session: where that
 * has ended, the next owner must not wait for what is left of us. */
static troth_status choose_timeout(rd_kafka_t *consumer, struct troth_kafka_properties passed,
                                   char timeout[NUMBER_LENGTH], char *error, size_t size)
{
    static const char name[] = "transaction.timeout.ms";
    char session[NUMBER_LENGTH] = "";
    size_t length = sizeof(session);
    const rd_kafka_conf_res_t found =
        rd_kafka_conf_get(rd_kafka_conf(consumer), "session.timeout.ms", session, &length);
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

static troth_status fence_former(struct troth_kafka_transactions *transactions, const char *id,
                                 char *error, size_t size)
{
    const int64_t deadline_us = troth_kafka_monotonic_us() + OPEN_TIMEOUT_US;
    for (;;) {
        const int64_t left_us = deadline_us - troth_kafka_monotonic_us();
        rd_kafka_error_t *failure = rd_kafka_init_transactions(transactions->output.client,
                                                               troth_kafka_milliseconds(left_us));
        if (failure == NULL) {
            return TROTH_OK;
        }
        const bool again = rd_kafka_error_is_retriable(failure) && left_us > 0;
        const troth_status status = troth_kafka_status(rd_kafka_error_code(failure));
        (void)snprintf(
            error, size, "transactions as %s cannot begin: %s", id,
            troth_kafka_explain_or(rd_kafka_error_code(failure), rd_kafka_error_string(failure)));
        rd_kafka_error_destroy(failure);
        if (!again) {
            return status == TROTH_TIMED_OUT ? TROTH_UNREACHABLE : status;
        }
    }
}

troth_status troth_kafka_transactions_open(struct troth_kafka_transactions *transactions,
                                           const struct troth_kafka_committer_config *config,
                                           char *error, size_t size)
{
    char timeout[NUMBER_LENGTH];
    troth_status status =
        choose_timeout(config->consumer, config->properties, timeout, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    const struct troth_kafka_property needed[] = {
        {"transactional.id", config->id},
        {"transaction.timeout.ms", timeout},
        {"partitioner", config->partitioner},
    };
    status = troth_kafka_output_open(&transactions->output, config->names, config->properties,
                                     (struct troth_kafka_properties){needed, 3}, error, size);
    return status == TROTH_OK ? fence_former(transactions, config->id, error, size) : status;
}

/* ---- ending --------------------------------------------------------------------------------- */

/* Notes what went wrong, and what would be right where that is known. */
static void note_failure(struct troth_kafka_output *output, const char *what,
                         rd_kafka_resp_err_t code, const char *reason)
{
    const size_t size = sizeof output->error;
    switch (code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        (void)snprintf(output->error, size,
                       "%s: another process goes by this one's name, or this one slept longer "
                       "than transaction.timeout.ms; give each an `instance` (--instance) of its "
                       "own (%s)",
                       what, reason);
        break;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        (void)snprintf(output->error, size, "%s: the group has gone on without this member (%s)",
                       what, reason);
        break;
    default:
        (void)snprintf(output->error, size, "%s: %s: %s", what, rd_kafka_err2name(code),
                       troth_kafka_explain_or(code, reason));
    }
}

/* Returns TROTH_OK, or what a fatal error of the producer means. */
static troth_status fatal_status(const struct troth_kafka_transactions *transactions)
{
    char reason[TROTH_KAFKA_ERROR_LENGTH / 2];
    const rd_kafka_resp_err_t code =
        rd_kafka_fatal_error(transactions->output.client, reason, sizeof(reason));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return TROTH_OK;
    }
    return troth_kafka_status(code) == TROTH_FENCED ? TROTH_FENCED : TROTH_REFUSED;
}

/* Aborts the open transaction where that can still be done; the producer is of no more use. Returns
 * the verdict: the given one, or that of a fatal error. */
static troth_status give_up(struct troth_kafka_transactions *transactions, troth_status verdict)
{
    if (transactions->verdict != TROTH_OK) {
        return transactions->verdict;
    }
    const troth_status fatal = fatal_status(transactions);
    transactions->verdict = fatal != TROTH_OK ? fatal : verdict;
    if (transactions->begun && fatal == TROTH_OK) {
        /* Where it fails too, the broker aborts after transaction.timeout.ms. */
        rd_kafka_error_destroy(
            rd_kafka_abort_transaction(transactions->output.client, ABORT_TIMEOUT_MS));
    }
    transactions->begun = false;
    return transactions->verdict;
}

/* In failure: taken. */
static troth_status fail(struct troth_kafka_transactions *transactions, const char *what,
                         rd_kafka_error_t *failure)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    note_failure(&transactions->output, what, code, rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
    return give_up(transactions,
                   troth_kafka_status(code) == TROTH_FENCED ? TROTH_FENCED : TROTH_REFUSED);
}

static troth_status begin(struct troth_kafka_transactions *transactions)
{
    if (transactions->verdict != TROTH_OK || transactions->begun) {
        return transactions->verdict;
    }
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(transactions->output.client);
    if (failure != NULL) {
        return fail(transactions, "a transaction could not begin", failure);
    }
    transactions->begun = true;
    return TROTH_OK;
}

void troth_kafka_transactions_close(struct troth_kafka_transactions *transactions)
{
    if (transactions->begun) {
        /* Or it would hold back whoever reads committed records alone, until it times out. */
        (void)give_up(transactions, TROTH_REFUSED);
    }
    troth_kafka_output_close(&transactions->output);
}

troth_status troth_kafka_transaction_send(struct troth_kafka_transactions *transactions,
                                          const struct troth_log_record *record)
{
    troth_status status = begin(transactions);
    if (status == TROTH_OK) {
        status = troth_kafka_output_send(&transactions->output, record);
    }
    return status == TROTH_OK || status == TROTH_FULL ? status
                                                      : give_up(transactions, TROTH_REFUSED);
}

troth_status troth_kafka_transaction_flush(struct troth_kafka_transactions *transactions,
                                           int64_t timeout_us)
{
    if (transactions->verdict != TROTH_OK) {
        return transactions->verdict;
    }
    const troth_status status = troth_kafka_output_flush(&transactions->output, timeout_us);
    return status == TROTH_REFUSED ? give_up(transactions, TROTH_REFUSED) : status;
}

troth_status troth_kafka_transaction_abandon(struct troth_kafka_transactions *transactions)
{
    if (!transactions->begun) {
        return transactions->verdict;
    }
    rd_kafka_error_t *failure =
        rd_kafka_abort_transaction(transactions->output.client, ABORT_TIMEOUT_MS);
    transactions->begun = false;
    if (failure != NULL) {
        return fail(transactions, "a transaction could not be aborted", failure);
    }
    transactions->output.failures = 0; /* they were of it */
    return TROTH_OK;
}

/* Sends the offsets into the transaction; again, where that may help, until the deadline. */
static rd_kafka_error_t *send_offsets(struct troth_kafka_transactions *transactions,
                                      const rd_kafka_topic_partition_list_t *offsets,
                                      const rd_kafka_consumer_group_metadata_t *membership,
                                      int64_t deadline_us)
{
    for (;;) {
        const int64_t left_us = deadline_us - troth_kafka_monotonic_us();
        rd_kafka_error_t *failure = rd_kafka_send_offsets_to_transaction(
            transactions->output.client, offsets, membership, troth_kafka_milliseconds(left_us));
        if (failure == NULL || !rd_kafka_error_is_retriable(failure) || left_us <= 0) {
            return failure;
        }
        rd_kafka_error_destroy(failure);
    }
}

troth_status troth_kafka_transaction_commit(struct troth_kafka_transactions *transactions,
                                            const rd_kafka_topic_partition_list_t *offsets,
                                            const rd_kafka_consumer_group_metadata_t *membership,
                                            int64_t timeout_us)
{
    const int64_t deadline_us = troth_kafka_monotonic_us() + timeout_us;
    TROTH_ASSERT(transactions->output.outstanding == 0);
    const troth_status status = offsets->cnt > 0 ? begin(transactions) : transactions->verdict;
    if (status != TROTH_OK) {
        return status;
    }
    if (offsets->cnt > 0) {
        rd_kafka_error_t *failure = send_offsets(transactions, offsets, membership, deadline_us);
        if (failure != NULL) {
            return fail(transactions, "the group did not take the offsets", failure);
        }
    }
    if (!transactions->begun) {
        return TROTH_OK;
    }
    const int64_t left_us = deadline_us - troth_kafka_monotonic_us();
    rd_kafka_error_t *failure =
        rd_kafka_commit_transaction(transactions->output.client, troth_kafka_milliseconds(left_us));
    if (failure != NULL) {
        /* Only an error that says so can be aborted: else the commit may be under way. */
        transactions->begun = rd_kafka_error_txn_requires_abort(failure);
        return fail(transactions, "a transaction was not committed", failure);
    }
    transactions->begun = false;
    return TROTH_OK;
}
