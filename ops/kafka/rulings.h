/*
 * Listens to the interventions topic for what became of a decision.
 *
 * Threads: one. Memory: the caller owns the listener, which must not move while it is open.
 */
#ifndef TROTH_OPS_KAFKA_RULINGS_H
#define TROTH_OPS_KAFKA_RULINGS_H

#include <jansson.h>

#include "ops/kafka/link.h"

struct troth_rulings {
    struct troth_kafka_link link; /* first: its address is librdkafka's opaque */
};

/* Begins to listen, from the topic's end as it is now. Returns TROTH_OK, or why it cannot, with
 * error; the listener is then closed. */
TROTH_MUST_CHECK
troth_status troth_rulings_open(struct troth_rulings *rulings, const struct troth_config *config,
                                char error[TROTH_KAFKA_ERROR_LENGTH]);

/* Waits for the ruling on a decision, at most timeout_us. In id: 32 hexadecimal digits. Returns the
 * record, the caller's to json_decref, or NULL: none came. */
json_t *troth_rulings_wait(struct troth_rulings *rulings, const char *id, int64_t timeout_us);

/* In rulings: open, closed, or all bytes zero. */
void troth_rulings_close(struct troth_rulings *rulings);

#endif
