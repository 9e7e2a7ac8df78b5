/*
 * What the scalars of a contract's document mean: numbers, exactly; durations; names; and plain
 * texts that other readers of YAML would take for something else.
 *
 * Pure functions, in the C locale's form whatever the process's is. Memory: none is kept. Threads:
 * any.
 */
#ifndef TROTH_SCHEMAS_CONTRACT_SCALAR_H
#define TROTH_SCHEMAS_CONTRACT_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TROTH_MILLISECOND_US  INT64_C(1000)
#define TROTH_DAY_US          INT64_C(86400000000)
#define TROTH_DURATION_MAX_US (366 * TROTH_DAY_US)

/* Reads one character. Out code: its code point. Returns its bytes, 1..4, or 0 where the bytes are
 * not UTF-8. In length: at least 1. */
size_t troth_utf8_read(const char *text, size_t length, uint32_t *code);

/* Returns whether a text reads as a decimal number: JSON's form, and also .5, 5. and +5. */
bool troth_scalar_is_number(const char *text, size_t length);

/* Returns whether a reader of YAML 1.1 or 1.2 would take the plain text for null, a boolean, a
 * number (of any base, with _ or :) or a date. */
bool troth_scalar_is_special(const char *text, size_t length);

bool troth_scalar_is_null(const char *text, size_t length);

/* Out value: of true, True, TRUE, false, False or FALSE. Returns false for any other text. */
bool troth_scalar_boolean(const char *text, size_t length, bool *value);

/* A decimal number against the 64-bit integers. */
struct troth_whole {
    int64_t floor; /* the greatest integer at or below it, where `beyond` is 0 */
    bool exact;    /* it is that integer */
    int8_t beyond; /* -1: below INT64_MIN; 1: INT64_MAX + 1 or above */
};

/* In text: troth_scalar_is_number. */
struct troth_whole troth_scalar_whole(const char *text, size_t length);

/* In text: troth_scalar_is_number, terminated. Returns the nearest double; infinite when too great.
 * Minus zero reads as zero. */
double troth_scalar_double(const char *text);

/* Reads an integer with ms, s, m, h or d, at most TROTH_DURATION_MAX_US. Returns -1 for any other
 * text. */
int64_t troth_scalar_duration(const char *text, size_t length);

/* Returns whether a text is [a-z0-9][a-z0-9._-]{0,62}. */
bool troth_scalar_is_name(const char *text, size_t length);

/* Returns the entry of a NULL-terminated list that a text was probably meant to be: the nearest by
 * insertions, deletions and replacements, at most 2, the case of letters aside; or NULL. */
const char *troth_scalar_nearest(const char *text, size_t length, const char *const *known);

#endif
