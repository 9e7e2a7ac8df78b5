/*
 * Claim: a right document gives the value that the documentation says, every default included, and
 * what is written differently but means the same gives the same bytes.
 */
#include <math.h>
#include <string.h>

#include "schemas/contract.h"
#include "tests/support/test.h"

#define MINUTE_US INT64_C(60000000)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

/* A right document in pieces, so that a case can put one line in place of another. */
#define HEAD                                                                                       \
    "contract: c\n"                                                                                \
    "version: 1\n"                                                                                 \
    "promise: p\n"                                                                                 \
    "owner: o\n"
#define TERM_HEAD HEAD "terms:\n"
#define TERM      "  - {name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.9}\n"
#define RIGHT     TERM_HEAD TERM
#define KEEP(predicate)                                                                            \
    TERM_HEAD "  - {name: t, when: {kind: task}, floor: 0.9, keep: {" predicate "}}\n"

static struct troth_contract contract;
static struct troth_contract other;
static struct troth_problems problems;

static void parse(const char *text)
{
    const troth_status status = troth_contract_parse(text, strlen(text), &contract, &problems);
    if (status != TROTH_OK) {
        print_error("line %u, %s: %s\n%s\n", problems.items[0].line, problems.items[0].key,
                    problems.items[0].text, text);
    }
    assert_int_equal(status, TROTH_OK);
    assert_int_equal(problems.count, 0);
}

static const struct troth_test *first_kept(const char *text)
{
    parse(text);
    assert_true(contract.terms[0].keep.count > 0);
    return &contract.tests[contract.terms[0].keep.first];
}

/* ------------------------------------------------------------------------------------- right */

static void defaults_are_those_of_the_documentation(void **state)
{
    (void)state;
    parse(RIGHT);
    assert_string_equal(contract.name, "c");
    assert_string_equal(contract.promise, "p");
    assert_string_equal(contract.owner, "o");
    assert_string_equal(contract.applies_to, "*");
    assert_int_equal(contract.version, 1);
    assert_int_equal(contract.consequence, TROTH_CONSEQUENCE_MEDIUM);
    assert_int_equal(contract.mode, TROTH_MODE_ENFORCE);
    assert_int_equal(contract.on_version, TROTH_ON_VERSION_KEEP);
    assert_int_equal(contract.capability_count, 0);
    assert_int_equal(contract.window_us, HOUR_US);
    assert_int_equal(contract.panes, 12);
    assert_int_equal(contract.half_life_us, HOUR_US / 2);
    assert_int_equal(contract.hold_us, 10 * MINUTE_US);
    assert_int_equal(contract.review_every_us, 7 * DAY_US);
    assert_int_equal(contract.certify_within_us, 7 * DAY_US);
    assert_true(contract.certify_confidence == 0.95);
    const struct troth_term *term = &contract.terms[0];
    assert_int_equal(contract.term_count, 1);
    assert_int_equal(term->kind, TROTH_TERM_SHARE);
    assert_int_equal(term->absent, TROTH_ABSENT_UNSTATED);
    assert_true(term->required);
    assert_int_equal(term->window_us, HOUR_US);
    assert_int_equal(term->panes, 12);
    assert_int_equal(term->half_life_us, HOUR_US / 2);
    assert_int_equal(term->evidence, 22); /* ln 0.1 / ln 0.9 = 21.85 */
    assert_int_equal(term->fresh, 5);
}

static void evidence_and_fresh_follow_the_floor(void **state)
{
    static const struct {
        const char *floor;
        unsigned evidence;
        unsigned fresh;
    } rows[] = {{"0.98", 114, 12}, {"0.95", 45, 5}, {"0.999", 2302, 231}, {"0.5", 10, 5},
                {"0.01", 10, 5},   {"0.8", 11, 5},  {"0.995", 460, 46},   {"0.79", 10, 5},
                {"0.77", 10, 5},   {".95", 45, 5},  {"9.5e-1", 45, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       TERM_HEAD "  - {name: t, completeness: true, floor: %s}\n", rows[i].floor);
        parse(text);
        assert_int_equal(contract.terms[0].evidence, rows[i].evidence);
        assert_int_equal(contract.terms[0].fresh, rows[i].fresh);
    }
    parse(TERM_HEAD "  - {name: t, judged: {}, floor: 0.9, evidence: 101}\n");
    assert_int_equal(contract.terms[0].fresh, 11);
    parse(TERM_HEAD "  - {name: t, judged: {}, floor: 0.9, evidence: 101, fresh: 1}\n");
    assert_int_equal(contract.terms[0].fresh, 1);
}

static void half_life_is_half_of_the_terms_own_window(void **state)
{
    (void)state;
    parse(HEAD "window: 2h\nhalf_life: 20m\nterms:\n"
               "  - {name: a, judged: {}, floor: 0.9}\n"
               "  - {name: b, judged: {}, floor: 0.9, window: 30m}\n"
               "  - {name: c, judged: {}, floor: 0.9, window: 30m, half_life: 7m}\n"
               "  - {name: d, judged: {}, floor: 0.9, panes: 60}\n"
               "  - {name: e, judged: {}, floor: 0.9, half_life: 1m}\n");
    assert_int_equal(contract.terms[0].half_life_us, 20 * MINUTE_US);
    assert_int_equal(contract.terms[1].half_life_us, 15 * MINUTE_US);
    assert_int_equal(contract.terms[1].panes, 12);
    assert_int_equal(contract.terms[2].half_life_us, 7 * MINUTE_US);
    assert_int_equal(contract.terms[3].half_life_us, 20 * MINUTE_US);
    assert_int_equal(contract.terms[3].panes, 60);
    assert_int_equal(contract.terms[3].window_us, 2 * HOUR_US);
    assert_int_equal(contract.terms[4].half_life_us, MINUTE_US);
}

static void default_ladders_are_those_of_the_table(void **state)
{
    /* DESIGN, The ladder, read off the table: warn, narrow, recertify, review, pause. */
    static const struct {
        const char *consequence;
        double confidence[6];
        double freshness[6];
        unsigned disputes;
    } rows[] = {
        {"low", {0, 0.10, 0.01, 0, 0, 0}, {0, 0.25, 0.10, 0, 0, 0}, 0},
        {"medium", {0, 0.25, 0.05, 0, 0.005, 0.0001}, {0, 0.50, 0.25, 0.10, 0, 0}, 3},
        {"high", {0, 0.40, 0.10, 0, 0.02, 0.001}, {0, 0.75, 0.50, 0.25, 0, 0}, 1},
    };
    static const double traffic[6] = {1.0, 1.0, 0.25, 0.10, 0.05, 0.0};
    (void)state;
    for (size_t row = 0; row < 3; row++) {
        char text[512];
        (void)snprintf(text, sizeof text, "consequence: %s\ncapabilities: [x, y]\n" RIGHT,
                       rows[row].consequence);
        parse(text);
        for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
            const struct troth_rung_rules *rung = &contract.ladder[i];
            assert_true(rung->confidence_below == rows[row].confidence[i]);
            assert_true(rung->freshness_below == rows[row].freshness[i]);
            assert_int_equal(rung->disputes_open, i == TROTH_RUNG_REVIEW ? rows[row].disputes : 0);
            assert_int_equal(rung->change, i == TROTH_RUNG_WARN);
            assert_int_equal(rung->budget, i == TROTH_RUNG_NARROW);
            assert_int_equal(rung->never, i == TROTH_RUNG_PAUSE);
            assert_true(rung->scope.traffic == traffic[i]);
            assert_int_equal(rung->scope.capabilities, i == TROTH_RUNG_PAUSE ? 0 : 3);
            assert_int_equal(rung->scope.max_cost_micros, -1);
        }
    }
    assert_int_equal(contract.on_version, TROTH_ON_VERSION_RECERTIFY);
    assert_int_equal(contract.terms[0].absent, TROTH_ABSENT_UNSTATED_HIGH);
}

static void a_ladders_keys_replace_the_default_of_that_key_alone(void **state)
{
    (void)state;
    parse("capabilities: [x, y]\n" RIGHT "ladder:\n"
          "  clear: {scope: {traffic: 0.9}}\n"
          "  warn: {confidence_below: null, change: false, freshness_below: false}\n"
          "  narrow: {budget: null, scope: {capabilities: [y], max_cost_micros: 7}}\n"
          "  recertify: {freshness_below: ~}\n"
          "  review: {disputes_open: 2, change: true, confidence_below: 0.5}\n"
          "  pause: {disputes_open: false, freshness_below: 1}\n");
    const struct troth_rung_rules *ladder = contract.ladder;
    assert_true(ladder[TROTH_RUNG_CLEAR].scope.traffic == 0.9);
    assert_true(ladder[TROTH_RUNG_WARN].confidence_below == 0.0);
    assert_true(ladder[TROTH_RUNG_WARN].freshness_below == 0.0);
    assert_false(ladder[TROTH_RUNG_WARN].change);
    assert_false(ladder[TROTH_RUNG_NARROW].budget);
    assert_true(ladder[TROTH_RUNG_NARROW].confidence_below == 0.05);
    assert_true(ladder[TROTH_RUNG_NARROW].scope.traffic == 0.25);
    assert_int_equal(ladder[TROTH_RUNG_NARROW].scope.capabilities, 2);
    assert_int_equal(ladder[TROTH_RUNG_NARROW].scope.max_cost_micros, 7);
    assert_true(ladder[TROTH_RUNG_RECERTIFY].freshness_below == 0.0);
    assert_int_equal(ladder[TROTH_RUNG_REVIEW].disputes_open, 2);
    assert_true(ladder[TROTH_RUNG_REVIEW].change);
    assert_true(ladder[TROTH_RUNG_REVIEW].confidence_below == 0.5);
    assert_true(ladder[TROTH_RUNG_PAUSE].freshness_below == 1.0);
    assert_true(ladder[TROTH_RUNG_PAUSE].never);
}

static void kinds_of_terms_have_what_is_their_own(void **state)
{
    (void)state;
    parse(TERM_HEAD "  - {name: s, when: {}, keep: {outcome: ok}, floor: 0.9, absent: ignore, "
                    "required: false}\n"
                    "  - {name: c, completeness: true, floor: 0.9}\n"
                    "  - {name: j, judged: {by: [b, a, b]}, floor: 0.9}\n"
                    "  - {name: n, never: {kind: tool}}\n"
                    "  - {name: b, budget: {sum: input_tokens, at_most: 9, when: {kind: task}}}\n"
                    "  - {name: b2, budget: {sum: latency_us, at_most: 0}, when: {kind: tool}}\n"
                    "  - {name: d, cadence: {when: {}, every: 90s}}\n");
    const struct troth_term *terms = contract.terms;
    assert_int_equal(contract.term_count, 7);
    assert_int_equal(terms[0].absent, TROTH_ABSENT_IGNORE);
    assert_int_equal(terms[0].when.count, 0);
    assert_false(terms[0].required);
    assert_int_equal(terms[1].kind, TROTH_TERM_COMPLETENESS);
    assert_int_equal(terms[2].kind, TROTH_TERM_JUDGED);
    assert_int_equal(terms[2].by_count, 2);
    const struct troth_value *by = &contract.values[terms[2].by_first];
    assert_memory_equal(contract.pool + by[0].text_offset, "a", 1);
    assert_memory_equal(contract.pool + by[1].text_offset, "b", 1);
    assert_int_equal(terms[3].kind, TROTH_TERM_NEVER);
    assert_int_equal(terms[3].when.count, 1);
    assert_int_equal(terms[4].sum, TROTH_FIELD_INPUT_TOKENS);
    assert_int_equal(terms[4].at_most, 9);
    assert_int_equal(terms[4].when.count, 1);
    assert_int_equal(terms[5].sum, TROTH_FIELD_LATENCY_US);
    assert_int_equal(terms[5].when.count, 1);
    assert_int_equal(terms[6].every_us, 90000000);
    assert_int_equal(terms[6].when.count, 0);
}

static void durations_of_every_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {{"1ms", 1000},
                {"90s", 90000000},
                {"5m", 5 * MINUTE_US},
                {"36h", 36 * HOUR_US},
                {"366d", 366 * DAY_US},
                {"31622400000ms", 366 * DAY_US},
                {"\"10m\"", 10 * MINUTE_US}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "hold: %s\n" RIGHT, rows[i].text);
        parse(text);
        assert_int_equal(contract.hold_us, rows[i].us);
    }
}

/* -------------------------------------------------------------------------------- predicates */

static void enumerations_become_masks(void **state)
{
    static const struct {
        const char *text;
        unsigned mask;
    } rows[] = {
        {KEEP("outcome: ok"), 1U << TROTH_OUTCOME_OK},
        {KEEP("outcome: none"), 1U << TROTH_OUTCOME_NONE}, /* a value as any: it is never absent */
        {KEEP("outcome: \"ok\""), 1U << TROTH_OUTCOME_OK},
        {KEEP("outcome: [ok, refused, ok]"), 1U << TROTH_OUTCOME_OK | 1U << TROTH_OUTCOME_REFUSED},
        {KEEP("outcome: {not: [ok, refused]}"),
         1U << TROTH_OUTCOME_NONE | 1U << TROTH_OUTCOME_FAILED | 1U << TROTH_OUTCOME_TIMEOUT |
             1U << TROTH_OUTCOME_THROTTLED | 1U << TROTH_OUTCOME_CANCELLED},
        {KEEP("source: {not: self}"), 0x3E},
        {KEEP("rescue: [redo]"), 1U << TROTH_RESCUE_REDO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct troth_test *test = first_kept(rows[i].text);
        assert_int_equal(test->kind, TROTH_TEST_ENUM);
        assert_int_equal(test->mask, rows[i].mask);
        assert_int_equal(contract.terms[0].keep.count, 1);
    }
}

static void bounds_become_inclusive_integers(void **state)
{
    static const struct {
        const char *bounds;
        int64_t low;
        int64_t high;
    } rows[] = {
        {"5", 5, 5},
        {"[5]", 5, 5},
        {"5.0", 5, 5},
        {"2e6", 2000000, 2000000},
        {"{le: 5}", INT64_MIN, 5},
        {"{lt: 5}", INT64_MIN, 4},
        {"{lt: 5.5}", INT64_MIN, 5},
        {"{le: 5.5}", INT64_MIN, 5},
        {"{ge: 5}", 5, INT64_MAX},
        {"{gt: 5}", 6, INT64_MAX},
        {"{gt: 5.5}", 6, INT64_MAX},
        {"{ge: 5.5}", 6, INT64_MAX},
        {"{ge: -5.5, lt: -2.5}", -5, -3},
        {"{gt: -5, le: -2}", -4, -2},
        {"{le: 9, lt: 9, ge: 1, gt: 2}", 3, 8},
        {"{le: 9223372036854775807}", INT64_MIN, INT64_MAX},
        {"{le: 9223372036854775806}", INT64_MIN, INT64_MAX - 1},
        {"{lt: 9223372036854775808}", INT64_MIN, INT64_MAX},
        {"{le: 9223372036854775809}", INT64_MIN, INT64_MAX},
        {"{ge: -9223372036854775809}", INT64_MIN, INT64_MAX},
        {"{lt: 9223372036854775807}", INT64_MIN, INT64_MAX - 1},
        {"{le: 9007199254740993.5}", INT64_MIN, INT64_C(9007199254740993)},
        {"{le: 1e300}", INT64_MIN, INT64_MAX},
        {"{le: 1e999999999999}", INT64_MIN, INT64_MAX},
        {"{ge: -9223372036854775808}", INT64_MIN, INT64_MAX},
        {"{gt: -9223372036854775808}", INT64_MIN + 1, INT64_MAX},
        {"{gt: -9223372036854775808.5}", INT64_MIN, INT64_MAX},
        {"{ge: 1e-999999}", 1, INT64_MAX},
        {"{gt: 0e999999}", 1, INT64_MAX},
        {"{ge: 0.00012e4}", 2, INT64_MAX},
        {"{ge: 12000e-4}", 2, INT64_MAX},
        /* Nothing is left: one form of the empty range. */
        {"{gt: 9223372036854775807}", 1, 0},
        {"{lt: -9223372036854775808}", 1, 0},
        {"{ge: 1e30}", 1, 0},
        {"{le: -1e30}", 1, 0},
        {"{gt: 5, lt: 6}", 1, 0},
        {"{lt: -1e30, gt: -7}", 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, KEEP("latency_us: %s"), rows[i].bounds);
        const struct troth_test *test = first_kept(text);
        assert_int_equal(test->kind, TROTH_TEST_RANGE);
        if (test->low != rows[i].low || test->high != rows[i].high) {
            fail_msg("%s gave %lld..%lld", rows[i].bounds, (long long)test->low,
                     (long long)test->high);
        }
    }
}

static void lists_are_sorted_and_hold_each_value_once(void **state)
{
    (void)state;
    const struct troth_test *test = first_kept(KEEP("seq: [9, -3, 9, 4]"));
    assert_int_equal(test->kind, TROTH_TEST_IN);
    assert_int_equal(test->value_count, 3);
    assert_int_equal(contract.values[test->value_first].integer, -3);
    assert_int_equal(contract.values[test->value_first + 2].integer, 9);
    test = first_kept(KEEP("seq: {not: 4}"));
    assert_int_equal(test->kind, TROTH_TEST_NOT_IN);
    assert_int_equal(test->value_count, 1);
    test = first_kept(KEEP("tool: {not: [b, \"\", ab]}"));
    assert_int_equal(test->kind, TROTH_TEST_NOT_IN);
    assert_int_equal(test->value_count, 3);
    assert_int_equal(contract.values[test->value_first].text_length, 0);
    assert_memory_equal(contract.pool + contract.values[test->value_first + 1].text_offset, "ab",
                        2);
    test = first_kept(KEEP("tool: export"));
    assert_int_equal(test->kind, TROTH_TEST_IN);
    assert_int_equal(test->value_count, 1);
}

static void attributes_are_reached_by_name(void **state)
{
    (void)state;
    const struct troth_test *test = first_kept(KEEP("attributes.region: eu"));
    assert_int_equal(test->kind, TROTH_TEST_IN);
    assert_int_equal(test->field, TROTH_FIELD_ATTRIBUTES);
    assert_int_equal(test->name_length, 6);
    assert_memory_equal(contract.pool + test->name_offset, "region", 6);
    test = first_kept(KEEP("attributes.n: {gt: 1.5, le: 1e3, exists: true, not: \"7\"}"));
    assert_int_equal(contract.terms[0].keep.count, 3);
    assert_int_equal(test[0].kind, TROTH_TEST_NOT_IN);
    assert_int_equal(test[1].kind, TROTH_TEST_NUMBER);
    assert_true(test[1].low_number == 1.5 && test[1].low_open);
    assert_true(test[1].high_number == 1000.0 && !test[1].high_open);
    assert_int_equal(test[2].kind, TROTH_TEST_EXISTS);
    assert_true(test[2].exists);
    test = first_kept(KEEP("attributes.n: {lt: 5, le: 5, ge: -0.0}"));
    assert_true(test->high_number == 5.0 && test->high_open);
    assert_true(test->low_number == 0.0 && !signbit(test->low_number));
    test = first_kept(KEEP("attributes.n: {ge: 2}"));
    assert_true(isinf(test->high_number) && test->high_number > 0 && !test->high_open);
    test = first_kept(KEEP("\"attributes.a.b c\": x"));
    assert_memory_equal(contract.pool + test->name_offset, "a.b c", 5);
    test = first_kept(KEEP("attributes: {exists: false}"));
    assert_int_equal(test->name_length, 0);
    assert_false(test->exists);
}

static void the_order_of_keys_does_not_matter(void **state)
{
    (void)state;
    parse("owner: o\nterms: [{floor: 0.9, keep: {outcome: ok, attributes.b: x, attributes.a: y},"
          " when: {tool: z, kind: task}, name: t}]\nversion: 1\npromise: p\ncontract: c\n");
    other = contract;
    parse(TERM_HEAD "  - name: t\n    when: {kind: task, tool: z}\n"
                    "    keep: {attributes.a: y, outcome: [ok], attributes.b: [x]}\n"
                    "    floor: 9e-1\n");
    assert_memory_equal(&contract, &other, sizeof contract);
}

static void json_is_read_with_its_escapes(void **state)
{
    (void)state;
    parse("\xEF\xBB\xBF{\n\t\"contract\":\"c\",\"version\":1,\n\t\"promise\":"
          "\"\\u00e9\\/\\\"\\\\\\n\\uD83D\\uDE00\\\\uD83D\\\\uDE00\",\"owner\":\"\\u006f\","
          "\"terms\":[{\"name\":\"t\",\"completeness\":true,\"floor\":9e-1}]}");
    assert_string_equal(contract.promise, "\xC3\xA9/\"\\\n\xF0\x9F\x98\x80\\uD83D\\uDE00");
    assert_string_equal(contract.owner, "o");
}

/* ------------------------------------------------------------------------------------- names */

static void names_are_those_of_the_documentation(void **state)
{
    static const char *const rungs[] = {"clear", "warn", "narrow", "recertify", "review", "pause"};
    (void)state;
    for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
        assert_string_equal(troth_rung_name(i), rungs[i]);
        assert_int_equal(troth_rung_find(rungs[i], strlen(rungs[i])), i);
        assert_int_equal(troth_rung_find(rungs[i], strlen(rungs[i]) - 1), -1);
    }
    assert_null(troth_rung_name(TROTH_RUNG_COUNT));
    assert_string_equal(troth_mode_name(TROTH_MODE_ADVISE), "advise");
    assert_string_equal(troth_consequence_name(TROTH_CONSEQUENCE_HIGH), "high");
    assert_string_equal(troth_term_kind_name(TROTH_TERM_CADENCE), "cadence");
    assert_null(troth_term_kind_name(TROTH_TERM_CADENCE + 1));
}

/* Texts that look like numbers and are none to any reader need no quotes. */
static void texts_that_are_no_numbers_stand_plain(void **state)
{
    static const char *const plain[] = {"0xyz", "1.2.3", "4e5b2c1", "2024-1", "1-2-3",       "v1",
                                        "1d",   "nope",  "-",       "a:b",    "2024-01-02x", "0x"};
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, KEEP("tool: %s"), plain[i]);
        const struct troth_test *test = first_kept(text);
        assert_int_equal(contract.values[test->value_first].text_length, strlen(plain[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_documentation),
        cmocka_unit_test(evidence_and_fresh_follow_the_floor),
        cmocka_unit_test(half_life_is_half_of_the_terms_own_window),
        cmocka_unit_test(default_ladders_are_those_of_the_table),
        cmocka_unit_test(a_ladders_keys_replace_the_default_of_that_key_alone),
        cmocka_unit_test(kinds_of_terms_have_what_is_their_own),
        cmocka_unit_test(durations_of_every_unit),
        cmocka_unit_test(enumerations_become_masks),
        cmocka_unit_test(bounds_become_inclusive_integers),
        cmocka_unit_test(lists_are_sorted_and_hold_each_value_once),
        cmocka_unit_test(attributes_are_reached_by_name),
        cmocka_unit_test(the_order_of_keys_does_not_matter),
        cmocka_unit_test(json_is_read_with_its_escapes),
        cmocka_unit_test(names_are_those_of_the_documentation),
        cmocka_unit_test(texts_that_are_no_numbers_stand_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
