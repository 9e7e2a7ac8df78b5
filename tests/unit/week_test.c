/*
 * Claims, of schemas/reviews.md: weeks are those of ISO 8601, on both sides of new years; a bucket
 * holds the times that it says, and no two hold the same; a percentile is the greatest time of the
 * bucket of the one that a sorted list has there; a ledger comes back from its record, and adds up;
 * no bytes that are not one are taken.
 */
#include "tests/support/test.h"

#include <string.h>

#include "consumers/week_record.h"

#define DAY_US INT64_C(86400000000)

static void test_weeks_are_those_of_iso(void **state)
{
    /* Days since 1970 and what `date --date=DAY +%G-W%V` of GNU says. */
    static const struct {
        int64_t day;
        const char *label;
    } known[] = {
        {0, "1970-W01"},     {3, "1970-W01"},     {4, "1970-W02"},     {364, "1970-W53"},
        {367, "1970-W53"},   {368, "1971-W01"},   {10956, "1999-W52"}, {10958, "1999-W52"},
        {10959, "2000-W01"}, {18627, "2020-W53"}, {18630, "2020-W53"}, {18631, "2021-W01"},
        {20720, "2026-W39"}, {20786, "2026-W48"}, {20818, "2026-W53"}, {20821, "2026-W53"},
        {20822, "2027-W01"}, {47481, "2099-W53"}, {47484, "2099-W53"}, {47485, "2100-W01"}};
    (void)state;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        char label[TROTH_WEEK_LABEL_LENGTH];
        const int64_t first_us = known[i].day * DAY_US;
        const int64_t number = troth_week_of(first_us);
        assert_int_equal(troth_week_of(first_us + DAY_US - 1), number);
        troth_week_label(number, label);
        assert_string_equal(label, known[i].label);
        assert_int_equal(troth_week_find(label, strlen(label)), number);
        assert_in_range(first_us - troth_week_start_us(number), 0, 7 * DAY_US - 1);
    }
    for (int64_t number = 0; number < 10000; number++) {
        char label[TROTH_WEEK_LABEL_LENGTH];
        troth_week_label(number, label);
        assert_int_equal(troth_week_find(label, strlen(label)), number);
        assert_int_equal(troth_week_of(troth_week_start_us(number + 1) - 1), number);
        assert_int_equal(troth_week_of(troth_week_start_us(number + 1)), number + 1);
    }
    static const char *const none[] = {"2026-W54", "2026-W00", "2021-W53",  "1969-W52", "2026W48",
                                       "2026-w48", "2026-W4",  "2026-W480", "x026-W48", ""};
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(troth_week_find(none[i], strlen(none[i])), -1);
    }
}

static void test_buckets(void **state)
{
    uint64_t random = random_seed("buckets");
    int64_t least = 0;
    (void)state;
    for (unsigned bucket = 0; bucket < TROTH_WEEK_BUCKETS; bucket++) {
        const int64_t most = troth_week_bucket_most(bucket);
        assert_true(most >= least);
        assert_int_equal(troth_week_bucket(least), bucket);
        assert_int_equal(troth_week_bucket(most), bucket);
        assert_true(bucket < 32 ? most == least : (most - least) * 16 < least);
        least = most == INT64_MAX ? most : most + 1;
    }
    assert_true(troth_week_bucket_most(TROTH_WEEK_BUCKETS - 1) == INT64_MAX);
    assert_int_equal(troth_week_bucket(-5), 0);
    for (unsigned i = 0; i < 100000; i++) { /* as schemas/reviews.md says it */
        const int64_t time_us = (int64_t)(random_next(&random) >> (1 + random_below(&random, 63)));
        unsigned bits = 0;
        while (bits < 63 && time_us >> bits > 0) {
            bits++;
        }
        const int64_t expected = time_us < 32 ? time_us : 16 * (bits - 5) + (time_us >> (bits - 5));
        assert_int_equal(troth_week_bucket(time_us), expected);
    }
}

static int compare_times(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static void test_percentiles(void **state)
{
    enum { MOST = 200 };
    static const double shares[] = {0.0, 0.5, 0.95, 1.0};
    uint64_t random = random_seed("percentiles");
    static uint32_t histogram[TROTH_WEEK_BUCKETS];
    (void)state;
    assert_int_equal(troth_week_percentile(histogram, 0.5), -1);
    for (unsigned round = 0; round < 300; round++) {
        int64_t times[MOST];
        const unsigned count = 1 + (unsigned)random_below(&random, MOST);
        memset(histogram, 0, sizeof histogram);
        for (unsigned i = 0; i < count; i++) {
            times[i] = (int64_t)(random_next(&random) >> (10 + random_below(&random, 50)));
            troth_week_count(histogram, times[i]);
        }
        qsort(times, count, sizeof times[0], compare_times);
        for (unsigned s = 0; s < sizeof shares / sizeof shares[0]; s++) {
            unsigned place = 0; /* the ceil(p n)-th, from 1; of none the first */
            while (place < count && place < shares[s] * count) {
                place++;
            }
            const int64_t at = times[place > 0 ? place - 1 : 0];
            assert_int_equal(troth_week_percentile(histogram, shares[s]),
                             troth_week_bucket_most(troth_week_bucket(at)));
        }
    }
}

static struct troth_week random_week(uint64_t *random)
{
    struct troth_week week;
    troth_week_init(&week, (int64_t)random_below(random, 5000), random_below(random, 9));
#define DRAW_COUNT(name) week.name = random_next(random) >> (2 + random_below(random, 60));
    TROTH_WEEK_COUNTS(DRAW_COUNT)
#undef DRAW_COUNT
    for (unsigned i = 0; i < TROTH_RESCUE_COUNT; i++) {
        week.rescues[i] = random_below(random, 1000);
    }
    for (unsigned i = (unsigned)random_below(random, 400); i > 0; i--) {
        week.time_to_narrow[random_below(random, TROTH_WEEK_BUCKETS)] = (uint32_t)i;
        week.recovery[random_below(random, TROTH_WEEK_BUCKETS)] = UINT32_MAX;
    }
    return week;
}

static void test_a_ledger_comes_back(void **state)
{
    uint64_t random = random_seed("ledger");
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        const struct troth_week week = random_week(&random);
        const struct troth_week_place place = {"refunds", 3, (int64_t)random_below(&random, 9)};
        static struct troth_week read;
        static struct troth_week sum;
        char *text = troth_week_write(&week, &place, NULL);
        assert_non_null(text);
        memset(&read, 1, sizeof read);
        assert_int_equal(troth_week_read(text, strlen(text), &read), TROTH_OK);
        assert_memory_equal(&read, &week, sizeof week);
        troth_week_init(&sum, week.number, 0);
        troth_week_add(&sum, &week);
        assert_memory_equal(&sum, &week, sizeof week);
        /* Cut short it is none, and of another byte it is none or another ledger; never a crash. */
        const size_t cut = random_below(&random, strlen(text));
        assert_int_equal(troth_week_read(text, cut, &read), TROTH_INVALID);
        text[random_below(&random, strlen(text))] = (char)random_next(&random);
        const troth_status status = troth_week_read(text, strlen(text), &read);
        assert_true(status == TROTH_OK || status == TROTH_INVALID);
        free(text);
    }
}

static void test_keys(void **state)
{
    char key[TROTH_WEEK_KEY_MAX];
    struct troth_text contract = {NULL, 0};
    int64_t number = 0;
    (void)state;
    const size_t length = troth_week_key("refunds", 2969, key);
    assert_int_equal(length, 6 + 8 + 8);
    assert_memory_equal(key, "\0week\0refunds\0002026-W48", length);
    assert_true(troth_week_key_read(key, length, &contract, &number));
    assert_int_equal(number, 2969);
    assert_int_equal(contract.length, 7);
    assert_memory_equal(contract.data, "refunds", 7);
    for (size_t cut = 0; cut < length; cut++) {
        assert_false(troth_week_key_read(key, cut, &contract, &number));
    }
    assert_false(troth_week_key_read("\0week\0\0002026-W48", 15, &contract, &number));
    assert_false(troth_week_key_read("\0genesis", 8, &contract, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weeks_are_those_of_iso),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_a_ledger_comes_back),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
