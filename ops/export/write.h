/*
 * An export, written: the lines of what was collected, chained and signed.
 *
 * Threads: one. Memory: the chain's.
 */
#ifndef TROTH_OPS_EXPORT_WRITE_H
#define TROTH_OPS_EXPORT_WRITE_H

#include "consumers/avro/framing.h"
#include "ops/export/collect.h"
#include "schemas/export_chain.h"

/*
 * In framing: how telemetry is read. In made_at_us: by the exporter's clock.
 * Out chain: initialized before, its caller's to finish. Returns TROTH_OK; TROTH_FULL: longer than
 * an export may be; TROTH_NOT_FOUND: a version of a contract is not to be had; or TROTH_NO_MEMORY;
 * with the collection's error.
 */
TROTH_MUST_CHECK
troth_status troth_export_write(struct troth_export_collection *collection,
                                const struct troth_framing *framing, int64_t made_at_us,
                                const struct troth_secret_key *secret, struct troth_chain *chain);

#endif
