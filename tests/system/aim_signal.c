/*
 * Sends a signal to an engine in the middle of a transaction, for the system tests, and says where
 * it hit.
 *
 *   aim_signal BOOTSTRAP TOPIC checkpoint PARTITION[,PARTITION]... PIDFILE SIGNAL DELAY_US
 *   aim_signal BOOTSTRAP TOPIC claim      INSTANCE                 PIDFILE SIGNAL DELAY_US
 *   aim_signal BOOTSTRAP TOPIC restore    INSTANCE                 PIDFILE SIGNAL DELAY_US
 *
 * TOPIC is the one of standings. For a checkpoint and a claim it is read with what is not
 * committed: a checkpoint is the last record before a transaction takes its offsets and commits,
 * and a claim is committed as soon as it stands, so whoever wrote one that was seen just now is at
 * it. For a restore the claim must be committed: then its writer reads its standings. DELAY_US
 * after the first such record, on one of the partitions or by the instance, SIGNAL (KILL or STOP)
 * goes to the process that PIDFILE names then.
 *
 * Prints `ready` when it watches and `PARTITION OFFSET` when the signal is sent; then, by a reader
 * of what is committed, whether that record was: `committed MS` or `aborted MS`, with the time
 * since the signal, or `open MS` where neither happened. Exit status 0, or 1 with a message.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consumers/partition_record.h"
#include "tests/system/reader.h"

enum {
    AIM_MS = 60000,     /* the longest wait for a record to aim at */
    VERDICT_MS = 60000, /* and for its transaction to end */
    POLL_MS = 100
};

struct target {
    bool claim;
    const char *who; /* partitions, or the instance */
    const char *pid_file;
    int signal;
    int64_t delay_us;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static rd_kafka_t *open_client(const char *bootstrap, const char *isolation)
{
    const char *const settings[][2] = {{"bootstrap.servers", bootstrap},
                                       {"group.id", "aim_signal"},
                                       {"fetch.wait.max.ms", "5"},
                                       {"fetch.error.backoff.ms", "10"},
                                       {"isolation.level", isolation}};
    return open_reader(settings, sizeof settings / sizeof settings[0]);
}

static void close_client(rd_kafka_t *client)
{
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

/* Reads every partition from its present end on. */
static void watch(rd_kafka_t *client, const char *topic)
{
    const int32_t partitions = count_partitions(client, topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t p = 0; p < partitions; p++) {
        int64_t low;
        rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(list, topic, p);
        require(rd_kafka_query_watermark_offsets(client, topic, p, &low, &place->offset, ANSWER_MS),
                topic);
    }
    require(rd_kafka_assign(client, list), topic);
    rd_kafka_topic_partition_list_destroy(list);
}

static bool is_listed(const char *partitions, int32_t partition)
{
    for (const char *rest = partitions; *rest != '\0';) {
        char *end;
        if (strtol(rest, &end, 10) == partition && end != rest) {
            return true;
        }
        rest = *end == ',' ? end + 1 : "";
    }
    return false;
}

static bool is_target(const struct target *target, const rd_kafka_message_t *message)
{
    enum troth_record_kind kind = TROTH_RECORD_STANDING;
    struct troth_text agent;
    struct troth_text contract;
    struct troth_claim claim;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || message->key == NULL ||
        troth_record_key_read(message->key, message->key_len, &kind, &agent, &contract) !=
            TROTH_OK) {
        return false;
    }
    if (!target->claim) {
        return kind == TROTH_RECORD_CHECKPOINT && is_listed(target->who, message->partition);
    }
    return kind == TROTH_RECORD_CLAIM &&
           troth_claim_decode(message->payload, message->len, &claim) == TROTH_OK &&
           claim.instance.length == strlen(target->who) &&
           memcmp(claim.instance.data, target->who, claim.instance.length) == 0;
}

static void shoot(const struct target *target)
{
    const struct timespec delay = {target->delay_us / 1000000, target->delay_us % 1000000 * 1000};
    long pid = 0;
    nanosleep(&delay, NULL);
    FILE *file = fopen(target->pid_file, "r");
    if (file == NULL || fscanf(file, "%ld", &pid) != 1 || pid <= 1) {
        fail(target->pid_file, "names no process");
    }
    (void)fclose(file);
    if (kill((pid_t)pid, target->signal) != 0) {
        fail(target->pid_file, "its process is gone");
    }
}

/* Out partition, offset: of the record at which the signal was sent. */
static void aim(rd_kafka_t *client, const struct target *target, int32_t *partition,
                int64_t *offset)
{
    const int64_t end_us = now_us() + INT64_C(1000) * AIM_MS;
    while (now_us() < end_us) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, POLL_MS);
        if (message == NULL) {
            continue;
        }
        const bool found = is_target(target, message);
        if (found) {
            shoot(target);
            *partition = message->partition;
            *offset = message->offset;
        }
        rd_kafka_message_destroy(message);
        if (found) {
            return;
        }
    }
    fail("nothing to aim at", target->who);
}

/* Returns what became of a record; `open` where that is not known in time. */
static const char *verdict(rd_kafka_t *client, const char *topic, int32_t partition, int64_t offset)
{
    const int64_t end_us = now_us() + INT64_C(1000) * VERDICT_MS;
    const char *what = "open";
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    require(rd_kafka_assign(client, list), topic);
    rd_kafka_topic_partition_list_destroy(list);
    while (strcmp(what, "open") == 0 && now_us() < end_us) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, POLL_MS);
        if (message == NULL) {
            continue;
        }
        /* A place beyond the record, be it a record's or the end's, was passed over to. */
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset == offset) {
            what = "committed";
        } else if ((message->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
                    message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) &&
                   message->offset > offset) {
            what = "aborted";
        }
        rd_kafka_message_destroy(message);
    }
    return what;
}

int main(int argc, char **argv)
{
    const char *kind = argc == 8 ? argv[3] : "";
    const bool restore = strcmp(kind, "restore") == 0;
    if ((!restore && strcmp(kind, "claim") != 0 && strcmp(kind, "checkpoint") != 0) ||
        (strcmp(argv[6], "KILL") != 0 && strcmp(argv[6], "STOP") != 0)) {
        (void)fputs("usage: aim_signal BOOTSTRAP TOPIC checkpoint|claim|restore "
                    "PARTITIONS|INSTANCE PIDFILE KILL|STOP DELAY_US\n",
                    stderr);
        return 2;
    }
    const char *topic = argv[2];
    const struct target target = {.claim = strcmp(kind, "checkpoint") != 0,
                                  .who = argv[4],
                                  .pid_file = argv[5],
                                  .signal = strcmp(argv[6], "KILL") == 0 ? SIGKILL : SIGSTOP,
                                  .delay_us = strtoll(argv[7], NULL, 10)};
    int32_t partition = 0;
    int64_t offset = 0;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    rd_kafka_t *judge = open_client(argv[1], "read_committed");
    rd_kafka_t *watcher = open_client(argv[1], restore ? "read_committed" : "read_uncommitted");
    watch(watcher, topic);
    puts("ready");
    aim(watcher, &target, &partition, &offset);
    const int64_t shot_us = now_us();
    printf("%" PRId32 " %" PRId64 "\n", partition, offset);
    const char *what = verdict(judge, topic, partition, offset);
    printf("%s %" PRId64 "\n", what, (now_us() - shot_us) / 1000);
    close_client(watcher);
    close_client(judge);
    return fflush(stdout) == 0 ? 0 : 1;
}
