/*
 * Claim: a right document gives the value that the documentation says, every default included; a
 * wrong one is refused with the line, the key and what would be right; nothing is let through for
 * being in YAML's dark corners.
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
    } rows[] = {{"0.98", 114, 12}, {"0.95", 45, 5},  {"0.999", 2302, 231}, {"0.5", 10, 5},
                {"0.01", 10, 5},   {"0.8", 11, 5},   {"0.995", 460, 46},   {"0.79", 10, 5},
                {".95", 45, 5},    {"9.5e-1", 45, 5}};
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
                {"0ms", 0},
                {"0d", 0},
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

/* ------------------------------------------------------------------------------------- wrong */

struct wrong {
    const char *text;
    unsigned line;
    const char *key;
    const char *told; /* a part of the problem's text */
};

static void expect_wrong(const struct wrong *wrong)
{
    const troth_status status =
        troth_contract_parse(wrong->text, strlen(wrong->text), &contract, &problems);
    assert_true(problems.count <= TROTH_PROBLEMS_MAX);
    bool found = false;
    for (unsigned i = 0; i < problems.count; i++) {
        const struct troth_problem *problem = &problems.items[i];
        found |= problem->line == wrong->line && strcmp(problem->key, wrong->key) == 0 &&
                 strstr(problem->text, wrong->told) != NULL;
    }
    if (status != TROTH_INVALID || !found) {
        for (unsigned i = 0; i < problems.count; i++) {
            print_error("line %u, key '%s': %s\n", problems.items[i].line, problems.items[i].key,
                        problems.items[i].text);
        }
        fail_msg("line %u, key '%s', \"%s\" is not told of\n%s", wrong->line, wrong->key,
                 wrong->told, wrong->text);
    }
}

static const struct wrong wrong_contracts[] = {
    {"", 0, "", "empty"},
    {"# nothing\n", 0, "", "empty"},
    {"just a text", 1, "", "is not a map"},
    {"[1]", 1, "", "a list is not a map"},
    {"contrat: c\n" RIGHT, 1, "contrat", "did you mean contract?"},
    {"Window: 1h\n" RIGHT, 1, "Window", "did you mean window?"},
    {"zzz: 1\n" RIGHT, 1, "zzz", "unknown key; known here: contract, version"},
    {RIGHT "owner: p\n", 7, "owner", "stands twice, first on line 4"},
    {"version: 1\npromise: p\nowner: o\nterms:\n" TERM, 1, "contract", "missing"},
    {HEAD, 1, "terms", "missing"},
    {"hold:\n" RIGHT, 1, "hold", "null is not a duration"},
    {"contract: C\n", 1, "contract", "C is not a name"},
    {"contract: -c\n", 1, "contract", "is not a name"},
    {"contract: 12\n", 1, "contract", "quote it: \"12\""},
    {"contract: [c]\n", 1, "contract", "a list is not a text"},
    {"contract: "
     "a123456789a123456789a123456789a123456789a123456789a123456789abcd\n",
     1, "contract", "is not a name"},
    {"version: 0\n", 1, "version", "out of range"},
    {"version: 1.5\n", 1, "version", "1.5 is not an integer"},
    {"version: \"3\"\n", 1, "version", "without quotes"},
    {"version: 010\n", 1, "version", "010 is not an integer; write plain decimal digits"},
    {"version: 0x10\n", 1, "version", "plain decimal digits"},
    {"version: 1_000\n", 1, "version", "plain decimal digits"},
    {"version: .inf\n", 1, "version", "plain decimal digits"},
    {"version: 9223372036854775808\n", 1, "version", "out of range"},
    {"version: 1e400\n", 1, "version", "out of range"},
    {"version: true\n", 1, "version", "plain decimal digits"},
    {"version:\n", 1, "version", "null is not an integer"},
    {"owner: no\n", 1, "owner", "quote it: \"no\""},
    {"owner: 2024-01-31\n", 1, "owner", "quote it"},
    {"owner: 1:30\n", 1, "owner", "quote it"},
    {"owner: \"\"\n", 1, "owner", "empty"},
    {"owner: \"a\\nb\"\n", 1, "owner", "control character"},
    {"owner: \"a\\0b\"\n", 1, "", "NUL"},
    {"applies_to: x\n", 1, "applies_to", "x is not a map"},
    {"applies_to: {agnet: x}\n", 1, "applies_to.agnet", "did you mean agent?"},
    {"consequence: hihg\n", 1, "consequence", "hihg is not one of low, medium, high"},
    {"mode: on\n", 1, "mode", "not one of shadow, advise, enforce"},
    {"on_agent_version: drop\n", 1, "on_agent_version", "not one of keep, recertify"},
    {"capabilities: x\n", 1, "capabilities", "is not a list"},
    {"capabilities: [x, x]\n", 1, "capabilities[1]", "stands twice"},
    {"capabilities: [x, Y]\n", 1, "capabilities[1]", "is not a name"},
    {"window: 5\n", 1, "window", "5 is not a duration"},
    {"window: 5 m\n", 1, "window", "is not a duration"},
    {"window: 1.5h\n", 1, "window", "is not a duration"},
    {"window: -1h\n", 1, "window", "is not a duration"},
    {"window: 05m\n", 1, "window", "is not a duration"},
    {"window: 0s\n", 1, "window", "too short"},
    {"window: 367d\n", 1, "window", "at most 366d"},
    {"window: 99999999999999999999h\n", 1, "window", "is not a duration"},
    {"window: 1001ms\n", 1, "window", "does not divide into 12 panes"},
    {"panes: 7\n", 1, "panes", "does not divide into 7 panes"},
    {"panes: 1\n", 1, "panes", "2 to 64"},
    {"panes: 65\n", 1, "panes", "2 to 64"},
    {"half_life: 0ms\n", 1, "half_life", "too short"},
    {"certify: {confidence: 1}\n", 1, "certify.confidence", "above 0 and below 1"},
    {"certify: {confidence: 0}\n", 1, "certify.confidence", "above 0 and below 1"},
    {"certify: {confidence: .nan}\n", 1, "certify.confidence", "is not a number"},
    {"certify: {in: 7d}\n", 1, "certify.in", "unknown key"},
    {"review_every: 0d\n", 1, "review_every", "too short"},
    {"ladder: null\n", 1, "ladder", "null is not a map"},
    {"ladder: {narow: {}}\n", 1, "ladder.narow", "did you mean narrow?"},
    {"ladder: {warn: null}\n", 1, "ladder.warn", "is not a map"},
    {"ladder: {warn: {confidence_below: 0.51}}\n", 1, "ladder.warn.confidence_below", "0 to 0.5"},
    {"ladder: {warn: {freshness_below: 1.1}}\n", 1, "ladder.warn.freshness_below", "0 to 1"},
    {"ladder: {warn: {freshness_below: -0.1}}\n", 1, "ladder.warn.freshness_below", "0 to 1"},
    {"ladder: {warn: {change: 1}}\n", 1, "ladder.warn.change", "true or false"},
    {"ladder: {warn: {disputes_open: -1}}\n", 1, "ladder.warn.disputes_open", "out of range"},
    {"ladder: {warn: {disputes_open: true}}\n", 1, "ladder.warn.disputes_open", "not an integer"},
    {"ladder: {clear: {budget: true}}\n", 1, "ladder.clear.budget", "unknown key"},
    {"ladder: {recertify: {confidence_below: 0.1}}\n", 1, "ladder.recertify.confidence_below",
     "unknown key"},
    {"ladder: {pause: {never: false}}\n", 1, "ladder.pause.never", "unknown key"},
    {"ladder: {warn: {scope: null}}\n", 1, "ladder.warn.scope", "always has a scope"},
    {"ladder: {warn: {scope: {traffic: 1.01}}}\n", 1, "ladder.warn.scope.traffic", "0 to 1"},
    {"ladder: {warn: {scope: {traffic: null}}}\n", 1, "ladder.warn.scope.traffic",
     "null is not a number"},
    {"ladder: {warn: {scope: {capabilities: [z]}}}\n", 1, "ladder.warn.scope.capabilities[0]",
     "z is no capability"},
    {"ladder: {warn: {scope: {max_cost_micros: -1}}}\n", 1, "ladder.warn.scope.max_cost_micros",
     "out of range"},
};

static const struct wrong wrong_terms[] = {
    {HEAD "terms: []\n", 5, "terms", "empty"},
    {HEAD "terms: {name: t}\n", 5, "terms", "is not a list"},
    {TERM_HEAD "  - x\n", 6, "terms[0]", "is not a map"},
    {TERM_HEAD "  - {name: t}\n", 6, "terms[0]", "promises nothing"},
    {TERM_HEAD "  - {completeness: true, floor: 0.9}\n", 6, "terms[0].name", "missing"},
    {TERM_HEAD TERM TERM, 7, "terms[1].name", "term 0 has the name t too"},
    {TERM_HEAD TERM "  - {nmae: u, completeness: true, floor: 0.9}\n", 7, "terms[1].nmae",
     "did you mean name?"},
    {TERM_HEAD "  - {name: t, judged: {}, never: {kind: tool}, floor: 0.9}\n", 6, "terms[0]",
     "one kind"},
    {TERM_HEAD "  - {name: t, never: {kind: tool}, floor: 0.9}\n", 6, "terms[0].floor",
     "a never term has no floor"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 0.9, absent: broken}\n", 6, "terms[0].absent",
     "a judged term has no absent"},
    {TERM_HEAD "  - {name: t, judged: {}}\n", 6, "terms[0].floor", "missing"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 1}\n", 6, "terms[0].floor", "below 1"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 0}\n", 6, "terms[0].floor", "above 0"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 95}\n", 6, "terms[0].floor", "out of range"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 95%}\n", 6, "terms[0].floor",
     "95% is not a number"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 0.99999999999}\n", 6, "terms[0].floor",
     "so near to 1"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 0.9, evidence: 0}\n", 6, "terms[0].evidence",
     "out of range"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 0.9, fresh: 1000000001}\n", 6, "terms[0].fresh",
     "out of range"},
    {TERM_HEAD "  - {name: t, judged: true, floor: 0.9}\n", 6, "terms[0].judged",
     "true is not a map"},
    {TERM_HEAD "  - {name: t, judged: {by: []}, floor: 0.9}\n", 6, "terms[0].judged.by", "empty"},
    {TERM_HEAD "  - {name: t, judged: {by: [1]}, floor: 0.9}\n", 6, "terms[0].judged.by[0]",
     "quote it"},
    {TERM_HEAD "  - {name: t, completeness: false, floor: 0.9}\n", 6, "terms[0].completeness",
     "says true"},
    {TERM_HEAD "  - {name: t, completeness: yes, floor: 0.9}\n", 6, "terms[0].completeness",
     "yes is not true or false"},
    {TERM_HEAD "  - {name: t, never: {}}\n", 6, "terms[0].never", "every event would break"},
    {TERM_HEAD "  - {name: t, when: {}, keep: {}, floor: 0.9}\n", 6, "terms[0].keep",
     "nothing could break"},
    {TERM_HEAD "  - {name: t, when: {}, floor: 0.9}\n", 6, "terms[0].keep", "missing"},
    {TERM_HEAD "  - {name: t, keep: {outcome: ok}, floor: 0.9}\n", 6, "terms[0].when", "missing"},
    {TERM_HEAD "  - {name: t, budget: {sum: cost, at_most: 1}}\n", 6, "terms[0].budget.sum",
     "not one of latency_us, cost_micros"},
    {TERM_HEAD "  - {name: t, budget: {sum: cost_micros}}\n", 6, "terms[0].budget.at_most",
     "missing"},
    {TERM_HEAD "  - {name: t, budget: {sum: cost_micros, at_most: -1}}\n", 6,
     "terms[0].budget.at_most", "out of range"},
    {TERM_HEAD "  - {name: t, when: {}, budget: {sum: cost_micros, at_most: 1, when: {}}}\n", 6,
     "terms[0].budget", "keep one"},
    {TERM_HEAD "  - {name: t, cadence: {every: 1h}}\n", 6, "terms[0].cadence.when", "missing"},
    {TERM_HEAD "  - {name: t, cadence: {when: {}}}\n", 6, "terms[0].cadence.every", "missing"},
    {TERM_HEAD "  - {name: t, cadence: {when: {}, every: 0s}}\n", 6, "terms[0].cadence.every",
     "too short"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 0.9, window: 7ms}\n", 6, "terms[0].window",
     "does not divide"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 0.9, panes: 7}\n", 6, "terms[0].panes",
     "does not divide"},
    {TERM_HEAD "  - {name: t, judged: {}, floor: 0.9, required: 1}\n", 6, "terms[0].required",
     "true or false"},
};

static const struct wrong wrong_predicates[] = {
    {KEEP("outcom: ok"), 6, "terms[0].keep.outcom", "did you mean outcome?"},
    {KEEP("zzz: ok"), 6, "terms[0].keep.zzz", "no field of an event"},
    {KEEP("attributes.: ok"), 6, "terms[0].keep.attributes.", "no field of an event"},
    {KEEP("outcome: okay"), 6, "terms[0].keep.outcome", "okay is not one of none, ok, failed"},
    {KEEP("outcome: OK"), 6, "terms[0].keep.outcome", "is not one of"},
    {KEEP("rescue: null"), 6, "terms[0].keep.rescue", "exists: false"},
    {KEEP("rescue: "), 6, "terms[0].keep.rescue", "exists: false"},
    {KEEP("outcome: null"), 6, "terms[0].keep.outcome", "null is not one of none, ok"},
    {KEEP("outcome: []"), 6, "terms[0].keep.outcome", "empty"},
    {KEEP("outcome: {}"), 6, "terms[0].keep.outcome", "no condition"},
    {KEEP("outcome: {nto: ok}"), 6, "terms[0].keep.outcome.nto", "did you mean not?"},
    {KEEP("outcome: {lt: 5}"), 6, "terms[0].keep.outcome.lt", "no number to compare"},
    {KEEP("tool: {ge: 5}"), 6, "terms[0].keep.tool.ge", "no number to compare"},
    {KEEP("tool: 5"), 6, "terms[0].keep.tool", "quote it: \"5\""},
    {KEEP("tool: [a, true]"), 6, "terms[0].keep.tool[1]", "quote it: \"true\""},
    {KEEP("tool: [[a]]"), 6, "terms[0].keep.tool[0]", "a list is not a text"},
    {KEEP("attributes.n: 5"), 6, "terms[0].keep.attributes.n", "quote it"},
    {KEEP("attributes.n: {lt: 1e999}"), 6, "terms[0].keep.attributes.n.lt", "out of range"},
    {KEEP("attributes.n: {lt: \"5\"}"), 6, "terms[0].keep.attributes.n.lt", "without quotes"},
    {KEEP("attributes: x"), 6, "terms[0].keep.attributes", "name one attribute"},
    {KEEP("latency_us: \"5\""), 6, "terms[0].keep.latency_us", "without quotes"},
    {KEEP("latency_us: 5.5"), 6, "terms[0].keep.latency_us", "not an integer"},
    {KEEP("latency_us: {le: 2s}"), 6, "terms[0].keep.latency_us.le", "2s is not a number"},
    {KEEP("latency_us: {exists: 1}"), 6, "terms[0].keep.latency_us.exists", "true or false"},
    {KEEP("id: x"), 6, "terms[0].keep.id", "can be asked"},
    {KEEP("verdicts: x"), 6, "terms[0].keep.verdicts", "can be asked"},
    {KEEP("outcome: ok, outcome: ok"), 6, "terms[0].keep.outcome", "stands twice"},
};

static const struct wrong wrong_yaml[] = {
    {"&a " RIGHT, 1, "", "anchors"},
    {"owner: &a o\n", 1, "", "anchors"},
    {"owner: *a\n", 1, "", "aliases"},
    {"owner: !!str 5\n", 1, "", "tags"},
    {"owner: ! 5\n", 1, "", "tags"},
    {RIGHT "---\n" RIGHT, 7, "", "second document"},
    {"? [a]\n: b\n", 1, "", "a key is a text"},
    {"a: b: c\n", 1, "", "not YAML"},
    {"a: [b\n", 2, "", "not YAML"},
    {"a: \"b\n", 2, "", "not YAML"},
    {"\ta: b\n", 1, "", "not YAML"},
    {"%YAML 3.0\n---\na: b\n", 1, "", "not YAML"},
    {"owner: o\npromise: \xFF\n", 2, "", "not UTF-8"},
    {"owner: \xC0\xAF\n", 1, "", "not UTF-8"},
    {"owner: \xED\xA0\x80\n", 1, "", "not UTF-8"},
    {"owner: a\x01z\n", 1, "", "control character"},
    {"owner: \"\\uD83D\"\n", 1, "", "not YAML"},
    {"a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", 1, "", "nested deeper"},
};

#define EXPECT_ALL(rows)                                                                           \
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows)[0]; i++) {                                  \
        expect_wrong(&(rows)[i]);                                                                  \
    }

static void wrong_keys_of_the_contract_are_told(void **state)
{
    (void)state;
    EXPECT_ALL(wrong_contracts);
}

static void wrong_terms_are_told(void **state)
{
    (void)state;
    EXPECT_ALL(wrong_terms);
}

static void wrong_predicates_are_told(void **state)
{
    (void)state;
    EXPECT_ALL(wrong_predicates);
}

static void what_of_yaml_surprises_is_refused(void **state)
{
    (void)state;
    EXPECT_ALL(wrong_yaml);
    static const char nul[] = "owner: o\npromise: a\0b\n";
    assert_int_equal(troth_contract_parse(nul, sizeof nul - 1, &contract, &problems),
                     TROTH_INVALID);
    assert_int_equal(problems.items[0].line, 2);
    assert_non_null(strstr(problems.items[0].text, "NUL"));
}

static void many_problems_are_told_in_one_pass_and_in_order(void **state)
{
    (void)state;
    static const char text[] = "contract: C\nversion: x\npromise: p\nownr: o\nwindow: 1\npanes: 1\n"
                               "terms:\n  - {name: T, judged: {}, floor: 2}\n";
    static const unsigned lines[] = {1, 1, 2, 4, 5, 6, 8, 8};
    assert_int_equal(troth_contract_parse(text, strlen(text), &contract, &problems), TROTH_INVALID);
    assert_int_equal(problems.count, 8); /* the missing owner stands where the map begins */
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(problems.items[i].line, lines[i]);
        assert_true(problems.items[i].column >= 1);
    }
    static char many[4096];
    size_t length = 0;
    for (unsigned i = 0; i < 40; i++) {
        length += (size_t)snprintf(many + length, sizeof many - length, "unknown%u: 1\n", i);
    }
    assert_int_equal(troth_contract_parse(many, length, &contract, &problems), TROTH_INVALID);
    assert_int_equal(problems.count, 45); /* 40 and five missing keys */
    assert_int_equal(problems.items[0].line, 1);
    assert_int_equal(problems.items[TROTH_PROBLEMS_MAX - 1].line, 11);
}

/* -------------------------------------------------------------------------------------- limits */

static char large[2 * TROTH_CONTRACT_LENGTH_MAX];

/* Writes head, then count times the pattern with the index, then tail. */
static void repeat(const char *head, const char *pattern, unsigned count, const char *tail)
{
    size_t length = (size_t)snprintf(large, sizeof large, "%s", head);
    for (unsigned i = 0; i < count; i++) {
        /* The patterns are those of this file. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        length += (size_t)snprintf(large + length, sizeof large - length, pattern, i);
#pragma GCC diagnostic pop
    }
    (void)snprintf(large + length, sizeof large - length, "%s", tail);
}

static void each_limit_holds_on_both_sides(void **state)
{
    static const struct {
        const char *head;
        const char *pattern;
        const char *tail;
        unsigned most;
        const char *told;
    } rows[] = {
        {TERM_HEAD, "  - {name: t%u, completeness: true, floor: 0.9}\n", "", TROTH_TERMS_MAX,
         "more than 16 terms"},
        {RIGHT "capabilities: [", "c%u,", "]\n", TROTH_CAPABILITIES_MAX,
         "more than 32 capabilities"},
        {TERM_HEAD "  - {name: t, floor: 0.9, when: {}, keep: {", "attributes.a%u: {exists: true},",
         "}}\n", TROTH_TESTS_MAX, "more than 128 tests"},
        {TERM_HEAD "  - {name: t, floor: 0.9, when: {}, keep: {seq: [", "%u,", "]}}\n",
         TROTH_VALUES_MAX, "more than 256 values"},
        {TERM_HEAD "  - {name: t, floor: 0.9, when: {}, keep: {tool: [",
         "x%04u-234567890123456789,", "]}}\n", TROTH_VALUES_MAX, "more than 256 values"},
        {"contract: c\nversion: 1\nowner: o\nterms:\n" TERM "promise: ", "p", "\n",
         TROTH_PROMISE_LENGTH_MAX, "at most 1023"},
        {"contract: c\nversion: 1\npromise: p\nterms:\n" TERM "owner: ", "p", "\n",
         TROTH_AGENT_LENGTH_MAX, "at most 128"},
        {RIGHT "applies_to: {agent: ", "p", "}\n", TROTH_AGENT_LENGTH_MAX, "at most 128"},
        {NULL, NULL, NULL, 0, NULL},
    };
    (void)state;
    for (size_t i = 0; rows[i].told != NULL; i++) {
        repeat(rows[i].head, rows[i].pattern, rows[i].most, rows[i].tail);
        parse(large);
        repeat(rows[i].head, rows[i].pattern, rows[i].most + 1, rows[i].tail);
        assert_int_equal(troth_contract_parse(large, strlen(large), &contract, &problems),
                         TROTH_INVALID);
        bool told = false;
        for (unsigned k = 0; k < problems.count && k < TROTH_PROBLEMS_MAX; k++) {
            told |= strstr(problems.items[k].text, rows[i].told) != NULL;
        }
        if (!told) {
            fail_msg("\"%s\" is not told of", rows[i].told);
        }
    }
}

static void texts_fill_the_pool_to_its_end(void **state)
{
    (void)state;
    /* Eight values of 1024 bytes each, told apart by their first. */
    static char value[TROTH_TEXT_LENGTH_MAX + 1];
    memset(value, 'x', TROTH_TEXT_LENGTH_MAX);
    size_t length = (size_t)snprintf(
        large, sizeof large, "%s", TERM_HEAD "  - {name: t, floor: 0.9, when: {}, keep: {tool: [");
    for (unsigned i = 0; i < 8; i++) {
        value[0] = (char)('a' + i);
        length += (size_t)snprintf(large + length, sizeof large - length, "%s,", value);
    }
    (void)snprintf(large + length, sizeof large - length, "]}}\n");
    parse(large);
    assert_int_equal(contract.pool_length, TROTH_POOL_LENGTH_MAX);
    (void)snprintf(large + length, sizeof large - length, "y]}}\n");
    expect_wrong(&(struct wrong){large, 6, "terms[0].keep.tool", "longer than 8192 bytes"});
    value[0] = 'a';
    (void)snprintf(large, sizeof large, KEEP("tool: %sx"), value);
    expect_wrong(&(struct wrong){large, 6, "terms[0].keep.tool", "1025 bytes are too long"});
}

static void a_document_is_at_most_so_long(void **state)
{
    (void)state;
    (void)snprintf(large, sizeof large, "%s", RIGHT "# ");
    const size_t length = strlen(large);
    memset(large + length, 'x', TROTH_CONTRACT_LENGTH_MAX - length);
    assert_int_equal(troth_contract_parse(large, TROTH_CONTRACT_LENGTH_MAX, &contract, &problems),
                     TROTH_OK);
    large[TROTH_CONTRACT_LENGTH_MAX] = 'x';
    assert_int_equal(
        troth_contract_parse(large, TROTH_CONTRACT_LENGTH_MAX + 1, &contract, &problems),
        TROTH_INVALID);
    assert_int_equal(problems.count, 1);
}

/* Shapes that have made parsers of YAML take minutes or fall over; the bounds make each a problem
 * within the first bytes or nodes. */
static void hostile_shapes_are_refused(void **state)
{
    static const char *const shapes[] = {
        "[",       "{",   "- ",  "? ",  "{a: ",  "a: ",  "[a: ",   "\"", "&a ",    "*a ",    "!a ",
        "a: &b\n", "a\n", "{a,", "|\n", "---\n", "%A\n", "a: [\n", "'",  "[a,]\n", "- - a\n"};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        size_t length = 0;
        const size_t one = strlen(shapes[i]);
        while (length + one <= TROTH_CONTRACT_LENGTH_MAX) {
            memcpy(large + length, shapes[i], one);
            length += one;
        }
        assert_int_equal(troth_contract_parse(large, length, &contract, &problems), TROTH_INVALID);
        assert_true(problems.count > 0);
    }
}

/* What a problem tells is text, whatever the document held. */
static void problems_are_printable(void **state)
{
    (void)state;
    static const char text[] = "\"a\\n\\e\\u00e9\\x7F\": 1\n\"\\U0001F600\": 2\nowner: [1]\n";
    assert_int_equal(troth_contract_parse(text, strlen(text), &contract, &problems), TROTH_INVALID);
    for (unsigned i = 0; i < problems.count; i++) {
        for (const char *p = problems.items[i].key; *p != '\0'; p++) {
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7F);
        }
    }
    expect_wrong(&(struct wrong){text, 1, "a??\xC3\xA9?", "unknown key"});
    expect_wrong(&(struct wrong){text, 2, "\xF0\x9F\x98\x80", "unknown key"});
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
        cmocka_unit_test(wrong_keys_of_the_contract_are_told),
        cmocka_unit_test(wrong_terms_are_told),
        cmocka_unit_test(wrong_predicates_are_told),
        cmocka_unit_test(what_of_yaml_surprises_is_refused),
        cmocka_unit_test(many_problems_are_told_in_one_pass_and_in_order),
        cmocka_unit_test(each_limit_holds_on_both_sides),
        cmocka_unit_test(texts_fill_the_pool_to_its_end),
        cmocka_unit_test(a_document_is_at_most_so_long),
        cmocka_unit_test(hostile_shapes_are_refused),
        cmocka_unit_test(problems_are_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
