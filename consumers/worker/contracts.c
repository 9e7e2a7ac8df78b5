/*
 * Contracts: their topic is read to its end, telemetry is pointed to what is in force, and a
 * version takes effect where its pointer is read back.
 *
 * A pointer must be judged alike by every owner of its partition (registry.h says how), however far
 * each is with the contracts topic. So that is read first, to its end as it was at some time after
 * the pointer was in telemetry:
 *
 * - before a partition is started, once for all that it then holds;
 * - of what comes later, only where a pointer is not good by what has been read. Then the topic is
 *   asked for its end, at most once a poll, so that forged pointers cost one question for thousands
 *   of records. Mostly nothing is left to read, and the pointer is judged at once. Else an operator
 *   is pushing just now: the partition waits at the pointer until the topic has been read, and goes
 *   back to it, for the records of a poll do not live longer. What was fetched ahead is lost then;
 *   that is dear, but no forger can bring it about.
 *
 * What is left to a forger: where the contracts' broker has a clock that is behind telemetry's, a
 * pointer to what an operator pushes within that difference is worth nothing in the run and good in
 * a replay. It moves the version's beginning by no more than that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/worker/state.h"

/* How long a pointer that came too early waits to be sent again: clocks of brokers that differ must
 * not make a flood of it. */
#define POINT_AGAIN_US INT64_C(1000000)

/* How long a topic that did not say where it ends is left alone: the question may take 2 s, and the
 * partitions that need no answer go on between. */
#define ASK_AGAIN_US INT64_C(2000000)

/* ---- The topic. ---- */

void troth_worker_take_contract(struct troth_worker *worker, const struct troth_log_item *item)
{
    char reason[TROTH_REASON_LENGTH];
    if (item->offset < worker->contracts_next) {
        return; /* taken ahead of its turn */
    }
    worker->contracts_next = item->offset + 1;
    const struct troth_registry_record record = {
        .offset = item->offset,
        .time_us = item->timestamp_us,
        .key = item->has_key ? item->key : NULL,
        .key_length = item->key_length,
        .value = item->has_value ? item->value : NULL,
        .value_length = item->value_length,
    };
    const troth_status status = troth_registry_take(worker->registry, &record, reason);
    if (status == TROTH_NO_MEMORY) {
        worker->broken = status; /* made anew, the worker reads it again */
    }
    if (status != TROTH_OK) {
        troth_worker_say(
            worker, TROTH_LEVEL_WARNING, "contract record %.*s at offset %" PRId64 " refused: %s",
            (int)item->key_length, item->has_key ? item->key : "", item->offset, reason);
    }
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        worker->partitions[i]->check_pointers = true;
    }
}

void troth_worker_take_contracts_end(struct troth_worker *worker)
{
    /* An END that came with the poll in which the topic was asked is the answer to an earlier
     * question. */
    worker->contracts_read |= worker->asked_in != worker->poll_number;
}

void troth_worker_ask_contracts(struct troth_worker *worker)
{
    struct troth_log *log = worker->config.log;
    bool reached = false;
    const troth_status status = log->catch_up(log, TROTH_TOPIC_CONTRACTS, &reached);
    worker->asked_in = worker->poll_number;
    worker->ask_due = status != TROTH_OK;
    worker->contracts_read = status == TROTH_OK && reached;
    if (status != TROTH_OK) {
        worker->ask_after_us = troth_worker_now_us(worker) + ASK_AGAIN_US;
        troth_worker_say(worker, TROTH_LEVEL_WARNING,
                         "the contracts topic does not say where it ends: %s; trying again",
                         log->error(log));
    }
}

/* ---- Sending. ---- */

static void send_pointer(struct troth_worker *worker, struct troth_partition *partition,
                         int64_t offset)
{
    char number[24];
    const int length = snprintf(number, sizeof number, "%" PRId64, offset);
    const char *topic = troth_topic_name(TROTH_TOPIC_CONTRACTS);
    const struct troth_attribute attributes[2] = {
        {{"topic", 5}, {topic, (uint32_t)strlen(topic)}},
        {{"offset", 6}, {number, (uint32_t)length}},
    };
    const struct troth_clock *clock = &worker->config.clock;
    struct troth_event pointer = {.kind = TROTH_KIND_POINTER,
                                  .present = 1U << TROTH_FIELD_ATTRIBUTES,
                                  .at_us = clock->wall_us(clock->context),
                                  .attributes = attributes,
                                  .attribute_count = 2};
    /* By its emitters' time, a log must not be moved on to the engine's. */
    const int64_t shard_us = troth_shard_clock_us(partition->shard);
    const int64_t timestamp_us = !worker->config.create_time ? 0
                                 : shard_us > 1000           ? shard_us
                                                             : 1000;
    troth_worker_send_own(worker, partition, &pointer, timestamp_us);
}

void troth_worker_send_pointers(struct troth_worker *worker, struct troth_partition *partition)
{
    const struct troth_in_force *list = NULL;
    const size_t count = troth_registry_in_force(worker->registry, &list);
    if (troth_worker_now_us(worker) < partition->point_after_us) {
        return;
    }
    partition->check_pointers = false;
    for (size_t i = 0; i < count; i++) {
        if (partition->pointed[i] < list[i].version &&
            troth_shard_version(partition->shard, troth_text_of(list[i].name)) < list[i].version) {
            send_pointer(worker, partition, list[i].offset);
            partition->pointed[i] = list[i].version;
        }
    }
}

/* ---- Following. ---- */

/* Reads an offset: digits alone, at most 18. Returns -1 where it is none. */
static int64_t read_offset(struct troth_text text)
{
    int64_t offset = 0;
    if (text.length == 0 || text.length > 18) {
        return -1;
    }
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        offset = offset * 10 + (text.data[i] - '0');
    }
    return offset;
}

static bool is_named(const struct troth_attribute *attribute, const char *name)
{
    return attribute->name.length == strlen(name) &&
           memcmp(attribute->name.data, name, attribute->name.length) == 0;
}

/* The offset in the contracts topic that a pointer names, or -1. */
static int64_t offset_named(const struct troth_event *event)
{
    int64_t offset = -1;
    bool contracts = false;
    const char *topic = troth_topic_name(TROTH_TOPIC_CONTRACTS);
    for (unsigned i = 0; i < event->attribute_count; i++) {
        const struct troth_attribute *a = &event->attributes[i];
        if (is_named(a, "topic")) {
            contracts = a->value.length == strlen(topic) &&
                        memcmp(a->value.data, topic, a->value.length) == 0;
        } else if (is_named(a, "offset")) {
            offset = read_offset(a->value);
        }
    }
    return contracts ? offset : -1;
}

/* A pointer's time, to be held against those of the contracts' records. With `clock: create_time`
 * telemetry bears its emitters' time, which says nothing about when a record was appended: so
 * there all that has been read counts as earlier, and a run may differ from its replay where
 * pointers are forged. */
static int64_t time_of(const struct troth_worker *worker, const struct troth_log_item *item)
{
    return worker->config.create_time ? INT64_MAX : item->timestamp_us;
}

/* Takes the contracts that came with the poll whose records are being applied: the log counts them
 * as given. */
static void take_contracts_ahead(struct troth_worker *worker)
{
    for (size_t i = 0; i < worker->item_count; i++) {
        if (worker->items[i].kind == TROTH_LOG_RECORD &&
            worker->items[i].topic == TROTH_TOPIC_CONTRACTS) {
            troth_worker_take_contract(worker, &worker->items[i]);
        }
    }
}

bool troth_worker_may_judge(struct troth_worker *worker, const struct troth_partition *partition,
                            const struct troth_log_item *item, const struct troth_event *event)
{
    const int64_t offset = offset_named(event);
    if (offset < 0 || item->offset < partition->settled_until ||
        troth_registry_pointed(worker->registry, offset, time_of(worker, item)) != NULL) {
        return true;
    }
    if (!worker->ask_due && worker->asked_in != worker->poll_number) {
        take_contracts_ahead(worker);
        troth_worker_ask_contracts(worker);
    }
    return worker->contracts_read;
}

/* A pointer is worth nothing. Where it names what is in force it may be our own, and the clock of
 * its broker behind that of the contracts' broker: then it is sent again. */
static void pass_over(struct troth_worker *worker, struct troth_partition *partition,
                      int64_t offset)
{
    const struct troth_in_force *list = NULL;
    const size_t count = troth_registry_in_force(worker->registry, &list);
    for (size_t i = 0; i < count; i++) {
        if (list[i].offset != offset || partition->pointed[i] < list[i].version) {
            continue;
        }
        partition->pointed[i] = 0;
        partition->check_pointers = true;
        partition->point_after_us = troth_worker_now_us(worker) + POINT_AGAIN_US;
        troth_worker_say(worker, TROTH_LEVEL_INFO,
                         "a pointer to %s@%" PRId64 " stands in telemetry[%" PRId32
                         "] before the version itself, by the log's clocks; pointing again",
                         list[i].name, list[i].version, partition->number);
    }
}

bool troth_worker_follow_pointer(struct troth_worker *worker, struct troth_partition *partition,
                                 const struct troth_log_item *item, const struct troth_event *event)
{
    const int64_t offset = offset_named(event);
    const struct troth_rules *rules =
        troth_registry_pointed(worker->registry, offset, time_of(worker, item));
    if (rules == NULL) {
        pass_over(worker, partition, offset);
        return false;
    }
    const troth_status status = troth_shard_contract(partition->shard, rules);
    if (status == TROTH_OK) {
        troth_worker_sweep_anew(partition);
        troth_worker_say(worker, TROTH_LEVEL_INFO,
                         "%s@%" PRId64 " is in force on telemetry[%" PRId32 "]",
                         rules->contract->name, rules->contract->version, partition->number);
    } else if (status == TROTH_FULL) {
        troth_worker_say(worker, TROTH_LEVEL_ERROR,
                         "%s@%" PRId64 " does not fit telemetry[%" PRId32
                         "]; the old version stays in force; raise standings_max",
                         rules->contract->name, rules->contract->version, partition->number);
    }
    return status == TROTH_OK;
}
