#include "consumers/avro/decode.h"

#include <string.h>

#include "consumers/avro/read.h"
#include "consumers/avro/straight.h"
#include "consumers/check.h"
#include "schemas/assert.h"

/* Calls and blocks that are open at once: those of the plan itself and those that skipped data
 * nests. One entry serves both. */
struct frame {
    uint64_t remaining; /* items of the present block */
    uint16_t at;        /* of a call: where to go on */
};

/* One record being decoded. Readers take the place to read from and return the place after what
 * they read, or NULL; `status` then says why. */
struct run {
    const struct troth_plan *plan;
    const uint8_t *end;
    struct troth_event *event;
    struct troth_scratch *scratch;
    const struct troth_instruction *at; /* the next instruction */
    uint64_t text_bits;                 /* all bytes of all texts, or-ed, in eights */
    uint32_t depth;
    uint32_t invalid_field; /* a field whose value is refused, found before the end is reached */
    troth_status status;
    struct frame frames[TROTH_PLAN_DEPTH_MAX];
};

static const uint8_t *refuse(struct run *run, troth_status status)
{
    run->status = status;
    return NULL;
}

static inline const uint8_t *read_text(const uint8_t *next, const uint8_t *end,
                                       struct troth_text *text, uint64_t *text_bits,
                                       troth_status *status)
{
    size_t length;
    next = read_length(next, end, &length);
    if (next == NULL) {
        return NULL;
    }
    if (length > TROTH_TEXT_LENGTH_MAX) {
        *status = TROTH_OVER_LIMIT;
        return NULL;
    }
    *text_bits |= gather_bits(next, length);
    text->data = (const char *)next;
    text->length = (uint32_t)length;
    return next + length;
}

/* The branch of a union of null and one type, of which the instruction has the bytes. Out absent:
 * whether it was null; untouched when it was neither and the result is NULL. */
static inline const uint8_t *read_optional(const struct troth_instruction *instruction,
                                           const uint8_t *next, const uint8_t *end, bool *absent)
{
    uint64_t bits;
    next = read_short_varint(next, end, &bits);
    if (next == NULL || (bits != instruction->first && bits != instruction->count)) {
        return NULL;
    }
    *absent = bits == instruction->first;
    return next;
}

static inline const uint8_t *read_id(const uint8_t *next, const uint8_t *end, uint8_t *id)
{
    enum { ID_LENGTH = sizeof((struct troth_event *)0)->id };
    if (end - next < ID_LENGTH) {
        return NULL;
    }
    memcpy(id, next, ID_LENGTH);
    return next + ID_LENGTH;
}

static inline const uint8_t *read_symbol(const struct troth_plan *plan,
                                         const struct troth_instruction *instruction,
                                         const uint8_t *next, const uint8_t *end, uint8_t *symbol)
{
    unsigned index;
    next = read_index(next, end, instruction->count, &index);
    if (next == NULL) {
        return NULL;
    }
    *symbol = plan->symbols[instruction->first + index];
    return *symbol == TROTH_SYMBOL_UNKNOWN ? NULL : next;
}

/* Returns whether a block of so many items passes the limit on what one event may have. */
static bool is_over_limit(const struct run *run, const struct troth_instruction *instruction,
                          uint64_t count)
{
    switch (instruction->offset) {
    case TROTH_ITEMS_VERDICTS:
        return count > TROTH_VERDICTS_MAX - (uint64_t)run->event->verdict_count;
    case TROTH_ITEMS_ATTRIBUTES:
        return count > TROTH_ATTRIBUTES_MAX - (uint64_t)run->event->attribute_count;
    default:
        return false;
    }
}

/* Makes room for the next item where the plan reads it. */
static void begin_item(struct run *run, const struct troth_instruction *instruction)
{
    struct troth_event *event = run->event;
    if (instruction->offset == TROTH_ITEMS_VERDICTS) {
        TROTH_ASSERT(event->verdict_count < TROTH_VERDICTS_MAX);
        run->scratch->verdicts[event->verdict_count++] = (struct troth_verdict){0};
    } else if (instruction->offset == TROTH_ITEMS_ATTRIBUTES) {
        TROTH_ASSERT(event->attribute_count < TROTH_ATTRIBUTES_MAX);
        run->scratch->attributes[event->attribute_count++] = (struct troth_attribute){0};
    }
}

/* Reads headers until a block has items to be read or the series ends (remaining 0). Each header is
 * a byte at least, so this ends. */
static const uint8_t *read_block(struct run *run, const struct troth_instruction *instruction,
                                 const uint8_t *next, uint64_t *remaining)
{
    for (;;) {
        int64_t count;
        next = read_long(next, run->end, &count);
        if (next == NULL || count == INT64_MIN) {
            return NULL;
        }
        if (count == 0) {
            *remaining = 0;
            return next;
        }
        bool skipped = instruction->offset == TROTH_ITEMS_SKIPPED;
        if (count < 0) {
            count = -count;
            size_t size;
            next = read_length(next, run->end, &size);
            if (next == NULL) {
                return NULL;
            }
            if (skipped) {
                next += size;
                continue;
            }
        }
        if (skipped && instruction->count == 0) {
            continue; /* items without bytes: however many, they are passed over */
        }
        if (is_over_limit(run, instruction, (uint64_t)count)) {
            return refuse(run, TROTH_OVER_LIMIT);
        }
        TROTH_ASSERT(instruction->count > 0);
        if ((uint64_t)count > (uint64_t)(run->end - next) / instruction->count) {
            return NULL; /* more than the record can hold */
        }
        *remaining = (uint64_t)count;
        return next;
    }
}

/* OPEN and NEXT. */
static const uint8_t *step_items(struct run *run, const struct troth_instruction *instruction,
                                 const uint8_t *next)
{
    const struct troth_instruction *program = run->plan->instructions;
    if (instruction->operation == TROTH_OP_OPEN) {
        if (run->depth == TROTH_PLAN_DEPTH_MAX) {
            return refuse(run, TROTH_OVER_LIMIT);
        }
        run->frames[run->depth++].remaining = 0;
        run->at++; /* the NEXT that follows, done here */
    }
    struct frame *frame = &run->frames[run->depth - 1];
    if (frame->remaining == 0) {
        next = read_block(run, instruction, next, &frame->remaining);
        if (next == NULL) {
            return NULL;
        }
        if (frame->remaining == 0) {
            run->depth--;
            run->at = program + instruction->first;
            return next;
        }
    }
    frame->remaining--;
    begin_item(run, instruction);
    return next;
}

static const uint8_t *step_call(struct run *run, const struct troth_instruction *instruction,
                                const uint8_t *next)
{
    const struct troth_instruction *program = run->plan->instructions;
    if (run->depth == TROTH_PLAN_DEPTH_MAX) {
        return refuse(run, TROTH_OVER_LIMIT);
    }
    run->frames[run->depth++].at = (uint16_t)(run->at - program);
    run->at = program + instruction->first;
    return next;
}

static const uint8_t *step_item_text(struct run *run, const struct troth_instruction *instruction,
                                     const uint8_t *next)
{
    uint8_t *item = instruction->field == TROTH_FIELD_VERDICTS
                        ? (uint8_t *)&run->scratch->verdicts[run->event->verdict_count - 1]
                        : (uint8_t *)&run->scratch->attributes[run->event->attribute_count - 1];
    return read_text(next, run->end, (struct troth_text *)(void *)(item + instruction->offset),
                     &run->text_bits, &run->status);
}

static const uint8_t *step_verdict_value(struct run *run,
                                         const struct troth_instruction *instruction,
                                         const uint8_t *next)
{
    struct troth_verdict *verdict = &run->scratch->verdicts[run->event->verdict_count - 1];
    int64_t integer = 0;
    switch (instruction->operation) {
    case TROTH_OP_ITEM_DOUBLE:
        next = read_number(next, run->end, sizeof(double), &verdict->value);
        break;
    case TROTH_OP_ITEM_FLOAT:
        next = read_number(next, run->end, sizeof(float), &verdict->value);
        break;
    case TROTH_OP_ITEM_LONG:
        next = read_long(next, run->end, &integer);
        verdict->value = (double)integer;
        break;
    default:
        next = read_int(next, run->end, &integer);
        verdict->value = (double)integer;
        break;
    }
    verdict->has_value = true;
    return next;
}

static const uint8_t *step_skip(struct run *run, const struct troth_instruction *instruction,
                                const uint8_t *next)
{
    uint64_t bits;
    size_t length;
    unsigned index;
    bool truth;
    switch (instruction->operation) {
    case TROTH_OP_SKIP_BYTES:
        return run->end - next < instruction->count ? NULL : next + instruction->count;
    case TROTH_OP_SKIP_VARINT:
        return read_varint(next, run->end, &bits);
    case TROTH_OP_SKIP_BOOLEAN:
        return read_boolean(next, run->end, &truth);
    case TROTH_OP_SKIP_TEXT:
        next = read_length(next, run->end, &length);
        return next == NULL ? NULL : next + length;
    default:
        return read_index(next, run->end, instruction->count, &index);
    }
}

/* Everything that a record of our own schema without verdicts and attributes does not need. */
static __attribute__((noinline)) const uint8_t *
step_rarely(struct run *run, const struct troth_instruction *instruction, const uint8_t *next)
{
    const struct troth_plan *plan = run->plan;
    int64_t *integer = (int64_t *)(void *)((uint8_t *)run->event + instruction->offset);
    unsigned index;
    switch (instruction->operation) {
    case TROTH_OP_INT:
        next = read_int(next, run->end, integer);
        run->event->present |= 1U << instruction->field;
        return next;
    case TROTH_OP_MILLIS:
        next = read_long(next, run->end, integer);
        run->event->present |= 1U << instruction->field;
        if (next != NULL && __builtin_mul_overflow(*integer, 1000, integer)) {
            run->invalid_field = instruction->field;
        }
        return next;
    case TROTH_OP_UNION:
        next = read_index(next, run->end, instruction->count, &index);
        if (next != NULL) {
            run->at = plan->instructions + plan->branches[instruction->first + index];
        }
        return next;
    case TROTH_OP_JUMP:
        run->at = plan->instructions + instruction->first;
        return next;
    case TROTH_OP_CALL:
        return step_call(run, instruction, next);
    case TROTH_OP_RETURN:
        run->at = plan->instructions + run->frames[--run->depth].at;
        return next;
    case TROTH_OP_OPEN:
    case TROTH_OP_NEXT:
        return step_items(run, instruction, next);
    case TROTH_OP_ITEM_TEXT:
        return step_item_text(run, instruction, next);
    case TROTH_OP_ITEM_KEPT:
        return read_boolean(next, run->end,
                            &run->scratch->verdicts[run->event->verdict_count - 1].kept);
    case TROTH_OP_ITEM_DOUBLE:
    case TROTH_OP_ITEM_FLOAT:
    case TROTH_OP_ITEM_LONG:
    case TROTH_OP_ITEM_INT:
        return step_verdict_value(run, instruction, next);
    case TROTH_OP_REFUSE:
        return NULL;
    default:
        return step_skip(run, instruction, next);
    }
}

/* Runs the plan. Returns whether it came to its end, with next at the record's. What nearly every
 * instruction touches is kept in locals: through memory, each instruction would wait for the store
 * of the one before. */
static bool run_plan(struct run *run, const uint8_t *next)
{
    const struct troth_instruction *at = run->plan->instructions;
    const struct troth_instruction *instruction;
    const uint8_t *const end = run->end;
    uint8_t *const event = (uint8_t *)run->event;
    uint64_t text_bits = 0;
    uint32_t present = 0;
    bool absent;
    for (;;) {
        instruction = at++;
        void *target = event + instruction->offset;
        switch (instruction->operation) {
        case TROTH_OP_OPTIONAL_TEXT:
            next = read_optional(instruction, next, end, &absent);
            if (next != NULL && !absent) {
                next = read_text(next, end, target, &text_bits, &run->status);
                present |= 1U << instruction->field;
            }
            break;
        case TROTH_OP_OPTIONAL_LONG:
            next = read_optional(instruction, next, end, &absent);
            if (next != NULL && !absent) {
                next = read_long(next, end, target);
                present |= 1U << instruction->field;
            }
            break;
        case TROTH_OP_NULLABLE:
            next = read_optional(instruction, next, end, &absent);
            if (next != NULL && absent) {
                at = run->plan->instructions + instruction->offset;
            }
            break;
        case TROTH_OP_ENUM:
            next = read_symbol(run->plan, instruction, next, end, target);
            present |= 1U << instruction->field;
            break;
        case TROTH_OP_TEXT:
            next = read_text(next, end, target, &text_bits, &run->status);
            present |= 1U << instruction->field;
            break;
        case TROTH_OP_LONG:
            next = read_long(next, end, target);
            present |= 1U << instruction->field;
            break;
        case TROTH_OP_ID:
            next = read_id(next, end, target);
            present |= 1U << instruction->field;
            break;
        case TROTH_OP_END:
            run->event->present |= present;
            run->text_bits |= text_bits;
            return next == end;
        case TROTH_OP_OPEN:
            if (next < end && *next == 0) { /* no items, as nearly always */
                next++;
                at = run->plan->instructions + instruction->first;
                break;
            }
            /* fall through */
        default:
            run->at = at;
            next = step_rarely(run, instruction, next);
            at = run->at;
            break;
        }
        if (next == NULL) {
            run->scratch->failed_field = instruction->field;
            return false;
        }
    }
}

/* Presence, and the pointers to what the scratch holds. */
static void finish(struct troth_event *event, const struct troth_scratch *scratch)
{
    event->present |= 1U << TROTH_FIELD_SOURCE;
    if (event->outcome == TROTH_OUTCOME_NONE) {
        event->present &= ~(1U << TROTH_FIELD_OUTCOME);
    }
    if (event->agent.length == 0) {
        event->present &= ~(1U << TROTH_FIELD_AGENT);
        event->agent.data = NULL;
    }
    if (event->verdict_count > 0) {
        event->present |= 1U << TROTH_FIELD_VERDICTS;
        event->verdicts = scratch->verdicts;
    }
    if (event->attribute_count > 0) {
        event->present |= 1U << TROTH_FIELD_ATTRIBUTES;
        event->attributes = scratch->attributes;
    }
}

/* The compiler must not know the size: it would take `rep stos`, whose start alone costs as much as
 * decoding two fields. */
static inline void clear(struct troth_event *event)
{
    size_t size = sizeof *event;
    __asm__("" : "+r"(size));
    memset(event, 0, size);
}

/* What the plan reads: records of other schemas, and those of ours that are not read straight. */
static __attribute__((noinline)) troth_status decode_by_plan(const struct troth_plan *plan,
                                                             const uint8_t *bytes, size_t length,
                                                             struct troth_event *event,
                                                             struct troth_scratch *scratch)
{
    struct run run; /* the frames are written before they are read */
    run.plan = plan;
    run.end = bytes + length;
    run.event = event;
    run.scratch = scratch;
    run.text_bits = 0;
    run.depth = 0;
    run.invalid_field = TROTH_FIELD_COUNT;
    run.status = TROTH_UNDECODABLE;
    clear(event);
    if (!run_plan(&run, bytes)) {
        return run.status;
    }
    finish(event, scratch);
    if (run.invalid_field != TROTH_FIELD_COUNT) {
        scratch->failed_field = run.invalid_field;
        return TROTH_INVALID;
    }
    troth_status status = troth_event_check_values(event, &scratch->failed_field);
    if (status == TROTH_OK && (run.text_bits & UINT64_C(0x8080808080808080)) != 0) {
        status = troth_event_check_texts(event, &scratch->failed_field);
    }
    return status;
}

static __attribute__((noinline)) troth_status check(const struct troth_event *event,
                                                    struct troth_scratch *scratch)
{
    const troth_status status = troth_event_check_values(event, &scratch->failed_field);
    return status == TROTH_OK ? troth_event_check_texts(event, &scratch->failed_field) : status;
}

troth_status troth_decode(const struct troth_plan *plan, const void *bytes, size_t length,
                          struct troth_event *event, struct troth_scratch *scratch)
{
    bool plain = false;
    if (length > TROTH_RECORD_LENGTH_MAX) {
        scratch->failed_field = TROTH_FIELD_COUNT;
        return TROTH_OVER_LIMIT;
    }
    if (plan->straight &&
        troth_straight_read(bytes, (const uint8_t *)bytes + length, event, scratch, &plain)) {
        return plain ? TROTH_OK : check(event, scratch);
    }
    return decode_by_plan(plan, bytes, length, event, scratch);
}
