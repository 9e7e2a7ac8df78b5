/*
 * Claims: bytes that are no record are refused, whatever they are, without a byte read past them
 * (the sanitizer looks on), without memory taken, and after a number of steps that their length
 * bounds: the hostile cases, which would run for hours otherwise, return.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/avro/decode.h"
#include "schemas/avsc.h"
#include "tests/oracle/record.h"

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#elif defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0
#endif
#ifndef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 1
#endif

/* Volatile: a compiler knows that malloc changes no variable of ours, and is wrong here. */
static volatile unsigned long allocations;

#if COUNTS_ALLOCATIONS
/* Stand in for the C library's; a sanitizer has its own. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}
#endif

static struct troth_plan own; /* of the embedded schema */
static struct troth_scratch scratch;
static struct troth_event event;

/* Decodes from memory exactly as large. */
static troth_status decode_by(const struct troth_plan *plan)
{
    uint8_t *bytes = malloc(record.length == 0 ? 1 : record.length);
    assert_non_null(bytes);
    memcpy(bytes, record.data, record.length);
    unsigned long before = allocations;
    troth_status status = troth_decode(plan, bytes, record.length, &event, &scratch);
    assert_true(allocations == before);
    free(bytes);
    return status;
}

static troth_status decode(void)
{
    return decode_by(&own);
}

static void test_allocations_are_seen(void **state)
{
    (void)state;
    unsigned long before = allocations;
    void *volatile memory = malloc(16);
    free(memory);
    assert_int_equal(allocations - before, COUNTS_ALLOCATIONS);
}

/* The value is all that is wrong: what comes before it and after it is a record. */
static void test_malformed_values(void **state)
{
    static const struct {
        unsigned field;
        size_t length;
        const char *bytes;
    } broken[] = {
        {TROTH_FIELD_ISSUER, 1, "\4"},                                        /* branch 2 of 2 */
        {TROTH_FIELD_ISSUER, 1, "\1"},                                        /* branch -1 */
        {TROTH_FIELD_ISSUER, 2, "\2\1"},                                      /* a length of -1 */
        {TROTH_FIELD_ISSUER, 2, "\2\x7e"},                                    /* 63 bytes of text */
        {TROTH_FIELD_ISSUER, 11, "\2\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1"}, /* INT64_MAX */
        {TROTH_FIELD_RESCUE, 2, "\2\x0c"},                                    /* symbol 6 of 6 */
        {TROTH_FIELD_RESCUE, 2, "\2\3"},                                      /* symbol -2 */
        {TROTH_FIELD_SEQ, 11, "\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"},    /* a 65th bit */
        {TROTH_FIELD_SEQ, 12, "\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\0"}, /* 11 bytes */
        {TROTH_FIELD_VERDICTS, 6, "\2\2t\2\0\0"},                              /* a boolean of 2 */
        {TROTH_FIELD_VERDICTS, 7, "\1\1\2t\1\0\0"}, /* a block of -1 with a size of -1 */
        {TROTH_FIELD_VERDICTS, 11, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0"}, /* INT64_MIN */
    };
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        record_begin("a", 0, TROTH_KIND_TASK);
        record_put_nulls(TROTH_FIELD_ISSUER, broken[i].field);
        record_put(broken[i].bytes, broken[i].length);
        record_put_nulls(broken[i].field + 1, TROTH_FIELD_COUNT);
        assert_int_equal(decode(), TROTH_UNDECODABLE);
        assert_int_equal(scratch.failed_field, broken[i].field);
    }
    record_begin("a", 0, TROTH_KIND_TASK);
    record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_COUNT);
    assert_int_equal(decode(), TROTH_OK);
    record_put("", 1);
    assert_int_equal(decode(), TROTH_UNDECODABLE); /* a byte left over */
}

static void test_truncations_and_flips_return(void **state)
{
    static struct record_bytes whole;
    unsigned accepted = 0;
    unsigned refused = 0;
    (void)state;
    record_sample();
    whole = record;
    for (size_t length = 0; length < whole.length; length++) {
        record.length = length;
        assert_int_equal(decode(), TROTH_UNDECODABLE);
    }
    record.length = whole.length;
    for (size_t place = 0; place < whole.length; place++) {
        for (unsigned value = 0; value < 256; value++) {
            record.data[place] = (uint8_t)value;
            *(decode() == TROTH_OK ? &accepted : &refused) += 1;
        }
        record.data[place] = whole.data[place];
    }
    assert_true(accepted > 16 * 256 && refused > 256);
}

/* The embedded schema and one field of another type before its end. */
static void compile_with(const char *type, struct troth_plan *plan)
{
    static char text[TROTH_RECORD_LENGTH_MAX];
    struct troth_plan_problem problem;
    size_t length = troth_avsc_agent_event_length;
    memcpy(text, troth_avsc_agent_event, length);
    while (text[--length] != ']') {
    }
    int more =
        snprintf(text + length, sizeof text - length, ",{\"name\":\"extra\",\"type\":%s}]}", type);
    if (troth_plan_compile(text, length + (size_t)more, plan, &problem) != TROTH_OK) {
        fail_msg("%s: %s", type, problem.text);
    }
}

static void begin_extra(void)
{
    record_begin("a", 0, TROTH_KIND_TASK);
    record_finish(TROTH_FIELD_ISSUER);
}

static void test_items_without_bytes_are_passed_over(void **state)
{
    static const char *const items[] = {
        "\"null\"", "{\"type\":\"fixed\",\"name\":\"Z\",\"size\":0}",
        "{\"type\":\"record\",\"name\":\"Z\",\"fields\":[{\"name\":\"n\",\"type\":\"null\"}]}"};
    char type[256];
    static struct troth_plan plan;
    (void)state;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        (void)snprintf(type, sizeof type, "{\"type\":\"array\",\"items\":%s}", items[i]);
        compile_with(type, &plan);
        begin_extra();
        record_put_long(INT64_MAX); /* once */
        record_put_long(0);
        assert_int_equal(decode_by(&plan), TROTH_OK);
        begin_extra();
        while (record.length < TROTH_RECORD_LENGTH_MAX - 11) { /* and again and again */
            record_put_long(INT64_MAX);
        }
        record_put_long(0);
        assert_int_equal(decode_by(&plan), TROTH_OK);
        begin_extra();
        record_put_long(INT64_MAX); /* without an end */
        assert_int_equal(decode_by(&plan), TROTH_UNDECODABLE);
    }
}

static void test_counts_past_the_end_are_refused(void **state)
{
    static struct troth_plan plan;
    (void)state;
    compile_with("{\"type\":\"array\",\"items\":\"int\"}", &plan);
    begin_extra();
    record_put_long(INT64_MAX);
    record_put_long(0);
    assert_int_equal(decode_by(&plan), TROTH_UNDECODABLE);
    compile_with("{\"type\":\"map\",\"values\":\"null\"}", &plan);
    begin_extra();
    record_put_long(INT64_MAX);
    record_put_long(0);
    assert_int_equal(decode_by(&plan), TROTH_UNDECODABLE);
    begin_extra();
    record_put_long(2);
    record_put_text("a");
    record_put_text("b");
    record_put_long(0);
    assert_int_equal(decode_by(&plan), TROTH_OK);
    /* In what we read, too many is told before too few bytes are. */
    record_begin("a", 0, TROTH_KIND_TASK);
    record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_VERDICTS);
    record_put_long(INT64_MAX);
    assert_int_equal(decode(), TROTH_OVER_LIMIT);
}

/* Each level of the list takes one call; a level of arrays one block. */
static void test_skipped_nesting_is_bounded(void **state)
{
    static struct troth_plan plan;
    static const char *const list = "{\"type\":\"record\",\"name\":\"List\",\"fields\":["
                                    "{\"name\":\"next\",\"type\":[\"null\",\"List\"]}]}";
    static const char *const tree = "{\"type\":\"record\",\"name\":\"Tree\",\"fields\":["
                                    "{\"name\":\"of\",\"type\":{\"type\":\"array\","
                                    "\"items\":\"Tree\"}}]}";
    (void)state;
    for (unsigned depth = 1; depth < 2 * TROTH_PLAN_DEPTH_MAX; depth++) {
        compile_with(list, &plan);
        begin_extra();
        for (unsigned i = 1; i < depth; i++) {
            record_put_long(1);
        }
        record_put_long(0);
        assert_int_equal(decode_by(&plan),
                         depth <= TROTH_PLAN_DEPTH_MAX ? TROTH_OK : TROTH_OVER_LIMIT);
    }
    compile_with(tree, &plan);
    begin_extra();
    while (record.length < 60000) {
        record_put_long(1);
    }
    assert_int_equal(decode_by(&plan), TROTH_OVER_LIMIT);
    begin_extra();
    record_put_long(20000); /* wide rather than deep */
    for (unsigned i = 0; i < 20000; i++) {
        record_put_long(0);
    }
    record_put_long(0);
    assert_int_equal(decode_by(&plan), TROTH_OK);
}

static void test_skipped_values_are_checked(void **state)
{
    static const struct {
        const char *type;
        size_t length;
        const char *bytes;
        troth_status status;
    } samples[] = {
        {"\"boolean\"", 1, "\1", TROTH_OK},
        {"\"boolean\"", 1, "\2", TROTH_UNDECODABLE},
        {"\"float\"", 4, "abcd", TROTH_OK},
        {"\"float\"", 3, "abc", TROTH_UNDECODABLE},
        {"\"double\"", 8, "abcdefgh", TROTH_OK},
        {"\"double\"", 9, "abcdefghi", TROTH_UNDECODABLE},
        {"\"string\"", 2, "\2a", TROTH_OK},
        {"\"bytes\"", 2, "\1a", TROTH_UNDECODABLE},
        {"\"null\"", 0, "", TROTH_OK},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", 1, "\2", TROTH_OK},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", 1, "\4",
         TROTH_UNDECODABLE},
        {"[\"null\",\"int\",\"string\"]", 3, "\4\2a", TROTH_OK},
        {"[\"null\",\"int\",\"string\"]", 1, "\6", TROTH_UNDECODABLE},
        {"{\"type\":\"array\",\"items\":\"long\"}", 6, "\4\2\4\2\2\0", TROTH_OK},
        {"{\"type\":\"array\",\"items\":\"long\"}", 6, "\3\6\2\4\6\0", TROTH_OK},
        {"{\"type\":\"array\",\"items\":\"long\"}", 5, "\3\x08\2\4\6", TROTH_UNDECODABLE},
    };
    static struct troth_plan plan;
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        compile_with(samples[i].type, &plan);
        begin_extra();
        record_put(samples[i].bytes, samples[i].length);
        assert_int_equal(decode_by(&plan), samples[i].status);
    }
}

/* The first branch fails after a routine that skips R was emitted, and takes it along. */
static void test_a_branch_that_fails_leaves_nothing(void **state)
{
    static const char writer[] =
        "[{\"type\":\"record\",\"name\":\"a.AgentEvent\",\"fields\":["
        "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":[\"TOOL\"]}},"
        "{\"name\":\"id\",\"type\":{\"type\":\"fixed\",\"name\":\"EventId\",\"size\":16}},"
        "{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":\"R\",\"fields\":["
        "{\"name\":\"y\",\"type\":\"string\"}]}},"
        "{\"name\":\"agent\",\"type\":\"int\"},{\"name\":\"at\",\"type\":\"long\"}]},"
        "{\"type\":\"record\",\"name\":\"b.AgentEvent\",\"fields\":["
        "{\"name\":\"kind\",\"type\":\"a.Kind\"},{\"name\":\"at\",\"type\":\"long\"},"
        "{\"name\":\"id\",\"type\":\"a.EventId\"},{\"name\":\"x\",\"type\":\"a.R\"},"
        "{\"name\":\"agent\",\"type\":\"string\"},{\"name\":\"z\",\"type\":\"a.R\"}]}]";
    static struct troth_plan plan;
    struct troth_plan_problem problem;
    (void)state;
    if (troth_plan_compile(writer, sizeof writer - 1, &plan, &problem) != TROTH_OK) {
        fail_msg("%s", problem.text);
    }
    record.length = 0;
    record_put_long(1);
    record_put_long(0);
    record_put_long(5);
    record_put("0123456789abcdef", 16);
    record_put_text("skipped");
    record_put_text("bob");
    record_put_text("skipped as well");
    assert_int_equal(decode_by(&plan), TROTH_OK);
    assert_int_equal(event.at_us, 5);
    assert_int_equal(event.agent.length, 3);
    record.data[0] = 0; /* the branch that did not resolve */
    assert_int_equal(decode_by(&plan), TROTH_UNDECODABLE);
}

static int set_up(void **state)
{
    struct troth_plan_problem problem;
    (void)state;
    return troth_plan_compile(troth_avsc_agent_event, troth_avsc_agent_event_length, &own,
                              &problem) == TROTH_OK
               ? 0
               : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_seen),
        cmocka_unit_test(test_malformed_values),
        cmocka_unit_test(test_truncations_and_flips_return),
        cmocka_unit_test(test_items_without_bytes_are_passed_over),
        cmocka_unit_test(test_counts_past_the_end_are_refused),
        cmocka_unit_test(test_skipped_nesting_is_bounded),
        cmocka_unit_test(test_skipped_values_are_checked),
        cmocka_unit_test(test_a_branch_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
