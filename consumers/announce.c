#include "consumers/announce.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void troth_time_write(int64_t time_us, char text[TROTH_TIME_LENGTH])
{
    const time_t seconds = (time_t)(time_us / 1000000);
    struct tm parts;
    char date[24];
    gmtime_r(&seconds, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, TROTH_TIME_LENGTH, "%.19s.%06" PRId64 "Z", date, time_us % 1000000);
}

static struct troth_log_header header(const char *name, const char *value)
{
    return (struct troth_log_header){name, value, strlen(value)};
}

/* Fills in the record of an object, which is taken. In type: static text. In agent: the key. */
static troth_status announce(struct troth_announcement *announcement,
                             const struct troth_report_origin *origin, json_t *object,
                             const char *type, struct troth_text agent, int64_t decided_at_us)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    if (id != NULL) {
        snprintf(announcement->id, sizeof announcement->id, "%s", id);
    }
    announcement->json = id != NULL ? json_dumps(object, TROTH_REPORT_FLAGS) : NULL;
    json_decref(object);
    if (announcement->json == NULL) {
        return TROTH_NO_MEMORY;
    }
    troth_time_write(decided_at_us, announcement->time);
    snprintf(announcement->source, sizeof announcement->source, "/troth/%.255s/%" PRId32,
             origin->topic, origin->partition);
    struct troth_log_header *headers = announcement->headers;
    headers[0] = header("content-type", "application/json");
    headers[1] = header("ce_specversion", "1.0");
    headers[2] = header("ce_id", announcement->id);
    headers[3] = header("ce_source", announcement->source);
    headers[4] = header("ce_type", type);
    headers[5] = header("ce_time", announcement->time);
    headers[6] = (struct troth_log_header){"ce_subject", agent.data, agent.length};
    announcement->record = (struct troth_log_record){.topic = TROTH_TOPIC_INTERVENTIONS,
                                                     .partition = TROTH_ANY_PARTITION,
                                                     .key = agent.data,
                                                     .key_length = agent.length,
                                                     .value = announcement->json,
                                                     .value_length = strlen(announcement->json),
                                                     .headers = headers,
                                                     .header_count = TROTH_ANNOUNCEMENT_HEADERS};
    return TROTH_OK;
}

troth_status troth_announce(struct troth_announcement *announcement,
                            const struct troth_report_origin *origin,
                            const struct troth_intervention *intervention)
{
    return announce(announcement, origin, troth_report_intervention(origin, intervention),
                    intervention->narrowing ? "troth.narrowing" : "troth.widening",
                    intervention->agent, intervention->decided_at_us);
}

troth_status troth_announce_ruling(struct troth_announcement *announcement,
                                   const struct troth_report_origin *origin,
                                   const struct troth_decision *decision,
                                   const struct troth_ruled *ruled, int64_t pointer_offset,
                                   int64_t decided_at_us)
{
    return announce(announcement, origin,
                    troth_report_ruling(origin, decision, ruled, pointer_offset, decided_at_us),
                    "troth.ruling", decision->agent, decided_at_us);
}
