#include "bench/walk/walker.h"

#include "consumers/avro/encode.h"
#include "schemas/assert.h"

enum {
    RECORD_BYTES = 256, /* key and value of one, at most */
    SCATTER = 7368787   /* prime, and no factor of a number of agents */
};

#define START_US INT64_C(1790000000000000)

static struct troth_framing framing;

#define CONTRACT(certify, evidence)                                                                \
    "{\"contract\": \"refunds\", \"version\": 1, \"promise\": \"Three share terms.\","             \
    " \"owner\": \"bench\", \"applies_to\": {\"agent\": \"refund-*\"}, \"capabilities\":"          \
    " [\"refund\"], \"window\": \"1h\", \"panes\": 12, \"hold\": \"10m\"," certify " \"terms\": [" \
    "{\"name\": \"resolves\", \"when\": {\"kind\": \"task\", \"outcome\": {\"not\":"               \
    " [\"throttled\", \"cancelled\"]}}, \"keep\": {\"outcome\": \"ok\"}, \"floor\": 0.98" evidence \
    "}, {\"name\": \"prompt\", \"when\": {\"kind\": \"task\"}, \"keep\": {\"latency_us\":"         \
    " {\"le\": 2000000}}, \"floor\": 0.95" evidence                                                \
    "}, {\"name\": \"unaided\", \"when\": {\"kind\": [\"task\", \"rescue\"]}, \"keep\":"           \
    " {\"kind\": \"task\", \"rescue\": {\"exists\": false}}, \"floor\": 0.97" evidence "}]}"

const char walker_contract[] = CONTRACT("", "");
const char walker_contract_certified[] =
    CONTRACT(" \"consequence\": \"low\", \"certify\": {\"confidence\": 0.54, \"within\": \"7d\"},",
             ", \"evidence\": 5, \"fresh\": 5");

static void say(void *context, enum troth_level level, const char *text)
{
    (void)context;
    if (level >= TROTH_LEVEL_WARNING) {
        fprintf(stderr, "bench/walk: %s\n", text);
    }
}

static void step(struct walker *walker)
{
    const troth_status status = troth_worker_step(walker->worker);
    TROTH_ASSERT(status == TROTH_OK);
}

void walker_open(struct walker *walker, const struct walker_config *config)
{
    memset(walker, 0, sizeof *walker);
    memory_log_open(&walker->log, START_US, "refunds", "refunds@1", config->contract);
    walker->config = *config;
    walker->fleet =
        bench_fleet_create(&(struct bench_load){config->agents, 1.0, config->late_ppm}, START_US);
    walker->bytes = malloc((size_t)WALKER_ROUND * RECORD_BYTES);
    walker->items = calloc((size_t)WALKER_ROUND, sizeof *walker->items);
    walker->random = 1;
    TROTH_ASSERT(walker->fleet != NULL && walker->bytes != NULL && walker->items != NULL);
    troth_status status = troth_framing_init(&framing, TROTH_FRAMING_ANY);
    TROTH_ASSERT(status == TROTH_OK);
    const struct troth_worker_config worker = {.log = &walker->log.calls,
                                               .clock = memory_log_clock(&walker->log),
                                               .framing = &framing,
                                               .partitioner = TROTH_PARTITIONER_MURMUR2,
                                               .telemetry_topic = "bench.telemetry",
                                               .era = 1,
                                               .publish_us = 50000,
                                               .commit_us = 1000000,
                                               .agents_max = config->agents,
                                               .standings_max = config->agents,
                                               .max_ahead_us = 60000000,
                                               .say = say};
    status = troth_worker_create(&worker, &walker->worker);
    TROTH_ASSERT(status == TROTH_OK);
    for (unsigned i = 0; i < MEMORY_LOG_NEWS; i++) { /* until the contract is in force */
        step(walker);
    }
}

/* Returns when the log records the next event: a millisecond after it was, at most. */
static int64_t recorded_us(const struct walker *walker)
{
    return (walker->log.now_us + 1) / 1000 * 1000 + 1000;
}

/* Encodes an event of the round. */
static void put_event(struct walker *walker, const struct troth_event *event)
{
    struct memory_log *log = &walker->log;
    char *key = walker->bytes + walker->made * RECORD_BYTES;
    size_t length = 0;
    memcpy(key, event->agent.data, event->agent.length);
    const troth_status status =
        troth_encode(event, key + event->agent.length, RECORD_BYTES - event->agent.length, &length);
    TROTH_ASSERT(status == TROTH_OK);
    walker->items[walker->made++] = (struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                                            .topic = TROTH_TOPIC_TELEMETRY,
                                                            .has_key = true,
                                                            .has_value = true,
                                                            .offset = log->offset++,
                                                            .timestamp_us = recorded_us(walker),
                                                            .key = key,
                                                            .value = key + event->agent.length,
                                                            .key_length = event->agent.length,
                                                            .value_length = (uint32_t)length};
    log->now_us++;
    walker->events++;
}

/* Returns CPU-nanoseconds of the worker's turns for what was made. */
static int64_t take_made(struct walker *walker)
{
    memory_log_give(&walker->log, walker->items, walker->made);
    walker->made = 0;
    const int64_t began_ns = bench_cpu_ns();
    while (walker->log.next < walker->log.count) {
        step(walker);
    }
    return bench_cpu_ns() - began_ns;
}

static void give_turn(struct walker *walker, uint32_t agent, struct troth_event *event, bool *late)
{
    int64_t recorded_at_us;
    bool given = false;
    for (int i = 0; i < 16 && !given; i++) { /* it may hold one back, or lose it */
        given = troth_fleet_turn(walker->fleet, agent, event, &recorded_at_us);
    }
    TROTH_ASSERT(given);
    *late = event->at_us < recorded_at_us;
}

static void make_event(struct walker *walker, enum walker_choice choice)
{
    struct troth_event event;
    bool late = false;
    if (choice == WALKER_UNIFORM) {
        const uint64_t draw = bench_random(&walker->random) >> 32;
        give_turn(walker, (uint32_t)(draw * walker->config.agents >> 32), &event, &late);
    } else {
        int64_t recorded_at_us;
        const bool made = troth_fleet_next(walker->fleet, &event, &recorded_at_us);
        TROTH_ASSERT(made);
        late = event.at_us < recorded_at_us;
    }
    event.at_us = walker->log.now_us - (late ? bench_late_us(&walker->random) : 0);
    walker->late += late;
    put_event(walker, &event);
}

void walker_warm(struct walker *walker, unsigned events)
{
    const uint32_t agents = walker->config.agents;
    struct troth_event event;
    bool late;
    for (uint32_t i = 0; i < agents; i++) {
        const uint32_t agent = (uint32_t)((uint64_t)i * SCATTER % agents);
        for (unsigned k = 0; k < events; k++) {
            give_turn(walker, agent, &event, &late);
            bench_event_keep(&event);
            event.at_us = recorded_us(walker); /* not before its standing began */
            put_event(walker, &event);
            if (walker->made == WALKER_ROUND) {
                (void)take_made(walker);
            }
        }
    }
    (void)take_made(walker);
    struct troth_worker_counts counts;
    troth_worker_count(walker->worker, &counts);
    TROTH_ASSERT(counts.standings == agents && counts.late == 0);
}

double walker_take(struct walker *walker, enum walker_choice choice, unsigned rounds, bool settle)
{
    int64_t spent_ns = 0;
    for (unsigned i = 0; i < rounds + settle; i++) {
        while (walker->made < WALKER_ROUND) {
            make_event(walker, choice);
        }
        const int64_t took_ns = take_made(walker);
        spent_ns += settle && i == 0 ? 0 : took_ns;
    }
    return (double)spent_ns / (double)(rounds * WALKER_ROUND);
}

double walker_pass_pane(struct walker *walker)
{
    walker->log.now_us = (walker->log.now_us / BENCH_PANE_US + 1) * BENCH_PANE_US;
    make_event(walker, WALKER_UNIFORM);
    return (double)take_made(walker);
}

void walker_close(struct walker *walker)
{
    struct troth_worker_counts counts;
    troth_worker_count(walker->worker, &counts);
    TROTH_ASSERT(counts.applied == walker->events && counts.duplicates == 0);
    troth_worker_destroy(walker->worker);
    free(walker->fleet);
    free(walker->bytes);
    free(walker->items);
}
