/*
 * What a trial came to, for people and as JSON Lines.
 *
 * For people: the fleet as a table, then a list an unequal fate, each cut at a number that is
 * stated. As JSON: {"trial": {...}}, then an {"agent": {...}} for each that fares otherwise or
 * never certifies.
 */
#ifndef TROTH_OPS_TRIAL_REPORT_H
#define TROTH_OPS_TRIAL_REPORT_H

#include "ops/trial.h"

enum { TROTH_TRIAL_LISTED = 20 }; /* agents of a list, unless all are wanted */

/* Prints on stdout. In most: agents of a list; SIZE_MAX: all. Returns whether there was memory. */
bool troth_trial_print(struct troth_trial *trial, size_t most);
void troth_trial_print_json(struct troth_trial *trial);

#endif
