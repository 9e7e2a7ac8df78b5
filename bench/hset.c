/*
 * The floor under a narrowing's way, and a score's: a loop that takes the records of telemetry from
 * librdkafka in batches and writes an agent's hash to Redis for those that bench_visible waits for,
 * which it knows by their keys; of a narrowing it also tells Redis' channel. Nothing is decoded,
 * judged or committed.
 *
 *   bench_hset [--config FILE]     reads from the log's end on, until it is killed
 *
 * It says `hset reads` once it stands at the end of every partition.
 */
#include "bench/reader.h"

#include <inttypes.h>
#include <unistd.h>

#include "ops/config/options.h"
#include "ops/redis/connect.h"

enum { IDLE_MS = 20, REDIS_US = 10000000 };

struct writer {
    redisContext *redis;
    const char *prefix;
    unsigned written; /* commands without an answer yet */
};

static bool begins_with(const rd_kafka_message_t *message, const char *mark)
{
    const size_t length = strlen(mark);
    return message->key_len >= length && memcmp(message->key, mark, length) == 0;
}

static void write_record(void *context, const rd_kafka_message_t *message)
{
    struct writer *writer = context;
    if (begins_with(message, "probe-")) {
        redisAppendCommand(writer->redis, "HSET %s:agent:%b score %" PRId64 " as_of %" PRId64,
                           writer->prefix, message->key, message->key_len, message->offset,
                           message->offset);
        writer->written++;
        return;
    }
    if (!begins_with(message, "leak-")) {
        return;
    }
    redisAppendCommand(writer->redis, "HSET %s:bare:%b rung pause traffic 0 score 0 as_of %" PRId64,
                       writer->prefix, message->key, message->key_len, message->offset);
    redisAppendCommand(writer->redis, "PUBLISH %s:narrowed %b", writer->prefix, message->key,
                       message->key_len);
    writer->written += 2;
}

/* Sends what was written and takes the answers. */
static bool flush(struct writer *writer)
{
    for (; writer->written > 0; writer->written--) {
        void *reply = NULL;
        if (redisGetReply(writer->redis, &reply) != REDIS_OK) {
            troth_message_error("%s", writer->redis->errstr);
            return false;
        }
        freeReplyObject(reply);
    }
    return true;
}

/* Takes what there is; where there is nothing, waits for the first record alone. */
static void serve(struct bench_reader *reader, struct writer *writer)
{
    bool told = false;
    do {
        if (bench_reader_take(reader, 0, TROTH_BATCH_MAX, write_record, writer) == 0) {
            (void)bench_reader_take(reader, IDLE_MS, 1, write_record, writer);
        }
        if (!told && reader->ended >= reader->partitions) {
            told = true;
            puts("hset reads");
            fflush(stdout);
        }
    } while (flush(writer));
}

int main(int argc, char **argv)
{
    static struct troth_common_options common;
    static struct bench_reader reader;
    struct troth_config config;
    struct writer writer = {0};
    char error[TROTH_REDIS_ERROR_LENGTH_MAX] = "";
    troth_message_setup("bench_hset", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_take_common(&argc, argv, &common) != TROTH_OK || argc > 1) {
        fputs("usage: bench_hset [--config FILE]\n", stderr);
        return 2;
    }
    common.request.environment = environ;
    if (troth_config_load(&config, &common.request) == TROTH_OK) {
        const struct troth_redis_config redis = troth_redis_config_of(&config);
        writer.prefix = config.prefix;
        if (troth_redis_connect(&redis, REDIS_US, &writer.redis, error) != TROTH_OK) {
            troth_message_error("%s", error);
        } else if (bench_reader_open(&reader, &config, "telemetry", RD_KAFKA_OFFSET_END)) {
            serve(&reader, &writer);
            bench_reader_close(&reader);
        }
    }
    troth_config_fini(&config);
    return 1; /* it is killed where all is well */
}
