#include "ops/libtroth/follow.h"

#include <stdio.h>
#include <string.h>

#include "ops/libtroth/value.h"

enum { FIELDS_NEEDED = 7, FIELDS = 13, LAYOUT_VERSION = 1 };

/* The fields as queue.c asks for them. */
enum {
    SCORE,
    RUNG,
    TRAFFIC,
    CAPABILITIES,
    MAX_COST,
    GOOD_UNTIL,
    OFFER_UNTIL,
    GUARDED,
    NARROW_TRAFFIC,
    NARROW_CAPABILITIES,
    NARROW_MAX_COST,
    CONTRACTS,
    CONSEQUENCE
};

#define NARROW_TRAFFIC_DEFAULT 0.25 /* where an engine of before did not write it */

/* ---- a hash ---- */

static bool is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING;
}

static bool take_integer(const redisReply *field, int64_t least, int64_t most, int64_t *value)
{
    return is_text(field) && troth_value_integer(field->str, field->len, value) &&
           *value >= least && *value <= most;
}

static bool take_share(const redisReply *field, double *value)
{
    return is_text(field) && troth_value_share(field->str, field->len, value);
}

/* Takes a list. One that there is no room for is no list: the agent has nothing of it. */
static uint16_t take_list(struct troth_follow *follow, const redisReply *field)
{
    struct troth_client *client = follow->client;
    const uint16_t number =
        is_text(field) ? troth_lists_add(&client->cache.lists, field->str, field->len) : 0;
    if (number == TROTH_LISTS_NONE) {
        troth_count(&client->counts.lists_over, 1);
    }
    return number;
}

/* What holds from good_until on; where it does not stand there, no more than now. */
static bool take_narrow(struct troth_follow *follow, redisReply **fields,
                        struct troth_row_view *view)
{
    view->narrow_traffic =
        view->traffic < NARROW_TRAFFIC_DEFAULT ? view->traffic : NARROW_TRAFFIC_DEFAULT;
    view->narrow_capabilities = view->capabilities;
    view->narrow_max_cost_micros = view->max_cost_micros;
    if (is_text(fields[NARROW_CAPABILITIES])) {
        view->narrow_capabilities = take_list(follow, fields[NARROW_CAPABILITIES]);
    }
    return (!is_text(fields[NARROW_TRAFFIC]) ||
            take_share(fields[NARROW_TRAFFIC], &view->narrow_traffic)) &&
           (!is_text(fields[NARROW_MAX_COST]) ||
            take_integer(fields[NARROW_MAX_COST], -1, INT64_MAX, &view->narrow_max_cost_micros));
}

/* Out view: what an answer says of an agent; MISSING where it says nothing, or nothing readable. */
static void take_hash(struct troth_follow *follow, const redisReply *reply,
                      struct troth_row_view *view)
{
    memset(view, 0, sizeof *view);
    view->state = TROTH_ROW_MISSING;
    view->consequence = -1;
    troth_count(&follow->client->counts.reads, 1);
    const bool whole = reply->type == REDIS_REPLY_ARRAY && reply->elements == FIELDS;
    for (unsigned i = 0; whole && i < FIELDS_NEEDED; i++) {
        if (!is_text(reply->element[i])) {
            return;
        }
    }
    int64_t score = 0;
    redisReply **fields = whole ? reply->element : NULL;
    if (!whole || !take_integer(fields[SCORE], 0, 1000, &score) ||
        !troth_value_rung(fields[RUNG]->str, fields[RUNG]->len, &view->rung) ||
        !take_share(fields[TRAFFIC], &view->traffic) ||
        !take_integer(fields[MAX_COST], -1, INT64_MAX, &view->max_cost_micros) ||
        !take_integer(fields[GOOD_UNTIL], 0, INT64_MAX, &view->good_until_us) ||
        !take_integer(fields[OFFER_UNTIL], 0, INT64_MAX, &view->offer_until_us)) {
        troth_count(&follow->client->counts.unreadable, 1);
        return;
    }
    view->score = (uint16_t)score;
    view->capabilities = take_list(follow, fields[CAPABILITIES]);
    view->contracts = take_list(follow, fields[CONTRACTS]);
    view->guarded = is_text(fields[GUARDED]) && strcmp(fields[GUARDED]->str, "1") == 0;
    if (is_text(fields[CONSEQUENCE])) {
        view->consequence =
            (int8_t)troth_value_consequence(fields[CONSEQUENCE]->str, fields[CONSEQUENCE]->len);
    }
    if (!take_narrow(follow, fields, view)) {
        troth_count(&follow->client->counts.unreadable, 1);
        return;
    }
    view->state = TROTH_ROW_KNOWN;
}

static void answer_row(struct troth_follow *follow, uint32_t slot, const redisReply *reply)
{
    struct troth_cache *cache = &follow->client->cache;
    struct troth_note *note = &follow->notes[slot];
    struct troth_row_view held;
    struct troth_row_view view;
    (void)troth_row_read(&cache->rows[slot], &held, NULL);
    take_hash(follow, reply, &view);
    follow->rows_flying--;
    note->flying = false;
    const bool again = note->again;
    note->again = false;
    const bool doubted = held.state == TROTH_ROW_DOUBTED;
    if (again) {
        troth_follow_mark(follow, slot, doubted);
    }
    if (again && doubted) {
        return; /* this may be from before the narrowing */
    }
    const bool rebuilding = atomic_load(&follow->client->rebuilding);
    const bool known = held.state == TROTH_ROW_KNOWN || held.state == TROTH_ROW_ABSENT;
    if (view.state == TROTH_ROW_MISSING && rebuilding && known) {
        view = held;
        view.state = TROTH_ROW_ABSENT;
    }
    troth_row_write(&cache->rows[slot], &view);
    troth_follow_tidy(follow, slot, false);
}

/* Keeps an agent that was asked for by name, where there is room. */
static void keep(struct troth_follow *follow, const struct troth_lookup *lookup,
                 const struct troth_row_view *view)
{
    struct troth_cache *cache = &follow->client->cache;
    if (view->state != TROTH_ROW_KNOWN ||
        troth_cache_find(cache, lookup->name, lookup->name_length) != TROTH_CACHE_NO_SLOT) {
        return;
    }
    const uint32_t slot = troth_cache_take(cache, lookup->name, lookup->name_length);
    if (slot == TROTH_CACHE_NO_SLOT) {
        troth_count(&follow->client->counts.agents_over, 1);
        return;
    }
    /* What was heard of it meanwhile was of nobody: only what is read from now on is kept true. */
    troth_follow_mark(follow, slot, true);
}

static void answer_lookup(struct troth_follow *follow, uint32_t which, const redisReply *reply)
{
    struct troth_client *client = follow->client;
    struct troth_lookup *lookup = &client->lookups[which];
    struct troth_row_view view;
    take_hash(follow, reply, &view);
    pthread_mutex_lock(&client->lock);
    keep(follow, lookup, &view);
    lookup->view = view;
    lookup->status = TROTH_CLIENT_OK;
    lookup->state = lookup->state == TROTH_LOOKUP_ABANDONED ? TROTH_LOOKUP_FREE : TROTH_LOOKUP_DONE;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

/* ---- troth:meta ---- */

/* Returns false when the layout is a later one. */
static bool answer_meta(struct troth_follow *follow, const redisReply *reply)
{
    follow->meta_asked = false;
    follow->meta_unread = false;
    const bool whole = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
    const redisReply *version = whole ? reply->element[0] : NULL;
    int64_t number = 0;
    if (version != NULL && take_integer(version, INT64_MIN, INT64_MAX, &number) &&
        number > LAYOUT_VERSION) {
        char problem[TROTH_CLIENT_PROBLEM_MAX];
        snprintf(problem, sizeof problem,
                 "Redis at %s holds layout %lld, and this libtroth knows layout %d; install a "
                 "later libtroth",
                 follow->client->options.address, (long long)number, LAYOUT_VERSION);
        troth_follow_trouble(follow, TROTH_CLIENT_REFUSED, problem);
        return false;
    }
    /* Without a meta nothing was written yet, or all is lost and not noticed yet. */
    const bool written = version != NULL && is_text(version);
    const bool rebuilding =
        !written || (is_text(reply->element[1]) && strcmp(reply->element[1]->str, "0") != 0);
    if (atomic_exchange(&follow->client->rebuilding, rebuilding) && !rebuilding) {
        const uint32_t count = atomic_load(&follow->client->cache.route_count);
        for (uint32_t i = 0; i < count; i++) {
            follow->routes[i].dirty = true; /* whom it does not hold now is gone */
        }
        for (uint32_t i = 0; i < follow->client->cache.agents_max; i++) {
            struct troth_row_view view;
            (void)troth_row_read(&follow->client->cache.rows[i], &view, NULL);
            if (view.state == TROTH_ROW_ABSENT) {
                troth_follow_mark(follow, i, false);
            }
        }
    }
    return true;
}

/* ---- answers ---- */

/* Returns whether an error is of this key alone: what stands there is of another type. */
static bool is_of_key(const redisReply *reply)
{
    return strncmp(reply->str, "WRONGTYPE", 9) == 0;
}

bool troth_follow_answer(struct troth_follow *follow, const redisReply *reply)
{
    if (follow->request_count == 0) {
        troth_follow_trouble(follow, TROTH_CLIENT_UNREACHABLE, "Redis answers unasked");
        return false;
    }
    const struct troth_request request = follow->requests[follow->request_head];
    follow->request_head = (follow->request_head + 1) & (TROTH_FOLLOW_REQUESTS - 1);
    follow->request_count--;
    follow->moved_us = follow->now_us;
    if (reply->type == REDIS_REPLY_ERROR && !is_of_key(reply)) {
        char problem[TROTH_CLIENT_PROBLEM_MAX];
        snprintf(problem, sizeof problem,
                 "Redis at %s refuses to be read: %.200s (the rights that a router needs stand in "
                 "schemas/redis.md)",
                 follow->client->options.address, reply->str);
        const bool refused = strncmp(reply->str, "NO", 2) == 0; /* NOPERM, NOAUTH */
        troth_follow_trouble(follow, refused ? TROTH_CLIENT_REFUSED : TROTH_CLIENT_UNREACHABLE,
                             problem);
        return false;
    }
    bool good = true;
    switch (request.kind) {
    case TROTH_REQUEST_META:
        good = answer_meta(follow, reply);
        break;
    case TROTH_REQUEST_ROW:
        answer_row(follow, request.which, reply);
        break;
    case TROTH_REQUEST_LOOKUP:
        answer_lookup(follow, request.which, reply);
        break;
    case TROTH_REQUEST_ROUTE:
        troth_follow_take_route(follow, request.which, reply);
        break;
    case TROTH_REQUEST_PROBATION:
        troth_follow_take_probation(follow, request.which, reply);
        break;
    case TROTH_REQUEST_PING:
        break;
    }
    follow->answered = request.ticket;
    return good;
}

/* ---- what is heard ---- */

/* Returns whether a key is PREFIX:KIND:...; out rest: where its name begins. */
static bool is_kind(const struct troth_follow *follow, const redisReply *key, const char *kind,
                    size_t *rest)
{
    char head[TROTH_FOLLOW_KEY_MAX];
    const int length = snprintf(head, sizeof head, "%s:%s", follow->client->options.prefix, kind);
    *rest = (size_t)length;
    return is_text(key) && key->len >= *rest && memcmp(key->str, head, *rest) == 0;
}

static void hear_key(struct troth_follow *follow, const redisReply *key)
{
    struct troth_cache *cache = &follow->client->cache;
    size_t rest = 0;
    troth_count(&follow->client->counts.invalidations, 1);
    if (is_kind(follow, key, "agent:", &rest)) {
        const uint32_t slot = troth_cache_find(cache, key->str + rest, key->len - rest);
        if (slot != TROTH_CACHE_NO_SLOT) {
            troth_follow_mark(follow, slot, false);
        }
    } else if (is_kind(follow, key, "route:", &rest) || is_kind(follow, key, "probation:", &rest)) {
        const char *name = key->str + rest;
        const size_t length = key->len - rest;
        const struct troth_route *route =
            troth_cache_route(cache, name, length, troth_value_hash(name, length));
        if (route != NULL) {
            follow->routes[route - cache->routes].dirty = true;
        }
    } else if (is_kind(follow, key, "meta", &rest) && rest == key->len) {
        follow->meta_dirty = true;
    }
}

/* From now on it is not given, until it has been read. */
static void hear_narrowed(struct troth_follow *follow, const redisReply *record)
{
    struct troth_cache *cache = &follow->client->cache;
    char name[TROTH_CLIENT_NAME_MAX];
    const size_t length = troth_value_narrowed(record->str, record->len, name, sizeof name);
    const uint32_t slot = length > 0 ? troth_cache_find(cache, name, length) : TROTH_CACHE_NO_SLOT;
    if (slot == TROTH_CACHE_NO_SLOT) {
        return;
    }
    struct troth_row_view view;
    (void)troth_row_read(&cache->rows[slot], &view, NULL);
    view.state = TROTH_ROW_DOUBTED;
    troth_row_write(&cache->rows[slot], &view);
    troth_follow_mark(follow, slot, true);
}

void troth_follow_hear(struct troth_follow *follow, const redisReply *reply)
{
    follow->heard_us = follow->now_us;
    follow->heard_pinged = false;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !is_text(reply->element[0]) ||
        !is_text(reply->element[1]) || strcmp(reply->element[0]->str, "message") != 0) {
        return;
    }
    const redisReply *what = reply->element[2];
    if (strcmp(reply->element[1]->str, "__redis__:invalidate") != 0) {
        if (is_text(what)) {
            hear_narrowed(follow, what);
            atomic_fetch_add(&follow->client->counts.narrowings, 1); /* seen: obeyed */
        }
        return;
    }
    if (what->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < what->elements; i++) {
            hear_key(follow, what->element[i]);
        }
        return;
    }
    /* Everything was removed. */
    atomic_store(&follow->client->live, false);
    troth_follow_mark_all(follow);
}
