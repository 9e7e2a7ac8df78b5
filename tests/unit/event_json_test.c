/*
 * Claim: the reader of JSON Lines takes exactly what DESIGN's "Topics and records" allows, says of
 * everything else which key is wrong, and what the writer writes reads back as the same event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/event_json.h"

enum { RANDOM_EVENTS = 20000 };

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

/* splitmix64 (Steele, Lea and Flood, 2014). */
static uint64_t seed_state;

static uint64_t draw(uint64_t below)
{
    seed_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (seed_state ^ seed_state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    mixed ^= mixed >> 31;
    return below == 0 ? mixed : mixed % below;
}

static char pool[1 << 18];
static size_t pool_used;

/* Draws a text of UTF-8, of which some letters need an escape and some several bytes. */
static struct troth_text draw_text(size_t letters_max, bool controls, bool zero)
{
    static const char *const letters[] = {"a",    "Z",        "\"",           "\\",
                                          "/",    "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                          "\x1b", "\n",       "\x01"};
    char *start = pool + pool_used;
    size_t count = draw(letters_max + 1);
    for (size_t i = 0; i < count; i++) {
        const char *letter = letters[draw(controls ? 11 : 8)];
        memcpy(pool + pool_used, letter, strlen(letter));
        pool_used += strlen(letter);
    }
    if (zero && draw(8) == 0) {
        pool[pool_used++] = '\0';
    }
    return (struct troth_text){.data = start, .length = (uint32_t)(pool + pool_used - start)};
}

static int64_t draw_integer(bool negative)
{
    uint64_t bits = draw(0) >> draw(64);
    return negative ? (int64_t)bits : (int64_t)(bits >> 1);
}

static double draw_value(void)
{
    double value;
    do {
        uint64_t bits = draw(0);
        memcpy(&value, &bits, sizeof(value));
    } while (!isfinite(value));
    return draw(2) == 0 ? value : (double)draw(100) / 100;
}

static struct troth_verdict verdicts[TROTH_VERDICTS_MAX];
static struct troth_attribute attributes[TROTH_ATTRIBUTES_MAX];

static struct troth_text maybe_text(struct troth_event *drawn, enum troth_field field)
{
    if (draw(2) == 0) {
        return (struct troth_text){0};
    }
    drawn->present |= UINT32_C(1) << field;
    return draw_text(20, true, true);
}

static int64_t maybe_integer(struct troth_event *drawn, enum troth_field field, bool negative)
{
    if (draw(2) == 0) {
        return 0;
    }
    drawn->present |= UINT32_C(1) << field;
    return draw_integer(negative);
}

static void draw_lists(struct troth_event *drawn)
{
    drawn->verdict_count = (uint16_t)(draw(4) == 0 ? draw(TROTH_VERDICTS_MAX + 1) : 0);
    drawn->attribute_count = (uint16_t)(draw(4) == 0 ? draw(TROTH_ATTRIBUTES_MAX + 1) : 0);
    for (unsigned i = 0; i < drawn->verdict_count; i++) {
        bool has_value = draw(2) == 0;
        verdicts[i] = (struct troth_verdict){.term = draw_text(8, true, true),
                                             .kept = draw(2) == 0,
                                             .has_value = has_value,
                                             .value = has_value ? draw_value() : 0};
    }
    for (unsigned i = 0; i < drawn->attribute_count; i++) {
        attributes[i].value = draw_text(8, true, true);
        attributes[i].name = draw_text(8, true, false);
        pool[pool_used++] = (char)('0' + i); /* makes the name its own */
        attributes[i].name.length++;
    }
    if (drawn->verdict_count != 0) {
        drawn->verdicts = verdicts;
        drawn->present |= UINT32_C(1) << TROTH_FIELD_VERDICTS;
    }
    if (drawn->attribute_count != 0) {
        drawn->attributes = attributes;
        drawn->present |= UINT32_C(1) << TROTH_FIELD_ATTRIBUTES;
    }
}

static struct troth_event draw_event(void)
{
    struct troth_event drawn = {
        .present = UINT32_C(1) << TROTH_FIELD_ID | UINT32_C(1) << TROTH_FIELD_AT |
                   UINT32_C(1) << TROTH_FIELD_KIND | UINT32_C(1) << TROTH_FIELD_SOURCE,
        .kind = (uint8_t)draw(TROTH_KIND_COUNT),
        .outcome = (uint8_t)draw(TROTH_OUTCOME_COUNT),
        .source = (uint8_t)draw(TROTH_SOURCE_COUNT),
        .at_us = (int64_t)draw((uint64_t)TROTH_EVENT_TIME_END_US)};
    pool_used = 0;
    for (int i = 0; i < 16; i++) {
        drawn.id[i] = (uint8_t)draw(256);
    }
    if ((drawn.kind != TROTH_KIND_TICK && drawn.kind != TROTH_KIND_POINTER) || draw(2) == 0) {
        drawn.present |= UINT32_C(1) << TROTH_FIELD_AGENT;
        drawn.agent = draw_text(31, false, false);
        pool[pool_used++] = 'x'; /* a name is never empty */
        drawn.agent.length++;
    }
    if (drawn.outcome != TROTH_OUTCOME_NONE) {
        drawn.present |= UINT32_C(1) << TROTH_FIELD_OUTCOME;
    }
    if (draw(2) == 0) {
        drawn.present |= UINT32_C(1) << TROTH_FIELD_RESCUE;
        drawn.rescue = (uint8_t)draw(TROTH_RESCUE_COUNT);
    }
    drawn.issuer = maybe_text(&drawn, TROTH_FIELD_ISSUER);
    drawn.contract = maybe_text(&drawn, TROTH_FIELD_CONTRACT);
    drawn.session = maybe_text(&drawn, TROTH_FIELD_SESSION);
    drawn.agent_version = maybe_text(&drawn, TROTH_FIELD_AGENT_VERSION);
    drawn.task = maybe_text(&drawn, TROTH_FIELD_TASK);
    drawn.tool = maybe_text(&drawn, TROTH_FIELD_TOOL);
    drawn.owner = maybe_text(&drawn, TROTH_FIELD_OWNER);
    drawn.seq = maybe_integer(&drawn, TROTH_FIELD_SEQ, true);
    drawn.latency_us = maybe_integer(&drawn, TROTH_FIELD_LATENCY_US, false);
    drawn.cost_micros = maybe_integer(&drawn, TROTH_FIELD_COST_MICROS, false);
    drawn.input_tokens = maybe_integer(&drawn, TROTH_FIELD_INPUT_TOKENS, false);
    drawn.output_tokens = maybe_integer(&drawn, TROTH_FIELD_OUTPUT_TOKENS, false);
    drawn.until_us = maybe_integer(&drawn, TROTH_FIELD_UNTIL, true);
    draw_lists(&drawn);
    return drawn;
}

static void same_text(struct troth_text a, struct troth_text b)
{
    assert_int_equal(a.length, b.length);
    assert_int_equal(a.data == NULL, b.data == NULL);
    assert_true(a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static void same_event(const struct troth_event *a, const struct troth_event *b)
{
    assert_int_equal(a->present, b->present);
    assert_memory_equal(a->id, b->id, 16);
    assert_true(a->kind == b->kind && a->outcome == b->outcome && a->source == b->source);
    assert_true(a->rescue == b->rescue && a->at_us == b->at_us && a->seq == b->seq);
    assert_true(a->latency_us == b->latency_us && a->cost_micros == b->cost_micros);
    assert_true(a->input_tokens == b->input_tokens && a->output_tokens == b->output_tokens);
    assert_true(a->until_us == b->until_us && a->verdict_count == b->verdict_count);
    assert_int_equal(a->attribute_count, b->attribute_count);
    same_text(a->agent, b->agent);
    same_text(a->issuer, b->issuer);
    same_text(a->contract, b->contract);
    same_text(a->session, b->session);
    same_text(a->agent_version, b->agent_version);
    same_text(a->task, b->task);
    same_text(a->tool, b->tool);
    same_text(a->owner, b->owner);
    for (unsigned i = 0; i < a->verdict_count; i++) {
        same_text(a->verdicts[i].term, b->verdicts[i].term);
        assert_int_equal(a->verdicts[i].kept, b->verdicts[i].kept);
        assert_int_equal(a->verdicts[i].has_value, b->verdicts[i].has_value);
        assert_true(a->verdicts[i].value == b->verdicts[i].value);
    }
    for (unsigned i = 0; i < a->attribute_count; i++) {
        same_text(a->attributes[i].name, b->attributes[i].name);
        same_text(a->attributes[i].value, b->attributes[i].value);
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    seed_state = 20261124;
    print_message("seed %llu\n", (unsigned long long)seed_state);
    for (int i = 0; i < RANDOM_EVENTS; i++) {
        struct troth_event drawn = draw_event();
        int64_t recorded = draw(2) == 0 ? TROTH_EVENT_UNRECORDED : (int64_t)draw(UINT32_MAX);
        size_t length = 0;
        assert_int_equal(troth_event_json_write(&drawn, recorded, line, sizeof(line), &length),
                         TROTH_OK);
        assert_null(memchr(line, '\n', length));
        troth_status status = troth_event_json_parse(line, length, &arena, &event, &recorded_at_us,
                                                     message, sizeof(message));
        if (status != TROTH_OK) {
            fail_msg("%.*s\n%s", (int)length, line, message);
        }
        same_event(&drawn, &event);
        assert_int_equal(recorded_at_us,
                         recorded == TROTH_EVENT_UNRECORDED ? drawn.at_us : recorded);
        size_t again = 7;
        assert_int_equal(troth_event_json_write(&drawn, recorded, line, length - 1, &again),
                         TROTH_FULL);
        assert_int_equal(again, 7);
        assert_int_equal(troth_event_json_write(&drawn, recorded, line, length, &again), TROTH_OK);
    }
}

static void a_line_is_compact_and_in_order(void **state)
{
    (void)state;
    static const char text[] =
        "{\"id\":\"00112233445566778899aabbccddeeff\",\"agent\":\"a\",\"at\":7,\"kind\":\"task\","
        "\"outcome\":\"ok\",\"seq\":4,\"latency_us\":9,\"verdicts\":[{\"term\":\"g\","
        "\"kept\":true,\"value\":0.1}],\"attributes\":{\"region\":\"eu\"},\"recorded_at\":8}";
    size_t length = 0;
    assert_int_equal(parse(text), TROTH_OK);
    assert_int_equal(troth_event_json_write(&event, 8, line, sizeof(line), &length), TROTH_OK);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(line, text, length);
}

static void what_json_cannot_hold_is_refused(void **state)
{
    (void)state;
    struct troth_verdict verdict = {.term = {"g", 1}, .kept = true, .has_value = true};
    struct troth_attribute pair[2] = {{{"x", 1}, {"1", 1}}, {{"x", 1}, {"2", 1}}};
    size_t length;
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":7,\"kind\":\"task\",\"tool\":\"t\"}"),
                     TROTH_OK);
    struct troth_event good = event;
    event.tool = (struct troth_text){"\xc3", 1};
    assert_int_equal(troth_event_json_write(&event, 8, line, sizeof(line), &length), TROTH_INVALID);
    event = good;
    event.present |= UINT32_C(1) << TROTH_FIELD_VERDICTS;
    event.verdicts = &verdict;
    event.verdict_count = 1;
    verdict.value = NAN;
    assert_int_equal(troth_event_json_write(&event, 8, line, sizeof(line), &length), TROTH_INVALID);
    verdict.value = -INFINITY;
    assert_int_equal(troth_event_json_write(&event, 8, line, sizeof(line), &length), TROTH_INVALID);
    verdict.value = 1;
    assert_int_equal(troth_event_json_write(&event, 8, line, sizeof(line), &length), TROTH_OK);
    event = good;
    event.present |= UINT32_C(1) << TROTH_FIELD_ATTRIBUTES;
    event.attributes = pair;
    event.attribute_count = 2;
    assert_int_equal(troth_event_json_write(&event, 8, line, sizeof(line), &length), TROTH_INVALID);
    pair[1].name = (struct troth_text){"y\0", 2};
    assert_int_equal(troth_event_json_write(&event, 8, line, sizeof(line), &length), TROTH_INVALID);
    pair[1].name.length = 1;
    assert_int_equal(troth_event_json_write(&event, 8, line, sizeof(line), &length), TROTH_OK);
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
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_line_is_compact_and_in_order),
        cmocka_unit_test(what_json_cannot_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
