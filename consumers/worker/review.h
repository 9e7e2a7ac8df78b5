/*
 * What a worker does about reviews, exceptions and the week (worker/week.c).
 */
#ifndef TROTH_CONSUMERS_WORKER_REVIEW_H
#define TROTH_CONSUMERS_WORKER_REVIEW_H

#include "consumers/worker/state.h"

/* Fills in what there is to show of a standing's reviews. In publication: of the standing, as of
 * now; out: its `review`, whose texts live until the next look. */
void troth_worker_look_at_review(struct troth_worker *worker,
                                 const struct troth_partition *partition, uint32_t standing,
                                 struct troth_publication *publication);

/* The shard's callback: a contract's week has ended, or the contract. */
void troth_worker_on_week(void *context, unsigned slot, const struct troth_week *week);

/* Writes down the ledgers that changed, for a transaction that standings are in. */
void troth_worker_send_weeks(struct troth_worker *worker, struct troth_partition *partition);

/* Takes a ledger's record, of a partition that is being restored; and puts the newest into its
 * shard, once that has its clock. */
void troth_worker_take_week(struct troth_worker *worker, struct troth_partition *partition,
                            const struct troth_log_item *item, struct troth_text contract,
                            int64_t number);
void troth_worker_restore_weeks(struct troth_worker *worker, struct troth_partition *partition);

/* Tells the store of the weeks that changed. Returns TROTH_OK, or what it said to the first that it
 * did not take. */
troth_status troth_worker_tell_weeks(struct troth_worker *worker,
                                     struct troth_partition *partition);

#endif
