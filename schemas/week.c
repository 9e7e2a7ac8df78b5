#include "schemas/week.h"

#include <stdio.h>
#include <string.h>

enum {
    DAY_SHIFT = 3, /* 1970-01-01 is a Thursday: its week began three days before */
    DAYS_IN_WEEK = 7,
    EXACT = 32, /* buckets of one value each */
    PARTS = 16, /* of each power of two above */
    PART_BITS = 4
};

#define DAY_US INT64_C(86400000000)

int64_t troth_week_of(int64_t time_us)
{
    return time_us < 0 ? 0 : (time_us / DAY_US + DAY_SHIFT) / DAYS_IN_WEEK;
}

int64_t troth_week_start_us(int64_t number)
{
    return (number * DAYS_IN_WEEK - DAY_SHIFT) * DAY_US;
}

/* The year of a day since 1970 in the Gregorian calendar, and the day of the year from 0, by eras
 * of 400 years that begin in March (Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2014).
 */
static int64_t year_of(int64_t day)
{
    const int64_t z = day + 719468;
    const int64_t era = z / 146097;
    const int64_t of_era = z - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    return year + era * 400 + (of_year >= 306); /* January and February are the next year's */
}

/* The day since 1970 that the first of January is. */
static int64_t new_year(int64_t year)
{
    const int64_t before = year - 1;
    return before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}

/* A week is of the year that its Thursday is in. */
static int64_t first_week(int64_t year)
{
    return (new_year(year) + 6) / DAYS_IN_WEEK;
}

void troth_week_label(int64_t number, char label[TROTH_WEEK_LABEL_LENGTH])
{
    const int64_t week = number < 0 ? 0 : number >= TROTH_WEEKS_MAX ? TROTH_WEEKS_MAX - 1 : number;
    const int64_t year = year_of(week * DAYS_IN_WEEK);
    const unsigned of_year = (unsigned)(week - first_week(year) + 1);
    snprintf(label, TROTH_WEEK_LABEL_LENGTH, "%04u-W%02u", (unsigned)year % 100000, of_year % 100);
}

static bool digits(const char *text, unsigned count, int64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *value = *value * 10 + (text[i] - '0');
    }
    return true;
}

int64_t troth_week_find(const char *label, size_t length)
{
    enum { LENGTH = 8, DIGITS = 4 };
    int64_t year;
    int64_t week;
    if (length != LENGTH || !digits(label, DIGITS, &year) || memcmp(label + DIGITS, "-W", 2) != 0 ||
        !digits(label + DIGITS + 2, 2, &week) || year < 1970) {
        return -1;
    }
    const int64_t first = first_week(year);
    return week < 1 || first + week > first_week(year + 1) ? -1 : first + week - 1;
}

unsigned troth_week_bucket(int64_t time_us)
{
    if (time_us < EXACT) {
        return time_us < 0 ? 0 : (unsigned)time_us;
    }
    const unsigned bits = 64U - (unsigned)__builtin_clzll((unsigned long long)time_us);
    const unsigned shift = bits - PART_BITS - 1;
    return PARTS * shift + (unsigned)(time_us >> shift);
}

int64_t troth_week_bucket_most(unsigned bucket)
{
    if (bucket < EXACT) {
        return bucket;
    }
    const unsigned shift = bucket / PARTS - 1;
    const uint64_t part = bucket - PARTS * shift;
    return (int64_t)(((part + 1) << shift) - 1);
}
