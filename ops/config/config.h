/*
 * Configuration: the one set of parameters that trothd and troth share.
 *
 * Every parameter is one row of the table in ops/config/parameters.c: key, type, default, limits
 * and help. The row feeds the file's reader, the environment, the flags, --help, --print-config and
 * the documented example, so they cannot disagree. A later source wins, value by value:
 *
 *     default < file (YAML) < environment (TROTH_REDIS_ADDRESS) < flag (--redis-address=...)
 *
 * `kafka` is a map of librdkafka properties that is passed through unread; `schemas` maps the
 * schema ids of the Confluent wire format to .avsc files.
 *
 * Memory: a configuration owns its texts; they live until troth_config_fini and never move.
 * Threads: read-only once loaded, so all threads may share it.
 */
#ifndef TROTH_OPS_CONFIG_CONFIG_H
#define TROTH_OPS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "consumers/avro/framing.h"
#include "consumers/partitioner.h"
#include "schemas/status.h"

enum {
    TROTH_CONFIG_PARAMETERS_MAX = 64,
    TROTH_CONFIG_ENTRIES_MAX = 64,        /* entries of one map */
    TROTH_CONFIG_PREFIX_LENGTH_MAX = 48,  /* bytes; so topic names and Redis keys have a bound */
    TROTH_CONFIG_TEXT_LENGTH_MAX = 8192,  /* bytes of any value; a PEM chain fits */
    TROTH_CONFIG_FILE_LENGTH_MAX = 262144 /* bytes of the file */
};

/* Where a record's time comes from: X(NAME, "name in configuration"). */
#define TROTH_CONFIG_CLOCKS(X)                                                                     \
    X(LOG_APPEND_TIME, "log_append_time")                                                          \
    X(CREATE_TIME, "create_time")

#define TROTH_ENUMERATE_CLOCK(NAME, text) TROTH_CONFIG_CLOCK_##NAME,

enum troth_config_clock { TROTH_CONFIG_CLOCKS(TROTH_ENUMERATE_CLOCK) TROTH_CONFIG_CLOCK_COUNT };

#undef TROTH_ENUMERATE_CLOCK

/* What a crash leaves of what was being told: X(NAME, "name in configuration"). */
#define TROTH_CONFIG_DELIVERIES(X)                                                                 \
    X(EXACTLY_ONCE, "exactly_once")                                                                \
    X(AT_LEAST_ONCE, "at_least_once")

#define TROTH_ENUMERATE_DELIVERY(NAME, text) TROTH_CONFIG_##NAME,

enum troth_config_delivery { TROTH_CONFIG_DELIVERIES(TROTH_ENUMERATE_DELIVERY) };

#undef TROTH_ENUMERATE_DELIVERY

/* Whether a connection is secured: X(NAME, "name in configuration"). */
#define TROTH_CONFIG_TLS(X)                                                                        \
    X(OFF, "off")                                                                                  \
    X(ON, "on")

#define TROTH_ENUMERATE_TLS(NAME, text) TROTH_CONFIG_TLS_##NAME,

enum troth_config_tls { TROTH_CONFIG_TLS(TROTH_ENUMERATE_TLS) };

#undef TROTH_ENUMERATE_TLS

/* Which records of people must be signed: X(NAME, "name in configuration"). */
#define TROTH_CONFIG_SIGNATURES(X)                                                                 \
    X(OFF, "off")                                                                                  \
    X(CONTRACTS, "contracts")                                                                      \
    X(DECISIONS, "decisions")                                                                      \
    X(ALL, "all")

#define TROTH_ENUMERATE_SIGNATURES(NAME, text) TROTH_SIGNATURES_##NAME,

enum troth_config_signatures { TROTH_CONFIG_SIGNATURES(TROTH_ENUMERATE_SIGNATURES) };

#undef TROTH_ENUMERATE_SIGNATURES

enum troth_config_source {
    TROTH_CONFIG_DEFAULT,
    TROTH_CONFIG_FILE,
    TROTH_CONFIG_ENVIRONMENT,
    TROTH_CONFIG_FLAG
};

/* One entry of a map parameter. */
struct troth_config_entry {
    char *name;
    char *value;
    enum troth_config_source source;
};

/* Entries in the order in which they were first named; names are unique. */
struct troth_config_map {
    uint32_t count;
    struct troth_config_entry entries[TROTH_CONFIG_ENTRIES_MAX];
};

struct troth_config {
    char *prefix; /* topics are PREFIX.telemetry and so on, Redis keys PREFIX:... */
    struct troth_config_map kafka; /* librdkafka properties, passed through */
    int64_t era;                   /* of the log */
    char *group;                   /* consumer group; default: the prefix */
    char *instance;                /* names this process in the group; default: the host's name */
    int64_t workers;               /* threads, each a member of the group; 1..64 */
    int64_t clock;                 /* enum troth_config_clock */
    int64_t topics_partitions;     /* of telemetry and standings, where topics are created */
    int64_t topics_replication;    /* replicas, where topics are created */
    int64_t partitioner;           /* enum troth_partitioner */
    int64_t framing;               /* enum troth_framing_kind */
    struct troth_config_map
        schemas;                 /* Confluent schema id -> path of an .avsc file, or `embedded` */
    char *redis_address;         /* HOST:PORT, [IPV6]:PORT or unix:PATH */
    char *redis_user;            /* "" : the default user */
    char *redis_password_file;   /* "" : no password; else the file's first line is it */
    int64_t redis_tls;           /* enum troth_config_tls */
    char *redis_ca_file;         /* "" : whom the system trusts */
    char *redis_cert_file;       /* "" : none is shown */
    char *redis_key_file;        /* "" : in the certificate's file */
    int64_t redis_database;      /* number */
    int64_t redis_stream_length; /* entries of PREFIX:interventions that are kept, about */
    char *http;                  /* where metrics are served: HOST:PORT, [IPV6]:PORT, or off */
    int64_t publish_us;          /* scores are coalesced this long */
    int64_t dead_band;           /* points of score that are not worth a write */
    int64_t max_narrowed;        /* percent of a contract's standings that make an outage */
    int64_t guard_for_us;    /* how long agents are guarded then; 0: outages are not looked for */
    int64_t delivery;        /* enum troth_config_delivery */
    int64_t commit_us;       /* offsets are committed this often */
    int64_t checkpoint_us;   /* standings that changed are written this often; 0: never */
    int64_t tick_us;         /* a silent partition gets a tick after this long */
    int64_t agents_max;      /* per partition */
    int64_t standings_max;   /* per partition */
    int64_t max_ahead_us;    /* by how much an event's time may pass its record's */
    int64_t drain_us;        /* how long the end may publish */
    int64_t evict_after_us;  /* agents with nothing on record go after so long; 0: never */
    char *alertmanager_urls; /* "": nobody is alerted; else separated by commas */
    char *alertmanager_authorization_file; /* "": none; else its first line is the header's value */
    char *alertmanager_link;               /* template of an alert's link; "": none */
    int64_t alertmanager_resend_us;        /* what lasts is sent again this often */
    int64_t alertmanager_limit;            /* agents of a contract that are told of one by one */

    int64_t signatures_require;  /* enum troth_config_signatures */
    char *signatures_since;      /* "": from ever; else a time of the log */
    char *signatures_trust_file; /* "": none */
    char *signatures_key_file;   /* "": commands sign by --key alone */

    char *file; /* the file that was read, or NULL where there was none */
    enum troth_config_source sources[TROTH_CONFIG_PARAMETERS_MAX]; /* by row of the table */
};

/* What the command line said, in its order. Borrowed. */
struct troth_config_flag {
    const char *name; /* without the dashes, as redis-address, kafka or bootstrap */
    const char *value;
};

struct troth_config_request {
    const char *file; /* --config, or NULL: TROTH_CONFIG, else ./troth.yaml where it exists */
    const struct troth_config_flag *flags;
    size_t flag_count;
    char **environment; /* NULL-terminated NAME=VALUE, as environ; NULL: none */
};

/*
 * Loads a configuration from all sources and checks it.
 * In request: see above; borrowed for the call.
 * Out config: overwritten; hold nothing in it before. To be given to troth_config_fini, also after
 * a failure.
 * Returns TROTH_OK, TROTH_NOT_FOUND (the named file cannot be read) or TROTH_INVALID; what is wrong
 * and what would be right has then been told on stderr, every problem on a line of its own.
 */
TROTH_MUST_CHECK
troth_status troth_config_load(struct troth_config *config,
                               const struct troth_config_request *request);

/* Frees what a configuration owns. In config: loaded, or all bytes zero. */
void troth_config_fini(struct troth_config *config);

/* Returns whether --NAME is a flag of the configuration; dashes, underscores and dots are alike. */
bool troth_config_is_flag(const char *name, size_t length);

/* Prints the effective configuration, each value with its source. In json: one object on one
 * line, else YAML that can be read back, secrets apart: they are masked. */
void troth_config_print(const struct troth_config *config, FILE *out, bool json);

/* Prints the flags with their help, for --help. */
void troth_config_print_flags(FILE *out);

/* Prints the documented example file: every parameter, commented out, with its default. */
void troth_config_print_example(FILE *out);

/* Returns the value of a librdkafka property as configured, or NULL. In name: as
 * "bootstrap.servers". */
const char *troth_config_kafka(const struct troth_config *config, const char *name);

/* Returns the full name of a topic. In suffix: as "telemetry". Out buffer: at least
 * TROTH_CONFIG_PREFIX_LENGTH_MAX + 32 bytes; it is what is returned. */
const char *troth_config_topic(const struct troth_config *config, const char *suffix, char *buffer,
                               size_t capacity);

/* Reads the Redis password. Out password: allocated and terminated, the caller frees it; NULL where
 * none is configured. Returns TROTH_OK, or TROTH_NOT_FOUND when the file cannot be read or is empty
 * (told on stderr). */
TROTH_MUST_CHECK
troth_status troth_config_redis_password(const struct troth_config *config, char **password);

/* The same of what the Authorization header of alerts says. */
TROTH_MUST_CHECK
troth_status troth_config_alertmanager_authorization(const struct troth_config *config,
                                                     char **authorization);

/* Returns the value of a parameter as written in configuration. */
const char *troth_config_clock_name(const struct troth_config *config);
const char *troth_config_partitioner_name(const struct troth_config *config);

/*
 * Compiles the writers' schemas that `schemas` maps ids to, for the framings that are accepted.
 * Out framing: allocated, the caller frees it. Out error: at most size bytes: which entry is wrong
 * and what would be right.
 * Returns TROTH_OK, TROTH_NOT_FOUND (a file cannot be read), TROTH_INVALID, TROTH_OVER_LIMIT or
 * TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_config_framing_open(const struct troth_config *config,
                                       struct troth_framing **framing, char *error, size_t size);

#endif
