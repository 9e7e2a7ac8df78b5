#include "schemas/contract_tree.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "schemas/assert.h"
#include "schemas/contract_problems.h"
#include "schemas/contract_scalar.h"

/* What is read, and where in the tree the reading stands. */
struct reading {
    struct troth_tree *tree;
    struct troth_problems *problems;
    yaml_parser_t parser;
    uint32_t depth;
    uint16_t open[TROTH_TREE_DEPTH_MAX]; /* containers not yet closed, the outermost first */
    uint16_t last[TROTH_TREE_DEPTH_MAX]; /* last child of each, 0: none yet */
};

static void problem_at(struct reading *reading, yaml_mark_t mark, const char *text)
{
    troth_problems_add(reading->problems, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, "",
                       "%s", text);
}

/* Tells what the bytes at an offset are that no contract may hold. */
static void problem_in_bytes(struct troth_problems *problems, const char *text, size_t offset,
                             const char *what)
{
    uint32_t line = 1;
    uint32_t column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text[i] & 0xC0U) != 0x80U) {
            column++;
        }
    }
    troth_problems_add(problems, line, column, "", "%s", what);
}

/* libyaml would refuse these too, but without saying where. */
static bool bytes_are_text(const char *text, size_t length, struct troth_problems *problems)
{
    for (size_t i = 0; i < length;) {
        uint32_t code = 0;
        const size_t width = troth_utf8_read(text + i, length - i, &code);
        if (width == 0) {
            problem_in_bytes(problems, text, i, "not UTF-8; save the file as UTF-8");
            return false;
        }
        const bool allowed = code == '\t' || code == '\n' || code == '\r' ||
                             (code >= 0x20 && code < 0x7F) || code == 0x85 ||
                             (code >= 0xA0 && code != 0xFEFF && code != 0xFFFE && code != 0xFFFF);
        if (!allowed) {
            problem_in_bytes(problems, text, i,
                             code == 0 ? "a NUL byte; a contract is text"
                                       : "a control character; write it as an escape, or leave it "
                                         "out");
            return false;
        }
        i += width;
    }
    return true;
}

/* Finds whether a text is JSON throughout. Returns TROTH_OK or TROTH_NO_MEMORY. */
static troth_status find_json(const char *text, size_t length, bool *is_json)
{
    json_error_t error;
    json_t *root = json_loadb(text, length, JSON_ALLOW_NUL, &error);
    *is_json = root != NULL;
    json_decref(root);
    return !*is_json && json_error_code(&error) == json_error_out_of_memory ? TROTH_NO_MEMORY
                                                                            : TROTH_OK;
}

/* The code of \uXXXX at text, or UINT32_MAX. */
static uint32_t escaped_unit(const char *text, size_t length)
{
    if (length < 6 || text[0] != '\\' || text[1] != 'u') {
        return UINT32_MAX;
    }
    uint32_t unit = 0;
    for (size_t i = 2; i < 6; i++) {
        const char c = text[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) {
            return UINT32_MAX;
        }
        unit = unit << 4 | (uint32_t)digit;
    }
    return unit;
}

/* Writes each escaped surrogate pair of a JSON text as YAML's \UXXXXXXXX, which is shorter, in
 * place. In a JSON text a backslash stands in strings alone. Returns the new length. */
static size_t join_surrogates(char *text, size_t length)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t to = 0;
    for (size_t from = 0; from < length;) {
        if (text[from] != '\\') {
            text[to++] = text[from++];
            continue;
        }
        const uint32_t high = escaped_unit(text + from, length - from);
        const uint32_t low = high >= 0xD800 && high < 0xDC00
                                 ? escaped_unit(text + from + 6, length - from - 6)
                                 : UINT32_MAX;
        if (low >= 0xDC00 && low < 0xE000) {
            const uint32_t code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            text[to++] = '\\';
            text[to++] = 'U';
            for (int shift = 28; shift >= 0; shift -= 4) {
                text[to++] = digits[code >> shift & 0xFU];
            }
            from += 12;
        } else {
            TROTH_ASSERT(from + 1 < length);
            text[to++] = text[from++];
            text[to++] = text[from++];
        }
    }
    return to;
}

static struct troth_node *append(struct reading *reading, enum troth_node_kind kind,
                                 yaml_mark_t mark)
{
    struct troth_tree *tree = reading->tree;
    if (tree->count == TROTH_TREE_NODES_MAX) {
        problem_at(reading, mark, "the document has more keys and values than any contract needs");
        return NULL;
    }
    const uint16_t index = (uint16_t)tree->count++;
    struct troth_node *node = &tree->nodes[index];
    *node = (struct troth_node){.kind = (uint8_t)kind,
                                .line = (uint32_t)mark.line + 1,
                                .column = (uint32_t)mark.column + 1,
                                .text = ""};
    if (reading->depth > 0) {
        const uint32_t top = reading->depth - 1;
        struct troth_node *parent = &tree->nodes[reading->open[top]];
        if (reading->last[top] == 0) {
            parent->first = index;
        } else {
            tree->nodes[reading->last[top]].next = index;
        }
        reading->last[top] = index;
        parent->count++;
    }
    return node;
}

static bool is_key(const struct reading *reading)
{
    if (reading->depth == 0) {
        return false;
    }
    const struct troth_node *parent = &reading->tree->nodes[reading->open[reading->depth - 1]];
    return parent->kind == TROTH_NODE_MAP && parent->count % 2 == 0;
}

/* Each refuses on its own, and reading goes on: the author learns of all of them at once. */
static void refuse_decoration(struct reading *reading, const yaml_char_t *anchor,
                              const yaml_char_t *tag, yaml_mark_t mark)
{
    if (anchor != NULL) {
        problem_at(reading, mark, "anchors (&name) are not used in contracts; write the value out");
    }
    if (tag != NULL) {
        problem_at(reading, mark, "tags (!name) are not used in contracts; leave it out");
    }
}

static bool open_container(struct reading *reading, enum troth_node_kind kind, yaml_mark_t mark)
{
    if (is_key(reading)) {
        problem_at(reading, mark, "a key is a text; a list or map stands in its place");
        return false;
    }
    if (reading->depth == TROTH_TREE_DEPTH_MAX) {
        problem_at(reading, mark, "nested deeper than any contract is");
        return false;
    }
    const struct troth_node *node = append(reading, kind, mark);
    if (node == NULL) {
        return false;
    }
    reading->open[reading->depth] = (uint16_t)(node - reading->tree->nodes);
    reading->last[reading->depth] = 0;
    reading->depth++;
    return true;
}

static bool add_scalar(struct reading *reading, const yaml_event_t *event)
{
    struct troth_tree *tree = reading->tree;
    struct troth_node *node = append(reading, TROTH_NODE_SCALAR, event->start_mark);
    if (node == NULL) {
        return false;
    }
    const char *value = (const char *)event->data.scalar.value;
    const size_t length = event->data.scalar.length;
    if (memchr(value, '\0', length) != NULL) {
        problem_at(reading, event->start_mark, "a text holds a NUL; leave it out");
        node->kind = TROTH_NODE_REFUSED;
        return true;
    }
    /* No escape of two bytes gives more than three, so the texts fit. */
    TROTH_ASSERT(tree->texts_capacity - tree->texts_length > length);
    char *copy = tree->texts + tree->texts_length;
    memcpy(copy, value, length);
    copy[length] = '\0';
    tree->texts_length += length + 1;
    node->text = copy;
    node->length = (uint32_t)length;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return true;
}

/* Returns whether reading goes on. */
static bool take_event(struct reading *reading, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        refuse_decoration(reading, event->data.scalar.anchor, event->data.scalar.tag,
                          event->start_mark);
        return add_scalar(reading, event);
    case YAML_SEQUENCE_START_EVENT:
        refuse_decoration(reading, event->data.sequence_start.anchor,
                          event->data.sequence_start.tag, event->start_mark);
        return open_container(reading, TROTH_NODE_LIST, event->start_mark);
    case YAML_MAPPING_START_EVENT:
        refuse_decoration(reading, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                          event->start_mark);
        return open_container(reading, TROTH_NODE_MAP, event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        reading->depth--;
        return true;
    case YAML_ALIAS_EVENT:
        problem_at(reading, event->start_mark,
                   "aliases (*name) are not used in contracts; write the value out, or quote it");
        return append(reading, TROTH_NODE_REFUSED, event->start_mark) != NULL;
    case YAML_DOCUMENT_START_EVENT:
        if (reading->tree->count > 0) {
            problem_at(reading, event->start_mark, "a second document; write one contract a file");
            return false;
        }
        return true;
    default:
        return true;
    }
}

static troth_status yaml_failed(struct reading *reading)
{
    const yaml_parser_t *parser = &reading->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return TROTH_NO_MEMORY;
    }
    troth_problems_add(reading->problems, (uint32_t)parser->problem_mark.line + 1,
                       (uint32_t)parser->problem_mark.column + 1, "", "not YAML: %s%s%s",
                       parser->problem != NULL ? parser->problem : "unreadable",
                       parser->context != NULL ? " " : "",
                       parser->context != NULL ? parser->context : "");
    return TROTH_INVALID;
}

static troth_status read_events(struct reading *reading)
{
    /* Each event but a few takes a byte of the document or a node, so the loop is bounded. */
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reading->parser, &event)) {
            return yaml_failed(reading);
        }
        const bool ended = event.type == YAML_STREAM_END_EVENT;
        const bool goes_on = take_event(reading, &event);
        yaml_event_delete(&event);
        if (!goes_on) {
            return TROTH_INVALID;
        }
        if (ended) {
            break;
        }
    }
    if (reading->tree->count == 0) {
        troth_problems_add(reading->problems, 0, 0, "", "empty; a contract is a map of keys");
        return TROTH_INVALID;
    }
    return TROTH_OK;
}

/* Parses a copy of the document, in which surrogates may be joined. */
static troth_status read_copy(struct reading *reading, char *copy, size_t length)
{
    bool json = false;
    if (memmem(copy, length, "\\u", 2) != NULL) {
        const troth_status status = find_json(copy, length, &json);
        if (status != TROTH_OK) {
            return status;
        }
    }
    if (!yaml_parser_initialize(&reading->parser)) {
        return TROTH_NO_MEMORY;
    }
    length = json ? join_surrogates(copy, length) : length;
    yaml_parser_set_encoding(&reading->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading->parser, (const unsigned char *)copy, length);
    const troth_status status = read_events(reading);
    yaml_parser_delete(&reading->parser);
    return status;
}

troth_status troth_tree_read(const char *text, size_t length, struct troth_tree *tree,
                             struct troth_problems *problems)
{
    memset(tree, 0, sizeof *tree);
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (!bytes_are_text(text, length, problems)) {
        return TROTH_INVALID;
    }
    struct reading reading = {.tree = tree, .problems = problems};
    troth_status status = TROTH_NO_MEMORY;
    tree->nodes = calloc(TROTH_TREE_NODES_MAX, sizeof *tree->nodes);
    tree->texts_capacity = 2 * length + TROTH_TREE_NODES_MAX + 1;
    tree->texts = malloc(tree->texts_capacity);
    char *copy = malloc(length + 1);
    if (tree->nodes != NULL && tree->texts != NULL && copy != NULL) {
        if (length > 0) {
            memcpy(copy, text, length);
        }
        copy[length] = '\0';
        status = read_copy(&reading, copy, length);
    }
    free(copy);
    return status;
}

void troth_tree_fini(struct troth_tree *tree)
{
    free(tree->nodes);
    free(tree->texts);
    memset(tree, 0, sizeof *tree);
}
