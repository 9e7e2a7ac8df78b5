/*
 * The library `troth` in Redis: functions that routers call (ops/redis/route.lua, embedded).
 *
 * An engine loads it when it connects, where it is missing or older than its own. A later one
 * stays, so engines of two versions do not replace each other's; the same version with another text
 * is replaced. Nothing else depends on it: without it routers read the hashes themselves.
 *
 * Threads: any; the connection is the caller's. Memory: nothing is kept.
 */
#ifndef TROTH_OPS_REDIS_LIBRARY_H
#define TROTH_OPS_REDIS_LIBRARY_H

#include "ops/redis/connect.h"

/*
 * Makes sure that the library is there. In context: a blocking connection.
 * Returns TROTH_OK; or, with error: TROTH_UNREACHABLE, the connection is of no use any more;
 * TROTH_NOT_FOUND, the server has no functions, being older than Redis 7; TROTH_REFUSED, it said
 * no, as to a user without the right.
 */
TROTH_MUST_CHECK
troth_status troth_redis_library_load(const struct troth_redis_config *config,
                                      redisContext *context,
                                      char error[TROTH_REDIS_ERROR_LENGTH_MAX]);

/* The same; what is wrong and does not end the connection is said on the log, once in the life of
 * the program. Returns TROTH_OK or TROTH_UNREACHABLE, with error. */
TROTH_MUST_CHECK
troth_status troth_redis_library_offer(const struct troth_redis_config *config,
                                       redisContext *context,
                                       char error[TROTH_REDIS_ERROR_LENGTH_MAX]);

#endif
