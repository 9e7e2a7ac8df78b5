/*
 * ISO 8601 weeks (Monday 00:00 UTC to the next), and the buckets in which a week's times are
 * counted: schemas/reviews.md.
 *
 * Threads: pure.
 */
#ifndef TROTH_SCHEMAS_WEEK_H
#define TROTH_SCHEMAS_WEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TROTH_WEEK_BUCKETS = 960,     /* of times up to INT64_MAX */
    TROTH_WEEK_LABEL_LENGTH = 10, /* "9999-W53" and more for later years, with the NUL */
    TROTH_WEEKS_MAX = 470000      /* number of a week is below: in the year 9999 */
};

#define TROTH_WEEK_US (INT64_C(7) * 86400000000)

/* Returns the number of the week that a time is in; 0 is the one that 1970-01-01 is in. In time_us:
 * from 1970 on, of any time before it the answer is 0. */
int64_t troth_week_of(int64_t time_us);

/* Returns when a week begins, microseconds since 1970 (of week 0: below 0). In number: from 0 to
 * TROTH_WEEKS_MAX. */
int64_t troth_week_start_us(int64_t number);

/* Out label: "YYYY-Www". In number: as above; a later one is labelled as the last. */
void troth_week_label(int64_t number, char label[TROTH_WEEK_LABEL_LENGTH]);

/* Finds a week by its label. In label: any bytes. Returns its number, or -1: it is none, or before
 * 1970. */
int64_t troth_week_find(const char *label, size_t length);

/* Returns the bucket of a time in microseconds (below 0: as 0), and the greatest time of a bucket
 * below TROTH_WEEK_BUCKETS. */
unsigned troth_week_bucket(int64_t time_us);
int64_t troth_week_bucket_most(unsigned bucket);

#endif
