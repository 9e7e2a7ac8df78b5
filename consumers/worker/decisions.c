/*
 * Decisions: the book is filled from their topic, telemetry is pointed to what is in it for a
 * partition's agents, and where such a pointer is read back the decision is taken, once
 * (schemas/decisions.md).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/announce.h"
#include "consumers/worker/state.h"
#include "scoring/agents.h"

enum {
    READ_TRIES = 10, /* of READ_US each, for a record that a dispute names */
    POINTERS_AT_ONCE = 256
};
#define READ_US INT64_C(2000000)

void troth_worker_take_decision(struct troth_worker *worker, const struct troth_log_item *item)
{
    const char *reason = NULL;
    const struct troth_control_record record = troth_worker_record_of(worker, item);
    const troth_status status = troth_book_take(worker->book, &record, &reason);
    if (status == TROTH_NO_MEMORY) {
        worker->broken = status; /* made anew, the worker reads it again */
    }
    if (status == TROTH_REFUSED) {
        worker->counts.distrusted_decisions[troth_book_distrust(worker->book)]++;
    }
    if (status != TROTH_OK) {
        worker->counts.decisions_unreadable += status != TROTH_REFUSED;
        troth_worker_say(worker, TROTH_LEVEL_WARNING, "decision at offset %" PRId64 " refused: %s",
                         item->offset, reason);
    }
}

/* Whether the standing that a decision is of has taken it. */
static bool was_taken(const struct troth_partition *partition,
                      const struct troth_decision *decision)
{
    uint32_t standings[TROTH_CONTRACTS_MAX];
    uint32_t count =
        troth_shard_of_agent(partition->shard, decision->agent, standings, TROTH_CONTRACTS_MAX);
    count = count < TROTH_CONTRACTS_MAX ? count : TROTH_CONTRACTS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct troth_docket *docket = troth_shard_docket_of(partition->shard, standings[i]);
        if (docket != NULL &&
            troth_shard_is_under(partition->shard, standings[i], decision->contract)) {
            return troth_docket_took(docket, decision->position);
        }
    }
    return false;
}

static bool is_of(const struct troth_worker *worker, const struct troth_partition *partition,
                  const struct troth_decision *decision)
{
    struct troth_log *log = worker->config.log;
    return troth_partition_of(worker->config.partitioner, decision->agent.data,
                              decision->agent.length, log->partitions(log)) == partition->number;
}

static bool was_ruled(const struct troth_partition *partition, int64_t offset)
{
    bool ruled = offset <= partition->decided;
    for (unsigned i = 0; i < partition->ruled_count; i++) {
        ruled |= partition->ruled[i] == offset;
    }
    return ruled;
}

/* Notes that a decision was ruled. Where too many are ahead of one that was not, it is not noted,
 * and pointed to again, for nothing. */
static void note_ruled(const struct troth_worker *worker, struct troth_partition *partition,
                       int64_t offset)
{
    const struct troth_book *book = worker->book;
    if (was_ruled(partition, offset)) {
        return;
    }
    if (partition->ruled_count < TROTH_RULED_AHEAD) {
        partition->ruled[partition->ruled_count++] = offset;
    }
    uint32_t next = troth_book_from(book, partition->decided + 1);
    for (; next < troth_book_count(book); next++) {
        const struct troth_decision *decision = &troth_book_entry(book, next)->decision;
        if (is_of(worker, partition, decision) && !was_ruled(partition, decision->position) &&
            !was_taken(partition, decision)) {
            break;
        }
        partition->decided = decision->position;
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < partition->ruled_count; i++) {
        if (partition->ruled[i] > partition->decided) {
            partition->ruled[kept++] = partition->ruled[i];
        }
    }
    partition->ruled_count = kept;
}

/* What was pointed to and is not read back is behind `decision_pointed`. */
void troth_worker_point_to_decisions(struct troth_worker *worker, struct troth_partition *partition)
{
    unsigned sent = 0;
    if (partition->decision_pointed < partition->decided) {
        partition->decision_pointed = partition->decided;
    }
    for (uint32_t i = troth_book_from(worker->book, partition->decision_pointed + 1);
         i < troth_book_count(worker->book); i++) {
        const struct troth_decision *decision = &troth_book_entry(worker->book, i)->decision;
        if (sent == POINTERS_AT_ONCE) {
            partition->check_pointers = true;
            return;
        }
        if (is_of(worker, partition, decision) && !was_ruled(partition, decision->position) &&
            !was_taken(partition, decision)) {
            troth_worker_point(worker, partition, TROTH_TOPIC_DECISIONS, decision->position);
            sent++;
        }
        partition->decision_pointed = decision->position;
    }
}

bool troth_worker_is_decision(const struct troth_worker *worker, int64_t offset, int64_t time_us)
{
    const uint32_t number = troth_book_find(worker->book, offset);
    return number < TROTH_BOOK_MAX && troth_book_entry(worker->book, number)->time_us < time_us;
}

/* Reads the record again that a dispute names. Out event: points into the record, until the log is
 * asked for another. Returns whether there is one that is an event of the agent's partition. What
 * does not answer breaks the worker: nothing may be ruled on what is not known. */
static bool read_disputed(struct troth_worker *worker, const struct troth_partition *partition,
                          const struct troth_decision *decision, struct troth_event *event,
                          struct troth_scratch *scratch, int64_t *timestamp_us)
{
    struct troth_log *log = worker->config.log;
    struct troth_log_item item;
    const char *topic = worker->config.telemetry_topic;
    if (decision->topic.data == NULL || decision->partition != partition->number ||
        decision->offset >= partition->next_offset || decision->topic.length != strlen(topic) ||
        memcmp(decision->topic.data, topic, decision->topic.length) != 0 ||
        log->read_back == NULL) {
        return false;
    }
    troth_status status = TROTH_TIMED_OUT;
    for (unsigned i = 0; i < READ_TRIES && status != TROTH_OK && status != TROTH_NOT_FOUND; i++) {
        troth_worker_will_wait(worker, READ_US);
        status = log->read_back(log, partition->number, decision->offset, READ_US, &item);
    }
    if (status != TROTH_OK && status != TROTH_NOT_FOUND) {
        troth_worker_say(worker, TROTH_LEVEL_ERROR,
                         "the record that a dispute names, telemetry[%" PRId32 "] at %" PRId64
                         ", could not be read: %s; nothing is ruled on it, and what came after the "
                         "last commit is read again",
                         partition->number, decision->offset, log->error(log));
        worker->broken = TROTH_REFUSED;
        return false;
    }
    struct troth_reason reason;
    *timestamp_us = status == TROTH_OK ? item.timestamp_us : 0;
    return status == TROTH_OK &&
           troth_worker_read_event(worker, &item, event, scratch, &reason) == TROTH_OK;
}

/* Says what became of a decision, in the transaction of what it did. */
static void send_ruling(struct troth_worker *worker, const struct troth_partition *partition,
                        const struct troth_log_item *pointer, const struct troth_decision *decision,
                        const struct troth_ruled *ruled)
{
    struct troth_announcement announcement;
    const struct troth_report_origin origin = {worker->config.telemetry_topic, partition->number,
                                               worker->config.era};
    const int64_t clock_us = troth_shard_clock_us(partition->shard);
    worker->counts.rulings[ruled->ruling]++;
    if (troth_announce_ruling(&announcement, &origin, decision, ruled, pointer->offset, clock_us) !=
        TROTH_OK) {
        worker->broken = TROTH_NO_MEMORY;
        return;
    }
    troth_worker_send(worker, &announcement.record);
    worker->told = true;
    free(announcement.json);
}

/* What is not believed never reaches the shard, where it would be remembered and keep others from
 * being so; that it was refused is told once, as of any decision. */
static void refuse(struct troth_worker *worker, const struct troth_partition *partition,
                   const struct troth_log_item *pointer, const struct troth_booked *booked)
{
    const struct troth_ruled ruled = {.ruling = TROTH_RULING_NOT_BELIEVED,
                                      .from = TROTH_RUNG_COUNT,
                                      .to = TROTH_RUNG_COUNT,
                                      .standing = TROTH_NONE};
    if (!was_ruled(partition, booked->decision.position) &&
        pointer->offset >= partition->restored_until) {
        send_ruling(worker, partition, pointer, &booked->decision, &ruled);
    }
}

static void take(struct troth_worker *worker, struct troth_partition *partition,
                 const struct troth_log_item *pointer, const struct troth_decision *decision)
{
    struct troth_event event;
    struct troth_scratch scratch;
    struct troth_disputed disputed = {.event = &event};
    const bool found =
        read_disputed(worker, partition, decision, &event, &scratch, &disputed.timestamp_us);
    if (worker->broken != TROTH_OK) {
        return;
    }
    const struct troth_ruled ruled =
        troth_shard_decide(partition->shard, decision, found ? &disputed : NULL);
    const bool told = ruled.from == TROTH_RUNG_COUNT && was_ruled(partition, decision->position);
    if (ruled.ruling == TROTH_RULING_COUNT || told || pointer->offset < partition->restored_until) {
        return; /* it was taken, and told, before */
    }
    send_ruling(worker, partition, pointer, decision, &ruled);
}

void troth_worker_follow_decision(struct troth_worker *worker, struct troth_partition *partition,
                                  const struct troth_log_item *pointer, int64_t offset,
                                  int64_t time_us)
{
    const struct troth_book *book = worker->book;
    const uint32_t number = troth_book_find(book, offset);
    if (!troth_worker_is_decision(worker, offset, time_us)) {
        if (number < TROTH_BOOK_MAX && partition->decision_pointed >= offset) {
            /* Our own, by a clock that is behind the decisions' broker's. */
            partition->decision_pointed = partition->decided;
            troth_worker_point_again(worker, partition);
        }
        return;
    }
    const struct troth_booked *booked = troth_book_entry(book, number);
    if (is_of(worker, partition, &booked->decision)) { /* else forged: it is another partition's */
        if (booked->distrust == TROTH_DISTRUST_COUNT) {
            take(worker, partition, pointer, &booked->decision);
        } else {
            refuse(worker, partition, pointer, booked);
        }
        note_ruled(worker, partition, offset);
    }
}
