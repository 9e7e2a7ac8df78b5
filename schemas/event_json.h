/*
 * Events as JSON Lines: one event an object, one object a line.
 *
 *     {"agent":"refund-7","at":1790000167281133,"kind":"task","outcome":"ok","latency_us":1393577}
 *
 * The keys are the event's fields; enumerations are in lower case; null is as good as absent, and
 * absent is none for `outcome` and self for `source`. `recorded_at` is the log's time where it is
 * not `at`. An `id` is 32 hexadecimal digits; a line without one gets the 128-bit XXH3 of its
 * bytes, so the same line is the same event wherever it is read. A line obeys the limits of an
 * encoded event, and an unknown key is an error: a misspelt field must not pass for an absent one.
 *
 * Memory: an event's texts, verdicts and attributes live in the caller's arena until its next use;
 * jansson allocates while a line is read or written, and what it takes is bounded by the line.
 * Threads: any number, each with an arena of its own.
 */
#ifndef TROTH_SCHEMAS_EVENT_JSON_H
#define TROTH_SCHEMAS_EVENT_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/event.h"
#include "schemas/status.h"

enum {
    /* Bytes of one line. A byte of text takes at most six (\u0001), so every event that is within
     * TROTH_RECORD_LENGTH_MAX has a line within this, keys and punctuation included. */
    TROTH_EVENT_LINE_LENGTH_MAX = 8 * TROTH_RECORD_LENGTH_MAX,
    TROTH_EVENT_MESSAGE_LENGTH = 256 /* bytes that hold any message, its end included */
};

/* 2200-01-01: the first time that an event cannot bear. */
#define TROTH_EVENT_TIME_END_US INT64_C(7258118400000000)

/* As recorded_at_us: the line says nothing of it. */
#define TROTH_EVENT_UNRECORDED INT64_MIN

/* What the event of one line points into. It needs no initialization. */
struct troth_event_arena {
    uint32_t used; /* bytes of texts */
    char texts[TROTH_RECORD_LENGTH_MAX];
    struct troth_verdict verdicts[TROTH_VERDICTS_MAX];
    struct troth_attribute attributes[TROTH_ATTRIBUTES_MAX];
};

/*
 * Parses one line.
 * In line, length: with or without the end of the line (\n or \r\n); borrowed for the call.
 * In out arena: overwritten. Out event: points into the arena. Out recorded_at_us: microseconds
 * since 1970 UTC, the event's own time where the line does not say. Out message: what is wrong, as
 * "key: what it is; what would be right", at most capacity bytes with its end, untouched on OK.
 * Returns TROTH_OK; TROTH_UNDECODABLE (no JSON object, an unknown, doubled or missing key, a value
 * of the wrong type or of no enumeration); TROTH_INVALID (a value outside its range); or
 * TROTH_OVER_LIMIT. On failure event and recorded_at_us are untouched.
 */
TROTH_MUST_CHECK
troth_status troth_event_json_parse(const char *line, size_t length,
                                    struct troth_event_arena *arena, struct troth_event *event,
                                    int64_t *recorded_at_us, char *message, size_t capacity);

/*
 * Writes one event as one line that parses back to an equal event: compact, in the fields' order,
 * what is absent left out.
 * In event: as a decoder accepted it. In recorded_at_us: or TROTH_EVENT_UNRECORDED. Out buffer,
 * capacity: at most capacity bytes, without an end of line, meaningful on OK alone
 * (TROTH_EVENT_LINE_LENGTH_MAX always does). Out length: bytes written.
 * Returns TROTH_OK; TROTH_FULL when it does not fit; TROTH_INVALID where JSON cannot hold the
 * event: a text that is not UTF-8, a value that is not finite, two attributes of one name or one
 * with a zero byte in it; or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_event_json_write(const struct troth_event *event, int64_t recorded_at_us,
                                    char *buffer, size_t capacity, size_t *length);

#endif
