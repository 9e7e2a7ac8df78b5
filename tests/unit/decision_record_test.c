/*
 * Claims: a decision's record is Avro of the embedded schema: avro-c reads what we write, value by
 * value, and we read what avro-c writes. Nothing cut short, longer or out of its limits is one, and
 * no damaged byte does more than that. As a line of JSON it is read back as it was written. The
 * reader of such lines says of what is wrong which key it is, and what it must be.
 */
#include "tests/support/test.h"

#include <avro.h>
#include <string.h>

#include "consumers/decision_record.h"
#include "schemas/avsc.h"
#include "schemas/contract.h"
#include "schemas/decision_json.h"

enum { ROUNDS = 500, DAMAGES = 60 };

static char texts[6][TROTH_DECISION_REASON_MAX];
static uint8_t bytes[TROTH_DECISION_RECORD_MAX + 1];
static avro_schema_t schema;
static avro_value_t value;

static int open_schema(void **state)
{
    (void)state;
    assert_int_equal(
        avro_schema_from_json_length(troth_avsc_decision, troth_avsc_decision_length, &schema), 0);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    assert_int_equal(avro_generic_value_new(class, &value), 0);
    avro_value_iface_decref(class);
    return 0;
}

static int close_schema(void **state)
{
    (void)state;
    avro_value_decref(&value);
    avro_schema_decref(schema);
    return 0;
}

/* A text of 1 to `most` bytes, now and then as long as may be. */
static struct troth_text random_text(uint64_t *random, unsigned which, uint32_t most)
{
    const uint32_t length =
        random_below(random, 8) == 0 ? most : 1 + (uint32_t)random_below(random, most);
    for (uint32_t i = 0; i < length; i++) {
        texts[which][i] = (char)(' ' + random_below(random, 95));
    }
    return (struct troth_text){texts[which], length};
}

static struct troth_decision random_decision(uint64_t *random)
{
    struct troth_decision d = {.agent = random_text(random, 0, TROTH_AGENT_LENGTH_MAX),
                               .contract = random_text(random, 1, TROTH_NAME_LENGTH_MAX),
                               .by = random_text(random, 2, TROTH_DECISION_BY_MAX),
                               .reason = random_text(random, 3, TROTH_DECISION_REASON_MAX),
                               .at_us = (int64_t)(random_next(random) >> 12),
                               .action = (uint8_t)random_below(random, TROTH_ACTION_COUNT),
                               .expected = (uint8_t)random_below(random, TROTH_RUNG_COUNT + 1),
                               .offset = -1,
                               .partition = -1};
    for (unsigned i = 0; i < sizeof d.id; i++) {
        d.id[i] = (uint8_t)random_next(random);
    }
    if (d.action >= TROTH_ACTION_WAIVE && d.action <= TROTH_ACTION_DISPUTE_REJECT) {
        d.term = random_text(random, 4, TROTH_NAME_LENGTH_MAX);
    }
    if (d.action == TROTH_ACTION_WAIVE) {
        d.until_us = 1 + (int64_t)(random_next(random) >> 12);
    }
    if (d.action > TROTH_ACTION_WAIVE && d.action <= TROTH_ACTION_DISPUTE_REJECT) {
        d.topic = random_text(random, 5, TROTH_TEXT_LENGTH_MAX);
        d.partition = (int32_t)(random_next(random) >> 33);
        d.offset = (int64_t)(random_next(random) >> 1);
    }
    assert_null(troth_decision_check(&d));
    return d;
}

/* A field, or what is in its union; branch 0 of that is null. */
static avro_value_t field_of(const char *name, int *branch)
{
    avro_value_t field = {NULL, NULL};
    avro_value_t within = {NULL, NULL};
    assert_int_equal(avro_value_get_by_name(&value, name, &field, NULL), 0);
    *branch = -1;
    if (avro_value_get_type(&field) != AVRO_UNION) {
        return field;
    }
    assert_int_equal(avro_value_get_discriminant(&field, branch), 0);
    assert_int_equal(avro_value_get_current_branch(&field, &within), 0);
    return within;
}

static void check_text(const char *name, struct troth_text expected)
{
    int branch = 0;
    const char *text = NULL;
    size_t size = 0;
    const avro_value_t field = field_of(name, &branch);
    if (expected.data == NULL) {
        assert_int_equal(branch, 0);
        return;
    }
    assert_int_not_equal(branch, 0);
    assert_int_equal(avro_value_get_string(&field, &text, &size), 0);
    assert_int_equal(size - 1, expected.length);
    assert_memory_equal(text, expected.data, expected.length);
}

static void check_integer(const char *name, bool absent, int64_t expected)
{
    int branch = 0;
    int narrow = 0;
    int32_t middle = 0;
    int64_t wide = 0;
    const avro_value_t field = field_of(name, &branch);
    assert_int_equal(branch == 0, absent);
    if (absent) {
        return;
    }
    switch (avro_value_get_type(&field)) {
    case AVRO_ENUM:
        assert_int_equal(avro_value_get_enum(&field, &narrow), 0);
        wide = narrow;
        break;
    case AVRO_INT32:
        assert_int_equal(avro_value_get_int(&field, &middle), 0);
        wide = middle;
        break;
    default:
        assert_int_equal(avro_value_get_long(&field, &wide), 0);
    }
    assert_true(wide == expected);
}

static void check_value(const struct troth_decision *d)
{
    int branch = 0;
    const void *id = NULL;
    size_t size = 0;
    const avro_value_t field = field_of("id", &branch);
    assert_int_equal(avro_value_get_fixed(&field, &id, &size), 0);
    assert_int_equal(size, sizeof d->id);
    assert_memory_equal(id, d->id, sizeof d->id);
    check_text("agent", d->agent);
    check_text("contract", d->contract);
    check_text("by", d->by);
    check_text("reason", d->reason);
    check_text("term", d->term);
    check_text("topic", d->topic);
    check_integer("action", false, d->action);
    check_integer("at", false, d->at_us);
    check_integer("until", d->action != TROTH_ACTION_WAIVE, d->until_us);
    check_integer("partition", d->topic.data == NULL, d->partition);
    check_integer("offset", d->topic.data == NULL, d->offset);
    check_integer("expected", d->expected == TROTH_RUNG_COUNT, d->expected);
}

static void check_same_text(struct troth_text left, struct troth_text right)
{
    assert_int_equal(left.data == NULL, right.data == NULL);
    assert_int_equal(left.length, right.length);
    assert_memory_equal(left.data, right.data, left.length);
}

static void check_same(const struct troth_decision *left, const struct troth_decision *right)
{
    assert_memory_equal(left->id, right->id, sizeof left->id);
    check_same_text(left->agent, right->agent);
    check_same_text(left->contract, right->contract);
    check_same_text(left->by, right->by);
    check_same_text(left->reason, right->reason);
    check_same_text(left->term, right->term);
    check_same_text(left->topic, right->topic);
    assert_true(left->at_us == right->at_us && left->until_us == right->until_us);
    assert_true(left->offset == right->offset && left->partition == right->partition);
    assert_true(left->action == right->action && left->expected == right->expected);
}

/* avro-c reads our bytes, and writes the same; and from them we read the decision again. */
static void test_avro_reads_and_writes_the_same(void **state)
{
    static char again[TROTH_DECISION_RECORD_MAX];
    uint64_t random = random_seed("avro");
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct troth_decision back;
        const struct troth_decision decision = random_decision(&random);
        const size_t length = troth_decision_encode(&decision, bytes);
        avro_reader_t reader = avro_reader_memory((const char *)bytes, (int64_t)length);
        avro_writer_t writer = avro_writer_memory(again, sizeof again);
        assert_int_equal(avro_value_read(reader, &value), 0);
        check_value(&decision);
        assert_int_equal(avro_value_write(writer, &value), 0);
        assert_int_equal(avro_writer_tell(writer), length);
        assert_int_equal(troth_decision_decode(again, length, &back), TROTH_OK);
        check_same(&decision, &back);
        avro_reader_free(reader);
        avro_writer_free(writer);
    }
}

static void test_nothing_cut_or_longer_is_one(void **state)
{
    uint64_t random = random_seed("cut");
    (void)state;
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        struct troth_decision back;
        const struct troth_decision decision = random_decision(&random);
        const size_t length = troth_decision_encode(&decision, bytes);
        for (size_t cut = 0; cut < length; cut++) {
            assert_int_not_equal(troth_decision_decode(bytes, cut, &back), TROTH_OK);
        }
        bytes[length] = 0;
        assert_int_not_equal(troth_decision_decode(bytes, length + 1, &back), TROTH_OK);
    }
}

/* Damaged bytes are refused, or are another decision that is within the limits. */
static void test_hostile_bytes_are_refused(void **state)
{
    uint64_t random = random_seed("hostile");
    unsigned refused = 0;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct troth_decision back;
        const struct troth_decision decision = random_decision(&random);
        const size_t length = troth_decision_encode(&decision, bytes);
        for (unsigned k = 0; k < DAMAGES; k++) {
            bytes[random_below(&random, length)] = (uint8_t)random_next(&random);
            if (troth_decision_decode(bytes, length, &back) != TROTH_OK) {
                refused++;
            } else {
                assert_null(troth_decision_check(&back));
            }
        }
    }
    assert_true(refused > ROUNDS * DAMAGES / 2);
}

/* What the types allow and the limits do not. */
static void test_limits_are_kept(void **state)
{
    struct troth_decision back;
    const struct troth_decision good = {.agent = {"a", 1},
                                        .contract = {"c", 1},
                                        .by = {"ann", 3},
                                        .reason = {"because", 7},
                                        .action = TROTH_ACTION_KEEP,
                                        .expected = TROTH_RUNG_COUNT,
                                        .offset = -1,
                                        .partition = -1};
    struct troth_decision bad[] = {good, good, good, good, good, good, good, good, good};
    (void)state;
    bad[0].agent.length = 0;
    bad[1].agent.data = "\n";
    bad[2].by.length = 0;
    bad[3].reason.length = 0;
    bad[4].at_us = -1;
    bad[5].term = (struct troth_text){"t", 1};
    bad[6].action = TROTH_ACTION_WAIVE;
    bad[7].action = TROTH_ACTION_DISPUTE_OPEN;
    bad[8].reason = (struct troth_text){"\xff", 1}; /* not UTF-8 */
    assert_int_equal(troth_decision_decode(bytes, troth_decision_encode(&good, bytes), &back),
                     TROTH_OK);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        const size_t length = troth_decision_encode(&bad[i], bytes);
        assert_int_equal(troth_decision_decode(bytes, length, &back), TROTH_INVALID);
    }
}

/* ---- JSON lines. ---- */

static struct troth_decision_arena arena;
static struct troth_decision parsed;
static int64_t recorded_at_us;
static char message[256];

static troth_status parse(const char *line)
{
    message[0] = '\0';
    return troth_decision_json_parse(line, strlen(line), &arena, &parsed, &recorded_at_us, message,
                                     sizeof message);
}

#define SAID         "\"agent\":\"a\",\"contract\":\"c\",\"by\":\"ann\",\"reason\":\"r\",\"at\":7"
#define LINE(fields) "{\"decision\":{" SAID "," fields "}}"

static void test_json_lines_are_read(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"decision\":{" SAID ",\"id\":\"000102030405060708090a0b0c0d0e0f\","
                           "\"action\":\"dispute_open\",\"term\":\"t\",\"until\":null,"
                           "\"topic\":\"troth.telemetry\",\"partition\":3,\"offset\":5,"
                           "\"expected\":\"review\"},\"recorded_at\":9}\n"),
                     TROTH_OK);
    assert_true(recorded_at_us == 9 && parsed.at_us == 7 && parsed.until_us == 0);
    assert_true(parsed.id[0] == 0 && parsed.id[15] == 15 && parsed.partition == 3);
    assert_true(parsed.offset == 5 && parsed.action == TROTH_ACTION_DISPUTE_OPEN);
    assert_int_equal(parsed.expected, TROTH_RUNG_REVIEW);
    check_same_text(parsed.topic, (struct troth_text){"troth.telemetry", 15});
    check_same_text(parsed.term, (struct troth_text){"t", 1});
    assert_int_equal(parse(LINE("\"action\":\"keep\"")), TROTH_OK);
    assert_true(recorded_at_us == 7 && parsed.expected == TROTH_RUNG_COUNT && parsed.offset == -1);
    assert_int_equal(parse("{\"agent\":\"a\",\"at\":7,\"kind\":\"task\"}"), TROTH_NOT_FOUND);
    assert_int_equal(parse("["), TROTH_NOT_FOUND);
}

static void test_json_lines_read_back(void **state)
{
    uint64_t random = random_seed("json");
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char *line = NULL;
        struct troth_decision decision = random_decision(&random);
        const int64_t at_us = (int64_t)(random_next(&random) >> 12);
        decision.position = (int64_t)random_below(&random, 1000) - 1;
        assert_int_equal(troth_decision_json_write(&decision, at_us, &line), TROTH_OK);
        assert_int_equal(parse(line), TROTH_OK);
        free(line);
        check_same(&decision, &parsed);
        assert_true(parsed.position == decision.position && recorded_at_us == at_us);
    }
    struct troth_decision bad = random_decision(&random);
    char *line = NULL;
    bad.reason = (struct troth_text){"\xff", 1}; /* not UTF-8 */
    assert_int_equal(troth_decision_json_write(&bad, 1, &line), TROTH_INVALID);
    assert_null(line);
}

/* Each key, with what it must be. */
static void test_json_errors_name_the_key(void **state)
{
    static const struct {
        const char *line;
        const char *told; /* how the message begins */
    } cases[] = {
        {"{\"decision\":7}", "decision: must be an object"},
        {"{\"decision\":{},\"more\":1}", "decision: must be an object, with recorded_at alone"},
        {LINE("\"action\":\"keep\",\"colour\":1"), "decision.colour: unknown key"},
        {LINE("\"action\":\"praise\""), "decision.action: must be keep, narrow"},
        {LINE("\"action\":7"), "decision.action: must be a string"},
        {LINE("\"id\":\"00\""), "decision.id: must be 32 hexadecimal digits"},
        {LINE("\"action\":\"keep\",\"expected\":\"top\""), "decision.expected: must be a rung"},
        {LINE("\"action\":\"waive\",\"until\":9"), "decision.term: must name a term"},
        {LINE("\"action\":\"waive\",\"term\":\"t\""), "decision.until: must be the end"},
        {LINE("\"action\":\"keep\",\"until\":9"), "decision.until: must be the end"},
        {LINE("\"action\":\"waive\",\"term\":\"t\",\"until\":1.5"),
         "decision.until: must be an integer"},
        {LINE("\"action\":\"dispute_open\",\"term\":\"t\""),
         "decision.topic, partition, offset: must name the record"},
        {LINE("\"action\":\"keep\",\"partition\":-1"), "decision.partition: must be the number"},
        {LINE("\"action\":\"keep\",\"offset\":\"1\""), "decision.offset: must be an integer"},
        {LINE("\"action\":\"keep\",\"position\":\"1\""), "decision.position: must be an integer"},
        {LINE("\"action\":\"keep\",\"position\":-2"), "decision.position: must be an offset"},
        {"{\"decision\":{\"contract\":\"c\"}}", "decision.agent: must be a name"},
        {"{\"decision\":{\"agent\":\"a\"}}", "decision.contract: must be the name"},
        {"{\"decision\":{\"agent\":\"a\",\"contract\":\"c\",\"action\":\"keep\"}}",
         "decision.by: must say who"},
        {"{\"decision\":{\"agent\":\"a\",\"contract\":\"c\",\"action\":\"keep\",\"by\":\"b\"}}",
         "decision.reason: must say why"},
        {"{\"decision\":{\"agent\":\"a\",\"contract\":\"c\",\"action\":\"keep\",\"by\":\"b\","
         "\"reason\":\"r\"}}",
         "decision.at: must be a time"},
        {"{\"decision\":{" SAID ",\"action\":\"keep\"},\"recorded_at\":\"now\"}",
         "recorded_at: must be an integer"},
        {"{\"decision\":{" SAID ",\"action\":\"keep\"},\"recorded_at\":7258118400000000}",
         "recorded_at: must be a time from 1970 to 2199"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const troth_status status = parse(cases[i].line);
        assert_true(status == TROTH_UNDECODABLE || status == TROTH_INVALID);
        if (strncmp(message, cases[i].told, strlen(cases[i].told)) != 0) {
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].line, message, cases[i].told);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_reads_and_writes_the_same),
        cmocka_unit_test(test_nothing_cut_or_longer_is_one),
        cmocka_unit_test(test_hostile_bytes_are_refused),
        cmocka_unit_test(test_limits_are_kept),
        cmocka_unit_test(test_json_lines_are_read),
        cmocka_unit_test(test_json_lines_read_back),
        cmocka_unit_test(test_json_errors_name_the_key),
    };
    return cmocka_run_group_tests(tests, open_schema, close_schema);
}
