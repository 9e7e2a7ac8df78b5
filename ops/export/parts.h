/*
 * What stands in the lines of an export, made of the records themselves: written by `troth export`,
 * and made again and compared by `troth verify`.
 *
 * Threads: one at a time. Memory: returned objects are the caller's to json_decref; NULL: no
 * memory, or it cannot be made.
 */
#ifndef TROTH_OPS_EXPORT_PARTS_H
#define TROTH_OPS_EXPORT_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/report.h"
#include "schemas/decision.h"
#include "schemas/event.h"
#include "scoring/rules.h"
#include "scoring/snapshot.h"

enum { TROTH_EXPORT_VALUE_MAX = 1 << 20 }; /* bytes of a record's value that are read */

/* A record's bytes as base64, and back into the caller's memory; false where the text is no base64
 * or too long. */
json_t *troth_export_base64(const void *bytes, size_t length);
bool troth_export_bytes(const char *text, uint8_t *bytes, size_t capacity, size_t *length);

/* Out hash: the BLAKE2b-256 of bytes, hexadecimal, terminated. */
void troth_export_hash(const void *bytes, size_t length, char hash[65]);

/* A decision and an event as people read them. */
json_t *troth_export_decision_json(const struct troth_decision *decision);
json_t *troth_export_event_json(const struct troth_event *event);

/* A standing as people read it, at the clock of its record. In bytes: the record. In rules: of the
 * version that it is under. Out snapshot: points into bytes. */
json_t *troth_export_standing_json(const void *bytes, size_t length,
                                   const struct troth_rules *rules,
                                   struct troth_snapshot *snapshot);

/*
 * Reads an intervention back from its JSON. In rules: of the version that it names.
 * Out told: but for its ordinal; points into record, decision and rules. Out decision: what it came
 * of, where told points there. Returns false where the JSON is not of an intervention under it.
 */
bool troth_export_read_told(const json_t *record, const struct troth_rules *rules,
                            struct troth_intervention *told, struct troth_decision *decision);

#endif
