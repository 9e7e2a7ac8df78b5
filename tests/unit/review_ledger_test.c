/*
 * Claims: the ledgers of partitions add up to what one list of everything gives, in any order;
 * percentiles are those of the sorted list, told by the bound of their bucket; a record that is
 * none, or of another place, changes nothing; exceptions come the oldest first and what is above
 * the bound is counted; a week is called better or worse on the right side, and counts of an open
 * week are not compared.
 */
#include "tests/support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/review/ledger.h"
#include "ops/review/rows.h"

#define NUMBER (troth_week_find("2026-W48", 8))

enum { PARTITIONS = 7, PART_MAX = 600, ROUNDS = 20 };

static const char *const count_names[] = {
#define COUNT_NAME(name) #name,
    TROTH_WEEK_COUNTS(COUNT_NAME)
#undef COUNT_NAME
};
enum { COUNTS = sizeof count_names / sizeof count_names[0] };

/* The bucket of a time, from the words of schemas/reviews.md by division alone. */
static int64_t slow_bucket(int64_t us)
{
    int64_t bits = 0;
    int64_t power = 1;
    for (int64_t rest = us; rest > 0; rest /= 2) {
        bits++;
    }
    for (int64_t i = 5; i < bits; i++) {
        power *= 2;
    }
    return us < 32 ? us : 16 * (bits - 5) + us / power;
}

static json_t *slow_histogram(const int64_t *times, unsigned count)
{
    json_t *list = json_array();
    for (int64_t bucket = 0; bucket < TROTH_WEEK_BUCKETS; bucket++) {
        json_int_t in = 0;
        for (unsigned i = 0; i < count; i++) {
            in += slow_bucket(times[i]) == bucket;
        }
        if (in > 0) {
            json_array_append_new(list, json_pack("[I, I]", (json_int_t)bucket, in));
        }
    }
    return list;
}

/* A record whose counts are all zero. */
static json_t *make_record(const char *contract, const char *week, int32_t partition)
{
    json_t *record = json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:b, s:[], s:i}", "contract", contract, "week", week,
        "partition", partition, "from", (json_int_t)troth_week_start_us(NUMBER), "as_of",
        (json_int_t)troth_week_start_us(NUMBER + 1), "closed", 1, "debt", "debt_left_out", 0);
    json_t *rescues = json_object();
    for (unsigned i = 0; i < COUNTS; i++) {
        json_object_set_new(record, count_names[i], json_integer(0));
    }
    for (unsigned i = 0; i < TROTH_RESCUE_COUNT; i++) {
        json_object_set_new(rescues, troth_rescue_name(i), json_integer(0));
    }
    json_object_set_new(record, "rescues", rescues);
    json_object_set_new(record, "time_to_narrow", json_array());
    json_object_set_new(record, "recovery", json_array());
    return record;
}

static bool add(struct troth_ledger *ledger, int32_t partition, const json_t *record)
{
    char wrong[TROTH_LEDGER_WRONG_MAX] = "";
    char *text = json_dumps(record, JSON_COMPACT);
    const bool added = troth_ledger_add(ledger, partition, text, strlen(text), wrong);
    assert_int_equal(added, wrong[0] == '\0');
    free(text);
    return added;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t one = *(const int64_t *)a;
    const int64_t other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* The p-th percentile of a sorted list is its ceil(p n)-th; told is the greatest time that shares
 * its bucket. */
static void expect_percentile(const int64_t *sorted, unsigned count, unsigned percent, int64_t told)
{
    if (count == 0) {
        assert_int_equal(told, -1);
        return;
    }
    const int64_t exact = sorted[(count * percent + 99) / 100 - 1];
    assert_int_equal(slow_bucket(told), slow_bucket(exact));
    assert_int_not_equal(slow_bucket(told + 1), slow_bucket(exact));
}

/* Times over the whole range: a few microseconds to weeks. */
static unsigned draw_times(uint64_t *random, int64_t *times)
{
    const unsigned count = (unsigned)random_below(random, PART_MAX);
    for (unsigned i = 0; i < count; i++) {
        times[i] = (int64_t)random_below(random, UINT64_C(1) << random_below(random, 42));
    }
    return count;
}

static void ledgers_add_up(void **state)
{
    (void)state;
    uint64_t random = random_seed("review_ledger_test");
    for (unsigned round = 0; round < ROUNDS; round++) {
        static struct troth_ledger ledger;
        static struct troth_ledger backwards;
        static int64_t all[PARTITIONS * PART_MAX];
        json_t *records[PARTITIONS];
        unsigned all_count = 0;
        json_int_t sums[COUNTS] = {0};
        troth_ledger_init(&ledger, "refunds", NUMBER);
        troth_ledger_init(&backwards, "refunds", NUMBER);
        for (int32_t p = 0; p < PARTITIONS; p++) {
            int64_t *times = all + all_count;
            const unsigned count = draw_times(&random, times);
            records[p] = make_record("refunds", "2026-W48", p);
            json_object_set_new(records[p], "recovery", slow_histogram(times, count));
            all_count += count;
            for (unsigned i = 0; i < COUNTS; i++) {
                const json_int_t value = (json_int_t)random_below(&random, 1000000);
                json_object_set_new(records[p], count_names[i], json_integer(value));
                sums[i] += value;
            }
        }
        for (int32_t p = 0; p < PARTITIONS; p++) {
            assert_true(add(&ledger, p, records[p]));
            assert_true(add(&backwards, PARTITIONS - 1 - p, records[PARTITIONS - 1 - p]));
        }
        unsigned i = 0;
#define EXPECT_SUM(name) assert_int_equal(ledger.week.name, sums[i++]);
        TROTH_WEEK_COUNTS(EXPECT_SUM)
#undef EXPECT_SUM
        assert_memory_equal(&ledger.week, &backwards.week, sizeof ledger.week);
        qsort(all, all_count, sizeof *all, compare_times);
        const struct troth_signals signals = troth_ledger_signals(&ledger);
        assert_int_equal(signals.recoveries_timed, all_count);
        expect_percentile(all, all_count, 50, signals.recovery_p50_us);
        expect_percentile(all, all_count, 95, signals.recovery_p95_us);
        assert_int_equal(signals.narrow_p50_us, -1);
        for (int32_t p = 0; p < PARTITIONS; p++) {
            json_decref(records[p]);
        }
    }
}

/* Small lists, where the rank's rounding shows. */
static void percentiles_of_few(void **state)
{
    (void)state;
    for (unsigned count = 0; count <= 45; count++) {
        int64_t times[64];
        static struct troth_ledger ledger;
        json_t *record = make_record("refunds", "2026-W48", 0);
        for (unsigned i = 0; i < count; i++) {
            times[i] = 1000 * (int64_t)(i + 1) * (i + 1);
        }
        json_object_set_new(record, "time_to_narrow", slow_histogram(times, count));
        troth_ledger_init(&ledger, "refunds", NUMBER);
        assert_true(add(&ledger, 0, record));
        const struct troth_signals signals = troth_ledger_signals(&ledger);
        expect_percentile(times, count, 50, signals.narrow_p50_us);
        expect_percentile(times, count, 95, signals.narrow_p95_us);
        json_decref(record);
    }
}

static void refuse(const char *key, json_t *value)
{
    static struct troth_ledger ledger;
    static struct troth_ledger before;
    json_t *record = make_record("refunds", "2026-W48", 3);
    troth_ledger_init(&ledger, "refunds", NUMBER);
    before = ledger;
    if (value != NULL) {
        json_object_set_new(record, key, value);
    } else {
        json_object_del(record, key);
    }
    assert_false(add(&ledger, 3, record));
    assert_memory_equal(&ledger, &before, sizeof ledger);
    json_decref(record);
}

static void what_is_no_record_changes_nothing(void **state)
{
    static struct troth_ledger ledger;
    char wrong[TROTH_LEDGER_WRONG_MAX];
    (void)state;
    refuse("contract", json_string("refund"));
    refuse("week", json_string("2026-W47"));
    refuse("week", json_integer(48));
    refuse("partition", json_integer(4));
    refuse("partition", NULL);
    refuse("closed", NULL);
    refuse("as_of", json_string("now"));
    refuse("tasks", NULL);
    refuse("missing", json_integer(-1));
    refuse("rescues", json_array());
    refuse("recovery", json_object());
    refuse("recovery", json_pack("[[i, i]]", TROTH_WEEK_BUCKETS, 1));
    refuse("recovery", json_pack("[[i, i]]", -1, 1));
    refuse("recovery", json_pack("[[i, i], [i, i]]", 5, 1, 5, 1));
    troth_ledger_init(&ledger, "refunds", NUMBER);
    assert_false(troth_ledger_add(&ledger, 0, "{", 1, wrong));
    assert_false(troth_ledger_add(&ledger, 0, "", 0, wrong));
    json_t *record = make_record("refunds", "2026-W48", 0);
    assert_true(add(&ledger, 0, record));
    assert_true(troth_ledger_has(&ledger, 0));
    assert_false(troth_ledger_has(&ledger, 1));
    assert_false(add(&ledger, 0, record)); /* twice */
    assert_int_equal(ledger.partitions, 1);
    json_decref(record);
}

static void open_weeks_say_so(void **state)
{
    static struct troth_ledger ledger;
    const int64_t start_us = troth_week_start_us(NUMBER);
    (void)state;
    troth_ledger_init(&ledger, "refunds", NUMBER);
    for (int32_t p = 0; p < 3; p++) {
        json_t *record = make_record("refunds", "2026-W48", p);
        if (p > 0) {
            json_object_set_new(record, "closed", json_false());
            json_object_set_new(record, "as_of", json_integer(start_us + 1000 * p));
        }
        assert_true(add(&ledger, p, record));
        json_decref(record);
    }
    assert_int_equal(ledger.open, 2);
    assert_true(ledger.as_of_us == start_us + 1000);
}

static json_t *make_debt(const char *agent, const char *term, json_int_t since, json_int_t until)
{
    return json_pack("{s:s, s:s?, s:s, s:o, s:I, s:i}", "agent", agent, "term", term, "owner",
                     "ann", "since", since < 0 ? json_null() : json_integer(since), "until", until,
                     "uses", 3);
}

static void exceptions_the_oldest_first(void **state)
{
    struct troth_debts debts = {0};
    json_t *array = json_array();
    (void)state;
    json_array_append_new(array, make_debt("b", "t", 300, 1000));
    json_array_append_new(array, make_debt("a", NULL, -1, 1001));
    json_array_append_new(array, make_debt("c", "t", 200, 1001));
    json_array_append_new(array, make_debt("a", "t", 300, 2000));
    json_array_append_new(array, json_string("none"));
    json_array_append_new(array, json_object());
    assert_true(troth_debts_add(&debts, NULL, "refunds", array, 1000)); /* the first has ended */
    troth_debts_sort(&debts);
    assert_int_equal(debts.count, 3);
    assert_string_equal(debts.items[0].agent, "a");
    assert_int_equal(debts.items[0].since_us, -1);
    assert_string_equal(debts.items[0].term, "");
    assert_string_equal(debts.items[1].agent, "c");
    assert_string_equal(debts.items[2].agent, "a");
    assert_int_equal(debts.items[2].uses, 3);
    assert_string_equal(debts.items[2].contract, "refunds");
    json_array_clear(array);
    json_array_append_new(array, make_debt("x", "t", 1, 5000));
    for (unsigned i = debts.count; i < TROTH_DEBTS_MAX + 2; i++) {
        assert_true(troth_debts_add(&debts, "named", "refunds", array, 0));
    }
    assert_int_equal(debts.count, TROTH_DEBTS_MAX);
    assert_int_equal(debts.left_out, 2);
    assert_string_equal(debts.items[TROTH_DEBTS_MAX - 1].agent, "named");
    json_decref(array);
    troth_debts_fini(&debts);
}

static const struct troth_week_row *row_of(const struct troth_week_row *rows, unsigned count,
                                           const char *measure)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(rows[i].measure, measure) == 0) {
            return &rows[i];
        }
    }
    fail_msg("no row %s", measure);
    return NULL;
}

static void better_and_worse(void **state)
{
    static struct troth_ledger now;
    static struct troth_ledger before;
    struct troth_week_row rows[TROTH_WEEK_ROWS_MAX];
    (void)state;
    troth_ledger_init(&now, "refunds", NUMBER);
    troth_ledger_init(&before, "refunds", NUMBER - 1);
    now.partitions = 1;
    now.week.tasks = 1000;
    now.week.rescued_tasks = 20;
    now.week.rescue_reports = 5;
    now.week.reviews_opened = 4;
    now.week.reviews_done = 2;
    now.week.reviews_concrete = 1;
    now.week.relapses = 3;
    unsigned count = troth_week_rows(&now, &before, rows);
    assert_string_equal(row_of(rows, count, "Rescues")->now,
                        "2.50 per 100 tasks (25 in 1000; 5 reported later)");
    assert_string_equal(row_of(rows, count, "Rescues")->before, ""); /* nothing is known of it */
    assert_string_equal(row_of(rows, count, "Rescues")->verdict, "");
    assert_string_equal(row_of(rows, count, "Reviews done")->now, "2 (50 % of those due)");

    before.partitions = 1;
    before.week = now.week;
    count = troth_week_rows(&now, &before, rows);
    assert_string_equal(row_of(rows, count, "Rescues")->verdict, "same");
    before.week.rescued_tasks = 19;
    before.week.reviews_concrete = 0;
    before.week.relapses = 4;
    before.week.reviews_done = 4;
    count = troth_week_rows(&now, &before, rows);
    assert_string_equal(row_of(rows, count, "Rescues")->verdict, "worse");
    assert_string_equal(row_of(rows, count, "Ended in a change of scope")->verdict, "better");
    assert_string_equal(row_of(rows, count, "Relapses")->verdict, "better");
    assert_string_equal(row_of(rows, count, "Reviews done")->verdict, "worse");
    assert_string_equal(row_of(rows, count, "Recovery, p50")->verdict, ""); /* none was timed */
    assert_string_equal(row_of(rows, count, "Narrowed")->verdict, "");      /* neither is good */
    now.open = 1;
    count = troth_week_rows(&now, &before, rows);
    assert_string_equal(row_of(rows, count, "Rescues")->verdict, "worse"); /* a ratio */
    assert_string_equal(row_of(rows, count, "Relapses")->verdict, "");     /* may still come */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledgers_add_up),
        cmocka_unit_test(percentiles_of_few),
        cmocka_unit_test(what_is_no_record_changes_nothing),
        cmocka_unit_test(open_weeks_say_so),
        cmocka_unit_test(exceptions_the_oldest_first),
        cmocka_unit_test(better_and_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
