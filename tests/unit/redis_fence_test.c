/*
 * Claims, each against a real redis-server that the test starts and ends: who does not own a
 * partition changes nothing, on neither connection, wherever among the bytes of a flush it was
 * replaced; a new owner finds what was applied, and that never goes back; a view that is lost under
 * a live connection, whole or in part, or that comes back older, is noticed and said to be rebuilt
 * until every owner has written; a timid narrowing never widens. Without a redis-server binary it
 * says SKIP.
 */
#include "tests/support/redis.h"

#include <sys/socket.h>

#include "ops/redis/fence.h"
#include "ops/redis/pipe.h"

static const char *field(const char *key, const char *name)
{
    const redisReply *reply = ask("HGET %s %s", key, name);
    return reply->type == REDIS_REPLY_STRING ? reply->str : "none";
}

static const char *rung_of(unsigned i)
{
    char key[64];
    snprintf(key, sizeof key, "troth:agent:%s", agent_name(i).data);
    return field(key, "rung");
}

static uint64_t fenced(struct troth_store *store)
{
    struct troth_redis_store_counts counts;
    troth_redis_store_count(store, &counts);
    return counts.fenced;
}

static void put_at(struct troth_store *store, unsigned i, unsigned rung, int64_t applied)
{
    struct publications *made = publications_of(i, rung, 100);
    made->standing.applied = applied;
    made->agent.applied = applied;
    assert_int_equal(store->put_standing(store, &made->standing), TROTH_OK);
    assert_int_equal(store->put_agent(store, &made->agent), TROTH_OK);
}

static void narrow_at(struct troth_store *store, unsigned i, unsigned rung, int64_t applied,
                      bool timid)
{
    struct publications *made = publications_of(i, rung, 7);
    made->standing.applied = applied;
    made->standing.timid = timid;
    assert_int_equal(store->narrow(store, &made->standing, &made->agent, "{}", 2), TROTH_OK);
    assert_int_equal(store->narrowed(store, 1000000), TROTH_OK);
}

/* A number that two databases with the same keys and contents share. */
static uint64_t contents(void)
{
    uint64_t sum = 0;
    redisContext *context = redisConnectUnix(address + 5);
    redisReply *keys = redisCommand(context, "KEYS *");
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        redisReply *dump = redisCommand(context, "DUMP %b", key->str, (size_t)key->len);
        redisReply *ttl = redisCommand(context, "TTL %b", key->str, (size_t)key->len);
        const struct troth_text parts[] = {{key->str, (uint32_t)key->len},
                                           {dump->str, (uint32_t)dump->len}};
        sum +=
            troth_agents_hash(parts[0]) * 31 + troth_agents_hash(parts[1]) + (uint64_t)ttl->integer;
        freeReplyObject(dump);
        freeReplyObject(ttl);
    }
    freeReplyObject(keys);
    redisFree(context);
    return sum;
}

/* ---- who does not own ---- */

static void who_was_replaced_changes_nothing(void **state)
{
    (void)state;
    struct troth_store *flushes = open_connected();
    struct troth_store *narrows = open_connected();
    struct troth_store *owner = open_connected();
    (void)own(flushes, 5);
    (void)own(narrows, 5);
    put(flushes, 0, TROTH_RUNG_CLEAR, 100);
    settle(flushes);
    (void)own(owner, 6);
    put(owner, 1, TROTH_RUNG_WARN, 100);
    settle(owner);
    const uint64_t before = contents();
    put_at(flushes, 1, TROTH_RUNG_CLEAR, 900);
    put_at(flushes, 2, TROTH_RUNG_CLEAR, 900);
    assert_int_equal(flushes->announce(flushes, 3, 900, "{}", 2), TROTH_OK);
    assert_int_equal(flushes->remove(flushes, 3, 900, agent_name(1), "refunds", true), TROTH_OK);
    assert_int_equal(flushes->rebuilt(flushes, 3), TROTH_OK);
    settle(flushes);
    assert_int_equal(fenced(flushes), 1);
    narrow_at(narrows, 1, TROTH_RUNG_PAUSE, 900, false);
    assert_int_equal(fenced(narrows), 1);
    struct troth_store *stale[] = {flushes, narrows};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(stale[i]->ownership(stale[i], 3), TROTH_NOT_FOUND);
        const struct publications *made = publications_of(1, TROTH_RUNG_PAUSE, 7);
        assert_int_equal(stale[i]->put_standing(stale[i], &made->standing), TROTH_NOT_FOUND);
        assert_int_equal(stale[i]->put_agent(stale[i], &made->agent), TROTH_NOT_FOUND);
        assert_int_equal(stale[i]->narrow(stale[i], &made->standing, &made->agent, "{}", 2),
                         TROTH_NOT_FOUND);
        int64_t applied = 0;
        assert_int_equal(try_to_own(stale[i], 3, 5, &applied), TROTH_FENCED);
        assert_non_null(strstr(stale[i]->error(stale[i]), "troth:shard:3"));
    }
    assert_true(contents() == before);
    /* The owner was not disturbed, and what it writes now is whole, its first contract too. */
    put(owner, 2, TROTH_RUNG_CLEAR, 100);
    settle(owner);
    assert_int_equal(fenced(owner), 0);
    assert_string_equal(rung_of(2), "clear");
    for (unsigned i = 0; i < 2; i++) {
        stale[i]->close(stale[i]);
    }
    owner->close(owner);
}

/* What one who is refused knows of the server is not taken for written. */
static void what_was_refused_is_written_by_the_next_claim(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    struct troth_store *other = open_connected();
    (void)own(store, 1);
    (void)own(other, 2);
    put(store, 0, TROTH_RUNG_CLEAR, 100); /* with the contract and the capabilities */
    settle(store);
    assert_int_equal(count_of("EXISTS", "troth:contract:refunds"), 0);
    (void)own(store, 3);
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    settle(store);
    assert_int_equal(count_of("EXISTS", "troth:contract:refunds"), 1);
    assert_int_equal(count_of("SCARD", "troth:capabilities"), 2);
    assert_string_equal(rung_of(0), "clear");
    store->close(store);
    other->close(other);
}

static void write_all(redisContext *context, const char *data, size_t length)
{
    while (length > 0) {
        const ssize_t sent = write(context->fd, data, length);
        assert_true(sent > 0);
        data += sent;
        length -= (size_t)sent;
    }
}

static long long answer_of(redisContext *context, int *type)
{
    void *reply = NULL;
    assert_int_equal(redisGetReply(context, &reply), REDIS_OK);
    const long long integer = ((redisReply *)reply)->integer;
    *type = ((redisReply *)reply)->type;
    freeReplyObject(reply);
    return integer;
}

/* The bytes of a flush are cut at every place, and a new owner comes in between. */
static void a_flush_is_fenced_wherever_it_is_cut(void **state)
{
    (void)state;
    struct troth_fences fences;
    struct troth_fence *fence = NULL;
    struct troth_resp resp;
    troth_fences_init(&fences, "troth");
    troth_resp_init(&resp, 65536);
    struct troth_store *owner = open_connected();
    redisContext *context = redisConnectUnix(address + 5);
    size_t length = SIZE_MAX;
    for (size_t cut = 0; cut <= length; cut++) {
        const struct troth_store_claim claim = {
            .partition = 3, .partitions = PARTITIONS, .era = 1, .claim = (int64_t)cut * 2 + 1};
        int type = 0;
        assert_int_equal(troth_fences_claim(&fences, &claim, &fence), TROTH_OK);
        troth_resp_rollback(&resp, (struct troth_resp_mark){0});
        troth_fence_write_own(&resp, &fences, fence);
        write_all(context, resp.data, resp.length);
        assert_true(answer_of(context, &type) >= TROTH_OFFSET_NONE);
        troth_resp_rollback(&resp, (struct troth_resp_mark){0});
        fence->applied = 7;
        troth_fence_write_begin(&resp, &fences, fence);
        troth_resp_begin(&resp, "SET");
        troth_resp_string(&resp, "troth:agent:cut");
        troth_resp_integer(&resp, claim.claim);
        troth_resp_end(&resp);
        troth_fence_write_end(&resp);
        length = resp.length;
        write_all(context, resp.data, cut);
        /* What stands before the cut may be read only after the new owner has come: either will
         * do, and with the last byte before it the flush may have been in time. */
        int64_t applied = 0;
        assert_int_equal(try_to_own(owner, 3, claim.claim + 1, &applied), TROTH_OK);
        write_all(context, resp.data + cut, resp.length - cut);
        for (uint64_t i = 0; i < resp.commands; i++) {
            (void)answer_of(context, &type);
        }
        const bool done = count_of("EXISTS", "troth:agent:cut") == 1;
        assert_true(done == (type == REDIS_REPLY_ARRAY));
        assert_true(!done || cut == length);
        ask("DEL troth:agent:cut");
    }
    assert_true(length > 300);
    redisFree(context);
    troth_resp_fini(&resp);
    troth_fences_fini(&fences);
    owner->close(owner);
}

/* A new owner comes between the check's good word and EXEC: a server that answers so. */
static void a_flush_undone_after_a_good_word_is_not_taken_for_done(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "+OK\r\n:0\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*-1\r\n",
        "+OK\r\n:0\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n"};
    struct troth_fences fences;
    struct troth_fence *fence = NULL;
    struct troth_pipe pipe;
    int ends[2];
    const struct troth_store_claim claim = {.partitions = 1, .era = 1};
    troth_fences_init(&fences, "troth");
    assert_int_equal(troth_fences_claim(&fences, &claim, &fence), TROTH_OK);
    assert_int_equal(troth_pipe_init(&pipe, 65536, troth_clock_system(), &fences), TROTH_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    troth_pipe_open(&pipe, redisConnectFd(ends[0]));
    for (unsigned i = 0; i < 2; i++) { /* the second one is done */
        const size_t length = strlen(answers[i]);
        fence->owned = true;
        assert_int_equal(write(ends[1], answers[i], length), length);
        troth_pipe_begin(&pipe);
        troth_resp_begin(&pipe.out, "PING");
        troth_resp_end(&pipe.out);
        assert_int_equal(troth_pipe_end(&pipe, (struct troth_pipe_entry){.applied = 4 + i}),
                         TROTH_OK);
        troth_pipe_release(&pipe);
        assert_int_equal(troth_pipe_pump(&pipe, TROTH_PIPE_ANSWERED, 1000000), TROTH_OK);
        assert_true(fence->owned == (i == 1));
    }
    assert_true(fence->doubted);
    assert_int_equal(pipe.fenced, 1);
    assert_int_equal(fence->acknowledged, 5);
    troth_pipe_fini(&pipe);
    close(ends[1]);
    troth_fences_fini(&fences);
}

/* Two who take the partition from each other while both publish: what stands there of an agent is
 * always the owner's, and each flush is there whole or not at all. */
static void owners_that_take_turns_never_mix(void **state)
{
    (void)state;
    uint64_t random = random_seed("owners_that_take_turns_never_mix");
    struct troth_store *stores[2] = {open_connected(), open_connected()};
    int64_t claim = 0;
    for (unsigned round = 0; round < 300; round++) {
        const unsigned owner = (unsigned)random_below(&random, 2);
        int64_t applied = 0;
        assert_int_equal(try_to_own(stores[owner], 3, ++claim, &applied), TROTH_OK);
        for (unsigned turn = 0; turn < 4; turn++) {
            const unsigned who = (unsigned)random_below(&random, 2);
            struct troth_store *store = stores[who];
            if (store->ownership(store, 3) != TROTH_OK) {
                continue; /* it has noticed */
            }
            const unsigned rung = who == 0 ? TROTH_RUNG_CLEAR : TROTH_RUNG_REVIEW;
            for (unsigned i = 0; i < 3; i++) {
                put_at(store, i, rung, (int64_t)round + 1);
            }
            if (random_below(&random, 2) == 0) {
                narrow_at(store, 3, who == 0 ? TROTH_RUNG_NARROW : TROTH_RUNG_PAUSE,
                          (int64_t)round + 1, false);
            }
            settle(store);
        }
        const char *expected[2] = {"clear", "review"};
        put_at(stores[owner], 0, owner == 0 ? TROTH_RUNG_CLEAR : TROTH_RUNG_REVIEW, 1);
        settle(stores[owner]);
        assert_string_equal(rung_of(0), expected[owner]);
        char first[16];
        snprintf(first, sizeof first, "%s", rung_of(1));
        assert_string_equal(rung_of(2), first);
    }
    assert_true(fenced(stores[0]) > 10 && fenced(stores[1]) > 10); /* else nothing was tried */
    stores[0]->close(stores[0]);
    stores[1]->close(stores[1]);
}

/* ---- what was applied ---- */

static void a_new_owner_finds_what_was_applied(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    struct troth_store *next = open_connected();
    assert_int_equal(own(store, 5), TROTH_OFFSET_NONE);
    put_at(store, 0, TROTH_RUNG_CLEAR, 40);
    narrow_at(store, 1, TROTH_RUNG_PAUSE, 50, false); /* ahead of what is queued */
    settle(store);
    assert_string_equal(field("troth:shard:3", "applied"), "50");
    assert_string_equal(field("troth:shard:3", "claim"), "5");
    int64_t applied = 0;
    assert_int_equal(try_to_own(next, 3, 9, &applied), TROTH_OK);
    assert_int_equal(applied, 50);
    put_at(next, 0, TROTH_RUNG_CLEAR, 45);
    settle(next);
    assert_string_equal(field("troth:shard:3", "applied"), "50");
    /* Offsets of another era are of another log. */
    const struct troth_store_claim era = {
        .partition = 3, .partitions = PARTITIONS, .era = 2, .claim = 1};
    assert_int_equal(store->own(store, &era, &applied), TROTH_OK);
    assert_int_equal(applied, TROTH_OFFSET_NONE);
    assert_string_equal(field("troth:meta", "era"), "2");
    assert_string_equal(field("troth:meta", "rebuilding"), "1");
    assert_int_equal(try_to_own(next, 3, 100, &applied), TROTH_FENCED);
    assert_int_equal(try_to_own(next, 2, 100, &applied), TROTH_FENCED); /* of any partition */
    store->close(store);
    next->close(next);
}

static void a_timid_narrowing_never_widens(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    for (unsigned there = TROTH_RUNG_CLEAR; there < TROTH_RUNG_COUNT; there++) {
        for (unsigned rung = TROTH_RUNG_WARN; rung < TROTH_RUNG_COUNT; rung++) {
            put(store, 0, there, 100);
            settle(store);
            narrow_at(store, 0, rung, 200, true);
            assert_string_equal(rung_of(0), troth_rung_name(rung > there ? rung : there));
            assert_int_equal(store->ownership(store, 3), TROTH_OK);
        }
    }
    narrow_at(store, 1, TROTH_RUNG_WARN, 200, true); /* where nothing stands */
    assert_string_equal(rung_of(1), "warn");
    assert_int_equal(fenced(store), 0);
    /* And it is fenced as any other. */
    struct troth_store *owner = open_connected();
    (void)own(owner, 3);
    narrow_at(store, 1, TROTH_RUNG_PAUSE, 200, true);
    assert_string_equal(rung_of(1), "warn");
    assert_int_equal(fenced(store), 1);
    store->close(store);
    owner->close(owner);
}

/* ---- a view that is lost ---- */

/* The view was lost; it is whole again when every partition has been written. */
static void heal(struct troth_store *store)
{
    assert_int_equal(store->ownership(store, 3), TROTH_NOT_FOUND);
    (void)own(store, 5);
    assert_string_equal(field("troth:meta", "rebuilding"), "1");
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(store->rebuilt(store, i), TROTH_OK);
    }
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    settle(store);
    assert_string_equal(field("troth:meta", "rebuilding"), "1");
    assert_int_equal(store->rebuilt(store, 3), TROTH_OK);
    settle(store);
    assert_string_equal(field("troth:meta", "rebuilding"), "0");
    assert_string_equal(rung_of(0), "clear");
    assert_int_equal(count_of("EXISTS", "troth:contract:refunds"), 1);
    assert_int_equal(count_of("SCARD", "troth:capabilities"), 2);
}

static struct troth_store *open_whole(void)
{
    struct troth_store *store = open_connected();
    (void)own(store, 5);
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    tell_rebuilt(store);
    settle(store);
    assert_string_equal(field("troth:meta", "rebuilding"), "0");
    return store;
}

static void a_view_lost_under_a_live_connection_heals(void **state)
{
    (void)state;
    struct troth_store *store = open_whole();
    /* By a flush, that leaves nothing half written; */
    ask("FLUSHALL");
    put(store, 1, TROTH_RUNG_CLEAR, 100);
    settle(store);
    assert_int_equal(ask("DBSIZE")->integer, 0);
    heal(store);
    /* by a narrowing; */
    ask("FLUSHALL");
    put(store, 2, TROTH_RUNG_CLEAR, 100); /* queued, and forgotten when it is owned anew */
    narrow_at(store, 1, TROTH_RUNG_PAUSE, 200, false);
    assert_int_equal(ask("DBSIZE")->integer, 0);
    assert_int_equal(store->ownership(store, 3), TROTH_NOT_FOUND);
    for (int32_t i = 0; i < 3; i++) { /* the others notice only when they are asked for */
        assert_int_equal(store->ownership(store, i), TROTH_OK);
    }
    heal(store);
    assert_string_equal(rung_of(2), "none");
    /* and by an engine that has nothing to write, within a second. */
    ask("FLUSHALL");
    ahead_us += 500000;
    settle(store);
    assert_int_equal(store->ownership(store, 3), TROTH_OK);
    ahead_us += 600000;
    settle(store);
    heal(store);
    store->close(store);
}

static void a_part_of_the_view_that_is_lost_heals(void **state)
{
    (void)state;
    static const char *const keys[] = {"troth:meta", "troth:fence:3"};
    for (unsigned i = 0; i < 2; i++) {
        ask("FLUSHALL");
        struct troth_store *store = open_whole();
        ask("DEL %s", keys[i]);
        put(store, 1, TROTH_RUNG_CLEAR, 100);
        settle(store);
        assert_int_equal(count_of("EXISTS", "troth:agent:refund-1"), 0);
        heal(store);
        store->close(store);
    }
    /* A key of another type is no reason to let a flush pass. */
    ask("FLUSHALL");
    struct troth_store *store = open_whole();
    ask("DEL troth:fence:3");
    ask("LPUSH troth:fence:3 x");
    put(store, 1, TROTH_RUNG_CLEAR, 100);
    settle(store);
    assert_int_equal(count_of("EXISTS", "troth:agent:refund-1"), 0);
    heal(store);
    store->close(store);
}

static void a_server_that_comes_back_older_is_rebuilt(void **state)
{
    (void)state;
    struct troth_store *store = open_whole();
    for (int64_t later = 0; later < 2; later++) {
        ask("SAVE");
        if (later == 1) {
            put_at(store, 0, TROTH_RUNG_WARN, 150);
            settle(store);
        }
        stop();
        start("--dbfilename", "dump.rdb");
        bool fresh = false;
        assert_int_equal(store->flush(store), TROTH_UNREACHABLE);
        ahead_us += 1000000;
        assert_true(store->connected(store, &fresh));
        assert_int_equal(store->ownership(store, 3), TROTH_NOT_FOUND);
        assert_int_equal(own(store, 5), 100);
        assert_string_equal(field("troth:meta", "rebuilding"), later == 1 ? "1" : "0");
    }
    assert_int_equal(store->rebuilt(store, 3), TROTH_OK);
    settle(store);
    assert_string_equal(field("troth:meta", "rebuilding"), "0");
    store->close(store);
}

int main(void)
{
    if (!fixture_begin("redis_fence_test")) {
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_was_replaced_changes_nothing, empty),
        cmocka_unit_test_setup(what_was_refused_is_written_by_the_next_claim, empty),
        cmocka_unit_test_setup(a_flush_is_fenced_wherever_it_is_cut, empty),
        cmocka_unit_test_setup(a_flush_undone_after_a_good_word_is_not_taken_for_done, empty),
        cmocka_unit_test_setup(owners_that_take_turns_never_mix, empty),
        cmocka_unit_test_setup(a_new_owner_finds_what_was_applied, empty),
        cmocka_unit_test_setup(a_timid_narrowing_never_widens, empty),
        cmocka_unit_test_setup(a_view_lost_under_a_live_connection_heals, empty),
        cmocka_unit_test_setup(a_part_of_the_view_that_is_lost_heals, empty),
        cmocka_unit_test_setup(a_server_that_comes_back_older_is_rebuilt, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
