/* Avro's rules of schema resolution: a writer's type against ours. */
#include <string.h>

#include "consumers/avro/plan_compiler.h"
#include "schemas/event.h"

/* Where a value of ours goes. */
struct slot {
    const char *name;
    uint8_t field;   /* enum troth_field */
    bool in_item;    /* offset is into a verdict or an attribute, not into the event */
    uint16_t offset; /* items: enum troth_items */
};

#define EVENT_SLOT(FIELD, member)                                                                  \
    [TROTH_FIELD_##FIELD] = {NULL, TROTH_FIELD_##FIELD, false, offsetof(struct troth_event, member)}

/* By field; the names are those of schemas/event.h. */
static const struct slot event_slots[TROTH_FIELD_COUNT] = {
    EVENT_SLOT(ID, id),
    EVENT_SLOT(AGENT, agent),
    EVENT_SLOT(AT, at_us),
    EVENT_SLOT(KIND, kind),
    EVENT_SLOT(OUTCOME, outcome),
    EVENT_SLOT(SOURCE, source),
    EVENT_SLOT(ISSUER, issuer),
    EVENT_SLOT(CONTRACT, contract),
    EVENT_SLOT(SESSION, session),
    EVENT_SLOT(SEQ, seq),
    EVENT_SLOT(AGENT_VERSION, agent_version),
    EVENT_SLOT(TASK, task),
    EVENT_SLOT(TOOL, tool),
    EVENT_SLOT(LATENCY_US, latency_us),
    EVENT_SLOT(COST_MICROS, cost_micros),
    EVENT_SLOT(INPUT_TOKENS, input_tokens),
    EVENT_SLOT(OUTPUT_TOKENS, output_tokens),
    EVENT_SLOT(RESCUE, rescue),
    EVENT_SLOT(OWNER, owner),
    EVENT_SLOT(UNTIL, until_us),
    [TROTH_FIELD_VERDICTS] = {NULL, TROTH_FIELD_VERDICTS, false, TROTH_ITEMS_VERDICTS},
    [TROTH_FIELD_ATTRIBUTES] = {NULL, TROTH_FIELD_ATTRIBUTES, false, TROTH_ITEMS_ATTRIBUTES},
};

static const struct slot verdict_slots[] = {
    {"term", TROTH_FIELD_VERDICTS, true, offsetof(struct troth_verdict, term)},
    {"kept", TROTH_FIELD_VERDICTS, true, offsetof(struct troth_verdict, kept)},
    {"value", TROTH_FIELD_VERDICTS, true, offsetof(struct troth_verdict, value)},
};

static const struct slot attribute_name_slot = {"name", TROTH_FIELD_ATTRIBUTES, true,
                                                offsetof(struct troth_attribute, name)};
static const struct slot attribute_value_slot = {"value", TROTH_FIELD_ATTRIBUTES, true,
                                                 offsetof(struct troth_attribute, value)};

/* The record as a whole. */
static const struct slot record_slot = {"", TROTH_FIELD_COUNT, false, 0};

static bool resolve(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                    const struct troth_avro_node *reader, const struct slot *slot);

static const struct troth_avro_node *writer_node(const struct troth_compiler *compiler,
                                                 unsigned edge)
{
    return &compiler->writer->nodes[compiler->writer->edges[edge].node];
}

static const struct troth_avro_node *reader_node(const struct troth_compiler *compiler,
                                                 unsigned edge)
{
    return &compiler->reader->nodes[compiler->reader->edges[edge].node];
}

/* An instruction that stores into a slot. */
static bool emit_slot(struct troth_compiler *compiler, enum troth_operation operation,
                      const struct slot *slot)
{
    return troth_compiler_emit(compiler, operation, slot->field, 0, 0, slot->offset) >= 0;
}

/* Returns whether `name` is one of the aliases that the object gives. An alias without a dot is in
 * the namespace of what it stands at, which is not compared. */
static bool is_alias(const json_t *json, const char *name)
{
    const json_t *aliases = json == NULL ? NULL : json_object_get(json, "aliases");
    for (size_t i = 0; i < json_array_size(aliases); i++) {
        const char *alias = json_string_value(json_array_get(aliases, i));
        if (alias != NULL && strcmp(troth_avro_unqualified(alias), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Named types match by unqualified name, or by an alias of ours. */
static bool check_names(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                        const struct troth_avro_node *reader)
{
    const char *name = troth_avro_unqualified(writer->name);
    if (strcmp(name, troth_avro_unqualified(reader->name)) == 0 || is_alias(reader->json, name)) {
        return true;
    }
    return troth_compiler_refuse(
        compiler, TROTH_INVALID,
        "the writer's %s is named `%.60s`, which is neither ours, `%.60s`, nor an alias",
        troth_avro_type_name(writer->type), writer->name, reader->name);
}

static bool refuse_types(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                         const struct troth_avro_node *reader)
{
    return troth_compiler_refuse(compiler, TROTH_INVALID, "the writer's %s does not become our %s",
                                 troth_avro_type_name(writer->type),
                                 troth_avro_type_name(reader->type));
}

/* A writer's union: each branch is resolved by itself. One that does not resolve is refused when a
 * record takes it, unless none does. */
static bool resolve_branches(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                             const struct troth_avro_node *reader, const struct slot *slot)
{
    struct troth_plan_union open;
    const char *field = compiler->field;
    unsigned resolved = 0;
    if (!troth_compiler_open_union(compiler, writer, slot->field, &open)) {
        return false;
    }
    for (unsigned i = 0; i < writer->count; i++) {
        struct troth_plan_mark mark = troth_compiler_mark(compiler);
        troth_compiler_begin_branch(compiler, &open, i);
        if (resolve(compiler, writer_node(compiler, writer->first + i), reader, slot)) {
            resolved++;
        } else if (compiler->status == TROTH_OVER_LIMIT) {
            return false;
        } else {
            compiler->field = field;
            troth_compiler_go_back(compiler, mark);
            if (troth_compiler_emit(compiler, TROTH_OP_REFUSE, slot->field, 0, 0, 0) < 0) {
                return false;
            }
        }
        if (!troth_compiler_end_branch(compiler, &open)) {
            return false;
        }
    }
    troth_compiler_close_union(compiler, &open);
    return resolved > 0;
}

/* The shape of nearly every optional field: null and one type, against a union of ours, which
 * begins with null. Returns whether it was that, and resolved. */
static bool resolve_optional(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                             const struct troth_avro_node *reader, const struct slot *slot)
{
    if (writer->count != 2 || reader->type != TROTH_AVRO_UNION ||
        reader_node(compiler, reader->first)->type != TROTH_AVRO_NULL) {
        return false;
    }
    unsigned null = writer_node(compiler, writer->first)->type == TROTH_AVRO_NULL ? 0 : 1;
    const struct troth_avro_node *value = writer_node(compiler, writer->first + 1 - null);
    if (writer_node(compiler, writer->first + null)->type != TROTH_AVRO_NULL) {
        return false;
    }
    /* An index is written zigzag: twice its value. */
    struct troth_plan_mark mark = troth_compiler_mark(compiler);
    int nullable = troth_compiler_emit(compiler, TROTH_OP_NULLABLE, slot->field, null << 1,
                                       (1 - null) << 1, 0);
    if (nullable < 0 || !resolve(compiler, value, reader, slot)) {
        troth_compiler_go_back(compiler, mark);
        return false;
    }
    struct troth_plan *plan = compiler->plan;
    struct troth_instruction *instruction = &plan->instructions[nullable];
    bool is_single = plan->instruction_count == nullable + 2;
    if (is_single && instruction[1].operation == TROTH_OP_TEXT) {
        instruction->operation = TROTH_OP_OPTIONAL_TEXT;
    } else if (is_single && instruction[1].operation == TROTH_OP_LONG) {
        instruction->operation = TROTH_OP_OPTIONAL_LONG;
    } else {
        instruction->offset = plan->instruction_count;
        return true;
    }
    instruction->offset = instruction[1].offset; /* the two have become one */
    plan->instruction_count--;
    return true;
}

/* Against a union of ours: the first branch that a value of the writer's type can become. */
static bool resolve_into_union(struct troth_compiler *compiler,
                               const struct troth_avro_node *writer,
                               const struct troth_avro_node *reader, const struct slot *slot)
{
    for (unsigned i = 0; i < reader->count; i++) {
        const struct troth_avro_node *branch = reader_node(compiler, reader->first + i);
        if (writer->type == TROTH_AVRO_NULL && branch->type == TROTH_AVRO_NULL) {
            return true; /* absent, as the event begins */
        }
        if (branch->type != TROTH_AVRO_NULL && writer->type != TROTH_AVRO_NULL) {
            if (resolve(compiler, writer, branch, slot)) {
                return true;
            }
            if (compiler->status == TROTH_OVER_LIMIT) {
                return false;
            }
        }
    }
    return writer->type == TROTH_AVRO_NULL ? refuse_types(compiler, writer, reader) : false;
}

static bool resolve_text(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                         const struct troth_avro_node *reader, const struct slot *slot)
{
    if (writer->type != TROTH_AVRO_STRING && writer->type != TROTH_AVRO_BYTES) {
        return refuse_types(compiler, writer, reader);
    }
    return emit_slot(compiler, slot->in_item ? TROTH_OP_ITEM_TEXT : TROTH_OP_TEXT, slot);
}

/* A time of ours is in microseconds; what the writer's is in must be known. */
static bool resolve_long(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                         const struct troth_avro_node *reader, const struct slot *slot)
{
    const char *unit = writer->logical_type;
    bool is_time = slot->field == TROTH_FIELD_AT || slot->field == TROTH_FIELD_UNTIL;
    if (writer->type == TROTH_AVRO_INT && !is_time) {
        return emit_slot(compiler, TROTH_OP_INT, slot);
    }
    if (writer->type != TROTH_AVRO_LONG && writer->type != TROTH_AVRO_INT) {
        return refuse_types(compiler, writer, reader);
    }
    if (!is_time || unit == NULL || strcmp(unit, "timestamp-micros") == 0) {
        return emit_slot(compiler, writer->type == TROTH_AVRO_INT ? TROTH_OP_INT : TROTH_OP_LONG,
                         slot);
    }
    if (writer->type == TROTH_AVRO_LONG && strcmp(unit, "timestamp-millis") == 0) {
        return emit_slot(compiler, TROTH_OP_MILLIS, slot);
    }
    return troth_compiler_refuse(
        compiler, TROTH_INVALID,
        "the writer's time is %.60s; it must be timestamp-micros or timestamp-millis", unit);
}

static bool resolve_double(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                           const struct troth_avro_node *reader, const struct slot *slot)
{
    switch (writer->type) {
    case TROTH_AVRO_DOUBLE:
        return emit_slot(compiler, TROTH_OP_ITEM_DOUBLE, slot);
    case TROTH_AVRO_FLOAT:
        return emit_slot(compiler, TROTH_OP_ITEM_FLOAT, slot);
    case TROTH_AVRO_LONG:
        return emit_slot(compiler, TROTH_OP_ITEM_LONG, slot);
    case TROTH_AVRO_INT:
        return emit_slot(compiler, TROTH_OP_ITEM_INT, slot);
    default:
        return refuse_types(compiler, writer, reader);
    }
}

static bool resolve_fixed(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                          const struct troth_avro_node *reader, const struct slot *slot)
{
    if (writer->type != TROTH_AVRO_FIXED) {
        return refuse_types(compiler, writer, reader);
    }
    if (writer->size != reader->size) {
        return troth_compiler_refuse(compiler, TROTH_INVALID,
                                     "the writer's fixed has %u bytes, ours %u",
                                     (unsigned)writer->size, (unsigned)reader->size);
    }
    return check_names(compiler, writer, reader) && emit_slot(compiler, TROTH_OP_ID, slot);
}

/* Returns our number of a symbol, or -1. The order of ours is that of our schema. */
static int find_symbol(const struct troth_compiler *compiler, const struct troth_avro_node *reader,
                       const char *name)
{
    for (int i = 0; name != NULL && i < reader->count; i++) {
        if (strcmp(compiler->reader->edges[reader->first + i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static bool resolve_enum(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                         const struct troth_avro_node *reader, const struct slot *slot)
{
    struct troth_plan *plan = compiler->plan;
    if (writer->type != TROTH_AVRO_ENUM) {
        return refuse_types(compiler, writer, reader);
    }
    if (!check_names(compiler, writer, reader)) {
        return false;
    }
    if (writer->count > TROTH_PLAN_SYMBOLS_MAX - plan->symbol_count) {
        return troth_compiler_refuse(compiler, TROTH_OVER_LIMIT,
                                     "the plan has more than %d symbols", TROTH_PLAN_SYMBOLS_MAX);
    }
    unsigned first = plan->symbol_count;
    int fallback = find_symbol(compiler, reader, reader->fallback);
    for (unsigned i = 0; i < writer->count; i++) {
        const char *name = compiler->writer->edges[writer->first + i].name;
        int symbol = find_symbol(compiler, reader, name);
        symbol = symbol < 0 ? fallback : symbol;
        plan->symbols[plan->symbol_count++] =
            symbol < 0 ? (uint8_t)TROTH_SYMBOL_UNKNOWN : (uint8_t)symbol;
    }
    return troth_compiler_emit(compiler, TROTH_OP_ENUM, slot->field, first, writer->count,
                               slot->offset) >= 0;
}

/* The slot of a field of ours, or NULL where our schema has a field that this code does not know.
 */
static const struct slot *find_slot(bool in_item, const char *name)
{
    if (!in_item) {
        int field = troth_field_find(name, strlen(name));
        return field < 0 ? NULL : &event_slots[field];
    }
    for (size_t i = 0; i < sizeof verdict_slots / sizeof verdict_slots[0]; i++) {
        if (strcmp(verdict_slots[i].name, name) == 0) {
            return &verdict_slots[i];
        }
    }
    return NULL;
}

static int find_edge(const struct troth_avro_schema *schema, const struct troth_avro_node *record,
                     const char *name)
{
    for (int i = record->first; i < record->first + record->count; i++) {
        if (strcmp(schema->edges[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Returns the writer's field that one of ours is read from: of its name, else of an alias that is
 * not itself the name of one of ours. */
static int find_source(const struct troth_compiler *compiler, const struct troth_avro_node *writer,
                       const struct troth_avro_node *reader, const struct troth_avro_edge *ours)
{
    int same = find_edge(compiler->writer, writer, ours->name);
    if (same >= 0) {
        return same;
    }
    for (int i = writer->first; i < writer->first + writer->count; i++) {
        const char *name = compiler->writer->edges[i].name;
        if (is_alias(ours->json, name) && find_edge(compiler->reader, reader, name) < 0) {
            return i;
        }
    }
    return -1;
}

/* Returns the field of ours that a field of the writer's is read into, or -1. */
static int find_target(const struct troth_compiler *compiler, const struct troth_avro_node *writer,
                       const struct troth_avro_node *reader, int theirs)
{
    for (int i = reader->first; i < reader->first + reader->count; i++) {
        if (find_source(compiler, writer, reader, &compiler->reader->edges[i]) == theirs) {
            return i;
        }
    }
    return -1;
}

/* Returns whether every field of ours has a source or a default. */
static bool check_sources(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                          const struct troth_avro_node *reader)
{
    for (unsigned i = reader->first; i < (unsigned)reader->first + reader->count; i++) {
        const struct troth_avro_edge *ours = &compiler->reader->edges[i];
        compiler->field = ours->name;
        if (find_source(compiler, writer, reader, ours) < 0 &&
            json_object_get(ours->json, "default") == NULL) {
            return troth_compiler_refuse(compiler, TROTH_INVALID,
                                         "the writer has none, and ours has no default");
        }
    }
    return true;
}

/* In the writer's order: what becomes a field of ours is read, the rest is skipped. */
static bool resolve_record(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                           const struct troth_avro_node *reader, bool in_item)
{
    const char *outer = compiler->field;
    if (writer->type != TROTH_AVRO_RECORD) {
        return refuse_types(compiler, writer, reader);
    }
    if (!check_names(compiler, writer, reader) || !check_sources(compiler, writer, reader)) {
        return false;
    }
    for (unsigned i = writer->first; i < (unsigned)writer->first + writer->count; i++) {
        const struct troth_avro_edge *theirs = &compiler->writer->edges[i];
        int ours = find_target(compiler, writer, reader, (int)i);
        compiler->field = theirs->name;
        if (ours < 0) {
            if (!troth_compiler_skip(compiler, theirs->node)) {
                return false;
            }
            continue;
        }
        const struct slot *slot = find_slot(in_item, compiler->reader->edges[ours].name);
        if (slot == NULL) {
            return troth_compiler_refuse(compiler, TROTH_INVALID,
                                         "our schema has it, the engine does not");
        }
        if (!resolve(compiler, writer_node(compiler, i), reader_node(compiler, (unsigned)ours),
                     slot)) {
            return false;
        }
    }
    compiler->field = outer;
    return true;
}

/* An array or a map: OPEN, then NEXT, the item and a jump back to NEXT. */
static bool resolve_items(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                          const struct troth_avro_node *reader, const struct slot *slot)
{
    if (writer->type != reader->type) {
        return refuse_types(compiler, writer, reader);
    }
    const struct troth_avro_node *item = writer_node(compiler, writer->first);
    const struct troth_avro_node *ours = reader_node(compiler, reader->first);
    bool is_map = writer->type == TROTH_AVRO_MAP;
    uint32_t least = item->least + (is_map ? 1 : 0);
    least = least > UINT16_MAX ? UINT16_MAX : least;
    int open = troth_compiler_emit(compiler, TROTH_OP_OPEN, slot->field, 0, least, slot->offset);
    int next = troth_compiler_emit(compiler, TROTH_OP_NEXT, slot->field, 0, least, slot->offset);
    if (open < 0 || next < 0) {
        return false;
    }
    bool done = is_map ? emit_slot(compiler, TROTH_OP_ITEM_TEXT, &attribute_name_slot) &&
                             resolve(compiler, item, ours, &attribute_value_slot)
                       : resolve(compiler, item, ours, slot);
    if (!done ||
        troth_compiler_emit(compiler, TROTH_OP_JUMP, slot->field, (unsigned)next, 0, 0) < 0) {
        return false;
    }
    troth_compiler_land(compiler, open);
    troth_compiler_land(compiler, next);
    return true;
}

/* Emits what reads a value of the writer's type into a slot of our type. Returns false where it
 * cannot; recursion is bounded by the nesting of our own schema. */
static bool resolve(struct troth_compiler *compiler, const struct troth_avro_node *writer,
                    const struct troth_avro_node *reader, const struct slot *slot)
{
    if (writer->type == TROTH_AVRO_UNION) {
        return resolve_optional(compiler, writer, reader, slot) ||
               (compiler->status != TROTH_OVER_LIMIT &&
                resolve_branches(compiler, writer, reader, slot));
    }
    switch (reader->type) {
    case TROTH_AVRO_UNION:
        return resolve_into_union(compiler, writer, reader, slot);
    case TROTH_AVRO_STRING:
        return resolve_text(compiler, writer, reader, slot);
    case TROTH_AVRO_LONG:
        return resolve_long(compiler, writer, reader, slot);
    case TROTH_AVRO_DOUBLE:
        return resolve_double(compiler, writer, reader, slot);
    case TROTH_AVRO_BOOLEAN:
        return writer->type == TROTH_AVRO_BOOLEAN ? emit_slot(compiler, TROTH_OP_ITEM_KEPT, slot)
                                                  : refuse_types(compiler, writer, reader);
    case TROTH_AVRO_FIXED:
        return resolve_fixed(compiler, writer, reader, slot);
    case TROTH_AVRO_ENUM:
        return resolve_enum(compiler, writer, reader, slot);
    case TROTH_AVRO_RECORD:
        return resolve_record(compiler, writer, reader, slot->field == TROTH_FIELD_VERDICTS);
    case TROTH_AVRO_ARRAY:
    case TROTH_AVRO_MAP:
        return resolve_items(compiler, writer, reader, slot);
    default:
        return refuse_types(compiler, writer, reader);
    }
}

bool troth_compiler_resolve(struct troth_compiler *compiler)
{
    const struct troth_avro_node *reader = &compiler->reader->nodes[compiler->reader->root];
    return resolve(compiler, &compiler->writer->nodes[compiler->writer->root], reader,
                   &record_slot);
}
