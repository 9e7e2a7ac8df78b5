/*
 * Claim: no bytes, read by whatever writer's schema, make the decoder do more than refuse them; and
 * an event that it accepts keeps every rule, encodes, and decodes to the same event.
 *
 * The first byte picks the writer: 0 the embedded schema, 1 one that makes the decoder skip every
 * type there is, others one made up from that number (tests/oracle/evolve.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "consumers/avro/decode.h"
#include "consumers/avro/encode.h"
#include "consumers/check.h"
#include "schemas/assert.h"
#include "schemas/avsc.h"
#include "tests/oracle/evolve.h"

static const char skipping[] =
    "{\"type\":\"record\",\"name\":\"AgentEvent\",\"fields\":["
    "{\"name\":\"nothings\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
    "{\"name\":\"tree\",\"type\":{\"type\":\"record\",\"name\":\"Tree\",\"fields\":["
    "{\"name\":\"many\",\"type\":{\"type\":\"array\",\"items\":\"Tree\"}},"
    "{\"name\":\"one\",\"type\":[\"null\",\"Tree\",\"boolean\",\"double\"]},"
    "{\"name\":\"named\",\"type\":{\"type\":\"map\",\"values\":[\"float\",\"bytes\"]}}]}},"
    "{\"name\":\"id\",\"type\":{\"type\":\"fixed\",\"name\":\"EventId\",\"size\":16}},"
    "{\"name\":\"agent\",\"type\":[\"bytes\",\"int\",\"string\"]},"
    "{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":[\"TASK\"]}}]}";

static struct {
    bool compiled;
    struct troth_plan plan;
} writers[256];

static struct troth_scratch scratches[2];
static uint8_t buffer[TROTH_RECORD_LENGTH_MAX];

static const struct troth_plan *find_plan(uint8_t number)
{
    static struct evolution evolution;
    struct troth_plan_problem problem;
    if (!writers[number].compiled) {
        const char *text = troth_avsc_agent_event;
        size_t length = troth_avsc_agent_event_length;
        if (number == 1) {
            text = skipping;
            length = sizeof skipping - 1;
        } else if (number > 1) {
            evolution.state = number;
            evolution.keep_names = true;
            evolve(&evolution);
            text = evolution.json;
            length = evolution.length;
        }
        TROTH_ASSERT(troth_plan_compile(text, length, &writers[number].plan, &problem) == TROTH_OK);
        writers[number].compiled = true;
    }
    return &writers[number].plan;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_event event;
    struct troth_event again;
    uint32_t field;
    size_t length;
    if (size == 0) {
        return 0;
    }
    troth_status status =
        troth_decode(find_plan(data[0]), data + 1, size - 1, &event, &scratches[0]);
    if (status != TROTH_OK) {
        TROTH_ASSERT(status == TROTH_UNDECODABLE || status == TROTH_OVER_LIMIT ||
                     status == TROTH_INVALID);
        TROTH_ASSERT(scratches[0].failed_field <= TROTH_FIELD_COUNT);
        return 0;
    }
    TROTH_ASSERT(troth_event_check(&event, &field) == TROTH_OK);
    status = troth_encode(&event, buffer, sizeof buffer, &length);
    if (status == TROTH_OVER_LIMIT) {
        return 0; /* a shorter form of another writer's may not fit in ours */
    }
    TROTH_ASSERT(status == TROTH_OK);
    status = troth_decode(find_plan(0), buffer, length, &again, &scratches[1]);
    TROTH_ASSERT(status == TROTH_OK);
    TROTH_ASSERT(again.present == event.present && again.at_us == event.at_us);
    TROTH_ASSERT(again.verdict_count == event.verdict_count);
    TROTH_ASSERT(again.attribute_count == event.attribute_count);
    TROTH_ASSERT(memcmp(again.id, event.id, sizeof event.id) == 0);
    return 0;
}
