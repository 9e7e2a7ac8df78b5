/*
 * Claim: what the writer of JSON Lines writes reads back as the same event, in the least room; what
 * JSON cannot hold is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
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
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_line_is_compact_and_in_order),
        cmocka_unit_test(what_json_cannot_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
