/*
 * Pointers: what an operator wrote into a control topic takes effect on a partition where the
 * owner's pointer to it stands in telemetry, when that is read back. So telemetry is the only order
 * there is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/pointer_record.h"
#include "consumers/worker/state.h"

/* How long a pointer that came too early waits to be sent again: clocks of brokers that differ must
 * not make a flood of it. */
#define POINT_AGAIN_US INT64_C(1000000)

/* ---- Sending. ---- */

void troth_worker_point(struct troth_worker *worker, struct troth_partition *partition,
                        unsigned topic, int64_t offset)
{
    char number[24];
    const int length = snprintf(number, sizeof number, "%" PRId64, offset);
    const char *name = troth_topic_name((enum troth_topic)topic);
    const struct troth_attribute attributes[2] = {
        {{"topic", 5}, {name, (uint32_t)strlen(name)}},
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

void troth_worker_point_again(const struct troth_worker *worker, struct troth_partition *partition)
{
    partition->check_pointers = true;
    partition->point_after_us = troth_worker_now_us(worker) + POINT_AGAIN_US;
}

void troth_worker_send_pointers(struct troth_worker *worker, struct troth_partition *partition)
{
    if (troth_worker_now_us(worker) < partition->point_after_us) {
        return;
    }
    partition->check_pointers = false;
    troth_worker_point_to_contracts(worker, partition);
    if (worker->book != NULL) {
        troth_worker_point_to_decisions(worker, partition);
    }
}

/* ---- Following. ---- */

static struct troth_pointer name_of(const struct troth_worker *worker,
                                    const struct troth_event *event)
{
    struct troth_pointer named = troth_pointer_of(event);
    if (named.topic == TROTH_TOPIC_DECISIONS && worker->book == NULL) {
        named.topic = TROTH_TOPIC_COUNT;
    }
    return named;
}

/* A pointer's time, to be held against those of the records that it names. With `clock:
 * create_time` telemetry bears its emitters' time, which says nothing about when a record was
 * appended: so there all that has been read counts as earlier, and a run may differ from its replay
 * where pointers are forged. */
static int64_t time_of(const struct troth_worker *worker, const struct troth_log_item *item)
{
    return worker->config.create_time ? INT64_MAX : item->timestamp_us;
}

bool troth_worker_may_judge(struct troth_worker *worker, const struct troth_partition *partition,
                            const struct troth_log_item *item, const struct troth_event *event)
{
    const struct troth_pointer named = name_of(worker, event);
    if (named.topic == TROTH_TOPIC_COUNT || item->offset < partition->settled_until) {
        return true;
    }
    const int64_t time_us = time_of(worker, item);
    const bool good = named.topic == TROTH_TOPIC_CONTRACTS
                          ? troth_worker_is_contract(worker, named.offset, time_us)
                          : troth_worker_is_decision(worker, named.offset, time_us);
    return good || troth_worker_reads_enough(worker, named.topic);
}

bool troth_worker_follow_pointer(struct troth_worker *worker, struct troth_partition *partition,
                                 const struct troth_log_item *item, const struct troth_event *event)
{
    const struct troth_pointer named = name_of(worker, event);
    const int64_t time_us = time_of(worker, item);
    if (named.topic == TROTH_TOPIC_CONTRACTS) {
        return troth_worker_follow_contract(worker, partition, named.offset, time_us);
    }
    if (named.topic == TROTH_TOPIC_DECISIONS) {
        troth_worker_follow_decision(worker, partition, item, named.offset, time_us);
    }
    return false;
}
