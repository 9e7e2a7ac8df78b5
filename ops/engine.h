/*
 * The engine: worker threads, each a member of the consumer group with a log, a store and a loop of
 * its own. A worker that breaks (a fatal producer, a fenced member) is made anew, with a growing
 * pause; the others go on. Beside them, where Alertmanagers are configured, a thread tells these.
 *
 * Threads: start, stop and count from one thread, survey and stuck from another; each worker is a
 * thread inside, which publishes a survey of itself each 100 ms and never waits for a reader.
 * Memory: owned.
 */
#ifndef TROTH_OPS_ENGINE_H
#define TROTH_OPS_ENGINE_H

#include "consumers/survey.h"
#include "consumers/worker.h"
#include "ops/alert/sender.h"
#include "ops/config/config.h"

enum { TROTH_WORKERS_MAX = 64 };

#define TROTH_ENGINE_LATE_US INT64_C(30000000) /* that a turn may take, above what it waits for */

struct troth_engine;

/*
 * Opens the log and the store of every worker and starts the threads.
 * In config: kept until the engine is stopped.
 * Out engine: running. Returns TROTH_OK, or why the first worker's log could not be opened, or
 * TROTH_INVALID (a schema of the configuration); the reason has been said.
 */
TROTH_MUST_CHECK
troth_status troth_engine_start(const struct troth_config *config, struct troth_engine **engine);

/* Drains and ends the workers: publishes, commits, leaves the group. At most 30 s a worker. Returns
 * whether everything was published and committed. Out counts: over all workers, to their end; may
 * be NULL. */
bool troth_engine_stop(struct troth_engine *engine, struct troth_worker_counts *counts);

/* Returns how many workers are without a log: theirs broke, or could not be opened. */
uint32_t troth_engine_idle(struct troth_engine *engine);

/* Out counts: over all workers, as of their last tenth of a second, those that broke included. */
void troth_engine_count(struct troth_engine *engine, struct troth_worker_counts *counts);

/* Out survey: the same, with partitions and contracts. From any thread, one at a time; no worker
 * waits for it. */
void troth_engine_survey(struct troth_engine *engine, struct troth_survey *survey);

/* Out counts: of the alerts that are sent. From any thread. */
void troth_engine_alerts(struct troth_engine *engine, struct troth_alert_counts *counts);

/* Returns the number of a worker whose loop does not turn: its turn, or the end of what it waits
 * for, was due TROTH_ENGINE_LATE_US ago; or -1 where all turn. Out late_us: since it was due. */
int troth_engine_stuck(struct troth_engine *engine, int64_t *late_us);

#endif
