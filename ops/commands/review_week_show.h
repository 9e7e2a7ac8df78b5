/*
 * What `troth review week` prints of one contract: as text, as Markdown or as JSON.
 *
 * Threads: one. Memory: a report borrows all that it points to.
 */
#ifndef TROTH_OPS_COMMANDS_REVIEW_WEEK_SHOW_H
#define TROTH_OPS_COMMANDS_REVIEW_WEEK_SHOW_H

#include "ops/command.h"
#include "ops/review/weeks.h"

/* One contract's week, and what is said of it. */
struct troth_week_report {
    const struct troth_context *context;
    struct troth_weeks *weeks;
    const struct troth_ledger *now;
    const struct troth_ledger *before;
    /* Open at the end of the week, or now; of all contracts. NULL: they are not told as text. */
    const struct troth_debts *debts;
    bool debts_known;
    bool debts_read; /* those that are open now */
    bool markdown;
    int64_t at_us; /* the time as of which ages are told */
};

/* Prints it. In first: nothing was printed before. Returns whether there was memory. */
bool troth_week_report_print(const struct troth_week_report *report, bool first);

/* Prints it as one JSON object on a line. */
void troth_week_report_print_json(const struct troth_week_report *report);

#endif
