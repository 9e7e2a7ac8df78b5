/*
 * Values as they stand in Redis, taken strictly and without a locale: whatever the bytes are, a
 * value is what schemas/redis.md says, or it is none.
 *
 * Threads: any; no state. Memory: none kept.
 */
#ifndef TROTH_OPS_LIBTROTH_VALUE_H
#define TROTH_OPS_LIBTROTH_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal integer of 64 bits, with an optional minus. Returns whether it is one; out value then.
 */
bool troth_value_integer(const char *text, size_t length, int64_t *value);

/* A decimal in 0..1; digits past the ninth after the point are dropped. The same. */
bool troth_value_share(const char *text, size_t length, double *value);

/* Out rung: as enum troth_client_rung. The same. */
bool troth_value_rung(const char *text, size_t length, uint8_t *rung);

/* Returns 0, 1, 2 for low, medium, high; -1 for anything else. */
int troth_value_consequence(const char *text, size_t length);

/* Returns whether a terminated text is a name of a contract or capability; NULL is none. */
bool troth_value_is_name(const char *text);

/* Returns a hash of bytes: 64-bit FNV-1a with a last mixing. */
uint64_t troth_value_hash(const char *data, size_t length);

/*
 * Finds the agent in an intervention, JSON as the engine writes it. Out name: room for capacity
 * bytes. Returns its length, or 0 where it cannot be told: then nothing rests on it, as the agent's
 * key is known to have changed by its own message.
 */
size_t troth_value_narrowed(const char *record, size_t length, char *name, size_t capacity);

#endif
