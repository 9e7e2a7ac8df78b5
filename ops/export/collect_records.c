/*
 * The interventions and rulings of an agent, from where the export begins to what its standings
 * know; then the decisions, the contracts and the witnesses that these name.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/decision_record.h"
#include "ops/export/collect.h"
#include "ops/export/parts.h"
#include "schemas/export_chain.h"

enum { ORDINALS_TRIED = 64 };

static int rung_of(const json_t *object, const char *key)
{
    const char *name = troth_export_text(object, key);
    return troth_rung_find(name, strlen(name));
}

/* ---- Interventions and rulings. ---- */

static int64_t cause_offset(const json_t *object)
{
    return troth_export_integer(json_array_get(json_object_get(object, "witnesses"), 0), "offset");
}

static bool is_in_place(const json_t *object, bool ruling)
{
    return ruling && strcmp(troth_export_text(object, "action"), "recertify") == 0 &&
           strcmp(troth_export_text(object, "ruling"), "unchanged") == 0 &&
           rung_of(object, "to") == TROTH_RUNG_RECERTIFY;
}

/* What is from before the export begins: where it left the standing. */
static void pass_over(struct troth_export_subject *subject, const json_t *object, bool ruling)
{
    if (!ruling) {
        subject->begin_rung = rung_of(object, "to");
        subject->begin_since_us = troth_export_integer(object, "decided_at");
        subject->because = "since";
    } else if (is_in_place(object, ruling)) {
        subject->begin_rung = TROTH_RUNG_RECERTIFY;
        subject->begin_since_us = troth_export_integer(object, "decided_at");
        subject->because = "since";
    }
}

/* The first intervention that is told says where it begins, if none before it did. */
static void begin(struct troth_export_subject *subject, const json_t *object)
{
    if (subject->because != NULL) {
        return;
    }
    subject->begin_rung = rung_of(object, "from");
    subject->begin_since_us = troth_export_integer(object, "from_since");
    subject->because = subject->begin_rung == TROTH_RUNG_RECERTIFY ? "new" : "expired";
}

/* Whether a standing knows of what was told: else the export is of before it. */
static bool is_known(const struct troth_export_subject *subject, const json_t *object, bool ruling)
{
    if (!subject->has_standing || subject->ended) {
        return true;
    }
    return ruling ? troth_export_integer(object, "decided_at") <= subject->clock_us
                  : cause_offset(object) <= subject->true_until ||
                        troth_export_integer(object, "decided_at") <= subject->since_us;
}

/* Notes what is told, which may come again where delivery is at least once, and the decision that
 * it rules. */
static void note_told(struct troth_export_collection *c, const json_t *object)
{
    const char *decision = json_string_value(json_object_get(object, "decision"));
    json_object_set_new(c->ids, troth_export_text(object, "id"), json_true());
    if (decision != NULL) {
        json_object_set_new(c->named, decision, json_true());
    }
}

/* Out era: whose log the intervention's record stands in, told by its id. */
static int64_t find_era(const struct troth_export_collection *c,
                        struct troth_export_subject *subject, const json_t *object)
{
    static struct troth_contract named;
    char id[TROTH_ID_LENGTH + 1];
    const int64_t cause = cause_offset(object);
    const bool goes_on = cause == subject->cause_offset;
    const unsigned first = goes_on ? subject->ordinal + 1 : 0;
    struct troth_intervention told = {
        .agent = troth_text_of(c->agent), .contract = &named, .cause_offset = cause};
    (void)snprintf(named.name, sizeof named.name, "%s", subject->contract);
    subject->cause_offset = cause;
    for (int64_t era = c->era; era >= 1 && c->era - era < TROTH_EXPORT_ERAS_MAX; era--) {
        const struct troth_report_origin origin = {c->telemetry.topic, c->telemetry.partition, era};
        for (told.ordinal = first; told.ordinal < first + ORDINALS_TRIED; told.ordinal++) {
            troth_report_id(&origin, &told, id);
            if (strcmp(id, troth_export_text(object, "id")) == 0) {
                subject->ordinal = told.ordinal;
                return era;
            }
        }
    }
    subject->ordinal = first;
    return c->era;
}

static void note_version(struct troth_export_subject *subject, int64_t version)
{
    if (version <= 0) {
        return;
    }
    if (subject->version_low == 0 || version < subject->version_low) {
        subject->version_low = version;
    }
    subject->version_high = version > subject->version_high ? version : subject->version_high;
}

/* Keeps what was told; the object is taken. */
static bool keep_told(struct troth_export_collection *c, struct troth_export_subject *subject,
                      const rd_kafka_message_t *message, json_t *object, bool ruling)
{
    struct troth_export_record *kept =
        c->bytes + message->len <= TROTH_EXPORT_LENGTH_MAX
            ? troth_export_keep(c, &c->told, message->offset, NULL, 0)
            : NULL;
    if (kept == NULL) {
        json_decref(object);
        troth_export_tell_full(c);
        return false;
    }
    c->bytes += message->len;
    kept->object = object;
    kept->ruling = ruling;
    if (!ruling) {
        begin(subject, object);
        kept->era = find_era(c, subject, object);
        note_version(subject, troth_export_integer(object, "contract_version"));
    }
    return true;
}

static bool take_told(void *context, const rd_kafka_message_t *message)
{
    struct troth_export_collection *c = context;
    bool ruling = false;
    if (!troth_export_is_of(c, message) || message->payload == NULL) {
        return true;
    }
    json_t *object = json_loadb(message->payload, message->len, JSON_REJECT_DUPLICATES, NULL);
    if (object == NULL || !troth_export_is_told(object, c->only, &ruling) ||
        json_object_get(c->ids, troth_export_text(object, "id")) != NULL) {
        json_decref(object);
        return true;
    }
    struct troth_export_subject *subject =
        troth_export_subject(c, troth_export_text(object, "contract"));
    if (subject == NULL) {
        json_decref(object);
        return false;
    }
    if (!is_known(subject, object, ruling)) {
        c->interventions.until = message->offset; /* what follows is of after the standing */
        json_decref(object);
        return false;
    }
    if (troth_export_integer(object, "decided_at") < c->since_us) {
        pass_over(subject, object, ruling);
        json_decref(object);
        return true;
    }
    note_told(c, object);
    return keep_told(c, subject, message, object, ruling);
}

/* Where no intervention says where it begins, the standing does. */
static void begin_by_standing(struct troth_export_subject *subject)
{
    note_version(subject, subject->version);
    if (subject->because != NULL || subject->standing == NULL) {
        return;
    }
    subject->begin_rung = subject->rung;
    subject->begin_since_us = subject->since_us;
    subject->because = subject->rung == TROTH_RUNG_RECERTIFY ? "new" : "expired";
}

troth_status troth_export_collect_told(struct troth_export_collection *collection)
{
    troth_status status =
        troth_export_open_range(collection, 1, "telemetry", true, &collection->telemetry);
    if (status == TROTH_OK) {
        status = troth_export_open_range(collection, 2, "interventions", true,
                                         &collection->interventions);
    }
    if (status == TROTH_OK) {
        status = troth_export_scan(collection, &collection->interventions, take_told);
    }
    for (size_t i = 0; i < collection->subject_count; i++) {
        begin_by_standing(&collection->subjects[i]);
    }
    return status;
}

/* ---- Decisions. ---- */

static bool take_decision(void *context, const rd_kafka_message_t *message)
{
    struct troth_export_collection *c = context;
    struct troth_decision decision;
    if (!troth_export_is_of(c, message) || message->payload == NULL ||
        troth_decision_decode(message->payload, message->len, &decision) != TROTH_OK) {
        return true;
    }
    json_t *object = troth_export_decision_json(&decision);
    const bool ours =
        c->only == NULL || strcmp(troth_export_text(object, "contract"), c->only) == 0;
    const bool late = troth_export_time_us(message) >= c->since_us;
    const bool named = json_object_get(c->named, troth_export_text(object, "id")) != NULL;
    if (!ours || (!late && !named)) {
        json_decref(object);
        return true;
    }
    struct troth_export_record *kept =
        troth_export_keep(c, &c->decided, message->offset, message->payload, message->len);
    if (kept == NULL) {
        json_decref(object);
        return false;
    }
    kept->object = object;
    kept->timestamp_us = troth_export_time_us(message);
    kept->signatures = troth_export_signatures(message);
    return true;
}

troth_status troth_export_collect_decisions(struct troth_export_collection *collection)
{
    const troth_status status =
        troth_export_open_range(collection, 3, "decisions", false, &collection->decisions);
    return status != TROTH_OK
               ? status
               : troth_export_scan(collection, &collection->decisions, take_decision);
}

/* ---- Contracts. ---- */

/* Reads a key `contract@version`. Returns what is known of it, or NULL: it is not wanted. */
static struct troth_export_subject *find_version(struct troth_export_collection *c,
                                                 const rd_kafka_message_t *message)
{
    char key[TROTH_NAME_LENGTH_MAX + 32];
    if (message->key == NULL || message->payload == NULL || message->key_len >= sizeof key) {
        return NULL;
    }
    memcpy(key, message->key, message->key_len);
    key[message->key_len] = '\0';
    char *at = strchr(key, '@');
    if (at == NULL) {
        return NULL;
    }
    *at = '\0';
    const int64_t version = strtoll(at + 1, NULL, 10);
    for (size_t i = 0; i < c->subject_count; i++) {
        struct troth_export_subject *subject = &c->subjects[i];
        if (strcmp(subject->contract, key) == 0 && version >= subject->version_low &&
            version <= subject->version_high) {
            return subject;
        }
    }
    return NULL;
}

/* Keeps the first record of each version, as the engine does: what says otherwise later is refused.
 */
static bool take_contract(void *context, const rd_kafka_message_t *message)
{
    static struct troth_contract contract;
    static struct troth_problems problems;
    static char text[TROTH_CONTRACT_LENGTH_MAX];
    struct troth_export_collection *c = context;
    size_t length = 0;
    if (find_version(c, message) == NULL ||
        troth_contract_parse(message->payload, message->len, &contract, &problems) != TROTH_OK ||
        troth_contract_write(&contract, text, sizeof text, &length) != TROTH_OK) {
        return true;
    }
    for (size_t i = 0; i < c->versions.count; i++) {
        const struct troth_export_record *kept = &c->versions.items[i];
        if (kept->length == length && memcmp(kept->value, text, length) == 0) {
            return true;
        }
    }
    if (c->versions.count == TROTH_EXPORT_VERSIONS_MAX) {
        (void)snprintf(c->error, sizeof c->error,
                       "more than %d versions of contracts; export less with --contract or --since",
                       TROTH_EXPORT_VERSIONS_MAX);
        return false;
    }
    struct troth_export_record *kept =
        troth_export_keep(c, &c->versions, message->offset, text, length);
    if (kept == NULL) {
        return false;
    }
    kept->signatures = troth_export_signatures(message);
    return true;
}

troth_status troth_export_collect_contracts(struct troth_export_collection *collection)
{
    const troth_status status =
        troth_export_open_range(collection, 4, "contracts", false, &collection->contracts);
    return status != TROTH_OK
               ? status
               : troth_export_scan(collection, &collection->contracts, take_contract);
}

/* ---- Witnesses. ---- */

static int by_offset(const void *a, const void *b)
{
    const struct troth_export_record *left = a;
    const struct troth_export_record *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

/* Lists the records that interventions of the log's present era name, each once. */
static bool list_witnesses(struct troth_export_collection *c)
{
    for (size_t i = 0; i < c->told.count; i++) {
        const struct troth_export_record *told = &c->told.items[i];
        const json_t *witnesses = json_object_get(told->object, "witnesses");
        for (size_t w = 0; told->era == c->era && w < json_array_size(witnesses); w++) {
            const int64_t offset = troth_export_integer(json_array_get(witnesses, w), "offset");
            if (troth_export_keep(c, &c->witnesses, offset, NULL, 0) == NULL) {
                return false;
            }
        }
    }
    if (c->witnesses.count == 0) {
        return true;
    }
    qsort(c->witnesses.items, c->witnesses.count, sizeof *c->witnesses.items, by_offset);
    size_t kept = 1;
    for (size_t i = 1; i < c->witnesses.count; i++) {
        if (c->witnesses.items[i].offset != c->witnesses.items[kept - 1].offset) {
            c->witnesses.items[kept++] = c->witnesses.items[i];
        }
    }
    c->witnesses.count = kept;
    return true;
}

struct reading {
    struct troth_export_collection *collection;
    struct troth_export_record *record;
};

static bool take_witness(void *context, const rd_kafka_message_t *message)
{
    struct reading *reading = context;
    reading->record->timestamp_us = troth_export_time_us(message);
    if (message->payload != NULL) {
        (void)troth_export_keep_value(reading->collection, reading->record, message->payload,
                                      message->len);
    }
    return false;
}

troth_status troth_export_collect_witnesses(struct troth_export_collection *collection)
{
    struct troth_export_collection *c = collection;
    /* What the standings know of was in the log by then. */
    const troth_status opened = troth_export_open_range(c, 1, "telemetry", true, &c->telemetry);
    if (opened != TROTH_OK || !list_witnesses(c)) {
        return opened != TROTH_OK ? opened : TROTH_FULL;
    }
    for (size_t i = 0; i < c->witnesses.count; i++) {
        struct reading reading = {c, &c->witnesses.items[i]};
        const int64_t offset = reading.record->offset;
        if (offset < c->telemetry.from || offset >= c->telemetry.until) {
            continue;
        }
        const troth_status status =
            troth_scan_read(&c->scan, c->telemetry.topic, c->telemetry.partition, offset,
                            offset + 1, take_witness, &reading);
        if (status != TROTH_OK) {
            (void)snprintf(c->error, sizeof c->error, "%s", c->scan.error);
            return status;
        }
    }
    return c->error[0] != '\0' ? TROTH_FULL : TROTH_OK;
}
