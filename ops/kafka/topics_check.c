/* Whether the topics that are there keep the promises made on them, and the commands that mend. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/kafka/topics.h"
#include "schemas/assert.h"

enum { CHECK_TIMEOUT_MS = 10000 };

/* What is known of one topic. */
struct found {
    int32_t partitions; /* 0: there is no such topic */
    int32_t replicas;   /* the least of its partitions */
};

struct check {
    const struct troth_topics_config *config;
    struct troth_topics_report *report;
    const char *servers;
    char names[TROTH_TOPIC_COUNT][TROTH_KAFKA_NAME_LENGTH];
    struct found found[TROTH_TOPIC_COUNT];
};

/* Adds a finding without a command yet. */
__attribute__((format(printf, 4, 5))) static struct troth_topics_finding *
report(struct check *check, enum troth_topic topic, bool is_warning, const char *format, ...)
{
    TROTH_ASSERT(check->report->count < TROTH_TOPICS_FINDINGS_MAX);
    struct troth_topics_finding *finding = &check->report->findings[check->report->count++];
    *finding = (struct troth_topics_finding){.is_warning = is_warning};
    memcpy(finding->topic, check->names[topic], sizeof(finding->topic));
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
    check->report->problems += !is_warning;
    return finding;
}

static void mend_setting(const struct check *check, struct troth_topics_finding *finding,
                         const char *name, const char *value)
{
    (void)snprintf(finding->command, sizeof(finding->command),
                   "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics "
                   "--entity-name %s --add-config %s=%s",
                   check->servers, finding->topic, name, value);
}

static void mend_anew(const struct check *check, struct troth_topics_finding *finding,
                      int32_t partitions)
{
    (void)snprintf(finding->command, sizeof(finding->command),
                   "kafka-topics.sh --bootstrap-server %s --delete --topic %s && "
                   "troth topics create --partitions %" PRId32,
                   check->servers, finding->topic, partitions);
}

/* ---- counts --------------------------------------------------------------------------------- */

static void note_topic(struct found *found, const struct rd_kafka_metadata_topic *topic)
{
    if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    found->partitions = topic->partition_cnt;
    for (int i = 0; i < topic->partition_cnt; i++) {
        int replicas = topic->partitions[i].replica_cnt;
        found->replicas = i == 0 || replicas < found->replicas ? replicas : found->replicas;
    }
}

/* Asks for the list of all topics: asking for one by name can create it. */
static rd_kafka_resp_err_t read_counts(struct check *check, rd_kafka_t *client)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, CHECK_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return code;
    }
    for (int i = 0; i < metadata->topic_cnt; i++) {
        for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
            if (strcmp(metadata->topics[i].topic, check->names[t]) == 0) {
                note_topic(&check->found[t], &metadata->topics[i]);
            }
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void check_standings(struct check *check)
{
    int32_t telemetry = check->found[TROTH_TOPIC_TELEMETRY].partitions;
    int32_t standings = check->found[TROTH_TOPIC_STANDINGS].partitions;
    if (telemetry == 0 || standings == 0 || telemetry == standings) {
        return;
    }
    struct troth_topics_finding *finding =
        report(check, TROTH_TOPIC_STANDINGS, false,
               "it has %" PRId32 " partitions and %s has %" PRId32
               "; they must be as many, for each keeps the other's state",
               standings, check->names[TROTH_TOPIC_TELEMETRY], telemetry);
    if (standings > telemetry) {
        mend_anew(check, finding, telemetry); /* Kafka cannot take partitions away */
    } else {
        (void)snprintf(finding->command, sizeof(finding->command),
                       "kafka-topics.sh --bootstrap-server %s --alter --topic %s --partitions "
                       "%" PRId32,
                       check->servers, finding->topic, telemetry);
    }
}

static void check_counts(struct check *check)
{
    int32_t telemetry = check->found[TROTH_TOPIC_TELEMETRY].partitions;
    int32_t recorded = check->config->recorded_partitions;
    for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
        enum troth_topic topic = (enum troth_topic)t;
        int32_t partitions = check->found[t].partitions;
        if (partitions == 0) {
            struct troth_topics_finding *finding =
                report(check, topic, false,
                       "there is no such topic, or this user has no right to it (ops/ACCESS.md)");
            int32_t wanted = telemetry > 0 ? telemetry : check->config->partitions;
            (void)snprintf(finding->command, sizeof(finding->command),
                           "troth topics create --partitions %" PRId32, wanted);
        } else if (troth_topics_is_single(topic) && partitions != 1) {
            mend_anew(check,
                      report(check, topic, false,
                             "it has %" PRId32 " partitions; it must have 1, as it is one order",
                             partitions),
                      telemetry > 0 ? telemetry : check->config->partitions);
        }
    }
    check_standings(check);
    if (recorded > 0 && telemetry > 0 && recorded != telemetry) {
        /* Agents have moved between partitions: no command can undo that. */
        (void)report(check, TROTH_TOPIC_TELEMETRY, false,
                     "it has %" PRId32 " partitions and had %" PRId32
                     " when its standings began, so agents have changed their partition; begin "
                     "anew under another prefix",
                     telemetry, recorded);
    }
}

/* ---- settings ------------------------------------------------------------------------------- */

static const char *find_value(const rd_kafka_ConfigResource_t *resource, const char *name)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) {
            return rd_kafka_ConfigEntry_value(entries[i]);
        }
    }
    return NULL;
}

/* -1 stands for no limit. */
static bool is_less(const char *value, const char *wanted)
{
    long long have = strtoll(value, NULL, 10);
    long long want = strtoll(wanted, NULL, 10);
    return have != -1 && (want == -1 || have < want);
}

static void check_setting(struct check *check, const struct troth_topics_setting *setting,
                          const rd_kafka_ConfigResource_t *resource)
{
    const char *value = find_value(resource, setting->name);
    if (value == NULL || setting->rule == TROTH_TOPICS_FREE ||
        (check->config->create_time && strcmp(setting->name, "message.timestamp.type") == 0)) {
        return;
    }
    bool exact = setting->rule == TROTH_TOPICS_EXACT;
    if (exact ? strcmp(value, setting->value) != 0 : is_less(value, setting->value)) {
        mend_setting(check,
                     report(check, setting->topic, !exact, "%s is %s; it %s be %s%s: %s",
                            setting->name, value, exact ? "must" : "should",
                            exact || strcmp(setting->value, "-1") == 0 ? "" : "at least ",
                            setting->value, setting->why),
                     setting->name, setting->value);
    }
}

/* acks=all waits for min.insync.replicas. */
static void check_replicas(struct check *check, enum troth_topic topic,
                           const rd_kafka_ConfigResource_t *resource)
{
    const char *value = find_value(resource, "min.insync.replicas");
    int32_t replicas = check->found[topic].replicas;
    long least = value == NULL ? 0 : strtol(value, NULL, 10);
    if (value == NULL || replicas == 0) {
        return;
    }
    if (least > replicas) {
        mend_setting(check,
                     report(check, topic, false,
                            "min.insync.replicas is %ld, more than its replicas (%" PRId32
                            "): no record can be written",
                            least, replicas),
                     "min.insync.replicas", replicas >= 3 ? "2" : "1");
    } else if (replicas >= 3 && least < 2) {
        mend_setting(check,
                     report(check, topic, true,
                            "min.insync.replicas is %ld with %" PRId32
                            " replicas: the loss of one broker can lose records",
                            least, replicas),
                     "min.insync.replicas", "2");
    }
}

static void check_resource(struct check *check, enum troth_topic topic,
                           const rd_kafka_ConfigResource_t *resource)
{
    rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resource);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct troth_topics_finding *finding =
            report(check, topic, true, "its settings cannot be read (%s), so they are not checked",
                   troth_kafka_explain(code));
        (void)snprintf(finding->command, sizeof(finding->command),
                       "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:NAME "
                       "--operation DescribeConfigs --topic %s",
                       check->servers, finding->topic);
        return;
    }
    size_t count;
    const struct troth_topics_setting *settings = troth_topics_settings(&count);
    for (size_t i = 0; i < count; i++) {
        if (settings[i].topic == topic) {
            check_setting(check, &settings[i], resource);
        }
    }
    check_replicas(check, topic, resource);
}

static void check_resources(struct check *check, rd_kafka_event_t *event)
{
    size_t count;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    check->report->settings_known = true;
    for (size_t i = 0; i < count; i++) {
        for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
            if (strcmp(rd_kafka_ConfigResource_name(resources[i]), check->names[t]) == 0) {
                check_resource(check, (enum troth_topic)t, resources[i]);
            }
        }
    }
}

/* A broker that cannot tell settings is an embedded one: it keeps its records' own time. */
static void check_unknown(struct check *check)
{
    if (!check->config->create_time) {
        (void)report(check, TROTH_TOPIC_TELEMETRY, false,
                     "this broker cannot tell how it stamps records (an embedded one?); set "
                     "`clock: create_time` to trust the emitters' time, in a sandbox alone");
    }
}

static troth_status check_settings(struct check *check, rd_kafka_t *client, char *error,
                                   size_t size)
{
    rd_kafka_ConfigResource_t *resources[TROTH_TOPIC_COUNT];
    size_t count = 0;
    for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
        if (check->found[t].partitions > 0) {
            resources[count++] =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, check->names[t]);
        }
    }
    if (count == 0) {
        return TROTH_OK;
    }
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    char reason[TROTH_KAFKA_ERROR_LENGTH];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, CHECK_TIMEOUT_MS, reason,
                                                    sizeof(reason));
    rd_kafka_DescribeConfigs(client, resources, count, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CHECK_TIMEOUT_MS);
    rd_kafka_resp_err_t code =
        event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    troth_status status = TROTH_OK;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        check_resources(check, event);
    } else if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) {
        check_unknown(check);
    } else {
        (void)snprintf(error, size, "the topics' settings cannot be read: %s",
                       troth_kafka_explain(code));
        status = troth_kafka_status(code);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    return status;
}

troth_status troth_topics_check(const struct troth_topics_config *config,
                                struct troth_topics_report *report_out, char *error, size_t size)
{
    rd_kafka_t *client = NULL;
    struct troth_kafka_words words;
    troth_kafka_words_init(&words);
    troth_status status = troth_topics_connect(config, &words, &client, error, size);
    if (status != TROTH_OK) {
        troth_kafka_words_fini(&words);
        return status;
    }
    struct check check = {
        .config = config,
        .report = report_out,
        .servers = troth_kafka_property_find(config->properties, "bootstrap.servers"),
    };
    report_out->count = 0;
    report_out->problems = 0;
    report_out->settings_known = false;
    for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
        troth_topics_name(config, (enum troth_topic)t, check.names[t]);
    }
    bool embedded = false;
    rd_kafka_resp_err_t code = read_counts(&check, client);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        status = troth_topics_silent(config, &words, code, error, size);
    } else {
        report_out->partitions = check.found[TROTH_TOPIC_TELEMETRY].partitions;
        check_counts(&check);
        /* The embedded broker would leave the question for its settings without an answer. */
        if (troth_kafka_is_embedded(client, CHECK_TIMEOUT_MS, &embedded) && embedded) {
            check_unknown(&check);
        } else {
            status = check_settings(&check, client, error, size);
        }
    }
    rd_kafka_destroy(client);
    troth_kafka_words_fini(&words);
    return status == TROTH_OK && report_out->problems > 0 ? TROTH_INVALID : status;
}
