/*
 * What a member writes: a plain producer for telemetry, a transactional one for everything else.
 *
 *     send ──► queue ──► delivered, any time from now on ──► commit: offsets, checked ──► the end
 *
 * A commit goes on behind the worker's back, a stage at a time, while what is sent after it has
 * begun waits. It can break anywhere, and whatever fails is for good. One that is answered by a
 * time-out may have taken effect, may yet take effect, or never arrived.
 */
#include <string.h>

#include "consumers/partitioner.h"
#include "schemas/assert.h"
#include "tests/sim/sim_member.h"

enum { LOOK_AGAIN_US = 100000 };

static struct sim_member *member_of(struct troth_log *log)
{
    return (struct sim_member *)(void *)log;
}

static void queued_init(struct sim_queued *queued, const struct troth_log_record *record)
{
    queued->record = *record;
    TROTH_ASSERT(record->header_count <= TROTH_HEADERS_MAX);
    if (record->key != NULL) {
        queued->record.key = sim_copy_of(record->key, record->key_length);
    }
    if (record->value != NULL) {
        queued->record.value = sim_copy_of(record->value, record->value_length);
    }
    for (size_t i = 0; i < record->header_count; i++) {
        const struct troth_log_header *header = &record->headers[i];
        queued->headers[i] = (struct troth_log_header){
            sim_copy_of(header->name, strlen(header->name)),
            sim_copy_of(header->value, header->value_length), header->value_length};
    }
}

static void queued_fini(struct sim_queued *queued)
{
    free((char *)(uintptr_t)queued->record.key);
    free((char *)(uintptr_t)queued->record.value);
    for (size_t i = 0; i < queued->record.header_count; i++) {
        free((char *)(uintptr_t)queued->headers[i].name);
        free((char *)(uintptr_t)queued->headers[i].value);
    }
}

static void queue_drop(struct sim_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        queued_fini(&queue->items[i]);
    }
    queue->count = 0;
}

void sim_send_open(struct sim_member *member)
{
    member->epoch = sim_log_open_id(&member->cluster->log, member->instance);
}

void sim_send_close(struct sim_member *member)
{
    queue_drop(&member->plain);
    queue_drop(&member->transactional);
    for (size_t i = 0; i < member->tick_count; i++) {
        queued_fini(&member->ticks[i]);
    }
    member->tick_count = 0;
}

static troth_status give_up(struct sim_member *member, troth_status verdict, const char *why)
{
    snprintf(member->error, sizeof member->error, "%s", why);
    member->verdict = verdict;
    return verdict;
}

static void deliver_plain(struct sim_member *member, size_t most)
{
    struct sim_queue *queue = &member->plain;
    struct sim_cluster *cluster = member->cluster;
    const size_t arriving = most < queue->count ? most : queue->count;
    for (size_t i = 0; i < arriving; i++) {
        struct sim_queued *queued = &queue->items[i];
        queued->record.headers = queued->headers;
        const bool twice = random_below(&cluster->random, 1000) < cluster->trouble.twice;
        for (unsigned k = 0; k < 1U + twice; k++) {
            (void)sim_log_append(&cluster->log, TROTH_TOPIC_TELEMETRY, queued->record.partition,
                                 &queued->record);
        }
        queued_fini(queued);
    }
    queue->count -= arriving;
    memmove(queue->items, queue->items + arriving, queue->count * sizeof *queue->items);
}

static int32_t place_of(const struct sim_member *member, const struct troth_log_record *record)
{
    if (record->partition != TROTH_ANY_PARTITION) {
        return record->partition;
    }
    return record->key == NULL
               ? 0
               : troth_partition_of(TROTH_PARTITIONER_MURMUR2, record->key, record->key_length,
                                    member->cluster->log.partition_count);
}

/* Returns how many of those that wait may be delivered now: what a commit covers comes first, and
 * what does not comes after it. */
static size_t deliverable(const struct sim_member *member)
{
    switch ((enum sim_stage)member->commit.stage) {
    case SIM_FLUSH:
        return member->commit.records;
    case SIM_OFFSETS:
    case SIM_END:
        return 0;
    case SIM_IDLE:
    case SIM_OVER:
        break;
    }
    return member->transactional.count;
}

/* A record of the transaction arrives. The standings are compacted, and take none without a key:
 * then nothing that was sent with it stands. */
static void deliver_one(struct sim_member *member, const struct troth_log_record *record)
{
    struct sim_log *log = &member->cluster->log;
    if (record->topic == TROTH_TOPIC_STANDINGS && record->key == NULL) {
        (void)sim_log_end(log, member->instance, member->epoch, false);
        give_up(member, TROTH_REFUSED, "a compacted topic takes no record without a key");
        return;
    }
    const troth_status status = sim_log_produce(log, member->instance, member->epoch, record->topic,
                                                place_of(member, record), record);
    member->begun = true;
    if (status != TROTH_OK) {
        give_up(member, status, "a record was sent under an epoch that is over");
    }
}

static void deliver_transactional(struct sim_member *member, size_t most)
{
    struct sim_queue *queue = &member->transactional;
    const size_t may = deliverable(member);
    most = most < may ? most : may;
    size_t i = 0;
    for (; i < most && i < queue->count && member->verdict == TROTH_OK; i++) {
        struct sim_queued *queued = &queue->items[i];
        queued->record.headers = queued->headers;
        deliver_one(member, &queued->record);
        queued_fini(queued);
    }
    queue->count -= i;
    memmove(queue->items, queue->items + i, queue->count * sizeof *queue->items);
    if (member->commit.stage == SIM_FLUSH) {
        member->commit.records -= i;
    }
}

void sim_send_some(struct sim_member *member)
{
    struct sim_cluster *cluster = member->cluster;
    if (sim_brokers_are_away(cluster) || member->life.dead) {
        return;
    }
    if (random_below(&cluster->random, 4) > 0) {
        deliver_plain(member, random_below(&cluster->random, member->plain.count + 2));
    }
    if (random_below(&cluster->random, 4) > 0 && member->verdict == TROTH_OK) {
        deliver_transactional(member,
                              random_below(&cluster->random, member->transactional.count + 2));
    }
}

troth_status sim_send(struct troth_log *log, const struct troth_log_record *record)
{
    struct sim_member *member = member_of(log);
    struct sim_cluster *cluster = member->cluster;
    if (!sim_life_goes_on_awake(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    const bool plain = record->topic == TROTH_TOPIC_TELEMETRY;
    if (!plain && member->verdict != TROTH_OK) {
        return member->verdict;
    }
    struct sim_queue *queue = plain ? &member->plain : &member->transactional;
    if (queue->count == SIM_QUEUE_MAX ||
        random_below(&cluster->random, 1000) < cluster->trouble.full) {
        return TROTH_FULL;
    }
    if (plain && cluster->bug == SIM_BUG_EARLY_TICK && member->tick_count < SIM_TICKS_MAX &&
        record->key == NULL) {
        queued_init(&member->ticks[member->tick_count++], record);
    }
    queued_init(&queue->items[queue->count++], record);
    sim_send_some(member);
    return TROTH_OK;
}

/* The last step, which may be answered by a time-out. */
static troth_status end(struct sim_member *member)
{
    struct sim_cluster *cluster = member->cluster;
    struct sim_log *cluster_log = &cluster->log;
    const bool unseen = random_below(&cluster->random, 1000) < cluster->trouble.unseen;
    if (unseen || sim_coordinator_is_away(cluster)) {
        const uint64_t how = random_below(&cluster->random, 3);
        if (how == 0 && !sim_coordinator_is_away(cluster)) {
            (void)sim_log_end(cluster_log, member->instance, member->epoch, true);
        } else if (how == 1) {
            sim_log_end_late(cluster_log, member->instance, member->epoch,
                             1 + (int64_t)random_below(&cluster->random, 5 * SIM_SECOND_US));
        }
        return give_up(member, TROTH_REFUSED, "a commit timed out");
    }
    if (cluster->bug == SIM_BUG_EARLY_ANSWER && random_below(&cluster->random, 8) == 0) {
        sim_log_end_late(cluster_log, member->instance, member->epoch, 200000);
        member->begun = false;
        return TROTH_OK;
    }
    if (sim_log_end(cluster_log, member->instance, member->epoch, true) != TROTH_OK) {
        return give_up(member, TROTH_FENCED, "a transaction had been aborted by the broker");
    }
    member->begun = false;
    return TROTH_OK;
}

/* The group's check, and the offsets into the transaction. */
static troth_status add_offsets(struct sim_member *member, const struct troth_log_offset *offsets,
                                size_t count)
{
    struct sim_cluster *cluster = member->cluster;
    struct sim_membership membership = member->membership;
    if (cluster->bug == SIM_BUG_EMPTY_MEMBER) {
        bool replaced = false; /* asks the consumer now, which has heard that it was put out */
        membership.member_id =
            sim_group_knows(&cluster->group, member->instance, member->member_id, &replaced)
                ? member->member_id
                : 0;
    }
    if (sim_group_check(&cluster->group, &membership) != TROTH_OK) {
        (void)sim_log_end(&cluster->log, member->instance, member->epoch, false);
        return give_up(member, TROTH_FENCED, "the group has gone on without this member");
    }
    if (cluster->bug == SIM_BUG_SPLIT_COMMIT) {
        if (sim_log_end(&cluster->log, member->instance, member->epoch, true) != TROTH_OK ||
            !sim_life_goes_on(&member->life)) {
            return give_up(member, TROTH_FENCED, "broken between records and offsets");
        }
    }
    if (sim_log_add_offsets(&cluster->log, member->instance, member->epoch, offsets, count) !=
        TROTH_OK) {
        return give_up(member, TROTH_FENCED, "offsets were sent under an epoch that is over");
    }
    member->begun = true;
    return TROTH_OK;
}

static void hold_to_what_was_given(const struct sim_member *member,
                                   const struct troth_log_offset *offsets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct sim_reading *reading = &member->telemetry[offsets[i].partition];
        TROTH_ASSERT(!reading->started || member->cluster->bug != SIM_BUG_NONE ||
                     offsets[i].offset <= reading->next);
    }
}

/* ---- A commit's stages. ---- */

static int64_t now_us(const struct sim_member *member)
{
    return member->cluster->clock.monotonic_us;
}

static void enter(struct sim_member *member, enum sim_stage stage)
{
    member->commit.stage = (uint8_t)stage;
    member->commit.gives_up_us = now_us(member) + member->cluster->log.transaction_max_us;
}

static bool is_under_way(const struct sim_member *member)
{
    return member->commit.stage != SIM_IDLE && member->commit.stage != SIM_OVER;
}

/* One stage of a commit that is under way. Returns TROTH_TIMED_OUT where it cannot go on now, or
 * why it never will. */
static troth_status carry_out(struct sim_member *member)
{
    struct sim_commit *commit = &member->commit;
    const struct sim_cluster *cluster = member->cluster;
    switch ((enum sim_stage)commit->stage) {
    case SIM_FLUSH:
        if (sim_brokers_are_away(cluster)) {
            return TROTH_TIMED_OUT;
        }
        deliver_transactional(member, SIM_QUEUE_MAX);
        enter(member, commit->count > 0 ? SIM_OFFSETS : SIM_END);
        return member->verdict;
    case SIM_OFFSETS:
        if (sim_coordinator_is_away(cluster)) {
            return TROTH_TIMED_OUT;
        }
        enter(member, SIM_END);
        return add_offsets(member, commit->offsets, commit->count);
    case SIM_END:
        enter(member, SIM_OVER);
        return member->begun ? end(member) : TROTH_OK;
    case SIM_IDLE:
    case SIM_OVER:
        break;
    }
    return TROTH_OK;
}

/* Makes the next call a nap, once. */
static void sleep_if(struct sim_life *life, bool *wanted)
{
    life->sleeps_at = *wanted ? life->calls + 1 : life->sleeps_at;
    *wanted = false;
}

/* Goes on by one stage. In awake: no nap may come now. Returns whether it did. */
static bool go_on(struct sim_member *member, bool awake)
{
    struct sim_life *life = &member->life;
    if (!awake && member->commit.stage == SIM_END) {
        sleep_if(life, &life->sleeps_at_end);
    }
    if (!(awake ? sim_life_goes_on_awake(life) : sim_life_goes_on(life))) {
        return false;
    }
    troth_status status = carry_out(member);
    if (status == TROTH_TIMED_OUT) {
        if (now_us(member) < member->commit.gives_up_us) {
            return false;
        }
        status = give_up(member, TROTH_REFUSED, "nobody has answered in time");
    }
    if (status != TROTH_OK || member->commit.stage == SIM_OVER) {
        member->commit.stage = SIM_OVER;
        member->commit.status = status;
    }
    return true;
}

void sim_send_go_on(struct sim_member *member)
{
    while (is_under_way(member) && random_below(&member->cluster->random, 2) > 0 &&
           go_on(member, false)) {
        /* the next stage, perhaps */
    }
}

/* ---- The calls. ---- */

troth_status sim_flush(struct troth_log *log, int64_t timeout_us)
{
    struct sim_member *member = member_of(log);
    if (!sim_life_goes_on_awake(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    while (is_under_way(member) && go_on(member, true)) {
        /* what was sent since waits for it */
    }
    if (member->life.dead) {
        return TROTH_UNREACHABLE;
    }
    if (sim_brokers_are_away(member->cluster) || is_under_way(member)) {
        sim_clock_move(&member->cluster->clock, timeout_us);
        return TROTH_TIMED_OUT;
    }
    deliver_plain(member, SIM_QUEUE_MAX);
    if (member->verdict == TROTH_OK) {
        deliver_transactional(member, SIM_QUEUE_MAX);
    }
    return member->verdict;
}

troth_status sim_commit(struct troth_log *log, const struct troth_log_offset *offsets, size_t count,
                        int64_t timeout_us)
{
    struct sim_member *member = member_of(log);
    (void)timeout_us;
    sleep_if(&member->life, &member->life.sleeps_at_commit);
    if (!sim_life_goes_on(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    TROTH_ASSERT(member->commit.stage == SIM_IDLE && count <= SIM_PARTITIONS_MAX);
    if (member->abort_due && member->cluster->bug != SIM_BUG_LATE_ABORT) {
        return TROTH_FENCED;
    }
    for (size_t i = 0; i < count; i++) {
        if (!member->telemetry[offsets[i].partition].assigned) {
            return TROTH_FENCED;
        }
    }
    if (member->verdict != TROTH_OK) {
        return member->verdict;
    }
    hold_to_what_was_given(member, offsets, count);
    memcpy(member->commit.offsets, offsets, count * sizeof *offsets);
    member->commit.count = count;
    member->commit.records = member->transactional.count;
    enter(member, SIM_FLUSH);
    return TROTH_OK;
}

troth_status sim_committed(struct troth_log *log, int64_t timeout_us)
{
    struct sim_member *member = member_of(log);
    struct sim_clock *clock = &member->cluster->clock;
    const int64_t until_us = now_us(member) + timeout_us;
    if (!sim_life_goes_on(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    TROTH_ASSERT(member->commit.stage != SIM_IDLE);
    if (timeout_us == 0) {
        sim_send_go_on(member);
    }
    while (is_under_way(member) && !member->life.dead && now_us(member) < until_us) {
        if (!go_on(member, false) && !member->life.dead) {
            sim_clock_move(clock, LOOK_AGAIN_US);
        }
    }
    if (member->life.dead) {
        return TROTH_UNREACHABLE; /* it may die with the answer on its way */
    }
    if (is_under_way(member)) {
        return TROTH_TIMED_OUT;
    }
    member->commit.stage = SIM_IDLE;
    return member->commit.status;
}

/* Ends a commit whose partitions are gone: what cannot be stopped any more is waited for. */
static void stop_commit(struct sim_member *member)
{
    struct sim_commit *commit = &member->commit;
    if (commit->stage == SIM_END ||
        (commit->stage == SIM_OFFSETS && random_below(&member->cluster->random, 2) == 0)) {
        while (is_under_way(member) && !member->life.dead) {
            if (!go_on(member, false) && !member->life.dead) {
                sim_clock_move(&member->cluster->clock, LOOK_AGAIN_US);
            }
        }
    }
    commit->stage = SIM_IDLE;
}

void sim_send_abort(struct sim_member *member)
{
    struct sim_cluster *cluster = member->cluster;
    stop_commit(member);
    if (cluster->bug == SIM_BUG_LATE_ABORT) {
        member->abort_due = false;
        return;
    }
    queue_drop(&member->transactional);
    member->abort_due = false;
    if (!member->begun || member->verdict != TROTH_OK) {
        return;
    }
    member->begun = false;
    if (sim_coordinator_is_away(cluster)) {
        give_up(member, TROTH_REFUSED, "a transaction could not be aborted");
    } else if (sim_log_end(&cluster->log, member->instance, member->epoch, false) != TROTH_OK) {
        give_up(member, TROTH_FENCED, "a transaction had been aborted by the broker");
    }
}
