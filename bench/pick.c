/*
 * libtroth: what a pick from loaded agents costs, and how soon a narrowing is obeyed.
 *
 *   bench_pick [--stale ROUNDS] --redis HOST:PORT|unix:PATH [--prefix P] [--capability C]
 *       [--agents N] [--tiny]
 *
 * Where the capability has no agents it writes a fleet, good for an hour: N agents (10,000), rungs
 * mixed, a third past offer_until, two contracts.
 *
 * Without --stale, of one thread:
 *
 *   pick_load_ms        the first pick, which connects and loads them
 *   pick_cached_ns      CPU time of a pick of one agent, the median of repetitions
 *   pick_cached_p99_ns  of single picks by the wall, less what the clock itself costs
 *   picks_per_s         by CPU time
 *
 * With --stale, over so many narrowings, each an HSET and a PUBLISH in one MULTI as an engine
 * writes them, by turns with a bare PUBLISH:
 *
 *   stale_after_narrow_us_p50, _p99  from the write to the first answer that obeys it, of a thread
 *                                    that asks for that agent all the time
 *   pubsub_us_p50, _p99              from the write of a PUBLISH until a thread that is subscribed
 *                                    has the message
 *   stale_after_narrow               the ratio of both p99
 */
#include "bench/bench.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "ops/libtroth/troth.h"

enum { AGENTS = 10000, PICKS = 200000, TINY = 100, NAME_MAX_LENGTH = 160 };

#define HOUR_US INT64_C(3600000000)

struct bench {
    const char *address;
    const char *prefix;
    const char *capability;
    unsigned agents;
    unsigned rounds; /* of --stale; 0: the cost of a pick */
    bool tiny;
    redisContext *redis;
    unsigned unanswered;
    struct troth_client *client;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_pick: %s\n", what);
    exit(1);
}

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static redisContext *reach(const char *address)
{
    redisContext *context = NULL;
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "unix:", 5) == 0) {
        context = redisConnectUnix(address + 5);
    } else if (colon != NULL) {
        char host[256];
        snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
        context = redisConnect(host, (int)strtol(colon + 1, NULL, 10));
    }
    if (context == NULL || context->err != 0) {
        die("Redis cannot be reached; --redis is HOST:PORT or unix:PATH");
    }
    return context;
}

/* ---- a fleet ---- */

static void settle(struct bench *bench)
{
    for (; bench->unanswered > 0; bench->unanswered--) {
        redisReply *reply = NULL;
        if (redisGetReply(bench->redis, (void **)&reply) != REDIS_OK ||
            reply->type == REDIS_REPLY_ERROR) {
            die(reply != NULL ? reply->str : bench->redis->errstr);
        }
        freeReplyObject(reply);
    }
}

static void say(struct bench *bench, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisvAppendCommand(bench->redis, format, arguments);
    va_end(arguments);
    if (++bench->unanswered >= 1000) {
        settle(bench);
    }
}

static int64_t wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Agent i: a third of all is dead; of the others half is clear, and the rest is spread over warn,
 * narrow, recertify and review. */
static void write_agent(struct bench *bench, unsigned i, const char *rung, const char *traffic)
{
    const int64_t now_us = wall_us();
    const int64_t offer_us = i % 3 == 0 ? now_us - 1 : now_us + HOUR_US;
    const unsigned score = strcmp(rung, "recertify") == 0 ? 0 : 1000 - i % 400;
    const char *contract = i % 2 == 0 ? "refunds" : "quotes";
    say(bench,
        "HSET %s:agent:bench-%05u agent bench-%05u score %u rung %s traffic %s capabilities "
        "%s,other "
        "max_cost_micros -1 good_until %" PRId64 " offer_until %" PRId64 " guarded 0 "
        "narrow_traffic 0.25 narrow_capabilities %s narrow_max_cost_micros -1 contracts %s "
        "consequence medium",
        bench->prefix, i, i, score, rung, traffic, bench->capability, offer_us, offer_us,
        bench->capability, contract);
    say(bench, "ZADD %s:route:%s %u bench-%05u", bench->prefix, bench->capability, score, i);
    if (strcmp(rung, "recertify") == 0) {
        say(bench, "ZADD %s:probation:%s 0 bench-%05u", bench->prefix, bench->capability, i);
    }
}

static void write_fleet(struct bench *bench)
{
    static const struct {
        const char *rung;
        const char *traffic;
    } rungs[] = {{"clear", "1"}, {"clear", "1"},     {"clear", "1"},       {"clear", "1"},
                 {"warn", "1"},  {"narrow", "0.25"}, {"recertify", "0.1"}, {"review", "0.05"}};
    redisReply *reply =
        redisCommand(bench->redis, "ZCARD %s:route:%s", bench->prefix, bench->capability);
    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) {
        die(reply != NULL ? reply->str : bench->redis->errstr);
    }
    const long long found = reply->integer;
    freeReplyObject(reply);
    if (found > 0) {
        fprintf(stderr, "bench_pick: the %lld agents of %s:route:%s are used as they are\n", found,
                bench->prefix, bench->capability);
        return;
    }
    say(bench, "HSET %s:meta version 1 rebuilding 0", bench->prefix);
    for (unsigned i = 0; i < bench->agents; i++) {
        const unsigned rung = i / 3 % 8;
        write_agent(bench, i, rungs[rung].rung, rungs[rung].traffic);
    }
    settle(bench);
}

/* ---- the cost of a pick ---- */

static void pick(struct bench *bench, const struct troth_client_question *question)
{
    struct troth_client_agent agent;
    if (troth_client_pick(bench->client, question, &agent) != TROTH_CLIENT_OK) {
        die("nobody may be picked; is the fleet older than an hour? Use another --prefix");
    }
}

static double percentile(double *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, bench_by_value);
    return values[(size_t)((double)(count - 1) * share)];
}

static void measure_cost(struct bench *bench)
{
    const unsigned picks = bench->tiny ? 2000 : PICKS;
    struct troth_client_question question;
    troth_client_question_init(&question, bench->capability);
    double each[BENCH_REPETITIONS];
    double rates[BENCH_REPETITIONS];
    double *single = calloc(picks, sizeof *single);
    if (single == NULL) {
        die("no memory");
    }
    const int64_t load_ns = monotonic_ns();
    pick(bench, &question);
    printf("pick_load_ms %.4g ms\n", (double)(monotonic_ns() - load_ns) / 1e6);
    for (unsigned r = 0; r < BENCH_REPETITIONS; r++) {
        const int64_t began_ns = bench_cpu_ns();
        for (unsigned i = 0; i < picks; i++) {
            pick(bench, &question);
        }
        each[r] = (double)(bench_cpu_ns() - began_ns) / picks;
        rates[r] = 1e9 / each[r];
    }
    int64_t clock_ns = INT64_MAX;
    for (unsigned i = 0; i < 1000; i++) {
        const int64_t began_ns = monotonic_ns();
        const int64_t took_ns = monotonic_ns() - began_ns;
        clock_ns = took_ns < clock_ns ? took_ns : clock_ns;
    }
    for (unsigned i = 0; i < picks; i++) {
        const int64_t began_ns = monotonic_ns();
        pick(bench, &question);
        single[i] = (double)(monotonic_ns() - began_ns - clock_ns);
    }
    bench_print("pick_cached_ns", each, BENCH_REPETITIONS, "ns");
    printf("pick_cached_p99_ns %.4g ns\n", percentile(single, picks, 0.99));
    bench_print("picks_per_s", rates, BENCH_REPETITIONS, "picks/s");
    free(single);
}

/* ---- how soon a narrowing is obeyed ---- */

static char record[NAME_MAX_LENGTH];

/* Narrows an agent to nothing, as an engine does. Nothing waits for the answers here. */
static void narrow(struct bench *bench, unsigned i)
{
    snprintf(record, sizeof record, "{\"id\":\"0\",\"agent\":\"bench-%05u\",\"to\":\"pause\"}", i);
    say(bench, "MULTI");
    say(bench, "HSET %s:agent:bench-%05u rung pause traffic 0 good_until 0 offer_until 0 score 0",
        bench->prefix, i);
    say(bench, "ZREM %s:route:%s bench-%05u", bench->prefix, bench->capability, i);
    say(bench, "PUBLISH %s:narrowed %s", bench->prefix, record);
    say(bench, "EXEC");
    int done = 0;
    while (done == 0) {
        if (redisBufferWrite(bench->redis, &done) != REDIS_OK) {
            die(bench->redis->errstr);
        }
    }
}

/* Returns microseconds from the write to the first answer that obeys it. */
static double stale_us(struct bench *bench, unsigned i)
{
    char name[NAME_MAX_LENGTH];
    const int length = snprintf(name, sizeof name, "bench-%05u", i);
    struct troth_client_agent agent;
    const int64_t began_ns = monotonic_ns();
    narrow(bench, i);
    enum troth_client_status status = TROTH_CLIENT_OK;
    while (status == TROTH_CLIENT_OK) {
        status = troth_client_standing(bench->client, name, (size_t)length,
                                       TROTH_CLIENT_FAIL_CLOSED, &agent);
        if (status == TROTH_CLIENT_OK) {
            sched_yield(); /* two cores: Redis and the handle's thread need theirs */
        }
    }
    const int64_t took_ns = monotonic_ns() - began_ns;
    settle(bench);
    return (double)took_ns / 1000;
}

struct subscriber {
    redisContext *redis;
    _Atomic uint64_t seen;
};

static void *subscribe(void *argument)
{
    struct subscriber *subscriber = argument;
    redisReply *reply = NULL;
    while (redisGetReply(subscriber->redis, (void **)&reply) == REDIS_OK) {
        const bool last = reply->elements == 3 && reply->element[2]->type == REDIS_REPLY_STRING &&
                          strcmp(reply->element[2]->str, "end") == 0;
        freeReplyObject(reply);
        if (last) {
            break;
        }
        atomic_fetch_add(&subscriber->seen, 1);
    }
    return NULL;
}

/* Returns microseconds from the write of a PUBLISH until the subscriber's thread has it. */
static double pubsub_us(struct bench *bench, struct subscriber *subscriber)
{
    const uint64_t before = atomic_load(&subscriber->seen);
    const int64_t began_ns = monotonic_ns();
    say(bench, "PUBLISH %s:bench %s", bench->prefix, record);
    int done = 0;
    while (done == 0) {
        if (redisBufferWrite(bench->redis, &done) != REDIS_OK) {
            die(bench->redis->errstr);
        }
    }
    while (atomic_load(&subscriber->seen) == before) {
        sched_yield();
    }
    const int64_t took_ns = monotonic_ns() - began_ns;
    settle(bench);
    return (double)took_ns / 1000;
}

static void measure_staleness(struct bench *bench)
{
    double *stale = calloc(bench->rounds, sizeof *stale);
    double *bare = calloc(bench->rounds, sizeof *bare);
    struct subscriber subscriber = {.redis = reach(bench->address)};
    pthread_t thread;
    redisAppendCommand(subscriber.redis, "SUBSCRIBE %s:bench", bench->prefix);
    if (stale == NULL || bare == NULL ||
        pthread_create(&thread, NULL, subscribe, &subscriber) != 0) {
        die("no memory");
    }
    while (atomic_load(&subscriber.seen) == 0) { /* the answer to SUBSCRIBE */
        sched_yield();
    }
    struct troth_client_question question;
    troth_client_question_init(&question, bench->capability);
    pick(bench, &question); /* loads */
    for (unsigned r = 0; r < bench->rounds; r++) {
        const unsigned i = r % (bench->agents / 3) * 3 + 1; /* one that is alive */
        write_agent(bench, i, "clear", "1");
        settle(bench);
        char name[NAME_MAX_LENGTH];
        struct troth_client_agent agent;
        const int length = snprintf(name, sizeof name, "bench-%05u", i);
        while (troth_client_standing(bench->client, name, (size_t)length, TROTH_CLIENT_FAIL_CLOSED,
                                     &agent) != TROTH_CLIENT_OK) {
            sched_yield();
        }
        stale[r] = stale_us(bench, i);
        bare[r] = pubsub_us(bench, &subscriber);
    }
    say(bench, "PUBLISH %s:bench end", bench->prefix);
    settle(bench);
    pthread_join(thread, NULL);
    redisFree(subscriber.redis);
    const double stale_p99 = percentile(stale, bench->rounds, 0.99);
    const double bare_p99 = percentile(bare, bench->rounds, 0.99);
    printf("stale_after_narrow_us_p50 %.4g us\n", percentile(stale, bench->rounds, 0.5));
    printf("stale_after_narrow_us_p99 %.4g us\n", stale_p99);
    printf("pubsub_us_p50 %.4g us\n", percentile(bare, bench->rounds, 0.5));
    printf("pubsub_us_p99 %.4g us\n", bare_p99);
    printf("stale_after_narrow %.4g ratio (%u narrowings)\n", stale_p99 / bare_p99, bench->rounds);
    free(stale);
    free(bare);
}

/* ---- the program ---- */

static unsigned number_of(const char *text, unsigned least, unsigned most)
{
    char *end = NULL;
    const unsigned long number = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || number < least || number > most) {
        die("a number is out of range: --stale 1 to 1000000, --agents 30 to 100000");
    }
    return (unsigned)number;
}

static void take_arguments(int argc, char **argv, struct bench *bench)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(name, "--tiny") == 0) {
            bench->tiny = true;
            continue;
        }
        if (strcmp(name, "--redis") == 0) {
            bench->address = value;
        } else if (strcmp(name, "--prefix") == 0) {
            bench->prefix = value;
        } else if (strcmp(name, "--capability") == 0) {
            bench->capability = value;
        } else if (strcmp(name, "--stale") == 0) {
            bench->rounds = number_of(value, 1, 1000000);
        } else if (strcmp(name, "--agents") == 0) {
            bench->agents = number_of(value, 30, 100000);
        } else {
            die("unknown argument; bench_pick [--stale ROUNDS] --redis HOST:PORT [--prefix P] "
                "[--capability C] [--agents N] [--tiny]");
        }
        i++;
    }
    if (bench->address == NULL) {
        die("--redis HOST:PORT or unix:PATH is needed; ops/local/redis start prints one");
    }
    if (bench->tiny && bench->rounds > TINY) {
        bench->rounds = TINY;
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.prefix = "bench", .capability = "refund", .agents = AGENTS};
    take_arguments(argc, argv, &bench);
    bench.redis = reach(bench.address);
    write_fleet(&bench);
    struct troth_client_options options;
    troth_client_options_init(&options);
    options.address = bench.address;
    options.prefix = bench.prefix;
    options.timeout_us = 10000000;
    if (troth_client_open(&options, &bench.client) != TROTH_CLIENT_OK) {
        die("libtroth does not open; --redis is HOST:PORT or unix:PATH");
    }
    if (bench.rounds > 0) {
        measure_staleness(&bench);
    } else {
        measure_cost(&bench);
    }
    troth_client_close(bench.client);
    redisFree(bench.redis);
    return 0;
}
