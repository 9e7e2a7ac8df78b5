/*
 * The interventions and rulings of a file, in turn: each intervention is made again of its parts by
 * the functions that the engine has, and must come out the same to the byte.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/export/checks.h"
#include "ops/export/parts.h"
#include "schemas/decision.h"

#define CHECK TROTH_EXPORT_INTERVENTIONS

/* ---- Beginnings. ---- */

static bool begin_walk(const struct troth_export_file *file, const struct troth_export_line *line,
                       struct troth_export_walk *walk, struct troth_export_report *report)
{
    const char *contract = troth_export_text(line->object, "contract");
    const char *name = troth_export_text(line->object, "rung");
    const char *because = troth_export_text(line->object, "because");
    const int rung = troth_rung_find(name, strlen(name));
    const bool is_new = strcmp(because, "new") == 0;
    const int64_t since_us = troth_export_integer(line->object, "since");
    *walk = (struct troth_export_walk){.contract = contract,
                                       .since_us = since_us,
                                       .began_us = since_us,
                                       .left_us = TROTH_NEVER_US,
                                       .cause_offset = -1,
                                       .moment_us = TROTH_NEVER_US,
                                       .rung = rung,
                                       .relapses = is_new ? 0 : -1,
                                       .left_known = is_new,
                                       .from_the_start = is_new};
    if (rung < 0 || since_us < 0 || (is_new && rung != TROTH_RUNG_RECERTIFY)) {
        troth_export_wrong(report, TROTH_EXPORT_CONTINUITY,
                           "line %zu: %s cannot begin so; a new standing begins in recertify",
                           line->number, contract);
        return false;
    }
    if (strcmp(because, "expired") == 0 && file->interventions.from == 0 && file->era == 1) {
        troth_export_wrong(report, TROTH_EXPORT_CONTINUITY,
                           "line %zu: what %s was before cannot have expired: %s kept all",
                           line->number, contract, file->interventions.topic);
    } else if (strcmp(because, "expired") == 0) {
        troth_export_note(report, TROTH_EXPORT_CONTINUITY,
                          "what %s was before %" PRId64
                          " has expired: %s keeps from offset %" PRId64 " on",
                          contract, since_us, file->interventions.topic, file->interventions.from);
    } else if (strcmp(because, "since") != 0 && !is_new) {
        troth_export_wrong(report, TROTH_EXPORT_CONTINUITY,
                           "line %zu: it does not say why %s begins there", line->number, contract);
    } else if (!is_new && file->since_us == 0) {
        troth_export_wrong(report, TROTH_EXPORT_CONTINUITY,
                           "line %zu: %s does not begin with the standing, though the export says "
                           "that it tells all",
                           line->number, contract);
    }
    return true;
}

static struct troth_export_walk *find_walk(struct troth_export_walk *walks, size_t count,
                                           const char *contract)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(walks[i].contract, contract) == 0) {
            return &walks[i];
        }
    }
    return NULL;
}

static size_t begin_walks(const struct troth_export_file *file, struct troth_export_report *report,
                          struct troth_export_walk *walks)
{
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct troth_export_line *line = &file->lines[i];
        if (line->kind != TROTH_LINE_BEGINNING) {
            continue;
        }
        const char *contract = troth_export_text(line->object, "contract");
        if (count == TROTH_EXPORT_STANDINGS_MAX || find_walk(walks, count, contract) != NULL) {
            troth_export_wrong(report, TROTH_EXPORT_CONTINUITY,
                               "line %zu: one contract too many, or one that begins twice",
                               line->number);
        } else if (begin_walk(file, line, &walks[count], report)) {
            count++;
        }
    }
    return count;
}

/* ---- Interventions. ---- */

enum { KEY_LENGTH = 64 };

/* Out key: the first member of the one that is another in the other. */
static void find_difference(const json_t *wanted, const json_t *found, char key[KEY_LENGTH])
{
    json_t *object = (json_t *)(uintptr_t)wanted; /* jansson's iterators are of what may change */
    (void)snprintf(key, KEY_LENGTH, "the order of its members");
    for (void *place = json_object_iter(object); place != NULL;
         place = json_object_iter_next(object, place)) {
        const json_t *value = json_object_get(found, json_object_iter_key(place));
        if (value == NULL || !json_equal(value, json_object_iter_value(place))) {
            (void)snprintf(key, KEY_LENGTH, "%s", json_object_iter_key(place));
            return;
        }
    }
}

/* Whether it comes out the same. Out key: else, where it does not. */
static bool is_same(const struct troth_export_file *file, const struct troth_export_line *line,
                    const struct troth_intervention *told, char key[KEY_LENGTH])
{
    const json_t *record = json_object_get(line->object, "intervention");
    const struct troth_report_origin origin = {file->telemetry.topic, file->telemetry.partition,
                                               troth_export_integer(line->object, "era")};
    json_t *again = troth_report_intervention(&origin, told);
    char *wanted = json_dumps(again, TROTH_REPORT_FLAGS);
    char *found = json_dumps(record, TROTH_REPORT_FLAGS);
    const bool same = wanted != NULL && found != NULL && strcmp(wanted, found) == 0;
    if (!same) {
        find_difference(again, record, key);
    }
    free(wanted);
    free(found);
    json_decref(again);
    return same;
}

/* The ordinal among those that the same record caused. Of the first in a file that does not begin
 * with the standing others may have come before. */
static void check_same(const struct troth_export_file *file, struct troth_export_walk *walk,
                       const struct troth_export_line *line, struct troth_intervention *told,
                       struct troth_export_report *report)
{
    const bool goes_on = walk->last != NULL && told->cause_offset == walk->cause_offset &&
                         troth_export_integer(line->object, "era") == walk->era;
    char key[KEY_LENGTH];
    told->ordinal = goes_on ? walk->ordinal : 0;
    bool same = is_same(file, line, told, key);
    const bool may_follow = walk->last == NULL && !walk->from_the_start;
    if (!same && may_follow && strcmp(key, "id") == 0) {
        for (told->ordinal = 1; told->ordinal < TROTH_ORDINAL_MAX && !same; told->ordinal++) {
            same = is_same(file, line, told, key);
        }
        told->ordinal -= same;
    }
    walk->ordinal = told->ordinal + 1;
    if (!same) {
        troth_export_wrong(report, CHECK, "line %zu: made again of its parts it differs in %s",
                           line->number, key);
    }
}

static void check_score(const struct troth_export_line *line, const struct troth_intervention *told,
                        struct troth_export_report *report)
{
    const double product = 1000.0 * told->score.compliance * told->score.freshness;
    const int score = told->to == TROTH_RUNG_PAUSE || !(product >= 0) || product > 1000
                          ? 0
                          : (int)(product + 0.5);
    if (told->score.score != score) {
        troth_export_wrong(report, CHECK,
                           "line %zu: its score is %d, by compliance and freshness %d",
                           line->number, told->score.score, score);
    }
}

static bool is_ours(const struct troth_export_file *file, const json_t *record)
{
    return strcmp(troth_export_text(record, "agent"), file->agent) == 0 &&
           (file->only == NULL || strcmp(troth_export_text(record, "contract"), file->only) == 0);
}

static void take_intervention(const struct troth_export_file *file,
                              const struct troth_export_line *line, struct troth_export_walk *walk,
                              struct troth_export_report *report)
{
    const json_t *record = json_object_get(line->object, "intervention");
    const struct troth_export_version *version =
        troth_export_find_version(file, troth_export_text(record, "contract"),
                                  troth_export_integer(record, "contract_version"));
    struct troth_intervention told;
    struct troth_decision decision;
    troth_export_looked(report, CHECK, 1);
    if (walk == NULL || version == NULL) {
        troth_export_wrong(report, CHECK, "line %zu: the file has no %s of its contract",
                           line->number, walk == NULL ? "beginning" : "such version");
        return;
    }
    if (!troth_export_read_told(record, &version->rules, &told, &decision)) {
        troth_export_wrong(report, CHECK,
                           "line %zu: it names a rung, a condition, a term or a time that there is "
                           "not",
                           line->number);
        return;
    }
    check_same(file, walk, line, &told, report);
    check_score(line, &told, report);
    troth_export_check_cause(line, version, &told, report);
    troth_export_walk_change(file, walk, line, version, &told, report);
}

size_t troth_export_check_told(const struct troth_export_file *file,
                               struct troth_export_report *report, struct troth_export_walk *walks)
{
    const size_t count = begin_walks(file, report, walks);
    troth_export_looked(report, CHECK, 0);
    troth_export_looked(report, TROTH_EXPORT_CAUSES, 0);
    troth_export_looked(report, TROTH_EXPORT_CONTINUITY, 0);
    troth_export_looked(report, TROTH_EXPORT_HOLDS, 0);
    for (size_t i = 0; i < file->count; i++) {
        const struct troth_export_line *line = &file->lines[i];
        const bool ruling = line->kind == TROTH_LINE_RULING;
        if (!ruling && line->kind != TROTH_LINE_INTERVENTION) {
            continue;
        }
        const json_t *record = json_object_get(line->object, ruling ? "ruling" : "intervention");
        struct troth_export_walk *walk =
            find_walk(walks, count, troth_export_text(record, "contract"));
        if (!is_ours(file, record)) {
            troth_export_wrong(report, CHECK, "line %zu: it is of another agent or contract",
                               line->number);
        } else if (!ruling) {
            take_intervention(file, line, walk, report);
        } else if (walk != NULL) {
            troth_export_walk_ruling(walk, line, report);
        }
    }
    return count;
}
