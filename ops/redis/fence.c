#include "ops/redis/fence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/redis/connect.h"
#include "schemas/contract.h"

enum { NUMBER_LENGTH = 12, RUNGS_LENGTH = 128 };

/* Touches KEYS[1] and leaves it as it is: no memory is needed for that where it is there. */
#define TOUCH                                                                                      \
    "if type(held) == 'string' then"                                                               \
    " redis.call('EXPIRE', KEYS[1], 60) redis.call('PERSIST', KEYS[1]) "                           \
    "else"                                                                                         \
    " redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], '') redis.call('DEL', KEYS[1]) "       \
    "end "

/* KEYS: fence, meta. ARGV: token. */
static const char check_script[] =
    "local held = redis.pcall('GET', KEYS[1]) "
    "if held == ARGV[1] and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end " TOUCH
    "return -3";

/* KEYS: fence, meta, standing, agent. ARGV: token, rungs worse than either's, between commas. */
static const char timid_script[] =
    "local held, word = redis.pcall('GET', KEYS[1]), -3 "
    "if held == ARGV[1] and redis.call('EXISTS', KEYS[2]) == 1 then"
    " word = 0 "
    " for i = 3, 4 do"
    "  local rung = redis.call('HGET', KEYS[i], 'rung')"
    "  if rung and string.find(ARGV[i - 1], ',' .. rung .. ',', 1, true) then word = -4 end"
    " end "
    "end "
    "if word == 0 then return 0 end " TOUCH "return word";

/* KEYS: shard, fence, meta, rebuilding. ARGV: token, era, claim, partition, partitions,
 * acknowledged, version of the layout. */
static const char own_script[] =
    "local shard = redis.call('HMGET', KEYS[1], 'era', 'claim', 'applied') "
    "local meta = redis.call('HMGET', KEYS[3], 'version', 'era') "
    "local era, claim = tonumber(ARGV[2]), tonumber(ARGV[3]) "
    "local old_era, old_claim = tonumber(shard[1]), tonumber(shard[2]) "
    "if (tonumber(meta[2]) or 0) > era then return -2 end "
    "if old_era and (old_era > era or (old_era == era and (old_claim or 0) > claim)) then"
    " return -2 "
    "end "
    "local same = old_era == era "
    "local applied = same and shard[3] or '-1' "
    "if not meta[1] then"
    " for p = 0, tonumber(ARGV[5]) - 1 do redis.call('SADD', KEYS[4], p) end "
    "elseif not same or tonumber(applied) < tonumber(ARGV[6])"
    " or redis.call('EXISTS', KEYS[2]) == 0 then"
    " redis.call('SADD', KEYS[4], ARGV[4]) "
    "end "
    "redis.call('HSET', KEYS[3], 'version', ARGV[7], 'era', ARGV[2], 'partitions', ARGV[5],"
    " 'rebuilding', redis.call('SCARD', KEYS[4]) > 0 and 1 or 0) "
    "redis.call('HSET', KEYS[1], 'era', ARGV[2], 'claim', ARGV[3], 'applied', applied) "
    "redis.call('SET', KEYS[2], ARGV[1]) "
    "return tonumber(applied)";

/* KEYS: meta, rebuilding. ARGV: partition. */
static const char rebuilt_script[] =
    "redis.call('SREM', KEYS[2], ARGV[1]) "
    "if redis.call('SCARD', KEYS[2]) == 0 then redis.call('HSET', KEYS[1], 'rebuilding', 0) end";

void troth_fences_init(struct troth_fences *fences, const char *prefix)
{
    *fences = (struct troth_fences){.prefix = prefix};
}

void troth_fences_fini(struct troth_fences *fences)
{
    free(fences->items);
    fences->items = NULL;
    fences->count = 0;
}

struct troth_fence *troth_fences_find(const struct troth_fences *fences, int32_t partition)
{
    const bool known =
        partition >= 0 && (uint32_t)partition < fences->count && fences->items[partition].known;
    return known ? &fences->items[partition] : NULL;
}

/* Makes room for so many. Returns whether there is. */
static bool grow(struct troth_fences *fences, uint32_t count)
{
    if (count <= fences->count) {
        return true;
    }
    struct troth_fence *items = realloc(fences->items, count * sizeof *items);
    if (items == NULL) {
        return false;
    }
    memset(items + fences->count, 0, (count - fences->count) * sizeof *items);
    fences->items = items;
    fences->count = count;
    return true;
}

troth_status troth_fences_claim(struct troth_fences *fences, const struct troth_store_claim *claim,
                                struct troth_fence **fence)
{
    if (claim->partition < 0 || claim->partition >= TROTH_FENCES_MAX) {
        return TROTH_OVER_LIMIT;
    }
    if (!grow(fences, (uint32_t)claim->partition + 1)) {
        return TROTH_NO_MEMORY;
    }
    struct troth_fence *item = &fences->items[claim->partition];
    const bool same =
        item->known && item->claim.era == claim->era && item->claim.claim == claim->claim;
    if (!same) {
        item->acknowledged = TROTH_OFFSET_NONE;
    }
    item->claim = *claim;
    item->applied = TROTH_OFFSET_NONE;
    item->generation++;
    item->known = true;
    item->owned = false;
    snprintf(item->token, sizeof item->token, "%" PRId64 ".%" PRId64, claim->era, claim->claim);
    *fence = item;
    return TROTH_OK;
}

void troth_fences_lose(struct troth_fences *fences)
{
    for (uint32_t i = 0; i < fences->count; i++) {
        fences->items[i].owned = false;
    }
}

/* ---- what is written ---- */

static void add_key(struct troth_resp *resp, const struct troth_fences *fences, const char *kind,
                    struct troth_text name, const char *contract)
{
    const struct troth_text colon = troth_text_of(":");
    const struct troth_text parts[] = {
        troth_text_of(fences->prefix), colon, troth_text_of(kind), colon, name, colon,
        troth_text_of(contract)};
    troth_resp_joined(resp, parts, contract[0] != '\0' ? 7 : name.length > 0 ? 5 : 3);
}

static void add_partition_key(struct troth_resp *resp, const struct troth_fences *fences,
                              const char *kind, int32_t partition)
{
    char number[NUMBER_LENGTH];
    const int length = snprintf(number, sizeof number, "%" PRId32, partition);
    add_key(resp, fences, kind, (struct troth_text){number, (uint32_t)length}, "");
}

static void add_global_key(struct troth_resp *resp, const struct troth_fences *fences,
                           const char *kind)
{
    add_key(resp, fences, kind, (struct troth_text){"", 0}, "");
}

static void begin_script(struct troth_resp *resp, const char *script, size_t length, int keys)
{
    troth_resp_begin(resp, "EVAL");
    troth_resp_bytes(resp, script, length);
    troth_resp_integer(resp, keys);
}

void troth_fence_write_own(struct troth_resp *resp, const struct troth_fences *fences,
                           const struct troth_fence *fence)
{
    const struct troth_store_claim *claim = &fence->claim;
    begin_script(resp, own_script, sizeof own_script - 1, 4);
    add_partition_key(resp, fences, "shard", claim->partition);
    add_partition_key(resp, fences, "fence", claim->partition);
    add_global_key(resp, fences, "meta");
    add_global_key(resp, fences, "rebuilding");
    troth_resp_string(resp, fence->token);
    troth_resp_integer(resp, claim->era);
    troth_resp_integer(resp, claim->claim);
    troth_resp_integer(resp, claim->partition);
    troth_resp_integer(resp, claim->partitions);
    troth_resp_integer(resp, fence->acknowledged);
    troth_resp_integer(resp, TROTH_REDIS_LAYOUT_VERSION);
    troth_resp_end(resp);
}

void troth_fence_write_check(struct troth_resp *resp, const struct troth_fences *fences,
                             const struct troth_fence *fence)
{
    begin_script(resp, check_script, sizeof check_script - 1, 2);
    add_partition_key(resp, fences, "fence", fence->claim.partition);
    add_global_key(resp, fences, "meta");
    troth_resp_string(resp, fence->token);
    troth_resp_end(resp);
}

static void write_watch(struct troth_resp *resp, const struct troth_fences *fences,
                        const struct troth_fence *fence)
{
    troth_resp_begin(resp, "WATCH");
    add_partition_key(resp, fences, "fence", fence->claim.partition);
    troth_resp_end(resp);
}

static void write_multi(struct troth_resp *resp, const struct troth_fences *fences,
                        const struct troth_fence *fence)
{
    troth_resp_begin(resp, "MULTI");
    troth_resp_end(resp);
    if (fence->applied == TROTH_OFFSET_NONE) {
        return;
    }
    troth_resp_begin(resp, "HSET");
    add_partition_key(resp, fences, "shard", fence->claim.partition);
    troth_resp_string(resp, "applied");
    troth_resp_integer(resp, fence->applied);
    troth_resp_end(resp);
}

void troth_fence_write_begin(struct troth_resp *resp, const struct troth_fences *fences,
                             const struct troth_fence *fence)
{
    write_watch(resp, fences, fence);
    troth_fence_write_check(resp, fences, fence);
    write_multi(resp, fences, fence);
}

void troth_fence_write_end(struct troth_resp *resp)
{
    troth_resp_begin(resp, "EXEC");
    troth_resp_end(resp);
}

/* Adds the rungs that are worse than one, between commas. */
static void add_worse(struct troth_resp *resp, unsigned rung)
{
    char names[RUNGS_LENGTH] = ",";
    size_t length = 1;
    for (unsigned i = rung + 1; i < TROTH_RUNG_COUNT; i++) {
        length +=
            (size_t)snprintf(names + length, sizeof names - length, "%s,", troth_rung_name(i));
    }
    troth_resp_bytes(resp, names, length);
}

void troth_fence_write_timid(struct troth_resp *resp, const struct troth_fences *fences,
                             const struct troth_fence *fence, struct troth_text agent,
                             const char *contract, unsigned standing_rung, unsigned agent_rung)
{
    write_watch(resp, fences, fence);
    begin_script(resp, timid_script, sizeof timid_script - 1, 4);
    add_partition_key(resp, fences, "fence", fence->claim.partition);
    add_global_key(resp, fences, "meta");
    add_key(resp, fences, "standing", agent, contract);
    add_key(resp, fences, "agent", agent, "");
    troth_resp_string(resp, fence->token);
    add_worse(resp, standing_rung);
    add_worse(resp, agent_rung);
    troth_resp_end(resp);
    write_multi(resp, fences, fence);
}

void troth_fence_write_rebuilt(struct troth_resp *resp, const struct troth_fences *fences,
                               int32_t partition)
{
    begin_script(resp, rebuilt_script, sizeof rebuilt_script - 1, 2);
    add_global_key(resp, fences, "meta");
    add_global_key(resp, fences, "rebuilding");
    troth_resp_integer(resp, partition);
    troth_resp_end(resp);
}
