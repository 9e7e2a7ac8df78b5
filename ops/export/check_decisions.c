/*
 * Decisions: that each says what its record says, that each ruling is of a decision that is there
 * and says the same of it, and that what was applied and the change of rung are both there.
 */
#include <inttypes.h>
#include <string.h>

#include "consumers/decision_record.h"
#include "ops/export/checks.h"
#include "ops/export/parts.h"

#define CHECK TROTH_EXPORT_DECISIONS

static const json_t *object_of(const struct troth_export_line *line)
{
    return json_object_get(line->object, line->kind == TROTH_LINE_DECISION ? "decision"
                                         : line->kind == TROTH_LINE_RULING ? "ruling"
                                                                           : "intervention");
}

/* By a decision's id, the place of the change of rung that it made. */
static json_t *index_changes(const struct troth_export_file *file)
{
    json_t *index = json_object();
    for (size_t i = 0; i < file->count; i++) {
        if (file->lines[i].kind == TROTH_LINE_INTERVENTION) {
            const json_t *decision = json_object_get(object_of(&file->lines[i]), "decision");
            const char *id = troth_export_text(decision, "id");
            if (id[0] != '\0') {
                json_object_set_new(index, id, json_integer((json_int_t)i));
            }
        }
    }
    return index;
}

/* A decision's record, and what people read of it. */
static void check_record(const struct troth_export_file *file, const struct troth_export_line *line,
                         struct troth_export_report *report)
{
    static uint8_t bytes[TROTH_DECISION_RECORD_MAX];
    struct troth_decision decision;
    size_t length = 0;
    json_t *again = NULL;
    troth_export_looked(report, CHECK, 1);
    if (troth_export_bytes(troth_export_text(line->object, "value"), bytes, sizeof bytes,
                           &length) &&
        troth_decision_decode(bytes, length, &decision) == TROTH_OK) {
        again = troth_export_decision_json(&decision);
    }
    const json_t *object = object_of(line);
    if (again == NULL || !json_equal(again, object)) {
        troth_export_wrong(report, CHECK, "line %zu: it is not what its record says", line->number);
    } else if (strcmp(troth_export_text(object, "agent"), file->agent) != 0 ||
               (file->only != NULL &&
                strcmp(troth_export_text(object, "contract"), file->only) != 0)) {
        troth_export_wrong(report, CHECK, "line %zu: it is of another agent or contract",
                           line->number);
    }
    json_decref(again);
}

static void check_ruling(const struct troth_export_file *file, const struct troth_export_line *line,
                         const json_t *changes, struct troth_export_report *report)
{
    static const char *const keys[] = {"agent",  "contract", "action", "by",
                                       "reason", "term",     "until",  "record"};
    const json_t *ruling = object_of(line);
    const char *id = troth_export_text(ruling, "decision");
    const struct troth_export_line *decision = troth_export_find_id(file, TROTH_LINE_DECISION, id);
    troth_export_looked(report, CHECK, 1);
    if (decision == NULL && file->decisions.from > 0) {
        troth_export_note(report, CHECK, "line %zu: decision %.40s, which was ruled, has expired",
                          line->number, id);
    } else if (decision == NULL) {
        troth_export_wrong(report, CHECK, "line %zu: decision %.40s, which was ruled, is left out",
                           line->number, id);
    }
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0] && decision != NULL; i++) {
        if (!json_equal(json_object_get(ruling, keys[i]),
                        json_object_get(object_of(decision), keys[i]))) {
            troth_export_wrong(report, CHECK, "line %zu: it says another `%s` than the decision",
                               line->number, keys[i]);
        }
    }
    if (strcmp(troth_export_text(ruling, "ruling"), "applied") != 0) {
        return;
    }
    const json_t *change = json_object_get(changes, id);
    const json_t *told =
        change != NULL ? object_of(&file->lines[json_integer_value(change)]) : NULL;
    if (told == NULL ||
        !json_equal(json_object_get(told, "from"), json_object_get(ruling, "from")) ||
        !json_equal(json_object_get(told, "to"), json_object_get(ruling, "to")) ||
        !json_equal(json_object_get(told, "decided_at"), json_object_get(ruling, "decided_at"))) {
        troth_export_wrong(report, CHECK, "line %zu: the change of rung that it made is left out",
                           line->number);
    }
}

static void check_change(const struct troth_export_file *file, const struct troth_export_line *line,
                         struct troth_export_report *report)
{
    const char *id = troth_export_text(json_object_get(object_of(line), "decision"), "id");
    if (id[0] == '\0') {
        return;
    }
    const struct troth_export_line *ruling = troth_export_find_id(file, TROTH_LINE_RULING, id);
    const bool applied =
        ruling != NULL && strcmp(troth_export_text(object_of(ruling), "ruling"), "applied") == 0;
    if (!applied) {
        troth_export_wrong(report, CHECK, "line %zu: the ruling of decision %.40s is left out",
                           line->number, id);
    }
}

void troth_export_check_decisions(const struct troth_export_file *file,
                                  struct troth_export_report *report)
{
    json_t *changes = index_changes(file);
    troth_export_looked(report, CHECK, 0);
    for (size_t i = 0; i < file->count; i++) {
        const struct troth_export_line *line = &file->lines[i];
        if (line->kind == TROTH_LINE_DECISION) {
            check_record(file, line, report);
            if (troth_export_find_id(file, TROTH_LINE_RULING,
                                     troth_export_text(object_of(line), "id")) == NULL) {
                troth_export_note(report, CHECK, "line %zu: no engine has ruled this decision yet",
                                  line->number);
            }
        } else if (line->kind == TROTH_LINE_RULING) {
            check_ruling(file, line, changes, report);
        } else if (line->kind == TROTH_LINE_INTERVENTION) {
            check_change(file, line, report);
        }
    }
    json_decref(changes);
}
