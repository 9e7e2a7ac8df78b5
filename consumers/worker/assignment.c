/*
 * Partitions that come and go.
 *
 *     ASSIGNED ─► measured ─► contracts read ─► claimed ─► restored ─► started ─► speaks
 *
 * Measured: where its log begins and ends. Claimed and restored: see worker/restore.c; without
 * checkpoints nothing is claimed, and the partition is restored by reading all its log in silence.
 * Started: its records are applied, in silence up to where everything has been told before.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "consumers/worker/review.h"

enum {
    EXTENT_US = 60000000, /* the log's two questions for an extent may wait so long */
    DROP_US = 60000000    /* and so may what a partition that is given back still publishes */
};

struct troth_partition *troth_worker_partition(const struct troth_worker *worker, int32_t number)
{
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        if (worker->partitions[i]->number == number) {
            return worker->partitions[i];
        }
    }
    return NULL;
}

static void not_started(struct troth_worker *worker, const struct troth_partition *partition)
{
    troth_worker_say(worker, TROTH_LEVEL_WARNING,
                     "telemetry[%" PRId32 "] could not be started: %s; trying again",
                     partition->number, worker->config.log->error(worker->config.log));
}

/* The control topics are asked for their ends after this, so that they are read as of a time when
 * all that is measured here was in the log. */
static void measure_partition(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_log *log = worker->config.log;
    struct troth_log_extent extent;
    troth_worker_will_wait(worker, EXTENT_US);
    if (log->extent(log, partition->number, &extent) != TROTH_OK) {
        not_started(worker, partition);
        return;
    }
    partition->measured = true;
    partition->low_offset = extent.low;
    partition->next_offset = extent.low;
    partition->end_offset = extent.high;
    partition->settled_until = extent.high;
    partition->committed = extent.committed;
    partition->decided = -1;
    partition->decision_pointed = -1;
    partition->restored_until = extent.committed > extent.low ? extent.committed : extent.low;
    worker->contracts.ask_due = true;
    worker->decisions.ask_due = true;
}

static void start_partition(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_log *log = worker->config.log;
    const int64_t next = partition->next_offset;
    if (log->start(log, partition->number, next) != TROTH_OK) {
        not_started(worker, partition);
        return;
    }
    partition->started = true;
    partition->checkpoint_us = partition->saved_clock_us;
    partition->sent_us = partition->saved_clock_us;
    worker->counts.restores++;
    partition->heard_us = troth_worker_now_us(worker);
    partition->caught_up = next >= partition->end_offset;
    partition->check_pointers = partition->caught_up;
    struct troth_shard_counts counts;
    troth_shard_count(partition->shard, &counts);
    const int64_t behind = partition->end_offset - partition->restored_until;
    troth_worker_say(worker, TROTH_LEVEL_INFO,
                     "telemetry[%" PRId32 "] is ours: %" PRIu32 " standings restored, %" PRId64
                     " records to read again, %" PRId64 " to catch up",
                     partition->number, counts.standings, partition->restored_until - next,
                     behind > 0 ? behind : 0);
    if (partition->lost > 0) {
        troth_worker_say(worker, TROTH_LEVEL_WARNING,
                         "telemetry[%" PRId32 "] begins at offset %" PRId64 ": %" PRId64
                         " records before it that are needed are gone, and their evidence with "
                         "them; lengthen its retention",
                         partition->number, partition->low_offset, partition->lost);
    }
}

/* Goes back to the pointer at which the partition waits. */
static void resume_partition(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_log *log = worker->config.log;
    if (log->start(log, partition->number, partition->next_offset) != TROTH_OK) {
        not_started(worker, partition);
        return;
    }
    partition->waits = false;
    partition->settled_until = partition->next_offset + 1;
}

void troth_worker_assign(struct troth_worker *worker, int32_t number)
{
    const struct troth_worker_config *config = &worker->config;
    if (troth_worker_partition(worker, number) != NULL) {
        return;
    }
    struct troth_partition *partition = calloc(1, sizeof *partition);
    const struct troth_shard_config shard = {.agents_max = config->agents_max,
                                             .standings_max = config->standings_max,
                                             .dockets_max =
                                                 config->read_decisions ? TROTH_DOCKETS_MAX : 0,
                                             .standing_bytes = config->standing_bytes,
                                             .max_ahead_us = config->max_ahead_us,
                                             .evict_after_us = config->evict_after_us,
                                             .on_intervention = troth_worker_on_intervention,
                                             .on_ended = troth_worker_on_ended,
                                             .on_gone = troth_worker_on_gone,
                                             .on_week = troth_worker_on_week,
                                             .belongs = troth_worker_belongs,
                                             .context = partition};
    if (partition == NULL || worker->partition_count == TROTH_PARTITIONS_MAX ||
        troth_partition_init(partition, number, &shard) != TROTH_OK) {
        troth_worker_say(worker, TROTH_LEVEL_ERROR,
                         "no memory for telemetry[%" PRId32 "]; lower agents_max and standings_max",
                         number);
        free(partition);
        worker->broken = TROTH_REFUSED;
        return;
    }
    partition->owner = worker;
    worker->partitions[worker->partition_count++] = partition;
}

void troth_worker_drop(struct troth_worker *worker, int32_t number, bool lost)
{
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        struct troth_partition *partition = worker->partitions[i];
        if (partition->number != number) {
            continue;
        }
        if (!lost && !worker->forfeited) {
            troth_worker_will_wait(worker, DROP_US);
            /* All partitions go together, and this is the first: later, what was sent for it would
             * be committed without its offset. */
            (void)troth_worker_publish(worker, true);
            troth_worker_settle(worker);
            troth_worker_save_all(worker);
            worker->forfeited = !troth_worker_commit(worker);
            (void)troth_worker_publish(worker, true); /* what was widened */
        }
        worker->forfeited |= lost;
        if (worker->forfeited) {
            troth_worker_forget_commit(worker);
        }
        troth_worker_drop_pending(worker, partition);
        troth_worker_drop_alerts(worker, partition);
        troth_worker_say(worker, TROTH_LEVEL_INFO,
                         "telemetry[%" PRId32 "] is %s at offset %" PRId64, number,
                         lost ? "lost" : "given back", partition->next_offset);
        troth_worker_keep_counts(partition, &worker->counts);
        worker->partitions[i] = worker->partitions[--worker->partition_count];
        worker->forfeited &= worker->partition_count > 0;
        troth_partition_fini(partition);
        free(partition);
        return;
    }
}

void troth_worker_start_partitions(struct troth_worker *worker)
{
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        if (!worker->partitions[i]->measured) {
            measure_partition(worker, worker->partitions[i]);
        }
    }
    troth_worker_ask_due(worker);
    for (uint32_t i = 0; i < worker->partition_count && worker->broken == TROTH_OK; i++) {
        struct troth_partition *partition = worker->partitions[i];
        if (!troth_worker_has_read(worker) || !partition->measured) {
            continue;
        }
        if (!partition->started && troth_worker_restore(worker, partition)) {
            start_partition(worker, partition);
        } else if (partition->waits) {
            resume_partition(worker, partition);
        }
    }
}
