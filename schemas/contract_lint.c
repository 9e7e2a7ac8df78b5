#include "schemas/contract_lint.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HOUR_US 3600000000.0

/* DESIGN: the ladder divides by at least this share of traffic, and a term needs this multiple of
 * `fresh` to leave narrow. */
static const double traffic_least = 0.1;
static const double fresh_multiple = 2.0;

__attribute__((format(printf, 3, 4))) static void
find(struct troth_findings *findings, const struct troth_term *term, const char *format, ...)
{
    if (findings->count < TROTH_FINDINGS_MAX) {
        struct troth_finding *finding = &findings->items[findings->count];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(finding->text, sizeof finding->text, format, arguments);
        va_end(arguments);
        (void)snprintf(finding->term, sizeof finding->term, "%s", term != NULL ? term->name : "");
    }
    findings->count++;
}

double troth_lint_pieces(const struct troth_term *term, double rate_per_hour)
{
    const double pane_us = (double)term->window_us / term->panes;
    const double in_pane = rate_per_hour * pane_us / HOUR_US;
    double sum = 0.0;
    for (unsigned age = 1; age < term->panes; age++) {
        sum += in_pane * exp2(-(double)age * pane_us / (double)term->half_life_us);
    }
    return sum;
}

double troth_lint_pieces_to(double floor_rate, double confidence)
{
    const double wanted = log(2.0 * (1.0 - confidence)) / log(floor_rate);
    return wanted > 0.0 ? ceil(wanted) : 0.0;
}

static bool is_share(const struct troth_term *term)
{
    return term->kind == TROTH_TERM_SHARE || term->kind == TROTH_TERM_COMPLETENESS ||
           term->kind == TROTH_TERM_JUDGED;
}

/* ------------------------------------------------------------------------- without a rate */

/* Fields that every event has. */
static const uint32_t always_present = 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT |
                                       1U << TROTH_FIELD_AT | 1U << TROTH_FIELD_KIND |
                                       1U << TROTH_FIELD_OUTCOME | 1U << TROTH_FIELD_SOURCE;

/* Why a test can hold for no event, or NULL where it can. In next: the test after it, or NULL. */
static const char *never_holds(const struct troth_test *test, const struct troth_test *next)
{
    if (test->kind == TROTH_TEST_ENUM && test->mask == 0) {
        return "excludes every value";
    }
    if (test->kind == TROTH_TEST_RANGE && test->low > test->high) {
        return "leaves no number between its bounds";
    }
    if (test->kind == TROTH_TEST_NUMBER &&
        (test->low_number > test->high_number ||
         (test->low_number == test->high_number && (test->low_open || test->high_open)))) {
        return "leaves no number between its bounds";
    }
    if (test->kind == TROTH_TEST_EXISTS && !test->exists && (always_present >> test->field & 1U)) {
        return "asks that a field be absent that every event has";
    }
    /* A test of the same field stands before its `exists`. */
    if (next != NULL && next->kind == TROTH_TEST_EXISTS && !next->exists &&
        next->field == test->field && next->name_length == test->name_length &&
        next->name_offset == test->name_offset) {
        return "asks for a value of a field that is to be absent";
    }
    return NULL;
}

static void lint_predicate(const struct troth_contract *contract, const struct troth_term *term,
                           struct troth_predicate predicate, struct troth_findings *findings)
{
    const struct troth_test *tests = &contract->tests[predicate.first];
    for (unsigned i = 0; i < predicate.count; i++) {
        const char *why = never_holds(&tests[i], i + 1 < predicate.count ? &tests[i + 1] : NULL);
        if (why != NULL) {
            find(findings, term, "the condition on %s %s, so it never holds",
                 troth_field_name(tests[i].field), why);
        }
    }
}

/* Each threshold must not be above that of the rung before it: the rung before would be passed
 * over. In rungs: by rank. */
static void lint_order(const struct troth_contract *contract, const unsigned *rungs, unsigned count,
                       bool confidence, struct troth_findings *findings)
{
    for (unsigned i = 0; i + 1 < count; i++) {
        for (unsigned k = i + 1; k < count; k++) {
            const struct troth_rung_rules *lower = &contract->ladder[rungs[i]];
            const struct troth_rung_rules *upper = &contract->ladder[rungs[k]];
            const double a = confidence ? lower->confidence_below : lower->freshness_below;
            const double b = confidence ? upper->confidence_below : upper->freshness_below;
            if (a > 0.0 && b > a) {
                find(findings, NULL,
                     "%s of %s (%g) is above that of %s (%g): %s is passed over on the way up",
                     confidence ? "confidence_below" : "freshness_below", troth_rung_name(rungs[k]),
                     b, troth_rung_name(rungs[i]), a, troth_rung_name(rungs[i]));
            }
        }
    }
}

static void lint_scopes(const struct troth_contract *contract, struct troth_findings *findings)
{
    for (unsigned i = 0; i + 1 < TROTH_RUNG_COUNT; i++) {
        const struct troth_scope *lower = &contract->ladder[i].scope;
        const struct troth_scope *upper = &contract->ladder[i + 1].scope;
        const char *name = troth_rung_name(i + 1);
        if (upper->traffic > lower->traffic) {
            find(findings, NULL,
                 "%s gets more traffic (%g) than %s (%g): getting worse would widen the scope",
                 name, upper->traffic, troth_rung_name(i), lower->traffic);
        }
        if (upper->capabilities & ~lower->capabilities) {
            find(findings, NULL,
                 "%s allows capabilities that %s does not: getting worse would widen the scope",
                 name, troth_rung_name(i));
        }
        /* A rung without traffic or capability spends nothing, whatever its limit. */
        if (lower->max_cost_micros >= 0 && upper->traffic > 0.0 && upper->capabilities != 0 &&
            (upper->max_cost_micros < 0 || upper->max_cost_micros > lower->max_cost_micros)) {
            find(findings, NULL,
                 "%s allows a higher cost per task than %s: getting worse would widen the scope",
                 name, troth_rung_name(i));
        }
    }
}

static bool has_condition(const struct troth_rung_rules *rung)
{
    return rung->confidence_below > 0.0 || rung->freshness_below > 0.0 || rung->disputes_open > 0 ||
           rung->change || rung->budget || rung->never;
}

static void lint_ladder(const struct troth_contract *contract, struct troth_findings *findings)
{
    static const unsigned by_confidence[] = {TROTH_RUNG_WARN, TROTH_RUNG_NARROW, TROTH_RUNG_REVIEW,
                                             TROTH_RUNG_PAUSE};
    static const unsigned by_freshness[] = {TROTH_RUNG_WARN, TROTH_RUNG_NARROW,
                                            TROTH_RUNG_RECERTIFY, TROTH_RUNG_REVIEW,
                                            TROTH_RUNG_PAUSE};
    lint_order(contract, by_confidence, 4, true, findings);
    lint_order(contract, by_freshness, 5, false, findings);
    lint_scopes(contract, findings);
    for (unsigned i = TROTH_RUNG_WARN; i < TROTH_RUNG_COUNT; i++) {
        /* DESIGN's ladder of low consequence leaves these two to people. */
        const bool may_lack = contract->consequence == TROTH_CONSEQUENCE_LOW &&
                              (i == TROTH_RUNG_RECERTIFY || i == TROTH_RUNG_REVIEW);
        if (!may_lack && !has_condition(&contract->ladder[i])) {
            find(findings, NULL,
                 "no condition leads to %s: only a decision can take an agent there",
                 troth_rung_name(i));
        }
    }
    const double warn = contract->ladder[TROTH_RUNG_WARN].confidence_below;
    if (contract->certify_confidence < warn) {
        find(findings, NULL,
             "certify.confidence (%g) is below warn's confidence_below (%g): an agent that "
             "certifies "
             "is warned of at once",
             contract->certify_confidence, warn);
    }
}

static void lint_contract(const struct troth_contract *contract, struct troth_findings *findings)
{
    bool proves = false;
    for (unsigned i = 0; i < contract->term_count; i++) {
        const struct troth_term *term = &contract->terms[i];
        proves |= term->required && (is_share(term) || term->kind == TROTH_TERM_CADENCE);
    }
    if (!proves) {
        find(findings, NULL,
             "no required term asks for proof: any one event certifies an agent, and "
             "its proof never grows stale");
    }
    if (contract->capability_count == 0) {
        find(findings, NULL, "no capabilities: no router finds its agents by what they can do");
    }
    lint_ladder(contract, findings);
}

/* ---------------------------------------------------------------------------- with a rate */

static void lint_certify(const struct troth_contract *contract, const struct troth_term *term,
                         double rate_per_hour, struct troth_findings *findings)
{
    const double traffic = contract->ladder[TROTH_RUNG_RECERTIFY].scope.traffic;
    const double seen = rate_per_hour * traffic * (double)contract->certify_within_us / HOUR_US;
    const double wanted =
        fmax(term->evidence, troth_lint_pieces_to(term->floor, contract->certify_confidence));
    if (seen < wanted) {
        find(findings, term,
             "cannot certify: it needs %.0f pieces of evidence, and recertify's traffic of %g "
             "brings "
             "%.4g within certify.within; %s",
             wanted, traffic, floor(seen),
             traffic > 0.0
                 ? "allow more time or traffic, ask for less evidence or confidence, or do "
                   "not require the term"
                 : "give recertify some traffic");
    }
}

/* Freshness as the ladder compares it, by the traffic of a rung. */
static double freshness(const struct troth_contract *contract, const struct troth_term *term,
                        unsigned rung, double pieces)
{
    const double traffic = fmax(traffic_least, contract->ladder[rung].scope.traffic);
    return fmin(1.0, pieces / ((double)term->fresh * traffic));
}

static void lint_fresh(const struct troth_contract *contract, const struct troth_term *term,
                       double rate_per_hour, struct troth_findings *findings)
{
    static const unsigned worst_first[] = {TROTH_RUNG_PAUSE, TROTH_RUNG_REVIEW,
                                           TROTH_RUNG_RECERTIFY, TROTH_RUNG_NARROW,
                                           TROTH_RUNG_WARN};
    const double traffic = contract->ladder[TROTH_RUNG_CLEAR].scope.traffic;
    const double pieces = troth_lint_pieces(term, rate_per_hour * traffic);
    const double compared = freshness(contract, term, TROTH_RUNG_CLEAR, pieces);
    const double shown = fmin(1.0, pieces / (double)term->fresh);
    for (unsigned i = 0; i < sizeof worst_first / sizeof worst_first[0]; i++) {
        const double limit = contract->ladder[worst_first[i]].freshness_below;
        if (compared < limit) {
            find(findings, term,
                 "cannot stay fresh: at clear %.4g aged pieces stand against fresh %u, and a "
                 "freshness of %.3g is below %s's %g; lengthen window or half_life, or lower fresh",
                 pieces, (unsigned)term->fresh, compared, troth_rung_name(worst_first[i]), limit);
            return;
        }
    }
    if (shown < 1.0) {
        find(findings, term,
             "cannot stay wholly fresh: at clear %.4g aged pieces stand against fresh %u, so the "
             "score falls to %.0f at most; lengthen window or half_life, or lower fresh",
             pieces, (unsigned)term->fresh, floor(1000.0 * shown));
    }
}

static void lint_return(const struct troth_contract *contract, const struct troth_term *term,
                        double rate_per_hour, struct troth_findings *findings)
{
    const struct troth_rung_rules *ladder = contract->ladder;
    const double narrow = ladder[TROTH_RUNG_NARROW].scope.traffic;
    double pieces = troth_lint_pieces(term, rate_per_hour * narrow);
    if (pieces < fresh_multiple * (double)term->fresh) {
        find(findings, term,
             "may not leave narrow again: its traffic of %g keeps %.4g aged pieces, fewer than "
             "twice "
             "fresh (%u); give narrow more traffic, lengthen half_life, or lower fresh",
             narrow, pieces, (unsigned)term->fresh);
    }
    /* Out of recertify it goes by clear's traffic, and stays while recertify's own limit holds. */
    const double recertify = ladder[TROTH_RUNG_RECERTIFY].scope.traffic;
    const double limit = ladder[TROTH_RUNG_RECERTIFY].freshness_below;
    pieces = troth_lint_pieces(term, rate_per_hour * recertify);
    const double compared = freshness(contract, term, TROTH_RUNG_CLEAR, pieces);
    if (recertify > 0.0 && compared < limit) {
        find(findings, term,
             "may not leave recertify again: its traffic of %g keeps %.4g aged pieces, by clear's "
             "traffic a freshness of %.3g, which its own limit of %g holds back; give recertify "
             "more traffic, or lower fresh",
             recertify, pieces, compared, limit);
    }
}

static void lint_cadence(const struct troth_term *term, double rate_per_hour,
                         struct troth_findings *findings)
{
    const double seen = rate_per_hour * (double)term->every_us / HOUR_US;
    if (seen < 1.0) {
        find(findings, term, "cannot stay fresh: %.3g matches come in each `every`; lengthen it",
             seen);
    }
}

void troth_contract_lint(const struct troth_contract *contract, double rate_per_hour,
                         struct troth_findings *findings)
{
    memset(findings, 0, sizeof *findings);
    lint_contract(contract, findings);
    for (unsigned i = 0; i < contract->term_count; i++) {
        const struct troth_term *term = &contract->terms[i];
        lint_predicate(contract, term, term->when, findings);
        lint_predicate(contract, term, term->keep, findings);
        if (!(rate_per_hour > 0.0) || !term->required) {
            continue;
        }
        if (is_share(term)) {
            lint_certify(contract, term, rate_per_hour, findings);
            lint_fresh(contract, term, rate_per_hour, findings);
            lint_return(contract, term, rate_per_hour, findings);
        } else if (term->kind == TROTH_TERM_CADENCE) {
            lint_cadence(term, rate_per_hour, findings);
        }
    }
}
