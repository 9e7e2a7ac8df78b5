#include "ops/kafka/link.h"

#include <stdio.h>
#include <string.h>

/* From librdkafka's threads: why a broker is not reached is told by a log line alone. */
static void keep_words(void *context, int level, const char *text)
{
    struct troth_kafka_link *link = context;
    const int error = 3; /* syslog's number */
    if (level > error) {
        return;
    }
    pthread_mutex_lock(&link->lock);
    /* "kafka: [thrd:...]: ..." : whose thread it was helps nobody here. */
    const char *end = strstr(text, "]: ");
    (void)snprintf(link->words, sizeof link->words, "%s", end != NULL ? end + 3 : text);
    pthread_mutex_unlock(&link->lock);
}

struct troth_kafka_properties troth_kafka_link_properties(const struct troth_config *config,
                                                          struct troth_kafka_property *entries)
{
    for (uint32_t i = 0; i < config->kafka.count; i++) {
        entries[i] = (struct troth_kafka_property){.name = config->kafka.entries[i].name,
                                                   .value = config->kafka.entries[i].value};
    }
    return (struct troth_kafka_properties){entries, config->kafka.count};
}

troth_status troth_kafka_link_open(
    struct troth_kafka_link *link, const struct troth_config *config, rd_kafka_type_t type,
    struct troth_kafka_properties suggested, struct troth_kafka_properties needed,
    void (*on_delivery)(rd_kafka_t *, const rd_kafka_message_t *, void *), char *error)
{
    struct troth_kafka_property passed[TROTH_CONFIG_ENTRIES_MAX];
    memset(link, 0, sizeof *link);
    link->servers = troth_config_kafka(config, "bootstrap.servers");
    if (link->servers == NULL) {
        (void)snprintf(error, TROTH_KAFKA_ERROR_LENGTH,
                       "Kafka is not configured; give --bootstrap HOST:PORT, or set "
                       "kafka.bootstrap.servers in troth.yaml");
        return TROTH_INVALID;
    }
    link->voice = (struct troth_kafka_voice){.say = keep_words, .context = link};
    pthread_mutex_init(&link->lock, NULL);
    rd_kafka_conf_t *conf = NULL;
    troth_status status =
        troth_kafka_conf_create(suggested, troth_kafka_link_properties(config, passed), needed,
                                &link->voice, &conf, error, TROTH_KAFKA_ERROR_LENGTH);
    if (status == TROTH_OK) {
        if (on_delivery != NULL) {
            rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        }
        link->client = troth_kafka_client_create(type, conf, error, TROTH_KAFKA_ERROR_LENGTH);
        status = link->client != NULL ? TROTH_OK : TROTH_INVALID;
    }
    if (status != TROTH_OK) {
        pthread_mutex_destroy(&link->lock);
    }
    return status;
}

static troth_status unreachable(struct troth_kafka_link *link, rd_kafka_resp_err_t code,
                                char *error)
{
    pthread_mutex_lock(&link->lock);
    (void)snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "Kafka at %.150s does not answer: %.300s",
                   link->servers, link->words[0] != '\0' ? link->words : rd_kafka_err2str(code));
    pthread_mutex_unlock(&link->lock);
    return TROTH_UNREACHABLE;
}

troth_status troth_kafka_link_reach(struct troth_kafka_link *link, const char *topic,
                                    int64_t timeout_us, int32_t *partitions, char *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = topic != NULL ? rd_kafka_topic_new(link->client, topic, NULL) : NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(link->client, 0, handle, &metadata, troth_kafka_milliseconds(timeout_us));
    if (handle != NULL) {
        rd_kafka_topic_destroy(handle);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return unreachable(link, code, error);
    }
    troth_status status = TROTH_OK;
    if (topic != NULL && (metadata->topic_cnt != 1 || metadata->topics[0].partition_cnt == 0)) {
        const rd_kafka_resp_err_t why =
            metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        (void)snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "topic %s: %s; see troth topics check",
                       topic, rd_kafka_err2str(why));
        status = TROTH_NOT_FOUND;
    } else if (topic != NULL && partitions != NULL) {
        *partitions = metadata->topics[0].partition_cnt;
    }
    rd_kafka_metadata_destroy(metadata);
    return status;
}

void troth_kafka_link_close(struct troth_kafka_link *link)
{
    if (link->client == NULL) {
        return;
    }
    rd_kafka_destroy(link->client);
    link->client = NULL;
    pthread_mutex_destroy(&link->lock);
}
