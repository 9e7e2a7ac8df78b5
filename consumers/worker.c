#include "consumers/worker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/telemetry_record.h"
#include "consumers/worker/state.h"

enum {
    FLUSH_US = 20000,     /* how long the end waits for a store that is full, until it sends more */
    POLL_US = 20000,      /* the longest wait for records: what keeps the other paces */
    SEND_TRIES_MAX = 300, /* of SEND_WAIT_US each, until a full producer is an error */
    SEND_WAIT_US = 100000,
    REJECT_MAX = 900000,   /* bytes of key and value that a reject keeps whole; brokers take 1 MB */
    REJECT_HEAD = 65536,   /* bytes that it keeps of each otherwise */
    REJECT_SHRINK = 8,     /* and again, where that is too long */
    STANDING_BYTES = 1024, /* default room per standing */
    CHECKPOINT_BYTES = 262144 /* default of what a round of checkpoints writes */
};

void troth_worker_say(const struct troth_worker *worker, enum troth_level level, const char *format,
                      ...)
{
    char text[1024];
    va_list arguments;
    if (worker->config.say == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    worker->config.say(worker->config.say_context, level, text);
}

int64_t troth_worker_now_us(const struct troth_worker *worker)
{
    return worker->config.clock.monotonic_us(worker->config.clock.context);
}

void troth_worker_will_wait(const struct troth_worker *worker, int64_t us)
{
    if (worker->config.will_wait != NULL) {
        worker->config.will_wait(worker->config.wait_context, us);
    }
}

/* Sends a record, waiting where the producer is full. Returns TROTH_OK, TROTH_OVER_LIMIT where it
 * is longer than the producer takes, or why it cannot be sent. */
static troth_status try_to_send(struct troth_worker *worker, const struct troth_log_record *record)
{
    struct troth_log *log = worker->config.log;
    troth_status status = TROTH_FULL;
    for (unsigned i = 0; i < SEND_TRIES_MAX && status == TROTH_FULL; i++) {
        status = log->send(log, record);
        if (status == TROTH_FULL) {
            troth_worker_will_wait(worker, SEND_WAIT_US);
            const troth_status flushed = log->flush(log, SEND_WAIT_US);
            const bool for_good = flushed == TROTH_REFUSED || flushed == TROTH_FENCED;
            status = for_good ? flushed : TROTH_FULL;
        }
    }
    return status;
}

/* What cannot be sent must not be passed over, so it breaks the worker: the record that made it is
 * read again by whoever comes next. */
static void not_sent(struct troth_worker *worker, const struct troth_log_record *record,
                     troth_status status)
{
    troth_worker_say(worker, TROTH_LEVEL_ERROR,
                     "cannot write to %s: %s; what came after the last commit is read again",
                     troth_topic_name(record->topic),
                     worker->config.log->error(worker->config.log));
    worker->broken = status == TROTH_FENCED ? TROTH_FENCED : TROTH_REFUSED;
}

void troth_worker_send(struct troth_worker *worker, const struct troth_log_record *record)
{
    const troth_status status = worker->broken == TROTH_OK ? try_to_send(worker, record) : TROTH_OK;
    if (status != TROTH_OK) {
        not_sent(worker, record, status);
    }
}

/* ---- Records. ---- */

static void reject(struct troth_worker *worker, const struct troth_log_item *item,
                   troth_status reason, const char *detail)
{
    char place[4][24];
    const int lengths[4] = {
        snprintf(place[0], sizeof place[0], "%" PRId32, item->partition),
        snprintf(place[1], sizeof place[1], "%" PRId64, item->offset),
        snprintf(place[2], sizeof place[2], "%" PRId64, item->timestamp_us),
        snprintf(place[3], sizeof place[3], "%" PRIu32, item->value_length),
    };
    const char *name = troth_status_name(reason);
    const char *topic = worker->config.telemetry_topic;
    const struct troth_log_header headers[] = {
        {"reason", name, strlen(name)},
        {"detail", detail, strlen(detail)},
        {"topic", topic, strlen(topic)},
        {"partition", place[0], (size_t)lengths[0]},
        {"offset", place[1], (size_t)lengths[1]},
        {"timestamp_us", place[2], (size_t)lengths[2]},
        {"value_length", place[3], (size_t)lengths[3]},
    };
    struct troth_log_record record = {.topic = TROTH_TOPIC_REJECTS,
                                      .partition = TROTH_ANY_PARTITION,
                                      .key = item->has_key ? item->key : NULL,
                                      .key_length = item->key_length,
                                      .value = item->has_value ? item->value : NULL,
                                      .value_length = item->value_length,
                                      .headers = headers,
                                      .header_count = sizeof headers / sizeof *headers};
    worker->counts.rejects[reason]++;
    if (worker->broken != TROTH_OK) {
        return;
    }
    const int64_t latest_us = troth_worker_now_us(worker) + REJECT_US;
    if (!worker->rejected && worker->next_commit_us > latest_us) {
        worker->next_commit_us = latest_us;
    }
    worker->rejected = true;
    /* A record near the broker's or the producer's limit does not fit with its headers: then less
     * and less of it is kept, and `value_length` tells how long it was. */
    troth_status status = (uint64_t)item->key_length + item->value_length > REJECT_MAX
                              ? TROTH_OVER_LIMIT
                              : try_to_send(worker, &record);
    for (size_t head = REJECT_HEAD; status == TROTH_OVER_LIMIT && head > 0; head /= REJECT_SHRINK) {
        record.key_length = item->key_length < head ? item->key_length : head;
        record.value_length = item->value_length < head ? item->value_length : head;
        status = try_to_send(worker, &record);
    }
    if (status != TROTH_OK) {
        not_sent(worker, &record, status);
    }
}

/* Whether the record belongs here, the shard asks where it does not know the agent. */
troth_status troth_worker_read_event(struct troth_worker *worker, const struct troth_log_item *item,
                                     struct troth_event *event, struct troth_scratch *scratch,
                                     struct troth_reason *reason)
{
    return troth_telemetry_record_read(worker->config.framing, item, event, scratch, reason);
}

bool troth_worker_belongs(void *context, struct troth_text agent)
{
    const struct troth_partition *partition = context;
    const struct troth_worker *worker = partition->owner;
    struct troth_log *log = worker->config.log;
    return troth_partition_of(worker->config.partitioner, agent.data, agent.length,
                              log->partitions(log)) == partition->number;
}

static void apply_record(struct troth_worker *worker, struct troth_partition *partition,
                         const struct troth_log_item *item, const struct troth_event *event,
                         const struct troth_reason *reason, troth_status status,
                         const struct troth_ahead *ahead, unsigned i)
{
    if (item->offset < partition->next_offset) {
        return; /* given twice by the log */
    }
    if (status == TROTH_OK && event->kind == TROTH_KIND_POINTER &&
        !troth_worker_may_judge(worker, partition, item, event)) {
        partition->waits = true;
        return;
    }
    const bool silent = item->offset < partition->restored_until;
    worker->counts.records++;
    worker->counts.restored += silent;
    partition->next_offset = item->offset + 1;
    const troth_status applied =
        troth_shard_apply_sought(partition->shard, item->timestamp_us, item->offset,
                                 status == TROTH_OK ? event : NULL, ahead, i);
    const troth_status result = status != TROTH_OK ? status : applied;
    if (result == TROTH_DUPLICATE) {
        worker->counts.duplicates++;
    } else if (result != TROTH_OK && !silent) {
        const bool decoded = status == TROTH_OK || reason->text[0] == '\0';
        reject(worker, item, result, decoded ? troth_status_meaning(result) : reason->text);
    } else if (result == TROTH_OK && event->kind == TROTH_KIND_POINTER) {
        worker->counts.pointers++;
        partition->whole_due |= troth_worker_follow_pointer(worker, partition, item, event);
    } else if (result == TROTH_OK && event->kind == TROTH_KIND_TICK) {
        worker->counts.ticks++;
    } else if (worker->timing.applied_us == 0 && partition->caught_up && !silent) {
        worker->timing.applied_us = item->timestamp_us;
    }
    if (worker->fresh_narrowings) {
        troth_worker_tell_pending(worker);
    }
    if (partition->whole_due) {
        troth_worker_save_whole(worker, partition);
    }
}

/* Moves what an event has in the scratch to the run, beside that of the other events: a scratch for
 * each would lie in a page of its own, and begin in the same few lines of the cache. */
static void keep_items(struct run *run, struct troth_event *event)
{
    if (event->verdict_count > 0) {
        struct troth_verdict *verdicts = &run->verdicts[run->verdict_count];
        memcpy(verdicts, event->verdicts, event->verdict_count * sizeof *verdicts);
        run->verdict_count += event->verdict_count;
        event->verdicts = verdicts;
    }
    struct troth_attribute *attributes = &run->attributes[run->attribute_count];
    for (unsigned i = 0; i < event->attribute_count; i++) {
        attributes[i] = event->attributes[i];
    }
    run->attribute_count += event->attribute_count;
    event->attributes = event->attribute_count > 0 ? attributes : NULL;
}

/* Decodes a run of records of one partition, at most TROTH_PREFETCH, and asks for their agents. */
static void ready_run(struct troth_worker *worker, struct run *run,
                      struct troth_partition *partition, const struct troth_log_item *items,
                      unsigned count)
{
    const struct troth_event *accepted[TROTH_PREFETCH] = {NULL};
    run->partition = partition;
    run->items = items;
    run->count = count;
    run->verdict_count = 0;
    run->attribute_count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct troth_event *event = &run->events[i];
        run->statuses[i] =
            troth_worker_read_event(worker, &items[i], event, &worker->scratch, &run->reasons[i]);
        if (run->statuses[i] == TROTH_OK) {
            keep_items(run, event);
            accepted[i] = event;
        }
    }
    troth_shard_seek(partition->shard, accepted, count, &run->ahead);
}

static void apply_run(struct troth_worker *worker, struct run *run)
{
    struct troth_partition *partition = run->partition;
    for (unsigned i = 0; i < run->count && worker->broken == TROTH_OK && !partition->waits; i++) {
        apply_record(worker, partition, &run->items[i], &run->events[i], &run->reasons[i],
                     run->statuses[i], &run->ahead, i);
    }
    const bool any = run->count > 0;
    run->count = 0;
    if (any && !partition->caught_up && partition->next_offset >= partition->end_offset) {
        partition->caught_up = true;
        partition->check_pointers = true;
        troth_worker_say(worker, TROTH_LEVEL_INFO,
                         "telemetry[%" PRId32 "] has caught up at offset %" PRId64,
                         partition->number, partition->next_offset);
    }
}

/* Applies what has been made ready. Anything else that happens to partitions comes after it. */
static void apply_ready(struct troth_worker *worker)
{
    apply_run(worker, &worker->runs[worker->run ^ 1U]);
}

/* Makes a run ready, and applies the one before it while the agents come; their standings come
 * while the next one is decoded. */
static void take_run(struct troth_worker *worker, struct troth_partition *partition,
                     const struct troth_log_item *items, unsigned count)
{
    struct run *run = &worker->runs[worker->run];
    ready_run(worker, run, partition, items, count);
    apply_ready(worker);
    troth_shard_touch(partition->shard, &run->ahead);
    worker->run ^= 1U;
}

static bool same_run(const struct troth_log_item *a, const struct troth_log_item *b)
{
    return b->kind == TROTH_LOG_RECORD && b->topic == a->topic && b->partition == a->partition;
}

/* Handles the items of one poll, in order. */
static void take_items(struct troth_worker *worker, size_t count)
{
    const int64_t now = troth_worker_now_us(worker);
    for (size_t i = 0; i < count && worker->broken == TROTH_OK;) {
        const struct troth_log_item *item = &worker->items[i];
        unsigned run = 1;
        if (item->kind != TROTH_LOG_RECORD || item->topic != TROTH_TOPIC_TELEMETRY) {
            apply_ready(worker);
        }
        switch ((enum troth_log_kind)item->kind) {
        case TROTH_LOG_ASSIGNED:
            troth_worker_assign(worker, item->partition);
            break;
        case TROTH_LOG_REVOKED:
        case TROTH_LOG_LOST:
            troth_worker_drop(worker, item->partition, item->kind == TROTH_LOG_LOST);
            break;
        case TROTH_LOG_END:
            troth_worker_take_end(worker, item->topic);
            break;
        case TROTH_LOG_RECORD:
            if (item->topic == TROTH_TOPIC_TELEMETRY) {
                struct troth_partition *partition = troth_worker_partition(worker, item->partition);
                while (i + run < count && run < TROTH_PREFETCH &&
                       same_run(item, &worker->items[i + run])) {
                    run++;
                }
                if (partition != NULL && partition->started && !partition->waits) {
                    partition->heard_us = now;
                    take_run(worker, partition, item, run);
                }
            } else if (item->topic == TROTH_TOPIC_STANDINGS) {
                struct troth_partition *partition = troth_worker_partition(worker, item->partition);
                if (partition != NULL) {
                    troth_worker_take_standing(worker, partition, item);
                }
            } else {
                (void)troth_worker_take_control(worker, item);
            }
            break;
        }
        i += run;
    }
    apply_ready(worker);
}

/* ---- The loop. ---- */

/* Says once that the log is away, and that it is back. */
static void note_log(struct troth_worker *worker, bool away)
{
    if (away && !worker->counts.log_away) {
        troth_worker_say(worker, TROTH_LEVEL_ERROR,
                         "no broker answers: %s; scoring waits, and goes on where it is",
                         worker->config.log->error(worker->config.log));
    } else if (!away && worker->counts.log_away) {
        troth_worker_say(worker, TROTH_LEVEL_INFO, "a broker answers again");
    }
    worker->counts.log_away = away;
}

troth_status troth_worker_step(struct troth_worker *worker)
{
    struct troth_log *log = worker->config.log;
    size_t count = 0;
    const int64_t before_us = troth_worker_now_us(worker);
    const int64_t commit_us = troth_worker_commit_look_us(worker, before_us);
    const int64_t publish_us = troth_worker_publish_look_us(worker);
    const int64_t next_us = publish_us < commit_us ? publish_us : commit_us;
    const int64_t most_us = troth_worker_look_at_timing(worker) ? TIMED_LOOK_US : POLL_US;
    const int64_t wait_us = next_us - before_us < most_us ? next_us - before_us : most_us;
    const troth_status status =
        log->poll(log, wait_us > 0 ? wait_us : 0, worker->items, TROTH_BATCH_MAX, &count);
    if (status == TROTH_REFUSED || status == TROTH_FENCED) {
        troth_worker_say(
            worker, TROTH_LEVEL_ERROR,
            "the log will not go on: %s; what came after the last commit is read again",
            log->error(log));
        return status;
    }
    note_log(worker, status == TROTH_UNREACHABLE);
    worker->poll_number++;
    worker->item_count = count;
    take_items(worker, count);
    troth_worker_start_partitions(worker);
    for (uint32_t i = 0; i < worker->partition_count && worker->broken == TROTH_OK; i++) {
        struct troth_partition *partition = worker->partitions[i];
        if (partition->check_pointers && partition->caught_up && troth_worker_has_read(worker)) {
            troth_worker_send_pointers(worker, partition);
        }
    }
    troth_worker_send_ticks(worker);
    troth_worker_sweep_in_turn(worker);
    (void)troth_worker_has_narrowed(worker, 0);
    troth_worker_save_in_turn(worker);
    troth_worker_commit_in_turn(worker);
    troth_worker_publish_in_turn(worker);
    return worker->broken;
}

troth_status troth_worker_create(const struct troth_worker_config *config,
                                 struct troth_worker **worker)
{
    struct troth_worker *made = calloc(1, sizeof *made);
    struct troth_registry *registry = troth_registry_create();
    struct troth_book *book = config->read_decisions ? troth_book_create() : NULL;
    if (made == NULL || registry == NULL || (config->read_decisions && book == NULL)) {
        free(made);
        troth_registry_destroy(registry);
        troth_book_destroy(book);
        return TROTH_NO_MEMORY;
    }
    made->config = *config;
    made->registry = registry;
    made->book = book;
    troth_registry_ask(registry, &config->signing);
    if (book != NULL) {
        troth_book_ask(book, &config->signing);
    }
    if (config->log->recall == NULL) {
        made->config.checkpoint_us = 0;
    }
    made->commit_number = 1;
    made->counts.store_connected = config->store != NULL; /* so that its absence is told */
    if (made->config.standing_bytes == 0) {
        made->config.standing_bytes = STANDING_BYTES;
    }
    if (made->config.checkpoint_bytes == 0) {
        made->config.checkpoint_bytes = CHECKPOINT_BYTES;
    }
    *worker = made;
    return TROTH_OK;
}

/* Publishes what may be, until a time. Returns whether all of it was, and is answered: also where
 * no offset is left to commit. */
static bool publish_until(struct troth_worker *worker, int64_t end_us)
{
    struct troth_store *store = worker->config.store;
    bool published = store == NULL;
    while (!published && troth_worker_now_us(worker) < end_us) {
        published = troth_worker_publish(worker, true);
        if (!published &&
            (!worker->counts.store_connected || worker->widened > worker->committed)) {
            break; /* what was widened waits for the commit */
        }
        if (!published) {
            (void)store->acknowledged(store, FLUSH_US);
        }
    }
    if (published && store != NULL && store->acknowledged(store, ANSWER_US) != TROTH_OK) {
        troth_worker_store_failed(worker, "scores were not acknowledged");
        return false;
    }
    return published;
}

troth_status troth_worker_drain(struct troth_worker *worker, int64_t timeout_us)
{
    const int64_t end_us = troth_worker_now_us(worker) + timeout_us;
    struct troth_log *log = worker->config.log;
    if (worker->broken != TROTH_OK) {
        return worker->broken;
    }
    worker->store_after_us = 0; /* there is no later */
    bool published = publish_until(worker, end_us);
    troth_worker_save_all(worker);
    const bool sent = log->flush(log, ANSWER_US) == TROTH_OK; /* ticks and pointers too */
    const bool committed = troth_worker_commit(worker);
    /* What waited for the commit, and the ledgers of the week that it has written. */
    published = committed ? publish_until(worker, end_us) : published;
    return committed && published && sent ? TROTH_OK : TROTH_TIMED_OUT;
}

void troth_worker_destroy(struct troth_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    for (uint32_t i = 0; i < worker->pending_count; i++) {
        free(worker->pending[i].record);
    }
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        troth_worker_drop_alerts(worker, worker->partitions[i]);
        troth_partition_fini(worker->partitions[i]);
        free(worker->partitions[i]);
    }
    troth_registry_destroy(worker->registry);
    troth_book_destroy(worker->book);
    free(worker->debt_text);
    free(worker);
}
