/*
 * Claim: a wrong document is refused with the line, the key and what would be right; each limit
 * holds on both sides; nothing is let through, or takes long, for being in YAML's dark corners.
 */
#include <string.h>

#include "schemas/contract.h"
#include "tests/support/test.h"

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
    {"ladder: {warn: {budget: off}}\n", 1, "ladder.warn.budget", "true or false"},
    {"ladder: {warn: {scope: {capabilities: x}}}\n", 1, "ladder.warn.scope.capabilities",
     "is not a list"},
    {"ladder: {warn: {scope: [x]}}\n", 1, "ladder.warn.scope", "a list is not a map"},
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
    {TERM_HEAD "  - {name: t, budget: 5}\n", 6, "terms[0].budget", "5 is not a map"},
    {TERM_HEAD "  - {name: t, cadence: 1h}\n", 6, "terms[0].cadence", "1h is not a map"},
    {TERM_HEAD "  - {name: t, never: [x]}\n", 6, "terms[0].never", "a list is not a map"},
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
    {"owner: \xE0\x80\xAF\n", 1, "", "not UTF-8"},
    {"owner: \xF0\x80\x80\xAF\n", 1, "", "not UTF-8"},
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
        {TERM_HEAD "  - {name: t, floor: 0.9, when: {}, keep: {seq: 0,", "attributes.a%u: x,",
         "}}\n", TROTH_TESTS_MAX - 1, "more than 128 tests"},
        {TERM_HEAD "  - {name: u, judged: {by: [x, y]}, floor: 0.9}\n"
                   "  - {name: t, floor: 0.9, when: {}, keep: {seq: [",
         "%u,", "]}}\n", TROTH_VALUES_MAX - 2, "more than 256 values in its lists"},
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
