/*
 * Chance for one answer. Everything drawn for it is a function of one number of 64 bits, or, where
 * the caller gives a text, of that text by SHA-1 as troth_route does it (schemas/redis.md): then
 * the answer is the same as troth_route's.
 *
 * Threads: one draw, one thread; the generator is for all threads at once. Memory: the caller's.
 */
#ifndef TROTH_OPS_LIBTROTH_CHANCE_H
#define TROTH_OPS_LIBTROTH_CHANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers for the handle's own draws: splitmix64 (Steele, Lea and Flood, 2014), a stripe for each
 * of a few threads so that they do not wait for each other's cache line. */
enum { TROTH_CHANCE_STRIPES = 64, TROTH_CHANCE_WALK_MAX = 512 /* places drawn from one list */ };

struct troth_chance {
    struct troth_chance_stripe {
        _Alignas(64) _Atomic uint64_t drawn;
        uint64_t seed;
    } stripes[TROTH_CHANCE_STRIPES];
};

/* Seeds it from getrandom(). Returns whether that worked. */
bool troth_chance_init(struct troth_chance *chance);

/* Returns the next number. */
uint64_t troth_chance_next(struct troth_chance *chance);

/* Returns how many were drawn. */
uint64_t troth_chance_drawn(const struct troth_chance *chance);

struct troth_draw {
    uint64_t number;
    const char *text; /* NULL: number; else by SHA-1 of this */
    size_t length;
};

/* What a place is drawn for: a band by its number 0..19, or these. */
enum { TROTH_DRAW_PROBATION = 32, TROTH_DRAW_ALL = 33 };

/* Return the first 32 bits: for whether the call explores; for whether an agent is let in. In slot:
 * what tells the agent from others where the number decides; name: where the text does. */
uint32_t troth_draw_explore(const struct troth_draw *draw);
uint32_t troth_draw_agent(const struct troth_draw *draw, uint32_t slot, const char *name,
                          size_t length);

/* Gives the places 0 to size - 1 in a drawn order, each once: a shuffle (Fisher and Yates) of which
 * only what was moved is kept. */
struct troth_shuffle {
    const struct troth_draw *draw;
    unsigned what;
    uint32_t size;
    uint32_t drawn;
    uint32_t moves;
    struct {
        uint32_t from;
        uint32_t to;
    } moved[TROTH_CHANCE_WALK_MAX];
};

void troth_shuffle_begin(struct troth_shuffle *shuffle, const struct troth_draw *draw,
                         unsigned what, uint32_t size);

/* Out place: the next one. Returns false when there is none, or TROTH_CHANCE_WALK_MAX were drawn.
 */
bool troth_shuffle_next(struct troth_shuffle *shuffle, uint32_t *place);

#endif
