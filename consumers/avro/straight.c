#include "consumers/avro/straight.h"

#include <stddef.h>

#include "consumers/avro/read.h"
#include "consumers/check.h"

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

/* A record being read: the place of the next field, and what was seen of those before. Each field
 * takes a byte at least, and of those that are left so many are there, always: a reader looks
 * whether they are when it has passed over more than a byte, and otherwise reads without looking.
 */
struct reader {
    const uint8_t *next;
    const uint8_t *end;
    uint32_t present;
    uint64_t unusual; /* high bits of bytes: some text is more than ASCII, or the agent's more than
                       * what can be printed of it */
};

/* The fields after one, which is the bytes that they take at least. */
#define AFTER(NAME) (TROTH_FIELD_ATTRIBUTES - TROTH_FIELD_##NAME)

/* All readers return whether the record goes on as it should, and are inlined into the one below:
 * each field has its own branches then, which are predicted by what the field mostly is, and the
 * reader lives in registers. */
#define READER static inline __attribute__((always_inline)) bool

static inline size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->next);
}

READER is_left(const struct reader *reader, size_t bytes)
{
    return left(reader) >= bytes;
}

/* A length of two bytes, as of texts of 64 to 1024 bytes; any other is the plan's, and SIZE_MAX.
 * What is not inlined is given places and not the reader, which would have to be in memory for it.
 */
static __attribute__((noinline)) size_t read_long_length(const uint8_t *next, const uint8_t *end)
{
    if (end - next < 2 || (next[0] & 1) != 0 || next[1] >= 0x80) {
        return SIZE_MAX;
    }
    const size_t length = ((next[0] & 0x7fU) | (size_t)next[1] << 7) >> 1;
    return length <= TROTH_TEXT_LENGTH_MAX ? length : SIZE_MAX;
}

/* Of a text that is followed by at least so many bytes; its length's first is there. */
READER read_text_length(struct reader *reader, size_t after, size_t *length)
{
    const uint8_t bits = *reader->next;
    size_t found = bits >> 1;
    if ((bits & 0x81) != 0) { /* longer than a byte can tell, or negative */
        found = read_long_length(reader->next, reader->end);
        if (found == SIZE_MAX) {
            return false;
        }
        reader->next++;
    }
    reader->next++;
    *length = found;
    return reader->end - reader->next >= (ptrdiff_t)(found + after);
}

static __attribute__((noinline)) uint64_t gather_bits_of_any(const uint8_t *bytes, size_t length)
{
    return gather_bits(bytes, length);
}

/* Texts of 8 bytes or more are gathered by loads that overlap, shorter ones by one that begins in
 * what stands before them in the record, its id at least; so that hardly a length needs a loop. */
static inline __attribute__((always_inline)) uint64_t gather_text(const uint8_t *text,
                                                                  size_t length)
{
    if (length < 8) {
        return load(text + length - 8) >> 1 >> (63 - 8 * length);
    }
    if (length <= 32) {
        uint64_t bits = load(text) | load(text + length - 8);
        if (length > 16) {
            bits |= load(text + 8) | load(text + length - 16);
        }
        return bits;
    }
    return gather_bits_of_any(text, length);
}

READER read_text(struct reader *reader, struct troth_text *text, size_t after)
{
    size_t length = 0;
    if (!read_text_length(reader, after, &length)) {
        return false;
    }
    reader->unusual |= gather_text(reader->next, length);
    text->data = (const char *)reader->next;
    text->length = (uint32_t)length;
    reader->next += length;
    return true;
}

/* Bytes below 0x20 borrow, 0x7f carries, each into its own high bit; a byte that is touched by
 * another's borrow or carry has a neighbour that was found. */
static inline uint64_t find_unprintable(uint64_t word)
{
    return word | (word - UINT64_C(0x2020202020202020)) | (word + UINT64_C(0x0101010101010101));
}

/* The agent's name: unusual too where check.h may refuse it. */
READER read_agent(struct reader *reader, struct troth_text *agent)
{
    size_t length = 0;
    if (!read_text_length(reader, AFTER(AGENT), &length)) {
        return false;
    }
    const uint8_t *name = reader->next;
    if (length >= 8 && length <= TROTH_AGENT_LENGTH_MAX) {
        uint64_t found = find_unprintable(load(name + length - 8));
        for (size_t i = 0; i < length - 8; i += 8) {
            found |= find_unprintable(load(name + i));
        }
        reader->unusual |= found;
    } else {
        reader->unusual = UINT64_MAX; /* rare enough to be looked at closely */
    }
    agent->data = length > 0 ? (const char *)name : NULL;
    agent->length = (uint32_t)length;
    reader->present |= length > 0 ? BIT(AGENT) : 0;
    reader->next += length;
    return true;
}

/* The branch of a union with null. Out there: whether it is not null. */
READER read_branch(struct reader *reader, bool *there)
{
    const uint8_t branch = *reader->next++;
    *there = branch == YES;
    return branch == NO || branch == YES;
}

/* Passes over so many fields, 2 or 4, where all of them are null: many of a record are, side by
 * side. Returns whether they were. */
READER pass_nulls(struct reader *reader, unsigned count)
{
    uint16_t two = 0;
    uint32_t four = 0;
    if (count == 2) {
        memcpy(&two, reader->next, sizeof two);
    } else {
        memcpy(&four, reader->next, sizeof four);
    }
    if ((two | four) != 0) {
        return false;
    }
    reader->next += count;
    return true;
}

READER read_optional_text(struct reader *reader, struct troth_text *text, uint32_t bit,
                          size_t after)
{
    bool there = false;
    if (!read_branch(reader, &there)) {
        return false;
    }
    if (!there) {
        *text = (struct troth_text){0};
        return true;
    }
    reader->present |= bit;
    return read_text(reader, text, after);
}

/* An integer that mostly has at most `usual` bytes, 4 or 8. */
READER read_integer(struct reader *reader, size_t usual, size_t after, int64_t *integer)
{
    uint64_t bits = 0;
    const uint8_t *next = NULL;
    if (after >= usual || is_left(reader, usual)) {
        next = usual == 4 ? read_varint_4(reader->next, &bits) : read_varint_8(reader->next, &bits);
    }
    if (next == NULL) {
        uint64_t slow = 0; /* or the bits would have to be in memory */
        next = read_varint_slowly(reader->next, reader->end, &slow);
        bits = slow;
    }
    *integer = undo_zigzag(bits);
    reader->next = next;
    return next != NULL && is_left(reader, after);
}

READER read_optional_long(struct reader *reader, int64_t *integer, uint32_t bit, size_t after)
{
    bool there = false;
    if (!read_branch(reader, &there)) {
        return false;
    }
    if (!there) {
        *integer = 0;
        return true;
    }
    reader->present |= bit;
    return read_integer(reader, 4, after, integer);
}

/* Who, when and what: the six fields that every record has. */
READER read_head(struct reader *reader, struct troth_event *event)
{
    enum { ID_LENGTH = sizeof event->id };
    if (!is_left(reader, ID_LENGTH + AFTER(ID))) {
        return false;
    }
    memcpy(event->id, reader->next, ID_LENGTH);
    reader->next += ID_LENGTH;
    if (!read_agent(reader, &event->agent) || !read_integer(reader, 8, AFTER(AT), &event->at_us)) {
        return false;
    }
    const uint8_t *next = reader->next;
    /* The lowest bit of a negative index is set, and a longer one is past every count. */
    if (next[0] >= 2 * TROTH_KIND_COUNT || next[1] >= 2 * TROTH_OUTCOME_COUNT ||
        next[2] >= 2 * TROTH_SOURCE_COUNT || ((next[0] | next[1] | next[2]) & 1) != 0) {
        return false;
    }
    event->kind = next[0] >> 1;
    event->outcome = next[1] >> 1;
    event->source = next[2] >> 1;
    reader->present |= event->outcome != TROTH_OUTCOME_NONE ? BIT(OUTCOME) : 0;
    reader->next += 3;
    return true;
}

READER read_rescue(struct reader *reader, struct troth_event *event)
{
    bool there = false;
    event->rescue = 0;
    if (!read_branch(reader, &there)) {
        return false;
    }
    if (!there) {
        return true;
    }
    if (*reader->next >= 2 * TROTH_RESCUE_COUNT || (*reader->next & 1) != 0) {
        return false;
    }
    reader->present |= BIT(RESCUE);
    event->rescue = *reader->next++ >> 1;
    return is_left(reader, AFTER(RESCUE));
}

/* How many items follow: one block of fewer than 64, as our encoder writes them, or none. */
READER read_count(struct reader *reader, uint16_t *count)
{
    if ((*reader->next & 0x81) != 0) {
        return false;
    }
    *count = *reader->next++ >> 1;
    return true;
}

/* The zero after the last block, which is there. */
READER read_end(struct reader *reader)
{
    return *reader->next++ == 0;
}

/* What stands after an item's text at least, the zero at the end included. */
enum { AFTER_TERM = 3, AFTER_NAME = 2, AFTER_VALUE = 1 };

/* Rare enough not to be inlined. */
static __attribute__((noinline)) const uint8_t *read_verdicts(const uint8_t *next,
                                                              const uint8_t *end, unsigned count,
                                                              struct troth_verdict *verdicts)
{
    struct reader reader = {.next = next, .end = end};
    for (unsigned i = 0; i < count; i++) {
        struct troth_verdict verdict = {.has_value = false};
        if (!is_left(&reader, 1) || !read_text(&reader, &verdict.term, AFTER_TERM) ||
            reader.next[0] > 1 || (reader.next[1] & ~YES) != 0) {
            return NULL;
        }
        verdict.kept = reader.next[0] == 1;
        verdict.has_value = reader.next[1] == YES;
        reader.next += 2;
        if (verdict.has_value) {
            reader.next = read_number(reader.next, end, sizeof(double), &verdict.value);
            if (reader.next == NULL) {
                return NULL;
            }
        }
        verdicts[i] = verdict;
    }
    return is_left(&reader, 1) && read_end(&reader) ? reader.next : NULL;
}

/* Their values may be other than finite, which check.h looks at. */
READER read_some_verdicts(struct reader *reader, struct troth_event *event,
                          struct troth_verdict *verdicts)
{
    reader->next = read_verdicts(reader->next, reader->end, event->verdict_count, verdicts);
    reader->unusual = UINT64_MAX;
    reader->present |= BIT(VERDICTS);
    event->verdicts = verdicts;
    return reader->next != NULL && is_left(reader, AFTER(VERDICTS));
}

READER read_attributes(struct reader *reader, struct troth_event *event,
                       struct troth_attribute *attributes)
{
    if (!is_left(reader, 1)) {
        return false;
    }
    for (unsigned i = 0; i < event->attribute_count; i++) {
        if (!read_text(reader, &attributes[i].name, AFTER_NAME) ||
            !read_text(reader, &attributes[i].value, AFTER_VALUE)) {
            return false;
        }
    }
    reader->present |= BIT(ATTRIBUTES);
    event->attributes = attributes;
    return read_end(reader);
}

READER read_verdict_items(struct reader *reader, struct troth_event *event,
                          struct troth_verdict *verdicts)
{
    return read_count(reader, &event->verdict_count) &&
           (event->verdict_count == 0 || read_some_verdicts(reader, event, verdicts));
}

READER read_attribute_items(struct reader *reader, struct troth_event *event,
                            struct troth_attribute *attributes)
{
    event->attributes = NULL;
    return read_count(reader, &event->attribute_count) &&
           (event->attribute_count == 0 || read_attributes(reader, event, attributes));
}

/* Whether nothing that was read could be refused by the rules of check.h. */
static inline bool is_plain(const struct reader *reader, const struct troth_event *event)
{
    return (reader->unusual & UINT64_C(0x8080808080808080)) == 0 &&
           (uint64_t)event->at_us < (uint64_t)TROTH_AT_END_US &&
           (event->latency_us | event->cost_micros | event->input_tokens | event->output_tokens) >=
               0;
}

bool troth_straight_read(const uint8_t *bytes, const uint8_t *end, struct troth_event *event,
                         struct troth_scratch *scratch, bool *plain)
{
    struct reader reader = {
        .next = bytes, .end = end, .present = BIT(ID) | BIT(AT) | BIT(KIND) | BIT(SOURCE)};
#define TEXT(NAME, member) read_optional_text(&reader, &event->member, BIT(NAME), AFTER(NAME))
#define LONG(NAME, member) read_optional_long(&reader, &event->member, BIT(NAME), AFTER(NAME))
    if (!read_head(&reader, event)) {
        return false;
    }
    event->issuer = (struct troth_text){0};
    event->contract = (struct troth_text){0};
    event->rescue = 0;
    event->owner = (struct troth_text){0};
    event->until_us = 0;
    event->verdict_count = 0;
    event->verdicts = NULL;
    if (!((pass_nulls(&reader, 2) || (TEXT(ISSUER, issuer) && TEXT(CONTRACT, contract))) &&
          TEXT(SESSION, session) && LONG(SEQ, seq) && TEXT(AGENT_VERSION, agent_version) &&
          TEXT(TASK, task) && TEXT(TOOL, tool) && LONG(LATENCY_US, latency_us) &&
          LONG(COST_MICROS, cost_micros) && LONG(INPUT_TOKENS, input_tokens) &&
          LONG(OUTPUT_TOKENS, output_tokens) &&
          /* The byte of no verdicts is that of null. */
          (pass_nulls(&reader, 4) ||
           (read_rescue(&reader, event) && TEXT(OWNER, owner) && LONG(UNTIL, until_us) &&
            read_verdict_items(&reader, event, scratch->verdicts))) &&
          read_attribute_items(&reader, event, scratch->attributes)) ||
        reader.next != end) {
        return false;
    }
#undef TEXT
#undef LONG
    event->present = reader.present;
    *plain = is_plain(&reader, event);
    return true;
}
