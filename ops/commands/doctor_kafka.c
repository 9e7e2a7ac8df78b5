/*
 * troth doctor, Kafka: whether the brokers answer, and whether an engine is at work. A working
 * engine is a stable group that commits; and in telemetry no partition is silent for long, since
 * the engine itself appends a tick.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "consumers/clock.h"
#include "ops/commands/doctor_parts.h"
#include "ops/config/parse.h"
#include "ops/kafka/link.h"

#define ANSWER_TIMEOUT_US INT64_C(10000000)
#define AHEAD_TOLD_US     INT64_C(1000000) /* of a record past this machine's clock */

enum { ANSWER_TIMEOUT_MS = 10000, TICKS_MISSED = 10, PARTITIONS_MAX = 10000, TRIES_MAX = 10 };

static const char engine_area[] = "engine";

/* Tells of the group's members. */
static void tell_group(struct troth_doctor *doctor,
                       const rd_kafka_ConsumerGroupDescription_t *group)
{
    const char *name = doctor->config->group;
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(group);
    const size_t members = rd_kafka_ConsumerGroupDescription_member_count(group);
    const rd_kafka_consumer_group_state_t state = rd_kafka_ConsumerGroupDescription_state(group);
    if (error != NULL) {
        troth_doctor_tell(
            doctor, TROTH_DIAGNOSIS_WARN, engine_area,
            "see the brokers' logs; or allow this user DESCRIBE on the group",
            "group %s cannot be described: %s", name,
            troth_kafka_explain_or(rd_kafka_error_code(error), rd_kafka_error_string(error)));
    } else if (members == 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, engine_area, "start trothd",
                          "group %s has no member: no engine is running", name);
    } else if (state != RD_KAFKA_CONSUMER_GROUP_STATE_STABLE) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, engine_area,
                          "wait; if it lasts, two processes may share one `instance`",
                          "group %s has %zu members and is %s", name, members,
                          rd_kafka_consumer_group_state_name(state));
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, engine_area, NULL,
                          "group %s is stable, with %zu workers", name, members);
    }
}

/* Returns whether an error passes by itself: a coordinator that is only just being made. */
static bool is_passing(const rd_kafka_error_t *error)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    return code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
}

/* Asks about the group once. In last: whatever is found is told. Returns whether it was told. */
static bool ask_about_group(struct troth_doctor *doctor, rd_kafka_t *client, bool last)
{
    const char *groups[] = {doctor->config->group};
    char text[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_TIMEOUT_MS, text, sizeof text);
    rd_kafka_DescribeConsumerGroups(client, groups, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_TIMEOUT_MS);
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        event != NULL ? rd_kafka_event_DescribeConsumerGroups_result(event) : NULL;
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **described =
        result != NULL ? rd_kafka_DescribeConsumerGroups_result_groups(result, &count) : NULL;
    const bool told =
        last || count != 1 || !is_passing(rd_kafka_ConsumerGroupDescription_error(described[0]));
    if (told && count == 1) {
        tell_group(doctor, described[0]);
    } else if (told) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, engine_area, "see the brokers' logs",
                          "group %s cannot be described: %s", groups[0],
                          event != NULL ? troth_kafka_explain_or(rd_kafka_event_error(event),
                                                                 rd_kafka_event_error_string(event))
                                        : "no answer");
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return told;
}

static void look_at_group(struct troth_doctor *doctor, rd_kafka_t *client)
{
    const struct timespec nap = {.tv_sec = 0, .tv_nsec = 500000000};
    for (int try = 1; !ask_about_group(doctor, client, try == TRIES_MAX); try++) {
        nanosleep(&nap, NULL);
    }
}

/* Compares what the group has committed with where the partitions end. */
static void look_at_lag(struct troth_doctor *doctor, rd_kafka_t *client, const char *topic,
                        int32_t partitions)
{
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_topic_partition_list_add_range(committed, topic, 0, partitions - 1);
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(committed);
    for (int i = 0; i < ends->cnt; i++) {
        ends->elems[i].offset = RD_KAFKA_OFFSET_END; /* as a time: the end */
    }
    rd_kafka_resp_err_t code = rd_kafka_committed(client, committed, ANSWER_TIMEOUT_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_offsets_for_times(client, ends, ANSWER_TIMEOUT_MS);
    }
    int64_t lag = 0;
    int uncommitted = 0;
    for (int i = 0; i < ends->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const int64_t done = committed->elems[i].offset;
        const int64_t end = ends->elems[i].offset;
        uncommitted += done < 0 && end > 0;
        lag += done >= 0 && end > done ? end - done : 0;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, engine_area, "see the brokers' logs",
                          "the group's progress cannot be read: %s", troth_kafka_explain(code));
    } else if (uncommitted > 0) {
        troth_doctor_tell(
            doctor, TROTH_DIAGNOSIS_WARN, engine_area, "start trothd, or wait for its first commit",
            "%d of %" PRId32 " partitions were never committed", uncommitted, partitions);
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, engine_area, NULL,
                          "%" PRId64 " records past the last commit, over %" PRId32 " partitions",
                          lag, partitions);
    }
    rd_kafka_topic_partition_list_destroy(committed);
    rd_kafka_topic_partition_list_destroy(ends);
}

/* Reads the last record of partition 0. Out timestamp_us. Returns whether there is one. */
static bool read_last(rd_kafka_t *client, const char *topic, int64_t *timestamp_us)
{
    int64_t low;
    int64_t high;
    if (troth_kafka_watermarks(client, topic, 0, ANSWER_TIMEOUT_MS, &low, &high) !=
            RD_KAFKA_RESP_ERR_NO_ERROR ||
        high <= low) {
        return false;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = high - 1;
    bool found = false;
    if (rd_kafka_assign(client, list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, ANSWER_TIMEOUT_MS);
        if (message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            *timestamp_us = rd_kafka_message_timestamp(message, NULL) * 1000;
            found = true;
        }
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
        rd_kafka_assign(client, NULL);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return found;
}

static void look_at_last_record(struct troth_doctor *doctor, rd_kafka_t *client, const char *topic)
{
    int64_t timestamp_us;
    const struct troth_clock clock = troth_clock_system();
    if (!read_last(client, topic, &timestamp_us)) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, "telemetry",
                          "start trothd, which ticks; then send events, as by troth emit",
                          "%s[0] holds no record", topic);
        return;
    }
    const int64_t age_us = clock.wall_us(clock.context) - timestamp_us;
    if (age_us < -AHEAD_TOLD_US) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, "clock",
                          "synchronize the brokers' clocks and this machine's (chrony or NTP)",
                          "the last record of %s[0] is %.1f s ahead of this machine's clock", topic,
                          (double)-age_us / 1e6);
    } else if (age_us > TICKS_MISSED * doctor->config->tick_us) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, "telemetry",
                          "start trothd: a running engine lets no partition be silent longer than "
                          "`tick`",
                          "the last record of %s[0] is %.0f s old", topic, (double)age_us / 1e6);
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, "telemetry", NULL,
                          "the last record of %s[0] is %.1f s old", topic, (double)age_us / 1e6);
    }
}

static void tell_brokers(struct troth_doctor *doctor, struct troth_kafka_link *link)
{
    const struct rd_kafka_metadata *metadata = NULL;
    int brokers = 0;
    if (rd_kafka_metadata(link->client, 0, NULL, &metadata, ANSWER_TIMEOUT_MS) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        brokers = metadata->broker_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    char *cluster = rd_kafka_clusterid(link->client, ANSWER_TIMEOUT_MS);
    troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, "kafka", NULL,
                      "%d broker%s at %s answer%s (cluster %s; librdkafka %s)", brokers,
                      brokers == 1 ? "" : "s", link->servers, brokers == 1 ? "s" : "",
                      cluster != NULL ? cluster : "?", rd_kafka_version_str());
    if (cluster != NULL) {
        rd_kafka_mem_free(link->client, cluster);
    }
}

bool troth_doctor_kafka(struct troth_doctor *doctor)
{
    const struct troth_kafka_property needed[] = {
        {"group.id", doctor->config->group},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
    };
    char error[TROTH_KAFKA_ERROR_LENGTH];
    char topic[TROTH_KAFKA_NAME_LENGTH];
    struct troth_kafka_link link;
    int32_t partitions = 0;
    (void)troth_config_topic(doctor->config, "telemetry", topic, sizeof topic);
    troth_status status = troth_kafka_link_open(
        &link, doctor->config, RD_KAFKA_CONSUMER, (struct troth_kafka_properties){NULL, 0},
        (struct troth_kafka_properties){needed, sizeof needed / sizeof needed[0]}, NULL, error);
    if (status == TROTH_OK) {
        status = troth_kafka_link_reach(&link, NULL, ANSWER_TIMEOUT_US, NULL, error);
    }
    if (status != TROTH_OK) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, "kafka",
                          "start Kafka (here: ops/local/kafka start), or set "
                          "kafka.bootstrap.servers and what its listener asks for",
                          "%s", error);
        troth_kafka_link_close(&link);
        return false;
    }
    tell_brokers(doctor, &link);
    rd_kafka_poll_set_consumer(link.client);
    look_at_group(doctor, link.client);
    if (troth_kafka_link_reach(&link, topic, ANSWER_TIMEOUT_US, &partitions, error) == TROTH_OK &&
        partitions <= PARTITIONS_MAX) {
        look_at_lag(doctor, link.client, topic, partitions);
        look_at_last_record(doctor, link.client, topic);
    }
    rd_kafka_consumer_close(link.client);
    troth_kafka_link_close(&link);
    return true;
}
