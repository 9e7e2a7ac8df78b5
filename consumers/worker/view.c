#include "consumers/worker/view.h"

#include <inttypes.h>

#include "consumers/worker/guard.h"
#include "scoring/agents.h"

enum {
    LIST_MAX = 2048,  /* standings of a partition that are looked at in one go */
    OWN_US = 1000000, /* how long the store may take to own a partition, at most */
    OWNS_MAX = 1024   /* tokens of one claim; with more the last is used again */
};

/* Everything is news; in which order it is listed is troth_worker_list_anew's. */
static void begin_anew(struct troth_partition *partition)
{
    unsigned flags = 0;
    while (troth_shard_take_dirty(partition->shard, &flags) != TROTH_NONE) {
        /* listed again with its rung */
    }
    const uint32_t count = troth_shard_standings(partition->shard);
    for (uint32_t i = 0; i < count; i++) {
        partition->published[i].known = false;
    }
    partition->anew = TROTH_ANEW_NARROW;
    partition->anew_next = 0;
    troth_partition_remove_anew(partition);
    troth_weeks_tell_anew(&partition->weeks);
    troth_worker_tell_outages_anew(partition);
}

bool troth_worker_has_passed(const struct troth_partition *partition)
{
    return partition->next_offset >= partition->found_applied;
}

static void say_owned(const struct troth_worker *worker, const struct troth_partition *partition)
{
    if (troth_worker_has_passed(partition)) {
        return;
    }
    const bool beyond = partition->found_applied > partition->end_offset;
    troth_worker_say(worker, beyond ? TROTH_LEVEL_WARNING : TROTH_LEVEL_INFO,
                     "telemetry[%" PRId32 "]: the store shows it up to offset %" PRId64
                     "; until that is applied again narrowings alone are published%s",
                     partition->number, partition->found_applied,
                     beyond ? " (the log ended before it: if the topic was made anew, see `troth "
                              "redis rebuild --new-era`)"
                            : "");
}

/* The store's token: of one past the claim's offset, so that 0 is left for no claim at all; and of
 * how often this claim has owned. So what is still on its way from a connection that broke comes to
 * nothing, too: it may be older than what was shown since. */
static int64_t token_of(struct troth_partition *partition)
{
    if (partition->claim < 0) {
        return 0;
    }
    partition->owned += partition->owned < OWNS_MAX - 1;
    return (partition->claim + 1) * OWNS_MAX + partition->owned;
}

static bool own(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_store *store = worker->config.store;
    struct troth_log *log = worker->config.log;
    const struct troth_store_claim claim = {.partition = partition->number,
                                            .partitions = log->partitions(log),
                                            .era = worker->config.era,
                                            .claim = token_of(partition)};
    /* What is found must not change by a narrowing that is still on its way. */
    troth_worker_will_wait(worker, NARROW_US + OWN_US);
    (void)troth_worker_has_narrowed(worker, NARROW_US);
    switch (store->own(store, &claim, &partition->found_applied)) {
    case TROTH_OK:
        partition->view = TROTH_VIEW_OWNED;
        begin_anew(partition);
        say_owned(worker, partition);
        return true;
    case TROTH_FENCED:
        partition->view = TROTH_VIEW_FENCED;
        worker->counts.fenced++;
        troth_worker_say(worker, TROTH_LEVEL_WARNING,
                         "telemetry[%" PRId32 "]: %s; nothing of it is published from here. Where "
                         "the standings topic was made anew, claims begin again: then see `troth "
                         "redis rebuild --new-era`",
                         partition->number, store->error(store));
        return false;
    default:
        troth_worker_store_failed(worker, "a partition could not be owned");
        return false;
    }
}

bool troth_worker_owns(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_store *store = worker->config.store;
    if (store == NULL || !worker->counts.store_connected || partition->view == TROTH_VIEW_FENCED) {
        return false;
    }
    return (partition->view == TROTH_VIEW_OWNED &&
            store->ownership(store, partition->number) == TROTH_OK) ||
           own(worker, partition);
}

void troth_worker_disown_all(struct troth_worker *worker)
{
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        struct troth_partition *partition = worker->partitions[i];
        if (partition->view == TROTH_VIEW_OWNED) {
            partition->view = TROTH_VIEW_UNOWNED;
        }
    }
}

bool troth_worker_is_due(const struct troth_partition *partition, bool backlog)
{
    return troth_partition_speaks(partition) && (backlog || partition->caught_up) &&
           partition->view == TROTH_VIEW_OWNED && troth_worker_has_passed(partition);
}

/* In which turn a rung is published anew. */
static enum troth_anew turn_of(unsigned rung)
{
    return rung >= TROTH_RUNG_NARROW ? TROTH_ANEW_NARROW
           : rung == TROTH_RUNG_WARN ? TROTH_ANEW_WARN
                                     : TROTH_ANEW_CLEAR;
}

/* Lists some of what is in turn. A standing that comes to this turn where that was looked at
 * already has changed, and is listed for that; one that was published since the store was owned is
 * there: after a start without standings that is each of them. */
static void list_turn(struct troth_partition *partition)
{
    const uint32_t count = troth_shard_standings(partition->shard);
    const uint32_t left = count > partition->anew_next ? count - partition->anew_next : 0;
    const uint32_t looks = left < LIST_MAX ? left : LIST_MAX;
    for (uint32_t i = 0; i < looks; i++) {
        const uint32_t standing = partition->anew_next++;
        const unsigned rung = troth_shard_rung(partition->shard, standing);
        if (rung < TROTH_RUNG_COUNT && turn_of(rung) == partition->anew &&
            !partition->published[standing].known) {
            troth_shard_mark_dirty(partition->shard, standing,
                                   TROTH_DIRTY_MOVED | TROTH_DIRTY_LATER);
        }
    }
    if (partition->anew_next >= count) {
        partition->anew_next = 0;
        partition->anew++;
    }
}

/* Whether a partition has its turn to be published anew, or to be told as such. */
static bool is_in_turn(const struct troth_worker *worker, const struct troth_partition *partition,
                       bool backlog)
{
    return troth_worker_is_due(partition, backlog) && partition->anew != TROTH_ANEW_DONE &&
           (partition->anew != TROTH_ANEW_TELL || partition->restates <= worker->committed);
}

void troth_worker_restate(struct troth_worker *worker, struct troth_partition *partition)
{
    partition->restates = worker->commit_number;
    if (partition->anew == TROTH_ANEW_DONE) {
        partition->anew = TROTH_ANEW_TELL;
    }
}

bool troth_worker_list_anew(struct troth_worker *worker, bool backlog)
{
    struct troth_store *store = worker->config.store;
    unsigned least = TROTH_ANEW_TELL + 1;
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        const struct troth_partition *partition = worker->partitions[i];
        if (is_in_turn(worker, partition, backlog) && partition->anew < least) {
            least = partition->anew;
        }
    }
    bool listed = false;
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        struct troth_partition *partition = worker->partitions[i];
        if (!is_in_turn(worker, partition, backlog) || partition->anew != least) {
            continue;
        }
        if (least < TROTH_ANEW_TELL) {
            list_turn(partition);
            listed = true;
        } else if (store->rebuilt(store, partition->number) == TROTH_OK) {
            partition->anew = TROTH_ANEW_DONE; /* else it is told in the next publication */
        }
    }
    return listed;
}
