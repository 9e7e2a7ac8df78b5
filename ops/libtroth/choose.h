/*
 * Choosing agents from the local copy: the steps of troth_route (ops/redis/route.lua), over rows in
 * place of hashes, with the same bounds. schemas/redis.md says what they promise.
 *
 * Threads: any number at once. Memory: the stack, some 12 KiB.
 */
#ifndef TROTH_OPS_LIBTROTH_CHOOSE_H
#define TROTH_OPS_LIBTROTH_CHOOSE_H

#include "ops/libtroth/cache.h"
#include "ops/libtroth/chance.h"

/* A question, taken apart, and what stands of Redis when it is asked. */
struct troth_call {
    const struct troth_cache *cache;
    struct troth_draw draw;
    const char *capability;
    size_t capability_length;
    uint64_t capability_hash;
    const char *contract; /* NULL: any */
    size_t contract_length;
    uint64_t contract_hash;
    int consequence; /* 0..2; -1: any */
    int64_t cost_micros;
    double explore;
    int64_t now_us;
    int64_t open_for_us;
    unsigned wanted;
    bool open;       /* fail-open */
    bool live;       /* Redis is there, and all is read */
    bool rebuilding; /* it is being written anew */
};

/* What may be said of an agent now. */
enum troth_verdict {
    TROTH_VERDICT_USABLE,
    TROTH_VERDICT_UNPROVEN,
    TROTH_VERDICT_EXPIRED,
    TROTH_VERDICT_DOUBTED
};

/* Judges a row by its times. In and out view: its scope is narrowed where its time has come. Out
 * unverified: it is usable as the question is fail-open, and not otherwise. */
enum troth_verdict troth_judge(const struct troth_call *call, struct troth_row_view *view,
                               bool *unverified);

/* Out agent: a row as the caller is given it. In name: of view->name_length bytes. */
void troth_fill_agent(const struct troth_call *call, const struct troth_row_view *view,
                      const char *name, bool unverified, struct troth_client_agent *agent);

/* Out agents: room for call->wanted; passed: all counts. Returns how many agents were chosen, and
 * how many of them are unverified. */
unsigned troth_choose(const struct troth_call *call, const struct troth_route *route,
                      struct troth_client_agent *agents, struct troth_client_passed *passed,
                      unsigned *unverified);

#endif
