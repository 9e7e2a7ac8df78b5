/*
 * What one event costs from the poll that brings it to the standing that it changes: the real
 * worker over a log in memory, without librdkafka, and without a store.
 *
 *   walk_ns          CPU time of the thread, turns of the worker alone
 *
 * The standard load: 100,000 agents, Zipf 1.0, three share terms, framing `any`. Events are made
 * and encoded some turns ahead, which is not counted. `--callgrind N` takes N turns of 4,096 events
 * of 10,000 agents and ends, for instruction counts: all that is inside troth_worker_step is the
 * worker's.
 */
#include "bench/standard_load.h"

#include "consumers/avro/encode.h"
#include "consumers/worker.h"
#include "schemas/assert.h"

enum {
    RECORD_BYTES = 256, /* key and value of one, at most */
    AGENTS_COUNTED = 10000,
    TURNS_AHEAD = 16, /* so many turns' events are made at a time */
    ROUNDS = 40,      /* of those */
    ROUNDS_WARM = 20, /* and before anything is counted: until nearly every agent is known */
    NEWS = 4,         /* items that are no events */
    TOPIC_RECORDS_MAX = 2
};

#define START_US INT64_C(1790000000000000)

static const char contract[] =
    "{\"contract\": \"refunds\", \"version\": 1, \"promise\": \"Three share terms.\","
    " \"owner\": \"bench\", \"applies_to\": {\"agent\": \"refund-*\"}, \"capabilities\":"
    " [\"refund\"], \"window\": \"1h\", \"panes\": 12, \"hold\": \"10m\", \"terms\": ["
    "{\"name\": \"resolves\", \"when\": {\"kind\": \"task\", \"outcome\": {\"not\":"
    " [\"throttled\", \"cancelled\"]}}, \"keep\": {\"outcome\": \"ok\"}, \"floor\": 0.98},"
    "{\"name\": \"prompt\", \"when\": {\"kind\": \"task\"}, \"keep\": {\"latency_us\":"
    " {\"le\": 2000000}}, \"floor\": 0.95},"
    "{\"name\": \"unaided\", \"when\": {\"kind\": [\"task\", \"rescue\"]}, \"keep\":"
    " {\"kind\": \"task\", \"rescue\": {\"exists\": false}}, \"floor\": 0.97}]}";

/* A log of one partition: news first (the assignment, the contract), then telemetry. */
struct log {
    struct troth_log calls;
    struct troth_log_item news[NEWS];
    unsigned news_count;
    char pointer[RECORD_BYTES]; /* what the worker appended to telemetry */
    size_t pointer_length;
    bool started;
    int64_t offset;
    int64_t now_us;
    struct troth_log_item *items; /* of one turn after another */
    size_t next;
    size_t count;
};

static struct log the_log;

static troth_status log_poll(struct troth_log *log, int64_t timeout_us,
                             struct troth_log_item *items, size_t capacity, size_t *count)
{
    (void)log;
    (void)timeout_us;
    size_t given = 0;
    for (; given < the_log.news_count; given++) {
        items[given] = the_log.news[given];
    }
    the_log.news_count = 0;
    if (the_log.started && the_log.pointer_length > 0) {
        items[given++] = (struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                                 .topic = TROTH_TOPIC_TELEMETRY,
                                                 .has_value = true,
                                                 .offset = the_log.offset++,
                                                 .timestamp_us = the_log.now_us,
                                                 .value = the_log.pointer,
                                                 .value_length = (uint32_t)the_log.pointer_length};
        the_log.pointer_length = 0;
    }
    const size_t left = the_log.count - the_log.next;
    const size_t more = left < capacity - given ? left : capacity - given;
    memcpy(items + given, the_log.items + the_log.next, more * sizeof *items);
    the_log.next += more;
    *count = given + more;
    return TROTH_OK;
}

static troth_status log_extent(struct troth_log *log, int32_t partition,
                               struct troth_log_extent *extent)
{
    (void)log;
    (void)partition;
    *extent = (struct troth_log_extent){.committed = TROTH_OFFSET_NONE};
    return TROTH_OK;
}

static troth_status log_catch_up(struct troth_log *log, enum troth_topic topic, bool *reached)
{
    (void)log;
    (void)topic;
    *reached = true;
    return TROTH_OK;
}

static troth_status log_start(struct troth_log *log, int32_t partition, int64_t offset)
{
    (void)log;
    (void)partition;
    (void)offset;
    the_log.started = true;
    return TROTH_OK;
}

static troth_status log_send(struct troth_log *log, const struct troth_log_record *record)
{
    (void)log;
    if (record->topic == TROTH_TOPIC_TELEMETRY) {
        TROTH_ASSERT(record->value_length <= sizeof the_log.pointer);
        memcpy(the_log.pointer, record->value, record->value_length);
        the_log.pointer_length = record->value_length;
    }
    return TROTH_OK;
}

static troth_status log_flush(struct troth_log *log, int64_t timeout_us)
{
    (void)log;
    (void)timeout_us;
    return TROTH_OK;
}

static troth_status log_commit(struct troth_log *log, const struct troth_log_offset *offsets,
                               size_t count, int64_t timeout_us)
{
    (void)log;
    (void)offsets;
    (void)count;
    (void)timeout_us;
    return TROTH_OK;
}

static int32_t log_partitions(struct troth_log *log)
{
    (void)log;
    return 1;
}

static const char *log_error(struct troth_log *log)
{
    (void)log;
    return "";
}

/* The log's time is the worker's. */
static int64_t clock_us(void *context)
{
    (void)context;
    return the_log.now_us;
}

static void put_news(struct troth_log_item item)
{
    TROTH_ASSERT(the_log.news_count < NEWS);
    the_log.news[the_log.news_count++] = item;
}

static void put_contract(int64_t offset, const char *key, const char *value)
{
    put_news((struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                     .topic = TROTH_TOPIC_CONTRACTS,
                                     .has_key = true,
                                     .has_value = true,
                                     .offset = offset,
                                     .timestamp_us = START_US - 1000000,
                                     .key = key,
                                     .value = value,
                                     .key_length = (uint32_t)strlen(key),
                                     .value_length = (uint32_t)strlen(value)});
}

static void open_log(void)
{
    the_log.calls = (struct troth_log){.poll = log_poll,
                                       .extent = log_extent,
                                       .catch_up = log_catch_up,
                                       .start = log_start,
                                       .send = log_send,
                                       .flush = log_flush,
                                       .commit = log_commit,
                                       .committed = log_flush,
                                       .partitions = log_partitions,
                                       .error = log_error};
    the_log.now_us = START_US;
    the_log.items = calloc((size_t)TURNS_AHEAD * TROTH_BATCH_MAX, sizeof *the_log.items);
    TROTH_ASSERT(the_log.items != NULL);
    put_contract(0, "refunds@1", contract);
    put_contract(1, "refunds", "1");
    put_news((struct troth_log_item){.kind = TROTH_LOG_END, .topic = TROTH_TOPIC_CONTRACTS});
    put_news((struct troth_log_item){.kind = TROTH_LOG_ASSIGNED, .topic = TROTH_TOPIC_TELEMETRY});
}

/* Makes the events of so many turns; each is recorded a millisecond after it was, at most. */
static void make_events(struct troth_fleet *fleet, char *bytes, size_t turns)
{
    struct troth_event event;
    int64_t recorded_at_us;
    the_log.next = 0;
    the_log.count = turns * TROTH_BATCH_MAX;
    for (size_t i = 0; i < the_log.count; i++) {
        char *key = bytes + i * RECORD_BYTES;
        size_t length = 0;
        bool made = troth_fleet_next(fleet, &event, &recorded_at_us);
        event.at_us = the_log.now_us++;
        memcpy(key, event.agent.data, event.agent.length);
        made = made && troth_encode(&event, key + event.agent.length,
                                    RECORD_BYTES - event.agent.length, &length) == TROTH_OK;
        TROTH_ASSERT(made);
        the_log.items[i] =
            (struct troth_log_item){.kind = TROTH_LOG_RECORD,
                                    .topic = TROTH_TOPIC_TELEMETRY,
                                    .has_key = true,
                                    .has_value = true,
                                    .offset = the_log.offset++,
                                    .timestamp_us = the_log.now_us / 1000 * 1000 + 1000,
                                    .key = key,
                                    .value = key + event.agent.length,
                                    .key_length = event.agent.length,
                                    .value_length = (uint32_t)length};
    }
}

static void step(struct troth_worker *worker)
{
    const troth_status status = troth_worker_step(worker);
    TROTH_ASSERT(status == TROTH_OK);
}

/* Returns CPU-nanoseconds an event of so many turns. */
static double take_turns(struct troth_worker *worker, struct troth_fleet *fleet, char *bytes,
                         size_t turns)
{
    make_events(fleet, bytes, turns);
    const int64_t began_ns = bench_cpu_ns();
    for (size_t i = 0; i < turns; i++) {
        step(worker);
    }
    return (double)(bench_cpu_ns() - began_ns) / (double)(turns * TROTH_BATCH_MAX);
}

static void say(void *context, enum troth_level level, const char *text)
{
    (void)context;
    if (level >= TROTH_LEVEL_WARNING) {
        fprintf(stderr, "bench/walk: %s\n", text);
    }
}

static void measure(struct troth_worker *worker, struct troth_fleet *fleet, char *bytes, bool tiny)
{
    double ns[ROUNDS];
    const unsigned rounds = tiny ? 2 : ROUNDS;
    for (unsigned i = 0; i < (tiny ? 1 : ROUNDS_WARM); i++) {
        (void)take_turns(worker, fleet, bytes, TURNS_AHEAD);
    }
    for (unsigned i = 0; i < rounds; i++) {
        ns[i] = take_turns(worker, fleet, bytes, TURNS_AHEAD);
    }
    bench_print("walk_ns", ns, rounds, "ns");
}

int main(int argc, char **argv)
{
    static struct troth_framing framing;
    struct troth_worker *worker = NULL;
    const bool counted = argc == 3 && strcmp(argv[1], "--callgrind") == 0;
    struct troth_fleet *fleet =
        bench_fleet_create(counted ? AGENTS_COUNTED : BENCH_AGENTS, START_US);
    char *bytes = malloc((size_t)TURNS_AHEAD * TROTH_BATCH_MAX * RECORD_BYTES);
    open_log();
    TROTH_ASSERT(fleet != NULL && bytes != NULL);
    troth_status status = troth_framing_init(&framing, TROTH_FRAMING_ANY);
    TROTH_ASSERT(status == TROTH_OK);
    const struct troth_worker_config config = {.log = &the_log.calls,
                                               .clock = {clock_us, clock_us, NULL},
                                               .framing = &framing,
                                               .partitioner = TROTH_PARTITIONER_MURMUR2,
                                               .telemetry_topic = "bench.telemetry",
                                               .era = 1,
                                               .publish_us = 50000,
                                               .commit_us = 1000000,
                                               .agents_max = BENCH_AGENTS,
                                               .standings_max = BENCH_AGENTS,
                                               .max_ahead_us = 60000000,
                                               .say = say};
    status = troth_worker_create(&config, &worker);
    TROTH_ASSERT(status == TROTH_OK);
    for (unsigned i = 0; i < NEWS; i++) { /* until the contract is in force */
        step(worker);
    }
    if (counted) {
        for (long turns = strtol(argv[2], NULL, 10); turns > 0; turns -= TURNS_AHEAD) {
            (void)take_turns(worker, fleet, bytes, TURNS_AHEAD);
        }
    } else {
        measure(worker, fleet, bytes, bench_is_tiny(argc, argv));
    }
    struct troth_worker_counts counts;
    troth_worker_count(worker, &counts);
    TROTH_ASSERT(counts.applied == counts.records - counts.pointers - counts.ticks);
    troth_worker_destroy(worker);
    free(bytes);
    free(fleet);
    free(the_log.items);
    return 0;
}
