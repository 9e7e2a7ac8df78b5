/*
 * Publication: what changed of the standings, to the store, in slices, each `publish`.
 */
#include "consumers/worker/guard.h"
#include "consumers/worker/look.h"
#include "consumers/worker/review.h"
#include "schemas/assert.h"
#include "scoring/agents.h"

enum {
    PUBLISH_MAX = 20000, /* standings looked at in one publication; the rest waits for the next */
    SLICE_US = 1000,     /* of publication, then records are looked at again */
    SLICE_LOOKS = 32,    /* between two looks at the clock */
    PUBLISH_LONG_US = 250000,
    PUBLISH_PAUSE = 9, /* times as long as a slice worked, until the next, where records wait */
    STORE_REST = 4,    /* a full store rests for one part in so many of what it took to answer */
    WAITING = TROTH_BATCH_MAX / 4, /* so many of a poll, at least: more wait behind them */
    FULL_US = 1000, /* until a store that is full, or has not answered, is looked at again */
    BACKLOG_US = 1000000,
    STORE_PAUSE_US =
        1000000, /* until a store that failed again, as soon as it was there, is tried */
};

void troth_worker_store_failed(struct troth_worker *worker, const char *what)
{
    struct troth_store *store = worker->config.store;
    worker->counts.store_failures++;
    if (!worker->counts.store_connected) {
        return;
    }
    worker->counts.store_connected = false;
    if (worker->store_failing) {
        /* It answers and takes nothing: not a reason to show it everything without a pause. */
        worker->store_after_us = troth_worker_now_us(worker) + STORE_PAUSE_US;
        return;
    }
    worker->store_failing = true;
    troth_worker_say(worker, TROTH_LEVEL_WARNING,
                     "%s: %s; scoring goes on, scores are published when it is back", what,
                     store->error(store));
}

void troth_worker_store_settled(struct troth_worker *worker)
{
    if (worker->store_failing) {
        worker->store_failing = false;
        troth_worker_say(worker, TROTH_LEVEL_INFO,
                         "the store is there again, and takes what is published");
    }
}

static troth_status publish_one(struct troth_worker *worker, struct troth_partition *partition,
                                uint32_t standing, unsigned flags)
{
    struct troth_store *store = worker->config.store;
    struct troth_published *published = &partition->published[standing];
    struct troth_standing_view view;
    const int64_t clock_us = troth_shard_clock_us(partition->shard);
    if (published->hit != 0 && troth_worker_unguard(partition, standing)) {
        flags |= TROTH_DIRTY_MOVED;
    }
    if ((flags & (TROTH_DIRTY_WORSENED | TROTH_DIRTY_MOVED)) == 0 &&
        troth_partition_is_settled(published, worker->config.dead_band, clock_us)) {
        return TROTH_OK;
    }
    if (!troth_shard_view(partition->shard, standing, &view)) {
        return TROTH_OK;
    }
    struct troth_publication publication = troth_worker_look(partition, standing, &view);
    if (!(flags & TROTH_DIRTY_MOVED) &&
        !troth_partition_is_news(published, worker->config.dead_band, clock_us, view.standing->rung,
                                 publication.score.score, publication.good_until_us)) {
        return TROTH_OK;
    }
    const struct troth_cause why = troth_standing_cause(view.rules, view.standing);
    publication.why = &why;
    publication.whole = (flags & TROTH_DIRTY_MOVED) != 0 || !published->known ||
                        published->rung != view.standing->rung ||
                        troth_partition_is_stale(published, clock_us);
    if (publication.whole) {
        troth_worker_look_at_review(worker, partition, standing, &publication);
    }
    struct troth_agent_publication agent;
    const bool was_guarded = troth_worker_look_at_agent(partition, standing, &publication, &agent);
    troth_status status = store->put_standing(store, &publication);
    status = status == TROTH_OK ? store->put_agent(store, &agent) : status;
    if (status == TROTH_OK) {
        if (was_guarded && !agent.meet.guarded) {
            troth_worker_note_unguarded(partition, agent.agent);
        }
        troth_worker_note_published(partition, standing, &publication);
        worker->counts.published++;
    }
    return status;
}

static void check_store(struct troth_worker *worker)
{
    struct troth_store *store = worker->config.store;
    bool fresh = false;
    if (!worker->counts.store_connected && troth_worker_now_us(worker) < worker->store_after_us) {
        return;
    }
    if (!store->connected(store, &fresh)) {
        if (worker->counts.store_connected) {
            troth_worker_store_failed(worker, "the store is away");
        }
        return;
    }
    if (fresh || !worker->counts.store_connected) {
        if (!worker->store_failing) {
            troth_worker_say(worker, TROTH_LEVEL_INFO,
                             "the store is there; publishing every standing");
        }
        troth_worker_disown_all(worker);
        worker->timing.published_us = 0; /* what was on its way is put anew */
    }
    worker->counts.store_connected = true;
}

/* Owns what is not owned yet, all before anything is put: what the store remembers of the agents is
 * worth nothing after it. */
static void own_partitions(struct troth_worker *worker)
{
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        if (troth_partition_speaks(worker->partitions[i]) &&
            troth_worker_recall_outages(worker, worker->partitions[i])) {
            (void)troth_worker_owns(worker, worker->partitions[i]);
        }
    }
}

/* A standing that waits for a commit. */
struct deferred {
    uint32_t standing;
    unsigned flags;
};

/* How far a publication is. */
struct progress {
    bool backlog;
    bool full;       /* the store is slow: what is left waits */
    bool waits;      /* something waits for a commit */
    bool over;       /* the slice is: what is left is the next one's */
    unsigned looks;  /* at standings */
    int64_t ends_us; /* the slice does, monotonic */
};

static bool goes_on(const struct progress *progress)
{
    return progress->looks < PUBLISH_MAX && !progress->full && !progress->over;
}

static void note_look(const struct troth_worker *worker, struct progress *progress)
{
    progress->looks++;
    progress->over =
        progress->looks % SLICE_LOOKS == 0 && troth_worker_now_us(worker) >= progress->ends_us;
}

/* A widening is published only when the record of it is committed, and its agent with it. */
static bool must_wait(const struct troth_worker *worker, const struct troth_partition *partition,
                      uint32_t standing)
{
    struct troth_standing_view view;
    uint32_t count = 0;
    return worker->widened > worker->committed &&
           troth_shard_view(partition->shard, standing, &view) &&
           troth_worker_is_widened(worker, partition, view.agent, &count);
}

/* Publishes what is on a partition's list. Out deferred, count: what waits for a commit. Returns
 * false where the store failed. */
static bool publish_listed(struct troth_worker *worker, struct troth_partition *partition,
                           struct progress *progress, struct deferred *deferred, uint32_t *count)
{
    const troth_status told = troth_worker_tell_outages(worker, partition);
    const troth_status weeks = told == TROTH_OK ? troth_worker_tell_weeks(worker, partition) : told;
    const troth_status removed = weeks == TROTH_OK ? troth_worker_remove(worker, partition) : weeks;
    progress->full |= removed == TROTH_FULL;
    if (removed != TROTH_OK && removed != TROTH_FULL && removed != TROTH_NOT_FOUND) {
        troth_worker_store_failed(worker, told != TROTH_OK    ? "an outage could not be published"
                                          : weeks != TROTH_OK ? "a week could not be published"
                                                              : "an ended standing could not be "
                                                                "removed");
        return false;
    }
    while (goes_on(progress) && *count < DEFERRED_MAX) {
        unsigned flags = 0;
        const uint32_t standing = troth_shard_take_dirty(partition->shard, &flags);
        if (standing == TROTH_NONE) {
            break;
        }
        note_look(worker, progress);
        if (must_wait(worker, partition, standing)) {
            deferred[(*count)++] = (struct deferred){standing, flags};
            continue;
        }
        const troth_status status = publish_one(worker, partition, standing, flags);
        if (status == TROTH_OK) {
            continue;
        }
        if (status == TROTH_TIMED_OUT) { /* a narrowing of the agent is on its way */
            deferred[(*count)++] = (struct deferred){standing, flags};
            continue;
        }
        troth_shard_mark_dirty(partition->shard, standing, flags);
        if (status == TROTH_NOT_FOUND) {
            break; /* it is owned anew in the next publication */
        }
        progress->full = status == TROTH_FULL;
        if (!progress->full) {
            troth_worker_store_failed(worker, "scores could not be published");
            return false;
        }
    }
    return true;
}

/* Publishes what changed of a partition. Returns false where the store failed. */
static bool publish_partition(struct troth_worker *worker, struct troth_partition *partition,
                              struct progress *progress)
{
    struct deferred deferred[DEFERRED_MAX];
    uint32_t count = 0;
    const bool done = publish_listed(worker, partition, progress, deferred, &count);
    for (uint32_t i = 0; i < count; i++) {
        troth_shard_mark_dirty(partition->shard, deferred[i].standing, deferred[i].flags);
    }
    progress->waits |= count > 0;
    return done;
}

/* Publishes what changed of all that are due, then what is to be published anew: the least trusted
 * of all partitions first. Returns false where the store failed. */
static bool publish_due(struct troth_worker *worker, struct progress *progress)
{
    do {
        progress->over = troth_worker_now_us(worker) >= progress->ends_us;
        for (uint32_t i = 0; i < worker->partition_count; i++) {
            const uint32_t turn = (worker->publish_first + i) % worker->partition_count;
            struct troth_partition *partition = worker->partitions[turn];
            if (troth_worker_is_due(partition, progress->backlog)) {
                troth_worker_list_guards(partition);
            }
            if (troth_worker_is_due(partition, progress->backlog) &&
                !publish_partition(worker, partition, progress)) {
                return false;
            }
        }
    } while (goes_on(progress) && troth_worker_list_anew(worker, progress->backlog));
    return true;
}

/* Sends what was put. Returns whether more may be: else what changes is coalesced meanwhile. */
static bool has_room(struct troth_worker *worker)
{
    struct troth_store *store = worker->config.store;
    const troth_status status = store->flush(store);
    if (status != TROTH_OK && status != TROTH_FULL) {
        troth_worker_store_failed(worker, "scores could not be published");
    }
    worker->store_full = status == TROTH_FULL;
    return status == TROTH_OK;
}

bool troth_worker_publish(struct troth_worker *worker, bool all)
{
    struct troth_store *store = worker->config.store;
    if (store == NULL) {
        return true;
    }
    check_store(worker);
    own_partitions(worker);
    if (!worker->counts.store_connected) {
        return false;
    }
    if (!all && worker->store_full && !has_room(worker)) {
        return false;
    }
    const int64_t now_us = troth_worker_now_us(worker);
    struct progress progress = {.backlog = all || now_us >= worker->next_backlog_us,
                                .ends_us = all ? INT64_MAX : now_us + SLICE_US};
    if (worker->publishing) {
        progress.backlog |= worker->backlog; /* as its first slice had it */
    } else {
        troth_worker_time_publication(worker);
        /* Another partition comes first each time, so that a slow store starves none. */
        worker->publish_first++;
    }
    worker->next_backlog_us = progress.backlog ? now_us + BACKLOG_US : worker->next_backlog_us;
    worker->backlog = progress.backlog;
    worker->publishing = false;
    if (!publish_due(worker, &progress)) {
        return false;
    }
    const bool room = has_room(worker);
    worker->store_full |= progress.full;
    worker->publishing = progress.over || worker->store_full;
    return goes_on(&progress) && !progress.waits && room;
}

/* A store that is full is left alone until it has answered all of it, and then for a quarter as
 * long: a fifth of its time, at least, is for others alone. Those who read meanwhile wait for no
 * more than a chunk: the store takes them by turns with it. The answer is looked for as soon as it
 * may be there, or a pause of ours would count as time that the store took. Returns whether that
 * is over. */
static bool has_rested(struct troth_worker *worker, int64_t now_us)
{
    if (worker->published_us != 0 && now_us >= worker->answer_look_us) {
        worker->answer_look_us = now_us + FULL_US;
        if (troth_worker_has_answered(worker, 0)) {
            const int64_t rest_us = (now_us - worker->published_us) / STORE_REST;
            const int64_t rested_us =
                now_us + (rest_us < PUBLISH_LONG_US ? rest_us : PUBLISH_LONG_US);
            worker->published_us = 0;
            worker->next_publish_us =
                rested_us > worker->next_publish_us ? rested_us : worker->next_publish_us;
        }
    }
    return worker->published_us == 0 && now_us >= worker->next_publish_us;
}

int64_t troth_worker_publish_look_us(const struct troth_worker *worker)
{
    return worker->published_us != 0 ? worker->answer_look_us : worker->next_publish_us;
}

/* Whether more records wait than the last poll brought, as far as can be told. */
static bool do_records_wait(const struct troth_worker *worker)
{
    bool wait = worker->item_count >= WAITING;
    for (uint32_t i = 0; i < worker->partition_count && !wait; i++) {
        wait = worker->partitions[i]->started && !worker->partitions[i]->caught_up;
    }
    return wait;
}

void troth_worker_publish_in_turn(struct troth_worker *worker)
{
    const int64_t now_us = troth_worker_now_us(worker);
    if (worker->broken != TROTH_OK || !has_rested(worker, now_us)) {
        return;
    }
    const struct troth_clock *clock = &worker->config.clock;
    const uint64_t published = worker->counts.published;
    /* What others had of the core is no work of ours: after it a pause would only be longer. */
    const int64_t before_us = clock->worked_us(clock->context);
    (void)troth_worker_publish(worker, false);
    const int64_t worked_us = clock->worked_us(clock->context) - before_us;
    const int64_t after_us = troth_worker_now_us(worker);
    const int64_t share = do_records_wait(worker) ? PUBLISH_PAUSE : 1;
    const int64_t pause_us = share * (worked_us < PUBLISH_LONG_US ? worked_us : PUBLISH_LONG_US);
    const int64_t turn_us = worker->publishing ? FULL_US : worker->config.publish_us;
    worker->published_us = worker->store_full && worker->counts.published > published ? now_us : 0;
    worker->answer_look_us = after_us + FULL_US;
    worker->next_publish_us = after_us + (pause_us > turn_us ? pause_us : turn_us);
}
