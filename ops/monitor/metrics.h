/*
 * What the engine shows of itself: the metrics, and whether it lives and is ready.
 *
 * All of it is a function of one look at the engine, so that it can be tested without one.
 * ops/METRICS.md lists the metrics. Names of agents are never shown: labels are contracts, rungs,
 * reasons, causes and partitions, whose numbers are bounded; what is beyond a bound is `other`.
 *
 * Threads: none is shared. Memory: the caller's.
 */
#ifndef TROTH_OPS_MONITOR_METRICS_H
#define TROTH_OPS_MONITOR_METRICS_H

#include "consumers/survey.h"
#include "ops/alert/sender.h"
#include "ops/monitor/metrics_text.h"

enum {
    /* Bytes of all metrics at the most: 1,025 partitions of five samples, 257 contracts of six
     * rungs, each below 160 bytes, and 64 KiB for the rest. */
    TROTH_METRICS_LENGTH_MAX = (1025 * 5 + 257 * 6) * 160 + 65536,
    TROTH_HEALTH_LENGTH_MAX = 4096
};

/* A look at the engine. */
struct troth_engine_look {
    const struct troth_survey *survey; /* over all workers */
    int64_t wall_us;
    int64_t monotonic_us;
    uint32_t workers;
    uint32_t idle;      /* of them, without a log */
    int stuck;          /* a worker whose loop stands, or -1 */
    int64_t stuck_us;   /* since its turn was due */
    bool checkpoints;   /* are written */
    int64_t agents_max; /* per partition, as the next */
    int64_t standings_max;
    uint64_t resident_bytes;
    struct troth_alert_counts alerts;
};

/* Returns the families, in the order in which they are written. Out count. */
const struct troth_metric_family *troth_metrics_families(size_t *count);

/* Writes all metrics. */
void troth_metrics_write(struct troth_metrics_text *text, const struct troth_engine_look *look);

/* Out text: whether the loops turn, as a sentence. Returns whether they do. */
bool troth_health_lives(const struct troth_engine_look *look, char text[TROTH_HEALTH_LENGTH_MAX]);

/* Out text: "ready", or why not, a reason a line, at most as many as fit. Returns whether it is. */
bool troth_health_ready(const struct troth_engine_look *look, char text[TROTH_HEALTH_LENGTH_MAX]);

#endif
