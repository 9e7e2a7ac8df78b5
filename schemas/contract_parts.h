/*
 * The parts of a contract that the parser and the writer share: predicates, terms and the ladder.
 * Private to schemas/contract*.c.
 */
#ifndef TROTH_SCHEMAS_CONTRACT_PARTS_H
#define TROTH_SCHEMAS_CONTRACT_PARTS_H

#include "schemas/contract_reader.h"

enum {
    TROTH_EVIDENCE_MAX = 1000000000, /* the scoring core counts pieces in 30 bits */
    TROTH_DISPUTES_MAX = 1000000
};

/*
 * Reads a predicate and adds its tests, in order of field and attribute's name, so that the order
 * of keys in the document does not matter. In node: the value in hand. Out predicate: its run.
 */
void troth_contract_read_predicate(struct troth_reader *reader, const struct troth_node *node,
                                   struct troth_predicate *predicate);

/* The items of a scalar or list, sorted, each once. */
struct troth_items {
    const struct troth_node *nodes[TROTH_VALUES_MAX];
    int64_t integers[TROTH_VALUES_MAX];
    unsigned count;
};

/* Gathers texts or integers of the scalar or list in hand. Out items: count 0 when none is good,
 * which is told. */
void troth_items_gather(struct troth_reader *reader, const struct troth_node *node, bool texts,
                        struct troth_items *items);

/* Adds the items to the contract's values. Out first, count: the run; count to be 0 before. */
void troth_items_add(struct troth_reader *reader, const struct troth_node *node, bool texts,
                     const struct troth_items *items, uint16_t *first, uint16_t *count);

/* Copies a text into the pool. Returns its offset, or -1 when there is no room, which is told. */
int troth_contract_pool_text(struct troth_reader *reader, const struct troth_node *node,
                             const char *text, uint32_t length);

/* Reads a text or a list of texts into values, sorted, each once. Out first, count: the run. */
void troth_contract_read_texts(struct troth_reader *reader, const struct troth_node *node,
                               uint16_t *first, uint16_t *count);

/* Reads the list of terms in hand. The contract's own defaults and consequence are read before. */
void troth_contract_read_terms(struct troth_reader *reader, const struct troth_node *node);

/* Tells it where a window does not divide into panes of whole milliseconds. In map: has the key
 * `window` or `panes`, or both. */
void troth_contract_check_panes(struct troth_reader *reader, const struct troth_node *map,
                                int64_t window_us, int64_t panes);

/* Fills in the default ladder of the contract's consequence, its capabilities being known. */
void troth_contract_default_ladder(struct troth_contract *contract);

/* Replaces of the ladder what the map in hand names. */
void troth_contract_read_ladder(struct troth_reader *reader, const struct troth_node *node);

/* The pieces that a floor asks for: fewer than this a record without a break would not settle at
 * nine to one. Returns TROTH_EVIDENCE_MAX + 1 where they are more than that. */
uint32_t troth_contract_default_evidence(double floor_rate);

/* All values of an enumerated field, as bits. */
uint32_t troth_contract_enum_all(unsigned field);

/* Returns the name of a value of an enumerated field, or NULL. */
const char *troth_contract_enum_name(unsigned field, unsigned value);

#endif
