/*
 * What the two halves of the compiler share: plan.c emits and skips, plan_resolve.c resolves.
 * Private to them. Memory, threads: one compilation's, on its caller's stack.
 */
#ifndef TROTH_CONSUMERS_AVRO_PLAN_COMPILER_H
#define TROTH_CONSUMERS_AVRO_PLAN_COMPILER_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/avro/plan.h"
#include "consumers/avro/schema.h"
#include "schemas/event.h"

struct troth_compiler {
    const struct troth_avro_schema *writer;
    const struct troth_avro_schema *reader;
    struct troth_plan *plan;
    struct troth_plan_problem *problem;
    troth_status status;                    /* of the last refusal */
    const char *field;                      /* the field at hand, as a problem names it */
    uint16_t skips[TROTH_SCHEMA_NODES_MAX]; /* where a skipped record's code begins, plus 1; or 0 */
};

/* How full the plan was, to go back to. */
struct troth_plan_mark {
    uint16_t instruction_count;
    uint16_t branch_count;
    uint16_t symbol_count;
};

/* A union of the writer's that is being compiled. */
struct troth_plan_union {
    unsigned first; /* of its places in the table of branches */
    unsigned field;
    int chain; /* the last branch's jump past the union, which holds the one before, plus 1 */
};

/* Records why the schema is refused; of the branches of a union the last reason stays. Returns
 * false. */
__attribute__((format(printf, 3, 4))) bool troth_compiler_refuse(struct troth_compiler *compiler,
                                                                 troth_status status,
                                                                 const char *format, ...);

/* Appends an instruction. Returns its index, or -1 when the plan is full. */
int troth_compiler_emit(struct troth_compiler *compiler, enum troth_operation operation,
                        unsigned field, unsigned first, unsigned count, unsigned offset);

/* Makes an instruction go on at what is emitted next. */
void troth_compiler_land(struct troth_compiler *compiler, int instruction);

struct troth_plan_mark troth_compiler_mark(const struct troth_compiler *compiler);
void troth_compiler_go_back(struct troth_compiler *compiler, struct troth_plan_mark mark);

/* A writer's union: open, then begin and end for each branch in order, then close. Return false
 * when the plan is full. */
bool troth_compiler_open_union(struct troth_compiler *compiler, const struct troth_avro_node *node,
                               unsigned field, struct troth_plan_union *open);
void troth_compiler_begin_branch(struct troth_compiler *compiler,
                                 const struct troth_plan_union *open, unsigned branch);
bool troth_compiler_end_branch(struct troth_compiler *compiler, struct troth_plan_union *open);
void troth_compiler_close_union(struct troth_compiler *compiler,
                                const struct troth_plan_union *open);

/* Emits what passes over a value of the writer's type. Returns false when the plan is full. */
bool troth_compiler_skip(struct troth_compiler *compiler, unsigned node);

/* Emits what reads the writer's record, or a union that has it, into an event. Returns false where
 * it does not resolve. */
bool troth_compiler_resolve(struct troth_compiler *compiler);

#endif
