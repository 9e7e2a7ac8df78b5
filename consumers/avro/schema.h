/*
 * An Avro schema, parsed to a bounded flat tree that keeps what avro-c forgets (aliases, logical
 * types, defaults) and that knows of each type how few bytes a value of it takes.
 *
 * The text is checked for length and nesting before any parser sees it, since avro-c overflows its
 * stack on deep schemas; then jansson reads it, the tree is built from that, and avro-c must accept
 * the tree's parsing canonical form as well, as a second opinion.
 *
 * Invariants of an open schema: every reference is resolved; unions hold no union and no type
 * twice; a type that no finite value has (a record that always contains itself) is refused.
 *
 * Memory: opening allocates, closing gives back; names point into the schema. Threads: none.
 */
#ifndef TROTH_CONSUMERS_AVRO_SCHEMA_H
#define TROTH_CONSUMERS_AVRO_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/status.h"

enum {
    TROTH_SCHEMA_LENGTH_MAX = 65536, /* bytes of JSON */
    TROTH_SCHEMA_DEPTH_MAX = 32,     /* objects and arrays of JSON within one another */
    TROTH_SCHEMA_NODES_MAX = 1024,   /* types */
    TROTH_SCHEMA_EDGES_MAX = 4096,   /* fields, branches, items and symbols */
    TROTH_SCHEMA_NAMES_MAX = 65536   /* bytes of all full names, each with its zero */
};

/* X(NAME, "name in a schema"). The first eight are primitive. */
#define TROTH_AVRO_TYPES(X)                                                                        \
    X(NULL, "null")                                                                                \
    X(BOOLEAN, "boolean")                                                                          \
    X(INT, "int")                                                                                  \
    X(LONG, "long")                                                                                \
    X(FLOAT, "float")                                                                              \
    X(DOUBLE, "double")                                                                            \
    X(BYTES, "bytes")                                                                              \
    X(STRING, "string")                                                                            \
    X(RECORD, "record")                                                                            \
    X(ENUM, "enum")                                                                                \
    X(FIXED, "fixed")                                                                              \
    X(ARRAY, "array")                                                                              \
    X(MAP, "map")                                                                                  \
    X(UNION, "union")

#define TROTH_ENUMERATE_AVRO(NAME, text) TROTH_AVRO_##NAME,
enum troth_avro_type { TROTH_AVRO_TYPES(TROTH_ENUMERATE_AVRO) TROTH_AVRO_TYPE_COUNT };
#undef TROTH_ENUMERATE_AVRO

struct troth_avro_node {
    uint8_t type;             /* enum troth_avro_type */
    const char *name;         /* full name of a record, enum or fixed, else NULL */
    const char *logical_type; /* as written, or NULL */
    const char *fallback;     /* an enum's default symbol, or NULL */
    const json_t *json;       /* the object that the type was defined by, or NULL */
    uint32_t size;            /* of a fixed */
    uint32_t least;           /* bytes that the shortest value takes */
    uint16_t first;           /* edges: a record's fields, an enum's symbols, a union's branches, */
    uint16_t count;           /* or the one of an array's items or a map's values */
};

struct troth_avro_edge {
    const char *name;   /* of a field or a symbol, else NULL */
    const json_t *json; /* the field's object, else NULL */
    uint16_t node;      /* unused for a symbol */
};

struct troth_avro_schema {
    json_t *json;
    uint16_t root;
    uint16_t node_count;
    uint16_t edge_count;
    uint32_t name_length;
    struct troth_avro_node nodes[TROTH_SCHEMA_NODES_MAX];
    struct troth_avro_edge edges[TROTH_SCHEMA_EDGES_MAX];
    char names[TROTH_SCHEMA_NAMES_MAX];
};

/*
 * Parses a schema.
 * In text, length: JSON; borrowed for the call.
 * Out schema: the caller closes it; NULL on failure. Out problem, capacity: why, terminated.
 * Returns TROTH_OK, TROTH_INVALID, TROTH_OVER_LIMIT or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_avro_schema_open(const char *text, size_t length,
                                    struct troth_avro_schema **schema, char *problem,
                                    size_t capacity);

/* Accepts NULL. */
void troth_avro_schema_close(struct troth_avro_schema *schema);

/*
 * Writes the parsing canonical form (Avro specification, "Transforming into Parsing Canonical
 * Form"). Out text: the caller frees it, terminated. Out length: its bytes.
 * Returns TROTH_OK or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_avro_canonical_form(const struct troth_avro_schema *schema, char **text,
                                       size_t *length);

/* Returns the CRC-64-AVRO (Rabin) fingerprint of the bytes. */
uint64_t troth_avro_fingerprint(const char *text, size_t length);

/* Returns the part of a full name that follows the last dot. */
const char *troth_avro_unqualified(const char *name);

/* Returns the name of a type in a schema. */
const char *troth_avro_type_name(unsigned type);

#endif
