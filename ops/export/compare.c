#include "ops/export/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/decision_record.h"
#include "ops/export/collect.h"
#include "ops/export/parts.h"

#define CHECK TROTH_EXPORT_KAFKA

/* One topic at a time. */
struct comparison {
    const struct troth_export_file *file;
    struct troth_export_report *report;
    const struct troth_export_range *range;
    const struct troth_export_line *line; /* the one that is looked for */
    struct troth_scan scan;
    json_t *ids;   /* of the interventions and rulings in the file: a set */
    json_t *named; /* of decisions that rulings name: a set */
    uint8_t *seen; /* by line: it was found */
    uint64_t same;
    uint64_t gone; /* not there any more */
};

static void differs(struct comparison *c, const struct troth_export_line *line, const char *what)
{
    troth_export_wrong(c->report, CHECK, "line %zu: %.100s[%" PRId32 "] offset %" PRId64 " %s",
                       line->number, c->range->topic, c->range->partition, line->offset, what);
}

static void left_out(struct comparison *c, const rd_kafka_message_t *message)
{
    troth_export_wrong(c->report, CHECK,
                       "%.100s[%" PRId32 "] offset %" PRId64 " is of the agent, and is left out",
                       c->range->topic, c->range->partition, message->offset);
}

static bool is_of_agent(const struct comparison *c, const rd_kafka_message_t *message)
{
    return message->key != NULL && message->key_len == strlen(c->file->agent) &&
           memcmp(message->key, c->file->agent, message->key_len) == 0;
}

/* Marks a line as found, and says where it is another. */
static void mark(struct comparison *c, const struct troth_export_line *line, bool same)
{
    c->seen[line - c->file->lines] = 1;
    troth_export_looked(c->report, CHECK, 1);
    if (same) {
        c->same++;
    } else {
        differs(c, line, "is another in Kafka");
    }
}

/* ---- Interventions and rulings. ---- */

static bool same_json(const json_t *object, const rd_kafka_message_t *message)
{
    char *text = json_dumps(object, TROTH_REPORT_FLAGS);
    const bool same = text != NULL && strlen(text) == message->len &&
                      memcmp(text, message->payload, message->len) == 0;
    free(text);
    return same;
}

static bool take_told(void *context, const rd_kafka_message_t *message)
{
    struct comparison *c = context;
    bool ruling = false;
    if (!is_of_agent(c, message) || message->payload == NULL) {
        return true;
    }
    const struct troth_export_line *line =
        troth_export_find_line(c->file, TROTH_LINE_INTERVENTION, message->offset);
    if (line != NULL) {
        const json_t *object = line->object;
        mark(c, line,
             same_json(json_object_get(object, troth_export_text(object, "kind")), message));
        return true;
    }
    json_t *object = json_loadb(message->payload, message->len, 0, NULL);
    if (troth_export_is_told(object, c->file->only, &ruling) &&
        troth_export_integer(object, "decided_at") >= c->file->since_us &&
        json_object_get(c->ids, troth_export_text(object, "id")) == NULL) {
        left_out(c, message);
    }
    json_decref(object);
    return true;
}

/* ---- Decisions. ---- */

static bool same_bytes(const json_t *text, const rd_kafka_message_t *message)
{
    json_t *wanted = troth_export_base64(message->payload, message->len);
    const bool same = wanted != NULL && json_equal(wanted, text);
    json_decref(wanted);
    return same;
}

static bool same_signatures(const json_t *line, const rd_kafka_message_t *message)
{
    json_t *signatures = troth_export_signatures(message);
    const bool same = json_equal(signatures, json_object_get(line, "signatures"));
    json_decref(signatures);
    return same;
}

static bool take_decision(void *context, const rd_kafka_message_t *message)
{
    struct comparison *c = context;
    struct troth_decision decision;
    if (!is_of_agent(c, message) || message->payload == NULL ||
        troth_decision_decode(message->payload, message->len, &decision) != TROTH_OK) {
        return true;
    }
    const struct troth_export_line *line =
        troth_export_find_line(c->file, TROTH_LINE_DECISION, message->offset);
    if (line != NULL) {
        mark(c, line,
             same_bytes(json_object_get(line->object, "value"), message) &&
                 same_signatures(line->object, message) &&
                 troth_export_integer(line->object, "timestamp") == troth_export_time_us(message));
        return true;
    }
    json_t *object = troth_export_decision_json(&decision);
    const char *contract = troth_export_text(object, "contract");
    const bool ours = c->file->only == NULL || strcmp(contract, c->file->only) == 0;
    if (ours && (troth_export_time_us(message) >= c->file->since_us ||
                 json_object_get(c->named, troth_export_text(object, "id")) != NULL)) {
        left_out(c, message);
    }
    json_decref(object);
    return true;
}

/* ---- Records that are asked for one by one. ---- */

static bool take_contract(void *context, const rd_kafka_message_t *message)
{
    static struct troth_contract there;
    static struct troth_problems problems;
    struct comparison *c = context;
    bool same = message->payload != NULL &&
                troth_contract_parse(message->payload, message->len, &there, &problems) == TROTH_OK;
    if (same) {
        const struct troth_export_version *version =
            troth_export_find_version(c->file, there.name, there.version);
        same = version != NULL && version->offset == c->line->offset &&
               memcmp(&version->contract, &there, sizeof there) == 0;
    }
    mark(c, c->line, same && same_signatures(c->line->object, message));
    return false;
}

static bool take_witness(void *context, const rd_kafka_message_t *message)
{
    struct comparison *c = context;
    const json_t *line = c->line->object;
    const char *because = troth_export_text(line, "because");
    char hash[65];
    if (strcmp(because, "expired") == 0) {
        c->seen[c->line - c->file->lines] = 1;
        differs(c, c->line, "is said to have expired, and is there");
        return false;
    }
    const bool same_time = troth_export_integer(line, "timestamp") == troth_export_time_us(message);
    if (strcmp(because, "another") == 0) {
        troth_export_hash(message->payload, message->len, hash);
        mark(c, c->line, same_time && strcmp(hash, troth_export_text(line, "hash")) == 0);
    } else {
        mark(c, c->line, same_time && same_bytes(json_object_get(line, "value"), message));
    }
    return false;
}

static bool take_standing(void *context, const rd_kafka_message_t *message)
{
    struct comparison *c = context;
    const json_t *value = json_object_get(c->line->object, "value");
    mark(c, c->line, message->payload == NULL ? json_is_null(value) : same_bytes(value, message));
    return false;
}

/* ---- Topics. ---- */

/* Out low: of the range, or what the topic has lost since. Out high. */
static troth_status marks(struct comparison *c, const struct troth_export_range *range,
                          int64_t *low, int64_t *high)
{
    c->range = range;
    const troth_status status = troth_scan_reach(&c->scan, range->topic, NULL);
    return status != TROTH_OK
               ? status
               : troth_scan_marks(&c->scan, range->topic, range->partition, low, high);
}

/* Reads a range and says what of it is left out on either side. */
static troth_status compare_range(struct comparison *c, const struct troth_export_range *range,
                                  unsigned kind, unsigned or_kind, troth_scan_take *take)
{
    int64_t low = 0;
    int64_t high = 0;
    troth_status status = marks(c, range, &low, &high);
    if (status == TROTH_OK && high < range->until) {
        troth_export_wrong(c->report, CHECK,
                           "%.100s[%" PRId32 "] ends at %" PRId64 ", and the export has read it up "
                           "to %" PRId64 ": it is another Kafka, or the topic was made anew",
                           range->topic, range->partition, high, range->until);
    }
    low = low > range->from ? low : range->from;
    if (status == TROTH_OK) {
        status = troth_scan_read(&c->scan, range->topic, range->partition, low,
                                 high < range->until ? high : range->until, take, c);
    }
    for (size_t i = 0; i < c->file->count && status == TROTH_OK; i++) {
        const struct troth_export_line *line = &c->file->lines[i];
        if ((line->kind != kind && line->kind != or_kind) || c->seen[i]) {
            continue;
        }
        if (line->offset < low) {
            c->gone++;
        } else {
            differs(c, line, "is not there");
        }
    }
    return status;
}

/* Asks for each record of a kind. What is not there any more has expired, or was compacted. */
static troth_status compare_each(struct comparison *c, const struct troth_export_range *range,
                                 unsigned kind, troth_scan_take *take)
{
    int64_t low = 0;
    int64_t high = 0;
    troth_status status = marks(c, range, &low, &high);
    for (size_t i = 0; i < c->file->count && status == TROTH_OK; i++) {
        const struct troth_export_line *line = &c->file->lines[i];
        if (line->kind != kind || line->offset < 0) {
            continue;
        }
        c->line = line;
        if (line->offset >= low && line->offset < high) {
            status = troth_scan_read(&c->scan, range->topic, range->partition, line->offset,
                                     line->offset + 1, take, c);
        }
        c->gone += !c->seen[i];
    }
    return status;
}

static troth_status compare(struct comparison *c)
{
    const struct troth_export_file *file = c->file;
    troth_status status = compare_range(c, &file->interventions, TROTH_LINE_INTERVENTION,
                                        TROTH_LINE_RULING, take_told);
    if (status == TROTH_OK) {
        status = compare_range(c, &file->decisions, TROTH_LINE_DECISION, TROTH_LINE_DECISION,
                               take_decision);
    }
    if (status == TROTH_OK) {
        status = compare_each(c, &file->contracts, TROTH_LINE_CONTRACT, take_contract);
    }
    if (status == TROTH_OK) {
        status = compare_each(c, &file->telemetry, TROTH_LINE_TELEMETRY, take_witness);
    }
    if (status == TROTH_OK) {
        status = compare_each(c, &file->standings, TROTH_LINE_STANDING, take_standing);
    }
    return status;
}

static void note_ids(struct comparison *c)
{
    for (size_t i = 0; i < c->file->count; i++) {
        const json_t *line = c->file->lines[i].object;
        const bool ruling = c->file->lines[i].kind == TROTH_LINE_RULING;
        const json_t *told = json_object_get(line, ruling ? "ruling" : "intervention");
        json_object_set_new(c->ids, troth_export_text(told, "id"), json_true());
        if (ruling) {
            json_object_set_new(c->named, troth_export_text(told, "decision"), json_true());
        }
    }
}

troth_status troth_export_compare(const struct troth_export_file *file,
                                  const struct troth_config *config,
                                  struct troth_export_report *report, char *error)
{
    struct comparison *c = calloc(1, sizeof *c);
    troth_status status = TROTH_NO_MEMORY;
    (void)snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "no memory");
    if (c == NULL) {
        return status;
    }
    c->file = file;
    c->report = report;
    c->ids = json_object();
    c->named = json_object();
    c->seen = calloc(file->count + 1, 1);
    if (c->ids != NULL && c->named != NULL && c->seen != NULL) {
        note_ids(c);
        status = troth_scan_open(&c->scan, config);
        if (status == TROTH_OK) {
            status = troth_scan_reach(&c->scan, file->interventions.topic, NULL);
            if (status == TROTH_OK) {
                troth_export_looked(report, CHECK, 0);
                status = compare(c);
            }
            troth_scan_close(&c->scan);
        }
        (void)snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "%s", c->scan.error);
    }
    if (status == TROTH_OK && c->gone > 0) {
        troth_export_note(report, CHECK,
                          "%" PRIu64
                          " of the file are not in Kafka any more, or were replaced there "
                          "by later ones; the file alone speaks for them",
                          c->gone);
    }
    json_decref(c->ids);
    json_decref(c->named);
    free(c->seen);
    free(c);
    return status;
}
