/*
 * Random values of a writer's schema, and their bytes written by hand: in blocks of any size and
 * with negative counts, which avro-c reads and never writes.
 *
 * What becomes a field of ours gets a value that the decoder must accept; anything else gets any.
 */
#ifndef TROTH_TESTS_ORACLE_VALUES_H
#define TROTH_TESTS_ORACLE_VALUES_H

#include <avro.h>

#include "consumers/check.h"
#include "tests/oracle/evolve.h"

enum values_target {
    VALUES_ANY,
    VALUES_ID,
    VALUES_TEXT,
    VALUES_INTEGER,
    VALUES_AT,
    VALUES_ENUM,
    VALUES_VERDICTS,
    VALUES_ATTRIBUTES,
    VALUES_KEPT,
    VALUES_NUMBER
};

struct values {
    uint64_t state;
    bool millis; /* the unit of the time at hand */
    unsigned depth;
};

/* Small numbers are likely, and so is every length of varint. */
static inline int64_t values_integer(struct values *values, unsigned bits, bool negative)
{
    uint64_t magnitude =
        evolve_draw(&values->state, UINT64_MAX) >> (63 - evolve_draw(&values->state, bits)) >> 1;
    return negative && evolve_draw(&values->state, 2) == 0 ? -(int64_t)magnitude - 1
                                                           : (int64_t)magnitude;
}

/* UTF-8 without control characters, 1 to 40 characters. Returns its length. */
static inline size_t values_text(struct values *values, char *text)
{
    static const char *const wide[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x99\x82"};
    unsigned count = 1 + (unsigned)evolve_draw(&values->state, 40);
    bool ascii = evolve_draw(&values->state, 4) != 0;
    size_t length = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!ascii && evolve_draw(&values->state, 8) == 0) {
            const char *character = wide[evolve_draw(&values->state, 3)];
            memcpy(text + length, character, strlen(character));
            length += strlen(character);
        } else {
            text[length++] = (char)(' ' + evolve_draw(&values->state, 95));
        }
    }
    text[length] = '\0';
    return length;
}

static inline bool values_accept(enum values_target target, bool optional, avro_type_t type)
{
    switch (target) {
    case VALUES_ID:
        return type == AVRO_FIXED;
    case VALUES_TEXT:
        return type == AVRO_STRING || type == AVRO_BYTES || (optional && type == AVRO_NULL);
    case VALUES_INTEGER:
    case VALUES_AT:
        return type == AVRO_INT64 || type == AVRO_INT32 || (optional && type == AVRO_NULL);
    case VALUES_ENUM:
        return type == AVRO_ENUM || (optional && type == AVRO_NULL);
    case VALUES_KEPT:
        return type == AVRO_BOOLEAN;
    case VALUES_NUMBER:
        return type == AVRO_DOUBLE || type == AVRO_FLOAT || type == AVRO_INT64 ||
               type == AVRO_INT32 || type == AVRO_NULL;
    default:
        return true;
    }
}

static inline void values_check(int result)
{
    if (result != 0) {
        (void)fprintf(stderr, "avro-c: %s\n", avro_strerror());
        abort();
    }
}

static inline void values_fill(struct values *values, avro_value_t *value,
                               enum values_target target, bool optional);

/* Returns which field of ours a name, or its alias, is; or TROTH_FIELD_COUNT. */
static inline unsigned values_field(const char *name)
{
    name += strncmp(name, "old_", 4) == 0 ? 4 : 0;
    int field = troth_field_find(name, strlen(name));
    return field < 0 ? TROTH_FIELD_COUNT : (unsigned)field;
}

static inline enum values_target values_field_target(unsigned field)
{
    if (field == TROTH_FIELD_COUNT) {
        return VALUES_ANY;
    }
    switch (troth_field_type(field)) {
    case TROTH_TYPE_BYTES:
        return VALUES_ID;
    case TROTH_TYPE_TEXT:
        return VALUES_TEXT;
    case TROTH_TYPE_INTEGER:
        return field == TROTH_FIELD_AT ? VALUES_AT : VALUES_INTEGER;
    case TROTH_TYPE_ENUM:
        return VALUES_ENUM;
    case TROTH_TYPE_VERDICTS:
        return VALUES_VERDICTS;
    default:
        return VALUES_ATTRIBUTES;
    }
}

/* The record as a whole. */
static inline void values_event(struct values *values, const struct evolution *evolution,
                                avro_value_t *record)
{
    size_t count = 0;
    values_check(avro_value_get_size(record, &count));
    for (size_t i = 0; i < count; i++) {
        avro_value_t value = {0};
        const char *name = NULL;
        values_check(avro_value_get_by_index(record, i, &value, &name));
        unsigned field = values_field(name);
        values->depth = 0;
        values->millis = field < TROTH_FIELD_COUNT && evolution->millis[field];
        values_fill(values, &value, values_field_target(field),
                    field >= TROTH_FIELD_ISSUER && field <= TROTH_FIELD_UNTIL);
    }
}

static inline void values_record(struct values *values, avro_value_t *record, bool is_verdict)
{
    size_t count = 0;
    values_check(avro_value_get_size(record, &count));
    for (size_t i = 0; i < count; i++) {
        avro_value_t value = {0};
        const char *name = NULL;
        values_check(avro_value_get_by_index(record, i, &value, &name));
        enum values_target target = VALUES_ANY;
        if (is_verdict) {
            target = strcmp(name, "term") == 0    ? VALUES_TEXT
                     : strcmp(name, "kept") == 0  ? VALUES_KEPT
                     : strcmp(name, "value") == 0 ? VALUES_NUMBER
                                                  : VALUES_ANY;
        }
        values_fill(values, &value, target, false);
    }
}

static inline void values_items(struct values *values, avro_value_t *series,
                                enum values_target target)
{
    unsigned most = values->depth > 2 ? 2 : 5;
    unsigned count = (unsigned)evolve_draw(&values->state, most);
    values_check(avro_value_reset(series));
    for (unsigned i = 0; i < count; i++) {
        avro_value_t item = {0};
        char key[16];
        if (avro_value_get_type(series) == AVRO_ARRAY) {
            values_check(avro_value_append(series, &item, NULL));
        } else {
            (void)snprintf(key, sizeof key, "key-%u", i);
            values_check(avro_value_add(series, key, &item, NULL, NULL));
        }
        values_fill(values, &item,
                    target == VALUES_ATTRIBUTES ? VALUES_TEXT
                    : target == VALUES_VERDICTS ? VALUES_VERDICTS
                                                : VALUES_ANY,
                    false);
    }
}

static inline void values_branch(struct values *values, avro_value_t *value,
                                 enum values_target target, bool optional)
{
    avro_schema_t schema = avro_value_get_schema(value);
    unsigned count = (unsigned)avro_schema_union_size(schema);
    unsigned branch;
    /* Deep down null ends it, where there is one: it is the first then. */
    bool stop = values->depth > 5;
    do {
        branch = stop ? 0 : (unsigned)evolve_draw(&values->state, count);
    } while (!values_accept(target, optional,
                            avro_typeof(avro_schema_union_branch(schema, (int)branch))));
    avro_value_t chosen = {0};
    values_check(avro_value_set_branch(value, (int)branch, &chosen));
    values_fill(values, &chosen, target, optional);
}

static inline void values_long(struct values *values, avro_value_t *value,
                               enum values_target target)
{
    int64_t number;
    if (target == VALUES_AT) {
        number = (int64_t)evolve_draw(&values->state, (uint64_t)TROTH_AT_END_US);
        number /= values->millis ? 1000 : 1;
    } else {
        number = values_integer(values, target == VALUES_INTEGER ? (values->millis ? 50 : 63) : 63,
                                target != VALUES_INTEGER);
    }
    values_check(avro_value_set_long(value, number));
}

static inline void values_fill(struct values *values, avro_value_t *value,
                               enum values_target target, bool optional)
{
    char text[256];
    size_t length;
    values->depth++;
    switch (avro_value_get_type(value)) {
    case AVRO_BOOLEAN:
        values_check(avro_value_set_boolean(value, (int)evolve_draw(&values->state, 2)));
        break;
    case AVRO_INT32:
        values_check(avro_value_set_int(
            value, (int32_t)values_integer(values, 31, target != VALUES_INTEGER)));
        break;
    case AVRO_INT64:
        values_long(values, value, target);
        break;
    case AVRO_FLOAT:
        values_check(avro_value_set_float(value, (float)values_integer(values, 30, true) / 8));
        break;
    case AVRO_DOUBLE:
        values_check(avro_value_set_double(value, (double)values_integer(values, 60, true) / 64));
        break;
    case AVRO_NULL:
        values_check(avro_value_set_null(value));
        break;
    case AVRO_STRING:
        (void)values_text(values, text);
        values_check(avro_value_set_string(value, text));
        break;
    case AVRO_BYTES:
        length = values_text(values, text);
        values_check(avro_value_set_bytes(value, text, length));
        break;
    case AVRO_ENUM:
        values_check(avro_value_set_enum(
            value, (int)evolve_draw(&values->state, (uint64_t)avro_schema_enum_number_of_symbols(
                                                        avro_value_get_schema(value)))));
        break;
    case AVRO_FIXED:
        length = (size_t)avro_schema_fixed_size(avro_value_get_schema(value));
        for (size_t i = 0; i < length; i++) {
            text[i] = (char)evolve_draw(&values->state, 256);
        }
        values_check(avro_value_set_fixed(value, text, length));
        break;
    case AVRO_RECORD:
        values_record(values, value, target == VALUES_VERDICTS);
        break;
    case AVRO_UNION:
        values_branch(values, value, target, optional);
        break;
    default:
        values_items(values, value, target);
        break;
    }
    values->depth--;
}

struct values_bytes {
    size_t length;
    uint8_t bytes[TROTH_RECORD_LENGTH_MAX];
};

static inline void values_put(struct values_bytes *out, const void *bytes, size_t length)
{
    if (length > sizeof out->bytes - out->length) {
        abort();
    }
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static inline void values_put_long(struct values_bytes *out, int64_t number)
{
    uint64_t rest = (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
    uint8_t byte;
    for (; rest > 127; rest >>= 7) {
        byte = (uint8_t)(rest | 128);
        values_put(out, &byte, 1);
    }
    byte = (uint8_t)rest;
    values_put(out, &byte, 1);
}

static inline void values_write(struct values *values, const avro_value_t *value,
                                struct values_bytes *out);

static inline void values_write_items(struct values *values, const avro_value_t *series,
                                      struct values_bytes *out)
{
    size_t count = 0;
    size_t done = 0;
    values_check(avro_value_get_size(series, &count));
    while (done < count) {
        size_t block = 1 + (size_t)evolve_draw(&values->state, count - done);
        struct values_bytes *inner = malloc(sizeof *inner);
        if (inner == NULL) {
            abort();
        }
        inner->length = 0;
        for (size_t i = 0; i < block; i++, done++) {
            avro_value_t item = {0};
            const char *key = NULL;
            values_check(avro_value_get_by_index(series, done, &item, &key));
            if (avro_value_get_type(series) == AVRO_MAP) {
                values_put_long(inner, (int64_t)strlen(key));
                values_put(inner, key, strlen(key));
            }
            values_write(values, &item, inner);
        }
        if (evolve_draw(&values->state, 2) == 0) {
            values_put_long(out, -(int64_t)block);
            values_put_long(out, (int64_t)inner->length);
        } else {
            values_put_long(out, (int64_t)block);
        }
        values_put(out, inner->bytes, inner->length);
        free(inner);
    }
    values_put_long(out, 0);
}

static inline void values_write_number(const avro_value_t *value, struct values_bytes *out)
{
    int32_t narrow = 0;
    int64_t wide = 0;
    float single = 0;
    double number = 0;
    switch (avro_value_get_type(value)) {
    case AVRO_INT32:
        values_check(avro_value_get_int(value, &narrow));
        values_put_long(out, narrow);
        break;
    case AVRO_INT64:
        values_check(avro_value_get_long(value, &wide));
        values_put_long(out, wide);
        break;
    case AVRO_FLOAT:
        values_check(avro_value_get_float(value, &single));
        values_put(out, &single, sizeof single);
        break;
    default:
        values_check(avro_value_get_double(value, &number));
        values_put(out, &number, sizeof number);
        break;
    }
}

static inline void values_write(struct values *values, const avro_value_t *value,
                                struct values_bytes *out)
{
    const void *data = NULL;
    const char *text = NULL;
    size_t size = 0;
    int number = 0;
    avro_value_t inner = {0};
    switch (avro_value_get_type(value)) {
    case AVRO_NULL:
        break;
    case AVRO_BOOLEAN:
        values_check(avro_value_get_boolean(value, &number));
        values_put(out, number != 0 ? "\1" : "\0", 1);
        break;
    case AVRO_STRING:
        values_check(avro_value_get_string(value, &text, &size));
        values_put_long(out, (int64_t)size - 1);
        values_put(out, text, size - 1);
        break;
    case AVRO_BYTES:
        values_check(avro_value_get_bytes(value, &data, &size));
        values_put_long(out, (int64_t)size);
        values_put(out, data, size);
        break;
    case AVRO_FIXED:
        values_check(avro_value_get_fixed(value, &data, &size));
        values_put(out, data, size);
        break;
    case AVRO_ENUM:
        values_check(avro_value_get_enum(value, &number));
        values_put_long(out, number);
        break;
    case AVRO_UNION:
        values_check(avro_value_get_discriminant(value, &number));
        values_check(avro_value_get_current_branch(value, &inner));
        values_put_long(out, number);
        values_write(values, &inner, out);
        break;
    case AVRO_RECORD:
        values_check(avro_value_get_size(value, &size));
        for (size_t i = 0; i < size; i++) {
            values_check(avro_value_get_by_index(value, i, &inner, NULL));
            values_write(values, &inner, out);
        }
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        values_write_items(values, value, out);
        break;
    default:
        values_write_number(value, out);
        break;
    }
}

#endif
