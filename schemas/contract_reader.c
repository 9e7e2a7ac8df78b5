#include "schemas/contract_reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schemas/assert.h"
#include "schemas/contract_problems.h"
#include "schemas/contract_scalar.h"

/* Bytes of one key of the document that a path shows. */
enum { KEY_SHOWN = 48, LIST_SHOWN = 208 };

void troth_reader_problem(struct troth_reader *reader, const struct troth_node *node,
                          const char *format, ...)
{
    if (node->kind == TROTH_NODE_REFUSED) {
        return;
    }
    char text[TROTH_PROBLEM_LENGTH_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    troth_problems_add(reader->problems, node->line, node->column, reader->path, "%s", text);
}

/* What a node is, for a message. */
static const char *describe(const struct troth_node *node, char excerpt[TROTH_EXCERPT_LENGTH + 2])
{
    if (node->kind == TROTH_NODE_LIST) {
        return "a list";
    }
    if (node->kind == TROTH_NODE_MAP) {
        return "a map";
    }
    if (troth_node_is_null(node)) {
        return "null";
    }
    char text[TROTH_EXCERPT_LENGTH - 1];
    const char *quote = node->plain ? "" : "\"";
    (void)snprintf(excerpt, TROTH_EXCERPT_LENGTH + 2, "%s%s%s", quote,
                   troth_excerpt(node->text, node->length, text, sizeof text), quote);
    return excerpt;
}

static bool not_what(struct troth_reader *reader, const struct troth_node *node, const char *wanted)
{
    char excerpt[TROTH_EXCERPT_LENGTH + 2];
    troth_reader_problem(reader, node, "%s is not %s", describe(node, excerpt), wanted);
    return false;
}

bool troth_node_is_null(const struct troth_node *node)
{
    return node->kind == TROTH_NODE_SCALAR && node->plain &&
           troth_scalar_is_null(node->text, node->length);
}

static void path_append(struct troth_reader *reader, const char *text)
{
    TROTH_ASSERT(reader->depth < sizeof reader->marks / sizeof reader->marks[0]);
    reader->marks[reader->depth++] = reader->path_length;
    const size_t room = sizeof reader->path - reader->path_length;
    const int length = snprintf(reader->path + reader->path_length, room, "%s", text);
    reader->path_length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

void troth_reader_enter(struct troth_reader *reader, const char *key)
{
    char text[KEY_SHOWN + 2];
    char shown[KEY_SHOWN + 1];
    (void)snprintf(text, sizeof text, "%s%s", reader->path_length > 0 ? "." : "",
                   troth_excerpt(key, strlen(key), shown, sizeof shown));
    path_append(reader, text);
}

void troth_reader_enter_item(struct troth_reader *reader, unsigned index)
{
    char text[16];
    (void)snprintf(text, sizeof text, "[%u]", index);
    path_append(reader, text);
}

void troth_reader_leave(struct troth_reader *reader)
{
    TROTH_ASSERT(reader->depth > 0);
    reader->path_length = reader->marks[--reader->depth];
    reader->path[reader->path_length] = '\0';
}

static bool same_text(const struct troth_node *a, const struct troth_node *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* Writes "a, b, c" of a NULL-terminated list, cut to the capacity. */
static const char *join(const char *const *known, char *text, size_t capacity)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; known[i] != NULL && length < capacity; i++) {
        const int added =
            snprintf(text + length, capacity - length, "%s%s", i > 0 ? ", " : "", known[i]);
        length += added > 0 ? (size_t)added : 0;
    }
    return text;
}

static void unknown_key(struct troth_reader *reader, const struct troth_node *key,
                        const char *const *known)
{
    const char *nearest = troth_scalar_nearest(key->text, key->length, known);
    char list[LIST_SHOWN];
    if (nearest != NULL) {
        troth_reader_problem(reader, key, "unknown key; did you mean %s?", nearest);
    } else {
        troth_reader_problem(reader, key, "unknown key; known here: %s",
                             join(known, list, sizeof list));
    }
}

static bool is_known(const struct troth_node *key, const char *const *known)
{
    for (; *known != NULL; known++) {
        if (strlen(*known) == key->length && memcmp(*known, key->text, key->length) == 0) {
            return true;
        }
    }
    return false;
}

/* The first earlier key of the map with the same text, or NULL. At most NODES_MAX / 2 steps. */
static const struct troth_node *earlier_key(const struct troth_reader *reader,
                                            const struct troth_node *map,
                                            const struct troth_node *key)
{
    for (const struct troth_node *k = troth_node_first(reader->tree, map); k != key;
         k = troth_node_next(reader->tree, troth_node_next(reader->tree, k))) {
        if (k->kind == TROTH_NODE_SCALAR && same_text(k, key)) {
            return k;
        }
    }
    return NULL;
}

bool troth_reader_map(struct troth_reader *reader, const struct troth_node *node,
                      const char *const *known)
{
    if (node->kind != TROTH_NODE_MAP) {
        return not_what(reader, node, "a map; write keys and values");
    }
    const struct troth_node *value = NULL;
    for (const struct troth_node *key = troth_node_first(reader->tree, node); key != NULL;
         key = troth_node_next(reader->tree, value)) {
        value = troth_node_next(reader->tree, key);
        if (key->kind != TROTH_NODE_SCALAR) {
            continue;
        }
        const struct troth_node *earlier = earlier_key(reader, node, key);
        troth_reader_enter(reader, key->text);
        if (earlier != NULL) {
            troth_reader_problem(reader, key, "the key stands twice, first on line %" PRIu32,
                                 earlier->line);
        } else if (known != NULL && !is_known(key, known)) {
            unknown_key(reader, key, known);
        }
        troth_reader_leave(reader);
    }
    return true;
}

bool troth_reader_list(struct troth_reader *reader, const struct troth_node *node)
{
    if (node->kind != TROTH_NODE_LIST) {
        return not_what(reader, node, "a list; write [one, two]");
    }
    if (node->count == 0) {
        troth_reader_problem(reader, node, "the list is empty; write at least one item");
    }
    return node->count != 0;
}

const struct troth_node *troth_reader_find(const struct troth_reader *reader,
                                           const struct troth_node *map, const char *key)
{
    const size_t length = strlen(key);
    const struct troth_node *value = NULL;
    for (const struct troth_node *k = troth_node_first(reader->tree, map); k != NULL;
         k = troth_node_next(reader->tree, value)) {
        value = troth_node_next(reader->tree, k);
        if (k->kind == TROTH_NODE_SCALAR && k->length == length &&
            memcmp(k->text, key, length) == 0) {
            return value;
        }
    }
    return NULL;
}

const struct troth_node *troth_reader_open(struct troth_reader *reader,
                                           const struct troth_node *map, const char *key)
{
    const struct troth_node *value = troth_reader_find(reader, map, key);
    if (value != NULL) {
        troth_reader_enter(reader, key);
    }
    return value;
}

const struct troth_node *troth_reader_require(struct troth_reader *reader,
                                              const struct troth_node *map, const char *key,
                                              const char *wanted)
{
    const struct troth_node *value = troth_reader_open(reader, map, key);
    if (value == NULL) {
        troth_reader_enter(reader, key);
        troth_reader_problem(reader, map, "missing; write %s", wanted);
        troth_reader_leave(reader);
    }
    return value;
}

bool troth_reader_decimal(struct troth_reader *reader, const struct troth_node *node,
                          const char *wanted)
{
    if (node->kind == TROTH_NODE_SCALAR && troth_scalar_is_number(node->text, node->length)) {
        if (node->plain) {
            return true;
        }
        troth_reader_problem(reader, node, "\"%.40s\" is a text; write the number without quotes",
                             node->text);
        return false;
    }
    if (node->kind == TROTH_NODE_SCALAR && node->plain &&
        !troth_scalar_is_null(node->text, node->length) &&
        troth_scalar_is_special(node->text, node->length)) {
        char excerpt[TROTH_EXCERPT_LENGTH];
        troth_reader_problem(
            reader, node, "%s is not %s; write plain decimal digits, as 10, 0.5 or 2e6",
            troth_excerpt(node->text, node->length, excerpt, sizeof excerpt), wanted);
        return false;
    }
    return not_what(reader, node, wanted);
}

bool troth_reader_integer(struct troth_reader *reader, const struct troth_node *node, int64_t least,
                          int64_t most, int64_t *value)
{
    if (!troth_reader_decimal(reader, node, "an integer")) {
        return false;
    }
    const struct troth_whole whole = troth_scalar_whole(node->text, node->length);
    char excerpt[TROTH_EXCERPT_LENGTH];
    (void)troth_excerpt(node->text, node->length, excerpt, sizeof excerpt);
    if (whole.beyond == 0 && !whole.exact) {
        troth_reader_problem(reader, node, "%s is not an integer", excerpt);
        return false;
    }
    if (whole.beyond != 0 || whole.floor < least || whole.floor > most) {
        troth_reader_problem(reader, node,
                             "%s is out of range; write an integer of %" PRId64 " to %" PRId64,
                             excerpt, least, most);
        return false;
    }
    *value = whole.floor;
    return true;
}

bool troth_reader_number(struct troth_reader *reader, const struct troth_node *node, double *value)
{
    if (!troth_reader_decimal(reader, node, "a number")) {
        return false;
    }
    const double number = troth_scalar_double(node->text);
    if (!isfinite(number)) {
        troth_reader_problem(reader, node, "%.40s is out of range", node->text);
        return false;
    }
    *value = number;
    return true;
}

bool troth_reader_boolean(struct troth_reader *reader, const struct troth_node *node, bool *value)
{
    if (node->kind != TROTH_NODE_SCALAR || !node->plain ||
        !troth_scalar_boolean(node->text, node->length, value)) {
        return not_what(reader, node, "true or false");
    }
    return true;
}

bool troth_reader_duration(struct troth_reader *reader, const struct troth_node *node,
                           int64_t least_us, int64_t *value_us)
{
    const int64_t us =
        node->kind == TROTH_NODE_SCALAR ? troth_scalar_duration(node->text, node->length) : -1;
    if (us < 0) {
        return not_what(reader, node,
                        "a duration; write an integer with ms, s, m, h or d, as 30m, at most 366d");
    }
    if (us < least_us) {
        troth_reader_problem(reader, node, "%s is too short; write at least %" PRId64 "ms",
                             node->text, least_us / TROTH_MILLISECOND_US);
        return false;
    }
    *value_us = us;
    return true;
}

bool troth_reader_text(struct troth_reader *reader, const struct troth_node *node, size_t least,
                       size_t most, bool lines)
{
    if (node->kind != TROTH_NODE_SCALAR || troth_node_is_null(node)) {
        return not_what(reader, node, "a text");
    }
    if (node->plain && troth_scalar_is_special(node->text, node->length)) {
        char excerpt[TROTH_EXCERPT_LENGTH];
        (void)troth_excerpt(node->text, node->length, excerpt, sizeof excerpt);
        troth_reader_problem(reader, node,
                             "%s is not a text to every reader of YAML; quote it: \"%s\"", excerpt,
                             excerpt);
        return false;
    }
    if (node->length < least) {
        troth_reader_problem(reader, node, "the text is empty");
        return false;
    }
    if (node->length > most) {
        troth_reader_problem(reader, node, "%" PRIu32 " bytes are too long; at most %zu",
                             node->length, most);
        return false;
    }
    uint32_t code = 0;
    for (size_t i = 0; i < node->length;) {
        i += troth_utf8_read(node->text + i, node->length - i, &code);
        if ((code < 0x20 && !(lines && (code == '\n' || code == '\t'))) ||
            (code >= 0x7F && code < 0xA0)) {
            troth_reader_problem(reader, node, "the text holds a control character; leave it out");
            return false;
        }
    }
    return true;
}

bool troth_reader_name(struct troth_reader *reader, const struct troth_node *node,
                       char name[TROTH_NAME_LENGTH_MAX + 1])
{
    if (!troth_reader_text(reader, node, 0, SIZE_MAX, true)) {
        return false;
    }
    if (!troth_scalar_is_name(node->text, node->length)) {
        return not_what(reader, node,
                        "a name: 1 to 63 of a-z, 0-9, '.', '_' and '-', the first a letter or "
                        "digit");
    }
    memcpy(name, node->text, node->length + 1);
    return true;
}

bool troth_reader_choice(struct troth_reader *reader, const struct troth_node *node,
                         const char *const *known, uint8_t *choice)
{
    char list[LIST_SHOWN];
    char wanted[LIST_SHOWN + 16];
    if (node->kind == TROTH_NODE_SCALAR) {
        for (uint8_t i = 0; known[i] != NULL; i++) {
            if (strlen(known[i]) == node->length &&
                memcmp(known[i], node->text, node->length) == 0) {
                *choice = i;
                return true;
            }
        }
    }
    (void)snprintf(wanted, sizeof wanted, "one of %s", join(known, list, sizeof list));
    return not_what(reader, node, wanted);
}

bool troth_reader_integer_of(struct troth_reader *reader, const struct troth_node *map,
                             const char *key, int64_t least, int64_t most, int64_t *value)
{
    const struct troth_node *node = troth_reader_open(reader, map, key);
    if (node != NULL) {
        (void)troth_reader_integer(reader, node, least, most, value);
        troth_reader_leave(reader);
    }
    return node != NULL;
}

bool troth_reader_boolean_of(struct troth_reader *reader, const struct troth_node *map,
                             const char *key, bool *value)
{
    const struct troth_node *node = troth_reader_open(reader, map, key);
    if (node != NULL) {
        (void)troth_reader_boolean(reader, node, value);
        troth_reader_leave(reader);
    }
    return node != NULL;
}

bool troth_reader_duration_of(struct troth_reader *reader, const struct troth_node *map,
                              const char *key, int64_t least_us, int64_t *value_us)
{
    const struct troth_node *node = troth_reader_open(reader, map, key);
    if (node != NULL) {
        (void)troth_reader_duration(reader, node, least_us, value_us);
        troth_reader_leave(reader);
    }
    return node != NULL;
}

bool troth_reader_choice_of(struct troth_reader *reader, const struct troth_node *map,
                            const char *key, const char *const *known, uint8_t *choice)
{
    const struct troth_node *node = troth_reader_open(reader, map, key);
    if (node != NULL) {
        (void)troth_reader_choice(reader, node, known, choice);
        troth_reader_leave(reader);
    }
    return node != NULL;
}
