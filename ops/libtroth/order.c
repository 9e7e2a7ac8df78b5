#include "ops/libtroth/follow.h"

#include <stdlib.h>
#include <string.h>

#include "ops/libtroth/value.h"

/* Makes room for more slots. Returns whether there is. */
static bool has_room(struct troth_slots *list, size_t count)
{
    if (list->capacity >= count) {
        return true;
    }
    const size_t capacity = count + count / 2;
    uint32_t *slots = realloc(list->slots, capacity * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    list->slots = slots;
    list->capacity = (uint32_t)capacity;
    return true;
}

static uint32_t total_of(const struct troth_slots *list)
{
    return list->first[TROTH_CACHE_BANDS] + list->probation;
}

void troth_follow_drop(struct troth_follow *follow, struct troth_slots *list)
{
    for (uint32_t i = 0; i < total_of(list); i++) {
        follow->notes[list->slots[i]].uses--;
    }
    for (uint32_t i = 0; i < total_of(list); i++) {
        troth_follow_tidy(follow, list->slots[i], false);
    }
    free(list->slots);
    memset(list, 0, sizeof *list);
}

/* Returns the slot of a member; TROTH_CACHE_NO_SLOT where it cannot be kept. */
static uint32_t take_slot(struct troth_follow *follow, const char *name, size_t length)
{
    struct troth_cache *cache = &follow->client->cache;
    if (length == 0 || length > TROTH_CLIENT_NAME_MAX) {
        troth_count(&follow->client->counts.unreadable, 1);
        return TROTH_CACHE_NO_SLOT;
    }
    const uint32_t free_before = cache->free_count;
    const uint32_t slot = troth_cache_take(cache, name, length);
    if (slot == TROTH_CACHE_NO_SLOT) {
        troth_count(&follow->client->counts.agents_over, 1);
    } else if (cache->free_count != free_before) {
        troth_follow_mark(follow, slot, false); /* it is new to us */
    }
    return slot;
}

/* The band of a score as a sorted set has it: any number, as a decimal. */
static unsigned band_of(const redisReply *score)
{
    if (score->type != REDIS_REPLY_STRING || score->str[0] == '-' ||
        strstr(score->str, "e-") != NULL) {
        return 0;
    }
    const bool huge = strchr(score->str, 'e') != NULL;
    const size_t length = huge ? 0 : strcspn(score->str, ".");
    int64_t whole = 0;
    if (!troth_value_integer(score->str, length, &whole)) {
        return TROTH_CACHE_BANDS - 1; /* inf, or 1e+20 */
    }
    const int64_t band = whole / TROTH_CACHE_BAND_POINTS;
    return band < TROTH_CACHE_BANDS ? (unsigned)band : TROTH_CACHE_BANDS - 1;
}

static void add(struct troth_follow *follow, struct troth_slots *list, uint32_t at, uint32_t slot)
{
    list->slots[at] = slot;
    follow->notes[slot].uses++;
}

/* Counts one more of a band: all that come behind begin later. */
static void count_band(struct troth_slots *list, unsigned band)
{
    for (unsigned b = TROTH_CACHE_BANDS - band; b <= TROTH_CACHE_BANDS; b++) {
        list->first[b]++;
    }
}

/* Frees places of agents that were asked for by name and that no route has, when all are taken. */
static void make_room(struct troth_follow *follow)
{
    const struct troth_cache *cache = &follow->client->cache;
    for (uint32_t i = 0; cache->free_count == 0 && i < cache->agents_max; i++) {
        troth_follow_tidy(follow, i, true);
    }
}

/* While Redis is written anew: those that it had, and has not again, stay behind the others of
 * their band, as they may be given by a fail-open question. */
static void carry_over(struct troth_follow *follow, const struct troth_slots *used,
                       struct troth_slots *fresh)
{
    const uint32_t new_count = fresh->first[TROTH_CACHE_BANDS];
    const uint32_t used_count = used->first[TROTH_CACHE_BANDS];
    if (!has_room(fresh, (size_t)new_count + used_count)) {
        return;
    }
    for (uint32_t i = 0; i < new_count; i++) {
        follow->notes[fresh->slots[i]].marked = true;
    }
    uint32_t *merged = malloc(((size_t)new_count + used_count + 1) * sizeof *merged);
    uint32_t count = 0;
    struct troth_slots both = {0};
    for (unsigned b = 0; merged != NULL && b < TROTH_CACHE_BANDS; b++) {
        both.first[b] = count;
        for (uint32_t i = fresh->first[b]; i < fresh->first[b + 1]; i++) {
            merged[count++] = fresh->slots[i];
        }
        for (uint32_t i = used->first[b]; i < used->first[b + 1]; i++) {
            if (!follow->notes[used->slots[i]].marked) {
                follow->notes[used->slots[i]].uses++;
                merged[count++] = used->slots[i];
            }
        }
    }
    for (uint32_t i = 0; i < new_count; i++) {
        follow->notes[fresh->slots[i]].marked = false;
    }
    if (merged != NULL) {
        both.first[TROTH_CACHE_BANDS] = count;
        memcpy(fresh->slots, merged, count * sizeof *merged);
        memcpy(fresh->first, both.first, sizeof both.first);
    }
    free(merged);
}

void troth_follow_take_route(struct troth_follow *follow, uint32_t which, const redisReply *reply)
{
    struct troth_route_note *note = &follow->routes[which];
    struct troth_slots *fresh = &note->fresh;
    const size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;
    troth_count(&follow->client->counts.routes, 1);
    make_room(follow);
    memset(fresh, 0, sizeof *fresh);
    if (!has_room(fresh, count + 1)) {
        note->dirty = true; /* no memory: nobody is listed until it is read again */
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const redisReply *name = reply->element[2 * i];
        const redisReply *score = reply->element[2 * i + 1];
        const uint32_t slot = name->type == REDIS_REPLY_STRING
                                  ? take_slot(follow, name->str, name->len)
                                  : TROTH_CACHE_NO_SLOT;
        if (slot != TROTH_CACHE_NO_SLOT) {
            add(follow, fresh, fresh->first[TROTH_CACHE_BANDS], slot);
            count_band(fresh, band_of(score));
        }
    }
    if (atomic_load(&follow->client->rebuilding)) {
        carry_over(follow, &note->used, fresh);
    }
}

void troth_follow_take_probation(struct troth_follow *follow, uint32_t which,
                                 const redisReply *reply)
{
    struct troth_route_note *note = &follow->routes[which];
    struct troth_slots *fresh = &note->fresh;
    const size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    const uint32_t ranked = fresh->first[TROTH_CACHE_BANDS];
    note->asked = false;
    if (!has_room(fresh, (size_t)ranked + count + 1)) {
        note->dirty = true; /* no memory: what was there is used on, and read again later */
        troth_follow_drop(follow, fresh);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const redisReply *name = reply->element[i];
        const uint32_t slot = name->type == REDIS_REPLY_STRING
                                  ? take_slot(follow, name->str, name->len)
                                  : TROTH_CACHE_NO_SLOT;
        if (slot != TROTH_CACHE_NO_SLOT) {
            add(follow, fresh, ranked + fresh->probation, slot);
            fresh->probation++;
        }
    }
    if (!troth_route_write(&follow->client->cache.routes[which], fresh->slots, fresh->first,
                           fresh->probation)) {
        note->dirty = true;
        troth_follow_drop(follow, fresh);
        return;
    }
    note->staged = true;
    note->ticket = follow->issued;
    follow->staged++;
}

/* Puts one into use. */
static void turn(struct troth_follow *follow, uint32_t which)
{
    struct troth_route_note *note = &follow->routes[which];
    struct troth_slots used = note->used;
    troth_route_turn(&follow->client->cache.routes[which]);
    note->used = note->fresh;
    memset(&note->fresh, 0, sizeof note->fresh);
    note->staged = false;
    follow->staged--;
    if (note->unread) {
        note->unread = false;
        follow->unread--;
    }
    troth_follow_drop(follow, &used);
}

/* Lets those go on who wait for a route. */
static void announce(struct troth_follow *follow, uint32_t count)
{
    struct troth_client *client = follow->client;
    bool any = false;
    for (uint32_t i = 0; i < count; i++) {
        if (follow->routes[i].used.slots != NULL) {
            any = !atomic_exchange(&client->cache.routes[i].loaded, true) || any;
        }
    }
    if (any) {
        pthread_mutex_lock(&client->lock);
        pthread_cond_broadcast(&client->changed);
        pthread_mutex_unlock(&client->lock);
    }
}

void troth_follow_settle(struct troth_follow *follow)
{
    struct troth_client *client = follow->client;
    const bool idle =
        follow->queue_count == 0 && follow->rows_flying == 0 && follow->urgent_count == 0;
    const uint32_t count = atomic_load_explicit(&client->cache.route_count, memory_order_acquire);
    const bool turns = follow->staged > 0;
    for (uint32_t i = 0; follow->staged > 0 && i < count; i++) {
        const struct troth_route_note *note = &follow->routes[i];
        if (note->staged && (idle || follow->answered >= note->ticket)) {
            turn(follow, i);
        }
    }
    if (!atomic_load_explicit(&client->live, memory_order_relaxed) && follow->unread == 0 &&
        !follow->meta_unread && (idle || follow->answered >= follow->live_ticket)) {
        atomic_store(&client->live, true);
    }
    if (turns) {
        announce(follow, count);
    }
}
