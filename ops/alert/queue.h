/*
 * The way of alerts from the workers to the sender: a queue of a fixed size, which never makes a
 * worker wait.
 *
 * Where it is full, what is told is lost, counted, and a sweep is wanted, which says all of it
 * anew. What says who tells of a partition (SWEEP, SWEPT, DROPPED) has room of its own, and where
 * even that is full, whoever takes must forget all (flooded): the sweep brings back what lasts.
 *
 * Threads: tell from any; take from one. Memory: about 3 MiB, taken when it is made.
 */
#ifndef TROTH_OPS_ALERT_QUEUE_H
#define TROTH_OPS_ALERT_QUEUE_H

#include <stddef.h>

#include "consumers/alerts.h"
#include "schemas/status.h"

enum {
    TROTH_ALERT_QUEUE_MAX = 4096,    /* messages of standings */
    TROTH_ALERT_QUEUE_RESERVE = 1024 /* and of partitions, beside them */
};

struct troth_alert_queue;

/* In wake: called, from the thread that tells, when the queue is not empty any more; may be NULL.
 * Out queue. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_alert_queue_create(void (*wake)(void *context), void *context,
                                      struct troth_alert_queue **queue);

/* NULL is fine. */
void troth_alert_queue_destroy(struct troth_alert_queue *queue);

/* Returns the end that workers tell. */
struct troth_alerts *troth_alert_queue_alerts(struct troth_alert_queue *queue);

/* Takes the oldest. Out alerts: at most capacity. Out flooded: something was lost that cannot be
 * made good but by forgetting all and sweeping. Returns how many; without waiting. */
size_t troth_alert_queue_take(struct troth_alert_queue *queue, struct troth_alert *alerts,
                              size_t capacity, bool *flooded);

/* Wants a sweep. */
void troth_alert_queue_sweep(struct troth_alert_queue *queue);

/* Out length: messages that wait. Out dropped: that were lost since the queue was made. */
void troth_alert_queue_count(struct troth_alert_queue *queue, uint64_t *length, uint64_t *dropped);

#endif
