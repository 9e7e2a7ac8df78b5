/*
 * Control topics: contracts and decisions, which every worker reads whole, each to its end as of a
 * time that is asked for.
 *
 * A pointer must be judged alike by every owner of its partition (registry.h says how), however far
 * each is with the topic that it points into. So that is read first, to its end as it was at some
 * time after the pointer was in telemetry:
 *
 * - before a partition is started, once for all that it then holds;
 * - of what comes later, only where a pointer is not good by what has been read. Then the topic is
 *   asked for its end, at most once a poll, so that forged pointers cost one question for thousands
 *   of records. Mostly nothing is left to read, and the pointer is judged at once. Else an operator
 *   is pushing just now: the partition waits at the pointer until the topic has been read, and goes
 *   back to it, for the records of a poll do not live longer. What was fetched ahead is lost then;
 *   that is dear, but no forger can bring it about.
 *
 * What is left to a forger: where a control topic's broker has a clock that is behind telemetry's,
 * a pointer to what an operator writes within that difference is worth nothing in the run and good
 * in a replay. It moves its beginning by no more than that.
 */
#include "consumers/worker/state.h"

/* How long a topic that did not say where it ends is left alone: the question may take 2 s, and the
 * partitions that need no answer go on between. */
#define ASK_AGAIN_US INT64_C(2000000)

struct control *troth_worker_control(struct troth_worker *worker, unsigned topic)
{
    switch (topic) {
    case TROTH_TOPIC_CONTRACTS:
        return &worker->contracts;
    case TROTH_TOPIC_DECISIONS:
        return worker->book != NULL ? &worker->decisions : NULL;
    default:
        return NULL;
    }
}

struct troth_control_record troth_worker_record_of(const struct troth_worker *worker,
                                                   const struct troth_log_item *item)
{
    struct troth_control_record record = troth_control_record_of(item);
    struct troth_log_header headers[TROTH_SIGNATURES_MAX];
    struct troth_log *log = worker->config.log;
    const enum troth_role role =
        item->topic == TROTH_TOPIC_CONTRACTS ? TROTH_ROLE_AUTHOR : TROTH_ROLE_OPERATOR;
    if (log->headers == NULL ||
        !troth_signed_is_asked(&worker->config.signing, role, item->timestamp_us)) {
        return record;
    }
    const size_t count =
        log->headers(log, item, TROTH_SIGNATURE_HEADER, headers, TROTH_SIGNATURES_MAX);
    troth_control_record_sign(&record, headers, count);
    return record;
}

bool troth_worker_take_control(struct troth_worker *worker, const struct troth_log_item *item)
{
    struct control *control = troth_worker_control(worker, item->topic);
    if (control == NULL) {
        return false;
    }
    if (item->offset < control->next) {
        return true; /* taken ahead of its turn */
    }
    control->next = item->offset + 1;
    if (item->topic == TROTH_TOPIC_CONTRACTS) {
        troth_worker_take_contract(worker, item);
    } else {
        troth_worker_take_decision(worker, item);
    }
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        worker->partitions[i]->check_pointers = true;
    }
    return true;
}

void troth_worker_take_end(struct troth_worker *worker, unsigned topic)
{
    struct control *control = troth_worker_control(worker, topic);
    if (control != NULL) {
        /* An END that came with the poll in which the topic was asked is the answer to an earlier
         * question. */
        control->read |= control->asked_in != worker->poll_number;
    }
}

static void ask(struct troth_worker *worker, unsigned topic, struct control *control)
{
    struct troth_log *log = worker->config.log;
    bool reached = false;
    const troth_status status = log->catch_up(log, (enum troth_topic)topic, &reached);
    control->asked_in = worker->poll_number;
    control->ask_due = status != TROTH_OK;
    control->read = status == TROTH_OK && reached;
    if (status != TROTH_OK) {
        control->ask_after_us = troth_worker_now_us(worker) + ASK_AGAIN_US;
        troth_worker_say(worker, TROTH_LEVEL_WARNING,
                         "the %s topic does not say where it ends: %s; trying again",
                         troth_topic_name((enum troth_topic)topic), log->error(log));
    }
}

void troth_worker_ask_due(struct troth_worker *worker)
{
    static const unsigned topics[] = {TROTH_TOPIC_CONTRACTS, TROTH_TOPIC_DECISIONS};
    for (unsigned i = 0; i < sizeof topics / sizeof *topics; i++) {
        struct control *control = troth_worker_control(worker, topics[i]);
        if (control != NULL && control->ask_due &&
            troth_worker_now_us(worker) >= control->ask_after_us) {
            ask(worker, topics[i], control);
        }
    }
}

bool troth_worker_has_read(const struct troth_worker *worker)
{
    return worker->contracts.read && (worker->book == NULL || worker->decisions.read);
}

/* Takes what came with the poll whose records are being applied: the log counts it as given. */
static void take_ahead(struct troth_worker *worker, unsigned topic)
{
    for (size_t i = 0; i < worker->item_count; i++) {
        if (worker->items[i].kind == TROTH_LOG_RECORD && worker->items[i].topic == topic) {
            (void)troth_worker_take_control(worker, &worker->items[i]);
        }
    }
}

bool troth_worker_reads_enough(struct troth_worker *worker, unsigned topic)
{
    struct control *control = troth_worker_control(worker, topic);
    if (!control->ask_due && control->asked_in != worker->poll_number) {
        take_ahead(worker, topic);
        ask(worker, topic, control);
    }
    return control->read;
}
