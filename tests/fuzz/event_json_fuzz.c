/*
 * Claim: no line, however hostile, makes the JSON Lines reader do more than say no; and a line that
 * it accepts is within the limits, writes, and reads back as the same event.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "schemas/assert.h"
#include "schemas/event_json.h"

static struct troth_event_arena arenas[2];
static char line[TROTH_EVENT_LINE_LENGTH_MAX];
static char again[TROTH_EVENT_LINE_LENGTH_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char message[TROTH_EVENT_MESSAGE_LENGTH];
    struct troth_event event;
    struct troth_event back;
    int64_t recorded_at_us;
    int64_t recorded_back_us;
    size_t length;
    size_t length_again;
    const char *text = size == 0 ? "" : (const char *)data;
    memset(message, 'x', sizeof(message));
    troth_status status = troth_event_json_parse(text, size, &arenas[0], &event, &recorded_at_us,
                                                 message, sizeof(message));
    if (status != TROTH_OK) {
        TROTH_ASSERT(memchr(message, '\0', sizeof(message)) != NULL && message[0] != '\0');
        return 0;
    }
    TROTH_ASSERT(event.agent.length <= TROTH_AGENT_LENGTH_MAX);
    TROTH_ASSERT(event.verdict_count <= TROTH_VERDICTS_MAX);
    TROTH_ASSERT(event.attribute_count <= TROTH_ATTRIBUTES_MAX);
    TROTH_ASSERT(event.at_us >= 0 && event.at_us < TROTH_EVENT_TIME_END_US);
    status = troth_event_json_write(&event, recorded_at_us, line, sizeof(line), &length);
    TROTH_ASSERT(status == TROTH_OK);
    status = troth_event_json_parse(line, length, &arenas[1], &back, &recorded_back_us, message,
                                    sizeof(message));
    TROTH_ASSERT(status == TROTH_OK && recorded_back_us == recorded_at_us);
    TROTH_ASSERT(back.present == event.present && memcmp(back.id, event.id, sizeof(back.id)) == 0);
    status = troth_event_json_write(&back, recorded_back_us, again, sizeof(again), &length_again);
    TROTH_ASSERT(status == TROTH_OK && length_again == length && memcmp(line, again, length) == 0);
    return 0;
}
