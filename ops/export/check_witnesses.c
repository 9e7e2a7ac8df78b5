/*
 * Witnesses: for each record that an intervention rests on, that it is in the file or said to have
 * expired, is what the file says of it, and, of those that are named for a term, breaks it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/export/checks.h"
#include "ops/export/parts.h"
#include "scoring/evidence.h"
#include "scoring/predicate.h"

#define CHECK TROTH_EXPORT_WITNESSES

struct witness_check {
    const struct troth_export_file *file;
    const struct troth_framing *framing;
    struct troth_export_report *report;
    struct troth_scratch scratch;
    size_t expired;
    uint8_t bytes[TROTH_EXPORT_VALUE_MAX];
};

static bool is_agent(const struct troth_export_file *file, struct troth_text name)
{
    return name.data != NULL && name.length == strlen(file->agent) &&
           memcmp(name.data, file->agent, name.length) == 0;
}

/* Decodes a record that is there. Returns whether it is an event. */
static bool decode(struct witness_check *c, const struct troth_export_line *line,
                   struct troth_event *event)
{
    struct troth_reason reason;
    size_t length = 0;
    return troth_export_bytes(troth_export_text(line->object, "value"), c->bytes, sizeof c->bytes,
                              &length) &&
           troth_framing_decode(c->framing, c->bytes, length, event, &c->scratch, &reason) ==
               TROTH_OK;
}

/* One line of telemetry by itself. */
static void check_line(struct witness_check *c, const struct troth_export_line *line)
{
    const char *because = troth_export_text(line->object, "because");
    const json_t *value = json_object_get(line->object, "value");
    const json_t *event_json = json_object_get(line->object, "event");
    const bool expired = json_is_null(value) && strcmp(because, "expired") == 0;
    c->expired += expired;
    troth_export_looked(c->report, CHECK, !expired);
    if (json_is_null(value)) {
        if (!expired && strcmp(because, "another") != 0) {
            troth_export_wrong(c->report, CHECK,
                               "line %zu: it does not say why the record is not "
                               "there",
                               line->number);
        }
        return;
    }
    struct troth_event event;
    if (!decode(c, line, &event)) {
        if (!json_is_null(event_json)) {
            troth_export_wrong(c->report, CHECK,
                               "line %zu: the record cannot be read; where its "
                               "writer's schema is not ours, give the configuration with its "
                               "`framing` and `schemas`",
                               line->number);
        }
        return;
    }
    json_t *again = troth_export_event_json(&event);
    if (again == NULL || !json_equal(again, event_json)) {
        troth_export_wrong(c->report, CHECK, "line %zu: the event is not what its record says",
                           line->number);
    }
    if (event.kind != TROTH_KIND_TICK && event.kind != TROTH_KIND_POINTER &&
        !is_agent(c->file, event.agent)) {
        troth_export_wrong(c->report, CHECK, "line %zu: it is of another agent", line->number);
    }
    json_decref(again);
}

/* Whether an event speaks against the agent, for the term. Of completeness no record alone tells.
 */
static bool breaks(const struct troth_export_version *version, unsigned term,
                   const struct troth_event *event, const struct troth_export_line *line)
{
    const struct troth_rules *rules = &version->rules;
    const struct troth_moment moment = {
        .at_us = event->at_us, .offset = line->offset, .signature = troth_event_signature(event)};
    const bool reaches =
        event->source == TROTH_SOURCE_SELF || event->contract.data == NULL ||
        (event->contract.length == strlen(version->contract.name) &&
         memcmp(event->contract.data, version->contract.name, event->contract.length) == 0);
    return reaches && ((rules->complete_mask >> term & 1) ||
                       troth_evidence_breaks(rules, term, event, &moment) > 0);
}

static void check_witness(struct witness_check *c, const struct troth_export_line *told,
                          const struct troth_export_version *version, unsigned term, int64_t offset)
{
    const struct troth_export_line *line =
        troth_export_find_line(c->file, TROTH_LINE_TELEMETRY, offset);
    struct troth_event event;
    if (line == NULL) {
        troth_export_wrong(c->report, CHECK,
                           "line %zu: its witness at offset %" PRId64 " is left out", told->number,
                           offset);
        return;
    }
    if (term == TROTH_NO_TERM ||
        strcmp(troth_export_text(line->object, "because"), "expired") == 0) {
        return;
    }
    if (json_is_null(json_object_get(line->object, "value")) || !decode(c, line, &event) ||
        !is_agent(c->file, event.agent) || !breaks(version, term, &event, line)) {
        troth_export_wrong(c->report, CHECK,
                           "line %zu: the record at offset %" PRId64 " does not break %s",
                           told->number, offset, version->contract.terms[term].name);
    }
}

/* The first is whatever record it came with; the others broke the term. */
static void check_intervention(struct witness_check *c, const struct troth_export_line *line)
{
    const json_t *record = json_object_get(line->object, "intervention");
    const struct troth_export_version *version =
        troth_export_find_version(c->file, troth_export_text(record, "contract"),
                                  troth_export_integer(record, "contract_version"));
    struct troth_intervention told;
    struct troth_decision decision;
    /* Of another era's log nothing is left to be named. */
    if (version == NULL || troth_export_integer(line->object, "era") != c->file->era ||
        !troth_export_read_told(record, &version->rules, &told, &decision)) {
        return;
    }
    check_witness(c, line, version, TROTH_NO_TERM, told.cause_offset);
    for (unsigned i = 0; i < told.witness_count; i++) {
        if (told.witness_offsets[i] >= told.cause_offset) {
            troth_export_wrong(c->report, CHECK, "line %zu: a witness stands after what it caused",
                               line->number);
        }
        check_witness(c, line, version, told.cause.term, told.witness_offsets[i]);
    }
}

void troth_export_check_witnesses(const struct troth_export_file *file,
                                  const struct troth_framing *framing,
                                  struct troth_export_report *report)
{
    struct witness_check *c = malloc(sizeof *c);
    troth_export_looked(report, CHECK, 0);
    if (c == NULL) {
        troth_export_wrong(report, CHECK, "no memory to look at them");
        return;
    }
    c->file = file;
    c->framing = framing;
    c->report = report;
    c->expired = 0;
    for (size_t i = 0; i < file->count; i++) {
        if (file->lines[i].kind == TROTH_LINE_TELEMETRY) {
            check_line(c, &file->lines[i]);
        } else if (file->lines[i].kind == TROTH_LINE_INTERVENTION) {
            check_intervention(c, &file->lines[i]);
        }
    }
    if (c->expired > 0) {
        troth_export_note(report, CHECK, "%zu more had expired when the export was made",
                          c->expired);
    }
    free(c);
}
