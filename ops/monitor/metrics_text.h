/*
 * Prometheus' text format, version 0.0.4, written into a buffer of a fixed size.
 *
 * A line is written whole or not at all: where the buffer is full, nothing follows and `full` says
 * so. Values of labels are escaped; names are the caller's and must be right.
 *
 * Threads: one. Memory: the caller's.
 */
#ifndef TROTH_OPS_MONITOR_METRICS_TEXT_H
#define TROTH_OPS_MONITOR_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/histogram.h"

/* X(NAME, "as Prometheus calls it") */
#define TROTH_METRIC_TYPES(X)                                                                      \
    X(COUNTER, "counter")                                                                          \
    X(GAUGE, "gauge")                                                                              \
    X(HISTOGRAM, "histogram")

#define TROTH_ENUMERATE_METRIC_TYPE(NAME, text) TROTH_METRIC_##NAME,
enum troth_metric_type { TROTH_METRIC_TYPES(TROTH_ENUMERATE_METRIC_TYPE) TROTH_METRIC_TYPE_COUNT };
#undef TROTH_ENUMERATE_METRIC_TYPE

/* Returns the type's name, never NULL for one in range. */
const char *troth_metric_type_name(enum troth_metric_type type);

struct troth_metric_family {
    const char *name;
    enum troth_metric_type type;
    const char *labels; /* their names, as "contract, rung"; for people */
    const char *unit;   /* for people */
    const char *help;   /* a sentence; where its unit is no count it says that, too */
};

struct troth_metric_label {
    const char *name;
    const char *value;
};

struct troth_metrics_text {
    char *data;
    size_t capacity;
    size_t length; /* of whole lines; not terminated */
    bool full;     /* a line did not fit, and what came after it was left out */
};

/* In data: capacity bytes, the caller's until the text is done with. */
void troth_metrics_text_init(struct troth_metrics_text *text, char *data, size_t capacity);

/* Begins a family: its HELP and TYPE. */
void troth_metrics_family(struct troth_metrics_text *text,
                          const struct troth_metric_family *family);

/* Writes a sample of the family. In labels: count of them, at most 2. */
void troth_metrics_number(struct troth_metrics_text *text, const struct troth_metric_family *family,
                          const struct troth_metric_label *labels, size_t count, uint64_t value);

/* The same, of microseconds, as seconds. */
void troth_metrics_seconds(struct troth_metrics_text *text,
                           const struct troth_metric_family *family,
                           const struct troth_metric_label *labels, size_t count, int64_t us);

/* Writes a histogram of the family, in seconds. */
void troth_metrics_histogram(struct troth_metrics_text *text,
                             const struct troth_metric_family *family,
                             const struct troth_histogram *histogram);

#endif
