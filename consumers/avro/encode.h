/*
 * An event to bare Avro of the embedded schema, and the headers of the framings.
 *
 * What is written decodes to an equal event: an event that the decoder would refuse is refused.
 *
 * Memory: writes into the caller's buffer. Threads: pure functions of their arguments.
 */
#ifndef TROTH_CONSUMERS_AVRO_ENCODE_H
#define TROTH_CONSUMERS_AVRO_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/event.h"
#include "schemas/status.h"

enum {
    TROTH_CONFLUENT_HEADER_LENGTH = 5,     /* 0x00, schema id in big-endian order */
    TROTH_SINGLE_OBJECT_HEADER_LENGTH = 10 /* 0xC3 0x01, fingerprint in little-endian order */
};

/*
 * Writes one event.
 * In event: what its presence bits do not name is written as absent, and is zero in the event; id,
 * agent, at, kind, outcome and source are written always, verdicts and attributes by their counts.
 * Out buffer: at most capacity bytes; TROTH_RECORD_LENGTH_MAX are enough for every event that is
 * not over a limit. Out length: bytes written; untouched on failure.
 * Returns TROTH_OK; TROTH_FULL: it does not fit; TROTH_OVER_LIMIT or TROTH_INVALID: the decoder
 * would refuse it (consumers/check.h).
 */
TROTH_MUST_CHECK
troth_status troth_encode(const struct troth_event *event, void *buffer, size_t capacity,
                          size_t *length);

/* Write a framing's header before the record. Out header: that many bytes. */
void troth_encode_confluent_header(uint32_t schema_id,
                                   uint8_t header[TROTH_CONFLUENT_HEADER_LENGTH]);
void troth_encode_single_object_header(uint64_t fingerprint,
                                       uint8_t header[TROTH_SINGLE_OBJECT_HEADER_LENGTH]);

#endif
