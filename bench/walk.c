/*
 * What one event costs from the poll that brings it to the standing that it changes: the real
 * worker over a log in memory, without librdkafka, and without a store. CPU time of the thread,
 * turns of the worker alone.
 *
 *   bench_walk [--tiny] [walk | skew | scale]      default: walk and skew
 *
 *   walk     walk_ns               the standard load: 100,000 agents, Zipf 1.0, three share terms,
 *                                  framing `any`; a fleet most of which is still being certified
 *   skew     walk_zipf_ratio       events a second of the same choice of agents over all alike
 *            walk_late_ratio       and of a tenth in older panes of the window over none
 *   scale    scale_10m_10k         events a second of 10 million agents over those of 10 thousand,
 *            scale_10m_10k_uniform Zipf 1.0, and all alike: the worst case for caches
 *            scale_pane_ns         for each of 10 million standings, when a pane of the window ends
 *
 * Fleets that are compared are all at clear, each agent certified, and take their turns in one
 * process. `--callgrind N` takes N turns of 4,096 events of 10,000 agents and ends, for instruction
 * counts: all that is inside troth_worker_step is the worker's.
 */
#include "bench/walk/walker.h"

#include "schemas/assert.h"

enum {
    AGENTS_COUNTED = 10000,
    ROUNDS = 40,      /* of WALKER_TURNS turns */
    ROUNDS_WARM = 20, /* and before anything is counted: until nearly every agent is known */
    ROUNDS_BY_TURN = 12,
    WARM_EVENTS = 6, /* of each agent: five certify it */
    LATE_PPM = 100000,
    SCALE_SMALL = 10000,
    SCALE_LARGE = 10000000,
    SCALE_GIB = 12 /* that the large fleet and its standings take */
};

static void bench_walk(bool tiny)
{
    static struct walker walker;
    double ns[ROUNDS];
    const unsigned rounds = tiny ? 2 : ROUNDS;
    walker_open(&walker, &(struct walker_config){walker_contract, BENCH_AGENTS, 0});
    for (unsigned i = 0; i < (tiny ? 1 : ROUNDS_WARM); i++) {
        (void)walker_take(&walker, WALKER_FLEETS, 1, false);
    }
    for (unsigned i = 0; i < rounds; i++) {
        ns[i] = walker_take(&walker, WALKER_FLEETS, 1, false);
    }
    bench_print("walk_ns", ns, rounds, "ns");
    walker_close(&walker);
}

/* One side of a comparison. */
struct side {
    struct walker *walker;
    enum walker_choice choice;
    double ns[BENCH_REPETITIONS];
};

/* Measures the sides by turns; every other time in the opposite order. */
static void take_turns(struct side *sides, unsigned count, bool tiny)
{
    for (unsigned i = 0; i < BENCH_REPETITIONS; i++) {
        for (unsigned k = 0; k < count; k++) {
            struct side *side = &sides[i % 2 == 0 ? k : count - 1 - k];
            side->ns[i] = walker_take(side->walker, side->choice, tiny ? 1 : ROUNDS_BY_TURN, !tiny);
        }
    }
}

/* Prints how much more a side does than another: the less time an event takes. */
static void print_ratio(const char *name, const struct side *side, const struct side *over)
{
    double ratios[BENCH_REPETITIONS];
    for (unsigned i = 0; i < BENCH_REPETITIONS; i++) {
        ratios[i] = over->ns[i] / side->ns[i];
    }
    bench_print(name, ratios, BENCH_REPETITIONS, "ratio");
}

static void bench_skew(bool tiny)
{
    static struct walker walker;
    static struct walker late;
    const uint32_t agents = tiny ? SCALE_SMALL : BENCH_AGENTS;
    struct side sides[] = {{.walker = &walker, .choice = WALKER_FLEETS},
                           {.walker = &walker, .choice = WALKER_UNIFORM},
                           {.walker = &late, .choice = WALKER_FLEETS}};
    walker_open(&walker, &(struct walker_config){walker_contract_certified, agents, 0});
    walker_open(&late, &(struct walker_config){walker_contract_certified, agents, LATE_PPM});
    walker_warm(&walker, WARM_EVENTS);
    walker_warm(&late, WARM_EVENTS);
    const uint64_t warmed = late.events;
    take_turns(sides, 3, tiny);
    print_ratio("walk_zipf_ratio", &sides[0], &sides[1]);
    print_ratio("walk_late_ratio", &sides[2], &sides[0]);
    bench_print("walk_ns_zipf", sides[0].ns, BENCH_REPETITIONS, "ns");
    bench_print("walk_ns_uniform", sides[1].ns, BENCH_REPETITIONS, "ns");
    bench_print("walk_ns_late", sides[2].ns, BENCH_REPETITIONS, "ns");
    printf("walk_late_share %.3f of the events\n",
           (double)late.late / (double)(late.events - warmed));
    walker_close(&walker);
    walker_close(&late);
}

/* Whether there is memory for the large fleet; says where there is not. */
static bool has_memory(void)
{
    char line[128];
    double kib = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "MemAvailable:", 13) == 0) {
            kib = strtod(line + 13, NULL);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (kib / 1048576 < SCALE_GIB) {
        fprintf(stderr,
                "bench/walk: scale: ten million agents take %d GiB of memory, and %.1f are free;"
                " end what takes the rest\n",
                SCALE_GIB, kib / 1048576);
        return false;
    }
    return true;
}

static int bench_scale(bool tiny)
{
    static struct walker small;
    static struct walker large;
    const uint32_t agents[] = {tiny ? SCALE_SMALL / 10 : SCALE_SMALL,
                               tiny ? SCALE_SMALL * 2 : SCALE_LARGE};
    struct side sides[] = {{.walker = &small, .choice = WALKER_FLEETS},
                           {.walker = &large, .choice = WALKER_FLEETS},
                           {.walker = &small, .choice = WALKER_UNIFORM},
                           {.walker = &large, .choice = WALKER_UNIFORM}};
    double pane_ns[1];
    if (!tiny && !has_memory()) {
        return 1;
    }
    walker_open(&small, &(struct walker_config){walker_contract_certified, agents[0], 0});
    walker_open(&large, &(struct walker_config){walker_contract_certified, agents[1], 0});
    walker_warm(&small, WARM_EVENTS);
    walker_warm(&large, WARM_EVENTS);
    take_turns(sides, 4, tiny);
    print_ratio("scale_10m_10k", &sides[1], &sides[0]);
    print_ratio("scale_10m_10k_uniform", &sides[3], &sides[2]);
    bench_print("scale_ns_10k", sides[0].ns, BENCH_REPETITIONS, "ns");
    bench_print("scale_ns_10m", sides[1].ns, BENCH_REPETITIONS, "ns");
    bench_print("scale_ns_10k_uniform", sides[2].ns, BENCH_REPETITIONS, "ns");
    bench_print("scale_ns_10m_uniform", sides[3].ns, BENCH_REPETITIONS, "ns");
    pane_ns[0] = walker_pass_pane(&large) / agents[1];
    bench_print("scale_pane_ns", pane_ns, 1, "ns");
    walker_close(&small);
    walker_close(&large);
    return 0;
}

static void count_instructions(long turns)
{
    static struct walker walker;
    walker_open(&walker, &(struct walker_config){walker_contract, AGENTS_COUNTED, 0});
    for (; turns > 0; turns -= WALKER_TURNS) {
        (void)walker_take(&walker, WALKER_FLEETS, 1, false);
    }
    walker_close(&walker);
}

int main(int argc, char **argv)
{
    const bool tiny = bench_is_tiny(argc, argv);
    const char *part = argc > 1 + tiny ? argv[argc - 1] : "";
    if (argc == 3 && strcmp(argv[1], "--callgrind") == 0) {
        count_instructions(strtol(argv[2], NULL, 10));
        return 0;
    }
    const bool all = *part == '\0';
    if (all || strcmp(part, "walk") == 0) {
        bench_walk(tiny);
    }
    if (all || strcmp(part, "skew") == 0) {
        bench_skew(tiny);
    }
    if (strcmp(part, "scale") == 0) {
        return bench_scale(tiny);
    }
    if (!all && strcmp(part, "walk") != 0 && strcmp(part, "skew") != 0) {
        fputs("usage: bench_walk [--tiny] [walk | skew | scale]\n", stderr);
        return 2;
    }
    return 0;
}
