/*
 * What there is to show of a standing and of its agent, as of now: shared by worker/narrow.c and
 * worker/publish.c.
 */
#ifndef TROTH_CONSUMERS_WORKER_LOOK_H
#define TROTH_CONSUMERS_WORKER_LOOK_H

#include "consumers/worker/view.h"

enum { TROTH_OFFERS_MAX = TROTH_CONTRACTS_MAX }; /* standings of an agent */

/* Returns a standing as it is now. In view: of it; lives as long. */
struct troth_publication troth_worker_look(const struct troth_partition *partition,
                                           uint32_t standing, struct troth_standing_view *view);

/* Out agent: of a standing, the meet over all that it has. In publication: of the standing. Returns
 * whether it is, or may be, shown as guarded: where it is not any more, that is noted when this was
 * put. */
bool troth_worker_look_at_agent(struct troth_partition *partition, uint32_t standing,
                                const struct troth_publication *publication,
                                struct troth_agent_publication *agent);

/* Notes that the store was told of an agent that is not guarded. */
void troth_worker_note_unguarded(struct troth_partition *partition, struct troth_text agent);

/* Notes what the store was told of a standing. */
void troth_worker_note_published(struct troth_partition *partition, uint32_t standing,
                                 const struct troth_publication *publication);

/* Returns whether a widening of one of the agent's standings waits for its commit. Out count: of
 * its standings. */
bool troth_worker_is_widened(const struct troth_worker *worker,
                             const struct troth_partition *partition, struct troth_text agent,
                             uint32_t *count);

#endif
