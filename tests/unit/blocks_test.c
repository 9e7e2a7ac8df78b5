/*
 * Claims: blocks never overlap, are given out again by size, and are counted; the last line is used
 * and not one more.
 */
#include "tests/support/test.h"

#include <string.h>

#include "scoring/blocks.h"

enum { LINES = 600, HELD_MAX = 600, STEPS = 200000 };

static _Alignas(64) char memory[(LINES + 1) * TROTH_LINE];

struct held {
    uint32_t line;
    uint32_t size;
    unsigned char mark;
};

static void fill(struct troth_blocks *blocks, const struct held *held)
{
    memset(troth_blocks_at(blocks, held->line), held->mark, held->size);
}

/* Every byte of a held block is its own: a neighbour or a free list that wrote into it is seen. */
static void check_whole(struct troth_blocks *blocks, const struct held *held)
{
    const unsigned char *bytes = troth_blocks_at(blocks, held->line);
    for (uint32_t i = 0; i < held->size; i++) {
        assert_int_equal(bytes[i], held->mark);
    }
}

static void blocks_are_apart_and_counted(void **state)
{
    (void)state;
    uint64_t random = random_seed("blocks_are_apart_and_counted");
    struct troth_blocks blocks;
    struct held held[HELD_MAX];
    unsigned count = 0;
    uint32_t in_use = 0;
    unsigned full = 0;
    memset(memory, 0x5a, sizeof memory);
    troth_blocks_init(&blocks, memory, LINES);
    for (int step = 0; step < STEPS; step++) {
        if (random_below(&random, 100) < 52) {
            const uint32_t lines = 1 + (uint32_t)random_below(&random, 8);
            const uint32_t line = troth_blocks_take(&blocks, lines * TROTH_LINE);
            if (line == UINT32_MAX) {
                full++;
            } else {
                assert_true(line + lines <= LINES);
                assert_true(count < HELD_MAX);
                held[count] =
                    (struct held){line, lines * TROTH_LINE, (unsigned char)random_next(&random)};
                fill(&blocks, &held[count++]);
                in_use += lines;
            }
        } else if (count > 0) {
            const unsigned i = (unsigned)random_below(&random, count);
            check_whole(&blocks, &held[i]);
            troth_blocks_give(&blocks, held[i].line, held[i].size);
            in_use -= held[i].size / TROTH_LINE;
            held[i] = held[--count];
        }
        assert_int_equal(blocks.in_use, in_use);
    }
    for (unsigned i = 0; i < count; i++) {
        check_whole(&blocks, &held[i]);
    }
    assert_true(full > 0);
    for (unsigned i = 0; i < TROTH_LINE; i++) {
        assert_int_equal(memory[LINES * TROTH_LINE + i], 0x5a);
    }
}

static void the_last_line_is_used(void **state)
{
    (void)state;
    struct troth_blocks blocks;
    troth_blocks_init(&blocks, memory, 256 + 3);
    assert_int_equal(troth_blocks_take(&blocks, TROTH_BLOCK_LINES_MAX * TROTH_LINE), 0);
    assert_int_equal(troth_blocks_take(&blocks, 4 * TROTH_LINE), UINT32_MAX);
    assert_int_equal(blocks.in_use, 256);
    assert_int_equal(troth_blocks_take(&blocks, 3 * TROTH_LINE), 256);
    assert_int_equal(troth_blocks_take(&blocks, TROTH_LINE), UINT32_MAX);
    assert_int_equal(blocks.in_use, 259);
    troth_blocks_give(&blocks, 256, 3 * TROTH_LINE);
    assert_int_equal(troth_blocks_take(&blocks, 2 * TROTH_LINE), UINT32_MAX);
    assert_int_equal(troth_blocks_take(&blocks, 3 * TROTH_LINE), 256);
    assert_int_equal(troth_blocks_take(&blocks, 3 * TROTH_LINE), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_apart_and_counted),
        cmocka_unit_test(the_last_line_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
