/*
 * A writer's schema, resolved against ours once and compiled to a flat plan that the decoder runs.
 *
 * Compiling follows Avro's rules of schema resolution (specification 1.11): records, enumerations
 * and fixed by unqualified name, or by an alias of ours; fields by name or alias of ours, in any
 * order; what the writer lacks takes our default, what we do not know is skipped; int becomes long,
 * and double as long and float do; string and bytes stand for one another; unions on either side;
 * symbols by name, an unknown one taking our enumeration's default. Of logical types the unit of a
 * time is kept: timestamp-millis is multiplied by 1000, a plain long is taken as microseconds, any
 * other is refused. Whatever cannot be resolved is refused here, with the field and the reason.
 *
 * A plan is a program without loops other than over the items of a block, each of which consumes at
 * least a byte, so that running it is bounded by the length of its input.
 *
 * Memory: the caller owns the plan, a flat value of a few KiB; compiling takes memory and gives it
 * back, running one takes none. Threads: a compiled plan is read alone, by any thread.
 */
#ifndef TROTH_CONSUMERS_AVRO_PLAN_H
#define TROTH_CONSUMERS_AVRO_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/status.h"

enum {
    TROTH_PLAN_INSTRUCTIONS_MAX = 512,
    TROTH_PLAN_BRANCHES_MAX = 512, /* branches of all unions of one plan */
    TROTH_PLAN_SYMBOLS_MAX = 512,  /* symbols of all enumerations that one plan reads */
    TROTH_PLAN_DEPTH_MAX = 32,     /* records and blocks within one another that are skipped */
    TROTH_SYMBOL_UNKNOWN = 255     /* a writer's symbol that is none of ours, without a default */
};

/* X(NAME): what one instruction does. p is the place in the record, `at` in the plan. */
#define TROTH_OPERATIONS(X)                                                                        \
    X(END)           /* the record must end at p */                                                \
    X(ID)            /* 16 bytes: the event's id */                                                \
    X(TEXT)          /* string or bytes, to the event's text at offset */                          \
    X(OPTIONAL_TEXT) /* a union of null (the byte first) and it (the byte count), likewise */      \
    X(LONG)          /* long, to the event's integer at offset */                                  \
    X(OPTIONAL_LONG) /* a union of null (the byte first) and it (the byte count), likewise */      \
    X(ENUM)          /* one of count symbols, by symbols[first + index], to the byte at offset */  \
    X(NULLABLE)     /* a union of null (the byte first), on at offset, and what follows (count) */ \
    X(OPEN)         /* an array or a map begins; NEXT follows */                                   \
    X(INT)          /* int, to the event's integer at offset */                                    \
    X(MILLIS)       /* long, times 1000, likewise */                                               \
    X(ITEM_TEXT)    /* string or bytes, to the item's text at offset */                            \
    X(ITEM_KEPT)    /* boolean, to the verdict */                                                  \
    X(ITEM_DOUBLE)  /* double, to the verdict's value */                                           \
    X(ITEM_FLOAT)   /* float, likewise */                                                          \
    X(ITEM_LONG)    /* long, likewise */                                                           \
    X(ITEM_INT)     /* int, likewise */                                                            \
    X(UNION)        /* one of count branches: on at branches[first + index] */                     \
    X(JUMP)         /* on at first */                                                              \
    X(REFUSE)       /* a branch that has no counterpart in our schema */                           \
    X(NEXT)         /* begins an item of at least count bytes, or on at first */                   \
    X(CALL)         /* a skipped record, at first */                                               \
    X(RETURN)       /* on after the last call */                                                   \
    X(SKIP_BYTES)   /* count bytes */                                                              \
    X(SKIP_VARINT)  /* int or long */                                                              \
    X(SKIP_BOOLEAN) /* boolean */                                                                  \
    X(SKIP_TEXT)    /* string or bytes */                                                          \
    X(SKIP_ENUM)    /* one of count symbols */

#define TROTH_ENUMERATE_OPERATION(NAME) TROTH_OP_##NAME,
enum troth_operation { TROTH_OPERATIONS(TROTH_ENUMERATE_OPERATION) TROTH_OP_COUNT };
#undef TROTH_ENUMERATE_OPERATION

/* What the items of an OPEN or NEXT are; it stands in offset. */
enum troth_items { TROTH_ITEMS_SKIPPED, TROTH_ITEMS_VERDICTS, TROTH_ITEMS_ATTRIBUTES };

struct troth_instruction {
    uint8_t operation; /* enum troth_operation */
    uint8_t field;     /* enum troth_field, or TROTH_FIELD_COUNT: a field that is not ours */
    uint16_t first;
    uint16_t count;
    uint16_t offset;
};

struct troth_plan {
    uint64_t fingerprint; /* CRC-64-AVRO of the writer's parsing canonical form */
    uint16_t instruction_count;
    uint16_t branch_count;
    uint16_t symbol_count;
    bool straight; /* it is our own schema's: consumers/avro/straight.h */
    struct troth_instruction instructions[TROTH_PLAN_INSTRUCTIONS_MAX];
    uint16_t branches[TROTH_PLAN_BRANCHES_MAX];
    uint8_t symbols[TROTH_PLAN_SYMBOLS_MAX];
};

enum { TROTH_PLAN_PROBLEM_LENGTH_MAX = 256 };

/* Why a schema was refused: the field, where one is at fault, and the reason; terminated. */
struct troth_plan_problem {
    char text[TROTH_PLAN_PROBLEM_LENGTH_MAX];
};

/*
 * Compiles a writer's schema against the embedded schemas/agent_event.avsc.
 * In writer, length: JSON, at most TROTH_SCHEMA_LENGTH_MAX bytes; borrowed for the call.
 * Out plan: meaningful on TROTH_OK alone. Out problem: why it was refused; "" on TROTH_OK.
 * Returns TROTH_OK; TROTH_INVALID: no schema, or one that does not resolve; TROTH_OVER_LIMIT: a
 * written limit is passed; TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_plan_compile(const char *writer, size_t length, struct troth_plan *plan,
                                struct troth_plan_problem *problem);

/*
 * Compiles against another version of our schema: `reader` has fields of enum troth_field alone, of
 * the types of the embedded one, whose defaults are null, NONE, SELF and empty; aliases are free.
 * Otherwise as troth_plan_compile.
 */
TROTH_MUST_CHECK
troth_status troth_plan_compile_for(const char *reader, size_t reader_length, const char *writer,
                                    size_t length, struct troth_plan *plan,
                                    struct troth_plan_problem *problem);

#endif
