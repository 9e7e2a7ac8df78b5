/*
 * The fleet's judge: once a fleet has been sent, waits until the engine has read and committed all
 * of it, reads the interventions that it published, and holds them against the truth.
 *
 * Threads: one. Memory: given back before it returns.
 */
#ifndef TROTH_OPS_FLEET_JUDGE_H
#define TROTH_OPS_FLEET_JUDGE_H

#include "ops/config/config.h"
#include "ops/fleet/confusion.h"

/*
 * In fleet: ended; its events are in the telemetry topic, sent from start_us on (wall clock).
 * Out result: meaningful on TROTH_OK alone.
 * Returns TROTH_OK; TROTH_TIMED_OUT (the engine has not read everything within a minute),
 * TROTH_UNREACHABLE or TROTH_NO_MEMORY; the reason has been told on stderr.
 */
TROTH_MUST_CHECK
troth_status troth_fleet_judge(const struct troth_config *config, const struct troth_fleet *fleet,
                               int64_t start_us, const struct troth_confusion_config *enough,
                               struct troth_confusion_result *result);

#endif
