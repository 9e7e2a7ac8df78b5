/*
 * The floor under the engine: a consumer that takes the records of a topic from librdkafka in
 * batches, counts them, and touches nothing else.
 *
 *   bench_bare [--config FILE] [TOPIC]     TOPIC: telemetry (default), standings, rejects, ...
 *
 *   bare_records   records of all partitions, from the first to where the log ends
 *   bare_bytes     of their keys and values
 *   bare_seconds   by the clock on the wall, from the assignment to the end
 *
 * What makes it the strongest baseline: the batch call of 4,096 on one queue, which may wait until
 * its array is full; see bench/reader.h.
 */
#include "bench/reader.h"

#include <inttypes.h>
#include <unistd.h>

#include "ops/config/options.h"

struct tally {
    uint64_t records;
    uint64_t bytes;
};

static void count(void *context, const rd_kafka_message_t *message)
{
    struct tally *tally = context;
    tally->records++;
    tally->bytes += message->len + message->key_len;
}

static bool read_topic(const struct troth_config *config, const char *suffix)
{
    static struct bench_reader reader;
    struct tally tally = {0};
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
    return done;
}

int main(int argc, char **argv)
{
    static struct troth_common_options common;
    struct troth_config config;
    troth_message_setup("bench_bare", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_take_common(&argc, argv, &common) != TROTH_OK || argc > 2) {
        fputs("usage: bench_bare [--config FILE] [TOPIC]\n", stderr);
        return 2;
    }
    common.request.environment = environ;
    bool done = false;
    if (troth_config_load(&config, &common.request) == TROTH_OK) {
        done = read_topic(&config, argc == 2 ? argv[1] : "telemetry");
    }
    troth_config_fini(&config);
    return done ? 0 : 1;
}
