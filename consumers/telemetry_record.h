/*
 * A record of telemetry as the event that it is, for whoever reads that topic: what it must be, but
 * for its partition, which the shard asks for (troth_shard_config's `belongs`).
 *
 * Threads: pure. Memory: the event points into the record and the scratch.
 */
#ifndef TROTH_CONSUMERS_TELEMETRY_RECORD_H
#define TROTH_CONSUMERS_TELEMETRY_RECORD_H

#include "consumers/avro/framing.h"
#include "consumers/log.h"

/* Returns whether an event is the engine's own, a tick or a pointer. */
static inline bool troth_telemetry_is_own(const struct troth_event *event)
{
    return event->kind == TROTH_KIND_TICK || event->kind == TROTH_KIND_POINTER;
}

/*
 * In framing: of the agents' records; the engine's own, without key, are bare in any. Out event,
 * scratch: as in troth_decode. Out reason: on failure alone; empty where the status says all.
 * Returns TROTH_OK; TROTH_UNDECODABLE, TROTH_OVER_LIMIT or TROTH_INVALID; TROTH_UNKEYED or
 * TROTH_MISROUTED: its key is not the agent's name.
 */
TROTH_MUST_CHECK
troth_status troth_telemetry_record_read(const struct troth_framing *framing,
                                         const struct troth_log_item *item,
                                         struct troth_event *event, struct troth_scratch *scratch,
                                         struct troth_reason *reason);

#endif
