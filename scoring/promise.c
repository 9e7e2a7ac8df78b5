#include "scoring/promise.h"

#include <stddef.h>
#include <string.h>

#include "schemas/hash.h"

static uint64_t add_integer(uint64_t sum, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    return XXH64(bytes, sizeof bytes, sum);
}

static uint64_t add_signed(uint64_t sum, int64_t value)
{
    return add_integer(sum, (uint64_t)value);
}

/* Equal numbers are equal bits but for the two zeros, of which the sum is the positive one. */
static uint64_t add_number(uint64_t sum, double value)
{
    const double number = value + 0.0;
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return add_integer(sum, bits);
}

static uint64_t add_text(uint64_t sum, const char *text, size_t length)
{
    return XXH64(text, length, add_integer(sum, length));
}

static uint64_t add_values(uint64_t sum, const struct troth_contract *contract, unsigned first,
                           unsigned count)
{
    sum = add_integer(sum, count);
    for (unsigned i = 0; i < count; i++) {
        const struct troth_value *value = &contract->values[first + i];
        sum = add_signed(sum, value->integer);
        sum = add_text(sum, contract->pool + value->text_offset, value->text_length);
    }
    return sum;
}

static uint64_t add_test(uint64_t sum, const struct troth_contract *contract,
                         const struct troth_test *test)
{
    sum = add_integer(sum, test->kind);
    sum = add_integer(sum, test->field);
    sum = add_integer(sum, (test->exists ? 1U : 0U) | (test->low_open ? 2U : 0U) |
                               (test->high_open ? 4U : 0U));
    sum = add_integer(sum, test->mask);
    sum = add_signed(sum, test->low);
    sum = add_signed(sum, test->high);
    sum = add_number(sum, test->low_number);
    sum = add_number(sum, test->high_number);
    sum = add_text(sum, contract->pool + test->name_offset, test->name_length);
    return add_values(sum, contract, test->value_first, test->value_count);
}

static uint64_t add_predicate(uint64_t sum, const struct troth_contract *contract,
                              struct troth_predicate predicate)
{
    sum = add_integer(sum, predicate.count);
    for (unsigned i = 0; i < predicate.count; i++) {
        sum = add_test(sum, contract, &contract->tests[predicate.first + i]);
    }
    return sum;
}

uint64_t troth_term_promise(const struct troth_contract *contract, unsigned term)
{
    const struct troth_term *t = &contract->terms[term];
    uint64_t sum = add_text(0, t->name, strlen(t->name));
    sum = add_integer(sum, t->kind);
    sum = add_integer(sum, t->absent);
    sum = add_integer(sum, t->panes);
    sum = add_integer(sum, t->sum);
    sum = add_signed(sum, t->window_us);
    sum = add_signed(sum, t->half_life_us);
    sum = add_signed(sum, t->at_most);
    sum = add_signed(sum, t->every_us);
    sum = add_number(sum, t->floor);
    sum = add_predicate(sum, contract, t->when);
    sum = add_predicate(sum, contract, t->keep);
    return add_values(sum, contract, t->by_first, t->by_count);
}
