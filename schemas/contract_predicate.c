/* Predicates of a contract's document, as tests. */
#include <math.h>
#include <string.h>

#include "schemas/assert.h"
#include "schemas/contract_parts.h"
#include "schemas/contract_problems.h"
#include "schemas/contract_scalar.h"

#define ATTRIBUTE_PREFIX "attributes."

enum { ATTRIBUTE_PREFIX_LENGTH = sizeof ATTRIBUTE_PREFIX - 1 };

/* One key of a predicate's map. */
struct entry {
    const struct troth_node *key;
    const struct troth_node *value;
    unsigned field;
    const char *name; /* the attribute's, else "" */
    uint32_t name_length;
};

static const char *const operators[] = {"not", "lt", "le", "gt", "ge", "exists", NULL};

#define NAME_OF_FIELD(NAME, text, type) text,
static const char *const field_names[] = {TROTH_FIELDS(NAME_OF_FIELD) NULL};

const char *troth_contract_enum_name(unsigned field, unsigned value)
{
    switch (field) {
    case TROTH_FIELD_KIND:
        return troth_kind_name(value);
    case TROTH_FIELD_OUTCOME:
        return troth_outcome_name(value);
    case TROTH_FIELD_SOURCE:
        return troth_source_name(value);
    case TROTH_FIELD_RESCUE:
        return troth_rescue_name(value);
    default:
        TROTH_ASSERT(false);
        return NULL;
    }
}

uint32_t troth_contract_enum_all(unsigned field)
{
    uint32_t all = 0;
    for (unsigned value = 0; troth_contract_enum_name(field, value) != NULL; value++) {
        all |= 1U << value;
    }
    return all;
}

/* A new test of the entry's field, or NULL when there is no room. */
static struct troth_test *add_test(struct troth_reader *reader, const struct entry *entry,
                                   enum troth_test_kind kind)
{
    struct troth_contract *contract = reader->contract;
    if (contract->test_count == TROTH_TESTS_MAX) {
        troth_reader_problem(reader, entry->key, "the contract has more than %d tests",
                             TROTH_TESTS_MAX);
        return NULL;
    }
    struct troth_test *test = &contract->tests[contract->test_count++];
    test->kind = (uint8_t)kind;
    test->field = (uint8_t)entry->field;
    return test;
}

/* The bit of one value of an enumerated field, or 0 when it is none. */
static uint32_t enum_bit(struct troth_reader *reader, const struct troth_node *node, unsigned field)
{
    /* Of the enumerations a rescue alone can be absent. */
    if (field == TROTH_FIELD_RESCUE && troth_node_is_null(node)) {
        troth_reader_problem(reader, node,
                             "null is no value; write {exists: false} for an absent field");
        return 0;
    }
    const char *known[33] = {NULL};
    unsigned count = 0;
    for (; troth_contract_enum_name(field, count) != NULL; count++) {
        known[count] = troth_contract_enum_name(field, count);
    }
    uint8_t value = 0;
    return troth_reader_choice(reader, node, known, &value) ? 1U << value : 0;
}

static uint32_t enum_mask(struct troth_reader *reader, const struct troth_node *node,
                          unsigned field)
{
    if (node->kind != TROTH_NODE_LIST) {
        return enum_bit(reader, node, field);
    }
    uint32_t mask = 0;
    unsigned index = 0;
    if (!troth_reader_list(reader, node)) {
        return 0;
    }
    TROTH_NODE_EACH(reader, node, item)
    {
        troth_reader_enter_item(reader, index++);
        mask |= enum_bit(reader, item, field);
        troth_reader_leave(reader);
    }
    return mask;
}

/* The test of a scalar or list, or of what `not` bears. */
static void read_membership(struct troth_reader *reader, const struct entry *entry,
                            const struct troth_node *node, bool negated)
{
    const enum troth_field_type type = troth_field_type(entry->field);
    if (type == TROTH_TYPE_ENUM) {
        const uint32_t mask = enum_mask(reader, node, entry->field);
        struct troth_test *test = add_test(reader, entry, TROTH_TEST_ENUM);
        if (test != NULL) {
            test->mask = negated ? troth_contract_enum_all(entry->field) & ~mask : mask;
        }
        return;
    }
    const bool texts = type != TROTH_TYPE_INTEGER;
    struct troth_items items;
    troth_items_gather(reader, node, texts, &items);
    if (items.count == 0) {
        return; /* told already */
    }
    const bool equality = !negated && !texts && items.count == 1;
    struct troth_test *test = add_test(reader, entry,
                                       equality  ? TROTH_TEST_RANGE
                                       : negated ? TROTH_TEST_NOT_IN
                                                 : TROTH_TEST_IN);
    if (test == NULL) {
        return;
    }
    if (equality) {
        test->low = test->high = items.integers[0];
    } else {
        troth_items_add(reader, node, texts, &items, &test->value_first, &test->value_count);
    }
}

/* The inclusive integer bound that a decimal bound comes to; an empty range where there is none. */
static void bound_integer(const struct troth_node *node, bool upper, bool open,
                          struct troth_test *test)
{
    const struct troth_whole whole = troth_scalar_whole(node->text, node->length);
    bool empty = whole.beyond != 0 && upper == (whole.beyond < 0);
    if (whole.beyond == 0 && upper) {
        empty = open && whole.exact && whole.floor == INT64_MIN;
        const int64_t high = empty ? 0 : whole.floor - (open && whole.exact);
        test->high = high < test->high ? high : test->high;
    } else if (whole.beyond == 0) {
        const bool next = open || !whole.exact;
        empty = next && whole.floor == INT64_MAX;
        const int64_t low = empty ? 0 : whole.floor + next;
        test->low = low > test->low ? low : test->low;
    }
    if (empty || test->low > test->high) {
        test->low = 1; /* one form for all empty ranges */
        test->high = 0;
    }
}

static void bound_number(double number, bool upper, bool open, struct troth_test *test)
{
    if (upper) {
        test->high_open = number < test->high_number   ? open
                          : number > test->high_number ? test->high_open
                                                       : test->high_open || open;
        test->high_number = fmin(number, test->high_number);
    } else {
        test->low_open = number > test->low_number   ? open
                         : number < test->low_number ? test->low_open
                                                     : test->low_open || open;
        test->low_number = fmax(number, test->low_number);
    }
}

/* Reads lt, le, gt and ge of a map of operators, if there, into one test. */
static void read_range(struct troth_reader *reader, const struct entry *entry)
{
    const enum troth_field_type type = troth_field_type(entry->field);
    struct troth_test range = {.kind = TROTH_TEST_RANGE,
                               .field = (uint8_t)entry->field,
                               .low = INT64_MIN,
                               .high = INT64_MAX};
    if (type == TROTH_TYPE_ATTRIBUTES) {
        range = (struct troth_test){.kind = TROTH_TEST_NUMBER,
                                    .field = (uint8_t)entry->field,
                                    .low_number = -INFINITY,
                                    .high_number = INFINITY};
    }
    bool any = false;
    for (unsigned i = 1; i <= 4; i++) {
        const struct troth_node *node = troth_reader_open(reader, entry->value, operators[i]);
        if (node == NULL) {
            continue;
        }
        const bool upper = operators[i][0] == 'l';
        const bool open = operators[i][1] == 't';
        double number = 0.0;
        if (type != TROTH_TYPE_INTEGER && type != TROTH_TYPE_ATTRIBUTES) {
            troth_reader_problem(reader, node,
                                 "%s holds no number to compare; use a value, a list "
                                 "or {not: ...}",
                                 troth_field_name(entry->field));
        } else if (type == TROTH_TYPE_ATTRIBUTES) {
            if (troth_reader_number(reader, node, &number)) {
                bound_number(number, upper, open, &range);
                any = true;
            }
        } else if (troth_reader_decimal(reader, node, "a number")) {
            bound_integer(node, upper, open, &range);
            any = true;
        }
        troth_reader_leave(reader);
    }
    struct troth_test *test =
        any ? add_test(reader, entry, (enum troth_test_kind)range.kind) : NULL;
    if (test != NULL) {
        *test = range;
    }
}

static void read_exists(struct troth_reader *reader, const struct entry *entry)
{
    bool exists = true;
    if (troth_reader_boolean_of(reader, entry->value, "exists", &exists)) {
        struct troth_test *test = add_test(reader, entry, TROTH_TEST_EXISTS);
        if (test != NULL) {
            test->exists = exists;
        }
    }
}

/* Whether a field has values that can be tested, beyond whether it is there. */
static bool has_values(const struct entry *entry)
{
    const enum troth_field_type type = troth_field_type(entry->field);
    return type == TROTH_TYPE_TEXT || type == TROTH_TYPE_INTEGER || type == TROTH_TYPE_ENUM ||
           (type == TROTH_TYPE_ATTRIBUTES && entry->name_length > 0);
}

static void read_operators(struct troth_reader *reader, const struct entry *entry)
{
    if (!troth_reader_map(reader, entry->value, operators)) {
        return;
    }
    if (entry->value->count == 0) {
        troth_reader_problem(reader, entry->value,
                             "no condition; write one of not, lt, le, gt, ge, exists");
        return;
    }
    const struct troth_node *not_in = troth_reader_open(reader, entry->value, "not");
    if (not_in != NULL) {
        read_membership(reader, entry, not_in, true);
        troth_reader_leave(reader);
    }
    read_range(reader, entry);
    read_exists(reader, entry);
}

static void read_entry(struct troth_reader *reader, const struct entry *entry)
{
    struct troth_contract *contract = reader->contract;
    const uint16_t first = contract->test_count;
    int name_offset = 0;
    if (entry->name_length > 0) {
        name_offset = troth_contract_pool_text(reader, entry->key, entry->name, entry->name_length);
    }
    const bool only_exists = entry->value->kind == TROTH_NODE_MAP && entry->value->count == 2 &&
                             troth_reader_find(reader, entry->value, "exists") != NULL;
    if (name_offset < 0) {
        return;
    }
    if (!has_values(entry) && !only_exists) {
        troth_reader_problem(reader, entry->value,
                             entry->field == TROTH_FIELD_ATTRIBUTES
                                 ? "name one attribute, as attributes.region; of all only {exists: "
                                   "true} or {exists: false} can be asked"
                                 : "of this field only {exists: true} or {exists: false} can be "
                                   "asked");
    } else if (entry->value->kind == TROTH_NODE_MAP) {
        read_operators(reader, entry);
    } else {
        read_membership(reader, entry, entry->value, false);
    }
    for (unsigned i = first; i < contract->test_count; i++) {
        contract->tests[i].name_offset = (uint16_t)name_offset;
        contract->tests[i].name_length = (uint16_t)entry->name_length;
    }
}

/* Finds the field of an entry's key. Returns false, and tells it, where there is none. */
static bool find_field(struct troth_reader *reader, struct entry *entry)
{
    const struct troth_node *key = entry->key;
    const int field = troth_field_find(key->text, key->length);
    entry->name = "";
    entry->name_length = 0;
    if (field >= 0) {
        entry->field = (unsigned)field;
        return true;
    }
    if (key->length > ATTRIBUTE_PREFIX_LENGTH &&
        memcmp(key->text, ATTRIBUTE_PREFIX, ATTRIBUTE_PREFIX_LENGTH) == 0) {
        entry->field = TROTH_FIELD_ATTRIBUTES;
        entry->name = key->text + ATTRIBUTE_PREFIX_LENGTH;
        entry->name_length = key->length - ATTRIBUTE_PREFIX_LENGTH;
        /* Quoted, as the key is: an attribute may be named as a number is. */
        return troth_reader_text(reader, key, 0, TROTH_TEXT_LENGTH_MAX + ATTRIBUTE_PREFIX_LENGTH,
                                 false);
    }
    const char *nearest = troth_scalar_nearest(key->text, key->length, field_names);
    if (nearest != NULL) {
        troth_reader_problem(reader, key, "no field of an event; did you mean %s?", nearest);
    } else {
        troth_reader_problem(reader, key,
                             "no field of an event; of the emitter's own there are "
                             "attributes.NAME");
    }
    return false;
}

static bool is_before(const struct entry *a, const struct entry *b)
{
    if (a->field != b->field) {
        return a->field < b->field;
    }
    const uint32_t least = a->name_length < b->name_length ? a->name_length : b->name_length;
    const int order = memcmp(a->name, b->name, least);
    return order != 0 ? order < 0 : a->name_length < b->name_length;
}

void troth_contract_read_predicate(struct troth_reader *reader, const struct troth_node *node,
                                   struct troth_predicate *predicate)
{
    struct entry entries[TROTH_TESTS_MAX];
    unsigned count = 0;
    const uint16_t first = reader->contract->test_count;
    if (!troth_reader_map(reader, node, NULL)) {
        return;
    }
    const struct troth_node *value = NULL;
    for (const struct troth_node *key = troth_node_first(reader->tree, node); key != NULL;
         key = troth_node_next(reader->tree, value)) {
        value = troth_node_next(reader->tree, key);
        if (key->kind != TROTH_NODE_SCALAR) {
            continue;
        }
        if (count == TROTH_TESTS_MAX) {
            troth_reader_problem(reader, key, "the contract has more than %d tests",
                                 TROTH_TESTS_MAX);
            return;
        }
        struct entry entry = {.key = key, .value = value};
        troth_reader_enter(reader, key->text);
        const bool found = find_field(reader, &entry);
        troth_reader_leave(reader);
        if (!found) {
            continue;
        }
        unsigned place = count++;
        for (; place > 0 && is_before(&entry, &entries[place - 1]); place--) {
            entries[place] = entries[place - 1];
        }
        entries[place] = entry;
    }
    for (unsigned i = 0; i < count; i++) {
        troth_reader_enter(reader, entries[i].key->text);
        read_entry(reader, &entries[i]);
        troth_reader_leave(reader);
    }
    predicate->count = (uint16_t)(reader->contract->test_count - first);
    predicate->first = predicate->count > 0 ? first : 0; /* an empty run has one form */
}
