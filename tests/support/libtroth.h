/*
 * What tests of libtroth share: agents in the private Redis of tests/support/redis.h, written as an
 * engine lays them out, a clock that is given, and waiting for what must come.
 *
 * Threads: those that write use one connection, `pipe`; the clock may be read from any.
 */
#ifndef TROTH_TESTS_SUPPORT_LIBTROTH_H
#define TROTH_TESTS_SUPPORT_LIBTROTH_H

#include "tests/support/redis.h"

#include <stdatomic.h>

#include "ops/libtroth/troth.h"

#define MINUTE_US INT64_C(60000000)

/* ---- agents ---- */

/* An agent's hash. Texts, as hostile ones are wanted too. */
struct agent_row {
    const char *name;
    size_t length; /* 0: terminated */
    const char *score;
    const char *rung;
    const char *traffic;
    const char *capabilities;
    const char *max_cost;
    const char *good_until;
    const char *offer_until;
    const char *guarded;
    const char *narrow_traffic;
    const char *narrow_capabilities;
    const char *narrow_max_cost;
    const char *contracts;
    const char *consequence;
};

/* A clear agent that holds for 10 minutes and may be offered for 20. */
static inline struct agent_row clear_agent(const char *name)
{
    return (struct agent_row){.name = name,
                              .score = "960",
                              .rung = "clear",
                              .traffic = "1",
                              .capabilities = "refund,quote",
                              .max_cost = "-1",
                              .good_until = "1790000600000000",
                              .offer_until = "1790001200000000",
                              .guarded = "0",
                              .narrow_traffic = "0.25",
                              .narrow_capabilities = "refund",
                              .narrow_max_cost = "500",
                              .contracts = "refunds",
                              .consequence = "medium"};
}

static redisContext *pipe_to; /* a connection to write on */
static unsigned piped;        /* commands that are not answered yet */

static inline void pipe_open(void)
{
    pipe_to = redisConnectUnix(address + 5);
    assert_int_equal(pipe_to->err, 0);
}

static inline void pipe_close(void)
{
    redisFree(pipe_to);
    pipe_to = NULL;
}

static inline void pipe_settle(void)
{
    for (; piped > 0; piped--) {
        redisReply *reply = NULL;
        assert_int_equal(redisGetReply(pipe_to, (void **)&reply), REDIS_OK);
        if (reply->type == REDIS_REPLY_ERROR) {
            fail_msg("%s", reply->str);
        }
        freeReplyObject(reply);
    }
}

static inline void pipe_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    assert_int_equal(redisvAppendCommand(pipe_to, format, arguments), REDIS_OK);
    va_end(arguments);
    if (++piped == 1000) {
        pipe_settle();
    }
}

/* Adds the hash to the pipe; a field that is NULL is left out. */
static inline void pipe_hash(const struct agent_row *row)
{
    const size_t length = row->length > 0 ? row->length : strlen(row->name);
    const char *const fields[][2] = {{"score", row->score},
                                     {"rung", row->rung},
                                     {"traffic", row->traffic},
                                     {"capabilities", row->capabilities},
                                     {"max_cost_micros", row->max_cost},
                                     {"good_until", row->good_until},
                                     {"offer_until", row->offer_until},
                                     {"guarded", row->guarded},
                                     {"narrow_traffic", row->narrow_traffic},
                                     {"narrow_capabilities", row->narrow_capabilities},
                                     {"narrow_max_cost_micros", row->narrow_max_cost},
                                     {"contracts", row->contracts},
                                     {"consequence", row->consequence}};
    char key[512];
    const int head = snprintf(key, sizeof key, "troth:agent:");
    memcpy(key + head, row->name, length);
    const char *words[2 + 2 * 13] = {"HSET", key};
    size_t lengths[2 + 2 * 13] = {4, (size_t)head + length};
    int count = 2;
    for (unsigned i = 0; i < 13; i++) {
        if (fields[i][1] != NULL) {
            for (unsigned k = 0; k < 2; k++, count++) {
                words[count] = fields[i][k];
                lengths[count] = strlen(fields[i][k]);
            }
        }
    }
    assert_int_equal(redisAppendCommandArgv(pipe_to, count, words, lengths), REDIS_OK);
    piped++;
}

/* Adds an agent for `refund`: hash and places. */
static inline void pipe_agent(const struct agent_row *row)
{
    const size_t length = row->length > 0 ? row->length : strlen(row->name);
    pipe_hash(row);
    pipe_say("ZADD troth:route:refund %s %b", row->score, row->name, length);
    if (strcmp(row->rung, "recertify") == 0) {
        pipe_say("ZADD troth:probation:refund 0 %b", row->name, length);
    }
}

/* Empties Redis, and says that a whole view stands there. */
static inline void begin_view(void)
{
    pipe_say("FLUSHALL");
    pipe_say("HSET troth:meta version 1 era 1 partitions 1 rebuilding 0");
    pipe_settle();
}

/* ---- a client ---- */

static _Atomic int64_t client_now_us;

static inline int64_t given_clock(void *context)
{
    (void)context;
    return atomic_load(&client_now_us);
}

static inline struct troth_client_options client_options(void)
{
    struct troth_client_options options;
    troth_client_options_init(&options);
    options.address = address;
    options.timeout_us = 10000000; /* a machine may be slow */
    options.clock = given_clock;
    atomic_store(&client_now_us, NOW_US);
    return options;
}

static inline struct troth_client *client_open(const struct troth_client_options *options)
{
    struct troth_client *client = NULL;
    assert_int_equal(troth_client_open(options, &client), TROTH_CLIENT_OK);
    return client;
}

static inline enum troth_client_status pick(struct troth_client *client,
                                            enum troth_client_failure failure,
                                            struct troth_client_agent *agent)
{
    struct troth_client_question question;
    troth_client_question_init(&question, "refund");
    question.failure = failure;
    question.explore = 0;
    return troth_client_pick(client, &question, agent);
}

/* Picks until it comes to what is wanted, at most 20 s. */
static inline void await_pick(struct troth_client *client, enum troth_client_failure failure,
                              enum troth_client_status wanted, struct troth_client_agent *agent)
{
    enum troth_client_status status = TROTH_CLIENT_OK;
    for (unsigned i = 0; i < 20000; i++) {
        status = pick(client, failure, agent);
        if (status == wanted) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    fail_msg("it comes to %s, not to %s", troth_client_status_name(status),
             troth_client_status_name(wanted));
}

/* Waits, at most 20 s, until a condition on the statistics holds. */
#define AWAIT_STATISTICS(client, statistics, condition)                                            \
    do {                                                                                           \
        unsigned turns_ = 0;                                                                       \
        for (;;) {                                                                                 \
            troth_client_statistics(client, statistics);                                           \
            if (condition) {                                                                       \
                break;                                                                             \
            }                                                                                      \
            if (++turns_ == 20000) {                                                               \
                fail_msg("not in 20 s: %s", #condition);                                           \
            }                                                                                      \
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);                               \
        }                                                                                          \
    } while (0)

#endif
