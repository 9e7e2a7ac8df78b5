/*
 * A recording: a file of JSON Lines, taken as the log of one shard. The number of a line, from 0,
 * is its offset, where no line says otherwise; recorded_at, else at, is its time. Lines are read
 * ahead in groups, so that memory can be asked for what they will need, and are given in their
 * order.
 *
 * What a line may be: an event (schemas/event_json.h), a decision (schemas/decision_json.h), a
 * contract that comes into force, or what the log is and at which offset it goes on
 * (ops/recording_json.h); an empty one is nothing, and has an offset. A line that is none of them
 * is told on stderr, with its number from 1, and counted.
 *
 * Threads: one. Memory: what is given lives until the function that it is given to returns.
 */
#ifndef TROTH_OPS_RECORDING_H
#define TROTH_OPS_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/recording_json.h"
#include "scoring/shard.h"

/* Records of one shard's log that follow each other. */
struct troth_recorded {
    const struct troth_event *events[TROTH_PREFETCH]; /* NULL: no event; it moves the clock alone */
    int64_t recorded_at_us[TROTH_PREFETCH];
    int64_t offsets[TROTH_PREFETCH];
    unsigned count;
};

/* A decision, taken where it stands. */
struct troth_recorded_decision {
    const struct troth_decision *decision;
    const struct troth_disputed *disputed; /* the record that it names; NULL: there is none */
    int64_t recorded_at_us;
    int64_t offset;
};

/* A contract, in force from where it stands. */
struct troth_recorded_contract {
    const struct troth_contract *contract;
    int64_t recorded_at_us;
    int64_t offset;
};

struct troth_recording {
    /* Of the caller. */
    const char *path; /* "-": standard input, in which no dispute finds its record */
    unsigned group;   /* lines read ahead, 1..TROTH_PREFETCH; what is given never depends on it */
    void (*on_records)(void *context, const struct troth_recorded *recorded);
    void (*on_decision)(void *context, const struct troth_recorded_decision *decision);
    void (*on_contract)(void *context, const struct troth_recorded_contract *contract);
    /* Told before the first record after it. */
    void (*on_log)(void *context, const struct troth_recorded_log *log);
    void *context;
    /* Of the reading. */
    uint64_t lines;
    uint64_t unreadable;
    int64_t next_offset;
    struct troth_recorded_log log; /* that a line named last; topic "": none did */
};

/* Reads it to its end. Returns whether it could be read so far, whatever the lines are; else the
 * reason has been told. */
bool troth_recording_read(struct troth_recording *recording);

/* Says how many lines were unreadable, if any. Returns whether there were none. */
bool troth_recording_is_whole(const struct troth_recording *recording);

#endif
