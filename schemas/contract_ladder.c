/* The ladder of a contract's document: the defaults by consequence, and what replaces them. */
#include <string.h>

#include "schemas/contract_parts.h"

/* DESIGN, The ladder: the table of conditions; 0 where a condition is not used. */
struct defaults {
    double confidence_below[3]; /* low, medium, high */
    double freshness_below[3];
    uint32_t disputes_open[3];
    double traffic;
    bool change;
    bool budget;
    bool never;
};

static const struct defaults defaults_of[TROTH_RUNG_COUNT] = {
    [TROTH_RUNG_CLEAR] = {.traffic = 1.0},
    [TROTH_RUNG_WARN] = {.confidence_below = {0.10, 0.25, 0.40},
                         .freshness_below = {0.25, 0.50, 0.75},
                         .traffic = 1.0,
                         .change = true},
    [TROTH_RUNG_NARROW] = {.confidence_below = {0.01, 0.05, 0.10},
                           .freshness_below = {0.10, 0.25, 0.50},
                           .traffic = 0.25,
                           .budget = true},
    [TROTH_RUNG_RECERTIFY] = {.freshness_below = {0.0, 0.10, 0.25}, .traffic = 0.10},
    [TROTH_RUNG_REVIEW] = {.confidence_below = {0.0, 0.005, 0.02},
                           .disputes_open = {0, 3, 1},
                           .traffic = 0.05},
    [TROTH_RUNG_PAUSE] = {.confidence_below = {0.0, 0.0001, 0.001}, .traffic = 0.0, .never = true},
};

void troth_contract_default_ladder(struct troth_contract *contract)
{
    const uint32_t all = (uint32_t)((UINT64_C(1) << contract->capability_count) - 1);
    const unsigned column = contract->consequence;
    for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
        const struct defaults *d = &defaults_of[i];
        struct troth_rung_rules *rung = &contract->ladder[i];
        rung->confidence_below = d->confidence_below[column];
        rung->freshness_below = d->freshness_below[column];
        rung->disputes_open = d->disputes_open[column];
        rung->change = d->change;
        rung->budget = d->budget;
        rung->never = d->never;
        rung->scope.traffic = d->traffic;
        rung->scope.max_cost_micros = -1;
        rung->scope.capabilities = i == TROTH_RUNG_PAUSE ? 0 : all;
    }
}

/* Whether a condition is switched off: null or false. */
static bool is_off(const struct troth_node *node)
{
    return troth_node_is_null(node) ||
           (node->kind == TROTH_NODE_SCALAR && node->plain && strcmp(node->text, "false") == 0);
}

/* A number of 0..most. */
static void read_part(struct troth_reader *reader, const struct troth_node *node, double most,
                      double *value)
{
    double number = 0.0;
    if (!troth_reader_number(reader, node, &number)) {
        return;
    }
    if (number < 0.0 || number > most) {
        troth_reader_problem(reader, node, "%.40s is out of range; write a number of 0 to %g",
                             node->text, most);
        return;
    }
    *value = number;
}

static void read_threshold(struct troth_reader *reader, const struct troth_node *map,
                           const char *key, double most, double *value)
{
    const struct troth_node *node = troth_reader_open(reader, map, key);
    if (node == NULL) {
        return;
    }
    if (is_off(node)) {
        *value = 0.0;
    } else {
        read_part(reader, node, most, value);
    }
    troth_reader_leave(reader);
}

static void read_switch(struct troth_reader *reader, const struct troth_node *map, const char *key,
                        bool *value)
{
    const struct troth_node *node = troth_reader_open(reader, map, key);
    if (node == NULL) {
        return;
    }
    if (is_off(node)) {
        *value = false;
    } else {
        (void)troth_reader_boolean(reader, node, value);
    }
    troth_reader_leave(reader);
}

static void read_disputes(struct troth_reader *reader, const struct troth_node *map,
                          uint32_t *disputes_open)
{
    const struct troth_node *node = troth_reader_open(reader, map, "disputes_open");
    if (node == NULL) {
        return;
    }
    int64_t count = 0;
    if (is_off(node) || troth_reader_integer(reader, node, 0, TROTH_DISPUTES_MAX, &count)) {
        *disputes_open = (uint32_t)count;
    }
    troth_reader_leave(reader);
}

static int find_capability(const struct troth_contract *contract, const char *name)
{
    for (unsigned i = 0; i < contract->capability_count; i++) {
        if (strcmp(contract->capabilities[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void read_capabilities(struct troth_reader *reader, const struct troth_node *node,
                              uint32_t *capabilities)
{
    if (node->kind == TROTH_NODE_LIST && node->count == 0) {
        *capabilities = 0; /* a rung may allow none */
        return;
    }
    if (!troth_reader_list(reader, node)) {
        return;
    }
    uint32_t mask = 0;
    unsigned index = 0;
    TROTH_NODE_EACH(reader, node, item)
    {
        char name[TROTH_NAME_LENGTH_MAX + 1];
        troth_reader_enter_item(reader, index++);
        if (troth_reader_name(reader, item, name)) {
            const int found = find_capability(reader->contract, name);
            if (found < 0) {
                troth_reader_problem(reader, item,
                                     "%s is no capability of the contract; name those of its "
                                     "capabilities that the rung leaves",
                                     name);
            } else {
                mask |= 1U << found;
            }
        }
        troth_reader_leave(reader);
    }
    *capabilities = mask;
}

static void read_scope(struct troth_reader *reader, const struct troth_node *node,
                       struct troth_scope *scope)
{
    static const char *const known[] = {"traffic", "capabilities", "max_cost_micros", NULL};
    if (is_off(node)) {
        troth_reader_problem(reader, node,
                             "a rung always has a scope; leave it out for the "
                             "default, or write {traffic: 1}");
        return;
    }
    if (!troth_reader_map(reader, node, known)) {
        return;
    }
    const struct troth_node *value = troth_reader_open(reader, node, "traffic");
    if (value != NULL) {
        read_part(reader, value, 1.0, &scope->traffic);
        troth_reader_leave(reader);
    }
    value = troth_reader_open(reader, node, "capabilities");
    if (value != NULL) {
        read_capabilities(reader, value, &scope->capabilities);
        troth_reader_leave(reader);
    }
    value = troth_reader_open(reader, node, "max_cost_micros");
    if (value != NULL) {
        if (troth_node_is_null(value)) {
            scope->max_cost_micros = -1;
        } else {
            (void)troth_reader_integer(reader, value, 0, INT64_MAX, &scope->max_cost_micros);
        }
        troth_reader_leave(reader);
    }
}

static void read_rung(struct troth_reader *reader, const struct troth_node *node, unsigned index)
{
    static const char *const conditions[] = {
        "confidence_below", "freshness_below", "disputes_open", "change", "budget", "scope", NULL};
    static const char *const of_recertify[] = {"freshness_below", "scope", NULL};
    static const char *const of_clear[] = {"scope", NULL};
    struct troth_rung_rules *rung = &reader->contract->ladder[index];
    if (!troth_reader_map(reader, node,
                          index == TROTH_RUNG_CLEAR       ? of_clear
                          : index == TROTH_RUNG_RECERTIFY ? of_recertify
                                                          : conditions)) {
        return;
    }
    if (index != TROTH_RUNG_CLEAR) {
        read_threshold(reader, node, "freshness_below", 1.0, &rung->freshness_below);
    }
    if (index != TROTH_RUNG_CLEAR && index != TROTH_RUNG_RECERTIFY) {
        read_threshold(reader, node, "confidence_below", 0.5, &rung->confidence_below);
        read_disputes(reader, node, &rung->disputes_open);
        read_switch(reader, node, "change", &rung->change);
        read_switch(reader, node, "budget", &rung->budget);
    }
    const struct troth_node *scope = troth_reader_open(reader, node, "scope");
    if (scope != NULL) {
        read_scope(reader, scope, &rung->scope);
        troth_reader_leave(reader);
    }
}

#define NAME_OF_RUNG(NAME, text) text,

void troth_contract_read_ladder(struct troth_reader *reader, const struct troth_node *node)
{
    static const char *const rungs[] = {TROTH_RUNGS(NAME_OF_RUNG) NULL};
    if (!troth_reader_map(reader, node, rungs)) {
        return;
    }
    for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
        const struct troth_node *rung = troth_reader_open(reader, node, rungs[i]);
        if (rung != NULL) {
            read_rung(reader, rung, i);
            troth_reader_leave(reader);
        }
    }
}
