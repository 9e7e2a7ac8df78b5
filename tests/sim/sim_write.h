/*
 * A run written down, so that others can recount it: tests/sim/against_model.py.
 *
 *     FOLDER/SEED/contracts.jsonl   the contracts topic: offset, recorded_at, key, value
 *     FOLDER/SEED/decisions.jsonl   the decisions topic, as `troth replay` reads it; `position`:
 * offset FOLDER/SEED/P.jsonl           telemetry[P] as `troth replay` reads it, one line a record
 *     FOLDER/SEED/found.jsonl       committed interventions, rulings and final standings, as it
 *                                   prints them
 *     FOLDER/SEED/ledgers.jsonl     the last committed ledger of each contract, week and partition;
 *                                   not there where the workers make no checkpoints, since then
 *                                   the last counts of all need not be written
 *
 * A record that was rejected for what it is, or for where it stands, is a tick: it moves the clock
 * and is nothing else. One that is ahead of its time is written as it is.
 *
 * Threads: one. Memory: none that stays.
 */
#ifndef TROTH_TESTS_SIM_WRITE_H
#define TROTH_TESTS_SIM_WRITE_H

#include "tests/sim/sim_check.h"

/* In folder: exists. In since: the write to Redis from which on standings bear their reports. */
void sim_write_run(const struct sim_check *check, const char *folder, uint64_t seed, size_t since);

#endif
