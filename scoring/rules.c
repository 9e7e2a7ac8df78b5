#include "scoring/rules.h"

#include <math.h>
#include <string.h>

#include "schemas/assert.h"
#include "scoring/beta.h"
#include "scoring/predicate.h"
#include "scoring/promise.h"
#include "scoring/standing.h"

enum { COUNTER_LIMIT = 1 << 30 }; /* kept counts are searched below this */

/* Where a confidence is this near to a threshold, no bracket decides; ten times what rounding to
 * 1e-9 and the error of the beta function can move. */
static const double bracket_margin = 1e-8;

static double raw_confidence(const struct troth_rules *rules, unsigned term, double g, double b)
{
    const double floor_rate = rules->contract->terms[term].floor;
    const double prior = rules->terms[term].prior;
    /* 1 - I_f(a, b) = I_{1-f}(b, a), which keeps its precision where it is small. */
    if (b == 0.0) {
        return 1.0 - 0.5 * pow(floor_rate, g);
    }
    return troth_beta_regularized(1.0 - floor_rate, 1.0 + b, prior + g);
}

double troth_confidence(const struct troth_rules *rules, unsigned term, double g, double b)
{
    return troth_round9(raw_confidence(rules, term, g, b));
}

/* Whether confidence is above a threshold for certain, as it is for most terms with much evidence,
 * by a bound instead of the beta function: Chernoff's for the ratio of two gammas gives
 *     I_f(a, b) <= exp(-n KL(m, f)),  n = a + b, m = a / n > f,
 * and KL(m, f), the integral of (m - x) / (x (1 - x)) from f to m, is at least (m - f)^2 / 2 over
 * the greatest x (1 - x) in between. A few multiplications for some 300 instructions. */
static bool surely_above(const struct troth_rules *rules, unsigned term,
                         enum troth_threshold threshold, double g, double b)
{
    const double f = rules->contract->terms[term].floor;
    const double a = rules->terms[term].prior + g;
    const double n = a + 1.0 + b;
    const double spread = f >= 0.5 ? f * (1.0 - f) : 0.25;
    const double lead = a - f * n; /* n (m - f) */
    return lead > 0.0 && lead * lead >= 2.0 * spread * n * rules->surely[threshold];
}

bool troth_confidence_below(const struct troth_rules *rules, unsigned term,
                            enum troth_threshold threshold, double g, double b)
{
    const double limit = rules->threshold[threshold];
    if (limit <= 0.0) {
        return false;
    }
    const double cell = b * TROTH_BRACKETS_PER_BROKEN;
    if (cell < TROTH_BRACKETS) {
        const struct troth_term_rules *t = &rules->terms[term];
        if (g >= (double)t->above[threshold][(unsigned)cell]) {
            return false;
        }
        if (g < (double)t->below[threshold][(unsigned)cell]) {
            return true;
        }
    } else if (surely_above(rules, term, threshold, g, b)) {
        return false;
    }
    return troth_confidence(rules, term, g, b) < limit;
}

bool troth_counters_certified(const struct troth_rules *rules, unsigned term, uint32_t kept,
                              uint32_t broken)
{
    if (broken < TROTH_COUNTERS) {
        return kept >= rules->terms[term].certified_from[broken];
    }
    return troth_confidence(rules, term, kept, broken) >= rules->contract->certify_confidence;
}

bool troth_counters_failing(const struct troth_rules *rules, unsigned term, uint32_t kept,
                            uint32_t broken)
{
    if (broken < TROTH_COUNTERS) {
        return kept < rules->terms[term].failing_under[broken];
    }
    return troth_confidence(rules, term, kept, broken) < rules->threshold[TROTH_THRESHOLD_NARROW];
}

/* The least g at which confidence with b broken reaches level; confidence rises with g. */
static double evidence_to_reach(const struct troth_rules *rules, unsigned term, double b,
                                double level, double from)
{
    double low = from;
    double step = 1.0 + b;
    double high = from + step;
    while (raw_confidence(rules, term, high, b) < level && high < COUNTER_LIMIT) {
        low = high;
        step *= 2.0;
        high += step;
    }
    while (high - low > 1e-4 * (1.0 + high)) {
        const double middle = 0.5 * (low + high);
        if (raw_confidence(rules, term, middle, b) < level) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

/* Below: the largest g known to be under the level with the fewest broken of the cell.
 * Above: a g known to reach it with the most broken of the cell. */
static void make_brackets(struct troth_rules *rules, unsigned term, unsigned threshold)
{
    struct troth_term_rules *t = &rules->terms[term];
    const double limit = rules->threshold[threshold];
    if (limit <= 0.0) {
        return;
    }
    double reach = 0.0; /* of the cell's lower edge, at most: confidence falls with b */
    for (unsigned cell = 0; cell < TROTH_BRACKETS; cell++) {
        const double edge = (double)cell / TROTH_BRACKETS_PER_BROKEN;
        const double next = (double)(cell + 1) / TROTH_BRACKETS_PER_BROKEN;
        /* The search ends within 1e-4 above the root; twice that below it is surely under. */
        const double root =
            raw_confidence(rules, term, reach, edge) < limit - bracket_margin
                ? evidence_to_reach(rules, term, edge, limit - bracket_margin, reach)
                : 0.0;
        const double under = root - 2e-4 * (1.0 + root);
        t->below[threshold][cell] =
            nextafterf(nextafterf((float)(under > 0.0 ? under : 0.0), -1.0F), -1.0F);
        const double over = raw_confidence(rules, term, 0.0, next) < limit + bracket_margin
                                ? evidence_to_reach(rules, term, next, limit + bracket_margin, 0.0)
                                : 0.0;
        t->above[threshold][cell] = nextafterf(nextafterf((float)over, INFINITY), INFINITY);
        reach = under > 0.0 ? under : 0.0;
    }
}

/* The least kept count from which the confidence, rounded, is at or above the level. */
static uint32_t count_to_reach(const struct troth_rules *rules, unsigned term, uint32_t broken,
                               double level, uint32_t from)
{
    if (troth_confidence(rules, term, from, broken) >= level) {
        return from;
    }
    uint32_t low = from;
    uint32_t step = 16;
    uint32_t high = from + step;
    while (high < COUNTER_LIMIT && troth_confidence(rules, term, high, broken) < level) {
        low = high;
        step *= 2;
        high += step;
    }
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (troth_confidence(rules, term, middle, broken) < level) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

static void make_counters(struct troth_rules *rules, unsigned term)
{
    struct troth_term_rules *t = &rules->terms[term];
    uint32_t certified = 0;
    uint32_t failing = 0;
    for (uint32_t broken = 0; broken < TROTH_COUNTERS; broken++) {
        certified =
            count_to_reach(rules, term, broken, rules->contract->certify_confidence, certified);
        failing =
            count_to_reach(rules, term, broken, rules->threshold[TROTH_THRESHOLD_NARROW], failing);
        t->certified_from[broken] = certified;
        t->failing_under[broken] = failing;
    }
}

/* Bernoulli CUSUM (Reynolds and Stoumbos, 1999) from half the allowed rate of breaks to twice it.
 */
static void make_cusum(struct troth_term_rules *t, double floor_rate)
{
    const double q = 1.0 - floor_rate;
    const double p0 = q / 2.0;
    const double p1 = fmin(2.0 * q, (1.0 + q) / 2.0);
    t->cusum_broken = llround(1e9 * log(p1 / p0));
    t->cusum_kept = llround(1e9 * log((1.0 - p1) / (1.0 - p0)));
}

static void make_term(struct troth_rules *rules, unsigned i)
{
    const struct troth_term *term = &rules->contract->terms[i];
    struct troth_term_rules *t = &rules->terms[i];
    const uint16_t bit = (uint16_t)(1U << i);
    t->pane_us = term->window_us / term->panes;
    for (unsigned age = 0; age < term->panes; age++) {
        t->weight[age] = exp2(-(double)age * (double)t->pane_us / (double)term->half_life_us);
    }
    t->when = troth_predicate_ready(rules, term->when, false);
    t->keep = troth_predicate_ready(rules, term->keep, true);
    switch ((enum troth_term_kind)term->kind) {
    case TROTH_TERM_SHARE:
        rules->selects_mask |= bit;
        t->shares = true;
        break;
    case TROTH_TERM_COMPLETENESS:
        rules->complete_mask |= bit;
        t->shares = true;
        break;
    case TROTH_TERM_JUDGED:
        rules->judged_mask |= bit;
        t->shares = true;
        break;
    case TROTH_TERM_NEVER:
        rules->selects_mask |= bit;
        rules->never_mask |= bit;
        break;
    case TROTH_TERM_BUDGET:
        rules->selects_mask |= bit;
        rules->budget_mask |= bit;
        t->windowed = true;
        break;
    case TROTH_TERM_CADENCE:
        rules->selects_mask |= bit;
        rules->cadence_mask |= bit;
        break;
    }
    if (t->shares) {
        t->windowed = true;
        t->prior = log(0.5) / log(term->floor);
        rules->shares_mask |= bit;
        rules->ranged_mask |=
            troth_predicate_range(rules, &t->keep, &t->range) && t->when.count == 0 ? bit : 0;
        make_cusum(t, term->floor);
        for (unsigned threshold = 0; threshold < TROTH_THRESHOLD_COUNT; threshold++) {
            make_brackets(rules, i, threshold);
        }
        make_counters(rules, i);
    }
    if (t->windowed && term->window_us > rules->longest_window_us) {
        rules->longest_window_us = term->window_us;
    }
    rules->has_required_proof |= term->required && (t->shares || term->kind == TROTH_TERM_CADENCE);
}

/* Weaves the rings of the terms from `first` on that have its shape; `done` are laid out already.
 * Returns how many they are. */
static unsigned weave_rings(struct troth_rules *rules, unsigned first, size_t offset, bool *done)
{
    const struct troth_term *shape = &rules->contract->terms[first];
    unsigned woven = 0;
    for (unsigned i = first; i < rules->term_count; i++) {
        const struct troth_term *term = &rules->contract->terms[i];
        if (rules->terms[i].windowed && !done[i] && term->panes == shape->panes &&
            term->window_us == shape->window_us) {
            rules->terms[i].ring_offset = (uint32_t)(offset + woven * sizeof(union troth_pane));
            done[i] = true;
            woven++;
        }
    }
    for (unsigned i = first; i < rules->term_count; i++) {
        if (done[i] && rules->terms[i].ring_stride == 0) {
            rules->terms[i].ring_stride = (uint32_t)(woven * sizeof(union troth_pane));
        }
    }
    return woven;
}

/* Layout of a standing: header, hot terms, tallies, its past, the agent's version, rings without
 * their newest panes, cold terms (see scoring/standing.h). */
static void make_layout(struct troth_rules *rules)
{
    bool done[TROTH_TERMS_MAX] = {false};
    const size_t hot_end =
        sizeof(struct troth_standing) + rules->term_count * sizeof(struct troth_hot);
    const size_t tally_end = hot_end + rules->term_count * sizeof(struct troth_tally);
    size_t offset = tally_end + sizeof(struct troth_past);
    if (rules->contract->on_version == TROTH_ON_VERSION_RECERTIFY) {
        rules->version_offset = (uint32_t)offset;
        offset += sizeof(struct troth_heard);
    }
    rules->kept_end = (uint32_t)(rules->version_offset != 0 ? offset : hot_end);
    rules->counted_end = (uint32_t)(rules->version_offset != 0 ? offset : tally_end);
    for (unsigned i = 0; i < rules->term_count; i++) {
        if (rules->terms[i].windowed && !done[i]) {
            const size_t older = rules->contract->terms[i].panes - 1U;
            offset += weave_rings(rules, i, offset, done) * older * sizeof(union troth_pane);
        }
    }
    for (unsigned i = 0; i < rules->term_count; i++) {
        rules->terms[i].cold_offset = (uint32_t)offset;
        offset += sizeof(struct troth_cold);
    }
    rules->size = (uint32_t)((offset + 63) / 64 * 64);
}

void troth_rules_init(struct troth_rules *rules, const struct troth_contract *contract)
{
    memset(rules, 0, sizeof *rules);
    rules->contract = contract;
    rules->term_count = contract->term_count;
    rules->longest_window_us = contract->window_us;
    rules->threshold[TROTH_THRESHOLD_WARN] = contract->ladder[TROTH_RUNG_WARN].confidence_below;
    rules->threshold[TROTH_THRESHOLD_NARROW] = contract->ladder[TROTH_RUNG_NARROW].confidence_below;
    rules->threshold[TROTH_THRESHOLD_REVIEW] = contract->ladder[TROTH_RUNG_REVIEW].confidence_below;
    rules->threshold[TROTH_THRESHOLD_PAUSE] = contract->ladder[TROTH_RUNG_PAUSE].confidence_below;
    rules->threshold[TROTH_THRESHOLD_HALF] = 0.5;
    for (unsigned i = 0; i < TROTH_THRESHOLD_COUNT; i++) {
        rules->surely[i] = -log(1.0 - rules->threshold[i] - bracket_margin);
    }
    for (unsigned i = 0; i < rules->term_count; i++) {
        make_term(rules, i);
        rules->promises[i] = troth_term_promise(contract, i);
    }
    make_layout(rules);
}
