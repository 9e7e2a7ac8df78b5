/* troth redis: has the view in Redis written anew (schemas/redis.md says how that works). */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consumers/clock.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/message.h"
#include "ops/redis/connect.h"
#include "ops/redis/fence.h"
#include "ops/redis/reader.h"

#define ANSWER_US INT64_C(5000000)
#define LOOK_NS   200000000 /* between two looks at how far it is */

#define WAIT_US     INT64_C(15000000) /* without progress, unless the caller says otherwise */
#define WAIT_MAX_US INT64_C(3600000000)

enum { SCAN_COUNT = 1000 };

/* KEYS: meta, rebuilding. ARGV: prefix, partitions. */
static const char begin_script[] =
    "for p = 0, tonumber(ARGV[2]) - 1 do"
    " redis.call('SADD', KEYS[2], p) redis.call('DEL', ARGV[1] .. ':fence:' .. p) "
    "end "
    "return redis.call('HSET', KEYS[1], 'rebuilding', 1)";

/* KEYS: meta, rebuilding. ARGV: era. Without a version the first owner takes it for empty. */
static const char era_script[] =
    "redis.call('DEL', KEYS[1], KEYS[2]) "
    "return redis.call('HSET', KEYS[1], 'era', ARGV[1], 'rebuilding', 1)";

struct rebuild {
    const struct troth_context *context;
    const char *prefix;
    redisContext *redis;
    int64_t wait_us; /* without progress */
};

/* Tells why there was no good answer, and frees it. Returns the answer where it is one. */
static redisReply *good(const struct rebuild *rebuild, void *answer)
{
    redisReply *reply = answer;
    if (reply != NULL && reply->type != REDIS_REPLY_ERROR) {
        return reply;
    }
    troth_message_error("Redis at %s: %s", rebuild->context->config->redis_address,
                        reply != NULL ? reply->str : rebuild->redis->errstr);
    freeReplyObject(reply);
    return NULL;
}

/* What PREFIX:meta says; -1 where it does not. */
struct meta {
    int64_t era;
    int64_t partitions;
};

static bool read_meta(const struct rebuild *rebuild, struct meta *meta)
{
    redisReply *reply = good(
        rebuild, redisCommand(rebuild->redis, "HMGET %s:meta era partitions", rebuild->prefix));
    if (reply == NULL) {
        return false;
    }
    int64_t values[2] = {-1, -1};
    for (size_t i = 0; i < 2 && i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_STRING) {
            values[i] = strtoll(reply->element[i]->str, NULL, 10);
        }
    }
    freeReplyObject(reply);
    *meta = (struct meta){values[0], values[1]};
    return true;
}

/* How far it is: partitions that are not whole, and how many of them an engine has taken up. */
struct state {
    int64_t left;
    int64_t owned;
};

static bool read_state(const struct rebuild *rebuild, struct state *state)
{
    redisReply *left =
        good(rebuild, redisCommand(rebuild->redis, "SMEMBERS %s:rebuilding", rebuild->prefix));
    if (left == NULL) {
        return false;
    }
    *state = (struct state){.left = (int64_t)left->elements};
    bool read = true;
    for (size_t i = 0; i < left->elements && i < TROTH_FENCES_MAX && read; i++) {
        redisReply *there = good(rebuild, redisCommand(rebuild->redis, "EXISTS %s:fence:%s",
                                                       rebuild->prefix, left->element[i]->str));
        read = there != NULL;
        state->owned += read && there->integer == 1;
        freeReplyObject(there);
    }
    freeReplyObject(left);
    return read;
}

static void print_state(const struct rebuild *rebuild, const struct meta *meta,
                        const struct state *state)
{
    if (rebuild->context->json) {
        troth_redis_reader_print_json(
            json_pack("{s:I, s:I, s:I}", "partitions", (json_int_t)meta->partitions, "left",
                      (json_int_t)state->left, "taken_up", (json_int_t)state->owned));
    } else {
        printf("%" PRId64 " of %" PRId64 " partitions are written, %" PRId64 " more are taken up\n",
               meta->partitions - state->left, meta->partitions, state->owned);
    }
    fflush(stdout);
}

/* Waits until the view is whole, as long as it comes nearer. */
static int wait_whole(const struct rebuild *rebuild, const struct meta *meta)
{
    const struct troth_clock clock = troth_clock_system();
    struct state before = {.left = -1};
    struct state state = {0};
    int64_t moved_us = clock.monotonic_us(clock.context);
    while (read_state(rebuild, &state)) {
        const int64_t now_us = clock.monotonic_us(clock.context);
        if (state.left != before.left || state.owned != before.owned) {
            print_state(rebuild, meta, &state);
            before = state;
            moved_us = now_us;
        }
        if (state.left == 0) {
            return TROTH_EXIT_DONE;
        }
        if (now_us - moved_us > rebuild->wait_us) {
            troth_message_error(
                state.owned == state.left
                    ? "%" PRId64 " partitions are taken up, and nothing has moved for %" PRId64
                      " s; see the engine's log. What is missing follows when it can"
                    : "%" PRId64 " partitions are not written, and no engine has answered for "
                      "%" PRId64 " s; does trothd run? The view is filled when it does",
                state.left, rebuild->wait_us / 1000000);
            return TROTH_EXIT_NO;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
    return TROTH_EXIT_NO;
}

static int run_rebuild(const struct rebuild *rebuild)
{
    struct meta meta;
    if (!read_meta(rebuild, &meta)) {
        return TROTH_EXIT_NO;
    }
    if (meta.partitions < 1) {
        troth_message_error("no engine has written under %s: yet; it writes everything when it "
                            "starts",
                            rebuild->prefix);
        return TROTH_EXIT_NO;
    }
    redisReply *begun =
        good(rebuild, redisCommand(rebuild->redis, "EVAL %s 2 %s:meta %s:rebuilding %s %lld",
                                   begin_script, rebuild->prefix, rebuild->prefix, rebuild->prefix,
                                   (long long)meta.partitions));
    if (begun == NULL) {
        return TROTH_EXIT_NO;
    }
    freeReplyObject(begun);
    return wait_whole(rebuild, &meta);
}

/* ---- a new era ---- */

/* Removes the keys that a pattern fits, PREFIX:meta excepted. Returns how many, or -1 (told). */
static int64_t remove_keys(const struct rebuild *rebuild, const char *pattern)
{
    char cursor[32] = "0";
    char meta[TROTH_CONFIG_PREFIX_LENGTH_MAX + 8];
    int64_t removed = 0;
    snprintf(meta, sizeof meta, "%s:meta", rebuild->prefix);
    do { /* as often as there are keys by SCAN_COUNT: Redis promises an end */
        redisReply *page =
            good(rebuild, redisCommand(rebuild->redis, "SCAN %s MATCH %s:%s COUNT %d", cursor,
                                       rebuild->prefix, pattern, SCAN_COUNT));
        if (page == NULL || page->elements != 2) {
            freeReplyObject(page);
            return -1;
        }
        snprintf(cursor, sizeof cursor, "%s", page->element[0]->str);
        const redisReply *keys = page->element[1];
        int64_t asked = 0;
        for (size_t i = 0; i < keys->elements; i++) {
            const redisReply *key = keys->element[i];
            if (strcmp(key->str, meta) != 0) {
                asked += redisAppendCommand(rebuild->redis, "UNLINK %b", key->str,
                                            (size_t)key->len) == REDIS_OK;
            }
        }
        freeReplyObject(page);
        for (; asked > 0; asked--) {
            void *answer = NULL;
            (void)redisGetReply(rebuild->redis, &answer);
            redisReply *reply = good(rebuild, answer);
            if (reply == NULL) {
                return -1;
            }
            removed += reply->integer;
            freeReplyObject(reply);
        }
    } while (strcmp(cursor, "0") != 0);
    return removed;
}

static bool begin_era(const struct rebuild *rebuild, int64_t era)
{
    redisReply *reply =
        good(rebuild, redisCommand(rebuild->redis, "EVAL %s 2 %s:meta %s:rebuilding %lld",
                                   era_script, rebuild->prefix, rebuild->prefix, (long long)era));
    freeReplyObject(reply);
    return reply != NULL;
}

/* The era first, so that engines of an earlier one are shut out; then what they wrote. An engine of
 * the new one that wrote meanwhile is made to do it again, by the fences at the end. */
static int run_new_era(const struct rebuild *rebuild)
{
    const int64_t era = rebuild->context->config->era;
    struct meta meta;
    if (!read_meta(rebuild, &meta)) {
        return TROTH_EXIT_NO;
    }
    if (meta.era >= era) {
        troth_message_error("the view is of era %" PRId64 ", and `era` of the configuration is "
                            "%" PRId64 "; set era: %" PRId64 " for every engine and for this "
                            "command, then run it again",
                            meta.era, era, meta.era + 1);
        return TROTH_EXIT_NO;
    }
    const int64_t removed = begin_era(rebuild, era) ? remove_keys(rebuild, "*") : -1;
    if (removed < 0 || !begin_era(rebuild, era) || remove_keys(rebuild, "fence:*") < 0) {
        return TROTH_EXIT_NO;
    }
    if (rebuild->context->json) {
        troth_redis_reader_print_json(
            json_pack("{s:I, s:I}", "era", (json_int_t)era, "removed", (json_int_t)removed));
    } else {
        printf("The view of earlier eras is gone (%" PRId64 " keys). Engines with era: %" PRId64
               " fill it; those of an earlier era publish nothing.\n",
               removed, era);
    }
    return TROTH_EXIT_DONE;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    bool new_era = false;
    struct rebuild rebuild = {
        .context = context, .prefix = context->config->prefix, .wait_us = WAIT_US};
    const struct troth_option options[] = {
        {"new-era", TROTH_OPTION_FLAG, &new_era, 0, 0},
        {"wait", TROTH_OPTION_DURATION, &rebuild.wait_us, 1, WAIT_MAX_US},
    };
    int operands = 0;
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 1 || strcmp(argv[1], "rebuild") != 0) {
        troth_message_error("say `troth redis rebuild`");
        return TROTH_EXIT_USAGE;
    }
    const struct troth_redis_config config = troth_redis_config_of(context->config);
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
    if (troth_redis_connect(&config, ANSWER_US, &rebuild.redis, error) != TROTH_OK) {
        troth_message_error("%s", error);
        return TROTH_EXIT_NO;
    }
    const int status = new_era ? run_new_era(&rebuild) : run_rebuild(&rebuild);
    redisFree(rebuild.redis);
    return status;
}

const struct troth_command troth_command_redis = {
    .name = "redis",
    .arguments = "rebuild [--new-era] [--wait DURATION]",
    .summary = "have the view in Redis written anew",
    .help =
        "rebuild   has every engine publish everything anew, the least trusted first, and waits\n"
        "          until all partitions are written. Routers go on reading meanwhile.\n"
        "\n"
        "  --new-era          for topics that were made anew, or a cluster that takes over: first\n"
        "                     set era to a greater number in the configuration of every engine\n"
        "                     and of this command. Removes everything that earlier eras wrote;\n"
        "                     engines of an earlier era publish nothing from then on\n"
        "  --wait DURATION    without progress, before giving up (default 15s)\n",
    .run = run,
};
