/*
 * What an engine has written into the standings topic: how much, and how far the checkpoints lagged
 * behind what had been told when they were written.
 *
 *   bench_checkpoints [--config FILE]
 *
 *   saved_standings         records of standings, of all partitions
 *   saved_bytes             of all records' keys and values
 *   saved_checkpoints       records that say how far
 *   saved_lag_p50, _max     of all checkpoints: records that a restart would read again (told -
 * offset)
 */
#include "bench/reader.h"

#include <inttypes.h>
#include <unistd.h>

#include "consumers/partition_record.h"
#include "consumers/week_record.h"
#include "ops/config/options.h"

enum { CHECKPOINTS_MAX = 1000000 };

struct tally {
    uint64_t standings;
    uint64_t bytes;
    uint64_t damaged;
    size_t checkpoints;
    double lags[CHECKPOINTS_MAX];
};

static void take(void *context, const rd_kafka_message_t *message)
{
    static struct troth_checkpoint checkpoint; /* large */
    struct tally *tally = context;
    enum troth_record_kind kind = TROTH_RECORD_STANDING;
    struct troth_text agent;
    struct troth_text contract;
    int64_t week = 0;
    tally->bytes += message->len + message->key_len;
    if (troth_week_key_read(message->key, message->key_len, &contract, &week)) {
        return; /* its bytes count */
    }
    if (troth_record_key_read(message->key, message->key_len, &kind, &agent, &contract) !=
        TROTH_OK) {
        tally->damaged++;
    } else if (kind == TROTH_RECORD_STANDING) {
        tally->standings++;
    } else if (kind == TROTH_RECORD_CHECKPOINT && tally->checkpoints < CHECKPOINTS_MAX) {
        if (troth_checkpoint_decode(message->payload, message->len, &checkpoint) == TROTH_OK) {
            tally->lags[tally->checkpoints++] = (double)(checkpoint.told - checkpoint.offset);
        } else {
            tally->damaged++;
        }
    }
}

static bool read_standings(const struct troth_config *config)
{
    static struct bench_reader reader;
    static struct tally tally;
    if (!bench_reader_open(&reader, config, "standings", RD_KAFKA_OFFSET_BEGINNING)) {
        return false;
    }
    const bool done = bench_reader_drain(&reader, take, &tally);
    bench_reader_close(&reader);
    if (!done || tally.damaged > 0) {
        troth_message_error("%" PRIu64 " records are not ours", tally.damaged);
        return false;
    }
    qsort(tally.lags, tally.checkpoints, sizeof tally.lags[0], bench_by_value);
    const size_t count = tally.checkpoints;
    printf("saved_standings %" PRIu64 " records\n", tally.standings);
    printf("saved_bytes %" PRIu64 " bytes\n", tally.bytes);
    printf("saved_checkpoints %zu records\n", count);
    printf("saved_lag_p50 %.0f records\n", count > 0 ? tally.lags[count / 2] : 0);
    printf("saved_lag_max %.0f records\n", count > 0 ? tally.lags[count - 1] : 0);
    return true;
}

int main(int argc, char **argv)
{
    static struct troth_common_options common;
    struct troth_config config;
    troth_message_setup("bench_checkpoints", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_take_common(&argc, argv, &common) != TROTH_OK || argc > 1) {
        fputs("usage: bench_checkpoints [--config FILE]\n", stderr);
        return 2;
    }
    common.request.environment = environ;
    bool done = false;
    if (troth_config_load(&config, &common.request) == TROTH_OK) {
        done = read_standings(&config);
    }
    troth_config_fini(&config);
    return done ? 0 : 1;
}
