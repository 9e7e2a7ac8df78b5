#include "ops/export/collect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/partition_record.h"
#include "consumers/standing_record.h"
#include "ops/export/parts.h"
#include "ops/progress.h"
#include "schemas/export_chain.h"

#define SIGNATURE_HEADER "troth-signature"

enum { SIGNATURES_MAX = 4 };

/* ---- What the parts share. ---- */

struct troth_export_subject *troth_export_subject(struct troth_export_collection *collection,
                                                  const char *contract)
{
    for (size_t i = 0; i < collection->subject_count; i++) {
        if (strcmp(collection->subjects[i].contract, contract) == 0) {
            return &collection->subjects[i];
        }
    }
    if (collection->subject_count == TROTH_EXPORT_STANDINGS_MAX ||
        strlen(contract) > TROTH_NAME_LENGTH_MAX) {
        (void)snprintf(collection->error, sizeof collection->error,
                       "the agent is under more than %d contracts; name one with --contract",
                       TROTH_EXPORT_STANDINGS_MAX);
        return NULL;
    }
    struct troth_export_subject *subject = &collection->subjects[collection->subject_count++];
    *subject = (struct troth_export_subject){.begin_rung = -1, .rung = -1, .cause_offset = -1};
    (void)snprintf(subject->contract, sizeof subject->contract, "%s", contract);
    return subject;
}

void troth_export_tell_full(struct troth_export_collection *collection)
{
    (void)snprintf(
        collection->error, sizeof collection->error,
        "there is more of the agent than an export holds (%d MiB, %d lines); export less "
        "with --contract or a later --since",
        TROTH_EXPORT_LENGTH_MAX / 1024 / 1024, TROTH_EXPORT_LINES_MAX);
}

bool troth_export_keep_value(struct troth_export_collection *collection,
                             struct troth_export_record *record, const void *value, size_t length)
{
    if (collection->bytes + length > TROTH_EXPORT_LENGTH_MAX) {
        troth_export_tell_full(collection);
        return false;
    }
    record->value = malloc(length + 1);
    if (record->value == NULL) {
        (void)snprintf(collection->error, sizeof collection->error, "no memory");
        return false;
    }
    memcpy(record->value, value, length);
    record->length = length;
    collection->bytes += length;
    return true;
}

struct troth_export_record *troth_export_keep(struct troth_export_collection *collection,
                                              struct troth_export_records *records, int64_t offset,
                                              const void *value, size_t length)
{
    if (records->count >= TROTH_EXPORT_LINES_MAX) {
        troth_export_tell_full(collection);
        return NULL;
    }
    if (records->count == records->capacity) {
        const size_t capacity = 2 * records->capacity + 64;
        struct troth_export_record *items =
            realloc(records->items, capacity * sizeof *records->items);
        if (items == NULL) {
            (void)snprintf(collection->error, sizeof collection->error, "no memory");
            return NULL;
        }
        records->items = items;
        records->capacity = capacity;
    }
    struct troth_export_record *kept = &records->items[records->count];
    *kept = (struct troth_export_record){.offset = offset};
    if (value != NULL && !troth_export_keep_value(collection, kept, value, length)) {
        return NULL;
    }
    records->count++;
    return kept;
}

int64_t troth_export_time_us(const rd_kafka_message_t *message)
{
    return 1000 * rd_kafka_message_timestamp(message, NULL);
}

bool troth_export_is_of(const struct troth_export_collection *collection,
                        const rd_kafka_message_t *message)
{
    const size_t length = strlen(collection->agent);
    return message->key != NULL && message->key_len == length &&
           memcmp(message->key, collection->agent, length) == 0;
}

json_t *troth_export_signatures(const rd_kafka_message_t *message)
{
    json_t *array = json_array();
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t length = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return array;
    }
    for (size_t i = 0;
         i < SIGNATURES_MAX && rd_kafka_header_get(headers, i, SIGNATURE_HEADER, &value, &length) ==
                                   RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        json_t *text = value != NULL ? json_stringn(value, length) : NULL;
        json_array_append_new(array, text != NULL ? text : json_null());
    }
    return array;
}

bool troth_export_is_told(const json_t *object, const char *only, bool *ruling)
{
    *ruling = json_is_string(json_object_get(object, "ruling"));
    return (*ruling || json_is_object(json_object_get(object, "cause"))) &&
           json_is_string(json_object_get(object, "contract")) &&
           (only == NULL || strcmp(troth_export_text(object, "contract"), only) == 0);
}

struct scanning {
    struct troth_export_collection *collection;
    troth_scan_take *take;
    struct troth_progress progress;
};

static bool take_and_show(void *context, const rd_kafka_message_t *message)
{
    struct scanning *scanning = context;
    troth_progress_show(&scanning->progress, ++scanning->collection->seen);
    return scanning->take(scanning->collection, message);
}

troth_status troth_export_scan(struct troth_export_collection *collection,
                               const struct troth_export_range *range, troth_scan_take *take)
{
    struct scanning scanning = {.collection = collection, .take = take};
    troth_progress_start(&scanning.progress, range->topic);
    collection->seen = 0;
    const troth_status status =
        troth_scan_read(&collection->scan, range->topic, range->partition, range->from,
                        range->until, take_and_show, &scanning);
    (void)troth_progress_end(&scanning.progress);
    if (status != TROTH_OK) {
        (void)snprintf(collection->error, sizeof collection->error, "%s", collection->scan.error);
    }
    return status == TROTH_OK && collection->error[0] != '\0' ? TROTH_FULL : status;
}

/* ---- Where it is. ---- */

troth_status troth_export_open_range(struct troth_export_collection *collection, unsigned place,
                                     const char *suffix, bool keyed,
                                     struct troth_export_range *range)
{
    const enum troth_partitioner partitioner =
        (enum troth_partitioner)collection->config->partitioner;
    const char *key = collection->agent;
    int32_t partitions = 0;
    struct troth_scan *scan = &collection->scan;
    range->topic = troth_config_topic(collection->config, suffix, collection->topics[place],
                                      sizeof collection->topics[place]);
    troth_status status = troth_scan_reach(scan, range->topic, &partitions);
    if (status == TROTH_OK) {
        range->partition =
            keyed ? troth_partition_of(partitioner, key, strlen(key), partitions) : 0;
        status =
            troth_scan_marks(scan, range->topic, range->partition, &range->from, &range->until);
    }
    if (status != TROTH_OK) {
        (void)snprintf(collection->error, sizeof collection->error, "%s", scan->error);
    }
    return status;
}

/* ---- Standings. ---- */

/* Notes what a standing's record says. Returns whether it can be read. */
static bool read_standing(struct troth_export_subject *subject)
{
    struct troth_snapshot *snapshot = malloc(sizeof *snapshot);
    const bool read =
        snapshot != NULL &&
        troth_standing_decode(subject->standing, subject->standing_length, snapshot) == TROTH_OK;
    if (read) {
        subject->true_until = snapshot->offset;
        subject->clock_us = snapshot->clock_us;
        subject->version = snapshot->contract_version;
        subject->rung = snapshot->rung;
        subject->since_us = snapshot->since_us;
    }
    free(snapshot);
    return read;
}

static bool take_standing(struct troth_export_collection *c, const rd_kafka_message_t *message,
                          struct troth_text contract)
{
    char name[TROTH_NAME_LENGTH_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)contract.length, contract.data);
    if (c->only != NULL && strcmp(name, c->only) != 0) {
        return true;
    }
    struct troth_export_subject *subject = troth_export_subject(c, name);
    if (subject == NULL) {
        return false;
    }
    free(subject->standing);
    subject->standing = NULL;
    subject->has_standing = true;
    subject->ended = message->payload == NULL;
    subject->standing_offset = message->offset;
    if (subject->ended) {
        return true;
    }
    subject->standing = malloc(message->len + 1);
    if (subject->standing != NULL) {
        memcpy(subject->standing, message->payload, message->len);
        subject->standing_length = message->len;
    }
    if (subject->standing == NULL || !read_standing(subject)) {
        (void)snprintf(c->error, sizeof c->error,
                       "the standing at %.100s[%" PRId32 "] offset %" PRId64
                       " cannot be read; a newer engine may have written it",
                       c->standings.topic, message->partition, message->offset);
        return false;
    }
    return true;
}

static bool take_from_standings(void *context, const rd_kafka_message_t *message)
{
    struct troth_export_collection *c = context;
    enum troth_record_kind kind;
    struct troth_text agent;
    struct troth_text contract;
    struct troth_checkpoint *checkpoint = NULL;
    if (message->key == NULL || troth_record_key_read(message->key, message->key_len, &kind, &agent,
                                                      &contract) != TROTH_OK) {
        return true;
    }
    if (kind == TROTH_RECORD_STANDING && agent.length == strlen(c->agent) &&
        memcmp(agent.data, c->agent, agent.length) == 0) {
        return take_standing(c, message, contract);
    }
    if (kind == TROTH_RECORD_CHECKPOINT && message->payload != NULL) {
        checkpoint = malloc(sizeof *checkpoint);
        if (checkpoint != NULL &&
            troth_checkpoint_decode(message->payload, message->len, checkpoint) == TROTH_OK) {
            c->era = checkpoint->era;
        }
        free(checkpoint);
    }
    return true;
}

troth_status troth_export_collect_standings(struct troth_export_collection *collection)
{
    const troth_status status =
        troth_export_open_range(collection, 0, "standings", true, &collection->standings);
    return status != TROTH_OK
               ? status
               : troth_export_scan(collection, &collection->standings, take_from_standings);
}

/* ---- All of it. ---- */

static troth_status collect(struct troth_export_collection *c)
{
    troth_status status = troth_export_collect_standings(c);
    if (status == TROTH_OK) {
        status = troth_export_collect_told(c);
    }
    if (status == TROTH_OK) {
        status = troth_export_collect_decisions(c);
    }
    if (status == TROTH_OK && c->subject_count == 0 && c->decided.count == 0 &&
        c->told.count == 0) {
        (void)snprintf(c->error, sizeof c->error,
                       "nothing is known of agent %.128s%s%.63s: no standing, no intervention, no "
                       "decision",
                       c->agent, c->only != NULL ? " under " : "", c->only != NULL ? c->only : "");
        return TROTH_NOT_FOUND;
    }
    if (status == TROTH_OK) {
        status = troth_export_collect_contracts(c);
    }
    if (status == TROTH_OK) {
        status = troth_export_collect_witnesses(c);
    }
    return status;
}

troth_status troth_export_collect(struct troth_export_collection *collection,
                                  const struct troth_config *config, const char *agent,
                                  const char *only, int64_t since_us)
{
    memset(collection, 0, sizeof *collection);
    collection->config = config;
    collection->agent = agent;
    collection->only = only;
    collection->since_us = since_us;
    collection->era = config->era;
    collection->subjects = calloc(TROTH_EXPORT_STANDINGS_MAX, sizeof *collection->subjects);
    collection->ids = json_object();
    collection->named = json_object();
    if (collection->subjects == NULL || collection->ids == NULL || collection->named == NULL) {
        (void)snprintf(collection->error, sizeof collection->error, "no memory");
        return TROTH_NO_MEMORY;
    }
    troth_status status = troth_scan_open(&collection->scan, config);
    if (status != TROTH_OK) {
        (void)snprintf(collection->error, sizeof collection->error, "%s", collection->scan.error);
        return status;
    }
    status = collect(collection);
    troth_scan_close(&collection->scan);
    return status;
}

static void free_records(struct troth_export_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        json_decref(records->items[i].object);
        json_decref(records->items[i].signatures);
        free(records->items[i].value);
    }
    free(records->items);
}

void troth_export_collection_fini(struct troth_export_collection *collection)
{
    for (size_t i = 0; i < collection->subject_count; i++) {
        free(collection->subjects[i].standing);
    }
    free(collection->subjects);
    json_decref(collection->ids);
    json_decref(collection->named);
    free_records(&collection->told);
    free_records(&collection->decided);
    free_records(&collection->versions);
    free_records(&collection->witnesses);
    memset(collection, 0, sizeof *collection);
}
