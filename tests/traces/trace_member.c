#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schemas/assert.h"
#include "tests/support/commit.h"
#include "tests/traces/trace.h"

#define POLL_US   INT64_C(50000)
#define ANSWER_US INT64_C(20000000)

void trace_say(struct trace_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length =
        vsnprintf(text->data + text->length, sizeof text->data - text->length, format, arguments);
    va_end(arguments);
    TROTH_ASSERT(length >= 0 && text->length + (size_t)length < sizeof text->data);
    text->length += (size_t)length;
}

void trace_say_record(struct trace_text *text, int64_t offset, const char *key, size_t key_length,
                      const char *value, size_t value_length)
{
    trace_say(text, " %" PRId64 ":", offset);
    if (key != NULL) {
        trace_say(text, "'%.*s'", (int)key_length, key);
    }
    if (value != NULL) {
        trace_say(text, "='%.*s'", (int)value_length, value);
    }
}

void trace_say_step(struct trace_text *text, const struct trace_step *step)
{
    static const char *const acts[] = {"done",
                                       "open",
                                       "close",
                                       "kill",
                                       "freeze",
                                       "thaw",
                                       "poll",
                                       "poll to the end of",
                                       "poll for an event",
                                       "poll for a failure",
                                       "settle",
                                       "extent of",
                                       "catch up with",
                                       "start",
                                       "recall",
                                       "recalled",
                                       "send",
                                       "flush",
                                       "commit",
                                       "feed",
                                       "feed in a transaction",
                                       "end that transaction",
                                       "trim",
                                       "see",
                                       "the group"};
    const bool others = step->act >= TRACE_FEED || step->act == TRACE_SETTLE;
    trace_say(text, "%s%s",
              others              ? ""
              : step->member == 0 ? "a "
              : step->member == 1 ? "b "
                                  : "c ",
              acts[step->act]);
    if (step->act == TRACE_POLL || step->act == TRACE_POLL_END || step->act == TRACE_CATCH_UP ||
        step->act == TRACE_SEND || (step->act >= TRACE_FEED && step->act < TRACE_GROUP)) {
        trace_say(text, " %s", troth_topic_name(step->topic));
    }
    if (step->act >= TRACE_EXTENT && step->act < TRACE_GROUP && step->act != TRACE_COMMIT) {
        trace_say(text, " [%" PRId32 "]", step->partition);
    }
    if (step->value != NULL) {
        trace_say(text, " %.20s", step->value);
    }
    for (unsigned i = 0; step->act == TRACE_COMMIT && i < step->count; i++) {
        trace_say(text, " %" PRId32 "@%" PRId64, step->offsets[i].partition,
                  step->offsets[i].offset);
    }
    if (step->act == TRACE_START) {
        trace_say(text, " at %" PRId64, step->offset);
    }
}

/* ---- Polls. ---- */

void trace_member_init(struct trace_member *member, struct troth_log *log)
{
    memset(member, 0, sizeof *member);
    member->log = log;
    member->last_kind = -1;
}

bool trace_is_poll(const struct trace_step *step)
{
    return step->act >= TRACE_POLL && step->act <= TRACE_SETTLE;
}

static void take_event(struct trace_member *member, const struct troth_log_item *item)
{
    static const char *const kinds[] = {"record", "assigned", "revoked", "lost", "end"};
    if (member->last_kind != item->kind) {
        trace_say(&member->events, " %s", kinds[item->kind]);
    }
    member->last_kind = item->kind;
    const uint32_t bit = UINT32_C(1) << item->partition;
    trace_say(&member->events, " %" PRId32, item->partition);
    member->owned = item->kind == TROTH_LOG_ASSIGNED ? member->owned | bit : member->owned & ~bit;
}

static void take_item(struct trace_member *member, const struct troth_log_item *item)
{
    member->seen[item->kind]++;
    if (item->kind == TROTH_LOG_RECORD) {
        TROTH_ASSERT(item->partition >= 0 && item->partition < TRACE_PARTITIONS &&
                     item->timestamp_us % 1000 == 0 && item->timestamp_us > 0);
        member->waiting[item->topic]++;
        trace_say_record(&member->records[item->topic][item->partition], item->offset,
                         item->has_key ? item->key : NULL, item->key_length,
                         item->has_value ? item->value : NULL, item->value_length);
    } else if (item->kind == TROTH_LOG_END) {
        member->ended[item->topic] = true;
    } else {
        take_event(member, item);
    }
}

static bool has_come(const struct trace_member *member, int slot, const struct trace_step *step)
{
    switch (step->act) {
    case TRACE_POLL:
        return member->waiting[step->topic] >= step->count;
    case TRACE_POLL_END:
        return member->ended[step->topic];
    case TRACE_POLL_EVENT:
        return member->seen[step->kind] > 0;
    case TRACE_SETTLE:
        return member->owned == step->owned[slot] &&
               ((step->anew >> slot & 1U) == 0 || member->seen[TROTH_LOG_REVOKED] > 0);
    default:
        return member->failed != TROTH_OK;
    }
}

bool trace_member_poll(struct trace_member *member, int slot, const struct trace_step *step)
{
    static struct troth_log_item items[TROTH_BATCH_MAX];
    struct troth_log *log = member->log;
    size_t count = 0;
    if (step->act != TRACE_SETTLE && has_come(member, slot, step)) {
        return true; /* with what came before */
    }
    member->failed = log->poll(log, POLL_US, items, TROTH_BATCH_MAX, &count);
    for (size_t i = 0; member->failed == TROTH_OK && i < count; i++) {
        take_item(member, &items[i]);
    }
    return has_come(member, slot, step) || member->failed != TROTH_OK;
}

void trace_member_tell(struct trace_member *member, const struct trace_step *step,
                       struct trace_text *out)
{
    if (member->failed != TROTH_OK) {
        trace_say(out, " %s", troth_status_name(member->failed));
    }
    trace_say(out, "%s", member->events.data);
    member->events = (struct trace_text){0};
    member->last_kind = -1;
    memset(member->seen, 0, sizeof member->seen);
    if (step->act != TRACE_POLL && step->act != TRACE_POLL_END) {
        return;
    }
    for (int32_t p = 0; p < TRACE_PARTITIONS; p++) {
        struct trace_text *records = &member->records[step->topic][p];
        if (records->length > 0) {
            trace_say(out, " [%" PRId32 "]%s", p, records->data);
        }
        *records = (struct trace_text){0};
    }
    trace_say(out, "%s", member->ended[step->topic] ? " end" : "");
    member->waiting[step->topic] = 0;
    member->ended[step->topic] = false;
}

/* ---- Calls. ---- */

/* A commit, and how it ended. */
static troth_status commit(struct troth_log *log, const struct troth_log_offset *offsets,
                           size_t count)
{
    return commit_and_wait(log, offsets, count, ANSWER_US);
}

static troth_status send(struct troth_log *log, const struct trace_step *step)
{
    const struct troth_log_header header = {"reason", step->header,
                                            step->header != NULL ? strlen(step->header) : 0};
    return log->send(log, &(struct troth_log_record){
                              .topic = step->topic,
                              .partition = step->partition,
                              .key = step->key,
                              .key_length = step->key != NULL ? strlen(step->key) : 0,
                              .value = step->value,
                              .value_length = step->value != NULL ? strlen(step->value) : 0,
                              .headers = &header,
                              .header_count = step->header != NULL});
}

void trace_member_call(struct trace_member *member, const struct trace_step *step,
                       struct trace_text *out)
{
    struct troth_log *log = member->log;
    struct troth_log_extent extent = {0};
    bool reached = false;
    troth_status status = TROTH_OK;
    switch (step->act) {
    case TRACE_EXTENT:
        status = log->extent(log, step->partition, &extent);
        trace_say(out, " %" PRId64 " to %" PRId64 ", committed %" PRId64, extent.low, extent.high,
                  extent.committed);
        break;
    case TRACE_CATCH_UP:
        status = log->catch_up(log, step->topic, &reached);
        trace_say(out, " %s", reached ? "reached" : "not yet");
        break;
    case TRACE_START:
        status = log->start(log, step->partition, step->offset);
        break;
    case TRACE_RECALL:
        status = log->recall(log, step->partition);
        break;
    case TRACE_RECALLED:
        log->recalled(log, step->partition);
        break;
    case TRACE_SEND:
        status = send(log, step);
        break;
    case TRACE_FLUSH:
        status = log->flush(log, ANSWER_US);
        break;
    case TRACE_COMMIT:
        status = commit(log, step->offsets, step->count);
        break;
    default:
        status = TROTH_UNSUPPORTED; /* no call of a member's */
    }
    trace_say(out, " %s", troth_status_name(status));
}
