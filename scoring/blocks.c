#include "scoring/blocks.h"

#include <string.h>

#include "schemas/assert.h"

void troth_blocks_init(struct troth_blocks *blocks, void *memory, uint32_t lines)
{
    blocks->memory = memory;
    blocks->lines = lines;
    blocks->used = 0;
    blocks->in_use = 0;
    memset(blocks->free_of, 0xff, sizeof blocks->free_of);
}

uint32_t troth_blocks_take(struct troth_blocks *blocks, uint32_t size)
{
    const uint32_t lines = size / TROTH_LINE;
    TROTH_ASSERT(lines >= 1 && lines <= TROTH_BLOCK_LINES_MAX && size % TROTH_LINE == 0);
    uint32_t line = blocks->free_of[lines];
    if (line != UINT32_MAX) {
        memcpy(&blocks->free_of[lines], troth_blocks_at(blocks, line), sizeof line);
    } else if (blocks->lines - blocks->used >= lines) {
        line = blocks->used;
        blocks->used += lines;
    } else {
        return UINT32_MAX;
    }
    blocks->in_use += lines;
    return line;
}

void troth_blocks_give(struct troth_blocks *blocks, uint32_t line, uint32_t size)
{
    const uint32_t lines = size / TROTH_LINE;
    memcpy(troth_blocks_at(blocks, line), &blocks->free_of[lines], sizeof line);
    blocks->free_of[lines] = line;
    blocks->in_use -= lines;
}

uint64_t troth_blocks_free(const struct troth_blocks *blocks, uint32_t size, uint64_t enough)
{
    const uint32_t lines = size / TROTH_LINE;
    uint64_t count = (blocks->lines - blocks->used) / lines;
    for (uint32_t line = blocks->free_of[lines]; line != UINT32_MAX && count < enough; count++) {
        memcpy(&line, troth_blocks_at(blocks, line), sizeof line);
    }
    return count;
}
