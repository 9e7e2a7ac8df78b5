/*
 * Interventions and standings as JSON: what goes to the interventions topic, to Redis's stream, and
 * what `troth replay --json` prints. The same standing gives the same bytes, on every run.
 *
 * Memory: a returned object is the caller's to json_decref. NULL: no memory.
 */
#ifndef TROTH_CONSUMERS_REPORT_H
#define TROTH_CONSUMERS_REPORT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "scoring/shard.h"

enum { TROTH_ID_LENGTH = 32 }; /* hexadecimal digits of an intervention's id */

/* How numbers are written: 12 digits give back any confidence and freshness exactly. */
#define TROTH_REPORT_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(12))

/* Where the log's records stand; the offset comes with each intervention. */
struct troth_report_origin {
    const char *topic;
    int32_t partition;
    int64_t era;
};

/* Out id: TROTH_ID_LENGTH hexadecimal digits and a terminator: BLAKE2b of era, partition, offset,
 * agent, contract and ordinal, so that any replay of the log gives the same. */
void troth_report_id(const struct troth_report_origin *origin,
                     const struct troth_intervention *intervention, char id[TROTH_ID_LENGTH + 1]);

/* Returns a cause, of the contract that it was seen under, as an object. */
json_t *troth_report_cause(const struct troth_contract *contract, const struct troth_cause *cause);

/* Returns the intervention of DESIGN section 6 as an object. */
json_t *troth_report_intervention(const struct troth_report_origin *origin,
                                  const struct troth_intervention *intervention);

/* Returns the record of what became of a decision (schemas/decisions.md) as an object. In
 * pointer_offset, decided_at_us: of the pointer to it, and the shard's clock there. */
json_t *troth_report_ruling(const struct troth_report_origin *origin,
                            const struct troth_decision *decision, const struct troth_ruled *ruled,
                            int64_t pointer_offset, int64_t decided_at_us);

/* Returns a standing with the fields of DESIGN sections 5 and 6 as an object, at the shard's clock.
 */
json_t *troth_report_standing(struct troth_standing_view *view);

#endif
