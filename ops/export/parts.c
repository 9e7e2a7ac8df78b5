#include "ops/export/parts.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "consumers/standing_record.h"
#include "ops/export/file.h"
#include "schemas/event_json.h"
#include "scoring/shard_snapshot.h"

enum { BASE64 = sodium_base64_VARIANT_ORIGINAL, HASH_BYTES = 32 };

json_t *troth_export_base64(const void *bytes, size_t length)
{
    const size_t size = sodium_base64_encoded_len(length, BASE64);
    char *text = malloc(size);
    if (text == NULL) {
        return NULL;
    }
    sodium_bin2base64(text, size, bytes, length, BASE64);
    json_t *value = json_string(text);
    free(text);
    return value;
}

bool troth_export_bytes(const char *text, uint8_t *bytes, size_t capacity, size_t *length)
{
    const char *end = NULL;
    return sodium_base642bin(bytes, capacity, text, strlen(text), NULL, length, &end, BASE64) ==
               0 &&
           *end == '\0';
}

void troth_export_hash(const void *bytes, size_t length, char hash[65])
{
    uint8_t digest[HASH_BYTES];
    crypto_generichash(digest, sizeof digest, bytes, length, NULL, 0);
    sodium_bin2hex(hash, 2 * HASH_BYTES + 1, digest, sizeof digest);
}

/* ---- As people read it. ---- */

static json_t *text_or_null(struct troth_text text)
{
    return text.data != NULL ? json_stringn(text.data, text.length) : json_null();
}

json_t *troth_export_decision_json(const struct troth_decision *decision)
{
    char id[2 * TROTH_DECISION_ID_LENGTH + 1];
    sodium_bin2hex(id, sizeof id, decision->id, sizeof decision->id);
    json_t *object = json_object();
    json_object_set_new(object, "id", json_string(id));
    json_object_set_new(object, "agent", text_or_null(decision->agent));
    json_object_set_new(object, "contract", text_or_null(decision->contract));
    json_object_set_new(object, "action", json_string(troth_action_name(decision->action)));
    json_object_set_new(object, "by", text_or_null(decision->by));
    json_object_set_new(object, "reason", text_or_null(decision->reason));
    json_object_set_new(object, "at", json_integer(decision->at_us));
    json_object_set_new(object, "term", text_or_null(decision->term));
    json_object_set_new(object, "until",
                        decision->action == TROTH_ACTION_WAIVE ? json_integer(decision->until_us)
                                                               : json_null());
    json_t *record = json_null();
    if (decision->topic.data != NULL) {
        record = json_object();
        json_object_set_new(record, "topic", text_or_null(decision->topic));
        json_object_set_new(record, "partition", json_integer(decision->partition));
        json_object_set_new(record, "offset", json_integer(decision->offset));
    }
    json_object_set_new(object, "record", record);
    json_object_set_new(object, "expected",
                        decision->expected < TROTH_RUNG_COUNT
                            ? json_string(troth_rung_name(decision->expected))
                            : json_null());
    return object;
}

json_t *troth_export_event_json(const struct troth_event *event)
{
    size_t length = 0;
    char *line = malloc(TROTH_EVENT_LINE_LENGTH_MAX);
    json_t *object = NULL;
    if (line != NULL && troth_event_json_write(event, TROTH_EVENT_UNRECORDED, line,
                                               TROTH_EVENT_LINE_LENGTH_MAX, &length) == TROTH_OK) {
        object = json_loadb(line, length, 0, NULL);
    }
    free(line);
    return object;
}

/* ---- A standing. ---- */

static void ignore_intervention(void *context, const struct troth_intervention *told)
{
    (void)context;
    (void)told;
}

static void ignore_end(void *context, uint32_t standing, struct troth_text agent,
                       const char *contract)
{
    (void)context;
    (void)standing;
    (void)agent;
    (void)contract;
}

static json_t *look_at(struct troth_shard *shard, const struct troth_rules *rules,
                       const struct troth_snapshot *snapshot)
{
    uint32_t standing = 0;
    struct troth_standing_view view;
    if (troth_shard_contract(shard, rules) != TROTH_OK ||
        troth_shard_import(shard, snapshot, &standing) != TROTH_OK) {
        return NULL;
    }
    troth_shard_resume(shard, snapshot->clock_us, snapshot->offset);
    return troth_shard_view(shard, standing, &view) ? troth_report_standing(&view) : NULL;
}

json_t *troth_export_standing_json(const void *bytes, size_t length,
                                   const struct troth_rules *rules, struct troth_snapshot *snapshot)
{
    /* A shard of its own, into which the standing is put as a restart would. */
    const struct troth_shard_config config = {.agents_max = 2,
                                              .standings_max = 2,
                                              .standing_bytes = TROTH_STANDING_LENGTH_MAX,
                                              .dockets_max = 2,
                                              .max_ahead_us = 60000000,
                                              .on_intervention = ignore_intervention,
                                              .on_ended = ignore_end};
    if (troth_standing_decode(bytes, length, snapshot) != TROTH_OK ||
        snapshot->contract_version != rules->contract->version) {
        return NULL;
    }
    const size_t size = (troth_shard_size(&config) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size);
    if (memory == NULL) {
        return NULL;
    }
    memset(memory, 0, size);
    json_t *object = look_at(troth_shard_init(memory, &config), rules, snapshot);
    free(memory);
    return object;
}

/* ---- An intervention. ---- */

static unsigned find_condition(const char *name)
{
    unsigned condition = 0;
    while (condition < TROTH_CONDITION_COUNT &&
           strcmp(troth_condition_name(condition), name) != 0) {
        condition++;
    }
    return condition;
}

static bool read_cause(const json_t *object, const struct troth_contract *contract,
                       struct troth_cause *cause)
{
    const json_t *term = json_object_get(object, "term");
    const unsigned condition = find_condition(troth_export_text(object, "condition"));
    *cause =
        (struct troth_cause){.condition = (uint8_t)condition,
                             .term = TROTH_NO_TERM,
                             .observed = json_number_value(json_object_get(object, "observed")),
                             .limit = json_number_value(json_object_get(object, "limit"))};
    for (unsigned i = 0; i < contract->term_count && json_is_string(term); i++) {
        if (strcmp(contract->terms[i].name, json_string_value(term)) == 0) {
            cause->term = (uint8_t)i;
        }
    }
    return condition < TROTH_CONDITION_COUNT &&
           (json_is_null(term) || cause->term != TROTH_NO_TERM);
}

/* The first is the record that caused it; the others are the term's. */
static bool read_witnesses(const json_t *witnesses, struct troth_intervention *told)
{
    const size_t count = json_array_size(witnesses);
    if (count < 1 || count > 1 + TROTH_WITNESSES_MAX) {
        return false;
    }
    told->cause_offset = troth_export_integer(json_array_get(witnesses, 0), "offset");
    for (size_t i = 1; i < count; i++) {
        told->witness_offsets[told->witness_count++] =
            troth_export_integer(json_array_get(witnesses, i), "offset");
    }
    return true;
}

static bool read_decision(const json_t *object, struct troth_decision *decision)
{
    const char *id = troth_export_text(object, "id");
    size_t length = 0;
    *decision =
        (struct troth_decision){.by = troth_text_of(troth_export_text(object, "by")),
                                .reason = troth_text_of(troth_export_text(object, "reason"))};
    return sodium_hex2bin(decision->id, sizeof decision->id, id, strlen(id), NULL, &length, NULL) ==
               0 &&
           length == sizeof decision->id;
}

static void read_counts(const json_t *terms, const struct troth_contract *contract,
                        struct troth_intervention *told)
{
    for (unsigned i = 0; i < contract->term_count; i++) {
        const json_t *term = json_object_get(terms, contract->terms[i].name);
        told->kept[i] = (uint64_t)troth_export_integer(term, "kept");
        told->broken[i] = (uint64_t)troth_export_integer(term, "broken");
    }
}

static bool is_time(int64_t time_us)
{
    return time_us >= 0 && time_us <= TROTH_SNAPSHOT_MAX;
}

bool troth_export_read_told(const json_t *record, const struct troth_rules *rules,
                            struct troth_intervention *told, struct troth_decision *decision)
{
    const struct troth_contract *contract = rules->contract;
    const char *from_name = troth_export_text(record, "from");
    const char *to_name = troth_export_text(record, "to");
    const int from = troth_rung_find(from_name, strlen(from_name));
    const int to = troth_rung_find(to_name, strlen(to_name));
    const json_t *degraded = json_object_get(record, "degraded_at");
    const json_t *came_of = json_object_get(record, "decision");
    if (from < 0 || to < 0) {
        return false;
    }
    *told = (struct troth_intervention){
        .agent = troth_text_of(troth_export_text(record, "agent")),
        .contract = contract,
        .from = (uint8_t)from,
        .to = (uint8_t)to,
        .narrowing = to > from,
        .score = {.compliance = json_number_value(json_object_get(record, "compliance")),
                  .freshness = json_number_value(json_object_get(record, "freshness")),
                  .score = (uint16_t)troth_export_integer(record, "score")},
        .decided_at_us = troth_export_integer(record, "decided_at"),
        .from_since_us = troth_export_integer(record, "from_since"),
        .degraded_at_us = json_is_integer(degraded) ? json_integer_value(degraded) : TROTH_NEVER_US,
        .exposed_tasks = (uint32_t)troth_export_integer(record, "exposed_tasks"),
        .exposed_cost_micros = troth_export_integer(record, "exposed_cost_micros")};
    if (json_is_object(came_of)) {
        if (!read_decision(came_of, decision)) {
            return false;
        }
        told->decision = decision;
    }
    if (!is_time(told->decided_at_us) || !is_time(told->from_since_us) ||
        (told->degraded_at_us != TROTH_NEVER_US && !is_time(told->degraded_at_us)) ||
        (told->narrowing && told->degraded_at_us == TROTH_NEVER_US)) {
        return false; /* and its time to narrow would be no number */
    }
    read_counts(json_object_get(record, "terms"), contract, told);
    return read_cause(json_object_get(record, "cause"), contract, &told->cause) &&
           read_witnesses(json_object_get(record, "witnesses"), told);
}
