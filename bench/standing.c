/*
 * What a checkpoint and a restart cost by standing: writing one down as its record, and putting it
 * back into a shard; and how many bytes a record takes, of a standing at work and of a quiet one.
 *
 *   bench_standing [--tiny]
 */
#include "bench/bench.h"
#include "consumers/standing_record.h"
#include "schemas/contract.h"
#include "scoring/agents.h"
#include "scoring/shard_snapshot.h"

#define SECOND_US INT64_C(1000000)
#define START_US  INT64_C(1790035200000000)

enum { STANDINGS = 200000, STANDINGS_TINY = 1000, EVENTS_EACH = 20, RECORD_BYTES = 512 };

static const char contract_text[] =
    "{contract: refunds, version: 3, promise: p, owner: o, window: 1h, panes: 12, terms: ["
    "{name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.98}, "
    "{name: prompt, when: {kind: task}, keep: {latency_us: {le: 2000000}}, floor: 0.95}, "
    "{name: unaided, when: {kind: task}, keep: {rescue: {exists: false}}, floor: 0.97}]}";

static struct troth_contract contract;
static struct troth_rules rules;
static struct troth_snapshot snapshot;

struct load {
    uint32_t count;
    size_t memory_size;
    void *memory;
    struct troth_shard *shard;
    uint32_t *lengths;
    uint8_t *records; /* RECORD_BYTES each */
    struct troth_shard_config config;
};

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_standing: %s\n", what);
    exit(1);
}

static void start(struct load *load)
{
    memset(load->memory, 0, load->memory_size);
    load->shard = troth_shard_init(load->memory, &load->config);
    if (troth_shard_contract(load->shard, &rules) != TROTH_OK) {
        stop("the contract does not fit");
    }
}

/* Every agent's tasks, spread over the window. */
static void feed(struct load *load)
{
    char name[32];
    int64_t offset = 0;
    for (unsigned round = 0; round < EVENTS_EACH; round++) {
        const int64_t at_us = START_US + round * 180 * SECOND_US;
        for (uint32_t i = 0; i < load->count; i++) {
            const int length = snprintf(name, sizeof name, "refund-%08u", i);
            struct troth_event event = {.kind = TROTH_KIND_TASK,
                                        .outcome = TROTH_OUTCOME_OK,
                                        .at_us = at_us,
                                        .latency_us = 1000,
                                        .agent = {name, (uint32_t)length}};
            event.present = 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT |
                            1U << TROTH_FIELD_KIND | 1U << TROTH_FIELD_SOURCE |
                            1U << TROTH_FIELD_OUTCOME | 1U << TROTH_FIELD_LATENCY_US;
            if (troth_shard_apply(load->shard, at_us, offset++, &event,
                                  troth_agents_hash(event.agent)) != TROTH_OK) {
                stop("an event was refused");
            }
        }
    }
}

/* Writes every standing down. Returns the mean length of a record. */
static double save(struct load *load)
{
    double bytes = 0.0;
    for (uint32_t i = 0; i < load->count; i++) {
        size_t length = 0;
        if (!troth_shard_export(load->shard, i, &snapshot) ||
            troth_standing_encode(&snapshot, load->records + (size_t)i * RECORD_BYTES, RECORD_BYTES,
                                  &length) != TROTH_OK) {
            stop("a standing was not written");
        }
        load->lengths[i] = (uint32_t)length;
        bytes += (double)length;
    }
    return bytes / load->count;
}

static void restore(struct load *load)
{
    uint32_t standing = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        if (troth_standing_decode(load->records + (size_t)i * RECORD_BYTES, load->lengths[i],
                                  &snapshot) != TROTH_OK ||
            troth_shard_import(load->shard, &snapshot, &standing) != TROTH_OK) {
            stop("a record was not restored");
        }
    }
}

static void open_load(struct load *load, uint32_t count)
{
    static struct troth_problems problems;
    if (troth_contract_parse(contract_text, sizeof contract_text - 1, &contract, &problems) !=
        TROTH_OK) {
        stop(problems.items[0].text);
    }
    troth_rules_init(&rules, &contract);
    load->count = count;
    load->config = (struct troth_shard_config){.agents_max = count,
                                               .standings_max = count,
                                               .standing_bytes = 640,
                                               .max_ahead_us = 60 * SECOND_US};
    load->memory_size = (troth_shard_size(&load->config) + 63) / 64 * 64;
    load->memory = aligned_alloc(64, load->memory_size);
    load->lengths = calloc(count, sizeof *load->lengths);
    load->records = calloc(count, RECORD_BYTES);
    if (load->memory == NULL || load->lengths == NULL || load->records == NULL) {
        stop("no memory");
    }
    start(load);
}

int main(int argc, char **argv)
{
    static struct load load;
    double save_ns[BENCH_REPETITIONS];
    double restore_ns[BENCH_REPETITIONS];
    double bytes = 0.0;
    open_load(&load, bench_is_tiny(argc, argv) ? STANDINGS_TINY : STANDINGS);
    feed(&load);
    for (unsigned i = 0; i < BENCH_REPETITIONS; i++) {
        const int64_t begin = bench_cpu_ns();
        bytes = save(&load);
        const int64_t middle = bench_cpu_ns();
        const int64_t clock_us = troth_shard_clock_us(load.shard);
        const int64_t offset = troth_shard_offset(load.shard);
        start(&load);
        troth_shard_resume(load.shard, clock_us, offset);
        const int64_t begin_restore = bench_cpu_ns();
        restore(&load);
        save_ns[i] = (double)(middle - begin) / load.count;
        restore_ns[i] = (double)(bench_cpu_ns() - begin_restore) / load.count;
    }
    bench_print("standing_save", save_ns, BENCH_REPETITIONS, "ns");
    bench_print("standing_restore", restore_ns, BENCH_REPETITIONS, "ns");
    printf("standing_record %.1f bytes\n", bytes);
    const int64_t later_us = troth_shard_clock_us(load.shard) + 7200 * SECOND_US;
    if (troth_shard_apply(load.shard, later_us, troth_shard_offset(load.shard) + 1, NULL, 0) !=
        TROTH_OK) {
        stop("the clock did not move");
    }
    printf("standing_record_quiet %.1f bytes\n", save(&load));
    free(load.memory);
    free(load.lengths);
    free(load.records);
    return 0;
}
