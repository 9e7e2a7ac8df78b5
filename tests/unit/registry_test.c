/*
 * Claims: each record of the contracts topic that cannot be used is refused with a reason that
 * names what is wrong, and what was in force stays so; a version is found by its offset and never
 * changes; versions in force only rise; tombstones and limits do no harm. A pointer is good if its
 * version, and a record that put that or a higher one in force, were there by its own time, and not
 * else; what comes later, and what compaction takes away, does not change that.
 */
#include "tests/support/test.h"

#include <string.h>

#include "consumers/registry.h"

static struct troth_registry *registry;
static char reason[TROTH_REASON_LENGTH];

static int open_registry(void **state)
{
    (void)state;
    registry = troth_registry_create();
    assert_non_null(registry);
    return 0;
}

static int close_registry(void **state)
{
    (void)state;
    troth_registry_destroy(registry);
    troth_registry_destroy(NULL);
    return 0;
}

static troth_status take_at(int64_t offset, int64_t time_us, const char *key, const char *value)
{
    const struct troth_control_record record = {.offset = offset,
                                                .time_us = time_us,
                                                .key = key,
                                                .key_length = key != NULL ? strlen(key) : 0,
                                                .value = value,
                                                .value_length = value != NULL ? strlen(value) : 0};
    memset(reason, 'x', sizeof reason);
    const troth_status status = troth_registry_take(registry, &record, reason);
    assert_non_null(memchr(reason, '\0', sizeof reason));
    assert_int_equal(status != TROTH_OK, reason[0] != '\0');
    return status;
}

static troth_status take(int64_t offset, const char *key, const char *value)
{
    return take_at(offset, 1000 * offset, key, value);
}

/* A document of a contract. */
static const char *document(const char *name, long long version)
{
    static char text[512];
    snprintf(text, sizeof text,
             "{\"contract\":\"%s\",\"version\":%lld,\"promise\":\"p\",\"owner\":\"o\","
             "\"capabilities\":[\"c\"],\"terms\":[{\"name\":\"t\",\"when\":{\"kind\":\"task\"},"
             "\"keep\":{\"outcome\":\"ok\"},\"floor\":0.9}]}",
             name, version);
    return text;
}

static const struct troth_in_force *in_force(const char *name)
{
    const struct troth_in_force *list = NULL;
    const size_t count = troth_registry_in_force(registry, &list);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

static void check_in_force(const char *name, int64_t version, int64_t offset)
{
    const struct troth_in_force *found = in_force(name);
    assert_non_null(found);
    assert_int_equal(found->version, version);
    assert_int_equal(found->offset, offset);
}

static void check_refused(const char *key, const char *value, const char *what)
{
    assert_int_equal(take(99, key, value), TROTH_INVALID);
    if (strstr(reason, what) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", reason, what);
    }
    assert_null(troth_registry_at(registry, 99));
}

static void version_then_in_force(void **state)
{
    (void)state;
    assert_int_equal(take(7, "refunds@3", document("refunds", 3)), TROTH_OK);
    assert_null(in_force("refunds"));
    const struct troth_rules *rules = troth_registry_at(registry, 7);
    assert_non_null(rules);
    assert_string_equal(rules->contract->name, "refunds");
    assert_int_equal(rules->contract->version, 3);
    assert_int_equal(rules->term_count, 1);
    assert_int_equal(take(8, "refunds", "3"), TROTH_OK);
    check_in_force("refunds", 3, 7);
    assert_null(troth_registry_at(registry, 8));
    assert_null(troth_registry_at(registry, -1));
    assert_int_equal(take(9, "refunds@10", document("refunds", 10)), TROTH_OK);
    assert_int_equal(take(10, "refunds", "10"), TROTH_OK);
    check_in_force("refunds", 10, 9);
    assert_ptr_equal(troth_registry_at(registry, 7), rules);
}

static void keys_that_name_nothing(void **state)
{
    (void)state;
    char longer[TROTH_NAME_LENGTH_MAX + 2];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    check_refused(NULL, document("refunds", 1), "key must be");
    check_refused("", document("refunds", 1), "key must be");
    check_refused("@1", document("refunds", 1), "key must be");
    check_refused(longer, "1", "key must be");
    assert_int_equal(strlen(longer), TROTH_NAME_LENGTH_MAX + 1);
    longer[TROTH_NAME_LENGTH_MAX] = '\0';
    check_refused(longer, "1", "there is no usable");
}

static void documents_that_cannot_be_used(void **state)
{
    (void)state;
    check_refused("refunds@1", "", "");
    check_refused("refunds@1", "{", "not YAML");
    check_refused("refunds@1", "{\"contract\": \"refunds\"}", "version");
    check_refused("refunds@1", document("refunds", 2), "refunds@2; key and contract must agree");
    check_refused("refunds@1", document("other", 1), "other@1; key and contract must agree");
    check_refused("refunds@", document("refunds", 1), "must agree");
    check_refused("refunds@x", document("refunds", 1), "must agree");
    check_refused("refunds@-1", document("refunds", 1), "must agree");
    check_refused("refunds@1 ", document("refunds", 1), "must agree");
    check_refused("refunds@1@1", document("refunds", 1), "must agree");
    check_refused("refunds@9999999999999999999", document("refunds", 1), "must agree");
    const struct troth_in_force *list = NULL;
    assert_int_equal(troth_registry_in_force(registry, &list), 0);
}

static void versions_that_cannot_be_in_force(void **state)
{
    (void)state;
    check_refused("refunds", "1", "there is no usable refunds@1");
    assert_int_equal(take(0, "refunds@1", document("refunds", 1)), TROTH_OK);
    assert_int_equal(take(1, "refunds@2", document("refunds", 2)), TROTH_OK);
    static const char *const garbage[] = {
        "", "0", "-1", "x", "1x", " 1", "1.0", "+1", "9999999999999999999"};
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        check_refused("refunds", garbage[i], "refunds");
    }
    assert_null(in_force("refunds"));
    assert_int_equal(take(2, "refunds", "2"), TROTH_OK);
    check_refused("refunds", "1", "lower than 2");
    check_refused("refunds", "3", "there is no usable refunds@3");
    check_refused("refunds", "x", "");
    check_in_force("refunds", 2, 1);
    assert_int_equal(take(3, "refunds", "2"), TROTH_OK); /* said twice */
    check_in_force("refunds", 2, 1);
}

static void version_never_changes(void **state)
{
    (void)state;
    assert_int_equal(take(0, "refunds@1", document("refunds", 1)), TROTH_OK);
    assert_int_equal(take(1, "refunds", "1"), TROTH_OK);
    const struct troth_rules *rules = troth_registry_at(registry, 0);
    check_refused("refunds@1", document("refunds", 1), "already there, at offset 0");
    check_refused("refunds@1", "{", "already there, at offset 0");
    check_refused("refunds@01", document("refunds", 1), "already there");
    assert_ptr_equal(troth_registry_at(registry, 0), rules);
    check_in_force("refunds", 1, 0);
}

static void tombstones_take_nothing_away(void **state)
{
    (void)state;
    assert_int_equal(take(0, "refunds@1", NULL), TROTH_OK);
    assert_int_equal(take(1, "refunds", NULL), TROTH_OK);
    assert_null(in_force("refunds"));
    assert_int_equal(take(2, "refunds@1", document("refunds", 1)), TROTH_OK);
    assert_int_equal(take(3, "refunds", "1"), TROTH_OK);
    assert_int_equal(take(4, "refunds@1", NULL), TROTH_OK);
    assert_int_equal(take(5, "refunds", NULL), TROTH_OK);
    check_in_force("refunds", 1, 2);
    assert_non_null(troth_registry_at(registry, 2));
    assert_null(troth_registry_at(registry, 4));
}

static void versions_have_a_limit(void **state)
{
    (void)state;
    char key[64];
    for (int i = 1; i <= TROTH_VERSIONS_MAX; i++) {
        snprintf(key, sizeof key, "refunds@%d", i);
        assert_int_equal(take(i, key, document("refunds", i)), TROTH_OK);
    }
    snprintf(key, sizeof key, "refunds@%d", TROTH_VERSIONS_MAX + 1);
    assert_int_equal(take(TROTH_VERSIONS_MAX + 1, key, document("refunds", TROTH_VERSIONS_MAX + 1)),
                     TROTH_FULL);
    assert_non_null(strstr(reason, "more than"));
    assert_null(troth_registry_at(registry, TROTH_VERSIONS_MAX + 1));
    snprintf(key, sizeof key, "%d", TROTH_VERSIONS_MAX);
    assert_int_equal(take(9999, "refunds", key), TROTH_OK);
    check_in_force("refunds", TROTH_VERSIONS_MAX, TROTH_VERSIONS_MAX);
}

static void contracts_have_a_limit(void **state)
{
    (void)state;
    char name[32];
    char key[48];
    for (int i = 0; i <= TROTH_CONTRACTS_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        snprintf(key, sizeof key, "%s@1", name);
        assert_int_equal(take(2 * i, key, document(name, 1)), TROTH_OK);
        assert_int_equal(take(2 * i + 1, name, "1"),
                         i < TROTH_CONTRACTS_MAX ? TROTH_OK : TROTH_FULL);
    }
    assert_non_null(strstr(reason, "more than"));
    const struct troth_in_force *list = NULL;
    assert_int_equal(troth_registry_in_force(registry, &list), TROTH_CONTRACTS_MAX);
    /* Those that are in force may still rise. */
    assert_int_equal(take(5000, "c0@2", document("c0", 2)), TROTH_OK);
    assert_int_equal(take(5001, "c0", "2"), TROTH_OK);
    check_in_force("c0", 2, 5000);
}

/* Bytes that a key may hold and no name does. */
static void keys_of_any_bytes(void **state)
{
    (void)state;
    assert_int_equal(take(0, "refunds@1", document("refunds", 1)), TROTH_OK);
    uint64_t random = random_seed("keys_of_any_bytes");
    for (unsigned i = 0; i < 20000; i++) {
        char key[80];
        char value[16];
        const size_t key_length = random_below(&random, sizeof key);
        const size_t value_length = random_below(&random, sizeof value);
        for (size_t k = 0; k < key_length; k++) {
            key[k] = (char)random_below(&random, 256);
        }
        for (size_t k = 0; k < value_length; k++) {
            value[k] = (char)random_below(&random, 256);
        }
        const struct troth_control_record record = {.offset = 1,
                                                    .time_us = 1,
                                                    .key = key,
                                                    .key_length = key_length,
                                                    .value = value,
                                                    .value_length = value_length};
        assert_int_not_equal(troth_registry_take(registry, &record, reason), TROTH_OK);
    }
    static const char tailed[] = "refunds\0tail";
    const struct troth_control_record record = {.offset = 1,
                                                .time_us = 1,
                                                .key = tailed,
                                                .key_length = sizeof tailed - 1,
                                                .value = "1",
                                                .value_length = 1};
    assert_int_equal(troth_registry_take(registry, &record, reason), TROTH_INVALID);
    assert_null(in_force("refunds"));
}

/* ---- Pointers. ---- */

static bool is_good(int64_t offset, int64_t time_us)
{
    const struct troth_rules *rules = troth_registry_pointed(registry, offset, time_us);
    assert_true(rules == NULL || rules == troth_registry_at(registry, offset));
    return rules != NULL;
}

static void pointer_is_judged_by_the_times(void **state)
{
    (void)state;
    assert_int_equal(take_at(0, 100, "refunds@1", document("refunds", 1)), TROTH_OK);
    assert_false(is_good(0, INT64_MAX)); /* nobody has put it in force */
    assert_int_equal(take_at(1, 150, "other@1", document("other", 1)), TROTH_OK);
    assert_int_equal(take_at(2, 160, "other", "1"), TROTH_OK);
    assert_false(is_good(0, INT64_MAX));
    assert_int_equal(take_at(3, 200, "refunds", "1"), TROTH_OK);
    assert_false(is_good(0, 99));
    assert_false(is_good(0, 200)); /* of one millisecond: who was first? */
    assert_true(is_good(0, 201));
    assert_true(is_good(0, INT64_MAX));
    assert_true(is_good(1, 161));
    assert_false(is_good(2, INT64_MAX)); /* not a document */
    assert_false(is_good(4, INT64_MAX));
    assert_false(is_good(-1, INT64_MAX));
    assert_int_equal(take_at(4, 300, "refunds@9", document("refunds", 9)), TROTH_OK);
    assert_int_equal(take_at(5, 310, "refunds@2", document("refunds", 2)), TROTH_OK);
    assert_int_equal(take_at(6, 400, "refunds", "2"), TROTH_OK);
    assert_int_equal(take_at(7, 450, "refunds", "2"), TROTH_OK); /* said twice: the first counts */
    assert_false(is_good(5, 400));
    assert_true(is_good(5, 401));
    assert_true(is_good(0, 201));        /* as before */
    assert_false(is_good(0, 200));       /* as before */
    assert_false(is_good(4, INT64_MAX)); /* higher than any in force */
    assert_int_equal(take_at(8, 500, "refunds", "9"), TROTH_OK);
    assert_false(is_good(4, 500));
    assert_true(is_good(4, 501));
    /* A document may be the younger of the two, by clocks that differ. */
    assert_int_equal(take_at(9, 900, "refunds@10", document("refunds", 10)), TROTH_OK);
    assert_int_equal(take_at(10, 800, "refunds", "10"), TROTH_OK);
    assert_false(is_good(9, 900));
    assert_true(is_good(9, 901));
}

/* The records `refunds` = 1, 2 are gone, and `refunds` = 3 is younger than the pointers. */
static void pointer_is_believed_where_records_are_missing(void **state)
{
    (void)state;
    assert_int_equal(take_at(0, 100, "refunds@1", document("refunds", 1)), TROTH_OK);
    assert_int_equal(take_at(2, 300, "refunds@2", document("refunds", 2)), TROTH_OK);
    assert_int_equal(take_at(4, 500, "refunds@3", document("refunds", 3)), TROTH_OK);
    assert_int_equal(take_at(5, 600, "refunds", "3"), TROTH_OK);
    assert_true(is_good(0, 101));
    assert_false(is_good(0, 100));
    assert_true(is_good(2, 301));
    assert_false(is_good(2, 300));
    assert_false(is_good(4, 600)); /* nothing is missing after it */
    assert_true(is_good(4, 601));
    /* What is missing before a record of a lower version says nothing of a higher one. */
    assert_int_equal(take_at(6, 700, "refunds@5", document("refunds", 5)), TROTH_OK);
    assert_int_equal(take_at(8, 800, "refunds", "3"), TROTH_OK);
    assert_int_equal(take_at(9, 900, "refunds", "5"), TROTH_OK);
    assert_false(is_good(6, 900));
    assert_true(is_good(6, 901));
}

/* Histories of two contracts: documents, and records that put them in force, in any order. */
enum { ROUNDS = 60, HISTORY = 40, VERSIONS = 9 };

struct entry {
    char key[16];
    int name;
    int version;
    bool puts;
    bool accepted; /* it put a version in force that is higher than the one before */
    int document;  /* the place of its version's document; -1: there is none before it */
    int64_t time_us;
};

static void draw(struct entry *history, uint64_t *random)
{
    int in_force_now[2] = {0, 0};
    int64_t time_us = 10;
    for (int i = 0; i < HISTORY; i++) {
        struct entry *e = &history[i];
        time_us += (int64_t)random_below(random, 3);
        *e = (struct entry){.name = (int)random_below(random, 2),
                            .version = 1 + (int)random_below(random, VERSIONS),
                            .puts = random_below(random, 2) == 0,
                            .document = -1,
                            .time_us = time_us};
        snprintf(e->key, sizeof e->key, e->puts ? "%c" : "%c@%d", "ab"[e->name], e -> version);
        for (int k = i - 1; k >= 0; k--) {
            if (!history[k].puts && history[k].name == e->name &&
                history[k].version == e->version) {
                e->document = k; /* the first, in the end: a version never changes */
            }
        }
        e->accepted = e->puts && e->document >= 0 && e->version > in_force_now[e->name];
        in_force_now[e->name] = e->accepted ? e->version : in_force_now[e->name];
    }
}

static void take_entry(const struct entry *history, int place)
{
    const struct entry *e = &history[place];
    char number[8];
    snprintf(number, sizeof number, "%d", e->version);
    (void)take_at(place, e->time_us, e->key,
                  e->puts ? number : document(e->name == 0 ? "a" : "b", e->version));
}

/* The definition, over the whole history. */
static bool defined_good(const struct entry *history, int offset, int64_t time_us)
{
    const struct entry *e = &history[offset];
    bool put = false;
    for (int i = 0; i < HISTORY; i++) {
        put |= history[i].accepted && history[i].name == e->name &&
               history[i].version >= e->version && history[i].time_us < time_us;
    }
    return put && !e->puts && e->document < 0 && e->time_us < time_us;
}

/* Of a topic that has been read as far as the pointer's time the answer is that of the whole. */
static void pointer_is_judged_alike_however_much_is_read(void **state)
{
    (void)state;
    uint64_t random = random_seed("pointer_is_judged_alike_however_much_is_read");
    unsigned good = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct entry history[HISTORY];
        draw(history, &random);
        close_registry(NULL);
        open_registry(NULL);
        for (int read = 0; read < HISTORY; read++) {
            take_entry(history, read);
            const int64_t next_us = read + 1 < HISTORY ? history[read + 1].time_us : INT64_MAX;
            for (int at = 0; at < HISTORY && history[at].time_us <= next_us; at++) {
                for (int offset = 0; offset < HISTORY; offset++) {
                    const bool answer = is_good(offset, history[at].time_us);
                    assert_int_equal(answer, defined_good(history, offset, history[at].time_us));
                    good += answer;
                }
            }
        }
    }
    printf("  %u good pointers\n", good);
    assert_true(good > 1000);
}

/* Up to some place, of the records that put a contract in force the newest alone is left: each
 * pointer that the engine may have sent is good as ever. */
static void pointer_of_the_engine_outlives_compaction(void **state)
{
    (void)state;
    uint64_t random = random_seed("pointer_of_the_engine_outlives_compaction");
    unsigned pointers = 0;
    unsigned believed = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct entry history[HISTORY];
        draw(history, &random);
        const int clean = (int)random_below(&random, HISTORY + 1);
        close_registry(NULL);
        open_registry(NULL);
        for (int i = 0; i < HISTORY; i++) {
            bool gone = i < clean && history[i].puts && !history[i].accepted;
            for (int k = i + 1; k < clean; k++) {
                gone |=
                    history[i].puts && history[k].accepted && history[k].name == history[i].name;
            }
            if (!gone) {
                take_entry(history, i);
            }
        }
        for (int i = 0; i < HISTORY; i++) {
            for (int at = i; at < HISTORY && history[i].accepted; at++) {
                assert_true(is_good(history[i].document, history[at].time_us + 1));
                pointers++;
            }
            for (int at = 0; at < HISTORY; at++) {
                believed += is_good(i, history[at].time_us) &&
                            !defined_good(history, i, history[at].time_us);
            }
        }
    }
    printf("  %u pointers; %u forged ones believed\n", pointers, believed);
    assert_true(pointers > 1000 && believed > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_registry, close_registry)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(version_then_in_force),
        TEST(keys_that_name_nothing),
        TEST(documents_that_cannot_be_used),
        TEST(versions_that_cannot_be_in_force),
        TEST(version_never_changes),
        TEST(tombstones_take_nothing_away),
        TEST(versions_have_a_limit),
        TEST(contracts_have_a_limit),
        TEST(keys_of_any_bytes),
        TEST(pointer_is_judged_by_the_times),
        TEST(pointer_is_believed_where_records_are_missing),
        TEST(pointer_is_judged_alike_however_much_is_read),
        TEST(pointer_of_the_engine_outlives_compaction),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
