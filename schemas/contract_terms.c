/* The terms of a contract's document. */
#include <math.h>
#include <string.h>

#include "schemas/contract_parts.h"
#include "schemas/contract_scalar.h"

#define KIND(name) (1U << TROTH_TERM_##name)
#define SHARES     (KIND(SHARE) | KIND(COMPLETENESS) | KIND(JUDGED))
#define ANY        ((1U << (TROTH_TERM_CADENCE + 1)) - 1)

enum { EVIDENCE_LEAST = 10, FRESH_LEAST = 5, FRESH_PART = 10 };

/* The keys of a term, and the kinds that have them. */
static const char *const term_keys[] = {"name",   "when",   "keep",      "completeness", "judged",
                                        "never",  "budget", "cadence",   "required",     "floor",
                                        "absent", "window", "half_life", "evidence",     "fresh",
                                        "panes",  NULL};
static const unsigned char kinds_of_key[] = {ANY,          KIND(SHARE) | KIND(BUDGET),
                                             KIND(SHARE),  KIND(COMPLETENESS),
                                             KIND(JUDGED), KIND(NEVER),
                                             KIND(BUDGET), KIND(CADENCE),
                                             ANY,          SHARES,
                                             KIND(SHARE),  ANY,
                                             ANY,          SHARES,
                                             SHARES,       ANY};
_Static_assert(sizeof kinds_of_key == sizeof term_keys / sizeof term_keys[0] - 1, "one a key");

uint32_t troth_contract_default_evidence(double floor_rate)
{
    const double wanted = ceil(log(0.1) / log(floor_rate));
    return wanted <= EVIDENCE_LEAST       ? EVIDENCE_LEAST
           : wanted <= TROTH_EVIDENCE_MAX ? (uint32_t)wanted
                                          : TROTH_EVIDENCE_MAX + 1;
}

/* The kind that a term's keys say; -1, told, where they say none or several. */
static int kind_of(struct troth_reader *reader, const struct troth_node *map)
{
    int kind = -1;
    static const struct {
        const char *key;
        enum troth_term_kind kind;
    } signs[] = {{"keep", TROTH_TERM_SHARE},    {"completeness", TROTH_TERM_COMPLETENESS},
                 {"judged", TROTH_TERM_JUDGED}, {"never", TROTH_TERM_NEVER},
                 {"budget", TROTH_TERM_BUDGET}, {"cadence", TROTH_TERM_CADENCE}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (troth_reader_find(reader, map, signs[i].key) == NULL) {
            continue;
        }
        if (kind >= 0) {
            troth_reader_problem(reader, map, "%s stands in a %s term; a term has one kind",
                                 signs[i].key, troth_term_kind_name((unsigned)kind));
            return -1;
        }
        kind = (int)signs[i].kind;
    }
    if (kind < 0 && troth_reader_find(reader, map, "when") != NULL) {
        return TROTH_TERM_SHARE;
    }
    if (kind < 0) {
        troth_reader_problem(reader, map,
                             "a term promises nothing; write when and keep, or one of "
                             "completeness, judged, never, budget, cadence");
    }
    return kind;
}

static void check_keys_of_kind(struct troth_reader *reader, const struct troth_node *map,
                               unsigned kind)
{
    for (unsigned i = 0; term_keys[i] != NULL; i++) {
        if (kinds_of_key[i] >> kind & 1U) {
            continue;
        }
        const struct troth_node *node = troth_reader_open(reader, map, term_keys[i]);
        if (node != NULL) {
            troth_reader_problem(reader, node, "a %s term has no %s; leave it out",
                                 troth_term_kind_name(kind), term_keys[i]);
            troth_reader_leave(reader);
        }
    }
}

static void read_name(struct troth_reader *reader, const struct troth_node *map, unsigned index)
{
    struct troth_contract *contract = reader->contract;
    const struct troth_node *node = troth_reader_require(reader, map, "name", "name: a name");
    if (node == NULL) {
        return;
    }
    char *name = contract->terms[index].name;
    if (troth_reader_name(reader, node, name)) {
        for (unsigned i = 0; i < index; i++) {
            if (strcmp(contract->terms[i].name, name) == 0) {
                troth_reader_problem(reader, node, "term %u has the name %s too; choose another", i,
                                     name);
                break;
            }
        }
    }
    troth_reader_leave(reader);
}

/* Window, panes and half-life, by the contract's where the term has none of its own. */
static void read_window(struct troth_reader *reader, const struct troth_node *map,
                        struct troth_term *term)
{
    const struct troth_contract *contract = reader->contract;
    int64_t panes = contract->panes;
    term->window_us = contract->window_us;
    term->half_life_us = contract->half_life_us;
    const bool own =
        troth_reader_duration_of(reader, map, "window", TROTH_MILLISECOND_US, &term->window_us);
    const bool own_panes =
        troth_reader_integer_of(reader, map, "panes", TROTH_PANES_MIN, TROTH_PANES_MAX, &panes);
    term->panes = (uint8_t)panes;
    if (own) {
        term->half_life_us = term->window_us / 2;
    }
    (void)troth_reader_duration_of(reader, map, "half_life", TROTH_MILLISECOND_US,
                                   &term->half_life_us);
    if (own || own_panes) {
        troth_contract_check_panes(reader, map, term->window_us, panes);
    }
}

static void read_floor(struct troth_reader *reader, const struct troth_node *map,
                       struct troth_term *term)
{
    const struct troth_node *node =
        troth_reader_require(reader, map, "floor", "floor: a number between 0 and 1");
    double floor_rate = 0.5;
    if (node != NULL) {
        if (troth_reader_number(reader, node, &floor_rate) &&
            !(floor_rate > 0.0 && floor_rate < 1.0)) {
            troth_reader_problem(reader, node,
                                 "%.40s is out of range; write a number above 0 and below 1",
                                 node->text);
            floor_rate = 0.5;
        }
        troth_reader_leave(reader);
    }
    term->floor = floor_rate;
    int64_t evidence = troth_contract_default_evidence(floor_rate);
    if (!troth_reader_integer_of(reader, map, "evidence", 1, TROTH_EVIDENCE_MAX, &evidence) &&
        evidence > TROTH_EVIDENCE_MAX) {
        troth_reader_enter(reader, "floor");
        troth_reader_problem(reader, node,
                             "so near to 1 that %d pieces of evidence do not prove it; write a "
                             "lower floor, or evidence",
                             TROTH_EVIDENCE_MAX);
        troth_reader_leave(reader);
        evidence = TROTH_EVIDENCE_MAX;
    }
    int64_t fresh = (evidence + FRESH_PART - 1) / FRESH_PART;
    fresh = fresh < FRESH_LEAST ? FRESH_LEAST : fresh;
    (void)troth_reader_integer_of(reader, map, "fresh", 1, TROTH_EVIDENCE_MAX, &fresh);
    term->evidence = (uint32_t)evidence;
    term->fresh = (uint32_t)fresh;
}

/* Reads a predicate under a key. In wanted: what is told to be missing, or NULL for an optional
 * key. In empty_means: why an empty one is refused, or NULL where it is not. */
static void read_predicate_of(struct troth_reader *reader, const struct troth_node *map,
                              const char *key, const char *wanted, const char *empty_means,
                              struct troth_predicate *predicate)
{
    const struct troth_node *node = wanted != NULL ? troth_reader_require(reader, map, key, wanted)
                                                   : troth_reader_open(reader, map, key);
    if (node == NULL) {
        return;
    }
    troth_contract_read_predicate(reader, node, predicate);
    if (empty_means != NULL && node->kind == TROTH_NODE_MAP && node->count == 0) {
        troth_reader_problem(reader, node, "%s; write a field and what it must be", empty_means);
    }
    troth_reader_leave(reader);
}

static void read_share(struct troth_reader *reader, const struct troth_node *map,
                       struct troth_term *term)
{
    static const char *const known[] = {"broken", "ignore", NULL};
    uint8_t absent = 0;
    read_predicate_of(reader, map, "when", "when: {kind: task}, or {} for every event", NULL,
                      &term->when);
    read_predicate_of(reader, map, "keep", "keep: {outcome: ok}", "nothing could break the term",
                      &term->keep);
    term->absent = reader->contract->consequence == TROTH_CONSEQUENCE_HIGH
                       ? TROTH_ABSENT_UNSTATED_HIGH
                       : TROTH_ABSENT_UNSTATED;
    if (troth_reader_choice_of(reader, map, "absent", known, &absent)) {
        term->absent = absent == 0 ? TROTH_ABSENT_BROKEN : TROTH_ABSENT_IGNORE;
    }
}

static void read_completeness(struct troth_reader *reader, const struct troth_node *node)
{
    bool complete = true;
    if (troth_reader_boolean(reader, node, &complete) && !complete) {
        troth_reader_problem(reader, node, "a completeness term says true; leave the term out");
    }
}

static void read_judged(struct troth_reader *reader, const struct troth_node *node,
                        struct troth_term *term)
{
    static const char *const known[] = {"by", NULL};
    if (!troth_reader_map(reader, node, known)) {
        return;
    }
    const struct troth_node *by = troth_reader_open(reader, node, "by");
    if (by != NULL) {
        troth_contract_read_texts(reader, by, &term->by_first, &term->by_count);
        troth_reader_leave(reader);
    }
}

/* In map: the term's, whose `when` stands beside the budget as well as in it. */
static void read_budget(struct troth_reader *reader, const struct troth_node *map,
                        const struct troth_node *node, struct troth_term *term)
{
    static const char *const known[] = {"sum", "at_most", "when", NULL};
    static const char *const sums[] = {"latency_us", "cost_micros", "input_tokens", "output_tokens",
                                       NULL};
    uint8_t sum = 0;
    if (!troth_reader_map(reader, node, known)) {
        return;
    }
    const struct troth_node *value =
        troth_reader_require(reader, node, "sum", "sum: cost_micros, or another amount");
    if (value != NULL) {
        (void)troth_reader_choice(reader, value, sums, &sum);
        troth_reader_leave(reader);
    }
    term->sum = (uint8_t)(TROTH_FIELD_LATENCY_US + sum);
    value = troth_reader_require(reader, node, "at_most", "at_most: the limit, an integer");
    if (value != NULL) {
        (void)troth_reader_integer(reader, value, 0, INT64_MAX, &term->at_most);
        troth_reader_leave(reader);
    }
    read_predicate_of(reader, node, "when", NULL, NULL, &term->when);
    const struct troth_node *beside = troth_reader_find(reader, map, "when");
    if (beside != NULL && troth_reader_find(reader, node, "when") != NULL) {
        troth_reader_problem(reader, node, "when stands in the budget and beside it; keep one");
    }
}

static void read_cadence(struct troth_reader *reader, const struct troth_node *node,
                         struct troth_term *term)
{
    static const char *const known[] = {"when", "every", NULL};
    if (!troth_reader_map(reader, node, known)) {
        return;
    }
    read_predicate_of(reader, node, "when", "when: {kind: heartbeat}, or {} for every event", NULL,
                      &term->when);
    term->every_us = TROTH_DAY_US;
    const struct troth_node *every =
        troth_reader_require(reader, node, "every", "every: a duration, as 24h");
    if (every != NULL) {
        (void)troth_reader_duration(reader, every, TROTH_MILLISECOND_US, &term->every_us);
        troth_reader_leave(reader);
    }
}

/* What is a kind's own: the value of the key that names it. */
static void read_kind(struct troth_reader *reader, const struct troth_node *map,
                      struct troth_term *term)
{
    const char *key = troth_term_kind_name(term->kind);
    if (term->kind == TROTH_TERM_SHARE) {
        read_share(reader, map, term);
        return;
    }
    if (term->kind == TROTH_TERM_NEVER) {
        read_predicate_of(reader, map, key, NULL, "every event would break the term", &term->when);
        return;
    }
    if (term->kind == TROTH_TERM_BUDGET) {
        read_predicate_of(reader, map, "when", NULL, NULL, &term->when);
    }
    const struct troth_node *node = troth_reader_open(reader, map, key);
    if (term->kind == TROTH_TERM_COMPLETENESS) {
        read_completeness(reader, node);
    } else if (term->kind == TROTH_TERM_JUDGED) {
        read_judged(reader, node, term);
    } else if (term->kind == TROTH_TERM_BUDGET) {
        read_budget(reader, map, node, term);
    } else {
        read_cadence(reader, node, term);
    }
    troth_reader_leave(reader);
}

static void read_term(struct troth_reader *reader, const struct troth_node *map, unsigned index)
{
    struct troth_term *term = &reader->contract->terms[index];
    if (!troth_reader_map(reader, map, term_keys)) {
        return;
    }
    read_name(reader, map, index);
    const int kind = kind_of(reader, map);
    if (kind < 0) {
        return;
    }
    term->kind = (uint8_t)kind;
    term->required = true;
    term->evidence = 1;
    term->fresh = 1;
    check_keys_of_kind(reader, map, term->kind);
    (void)troth_reader_boolean_of(reader, map, "required", &term->required);
    read_kind(reader, map, term);
    read_window(reader, map, term);
    if (SHARES >> kind & 1U) {
        read_floor(reader, map, term);
    }
}

void troth_contract_read_terms(struct troth_reader *reader, const struct troth_node *node)
{
    struct troth_contract *contract = reader->contract;
    if (!troth_reader_list(reader, node)) {
        return;
    }
    unsigned index = 0;
    TROTH_NODE_EACH(reader, node, item)
    {
        if (index == TROTH_TERMS_MAX) {
            troth_reader_problem(reader, item, "the contract has more than %d terms",
                                 TROTH_TERMS_MAX);
            break;
        }
        troth_reader_enter_item(reader, index);
        read_term(reader, item, index);
        troth_reader_leave(reader);
        index++;
    }
    contract->term_count = (uint8_t)index;
}
