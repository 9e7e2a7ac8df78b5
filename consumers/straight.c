#include "consumers/straight.h"

#include <stddef.h>

#include "consumers/avro_read.h"

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

enum { RESCUE_END = 19 }; /* where the plan goes on after a rescue that is null */

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
};

bool troth_straight_fits(const struct troth_plan *plan)
{
    static const uint8_t begins[] = {0, OUTCOMES, SOURCES, RESCUES, SYMBOLS};
    if (plan->instruction_count <= TROTH_STRAIGHT_INSTRUCTIONS || plan->symbol_count != SYMBOLS ||
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

const uint8_t *troth_straight_read(const uint8_t *next, const uint8_t *end,
                                   struct troth_event *event, uint64_t *text_bits)
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
    event->present = present;
    *text_bits = bits;
    return next;
}
