#include "ops/review/causes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/table.h"

/* DESIGN section 6: the confidence that every term must have for calm, and the least traffic that
 * freshness is taken by. */
#define CALM_CONFIDENCE 0.5
#define TRAFFIC_LEAST   0.1

#define NAME_OF_CAUSE(NAME, text) text,
static const char *const kind_names[] = {TROTH_REVIEW_CAUSES(NAME_OF_CAUSE)};
#undef NAME_OF_CAUSE

/* What is being collected. */
struct finding {
    const struct troth_fields *standing;
    const struct troth_contract *contract; /* or NULL */
    unsigned rung;                         /* of the standing */
    struct troth_review_cause *causes;
    unsigned count;
};

static bool is_shared(const struct troth_term *term)
{
    return term->kind == TROTH_TERM_SHARE || term->kind == TROTH_TERM_JUDGED ||
           term->kind == TROTH_TERM_COMPLETENESS;
}

static struct troth_review_cause *add(struct finding *finding, unsigned kind, const char *term,
                                      double observed)
{
    static struct troth_review_cause none;
    if (finding->count == TROTH_REVIEW_CAUSES_MAX) {
        return &none; /* there are four a term at most, and the last are the least */
    }
    struct troth_review_cause *cause = &finding->causes[finding->count++];
    *cause = (struct troth_review_cause){.kind = (uint8_t)kind, .observed = observed};
    snprintf(cause->term, sizeof cause->term, "%s", term);
    return cause;
}

static const struct troth_term *term_of(const struct troth_contract *contract, const char *name)
{
    for (unsigned i = 0; contract != NULL && i < contract->term_count; i++) {
        if (strcmp(contract->terms[i].name, name) == 0) {
            return &contract->terms[i];
        }
    }
    return NULL;
}

/* Whether a ladder's rung has a condition that is met. Out limit: its limit. */
static bool meets(const struct troth_rung_rules *rung, const struct troth_review_cause *cause,
                  double *limit)
{
    switch ((enum troth_review_cause_kind)cause->kind) {
    case TROTH_REVIEW_CAUSE_NEVER:
        return rung->never;
    case TROTH_REVIEW_CAUSE_BUDGET:
        return rung->budget;
    case TROTH_REVIEW_CAUSE_CHANGE:
        return rung->change;
    case TROTH_REVIEW_CAUSE_CONFIDENCE:
        *limit = rung->confidence_below;
        return cause->observed < rung->confidence_below;
    case TROTH_REVIEW_CAUSE_FRESHNESS:
        *limit = rung->freshness_below;
        return cause->observed < rung->freshness_below;
    case TROTH_REVIEW_CAUSE_DISPUTES:
        *limit = rung->disputes_open;
        return rung->disputes_open > 0 && cause->observed >= rung->disputes_open;
    default:
        return false;
    }
}

/* Finds the highest rung whose condition a cause meets. */
static void find_rung(const struct finding *finding, struct troth_review_cause *cause)
{
    for (unsigned r = TROTH_RUNG_COUNT; finding->contract != NULL && r-- > TROTH_RUNG_WARN;) {
        double limit = cause->limit;
        const struct troth_term *term = term_of(finding->contract, cause->term);
        if (r == TROTH_RUNG_RECERTIFY && term != NULL && !is_shared(term)) {
            continue; /* its only condition, freshness, counts no cadence */
        }
        if (meets(&finding->contract->ladder[r], cause, &limit)) {
            cause->rung = (uint8_t)r;
            cause->limit = limit;
            return;
        }
    }
}

static double number(const struct finding *finding, const char *term, const char *field)
{
    return troth_fields_term(finding->standing, term, field, -1);
}

/* Confidence and change of a term that has both. */
static void find_shared(struct finding *finding, const char *term)
{
    const double pieces = number(finding, term, "kept") + number(finding, term, "broken");
    const double confidence = number(finding, term, "confidence");
    if (pieces > 0 && confidence >= 0) {
        struct troth_review_cause *cause =
            add(finding, TROTH_REVIEW_CAUSE_CONFIDENCE, term, confidence);
        cause->limit = CALM_CONFIDENCE;
        find_rung(finding, cause);
    }
    if (number(finding, term, "alarm") > 0) {
        find_rung(finding, add(finding, TROTH_REVIEW_CAUSE_CHANGE, term, 0));
    }
}

/* Proof that has grown old, as the ladder compares it: an agent with less traffic need not prove as
 * much. At recertify no condition of freshness applies: what is missing is told as such. */
static void find_stale(struct finding *finding, const struct troth_term *term)
{
    double freshness = number(finding, term->name, "freshness");
    if (finding->rung == TROTH_RUNG_RECERTIFY || freshness < 0 || !term->required) {
        return;
    }
    if (is_shared(term)) {
        const double traffic = finding->contract->ladder[finding->rung].scope.traffic;
        freshness /= traffic > TRAFFIC_LEAST ? traffic : TRAFFIC_LEAST;
    }
    if (freshness < 1) {
        find_rung(finding, add(finding, TROTH_REVIEW_CAUSE_FRESHNESS, term->name, freshness));
    }
}

static void find_uncertified(struct finding *finding, const struct troth_term *term)
{
    if (finding->rung != TROTH_RUNG_RECERTIFY || !term->required || !is_shared(term)) {
        return;
    }
    const double pieces =
        number(finding, term->name, "certify_kept") + number(finding, term->name, "certify_broken");
    if (pieces >= 0 && pieces < term->evidence) {
        struct troth_review_cause *cause =
            add(finding, TROTH_REVIEW_CAUSE_UNCERTIFIED, term->name, term->evidence - pieces);
        cause->limit = term->evidence;
        cause->rung = TROTH_RUNG_RECERTIFY;
    }
}

static void find_term(struct finding *finding, const struct troth_term *term)
{
    const double broken = number(finding, term->name, "broken");
    const double amount = number(finding, term->name, "amount");
    if (is_shared(term)) {
        find_shared(finding, term->name);
    }
    if (term->kind == TROTH_TERM_NEVER && broken > 0) {
        find_rung(finding, add(finding, TROTH_REVIEW_CAUSE_NEVER, term->name, broken));
    }
    if (term->kind == TROTH_TERM_BUDGET && amount > (double)term->at_most) {
        struct troth_review_cause *cause =
            add(finding, TROTH_REVIEW_CAUSE_BUDGET, term->name, amount);
        cause->limit = (double)term->at_most;
        find_rung(finding, cause);
    }
    find_stale(finding, term);
    find_uncertified(finding, term);
}

/* Without the contract: what has a confidence is a share of something, and what was broken and has
 * neither that nor a freshness or an amount is a never term. */
static void find_unknown(struct finding *finding, const char *term)
{
    find_shared(finding, term);
    if (number(finding, term, "broken") > 0 && number(finding, term, "confidence") < 0 &&
        number(finding, term, "freshness") < 0 && number(finding, term, "amount") < 0) {
        add(finding, TROTH_REVIEW_CAUSE_NEVER, term, number(finding, term, "broken"))->rung =
            TROTH_RUNG_PAUSE;
    }
}

static void find_unknown_terms(struct finding *finding)
{
    char names[TROTH_TERMS_MAX * (TROTH_NAME_LENGTH_MAX + 1)];
    char *rest = NULL;
    (void)troth_fields_text(finding->standing, "terms", names, sizeof names);
    for (char *term = strtok_r(names, ",", &rest); term != NULL;
         term = strtok_r(NULL, ",", &rest)) {
        find_unknown(finding, term);
    }
}

/* A waiver in force takes a term's conditions away. */
static void note_waivers(struct finding *finding)
{
    const struct troth_text debt = troth_fields_find(finding->standing, "debt");
    json_t *array = json_loadb(debt.data != NULL ? debt.data : "", debt.length, 0, NULL);
    const int64_t as_of_us = troth_fields_integer(finding->standing, "as_of", 0);
    size_t i;
    const json_t *item;
    json_array_foreach(array, i, item)
    {
        const char *term = json_string_value(json_object_get(item, "term"));
        const bool ahead = json_integer_value(json_object_get(item, "until")) > as_of_us;
        for (unsigned c = 0; c < finding->count; c++) {
            struct troth_review_cause *cause = &finding->causes[c];
            if (term != NULL && ahead && strcmp(cause->term, term) == 0) {
                cause->waived = true;
                cause->rung = TROTH_RUNG_CLEAR;
            }
        }
    }
    json_decref(array);
}

static int compare(const void *a, const void *b)
{
    const struct troth_review_cause *one = a;
    const struct troth_review_cause *other = b;
    if (one->waived != other->waived) {
        return one->waived ? 1 : -1;
    }
    if (one->rung != other->rung) {
        return one->rung > other->rung ? -1 : 1;
    }
    if (one->kind != other->kind) {
        return one->kind < other->kind ? -1 : 1;
    }
    const bool more_is_worse =
        one->kind != TROTH_REVIEW_CAUSE_CONFIDENCE && one->kind != TROTH_REVIEW_CAUSE_FRESHNESS;
    if (one->observed != other->observed) {
        return (one->observed > other->observed) == more_is_worse ? -1 : 1;
    }
    return strcmp(one->term, other->term);
}

/* A confidence that meets no condition and is good enough for calm speaks against nobody; but the
 * least of all is where a person looks first. */
static unsigned drop_good(struct troth_review_cause *causes, unsigned count)
{
    double least = 2;
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (causes[i].kind == TROTH_REVIEW_CAUSE_CONFIDENCE && causes[i].observed < least) {
            least = causes[i].observed;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        const bool good = causes[i].kind == TROTH_REVIEW_CAUSE_CONFIDENCE &&
                          causes[i].rung == TROTH_RUNG_CLEAR &&
                          causes[i].observed >= CALM_CONFIDENCE;
        if (good && causes[i].observed > least) {
            continue;
        }
        causes[i].lowest = good;
        causes[i].limit = good ? 0 : causes[i].limit;
        causes[kept++] = causes[i];
    }
    return kept;
}

unsigned troth_review_causes(const struct troth_fields *standing,
                             const struct troth_contract *contract,
                             struct troth_review_cause causes[TROTH_REVIEW_CAUSES_MAX])
{
    char name[32];
    (void)troth_fields_text(standing, "rung", name, sizeof name);
    const int rung = troth_rung_find(name, strlen(name));
    struct finding finding = {.standing = standing,
                              .contract = contract,
                              .rung = rung >= 0 ? (unsigned)rung : TROTH_RUNG_CLEAR,
                              .causes = causes};
    for (unsigned i = 0; contract != NULL && i < contract->term_count; i++) {
        find_term(&finding, &contract->terms[i]);
    }
    if (contract == NULL) {
        find_unknown_terms(&finding);
    }
    const int64_t disputes = troth_fields_integer(standing, "disputes_open", 0);
    const int64_t relapses = troth_fields_integer(standing, "relapses", 0);
    if (disputes > 0) {
        find_rung(&finding, add(&finding, TROTH_REVIEW_CAUSE_DISPUTES, "", (double)disputes));
    }
    if (relapses > 0) {
        add(&finding, TROTH_REVIEW_CAUSE_RELAPSES, "", (double)relapses);
    }
    note_waivers(&finding);
    const unsigned count = drop_good(causes, finding.count);
    qsort(causes, count, sizeof *causes, compare);
    return count;
}

/* ---- in words ---- */

/* "below 0.05, the limit of narrow", or what else is known of it. */
static void limit_text(const struct troth_review_cause *cause, char *text, size_t capacity)
{
    text[0] = '\0';
    if (cause->lowest) {
        snprintf(text, capacity, ", the lowest of its terms");
    } else if (cause->rung != TROTH_RUNG_CLEAR) {
        snprintf(text, capacity, ", below the %g of %s", cause->limit,
                 troth_rung_name(cause->rung));
    } else if (cause->kind == TROTH_REVIEW_CAUSE_CONFIDENCE && cause->limit > 0 && !cause->waived) {
        snprintf(text, capacity, ", below the %g that calm needs", cause->limit);
    }
}

/* A term's evidence: "480 kept, 20 broken in 1h; confidence 0.0004 that it keeps 0.98". */
static void confidence_text(const struct troth_review_cause *cause,
                            const struct troth_fields *standing, const struct troth_term *term,
                            char *text, size_t capacity)
{
    char window[TROTH_DURATION_LENGTH_MAX + 8] = "";
    char floor[48] = "";
    char limit[96];
    if (term != NULL) {
        const int length = snprintf(window, sizeof window, " in ");
        (void)troth_duration_format(term->window_us, window + length);
        snprintf(floor, sizeof floor, " that it keeps at least %g", term->floor);
    }
    limit_text(cause, limit, sizeof limit);
    snprintf(text, capacity, "%s: %.0f kept and %.0f broken%s; confidence %.4g%s%s", cause->term,
             troth_fields_term(standing, cause->term, "kept", 0),
             troth_fields_term(standing, cause->term, "broken", 0), window, cause->observed, floor,
             limit);
}

static void kind_text(const struct troth_review_cause *cause, const struct troth_fields *standing,
                      const struct troth_term *term, char *text, size_t capacity)
{
    char limit[96];
    char window[TROTH_DURATION_LENGTH_MAX] = "its window";
    limit_text(cause, limit, sizeof limit);
    if (term != NULL && term->kind == TROTH_TERM_BUDGET) {
        (void)troth_duration_format(term->window_us, window);
    }
    switch ((enum troth_review_cause_kind)cause->kind) {
    case TROTH_REVIEW_CAUSE_NEVER:
        snprintf(text, capacity, "%s: broken %.0f time%s; it must never be", cause->term,
                 cause->observed, cause->observed > 1 ? "s" : "");
        break;
    case TROTH_REVIEW_CAUSE_BUDGET:
        snprintf(text, capacity, "%s: %.0f spent in %s, of at most %.0f", cause->term,
                 cause->observed, window, cause->limit);
        break;
    case TROTH_REVIEW_CAUSE_CONFIDENCE:
        confidence_text(cause, standing, term, text, capacity);
        break;
    case TROTH_REVIEW_CAUSE_CHANGE:
        snprintf(text, capacity, "%s: its behavior has changed; %.0f kept and %.0f broken",
                 cause->term, troth_fields_term(standing, cause->term, "kept", 0),
                 troth_fields_term(standing, cause->term, "broken", 0));
        break;
    case TROTH_REVIEW_CAUSE_FRESHNESS:
        snprintf(text, capacity, "%s: its proof is stale; freshness %.3g of 1%s", cause->term,
                 cause->observed, limit);
        break;
    case TROTH_REVIEW_CAUSE_DISPUTES:
        snprintf(text, capacity, "%.0f dispute%s open", cause->observed,
                 cause->observed > 1 ? "s are" : " is");
        break;
    case TROTH_REVIEW_CAUSE_UNCERTIFIED:
        snprintf(text, capacity, "%s: not certified; %.0f of at least %.0f pieces are missing",
                 cause->term, cause->observed, cause->limit);
        break;
    default:
        snprintf(text, capacity, "it has relapsed %.0f time%s within a day of being let out",
                 cause->observed, cause->observed > 1 ? "s" : "");
        break;
    }
}

const char *troth_review_cause_text(const struct troth_review_cause *cause,
                                    const struct troth_fields *standing,
                                    const struct troth_contract *contract,
                                    char text[TROTH_REVIEW_CAUSE_TEXT_MAX])
{
    kind_text(cause, standing, term_of(contract, cause->term), text, TROTH_REVIEW_CAUSE_TEXT_MAX);
    const size_t length = strlen(text);
    if (cause->waived) {
        snprintf(text + length, TROTH_REVIEW_CAUSE_TEXT_MAX - length,
                 " (waived: it counts for nothing)");
    }
    return text;
}

json_t *troth_review_cause_json(const struct troth_review_cause *cause, const char *text)
{
    return json_pack(
        "{s:s, s:o, s:f, s:o, s:o, s:b, s:s}", "condition", kind_names[cause->kind], "term",
        cause->term[0] != '\0' ? json_string(cause->term) : json_null(), "observed",
        cause->observed, "limit", cause->limit > 0 ? json_real(cause->limit) : json_null(), "rung",
        cause->rung != TROTH_RUNG_CLEAR ? json_string(troth_rung_name(cause->rung)) : json_null(),
        "waived", cause->waived, "text", text);
}
