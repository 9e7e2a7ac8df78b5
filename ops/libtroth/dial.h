/*
 * The two connections of a handle to Redis: one that reads, with client tracking on, and one that
 * hears what changed and what was narrowed.
 *
 * Threads: one. Memory: the connections are the caller's to end.
 */
#ifndef TROTH_OPS_LIBTROTH_DIAL_H
#define TROTH_OPS_LIBTROTH_DIAL_H

#include <hiredis/hiredis.h>

#include "ops/libtroth/troth.h"

struct troth_dial {
    redisContext *data;  /* does not block */
    redisContext *heard; /* the same, and is subscribed */
};

/* Checks the options. Returns whether they will do; out problem: what is wrong, and what would mend
 * it. */
bool troth_dial_check(const struct troth_client_options *options,
                      char problem[TROTH_CLIENT_PROBLEM_MAX]);

/* Connects both, for at most timeout_us each answer. In options: checked. Out dial: on OK.
 * Returns OK; UNREACHABLE or REFUSED with problem; NO_MEMORY. */
enum troth_client_status troth_dial_open(const struct troth_client_options *options,
                                         struct troth_dial *dial,
                                         char problem[TROTH_CLIENT_PROBLEM_MAX]);
void troth_dial_close(struct troth_dial *dial);

#endif
