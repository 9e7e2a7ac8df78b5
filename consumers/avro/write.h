/*
 * Avro's primitive values, written to a bounded buffer: the counterpart of avro/read.h.
 *
 * The first byte that does not fit sets `full`, and nothing is written from then on, so a caller
 * asks once, at the end. Private to the encoders; inline, as the readers are.
 *
 * Memory: the caller's buffer. Threads: one writer.
 */
#ifndef TROTH_CONSUMERS_AVRO_WRITE_H
#define TROTH_CONSUMERS_AVRO_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct avro_writer {
    uint8_t *next;
    uint8_t *end;
    bool full;
};

static inline void write_bytes(struct avro_writer *writer, const void *bytes, size_t length)
{
    if (writer->full || (size_t)(writer->end - writer->next) < length) {
        writer->full = true;
        return;
    }
    if (length > 0) {
        memcpy(writer->next, bytes, length);
        writer->next += length;
    }
}

/* Avro's int, long, and index: zigzag, then seven bits a byte from the lowest. */
static inline void write_long(struct avro_writer *writer, int64_t value)
{
    uint64_t rest = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
    uint8_t bytes[10];
    size_t length = 0;
    while (rest > 0x7f) {
        bytes[length++] = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    bytes[length++] = (uint8_t)rest;
    write_bytes(writer, bytes, length);
}

static inline void write_boolean(struct avro_writer *writer, bool value)
{
    write_bytes(writer, value ? "\1" : "\0", 1);
}

/* Null is the first branch of every union of ours. Returns whether a value must follow. */
static inline bool write_branch(struct avro_writer *writer, bool present)
{
    write_long(writer, present ? 1 : 0);
    return present;
}

/* Avro's float and double are little-endian. In size: bytes of the number's bits, at most 8. */
static inline void write_number_bits(struct avro_writer *writer, uint64_t bits, size_t size)
{
    uint8_t bytes[8];
    for (size_t byte = 0; byte < size; byte++) {
        bytes[byte] = (uint8_t)(bits >> 8 * byte);
    }
    write_bytes(writer, bytes, size);
}

#endif
