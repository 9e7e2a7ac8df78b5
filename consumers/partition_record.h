/*
 * What else stands on the topic of standings, and the keys by which its records are told apart.
 *
 *     agent 0x00 contract   a standing (consumers/standing_record.h); its tombstone ends it
 *     agent 0x00            an agent that has no standing; likewise
 *     0x00 "genesis"        before the first standing: schemas/genesis.avsc
 *     0x00 "claim"          a worker's claim to the partition: schemas/claim.avsc
 *     0x00 "checkpoint"     how far the standings are written down: schemas/checkpoint.avsc
 *     0x00 "week" 0x00 ...  a ledger: consumers/week_record.h
 *
 * Names have a byte at least and no control character, so no key can be two of them, and compaction
 * keeps the last record of each.
 *
 * Memory: the caller's; texts point into the bytes. Threads: pure functions of their arguments.
 */
#ifndef TROTH_CONSUMERS_PARTITION_RECORD_H
#define TROTH_CONSUMERS_PARTITION_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "consumers/partitioner.h"
#include "schemas/contract.h"
#include "schemas/status.h"
#include "scoring/shard.h"

enum {
    TROTH_RULED_AHEAD = 32,     /* decisions that were ruled before an earlier one: forgers' work */
    TROTH_PARTITION_FORMAT = 1, /* of genesis and claim */
    TROTH_CHECKPOINT_FORMAT = 3, /* written; 2, without `weeks`, and 1, which does not say what was
                                  * decided, are read too */
    TROTH_STANDING_KEY_MAX = TROTH_AGENT_LENGTH_MAX + 1 + TROTH_NAME_LENGTH_MAX,
    TROTH_INSTANCE_LENGTH_MAX = 255, /* bytes of an instance's name */
    TROTH_NONCE_LENGTH = 16,
    TROTH_PARTITION_RECORD_MAX = 320, /* bytes of any genesis or claim */
    TROTH_CHECKPOINT_LENGTH_MAX = 512 + TROTH_CONTRACTS_MAX * (TROTH_NAME_LENGTH_MAX + 12)
};

enum troth_record_kind {
    TROTH_RECORD_STANDING,
    TROTH_RECORD_GENESIS,
    TROTH_RECORD_CLAIM,
    TROTH_RECORD_CHECKPOINT,
    TROTH_RECORD_AGENT
};

struct troth_genesis {
    int64_t era;
    int32_t partitions; /* >= 1 */
    enum troth_partitioner partitioner;
};

struct troth_claim {
    struct troth_text instance; /* 1..TROTH_INSTANCE_LENGTH_MAX bytes */
    uint8_t nonce[TROTH_NONCE_LENGTH];
    int64_t era;
    int64_t at_us;
};

struct troth_version {
    struct troth_text contract; /* 1..TROTH_NAME_LENGTH_MAX bytes */
    int64_t version;
};

struct troth_checkpoint {
    int64_t era;
    int64_t offset;   /* of the first record that is needed beside the standings; >= 0 */
    int64_t told;     /* before it everything has been told; >= offset */
    int64_t clock_us; /* of the shard before the record at offset; >= 0 */
    unsigned ruled_count;
    int64_t ruled[TROTH_RULED_AHEAD]; /* and these past it; ascending or not */
    int64_t decided; /* all decisions up to this offset were ruled before `told`, or are of others;
                        -1 */
    int64_t weeks;   /* ledgers have counted the records before this offset; at most told */
    unsigned version_count;
    struct troth_version versions[TROTH_CONTRACTS_MAX]; /* in force there */
};

/* Writes a standing's key. In agent, contract: names within their limits. Out key. Returns its
 * length. */
size_t troth_standing_key(struct troth_text agent, struct troth_text contract,
                          char key[TROTH_STANDING_KEY_MAX]);

/* The same of an agent alone. */
size_t troth_agent_key(struct troth_text agent, char key[TROTH_STANDING_KEY_MAX]);

/* Returns the key of a genesis, a claim or a checkpoint. Out length: of it. */
const char *troth_partition_key(enum troth_record_kind kind, size_t *length);

/*
 * Reads a key.
 * Out kind. Out agent, contract: of a standing; of an agent alone, its name; else untouched.
 * Returns TROTH_OK; TROTH_INVALID: not a key of ours; TROTH_UNSUPPORTED: of a kind of record that
 * this version does not know.
 */
TROTH_MUST_CHECK
troth_status troth_record_key_read(const void *key, size_t length, enum troth_record_kind *kind,
                                   struct troth_text *agent, struct troth_text *contract);

/* Write a record. Out buffer. Returns its length. */
size_t troth_genesis_encode(const struct troth_genesis *genesis,
                            uint8_t buffer[TROTH_PARTITION_RECORD_MAX]);
size_t troth_claim_encode(const struct troth_claim *claim,
                          uint8_t buffer[TROTH_PARTITION_RECORD_MAX]);
size_t troth_checkpoint_encode(const struct troth_checkpoint *checkpoint,
                               uint8_t buffer[TROTH_CHECKPOINT_LENGTH_MAX]);

/*
 * Read a record. In bytes: any; a claim's instance and a checkpoint's names point into them. Out:
 * untouched on failure. Returns TROTH_OK; TROTH_UNSUPPORTED: of a format, or with a partitioner,
 * that this version does not know; TROTH_UNDECODABLE, TROTH_OVER_LIMIT or TROTH_INVALID: not such a
 * record.
 */
TROTH_MUST_CHECK
troth_status troth_genesis_decode(const void *bytes, size_t length, struct troth_genesis *genesis);
TROTH_MUST_CHECK
troth_status troth_claim_decode(const void *bytes, size_t length, struct troth_claim *claim);
TROTH_MUST_CHECK
troth_status troth_checkpoint_decode(const void *bytes, size_t length,
                                     struct troth_checkpoint *checkpoint);

#endif
