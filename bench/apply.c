/*
 * What one event costs in the shard, three share terms of 12 panes: hash, find, prefetched in
 * groups of 32, applied.
 *
 *   apply_ns_10k, apply_ns_1m    a fleet at clear, 10 thousand and 1 million agents
 *   apply_vs_probe_1m            the second over probe_ns_1m, the bare probe of the same events:
 *                                hashed, prefetched and found in the same index, nothing applied
 *   apply_vs_touch_1m            and over touch_ns_1m: also the lines of their standings, that
 *                                applying them needs, read a byte of each
 *   apply_ns_1m_warned           half of the fleet at warn, half in recertify
 *   bytes_per_standing           block and dense arrays; index_bytes_per_agent beside it
 *
 * Agents are drawn uniformly, the worst case for caches; one event in 250 fails. What is compared
 * takes the same events in groups of the same size, by turns. `--callgrind` applies one event to
 * each of 10 thousand agents at clear, then ends, for instruction counts.
 */
#include "bench/bench.h"

#include <sys/mman.h>

#include "schemas/assert.h"
#include "schemas/contract.h"
#include "scoring/agents.h"
#include "scoring/shard_state.h" /* where the shard keeps its agents: to be looked at alone */

/* Certified after `evidence` kept events: five for a fleet that gets to clear, a thousand for one
 * that stays in recertify. */
static const char form[] =
    "{contract: %s, version: 1, promise: Three share terms., owner: bench, capabilities: [work],"
    " applies_to: {agent: \"%c*\"}, window: 1h, panes: 12, hold: 10m,"
    " certify: {confidence: 0.54, within: 7d}, terms: ["
    "{name: resolves, when: {kind: task, outcome: {not: [throttled, cancelled]}},"
    " keep: {outcome: ok}, floor: 0.98, evidence: %u, fresh: 5},"
    "{name: prompt, when: {kind: task}, keep: {latency_us: {le: 2000000}}, floor: 0.95,"
    " evidence: %u, fresh: 5},"
    "{name: unaided, when: {kind: [task, rescue]}, keep: {kind: task, rescue: {exists: false}},"
    " floor: 0.97, evidence: %u, fresh: 5}]}";

enum { NAME_LENGTH = 12, GROUP_EVENTS = TROTH_PREFETCH };

#define START_US INT64_C(1790000000000000)

struct fleet {
    struct troth_contract contracts[2]; /* agents c... and r... */
    struct troth_rules rules[2];
    struct troth_shard *shard;
    void *memory;
    size_t size;
    uint32_t agents;
    char (*names)[NAME_LENGTH];
    uint64_t random;
    int64_t now_us;
    int64_t offset;
    uint64_t events;
};

static void make_contract(struct fleet *fleet, unsigned i, const char *name, char first,
                          unsigned evidence)
{
    static struct troth_problems problems;
    char document[2048];
    const int length =
        snprintf(document, sizeof document, form, name, first, evidence, evidence, evidence);
    if (troth_contract_parse(document, (size_t)length, &fleet->contracts[i], &problems) !=
        TROTH_OK) {
        fprintf(stderr, "bench/apply: the contract: %s: %s\n", problems.items[0].key,
                problems.items[0].text);
        exit(1);
    }
    troth_rules_init(&fleet->rules[i], &fleet->contracts[i]);
}

/* In certifying: how many of the agents, the last ones, are under the contract that certifies late.
 */
static void make_fleet(struct fleet *fleet, uint32_t agents, uint32_t certifying)
{
    memset(fleet, 0, sizeof *fleet);
    make_contract(fleet, 0, "certified", 'c', 5);
    make_contract(fleet, 1, "certifying", 'r', 1000);
    const struct troth_shard_config config = {.agents_max = agents,
                                              .standings_max = agents,
                                              .standing_bytes = fleet->rules[0].size,
                                              .max_ahead_us = 60000000};
    fleet->size = troth_shard_size(&config);
    fleet->memory = mmap(NULL, fleet->size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    fleet->names = malloc((size_t)agents * NAME_LENGTH);
    TROTH_ASSERT(fleet->memory != MAP_FAILED && fleet->names != NULL);
    (void)madvise(fleet->memory, fleet->size, MADV_HUGEPAGE);
    fleet->shard = troth_shard_init(fleet->memory, &config);
    fleet->agents = agents;
    fleet->now_us = START_US;
    fleet->random = agents;
    for (uint32_t i = 0; i < agents; i++) {
        snprintf(fleet->names[i], NAME_LENGTH, "%cgent-%05x", i < agents - certifying ? 'c' : 'r',
                 i);
    }
    for (unsigned i = 0; i < 2; i++) {
        const troth_status status = troth_shard_contract(fleet->shard, &fleet->rules[i]);
        TROTH_ASSERT(status == TROTH_OK);
    }
}

static void free_fleet(struct fleet *fleet)
{
    munmap(fleet->memory, fleet->size);
    free(fleet->names);
}

static struct troth_event event_of(struct fleet *fleet, uint32_t agent, bool fails)
{
    return (struct troth_event){
        .present = 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT | 1U << TROTH_FIELD_KIND |
                   1U << TROTH_FIELD_OUTCOME | 1U << TROTH_FIELD_SOURCE | 1U << TROTH_FIELD_ID |
                   1U << TROTH_FIELD_LATENCY_US | 1U << TROTH_FIELD_COST_MICROS,
        .kind = TROTH_KIND_TASK,
        .outcome = fails ? TROTH_OUTCOME_FAILED : TROTH_OUTCOME_OK,
        .at_us = fleet->now_us,
        .latency_us = 900000,
        .cost_micros = 1200,
        .agent = {fleet->names[agent], (uint32_t)strlen(fleet->names[agent])}};
}

/* A group of events; the next one is asked for while this one is applied, as the worker does. */
struct group {
    struct troth_event events[GROUP_EVENTS];
    struct troth_ahead ahead;
    unsigned count;
};

static void seek_group(struct fleet *fleet, struct group *group)
{
    const struct troth_event *events[GROUP_EVENTS] = {NULL};
    for (unsigned i = 0; i < group->count; i++) {
        events[i] = &group->events[i];
    }
    troth_shard_seek(fleet->shard, events, group->count, &group->ahead);
}

/* Finds the agents, and does nothing with them. */
static void find_group(struct fleet *fleet, struct group *group)
{
    for (unsigned i = 0; i < group->count; i++) {
        const uint32_t agent = troth_agents_find(&fleet->shard->agents, group->events[i].agent,
                                                 group->ahead.hashes[i]);
        TROTH_ASSERT(agent != TROTH_NONE);
    }
    group->count = 0;
}

static void apply_group(struct fleet *fleet, struct group *group)
{
    for (unsigned i = 0; i < group->count; i++) {
        const troth_status status = troth_shard_apply_sought(
            fleet->shard, fleet->now_us, fleet->offset++, &group->events[i], &group->ahead, i);
        TROTH_ASSERT(status == TROTH_OK);
    }
    fleet->events += group->count;
    fleet->now_us += group->count; /* a million events a second */
    group->count = 0;
}

/* Gives every agent of [first, end) `kept` kept events and then `failed` failed ones. */
static void feed(struct fleet *fleet, uint32_t first, uint32_t end, unsigned kept, unsigned failed)
{
    static struct group group;
    for (unsigned round = 0; round < kept + failed; round++) {
        for (uint32_t agent = first; agent < end;) {
            while (group.count < GROUP_EVENTS && agent < end) {
                group.events[group.count++] = event_of(fleet, agent++, round >= kept);
            }
            seek_group(fleet, &group);
            troth_shard_touch(fleet->shard, &group.ahead);
            apply_group(fleet, &group);
        }
    }
}

/* What is done with a group of events, once their agents and perhaps standings were asked for. */
struct way {
    bool touch;
    void (*work)(struct fleet *fleet, struct group *group);
};

static const struct way applying = {true, apply_group};
static const struct way probing = {false, find_group};
static const struct way touching = {true, find_group};

/* Works on random events and returns nanoseconds an event, what a made-up event costs taken off. */
static double measure(struct fleet *fleet, const struct way *way, uint64_t total)
{
    static struct group groups[2];
    unsigned turn = 0;
    int64_t spent_ns = 0;
    for (uint64_t done = 0; done < total; done += GROUP_EVENTS) {
        struct group *group = &groups[turn];
        for (group->count = 0; group->count < GROUP_EVENTS; group->count++) {
            const uint64_t draw = bench_random(&fleet->random);
            const uint32_t agent = (uint32_t)((draw >> 32) * fleet->agents >> 32);
            group->events[group->count] = event_of(fleet, agent, (draw & 0xff) == 0);
        }
        turn ^= 1U;
        const int64_t before_ns = bench_cpu_ns();
        seek_group(fleet, group);
        way->work(fleet, &groups[turn]);
        if (way->touch) {
            troth_shard_touch(fleet->shard, &group->ahead);
        }
        spent_ns += bench_cpu_ns() - before_ns;
    }
    way->work(fleet, &groups[turn ^ 1U]);
    return (double)spent_ns / (double)total;
}

/* What reading the clock around a group costs, a event. */
static double clock_ns(void)
{
    const int64_t before_ns = bench_cpu_ns();
    for (int i = 0; i < 100000; i++) {
        (void)bench_cpu_ns();
    }
    return (double)(bench_cpu_ns() - before_ns) / 100000.0 / GROUP_EVENTS;
}

static void count_rungs(struct fleet *fleet, uint32_t rungs[TROTH_RUNG_COUNT])
{
    memset(rungs, 0, TROTH_RUNG_COUNT * sizeof *rungs);
    for (uint32_t i = 0; i < troth_shard_standings(fleet->shard); i++) {
        struct troth_standing_view view;
        if (troth_shard_view(fleet->shard, i, &view)) {
            rungs[view.standing->rung]++;
        }
    }
}

/* A figure is worthless when the fleet is not where its name says. */
static void expect_share(struct fleet *fleet, unsigned rung, double least)
{
    uint32_t rungs[TROTH_RUNG_COUNT];
    count_rungs(fleet, rungs);
    if (rungs[rung] < least * fleet->agents) {
        fprintf(stderr, "bench/apply: too few standings are at %s:", troth_rung_name(rung));
        for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
            fprintf(stderr, " %u %s", rungs[i], troth_rung_name(i));
        }
        fputs("\n", stderr);
        exit(1);
    }
}

/* Makes a fleet at clear. */
static void make_clear(struct fleet *fleet, uint32_t agents)
{
    make_fleet(fleet, agents, 0);
    feed(fleet, 0, agents, 60, 0);
    expect_share(fleet, TROTH_RUNG_CLEAR, 0.999);
}

static void bench_10k(uint32_t agents, uint64_t events)
{
    static struct fleet fleet;
    double values[BENCH_REPETITIONS];
    const double overhead_ns = clock_ns();
    make_clear(&fleet, agents);
    for (unsigned i = 0; i < BENCH_REPETITIONS; i++) {
        values[i] = measure(&fleet, &applying, events) - overhead_ns;
    }
    expect_share(&fleet, TROTH_RUNG_CLEAR, 0.9);
    bench_print("apply_ns_10k", values, BENCH_REPETITIONS, "ns");
    free_fleet(&fleet);
}

/* By turns, the same events each time: probed, touched and applied. */
static void bench_1m(uint32_t agents, uint64_t events)
{
    static struct fleet fleet;
    double values[5][BENCH_REPETITIONS];
    const double overhead_ns = clock_ns();
    make_clear(&fleet, agents);
    for (unsigned i = 0; i < BENCH_REPETITIONS; i++) {
        const uint64_t random = fleet.random;
        const double probe_ns = measure(&fleet, &probing, events) - overhead_ns;
        fleet.random = random;
        const double touch_ns = measure(&fleet, &touching, events) - overhead_ns;
        fleet.random = random;
        const double apply_ns = measure(&fleet, &applying, events) - overhead_ns;
        values[0][i] = apply_ns;
        values[1][i] = probe_ns;
        values[2][i] = apply_ns / probe_ns;
        values[3][i] = touch_ns;
        values[4][i] = apply_ns / touch_ns;
    }
    expect_share(&fleet, TROTH_RUNG_CLEAR, 0.9);
    bench_print("apply_ns_1m", values[0], BENCH_REPETITIONS, "ns");
    bench_print("probe_ns_1m", values[1], BENCH_REPETITIONS, "ns");
    bench_print("apply_vs_probe_1m", values[2], BENCH_REPETITIONS, "ratio");
    bench_print("touch_ns_1m", values[3], BENCH_REPETITIONS, "ns");
    bench_print("apply_vs_touch_1m", values[4], BENCH_REPETITIONS, "ratio");
    free_fleet(&fleet);
}

static void bench_warned(uint32_t agents, uint64_t events)
{
    static struct fleet fleet;
    double values[BENCH_REPETITIONS];
    const double overhead_ns = clock_ns();
    make_fleet(&fleet, agents, agents / 2);
    feed(&fleet, 0, agents / 2, 46, 2);     /* warned: two failures in 48 */
    feed(&fleet, agents / 2, agents, 4, 0); /* not yet certified */
    expect_share(&fleet, TROTH_RUNG_WARN, 0.49);
    expect_share(&fleet, TROTH_RUNG_RECERTIFY, 0.49);
    for (unsigned i = 0; i < BENCH_REPETITIONS; i++) {
        values[i] = measure(&fleet, &applying, events / BENCH_REPETITIONS) - overhead_ns;
    }
    expect_share(&fleet, TROTH_RUNG_WARN, 0.3);
    bench_print("apply_ns_1m_warned", values, BENCH_REPETITIONS, "ns");
    free_fleet(&fleet);
}

static void print_bytes(void)
{
    static struct fleet fleet;
    enum { AGENTS = 1000 };
    make_fleet(&fleet, AGENTS, 0);
    const size_t dense =
        sizeof(int64_t) + 3 * sizeof(uint32_t) + 1; /* deadline, line, dirty, later, flags */
    const size_t published = 24;                    /* struct troth_published, the worker's */
    const size_t index = sizeof(struct troth_agent) + 2 * sizeof(struct troth_agent_slot);
    const size_t unsaved = sizeof(uint32_t) + 3 * sizeof(int64_t); /* agent, since, true until */
    printf("bytes_per_standing %zu bytes (block %u, arrays %zu, publication %zu)\n",
           fleet.rules[0].size + dense + published, fleet.rules[0].size, dense, published);
    printf("index_bytes_per_agent %zu bytes (and what is to be written down: %zu)\n", index,
           unsaved);
    free_fleet(&fleet);
}

int main(int argc, char **argv)
{
    const bool tiny = bench_is_tiny(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--callgrind") == 0) {
        static struct fleet fleet;
        make_fleet(&fleet, 10000, 0);
        feed(&fleet, 0, fleet.agents, argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 60, 0);
        printf("%llu events applied\n", (unsigned long long)fleet.events);
        free_fleet(&fleet);
        return 0;
    }
    bench_10k(tiny ? 1000 : 10000, tiny ? 20000 : 4000000);
    bench_1m(tiny ? 2000 : 1000000, tiny ? 20000 : 4000000);
    bench_warned(tiny ? 2000 : 1000000, tiny ? 2000 : 4000000);
    print_bytes();
    return 0;
}
