/*
 * Random writers' schemas that Avro can resolve to ours: fields dropped, reordered, renamed to an
 * alias, promoted, put in and out of unions; enumerations with other symbols in another order; and
 * fields that we do not know, of any type, recursive ones too.
 *
 * Memory: one flat value. Threads: plain data. The same seed gives the same schema.
 */
#ifndef TROTH_TESTS_ORACLE_EVOLVE_H
#define TROTH_TESTS_ORACLE_EVOLVE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/event.h"

enum { EVOLVE_EXTRAS_MAX = 6, EVOLVE_JSON_MAX = 65536 };

struct evolution {
    uint64_t state;  /* of the random numbers */
    bool keep_names; /* no field or type of ours goes by an alias */
    unsigned names;  /* named types that were made up */
    bool millis[TROTH_FIELD_COUNT];
    size_t length;
    char json[EVOLVE_JSON_MAX];
};

/* SplitMix64 (Steele, Lea and Flood, 2014). Returns 0..bound-1. */
static inline uint64_t evolve_draw(uint64_t *state, uint64_t bound)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (mixed ^ mixed >> 31) % bound;
}

__attribute__((format(printf, 2, 3))) static inline void evolve_say(struct evolution *evolution,
                                                                    const char *format, ...)
{
    size_t room = sizeof evolution->json - evolution->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(evolution->json + evolution->length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        abort();
    }
    evolution->length += (size_t)length;
}

static inline unsigned evolve_pick(struct evolution *evolution, unsigned bound)
{
    return (unsigned)evolve_draw(&evolution->state, bound);
}

/* Returns whether the next name is to be an alias. */
static inline bool evolve_rename(struct evolution *evolution)
{
    return !evolution->keep_names && evolve_pick(evolution, 6) == 0;
}

static inline void evolve_shuffle(struct evolution *evolution, unsigned *items, unsigned count)
{
    for (unsigned i = count; i > 1; i--) {
        unsigned other = evolve_pick(evolution, i);
        unsigned item = items[i - 1];
        items[i - 1] = items[other];
        items[other] = item;
    }
}

/* A type that we do not know. */
static inline void evolve_any(struct evolution *evolution, unsigned depth)
{
    static const char *const primitives[] = {"null",  "boolean", "int",   "long",
                                             "float", "double",  "bytes", "string"};
    unsigned name = evolution->names++;
    switch (evolve_pick(evolution, depth > 2 ? 4 : 10)) {
    case 0:
        evolve_say(evolution, "{\"type\":\"fixed\",\"name\":\"F%u\",\"size\":%u}", name,
                   1 + evolve_pick(evolution, 20));
        break;
    case 1:
        evolve_say(evolution,
                   "{\"type\":\"enum\",\"name\":\"E%u\",\"symbols\":[\"A\",\"B\",\"C\"]}", name);
        break;
    case 4:
        evolve_say(evolution, "{\"type\":\"array\",\"items\":");
        evolve_any(evolution, depth + 1);
        evolve_say(evolution, "}");
        break;
    case 5:
        evolve_say(evolution, "{\"type\":\"map\",\"values\":");
        evolve_any(evolution, depth + 1);
        evolve_say(evolution, "}");
        break;
    case 6:
        evolve_say(evolution, "[\"null\",{\"type\":\"array\",\"items\":");
        evolve_any(evolution, depth + 1);
        evolve_say(evolution, "},\"double\"]");
        break;
    case 7:
        evolve_say(
            evolution,
            "{\"type\":\"record\",\"name\":\"R%u\",\"fields\":[{\"name\":\"a\",\"type\":", name);
        evolve_any(evolution, depth + 1);
        evolve_say(evolution, "},{\"name\":\"next\",\"type\":[\"null\",\"R%u\"]}]}", name);
        break;
    case 8:
        evolve_say(evolution, "{\"type\":\"array\",\"items\":\"null\"}");
        break;
    default:
        evolve_say(evolution, "\"%s\"", primitives[evolve_pick(evolution, 8)]);
        break;
    }
}

/* Puts a type in a union, or not. `other` is a type of which no value is ever written. */
static inline void evolve_wrap(struct evolution *evolution, const char *type, const char *other)
{
    switch (evolve_pick(evolution, 7)) {
    case 0:
        evolve_say(evolution, "%s", type);
        break;
    case 1:
        evolve_say(evolution, "[%s]", type);
        break;
    case 2:
        evolve_say(evolution, "[%s,\"null\"]", type);
        break;
    case 3:
        evolve_say(evolution, "[\"null\",%s,%s]", type, other);
        break;
    case 4:
        evolve_say(evolution, "[%s,%s,\"null\"]", other, type);
        break;
    default:
        evolve_say(evolution, "[\"null\",%s]", type);
        break;
    }
}

static inline void evolve_text(struct evolution *evolution)
{
    static const char *const types[] = {"\"string\"", "\"bytes\"", "\"bytes\",\"string\""};
    unsigned pick = evolve_pick(evolution, 8);
    if (pick > 2) {
        evolve_wrap(evolution, types[0], "\"boolean\"");
    } else if (pick == 2) {
        evolve_say(evolution, "[\"null\",%s]", types[2]);
    } else {
        evolve_wrap(evolution, types[pick], "\"boolean\"");
    }
}

static inline void evolve_integer(struct evolution *evolution, unsigned field)
{
    bool is_time = field == TROTH_FIELD_AT || field == TROTH_FIELD_UNTIL;
    if (!is_time) {
        evolve_wrap(evolution, evolve_pick(evolution, 3) == 0 ? "\"int\"" : "\"long\"",
                    "\"string\"");
        return;
    }
    evolution->millis[field] = false;
    switch (evolve_pick(evolution, 3)) {
    case 0:
        evolve_wrap(evolution, "\"long\"", "\"string\"");
        break;
    case 1:
        evolution->millis[field] = true;
        evolve_wrap(evolution, "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
                    "\"string\"");
        break;
    default:
        evolve_wrap(evolution, "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
                    "\"string\"");
        break;
    }
}

#define EVOLVE_SYMBOL(NAME, text) #NAME,
static const char *const evolve_kinds[] = {TROTH_KINDS(EVOLVE_SYMBOL) NULL};
static const char *const evolve_outcomes[] = {TROTH_OUTCOMES(EVOLVE_SYMBOL) NULL};
static const char *const evolve_sources[] = {TROTH_SOURCES(EVOLVE_SYMBOL) NULL};
static const char *const evolve_rescues[] = {TROTH_RESCUES(EVOLVE_SYMBOL) NULL};
#undef EVOLVE_SYMBOL

static inline const char *const *evolve_symbols(unsigned field, const char **name)
{
    *name = field == TROTH_FIELD_KIND      ? "Kind"
            : field == TROTH_FIELD_OUTCOME ? "Outcome"
            : field == TROTH_FIELD_SOURCE  ? "Source"
                                           : "Rescue";
    return field == TROTH_FIELD_KIND      ? evolve_kinds
           : field == TROTH_FIELD_OUTCOME ? evolve_outcomes
           : field == TROTH_FIELD_SOURCE  ? evolve_sources
                                          : evolve_rescues;
}

static inline void evolve_enum(struct evolution *evolution, unsigned field)
{
    const char *name;
    const char *const *symbols = evolve_symbols(field, &name);
    unsigned order[16];
    unsigned count = 0;
    char type[512];
    while (symbols[count] != NULL) {
        order[count] = count;
        count++;
    }
    if (evolve_pick(evolution, 2) == 0) {
        evolve_shuffle(evolution, order, count);
        count = 1 + evolve_pick(evolution, count);
    }
    int length = snprintf(type, sizeof type, "{\"type\":\"enum\",\"name\":\"%s%s\",\"symbols\":[",
                          evolve_rename(evolution) ? "Old" : "", name);
    for (unsigned i = 0; i < count; i++) {
        length += snprintf(type + length, sizeof type - (size_t)length, "%s\"%s\"",
                           i == 0 ? "" : ",", symbols[order[i]]);
    }
    if (evolve_pick(evolution, 3) == 0) {
        length += snprintf(type + length, sizeof type - (size_t)length, ",\"LATER\"");
    }
    (void)snprintf(type + length, sizeof type - (size_t)length, "]}");
    evolve_wrap(evolution, type, "\"string\"");
}

static inline void evolve_verdicts(struct evolution *evolution)
{
    static const char *const numbers[] = {"\"double\"", "\"float\"", "\"long\"", "\"int\""};
    unsigned order[] = {0, 1, 2, 3, 4};
    evolve_shuffle(evolution, order, 5);
    evolve_say(evolution,
               "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"%s\","
               "\"fields\":[{\"name\":\"pad\",\"type\":\"null\"}",
               evolve_rename(evolution) ? "OldVerdict" : "Verdict");
    for (unsigned i = 0; i < 5; i++) {
        switch (order[i]) {
        case 0:
            evolve_say(evolution, ",{\"name\":\"term\",\"type\":");
            evolve_text(evolution);
            evolve_say(evolution, "}");
            break;
        case 1:
            evolve_say(evolution, ",{\"name\":\"kept\",\"type\":");
            evolve_wrap(evolution, "\"boolean\"", "\"string\"");
            evolve_say(evolution, "}");
            break;
        case 2:
            if (evolve_pick(evolution, 4) != 0) {
                evolve_say(evolution, ",{\"name\":\"value\",\"type\":");
                evolve_wrap(evolution, numbers[evolve_pick(evolution, 4)], "\"string\"");
                evolve_say(evolution, "}");
            }
            break;
        default:
            if (evolve_pick(evolution, 4) == 0) {
                evolve_say(evolution, ",{\"name\":\"more%u\",\"type\":", i);
                evolve_any(evolution, 2);
                evolve_say(evolution, "}");
            }
            break;
        }
    }
    evolve_say(evolution, "]}}");
}

static inline void evolve_field(struct evolution *evolution, unsigned field)
{
    static const char *const fixed = "{\"type\":\"fixed\",\"name\":\"EventId\",\"size\":16}";
    evolve_say(evolution, "{\"name\":\"%s%s\",\"type\":", evolve_rename(evolution) ? "old_" : "",
               troth_field_name(field));
    switch (troth_field_type(field)) {
    case TROTH_TYPE_BYTES:
        evolve_wrap(evolution, fixed, "\"string\"");
        break;
    case TROTH_TYPE_TEXT:
        evolve_text(evolution);
        break;
    case TROTH_TYPE_INTEGER:
        evolve_integer(evolution, field);
        break;
    case TROTH_TYPE_ENUM:
        evolve_enum(evolution, field);
        break;
    case TROTH_TYPE_VERDICTS:
        evolve_verdicts(evolution);
        break;
    case TROTH_TYPE_ATTRIBUTES:
        evolve_say(evolution, "{\"type\":\"map\",\"values\":");
        evolve_text(evolution);
        evolve_say(evolution, "}");
        break;
    }
    evolve_say(evolution, "}");
}

/* Makes up a schema from evolution->state. */
static inline void evolve(struct evolution *evolution)
{
    unsigned order[TROTH_FIELD_COUNT + EVOLVE_EXTRAS_MAX];
    unsigned count = 0;
    evolution->length = 0;
    evolution->names = 0;
    for (unsigned field = 0; field < TROTH_FIELD_COUNT; field++) {
        if (field <= TROTH_FIELD_KIND || evolve_pick(evolution, 6) != 0) {
            order[count++] = field;
        }
    }
    unsigned extras = evolve_pick(evolution, EVOLVE_EXTRAS_MAX + 1);
    for (unsigned i = 0; i < extras; i++) {
        order[count++] = TROTH_FIELD_COUNT + i;
    }
    if (evolve_pick(evolution, 2) == 0) {
        evolve_shuffle(evolution, order, count);
    }
    evolve_say(evolution,
               "{\"type\":\"record\",\"name\":\"AgentEvent\",\"namespace\":\"%s\","
               "\"fields\":[",
               evolve_pick(evolution, 2) == 0 ? "troth" : "com.example.agents");
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            evolve_say(evolution, ",");
        }
        if (order[i] < TROTH_FIELD_COUNT) {
            evolve_field(evolution, order[i]);
        } else {
            evolve_say(evolution, "{\"name\":\"extra%u\",\"type\":", order[i]);
            evolve_any(evolution, 0);
            evolve_say(evolution, "}");
        }
    }
    evolve_say(evolution, "]}");
}

#endif
