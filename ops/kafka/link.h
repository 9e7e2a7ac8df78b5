/*
 * A connection of a command to Kafka: a client made from the configuration, and the words in which
 * it says why it does not get through.
 *
 * Threads: one; librdkafka's own threads leave their last words under a lock.
 * Memory: the caller owns the link, which must not move while it is open.
 */
#ifndef TROTH_OPS_KAFKA_LINK_H
#define TROTH_OPS_KAFKA_LINK_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/kafka/client.h"
#include "ops/config/config.h"
#include "ops/kafka/words.h"
#include "schemas/status.h"

struct troth_kafka_link {
    struct troth_kafka_words words; /* first: librdkafka's opaque points here */
    rd_kafka_t *client;             /* NULL: closed */
    const char *servers;            /* as configured */
};

/* Gets `kafka` of the configuration as the clients take it. Out entries: room for
 * TROTH_CONFIG_ENTRIES_MAX; its texts are the configuration's. */
struct troth_kafka_properties troth_kafka_link_properties(const struct troth_config *config,
                                                          struct troth_kafka_property *entries);

/*
 * Makes a client; nothing is sent yet.
 * In suggested, needed: as for troth_kafka_conf_create. In on_delivery: of a producer, or NULL; its
 * opaque is the link.
 * Out error: at least TROTH_KAFKA_ERROR_LENGTH bytes: what is wrong and what would be right.
 * Returns as troth_kafka_conf_create; where it is not TROTH_OK the link is closed.
 */
TROTH_MUST_CHECK
troth_status troth_kafka_link_open(
    struct troth_kafka_link *link, const struct troth_config *config, rd_kafka_type_t type,
    struct troth_kafka_properties suggested, struct troth_kafka_properties needed,
    void (*on_delivery)(rd_kafka_t *, const rd_kafka_message_t *, void *), char *error);

/*
 * Asks the brokers about a topic (NULL: about themselves alone) and waits for the answer.
 * Out partitions: of the topic; may be NULL.
 * Returns TROTH_OK, TROTH_NOT_FOUND (no such topic) or TROTH_UNREACHABLE; with error.
 */
TROTH_MUST_CHECK
troth_status troth_kafka_link_reach(struct troth_kafka_link *link, const char *topic,
                                    int64_t timeout_us, int32_t *partitions, char *error);

/* Closes it. In link: open, closed, or all bytes zero. */
void troth_kafka_link_close(struct troth_kafka_link *link);

#endif
