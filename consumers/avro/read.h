/*
 * Avro's primitive values, read from memory that may hold anything.
 *
 * Every reader takes the place to read from and the end, reads nothing past it, and returns the
 * place after the value, or NULL: cut short, or not a value. Outputs are untouched on NULL unless a
 * reader says otherwise. Private to the decoder, whose speed they decide; so they are inline.
 *
 * Memory: none. Threads: pure functions of their arguments.
 */
#ifndef TROTH_CONSUMERS_AVRO_READ_H
#define TROTH_CONSUMERS_AVRO_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Ten bytes at most; of the tenth only the lowest bit is left of the 64. */
static __attribute__((noinline, unused)) const uint8_t *
read_varint_slowly(const uint8_t *next, const uint8_t *end, uint64_t *value)
{
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 64 && next < end; shift += 7) {
        uint8_t byte = *next++;
        if (shift == 63 && byte > 1) {
            return NULL;
        }
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = bits;
            return next;
        }
    }
    return NULL;
}

/* The bits before the zigzag is undone, where they nearly always take one byte. */
static inline const uint8_t *read_short_varint(const uint8_t *next, const uint8_t *end,
                                               uint64_t *value)
{
    if (next < end && *next < 0x80) {
        *value = *next;
        return next + 1;
    }
    return read_varint_slowly(next, end, value);
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Up to four bytes, then up to eight, are taken at once: their number decides no branch, which
 * would be mispredicted. All bits up to the first byte without the mark stay; then gaps are closed.
 */
static inline __attribute__((always_inline)) const uint8_t *read_varint_4(const uint8_t *next,
                                                                          uint64_t *value)
{
    uint32_t word;
    memcpy(&word, next, sizeof word);
    uint32_t stops = ~word & 0x80808080U;
    if (stops == 0) {
        return NULL;
    }
    word &= (stops ^ (stops - 1)) & 0x7f7f7f7fU;
    word = (word & 0x007f007fU) | (word & 0x7f007f00U) >> 1;
    *value = (word & 0x3fffU) | word >> 16 << 14;
    return next + ((unsigned)__builtin_ctz(stops) >> 3) + 1;
}

static inline __attribute__((always_inline)) const uint8_t *read_varint_8(const uint8_t *next,
                                                                          uint64_t *value)
{
    uint64_t word;
    memcpy(&word, next, sizeof word);
    uint64_t stops = ~word & UINT64_C(0x8080808080808080);
    if (stops == 0) {
        return NULL;
    }
    word &= (stops ^ (stops - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f);
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    *value = (word & UINT64_C(0x000000000fffffff)) | word >> 32 << 28;
    return next + ((unsigned)__builtin_ctzll(stops) >> 3) + 1;
}
#endif

/* The same where they may well take more. */
static inline const uint8_t *read_varint(const uint8_t *next, const uint8_t *end, uint64_t *value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint8_t *after = end - next >= 4 ? read_varint_4(next, value) : NULL;
    if (after == NULL && end - next >= 8) {
        after = read_varint_8(next, value);
    }
    if (after != NULL) {
        return after;
    }
#endif
    return read_varint_slowly(next, end, value);
}

static inline int64_t undo_zigzag(uint64_t bits)
{
    return (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
}

static inline const uint8_t *read_long(const uint8_t *next, const uint8_t *end, int64_t *value)
{
    uint64_t bits;
    next = read_varint(next, end, &bits);
    if (next != NULL) {
        *value = undo_zigzag(bits);
    }
    return next;
}

static inline const uint8_t *read_int(const uint8_t *next, const uint8_t *end, int64_t *value)
{
    int64_t wide;
    next = read_long(next, end, &wide);
    if (next == NULL || wide < INT32_MIN || wide > INT32_MAX) {
        return NULL;
    }
    *value = wide;
    return next;
}

/* An index of a branch or a symbol, below count. */
static inline const uint8_t *read_index(const uint8_t *next, const uint8_t *end, unsigned count,
                                        unsigned *index)
{
    uint64_t bits;
    next = read_short_varint(next, end, &bits);
    /* A negative index has its lowest bit set. */
    if (next == NULL || (bits & 1) != 0 || bits >> 1 >= count) {
        return NULL;
    }
    *index = (unsigned)(bits >> 1);
    return next;
}

/* The length of a string or bytes, which the record holds whole. */
static inline const uint8_t *read_length(const uint8_t *next, const uint8_t *end, size_t *length)
{
    uint64_t bits;
    next = read_short_varint(next, end, &bits);
    if (next == NULL || (bits & 1) != 0 || bits >> 1 > (uint64_t)(end - next)) {
        return NULL;
    }
    *length = (size_t)(bits >> 1);
    return next;
}

static inline uint64_t load(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* All bytes or-ed, in eights; loads overlap rather than being cut to the length. */
static inline uint64_t gather_bits(const uint8_t *bytes, size_t length)
{
    uint64_t bits = 0;
    if (length < 8) {
        for (size_t i = 0; i < length; i++) {
            bits |= bytes[i];
        }
        return bits;
    }
    for (size_t i = 16; i < length; i += 16) {
        bits |= load(bytes + i - 16) | load(bytes + i - 8);
    }
    if (length > 16) {
        bits |= load(bytes + length - 16);
    }
    return bits | load(bytes) | load(bytes + length - 8);
}

static inline const uint8_t *read_boolean(const uint8_t *next, const uint8_t *end, bool *value)
{
    if (next == end || *next > 1) {
        return NULL;
    }
    *value = *next == 1;
    return next + 1;
}

/* Avro's float and double are little-endian. */
static inline const uint8_t *read_number(const uint8_t *next, const uint8_t *end, size_t size,
                                         double *value)
{
    if ((size_t)(end - next) < size) {
        return NULL;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        bits |= (uint64_t)next[i] << 8 * i;
    }
    if (size == sizeof(float)) {
        uint32_t narrow = (uint32_t)bits;
        float number;
        memcpy(&number, &narrow, sizeof number);
        *value = (double)number;
    } else {
        memcpy(value, &bits, sizeof *value);
    }
    return next + size;
}

#endif
