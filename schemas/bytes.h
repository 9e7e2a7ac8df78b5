/*
 * Comparing short runs of bytes in place: names are some 10 to 30 bytes, for which a call of memcmp
 * costs as much as the rest of what finds an agent.
 */
#ifndef TROTH_SCHEMAS_BYTES_H
#define TROTH_SCHEMAS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t troth_bytes_load(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Returns whether two runs of `length` bytes are the same. Of 8 to 32 bytes they are loaded in
 * eights that overlap rather than being cut to the length. */
static inline bool troth_bytes_equal(const char *a, const char *b, size_t length)
{
    if (length < 8 || length > 32) {
        return memcmp(a, b, length) == 0;
    }
    uint64_t differ = (troth_bytes_load(a) ^ troth_bytes_load(b)) |
                      (troth_bytes_load(a + length - 8) ^ troth_bytes_load(b + length - 8));
    if (length > 16) {
        differ |= (troth_bytes_load(a + 8) ^ troth_bytes_load(b + 8)) |
                  (troth_bytes_load(a + length - 16) ^ troth_bytes_load(b + length - 16));
    }
    return differ == 0;
}

#endif
