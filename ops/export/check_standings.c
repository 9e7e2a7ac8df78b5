/*
 * Standings: each is recounted from its record by the functions that the engine has, and must be
 * where the last change of rung left it: rung, since when, why, by which record, after how many
 * relapses. So the last change cannot be left out either.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "consumers/standing_record.h"
#include "ops/export/checks.h"
#include "ops/export/parts.h"

#define CHECK TROTH_EXPORT_STANDINGS

struct standing_check {
    const struct troth_export_line *line;
    const struct troth_export_walk *walk;
    struct troth_export_report *report;
    struct troth_snapshot snapshot;
    uint8_t bytes[TROTH_STANDING_LENGTH_MAX];
};

static void wrong(const struct standing_check *c, const char *what)
{
    troth_export_wrong(c->report, CHECK, "line %zu: %s: %s", c->line->number, c->walk->contract,
                       what);
}

static bool is_name(struct troth_text text, const char *name)
{
    return text.data != NULL && text.length == strlen(name) &&
           memcmp(text.data, name, text.length) == 0;
}

/* Its last cause, as the standing has it, against the last intervention. */
static void check_cause(const struct standing_check *c)
{
    const struct troth_snapshot *s = &c->snapshot;
    const struct troth_export_walk *walk = c->walk;
    const json_t *cause = json_object_get(walk->last, "cause");
    const char *term = troth_export_text(cause, "term");
    const bool named = s->cause_term < s->term_count;
    if (strcmp(troth_export_text(cause, "condition"), troth_condition_name(s->cause)) != 0 ||
        (named && !is_name(s->terms[s->cause_term].name, term))) {
        wrong(c, "its last change had another cause than the last one in the file");
    }
    /* In a new era the offsets of the one before mean nothing, and are forgotten. */
    if (s->cause_offset >= 0 &&
        (s->cause_offset != walk->cause_offset || s->ordinal != walk->ordinal)) {
        wrong(c, "its last change came of another record than the last one in the file");
    }
}

static void check_place(const struct standing_check *c)
{
    const struct troth_snapshot *s = &c->snapshot;
    const struct troth_export_walk *walk = c->walk;
    if (s->rung != walk->rung || s->since_us != walk->since_us) {
        troth_export_wrong(c->report, CHECK,
                           "line %zu: %s is at %s since %" PRId64
                           ", and the last change left it at %s at %" PRId64
                           ": changes are left out",
                           c->line->number, walk->contract, troth_rung_name(s->rung), s->since_us,
                           troth_rung_name((unsigned)walk->rung), walk->since_us);
        return;
    }
    if (walk->last != NULL) {
        check_cause(c);
    } else if (s->cause != TROTH_CONDITION_NONE && walk->from_the_start) {
        wrong(c, "it has changed its rung, and no change is in the file");
    }
    if (walk->relapses >= 0 && s->relapses != walk->relapses) {
        wrong(c, "it has relapsed another number of times: changes are left out");
    }
    if (walk->left_known && s->left_us != walk->left_us) {
        wrong(c, "it left narrow, review or pause at another time: changes are left out");
    }
}

/* Whether what the docket remembers of decisions that were ruled is in the file: the last ids, and
 * up to which offset those before were. */
static void check_docket(const struct troth_export_file *file, const struct standing_check *c)
{
    const struct troth_docket *docket = &c->snapshot.docket;
    char id[2 * TROTH_DECISION_ID_LENGTH + 1];
    for (unsigned k = 0; c->snapshot.docketed && k < docket->known_count; k++) {
        sodium_bin2hex(id, sizeof id, docket->known[k].id, sizeof docket->known[k].id);
        const struct troth_export_line *decision =
            troth_export_find_id(file, TROTH_LINE_DECISION, id);
        const bool ruled = troth_export_find_id(file, TROTH_LINE_RULING, id) != NULL;
        /* One of before the export begins is not in it, nor is one that has expired. */
        const bool older = file->since_us > 0 || docket->known[k].position < file->decisions.from;
        if ((decision == NULL && !older) || (decision != NULL && !ruled)) {
            troth_export_wrong(c->report, CHECK,
                               "line %zu: the docket remembers decision %s, and its %s is left out",
                               c->line->number, id, decision == NULL ? "record" : "ruling");
        }
    }
    for (size_t i = 0; c->snapshot.docketed && i < file->count; i++) {
        const struct troth_export_line *line = &file->lines[i];
        const json_t *decision = json_object_get(line->object, "decision");
        if (line->kind == TROTH_LINE_DECISION && line->offset <= docket->forgotten &&
            strcmp(troth_export_text(decision, "contract"), c->walk->contract) == 0 &&
            troth_export_find_id(file, TROTH_LINE_RULING, troth_export_text(decision, "id")) ==
                NULL) {
            troth_export_wrong(
                c->report, CHECK,
                "line %zu: it was ruled before others that the docket remembers, and "
                "its ruling is left out",
                line->number);
        }
    }
}

static void check_standing(const struct troth_export_file *file, struct standing_check *c)
{
    const json_t *object = json_object_get(c->line->object, "standing");
    const json_t *value = json_object_get(c->line->object, "value");
    size_t length = 0;
    if (json_is_null(value)) {
        troth_export_note(
            c->report, CHECK,
            "%s has no standing any more, or none was written down: nothing says that "
            "its last changes are there",
            c->walk->contract);
        return;
    }
    if (!troth_export_bytes(json_string_value(value), c->bytes, sizeof c->bytes, &length) ||
        troth_standing_decode(c->bytes, length, &c->snapshot) != TROTH_OK ||
        !is_name(c->snapshot.agent, file->agent) ||
        !is_name(c->snapshot.contract, c->walk->contract)) {
        wrong(c, "the record is none of this agent and contract");
        return;
    }
    const struct troth_export_version *version =
        troth_export_find_version(file, c->walk->contract, c->snapshot.contract_version);
    if (version == NULL) {
        wrong(c, "the file has no such version of its contract");
        return;
    }
    json_t *again = troth_export_standing_json(c->bytes, length, &version->rules, &c->snapshot);
    char *wanted = json_dumps(again, TROTH_REPORT_FLAGS);
    char *found = json_dumps(object, TROTH_REPORT_FLAGS);
    if (wanted == NULL || found == NULL || strcmp(wanted, found) != 0) {
        wrong(c, "recounted from its record it is another");
    }
    free(wanted);
    free(found);
    if (again != NULL) { /* else it is no standing's values at all */
        check_place(c);
        check_docket(file, c);
    }
    json_decref(again);
}

void troth_export_check_standings(const struct troth_export_file *file,
                                  const struct troth_export_walk *walks, size_t count,
                                  struct troth_export_report *report)
{
    struct standing_check *c = malloc(sizeof *c);
    troth_export_looked(report, CHECK, 0);
    if (c == NULL) {
        troth_export_wrong(report, CHECK, "no memory to look at them");
        return;
    }
    c->report = report;
    for (size_t w = 0; w < count; w++) {
        unsigned found = 0;
        c->walk = &walks[w];
        for (size_t i = 0; i < file->count; i++) {
            c->line = &file->lines[i];
            if (c->line->kind == TROTH_LINE_STANDING &&
                strcmp(troth_export_text(c->line->object, "contract"), walks[w].contract) == 0) {
                troth_export_looked(report, CHECK, 1);
                check_standing(file, c);
                found++;
            }
        }
        if (found != 1) {
            troth_export_wrong(report, CHECK, "%s has %u standings in the file, and must have one",
                               walks[w].contract, found);
        }
    }
    if (file->counts[TROTH_LINE_STANDING] != count) {
        troth_export_wrong(report, CHECK, "%zu standings for %zu beginnings",
                           file->counts[TROTH_LINE_STANDING], count);
    }
    free(c);
}
