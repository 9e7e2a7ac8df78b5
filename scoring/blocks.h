/*
 * Blocks of whole cache lines for standings, whose sizes differ by contract: a bump pointer and one
 * free list per size. Bounded by its memory; a block is found by the number of its first line.
 *
 * Threads: one writer. Memory: the caller's, aligned to 64, not touched before a block needs it.
 */
#ifndef TROTH_SCORING_BLOCKS_H
#define TROTH_SCORING_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

enum {
    TROTH_LINE = 64,            /* bytes */
    TROTH_BLOCK_LINES_MAX = 256 /* of one block; 16 terms of 64 panes take 155 */
};

struct troth_blocks {
    char *memory;
    uint32_t lines;                              /* in all */
    uint32_t used;                               /* handed out at least once */
    uint32_t in_use;                             /* handed out now */
    uint32_t free_of[TROTH_BLOCK_LINES_MAX + 1]; /* by lines: first free block, or UINT32_MAX */
};

void troth_blocks_init(struct troth_blocks *blocks, void *memory, uint32_t lines);

/* Returns the first line of a block of `size` bytes (a multiple of 64), or UINT32_MAX when full. */
uint32_t troth_blocks_take(struct troth_blocks *blocks, uint32_t size);

/* Gives a block of that size back. */
void troth_blocks_give(struct troth_blocks *blocks, uint32_t line, uint32_t size);

/* Returns how many blocks of that size could be taken; counts no further than `enough`. */
uint64_t troth_blocks_free(const struct troth_blocks *blocks, uint32_t size, uint64_t enough);

/* Returns where a block is. */
static inline void *troth_blocks_at(const struct troth_blocks *blocks, uint32_t line)
{
    return blocks->memory + (size_t)line * TROTH_LINE;
}

#endif
