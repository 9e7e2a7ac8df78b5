/*
 * The ledger of a contract in one ISO week: what of it a shard has counted. Each count is told in
 * schemas/reviews.md.
 *
 * Memory: of the shard, one a contract. Threads: one writer.
 */
#ifndef TROTH_SCORING_WEEK_H
#define TROTH_SCORING_WEEK_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/event.h"
#include "schemas/week.h"

/* X(NAME in the ledger and in its record) */
#define TROTH_WEEK_COUNTS(X)                                                                       \
    X(tasks)                                                                                       \
    X(rescued_tasks)                                                                               \
    X(rescue_reports)                                                                              \
    X(narrowed)                                                                                    \
    X(narrowed_stale)                                                                              \
    X(narrowed_decided)                                                                            \
    X(recovered)                                                                                   \
    X(relapses)                                                                                    \
    X(reviews_carried)                                                                             \
    X(reviews_opened)                                                                              \
    X(reviews_by_ladder)                                                                           \
    X(reviews_done)                                                                                \
    X(reviews_concrete)                                                                            \
    X(reviews_dropped)                                                                             \
    X(late_kept)                                                                                   \
    X(late_broken)                                                                                 \
    X(missing)                                                                                     \
    X(exceptions)                                                                                  \
    X(waiver_uses)

struct troth_week {
    int64_t number; /* of the week, schemas/week.h */
    bool changed;   /* since it was last written down */
#define TROTH_DECLARE_COUNT(name) uint64_t name;
    TROTH_WEEK_COUNTS(TROTH_DECLARE_COUNT)
#undef TROTH_DECLARE_COUNT
    uint64_t rescues[TROTH_RESCUE_COUNT];
    uint32_t time_to_narrow[TROTH_WEEK_BUCKETS]; /* counts by bucket; saturate */
    uint32_t recovery[TROTH_WEEK_BUCKETS];
};

/* Returns the reviews that are open at the ledger's end. */
static inline uint64_t troth_week_open(const struct troth_week *week)
{
    const uint64_t begun = week->reviews_carried + week->reviews_opened;
    const uint64_t ended = week->reviews_done + week->reviews_dropped;
    return begun > ended ? begun - ended : 0;
}

/* Makes an empty ledger. In carried: reviews that are open. */
void troth_week_init(struct troth_week *week, int64_t number, uint64_t carried);

/* Counts a time in a histogram; below 0 as 0. */
void troth_week_count(uint32_t histogram[TROTH_WEEK_BUCKETS], int64_t time_us);

/* Counts an event that reached a standing, by what it is. */
void troth_week_note(struct troth_week *week, const struct troth_event *event);

#endif
