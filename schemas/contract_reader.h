/*
 * Reading a contract's tree key by key: the path of the key in hand, typed getters, and what is
 * told when a value is not what it should be.
 *
 * Where a map is read, troth_reader_map comes first and tells of keys that it does not know; then
 * each key is asked for by name. A getter that finds a bad value tells of it and leaves its output
 * as it was, so reading goes on with the default and finds further problems.
 *
 * Memory: the caller owns the reader, which borrows contract, problems and tree. Threads: one
 * reader, one thread.
 */
#ifndef TROTH_SCHEMAS_CONTRACT_READER_H
#define TROTH_SCHEMAS_CONTRACT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/contract.h"
#include "schemas/contract_tree.h"

struct troth_reader {
    struct troth_contract *contract;
    struct troth_problems *problems;
    const struct troth_tree *tree;
    size_t path_length;
    size_t marks[TROTH_TREE_DEPTH_MAX + 2]; /* path lengths to return to */
    uint32_t depth;
    char path[TROTH_PROBLEM_LENGTH_MAX];
};

/* Walks the children of a node; node 0 is the root and never a child. */
#define TROTH_NODE_EACH(reader, parent, child)                                                     \
    for (const struct troth_node *child = troth_node_first((reader)->tree, parent); child != NULL; \
         child = troth_node_next((reader)->tree, child))

static inline const struct troth_node *troth_node_first(const struct troth_tree *tree,
                                                        const struct troth_node *parent)
{
    return parent->first != 0 ? &tree->nodes[parent->first] : NULL;
}

static inline const struct troth_node *troth_node_next(const struct troth_tree *tree,
                                                       const struct troth_node *node)
{
    return node->next != 0 ? &tree->nodes[node->next] : NULL;
}

/* Tells a problem of the key in hand, at the node; of a refused node nothing. */
__attribute__((format(printf, 3, 4))) void troth_reader_problem(struct troth_reader *reader,
                                                                const struct troth_node *node,
                                                                const char *format, ...);

/* Returns whether the node is a plain null. */
bool troth_node_is_null(const struct troth_node *node);

/* Path of the key in hand: enters a key or an item, and leaves the last that was entered. */
void troth_reader_enter(struct troth_reader *reader, const char *key);
void troth_reader_enter_item(struct troth_reader *reader, unsigned index);
void troth_reader_leave(struct troth_reader *reader);

/* Returns whether the node is a map; tells of keys not in the NULL-terminated list, and of keys
 * that come twice. */
bool troth_reader_map(struct troth_reader *reader, const struct troth_node *node,
                      const char *const *known);

/* Returns whether the node is a list; tells it when not, or when it is empty. */
bool troth_reader_list(struct troth_reader *reader, const struct troth_node *node);

/* Returns the value of a key, or NULL. In map: a map. */
const struct troth_node *troth_reader_find(const struct troth_reader *reader,
                                           const struct troth_node *map, const char *key);

/* The same, entered: the caller leaves where the answer is not NULL. */
const struct troth_node *troth_reader_open(struct troth_reader *reader,
                                           const struct troth_node *map, const char *key);

/* The same, and a missing key is told with what should stand there. */
const struct troth_node *troth_reader_require(struct troth_reader *reader,
                                              const struct troth_node *map, const char *key,
                                              const char *wanted);

/* Values of the node in hand. Each returns whether the value is good, and tells it when not. */
bool troth_reader_integer(struct troth_reader *reader, const struct troth_node *node, int64_t least,
                          int64_t most, int64_t *value);
bool troth_reader_number(struct troth_reader *reader, const struct troth_node *node, double *value);
/* Any plain decimal number, for troth_scalar_whole. In wanted: "a number" or so. */
bool troth_reader_decimal(struct troth_reader *reader, const struct troth_node *node,
                          const char *wanted);
bool troth_reader_boolean(struct troth_reader *reader, const struct troth_node *node, bool *value);
bool troth_reader_duration(struct troth_reader *reader, const struct troth_node *node,
                           int64_t least_us, int64_t *value_us);
bool troth_reader_name(struct troth_reader *reader, const struct troth_node *node,
                       char name[TROTH_NAME_LENGTH_MAX + 1]);
/* In known: NULL-terminated. Out choice: the index. */
bool troth_reader_choice(struct troth_reader *reader, const struct troth_node *node,
                         const char *const *known, uint8_t *choice);
/* A text of 0..most bytes, quoted where YAML would take it for something else. In lines: whether it
 * may hold line breaks and tabs. The text is node->text. */
bool troth_reader_text(struct troth_reader *reader, const struct troth_node *node, size_t least,
                       size_t most, bool lines);

/* Values of an optional key of a map. Each returns whether the key is there, good or bad. */
bool troth_reader_integer_of(struct troth_reader *reader, const struct troth_node *map,
                             const char *key, int64_t least, int64_t most, int64_t *value);
bool troth_reader_boolean_of(struct troth_reader *reader, const struct troth_node *map,
                             const char *key, bool *value);
bool troth_reader_duration_of(struct troth_reader *reader, const struct troth_node *map,
                              const char *key, int64_t least_us, int64_t *value_us);
bool troth_reader_choice_of(struct troth_reader *reader, const struct troth_node *map,
                            const char *key, const char *const *known, uint8_t *choice);

#endif
