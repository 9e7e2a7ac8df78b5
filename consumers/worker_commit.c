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

/* Whether there is something of a partition to commit: progress past what was committed before, or
 * standings that were written. */
static bool has_news(const struct troth_partition *partition)
{
    return troth_partition_speaks(partition) &&
           ((partition->next_offset > partition->committed &&
             partition->next_offset > partition->restored_until) ||
            partition->saving || partition->whole_due);
}

/* Sends what must stand with the offsets that are committed. A claim goes with the offset that is
 * committed already: the group takes it from its present members alone. */
static size_t prepare(struct troth_worker *worker, struct troth_log_offset *offsets,
                      struct troth_partition **covered)
{
    size_t count = 0;
    for (uint32_t i = 0; i < worker->partition_count && worker->broken == TROTH_OK; i++) {
        struct troth_partition *p = worker->partitions[i];
        if (p->claim_due) {
            troth_worker_send_claim(worker, p);
            offsets[count] = (struct troth_log_offset){p->number, p->restored_until};
            covered[count++] = p;
        } else if (has_news(p)) {
            if (p->whole_due) {
                troth_worker_save_whole(worker, p);
            }
            if (worker->config.checkpoint_us > 0) {
                troth_worker_send_checkpoint(worker, p);
            }
            offsets[count] = (struct troth_log_offset){p->number, p->next_offset};
            covered[count++] = p;
        }
    }
    return count;
}

static void note_committed(struct troth_worker *worker, struct troth_partition *partition,
                           int64_t offset)
{
    if (partition->claim_due) {
        partition->claim_due = false;
        partition->claimed = true;
        worker->claim_due = false; /* all that were due went together */
        return;
    }
    partition->committed = offset;
    partition->saving = false;
}

bool troth_worker_commit(struct troth_worker *worker, bool settled)
{
    struct troth_log_offset offsets[TROTH_PARTITIONS_MAX];
    struct troth_partition *covered[TROTH_PARTITIONS_MAX];
    struct troth_log *log = worker->config.log;
    if (worker->forfeited) {
        return false;
    }
    const size_t count = prepare(worker, offsets, covered);
    if (worker->broken != TROTH_OK) {
        return false;
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
        note_committed(worker, covered[i], offsets[i].offset);
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
    if (worker->broken != TROTH_OK ||
        !(turn || worker->claim_due || (worker->told && now >= worker->next_told_us))) {
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
