#include "ops/alert/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    CAPACITY = TROTH_ALERT_QUEUE_MAX + TROTH_ALERT_QUEUE_RESERVE,
    SWEEP_FILL = TROTH_ALERT_QUEUE_MAX / 2 /* a sweep leaves the rest to what happens */
};

struct troth_alert_queue {
    struct troth_alerts alerts; /* first */
    void (*wake)(void *context);
    void *context;
    _Atomic uint64_t wanted;
    pthread_mutex_t lock; /* of what follows; held for a copy */
    size_t first;
    size_t count;
    uint64_t dropped;
    bool flooded;
    struct troth_alert items[CAPACITY];
};

static struct troth_alert_queue *queue_of(struct troth_alerts *alerts)
{
    return (struct troth_alert_queue *)(void *)alerts;
}

static bool tell(struct troth_alerts *alerts, const struct troth_alert *alert)
{
    struct troth_alert_queue *queue = queue_of(alerts);
    const bool standing = alert->kind == TROTH_ALERT_RAISED || alert->kind == TROTH_ALERT_ENDED;
    pthread_mutex_lock(&queue->lock);
    const bool room = queue->count < (standing ? (size_t)TROTH_ALERT_QUEUE_MAX : CAPACITY);
    const bool first = queue->count == 0;
    if (room) {
        queue->items[(queue->first + queue->count++) % CAPACITY] = *alert;
    } else {
        queue->dropped++;
        queue->flooded |= !standing;
    }
    pthread_mutex_unlock(&queue->lock);
    if (!room) {
        troth_alert_queue_sweep(queue);
    }
    if (first && queue->wake != NULL) {
        queue->wake(queue->context);
    }
    return room;
}

static uint64_t wanted(struct troth_alerts *alerts)
{
    return atomic_load_explicit(&queue_of(alerts)->wanted, memory_order_relaxed);
}

static bool has_room(struct troth_alerts *alerts)
{
    struct troth_alert_queue *queue = queue_of(alerts);
    pthread_mutex_lock(&queue->lock);
    const bool room = queue->count < SWEEP_FILL;
    pthread_mutex_unlock(&queue->lock);
    return room;
}

troth_status troth_alert_queue_create(void (*wake)(void *context), void *context,
                                      struct troth_alert_queue **queue)
{
    struct troth_alert_queue *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return TROTH_NO_MEMORY;
    }
    made->alerts = (struct troth_alerts){tell, wanted, has_room};
    made->wake = wake;
    made->context = context;
    atomic_init(&made->wanted, 1);
    pthread_mutex_init(&made->lock, NULL);
    *queue = made;
    return TROTH_OK;
}

void troth_alert_queue_destroy(struct troth_alert_queue *queue)
{
    if (queue != NULL) {
        pthread_mutex_destroy(&queue->lock);
        free(queue);
    }
}

struct troth_alerts *troth_alert_queue_alerts(struct troth_alert_queue *queue)
{
    return &queue->alerts;
}

size_t troth_alert_queue_take(struct troth_alert_queue *queue, struct troth_alert *alerts,
                              size_t capacity, bool *flooded)
{
    pthread_mutex_lock(&queue->lock);
    const size_t count = queue->count < capacity ? queue->count : capacity;
    for (size_t i = 0; i < count; i++) {
        alerts[i] = queue->items[(queue->first + i) % CAPACITY];
    }
    queue->first = (queue->first + count) % CAPACITY;
    queue->count -= count;
    /* What came before the loss is forgotten with the rest, so it is told with the last of it. */
    *flooded = queue->flooded && queue->count == 0;
    queue->flooded &= queue->count > 0;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

void troth_alert_queue_sweep(struct troth_alert_queue *queue)
{
    atomic_fetch_add_explicit(&queue->wanted, 1, memory_order_relaxed);
}

void troth_alert_queue_count(struct troth_alert_queue *queue, uint64_t *length, uint64_t *dropped)
{
    pthread_mutex_lock(&queue->lock);
    *length = queue->count;
    *dropped = queue->dropped;
    pthread_mutex_unlock(&queue->lock);
}
