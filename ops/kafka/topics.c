#include "ops/kafka/topics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "schemas/assert.h"

enum {
    REACH_TIMEOUT_MS = 10000,
    CREATE_TIMEOUT_MS = 20000,
    SETTLE_TIMEOUT_MS = 20000,
    ASK_AGAIN_MS = 100
};

/* Times: telemetry must outlive every window and deadline (days), or a restart could not read a
 * shard again; decisions are read from their first record by every worker, so they stay. */
static const struct troth_topics_setting settings[] = {
    {TROTH_TOPIC_TELEMETRY, TROTH_TOPICS_EXACT, "message.timestamp.type", "LogAppendTime",
     "the log's time is a shard's only clock; an emitter must not set it"},
    {TROTH_TOPIC_TELEMETRY, TROTH_TOPICS_EXACT, "cleanup.policy", "delete",
     "compaction would drop evidence"},
    {TROTH_TOPIC_TELEMETRY, TROTH_TOPICS_AT_LEAST, "retention.ms", "1209600000",
     "a shard is read again from it, and must find its windows and deadlines"},
    {TROTH_TOPIC_DECISIONS, TROTH_TOPICS_EXACT, "cleanup.policy", "delete",
     "compaction would drop decisions"},
    {TROTH_TOPIC_DECISIONS, TROTH_TOPICS_EXACT, "message.timestamp.type", "LogAppendTime",
     "a decision is taken where telemetry points to it, which must be after the log took it"},
    {TROTH_TOPIC_DECISIONS, TROTH_TOPICS_AT_LEAST, "retention.ms", "-1",
     "every worker reads all decisions"},
    {TROTH_TOPIC_DECISIONS, TROTH_TOPICS_AT_LEAST, "retention.bytes", "-1",
     "every worker reads all decisions"},
    {TROTH_TOPIC_CONTRACTS, TROTH_TOPICS_EXACT, "cleanup.policy", "compact",
     "deletion by age would take contracts out of force"},
    {TROTH_TOPIC_CONTRACTS, TROTH_TOPICS_EXACT, "message.timestamp.type", "LogAppendTime",
     "a version takes effect where telemetry points to it, which must be after the log took it"},
    {TROTH_TOPIC_CONTRACTS, TROTH_TOPICS_AT_LEAST, "min.compaction.lag.ms", "9223372036854775807",
     "a replay must find what was in force at each time, so it should outlive all telemetry"},
    {TROTH_TOPIC_STANDINGS, TROTH_TOPICS_EXACT, "cleanup.policy", "compact",
     "deletion by age would forget standings"},
    {TROTH_TOPIC_STANDINGS, TROTH_TOPICS_FREE, "segment.bytes", "67108864", ""},
    {TROTH_TOPIC_INTERVENTIONS, TROTH_TOPICS_EXACT, "cleanup.policy", "delete",
     "compaction would drop interventions"},
    {TROTH_TOPIC_INTERVENTIONS, TROTH_TOPICS_FREE, "retention.ms", "31536000000", ""},
    {TROTH_TOPIC_REJECTS, TROTH_TOPICS_EXACT, "cleanup.policy", "delete",
     "compaction would drop rejected records"},
    {TROTH_TOPIC_REJECTS, TROTH_TOPICS_FREE, "retention.ms", "1209600000", ""},
};

const struct troth_topics_setting *troth_topics_settings(size_t *count)
{
    *count = sizeof(settings) / sizeof(settings[0]);
    return settings;
}

bool troth_topics_is_single(enum troth_topic topic)
{
    return topic == TROTH_TOPIC_DECISIONS || topic == TROTH_TOPIC_CONTRACTS;
}

void troth_topics_name(const struct troth_topics_config *config, enum troth_topic topic, char *name)
{
    int length =
        snprintf(name, TROTH_KAFKA_NAME_LENGTH, "%s.%s", config->prefix, troth_topic_name(topic));
    TROTH_ASSERT(length > 0 && length < TROTH_KAFKA_NAME_LENGTH); /* configuration bounds prefix */
}

troth_status troth_topics_connect(const struct troth_topics_config *config,
                                  struct troth_kafka_words *words, rd_kafka_t **client, char *error,
                                  size_t size)
{
    static const struct troth_kafka_property suggested[] = {{"client.id", "troth"}};
    static const struct troth_kafka_property needed[] = {{"allow.auto.create.topics", "false"}};
    rd_kafka_conf_t *conf;
    troth_status status = troth_kafka_conf_create(
        (struct troth_kafka_properties){suggested, 1}, config->properties,
        (struct troth_kafka_properties){needed, 1}, &words->voice, &conf, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    *client = troth_kafka_client_create(RD_KAFKA_PRODUCER, conf, error, size);
    return *client == NULL ? TROTH_INVALID : TROTH_OK;
}

troth_status troth_topics_silent(const struct troth_topics_config *config,
                                 struct troth_kafka_words *words, rd_kafka_resp_err_t code,
                                 char *error, size_t size)
{
    troth_kafka_words_tell(words,
                           troth_kafka_property_find(config->properties, "bootstrap.servers"), code,
                           error, size);
    return TROTH_UNREACHABLE;
}

static bool set(rd_kafka_NewTopic_t *topic, const char *name, const char *value)
{
    return rd_kafka_NewTopic_set_config(topic, name, value) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_NewTopic_t *describe(const struct troth_topics_config *config,
                                     enum troth_topic topic, char *error, size_t size)
{
    char name[TROTH_KAFKA_NAME_LENGTH];
    troth_topics_name(config, topic, name);
    int32_t partitions = troth_topics_is_single(topic) ? 1 : config->partitions;
    rd_kafka_NewTopic_t *made =
        rd_kafka_NewTopic_new(name, partitions, config->replication, error, size);
    if (made == NULL) {
        return NULL;
    }
    bool done = set(made, "unclean.leader.election.enable", "false") &&
                set(made, "min.insync.replicas", config->replication >= 3 ? "2" : "1");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        bool skip =
            settings[i].topic != topic ||
            (config->create_time && strcmp(settings[i].name, "message.timestamp.type") == 0);
        /* By its emitters' time, a record of long ago would be past any age when it is sent. */
        const bool kept = config->create_time && topic == TROTH_TOPIC_TELEMETRY &&
                          strcmp(settings[i].name, "retention.ms") == 0;
        done = done && (skip || set(made, settings[i].name, kept ? "-1" : settings[i].value));
    }
    if (!done) {
        (void)snprintf(error, size, "no memory to describe %s", name);
        rd_kafka_NewTopic_destroy(made);
        return NULL;
    }
    return made;
}

/* Returns TROTH_REFUSED where a topic was not made. */
static troth_status read_outcome(rd_kafka_event_t *event,
                                 struct troth_topics_made made[TROTH_TOPIC_COUNT], char *error,
                                 size_t size)
{
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    troth_status status = TROTH_OK;
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_topic_result_name(results[i]);
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
            if (strcmp(made[t].topic, name) != 0) {
                continue;
            }
            if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
                made[t].outcome = TROTH_TOPICS_CREATED;
            } else if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
                made[t].outcome = TROTH_TOPICS_EXISTS;
            } else {
                const char *reason = rd_kafka_topic_result_error_string(results[i]);
                (void)snprintf(made[t].reason, sizeof(made[t].reason), "%s",
                               reason == NULL ? troth_kafka_explain(code)
                                              : troth_kafka_explain_or(code, reason));
                (void)snprintf(error, size, "%s could not be made: %s", name, made[t].reason);
                status = TROTH_REFUSED;
            }
        }
    }
    return status;
}

static troth_status request(const struct troth_topics_config *config,
                            struct troth_kafka_words *words, rd_kafka_t *client,
                            rd_kafka_NewTopic_t **topics,
                            struct troth_topics_made made[TROTH_TOPIC_COUNT], char *error,
                            size_t size)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    char reason[TROTH_KAFKA_ERROR_LENGTH];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, CREATE_TIMEOUT_MS, reason,
                                                    sizeof(reason));
    /* The controller answers when the topics are known everywhere, or after this long. */
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, SETTLE_TIMEOUT_MS, reason,
                                                      sizeof(reason));
    rd_kafka_CreateTopics(client, topics, TROTH_TOPIC_COUNT, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CREATE_TIMEOUT_MS + SETTLE_TIMEOUT_MS);
    rd_kafka_resp_err_t code =
        event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    troth_status status;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        status = read_outcome(event, made, error, size);
    } else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT) {
        status = troth_topics_silent(config, words, code, error, size);
    } else {
        (void)snprintf(error, size, "the broker refused: %s",
                       troth_kafka_explain_or(code, rd_kafka_event_error_string(event)));
        status = TROTH_REFUSED;
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return status;
}

/* Whether the broker's metadata shows a topic with its partitions. */
static bool is_shown(const struct rd_kafka_metadata *metadata, const char *name)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, name) == 0) {
            return metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                   metadata->topics[i].partition_cnt > 0;
        }
    }
    return false;
}

/* The controller answers before every broker's own metadata has the topics: waits until it does, or
 * for SETTLE_TIMEOUT_MS; the check that follows tells what is still missing. */
static void await_metadata(rd_kafka_t *client,
                           const struct troth_topics_made made[TROTH_TOPIC_COUNT])
{
    rd_kafka_queue_t *nothing = rd_kafka_queue_new(client);
    bool all = false;
    for (int waited_ms = 0; !all && waited_ms < SETTLE_TIMEOUT_MS; waited_ms += ASK_AGAIN_MS) {
        const struct rd_kafka_metadata *metadata = NULL;
        if (rd_kafka_metadata(client, 1, NULL, &metadata, REACH_TIMEOUT_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            all = true;
            for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
                all = all && is_shown(metadata, made[t].topic);
            }
            rd_kafka_metadata_destroy(metadata);
        }
        if (!all) {
            rd_kafka_event_destroy(rd_kafka_queue_poll(nothing, ASK_AGAIN_MS)); /* a pause */
        }
    }
    rd_kafka_queue_destroy(nothing);
}

troth_status troth_topics_create(const struct troth_topics_config *config,
                                 struct troth_topics_made made[TROTH_TOPIC_COUNT], char *error,
                                 size_t size)
{
    rd_kafka_NewTopic_t *topics[TROTH_TOPIC_COUNT] = {NULL};
    rd_kafka_t *client = NULL;
    struct troth_kafka_words words;
    troth_kafka_words_init(&words);
    troth_status status = troth_topics_connect(config, &words, &client, error, size);
    for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
        made[t] = (struct troth_topics_made){.outcome = TROTH_TOPICS_FAILED};
        troth_topics_name(config, (enum troth_topic)t, made[t].topic);
        if (status == TROTH_OK) {
            topics[t] = describe(config, (enum troth_topic)t, error, size);
            status = topics[t] == NULL ? TROTH_INVALID : TROTH_OK;
        }
    }
    bool embedded = false;
    if (status == TROTH_OK && !troth_kafka_is_embedded(client, REACH_TIMEOUT_MS, &embedded)) {
        status = troth_topics_silent(config, &words, RD_KAFKA_RESP_ERR__TIMED_OUT, error, size);
    }
    if (status == TROTH_OK && embedded) {
        (void)snprintf(error, size,
                       "this is an embedded broker, which has made its topics itself and makes no "
                       "others");
        status = TROTH_REFUSED;
    }
    if (status == TROTH_OK) {
        status = request(config, &words, client, topics, made, error, size);
    }
    if (status == TROTH_OK) {
        await_metadata(client, made);
    }
    for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
        if (topics[t] != NULL) {
            rd_kafka_NewTopic_destroy(topics[t]);
        }
    }
    if (client != NULL) {
        rd_kafka_destroy(client);
    }
    troth_kafka_words_fini(&words);
    return status;
}
