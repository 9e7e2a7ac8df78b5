#include "bench/walk/memory_log.h"

#include <string.h>

#include "schemas/assert.h"

static struct memory_log *of(struct troth_log *log)
{
    return (struct memory_log *)(void *)log;
}

static troth_status log_poll(struct troth_log *calls, int64_t timeout_us,
                             struct troth_log_item *items, size_t capacity, size_t *count)
{
    struct memory_log *log = of(calls);
    (void)timeout_us;
    size_t given = 0;
    for (; given < log->news_count; given++) {
        items[given] = log->news[given];
    }
    log->news_count = 0;
    if (log->started && log->pointer_length > 0) {
        items[given++] = (struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                                 .topic = TROTH_TOPIC_TELEMETRY,
                                                 .has_value = true,
                                                 .offset = log->offset++,
                                                 .timestamp_us = log->now_us,
                                                 .value = log->pointer,
                                                 .value_length = (uint32_t)log->pointer_length};
        log->pointer_length = 0;
    }
    const size_t left = log->count - log->next;
    const size_t more = left < capacity - given ? left : capacity - given;
    if (more > 0) {
        memcpy(items + given, log->items + log->next, more * sizeof *items);
    }
    log->next += more;
    *count = given + more;
    return TROTH_OK;
}

static troth_status log_extent(struct troth_log *log, int32_t partition,
                               struct troth_log_extent *extent)
{
    (void)log;
    (void)partition;
    *extent = (struct troth_log_extent){.committed = TROTH_OFFSET_NONE};
    return TROTH_OK;
}

static troth_status log_catch_up(struct troth_log *log, enum troth_topic topic, bool *reached)
{
    (void)log;
    (void)topic;
    *reached = true;
    return TROTH_OK;
}

static troth_status log_start(struct troth_log *log, int32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    of(log)->started = true;
    return TROTH_OK;
}

static troth_status log_send(struct troth_log *calls, const struct troth_log_record *record)
{
    struct memory_log *log = of(calls);
    if (record->topic == TROTH_TOPIC_TELEMETRY) {
        TROTH_ASSERT(record->value_length <= sizeof log->pointer);
        memcpy(log->pointer, record->value, record->value_length);
        log->pointer_length = record->value_length;
    }
    return TROTH_OK;
}

static troth_status log_flush(struct troth_log *log, int64_t timeout_us)
{
    (void)log;
    (void)timeout_us;
    return TROTH_OK;
}

static troth_status log_commit(struct troth_log *log, const struct troth_log_offset *offsets,
                               size_t count, int64_t timeout_us)
{
    (void)log;
    (void)offsets;
    (void)count;
    (void)timeout_us;
    return TROTH_OK;
}

static int32_t log_partitions(struct troth_log *log)
{
    (void)log;
    return 1;
}

static const char *log_error(struct troth_log *log)
{
    (void)log;
    return "";
}

static int64_t now_us(void *context)
{
    return ((const struct memory_log *)context)->now_us;
}

static void put_news(struct memory_log *log, struct troth_log_item item)
{
    TROTH_ASSERT(log->news_count < MEMORY_LOG_NEWS);
    log->news[log->news_count++] = item;
}

static void put_contract(struct memory_log *log, int64_t offset, const char *key, const char *value)
{
    put_news(log, (struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                          .topic = TROTH_TOPIC_CONTRACTS,
                                          .has_key = true,
                                          .has_value = true,
                                          .offset = offset,
                                          .timestamp_us = log->now_us - 1000000,
                                          .key = key,
                                          .value = value,
                                          .key_length = (uint32_t)strlen(key),
                                          .value_length = (uint32_t)strlen(value)});
}

void memory_log_open(struct memory_log *log, int64_t from_us, const char *name, const char *version,
                     const char *document)
{
    log->calls = (struct troth_log){.poll = log_poll,
                                    .extent = log_extent,
                                    .catch_up = log_catch_up,
                                    .start = log_start,
                                    .send = log_send,
                                    .flush = log_flush,
                                    .commit = log_commit,
                                    .committed = log_flush,
                                    .partitions = log_partitions,
                                    .error = log_error};
    log->now_us = from_us;
    put_contract(log, 0, version, document);
    put_contract(log, 1, name, strrchr(version, '@') + 1);
    put_news(log, (struct troth_log_item){.kind = TROTH_LOG_END, .topic = TROTH_TOPIC_CONTRACTS});
    put_news(log,
             (struct troth_log_item){.kind = TROTH_LOG_ASSIGNED, .topic = TROTH_TOPIC_TELEMETRY});
}

void memory_log_give(struct memory_log *log, const struct troth_log_item *items, size_t count)
{
    log->items = items;
    log->next = 0;
    log->count = count;
}

struct troth_clock memory_log_clock(struct memory_log *log)
{
    return (struct troth_clock){now_us, now_us, now_us, log};
}
