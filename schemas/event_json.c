#include "schemas/event_json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "schemas/assert.h"
#include "schemas/event_places.h"
#include "schemas/hash.h"

/* Bytes of a key or a value that a message shows. */
enum { SHOWN_LENGTH_MAX = 48 };

#define NO_FIELD TROTH_FIELD_COUNT

struct range {
    int64_t least;
    int64_t most;
};

static const struct range time_range = {0, TROTH_EVENT_TIME_END_US - 1};

static const struct range ranges[TROTH_FIELD_COUNT] = {
    [TROTH_FIELD_AT] = {0, TROTH_EVENT_TIME_END_US - 1},
    [TROTH_FIELD_SEQ] = {INT64_MIN, INT64_MAX},
    [TROTH_FIELD_LATENCY_US] = {0, INT64_MAX},
    [TROTH_FIELD_COST_MICROS] = {0, INT64_MAX},
    [TROTH_FIELD_INPUT_TOKENS] = {0, INT64_MAX},
    [TROTH_FIELD_OUTPUT_TOKENS] = {0, INT64_MAX},
    [TROTH_FIELD_UNTIL] = {INT64_MIN, INT64_MAX},
};

/* One line on its way in. */
struct reading {
    struct troth_event_arena *arena;
    struct troth_event event;
    char *message;
    size_t capacity;
};

/* Writes the message, without what would upset a terminal. Returns the status. */
__attribute__((format(printf, 3, 4))) static troth_status
fail(const struct reading *reading, troth_status status, const char *format, ...)
{
    va_list arguments;
    if (reading->capacity != 0) {
        va_start(arguments, format);
        (void)vsnprintf(reading->message, reading->capacity, format, arguments);
        va_end(arguments);
        for (char *at = reading->message; *at != '\0'; at++) {
            if ((unsigned char)*at < 0x20 || *at == 0x7f) {
                *at = '?';
            }
        }
    }
    return status;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction or an exponent";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    default:
        return "null";
    }
}

static troth_status wrong_type(const struct reading *reading, const char *key, const json_t *value,
                               const char *right)
{
    return fail(reading, TROTH_UNDECODABLE, "%s: %s; must be %s", key, type_name(value), right);
}

static troth_status keep_text(struct reading *reading, const char *key, const char *data,
                              size_t length, size_t length_max, struct troth_text *text)
{
    struct troth_event_arena *arena = reading->arena;
    if (length > length_max) {
        return fail(reading, TROTH_OVER_LIMIT, "%s: %zu bytes; must be at most %zu", key, length,
                    length_max);
    }
    if (length > sizeof(arena->texts) - arena->used) {
        return fail(reading, TROTH_OVER_LIMIT, "%s: all texts of a line must be at most %zu bytes",
                    key, sizeof(arena->texts));
    }
    char *copy = arena->texts + arena->used;
    memcpy(copy, data, length);
    arena->used += (uint32_t)length;
    *text = (struct troth_text){.data = copy, .length = (uint32_t)length};
    return TROTH_OK;
}

static troth_status take_text(struct reading *reading, const char *key, const json_t *value,
                              size_t length_max, struct troth_text *text)
{
    if (!json_is_string(value)) {
        return wrong_type(reading, key, value, "a text");
    }
    return keep_text(reading, key, json_string_value(value), json_string_length(value), length_max,
                     text);
}

/* U+0000 to U+001F, U+007F to U+009F, in text that is known to be UTF-8. */
static bool has_control(const struct troth_text *text)
{
    for (uint32_t i = 0; i < text->length; i++) {
        unsigned char byte = (unsigned char)text->data[i];
        if (byte < 0x20 || byte == 0x7f ||
            (byte == 0xc2 && i + 1 < text->length && (unsigned char)text->data[i + 1] < 0xa0)) {
            return true;
        }
    }
    return false;
}

static troth_status take_agent(struct reading *reading, const json_t *value)
{
    struct troth_text *agent = &reading->event.agent;
    troth_status status = take_text(reading, "agent", value, TROTH_AGENT_LENGTH_MAX, agent);
    if (status == TROTH_OK && has_control(agent)) {
        status = fail(reading, TROTH_INVALID,
                      "agent: a control character; must be 1 to %d bytes without any",
                      TROTH_AGENT_LENGTH_MAX);
    }
    return status;
}

static troth_status take_integer(struct reading *reading, const char *key, const json_t *value,
                                 const struct range *range, int64_t *integer)
{
    if (!json_is_integer(value)) {
        return wrong_type(reading, key, value, "an integer");
    }
    json_int_t number = json_integer_value(value);
    if (number < range->least || number > range->most) {
        return fail(reading, TROTH_INVALID, "%s: %lld; must be %lld to %lld", key,
                    (long long)number, (long long)range->least, (long long)range->most);
    }
    *integer = number;
    return TROTH_OK;
}

static troth_status take_enum(struct reading *reading, unsigned field, const json_t *value)
{
    const struct event_enumeration *enumeration = &event_enumerations[field];
    const char *key = event_places[field].name;
    if (!json_is_string(value)) {
        return wrong_type(reading, key, value, "a text");
    }
    int number = enumeration->find(json_string_value(value), json_string_length(value));
    if (number < 0) {
        char right[128] = "";
        size_t length = 0;
        for (unsigned i = 0; enumeration->name(i) != NULL && length < sizeof(right); i++) {
            length += (size_t)snprintf(right + length, sizeof(right) - length, "%s%s",
                                       i == 0 ? "" : ", ", enumeration->name(i));
        }
        return fail(reading, TROTH_UNDECODABLE, "%s: \"%.*s\"; must be one of %s", key,
                    SHOWN_LENGTH_MAX, json_string_value(value), right);
    }
    *event_number_of(&reading->event, field) = (uint8_t)number;
    return TROTH_OK;
}

/* Returns the value of a hexadecimal digit, or -1. */
static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

static troth_status take_id(struct reading *reading, const json_t *value)
{
    const char *digits = json_string_value(value);
    bool right = digits != NULL && json_string_length(value) == EVENT_ID_DIGITS;
    for (size_t i = 0; right && i < EVENT_ID_DIGITS; i += 2) {
        int high = digit_value(digits[i]);
        int low = digit_value(digits[i + 1]);
        right = high >= 0 && low >= 0;
        reading->event.id[i / 2] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    return right ? TROTH_OK
                 : fail(reading, TROTH_UNDECODABLE, "id: must be a text of %d hexadecimal digits",
                        EVENT_ID_DIGITS);
}

static troth_status take_verdict(struct reading *reading, size_t index, const json_t *value)
{
    struct troth_verdict *verdict = &reading->arena->verdicts[index];
    bool has_term = false;
    bool has_kept = false;
    char path[SHOWN_LENGTH_MAX + 32];
    const char *key;
    json_t *member;
    *verdict = (struct troth_verdict){0};
    (void)snprintf(path, sizeof(path), "verdicts[%zu]", index);
    if (!json_is_object(value)) {
        return wrong_type(reading, path, value, "an object of term, kept and value");
    }
    json_object_foreach((json_t *)value, key, member)
    {
        troth_status status = TROTH_OK;
        (void)snprintf(path, sizeof(path), "verdicts[%zu].%.*s", index, SHOWN_LENGTH_MAX, key);
        if (strcmp(key, "term") == 0) {
            has_term = !json_is_null(member);
            status = has_term
                         ? take_text(reading, path, member, TROTH_TEXT_LENGTH_MAX, &verdict->term)
                         : TROTH_OK;
        } else if (strcmp(key, "kept") == 0) {
            has_kept = !json_is_null(member);
            verdict->kept = json_is_true(member);
            status = !has_kept || json_is_boolean(member)
                         ? TROTH_OK
                         : wrong_type(reading, path, member, "true or false");
        } else if (strcmp(key, "value") == 0) {
            verdict->has_value = !json_is_null(member);
            verdict->value = json_number_value(member);
            status = !verdict->has_value || json_is_number(member)
                         ? TROTH_OK
                         : wrong_type(reading, path, member, "a number");
        } else {
            status = fail(reading, TROTH_UNDECODABLE,
                          "%s: unknown key; a verdict has term, kept and value", path);
        }
        if (status != TROTH_OK) {
            return status;
        }
    }
    if (!has_term || !has_kept) {
        return fail(reading, TROTH_UNDECODABLE, "verdicts[%zu].%s: missing; a verdict must have it",
                    index, has_term ? "kept" : "term");
    }
    return TROTH_OK;
}

static troth_status take_verdicts(struct reading *reading, const json_t *value)
{
    if (!json_is_array(value)) {
        return wrong_type(reading, "verdicts", value, "a list");
    }
    size_t count = json_array_size(value);
    if (count > TROTH_VERDICTS_MAX) {
        return fail(reading, TROTH_OVER_LIMIT, "verdicts: %zu; must be at most %d", count,
                    TROTH_VERDICTS_MAX);
    }
    troth_status status = TROTH_OK;
    for (size_t i = 0; i < count && status == TROTH_OK; i++) {
        status = take_verdict(reading, i, json_array_get(value, i));
    }
    reading->event.verdicts = reading->arena->verdicts;
    reading->event.verdict_count = (uint16_t)count;
    return status;
}

static troth_status take_attributes(struct reading *reading, const json_t *value)
{
    if (!json_is_object(value)) {
        return wrong_type(reading, "attributes", value, "an object of texts");
    }
    size_t count = json_object_size(value);
    if (count > TROTH_ATTRIBUTES_MAX) {
        return fail(reading, TROTH_OVER_LIMIT, "attributes: %zu; must be at most %d", count,
                    TROTH_ATTRIBUTES_MAX);
    }
    struct troth_attribute *attribute = reading->arena->attributes;
    char path[SHOWN_LENGTH_MAX + 32];
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        if (json_is_null(member)) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "attributes.%.*s", SHOWN_LENGTH_MAX, key);
        troth_status status =
            keep_text(reading, path, key, strlen(key), TROTH_TEXT_LENGTH_MAX, &attribute->name);
        if (status == TROTH_OK) {
            status = take_text(reading, path, member, TROTH_TEXT_LENGTH_MAX, &attribute->value);
        }
        if (status != TROTH_OK) {
            return status;
        }
        attribute++;
    }
    reading->event.attributes = reading->arena->attributes;
    reading->event.attribute_count = (uint16_t)(attribute - reading->arena->attributes);
    return TROTH_OK;
}

static unsigned find_field(const char *key)
{
    size_t length = strlen(key);
    for (unsigned field = 0; field < TROTH_FIELD_COUNT; field++) {
        if (event_places[field].length == length &&
            memcmp(event_places[field].name, key, length) == 0) {
            return field;
        }
    }
    return NO_FIELD;
}

/* Takes one member that is not null. */
static troth_status take_field(struct reading *reading, unsigned field, const json_t *value)
{
    struct troth_event *event = &reading->event;
    troth_status status;
    switch (event_places[field].type) {
    case TROTH_TYPE_BYTES:
        status = take_id(reading, value);
        break;
    case TROTH_TYPE_TEXT:
        status = field == TROTH_FIELD_AGENT
                     ? take_agent(reading, value)
                     : take_text(reading, event_places[field].name, value, TROTH_TEXT_LENGTH_MAX,
                                 event_text_of(event, field));
        break;
    case TROTH_TYPE_INTEGER:
        status = take_integer(reading, event_places[field].name, value, &ranges[field],
                              event_integer_of(event, field));
        break;
    case TROTH_TYPE_ENUM:
        status = take_enum(reading, field, value);
        break;
    case TROTH_TYPE_VERDICTS:
        status = take_verdicts(reading, value);
        break;
    default:
        status = take_attributes(reading, value);
        break;
    }
    event->present |= UINT32_C(1) << field;
    return status;
}

/* Sees to it that what must be there is, and that bits mean the same as after Avro. */
static troth_status complete(struct reading *reading)
{
    struct troth_event *event = &reading->event;
    if (!troth_event_has(event, TROTH_FIELD_KIND) || !troth_event_has(event, TROTH_FIELD_AT)) {
        return fail(reading, TROTH_UNDECODABLE, "%s: missing; every event must have it",
                    troth_event_has(event, TROTH_FIELD_KIND) ? "at" : "kind");
    }
    if (event->agent.length == 0) {
        event->agent = (struct troth_text){0};
        event->present &= ~(UINT32_C(1) << TROTH_FIELD_AGENT);
        if (event->kind != TROTH_KIND_TICK && event->kind != TROTH_KIND_POINTER) {
            return fail(reading, TROTH_INVALID, "agent: missing; must be a text of 1 to %d bytes",
                        TROTH_AGENT_LENGTH_MAX);
        }
    }
    if (event->outcome == TROTH_OUTCOME_NONE) {
        event->present &= ~(UINT32_C(1) << TROTH_FIELD_OUTCOME);
    }
    if (event->verdict_count == 0) {
        event->verdicts = NULL;
        event->present &= ~(UINT32_C(1) << TROTH_FIELD_VERDICTS);
    }
    if (event->attribute_count == 0) {
        event->attributes = NULL;
        event->present &= ~(UINT32_C(1) << TROTH_FIELD_ATTRIBUTES);
    }
    event->present |= UINT32_C(1) << TROTH_FIELD_ID | UINT32_C(1) << TROTH_FIELD_SOURCE;
    return TROTH_OK;
}

static troth_status take_line(struct reading *reading, json_t *line, int64_t *recorded_at_us,
                              bool *has_id)
{
    const char *key;
    json_t *value;
    bool recorded = false;
    if (!json_is_object(line)) {
        return wrong_type(reading, "the line", line, "an object");
    }
    json_object_foreach(line, key, value)
    {
        troth_status status = TROTH_OK;
        unsigned field = find_field(key);
        if (field == NO_FIELD && strcmp(key, "recorded_at") != 0) {
            return fail(reading, TROTH_UNDECODABLE,
                        "%.*s: unknown key; must be a field of AgentEvent or recorded_at",
                        SHOWN_LENGTH_MAX, key);
        }
        if (json_is_null(value)) {
            continue;
        }
        if (field == NO_FIELD) {
            recorded = true;
            status = take_integer(reading, key, value, &time_range, recorded_at_us);
        } else {
            status = take_field(reading, field, value);
        }
        if (status != TROTH_OK) {
            return status;
        }
    }
    *has_id = troth_event_has(&reading->event, TROTH_FIELD_ID);
    if (!recorded) {
        *recorded_at_us = reading->event.at_us;
    }
    return complete(reading);
}

static void derive_id(const char *line, size_t length, uint8_t id[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(line, length));
    _Static_assert(sizeof(canonical.digest) == 16, "an id is 128 bits");
    memcpy(id, canonical.digest, 16);
}

troth_status troth_event_json_parse(const char *line, size_t length,
                                    struct troth_event_arena *arena, struct troth_event *event,
                                    int64_t *recorded_at_us, char *message, size_t capacity)
{
    struct reading reading = {.arena = arena, .message = message, .capacity = capacity};
    json_error_t error;
    int64_t recorded = 0;
    bool has_id = false;
    TROTH_ASSERT(line != NULL && (message != NULL || capacity == 0));
    if (length != 0 && line[length - 1] == '\n') {
        length -= length > 1 && line[length - 2] == '\r' ? 2 : 1;
    }
    if (length > TROTH_EVENT_LINE_LENGTH_MAX) {
        return fail(&reading, TROTH_OVER_LIMIT, "the line: %zu bytes; must be at most %d", length,
                    TROTH_EVENT_LINE_LENGTH_MAX);
    }
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (object == NULL) {
        return fail(&reading, TROTH_UNDECODABLE, "byte %d: %s", error.position, error.text);
    }
    arena->used = 0;
    troth_status status = take_line(&reading, object, &recorded, &has_id);
    json_decref(object);
    if (status != TROTH_OK) {
        return status;
    }
    if (!has_id) {
        derive_id(line, length, reading.event.id);
    }
    *event = reading.event;
    *recorded_at_us = recorded;
    return TROTH_OK;
}
