/*
 * The simulated side: the log of tests/sim without trouble, and without a worker that steps.
 */
#include <inttypes.h>
#include <string.h>

#include "schemas/assert.h"
#include "tests/sim/sim_member.h"
#include "tests/traces/trace.h"

enum {
    POLLS_MAX = 2000, /* within which everything comes, or the trace says that it did not */
    OUTSIDER = SIM_IDS_MAX - 1
};

static struct {
    struct sim_cluster cluster;
    struct sim_member *lives[TRACE_MEMBERS_MAX];
    struct trace_member members[TRACE_MEMBERS_MAX];
    int32_t epoch; /* of the outsider */
} side;

/* What is heard of members; see sim_world.c. */
static void pass(void *context)
{
    (void)context;
    for (int i = 0; i < TRACE_MEMBERS_MAX; i++) {
        const struct sim_member *life = side.lives[i];
        if (life->up && !life->life.asleep && life->member_id != 0) {
            sim_group_hear(&side.cluster.group, life->instance, life->member_id);
        }
    }
    sim_log_pass(&side.cluster.log);
    sim_group_pass(&side.cluster.group);
}

unsigned trace_sim_bug = SIM_BUG_NONE;

static void open_side(int script)
{
    struct sim_cluster *cluster = &side.cluster;
    memset(&side, 0, sizeof side);
    cluster->random = (uint64_t)script + 1;
    cluster->pass = pass;
    sim_log_init(&cluster->log, &cluster->clock, &cluster->random, TRACE_PARTITIONS);
    cluster->log.prompt = true;
    cluster->log.bug = (enum sim_bug)trace_sim_bug;
    sim_group_init(&cluster->group, &cluster->clock, TRACE_PARTITIONS);
    cluster->bug = cluster->group.bug = (enum sim_bug)trace_sim_bug;
    sim_redis_init(&cluster->redis, &cluster->clock, &cluster->random);
    for (int i = 0; i < TRACE_MEMBERS_MAX; i++) {
        side.lives[i] = calloc(1, sizeof *side.lives[i]);
        TROTH_ASSERT(side.lives[i] != NULL);
    }
}

static void close_side(void)
{
    for (int i = 0; i < TRACE_MEMBERS_MAX; i++) {
        side.lives[i]->life.asleep = false;
        sim_member_end(side.lives[i]);
        free(side.lives[i]);
    }
    sim_redis_fini(&side.cluster.redis);
    sim_log_fini(&side.cluster.log);
}

/* ---- Lives. ---- */

static void live(const struct trace_step *step, struct trace_text *out)
{
    struct sim_member *life = side.lives[step->member];
    const struct troth_worker_config config = {.era = 1, .checkpoint_us = 1};
    if (step->act == TRACE_OPEN) {
        sim_member_start(life, &side.cluster, step->instance, &config);
        trace_member_init(&side.members[step->member], &life->log);
        trace_say(out, " ok");
    } else if (step->act == TRACE_FREEZE || step->act == TRACE_THAW) {
        life->life.asleep = step->act == TRACE_FREEZE;
    } else {
        life->life.asleep = false;
        life->life.dead = step->act == TRACE_KILL;
        sim_member_end(life);
    }
}

static void poll_until(const struct trace_step *step, struct trace_text *out)
{
    const bool all = step->act == TRACE_SETTLE;
    bool come = false;
    for (unsigned i = 0; i < POLLS_MAX && !come; i++) {
        come = true;
        for (int m = 0; m < TRACE_MEMBERS_MAX; m++) {
            if (side.lives[m]->up && !side.lives[m]->life.asleep && (all || m == step->member)) {
                come &= trace_member_poll(&side.members[m], m, step);
            }
        }
    }
    for (int m = 0; m < TRACE_MEMBERS_MAX; m++) {
        if (side.lives[m]->up && !side.lives[m]->life.asleep && (all || m == step->member)) {
            trace_say(out, "%s", all ? m == 0 ? " a:" : m == 1 ? " b:" : " c:" : "");
            trace_member_tell(&side.members[m], step, out);
        }
    }
    trace_say(out, "%s", come ? "" : " and no more comes");
}

/* ---- Others. ---- */

static struct troth_log_record record_of(const struct trace_step *step)
{
    return (struct troth_log_record){.topic = step->topic,
                                     .partition = step->partition,
                                     .key = step->key,
                                     .key_length = step->key != NULL ? strlen(step->key) : 0,
                                     .value = step->value,
                                     .value_length = step->value != NULL ? strlen(step->value) : 0};
}

static void see(const struct trace_step *step, struct trace_text *out)
{
    const struct sim_partition *partition = &side.cluster.log.topics[step->topic][step->partition];
    const int64_t stable = sim_log_stable(&side.cluster.log, step->topic, step->partition);
    for (int64_t i = partition->low; i < stable; i++) {
        const struct sim_record *record = &partition->records[i];
        if (record->fate == SIM_COMMITTED && !record->gone) {
            trace_say_record(out, i, record->key, record->key_length, record->value,
                             record->value_length);
            const char *reason = sim_record_header(record, "reason");
            if (reason != NULL) {
                trace_say(out, " (%s)", reason);
            }
        }
    }
}

static void other(const struct trace_step *step, struct trace_text *out)
{
    struct sim_log *log = &side.cluster.log;
    const struct troth_log_record record = record_of(step);
    troth_status status = TROTH_OK;
    switch (step->act) {
    case TRACE_FEED:
        (void)sim_log_append(log, step->topic, step->partition, &record);
        break;
    case TRACE_FEED_OPEN:
        side.epoch = side.epoch > 0 ? side.epoch : sim_log_open_id(log, OUTSIDER);
        status = sim_log_produce(log, OUTSIDER, side.epoch, step->topic, step->partition, &record);
        break;
    case TRACE_FEED_CLOSE:
        status = sim_log_end(log, OUTSIDER, side.epoch, step->kept);
        break;
    case TRACE_TRIM:
        log->topics[step->topic][step->partition].low = step->offset;
        break;
    case TRACE_SEE:
        see(step, out);
        break;
    default:
        for (int32_t p = 0; p < TRACE_PARTITIONS; p++) {
            trace_say(out, " %" PRId64, log->committed[p]);
        }
    }
    trace_say(out, "%s%s", status != TROTH_OK ? " " : "",
              status != TROTH_OK ? troth_status_name(status) : "");
}

static void take_step(const struct trace_step *step, const struct trace_text *awaited,
                      struct trace_text *out)
{
    (void)awaited;
    if (step->act <= TRACE_THAW) {
        live(step, out);
    } else if (trace_is_poll(step)) {
        poll_until(step, out);
    } else if (step->act < TRACE_FEED) {
        trace_member_call(&side.members[step->member], step, out);
    } else {
        other(step, out);
    }
}

const struct trace_side trace_sim = {"simulated", open_side, take_step, close_side};
