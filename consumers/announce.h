/*
 * An intervention as a record of the interventions topic: JSON in CloudEvents' binary mode for
 * Kafka (CloudEvents 1.0, Kafka protocol binding).
 */
#ifndef TROTH_CONSUMERS_ANNOUNCE_H
#define TROTH_CONSUMERS_ANNOUNCE_H

#include "consumers/log.h"
#include "consumers/report.h"

enum { TROTH_ANNOUNCEMENT_HEADERS = 7, TROTH_TIME_LENGTH = 32 };

/* The record and what it points at. The JSON is the caller's to free; the record lives as long as
 * the announcement, the JSON and the intervention. */
struct troth_announcement {
    struct troth_log_record record;
    struct troth_log_header headers[TROTH_ANNOUNCEMENT_HEADERS];
    char id[TROTH_ID_LENGTH + 1];
    char time[TROTH_TIME_LENGTH]; /* of the decision, RFC 3339 */
    char source[288];
    char *json;
};

/* Out announcement: of the intervention. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_announce(struct troth_announcement *announcement,
                            const struct troth_report_origin *origin,
                            const struct troth_intervention *intervention);

/* Out announcement: of what became of a decision, type troth.ruling (schemas/decisions.md). In
 * pointer_offset, decided_at_us: as troth_report_ruling. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_announce_ruling(struct troth_announcement *announcement,
                                   const struct troth_report_origin *origin,
                                   const struct troth_decision *decision,
                                   const struct troth_ruled *ruled, int64_t pointer_offset,
                                   int64_t decided_at_us);

/* Out text: a time of microseconds since 1970 as RFC 3339 in UTC, as 2026-11-24T10:52:16.000000Z.
 */
void troth_time_write(int64_t time_us, char text[TROTH_TIME_LENGTH]);

#endif
