/*
 * The layout of Redis: which keys there are and what stands in them. schemas/redis.md is its
 * documentation, held to it by a test.
 *
 * Functions write commands for one thing each into a buffer, between the caller's mark and its
 * check of `full`; nothing is sent here. Every byte of an agent's name is passed on as it is.
 *
 * Threads: pure over their arguments. Memory: arguments are borrowed for the call.
 */
#ifndef TROTH_OPS_REDIS_LAYOUT_H
#define TROTH_OPS_REDIS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/store.h"
#include "ops/redis/resp.h"

enum {
    TROTH_WHY_LENGTH_MAX = 256,         /* bytes of a cause's sentence */
    TROTH_REDIS_STREAM_LENGTH = 100000, /* entries kept, about, where nothing else is said */
    TROTH_REDIS_RANK_STEP = 10000       /* between rungs in PREFIX:fleet:CONTRACT */
};

/* The standing's hash, and its place in PREFIX:fleet:CONTRACT. In prefix: terminated. */
void troth_redis_write_standing(struct troth_resp *resp, const char *prefix,
                                const struct troth_publication *standing);
void troth_redis_write_standing_end(struct troth_resp *resp, const char *prefix,
                                    struct troth_text agent, const char *contract);

/* The agent's hash and its places in PREFIX:route:CAPABILITY; an agent without a standing that
 * counts is taken out: it is unproven. In enters: its places in
 * PREFIX:probation:CAPABILITY are written, too, where it is on probation. */
void troth_redis_write_agent(struct troth_resp *resp, const char *prefix,
                             const struct troth_agent_publication *agent, bool enters);
void troth_redis_write_agent_end(struct troth_resp *resp, const char *prefix,
                                 struct troth_text agent);

/* Whether an agent stands in the set of a capability that its meet has. */
bool troth_redis_is_routed(const struct troth_agent_publication *agent);

/* Whether an agent that is routed is on its way back: it stands in PREFIX:probation:CAPABILITY. */
bool troth_redis_is_probationary(const struct troth_agent_publication *agent);

/* Takes an agent out of one capability's set, and out of the one of its probation. */
void troth_redis_write_unroute(struct troth_resp *resp, const char *prefix, struct troth_text agent,
                               const char *capability);
void troth_redis_write_unprobation(struct troth_resp *resp, const char *prefix,
                                   struct troth_text agent, const char *capability);

/* The contract's hash, and its place in PREFIX:contracts. In json: canonical. */
void troth_redis_write_contract(struct troth_resp *resp, const char *prefix,
                                const struct troth_contract *contract, const char *json,
                                size_t json_length);

/* A capability's place in PREFIX:capabilities: there may be a set of that name. */
void troth_redis_write_capability(struct troth_resp *resp, const char *prefix,
                                  const char *capability);

/* The stream of what has changed: its prefix, and how many entries it keeps, about. */
struct troth_redis_stream {
    const char *prefix;
    int64_t length;
};

/* An outage's hash, and its place in PREFIX:outages; or the end of both. */
void troth_redis_write_outage(struct troth_resp *resp, const char *prefix,
                              const struct troth_outage_publication *outage);

/* A partition's record of a contract's week, PREFIX:week:CONTRACT:WEEK; where text is NULL, its
 * end.
 */
void troth_redis_write_week(struct troth_resp *resp, const char *prefix, int32_t partition,
                            const char *contract, int64_t number, const char *text, size_t length);

/* An intervention's entry in PREFIX:interventions; where `narrowed`, told on PREFIX:narrowed. */
void troth_redis_write_record(struct troth_resp *resp, const struct troth_redis_stream *stream,
                              const char *record, size_t record_length, bool narrowed);

/* An entry that says: all rows of a partition have been written anew, and of its interventions some
 * may be missing among the entries before. */
void troth_redis_write_restated(struct troth_resp *resp, const struct troth_redis_stream *stream,
                                int32_t partition);

/* Returns the score of a standing in PREFIX:fleet:CONTRACT, where a fraction below 1 comes to it:
 * the worst is the least. */
int64_t troth_redis_rank(unsigned rung, unsigned score);

/* Out text: a cause as a sentence, terminated, such as
 * "confidence of resolves 0.031 below 0.05". In term: its name, or "". In seen: as the cause's
 * `observed`, of which four digits are shown, since a standing keeps it as a float.
 * Returns its length. */
size_t troth_redis_why(unsigned condition, const char *term, double seen, double limit,
                       char text[TROTH_WHY_LENGTH_MAX]);

#endif
