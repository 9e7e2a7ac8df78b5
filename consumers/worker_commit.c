#include <string.h>

#include "consumers/worker_state.h"

enum { COMMIT_PAUSE = 4 }; /* times as long as a commit took, until interventions have the next */

/* Lets the store catch up. It does not hold the commit up for good: what it did not take is
 * published anew when it is back. */
static void settle_store(struct troth_worker *worker)
{
    struct troth_store *store = worker->config.store;
    if (store == NULL || !worker->counts.store_connected) {
        return;
    }
    const troth_status status = store->acknowledged(store, SETTLE_US);
    if (status != TROTH_OK && status != TROTH_TIMED_OUT) {
        troth_worker_store_failed(worker, "scores were not acknowledged");
    }
}

static void commit_failed(struct troth_worker *worker, troth_status status)
{
    const bool for_good = status == TROTH_REFUSED || status == TROTH_FENCED;
    worker->counts.commit_failures++;
    troth_worker_say(worker, for_good ? TROTH_LEVEL_ERROR : TROTH_LEVEL_WARNING,
                     "nothing was committed (%s): %s; %s", troth_status_name(status),
                     worker->config.log->error(worker->config.log),
                     for_good ? "what came after the last commit is read again" : "trying again");
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        /* A pointer may have been lost with what was not acknowledged. */
        memset(worker->partitions[i]->pointed, 0, sizeof worker->partitions[i]->pointed);
        worker->partitions[i]->check_pointers = true;
    }
    worker->broken = for_good ? status : TROTH_OK;
}

/* Nothing of what was sent waits any more. */
static void begin_next(struct troth_worker *worker)
{
    worker->told = false;
    worker->rejected = false;
    worker->widened = false;
    worker->commit_number++;
}

bool troth_worker_commit(struct troth_worker *worker, bool settled)
{
    struct troth_log_offset offsets[TROTH_PARTITIONS_MAX];
    struct troth_partition *covered[TROTH_PARTITIONS_MAX];
    struct troth_log *log = worker->config.log;
    size_t count = 0;
    if (worker->forfeited) {
        return false;
    }
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        struct troth_partition *p = worker->partitions[i];
        if (troth_partition_speaks(p) && p->next_offset > p->committed &&
            p->next_offset > p->restored_until) {
            offsets[count] = (struct troth_log_offset){p->number, p->next_offset};
            covered[count++] = p;
        }
    }
    if (count == 0) {
        /* Nothing was sent either: what is sent comes of records past the committed ones. What was
         * of partitions that are gone, the log has dropped. */
        begin_next(worker);
        return true;
    }
    if (settled) {
        settle_store(worker);
    }
    const int64_t before_us = troth_worker_now_us(worker);
    const troth_status status = log->commit(log, offsets, count, COMMIT_US);
    if (status != TROTH_OK) {
        commit_failed(worker, status);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        covered[i]->committed = offsets[i].offset;
    }
    begin_next(worker);
    worker->counts.commits++;
    worker->counts.commit_us += (uint64_t)(troth_worker_now_us(worker) - before_us);
    return true;
}

void troth_worker_commit_in_turn(struct troth_worker *worker)
{
    const int64_t now = troth_worker_now_us(worker);
    const bool turn = now >= worker->next_commit_us;
    if (worker->broken != TROTH_OK || !(turn || (worker->told && now >= worker->next_told_us))) {
        return;
    }
    (void)troth_worker_commit(worker, turn);
    const int64_t after_us = troth_worker_now_us(worker);
    const int64_t pause_us = COMMIT_PAUSE * (after_us - now);
    worker->next_told_us =
        after_us + (pause_us < worker->config.commit_us ? pause_us : worker->config.commit_us);
    if (turn) {
        worker->next_commit_us = now + worker->config.commit_us;
    }
}
