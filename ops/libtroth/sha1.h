/*
 * SHA-1 (FIPS 180-4), for no other end than to repeat what troth_route draws from a RANDOM: a
 * chance is the first 32 bits of a digest. Nothing here rests on its strength.
 *
 * Threads: any; no state. Memory: none kept.
 */
#ifndef TROTH_OPS_LIBTROTH_SHA1_H
#define TROTH_OPS_LIBTROTH_SHA1_H

#include <stddef.h>
#include <stdint.h>

/* Returns the first 32 bits of the digest. */
uint32_t troth_sha1_first(const char *data, size_t length);

#endif
