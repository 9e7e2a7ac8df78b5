/*
 * The floor under the engine: a consumer that takes the records of a topic from librdkafka in
 * batches, counts them, and touches nothing else.
 *
 *   bench_bare [--config FILE] [--known N] [TOPIC]
 *
 *   TOPIC     telemetry (default), standings, rejects, ...
 *   --known N so many records are read before its steady cost is taken
 *
 *   bare_records   records of all partitions, from the first to where the log ends
 *   bare_bytes     of their keys and values
 *   bare_seconds   by the clock on the wall, from the assignment to the end
 *   bare_steady_records, bare_steady_ns
 *                  records from those N to the end of a partition, and CPU time of one, of all
 *                  threads; not told where there are none
 *
 * What makes it the strongest baseline: the batch call of 4,096 on one queue, which may wait until
 * its array is full; see bench/reader.h.
 */
#include "bench/reader.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "ops/config/options.h"

struct mark {
    uint64_t records;
    int64_t cpu_ns;
};

struct tally {
    const struct bench_reader *reader;
    uint64_t records;
    uint64_t bytes;
    uint64_t known;
    struct mark first; /* of steady reading */
    struct mark last;
};

static int64_t cpu_ns(void)
{
    struct timespec spent;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static void count(void *context, const rd_kafka_message_t *message)
{
    struct tally *tally = context;
    tally->records++;
    tally->bytes += message->len + message->key_len;
    if (tally->records % TROTH_BATCH_MAX == 0 && tally->records >= tally->known &&
        tally->reader->ended == 0) {
        tally->last = (struct mark){tally->records, cpu_ns()};
        tally->first = tally->first.records == 0 ? tally->last : tally->first;
    }
}

static bool read_topic(const struct troth_config *config, const char *suffix, uint64_t known)
{
    static struct bench_reader reader;
    struct tally tally = {.reader = &reader, .known = known};
    if (!bench_reader_open(&reader, config, suffix, RD_KAFKA_OFFSET_BEGINNING)) {
        return false;
    }
    const int64_t began_us = troth_kafka_monotonic_us();
    const bool done = bench_reader_drain(&reader, count, &tally);
    const int64_t took_us = troth_kafka_monotonic_us() - began_us;
    bench_reader_close(&reader);
    if (done) {
        printf("bare_records %" PRIu64 " records\n", tally.records);
        printf("bare_bytes %" PRIu64 " bytes\n", tally.bytes);
        printf("bare_seconds %.6f s\n", (double)took_us / 1e6);
    }
    const uint64_t steady = tally.last.records - tally.first.records;
    if (done && steady > 0) {
        printf("bare_steady_records %" PRIu64 " records\n", steady);
        printf("bare_steady_ns %.2f ns\n",
               (double)(tally.last.cpu_ns - tally.first.cpu_ns) / (double)steady);
    }
    return done;
}

int main(int argc, char **argv)
{
    static struct troth_common_options common;
    struct troth_config config;
    int64_t known = 0;
    int operands = 0;
    const struct troth_option options[] = {{.name = "known",
                                            .kind = TROTH_OPTION_INTEGER,
                                            .target = &known,
                                            .low = 0,
                                            .high = 1000000000}};
    troth_message_setup("bench_bare", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_take_common(&argc, argv, &common) != TROTH_OK ||
        troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
            TROTH_OK ||
        operands > 1) {
        fputs("usage: bench_bare [--config FILE] [--known N] [TOPIC]\n", stderr);
        return 2;
    }
    common.request.environment = environ;
    bool done = false;
    if (troth_config_load(&config, &common.request) == TROTH_OK) {
        done = read_topic(&config, operands == 1 ? argv[1] : "telemetry", (uint64_t)known);
    }
    troth_config_fini(&config);
    return done ? 0 : 1;
}
