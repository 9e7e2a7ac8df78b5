#include "consumers/check.h"

#include <math.h>
#include <string.h>

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* High bits of the bytes that are below 0x20 or 0x7f, the lowest such byte at least: the borrow of
 * a lower byte can only reach a higher one when that lower byte was itself found. */
static inline uint64_t find_controls(uint64_t word)
{
    uint64_t deleted = word ^ EVERY_BYTE(0x7f);
    return ((word - EVERY_BYTE(0x20)) & ~word) | ((deleted - EVERY_BYTE(1)) & ~deleted);
}

/* Eight bytes at a time; the last eight may overlap those before. */
static bool has_control(const char *data, size_t length)
{
    uint64_t found = 0;
    uint64_t word = EVERY_BYTE('a');
    if (length < 8) {
        for (size_t i = 0; i < length; i++) {
            word = word << 8 | (uint8_t)data[i];
        }
        return (find_controls(word) & EVERY_BYTE(0x80)) != 0;
    }
    for (size_t i = 0; i < length - 8; i += 8) {
        memcpy(&word, data + i, 8);
        found |= find_controls(word);
    }
    memcpy(&word, data + length - 8, 8);
    return ((found | find_controls(word)) & EVERY_BYTE(0x80)) != 0;
}

/* U+0080 to U+009F in text that is known to be UTF-8. */
static bool has_wide_control(const char *data, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if ((uint8_t)data[i] == 0xc2 && (uint8_t)data[i + 1] < 0xa0) {
            return true;
        }
    }
    return false;
}

/* Returns the length of the well-formed sequence that begins at data, or 0. */
static size_t sequence_length(const uint8_t *data, size_t length)
{
    uint8_t lead = data[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || length < need) {
        return 0;
    }
    /* The second byte is narrower where a longer form, a surrogate or a value past U+10FFFF
     * would begin. */
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return need;
}

bool troth_utf8_check(const char *data, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)data;
    for (size_t i = 0; i < length;) {
        size_t step = sequence_length(bytes + i, length - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

static troth_status fail(troth_status status, uint32_t at_fault, uint32_t *field)
{
    *field = at_fault;
    return status;
}

static troth_status check_agent(const struct troth_event *event, uint32_t *field)
{
    bool nameless = event->kind == TROTH_KIND_TICK || event->kind == TROTH_KIND_POINTER;
    if (event->agent.length > TROTH_AGENT_LENGTH_MAX) {
        return fail(TROTH_OVER_LIMIT, TROTH_FIELD_AGENT, field);
    }
    if ((event->agent.length == 0 && !nameless) ||
        has_control(event->agent.data, event->agent.length)) {
        return fail(TROTH_INVALID, TROTH_FIELD_AGENT, field);
    }
    return TROTH_OK;
}

troth_status troth_event_check_values(const struct troth_event *event, uint32_t *field)
{
    if (event->kind >= TROTH_KIND_COUNT) {
        return fail(TROTH_INVALID, TROTH_FIELD_KIND, field);
    }
    troth_status status = check_agent(event, field);
    if (status != TROTH_OK) {
        return status;
    }
    if (event->at_us < 0 || event->at_us >= TROTH_AT_END_US) {
        return fail(TROTH_INVALID, TROTH_FIELD_AT, field);
    }
    /* One branch for the usual case: a sign bit in any of the four. */
    if ((event->latency_us | event->cost_micros | event->input_tokens | event->output_tokens) < 0) {
        uint32_t at_fault = event->latency_us < 0     ? TROTH_FIELD_LATENCY_US
                            : event->cost_micros < 0  ? TROTH_FIELD_COST_MICROS
                            : event->input_tokens < 0 ? TROTH_FIELD_INPUT_TOKENS
                                                      : TROTH_FIELD_OUTPUT_TOKENS;
        return fail(TROTH_INVALID, at_fault, field);
    }
    if (event->outcome >= TROTH_OUTCOME_COUNT) {
        return fail(TROTH_INVALID, TROTH_FIELD_OUTCOME, field);
    }
    if (event->source >= TROTH_SOURCE_COUNT) {
        return fail(TROTH_INVALID, TROTH_FIELD_SOURCE, field);
    }
    if (event->rescue >= TROTH_RESCUE_COUNT) {
        return fail(TROTH_INVALID, TROTH_FIELD_RESCUE, field);
    }
    for (unsigned i = 0; i < event->verdict_count; i++) {
        if (event->verdicts[i].has_value && !isfinite(event->verdicts[i].value)) {
            return fail(TROTH_INVALID, TROTH_FIELD_VERDICTS, field);
        }
    }
    return TROTH_OK;
}

troth_status troth_event_check_texts(const struct troth_event *event, uint32_t *field)
{
    const struct {
        const struct troth_text *text;
        uint32_t field;
    } texts[] = {{&event->agent, TROTH_FIELD_AGENT},
                 {&event->issuer, TROTH_FIELD_ISSUER},
                 {&event->contract, TROTH_FIELD_CONTRACT},
                 {&event->session, TROTH_FIELD_SESSION},
                 {&event->agent_version, TROTH_FIELD_AGENT_VERSION},
                 {&event->task, TROTH_FIELD_TASK},
                 {&event->tool, TROTH_FIELD_TOOL},
                 {&event->owner, TROTH_FIELD_OWNER}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!troth_utf8_check(texts[i].text->data, texts[i].text->length)) {
            return fail(TROTH_INVALID, texts[i].field, field);
        }
    }
    if (has_wide_control(event->agent.data, event->agent.length)) {
        return fail(TROTH_INVALID, TROTH_FIELD_AGENT, field);
    }
    for (unsigned i = 0; i < event->verdict_count; i++) {
        if (!troth_utf8_check(event->verdicts[i].term.data, event->verdicts[i].term.length)) {
            return fail(TROTH_INVALID, TROTH_FIELD_VERDICTS, field);
        }
    }
    for (unsigned i = 0; i < event->attribute_count; i++) {
        const struct troth_attribute *attribute = &event->attributes[i];
        if (!troth_utf8_check(attribute->name.data, attribute->name.length) ||
            !troth_utf8_check(attribute->value.data, attribute->value.length)) {
            return fail(TROTH_INVALID, TROTH_FIELD_ATTRIBUTES, field);
        }
    }
    return TROTH_OK;
}

/* What a decoder's bounds give by construction, for an event that came from elsewhere. */
static troth_status check_lengths(const struct troth_event *event, uint32_t *field)
{
    const struct {
        uint32_t length;
        uint32_t field;
    } texts[] = {{event->issuer.length, TROTH_FIELD_ISSUER},
                 {event->contract.length, TROTH_FIELD_CONTRACT},
                 {event->session.length, TROTH_FIELD_SESSION},
                 {event->agent_version.length, TROTH_FIELD_AGENT_VERSION},
                 {event->task.length, TROTH_FIELD_TASK},
                 {event->tool.length, TROTH_FIELD_TOOL},
                 {event->owner.length, TROTH_FIELD_OWNER}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].length > TROTH_TEXT_LENGTH_MAX) {
            return fail(TROTH_OVER_LIMIT, texts[i].field, field);
        }
    }
    if (event->verdict_count > TROTH_VERDICTS_MAX) {
        return fail(TROTH_OVER_LIMIT, TROTH_FIELD_VERDICTS, field);
    }
    for (unsigned i = 0; i < event->verdict_count; i++) {
        if (event->verdicts[i].term.length > TROTH_TEXT_LENGTH_MAX) {
            return fail(TROTH_OVER_LIMIT, TROTH_FIELD_VERDICTS, field);
        }
    }
    if (event->attribute_count > TROTH_ATTRIBUTES_MAX) {
        return fail(TROTH_OVER_LIMIT, TROTH_FIELD_ATTRIBUTES, field);
    }
    for (unsigned i = 0; i < event->attribute_count; i++) {
        if (event->attributes[i].name.length > TROTH_TEXT_LENGTH_MAX ||
            event->attributes[i].value.length > TROTH_TEXT_LENGTH_MAX) {
            return fail(TROTH_OVER_LIMIT, TROTH_FIELD_ATTRIBUTES, field);
        }
    }
    return TROTH_OK;
}

troth_status troth_event_check(const struct troth_event *event, uint32_t *field)
{
    troth_status status = check_lengths(event, field);
    if (status == TROTH_OK) {
        status = troth_event_check_values(event, field);
    }
    return status == TROTH_OK ? troth_event_check_texts(event, field) : status;
}
