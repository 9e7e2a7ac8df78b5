#include "ops/recording_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/event_json.h"

bool troth_recorded_log_is(const char *line, size_t length)
{
    static const char begin[] = "{\"log\":";
    return length >= sizeof begin - 1 && memcmp(line, begin, sizeof begin - 1) == 0;
}

bool troth_recorded_log_parse(const char *line, size_t length, struct troth_recorded_log *log)
{
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    const char *topic = NULL;
    json_int_t partition = 0;
    json_int_t era = 0;
    json_int_t offset = 0;
    const bool good = json_unpack(object, "{s:{s:s, s:I, s:I, s:I!}!}", "log", "topic", &topic,
                                  "partition", &partition, "era", &era, "offset", &offset) == 0 &&
                      strlen(topic) < sizeof log->topic && partition >= 0 &&
                      partition <= INT32_MAX && era >= 0 && offset >= 0;
    if (good) {
        *log = (struct troth_recorded_log){
            .partition = (int32_t)partition, .era = era, .offset = offset};
        memcpy(log->topic, topic, strlen(topic) + 1);
    }
    json_decref(object);
    return good;
}

/* In object: of the line. In contract: not NULL. */
static troth_status parse_document(json_t *object, struct troth_contract *contract,
                                   int64_t *recorded_at_us, char *message, size_t capacity)
{
    json_t *document = json_object_get(object, "contract");
    const json_t *recorded = json_object_get(object, "recorded_at");
    const json_int_t time_us = json_integer_value(recorded);
    if (!json_is_integer(recorded) || time_us < 0 || time_us >= TROTH_EVENT_TIME_END_US ||
        json_object_size(object) != 2) {
        snprintf(message, capacity, "contract: must have recorded_at, a time, alone beside it");
        return TROTH_INVALID;
    }
    struct troth_problems *problems = calloc(1, sizeof *problems);
    char *text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(17));
    troth_status status = TROTH_NO_MEMORY;
    if (problems != NULL && text != NULL) {
        status = troth_contract_parse(text, strlen(text), contract, problems);
    }
    if (status == TROTH_INVALID) {
        snprintf(message, capacity, "contract.%.80s: %.150s", problems->items[0].key,
                 problems->items[0].text);
    } else if (status != TROTH_OK) {
        snprintf(message, capacity, "no memory for a contract");
    }
    free(text);
    free(problems);
    *recorded_at_us = time_us;
    return status;
}

troth_status troth_recorded_contract_parse(const char *line, size_t length,
                                           struct troth_contract *contract, int64_t *recorded_at_us,
                                           char *message, size_t capacity)
{
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    const bool is_contract = json_is_object(json_object_get(object, "contract"));
    const troth_status status =
        is_contract ? parse_document(object, contract, recorded_at_us, message, capacity)
                    : TROTH_NOT_FOUND;
    json_decref(object);
    return status;
}
