/*
 * The simulated consumer group: eager rebalances, range, static membership.
 *
 *     join ──► PREPARING ──► all members have joined again, or their sessions ended ──► STABLE
 *
 * - A member has an instance, which is its name for good, and a member id, which is of this life.
 *   When the same instance joins again, it takes over the partitions of its former self without a
 *   rebalance, and the former one is fenced by name (KIP-345).
 * - In PREPARING every member must give back what it has and join again. The generation rises when
 *   all have; until then the old one is good for commits.
 * - A member from which nothing is heard for a session is put out: its partitions go to others.
 * - Offsets in a transaction are checked (KIP-447): instance, member id and generation must be the
 *   present ones. What bears none of the three is taken as of somebody who needs no group, as in
 *   Kafka: that is the trap for who has lost its membership.
 *
 * Threads: one. Memory: none but its own.
 */
#ifndef TROTH_TESTS_SIM_GROUP_H
#define TROTH_TESTS_SIM_GROUP_H

#include "tests/sim/sim_log.h"

enum { SIM_INSTANCES_MAX = 5 };

#define SIM_SESSION_US (10 * SIM_SECOND_US)

/* What a member knows of its place in the group. Member id 0: none (Kafka's empty one). */
struct sim_membership {
    uint64_t member_id;
    int32_t generation;
    unsigned instance;
};

struct sim_seat {
    bool taken;
    bool joined; /* in PREPARING: has given back, and joined again */
    uint64_t member_id;
    int64_t heard_us;
    uint32_t partitions; /* bit p: has telemetry[p], since the last rebalance */
};

struct sim_group {
    struct sim_clock *clock;
    int32_t partition_count;
    enum sim_bug bug;
    bool preparing;
    int32_t generation;
    uint64_t last_member_id;
    struct sim_seat seats[SIM_INSTANCES_MAX]; /* by instance */
    uint64_t rebalances;
    uint64_t expired;
    uint64_t refused; /* offsets */
};

void sim_group_init(struct sim_group *group, struct sim_clock *clock, int32_t partition_count);

/* An instance joins, anew or again. In member_id: of this life, or 0. Returns its member id. */
uint64_t sim_group_join(struct sim_group *group, unsigned instance, uint64_t member_id);

/* Something was heard of a member. */
void sim_group_hear(struct sim_group *group, unsigned instance, uint64_t member_id);

/* Time has passed: sessions end, and a rebalance that nobody is missing from is completed. */
void sim_group_pass(struct sim_group *group);

/* Puts a member out, as if its heartbeats had been lost. */
void sim_group_expel(struct sim_group *group, unsigned instance);

/* The coordinator moved: sessions begin anew. */
void sim_group_move(struct sim_group *group);

/* Whether the member id is the present one of its instance. Out replaced: another life of the same
 * instance is in its place. */
bool sim_group_knows(const struct sim_group *group, unsigned instance, uint64_t member_id,
                     bool *replaced);

/* Whether offsets may be committed. Returns TROTH_OK or TROTH_FENCED. */
troth_status sim_group_check(struct sim_group *group, const struct sim_membership *membership);

/* Whether a partition has an owner by the group, and which instance that is; -1: none. */
int sim_group_owner(const struct sim_group *group, int32_t partition);

#endif
