/*
 * A contract's document as a tree of scalars, lists and maps, each with its place in the text.
 *
 * The part of YAML that cannot surprise: one document, no anchors, aliases or tags, no control
 * characters, bounded depth and size. JSON is read as the YAML that it is, and its escaped
 * surrogate pairs, which YAML does not know, are understood where the text is JSON throughout.
 * Node 0 is the root. A map's children are key, value, key, value; a key is a scalar.
 *
 * Memory: the tree owns its nodes and their texts. Threads: one tree, one thread.
 */
#ifndef TROTH_SCHEMAS_CONTRACT_TREE_H
#define TROTH_SCHEMAS_CONTRACT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/contract.h"
#include "schemas/status.h"

enum {
    TROTH_TREE_NODES_MAX = 4096, /* the greatest contract that its limits allow needs under 2000 */
    TROTH_TREE_DEPTH_MAX = 16    /* a contract is 8 deep */
};

enum troth_node_kind {
    TROTH_NODE_SCALAR,
    TROTH_NODE_LIST,
    TROTH_NODE_MAP,
    TROTH_NODE_REFUSED /* a problem is told already; nothing more is to be said of it */
};

struct troth_node {
    const char *text; /* of a scalar: UTF-8, terminated, without NUL */
    uint32_t length;
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1, in characters */
    uint16_t first;  /* first child; 0: none */
    uint16_t next;   /* next child of the same parent; 0: none */
    uint16_t count;  /* children */
    uint8_t kind;    /* enum troth_node_kind */
    bool plain;      /* a scalar without quotes */
};

struct troth_tree {
    struct troth_node *nodes;
    char *texts;
    size_t texts_length;
    size_t texts_capacity;
    uint32_t count;
};

/*
 * Reads a document.
 * In text: at most TROTH_CONTRACT_LENGTH_MAX bytes; borrowed for the call.
 * Out tree: to be freed with troth_tree_fini whatever is returned. Out problems: added to.
 * Returns TROTH_OK when the tree is whole, though problems may have been told (of anchors, tags and
 * aliases); TROTH_INVALID when it is not; TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_tree_read(const char *text, size_t length, struct troth_tree *tree,
                             struct troth_problems *problems);

/* Frees what the tree owns; a zeroed tree is fine. */
void troth_tree_fini(struct troth_tree *tree);

#endif
