/*
 * What a process takes while it works, for the system tests.
 *
 *   watch_memory BOOTSTRAP TOPIC GROUP PID
 *
 * Each 100 ms, until the process is gone or SIGTERM, a line: MS RECORDS RSS_KB CPU_MS. RECORDS is
 * how many of the topic's records the group has committed, as last heard: where the broker does not
 * answer, the lines go on. Exit status 0, or 1 with a message.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/system/reader.h"

enum { EVERY_MS = 100, LINE_LENGTH = 1024 };

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static FILE *open_of_process(const char *pid, const char *file)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
    return fopen(path, "r");
}

/* Returns kilobytes, or -1: the process is gone. */
static int64_t resident_kb(const char *pid)
{
    char line[LINE_LENGTH];
    int64_t found = -1;
    FILE *file = open_of_process(pid, "status");
    while (file != NULL && found < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            found = strtoll(line + 6, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

/* Returns milliseconds, of user and system, or -1. */
static int64_t cpu_ms(const char *pid)
{
    char line[LINE_LENGTH] = "";
    FILE *file = open_of_process(pid, "stat");
    if (file == NULL) {
        return -1;
    }
    const bool read = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    const char *at = read ? strrchr(line, ')') : NULL; /* the name before may hold anything */
    int64_t user = 0;
    int64_t system = 0;
    if (at == NULL ||
        sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNd64 " %" SCNd64, &user,
               &system) != 2) {
        return -1;
    }
    return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* Returns how many records the group has committed, or `before`: nobody answers. */
static int64_t committed(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, int64_t before)
{
    if (rd_kafka_committed(client, list, EVERY_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return before;
    }
    int64_t sum = 0;
    for (int i = 0; i < list->cnt; i++) {
        sum += list->elems[i].offset > 0 ? list->elems[i].offset : 0;
    }
    return sum > before ? sum : before;
}

static void watch(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, const char *pid)
{
    const int64_t began_ms = now_ms();
    int64_t records = 0;
    while (!ended) {
        const int64_t next_ms = now_ms() + EVERY_MS;
        records = committed(client, list, records);
        const int64_t rss = resident_kb(pid);
        const int64_t cpu = cpu_ms(pid);
        if (rss < 0 || cpu < 0) {
            return;
        }
        printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", now_ms() - began_ms, records,
               rss, cpu);
        (void)fflush(stdout);
        for (int64_t left = next_ms - now_ms(); left > 0 && !ended; left = next_ms - now_ms()) {
            const struct timespec wait = {0, (long)left * 1000000};
            (void)nanosleep(&wait, NULL);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("usage: watch_memory BOOTSTRAP TOPIC GROUP PID\n", stderr);
        return 2;
    }
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    const char *const settings[][2] = {{"bootstrap.servers", argv[1]},
                                       {"group.id", argv[3]},
                                       {"reconnect.backoff.max.ms", "1000"},
                                       {"log_level", "0"}};
    rd_kafka_t *client = open_reader(settings, sizeof settings / sizeof settings[0]);
    const int32_t partitions = count_partitions(client, argv[2]);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t p = 0; p < partitions; p++) {
        rd_kafka_topic_partition_list_add(list, argv[2], p);
    }
    watch(client, list, argv[4]);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return 0;
}
