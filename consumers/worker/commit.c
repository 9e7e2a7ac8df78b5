/*
 * Commits: what was told and the offsets of what it came of, together, in the background.
 *
 * A commit has a number, from 1. What is told while one is under way belongs to the next.
 */
#include <inttypes.h>
#include <string.h>

#include "consumers/worker/review.h"
#include "schemas/assert.h"

enum {
    COMMIT_PAUSE = 4,     /* times as long as a commit took, until interventions have the next */
    SETTLE_LOOK_US = 1000 /* how often a store that lags is looked at */
};

/* ---- The end of one. ---- */

static void note_failed(struct troth_worker *worker, troth_status status)
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
        worker->partitions[i]->decision_pointed = worker->partitions[i]->decided;
        worker->partitions[i]->check_pointers = true;
    }
    worker->broken = for_good ? status : TROTH_OK;
}

static void note_committed(struct troth_worker *worker)
{
    const struct commit *commit = &worker->commit;
    for (uint32_t i = 0; i < commit->count; i++) {
        struct troth_partition *partition = commit->covered[i].partition;
        if (commit->covered[i].claim) {
            partition->claim_due = false;
            partition->claimed = true;
        } else {
            partition->committed = commit->covered[i].offset;
            partition->checkpoint_us = partition->sent_us;
        }
    }
    worker->claim_due = false; /* all that were due went together; the others say so again */
    worker->committed = worker->commit_number - 1;
    const int64_t now_us = troth_worker_now_us(worker);
    const int64_t took_us = now_us - commit->begun_us;
    const int64_t pause_us = COMMIT_PAUSE * took_us;
    worker->next_told_us =
        now_us + (pause_us < worker->config.commit_us ? pause_us : worker->config.commit_us);
    worker->counts.commits++;
    worker->counts.commit_us += (uint64_t)took_us;
    troth_worker_tell_pending(worker);
    troth_worker_tell_endings(worker);
}

/* Takes the answer to the commit that is under way. Returns whether none is any more. */
static bool take_answer(struct troth_worker *worker, int64_t timeout_us)
{
    struct commit *commit = &worker->commit;
    if (!commit->under_way) {
        return true;
    }
    if (timeout_us > 0) {
        troth_worker_will_wait(worker, timeout_us);
    }
    const troth_status status = worker->config.log->committed(worker->config.log, timeout_us);
    if (status == TROTH_TIMED_OUT) {
        if (!commit->late && troth_worker_now_us(worker) - commit->begun_us >= COMMIT_US) {
            commit->late = true;
            troth_worker_say(worker, TROTH_LEVEL_WARNING,
                             "a commit is not answered for %d s; are the brokers there? Scoring "
                             "goes on, and what it tells waits",
                             COMMIT_US / 1000000);
        }
        return false;
    }
    commit->under_way = false;
    if (status == TROTH_OK) {
        note_committed(worker);
    } else {
        note_failed(worker, status);
    }
    return true;
}

void troth_worker_forget_commit(struct troth_worker *worker)
{
    worker->commit.under_way = false;
    worker->committed = worker->commit_number - 1;
}

/* ---- The beginning. ---- */

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
static void prepare(struct troth_worker *worker)
{
    struct commit *commit = &worker->commit;
    commit->count = 0;
    for (uint32_t i = 0; i < worker->partition_count && worker->broken == TROTH_OK; i++) {
        struct troth_partition *p = worker->partitions[i];
        if (p->claim_due) {
            troth_worker_send_claim(worker, p);
            commit->covered[commit->count++] = (struct covered){p, p->restored_until, true};
        } else if (has_news(p)) {
            if (p->whole_due) {
                troth_worker_save_whole(worker, p);
            }
            if (p->saving || p->week_due || worker->config.checkpoint_us <= 0) {
                troth_worker_send_weeks(worker, p);
            }
            if (worker->config.checkpoint_us > 0) {
                troth_worker_send_checkpoint(worker, p);
            }
            commit->covered[commit->count++] = (struct covered){p, p->next_offset, false};
        }
    }
}

/* What is sent from now on is the next commit's. */
static void begin_next(struct troth_worker *worker)
{
    for (uint32_t i = 0; i < worker->commit.count; i++) {
        worker->commit.covered[i].partition->saving = false;
    }
    worker->told = false;
    worker->rejected = false;
    worker->saved_ahead = 0;
    worker->commit_number++;
}

/* Begins a commit of all that was applied, where none is under way. Returns whether that went well;
 * where there is nothing to commit, it is over at once. */
static bool begin(struct troth_worker *worker)
{
    struct troth_log_offset offsets[TROTH_PARTITIONS_MAX];
    struct commit *commit = &worker->commit;
    struct troth_log *log = worker->config.log;
    prepare(worker);
    if (worker->broken != TROTH_OK) {
        return false;
    }
    if (commit->count == 0) {
        /* Nothing was sent either: what is sent comes of records past the committed ones. What was
         * of partitions that are gone, the log has dropped. */
        begin_next(worker);
        worker->committed = worker->commit_number - 1;
        return true;
    }
    for (uint32_t i = 0; i < commit->count; i++) {
        offsets[i] = (struct troth_log_offset){commit->covered[i].partition->number,
                                               commit->covered[i].offset};
    }
    commit->begun_us = troth_worker_now_us(worker);
    troth_worker_will_wait(worker, COMMIT_US);
    const troth_status status = log->commit(log, offsets, commit->count, COMMIT_US);
    if (status != TROTH_OK) {
        if (status != TROTH_FULL) {
            note_failed(worker, status);
        }
        return false;
    }
    commit->under_way = true;
    commit->late = false;
    begin_next(worker);
    return true;
}

bool troth_worker_commit(struct troth_worker *worker)
{
    (void)troth_worker_has_narrowed(worker, NARROW_US);
    return !worker->forfeited && take_answer(worker, COMMIT_US) && worker->broken == TROTH_OK &&
           begin(worker) && take_answer(worker, COMMIT_US) && worker->broken == TROTH_OK;
}

bool troth_worker_has_answered(struct troth_worker *worker, int64_t timeout_us)
{
    struct troth_store *store = worker->config.store;
    if (store == NULL || !worker->counts.store_connected) {
        return true;
    }
    const troth_status status = store->acknowledged(store, timeout_us);
    if (status == TROTH_OK) {
        troth_worker_store_settled(worker);
    } else if (status != TROTH_TIMED_OUT) {
        troth_worker_store_failed(worker, "scores were not acknowledged");
    }
    return status != TROTH_TIMED_OUT;
}

void troth_worker_settle(struct troth_worker *worker)
{
    (void)troth_worker_has_answered(worker, SETTLE_US);
}

/* The store does not hold a commit up for good: what it did not take is published anew when it is
 * back. */
static bool is_settled(struct troth_worker *worker, int64_t now_us)
{
    bool news = false;
    for (uint32_t i = 0; i < worker->partition_count && !news; i++) {
        news = has_news(worker->partitions[i]);
    }
    return !news || troth_worker_has_answered(worker, 0) ||
           now_us >= worker->next_commit_us + SETTLE_US;
}

void troth_worker_commit_in_turn(struct troth_worker *worker)
{
    if (worker->broken != TROTH_OK || !take_answer(worker, 0) || worker->broken != TROTH_OK) {
        return;
    }
    const int64_t now_us = troth_worker_now_us(worker);
    const bool turn = now_us >= worker->next_commit_us;
    const bool settled = turn && is_settled(worker, now_us);
    const bool early = worker->claim_due || (worker->told && now_us >= worker->next_told_us);
    /* A narrowing is shown before its record is committed. */
    const bool narrowed = (!settled && !early) || troth_worker_has_narrowed(worker, 0);
    worker->settling = (turn && !settled) || !narrowed;
    if ((!settled && !early) || !narrowed || !begin(worker)) {
        return;
    }
    if (settled) {
        worker->next_commit_us = now_us + worker->config.commit_us;
    }
    (void)take_answer(worker, 0);
}

int64_t troth_worker_commit_look_us(const struct troth_worker *worker, int64_t now_us)
{
    return worker->commit.under_way ? INT64_MAX
           : worker->settling       ? now_us + SETTLE_LOOK_US
                                    : worker->next_commit_us;
}
