/*
 * A record of a control topic, for those who keep what it says: the registry of contracts and the
 * book of decisions. They are taken in the order of their offsets.
 *
 * Memory: borrowed for the call. Threads: plain data.
 */
#ifndef TROTH_CONSUMERS_CONTROL_RECORD_H
#define TROTH_CONSUMERS_CONTROL_RECORD_H

#include "consumers/log.h"
#include "schemas/event.h"

/* The header of a record that bears a signature (schemas/signatures.md). */
#define TROTH_SIGNATURE_HEADER "troth-signature"

enum { TROTH_SIGNATURES_MAX = 4 }; /* of one record */

struct troth_control_record {
    int64_t offset;
    int64_t time_us; /* by the log */
    const char *key; /* NULL: none */
    size_t key_length;
    const char *value; /* NULL: a tombstone */
    size_t value_length;
    /* The headers that bear signatures, in their order, where the record was read with them. */
    size_t signature_count; /* above TROTH_SIGNATURES_MAX: the others are not here */
    struct troth_text signatures[TROTH_SIGNATURES_MAX];
};

/* Returns the record that an item of the log is. */
static inline struct troth_control_record troth_control_record_of(const struct troth_log_item *item)
{
    return (struct troth_control_record){.offset = item->offset,
                                         .time_us = item->timestamp_us,
                                         .key = item->has_key ? item->key : NULL,
                                         .key_length = item->key_length,
                                         .value = item->has_value ? item->value : NULL,
                                         .value_length = item->value_length};
}

/* Gives a record the headers that bear its signatures. In count: of those that there are; the first
 * TROTH_SIGNATURES_MAX are looked at. They live as long as the record. */
static inline void troth_control_record_sign(struct troth_control_record *record,
                                             const struct troth_log_header *headers, size_t count)
{
    record->signature_count = count;
    for (size_t i = 0; i < count && i < TROTH_SIGNATURES_MAX; i++) {
        const bool fits = headers[i].value != NULL && headers[i].value_length <= UINT32_MAX;
        record->signatures[i] = (struct troth_text){fits ? headers[i].value : "",
                                                    fits ? (uint32_t)headers[i].value_length : 0};
    }
}

#endif
