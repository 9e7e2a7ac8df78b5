/*
 * Claim: over a real broker, members of a group that join, leave and are killed while records flow
 * never own a partition together, and together they read every record: once where the group changed
 * hands in order, and again only what a killed member had not committed. Aborted transactions are
 * not given, a control topic that ends in them has an end, and a member that was replaced is told.
 *
 * Run by tests/system/kafka_log_real, which starts a broker; or with TROTH_TEST_KAFKA set to its
 * bootstrap.servers. Members are processes of this program; they share a table in a file.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "consumers/kafka/log.h"
#include "tests/support/commit.h"
#include "tests/support/real_topics.h"

enum {
    PARTITIONS = 4,
    VALUE_LENGTH = 120,
    RECORDS_DEFAULT = 400000,
    RECORDS_MAX = 4000000,
    COMMIT_EVERY = 20000, /* records of a member */
    PATIENCE_US = 60000000
};

/* Shared by the members: what each partition has seen. */
struct table {
    char prefix[64];
    atomic_int owner[PARTITIONS];          /* number of a member, 0: nobody */
    atomic_int_fast64_t taken[PARTITIONS]; /* times that it was assigned */
    atomic_int_fast64_t committed[PARTITIONS];
    atomic_int_fast64_t seen; /* records, with repeats */
    atomic_bool stop[4];      /* by member */
    atomic_uchar count[PARTITIONS][RECORDS_MAX / PARTITIONS];
};

static struct table *table;
static const char *bootstrap;

static int64_t now_us(void)
{
    return troth_kafka_monotonic_us();
}

static void say(void *context, int level, const char *text)
{
    if (level <= 4) {
        (void)fprintf(stderr, "  (%s) %s\n", (const char *)context, text);
    }
}

static struct troth_log *open_log(const char *instance)
{
    const struct troth_kafka_property properties[] = {
        {"bootstrap.servers", bootstrap},
        {"session.timeout.ms", "6000"},
        {"heartbeat.interval.ms", "500"},
    };
    const struct troth_kafka_config config = {
        .properties = {properties, 3},
        .prefix = table->prefix,
        .group = table->prefix,
        .instance = instance,
        .read_contracts = true,
        .read_decisions = true,
        .voice = {say, (void *)(uintptr_t)instance},
    };
    struct troth_log *log = NULL;
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    troth_status status = troth_kafka_log_open(&config, &log, error, sizeof(error));
    REQUIRE(status == TROTH_OK, "%s: %s", troth_status_name(status), error);
    return log;
}

/* ---- a member ------------------------------------------------------------------------------- */

struct member {
    int number;
    struct troth_log *log;
    bool owned[PARTITIONS];
    int64_t next[PARTITIONS];
    int64_t uncommitted;
};

static void commit(struct member *member)
{
    struct troth_log_offset offsets[PARTITIONS];
    size_t count = 0;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        if (member->owned[p]) {
            offsets[count++] = (struct troth_log_offset){p, member->next[p]};
        }
    }
    troth_status status = commit_and_wait(member->log, offsets, count, 30000000);
    REQUIRE(status == TROTH_OK, "member %d: commit: %s", member->number,
            member->log->error(member->log));
    for (size_t i = 0; i < count; i++) {
        table->committed[offsets[i].partition] = offsets[i].offset;
    }
    member->uncommitted = 0;
}

static void take_over(struct member *member, int32_t p)
{
    int nobody = 0;
    REQUIRE(atomic_compare_exchange_strong(&table->owner[p], &nobody, member->number),
            "member %d got partition %" PRId32 ", which member %d owns", member->number, p, nobody);
    struct troth_log_extent extent;
    troth_status status = member->log->extent(member->log, p, &extent);
    REQUIRE(status == TROTH_OK, "%s", member->log->error(member->log));
    int64_t from = extent.committed == TROTH_OFFSET_NONE ? extent.low : extent.committed;
    /* Beyond, where a member was killed between the group's answer and the table. */
    REQUIRE(from >= table->committed[p], "partition %" PRId32 " begins at %" PRId64, p, from);
    REQUIRE(member->log->start(member->log, p, from) == TROTH_OK, "start");
    member->next[p] = from;
    member->owned[p] = true;
    table->taken[p]++;
}

static void take(struct member *member, const struct troth_log_item *item)
{
    int32_t p = item->partition;
    if (item->kind == TROTH_LOG_ASSIGNED) {
        take_over(member, p);
    } else if (item->kind == TROTH_LOG_REVOKED) {
        commit(member);
        member->owned[p] = false;
        table->owner[p] = 0;
    } else if (item->kind == TROTH_LOG_RECORD && item->topic == TROTH_TOPIC_TELEMETRY) {
        int64_t sequence;
        REQUIRE(item->value_length == VALUE_LENGTH, "length %" PRIu32, item->value_length);
        memcpy(&sequence, item->value, sizeof(sequence));
        REQUIRE(member->owned[p] && table->owner[p] == member->number, "record of another's");
        REQUIRE(item->offset == member->next[p] && sequence == item->offset,
                "offset %" PRId64 " of partition %" PRId32 ", expected %" PRId64, item->offset, p,
                member->next[p]);
        member->next[p]++;
        member->uncommitted++;
        table->count[p][item->offset]++;
        table->seen++;
    } else {
        REQUIRE(item->kind != TROTH_LOG_LOST, "partition %" PRId32 " was lost", p);
    }
}

static int be_member(int number)
{
    static struct troth_log_item items[TROTH_BATCH_MAX];
    char instance[16];
    (void)snprintf(instance, sizeof(instance), "member-%d", number);
    struct member member = {.number = number, .log = open_log(instance)};
    while (!table->stop[number]) {
        size_t count;
        troth_status status = member.log->poll(member.log, 100000, items, TROTH_BATCH_MAX, &count);
        REQUIRE(status == TROTH_OK, "member %d: %s: %s", number, troth_status_name(status),
                member.log->error(member.log));
        for (size_t i = 0; i < count; i++) {
            take(&member, &items[i]);
        }
        if (member.uncommitted >= COMMIT_EVERY || (count == 0 && member.uncommitted > 0)) {
            commit(&member);
        }
    }
    commit(&member);
    for (int p = 0; p < PARTITIONS; p++) {
        if (member.owned[p]) {
            table->owner[p] = 0;
        }
    }
    member.log->close(member.log);
    return 0;
}

/* ---- the conductor -------------------------------------------------------------------------- */

static pid_t start_member(const char *path, int number)
{
    table->stop[number] = false;
    pid_t pid = fork();
    if (pid == 0) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%d", number);
        (void)execl("/proc/self/exe", "kafka_log_real", "member", path, text, (char *)NULL);
        _exit(127);
    }
    REQUIRE(pid > 0, "fork");
    return pid;
}

static void stop_member(pid_t pid, int number)
{
    table->stop[number] = true;
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid && status == 0, "member %d: status %d", number, status);
}

/* Returns the partitions that a member owns. */
static int owned_by(int number)
{
    int owned = 0;
    for (int p = 0; p < PARTITIONS; p++) {
        owned += table->owner[p] == number;
    }
    return owned;
}

struct source {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    int64_t sent;
    int64_t failed;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    ((struct source *)opaque)->failed += message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void send_some(struct source *source, int64_t count)
{
    char value[VALUE_LENGTH] = {0};
    for (int64_t i = 0; i < count; i++) {
        int64_t sequence = source->sent / PARTITIONS;
        memcpy(value, &sequence, sizeof(sequence));
        while (rd_kafka_produce(source->topic, (int32_t)(source->sent % PARTITIONS),
                                RD_KAFKA_MSG_F_COPY, value, sizeof(value), "agent", 5, NULL) != 0) {
            REQUIRE(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL, "produce");
            rd_kafka_poll(source->client, 100);
        }
        source->sent++;
    }
    rd_kafka_poll(source->client, 0);
}

/* Lets records flow, up to a share of all, until a condition holds: so that what happens meanwhile
 * happens under load. */
#define FLOW_UNTIL(source, limit, condition)                                                       \
    do {                                                                                           \
        int64_t deadline_us = now_us() + PATIENCE_US;                                              \
        while (!(condition)) {                                                                     \
            REQUIRE(now_us() < deadline_us, "not within a minute; seen %" PRId64 " of %" PRId64,   \
                    (int64_t)table->seen, (source)->sent);                                         \
            int64_t room = (limit) - (source)->sent;                                               \
            send_some(source, room > 500 ? 500 : room > 0 ? room : 0);                             \
            if (room <= 0) {                                                                       \
                rd_kafka_poll((source)->client, 10);                                               \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static void open_source(struct source *source)
{
    char error[256];
    char name[TROTH_KAFKA_NAME_LENGTH];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, error, sizeof(error));
    rd_kafka_conf_set(conf, "enable.idempotence", "true", error, sizeof(error));
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, source);
    source->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    REQUIRE(source->client != NULL, "%s", error);
    (void)snprintf(name, sizeof(name), "%s.telemetry", table->prefix);
    source->topic = rd_kafka_topic_new(source->client, name, NULL);
}

/* Returns how many records were given more than once. */
static int64_t count_repeats(int64_t sent)
{
    int64_t repeats = 0;
    for (int64_t i = 0; i < sent; i++) {
        unsigned count = table->count[i % PARTITIONS][i / PARTITIONS];
        REQUIRE(count >= 1, "record %" PRId64 " of partition %" PRId64 " was never given",
                i / PARTITIONS, i % PARTITIONS);
        repeats += count > 1;
    }
    return repeats;
}

static void members_come_and_go(const char *path, int64_t records)
{
    struct source source = {0};
    open_source(&source);
    pid_t first = start_member(path, 1);
    FLOW_UNTIL(&source, records / 10, owned_by(1) == PARTITIONS);
    FLOW_UNTIL(&source, records / 4, source.sent == records / 4);
    pid_t second = start_member(path, 2);
    FLOW_UNTIL(&source, records / 2, owned_by(1) == 2 && owned_by(2) == 2);
    FLOW_UNTIL(&source, records / 2, source.sent == records / 2);
    (void)rd_kafka_flush(source.client, 30000);
    FLOW_UNTIL(&source, 0, table->seen >= source.sent);
    REQUIRE(count_repeats(source.sent) == 0, "a handover in order repeats nothing");
    printf("handover: %" PRId64 " records, each once\n", source.sent);

    /* Killed with records in hand: its partitions stay put until the session ends. */
    FLOW_UNTIL(&source, records * 3 / 4, source.sent == records * 3 / 4);
    (void)kill(second, SIGKILL);
    (void)waitpid(second, NULL, 0);
    for (int p = 0; p < PARTITIONS; p++) {
        int victim = 2;
        (void)atomic_compare_exchange_strong(&table->owner[p], &victim, 0);
    }
    int64_t killed_us = now_us();
    FLOW_UNTIL(&source, records * 3 / 4, owned_by(1) == PARTITIONS);
    printf("kill: taken over after %.1f s\n", (double)(now_us() - killed_us) / 1e6);
    (void)rd_kafka_flush(source.client, 30000);
    FLOW_UNTIL(&source, 0,
               table->committed[0] + table->committed[1] + table->committed[2] +
                       table->committed[3] ==
                   source.sent);
    int64_t repeats = count_repeats(source.sent);
    REQUIRE(repeats <= 2 * COMMIT_EVERY + 2 * TROTH_BATCH_MAX, "%" PRId64 " repeats", repeats);
    printf("kill: %" PRId64 " records, %" PRId64 " of them again\n", source.sent, repeats);

    /* A static member that is back in time finds its partitions where it left them. */
    stop_member(first, 1);
    send_some(&source, 1000);
    first = start_member(path, 1);
    int64_t back_us = now_us();
    FLOW_UNTIL(&source, records, owned_by(1) == PARTITIONS);
    printf("restart: assigned after %.1f s\n", (double)(now_us() - back_us) / 1e6);
    FLOW_UNTIL(&source, records, source.sent == records);
    (void)rd_kafka_flush(source.client, 30000);
    FLOW_UNTIL(&source, records, table->seen >= source.sent + repeats);
    stop_member(first, 1);
    REQUIRE(count_repeats(source.sent) == repeats, "a restart in order repeats nothing");
    REQUIRE(source.failed == 0, "%" PRId64 " records were not delivered", source.failed);
    printf("restart: %" PRId64 " records in all, nothing lost\n", source.sent);
    rd_kafka_topic_destroy(source.topic);
    rd_kafka_destroy(source.client);
}

/* ---- transactions and fencing --------------------------------------------------------------- */

static void require_ok(rd_kafka_error_t *error)
{
    REQUIRE(error == NULL, "%s", rd_kafka_error_string(error));
}

static void write_contracts(int aborted)
{
    char error[256];
    char name[TROTH_KAFKA_NAME_LENGTH];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, error, sizeof(error));
    rd_kafka_conf_set(conf, "transactional.id", table->prefix, error, sizeof(error));
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    REQUIRE(client != NULL, "%s", error);
    (void)snprintf(name, sizeof(name), "%s.contracts", table->prefix);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    require_ok(rd_kafka_init_transactions(client, 30000));
    for (int i = 0; i < 3 + aborted; i++) {
        require_ok(rd_kafka_begin_transaction(client));
        const char *value = i < 3 ? "yes" : "no!";
        REQUIRE(rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)value, 3, "key",
                                 3, NULL) == 0,
                "produce");
        (void)rd_kafka_flush(client, 30000);
        require_ok(i < 3 ? rd_kafka_commit_transaction(client, 30000)
                         : rd_kafka_abort_transaction(client, 30000));
    }
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

static void aborted_records_are_not_given(void)
{
    static struct troth_log_item items[TROTH_BATCH_MAX];
    write_contracts(2);
    struct troth_log *log = open_log("reader");
    int ends = 0;
    int records = 0;
    for (int64_t deadline_us = now_us() + PATIENCE_US; ends < 2;) {
        REQUIRE(now_us() < deadline_us, "%d ends, %d records", ends, records);
        size_t count;
        REQUIRE(log->poll(log, 100000, items, TROTH_BATCH_MAX, &count) == TROTH_OK, "%s",
                log->error(log));
        for (size_t i = 0; i < count; i++) {
            ends += items[i].kind == TROTH_LOG_END;
            if (items[i].kind == TROTH_LOG_RECORD) {
                records++;
                REQUIRE(memcmp(items[i].value, "yes", 3) == 0, "an aborted record was given");
            }
        }
    }
    REQUIRE(records == 3, "%d records", records);
    printf("transactions: 3 committed records given, 2 aborted ones not, and the end is told\n");

    /* Another process takes the same name: the older one must learn it, and go. */
    struct troth_log *other = open_log("reader");
    troth_status status = TROTH_OK;
    for (int64_t deadline_us = now_us() + PATIENCE_US; status == TROTH_OK;) {
        REQUIRE(now_us() < deadline_us, "the replaced member was not told");
        size_t count;
        status = log->poll(log, 10000, items, TROTH_BATCH_MAX, &count);
        REQUIRE(other->poll(other, 10000, items, TROTH_BATCH_MAX, &count) == TROTH_OK, "%s",
                other->error(other));
    }
    REQUIRE(status == TROTH_FENCED, "%s: %s", troth_status_name(status), log->error(log));
    printf("replaced: %s\n", log->error(log));
    log->close(log);
    other->close(other);
}

static void map_table(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT, 0600);
    REQUIRE(file >= 0 && ftruncate(file, sizeof(*table)) == 0, "%s", path);
    table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    REQUIRE(table != MAP_FAILED, "%s", path);
    (void)close(file);
}

int main(int argc, char **argv)
{
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    bootstrap = getenv("TROTH_TEST_KAFKA");
    if (bootstrap == NULL) {
        (void)fprintf(stderr,
                      "SKIP: TROTH_TEST_KAFKA is not set; run tests/system/kafka_log_real\n");
        return 77;
    }
    if (argc == 4 && strcmp(argv[1], "member") == 0) {
        map_table(argv[2]);
        return be_member(atoi(argv[3]));
    }
    int64_t records = argc > 1 ? strtoll(argv[1], NULL, 10) : RECORDS_DEFAULT;
    REQUIRE(records >= 40000 && records <= RECORDS_MAX, "%" PRId64 " records", records);
    char path[] = "/tmp/troth-kafka-log-XXXXXX";
    int file = mkstemp(path);
    REQUIRE(file >= 0, "%s", path);
    (void)close(file);
    map_table(path);
    (void)snprintf(table->prefix, sizeof(table->prefix), "real-%d-%" PRId64, (int)getpid(),
                   (int64_t)time(NULL));
    make_topics(bootstrap, table->prefix, PARTITIONS);
    printf("topics: made, found again, and right\n");
    members_come_and_go(path, records);
    aborted_records_are_not_given();
    (void)unlink(path);
    return 0;
}
