#include "ops/redis/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGENT_FIELDS = 9 };

static struct troth_text text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING
               ? (struct troth_text){.data = reply->str, .length = (uint32_t)reply->len}
               : (struct troth_text){0};
}

static int64_t integer_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
}

static bool take_agent(const redisReply *item, struct troth_route_agent *agent)
{
    if (item->type != REDIS_REPLY_ARRAY || item->elements != AGENT_FIELDS ||
        item->element[0]->type != REDIS_REPLY_STRING) {
        return false;
    }
    redisReply *const *field = item->element;
    *agent = (struct troth_route_agent){
        .agent = text_of(field[0]),
        .score = integer_of(field[1]),
        .rung = text_of(field[2]),
        .traffic = field[3]->type == REDIS_REPLY_STRING ? strtod(field[3]->str, NULL) : 0,
        .capabilities = text_of(field[4]),
        .max_cost_micros = integer_of(field[5]),
        .good_until_us = integer_of(field[6]),
        .offer_until_us = integer_of(field[7]),
        .guarded = integer_of(field[8]) != 0};
    return true;
}

static int64_t count_in(const redisReply *counts, const char *name)
{
    for (size_t i = 0; i + 1 < counts->elements; i += 2) {
        if (counts->element[i]->type == REDIS_REPLY_STRING &&
            strcmp(counts->element[i]->str, name) == 0) {
            return counts->element[i + 1]->integer;
        }
    }
    return 0;
}

troth_status troth_route_answer_take(redisReply *reply, struct troth_route_answer *answer)
{
    struct troth_route_answer taken = {.reply = reply};
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_ARRAY ||
        reply->element[1]->type != REDIS_REPLY_ARRAY ||
        reply->element[0]->elements > TROTH_ROUTE_COUNT_MAX) {
        return TROTH_INVALID;
    }
    const redisReply *agents = reply->element[0];
    const redisReply *counts = reply->element[1];
    while (taken.count < agents->elements) {
        if (!take_agent(agents->element[taken.count], &taken.agents[taken.count])) {
            return TROTH_INVALID;
        }
        taken.count++;
    }
    taken.listed = count_in(counts, "listed");
    taken.reads = count_in(counts, "reads");
    taken.unproven = count_in(counts, "unproven");
    taken.expired = count_in(counts, "expired");
    taken.unfit = count_in(counts, "unfit");
    taken.held_back = count_in(counts, "held_back");
    taken.exploring = count_in(counts, "exploring") != 0;
    *answer = taken;
    return TROTH_OK;
}

void troth_route_answer_free(struct troth_route_answer *answer)
{
    freeReplyObject(answer->reply);
    *answer = (struct troth_route_answer){0};
}

static void add_option(struct troth_resp *command, const char *name, const char *value)
{
    if (value != NULL) {
        troth_resp_string(command, name);
        troth_resp_string(command, value);
    }
}

/* Says what would mend it where the function could not be called. */
static troth_status explain(struct troth_redis_reader *reader)
{
    const char *address = reader->config.address;
    if (strstr(reader->error, "Function not found") != NULL) {
        snprintf(
            reader->error, sizeof reader->error,
            "the library troth is not loaded in Redis at %s; trothd loads it when it connects, "
            "if its user may (schemas/redis.md); by hand: redis-cli -x FUNCTION LOAD REPLACE < "
            "ops/redis/route.lua",
            address);
        return TROTH_REFUSED;
    }
    if (strstr(reader->error, "unknown command") != NULL) {
        snprintf(reader->error, sizeof reader->error,
                 "Redis at %s has no functions, so there is no troth_route; use Redis 7.0 or later",
                 address);
        return TROTH_REFUSED;
    }
    return strstr(reader->error, "answered: ERR troth_route: ") != NULL ? TROTH_INVALID
           : strstr(reader->error, "answered: ") != NULL                ? TROTH_REFUSED
                                                                        : TROTH_UNREACHABLE;
}

troth_status troth_redis_route(struct troth_redis_reader *reader,
                               const struct troth_route_question *question,
                               struct troth_route_answer *answer)
{
    struct troth_resp *command = &reader->command;
    *answer = (struct troth_route_answer){0};
    troth_redis_reader_begin(reader, "FCALL_RO");
    troth_resp_string(command, "troth_route");
    troth_resp_integer(command, 1);
    troth_redis_reader_key(reader, "route", troth_text_of(question->capability), NULL);
    troth_resp_integer(command, question->count);
    troth_resp_string(command, question->random);
    add_option(command, "CONTRACT", question->contract);
    add_option(command, "CONSEQUENCE", question->consequence);
    add_option(command, "COST", question->cost);
    add_option(command, "EXPLORE", question->explore);
    troth_resp_string(command, "COUNTS");
    troth_redis_reader_ask(reader);
    redisReply *reply = troth_redis_reader_answer(reader);
    if (reply == NULL) {
        return explain(reader);
    }
    const troth_status status = troth_route_answer_take(reply, answer);
    if (status != TROTH_OK) {
        freeReplyObject(reply);
        snprintf(reader->error, sizeof reader->error,
                 "troth_route in Redis at %s answers what this `troth` does not know; use one of "
                 "the engine's version",
                 reader->config.address);
        return TROTH_REFUSED;
    }
    return TROTH_OK;
}
