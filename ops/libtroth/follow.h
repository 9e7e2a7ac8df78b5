/*
 * How the local copy follows Redis: what the handle's thread keeps for that.
 *
 *     heard ──► what changed ──► queue of rows, routes that are due
 *                                    │ asked on `data`, in one order
 *     data  ──► answers in that order ──► rows, orders
 *
 * A change that is heard while its key is being read may be from before or after that: the key is
 * read again. So a row is true as of the last answer behind which nothing was heard.
 *
 * Invariants: a slot is at most once in the queue; the first word of an answer belongs to the
 * eldest request. Everything is bounded: rows in flight, requests, and what is kept for a slot.
 *
 * Threads: the handle's own. Memory: taken at create; lists of slots as routes are read.
 */
#ifndef TROTH_OPS_LIBTROTH_FOLLOW_H
#define TROTH_OPS_LIBTROTH_FOLLOW_H

#include "ops/libtroth/client.h"
#include "ops/libtroth/dial.h"

enum {
    TROTH_FOLLOW_ROWS = 512,      /* hashes asked for at a time */
    TROTH_FOLLOW_REQUESTS = 4096, /* of any kind, a power of two; more than all bounds together */
    TROTH_FOLLOW_URGENT = 1024,   /* narrowed agents; one more waits its turn */
    TROTH_FOLLOW_KEY_MAX = 512    /* bytes of a key */
};

enum troth_request_kind {
    TROTH_REQUEST_META,
    TROTH_REQUEST_ROW,       /* of a slot */
    TROTH_REQUEST_LOOKUP,    /* by place in the client's lookups */
    TROTH_REQUEST_ROUTE,     /* by place in the cache's routes */
    TROTH_REQUEST_PROBATION, /* the same, always behind it */
    TROTH_REQUEST_PING
};

struct troth_request {
    enum troth_request_kind kind;
    uint32_t which;
    uint64_t ticket; /* the queue's, when this was sent: answered, all up to it are */
};

/* What is kept for a slot. */
struct troth_note {
    uint32_t uses; /* by routes, in use or being read */
    bool queued;
    bool flying; /* asked for, not answered */
    bool again;  /* changed since it was asked for */
    bool marked; /* within one step of work */
};

struct troth_slots {
    uint32_t *slots; /* of the route from the top, then those on probation */
    uint32_t first[TROTH_CACHE_BANDS + 1];
    uint32_t probation;
    uint32_t capacity;
};

struct troth_route_note {
    bool dirty;      /* changed, or never read */
    bool asked;      /* being read */
    bool staged;     /* read, and waits for rows that are new to it */
    bool unread;     /* not read since connecting */
    uint64_t ticket; /* staged: when the queue has come so far, it is put into use */
    int64_t next_us; /* not to be read again before */
    struct troth_slots used;
    struct troth_slots fresh;
};

struct troth_follow {
    struct troth_client *client;
    struct troth_dial dial;
    int64_t now_us; /* monotonic, as of this turn of the loop */
    int64_t attempt_us;
    int64_t backoff_us;
    uint64_t jitter;

    struct troth_request *requests; /* a ring */
    uint32_t request_head;
    uint32_t request_count;
    int64_t moved_us; /* when something was last answered, or first asked */
    int64_t heard_us; /* the same of the other connection: a ping is due, or its answer */
    bool heard_pinged;
    int64_t pinged_us;

    struct troth_note *notes; /* by slot */
    uint32_t *queue;          /* a ring of slots */
    uint32_t queue_head;
    uint32_t queue_count;
    uint64_t issued;   /* tickets: slots ever queued, */
    uint64_t taken;    /* taken from the queue, */
    uint64_t answered; /* and answered */
    uint32_t urgent[TROTH_FOLLOW_URGENT];
    uint32_t urgent_count;
    uint32_t rows_flying;
    int64_t rows_us; /* the queue rests until then */

    struct troth_route_note *routes;
    uint32_t unread; /* routes not read since connecting */
    uint32_t staged; /* routes that wait for rows */
    bool meta_dirty;
    bool meta_asked;
    bool meta_unread; /* not read since connecting */
    uint64_t live_ticket;
    int64_t reread_us; /* when all is read again, come what may */
};

/* ---- what is to be read (queue.c) ---- */

/* A slot's hash has changed; urgent: it is to be read before others. */
void troth_follow_mark(struct troth_follow *follow, uint32_t slot, bool urgent);

/* All is to be read anew. */
void troth_follow_mark_all(struct troth_follow *follow);

/* Forgets what was asked and what is queued: the connection is gone. */
void troth_follow_forget(struct troth_follow *follow);

/* Gives up a row that nobody uses and that says nothing; with any: whatever it says. */
void troth_follow_tidy(struct troth_follow *follow, uint32_t slot, bool any);

/* Asks for what is due. Returns when to look again, at the latest. */
int64_t troth_follow_ask(struct troth_follow *follow);

/* ---- what comes of it (answers.c) ---- */

/* Takes the answer to the eldest request. Returns false when the connection is of no more use. */
bool troth_follow_answer(struct troth_follow *follow, const redisReply *reply);

/* Puts orders into use whose rows are read, and says when all is. */
void troth_follow_settle(struct troth_follow *follow);

/* Takes what was heard. */
void troth_follow_hear(struct troth_follow *follow, const redisReply *reply);

/* ---- a route (order.c) ---- */

/* Takes the members of a route, then those on probation. */
void troth_follow_take_route(struct troth_follow *follow, uint32_t which, const redisReply *reply);
void troth_follow_take_probation(struct troth_follow *follow, uint32_t which,
                                 const redisReply *reply);

/* Gives the rows of a list up. */
void troth_follow_drop(struct troth_follow *follow, struct troth_slots *slots);

/* Says that the connection is of no more use, and why. */
void troth_follow_trouble(struct troth_follow *follow, enum troth_client_status status,
                          const char *problem);

#endif
