/*
 * What tests of the Redis store share: a redis-server of their own on a unix socket in a folder of
 * their own, a shard to publish from, and a store whose clock can be put ahead.
 *
 * Threads: one. The server is ended by its pid when the program exits, whatever the result.
 */
#ifndef TROTH_TESTS_SUPPORT_REDIS_H
#define TROTH_TESTS_SUPPORT_REDIS_H

#include "tests/support/test.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ops/redis/layout.h"
#include "ops/redis/store.h"
#include "scoring/agents.h"

enum { AGENTS_MAX = 4000, PATH_LENGTH_MAX = 128 };

#define NOW_US INT64_C(1790000000000000)

#define ODD_NAME "a:b \"\xff\xc3\xa9*{x}:refunds" /* a name that tries everything */

/* ---- a server ---- */

static char directory[PATH_LENGTH_MAX];
static char address[PATH_LENGTH_MAX + 16];
static pid_t server;

/* Starts redis-server and waits until it answers. In option, value: one more setting, or NULL. */
static inline void start(const char *option, const char *value)
{
    char socket[PATH_LENGTH_MAX + 8];
    snprintf(socket, sizeof socket, "%s/socket", directory);
    snprintf(address, sizeof address, "unix:%s", socket);
    unlink(socket);
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* it ends with us, even if we are killed */
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket, "--dir",
               directory, "--save", "", "--logfile", "log", option, value, (char *)NULL);
        _exit(127);
    }
    assert_true(server > 0);
    for (unsigned i = 0; i < 2000; i++) { /* at most 10 s for it to come up */
        redisContext *context = redisConnectUnix(socket);
        redisReply *reply = context->err == 0 ? redisCommand(context, "PING") : NULL;
        const bool up = reply != NULL && reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
        redisFree(context);
        if (up) {
            return;
        }
        assert_int_equal(waitpid(server, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    fail_msg("redis-server did not come up");
}

static inline void stop(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
        server = 0;
    }
}

/* Runs a command on a connection of its own. In format: hiredis's, where %b is bytes and length. */
static inline redisReply *ask(const char *format, ...)
{
    static redisReply *kept; /* of the call before: freed now */
    freeReplyObject(kept);
    redisContext *context = redisConnectUnix(address + 5);
    assert_int_equal(context->err, 0);
    va_list arguments;
    va_start(arguments, format);
    kept = redisvCommand(context, format, arguments);
    va_end(arguments);
    redisFree(context);
    assert_non_null(kept);
    return kept;
}

static inline long long count_of(const char *command, const char *key)
{
    return ask("%s %s", command, key)->integer;
}

/* ---- a shard to publish from ---- */

static const char yaml[] =
    "contract: refunds\n"
    "version: 3\n"
    "promise: Refund agents settle valid claims.\n"
    "owner: payments-ops\n"
    "on_agent_version: recertify\n"
    "capabilities: [refund, quote]\n"
    "terms:\n"
    "  - {name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.98}\n"
    "  - {name: grounded, judged: {by: [judge]}, floor: 0.95}\n"
    "  - {name: no-leak, never: {kind: tool, tool: export}}\n"
    "  - {name: spend, budget: {sum: cost_micros, at_most: 50000000}}\n"
    "  - {name: audited, cadence: {when: {kind: evaluation}, every: 24h}}\n"
    "  - {name: complete, completeness: true, floor: 0.99}\n"
    "ladder: {narrow: {scope: {traffic: 0.25, capabilities: [quote]}}}\n";

static struct troth_contract contract;
static struct troth_rules rules;
static struct troth_shard *shard;

static inline void ignore_intervention(void *context, const struct troth_intervention *told)
{
    (void)context;
    (void)told;
}

static inline void ignore_end(void *context, uint32_t standing, struct troth_text agent,
                              const char *name)
{
    (void)context;
    (void)standing;
    (void)agent;
    (void)name;
}

static inline void apply(struct troth_text agent)
{
    static int64_t offset = 100;
    const struct troth_event event = {.present = 1U << TROTH_FIELD_OUTCOME |
                                                 1U << TROTH_FIELD_AGENT_VERSION,
                                      .kind = TROTH_KIND_TASK,
                                      .outcome = TROTH_OUTCOME_OK,
                                      .at_us = NOW_US,
                                      .agent = agent,
                                      .agent_version = troth_text_of("1.0")};
    assert_int_equal(troth_shard_apply(shard, NOW_US, offset++, &event, troth_agents_hash(agent)),
                     TROTH_OK);
}

static inline struct troth_text agent_name(unsigned i)
{
    static char name[32];
    return (struct troth_text){.data = name,
                               .length = (uint32_t)snprintf(name, sizeof name, "refund-%u", i)};
}

static inline void make_shard(void)
{
    struct troth_problems problems = {0};
    if (troth_contract_parse(yaml, sizeof yaml - 1, &contract, &problems) != TROTH_OK) {
        fail_msg("%s: %s", problems.items[0].key, problems.items[0].text);
    }
    troth_rules_init(&rules, &contract);
    const struct troth_shard_config config = {.agents_max = AGENTS_MAX + 1,
                                              .standings_max = AGENTS_MAX + 1,
                                              .standing_bytes = 2048,
                                              .max_ahead_us = 60000000,
                                              .on_intervention = ignore_intervention,
                                              .on_ended = ignore_end};
    const size_t size = (troth_shard_size(&config) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    shard = troth_shard_init(memory, &config);
    assert_int_equal(troth_shard_contract(shard, &rules), TROTH_OK);
    for (unsigned i = 0; i < AGENTS_MAX; i++) {
        apply(agent_name(i));
    }
    apply((struct troth_text){.data = ODD_NAME, .length = sizeof ODD_NAME - 1});
}

/* What is published of agent i (AGENTS_MAX: the odd one), as if its meet were at a rung. */
struct publications {
    struct troth_standing_view view;
    struct troth_cause why;
    struct troth_publication standing;
    struct troth_agent_publication agent;
};

static inline struct publications *publications_of(unsigned i, unsigned rung, uint16_t score)
{
    static struct publications made;
    memset(&made, 0, sizeof made);
    assert_true(troth_shard_view(shard, i, &made.view));
    made.why = troth_standing_cause(&rules, made.view.standing);
    made.standing = (struct troth_publication){
        .partition = 3,
        .applied = 100,
        .as_of_us = NOW_US,
        .whole = true,
        .view = &made.view,
        .score = {.compliance = 0.25, .freshness = 1, .score = score, .limiting = 0},
        .good_until_us = NOW_US + 1,
        .offer_until_us = NOW_US + 2,
        .why = &made.why};
    const struct troth_offer offer = {.contract = &contract,
                                      .rung = (uint8_t)rung,
                                      .limiting = 0,
                                      .score = score,
                                      .good_until_us = NOW_US + 1,
                                      .offer_until_us = NOW_US + 2};
    made.agent = (struct troth_agent_publication){.partition = 3,
                                                  .applied = 100,
                                                  .as_of_us = NOW_US,
                                                  .whole = true,
                                                  .agent = made.view.agent};
    troth_meet_of(&made.agent.meet, &offer, 1);
    return &made;
}

/* ---- a store ---- */

static int64_t ahead_us; /* by how much the store's clock is ahead of the machine's */

static inline int64_t shifted_us(void *context)
{
    const struct troth_clock *machine = context;
    return machine->monotonic_us(machine->context) + ahead_us;
}

static inline struct troth_redis_store_config store_config(void)
{
    static struct troth_clock machine;
    machine = troth_clock_system();
    return (struct troth_redis_store_config){.redis = {.prefix = "troth", .address = address},
                                             .clock = {.monotonic_us = shifted_us,
                                                       .wall_us = machine.wall_us,
                                                       .worked_us = machine.worked_us,
                                                       .context = &machine}};
}

static inline struct troth_store *open_with(const struct troth_redis_store_config *config)
{
    struct troth_store *store = NULL;
    assert_int_equal(troth_redis_store_open_with(config, &store), TROTH_OK);
    return store;
}

enum { PARTITIONS = 4 };

/* Owns a partition by a claim of era 1. Out applied: the offset that was found applied. */
static inline troth_status try_to_own(struct troth_store *store, int32_t partition, int64_t claim,
                                      int64_t *applied)
{
    const struct troth_store_claim made = {
        .partition = partition, .partitions = PARTITIONS, .era = 1, .claim = claim};
    return store->own(store, &made, applied);
}

/* Owns all partitions. Returns the offset that was found applied of partition 3, which all that is
 * put here is of. */
static inline int64_t own(struct troth_store *store, int64_t claim)
{
    int64_t applied = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        const troth_status status = try_to_own(store, i, claim, &applied);
        if (status != TROTH_OK) {
            fail_msg("%s: %s", troth_status_name(status), store->error(store));
        }
    }
    return applied;
}

/* Says of all partitions that they are whole. */
static inline void tell_rebuilt(struct troth_store *store)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        assert_int_equal(store->rebuilt(store, i), TROTH_OK);
    }
}

static inline struct troth_store *open_connected(void)
{
    const struct troth_redis_store_config config = store_config();
    struct troth_store *store = open_with(&config);
    bool fresh = false;
    if (!store->connected(store, &fresh)) {
        fail_msg("%s", store->error(store));
    }
    assert_true(fresh);
    assert_true(store->connected(store, &fresh));
    assert_false(fresh);
    (void)own(store, 0);
    return store;
}

static inline void put(struct troth_store *store, unsigned i, unsigned rung, uint16_t score)
{
    const struct publications *made = publications_of(i, rung, score);
    assert_int_equal(store->put_standing(store, &made->standing), TROTH_OK);
    assert_int_equal(store->put_agent(store, &made->agent), TROTH_OK);
}

/* Where much is unanswered it says so, and has taken it all the same. */
static inline void flush(struct troth_store *store)
{
    const troth_status status = store->flush(store);
    assert_true(status == TROTH_OK || status == TROTH_FULL);
}

static inline void settle(struct troth_store *store)
{
    flush(store);
    const troth_status status = store->acknowledged(store, 10000000);
    if (status != TROTH_OK) {
        fail_msg("%s: %s", troth_status_name(status), store->error(store));
    }
}

static inline void narrow(struct troth_store *store, unsigned i, unsigned rung)
{
    static const char record[] = "{\"id\":\"1\"}";
    const struct publications *made = publications_of(i, rung, 7);
    assert_int_equal(store->narrow(store, &made->standing, &made->agent, record, sizeof record - 1),
                     TROTH_OK);
    assert_int_equal(store->narrowed(store, 1000000), TROTH_OK);
}

static inline int empty(void **state)
{
    (void)state;
    ask("FLUSHALL");
    return 0;
}

/* Ends the server and removes what it left, also after a failure. */
static inline void clean_up(void)
{
    static const char *const names[] = {"socket", "log", "password", "nodes.conf", "dump.rdb"};
    stop();
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_LENGTH_MAX + 16];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
}

/* Starts the server and fills the shard. Returns false where there is no redis-server: said aloud.
 */
static inline bool fixture_begin(const char *test)
{
    if (system("redis-server --version > /dev/null 2>&1") != 0) {
        printf("SKIP %s: there is no redis-server on the PATH\n", test);
        return false;
    }
    const char *temporary = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/troth-redis-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(directory) == NULL || atexit(clean_up) != 0) {
        perror(directory);
        exit(1);
    }
    make_shard();
    start(NULL, NULL);
    return true;
}

#endif
