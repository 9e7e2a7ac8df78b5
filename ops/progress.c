#include "ops/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "consumers/kafka/client.h"

#define SHOW_EVERY_US INT64_C(250000)

void troth_progress_start(struct troth_progress *progress, const char *what)
{
    const int64_t now_us = troth_kafka_monotonic_us();
    *progress = (struct troth_progress){.what = what,
                                        .started_us = now_us,
                                        .shown_us = now_us,
                                        .visible = isatty(STDERR_FILENO) == 1};
}

void troth_progress_show(struct troth_progress *progress, uint64_t count)
{
    if (!progress->visible) {
        return;
    }
    const int64_t now_us = troth_kafka_monotonic_us();
    const int64_t since_us = now_us - progress->shown_us;
    if (since_us < SHOW_EVERY_US) {
        return;
    }
    const double rate = (double)(count - progress->shown_count) * 1e6 / (double)since_us;
    fprintf(stderr, "\r\033[K%" PRIu64 " %s, %.0f/s", count, progress->what, rate);
    fflush(stderr);
    progress->shown_us = now_us;
    progress->shown_count = count;
}

double troth_progress_end(struct troth_progress *progress)
{
    if (progress->visible) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    const int64_t took_us = troth_kafka_monotonic_us() - progress->started_us;
    return took_us > 0 ? (double)took_us / 1e6 : 1e-6;
}

void troth_pace_start(struct troth_pace *pace, double per_second)
{
    *pace = (struct troth_pace){.per_second = per_second, .started_us = troth_kafka_monotonic_us()};
}

int64_t troth_pace_next(struct troth_pace *pace)
{
    if (pace->per_second > 0) {
        const double due_us = (double)pace->count * 1e6 / pace->per_second;
        const int64_t left_us = pace->started_us + (int64_t)due_us - troth_kafka_monotonic_us();
        if (left_us > 0) {
            return left_us;
        }
    }
    pace->count++;
    return 0;
}
