/*
 * What an event's values must be, whatever format it came in: the rules that no type expresses.
 *
 * The agent's name is 1 to 128 bytes without control characters (empty for TICK and POINTER alone);
 * every text is UTF-8 and at most 1024 bytes; latency, cost and tokens are not negative; `at` is
 * from 1970 to the end of 2199; enumerations are in range; a verdict's value is finite.
 *
 * Threads, memory: pure functions of their arguments.
 */
#ifndef TROTH_CONSUMERS_CHECK_H
#define TROTH_CONSUMERS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/event.h"
#include "schemas/status.h"

#define TROTH_AT_END_US INT64_C(7258118400000000) /* 2200-01-01T00:00:00Z; `at` is before it */

/*
 * Checks everything.
 * Out field: enum troth_field that is at fault; untouched on TROTH_OK.
 * Returns TROTH_OK, TROTH_OVER_LIMIT or TROTH_INVALID.
 */
TROTH_MUST_CHECK
troth_status troth_event_check(const struct troth_event *event, uint32_t *field);

/* The two halves of it, for a decoder that has checked lengths and knows whether any byte of a text
 * is past ASCII: where none is, the second has nothing to find. */
TROTH_MUST_CHECK
troth_status troth_event_check_values(const struct troth_event *event, uint32_t *field);
TROTH_MUST_CHECK
troth_status troth_event_check_texts(const struct troth_event *event, uint32_t *field);

/* Returns whether the bytes are well-formed UTF-8 (Unicode 15, table 3-7). */
bool troth_utf8_check(const char *data, size_t length);

#endif
