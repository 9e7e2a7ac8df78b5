/*
 * Claim: the canonical JSON of a contract reads back as the same bytes, and is written the same
 * again: for the examples, for the golden contracts where they are at hand, and for thousands of
 * random documents. Two terms are equal exactly where they promise the same.
 */
#include <dirent.h>
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

static size_t read_file(const char *path, char *buffer, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t length = fread(buffer, 1, capacity, file);
    assert_int_equal(fclose(file), 0);
    assert_true(length > 0 && length < capacity);
    return length;
}

/* Round trips every file of a folder. Returns how many there were. */
static unsigned round_trip_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    unsigned count = 0;
    if (directory == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.') {
            char path[512];
            (void)snprintf(path, sizeof path, "%s/%.200s", folder, entry->d_name);
            round_trip(document, read_file(path, document, sizeof document));
            count++;
        }
    }
    assert_int_equal(closedir(directory), 0);
    return count;
}

static void examples_read_back_as_they_are(void **state)
{
    (void)state;
    assert_true(round_trip_folder("schemas/examples") >= 3);
}

static void golden_contracts_read_back_as_they_are(void **state)
{
    static const char golden[] = "../shared/golden";
    (void)state;
    DIR *directory = opendir(golden);
    if (directory == NULL) {
        print_message("SKIP: %s is not here\n", golden);
        skip();
    }
    unsigned count = 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%.200s/contracts", golden, entry->d_name);
        count += entry->d_name[0] != '.' ? round_trip_folder(path) : 0;
    }
    assert_int_equal(closedir(directory), 0);
    assert_true(count > 0);
}

static void every_default_is_explicit(void **state)
{
    (void)state;
    static const char text[] = "{contract: c, version: 1, promise: p, owner: o, capabilities: [x],"
                               " terms: [{name: t, when: {kind: task}, keep: {outcome: ok},"
                               " floor: 0.98}]}";
    static const char expected[] =
        "{\"contract\":\"c\",\"version\":1,\"promise\":\"p\",\"owner\":\"o\","
        "\"applies_to\":{\"agent\":\"*\"},\"consequence\":\"medium\",\"mode\":\"enforce\","
        "\"on_agent_version\":\"keep\",\"capabilities\":[\"x\"],\"window\":\"1h\",\"panes\":12,"
        "\"half_life\":\"30m\",\"hold\":\"10m\",\"terms\":[{\"name\":\"t\",\"when\":"
        "{\"kind\":\"task\"},\"keep\":{\"outcome\":\"ok\"},\"floor\":0.98,\"required\":true,"
        "\"window\":\"1h\",\"panes\":12,\"half_life\":\"30m\",\"evidence\":114,\"fresh\":12}],"
        "\"certify\":{\"confidence\":0.95,\"within\":\"7d\"},\"review_every\":\"7d\",\"ladder\":{"
        "\"clear\":{\"scope\":{\"traffic\":1,\"capabilities\":[\"x\"],\"max_cost_micros\":null}},"
        "\"warn\":{\"confidence_below\":0.25,\"freshness_below\":0.5,\"disputes_open\":null,"
        "\"change\":true,\"budget\":false,\"scope\":{\"traffic\":1,\"capabilities\":[\"x\"],"
        "\"max_cost_micros\":null}},"
        "\"narrow\":{\"confidence_below\":0.05,\"freshness_below\":0.25,\"disputes_open\":null,"
        "\"change\":false,\"budget\":true,\"scope\":{\"traffic\":0.25,\"capabilities\":[\"x\"],"
        "\"max_cost_micros\":null}},"
        "\"recertify\":{\"freshness_below\":0.1,\"scope\":{\"traffic\":0.1,\"capabilities\":[\"x\"]"
        ","
        "\"max_cost_micros\":null}},"
        "\"review\":{\"confidence_below\":0.005,\"freshness_below\":null,\"disputes_open\":3,"
        "\"change\":false,\"budget\":false,\"scope\":{\"traffic\":0.05,\"capabilities\":[\"x\"],"
        "\"max_cost_micros\":null}},"
        "\"pause\":{\"confidence_below\":0.0001,\"freshness_below\":null,\"disputes_open\":null,"
        "\"change\":false,\"budget\":false,\"scope\":{\"traffic\":0,\"capabilities\":[],"
        "\"max_cost_micros\":null}}}}";
    size_t length = 0;
    parse(text, strlen(text), &contract);
    assert_int_equal(troth_contract_write(&contract, canonical, sizeof canonical, &length),
                     TROTH_OK);
    canonical[length] = '\0';
    assert_string_equal(canonical, expected);
}

static void predicates_have_one_form(void **state)
{
    static const struct {
        const char *document;
        const char *canonical;
    } rows[] = {
        {"outcome: [ok]", "\"outcome\":\"ok\""},
        {"outcome: [failed, ok]", "\"outcome\":[\"ok\",\"failed\"]"},
        {"outcome: {not: [timeout]}", "\"outcome\":{\"not\":\"timeout\"}"},
        {"rescue: [correction, takeover, redo, silent_edit, approval_waived]",
         "\"rescue\":{\"not\":\"interrupt\"}"},
        {"rescue: {not: redo, exists: true}", "\"rescue\":{\"not\":\"redo\",\"exists\":true}"},
        {"rescue: {not: [interrupt, correction, takeover, redo, silent_edit, approval_waived]}",
         "\"rescue\":{\"not\":[\"interrupt\",\"correction\",\"takeover\",\"redo\","
         "\"silent_edit\",\"approval_waived\"]}"},
        {"seq: {ge: 4, le: 4}", "\"seq\":4"},
        {"seq: {gt: 3.5, lt: 9}", "\"seq\":{\"ge\":4,\"le\":8}"},
        {"seq: {le: 1e40}", "\"seq\":{\"ge\":-9223372036854775808}"},
        {"seq: {gt: 1e40}", "\"seq\":{\"ge\":1,\"le\":0}"},
        {"seq: [2, 1]", "\"seq\":[1,2]"},
        {"seq: {not: [2], ge: 1}", "\"seq\":{\"not\":2,\"ge\":1}"},
        {"tool: [b, a, b]", "\"tool\":[\"a\",\"b\"]"},
        {"tool: \"\\x22\\\\\\L\"", "\"tool\":\"\\\"\\\\\\u2028\""},
        {"attributes.n: {lt: 0.1, gt: -1e-9}", "\"attributes.n\":{\"gt\":-1e-09,\"lt\":0.1}"},
        {"seq: 1, attributes.b: x, attributes.a: y, kind: task",
         "\"kind\":\"task\",\"seq\":1,\"attributes.a\":\"y\",\"attributes.b\":\"x\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[512];
        (void)snprintf(document, sizeof document,
                       "{contract: c, version: 1, promise: p, owner: o, terms: [{name: t, floor: "
                       "0.9, when: {}, keep: {%s}}]}",
                       rows[i].document);
        round_trip(document, strlen(document));
        size_t length = 0;
        assert_int_equal(troth_contract_write(&contract, canonical, sizeof canonical - 1, &length),
                         TROTH_OK);
        canonical[length] = '\0';
        (void)snprintf(expected, sizeof expected, "\"keep\":{%s},", rows[i].canonical);
        if (strstr(canonical, expected) == NULL) {
            fail_msg("%s is not in %s", expected, canonical);
        }
    }
}

/* No duration can write a microsecond, so that half-life stays the default that it is. */
static void half_of_an_odd_window_survives(void **state)
{
    (void)state;
    static const char text[] =
        "{contract: c, version: 1, promise: p, owner: o, window: 3ms, panes: 3, terms: ["
        "{name: a, judged: {}, floor: 0.9}, {name: b, judged: {}, floor: 0.9, window: 9ms}]}";
    round_trip(text, strlen(text));
    assert_int_equal(back.half_life_us, 1500);
    assert_int_equal(back.terms[0].half_life_us, 1500);
    assert_int_equal(back.terms[1].half_life_us, 4500);
}

static void what_does_not_fit_is_said_and_not_written(void **state)
{
    (void)state;
    const size_t text_length =
        read_file("schemas/examples/refunds.yaml", document, sizeof document);
    size_t length = 0;
    size_t untouched = 77;
    parse(document, text_length, &contract);
    assert_int_equal(troth_contract_write(&contract, canonical, sizeof canonical, &length),
                     TROTH_OK);
    for (size_t capacity = 0; capacity < length; capacity++) {
        memset(again, '#', length + 1);
        assert_int_equal(troth_contract_write(&contract, again, capacity, &untouched), TROTH_FULL);
        assert_int_equal(untouched, 77);
        assert_int_equal(again[capacity], '#');
    }
    assert_int_equal(troth_contract_write(&contract, again, length, &untouched), TROTH_OK);
    assert_int_equal(untouched, length);
    assert_memory_equal(again, canonical, length);
}

/* -------------------------------------------------------------------------- random documents */

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
    uint64_t random = random_seed("contract_write");
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

/* --------------------------------------------------------------------------------- equality */

static bool same_term(const char *a, const char *b)
{
    static const char frame[] = "{contract: c, version: 1, promise: p, owner: o, terms: [";
    char text[1024];
    (void)snprintf(text, sizeof text, "%s{name: z, never: {tool: pad}},%s]}", frame, a);
    parse(text, strlen(text), &contract);
    (void)snprintf(text, sizeof text, "%s%s]}", frame, b);
    parse(text, strlen(text), &back);
    return troth_term_equal(&contract, 1, &back, 0);
}

static void terms_are_equal_where_they_promise_the_same(void **state)
{
    static const char share[] = "{name: t, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.9}";
    static const char *const same[] = {
        "{name: t, keep: {tool: [b, a, a]}, when: {kind: [task]}, floor: 9e-1, window: 1h}",
        /* How much proof is asked for is no part of what is promised. */
        "{name: t, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.9, required: false}",
        "{name: t, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.9, evidence: 99, fresh: 7}",
    };
    static const char *const others[] = {
        "{name: u, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.9}",
        "{name: t, when: {kind: tool}, keep: {tool: [a, b]}, floor: 0.9}",
        "{name: t, when: {}, keep: {tool: [a, b]}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {tool: [a, c]}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {tool: a}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {task: [a, b]}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {tool: {not: [a, b]}}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {attributes.tool: [a, b]}, floor: 0.9}",
        "{name: t, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.91}",
        "{name: t, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.9, absent: ignore}",
        "{name: t, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.9, window: 2h}",
        "{name: t, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.9, panes: 6}",
        "{name: t, when: {kind: task}, keep: {tool: [a, b]}, floor: 0.9, half_life: 5m}",
        "{name: t, judged: {}, floor: 0.9}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_true(same_term(share, same[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (same_term(share, others[i])) {
            fail_msg("equal to %s", others[i]);
        }
    }
    assert_true(same_term("{name: t, judged: {by: [x, y]}, floor: 0.9}",
                          "{name: t, judged: {by: [y, x]}, floor: 0.9}"));
    assert_false(
        same_term("{name: t, judged: {by: [x]}, floor: 0.9}", "{name: t, judged: {}, floor: 0.9}"));
    assert_false(same_term("{name: t, budget: {sum: cost_micros, at_most: 5}}",
                           "{name: t, budget: {sum: cost_micros, at_most: 6}}"));
    assert_false(same_term("{name: t, budget: {sum: cost_micros, at_most: 5}}",
                           "{name: t, budget: {sum: latency_us, at_most: 5}}"));
    assert_false(same_term("{name: t, cadence: {when: {}, every: 5m}}",
                           "{name: t, cadence: {when: {}, every: 6m}}"));
    assert_false(same_term("{name: t, never: {attributes.n: {ge: 1}}}",
                           "{name: t, never: {attributes.n: {gt: 1}}}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_read_back_as_they_are),
        cmocka_unit_test(golden_contracts_read_back_as_they_are),
        cmocka_unit_test(every_default_is_explicit),
        cmocka_unit_test(predicates_have_one_form),
        cmocka_unit_test(half_of_an_odd_window_survives),
        cmocka_unit_test(what_does_not_fit_is_said_and_not_written),
        cmocka_unit_test(random_documents_read_back_as_they_are),
        cmocka_unit_test(the_largest_contract_fits),
        cmocka_unit_test(terms_are_equal_where_they_promise_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
