#include "ops/libtroth/chance.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "ops/libtroth/sha1.h"
#include "ops/libtroth/troth.h"

#define GAMMA UINT64_C(0x9e3779b97f4a7c15) /* 2^64 over the golden ratio, odd */

enum { DRAW_EXPLORE = 34, DRAW_AGENT = 35 };

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

bool troth_chance_init(struct troth_chance *chance)
{
    for (unsigned i = 0; i < TROTH_CHANCE_STRIPES; i++) {
        struct troth_chance_stripe *stripe = &chance->stripes[i];
        atomic_init(&stripe->drawn, 0);
        if (getrandom(&stripe->seed, sizeof stripe->seed, 0) != (ssize_t)sizeof stripe->seed) {
            return false;
        }
    }
    return true;
}

uint64_t troth_chance_next(struct troth_chance *chance)
{
    const uint64_t self = (uint64_t)pthread_self() * GAMMA;
    struct troth_chance_stripe *stripe = &chance->stripes[self >> 58];
    const uint64_t n = atomic_fetch_add_explicit(&stripe->drawn, 1, memory_order_relaxed);
    return mix(stripe->seed + (n + 1) * GAMMA);
}

uint64_t troth_chance_drawn(const struct troth_chance *chance)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < TROTH_CHANCE_STRIPES; i++) {
        sum += atomic_load_explicit(&chance->stripes[i].drawn, memory_order_relaxed);
    }
    return sum;
}

/* A stream of its own for each number: what and which are its places. */
static uint32_t by_number(const struct troth_draw *draw, unsigned what, uint32_t which)
{
    const uint64_t place = (uint64_t)what << 32 | which;
    return (uint32_t)(mix(draw->number + (place + 1) * GAMMA) >> 32);
}

/* Hashes RANDOM:WORD and what comes behind. */
static uint32_t by_text(const struct troth_draw *draw, const char *word, const char *behind,
                        size_t length)
{
    enum { WORD_LENGTH_MAX = 32 };
    char text[TROTH_CLIENT_RANDOM_MAX + WORD_LENGTH_MAX + TROTH_CLIENT_NAME_MAX];
    const size_t word_length = strlen(word);
    memcpy(text, draw->text, draw->length);
    memcpy(text + draw->length, word, word_length);
    if (length > 0) {
        memcpy(text + draw->length + word_length, behind, length);
    }
    return troth_sha1_first(text, draw->length + word_length + length);
}

uint32_t troth_draw_explore(const struct troth_draw *draw)
{
    return draw->text != NULL ? by_text(draw, ":explore", NULL, 0)
                              : by_number(draw, DRAW_EXPLORE, 0);
}

uint32_t troth_draw_agent(const struct troth_draw *draw, uint32_t slot, const char *name,
                          size_t length)
{
    return draw->text != NULL ? by_text(draw, ":agent:", name, length)
                              : by_number(draw, DRAW_AGENT, slot);
}

static uint32_t draw_place(const struct troth_draw *draw, unsigned what, uint32_t k)
{
    if (draw->text == NULL) {
        return by_number(draw, what, k);
    }
    char word[32];
    if (what == TROTH_DRAW_PROBATION) {
        snprintf(word, sizeof word, ":probation:%u", k);
    } else if (what == TROTH_DRAW_ALL) {
        snprintf(word, sizeof word, ":all:%u", k);
    } else {
        snprintf(word, sizeof word, ":band:%u:%u", what, k);
    }
    return by_text(draw, word, NULL, 0);
}

void troth_shuffle_begin(struct troth_shuffle *shuffle, const struct troth_draw *draw,
                         unsigned what, uint32_t size)
{
    shuffle->draw = draw;
    shuffle->what = what;
    shuffle->size = size;
    shuffle->drawn = 0;
    shuffle->moves = 0;
}

/* Returns where it is kept what stands in a place; the count where it stands there itself. */
static uint32_t move_of(const struct troth_shuffle *shuffle, uint32_t place)
{
    uint32_t i = 0;
    while (i < shuffle->moves && shuffle->moved[i].from != place) {
        i++;
    }
    return i;
}

bool troth_shuffle_next(struct troth_shuffle *shuffle, uint32_t *place)
{
    if (shuffle->drawn >= shuffle->size || shuffle->drawn >= TROTH_CHANCE_WALK_MAX) {
        return false;
    }
    const uint32_t k = shuffle->drawn++;
    const uint64_t left = shuffle->size - k;
    const uint32_t at = k + (uint32_t)(draw_place(shuffle->draw, shuffle->what, k) * left >> 32);
    const uint32_t mine = move_of(shuffle, k);
    const uint32_t here = mine < shuffle->moves ? shuffle->moved[mine].to : k;
    if (at == k) {
        *place = here;
        return true;
    }
    const uint32_t theirs = move_of(shuffle, at);
    *place = theirs < shuffle->moves ? shuffle->moved[theirs].to : at;
    if (theirs == shuffle->moves) {
        shuffle->moves++; /* at most one a draw */
    }
    shuffle->moved[theirs].from = at;
    shuffle->moved[theirs].to = here;
    return true;
}
