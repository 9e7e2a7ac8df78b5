#include <string.h>

#include "consumers/avro/encode.h"
#include "consumers/worker/state.h"
#include "schemas/assert.h"

void troth_worker_send_own(struct troth_worker *worker, const struct troth_partition *partition,
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
        troth_worker_send_own(worker, partition, &tick, 0);
        partition->heard_us = now;
    }
}
