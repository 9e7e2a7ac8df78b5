#include "schemas/contract_loosen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct comparison {
    const struct troth_contract *before;
    const struct troth_contract *after;
    char *key; /* of the first that may be looser; "" yet */
};

/* Notes the first key that may be looser. */
__attribute__((format(printf, 3, 4))) static void holds(struct comparison *c, bool stricter,
                                                        const char *format, ...)
{
    va_list arguments;
    if (stricter || c->key[0] != '\0') {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(c->key, TROTH_LOOSENED_LENGTH, format, arguments);
    va_end(arguments);
}

static const struct troth_term *find_term(const struct troth_contract *contract, const char *name)
{
    for (unsigned i = 0; i < contract->term_count; i++) {
        if (strcmp(contract->terms[i].name, name) == 0) {
            return &contract->terms[i];
        }
    }
    return NULL;
}

/* ---- The document. ---- */

/* The windows of the document itself are those of terms that set none, which are compared there;
 * they also say how long a restored standing and an agent's old version are waited for. */
static void compare_document(struct comparison *c)
{
    const struct troth_contract *a = c->before;
    const struct troth_contract *b = c->after;
    holds(c, strcmp(a->applies_to, b->applies_to) == 0 || strcmp(b->applies_to, "*") == 0,
          "applies_to: other agents than before");
    holds(c, b->consequence >= a->consequence, "consequence: lower than before");
    holds(c, b->mode >= a->mode, "mode: weaker than before");
    holds(c, b->on_version == a->on_version, "on_agent_version: not as before");
    holds(c, b->window_us == a->window_us, "window: not as before");
    holds(c, b->panes == a->panes, "panes: not as before");
    holds(c, b->half_life_us == a->half_life_us, "half_life: not as before");
    holds(c, b->hold_us >= a->hold_us, "hold: shorter than before");
    holds(c, b->certify_confidence >= a->certify_confidence,
          "certify.confidence: lower than before");
    holds(c, b->certify_within_us <= a->certify_within_us, "certify.within: longer than before");
    holds(c, b->review_every_us <= a->review_every_us, "review_every: longer than before");
}

/* ---- The ladder. ---- */

/* Whether each capability that the scope of `b` has is in that of `a`, by name. Out name: of the
 * first that is not. */
static bool has_all(const struct troth_contract *a, uint32_t in_a, const struct troth_contract *b,
                    uint32_t in_b, const char **name)
{
    for (unsigned i = 0; i < b->capability_count; i++) {
        bool found = (in_b >> i & 1U) == 0;
        for (unsigned k = 0; k < a->capability_count; k++) {
            found |= (in_a >> k & 1U) != 0 && strcmp(a->capabilities[k], b->capabilities[i]) == 0;
        }
        if (!found) {
            *name = b->capabilities[i];
            return false;
        }
    }
    return true;
}

static bool costs_less(const struct troth_scope *a, const struct troth_scope *b)
{
    return a->max_cost_micros < 0 ||
           (b->max_cost_micros >= 0 && b->max_cost_micros <= a->max_cost_micros);
}

static void compare_rung(struct comparison *c, unsigned rung)
{
    const struct troth_rung_rules *a = &c->before->ladder[rung];
    const struct troth_rung_rules *b = &c->after->ladder[rung];
    const char *name = troth_rung_name(rung);
    const char *capability = "";
    holds(c, b->confidence_below >= a->confidence_below,
          "ladder.%s.confidence_below: lower than before", name);
    holds(c, b->freshness_below >= a->freshness_below,
          "ladder.%s.freshness_below: lower than before", name);
    holds(c,
          a->disputes_open == 0 || (b->disputes_open > 0 && b->disputes_open <= a->disputes_open),
          "ladder.%s.disputes_open: more than before", name);
    holds(c, b->change || !a->change, "ladder.%s.change: off, and was on", name);
    holds(c, b->budget || !a->budget, "ladder.%s.budget: off, and was on", name);
    holds(c, b->never || !a->never, "ladder.%s.never: off, and was on", name);
    holds(c, b->scope.traffic <= a->scope.traffic, "ladder.%s.scope.traffic: more than before",
          name);
    holds(c, costs_less(&a->scope, &b->scope), "ladder.%s.scope.max_cost_micros: more than before",
          name);
    const bool within =
        has_all(c->before, a->scope.capabilities, c->after, b->scope.capabilities, &capability);
    holds(c, within, "ladder.%s.scope.capabilities: %s, which was not there", name, capability);
}

/* Whether an agent may come to another rung than before, by the ladder or by what proof is asked.
 */
static bool moves(const struct troth_contract *a, const struct troth_contract *b)
{
    bool moved = a->consequence != b->consequence || a->hold_us != b->hold_us ||
                 a->certify_confidence != b->certify_confidence ||
                 a->certify_within_us != b->certify_within_us || a->term_count != b->term_count;
    for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
        const struct troth_rung_rules *x = &a->ladder[i];
        const struct troth_rung_rules *y = &b->ladder[i];
        moved |= x->confidence_below != y->confidence_below ||
                 x->freshness_below != y->freshness_below || x->disputes_open != y->disputes_open ||
                 x->change != y->change || x->budget != y->budget || x->never != y->never;
    }
    for (unsigned i = 0; i < a->term_count && !moved; i++) {
        const struct troth_term *x = &a->terms[i];
        const struct troth_term *y = find_term(b, x->name);
        moved |= y == NULL || x->floor != y->floor || x->required != y->required ||
                 x->absent != y->absent || x->evidence != y->evidence || x->fresh != y->fresh;
    }
    return moved;
}

/* A contract that names no capabilities gives traffic all the same. */
static bool is_nothing(const struct troth_contract *contract, const struct troth_scope *scope)
{
    return scope->traffic == 0.0 || (contract->capability_count > 0 && scope->capabilities == 0);
}

/* A stricter condition must not bring an agent to a rung where it may do more than where it was. */
static void compare_order(struct comparison *c)
{
    const struct troth_contract *b = c->after;
    for (unsigned i = 0; i + 1 < TROTH_RUNG_COUNT && moves(c->before, b); i++) {
        const struct troth_scope *low = &b->ladder[i].scope;
        const struct troth_scope *high = &b->ladder[i + 1].scope;
        const char *capability = "";
        holds(c,
              is_nothing(b, high) ||
                  (high->traffic <= low->traffic && costs_less(low, high) &&
                   has_all(b, low->capabilities, b, high->capabilities, &capability)),
              "ladder.%s.scope: more than that of %s, where a stricter condition may come from",
              troth_rung_name(i + 1), troth_rung_name(i));
    }
}

/* ---- Terms. ---- */

/* A term that promises something else starts without evidence. One with a higher floor must be
 * proved anew where it is required, as its freshness is 0; elsewhere, and for a budget, a cadence
 * or a never term, what stood against the agent would be forgotten and nothing asked instead. */
static bool is_floor_stricter(const struct troth_term *a, const struct troth_term *b)
{
    return b->floor == a->floor || (b->floor > a->floor && b->required);
}

/* In a contract that became one of high consequence an absent field breaks more. */
static bool is_absent_stricter(const struct troth_term *a, const struct troth_term *b)
{
    return b->absent == a->absent ||
           (a->absent == TROTH_ABSENT_UNSTATED && b->absent == TROTH_ABSENT_UNSTATED_HIGH);
}

static void compare_term(struct comparison *c, const struct troth_term *a)
{
    const struct troth_term *b = find_term(c->after, a->name);
    const char *name = a->name;
    if (b == NULL || b->kind != a->kind) {
        holds(c, false, "terms.%s: %s", name, b == NULL ? "gone" : "of another kind");
        return;
    }
    holds(c, b->required || !a->required, "terms.%s.required: false, and was true", name);
    holds(c, troth_predicate_equal(c->before, a->when, c->after, b->when),
          "terms.%s.when: not as before", name);
    holds(c, troth_predicate_equal(c->before, a->keep, c->after, b->keep),
          "terms.%s.keep: not as before", name);
    holds(
        c,
        troth_values_equal(c->before, a->by_first, a->by_count, c->after, b->by_first, b->by_count),
        "terms.%s.judged.by: not as before", name);
    holds(c, is_absent_stricter(a, b), "terms.%s.absent: not as before", name);
    holds(c, is_floor_stricter(a, b), "terms.%s.floor: %s", name,
          b->floor < a->floor ? "lower than before" : "changed where no proof is required");
    holds(c, b->sum == a->sum && b->at_most == a->at_most, "terms.%s.budget: not as before", name);
    holds(c, b->every_us == a->every_us, "terms.%s.cadence.every: not as before", name);
    holds(c, b->window_us == a->window_us, "terms.%s.window: not as before", name);
    holds(c, b->panes == a->panes, "terms.%s.panes: not as before", name);
    holds(c, b->half_life_us == a->half_life_us, "terms.%s.half_life: not as before", name);
    holds(c, b->evidence >= a->evidence, "terms.%s.evidence: less than before", name);
    holds(c, b->fresh >= a->fresh, "terms.%s.fresh: less than before", name);
}

bool troth_contract_loosens(const struct troth_contract *before, const struct troth_contract *after,
                            char key[TROTH_LOOSENED_LENGTH])
{
    struct comparison comparison = {before, after, key};
    key[0] = '\0';
    compare_document(&comparison);
    for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
        compare_rung(&comparison, i);
    }
    compare_order(&comparison);
    for (unsigned i = 0; i < before->term_count; i++) {
        compare_term(&comparison, &before->terms[i]);
    }
    return key[0] != '\0';
}
