/*
 * A standing's record on the topic of standings, schemas/standing.avsc, and that of an agent that
 * has none, schemas/agent.avsc, written and read by hand.
 *
 * A snapshot and its record say the same: what is written decodes to an equal snapshot, so long as
 * it is pruned (troth_shard_export gives no other). Reading checks that the bytes are a record of a
 * format that is known; whether its values can be a standing's is troth_shard_import's to check.
 *
 * Memory: the caller's; nothing is allocated. Threads: pure functions of their arguments.
 */
#ifndef TROTH_CONSUMERS_STANDING_RECORD_H
#define TROTH_CONSUMERS_STANDING_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/status.h"
#include "scoring/snapshot.h"

enum {
    TROTH_STANDING_FORMAT = 4, /* written; 3, without reviews and the agent's version, 2, without a
                                * docket, and 1, which does not say who is idle, are read, too */
    TROTH_AGENT_FORMAT = 1,
    /* Bytes of any record: the header, 16 terms with 64 panes of at most 11 bytes each (of a
     * budget: 11 too), 4 sessions and a docket take less than 16,000. */
    TROTH_STANDING_LENGTH_MAX = 16384,
    TROTH_AGENT_RECORD_MAX = 512 /* of an agent's: the name, and 4 sessions of at most 48 bytes */
};

/*
 * Writes a record of the present format.
 * In snapshot: as exported. Out buffer: at most capacity bytes; TROTH_STANDING_LENGTH_MAX are
 * enough for every snapshot. Out length: bytes written; untouched on failure. Returns TROTH_OK or
 * TROTH_FULL: it does not fit.
 */
TROTH_MUST_CHECK
troth_status troth_standing_encode(const struct troth_snapshot *snapshot, void *buffer,
                                   size_t capacity, size_t *length);

/*
 * Reads a record.
 * In bytes: any; kept as long as the snapshot's texts are used.
 * Out snapshot: meaningful on TROTH_OK alone.
 * Returns TROTH_OK; TROTH_UNSUPPORTED: of a format that this version does not know;
 * TROTH_UNDECODABLE: not a record, or cut short, or with something after its end; TROTH_OVER_LIMIT:
 * more or longer than a standing can have; TROTH_INVALID: a number that its field cannot hold.
 */
TROTH_MUST_CHECK
troth_status troth_standing_decode(const void *bytes, size_t length,
                                   struct troth_snapshot *snapshot);

/* The same of an agent. Out buffer. Returns the record's length. */
size_t troth_agent_encode(const struct troth_agent_snapshot *snapshot,
                          uint8_t buffer[TROTH_AGENT_RECORD_MAX]);
TROTH_MUST_CHECK
troth_status troth_agent_decode(const void *bytes, size_t length,
                                struct troth_agent_snapshot *snapshot);

#endif
