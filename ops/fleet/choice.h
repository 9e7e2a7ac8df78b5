/*
 * Which agent speaks next: all alike, or by Zipf's law, in constant time by Walker's alias table
 * (1977, built as Vose did, 1991). The table is built from exact integers; the weights come from
 * divisions, products and square roots, which IEEE 754 rounds alike everywhere.
 */
#ifndef TROTH_OPS_FLEET_CHOICE_H
#define TROTH_OPS_FLEET_CHOICE_H

#include <stdint.h>

#include "ops/fleet/random.h"

enum { FLEET_ZIPF_STEPS = 1024 }; /* in which exponents are counted */

/* Column i: i itself below the threshold of 2^32, else its alias. */
struct fleet_column {
    uint32_t threshold;
    uint32_t alias;
};

/* Returns (rank + 1) ^ -(steps / FLEET_ZIPF_STEPS). */
double fleet_zipf_weight(uint32_t rank, uint32_t steps);

/* In count: >= 1. In scaled, stack: room for count each, for the call alone. Out columns: count.
 * Returns the sum of all weights. */
double fleet_choice_init(struct fleet_column *columns, uint32_t count, uint32_t steps,
                         uint64_t *scaled, uint32_t *stack);

static inline uint32_t fleet_choice_draw(const struct fleet_column *columns, uint32_t count,
                                         struct fleet_random *random)
{
    uint64_t drawn = fleet_random_next(random);
    uint32_t column = (uint32_t)((drawn >> 32) * count >> 32);
    return (uint32_t)drawn < columns[column].threshold ? column : columns[column].alias;
}

#endif
