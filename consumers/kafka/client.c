#include "consumers/kafka/client.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *troth_kafka_property_find(struct troth_kafka_properties properties, const char *name)
{
    for (size_t i = 0; i < properties.count; i++) {
        if (strcmp(properties.entries[i].name, name) == 0) {
            return properties.entries[i].value;
        }
    }
    return NULL;
}

void troth_kafka_say(const struct troth_kafka_voice *voice, int level, const char *format, ...)
{
    if (voice->say == NULL) {
        return;
    }
    char text[TROTH_KAFKA_ERROR_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    voice->say(voice->context, level, text);
}

/* CONFWARN tells that a producer does not know a consumer's property and the reverse: one map of
 * properties serves both on purpose. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    const struct troth_kafka_voice *voice = rd_kafka_opaque(client);
    if (voice == NULL || strcmp(facility, "CONFWARN") == 0) {
        return;
    }
    troth_kafka_say(voice, level, "kafka: %s", text);
}

static troth_status set_all(rd_kafka_conf_t *conf, struct troth_kafka_properties properties,
                            char *error, size_t size)
{
    for (size_t i = 0; i < properties.count; i++) {
        char reason[TROTH_KAFKA_ERROR_LENGTH] = "";
        const struct troth_kafka_property *property = &properties.entries[i];
        if (rd_kafka_conf_set(conf, property->name, property->value, reason, sizeof(reason)) !=
            RD_KAFKA_CONF_OK) {
            (void)snprintf(error, size, "kafka.%s: %s", property->name, reason);
            return TROTH_INVALID;
        }
    }
    return TROTH_OK;
}

/* A user may repeat what we need, and may not say otherwise. */
static troth_status check_passed(struct troth_kafka_properties passed,
                                 struct troth_kafka_properties needed, char *error, size_t size)
{
    for (size_t i = 0; i < passed.count; i++) {
        const struct troth_kafka_property *property = &passed.entries[i];
        const char *value = troth_kafka_property_find(needed, property->name);
        if (value != NULL && strcmp(value, property->value) != 0) {
            (void)snprintf(error, size,
                           "kafka.%s: Troth sets this to %s; take it out of the configuration",
                           property->name, value);
            return TROTH_INVALID;
        }
    }
    if (troth_kafka_property_find(passed, "bootstrap.servers") == NULL) {
        (void)snprintf(error, size,
                       "kafka.bootstrap.servers is not set; it names the brokers, as "
                       "host:9092,host:9092");
        return TROTH_INVALID;
    }
    return TROTH_OK;
}

troth_status troth_kafka_conf_create(struct troth_kafka_properties suggested,
                                     struct troth_kafka_properties passed,
                                     struct troth_kafka_properties needed,
                                     struct troth_kafka_voice *voice, rd_kafka_conf_t **conf,
                                     char *error, size_t size)
{
    troth_status status = check_passed(passed, needed, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_conf_t *made = rd_kafka_conf_new();
    if (made == NULL) {
        (void)snprintf(error, size, "no memory for a Kafka configuration");
        return TROTH_NO_MEMORY;
    }
    rd_kafka_conf_set_opaque(made, voice);
    rd_kafka_conf_set_log_cb(made, on_log);
    status = set_all(made, suggested, error, size);
    if (status == TROTH_OK) {
        status = set_all(made, passed, error, size);
    }
    if (status == TROTH_OK) {
        status = set_all(made, needed, error, size);
    }
    if (status != TROTH_OK) {
        rd_kafka_conf_destroy(made);
        return status;
    }
    *conf = made;
    return TROTH_OK;
}

rd_kafka_t *troth_kafka_client_create(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *error,
                                      size_t size)
{
    char reason[TROTH_KAFKA_ERROR_LENGTH] = "";
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (client == NULL) {
        (void)snprintf(error, size, "the Kafka client does not start: %s", reason);
        rd_kafka_conf_destroy(conf); /* taken by rd_kafka_new only where it succeeds */
    }
    return client;
}

bool troth_kafka_is_embedded(rd_kafka_t *client, int timeout_ms, bool *embedded)
{
    static const char id[] = "mockCluster"; /* and a number */
    char *cluster = rd_kafka_clusterid(client, timeout_ms);
    if (cluster == NULL) {
        return false;
    }
    *embedded = strncmp(cluster, id, sizeof(id) - 1) == 0;
    rd_kafka_mem_free(client, cluster);
    return true;
}

/* In which: RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END, which stand for times. */
static rd_kafka_resp_err_t query_offset(rd_kafka_t *client, const char *topic, int32_t partition,
                                        int64_t which, int timeout_ms, int64_t *offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *element = rd_kafka_topic_partition_list_add(list, topic, partition);
    element->offset = which;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = element->err;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *offset = element->offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

rd_kafka_resp_err_t troth_kafka_watermarks(rd_kafka_t *client, const char *topic, int32_t partition,
                                           int timeout_ms, int64_t *low, int64_t *high)
{
    rd_kafka_resp_err_t code =
        query_offset(client, topic, partition, RD_KAFKA_OFFSET_BEGINNING, timeout_ms, low);
    return code != RD_KAFKA_RESP_ERR_NO_ERROR
               ? code
               : query_offset(client, topic, partition, RD_KAFKA_OFFSET_END, timeout_ms, high);
}

troth_status troth_kafka_status(rd_kafka_resp_err_t error)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return TROTH_OK;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: /* of a topic that is new, or moves */
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
        return TROTH_TIMED_OUT;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
        return TROTH_UNREACHABLE;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: /* fenced, in an older broker's words */
        return TROTH_FENCED;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return TROTH_NOT_FOUND;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return TROTH_FULL;
    default:
        return TROTH_REFUSED;
    }
}

const char *troth_kafka_explain_or(rd_kafka_resp_err_t error, const char *words)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "this user has no right to the topic; kafka-acls.sh gives it, with the commands of "
               "ops/ACCESS.md for its role";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return "this user has no right to the consumer group; kafka-acls.sh gives it, with the "
               "commands of ops/ACCESS.md for its role";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return "this user has no right to the transactional id; kafka-acls.sh gives it, with the "
               "engine's commands of ops/ACCESS.md";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return "this user has no right to the cluster; an administrator has, or who was given it "
               "with the commands of ops/ACCESS.md";
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return "the user or the password is wrong; set kafka.sasl.username and kafka.sasl.password";
    case RD_KAFKA_RESP_ERR__SSL:
        return "TLS failed; kafka.ssl.ca.location must name the authority of the brokers' "
               "certificate, and kafka.bootstrap.servers a name that stands in it";
    default:
        return words;
    }
}

const char *troth_kafka_explain(rd_kafka_resp_err_t error)
{
    return troth_kafka_explain_or(error, rd_kafka_err2str(error));
}

int64_t troth_kafka_monotonic_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int troth_kafka_milliseconds(int64_t us)
{
    if (us <= 0) {
        return 0;
    }
    int64_t ms = us / 1000 + (us % 1000 != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
