/*
 * Waits until a transaction is open on one of some partitions of the standings topic: what stands
 * there past the last stable offset has not been committed, nor aborted.
 *
 *   bench_open [--config FILE] [--now] PARTITION...
 *
 *   --now            asks once
 *   open_partition   where; -1: nowhere
 */
#include "bench/bench.h"

#include <inttypes.h>
#include <unistd.h>

#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/kafka/link.h"
#include "ops/message.h"

enum {
    ANSWER_MS = 5000,
    PATIENCE_US = 60000000,
    PAUSE_US = 10000, /* a broker that is asked without a pause does nothing else */
    PARTITIONS_MAX = 64
};

/* A client in whose eyes the log ends at its last stable offset, or at its last record. */
static bool open_client(struct troth_kafka_link *link, const struct troth_config *config,
                        const char *isolation)
{
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    const struct troth_kafka_property needed[] = {{"group.id", "bench"},
                                                  {"isolation.level", isolation}};
    const bool opened = troth_kafka_link_open(
                            link, config, RD_KAFKA_CONSUMER, (struct troth_kafka_properties){0},
                            (struct troth_kafka_properties){needed, 2}, NULL, error) == TROTH_OK &&
                        troth_kafka_link_reach(link, NULL, PATIENCE_US, NULL, error) == TROTH_OK;
    if (!opened) {
        troth_message_error("%s", error);
    }
    return opened;
}

/* Returns the first of the partitions on which a transaction is open, or -1. */
static int64_t find_open(struct troth_kafka_link *committed, struct troth_kafka_link *all,
                         const char *topic, const int64_t *partitions, int count)
{
    for (int i = 0; i < count; i++) {
        const int32_t p = (int32_t)partitions[i];
        int64_t low = 0;
        int64_t end = 0;
        int64_t stable = 0;
        if (troth_kafka_watermarks(all->client, topic, p, ANSWER_MS, &low, &end) ==
                RD_KAFKA_RESP_ERR_NO_ERROR &&
            troth_kafka_watermarks(committed->client, topic, p, ANSWER_MS, &low, &stable) ==
                RD_KAFKA_RESP_ERR_NO_ERROR &&
            stable < end) {
            return p;
        }
    }
    return -1;
}

static bool await(const struct troth_config *config, bool once, const int64_t *partitions,
                  int count)
{
    struct troth_kafka_link committed = {0};
    struct troth_kafka_link all = {0};
    char topic[TROTH_KAFKA_NAME_LENGTH];
    const bool opened = open_client(&committed, config, "read_committed") &&
                        open_client(&all, config, "read_uncommitted");
    int64_t found = -1;
    (void)troth_config_topic(config, "standings", topic, sizeof topic);
    const int64_t end_us = troth_kafka_monotonic_us() + (once ? 0 : PATIENCE_US);
    do {
        usleep(PAUSE_US);
        found = opened ? find_open(&committed, &all, topic, partitions, count) : -1;
    } while (opened && found < 0 && troth_kafka_monotonic_us() < end_us);
    printf("open_partition %" PRId64 " partition\n", found);
    fflush(stdout); /* whoever waits for this line must not wait for what follows */
    troth_kafka_link_close(&all);
    troth_kafka_link_close(&committed);
    return opened;
}

int main(int argc, char **argv)
{
    static struct troth_common_options common;
    struct troth_config config;
    int64_t partitions[PARTITIONS_MAX];
    bool once = false;
    int count = 0;
    const struct troth_option options[] = {
        {.name = "now", .kind = TROTH_OPTION_FLAG, .target = &once}};
    troth_message_setup("bench_open", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    bool right = troth_options_take_common(&argc, argv, &common) == TROTH_OK &&
                 troth_options_parse(options, 1, argc, argv, &count) == TROTH_OK && count > 0 &&
                 count <= PARTITIONS_MAX;
    for (int i = 0; right && i < count; i++) {
        right = troth_parse_integer(argv[i + 1], &partitions[i]) && partitions[i] >= 0 &&
                partitions[i] < INT32_MAX;
    }
    if (!right) {
        fputs("usage: bench_open [--config FILE] [--now] PARTITION...\n", stderr);
        return 2;
    }
    common.request.environment = environ;
    const bool done = troth_config_load(&config, &common.request) == TROTH_OK &&
                      await(&config, once, partitions, count);
    troth_config_fini(&config);
    return done ? 0 : 1;
}
