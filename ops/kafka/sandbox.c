#include "ops/kafka/sandbox.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumers/kafka/client.h"
#include "consumers/log.h"
#include "schemas/assert.h"

struct troth_sandbox {
    rd_kafka_t *host; /* librdkafka hangs a cluster on a client; this one connects to nothing */
    rd_kafka_mock_cluster_t *cluster;
};

static troth_status create_topics(struct troth_sandbox *sandbox, const char *prefix,
                                  int32_t partitions, char *error, size_t size)
{
    for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
        char name[TROTH_KAFKA_NAME_LENGTH];
        bool single = t == TROTH_TOPIC_DECISIONS || t == TROTH_TOPIC_CONTRACTS;
        (void)snprintf(name, sizeof(name), "%s.%s", prefix, troth_topic_name((enum troth_topic)t));
        rd_kafka_resp_err_t code =
            rd_kafka_mock_topic_create(sandbox->cluster, name, single ? 1 : partitions, 1);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            (void)snprintf(error, size, "topic %s: %s", name, troth_kafka_explain(code));
            return TROTH_REFUSED;
        }
    }
    return TROTH_OK;
}

troth_status troth_sandbox_open(const char *prefix, int32_t partitions,
                                struct troth_sandbox **sandbox, char *error, size_t size)
{
    TROTH_ASSERT(partitions >= 1 && partitions <= TROTH_SANDBOX_PARTITIONS_MAX);
    struct troth_sandbox *made = calloc(1, sizeof(*made));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (made == NULL || conf == NULL) {
        free(made);
        (void)snprintf(error, size, "no memory for an embedded broker");
        return TROTH_NO_MEMORY;
    }
    rd_kafka_conf_set_log_cb(conf, NULL); /* it would complain that it has no broker */
    made->host = troth_kafka_client_create(RD_KAFKA_PRODUCER, conf, error, size);
    if (made->host == NULL) {
        free(made);
        return TROTH_REFUSED;
    }
    made->cluster = rd_kafka_mock_cluster_new(made->host, 1);
    troth_status status = TROTH_REFUSED;
    if (made->cluster == NULL) {
        (void)snprintf(error, size, "the embedded broker does not start");
    } else {
        status = create_topics(made, prefix, partitions, error, size);
    }
    if (status != TROTH_OK) {
        troth_sandbox_close(made);
        return status;
    }
    *sandbox = made;
    return TROTH_OK;
}

const char *troth_sandbox_bootstrap(const struct troth_sandbox *sandbox)
{
    return rd_kafka_mock_cluster_bootstraps(sandbox->cluster);
}

void troth_sandbox_close(struct troth_sandbox *sandbox)
{
    if (sandbox == NULL) {
        return;
    }
    if (sandbox->cluster != NULL) {
        rd_kafka_mock_cluster_destroy(sandbox->cluster);
    }
    rd_kafka_destroy(sandbox->host);
    free(sandbox);
}
