#include "consumers/avro/straight.h"

#include <stddef.h>

#include "consumers/avro/read.h"

enum {
    NO = 0,                      /* the byte of null, first in each of our unions */
    YES = 2,                     /* and of what else there may be */
    OUTCOMES = TROTH_KIND_COUNT, /* where each enumeration's symbols begin */
    SOURCES = OUTCOMES + TROTH_OUTCOME_COUNT,
    RESCUES = SOURCES + TROTH_SOURCE_COUNT,
    SYMBOLS = RESCUES + TROTH_RESCUE_COUNT
};

#define BIT(NAME) (1U << TROTH_FIELD_##NAME)
#define AT(NAME, operation, first, count, member)                                                  \
    {                                                                                              \
        TROTH_OP_##operation, TROTH_FIELD_##NAME, first, count,                                    \
            offsetof(struct troth_event, member)                                                   \
    }
#define OPTIONAL_TEXT(NAME, member) AT(NAME, OPTIONAL_TEXT, NO, YES, member)
#define OPTIONAL_LONG(NAME, member) AT(NAME, OPTIONAL_LONG, NO, YES, member)

/* Where the plan goes on: after a rescue that is null, with another item, after the last one. */
enum {
    RESCUE_END = 19,
    VERDICT = 22,
    VERDICT_END = 27,
    VERDICTS_END = 28,
    ATTRIBUTE = 29,
    ATTRIBUTES_END = 33
};

enum { VERDICT_BYTES = 3, ATTRIBUTE_BYTES = 2 }; /* of one, at least */

/* What our schema compiles to, and what troth_straight_read does. */
static const struct troth_instruction program[TROTH_STRAIGHT_INSTRUCTIONS] = {
    AT(ID, ID, 0, 0, id),
    AT(AGENT, TEXT, 0, 0, agent),
    AT(AT, LONG, 0, 0, at_us),
    AT(KIND, ENUM, 0, TROTH_KIND_COUNT, kind),
    AT(OUTCOME, ENUM, OUTCOMES, TROTH_OUTCOME_COUNT, outcome),
    AT(SOURCE, ENUM, SOURCES, TROTH_SOURCE_COUNT, source),
    OPTIONAL_TEXT(ISSUER, issuer),
    OPTIONAL_TEXT(CONTRACT, contract),
    OPTIONAL_TEXT(SESSION, session),
    OPTIONAL_LONG(SEQ, seq),
    OPTIONAL_TEXT(AGENT_VERSION, agent_version),
    OPTIONAL_TEXT(TASK, task),
    OPTIONAL_TEXT(TOOL, tool),
    OPTIONAL_LONG(LATENCY_US, latency_us),
    OPTIONAL_LONG(COST_MICROS, cost_micros),
    OPTIONAL_LONG(INPUT_TOKENS, input_tokens),
    OPTIONAL_LONG(OUTPUT_TOKENS, output_tokens),
    {TROTH_OP_NULLABLE, TROTH_FIELD_RESCUE, NO, YES, RESCUE_END},
    AT(RESCUE, ENUM, RESCUES, TROTH_RESCUE_COUNT, rescue),
    OPTIONAL_TEXT(OWNER, owner),
    OPTIONAL_LONG(UNTIL, until_us),
    {TROTH_OP_OPEN, TROTH_FIELD_VERDICTS, VERDICTS_END, VERDICT_BYTES, TROTH_ITEMS_VERDICTS},
    {TROTH_OP_NEXT, TROTH_FIELD_VERDICTS, VERDICTS_END, VERDICT_BYTES, TROTH_ITEMS_VERDICTS},
    {TROTH_OP_ITEM_TEXT, TROTH_FIELD_VERDICTS, 0, 0, offsetof(struct troth_verdict, term)},
    {TROTH_OP_ITEM_KEPT, TROTH_FIELD_VERDICTS, 0, 0, offsetof(struct troth_verdict, kept)},
    {TROTH_OP_NULLABLE, TROTH_FIELD_VERDICTS, NO, YES, VERDICT_END},
    {TROTH_OP_ITEM_DOUBLE, TROTH_FIELD_VERDICTS, 0, 0, offsetof(struct troth_verdict, value)},
    {TROTH_OP_JUMP, TROTH_FIELD_VERDICTS, VERDICT, 0, 0},
    {TROTH_OP_OPEN, TROTH_FIELD_ATTRIBUTES, ATTRIBUTES_END, ATTRIBUTE_BYTES,
     TROTH_ITEMS_ATTRIBUTES},
    {TROTH_OP_NEXT, TROTH_FIELD_ATTRIBUTES, ATTRIBUTES_END, ATTRIBUTE_BYTES,
     TROTH_ITEMS_ATTRIBUTES},
    {TROTH_OP_ITEM_TEXT, TROTH_FIELD_ATTRIBUTES, 0, 0, offsetof(struct troth_attribute, name)},
    {TROTH_OP_ITEM_TEXT, TROTH_FIELD_ATTRIBUTES, 0, 0, offsetof(struct troth_attribute, value)},
    {TROTH_OP_JUMP, TROTH_FIELD_ATTRIBUTES, ATTRIBUTE, 0, 0},
    {TROTH_OP_END, TROTH_FIELD_COUNT, 0, 0, 0},
};

bool troth_straight_fits(const struct troth_plan *plan)
{
    static const uint8_t begins[] = {0, OUTCOMES, SOURCES, RESCUES, SYMBOLS};
    if (plan->instruction_count != TROTH_STRAIGHT_INSTRUCTIONS || plan->symbol_count != SYMBOLS ||
        memcmp(plan->instructions, program, sizeof program) != 0) {
        return false;
    }
    for (unsigned i = 0; i + 1 < sizeof begins; i++) {
        for (unsigned symbol = begins[i]; symbol < begins[i + 1]; symbol++) {
            if (plan->symbols[symbol] != symbol - begins[i]) {
                return false;
            }
        }
    }
    return true;
}

static inline const uint8_t *read_text(const uint8_t *next, const uint8_t *end,
                                       struct troth_text *text, uint64_t *text_bits)
{
    size_t length;
    next = read_length(next, end, &length);
    if (next == NULL || length > TROTH_TEXT_LENGTH_MAX) {
        return NULL;
    }
    *text_bits |= gather_bits(next, length);
    text->data = (const char *)next;
    text->length = (uint32_t)length;
    return next + length;
}

/* Both take NULL, and give it on: a record is judged once, at its end. */
static inline const uint8_t *read_optional_text(const uint8_t *next, const uint8_t *end,
                                                struct troth_text *text, uint64_t *text_bits,
                                                unsigned bit, unsigned *present)
{
    if (next == NULL || next == end || (*next != NO && *next != YES)) {
        return NULL;
    }
    if (*next == NO) {
        return next + 1;
    }
    *present |= bit;
    return read_text(next + 1, end, text, text_bits);
}

static inline const uint8_t *read_optional_long(const uint8_t *next, const uint8_t *end,
                                                int64_t *integer, unsigned bit, unsigned *present)
{
    if (next == NULL || next == end || (*next != NO && *next != YES)) {
        return NULL;
    }
    if (*next == NO) {
        return next + 1;
    }
    *present |= bit;
    return read_long(next + 1, end, integer);
}

/* Who, when and what: the six fields that every record has. */
static inline const uint8_t *read_head(const uint8_t *next, const uint8_t *end,
                                       struct troth_event *event, uint64_t *text_bits)
{
    enum { ID_LENGTH = sizeof event->id };
    if (end - next < ID_LENGTH) {
        return NULL;
    }
    memcpy(event->id, next, ID_LENGTH);
    next = read_text(next + ID_LENGTH, end, &event->agent, text_bits);
    if (next != NULL) {
        next = read_long(next, end, &event->at_us);
    }
    if (next == NULL || end - next < 3) {
        return NULL;
    }
    /* The lowest bit of a negative index is set, and a longer one is past every count. */
    if (next[0] >= 2 * TROTH_KIND_COUNT || next[1] >= 2 * TROTH_OUTCOME_COUNT ||
        next[2] >= 2 * TROTH_SOURCE_COUNT || ((next[0] | next[1] | next[2]) & 1) != 0) {
        return NULL;
    }
    event->kind = next[0] >> 1;
    event->outcome = next[1] >> 1;
    event->source = next[2] >> 1;
    return next + 3;
}

static inline const uint8_t *read_rescue(const uint8_t *next, const uint8_t *end,
                                         struct troth_event *event, unsigned *present)
{
    if (next == NULL || next == end || *next == NO) {
        return next == NULL || next == end ? NULL : next + 1;
    }
    if (end - next < 2 || next[0] != YES || next[1] >= 2 * TROTH_RESCUE_COUNT ||
        (next[1] & 1) != 0) {
        return NULL;
    }
    *present |= BIT(RESCUE);
    event->rescue = next[1] >> 1;
    return next + 2;
}

/* How many items follow: one block of fewer than 64, as our encoder writes them, or none. */
static inline const uint8_t *read_count(const uint8_t *next, const uint8_t *end, unsigned *count)
{
    if (next == NULL || next == end || *next >= 0x80 || (*next & 1) != 0) {
        return NULL;
    }
    *count = *next >> 1;
    return next + 1;
}

/* The zero after the last block. */
static inline const uint8_t *read_end(const uint8_t *next, const uint8_t *end)
{
    return next == NULL || next == end || *next != 0 ? NULL : next + 1;
}

static const uint8_t *read_verdicts(const uint8_t *next, const uint8_t *end, unsigned count,
                                    struct troth_verdict *verdicts, uint64_t *text_bits)
{
    for (unsigned i = 0; i < count && next != NULL; i++) {
        struct troth_verdict verdict = {.has_value = false};
        next = read_text(next, end, &verdict.term, text_bits);
        if (next == NULL || end - next < 2 || next[0] > 1 || (next[1] != NO && next[1] != YES)) {
            return NULL;
        }
        verdict.kept = next[0] == 1;
        verdict.has_value = next[1] == YES;
        next += 2;
        if (verdict.has_value) {
            next = read_number(next, end, sizeof(double), &verdict.value);
        }
        verdicts[i] = verdict;
    }
    return read_end(next, end);
}

static const uint8_t *read_attributes(const uint8_t *next, const uint8_t *end, unsigned count,
                                      struct troth_attribute *attributes, uint64_t *text_bits)
{
    for (unsigned i = 0; i < count && next != NULL; i++) {
        next = read_text(next, end, &attributes[i].name, text_bits);
        if (next != NULL) {
            next = read_text(next, end, &attributes[i].value, text_bits);
        }
    }
    return read_end(next, end);
}

static inline const uint8_t *read_items(const uint8_t *next, const uint8_t *end,
                                        struct troth_event *event, struct troth_scratch *scratch,
                                        uint64_t *text_bits)
{
    unsigned count = 0;
    next = read_count(next, end, &count);
    if (next != NULL && count > 0) {
        event->verdict_count = (uint16_t)count;
        next = read_verdicts(next, end, count, scratch->verdicts, text_bits);
    }
    next = read_count(next, end, &count);
    if (next != NULL && count > 0) {
        event->attribute_count = (uint16_t)count;
        next = read_attributes(next, end, count, scratch->attributes, text_bits);
    }
    return next;
}

bool troth_straight_read(const uint8_t *next, const uint8_t *end, struct troth_event *event,
                         struct troth_scratch *scratch, uint64_t *text_bits)
{
    unsigned present = BIT(ID) | BIT(AGENT) | BIT(AT) | BIT(KIND) | BIT(OUTCOME) | BIT(SOURCE);
    uint64_t bits = 0;
#define TEXT(NAME, member)                                                                         \
    next = read_optional_text(next, end, &event->member, &bits, BIT(NAME), &present)
#define LONG(NAME, member) next = read_optional_long(next, end, &event->member, BIT(NAME), &present)
    next = read_head(next, end, event, &bits);
    TEXT(ISSUER, issuer);
    TEXT(CONTRACT, contract);
    TEXT(SESSION, session);
    LONG(SEQ, seq);
    TEXT(AGENT_VERSION, agent_version);
    TEXT(TASK, task);
    TEXT(TOOL, tool);
    LONG(LATENCY_US, latency_us);
    LONG(COST_MICROS, cost_micros);
    LONG(INPUT_TOKENS, input_tokens);
    LONG(OUTPUT_TOKENS, output_tokens);
    next = read_rescue(next, end, event, &present);
    TEXT(OWNER, owner);
    LONG(UNTIL, until_us);
#undef TEXT
#undef LONG
    next = read_items(next, end, event, scratch, &bits);
    event->present = present;
    *text_bits = bits;
    return next == end; /* never NULL */
}
