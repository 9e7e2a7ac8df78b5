/*
 * A week beside the one before, as rows that a table or a mail shows: what is measured, both
 * figures in words, and whether it is better.
 *
 * Threads: pure. Memory: the caller's.
 */
#ifndef TROTH_OPS_REVIEW_ROWS_H
#define TROTH_OPS_REVIEW_ROWS_H

#include "ops/review/ledger.h"

enum { TROTH_WEEK_ROWS_MAX = 20, TROTH_WEEK_FIGURE_MAX = 128 };

struct troth_week_row {
    const char *measure;
    char now[TROTH_WEEK_FIGURE_MAX];
    char before[TROTH_WEEK_FIGURE_MAX]; /* "": nothing is known of the week before */
    const char *verdict;                /* "better", "worse", "same", or "": it cannot be told */
};

/*
 * Makes the rows of a week.
 * In before: the week before; without ledgers there is nothing to compare with. A count of a week
 * that is still open is not compared with that of a whole one; ratios and times are.
 * Returns how many.
 */
unsigned troth_week_rows(const struct troth_ledger *now, const struct troth_ledger *before,
                         struct troth_week_row rows[TROTH_WEEK_ROWS_MAX]);

/* Out text: which kinds of rescue there were, the most frequent first, as "3 takeover, 1 redo"; ""
 * where there was none. Returns text. */
const char *troth_week_rescues_text(const struct troth_ledger *ledger,
                                    char text[TROTH_WEEK_FIGURE_MAX]);

#endif
