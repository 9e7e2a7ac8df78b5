#include "ops/account.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 3, 4))) static size_t add(char text[TROTH_ACCOUNT_LENGTH],
                                                        size_t used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text + used, TROTH_ACCOUNT_LENGTH - used, format, arguments);
    va_end(arguments);
    const size_t end = used + (length > 0 ? (size_t)length : 0);
    return end < TROTH_ACCOUNT_LENGTH ? end : TROTH_ACCOUNT_LENGTH - 1;
}

/* Adds "12 unkeyed, 3 invalid". */
static size_t add_reasons(char text[TROTH_ACCOUNT_LENGTH], size_t used,
                          const uint64_t rejects[TROTH_STATUS_COUNT])
{
    const char *joint = "";
    for (unsigned i = 0; i < TROTH_STATUS_COUNT; i++) {
        if (rejects[i] > 0) {
            used = add(text, used, "%s%" PRIu64 " %s", joint, rejects[i],
                       troth_status_name((troth_status)i));
            joint = ", ";
        }
    }
    return used;
}

static uint64_t sum_of(const uint64_t rejects[TROTH_STATUS_COUNT])
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < TROTH_STATUS_COUNT; i++) {
        sum += rejects[i];
    }
    return sum;
}

void troth_account_write(const struct troth_worker_counts *counts, char text[TROTH_ACCOUNT_LENGTH])
{
    const uint64_t rejected = sum_of(counts->rejects);
    size_t used = add(text, 0,
                      "%" PRIu64 " records: %" PRIu64 " applied, %" PRIu64 " under no contract, "
                      "%" PRIu64 " duplicates, %" PRIu64 " ticks, %" PRIu64 " pointers, %" PRIu64
                      " read again, %" PRIu64 " rejected",
                      counts->records, counts->applied, counts->unbound, counts->duplicates,
                      counts->ticks, counts->pointers, counts->restored, rejected);
    if (rejected > 0) {
        used = add(text, used, " (");
        used = add_reasons(text, used, counts->rejects);
        (void)add(text, used, ")");
    }
}

static void say_full(const struct troth_account_limits *limits, uint64_t count, const char *what,
                     const char *parameter, int64_t most,
                     void (*say)(void *context, const char *text), void *context)
{
    char text[TROTH_ACCOUNT_LENGTH];
    (void)add(text, 0,
              "%s IS REACHED: a partition holds %" PRId64 " %s, and %" PRIu64
              " events of others were rejected; those that are held are scored as before. If the "
              "others are real, raise %s and start again; if they are invented, see in "
              "%s.rejects who sends them",
              parameter, most, what, count, parameter, limits->prefix);
    say(context, text);
}

void troth_account_alarm(const struct troth_account_limits *limits,
                         const struct troth_worker_counts *before,
                         const struct troth_worker_counts *now,
                         void (*say)(void *context, const char *text), void *context)
{
    uint64_t since[TROTH_STATUS_COUNT];
    for (unsigned i = 0; i < TROTH_STATUS_COUNT; i++) {
        /* A worker that was made anew counts from 0. */
        since[i] = now->rejects[i] >= before->rejects[i] ? now->rejects[i] - before->rejects[i]
                                                         : now->rejects[i];
    }
    const uint64_t sum = sum_of(since);
    if (sum == 0) {
        return;
    }
    char text[TROTH_ACCOUNT_LENGTH];
    size_t used = add(text, 0, "%" PRIu64 " records were rejected: ", sum);
    used = add_reasons(text, used, since);
    (void)add(text, used, "; each stands in %s.rejects with its reason and origin", limits->prefix);
    say(context, text);
    if (since[TROTH_AGENTS_FULL] > 0) {
        say_full(limits, since[TROTH_AGENTS_FULL], "agents", "agents_max", limits->agents_max, say,
                 context);
    }
    if (since[TROTH_STANDINGS_FULL] > 0) {
        say_full(limits, since[TROTH_STANDINGS_FULL], "standings", "standings_max",
                 limits->standings_max, say, context);
    }
}
