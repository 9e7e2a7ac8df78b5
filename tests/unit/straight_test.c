/*
 * Claim: reading our own schema straight gives, for every record, whole, cut short or spoilt, the
 * event, the status and the field at fault that the plan gives; and no other schema is taken for
 * ours.
 *
 * The oracle is the same plan without its mark. The canary: records of every outcome must occur,
 * and of those that are events the straight way must leave hardly any to the plan.
 */
#include "tests/support/test.h"

#include <string.h>

#include "consumers/avro/decode.h"
#include "consumers/avro/encode.h"
#include "consumers/avro/straight.h"
#include "schemas/avsc.h"

enum { RECORDS = 200000, RECORD_BYTES = 8192, LONG_TEXT = TROTH_TEXT_LENGTH_MAX + 40 };

static const char ascii[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static char letters[LONG_TEXT + 1];

static void compile(const char *schema, size_t length, struct troth_plan *plan)
{
    struct troth_plan_problem problem;
    assert_int_equal(troth_plan_compile(schema, length, plan, &problem), TROTH_OK);
}

/* Mostly short, sometimes at a boundary: of a length's byte, of eights, of what is allowed. */
static struct troth_text draw_text(uint64_t *random)
{
    static const uint32_t edges[] = {0, 1, 7, 8, 9, 15, 16, 17, 32, 63, 64, 65, 128, 129, 1024};
    const uint32_t count = sizeof edges / sizeof *edges;
    const uint32_t length = random_below(random, 4) == 0 ? edges[random_below(random, count)]
                                                         : (uint32_t)random_below(random, 24);
    return (struct troth_text){letters + random_below(random, 8), length};
}

static int64_t draw_integer(uint64_t *random)
{
    const int64_t integer = (int64_t)(random_next(random) >> (1 + random_below(random, 63)));
    return random_below(random, 50) == 0 ? -integer : integer;
}

static struct troth_event draw_event(uint64_t *random, struct troth_scratch *scratch)
{
    struct troth_event event = {.present = (uint32_t)random_next(random) &
                                           (uint32_t)random_next(random) &
                                           ((1U << TROTH_FIELD_COUNT) - 1),
                                .kind = (uint8_t)random_below(random, TROTH_KIND_COUNT),
                                .outcome = (uint8_t)random_below(random, TROTH_OUTCOME_COUNT),
                                .source = (uint8_t)random_below(random, TROTH_SOURCE_COUNT),
                                .rescue = (uint8_t)random_below(random, TROTH_RESCUE_COUNT),
                                .at_us = draw_integer(random) % INT64_C(7258118400000000),
                                .latency_us = draw_integer(random),
                                .cost_micros = draw_integer(random),
                                .input_tokens = draw_integer(random),
                                .output_tokens = draw_integer(random),
                                .seq = draw_integer(random),
                                .until_us = draw_integer(random),
                                .agent = draw_text(random),
                                .issuer = draw_text(random),
                                .contract = draw_text(random),
                                .session = draw_text(random),
                                .agent_version = draw_text(random),
                                .task = draw_text(random),
                                .tool = draw_text(random),
                                .owner = draw_text(random),
                                .verdicts = scratch->verdicts,
                                .attributes = scratch->attributes};
    if (random_below(random, 4) == 0) {
        event.verdict_count = (uint16_t)random_below(random, 4);
        event.attribute_count = (uint16_t)random_below(random, 4);
        event.present |= 1U << TROTH_FIELD_VERDICTS | 1U << TROTH_FIELD_ATTRIBUTES;
    }
    for (unsigned i = 0; i < 4; i++) {
        scratch->verdicts[i] =
            (struct troth_verdict){draw_text(random), 0.5, random_below(random, 2) == 0, true};
        scratch->attributes[i] = (struct troth_attribute){draw_text(random), draw_text(random)};
    }
    return event;
}

/* Spoils a byte, writes a byte of UTF-8 or a control, cuts the record short or makes it longer. */
static void spoil(uint64_t *random, uint8_t *bytes, size_t *length)
{
    const uint64_t place = random_below(random, *length);
    switch (random_below(random, 6)) {
    case 0:
        bytes[place] ^= (uint8_t)(1U << random_below(random, 8));
        break;
    case 1:
        bytes[place] = (uint8_t)random_next(random);
        break;
    case 2:
        *length = (size_t)place;
        break;
    case 3:
        bytes[(*length)++] = (uint8_t)random_below(random, 3);
        break;
    default:
        break;
    }
}

static void expect_text(struct troth_text a, struct troth_text b)
{
    assert_ptr_equal(a.data, b.data);
    assert_int_equal(a.length, b.length);
}

static void expect_equal(const struct troth_event *a, const struct troth_event *b)
{
    assert_int_equal(a->present, b->present);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->rescue, b->rescue);
    assert_int_equal(a->at_us, b->at_us);
    assert_int_equal(a->latency_us, b->latency_us);
    assert_int_equal(a->cost_micros, b->cost_micros);
    assert_int_equal(a->input_tokens, b->input_tokens);
    assert_int_equal(a->output_tokens, b->output_tokens);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->until_us, b->until_us);
    expect_text(a->agent, b->agent);
    expect_text(a->issuer, b->issuer);
    expect_text(a->contract, b->contract);
    expect_text(a->session, b->session);
    expect_text(a->agent_version, b->agent_version);
    expect_text(a->task, b->task);
    expect_text(a->tool, b->tool);
    expect_text(a->owner, b->owner);
    assert_int_equal(a->verdict_count, b->verdict_count);
    assert_int_equal(a->attribute_count, b->attribute_count);
    for (unsigned i = 0; i < a->verdict_count; i++) {
        expect_text(a->verdicts[i].term, b->verdicts[i].term);
        assert_int_equal(a->verdicts[i].kept, b->verdicts[i].kept);
        assert_int_equal(a->verdicts[i].has_value, b->verdicts[i].has_value);
        assert_memory_equal(&a->verdicts[i].value, &b->verdicts[i].value, sizeof(double));
    }
    for (unsigned i = 0; i < a->attribute_count; i++) {
        expect_text(a->attributes[i].name, b->attributes[i].name);
        expect_text(a->attributes[i].value, b->attributes[i].value);
    }
    assert_memory_equal(a->id, b->id, sizeof a->id);
}

static void it_gives_what_the_plan_gives(void **state)
{
    static struct troth_plan straight;
    static struct troth_plan plain;
    static struct troth_scratch scratch[3];
    static uint8_t record[RECORD_BYTES];
    uint64_t random = random_seed("it_gives_what_the_plan_gives");
    unsigned statuses[TROTH_STATUS_COUNT] = {0};
    unsigned left = 0;
    (void)state;
    compile(troth_avsc_agent_event, troth_avsc_agent_event_length, &straight);
    plain = straight;
    plain.straight = false;
    assert_true(straight.straight);
    for (unsigned i = 0; i < RECORDS; i++) {
        struct troth_event event = draw_event(&random, &scratch[2]);
        struct troth_event one;
        struct troth_event other;
        bool is_plain;
        size_t length = 0;
        if (troth_encode(&event, record, sizeof record - 1, &length) != TROTH_OK) {
            continue; /* drawn past a limit; spoilt ones are, too, and are decoded */
        }
        spoil(&random, record, &length);
        /* In memory of its own, so that a reader that passes the end is caught by a sanitizer. */
        uint8_t *bytes = malloc(length > 0 ? length : 1);
        assert_non_null(bytes);
        memcpy(bytes, record, length);
        memset(&one, 0xa5, sizeof one); /* every field must be written */
        const troth_status status = troth_decode(&straight, bytes, length, &one, &scratch[0]);
        assert_int_equal(status, troth_decode(&plain, bytes, length, &other, &scratch[1]));
        if (status == TROTH_OK) {
            expect_equal(&one, &other);
            left += !troth_straight_read(bytes, bytes + length, &one, &scratch[0], &is_plain);
        } else {
            assert_int_equal(scratch[0].failed_field, scratch[1].failed_field);
        }
        statuses[status]++;
        free(bytes);
    }
    assert_true(statuses[TROTH_OK] > RECORDS / 10);
    assert_true(statuses[TROTH_UNDECODABLE] > RECORDS / 100);
    assert_true(statuses[TROTH_OVER_LIMIT] > 0);
    assert_true(statuses[TROTH_INVALID] > RECORDS / 100);
    assert_true(left < statuses[TROTH_OK] / 1000);
}

/* Every change of a schema that a plan shows of its first fields ends its mark. */
static void another_schema_is_not_ours(void **state)
{
    static struct troth_plan ours;
    static struct troth_plan plan;
    (void)state;
    compile(troth_avsc_agent_event, troth_avsc_agent_event_length, &ours);
    for (unsigned i = 0; i < TROTH_STRAIGHT_INSTRUCTIONS; i++) {
        for (unsigned byte = 0; byte < sizeof plan.instructions[i]; byte++) {
            plan = ours;
            ((uint8_t *)&plan.instructions[i])[byte] ^= 1U;
            assert_false(troth_straight_fits(&plan));
        }
    }
    for (unsigned i = 0; i < ours.symbol_count; i++) {
        plan = ours;
        plan.symbols[i] ^= 1U;
        assert_false(troth_straight_fits(&plan));
    }
    static const char small[] =
        "{\"type\":\"record\",\"name\":\"AgentEvent\",\"fields\":["
        "{\"name\":\"id\",\"type\":{\"type\":\"fixed\",\"name\":\"EventId\",\"size\":16}},"
        "{\"name\":\"agent\",\"type\":\"string\"},{\"name\":\"at\",\"type\":\"long\"},"
        "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":[\"TASK\"]}}]"
        "}";
    compile(small, sizeof small - 1, &plan);
    assert_false(plan.straight);
}

int main(void)
{
    for (unsigned i = 0; i < LONG_TEXT; i++) {
        letters[i] = ascii[i % (sizeof ascii - 1)];
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_what_the_plan_gives),
        cmocka_unit_test(another_schema_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
