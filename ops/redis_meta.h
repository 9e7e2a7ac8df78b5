/*
 * PREFIX:meta, which says what the keys are: version of the layout, era of the log, and whether the
 * view is being rebuilt; and what a writer must know of a Redis before it writes.
 *
 * Threads: none shared. Memory: nothing is kept.
 */
#ifndef TROTH_OPS_REDIS_META_H
#define TROTH_OPS_REDIS_META_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/redis_connect.h"
#include "ops/redis_routes.h"
#include "ops/resp.h"

/*
 * Begins to write to a Redis: refuses one with a later layout, writes PREFIX:meta, and learns which
 * capabilities have a set.
 * In context: a blocking connection. Out rebuilding: the view was found empty, or being rebuilt by
 * somebody who may be gone; it is the caller's to say when it is whole again. Out routes: added to.
 * Returns TROTH_OK, TROTH_UNREACHABLE or TROTH_REFUSED, with error.
 */
TROTH_MUST_CHECK
troth_status troth_redis_meta_begin(const struct troth_redis_config *config, redisContext *context,
                                    int64_t era, bool *rebuilding, struct troth_routes *routes,
                                    char error[TROTH_REDIS_ERROR_LENGTH_MAX]);

/* Writes the command that says that the view is whole. */
void troth_redis_write_rebuilt(struct troth_resp *resp, const char *prefix);

#endif
