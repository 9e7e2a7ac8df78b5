/*
 * Claims: an intervention and a standing in JSON bear the fields of the design, of its types and in
 * no other number; an id is a function of era, partition, offset, agent, contract and ordinal
 * alone, and stays what it is from release to release; the record of an intervention is
 * CloudEvents' binary mode; numbers come back exactly.
 */
#include "tests/support/test.h"

#include <string.h>

#include "consumers/announce.h"
#include "consumers/report.h"
#include "scoring/agents.h"

#define START_US INT64_C(1790000000123000)

static const char yaml[] =
    "contract: refunds\n"
    "version: 3\n"
    "promise: Refund agents settle valid claims.\n"
    "owner: payments-ops\n"
    "capabilities: [refund, quote]\n"
    "consequence: low\n"
    "window: 10m\n"
    "panes: 10\n"
    "terms:\n"
    "  - {name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 10}\n"
    "  - {name: no-leak, never: {kind: tool, tool: export}}\n"
    "  - {name: spend, budget: {sum: cost_micros, at_most: 50000000}}\n"
    "certify: {confidence: 0.6, within: 1d}\n"
    "ladder: {narrow: {scope: {traffic: 0.25, capabilities: [quote], max_cost_micros: 700}}}\n";

static const struct troth_report_origin origin = {"troth.telemetry", 5, 7};

static struct troth_contract contract;
static struct troth_rules rules;
static struct troth_shard *shard;
static json_t *told[8]; /* interventions, as JSON */
static unsigned told_count;

static void on_intervention(void *context, const struct troth_intervention *intervention)
{
    (void)context;
    assert_true(told_count < 8);
    told[told_count++] = troth_report_intervention(&origin, intervention);
}

static int open_shard(void **state)
{
    static struct troth_problems problems;
    const struct troth_shard_config config = {.agents_max = 4,
                                              .standings_max = 4,
                                              .standing_bytes = 4096,
                                              .max_ahead_us = 60000000,
                                              .on_intervention = on_intervention};
    (void)state;
    assert_int_equal(troth_contract_parse(yaml, sizeof yaml - 1, &contract, &problems), TROTH_OK);
    troth_rules_init(&rules, &contract);
    const size_t size = (troth_shard_size(&config) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size);
    memset(memory, 0, size);
    shard = troth_shard_init(memory, &config);
    assert_int_equal(troth_shard_contract(shard, &rules), TROTH_OK);
    return 0;
}

static int close_shard(void **state)
{
    (void)state;
    for (unsigned i = 0; i < told_count; i++) {
        json_decref(told[i]);
    }
    told_count = 0;
    free(shard);
    return 0;
}

static void apply(int64_t offset, unsigned kind, unsigned outcome, const char *tool)
{
    struct troth_event event = {.kind = (uint8_t)kind,
                                .outcome = (uint8_t)outcome,
                                .at_us = START_US + offset * 1000000,
                                .cost_micros = 5,
                                .agent = {"refund-1", 8}};
    event.present = 1U << TROTH_FIELD_OUTCOME | 1U << TROTH_FIELD_COST_MICROS;
    if (tool != NULL) {
        event.present |= 1U << TROTH_FIELD_TOOL;
        event.tool = (struct troth_text){tool, (uint32_t)strlen(tool)};
    }
    assert_int_equal(
        troth_shard_apply(shard, event.at_us, offset, &event, troth_agents_hash(event.agent)),
        TROTH_OK);
}

/* Certified at offset 9, failing from 10 on. */
static void live(unsigned failures)
{
    for (int64_t i = 0; i < 10; i++) {
        apply(i, TROTH_KIND_TASK, TROTH_OUTCOME_OK, NULL);
    }
    for (int64_t i = 0; i < failures; i++) {
        apply(10 + i, TROTH_KIND_TASK, TROTH_OUTCOME_FAILED, NULL);
    }
}

/* ---- Shape. ---- */

/* "name:types": s text, i whole number, r number that may have a fraction, b truth, n null, o
 * object, a array. */
static bool has_type(const json_t *value, const char *types)
{
    const char type = json_is_string(value)    ? 's'
                      : json_is_integer(value) ? 'i'
                      : json_is_real(value)    ? 'r'
                      : json_is_boolean(value) ? 'b'
                      : json_is_null(value)    ? 'n'
                      : json_is_object(value)  ? 'o'
                                               : 'a';
    return strchr(types, type) != NULL;
}

/* Checks that an object has these fields and no others. */
static void check_shape(const json_t *object, const char *const *fields, size_t count)
{
    assert_true(json_is_object(object));
    for (size_t i = 0; i < count; i++) {
        char name[64];
        const char *colon = strchr(fields[i], ':');
        snprintf(name, sizeof name, "%.*s", (int)(colon - fields[i]), fields[i]);
        const json_t *value = json_object_get(object, name);
        if (value == NULL || !has_type(value, colon + 1)) {
            fail_msg("%s: %s", fields[i], value == NULL ? "is not there" : "has another type");
        }
    }
    assert_int_equal(json_object_size(object), count);
}

#define CHECK_SHAPE(object, ...)                                                                   \
    check_shape(object, (const char *const[]){__VA_ARGS__},                                        \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void check_intervention_shape(const json_t *object)
{
    CHECK_SHAPE(object, "id:s", "agent:s", "contract:s", "contract_version:i", "from:s", "to:s",
                "from_since:i", "narrowing:b", "cause:o", "score:i", "compliance:r", "freshness:r",
                "terms:o", "decided_at:i", "degraded_at:in", "time_to_narrow_us:in",
                "exposed_tasks:i", "exposed_cost_micros:i", "scope:o", "witnesses:a", "decision:n",
                "mode:s");
    CHECK_SHAPE(json_object_get(object, "cause"), "condition:s", "term:sn", "observed:ir",
                "limit:ir");
    CHECK_SHAPE(json_object_get(object, "scope"), "traffic:ir", "capabilities:a",
                "max_cost_micros:in");
    CHECK_SHAPE(json_object_get(object, "terms"), "resolves:o", "no-leak:o", "spend:o");
    CHECK_SHAPE(json_object_get(json_object_get(object, "terms"), "resolves"), "kept:i",
                "broken:i");
    size_t i = 0;
    json_t *witness = NULL;
    assert_in_range(json_array_size(json_object_get(object, "witnesses")), 1, 5);
    json_array_foreach(json_object_get(object, "witnesses"), i, witness)
    {
        CHECK_SHAPE(witness, "topic:s", "partition:i", "offset:i");
        assert_string_equal(json_string_value(json_object_get(witness, "topic")), origin.topic);
        assert_int_equal(json_integer_value(json_object_get(witness, "partition")), 5);
    }
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int64_t integer_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static int64_t witness_of(const json_t *object, size_t i)
{
    return integer_of(json_array_get(json_object_get(object, "witnesses"), i), "offset");
}

static void interventions_have_the_design_s_fields(void **state)
{
    (void)state;
    live(6);
    assert_true(told_count >= 2);
    for (unsigned i = 0; i < told_count; i++) {
        check_intervention_shape(told[i]);
    }
    const json_t *widening = told[0];
    assert_string_equal(text_of(widening, "agent"), "refund-1");
    assert_string_equal(text_of(widening, "contract"), "refunds");
    assert_int_equal(integer_of(widening, "contract_version"), 3);
    assert_string_equal(text_of(widening, "from"), "recertify");
    assert_string_equal(text_of(widening, "to"), "clear");
    assert_true(json_is_false(json_object_get(widening, "narrowing")));
    assert_true(json_is_null(json_object_get(widening, "degraded_at")));
    assert_true(json_is_null(json_object_get(widening, "time_to_narrow_us")));
    assert_true(json_is_null(json_object_get(json_object_get(widening, "cause"), "term")));
    assert_int_equal(integer_of(widening, "decided_at"), START_US + 9000000);
    assert_int_equal(integer_of(widening, "from_since"), START_US);
    assert_int_equal(json_array_size(json_object_get(widening, "witnesses")), 1);
    assert_int_equal(witness_of(widening, 0), 9);
    assert_string_equal(text_of(widening, "mode"), "enforce");
    const json_t *narrowing = told[1];
    assert_true(json_is_true(json_object_get(narrowing, "narrowing")));
    assert_int_equal(integer_of(narrowing, "from_since"), integer_of(widening, "decided_at"));
    assert_int_equal(integer_of(narrowing, "time_to_narrow_us"),
                     integer_of(narrowing, "decided_at") - integer_of(narrowing, "degraded_at"));
    assert_string_equal(text_of(json_object_get(narrowing, "cause"), "term"), "resolves");
    /* The record that caused it comes first and is not said twice. */
    const json_t *witnesses = json_object_get(narrowing, "witnesses");
    for (size_t i = 1; i < json_array_size(witnesses); i++) {
        assert_true(witness_of(narrowing, i) < witness_of(narrowing, 0));
        assert_true(witness_of(narrowing, i) >= 10);
    }
}

static void scope_is_the_new_rung_s(void **state)
{
    (void)state;
    live(6);
    unsigned narrowed = 0;
    for (unsigned i = 0; i < told_count; i++) {
        const json_t *scope = json_object_get(told[i], "scope");
        const json_t *capabilities = json_object_get(scope, "capabilities");
        if (strcmp(text_of(told[i], "to"), "narrow") != 0) {
            assert_int_equal(json_array_size(capabilities), 2);
            assert_true(json_is_null(json_object_get(scope, "max_cost_micros")));
            continue;
        }
        narrowed++;
        assert_true(json_number_value(json_object_get(scope, "traffic")) == 0.25);
        assert_int_equal(json_array_size(capabilities), 1);
        assert_string_equal(json_string_value(json_array_get(capabilities, 0)), "quote");
        assert_int_equal(integer_of(scope, "max_cost_micros"), 700);
    }
    assert_int_equal(narrowed, 1);
}

static void pause_allows_nothing(void **state)
{
    (void)state;
    live(0);
    apply(10, TROTH_KIND_TOOL, TROTH_OUTCOME_OK, "export");
    const json_t *pause = told[told_count - 1];
    check_intervention_shape(pause);
    assert_string_equal(text_of(pause, "to"), "pause");
    assert_string_equal(text_of(json_object_get(pause, "cause"), "condition"), "never");
    assert_int_equal(integer_of(pause, "score"), 0);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(pause, "scope"), "capabilities")), 0);
    assert_int_equal(integer_of(pause, "degraded_at"), integer_of(pause, "decided_at"));
}

static void standings_have_the_design_s_fields(void **state)
{
    (void)state;
    struct troth_standing_view view;
    live(2);
    assert_true(troth_shard_view(shard, 0, &view));
    json_t *standing = troth_report_standing(&view);
    CHECK_SHAPE(standing, "agent:s", "contract:s", "contract_version:i", "rung:s", "score:i",
                "compliance:r", "freshness:r", "limiting:sn", "as_of:i", "since:i", "good_until:i",
                "offer_until:i", "relapses:i", "late:i", "terms:a");
    const json_t *terms = json_object_get(standing, "terms");
    assert_int_equal(json_array_size(terms), 1); /* share and judged terms alone */
    const json_t *term = json_array_get(terms, 0);
    CHECK_SHAPE(term, "name:s", "kept:i", "broken:i", "g:r", "b:r", "confidence:r", "freshness:r",
                "alarm:b");
    assert_int_equal(integer_of(term, "kept"), 10);
    assert_int_equal(integer_of(term, "broken"), 2);
    assert_int_equal(integer_of(standing, "as_of"), START_US + 11000000);
    json_decref(standing);
}

/* What is written with the flags of reports reads back as the same number: 1e-9 is never lost. */
static void numbers_come_back_exactly(void **state)
{
    (void)state;
    uint64_t random = random_seed("numbers_come_back_exactly");
    for (unsigned i = 0; i < 100000; i++) {
        const double value = (double)random_below(&random, 1000000001) / 1e9;
        json_t *written = json_pack("[f]", value);
        char *text = json_dumps(written, TROTH_REPORT_FLAGS);
        json_t *read = json_loads(text, 0, NULL);
        assert_true(json_real_value(json_array_get(read, 0)) == value);
        json_decref(written);
        json_decref(read);
        free(text);
    }
}

/* ---- Ids. ---- */

static struct troth_intervention plain(void)
{
    return (struct troth_intervention){.agent = {"refund-1", 8},
                                       .contract = &contract,
                                       .ordinal = 0,
                                       .from = TROTH_RUNG_CLEAR,
                                       .to = TROTH_RUNG_NARROW,
                                       .narrowing = true,
                                       .cause = {.term = TROTH_NO_TERM},
                                       .decided_at_us = START_US,
                                       .degraded_at_us = START_US,
                                       .cause_offset = 42};
}

static void ids_never_change(void **state)
{
    (void)state;
    char id[TROTH_ID_LENGTH + 1];
    const struct troth_intervention intervention = plain();
    troth_report_id(&origin, &intervention, id);
    /* BLAKE2b-128 (RFC 7693) of era, partition, offset, agent, contract, ordinal: integers of 8
     * bytes, big-endian, texts after their length. Whoever keeps ids relies on it. Made with
     * Python's hashlib:
     *   blake2b(b''.join(n.to_bytes(8, 'big') for n in (7, 5, 42, 8)) + b'refund-1' +
     *           (7).to_bytes(8, 'big') + b'refunds' + (0).to_bytes(8, 'big'), digest_size=16) */
    assert_string_equal(id, "b55507337325d5715b03ad5b903a5506");
}

static void ids_differ_with_each_part(void **state)
{
    (void)state;
    static char ids[16][TROTH_ID_LENGTH + 1];
    static struct troth_contract other;
    struct troth_report_origin origins[3] = {origin, origin, origin};
    struct troth_intervention parts[6];
    unsigned count = 0;
    for (unsigned i = 0; i < 6; i++) {
        parts[i] = plain();
    }
    other = contract;
    strcpy(other.name, "refund");
    parts[1].cause_offset++;
    parts[2].agent.length--;
    parts[3].contract = &other;
    parts[4].ordinal++;
    parts[5].agent = (struct troth_text){"refund-1refunds", 15};
    origins[1].era++;
    origins[2].partition++;
    for (unsigned i = 0; i < 6; i++) {
        troth_report_id(&origin, &parts[i], ids[count++]);
    }
    troth_report_id(&origins[1], &parts[0], ids[count++]);
    troth_report_id(&origins[2], &parts[0], ids[count++]);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(strspn(ids[i], "0123456789abcdef"), TROTH_ID_LENGTH);
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(ids[i], ids[k]);
        }
    }
    /* What else an intervention says is not in it: the topic's name, rungs, version. */
    struct troth_report_origin renamed = origin;
    renamed.topic = "another";
    parts[0].to = TROTH_RUNG_PAUSE;
    parts[0].decided_at_us++;
    other = contract;
    other.version++;
    parts[0].contract = &other;
    troth_report_id(&renamed, &parts[0], ids[count]);
    assert_string_equal(ids[count], ids[0]);
}

/* ---- The record. ---- */

static const char *header(const struct troth_announcement *announcement, const char *name)
{
    static char value[512];
    for (size_t i = 0; i < announcement->record.header_count; i++) {
        const struct troth_log_header *h = &announcement->record.headers[i];
        if (strcmp(h->name, name) == 0) {
            snprintf(value, sizeof value, "%.*s", (int)h->value_length, h->value);
            return value;
        }
    }
    fail_msg("no header %s", name);
    return NULL;
}

static void record_is_a_cloud_event(void **state)
{
    (void)state;
    struct troth_announcement announcement;
    struct troth_intervention intervention = plain();
    char id[TROTH_ID_LENGTH + 1];
    for (unsigned narrowing = 0; narrowing < 2; narrowing++) {
        intervention.narrowing = narrowing;
        troth_report_id(&origin, &intervention, id);
        assert_int_equal(troth_announce(&announcement, &origin, &intervention), TROTH_OK);
        assert_int_equal(announcement.record.topic, TROTH_TOPIC_INTERVENTIONS);
        assert_int_equal(announcement.record.partition, TROTH_ANY_PARTITION);
        assert_int_equal(announcement.record.key_length, 8);
        assert_memory_equal(announcement.record.key, "refund-1", 8);
        assert_int_equal(announcement.record.header_count, 7);
        assert_string_equal(header(&announcement, "content-type"), "application/json");
        assert_string_equal(header(&announcement, "ce_specversion"), "1.0");
        assert_string_equal(header(&announcement, "ce_id"), id);
        assert_string_equal(header(&announcement, "ce_source"), "/troth/troth.telemetry/5");
        assert_string_equal(header(&announcement, "ce_type"),
                            narrowing ? "troth.narrowing" : "troth.widening");
        assert_string_equal(header(&announcement, "ce_time"), "2026-09-21T14:13:20.123000Z");
        assert_string_equal(header(&announcement, "ce_subject"), "refund-1");
        json_t *value =
            json_loadb(announcement.record.value, announcement.record.value_length, 0, NULL);
        check_intervention_shape(value);
        assert_string_equal(text_of(value, "id"), id);
        json_decref(value);
        free(announcement.json);
    }
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        int64_t time_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {999999, "1970-01-01T00:00:00.999999Z"},
        {1000000, "1970-01-01T00:00:01.000000Z"},
        {INT64_C(951827696000001), "2000-02-29T12:34:56.000001Z"},
        {INT64_C(7258118399999999), "2199-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TROTH_TIME_LENGTH];
        troth_time_write(cases[i].time_us, text);
        assert_string_equal(text, cases[i].text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_shard, close_shard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(interventions_have_the_design_s_fields),
        TEST(scope_is_the_new_rung_s),
        TEST(pause_allows_nothing),
        TEST(standings_have_the_design_s_fields),
        TEST(numbers_come_back_exactly),
        TEST(ids_never_change),
        TEST(ids_differ_with_each_part),
        TEST(record_is_a_cloud_event),
        TEST(times_are_rfc_3339),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
