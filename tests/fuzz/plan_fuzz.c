/*
 * Claim: no text, however hostile, makes the compiler of writers' schemas do more than refuse it
 * with a reason; and a plan that it makes ends on records of zeros, ones and counts without end.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "consumers/avro/decode.h"
#include "consumers/avro/plan.h"
#include "schemas/assert.h"

static struct troth_plan plan;
static struct troth_scratch scratch;
static uint8_t record[4096];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t fills[] = {0x00, 0x01, 0x02, 0x7e, 0xff};
    struct troth_plan_problem problem;
    struct troth_event event;
    const char *text = size == 0 ? "" : (const char *)data;
    memset(&problem, 'x', sizeof problem);
    troth_status status = troth_plan_compile(text, size, &plan, &problem);
    TROTH_ASSERT(memchr(problem.text, '\0', sizeof problem.text) != NULL);
    TROTH_ASSERT((status == TROTH_OK) == (problem.text[0] == '\0'));
    if (status != TROTH_OK) {
        return 0;
    }
    for (size_t i = 0; i < sizeof fills; i++) {
        memset(record, fills[i], sizeof record);
        status = troth_decode(&plan, record, sizeof record, &event, &scratch);
        TROTH_ASSERT(status < TROTH_STATUS_COUNT);
    }
    return 0;
}
