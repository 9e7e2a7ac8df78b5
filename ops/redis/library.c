#include "ops/redis/library.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/lua.h"
#include "ops/message.h"

/* Returns the version that a library's text says it has; 0: none. */
static long version_of(const char *code)
{
    static const char line[] = "\nlocal VERSION = ";
    const char *at = strstr(code, line);
    return at != NULL ? strtol(at + sizeof line - 1, NULL, 10) : 0;
}

/* Returns the text in the answer to FUNCTION LIST, of one library; NULL: it is not there. */
static const char *code_in(const redisReply *list)
{
    if (list->type != REDIS_REPLY_ARRAY || list->elements == 0) {
        return NULL;
    }
    const redisReply *library = list->element[0];
    for (size_t i = 0; i + 1 < library->elements; i += 2) {
        const redisReply *name = library->element[i];
        const redisReply *value = library->element[i + 1];
        if (name->type == REDIS_REPLY_STRING && strcmp(name->str, "library_code") == 0 &&
            value->type == REDIS_REPLY_STRING) {
            return value->str;
        }
    }
    return NULL;
}

static troth_status judge(const struct troth_redis_config *config, const redisContext *context,
                          const redisReply *reply, char *error)
{
    if (reply == NULL) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "Redis at %s: no answer to FUNCTION: %s",
                 config->address, context->errstr);
        return TROTH_UNREACHABLE;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
        return TROTH_OK;
    }
    if (strstr(reply->str, "unknown command") != NULL) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                 "Redis at %s has no functions, so routers cannot call troth_route and must read "
                 "the hashes themselves; Redis 7.0 or later has them",
                 config->address);
        return TROTH_NOT_FOUND;
    }
    snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
             "Redis at %s does not let the library troth be loaded, which routers call "
             "(troth_route): %s; give the user +function|list +function|load, or load "
             "ops/redis/route.lua by hand",
             config->address, reply->str);
    return TROTH_REFUSED;
}

troth_status troth_redis_library_load(const struct troth_redis_config *config,
                                      redisContext *context,
                                      char error[TROTH_REDIS_ERROR_LENGTH_MAX])
{
    redisReply *list = redisCommand(context, "FUNCTION LIST LIBRARYNAME troth WITHCODE");
    troth_status status = judge(config, context, list, error);
    const char *there = status == TROTH_OK ? code_in(list) : NULL;
    const bool wanted = there == NULL || (strcmp(there, troth_lua_route) != 0 &&
                                          version_of(there) <= version_of(troth_lua_route));
    freeReplyObject(list);
    if (status != TROTH_OK || !wanted) {
        return status;
    }
    redisReply *reply =
        redisCommand(context, "FUNCTION LOAD REPLACE %b", troth_lua_route, troth_lua_route_length);
    status = judge(config, context, reply, error);
    freeReplyObject(reply);
    return status;
}

troth_status troth_redis_library_offer(const struct troth_redis_config *config,
                                       redisContext *context,
                                       char error[TROTH_REDIS_ERROR_LENGTH_MAX])
{
    static atomic_flag told = ATOMIC_FLAG_INIT; /* each worker comes here at each connection */
    const troth_status status = troth_redis_library_load(config, context, error);
    if (status == TROTH_UNREACHABLE) {
        return status;
    }
    if (status != TROTH_OK && !atomic_flag_test_and_set(&told)) {
        troth_message_warn("%s", error);
    }
    error[0] = '\0';
    return TROTH_OK;
}
