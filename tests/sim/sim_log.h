/*
 * The simulated cluster's logs, by Kafka's rules: topics, partitions, and transactions.
 *
 * - A record stands at an offset, with the broker's time of its append in whole milliseconds. A
 *   reader sees it once the high watermark has passed it, which may be later.
 * - A transactional id has an epoch. Opening it raises the epoch and aborts what is open; whoever
 *   still writes under an older epoch is FENCED. So does a transaction that is open too long.
 * - Records of a transaction stand in the log at once, and a marker, which takes an offset, decides
 *   them. Readers of committed records go no further than the first record that is not decided
 *   (the last stable offset), and never see those that were aborted.
 * - The group's offsets are part of the transaction that they were added to; while that is not
 *   decided nobody can read them (KIP-447, "unstable").
 * - A commit may arrive later than it was given up by who sent it.
 * - Compaction keeps the last record of each key, below the last stable offset; retention raises
 *   the first offset. What is gone is kept aside for the checks.
 *
 * Threads: one. Memory: grows with what is appended; the caller's sim_log_fini gives it back.
 */
#ifndef TROTH_TESTS_SIM_LOG_H
#define TROTH_TESTS_SIM_LOG_H

#include "tests/support/test.h"

#include <stdbool.h>

#include "consumers/log.h"
#include "tests/sim/sim_bugs.h"
#include "tests/sim/sim_clock.h"

enum {
    SIM_PARTITIONS_MAX = 4,
    SIM_IDS_MAX = 8,      /* transactional ids */
    SIM_BATCH_MAX = 65536 /* records of one transaction */
};

enum sim_fate { SIM_OPEN, SIM_COMMITTED, SIM_ABORTED, SIM_MARKER };

struct sim_record {
    int64_t timestamp_us;
    char *key;   /* NULL: none */
    char *value; /* NULL: a tombstone */
    uint32_t key_length;
    uint32_t value_length;
    uint8_t fate; /* enum sim_fate */
    bool gone;    /* compacted away */
    uint8_t header_count;
    char *header_names[TROTH_HEADERS_MAX];
    char *header_values[TROTH_HEADERS_MAX]; /* terminated */
};

struct sim_partition {
    struct sim_record *records; /* by offset */
    int64_t count;
    int64_t capacity;
    int64_t low;
    int64_t high; /* the high watermark */
};

struct sim_place {
    uint8_t topic;
    int32_t partition;
    int64_t offset;
};

/* A transactional id. */
struct sim_id {
    int32_t epoch;
    bool ongoing;
    int64_t began_us;
    int64_t arrives_us; /* when a commit that was given up arrives; 0: none is under way */
    struct sim_place *places;
    size_t place_count;
    size_t place_capacity;
    struct troth_log_offset offsets[SIM_PARTITIONS_MAX];
    size_t offset_count;
};

struct sim_log_counts {
    uint64_t committed; /* transactions */
    uint64_t aborted;
    uint64_t timed_out; /* of them, for their age */
    uint64_t fenced;    /* calls under an old epoch */
    uint64_t late;      /* commits that arrived after they had been given up */
};

struct sim_log {
    struct sim_clock *clock;
    uint64_t *random;
    enum sim_bug bug;
    bool frozen; /* records of telemetry are acknowledged and dropped, so that the end is the end */
    bool prompt; /* the high watermark follows at once */
    int32_t partition_count;               /* of telemetry and what goes with it */
    int64_t transaction_max_us;            /* transaction.timeout.ms */
    int64_t committed[SIM_PARTITIONS_MAX]; /* the group's offsets */
    struct sim_partition topics[TROTH_TOPIC_COUNT][SIM_PARTITIONS_MAX];
    struct sim_id ids[SIM_IDS_MAX];
    struct sim_log_counts counts;
    void (*on_committed)(void *context, const struct sim_record *record, enum troth_topic topic);
    void *context;
};

/* Returns a copy of bytes, terminated; the caller's to free. */
char *sim_copy_of(const void *data, size_t length);

void sim_log_init(struct sim_log *log, struct sim_clock *clock, uint64_t *random,
                  int32_t partition_count);
void sim_log_fini(struct sim_log *log);

/* Returns how many partitions a topic has. */
int32_t sim_log_width(const struct sim_log *log, enum troth_topic topic);

/* Appends a record that is in no transaction. Copied. Returns its offset. */
int64_t sim_log_append(struct sim_log *log, enum troth_topic topic, int32_t partition,
                       const struct troth_log_record *record);

/* A producer opens an id. Returns its epoch. */
int32_t sim_log_open_id(struct sim_log *log, unsigned id);

/* Appends a record to the id's transaction, which it begins. Returns TROTH_OK or TROTH_FENCED. */
troth_status sim_log_produce(struct sim_log *log, unsigned id, int32_t epoch,
                             enum troth_topic topic, int32_t partition,
                             const struct troth_log_record *record);

/* Adds the group's offsets to the transaction. The group has been asked before. */
troth_status sim_log_add_offsets(struct sim_log *log, unsigned id, int32_t epoch,
                                 const struct troth_log_offset *offsets, size_t count);

/* Ends the transaction. Returns TROTH_OK or TROTH_FENCED. */
troth_status sim_log_end(struct sim_log *log, unsigned id, int32_t epoch, bool commit);

/* A commit was sent and given up; it arrives after_us from now, if nothing else happens. */
void sim_log_end_late(struct sim_log *log, unsigned id, int32_t epoch, int64_t after_us);

/* Time has passed: old transactions are aborted, late commits arrive, watermarks rise. */
void sim_log_pass(struct sim_log *log);

/* Returns the first offset that readers of committed records must not pass. */
int64_t sim_log_stable(const struct sim_log *log, enum troth_topic topic, int32_t partition);

/* Whether an offset of the group for the partition is in a transaction that is not decided. */
bool sim_log_is_unstable(const struct sim_log *log, int32_t partition);

/* Compacts a partition up to an offset. */
void sim_log_compact(struct sim_log *log, enum troth_topic topic, int32_t partition, int64_t until);

/* Whether no later committed record of a partition has the record's key, as compaction leaves it.
 */
bool sim_log_is_last(const struct sim_partition *partition, int64_t offset);

/* Returns a header's value, or NULL. */
const char *sim_record_header(const struct sim_record *record, const char *name);

#endif
