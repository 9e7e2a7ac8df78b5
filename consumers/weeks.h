/*
 * The records of a partition's weeks, as they were last written down, for the store: of each
 * contract the last TROTH_WEEKS_KEPT weeks that any of them has.
 *
 * Threads: one worker's. Memory: texts are its own; bounded by the weeks kept and the contracts.
 */
#ifndef TROTH_CONSUMERS_WEEKS_H
#define TROTH_CONSUMERS_WEEKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/week_record.h"
#include "scoring/shard.h"

enum { TROTH_WEEKS_KEPT = 8, TROTH_WEEK_RECORDS_MAX = TROTH_WEEKS_KEPT * TROTH_CONTRACTS_MAX };

struct troth_week_entry {
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    int64_t number;
    char *text; /* JSON; NULL: it is not kept any more, and the store is to forget it */
    bool told;  /* the store knows it as it is */
};

struct troth_weeks {
    struct troth_week_entry *entries; /* of TROTH_WEEK_RECORDS_MAX */
    uint32_t count;
    int64_t newest; /* week of all of them; -1: there is none */
};

/* Notes a week's record in place of what there was of that week. In text: taken. One that is too
 * old to be kept is dropped, as is one for which there is no room. */
void troth_weeks_put(struct troth_weeks *weeks, const char *contract, int64_t number, char *text);

/* Returns the newest week that is kept of a contract, or NULL. */
const struct troth_week_entry *troth_weeks_newest(const struct troth_weeks *weeks,
                                                  const char *contract);

/* Notes that the store was told of an entry; one that is not kept any more goes, and the last takes
 * its place. */
void troth_weeks_note_told(struct troth_weeks *weeks, uint32_t place);

/* The store may have forgotten them. */
void troth_weeks_tell_anew(struct troth_weeks *weeks);

/* Frees the texts. */
void troth_weeks_fini(struct troth_weeks *weeks);

#endif
