#include "consumers/partition.h"

#include <string.h>
#include <sys/mman.h>

_Static_assert(sizeof(struct troth_published) == 24, "there is one for each standing");

static size_t round_up(size_t size)
{
    return (size + 63) / 64 * 64;
}

troth_status troth_partition_init(struct troth_partition *partition, int32_t number,
                                  const struct troth_shard_config *config)
{
    const size_t shard_size = round_up(troth_shard_size(config));
    const size_t published_size =
        round_up((size_t)config->standings_max * sizeof(struct troth_published));
    const size_t removals_size = round_up(TROTH_REMOVALS_MAX * sizeof(struct troth_removal));
    const size_t outages_size = round_up(TROTH_CONTRACTS_MAX * sizeof(struct troth_outage));
    const size_t told_size = round_up(TROTH_CONTRACTS_MAX * sizeof(struct troth_outage_told));
    const size_t size = shard_size + published_size + removals_size + outages_size + told_size +
                        TROTH_WEEK_RECORDS_MAX * sizeof(struct troth_week_entry);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return TROTH_NO_MEMORY;
    }
    /* Huge pages halve the cost of finding a standing; where they are not to be had, no harm. */
    (void)madvise(memory, size, MADV_HUGEPAGE);
    memset(partition, 0, sizeof *partition);
    partition->number = number;
    partition->memory = memory;
    partition->memory_size = size;
    partition->committed = TROTH_OFFSET_NONE;
    partition->claim = -1;
    partition->shard = troth_shard_init(memory, config);
    partition->published = (void *)((char *)memory + shard_size);
    char *rest = (char *)memory + shard_size + published_size;
    partition->removals = (void *)rest;
    partition->outages = (void *)(rest + removals_size);
    partition->outage_told = (void *)(rest + removals_size + outages_size);
    partition->weeks.entries = (void *)(rest + removals_size + outages_size + told_size);
    partition->weeks.newest = -1;
    return TROTH_OK;
}

void troth_partition_fini(struct troth_partition *partition)
{
    if (partition->memory != NULL) {
        troth_weeks_fini(&partition->weeks);
        munmap(partition->memory, partition->memory_size);
    }
    memset(partition, 0, sizeof *partition);
}

/* Half of the time that was left to good_until when it was published. */
static int64_t half_time_us(const struct troth_published *published)
{
    const int64_t left_us = published->good_until_us - published->at_us;
    return left_us > 0 ? left_us / 2 : 0;
}

bool troth_partition_is_stale(const struct troth_published *published, int64_t clock_us)
{
    return clock_us >= published->at_us + half_time_us(published);
}

bool troth_partition_is_settled(const struct troth_published *published, uint32_t dead_band,
                                int64_t clock_us)
{
    return published->known && published->score + dead_band > 1000 &&
           !troth_partition_is_stale(published, clock_us);
}

bool troth_partition_is_news(const struct troth_published *published, uint32_t dead_band,
                             int64_t clock_us, unsigned rung, uint16_t score, int64_t good_until_us)
{
    if (!published->known || published->rung != rung) {
        return true;
    }
    const int moved = (int)score - (int)published->score;
    if ((uint32_t)(moved < 0 ? -moved : moved) >= dead_band && moved != 0) {
        return true;
    }
    if (good_until_us == published->good_until_us) {
        return false;
    }
    const int64_t shift_us = good_until_us - published->good_until_us;
    return troth_partition_is_stale(published, clock_us) ||
           (shift_us < 0 ? -shift_us : shift_us) > half_time_us(published);
}
