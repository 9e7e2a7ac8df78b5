/*
 * Decisions as JSON Lines, among the events of a replay or for an operator's script:
 *
 *     {"decision":{"id":"00...01","agent":"refund-7","contract":"refunds","action":"narrow",
 *      "by":"ann","reason":"complaints","at":1790000167281133},"recorded_at":1790000167281133}
 *
 * The keys are the decision's fields, and `position`, the offset of its record where it has one;
 * null is as good as absent. `recorded_at` is the log's time of the pointer to it, where it is not
 * `at`. Without an `id` it is the 128-bit XXH3 of the line.
 *
 * Memory: the texts live in the caller's arena until its next use. Threads: any number, each with
 * an arena of its own.
 */
#ifndef TROTH_SCHEMAS_DECISION_JSON_H
#define TROTH_SCHEMAS_DECISION_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/decision.h"
#include "schemas/status.h"

enum { TROTH_DECISION_LINE_LENGTH_MAX = 65536 }; /* bytes of one line */

struct troth_decision_arena {
    uint32_t used;
    char texts[TROTH_DECISION_LINE_LENGTH_MAX];
};

/*
 * In line, length: with or without its end; borrowed for the call. Out decision: points into the
 * arena. Out recorded_at_us: microseconds since 1970 UTC. Out message: what is wrong, as "key: what
 * must be", at most capacity bytes with its end.
 * Returns TROTH_OK; TROTH_NOT_FOUND: no object with the key `decision`, so the line is something
 * else; TROTH_UNDECODABLE, TROTH_INVALID or TROTH_OVER_LIMIT. Outputs are meaningful on OK alone.
 */
TROTH_MUST_CHECK
troth_status troth_decision_json_parse(const char *line, size_t length,
                                       struct troth_decision_arena *arena,
                                       struct troth_decision *decision, int64_t *recorded_at_us,
                                       char *message, size_t capacity);

/*
 * Writes a decision as one line that parses back to an equal one.
 * In decision: that troth_decision_check has nothing against. Out line: without an end of line; the
 * caller's to free, NULL without memory. Returns TROTH_OK, TROTH_INVALID (a text that is not UTF-8)
 * or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_decision_json_write(const struct troth_decision *decision,
                                       int64_t recorded_at_us, char **line);

#endif
