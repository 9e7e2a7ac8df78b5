#include "ops/redis/meta.h"

#include <stdio.h>
#include <stdlib.h>

#include "ops/redis/resp.h"

enum { COMMAND_LENGTH_MAX = 4096 };

/* Asks one thing. Out reply: the caller's to free. */
static troth_status ask(const struct troth_redis_config *config, redisContext *context,
                        const struct troth_resp *command, redisReply **reply, char *error)
{
    void *answer = NULL;
    if (redisAppendFormattedCommand(context, command->data, command->length) != REDIS_OK ||
        redisGetReply(context, &answer) != REDIS_OK) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "Redis at %s: no answer: %s", config->address,
                 context->errstr);
        return TROTH_UNREACHABLE;
    }
    *reply = answer;
    if ((*reply)->type != REDIS_REPLY_ERROR) {
        return TROTH_OK;
    }
    snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "Redis at %s answered: %s", config->address,
             (*reply)->str);
    freeReplyObject(*reply);
    return TROTH_REFUSED;
}

static void begin_with_key(struct troth_resp *command, const char *name, const char *prefix,
                           const char *key)
{
    const struct troth_text parts[] = {troth_text_of(prefix), troth_text_of(":"),
                                       troth_text_of(key)};
    troth_resp_begin(command, name);
    troth_resp_joined(command, parts, 3);
}

static troth_status check_version(const struct troth_redis_config *config, redisContext *context,
                                  struct troth_resp *command, char *error)
{
    begin_with_key(command, "HMGET", config->prefix, "meta");
    troth_resp_string(command, "version");
    troth_resp_end(command);
    redisReply *reply = NULL;
    troth_status status = ask(config, context, command, &reply, error);
    if (status != TROTH_OK) {
        return status;
    }
    const bool found = reply->elements == 1 && reply->element[0]->type == REDIS_REPLY_STRING;
    if (found && strtol(reply->element[0]->str, NULL, 10) > TROTH_REDIS_LAYOUT_VERSION) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                 "Redis at %s holds layout %s of a later Troth under %s:, and this one writes "
                 "layout %d; use another prefix or database",
                 config->address, reply->element[0]->str, config->prefix,
                 TROTH_REDIS_LAYOUT_VERSION);
        status = TROTH_REFUSED;
    }
    freeReplyObject(reply);
    return status;
}

static troth_status read_capabilities(const struct troth_redis_config *config,
                                      redisContext *context, struct troth_resp *command,
                                      struct troth_routes *routes, char *error)
{
    begin_with_key(command, "SMEMBERS", config->prefix, "capabilities");
    troth_resp_end(command);
    redisReply *reply = NULL;
    const troth_status status = ask(config, context, command, &reply, error);
    if (status == TROTH_OK) {
        for (size_t i = 0; i < reply->elements; i++) {
            (void)troth_routes_add(routes, reply->element[i]->str);
        }
        freeReplyObject(reply);
    }
    return status;
}

troth_status troth_redis_meta_begin(const struct troth_redis_config *config, redisContext *context,
                                    struct troth_routes *routes,
                                    char error[TROTH_REDIS_ERROR_LENGTH_MAX])
{
    const struct troth_resp_mark start = {.length = 0, .commands = 0};
    struct troth_resp command;
    troth_resp_init(&command, COMMAND_LENGTH_MAX);
    troth_status status = check_version(config, context, &command, error);
    troth_resp_rollback(&command, start);
    if (status == TROTH_OK) {
        status = read_capabilities(config, context, &command, routes, error);
    }
    troth_resp_fini(&command);
    return status;
}
