/*
 * Claims: weeks are those of ISO 8601: each day from 1970 to 2200 is in the week that the C library
 * names (strftime's %G-W%V), on both sides of every midnight; a label finds its week again, and
 * what is none, such as the 53rd week of a year that has 52, is refused; a time's bucket holds it,
 * buckets leave no gap, and their bounds are within 6.3 %.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "schemas/week.h"

#define DAY_US INT64_C(86400000000)

enum { DAYS = 84000 /* to the end of 2199 */ };

static void expect_label(int64_t time_us, const char *wanted)
{
    char label[TROTH_WEEK_LABEL_LENGTH];
    troth_week_label(troth_week_of(time_us), label);
    assert_string_equal(label, wanted);
}

/* The dates that tables of the calendar give for the turns of years. */
static void turns_of_years(void **state)
{
    static const struct {
        int year, month, day;
        const char *label;
    } table[] = {
        {1970, 1, 1, "1970-W01"},   {1976, 12, 31, "1976-W53"}, {1977, 1, 2, "1976-W53"},
        {1977, 1, 3, "1977-W01"},   {2005, 1, 1, "2004-W53"},   {2005, 1, 2, "2004-W53"},
        {2005, 12, 31, "2005-W52"}, {2007, 1, 1, "2007-W01"},   {2007, 12, 30, "2007-W52"},
        {2007, 12, 31, "2008-W01"}, {2008, 12, 28, "2008-W52"}, {2008, 12, 29, "2009-W01"},
        {2009, 12, 31, "2009-W53"}, {2010, 1, 3, "2009-W53"},   {2020, 12, 31, "2020-W53"},
        {2021, 1, 3, "2020-W53"},   {2021, 1, 4, "2021-W01"},   {2024, 12, 29, "2024-W52"},
        {2024, 12, 30, "2025-W01"}, {2026, 11, 29, "2026-W48"}, {2026, 11, 30, "2026-W49"},
        {2026, 12, 31, "2026-W53"}, {2027, 1, 3, "2026-W53"},   {2027, 1, 4, "2027-W01"},
        {2100, 2, 28, "2100-W08"},  {2100, 3, 1, "2100-W09"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tm date = {
            .tm_year = table[i].year - 1900, .tm_mon = table[i].month - 1, .tm_mday = table[i].day};
        const int64_t midnight_us = (int64_t)timegm(&date) * 1000000;
        expect_label(midnight_us, table[i].label);
        expect_label(midnight_us + DAY_US - 1, table[i].label);
    }
}

static void each_day_as_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = 0; day < DAYS; day++) {
        const time_t seconds = (time_t)(day * 86400);
        struct tm date;
        char wanted[32];
        assert_non_null(gmtime_r(&seconds, &date));
        assert_true(strftime(wanted, sizeof wanted, "%G-W%V", &date) > 0);
        expect_label(day * DAY_US, wanted);
        expect_label((day + 1) * DAY_US - 1, wanted);
        const int64_t number = troth_week_find(wanted, strlen(wanted));
        assert_int_equal(number, troth_week_of(day * DAY_US));
        assert_true(troth_week_start_us(number) <= day * DAY_US);
        assert_true(troth_week_start_us(number + 1) > day * DAY_US);
        assert_int_equal(date.tm_wday == 1, troth_week_start_us(number) == day * DAY_US);
    }
}

static void what_is_no_week(void **state)
{
    static const char *const none[] = {"",         "2026",      "2026-48",   "2026W48",
                                       "2026-W00", "2026-W54",  "2025-W53",  "2027-W53",
                                       "1969-W52", "2026-W4",   "2026-W048", "2026-w48",
                                       "2026-W4a", " 2026-W48", "2026-W48 ", "-026-W48"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(troth_week_find(none[i], strlen(none[i])), -1);
    }
    assert_true(troth_week_find("2020-W53", 8) > 0);
    assert_true(troth_week_find("2026-W53", 8) > 0);
}

static void buckets_hold_their_times(void **state)
{
    (void)state;
    assert_int_equal(troth_week_bucket(0), 0);
    assert_int_equal(troth_week_bucket(-1), 0);
    assert_int_equal(troth_week_bucket(INT64_MAX), TROTH_WEEK_BUCKETS - 1);
    assert_true(troth_week_bucket_most(TROTH_WEEK_BUCKETS - 1) == INT64_MAX);
    for (unsigned i = 0; i + 1 < TROTH_WEEK_BUCKETS; i++) {
        const int64_t most = troth_week_bucket_most(i);
        assert_int_equal(troth_week_bucket(most), i);
        assert_int_equal(troth_week_bucket(most + 1), i + 1); /* no gap, none twice */
        const int64_t least = i == 0 ? 0 : troth_week_bucket_most(i - 1) + 1;
        assert_true(i < 32 ? most == least : (double)(most - least) <= 0.063 * (double)least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_of_years),
        cmocka_unit_test(each_day_as_the_c_library),
        cmocka_unit_test(what_is_no_week),
        cmocka_unit_test(buckets_hold_their_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
