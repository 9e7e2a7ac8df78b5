/*
 * What every client of Kafka in Troth shares: properties, messages for people, and statuses.
 *
 * Properties come in three layers, a later one wins: what we suggest, what the user passes through
 * from the configuration, and what Troth's promises need. A user's value that contradicts the last
 * is refused by name, not silently replaced.
 *
 * Threads: pure functions over the caller's memory. What librdkafka logs comes from its own
 * threads. Memory: names and values are borrowed for the call.
 */
#ifndef TROTH_CONSUMERS_KAFKA_CLIENT_H
#define TROTH_CONSUMERS_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/log.h"
#include "schemas/status.h"

enum {
    TROTH_KAFKA_ERROR_LENGTH = 512, /* bytes of an error's text, terminator included */
    TROTH_KAFKA_NAME_LENGTH = 250   /* bytes of a topic's name: Kafka's 249 and a terminator */
};

/* A librdkafka property, as "bootstrap.servers". */
struct troth_kafka_property {
    const char *name;
    const char *value;
};

struct troth_kafka_properties {
    const struct troth_kafka_property *entries;
    size_t count;
};

/* Where lines for people go. In level: syslog's number (3 error, 4 warning, 6 info, 7 debug). May
 * be called from librdkafka's threads; a NULL function is silence. */
struct troth_kafka_voice {
    void (*say)(void *context, int level, const char *text);
    void *context;
};

/*
 * Makes a librdkafka configuration. Its opaque is set to `voice`, so a module whose callbacks need
 * more puts the voice first in its own structure.
 * In suggested, passed, needed: see above. In voice: borrowed while the client lives.
 * Out conf: the caller's, until rd_kafka_new takes it.
 * Out error: at most size bytes, always terminated when the call fails.
 * Returns TROTH_OK, TROTH_INVALID (a property is unknown, wrong, contradicts us, or
 * bootstrap.servers is missing) or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_kafka_conf_create(struct troth_kafka_properties suggested,
                                     struct troth_kafka_properties passed,
                                     struct troth_kafka_properties needed,
                                     struct troth_kafka_voice *voice, rd_kafka_conf_t **conf,
                                     char *error, size_t size);

/* Makes a client. In conf: taken in any case. Returns NULL and says why in error. */
rd_kafka_t *troth_kafka_client_create(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *error,
                                      size_t size);

/* Returns the value of a property that was passed, or NULL. */
const char *troth_kafka_property_find(struct troth_kafka_properties properties, const char *name);

/* Out embedded: whether the broker is librdkafka's mock cluster, which tells no settings and drops
 * what it cannot keep. Returns false when no broker has answered in time. */
bool troth_kafka_is_embedded(rd_kafka_t *client, int timeout_ms, bool *embedded);

/* Out low, high: the first offset that a partition keeps, and one past the last (with
 * read_committed: past the last that is stable). Waits at most timeout_ms for each, which
 * rd_kafka_query_watermark_offsets of 2.0.2 does not: with its broker down it never returns. */
rd_kafka_resp_err_t troth_kafka_watermarks(rd_kafka_t *client, const char *topic, int32_t partition,
                                           int timeout_ms, int64_t *low, int64_t *high);

/* Returns what an error of librdkafka means to us. */
troth_status troth_kafka_status(rd_kafka_resp_err_t error);

/* Returns what an error of librdkafka says; where it is one of rights or of security, what would
 * mend it. The text is a constant. */
const char *troth_kafka_explain(rd_kafka_resp_err_t error);

/* The same, where the broker or the client has said more; returns words where we know no better. */
const char *troth_kafka_explain_or(rd_kafka_resp_err_t error, const char *words);

/* Says a line, printf-like, and nothing where there is no voice. */
__attribute__((format(printf, 3, 4))) void troth_kafka_say(const struct troth_kafka_voice *voice,
                                                           int level, const char *format, ...);

/* Returns microseconds on a clock that never goes back. */
int64_t troth_kafka_monotonic_us(void);

/* Returns whole milliseconds to wait, rounded up; 0..INT_MAX. */
int troth_kafka_milliseconds(int64_t us);

/* Reads the headers of that name of a message. Out headers: at most capacity; they live as long as
 * the message. Returns how many there are. */
size_t troth_kafka_headers(const rd_kafka_message_t *message, const char *name,
                           struct troth_log_header *headers, size_t capacity);

#endif
