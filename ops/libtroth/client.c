#include "ops/libtroth/client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "ops/libtroth/choose.h"
#include "ops/libtroth/dial.h"
#include "ops/libtroth/follow.h"
#include "ops/libtroth/value.h"

#define NOW_MOST_US INT64_C(9007199254740991) /* 2^53 - 1, as troth_route has it */

/* ---- names and defaults ---- */

const char *troth_client_status_name(enum troth_client_status status)
{
    static const char *const names[] = {[TROTH_CLIENT_OK] = "ok",
                                        [TROTH_CLIENT_NOBODY] = "nobody",
                                        [TROTH_CLIENT_UNPROVEN] = "unproven",
                                        [TROTH_CLIENT_REBUILDING] = "rebuilding",
                                        [TROTH_CLIENT_UNREACHABLE] = "unreachable",
                                        [TROTH_CLIENT_REFUSED] = "refused",
                                        [TROTH_CLIENT_INVALID] = "invalid",
                                        [TROTH_CLIENT_FULL] = "full",
                                        [TROTH_CLIENT_NO_MEMORY] = "no_memory"};
    return (unsigned)status <= TROTH_CLIENT_NO_MEMORY ? names[status] : "unknown";
}

const char *troth_client_rung_name(enum troth_client_rung rung)
{
    static const char *const names[] = {"clear", "warn", "narrow", "recertify", "review", "pause"};
    return (unsigned)rung <= TROTH_CLIENT_PAUSE ? names[rung] : "unknown";
}

void troth_client_options_init(struct troth_client_options *options)
{
    *options = (struct troth_client_options){.address = "127.0.0.1:6379",
                                             .prefix = "troth",
                                             .timeout_us = 500000,
                                             .open_for_us = INT64_C(3600000000),
                                             .agents_max = 65536,
                                             .capabilities_max = 64};
}

void troth_client_question_init(struct troth_client_question *question, const char *capability)
{
    *question = (struct troth_client_question){.capability = capability, .explore = 0.05};
}

void troth_client_problem(struct troth_client *client, const struct troth_client_options *options,
                          char problem[TROTH_CLIENT_PROBLEM_MAX])
{
    if (client == NULL) {
        (void)troth_dial_check(options, problem);
        return;
    }
    pthread_mutex_lock(&client->lock);
    snprintf(problem, TROTH_CLIENT_PROBLEM_MAX, "%s", client->reached ? "" : client->problem);
    pthread_mutex_unlock(&client->lock);
}

/* ---- a handle's life ---- */

static void destroy(struct troth_client *client)
{
    const struct troth_client_options *options = &client->options;
    troth_follow_destroy(client->follow);
    troth_cache_fini(&client->cache);
    if (client->wake >= 0) {
        close(client->wake);
    }
    if (options->password != NULL) {
        explicit_bzero((char *)options->password, strlen(options->password));
    }
    const char *const texts[] = {options->address, options->user, options->password,
                                 options->password_file, options->prefix};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free((char *)texts[i]);
    }
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

/* Copies a text of the options in place. Returns whether there was memory. */
static bool copy(const char **text)
{
    if (*text == NULL) {
        return true;
    }
    *text = strdup(*text);
    return *text != NULL;
}

static bool copy_texts(struct troth_client_options *options)
{
    const char **texts[] = {&options->address, &options->user, &options->password,
                            &options->password_file, &options->prefix};
    bool good = true;
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        good = copy(texts[i]) && good;
    }
    return good;
}

static bool start(struct troth_client *client)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread inherits it */
    const int error = pthread_create(&client->thread, NULL, troth_follow_run, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0;
}

enum troth_client_status troth_client_open(const struct troth_client_options *options,
                                           struct troth_client **out)
{
    char problem[TROTH_CLIENT_PROBLEM_MAX];
    if (out == NULL || !troth_dial_check(options, problem)) {
        return TROTH_CLIENT_INVALID;
    }
    struct troth_client *client = aligned_alloc(_Alignof(struct troth_client), sizeof *client);
    if (client == NULL) {
        return TROTH_CLIENT_NO_MEMORY;
    }
    memset(client, 0, sizeof *client);
    client->options = *options;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&client->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&client->lock, NULL);
    client->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const bool copied = copy_texts(&client->options);
    const bool cached =
        troth_chance_init(&client->chance) &&
        troth_cache_init(&client->cache, options->agents_max, options->capabilities_max);
    client->follow = cached ? troth_follow_create(client) : NULL;
    if (!copied || client->follow == NULL || client->wake < 0 || !start(client)) {
        destroy(client);
        return TROTH_CLIENT_NO_MEMORY;
    }
    *out = client;
    return TROTH_CLIENT_OK;
}

static void call_thread(struct troth_client *client)
{
    const uint64_t one = 1;
    if (write(client->wake, &one, sizeof one) < 0) {
        return; /* it was called so often that it comes in any case */
    }
}

void troth_client_close(struct troth_client *client)
{
    if (client == NULL) {
        return;
    }
    pthread_mutex_lock(&client->lock);
    client->closing = true;
    pthread_mutex_unlock(&client->lock);
    call_thread(client);
    pthread_join(client->thread, NULL);
    destroy(client);
}

/* ---- waiting for the thread ---- */

static struct timespec deadline_of(const struct troth_client *client)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const int64_t ns = at.tv_nsec + client->options.timeout_us % 1000000 * 1000;
    at.tv_sec += client->options.timeout_us / 1000000 + ns / 1000000000;
    at.tv_nsec = ns % 1000000000;
    return at;
}

/* Whether nothing is to be expected soon; under the lock. In failures: how often it had failed when
 * the call began. Before the first attempt has come to an end one is under way. */
static bool is_hopeless(const struct troth_client *client, uint64_t failures)
{
    return client->closing || (!client->reached && client->trouble != TROTH_CLIENT_OK) ||
           client->failures != failures;
}

static enum troth_client_status trouble_of(const struct troth_client *client)
{
    return client->trouble == TROTH_CLIENT_REFUSED && !client->reached ? TROTH_CLIENT_REFUSED
                                                                       : TROTH_CLIENT_UNREACHABLE;
}

/* Returns the route of a capability, asked for where it is new; out status: where it is not loaded
 * in time. */
static const struct troth_route *load_route(struct troth_client *client,
                                            const struct troth_call *call,
                                            enum troth_client_status *status)
{
    const struct timespec deadline = deadline_of(client);
    pthread_mutex_lock(&client->lock);
    struct troth_route *route = troth_cache_route(&client->cache, call->capability,
                                                  call->capability_length, call->capability_hash);
    if (route == NULL) {
        route = troth_cache_add_route(&client->cache, call->capability, call->capability_length,
                                      call->capability_hash);
        call_thread(client);
    }
    *status = route != NULL ? TROTH_CLIENT_OK : TROTH_CLIENT_FULL;
    const uint64_t failures = client->failures;
    while (route != NULL && *status == TROTH_CLIENT_OK && !atomic_load(&route->loaded)) {
        if (is_hopeless(client, failures) ||
            pthread_cond_timedwait(&client->changed, &client->lock, &deadline) == ETIMEDOUT) {
            *status = atomic_load(&route->loaded) ? TROTH_CLIENT_OK : trouble_of(client);
            break;
        }
    }
    pthread_mutex_unlock(&client->lock);
    return route;
}

/* ---- questions ---- */

static int64_t clock_us(const struct troth_client *client)
{
    int64_t now_us = 0;
    if (client->options.clock != NULL) {
        now_us = client->options.clock(client->options.clock_context);
    } else {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    }
    return now_us < 0 ? 0 : now_us < NOW_MOST_US ? now_us : NOW_MOST_US;
}

/* What stands of Redis now, and the time. */
static void begin_call(const struct troth_client *client, struct troth_call *call, int64_t now_us,
                       enum troth_client_failure failure)
{
    memset(call, 0, sizeof *call);
    call->cache = &client->cache;
    call->now_us = now_us > 0 ? now_us : clock_us(client);
    call->open_for_us = client->options.open_for_us;
    call->open = failure == TROTH_CLIENT_FAIL_OPEN;
    call->live = atomic_load_explicit(&client->live, memory_order_acquire);
    call->rebuilding = atomic_load_explicit(&client->rebuilding, memory_order_relaxed);
}

/* Takes a question apart. Returns whether it will do. */
static bool take_question(const struct troth_client *client,
                          const struct troth_client_question *question, struct troth_call *call)
{
    if (question == NULL || !troth_value_is_name(question->capability) ||
        (question->contract != NULL && !troth_value_is_name(question->contract)) ||
        question->cost_micros < 0 || !(question->explore >= 0 && question->explore <= 1) ||
        question->now_us < 0 || question->now_us > NOW_MOST_US ||
        (question->failure != TROTH_CLIENT_FAIL_CLOSED &&
         question->failure != TROTH_CLIENT_FAIL_OPEN)) {
        return false;
    }
    begin_call(client, call, question->now_us, question->failure);
    call->capability = question->capability;
    call->capability_length = strlen(question->capability);
    call->capability_hash = troth_value_hash(call->capability, call->capability_length);
    if (question->contract != NULL) {
        call->contract = question->contract;
        call->contract_length = strlen(question->contract);
        call->contract_hash = troth_value_hash(call->contract, call->contract_length);
    }
    call->consequence = -1;
    if (question->consequence != NULL) {
        const size_t length = strnlen(question->consequence, 8);
        call->consequence = troth_value_consequence(question->consequence, length);
        if (call->consequence < 0) {
            return false;
        }
    }
    call->cost_micros = question->cost_micros;
    call->explore = question->explore;
    if (question->random != NULL) {
        call->draw.text = question->random;
        call->draw.length = strnlen(question->random, TROTH_CLIENT_RANDOM_MAX + 1);
        return call->draw.length >= 1 && call->draw.length <= TROTH_CLIENT_RANDOM_MAX;
    }
    return true;
}

/* What it means that nobody was found. */
static enum troth_client_status nobody(const struct troth_call *call,
                                       const struct troth_client_passed *passed)
{
    if (!call->live && (passed->listed == 0 || passed->expired + passed->unproven > 0)) {
        return TROTH_CLIENT_UNREACHABLE; /* somebody might be there, if Redis could be asked */
    }
    return call->rebuilding ? TROTH_CLIENT_REBUILDING : TROTH_CLIENT_NOBODY;
}

enum troth_client_status troth_client_candidates(struct troth_client *client,
                                                 const struct troth_client_question *question,
                                                 unsigned wanted, struct troth_client_agent *agents,
                                                 unsigned *count,
                                                 struct troth_client_passed *passed)
{
    struct troth_client_passed counted = {0};
    if (count != NULL) {
        *count = 0;
    }
    if (passed != NULL) {
        *passed = counted;
    }
    struct troth_call call;
    if (client == NULL || agents == NULL || count == NULL || wanted < 1 ||
        wanted > TROTH_CLIENT_COUNT_MAX || !take_question(client, question, &call)) {
        return TROTH_CLIENT_INVALID;
    }
    call.wanted = wanted;
    const struct troth_route *route = troth_cache_route(
        &client->cache, call.capability, call.capability_length, call.capability_hash);
    if (route == NULL || !atomic_load_explicit(&route->loaded, memory_order_acquire)) {
        enum troth_client_status status = TROTH_CLIENT_OK;
        route = load_route(client, &call, &status);
        if (status != TROTH_CLIENT_OK) {
            return status;
        }
        call.live = atomic_load_explicit(&client->live, memory_order_acquire);
        call.rebuilding = atomic_load_explicit(&client->rebuilding, memory_order_relaxed);
    }
    call.draw.number = troth_chance_next(&client->chance);
    unsigned unverified = 0;
    *count = troth_choose(&call, route, agents, &counted, &unverified);
    if (unverified > 0) {
        troth_count(&client->unverified, unverified);
    }
    if (passed != NULL) {
        *passed = counted;
    }
    return *count > 0 ? TROTH_CLIENT_OK : nobody(&call, &counted);
}

enum troth_client_status troth_client_pick(struct troth_client *client,
                                           const struct troth_client_question *question,
                                           struct troth_client_agent *agent)
{
    unsigned count = 0;
    return troth_client_candidates(client, question, 1, agent, &count, NULL);
}

/* ---- one agent ---- */

/* Takes a place for a lookup, under the lock. Returns NULL where there is none in time. */
static struct troth_lookup *begin_lookup(struct troth_client *client, uint64_t failures,
                                         const struct timespec *deadline)
{
    for (;;) {
        for (unsigned i = 0; i < TROTH_LOOKUPS_MAX; i++) {
            if (client->lookups[i].state == TROTH_LOOKUP_FREE) {
                return &client->lookups[i];
            }
        }
        if (is_hopeless(client, failures) ||
            pthread_cond_timedwait(&client->changed, &client->lock, deadline) == ETIMEDOUT) {
            return NULL;
        }
    }
}

/* Asks Redis for an agent. Out view: on OK. */
static enum troth_client_status look_up(struct troth_client *client, const char *name,
                                        size_t length, struct troth_row_view *view)
{
    const struct timespec deadline = deadline_of(client);
    pthread_mutex_lock(&client->lock);
    const uint64_t failures = client->failures;
    enum troth_client_status status = trouble_of(client);
    struct troth_lookup *lookup =
        is_hopeless(client, failures) ? NULL : begin_lookup(client, failures, &deadline);
    if (lookup != NULL) {
        memcpy(lookup->name, name, length);
        lookup->name_length = (uint8_t)length;
        lookup->state = TROTH_LOOKUP_WANTED;
        client->lookups_wanted++;
        call_thread(client);
        int error = 0;
        while (lookup->state != TROTH_LOOKUP_DONE && error != ETIMEDOUT) {
            error = pthread_cond_timedwait(&client->changed, &client->lock, &deadline);
        }
        if (lookup->state == TROTH_LOOKUP_DONE) {
            status = lookup->status;
            *view = lookup->view;
            lookup->state = TROTH_LOOKUP_FREE;
        } else if (lookup->state == TROTH_LOOKUP_ASKED) {
            lookup->state = TROTH_LOOKUP_ABANDONED;
        } else {
            lookup->state = TROTH_LOOKUP_FREE;
            client->lookups_wanted--;
        }
        pthread_cond_broadcast(&client->changed); /* a place may be free */
    }
    pthread_mutex_unlock(&client->lock);
    return status;
}

/* Out view: what is kept of an agent. Returns whether that says anything now. */
static bool recall(const struct troth_client *client, const char *name, size_t length,
                   struct troth_row_view *view)
{
    char held[TROTH_CLIENT_NAME_MAX];
    const uint32_t slot = troth_cache_find(&client->cache, name, length);
    return slot != TROTH_CACHE_NO_SLOT && troth_row_read(&client->cache.rows[slot], view, held) &&
           view->name_length == length && memcmp(held, name, length) == 0 &&
           view->state != TROTH_ROW_FREE && view->state != TROTH_ROW_MISSING;
}

static enum troth_client_status unproven(const struct troth_call *call)
{
    if (!call->live) {
        return TROTH_CLIENT_UNREACHABLE;
    }
    return call->rebuilding ? TROTH_CLIENT_REBUILDING : TROTH_CLIENT_UNPROVEN;
}

enum troth_client_status troth_client_standing(struct troth_client *client, const char *name,
                                               size_t length, enum troth_client_failure failure,
                                               struct troth_client_agent *agent)
{
    if (client == NULL || name == NULL || agent == NULL || length < 1 ||
        length > TROTH_CLIENT_NAME_MAX ||
        (failure != TROTH_CLIENT_FAIL_CLOSED && failure != TROTH_CLIENT_FAIL_OPEN)) {
        return TROTH_CLIENT_INVALID;
    }
    struct troth_call call;
    begin_call(client, &call, 0, failure);
    struct troth_row_view view;
    if (!recall(client, name, length, &view)) {
        const enum troth_client_status status = look_up(client, name, length, &view);
        if (status != TROTH_CLIENT_OK) {
            return status;
        }
        view.name_length = (uint8_t)length;
        call.live = true; /* Redis has just answered */
        call.rebuilding = atomic_load_explicit(&client->rebuilding, memory_order_relaxed);
    }
    bool unverified = false;
    const enum troth_verdict verdict = troth_judge(&call, &view, &unverified);
    if (verdict == TROTH_VERDICT_UNPROVEN) {
        return unproven(&call);
    }
    if (verdict == TROTH_VERDICT_EXPIRED && !call.live) {
        return TROTH_CLIENT_UNREACHABLE;
    }
    troth_fill_agent(&call, &view, name, unverified, agent);
    troth_count(&client->unverified, unverified);
    return verdict == TROTH_VERDICT_USABLE && view.traffic > 0 ? TROTH_CLIENT_OK
                                                               : TROTH_CLIENT_NOBODY;
}

void troth_client_statistics(struct troth_client *client,
                             struct troth_client_statistics *statistics)
{
    const struct troth_counts *counts = &client->counts;
    *statistics =
        (struct troth_client_statistics){.questions = troth_chance_drawn(&client->chance),
                                         .unverified = atomic_load(&client->unverified),
                                         .agents = atomic_load(&client->cache.agents),
                                         .agents_max = client->cache.agents_max,
                                         .agents_over = atomic_load(&counts->agents_over),
                                         .capabilities = atomic_load(&client->cache.route_count),
                                         .lists_over = atomic_load(&counts->lists_over),
                                         .unreadable = atomic_load(&counts->unreadable),
                                         .invalidations = atomic_load(&counts->invalidations),
                                         .narrowings = atomic_load(&counts->narrowings),
                                         .reads = atomic_load(&counts->reads),
                                         .routes = atomic_load(&counts->routes),
                                         .pending = atomic_load(&counts->pending),
                                         .connects = atomic_load(&counts->connects),
                                         .losses = atomic_load(&counts->losses),
                                         .live = atomic_load(&client->live),
                                         .rebuilding = atomic_load(&client->rebuilding)};
}
