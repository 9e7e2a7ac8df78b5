#include "ops/shard_memory.h"

#include <inttypes.h>
#include <sys/mman.h>

#include "ops/message.h"

bool troth_shard_memory_open(struct troth_shard_memory *memory, struct troth_shard_config config,
                             const struct troth_config *engine)
{
    config.agents_max = (uint32_t)engine->agents_max;
    config.standings_max = (uint32_t)engine->standings_max;
    config.max_ahead_us = engine->max_ahead_us;
    memory->size = troth_shard_size(&config);
    memory->block = mmap(NULL, memory->size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory->block == MAP_FAILED) {
        *memory = (struct troth_shard_memory){0};
        troth_message_error("no memory for %" PRId64 " standings; lower standings_max",
                            engine->standings_max);
        return false;
    }
    memory->shard = troth_shard_init(memory->block, &config);
    return true;
}

void troth_shard_memory_close(struct troth_shard_memory *memory)
{
    if (memory->block != NULL) {
        munmap(memory->block, memory->size);
    }
    *memory = (struct troth_shard_memory){0};
}
