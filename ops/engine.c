#include "ops/engine.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consumers/kafka/client.h"
#include "consumers/kafka/log.h"
#include "ops/message.h"
#include "ops/redis/store.h"
#include "ops/signing.h"

enum {
    PAUSE_FIRST_MS = 200,
    PAUSE_LAST_MS = 10000,
    OPEN_US = 60000000, /* a log may take so long to open */
    END_US = 60000000,  /* or to close; and what a drain leaves over, to be committed */
    SURVEY_US = 100000, /* each worker tells of itself this often, */
    SURVEY_SHARE = 99,  /* and for a hundredth of its time at most */
    WELL_US = 60000000  /* a worker that ran so long begins with a short pause again */
};

struct worker_thread {
    struct troth_engine *engine;
    pthread_t thread;
    bool started;
    bool drained;
    bool idle; /* it has no log now; under the engine's lock, as is the next */
    char instance[256];
    struct troth_survey survey;      /* as last published */
    struct troth_worker_counts past; /* what workers that broke have counted */
    struct troth_survey draft;       /* the thread's own */
    _Atomic int64_t due_us;          /* monotonic: when its next turn is due; 0: it has ended */
};

struct troth_engine {
    const struct troth_config *config;
    struct troth_framing *framing;
    struct troth_signing_rules rules;  /* what must be signed */
    struct troth_alert_sender *alerts; /* NULL: nobody is alerted */
    char telemetry_topic[TROTH_KAFKA_NAME_LENGTH];
    struct troth_kafka_property properties[TROTH_CONFIG_ENTRIES_MAX];
    atomic_bool stopping;
    pthread_mutex_t lock;
    uint32_t count;
    struct troth_survey copy; /* the reader's */
    struct worker_thread workers[TROTH_WORKERS_MAX];
};

static void say(void *context, enum troth_level level, const char *text)
{
    (void)context;
    switch (level) {
    case TROTH_LEVEL_DEBUG:
        troth_message_debug("%s", text);
        break;
    case TROTH_LEVEL_INFO:
        troth_message_info("%s", text);
        break;
    case TROTH_LEVEL_WARNING:
        troth_message_warn("%s", text);
        break;
    case TROTH_LEVEL_ERROR:
        troth_message_error("%s", text);
        break;
    }
}

static void say_kafka(void *context, int level, const char *text)
{
    say(context,
        level <= 3   ? TROTH_LEVEL_ERROR
        : level <= 4 ? TROTH_LEVEL_WARNING
        : level <= 6 ? TROTH_LEVEL_INFO
                     : TROTH_LEVEL_DEBUG,
        text);
}

static troth_status open_log(const struct troth_engine *engine, const struct worker_thread *worker,
                             struct troth_log **log)
{
    const struct troth_config *config = engine->config;
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    const struct troth_kafka_config kafka = {
        .properties = {engine->properties, config->kafka.count},
        .prefix = config->prefix,
        .group = config->group,
        .instance = worker->instance,
        .partitioner = troth_config_partitioner_name(config),
        .create_time = config->clock == TROTH_CONFIG_CLOCK_CREATE_TIME,
        .at_least_once = config->delivery == TROTH_CONFIG_AT_LEAST_ONCE,
        .keep_standings = config->checkpoint_us > 0,
        .read_contracts = true,
        .read_decisions = true,
        .voice = {say_kafka, NULL},
    };
    const troth_status status = troth_kafka_log_open(&kafka, log, error, sizeof error);
    if (status != TROTH_OK) {
        troth_message_error("%s", error);
    }
    return status;
}

static troth_status open_store(const struct troth_engine *engine, struct troth_store **store)
{
    const struct troth_redis_config redis = troth_redis_config_of(engine->config);
    char error[TROTH_REDIS_ERROR_LENGTH_MAX] = "";
    const troth_status status = troth_redis_store_open(&redis, store, error);
    if (status != TROTH_OK) {
        troth_message_error("%s", error);
    }
    return status;
}

/* The loop turns, or what it waits for is there, at this time at the latest. */
static void note_turn(struct worker_thread *thread, int64_t due_us)
{
    atomic_store_explicit(&thread->due_us, due_us, memory_order_relaxed);
}

/* The worker is about to wait for others. */
static void will_wait(void *context, int64_t us)
{
    note_turn(context, troth_kafka_monotonic_us() + us);
}

/* Tells of the contracts whose telemetry has stopped, for all workers. The lock is held. */
static void note_outages(struct troth_engine *engine, const struct troth_survey *survey)
{
    for (uint32_t c = 0; c < survey->contract_count; c++) {
        const char *contract = survey->contracts[c].name;
        uint64_t hit = 0;
        int64_t since_us = INT64_MAX;
        for (uint32_t i = 0; i < engine->count; i++) {
            const struct troth_outage_survey *outage =
                troth_survey_outage(&engine->workers[i].survey, contract);
            if (outage != NULL && outage->partitions > 0) {
                hit += outage->hit > 0 ? outage->hit : 1;
                since_us = outage->since_us < since_us ? outage->since_us : since_us;
            }
        }
        troth_alert_sender_stopped(engine->alerts, contract,
                                   hit < UINT32_MAX ? (uint32_t)hit : UINT32_MAX,
                                   hit > 0 ? since_us : 0);
    }
}

/* Publishes what the worker counts and holds. In wait: for a reader, which copies; a worker that
 * works does not, and comes again. */
static void note_survey(struct worker_thread *thread, const struct troth_worker *worker, bool wait)
{
    struct troth_engine *engine = thread->engine;
    troth_worker_survey(worker, &thread->draft);
    if (wait) {
        pthread_mutex_lock(&engine->lock);
    } else if (pthread_mutex_trylock(&engine->lock) != 0) {
        return;
    }
    troth_survey_copy(&thread->survey, &thread->draft);
    thread->idle = false;
    if (engine->alerts != NULL) {
        note_outages(engine, &thread->survey);
    }
    pthread_mutex_unlock(&engine->lock);
}

/* Nobody works: what it has counted stays, what it had is not there. */
static void note_idle(struct worker_thread *thread)
{
    pthread_mutex_lock(&thread->engine->lock);
    troth_survey_forget_held(&thread->survey.counts);
    troth_survey_add_counts(&thread->past, &thread->survey.counts);
    troth_survey_init(&thread->survey);
    thread->idle = true;
    pthread_mutex_unlock(&thread->engine->lock);
}

/* Runs one worker until it breaks or the engine stops. Returns whether it ran well for a while. */
static bool run_worker(struct worker_thread *thread, struct troth_log *log,
                       struct troth_store *store)
{
    struct troth_engine *engine = thread->engine;
    const struct troth_config *config = engine->config;
    struct troth_worker *worker = NULL;
    enum troth_partitioner partitioner = TROTH_PARTITIONER_MURMUR2;
    (void)troth_partitioner_find(troth_config_partitioner_name(config), &partitioner);
    struct troth_worker_config made = {
        .log = log,
        .store = store,
        .alerts = troth_alert_sender_alerts(engine->alerts),
        .clock = troth_clock_system(),
        .framing = engine->framing,
        .partitioner = partitioner,
        .telemetry_topic = engine->telemetry_topic,
        .era = config->era,
        .publish_us = config->publish_us,
        .commit_us = config->commit_us,
        .checkpoint_us = config->checkpoint_us,
        .instance = thread->instance,
        .tick_us = config->tick_us,
        .dead_band = (uint32_t)config->dead_band,
        .read_decisions = true,
        .signing = engine->rules.signing,
        .outage = {.max_narrowed = (double)config->max_narrowed / 100.0,
                   .guard_us = config->guard_for_us,
                   .least = TROTH_OUTAGE_LEAST},
        .create_time = config->clock == TROTH_CONFIG_CLOCK_CREATE_TIME,
        .agents_max = (uint32_t)config->agents_max,
        .standings_max = (uint32_t)config->standings_max,
        .max_ahead_us = config->max_ahead_us,
        .evict_after_us = config->evict_after_us,
        .say = say,
        .will_wait = will_wait,
        .wait_context = thread,
    };
    randombytes_buf(made.nonce, sizeof made.nonce);
    if (troth_worker_create(&made, &worker) != TROTH_OK) {
        troth_message_error("no memory for a worker");
        return false;
    }
    const int64_t began_us = made.clock.monotonic_us(NULL);
    int64_t now_us = began_us;
    int64_t survey_us = began_us;
    troth_status status = TROTH_OK;
    while (status == TROTH_OK && !atomic_load(&engine->stopping)) {
        note_turn(thread, now_us);
        status = troth_worker_step(worker);
        now_us = made.clock.monotonic_us(NULL);
        if (now_us >= survey_us) {
            note_survey(thread, worker, false);
            const int64_t took_us = made.clock.monotonic_us(NULL) - now_us;
            const int64_t pause_us = SURVEY_SHARE * took_us;
            survey_us = now_us + (pause_us > SURVEY_US ? pause_us : SURVEY_US);
        }
    }
    if (status == TROTH_OK) {
        will_wait(thread, config->drain_us + END_US);
        thread->drained = troth_worker_drain(worker, thread->engine->config->drain_us) == TROTH_OK;
    }
    note_survey(thread, worker, true);
    const bool well = now_us - began_us > WELL_US;
    troth_worker_destroy(worker);
    return well;
}

static void pause_ms(const struct troth_engine *engine, int ms)
{
    const struct timespec step = {0, 50000000};
    for (int waited = 0; waited < ms && !atomic_load(&engine->stopping); waited += 50) {
        nanosleep(&step, NULL);
    }
}

static void *run_thread(void *argument)
{
    struct worker_thread *thread = argument;
    struct troth_engine *engine = thread->engine;
    int pause = PAUSE_FIRST_MS;
    while (!atomic_load(&engine->stopping)) {
        struct troth_log *log = NULL;
        struct troth_store *store = NULL;
        bool well = false;
        will_wait(thread, OPEN_US);
        if (open_log(engine, thread, &log) == TROTH_OK && open_store(engine, &store) == TROTH_OK) {
            well = run_worker(thread, log, store);
        }
        if (!atomic_load(&engine->stopping)) {
            note_idle(thread); /* closing may take a while */
        }
        will_wait(thread, END_US);
        if (store != NULL) {
            store->close(store);
        }
        if (log != NULL) {
            log->close(log);
        }
        if (!atomic_load(&engine->stopping)) {
            pause = well ? PAUSE_FIRST_MS : pause * 2 < PAUSE_LAST_MS ? pause * 2 : PAUSE_LAST_MS;
            troth_message_warn("worker %s is made anew in %d ms", thread->instance, pause);
            will_wait(thread, INT64_C(1000) * pause);
            pause_ms(engine, pause);
        }
    }
    note_turn(thread, 0);
    return NULL;
}

/* Compiles the schemas that the configuration maps ids to. */
static troth_status load_schemas(struct troth_engine *engine)
{
    char error[512] = "";
    const troth_status status =
        troth_config_framing_open(engine->config, &engine->framing, error, sizeof error);
    if (status != TROTH_OK) {
        troth_message_error("%s", error);
    }
    return status;
}

/* Says what must be signed, and by whom it can be. */
static void tell_signing(const struct troth_engine *engine)
{
    const struct troth_signing *signing = &engine->rules.signing;
    const struct troth_clock clock = troth_clock_system();
    const int64_t now_us = clock.wall_us(clock.context);
    const bool asked[TROTH_ROLE_COUNT] = {signing->contracts, signing->decisions};
    for (unsigned role = 0; role < TROTH_ROLE_COUNT; role++) {
        if (!asked[role]) {
            continue;
        }
        const unsigned count = troth_signing_count(signing->trust, (enum troth_role)role, now_us);
        troth_message_info("%s must be signed by an %s; %s has %u", troth_role_signs(role),
                           troth_role_name(role), engine->config->signatures_trust_file, count);
        if (count == 0) {
            troth_message_warn("no %s that are made now will be believed: no key of an %s counts",
                               troth_role_signs(role), troth_role_name(role));
        }
    }
}

troth_status troth_engine_start(const struct troth_config *config, struct troth_engine **engine)
{
    struct troth_engine *made = calloc(1, sizeof *made);
    if (made == NULL) {
        troth_message_error("no memory for the engine");
        return TROTH_NO_MEMORY;
    }
    made->config = config;
    made->count = (uint32_t)config->workers;
    atomic_init(&made->stopping, false);
    pthread_mutex_init(&made->lock, NULL);
    snprintf(made->telemetry_topic, sizeof made->telemetry_topic, "%s.%s", config->prefix,
             troth_topic_name(TROTH_TOPIC_TELEMETRY));
    for (uint32_t i = 0; i < config->kafka.count; i++) {
        made->properties[i] = (struct troth_kafka_property){config->kafka.entries[i].name,
                                                            config->kafka.entries[i].value};
    }
    troth_status status =
        troth_signing_open(config, &made->rules) ? load_schemas(made) : TROTH_INVALID;
    if (status == TROTH_OK) {
        tell_signing(made);
    }
    status = status == TROTH_OK ? troth_alert_sender_open(config, &made->alerts) : status;
    for (uint32_t i = 0; i < made->count && status == TROTH_OK; i++) {
        struct worker_thread *worker = &made->workers[i];
        worker->engine = made;
        worker->idle = true; /* until it has told of itself */
        troth_survey_init(&worker->survey);
        troth_survey_forget_held(&worker->past);
        will_wait(worker, OPEN_US);
        snprintf(worker->instance, sizeof worker->instance, "%s-%u", config->instance, i);
        const int failed = pthread_create(&worker->thread, NULL, run_thread, worker);
        worker->started = failed == 0;
        if (failed != 0) {
            troth_message_error("a worker's thread could not be started: %s", strerror(failed));
            status = TROTH_NO_MEMORY;
        }
    }
    if (status != TROTH_OK) {
        (void)troth_engine_stop(made, NULL);
        return status;
    }
    *engine = made;
    return TROTH_OK;
}

bool troth_engine_stop(struct troth_engine *engine, struct troth_worker_counts *counts)
{
    bool drained = true;
    atomic_store(&engine->stopping, true);
    for (uint32_t i = 0; i < engine->count; i++) {
        if (engine->workers[i].started) {
            pthread_join(engine->workers[i].thread, NULL);
            drained &= engine->workers[i].drained;
        }
    }
    if (counts != NULL) {
        troth_engine_count(engine, counts);
    }
    troth_alert_sender_close(engine->alerts); /* what the drain ended is sent */
    free(engine->framing);
    troth_signing_close(&engine->rules);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
    return drained;
}

uint32_t troth_engine_idle(struct troth_engine *engine)
{
    uint32_t idle = 0;
    pthread_mutex_lock(&engine->lock);
    for (uint32_t i = 0; i < engine->count; i++) {
        idle += engine->workers[i].idle;
    }
    pthread_mutex_unlock(&engine->lock);
    return idle;
}

void troth_engine_count(struct troth_engine *engine, struct troth_worker_counts *counts)
{
    memset(counts, 0, sizeof *counts);
    counts->store_connected = true;
    pthread_mutex_lock(&engine->lock);
    for (uint32_t i = 0; i < engine->count; i++) {
        troth_survey_add_counts(counts, &engine->workers[i].past);
        troth_survey_add_counts(counts, &engine->workers[i].survey.counts);
    }
    pthread_mutex_unlock(&engine->lock);
}

void troth_engine_survey(struct troth_engine *engine, struct troth_survey *survey)
{
    troth_survey_init(survey);
    for (uint32_t i = 0; i < engine->count; i++) {
        pthread_mutex_lock(&engine->lock);
        troth_survey_copy(&engine->copy, &engine->workers[i].survey);
        const struct troth_worker_counts past = engine->workers[i].past;
        pthread_mutex_unlock(&engine->lock);
        troth_survey_add_counts(&engine->copy.counts, &past);
        troth_survey_add(survey, &engine->copy);
    }
}

void troth_engine_alerts(struct troth_engine *engine, struct troth_alert_counts *counts)
{
    troth_alert_sender_count(engine->alerts, counts);
}

int troth_engine_stuck(struct troth_engine *engine, int64_t *late_us)
{
    const int64_t now_us = troth_kafka_monotonic_us();
    for (uint32_t i = 0; i < engine->count; i++) {
        const int64_t due_us =
            atomic_load_explicit(&engine->workers[i].due_us, memory_order_relaxed);
        if (due_us != 0 && now_us - due_us >= TROTH_ENGINE_LATE_US) {
            *late_us = now_us - due_us;
            return (int)i;
        }
    }
    return -1;
}
