/*
 * Which schema a record was written with: the framings of a record, and the table of writers.
 *
 *   bare           the record of the embedded schema, whole
 *   confluent      0x00, schema id (4 bytes, big-endian), the record of that writer's schema
 *   single_object  0xC3 0x01, CRC-64-AVRO fingerprint (8 bytes, little-endian), the record
 *   any            any of the three
 *
 * A bare record begins with its random id, which may begin like a header. So the configuration says
 * what is accepted, and with one of the first three nothing else is looked at. `any` follows one
 * strict rule: the framed reading is taken where the header's schema is known and the rest decodes
 * to its last byte; everything else is read as bare. A bare record is so taken for another only if
 * its random id begins with a known header (2^-40 for each id, 2^-80 for each fingerprint) and the
 * rest makes a whole event as well. Where neither reading succeeds, the framed one's reason is
 * told.
 *
 * Memory: the caller owns the table, some 400 KB, which owns nothing; decoding allocates nothing.
 * Threads: a table that is filled is read alone, by any thread.
 */
#ifndef TROTH_CONSUMERS_AVRO_FRAMING_H
#define TROTH_CONSUMERS_AVRO_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/avro/decode.h"
#include "consumers/avro/plan.h"
#include "schemas/event.h"
#include "schemas/status.h"

enum {
    TROTH_WRITERS_MAX = 64,       /* writers' schemas in one table */
    TROTH_REASON_LENGTH_MAX = 192 /* bytes of a reason, its end included */
};

/* X(NAME, "name in the configuration") */
#define TROTH_FRAMINGS(X)                                                                          \
    X(BARE, "bare")                                                                                \
    X(CONFLUENT, "confluent")                                                                      \
    X(SINGLE_OBJECT, "single_object")                                                              \
    X(ANY, "any")

#define TROTH_ENUMERATE_FRAMING(NAME, text) TROTH_FRAMING_##NAME,
enum troth_framing_kind { TROTH_FRAMINGS(TROTH_ENUMERATE_FRAMING) TROTH_FRAMING_COUNT };
#undef TROTH_ENUMERATE_FRAMING

struct troth_framing {
    uint8_t accepted; /* enum troth_framing_kind */
    uint16_t writer_count;
    /* By writer; the embedded schema is none of them. */
    bool has_ids[TROTH_WRITERS_MAX];
    uint32_t ids[TROTH_WRITERS_MAX];
    struct troth_plan embedded;
    struct troth_plan writers[TROTH_WRITERS_MAX];
};

/* Why a record was refused, for the header of its reject; terminated. */
struct troth_reason {
    char text[TROTH_REASON_LENGTH_MAX];
};

/*
 * Makes a table that knows the embedded schema, bare and by its fingerprint.
 * Returns TROTH_OK or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_framing_init(struct troth_framing *framing, enum troth_framing_kind accepted);

/*
 * Adds a writer's schema, known by its fingerprint from now on.
 * In schema_id: what the Confluent wire format calls it, or NULL. In writer, length: JSON; NULL for
 * the embedded schema, which then goes by that id too.
 * Out problem: why it was refused.
 * Returns TROTH_OK; TROTH_INVALID: no schema that resolves to ours, or the id is mapped already;
 * TROTH_OVER_LIMIT: a limit of the schema, or TROTH_WRITERS_MAX; TROTH_NO_MEMORY. The table is as
 * before on failure.
 */
TROTH_MUST_CHECK
troth_status troth_framing_add(struct troth_framing *framing, const uint32_t *schema_id,
                               const char *writer, size_t length,
                               struct troth_plan_problem *problem);

/*
 * Decodes a record by its framing.
 * In bytes, length: the record's value; not NULL where length > 0.
 * Out event, scratch: as in troth_decode. Out reason: on failure alone.
 * Returns as troth_decode; an unknown schema id or fingerprint is TROTH_UNDECODABLE.
 */
TROTH_MUST_CHECK
troth_status troth_framing_decode(const struct troth_framing *framing, const void *bytes,
                                  size_t length, struct troth_event *event,
                                  struct troth_scratch *scratch, struct troth_reason *reason);

/* Returns the framing of that name, or -1; the name of one, or NULL. */
int troth_framing_find(const char *name, size_t length);
const char *troth_framing_name(unsigned framing);

#endif
