/*
 * Where each field of an event is: what the reader and the writer of JSON Lines share. Private to
 * schemas/event_json.c and schemas/event_json_write.c.
 */
#ifndef TROTH_SCHEMAS_EVENT_PLACES_H
#define TROTH_SCHEMAS_EVENT_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/event.h"

enum { EVENT_ID_DIGITS = 32 };

/* What a field is called, and where in the event it goes. */
struct event_place {
    const char *name;
    uint32_t length;
    enum troth_field_type type;
};

#define EVENT_PLACE(NAME, text, kind) {text, sizeof(text) - 1, TROTH_TYPE_##kind},

/* Name and type, by field. */
static const struct event_place event_places[TROTH_FIELD_COUNT] = {TROTH_FIELDS(EVENT_PLACE)};

#undef EVENT_PLACE

static const size_t event_text_offsets[TROTH_FIELD_COUNT] = {
    [TROTH_FIELD_AGENT] = offsetof(struct troth_event, agent),
    [TROTH_FIELD_ISSUER] = offsetof(struct troth_event, issuer),
    [TROTH_FIELD_CONTRACT] = offsetof(struct troth_event, contract),
    [TROTH_FIELD_SESSION] = offsetof(struct troth_event, session),
    [TROTH_FIELD_AGENT_VERSION] = offsetof(struct troth_event, agent_version),
    [TROTH_FIELD_TASK] = offsetof(struct troth_event, task),
    [TROTH_FIELD_TOOL] = offsetof(struct troth_event, tool),
    [TROTH_FIELD_OWNER] = offsetof(struct troth_event, owner),
};

static const size_t event_integer_offsets[TROTH_FIELD_COUNT] = {
    [TROTH_FIELD_AT] = offsetof(struct troth_event, at_us),
    [TROTH_FIELD_SEQ] = offsetof(struct troth_event, seq),
    [TROTH_FIELD_LATENCY_US] = offsetof(struct troth_event, latency_us),
    [TROTH_FIELD_COST_MICROS] = offsetof(struct troth_event, cost_micros),
    [TROTH_FIELD_INPUT_TOKENS] = offsetof(struct troth_event, input_tokens),
    [TROTH_FIELD_OUTPUT_TOKENS] = offsetof(struct troth_event, output_tokens),
    [TROTH_FIELD_UNTIL] = offsetof(struct troth_event, until_us),
};

struct event_enumeration {
    size_t offset;
    const char *(*name)(unsigned);
    int (*find)(const char *, size_t);
};

static const struct event_enumeration event_enumerations[TROTH_FIELD_COUNT] = {
    [TROTH_FIELD_KIND] = {offsetof(struct troth_event, kind), troth_kind_name, troth_kind_find},
    [TROTH_FIELD_OUTCOME] = {offsetof(struct troth_event, outcome), troth_outcome_name,
                             troth_outcome_find},
    [TROTH_FIELD_SOURCE] = {offsetof(struct troth_event, source), troth_source_name,
                            troth_source_find},
    [TROTH_FIELD_RESCUE] = {offsetof(struct troth_event, rescue), troth_rescue_name,
                            troth_rescue_find},
};

static inline struct troth_text *event_text_of(struct troth_event *event, unsigned field)
{
    return (struct troth_text *)((char *)event + event_text_offsets[field]);
}

static inline int64_t *event_integer_of(struct troth_event *event, unsigned field)
{
    return (int64_t *)((char *)event + event_integer_offsets[field]);
}

static inline uint8_t *event_number_of(struct troth_event *event, unsigned field)
{
    return (uint8_t *)event + event_enumerations[field].offset;
}

#endif
