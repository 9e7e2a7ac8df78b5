/*
 * Lines of a recording beside events and decisions, as `troth dump` writes them.
 *
 *     {"log":{"topic":"troth.telemetry","partition":3,"era":1,"offset":0}}
 *         the next line is the record at that offset of that log; is no record itself
 *     {"contract":{...},"recorded_at":1790000167281133}
 *         a pointer that puts that version in force, where it stands
 *
 * Threads: pure. Memory: the caller's.
 */
#ifndef TROTH_OPS_RECORDING_JSON_H
#define TROTH_OPS_RECORDING_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/kafka/client.h"
#include "schemas/contract.h"
#include "schemas/status.h"

struct troth_recorded_log {
    char topic[TROTH_KAFKA_NAME_LENGTH];
    int32_t partition;
    int64_t era;
    int64_t offset; /* of the next record */
};

/* Returns whether a line can be a log's. It must begin as dump writes it, so that all others are
 * told by a look at their first bytes. */
bool troth_recorded_log_is(const char *line, size_t length);

/* Out log: untouched on failure. Returns whether the line is one. */
bool troth_recorded_log_parse(const char *line, size_t length, struct troth_recorded_log *log);

/*
 * Out contract: meaningful on OK alone. Out message: what is wrong, at most capacity bytes.
 * Returns TROTH_OK; TROTH_NOT_FOUND: the line is something else; TROTH_INVALID: no contract, or no
 * time; TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_recorded_contract_parse(const char *line, size_t length,
                                           struct troth_contract *contract, int64_t *recorded_at_us,
                                           char *message, size_t capacity);

#endif
