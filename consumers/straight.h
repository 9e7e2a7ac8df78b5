/*
 * The way of nearly every record: those of our own schema, field after field, without a plan.
 *
 * A plan whose leading instructions are exactly those that our schema compiles to is marked when it
 * is compiled; what they read is read here instead, with every place and number a constant. Up to
 * the verdicts, that is: these and the attributes are the plan's again, and so is every record that
 * this reader does not like. It refuses nothing and explains nothing; what is wrong is found, and
 * said, by the plan. Private to the decoder.
 *
 * Memory: none taken; texts point into the bytes. Threads: pure functions of their arguments.
 */
#ifndef TROTH_CONSUMERS_STRAIGHT_H
#define TROTH_CONSUMERS_STRAIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/plan.h"
#include "schemas/event.h"

enum { TROTH_STRAIGHT_INSTRUCTIONS = 21 }; /* leading ones of a plan that it stands for */

/* Returns whether the plan begins with the instructions of our own schema, symbols included. */
bool troth_straight_fits(const struct troth_plan *plan);

/*
 * Reads all fields before the verdicts.
 * In next, end: the record. In event: cleared. Out event: its fields and their presence bits; worth
 * nothing on NULL. Out text_bits: all bytes of all texts, or-ed, in eights.
 * Returns the place after them, or NULL: the plan must read this record.
 */
const uint8_t *troth_straight_read(const uint8_t *next, const uint8_t *end,
                                   struct troth_event *event, uint64_t *text_bits);

#endif
