/*
 * The embedded broker: librdkafka's mock cluster, with Troth's six topics. For a first look and for
 * plumbing, on 127.0.0.1 alone; nothing of it survives the process.
 *
 * What it is not: it keeps 5 MiB (or 100,000 batches) a partition and drops the oldest silently
 * (ops/headroom.h paces a sender against that), knows no fencing, no aborted transactions and no
 * topic settings, stamps no records (`clock: create_time`), and makes a group wait 3 s at its first
 * join. What holds on it says nothing about exactly-once or latency.
 *
 * Threads: the cluster runs in librdkafka's; open and close from one. Memory: up to 5 MiB a
 * partition.
 */
#ifndef TROTH_OPS_KAFKA_SANDBOX_H
#define TROTH_OPS_KAFKA_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/status.h"

enum { TROTH_SANDBOX_PARTITIONS_MAX = 64 };

struct troth_sandbox;

/*
 * Starts a broker and makes the topics.
 * In prefix: of the topics. In partitions: 1..TROTH_SANDBOX_PARTITIONS_MAX, of all topics but
 * decisions and contracts.
 * Out error: at most size bytes.
 * Returns TROTH_OK, TROTH_REFUSED (no port, no thread) or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_sandbox_open(const char *prefix, int32_t partitions,
                                struct troth_sandbox **sandbox, char *error, size_t size);

/* Returns bootstrap.servers, valid until close. The port is the system's choice. */
const char *troth_sandbox_bootstrap(const struct troth_sandbox *sandbox);

/* Stops the broker; its clients see it go. NULL is fine. */
void troth_sandbox_close(struct troth_sandbox *sandbox);

#endif
