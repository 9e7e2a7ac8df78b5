/*
 * The store as a view of a worker's partitions: which of them are the worker's there, and what is
 * published anew, in which order. Used by worker/narrow.c and
 * worker/publish.c.
 *
 *     UNOWNED --own--> OWNED, everything anew: narrow and worse, then warn, then clear, then told
 *        ^               |
 *        +---------------+  a new connection; or the store did not take what was sent
 *     FENCED: a later owner was found. Nothing of the partition is published until it is assigned
 *     anew.
 *
 * A former owner may have shown more of the log than was committed. Until that has been applied
 * again narrowings alone are published, and those only where nothing worse stands.
 */
#ifndef TROTH_CONSUMERS_WORKER_VIEW_H
#define TROTH_CONSUMERS_WORKER_VIEW_H

#include "consumers/worker/state.h"

/* Returns whether something of a partition may be put: it is owned in the store, or could be made
 * so now. Where another owns it that is said and counted, once. */
bool troth_worker_owns(struct troth_worker *worker, struct troth_partition *partition);

/* Returns whether a partition has applied again all that a former owner had shown. */
bool troth_worker_has_passed(const struct troth_partition *partition);

/* All partitions are to be owned anew, and everything with them: the store was away. */
void troth_worker_disown_all(struct troth_worker *worker);

/* Returns whether scores of a partition are to be published now. In backlog: partitions that have
 * not caught up are in turn, too. */
bool troth_worker_is_due(const struct troth_partition *partition, bool backlog);

/* Some of what those who listen to the store should have heard of a partition was dropped: once
 * what has been told so far is committed and shown, the store tells them that its rows must be
 * read. */
void troth_worker_restate(struct troth_worker *worker, struct troth_partition *partition);

/* Once nothing that changed is left on the lists of those that are due: lists what is to be
 * published anew next, of all of them the least trusted, a bounded number of looks at a time.
 * Returns whether it did, or looked in vain. */
bool troth_worker_list_anew(struct troth_worker *worker, bool backlog);

#endif
