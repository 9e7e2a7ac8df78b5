#include <string.h>

#include "consumers/partition_record.h"
#include "tests/sim/sim_world.h"

static struct sim_member *pick_up(struct sim_world *world, unsigned *slot)
{
    const unsigned first = (unsigned)random_below(&world->cluster.random, SIM_MEMBERS_MAX);
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        *slot = (first + i) % SIM_MEMBERS_MAX;
        struct sim_member *member = world->members[*slot];
        if (member->up && !member->life.asleep && !member->life.dead) {
            return member;
        }
    }
    return NULL;
}

static int64_t draw_us(struct sim_world *world, int64_t from_us, int64_t below_us)
{
    return from_us + (int64_t)random_below(&world->cluster.random, (uint64_t)(below_us - from_us));
}

/* At one of the calls to come. */
static uint64_t soon(struct sim_world *world, const struct sim_member *member)
{
    return member->life.calls + 1 + random_below(&world->cluster.random, 60);
}

static bool to_members(struct sim_world *world, enum sim_fault fault)
{
    unsigned slot = 0;
    struct sim_member *member = pick_up(world, &slot);
    if (member == NULL) {
        return false;
    }
    switch (fault) {
    case SIM_FAULT_CRASH:
        member->life.dies_at = soon(world, member);
        return true;
    case SIM_FAULT_SLEEP:
    case SIM_FAULT_ZOMBIE:
        switch (random_below(&world->cluster.random, 4)) {
        case 0:
            member->life.sleeps_at_commit = true;
            break;
        case 1:
            member->life.sleeps_at_end = true;
            break;
        default:
            member->life.sleeps_at = soon(world, member);
            break;
        }
        member->life.sleeps_us = fault == SIM_FAULT_SLEEP
                                     ? draw_us(world, 1000, SIM_SESSION_US)
                                     : draw_us(world, SIM_SESSION_US, 3 * SIM_SESSION_US);
        return true;
    case SIM_FAULT_LEAVE:
        sim_world_end(world, slot, draw_us(world, SIM_SECOND_US, 20 * SIM_SECOND_US));
        return true;
    case SIM_FAULT_REDIS_SLOW:
        member->store.slow = 1 + (unsigned)random_below(&world->cluster.random, 40);
        return true;
    case SIM_FAULT_REDIS_SILENT:
        member->store.silent = 1;
        return true;
    default:
        return false;
    }
}

/* A second life in the place of a sleeper. */
static bool replace(struct sim_world *world)
{
    for (unsigned i = 0; i < SIM_INSTANCES_MAX; i++) {
        for (unsigned k = SIM_INSTANCES_MAX; k < SIM_MEMBERS_MAX; k++) {
            if (world->members[i]->up && world->members[i]->life.asleep && !world->members[k]->up) {
                sim_member_start(world->members[k], &world->cluster, i, &world->config);
                return true;
            }
        }
    }
    return false;
}

/* The heartbeats of a member are lost, though it lives, or sleeps: it may be within a commit. */
static bool expel(struct sim_world *world)
{
    const unsigned instance = (unsigned)random_below(&world->cluster.random, world->instances);
    const bool taken = world->cluster.group.seats[instance].taken;
    sim_group_expel(&world->cluster.group, instance);
    return taken;
}

static bool join(struct sim_world *world)
{
    for (unsigned i = 0; i < world->instances; i++) {
        if (!world->members[i]->up && world->starts_us[i] > 0) {
            world->starts_us[i] = 1;
            return true;
        }
    }
    return false;
}

static bool compact(struct sim_world *world)
{
    struct sim_log *log = &world->cluster.log;
    const int32_t p = (int32_t)random_below(&world->cluster.random, (uint64_t)log->partition_count);
    const struct sim_partition *partition = &log->topics[TROTH_TOPIC_STANDINGS][p];
    sim_log_compact(log, TROTH_TOPIC_STANDINGS, p,
                    (int64_t)random_below(&world->cluster.random, (uint64_t)partition->count + 1));
    return partition->count > 0;
}

/* Retention deletes of telemetry what the last checkpoint does not need any more, or less. */
static bool retain(struct sim_world *world)
{
    static struct troth_checkpoint checkpoint; /* large */
    struct sim_log *log = &world->cluster.log;
    const int32_t p = (int32_t)random_below(&world->cluster.random, (uint64_t)log->partition_count);
    const struct sim_partition *standings = &log->topics[TROTH_TOPIC_STANDINGS][p];
    struct sim_partition *telemetry = &log->topics[TROTH_TOPIC_TELEMETRY][p];
    size_t length = 0;
    const char *key = troth_partition_key(TROTH_RECORD_CHECKPOINT, &length);
    for (int64_t i = standings->count; i-- > 0;) {
        const struct sim_record *record = &standings->records[i];
        if (record->fate != SIM_COMMITTED || record->key_length != length ||
            memcmp(record->key, key, length) != 0 ||
            troth_checkpoint_decode(record->value, record->value_length, &checkpoint) != TROTH_OK) {
            continue;
        }
        const int64_t room = checkpoint.offset - telemetry->low;
        const int64_t taken =
            room > 0 ? (int64_t)random_below(&world->cluster.random, (uint64_t)room + 1) : 0;
        telemetry->low += taken;
        return taken > 0;
    }
    return false;
}

static bool to_cluster(struct sim_world *world, enum sim_fault fault)
{
    struct sim_cluster *cluster = &world->cluster;
    struct sim_trouble *trouble = &cluster->trouble;
    const int64_t now_us = cluster->clock.monotonic_us;
    switch (fault) {
    case SIM_FAULT_BROKERS:
        trouble->brokers_until_us = now_us + draw_us(world, 1000, 20 * SIM_SECOND_US);
        return true;
    case SIM_FAULT_COORDINATOR:
        trouble->coordinator_until_us = now_us + draw_us(world, 1000, 15 * SIM_SECOND_US);
        sim_group_move(&cluster->group);
        return true;
    case SIM_FAULT_WALL:
        cluster->clock.wall_skew_us += draw_us(world, -3600 * SIM_SECOND_US, 3600 * SIM_SECOND_US);
        return true;
    case SIM_FAULT_BROKER_CLOCK:
        sim_clock_set(&cluster->clock, draw_us(world, -2 * SIM_SECOND_US, 3 * SIM_SECOND_US));
        return true;
    case SIM_FAULT_REDIS_AWAY:
        cluster->redis.away_until_us = now_us + draw_us(world, 1000, 20 * SIM_SECOND_US);
        return true;
    case SIM_FAULT_REDIS_LOSES:
        sim_redis_lose(&cluster->redis, 1 + random_below(&cluster->random, 40));
        return true;
    case SIM_FAULT_REDIS_EMPTY:
        sim_redis_lose(&cluster->redis, cluster->redis.count);
        return true;
    default:
        return false;
    }
}

void sim_fault_draw(struct sim_world *world)
{
    if (world->resting || random_below(&world->cluster.random, 25) > 0) {
        return;
    }
    /* What befalls members comes first in the list, and more often. */
    const uint64_t kinds =
        random_below(&world->cluster.random, 2) == 0 ? SIM_FAULT_BROKERS : SIM_FAULT_COUNT;
    const enum sim_fault fault = (enum sim_fault)random_below(&world->cluster.random, kinds);
    bool done = false;
    if ((world->options.without >> fault & 1U) != 0) {
        done = false;
    } else if (fault == SIM_FAULT_REPLACE) {
        done = replace(world);
    } else if (fault == SIM_FAULT_JOIN) {
        done = join(world);
    } else if (fault == SIM_FAULT_EXPEL) {
        done = expel(world);
    } else if (fault == SIM_FAULT_COMPACT) {
        done = compact(world);
    } else if (fault == SIM_FAULT_RETAIN) {
        done = retain(world);
    } else if (fault == SIM_FAULT_ZOMBIE && world->sleepers >= SIM_SLEEPERS_MAX) {
        done = false;
    } else {
        done = to_members(world, fault) || to_cluster(world, fault);
    }
    world->tally.faults[fault] += done;
}

void sim_faults_end(struct sim_world *world)
{
    struct sim_cluster *cluster = &world->cluster;
    cluster->trouble = (struct sim_trouble){0};
    cluster->redis.away_until_us = 0;
    cluster->log.prompt = true;
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        struct sim_member *member = world->members[i];
        member->life.dies_at = 0;
        member->life.sleeps_at = 0;
        member->life.sleeps_at_commit = false;
        member->life.sleeps_at_end = false;
        member->store.slow = 0;
        member->store.silent = 0;
    }
}
