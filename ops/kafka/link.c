#include "ops/kafka/link.h"

#include <stdio.h>
#include <string.h>

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
    troth_kafka_words_init(&link->words);
    rd_kafka_conf_t *conf = NULL;
    troth_status status =
        troth_kafka_conf_create(suggested, troth_kafka_link_properties(config, passed), needed,
                                &link->words.voice, &conf, error, TROTH_KAFKA_ERROR_LENGTH);
    if (status == TROTH_OK) {
        if (on_delivery != NULL) {
            rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        }
        link->client = troth_kafka_client_create(type, conf, error, TROTH_KAFKA_ERROR_LENGTH);
        status = link->client != NULL ? TROTH_OK : TROTH_INVALID;
    }
    if (status != TROTH_OK) {
        troth_kafka_words_fini(&link->words);
    }
    return status;
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
        troth_kafka_words_tell(&link->words, link->servers, code, error, TROTH_KAFKA_ERROR_LENGTH);
        return TROTH_UNREACHABLE;
    }
    troth_status status = TROTH_OK;
    if (topic != NULL && (metadata->topic_cnt != 1 || metadata->topics[0].partition_cnt == 0)) {
        const rd_kafka_resp_err_t why =
            metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        (void)snprintf(error, TROTH_KAFKA_ERROR_LENGTH, "topic %s: %s; see troth topics check",
                       topic, troth_kafka_explain(why));
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
    troth_kafka_words_fini(&link->words);
}
