/*
 * Claims: of each key of a contract, a change that asks less or allows more is looser, the change
 * the other way is not where that can be proved, and any other change of it is; what has no effect
 * is free; the key that is named is the one that changed; and a stricter condition counts as looser
 * where it may bring an agent to a rung with more scope.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "schemas/contract_loosen.h"

static const char base[] =
    "contract: payouts\n"
    "version: 1\n"
    "promise: Each is paid once.\n"
    "owner: treasury\n"
    "applies_to: {agent: \"pay-*\"}\n"
    "consequence: medium\n"
    "mode: advise\n"
    "on_agent_version: keep\n"
    "capabilities: [release, hold]\n"
    "window: 2h\n"
    "panes: 24\n"
    "half_life: 1h\n"
    "hold: 30m\n"
    "certify: {confidence: 0.9, within: 7d}\n"
    "review_every: 7d\n"
    "terms:\n"
    "  - {name: settles, when: {kind: task}, keep: {latency_us: {le: 5}}, floor: 0.95, "
    "evidence: 60, fresh: 6}\n"
    "  - {name: extra, when: {kind: task}, keep: {tool: a}, floor: 0.9, required: false, "
    "absent: ignore}\n"
    "  - {name: judged, judged: {by: [ann, bob]}, floor: 0.9}\n"
    "  - {name: no-leak, never: {kind: tool, tool: export}}\n"
    "  - {name: spend, budget: {sum: cost_micros, at_most: 100}}\n"
    "  - {name: audited, cadence: {when: {kind: evaluation}, every: 12h}}\n"
    "ladder: {warn: {confidence_below: 0.2, freshness_below: 0.4, scope: {traffic: 0.8}}, "
    "narrow: {scope: {capabilities: [release], max_cost_micros: 50}}, "
    "recertify: {scope: {capabilities: [release], max_cost_micros: 50}}, "
    "review: {disputes_open: 2, scope: {capabilities: [], max_cost_micros: 50}}}\n";

enum effect { FREE, LOOSER, STRICTER };

/* What is put in place of what, and whether that may be looser; with the key that is told. */
static const struct change {
    const char *from;
    const char *to;
    enum effect effect;
    const char *key;
} changes[] = {
    {"version: 1", "version: 2", FREE, ""},
    {"Each is paid once.", "Something else.", FREE, ""},
    {"owner: treasury", "owner: sales", FREE, ""},
    {"\"pay-*\"", "\"*\"", STRICTER, ""},
    {"\"pay-*\"", "\"pay-a*\"", LOOSER, "applies_to"},
    {"consequence: medium", "consequence: low", LOOSER, "consequence"},
    {"mode: advise", "mode: shadow", LOOSER, "mode"},
    {"mode: advise", "mode: enforce", STRICTER, ""},
    {"on_agent_version: keep", "on_agent_version: recertify", LOOSER, "on_agent_version"},
    {"capabilities: [release, hold]", "capabilities: [release, hold, explain]", LOOSER,
     "ladder.clear.scope.capabilities: explain"},
    {"capabilities: [release, hold]", "capabilities: [hold, release]", FREE, ""},
    {"capabilities: [release, hold]", "capabilities: [release]", STRICTER, ""},
    {"window: 2h", "window: 4h", LOOSER, "window"},
    {"panes: 24", "panes: 12", LOOSER, "panes"},
    {"half_life: 1h", "half_life: 2h", LOOSER, "half_life"},
    {"hold: 30m", "hold: 29m", LOOSER, "hold"},
    {"hold: 30m", "hold: 31m", STRICTER, ""},
    {"confidence: 0.9,", "confidence: 0.89,", LOOSER, "certify.confidence"},
    {"confidence: 0.9,", "confidence: 0.91,", STRICTER, ""},
    {"within: 7d", "within: 8d", LOOSER, "certify.within"},
    {"within: 7d", "within: 6d", STRICTER, ""},
    {"review_every: 7d", "review_every: 8d", LOOSER, "review_every"},
    {"review_every: 7d", "review_every: 6d", STRICTER, ""},
    {"name: extra", "name: other", LOOSER, "terms.extra: gone"},
    {"  - {name: judged,", "  - {name: more, never: {kind: exception}}\n  - {name: judged,",
     STRICTER, ""},
    {"{name: settles, when: {kind: task}", "{name: settles, when: {kind: tool}", LOOSER,
     "terms.settles.when"},
    {"{le: 5}", "{le: 6}", LOOSER, "terms.settles.keep"},
    {"{le: 5}", "{le: 4}", LOOSER, "terms.settles.keep"},
    {"floor: 0.95, ", "floor: 0.94, ", LOOSER, "terms.settles.floor: lower"},
    {"floor: 0.95, ", "floor: 0.96, ", STRICTER, ""},
    {"floor: 0.9, required: false", "floor: 0.91, required: false", LOOSER, "terms.extra.floor"},
    {"floor: 0.9, required: false", "floor: 0.91", STRICTER, ""},
    {"required: false, ", "", STRICTER, ""},
    {"evidence: 60", "evidence: 60, required: false", LOOSER, "terms.settles.required"},
    {"evidence: 60", "evidence: 59", LOOSER, "terms.settles.evidence"},
    {"evidence: 60", "evidence: 61", STRICTER, ""},
    {"fresh: 6", "fresh: 5", LOOSER, "terms.settles.fresh"},
    {"fresh: 6", "fresh: 7", STRICTER, ""},
    {"fresh: 6", "fresh: 6, absent: broken", LOOSER, "terms.settles.absent"},
    {"absent: ignore", "absent: broken", LOOSER, "terms.extra.absent"},
    {"fresh: 6", "fresh: 6, window: 4h, half_life: 1h", LOOSER, "terms.settles.window"},
    {"fresh: 6", "fresh: 6, panes: 12", LOOSER, "terms.settles.panes"},
    {"fresh: 6", "fresh: 6, half_life: 30m", LOOSER, "terms.settles.half_life"},
    {"by: [ann, bob]", "by: [ann]", LOOSER, "terms.judged.judged.by"},
    {"by: [ann, bob]", "by: [bob, ann]", FREE, ""},
    {"tool: export}", "tool: [export, dump]}", LOOSER, "terms.no-leak.when"},
    {"never: {kind: tool, tool: export}", "budget: {sum: cost_micros, at_most: 0}", LOOSER,
     "terms.no-leak: of another kind"},
    {"at_most: 100", "at_most: 101", LOOSER, "terms.spend.budget"},
    {"at_most: 100", "at_most: 99", LOOSER, "terms.spend.budget"},
    {"sum: cost_micros", "sum: output_tokens", LOOSER, "terms.spend.budget"},
    {"every: 12h", "every: 13h", LOOSER, "terms.audited.cadence"},
    {"every: 12h", "every: 11h", LOOSER, "terms.audited.cadence"},
    {"confidence_below: 0.2", "confidence_below: 0.19", LOOSER, "ladder.warn.confidence_below"},
    {"confidence_below: 0.2", "confidence_below: null", LOOSER, "ladder.warn.confidence_below"},
    {"confidence_below: 0.2", "confidence_below: 0.21", STRICTER, ""},
    {"freshness_below: 0.4", "freshness_below: 0.39", LOOSER, "ladder.warn.freshness_below"},
    {"freshness_below: 0.4", "freshness_below: 0.41", STRICTER, ""},
    {"disputes_open: 2", "disputes_open: 3", LOOSER, "ladder.review.disputes_open"},
    {"disputes_open: 2", "disputes_open: null", LOOSER, "ladder.review.disputes_open"},
    {"disputes_open: 2", "disputes_open: 1", STRICTER, ""},
    {"confidence_below: 0.2", "change: false, confidence_below: 0.2", LOOSER, "ladder.warn.change"},
    {"narrow: {scope", "narrow: {budget: false, scope", LOOSER, "ladder.narrow.budget"},
    {"traffic: 0.8", "traffic: 0.81", LOOSER, "ladder.warn.scope.traffic"},
    {"traffic: 0.8", "traffic: 0.79", STRICTER, ""},
    {"narrow: {scope: {capabilities: [release]", "narrow: {scope: {capabilities: [release, hold]",
     LOOSER, "ladder.narrow.scope.capabilities: hold"},
    {"narrow: {scope: {capabilities: [release], max_cost_micros: 50",
     "narrow: {scope: {capabilities: [release], max_cost_micros: 51", LOOSER,
     "ladder.narrow.scope.max_cost_micros"},
    {"narrow: {scope: {capabilities: [release], max_cost_micros: 50",
     "narrow: {scope: {capabilities: [release], max_cost_micros: 49", STRICTER, ""},
    {"narrow: {scope: {capabilities: [release], max_cost_micros: 50}}",
     "narrow: {scope: {capabilities: [release]}}", LOOSER, "ladder.narrow.scope.max_cost_micros"},
};

static struct troth_contract before, after;
static struct troth_problems problems;
static char text[2 * sizeof base];

static void parse(struct troth_contract *contract)
{
    if (troth_contract_parse(text, strlen(text), contract, &problems) != TROTH_OK) {
        fail_msg("%s: %s\n%s", problems.items[0].key, problems.items[0].text, text);
    }
}

/* The base with one text in place of another. */
static void change_to(const char *from, const char *to)
{
    const char *at = strstr(base, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
}

static void test_each_key(void **state)
{
    (void)state;
    snprintf(text, sizeof text, "%s", base);
    parse(&before);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct change *change = &changes[i];
        char key[TROTH_LOOSENED_LENGTH], back[TROTH_LOOSENED_LENGTH];
        change_to(change->from, change->to);
        parse(&after);
        const bool looser = troth_contract_loosens(&before, &after, key);
        if (looser != (change->effect == LOOSER) ||
            strncmp(key, change->key, strlen(change->key)) != 0) {
            fail_msg("%s -> %s: \"%s\", and not \"%s\"", change->from, change->to, key,
                     change->key);
        }
        /* The way back from what is stricter is looser; from what is free, free. */
        const bool back_looser = troth_contract_loosens(&after, &before, back);
        if (change->effect != LOOSER && back_looser != (change->effect == STRICTER)) {
            fail_msg("%s -> %s, and back: \"%s\"", change->from, change->to, back);
        }
    }
}

/* A document that says no more than it must: what each consequence brings with it is compared. */
static void of_consequence(const char *consequence, const char *ladder,
                           struct troth_contract *contract)
{
    snprintf(text, sizeof text,
             "contract: c\nversion: 1\npromise: p\nowner: o\nconsequence: %s\non_agent_version: "
             "recertify\nterms:\n  - {name: t, when: {kind: task}, keep: {outcome: ok}, floor: "
             "0.9}\n%s",
             consequence, ladder);
    parse(contract);
}

static void assert_free(char key[TROTH_LOOSENED_LENGTH])
{
    if (troth_contract_loosens(&before, &after, key)) {
        fail_msg("looser: %s", key);
    }
}

static void test_consequence(void **state)
{
    (void)state;
    static const char *const names[] = {"low", "medium", "high"};
    char key[TROTH_LOOSENED_LENGTH];
    for (unsigned a = 0; a < 3; a++) {
        for (unsigned b = 0; b < 3; b++) {
            of_consequence(names[a], "", &before);
            of_consequence(names[b], "", &after);
            assert_int_equal(troth_contract_loosens(&before, &after, key), b < a);
        }
    }
}

static void test_a_rung_with_more_scope(void **state)
{
    (void)state;
    char key[TROTH_LOOSENED_LENGTH];
    static const char odd[] = "ladder: {narrow: {scope: {traffic: 0.01}}}\n"; /* recertify: 0.1 */
    static const char odd_lower[] = "ladder: {narrow: {scope: {traffic: 0.005}}}\n";
    static const char odd_stricter[] =
        "ladder: {narrow: {scope: {traffic: 0.01}}, recertify: {freshness_below: 0.5}}\n";
    of_consequence("high", odd, &before);
    of_consequence("high", odd, &after);
    assert_free(key);
    of_consequence("high", odd_lower, &after);
    assert_free(key);
    of_consequence("high", odd_stricter, &after);
    assert_true(troth_contract_loosens(&before, &after, key));
    assert_non_null(strstr(key, "ladder.recertify.scope"));
    of_consequence("high", "", &before);
    of_consequence("high", "ladder: {recertify: {freshness_below: 0.5}}\n", &after);
    assert_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_key),
        cmocka_unit_test(test_consequence),
        cmocka_unit_test(test_a_rung_with_more_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
