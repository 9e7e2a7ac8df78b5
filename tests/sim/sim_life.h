/*
 * The life of one engine process: it may die, or fall asleep, at any call that it makes.
 *
 * After its death nothing that it does takes effect: its calls answer as a dead connection would,
 * until its step ends and it is taken away. While it sleeps the rest of the world goes on (inside
 * of the call), and it wakes not knowing that it slept.
 */
#ifndef TROTH_TESTS_SIM_LIFE_H
#define TROTH_TESTS_SIM_LIFE_H

#include <stdbool.h>
#include <stdint.h>

struct sim_life {
    uint64_t calls;
    uint64_t dies_at;      /* that call from now on has no effect; 0: none */
    uint64_t sleeps_at;    /* it sleeps at the beginning of that call; 0: at none */
    bool sleeps_at_commit; /* it sleeps at the next commit: at its beginning, */
    bool sleeps_at_end;    /* or between the offsets and the end of the transaction */
    int64_t sleeps_us;
    bool dead;
    bool asleep;
    void (*sleep)(void *context, int64_t us); /* lets the others go on */
    void *context;
};

/* Counts a call. Returns whether it takes effect. */
static inline bool sim_life_goes_on(struct sim_life *life)
{
    life->calls++;
    if (life->calls == life->sleeps_at && !life->dead) {
        life->asleep = true;
        life->sleep(life->context, life->sleeps_us);
        life->asleep = false;
    }
    life->dead |= life->calls == life->dies_at;
    return !life->dead;
}

/* The same, but the nap waits for a later call. In send and flush the worker has texts in buffers
 * of its thread, and here all workers share one: a nap there would let another overwrite them. */
static inline bool sim_life_goes_on_awake(struct sim_life *life)
{
    life->sleeps_at += life->calls + 1 == life->sleeps_at;
    return sim_life_goes_on(life);
}

#endif
