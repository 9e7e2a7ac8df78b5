#include "ops/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/message.h"
#include "schemas/decision_json.h"
#include "schemas/event_json.h"

enum { COMPLAINTS_MAX = 20 }; /* lines that are complained of one by one */

/* Lines that were read ahead, and what a decision among them rests on. */
struct group {
    struct troth_recorded recorded;
    struct troth_event events[TROTH_PREFETCH];
    struct troth_event_arena arenas[TROTH_PREFETCH];
    struct troth_decision_arena decided;
    struct troth_event_arena disputed;
};

static void complain(struct troth_recording *recording, const char *message)
{
    recording->unreadable++;
    if (recording->unreadable <= COMPLAINTS_MAX) {
        troth_message_error("%s:%" PRIu64 ": %s", recording->path, recording->lines, message);
    } else if (recording->unreadable == COMPLAINTS_MAX + 1) {
        troth_message_error("%s: more such lines are counted, not told", recording->path);
    }
}

static void give(struct troth_recording *recording, struct group *group)
{
    if (group->recorded.count > 0) {
        recording->on_records(recording->context, &group->recorded);
    }
    group->recorded.count = 0;
}

/* Reads an earlier record of the file again, as a dispute asks. Returns false where there is none,
 * or the file can be read only once. */
static bool read_again(const char *path, int64_t offset, struct troth_event_arena *arena,
                       struct troth_event *event, int64_t *recorded_at_us)
{
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "rb") : NULL;
    char message[TROTH_EVENT_MESSAGE_LENGTH];
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = -1;
    struct troth_recorded_log log;
    bool there = false;
    int64_t next = 0;
    while (!there && file != NULL && (length = getline(&line, &capacity, file)) >= 0) {
        if (troth_recorded_log_is(line, (size_t)length)) {
            next = troth_recorded_log_parse(line, (size_t)length, &log) ? log.offset : next;
        } else {
            there = next++ == offset;
        }
    }
    const bool found =
        there && troth_event_json_parse(line, (size_t)length, arena, event, recorded_at_us, message,
                                        sizeof message) == TROTH_OK;
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* Whether a dispute is of a record of this log, as far as the log is known. */
static bool is_of_log(const struct troth_recording *recording,
                      const struct troth_decision *decision)
{
    const struct troth_recorded_log *log = &recording->log;
    const size_t length = strlen(log->topic);
    return length == 0 ||
           (decision->partition == log->partition && decision->topic.length == length &&
            memcmp(decision->topic.data, log->topic, length) == 0);
}

/* Takes a line that is a decision: it takes effect here, as where the log points to it. Returns why
 * it is none. */
static troth_status take_decision(struct troth_recording *recording, struct group *group,
                                  const char *line, size_t length, char *message, size_t capacity)
{
    struct troth_decision decision;
    struct troth_event event;
    struct troth_disputed disputed = {.event = &event};
    struct troth_recorded_decision given = {.decision = &decision,
                                            .offset = recording->next_offset - 1};
    const troth_status status = troth_decision_json_parse(line, length, &group->decided, &decision,
                                                          &given.recorded_at_us, message, capacity);
    if (status != TROTH_OK) {
        return status;
    }
    give(recording, group);
    if (decision.offset >= 0 && decision.offset < given.offset && is_of_log(recording, &decision) &&
        read_again(recording->path, decision.offset, &group->disputed, &event,
                   &disputed.timestamp_us)) {
        given.disputed = &disputed;
    }
    recording->on_decision(recording->context, &given);
    return TROTH_OK;
}

/* Likewise of one that is a contract. */
static troth_status take_contract(struct troth_recording *recording, struct group *group,
                                  const char *line, size_t length, char *message, size_t capacity)
{
    struct troth_contract *contract = malloc(sizeof *contract);
    struct troth_recorded_contract given = {.contract = contract,
                                            .offset = recording->next_offset - 1};
    if (contract == NULL) {
        snprintf(message, capacity, "no memory for a contract");
        return TROTH_NO_MEMORY;
    }
    const troth_status status = troth_recorded_contract_parse(
        line, length, contract, &given.recorded_at_us, message, capacity);
    if (status == TROTH_OK) {
        give(recording, group);
        recording->on_contract(recording->context, &given);
    }
    free(contract);
    return status;
}

static void take_log(struct troth_recording *recording, struct group *group, const char *line,
                     size_t length)
{
    struct troth_recorded_log log;
    recording->lines++;
    if (!troth_recorded_log_parse(line, length, &log)) {
        complain(recording, "log: must have topic, partition, era and offset");
        return;
    }
    if (log.offset < recording->next_offset) {
        complain(recording, "log: offset: must be past that of the record before it");
        return;
    }
    give(recording, group);
    recording->log = log;
    recording->next_offset = log.offset;
    recording->on_log(recording->context, &recording->log);
}

static void take_line(struct troth_recording *recording, struct group *group, const char *line,
                      size_t length)
{
    char why_not[TROTH_EVENT_MESSAGE_LENGTH];
    char message[TROTH_EVENT_MESSAGE_LENGTH];
    struct troth_recorded *recorded = &group->recorded;
    const unsigned i = recorded->count;
    recorded->offsets[i] = recording->next_offset++;
    recorded->events[i] = &group->events[i];
    recording->lines++;
    if (troth_event_json_parse(line, length, &group->arenas[i], &group->events[i],
                               &recorded->recorded_at_us[i], message, sizeof message) == TROTH_OK) {
        recorded->count++;
        return;
    }
    troth_status status = take_decision(recording, group, line, length, why_not, sizeof why_not);
    if (status == TROTH_NOT_FOUND) {
        status = take_contract(recording, group, line, length, why_not, sizeof why_not);
    }
    if (status != TROTH_OK) {
        complain(recording, status == TROTH_NOT_FOUND ? message : why_not);
    }
}

bool troth_recording_read(struct troth_recording *recording)
{
    const bool standard = strcmp(recording->path, "-") == 0;
    FILE *file = standard ? stdin : fopen(recording->path, "rb");
    struct group *group = malloc(sizeof *group);
    char *line = NULL;
    size_t capacity = 0;
    if (file == NULL || group == NULL) {
        troth_message_error("%s: %s", recording->path, strerror(errno));
        free(group);
        if (file != NULL && !standard) {
            fclose(file);
        }
        return false;
    }
    group->recorded.count = 0;
    for (ssize_t length = 0; (length = getline(&line, &capacity, file)) >= 0;) {
        if (troth_recorded_log_is(line, (size_t)length)) {
            take_log(recording, group, line, (size_t)length);
        } else if (length > 1 || (length == 1 && line[0] != '\n')) {
            take_line(recording, group, line, (size_t)length);
        } else {
            recording->lines++;
            recording->next_offset++;
        }
        if (group->recorded.count == recording->group) {
            give(recording, group);
        }
    }
    give(recording, group);
    const bool failed = ferror(file) != 0;
    if (failed) {
        troth_message_error("%s: %s", recording->path, strerror(errno));
    }
    if (!standard) {
        fclose(file);
    }
    free(line);
    free(group);
    return !failed;
}

bool troth_recording_is_whole(const struct troth_recording *recording)
{
    if (recording->unreadable > 0) {
        troth_message_error("%" PRIu64 " of %" PRIu64 " lines could not be read",
                            recording->unreadable, recording->lines);
    }
    return recording->unreadable == 0;
}
