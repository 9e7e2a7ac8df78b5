/*
 * Claim: a sender that keeps to its headroom loses nothing on the embedded broker, however much it
 * sends; one that does not loses records (the canary), and is told; and one that nobody reads from
 * is told that. The sandbox's topics are as Troth needs them, where the emitters' time is meant.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumers/kafka/log.h"
#include "ops/headroom.h"
#include "ops/kafka/sandbox.h"
#include "ops/kafka/topics.h"
#include "tests/support/commit.h"

enum {
    RECORD_BYTES = 10000,
    RECORDS = 1500,   /* 15 MB into one partition, which keeps 5 MiB */
    STEPS_MAX = 6000, /* polls of 10 ms before the reader gives up */
    WAIT_US = 20000000
};

static struct troth_sandbox *sandbox;
static struct troth_kafka_property properties[2];
static char value[RECORD_BYTES];

struct reader {
    struct troth_log *log;
    int64_t records;
    int64_t wanted;
    bool failed;
};

static struct troth_log *open_log(const char *group)
{
    const struct troth_kafka_config config = {
        .properties = {properties, 2}, .prefix = "t", .group = group, .create_time = true};
    struct troth_log *log = NULL;
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    if (troth_kafka_log_open(&config, &log, error, sizeof(error)) != TROTH_OK) {
        fail_msg("%s", error);
    }
    return log;
}

/* Reads partition 0 from its first record and commits what it has read. */
static void *read_all(void *context)
{
    static struct troth_log_item items[TROTH_BATCH_MAX];
    struct reader *reader = context;
    for (int left = STEPS_MAX; left > 0 && reader->records < reader->wanted; left--) {
        size_t count = 0;
        int64_t before = reader->records;
        reader->failed |= reader->log->poll(reader->log, 10000, items, 16, &count) != TROTH_OK;
        for (size_t i = 0; i < count; i++) {
            if (items[i].kind == TROTH_LOG_ASSIGNED && items[i].partition == 0) {
                reader->failed |= reader->log->start(reader->log, 0, 0) != TROTH_OK;
            } else if (items[i].kind == TROTH_LOG_RECORD) {
                reader->failed |= items[i].offset != reader->records;
                reader->records = items[i].offset + 1;
            }
        }
        const struct troth_log_offset offset = {0, reader->records};
        if (reader->records > before) {
            reader->failed |= commit_and_wait(reader->log, &offset, 1, 10000000) != TROTH_OK;
        }
    }
    return NULL;
}

static void send_one(struct troth_log *log)
{
    const struct troth_log_record record = {.topic = TROTH_TOPIC_TELEMETRY,
                                            .value = value,
                                            .value_length = sizeof(value),
                                            .partition = 0};
    assert_int_equal(log->send(log, &record), TROTH_OK);
}

static void open_headroom(struct troth_headroom *headroom, const char *group)
{
    if (troth_headroom_open(headroom, (struct troth_kafka_properties){properties, 2}, "t.telemetry",
                            1, group) != TROTH_OK) {
        fail_msg("%s", headroom->error);
    }
    assert_non_null(headroom->client); /* it knows the embedded broker */
}

static void a_paced_sender_loses_nothing(void **unused)
{
    (void)unused;
    struct troth_headroom headroom;
    struct troth_log *log = open_log("sender");
    struct reader reader = {.log = open_log("reader"), .wanted = RECORDS};
    open_headroom(&headroom, "reader");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
    int waits = 0;
    for (int i = 0; i < RECORDS; i++) {
        if (troth_headroom_count(&headroom, sizeof(value))) {
            assert_int_equal(log->flush(log, WAIT_US), TROTH_OK);
            troth_status status = troth_headroom_wait(&headroom, WAIT_US);
            if (status != TROTH_OK) {
                fail_msg("%s: %s", troth_status_name(status), headroom.error);
            }
            waits++;
        }
        send_one(log);
    }
    assert_int_equal(log->flush(log, WAIT_US), TROTH_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(reader.failed);
    assert_int_equal(reader.records, RECORDS);
    assert_true(waits >= 10);
    troth_headroom_close(&headroom);
    reader.log->close(reader.log);
    log->close(log);
}

static void one_that_nobody_reads_from_is_told(void **unused)
{
    (void)unused;
    struct troth_headroom headroom;
    struct troth_log *log = open_log("sender");
    open_headroom(&headroom, "nobody"); /* has committed nothing, so 15 MB are already gone */
    assert_int_equal(troth_headroom_wait(&headroom, 0), TROTH_REFUSED);
    assert_true(headroom.lost > 0);
    troth_headroom_close(&headroom);

    open_headroom(&headroom, "reader"); /* has read all so far, and has gone */
    assert_int_equal(troth_headroom_wait(&headroom, 0), TROTH_OK);
    for (int i = 0; i < 300; i++) {
        (void)troth_headroom_count(&headroom, sizeof(value));
        send_one(log);
    }
    assert_int_equal(log->flush(log, WAIT_US), TROTH_OK);
    assert_int_equal(troth_headroom_wait(&headroom, 0), TROTH_TIMED_OUT);
    assert_int_equal(headroom.lost, 0);
    for (int i = 0; i < 600; i++) { /* the canary: on without waiting */
        send_one(log);
    }
    assert_int_equal(log->flush(log, WAIT_US), TROTH_OK);
    assert_int_equal(troth_headroom_wait(&headroom, 0), TROTH_REFUSED);
    assert_non_null(strstr(headroom.error, "dropped"));
    troth_headroom_close(&headroom);
    log->close(log);
}

static void the_sandbox_has_its_topics(void **unused)
{
    (void)unused;
    static struct troth_topics_report report;
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    struct troth_topics_config config = {
        .properties = {properties, 2}, .prefix = "t", .partitions = 1, .create_time = true};
    assert_int_equal(troth_topics_check(&config, &report, error, sizeof(error)), TROTH_OK);
    assert_int_equal(report.count, 0);
    assert_int_equal(report.partitions, 1);
    assert_false(report.settings_known);

    config.create_time = false; /* it does not stamp records, and this must not be passed over */
    assert_int_equal(troth_topics_check(&config, &report, error, sizeof(error)), TROTH_INVALID);
    assert_int_equal(report.problems, 1);
    assert_non_null(strstr(report.findings[0].text, "create_time"));

    config.create_time = true;
    config.recorded_partitions = 2;
    assert_int_equal(troth_topics_check(&config, &report, error, sizeof(error)), TROTH_INVALID);
    assert_string_equal(report.findings[0].topic, "t.telemetry");

    config.recorded_partitions = 0;
    config.prefix = "other";
    assert_int_equal(troth_topics_check(&config, &report, error, sizeof(error)), TROTH_INVALID);
    assert_int_equal(report.problems, TROTH_TOPIC_COUNT);
    assert_non_null(strstr(report.findings[0].command, "troth topics create"));
}

static int start(void **unused)
{
    (void)unused;
    char error[256];
    if (troth_sandbox_open("t", 1, &sandbox, error, sizeof(error)) != TROTH_OK) {
        return -1;
    }
    memset(value, 'x', sizeof(value));
    properties[0] =
        (struct troth_kafka_property){"bootstrap.servers", troth_sandbox_bootstrap(sandbox)};
    properties[1] = (struct troth_kafka_property){"fetch.wait.max.ms", "5"};
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    troth_sandbox_close(sandbox);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paced_sender_loses_nothing),
        cmocka_unit_test(one_that_nobody_reads_from_is_told),
        cmocka_unit_test(the_sandbox_has_its_topics),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
