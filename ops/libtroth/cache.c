#include "ops/libtroth/cache.h"

#include <stdlib.h>
#include <string.h>

#include "ops/libtroth/value.h"

enum { ORDER_CAPACITY_FIRST = 64 };

#define RELAXED memory_order_relaxed

/* The words of hot. */
enum { OFFER_UNTIL, GOOD_UNTIL, TRAFFIC, NARROW_TRAFFIC, MAX_COST, SMALL, LISTS };

static uint64_t bits_of(double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- rows ---- */

/* Sequence locks: a writer is between these two, a reader asks the third at its end. */
static uint64_t begin_write(_Atomic uint64_t *sequence)
{
    const uint64_t before = atomic_load_explicit(sequence, RELAXED);
    atomic_store_explicit(sequence, before + 1, RELAXED);
    atomic_thread_fence(memory_order_release);
    return before;
}

static void end_write(_Atomic uint64_t *sequence, uint64_t before)
{
    atomic_store_explicit(sequence, before + 2, memory_order_release);
}

static bool is_still(const _Atomic uint64_t *sequence, uint64_t before)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(sequence, RELAXED) == before;
}

static void read_words(const struct troth_row *row, struct troth_row_view *view)
{
    uint64_t hot[7];
    for (unsigned i = 0; i < 7; i++) {
        hot[i] = atomic_load_explicit(&row->hot[i], RELAXED);
    }
    view->offer_until_us = (int64_t)hot[OFFER_UNTIL];
    view->good_until_us = (int64_t)hot[GOOD_UNTIL];
    view->traffic = double_of(hot[TRAFFIC]);
    view->narrow_traffic = double_of(hot[NARROW_TRAFFIC]);
    view->max_cost_micros = (int64_t)hot[MAX_COST];
    view->score = (uint16_t)hot[SMALL];
    view->rung = (uint8_t)(hot[SMALL] >> 16);
    view->state = (uint8_t)(hot[SMALL] >> 24);
    view->consequence = (int8_t)((int)(hot[SMALL] >> 32 & 0xff) - 1);
    view->guarded = (hot[SMALL] >> 40 & 1) != 0;
    view->name_length = (uint8_t)(hot[SMALL] >> 48);
    view->capabilities = (uint16_t)hot[LISTS];
    view->narrow_capabilities = (uint16_t)(hot[LISTS] >> 16);
    view->contracts = (uint16_t)(hot[LISTS] >> 32);
}

bool troth_row_read(const struct troth_row *row, struct troth_row_view *view, char *name)
{
    const uint64_t before = atomic_load_explicit(&row->sequence, memory_order_acquire);
    read_words(row, view);
    view->narrow_max_cost_micros = (int64_t)atomic_load_explicit(&row->narrow_max_cost, RELAXED);
    const size_t words = name != NULL ? (size_t)(view->name_length + 7) / 8 : 0;
    for (size_t i = 0; i < words && i < TROTH_CACHE_NAME_WORDS; i++) {
        const uint64_t word = atomic_load_explicit(&row->name[i], RELAXED);
        memcpy(name + 8 * i, &word, sizeof word);
    }
    return (before & 1) == 0 && is_still(&row->sequence, before);
}

static void write_words(struct troth_row *row, const struct troth_row_view *view)
{
    const uint64_t small = (uint64_t)view->score | (uint64_t)view->rung << 16 |
                           (uint64_t)view->state << 24 |
                           (uint64_t)(uint8_t)(view->consequence + 1) << 32 |
                           (uint64_t)view->guarded << 40 | (uint64_t)view->name_length << 48;
    const uint64_t lists = (uint64_t)view->capabilities |
                           (uint64_t)view->narrow_capabilities << 16 |
                           (uint64_t)view->contracts << 32;
    const uint64_t hot[7] = {
        [OFFER_UNTIL] = (uint64_t)view->offer_until_us,
        [GOOD_UNTIL] = (uint64_t)view->good_until_us,
        [TRAFFIC] = bits_of(view->traffic),
        [NARROW_TRAFFIC] = bits_of(view->narrow_traffic),
        [MAX_COST] = (uint64_t)view->max_cost_micros,
        [SMALL] = small,
        [LISTS] = lists,
    };
    for (unsigned i = 0; i < 7; i++) {
        atomic_store_explicit(&row->hot[i], hot[i], RELAXED);
    }
    atomic_store_explicit(&row->narrow_max_cost, (uint64_t)view->narrow_max_cost_micros, RELAXED);
}

/* The length of the name is the row's, whatever the view says. */
void troth_row_write(struct troth_row *row, const struct troth_row_view *view)
{
    struct troth_row_view written = *view;
    const uint64_t small = atomic_load_explicit(&row->hot[SMALL], RELAXED);
    written.name_length = (uint8_t)(small >> 48);
    const uint64_t before = begin_write(&row->sequence);
    write_words(row, &written);
    end_write(&row->sequence, before);
}

static void write_name(struct troth_row *row, enum troth_row_state state, const char *name,
                       size_t length)
{
    const struct troth_row_view view = {
        .state = (uint8_t)state, .consequence = -1, .name_length = (uint8_t)length};
    const uint64_t before = begin_write(&row->sequence);
    write_words(row, &view);
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = 0;
        memcpy(&word, name + at, length - at < 8 ? length - at : 8);
        atomic_store_explicit(&row->name[at / 8], word, RELAXED);
    }
    end_write(&row->sequence, before);
}

/* ---- names ---- */

static bool is_named(const struct troth_cache *cache, uint32_t slot, const char *name,
                     size_t length)
{
    struct troth_row_view view;
    char held[TROTH_CLIENT_NAME_MAX];
    return slot < cache->agents_max && troth_row_read(&cache->rows[slot], &view, held) &&
           view.state != TROTH_ROW_FREE && view.name_length == length &&
           memcmp(held, name, length) == 0;
}

uint32_t troth_cache_find(const struct troth_cache *cache, const char *name, size_t length)
{
    uint32_t at = (uint32_t)troth_value_hash(name, length) & cache->map_mask;
    for (uint32_t i = 0; i <= cache->map_mask; i++, at = (at + 1) & cache->map_mask) {
        const uint32_t slot = atomic_load_explicit(&cache->map[at], memory_order_acquire);
        if (slot == 0) {
            break;
        }
        if (is_named(cache, slot - 1, name, length)) {
            return slot - 1;
        }
    }
    return TROTH_CACHE_NO_SLOT;
}

uint32_t troth_cache_take(struct troth_cache *cache, const char *name, size_t length)
{
    uint32_t slot = troth_cache_find(cache, name, length);
    if (slot != TROTH_CACHE_NO_SLOT || cache->free_count == 0) {
        return slot;
    }
    slot = cache->free_slots[--cache->free_count];
    write_name(&cache->rows[slot], TROTH_ROW_MISSING, name, length);
    uint32_t at = (uint32_t)troth_value_hash(name, length) & cache->map_mask;
    while (atomic_load_explicit(&cache->map[at], RELAXED) != 0) {
        at = (at + 1) & cache->map_mask;
    }
    atomic_store_explicit(&cache->map[at], slot + 1, memory_order_release);
    atomic_fetch_add_explicit(&cache->agents, 1, RELAXED);
    return slot;
}

/* Returns where in the map a name would stand if nobody else were there. */
static uint32_t home_of(const struct troth_cache *cache, uint32_t slot)
{
    struct troth_row_view view;
    char name[TROTH_CLIENT_NAME_MAX];
    (void)troth_row_read(&cache->rows[slot], &view, name); /* nobody else writes */
    return (uint32_t)troth_value_hash(name, view.name_length) & cache->map_mask;
}

void troth_cache_release(struct troth_cache *cache, uint32_t slot)
{
    uint32_t hole = home_of(cache, slot);
    while (atomic_load_explicit(&cache->map[hole], RELAXED) != slot + 1) {
        hole = (hole + 1) & cache->map_mask;
    }
    /* Those behind it move up where that brings them no further than their home (Knuth, 6.4 R). */
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & cache->map_mask;
        const uint32_t other = atomic_load_explicit(&cache->map[at], RELAXED);
        if (other == 0) {
            break;
        }
        const uint32_t home = home_of(cache, other - 1);
        if (((at - home) & cache->map_mask) >= ((at - hole) & cache->map_mask)) {
            atomic_store_explicit(&cache->map[hole], other, memory_order_release);
            hole = at;
        }
    }
    atomic_store_explicit(&cache->map[hole], 0, memory_order_release);
    write_name(&cache->rows[slot], TROTH_ROW_FREE, "", 0);
    cache->free_slots[cache->free_count++] = slot;
    atomic_fetch_sub_explicit(&cache->agents, 1, RELAXED);
}

/* ---- routes ---- */

struct troth_route *troth_cache_route(const struct troth_cache *cache, const char *name,
                                      size_t length, uint64_t hash)
{
    const uint32_t count = atomic_load_explicit(&cache->route_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        struct troth_route *route = &cache->routes[i];
        if (route->hash == hash && route->name_length == length &&
            memcmp(route->name, name, length) == 0) {
            return route;
        }
    }
    return NULL;
}

struct troth_route *troth_cache_add_route(struct troth_cache *cache, const char *name,
                                          size_t length, uint64_t hash)
{
    const uint32_t count = atomic_load_explicit(&cache->route_count, RELAXED);
    if (count == cache->routes_max) {
        return NULL;
    }
    struct troth_route *route = &cache->routes[count];
    memcpy(route->name, name, length);
    route->name_length = length;
    route->hash = hash;
    atomic_store_explicit(&cache->route_count, count + 1, memory_order_release);
    return route;
}

/* Makes room for places. Returns NULL where there is no memory. */
static struct troth_places *places_for(struct troth_order *order, uint32_t count)
{
    struct troth_places *places = atomic_load_explicit(&order->places, RELAXED);
    if (places != NULL && places->capacity >= count) {
        return places;
    }
    uint32_t capacity = ORDER_CAPACITY_FIRST;
    while (capacity < count) {
        capacity *= 2;
    }
    struct troth_places *larger = calloc(1, sizeof *larger + capacity * sizeof larger->slots[0]);
    if (larger != NULL) {
        larger->outgrown = places;
        larger->capacity = capacity;
    }
    return larger;
}

bool troth_route_write(struct troth_route *route, const uint32_t *slots,
                       const uint32_t first[TROTH_CACHE_BANDS + 1], uint32_t probation)
{
    const uint32_t current = atomic_load_explicit(&route->current, RELAXED);
    struct troth_order *order = &route->orders[1 - current];
    const uint32_t count = first[TROTH_CACHE_BANDS] + probation;
    struct troth_places *places = places_for(order, count);
    if (places == NULL) {
        return false;
    }
    const uint64_t before = begin_write(&order->sequence);
    atomic_store_explicit(&order->places, places, memory_order_release);
    for (uint32_t i = 0; i < count; i++) {
        atomic_store_explicit(&places->slots[i], slots[i], RELAXED);
    }
    for (unsigned b = 0; b <= TROTH_CACHE_BANDS; b++) {
        atomic_store_explicit(&order->first[b], first[b], RELAXED);
    }
    atomic_store_explicit(&order->probation, probation, RELAXED);
    end_write(&order->sequence, before);
    return true;
}

void troth_route_turn(struct troth_route *route)
{
    const uint32_t current = atomic_load_explicit(&route->current, RELAXED);
    atomic_store_explicit(&route->current, 1 - current, memory_order_release);
}

/* ---- all of it ---- */

bool troth_cache_init(struct troth_cache *cache, uint32_t agents_max, uint32_t routes_max)
{
    memset(cache, 0, sizeof *cache);
    cache->agents_max = agents_max;
    cache->routes_max = routes_max;
    uint32_t map_size = 16;
    while (map_size < 2 * agents_max) {
        map_size *= 2;
    }
    cache->map_mask = map_size - 1;
    /* From calloc, so that rows that nobody uses stay untouched memory; with room to align them. */
    const size_t alignment = _Alignof(struct troth_row);
    cache->memory = calloc(1, (size_t)agents_max * sizeof *cache->rows + alignment);
    cache->rows = (struct troth_row *)(((uintptr_t)cache->memory + alignment) & ~(alignment - 1));
    cache->map = calloc(map_size, sizeof *cache->map);
    cache->free_slots = calloc(agents_max, sizeof *cache->free_slots);
    cache->routes = calloc(routes_max, sizeof *cache->routes);
    if (!troth_lists_init(&cache->lists) || cache->memory == NULL || cache->map == NULL ||
        cache->free_slots == NULL || cache->routes == NULL) {
        return false;
    }
    cache->free_count = agents_max;
    for (uint32_t i = 0; i < agents_max; i++) {
        cache->free_slots[i] = agents_max - 1 - i;
    }
    return true;
}

void troth_cache_fini(struct troth_cache *cache)
{
    for (uint32_t i = 0; cache->routes != NULL && i < cache->routes_max; i++) {
        for (unsigned k = 0; k < 2; k++) {
            struct troth_places *places = atomic_load(&cache->routes[i].orders[k].places);
            while (places != NULL) {
                struct troth_places *outgrown = places->outgrown;
                free(places);
                places = outgrown;
            }
        }
    }
    free(cache->routes);
    free(cache->free_slots);
    free((void *)cache->map);
    free(cache->memory);
    troth_lists_fini(&cache->lists);
    memset(cache, 0, sizeof *cache);
}
