/*
 * When a score stands in Redis: client tracking tells of each write to the hashes of the probes,
 * PREFIX:agent:probe-NUMBER, by broadcast, so that a write costs Redis next to nothing more and
 * nobody polls. Each probe's score is read before and after: with one write between the two, that
 * one has brought it.
 *
 * Threads: one reads (bench_scores_listen), another may ask for the count meanwhile; times are read
 * when the first has ended. Memory: the module's, fixed.
 */
#ifndef TROTH_BENCH_VISIBLE_SCORES_H
#define TROTH_BENCH_VISIBLE_SCORES_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/config/config.h"

enum { BENCH_PROBES_MAX = 10000 };

#define BENCH_PROBE "probe-"

/* Begins to follow so many probes, from number 0 on, and reads their scores. Returns whether that
 * was done; else it was told why not. */
bool bench_scores_open(const struct troth_config *config, int64_t probes);

/* Takes what Redis says until bench_scores_stop. To be called by a thread of its own. */
void bench_scores_listen(void);

/* How many probes have been written once at least. */
int64_t bench_scores_seen(void);

/* Ends bench_scores_listen, from another thread. */
void bench_scores_stop(void);

/* Reads the scores again. Out moved: how many probes were written once alone, and have another
 * score since. Returns whether they could be read. */
bool bench_scores_check(int64_t *moved);

/* When a probe was first written (troth_kafka_monotonic_us); 0: it was not. */
int64_t bench_scores_seen_us(int64_t probe);

void bench_scores_close(void);

#endif
