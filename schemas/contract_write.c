/*
 * The canonical JSON of a contract: compact, keys in the order of the documentation, every default
 * explicit. The one exception: a half-life of half a window of an odd number of milliseconds, which
 * no duration can write, is left to be the default that it is.
 */
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "schemas/assert.h"
#include "schemas/contract_parts.h"
#include "schemas/contract_scalar.h"

struct output {
    char *buffer;
    size_t capacity;
    size_t length; /* wanted; past capacity nothing is stored */
};

static void put_bytes(struct output *output, const char *bytes, size_t length)
{
    if (length > 0 && output->length <= output->capacity &&
        length <= output->capacity - output->length) {
        memcpy(output->buffer + output->length, bytes, length);
    }
    output->length += length;
}

static void put(struct output *output, const char *text)
{
    put_bytes(output, text, strlen(text));
}

/* A JSON string. What YAML would not read back as it is, is escaped too: its other line breaks and
 * the two codes that are no characters. */
static void put_text(struct output *output, const char *text, size_t length)
{
    put(output, "\"");
    for (size_t i = 0; i < length;) {
        uint32_t code = 0;
        const size_t width = troth_utf8_read(text + i, length - i, &code);
        TROTH_ASSERT(width > 0);
        char escape[8];
        if (code == '"' || code == '\\') {
            (void)snprintf(escape, sizeof escape, "\\%c", (char)code);
            put(output, escape);
        } else if (code == '\n' || code == '\t') {
            put(output, code == '\n' ? "\\n" : "\\t");
        } else if (code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 ||
                   code == 0x2029 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF) {
            (void)snprintf(escape, sizeof escape, "\\u%04X", (unsigned)code);
            put(output, escape);
        } else {
            put_bytes(output, text + i, width);
        }
        i += width;
    }
    put(output, "\"");
}

static void put_key(struct output *output, const char *key, bool first)
{
    put(output, first ? "\"" : ",\"");
    put(output, key);
    put(output, "\":");
}

static void put_string(struct output *output, const char *text)
{
    put_text(output, text, strlen(text));
}

static void put_integer(struct output *output, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    put(output, text);
}

/* The fewest digits that read back the same. The locale is the C one here. */
static void put_number(struct output *output, double value)
{
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (troth_scalar_double(text) == value) {
            break;
        }
    }
    put(output, text);
}

static void put_boolean(struct output *output, bool value)
{
    put(output, value ? "true" : "false");
}

/* In the largest unit that is exact. In us: whole milliseconds. */
static void put_duration(struct output *output, int64_t us)
{
    static const struct {
        int64_t us;
        const char *name;
    } units[] = {{TROTH_DAY_US, "d"},
                 {INT64_C(3600000000), "h"},
                 {INT64_C(60000000), "m"},
                 {INT64_C(1000000), "s"},
                 {TROTH_MILLISECOND_US, "ms"}};
    size_t unit = 0;
    while (us % units[unit].us != 0) {
        unit++;
        TROTH_ASSERT(unit < sizeof units / sizeof units[0]);
    }
    if (us == 0) {
        unit = 3;
    }
    put(output, "\"");
    put_integer(output, us / units[unit].us);
    put(output, units[unit].name);
    put(output, "\"");
}

/* ------------------------------------------------------------------------------- predicates */

static void put_names(struct output *output, unsigned field, uint32_t mask)
{
    const bool one = (mask & (mask - 1)) == 0;
    bool first = true;
    put(output, one ? "" : "[");
    for (unsigned value = 0; value < 32; value++) {
        if (mask >> value & 1U) {
            put(output, first ? "" : ",");
            put_string(output, troth_contract_enum_name(field, value));
            first = false;
        }
    }
    put(output, one ? "" : "]");
}

static void put_values(struct output *output, const struct troth_contract *contract, bool texts,
                       unsigned first, unsigned count, bool list)
{
    put(output, list ? "[" : "");
    for (unsigned i = 0; i < count; i++) {
        const struct troth_value *value = &contract->values[first + i];
        put(output, i > 0 ? "," : "");
        if (texts) {
            put_text(output, contract->pool + value->text_offset, value->text_length);
        } else {
            put_integer(output, value->integer);
        }
    }
    put(output, list ? "]" : "");
}

/* Whether a test is written bare, without a map of operators, when it is alone of its field. */
static bool is_bare(const struct troth_test *test)
{
    if (test->kind == TROTH_TEST_ENUM) {
        const uint32_t rest = troth_contract_enum_all(test->field) & ~test->mask;
        return test->mask != 0 &&
               (rest == 0 || __builtin_popcount(test->mask) <= __builtin_popcount(rest));
    }
    return test->kind == TROTH_TEST_IN ||
           (test->kind == TROTH_TEST_RANGE && test->low == test->high);
}

static void put_bare(struct output *output, const struct troth_contract *contract,
                     const struct troth_test *test)
{
    if (test->kind == TROTH_TEST_ENUM) {
        put_names(output, test->field, test->mask);
    } else if (test->kind == TROTH_TEST_RANGE) {
        put_integer(output, test->low);
    } else {
        const bool texts = troth_field_type(test->field) != TROTH_TYPE_INTEGER;
        put_values(output, contract, texts, test->value_first, test->value_count,
                   test->value_count > 1);
    }
}

static void put_operators(struct output *output, const struct troth_contract *contract,
                          const struct troth_test *test)
{
    const bool texts = troth_field_type(test->field) != TROTH_TYPE_INTEGER;
    switch ((enum troth_test_kind)test->kind) {
    case TROTH_TEST_ENUM:
        put_key(output, "not", true);
        put_names(output, test->field, troth_contract_enum_all(test->field) & ~test->mask);
        break;
    case TROTH_TEST_RANGE:
        if (test->low != INT64_MIN || test->high == INT64_MAX) {
            put_key(output, "ge", true);
            put_integer(output, test->low);
        }
        if (test->high != INT64_MAX) {
            put_key(output, "le", test->low == INT64_MIN);
            put_integer(output, test->high);
        }
        break;
    case TROTH_TEST_IN:
        TROTH_ASSERT(false);
        break;
    case TROTH_TEST_NOT_IN:
        put_key(output, "not", true);
        put_values(output, contract, texts, test->value_first, test->value_count,
                   test->value_count > 1);
        break;
    case TROTH_TEST_NUMBER:
        if (isfinite(test->low_number)) {
            put_key(output, test->low_open ? "gt" : "ge", true);
            put_number(output, test->low_number);
        }
        if (isfinite(test->high_number)) {
            put_key(output, test->high_open ? "lt" : "le", !isfinite(test->low_number));
            put_number(output, test->high_number);
        }
        break;
    case TROTH_TEST_EXISTS:
        put_key(output, "exists", true);
        put_boolean(output, test->exists);
        break;
    }
}

static bool same_field(const struct troth_contract *contract, const struct troth_test *a,
                       const struct troth_test *b)
{
    return a->field == b->field && a->name_length == b->name_length &&
           memcmp(contract->pool + a->name_offset, contract->pool + b->name_offset,
                  a->name_length) == 0;
}

static void put_field(struct output *output, const struct troth_contract *contract,
                      const struct troth_test *test)
{
    char name[sizeof "attributes." + TROTH_TEXT_LENGTH_MAX];
    size_t length = strlen(troth_field_name(test->field));
    memcpy(name, troth_field_name(test->field), length);
    if (test->name_length > 0) {
        name[length++] = '.';
        memcpy(name + length, contract->pool + test->name_offset, test->name_length);
        length += test->name_length;
    }
    put_text(output, name, length);
    put(output, ":");
}

static void put_predicate(struct output *output, const struct troth_contract *contract,
                          struct troth_predicate predicate)
{
    const struct troth_test *tests = &contract->tests[predicate.first];
    unsigned next = 0;
    put(output, "{");
    for (unsigned i = 0; i < predicate.count; i = next) {
        next = i + 1;
        while (next < predicate.count && same_field(contract, &tests[i], &tests[next])) {
            next++;
        }
        put(output, i > 0 ? "," : "");
        put_field(output, contract, &tests[i]);
        if (next == i + 1 && is_bare(&tests[i])) {
            put_bare(output, contract, &tests[i]);
            continue;
        }
        put(output, "{");
        for (unsigned k = i; k < next; k++) {
            put(output, k > i ? "," : "");
            put_operators(output, contract, &tests[k]);
        }
        put(output, "}");
    }
    put(output, "}");
}

/* ------------------------------------------------------------------------- terms and ladder */

/* Window, panes and half-life. */
static void put_window(struct output *output, int64_t window_us, int64_t panes,
                       int64_t half_life_us)
{
    put_key(output, "window", false);
    put_duration(output, window_us);
    put_key(output, "panes", false);
    put_integer(output, panes);
    if (half_life_us % TROTH_MILLISECOND_US == 0) {
        put_key(output, "half_life", false);
        put_duration(output, half_life_us);
    } else {
        TROTH_ASSERT(half_life_us == window_us / 2);
    }
}

static void put_kind(struct output *output, const struct troth_contract *contract,
                     const struct troth_term *term)
{
    static const char *const absents[] = {NULL, NULL, "broken", "ignore"};
    if (term->kind != TROTH_TERM_SHARE) {
        put_key(output, troth_term_kind_name(term->kind), false);
    }
    switch ((enum troth_term_kind)term->kind) {
    case TROTH_TERM_SHARE:
        put_key(output, "when", false);
        put_predicate(output, contract, term->when);
        put_key(output, "keep", false);
        put_predicate(output, contract, term->keep);
        if (absents[term->absent] != NULL) {
            put_key(output, "absent", false);
            put_string(output, absents[term->absent]);
        }
        break;
    case TROTH_TERM_COMPLETENESS:
        put_boolean(output, true);
        break;
    case TROTH_TERM_JUDGED:
        put(output, "{");
        if (term->by_count > 0) {
            put_key(output, "by", true);
            put_values(output, contract, true, term->by_first, term->by_count, true);
        }
        put(output, "}");
        break;
    case TROTH_TERM_NEVER:
        put_predicate(output, contract, term->when);
        break;
    case TROTH_TERM_BUDGET:
        put(output, "{");
        put_key(output, "sum", true);
        put_string(output, troth_field_name(term->sum));
        put_key(output, "at_most", false);
        put_integer(output, term->at_most);
        if (term->when.count > 0) {
            put_key(output, "when", false);
            put_predicate(output, contract, term->when);
        }
        put(output, "}");
        break;
    case TROTH_TERM_CADENCE:
        put(output, "{");
        put_key(output, "when", true);
        put_predicate(output, contract, term->when);
        put_key(output, "every", false);
        put_duration(output, term->every_us);
        put(output, "}");
        break;
    }
}

static void put_term(struct output *output, const struct troth_contract *contract, unsigned index)
{
    const struct troth_term *term = &contract->terms[index];
    put(output, index > 0 ? ",{" : "{");
    put_key(output, "name", true);
    put_string(output, term->name);
    put_kind(output, contract, term);
    const bool shares = term->kind == TROTH_TERM_SHARE || term->kind == TROTH_TERM_COMPLETENESS ||
                        term->kind == TROTH_TERM_JUDGED;
    if (shares) {
        put_key(output, "floor", false);
        put_number(output, term->floor);
    }
    put_key(output, "required", false);
    put_boolean(output, term->required);
    put_window(output, term->window_us, term->panes, term->half_life_us);
    if (shares) {
        put_key(output, "evidence", false);
        put_integer(output, term->evidence);
        put_key(output, "fresh", false);
        put_integer(output, term->fresh);
    }
    put(output, "}");
}

static void put_capabilities(struct output *output, const struct troth_contract *contract,
                             uint32_t mask)
{
    bool first = true;
    put(output, "[");
    for (unsigned i = 0; i < contract->capability_count; i++) {
        if (mask >> i & 1U) {
            put(output, first ? "" : ",");
            put_string(output, contract->capabilities[i]);
            first = false;
        }
    }
    put(output, "]");
}

/* A condition's limit, null where it is off. */
static void put_limit(struct output *output, const char *key, double limit, bool first)
{
    put_key(output, key, first);
    if (limit > 0.0) {
        put_number(output, limit);
    } else {
        put(output, "null");
    }
}

static void put_rung(struct output *output, const struct troth_contract *contract, unsigned index)
{
    const struct troth_rung_rules *rung = &contract->ladder[index];
    put_key(output, troth_rung_name(index), index == 0);
    put(output, "{");
    if (index == TROTH_RUNG_RECERTIFY) {
        put_limit(output, "freshness_below", rung->freshness_below, true);
    } else if (index != TROTH_RUNG_CLEAR) {
        put_limit(output, "confidence_below", rung->confidence_below, true);
        put_limit(output, "freshness_below", rung->freshness_below, false);
        put_limit(output, "disputes_open", rung->disputes_open, false);
        put_key(output, "change", false);
        put_boolean(output, rung->change);
        put_key(output, "budget", false);
        put_boolean(output, rung->budget);
    }
    put_key(output, "scope", index == TROTH_RUNG_CLEAR);
    put(output, "{");
    put_key(output, "traffic", true);
    put_number(output, rung->scope.traffic);
    put_key(output, "capabilities", false);
    put_capabilities(output, contract, rung->scope.capabilities);
    put_key(output, "max_cost_micros", false);
    if (rung->scope.max_cost_micros < 0) {
        put(output, "null");
    } else {
        put_integer(output, rung->scope.max_cost_micros);
    }
    put(output, "}}");
}

static void put_contract(struct output *output, const struct troth_contract *contract)
{
    const uint32_t all = (uint32_t)((UINT64_C(1) << contract->capability_count) - 1);
    put(output, "{");
    put_key(output, "contract", true);
    put_string(output, contract->name);
    put_key(output, "version", false);
    put_integer(output, contract->version);
    put_key(output, "promise", false);
    put_string(output, contract->promise);
    put_key(output, "owner", false);
    put_string(output, contract->owner);
    put_key(output, "applies_to", false);
    put(output, "{\"agent\":");
    put_string(output, contract->applies_to);
    put(output, "}");
    put_key(output, "consequence", false);
    put_string(output, troth_consequence_name(contract->consequence));
    put_key(output, "mode", false);
    put_string(output, troth_mode_name(contract->mode));
    put_key(output, "on_agent_version", false);
    put_string(output, contract->on_version == TROTH_ON_VERSION_KEEP ? "keep" : "recertify");
    put_key(output, "capabilities", false);
    put_capabilities(output, contract, all);
    put_window(output, contract->window_us, contract->panes, contract->half_life_us);
    put_key(output, "hold", false);
    put_duration(output, contract->hold_us);
    put_key(output, "terms", false);
    put(output, "[");
    for (unsigned i = 0; i < contract->term_count; i++) {
        put_term(output, contract, i);
    }
    put(output, "]");
    put_key(output, "certify", false);
    put(output, "{\"confidence\":");
    put_number(output, contract->certify_confidence);
    put_key(output, "within", false);
    put_duration(output, contract->certify_within_us);
    put(output, "}");
    put_key(output, "review_every", false);
    put_duration(output, contract->review_every_us);
    put_key(output, "ladder", false);
    put(output, "{");
    for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
        put_rung(output, contract, i);
    }
    put(output, "}}");
}

troth_status troth_contract_write(const struct troth_contract *contract, char *buffer,
                                  size_t capacity, size_t *length)
{
    struct output output = {.buffer = buffer, .capacity = capacity};
    /* Numbers are written with a point whatever the thread's locale is. */
    const locale_t before = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
    put_contract(&output, contract);
    (void)uselocale(before);
    if (output.length > capacity) {
        return TROTH_FULL;
    }
    *length = output.length;
    return TROTH_OK;
}
