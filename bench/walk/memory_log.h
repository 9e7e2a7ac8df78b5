/*
 * A log in memory: one partition that is never far away. It gives news first (the assignment, the
 * contract), then what the worker appended to telemetry, then the records that it was handed.
 *
 * Threads: one. Memory: the caller's, zeroed; records are borrowed until they were polled.
 */
#ifndef TROTH_BENCH_WALK_MEMORY_LOG_H
#define TROTH_BENCH_WALK_MEMORY_LOG_H

#include "consumers/clock.h"
#include "consumers/log.h"

enum {
    MEMORY_LOG_NEWS = 4,           /* items that are no events */
    MEMORY_LOG_POINTER_BYTES = 256 /* of the record that the worker appends, at most */
};

struct memory_log {
    struct troth_log calls; /* first: it is found by its address */
    struct troth_log_item news[MEMORY_LOG_NEWS];
    unsigned news_count;
    char pointer[MEMORY_LOG_POINTER_BYTES]; /* what the worker appended to telemetry */
    size_t pointer_length;
    bool started;
    int64_t offset; /* of the next record */
    int64_t now_us; /* the log's time, which is the worker's */
    const struct troth_log_item *items;
    size_t next;
    size_t count;
};

/* In document: the contract in force, with its name and version as "refunds@1"; borrowed. */
void memory_log_open(struct memory_log *log, int64_t now_us, const char *name, const char *version,
                     const char *document);

/* In items: records of telemetry, at offsets from log->offset on, which the caller moves on. */
void memory_log_give(struct memory_log *log, const struct troth_log_item *items, size_t count);

/* Returns the clock that the log's time is. */
struct troth_clock memory_log_clock(struct memory_log *log);

#endif
