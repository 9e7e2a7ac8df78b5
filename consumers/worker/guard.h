/*
 * Telemetry that stopped: which agents are guarded, and what the store is told of it
 * (consumers/outage.h says when it has stopped, schemas/redis.md what that means to readers).
 *
 * The core narrows all the same, and so do interventions and the rows of standings. What is guarded
 * is what routers read: the agent is offered by the rung that it had, until its guard ends. That is
 * never wider than what was committed, so a guard waits where that rung is not; and nothing is
 * guarded before what a former owner had shown has been passed.
 */
#ifndef TROTH_CONSUMERS_WORKER_GUARD_H
#define TROTH_CONSUMERS_WORKER_GUARD_H

#include "consumers/worker/view.h"

/* A standing has changed its rung: it is hit, or is so no more. */
void troth_worker_note_step(struct troth_worker *worker, struct troth_partition *partition,
                            const struct troth_intervention *told);

/* After a restart: finds what is hit, from the standings that there are, a bounded number of looks
 * at a time. Nothing of the partition is published before. Returns whether that is done. */
bool troth_worker_recall_outages(struct troth_worker *worker, struct troth_partition *partition);

/* Returns whether an outage that runs has narrowed a standing, so that nobody is alerted of it
 * alone; by a change of rung that was noted, or by what it is now. Never of high consequence. */
bool troth_worker_excuses(struct troth_partition *partition, const struct troth_intervention *told);
bool troth_worker_is_excused(const struct troth_partition *partition, uint32_t standing,
                             const struct troth_standing_view *view);

/* Returns whether a standing is guarded. In view: of it. */
bool troth_worker_is_guarded(const struct troth_partition *partition, uint32_t standing,
                             struct troth_standing_view *view);

/* Returns the rung that a standing had which is guarded: clear or warn. */
uint8_t troth_worker_former_rung(const struct troth_partition *partition, uint32_t standing);

/* Evidence may have come of a standing that is hit: where it has a condition now that puts it above
 * its former rung, it is hit no more. Returns whether that is so. */
bool troth_worker_unguard(struct troth_partition *partition, uint32_t standing);

/* Says and publishes which outages begin and end, and how those that run are. Returns TROTH_OK, or
 * what the store said to the first that it did not take. */
troth_status troth_worker_tell_outages(struct troth_worker *worker,
                                       struct troth_partition *partition);

/* Lists some of those whose guard began or ended. */
void troth_worker_list_guards(struct troth_partition *partition);

/* All that is known of outages is to be told to the store anew. */
void troth_worker_tell_outages_anew(struct troth_partition *partition);

/* Returns the outage that runs of the contract in a slot, or NULL. Out standings: of the contract.
 */
const struct troth_outage *troth_worker_outage(const struct troth_partition *partition,
                                               unsigned slot, uint32_t *standings);

#endif
