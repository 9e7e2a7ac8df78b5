#include "ops/export/write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/export/parts.h"
#include "ops/version.h"

struct writing {
    struct troth_export_collection *collection;
    const struct troth_framing *framing;
    struct troth_chain *chain;
    struct troth_scratch scratch;
};

/* Appends an object, which is taken. */
static troth_status add(struct writing *w, json_t *object)
{
    char *text = object != NULL ? json_dumps(object, TROTH_REPORT_FLAGS) : NULL;
    const troth_status status =
        text != NULL ? troth_chain_add(w->chain, text, strlen(text)) : TROTH_NO_MEMORY;
    free(text);
    json_decref(object);
    return status;
}

static json_t *range_json(const struct troth_export_range *range)
{
    return json_pack("{s:s, s:I, s:I, s:I}", "topic", range->topic, "partition",
                     (json_int_t)range->partition, "from", (json_int_t)range->from, "until",
                     (json_int_t)range->until);
}

static troth_status write_head(struct writing *w, int64_t made_at_us)
{
    const struct troth_export_collection *c = w->collection;
    json_t *head = json_object();
    json_object_set_new(head, "export", json_integer(TROTH_EXPORT_FORMAT));
    json_object_set_new(head, "agent", json_string(c->agent));
    json_object_set_new(head, "contract", c->only != NULL ? json_string(c->only) : json_null());
    json_object_set_new(head, "since", json_integer(c->since_us));
    json_object_set_new(head, "era", json_integer(c->era));
    json_object_set_new(head, "telemetry", range_json(&c->telemetry));
    json_object_set_new(head, "interventions", range_json(&c->interventions));
    json_object_set_new(head, "decisions", range_json(&c->decisions));
    json_object_set_new(head, "contracts", range_json(&c->contracts));
    json_object_set_new(head, "standings", range_json(&c->standings));
    json_object_set_new(head, "framing", json_string(troth_framing_name(w->framing->accepted)));
    json_object_set_new(head, "made_at", json_integer(made_at_us));
    json_object_set_new(head, "made_by", json_string("troth " TROTH_VERSION));
    return add(w, head);
}

/* The contract stands in its canonical bytes; what stands around it is written as everywhere. */
static troth_status write_contract(struct writing *w, const struct troth_export_record *record)
{
    char *signatures = json_dumps(record->signatures, JSON_COMPACT);
    const size_t size = record->length + 256 + (signatures != NULL ? strlen(signatures) : 0);
    char *text = signatures != NULL ? malloc(size) : NULL;
    troth_status status = TROTH_NO_MEMORY;
    if (text != NULL) {
        const int length = snprintf(
            text, size,
            "{\"kind\":\"contract\",\"offset\":%" PRId64 ",\"signatures\":%s,\"contract\":%.*s}",
            record->offset, signatures, (int)record->length, (const char *)record->value);
        status = troth_chain_add(w->chain, text, (size_t)length);
    }
    free(signatures);
    free(text);
    return status;
}

static troth_status write_contracts(struct writing *w)
{
    troth_status status = TROTH_OK;
    for (size_t i = 0; i < w->collection->versions.count && status == TROTH_OK; i++) {
        status = write_contract(w, &w->collection->versions.items[i]);
    }
    return status;
}

static troth_status write_beginnings(struct writing *w)
{
    troth_status status = TROTH_OK;
    for (size_t i = 0; i < w->collection->subject_count && status == TROTH_OK; i++) {
        const struct troth_export_subject *subject = &w->collection->subjects[i];
        if (subject->because != NULL && subject->begin_rung >= 0) {
            status =
                add(w, json_pack("{s:s, s:s, s:s, s:I, s:s}", "kind", "beginning", "contract",
                                 subject->contract, "rung",
                                 troth_rung_name((unsigned)subject->begin_rung), "since",
                                 (json_int_t)subject->begin_since_us, "because", subject->because));
        }
    }
    return status;
}

static troth_status write_decisions(struct writing *w)
{
    troth_status status = TROTH_OK;
    for (size_t i = 0; i < w->collection->decided.count && status == TROTH_OK; i++) {
        const struct troth_export_record *record = &w->collection->decided.items[i];
        status =
            add(w, json_pack("{s:s, s:I, s:I, s:O, s:o, s:O}", "kind", "decision", "offset",
                             (json_int_t)record->offset, "timestamp",
                             (json_int_t)record->timestamp_us, "signatures", record->signatures,
                             "value", troth_export_base64(record->value, record->length),
                             "decision", record->object));
    }
    return status;
}

static troth_status write_told(struct writing *w)
{
    troth_status status = TROTH_OK;
    for (size_t i = 0; i < w->collection->told.count && status == TROTH_OK; i++) {
        const struct troth_export_record *record = &w->collection->told.items[i];
        const char *kind = record->ruling ? "ruling" : "intervention";
        json_t *object =
            json_pack("{s:s, s:I}", "kind", kind, "offset", (json_int_t)record->offset);
        if (!record->ruling) {
            json_object_set_new(object, "era", json_integer(record->era));
        }
        json_object_set(object, kind, record->object);
        status = add(w, object);
    }
    return status;
}

/* Of another agent's record, which moved the clock, no more than its hash goes into this file. */
static bool is_anothers(struct writing *w, const struct troth_export_record *record,
                        json_t **event_json)
{
    struct troth_event event;
    struct troth_reason reason;
    const size_t length = strlen(w->collection->agent);
    *event_json = NULL;
    if (troth_framing_decode(w->framing, record->value, record->length, &event, &w->scratch,
                             &reason) != TROTH_OK) {
        return true; /* a reject: nobody knows whose it is */
    }
    const bool own = event.kind == TROTH_KIND_TICK || event.kind == TROTH_KIND_POINTER ||
                     (event.agent.length == length &&
                      memcmp(event.agent.data, w->collection->agent, length) == 0);
    *event_json = own ? troth_export_event_json(&event) : NULL;
    return !own;
}

static troth_status write_witness(struct writing *w, const struct troth_export_record *record)
{
    json_t *event = NULL;
    char hash[65] = "";
    const bool expired = record->value == NULL;
    const bool others = !expired && is_anothers(w, record, &event);
    if (others) {
        troth_export_hash(record->value, record->length, hash);
    }
    json_t *object =
        json_pack("{s:s, s:I}", "kind", "telemetry", "offset", (json_int_t)record->offset);
    json_object_set_new(object, "timestamp",
                        expired ? json_null() : json_integer(record->timestamp_us));
    json_object_set_new(object, "because",
                        expired  ? json_string("expired")
                        : others ? json_string("another")
                                 : json_null());
    json_object_set_new(object, "hash", others ? json_string(hash) : json_null());
    json_object_set_new(object, "value",
                        expired || others ? json_null()
                                          : troth_export_base64(record->value, record->length));
    json_object_set_new(object, "event", event != NULL ? event : json_null());
    return add(w, object);
}

static troth_status write_witnesses(struct writing *w)
{
    troth_status status = TROTH_OK;
    for (size_t i = 0; i < w->collection->witnesses.count && status == TROTH_OK; i++) {
        status = write_witness(w, &w->collection->witnesses.items[i]);
    }
    return status;
}

/* ---- Standings. ---- */

/* Out rules: of the version, of which the record was kept. */
static bool make_rules(const struct troth_export_collection *c, const char *name, int64_t version,
                       struct troth_contract *contract, struct troth_rules *rules)
{
    static struct troth_problems problems;
    for (size_t i = 0; i < c->versions.count; i++) {
        const struct troth_export_record *record = &c->versions.items[i];
        if (troth_contract_parse((const char *)record->value, record->length, contract,
                                 &problems) == TROTH_OK &&
            contract->version == version && strcmp(contract->name, name) == 0) {
            troth_rules_init(rules, contract);
            return true;
        }
    }
    return false;
}

static troth_status write_standing(struct writing *w, const struct troth_export_subject *subject)
{
    static struct troth_contract contract;
    static struct troth_rules rules;
    static struct troth_snapshot snapshot;
    json_t *standing = NULL;
    if (subject->standing != NULL) {
        if (!make_rules(w->collection, subject->contract, subject->version, &contract, &rules)) {
            (void)snprintf(w->collection->error, sizeof w->collection->error,
                           "%s@%" PRId64 " is not in %.100s any more", subject->contract,
                           subject->version, w->collection->contracts.topic);
            return TROTH_NOT_FOUND;
        }
        standing = troth_export_standing_json(subject->standing, subject->standing_length, &rules,
                                              &snapshot);
    }
    return add(w, json_pack("{s:s, s:s, s:I, s:o, s:o}", "kind", "standing", "contract",
                            subject->contract, "offset",
                            (json_int_t)(subject->has_standing ? subject->standing_offset : -1),
                            "value",
                            subject->standing != NULL
                                ? troth_export_base64(subject->standing, subject->standing_length)
                                : json_null(),
                            "standing", standing != NULL ? standing : json_null()));
}

static troth_status write_standings(struct writing *w)
{
    troth_status status = TROTH_OK;
    for (size_t i = 0; i < w->collection->subject_count && status == TROTH_OK; i++) {
        const struct troth_export_subject *subject = &w->collection->subjects[i];
        if (subject->because != NULL && subject->begin_rung >= 0) {
            status = write_standing(w, subject);
        }
    }
    return status;
}

troth_status troth_export_write(struct troth_export_collection *collection,
                                const struct troth_framing *framing, int64_t made_at_us,
                                const struct troth_secret_key *secret, struct troth_chain *chain)
{
    troth_status (*const parts[])(struct writing *) = {write_contracts, write_beginnings,
                                                       write_decisions, write_told,
                                                       write_witnesses, write_standings};
    struct writing *w = malloc(sizeof *w);
    troth_status status = TROTH_NO_MEMORY;
    if (w != NULL) {
        w->collection = collection;
        w->framing = framing;
        w->chain = chain;
        status = write_head(w, made_at_us);
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == TROTH_OK; i++) {
        status = parts[i](w);
    }
    if (status == TROTH_OK) {
        status = troth_chain_sign(chain, secret);
    }
    if (status == TROTH_FULL) {
        troth_export_tell_full(collection);
    } else if (status == TROTH_NO_MEMORY) {
        (void)snprintf(collection->error, sizeof collection->error, "no memory");
    }
    free(w);
    return status;
}
