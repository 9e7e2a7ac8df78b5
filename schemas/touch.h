/*
 * Asking for a cache line before it is needed.
 *
 * A load whose result nobody wants, instead of a prefetch instruction: of memory that the TLB does
 * not reach, prefetches are dropped by some processors (under nested paging an event at a million
 * agents took 243 ns with them, 101 with loads). Loads overlap as prefetches do where they stand
 * in a loop of their own, close together; among other work they hold up what follows.
 */
#ifndef TROTH_SCHEMAS_TOUCH_H
#define TROTH_SCHEMAS_TOUCH_H

/* Reads one byte. In place: readable memory. */
static inline void troth_touch(const void *place)
{
    (void)*(const volatile char *)place;
}

#endif
