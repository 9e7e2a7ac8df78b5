/*
 * A record of ours read value by value, where a failure is asked for once, at the end: a reader
 * that has failed reads nothing more and gives zeros.
 *
 * For the records of the topic of standings, of whose writers we know every schema by its format
 * number; events of any writer go through a plan (consumers/avro/plan.h). Private to those
 * decoders.
 *
 * Memory: texts point into the bytes. Threads: one reader.
 */
#ifndef TROTH_CONSUMERS_RECORD_READ_H
#define TROTH_CONSUMERS_RECORD_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/avro/read.h"
#include "schemas/event.h"
#include "schemas/status.h"

struct record_reader {
    const uint8_t *next; /* NULL: it has failed */
    const uint8_t *end;
    int64_t format;
    troth_status status;
};

/* An array that is being read. */
struct record_items {
    uint64_t remaining; /* of the present block */
    uint64_t seen;
};

static inline void record_fail(struct record_reader *reader, troth_status status)
{
    if (reader->status == TROTH_OK) {
        reader->status = status;
    }
    reader->next = NULL;
}

/* Takes the place after a value, as the readers of avro/read.h return it. */
static inline bool record_pass(struct record_reader *reader, const uint8_t *after)
{
    if (after == NULL) {
        record_fail(reader, TROTH_UNDECODABLE);
        return false;
    }
    reader->next = after;
    return true;
}

static inline int64_t record_long(struct record_reader *reader)
{
    int64_t value = 0;
    if (reader->next != NULL) {
        (void)record_pass(reader, read_long(reader->next, reader->end, &value));
    }
    return value;
}

/* A long within least..most; any other is TROTH_INVALID. */
static inline int64_t record_long_in(struct record_reader *reader, int64_t least, int64_t most)
{
    const int64_t value = record_long(reader);
    if (reader->next == NULL) {
        return 0;
    }
    if (value < least || value > most) {
        record_fail(reader, TROTH_INVALID);
        return 0;
    }
    return value;
}

/* An index of a symbol or a branch, below count. */
static inline unsigned record_index(struct record_reader *reader, unsigned count)
{
    unsigned index = 0;
    if (reader->next != NULL) {
        (void)record_pass(reader, read_index(reader->next, reader->end, count, &index));
    }
    return index;
}

/* The branch of a union of null and one type. Returns whether a value follows. */
static inline bool record_branch(struct record_reader *reader)
{
    return record_index(reader, 2) == 1;
}

static inline bool record_boolean(struct record_reader *reader)
{
    bool value = false;
    if (reader->next != NULL) {
        (void)record_pass(reader, read_boolean(reader->next, reader->end, &value));
    }
    return value;
}

static inline double record_float(struct record_reader *reader)
{
    double value = 0.0;
    if (reader->next != NULL) {
        (void)record_pass(reader, read_number(reader->next, reader->end, sizeof(float), &value));
    }
    return value;
}

/* Out bytes: a fixed of that size; untouched on failure. */
static inline void record_fixed(struct record_reader *reader, void *bytes, size_t size)
{
    if (reader->next == NULL || (size_t)(reader->end - reader->next) < size) {
        record_fail(reader, TROTH_UNDECODABLE);
        return;
    }
    memcpy(bytes, reader->next, size);
    reader->next += size;
}

/* Eight bytes in big-endian order. */
static inline uint64_t record_hash(struct record_reader *reader)
{
    uint8_t bytes[8] = {0};
    uint64_t hash = 0;
    record_fixed(reader, bytes, sizeof bytes);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        hash = hash << 8 | bytes[i];
    }
    return hash;
}

/* A string of at most that many bytes; a longer one is TROTH_OVER_LIMIT. */
static inline struct troth_text record_text(struct record_reader *reader, size_t most)
{
    size_t length = 0;
    struct troth_text text = {NULL, 0};
    if (reader->next == NULL ||
        !record_pass(reader, read_length(reader->next, reader->end, &length))) {
        return text;
    }
    if (length > most) {
        record_fail(reader, TROTH_OVER_LIMIT);
        return text;
    }
    text = (struct troth_text){(const char *)reader->next, (uint32_t)length};
    reader->next += length;
    return text;
}

/* Goes on to the next item of an array of at most that many; more are TROTH_OVER_LIMIT. Returns
 * false at the array's end, or when the reader has failed. */
static inline bool record_item(struct record_reader *reader, struct record_items *items,
                               uint64_t most)
{
    if (items->remaining == 0) {
        int64_t count = record_long(reader);
        if (count < 0 && count > INT64_MIN) {
            count = -count;
            (void)record_long(reader); /* the block's size in bytes, for those who skip it */
        }
        if (reader->next != NULL && count < 0) {
            record_fail(reader, TROTH_UNDECODABLE);
        } else if (reader->next != NULL && (uint64_t)count > most - items->seen) {
            record_fail(reader, TROTH_OVER_LIMIT);
        }
        items->remaining = reader->next != NULL ? (uint64_t)count : 0;
    }
    if (reader->next == NULL || items->remaining == 0) {
        return false;
    }
    items->remaining--;
    items->seen++;
    return true;
}

/* Begins to read a record that starts with its format's number, from 1 to the present one. */
static inline struct record_reader record_begin(const void *bytes, size_t length, int64_t present)
{
    struct record_reader reader = {
        .next = bytes, .end = (const uint8_t *)bytes + length, .status = TROTH_OK};
    if (length == 0) {
        record_fail(&reader, TROTH_UNDECODABLE);
        return reader;
    }
    reader.format = record_long(&reader);
    if ((reader.format < 1 || reader.format > present) && reader.status == TROTH_OK) {
        record_fail(&reader, TROTH_UNSUPPORTED);
    }
    return reader;
}

/* Returns why reading failed, or TROTH_OK where all bytes were read. */
static inline troth_status record_finish(const struct record_reader *reader)
{
    if (reader->status == TROTH_OK && reader->next != reader->end) {
        return TROTH_UNDECODABLE;
    }
    return reader->status;
}

#endif
