/*
 * The way of nearly every record: those of our own schema, field after field, without a plan.
 *
 * A plan whose instructions are exactly those that our schema compiles to is marked when it is
 * compiled; what they read is read here instead, with every place and number a constant. A record
 * that this reader does not like is the plan's: one whose verdicts or attributes come in more than
 * one block, and whatever is wrong. It refuses nothing and explains nothing; what is wrong is
 * found, and said, by the plan. Private to the decoder.
 *
 * Memory: none taken; texts point into the bytes. Threads: pure functions of their arguments.
 */
#ifndef TROTH_CONSUMERS_AVRO_STRAIGHT_H
#define TROTH_CONSUMERS_AVRO_STRAIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/avro/decode.h"

enum { TROTH_STRAIGHT_INSTRUCTIONS = 34 }; /* of the plan that it stands for */

/* Returns whether the plan has the instructions of our own schema, symbols included. */
bool troth_straight_fits(const struct troth_plan *plan);

/*
 * Reads a record whole.
 * In next, end: the record. Out event: every field, present or zero, its presence bits as in
 * decode.h, and its verdicts and attributes, which are in the scratch. Out plain: nothing of it can
 * be refused by the rules of check.h, so that they need not be asked: its texts are ASCII, its
 * agent's name is printable, its numbers are in range. All of that is worth nothing where the
 * record was not read.
 * Returns whether it was; else the plan must read this record.
 */
bool troth_straight_read(const uint8_t *next, const uint8_t *end, struct troth_event *event,
                         struct troth_scratch *scratch, bool *plain);

#endif
