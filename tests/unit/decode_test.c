/*
 * Claims: a record is read as it was written; each limit of schemas/event.h and each rule of
 * consumers/check.h holds on both sides of its boundary, and the field at fault is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/avro/decode.h"
#include "consumers/check.h"
#include "schemas/avsc.h"
#include "tests/oracle/record.h"

static struct troth_plan own; /* of the embedded schema */
static struct troth_scratch scratch;
static struct troth_event event;

/* Decodes from memory exactly as large, so that the sanitizer sees a byte too far. */
static troth_status decode_by(const struct troth_plan *plan)
{
    uint8_t *bytes = malloc(record.length == 0 ? 1 : record.length);
    assert_non_null(bytes);
    memcpy(bytes, record.data, record.length);
    troth_status status = troth_decode(plan, bytes, record.length, &event, &scratch);
    free(bytes);
    return status;
}

static troth_status decode(void)
{
    return decode_by(&own);
}

static void test_reads_a_record(void **state)
{
    (void)state;
    record_sample();
    assert_int_equal(decode(), TROTH_OK);
    assert_int_equal(event.present, 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT |
                                        1U << TROTH_FIELD_AT | 1U << TROTH_FIELD_KIND |
                                        1U << TROTH_FIELD_OUTCOME | 1U << TROTH_FIELD_SOURCE |
                                        1U << TROTH_FIELD_ISSUER | 1U << TROTH_FIELD_SEQ |
                                        1U << TROTH_FIELD_VERDICTS | 1U << TROTH_FIELD_ATTRIBUTES);
    assert_memory_equal(event.id, "0123456789abcdef", 16);
    assert_true(event.seq == INT64_MAX);
    assert_int_equal(event.kind, TROTH_KIND_EVALUATION);
    assert_int_equal(event.source, TROTH_SOURCE_PEER);
    assert_null(event.task.data);
    assert_int_equal(event.verdict_count, 2);
    assert_true(event.verdicts[0].kept && event.verdicts[0].has_value);
    assert_true(event.verdicts[0].value == 0.25);
    assert_false(event.verdicts[1].kept || event.verdicts[1].has_value);
    assert_int_equal(event.attribute_count, 1);
    assert_int_equal(event.attributes[0].name.length, 6);
    assert_non_null(event.attributes[0].value.data);
    assert_int_equal(event.attributes[0].value.length, 0);
}

static void test_agents_name(void **state)
{
    char name[TROTH_AGENT_LENGTH_MAX + 2];
    (void)state;
    for (int c = 1; c < 256; c++) {
        bool good = c >= 0x20 && c < 0x7f;
        for (unsigned place = 0; place < 20; place++) {
            memset(name, 'a', 20);
            name[20] = '\0';
            name[place] = (char)c;
            record_begin(name, 0, TROTH_KIND_TASK);
            record_finish(TROTH_FIELD_ISSUER);
            assert_int_equal(decode(), good ? TROTH_OK : TROTH_INVALID);
        }
    }
    record_begin("a", 0, TROTH_KIND_TASK);
    record.data[17] = '\0';
    record_finish(TROTH_FIELD_ISSUER);
    assert_int_equal(decode(), TROTH_INVALID);
    record_begin("\xc2\x9f", 0, TROTH_KIND_TASK); /* a control character of two bytes */
    record_finish(TROTH_FIELD_ISSUER);
    assert_int_equal(decode(), TROTH_INVALID);
    record_begin("\xc2\xa0", 0, TROTH_KIND_TASK);
    record_finish(TROTH_FIELD_ISSUER);
    assert_int_equal(decode(), TROTH_OK);
    for (size_t length = TROTH_AGENT_LENGTH_MAX; length < sizeof name; length++) {
        memset(name, 'a', length);
        name[length] = '\0';
        record_begin(name, 0, TROTH_KIND_TASK);
        record_finish(TROTH_FIELD_ISSUER);
        assert_int_equal(decode(), length == TROTH_AGENT_LENGTH_MAX ? TROTH_OK : TROTH_OVER_LIMIT);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_AGENT);
    for (int kind = 0; kind < (int)TROTH_KIND_COUNT; kind++) {
        bool nameless = kind == TROTH_KIND_TICK || kind == TROTH_KIND_POINTER;
        record_begin("", 0, kind);
        record_finish(TROTH_FIELD_ISSUER);
        assert_int_equal(decode(), nameless ? TROTH_OK : TROTH_INVALID);
        assert_false(nameless && troth_event_has(&event, TROTH_FIELD_AGENT));
    }
}

static void test_times(void **state)
{
    static const struct {
        int64_t at;
        troth_status status;
    } times[] = {{-1, TROTH_INVALID},
                 {0, TROTH_OK},
                 {TROTH_AT_END_US - 1, TROTH_OK},
                 {TROTH_AT_END_US, TROTH_INVALID},
                 {INT64_MAX, TROTH_INVALID},
                 {INT64_MIN, TROTH_INVALID}};
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        record_begin("a", times[i].at, TROTH_KIND_TASK);
        record_finish(TROTH_FIELD_ISSUER);
        assert_int_equal(decode(), times[i].status);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_AT);
}

static void test_amounts_are_not_negative(void **state)
{
    (void)state;
    for (unsigned field = TROTH_FIELD_LATENCY_US; field <= TROTH_FIELD_OUTPUT_TOKENS; field++) {
        for (int64_t amount = -1; amount < 1; amount++) {
            record_begin("a", 0, TROTH_KIND_TASK);
            record_put_nulls(TROTH_FIELD_ISSUER, field);
            record_put_long(1);
            record_put_long(amount);
            record_finish(field + 1);
            assert_int_equal(decode(), amount < 0 ? TROTH_INVALID : TROTH_OK);
            assert_true(amount >= 0 || scratch.failed_field == field);
        }
    }
}

static void test_texts(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } samples[] = {{"plain \x01 text", true},
                   {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82", true},
                   {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", true},
                   {"\x80", false},
                   {"long enough a text \xff", false},
                   {"\xc0\x80", false},
                   {"\xc1\xbf", false},
                   {"\xe0\x9f\xbf", false},
                   {"\xed\xa0\x80", false},
                   {"\xf0\x8f\xbf\xbf", false},
                   {"\xf4\x90\x80\x80", false},
                   {"\xf5\x80\x80\x80", false},
                   {"\xe2\x82", false},
                   {"\xe2\x82y", false}};
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        record_begin("a", 0, TROTH_KIND_TASK);
        record_put_long(1);
        record_put_text(samples[i].text);
        record_finish(TROTH_FIELD_CONTRACT);
        assert_int_equal(decode(), samples[i].good ? TROTH_OK : TROTH_INVALID);
    }
    for (size_t length = TROTH_TEXT_LENGTH_MAX; length < TROTH_TEXT_LENGTH_MAX + 2; length++) {
        record_begin("a", 0, TROTH_KIND_TASK);
        record_put_long(1);
        record_put_filled(length, 'x');
        record_finish(TROTH_FIELD_CONTRACT);
        assert_int_equal(decode(), length == TROTH_TEXT_LENGTH_MAX ? TROTH_OK : TROTH_OVER_LIMIT);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_ISSUER);
}

/* Whatever the text's length, and wherever in it the one bad byte is. */
static void test_every_byte_of_a_text_is_looked_at(void **state)
{
    char text[65];
    (void)state;
    for (size_t length = 1; length < sizeof text; length++) {
        for (size_t place = 0; place < length; place++) {
            memset(text, 'x', length);
            text[length] = '\0';
            text[place] = '\x80';
            record_begin("a", 0, TROTH_KIND_TASK);
            record_put_long(1);
            record_put_text(text);
            record_finish(TROTH_FIELD_CONTRACT);
            assert_int_equal(decode(), TROTH_INVALID);
        }
    }
}

static void put_verdicts(int64_t count)
{
    record_put_long(count);
    for (int64_t i = 0; i < count; i++) {
        record_put_text("t");
        record_put("\1\0", 2);
    }
}

static void test_series_are_limited(void **state)
{
    (void)state;
    for (int64_t count = TROTH_VERDICTS_MAX; count < TROTH_VERDICTS_MAX + 2; count++) {
        record_begin("a", 0, TROTH_KIND_EVALUATION);
        record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_VERDICTS);
        put_verdicts(60);
        put_verdicts(count - 60); /* of all blocks together */
        record_put_long(0);
        record_put_long(0);
        assert_int_equal(decode(), count == TROTH_VERDICTS_MAX ? TROTH_OK : TROTH_OVER_LIMIT);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_VERDICTS);
    for (int64_t count = TROTH_ATTRIBUTES_MAX; count < TROTH_ATTRIBUTES_MAX + 2; count++) {
        record_begin("a", 0, TROTH_KIND_TASK);
        record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_VERDICTS);
        record_put_long(0);
        record_put_long(count);
        for (int64_t i = 0; i < count; i++) {
            record_put_text("k");
            record_put_text("v");
        }
        record_put_long(0);
        assert_int_equal(decode(), count == TROTH_ATTRIBUTES_MAX ? TROTH_OK : TROTH_OVER_LIMIT);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_ATTRIBUTES);
}

static void test_record_is_limited(void **state)
{
    (void)state;
    record.length = TROTH_RECORD_LENGTH_MAX;
    memset(record.data, 0, record.length);
    assert_int_equal(decode(), TROTH_UNDECODABLE);
    record.length++;
    assert_int_equal(decode(), TROTH_OVER_LIMIT);
    record.length = 0;
    assert_int_equal(decode(), TROTH_UNDECODABLE);
}

static void test_verdicts_are_finite(void **state)
{
    const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1.0};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        record_begin("a", 0, TROTH_KIND_EVALUATION);
        record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_VERDICTS);
        record_put_long(1);
        record_put_text("t");
        record_put("\1\2", 2);
        record_put(&values[i], sizeof values[i]);
        record_put_long(0);
        record_put_long(0);
        assert_int_equal(decode(), i == 3 ? TROTH_OK : TROTH_INVALID);
    }
}

/* Every length of varint, and the longest of each, in both places that read them. */
static void test_integers_of_every_length(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 64; bits++) {
        for (int edge = -1; edge <= 1; edge++) {
            int64_t value = (int64_t)((UINT64_C(1) << bits) + (uint64_t)(int64_t)edge);
            record_begin("a", 0, TROTH_KIND_TASK);
            record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_SEQ);
            record_put_long(1);
            record_put_long(value);
            record_finish(TROTH_FIELD_AGENT_VERSION);
            assert_int_equal(decode(), TROTH_OK);
            assert_true(event.seq == value);
            record_begin("a", 0, TROTH_KIND_TASK); /* near the end of the record, too */
            record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_UNTIL);
            record_put_long(1);
            record_put_long(value);
            record_finish(TROTH_FIELD_VERDICTS);
            assert_int_equal(decode(), TROTH_OK);
            assert_true(event.until_us == value);
        }
    }
    /* Longer than it need be, as Avro allows. */
    record_begin("a", 0, TROTH_KIND_TASK);
    record_put("\x80\x80\x00", 3);
    record_finish(TROTH_FIELD_CONTRACT);
    assert_int_equal(decode(), TROTH_OK);
}

/* Replaces the type of `until` by millis, whose product may not fit. */
static void test_milliseconds_do_not_overflow(void **state)
{
    static char text[TROTH_RECORD_LENGTH_MAX];
    static struct troth_plan plan;
    struct troth_plan_problem problem;
    (void)state;
    memcpy(text, troth_avsc_agent_event, troth_avsc_agent_event_length);
    char *place = strstr(strstr(text, "\"until\""), "timestamp-micros");
    memcpy(place, "timestamp-millis", 16);
    assert_int_equal(troth_plan_compile(text, troth_avsc_agent_event_length, &plan, &problem),
                     TROTH_OK);
    for (int64_t more = 0; more < 2; more++) {
        record_begin("a", 0, TROTH_KIND_EXCEPTION);
        record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_UNTIL);
        record_put_long(1);
        record_put_long(INT64_MAX / 1000 + more);
        record_finish(TROTH_FIELD_VERDICTS);
        assert_int_equal(decode_by(&plan), more == 0 ? TROTH_OK : TROTH_INVALID);
        assert_true(more != 0 || event.until_us == INT64_MAX / 1000 * 1000);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_UNTIL);
}

static void test_ints_have_32_bits(void **state)
{
    static struct troth_plan plan;
    static char text[TROTH_RECORD_LENGTH_MAX];
    struct troth_plan_problem problem;
    (void)state;
    memcpy(text, troth_avsc_agent_event, troth_avsc_agent_event_length);
    char *place = strstr(strstr(text, "\"seq\", \"doc\""), "\"long\"");
    memcpy(place, "\"int\" ", 6);
    assert_int_equal(troth_plan_compile(text, troth_avsc_agent_event_length, &plan, &problem),
                     TROTH_OK);
    for (int64_t more = 0; more < 2; more++) {
        for (int64_t sign = -1; sign < 2; sign += 2) {
            int64_t value = sign < 0 ? INT32_MIN - more : INT32_MAX + more;
            record_begin("a", 0, TROTH_KIND_TASK);
            record_put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_SEQ);
            record_put_long(1);
            record_put_long(value);
            record_finish(TROTH_FIELD_AGENT_VERSION);
            assert_int_equal(decode_by(&plan), more == 0 ? TROTH_OK : TROTH_UNDECODABLE);
            assert_true(more != 0 || event.seq == value);
        }
    }
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
        cmocka_unit_test(test_reads_a_record),
        cmocka_unit_test(test_agents_name),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_amounts_are_not_negative),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_every_byte_of_a_text_is_looked_at),
        cmocka_unit_test(test_series_are_limited),
        cmocka_unit_test(test_record_is_limited),
        cmocka_unit_test(test_verdicts_are_finite),
        cmocka_unit_test(test_integers_of_every_length),
        cmocka_unit_test(test_milliseconds_do_not_overflow),
        cmocka_unit_test(test_ints_have_32_bits),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
