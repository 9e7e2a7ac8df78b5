/*
 * Claim: whatever schema a record was written with, of those that Avro resolves to ours, the
 * decoder gives the event that avro-c's generic value, looked up field by field by name, gives.
 *
 *   decode_oracle_test [records] [seed]        100,000 records by default
 *
 * Each 250 records have another random writer's schema (tests/oracle/evolve.h); their bytes are
 * written in blocks of any size, with negative counts too (tests/oracle/values.h). The canary: a
 * comparison of events that must not be equal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <jansson.h>

#include "consumers/avro/decode.h"
#include "schemas/avsc.h"
#include "tests/oracle/evolve.h"
#include "tests/oracle/values.h"

enum { RECORDS_A_WRITER = 250 };

static uint64_t record_count = 100000;
static uint64_t seed = 20260101;

/* An event as the oracle sees it. */
struct expected {
    struct troth_event event;
    struct troth_scratch scratch;
};

static struct troth_text *text_of(struct troth_event *event, unsigned field)
{
    switch (field) {
    case TROTH_FIELD_AGENT:
        return &event->agent;
    case TROTH_FIELD_ISSUER:
        return &event->issuer;
    case TROTH_FIELD_CONTRACT:
        return &event->contract;
    case TROTH_FIELD_SESSION:
        return &event->session;
    case TROTH_FIELD_AGENT_VERSION:
        return &event->agent_version;
    case TROTH_FIELD_TASK:
        return &event->task;
    case TROTH_FIELD_TOOL:
        return &event->tool;
    default:
        return &event->owner;
    }
}

static int64_t *integer_of(struct troth_event *event, unsigned field)
{
    switch (field) {
    case TROTH_FIELD_AT:
        return &event->at_us;
    case TROTH_FIELD_SEQ:
        return &event->seq;
    case TROTH_FIELD_LATENCY_US:
        return &event->latency_us;
    case TROTH_FIELD_COST_MICROS:
        return &event->cost_micros;
    case TROTH_FIELD_INPUT_TOKENS:
        return &event->input_tokens;
    case TROTH_FIELD_OUTPUT_TOKENS:
        return &event->output_tokens;
    default:
        return &event->until_us;
    }
}

static uint8_t *enum_of(struct troth_event *event, unsigned field)
{
    return field == TROTH_FIELD_KIND      ? &event->kind
           : field == TROTH_FIELD_OUTCOME ? &event->outcome
           : field == TROTH_FIELD_SOURCE  ? &event->source
                                          : &event->rescue;
}

/* Goes through unions to the value itself. */
static avro_value_t unwrap(avro_value_t value)
{
    while (avro_value_get_type(&value) == AVRO_UNION) {
        values_check(avro_value_get_current_branch(&value, &value));
    }
    return value;
}

static struct troth_text read_text(avro_value_t value)
{
    const void *data = NULL;
    size_t size = 0;
    value = unwrap(value);
    if (avro_value_get_type(&value) == AVRO_STRING) {
        const char *text = NULL;
        values_check(avro_value_get_string(&value, &text, &size));
        return (struct troth_text){.data = text, .length = (uint32_t)(size - 1)};
    }
    values_check(avro_value_get_bytes(&value, &data, &size));
    return (struct troth_text){.data = data, .length = (uint32_t)size};
}

static int64_t read_integer(avro_value_t value)
{
    int32_t narrow = 0;
    int64_t wide = 0;
    value = unwrap(value);
    if (avro_value_get_type(&value) == AVRO_INT32) {
        values_check(avro_value_get_int(&value, &narrow));
        return narrow;
    }
    values_check(avro_value_get_long(&value, &wide));
    return wide;
}

static uint8_t read_symbol(avro_value_t value, unsigned field)
{
    const char *name = NULL;
    const char *const *symbols = evolve_symbols(field, &name);
    int index = 0;
    value = unwrap(value);
    values_check(avro_value_get_enum(&value, &index));
    const char *symbol = avro_schema_enum_get(avro_value_get_schema(&value), index);
    for (uint8_t i = 0; symbols[i] != NULL; i++) {
        if (strcmp(symbols[i], symbol) == 0) {
            return i;
        }
    }
    /* The defaults of the enumerations in agent_event.avsc. */
    return field == TROTH_FIELD_KIND      ? (uint8_t)TROTH_KIND_HEARTBEAT
           : field == TROTH_FIELD_OUTCOME ? (uint8_t)TROTH_OUTCOME_NONE
           : field == TROTH_FIELD_SOURCE  ? (uint8_t)TROTH_SOURCE_SELF
                                          : (uint8_t)TROTH_RESCUE_CORRECTION;
}

static void read_number(avro_value_t value, struct troth_verdict *verdict)
{
    float single = 0;
    value = unwrap(value);
    verdict->has_value = avro_value_get_type(&value) != AVRO_NULL;
    switch (avro_value_get_type(&value)) {
    case AVRO_NULL:
        break;
    case AVRO_FLOAT:
        values_check(avro_value_get_float(&value, &single));
        verdict->value = (double)single;
        break;
    case AVRO_DOUBLE:
        values_check(avro_value_get_double(&value, &verdict->value));
        break;
    default:
        verdict->value = (double)read_integer(value);
        break;
    }
}

static void read_verdicts(avro_value_t array, struct expected *expected)
{
    size_t count = 0;
    values_check(avro_value_get_size(&array, &count));
    for (size_t i = 0; i < count; i++) {
        struct troth_verdict *verdict = &expected->scratch.verdicts[i];
        avro_value_t item = {0};
        avro_value_t value = {0};
        int kept = 0;
        values_check(avro_value_get_by_index(&array, i, &item, NULL));
        *verdict = (struct troth_verdict){0};
        values_check(avro_value_get_by_name(&item, "term", &value, NULL));
        verdict->term = read_text(value);
        values_check(avro_value_get_by_name(&item, "kept", &value, NULL));
        value = unwrap(value);
        values_check(avro_value_get_boolean(&value, &kept));
        verdict->kept = kept != 0;
        if (avro_value_get_by_name(&item, "value", &value, NULL) == 0) {
            read_number(value, verdict);
        }
    }
    expected->event.verdict_count = (uint16_t)count;
}

static void read_attributes(avro_value_t map, struct expected *expected)
{
    size_t count = 0;
    values_check(avro_value_get_size(&map, &count));
    for (size_t i = 0; i < count; i++) {
        avro_value_t value = {0};
        const char *key = NULL;
        values_check(avro_value_get_by_index(&map, i, &value, &key));
        expected->scratch.attributes[i].name =
            (struct troth_text){.data = key, .length = (uint32_t)strlen(key)};
        expected->scratch.attributes[i].value = read_text(value);
    }
    expected->event.attribute_count = (uint16_t)count;
}

static void read_field(avro_value_t value, unsigned field, bool millis, struct expected *expected)
{
    struct troth_event *event = &expected->event;
    avro_value_t inner = unwrap(value);
    const void *data = NULL;
    size_t size = 0;
    if (avro_value_get_type(&inner) == AVRO_NULL) {
        return;
    }
    event->present |= 1U << field;
    switch (troth_field_type(field)) {
    case TROTH_TYPE_BYTES:
        values_check(avro_value_get_fixed(&inner, &data, &size));
        memcpy(event->id, data, sizeof event->id);
        break;
    case TROTH_TYPE_TEXT:
        *text_of(event, field) = read_text(inner);
        break;
    case TROTH_TYPE_INTEGER:
        *integer_of(event, field) = read_integer(inner) * (millis ? 1000 : 1);
        break;
    case TROTH_TYPE_ENUM:
        *enum_of(event, field) = read_symbol(inner, field);
        break;
    case TROTH_TYPE_VERDICTS:
        read_verdicts(inner, expected);
        break;
    case TROTH_TYPE_ATTRIBUTES:
        read_attributes(inner, expected);
        break;
    }
}

/* What avro-c read, looked up by the names of our fields or their aliases. */
static void expect(const avro_value_t *record, const struct evolution *evolution,
                   struct expected *expected)
{
    char alias[64];
    memset(&expected->event, 0, sizeof expected->event);
    for (unsigned field = 0; field < TROTH_FIELD_COUNT; field++) {
        avro_value_t value = {0};
        (void)snprintf(alias, sizeof alias, "old_%s", troth_field_name(field));
        if (avro_value_get_by_name(record, troth_field_name(field), &value, NULL) == 0 ||
            avro_value_get_by_name(record, alias, &value, NULL) == 0) {
            read_field(value, field, evolution->millis[field], expected);
        }
    }
    expected->event.present |= 1U << TROTH_FIELD_SOURCE;
    if (expected->event.outcome == TROTH_OUTCOME_NONE) {
        expected->event.present &= ~(1U << TROTH_FIELD_OUTCOME);
    }
    if (expected->event.verdict_count == 0) {
        expected->event.present &= ~(1U << TROTH_FIELD_VERDICTS);
    }
    if (expected->event.attribute_count == 0) {
        expected->event.present &= ~(1U << TROTH_FIELD_ATTRIBUTES);
    }
    expected->event.verdicts = expected->scratch.verdicts;
    expected->event.attributes = expected->scratch.attributes;
}

static bool is_same_text(const struct troth_text *a, const struct troth_text *b)
{
    return (a->data == NULL) == (b->data == NULL) && a->length == b->length &&
           (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* Returns the first field that differs, or NULL. */
static const char *find_difference(struct troth_event *a, struct troth_event *b)
{
    if (a->present != b->present) {
        return "present";
    }
    for (unsigned field = 0; field < TROTH_FIELD_COUNT; field++) {
        enum troth_field_type type = troth_field_type(field);
        if ((type == TROTH_TYPE_BYTES && memcmp(a->id, b->id, sizeof a->id) != 0) ||
            (type == TROTH_TYPE_TEXT && !is_same_text(text_of(a, field), text_of(b, field))) ||
            (type == TROTH_TYPE_INTEGER && *integer_of(a, field) != *integer_of(b, field)) ||
            (type == TROTH_TYPE_ENUM && *enum_of(a, field) != *enum_of(b, field))) {
            return troth_field_name(field);
        }
    }
    if (a->verdict_count != b->verdict_count || a->attribute_count != b->attribute_count) {
        return "counts";
    }
    for (unsigned i = 0; i < a->verdict_count; i++) {
        const struct troth_verdict *x = &a->verdicts[i];
        const struct troth_verdict *y = &b->verdicts[i];
        if (!is_same_text(&x->term, &y->term) || x->kept != y->kept ||
            x->has_value != y->has_value || memcmp(&x->value, &y->value, sizeof x->value) != 0) {
            return "verdicts";
        }
    }
    for (unsigned i = 0; i < a->attribute_count; i++) {
        if (!is_same_text(&a->attributes[i].name, &b->attributes[i].name) ||
            !is_same_text(&a->attributes[i].value, &b->attributes[i].value)) {
            return "attributes";
        }
    }
    return NULL;
}

static void add_alias(json_t *type, const char *name)
{
    json_t *branch = json_is_array(type) ? json_array_get(type, 1) : type;
    json_t *named = json_object_get(branch, "items");
    named = named == NULL ? branch : named;
    if (json_object_get(named, "name") != NULL) {
        assert_int_equal(json_object_set_new(named, "aliases", json_pack("[s]", name)), 0);
    }
}

/* Our schema, with an alias for every field and every named type. The caller frees it. */
static char *make_reader(void)
{
    char name[64];
    json_t *schema = json_loadb(troth_avsc_agent_event, troth_avsc_agent_event_length, 0, NULL);
    json_t *field;
    size_t i;
    assert_non_null(schema);
    json_array_foreach(json_object_get(schema, "fields"), i, field)
    {
        (void)snprintf(name, sizeof name, "old_%s",
                       json_string_value(json_object_get(field, "name")));
        assert_int_equal(json_object_set_new(field, "aliases", json_pack("[s]", name)), 0);
        json_t *type = json_object_get(field, "type");
        json_t *named = json_is_array(type) ? json_array_get(type, 1) : type;
        named = json_object_get(named, "items") == NULL ? named : json_object_get(named, "items");
        const char *type_name = json_string_value(json_object_get(named, "name"));
        (void)snprintf(name, sizeof name, "com.example.Old%s", type_name == NULL ? "" : type_name);
        add_alias(type, name);
    }
    char *text = json_dumps(schema, JSON_COMPACT);
    json_decref(schema);
    return text;
}

static uint64_t decode_like_avro(const struct troth_plan *plan, const struct evolution *evolution,
                                 struct values *values, uint64_t count)
{
    static struct expected expected;
    static struct troth_scratch scratch;
    static struct values_bytes out;
    struct troth_event event;
    avro_schema_t schema;
    avro_value_t written;
    avro_value_t read;
    values_check(avro_schema_from_json_length(evolution->json, evolution->length, &schema));
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    avro_reader_t reader = avro_reader_memory("", 0);
    values_check(avro_generic_value_new(class, &written));
    values_check(avro_generic_value_new(class, &read));
    for (uint64_t i = 0; i < count; i++) {
        values_event(values, evolution, &written);
        out.length = 0;
        values_write(values, &written, &out);
        avro_reader_memory_set_source(reader, (const char *)out.bytes, (int64_t)out.length);
        values_check(avro_value_read(reader, &read));
        expect(&read, evolution, &expected);
        /* Exactly as large as the record, so that the sanitizer sees a byte too far. */
        uint8_t *bytes = malloc(out.length);
        assert_non_null(bytes);
        memcpy(bytes, out.bytes, out.length);
        troth_status status = troth_decode(plan, bytes, out.length, &event, &scratch);
        const char *difference =
            status == TROTH_OK ? find_difference(&event, &expected.event) : "status";
        if (difference != NULL) {
            fail_msg("%s differs (%s at %s); writer: %s", difference, troth_status_name(status),
                     status == TROTH_OK ? "-" : troth_field_name(scratch.failed_field),
                     evolution->json);
        }
        /* Cut short anywhere, it is refused. */
        size_t cut = (size_t)evolve_draw(&values->state, out.length);
        assert_int_not_equal(troth_decode(plan, bytes, cut, &event, &scratch), TROTH_OK);
        /* Broken anywhere, it returns. */
        bytes[cut] ^= (uint8_t)(1U << evolve_draw(&values->state, 8));
        status = troth_decode(plan, bytes, out.length, &event, &scratch);
        assert_true(status < TROTH_STATUS_COUNT);
        free(bytes);
    }
    avro_value_decref(&written);
    avro_value_decref(&read);
    avro_value_iface_decref(class);
    avro_reader_free(reader);
    (void)avro_schema_decref(schema);
    return count;
}

static void test_decodes_as_avro_does(void **state)
{
    static struct evolution evolution;
    static struct troth_plan plan;
    struct troth_plan_problem problem;
    char *reader = make_reader();
    uint64_t done = 0;
    unsigned writers = 0;
    (void)state;
    assert_non_null(reader);
    print_message("seed %" PRIu64 ", %" PRIu64 " records\n", seed, record_count);
    evolution.state = seed;
    while (done < record_count) {
        struct values values = {.state = evolution.state ^ UINT64_C(0x5bd1e995)};
        uint64_t left = record_count - done;
        evolve(&evolution);
        if (troth_plan_compile_for(reader, strlen(reader), evolution.json, evolution.length, &plan,
                                   &problem) != TROTH_OK) {
            fail_msg("%s; writer: %s", problem.text, evolution.json);
        }
        done += decode_like_avro(&plan, &evolution, &values,
                                 left < RECORDS_A_WRITER ? left : RECORDS_A_WRITER);
        writers++;
    }
    free(reader);
    print_message("%u writers' schemas\n", writers);
}

static void test_comparison_sees_differences(void **state)
{
    (void)state;
    for (unsigned field = 0; field < TROTH_FIELD_VERDICTS; field++) {
        struct troth_event a = {0};
        struct troth_event b = {0};
        assert_null(find_difference(&a, &b));
        switch (troth_field_type(field)) {
        case TROTH_TYPE_BYTES:
            b.id[15] = 1;
            break;
        case TROTH_TYPE_TEXT:
            text_of(&b, field)->data = "";
            break;
        case TROTH_TYPE_INTEGER:
            *integer_of(&b, field) = 1;
            break;
        default:
            *enum_of(&b, field) = 1;
            break;
        }
        assert_string_equal(find_difference(&a, &b), troth_field_name(field));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparison_sees_differences),
        cmocka_unit_test(test_decodes_as_avro_does),
    };
    record_count = argc > 1 ? strtoull(argv[1], NULL, 10) : record_count;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
