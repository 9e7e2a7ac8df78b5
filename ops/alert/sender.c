#include "ops/alert/sender.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/alert/json.h"
#include "ops/alert/urls.h"
#include "ops/message.h"

enum {
    TAKE_MAX = 64,            /* messages taken in one go */
    TURN_MS = 1000,           /* the longest wait */
    CONNECT_MS = 3000,        /* for a connection, */
    ANSWER_MS = 10000,        /* and with it for an answer */
    PAUSE_FIRST_US = 250000,  /* after the first failure, */
    PAUSE_LAST_US = 10000000, /* and at most */
    END_US = 2000000,
    ANSWER_LENGTH = 256 /* of what an Alertmanager says, kept for people */
};

/* One Alertmanager. */
struct target {
    char url[TROTH_ALERT_URL_LENGTH_MAX + 1];
    CURL *easy;
    bool flying;
    size_t batch; /* alerts that are on their way */
    char *body;   /* of them */
    bool away;    /* and that was said */
    int64_t pause_us;
    int64_t retry_at_us; /* monotonic: not before */
    char error[CURL_ERROR_SIZE];
    char answer[ANSWER_LENGTH];
    size_t answer_length;
};

struct troth_alert_sender {
    struct troth_alert_words words;
    char telemetry_topic[TROTH_CONFIG_PREFIX_LENGTH_MAX + 32];
    struct troth_alert_queue *queue;
    struct troth_alert_set *set;
    CURLM *multi;
    struct curl_slist *headers;
    unsigned count;
    struct target targets[TROTH_ALERT_TARGETS_MAX];
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    _Atomic uint64_t sent;
    _Atomic uint64_t failed;
    _Atomic uint64_t dropped; /* by the set */
    _Atomic uint64_t single;
    _Atomic uint64_t together;
    _Atomic int64_t last_taken_us;
};

static struct troth_alert_now look_at_clock(void)
{
    const struct troth_clock clock = troth_clock_system();
    return (struct troth_alert_now){.monotonic_us = clock.monotonic_us(clock.context),
                                    .wall_us = clock.wall_us(clock.context)};
}

/* ---- What workers told. ---- */

static void take_told(struct troth_alert_sender *sender)
{
    struct troth_alert alerts[TAKE_MAX];
    struct troth_alerts *told = troth_alert_queue_alerts(sender->queue);
    size_t count = TAKE_MAX;
    while (count == TAKE_MAX) {
        bool flooded = false;
        const struct troth_alert_now now = look_at_clock();
        count = troth_alert_queue_take(sender->queue, alerts, TAKE_MAX, &flooded);
        for (size_t i = 0; i < count; i++) {
            if (troth_alert_set_take(sender->set, &alerts[i], told->wanted(told), &now)) {
                troth_alert_queue_sweep(sender->queue);
            }
        }
        if (flooded) {
            troth_alert_set_forget(sender->set);
            troth_alert_queue_sweep(sender->queue);
        }
    }
}

/* ---- One Alertmanager. ---- */

static size_t keep_answer(char *data, size_t size, size_t count, void *context)
{
    struct target *target = context;
    const size_t room = sizeof target->answer - 1 - target->answer_length;
    const size_t kept = count < room ? count : room;
    memcpy(target->answer + target->answer_length, data, kept);
    target->answer_length += kept;
    target->answer[target->answer_length] = '\0';
    return size * count;
}

static void start(struct troth_alert_sender *sender, unsigned number,
                  const struct troth_alert_now *now)
{
    struct target *target = &sender->targets[number];
    struct troth_alert_sending sendings[TROTH_ALERT_BATCH_MAX];
    bool turn = false;
    const size_t count = troth_alert_set_batch(sender->set, number, now, sendings, &turn);
    if (count == 0 && !turn && !target->away) {
        return;
    }
    target->batch = count;
    target->body = troth_alert_json(&sender->words, sendings, count);
    target->answer_length = 0;
    target->answer[0] = '\0';
    target->error[0] = '\0';
    if (target->body == NULL) {
        troth_alert_set_done(sender->set, number, false, now);
        target->retry_at_us = now->monotonic_us + PAUSE_LAST_US;
        return;
    }
    curl_easy_setopt(target->easy, CURLOPT_POSTFIELDS, target->body);
    curl_easy_setopt(target->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(target->body));
    target->flying = curl_multi_add_handle(sender->multi, target->easy) == CURLM_OK;
}

static void note_taken(struct troth_alert_sender *sender, struct target *target,
                       const struct troth_alert_now *now)
{
    if (target->away) {
        troth_message_info("%s takes alerts again", target->url);
    }
    target->away = false;
    target->pause_us = 0;
    target->retry_at_us = 0;
    atomic_fetch_add(&sender->sent, target->batch);
    atomic_store(&sender->last_taken_us, now->monotonic_us);
}

static void note_failed(struct troth_alert_sender *sender, struct target *target, const char *why,
                        const struct troth_alert_now *now)
{
    const int64_t next_us = target->pause_us == 0 ? PAUSE_FIRST_US : 2 * target->pause_us;
    target->pause_us = next_us < PAUSE_LAST_US ? next_us : PAUSE_LAST_US;
    target->retry_at_us = now->monotonic_us + target->pause_us;
    atomic_fetch_add(&sender->failed, 1);
    if (!target->away) {
        troth_message_warn("%s does not take alerts: %s; what lasts is kept, and sent when it does",
                           target->url, why);
    }
    target->away = true;
}

/* Returns whether the server will not take this, however often it is sent: but it has taken what of
 * it was right. */
static bool is_refusal(long status)
{
    return status == 400 || status == 413 || status == 422;
}

static void finish(struct troth_alert_sender *sender, unsigned number, CURLcode result,
                   const struct troth_alert_now *now)
{
    struct target *target = &sender->targets[number];
    long status = 0;
    char why[ANSWER_LENGTH + 64];
    curl_easy_getinfo(target->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(sender->multi, target->easy);
    free(target->body);
    target->body = NULL;
    target->flying = false;
    const bool taken = result == CURLE_OK && status / 100 == 2;
    const bool refused = result == CURLE_OK && is_refusal(status);
    if (taken) {
        note_taken(sender, target, now);
    } else {
        if (result == CURLE_OK) {
            target->answer[strcspn(target->answer, "\r\n")] = '\0';
            snprintf(why, sizeof why, "it answers %ld: %s", status, target->answer);
        } else {
            snprintf(why, sizeof why, "%.255s",
                     target->error[0] != '\0' ? target->error : curl_easy_strerror(result));
        }
        note_failed(sender, target, why, now);
    }
    troth_alert_set_done(sender->set, number, taken || refused, now);
}

/* ---- The thread. ---- */

/* Brings what is under way further. Returns whether something of it came to its end. */
static bool take_answers(struct troth_alert_sender *sender)
{
    int running = 0;
    int left = 0;
    bool any = false;
    CURLMsg *message = NULL;
    (void)curl_multi_perform(sender->multi, &running);
    while ((message = curl_multi_info_read(sender->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        const CURLcode result = message->data.result;
        const struct troth_alert_now now = look_at_clock();
        for (unsigned i = 0; i < sender->count; i++) {
            if (sender->targets[i].easy == message->easy_handle) {
                finish(sender, i, result, &now);
                any = true;
                break;
            }
        }
    }
    return any;
}

static void tell_counts(struct troth_alert_sender *sender)
{
    uint64_t single = 0;
    uint64_t together = 0;
    uint64_t dropped = 0;
    troth_alert_set_count(sender->set, &single, &together, &dropped);
    atomic_store(&sender->single, single);
    atomic_store(&sender->together, together);
    atomic_store(&sender->dropped, dropped);
}

/* Starts what can be. Returns how long there is nothing else to do, milliseconds. */
static int start_due(struct troth_alert_sender *sender)
{
    const struct troth_alert_now now = look_at_clock();
    int64_t wait_us = TURN_MS * INT64_C(1000);
    for (unsigned i = 0; i < sender->count; i++) {
        struct target *target = &sender->targets[i];
        if (!target->flying && now.monotonic_us >= target->retry_at_us) {
            start(sender, i, &now);
        } else if (!target->flying && target->retry_at_us - now.monotonic_us < wait_us) {
            wait_us = target->retry_at_us - now.monotonic_us;
        }
    }
    return (int)(wait_us / 1000) + 1;
}

static void *run(void *argument)
{
    struct troth_alert_sender *sender = argument;
    int64_t ends_us = INT64_MAX;
    for (;;) {
        const bool stopping = atomic_load(&sender->stopping);
        take_told(sender);
        (void)take_answers(sender);
        const int wait_ms = start_due(sender);
        const bool goes_on = take_answers(sender);
        tell_counts(sender);
        const int64_t now_us = look_at_clock().monotonic_us;
        if (stopping && ends_us == INT64_MAX) {
            ends_us = now_us + END_US;
        }
        if (stopping && (now_us >= ends_us || troth_alert_set_due(sender->set) == 0)) {
            return NULL;
        }
        (void)curl_multi_poll(sender->multi, NULL, 0, goes_on ? 0 : wait_ms, NULL);
    }
}

static void wake(void *context)
{
    struct troth_alert_sender *sender = context;
    (void)curl_multi_wakeup(sender->multi);
}

/* ---- Open and close. ---- */

static bool add_header(struct troth_alert_sender *sender, const char *header)
{
    struct curl_slist *longer = curl_slist_append(sender->headers, header);
    sender->headers = longer != NULL ? longer : sender->headers;
    return longer != NULL;
}

static troth_status make_headers(struct troth_alert_sender *sender,
                                 const struct troth_config *config)
{
    char *authorization = NULL;
    char header[TROTH_CONFIG_TEXT_LENGTH_MAX];
    troth_status status = troth_config_alertmanager_authorization(config, &authorization);
    if (status != TROTH_OK) {
        return status;
    }
    bool made = add_header(sender, "Content-Type: application/json");
    if (authorization != NULL) {
        snprintf(header, sizeof header, "Authorization: %s", authorization);
        made = made && add_header(sender, header);
    }
    free(authorization);
    return made ? TROTH_OK : TROTH_NO_MEMORY;
}

static bool make_target(struct troth_alert_sender *sender, struct target *target, const char *url)
{
    snprintf(target->url, sizeof target->url, "%s", url);
    target->easy = curl_easy_init();
    if (target->easy == NULL) {
        return false;
    }
    curl_easy_setopt(target->easy, CURLOPT_URL, target->url);
    curl_easy_setopt(target->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(target->easy, CURLOPT_PROXY, ""); /* the environment's is for other things */
    curl_easy_setopt(target->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(target->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(target->easy, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(target->easy, CURLOPT_HTTPHEADER, sender->headers);
    curl_easy_setopt(target->easy, CURLOPT_ERRORBUFFER, target->error);
    curl_easy_setopt(target->easy, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(target->easy, CURLOPT_WRITEDATA, target);
    curl_easy_setopt(target->easy, CURLOPT_USERAGENT, "trothd");
    return true;
}

static troth_status make(struct troth_alert_sender *sender, const struct troth_config *config,
                         const struct troth_alert_urls *urls)
{
    const struct troth_alert_set_config set = {.targets = urls->count,
                                               .limit = (uint32_t)config->alertmanager_limit,
                                               .resend_us = config->alertmanager_resend_us};
    sender->words = (struct troth_alert_words){
        .prefix = config->prefix,
        .telemetry_topic = troth_config_topic(config, "telemetry", sender->telemetry_topic,
                                              sizeof sender->telemetry_topic),
        .link = config->alertmanager_link};
    sender->multi = curl_multi_init();
    troth_status status = sender->multi != NULL ? TROTH_OK : TROTH_NO_MEMORY;
    status = status == TROTH_OK ? make_headers(sender, config) : status;
    status = status == TROTH_OK ? troth_alert_set_create(&set, &sender->set) : status;
    status = status == TROTH_OK ? troth_alert_queue_create(wake, sender, &sender->queue) : status;
    while (status == TROTH_OK && sender->count < urls->count) {
        struct target *target = &sender->targets[sender->count];
        if (!make_target(sender, target, urls->urls[sender->count])) {
            status = TROTH_NO_MEMORY;
        }
        sender->count++;
    }
    if (status == TROTH_OK) {
        sender->started = pthread_create(&sender->thread, NULL, run, sender) == 0;
        status = sender->started ? TROTH_OK : TROTH_NO_MEMORY;
    }
    return status;
}

troth_status troth_alert_sender_open(const struct troth_config *config,
                                     struct troth_alert_sender **sender)
{
    struct troth_alert_urls urls;
    *sender = NULL;
    if (!troth_alert_urls_read(config->alertmanager_urls, &urls) || urls.count == 0) {
        return TROTH_OK;
    }
    struct troth_alert_sender *made = calloc(1, sizeof *made);
    troth_status status = made != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
                              ? TROTH_OK
                              : TROTH_NO_MEMORY;
    status = status == TROTH_OK ? make(made, config, &urls) : status;
    if (status == TROTH_NO_MEMORY) {
        troth_message_error("no memory, or no thread, for alerts");
    }
    if (status != TROTH_OK) {
        troth_alert_sender_close(made);
        return status;
    }
    troth_message_info("alerts go to %s", config->alertmanager_urls);
    *sender = made;
    return TROTH_OK;
}

struct troth_alerts *troth_alert_sender_alerts(struct troth_alert_sender *sender)
{
    return sender != NULL ? troth_alert_queue_alerts(sender->queue) : NULL;
}

void troth_alert_sender_stopped(struct troth_alert_sender *sender, const char *contract,
                                uint32_t hit, int64_t since_us)
{
    if (sender != NULL) {
        struct troth_alerts *alerts = troth_alert_queue_alerts(sender->queue);
        struct troth_alert alert = {
            .kind = TROTH_ALERT_STOPPED, .narrowed = hit, .since_us = since_us};
        snprintf(alert.contract, sizeof alert.contract, "%s", contract);
        (void)alerts->tell(alerts, &alert); /* what was lost is told at the next look */
    }
}

void troth_alert_sender_count(struct troth_alert_sender *sender, struct troth_alert_counts *counts)
{
    *counts = (struct troth_alert_counts){.on = sender != NULL};
    if (sender != NULL) {
        troth_alert_queue_count(sender->queue, &counts->queued, &counts->dropped);
        counts->dropped += atomic_load(&sender->dropped);
        counts->sent = atomic_load(&sender->sent);
        counts->failed = atomic_load(&sender->failed);
        counts->single = atomic_load(&sender->single);
        counts->together = atomic_load(&sender->together);
        counts->last_taken_us = atomic_load(&sender->last_taken_us);
    }
}

void troth_alert_sender_close(struct troth_alert_sender *sender)
{
    if (sender == NULL) {
        return;
    }
    if (sender->started) {
        atomic_store(&sender->stopping, true);
        wake(sender);
        pthread_join(sender->thread, NULL);
    }
    for (unsigned i = 0; i < sender->count; i++) {
        if (sender->targets[i].flying) {
            curl_multi_remove_handle(sender->multi, sender->targets[i].easy);
        }
        curl_easy_cleanup(sender->targets[i].easy);
        free(sender->targets[i].body);
    }
    curl_multi_cleanup(sender->multi);
    curl_slist_free_all(sender->headers);
    troth_alert_queue_destroy(sender->queue);
    troth_alert_set_destroy(sender->set);
    free(sender);
}
