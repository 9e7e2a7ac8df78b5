/*
 * Claim: on a tiny contract (one share term of two panes and one never term) a shard does what a
 * slow model of the design says, for every stream of at most six records out of six kinds: kept,
 * broken, kept in the pane before, kept too late, a forbidden one, and time alone.
 *
 * The model keeps a list of all evidence and knows no rings, tables, deadlines or groups: it looks
 * at every tenth second and asks whether the design calls it a deadline. All times of the streams
 * and of the contract are whole tens of seconds.
 */
#include "tests/support/scenario.h"

#include <math.h>

#include "scoring/beta.h"

enum { KINDS = 6, LENGTH_MAX = 6, STREAMS = 6 + 36 + 216 + 1296 + 7776 + 46656, STEPS_MAX = 64 };

#define GRID   (10 * SECOND)
#define PANE   MINUTE
#define HOLD   (30 * SECOND)
#define WITHIN (3 * MINUTE)

static const char keys[] =
    "contract: c, version: 1, window: 2m, panes: 2, half_life: 1m, hold: 30s, certify: "
    "{confidence: 0.7, within: 3m}, ladder: {warn: {confidence_below: 0.4, freshness_below: 0.9}, "
    "narrow: {confidence_below: 0.2, freshness_below: 0.6, scope: {traffic: 0.5}}, recertify: "
    "{freshness_below: 0.3}, review: {confidence_below: 0.1}, pause: {confidence_below: 0.05}}, "
    "terms: [{name: t, when: {kind: task}, keep: {outcome: ok}, floor: 0.5, evidence: 1, fresh: "
    "2}, {name: n, never: {kind: exception}}]";

static const double confidence_below[TROTH_RUNG_COUNT] = {0.0, 0.4, 0.2, 0.0, 0.1, 0.05};
static const double freshness_below[TROTH_RUNG_COUNT] = {0.0, 0.9, 0.6, 0.3, 0.0, 0.0};
static const double traffic[TROTH_RUNG_COUNT] = {1.0, 1.0, 0.5, 0.1, 0.1, 0.1};

struct step {
    unsigned from;
    unsigned to;
    unsigned condition;
    unsigned score;
    int64_t at_us;
};

struct model {
    const struct troth_rules *rules;
    int64_t clock_us;
    int64_t since_us;
    int64_t calm_us; /* since when it has been calm; 0: it is not */
    int64_t left_us; /* 0: never */
    int64_t certify_us;
    unsigned rung;
    unsigned relapses;
    unsigned forbidden;
    unsigned kept; /* since recertify was entered */
    unsigned broken;
    unsigned pieces; /* the list of evidence */
    int64_t pane[LENGTH_MAX];
    bool good[LENGTH_MAX];
    unsigned step_count;
    struct step steps[STEPS_MAX];
    bool begun;
};

struct seen {
    double g;
    double b;
    bool any;
    double kappa;
};

static struct seen see(const struct model *m, int64_t at_us)
{
    struct seen seen = {0};
    for (unsigned i = 0; i < m->pieces; i++) {
        const int64_t age = at_us / PANE - m->pane[i];
        if (age < 2) {
            *(m->good[i] ? &seen.g : &seen.b) += age == 0 ? 1.0 : 0.5;
            seen.any = true;
        }
    }
    seen.kappa = troth_confidence(m->rules, 0, seen.g, seen.b);
    return seen;
}

static double freshness(const struct seen *seen, double share)
{
    return troth_round9(fmin(1.0, (seen->g + seen->b) / (2.0 * fmax(0.1, share))));
}

static unsigned holds(const struct model *m, const struct seen *seen, unsigned rung, double share)
{
    if (rung == TROTH_RUNG_PAUSE && m->forbidden > 0) {
        return TROTH_CONDITION_NEVER;
    }
    if (seen->any && seen->kappa < confidence_below[rung]) {
        return TROTH_CONDITION_CONFIDENCE;
    }
    return freshness(seen, share) < freshness_below[rung] ? TROTH_CONDITION_FRESHNESS
                                                          : TROTH_CONDITION_NONE;
}

/* The highest rung above the least with a true condition. */
static unsigned target(const struct model *m, const struct seen *seen, unsigned least, double share,
                       unsigned *condition)
{
    for (unsigned rung = TROTH_RUNG_PAUSE; rung > least; rung--) {
        *condition = holds(m, seen, rung, share);
        if (*condition != TROTH_CONDITION_NONE) {
            return rung;
        }
    }
    return least;
}

static bool is_calm(const struct model *m, const struct seen *seen)
{
    unsigned condition = 0;
    return (m->rung == TROTH_RUNG_WARN || m->rung == TROTH_RUNG_NARROW) &&
           (!seen->any || seen->kappa >= 0.5) &&
           target(m, seen, m->rung - 1, traffic[m->rung - 1], &condition) == m->rung - 1;
}

static bool is_bad(unsigned rung)
{
    return rung == TROTH_RUNG_NARROW || rung == TROTH_RUNG_REVIEW || rung == TROTH_RUNG_PAUSE;
}

static void enter_recertify(struct model *m, int64_t at_us)
{
    m->rung = TROTH_RUNG_RECERTIFY;
    m->since_us = at_us;
    m->certify_us = at_us + WITHIN;
    m->forbidden = m->kept = m->broken = m->pieces = 0;
}

static void take(struct model *m, unsigned to, unsigned condition, int64_t at_us)
{
    const unsigned from = m->rung;
    const struct seen seen = see(m, at_us);
    const double compliance = m->forbidden > 0 ? 0.0 : seen.kappa;
    const double score = floor(1000.0 * compliance * freshness(&seen, 1.0) + 0.5);
    assert_true(m->step_count < STEPS_MAX);
    m->steps[m->step_count++] =
        (struct step){from, to, condition, to == TROTH_RUNG_PAUSE ? 0U : (unsigned)score, at_us};
    if (is_bad(from) && (to < from || to == TROTH_RUNG_RECERTIFY)) {
        m->left_us = at_us;
    }
    if (from <= TROTH_RUNG_WARN && is_bad(to)) {
        m->relapses = m->left_us > 0 && at_us - m->left_us <= DAY ? m->relapses + 1 : 0;
    }
    m->rung = to;
    m->since_us = at_us;
    m->calm_us = is_calm(m, &seen) ? at_us : 0;
    if (to == TROTH_RUNG_RECERTIFY) {
        enter_recertify(m, at_us);
    }
}

static void look_certify(struct model *m, int64_t at_us)
{
    const double kappa = troth_confidence(m->rules, 0, m->kept, m->broken);
    const unsigned pieces = m->kept + m->broken;
    const struct seen seen = see(m, at_us);
    unsigned condition = TROTH_CONDITION_CERTIFIED;
    if (m->forbidden > 0) {
        take(m, TROTH_RUNG_PAUSE, TROTH_CONDITION_NEVER, at_us);
    } else if (pieces >= 2 && kappa < confidence_below[TROTH_RUNG_NARROW]) {
        take(m, TROTH_RUNG_REVIEW, TROTH_CONDITION_CONFIDENCE, at_us);
    } else if (at_us >= m->certify_us) {
        m->kept = m->broken = 0;
        m->certify_us = at_us + WITHIN;
    } else if (pieces >= 1 && kappa >= 0.7) {
        const unsigned to = target(m, &seen, TROTH_RUNG_CLEAR, 1.0, &condition);
        if (to != TROTH_RUNG_RECERTIFY) {
            take(m, to, to > TROTH_RUNG_RECERTIFY ? condition : TROTH_CONDITION_CERTIFIED, at_us);
        }
    }
}

/* One look, at most one step. */
static void look(struct model *m, int64_t at_us)
{
    if (m->rung == TROTH_RUNG_RECERTIFY) {
        look_certify(m, at_us);
        return;
    }
    const struct seen seen = see(m, at_us);
    unsigned condition = TROTH_CONDITION_NONE;
    const unsigned to = target(m, &seen, m->rung, traffic[m->rung], &condition);
    if (to != m->rung) {
        take(m, to, condition, at_us);
        return;
    }
    m->calm_us = !is_calm(m, &seen) ? 0 : m->calm_us > 0 ? m->calm_us : at_us;
    const unsigned doublings = m->relapses < 6 ? m->relapses : 6;
    if (m->calm_us > 0 && at_us - m->calm_us >= HOLD << doublings) {
        take(m, m->rung - 1, TROTH_CONDITION_CALM, at_us);
    }
}

static bool is_deadline(const struct model *m, int64_t at_us)
{
    const unsigned doublings = m->relapses < 6 ? m->relapses : 6;
    const bool held = m->rung == TROTH_RUNG_WARN || m->rung == TROTH_RUNG_NARROW;
    return m->rung != TROTH_RUNG_PAUSE &&
           ((at_us % PANE == 0 && see(m, at_us - 1).any) ||
            (held && m->calm_us > 0 && at_us == m->calm_us + (HOLD << doublings)) ||
            (m->rung == TROTH_RUNG_RECERTIFY && at_us == m->certify_us));
}

static void pass_time(struct model *m, int64_t clock_us)
{
    for (int64_t at_us = m->clock_us + GRID; m->begun && at_us <= clock_us; at_us += GRID) {
        if (is_deadline(m, at_us)) {
            look(m, at_us);
        }
    }
    m->clock_us = clock_us;
}

static void add_piece(struct model *m, int64_t at_us, bool good)
{
    const bool late = at_us / PANE <= m->clock_us / PANE - 2 ||
                      (m->rung == TROTH_RUNG_RECERTIFY && at_us < m->since_us);
    if (good && late) {
        return;
    }
    m->pane[m->pieces] = at_us / PANE;
    m->good[m->pieces++] = good;
    *(good ? &m->kept : &m->broken) += 1;
}

/* Feeds one record of a kind to both. */
static void feed(struct model *m, struct scenario *s, unsigned kind)
{
    static const int64_t behind_us[KINDS] = {0, 0, PANE, 3 * PANE, 0, 0};
    const int64_t clock_us = m->clock_us + (kind == 5 ? 70 : 20) * SECOND;
    struct troth_event event = task_of("a", kind != 1, clock_us - behind_us[kind]);
    event.kind = kind == 4 ? TROTH_KIND_EXCEPTION : kind == 5 ? TROTH_KIND_TICK : TROTH_KIND_TASK;
    assert_int_equal(scenario_feed(s, clock_us, &event), TROTH_OK);
    pass_time(m, clock_us);
    if (kind == 5) {
        return;
    }
    if (!m->begun) {
        m->begun = true;
        enter_recertify(m, clock_us);
    }
    m->forbidden += kind == 4;
    if (kind < 4) {
        add_piece(m, event.at_us, kind != 1);
    }
    look(m, clock_us);
}

static void compare(const struct model *m, struct scenario *s, const char *stream)
{
    for (unsigned i = 0; i < m->step_count || i < s->told_count; i++) {
        const struct step *step = &m->steps[i];
        const struct troth_intervention *told = &s->told[i].intervention;
        if (i >= m->step_count || i >= s->told_count || told->from != step->from ||
            told->to != step->to || told->cause.condition != step->condition ||
            told->score.score != step->score || told->decided_at_us != step->at_us) {
            fail_msg("stream %s: step %u of %u and %u: %s to %s for %s at %lld with %u, told %s "
                     "to %s for %s at %lld with %u",
                     stream, i, m->step_count, s->told_count, troth_rung_name(step->from),
                     troth_rung_name(step->to), troth_condition_name(step->condition),
                     (long long)((step->at_us - START) / SECOND), step->score,
                     troth_rung_name(told->from), troth_rung_name(told->to),
                     troth_condition_name(told->cause.condition),
                     (long long)((told->decided_at_us - START) / SECOND), told->score.score);
        }
    }
    if (m->begun) {
        struct troth_standing_view view = scenario_view(s, "a", "c");
        const struct seen seen = see(m, m->clock_us);
        const struct troth_sums *sums = troth_sight_sums(&view.sight, 0);
        if (sums->g != seen.g || sums->b != seen.b || view.standing->rung != m->rung ||
            view.standing->relapses != m->relapses) {
            fail_msg("stream %s ends otherwise", stream);
        }
    }
}

static void every_short_stream_is_as_the_model_says(void **state)
{
    (void)state;
    const struct troth_rules *rules = scenario_rules(keys);
    unsigned moved[TROTH_RUNG_COUNT][TROTH_RUNG_COUNT] = {{0}};
    struct scenario s;
    scenario_open(&s, 1, 1, 64);
    for (unsigned n = 1; n <= STREAMS; n++) {
        struct model m = {.rules = rules, .clock_us = START};
        char stream[LENGTH_MAX + 1] = "";
        unsigned length = 0;
        scenario_restart(&s);
        scenario_put(&s, rules);
        for (unsigned rest = n; rest > 0; rest = (rest - 1) / KINDS) {
            const unsigned kind = (rest - 1) % KINDS;
            stream[length++] = "kbplnt"[kind];
            feed(&m, &s, kind);
        }
        /* Three minutes more: what is under way comes to its end. */
        for (unsigned i = 0; i < 3; i++) {
            feed(&m, &s, 5);
        }
        compare(&m, &s, stream);
        for (unsigned i = 0; i < m.step_count; i++) {
            moved[m.steps[i].from][m.steps[i].to]++;
        }
    }
    scenario_close(&s);
    unsigned ways = 0;
    for (unsigned from = 0; from < TROTH_RUNG_COUNT; from++) {
        for (unsigned to = 0; to < TROTH_RUNG_COUNT; to++) {
            ways += moved[from][to] > 0;
        }
    }
    printf("%d streams, %u ways from rung to rung\n", STREAMS, ways);
    assert_true(ways >= 12);
    scenario_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_stream_is_as_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
