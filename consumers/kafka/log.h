/*
 * The log over Kafka: consumers/log.h on librdkafka 2.0.
 *
 * One consumer, a member of the group (eager `range`, static where `instance` is given), and two
 * producers: a transactional one, named PREFIX.GROUP.INSTANCE, with a thread that commits
 * (kafka/committer.c), and a plain idempotent one for telemetry (kafka/write.c tells why). What
 * holds:
 *
 * - Offsets are given with the assignment, never sought. Records that a change of assignment made
 *   stale are dropped by (partition, expected offset): a record of a partition that is not ours, or
 *   was not started, or was given before, is never given out.
 * - REVOKED comes while the partition is still ours. It is given up at the start of the next poll,
 *   so commit() works in between. LOST means that the group has gone on without us.
 * - Control topics are read from their first record by every member, from the first assignment on;
 *   during a rebalance they rest. END comes once, and once more for each catch_up that finds
 *   something left to read.
 * - A partition that is started again gives nothing until the record that it goes back to comes, so
 *   that what was fetched ahead cannot pass over it.
 * - Where retention has deleted records before they were read, reading goes on at the first that is
 *   left and this is said aloud (`say`, error()). A log that ends before what was already read
 *   (truncated, or made anew) is TROTH_REFUSED.
 * - A record that could not be delivered makes this and every later commit TROTH_REFUSED, as the
 *   offsets would cover a record that is not there. So does whatever else ends a transaction, or
 *   leaves open whether it has ended; TROTH_FENCED where another member has the partitions, or
 *   another process the name. Close the log and open it anew: what was not committed is read again.
 * - Opening fences whoever wrote under the same name before. A transaction lasts at most
 *   transaction.timeout.ms, which is at most, and by default, session.timeout.ms.
 * - On the embedded broker (`troth sandbox`), which knows neither, members are dynamic and there
 *   are no transactions: all is sent plainly, and a commit is a flush and then the offsets. What
 *   was sent and not committed stands there twice after a crash. So it is with `at_least_once`,
 *   where members may be static all the same.
 * - poll() is TROTH_UNREACHABLE when no broker has answered for 30 s; librdkafka goes on trying.
 *
 * Threads: one log, one thread; `say` may be called from librdkafka's threads.
 * Memory: taken at open, by the number of partitions; the fetch queue is bounded by
 * queued.max.messages.kbytes (32 MiB, 32,768 records), each send queue by queue.buffering.max.*
 * (100,000 records, 64 MiB). Both can be set through the properties. What waits for the committer
 * has 8 MiB.
 */
#ifndef TROTH_CONSUMERS_KAFKA_LOG_H
#define TROTH_CONSUMERS_KAFKA_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "consumers/kafka/client.h"
#include "consumers/log.h"

struct troth_kafka_config {
    struct troth_kafka_properties properties; /* passed through; must hold bootstrap.servers */
    const char *prefix;                       /* of the topics, as "troth" */
    const char *group;                        /* consumer group */
    const char *instance;    /* group.instance.id and of the transactions, unique among members;
                              * NULL: a dynamic member */
    const char *partitioner; /* as "murmur2_random", for TROTH_ANY_PARTITION; NULL: that one */
    bool create_time;        /* telemetry bears its emitters' time, and that is meant */
    bool at_least_once;      /* no transactions; then no standings are kept either, as they would
                              * not be true together with what was told */
    bool keep_standings;     /* partitions' standings are written, and can be recalled */
    bool read_contracts;
    bool read_decisions;
    struct troth_kafka_voice voice; /* copied */
};

/*
 * Connects, finds the topics and joins the group; waits at most 10 s for a broker, and 30 s for
 * what a former self left open.
 * In config: borrowed for the call.
 * Out log: to be closed by log->close.
 * Out error: why it failed and what would be right; at most size bytes, terminated.
 * Returns TROTH_OK; TROTH_INVALID (a property), TROTH_UNREACHABLE, TROTH_NOT_FOUND (a topic is
 * missing), TROTH_REFUSED or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_kafka_log_open(const struct troth_kafka_config *config, struct troth_log **log,
                                  char *error, size_t size);

#endif
