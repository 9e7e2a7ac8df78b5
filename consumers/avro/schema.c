#include "consumers/avro/schema.h"

#include <avro.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_OF(NAME, text) text,
static const char *const type_names[] = {TROTH_AVRO_TYPES(NAME_OF)};
#undef NAME_OF

#define LEAST_UNKNOWN UINT32_MAX /* no finite value is known yet */

struct parser {
    struct troth_avro_schema *schema;
    char *problem;
    size_t capacity;
    troth_status status;
};

static int parse_type(struct parser *parser, json_t *json, const char *space);

/* Records the first problem. Returns -1, which is no node. */
__attribute__((format(printf, 3, 4))) static int refuse(struct parser *parser, troth_status status,
                                                        const char *format, ...)
{
    if (parser->status == TROTH_OK) {
        parser->status = status;
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(parser->problem, parser->capacity, format, arguments);
        va_end(arguments);
    }
    return -1;
}

const char *troth_avro_unqualified(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

const char *troth_avro_type_name(unsigned type)
{
    return type_names[type];
}

static int find_primitive(const char *name)
{
    for (int type = TROTH_AVRO_NULL; type <= TROTH_AVRO_STRING; type++) {
        if (strcmp(type_names[type], name) == 0) {
            return type;
        }
    }
    return -1;
}

/* [A-Za-z_][A-Za-z0-9_]*, and with dots such names between them. */
static bool is_name(const char *name, bool dots)
{
    bool begins = true;
    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;
        if (dots && byte == '.' && !begins) {
            begins = true;
            continue;
        }
        if (byte != '_' && !(isascii(byte) && isalpha(byte)) &&
            (begins || !(isascii(byte) && isdigit(byte)))) {
            return false;
        }
        begins = false;
    }
    return !begins;
}

static int add_node(struct parser *parser, unsigned type)
{
    struct troth_avro_schema *schema = parser->schema;
    if (schema->node_count == TROTH_SCHEMA_NODES_MAX) {
        return refuse(parser, TROTH_OVER_LIMIT, "more than %d types", TROTH_SCHEMA_NODES_MAX);
    }
    struct troth_avro_node *node = &schema->nodes[schema->node_count];
    *node = (struct troth_avro_node){.type = (uint8_t)type, .least = LEAST_UNKNOWN};
    return schema->node_count++;
}

/* Takes room for the edges of one node, together. */
static bool add_edges(struct parser *parser, int node, size_t count)
{
    struct troth_avro_schema *schema = parser->schema;
    if (count > (size_t)(TROTH_SCHEMA_EDGES_MAX - schema->edge_count)) {
        (void)refuse(parser, TROTH_OVER_LIMIT, "more than %d fields, branches and symbols",
                     TROTH_SCHEMA_EDGES_MAX);
        return false;
    }
    schema->nodes[node].first = schema->edge_count;
    schema->nodes[node].count = (uint16_t)count;
    schema->edge_count = (uint16_t)(schema->edge_count + count);
    return true;
}

/* Joins a namespace and a name unless the name has its own. Returns NULL when it cannot. */
static const char *full_name(struct parser *parser, const char *space, const char *name)
{
    struct troth_avro_schema *schema = parser->schema;
    bool joined = strchr(name, '.') == NULL && space[0] != '\0';
    char *place = schema->names + schema->name_length;
    size_t room = TROTH_SCHEMA_NAMES_MAX - schema->name_length;
    int length = snprintf(place, room, "%s%s%s", joined ? space : "", joined ? "." : "", name);
    if (length < 0 || (size_t)length >= room) {
        (void)refuse(parser, TROTH_OVER_LIMIT, "full names of more than %d bytes",
                     TROTH_SCHEMA_NAMES_MAX);
        return NULL;
    }
    schema->name_length += (uint32_t)length + 1;
    return place;
}

static int find_named(const struct troth_avro_schema *schema, const char *name)
{
    for (int i = 0; i < schema->node_count; i++) {
        if (schema->nodes[i].name != NULL && strcmp(schema->nodes[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* A primitive's name, or a named type that was defined before. */
static int parse_reference(struct parser *parser, const char *name, const char *space)
{
    int primitive = find_primitive(name);
    if (primitive >= 0) {
        return add_node(parser, (unsigned)primitive);
    }
    uint32_t mark = parser->schema->name_length;
    const char *full = full_name(parser, space, name);
    if (full == NULL) {
        return -1;
    }
    int node = find_named(parser->schema, full);
    if (node < 0) {
        return refuse(parser, TROTH_INVALID, "the type `%.100s` is not defined before its use",
                      full);
    }
    parser->schema->name_length = mark;
    return node;
}

/* Returns the namespace that the types within a named one are in: all before its last dot. */
static const char *space_of(struct parser *parser, const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL) {
        return "";
    }
    const char *copy = full_name(parser, "", name);
    if (copy != NULL) {
        parser->schema->names[copy - parser->schema->names + (dot - name)] = '\0';
    }
    return copy;
}

/* Adds the node of a record, enum or fixed. */
static int parse_name(struct parser *parser, json_t *json, unsigned type, const char *space)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *own_space = json_string_value(json_object_get(json, "namespace"));
    if (name == NULL || !is_name(name, true)) {
        return refuse(parser, TROTH_INVALID, "a type %s has no name, or one that is no Avro name",
                      type_names[type]);
    }
    if (own_space != NULL && own_space[0] != '\0' && !is_name(own_space, true)) {
        return refuse(parser, TROTH_INVALID, "the namespace of `%.100s` is no Avro name", name);
    }
    const char *full = full_name(parser, own_space != NULL ? own_space : space, name);
    if (full == NULL) {
        return -1;
    }
    if (find_primitive(full) >= 0 || find_named(parser->schema, full) >= 0) {
        return refuse(parser, TROTH_INVALID, "the type `%.100s` is defined twice", full);
    }
    int node = add_node(parser, type);
    if (node >= 0) {
        parser->schema->nodes[node].name = full;
        parser->schema->nodes[node].json = json;
    }
    return node;
}

static int parse_record(struct parser *parser, json_t *json, const char *space)
{
    struct troth_avro_schema *schema = parser->schema;
    int node = parse_name(parser, json, TROTH_AVRO_RECORD, space);
    json_t *fields = json_object_get(json, "fields");
    if (node < 0) {
        return -1;
    }
    if (!json_is_array(fields)) {
        return refuse(parser, TROTH_INVALID, "record `%.100s` has no array of fields",
                      schema->nodes[node].name);
    }
    const char *inner = space_of(parser, schema->nodes[node].name);
    if (inner == NULL || !add_edges(parser, node, json_array_size(fields))) {
        return -1;
    }
    for (unsigned i = 0; i < schema->nodes[node].count; i++) {
        json_t *field = json_array_get(fields, i);
        const char *name = json_string_value(json_object_get(field, "name"));
        struct troth_avro_edge *edges = &schema->edges[schema->nodes[node].first];
        if (name == NULL || !is_name(name, false)) {
            return refuse(parser, TROTH_INVALID, "field %u of `%.100s` has no name", i,
                          schema->nodes[node].name);
        }
        for (unsigned before = 0; before < i; before++) {
            if (strcmp(edges[before].name, name) == 0) {
                return refuse(parser, TROTH_INVALID, "field `%.100s` stands twice", name);
            }
        }
        edges[i] = (struct troth_avro_edge){.name = name, .json = field};
        int type = parse_type(parser, json_object_get(field, "type"), inner);
        if (type < 0) {
            return -1;
        }
        edges[i].node = (uint16_t)type;
    }
    return node;
}

static int parse_enum(struct parser *parser, json_t *json, const char *space)
{
    struct troth_avro_schema *schema = parser->schema;
    int node = parse_name(parser, json, TROTH_AVRO_ENUM, space);
    json_t *symbols = json_object_get(json, "symbols");
    if (node < 0) {
        return -1;
    }
    if (!json_is_array(symbols) || json_array_size(symbols) == 0) {
        return refuse(parser, TROTH_INVALID, "enum `%.100s` has no symbols",
                      schema->nodes[node].name);
    }
    if (!add_edges(parser, node, json_array_size(symbols))) {
        return -1;
    }
    for (unsigned i = 0; i < schema->nodes[node].count; i++) {
        const char *symbol = json_string_value(json_array_get(symbols, i));
        struct troth_avro_edge *edges = &schema->edges[schema->nodes[node].first];
        if (symbol == NULL || !is_name(symbol, false)) {
            return refuse(parser, TROTH_INVALID, "symbol %u of `%.100s` is no Avro name", i,
                          schema->nodes[node].name);
        }
        for (unsigned before = 0; before < i; before++) {
            if (strcmp(edges[before].name, symbol) == 0) {
                return refuse(parser, TROTH_INVALID, "symbol `%.100s` stands twice", symbol);
            }
        }
        edges[i] = (struct troth_avro_edge){.name = symbol};
    }
    schema->nodes[node].fallback = json_string_value(json_object_get(json, "default"));
    return node;
}

static int parse_fixed(struct parser *parser, json_t *json, const char *space)
{
    int node = parse_name(parser, json, TROTH_AVRO_FIXED, space);
    json_t *size = json_object_get(json, "size");
    if (node < 0) {
        return -1;
    }
    if (!json_is_integer(size) || json_integer_value(size) < 0 ||
        json_integer_value(size) > UINT16_MAX) {
        return refuse(parser, TROTH_INVALID, "fixed `%.100s` needs a size of 0 to %d bytes",
                      parser->schema->nodes[node].name, UINT16_MAX);
    }
    parser->schema->nodes[node].size = (uint32_t)json_integer_value(size);
    return node;
}

static int parse_items(struct parser *parser, json_t *json, unsigned type, const char *space)
{
    json_t *items = json_object_get(json, type == TROTH_AVRO_ARRAY ? "items" : "values");
    int node = add_node(parser, type);
    if (node < 0 || !add_edges(parser, node, 1)) {
        return -1;
    }
    int item = parse_type(parser, items, space);
    if (item >= 0) {
        parser->schema->edges[parser->schema->nodes[node].first].node = (uint16_t)item;
    }
    return item < 0 ? -1 : node;
}

/* Returns whether two branches could not be told apart. */
static bool is_same_branch(const struct troth_avro_node *a, const struct troth_avro_node *b)
{
    return a->type == b->type && (a->name == NULL || strcmp(a->name, b->name) == 0);
}

static int parse_union(struct parser *parser, json_t *json, const char *space)
{
    struct troth_avro_schema *schema = parser->schema;
    int node = add_node(parser, TROTH_AVRO_UNION);
    if (node < 0 || !add_edges(parser, node, json_array_size(json))) {
        return -1;
    }
    if (schema->nodes[node].count == 0) {
        return refuse(parser, TROTH_INVALID, "a union has no branch");
    }
    for (unsigned i = 0; i < schema->nodes[node].count; i++) {
        struct troth_avro_edge *edges = &schema->edges[schema->nodes[node].first];
        int branch = parse_type(parser, json_array_get(json, i), space);
        if (branch < 0) {
            return -1;
        }
        if (schema->nodes[branch].type == TROTH_AVRO_UNION) {
            return refuse(parser, TROTH_INVALID, "a union is a branch of a union");
        }
        for (unsigned before = 0; before < i; before++) {
            if (is_same_branch(&schema->nodes[edges[before].node], &schema->nodes[branch])) {
                return refuse(parser, TROTH_INVALID, "a union has two branches of type %s",
                              type_names[schema->nodes[branch].type]);
            }
        }
        edges[i].node = (uint16_t)branch;
    }
    return node;
}

static int parse_object(struct parser *parser, json_t *json, const char *space)
{
    json_t *type = json_object_get(json, "type");
    const char *name = json_string_value(type);
    if (name == NULL) {
        return parse_type(parser, type, space);
    }
    if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0) {
        return parse_record(parser, json, space);
    }
    if (strcmp(name, "enum") == 0) {
        return parse_enum(parser, json, space);
    }
    if (strcmp(name, "fixed") == 0) {
        return parse_fixed(parser, json, space);
    }
    if (strcmp(name, "array") == 0) {
        return parse_items(parser, json, TROTH_AVRO_ARRAY, space);
    }
    if (strcmp(name, "map") == 0) {
        return parse_items(parser, json, TROTH_AVRO_MAP, space);
    }
    int node = parse_reference(parser, name, space);
    if (node >= 0 && parser->schema->nodes[node].name == NULL) {
        parser->schema->nodes[node].logical_type =
            json_string_value(json_object_get(json, "logicalType"));
    }
    return node;
}

/* Returns the node of a type, or -1. Recursion ends with the nesting of the JSON, which is bounded
 * before. `space` is the namespace that encloses. */
static int parse_type(struct parser *parser, json_t *json, const char *space)
{
    if (json_is_string(json)) {
        return parse_reference(parser, json_string_value(json), space);
    }
    if (json_is_object(json)) {
        return parse_object(parser, json, space);
    }
    if (json_is_array(json)) {
        return parse_union(parser, json, space);
    }
    return refuse(parser, TROTH_INVALID, "a type is missing, or is no string, object or array");
}

/* Sums are kept below LEAST_UNKNOWN once they are known. */
static uint32_t add_least(uint32_t a, uint32_t b)
{
    if (a == LEAST_UNKNOWN || b == LEAST_UNKNOWN) {
        return LEAST_UNKNOWN;
    }
    return a > LEAST_UNKNOWN - 1 - b ? LEAST_UNKNOWN - 1 : a + b;
}

static uint32_t least_of(const struct troth_avro_schema *schema, const struct troth_avro_node *node)
{
    const struct troth_avro_edge *edges = &schema->edges[node->first];
    uint32_t least = 0;
    switch (node->type) {
    case TROTH_AVRO_NULL:
        return 0;
    case TROTH_AVRO_FLOAT:
        return 4;
    case TROTH_AVRO_DOUBLE:
        return 8;
    case TROTH_AVRO_FIXED:
        return node->size;
    case TROTH_AVRO_RECORD:
        for (unsigned i = 0; i < node->count; i++) {
            least = add_least(least, schema->nodes[edges[i].node].least);
        }
        return least;
    case TROTH_AVRO_UNION:
        least = LEAST_UNKNOWN;
        for (unsigned i = 0; i < node->count; i++) {
            uint32_t branch = add_least(1, schema->nodes[edges[i].node].least);
            least = branch < least ? branch : least;
        }
        return least;
    default:
        return 1;
    }
}

/* Finds the least fixed point: each round knows at least one more type, or is the last. */
static void measure(struct parser *parser)
{
    struct troth_avro_schema *schema = parser->schema;
    bool changed = true;
    for (unsigned round = 0; changed && round <= schema->node_count; round++) {
        changed = false;
        /* Inner types have higher numbers, so one round usually does. */
        for (unsigned i = schema->node_count; i-- > 0;) {
            uint32_t least = least_of(schema, &schema->nodes[i]);
            changed |= least != schema->nodes[i].least;
            schema->nodes[i].least = least;
        }
    }
    for (unsigned i = 0; i < schema->node_count; i++) {
        /* Only through a record can a type contain itself, so one of them is named. */
        if (schema->nodes[i].least == LEAST_UNKNOWN && schema->nodes[i].name != NULL) {
            (void)refuse(parser, TROTH_INVALID, "record `%.100s` always contains itself",
                         schema->nodes[i].name);
            return;
        }
    }
}

/* Bounds the nesting of text that may not even be JSON; strings are passed over. */
static bool is_shallow(const char *text, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\') {
            i++; /* what it escapes is neither an end nor another escape */
        } else if (quoted) {
            quoted = text[i] != '"';
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > TROTH_SCHEMA_DEPTH_MAX) {
                return false;
            }
        } else if (text[i] == '}' || text[i] == ']') {
            depth--;
        }
    }
    return true;
}

/* A second parser must take the schema too. */
static void consult_avro(struct parser *parser)
{
    char *form;
    size_t length;
    if (troth_avro_canonical_form(parser->schema, &form, &length) != TROTH_OK) {
        (void)refuse(parser, TROTH_NO_MEMORY, "no memory");
        return;
    }
    avro_schema_t schema = NULL;
    if (avro_schema_from_json_length(form, length, &schema) != 0) {
        (void)refuse(parser, TROTH_INVALID, "avro-c refuses the schema: %.180s", avro_strerror());
    } else {
        (void)avro_schema_decref(schema);
    }
    free(form);
}

troth_status troth_avro_schema_open(const char *text, size_t length,
                                    struct troth_avro_schema **schema, char *problem,
                                    size_t capacity)
{
    struct parser parser = {.problem = problem, .capacity = capacity, .status = TROTH_OK};
    problem[0] = '\0';
    *schema = NULL;
    if (length > TROTH_SCHEMA_LENGTH_MAX || !is_shallow(text, length)) {
        (void)refuse(&parser, TROTH_OVER_LIMIT, "more than %d bytes, or nested deeper than %d",
                     TROTH_SCHEMA_LENGTH_MAX, TROTH_SCHEMA_DEPTH_MAX);
        return parser.status;
    }
    parser.schema = calloc(1, sizeof *parser.schema);
    if (parser.schema == NULL) {
        (void)refuse(&parser, TROTH_NO_MEMORY, "no memory");
        return parser.status;
    }
    json_error_t error;
    /* A schema may be a type's name alone, which is JSON as "string". */
    parser.schema->json =
        json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (parser.schema->json == NULL) {
        (void)refuse(&parser, TROTH_INVALID, "no JSON, line %d: %.150s", error.line, error.text);
    } else {
        int root = parse_type(&parser, parser.schema->json, "");
        if (root >= 0) {
            parser.schema->root = (uint16_t)root;
            measure(&parser);
        }
        if (parser.status == TROTH_OK) {
            consult_avro(&parser);
        }
    }
    if (parser.status != TROTH_OK) {
        troth_avro_schema_close(parser.schema);
        return parser.status;
    }
    *schema = parser.schema;
    return TROTH_OK;
}

void troth_avro_schema_close(struct troth_avro_schema *schema)
{
    if (schema != NULL) {
        json_decref(schema->json);
        free(schema);
    }
}
