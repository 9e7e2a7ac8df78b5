/*
 * Claims: what several threads tell is taken once each, in each thread's order, and whoever takes
 * is woken; where the queue is full, telling returns at once, what is lost is counted and a sweep
 * is wanted; who tells of a partition has room beside it, and where even that is full it is said
 * so, once everything that came before is taken. A sweep is held back before the queue is full.
 */
#include "tests/support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "ops/alert/queue.h"

enum { TELLERS = 4, TOLD = 20000 };

static struct troth_alert_queue *queue;
static atomic_uint woken;

static void wake(void *context)
{
    (void)context;
    atomic_fetch_add(&woken, 1);
}

static int open_queue(void **state)
{
    (void)state;
    atomic_store(&woken, 0);
    return troth_alert_queue_create(wake, NULL, &queue) == TROTH_OK ? 0 : -1;
}

static int close_queue(void **state)
{
    (void)state;
    troth_alert_queue_destroy(queue);
    return 0;
}

static struct troth_alert message(unsigned kind, int32_t partition, uint64_t number)
{
    return (struct troth_alert){.kind = (uint8_t)kind, .partition = partition, .sweep = number};
}

static bool tell(unsigned kind, uint64_t number)
{
    struct troth_alerts *alerts = troth_alert_queue_alerts(queue);
    const struct troth_alert one = message(kind, 0, number);
    return alerts->tell(alerts, &one);
}

static void full(void **state)
{
    (void)state;
    static struct troth_alert taken[64];
    struct troth_alerts *alerts = troth_alert_queue_alerts(queue);
    uint64_t length = 0;
    uint64_t dropped = 0;
    bool flooded = false;
    const uint64_t wanted = alerts->wanted(alerts);
    for (uint64_t i = 0; i < TROTH_ALERT_QUEUE_MAX; i++) {
        assert_true(alerts->has_room(alerts) == (i < TROTH_ALERT_QUEUE_MAX / 2));
        assert_true(tell(TROTH_ALERT_RAISED, i));
    }
    assert_int_equal(alerts->wanted(alerts), wanted);
    assert_false(tell(TROTH_ALERT_ENDED, 0));
    assert_int_equal(alerts->wanted(alerts), wanted + 1);
    for (unsigned i = 0; i < TROTH_ALERT_QUEUE_RESERVE; i++) {
        assert_true(tell(TROTH_ALERT_DROPPED, TROTH_ALERT_QUEUE_MAX + i));
    }
    assert_false(tell(TROTH_ALERT_SWEEP, 0));
    troth_alert_queue_count(queue, &length, &dropped);
    assert_int_equal(length, TROTH_ALERT_QUEUE_MAX + TROTH_ALERT_QUEUE_RESERVE);
    assert_int_equal(dropped, 2);
    uint64_t next = 0;
    while (next < length) {
        assert_false(flooded);
        const size_t count = troth_alert_queue_take(queue, taken, 64, &flooded);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(taken[i].sweep, next++);
        }
    }
    assert_true(flooded);
    assert_int_equal(troth_alert_queue_take(queue, taken, 64, &flooded), 0);
    assert_false(flooded);
    assert_int_equal(atomic_load(&woken), 1);
}

static void *tell_all(void *argument)
{
    struct troth_alerts *alerts = troth_alert_queue_alerts(queue);
    for (uint64_t i = 0; i < TOLD; i++) {
        const struct troth_alert one = message(TROTH_ALERT_RAISED, *(int32_t *)argument, i);
        while (!alerts->tell(alerts, &one)) {
            /* full: again */
        }
    }
    return NULL;
}

static void from_many_threads(void **state)
{
    (void)state;
    static struct troth_alert taken[64];
    int32_t numbers[TELLERS];
    pthread_t threads[TELLERS];
    uint64_t next[TELLERS] = {0};
    bool flooded = false;
    for (int32_t i = 0; i < TELLERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, tell_all, &numbers[i]), 0);
    }
    for (uint64_t all = 0; all < (uint64_t)TELLERS * TOLD;) {
        const size_t count = troth_alert_queue_take(queue, taken, 64, &flooded);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(taken[i].sweep, next[taken[i].partition]++);
        }
        all += count;
    }
    for (unsigned i = 0; i < TELLERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(next[i], TOLD);
    }
    assert_true(atomic_load(&woken) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(full, open_queue, close_queue),
        cmocka_unit_test_setup_teardown(from_many_threads, open_queue, close_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
