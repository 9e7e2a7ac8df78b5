/*
 * The fence: a flush of a partition is atomic, and happens only while the partition is the
 * writer's.
 *
 *     PREFIX:shard:P     hash {era, claim, applied}: whose it is, and how far what stands there is
 *     PREFIX:fence:P     "ERA.CLAIM": what a flush compares and watches; a new owner changes it
 *     PREFIX:rebuilding  set of the partitions whose view is not whole
 *
 *     WATCH fence
 *     EVAL check          0: it is ours; else it is touched
 *     MULTI
 *     HSET shard applied  ... all that is written
 *     EXEC                nil where the fence was touched since WATCH: by the check, or by others
 *
 * All of it is sent at once: that the check touches what is watched saves the round trip that a
 * comparison by the client would cost. What a touch leaves is what was there before. `applied` is
 * not in the watched key, or the two connections of one owner would break each other's flushes.
 * A Redis without PREFIX:meta lost its view: the check says no then, too.
 *
 * Measured on Redis 7.0, five commands a standing and its agent, chunks of 64 KiB, CPU of the
 * server: unfenced 5.2 us (10.9 us where whole), so 5.6 (11.8), in one Function call that carries
 * the commands 8.7 (17.3), since every argument becomes a Lua string first. A script sent with each
 * chunk cannot be missing after a restart or FUNCTION FLUSH; its hash costs 2 us a chunk. A chunk
 * is a quarter of that now, so that a narrowing waits less, and the frame weighs four times as
 * much.
 *
 * Numbers pass through Lua: era and claim are below 2^53.
 *
 * Threads: one. Memory: 104 bytes a partition up to the greatest that was ever owned.
 */
#ifndef TROTH_OPS_REDIS_FENCE_H
#define TROTH_OPS_REDIS_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/store.h"
#include "ops/redis/resp.h"

enum {
    TROTH_FENCES_MAX = 10000,     /* partitions of a topic, as topics.partitions has it */
    TROTH_FENCE_TOKEN_LENGTH = 44 /* two 64-bit integers, a point and a terminator */
};

/* What the scripts answer. */
enum troth_fence_word {
    TROTH_FENCE_OURS = 0,
    TROTH_FENCE_TAKEN = -2, /* own alone: a higher era or claim has it */
    TROTH_FENCE_LOST = -3,  /* it is not ours as it was: own it again */
    TROTH_FENCE_WORSE = -4  /* it is ours; but something worse than the narrowing stands there */
};

struct troth_fence {
    struct troth_store_claim claim;
    int64_t applied;      /* the greatest offset that was put */
    int64_t acknowledged; /* and that the store said it has, by this claim; or TROTH_OFFSET_NONE */
    int64_t checked_us;   /* monotonic: when it was last sent something */
    uint32_t generation;  /* of owning it: answers to what was sent before say nothing any more */
    bool known;           /* it was owned once */
    bool owned;           /* as far as is known */
    bool doubted;         /* something that was sent was not taken */
    char token[TROTH_FENCE_TOKEN_LENGTH];
};

struct troth_fences {
    const char *prefix;
    struct troth_fence *items; /* by partition */
    uint32_t count;
};

/* In prefix: borrowed as long as it is used. */
void troth_fences_init(struct troth_fences *fences, const char *prefix);
void troth_fences_fini(struct troth_fences *fences);

/* Returns a partition's fence, where it was owned once; or NULL. */
struct troth_fence *troth_fences_find(const struct troth_fences *fences, int32_t partition);

/* Makes room for a partition, and begins to own it by a claim. Out fence: not owned before its
 * answer says so; valid until the next call. Returns TROTH_OK, TROTH_OVER_LIMIT or
 * TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_fences_claim(struct troth_fences *fences, const struct troth_store_claim *claim,
                                struct troth_fence **fence);

/* The connection is gone: nothing is owned any more. */
void troth_fences_lose(struct troth_fences *fences);

/* Writes the question that makes a partition ours. Its answer: the offset applied there, at least
 * TROTH_OFFSET_NONE; or TROTH_FENCE_TAKEN. */
void troth_fence_write_own(struct troth_resp *resp, const struct troth_fences *fences,
                           const struct troth_fence *fence);

/* Writes the question whether it still is. Its answer is a word. */
void troth_fence_write_check(struct troth_resp *resp, const struct troth_fences *fences,
                             const struct troth_fence *fence);

/* Writes what stands before a chunk, and after it. The second answer is a word, the last one nil
 * where nothing was done. */
void troth_fence_write_begin(struct troth_resp *resp, const struct troth_fences *fences,
                             const struct troth_fence *fence);
void troth_fence_write_end(struct troth_resp *resp);

/* The same before a narrowing that is passed over where the standing or its agent is on a worse
 * rung there. In rungs: of the two. */
void troth_fence_write_timid(struct troth_resp *resp, const struct troth_fences *fences,
                             const struct troth_fence *fence, struct troth_text agent,
                             const char *contract, unsigned standing_rung, unsigned agent_rung);

/* Writes that the view of a partition is whole. Inside of a chunk. */
void troth_fence_write_rebuilt(struct troth_resp *resp, const struct troth_fences *fences,
                               int32_t partition);

#endif
