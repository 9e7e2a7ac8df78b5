/*
 * Records that wait to be sent, one after the other in one block of memory.
 *
 *     ┌ head │ headers: name 0 length value … │ key │ value ┬ head │ … ┬ … room ┐
 *
 * Threads: one at a time. Memory: the block is the outbox's from init to fini; pages are touched as
 * records come. What is read points into it, until it is cleared.
 */
#ifndef TROTH_CONSUMERS_OUTBOX_H
#define TROTH_CONSUMERS_OUTBOX_H

#include "consumers/log.h"

struct troth_outbox {
    uint8_t *block;
    size_t size;
    size_t used;
};

/* A record as it is read. */
struct troth_outbox_record {
    struct troth_log_record record; /* with these headers */
    struct troth_log_header headers[TROTH_HEADERS_MAX];
};

/* In size: bytes of the block. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_outbox_init(struct troth_outbox *outbox, size_t size);

/* An outbox that is all zero is fine. */
void troth_outbox_fini(struct troth_outbox *outbox);

/* Whether a record would fit if there were no other. */
bool troth_outbox_fits(const struct troth_outbox *outbox, const struct troth_log_record *record);

/* Copies a record in. Returns whether there was room. */
bool troth_outbox_put(struct troth_outbox *outbox, const struct troth_log_record *record);

/* Out record: the one at `place`, from 0. Returns the place of the next, or 0 at the end, where
 * nothing is put out. */
size_t troth_outbox_read(const struct troth_outbox *outbox, size_t place,
                         struct troth_outbox_record *record);

void troth_outbox_clear(struct troth_outbox *outbox);

#endif
