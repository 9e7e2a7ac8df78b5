/*
 * Claim: the canonical JSON of a contract reads back as the same bytes, and is written the same
 * again: for the examples and for the golden contracts where they are at hand. Two terms are equal
 * exactly where they promise the same.
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

static void durations_take_the_largest_exact_unit(void **state)
{
    static const struct {
        const char *document;
        const char *canonical;
    } rows[] = {{"7d", "7d"},  {"1000ms", "1s"}, {"24h", "1d"},       {"36h", "36h"},
                {"60s", "1m"}, {"90s", "90s"},   {"3600000ms", "1h"}, {"1001ms", "1001ms"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[64];
        (void)snprintf(
            document, sizeof document,
            "{contract: c, version: 1, promise: p, owner: o, hold: %s, terms: [{name: t, "
            "completeness: true, floor: 0.9}]}",
            rows[i].document);
        round_trip(document, strlen(document));
        (void)snprintf(expected, sizeof expected, "\"hold\":\"%s\",", rows[i].canonical);
        assert_non_null(strstr(canonical, expected));
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
        cmocka_unit_test(durations_take_the_largest_exact_unit),
        cmocka_unit_test(half_of_an_odd_window_survives),
        cmocka_unit_test(what_does_not_fit_is_said_and_not_written),
        cmocka_unit_test(terms_are_equal_where_they_promise_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
