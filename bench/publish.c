/*
 * What publication costs: a fleet of standings that have all changed goes through the real store,
 * from the list of those that changed to the last of Redis' answers; and the same bytes again
 * through a plain socket. bench/publish/measure asks for both by turns.
 *
 *   bench_publish --redis HOST:PORT --prefix P [--standings N]
 *
 * Reads commands, one a line, and answers each with figures and a line `done`:
 *
 *   flush            every agent has had one more event: publish_seconds, publish_standings,
 *                    publish_bytes, publish_whole (of them, the first time)
 *   capture FILE     twice the same through a tap; what went to Redis is kept, and the beginning of
 *                    it written to FILE: capture_bytes, of one
 *   replay PIECE     the first that is kept, in pieces of so many bytes: replay_seconds
 *   bare PIECE       the second, without what is the fence's: replay_seconds. As their scores are
 *                    not the same, either moves what the other has left
 *
 * The agents are refund-NUMBER of twelve digits, as redis-benchmark writes its random numbers. Each
 * is certified, with evidence in every pane of three share terms; then it gets an event a round, in
 * an order that is not that of the agents. A round publishes each with what the engine works out
 * of it, except for its score, which moves by 13 points a round: what the dead band lets through
 * has always moved.
 *
 * Threads: one, and the tap's.
 */
#include "bench/bench.h"

#include <errno.h>
#include <inttypes.h>

#include "bench/publish/replay.h"
#include "bench/publish/tap.h"
#include "consumers/clock.h"
#include "ops/config/options.h"
#include "ops/message.h"
#include "ops/redis/store.h"
#include "schemas/contract.h"
#include "scoring/agents.h"
#include "scoring/ladder.h"

#define SECOND_US  INT64_C(1000000)
#define START_US   INT64_C(1790035200000000)
#define ANSWER_US  INT64_C(30000000)
#define CONNECT_US INT64_C(10000000)

enum {
    EVENTS_EACH = 132, /* until the terms are certified, and every pane has some */
    EVENT_STEP_S = 30,
    LOOKS = 32,     /* standings put between two flushes, as the worker looks at its clock */
    WAIT_US = 1000, /* for a store that is full */
    STRIDE = 7919,  /* prime: the order of a round visits every agent */
    SCORE_LEAST = 600,
    SCORES = 400,
    SCORE_STEP = 13,
    SHOWN_BYTES = 8 * 1024 * 1024, /* of what is captured, written to the file */
    NAME_LENGTH = 32,
    LINE_LENGTH = 4096
};

static const char contract_text[] =
    "{contract: refunds, version: 3, promise: p, owner: o, capabilities: [refund, quote],"
    " window: 1h, panes: 12, terms: ["
    "{name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.98}, "
    "{name: prompt, when: {kind: task}, keep: {latency_us: {le: 2000000}}, floor: 0.95}, "
    "{name: unaided, when: {kind: task}, keep: {rescue: {exists: false}}, floor: 0.97}]}";

struct fleet {
    struct troth_contract contract;
    struct troth_rules rules;
    struct troth_shard *shard;
    void *memory;
    uint32_t count;
    int64_t now_us;
    int64_t offset;
    uint32_t round;
};

struct bench {
    struct fleet fleet;
    struct troth_redis_config redis;
    const char *host;
    int port;
    struct troth_store *store;
    struct bench_tap *tap;
    const char *captured; /* the tap's */
    size_t captured_length;
    char *bare; /* the same without the fence */
    size_t bare_length;
    redisContext *plain;
    bool known; /* every standing was published once */
};

static double now_s(void)
{
    const struct troth_clock clock = troth_clock_system();
    return (double)clock.monotonic_us(clock.context) / 1e6;
}

/* ---- the fleet ---- */

static void ignore_intervention(void *context, const struct troth_intervention *told)
{
    (void)context;
    (void)told;
}

static void ignore_end(void *context, uint32_t standing, struct troth_text agent, const char *name)
{
    (void)context;
    (void)standing;
    (void)agent;
    (void)name;
}

/* One more task, well done, of each agent. */
static bool apply_all(struct fleet *fleet)
{
    char name[NAME_LENGTH];
    uint32_t agent = 0;
    for (uint32_t i = 0; i < fleet->count; i++) {
        agent = (agent + STRIDE) % fleet->count;
        const int length = snprintf(name, sizeof name, "refund-%012" PRIu32, agent);
        struct troth_event event = {.kind = TROTH_KIND_TASK,
                                    .outcome = TROTH_OUTCOME_OK,
                                    .at_us = fleet->now_us,
                                    .latency_us = 1000,
                                    .agent = {name, (uint32_t)length}};
        event.present = 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT | 1U << TROTH_FIELD_KIND |
                        1U << TROTH_FIELD_SOURCE | 1U << TROTH_FIELD_OUTCOME |
                        1U << TROTH_FIELD_LATENCY_US;
        if (troth_shard_apply(fleet->shard, fleet->now_us, fleet->offset++, &event,
                              troth_agents_hash(event.agent)) != TROTH_OK) {
            troth_message_error("an event was refused");
            return false;
        }
    }
    return true;
}

static bool make_fleet(struct fleet *fleet)
{
    static struct troth_problems problems;
    if (troth_contract_parse(contract_text, sizeof contract_text - 1, &fleet->contract,
                             &problems) != TROTH_OK) {
        troth_message_error("the contract: %s", problems.items[0].text);
        return false;
    }
    troth_rules_init(&fleet->rules, &fleet->contract);
    const struct troth_shard_config config = {.agents_max = fleet->count,
                                              .standings_max = fleet->count,
                                              .standing_bytes = 640,
                                              .max_ahead_us = 60 * SECOND_US,
                                              .on_intervention = ignore_intervention,
                                              .on_ended = ignore_end};
    const size_t size = troth_shard_size(&config);
    if (posix_memalign(&fleet->memory, 64, size) != 0) {
        troth_message_error("out of memory");
        return false;
    }
    memset(fleet->memory, 0, size);
    fleet->shard = troth_shard_init(fleet->memory, &config);
    if (troth_shard_contract(fleet->shard, &fleet->rules) != TROTH_OK) {
        troth_message_error("the contract does not fit");
        return false;
    }
    fleet->now_us = START_US;
    for (unsigned i = 0; i < EVENTS_EACH; i++) {
        if (!apply_all(fleet)) {
            return false;
        }
        fleet->now_us += EVENT_STEP_S * SECOND_US;
    }
    uint32_t rungs[TROTH_RUNG_COUNT];
    troth_shard_rungs(fleet->shard, 0, rungs);
    if (rungs[TROTH_RUNG_CLEAR] != fleet->count) {
        troth_message_error("%" PRIu32 " of %" PRIu32 " are clear", rungs[TROTH_RUNG_CLEAR],
                            fleet->count);
        return false;
    }
    return true;
}

/* ---- what the worker does with a standing that changed ---- */

static troth_status publish_one(struct bench *bench, uint32_t standing, bool whole)
{
    struct fleet *fleet = &bench->fleet;
    struct troth_standing_view view;
    if (!troth_shard_view(fleet->shard, standing, &view)) {
        return TROTH_INVALID;
    }
    const struct troth_cause why = troth_standing_cause(view.rules, view.standing);
    struct troth_publication publication = {.applied = fleet->offset,
                                            .as_of_us = troth_shard_clock_us(fleet->shard),
                                            .view = &view,
                                            .score = troth_outlook_score(&view.sight),
                                            .why = &why,
                                            .whole = whole};
    publication.score.score =
        (uint16_t)(SCORE_LEAST + (standing * 37 + fleet->round * SCORE_STEP) % SCORES);
    troth_outlook_until(&view.sight, &publication.good_until_us, &publication.offer_until_us);
    if (whole) {
        troth_shard_review_of(fleet->shard, standing, &publication.review.view);
    }
    const struct troth_offer offer = {.contract = &fleet->contract,
                                      .rung = (uint8_t)view.standing->rung,
                                      .limiting = publication.score.limiting,
                                      .score = publication.score.score,
                                      .good_until_us = publication.good_until_us,
                                      .offer_until_us = publication.offer_until_us};
    struct troth_agent_publication agent = {.applied = publication.applied,
                                            .as_of_us = publication.as_of_us,
                                            .agent = view.agent,
                                            .whole = whole};
    troth_meet_of(&agent.meet, &offer, 1);
    const troth_status status = bench->store->put_standing(bench->store, &publication);
    return status == TROTH_OK ? bench->store->put_agent(bench->store, &agent) : status;
}

/* Lets the store send; where it is full, waits until it is not. */
static troth_status make_room(struct troth_store *store)
{
    troth_status status = store->flush(store);
    while (status == TROTH_FULL) {
        status = store->acknowledged(store, WAIT_US);
        status = status == TROTH_OK || status == TROTH_TIMED_OUT ? store->flush(store) : status;
    }
    return status;
}

/* Publishes all that is on the list, until it is answered. Returns how many standings, or -1. */
static int64_t publish_all(struct bench *bench, bool whole)
{
    struct troth_store *store = bench->store;
    int64_t count = 0;
    unsigned flags = 0;
    troth_status status = TROTH_OK;
    for (uint32_t standing = troth_shard_take_dirty(bench->fleet.shard, &flags);
         standing != TROTH_NONE && status == TROTH_OK;
         standing = troth_shard_take_dirty(bench->fleet.shard, &flags)) {
        status = publish_one(bench, standing, whole);
        count++;
        if (status == TROTH_OK && count % LOOKS == 0) {
            status = make_room(store);
        }
    }
    status = status == TROTH_OK ? make_room(store) : status;
    status = status == TROTH_OK ? store->acknowledged(store, ANSWER_US) : status;
    if (status == TROTH_OK) {
        status = store->ownership(store, 0); /* or something was not taken */
    }
    if (status != TROTH_OK) {
        troth_message_error("the store: %s; %s", troth_status_meaning(status), store->error(store));
        return -1;
    }
    return count;
}

/* ---- the store ---- */

/* Opens it, and owns the partition by the one claim that all of the bench's have, so that what one
 * has sent is valid when it is sent again. */
static bool open_store(struct bench *bench, const char *address)
{
    const struct troth_store_claim claim = {.partition = 0, .partitions = 1, .era = 1, .claim = 1};
    struct troth_redis_store_config config = {.redis = bench->redis, .clock = troth_clock_system()};
    config.redis.address = address;
    int64_t applied = 0;
    bool fresh = false;
    if (troth_redis_store_open_with(&config, &bench->store) != TROTH_OK) {
        troth_message_error("out of memory");
        return false;
    }
    if (!bench->store->connected(bench->store, &fresh) ||
        bench->store->own(bench->store, &claim, &applied) != TROTH_OK ||
        bench->store->rebuilt(bench->store, 0) != TROTH_OK) {
        troth_message_error("%s", bench->store->error(bench->store));
        return false;
    }
    return true;
}

static void close_store(struct bench *bench)
{
    if (bench->store != NULL) {
        bench->store->close(bench->store);
        bench->store = NULL;
    }
}

/* ---- commands ---- */

/* Prepares a round, which is not timed: one event of each agent. */
static bool begin_round(struct fleet *fleet)
{
    fleet->round++;
    fleet->now_us += SECOND_US;
    return apply_all(fleet);
}

static bool do_flush(struct bench *bench)
{
    struct troth_redis_store_counts before;
    struct troth_redis_store_counts after;
    if (!begin_round(&bench->fleet)) {
        return false;
    }
    troth_redis_store_count(bench->store, &before);
    const double began_s = now_s();
    const int64_t count = publish_all(bench, !bench->known);
    const double took_s = now_s() - began_s;
    troth_redis_store_count(bench->store, &after);
    if (count != bench->fleet.count || after.fenced != before.fenced) {
        troth_message_error("%" PRId64 " standings of %" PRIu32 " went out", count,
                            bench->fleet.count);
        return false;
    }
    printf("publish_seconds %.6f s\n", took_s);
    printf("publish_standings %" PRId64 " standings\n", count);
    printf("publish_bytes %" PRIu64 " bytes\n", after.bytes - before.bytes);
    printf("publish_whole %d\n", !bench->known);
    bench->known = true;
    return true;
}

/* A store of its own goes through the tap; the one that is measured is opened anew behind it. The
 * first round of a store writes contract and capabilities, and is not kept. */
static bool do_capture(struct bench *bench, const char *path)
{
    char address[NAME_LENGTH];
    const char *kept = NULL;
    if (bench->tap != NULL) {
        troth_message_error("something is kept already");
        return false;
    }
    close_store(bench);
    bench->tap = bench_tap_open(bench->host, bench->port, address);
    if (bench->tap == NULL) {
        troth_message_error("no tap: %s", strerror(errno));
        return false;
    }
    if (!open_store(bench, address) || !begin_round(&bench->fleet) ||
        publish_all(bench, false) < 0) {
        return false;
    }
    size_t marks[3] = {bench_tap_kept(bench->tap, &kept)};
    for (unsigned i = 1; i < 3; i++) {
        if (!begin_round(&bench->fleet) || publish_all(bench, false) < 0) {
            return false;
        }
        marks[i] = bench_tap_kept(bench->tap, &kept);
    }
    const size_t length = marks[1] - marks[0];
    bench->captured = kept + marks[0];
    bench->captured_length = length;
    bench->bare = malloc(marks[2] - marks[1]);
    if (bench->bare == NULL) {
        troth_message_error("out of memory");
        return false;
    }
    bench->bare_length = bench_unfence(kept + marks[1], marks[2] - marks[1], bench->bare);
    FILE *file = fopen(path, "wb");
    const size_t shown = length < SHOWN_BYTES ? length : SHOWN_BYTES;
    if (file == NULL || fwrite(bench->captured, 1, shown, file) != shown || fclose(file) != 0) {
        troth_message_error("%s: %s", path, strerror(errno));
        return false;
    }
    printf("capture_bytes %zu bytes\n", length);
    close_store(bench);
    return open_store(bench, bench->redis.address) && begin_round(&bench->fleet) &&
           publish_all(bench, false) >= 0;
}

static bool do_replay(struct bench *bench, const char *data, size_t length, size_t piece)
{
    char error[TROTH_REDIS_ERROR_LENGTH_MAX] = "";
    if (data == NULL || piece == 0) {
        troth_message_error("there is nothing to replay, or in no pieces");
        return false;
    }
    if (bench->plain == NULL &&
        troth_redis_connect(&bench->redis, CONNECT_US, &bench->plain, error) != TROTH_OK) {
        troth_message_error("%s", error);
        return false;
    }
    const double took_s = bench_replay(bench->plain->fd, data, length, piece);
    if (took_s < 0.0) {
        troth_message_error("what was captured was not taken again");
        return false;
    }
    printf("replay_seconds %.6f s\n", took_s);
    return true;
}

static bool serve(struct bench *bench)
{
    char line[LINE_LENGTH];
    bool done = true;
    while (done && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "flush") == 0) {
            done = do_flush(bench);
        } else if (strncmp(line, "capture ", 8) == 0) {
            done = do_capture(bench, line + 8);
        } else if (strncmp(line, "replay ", 7) == 0) {
            done = do_replay(bench, bench->captured, bench->captured_length,
                             strtoul(line + 7, NULL, 10));
        } else if (strncmp(line, "bare ", 5) == 0) {
            done = do_replay(bench, bench->bare, bench->bare_length, strtoul(line + 5, NULL, 10));
        } else {
            troth_message_error("no such command: %s", line);
            done = false;
        }
        if (done) {
            puts("done");
            fflush(stdout);
        }
    }
    return done;
}

/* Splits HOST:PORT. In text: kept, changed. */
static bool split(struct bench *bench, char *text)
{
    char *colon = strrchr(text, ':');
    bench->host = text;
    bench->port = colon != NULL ? (int)strtol(colon + 1, NULL, 10) : 0;
    if (colon != NULL) {
        *colon = '\0';
    }
    return bench->port > 0 && bench->port < 65536;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    static char host[LINE_LENGTH];
    const char *address = NULL;
    const char *prefix = NULL;
    int64_t standings = 100000;
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "redis", .kind = TROTH_OPTION_TEXT, .target = &address},
        {.name = "prefix", .kind = TROTH_OPTION_TEXT, .target = &prefix},
        {.name = "standings",
         .kind = TROTH_OPTION_INTEGER,
         .target = &standings,
         .low = 1,
         .high = 1000000},
    };
    troth_message_setup("bench_publish", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
            TROTH_OK ||
        operands != 0 || address == NULL || prefix == NULL || standings % STRIDE == 0) {
        fputs("usage: bench_publish --redis HOST:PORT --prefix P [--standings N]\n", stderr);
        return 2;
    }
    (void)snprintf(host, sizeof host, "%s", address);
    if (!split(&bench, host)) {
        troth_message_error("--redis takes HOST:PORT, HOST an IPv4 address");
        return 2;
    }
    bench.redis = (struct troth_redis_config){.prefix = prefix, .address = address};
    bench.fleet.count = (uint32_t)standings;
    const bool done = make_fleet(&bench.fleet) && open_store(&bench, address) && serve(&bench);
    close_store(&bench);
    bench_tap_close(bench.tap);
    if (bench.plain != NULL) {
        redisFree(bench.plain);
    }
    free(bench.bare);
    free(bench.fleet.memory);
    return done ? 0 : 1;
}
