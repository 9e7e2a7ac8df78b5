/*
 * Claim: over librdkafka's mock cluster, the Kafka log gives every record of what is started once
 * and in order and none of what is not; tells of assignment in order with them; reads control
 * topics whole and says where they end, as often as it is asked; goes back where it is told to
 * without a gap; never commits past a record that was not delivered; and closes in bounded time.
 *
 * The mock proves plumbing: aborted transactions, fencing and static members need a real broker
 * (tests/system/kafka_log_real).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "consumers/kafka/log.h"
#include "consumers/kafka/state.h"
#include "tests/support/commit.h"

enum {
    PARTITIONS = 4,
    STEP_US = 50000, /* of one poll */
    STEPS_MAX = 1200 /* polls before a wait is given up: a minute */
};

enum { API_PRODUCE = 0, API_OFFSET_COMMIT = 8 }; /* Kafka's request numbers */

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *cluster;
static int prefix_number; /* every test has topics of its own */

struct member {
    struct troth_log *log;
    bool assigned[PARTITIONS];
    size_t assigned_count;
    int64_t next[PARTITIONS]; /* expected, of started partitions */
    size_t records;
    size_t ends;
    size_t lost;
    size_t control_records;
};

static struct troth_log_item items[TROTH_BATCH_MAX];
static char said[1024];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* debugging passes it */
static atomic_bool ended;                                /* what was left behind */

static void hear(void *context, int level, const char *text)
{
    (void)context;
    if (level == 3) { /* written from the polling thread alone */
        (void)snprintf(said, sizeof(said), "%s", text);
    }
    if (strstr(text, "left behind has ended") != NULL) {
        ended = true;
    }
    if (level == 7) {
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
    }
}

static const char *make_prefix(void)
{
    static char prefix[32];
    (void)snprintf(prefix, sizeof(prefix), "t%d", ++prefix_number);
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        char name[64];
        bool control = i == TROTH_TOPIC_CONTRACTS || i == TROTH_TOPIC_DECISIONS;
        (void)snprintf(name, sizeof(name), "%s.%s", prefix, troth_topic_name((enum troth_topic)i));
        assert_int_equal(rd_kafka_mock_topic_create(cluster, name, control ? 1 : PARTITIONS, 1), 0);
    }
    return prefix;
}

static troth_status open_with(const char *prefix, struct troth_kafka_property extra,
                              struct troth_log **log, char *error, size_t size)
{
    const struct troth_kafka_property properties[] = {
        {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster)},
        {"fetch.wait.max.ms", "5"}, /* the mock sleeps all of it when there is nothing */
        {"session.timeout.ms", "6000"},
        {"heartbeat.interval.ms", "200"},
        extra,
    };
    const struct troth_kafka_config config = {
        .properties = {properties, extra.name == NULL ? 4 : 5},
        .prefix = prefix,
        .group = prefix,
        .instance = "one", /* members are dynamic on the mock, or the second would wait for it */
        .create_time = true,
        .read_contracts = true,
        .read_decisions = true,
        .voice = {hear, NULL},
    };
    return troth_kafka_log_open(&config, log, error, size);
}

static struct troth_log *open_log(const char *prefix)
{
    struct troth_log *log = NULL;
    char error[256] = "";
    troth_status status =
        open_with(prefix, (struct troth_kafka_property){0}, &log, error, sizeof(error));
    if (status != TROTH_OK) {
        fail_msg("%s: %s", troth_status_name(status), error);
    }
    return log;
}

static void put(struct troth_log *log, enum troth_topic topic, int32_t partition, const char *key,
                const char *value)
{
    const struct troth_log_record record = {
        .topic = topic,
        .partition = partition,
        .timestamp_us = 1700000000123000,
        .key = key,
        .key_length = key == NULL ? 0 : strlen(key),
        .value = value,
        .value_length = value == NULL ? 0 : strlen(value),
    };
    assert_int_equal(log->send(log, &record), TROTH_OK);
}

static void send_many(struct troth_log *log, int32_t partition, int count)
{
    for (int i = 0; i < count; i++) {
        put(log, TROTH_TOPIC_TELEMETRY, partition, "agent", "event");
    }
    assert_int_equal(log->flush(log, 10000000), TROTH_OK);
}

/* Starts at what was committed, else at the first record. */
static void begin(struct member *member, int32_t partition)
{
    struct troth_log_extent extent;
    assert_int_equal(member->log->extent(member->log, partition, &extent), TROTH_OK);
    int64_t from = extent.committed == TROTH_OFFSET_NONE ? extent.low : extent.committed;
    assert_int_equal(member->log->start(member->log, partition, from), TROTH_OK);
    member->next[partition] = from;
}

/* Kafka takes a commit while the group prepares to rebalance. The mock refuses it, to be retried:
 * the next owner then begins at an older offset, which is what at least once means. */
static void commit_at_revoke(struct member *member, int32_t partition)
{
    const struct troth_log_offset offset = {partition, member->next[partition]};
    troth_status status = commit_and_wait(member->log, &offset, 1, 10000000);
    assert_true(status == TROTH_OK || status == TROTH_TIMED_OUT);
}

static void take(struct member *member, const struct troth_log_item *item, bool starts)
{
    int32_t p = item->partition;
    switch (item->kind) {
    case TROTH_LOG_ASSIGNED:
        assert_false(member->assigned[p]);
        member->assigned[p] = true;
        member->assigned_count++;
        if (starts) {
            begin(member, p);
        }
        break;
    case TROTH_LOG_REVOKED: /* still ours until the next poll */
        assert_true(member->assigned[p]);
        if (starts) {
            commit_at_revoke(member, p);
        }
        member->assigned[p] = false;
        member->assigned_count--;
        break;
    case TROTH_LOG_LOST:
        assert_true(member->assigned[p]);
        member->assigned[p] = false;
        member->assigned_count--;
        member->lost++;
        break;
    case TROTH_LOG_END:
        member->ends++;
        break;
    default:
        if (item->topic != TROTH_TOPIC_TELEMETRY) {
            member->control_records++;
            break;
        }
        assert_true(member->assigned[p]);
        assert_int_equal(item->offset, member->next[p]);
        member->next[p]++;
        member->records++;
    }
}

static void step(struct member *member, bool starts)
{
    size_t count;
    troth_status status = member->log->poll(member->log, STEP_US, items, TROTH_BATCH_MAX, &count);
    if (status != TROTH_OK) {
        fail_msg("%s: %s", troth_status_name(status), member->log->error(member->log));
    }
    for (size_t i = 0; i < count; i++) {
        take(member, &items[i], starts);
    }
}

#define STEP_UNTIL(member, starts, condition)                                                      \
    do {                                                                                           \
        int steps_left = STEPS_MAX;                                                                \
        while (!(condition)) {                                                                     \
            assert_true(steps_left-- > 0);                                                         \
            step(member, starts);                                                                  \
        }                                                                                          \
    } while (0)

/* ---- claims --------------------------------------------------------------------------------- */

static void control_topics_are_read_whole(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct member member = {.log = open_log(prefix)};
    put(member.log, TROTH_TOPIC_CONTRACTS, 0, "refunds@1", "{}");
    put(member.log, TROTH_TOPIC_CONTRACTS, 0, "refunds", "");
    put(member.log, TROTH_TOPIC_CONTRACTS, 0, "old@1", NULL);
    assert_int_equal(member.log->flush(member.log, 10000000), TROTH_OK);
    assert_int_equal(member.log->partitions(member.log), PARTITIONS);

    size_t seen = 0;
    for (int left = STEPS_MAX; member.ends < 2 || seen < 3; left--) {
        assert_true(left > 0);
        size_t count;
        assert_int_equal(member.log->poll(member.log, STEP_US, items, 2, &count), TROTH_OK);
        assert_true(count <= 2);
        for (size_t i = 0; i < count; i++) {
            if (items[i].kind == TROTH_LOG_END) {
                member.ends++;
            }
            if (items[i].kind != TROTH_LOG_RECORD) {
                continue;
            }
            assert_int_equal(items[i].topic, TROTH_TOPIC_CONTRACTS);
            assert_int_equal(items[i].offset, seen);
            assert_int_equal(items[i].timestamp_us, 1700000000123000);
            assert_int_equal(items[i].has_value, seen != 2);
            assert_int_equal(items[i].value_length, seen == 0 ? 2 : 0);
            assert_memory_equal(items[i].key, seen == 2 ? "old@1" : "refunds", 5);
            seen++;
        }
    }
    for (int i = 0; i < 5; i++) {
        step(&member, false);
    }
    assert_int_equal(member.ends, 2); /* of contracts, and of decisions, which is empty */
    assert_int_equal(member.control_records, 0);
    member.log->close(member.log);
}

static void nothing_is_given_before_start(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct member member = {.log = open_log(prefix)};
    send_many(member.log, 1, 300);
    send_many(member.log, 2, 300);
    assert_int_equal(member.log->start(member.log, 1, 0), TROTH_NOT_FOUND); /* not ours yet */
    STEP_UNTIL(&member, false, member.assigned_count == PARTITIONS && member.ends == 2);
    for (int i = 0; i < 5; i++) {
        step(&member, false);
    }
    assert_int_equal(member.records, 0);

    member.next[1] = 100;
    assert_int_equal(member.log->start(member.log, 1, 100), TROTH_OK);
    STEP_UNTIL(&member, false, member.records == 200);
    begin(&member, 2); /* the whole assignment is replaced; nothing of 1 comes twice */
    send_many(member.log, 1, 50);
    STEP_UNTIL(&member, false, member.records == 550);
    assert_int_equal(member.next[1], 350);
    assert_int_equal(member.next[2], 300);
    assert_int_equal(member.log->start(member.log, PARTITIONS, 0), TROTH_NOT_FOUND);
    assert_int_equal(member.log->start(member.log, 0, -1), TROTH_INVALID);
    member.log->close(member.log);
}

static void catch_up_ends_where_the_topic_does_now(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct member member = {.log = open_log(prefix)};
    bool reached = false;
    STEP_UNTIL(&member, false, member.assigned_count == PARTITIONS && member.ends == 2);
    assert_int_equal(member.log->catch_up(member.log, TROTH_TOPIC_CONTRACTS, &reached), TROTH_OK);
    assert_true(reached); /* it is empty */
    for (unsigned round = 1; round <= 3; round++) {
        for (int i = 0; i < 10; i++) {
            put(member.log, TROTH_TOPIC_CONTRACTS, 0, "refunds@1", "{}");
        }
        assert_int_equal(member.log->flush(member.log, 10000000), TROTH_OK);
        assert_int_equal(member.log->catch_up(member.log, TROTH_TOPIC_CONTRACTS, &reached),
                         TROTH_OK);
        assert_false(reached);
        STEP_UNTIL(&member, false, member.ends == 2 + round);
        assert_int_equal(member.control_records, 10 * round); /* END comes behind them */
        assert_int_equal(member.log->catch_up(member.log, TROTH_TOPIC_CONTRACTS, &reached),
                         TROTH_OK);
        assert_true(reached);
    }
    /* An END that was not given yet is taken back. */
    put(member.log, TROTH_TOPIC_CONTRACTS, 0, "refunds@1", "{}");
    assert_int_equal(member.log->flush(member.log, 10000000), TROTH_OK);
    assert_int_equal(member.log->catch_up(member.log, TROTH_TOPIC_CONTRACTS, &reached), TROTH_OK);
    assert_false(reached);
    size_t count = 0;
    for (int left = STEPS_MAX; count == 0; left--) {
        assert_true(left > 0);
        assert_int_equal(member.log->poll(member.log, STEP_US, items, 1, &count), TROTH_OK);
    }
    assert_int_equal(items[0].kind, TROTH_LOG_RECORD); /* there was no room for END */
    assert_int_equal(member.log->catch_up(member.log, TROTH_TOPIC_CONTRACTS, &reached), TROTH_OK);
    assert_true(reached);
    for (int i = 0; i < 5; i++) {
        step(&member, false);
    }
    assert_int_equal(member.ends, 2 + 3);
    assert_int_equal(member.log->catch_up(member.log, TROTH_TOPIC_STANDINGS, &reached),
                     TROTH_NOT_FOUND);
    member.log->close(member.log);
}

/* take() fails the test at a gap: nothing that was fetched ahead passes over what is read again. */
static void partition_goes_back_without_a_gap(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct member member = {.log = open_log(prefix)};
    send_many(member.log, 1, 6000);
    send_many(member.log, 2, 6000);
    STEP_UNTIL(&member, true, member.next[1] > 4000 && member.next[2] > 0);
    for (int64_t back = 3999; back > 0; back -= 800) {
        member.next[1] = back;
        assert_int_equal(member.log->start(member.log, 1, back), TROTH_OK);
        STEP_UNTIL(&member, true, member.next[1] > back);
    }
    STEP_UNTIL(&member, true, member.next[1] == 6000 && member.next[2] == 6000);
    member.next[1] = 5999; /* also from the end, of which librdkafka has told */
    for (int i = 0; i < 3; i++) {
        step(&member, true);
    }
    assert_int_equal(member.log->start(member.log, 1, 5999), TROTH_OK);
    STEP_UNTIL(&member, true, member.next[1] == 6000);
    send_many(member.log, 1, 10);
    STEP_UNTIL(&member, true, member.next[1] == 6010);
    member.log->close(member.log);
}

static void what_was_committed_is_where_the_next_begins(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct member first = {.log = open_log(prefix)};
    send_many(first.log, 3, 500);
    STEP_UNTIL(&first, true, first.records == 500);
    struct troth_log_offset offset = {3, 321};
    assert_int_equal(commit_and_wait(first.log, &offset, 1, 10000000), TROTH_OK);
    struct troth_log_extent extent;
    assert_int_equal(first.log->extent(first.log, 3, &extent), TROTH_OK);
    assert_int_equal(extent.low, 0);
    assert_int_equal(extent.high, 500);
    assert_int_equal(extent.committed, 321);
    assert_int_equal(first.log->extent(first.log, 0, &extent), TROTH_OK);
    assert_int_equal(extent.committed, TROTH_OFFSET_NONE);
    first.log->close(first.log);

    struct member second = {.log = open_log(prefix)};
    STEP_UNTIL(&second, true, second.records == 179);
    assert_int_equal(second.next[3], 500);

    rd_kafka_mock_push_request_errors(cluster, API_OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    assert_int_equal(commit_and_wait(second.log, &offset, 1, 10000000), TROTH_FENCED);
    offset.partition = PARTITIONS;
    assert_int_equal(commit_and_wait(second.log, &offset, 1, 10000000), TROTH_FENCED);
    second.log->close(second.log);
}

static void two_members_share_and_neither_loses(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct member first = {.log = open_log(prefix)};
    for (int32_t p = 0; p < PARTITIONS; p++) {
        send_many(first.log, p, 1000);
    }
    STEP_UNTIL(&first, true, first.records > 0);
    struct member second = {.log = open_log(prefix)};
    for (int left = STEPS_MAX; first.assigned_count != 2 || second.assigned_count != 2; left--) {
        assert_true(left > 0);
        step(&first, true);
        step(&second, true);
        for (int p = 0; p < PARTITIONS; p++) {
            assert_false(first.assigned[p] && second.assigned[p]);
        }
    }
    for (int32_t p = 0; p < PARTITIONS; p++) {
        send_many(first.log, p, 500);
    }
    int left = STEPS_MAX;
    for (int32_t p = 0; p < PARTITIONS;) {
        struct member *owner = first.assigned[p] ? &first : &second;
        assert_true(left-- > 0);
        step(&first, true);
        step(&second, true);
        p += owner->next[p] == 1500;
    }
    /* An owner reads without a gap from what was committed (asserted at each record). */
    assert_true(first.records + second.records >= PARTITIONS * 1500);
    assert_int_equal(first.lost + second.lost, 0);

    int32_t other = first.assigned[0] ? 0 : 3; /* not the second's: its offset is no business */
    const struct troth_log_offset offset = {other, 1};
    assert_int_equal(commit_and_wait(second.log, &offset, 1, 10000000),
                     first.assigned[other] ? TROTH_FENCED : TROTH_OK);
    second.log->close(second.log); /* leaves: the first gets all back */
    STEP_UNTIL(&first, true, first.assigned_count == PARTITIONS);
    first.log->close(first.log);
}

static void a_commit_never_passes_an_undelivered_record(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct member member = {.log = open_log(prefix)};
    STEP_UNTIL(&member, true, member.assigned_count == PARTITIONS);
    put(member.log, TROTH_TOPIC_INTERVENTIONS, TROTH_ANY_PARTITION, "agent", "{}");
    const struct troth_log_offset offset = {0, 0};
    assert_int_equal(commit_and_wait(member.log, &offset, 1, 10000000), TROTH_OK);

    rd_kafka_mock_push_request_errors(cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    put(member.log, TROTH_TOPIC_INTERVENTIONS, 0, "agent", "{}");
    assert_int_equal(commit_and_wait(member.log, &offset, 1, 10000000), TROTH_REFUSED);
    assert_non_null(strstr(member.log->error(member.log), "interventions"));
    /* and goes on refusing: a second try must not cover the hole */
    assert_int_equal(commit_and_wait(member.log, &offset, 1, 10000000), TROTH_REFUSED);
    member.log->close(member.log);
}

static void a_full_queue_says_so(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct troth_log *log = NULL;
    char error[256] = "";
    assert_int_equal(open_with(prefix,
                               (struct troth_kafka_property){"queue.buffering.max.messages", "10"},
                               &log, error, sizeof(error)),
                     TROTH_OK);
    const struct troth_log_header header = {"reason", "undecodable", 11};
    const struct troth_log_record record = {.topic = TROTH_TOPIC_REJECTS,
                                            .partition = 0,
                                            .value = "x",
                                            .value_length = 1,
                                            .headers = &header,
                                            .header_count = 1};
    rd_kafka_mock_broker_push_request_error_rtts(cluster, 1, API_PRODUCE, 1, 0, 500);
    troth_status status = TROTH_OK;
    for (int i = 0; i <= 10 && status == TROTH_OK; i++) {
        status = log->send(log, &record);
    }
    assert_int_equal(status, TROTH_FULL);
    assert_int_equal(log->flush(log, 10000000), TROTH_OK);
    assert_int_equal(log->send(log, &record), TROTH_OK);
    log->close(log);
}

static void deleted_records_are_told(void **unused)
{
    (void)unused;
    const char *prefix = make_prefix();
    struct member member = {.log = open_log(prefix)};
    static char large[100000];
    memset(large, 'x', sizeof(large) - 1);
    STEP_UNTIL(&member, false, member.assigned_count == PARTITIONS);
    for (int i = 0; i < 80; i++) { /* 8 MB, of which the mock keeps 5 MiB; one batch each */
        put(member.log, TROTH_TOPIC_TELEMETRY, 0, "agent", large);
        assert_int_equal(member.log->flush(member.log, 10000000), TROTH_OK);
    }
    struct troth_log_extent extent;
    assert_int_equal(member.log->extent(member.log, 0, &extent), TROTH_OK);
    assert_true(extent.low > 0);
    said[0] = '\0';
    assert_int_equal(member.log->start(member.log, 0, 0), TROTH_OK);
    member.next[0] = extent.low;
    STEP_UNTIL(&member, false, member.next[0] == extent.high);
    assert_non_null(strstr(said, "deleted before they were read"));

    assert_int_equal(member.log->start(member.log, 1, 7), TROTH_OK); /* partition 1 is empty */
    troth_status status = TROTH_OK;
    for (int left = STEPS_MAX; status == TROTH_OK; left--) {
        assert_true(left > 0);
        size_t count;
        status = member.log->poll(member.log, STEP_US, items, TROTH_BATCH_MAX, &count);
    }
    assert_int_equal(status, TROTH_REFUSED);
    assert_non_null(strstr(member.log->error(member.log), "truncated"));
    member.log->close(member.log);
}

static void what_is_wrong_is_said_at_open(void **unused)
{
    (void)unused;
    struct troth_log *log = NULL;
    char error[256] = "";
    const char *prefix = make_prefix();
    char topic[64]; /* the mock makes a topic that is asked for, so it is told to deny this one */
    (void)snprintf(topic, sizeof(topic), "%s.telemetry", prefix);
    rd_kafka_mock_topic_set_error(cluster, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    troth_status status =
        open_with(prefix, (struct troth_kafka_property){0}, &log, error, sizeof(error));
    if (status != TROTH_NOT_FOUND) {
        fail_msg("%s: %s", troth_status_name(status), error);
    }
    assert_non_null(strstr(error, "troth topics create"));
    const struct troth_kafka_property wrong[] = {{"enable.auto.commit", "true"},
                                                 {"group.id", "mine"},
                                                 {"no.such.property", "1"},
                                                 {"queued.min.messages", "many"}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(open_with(prefix, wrong[i], &log, error, sizeof(error)), TROTH_INVALID);
        assert_non_null(strstr(error, wrong[i].name));
    }
    assert_null(log);
}

static int start_cluster(void **unused)
{
    (void)unused;
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL); /* it would complain that it has no broker */
    host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    cluster = host == NULL ? NULL : rd_kafka_mock_cluster_new(host, 1);
    return cluster == NULL ? -1 : 0;
}

static int stop_cluster(void **unused)
{
    (void)unused;
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}

/* What librdkafka tells of itself is not taken, which holds its threads up as its own mistakes do.
 */
static void closing_does_not_wait_for_ever(void **unused)
{
    (void)unused;
    const struct troth_kafka_property debug = {"debug", "generic,broker,cgrp"};
    struct troth_log *log = NULL;
    char error[256] = "";
    assert_int_equal(open_with(make_prefix(), debug, &log, error, sizeof(error)), TROTH_OK);
    troth_kafka_state_of(log)->close_us = 1000000;
    pthread_mutex_lock(&gate);
    log->close(log);
    assert_non_null(strstr(said, "did not end within 1 s"));
    assert_false(ended);
    pthread_mutex_unlock(&gate);
    for (int steps_left = STEPS_MAX; !ended; steps_left--) {
        assert_true(steps_left > 0);
        (void)rd_kafka_poll(host, STEP_US / 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_topics_are_read_whole),
        cmocka_unit_test(nothing_is_given_before_start),
        cmocka_unit_test(catch_up_ends_where_the_topic_does_now),
        cmocka_unit_test(partition_goes_back_without_a_gap),
        cmocka_unit_test(what_was_committed_is_where_the_next_begins),
        cmocka_unit_test(two_members_share_and_neither_loses),
        cmocka_unit_test(a_commit_never_passes_an_undelivered_record),
        cmocka_unit_test(a_full_queue_says_so),
        cmocka_unit_test(deleted_records_are_told),
        cmocka_unit_test(what_is_wrong_is_said_at_open),
        cmocka_unit_test(closing_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}
