#include "consumers/avro/encode.h"

#include <string.h>

#include "consumers/avro/write.h"
#include "consumers/check.h"

static void write_text(struct avro_writer *writer, const struct troth_text *text)
{
    write_long(writer, text->length);
    write_bytes(writer, text->data, text->length);
}

static void write_optional_text(struct avro_writer *writer, const struct troth_event *event,
                                enum troth_field field, const struct troth_text *text)
{
    if (write_branch(writer, troth_event_has(event, field))) {
        write_text(writer, text);
    }
}

static void write_optional_long(struct avro_writer *writer, const struct troth_event *event,
                                enum troth_field field, int64_t value)
{
    if (write_branch(writer, troth_event_has(event, field))) {
        write_long(writer, value);
    }
}

static void write_verdicts(struct avro_writer *writer, const struct troth_event *event)
{
    if (event->verdict_count > 0) {
        write_long(writer, event->verdict_count);
    }
    for (unsigned i = 0; i < event->verdict_count; i++) {
        const struct troth_verdict *verdict = &event->verdicts[i];
        write_text(writer, &verdict->term);
        write_boolean(writer, verdict->kept);
        if (write_branch(writer, verdict->has_value)) {
            uint64_t bits;
            memcpy(&bits, &verdict->value, sizeof bits);
            write_number_bits(writer, bits, sizeof bits);
        }
    }
    write_long(writer, 0);
}

static void write_attributes(struct avro_writer *writer, const struct troth_event *event)
{
    if (event->attribute_count > 0) {
        write_long(writer, event->attribute_count);
    }
    for (unsigned i = 0; i < event->attribute_count; i++) {
        write_text(writer, &event->attributes[i].name);
        write_text(writer, &event->attributes[i].value);
    }
    write_long(writer, 0);
}

troth_status troth_encode(const struct troth_event *event, void *buffer, size_t capacity,
                          size_t *length)
{
    uint32_t field;
    troth_status status = troth_event_check(event, &field);
    if (status != TROTH_OK) {
        return status;
    }
    struct avro_writer writer = {.next = buffer, .end = (uint8_t *)buffer + capacity};
    write_bytes(&writer, event->id, sizeof event->id);
    write_text(&writer, &event->agent);
    write_long(&writer, event->at_us);
    write_long(&writer, event->kind);
    write_long(&writer, event->outcome);
    write_long(&writer, event->source);
    write_optional_text(&writer, event, TROTH_FIELD_ISSUER, &event->issuer);
    write_optional_text(&writer, event, TROTH_FIELD_CONTRACT, &event->contract);
    write_optional_text(&writer, event, TROTH_FIELD_SESSION, &event->session);
    write_optional_long(&writer, event, TROTH_FIELD_SEQ, event->seq);
    write_optional_text(&writer, event, TROTH_FIELD_AGENT_VERSION, &event->agent_version);
    write_optional_text(&writer, event, TROTH_FIELD_TASK, &event->task);
    write_optional_text(&writer, event, TROTH_FIELD_TOOL, &event->tool);
    write_optional_long(&writer, event, TROTH_FIELD_LATENCY_US, event->latency_us);
    write_optional_long(&writer, event, TROTH_FIELD_COST_MICROS, event->cost_micros);
    write_optional_long(&writer, event, TROTH_FIELD_INPUT_TOKENS, event->input_tokens);
    write_optional_long(&writer, event, TROTH_FIELD_OUTPUT_TOKENS, event->output_tokens);
    write_optional_long(&writer, event, TROTH_FIELD_RESCUE, event->rescue);
    write_optional_text(&writer, event, TROTH_FIELD_OWNER, &event->owner);
    write_optional_long(&writer, event, TROTH_FIELD_UNTIL, event->until_us);
    write_verdicts(&writer, event);
    write_attributes(&writer, event);
    size_t written = (size_t)(writer.next - (uint8_t *)buffer);
    if (written > TROTH_RECORD_LENGTH_MAX || (writer.full && capacity >= TROTH_RECORD_LENGTH_MAX)) {
        return TROTH_OVER_LIMIT;
    }
    if (writer.full) {
        return TROTH_FULL;
    }
    *length = written;
    return TROTH_OK;
}

void troth_encode_confluent_header(uint32_t schema_id,
                                   uint8_t header[TROTH_CONFLUENT_HEADER_LENGTH])
{
    header[0] = 0x00;
    for (unsigned byte = 0; byte < 4; byte++) {
        header[1 + byte] = (uint8_t)(schema_id >> (24 - 8 * byte));
    }
}

void troth_encode_single_object_header(uint64_t fingerprint,
                                       uint8_t header[TROTH_SINGLE_OBJECT_HEADER_LENGTH])
{
    header[0] = 0xc3;
    header[1] = 0x01;
    for (unsigned byte = 0; byte < 8; byte++) {
        header[2 + byte] = (uint8_t)(fingerprint >> 8 * byte);
    }
}
