/*
 * The log, as the worker sees it: Kafka, or a simulated one.
 *
 * A log gives records of the telemetry partitions that the group assigned to this member, of the
 * standings that belong to them (when they are restored), and of the control topics that every
 * member reads whole; it takes records for the engine's own topics;
 * and it commits.
 *
 * What is sent and the offsets stand together or not at all: records are a transaction's, which the
 * first one opens and commit() ends. Until then no reader of committed records sees them, and when
 * the member dies, is fenced or is told REFUSED or FENCED, they are as if never sent. The exception
 * are records of telemetry, the engine's own ticks and pointers: they stand as soon as they are
 * acknowledged, in no order with the others, and one may stand twice.
 *
 * A commit goes on in the background while the caller does. So a caller commits all that it has
 * applied, of every partition, at a time when what came of it was sent to the end: an offset that
 * is left out would bring the records of that partition again, and one too many would lose some.
 * And after REFUSED or FENCED it must forget all that it applied since the last commit: it begins
 * anew with a new log.
 *
 * Assignment comes as events among the records, in order with them: after REVOKED or LOST no record
 * of that partition follows, and what the caller still holds of it must be dropped. All partitions
 * are taken away together, and what was sent and not committed goes with them at the next poll.
 * After ASSIGNED the caller must call start() before records of the partition are given.
 *
 * Threads: one log, one thread. Memory: records live until the next poll or release.
 */
#ifndef TROTH_CONSUMERS_LOG_H
#define TROTH_CONSUMERS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/status.h"

/* X(NAME, "name after the prefix", written by the engine) */
#define TROTH_TOPICS(X)                                                                            \
    X(TELEMETRY, "telemetry", true)                                                                \
    X(DECISIONS, "decisions", false)                                                               \
    X(CONTRACTS, "contracts", false)                                                               \
    X(STANDINGS, "standings", true)                                                                \
    X(INTERVENTIONS, "interventions", true)                                                        \
    X(REJECTS, "rejects", true)

#define TROTH_ENUMERATE_TOPIC(NAME, text, written) TROTH_TOPIC_##NAME,
enum troth_topic { TROTH_TOPICS(TROTH_ENUMERATE_TOPIC) TROTH_TOPIC_COUNT };
#undef TROTH_ENUMERATE_TOPIC

enum {
    TROTH_BATCH_MAX = 4096,  /* records given by one poll */
    TROTH_HEADERS_MAX = 16,  /* headers of a record that is sent */
    TROTH_ANY_PARTITION = -1 /* let the key choose (murmur2) */
};

#define TROTH_OFFSET_NONE INT64_C(-1) /* nothing was ever committed */

enum troth_log_kind {
    TROTH_LOG_RECORD,   /* a record of telemetry or of a control topic */
    TROTH_LOG_ASSIGNED, /* a telemetry partition is now ours; call start() */
    TROTH_LOG_REVOKED,  /* about to be given up: a commit is still possible inside this poll's batch
                         */
    TROTH_LOG_LOST,     /* gone already: drop the work, commit nothing */
    TROTH_LOG_END       /* a control topic was given to its end, as that was at open, or catch_up */
};

struct troth_log_item {
    uint8_t kind;  /* enum troth_log_kind */
    uint8_t topic; /* enum troth_topic */
    bool has_key;
    bool has_value; /* false: a tombstone */
    int32_t partition;
    int64_t offset;       /* of a record */
    int64_t timestamp_us; /* of a record, by the log; whole milliseconds */
    const char *key;
    const char *value;
    uint32_t key_length;
    uint32_t value_length;
};

struct troth_log_header {
    const char *name;  /* terminated */
    const char *value; /* NULL: none */
    size_t value_length;
};

/* A record to send. Everything is copied before send returns. */
struct troth_log_record {
    enum troth_topic topic;
    int32_t partition;    /* or TROTH_ANY_PARTITION */
    int64_t timestamp_us; /* 0: now; kept by topics with create time alone */
    const char *key;      /* NULL: none */
    size_t key_length;
    const char *value; /* NULL: a tombstone */
    size_t value_length;
    const struct troth_log_header *headers;
    size_t header_count;
};

struct troth_log_offset {
    int32_t partition; /* of telemetry */
    int64_t offset;    /* of the next record to read */
};

/* What a partition holds, when it is assigned. */
struct troth_log_extent {
    int64_t low;       /* the first offset that is kept */
    int64_t high;      /* one past the last record */
    int64_t committed; /* by the group, or TROTH_OFFSET_NONE */
};

/* The interface. TROTH_TIMED_OUT and TROTH_UNREACHABLE mean: nothing is known to have happened, and
 * the caller may try again. TROTH_REFUSED and TROTH_FENCED are for good: close the log. */
struct troth_log {
    /* Waits at most timeout_us for records and assignment events. Out items: at most capacity (at
     * most TROTH_BATCH_MAX). Out count. The items of the poll before are gone. */
    troth_status (*poll)(struct troth_log *log, int64_t timeout_us, struct troth_log_item *items,
                         size_t capacity, size_t *count);
    /* Out extent: of an assigned telemetry partition. May wait for the log, at most 30 s. */
    troth_status (*extent)(struct troth_log *log, int32_t partition,
                           struct troth_log_extent *extent);
    /* Asks where a control topic ends now. Out reached: whether everything before has been given
     * (items of the last poll count as given). Else END is given when it has been; no END of an
     * earlier question comes after this call. May wait for the log, at most 2 s. */
    troth_status (*catch_up)(struct troth_log *log, enum troth_topic topic, bool *reached);
    /* Begins to give records of an assigned telemetry partition, from an offset on. Called again,
     * with the offset of a record that was given: goes back, and gives that one next. */
    troth_status (*start)(struct troth_log *log, int32_t partition, int64_t offset);
    /* Begins to give the records of standings[partition], of an assigned telemetry partition, as
     * items of that topic: committed ones alone, in order, from the first that is kept. Called
     * again: from the first again. There is no END: the caller knows where it stops by a record of
     * its own. NULL: the log keeps no standings, and nothing may be sent to them. */
    troth_status (*recall)(struct troth_log *log, int32_t partition);
    /* Reads one record of an assigned telemetry partition again. Out item: lives until the next
     * call of this, or close. Waits at most timeout_us. TROTH_NOT_FOUND: there is none at that
     * offset any more. NULL: the log cannot. */
    troth_status (*read_back)(struct troth_log *log, int32_t partition, int64_t offset,
                              int64_t timeout_us, struct troth_log_item *item);
    /* Reads the headers of that name of a control topic's record that the last poll gave. Out
     * headers: at most capacity; they live as long as the record. Returns how many there are. NULL:
     * the log knows of no headers. */
    size_t (*headers)(struct troth_log *log, const struct troth_log_item *item, const char *name,
                      struct troth_log_header *headers, size_t capacity);
    /* No more of standings[partition] is needed; what the last poll gave is still good. */
    void (*recalled)(struct troth_log *log, int32_t partition);
    /* Queues a record to be sent, in the transaction that is open or that it opens. TROTH_FULL: the
     * queue is full; call flush, or poll, and again. */
    troth_status (*send)(struct troth_log *log, const struct troth_log_record *record);
    /* Waits until everything sent is acknowledged by the brokers, at most timeout_us. That makes
     * room; it commits nothing. */
    troth_status (*flush)(struct troth_log *log, int64_t timeout_us);
    /* Begins to commit: what was sent until now and these offsets of the group, all or nothing, in
     * the background. What is sent from now on is the next commit's. Not before committed() has
     * told of the one before. Without offsets, what was sent alone. TROTH_OK: it has begun.
     * TROTH_TIMED_OUT, within timeout_us, or TROTH_FULL: it has not, and the caller may try again.
     * TROTH_FENCED: also where one of the partitions is not this member's. */
    troth_status (*commit)(struct troth_log *log, const struct troth_log_offset *offsets,
                           size_t count, int64_t timeout_us);
    /* Tells how the commit that was begun has ended; waits at most timeout_us. TROTH_OK: it stands.
     * TROTH_TIMED_OUT: it is under way yet; ask again. It does not outlive its partitions: where
     * they are taken away it is decided before the next poll, and not told. */
    troth_status (*committed)(struct troth_log *log, int64_t timeout_us);
    /* Returns one past the last record of an assigned telemetry partition, as the log last heard
     * of it, or TROTH_OFFSET_NONE; it is not asked for. NULL: the log never knows. */
    int64_t (*end)(struct troth_log *log, int32_t partition);
    /* Returns the number of telemetry's partitions. */
    int32_t (*partitions)(struct troth_log *log);
    /* Returns the last thing that the log said went wrong, for people; never NULL. */
    const char *(*error)(struct troth_log *log);
    void (*close)(struct troth_log *log);
};

/* Returns the topic's name without prefix, as "telemetry". */
const char *troth_topic_name(enum troth_topic topic);

#endif
