/*
 * Claims: an agent is found by its whole name, whatever its hash shares with others'; names of
 * every length are kept; as many agents fit as were asked for, and not one more. One that is
 * removed is found no more, all others are, and its place and its name's are the next one's.
 */
#include "tests/support/test.h"

#include <string.h>

#include "scoring/agents.h"

static struct troth_agents agents;
static void *memory;

static void make(uint32_t capacity)
{
    const size_t size = troth_agents_size(capacity);
    assert_int_equal(size % 64, 0);
    memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    troth_agents_init(&agents, memory, capacity);
}

static struct troth_text text(const char *data, size_t length)
{
    return (struct troth_text){data, (uint32_t)length};
}

static void assert_name(uint32_t index, const char *data, size_t length)
{
    const struct troth_text known = troth_agents_name(&agents, index);
    assert_int_equal(known.length, length);
    assert_memory_equal(known.data, data, length);
}

/* Names of one letter, of every length: each is a prefix of the next, and of its neighbour. */
static void every_length_is_kept(void **state)
{
    (void)state;
    char name[TROTH_AGENT_LENGTH_MAX];
    memset(name, 'x', sizeof name);
    make(2 * TROTH_AGENT_LENGTH_MAX);
    for (int round = 0; round < 2; round++) {
        for (uint32_t length = 1; length <= TROTH_AGENT_LENGTH_MAX; length++) {
            name[length - 1] = round == 0 ? 'x' : 'y';
            const struct troth_text whole = text(name, length);
            assert_int_equal(troth_agents_find(&agents, whole, troth_agents_hash(whole)),
                             TROTH_NONE);
            const uint32_t index = troth_agents_add(&agents, whole, troth_agents_hash(whole));
            assert_int_equal(index, (uint32_t)round * TROTH_AGENT_LENGTH_MAX + length - 1);
            name[length - 1] = 'x';
        }
    }
    for (uint32_t length = 1; length <= TROTH_AGENT_LENGTH_MAX; length++) {
        struct troth_text whole = text(name, length);
        assert_int_equal(troth_agents_find(&agents, whole, troth_agents_hash(whole)), length - 1);
        assert_name(length - 1, name, length);
    }
    free(memory);
}

/* Hashes are the caller's: equal tags, equal hashes, and places that wrap past the table's end. */
static void equal_hashes_are_told_apart(void **state)
{
    (void)state;
    make(40);
    static const uint64_t tag = UINT64_C(0xabcdef01) << 32;
    const uint64_t hashes[] = {tag | agents.mask, tag | agents.mask, tag | (agents.mask - 1),
                               tag | 0,           tag | agents.mask, (tag + (1ULL << 32)) | 0};
    char names[6][40];
    for (unsigned i = 0; i < 6; i++) {
        memset(names[i], 'n', sizeof names[i]);
        names[i][39] = (char)('0' + i); /* they differ beyond what is kept inline alone */
        assert_int_equal(troth_agents_find(&agents, text(names[i], 40), hashes[i]), TROTH_NONE);
        assert_int_equal(troth_agents_add(&agents, text(names[i], 40), hashes[i]), i);
    }
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(troth_agents_find(&agents, text(names[i], 40), hashes[i]), i);
        assert_name(i, names[i], 40);
    }
    assert_int_equal(troth_agents_find(&agents, text(names[0], 39), hashes[0]), TROTH_NONE);
    assert_int_equal(troth_agents_find(&agents, text("short", 5), hashes[0]), TROTH_NONE);
    free(memory);
}

static void as_many_as_asked_for(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1, 2, 31, 32, 33, 1000, 5000};
    for (unsigned c = 0; c < sizeof capacities / sizeof *capacities; c++) {
        const uint32_t capacity = capacities[c];
        char name[TROTH_AGENT_LENGTH_MAX + 1];
        make(capacity);
        for (uint32_t i = 0; i <= capacity; i++) {
            const int length = snprintf(name, sizeof name, "agent-%u", i);
            const struct troth_text whole = text(name, (size_t)length);
            const uint32_t index = troth_agents_add(&agents, whole, troth_agents_hash(whole));
            assert_int_equal(index, i < capacity ? i : TROTH_NONE);
        }
        for (uint32_t i = 0; i <= capacity; i++) {
            const int length = snprintf(name, sizeof name, "agent-%u", i);
            const struct troth_text whole = text(name, (size_t)length);
            assert_int_equal(troth_agents_find(&agents, whole, troth_agents_hash(whole)),
                             i < capacity ? i : TROTH_NONE);
        }
        free(memory);
    }
}

/* Long names have room of their own: up to 1,024 agents may all have one, of more one in eight. */
static void long_names_have_their_own_bound(void **state)
{
    (void)state;
    static const uint32_t rooms[][2] = {{1024, 1024}, {5000, 1024}, {16000, 2000}};
    for (unsigned c = 0; c < sizeof rooms / sizeof *rooms; c++) {
        char name[64];
        make(rooms[c][0]);
        for (uint32_t i = 0; i <= rooms[c][1]; i++) {
            const int length = snprintf(name, sizeof name, "%034u", i); /* one byte too long */
            const struct troth_text whole = text(name, (size_t)length);
            assert_int_equal(troth_agents_add(&agents, whole, troth_agents_hash(whole)),
                             i < rooms[c][1] ? i : TROTH_NONE);
        }
        if (rooms[c][1] < rooms[c][0]) {
            const struct troth_text whole = text("000000000000000000000000000000short", 33);
            assert_int_equal(troth_agents_add(&agents, whole, troth_agents_hash(whole)),
                             rooms[c][1]);
        }
        free(memory);
    }
}

enum { CROWD = 48, FEW = 24 };

/* The name of a number: every third is long. */
static struct troth_text name_of(unsigned number, char name[64])
{
    const int length = snprintf(name, 64, number % 3 == 0 ? "%040u" : "%u", number);
    return text(name, (size_t)length);
}

/* Few hashes, that lie at the table's end and wrap: long runs of slots, with holes. */
static uint64_t hash_of(unsigned number)
{
    return (UINT64_C(7) << 32) + number % 5 + agents.mask - 2;
}

static void what_is_removed_leaves_the_rest(void **state)
{
    (void)state;
    uint64_t random = random_seed("removal");
    bool there[CROWD] = {false};
    uint32_t places[CROWD] = {0};
    unsigned count = 0;
    char name[64];
    make(FEW);
    for (unsigned round = 0; round < 20000; round++) {
        const unsigned n = (unsigned)random_below(&random, CROWD);
        if (there[n]) {
            troth_agents_remove(&agents, places[n]);
            there[n] = false;
            count--;
        } else {
            places[n] = troth_agents_add(&agents, name_of(n, name), hash_of(n));
            assert_int_equal(places[n] != TROTH_NONE, count < FEW);
            there[n] = places[n] != TROTH_NONE;
            count += there[n];
        }
        assert_int_equal(agents.count, count);
        assert_true(agents.places <= FEW);
        for (unsigned i = 0; i < CROWD; i++) {
            const struct troth_text whole = name_of(i, name);
            assert_int_equal(troth_agents_find(&agents, whole, hash_of(i)),
                             there[i] ? places[i] : TROTH_NONE);
            if (there[i]) {
                assert_true(troth_agents_has(&agents, places[i]));
                assert_name(places[i], whole.data, whole.length);
            }
        }
    }
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_removed_leaves_the_rest), cmocka_unit_test(every_length_is_kept),
        cmocka_unit_test(equal_hashes_are_told_apart),     cmocka_unit_test(as_many_as_asked_for),
        cmocka_unit_test(long_names_have_their_own_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
