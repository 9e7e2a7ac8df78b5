/*
 * Whether an intervention's cause is one that the ladder of its contract has: the condition of that
 * rung, its limit, what was seen on the right side of it, and a confidence that the counts allow.
 */
#include <math.h>
#include <string.h>

#include "ops/export/checks.h"

#define CHECK TROTH_EXPORT_CAUSES

#define COUNTED_MAX 2.75e11 /* 64 panes of 2^32 pieces; within what the beta function takes */

struct cause_case {
    const struct troth_export_line *line;
    const struct troth_rules *rules;
    const struct troth_intervention *told;
    struct troth_export_report *report;
};

/* Numbers are written with 12 digits. */
static bool same(double a, double b)
{
    return fabs(a - b) <= 1e-11 * fmax(1.0, fabs(b));
}

static void wrong(const struct cause_case *c, const char *what)
{
    troth_export_wrong(c->report, CHECK, "line %zu: %s -> %s for %s: %s", c->line->number,
                       troth_rung_name(c->told->from), troth_rung_name(c->told->to),
                       troth_condition_name(c->told->cause.condition), what);
}

static bool is_kind(const struct cause_case *c, uint16_t mask)
{
    return c->told->cause.term != TROTH_NO_TERM && (mask >> c->told->cause.term & 1);
}

/* The sums of aged evidence lie between those of the oldest and of the newest panes alone, and
 * confidence grows with what was kept and falls with what was broken. */
static void check_counts(const struct cause_case *c)
{
    const unsigned term = c->told->cause.term;
    const double kept = (double)c->told->kept[term];
    const double broken = (double)c->told->broken[term];
    if (kept > COUNTED_MAX || broken > COUNTED_MAX) {
        wrong(c, "nobody counts that much");
        return;
    }
    const double oldest = c->rules->terms[term].weight[c->rules->contract->terms[term].panes - 1];
    const double least = troth_confidence(c->rules, term, oldest * kept, broken);
    const double most = troth_confidence(c->rules, term, kept, oldest * broken);
    if (c->told->cause.observed < least - 1e-9 || c->told->cause.observed > most + 1e-9) {
        wrong(c, "no ages of the pieces that are counted give that confidence");
    }
}

static void check_confidence(const struct cause_case *c)
{
    const struct troth_contract *contract = c->rules->contract;
    const double narrow = contract->ladder[TROTH_RUNG_NARROW].confidence_below;
    const double own = contract->ladder[c->told->to].confidence_below;
    /* Out of recertify it may be its counters that are below narrow's threshold. */
    const bool counters = c->told->from == TROTH_RUNG_RECERTIFY &&
                          c->told->to == TROTH_RUNG_REVIEW && narrow > 0 &&
                          same(c->told->cause.limit, narrow);
    if (!is_kind(c, c->rules->shares_mask)) {
        wrong(c, "it names no term that has a confidence");
    } else if (!counters && (own <= 0 || !same(c->told->cause.limit, own))) {
        wrong(c, "that is not the limit of the contract");
    } else if (c->told->cause.observed >= c->told->cause.limit) {
        wrong(c, "what was observed is not below the limit");
    } else if (!counters) {
        check_counts(c);
    }
}

static void check_evidence(const struct cause_case *c)
{
    const struct troth_cause *cause = &c->told->cause;
    const struct troth_rung_rules *rung = &c->rules->contract->ladder[c->told->to];
    switch (cause->condition) {
    case TROTH_CONDITION_NEVER:
        if (!is_kind(c, c->rules->never_mask) || !rung->never || cause->observed < 1) {
            wrong(c, "the contract has no such never term there, or it was not broken");
        } else if (!same(cause->observed, (double)c->told->broken[cause->term])) {
            wrong(c, "it was broken another number of times, by the counts");
        }
        break;
    case TROTH_CONDITION_BUDGET:
        if (!is_kind(c, c->rules->budget_mask) || !rung->budget ||
            !same(cause->limit, (double)c->rules->contract->terms[cause->term].at_most) ||
            cause->observed <= cause->limit) {
            wrong(c, "the contract has no such budget there, or it was not exceeded");
        }
        break;
    case TROTH_CONDITION_CHANGE:
        if (!is_kind(c, c->rules->shares_mask) || !rung->change ||
            !same(cause->limit, (double)TROTH_CUSUM_ALARM / 1e9) ||
            cause->observed < cause->limit - 1e-9) {
            wrong(c, "the contract has no such alarm there, or it did not sound");
        }
        break;
    case TROTH_CONDITION_FRESHNESS:
        if (rung->freshness_below <= 0 || !same(cause->limit, rung->freshness_below) ||
            cause->observed >= cause->limit) {
            wrong(c, "that is not the limit of the contract, or freshness was not below it");
        }
        break;
    default:
        if (rung->disputes_open == 0 || !same(cause->limit, rung->disputes_open) ||
            cause->observed < cause->limit) {
            wrong(c, "that is not the limit of the contract, or fewer disputes were open");
        }
        break;
    }
}

void troth_export_check_cause(const struct troth_export_line *line,
                              const struct troth_export_version *version,
                              const struct troth_intervention *told,
                              struct troth_export_report *report)
{
    const struct cause_case c = {line, &version->rules, told, report};
    const bool steps_down = told->from == TROTH_RUNG_WARN || told->from == TROTH_RUNG_NARROW;
    troth_export_looked(report, CHECK, 1);
    if ((told->decision != NULL) != (told->cause.condition == TROTH_CONDITION_DECISION)) {
        wrong(&c, "a decision and its cause go together");
    }
    switch (told->cause.condition) {
    case TROTH_CONDITION_DECISION:
        break;
    case TROTH_CONDITION_CALM:
        if (!steps_down || told->to != told->from - 1) {
            wrong(&c, "calm leads one rung down, from warn and narrow");
        }
        break;
    case TROTH_CONDITION_CERTIFIED:
        if (told->from != TROTH_RUNG_RECERTIFY || told->to > TROTH_RUNG_NARROW) {
            wrong(&c, "it leads out of recertify, to narrow at worst");
        }
        break;
    case TROTH_CONDITION_DEADLINE:
        if (told->from != TROTH_RUNG_RECERTIFY || told->to != TROTH_RUNG_REVIEW) {
            wrong(&c, "it leads out of recertify to review");
        }
        break;
    case TROTH_CONDITION_NONE:
        wrong(&c, "there is none");
        break;
    default:
        if (told->to <= told->from) {
            wrong(&c, "such a cause leads up alone");
        } else if (told->cause.condition == TROTH_CONDITION_CONFIDENCE) {
            check_confidence(&c);
        } else {
            check_evidence(&c);
        }
        break;
    }
}
