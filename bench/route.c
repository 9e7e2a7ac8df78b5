/*
 * What a routing decision costs a router: the round trip of FCALL_RO troth_route for one agent
 * against the round trip of a bare GET, on one connection of hiredis, by turns.
 *
 *   bench_route --redis HOST:PORT|unix:PATH --prefix P --capability C [--seconds N]
 *
 * Both are sent by redisCommandArgv and measured from before it is called until its reply is there.
 * Calls come in pairs, and which of the two is first changes from pair to pair, so that neither
 * always finds what the other has left in caches or in the server's queue. The GET asks for a key
 * of 64 bytes that is there. The first second is not counted. Each call of troth_route has a random
 * number of its own, as a router's must.
 *
 *   route_vs_get, route_vs_get_p99   ratios of the medians and of the 99th percentiles
 *   route_us, route_p99_us           of troth_route
 *   get_us, get_p99_us               of GET
 *   route_calls                      pairs that were measured
 *   route_answered                   share of the calls that named an agent
 */
#include "bench/bench.h"

#include <inttypes.h>

#include "ops/config/options.h"
#include "ops/message.h"
#include "ops/redis/connect.h"

enum {
    CALLS_MAX = 2000000, /* pairs measured */
    WARM_US = 1000000,
    ANSWER_US = 10000000, /* that an answer may take */
    TEXT_LENGTH_MAX = 256
};

struct router {
    redisContext *redis;
    char route_key[TEXT_LENGTH_MAX];
    char get_key[TEXT_LENGTH_MAX];
    uint64_t random;
    size_t answered;
    size_t count;
    double *route_us;
    double *get_us;
};

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t next_random(struct router *router)
{
    uint64_t x = router->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Out elements: of an array, or -1. Returns the round trip in microseconds, below 0 where there was
 * none. */
static double ask(struct router *router, int count, const char **words, int *elements)
{
    const double began_us = now_us();
    redisReply *reply = redisCommandArgv(router->redis, count, words, NULL);
    const double took_us = now_us() - began_us;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR || reply->type == REDIS_REPLY_NIL) {
        troth_message_error("%s: %s", words[0],
                            reply == NULL                      ? router->redis->errstr
                            : reply->type == REDIS_REPLY_ERROR ? reply->str
                                                               : "there is no such key");
        freeReplyObject(reply);
        return -1.0;
    }
    *elements = reply->type == REDIS_REPLY_ARRAY ? (int)reply->elements : -1;
    freeReplyObject(reply);
    return took_us;
}

static double ask_route(struct router *router)
{
    char random[24];
    int found = 0;
    snprintf(random, sizeof random, "%" PRIu64, next_random(router));
    const char *words[] = {"FCALL_RO", "troth_route", "1", router->route_key, "1", random};
    const double took_us = ask(router, sizeof words / sizeof words[0], words, &found);
    router->answered += found > 0;
    return took_us;
}

static double ask_get(struct router *router)
{
    int ignored = 0;
    const char *words[] = {"GET", router->get_key};
    return ask(router, sizeof words / sizeof words[0], words, &ignored);
}

static bool ask_both(struct router *router, bool route_first)
{
    double route_us = route_first ? ask_route(router) : 0.0;
    const double get_us = ask_get(router);
    route_us = route_first ? route_us : ask_route(router);
    router->route_us[router->count] = route_us;
    router->get_us[router->count] = get_us;
    return route_us >= 0.0 && get_us >= 0.0;
}

/* Measures so long. Returns whether every call was answered. */
static bool measure(struct router *router, double length_us)
{
    const double began_us = now_us();
    bool warm = false;
    for (uint64_t turn = 0; router->count < CALLS_MAX; turn++) {
        if (!ask_both(router, turn % 2 == 0)) {
            return false;
        }
        const double spent_us = now_us() - began_us;
        router->count += warm;
        if (!warm && spent_us > WARM_US) {
            warm = true;
            router->answered = 0;
        }
        if (spent_us > WARM_US + length_us) {
            break;
        }
    }
    return router->count > 0;
}

static void print(struct router *router)
{
    const size_t middle = router->count / 2;
    const size_t high = router->count * 99 / 100;
    double *route_us = router->route_us;
    double *get_us = router->get_us;
    qsort(route_us, router->count, sizeof *route_us, bench_by_value);
    qsort(get_us, router->count, sizeof *get_us, bench_by_value);
    printf("route_vs_get %.4g ratio\n", route_us[middle] / get_us[middle]);
    printf("route_vs_get_p99 %.4g ratio\n", route_us[high] / get_us[high]);
    printf("route_us %.4g us\nroute_p99_us %.4g us\n", route_us[middle], route_us[high]);
    printf("get_us %.4g us\nget_p99_us %.4g us\n", get_us[middle], get_us[high]);
    printf("route_calls %zu pairs\n", router->count);
    printf("route_answered %.4g share\n", (double)router->answered / (double)router->count);
}

static int run(const struct troth_redis_config *redis, const char *capability, int64_t seconds)
{
    static struct router router;
    char error[TROTH_REDIS_ERROR_LENGTH_MAX] = "";
    router.random = (uint64_t)(now_us() * 1e3);
    router.route_us = calloc(CALLS_MAX, sizeof *router.route_us);
    router.get_us = calloc(CALLS_MAX, sizeof *router.get_us);
    snprintf(router.route_key, TEXT_LENGTH_MAX, "%s:route:%s", redis->prefix, capability);
    snprintf(router.get_key, TEXT_LENGTH_MAX, "%s:bench:get", redis->prefix);
    bool done = false;
    if (router.route_us == NULL || router.get_us == NULL) {
        troth_message_error("out of memory");
    } else if (troth_redis_connect(redis, ANSWER_US, &router.redis, error) != TROTH_OK) {
        troth_message_error("%s", error);
    } else {
        int ignored = 0;
        const char *words[] = {"SET", router.get_key,
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
        done = ask(&router, 3, words, &ignored) >= 0.0 && measure(&router, (double)seconds * 1e6);
        redisFree(router.redis);
    }
    if (done) {
        print(&router);
    }
    free(router.route_us);
    free(router.get_us);
    return done ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *address = NULL;
    const char *prefix = NULL;
    const char *capability = NULL;
    int64_t seconds = 5;
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "redis", .kind = TROTH_OPTION_TEXT, .target = &address},
        {.name = "prefix", .kind = TROTH_OPTION_TEXT, .target = &prefix},
        {.name = "capability", .kind = TROTH_OPTION_TEXT, .target = &capability},
        {.name = "seconds",
         .kind = TROTH_OPTION_INTEGER,
         .target = &seconds,
         .low = 1,
         .high = 3600},
    };
    troth_message_setup("bench_route", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
            TROTH_OK ||
        operands != 0 || address == NULL || prefix == NULL || capability == NULL) {
        fputs("usage: bench_route --redis HOST:PORT --prefix P --capability C [--seconds N]\n",
              stderr);
        return 2;
    }
    const struct troth_redis_config redis = {.prefix = prefix, .address = address};
    return run(&redis, capability, seconds);
}
