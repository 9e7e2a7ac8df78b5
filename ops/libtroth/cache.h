/*
 * The local copy of what Redis says: agents in rows of a fixed table, their names in a map, and for
 * each capability the order of its rows by score.
 *
 *     routes[i].orders[current] ── slot, slot, slot ...        (the order is an index)
 *                                    │
 *     rows                  [ ][agent's hash][ ] ...           (the row decides)
 *
 * Invariants: a slot in an order is always below agents_max, and a row says itself whose it is and
 * what it may do. So an order that is a little old, or even one that is read while it is written,
 * costs fairness at worst and never lets an agent do what its row forbids. Rows and orders are
 * sequence locks (Boehm, "Can seqlocks get along with programming language memory models?", 2012):
 * odd while written, all data atomic, readers check and never wait. A new order is written beside
 * the one in use and then takes its place.
 *
 * Threads: one writes, any number read at any time. Memory: rows and map for agents_max, taken at
 * init; orders grow by doubling, and one that was outgrown is kept until fini, as somebody may
 * still read it.
 */
#ifndef TROTH_OPS_LIBTROTH_CACHE_H
#define TROTH_OPS_LIBTROTH_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/libtroth/lists.h"
#include "ops/libtroth/troth.h"

enum {
    TROTH_CACHE_BANDS = 20,
    TROTH_CACHE_BAND_POINTS = 50,
    TROTH_CACHE_NAME_WORDS = TROTH_CLIENT_NAME_MAX / 8
};

#define TROTH_CACHE_NO_SLOT UINT32_MAX

/* What is known of a row's agent. */
enum troth_row_state {
    TROTH_ROW_FREE = 0, /* nobody's */
    TROTH_ROW_MISSING,  /* no hash, not read yet, or not to be read: unproven */
    TROTH_ROW_KNOWN,
    TROTH_ROW_DOUBTED, /* its narrowing was told, and what it is now is being read */
    TROTH_ROW_ABSENT   /* Redis has lost it, and is being written anew: what it was before */
};

/* A row as plain values. */
struct troth_row_view {
    int64_t good_until_us;
    int64_t offer_until_us;
    int64_t max_cost_micros;
    int64_t narrow_max_cost_micros;
    double traffic;
    double narrow_traffic;
    uint16_t score;
    uint16_t capabilities; /* lists by number */
    uint16_t narrow_capabilities;
    uint16_t contracts;
    uint8_t rung;
    uint8_t state;      /* enum troth_row_state */
    int8_t consequence; /* 0..2; -1: not said */
    bool guarded;
    uint8_t name_length;
};

struct troth_row {
    _Alignas(64) _Atomic uint64_t sequence;
    _Atomic uint64_t hot[7]; /* all that most looks need, in one cache line */
    _Atomic uint64_t narrow_max_cost;
    _Atomic uint64_t name[TROTH_CACHE_NAME_WORDS];
};

struct troth_places {
    struct troth_places *outgrown; /* the one before */
    uint32_t capacity;
    _Atomic uint32_t slots[];
};

/* The rows of a capability from the top, those of a band beside each other, and those on probation.
 */
struct troth_order {
    _Atomic uint64_t sequence;
    _Atomic(struct troth_places *) places;
    _Atomic uint32_t
        first[TROTH_CACHE_BANDS + 1]; /* [b]: where band 19 - b begins; last: the end */
    _Atomic uint32_t probation;       /* how many places, behind the others */
};

struct troth_route {
    char name[64];
    size_t name_length;
    uint64_t hash;
    _Atomic bool loaded;
    _Atomic uint32_t current;
    struct troth_order orders[2];
};

struct troth_cache {
    uint32_t agents_max;
    struct troth_row *rows;
    void *memory;          /* of the rows */
    _Atomic uint32_t *map; /* slot + 1 by hash of name, linear probing; 0: free */
    uint32_t map_mask;
    uint32_t *free_slots;
    uint32_t free_count;
    _Atomic uint64_t agents;
    struct troth_route *routes;
    uint32_t routes_max;
    _Atomic uint32_t route_count;
    struct troth_lists lists;
};

/* Returns whether memory was there; fini in either case. */
bool troth_cache_init(struct troth_cache *cache, uint32_t agents_max, uint32_t routes_max);
void troth_cache_fini(struct troth_cache *cache);

/* ---- any thread ---- */

/* Out view: the row, as of one time; name: NULL, or room for TROTH_CLIENT_NAME_MAX bytes. Returns
 * false when it is being written just now. */
bool troth_row_read(const struct troth_row *row, struct troth_row_view *view, char *name);

/* Returns where an agent's row is, or TROTH_CACHE_NO_SLOT; another thread may just miss it. */
uint32_t troth_cache_find(const struct troth_cache *cache, const char *name, size_t length);

/* Returns the route of a capability, or NULL. */
struct troth_route *troth_cache_route(const struct troth_cache *cache, const char *name,
                                      size_t length, uint64_t hash);

/* ---- the one that writes ---- */

/* Writes what is known; the name stays. */
void troth_row_write(struct troth_row *row, const struct troth_row_view *view);

/* Returns the slot of an agent, taken for it where it has none (as MISSING); TROTH_CACHE_NO_SLOT
 * where all are taken. In length: 1..TROTH_CLIENT_NAME_MAX. */
uint32_t troth_cache_take(struct troth_cache *cache, const char *name, size_t length);
void troth_cache_release(struct troth_cache *cache, uint32_t slot);

/* Adds a route, not loaded (under the caller's lock, as several may). Returns NULL when there are
 * routes_max. */
struct troth_route *troth_cache_add_route(struct troth_cache *cache, const char *name,
                                          size_t length, uint64_t hash);

/* Writes an order into the one that is not in use. In slots: those of the route from the top, then
 * those on probation; first: as in troth_order. Returns false where there is no memory. */
bool troth_route_write(struct troth_route *route, const uint32_t *slots,
                       const uint32_t first[TROTH_CACHE_BANDS + 1], uint32_t probation);

/* Puts it into use. */
void troth_route_turn(struct troth_route *route);

#endif
