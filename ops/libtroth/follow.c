#include "ops/libtroth/follow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BACKOFF_LEAST_US = 20000, BACKOFF_MOST_US = 1000000 };

static int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct troth_follow *troth_follow_create(struct troth_client *client)
{
    struct troth_follow *follow = calloc(1, sizeof *follow);
    if (follow == NULL) {
        return NULL;
    }
    const size_t agents = client->cache.agents_max;
    follow->client = client;
    follow->backoff_us = BACKOFF_LEAST_US;
    follow->jitter = client->chance.stripes[0].seed; /* drawn apart from all others */
    follow->requests = calloc(TROTH_FOLLOW_REQUESTS, sizeof *follow->requests);
    follow->notes = calloc(agents, sizeof *follow->notes);
    follow->queue = calloc(agents, sizeof *follow->queue);
    follow->routes = calloc(client->cache.routes_max, sizeof *follow->routes);
    if (follow->requests == NULL || follow->notes == NULL || follow->queue == NULL ||
        follow->routes == NULL) {
        troth_follow_destroy(follow);
        return NULL;
    }
    return follow;
}

void troth_follow_destroy(struct troth_follow *follow)
{
    if (follow == NULL) {
        return;
    }
    for (uint32_t i = 0; follow->routes != NULL && i < follow->client->cache.routes_max; i++) {
        free(follow->routes[i].used.slots);
        free(follow->routes[i].fresh.slots);
    }
    free(follow->routes);
    free(follow->queue);
    free(follow->notes);
    free(follow->requests);
    free(follow);
}

/* ---- the life of a connection ---- */

/* Those who wait for an agent need not wait on. */
static void end_lookups(struct troth_client *client, enum troth_client_status status)
{
    for (unsigned i = 0; i < TROTH_LOOKUPS_MAX; i++) {
        struct troth_lookup *lookup = &client->lookups[i];
        if (lookup->state == TROTH_LOOKUP_ABANDONED) {
            lookup->state = TROTH_LOOKUP_FREE;
        } else if (lookup->state == TROTH_LOOKUP_WANTED || lookup->state == TROTH_LOOKUP_ASKED) {
            lookup->state = TROTH_LOOKUP_DONE;
            lookup->status = status;
        }
    }
    client->lookups_wanted = 0;
}

void troth_follow_trouble(struct troth_follow *follow, enum troth_client_status status,
                          const char *problem)
{
    struct troth_client *client = follow->client;
    atomic_store(&client->live, false);
    pthread_mutex_lock(&client->lock);
    client->reached = false;
    client->failures++;
    client->trouble = status;
    snprintf(client->problem, sizeof client->problem, "%s", problem);
    end_lookups(client, status);
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
    /* Routers that lost the same Redis do not all come back at the same time. */
    const int64_t half_us = follow->backoff_us / 2;
    follow->jitter = follow->jitter * UINT64_C(6364136223846793005) + 1442695040888963407;
    const int64_t spread_us = (int64_t)((follow->jitter >> 33) % (uint64_t)(half_us + 1));
    follow->attempt_us = monotonic_us() + half_us + spread_us;
    follow->backoff_us *= 2;
    if (follow->backoff_us > BACKOFF_MOST_US) {
        follow->backoff_us = BACKOFF_MOST_US;
    }
}

static void lose(struct troth_follow *follow)
{
    troth_dial_close(&follow->dial);
    troth_follow_forget(follow);
    troth_count(&follow->client->counts.losses, 1);
}

/* Ends the connections, and says why. */
static void give_up(struct troth_follow *follow, const char *what)
{
    char problem[TROTH_CLIENT_PROBLEM_MAX];
    snprintf(problem, sizeof problem, "Redis at %s: the connection was lost: %.200s",
             follow->client->options.address, what);
    troth_follow_trouble(follow, TROTH_CLIENT_UNREACHABLE, problem);
    lose(follow);
}

static void attempt(struct troth_follow *follow)
{
    struct troth_client *client = follow->client;
    char problem[TROTH_CLIENT_PROBLEM_MAX] = "";
    const enum troth_client_status status =
        troth_dial_open(&client->options, &follow->dial, problem);
    follow->now_us = monotonic_us();
    if (status != TROTH_CLIENT_OK) {
        troth_follow_trouble(follow, status, problem);
        return;
    }
    troth_count(&client->counts.connects, 1);
    follow->heard_us = follow->pinged_us = follow->now_us;
    follow->heard_pinged = false;
    troth_follow_mark_all(follow);
    pthread_mutex_lock(&client->lock);
    client->reached = true;
    pthread_mutex_unlock(&client->lock);
}

/* ---- a turn of the loop ---- */

static bool is_connected(const struct troth_follow *follow)
{
    return follow->dial.data != NULL;
}

/* Takes all replies that are there. Returns false when the connection is of no more use. */
static bool take_heard(struct troth_follow *follow)
{
    redisContext *context = follow->dial.heard;
    void *reply = NULL;
    while (redisGetReplyFromReader(context, &reply) == REDIS_OK && reply != NULL) {
        troth_follow_hear(follow, reply);
        freeReplyObject(reply);
    }
    if (context->err != 0) {
        give_up(follow, context->errstr);
        return false;
    }
    return true;
}

static bool take_answers(struct troth_follow *follow)
{
    redisContext *context = follow->dial.data;
    void *reply = NULL;
    bool good = true;
    while (good && redisGetReplyFromReader(context, &reply) == REDIS_OK && reply != NULL) {
        good = troth_follow_answer(follow, reply);
        freeReplyObject(reply);
    }
    if (!good) {
        lose(follow); /* why has been said */
        return false;
    }
    if (context->err != 0) {
        give_up(follow, context->errstr);
        return false;
    }
    return true;
}

static bool read_one(struct troth_follow *follow, redisContext *context, short events)
{
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && redisBufferRead(context) != REDIS_OK) {
        give_up(follow, context->errstr);
        return false;
    }
    return true;
}

/* Sends what is written. Out pending: more than could be sent. */
static bool write_one(struct troth_follow *follow, redisContext *context, bool *pending)
{
    int done = 0;
    if (redisBufferWrite(context, &done) != REDIS_OK) {
        give_up(follow, context->errstr);
        return false;
    }
    *pending = done == 0;
    return true;
}

/* Whether somebody has not answered for too long. */
static bool is_silent(const struct troth_follow *follow)
{
    const int64_t timeout_us = follow->client->options.timeout_us;
    return (follow->request_count > 0 && follow->now_us - follow->moved_us > timeout_us) ||
           (follow->heard_pinged && follow->now_us - follow->heard_us > timeout_us);
}

static void note_pending(struct troth_follow *follow)
{
    uint64_t pending = follow->queue_count + follow->urgent_count + follow->rows_flying +
                       follow->staged + follow->meta_dirty + follow->meta_asked;
    const uint32_t count = atomic_load(&follow->client->cache.route_count);
    for (uint32_t i = 0; i < count; i++) {
        pending += follow->routes[i].dirty || follow->routes[i].asked;
    }
    atomic_store_explicit(&follow->client->counts.pending, pending, memory_order_release);
}

static int milliseconds(int64_t us)
{
    if (us <= 0) {
        return 0;
    }
    return us > 1000000 ? 1000 : (int)((us + 999) / 1000);
}

static void drain_wake(const struct troth_follow *follow)
{
    uint64_t count = 0;
    if (read(follow->client->wake, &count, sizeof count) < 0) {
        return; /* nobody called */
    }
}

/* What is heard comes before what is answered: a narrowing waits for no bulk. */
static void turn_connected(struct troth_follow *follow)
{
    bool data_pending = false;
    bool heard_pending = false;
    const int64_t next_us = troth_follow_ask(follow);
    if (!write_one(follow, follow->dial.data, &data_pending) ||
        !write_one(follow, follow->dial.heard, &heard_pending)) {
        return;
    }
    note_pending(follow);
    struct pollfd fds[] = {
        {.fd = follow->client->wake, .events = POLLIN},
        {.fd = follow->dial.heard->fd, .events = (short)(POLLIN | (heard_pending ? POLLOUT : 0))},
        {.fd = follow->dial.data->fd, .events = (short)(POLLIN | (data_pending ? POLLOUT : 0))}};
    const int64_t wait_us = next_us - monotonic_us();
    const int64_t most_us = follow->client->options.timeout_us;
    (void)poll(fds, 3, milliseconds(wait_us < most_us ? wait_us : most_us));
    follow->now_us = monotonic_us();
    if (fds[0].revents != 0) {
        drain_wake(follow);
    }
    if (!read_one(follow, follow->dial.heard, fds[1].revents) || !take_heard(follow) ||
        !read_one(follow, follow->dial.data, fds[2].revents) || !take_answers(follow)) {
        return;
    }
    if (is_silent(follow)) {
        give_up(follow, "no answer within timeout_us");
        return;
    }
    troth_follow_settle(follow);
    if (atomic_load_explicit(&follow->client->live, memory_order_relaxed)) {
        follow->backoff_us = BACKOFF_LEAST_US;
    }
}

static void turn_away(struct troth_follow *follow)
{
    follow->now_us = monotonic_us();
    if (follow->now_us >= follow->attempt_us) {
        attempt(follow);
        return;
    }
    struct pollfd fd = {.fd = follow->client->wake, .events = POLLIN};
    (void)poll(&fd, 1, milliseconds(follow->attempt_us - follow->now_us));
    drain_wake(follow);
}

static bool is_closing(struct troth_client *client)
{
    pthread_mutex_lock(&client->lock);
    const bool closing = client->closing;
    pthread_mutex_unlock(&client->lock);
    return closing;
}

void *troth_follow_run(void *argument)
{
    struct troth_client *client = argument;
    struct troth_follow *follow = client->follow;
    while (!is_closing(client)) {
        if (is_connected(follow)) {
            turn_connected(follow);
        } else {
            turn_away(follow);
        }
    }
    troth_dial_close(&follow->dial);
    return NULL;
}
