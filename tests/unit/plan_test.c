/*
 * Claims: agent_event.avsc and the tables of schemas/event.h say the same; decision.avsc is a
 * schema that ranks rungs as schemas/contract.h does; canonical forms and fingerprints are those
 * that Apache Avro publishes (share/test/data/schema-tests.txt); what Avro cannot resolve to our
 * schema is refused with field and reason; limits hold before a parser recurses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avro.h>

#include "consumers/avro/plan.h"
#include "consumers/avro/schema.h"
#include "schemas/avsc.h"
#include "schemas/contract.h"
#include "schemas/event.h"

#define SYMBOL(NAME, text) #NAME,
static const char *const kinds[] = {TROTH_KINDS(SYMBOL)};
static const char *const outcomes[] = {TROTH_OUTCOMES(SYMBOL)};
static const char *const sources[] = {TROTH_SOURCES(SYMBOL)};
static const char *const rescues[] = {TROTH_RESCUES(SYMBOL)};
static const char *const rungs[] = {TROTH_RUNGS(SYMBOL)};
#undef SYMBOL

static struct troth_plan plan;
static struct troth_plan_problem problem;

static json_t *load(const char *text, size_t length)
{
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        fail_msg("line %d: %s", error.line, error.text);
    }
    return json;
}

static const char *string_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text == NULL ? "" : text;
}

/* Our unions are null and one type, in this order, with default null. */
static const json_t *unwrap(const json_t *field)
{
    const json_t *type = json_object_get(field, "type");
    if (!json_is_array(type)) {
        return type;
    }
    assert_int_equal(json_array_size(type), 2);
    assert_string_equal(json_string_value(json_array_get(type, 0)), "null");
    assert_true(json_is_null(json_object_get(field, "default")));
    return json_array_get(type, 1);
}

static void check_symbols(const json_t *type, const char *const *symbols, size_t count,
                          const char *fallback)
{
    const json_t *written = json_object_get(type, "symbols");
    assert_string_equal(string_of(type, "type"), "enum");
    assert_string_equal(string_of(type, "default"), fallback);
    assert_int_equal(json_array_size(written), count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(json_string_value(json_array_get(written, i)), symbols[i]);
    }
}

static void check_enum(unsigned field, const json_t *json)
{
    const json_t *type = unwrap(json);
    switch (field) {
    case TROTH_FIELD_KIND:
        check_symbols(type, kinds, TROTH_KIND_COUNT, "HEARTBEAT");
        assert_null(json_object_get(json, "default"));
        break;
    case TROTH_FIELD_OUTCOME:
        check_symbols(type, outcomes, TROTH_OUTCOME_COUNT, "NONE");
        assert_string_equal(string_of(json, "default"), "NONE");
        break;
    case TROTH_FIELD_SOURCE:
        check_symbols(type, sources, TROTH_SOURCE_COUNT, "SELF");
        assert_string_equal(string_of(json, "default"), "SELF");
        break;
    default:
        assert_int_equal(field, TROTH_FIELD_RESCUE);
        check_symbols(type, rescues, TROTH_RESCUE_COUNT, "CORRECTION");
        break;
    }
}

static void check_field(unsigned field, const json_t *json)
{
    const json_t *type = unwrap(json);
    bool is_time = field == TROTH_FIELD_AT || field == TROTH_FIELD_UNTIL;
    switch (troth_field_type(field)) {
    case TROTH_TYPE_BYTES:
        assert_string_equal(string_of(type, "type"), "fixed");
        assert_int_equal(json_integer_value(json_object_get(type, "size")),
                         sizeof((struct troth_event *)0)->id);
        break;
    case TROTH_TYPE_TEXT:
        assert_string_equal(json_string_value(type), "string");
        break;
    case TROTH_TYPE_INTEGER:
        assert_string_equal(is_time ? string_of(type, "type") : json_string_value(type), "long");
        assert_string_equal(string_of(type, "logicalType"), is_time ? "timestamp-micros" : "");
        break;
    case TROTH_TYPE_ENUM:
        check_enum(field, json);
        break;
    case TROTH_TYPE_VERDICTS:
        assert_string_equal(string_of(type, "type"), "array");
        assert_true(json_is_array(json_object_get(json, "default")));
        assert_int_equal(json_array_size(json_object_get(json, "default")), 0);
        break;
    case TROTH_TYPE_ATTRIBUTES:
        assert_string_equal(string_of(type, "type"), "map");
        assert_string_equal(string_of(type, "values"), "string");
        assert_true(json_is_object(json_object_get(json, "default")));
        assert_int_equal(json_object_size(json_object_get(json, "default")), 0);
        break;
    }
    assert_string_not_equal(string_of(json, "doc"), "");
}

static void test_schema_is_the_tables(void **state)
{
    json_t *schema = load(troth_avsc_agent_event, troth_avsc_agent_event_length);
    const json_t *fields = json_object_get(schema, "fields");
    (void)state;
    assert_string_equal(string_of(schema, "name"), "AgentEvent");
    assert_string_equal(string_of(schema, "namespace"), "troth");
    assert_int_equal(json_array_size(fields), TROTH_FIELD_COUNT);
    for (unsigned field = 0; field < TROTH_FIELD_COUNT; field++) {
        const json_t *json = json_array_get(fields, field);
        assert_string_equal(string_of(json, "name"), troth_field_name(field));
        check_field(field, json);
    }
    json_decref(schema);
}

static void test_avro_reads_both_schemas(void **state)
{
    avro_schema_t schema;
    (void)state;
    assert_int_equal(avro_schema_from_json_length(troth_avsc_agent_event,
                                                  troth_avsc_agent_event_length, &schema),
                     0);
    assert_int_equal(avro_schema_record_size(schema), TROTH_FIELD_COUNT);
    (void)avro_schema_decref(schema);
    assert_int_equal(
        avro_schema_from_json_length(troth_avsc_decision, troth_avsc_decision_length, &schema), 0);
    assert_string_equal(avro_schema_name(schema), "Decision");
    avro_schema_t expected =
        avro_schema_union_branch(avro_schema_record_field_get(schema, "expected"), 1);
    assert_int_equal(avro_schema_enum_number_of_symbols(expected), TROTH_RUNG_COUNT);
    for (int i = 0; i < (int)TROTH_RUNG_COUNT; i++) {
        assert_string_equal(avro_schema_enum_get(expected, i), rungs[i]);
    }
    (void)avro_schema_decref(schema);
}

/* From Apache Avro's own test data. */
static const struct {
    const char *schema;
    const char *form;
    int64_t fingerprint;
} published[] = {
    {"\"null\"", "\"null\"", INT64_C(7195948357588979594)},
    {"{\"type\":\"boolean\"}", "\"boolean\"", INT64_C(-6970731678124411036)},
    {"\"int\"", "\"int\"", INT64_C(8247732601305521295)},
    {"\"long\"", "\"long\"", INT64_C(-3434872931120570953)},
    {"\"float\"", "\"float\"", INT64_C(5583340709985441680)},
    {"\"double\"", "\"double\"", INT64_C(-8181574048448539266)},
    {"\"bytes\"", "\"bytes\"", INT64_C(5746618253357095269)},
    {"\"string\"", "\"string\"", INT64_C(-8142146995180207161)},
    {"[ \"int\"  ]", "[\"int\"]", INT64_C(-5232228896498058493)},
    {"[ \"int\" , {\"type\":\"boolean\"} ]", "[\"int\",\"boolean\"]", INT64_C(5392556393470105090)},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"namespace\":\"x.y\"}",
     "{\"name\":\"x.y.foo\",\"type\":\"record\",\"fields\":[]}", INT64_C(5916914534497305771)},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"a.b.foo\", \"namespace\":\"x.y\"}",
     "{\"name\":\"a.b.foo\",\"type\":\"record\",\"fields\":[]}", INT64_C(-4616218487480524110)},
    {"{\"fields\":[{\"type\":\"boolean\", \"aliases\":[], \"name\":\"f1\", \"default\":\"true\"},"
     "{\"order\":\"descending\",\"name\":\"f2\",\"doc\":\"Hello\",\"type\":\"int\"}],"
     "\"type\":\"record\", \"name\":\"foo\"}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"},"
     "{\"name\":\"f2\",\"type\":\"int\"}]}",
     INT64_C(-4860222112080293046)},
    {"{\"namespace\":\"x.y.z\", \"type\":\"enum\", \"name\":\"foo\", \"doc\":\"foo bar\","
     "\"symbols\":[\"A1\", \"A2\"]}",
     "{\"name\":\"x.y.z.foo\",\"type\":\"enum\",\"symbols\":[\"A1\",\"A2\"]}",
     INT64_C(-4448647247586288245)},
    {"{\"namespace\":\"x.y.z\", \"type\":\"fixed\", \"name\":\"foo\", \"size\":32}",
     "{\"name\":\"x.y.z.foo\",\"type\":\"fixed\",\"size\":32}", INT64_C(-3064184465700546786)},
    {"{ \"items\":{\"type\":\"null\"}, \"type\":\"array\"}",
     "{\"type\":\"array\",\"items\":\"null\"}", INT64_C(-589620603366471059)},
    {"{ \"values\":\"string\", \"type\":\"map\"}", "{\"type\":\"map\",\"values\":\"string\"}",
     INT64_C(-8732877298790414990)},
    {"{\"name\":\"PigValue\",\"type\":\"record\",\"fields\":[{\"name\":\"value\","
     "\"type\":[\"null\", \"int\", \"long\", \"PigValue\"]}]}",
     "{\"name\":\"PigValue\",\"type\":\"record\",\"fields\":[{\"name\":\"value\","
     "\"type\":[\"null\",\"int\",\"long\",\"PigValue\"]}]}",
     INT64_C(-1759257747318642341)},
};

static void test_fingerprints_are_the_published(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        struct troth_avro_schema *schema;
        char text[256];
        char *form;
        size_t length;
        if (troth_avro_schema_open(published[i].schema, strlen(published[i].schema), &schema, text,
                                   sizeof text) != TROTH_OK) {
            fail_msg("%s: %s", published[i].schema, text);
        }
        assert_int_equal(troth_avro_canonical_form(schema, &form, &length), TROTH_OK);
        assert_string_equal(form, published[i].form);
        assert_true((int64_t)troth_avro_fingerprint(form, length) == published[i].fingerprint);
        free(form);
        troth_avro_schema_close(schema);
    }
}

/* Our schema with one field's type replaced, or with the field taken out where type is NULL. */
static char *change(const char *field, const char *type)
{
    json_t *schema = load(troth_avsc_agent_event, troth_avsc_agent_event_length);
    json_t *fields = json_object_get(schema, "fields");
    int index = troth_field_find(field, strlen(field));
    assert_true(index >= 0);
    if (type == NULL) {
        assert_int_equal(json_array_remove(fields, (size_t)index), 0);
    } else {
        json_t *parsed = json_loads(type, JSON_DECODE_ANY, NULL);
        assert_non_null(parsed);
        assert_int_equal(json_object_set_new(json_array_get(fields, (size_t)index), "type", parsed),
                         0);
    }
    char *text = json_dumps(schema, JSON_COMPACT);
    json_decref(schema);
    assert_non_null(text);
    return text;
}

static const struct {
    const char *field;
    const char *type;   /* NULL: the writer lacks the field */
    const char *reason; /* NULL: it resolves */
} changes[] = {
    {"id", NULL, "id: the writer has none"},
    {"agent", NULL, "agent: the writer has none"},
    {"at", NULL, "at: the writer has none"},
    {"kind", NULL, "kind: the writer has none"},
    {"outcome", NULL, NULL},
    {"source", NULL, NULL},
    {"issuer", NULL, NULL},
    {"verdicts", NULL, NULL},
    {"attributes", NULL, NULL},
    {"id", "{\"type\":\"fixed\",\"name\":\"EventId\",\"size\":15}",
     "id: the writer's fixed has 15"},
    {"id", "{\"type\":\"fixed\",\"name\":\"Uuid\",\"size\":16}", "is named `troth.Uuid`"},
    {"id", "{\"type\":\"fixed\",\"name\":\"other.EventId\",\"size\":16}", NULL},
    {"id", "\"bytes\"", "id: the writer's bytes does not become our fixed"},
    {"agent", "\"bytes\"", NULL},
    {"agent", "[\"null\",\"string\"]", NULL},
    {"agent", "\"null\"", "agent: the writer's null does not become our string"},
    {"agent", "[\"null\",\"int\"]", "does not become our string"},
    {"at", "\"long\"", NULL},
    {"at", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", NULL},
    {"at", "{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}",
     "at: the writer's time is local-timestamp-micros"},
    {"at", "{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}", "timestamp-nanos"},
    {"at", "{\"type\":\"int\",\"logicalType\":\"date\"}", "at: the writer's time is date"},
    {"at", "\"string\"", "at: the writer's string does not become our long"},
    {"kind", "\"string\"", "kind: the writer's string does not become our enum"},
    {"kind", "{\"type\":\"enum\",\"name\":\"Sort\",\"symbols\":[\"TASK\"]}", "troth.Sort"},
    {"kind", "{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":[\"NEW\"]}", NULL},
    {"issuer", "\"null\"", NULL},
    {"issuer", "\"string\"", NULL},
    {"issuer", "[\"bytes\",\"int\",\"null\"]", NULL},
    {"issuer", "[\"boolean\",\"int\"]", "does not become our"},
    {"seq", "\"int\"", NULL},
    {"seq", "\"double\"", "seq: the writer's double does not become our long"},
    {"latency_us", "[\"int\",\"null\",\"long\"]", NULL},
    {"verdicts", "{\"type\":\"array\",\"items\":\"string\"}", "does not become our record"},
    {"verdicts",
     "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Verdict\",\"fields\":["
     "{\"name\":\"term\",\"type\":\"string\"}]}}",
     "kept: the writer has none"},
    {"verdicts",
     "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Verdict\",\"fields\":["
     "{\"name\":\"kept\",\"type\":\"boolean\"},{\"name\":\"term\",\"type\":\"bytes\"}]}}",
     NULL},
    {"attributes", "{\"type\":\"map\",\"values\":\"long\"}", "attributes: the writer's long"},
    {"attributes", "{\"type\":\"array\",\"items\":\"string\"}", "the writer's array does not"},
    {"attributes", "{\"type\":\"map\",\"values\":\"bytes\"}", NULL},
};

static void test_changes_resolve_or_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char *writer = change(changes[i].field, changes[i].type);
        troth_status status = troth_plan_compile(writer, strlen(writer), &plan, &problem);
        const char *type = changes[i].type == NULL ? "none" : changes[i].type;
        if (changes[i].reason == NULL && (status != TROTH_OK || problem.text[0] != '\0')) {
            fail_msg("%s as %s: %s", changes[i].field, type, problem.text);
        }
        if (changes[i].reason != NULL &&
            (status != TROTH_INVALID || strstr(problem.text, changes[i].reason) == NULL)) {
            fail_msg("%s as %s: %s", changes[i].field, type, problem.text);
        }
        free(writer);
    }
}

static void refuse(const char *writer, size_t length, troth_status expected, const char *reason)
{
    troth_status status = troth_plan_compile(writer, length, &plan, &problem);
    if (status != expected || strstr(problem.text, reason) == NULL) {
        fail_msg("%.200s: %s, %s", writer, troth_status_name(status), problem.text);
    }
}

static void test_what_is_no_schema_is_refused(void **state)
{
    static const struct {
        const char *schema;
        const char *reason;
    } broken[] = {
        {"", "no JSON"},
        {"{", "no JSON"},
        {"{\"type\":\"record\",\"type\":\"record\"}", "no JSON"},
        {"7", "a type is missing"},
        {"\"AgentEvent\"", "is not defined before its use"},
        {"{\"type\":\"record\",\"fields\":[]}", "has no name"},
        {"{\"type\":\"record\",\"name\":\"a b\",\"fields\":[]}", "no Avro name"},
        {"{\"type\":\"record\",\"name\":\"A\"}", "has no array of fields"},
        {"{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\"}]}", "a type is missing"},
        {"{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"},"
         "{\"name\":\"x\",\"type\":\"int\"}]}",
         "stands twice"},
        {"{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\",\"type\":\"A\"}]}",
         "always contains itself"},
        {"[\"int\",\"int\"]", "two branches of type int"},
        {"[\"int\",[\"long\"]]", "a union is a branch of a union"},
        {"[]", "no branch"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}", "no symbols"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "stands twice"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "needs a size"},
        {"\"string\"", "does not become our record"},
        {"{\"type\":\"record\",\"name\":\"Telemetry\",\"fields\":[]}", "named `Telemetry`"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        refuse(broken[i].schema, strlen(broken[i].schema), TROTH_INVALID, broken[i].reason);
    }
}

/* Arrays within arrays. */
static char *nest(unsigned depth)
{
    char *text = calloc(depth, 32);
    assert_non_null(text);
    for (unsigned i = 0; i < depth; i++) {
        strcat(text, "{\"type\":\"array\",\"items\":");
    }
    strcat(text, "\"int\"");
    for (unsigned i = 0; i < depth; i++) {
        strcat(text, "}");
    }
    return text;
}

static void test_nesting_is_bounded_before_parsing(void **state)
{
    static char brackets[50000];
    (void)state;
    char *text = nest(TROTH_SCHEMA_DEPTH_MAX);
    refuse(text, strlen(text), TROTH_INVALID, "does not become our record");
    free(text);
    text = nest(TROTH_SCHEMA_DEPTH_MAX + 1);
    refuse(text, strlen(text), TROTH_OVER_LIMIT, "nested deeper");
    free(text);
    text = nest(2000);
    refuse(text, strlen(text), TROTH_OVER_LIMIT, "nested deeper");
    free(text);
    memset(brackets, '[', sizeof brackets);
    refuse(brackets, sizeof brackets, TROTH_OVER_LIMIT, "nested deeper");
    /* Brackets in strings do not nest, after an escaped quote neither; after an escaped backslash
     * a string does end. */
    static const char quoted[] =
        "{\"doc\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\",\"type\":\"int\"}";
    refuse(quoted, sizeof quoted - 1, TROTH_INVALID, "does not become our record");
    static const char escaped[] =
        "{\"doc\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\",\"type\":\"int\"}";
    refuse(escaped, sizeof escaped - 1, TROTH_INVALID, "does not become our record");
    memcpy(brackets, "[\"\\\\\",", 7);
    refuse(brackets, sizeof brackets, TROTH_OVER_LIMIT, "nested deeper");
}

static void test_length_is_bounded(void **state)
{
    static char text[TROTH_SCHEMA_LENGTH_MAX + 1];
    (void)state;
    memset(text, ' ', sizeof text);
    memcpy(text, troth_avsc_agent_event, troth_avsc_agent_event_length);
    assert_int_equal(troth_plan_compile(text, sizeof text - 1, &plan, &problem), TROTH_OK);
    refuse(text, sizeof text, TROTH_OVER_LIMIT, "more than 65536 bytes");
}

/* Our schema and so many fields more that must be skipped. */
static void compile_with_fields(unsigned count, troth_status expected)
{
    char name[32];
    json_t *schema = load(troth_avsc_agent_event, troth_avsc_agent_event_length);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "extra%u", i);
        assert_int_equal(json_array_append_new(json_object_get(schema, "fields"),
                                               json_pack("{ssss}", "name", name, "type", "int")),
                         0);
    }
    char *text = json_dumps(schema, JSON_COMPACT);
    assert_non_null(text);
    assert_int_equal(troth_plan_compile(text, strlen(text), &plan, &problem), expected);
    free(text);
    json_decref(schema);
}

static void test_plan_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(
        troth_plan_compile(troth_avsc_agent_event, troth_avsc_agent_event_length, &plan, &problem),
        TROTH_OK);
    unsigned room = TROTH_PLAN_INSTRUCTIONS_MAX - plan.instruction_count;
    compile_with_fields(room, TROTH_OK);
    assert_int_equal(plan.instruction_count, TROTH_PLAN_INSTRUCTIONS_MAX);
    compile_with_fields(room + 1, TROTH_OVER_LIMIT);
    assert_non_null(strstr(problem.text, "instructions"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_is_the_tables),
        cmocka_unit_test(test_avro_reads_both_schemas),
        cmocka_unit_test(test_fingerprints_are_the_published),
        cmocka_unit_test(test_changes_resolve_or_are_named),
        cmocka_unit_test(test_what_is_no_schema_is_refused),
        cmocka_unit_test(test_nesting_is_bounded_before_parsing),
        cmocka_unit_test(test_length_is_bounded),
        cmocka_unit_test(test_plan_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
