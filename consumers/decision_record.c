#include "consumers/decision_record.h"

#include "consumers/avro/write.h"
#include "consumers/check.h"
#include "consumers/record_read.h"
#include "schemas/assert.h"
#include "schemas/contract.h"

_Static_assert((int)TROTH_ACTION_COUNT == 11, "Action in schemas/decision.avsc");

static void write_text(struct avro_writer *writer, struct troth_text text)
{
    write_long(writer, text.length);
    write_bytes(writer, text.data, text.length);
}

static void write_optional_text(struct avro_writer *writer, struct troth_text text)
{
    if (write_branch(writer, text.data != NULL)) {
        write_text(writer, text);
    }
}

size_t troth_decision_encode(const struct troth_decision *decision,
                             uint8_t buffer[TROTH_DECISION_RECORD_MAX])
{
    struct avro_writer writer = {.next = buffer, .end = buffer + TROTH_DECISION_RECORD_MAX};
    write_bytes(&writer, decision->id, sizeof decision->id);
    write_text(&writer, decision->agent);
    write_text(&writer, decision->contract);
    write_long(&writer, decision->action);
    write_text(&writer, decision->by);
    write_text(&writer, decision->reason);
    write_long(&writer, decision->at_us);
    write_optional_text(&writer, decision->term);
    if (write_branch(&writer, decision->action == TROTH_ACTION_WAIVE)) {
        write_long(&writer, decision->until_us);
    }
    write_optional_text(&writer, decision->topic);
    if (write_branch(&writer, decision->topic.data != NULL)) {
        write_long(&writer, decision->partition);
    }
    if (write_branch(&writer, decision->topic.data != NULL)) {
        write_long(&writer, decision->offset);
    }
    if (write_branch(&writer, decision->expected != TROTH_RUNG_COUNT)) {
        write_long(&writer, decision->expected);
    }
    TROTH_ASSERT(!writer.full);
    return (size_t)(writer.next - buffer);
}

static struct troth_text read_optional_text(struct record_reader *reader, size_t most)
{
    return record_branch(reader) ? record_text(reader, most) : (struct troth_text){NULL, 0};
}

/* What is told of a decision is JSON, which has no place for other bytes. */
static bool are_utf8(const struct troth_decision *d)
{
    const struct troth_text texts[] = {d->agent, d->contract, d->by, d->reason, d->term, d->topic};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].data != NULL && !troth_utf8_check(texts[i].data, texts[i].length)) {
            return false;
        }
    }
    return true;
}

troth_status troth_decision_decode(const void *bytes, size_t length,
                                   struct troth_decision *decision)
{
    struct record_reader reader = {
        .next = bytes, .end = (const uint8_t *)bytes + length, .status = TROTH_OK};
    struct troth_decision d = {
        .position = -1, .offset = -1, .partition = -1, .expected = TROTH_RUNG_COUNT};
    record_fixed(&reader, d.id, sizeof d.id);
    d.agent = record_text(&reader, TROTH_AGENT_LENGTH_MAX);
    d.contract = record_text(&reader, TROTH_NAME_LENGTH_MAX);
    d.action = (uint8_t)record_index(&reader, TROTH_ACTION_COUNT);
    d.by = record_text(&reader, TROTH_DECISION_BY_MAX);
    d.reason = record_text(&reader, TROTH_DECISION_REASON_MAX);
    d.at_us = record_long(&reader);
    d.term = read_optional_text(&reader, TROTH_NAME_LENGTH_MAX);
    d.until_us = record_branch(&reader) ? record_long(&reader) : 0;
    d.topic = read_optional_text(&reader, TROTH_TEXT_LENGTH_MAX);
    d.partition = record_branch(&reader) ? (int32_t)record_long_in(&reader, 0, INT32_MAX) : -1;
    d.offset = record_branch(&reader) ? record_long(&reader) : -1;
    d.expected = record_branch(&reader) ? (uint8_t)record_index(&reader, TROTH_RUNG_COUNT)
                                        : (uint8_t)TROTH_RUNG_COUNT;
    const troth_status status = record_finish(&reader);
    if (status != TROTH_OK) {
        return status;
    }
    if (troth_decision_check(&d) != NULL || !are_utf8(&d)) {
        return TROTH_INVALID;
    }
    *decision = d;
    return TROTH_OK;
}
