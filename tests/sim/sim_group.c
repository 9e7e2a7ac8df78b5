#include "tests/sim/sim_group.h"

#include <string.h>

#include "schemas/assert.h"

void sim_group_init(struct sim_group *group, struct sim_clock *clock, int32_t partition_count)
{
    memset(group, 0, sizeof *group);
    group->clock = clock;
    group->partition_count = partition_count;
}

static void prepare(struct sim_group *group)
{
    if (!group->preparing) {
        group->preparing = true;
        for (unsigned i = 0; i < SIM_INSTANCES_MAX; i++) {
            group->seats[i].joined = false;
        }
    }
}

/* Range: runs of partitions, in the order of instances. */
static void assign(struct sim_group *group)
{
    int32_t members = 0;
    for (unsigned i = 0; i < SIM_INSTANCES_MAX; i++) {
        members += group->seats[i].taken;
    }
    int32_t next = 0;
    int32_t turn = 0;
    for (unsigned i = 0; i < SIM_INSTANCES_MAX; i++) {
        struct sim_seat *seat = &group->seats[i];
        seat->partitions = 0;
        if (!seat->taken) {
            continue;
        }
        int32_t share = group->partition_count / members;
        share += turn++ < group->partition_count % members;
        for (; share > 0; share--) {
            seat->partitions |= 1U << next++;
        }
    }
    TROTH_ASSERT(members == 0 || next == group->partition_count);
}

static void complete(struct sim_group *group)
{
    for (unsigned i = 0; i < SIM_INSTANCES_MAX; i++) {
        if (group->seats[i].taken && !group->seats[i].joined) {
            return;
        }
    }
    if (group->preparing) {
        group->preparing = false;
        group->generation++;
        group->rebalances++;
        assign(group);
    }
}

uint64_t sim_group_join(struct sim_group *group, unsigned instance, uint64_t member_id)
{
    struct sim_seat *seat = &group->seats[instance];
    const bool again = seat->taken && seat->member_id == member_id;
    if (!seat->taken) {
        prepare(group);
        *seat = (struct sim_seat){.taken = true};
    }
    if (!again) {
        seat->member_id = ++group->last_member_id;
    }
    seat->joined = true;
    seat->heard_us = group->clock->monotonic_us;
    complete(group);
    return seat->member_id;
}

void sim_group_hear(struct sim_group *group, unsigned instance, uint64_t member_id)
{
    struct sim_seat *seat = &group->seats[instance];
    if (seat->taken && seat->member_id == member_id) {
        seat->heard_us = group->clock->monotonic_us;
    }
}

void sim_group_expel(struct sim_group *group, unsigned instance)
{
    struct sim_seat *seat = &group->seats[instance];
    if (seat->taken) {
        *seat = (struct sim_seat){0};
        prepare(group);
        complete(group);
    }
}

void sim_group_pass(struct sim_group *group)
{
    for (unsigned i = 0; i < SIM_INSTANCES_MAX; i++) {
        struct sim_seat *seat = &group->seats[i];
        if (seat->taken && group->clock->monotonic_us - seat->heard_us > SIM_SESSION_US) {
            group->expired++;
            sim_group_expel(group, i);
        }
    }
    complete(group);
}

void sim_group_move(struct sim_group *group)
{
    for (unsigned i = 0; i < SIM_INSTANCES_MAX; i++) {
        group->seats[i].heard_us = group->clock->monotonic_us;
    }
}

bool sim_group_knows(const struct sim_group *group, unsigned instance, uint64_t member_id,
                     bool *replaced)
{
    const struct sim_seat *seat = &group->seats[instance];
    *replaced = seat->taken && seat->member_id != member_id;
    return seat->taken && seat->member_id == member_id;
}

troth_status sim_group_check(struct sim_group *group, const struct sim_membership *membership)
{
    bool replaced = false;
    if (membership->member_id == 0 || group->bug == SIM_BUG_UNFENCED) {
        return TROTH_OK;
    }
    if (sim_group_knows(group, membership->instance, membership->member_id, &replaced) &&
        membership->generation == group->generation) {
        return TROTH_OK;
    }
    group->refused++;
    return TROTH_FENCED;
}

int sim_group_owner(const struct sim_group *group, int32_t partition)
{
    for (unsigned i = 0; i < SIM_INSTANCES_MAX; i++) {
        if (group->seats[i].taken && (group->seats[i].partitions >> partition & 1U) != 0) {
            return (int)i;
        }
    }
    return -1;
}
