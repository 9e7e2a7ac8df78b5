/*
 * The store, as the worker sees it: Redis, or a simulated one. It is a view of the standings for
 * routers and people: it may be lost whole, and is then published anew.
 *
 * A narrowing is published at once, on a connection of its own (narrow, narrowed). Everything else
 * is put in the order of calls and goes out together (flush); acknowledged() waits until the store
 * has answered all that was flushed. When the store is away, calls return TROTH_UNREACHABLE,
 * nothing is kept inside, and connected() turns true again when it is back: the worker then
 * publishes everything.
 *
 * Threads: one store, one thread. Memory: arguments are borrowed for the call.
 */
#ifndef TROTH_CONSUMERS_STORE_H
#define TROTH_CONSUMERS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/status.h"
#include "scoring/meet.h"
#include "scoring/shard.h"

/* One standing to publish. */
struct troth_publication {
    int32_t partition;
    int64_t as_of_us; /* the shard's clock */
    struct troth_standing_view *view;
    struct troth_score score;
    int64_t good_until_us;
    int64_t offer_until_us;
    const struct troth_cause *why; /* of the last change of rung, or NULL where none is known */
    bool whole; /* else only what evidence and time move has changed since it was last put */
};

/* One agent to publish: the meet over its enforced standings. */
struct troth_agent_publication {
    int32_t partition;
    int64_t as_of_us;
    struct troth_text agent;
    struct troth_meet meet;
    bool guarded;
    bool whole; /* as in troth_publication */
};

struct troth_store {
    /* Tries to be connected, without waiting long (at most 100 ms), at most once a second. Returns
     * whether it is; `fresh` tells that this call made the connection. */
    bool (*connected)(struct troth_store *store, bool *fresh);
    /* Puts a narrowing: one standing and its agent, at once, on the connection of its own. Several
     * may be put; narrowed() waits for the answers of all. Also tells those who listen (stream and
     * channel): `record` is the intervention's JSON. */
    troth_status (*narrow)(struct troth_store *store, const struct troth_publication *standing,
                           const struct troth_agent_publication *agent, const char *record,
                           size_t record_length);
    /* Sends what narrow put and waits until it is answered, at most 1 s. Nothing put: TROTH_OK. */
    troth_status (*narrowed)(struct troth_store *store);
    /* Queues the record of a widening for those who listen; goes out with the next flush. */
    troth_status (*announce)(struct troth_store *store, const char *record, size_t record_length);
    troth_status (*put_standing)(struct troth_store *store,
                                 const struct troth_publication *standing);
    troth_status (*put_agent)(struct troth_store *store,
                              const struct troth_agent_publication *agent);
    /* Queues that a standing has ended; where `last` the agent has no other left. */
    troth_status (*remove)(struct troth_store *store, struct troth_text agent, const char *contract,
                           bool last);
    /* Sends what was put. Does not wait for the answers of this flush, but takes those of earlier
     * ones. TROTH_FULL: too much is unanswered; try again later. */
    troth_status (*flush)(struct troth_store *store);
    /* Waits until all that was flushed is answered, at most timeout_us. TROTH_REFUSED: the store
     * said no to something (see error). */
    troth_status (*acknowledged)(struct troth_store *store, int64_t timeout_us);
    /* Returns the last thing that the store said went wrong, for people; never NULL. */
    const char *(*error)(struct troth_store *store);
    void (*close)(struct troth_store *store);
};

#endif
