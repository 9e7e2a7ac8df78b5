#include "scoring/predicate.h"

#include <stddef.h>
#include <string.h>

#include "schemas/assert.h"

_Static_assert(TROTH_SIGNATURE_BITS <= 32, "a signature is 32 bits");

/* Where the integer and text fields stand in an event. */
static const uint16_t places[TROTH_FIELD_COUNT] = {
    [TROTH_FIELD_AGENT] = offsetof(struct troth_event, agent),
    [TROTH_FIELD_AT] = offsetof(struct troth_event, at_us),
    [TROTH_FIELD_ISSUER] = offsetof(struct troth_event, issuer),
    [TROTH_FIELD_CONTRACT] = offsetof(struct troth_event, contract),
    [TROTH_FIELD_SESSION] = offsetof(struct troth_event, session),
    [TROTH_FIELD_SEQ] = offsetof(struct troth_event, seq),
    [TROTH_FIELD_AGENT_VERSION] = offsetof(struct troth_event, agent_version),
    [TROTH_FIELD_TASK] = offsetof(struct troth_event, task),
    [TROTH_FIELD_TOOL] = offsetof(struct troth_event, tool),
    [TROTH_FIELD_LATENCY_US] = offsetof(struct troth_event, latency_us),
    [TROTH_FIELD_COST_MICROS] = offsetof(struct troth_event, cost_micros),
    [TROTH_FIELD_INPUT_TOKENS] = offsetof(struct troth_event, input_tokens),
    [TROTH_FIELD_OUTPUT_TOKENS] = offsetof(struct troth_event, output_tokens),
    [TROTH_FIELD_OWNER] = offsetof(struct troth_event, owner),
    [TROTH_FIELD_UNTIL] = offsetof(struct troth_event, until_us),
};

int64_t troth_event_integer(const struct troth_event *event, unsigned field)
{
    TROTH_ASSERT(troth_field_type(field) == TROTH_TYPE_INTEGER);
    int64_t integer = 0;
    memcpy(&integer, (const char *)event + places[field], sizeof integer);
    return integer;
}

static struct troth_text event_text(const struct troth_event *event, unsigned field)
{
    struct troth_text text;
    memcpy(&text, (const char *)event + places[field], sizeof text);
    return text;
}

/* The attribute that the test names; data is NULL where the event has none of that name. */
static struct troth_text attribute(const struct troth_contract *contract,
                                   const struct troth_test *test, const struct troth_event *event)
{
    const char *name = contract->pool + test->name_offset;
    for (unsigned i = 0; i < event->attribute_count; i++) {
        const struct troth_attribute *a = &event->attributes[i];
        if (a->name.length == test->name_length &&
            memcmp(a->name.data, name, test->name_length) == 0) {
            return a->value;
        }
    }
    return (struct troth_text){0};
}

static bool text_listed(const struct troth_contract *contract, const struct troth_test *test,
                        struct troth_text text)
{
    for (unsigned i = 0; i < test->value_count; i++) {
        const struct troth_value *value = &contract->values[test->value_first + i];
        if (value->text_length == text.length &&
            memcmp(contract->pool + value->text_offset, text.data, text.length) == 0) {
            return true;
        }
    }
    return false;
}

static bool integer_listed(const struct troth_contract *contract, const struct troth_test *test,
                           int64_t integer)
{
    for (unsigned i = 0; i < test->value_count; i++) {
        if (contract->values[test->value_first + i].integer == integer) {
            return true;
        }
    }
    return false;
}

enum { EXPONENT_MAX = 9999 };

/* Reads the digits of a number, as a whole number and a power of ten. Returns how many there were.
 */
static int read_digits(const char **at, const char *end, uint64_t *whole, int *scale, int step)
{
    int digits = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, digits++) {
        if (*whole > (UINT64_MAX - 9) / 10) {
            *scale += step + 1; /* past 19 digits they tell only how large it is */
        } else {
            *whole = *whole * 10 + (uint64_t)(**at - '0');
            *scale += step;
        }
    }
    return digits;
}

/* whole * 10^scale; exact as a decimal of at most 15 digits and 22 places can be, since it is one
 * operation on two exact numbers. */
static double scaled(uint64_t whole, int scale)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int last = (int)(sizeof powers / sizeof *powers) - 1;
    double value = (double)whole;
    for (; scale > 0 && value < 1e300; scale -= scale < last ? scale : last) {
        value *= powers[scale < last ? scale : last];
    }
    for (; scale < 0 && value > 0.0; scale += -scale < last ? -scale : last) {
        value /= powers[-scale < last ? -scale : last];
    }
    return value;
}

/* Reads [-]digits[.digits][e[+-]digits] whole, at most 63 bytes, in the C locale's form. */
static bool text_number(struct troth_text text, double *number)
{
    if (text.length == 0 || text.length > 63) {
        return false;
    }
    const char *p = text.data;
    const char *const end = p + text.length;
    const bool negative = *p == '-';
    p += negative;
    uint64_t whole = 0;
    int scale = 0;
    int digits = read_digits(&p, end, &whole, &scale, 0);
    if (p < end && *p == '.') {
        p++;
        digits += read_digits(&p, end, &whole, &scale, -1);
    }
    if (digits == 0) {
        return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        const bool down = p < end && *p == '-';
        p += p < end && (*p == '-' || *p == '+');
        uint64_t exponent = 0;
        int ignored = 0;
        if (read_digits(&p, end, &exponent, &ignored, 0) == 0 || exponent > EXPONENT_MAX) {
            return false;
        }
        const int bounded = exponent < 1000 ? (int)exponent : 1000;
        scale += down ? -bounded : bounded;
    }
    if (p != end) {
        return false;
    }
    const double value = scaled(whole, scale);
    *number = negative ? -value : value;
    return true;
}

static bool number_holds(const struct troth_test *test, struct troth_text text)
{
    double number = 0.0;
    if (!text_number(text, &number)) {
        return false;
    }
    const bool above = test->low_open ? number > test->low_number : number >= test->low_number;
    const bool below = test->high_open ? number < test->high_number : number <= test->high_number;
    return above && below;
}

static bool test_present(const struct troth_contract *contract, const struct troth_test *test,
                         const struct troth_event *event)
{
    if (test->field == TROTH_FIELD_ATTRIBUTES && test->name_length != 0) {
        return attribute(contract, test, event).data != NULL;
    }
    return troth_event_has(event, (enum troth_field)test->field);
}

/* Any test but a range. */
static bool other_test_holds(const struct troth_contract *contract, const struct troth_test *test,
                             const struct troth_event *event)
{
    switch ((enum troth_test_kind)test->kind) {
    case TROTH_TEST_IN:
    case TROTH_TEST_NOT_IN: {
        const bool wanted = test->kind == TROTH_TEST_IN;
        if (test->field == TROTH_FIELD_ATTRIBUTES) {
            return text_listed(contract, test, attribute(contract, test, event)) == wanted;
        }
        if (troth_field_type(test->field) == TROTH_TYPE_INTEGER) {
            const int64_t integer = troth_event_integer(event, test->field);
            return integer_listed(contract, test, integer) == wanted;
        }
        return text_listed(contract, test, event_text(event, test->field)) == wanted;
    }
    case TROTH_TEST_NUMBER:
        return number_holds(test, attribute(contract, test, event));
    case TROTH_TEST_EXISTS:
        return test->exists;
    case TROTH_TEST_RANGE: /* below */
    case TROTH_TEST_ENUM:  /* a signature tells it */
        break;
    }
    TROTH_ASSERT(false);
    return false;
}

static struct troth_range range_of(const struct troth_test *test)
{
    return (struct troth_range){
        .low = test->low, .high = test->high, .field = test->field, .place = places[test->field]};
}

/* Whether a test of a present field holds. */
static inline bool test_holds(const struct troth_contract *contract, const struct troth_test *test,
                              const struct troth_event *event)
{
    if (test->kind == TROTH_TEST_RANGE) {
        const struct troth_range range = range_of(test);
        return troth_range_holds(&range, event);
    }
    return other_test_holds(contract, test, event);
}

/* The bits of a signature that belong to a field, and how many there are. */
static uint32_t signature_bits(unsigned field, unsigned *shift)
{
    switch (field) {
    case TROTH_FIELD_KIND:
        *shift = TROTH_SIGNATURE_KIND;
        return ((1U << TROTH_KIND_COUNT) - 1) << TROTH_SIGNATURE_KIND;
    case TROTH_FIELD_OUTCOME:
        *shift = TROTH_SIGNATURE_OUTCOME;
        return ((1U << TROTH_OUTCOME_COUNT) - 1) << TROTH_SIGNATURE_OUTCOME;
    case TROTH_FIELD_SOURCE:
        *shift = TROTH_SIGNATURE_SOURCE;
        return ((1U << TROTH_SOURCE_COUNT) - 1) << TROTH_SIGNATURE_SOURCE;
    case TROTH_FIELD_RESCUE:
        *shift = TROTH_SIGNATURE_RESCUE + 1;
        return ((1U << TROTH_RESCUE_COUNT) - 1) << (TROTH_SIGNATURE_RESCUE + 1);
    default:
        return 0;
    }
}

struct troth_ready_predicate troth_predicate_ready(struct troth_rules *rules,
                                                   struct troth_predicate predicate, bool keep)
{
    const uint32_t no_rescue = 1U << TROTH_SIGNATURE_RESCUE;
    struct troth_ready_predicate ready = {.first = (uint16_t)rules->test_count};
    for (unsigned i = 0; i < predicate.count; i++) {
        const struct troth_test *test = &rules->contract->tests[predicate.first + i];
        unsigned shift = 0;
        const uint32_t bits = signature_bits(test->field, &shift);
        const uint32_t absent = test->field == TROTH_FIELD_RESCUE ? no_rescue : 0;
        if (bits == 0) {
            rules->tests[rules->test_count++] = *test;
        } else if (test->kind == TROTH_TEST_EXISTS) {
            ready.forbidden |= test->exists ? absent : bits;
        } else {
            ready.forbidden |= bits & ~(test->mask << shift);
            *(keep ? &ready.absent : &ready.forbidden) |= absent;
        }
    }
    ready.count = (uint16_t)(rules->test_count - ready.first);
    return ready;
}

bool troth_predicate_range(const struct troth_rules *rules,
                           const struct troth_ready_predicate *predicate, struct troth_range *range)
{
    const struct troth_test *test = &rules->tests[predicate->first];
    if (predicate->count != 1 || test->kind != TROTH_TEST_RANGE) {
        return false;
    }
    *range = range_of(test);
    return true;
}

bool troth_tests_hold(const struct troth_rules *rules, const struct troth_ready_predicate *when,
                      const struct troth_event *event)
{
    const struct troth_test *tests = &rules->tests[when->first];
    for (unsigned i = 0; i < when->count; i++) {
        const bool holds = test_present(rules->contract, &tests[i], event)
                               ? test_holds(rules->contract, &tests[i], event)
                               : tests[i].kind == TROTH_TEST_EXISTS && !tests[i].exists;
        if (!holds) {
            return false;
        }
    }
    return true;
}

/* DESIGN, Contract: what an event is whose `keep` fails on absent fields alone. */
static enum troth_verdict_kind absent_verdict(enum troth_absent absent,
                                              const struct troth_event *event)
{
    switch (absent) {
    case TROTH_ABSENT_BROKEN:
        return TROTH_BROKEN;
    case TROTH_ABSENT_IGNORE:
        return TROTH_NO_EVIDENCE;
    case TROTH_ABSENT_UNSTATED:
    case TROTH_ABSENT_UNSTATED_HIGH:
        break;
    }
    switch ((enum troth_outcome)event->outcome) {
    case TROTH_OUTCOME_FAILED:
    case TROTH_OUTCOME_REFUSED:
    case TROTH_OUTCOME_TIMEOUT:
        return TROTH_BROKEN;
    case TROTH_OUTCOME_THROTTLED:
    case TROTH_OUTCOME_CANCELLED:
        return TROTH_NO_EVIDENCE;
    default:
        return absent == TROTH_ABSENT_UNSTATED_HIGH ? TROTH_BROKEN : TROTH_NO_EVIDENCE;
    }
}

enum troth_verdict_kind troth_tests_keep(const struct troth_rules *rules, unsigned term,
                                         const struct troth_event *event, uint32_t signature)
{
    const struct troth_contract *contract = rules->contract;
    const struct troth_ready_predicate *keep = &rules->terms[term].keep;
    bool absent = (signature & keep->absent) != 0;
    const struct troth_test *tests = &rules->tests[keep->first];
    for (unsigned i = 0; i < keep->count; i++) {
        if (test_present(contract, &tests[i], event)) {
            if (!test_holds(contract, &tests[i], event)) {
                return TROTH_BROKEN;
            }
        } else if (tests[i].kind != TROTH_TEST_EXISTS) {
            absent = true;
        } else if (tests[i].exists) {
            return TROTH_BROKEN;
        }
    }
    return absent ? absent_verdict((enum troth_absent)contract->terms[term].absent, event)
                  : TROTH_KEPT;
}

bool troth_glob_matches(const char *glob, const char *name, size_t name_length)
{
    const char *star = NULL; /* the last `*` seen, and how much of the name it has swallowed */
    size_t retry = 0;
    size_t i = 0;
    while (i < name_length) {
        if (*glob == '*') {
            star = ++glob;
            retry = i;
        } else if (*glob != '\0' && (*glob == '?' || *glob == name[i])) {
            glob++;
            i++;
        } else if (star != NULL) {
            glob = star;
            i = ++retry;
        } else {
            return false;
        }
    }
    while (*glob == '*') {
        glob++;
    }
    return *glob == '\0';
}
