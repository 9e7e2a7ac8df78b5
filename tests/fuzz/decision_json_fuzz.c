/*
 * Claim: no line, however hostile, makes the reader of decisions in JSON Lines do more than say no,
 * with a message; and a decision that it accepts is within the limits, at a time from 1970 to 2199,
 * and is one as a record, too.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "consumers/decision_record.h"
#include "schemas/assert.h"
#include "schemas/decision_json.h"
#include "schemas/event_json.h"

static struct troth_decision_arena arena;
static uint8_t buffer[TROTH_DECISION_RECORD_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char message[TROTH_EVENT_MESSAGE_LENGTH];
    struct troth_decision decision;
    struct troth_decision again;
    int64_t recorded_at_us = -1;
    const char *text = size == 0 ? "" : (const char *)data;
    memset(message, 'x', sizeof message);
    const troth_status status = troth_decision_json_parse(text, size, &arena, &decision,
                                                          &recorded_at_us, message, sizeof message);
    if (status == TROTH_NOT_FOUND) {
        return 0;
    }
    if (status != TROTH_OK) {
        TROTH_ASSERT(memchr(message, '\0', sizeof message) != NULL && message[0] != '\0');
        return 0;
    }
    TROTH_ASSERT(troth_decision_check(&decision) == NULL);
    TROTH_ASSERT(recorded_at_us >= 0 && recorded_at_us < TROTH_EVENT_TIME_END_US);
    const size_t length = troth_decision_encode(&decision, buffer);
    TROTH_ASSERT(troth_decision_decode(buffer, length, &again) == TROTH_OK);
    TROTH_ASSERT(memcmp(again.id, decision.id, sizeof again.id) == 0);
    TROTH_ASSERT(again.action == decision.action && again.expected == decision.expected);
    return 0;
}
