/*
 * A thread that owns the transactions, so that whoever sends and commits does not wait for brokers.
 *
 *     caller: send ─► box ─► box ─► box ─► thread: produce … then, as each box says:
 *                    filled   handed over           nothing, flush, or flush and commit
 *
 * Boxes go round in a ring, each with records and what is to be done when those are produced. So
 * what is sent after a commit has begun waits in a later box, and comes into the next transaction.
 * When all boxes are full, send says so.
 *
 * Transactions are the thread's from when a box is handed over until it is done, and the caller's
 * while none is: nothing of them is locked but the ring.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "consumers/kafka/output.h"
#include "consumers/outbox.h"
#include "schemas/assert.h"

enum {
    BOXES = 4,
    BOX_BYTES = 2097152,
    EARLY_BYTES = 262144,     /* a box so full is produced ahead of its commit */
    SLICE_US = 100000,        /* how long the thread does not look whether it is cancelled */
    COMMIT_END_US = 10000000, /* for the offsets and the end of a transaction */
};

enum order { ORDER_NOTHING, ORDER_FLUSH, ORDER_COMMIT };

struct box {
    struct troth_outbox records;
    enum order order;
    rd_kafka_topic_partition_list_t *offsets; /* of a commit; owned, as is the next */
    rd_kafka_consumer_group_metadata_t *membership;
};

/* Where the one commit is that may be under way. */
enum commit { COMMIT_NONE, COMMIT_UNDER_WAY, COMMIT_DONE };

struct troth_kafka_committer {
    struct troth_kafka_transactions transactions;
    rd_kafka_queue_t *wake;
    struct box boxes[BOXES];
    pthread_t thread;
    atomic_bool cancelled; /* what is handed over is dropped */
    pthread_mutex_t lock;  /* of what follows */
    pthread_cond_t changed;
    uint64_t filling; /* number of the box that the caller fills; it has handed over all before */
    uint64_t done;    /* boxes that the thread is done with */
    bool ending;
    enum commit commit;
    troth_status commit_status; /* of one that is done */
    troth_status verdict;       /* TROTH_OK, or why it is of no more use */
    char error[TROTH_KAFKA_ERROR_LENGTH];
};

/* ---- The thread. ---- */

static bool is_cancelled(struct troth_kafka_committer *committer)
{
    return atomic_load_explicit(&committer->cancelled, memory_order_relaxed);
}

/* Returns TROTH_TIMED_OUT where it was cancelled on the way, as the next does. */
static troth_status produce(struct troth_kafka_committer *committer, const struct box *box)
{
    struct troth_outbox_record read;
    troth_status status = TROTH_OK;
    size_t next = troth_outbox_read(&box->records, 0, &read);
    while (next > 0 && status == TROTH_OK) {
        status = troth_kafka_transaction_send(&committer->transactions, &read.record);
        if (status == TROTH_OK) {
            next = troth_outbox_read(&box->records, next, &read);
        } else if (status == TROTH_FULL) {
            (void)rd_kafka_poll(committer->transactions.output.client, SLICE_US / 1000);
            status = is_cancelled(committer) ? TROTH_TIMED_OUT : TROTH_OK;
        }
    }
    return status;
}

/* Records that are not acknowledged in message.timeout.ms have failed, which bounds it. */
static troth_status flush(struct troth_kafka_committer *committer)
{
    troth_status status;
    do {
        status = troth_kafka_transaction_flush(&committer->transactions, SLICE_US);
    } while (status == TROTH_TIMED_OUT && !is_cancelled(committer));
    return status;
}

static troth_status carry_out(struct troth_kafka_committer *committer, const struct box *box)
{
    if (is_cancelled(committer)) {
        return TROTH_TIMED_OUT;
    }
    troth_status status = produce(committer, box);
    if (status == TROTH_OK && box->order != ORDER_NOTHING) {
        status = flush(committer);
    }
    if (status == TROTH_OK && box->order == ORDER_COMMIT) {
        status = troth_kafka_transaction_commit(&committer->transactions, box->offsets,
                                                box->membership, COMMIT_END_US);
    }
    return status;
}

static void box_clear(struct box *box)
{
    troth_outbox_clear(&box->records);
    if (box->offsets != NULL) {
        rd_kafka_topic_partition_list_destroy(box->offsets);
    }
    if (box->membership != NULL) {
        rd_kafka_consumer_group_metadata_destroy(box->membership);
    }
    box->offsets = NULL;
    box->membership = NULL;
    box->order = ORDER_NOTHING;
}

/* Says how a box went. */
static void report(struct troth_kafka_committer *committer, bool commit, troth_status status)
{
    pthread_mutex_lock(&committer->lock);
    committer->done++;
    if (status == TROTH_REFUSED || status == TROTH_FENCED) {
        committer->verdict = status;
        (void)snprintf(committer->error, sizeof committer->error, "%s",
                       committer->transactions.output.error);
    }
    if (commit) {
        committer->commit = COMMIT_DONE;
        committer->commit_status = status;
    }
    pthread_cond_broadcast(&committer->changed);
    pthread_mutex_unlock(&committer->lock);
    if (commit) {
        rd_kafka_queue_yield(committer->wake);
    }
}

/* Returns the next box that was handed over, or NULL at the end. */
static struct box *next_box(struct troth_kafka_committer *committer)
{
    struct box *box = NULL;
    pthread_mutex_lock(&committer->lock);
    while (committer->done == committer->filling && !committer->ending) {
        pthread_cond_wait(&committer->changed, &committer->lock);
    }
    if (committer->done < committer->filling) {
        box = &committer->boxes[committer->done % BOXES];
    }
    pthread_mutex_unlock(&committer->lock);
    return box;
}

static void *run(void *context)
{
    struct troth_kafka_committer *committer = context;
    for (struct box *box = next_box(committer); box != NULL; box = next_box(committer)) {
        const bool commit = box->order == ORDER_COMMIT;
        const troth_status status = carry_out(committer, box);
        box_clear(box);
        report(committer, commit, status);
    }
    return NULL;
}

/* ---- The caller. ---- */

static troth_status start(struct troth_kafka_committer *made)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&made->thread, NULL, run, made) == 0) {
        return TROTH_OK;
    }
    pthread_cond_destroy(&made->changed);
    pthread_mutex_destroy(&made->lock);
    return TROTH_NO_MEMORY;
}

static void destroy(struct troth_kafka_committer *committer)
{
    troth_kafka_transactions_close(&committer->transactions);
    for (unsigned i = 0; i < BOXES; i++) {
        box_clear(&committer->boxes[i]);
        troth_outbox_fini(&committer->boxes[i].records);
    }
    free(committer);
}

troth_status troth_kafka_committer_open(const struct troth_kafka_committer_config *config,
                                        struct troth_kafka_committer **committer, char *error,
                                        size_t size)
{
    struct troth_kafka_committer *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return TROTH_NO_MEMORY;
    }
    made->wake = config->wake;
    made->transactions.output.voice = config->voice;
    troth_status status = TROTH_OK;
    for (unsigned i = 0; i < BOXES && status == TROTH_OK; i++) {
        status = troth_outbox_init(&made->boxes[i].records, BOX_BYTES);
    }
    if (status == TROTH_OK) {
        status = troth_kafka_transactions_open(&made->transactions, config, error, size);
    }
    status = status == TROTH_OK ? start(made) : status;
    if (status != TROTH_OK) {
        destroy(made);
        return status;
    }
    *committer = made;
    return TROTH_OK;
}

/* Hands the filled box over. Returns whether there is another to fill. */
static bool hand_over(struct troth_kafka_committer *committer, enum order order)
{
    pthread_mutex_lock(&committer->lock);
    const bool room = committer->filling - committer->done < BOXES - 1;
    if (room) {
        committer->boxes[committer->filling % BOXES].order = order;
        committer->filling++;
        pthread_cond_broadcast(&committer->changed);
    }
    pthread_mutex_unlock(&committer->lock);
    return room;
}

/* Waits until everything that was handed over is done. Returns whether it is. */
static bool await_all(struct troth_kafka_committer *committer, int64_t deadline_us)
{
    const struct timespec until = {.tv_sec = deadline_us / 1000000,
                                   .tv_nsec = deadline_us % 1000000 * 1000};
    int waited = 0;
    pthread_mutex_lock(&committer->lock);
    while (committer->done < committer->filling && waited == 0) {
        waited = pthread_cond_timedwait(&committer->changed, &committer->lock, &until);
    }
    const bool all = committer->done == committer->filling;
    pthread_mutex_unlock(&committer->lock);
    return all;
}

static troth_status verdict_of(struct troth_kafka_committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    const troth_status verdict = committer->verdict;
    pthread_mutex_unlock(&committer->lock);
    return verdict;
}

static struct troth_outbox *filled(struct troth_kafka_committer *committer)
{
    return &committer->boxes[committer->filling % BOXES].records; /* the caller alone changes it */
}

troth_status troth_kafka_committer_send(struct troth_kafka_committer *committer,
                                        const struct troth_log_record *record)
{
    const troth_status verdict = verdict_of(committer);
    if (verdict != TROTH_OK) {
        return verdict;
    }
    if (!troth_kafka_output_fits(&committer->transactions.output, record) ||
        !troth_outbox_fits(filled(committer), record)) {
        return TROTH_OVER_LIMIT;
    }
    bool put = troth_outbox_put(filled(committer), record);
    if (!put && hand_over(committer, ORDER_NOTHING)) {
        put = troth_outbox_put(filled(committer), record);
        TROTH_ASSERT(put);
    }
    if (put && filled(committer)->used >= EARLY_BYTES) {
        (void)hand_over(committer, ORDER_NOTHING); /* or it is filled further */
    }
    return put ? TROTH_OK : TROTH_FULL;
}

troth_status troth_kafka_committer_flush(struct troth_kafka_committer *committer,
                                         int64_t timeout_us)
{
    const int64_t deadline_us = troth_kafka_monotonic_us() + timeout_us;
    while (!hand_over(committer, ORDER_FLUSH)) {
        if (!await_all(committer, deadline_us)) {
            return TROTH_TIMED_OUT;
        }
    }
    const bool all = await_all(committer, deadline_us);
    const troth_status verdict = verdict_of(committer);
    return verdict != TROTH_OK || all ? verdict : TROTH_TIMED_OUT;
}

/* The caller's membership may be another before a commit is over. NULL: there is none yet. */
static rd_kafka_consumer_group_metadata_t *
copy_of(const rd_kafka_consumer_group_metadata_t *membership)
{
    void *bytes = NULL;
    size_t length = 0;
    rd_kafka_consumer_group_metadata_t *copy = NULL;
    if (membership == NULL) {
        return NULL;
    }
    rd_kafka_error_t *failure = rd_kafka_consumer_group_metadata_write(membership, &bytes, &length);
    TROTH_ASSERT(failure == NULL);
    failure = rd_kafka_consumer_group_metadata_read(&copy, bytes, length);
    TROTH_ASSERT(failure == NULL);
    rd_kafka_mem_free(NULL, bytes);
    return copy;
}

troth_status troth_kafka_committer_commit(struct troth_kafka_committer *committer,
                                          rd_kafka_topic_partition_list_t *offsets,
                                          const rd_kafka_consumer_group_metadata_t *membership)
{
    const troth_status verdict = verdict_of(committer);
    struct box *box = &committer->boxes[committer->filling % BOXES];
    if (verdict != TROTH_OK) {
        return verdict;
    }
    TROTH_ASSERT(committer->commit == COMMIT_NONE);
    box->offsets = offsets;
    box->membership = copy_of(membership);
    committer->commit = COMMIT_UNDER_WAY;
    if (!hand_over(committer, ORDER_COMMIT)) {
        committer->commit = COMMIT_NONE;
        box->offsets = NULL;
        if (box->membership != NULL) {
            rd_kafka_consumer_group_metadata_destroy(box->membership);
            box->membership = NULL;
        }
        return TROTH_FULL;
    }
    return TROTH_OK;
}

troth_status troth_kafka_committer_committed(struct troth_kafka_committer *committer,
                                             int64_t timeout_us)
{
    const int64_t deadline_us = troth_kafka_monotonic_us() + timeout_us;
    const struct timespec until = {.tv_sec = deadline_us / 1000000,
                                   .tv_nsec = deadline_us % 1000000 * 1000};
    troth_status status = TROTH_TIMED_OUT;
    pthread_mutex_lock(&committer->lock);
    int waited = timeout_us > 0 ? 0 : ETIMEDOUT;
    while (committer->commit == COMMIT_UNDER_WAY && waited == 0) {
        waited = pthread_cond_timedwait(&committer->changed, &committer->lock, &until);
    }
    TROTH_ASSERT(committer->commit != COMMIT_NONE);
    if (committer->commit == COMMIT_DONE) {
        committer->commit = COMMIT_NONE;
        status = committer->commit_status;
    }
    pthread_mutex_unlock(&committer->lock);
    return status;
}

troth_status troth_kafka_committer_abandon(struct troth_kafka_committer *committer)
{
    atomic_store_explicit(&committer->cancelled, true, memory_order_relaxed);
    while (!await_all(committer, troth_kafka_monotonic_us() + SLICE_US)) {
        /* the end of a transaction, which has a bound of its own */
    }
    atomic_store_explicit(&committer->cancelled, false, memory_order_relaxed);
    committer->commit = COMMIT_NONE;
    box_clear(&committer->boxes[committer->filling % BOXES]);
    const troth_status status = troth_kafka_transaction_abandon(&committer->transactions);
    if (status != TROTH_OK && committer->verdict == TROTH_OK) {
        committer->verdict = status;
        (void)snprintf(committer->error, sizeof committer->error, "%s",
                       committer->transactions.output.error);
    }
    return status;
}

const char *troth_kafka_committer_error(const struct troth_kafka_committer *committer)
{
    return committer->error;
}

void troth_kafka_committer_close(struct troth_kafka_committer *committer)
{
    if (committer == NULL) {
        return;
    }
    atomic_store_explicit(&committer->cancelled, true, memory_order_relaxed);
    pthread_mutex_lock(&committer->lock);
    committer->ending = true;
    pthread_cond_broadcast(&committer->changed);
    pthread_mutex_unlock(&committer->lock);
    pthread_join(committer->thread, NULL);
    pthread_cond_destroy(&committer->changed);
    pthread_mutex_destroy(&committer->lock);
    destroy(committer);
}
