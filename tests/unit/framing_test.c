/*
 * Claims: each framing is read as its specification says and, where the configuration accepts one
 * alone, nothing else is; `any` takes a framed reading only if its schema is known and the whole
 * record decodes, so a bare record whose random id looks like a header is still read as bare; an
 * unknown schema id or fingerprint is told by number, with what to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/avro/encode.h"
#include "consumers/avro/framing.h"
#include "schemas/avsc.h"

/* A writer of another schema: four fields in another order. */
static const char other_schema[] =
    "{\"type\":\"record\",\"name\":\"AgentEvent\",\"namespace\":\"troth\",\"fields\":["
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":[\"TOOL\"]}},"
    "{\"name\":\"at\",\"type\":\"long\"},{\"name\":\"agent\",\"type\":\"string\"},"
    "{\"name\":\"id\",\"type\":{\"type\":\"fixed\",\"name\":\"EventId\",\"size\":16}}]}";
static const uint8_t other_record[] = "\0\2\6bob0123456789abcdef";

enum { OTHER_LENGTH = sizeof other_record - 1, EMBEDDED_ID = 7, OTHER_ID = 0x01020304 };

static struct troth_framing framing;
static struct troth_scratch scratch;
static struct troth_event event;
static struct troth_reason reason;
static struct troth_plan_problem problem;
static uint8_t record[1024];
static size_t length;

static void set_up(enum troth_framing_kind accepted)
{
    const uint32_t embedded = EMBEDDED_ID;
    const uint32_t other = OTHER_ID;
    assert_int_equal(troth_framing_init(&framing, accepted), TROTH_OK);
    assert_int_equal(troth_framing_add(&framing, &embedded, NULL, 0, &problem), TROTH_OK);
    assert_int_equal(
        troth_framing_add(&framing, &other, other_schema, sizeof other_schema - 1, &problem),
        TROTH_OK);
}

/* A record of ours after a header, whose id begins with the bytes given. */
static void make(const uint8_t *header, size_t header_length, const char *id, size_t id_length,
                 const char *agent)
{
    struct troth_event sample = {.kind = TROTH_KIND_TASK};
    size_t written;
    memset(sample.id, 'i', sizeof sample.id);
    memcpy(sample.id, id, id_length);
    sample.agent = (struct troth_text){agent, (uint32_t)strlen(agent)};
    if (header_length > 0) {
        memcpy(record, header, header_length);
    }
    assert_int_equal(
        troth_encode(&sample, record + header_length, sizeof record - header_length, &written),
        TROTH_OK);
    length = header_length + written;
}

static void make_confluent(uint32_t id, const char *agent)
{
    uint8_t header[TROTH_CONFLUENT_HEADER_LENGTH];
    troth_encode_confluent_header(id, header);
    make(header, sizeof header, "", 0, agent);
}

static void make_single_object(uint64_t fingerprint, const char *agent)
{
    uint8_t header[TROTH_SINGLE_OBJECT_HEADER_LENGTH];
    troth_encode_single_object_header(fingerprint, header);
    make(header, sizeof header, "", 0, agent);
}

static troth_status decode(void)
{
    reason.text[0] = '\0';
    return troth_framing_decode(&framing, record, length, &event, &scratch, &reason);
}

static void expect_agent(const char *agent)
{
    troth_status status = decode();
    if (status != TROTH_OK) {
        fail_msg("%s: %s", troth_status_name(status), reason.text);
    }
    assert_int_equal(event.agent.length, strlen(agent));
    assert_memory_equal(event.agent.data, agent, strlen(agent));
}

static void expect_refusal(troth_status expected, const char *text)
{
    troth_status status = decode();
    if (status != expected || strstr(reason.text, text) == NULL) {
        fail_msg("%s: %s", troth_status_name(status), reason.text);
    }
}

static void test_one_framing_is_that_alone(void **state)
{
    (void)state;
    for (unsigned accepted = 0; accepted < TROTH_FRAMING_ANY; accepted++) {
        set_up((enum troth_framing_kind)accepted);
        make(NULL, 0, "", 0, "bare");
        if (accepted == TROTH_FRAMING_BARE) {
            expect_agent("bare");
        } else {
            expect_refusal(TROTH_UNDECODABLE, "has no");
        }
        make_confluent(EMBEDDED_ID, "confluent");
        if (accepted == TROTH_FRAMING_CONFLUENT) {
            expect_agent("confluent");
        } else {
            assert_int_equal(decode(), TROTH_UNDECODABLE);
        }
        make_single_object(framing.embedded.fingerprint, "single");
        if (accepted == TROTH_FRAMING_SINGLE_OBJECT) {
            expect_agent("single");
        } else {
            assert_int_equal(decode(), TROTH_UNDECODABLE);
        }
    }
}

static void test_any_takes_each(void **state)
{
    (void)state;
    set_up(TROTH_FRAMING_ANY);
    make(NULL, 0, "", 0, "bare");
    expect_agent("bare");
    make_confluent(EMBEDDED_ID, "confluent");
    expect_agent("confluent");
    make_single_object(framing.embedded.fingerprint, "single");
    expect_agent("single");
}

static void test_other_writers_are_found(void **state)
{
    (void)state;
    set_up(TROTH_FRAMING_ANY);
    troth_encode_confluent_header(OTHER_ID, record);
    memcpy(record + TROTH_CONFLUENT_HEADER_LENGTH, other_record, OTHER_LENGTH);
    length = TROTH_CONFLUENT_HEADER_LENGTH + OTHER_LENGTH;
    expect_agent("bob");
    assert_int_equal(event.kind, TROTH_KIND_TOOL);
    assert_int_equal(event.at_us, 1);
    troth_encode_single_object_header(framing.writers[1].fingerprint, record);
    memcpy(record + TROTH_SINGLE_OBJECT_HEADER_LENGTH, other_record, OTHER_LENGTH);
    length = TROTH_SINGLE_OBJECT_HEADER_LENGTH + OTHER_LENGTH;
    expect_agent("bob");
    assert_memory_equal(event.id, "0123456789abcdef", 16);
}

static void test_ids_that_look_like_headers(void **state)
{
    uint8_t header[TROTH_SINGLE_OBJECT_HEADER_LENGTH];
    (void)state;
    set_up(TROTH_FRAMING_ANY);
    make(NULL, 0, "\0", 1, "bare"); /* one in 256 begins so */
    expect_agent("bare");
    troth_encode_confluent_header(EMBEDDED_ID, header); /* even with an id that is known */
    make(NULL, 0, (const char *)header, TROTH_CONFLUENT_HEADER_LENGTH, "bare");
    expect_agent("bare");
    make(NULL, 0, "\xc3\x01", 2, "bare");
    expect_agent("bare");
    troth_encode_single_object_header(framing.embedded.fingerprint, header);
    make(NULL, 0, (const char *)header, sizeof header, "bare");
    expect_agent("bare");
}

static void test_unknown_schemas_are_told(void **state)
{
    (void)state;
    for (int any = 0; any < 2; any++) {
        set_up(any != 0 ? TROTH_FRAMING_ANY : TROTH_FRAMING_CONFLUENT);
        make_confluent(UINT32_C(4000000001), "x");
        expect_refusal(TROTH_UNDECODABLE, "schema id 4000000001 is not mapped");
        assert_non_null(strstr(reason.text, "configuration"));
        set_up(any != 0 ? TROTH_FRAMING_ANY : TROTH_FRAMING_SINGLE_OBJECT);
        make_single_object(UINT64_C(0xfedcba9876543210), "x");
        expect_refusal(TROTH_UNDECODABLE, "fingerprint fedcba9876543210 is not known");
    }
}

static void test_reasons_are_those_of_the_reading(void **state)
{
    (void)state;
    set_up(TROTH_FRAMING_ANY);
    /* A bare record that is whole and invalid is not blamed on the schema id that it seems to
     * have. Its `at` is negative: the byte after the agent's name. */
    make(NULL, 0, "\0", 1, "bare");
    record[16 + 1 + 4] = 1;
    expect_refusal(TROTH_INVALID, "read as bare, the field `at`");
    make_confluent(EMBEDDED_ID, "confluent");
    record[TROTH_CONFLUENT_HEADER_LENGTH + 16 + 1 + 9] = 1;
    expect_refusal(TROTH_INVALID, "read as confluent, the field `at`");
    make_confluent(EMBEDDED_ID, "confluent");
    length--;
    expect_refusal(TROTH_UNDECODABLE, "read as confluent, the field `attributes`");
    length = 0;
    expect_refusal(TROTH_UNDECODABLE, "no value");
    for (length = 1; length < 16; length++) {
        expect_refusal(TROTH_UNDECODABLE, "");
    }
}

static void test_table_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(troth_framing_init(&framing, TROTH_FRAMING_CONFLUENT), TROTH_OK);
    for (uint32_t id = 0; id < TROTH_WRITERS_MAX; id++) {
        assert_int_equal(troth_framing_add(&framing, &id, NULL, 0, &problem), TROTH_OK);
        assert_int_equal(troth_framing_add(&framing, &id, NULL, 0, &problem),
                         id + 1 < TROTH_WRITERS_MAX ? TROTH_INVALID : TROTH_OVER_LIMIT);
    }
    make_confluent(TROTH_WRITERS_MAX - 1, "last");
    expect_agent("last");
    set_up(TROTH_FRAMING_ANY);
    assert_int_equal(troth_framing_add(&framing, NULL, "\"int\"", 5, &problem), TROTH_INVALID);
    assert_int_equal(framing.writer_count, 2);
    assert_non_null(strstr(problem.text, "does not become our record"));
}

/* A writer without an id is none of the ids, not even the one that a zeroed table would hold. */
static void test_writers_without_an_id(void **state)
{
    const uint32_t zero = 0;
    (void)state;
    assert_int_equal(troth_framing_init(&framing, TROTH_FRAMING_CONFLUENT), TROTH_OK);
    assert_int_equal(troth_framing_add(&framing, NULL, NULL, 0, &problem), TROTH_OK);
    make_confluent(0, "zero");
    expect_refusal(TROTH_UNDECODABLE, "schema id 0 is not mapped");
    assert_int_equal(troth_framing_add(&framing, &zero, NULL, 0, &problem), TROTH_OK);
    expect_agent("zero");
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TROTH_FRAMING_COUNT; i++) {
        const char *name = troth_framing_name(i);
        assert_int_equal(troth_framing_find(name, strlen(name)), i);
    }
    assert_null(troth_framing_name(TROTH_FRAMING_COUNT));
    assert_int_equal(troth_framing_find("registry", 8), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_framing_is_that_alone),
        cmocka_unit_test(test_any_takes_each),
        cmocka_unit_test(test_other_writers_are_found),
        cmocka_unit_test(test_ids_that_look_like_headers),
        cmocka_unit_test(test_unknown_schemas_are_told),
        cmocka_unit_test(test_reasons_are_those_of_the_reading),
        cmocka_unit_test(test_table_is_bounded),
        cmocka_unit_test(test_writers_without_an_id),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
