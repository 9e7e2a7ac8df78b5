#include "ops/kafka/property.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "ops/config/parse.h"

/* Properties on which the promise of delivery rests, so that a pass-through must not set them. */
static const struct {
    const char *name;
    const char *instead;
} reserved[] = {
    {"group.id", "set `group` instead"},
    {"group.instance.id", "set `instance` instead"},
    {"partitioner", "set `partitioner` at the top level instead"},
    {"enable.auto.commit", "the engine commits only what it has published; see `commit`"},
    {"enable.auto.offset.store", "the engine stores offsets itself; see `commit`"},
    {"partition.assignment.strategy", "the engine needs `range`, so that it is always that"},
    {"transactional.id", "the engine names its producers itself"},
};

bool troth_kafka_property_is_secret(const char *name)
{
    static const char *const endings[] = {"password", "secret", ".key.pem", "oauthbearer.config"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (length >= ending && strcmp(name + length - ending, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Returns the librdkafka property nearest to what was written, or NULL. The result is copied to
 * buffer. */
static const char *nearest_property(rd_kafka_conf_t *conf, const char *name, char *buffer,
                                    size_t capacity)
{
    size_t count = 0;
    const char **names = rd_kafka_conf_dump(conf, &count);
    struct troth_nearest nearest = troth_nearest_start(name);
    for (size_t i = 0; i + 1 < count; i += 2) {
        troth_nearest_offer(&nearest, names[i]);
    }
    /* Properties without a default are not dumped, but are those that are set most. */
    static const char *const more[] = {
        "bootstrap.servers", "sasl.mechanism",  "sasl.username",
        "sasl.password",     "ssl.ca.location", "debug",
        "ssl.key.location",  "client.rack",     "ssl.certificate.location"};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        troth_nearest_offer(&nearest, more[i]);
    }
    if (nearest.best != NULL) {
        snprintf(buffer, capacity, "%s", nearest.best);
    }
    rd_kafka_conf_dump_free(names, count);
    return nearest.best != NULL ? buffer : NULL;
}

troth_status troth_kafka_property_check(const char *name, const char *value, char *reason,
                                        size_t capacity)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (strcmp(reserved[i].name, name) == 0) {
            snprintf(reason, capacity, "is not passed through: %s", reserved[i].instead);
            return TROTH_INVALID;
        }
    }
    char text[256] = "";
    char near[128];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, text, sizeof text);
    if (result == RD_KAFKA_CONF_UNKNOWN) {
        const char *best = nearest_property(conf, name, near, sizeof near);
        snprintf(reason, capacity, "librdkafka has no such property%s%s%s",
                 best != NULL ? "; did you mean " : "", best != NULL ? best : "",
                 best != NULL ? "?" : "");
    } else if (result == RD_KAFKA_CONF_INVALID) {
        snprintf(reason, capacity, "%s",
                 troth_kafka_property_is_secret(name) ? "librdkafka refuses the value" : text);
    }
    rd_kafka_conf_destroy(conf);
    return result == RD_KAFKA_CONF_OK ? TROTH_OK : TROTH_INVALID;
}
