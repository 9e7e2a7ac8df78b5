/*
 * Values as people write them: durations, integers, rates and names, without locale.
 *
 * Threads: pure. Memory: none. Every function leaves its output untouched on failure.
 */
#ifndef TROTH_OPS_CONFIG_PARSE_H
#define TROTH_OPS_CONFIG_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TROTH_PARSE_TEXT_MAX = 32 }; /* bytes, with terminator, of a duration or integer written */

/* Reads a decimal integer. Returns whether text is one that fits an int64, and nothing else. */
bool troth_parse_integer(const char *text, int64_t *value);

/* Reads a duration: an integer with us, ms, s, m, h or d. Out value_us: microseconds. Returns
 * whether text is one, at least 0, that fits. */
bool troth_parse_duration(const char *text, int64_t *value_us);

/* Reads a time: RFC 3339 in UTC, as 2026-11-24, 2026-11-24T10:52Z or 2026-11-24T10:52:16.25Z;
 * microseconds since 1970; or a duration, which is so long before now_us. Out time_us: microseconds
 * since 1970, not before it. Returns whether text is one. */
bool troth_parse_time(const char *text, int64_t now_us, int64_t *time_us);

/* Reads a rate: a number at least 0, alone (a second) or with /s, /m, /h or /d. Out per_hour.
 * Returns whether text is one that is finite. */
bool troth_parse_rate(const char *text, double *per_hour);

/* Writes a duration with the greatest unit that loses nothing. Returns buffer, at least
 * TROTH_PARSE_TEXT_MAX bytes. */
const char *troth_parse_write_duration(int64_t value_us, char *buffer);

/* Returns whether two names are the same when dashes, underscores, dots and case do not count. */
bool troth_parse_same_name(const char *a, size_t a_length, const char *b, size_t b_length);

/* Keeps the name nearest to what was written, over a list that the caller walks. */
struct troth_nearest {
    const char *given;
    const char *best; /* NULL: none is near enough to be worth a question */
    unsigned distance;
};

/* In given: borrowed until the last offer. */
struct troth_nearest troth_nearest_start(const char *given);

/* In name: borrowed as long as the result is used. */
void troth_nearest_offer(struct troth_nearest *nearest, const char *name);

#endif
