/*
 * Claim: the lint finds what DESIGN's arithmetic says of a rate of evidence, on both sides of each
 * boundary, and what a contract could never do whatever the rate; the examples are clean at the
 * rate that they state.
 */
#include <math.h>
#include <string.h>

#include "schemas/contract_lint.h"
#include "tests/support/test.h"

static struct troth_contract contract;
static struct troth_problems problems;
static struct troth_findings findings;
static char document[TROTH_CONTRACT_LENGTH_MAX];

static void parse(const char *text)
{
    if (troth_contract_parse(text, strlen(text), &contract, &problems) != TROTH_OK) {
        fail_msg("line %u, %s: %s", problems.items[0].line, problems.items[0].key,
                 problems.items[0].text);
    }
}

/* A contract of one share term, floor 0.98 (evidence 114, fresh 12), or what `term` says beside;
 * and what `more` says of the contract. */
static void parse_share(const char *term, const char *more)
{
    (void)snprintf(document, sizeof document,
                   "{contract: c, version: 1, promise: p, owner: o, capabilities: [x], %s terms: "
                   "[{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.98 %s}]}",
                   more, term);
    parse(document);
}

/* Whether the lint at a rate tells something that begins so, of a term ("" for the contract). */
static bool tells(double rate_per_hour, const char *term, const char *told)
{
    troth_contract_lint(&contract, rate_per_hour, &findings);
    for (unsigned i = 0; i < findings.count && i < TROTH_FINDINGS_MAX; i++) {
        assert_true(strlen(findings.items[i].text) > 0);
        if (strcmp(findings.items[i].term, term) == 0 &&
            strstr(findings.items[i].text, told) != NULL) {
            return true;
        }
    }
    return false;
}

static void expect_clean(double rate_per_hour)
{
    troth_contract_lint(&contract, rate_per_hour, &findings);
    if (findings.count > 0) {
        fail_msg("%s at %g/h: %s: %s", contract.name, rate_per_hour, findings.items[0].term,
                 findings.items[0].text);
    }
}

/* Told just below the rate, not just above it. */
static void expect_boundary(double rate_per_hour, const char *told)
{
    if (!tells(rate_per_hour * 0.999, "t", told)) {
        fail_msg("\"%s\" is not told below %g/h", told, rate_per_hour);
    }
    if (tells(rate_per_hour * 1.001, "t", told)) {
        fail_msg("\"%s\" is told above %g/h", told, rate_per_hour);
    }
}

static void examples_are_clean_at_the_rate_that_they_state(void **state)
{
    static const struct {
        const char *path;
        double rate_per_hour;
    } rows[] = {{"schemas/examples/refunds.yaml", 600.0},
                {"schemas/examples/research.yaml", 60.0},
                {"schemas/examples/support.yaml", 120.0},
                {"schemas/examples/payouts.yaml", 2000.0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char stated[128];
        FILE *file = fopen(rows[i].path, "rb");
        assert_non_null(file);
        const size_t length = fread(document, 1, sizeof document - 1, file);
        assert_int_equal(fclose(file), 0);
        document[length] = '\0';
        (void)snprintf(stated, sizeof stated, "troth contract lint --rate %g/h %s",
                       rows[i].rate_per_hour, rows[i].path);
        assert_non_null(strstr(document, stated));
        parse(document);
        expect_clean(0.0);
        expect_clean(rows[i].rate_per_hour);
        troth_contract_lint(&contract, 0.05, &findings);
        assert_true(findings.count >= 3);
    }
}

/* Against a walk of every piece: each has its own moment, its pane and its weight. */
static void pieces_are_those_of_a_walk_through_the_window(void **state)
{
    static const struct {
        int64_t window_us;
        int64_t half_life_us;
        unsigned panes;
        unsigned per_pane;
    } rows[] = {{3600000000, 1800000000, 12, 50},
                {3600000000, 600000000, 64, 7},
                {7200000000, 7200000000, 2, 1000},
                {1000000, 1000000, 10, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct troth_term term = {.window_us = rows[i].window_us,
                                        .half_life_us = rows[i].half_life_us,
                                        .panes = (uint8_t)rows[i].panes};
        const int64_t pane_us = rows[i].window_us / rows[i].panes;
        const int64_t now_us = 5 * rows[i].window_us; /* a pane has just begun */
        double walked = 0.0;
        for (int64_t piece = 0; piece < (int64_t)5 * rows[i].panes * rows[i].per_pane; piece++) {
            const int64_t at_us = piece * pane_us / rows[i].per_pane;
            const int64_t age = now_us / pane_us - at_us / pane_us;
            if (age < rows[i].panes) {
                walked += pow(2.0, -(double)(age * pane_us) / (double)rows[i].half_life_us);
            }
        }
        const double rate = rows[i].per_pane * 3.6e9 / (double)pane_us;
        assert_true(fabs(troth_lint_pieces(&term, rate) - walked) < 1e-9 * walked);
    }
}

static void pieces_to_a_confidence_are_the_least_that_reach_it(void **state)
{
    static const double floors[] = {0.5, 0.8, 0.95, 0.98, 0.999};
    static const double confidences[] = {0.4, 0.6, 0.8, 0.9501, 0.99};
    (void)state;
    assert_true(troth_lint_pieces_to(0.98, 0.95) == 114.0); /* 1 - 0.98^114 / 2 = 0.950026 */
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++) {
            const double n = troth_lint_pieces_to(floors[i], confidences[k]);
            assert_true(1.0 - 0.5 * pow(floors[i], n) >= confidences[k]);
            assert_true(n == 0.0 || 1.0 - 0.5 * pow(floors[i], n - 1.0) < confidences[k]);
        }
    }
}

static void a_term_certifies_within_its_time_or_not(void **state)
{
    (void)state;
    /* 114 pieces at a tenth of the rate, in one hour. */
    parse_share("", "certify: {within: 1h},");
    expect_boundary(1140.0, "cannot certify");
    /* A greater confidence asks for more than `evidence`: ln(2 * 0.001) / ln 0.98 = 307.6. */
    parse_share("", "certify: {within: 1h, confidence: 0.999},");
    expect_boundary(3080.0, "cannot certify");
    parse_share(", evidence: 500", "certify: {within: 10h}, ladder: {recertify: {scope: {traffic: "
                                   "0.5}}},");
    expect_boundary(100.0, "cannot certify");
    parse_share("", "ladder: {recertify: {scope: {traffic: 0}}},");
    assert_true(tells(1e9, "t", "give recertify some traffic"));
}

static void a_term_stays_fresh_or_not(void **state)
{
    (void)state;
    parse_share("", "");
    const double g = troth_lint_pieces(&contract.terms[0], 1.0);
    /* Shown, and at the limits of warn, narrow and recertify. */
    expect_boundary(12.0 / g, "cannot stay wholly fresh");
    assert_true(tells(12.0 / g * 0.51, "t", "cannot stay wholly fresh"));
    expect_boundary(0.50 * 12.0 / g, "below warn's 0.5");
    expect_boundary(0.25 * 12.0 / g, "below narrow's 0.25");
    expect_boundary(0.10 * 12.0 / g, "below recertify's 0.1");
    /* Proof is never asked for by less than a tenth of the traffic. */
    parse_share("", "ladder: {clear: {scope: {traffic: 0.05}}},");
    expect_boundary(0.50 * 12.0 * 0.1 / (0.05 * g), "below warn's 0.5");
    parse_share("", "ladder: {warn: {freshness_below: null}, narrow: {freshness_below: null}, "
                    "recertify: {freshness_below: null}},");
    assert_false(tells(0.01, "t", "cannot stay fresh"));
    assert_true(tells(0.01, "t", "cannot stay wholly fresh"));
}

static void a_term_leaves_narrow_again_or_not(void **state)
{
    (void)state;
    parse_share("", "");
    const double g = troth_lint_pieces(&contract.terms[0], 1.0);
    /* DESIGN 9: aged pieces below twice `fresh`, at narrow's traffic. */
    expect_boundary(2.0 * 12.0 / (0.25 * g), "may not leave narrow");
    /* Out of recertify by clear's traffic, at a tenth of it. */
    expect_boundary(0.10 * 12.0 / (0.10 * g), "may not leave recertify");
    parse_share("",
                "ladder: {narrow: {scope: {traffic: 0.5}}, recertify: {scope: {traffic: 0.2}}},");
    expect_boundary(2.0 * 12.0 / (0.5 * g), "may not leave narrow");
    expect_boundary(0.10 * 12.0 / (0.2 * g), "may not leave recertify");
}

static void a_cadence_keeps_its_beat_or_not(void **state)
{
    (void)state;
    parse("{contract: c, version: 1, promise: p, owner: o, capabilities: [x], terms: [{name: t, "
          "cadence: {when: {kind: heartbeat}, every: 30m}}]}");
    expect_boundary(2.0, "cannot stay fresh");
}

static void a_term_that_is_not_required_is_not_waited_for(void **state)
{
    (void)state;
    parse("{contract: c, version: 1, promise: p, owner: o, capabilities: [x], terms: ["
          "{name: a, judged: {}, floor: 0.98, required: false}, "
          "{name: t, cadence: {when: {}, every: 90d}}]}");
    expect_clean(0.01);
}

static void what_no_rate_mends_is_told_without_one(void **state)
{
    static const struct {
        const char *ladder;
        const char *told;
    } rows[] = {
        {"narrow: {confidence_below: 0.3}",
         "confidence_below of narrow (0.3) is above that of warn"},
        {"pause: {confidence_below: 0.01}",
         "confidence_below of pause (0.01) is above that of review"},
        {"recertify: {freshness_below: 0.3}",
         "freshness_below of recertify (0.3) is above that of n"},
        {"warn: {freshness_below: 0.2}", "freshness_below of narrow (0.25) is above that of warn"},
        {"recertify: {scope: {traffic: 0.3}}", "recertify gets more traffic (0.3) than narrow"},
        {"narrow: {scope: {capabilities: []}}",
         "recertify allows capabilities that narrow does not"},
        {"narrow: {scope: {max_cost_micros: 5}}",
         "recertify allows a higher cost per task than nar"},
        {"warn: {confidence_below: null, freshness_below: null, change: false}",
         "no condition leads to warn"},
        {"recertify: {freshness_below: null}", "no condition leads to recertify"},
        {"review: {confidence_below: null, disputes_open: 0}", "no condition leads to review"},
    };
    (void)state;
    parse_share("", "");
    expect_clean(0.0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char more[256];
        (void)snprintf(more, sizeof more, "ladder: {%s},", rows[i].ladder);
        parse_share("", more);
        if (!tells(0.0, "", rows[i].told)) {
            fail_msg("\"%s\" is not told", rows[i].told);
        }
    }
    parse_share("", "consequence: low,");
    expect_clean(0.0);
    parse_share("", "consequence: high,");
    expect_clean(0.0);
    parse_share("", "certify: {confidence: 0.2},");
    assert_true(tells(0.0, "", "warned of at once"));
    parse_share(", required: false", "");
    assert_true(tells(0.0, "", "no required term asks for proof"));
    parse("{contract: c, version: 1, promise: p, owner: o, terms: [{name: t, judged: {}, "
          "floor: 0.9}]}");
    assert_true(tells(0.0, "", "no capabilities"));
}

static void conditions_that_never_hold_are_told(void **state)
{
    static const char *const never[] = {
        "latency_us: {gt: 5, lt: 6}",
        "attributes.n: {gt: 5, le: 5}",
        "attributes.n: {ge: 6, le: 5}",
        "tool: {not: a, exists: false}",
        "attributes.n: {not: a, exists: false}",
        "outcome: {exists: false}",
        "source: {not: [self, peer, gateway, evaluator, human, engine]}",
    };
    static const char *const sometimes[] = {
        "latency_us: {ge: 5, le: 5}", "attributes.n: {ge: 5, le: 5}", "tool: {exists: false}",
        "tool: {not: a, exists: true}", "attributes.a: {not: x}, attributes.b: {exists: false}"};
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        (void)snprintf(text, sizeof text, ", required: true}, {name: u, never: {%s}", never[i]);
        parse_share(text, "");
        if (!tells(0.0, "u", "never holds")) {
            fail_msg("%s is not told of", never[i]);
        }
    }
    for (size_t i = 0; i < sizeof sometimes / sizeof sometimes[0]; i++) {
        (void)snprintf(text, sizeof text, ", required: true}, {name: u, never: {%s}", sometimes[i]);
        parse_share(text, "");
        expect_clean(0.0);
    }
}

static void findings_past_the_last_are_counted(void **state)
{
    size_t length = (size_t)snprintf(document, sizeof document,
                                     "{contract: c, version: 1, promise: p, owner: o, terms: [");
    (void)state;
    for (unsigned i = 0; i < TROTH_TERMS_MAX; i++) {
        length +=
            (size_t)snprintf(document + length, sizeof document - length,
                             "{name: t%u, floor: 0.9, when: {seq: {gt: 1, lt: 2}, until: {gt: "
                             "1, lt: 2}}, keep: {seq: {gt: 1, lt: 2}}},",
                             i);
    }
    (void)snprintf(document + length, sizeof document - length, "]}");
    parse(document);
    troth_contract_lint(&contract, 1e-6, &findings);
    /* Three conditions, certify, fresh, narrow and recertify of each term; and no capabilities. */
    assert_int_equal(findings.count, TROTH_TERMS_MAX * 7 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_clean_at_the_rate_that_they_state),
        cmocka_unit_test(pieces_are_those_of_a_walk_through_the_window),
        cmocka_unit_test(pieces_to_a_confidence_are_the_least_that_reach_it),
        cmocka_unit_test(a_term_certifies_within_its_time_or_not),
        cmocka_unit_test(a_term_stays_fresh_or_not),
        cmocka_unit_test(a_term_leaves_narrow_again_or_not),
        cmocka_unit_test(a_cadence_keeps_its_beat_or_not),
        cmocka_unit_test(a_term_that_is_not_required_is_not_waited_for),
        cmocka_unit_test(what_no_rate_mends_is_told_without_one),
        cmocka_unit_test(conditions_that_never_hold_are_told),
        cmocka_unit_test(findings_past_the_last_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
