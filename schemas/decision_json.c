#include "schemas/decision_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "schemas/contract.h"
#include "schemas/event_json.h"
#include "schemas/hash.h"

#define POSITION_MAX ((INT64_C(1) << 48) - 2) /* as of any offset that a shard takes */

struct reading {
    struct troth_decision_arena *arena;
    struct troth_decision decision;
    char *message;
    size_t capacity;
};

/* Of a field of the decision. */
static troth_status fail(const struct reading *reading, troth_status status, const char *key,
                         const char *expected)
{
    snprintf(reading->message, reading->capacity, "decision.%.64s: %s", key, expected);
    return status;
}

/* Of the line around it. */
static troth_status fail_line(const struct reading *reading, troth_status status,
                              const char *message)
{
    snprintf(reading->message, reading->capacity, "%s", message);
    return status;
}

static troth_status take_text(struct reading *reading, const char *key, const json_t *value,
                              struct troth_text *text)
{
    if (!json_is_string(value)) {
        return fail(reading, TROTH_UNDECODABLE, key, "must be a string");
    }
    const size_t length = json_string_length(value);
    struct troth_decision_arena *arena = reading->arena;
    if (length > sizeof arena->texts - arena->used) {
        return fail(reading, TROTH_OVER_LIMIT, key, "is too long");
    }
    char *copy = arena->texts + arena->used;
    memcpy(copy, json_string_value(value), length);
    arena->used += (uint32_t)length;
    *text = (struct troth_text){copy, (uint32_t)length};
    return TROTH_OK;
}

static troth_status take_integer(const struct reading *reading, const char *key,
                                 const json_t *value, int64_t *integer)
{
    if (!json_is_integer(value)) {
        return fail(reading, TROTH_UNDECODABLE, key, "must be an integer");
    }
    *integer = json_integer_value(value);
    return TROTH_OK;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static troth_status take_id(struct reading *reading, const json_t *value)
{
    const char *text = json_string_value(value);
    bool good = text != NULL && json_string_length(value) == 2 * TROTH_DECISION_ID_LENGTH;
    for (unsigned i = 0; good && i < TROTH_DECISION_ID_LENGTH; i++) {
        const int high = digit(text[2 * i]);
        const int low = digit(text[2 * i + 1]);
        good = high >= 0 && low >= 0;
        reading->decision.id[i] = (uint8_t)(high * 16 + low);
    }
    return good ? TROTH_OK
                : fail(reading, TROTH_UNDECODABLE, "id", "must be 32 hexadecimal digits");
}

static troth_status take_partition(struct reading *reading, const json_t *value)
{
    int64_t partition = 0;
    const troth_status status = take_integer(reading, "partition", value, &partition);
    if (status == TROTH_OK && (partition < 0 || partition > INT32_MAX)) {
        return fail(reading, TROTH_INVALID, "partition", "must be the number of a partition");
    }
    reading->decision.partition = (int32_t)partition;
    return status;
}

static troth_status take_choice(struct reading *reading, const char *key, const json_t *value)
{
    struct troth_text name;
    const troth_status status = take_text(reading, key, value, &name);
    if (status != TROTH_OK) {
        return status;
    }
    if (strcmp(key, "action") == 0) {
        reading->decision.action = (uint8_t)troth_action_find(name);
        return TROTH_OK; /* one that is none fails the check */
    }
    const int rung = troth_rung_find(name.data, name.length);
    reading->decision.expected = rung < 0 ? UINT8_MAX : (uint8_t)rung;
    return TROTH_OK;
}

static troth_status take_field(struct reading *reading, const char *key, const json_t *value)
{
    struct troth_decision *d = &reading->decision;
    const struct {
        const char *key;
        struct troth_text *text;
    } texts[] = {{"agent", &d->agent},   {"contract", &d->contract}, {"by", &d->by},
                 {"reason", &d->reason}, {"term", &d->term},         {"topic", &d->topic}};
    const struct {
        const char *key;
        int64_t *integer;
    } integers[] = {{"at", &d->at_us},
                    {"until", &d->until_us},
                    {"offset", &d->offset},
                    {"position", &d->position}};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(key, texts[i].key) == 0) {
            return take_text(reading, key, value, texts[i].text);
        }
    }
    for (unsigned i = 0; i < sizeof integers / sizeof *integers; i++) {
        if (strcmp(key, integers[i].key) == 0) {
            return take_integer(reading, key, value, integers[i].integer);
        }
    }
    if (strcmp(key, "id") == 0) {
        return take_id(reading, value);
    }
    if (strcmp(key, "partition") == 0) {
        return take_partition(reading, value);
    }
    if (strcmp(key, "action") == 0 || strcmp(key, "expected") == 0) {
        return take_choice(reading, key, value);
    }
    return fail(reading, TROTH_UNDECODABLE, key, "unknown key; must be a field of Decision");
}

static troth_status take_object(struct reading *reading, json_t *object, bool *has_id)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const troth_status status =
            json_is_null(value) ? TROTH_OK : take_field(reading, key, value);
        if (status != TROTH_OK) {
            return status;
        }
        *has_id |= strcmp(key, "id") == 0 && !json_is_null(value);
    }
    if (reading->decision.position < -1 || reading->decision.position > POSITION_MAX) {
        return fail(reading, TROTH_INVALID, "position", "must be an offset");
    }
    const char *wrong = troth_decision_check(&reading->decision);
    if (wrong != NULL) {
        snprintf(reading->message, reading->capacity, "decision.%s", wrong);
        return TROTH_INVALID;
    }
    return TROTH_OK;
}

/* When the log took it: by the line, or as it was decided. */
static troth_status take_recorded_at(const struct reading *reading, const json_t *recorded,
                                     int64_t *recorded_at_us)
{
    *recorded_at_us = reading->decision.at_us;
    if (recorded == NULL || json_is_null(recorded)) {
        return TROTH_OK;
    }
    if (!json_is_integer(recorded)) {
        return fail_line(reading, TROTH_UNDECODABLE, "recorded_at: must be an integer");
    }
    *recorded_at_us = json_integer_value(recorded);
    if (*recorded_at_us < 0 || *recorded_at_us >= TROTH_EVENT_TIME_END_US) {
        return fail_line(reading, TROTH_INVALID, "recorded_at: must be a time from 1970 to 2199");
    }
    return TROTH_OK;
}

static troth_status take_line(struct reading *reading, json_t *line, int64_t *recorded_at_us,
                              bool *has_id)
{
    json_t *object = json_object_get(line, "decision");
    json_t *recorded = json_object_get(line, "recorded_at");
    if (object == NULL) {
        return TROTH_NOT_FOUND;
    }
    if (!json_is_object(object) || json_object_size(line) != (recorded != NULL ? 2U : 1U)) {
        return fail_line(reading, TROTH_UNDECODABLE,
                         "decision: must be an object, with recorded_at alone beside it");
    }
    const troth_status status = take_object(reading, object, has_id);
    return status == TROTH_OK ? take_recorded_at(reading, recorded, recorded_at_us) : status;
}

troth_status troth_decision_json_parse(const char *line, size_t length,
                                       struct troth_decision_arena *arena,
                                       struct troth_decision *decision, int64_t *recorded_at_us,
                                       char *message, size_t capacity)
{
    struct reading reading = {.arena = arena,
                              .message = message,
                              .capacity = capacity,
                              .decision = {.action = TROTH_ACTION_COUNT,
                                           .position = -1,
                                           .offset = -1,
                                           .partition = -1,
                                           .at_us = -1,
                                           .expected = TROTH_RUNG_COUNT}};
    bool has_id = false;
    if (length > TROTH_DECISION_LINE_LENGTH_MAX) {
        return TROTH_NOT_FOUND;
    }
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    arena->used = 0;
    const troth_status status = json_is_object(object)
                                    ? take_line(&reading, object, recorded_at_us, &has_id)
                                    : TROTH_NOT_FOUND;
    json_decref(object);
    if (status != TROTH_OK) {
        return status;
    }
    if (!has_id) {
        XXH128_canonical_t canonical;
        XXH128_canonicalFromHash(&canonical, XXH3_128bits(line, length));
        memcpy(reading.decision.id, canonical.digest, sizeof reading.decision.id);
    }
    *decision = reading.decision;
    return TROTH_OK;
}

static void put_text(json_t *object, const char *key, struct troth_text text, bool *good)
{
    if (text.data != NULL) {
        *good &= json_object_set_new(object, key, json_stringn(text.data, text.length)) == 0;
    }
}

static void put_integer(json_t *object, const char *key, int64_t value, bool *good)
{
    *good &= json_object_set_new(object, key, json_integer(value)) == 0;
}

static json_t *write_id(const uint8_t id[TROTH_DECISION_ID_LENGTH])
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * TROTH_DECISION_ID_LENGTH];
    for (unsigned i = 0; i < TROTH_DECISION_ID_LENGTH; i++) {
        text[2 * i] = digits[id[i] >> 4];
        text[2 * i + 1] = digits[id[i] & 15];
    }
    return json_stringn(text, sizeof text);
}

troth_status troth_decision_json_write(const struct troth_decision *decision,
                                       int64_t recorded_at_us, char **line)
{
    json_t *object = json_object();
    bool good = json_object_set_new(object, "id", write_id(decision->id)) == 0;
    put_text(object, "agent", decision->agent, &good);
    put_text(object, "contract", decision->contract, &good);
    good &= json_object_set_new(object, "action",
                                json_string(troth_action_name(decision->action))) == 0;
    put_text(object, "by", decision->by, &good);
    put_text(object, "reason", decision->reason, &good);
    put_text(object, "term", decision->term, &good);
    put_integer(object, "at", decision->at_us, &good);
    if (decision->expected < TROTH_RUNG_COUNT) {
        good &= json_object_set_new(object, "expected",
                                    json_string(troth_rung_name(decision->expected))) == 0;
    }
    if (decision->until_us != 0) {
        put_integer(object, "until", decision->until_us, &good);
    }
    put_text(object, "topic", decision->topic, &good);
    if (decision->topic.data != NULL) {
        put_integer(object, "partition", decision->partition, &good);
        put_integer(object, "offset", decision->offset, &good);
    }
    if (decision->position >= 0) {
        put_integer(object, "position", decision->position, &good);
    }
    json_t *whole = json_object();
    good &= json_object_set_new(whole, "decision", object) == 0;
    put_integer(whole, "recorded_at", recorded_at_us, &good);
    char *written = good ? json_dumps(whole, JSON_COMPACT) : NULL;
    json_decref(whole);
    if (written == NULL) {
        return good ? TROTH_NO_MEMORY : TROTH_INVALID;
    }
    *line = written;
    return TROTH_OK;
}
