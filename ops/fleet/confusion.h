/*
 * Was the engine right about the fleet? The interventions that were seen, held against the truth.
 *
 * An agent counts as narrowed by the first intervention at or after its onset whose rung rises to
 * narrow, recertify, review or pause; its cause is right where the truth says so. Of the agents
 * that have an onset, each that was not narrowed so is one of:
 *
 *     held      stood at narrow or beyond when its onset came, and still does
 *     unproven  never left recertify: nobody has trusted it
 *     short     had too little time or too few events left for a fair judgement
 *     missed    all others: the engine trusts an agent that breaks its promise
 *
 * A healthy agent is narrowed, and wrongly, whenever its rung rises so. Agents at their floor are
 * shown, and count for neither side.
 *
 * Memory: one block of the caller's; the writers alone allocate. Threads: one at a time.
 */
#ifndef TROTH_OPS_FLEET_CONFUSION_H
#define TROTH_OPS_FLEET_CONFUSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ops/fleet/fleet.h"

/* What must be left after an onset: no less time than the contract's longest window and cadence,
 * since silence shows when they have run out; a hundred events fit the contracts that we ship. */
struct troth_confusion_config {
    int64_t enough_us;      /* from the onset to the end */
    uint64_t enough_events; /* of the agent since its onset (of silent ones none is asked) */
};

/* The agents of one kind. A share of the columns is of each agent once: right, wrong, held, missed,
 * unproven and short add up to all agents of a kind that has an onset. */
struct troth_confusion_row {
    uint32_t agents;
    uint32_t certified; /* left recertify at least once */
    uint32_t warned;    /* rose to warn, at or after the onset where there is one */
    uint32_t narrowed;
    uint32_t right;
    uint32_t wrong;
    uint32_t held;
    uint32_t missed;
    uint32_t unproven;
    uint32_t late_onset; /* short */
    uint32_t early;      /* narrowed before the onset too: a false alarm of its healthy time */
    int64_t p50_us;      /* from the onset to the right narrowing, nearest rank; -1: none */
    int64_t p95_us;
};

struct troth_confusion_result {
    struct troth_confusion_row rows[TROTH_FLEET_KIND_COUNT];
    uint32_t missed;           /* over all kinds */
    uint32_t healthy_narrowed; /* of the row of healthy agents */
    bool passed;               /* see troth_confusion_result */
};

struct troth_confusion;

/* Returns the bytes of memory that a confusion over the fleet takes. */
size_t troth_confusion_size(const struct troth_fleet *fleet);

/* In memory: of that size, aligned to 16. In fleet: kept by the caller as long. Returns the
 * confusion, at the start of the memory: every agent stands in recertify, nothing was seen. */
struct troth_confusion *troth_confusion_init(void *memory, const struct troth_fleet *fleet);

/*
 * Takes one intervention of the contract under test; those of one agent come in their order.
 * In agent: below troth_fleet_agents. In at_us: when it was decided. In from, to: enum troth_rung.
 * In condition: enum troth_condition of the cause. In term: its term; absent: none.
 */
void troth_confusion_see(struct troth_confusion *confusion, uint32_t agent, int64_t at_us,
                         unsigned from, unsigned to, unsigned condition, struct troth_text term);

/*
 * Counts what was seen, against the fleet as it is now: call it when the fleet has ended.
 * Out result: `passed` is true where nothing that the contract forbids was missed, at most one
 * healthy agent in a thousand was narrowed, and at least 99 healthy agents of a hundred were
 * certified (an engine that trusts nobody misses nobody).
 */
void troth_confusion_result(struct troth_confusion *confusion,
                            const struct troth_confusion_config *config,
                            struct troth_confusion_result *result);

/* Prints a table for people. Returns whether all of it was written. */
bool troth_confusion_print(const struct troth_confusion_result *result, FILE *out);

/* Writes the result as one line of JSON. Out buffer, capacity: at most capacity bytes, not
 * terminated; 4096 always do. Out length. Returns TROTH_OK, TROTH_FULL or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_confusion_write(const struct troth_confusion_result *result, char *buffer,
                                   size_t capacity, size_t *length);

#endif
