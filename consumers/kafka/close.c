/*
 * Closing a Kafka log in bounded time.
 *
 * librdkafka 2.0 may wait for ever when a client ends: a partition that was lost can keep what was
 * fetched of it, and that keeps the partition (its issue 4187). So a thread closes, and the caller
 * waits for it no longer than close_us. What has not ended by then is left behind, memory and
 * threads; it ends by itself later, or never. Nothing is lost by it: what was not committed comes
 * again, and a member of the group that is silent is passed over.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "consumers/kafka/state.h"

struct closing {
    struct troth_kafka_state *state;
    struct troth_kafka_voice voice;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t ended;
    bool done;
    bool left; /* by the caller: the thread frees this */
};

static void closing_free(struct closing *closing)
{
    pthread_cond_destroy(&closing->ended);
    pthread_mutex_destroy(&closing->lock);
    free(closing);
}

static void *run(void *context)
{
    struct closing *closing = context;
    troth_kafka_state_destroy(closing->state);
    pthread_mutex_lock(&closing->lock);
    closing->done = true;
    const bool left = closing->left;
    pthread_cond_signal(&closing->ended);
    pthread_mutex_unlock(&closing->lock);
    if (left) {
        troth_kafka_say(&closing->voice, 6, "the Kafka client that was left behind has ended");
        closing_free(closing);
    }
    return NULL;
}

/* Returns whether it has ended. */
static bool await_end(struct closing *closing, int64_t deadline_us)
{
    const struct timespec until = {.tv_sec = deadline_us / 1000000,
                                   .tv_nsec = deadline_us % 1000000 * 1000};
    pthread_mutex_lock(&closing->lock);
    int waited = 0;
    while (!closing->done && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&closing->ended, &closing->lock, &until);
    }
    const bool done = closing->done;
    closing->left = !done;
    pthread_mutex_unlock(&closing->lock);
    return done;
}

void troth_kafka_state_close(struct troth_kafka_state *state)
{
    const int64_t close_us = state->close_us;
    const struct troth_kafka_voice voice = state->voice;
    struct closing *closing = calloc(1, sizeof *closing);
    pthread_condattr_t attributes;
    pthread_t thread;
    if (closing == NULL) {
        troth_kafka_state_destroy(state);
        return;
    }
    closing->state = state;
    closing->voice = voice;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&closing->lock, NULL);
    pthread_cond_init(&closing->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&thread, NULL, run, closing) != 0) {
        troth_kafka_state_destroy(state);
        closing_free(closing);
        return;
    }
    if (await_end(closing, troth_kafka_monotonic_us() + close_us)) {
        pthread_join(thread, NULL);
        closing_free(closing);
        return;
    }
    pthread_detach(thread);
    troth_kafka_say(&voice, 3,
                    "the Kafka client did not end within %d s and is left behind; nothing is lost, "
                    "but its memory and threads stay: restart this process where that comes again",
                    (int)(close_us / 1000000));
}
