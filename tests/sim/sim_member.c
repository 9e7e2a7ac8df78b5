#include "tests/sim/sim_member.h"

#include <string.h>

#include "consumers/standing_record.h"
#include "schemas/assert.h"

static struct sim_member *member_of(struct troth_log *log)
{
    return (struct sim_member *)(void *)log;
}

bool sim_member_is_present(void *context)
{
    const struct sim_member *member = context;
    bool replaced = false;
    return member->membership.member_id != 0 &&
           sim_group_knows(&member->cluster->group, member->instance, member->membership.member_id,
                           &replaced) &&
           member->membership.generation == member->cluster->group.generation;
}

/* ---- The group. ---- */

static void tell(struct sim_member *member, enum troth_log_kind kind, enum troth_topic topic,
                 int32_t partition)
{
    TROTH_ASSERT(member->event_count < SIM_EVENTS_MAX);
    member->events[member->event_count++] = (struct troth_log_item){
        .kind = (uint8_t)kind, .topic = (uint8_t)topic, .partition = partition};
}

/* Takes back an event that was not given yet. Returns whether there was one. */
static bool take_back(struct sim_member *member, enum troth_log_kind kind, int32_t partition)
{
    for (size_t i = 0; i < member->event_count; i++) {
        if (member->events[i].kind == kind && member->events[i].partition == partition) {
            member->event_count--;
            memmove(&member->events[i], &member->events[i + 1],
                    (member->event_count - i) * sizeof *member->events);
            return true;
        }
    }
    return false;
}

/* All that it has is taken away. Out any: it had something. */
static bool take_away(struct sim_member *member, enum troth_log_kind kind)
{
    bool any = false;
    for (int32_t p = 0; p < member->cluster->log.partition_count; p++) {
        struct sim_reading *reading = &member->telemetry[p];
        if (!reading->assigned || (reading->leaving && kind == TROTH_LOG_REVOKED)) {
            continue;
        }
        any = true;
        const bool untold = take_back(member, TROTH_LOG_ASSIGNED, p);
        if (!untold && !reading->leaving) {
            tell(member, kind, TROTH_TOPIC_TELEMETRY, p);
        }
        if (untold || kind == TROTH_LOG_LOST) {
            *reading = (struct sim_reading){0};
        } else {
            reading->leaving = true;
            reading->started = false;
            reading->recalling = false;
        }
    }
    return any;
}

static bool has_any(const struct sim_member *member)
{
    bool any = false;
    for (int32_t p = 0; p < member->cluster->log.partition_count; p++) {
        any |= member->telemetry[p].assigned;
    }
    return any;
}

static void take_over(struct sim_member *member)
{
    struct sim_group *group = &member->cluster->group;
    const struct sim_seat *seat = &group->seats[member->instance];
    member->membership =
        (struct sim_membership){member->member_id, group->generation, member->instance};
    for (int32_t p = 0; p < member->cluster->log.partition_count; p++) {
        if ((seat->partitions >> p & 1U) != 0) {
            member->telemetry[p] = (struct sim_reading){.assigned = true};
            tell(member, TROTH_LOG_ASSIGNED, TROTH_TOPIC_TELEMETRY, p);
        }
    }
}

/* What was told is given by now, so it is done. */
static void settle_rebalance(struct sim_member *member)
{
    if (member->event_count > 0) {
        return;
    }
    if (member->abort_due) {
        sim_send_abort(member);
    }
    bool left = false;
    for (int32_t p = 0; p < member->cluster->log.partition_count; p++) {
        if (member->telemetry[p].leaving) {
            member->telemetry[p] = (struct sim_reading){0};
            left = true;
        }
    }
    if (left) {
        sim_send_abort(member);
    }
}

/* Hears of the group. Returns TROTH_OK, or TROTH_FENCED where another life goes by its name. */
static troth_status hear_of_group(struct sim_member *member)
{
    struct sim_group *group = &member->cluster->group;
    bool replaced = false;
    if (sim_coordinator_is_away(member->cluster)) {
        return TROTH_OK;
    }
    if (member->member_id != 0 &&
        !sim_group_knows(group, member->instance, member->member_id, &replaced)) {
        if (replaced) {
            snprintf(member->error, sizeof member->error, "another life goes by its name");
            return TROTH_FENCED;
        }
        member->abort_due |= take_away(member, TROTH_LOG_LOST);
        member->member_id = 0;
    }
    if (member->event_count > 0) {
        return TROTH_OK;
    }
    if (member->member_id == 0) {
        member->member_id = sim_group_join(group, member->instance, 0);
        member->membership.generation = -1;
    }
    const struct sim_seat *seat = &group->seats[member->instance];
    if (group->preparing && !seat->joined) {
        (void)take_away(member, TROTH_LOG_REVOKED);
        if (!has_any(member)) {
            (void)sim_group_join(group, member->instance, member->member_id);
        }
    }
    if (!group->preparing && member->membership.generation != group->generation) {
        /* A rebalance that it slept through left it its seat: it is told all the same. */
        if (has_any(member)) {
            (void)take_away(member, TROTH_LOG_REVOKED);
        } else {
            take_over(member);
        }
    }
    return TROTH_OK;
}

/* ---- Reading. ---- */

static const char *hold(struct sim_member *member, const char *data, size_t length)
{
    char *copy = malloc(length + 1);
    TROTH_ASSERT(copy != NULL && member->held_count < SIM_HELD_MAX);
    if (length > 0) {
        memcpy(copy, data, length);
    }
    copy[length] = '\0';
    return member->held[member->held_count++] = copy;
}

static void release(struct sim_member *member)
{
    for (size_t i = 0; i < member->held_count; i++) {
        free(member->held[i]);
    }
    member->held_count = 0;
}

/* Whether a record of standings says that one is at pause. */
static bool is_paused(const struct sim_record *record)
{
    static struct troth_snapshot snapshot; /* large */
    return record->value != NULL &&
           troth_standing_decode(record->value, record->value_length, &snapshot) == TROTH_OK &&
           snapshot.rung == TROTH_RUNG_PAUSE;
}

/* Gives records of one partition, at most so many, up to an end. Returns how many. */
static size_t give(struct sim_member *member, enum troth_topic topic, int32_t number, int64_t *next,
                   struct troth_log_item *items, size_t most)
{
    const struct sim_log *log = &member->cluster->log;
    const struct sim_partition *partition = &log->topics[topic][number];
    const bool dirty = log->bug == SIM_BUG_DIRTY_RECALL && topic == TROTH_TOPIC_STANDINGS;
    const int64_t end = dirty ? partition->high : sim_log_stable(log, topic, number);
    size_t count = 0;
    for (; count < most && *next < end; (*next)++) {
        const struct sim_record *r = &partition->records[*next];
        const bool readable = r->fate == SIM_COMMITTED || (dirty && r->fate != SIM_MARKER);
        if (r->gone || !readable || *next < partition->low) {
            continue;
        }
        const bool evicted =
            log->bug == SIM_BUG_PAUSE_EVICTED && topic == TROTH_TOPIC_STANDINGS && is_paused(r);
        items[count++] = (struct troth_log_item){
            .kind = TROTH_LOG_RECORD,
            .topic = (uint8_t)topic,
            .has_key = r->key != NULL,
            .has_value = r->value != NULL && !evicted,
            .partition = number,
            .offset = *next,
            .timestamp_us = r->timestamp_us,
            .key = r->key != NULL ? hold(member, r->key, r->key_length) : NULL,
            .value = r->value != NULL ? hold(member, r->value, r->value_length) : NULL,
            .key_length = r->key_length,
            .value_length = r->value_length};
    }
    return count;
}

static size_t give_control(struct sim_member *member, enum troth_topic topic,
                           struct troth_log_item *items, size_t most)
{
    size_t count = give(member, topic, 0, &member->control_next[topic], items, most - 1);
    if (!member->ended[topic] && member->control_next[topic] >= member->control_end[topic]) {
        member->ended[topic] = true;
        items[count++] = (struct troth_log_item){.kind = TROTH_LOG_END, .topic = (uint8_t)topic};
    }
    return count;
}

/* Ticks before their time. */
static size_t give_early(struct sim_member *member, struct troth_log_item *items)
{
    size_t count = 0;
    for (size_t i = 0; i < member->tick_count; i++) {
        const struct troth_log_record *tick = &member->ticks[i].record;
        const struct sim_reading *reading = &member->telemetry[tick->partition];
        const int64_t now_us = sim_clock_wall_us(&member->cluster->clock);
        if (reading->started) {
            items[count++] =
                (struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                        .topic = TROTH_TOPIC_TELEMETRY,
                                        .has_value = true,
                                        .partition = tick->partition,
                                        .offset = reading->next,
                                        .timestamp_us = now_us - now_us % 1000,
                                        .value = hold(member, tick->value, tick->value_length),
                                        .value_length = (uint32_t)tick->value_length};
        }
        free((char *)(uintptr_t)tick->value);
    }
    member->tick_count = 0;
    return count;
}

/* A run of telemetry, whose last record may come twice. Needs room for one more than most. */
static size_t give_telemetry(struct sim_member *member, int32_t number,
                             struct troth_log_item *items, size_t most)
{
    size_t count =
        give(member, TROTH_TOPIC_TELEMETRY, number, &member->telemetry[number].next, items, most);
    if (count > 0 &&
        random_below(&member->cluster->random, 1000) < member->cluster->trouble.again) {
        items[count] = items[count - 1];
        count++;
    }
    return count;
}

/* A few runs of any partition, in any order. */
static size_t give_records(struct sim_member *member, struct troth_log_item *items, size_t capacity)
{
    uint64_t *random = &member->cluster->random;
    size_t count = give_early(member, items);
    const size_t rounds = 1 + random_below(random, 16);
    const bool control_last = random_below(random, 2) == 0;
    for (size_t round = 0; round < rounds; round++) {
        if (round == (control_last ? rounds - 1 : 0) && random_below(random, 4) > 0) {
            const size_t most = 2 + random_below(random, 8);
            count += give_control(member, TROTH_TOPIC_DECISIONS, items + count, most);
            count += give_control(member, TROTH_TOPIC_CONTRACTS, items + count, most);
        }
        for (int32_t p = 0; p < member->cluster->log.partition_count; p++) {
            struct sim_reading *reading = &member->telemetry[p];
            const size_t run = random_below(random, (uint64_t)1 << random_below(random, 9));
            const size_t most = run < capacity - count - 16 ? run : capacity - count - 16;
            if (reading->recalling) {
                count += give(member, TROTH_TOPIC_STANDINGS, p, &reading->recall_next,
                              items + count, most);
            }
            if (reading->started && count + 17 < capacity) {
                count += give_telemetry(member, p, items + count,
                                        run < capacity - count - 17 ? run : capacity - count - 17);
            }
        }
    }
    return count;
}

static troth_status poll(struct troth_log *log, int64_t timeout_us, struct troth_log_item *items,
                         size_t capacity, size_t *count)
{
    struct sim_member *member = member_of(log);
    struct sim_cluster *cluster = member->cluster;
    release(member);
    if (!sim_life_goes_on(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    cluster->pass(cluster->context);
    settle_rebalance(member);
    const troth_status status = hear_of_group(member);
    if (status != TROTH_OK) {
        return status;
    }
    sim_send_some(member);
    sim_send_go_on(member);
    TROTH_ASSERT(member->event_count < capacity && capacity == TROTH_BATCH_MAX);
    memcpy(items, member->events, member->event_count * sizeof *items);
    *count = member->event_count;
    member->event_count = 0;
    if (!sim_brokers_are_away(cluster)) {
        const size_t room = 64 + random_below(&cluster->random, capacity - *count - 64);
        *count += give_records(member, items + *count, room);
    }
    if (*count == 0) {
        sim_clock_move(&cluster->clock, timeout_us);
    }
    return TROTH_OK;
}

static troth_status extent(struct troth_log *log, int32_t number, struct troth_log_extent *out)
{
    struct sim_member *member = member_of(log);
    struct sim_cluster *cluster = member->cluster;
    if (!sim_life_goes_on(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    TROTH_ASSERT(member->telemetry[number].assigned);
    const bool unstable =
        cluster->bug != SIM_BUG_UNSTABLE && sim_log_is_unstable(&cluster->log, number);
    if (unstable || sim_coordinator_is_away(cluster)) {
        sim_clock_move(&cluster->clock, SIM_SECOND_US);
        cluster->pass(cluster->context);
        return TROTH_TIMED_OUT;
    }
    const struct sim_log *cluster_log = &cluster->log;
    *out = (struct troth_log_extent){.low = cluster_log->topics[TROTH_TOPIC_TELEMETRY][number].low,
                                     .high =
                                         sim_log_stable(cluster_log, TROTH_TOPIC_TELEMETRY, number),
                                     .committed = cluster_log->committed[number]};
    return TROTH_OK;
}

static troth_status catch_up(struct troth_log *log, enum troth_topic topic, bool *reached)
{
    struct sim_member *member = member_of(log);
    struct sim_cluster *cluster = member->cluster;
    if (!sim_life_goes_on(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    if (sim_brokers_are_away(cluster)) {
        sim_clock_move(&cluster->clock, 2 * SIM_SECOND_US);
        return TROTH_TIMED_OUT;
    }
    member->control_end[topic] = sim_log_stable(&cluster->log, topic, 0);
    *reached = member->control_next[topic] >= member->control_end[topic] ||
               cluster->bug == SIM_BUG_EARLY_END;
    member->ended[topic] = *reached;
    return TROTH_OK;
}

static troth_status start(struct troth_log *log, int32_t number, int64_t offset)
{
    struct sim_member *member = member_of(log);
    struct sim_reading *reading = &member->telemetry[number];
    if (!sim_life_goes_on(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    TROTH_ASSERT(reading->assigned && (!reading->started || offset < reading->next));
    reading->started = true;
    reading->next = offset;
    if (member->cluster->bug == SIM_BUG_SKIPPED && random_below(&member->cluster->random, 4) == 0) {
        reading->next++;
    }
    return TROTH_OK;
}

static troth_status recall(struct troth_log *log, int32_t number)
{
    struct sim_member *member = member_of(log);
    struct sim_reading *reading = &member->telemetry[number];
    if (!sim_life_goes_on(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    TROTH_ASSERT(reading->assigned);
    reading->recalling = true;
    reading->recall_next = 0;
    return TROTH_OK;
}

static void recalled(struct troth_log *log, int32_t number)
{
    member_of(log)->telemetry[number].recalling = false;
}

static troth_status read_back(struct troth_log *log, int32_t number, int64_t offset,
                              int64_t timeout_us, struct troth_log_item *item)
{
    struct sim_member *member = member_of(log);
    struct sim_cluster *cluster = member->cluster;
    const struct sim_partition *topic = &cluster->log.topics[TROTH_TOPIC_TELEMETRY][number];
    if (!sim_life_goes_on(&member->life)) {
        return TROTH_UNREACHABLE;
    }
    TROTH_ASSERT(member->telemetry[number].assigned);
    if (sim_brokers_are_away(cluster) || random_below(&cluster->random, 20) == 0) {
        sim_clock_move(&cluster->clock, timeout_us);
        cluster->pass(cluster->context);
        return TROTH_TIMED_OUT;
    }
    /* What retention has taken is given all the same: a record that goes between a ruling and the
     * commit of it is ruled otherwise when it is ruled again, and nobody could say which is right.
     */
    if (offset >= sim_log_stable(&cluster->log, TROTH_TOPIC_TELEMETRY, number)) {
        return TROTH_NOT_FOUND;
    }
    const struct sim_record *record = &topic->records[offset];
    *item = (struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                    .topic = TROTH_TOPIC_TELEMETRY,
                                    .has_key = record->key != NULL,
                                    .has_value = record->value != NULL,
                                    .partition = number,
                                    .offset = offset,
                                    .timestamp_us = record->timestamp_us,
                                    .key = record->key,
                                    .value = record->value,
                                    .key_length = record->key_length,
                                    .value_length = record->value_length};
    return TROTH_OK;
}

static int32_t partitions(struct troth_log *log)
{
    return member_of(log)->cluster->log.partition_count;
}

static const char *error(struct troth_log *log)
{
    return member_of(log)->error;
}

static void close_log(struct troth_log *log)
{
    struct sim_member *member = member_of(log);
    release(member);
    if (!member->life.dead && !sim_coordinator_is_away(member->cluster)) {
        sim_send_abort(member); /* or it would hold readers up until it times out */
    }
    sim_send_close(member);
}

/* ---- A life. ---- */

void sim_member_start(struct sim_member *member, struct sim_cluster *cluster, unsigned instance,
                      const struct troth_worker_config *config)
{
    const struct sim_life life = {.sleep = member->life.sleep, .context = member->life.context};
    memset(member, 0, sizeof *member);
    member->log = (struct troth_log){.poll = poll,
                                     .extent = extent,
                                     .catch_up = catch_up,
                                     .start = start,
                                     .recall = recall,
                                     .recalled = recalled,
                                     .read_back = read_back,
                                     .send = sim_send,
                                     .flush = sim_flush,
                                     .commit = sim_commit,
                                     .committed = sim_committed,
                                     .partitions = partitions,
                                     .error = error,
                                     .close = close_log};
    member->cluster = cluster;
    member->instance = instance;
    member->life = life;
    member->membership.generation = -1;
    member->control_end[TROTH_TOPIC_CONTRACTS] =
        sim_log_stable(&cluster->log, TROTH_TOPIC_CONTRACTS, 0);
    member->control_end[TROTH_TOPIC_DECISIONS] =
        sim_log_stable(&cluster->log, TROTH_TOPIC_DECISIONS, 0);
    sim_send_open(member);
    const troth_status heard = hear_of_group(member); /* behind one's back it joins at once */
    TROTH_ASSERT(heard == TROTH_OK);
    sim_store_open(&member->store, &cluster->redis, &member->life);
    member->store.may_write = config->checkpoint_us > 0 ? NULL : sim_member_is_present;
    member->store.context = member;
    struct troth_worker_config mine = *config;
    mine.log = &member->log;
    mine.store = &member->store.store;
    mine.clock = sim_clock_calls(&cluster->clock);
    for (size_t i = 0; i < sizeof mine.nonce; i++) {
        mine.nonce[i] = (uint8_t)random_next(&cluster->random);
    }
    if (instance == 1 && cluster->bug == SIM_BUG_PARTITIONER) {
        mine.partitioner = TROTH_PARTITIONER_CRC32;
    }
    mine.era += instance == 1 && cluster->bug == SIM_BUG_ERA;
    if (instance == 1 && cluster->bug == SIM_BUG_EVICTS_ALONE) {
        mine.evict_after_us /= 2;
    }
    const troth_status status = troth_worker_create(&mine, &member->worker);
    TROTH_ASSERT(status == TROTH_OK);
    member->up = true;
}

void sim_member_end(struct sim_member *member)
{
    bool replaced = false;
    TROTH_ASSERT(!member->life.asleep);
    if (member->up) {
        if (member->cluster->dynamic && !member->life.dead &&
            sim_group_knows(&member->cluster->group, member->instance, member->member_id,
                            &replaced)) {
            sim_group_expel(&member->cluster->group, member->instance);
        }
        troth_worker_destroy(member->worker);
        member->worker = NULL;
        member->store.store.close(&member->store.store);
        member->log.close(&member->log);
        member->up = false;
    }
}
