/*
 * Claims, each against a real redis-server that the test starts and ends: what the store writes is
 * what schemas/redis.md documents, field by field; an agent stands in the sets of its capabilities
 * and in no other, through every change and across engines; nothing older lands on a narrowing;
 * refusals, losses and bounds are told and leave nothing half done; the documented ACLs are enough.
 * Without a redis-server binary it says SKIP.
 */
#include "tests/support/test.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ops/redis_layout.h"
#include "ops/redis_store.h"
#include "scoring/agents.h"

enum { AGENTS_MAX = 4000, PATH_LENGTH_MAX = 128, DOCUMENT_LENGTH_MAX = 65536 };

#define NOW_US INT64_C(1790000000000000)

static const char odd_name[] = "a:b \"\xff\xc3\xa9*{x}:refunds";

/* ---- a server ---- */

static char directory[PATH_LENGTH_MAX];
static char address[PATH_LENGTH_MAX + 16];
static pid_t server;

/* Starts redis-server and waits until it answers. In option, value: one more setting, or NULL. */
static void start(const char *option, const char *value)
{
    char socket[PATH_LENGTH_MAX + 8];
    snprintf(socket, sizeof socket, "%s/socket", directory);
    snprintf(address, sizeof address, "unix:%s", socket);
    unlink(socket);
    server = fork();
    if (server == 0) {
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

static void stop(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
        server = 0;
    }
}

/* Runs a command on a connection of its own. In format: hiredis's, where %b is bytes and length. */
static redisReply *ask(const char *format, ...)
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

static long long count_of(const char *command, const char *key)
{
    return ask("%s %s", command, key)->integer;
}

/* ---- a shard to publish from ---- */

static const char yaml[] =
    "contract: refunds\n"
    "version: 3\n"
    "promise: Refund agents settle valid claims.\n"
    "owner: payments-ops\n"
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

static void apply(struct troth_text agent)
{
    static int64_t offset = 100;
    const struct troth_event event = {.present = 1U << TROTH_FIELD_OUTCOME,
                                      .kind = TROTH_KIND_TASK,
                                      .outcome = TROTH_OUTCOME_OK,
                                      .at_us = NOW_US,
                                      .agent = agent};
    assert_int_equal(troth_shard_apply(shard, NOW_US, offset++, &event, troth_agents_hash(agent)),
                     TROTH_OK);
}

static struct troth_text agent_name(unsigned i)
{
    static char name[32];
    return (struct troth_text){.data = name,
                               .length = (uint32_t)snprintf(name, sizeof name, "refund-%u", i)};
}

static void make_shard(void)
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
    apply((struct troth_text){.data = odd_name, .length = sizeof odd_name - 1});
}

/* What is published of agent i (AGENTS_MAX: the odd one), as if its meet were at a rung. */
struct publications {
    struct troth_standing_view view;
    struct troth_cause why;
    struct troth_publication standing;
    struct troth_agent_publication agent;
};

static struct publications *publications_of(unsigned i, unsigned rung, uint16_t score)
{
    static struct publications made;
    memset(&made, 0, sizeof made);
    assert_true(troth_shard_view(shard, i, &made.view));
    made.why = troth_standing_cause(&rules, made.view.standing);
    made.standing = (struct troth_publication){
        .partition = 3,
        .as_of_us = NOW_US,
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
    made.agent = (struct troth_agent_publication){
        .partition = 3, .as_of_us = NOW_US, .agent = made.view.agent};
    troth_meet_of(&made.agent.meet, &offer, 1);
    return &made;
}

/* ---- a store ---- */

static int64_t ahead_us; /* by how much the store's clock is ahead of the machine's */

static int64_t shifted_us(void *context)
{
    const struct troth_clock *machine = context;
    return machine->monotonic_us(machine->context) + ahead_us;
}

static struct troth_redis_store_config store_config(void)
{
    static struct troth_clock machine;
    machine = troth_clock_system();
    return (struct troth_redis_store_config){
        .redis = {.prefix = "troth", .address = address},
        .clock = {.monotonic_us = shifted_us, .wall_us = machine.wall_us, .context = &machine}};
}

static struct troth_store *open_with(const struct troth_redis_store_config *config)
{
    struct troth_store *store = NULL;
    assert_int_equal(troth_redis_store_open_with(config, &store), TROTH_OK);
    return store;
}

static struct troth_store *open_connected(void)
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
    return store;
}

static void put(struct troth_store *store, unsigned i, unsigned rung, uint16_t score)
{
    const struct publications *made = publications_of(i, rung, score);
    assert_int_equal(store->put_standing(store, &made->standing), TROTH_OK);
    assert_int_equal(store->put_agent(store, &made->agent), TROTH_OK);
}

static void settle(struct troth_store *store)
{
    assert_int_equal(store->flush(store), TROTH_OK);
    const troth_status status = store->acknowledged(store, 10000000);
    if (status != TROTH_OK) {
        fail_msg("%s: %s", troth_status_name(status), store->error(store));
    }
}

static void narrow(struct troth_store *store, unsigned i, unsigned rung)
{
    static const char record[] = "{\"id\":\"1\"}";
    const struct publications *made = publications_of(i, rung, 7);
    assert_int_equal(store->narrow(store, &made->standing, &made->agent, record, sizeof record - 1),
                     TROTH_OK);
    assert_int_equal(store->narrowed(store), TROTH_OK);
}

static const char *agent_field(unsigned i, const char *field)
{
    const struct troth_text name = agent_name(i);
    const redisReply *reply = ask("HGET troth:agent:%b %s", name.data, (size_t)name.length, field);
    return reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
}

/* Whether agent i stands in the sets of refund and quote: 2 bits. */
static unsigned routes_of(unsigned i)
{
    static const char *const names[] = {"refund", "quote"};
    unsigned routes = 0;
    for (unsigned c = 0; c < 2; c++) {
        const struct troth_text name = agent_name(i);
        const redisReply *reply =
            ask("ZSCORE troth:route:%s %b", names[c], name.data, (size_t)name.length);
        routes |= reply->type == REDIS_REPLY_STRING ? 1U << c : 0;
    }
    return routes;
}

enum { REFUND = 1, QUOTE = 2 };

/* ---- the documentation ---- */

static char document[DOCUMENT_LENGTH_MAX];

static void read_document(void)
{
    FILE *file = fopen("schemas/redis.md", "re");
    assert_non_null(file);
    const size_t length = fread(document, 1, sizeof document - 1, file);
    fclose(file);
    assert_true(length > 0 && length < sizeof document - 1);
    document[length] = '\0';
}

/* Finds a section, from its heading to the next one. Returns its end. */
static const char *find_section(const char *heading, const char **begin)
{
    *begin = strstr(document, heading);
    assert_non_null(*begin);
    const char *end = strstr(*begin + 3, "\n## ");
    return end != NULL ? end : document + strlen(document);
}

static bool is_documented(const char *heading, const char *field)
{
    const char *begin = NULL;
    const char *end = find_section(heading, &begin);
    char row[160];
    snprintf(row, sizeof row, "\n| `%s` |", field);
    const char *found = strstr(begin, row);
    return found != NULL && found < end;
}

/* A term's field as the documentation names it. */
static void general_name(const char *field, char *name, size_t capacity)
{
    const char *last = strrchr(field, '.');
    if (strncmp(field, "term.", 5) == 0 && last != NULL) {
        snprintf(name, capacity, "term.NAME%s", last);
    } else {
        snprintf(name, capacity, "%s", field);
    }
}

/* Holds a hash to its section, in both directions. */
static void compare_with_document(const char *heading, const redisReply *hash)
{
    assert_true(hash->elements >= 4);
    for (size_t i = 0; i < hash->elements; i += 2) {
        char name[128];
        general_name(hash->element[i]->str, name, sizeof name);
        if (!is_documented(heading, name)) {
            fail_msg("%s: %s is written and not documented", heading, name);
        }
    }
    const char *at = NULL;
    const char *end = find_section(heading, &at);
    unsigned rows = 0;
    for (at = strstr(at, "\n| `"); at != NULL && at < end; at = strstr(at + 1, "\n| `")) {
        const size_t length = strcspn(at + 4, "`");
        bool written = false;
        for (size_t i = 0; i < hash->elements && !written; i += 2) {
            char name[128];
            general_name(hash->element[i]->str, name, sizeof name);
            written = strlen(name) == length && memcmp(name, at + 4, length) == 0;
        }
        if (!written) {
            fail_msg("%s: %.*s is documented and not written", heading, (int)length, at + 4);
        }
        rows++;
    }
    assert_true(rows >= 1);
}

static void what_is_written_is_what_is_documented(void **state)
{
    (void)state;
    read_document();
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 900);
    narrow(store, 1, TROTH_RUNG_NARROW);
    settle(store);
    compare_with_document("\n## troth:meta\n", ask("HGETALL troth:meta"));
    compare_with_document("\n## troth:agent:AGENT\n", ask("HGETALL troth:agent:refund-0"));
    compare_with_document("\n## troth:standing:AGENT:CONTRACT\n",
                          ask("HGETALL troth:standing:refund-0:refunds"));
    compare_with_document("\n## troth:contract:CONTRACT\n", ask("HGETALL troth:contract:refunds"));
    const redisReply *entry = ask("XRANGE troth:interventions - +");
    assert_int_equal(entry->elements, 1);
    assert_string_equal(entry->element[0]->element[1]->element[0]->str, "record");
    assert_string_equal(entry->element[0]->element[1]->element[1]->str, "{\"id\":\"1\"}");
    /* Every key there is has a row. */
    const redisReply *keys = ask("KEYS *");
    assert_int_equal(keys->elements, 12);
    for (size_t i = 0; i < keys->elements; i++) {
        char kind[64];
        snprintf(kind, sizeof kind, "\n| `troth:%.*s", (int)strcspn(keys->element[i]->str + 6, ":"),
                 keys->element[i]->str + 6);
        assert_non_null(strstr(document, kind));
    }
    store->close(store);
}

static void a_contract_in_redis_reads_back_to_itself(void **state)
{
    (void)state;
    static struct troth_contract back;
    struct troth_problems problems = {0};
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 900);
    settle(store);
    const redisReply *json = ask("HGET troth:contract:refunds json");
    assert_int_equal(troth_contract_parse(json->str, (size_t)json->len, &back, &problems),
                     TROTH_OK);
    assert_memory_equal(&back, &contract, sizeof contract);
    store->close(store);
}

static void any_name_of_an_agent_passes(void **state)
{
    (void)state;
    const size_t length = sizeof odd_name - 1;
    struct troth_store *store = open_connected();
    put(store, AGENTS_MAX, TROTH_RUNG_CLEAR, 512);
    settle(store);
    const redisReply *reply =
        ask("HMGET troth:standing:%b:refunds agent score compliance rung why", odd_name, length);
    assert_int_equal(reply->element[0]->len, length);
    assert_memory_equal(reply->element[0]->str, odd_name, length);
    assert_string_equal(reply->element[1]->str, "512");
    assert_string_equal(reply->element[2]->str, "0.25");
    assert_string_equal(reply->element[3]->str, "recertify");
    assert_string_equal(reply->element[4]->str, "new, so nothing is proven yet");
    reply = ask("HMGET troth:agent:%b agent traffic capabilities limiting good_until", odd_name,
                length);
    assert_memory_equal(reply->element[0]->str, odd_name, length);
    assert_string_equal(reply->element[1]->str, "1");
    assert_string_equal(reply->element[2]->str, "refund,quote");
    assert_string_equal(reply->element[3]->str, "refunds/resolves");
    assert_string_equal(reply->element[4]->str, "1790000000000001");
    assert_string_equal(ask("ZSCORE troth:route:quote %b", odd_name, length)->str, "512");
    assert_string_equal(ask("ZSCORE troth:fleet:refunds %b", odd_name, length)->str, "20512");
    store->close(store);
}

static void an_agent_stands_in_its_sets_and_no_other(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    static const struct {
        unsigned rung;
        unsigned routes;
    } steps[] = {{TROTH_RUNG_CLEAR, REFUND | QUOTE},  {TROTH_RUNG_NARROW, QUOTE},
                 {TROTH_RUNG_CLEAR, REFUND | QUOTE},  {TROTH_RUNG_PAUSE, 0},
                 {TROTH_RUNG_REVIEW, REFUND | QUOTE}, {TROTH_RUNG_NARROW, QUOTE},
                 {TROTH_RUNG_NARROW, QUOTE},          {TROTH_RUNG_PAUSE, 0}};
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        put(store, 0, steps[i].rung, 100);
        settle(store);
        assert_int_equal(routes_of(0), steps[i].routes);
    }
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        narrow(store, 0, steps[i].rung);
        assert_int_equal(routes_of(0), steps[i].routes);
    }
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    settle(store);
    store->close(store);
    /* Another engine, which never saw the agent with `refund`. */
    store = open_connected();
    put(store, 0, TROTH_RUNG_NARROW, 100);
    settle(store);
    assert_int_equal(routes_of(0), QUOTE);
    assert_int_equal(store->remove(store, agent_name(0), "refunds", true), TROTH_OK);
    settle(store);
    assert_int_equal(routes_of(0), 0);
    assert_int_equal(count_of("EXISTS", "troth:agent:refund-0"), 0);
    assert_int_equal(count_of("EXISTS", "troth:standing:refund-0:refunds"), 0);
    assert_int_equal(count_of("ZCARD", "troth:fleet:refunds"), 0);
    store->close(store);
}

static void an_agent_without_a_standing_that_counts_is_unproven(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    struct troth_agent_publication shadowed = {.partition = 3, .agent = agent_name(0)};
    troth_meet_of(&shadowed.meet, NULL, 0);
    assert_int_equal(store->put_agent(store, &shadowed), TROTH_OK);
    settle(store);
    assert_int_equal(count_of("EXISTS", "troth:agent:refund-0"), 0);
    assert_int_equal(routes_of(0), 0);
    store->close(store);
}

static void nothing_older_lands_on_a_narrowing(void **state)
{
    (void)state;
    uint64_t random = random_seed("nothing_older_lands_on_a_narrowing");
    static bool narrowed[AGENTS_MAX];
    memset(narrowed, 0, sizeof narrowed);
    struct troth_store *store = open_connected();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < AGENTS_MAX; i++) {
            if (!narrowed[i]) {
                put(store, i, TROTH_RUNG_CLEAR, (uint16_t)(500 + round));
            }
            if (i == AGENTS_MAX / 2) { /* so some is unsent, some in flight, some answered */
                assert_int_equal(store->flush(store), TROTH_OK);
            }
        }
        for (unsigned n = 0; n < 60; n++) {
            const unsigned i = (unsigned)random_below(&random, AGENTS_MAX);
            narrow(store, i, TROTH_RUNG_PAUSE);
            narrowed[i] = true;
            assert_string_equal(agent_field(i, "rung"), "pause");
        }
        settle(store);
    }
    for (unsigned i = 0; i < AGENTS_MAX; i++) {
        assert_string_equal(agent_field(i, "rung"), narrowed[i] ? "pause" : "clear");
    }
    assert_int_equal(count_of("ZCARD", "troth:fleet:refunds"), AGENTS_MAX);
    /* A removal that was queued before is not taken back, and still comes before. */
    assert_int_equal(store->remove(store, agent_name(5), "refunds", true), TROTH_OK);
    narrow(store, 5, TROTH_RUNG_PAUSE);
    settle(store);
    assert_string_equal(agent_field(5, "rung"), "pause");
    store->close(store);
}

static void a_narrowing_is_told_and_a_widening_waits_for_the_flush(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    redisContext *listener = redisConnectUnix(address + 5);
    freeReplyObject(redisCommand(listener, "SUBSCRIBE troth:narrowed"));
    assert_int_equal(store->announce(store, "{\"to\":\"clear\"}", 14), TROTH_OK);
    assert_int_equal(count_of("XLEN", "troth:interventions"), 0);
    narrow(store, 1, TROTH_RUNG_PAUSE);
    assert_int_equal(count_of("XLEN", "troth:interventions"), 1);
    settle(store);
    assert_int_equal(count_of("XLEN", "troth:interventions"), 2);
    void *message = NULL;
    assert_int_equal(redisGetReply(listener, &message), REDIS_OK);
    assert_string_equal(((redisReply *)message)->element[2]->str, "{\"id\":\"1\"}");
    freeReplyObject(message);
    redisFree(listener);
    store->close(store);
}

static void a_refusal_is_told_once_and_kept(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    ask("SET troth:route:refund a-text");
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    assert_int_equal(store->flush(store), TROTH_OK);
    assert_int_equal(store->acknowledged(store, 10000000), TROTH_REFUSED);
    assert_non_null(strstr(store->error(store), "WRONGTYPE"));
    assert_int_equal(store->acknowledged(store, 10000000), TROTH_OK);
    const struct publications *made = publications_of(1, TROTH_RUNG_CLEAR, 7);
    assert_int_equal(store->narrow(store, &made->standing, &made->agent, "{}", 2), TROTH_OK);
    assert_int_equal(store->narrowed(store), TROTH_REFUSED);
    struct troth_redis_store_counts counts;
    troth_redis_store_count(store, &counts);
    assert_int_equal(counts.refusals, 2);
    store->close(store);
}

static void a_loss_forgets_and_a_second_later_it_is_fresh(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    bool fresh = false;
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    stop();
    troth_status status = store->flush(store);
    status = status == TROTH_OK ? store->acknowledged(store, 10000000) : status;
    assert_int_equal(status, TROTH_UNREACHABLE);
    assert_true(strlen(store->error(store)) > 0);
    const struct publications *made = publications_of(0, TROTH_RUNG_CLEAR, 7);
    assert_int_equal(store->put_standing(store, &made->standing), TROTH_UNREACHABLE);
    assert_int_equal(store->put_agent(store, &made->agent), TROTH_UNREACHABLE);
    assert_int_equal(store->narrow(store, &made->standing, &made->agent, "{}", 2),
                     TROTH_UNREACHABLE);
    assert_int_equal(store->flush(store), TROTH_UNREACHABLE);
    ahead_us += 1000000;
    assert_false(store->connected(store, &fresh));
    assert_non_null(strstr(store->error(store), address));
    start(NULL, NULL);
    assert_false(store->connected(store, &fresh)); /* tried less than a second ago */
    ahead_us += 1000000;
    assert_true(store->connected(store, &fresh));
    assert_true(fresh);
    assert_string_equal(ask("HGET troth:meta rebuilding")->str, "1");
    assert_int_equal(count_of("EXISTS", "troth:agent:refund-0"), 0);
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    settle(store);
    settle(store); /* nothing more to put: the view is whole */
    assert_string_equal(ask("HGET troth:meta rebuilding")->str, "0");
    assert_int_equal(routes_of(0), REFUND | QUOTE);
    store->close(store);
}

static void a_full_buffer_keeps_what_it_took(void **state)
{
    (void)state;
    struct troth_redis_store_config config = store_config();
    config.buffer_max = 200000;
    struct troth_store *store = open_with(&config);
    bool fresh = false;
    assert_true(store->connected(store, &fresh));
    unsigned taken = 0;
    while (taken < AGENTS_MAX) {
        const struct publications *made = publications_of(taken, TROTH_RUNG_CLEAR, 7);
        const troth_status status = store->put_standing(store, &made->standing);
        if (status != TROTH_OK) {
            assert_int_equal(status, TROTH_FULL);
            break;
        }
        taken++;
    }
    assert_true(taken > 10 && taken < AGENTS_MAX);
    settle(store);
    assert_int_equal(count_of("ZCARD", "troth:fleet:refunds"), taken);
    put(store, taken, TROTH_RUNG_CLEAR, 7);
    settle(store);
    assert_int_equal(count_of("ZCARD", "troth:fleet:refunds"), taken + 1);
    store->close(store);
}

/* Runs an ACL rule of the document, its lines put together. */
static void apply_documented_acl(const char *user, const char *password)
{
    char rule[2048] = "";
    char wanted[64];
    snprintf(wanted, sizeof wanted, "ACL SETUSER %s on >PASSWORD ", user);
    const char *begin = strstr(document, wanted);
    assert_non_null(begin);
    const char *end = strstr(begin, "\n\n");
    assert_non_null(end);
    snprintf(rule, sizeof rule, "ACL SETUSER %s on >%s %.*s", user, password,
             (int)(end - begin) - (int)strlen(wanted), begin + strlen(wanted));
    const char *words[64];
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(rule, " \n", &rest); word != NULL && count < 64;
         word = strtok_r(NULL, " \n", &rest)) {
        words[count++] = word;
    }
    redisContext *context = redisConnectUnix(address + 5);
    redisReply *reply = redisCommandArgv(context, count, words, NULL);
    assert_non_null(reply);
    assert_string_equal(reply->str, "OK");
    freeReplyObject(reply);
    redisFree(context);
}

static void write_password(char path[PATH_LENGTH_MAX + 16], const char *password)
{
    snprintf(path, PATH_LENGTH_MAX + 16, "%s/password", directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "%s\n", password);
    fclose(file);
}

static void the_documented_user_may_do_all_that_is_done(void **state)
{
    (void)state;
    read_document();
    apply_documented_acl("troth", "s3cret");
    apply_documented_acl("router", "other");
    char path[PATH_LENGTH_MAX + 16];
    struct troth_redis_store_config config = store_config();
    config.redis.user = "troth";
    config.redis.password_file = path;
    config.redis.database = 2;
    bool fresh = false;
    write_password(path, "wr0ng");
    struct troth_store *store = open_with(&config);
    assert_false(store->connected(store, &fresh));
    assert_non_null(strstr(store->error(store), "WRONGPASS"));
    assert_null(strstr(store->error(store), "wr0ng"));
    ahead_us += 1000000;
    write_password(path, "s3cret"); /* it is read at each try */
    assert_true(store->connected(store, &fresh));
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    narrow(store, 0, TROTH_RUNG_PAUSE);
    assert_int_equal(store->announce(store, "{}", 2), TROTH_OK);
    assert_int_equal(store->remove(store, agent_name(0), "refunds", true), TROTH_OK);
    settle(store);
    settle(store);
    struct troth_redis_store_counts counts;
    troth_redis_store_count(store, &counts);
    assert_int_equal(counts.refusals, 0);
    assert_int_equal(ask("DBSIZE")->integer, 0);
    store->close(store);
    /* The router's user reads, and cannot write. */
    redisContext *router = redisConnectUnix(address + 5);
    static const struct {
        const char *command;
        bool allowed;
    } commands[] = {{"AUTH router other", true},
                    {"HMGET troth:agent:a rung traffic", true},
                    {"ZREVRANGE troth:route:quote 0 9", true},
                    {"XREAD STREAMS troth:interventions 0", true},
                    {"HSET troth:agent:a rung clear", false},
                    {"ZADD troth:route:quote 1000 a", false},
                    {"PUBLISH troth:narrowed x", false},
                    {"HGETALL other:key", false},
                    {"KEYS *", false}};
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        redisReply *reply = redisCommand(router, commands[i].command);
        assert_non_null(reply);
        if ((reply->type != REDIS_REPLY_ERROR) != commands[i].allowed) {
            fail_msg("%s: %s", commands[i].command, reply->str != NULL ? reply->str : "allowed");
        }
        freeReplyObject(reply);
    }
    redisFree(router);
}

static void a_layout_of_a_later_version_is_left_alone(void **state)
{
    (void)state;
    ask("HSET troth:meta version 2");
    const struct troth_redis_store_config config = store_config();
    struct troth_store *store = open_with(&config);
    bool fresh = false;
    assert_false(store->connected(store, &fresh));
    assert_non_null(strstr(store->error(store), "layout 2"));
    assert_string_equal(ask("HGET troth:meta version")->str, "2");
    store->close(store);
}

static void a_cluster_is_refused(void **state)
{
    (void)state;
    stop();
    start("--cluster-enabled", "yes");
    const struct troth_redis_store_config config = store_config();
    struct troth_store *store = open_with(&config);
    bool fresh = false;
    assert_false(store->connected(store, &fresh));
    assert_non_null(strstr(store->error(store), "Redis Cluster"));
    store->close(store);
    stop();
    start(NULL, NULL);
}

static int empty(void **state)
{
    (void)state;
    ask("FLUSHALL");
    return 0;
}

/* Ends the server and removes what it left, also after a failure. */
static void clean_up(void)
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

static int begin(void **state)
{
    (void)state;
    make_shard();
    start(NULL, NULL);
    return 0;
}

int main(void)
{
    if (system("redis-server --version > /dev/null 2>&1") != 0) {
        printf("SKIP redis_store_test: there is no redis-server on the PATH\n");
        return 0;
    }
    const char *temporary = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/troth-redis-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(directory) == NULL || atexit(clean_up) != 0) {
        perror(directory);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_written_is_what_is_documented, empty),
        cmocka_unit_test_setup(a_contract_in_redis_reads_back_to_itself, empty),
        cmocka_unit_test_setup(any_name_of_an_agent_passes, empty),
        cmocka_unit_test_setup(an_agent_stands_in_its_sets_and_no_other, empty),
        cmocka_unit_test_setup(an_agent_without_a_standing_that_counts_is_unproven, empty),
        cmocka_unit_test_setup(nothing_older_lands_on_a_narrowing, empty),
        cmocka_unit_test_setup(a_narrowing_is_told_and_a_widening_waits_for_the_flush, empty),
        cmocka_unit_test_setup(a_refusal_is_told_once_and_kept, empty),
        cmocka_unit_test_setup(a_full_buffer_keeps_what_it_took, empty),
        cmocka_unit_test_setup(the_documented_user_may_do_all_that_is_done, empty),
        cmocka_unit_test_setup(a_layout_of_a_later_version_is_left_alone, empty),
        cmocka_unit_test_setup(a_loss_forgets_and_a_second_later_it_is_fresh, empty),
        cmocka_unit_test(a_cluster_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
