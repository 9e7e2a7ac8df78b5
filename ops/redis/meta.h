/*
 * What a writer must know of a Redis before it writes: the version of the layout in PREFIX:meta,
 * and what sets there are.
 *
 * Threads: none shared. Memory: nothing is kept.
 */
#ifndef TROTH_OPS_REDIS_META_H
#define TROTH_OPS_REDIS_META_H

#include "ops/redis/connect.h"
#include "ops/redis/routes.h"

/*
 * Begins to write to a Redis: refuses one with a later layout, and learns which capabilities have a
 * set. PREFIX:meta itself is written when a partition is owned (ops/redis/fence.h).
 * In context: a blocking connection. Out routes: added to.
 * Returns TROTH_OK, TROTH_UNREACHABLE or TROTH_REFUSED, with error.
 */
TROTH_MUST_CHECK
troth_status troth_redis_meta_begin(const struct troth_redis_config *config, redisContext *context,
                                    struct troth_routes *routes,
                                    char error[TROTH_REDIS_ERROR_LENGTH_MAX]);

#endif
