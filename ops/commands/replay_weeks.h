/*
 * The ledgers of the weeks that a replay went through (schemas/reviews.md), for troth replay.
 *
 * What a ledger lists of exceptions that were open at a week's end is left out: when and by whom a
 * waiver was decided is told by the topic of decisions, and not by a recording.
 *
 * Threads: one. Memory: grows with the weeks of the recording; given back by fini.
 */
#ifndef TROTH_OPS_COMMANDS_REPLAY_WEEKS_H
#define TROTH_OPS_COMMANDS_REPLAY_WEEKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/command.h"
#include "scoring/shard.h"

/* A ledger that counted something. */
struct troth_replayed_week {
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    int64_t number;
    char *text; /* its record */
};

struct troth_replay_weeks {
    struct troth_replayed_week *items;
    size_t count;
    bool failed; /* there was no memory, as has been told */
};

/* Notes a ledger as it is at the shard's clock. */
void troth_replay_weeks_note(struct troth_replay_weeks *weeks, const struct troth_week *week,
                             const char *contract, int32_t partition, int64_t clock_us);

/* Notes the ledgers that have not ended, and prints all by contract and week: as troth review week
 * shows them, or with --json the records. Returns whether there was memory. */
bool troth_replay_weeks_print(struct troth_replay_weeks *weeks, const struct troth_context *context,
                              struct troth_shard *shard, int32_t partition);

void troth_replay_weeks_fini(struct troth_replay_weeks *weeks);

#endif
