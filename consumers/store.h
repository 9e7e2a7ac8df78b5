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
 * The fence: what is put is of one telemetry partition, and the store takes it only as long as the
 * partition is the caller's there. own() makes it so, on each new connection anew, unless somebody
 * with a higher (era, claim) has it. Whatever is sent together is taken whole or not at all. Where
 * it is not taken, ownership() says so, and own() says why: the store lost it, or another took it.
 *
 * Threads: one store, one thread. Memory: arguments are borrowed for the call.
 */
#ifndef TROTH_CONSUMERS_STORE_H
#define TROTH_CONSUMERS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumers/log.h"
#include "schemas/status.h"
#include "scoring/meet.h"
#include "scoring/shard.h"

/* A telemetry partition, and by what right it is the caller's. */
struct troth_store_claim {
    int32_t partition;
    int32_t partitions; /* how many there are */
    int64_t era;        /* of the log, at least 1 */
    int64_t claim;      /* the fencing token; 0: none are used; below 2^53, as the era */
};

/* What a person sees of a standing's reviews and exceptions: schemas/reviews.md. */
struct troth_review_publication {
    struct troth_review_view view;
    struct troth_text claimed_by; /* absent: by nobody, or nobody knows by whom */
    const char *debt;             /* JSON: exceptions that have not ended */
    int64_t debt_until_us;        /* the last end of them; 0: there is none */
    bool may_be_listed;           /* the store may list it among open reviews, */
    bool may_be_indebted;         /* and among debts */
};

/* One standing to publish. */
struct troth_publication {
    int32_t partition;
    int64_t applied;  /* one past the last record of the partition that is in it */
    int64_t as_of_us; /* the shard's clock */
    struct troth_standing_view *view;
    struct troth_score score;
    int64_t good_until_us;
    int64_t offer_until_us;
    const struct troth_cause *why; /* of the last change of rung, or NULL where none is known */
    bool guarded;                  /* telemetry stopped, and its agent is offered by its former rung
                                      (consumers/outage.h) */
    bool whole; /* else only what evidence and time move has changed since it was last put */
    struct troth_review_publication review; /* where `whole`; else it means nothing */
    bool timid; /* a narrowing that is passed over where something worse stands already */
};

/* One agent to publish: the meet over its enforced standings. */
struct troth_agent_publication {
    int32_t partition;
    int64_t applied; /* as in troth_publication */
    int64_t as_of_us;
    struct troth_text agent;
    struct troth_meet meet;
    bool whole; /* as in troth_publication */
};

/* What there is to say of the telemetry of a contract in a partition. */
struct troth_outage_publication {
    int32_t partition;
    int64_t applied; /* as in troth_publication */
    int64_t as_of_us;
    const char *contract;
    bool running; /* it has stopped; else the rest means nothing */
    int64_t since_us;
    int64_t guarded_until_us; /* 0: nothing is guarded, as consequence is high */
    uint32_t hit;             /* standings that were narrowed by it and still are, */
    uint32_t standings;       /* of so many */
};

struct troth_store {
    /* Tries to be connected, without waiting long (at most 100 ms), at most once a second. Returns
     * whether it is; `fresh` tells that this call made the connection. */
    bool (*connected)(struct troth_store *store, bool *fresh);
    /* Says that a partition is the caller's, and waits for the answer, at most 1 s. What was put of
     * it and is not sent is forgotten, so the caller puts everything anew, and then calls
     * rebuilt(). Out applied: one past the last record of which something stands there, of this
     * era; TROTH_OFFSET_NONE: nothing does. Returns TROTH_OK; TROTH_FENCED: somebody has it with a
     * higher era or claim (see error); or TROTH_UNREACHABLE, TROTH_TIMED_OUT, TROTH_REFUSED. */
    troth_status (*own)(struct troth_store *store, const struct troth_store_claim *claim,
                        int64_t *applied);
    /* Returns whether a partition is the caller's, as far as is known: TROTH_OK; TROTH_NOT_FOUND:
     * it is not on this connection, or the store did not take what was sent: own() it again. */
    troth_status (*ownership)(struct troth_store *store, int32_t partition);
    /* Queues that everything of a partition was put since it was owned: its view is whole. Those
     * who listen are told, too: of what they should have heard before, some may never have been
     * said. */
    troth_status (*rebuilt)(struct troth_store *store, int32_t partition);
    /* Puts a narrowing: one standing and its agent, at once, on the connection of its own. Several
     * may be put; narrowed() sends them and takes the answers. Also tells those who listen (stream
     * and channel): `record` is the intervention's JSON. Nothing of the agent that was put before
     * lands after it. TROTH_NOT_FOUND, as all that puts: the partition is not owned. */
    troth_status (*narrow)(struct troth_store *store, const struct troth_publication *standing,
                           const struct troth_agent_publication *agent, const char *record,
                           size_t record_length);
    /* Sends what narrow put and takes answers, waiting at most timeout_us. TROTH_OK: all of it is
     * answered, or nothing was put. TROTH_TIMED_OUT: something is not yet; until it is, nothing
     * else of its agent is taken (put_ say TROTH_TIMED_OUT, remove TROTH_FULL). Where an answer
     * lacks for a second the connection is given up. */
    troth_status (*narrowed)(struct troth_store *store, int64_t timeout_us);
    /* Queues the record of a widening for those who listen; goes out with the next flush. */
    troth_status (*announce)(struct troth_store *store, int32_t partition, int64_t applied,
                             const char *record, size_t record_length);
    troth_status (*put_standing)(struct troth_store *store,
                                 const struct troth_publication *standing);
    troth_status (*put_agent)(struct troth_store *store,
                              const struct troth_agent_publication *agent);
    /* Queues that the telemetry of a contract has stopped, how that is now, or that it is over. */
    troth_status (*put_outage)(struct troth_store *store,
                               const struct troth_outage_publication *outage);
    /* Queues the record of a contract's week in a partition. In text: JSON; NULL: it is forgotten.
     */
    troth_status (*put_week)(struct troth_store *store, int32_t partition, int64_t applied,
                             const char *contract, int64_t number, const char *text, size_t length);
    /* Queues that a standing has ended; where `last` the agent has no other left. */
    troth_status (*remove)(struct troth_store *store, int32_t partition, int64_t applied,
                           struct troth_text agent, const char *contract, bool last);
    /* Sends what was put, as far as that goes without waiting, and takes the answers that are
     * there. TROTH_FULL: much is unanswered; what was put is kept and goes with a later flush, and
     * no more should be put until one says TROTH_OK. */
    troth_status (*flush)(struct troth_store *store);
    /* Waits until all that was flushed is answered, at most timeout_us. TROTH_REFUSED: the store
     * said no to something (see error). */
    troth_status (*acknowledged)(struct troth_store *store, int64_t timeout_us);
    /* Takes the answers that are there, without waiting or sending, and returns whether all that
     * was put is answered; how, acknowledged() says. NULL: the store cannot tell. */
    bool (*quiet)(struct troth_store *store);
    /* Returns the last thing that the store said went wrong, for people; never NULL. */
    const char *(*error)(struct troth_store *store);
    void (*close)(struct troth_store *store);
};

#endif
