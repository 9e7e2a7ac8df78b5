/*
 * What a POINTER in telemetry names: a record of a control topic, by its offset. Whoever may write
 * telemetry may forge one; what a pointer is worth, the registry and the book say.
 *
 * Threads: pure.
 */
#ifndef TROTH_CONSUMERS_POINTER_RECORD_H
#define TROTH_CONSUMERS_POINTER_RECORD_H

#include "consumers/log.h"
#include "schemas/event.h"

struct troth_pointer {
    unsigned topic; /* TROTH_TOPIC_CONTRACTS or _DECISIONS; TROTH_TOPIC_COUNT: none of them, or no
                       offset */
    int64_t offset; /* -1: none */
};

/* Returns what an event of kind POINTER names. */
struct troth_pointer troth_pointer_of(const struct troth_event *event);

#endif
