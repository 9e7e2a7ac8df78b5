/*
 * What became of the records, in words: the account that an engine gives at its end, and the alarms
 * while it runs. An alarm says what happens, what still works and what to do.
 *
 * Threads: none is shared. Memory: the caller's.
 */
#ifndef TROTH_OPS_ACCOUNT_H
#define TROTH_OPS_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

#include "consumers/worker.h"

enum { TROTH_ACCOUNT_LENGTH = 1024 };

/* What an alarm names, so that it says what to change, and where. */
struct troth_account_limits {
    const char *prefix;
    int64_t agents_max;
    int64_t standings_max;
};

/* Out text: where every record went that was read since the engine, or a worker that was made anew,
 * started. One line. */
void troth_account_write(const struct troth_worker_counts *counts, char text[TROTH_ACCOUNT_LENGTH]);

/* Says what was rejected between two counts, and which bounds were met. In say: told one line each,
 * borrowed; context is its own. */
void troth_account_alarm(const struct troth_account_limits *limits,
                         const struct troth_worker_counts *before,
                         const struct troth_worker_counts *now,
                         void (*say)(void *context, const char *text), void *context);

#endif
