/* The values that the predicates of a contract name, and the pool of their texts. */
#include <string.h>

#include "schemas/contract_parts.h"

int troth_contract_pool_text(struct troth_reader *reader, const struct troth_node *node,
                             const char *text, uint32_t length)
{
    struct troth_contract *contract = reader->contract;
    if (length > (uint32_t)(TROTH_POOL_LENGTH_MAX - contract->pool_length)) {
        troth_reader_problem(reader, node, "the texts of the contract are longer than %d bytes",
                             TROTH_POOL_LENGTH_MAX);
        return -1;
    }
    const uint16_t offset = contract->pool_length;
    memcpy(contract->pool + offset, text, length);
    contract->pool_length = (uint16_t)(offset + length);
    return offset;
}

/* As memcmp, then by length. */
static int compare_text(const struct troth_node *a, const struct troth_node *b)
{
    const uint32_t least = a->length < b->length ? a->length : b->length;
    const int order = memcmp(a->text, b->text, least);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* Keeps the items sorted and each once. */
static void insert(struct troth_reader *reader, struct troth_items *items,
                   const struct troth_node *node, bool texts, int64_t integer)
{
    unsigned place = items->count;
    while (place > 0) {
        const int order =
            texts ? compare_text(node, items->nodes[place - 1])
                  : (integer > items->integers[place - 1]) - (integer < items->integers[place - 1]);
        if (order == 0) {
            return;
        }
        if (order > 0) {
            break;
        }
        place--;
    }
    if (items->count == TROTH_VALUES_MAX) {
        troth_reader_problem(reader, node, "the list has more than %d values", TROTH_VALUES_MAX);
        return;
    }
    for (unsigned i = items->count; i > place; i--) {
        items->nodes[i] = items->nodes[i - 1];
        items->integers[i] = items->integers[i - 1];
    }
    items->nodes[place] = node;
    items->integers[place] = integer;
    items->count++;
}

static void gather_one(struct troth_reader *reader, const struct troth_node *node, bool texts,
                       struct troth_items *items)
{
    int64_t integer = 0;
    if (texts ? troth_reader_text(reader, node, 0, TROTH_TEXT_LENGTH_MAX, false)
              : troth_reader_integer(reader, node, INT64_MIN, INT64_MAX, &integer)) {
        insert(reader, items, node, texts, integer);
    }
}

void troth_items_gather(struct troth_reader *reader, const struct troth_node *node, bool texts,
                        struct troth_items *items)
{
    items->count = 0;
    if (node->kind != TROTH_NODE_LIST) {
        gather_one(reader, node, texts, items);
        return;
    }
    if (!troth_reader_list(reader, node)) {
        return;
    }
    unsigned index = 0;
    TROTH_NODE_EACH(reader, node, item)
    {
        troth_reader_enter_item(reader, index++);
        gather_one(reader, item, texts, items);
        troth_reader_leave(reader);
    }
}

void troth_items_add(struct troth_reader *reader, const struct troth_node *node, bool texts,
                     const struct troth_items *items, uint16_t *first, uint16_t *count)
{
    struct troth_contract *contract = reader->contract;
    *first = contract->value_count;
    for (unsigned i = 0; i < items->count; i++) {
        if (contract->value_count == TROTH_VALUES_MAX) {
            troth_reader_problem(reader, node, "the contract has more than %d values in its lists",
                                 TROTH_VALUES_MAX);
            return;
        }
        struct troth_value *value = &contract->values[contract->value_count];
        if (texts) {
            const int offset = troth_contract_pool_text(
                reader, items->nodes[i], items->nodes[i]->text, items->nodes[i]->length);
            if (offset < 0) {
                return;
            }
            value->text_offset = (uint16_t)offset;
            value->text_length = (uint16_t)items->nodes[i]->length;
        } else {
            value->integer = items->integers[i];
        }
        contract->value_count++;
        (*count)++;
    }
}

void troth_contract_read_texts(struct troth_reader *reader, const struct troth_node *node,
                               uint16_t *first, uint16_t *count)
{
    struct troth_items items;
    troth_items_gather(reader, node, true, &items);
    if (items.count > 0) {
        troth_items_add(reader, node, true, &items, first, count);
    }
}
