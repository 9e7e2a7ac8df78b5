/*
 * Windows: what a standing's terms hold at a time, and who witnesses it.
 *
 * Looking never changes a ring, wherever its head was left, so a standing can be looked at for any
 * time from its last event on.
 */
#ifndef TROTH_SCORING_WINDOW_H
#define TROTH_SCORING_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "scoring/instant.h"
#include "scoring/rules.h"
#include "scoring/standing.h"

/* The aged sums of a share's window. */
struct troth_sums {
    double g; /* kept */
    double b; /* broken */
    bool any; /* there is evidence in the window */
};

/* Returns the aged sums of a term that shares, at the instant (not before its last event). */
struct troth_sums troth_window_sums(const struct troth_rules *rules,
                                    const struct troth_standing *standing, unsigned term,
                                    const struct troth_instant *instant);

/* Out kept, broken: the plain sums of a term's window; of one that does not share: never, broken so
 * often; budget and cadence 0. */
void troth_window_counts(const struct troth_rules *rules, const struct troth_standing *standing,
                         unsigned term, const struct troth_instant *instant, uint64_t *kept,
                         uint64_t *broken);

/* Out sum: the plain sum of a budget's window (saturating). Returns whether it has any amount. */
bool troth_window_amount(const struct troth_rules *rules, const struct troth_standing *standing,
                         unsigned term, const struct troth_instant *instant, int64_t *sum);

/* Returns the newest pane that holds evidence in the window of a windowed term, or -1. */
int64_t troth_window_newest(const struct troth_rules *rules, const struct troth_standing *standing,
                            unsigned term, const struct troth_instant *instant);

/* Out offsets: of the last broken records of a term, newest first. Returns how many, 0..4. */
unsigned troth_witnesses(const struct troth_rules *rules, const struct troth_standing *standing,
                         unsigned term, int64_t offsets[TROTH_WITNESSES_MAX]);

#endif
