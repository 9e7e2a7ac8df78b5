#include "schemas/event_json.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/event_places.h"

/* Puts a new value under a key. Returns whether it could; a NULL value could not be made. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new_nocheck(object, key, value) == 0;
}

static json_t *text_value(const struct troth_text *text)
{
    return json_stringn(text->data, text->length);
}

static json_t *id_value(const uint8_t id[16])
{
    static const char digits[] = "0123456789abcdef";
    char text[EVENT_ID_DIGITS];
    for (size_t i = 0; i < 16; i++) {
        text[2 * i] = digits[id[i] >> 4];
        text[2 * i + 1] = digits[id[i] & 15];
    }
    return json_stringn_nocheck(text, sizeof(text));
}

static json_t *verdicts_value(const struct troth_event *event)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < event->verdict_count; i++) {
        const struct troth_verdict *verdict = &event->verdicts[i];
        json_t *item = json_object();
        bool done = put(item, "term", text_value(&verdict->term)) &&
                    put(item, "kept", json_boolean(verdict->kept)) &&
                    (!verdict->has_value || put(item, "value", json_real(verdict->value)));
        if (json_array_append_new(list, item) != 0 || !done) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *attributes_value(const struct troth_event *event)
{
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < event->attribute_count; i++) {
        const struct troth_text *name = &event->attributes[i].name;
        json_t *value = text_value(&event->attributes[i].value);
        bool fits = value != NULL && memchr(name->data, '\0', name->length) == NULL &&
                    json_object_getn(object, name->data, name->length) == NULL;
        if (!fits || json_object_setn(object, name->data, name->length, value) != 0) {
            json_decref(object);
            object = NULL;
        }
        json_decref(value);
    }
    return object;
}

static json_t *field_value(struct troth_event *event, unsigned field)
{
    switch (event_places[field].type) {
    case TROTH_TYPE_BYTES:
        return id_value(event->id);
    case TROTH_TYPE_TEXT:
        return text_value(event_text_of(event, field));
    case TROTH_TYPE_INTEGER:
        return json_integer(*event_integer_of(event, field));
    case TROTH_TYPE_ENUM:
        return json_string_nocheck(event_enumerations[field].name(*event_number_of(event, field)));
    case TROTH_TYPE_VERDICTS:
        return verdicts_value(event);
    default:
        return attributes_value(event);
    }
}

/* Returns the least number of digits, 15 to 17, with which every value of the event reads back as
 * itself: 17 always do (IEEE 754), and 0.1 is better than 0.10000000000000001. */
static unsigned digits_needed(const struct troth_event *event)
{
    unsigned digits = 15;
    char text[32];
    for (size_t i = 0; i < event->verdict_count && digits < 17;) {
        double value = event->verdicts[i].has_value ? event->verdicts[i].value : 0;
        (void)snprintf(text, sizeof(text), "%.*g", (int)digits, value);
        double back = strtod(text, NULL);
        if (back < value || back > value) {
            digits++;
        } else {
            i++;
        }
    }
    return digits;
}

troth_status troth_event_json_write(const struct troth_event *event, int64_t recorded_at_us,
                                    char *buffer, size_t capacity, size_t *length)
{
    struct troth_event copy = *event;
    json_t *object = json_object();
    if (object == NULL) {
        return TROTH_NO_MEMORY;
    }
    if (copy.source == TROTH_SOURCE_SELF) {
        copy.present &= ~(UINT32_C(1) << TROTH_FIELD_SOURCE);
    }
    bool done = true;
    for (unsigned field = 0; field < TROTH_FIELD_COUNT && done; field++) {
        if (troth_event_has(&copy, (enum troth_field)field)) {
            done = put(object, event_places[field].name, field_value(&copy, field));
        }
    }
    if (done && recorded_at_us != TROTH_EVENT_UNRECORDED) {
        done = put(object, "recorded_at", json_integer(recorded_at_us));
    }
    troth_status status = TROTH_INVALID;
    if (done) {
        size_t needed = json_dumpb(object, buffer, capacity,
                                   JSON_COMPACT | JSON_REAL_PRECISION(digits_needed(event)));
        status = needed == 0 ? TROTH_NO_MEMORY : needed <= capacity ? TROTH_OK : TROTH_FULL;
        if (status == TROTH_OK) {
            *length = needed;
        }
    }
    json_decref(object);
    return status;
}
