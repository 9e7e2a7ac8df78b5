#include "tests/sim/sim_world.h"

#include <inttypes.h>
#include <string.h>

#include "schemas/assert.h"
#include "tests/sim/sim_write.h"
#include "tests/support/scenario_random.h"

enum {
    REST_STEPS_MAX = 60000, /* within which everything converges */
    SLEEP_STEPS_MAX = 4000
};

#define TELEMETRY      "troth.telemetry"
#define PUBLISH_US     50000
#define LISTEN_US      (3 * SIM_SECOND_US)
#define REST_MAX_US    (600 * SIM_SECOND_US)
#define RESTART_MAX_US 5000000

/* ---- Members. ---- */

static void say(void *context, enum troth_level level, const char *text)
{
    const struct sim_world *world = context;
    if (world->options.verbose) {
        printf("    %10.3f %s%s\n", (double)world->cluster.clock.monotonic_us / 1e6,
               level >= TROTH_LEVEL_WARNING ? "! " : "", text);
    }
}

static void note(const struct sim_world *world, unsigned member, const char *what)
{
    if (world->options.verbose) {
        printf("    %10.3f member %u (instance %u) %s\n",
               (double)world->cluster.clock.monotonic_us / 1e6, member,
               world->members[member]->instance, what);
    }
}

static void pass(void *context)
{
    struct sim_world *world = context;
    struct sim_cluster *cluster = &world->cluster;
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        const struct sim_member *member = world->members[i];
        if (member->up && !member->life.asleep && !member->life.dead && member->member_id != 0) {
            sim_group_hear(&cluster->group, member->instance, member->member_id);
        }
    }
    sim_log_pass(&cluster->log);
    sim_redis_pass(&cluster->redis);
    if (sim_coordinator_is_away(cluster)) {
        sim_group_move(&cluster->group); /* nobody counts; sessions begin anew when it is back */
    } else {
        sim_group_pass(&cluster->group);
    }
}

void sim_world_end(struct sim_world *world, unsigned slot, int64_t after_us)
{
    note(world, slot, "ends");
    sim_member_end(world->members[slot]);
    /* A second life has taken its own place by then; nobody starts it again. */
    world->starts_us[slot] =
        slot < world->instances ? world->cluster.clock.monotonic_us + after_us : 0;
}

/* Another life of the same instance is up. */
static bool is_doubled(const struct sim_world *world, unsigned slot)
{
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        if (i != slot && world->members[i]->up && world->members[i]->instance == slot) {
            return true;
        }
    }
    return false;
}

static void start_due(struct sim_world *world)
{
    for (unsigned i = 0; i < world->instances; i++) {
        if (!world->members[i]->up && world->starts_us[i] > 0 &&
            world->cluster.clock.monotonic_us >= world->starts_us[i] && !is_doubled(world, i)) {
            sim_member_start(world->members[i], &world->cluster, i, &world->config);
            note(world, i, "starts");
        }
    }
}

static void count_up(struct sim_world *world, const struct sim_member *member)
{
    struct troth_worker_counts counts;
    troth_worker_count(member->worker, &counts);
    if (counts.agents > world->config.agents_max * counts.partitions ||
        counts.standings > world->config.standings_max * counts.partitions ||
        counts.partitions > (uint32_t)world->cluster.log.partition_count ||
        counts.live > counts.partitions) {
        sim_check_fail(&world->check, "a worker passed its bounds: %u agents, %u standings",
                       counts.agents, counts.standings);
    }
}

void sim_world_step(struct sim_world *world, unsigned slot)
{
    struct sim_member *member = world->members[slot];
    if (!member->up || member->life.asleep) {
        return;
    }
    const troth_status status = troth_worker_step(member->worker);
    world->tally.steps++;
    if (member->life.dead || status != TROTH_OK) {
        world->tally.restarts += status != TROTH_OK;
        sim_world_end(world, slot, (int64_t)random_below(&world->cluster.random, RESTART_MAX_US));
    } else {
        count_up(world, member);
    }
}

/* The others go on while a member sleeps. */
static void sleep_through(void *context, int64_t us)
{
    struct sim_world *world = context;
    const int64_t end_us = world->cluster.clock.monotonic_us + us;
    world->sleepers++;
    for (unsigned i = 0; i < SLEEP_STEPS_MAX && world->cluster.clock.monotonic_us < end_us; i++) {
        start_due(world);
        sim_fault_draw(world);
        if (random_below(&world->cluster.random, 4) == 0) {
            sim_stream_event(&world->stream);
        }
        sim_world_step(world, (unsigned)random_below(&world->cluster.random, SIM_MEMBERS_MAX));
        sim_clock_move(&world->cluster.clock,
                       (int64_t)random_below(&world->cluster.random, 100000));
        pass(world);
    }
    world->sleepers--;
}

/* ---- Phases. ---- */

static void trouble(struct sim_world *world)
{
    uint64_t *random = &world->cluster.random;
    const uint64_t turns = 200 + random_below(random, 600);
    for (uint64_t turn = 0; turn < turns; turn++) {
        start_due(world);
        for (uint64_t n = random_below(random, 6); n > 0; n--) {
            sim_stream_event(&world->stream);
        }
        if (world->stream.versions && random_below(random, 150) == 0 &&
            !sim_brokers_are_away(&world->cluster)) {
            sim_stream_push(&world->stream,
                            (unsigned)random_below(random, world->stream.contracts));
        }
        if (world->stream.decides && random_below(random, 25) == 0 &&
            !sim_brokers_are_away(&world->cluster)) {
            sim_stream_decide(&world->stream);
        }
        sim_fault_draw(world);
        if (random_below(random, 3) == 0) {
            sim_clock_move(&world->cluster.clock, (int64_t)random_below(random, 400000));
        }
        for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
            if (random_below(random, 2) == 0) {
                sim_world_step(world, i);
            }
        }
    }
}

/* Whether every partition is live somewhere and committed to its end. */
static bool is_at_rest(const struct sim_world *world)
{
    uint32_t live = 0;
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        if (world->members[i]->up) {
            struct troth_worker_counts counts;
            troth_worker_count(world->members[i]->worker, &counts);
            live += counts.live;
        }
    }
    bool done = live == (uint32_t)world->cluster.log.partition_count;
    for (int32_t p = 0; p < world->cluster.log.partition_count; p++) {
        const int64_t committed = world->cluster.log.committed[p];
        const int64_t count = world->cluster.log.topics[TROTH_TOPIC_TELEMETRY][p].count;
        done &= committed >= count || (count == 0 && committed == TROTH_OFFSET_NONE);
    }
    return done;
}

/* Steps everybody for so long. */
static void run_on(struct sim_world *world, int64_t us)
{
    const int64_t end_us = world->cluster.clock.monotonic_us + us;
    for (unsigned i = 0; i < REST_STEPS_MAX && world->cluster.clock.monotonic_us < end_us; i++) {
        start_due(world);
        for (unsigned k = 0; k < SIM_MEMBERS_MAX; k++) {
            sim_world_step(world, k);
        }
        sim_clock_move(&world->cluster.clock, 1000);
    }
}

/* Everything converges within the bound, or that is a violation. */
static bool come_to_rest(struct sim_world *world, const char *who)
{
    const int64_t end_us = world->cluster.clock.monotonic_us + REST_MAX_US;
    for (unsigned i = 0; i < REST_STEPS_MAX && world->cluster.clock.monotonic_us < end_us; i++) {
        run_on(world, 100000);
        if (is_at_rest(world)) {
            return true;
        }
    }
    sim_check_fail(&world->check,
                   "%s: no rest within %d s: partition 0 is committed to %" PRId64 " of %" PRId64,
                   who, (int)(REST_MAX_US / SIM_SECOND_US), world->cluster.log.committed[0],
                   world->cluster.log.topics[TROTH_TOPIC_TELEMETRY][0].count);
    return false;
}

static void rest(struct sim_world *world)
{
    sim_faults_end(world);
    world->resting = true;
    for (unsigned i = 0; i < world->instances; i++) {
        world->starts_us[i] = world->members[i]->up ? 0 : 1;
    }
    run_on(world, 20 * SIM_SECOND_US);
    world->cluster.log.frozen = true;
    if (come_to_rest(world, "the live workers")) {
        run_on(world, LISTEN_US);
    }
}

/* Whether as many agents and standings hold a place as in the undisturbed run. */
static void compare_places(struct sim_world *world, const char *who)
{
    uint32_t agents = 0;
    uint32_t standings = 0;
    for (int32_t p = 0; p < world->cluster.log.partition_count; p++) {
        struct troth_shard_counts counts;
        troth_shard_count(world->check.runs[p].shard, &counts);
        agents += counts.agents;
        standings += counts.standings;
    }
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        if (world->members[i]->up) {
            struct troth_worker_counts counts;
            troth_worker_count(world->members[i]->worker, &counts);
            agents -= counts.agents;
            standings -= counts.standings;
        }
    }
    if (agents != 0 || standings != 0) {
        sim_check_fail(&world->check, "%s: %" PRId32 " agents and %" PRId32 " standings too few",
                       who, (int32_t)agents, (int32_t)standings);
    }
}

/* Makes the workers publish everything anew, and compares it. Returns from which write on. */
static size_t compare_standings(struct sim_world *world, const char *who)
{
    compare_places(world, who);
    const size_t since = world->cluster.redis.count;
    world->cluster.redis.keeps_reports = true;
    world->cluster.redis.restarts++;
    run_on(world, 2 * SIM_SECOND_US);
    world->cluster.redis.keeps_reports = false;
    sim_check_standings(&world->check, since, who);
    return since;
}

static void restore_afresh(struct sim_world *world)
{
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        if (world->members[i]->up) {
            sim_member_end(world->members[i]);
        }
        world->starts_us[i] = 0;
    }
    world->config.tick_us = 0;
    sim_member_start(world->members[0], &world->cluster, SIM_INSTANCES_MAX - 1, &world->config);
    if (come_to_rest(world, "a fresh worker")) {
        (void)compare_standings(world, "standings as a fresh worker restores them");
    }
}

/* ---- A run. ---- */

static void open_world(struct sim_world *world, const struct sim_world_options *options)
{
    static const int64_t evictions_us[] = {0, 0, 100 * SIM_SECOND_US, 1800 * SIM_SECOND_US};
    struct sim_cluster *cluster = &world->cluster;
    world->options = *options;
    cluster->random = options->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    cluster->bug = options->bug;
    cluster->dynamic = random_below(&cluster->random, 3) == 0;
    cluster->pass = pass;
    cluster->context = world;
    const int32_t partitions = 1 + (int32_t)random_below(&cluster->random, SIM_PARTITIONS_MAX);
    cluster->clock.control_skew_us = (int64_t)random_below(&cluster->random, 1000000) - 500000;
    sim_log_init(&cluster->log, &cluster->clock, &cluster->random, partitions);
    sim_group_init(&cluster->group, &cluster->clock, partitions);
    sim_redis_init(&cluster->redis, &cluster->clock, &cluster->random);
    cluster->log.bug = cluster->group.bug = cluster->redis.bug = options->bug;
    cluster->trouble = (struct sim_trouble){.unseen = (unsigned)random_below(&cluster->random, 60),
                                            .full = (unsigned)random_below(&cluster->random, 100),
                                            .twice = (unsigned)random_below(&cluster->random, 100),
                                            .again = (unsigned)random_below(&cluster->random, 30)};
    const troth_status status = troth_framing_init(&world->framing, TROTH_FRAMING_BARE);
    TROTH_ASSERT(status == TROTH_OK);
    sim_stream_init(&world->stream, cluster);
    const int64_t drawn_us = (int64_t)random_below(&cluster->random, 5) * 400000;
    const size_t bytes = (size_t)256 << random_below(&cluster->random, 10);
    const bool narrow = random_below(&cluster->random, 8) == 0;
    const int64_t eviction_us = PICK(&cluster->random, evictions_us);
    world->config = (struct troth_worker_config){
        .framing = &world->framing,
        .partitioner = TROTH_PARTITIONER_MURMUR2,
        .telemetry_topic = TELEMETRY,
        .era = 1,
        .publish_us = PUBLISH_US,
        .commit_us = (int64_t)(random_below(&cluster->random, 4) + 1) * SIM_SECOND_US / 2,
        .checkpoint_us = options->checkpoint_us >= 0 ? options->checkpoint_us : drawn_us,
        .checkpoint_bytes = bytes,
        .instance = "simulated",
        .tick_us = SIM_SECOND_US,
        .read_decisions = true,
        .dead_band = 5,
        /* Drawn of the seed, so that all else of it stays as it was. */
        .outage = {.max_narrowed = options->seed % 4 == 0 ? 0.5 : 0.1,
                   .guard_us = options->seed % 3 == 0 ? 0 : 30 * SIM_SECOND_US,
                   .least = 1},
        /* A bound is not part of what the model counts, nor is eviction. */
        .agents_max = narrow && options->written == NULL ? 2 : 32,
        .standings_max = 64,
        .standing_bytes = 4096,
        .max_ahead_us = 60 * SIM_SECOND_US,
        .evict_after_us = options->written == NULL ? eviction_us : 0,
        .say = say,
        .say_context = world};
    world->stream.fades = world->config.evict_after_us > 0;
    sim_check_init(&world->check, cluster, &world->config);
    world->check.verbose = options->verbose;
    world->check.lives_anew = world->stream.globs;
    cluster->log.on_committed = sim_check_committed;
    cluster->redis.on_write = sim_check_written;
    cluster->log.context = cluster->redis.context = &world->check;
    world->instances = 1 + (unsigned)random_below(&cluster->random, SIM_INSTANCES_MAX - 1);
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        world->members[i] = calloc(1, sizeof *world->members[i]);
        TROTH_ASSERT(world->members[i] != NULL);
        world->members[i]->life.sleep = sleep_through;
        world->members[i]->life.context = world;
        world->starts_us[i] = i < world->instances;
    }
}

static void close_world(struct sim_world *world, struct sim_tally *tally)
{
    const struct sim_cluster *cluster = &world->cluster;
    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        sim_member_end(world->members[i]);
        free(world->members[i]);
    }
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        tally->faults[i] += world->tally.faults[i];
    }
    for (int32_t p = 0; p < cluster->log.partition_count && world->check.ran; p++) {
        tally->records += (uint64_t)cluster->log.topics[TROTH_TOPIC_TELEMETRY][p].count;
        tally->interventions += world->check.runs[p].told_count;
        tally->rejects += world->check.runs[p].reject_count;
        tally->evicted += world->check.runs[p].evicted;
    }
    tally->steps += world->tally.steps;
    tally->restarts += world->tally.restarts;
    tally->rebalances += cluster->group.rebalances;
    tally->refused += cluster->group.refused;
    tally->fenced += cluster->log.counts.fenced;
    tally->aborted += cluster->log.counts.aborted;
    tally->late += cluster->log.counts.late;
    tally->stopped += cluster->redis.fenced;
    tally->guarded += world->check.guarded;
    tally->rulings += world->check.rulings;
    sim_stream_fini(&world->stream);
    sim_check_fini(&world->check);
    sim_redis_fini(&world->cluster.redis);
    sim_log_fini(&world->cluster.log);
}

bool sim_world_run(const struct sim_world_options *options, struct sim_tally *tally, char *why)
{
    struct sim_world *world = calloc(1, sizeof *world);
    TROTH_ASSERT(world != NULL);
    open_world(world, options);
    if (options->verbose) {
        printf(
            "    %d partitions, %u instances%s, %u agents of at most %u, checkpoints each %" PRId64
            " us of %zu bytes, eviction after %" PRId64 " us%s%s%s\n",
            world->cluster.log.partition_count, world->instances,
            world->cluster.dynamic ? " without a name" : "", world->stream.agents,
            world->config.agents_max, world->config.checkpoint_us, world->config.checkpoint_bytes,
            world->config.evict_after_us, world->stream.versions ? ", versions" : "",
            world->stream.globs ? ", globs" : "", world->stream.forges ? ", forgers" : "");
    }
    for (unsigned i = 0; i < world->stream.contracts; i++) {
        sim_stream_push(&world->stream, i);
    }
    trouble(world);
    rest(world);
    sim_check_rest(&world->check);
    if (!world->check.failed) {
        const size_t since = compare_standings(world, "standings as the live workers see them");
        if (options->written != NULL && !world->check.failed) {
            sim_write_run(&world->check, options->written, options->seed, since);
        }
    }
    if (!world->check.failed) {
        restore_afresh(world);
    }
    const bool held = !world->check.failed;
    snprintf(why, SIM_WHY_MAX, "%s", world->check.why);
    close_world(world, tally);
    free(world);
    return held;
}
