#include "ops/export/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/export_chain.h"

enum { READ_FLAGS = JSON_REJECT_DUPLICATES };

#define KIND_OF(NAME, text, stage)  text,
#define STAGE_OF(NAME, text, stage) stage,
static const char *const kinds[] = {TROTH_EXPORT_KINDS(KIND_OF)};
static const unsigned stages[] = {TROTH_EXPORT_KINDS(STAGE_OF)};

const char *troth_export_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

int64_t troth_export_integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- The first line. ---- */

static bool read_range(const json_t *head, const char *name, struct troth_export_range *range)
{
    json_int_t partition = -1;
    json_int_t from = -1;
    json_int_t until = -1;
    if (json_unpack(json_object_get(head, name), "{s:s, s:I, s:I, s:I !}", "topic", &range->topic,
                    "partition", &partition, "from", &from, "until", &until) != 0 ||
        partition < 0 || partition > INT32_MAX || from < 0 || until < from) {
        return false;
    }
    range->partition = (int32_t)partition;
    range->from = from;
    range->until = until;
    return true;
}

static bool is_text_or_null(const json_t *value)
{
    return json_is_string(value) || json_is_null(value);
}

static troth_status read_head(struct troth_export_file *file, struct troth_export_report *report)
{
    const json_t *head = file->head;
    const json_t *only = json_object_get(head, "contract");
    json_int_t format = 0;
    json_int_t since = -1;
    json_int_t era = 0;
    json_int_t made_at = -1;
    if (json_unpack((json_t *)(uintptr_t)head, "{s:I}", "export", &format) != 0) {
        troth_export_wrong(report, TROTH_EXPORT_FORM, "line 1 says no format: this is no export");
        return TROTH_INVALID;
    }
    if (format != TROTH_EXPORT_FORMAT) {
        troth_export_wrong(report, TROTH_EXPORT_FORM,
                           "it is of format %" PRId64 ", and this version knows %d; use the troth "
                           "that made it (%.40s)",
                           (int64_t)format, TROTH_EXPORT_FORMAT,
                           troth_export_text(head, "made_by"));
        return TROTH_INVALID;
    }
    if (json_unpack((json_t *)(uintptr_t)head, "{s:s, s:I, s:I, s:I}", "agent", &file->agent,
                    "since", &since, "era", &era, "made_at", &made_at) != 0 ||
        !is_text_or_null(only) || since < 0 || made_at < 0 || era < 1 ||
        !read_range(head, "telemetry", &file->telemetry) ||
        !read_range(head, "interventions", &file->interventions) ||
        !read_range(head, "decisions", &file->decisions) ||
        !read_range(head, "contracts", &file->contracts) ||
        !read_range(head, "standings", &file->standings)) {
        troth_export_wrong(report, TROTH_EXPORT_FORM,
                           "line 1 lacks something, or says what cannot be");
        return TROTH_INVALID;
    }
    file->only = json_string_value(only);
    file->since_us = since;
    file->era = era;
    file->made_at_us = made_at;
    return TROTH_OK;
}

/* ---- The others. ---- */

/* Whether an object has what its kind must have, and nothing else. */
static bool has_form(json_t *object, unsigned kind)
{
    const char *text = NULL;
    json_int_t number = 0;
    json_t *value = NULL;
    const json_t *bytes = json_object_get(object, "value");
    switch ((enum troth_export_kind)kind) {
    case TROTH_LINE_CONTRACT:
        return json_unpack(object, "{s:s, s:s, s:I, s:o, s:o !}", "after", &text, "kind", &text,
                           "offset", &number, "signatures", &value, "contract", &value) == 0 &&
               json_is_array(json_object_get(object, "signatures")) && json_is_object(value);
    case TROTH_LINE_BEGINNING:
        return json_unpack(object, "{s:s, s:s, s:s, s:s, s:I, s:s !}", "after", &text, "kind",
                           &text, "contract", &text, "rung", &text, "since", &number, "because",
                           &text) == 0;
    case TROTH_LINE_DECISION:
        return json_unpack(object, "{s:s, s:s, s:I, s:I, s:o, s:s, s:o !}", "after", &text, "kind",
                           &text, "offset", &number, "timestamp", &number, "signatures", &value,
                           "value", &text, "decision", &value) == 0 &&
               json_is_array(json_object_get(object, "signatures")) && json_is_object(value);
    case TROTH_LINE_INTERVENTION:
        return json_unpack(object, "{s:s, s:s, s:I, s:I, s:o !}", "after", &text, "kind", &text,
                           "offset", &number, "era", &number, "intervention", &value) == 0 &&
               json_is_object(value);
    case TROTH_LINE_RULING:
        return json_unpack(object, "{s:s, s:s, s:I, s:o !}", "after", &text, "kind", &text,
                           "offset", &number, "ruling", &value) == 0 &&
               json_is_object(value);
    case TROTH_LINE_TELEMETRY:
        return json_unpack(object, "{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o !}", "after", &text,
                           "kind", &text, "offset", &number, "timestamp", &value, "because", &value,
                           "hash", &value, "value", &value, "event", &value) == 0 &&
               is_text_or_null(bytes);
    case TROTH_LINE_STANDING:
        return json_unpack(object, "{s:s, s:s, s:s, s:I, s:o, s:o !}", "after", &text, "kind",
                           &text, "contract", &text, "offset", &number, "value", &value, "standing",
                           &value) == 0 &&
               is_text_or_null(bytes);
    case TROTH_LINE_COUNT:
        break;
    }
    return false;
}

static unsigned kind_of(const json_t *object)
{
    const char *text = troth_export_text(object, "kind");
    unsigned kind = 0;
    while (kind < TROTH_LINE_COUNT && strcmp(kinds[kind], text) != 0) {
        kind++;
    }
    return kind;
}

/* Takes a line's object. Returns whether it is one that can stand there. */
static bool take_line(struct troth_export_file *file, json_t *object, size_t number,
                      struct troth_export_report *report)
{
    const unsigned kind = kind_of(object);
    if (kind == TROTH_LINE_COUNT || !has_form(object, kind)) {
        troth_export_wrong(report, TROTH_EXPORT_FORM,
                           "line %zu is of no kind that is known, or "
                           "has not what its kind has",
                           number);
        return false;
    }
    const json_t *offset = json_object_get(object, "offset");
    struct troth_export_line line = {.object = object,
                                     .number = number,
                                     .offset = offset != NULL ? json_integer_value(offset) : -1,
                                     .kind = (uint8_t)kind};
    const struct troth_export_line *before = file->count > 0 ? &file->lines[file->count - 1] : NULL;
    const bool same = before != NULL && stages[before->kind] == stages[kind];
    const bool ordered = kind != TROTH_LINE_STANDING && kind != TROTH_LINE_BEGINNING;
    if (before != NULL && (stages[before->kind] > stages[kind] ||
                           (same && ordered && before->offset >= line.offset))) {
        troth_export_wrong(report, TROTH_EXPORT_FORM,
                           "line %zu stands after one that it must "
                           "come before",
                           number);
        return false;
    }
    file->lines[file->count++] = line;
    file->counts[kind]++;
    return true;
}

static troth_status read_lines(struct troth_export_file *file, const char *text, size_t length,
                               size_t lines, struct troth_export_report *report)
{
    const char *line = NULL;
    size_t at = 0;
    troth_status status = TROTH_OK;
    for (size_t number = 1; number <= lines && status == TROTH_OK; number++) {
        const size_t found = troth_chain_next(text, length, &at, &line);
        json_error_t problem;
        json_t *object = json_loadb(line, found, READ_FLAGS, &problem);
        troth_export_looked(report, TROTH_EXPORT_FORM, 1);
        if (!json_is_object(object)) {
            troth_export_wrong(report, TROTH_EXPORT_FORM, "line %zu is no object of JSON: %.100s",
                               number, object == NULL ? problem.text : "it is another value");
            status = TROTH_INVALID;
        } else if (number == 1) {
            file->head = json_incref(object);
            status = read_head(file, report);
        } else if (take_line(file, object, number, report)) {
            (void)json_incref(object);
        } else {
            status = TROTH_INVALID;
        }
        json_decref(object);
    }
    return status;
}

/* Reads a contract, and whether its canonical form is what stands there. */
static troth_status read_contract(struct troth_export_file *file,
                                  const struct troth_export_line *line,
                                  struct troth_export_report *report)
{
    static struct troth_problems problems;
    static char again[TROTH_CONTRACT_LENGTH_MAX];
    const json_t *object = json_object_get(line->object, "contract");
    size_t length = 0;
    troth_export_looked(report, TROTH_EXPORT_CONTRACTS, 1);
    if (file->version_count == TROTH_EXPORT_VERSIONS_MAX) {
        troth_export_wrong(report, TROTH_EXPORT_CONTRACTS, "line %zu: more than %d versions",
                           line->number, TROTH_EXPORT_VERSIONS_MAX);
        return TROTH_INVALID;
    }
    struct troth_export_version *version = calloc(1, sizeof *version);
    char *text = json_dumps(object, JSON_COMPACT);
    if (version == NULL || text == NULL) {
        free(version);
        free(text);
        return TROTH_NO_MEMORY;
    }
    troth_status status = troth_contract_parse(text, strlen(text), &version->contract, &problems);
    if (status == TROTH_INVALID) {
        troth_export_wrong(report, TROTH_EXPORT_CONTRACTS, "line %zu: %.100s: %.200s", line->number,
                           problems.items[0].key, problems.items[0].text);
    } else if (status == TROTH_OK && troth_export_find_version(file, version->contract.name,
                                                               version->contract.version) != NULL) {
        troth_export_wrong(report, TROTH_EXPORT_CONTRACTS,
                           "line %zu: %s@%" PRId64 " stands there "
                           "twice",
                           line->number, version->contract.name, version->contract.version);
        status = TROTH_INVALID;
    }
    free(text);
    if (status != TROTH_OK) {
        free(version);
        return status;
    }
    version->offset = line->offset;
    json_t *canonical = NULL;
    if (troth_contract_write(&version->contract, again, sizeof again, &length) == TROTH_OK) {
        canonical = json_loadb(again, length, 0, NULL);
    }
    if (canonical == NULL || !json_equal(canonical, object)) {
        troth_export_wrong(report, TROTH_EXPORT_CONTRACTS,
                           "line %zu: %s@%" PRId64 " is not in its "
                           "canonical form",
                           line->number, version->contract.name, version->contract.version);
    }
    json_decref(canonical);
    troth_rules_init(&version->rules, &version->contract);
    file->versions[file->version_count++] = version;
    return TROTH_OK;
}

/* Notes where decisions and rulings stand. Of what was ruled more than once the ruling counts that
 * was no refusal. */
static void note_ids(struct troth_export_file *file)
{
    file->decisions_by_id = json_object();
    file->rulings_by_id = json_object();
    for (size_t i = 0; i < file->count; i++) {
        const struct troth_export_line *line = &file->lines[i];
        const json_t *ruling = json_object_get(line->object, "ruling");
        if (line->kind == TROTH_LINE_DECISION) {
            json_object_set_new(file->decisions_by_id,
                                troth_export_text(json_object_get(line->object, "decision"), "id"),
                                json_integer((json_int_t)i));
        } else if (line->kind == TROTH_LINE_RULING) {
            const char *id = troth_export_text(ruling, "decision");
            if (json_object_get(file->rulings_by_id, id) == NULL ||
                strcmp(troth_export_text(ruling, "ruling"), "applied") == 0) {
                json_object_set_new(file->rulings_by_id, id, json_integer((json_int_t)i));
            }
        }
    }
}

troth_status troth_export_file_read(struct troth_export_file *file, const char *text, size_t length,
                                    struct troth_export_report *report)
{
    const char *line = NULL;
    size_t at = 0;
    size_t lines = 0;
    memset(file, 0, sizeof *file);
    while (troth_chain_next(text, length, &at, &line) > 0) {
        lines++;
    }
    if (lines < 2) {
        troth_export_wrong(report, TROTH_EXPORT_FORM, "there is nothing in it");
        return TROTH_INVALID;
    }
    file->lines = calloc(lines, sizeof *file->lines);
    if (file->lines == NULL) {
        return TROTH_NO_MEMORY;
    }
    troth_status status = read_lines(file, text, length, lines - 1, report);
    troth_export_looked(report, TROTH_EXPORT_CONTRACTS, 0);
    for (size_t i = 0; i < file->count && status == TROTH_OK; i++) {
        if (file->lines[i].kind == TROTH_LINE_CONTRACT) {
            status = read_contract(file, &file->lines[i], report);
        }
    }
    note_ids(file);
    return status;
}

void troth_export_file_fini(struct troth_export_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        json_decref(file->lines[i].object);
    }
    for (size_t i = 0; i < file->version_count; i++) {
        free(file->versions[i]);
    }
    free(file->lines);
    json_decref(file->head);
    json_decref(file->decisions_by_id);
    json_decref(file->rulings_by_id);
    memset(file, 0, sizeof *file);
}

const struct troth_export_version *troth_export_find_version(const struct troth_export_file *file,
                                                             const char *name, int64_t version)
{
    for (size_t i = 0; i < file->version_count; i++) {
        const struct troth_contract *contract = &file->versions[i]->contract;
        if (name != NULL && contract->version == version && strcmp(contract->name, name) == 0) {
            return file->versions[i];
        }
    }
    return NULL;
}

const struct troth_export_line *troth_export_find_line(const struct troth_export_file *file,
                                                       enum troth_export_kind kind, int64_t offset)
{
    size_t low = 0;
    size_t high = file->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct troth_export_line *line = &file->lines[middle];
        const bool before = stages[line->kind] < stages[kind] ||
                            (stages[line->kind] == stages[kind] && line->offset < offset);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    const struct troth_export_line *line = low < file->count ? &file->lines[low] : NULL;
    return line != NULL && stages[line->kind] == stages[kind] && line->offset == offset ? line
                                                                                        : NULL;
}

const struct troth_export_line *troth_export_find_id(const struct troth_export_file *file,
                                                     enum troth_export_kind kind, const char *id)
{
    const json_t *index = kind == TROTH_LINE_DECISION ? file->decisions_by_id : file->rulings_by_id;
    const json_t *place = json_object_get(index, id);
    return place != NULL ? &file->lines[json_integer_value(place)] : NULL;
}
