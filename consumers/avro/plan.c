#include "consumers/avro/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/avro/plan_compiler.h"
#include "consumers/avro/straight.h"
#include "schemas/avsc.h"

bool troth_compiler_refuse(struct troth_compiler *compiler, troth_status status, const char *format,
                           ...)
{
    char reason[TROTH_PLAN_PROBLEM_LENGTH_MAX - 80];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    (void)snprintf(compiler->problem->text, sizeof compiler->problem->text, "%.60s: %s",
                   compiler->field, reason);
    compiler->status = status;
    return false;
}

int troth_compiler_emit(struct troth_compiler *compiler, enum troth_operation operation,
                        unsigned field, unsigned first, unsigned count, unsigned offset)
{
    struct troth_plan *plan = compiler->plan;
    if (plan->instruction_count == TROTH_PLAN_INSTRUCTIONS_MAX) {
        (void)troth_compiler_refuse(compiler, TROTH_OVER_LIMIT,
                                    "the plan has more than %d instructions",
                                    TROTH_PLAN_INSTRUCTIONS_MAX);
        return -1;
    }
    plan->instructions[plan->instruction_count] =
        (struct troth_instruction){.operation = (uint8_t)operation,
                                   .field = (uint8_t)field,
                                   .first = (uint16_t)first,
                                   .count = (uint16_t)count,
                                   .offset = (uint16_t)offset};
    return plan->instruction_count++;
}

void troth_compiler_land(struct troth_compiler *compiler, int instruction)
{
    compiler->plan->instructions[instruction].first = compiler->plan->instruction_count;
}

struct troth_plan_mark troth_compiler_mark(const struct troth_compiler *compiler)
{
    const struct troth_plan *plan = compiler->plan;
    return (struct troth_plan_mark){plan->instruction_count, plan->branch_count,
                                    plan->symbol_count};
}

void troth_compiler_go_back(struct troth_compiler *compiler, struct troth_plan_mark mark)
{
    compiler->plan->instruction_count = mark.instruction_count;
    compiler->plan->branch_count = mark.branch_count;
    compiler->plan->symbol_count = mark.symbol_count;
    for (unsigned i = 0; i < TROTH_SCHEMA_NODES_MAX; i++) {
        if (compiler->skips[i] > mark.instruction_count) {
            compiler->skips[i] = 0; /* its code is gone */
        }
    }
}

bool troth_compiler_open_union(struct troth_compiler *compiler, const struct troth_avro_node *node,
                               unsigned field, struct troth_plan_union *open)
{
    struct troth_plan *plan = compiler->plan;
    *open = (struct troth_plan_union){.first = plan->branch_count, .field = field, .chain = -1};
    if (node->count > TROTH_PLAN_BRANCHES_MAX - plan->branch_count) {
        return troth_compiler_refuse(compiler, TROTH_OVER_LIMIT,
                                     "the plan has more than %d branches of unions",
                                     TROTH_PLAN_BRANCHES_MAX);
    }
    plan->branch_count = (uint16_t)(plan->branch_count + node->count);
    return troth_compiler_emit(compiler, TROTH_OP_UNION, field, open->first, node->count, 0) >= 0;
}

void troth_compiler_begin_branch(struct troth_compiler *compiler,
                                 const struct troth_plan_union *open, unsigned branch)
{
    compiler->plan->branches[open->first + branch] = compiler->plan->instruction_count;
}

bool troth_compiler_end_branch(struct troth_compiler *compiler, struct troth_plan_union *open)
{
    int jump = troth_compiler_emit(compiler, TROTH_OP_JUMP, open->field,
                                   (unsigned)(open->chain + 1), 0, 0);
    open->chain = jump;
    return jump >= 0;
}

void troth_compiler_close_union(struct troth_compiler *compiler,
                                const struct troth_plan_union *open)
{
    int chain = open->chain;
    while (chain >= 0) {
        int before = compiler->plan->instructions[chain].first - 1;
        troth_compiler_land(compiler, chain);
        chain = before;
    }
}

static bool emit_skip(struct troth_compiler *compiler, enum troth_operation operation,
                      unsigned count)
{
    return troth_compiler_emit(compiler, operation, TROTH_FIELD_COUNT, 0, count, 0) >= 0;
}

/* Each record is passed over by one routine, wherever it stands and even within itself. */
static bool skip_record(struct troth_compiler *compiler, unsigned index)
{
    const struct troth_avro_node *node = &compiler->writer->nodes[index];
    unsigned routine = compiler->skips[index];
    if (routine != 0) {
        return troth_compiler_emit(compiler, TROTH_OP_CALL, TROTH_FIELD_COUNT, routine - 1, 0, 0) >=
               0;
    }
    int call = troth_compiler_emit(compiler, TROTH_OP_CALL, TROTH_FIELD_COUNT, 0, 0, 0);
    int jump = troth_compiler_emit(compiler, TROTH_OP_JUMP, TROTH_FIELD_COUNT, 0, 0, 0);
    if (call < 0 || jump < 0) {
        return false;
    }
    troth_compiler_land(compiler, call);
    compiler->skips[index] = (uint16_t)(compiler->plan->instruction_count + 1);
    for (unsigned i = 0; i < node->count; i++) {
        if (!troth_compiler_skip(compiler, compiler->writer->edges[node->first + i].node)) {
            return false;
        }
    }
    if (!emit_skip(compiler, TROTH_OP_RETURN, 0)) {
        return false;
    }
    troth_compiler_land(compiler, jump);
    return true;
}

static bool skip_items(struct troth_compiler *compiler, const struct troth_avro_node *node)
{
    unsigned item = compiler->writer->edges[node->first].node;
    uint32_t least = compiler->writer->nodes[item].least;
    bool is_map = node->type == TROTH_AVRO_MAP;
    unsigned count = least >= UINT16_MAX ? UINT16_MAX : least + (is_map ? 1 : 0);
    int open = troth_compiler_emit(compiler, TROTH_OP_OPEN, TROTH_FIELD_COUNT, 0, count,
                                   TROTH_ITEMS_SKIPPED);
    int next = troth_compiler_emit(compiler, TROTH_OP_NEXT, TROTH_FIELD_COUNT, 0, count,
                                   TROTH_ITEMS_SKIPPED);
    if (open < 0 || next < 0 || (is_map && !emit_skip(compiler, TROTH_OP_SKIP_TEXT, 0)) ||
        !troth_compiler_skip(compiler, item) ||
        troth_compiler_emit(compiler, TROTH_OP_JUMP, TROTH_FIELD_COUNT, (unsigned)next, 0, 0) < 0) {
        return false;
    }
    troth_compiler_land(compiler, open);
    troth_compiler_land(compiler, next);
    return true;
}

static bool skip_union(struct troth_compiler *compiler, const struct troth_avro_node *node)
{
    struct troth_plan_union open;
    if (!troth_compiler_open_union(compiler, node, TROTH_FIELD_COUNT, &open)) {
        return false;
    }
    for (unsigned i = 0; i < node->count; i++) {
        troth_compiler_begin_branch(compiler, &open, i);
        if (!troth_compiler_skip(compiler, compiler->writer->edges[node->first + i].node) ||
            !troth_compiler_end_branch(compiler, &open)) {
            return false;
        }
    }
    troth_compiler_close_union(compiler, &open);
    return true;
}

/* Recursion ends: a record is entered once, and there are at most as many as the plan has
 * instructions. */
bool troth_compiler_skip(struct troth_compiler *compiler, unsigned index)
{
    const struct troth_avro_node *node = &compiler->writer->nodes[index];
    if (node->least == 0) {
        return true; /* no value of it has any byte */
    }
    switch (node->type) {
    case TROTH_AVRO_BOOLEAN:
        return emit_skip(compiler, TROTH_OP_SKIP_BOOLEAN, 0);
    case TROTH_AVRO_INT:
    case TROTH_AVRO_LONG:
        return emit_skip(compiler, TROTH_OP_SKIP_VARINT, 0);
    case TROTH_AVRO_FLOAT:
    case TROTH_AVRO_DOUBLE:
    case TROTH_AVRO_FIXED:
        return emit_skip(compiler, TROTH_OP_SKIP_BYTES, node->least);
    case TROTH_AVRO_BYTES:
    case TROTH_AVRO_STRING:
        return emit_skip(compiler, TROTH_OP_SKIP_TEXT, 0);
    case TROTH_AVRO_ENUM:
        return emit_skip(compiler, TROTH_OP_SKIP_ENUM, node->count);
    case TROTH_AVRO_RECORD:
        return skip_record(compiler, index);
    case TROTH_AVRO_UNION:
        return skip_union(compiler, node);
    default:
        return skip_items(compiler, node);
    }
}

static troth_status take_fingerprint(const struct troth_avro_schema *schema, uint64_t *fingerprint)
{
    char *form;
    size_t length;
    troth_status status = troth_avro_canonical_form(schema, &form, &length);
    if (status == TROTH_OK) {
        *fingerprint = troth_avro_fingerprint(form, length);
        free(form);
    }
    return status;
}

troth_status troth_plan_compile_for(const char *reader, size_t reader_length, const char *writer,
                                    size_t length, struct troth_plan *plan,
                                    struct troth_plan_problem *problem)
{
    struct troth_avro_schema *theirs = NULL;
    struct troth_avro_schema *ours = NULL;
    struct troth_compiler compiler = {.plan = plan, .problem = problem, .field = "record"};
    memset(plan, 0, sizeof *plan);
    troth_status status =
        troth_avro_schema_open(writer, length, &theirs, problem->text, sizeof problem->text);
    if (status == TROTH_OK) {
        status = troth_avro_schema_open(reader, reader_length, &ours, problem->text,
                                        sizeof problem->text);
    }
    if (status == TROTH_OK) {
        compiler.writer = theirs;
        compiler.reader = ours;
        if (troth_compiler_resolve(&compiler) && emit_skip(&compiler, TROTH_OP_END, 0)) {
            problem->text[0] = '\0';
            plan->straight = troth_straight_fits(plan);
            status = take_fingerprint(theirs, &plan->fingerprint);
        } else {
            status = compiler.status;
        }
    }
    troth_avro_schema_close(theirs);
    troth_avro_schema_close(ours);
    return status;
}

troth_status troth_plan_compile(const char *writer, size_t length, struct troth_plan *plan,
                                struct troth_plan_problem *problem)
{
    return troth_plan_compile_for(troth_avsc_agent_event, troth_avsc_agent_event_length, writer,
                                  length, plan, problem);
}
