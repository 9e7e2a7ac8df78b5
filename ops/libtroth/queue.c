#include "ops/libtroth/follow.h"

#include <stdio.h>
#include <string.h>

enum {
    ROW_PAUSE_LEAST_US = 10000, /* between two lots of changed rows: what changes often is read */
    ROW_PAUSE_EACH_US = 50,     /* once, and Redis answers at most 20,000 rows a second */
    ROUTE_PAUSE_LEAST_US = 20000,
    ROUTE_PAUSE_EACH_US = 100,
    PING_US = 1000000,
    FIELDS = 13
};

#define REREAD_US INT64_C(60000000) /* should anything have been missed after all */

static uint32_t route_count(const struct troth_follow *follow)
{
    return atomic_load_explicit(&follow->client->cache.route_count, memory_order_acquire);
}

/* ---- marks ---- */

void troth_follow_mark(struct troth_follow *follow, uint32_t slot, bool urgent)
{
    struct troth_note *note = &follow->notes[slot];
    if (note->flying) {
        note->again = true;
        return;
    }
    if (urgent && follow->urgent_count < TROTH_FOLLOW_URGENT) {
        follow->urgent[follow->urgent_count++] = slot;
        note->flying = true; /* as good as asked for: in this very turn of the loop */
        return;
    }
    if (!note->queued) {
        const uint32_t size = follow->client->cache.agents_max;
        follow->queue[(follow->queue_head + follow->queue_count) % size] = slot;
        follow->queue_count++;
        follow->issued++;
        note->queued = true;
    }
}

void troth_follow_mark_all(struct troth_follow *follow)
{
    const struct troth_cache *cache = &follow->client->cache;
    follow->meta_dirty = true;
    follow->meta_unread = true;
    follow->unread = 0;
    for (uint32_t i = 0; i < route_count(follow); i++) {
        follow->routes[i].dirty = true;
        follow->routes[i].unread = true;
        follow->routes[i].next_us = 0;
        follow->unread++;
    }
    for (uint32_t i = 0; i < cache->agents_max; i++) {
        struct troth_row_view view;
        (void)troth_row_read(&cache->rows[i], &view, NULL);
        if (view.state != TROTH_ROW_FREE) {
            troth_follow_mark(follow, i, false);
        }
    }
    follow->live_ticket = follow->issued;
    follow->reread_us = follow->now_us + REREAD_US;
}

void troth_follow_forget(struct troth_follow *follow)
{
    for (uint32_t i = 0; i < follow->client->cache.agents_max; i++) {
        follow->notes[i].queued = follow->notes[i].flying = follow->notes[i].again = false;
    }
    for (uint32_t i = 0; i < route_count(follow); i++) {
        struct troth_route_note *route = &follow->routes[i];
        route->asked = route->staged = false;
        troth_follow_drop(follow, &route->fresh);
    }
    follow->request_head = follow->request_count = 0;
    follow->queue_head = follow->queue_count = follow->urgent_count = 0;
    follow->issued = follow->taken = follow->answered = 0;
    follow->rows_flying = follow->staged = 0;
    follow->rows_us = 0;
    follow->meta_asked = false;
}

void troth_follow_tidy(struct troth_follow *follow, uint32_t slot, bool any)
{
    struct troth_cache *cache = &follow->client->cache;
    const struct troth_note *note = &follow->notes[slot];
    struct troth_row_view view;
    (void)troth_row_read(&cache->rows[slot], &view, NULL);
    const bool idle = note->uses == 0 && !note->queued && !note->flying;
    const bool empty = view.state == TROTH_ROW_MISSING || view.state == TROTH_ROW_ABSENT;
    if (idle && view.state != TROTH_ROW_FREE && (any || empty)) {
        troth_cache_release(cache, slot);
    }
}

/* ---- requests ---- */

static void push(struct troth_follow *follow, enum troth_request_kind kind, uint32_t which)
{
    if (follow->request_count == 0) {
        follow->moved_us = follow->now_us;
    }
    const uint32_t at =
        (follow->request_head + follow->request_count) & (TROTH_FOLLOW_REQUESTS - 1);
    follow->requests[at] =
        (struct troth_request){.kind = kind, .which = which, .ticket = follow->taken};
    follow->request_count++;
}

static bool has_room(const struct troth_follow *follow)
{
    return follow->request_count + 4 <= TROTH_FOLLOW_REQUESTS;
}

/* Out key: PREFIX:KIND:NAME. Returns its length. */
static size_t key_of(const struct troth_follow *follow, const char *kind, const char *name,
                     size_t length, char key[TROTH_FOLLOW_KEY_MAX])
{
    const int head =
        snprintf(key, TROTH_FOLLOW_KEY_MAX, "%s:%s:", follow->client->options.prefix, kind);
    memcpy(key + head, name, length); /* 128 + 16 + 128 bytes at most */
    return (size_t)head + length;
}

static void ask_hash(struct troth_follow *follow, const char *name, size_t length)
{
    static const char *const fields[FIELDS] = {"score",
                                               "rung",
                                               "traffic",
                                               "capabilities",
                                               "max_cost_micros",
                                               "good_until",
                                               "offer_until",
                                               "guarded",
                                               "narrow_traffic",
                                               "narrow_capabilities",
                                               "narrow_max_cost_micros",
                                               "contracts",
                                               "consequence"};
    char key[TROTH_FOLLOW_KEY_MAX];
    const char *words[2 + FIELDS] = {"HMGET", key};
    size_t lengths[2 + FIELDS] = {5, key_of(follow, "agent", name, length, key)};
    for (unsigned i = 0; i < FIELDS; i++) {
        words[2 + i] = fields[i];
        lengths[2 + i] = strlen(fields[i]);
    }
    (void)redisAppendCommandArgv(follow->dial.data, 2 + FIELDS, words, lengths);
}

/* In slot: not flying, or marked so by urgency. */
static void ask_row(struct troth_follow *follow, uint32_t slot)
{
    struct troth_row_view view;
    char name[TROTH_CLIENT_NAME_MAX];
    (void)troth_row_read(&follow->client->cache.rows[slot], &view, name); /* only we write */
    follow->notes[slot].flying = true;
    follow->notes[slot].again = false;
    follow->rows_flying++;
    ask_hash(follow, name, view.name_length);
    push(follow, TROTH_REQUEST_ROW, slot);
}

static void ask_meta(struct troth_follow *follow)
{
    char key[TROTH_FOLLOW_KEY_MAX];
    const int length = snprintf(key, sizeof key, "%s:meta", follow->client->options.prefix);
    const char *words[] = {"HMGET", key, "version", "rebuilding"};
    const size_t lengths[] = {5, (size_t)length, 7, 10};
    (void)redisAppendCommandArgv(follow->dial.data, 4, words, lengths);
    push(follow, TROTH_REQUEST_META, 0);
    follow->meta_dirty = false;
    follow->meta_asked = true;
}

static void ask_lookups(struct troth_follow *follow)
{
    struct troth_client *client = follow->client;
    pthread_mutex_lock(&client->lock);
    for (uint32_t i = 0; client->lookups_wanted > 0 && i < TROTH_LOOKUPS_MAX; i++) {
        struct troth_lookup *lookup = &client->lookups[i];
        if (lookup->state == TROTH_LOOKUP_WANTED && has_room(follow)) {
            lookup->state = TROTH_LOOKUP_ASKED;
            client->lookups_wanted--;
            ask_hash(follow, lookup->name, lookup->name_length);
            push(follow, TROTH_REQUEST_LOOKUP, i);
        }
    }
    pthread_mutex_unlock(&client->lock);
}

static void ask_range(struct troth_follow *follow, const char *command, const char *kind,
                      const struct troth_route *route, bool with_scores)
{
    char key[TROTH_FOLLOW_KEY_MAX];
    char last[16];
    snprintf(last, sizeof last, "%u", follow->client->cache.agents_max - 1);
    const char *words[] = {command, key, "0", last, "WITHSCORES"};
    const size_t lengths[] = {strlen(command),
                              key_of(follow, kind, route->name, route->name_length, key), 1,
                              strlen(last), 10};
    (void)redisAppendCommandArgv(follow->dial.data, with_scores ? 5 : 4, words, lengths);
}

/* Returns when the next route is due. */
static int64_t ask_routes(struct troth_follow *follow)
{
    int64_t next_us = INT64_MAX;
    for (uint32_t i = 0; i < route_count(follow); i++) {
        struct troth_route_note *note = &follow->routes[i];
        const struct troth_route *route = &follow->client->cache.routes[i];
        const bool fresh = note->used.slots == NULL; /* never read */
        if (note->asked || note->staged || !(note->dirty || fresh) || !has_room(follow)) {
            continue;
        }
        if (note->next_us > follow->now_us) {
            next_us = note->next_us < next_us ? note->next_us : next_us;
            continue;
        }
        ask_range(follow, "ZREVRANGE", "route", route, true);
        push(follow, TROTH_REQUEST_ROUTE, i);
        ask_range(follow, "ZRANGE", "probation", route, false);
        push(follow, TROTH_REQUEST_PROBATION, i);
        note->dirty = false;
        note->asked = true;
        const int64_t members = note->used.first[TROTH_CACHE_BANDS] + note->used.probation;
        note->next_us = follow->now_us + ROUTE_PAUSE_LEAST_US + members * ROUTE_PAUSE_EACH_US;
    }
    return next_us;
}

/* Returns when the queue may go on. */
static int64_t ask_rows(struct troth_follow *follow)
{
    while (follow->urgent_count > 0 && has_room(follow)) {
        ask_row(follow, follow->urgent[--follow->urgent_count]);
    }
    const bool live = atomic_load_explicit(&follow->client->live, memory_order_relaxed);
    const bool hurries = !live || follow->staged > 0;
    if (!hurries && follow->now_us < follow->rows_us) {
        return follow->queue_count > 0 ? follow->rows_us : INT64_MAX;
    }
    uint32_t asked = 0;
    while (follow->queue_count > 0 && follow->rows_flying < TROTH_FOLLOW_ROWS && has_room(follow)) {
        const uint32_t slot = follow->queue[follow->queue_head];
        follow->queue_head = (follow->queue_head + 1) % follow->client->cache.agents_max;
        follow->queue_count--;
        follow->taken++;
        follow->notes[slot].queued = false;
        if (follow->notes[slot].flying) { /* asked for out of turn */
            continue;
        }
        ask_row(follow, slot);
        asked++;
    }
    if (asked > 0) {
        const int64_t pause_us = (int64_t)asked * ROW_PAUSE_EACH_US;
        follow->rows_us =
            follow->now_us + (pause_us > ROW_PAUSE_LEAST_US ? pause_us : ROW_PAUSE_LEAST_US);
    }
    return INT64_MAX;
}

/* Says something now and then where nothing else is said, to notice a peer that is gone. */
static void ask_pings(struct troth_follow *follow)
{
    if (follow->request_count == 0 && follow->now_us - follow->pinged_us >= PING_US) {
        (void)redisAppendCommand(follow->dial.data, "PING");
        push(follow, TROTH_REQUEST_PING, 0);
        follow->pinged_us = follow->now_us;
    }
    if (!follow->heard_pinged && follow->now_us - follow->heard_us >= PING_US) {
        (void)redisAppendCommand(follow->dial.heard, "PING");
        follow->heard_pinged = true;
        follow->heard_us = follow->now_us;
    }
}

int64_t troth_follow_ask(struct troth_follow *follow)
{
    if (follow->now_us >= follow->reread_us) {
        troth_follow_mark_all(follow);
    }
    if (follow->meta_dirty && !follow->meta_asked) {
        ask_meta(follow);
    }
    ask_lookups(follow);
    const int64_t routes_us = ask_routes(follow);
    const int64_t rows_us = ask_rows(follow);
    ask_pings(follow);
    const int64_t next_us = routes_us < rows_us ? routes_us : rows_us;
    const int64_t ping_us = follow->now_us + PING_US;
    return next_us < ping_us ? next_us : ping_us;
}
