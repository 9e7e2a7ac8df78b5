#include "scoring/ladder.h"

#include <math.h>

#include "schemas/assert.h"
#include "scoring/beta.h"

#define DAY_US INT64_C(86400000000)

enum { RELAPSE_DOUBLINGS_MAX = 6, CADENCE_TENTHS = 10 };

#define NAME_OF(NAME, text) text,
static const char *const condition_names[] = {TROTH_CONDITIONS(NAME_OF)};

const char *troth_condition_name(unsigned condition)
{
    return condition_names[condition];
}

void troth_sight_init(struct troth_sight *sight, const struct troth_rules *rules,
                      const struct troth_standing *standing, const struct troth_docket *docket,
                      const struct troth_instant *instant)
{
    sight->rules = rules;
    sight->standing = standing;
    sight->docket = docket;
    sight->instant = instant;
    sight->ready = 0;
    sight->confident = 0;
}

const struct troth_sums *troth_sight_sums(struct troth_sight *sight, unsigned term)
{
    const uint16_t bit = (uint16_t)(1U << term);
    if (!(sight->ready & bit)) {
        sight->sums[term] = troth_window_sums(sight->rules, sight->standing, term, sight->instant);
        sight->ready |= bit;
        sight->confident &= (uint16_t)~bit;
    }
    return &sight->sums[term];
}

double troth_sight_confidence(struct troth_sight *sight, unsigned term)
{
    const uint16_t bit = (uint16_t)(1U << term);
    const struct troth_sums *sums = troth_sight_sums(sight, term);
    if (!(sight->confident & bit)) {
        sight->confidence[term] = troth_confidence(sight->rules, term, sums->g, sums->b);
        sight->confident |= bit;
    }
    return sight->confidence[term];
}

struct troth_cause troth_standing_cause(const struct troth_rules *rules,
                                        const struct troth_standing *standing)
{
    struct troth_cause cause = {.condition = (uint8_t)standing->cause,
                                .term = standing->cause_term < rules->term_count
                                            ? (uint8_t)standing->cause_term
                                            : TROTH_NO_TERM,
                                .observed = (double)standing->observed};
    const struct troth_rung_rules *rung = &rules->contract->ladder[standing->rung];
    if (cause.condition == TROTH_CONDITION_CONFIDENCE) {
        /* Out of recertify into review it was narrow's threshold that the counters fell below. */
        const double narrow = rules->threshold[TROTH_THRESHOLD_NARROW];
        cause.limit = cause.observed < rung->confidence_below ? rung->confidence_below : narrow;
    } else if (cause.condition == TROTH_CONDITION_FRESHNESS) {
        cause.limit = rung->freshness_below;
    } else if (cause.condition == TROTH_CONDITION_DISPUTES) {
        cause.limit = rung->disputes_open;
    } else if (cause.condition == TROTH_CONDITION_CHANGE) {
        cause.limit = (double)TROTH_CUSUM_ALARM / 1e9;
    } else if (cause.condition == TROTH_CONDITION_BUDGET && cause.term != TROTH_NO_TERM) {
        cause.limit = (double)rules->contract->terms[cause.term].at_most;
    }
    return cause;
}

/* DESIGN 5.3: 1 until it is due, then a tenth less with each started tenth of `every`. */
static double cadence_freshness(const struct troth_sight *sight, unsigned term)
{
    const int64_t every_us = sight->rules->contract->terms[term].every_us;
    const int64_t last_us = troth_hot_of(sight->standing, term)->head;
    if (last_us == TROTH_NEVER_US) {
        return 0.0;
    }
    const int64_t over_us = sight->instant->time_us - last_us - every_us;
    if (over_us <= 0) {
        return 1.0;
    }
    if (over_us > every_us - every_us / CADENCE_TENTHS) {
        return 0.0;
    }
    const int64_t tenth_us = every_us / CADENCE_TENTHS;
    const int64_t started = (over_us + tenth_us - 1) / tenth_us;
    return troth_round9(1.0 - (double)started / CADENCE_TENTHS);
}

double troth_sight_freshness(struct troth_sight *sight, unsigned term, double need)
{
    const struct troth_term *promise = &sight->rules->contract->terms[term];
    if (promise->kind == TROTH_TERM_CADENCE) {
        return cadence_freshness(sight, term);
    }
    const struct troth_sums *sums = troth_sight_sums(sight, term);
    return troth_round9(fmin(1.0, (sums->g + sums->b) / ((double)promise->fresh * need)));
}

double troth_sight_least_freshness(struct troth_sight *sight, double need, bool cadences)
{
    const struct troth_rules *rules = sight->rules;
    double least = 2.0;
    for (unsigned i = 0; i < rules->term_count; i++) {
        const bool proves = rules->terms[i].shares || (cadences && (rules->cadence_mask >> i & 1));
        if (proves && rules->contract->terms[i].required) {
            least = fmin(least, troth_sight_freshness(sight, i, need));
        }
    }
    return least <= 1.0 ? least : sight->standing->matched ? 1.0 : 0.0;
}

/* Whether a person has said that the term's conditions do not hold for now. */
static inline bool waived(const struct troth_sight *sight, unsigned term)
{
    return troth_docket_waives(sight->docket, term, sight->instant->time_us);
}

/* The freshness that the ladder compares: without the terms that are waived. Where all that there
 * are have been, no condition holds. */
static double ladder_freshness(struct troth_sight *sight, double need, bool cadences)
{
    const struct troth_rules *rules = sight->rules;
    if (sight->docket == NULL) {
        return troth_sight_least_freshness(sight, need, cadences);
    }
    double least = 2.0;
    bool any = false;
    for (unsigned i = 0; i < rules->term_count; i++) {
        const bool proves = rules->terms[i].shares || (cadences && (rules->cadence_mask >> i & 1));
        if (proves && rules->contract->terms[i].required) {
            any = true;
            least = waived(sight, i) ? least : fmin(least, troth_sight_freshness(sight, i, need));
        }
    }
    return least <= 1.0 ? least : any || sight->standing->matched ? 1.0 : 0.0;
}

/* Whether the ladder's freshness is below what a rung allows. After a restore it waits. */
static bool is_stale(struct troth_sight *sight, double limit, double need, bool cadences)
{
    const bool waits =
        sight->docket != NULL && sight->docket->quiet_until_us > sight->instant->time_us;
    return limit > 0.0 && !waits && ladder_freshness(sight, need, cadences) < limit;
}

/* The first term of the mask for which a mark is set: a never term broken, an alarm. */
static inline unsigned first_never(const struct troth_sight *sight)
{
    for (unsigned mask = sight->rules->never_mask; mask != 0; mask &= mask - 1) {
        const unsigned i = (unsigned)__builtin_ctz(mask);
        if (troth_hot_of(sight->standing, i)->level > 0 && !waived(sight, i)) {
            return i;
        }
    }
    return TROTH_NO_TERM;
}

static unsigned first_alarm(const struct troth_sight *sight)
{
    for (unsigned i = 0; i < sight->rules->term_count; i++) {
        if (sight->rules->terms[i].shares && troth_alarm(sight->standing, i) && !waived(sight, i)) {
            return i;
        }
    }
    return TROTH_NO_TERM;
}

static unsigned first_exceeded(const struct troth_sight *sight)
{
    for (unsigned i = 0; i < sight->rules->term_count; i++) {
        int64_t sum = 0;
        if ((sight->rules->budget_mask >> i & 1) && !waived(sight, i)) {
            (void)troth_window_amount(sight->rules, sight->standing, i, sight->instant, &sum);
            if (sum > sight->rules->contract->terms[i].at_most) {
                return i;
            }
        }
    }
    return TROTH_NO_TERM;
}

static bool any_below(struct troth_sight *sight, enum troth_threshold threshold)
{
    for (unsigned i = 0; i < sight->rules->term_count; i++) {
        if (sight->rules->terms[i].shares) {
            const struct troth_sums *sums = troth_sight_sums(sight, i);
            if (sums->any && !waived(sight, i) &&
                troth_confidence_below(sight->rules, i, threshold, sums->g, sums->b)) {
                return true;
            }
        }
    }
    return false;
}

/* The term with the least confidence of those with evidence; first in the contract on a tie. */
static unsigned least_confident(struct troth_sight *sight, double *confidence)
{
    unsigned found = TROTH_NO_TERM;
    double least = INFINITY;
    for (unsigned i = 0; i < sight->rules->term_count; i++) {
        if (!sight->rules->terms[i].shares) {
            continue;
        }
        const struct troth_sums *sums = troth_sight_sums(sight, i);
        const double kappa =
            sums->any && !waived(sight, i) ? troth_sight_confidence(sight, i) : INFINITY;
        if (kappa < least) {
            least = kappa;
            found = i;
        }
    }
    *confidence = least;
    return found;
}

static const enum troth_threshold threshold_of[TROTH_RUNG_COUNT] = {
    [TROTH_RUNG_WARN] = TROTH_THRESHOLD_WARN,
    [TROTH_RUNG_NARROW] = TROTH_THRESHOLD_NARROW,
    [TROTH_RUNG_REVIEW] = TROTH_THRESHOLD_REVIEW,
    [TROTH_RUNG_PAUSE] = TROTH_THRESHOLD_PAUSE,
};

static unsigned open_disputes(const struct troth_sight *sight)
{
    return sight->docket != NULL ? sight->docket->open_count : 0;
}

static double need_of(const struct troth_sight *sight, unsigned rung)
{
    return fmax(0.1, sight->rules->contract->ladder[rung].scope.traffic);
}

/* Whether a condition of the rung that has to do with evidence which came is true. */
static bool proof_holds(struct troth_sight *sight, unsigned rung)
{
    const struct troth_rung_rules *r = &sight->rules->contract->ladder[rung];
    return (r->never && first_never(sight) != TROTH_NO_TERM) ||
           (r->budget && first_exceeded(sight) != TROTH_NO_TERM) ||
           (r->change && first_alarm(sight) != TROTH_NO_TERM) ||
           (r->confidence_below > 0.0 && any_below(sight, threshold_of[rung]));
}

/* Whether a condition of the rung is true, freshness being taken by `need`. */
static bool rung_holds(struct troth_sight *sight, unsigned rung, double need)
{
    const struct troth_rung_rules *r = &sight->rules->contract->ladder[rung];
    if (rung == TROTH_RUNG_RECERTIFY) {
        return is_stale(sight, r->freshness_below, need, false);
    }
    return proof_holds(sight, rung) || is_stale(sight, r->freshness_below, need, true) ||
           (r->disputes_open > 0 && open_disputes(sight) >= r->disputes_open);
}

bool troth_ladder_proof_above(struct troth_sight *sight, unsigned rung)
{
    for (unsigned above = TROTH_RUNG_PAUSE; above > rung; above--) {
        if (above != TROTH_RUNG_RECERTIFY && proof_holds(sight, above)) {
            return true;
        }
    }
    return false;
}

/* The highest rung above `floor_rung` with a true condition, else floor_rung. */
static unsigned target(struct troth_sight *sight, unsigned floor_rung, double need)
{
    for (unsigned rung = TROTH_RUNG_PAUSE; rung > floor_rung; rung--) {
        if (rung_holds(sight, rung, need)) {
            return rung;
        }
    }
    return floor_rung;
}

/* The first true condition of a rung that holds, in the order of their enumeration. */
static struct troth_cause cause_of(struct troth_sight *sight, unsigned rung, double need)
{
    const struct troth_rules *rules = sight->rules;
    const struct troth_rung_rules *r = &rules->contract->ladder[rung];
    if (rung == TROTH_RUNG_RECERTIFY) {
        return (struct troth_cause){TROTH_CONDITION_FRESHNESS, TROTH_NO_TERM,
                                    ladder_freshness(sight, need, false), r->freshness_below};
    }
    unsigned term = r->never ? first_never(sight) : TROTH_NO_TERM;
    if (term != TROTH_NO_TERM) {
        return (struct troth_cause){TROTH_CONDITION_NEVER, (uint8_t)term,
                                    (double)troth_hot_of(sight->standing, term)->level, 0.0};
    }
    term = r->budget ? first_exceeded(sight) : TROTH_NO_TERM;
    if (term != TROTH_NO_TERM) {
        int64_t sum = 0;
        (void)troth_window_amount(rules, sight->standing, term, sight->instant, &sum);
        return (struct troth_cause){TROTH_CONDITION_BUDGET, (uint8_t)term, (double)sum,
                                    (double)rules->contract->terms[term].at_most};
    }
    if (r->confidence_below > 0.0 && any_below(sight, threshold_of[rung])) {
        double observed = 0.0;
        term = least_confident(sight, &observed);
        return (struct troth_cause){TROTH_CONDITION_CONFIDENCE, (uint8_t)term, observed,
                                    r->confidence_below};
    }
    term = r->change ? first_alarm(sight) : TROTH_NO_TERM;
    if (term != TROTH_NO_TERM) {
        return (struct troth_cause){TROTH_CONDITION_CHANGE, (uint8_t)term,
                                    (double)troth_hot_of(sight->standing, term)->level / 1e9,
                                    (double)TROTH_CUSUM_ALARM / 1e9};
    }
    if (is_stale(sight, r->freshness_below, need, true)) {
        return (struct troth_cause){TROTH_CONDITION_FRESHNESS, TROTH_NO_TERM,
                                    ladder_freshness(sight, need, true), r->freshness_below};
    }
    return (struct troth_cause){TROTH_CONDITION_DISPUTES, TROTH_NO_TERM, open_disputes(sight),
                                r->disputes_open};
}

/* Calm, at warn or narrow: no term with evidence is below even odds, and nothing holds the present
 * rung by the traffic of the rung below. Even odds come first: no threshold is above them, so where
 * they are kept, no confidence holds any rung. */
static bool calm(struct troth_sight *sight, unsigned rung)
{
    return !any_below(sight, TROTH_THRESHOLD_HALF) &&
           target(sight, rung - 1, need_of(sight, rung - 1)) == rung - 1;
}

static bool steps_down(unsigned rung)
{
    return rung == TROTH_RUNG_WARN || rung == TROTH_RUNG_NARROW;
}

static int64_t hold_us(const struct troth_sight *sight, const struct troth_ladder *ladder)
{
    const unsigned doublings =
        ladder->relapses < RELAPSE_DOUBLINGS_MAX ? ladder->relapses : RELAPSE_DOUBLINGS_MAX;
    return sight->rules->contract->hold_us << doublings;
}

void troth_ladder_enter(struct troth_sight *sight, struct troth_ladder *ladder, uint8_t to)
{
    const unsigned from = ladder->rung;
    const int64_t now_us = sight->instant->time_us;
    const bool was_held =
        from == TROTH_RUNG_NARROW || from == TROTH_RUNG_REVIEW || from == TROTH_RUNG_PAUSE;
    const bool holds = to == TROTH_RUNG_NARROW || to == TROTH_RUNG_REVIEW || to == TROTH_RUNG_PAUSE;
    if (was_held && (to < from || to == TROTH_RUNG_RECERTIFY)) {
        ladder->left_us = now_us;
    }
    if ((from == TROTH_RUNG_CLEAR || from == TROTH_RUNG_WARN) && holds) {
        const bool soon = ladder->left_us != TROTH_NEVER_US && now_us - ladder->left_us <= DAY_US;
        ladder->relapses =
            (uint8_t)(!soon                                    ? 0
                      : ladder->relapses == TROTH_RELAPSES_MAX ? TROTH_RELAPSES_MAX
                                                               : ladder->relapses + 1);
    }
    ladder->rung = to;
    ladder->phase_us = steps_down(to) && calm(sight, to) ? now_us : TROTH_NEVER_US;
}

struct troth_step troth_ladder_step(struct troth_sight *sight, struct troth_ladder *ladder,
                                    bool worsened)
{
    const uint8_t rung = ladder->rung;
    const double need = need_of(sight, rung);
    const unsigned up = worsened ? target(sight, rung, need) : rung;
    struct troth_step step = {.taken = false, .from = rung, .to = rung};
    if (up != rung) {
        step.taken = true;
        step.to = (uint8_t)up;
        step.cause = cause_of(sight, up, need);
        troth_ladder_enter(sight, ladder, step.to);
        return step;
    }
    if (!steps_down(rung)) {
        return step;
    }
    if (!calm(sight, rung)) {
        ladder->phase_us = TROTH_NEVER_US;
        return step;
    }
    const int64_t now_us = sight->instant->time_us;
    if (ladder->phase_us == TROTH_NEVER_US) {
        ladder->phase_us = now_us;
    }
    if (now_us - ladder->phase_us >= hold_us(sight, ladder) && open_disputes(sight) == 0) {
        step.taken = true;
        step.to = (uint8_t)(rung - 1);
        step.cause = (struct troth_cause){TROTH_CONDITION_CALM, TROTH_NO_TERM,
                                          (double)(now_us - ladder->phase_us),
                                          (double)hold_us(sight, ladder)};
        troth_ladder_enter(sight, ladder, step.to);
    }
    return step;
}

static struct troth_step decided(struct troth_sight *sight, struct troth_ladder *ladder,
                                 unsigned to)
{
    struct troth_step step = {.taken = to != ladder->rung,
                              .from = ladder->rung,
                              .to = (uint8_t)to,
                              .cause = {TROTH_CONDITION_DECISION, TROTH_NO_TERM, 0.0, 0.0}};
    if (step.taken) {
        troth_ladder_enter(sight, ladder, step.to);
    }
    return step;
}

struct troth_step troth_ladder_raise(struct troth_sight *sight, struct troth_ladder *ladder,
                                     unsigned rung)
{
    return decided(sight, ladder, rung > ladder->rung ? rung : ladder->rung);
}

struct troth_step troth_ladder_restore(struct troth_sight *sight, struct troth_ladder *ladder)
{
    const unsigned to = target(sight, TROTH_RUNG_WARN, need_of(sight, TROTH_RUNG_WARN));
    return decided(sight, ladder, to < ladder->rung ? to : ladder->rung);
}

/* The term of those with at least `fresh` counted pieces that fails by its counters, with the least
 * such confidence. */
static unsigned failing_term(const struct troth_sight *sight, double *confidence)
{
    const struct troth_rules *rules = sight->rules;
    unsigned found = TROTH_NO_TERM;
    double least = INFINITY;
    if (rules->threshold[TROTH_THRESHOLD_NARROW] <= 0.0) {
        return found;
    }
    for (unsigned mask = rules->shares_mask; mask != 0; mask &= mask - 1) {
        const unsigned i = (unsigned)__builtin_ctz(mask);
        const struct troth_tally *tally = troth_tally_of(rules, sight->standing, i);
        if (tally->broken == 0 || waived(sight, i)) {
            continue; /* clean evidence is never below even odds, nor any threshold above them */
        }
        const uint64_t pieces = (uint64_t)tally->kept + tally->broken;
        if (pieces < rules->contract->terms[i].fresh ||
            !troth_counters_failing(rules, i, tally->kept, tally->broken)) {
            continue;
        }
        const double kappa = troth_confidence(rules, i, tally->kept, tally->broken);
        if (kappa < least) {
            least = kappa;
            found = i;
        }
    }
    *confidence = least;
    return found;
}

/* Whether every required term is proved; `emptied`: by counters that have just started anew. */
static bool certified(struct troth_sight *sight, bool emptied)
{
    const struct troth_rules *rules = sight->rules;
    for (unsigned i = 0; i < rules->term_count; i++) {
        if (!rules->contract->terms[i].required) {
            continue;
        }
        if (rules->terms[i].shares) {
            const struct troth_tally *tally = troth_tally_of(rules, sight->standing, i);
            if (emptied ||
                (uint64_t)tally->kept + tally->broken < rules->contract->terms[i].evidence ||
                !troth_counters_certified(rules, i, tally->kept, tally->broken)) {
                return false;
            }
        } else if ((rules->cadence_mask >> i & 1) && cadence_freshness(sight, i) < 1.0) {
            return false;
        }
    }
    return rules->has_required_proof || sight->standing->matched;
}

struct troth_step troth_ladder_certify(struct troth_sight *sight, bool *restart)
{
    const struct troth_rules *rules = sight->rules;
    const struct troth_standing *standing = sight->standing;
    struct troth_step step = {.taken = true, .from = TROTH_RUNG_RECERTIFY};
    *restart = false;
    if (first_never(sight) != TROTH_NO_TERM) {
        step.to = TROTH_RUNG_PAUSE;
        step.cause = cause_of(sight, TROTH_RUNG_PAUSE, 1.0);
        return step;
    }
    double observed = 0.0;
    const unsigned failing = failing_term(sight, &observed);
    if (failing != TROTH_NO_TERM && rules->contract->consequence != TROTH_CONSEQUENCE_LOW) {
        step.to = TROTH_RUNG_REVIEW;
        step.cause = (struct troth_cause){TROTH_CONDITION_CONFIDENCE, (uint8_t)failing, observed,
                                          rules->threshold[TROTH_THRESHOLD_NARROW]};
        return step;
    }
    const bool ended = sight->instant->time_us >= standing->phase_us;
    if (ended && standing->after_decision) {
        step.to = TROTH_RUNG_REVIEW;
        step.cause = (struct troth_cause){TROTH_CONDITION_DEADLINE, TROTH_NO_TERM, 0.0, 0.0};
        return step;
    }
    step.taken = false;
    step.to = TROTH_RUNG_RECERTIFY;
    *restart = ended || failing != TROTH_NO_TERM;
    if (!certified(sight, *restart)) {
        return step;
    }
    const double need = need_of(sight, TROTH_RUNG_CLEAR);
    const unsigned to = target(sight, TROTH_RUNG_CLEAR, need);
    if (to == TROTH_RUNG_RECERTIFY || (to < TROTH_RUNG_RECERTIFY && open_disputes(sight) > 0)) {
        return step;
    }
    step.taken = true;
    step.to = (uint8_t)to;
    step.cause = to > TROTH_RUNG_RECERTIFY
                     ? cause_of(sight, to, need)
                     : (struct troth_cause){TROTH_CONDITION_CERTIFIED, TROTH_NO_TERM, 0.0, 0.0};
    return step;
}

/* The microsecond after which the cadence's next tenth past due begins. */
static int64_t cadence_deadline(const struct troth_sight *sight, unsigned term)
{
    const int64_t last_us = troth_hot_of(sight->standing, term)->head;
    const int64_t every_us = sight->rules->contract->terms[term].every_us;
    if (last_us == TROTH_NEVER_US) {
        return TROTH_LAST_US;
    }
    const int64_t tenth_us = every_us / CADENCE_TENTHS;
    const int64_t first_us = last_us + every_us + 1;
    const int64_t now_us = sight->instant->time_us;
    if (now_us < first_us) {
        return first_us;
    }
    const int64_t next = (now_us - first_us) / tenth_us + 1;
    return next < CADENCE_TENTHS ? first_us + next * tenth_us : TROTH_LAST_US;
}

/* Whether the end of certification does something: counters that are empty start anew without it.
 * What recertify was entered with may be proof enough that was not looked at yet. */
static bool certification_ends(const struct troth_sight *sight)
{
    bool any = sight->standing->after_decision || sight->standing->unsettled;
    for (unsigned i = 0; i < sight->rules->term_count && !any; i++) {
        const struct troth_tally *tally = troth_tally_of(sight->rules, sight->standing, i);
        any = sight->rules->terms[i].shares && (tally->kept != 0 || tally->broken != 0);
    }
    return any;
}

int64_t troth_certification_end(const struct troth_rules *rules,
                                const struct troth_standing *standing, int64_t time_us)
{
    const int64_t within_us = rules->contract->certify_within_us;
    if (standing->after_decision || standing->phase_us > time_us) {
        return standing->phase_us;
    }
    return standing->phase_us + ((time_us - standing->phase_us) / within_us + 1) * within_us;
}

int64_t troth_ladder_deadline(struct troth_sight *sight, const struct troth_ladder *ladder)
{
    const struct troth_rules *rules = sight->rules;
    if (ladder->rung == TROTH_RUNG_PAUSE) {
        return TROTH_LAST_US; /* left by a decision alone, and nothing ranks above it */
    }
    int64_t next_us = sight->docket == NULL
                          ? TROTH_LAST_US
                          : troth_docket_deadline(sight->docket, sight->instant->time_us);
    for (unsigned i = 0; i < rules->term_count; i++) {
        int64_t due_us = TROTH_LAST_US;
        if (rules->terms[i].windowed) {
            if (troth_window_newest(rules, sight->standing, i, sight->instant) >= 0) {
                due_us = sight->instant->terms[i].start_us + rules->terms[i].pane_us;
            }
        } else if (rules->cadence_mask >> i & 1) {
            due_us = cadence_deadline(sight, i);
        }
        next_us = due_us < next_us ? due_us : next_us;
    }
    if (steps_down(ladder->rung) && ladder->phase_us != TROTH_NEVER_US &&
        open_disputes(sight) == 0) {
        const int64_t due_us = ladder->phase_us + hold_us(sight, ladder);
        next_us = due_us < next_us ? due_us : next_us;
    }
    if (ladder->rung == TROTH_RUNG_RECERTIFY && certification_ends(sight)) {
        next_us = ladder->phase_us < next_us ? ladder->phase_us : next_us;
    }
    return next_us;
}
