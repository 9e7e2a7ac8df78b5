/*
 * The six topics: making them, and checking that what is there keeps the promises made on them.
 *
 * What a topic must be is one table (topics.c); create writes it and check reads it, so they cannot
 * disagree. A problem breaks a promise, and trothd does not start on it; a warning only weakens
 * one. Each comes with the command that mends it.
 *
 * Threads: one caller at a time. Memory: results are the caller's, of fixed size.
 */
#ifndef TROTH_OPS_KAFKA_TOPICS_H
#define TROTH_OPS_KAFKA_TOPICS_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/kafka/client.h"
#include "consumers/log.h"
#include "ops/kafka/words.h"

enum {
    TROTH_TOPICS_FINDINGS_MAX = 48, /* 6 topics, at most 8 findings each */
    TROTH_TOPICS_TEXT_LENGTH = 320,
    TROTH_TOPICS_COMMAND_LENGTH = 512
};

struct troth_topics_config {
    struct troth_kafka_properties properties; /* passed through; must hold bootstrap.servers */
    const char *prefix;                       /* of the topics, as "troth" */
    int32_t partitions;                       /* create: of all but decisions and contracts; >= 1 */
    int32_t replication;                      /* create: replicas; >= 1 */
    int32_t recorded_partitions; /* check: telemetry's count as first recorded; 0: not known */
    bool create_time;            /* telemetry may bear its emitters' time */
};

/* What became of one topic. */
enum troth_topics_outcome { TROTH_TOPICS_CREATED, TROTH_TOPICS_EXISTS, TROTH_TOPICS_FAILED };

struct troth_topics_made {
    char topic[TROTH_KAFKA_NAME_LENGTH];
    enum troth_topics_outcome outcome;
    char reason[TROTH_TOPICS_TEXT_LENGTH]; /* of a failure */
};

struct troth_topics_finding {
    char topic[TROTH_KAFKA_NAME_LENGTH];       /* full name */
    bool is_warning;                           /* else it breaks a promise */
    char text[TROTH_TOPICS_TEXT_LENGTH];       /* what is wrong, and what would be right */
    char command[TROTH_TOPICS_COMMAND_LENGTH]; /* that mends it; "" where no command can */
};

struct troth_topics_report {
    size_t count;
    size_t problems;     /* of them, not warnings */
    int32_t partitions;  /* of telemetry; 0: there is none */
    bool settings_known; /* false: the broker cannot tell them (an embedded one) */
    struct troth_topics_finding findings[TROTH_TOPICS_FINDINGS_MAX];
};

/*
 * Creates the topics that are missing; leaves those that exist as they are.
 * Out made: one entry a topic, in the order of enum troth_topic.
 * Out error: what failed, for people; at most size bytes.
 * Returns TROTH_OK when all exist afterwards; TROTH_REFUSED when one could not be made (see made);
 * TROTH_UNREACHABLE, TROTH_TIMED_OUT or TROTH_INVALID (a property). Waits at most 40 s.
 */
TROTH_MUST_CHECK
troth_status troth_topics_create(const struct troth_topics_config *config,
                                 struct troth_topics_made made[TROTH_TOPIC_COUNT], char *error,
                                 size_t size);

/*
 * Checks the topics. Where the broker has no call that tells settings (the embedded one), only
 * counts are checked, and `create_time` must be true.
 * Out report: valid when TROTH_OK or TROTH_INVALID is returned.
 * Returns TROTH_OK (perhaps with warnings), TROTH_INVALID when a promise is broken, or
 * TROTH_UNREACHABLE, TROTH_TIMED_OUT, TROTH_REFUSED: with `error`, nothing is known. Waits at most
 * 20 s.
 */
TROTH_MUST_CHECK
troth_status troth_topics_check(const struct troth_topics_config *config,
                                struct troth_topics_report *report, char *error, size_t size);

/* ---- from the configuration ------------------------------------------------------------------ */

struct troth_config;

/* Gets what create and check need. Out entries: room for TROTH_CONFIG_ENTRIES_MAX; its texts, and
 * the result's, are the configuration's. */
struct troth_topics_config troth_topics_config_of(const struct troth_config *config,
                                                  struct troth_kafka_property *entries);

/* Checks, and tells what was found on stderr, each finding with the command that mends it.
 * Out report: allocated, the caller frees it; NULL where nothing is known. May be NULL itself.
 * Returns whether the topics keep their promises: whether the engine may start on them. */
bool troth_topics_check_config(const struct troth_config *config,
                               struct troth_topics_report **report);

/* ---- what create and check share ------------------------------------------------------------ */

/* How a check judges a setting's value. */
enum troth_topics_rule {
    TROTH_TOPICS_EXACT,    /* another value breaks a promise */
    TROTH_TOPICS_AT_LEAST, /* less (and not -1) is worth a warning */
    TROTH_TOPICS_FREE      /* create sets it; anything is right */
};

struct troth_topics_setting {
    enum troth_topic topic;
    enum troth_topics_rule rule;
    const char *name;
    const char *value;
    const char *why; /* completes "KEY is VALUE; it must be VALUE: ..." */
};

/* Out count. Returns the table. */
const struct troth_topics_setting *troth_topics_settings(size_t *count);

/* Whether a topic has one partition by design. */
bool troth_topics_is_single(enum troth_topic topic);

/* Out name: at least TROTH_KAFKA_NAME_LENGTH bytes. */
void troth_topics_name(const struct troth_topics_config *config, enum troth_topic topic,
                       char *name);

/* Opens a client for administration. In words: borrowed while the client lives. Returns as
 * troth_kafka_conf_create. */
TROTH_MUST_CHECK
troth_status troth_topics_connect(const struct troth_topics_config *config,
                                  struct troth_kafka_words *words, rd_kafka_t **client, char *error,
                                  size_t size);

/* Says that a broker does not answer, why, and what to do. Returns the status for it. */
troth_status troth_topics_silent(const struct troth_topics_config *config,
                                 struct troth_kafka_words *words, rd_kafka_resp_err_t code,
                                 char *error, size_t size);

#endif
