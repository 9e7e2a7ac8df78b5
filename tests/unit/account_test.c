/*
 * Claim: whatever an engine rejected is told by reason, in its account whole and in its alarms as
 * far as it is new, also after a worker began to count anew; a bound that is reached is named with
 * its size and what to do; where nothing was rejected there is no alarm.
 */
#include "tests/support/test.h"

#include <string.h>

#include "ops/account.h"

enum { LINES_MAX = 4 };

struct heard {
    char lines[LINES_MAX][TROTH_ACCOUNT_LENGTH];
    unsigned count;
};

static void hear(void *context, const char *text)
{
    struct heard *heard = context;
    assert_in_range(heard->count, 0, LINES_MAX - 1);
    strcpy(heard->lines[heard->count++], text);
}

static struct heard alarm_of(const struct troth_worker_counts *before,
                             const struct troth_worker_counts *now)
{
    const struct troth_account_limits limits = {"fleet", 25000, 50000};
    struct heard heard = {.count = 0};
    troth_account_alarm(&limits, before, now, hear, &heard);
    return heard;
}

static void test_account(void **state)
{
    (void)state;
    char text[TROTH_ACCOUNT_LENGTH];
    struct troth_worker_counts counts = {
        .records = 21, .applied = 5, .unbound = 1, .duplicates = 2, .ticks = 3, .pointers = 4};
    counts.rejects[TROTH_UNKEYED] = 1;
    counts.rejects[TROTH_UNDECODABLE] = 5;
    troth_account_write(&counts, text);
    assert_string_equal(text, "21 records: 5 applied, 1 under no contract, 2 duplicates, 3 ticks, "
                              "4 pointers, 0 read again, 6 rejected (5 undecodable, 1 unkeyed)");
    troth_account_write(&(struct troth_worker_counts){.records = 1, .applied = 1}, text);
    assert_string_equal(text, "1 records: 1 applied, 0 under no contract, 0 duplicates, 0 ticks, "
                              "0 pointers, 0 read again, 0 rejected");
}

static void test_greatest_account_fits(void **state)
{
    (void)state;
    char text[TROTH_ACCOUNT_LENGTH];
    struct troth_worker_counts counts;
    memset(&counts, 0xff, sizeof counts);
    troth_account_write(&counts, text);
    assert_true(strlen(text) < sizeof text);
    assert_true(text[strlen(text) - 1] == ')');
}

static void test_alarm_tells_what_is_new(void **state)
{
    (void)state;
    struct troth_worker_counts before = {0};
    struct troth_worker_counts now = {.applied = 9};
    assert_int_equal(alarm_of(&before, &now).count, 0);
    before.rejects[TROTH_MISROUTED] = 10;
    now.rejects[TROTH_MISROUTED] = 10;
    assert_int_equal(alarm_of(&before, &now).count, 0);
    now.rejects[TROTH_MISROUTED] = 12;
    struct heard heard = alarm_of(&before, &now);
    assert_int_equal(heard.count, 1);
    assert_string_equal(heard.lines[0], "2 records were rejected: 2 misrouted; each stands in "
                                        "fleet.rejects with its reason and origin");
    now.rejects[TROTH_MISROUTED] = 3; /* since a worker was made anew */
    heard = alarm_of(&before, &now);
    assert_non_null(strstr(heard.lines[0], "3 misrouted"));
}

static void test_alarm_names_the_bound(void **state)
{
    (void)state;
    struct troth_worker_counts before = {0};
    struct troth_worker_counts now = {0};
    now.rejects[TROTH_AGENTS_FULL] = 7;
    struct heard heard = alarm_of(&before, &now);
    assert_int_equal(heard.count, 2);
    assert_non_null(strstr(heard.lines[1], "agents_max IS REACHED: a partition holds 25000 agents, "
                                           "and 7 events of others were rejected"));
    assert_non_null(strstr(heard.lines[1], "raise agents_max"));
    assert_non_null(strstr(heard.lines[1], "fleet.rejects"));
    now.rejects[TROTH_STANDINGS_FULL] = 1;
    heard = alarm_of(&before, &now);
    assert_int_equal(heard.count, 3);
    assert_non_null(strstr(heard.lines[2], "standings_max IS REACHED: a partition holds 50000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_greatest_account_fits),
        cmocka_unit_test(test_alarm_tells_what_is_new),
        cmocka_unit_test(test_alarm_names_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
