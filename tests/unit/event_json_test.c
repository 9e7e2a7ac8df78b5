/*
 * Claim: the reader of JSON Lines takes exactly what DESIGN's "Topics and records" allows, and says
 * of everything else which key is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/event_json.h"

static struct troth_event_arena arena;
static char line[TROTH_EVENT_LINE_LENGTH_MAX];
static char message[TROTH_EVENT_MESSAGE_LENGTH];
static struct troth_event event;
static int64_t recorded_at_us;

static troth_status parse(const char *text)
{
    memset(&event, 0xa5, sizeof(event));
    message[0] = '\0';
    return troth_event_json_parse(text, strlen(text), &arena, &event, &recorded_at_us, message,
                                  sizeof(message));
}

static bool text_is(struct troth_text text, const char *expected)
{
    return text.data != NULL && text.length == strlen(expected) &&
           memcmp(text.data, expected, text.length) == 0;
}

static void every_field_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{\"id\":\"00112233445566778899AABBccddeeff\",\"agent\":\"a\\u00e9\",\"at\":7,"
              "\"kind\":\"evaluation\",\"outcome\":\"timeout\",\"source\":\"evaluator\","
              "\"issuer\":\"judge-a\",\"contract\":\"refunds\",\"session\":\"\",\"seq\":-3,"
              "\"agent_version\":\"2\",\"task\":\"t\",\"tool\":\"x\",\"latency_us\":0,"
              "\"cost_micros\":9223372036854775807,\"input_tokens\":3,\"output_tokens\":4,"
              "\"rescue\":\"approval_waived\",\"owner\":\"o\",\"until\":99,"
              "\"verdicts\":[{\"term\":\"g\",\"kept\":true,\"value\":2},"
              "{\"kept\":false,\"value\":null,\"term\":\"h\"}],"
              "\"attributes\":{\"region\":\"eu\",\"gone\":null},\"recorded_at\":8}\r\n"),
        TROTH_OK);
    static const uint8_t id[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                   0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    assert_memory_equal(event.id, id, sizeof(id));
    assert_int_equal(event.present, (UINT32_C(1) << TROTH_FIELD_COUNT) - 1);
    assert_true(text_is(event.agent, "a\xc3\xa9") && text_is(event.issuer, "judge-a"));
    assert_true(text_is(event.contract, "refunds") && text_is(event.session, ""));
    assert_true(text_is(event.agent_version, "2") && text_is(event.task, "t"));
    assert_true(text_is(event.tool, "x") && text_is(event.owner, "o"));
    assert_int_equal(event.kind, TROTH_KIND_EVALUATION);
    assert_int_equal(event.outcome, TROTH_OUTCOME_TIMEOUT);
    assert_int_equal(event.source, TROTH_SOURCE_EVALUATOR);
    assert_int_equal(event.rescue, TROTH_RESCUE_APPROVAL_WAIVED);
    assert_true(event.at_us == 7 && event.seq == -3 && event.until_us == 99);
    assert_true(event.latency_us == 0 && event.cost_micros == INT64_MAX);
    assert_true(event.input_tokens == 3 && event.output_tokens == 4 && recorded_at_us == 8);
    assert_int_equal(event.verdict_count, 2);
    assert_true(text_is(event.verdicts[0].term, "g") && event.verdicts[0].kept);
    assert_true(event.verdicts[0].has_value && event.verdicts[0].value == 2.0);
    assert_true(text_is(event.verdicts[1].term, "h") && !event.verdicts[1].kept);
    assert_false(event.verdicts[1].has_value);
    assert_int_equal(event.attribute_count, 1);
    assert_true(text_is(event.attributes[0].name, "region"));
    assert_true(text_is(event.attributes[0].value, "eu"));
}

static void null_none_and_self_are_absent(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":7,\"kind\":\"task\"}"), TROTH_OK);
    const uint32_t bare = UINT32_C(1) << TROTH_FIELD_ID | UINT32_C(1) << TROTH_FIELD_AGENT |
                          UINT32_C(1) << TROTH_FIELD_AT | UINT32_C(1) << TROTH_FIELD_KIND |
                          UINT32_C(1) << TROTH_FIELD_SOURCE;
    assert_int_equal(event.present, bare);
    assert_int_equal(recorded_at_us, 7);
    assert_null(event.tool.data);
    assert_int_equal(
        parse("{\"id\":null,\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"outcome\":null,"
              "\"source\":null,\"issuer\":null,\"contract\":null,\"session\":null,\"seq\":null,"
              "\"agent_version\":null,\"task\":null,\"tool\":null,\"latency_us\":null,"
              "\"cost_micros\":null,\"input_tokens\":null,\"output_tokens\":null,"
              "\"rescue\":null,\"owner\":null,\"until\":null,\"verdicts\":null,"
              "\"attributes\":null,\"recorded_at\":null}"),
        TROTH_OK);
    assert_int_equal(event.present, bare);
    assert_int_equal(event.outcome, TROTH_OUTCOME_NONE);
    assert_int_equal(event.source, TROTH_SOURCE_SELF);
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"outcome\":\"none\","
                           "\"source\":\"self\",\"verdicts\":[],\"attributes\":{}}"),
                     TROTH_OK);
    assert_int_equal(event.present, bare);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(parse(i == 0 ? "{\"at\":5,\"kind\":\"tick\",\"source\":\"engine\"}"
                                      : "{\"at\":5,\"kind\":\"pointer\",\"agent\":\"\"}"),
                         TROTH_OK);
        assert_false(troth_event_has(&event, TROTH_FIELD_AGENT));
        assert_null(event.agent.data);
    }
}

/* What a wrong line gives: its status, and what the message must say. */
static const struct {
    const char *text;
    troth_status status;
    const char *says;
} wrong[] = {
    {"", TROTH_UNDECODABLE, "byte"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\"", TROTH_UNDECODABLE, "byte"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\"} x", TROTH_UNDECODABLE, "byte"},
    {"[]", TROTH_UNDECODABLE, "the line: a list; must be an object"},
    {"{\"agent\":\"\xff\",\"at\":7,\"kind\":\"task\"}", TROTH_UNDECODABLE, "decode byte 0xff"},
    {"{\"agent\":\"a\",\"agent\":\"b\",\"at\":7,\"kind\":\"task\"}", TROTH_UNDECODABLE, "agent"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"latency\":1}", TROTH_UNDECODABLE,
     "latency: unknown key"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"\\u001b[2J\":null}", TROTH_UNDECODABLE,
     "?[2J: unknown key"},
    {"{\"agent\":\"a\",\"kind\":\"task\"}", TROTH_UNDECODABLE, "at: missing"},
    {"{\"agent\":\"a\",\"at\":7}", TROTH_UNDECODABLE, "kind: missing"},
    {"{\"at\":7,\"kind\":\"task\"}", TROTH_INVALID, "agent: missing"},
    {"{\"agent\":\"\",\"at\":7,\"kind\":\"task\"}", TROTH_INVALID, "agent: missing"},
    {"{\"agent\":\"a\\u0000\",\"at\":7,\"kind\":\"task\"}", TROTH_INVALID, "agent: a control"},
    {"{\"agent\":\"a\\u007f\",\"at\":7,\"kind\":\"task\"}", TROTH_INVALID, "agent: a control"},
    {"{\"agent\":\"a\\u0080\",\"at\":7,\"kind\":\"task\"}", TROTH_INVALID, "agent: a control"},
    {"{\"agent\":\"a\\u009f\",\"at\":7,\"kind\":\"task\"}", TROTH_INVALID, "agent: a control"},
    {"{\"agent\":\"a\\n\",\"at\":7,\"kind\":\"tick\"}", TROTH_INVALID, "agent: a control"},
    {"{\"agent\":7,\"at\":7,\"kind\":\"task\"}", TROTH_UNDECODABLE,
     "agent: an integer; must be a text"},
    {"{\"agent\":\"a\",\"at\":7.0,\"kind\":\"task\"}", TROTH_UNDECODABLE, "at: a number with"},
    {"{\"agent\":\"a\",\"at\":\"7\",\"kind\":\"task\"}", TROTH_UNDECODABLE,
     "at: a text; must be an integer"},
    {"{\"agent\":\"a\",\"at\":-1,\"kind\":\"task\"}", TROTH_INVALID, "at: -1; must be 0 to"},
    {"{\"agent\":\"a\",\"at\":7258118400000000,\"kind\":\"task\"}", TROTH_INVALID, "at: 7258"},
    {"{\"agent\":\"a\",\"at\":9223372036854775808,\"kind\":\"task\"}", TROTH_UNDECODABLE,
     "9223372036854775808"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"TASK\"}", TROTH_UNDECODABLE,
     "kind: \"TASK\"; must be one of task, tool, evaluation, rescue, exception, heartbeat, tick"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"outcome\":true}", TROTH_UNDECODABLE,
     "outcome: true or false; must be a text"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"rescue\":\"none\"}", TROTH_UNDECODABLE,
     "rescue: \"none\"; must be one of interrupt"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"latency_us\":-1}", TROTH_INVALID,
     "latency_us: -1"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"cost_micros\":-1}", TROTH_INVALID,
     "cost_micros: -1"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"input_tokens\":-1}", TROTH_INVALID,
     "input_tokens: -1"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"output_tokens\":-1}", TROTH_INVALID,
     "output_tokens: -1"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"recorded_at\":-1}", TROTH_INVALID,
     "recorded_at: -1"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"id\":\"0011\"}", TROTH_UNDECODABLE,
     "id: must be a text of 32"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"id\":\"g0112233445566778899aabbccddeeff\"}",
     TROTH_UNDECODABLE, "id: must be"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"verdicts\":{}}", TROTH_UNDECODABLE,
     "verdicts: an object; must be a list"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"verdicts\":[null]}", TROTH_UNDECODABLE,
     "verdicts[0]: null"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"verdicts\":[{\"kept\":true}]}",
     TROTH_UNDECODABLE, "verdicts[0].term: missing"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"verdicts\":[{\"term\":\"t\"}]}",
     TROTH_UNDECODABLE, "verdicts[0].kept: missing"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"verdicts\":[{\"term\":\"t\",\"kept\":1}]}",
     TROTH_UNDECODABLE, "verdicts[0].kept: an integer; must be true or false"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\","
     "\"verdicts\":[{\"term\":\"t\",\"kept\":true,\"value\":\"1\"}]}",
     TROTH_UNDECODABLE, "verdicts[0].value: a text; must be a number"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\","
     "\"verdicts\":[{\"term\":\"t\",\"kept\":true,\"why\":\"1\"}]}",
     TROTH_UNDECODABLE, "verdicts[0].why: unknown key"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"attributes\":[]}", TROTH_UNDECODABLE,
     "attributes: a list; must be an object"},
    {"{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"attributes\":{\"x\":1}}", TROTH_UNDECODABLE,
     "attributes.x: an integer; must be a text"},
};

static void wrong_lines_are_told_by_key(void **state)
{
    (void)state;
    struct troth_event before;
    memset(&before, 0xa5, sizeof(before));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        recorded_at_us = 42;
        troth_status status = parse(wrong[i].text);
        if (status != wrong[i].status || strstr(message, wrong[i].says) == NULL) {
            fail_msg("%s\ngave %s: %s\nnot %s: %s", wrong[i].text, troth_status_name(status),
                     message, troth_status_name(wrong[i].status), wrong[i].says);
        }
        assert_memory_equal(&event, &before, sizeof(event));
        assert_int_equal(recorded_at_us, 42);
    }
}

static void a_message_fits_any_buffer(void **state)
{
    (void)state;
    char small[8];
    memset(small, 'x', sizeof(small));
    assert_int_equal(
        troth_event_json_parse("[]", 2, &arena, &event, &recorded_at_us, small, sizeof(small)),
        TROTH_UNDECODABLE);
    assert_string_equal(small, "the lin");
    assert_int_equal(troth_event_json_parse("[]", 2, &arena, &event, &recorded_at_us, NULL, 0),
                     TROTH_UNDECODABLE);
}

/* Writes a line with one text of so many bytes under a key. */
static const char *line_with(const char *key, size_t length)
{
    int start = snprintf(line, sizeof(line), "{%s\"at\":7,\"kind\":\"task\",\"%s\":\"",
                         strcmp(key, "agent") == 0 ? "" : "\"agent\":\"a\",", key);
    memset(line + start, 'n', length);
    strcpy(line + start + length, "\"}");
    return line;
}

/* Writes a line of so many verdicts or attributes, with texts of so many bytes. */
static const char *line_of(const char *key, int count, int length)
{
    bool verdicts = strcmp(key, "verdicts") == 0;
    int at = snprintf(line, sizeof(line), "{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"%s\":%s",
                      key, verdicts ? "[" : "{");
    for (int i = 0; i < count; i++) {
        at += snprintf(line + at, sizeof(line) - (size_t)at,
                       verdicts ? "%s{\"term\":\"%0*d\",\"kept\":true}" : "%s\"%0*d\":\"\"",
                       i == 0 ? "" : ",", length, i);
    }
    strcpy(line + at, verdicts ? "]}" : "}}");
    return line;
}

static void limits_hold_on_both_sides(void **state)
{
    (void)state;
    static const char *const texts[] = {"issuer", "contract", "session", "agent_version",
                                        "task",   "tool",     "owner"};
    assert_int_equal(parse(line_with("agent", TROTH_AGENT_LENGTH_MAX)), TROTH_OK);
    assert_int_equal(parse(line_with("agent", TROTH_AGENT_LENGTH_MAX + 1)), TROTH_OVER_LIMIT);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(parse(line_with(texts[i], TROTH_TEXT_LENGTH_MAX)), TROTH_OK);
        assert_int_equal(parse(line_with(texts[i], TROTH_TEXT_LENGTH_MAX + 1)), TROTH_OVER_LIMIT);
        assert_non_null(strstr(message, texts[i]));
    }
    assert_int_equal(parse(line_of("verdicts", TROTH_VERDICTS_MAX, 1)), TROTH_OK);
    assert_int_equal(event.verdict_count, TROTH_VERDICTS_MAX);
    assert_int_equal(parse(line_of("verdicts", TROTH_VERDICTS_MAX + 1, 1)), TROTH_OVER_LIMIT);
    assert_int_equal(parse(line_of("attributes", TROTH_ATTRIBUTES_MAX, 1)), TROTH_OK);
    assert_int_equal(event.attribute_count, TROTH_ATTRIBUTES_MAX);
    assert_int_equal(parse(line_of("attributes", TROTH_ATTRIBUTES_MAX + 1, 1)), TROTH_OVER_LIMIT);
    /* 63 names of 1024 bytes and the agent's one byte fit into the arena; 64 do not. */
    assert_int_equal(parse(line_of("attributes", 63, TROTH_TEXT_LENGTH_MAX)), TROTH_OK);
    assert_int_equal(parse(line_of("attributes", 64, TROTH_TEXT_LENGTH_MAX)), TROTH_OVER_LIMIT);
    assert_non_null(strstr(message, "all texts"));
    memset(line, ' ', sizeof(line));
    static const char bare[] = "{\"agent\":\"a\",\"at\":7,\"kind\":\"task\"}";
    memcpy(line, bare, sizeof(bare) - 1);
    assert_int_equal(troth_event_json_parse(line, sizeof(line), &arena, &event, &recorded_at_us,
                                            message, sizeof(message)),
                     TROTH_OK);
    char *longer = calloc(1, sizeof(line) + 1);
    assert_non_null(longer);
    memcpy(longer, line, sizeof(line));
    longer[sizeof(line)] = ' ';
    assert_int_equal(troth_event_json_parse(longer, sizeof(line) + 1, &arena, &event,
                                            &recorded_at_us, message, sizeof(message)),
                     TROTH_OVER_LIMIT);
    free(longer);
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":0,\"kind\":\"task\"}"), TROTH_OK);
    assert_int_equal(parse("{\"agent\":\"\\u00a0~ \",\"at\":0,\"kind\":\"task\"}"), TROTH_OK);
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":7258118399999999,\"kind\":\"task\"}"),
                     TROTH_OK);
}

static void an_absent_id_is_of_the_bytes_of_the_line(void **state)
{
    (void)state;
    /* XXH3's 128 bits of the line, most significant byte first, as `xxhsum -H2` prints them. */
    static const uint8_t expected[16] = {0x1b, 0x9d, 0xc6, 0x5c, 0xfd, 0xdf, 0x2f, 0x60,
                                         0xb2, 0x35, 0x24, 0xe4, 0x92, 0x43, 0xc0, 0x0f};
    uint8_t id[16];
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":7,\"kind\":\"task\"}"), TROTH_OK);
    assert_memory_equal(event.id, expected, 16);
    memcpy(id, event.id, 16);
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":7,\"kind\":\"task\"}\n"), TROTH_OK);
    assert_memory_equal(event.id, id, 16);
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":7,\"kind\":\"task\"}\r\n"), TROTH_OK);
    assert_memory_equal(event.id, id, 16);
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":8,\"kind\":\"task\"}"), TROTH_OK);
    assert_memory_not_equal(event.id, id, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(null_none_and_self_are_absent),
        cmocka_unit_test(wrong_lines_are_told_by_key),
        cmocka_unit_test(a_message_fits_any_buffer),
        cmocka_unit_test(limits_hold_on_both_sides),
        cmocka_unit_test(an_absent_id_is_of_the_bytes_of_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
