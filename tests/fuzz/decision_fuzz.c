/*
 * Claim: no bytes, read as a record of troth.decisions, make the decoder do more than refuse them;
 * and one that it takes is within the limits, encodes, and decodes to the same decision again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "consumers/decision_record.h"
#include "schemas/assert.h"

static uint8_t buffers[2][TROTH_DECISION_RECORD_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_decision decision;
    struct troth_decision again;
    const troth_status status = troth_decision_decode(data, size, &decision);
    if (status != TROTH_OK) {
        TROTH_ASSERT(status == TROTH_UNDECODABLE || status == TROTH_OVER_LIMIT ||
                     status == TROTH_INVALID);
        return 0;
    }
    TROTH_ASSERT(troth_decision_check(&decision) == NULL);
    const size_t length = troth_decision_encode(&decision, buffers[0]);
    TROTH_ASSERT(troth_decision_decode(buffers[0], length, &again) == TROTH_OK);
    TROTH_ASSERT(troth_decision_encode(&again, buffers[1]) == length);
    TROTH_ASSERT(memcmp(buffers[0], buffers[1], length) == 0);
    return 0;
}
