/*
 * Claims: what the encoder writes decodes to an equal event, by our decoder and by avro-c; it never
 * writes past its buffer, whatever the buffer's size; what the decoder would refuse is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avro.h>

#include "consumers/avro/decode.h"
#include "consumers/avro/encode.h"
#include "consumers/check.h"
#include "schemas/avsc.h"

enum { EVENTS = 20000, POOL = 4096 };

static struct troth_plan plan;
static uint64_t seed = 20260102;

/* One random event and what it points to. */
struct sample {
    struct troth_event event;
    struct troth_verdict verdicts[TROTH_VERDICTS_MAX];
    struct troth_attribute attributes[TROTH_ATTRIBUTES_MAX];
    char pool[POOL];
};

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t draw(uint64_t bound)
{
    uint64_t mixed = seed += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (mixed ^ mixed >> 31) % bound;
}

/* Any piece of the pool, which is letters. */
static struct troth_text draw_text(const struct sample *sample, uint64_t least)
{
    uint64_t length = least + draw(30);
    return (struct troth_text){.data = sample->pool + draw(POOL - length),
                               .length = (uint32_t)length};
}

static void draw_optional(struct sample *sample, unsigned field, struct troth_text *text,
                          int64_t *integer)
{
    if (draw(2) == 0) {
        return;
    }
    sample->event.present |= 1U << field;
    if (text != NULL) {
        *text = draw_text(sample, 0);
    } else {
        *integer = (int64_t)(draw(UINT64_MAX) >> 1 >> draw(63));
    }
}

static void make(struct sample *sample)
{
    struct troth_event *event = &sample->event;
    memset(sample, 0, sizeof *sample);
    for (size_t i = 0; i < POOL; i++) {
        sample->pool[i] = (char)('a' + draw(26));
    }
    for (size_t i = 0; i < sizeof event->id; i++) {
        event->id[i] = (uint8_t)draw(256);
    }
    event->agent = draw_text(sample, 1);
    event->at_us = (int64_t)draw((uint64_t)TROTH_AT_END_US);
    event->kind = (uint8_t)draw(TROTH_KIND_COUNT);
    event->outcome = (uint8_t)draw(TROTH_OUTCOME_COUNT);
    event->source = (uint8_t)draw(TROTH_SOURCE_COUNT);
    event->present = 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT |
                     1U << TROTH_FIELD_KIND | 1U << TROTH_FIELD_SOURCE |
                     (event->outcome == TROTH_OUTCOME_NONE ? 0U : 1U << TROTH_FIELD_OUTCOME);
    draw_optional(sample, TROTH_FIELD_ISSUER, &event->issuer, NULL);
    draw_optional(sample, TROTH_FIELD_CONTRACT, &event->contract, NULL);
    draw_optional(sample, TROTH_FIELD_SESSION, &event->session, NULL);
    draw_optional(sample, TROTH_FIELD_SEQ, NULL, &event->seq);
    draw_optional(sample, TROTH_FIELD_AGENT_VERSION, &event->agent_version, NULL);
    draw_optional(sample, TROTH_FIELD_TASK, &event->task, NULL);
    draw_optional(sample, TROTH_FIELD_TOOL, &event->tool, NULL);
    draw_optional(sample, TROTH_FIELD_LATENCY_US, NULL, &event->latency_us);
    draw_optional(sample, TROTH_FIELD_COST_MICROS, NULL, &event->cost_micros);
    draw_optional(sample, TROTH_FIELD_INPUT_TOKENS, NULL, &event->input_tokens);
    draw_optional(sample, TROTH_FIELD_OUTPUT_TOKENS, NULL, &event->output_tokens);
    draw_optional(sample, TROTH_FIELD_OWNER, &event->owner, NULL);
    draw_optional(sample, TROTH_FIELD_UNTIL, NULL, &event->until_us);
    if (draw(2) == 0) {
        event->present |= 1U << TROTH_FIELD_RESCUE;
        event->rescue = (uint8_t)draw(TROTH_RESCUE_COUNT);
    }
    event->verdicts = sample->verdicts;
    event->attributes = sample->attributes;
    event->verdict_count = draw(2) == 0 ? 0 : (uint16_t)draw(TROTH_VERDICTS_MAX + 1);
    event->attribute_count = draw(2) == 0 ? 0 : (uint16_t)draw(TROTH_ATTRIBUTES_MAX + 1);
    event->present |= event->verdict_count > 0 ? 1U << TROTH_FIELD_VERDICTS : 0U;
    event->present |= event->attribute_count > 0 ? 1U << TROTH_FIELD_ATTRIBUTES : 0U;
    for (unsigned i = 0; i < event->verdict_count; i++) {
        bool has_value = draw(2) == 0;
        sample->verdicts[i] =
            (struct troth_verdict){.term = draw_text(sample, 0),
                                   .value = has_value ? (double)draw(1000000) / 3 : 0,
                                   .has_value = has_value,
                                   .kept = draw(2) == 0};
    }
    for (unsigned i = 0; i < event->attribute_count; i++) {
        sample->attributes[i] =
            (struct troth_attribute){draw_text(sample, 0), draw_text(sample, 0)};
    }
}

static void check_text(const struct troth_text *a, const struct troth_text *b)
{
    assert_int_equal(a->data == NULL, b->data == NULL);
    assert_int_equal(a->length, b->length);
    assert_true(a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

static void check_equal(const struct troth_event *a, const struct troth_event *b)
{
    assert_int_equal(a->present, b->present);
    assert_memory_equal(a->id, b->id, sizeof a->id);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->rescue, b->rescue);
    assert_true(a->at_us == b->at_us && a->latency_us == b->latency_us &&
                a->cost_micros == b->cost_micros && a->input_tokens == b->input_tokens &&
                a->output_tokens == b->output_tokens && a->seq == b->seq &&
                a->until_us == b->until_us);
    check_text(&a->agent, &b->agent);
    check_text(&a->issuer, &b->issuer);
    check_text(&a->contract, &b->contract);
    check_text(&a->session, &b->session);
    check_text(&a->agent_version, &b->agent_version);
    check_text(&a->task, &b->task);
    check_text(&a->tool, &b->tool);
    check_text(&a->owner, &b->owner);
    assert_int_equal(a->verdict_count, b->verdict_count);
    assert_int_equal(a->attribute_count, b->attribute_count);
    for (unsigned i = 0; i < a->verdict_count; i++) {
        check_text(&a->verdicts[i].term, &b->verdicts[i].term);
        assert_int_equal(a->verdicts[i].kept, b->verdicts[i].kept);
        assert_int_equal(a->verdicts[i].has_value, b->verdicts[i].has_value);
        assert_true(a->verdicts[i].value == b->verdicts[i].value);
    }
    for (unsigned i = 0; i < a->attribute_count; i++) {
        check_text(&a->attributes[i].name, &b->attributes[i].name);
        check_text(&a->attributes[i].value, &b->attributes[i].value);
    }
}

static void test_round_trip(void **state)
{
    static struct sample sample;
    static struct troth_scratch scratch;
    static uint8_t buffer[TROTH_RECORD_LENGTH_MAX];
    struct troth_event event;
    (void)state;
    print_message("seed %" PRIu64 "\n", seed);
    for (unsigned i = 0; i < EVENTS; i++) {
        size_t length = 0;
        make(&sample);
        assert_int_equal(troth_encode(&sample.event, buffer, sizeof buffer, &length), TROTH_OK);
        assert_int_equal(troth_decode(&plan, buffer, length, &event, &scratch), TROTH_OK);
        check_equal(&sample.event, &event);
    }
}

/* avro-c writes the value that it read as the same bytes: blocks are whole in both. */
static void test_avro_writes_the_same(void **state)
{
    static struct sample sample;
    static uint8_t buffer[TROTH_RECORD_LENGTH_MAX];
    static char again[TROTH_RECORD_LENGTH_MAX];
    avro_schema_t schema;
    avro_value_t value;
    (void)state;
    assert_int_equal(avro_schema_from_json_length(troth_avsc_agent_event,
                                                  troth_avsc_agent_event_length, &schema),
                     0);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    avro_reader_t reader = avro_reader_memory("", 0);
    avro_writer_t writer = avro_writer_memory(again, sizeof again);
    assert_int_equal(avro_generic_value_new(class, &value), 0);
    for (unsigned i = 0; i < EVENTS / 10; i++) {
        size_t length = 0;
        make(&sample);
        for (unsigned j = 0; j < sample.event.attribute_count; j++) {
            /* avro-c's map holds a name once. */
            sample.attributes[j].name = (struct troth_text){sample.pool + j, 8};
        }
        assert_int_equal(troth_encode(&sample.event, buffer, sizeof buffer, &length), TROTH_OK);
        avro_reader_memory_set_source(reader, (const char *)buffer, (int64_t)length);
        avro_writer_reset(writer);
        assert_int_equal(avro_value_read(reader, &value), 0);
        assert_int_equal(avro_value_write(writer, &value), 0);
        assert_int_equal(avro_writer_tell(writer), length);
        assert_memory_equal(buffer, again, length);
    }
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_reader_free(reader);
    avro_writer_free(writer);
    (void)avro_schema_decref(schema);
}

static void test_every_capacity(void **state)
{
    static struct sample sample;
    static uint8_t buffer[TROTH_RECORD_LENGTH_MAX];
    size_t whole = 0;
    (void)state;
    make(&sample);
    sample.event.verdict_count = 2;
    sample.event.attribute_count = 2;
    assert_int_equal(troth_encode(&sample.event, buffer, sizeof buffer, &whole), TROTH_OK);
    for (size_t capacity = 0; capacity <= whole; capacity++) {
        /* Exactly as large, so that the sanitizer sees a byte too far. */
        uint8_t *small = malloc(capacity == 0 ? 1 : capacity);
        size_t length = 12345;
        assert_non_null(small);
        troth_status status = troth_encode(&sample.event, small, capacity, &length);
        assert_int_equal(status, capacity == whole ? TROTH_OK : TROTH_FULL);
        assert_int_equal(length, capacity == whole ? whole : 12345);
        assert_memory_equal(small, buffer, capacity == whole ? whole : 0);
        free(small);
    }
}

static void refuse(const struct troth_event *event, troth_status expected)
{
    static uint8_t buffer[TROTH_RECORD_LENGTH_MAX];
    size_t length = 7;
    assert_int_equal(troth_encode(event, buffer, sizeof buffer, &length), expected);
    assert_int_equal(length, 7);
}

static void test_what_would_not_decode_is_refused(void **state)
{
    static struct sample sample;
    static char text[TROTH_TEXT_LENGTH_MAX + 1];
    (void)state;
    memset(text, 'x', sizeof text);
    make(&sample);
    struct troth_event good = sample.event;
    good.verdict_count = 0;
    good.attribute_count = 0;
    good.kind = TROTH_KIND_TASK;
    struct troth_event event = good;
    event.agent.length = 0;
    refuse(&event, TROTH_INVALID);
    event.agent = (struct troth_text){text, TROTH_AGENT_LENGTH_MAX + 1};
    refuse(&event, TROTH_OVER_LIMIT);
    event.agent = (struct troth_text){"a\nb", 3};
    refuse(&event, TROTH_INVALID);
    event = good;
    event.at_us = TROTH_AT_END_US;
    refuse(&event, TROTH_INVALID);
    event = good;
    event.cost_micros = -1;
    refuse(&event, TROTH_INVALID);
    event = good;
    event.task = (struct troth_text){text, sizeof text};
    refuse(&event, TROTH_OVER_LIMIT);
    event = good;
    event.task = (struct troth_text){"\xff", 1};
    refuse(&event, TROTH_INVALID);
    event = good;
    event.outcome = TROTH_OUTCOME_COUNT;
    refuse(&event, TROTH_INVALID);
    event = good;
    event.verdict_count = TROTH_VERDICTS_MAX + 1;
    refuse(&event, TROTH_OVER_LIMIT);
    /* Within each limit, and all of it too long for a record. */
    event = good;
    event.attribute_count = TROTH_ATTRIBUTES_MAX;
    for (unsigned i = 0; i < TROTH_ATTRIBUTES_MAX; i++) {
        sample.attributes[i].name = (struct troth_text){text, TROTH_TEXT_LENGTH_MAX};
        sample.attributes[i].value = sample.attributes[i].name;
    }
    refuse(&event, TROTH_OVER_LIMIT);
}

static void test_headers(void **state)
{
    uint8_t confluent[TROTH_CONFLUENT_HEADER_LENGTH];
    uint8_t single[TROTH_SINGLE_OBJECT_HEADER_LENGTH];
    (void)state;
    troth_encode_confluent_header(0x01020304, confluent);
    assert_memory_equal(confluent, "\x00\x01\x02\x03\x04", 5);
    troth_encode_single_object_header(UINT64_C(0x0102030405060708), single);
    assert_memory_equal(single, "\xc3\x01\x08\x07\x06\x05\x04\x03\x02\x01", 10);
}

static int set_up(void **state)
{
    struct troth_plan_problem problem;
    (void)state;
    return troth_plan_compile(troth_avsc_agent_event, troth_avsc_agent_event_length, &plan,
                              &problem) == TROTH_OK
               ? 0
               : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_avro_writes_the_same),
        cmocka_unit_test(test_every_capacity),
        cmocka_unit_test(test_what_would_not_decode_is_refused),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
