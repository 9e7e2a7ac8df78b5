/*
 * What is told at once: interventions to the log, narrowings to the store; and what of it must wait
 * for a commit.
 */
#include <stdlib.h>
#include <string.h>

#include "consumers/announce.h"
#include "consumers/worker/guard.h"
#include "consumers/worker/look.h"
#include "consumers/worker/review.h"
#include "consumers/worker/view.h"
#include "schemas/assert.h"
#include "scoring/agents.h"

/* Whether a narrowing may be shown now. What is shown with it, of this standing and of its agent's
 * others, must not be wider than what is committed: where one of them was widened a moment ago, it
 * waits for that commit, unless it is worse than what is shown. */
static bool may_narrow(const struct troth_worker *worker, const struct troth_partition *partition,
                       uint32_t standing, const struct troth_standing_view *view)
{
    const struct troth_published *published = &partition->published[standing];
    uint32_t count = 0;
    return worker->widened <= worker->committed ||
           !troth_worker_is_widened(worker, partition, view->agent, &count) ||
           (published->known && published->rung < view->standing->rung && count == 1);
}

static void show_narrowing(struct troth_worker *worker, struct pending *pending)
{
    struct troth_store *store = worker->config.store;
    struct troth_partition *partition = pending->partition;
    struct troth_standing_view view;
    if (!troth_shard_view(partition->shard, pending->standing, &view)) {
        return;
    }
    if (!may_narrow(worker, partition, pending->standing, &view)) {
        pending->commit = worker->widened;
        return;
    }
    struct troth_agent_publication agent;
    struct troth_publication standing = troth_worker_look(partition, pending->standing, &view);
    const struct troth_cause why = troth_standing_cause(view.rules, view.standing);
    standing.why = &why;
    standing.whole = true;
    troth_worker_look_at_review(worker, partition, pending->standing, &standing);
    standing.timid = !troth_worker_has_passed(partition);
    const bool was_guarded =
        troth_worker_look_at_agent(partition, pending->standing, &standing, &agent);
    const troth_status status =
        store->narrow(store, &standing, &agent, pending->record, strlen(pending->record));
    if (status == TROTH_OK) {
        if (was_guarded && !agent.meet.guarded && !standing.timid) {
            troth_worker_note_unguarded(partition, agent.agent);
        }
        troth_worker_note_published(partition, pending->standing, &standing);
        troth_worker_time_narrowing(worker, pending->cause_us);
    } else if (status != TROTH_NOT_FOUND) {
        troth_worker_store_failed(worker, "a narrowing could not be published");
    }
}

/* Shows what may be shown of one that waits, or passes over it: what is not shown here is on the
 * list of what changed. Returns whether it goes on waiting. */
static bool show_pending(struct troth_worker *worker, struct pending *pending)
{
    struct troth_store *store = worker->config.store;
    if (pending->commit > worker->committed) {
        return true;
    }
    pending->commit = 0;
    if (troth_worker_owns(worker, pending->partition)) {
        if (pending->narrowing) {
            show_narrowing(worker, pending);
        } else {
            (void)store->announce(store, pending->partition->number, pending->applied,
                                  pending->record, strlen(pending->record));
        }
    }
    return pending->commit > 0;
}

void troth_worker_tell_pending(struct troth_worker *worker)
{
    struct troth_store *store = worker->config.store;
    const bool there = store != NULL && worker->counts.store_connected;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < worker->pending_count; i++) {
        struct pending *pending = &worker->pending[i];
        if (there && show_pending(worker, pending)) {
            worker->pending[kept++] = *pending;
        } else {
            free(pending->record);
        }
    }
    worker->pending_count = kept;
    worker->fresh_narrowings = false;
    worker->narrowing = there;
    (void)troth_worker_has_narrowed(worker, 0);
}

bool troth_worker_has_narrowed(struct troth_worker *worker, int64_t timeout_us)
{
    struct troth_store *store = worker->config.store;
    if (!worker->narrowing || !worker->counts.store_connected) {
        worker->narrowing = false;
        troth_worker_narrowings_answered(worker, false);
        return true;
    }
    const troth_status status = store->narrowed(store, timeout_us);
    worker->narrowing = status == TROTH_TIMED_OUT;
    if (status != TROTH_TIMED_OUT) {
        troth_worker_narrowings_answered(worker, status == TROTH_OK);
    }
    if (status != TROTH_OK && status != TROTH_TIMED_OUT) {
        troth_worker_store_failed(worker, "a narrowing could not be published");
    }
    return !worker->narrowing;
}

void troth_worker_drop_pending(struct troth_worker *worker, const struct troth_partition *partition)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < worker->pending_count; i++) {
        if (worker->pending[i].partition == partition) {
            free(worker->pending[i].record);
        } else {
            worker->pending[kept++] = worker->pending[i];
        }
    }
    worker->pending_count = kept;
}

/* In record: taken. */
static void add_pending(struct troth_worker *worker, const struct troth_intervention *told,
                        struct troth_partition *partition, char *record)
{
    if (worker->config.store == NULL) {
        free(record);
        return;
    }
    if (worker->pending_count == PENDING_MAX && worker->fresh_narrowings) {
        /* A storm: narrowings are shown now, as far as their record has been applied. */
        troth_worker_tell_pending(worker);
    }
    if (worker->pending_count == PENDING_MAX) {
        troth_worker_restate(worker, partition);
        if (worker->counts.unannounced++ == 0) {
            troth_worker_say(worker, TROTH_LEVEL_WARNING,
                             "more than %d interventions wait to be shown: of the rest, those who "
                             "listen to the store are told no more than that there were some; rows "
                             "show them, and the interventions topic has them all",
                             PENDING_MAX);
        }
        free(record);
        return;
    }
    worker->fresh_narrowings |= told->narrowing;
    worker->pending[worker->pending_count++] =
        (struct pending){.partition = partition,
                         .standing = told->standing,
                         .commit = told->narrowing ? 0 : worker->commit_number,
                         .narrowing = told->narrowing,
                         .applied = partition->next_offset,
                         .cause_us = troth_shard_clock_us(partition->shard),
                         .record = record};
}

/* The shard tells of a change of rung. */
void troth_worker_on_intervention(void *context, const struct troth_intervention *told)
{
    struct troth_partition *partition = context;
    struct troth_worker *worker = partition->owner;
    if (told->cause_offset < partition->restored_until) {
        return; /* it was told, and committed, before */
    }
    struct troth_announcement announcement;
    const struct troth_report_origin origin = {worker->config.telemetry_topic, partition->number,
                                               worker->config.era};
    if (troth_announce(&announcement, &origin, told) != TROTH_OK) {
        worker->broken = TROTH_NO_MEMORY;
        return;
    }
    troth_worker_send(worker, &announcement.record);
    worker->counts.interventions++;
    (told->narrowing ? worker->counts.narrowings
                     : worker->counts.widenings)[told->cause.condition]++;
    worker->told = true;
    if (!told->narrowing) {
        worker->widened = worker->commit_number;
        partition->published[told->standing].widened = worker->commit_number;
    }
    troth_worker_note_step(worker, partition, told);
    troth_worker_alert(worker, partition, told);
    add_pending(worker, told, partition, announcement.json);
}

/* Its place may be another's soon: what waits of it is told without its row. */
static void end_pending(struct troth_worker *worker, const struct troth_partition *partition,
                        uint32_t standing)
{
    for (uint32_t i = 0; i < worker->pending_count; i++) {
        struct pending *pending = &worker->pending[i];
        if (pending->partition == partition && pending->standing == standing) {
            pending->narrowing = false;
            pending->applied = partition->next_offset;
        }
    }
}

void troth_worker_on_ended(void *context, uint32_t standing, struct troth_text agent,
                           const char *contract)
{
    struct troth_partition *partition = context;
    struct troth_worker *worker = partition->owner;
    partition->published[standing].known = false;
    partition->published[standing].widened = 0;
    partition->published[standing].hit = 0;
    end_pending(worker, partition, standing);
    troth_worker_send_tombstone(worker, partition, agent, contract);
    troth_partition_note_removal(partition, agent, troth_text_of(contract));
    troth_worker_alert_ended(worker, partition, agent, contract);
    if (troth_partition_speaks(partition) && troth_worker_has_passed(partition) &&
        troth_worker_owns(worker, partition)) {
        const troth_status status = troth_worker_remove(worker, partition);
        if (status != TROTH_OK && status != TROTH_NOT_FOUND && status != TROTH_FULL) {
            troth_worker_store_failed(worker, "an ended standing could not be removed");
        }
    }
    /* What is left of the agent goes out with any of its other standings. */
    uint32_t left = TROTH_NONE;
    if (troth_shard_of_agent(partition->shard, agent, &left, 1) > 0) {
        troth_shard_mark_dirty(partition->shard, left, TROTH_DIRTY_MOVED);
    }
}
