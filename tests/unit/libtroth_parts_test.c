/*
 * Claims: the parts of libtroth that need no Redis do what they say. SHA-1 gives the digests of
 * FIPS 180 and of Redis; a shuffle gives every place once, evenly; values are taken strictly; the
 * map of names, through any order of taking and releasing, finds exactly who is there; a list is
 * kept once.
 */
#include "tests/support/test.h"

#include <string.h>

#include "ops/libtroth/cache.h"
#include "ops/libtroth/chance.h"
#include "ops/libtroth/sha1.h"
#include "ops/libtroth/value.h"

static void sha1_is_sha1(void **state)
{
    (void)state;
    static char million[1000000];
    memset(million, 'a', sizeof million);
    assert_int_equal(troth_sha1_first("", 0), 0xda39a3ee);
    assert_int_equal(troth_sha1_first("abc", 3), 0xa9993e36);
    assert_int_equal(
        troth_sha1_first("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
        0x84983e44);
    assert_int_equal(troth_sha1_first(million, sizeof million), 0x34aa973c);
}

static void a_shuffle_gives_every_place_once_and_evenly(void **state)
{
    (void)state;
    enum { SIZE = 7, DRAWS = 70000 };
    unsigned first[SIZE][SIZE] = {{0}}; /* [place drawn][when] */
    struct troth_chance chance;
    assert_true(troth_chance_init(&chance));
    for (unsigned i = 0; i < DRAWS; i++) {
        struct troth_draw draw = {.number = troth_chance_next(&chance)};
        struct troth_shuffle shuffle;
        troth_shuffle_begin(&shuffle, &draw, 3, SIZE);
        unsigned seen = 0;
        uint32_t place = 0;
        for (unsigned k = 0; k < SIZE; k++) {
            assert_true(troth_shuffle_next(&shuffle, &place));
            assert_true(place < SIZE && (seen >> place & 1) == 0);
            seen |= 1U << place;
            first[place][k]++;
        }
        assert_false(troth_shuffle_next(&shuffle, &place));
    }
    for (unsigned i = 0; i < SIZE; i++) {
        for (unsigned k = 0; k < SIZE; k++) { /* 10,000 each; the deviation is 93 */
            assert_in_range(first[i][k], 9440, 10560);
        }
    }
    assert_int_equal(troth_chance_drawn(&chance), DRAWS);
}

static void a_long_shuffle_stays_within_its_bound(void **state)
{
    (void)state;
    static uint8_t seen[100000];
    struct troth_draw draw = {.number = 1};
    struct troth_shuffle shuffle;
    troth_shuffle_begin(&shuffle, &draw, TROTH_DRAW_ALL, sizeof seen);
    uint32_t place = 0;
    unsigned count = 0;
    for (; troth_shuffle_next(&shuffle, &place); count++) {
        assert_true(place < sizeof seen && seen[place]++ == 0);
    }
    assert_int_equal(count, TROTH_CHANCE_WALK_MAX);
}

static void values_are_taken_strictly(void **state)
{
    (void)state;
    int64_t integer = 0;
    double share = 0;
    static const char *const no_integers[] = {
        "", "-", "+1", " 1", "1 ", "1.0", "9223372036854775808", "0x1"};
    for (unsigned i = 0; i < sizeof no_integers / sizeof *no_integers; i++) {
        assert_false(troth_value_integer(no_integers[i], strlen(no_integers[i]), &integer));
    }
    assert_true(troth_value_integer("9223372036854775807", 19, &integer) && integer == INT64_MAX);
    assert_true(troth_value_integer("-1", 2, &integer) && integer == -1);
    static const char *const no_shares[] = {"",
                                            ".",
                                            ".5",
                                            "-0.1",
                                            "1.1",
                                            "1.000000001",
                                            "2",
                                            "1e0",
                                            "nan",
                                            "0,5",
                                            "0.5 ",
                                            "0.5.5",
                                            "99999999999999999999999999"};
    for (unsigned i = 0; i < sizeof no_shares / sizeof *no_shares; i++) {
        assert_false(troth_value_share(no_shares[i], strlen(no_shares[i]), &share));
    }
    static const char *const shares[] = {"0",           "1",    "1.",  "0.25",
                                         "0.333333333", "0.05", "1.0", "0.000000001"};
    for (unsigned i = 0; i < sizeof shares / sizeof *shares; i++) {
        assert_true(troth_value_share(shares[i], strlen(shares[i]), &share));
        assert_true(share == strtod(shares[i], NULL));
    }
    assert_true(troth_value_share("0.3333333339", 12, &share) && share == 0.333333333);
}

static void the_agent_of_a_narrowing_is_found_or_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        const char *name;
    } cases[] = {
        {"{\"id\":\"1\",\"agent\":\"refund-1\",\"contract\":\"x\"}", "refund-1"},
        {"{\"id\": \"1\", \"agent\": \"a \\\"b\\\\\"}", "a \"b\\"},
        {"{\"agent\":\"\"}", ""},
        {"{\"agent\":\"cut", ""},
        {"{\"agent\":\"cut\\", ""},
        {"{\"agent\":", ""},
        {"{\"agent\":7}", ""},
        {"{\"agent\":\"\\u0041\"}", ""},
        {"", ""},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[TROTH_CLIENT_NAME_MAX];
        const size_t length =
            troth_value_narrowed(cases[i].record, strlen(cases[i].record), name, sizeof name);
        assert_int_equal(length, strlen(cases[i].name));
        assert_memory_equal(name, cases[i].name, length);
    }
    char record[256] = "{\"agent\":\"";
    memset(record + 10, 'a', 200);
    record[210] = '"';
    char name[TROTH_CLIENT_NAME_MAX];
    assert_int_equal(troth_value_narrowed(record, sizeof record, name, sizeof name), 0);
}

static void the_map_finds_exactly_who_is_there(void **state)
{
    (void)state;
    enum { AGENTS = 64, NAMES = 200, STEPS = 200000 };
    uint64_t dice = random_seed("libtroth_parts_test");
    struct troth_cache cache;
    uint32_t slots[NAMES];
    unsigned held = 0;
    assert_true(troth_cache_init(&cache, AGENTS, 1));
    for (unsigned i = 0; i < NAMES; i++) {
        slots[i] = TROTH_CACHE_NO_SLOT;
    }
    for (unsigned step = 0; step < STEPS; step++) {
        const unsigned i = (unsigned)random_below(&dice, NAMES);
        char name[TROTH_CLIENT_NAME_MAX + 1];
        const size_t length = (size_t)snprintf(name, sizeof name, "%.*u", (int)(i % 100) + 1, i);
        assert_int_equal(troth_cache_find(&cache, name, length), slots[i]);
        if (slots[i] != TROTH_CACHE_NO_SLOT) {
            troth_cache_release(&cache, slots[i]);
            slots[i] = TROTH_CACHE_NO_SLOT;
            held--;
        } else {
            slots[i] = troth_cache_take(&cache, name, length);
            assert_int_equal(slots[i] == TROTH_CACHE_NO_SLOT, held == AGENTS);
            held += held < AGENTS;
        }
        assert_int_equal(atomic_load(&cache.agents), held);
    }
    troth_cache_fini(&cache);
}

static void a_list_is_kept_once_and_has_its_members(void **state)
{
    (void)state;
    struct troth_lists lists;
    assert_true(troth_lists_init(&lists));
    const uint16_t two = troth_lists_add(&lists, "refund,quote", 12);
    assert_int_equal(troth_lists_add(&lists, "refund,quote", 12), two);
    assert_string_equal(troth_lists_text(&lists, two), "refund,quote");
    static const char *const names[] = {"refund", "quote", "refund,quote", "quot", "", "fund"};
    for (unsigned i = 0; i < 6; i++) {
        const size_t length = strlen(names[i]);
        assert_int_equal(
            troth_lists_has(&lists, two, names[i], length, troth_value_hash(names[i], length)),
            i < 2);
    }
    assert_int_equal(troth_lists_add(&lists, "", 0), 0);
    for (unsigned i = 0; i < 2 * TROTH_LISTS_MAX; i++) {
        char name[16];
        const uint16_t number =
            troth_lists_add(&lists, name, (size_t)snprintf(name, sizeof name, "c%u", i));
        assert_int_equal(number == TROTH_LISTS_NONE, i >= TROTH_LISTS_MAX - 2);
    }
    assert_false(troth_lists_has(&lists, TROTH_LISTS_NONE, "c1", 2, troth_value_hash("c1", 2)));
    assert_string_equal(troth_lists_text(&lists, TROTH_LISTS_NONE), "");
    troth_lists_fini(&lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha1_is_sha1),
        cmocka_unit_test(a_shuffle_gives_every_place_once_and_evenly),
        cmocka_unit_test(a_long_shuffle_stays_within_its_bound),
        cmocka_unit_test(values_are_taken_strictly),
        cmocka_unit_test(the_agent_of_a_narrowing_is_found_or_nothing),
        cmocka_unit_test(the_map_finds_exactly_who_is_there),
        cmocka_unit_test(a_list_is_kept_once_and_has_its_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
