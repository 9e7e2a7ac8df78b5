/*
 * Claim: over a real broker, what a member of the Kafka log sends and the offsets that it commits
 * stand together or not at all. Committed records are seen, those of a transaction that is open, or
 * was aborted, or whose member was killed, are not, and hold no reader up; a member that slept
 * while the group went on without it, and one whose name another has taken, are FENCED, nothing of
 * theirs is seen, and the offsets of the next owner stand. Where at_least_once is enough, what is
 * sent is seen at once. Prints how long a commit takes.
 *
 * Run by tests/system/kafka_transactions, which starts a broker; or with TROTH_TEST_KAFKA set to
 * its bootstrap.servers. Members that are killed or stopped are children of this program.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "consumers/kafka/log.h"
#include "tests/support/commit.h"
#include "tests/support/real_topics.h"

enum {
    PARTITIONS = 4,
    RECORDS = 10, /* of telemetry, in partition 0, from the first on */
    COMMITS = 150,
    PATIENCE_US = 60000000,
    ANSWER_US = 30000000
};

static const char *bootstrap;
static char prefix[64];

static int64_t now_us(void)
{
    return troth_kafka_monotonic_us();
}

/* ---- members -------------------------------------------------------------------------------- */

struct member {
    struct troth_log *log;
    int owned;
    struct troth_log_extent extent; /* of partition 0, when it was last assigned */
};

static bool at_least_once; /* of members that are opened from now on */

static troth_status open_with(const char *instance, const char *timeout_ms, struct troth_log **log,
                              char *error, size_t size)
{
    const struct troth_kafka_property properties[] = {
        {"bootstrap.servers", bootstrap},
        {"session.timeout.ms", "6000"},
        {"heartbeat.interval.ms", "500"},
        {"transaction.timeout.ms", timeout_ms},
    };
    const struct troth_kafka_config config = {.properties = {properties, timeout_ms ? 4 : 3},
                                              .prefix = prefix,
                                              .group = prefix,
                                              .instance = instance,
                                              .at_least_once = at_least_once,
                                              .keep_standings = true};
    return troth_kafka_log_open(&config, log, error, size);
}

static struct troth_log *open_log(const char *instance)
{
    struct troth_log *log = NULL;
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    troth_status status = open_with(instance, NULL, &log, error, sizeof(error));
    REQUIRE(status == TROTH_OK, "%s: %s", troth_status_name(status), error);
    return log;
}

static void step(struct member *member)
{
    static struct troth_log_item items[TROTH_BATCH_MAX];
    struct troth_log *log = member->log;
    size_t count;
    troth_status status = log->poll(log, 50000, items, TROTH_BATCH_MAX, &count);
    REQUIRE(status == TROTH_OK, "%s: %s", troth_status_name(status), log->error(log));
    for (size_t i = 0; i < count; i++) {
        const int32_t p = items[i].partition;
        if (items[i].kind == TROTH_LOG_ASSIGNED) {
            struct troth_log_extent extent;
            status = log->extent(log, p, &extent);
            REQUIRE(status == TROTH_OK, "%s", log->error(log));
            member->extent = p == 0 ? extent : member->extent;
            member->owned++;
        } else if (items[i].kind == TROTH_LOG_REVOKED || items[i].kind == TROTH_LOG_LOST) {
            member->owned--;
        }
    }
}

/* Joins under a name, until all partitions are its own. */
static struct member join(const char *instance)
{
    struct member member = {.log = open_log(instance)};
    for (const int64_t deadline_us = now_us() + PATIENCE_US; member.owned < PARTITIONS;) {
        REQUIRE(now_us() < deadline_us, "%s has %d partitions", instance, member.owned);
        step(&member);
    }
    return member;
}

static troth_status send_to(struct member *member, enum troth_topic topic, const char *value)
{
    return member->log->send(member->log,
                             &(struct troth_log_record){.topic = topic,
                                                        .partition = 0,
                                                        .key = "agent",
                                                        .key_length = 5,
                                                        .value = value,
                                                        .value_length = strlen(value)});
}

static void tell(struct member *member, const char *value)
{
    REQUIRE(send_to(member, TROTH_TOPIC_INTERVENTIONS, value) == TROTH_OK, "%s",
            member->log->error(member->log));
}

static troth_status try_commit(struct member *member, int64_t offset)
{
    const struct troth_log_offset offsets = {0, offset};
    return commit_and_wait(member->log, &offsets, 1, ANSWER_US);
}

static void commit(struct member *member, int64_t offset)
{
    const troth_status status = try_commit(member, offset);
    REQUIRE(status == TROTH_OK, "%s: %s", troth_status_name(status),
            member->log->error(member->log));
}

static void flush(struct member *member)
{
    REQUIRE(member->log->flush(member->log, ANSWER_US) == TROTH_OK, "%s",
            member->log->error(member->log));
}

/* ---- what is seen --------------------------------------------------------------------------- */

static rd_kafka_t *open_reader(void)
{
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, error, sizeof(error));
    rd_kafka_conf_set(conf, "group.id", "reader", error, sizeof(error));
    rd_kafka_conf_set(conf, "isolation.level", "read_committed", error, sizeof(error));
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", error, sizeof(error));
    rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", error, sizeof(error));
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    REQUIRE(client != NULL, "%s", error);
    rd_kafka_poll_set_consumer(client);
    return client;
}

/* Returns how many committed interventions bear a value (NULL: any); reads all that can be read,
 * and requires that this ends. */
static int seen(const char *value)
{
    char name[TROTH_KAFKA_NAME_LENGTH];
    int count = 0;
    rd_kafka_t *reader = open_reader();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    (void)snprintf(name, sizeof(name), "%s.interventions", prefix);
    rd_kafka_topic_partition_list_add(list, name, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    REQUIRE(rd_kafka_assign(reader, list) == RD_KAFKA_RESP_ERR_NO_ERROR, "assign");
    rd_kafka_topic_partition_list_destroy(list);
    for (bool ended = false; !ended;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 10000);
        REQUIRE(message != NULL, "a reader of committed records waits");
        ended = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            count += value == NULL || (message->len == strlen(value) &&
                                       memcmp(message->payload, value, message->len) == 0);
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    return count;
}

#define SEEN(value, expected)                                                                      \
    do {                                                                                           \
        const int found = seen(value);                                                             \
        REQUIRE(found == (expected), "%s is seen %d times", value, found);                         \
    } while (0)

/* ---- claims --------------------------------------------------------------------------------- */

static void all_or_nothing(void)
{
    struct member member = join("one");
    for (int i = 0; i < RECORDS; i++) {
        REQUIRE(send_to(&member, TROTH_TOPIC_TELEMETRY, "an event") == TROTH_OK, "send");
    }
    tell(&member, "first");
    flush(&member);
    SEEN("first", 0); /* acknowledged, and not committed; nor does it hold the reader up */
    commit(&member, 3);
    SEEN("first", 1);
    tell(&member, "second");
    REQUIRE(commit_and_wait(member.log, NULL, 0, ANSWER_US) == TROTH_OK, "without offsets");
    SEEN("second", 1);
    tell(&member, "undone");
    flush(&member);
    member.log->close(member.log);
    SEEN("undone", 0);

    member = join("one");
    REQUIRE(member.extent.committed == 3, "committed is %" PRId64, member.extent.committed);
    REQUIRE(member.extent.high == RECORDS, "telemetry ends at %" PRId64, member.extent.high);
    SEEN("undone", 0);
    tell(&member, "third");
    commit(&member, 4);
    SEEN("third", 1);
    REQUIRE(seen(NULL) == 3, "all in all");
    member.log->close(member.log);
    printf("all or nothing: committed records are seen once, open and aborted ones are not\n");
}

/* Forks a member that has all partitions and has sent a record; it says so through the pipe and
 * waits for a byte. Out gates: to hear from it, and to let it go on. */
static pid_t start_child(const char *instance, const char *value, int gates[2])
{
    int ready[2];
    int go[2];
    REQUIRE(pipe(ready) == 0 && pipe(go) == 0, "pipe");
    const pid_t pid = fork();
    REQUIRE(pid >= 0, "fork");
    if (pid > 0) {
        (void)close(ready[1]);
        (void)close(go[0]);
        gates[0] = ready[0];
        gates[1] = go[1];
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where it sleeps, stopped */
    char number[2][16];
    (void)snprintf(number[0], sizeof(number[0]), "%d", ready[1]);
    (void)snprintf(number[1], sizeof(number[1]), "%d", go[0]);
    /* A process that has threads must not go on after a fork without an exec. */
    (void)execl("/proc/self/exe", "kafka_transactions", prefix, instance, value, number[0],
                number[1], (char *)NULL);
    _exit(127);
}

static void await_child(const int gates[2])
{
    char byte;
    REQUIRE(read(gates[0], &byte, 1) == 1, "a child has died");
}

static int be_child(char **arguments)
{
    char byte = 0;
    (void)snprintf(prefix, sizeof(prefix), "%s", arguments[1]);
    struct member member = join(arguments[2]);
    const char *value = arguments[3];
    /* A zombie whose name begins so sends nothing before it sleeps: then no transaction of its own
     * can time out, and the group alone is what stops it. */
    const bool early = strcmp(value, "asleep") != 0;
    if (early) {
        tell(&member, value);
        flush(&member);
    }
    REQUIRE(write(atoi(arguments[4]), &byte, 1) == 1, "write");
    REQUIRE(read(atoi(arguments[5]), &byte, 1) == 1, "read");
    /* Woken: it does not know yet, and commits what it thinks its own. */
    const troth_status sent = send_to(&member, TROTH_TOPIC_INTERVENTIONS, value);
    const troth_status status = sent == TROTH_OK ? try_commit(&member, 5) : sent;
    printf("zombie: %s: %s\n", troth_status_name(status), member.log->error(member.log));
    const troth_status again = try_commit(&member, 5);
    member.log->close(member.log);
    return status == TROTH_FENCED && again == TROTH_FENCED ? 0 : 1;
}

static void killed_member_leaves_nothing(void)
{
    int gates[2];
    const pid_t pid = start_child("two", "killed", gates);
    await_child(gates);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    SEEN("killed", 0); /* while its transaction is open yet */
    const int64_t opened_us = now_us();
    struct member member = join("two");
    tell(&member, "after");
    commit(&member, 6);
    SEEN("killed", 0);
    SEEN("after", 1);
    printf("killed: nothing of it is seen; back, and committed, after %.1f s\n",
           (double)(now_us() - opened_us) / 1e6);
    member.log->close(member.log);
}

/* In value: "asleep", or another. In offset: that the next owner commits. */
static void zombie_is_fenced(const char *instance, const char *value, int64_t offset)
{
    int gates[2];
    const int before = seen(NULL);
    const pid_t pid = start_child(instance, value, gates);
    await_child(gates);
    (void)kill(pid, SIGSTOP);
    struct member next = join("next");
    tell(&next, "by the next");
    commit(&next, offset);
    (void)kill(pid, SIGCONT);
    REQUIRE(write(gates[1], "", 1) == 1, "write");
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid && status == 0, "the zombie was not fenced: %d",
            status);
    SEEN(value, 0);
    REQUIRE(seen(NULL) == before + 1, "something is seen twice, or not at all");
    next.log->close(next.log);
    next = join("next");
    REQUIRE(next.extent.committed == offset, "committed is %" PRId64, next.extent.committed);
    next.log->close(next.log);
}

static void second_of_a_name_fences_the_first(void)
{
    struct member first = join("next");
    tell(&first, "by the first");
    flush(&first);
    struct troth_log *second = open_log("next");
    const troth_status status = try_commit(&first, 9);
    REQUIRE(status == TROTH_FENCED, "%s: %s", troth_status_name(status),
            first.log->error(first.log));
    REQUIRE(strstr(first.log->error(first.log), "--instance") != NULL, "%s",
            first.log->error(first.log));
    REQUIRE(send_to(&first, TROTH_TOPIC_INTERVENTIONS, "by the first") == TROTH_FENCED, "send");
    printf("one name: %s\n", first.log->error(first.log));
    first.log->close(first.log);
    second->close(second);
    SEEN("by the first", 0);
}

static void transactions_end_before_the_session(void)
{
    struct troth_log *log = NULL;
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    REQUIRE(open_with("long", "6001", &log, error, sizeof(error)) == TROTH_INVALID, "open");
    REQUIRE(strstr(error, "session.timeout.ms") != NULL, "%s", error);
    REQUIRE(open_with("long", "6000", &log, error, sizeof(error)) == TROTH_OK, "%s", error);
    log->close(log);
    printf("timeouts: a transaction that could outlive the session is refused\n");
}

/* Committed offsets stand here too; standings cannot be recalled, as they are not written. */
static void at_least_once_has_no_transactions(void)
{
    at_least_once = true;
    struct member member = join("plain");
    REQUIRE(member.log->recall == NULL, "standings can be recalled");
    tell(&member, "plain");
    flush(&member);
    SEEN("plain", 1);
    commit(&member, 9);
    member.log->close(member.log);
    member = join("plain");
    REQUIRE(member.extent.committed == 9, "committed is %" PRId64, member.extent.committed);
    member.log->close(member.log);
    at_least_once = false;
    printf("at least once: what is sent is seen before the commit\n");
}

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* How long commits take: with `records` records each, and an offset. In spaced: each after a poll
 * that waits; else back to back, where librdkafka waits 20 ms for the end of the one before. */
static void measure_commits(struct member *member, int records, bool spaced, int64_t offset)
{
    static int64_t took_us[COMMITS];
    for (int i = 0; i < COMMITS; i++) {
        if (spaced) {
            step(member);
        }
        for (int k = 0; k < records; k++) {
            tell(member, "measured");
        }
        const int64_t before_us = now_us();
        commit(member, offset);
        took_us[i] = now_us() - before_us;
    }
    qsort(took_us, COMMITS, sizeof(took_us[0]), compare_times);
    printf("commit of %d records and an offset, %s: p50 %.1f ms, p99 %.1f ms\n", records,
           spaced ? "spaced" : "back to back", (double)took_us[COMMITS / 2] / 1e3,
           (double)took_us[COMMITS * 99 / 100] / 1e3);
}

int main(int argc, char **argv)
{
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    bootstrap = getenv("TROTH_TEST_KAFKA");
    if (bootstrap == NULL) {
        (void)fprintf(stderr,
                      "SKIP: TROTH_TEST_KAFKA is not set; run tests/system/kafka_transactions\n");
        return 77;
    }
    if (argc == 6) {
        return be_child(argv);
    }
    (void)snprintf(prefix, sizeof(prefix), "transactions-%d-%" PRId64, (int)getpid(),
                   (int64_t)time(NULL));
    make_topics(bootstrap, prefix, PARTITIONS);
    all_or_nothing();
    killed_member_leaves_nothing();
    zombie_is_fenced("three", "asleep", 7);
    zombie_is_fenced("four", "sent before sleep", 8);
    printf("zombies: nothing of them is seen, and the next owner's offsets stand\n");
    second_of_a_name_fences_the_first();
    transactions_end_before_the_session();
    at_least_once_has_no_transactions();
    struct member member = join("measured");
    measure_commits(&member, 0, true, 9);
    measure_commits(&member, 1, true, 9);
    measure_commits(&member, 1, false, 9);
    measure_commits(&member, 100, false, 10);
    member.log->close(member.log);
    return 0;
}
