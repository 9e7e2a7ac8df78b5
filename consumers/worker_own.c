#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/encode.h"
#include "consumers/worker_state.h"
#include "schemas/assert.h"

static void send_own(struct troth_worker *worker, const struct troth_partition *partition,
                     struct troth_event *event, int64_t timestamp_us)
{
    char value[1024];
    size_t length = 0;
    const uint64_t number = ++worker->tick_number;
    event->agent = (struct troth_text){"", 0};
    event->source = TROTH_SOURCE_ENGINE;
    event->present |= 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT |
                      1U << TROTH_FIELD_KIND | 1U << TROTH_FIELD_SOURCE;
    memcpy(event->id, &number, sizeof number);
    const troth_status status = troth_encode(event, value, sizeof value, &length);
    TROTH_ASSERT(status == TROTH_OK);
    troth_worker_send(worker, &(struct troth_log_record){.topic = TROTH_TOPIC_TELEMETRY,
                                                         .partition = partition->number,
                                                         .timestamp_us = timestamp_us,
                                                         .value = value,
                                                         .value_length = length});
}

void troth_worker_send_ticks(struct troth_worker *worker)
{
    const int64_t now = troth_worker_now_us(worker);
    if (worker->config.tick_us <= 0) {
        return;
    }
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        struct troth_partition *partition = worker->partitions[i];
        if (!partition->started || now - partition->heard_us < worker->config.tick_us) {
            continue;
        }
        const struct troth_clock *clock = &worker->config.clock;
        struct troth_event tick = {.kind = TROTH_KIND_TICK,
                                   .at_us = clock->wall_us(clock->context)};
        send_own(worker, partition, &tick, 0);
        partition->heard_us = now;
    }
}

/* The version of a contract that a shard runs; 0: none. */
static int64_t version_run(const struct troth_partition *partition, const char *name)
{
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        const struct troth_rules *rules = troth_shard_rules(partition->shard, slot);
        if (rules != NULL && strcmp(rules->contract->name, name) == 0) {
            return rules->contract->version;
        }
    }
    return 0;
}

/* Appends a POINTER for each version in force that the shard does not run yet: it takes effect
 * where the pointer stands in the log, when it is read back. */
void troth_worker_send_pointers(struct troth_worker *worker, struct troth_partition *partition)
{
    const struct troth_in_force *list = NULL;
    const size_t count = troth_registry_in_force(worker->registry, &list);
    partition->check_pointers = false;
    for (size_t i = 0; i < count; i++) {
        if (list[i].offset < 0 || partition->pointed[i] >= list[i].version ||
            version_run(partition, list[i].name) >= list[i].version) {
            continue;
        }
        char offset[24];
        const int length = snprintf(offset, sizeof offset, "%" PRId64, list[i].offset);
        const char *topic = troth_topic_name(TROTH_TOPIC_CONTRACTS);
        const struct troth_attribute attributes[2] = {
            {{"topic", 5}, {topic, (uint32_t)strlen(topic)}},
            {{"offset", 6}, {offset, (uint32_t)length}},
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
        send_own(worker, partition, &pointer, timestamp_us);
        partition->pointed[i] = list[i].version;
    }
}

/* A POINTER was read back: the version that it names takes effect here. */
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

/* Whether an operator put this version, or a higher one, in force: else a pointer to it is forged.
 * (That it was in force itself cannot be asked: compaction keeps the newest `contract` record
 * alone.) */
static bool may_be_in_force(const struct troth_worker *worker,
                            const struct troth_contract *contract)
{
    const struct troth_in_force *list = NULL;
    const size_t count = troth_registry_in_force(worker->registry, &list);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, contract->name) == 0) {
            return contract->version <= list[i].version;
        }
    }
    return false;
}

void troth_worker_follow_pointer(struct troth_worker *worker, struct troth_partition *partition,
                                 const struct troth_event *event)
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
    const struct troth_rules *rules =
        contracts ? troth_registry_at(worker->registry, offset) : NULL;
    if (rules == NULL || !may_be_in_force(worker, rules->contract)) {
        return; /* forged, or of a version that was deleted: it can do no harm */
    }
    const troth_status status = troth_shard_contract(partition->shard, rules);
    if (status == TROTH_OK) {
        troth_worker_say(worker, TROTH_LEVEL_INFO,
                         "%s@%" PRId64 " is in force on telemetry[%" PRId32 "]",
                         rules->contract->name, rules->contract->version, partition->number);
    } else if (status == TROTH_FULL) {
        troth_worker_say(worker, TROTH_LEVEL_ERROR,
                         "%s@%" PRId64 " does not fit telemetry[%" PRId32
                         "]; the old version stays in force; raise standings_max",
                         rules->contract->name, rules->contract->version, partition->number);
    }
}
