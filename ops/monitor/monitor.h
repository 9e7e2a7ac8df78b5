/*
 * What the engine shows to those who watch it, over HTTP: /metrics, /healthz and /readyz.
 *
 * It listens before the engine is started, so that an address in use ends the start; and it answers
 * once the engine is there. The engine's loops never wait for it.
 *
 * Threads: all calls from one; pages are made on the server's own thread.
 */
#ifndef TROTH_OPS_MONITOR_MONITOR_H
#define TROTH_OPS_MONITOR_MONITOR_H

#include "ops/config/config.h"
#include "ops/engine.h"

struct troth_monitor;

/* Listens where `http` of the configuration says. In config: kept. Out monitor: to be closed; NULL
 * where `http` is off. Returns TROTH_OK, or why not; the reason has been said. */
TROTH_MUST_CHECK
troth_status troth_monitor_listen(const struct troth_config *config,
                                  struct troth_monitor **monitor);

/* Begins to answer, and says where. In engine: kept until the monitor is closed. NULL is fine.
 * Returns TROTH_OK or TROTH_NO_MEMORY; the reason has been said. */
TROTH_MUST_CHECK
troth_status troth_monitor_serve(struct troth_monitor *monitor, struct troth_engine *engine);

/* NULL is fine. */
void troth_monitor_close(struct troth_monitor *monitor);

#endif
