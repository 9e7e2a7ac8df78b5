#include "consumers/outage.h"

#include <string.h>

#include "schemas/assert.h"

static int64_t width_us(const struct troth_outage *outage)
{
    return outage->hold_us > TROTH_OUTAGE_HOLD ? outage->hold_us / TROTH_OUTAGE_HOLD : 1;
}

static uint32_t *count_of(struct troth_outage *outage, int64_t bucket)
{
    return &outage->counts[bucket % TROTH_OUTAGE_BUCKETS];
}

/* Returns the first bucket of the hold that ends with one. */
static int64_t first_of(int64_t bucket)
{
    return bucket >= TROTH_OUTAGE_HOLD ? bucket - TROTH_OUTAGE_HOLD + 1 : 0;
}

static uint32_t sum(const struct troth_outage *outage, int64_t first, int64_t last)
{
    uint32_t hit = 0;
    for (int64_t bucket = first; bucket <= last; bucket++) {
        hit += outage->counts[bucket % TROTH_OUTAGE_BUCKETS];
    }
    return hit;
}

/* Returns the oldest bucket that the ring has. */
static int64_t oldest(const struct troth_outage *outage)
{
    return outage->newest >= TROTH_OUTAGE_BUCKETS ? outage->newest - TROTH_OUTAGE_BUCKETS + 1 : 0;
}

static bool is_enough(const struct troth_outage_rules *rules, uint32_t hit, uint32_t standings)
{
    return standings >= rules->least && (double)hit > rules->max_narrowed * (double)standings;
}

void troth_outage_follow(struct troth_outage *outage, const struct troth_contract *contract,
                         int64_t clock_us)
{
    if (outage->version == contract->version && strcmp(outage->contract, contract->name) == 0) {
        return;
    }
    const bool first = outage->contract[0] == '\0';
    memset(outage, 0, sizeof *outage);
    memcpy(outage->contract, contract->name, sizeof contract->name);
    outage->version = contract->version;
    outage->hold_us = contract->hold_us;
    outage->floor_us = first ? 0 : clock_us + 1;
    outage->newest = -1;
}

/* Makes room for a bucket newer than all. */
static void move_on(struct troth_outage *outage, int64_t bucket)
{
    const int64_t past = outage->newest + TROTH_OUTAGE_BUCKETS;
    for (int64_t next = outage->newest + 1; next <= bucket && next <= past; next++) {
        *count_of(outage, next) = 0;
    }
    outage->newest = bucket;
}

void troth_outage_hit(struct troth_outage *outage, int64_t time_us)
{
    TROTH_ASSERT(time_us >= 0 && outage->version > 0);
    (void)troth_outage_pass(outage, time_us);
    if (time_us < outage->floor_us) {
        return;
    }
    const int64_t bucket = time_us / width_us(outage);
    if (bucket > outage->newest) {
        move_on(outage, bucket);
    }
    if (bucket >= oldest(outage)) {
        ++*count_of(outage, bucket);
    }
    outage->hit += outage->running && time_us >= outage->from_us;
}

void troth_outage_unhit(struct troth_outage *outage, int64_t time_us)
{
    if (time_us < outage->floor_us) {
        return;
    }
    const int64_t bucket = time_us / width_us(outage);
    if (bucket <= outage->newest && bucket >= oldest(outage) && *count_of(outage, bucket) > 0) {
        --*count_of(outage, bucket);
    }
    if (outage->running && time_us >= outage->from_us && outage->hit > 0) {
        outage->hit--;
        outage->running = outage->hit > 0;
    }
}

bool troth_outage_counts(const struct troth_outage *outage, int64_t time_us, int64_t clock_us)
{
    return time_us >= outage->floor_us &&
           time_us / width_us(outage) >= first_of(clock_us / width_us(outage));
}

/* In first: the bucket that the hits that made it begin with. */
static void run(struct troth_outage *outage, int64_t first, int64_t begun_us, int64_t guard_us)
{
    const int64_t from_us = first * width_us(outage);
    outage->running = true;
    outage->from_us = from_us > outage->floor_us ? from_us : outage->floor_us;
    outage->begun_us = begun_us;
    outage->until_us = begun_us + guard_us;
    outage->hit = sum(outage, first, outage->newest);
}

bool troth_outage_begin(struct troth_outage *outage, const struct troth_outage_rules *rules,
                        uint32_t standings)
{
    if (outage->running || rules->guard_us <= 0 || outage->newest < 0) {
        return false;
    }
    const int64_t first = first_of(outage->newest);
    if (!is_enough(rules, sum(outage, first, outage->newest), standings)) {
        return false;
    }
    /* Times within a bucket are not kept: it is taken to begin with its newest. */
    run(outage, first, outage->newest * width_us(outage), rules->guard_us);
    outage->standings = standings;
    return true;
}

void troth_outage_end(struct troth_outage *outage, int64_t floor_us)
{
    outage->running = false;
    outage->hit = 0;
    outage->floor_us = floor_us > outage->floor_us ? floor_us : outage->floor_us;
    memset(outage->counts, 0, sizeof outage->counts);
}

bool troth_outage_pass(struct troth_outage *outage, int64_t clock_us)
{
    if (!outage->running || clock_us < outage->until_us) {
        return false;
    }
    troth_outage_end(outage, outage->until_us);
    return true;
}

bool troth_outage_holds(const struct troth_outage *outage, int64_t time_us, int64_t clock_us)
{
    return outage->running && clock_us < outage->until_us && time_us >= outage->from_us;
}

void troth_outage_recall(struct troth_outage *outage, const struct troth_outage_rules *rules,
                         uint32_t standings, int64_t clock_us)
{
    if (outage->running || rules->guard_us <= 0) {
        return;
    }
    int64_t first = oldest(outage);
    for (int64_t last = first; last <= outage->newest; last++) {
        first = first_of(last) > first ? first_of(last) : first;
        while (first < last && *count_of(outage, first) == 0) {
            first++;
        }
        if (!is_enough(rules, sum(outage, first, last), standings)) {
            continue;
        }
        const int64_t begun_us = first * width_us(outage);
        if (clock_us < begun_us + rules->guard_us) {
            run(outage, first, begun_us, rules->guard_us);
            outage->standings = standings;
            return;
        }
        /* That one is over, and what was of it with it. */
        const int64_t over = (begun_us + rules->guard_us) / width_us(outage);
        outage->floor_us = (over + 1) * width_us(outage);
        for (; first <= over && first <= outage->newest; first++) {
            *count_of(outage, first) = 0;
        }
        last = first;
    }
}
