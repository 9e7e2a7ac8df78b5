/*
 * A connection to Redis: address, time limit, password, database, and what a server must be.
 *
 * Threads: none shared. Memory: texts of a configuration are borrowed as long as it is used.
 */
#ifndef TROTH_OPS_REDIS_CONNECT_H
#define TROTH_OPS_REDIS_CONNECT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/config/config.h"
#include "schemas/status.h"

enum {
    TROTH_REDIS_ERROR_LENGTH_MAX = 512,
    TROTH_REDIS_LAYOUT_VERSION = 1, /* of keys and fields; schemas/redis.md */
    TROTH_REDIS_OLDEST_MAJOR = 6    /* of a server that will do; 7 is what we test with */
};

#define TROTH_REDIS_CONNECT_US INT64_C(100000) /* for connecting, and for each answer meanwhile */

struct troth_redis_config {
    const char *prefix;        /* keys are PREFIX:... */
    const char *address;       /* HOST:PORT, [IPV6]:PORT or unix:PATH */
    const char *user;          /* NULL or "": the default user */
    const char *password_file; /* NULL or "": no password; else its first line; read each time */
    bool tls;                  /* else plain */
    const char *ca_file;       /* of these three: see tls.h; NULL or "": none */
    const char *cert_file;
    const char *key_file;
    int database;          /* number */
    int64_t stream_length; /* entries that PREFIX:interventions keeps, about; 0: the default */
};

/* Returns what the configuration says of Redis; borrows its texts. */
struct troth_redis_config troth_redis_config_of(const struct troth_config *config);

/*
 * Connects, says who we are and chooses the database. The connection blocks, at most timeout_us a
 * call (a host's name may take the resolver longer).
 * Out context: the caller's to redisFree. Out error: on failure, what is wrong and what would mend
 * it; names the address, never the password.
 * Returns TROTH_OK, TROTH_UNREACHABLE, TROTH_REFUSED (user, password, database or a certificate) or
 * TROTH_NOT_FOUND (the password's file, or one of TLS).
 */
TROTH_MUST_CHECK
troth_status troth_redis_connect(const struct troth_redis_config *config, int64_t timeout_us,
                                 redisContext **context, char error[TROTH_REDIS_ERROR_LENGTH_MAX]);

/* Checks that the server is one that the layout works on: version, and not Redis Cluster. Returns
 * TROTH_OK, TROTH_UNREACHABLE or TROTH_REFUSED, with error. */
TROTH_MUST_CHECK
troth_status troth_redis_check(const struct troth_redis_config *config, redisContext *context,
                               char error[TROTH_REDIS_ERROR_LENGTH_MAX]);

#endif
