/*
 * Bare Avro bytes to an event, by a compiled plan.
 *
 * Whatever the bytes are, the decoder reads only them, allocates nothing, does not recurse and ends
 * after a number of steps that the record's length bounds: an item of a block consumes at least a
 * byte, and blocks of items without bytes are passed over at once.
 *
 * What is refused: UNDECODABLE, bytes that are not a record of the writer's schema (varints past 64
 * bits, lengths or counts past the end, negative lengths, branches and symbols that do not exist,
 * booleans other than 0 and 1, bytes left over); OVER_LIMIT, a limit of schemas/event.h, or skipped
 * data nested deeper than TROTH_PLAN_DEPTH_MAX; INVALID, see consumers/check.h.
 *
 * Memory: texts point into the bytes, verdicts and attributes into the scratch; the caller owns
 * both. Threads: none is shared; a plan may be.
 */
#ifndef TROTH_CONSUMERS_AVRO_DECODE_H
#define TROTH_CONSUMERS_AVRO_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "consumers/avro/plan.h"
#include "schemas/event.h"
#include "schemas/status.h"

/* Where one event's verdicts and attributes are put, and where decoding failed. */
struct troth_scratch {
    struct troth_verdict verdicts[TROTH_VERDICTS_MAX];
    struct troth_attribute attributes[TROTH_ATTRIBUTES_MAX];
    uint32_t failed_field; /* enum troth_field, or TROTH_FIELD_COUNT: none of ours */
};

/*
 * Decodes one record.
 * In plan: compiled. In bytes, length: the record, without any framing; not NULL.
 * Out event: meaningful on TROTH_OK alone; lives as long as bytes and scratch. Its presence bits
 * are as in schemas/event.h; VERDICTS and ATTRIBUTES are present where there is at least one.
 * Out scratch: used by the event; failed_field is written on failure alone.
 * Returns TROTH_OK, TROTH_UNDECODABLE, TROTH_OVER_LIMIT or TROTH_INVALID.
 */
TROTH_MUST_CHECK
troth_status troth_decode(const struct troth_plan *plan, const void *bytes, size_t length,
                          struct troth_event *event, struct troth_scratch *scratch);

#endif
