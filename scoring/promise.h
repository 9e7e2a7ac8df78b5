/*
 * What a term promises, as one number: two terms with the same number promise the same, in whatever
 * version of a contract, and whichever program wrote the number down.
 *
 * The number is XXH64 over the values that troth_term_equal compares, one by one, each in
 * little-endian order, seeded with the number so far. It stands in records that outlive the
 * program, so its definition is part of their format: it never follows the layout of a struct.
 *
 * Pure; no memory.
 */
#ifndef TROTH_SCORING_PROMISE_H
#define TROTH_SCORING_PROMISE_H

#include <stdint.h>

#include "schemas/contract.h"

/* Returns the number of a term (below contract->term_count). */
uint64_t troth_term_promise(const struct troth_contract *contract, unsigned term);

#endif
