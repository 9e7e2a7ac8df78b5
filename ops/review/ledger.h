/*
 * A contract's week, put together of the ledgers of its partitions (schemas/reviews.md): counts are
 * added, histograms bucket by bucket.
 *
 * Threads: one. Memory: the caller's, but for the exceptions, which troth_ledger_fini frees.
 */
#ifndef TROTH_OPS_REVIEW_LEDGER_H
#define TROTH_OPS_REVIEW_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/review/debt.h"
#include "scoring/week.h"

enum {
    TROTH_LEDGER_PARTITIONS_MAX = 10000, /* as topics.partitions has it */
    TROTH_LEDGER_WRONG_MAX = 160
};

struct troth_ledger {
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    struct troth_week week;   /* the sums; of `changed` nothing is meant */
    unsigned partitions;      /* whose ledgers were added */
    unsigned open;            /* of them, not closed yet */
    int64_t as_of_us;         /* up to when all that were added have counted */
    struct troth_debts debts; /* at the end of the week: of ledgers that are closed */
    uint64_t present[(TROTH_LEDGER_PARTITIONS_MAX + 63) / 64]; /* bit: partition was added */
};

/* Out ledger: empty. In contract: its name. In number: of the week. */
void troth_ledger_init(struct troth_ledger *ledger, const char *contract, int64_t number);
void troth_ledger_fini(struct troth_ledger *ledger);

/*
 * Adds a partition's record.
 * In text, length: the JSON; any bytes. In partition: where it was found, which it must say too, as
 * it must say the contract and the week.
 * Returns whether it was; else nothing is changed, and wrong says why, without the place.
 */
bool troth_ledger_add(struct troth_ledger *ledger, int32_t partition, const char *text,
                      size_t length, char wrong[TROTH_LEDGER_WRONG_MAX]);

/* Returns whether a partition's record was added. */
bool troth_ledger_has(const struct troth_ledger *ledger, int32_t partition);

/* Returns how many times a histogram holds. */
uint64_t troth_ledger_times(const uint32_t histogram[TROTH_WEEK_BUCKETS]);

/* What a week tells: the four signals, and what they are made of. Shares and ratios are -1 where
 * there is nothing to divide by, times where none was measured. */
struct troth_signals {
    uint64_t rescues; /* rescued tasks and help that was reported later */
    double rescues_per_task;
    uint64_t narrowings_timed;
    int64_t narrow_p50_us;
    int64_t narrow_p95_us;
    uint64_t recoveries_timed;
    int64_t recovery_p50_us;
    int64_t recovery_p95_us;
    uint64_t reviews_due;
    uint64_t reviews_open; /* at the end */
    double reviews_done_share;
    double reviews_concrete_share; /* of those done */
};

struct troth_signals troth_ledger_signals(const struct troth_ledger *ledger);

#endif
