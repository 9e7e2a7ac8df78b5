/*
 * How long the decoder takes for the standard event of about 120 bytes, beside avro-c's generic
 * value, reused, over the same bytes in the same process, taking turns.
 *
 *   bench_decode [records a turn] [turns]
 *
 * Prints one line a figure: name, value, unit. The median of the turns' ratios is decode_vs_avro_c.
 */
#include <avro.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "consumers/avro/decode.h"
#include "consumers/avro/encode.h"
#include "schemas/avsc.h"

enum { RECORDS = 4096, RECORD_BYTES = 256, TURNS_MAX = 101 };

struct records {
    size_t lengths[RECORDS];
    uint8_t bytes[RECORDS][RECORD_BYTES];
};

static struct records records;

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_decode: %s\n", what);
    exit(1);
}

/* A linear congruential generator (Knuth, MMIX): the load is the same on every run. */
static uint64_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static struct troth_text print_text(char *place, size_t capacity, const char *format,
                                    uint64_t number)
{
    int length = snprintf(place, capacity, format, (unsigned)number);
    return (struct troth_text){.data = place, .length = (uint32_t)length};
}

/* A task of one of 100,000 agents, with what the three share terms look at and what it cost. */
static void make_record(uint64_t *state, unsigned index)
{
    char agent[32];
    char session[32];
    char task[32];
    struct troth_event event = {0};
    for (unsigned i = 0; i < sizeof event.id; i++) {
        event.id[i] = (uint8_t)draw(state);
    }
    event.agent = print_text(agent, sizeof agent, "refund-agent-%06u", draw(state) % 100000);
    event.session = print_text(session, sizeof session, "session-%08x", draw(state));
    event.task = print_text(task, sizeof task, "task-%08x", draw(state));
    event.agent_version = (struct troth_text){"2026.11.3", 9};
    event.at_us = INT64_C(1764000000000000) + (int64_t)(draw(state) % 1000000000);
    event.kind = TROTH_KIND_TASK;
    event.outcome = draw(state) % 50 == 0 ? TROTH_OUTCOME_FAILED : TROTH_OUTCOME_OK;
    event.source = TROTH_SOURCE_GATEWAY;
    event.seq = (int64_t)(draw(state) % 100000);
    event.latency_us = (int64_t)(draw(state) % 2000000);
    event.cost_micros = (int64_t)(draw(state) % 50000);
    event.input_tokens = (int64_t)(draw(state) % 8000);
    event.output_tokens = (int64_t)(draw(state) % 2000);
    event.rescue = (uint8_t)(draw(state) % TROTH_RESCUE_COUNT);
    event.present = 1U << TROTH_FIELD_SESSION | 1U << TROTH_FIELD_SEQ |
                    1U << TROTH_FIELD_AGENT_VERSION | 1U << TROTH_FIELD_TASK |
                    1U << TROTH_FIELD_LATENCY_US | 1U << TROTH_FIELD_COST_MICROS |
                    1U << TROTH_FIELD_INPUT_TOKENS | 1U << TROTH_FIELD_OUTPUT_TOKENS;
    if (draw(state) % 50 == 0) {
        event.present |= 1U << TROTH_FIELD_RESCUE;
    }
    if (troth_encode(&event, records.bytes[index], RECORD_BYTES, &records.lengths[index]) !=
        TROTH_OK) {
        stop("a record does not encode");
    }
}

static double now_ns(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Both return nanoseconds a record. */
static double turn_troth(const struct troth_plan *plan, unsigned count)
{
    static struct troth_scratch scratch;
    struct troth_event event;
    int64_t sum = 0;
    double start = now_ns();
    for (unsigned i = 0; i < count; i++) {
        unsigned record = i % RECORDS;
        if (troth_decode(plan, records.bytes[record], records.lengths[record], &event, &scratch) !=
            TROTH_OK) {
            stop("a record does not decode");
        }
        sum += event.latency_us;
    }
    double elapsed = now_ns() - start;
    if (sum == 0) {
        stop("nothing was decoded");
    }
    return elapsed / count;
}

static double turn_avro(avro_value_t *value, avro_reader_t reader, unsigned count)
{
    double start = now_ns();
    for (unsigned i = 0; i < count; i++) {
        unsigned record = i % RECORDS;
        avro_reader_memory_set_source(reader, (const char *)records.bytes[record],
                                      (int64_t)records.lengths[record]);
        if (avro_value_read(reader, value) != 0) {
            stop(avro_strerror());
        }
    }
    return (now_ns() - start) / count;
}

int main(int argc, char **argv)
{
    static struct troth_plan plan;
    struct troth_plan_problem problem;
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    unsigned turns = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    double ours[TURNS_MAX];
    double theirs[TURNS_MAX];
    double ratios[TURNS_MAX];
    uint64_t state = 1;
    double bytes = 0;
    avro_schema_t schema;
    avro_value_t value;
    if (count == 0 || turns == 0 || turns > TURNS_MAX) {
        (void)fprintf(stderr, "usage: bench_decode [records a turn] [turns, at most 101]\n");
        return 2;
    }
    for (unsigned i = 0; i < RECORDS; i++) {
        make_record(&state, i);
        bytes += (double)records.lengths[i];
    }
    if (troth_plan_compile(troth_avsc_agent_event, troth_avsc_agent_event_length, &plan,
                           &problem) != TROTH_OK) {
        stop(problem.text);
    }
    if (avro_schema_from_json_length(troth_avsc_agent_event, troth_avsc_agent_event_length,
                                     &schema) != 0) {
        stop(avro_strerror());
    }
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    avro_reader_t reader = avro_reader_memory("", 0);
    if (class == NULL || reader == NULL || avro_generic_value_new(class, &value) != 0) {
        stop(avro_strerror());
    }
    for (unsigned turn = 0; turn < turns; turn++) {
        ours[turn] = turn_troth(&plan, count);
        theirs[turn] = turn_avro(&value, reader, count);
        ratios[turn] = theirs[turn] / ours[turn];
    }
    (void)printf("decode_record_bytes %.1f bytes\n", bytes / RECORDS);
    bench_print("decode_ns", ours, turns, "ns");
    bench_print("decode_avro_c_ns", theirs, turns, "ns");
    bench_print("decode_vs_avro_c", ratios, turns, "times");
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_reader_free(reader);
    (void)avro_schema_decref(schema);
    return 0;
}
