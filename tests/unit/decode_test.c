/*
 * Claims: each limit of schemas/event.h and each rule of consumers/check.h holds on both sides of
 * its boundary; bytes that are no record are refused, whatever they are, without a byte read past
 * them (the sanitizer looks on), without memory taken, and after a number of steps that their
 * length bounds: the hostile cases, which would run for hours otherwise, return.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/check.h"
#include "consumers/decode.h"
#include "consumers/encode.h"
#include "schemas/avsc.h"

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

struct bytes {
    size_t length;
    uint8_t data[2 * TROTH_RECORD_LENGTH_MAX];
};

static struct bytes record;

static void put(const void *data, size_t length)
{
    assert_true(length <= sizeof record.data - record.length);
    memcpy(record.data + record.length, data, length);
    record.length += length;
}

static void put_long(int64_t value)
{
    uint64_t rest = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    uint8_t byte;
    for (; rest > 127; rest >>= 7) {
        byte = (uint8_t)(rest | 128);
        put(&byte, 1);
    }
    byte = (uint8_t)rest;
    put(&byte, 1);
}

static void put_text(const char *text)
{
    put_long((int64_t)strlen(text));
    put(text, strlen(text));
}

static void put_filled(size_t length, char fill)
{
    static char filled[TROTH_RECORD_LENGTH_MAX];
    memset(filled, fill, sizeof filled);
    put_long((int64_t)length);
    put(filled, length);
}

/* id, agent, at, kind, outcome, source. */
static void begin(const char *agent, int64_t at, int kind)
{
    record.length = 0;
    put("0123456789abcdef", 16);
    put_text(agent);
    put_long(at);
    put_long(kind);
    put_long(TROTH_OUTCOME_OK);
    put_long(TROTH_SOURCE_PEER);
}

/* Fields from ISSUER up to but not including `end`, all null. */
static void put_nulls(unsigned from, unsigned end)
{
    for (unsigned field = from; field < end; field++) {
        put_long(0);
    }
}

static void finish(unsigned from)
{
    put_nulls(from, TROTH_FIELD_VERDICTS);
    put_long(0);
    put_long(0);
}

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

static void test_reads_a_record(void **state)
{
    static const double value = 0.25;
    (void)state;
    begin("agent-1", INT64_C(1700000000000000), TROTH_KIND_EVALUATION);
    put_long(1);
    put_text("judge-a");
    put_nulls(TROTH_FIELD_CONTRACT, TROTH_FIELD_SEQ);
    put_long(1);
    put_long(INT64_MAX);
    put_nulls(TROTH_FIELD_AGENT_VERSION, TROTH_FIELD_VERDICTS);
    put_long(-2); /* a block of two with its size */
    put_long(22);
    put_text("grounded");
    put("\1\2", 2);
    put(&value, sizeof value);
    put_text("x");
    put("\0\0", 2);
    put_long(0);
    put_long(1);
    put_text("region");
    put_text("");
    put_long(0);
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
    assert_true(event.verdicts[0].value == value);
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
            begin(name, 0, TROTH_KIND_TASK);
            finish(TROTH_FIELD_ISSUER);
            assert_int_equal(decode(), good ? TROTH_OK : TROTH_INVALID);
        }
    }
    begin("a", 0, TROTH_KIND_TASK);
    record.data[17] = '\0';
    finish(TROTH_FIELD_ISSUER);
    assert_int_equal(decode(), TROTH_INVALID);
    begin("\xc2\x9f", 0, TROTH_KIND_TASK); /* a control character of two bytes */
    finish(TROTH_FIELD_ISSUER);
    assert_int_equal(decode(), TROTH_INVALID);
    begin("\xc2\xa0", 0, TROTH_KIND_TASK);
    finish(TROTH_FIELD_ISSUER);
    assert_int_equal(decode(), TROTH_OK);
    for (size_t length = TROTH_AGENT_LENGTH_MAX; length < sizeof name; length++) {
        memset(name, 'a', length);
        name[length] = '\0';
        begin(name, 0, TROTH_KIND_TASK);
        finish(TROTH_FIELD_ISSUER);
        assert_int_equal(decode(), length == TROTH_AGENT_LENGTH_MAX ? TROTH_OK : TROTH_OVER_LIMIT);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_AGENT);
    for (int kind = 0; kind < (int)TROTH_KIND_COUNT; kind++) {
        bool nameless = kind == TROTH_KIND_TICK || kind == TROTH_KIND_POINTER;
        begin("", 0, kind);
        finish(TROTH_FIELD_ISSUER);
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
        begin("a", times[i].at, TROTH_KIND_TASK);
        finish(TROTH_FIELD_ISSUER);
        assert_int_equal(decode(), times[i].status);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_AT);
}

static void test_amounts_are_not_negative(void **state)
{
    (void)state;
    for (unsigned field = TROTH_FIELD_LATENCY_US; field <= TROTH_FIELD_OUTPUT_TOKENS; field++) {
        for (int64_t amount = -1; amount < 1; amount++) {
            begin("a", 0, TROTH_KIND_TASK);
            put_nulls(TROTH_FIELD_ISSUER, field);
            put_long(1);
            put_long(amount);
            finish(field + 1);
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
        begin("a", 0, TROTH_KIND_TASK);
        put_long(1);
        put_text(samples[i].text);
        finish(TROTH_FIELD_CONTRACT);
        assert_int_equal(decode(), samples[i].good ? TROTH_OK : TROTH_INVALID);
    }
    for (size_t length = TROTH_TEXT_LENGTH_MAX; length < TROTH_TEXT_LENGTH_MAX + 2; length++) {
        begin("a", 0, TROTH_KIND_TASK);
        put_long(1);
        put_filled(length, 'x');
        finish(TROTH_FIELD_CONTRACT);
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
            begin("a", 0, TROTH_KIND_TASK);
            put_long(1);
            put_text(text);
            finish(TROTH_FIELD_CONTRACT);
            assert_int_equal(decode(), TROTH_INVALID);
        }
    }
}

static void put_verdicts(int64_t count)
{
    put_long(count);
    for (int64_t i = 0; i < count; i++) {
        put_text("t");
        put("\1\0", 2);
    }
}

static void test_series_are_limited(void **state)
{
    (void)state;
    for (int64_t count = TROTH_VERDICTS_MAX; count < TROTH_VERDICTS_MAX + 2; count++) {
        begin("a", 0, TROTH_KIND_EVALUATION);
        put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_VERDICTS);
        put_verdicts(60);
        put_verdicts(count - 60); /* of all blocks together */
        put_long(0);
        put_long(0);
        assert_int_equal(decode(), count == TROTH_VERDICTS_MAX ? TROTH_OK : TROTH_OVER_LIMIT);
    }
    assert_int_equal(scratch.failed_field, TROTH_FIELD_VERDICTS);
    for (int64_t count = TROTH_ATTRIBUTES_MAX; count < TROTH_ATTRIBUTES_MAX + 2; count++) {
        begin("a", 0, TROTH_KIND_TASK);
        put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_VERDICTS);
        put_long(0);
        put_long(count);
        for (int64_t i = 0; i < count; i++) {
            put_text("k");
            put_text("v");
        }
        put_long(0);
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
        begin("a", 0, TROTH_KIND_EVALUATION);
        put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_VERDICTS);
        put_long(1);
        put_text("t");
        put("\1\2", 2);
        put(&values[i], sizeof values[i]);
        put_long(0);
        put_long(0);
        assert_int_equal(decode(), i == 3 ? TROTH_OK : TROTH_INVALID);
    }
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
        begin("a", 0, TROTH_KIND_TASK);
        put_nulls(TROTH_FIELD_ISSUER, broken[i].field);
        put(broken[i].bytes, broken[i].length);
        put_nulls(broken[i].field + 1, TROTH_FIELD_COUNT);
        assert_int_equal(decode(), TROTH_UNDECODABLE);
        assert_int_equal(scratch.failed_field, broken[i].field);
    }
    begin("a", 0, TROTH_KIND_TASK);
    put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_COUNT);
    assert_int_equal(decode(), TROTH_OK);
    put("", 1);
    assert_int_equal(decode(), TROTH_UNDECODABLE); /* a byte left over */
}

/* Every length of varint, and the longest of each, in both places that read them. */
static void test_integers_of_every_length(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 64; bits++) {
        for (int edge = -1; edge <= 1; edge++) {
            int64_t value = (int64_t)((UINT64_C(1) << bits) + (uint64_t)(int64_t)edge);
            begin("a", 0, TROTH_KIND_TASK);
            put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_SEQ);
            put_long(1);
            put_long(value);
            finish(TROTH_FIELD_AGENT_VERSION);
            assert_int_equal(decode(), TROTH_OK);
            assert_true(event.seq == value);
            begin("a", 0, TROTH_KIND_TASK); /* near the end of the record, too */
            put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_UNTIL);
            put_long(1);
            put_long(value);
            finish(TROTH_FIELD_VERDICTS);
            assert_int_equal(decode(), TROTH_OK);
            assert_true(event.until_us == value);
        }
    }
    /* Longer than it need be, as Avro allows. */
    begin("a", 0, TROTH_KIND_TASK);
    put("\x80\x80\x00", 3);
    finish(TROTH_FIELD_CONTRACT);
    assert_int_equal(decode(), TROTH_OK);
}

static void test_truncations_and_flips_return(void **state)
{
    static struct bytes whole;
    unsigned accepted = 0;
    unsigned refused = 0;
    (void)state;
    test_reads_a_record(state);
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
    begin("a", 0, TROTH_KIND_TASK);
    finish(TROTH_FIELD_ISSUER);
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
        put_long(INT64_MAX); /* once */
        put_long(0);
        assert_int_equal(decode_by(&plan), TROTH_OK);
        begin_extra();
        while (record.length < TROTH_RECORD_LENGTH_MAX - 11) { /* and again and again */
            put_long(INT64_MAX);
        }
        put_long(0);
        assert_int_equal(decode_by(&plan), TROTH_OK);
        begin_extra();
        put_long(INT64_MAX); /* without an end */
        assert_int_equal(decode_by(&plan), TROTH_UNDECODABLE);
    }
}

static void test_counts_past_the_end_are_refused(void **state)
{
    static struct troth_plan plan;
    (void)state;
    compile_with("{\"type\":\"array\",\"items\":\"int\"}", &plan);
    begin_extra();
    put_long(INT64_MAX);
    put_long(0);
    assert_int_equal(decode_by(&plan), TROTH_UNDECODABLE);
    compile_with("{\"type\":\"map\",\"values\":\"null\"}", &plan);
    begin_extra();
    put_long(INT64_MAX);
    put_long(0);
    assert_int_equal(decode_by(&plan), TROTH_UNDECODABLE);
    begin_extra();
    put_long(2);
    put_text("a");
    put_text("b");
    put_long(0);
    assert_int_equal(decode_by(&plan), TROTH_OK);
    /* In what we read, too many is told before too few bytes are. */
    begin("a", 0, TROTH_KIND_TASK);
    put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_VERDICTS);
    put_long(INT64_MAX);
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
            put_long(1);
        }
        put_long(0);
        assert_int_equal(decode_by(&plan),
                         depth <= TROTH_PLAN_DEPTH_MAX ? TROTH_OK : TROTH_OVER_LIMIT);
    }
    compile_with(tree, &plan);
    begin_extra();
    while (record.length < 60000) {
        put_long(1);
    }
    assert_int_equal(decode_by(&plan), TROTH_OVER_LIMIT);
    begin_extra();
    put_long(20000); /* wide rather than deep */
    for (unsigned i = 0; i < 20000; i++) {
        put_long(0);
    }
    put_long(0);
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
        put(samples[i].bytes, samples[i].length);
        assert_int_equal(decode_by(&plan), samples[i].status);
    }
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
        begin("a", 0, TROTH_KIND_EXCEPTION);
        put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_UNTIL);
        put_long(1);
        put_long(INT64_MAX / 1000 + more);
        finish(TROTH_FIELD_VERDICTS);
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
            begin("a", 0, TROTH_KIND_TASK);
            put_nulls(TROTH_FIELD_ISSUER, TROTH_FIELD_SEQ);
            put_long(1);
            put_long(value);
            finish(TROTH_FIELD_AGENT_VERSION);
            assert_int_equal(decode_by(&plan), more == 0 ? TROTH_OK : TROTH_UNDECODABLE);
            assert_true(more != 0 || event.seq == value);
        }
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
    put_long(1);
    put_long(0);
    put_long(5);
    put("0123456789abcdef", 16);
    put_text("skipped");
    put_text("bob");
    put_text("skipped as well");
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
        cmocka_unit_test(test_reads_a_record),
        cmocka_unit_test(test_agents_name),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_amounts_are_not_negative),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_every_byte_of_a_text_is_looked_at),
        cmocka_unit_test(test_series_are_limited),
        cmocka_unit_test(test_record_is_limited),
        cmocka_unit_test(test_verdicts_are_finite),
        cmocka_unit_test(test_malformed_values),
        cmocka_unit_test(test_integers_of_every_length),
        cmocka_unit_test(test_truncations_and_flips_return),
        cmocka_unit_test(test_items_without_bytes_are_passed_over),
        cmocka_unit_test(test_counts_past_the_end_are_refused),
        cmocka_unit_test(test_skipped_nesting_is_bounded),
        cmocka_unit_test(test_skipped_values_are_checked),
        cmocka_unit_test(test_milliseconds_do_not_overflow),
        cmocka_unit_test(test_ints_have_32_bits),
        cmocka_unit_test(test_a_branch_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
