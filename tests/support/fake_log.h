/*
 * A log in memory, of one member: its way to a cluster (tests/support/fake_cluster.h) that it may
 * share with others. The test assigns and takes away.
 *
 * A member gives its worker what a real log would, and can be told to fail: a producer that is
 * full, flushes and commits that time out or are refused, records that never arrive. Items live
 * until the next poll and not a moment longer, so that a sanitizer sees whoever keeps them.
 *
 * What a member sends, but for records of telemetry, is a transaction's: it arrives with the
 * commit, and never where that is refused, the partitions are taken away, or the member is gone.
 * Telemetry arrives with the next poll.
 *
 * It holds its worker to the interface: a commit of a partition that is not its own is FENCED, and
 * one past what was given, or a start of what is not assigned, fails the test.
 */
#ifndef TROTH_TESTS_SUPPORT_FAKE_LOG_H
#define TROTH_TESTS_SUPPORT_FAKE_LOG_H

#include "tests/support/test.h"

#include "tests/support/fake_cluster.h"

#include "consumers/log.h"
#include "consumers/partitioner.h"

enum { FAKE_EVENTS_MAX = 64, FAKE_HELD_MAX = 2 * TROTH_BATCH_MAX };

/* The next `count` calls, after `skip` that go well, return the status. */
struct fake_failure {
    troth_status status;
    unsigned skip;
    unsigned count;
};

struct fake_pending {
    uint8_t topic;
    bool frozen; /* in the commit that is under way */
    int32_t partition;
    struct fake_record record;
};

/* A commit that has begun. */
struct fake_commit {
    bool under_way;
    unsigned looks; /* how often committed() says that it is under way */
    struct troth_log_offset offsets[FAKE_PARTITIONS_MAX];
    size_t count;
};

struct fake_log {
    struct troth_log log; /* first */
    struct fake_cluster *cluster;
    bool assigned[FAKE_PARTITIONS_MAX];
    bool leaving[FAKE_PARTITIONS_MAX]; /* revoked, until the next poll */
    bool started[FAKE_PARTITIONS_MAX];
    int64_t next[FAKE_PARTITIONS_MAX];
    bool recalling[FAKE_PARTITIONS_MAX]; /* standings are given */
    int64_t recall_next[FAKE_PARTITIONS_MAX];
    int64_t control_next[TROTH_TOPIC_COUNT];
    int64_t control_end[TROTH_TOPIC_COUNT]; /* as it was at open, or when last asked for */
    bool ended[TROTH_TOPIC_COUNT];
    struct troth_log_item events[FAKE_EVENTS_MAX];
    size_t event_count;
    struct fake_pending *pending;
    size_t pending_count;
    size_t pending_capacity;
    struct fake_commit commit;
    unsigned slow;        /* how often committed() says of the next ones that they are under way */
    bool abort_due;       /* partitions were taken away with a transaction open */
    troth_status verdict; /* once it was refused: what it says from then on */
    char *held[FAKE_HELD_MAX];
    size_t held_count;
    struct fake_failure on_poll;
    struct fake_failure on_send;
    struct fake_failure on_flush;
    struct fake_failure on_commit;
    struct fake_failure on_committed;
    struct fake_failure on_extent;
    struct fake_failure on_catch_up;
    struct fake_failure on_read_back;
    unsigned catch_ups; /* how often the end of a control topic was asked for */
    bool holds_control; /* control topics give nothing for now */
    bool control_last;  /* they give after telemetry, in the same poll */
    size_t control_max; /* records that each of them gives in a poll; 0: any number */
    bool keeps_pending; /* telemetry arrives by a flush or commit alone */
    bool loses_pending; /* a failing flush or commit loses what of it was not acknowledged */
    size_t value_max;   /* a longer record is refused as OVER_LIMIT; 0: none is */
    uint64_t *random;   /* NULL: whole batches in order; else their size and order are drawn */
};

/* ---- A member. ---- */

static inline struct fake_log *fake_log_of(struct troth_log *log)
{
    return (struct fake_log *)(void *)log;
}

static inline troth_status fake_fails(struct fake_failure *failure)
{
    if (failure->count == 0) {
        return TROTH_OK;
    }
    if (failure->skip > 0) {
        failure->skip--;
        return TROTH_OK;
    }
    failure->count--;
    return failure->status;
}

static inline void fake_log_arrive(struct fake_log *log, const struct fake_pending *pending)
{
    const int64_t offset = fake_cluster_put(log->cluster, (enum troth_topic)pending->topic,
                                            pending->partition, pending->record);
    struct fake_entry *entry = fake_journal_add(log->cluster->journal, FAKE_ARRIVED);
    entry->topic = pending->topic;
    entry->partition = pending->partition;
    entry->offset = offset;
    snprintf(entry->agent, sizeof entry->agent, "%.128s",
             pending->record.key != NULL ? pending->record.key : "");
}

/* What of those that wait. */
enum fake_part { FAKE_TELEMETRY, FAKE_FROZEN, FAKE_TRANSACTIONAL };

static inline bool fake_pending_is(const struct fake_pending *pending, enum fake_part part)
{
    return part == FAKE_TELEMETRY ? pending->topic == TROTH_TOPIC_TELEMETRY
                                  : pending->topic != TROTH_TOPIC_TELEMETRY &&
                                        (part == FAKE_TRANSACTIONAL || pending->frozen);
}

/* It arrives in order; or never does. */
static inline void fake_log_settle_pending(struct fake_log *log, enum fake_part part, bool arrives)
{
    size_t kept = 0;
    for (size_t i = 0; i < log->pending_count; i++) {
        struct fake_pending *pending = &log->pending[i];
        if (!fake_pending_is(pending, part)) {
            log->pending[kept++] = *pending;
        } else if (arrives) {
            fake_log_arrive(log, pending);
        } else {
            fake_record_fini(&pending->record);
        }
    }
    log->pending_count = kept;
}

/* Telemetry arrives. */
static inline void fake_log_deliver(struct fake_log *log)
{
    fake_log_settle_pending(log, FAKE_TELEMETRY, true);
}

/* The transaction is aborted. */
static inline void fake_log_abort(struct fake_log *log)
{
    fake_log_settle_pending(log, FAKE_TRANSACTIONAL, false);
    log->commit.under_way = false;
    log->abort_due = false;
}

/* From here on it says no to everything. Returns the status. */
static inline troth_status fake_log_refuse(struct fake_log *log, troth_status status)
{
    fake_log_abort(log);
    log->verdict = status;
    return status;
}

static inline void fake_log_tell(struct fake_log *log, enum troth_log_kind kind, int32_t partition)
{
    TROTH_ASSERT(log->event_count < FAKE_EVENTS_MAX);
    log->events[log->event_count++] =
        (struct troth_log_item){.kind = (uint8_t)kind, .partition = partition};
}

/* The group's doings. It takes all partitions away together. Revoked ones can be committed until
 * the poll after the one that says so; lost ones cannot. */
static inline void fake_log_assign(struct fake_log *log, int32_t partition)
{
    TROTH_ASSERT(log->cluster->topics[TROTH_TOPIC_TELEMETRY][partition].owner == NULL);
    log->cluster->topics[TROTH_TOPIC_TELEMETRY][partition].owner = log;
    log->assigned[partition] = true;
    fake_log_tell(log, TROTH_LOG_ASSIGNED, partition);
}

static inline void fake_log_take_away(struct fake_log *log, bool lost)
{
    for (int32_t i = 0; i < log->cluster->partition_count; i++) {
        if (!log->assigned[i] || log->leaving[i]) {
            continue;
        }
        log->started[i] = false;
        log->recalling[i] = false;
        if (lost) {
            log->assigned[i] = false;
            log->abort_due = true;
            log->cluster->topics[TROTH_TOPIC_TELEMETRY][i].owner = NULL;
        } else {
            log->leaving[i] = true;
        }
        fake_log_tell(log, lost ? TROTH_LOG_LOST : TROTH_LOG_REVOKED, i);
    }
}

static inline char *fake_log_hold(struct fake_log *log, const char *data, size_t length)
{
    TROTH_ASSERT(log->held_count < FAKE_HELD_MAX);
    return log->held[log->held_count++] = fake_copy(data, length);
}

/* Gives records of one partition, at most so many. Returns how many. */
static inline size_t fake_log_give(struct fake_log *log, enum troth_topic topic, int32_t number,
                                   int64_t *next, struct troth_log_item *items, size_t capacity)
{
    const struct fake_partition *partition = &log->cluster->topics[topic][number];
    size_t count = 0;
    for (; count < capacity && *next < (int64_t)partition->count; (*next)++) {
        const struct fake_record *record = &partition->records[*next];
        if (record->gone || *next < partition->low) {
            continue;
        }
        items[count++] = (struct troth_log_item){
            .kind = TROTH_LOG_RECORD,
            .topic = (uint8_t)topic,
            .has_key = record->key != NULL,
            .has_value = record->value != NULL,
            .partition = number,
            .offset = *next,
            .timestamp_us = record->timestamp_us,
            .key = record->key ? fake_log_hold(log, record->key, record->key_length) : NULL,
            .value = record->value ? fake_log_hold(log, record->value, record->value_length) : NULL,
            .key_length = (uint32_t)record->key_length,
            .value_length = (uint32_t)record->value_length};
    }
    return count;
}

static inline size_t fake_log_give_control(struct fake_log *log, enum troth_topic topic,
                                           struct troth_log_item *items, size_t capacity)
{
    const bool bound = log->control_max > 0 && log->control_max < capacity;
    size_t count = fake_log_give(log, topic, 0, &log->control_next[topic], items,
                                 bound ? log->control_max : capacity - 1);
    if (!log->ended[topic] && log->control_next[topic] >= log->control_end[topic]) {
        log->ended[topic] = true;
        items[count++] = (struct troth_log_item){.kind = TROTH_LOG_END, .topic = (uint8_t)topic};
    }
    return count;
}

static inline size_t fake_log_give_controls(struct fake_log *log, struct troth_log_item *items,
                                            size_t capacity)
{
    size_t count = 0;
    if (capacity > 2) {
        count += fake_log_give_control(log, TROTH_TOPIC_DECISIONS, items, capacity / 2);
        count += fake_log_give_control(log, TROTH_TOPIC_CONTRACTS, items + count, capacity - count);
    }
    return count;
}

static inline size_t fake_log_give_records(struct fake_log *log, struct troth_log_item *items,
                                           size_t capacity)
{
    size_t count = 0;
    const size_t whole = capacity;
    if (!log->holds_control && !log->control_last) {
        count += fake_log_give_controls(log, items, capacity);
    }
    capacity -= log->control_last ? capacity / 2 : 0;
    /* In order, whole; or as chance has it: a few runs of any partition, in any order. */
    const size_t rounds = log->random != NULL ? 1 + random_below(log->random, 64) : 1;
    for (size_t round = 0; round < rounds; round++) {
        for (int32_t i = 0; i < log->cluster->partition_count && count < capacity; i++) {
            size_t most = capacity - count;
            if (log->random != NULL) {
                const size_t run = (size_t)1 << random_below(log->random, 8);
                most = random_below(log->random, 2) == 0 ? 0 : run < most ? run : most;
            }
            if (log->started[i]) {
                count += fake_log_give(log, TROTH_TOPIC_TELEMETRY, i, &log->next[i], items + count,
                                       most);
            } else if (log->recalling[i]) {
                count += fake_log_give(log, TROTH_TOPIC_STANDINGS, i, &log->recall_next[i],
                                       items + count, most);
            }
        }
    }
    if (!log->holds_control && log->control_last) {
        count += fake_log_give_controls(log, items + count, whole - count);
    }
    return count;
}

static inline size_t fake_log_give_events(struct fake_log *log, struct troth_log_item *items)
{
    const size_t count = log->event_count;
    memcpy(items, log->events, count * sizeof *items);
    log->event_count = 0;
    return count;
}

static inline void fake_log_settle(struct fake_log *log)
{
    for (size_t i = 0; i < log->held_count; i++) {
        free(log->held[i]);
    }
    log->held_count = 0;
}

static inline troth_status fake_log_poll(struct troth_log *base, int64_t timeout_us,
                                         struct troth_log_item *items, size_t capacity,
                                         size_t *count)
{
    struct fake_log *log = fake_log_of(base);
    fake_log_settle(log);
    if (log->abort_due && log->event_count == 0) {
        fake_log_abort(log);
    }
    for (int32_t i = 0; i < log->cluster->partition_count; i++) {
        bool told = true; /* is the REVOKED item still to be given? */
        for (size_t k = 0; k < log->event_count; k++) {
            told &= log->events[k].partition != i || log->events[k].kind != TROTH_LOG_REVOKED;
        }
        if (log->leaving[i] && told) {
            log->leaving[i] = log->assigned[i] = false;
            fake_log_abort(log);
            log->cluster->topics[TROTH_TOPIC_TELEMETRY][i].owner = NULL;
        }
    }
    const troth_status status = fake_fails(&log->on_poll);
    if (status != TROTH_OK) {
        fake_clock_move(log->cluster->clock, timeout_us);
        return status;
    }
    if (!log->keeps_pending) {
        fake_log_deliver(log);
    }
    if (log->random != NULL) {
        const size_t drawn =
            1 + random_below(log->random, (uint64_t)1 << random_below(log->random, 13));
        capacity = drawn + FAKE_EVENTS_MAX < capacity ? drawn + FAKE_EVENTS_MAX : capacity;
    }
    *count = fake_log_give_events(log, items);
    *count += fake_log_give_records(log, items + *count, capacity - *count);
    if (*count == 0) {
        fake_clock_move(log->cluster->clock, timeout_us);
    }
    return TROTH_OK;
}

static inline troth_status fake_log_extent(struct troth_log *base, int32_t partition,
                                           struct troth_log_extent *extent)
{
    struct fake_log *log = fake_log_of(base);
    assert_true(log->assigned[partition]);
    const troth_status status = fake_fails(&log->on_extent);
    if (status == TROTH_OK) {
        const struct fake_partition *p = &log->cluster->topics[TROTH_TOPIC_TELEMETRY][partition];
        *extent = (struct troth_log_extent){p->low, (int64_t)p->count, p->committed};
    }
    return status;
}

static inline troth_status fake_log_catch_up(struct troth_log *base, enum troth_topic topic,
                                             bool *reached)
{
    struct fake_log *log = fake_log_of(base);
    const troth_status status = fake_fails(&log->on_catch_up);
    log->catch_ups++;
    if (status == TROTH_OK) {
        log->control_end[topic] = (int64_t)log->cluster->topics[topic][0].count;
        log->ended[topic] = log->control_next[topic] >= log->control_end[topic];
        *reached = log->ended[topic];
    }
    return status;
}

static inline troth_status fake_log_start(struct troth_log *base, int32_t partition, int64_t offset)
{
    struct fake_log *log = fake_log_of(base);
    assert_true(log->assigned[partition]);
    assert_true(!log->started[partition] || offset < log->next[partition]); /* given before */
    log->started[partition] = true;
    log->next[partition] = offset;
    struct fake_entry *entry = fake_journal_add(log->cluster->journal, FAKE_STARTED);
    entry->partition = partition;
    entry->offset = offset;
    return TROTH_OK;
}

static inline troth_status fake_log_recall(struct troth_log *base, int32_t partition)
{
    struct fake_log *log = fake_log_of(base);
    assert_true(log->assigned[partition]);
    log->recalling[partition] = true;
    log->recall_next[partition] = 0;
    return TROTH_OK;
}

static inline void fake_log_recalled(struct troth_log *base, int32_t partition)
{
    fake_log_of(base)->recalling[partition] = false;
}

static inline troth_status fake_log_read_back(struct troth_log *base, int32_t partition,
                                              int64_t offset, int64_t timeout_us,
                                              struct troth_log_item *item)
{
    struct fake_log *log = fake_log_of(base);
    const struct fake_partition *p = &log->cluster->topics[TROTH_TOPIC_TELEMETRY][partition];
    assert_true(log->assigned[partition]);
    const troth_status status = fake_fails(&log->on_read_back);
    if (status != TROTH_OK) {
        fake_clock_move(log->cluster->clock, timeout_us);
        return status;
    }
    if (offset < p->low || offset >= (int64_t)p->count || p->records[offset].gone) {
        return TROTH_NOT_FOUND;
    }
    const struct fake_record *record = &p->records[offset];
    *item = (struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                    .topic = TROTH_TOPIC_TELEMETRY,
                                    .has_key = record->key != NULL,
                                    .has_value = record->value != NULL,
                                    .partition = partition,
                                    .offset = offset,
                                    .timestamp_us = record->timestamp_us,
                                    .key = record->key,
                                    .value = record->value,
                                    .key_length = (uint32_t)record->key_length,
                                    .value_length = (uint32_t)record->value_length};
    return TROTH_OK;
}

static inline size_t fake_log_headers(struct troth_log *base, const struct troth_log_item *item,
                                      const char *name, struct troth_log_header *headers,
                                      size_t capacity)
{
    const struct fake_log *log = fake_log_of(base);
    const struct fake_record *record =
        &log->cluster->topics[item->topic][item->partition].records[item->offset];
    size_t count = 0;
    for (size_t i = 0; i < record->header_count; i++) {
        if (strcmp(record->header_names[i], name) != 0) {
            continue;
        }
        if (count < capacity) {
            headers[count] =
                (struct troth_log_header){.name = record->header_names[i],
                                          .value = record->header_values[i],
                                          .value_length = strlen(record->header_values[i])};
        }
        count++;
    }
    return count;
}

static inline troth_status fake_log_send(struct troth_log *base,
                                         const struct troth_log_record *record)
{
    struct fake_log *log = fake_log_of(base);
    const troth_status status = log->verdict != TROTH_OK ? log->verdict : fake_fails(&log->on_send);
    if (status != TROTH_OK) {
        return status;
    }
    if (log->value_max > 0 && record->value_length > log->value_max) {
        return TROTH_OVER_LIMIT;
    }
    if (log->pending_count == log->pending_capacity) {
        log->pending_capacity = log->pending_capacity > 0 ? log->pending_capacity * 2 : 64;
        log->pending = realloc(log->pending, log->pending_capacity * sizeof *log->pending);
        TROTH_ASSERT(log->pending != NULL);
    }
    struct fake_pending *pending = &log->pending[log->pending_count++];
    memset(pending, 0, sizeof *pending);
    pending->topic = (uint8_t)record->topic;
    pending->partition = record->partition;
    if (record->partition == TROTH_ANY_PARTITION) {
        pending->partition =
            record->key == NULL
                ? 0
                : troth_partition_of(TROTH_PARTITIONER_MURMUR2, record->key, record->key_length,
                                     log->cluster->partition_count);
    }
    struct fake_record *copy = &pending->record;
    copy->timestamp_us = record->timestamp_us;
    copy->key = record->key != NULL ? fake_copy(record->key, record->key_length) : NULL;
    copy->key_length = record->key != NULL ? record->key_length : 0;
    copy->value = record->value != NULL ? fake_copy(record->value, record->value_length) : NULL;
    copy->value_length = record->value != NULL ? record->value_length : 0;
    assert_true(record->header_count <= TROTH_HEADERS_MAX);
    for (; copy->header_count < record->header_count; copy->header_count++) {
        const struct troth_log_header *header = &record->headers[copy->header_count];
        copy->header_names[copy->header_count] = strdup(header->name);
        copy->header_values[copy->header_count] = fake_copy(header->value, header->value_length);
    }
    return TROTH_OK;
}

static inline troth_status fake_log_failed(struct fake_log *log, troth_status status,
                                           int64_t timeout_us)
{
    if (status != TROTH_TIMED_OUT) {
        return fake_log_refuse(log, status);
    }
    fake_clock_move(log->cluster->clock, timeout_us);
    if (log->loses_pending) {
        fake_log_settle_pending(log, FAKE_TELEMETRY, false);
    }
    return status;
}

static inline troth_status fake_log_flush(struct troth_log *base, int64_t timeout_us)
{
    struct fake_log *log = fake_log_of(base);
    const troth_status status =
        log->verdict != TROTH_OK ? log->verdict : fake_fails(&log->on_flush);
    if (status != TROTH_OK) {
        return fake_log_failed(log, status, timeout_us);
    }
    fake_log_deliver(log);
    return TROTH_OK;
}

static inline troth_status fake_log_commit(struct troth_log *base,
                                           const struct troth_log_offset *offsets, size_t count,
                                           int64_t timeout_us)
{
    struct fake_log *log = fake_log_of(base);
    const troth_status status =
        log->verdict != TROTH_OK ? log->verdict : fake_fails(&log->on_commit);
    if (status != TROTH_OK) {
        return fake_log_failed(log, status, timeout_us);
    }
    for (size_t i = 0; i < count; i++) {
        if (!log->assigned[offsets[i].partition]) {
            return fake_log_refuse(log, TROTH_FENCED);
        }
    }
    if (log->abort_due) {
        return fake_log_refuse(log, TROTH_FENCED);
    }
    assert_true(!log->commit.under_way);
    assert_true(count <= FAKE_PARTITIONS_MAX);
    log->commit = (struct fake_commit){.under_way = true, .looks = log->slow, .count = count};
    memcpy(log->commit.offsets, offsets, count * sizeof *offsets);
    for (size_t i = 0; i < log->pending_count; i++) {
        log->pending[i].frozen = true;
    }
    fake_log_deliver(log);
    return TROTH_OK;
}

/* All of it stands. */
static inline void fake_log_take_effect(struct fake_log *log)
{
    const struct fake_commit *commit = &log->commit;
    fake_log_settle_pending(log, FAKE_FROZEN, true);
    for (size_t i = 0; i < commit->count; i++) {
        const int64_t offset = commit->offsets[i].offset;
        const int32_t number = commit->offsets[i].partition;
        struct fake_partition *partition = &log->cluster->topics[TROTH_TOPIC_TELEMETRY][number];
        assert_true(offset <= log->next[number] || !log->started[number]);
        assert_true(offset >= partition->committed);
        partition->committed = offset;
        struct fake_entry *entry = fake_journal_add(log->cluster->journal, FAKE_COMMITTED);
        entry->partition = number;
        entry->offset = offset;
    }
    log->commit.under_way = false;
}

static inline troth_status fake_log_committed(struct troth_log *base, int64_t timeout_us)
{
    struct fake_log *log = fake_log_of(base);
    if (log->verdict != TROTH_OK) {
        return log->verdict;
    }
    assert_true(log->commit.under_way);
    if (timeout_us == 0 && log->commit.looks > 0) {
        log->commit.looks--;
        return TROTH_TIMED_OUT;
    }
    const troth_status status = log->abort_due ? TROTH_FENCED : fake_fails(&log->on_committed);
    if (status == TROTH_TIMED_OUT) {
        fake_clock_move(log->cluster->clock, timeout_us);
        return status;
    }
    if (status != TROTH_OK) {
        return fake_log_refuse(log, status);
    }
    fake_log_take_effect(log);
    return TROTH_OK;
}

static inline int32_t fake_log_partitions(struct troth_log *base)
{
    return fake_log_of(base)->cluster->partition_count;
}

static inline const char *fake_log_error(struct troth_log *base)
{
    (void)base;
    return "the fake log was told to fail";
}

/* The member is gone, as after a kill: what it had not delivered is lost. */
static inline void fake_log_close(struct troth_log *base)
{
    struct fake_log *log = fake_log_of(base);
    fake_log_settle(log);
    fake_log_settle_pending(log, FAKE_TELEMETRY, false);
    fake_log_settle_pending(log, FAKE_TRANSACTIONAL, false);
    free(log->pending);
    for (int32_t i = 0; i < log->cluster->partition_count; i++) {
        struct fake_partition *partition = &log->cluster->topics[TROTH_TOPIC_TELEMETRY][i];
        partition->owner = partition->owner == log ? NULL : partition->owner;
    }
    memset(log, 0, sizeof *log);
}

static inline void fake_log_open(struct fake_log *log, struct fake_cluster *cluster)
{
    memset(log, 0, sizeof *log);
    log->log = (struct troth_log){.poll = fake_log_poll,
                                  .extent = fake_log_extent,
                                  .catch_up = fake_log_catch_up,
                                  .start = fake_log_start,
                                  .recall = fake_log_recall,
                                  .recalled = fake_log_recalled,
                                  .read_back = fake_log_read_back,
                                  .headers = fake_log_headers,
                                  .send = fake_log_send,
                                  .flush = fake_log_flush,
                                  .commit = fake_log_commit,
                                  .committed = fake_log_committed,
                                  .partitions = fake_log_partitions,
                                  .error = fake_log_error,
                                  .close = fake_log_close};
    log->cluster = cluster;
    log->control_end[TROTH_TOPIC_CONTRACTS] =
        (int64_t)cluster->topics[TROTH_TOPIC_CONTRACTS][0].count;
    log->control_end[TROTH_TOPIC_DECISIONS] =
        (int64_t)cluster->topics[TROTH_TOPIC_DECISIONS][0].count;
}

#endif
