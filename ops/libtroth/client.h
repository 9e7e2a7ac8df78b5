/*
 * What a handle is made of: what its callers share with its thread.
 *
 * Threads: as said of each part. Memory: the handle's.
 */
#ifndef TROTH_OPS_LIBTROTH_CLIENT_H
#define TROTH_OPS_LIBTROTH_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "ops/libtroth/cache.h"
#include "ops/libtroth/chance.h"
#include "ops/libtroth/troth.h"

enum { TROTH_LOOKUPS_MAX = 64 /* callers that ask for an agent that is not kept, at a time */ };

enum troth_lookup_state {
    TROTH_LOOKUP_FREE = 0,
    TROTH_LOOKUP_WANTED, /* the thread has yet to ask */
    TROTH_LOOKUP_ASKED,
    TROTH_LOOKUP_DONE,
    TROTH_LOOKUP_ABANDONED /* asked, and nobody waits any more */
};

struct troth_lookup {
    enum troth_lookup_state state;
    enum troth_client_status status; /* when done: OK, UNREACHABLE or REFUSED */
    char name[TROTH_CLIENT_NAME_MAX];
    uint8_t name_length;
    struct troth_row_view view; /* when done, with OK; MISSING where there is no such agent */
};

/* Written by the thread, read by anybody. */
struct troth_counts {
    _Atomic uint64_t agents_over;
    _Atomic uint64_t lists_over;
    _Atomic uint64_t unreadable;
    _Atomic uint64_t invalidations;
    _Atomic uint64_t narrowings;
    _Atomic uint64_t reads;
    _Atomic uint64_t routes;
    _Atomic uint64_t pending;
    _Atomic uint64_t connects;
    _Atomic uint64_t losses;
};

struct troth_follow;

struct troth_client {
    struct troth_client_options options; /* with texts of our own */
    struct troth_cache cache;
    struct troth_chance chance;
    struct troth_counts counts;
    _Atomic uint64_t unverified;
    _Atomic bool live;
    _Atomic bool rebuilding;
    int wake; /* an eventfd: there is something new for the thread */
    pthread_t thread;
    struct troth_follow *follow; /* the thread's own */

    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t changed; /* by the monotonic clock */
    bool closing;
    bool reached;                     /* connected */
    uint64_t failures;                /* of connecting, and losses */
    enum troth_client_status trouble; /* why it is not connected; OK before the first attempt */
    char problem[TROTH_CLIENT_PROBLEM_MAX];
    unsigned lookups_wanted;
    struct troth_lookup lookups[TROTH_LOOKUPS_MAX];
};

static inline void troth_count(_Atomic uint64_t *count, uint64_t more)
{
    atomic_fetch_add_explicit(count, more, memory_order_relaxed);
}

/* Makes what the thread needs. Returns NULL where there is no memory. */
struct troth_follow *troth_follow_create(struct troth_client *client);
void troth_follow_destroy(struct troth_follow *follow);

/* The thread: returns when the handle is closing. In argument: the struct troth_client. */
void *troth_follow_run(void *argument);

#endif
