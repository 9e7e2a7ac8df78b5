#include "schemas/contract.h"

#include <string.h>

#define NAME_OF(NAME, text) text,

static const char *const rung_names[] = {TROTH_RUNGS(NAME_OF)};
static const char *const mode_names[] = {"shadow", "advise", "enforce"};
static const char *const consequence_names[] = {"low", "medium", "high"};
static const char *const kind_names[] = {"share", "completeness", "judged",
                                         "never", "budget",       "cadence"};

#define NAME_FROM(names, index) ((index) < sizeof(names) / sizeof(names)[0] ? (names)[index] : NULL)

const char *troth_rung_name(unsigned rung)
{
    return NAME_FROM(rung_names, rung);
}

const char *troth_mode_name(unsigned mode)
{
    return NAME_FROM(mode_names, mode);
}

const char *troth_consequence_name(unsigned consequence)
{
    return NAME_FROM(consequence_names, consequence);
}

const char *troth_term_kind_name(unsigned kind)
{
    return NAME_FROM(kind_names, kind);
}

int troth_rung_find(const char *name, size_t length)
{
    for (int i = 0; i < (int)TROTH_RUNG_COUNT; i++) {
        if (strlen(rung_names[i]) == length && memcmp(rung_names[i], name, length) == 0) {
            return i;
        }
    }
    return -1;
}

bool troth_values_equal(const struct troth_contract *a, unsigned first_a, unsigned count_a,
                        const struct troth_contract *b, unsigned first_b, unsigned count_b)
{
    if (count_a != count_b) {
        return false;
    }
    for (unsigned i = 0; i < count_a; i++) {
        const struct troth_value *x = &a->values[first_a + i];
        const struct troth_value *y = &b->values[first_b + i];
        if (x->integer != y->integer || x->text_length != y->text_length ||
            memcmp(a->pool + x->text_offset, b->pool + y->text_offset, x->text_length) != 0) {
            return false;
        }
    }
    return true;
}

static bool same_test(const struct troth_contract *a, const struct troth_test *x,
                      const struct troth_contract *b, const struct troth_test *y)
{
    return x->kind == y->kind && x->field == y->field && x->exists == y->exists &&
           x->low_open == y->low_open && x->high_open == y->high_open && x->mask == y->mask &&
           x->low == y->low && x->high == y->high && x->low_number == y->low_number &&
           x->high_number == y->high_number && x->name_length == y->name_length &&
           memcmp(a->pool + x->name_offset, b->pool + y->name_offset, x->name_length) == 0 &&
           troth_values_equal(a, x->value_first, x->value_count, b, y->value_first, y->value_count);
}

bool troth_predicate_equal(const struct troth_contract *a, struct troth_predicate x,
                           const struct troth_contract *b, struct troth_predicate y)
{
    if (x.count != y.count) {
        return false;
    }
    for (unsigned i = 0; i < x.count; i++) {
        if (!same_test(a, &a->tests[x.first + i], b, &b->tests[y.first + i])) {
            return false;
        }
    }
    return true;
}

bool troth_term_equal(const struct troth_contract *a, unsigned term_a,
                      const struct troth_contract *b, unsigned term_b)
{
    const struct troth_term *x = &a->terms[term_a];
    const struct troth_term *y = &b->terms[term_b];
    return strcmp(x->name, y->name) == 0 && x->kind == y->kind && x->absent == y->absent &&
           x->panes == y->panes && x->sum == y->sum && x->window_us == y->window_us &&
           x->half_life_us == y->half_life_us && x->at_most == y->at_most &&
           x->every_us == y->every_us && x->floor == y->floor &&
           troth_predicate_equal(a, x->when, b, y->when) &&
           troth_predicate_equal(a, x->keep, b, y->keep) &&
           troth_values_equal(a, x->by_first, x->by_count, b, y->by_first, y->by_count);
}
