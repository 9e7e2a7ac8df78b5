#include "bench/visible/scores.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/kafka/link.h"
#include "ops/message.h"
#include "ops/redis/connect.h"

enum { NO_SCORE = -1 };

#define ANSWER_US  INT64_C(10000000)
#define SILENCE_US INT64_C(600000000) /* longer than any run without a word from Redis */

static const char channel[] = "__redis__:invalidate";

static struct {
    const char *prefix;
    int64_t probes;
    redisContext *listener;
    redisContext *asker;
    atomic_llong seen;
    int64_t seen_us[BENCH_PROBES_MAX];
    uint32_t writes[BENCH_PROBES_MAX];
    int64_t before[BENCH_PROBES_MAX];
} scores;

static bool is_ok(redisReply *reply, int type)
{
    const bool is = reply != NULL && reply->type == type;
    if (!is) {
        troth_message_error("Redis: %s", reply != NULL ? reply->str : scores.asker->errstr);
    }
    freeReplyObject(reply);
    return is;
}

/* Out into: the score of each probe; NO_SCORE where it has none yet. */
static bool read_scores(int64_t *into)
{
    for (int64_t i = 0; i < scores.probes; i++) {
        redisAppendCommand(scores.asker, "HGET %s:agent:" BENCH_PROBE "%" PRId64 " score",
                           scores.prefix, i);
    }
    for (int64_t i = 0; i < scores.probes; i++) {
        void *taken = NULL;
        if (redisGetReply(scores.asker, &taken) != REDIS_OK) {
            troth_message_error("Redis: %s", scores.asker->errstr);
            return false;
        }
        const redisReply *reply = taken;
        into[i] = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : NO_SCORE;
        freeReplyObject(taken);
    }
    return true;
}

bool bench_scores_open(const struct troth_config *config, int64_t probes)
{
    const struct troth_redis_config redis = troth_redis_config_of(config);
    char error[TROTH_REDIS_ERROR_LENGTH_MAX] = "";
    scores.prefix = config->prefix;
    scores.probes = probes;
    if (troth_redis_connect(&redis, ANSWER_US, &scores.asker, error) != TROTH_OK ||
        troth_redis_connect(&redis, SILENCE_US, &scores.listener, error) != TROTH_OK) {
        troth_message_error("%s", error);
        return false;
    }
    redisReply *id = redisCommand(scores.listener, "CLIENT ID");
    const long long number = id != NULL && id->type == REDIS_REPLY_INTEGER ? id->integer : 0;
    return is_ok(id, REDIS_REPLY_INTEGER) &&
           is_ok(redisCommand(scores.listener, "SUBSCRIBE %s", channel), REDIS_REPLY_ARRAY) &&
           is_ok(redisCommand(scores.asker,
                              "CLIENT TRACKING ON REDIRECT %lld BCAST PREFIX %s:agent:" BENCH_PROBE,
                              number, scores.prefix),
                 REDIS_REPLY_STATUS) &&
           read_scores(scores.before);
}

static void note(const redisReply *key, int64_t at_us)
{
    const char *found = key->type == REDIS_REPLY_STRING ? strrchr(key->str, '-') : NULL;
    const int64_t probe = found != NULL ? strtoll(found + 1, NULL, 10) : -1;
    if (probe < 0 || probe >= scores.probes) {
        return;
    }
    if (scores.writes[probe]++ == 0) {
        scores.seen_us[probe] = at_us;
        atomic_fetch_add(&scores.seen, 1);
    }
}

void bench_scores_listen(void)
{
    void *taken = NULL;
    bool ended = false;
    while (!ended && redisGetReply(scores.listener, &taken) == REDIS_OK) {
        const int64_t at_us = troth_kafka_monotonic_us();
        const redisReply *reply = taken;
        const bool tells = reply->type == REDIS_REPLY_ARRAY && reply->elements == 3;
        const redisReply *keys = tells ? reply->element[2] : NULL;
        /* Redis sends an array; a text is the one of bench_scores_stop. */
        ended = tells && keys->type == REDIS_REPLY_STRING;
        for (size_t i = 0; tells && keys->type == REDIS_REPLY_ARRAY && i < keys->elements; i++) {
            note(keys->element[i], at_us);
        }
        freeReplyObject(taken);
    }
}

int64_t bench_scores_seen(void)
{
    return atomic_load(&scores.seen);
}

void bench_scores_stop(void)
{
    (void)is_ok(redisCommand(scores.asker, "PUBLISH %s end", channel), REDIS_REPLY_INTEGER);
}

bool bench_scores_check(int64_t *moved)
{
    static int64_t after[BENCH_PROBES_MAX];
    if (!read_scores(after)) {
        return false;
    }
    *moved = 0;
    for (int64_t i = 0; i < scores.probes; i++) {
        *moved += scores.writes[i] == 1 && after[i] != scores.before[i];
    }
    return true;
}

int64_t bench_scores_seen_us(int64_t probe)
{
    return scores.seen_us[probe];
}

void bench_scores_close(void)
{
    if (scores.listener != NULL) {
        redisFree(scores.listener);
    }
    if (scores.asker != NULL) {
        redisFree(scores.asker);
    }
    scores.listener = NULL;
    scores.asker = NULL;
}
