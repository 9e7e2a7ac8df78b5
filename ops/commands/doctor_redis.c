/* troth doctor, Redis: whether routers can trust what stands there. */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/commands/doctor_parts.h"
#include "ops/config/parse.h"
#include "ops/redis/connect.h"
#include "ops/redis/outages.h"

#define ANSWER_TIMEOUT_US INT64_C(3000000)
#define SKEW_TOLD_US      INT64_C(1000000) /* half of a second is common without any harm */

static const char area[] = "redis";

/* Returns the value of a line of INFO, cut at its end, in buffer; "" where it is not there. */
static const char *info_value(const char *info, const char *name, char *buffer, size_t capacity)
{
    buffer[0] = '\0';
    const char *at = strstr(info, name);
    if (at != NULL && at[strlen(name)] == ':') {
        at += strlen(name) + 1;
        snprintf(buffer, capacity, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
    return buffer;
}

static void look_at_info(struct troth_doctor *doctor, const char *info)
{
    char value[64];
    char limit[64];
    if (strcmp(info_value(info, "role", value, sizeof value), "slave") == 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area,
                          "point redis.address at the primary; it is told by INFO replication",
                          "this server is a replica, and the engine must write");
    }
    (void)info_value(info, "maxmemory", limit, sizeof limit);
    (void)info_value(info, "maxmemory_policy", value, sizeof value);
    if (strcmp(limit, "0") == 0 || limit[0] == '\0') {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL,
                          "no maxmemory, so nothing is evicted");
    } else if (strcmp(value, "noeviction") == 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL, "maxmemory %s bytes, noeviction",
                          limit);
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area,
                          "CONFIG SET maxmemory-policy noeviction",
                          "maxmemory-policy is %s: a narrowed agent's key can be evicted, and a "
                          "missing agent reads as unproven, not as paused",
                          value);
    }
}

static void look_at_clock(struct troth_doctor *doctor, redisContext *context)
{
    const struct troth_clock clock = troth_clock_system();
    const int64_t before_us = clock.wall_us(clock.context);
    redisReply *reply = redisCommand(context, "TIME");
    const int64_t after_us = clock.wall_us(clock.context);
    if (reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        const int64_t there_us = strtoll(reply->element[0]->str, NULL, 10) * 1000000 +
                                 strtoll(reply->element[1]->str, NULL, 10);
        const int64_t skew_us = there_us - (before_us + after_us) / 2;
        const int64_t size_us = skew_us < 0 ? -skew_us : skew_us;
        if (size_us > SKEW_TOLD_US) {
            troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, "clock",
                              "synchronize both clocks (chrony or NTP)",
                              "Redis' clock is %.1f s %s of this machine's; good_until and "
                              "offer_until are compared with a clock",
                              (double)size_us / 1e6, skew_us > 0 ? "ahead" : "behind");
        } else {
            troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, "clock", NULL,
                              "Redis' clock is within %.3f s of this machine's; it answers in "
                              "%" PRId64 " us",
                              (double)size_us / 1e6, after_us - before_us);
        }
    }
    freeReplyObject(reply);
}

/* Asks whether the user may do what the engine does. Redis 7 can tell without doing it. */
static void look_at_rights(struct troth_doctor *doctor, redisContext *context)
{
    /* What the engine sends (ops/redis/layout.c, redis/meta.c, redis/fence.c), each once. */
    static const char *const commands[][6] = {
        {"HSET", ":meta", "version", "1", NULL},
        {"HMGET", ":meta", "version", NULL},
        {"SMEMBERS", ":capabilities", NULL},
        {"SADD", ":capabilities", "a", NULL},
        {"DEL", ":agent:a", NULL},
        {"ZADD", ":route:c", "1", "a", NULL},
        {"ZREM", ":route:c", "a", NULL},
        {"XADD", ":interventions", "*", "a", "b", NULL},
        {"PUBLISH", ":narrowed", "a", NULL},
        {"SREM", ":rebuilding", "0", NULL},
        {"SCARD", ":rebuilding", NULL},
        {"WATCH", ":fence:0", NULL},
        {"GET", ":fence:0", NULL},
        {"SET", ":fence:0", "a", NULL},
        {"EXPIRE", ":fence:0", "1", NULL},
        {"PERSIST", ":fence:0", NULL},
        {"EXISTS", ":meta", NULL},
        {"EVAL", "", "0", NULL},
        {"MULTI", NULL},
        {"EXEC", NULL},
    };
    redisReply *user = redisCommand(context, "ACL WHOAMI");
    const bool known = user != NULL && user->type == REDIS_REPLY_STRING;
    char denied[1024] = "";
    size_t used = 0;
    unsigned answered = 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0] && known; i++) {
        char key[TROTH_CONFIG_PREFIX_LENGTH_MAX + 32];
        const char *arguments[10] = {"ACL", "DRYRUN", user->str, commands[i][0]};
        int count = 4;
        for (int a = 1; commands[i][a] != NULL; a++) {
            if (a == 1) {
                snprintf(key, sizeof key, "%s%s", doctor->config->prefix, commands[i][1]);
            }
            arguments[count++] = a == 1 ? key : commands[i][a];
        }
        redisReply *reply = redisCommandArgv(context, count, arguments, NULL);
        answered += reply != NULL && reply->type != REDIS_REPLY_ERROR;
        if (reply != NULL && reply->type == REDIS_REPLY_STRING && used < sizeof denied) {
            used += (size_t)snprintf(denied + used, sizeof denied - used, "%s%s%s%s",
                                     used > 0 ? ", " : "", commands[i][0], count > 4 ? " " : "",
                                     count > 4 ? key : "");
        }
        freeReplyObject(reply);
    }
    if (answered == 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL,
                          "rights were not checked: this server or user cannot run ACL DRYRUN");
    } else if (denied[0] != '\0') {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area,
                          "give the engine's user the rights of schemas/redis.md",
                          "user %s may not do what the engine does: %s", user->str, denied);
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL,
                          "user %s may write everything that the engine writes", user->str);
    }
    freeReplyObject(user);
}

/* What routers call: the engine loads it when it connects. */
static void look_at_library(struct troth_doctor *doctor, redisContext *context)
{
    redisReply *reply = redisCommand(context, "FUNCTION LIST LIBRARYNAME troth");
    if (reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL, "routers can call troth_route");
    } else if (reply != NULL && reply->type == REDIS_REPLY_ARRAY) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area,
                          "start trothd, whose user needs +function|list +function|load",
                          "the library troth is not loaded: routers cannot call troth_route");
    } else {
        troth_doctor_tell(
            doctor, TROTH_DIAGNOSIS_OK, area, NULL,
            "whether routers can call troth_route was not checked: this server has no "
            "functions, or this user may not list them");
    }
    freeReplyObject(reply);
}

static void look_at_meta(struct troth_doctor *doctor, redisContext *context)
{
    redisReply *reply =
        redisCommand(context, "HMGET %s:meta version rebuilding era", doctor->config->prefix);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_STRING) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area,
                          "start trothd; or is it another prefix or database?",
                          "no engine has published under %s: yet", doctor->config->prefix);
    } else if (reply->element[1]->type == REDIS_REPLY_STRING &&
               strcmp(reply->element[1]->str, "0") != 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, "wait; if it lasts, see trothd's log",
                          "the view is being rebuilt: agents that are missing are not yet told");
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL,
                          "the view under %s: is whole (layout %s, era %s)", doctor->config->prefix,
                          reply->element[0]->str,
                          reply->element[2]->type == REDIS_REPLY_STRING ? reply->element[2]->str
                                                                        : "?");
    }
    freeReplyObject(reply);
}

/* Whether what stands there rests on telemetry that still comes. */
static void look_at_outages(struct troth_doctor *doctor, redisContext *context)
{
    struct troth_redis_outage outages[TROTH_REDIS_OUTAGES_MAX];
    const struct troth_clock clock = troth_clock_system();
    const int64_t now_us = clock.wall_us(clock.context);
    const int count = troth_redis_outages(context, doctor->config->prefix, outages);
    if (count == 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, "telemetry", NULL,
                          "no contract's telemetry has stopped");
    }
    for (int i = 0; i < count; i++) {
        char text[TROTH_REDIS_OUTAGE_LENGTH_MAX];
        troth_redis_outage_text(&outages[i], now_us, text);
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, "telemetry",
                          "look at what sends the events of its agents; where that is as it should "
                          "be, they are idle",
                          "%s", text);
    }
}

void troth_doctor_redis(struct troth_doctor *doctor)
{
    const struct troth_redis_config config = troth_redis_config_of(doctor->config);
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
    redisContext *context = NULL;
    if (troth_redis_connect(&config, ANSWER_TIMEOUT_US, &context, error) != TROTH_OK) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area,
                          "start Redis (here: ops/local/redis start), or set redis.address, "
                          "redis.user and redis.password_file",
                          "%s", error);
        return;
    }
    if (troth_redis_check(&config, context, error) != TROTH_OK) {
        troth_doctor_tell(
            doctor, TROTH_DIAGNOSIS_FAIL, area,
            "use Redis 7, one server, and a user with the engine's rights of schemas/redis.md",
            "%s", error);
        redisFree(context);
        return;
    }
    redisReply *info = redisCommand(context, "INFO");
    if (info != NULL && info->type == REDIS_REPLY_STRING) {
        char version[64];
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL, "Redis %s at %s answers",
                          info_value(info->str, "redis_version", version, sizeof version),
                          config.address);
        look_at_info(doctor, info->str);
    }
    freeReplyObject(info);
    look_at_rights(doctor, context);
    look_at_clock(doctor, context);
    look_at_library(doctor, context);
    look_at_meta(doctor, context);
    look_at_outages(doctor, context);
    redisFree(context);
}
