/*
 * Claim: the canonical JSON of thousands of random contracts, and of the largest that the limits
 * allow, fits, reads back as the same bytes, and is written the same again.
 *
 * The documents are right by construction, in YAML's flow form, each optional key there or not.
 */
#include <string.h>

#include "schemas/contract.h"
#include "tests/support/test.h"

static struct troth_contract contract;
static struct troth_contract back;
static struct troth_problems problems;
static char document[2 * TROTH_CONTRACT_LENGTH_MAX];
static char canonical[TROTH_CONTRACT_LENGTH_MAX];
static char again[TROTH_CONTRACT_LENGTH_MAX];

static void parse(const char *text, size_t length, struct troth_contract *into)
{
    if (troth_contract_parse(text, length, into, &problems) != TROTH_OK) {
        fail_msg("line %u, %s: %s\n%.*s", problems.items[0].line, problems.items[0].key,
                 problems.items[0].text, (int)length, text);
    }
}

/* Parses, writes, parses and writes. */
static void round_trip(const char *text, size_t text_length)
{
    size_t length = 0;
    size_t length_again = 0;
    parse(text, text_length, &contract);
    assert_int_equal(troth_contract_write(&contract, canonical, sizeof canonical, &length),
                     TROTH_OK);
    parse(canonical, length, &back);
    if (memcmp(&contract, &back, sizeof contract) != 0) {
        fail_msg("not the same:\n%.*s\n%.*s", (int)text_length, text, (int)length, canonical);
    }
    assert_int_equal(troth_contract_write(&back, again, sizeof again, &length_again), TROTH_OK);
    assert_int_equal(length, length_again);
    assert_memory_equal(canonical, again, length);
}

struct text {
    uint64_t *random;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length =
        vsnprintf(document + text->length, sizeof document - text->length, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && (size_t)length < sizeof document - text->length);
    text->length += (size_t)length;
}

static unsigned below(struct text *text, unsigned n)
{
    return (unsigned)random_below(text->random, n);
}

#define ONE_OF(text, rows) ((rows)[below(text, (unsigned)(sizeof(rows) / sizeof(rows)[0]))])

static const char *const texts[] = {"a",
                                    "\"\"",
                                    "\"no\"",
                                    "\"12\"",
                                    "x-y",
                                    "'it''s'",
                                    "\"\\u00e9\"",
                                    "\"\xF0\x9F\x98\x80\"",
                                    "\"\\u2028\\uFEFF\"",
                                    "\"a\\\"b\\\\\"",
                                    "tool.name",
                                    "b",
                                    "aa"};

static void add_integer(struct text *text)
{
    static const char *const special[] = {
        "9223372036854775807", "-9223372036854775808", "0", "-0", "1e3", "7.0"};
    if (below(text, 3) == 0) {
        add(text, "%s", ONE_OF(text, special));
    } else {
        add(text, "%lld",
            (long long)(random_next(text->random) >> below(text, 64)) / 2 -
                (long long)below(text, 50));
    }
}

static void add_number(struct text *text)
{
    static const char *const special[] = {"1e300",
                                          "-1e300",
                                          "0.1",
                                          "-2.5",
                                          "1e-320",
                                          "3",
                                          "1e30",
                                          "-9223372036854775808.5",
                                          "9223372036854775806.5"};
    if (below(text, 2) == 0) {
        add(text, "%s", ONE_OF(text, special));
    } else {
        add(text, "%.*g", (int)below(text, 17) + 1,
            (random_unit(text->random) - 0.5) * (double)(1U << below(text, 30)));
    }
}

static void add_value(struct text *text, unsigned field)
{
    static const char *const kinds[] = {"task", "tool", "evaluation", "rescue", "heartbeat"};
    static const char *const outcomes[] = {"none", "ok", "failed", "timeout", "\"cancelled\""};
    static const char *const rescues[] = {"interrupt", "redo", "silent_edit"};
    switch (field) {
    case TROTH_FIELD_KIND:
        add(text, "%s", ONE_OF(text, kinds));
        break;
    case TROTH_FIELD_OUTCOME:
        add(text, "%s", ONE_OF(text, outcomes));
        break;
    case TROTH_FIELD_RESCUE:
        add(text, "%s", ONE_OF(text, rescues));
        break;
    case TROTH_FIELD_LATENCY_US:
        add_integer(text);
        break;
    default:
        add(text, "%s", ONE_OF(text, texts));
        break;
    }
}

static void add_values(struct text *text, unsigned field)
{
    if (below(text, 2) == 0) {
        add_value(text, field);
        return;
    }
    add(text, "[");
    for (unsigned i = below(text, 5) + 1; i > 0; i--) {
        add_value(text, field);
        add(text, i > 1 ? ", " : "");
    }
    add(text, "]");
}

static void add_condition(struct text *text, unsigned field)
{
    static const char *const comparisons[] = {"lt", "le", "gt", "ge"};
    if (below(text, 2) == 0) {
        add_values(text, field);
        return;
    }
    const bool compares = field == TROTH_FIELD_LATENCY_US || field == TROTH_FIELD_ATTRIBUTES;
    const char *separator = "";
    add(text, "{");
    if (below(text, 2) == 0) {
        add(text, "not: ");
        add_values(text, field);
        separator = ", ";
    }
    for (unsigned i = 0; compares && i < 4; i++) {
        if (below(text, 2) == 0) {
            add(text, "%s%s: ", separator, comparisons[i]);
            add_number(text);
            separator = ", ";
        }
    }
    if (separator[0] == '\0' || below(text, 4) == 0) {
        add(text, "%sexists: %s", separator, below(text, 2) == 0 ? "true" : "False");
    }
    add(text, "}");
}

static void add_predicate(struct text *text, bool may_be_empty)
{
    static const struct {
        const char *name;
        unsigned field;
    } fields[] = {{"kind", TROTH_FIELD_KIND},
                  {"attributes.b", TROTH_FIELD_ATTRIBUTES},
                  {"tool", TROTH_FIELD_TOOL},
                  {"\"attributes.a \\u00e9\"", TROTH_FIELD_ATTRIBUTES},
                  {"latency_us", TROTH_FIELD_LATENCY_US},
                  {"outcome", TROTH_FIELD_OUTCOME},
                  {"rescue", TROTH_FIELD_RESCUE}};
    unsigned wanted = below(text, 128);
    wanted = wanted == 0 && !may_be_empty ? 1 : wanted;
    const char *separator = "";
    add(text, "{");
    for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        /* Half of all that are wanted, so that a contract stays within its tests. */
        if ((wanted >> i & 1U) && (separator[0] == '\0' || below(text, 2) == 0)) {
            add(text, "%s%s: ", separator, fields[i].name);
            add_condition(text, fields[i].field);
            separator = ", ";
        }
    }
    add(text, "}");
}

static void add_window(struct text *text, const char *separator)
{
    static const char *const windows[] = {"1h", "90m", "36s", "1d", "3s", "660ms", "33ms"};
    if (below(text, 2) == 0) {
        /* 33 ms and its like have half-lives that no duration can write. */
        const char *window = ONE_OF(text, windows);
        add(text, "%swindow: %s, panes: %u", separator, window,
            strcmp(window, "33ms") == 0 ? 33U : 6U);
        if (below(text, 2) == 0) {
            add(text, ", half_life: %ums", below(text, 100000) + 1);
        }
    }
}

static void add_term(struct text *text, unsigned index)
{
    const unsigned kind = below(text, 6);
    add(text, "{name: t%u", index);
    add_window(text, ", ");
    if (below(text, 2) == 0) {
        add(text, ", required: %s", below(text, 2) == 0 ? "false" : "true");
    }
    switch (kind) {
    case TROTH_TERM_SHARE:
        add(text, ", keep: ");
        add_predicate(text, false);
        add(text, ", when: ");
        add_predicate(text, true);
        add(text, "%s", below(text, 3) == 0 ? ", absent: broken" : "");
        break;
    case TROTH_TERM_COMPLETENESS:
        add(text, ", completeness: true");
        break;
    case TROTH_TERM_JUDGED:
        add(text, ", judged: {");
        if (below(text, 2) == 0) {
            add(text, "by: ");
            add_values(text, TROTH_FIELD_ISSUER);
        }
        add(text, "}");
        break;
    case TROTH_TERM_NEVER:
        add(text, ", never: ");
        add_predicate(text, false);
        break;
    case TROTH_TERM_BUDGET:
        add(text, ", budget: {at_most: %u, sum: output_tokens", below(text, 1000000));
        if (below(text, 2) == 0) {
            add(text, ", when: ");
            add_predicate(text, true);
        }
        add(text, "}");
        break;
    default:
        add(text, ", cadence: {every: %us, when: ", below(text, 100000) + 1);
        add_predicate(text, true);
        add(text, "}");
        break;
    }
    if (kind <= TROTH_TERM_JUDGED) {
        add(text, ", floor: %.*g", (int)below(text, 17) + 1,
            0.05 + 0.89 * random_unit(text->random));
        if (below(text, 3) == 0) {
            add(text, ", evidence: %u", below(text, 100000) + 1);
        }
        if (below(text, 3) == 0) {
            add(text, ", fresh: %u", below(text, 1000) + 1);
        }
    }
    add(text, "}");
}

static void add_ladder(struct text *text)
{
    static const char *const rungs[] = {"pause", "warn", "review", "narrow"};
    static const char *const limits[] = {"null", "false", "0", "0.5", "0.125", "1e-9", "0.3"};
    add(text, "ladder: {recertify: {freshness_below: %s}", ONE_OF(text, limits));
    for (unsigned i = 0; i < 4; i++) {
        add(text, ", %s: {change: %s", rungs[i], below(text, 2) == 0 ? "true" : "null");
        if (below(text, 2) == 0) {
            add(text, ", confidence_below: %s", ONE_OF(text, limits));
        }
        if (below(text, 2) == 0) {
            add(text, ", freshness_below: %.17g", random_unit(text->random));
        }
        if (below(text, 2) == 0) {
            add(text, ", disputes_open: %u, budget: false", below(text, 9));
        }
        if (below(text, 2) == 0) {
            add(text, ", scope: {traffic: %.3f, capabilities: [%s], max_cost_micros: %u}",
                random_unit(text->random), below(text, 2) == 0 ? "c3, c0" : "", below(text, 9999));
        }
        add(text, "}");
    }
    add(text, "}, ");
}

static size_t random_document(uint64_t *random)
{
    static const char *const consequences[] = {"low", "medium", "high"};
    static const char *const modes[] = {"shadow", "advise", "enforce"};
    struct text text = {.random = random};
    add(&text, "{contract: c, version: %llu, owner: %s, ",
        (unsigned long long)(random_next(random) >> (1 + below(&text, 62))) + 1,
        below(&text, 2) == 0 ? "\"\xC3\xA9 \\\" \\\\\"" : "ops");
    add(&text, "consequence: %s, capabilities: [c3, c0, c1], ", ONE_OF(&text, consequences));
    if (below(&text, 2) == 0) {
        add(&text, "mode: %s, hold: %us, on_agent_version: keep, ", ONE_OF(&text, modes),
            below(&text, 9999));
    }
    if (below(&text, 2) == 0) {
        add_ladder(&text);
    }
    add(&text, "terms: [");
    for (unsigned i = 0, count = below(&text, 9) + 1; i < count; i++) {
        add(&text, i > 0 ? ", " : "");
        add_term(&text, i);
    }
    add(&text, "], ");
    const size_t before = text.length;
    add_window(&text, "");
    add(&text, "%spromise: \"several\\nlines\\tof %u\"}", text.length > before ? ", " : "",
        below(&text, 99));
    return text.length;
}

static void random_documents_read_back_as_they_are(void **state)
{
    uint64_t random = random_seed("contract_random");
    unsigned kinds[6] = {0};
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        const size_t length = random_document(&random);
        round_trip(document, length);
        for (unsigned k = 0; k < contract.term_count; k++) {
            kinds[contract.terms[k].kind]++;
            assert_true(troth_term_equal(&contract, k, &back, k));
            for (unsigned j = 0; j < k; j++) {
                assert_false(troth_term_equal(&contract, k, &back, j));
            }
        }
    }
    for (unsigned kind = 0; kind < 6; kind++) {
        assert_true(kinds[kind] > 1000);
    }
}

/* The largest contract that its limits allow, all of it to be escaped. */
static void the_largest_contract_fits(void **state)
{
    uint64_t random = 1;
    struct text text = {.random = &random};
    (void)state;
    add(&text, "{contract: c, version: 1, owner: o, promise: '");
    for (unsigned i = 0; i < TROTH_PROMISE_LENGTH_MAX; i++) {
        add(&text, "\"");
    }
    add(&text, "', capabilities: [");
    for (unsigned i = 0; i < TROTH_CAPABILITIES_MAX; i++) {
        add(&text, "c%062u,", i);
    }
    add(&text, "], terms: [");
    for (unsigned i = 0; i < TROTH_TERMS_MAX; i++) {
        add(&text, "{name: t%062u, floor: 0.12345678901234567, when: {}, keep: {", i);
        for (unsigned k = 0; k < 4; k++) {
            add(&text,
                "'attributes.%u': {gt: -1.2345678901234567e-300, lt: "
                "1.2345678901234567e+300, not: [",
                k);
            for (unsigned v = 0; v < 4; v++) {
                add(&text, "'%u%u\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"',", k, v);
            }
            add(&text, "]},");
        }
        add(&text, "}},");
    }
    add(&text, "]}");
    round_trip(document, text.length);
    assert_int_equal(contract.value_count, TROTH_VALUES_MAX);
    assert_int_equal(contract.test_count, TROTH_TESTS_MAX);
    assert_int_equal(contract.term_count, TROTH_TERMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_documents_read_back_as_they_are),
        cmocka_unit_test(the_largest_contract_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
