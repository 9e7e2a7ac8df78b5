/*
 * The registry: every contract version of the contracts topic, by the offset of its record, and
 * which version of each contract is in force.
 *
 * The topic has two kinds of records: `contract@version` with the contract's canonical JSON, and
 * `contract` with the number of the version in force. What cannot be used is refused with its
 * reason, and what was in force stays so.
 *
 * A pointer in telemetry puts a version in force where it stands. Whoever may write telemetry may
 * forge one, and every owner of the partition, then and in a replay years later, must judge it
 * alike. So it is judged by what stands in the two logs and by their times alone, never by what is
 * in force at present. It is good if, and only if, the log had taken before the pointer's own time
 *
 * - the version's record, and
 * - a `contract` record that put that version, or a higher one, in force.
 *
 * (Before, not at: of two records of one millisecond nobody can tell which was there first.) So a
 * forged pointer can only repeat, or come a little before the engine's own: it never puts a version
 * in force before an operator has, and one to an offset that is yet to come stays worthless when
 * that has come. Compaction keeps the newest `contract` record of a contract alone; what the first
 * one that is left cannot tell, it may have taken away. Where offsets are missing between the
 * version's record and it (and after the `contract` record before), the pointer is believed: a
 * version that the agents ran under must not vanish from a replay. `troth topics create` sets
 * min.compaction.lag.ms so that nothing is ever missing; then run and replay judge every pointer
 * alike, forged ones too. With a shorter lag that still outlives telemetry's retention they do, but
 * for a forged pointer to a version that was pushed past `troth contract push`, and never put in
 * force.
 *
 * Threads: one worker's. Memory: versions are kept until the registry is destroyed, since shards
 * point at their rules; bounded by TROTH_VERSIONS_MAX.
 */
#ifndef TROTH_CONSUMERS_REGISTRY_H
#define TROTH_CONSUMERS_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "consumers/control_record.h"
#include "consumers/signed.h"
#include "schemas/status.h"
#include "scoring/rules.h"
#include "scoring/shard.h"

enum { TROTH_VERSIONS_MAX = 4096, TROTH_REASON_LENGTH = 512 };

struct troth_registry;

/* A contract that has a version in force. */
struct troth_in_force {
    char name[TROTH_NAME_LENGTH_MAX + 1];
    int64_t version;
    int64_t offset;     /* of the record `contract@version` */
    int64_t put_offset; /* of the last record `contract` */
};

/* Returns a registry, or NULL without memory. */
struct troth_registry *troth_registry_create(void);
void troth_registry_destroy(struct troth_registry *registry);

/* Asks for signatures from now on (schemas/signatures.md); where they are, versions must come in
 * the order of their numbers, and one that loosens a contract of high consequence takes two
 * authors. In signing: borrowed as long as the registry. */
void troth_registry_ask(struct troth_registry *registry, const struct troth_signing *signing);

/*
 * Takes a record of the contracts topic.
 * Out reason: why it was refused, for people.
 * Returns TROTH_OK, TROTH_INVALID (a record that cannot be used), TROTH_REFUSED (it is not signed
 * as is asked: see troth_registry_distrust), TROTH_FULL (too many versions or contracts) or
 * TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_registry_take(struct troth_registry *registry,
                                 const struct troth_control_record *record,
                                 char reason[TROTH_REASON_LENGTH]);

/* Returns why the record that was taken last is not believed; TROTH_DISTRUST_COUNT: it is, or no
 * signature was asked for. */
enum troth_distrust troth_registry_distrust(const struct troth_registry *registry);

/* Returns the rules of the version whose record has that offset, or NULL. */
const struct troth_rules *troth_registry_at(const struct troth_registry *registry, int64_t offset);

/* Returns the rules of a version of a contract, in force or not; NULL: there is none. */
const struct troth_rules *troth_registry_find(const struct troth_registry *registry,
                                              struct troth_text contract, int64_t version);

/*
 * Judges a pointer, by what has been taken so far. What makes it good stays; what makes it bad may
 * be a record that is still to be taken.
 * In offset: that it names. In time_us: its own, by the log; INT64_MAX where that cannot be
 * compared with the records' times. Returns the rules that it puts in force, or NULL.
 */
const struct troth_rules *troth_registry_pointed(const struct troth_registry *registry,
                                                 int64_t offset, int64_t time_us);

/* Out list: the contracts in force; lives until the next take. Returns how many, at most
 * TROTH_CONTRACTS_MAX. */
size_t troth_registry_in_force(const struct troth_registry *registry,
                               const struct troth_in_force **list);

#endif
