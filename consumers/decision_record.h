/*
 * Decisions as records of `troth.decisions`: bare Avro of schemas/decision.avsc.
 *
 * Memory: a decision's texts point into the bytes that it was read from. Threads: pure.
 */
#ifndef TROTH_CONSUMERS_DECISION_RECORD_H
#define TROTH_CONSUMERS_DECISION_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/decision.h"
#include "schemas/status.h"

enum { TROTH_DECISION_RECORD_MAX = 8192 }; /* bytes of any that is within the limits */

/* Out buffer, length: the record. In decision: within the limits (troth_decision_check). */
size_t troth_decision_encode(const struct troth_decision *decision,
                             uint8_t buffer[TROTH_DECISION_RECORD_MAX]);

/*
 * In bytes: anything at all. Out decision: meaningful on OK alone.
 * Returns TROTH_OK; TROTH_UNDECODABLE, TROTH_INVALID or TROTH_OVER_LIMIT: it is no such record, or
 * one that troth_decision_check refuses, or a text in it is not UTF-8.
 */
TROTH_MUST_CHECK
troth_status troth_decision_decode(const void *bytes, size_t length,
                                   struct troth_decision *decision);

#endif
