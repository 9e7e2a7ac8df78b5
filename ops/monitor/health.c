/* Whether the engine lives and is ready, in words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "ops/monitor/metrics.h"

enum {
    NAMED_MAX = 16,           /* partitions that are named; the rest is a number */
    COMMIT_LATE_US = 60000000 /* a commit that is under way so long is told */
};

/* Adds a line; what does not fit is left out. */
__attribute__((format(printf, 3, 4))) static size_t add(char text[TROTH_HEALTH_LENGTH_MAX],
                                                        size_t used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text + used, TROTH_HEALTH_LENGTH_MAX - used, format, arguments);
    va_end(arguments);
    const size_t end = used + (length > 0 ? (size_t)length : 0);
    return end < TROTH_HEALTH_LENGTH_MAX ? end : TROTH_HEALTH_LENGTH_MAX - 1;
}

bool troth_health_lives(const struct troth_engine_look *look, char text[TROTH_HEALTH_LENGTH_MAX])
{
    if (look->stuck < 0) {
        (void)add(text, 0, "all %" PRIu32 " workers turn\n", look->workers);
        return true;
    }
    (void)add(text, 0,
              "worker %d stands: its turn was due %" PRId64 " s ago; a restart reads on from what "
              "was committed\n",
              look->stuck, look->stuck_us / 1000000);
    return false;
}

static bool is_ready(const struct troth_partition_survey *partition)
{
    return partition->started && partition->caught_up && !partition->fenced;
}

static size_t add_partition(const struct troth_partition_survey *partition,
                            char text[TROTH_HEALTH_LENGTH_MAX], size_t used)
{
    used = add(text, used, "telemetry[%" PRId32 "] ", partition->number);
    if (!partition->started) {
        return add(text, used, "is being restored\n");
    }
    if (!partition->caught_up) {
        return add(text, used, "has not caught up with its log, %" PRId64 " records to go\n",
                   partition->lag);
    }
    return add(text, used, "is another engine's in Redis; see the log\n");
}

static size_t add_partitions(const struct troth_survey *survey, char text[TROTH_HEALTH_LENGTH_MAX],
                             size_t used)
{
    uint32_t others = 0;
    uint32_t named = 0;
    for (uint32_t i = 0; i < survey->partition_count; i++) {
        const struct troth_partition_survey *partition = &survey->partitions[i];
        if (is_ready(partition)) {
            continue;
        }
        if (named == NAMED_MAX || partition->number == TROTH_SURVEY_OTHERS) {
            others++;
            continue;
        }
        named++;
        used = add_partition(partition, text, used);
    }
    return others > 0 ? add(text, used, "and %" PRIu32 " more partitions are not ready\n", others)
                      : used;
}

bool troth_health_ready(const struct troth_engine_look *look, char text[TROTH_HEALTH_LENGTH_MAX])
{
    const struct troth_survey *survey = look->survey;
    const int64_t commit_us =
        survey->commit_begun_us > 0 ? look->monotonic_us - survey->commit_begun_us : 0;
    size_t used = 0;
    if (look->stuck >= 0) {
        used = add(text, used, "worker %d stands\n", look->stuck);
    }
    if (look->idle > 0) {
        used = add(text, used,
                   "%" PRIu32 " of %" PRIu32 " workers are without a log: it is being opened, or "
                   "cannot be; see the log for why\n",
                   look->idle, look->workers);
    }
    if (survey->counts.log_away) {
        used = add(text, used, "no broker of Kafka answers; scoring waits\n");
    }
    if (!survey->counts.store_connected) {
        used = add(text, used,
                   "Redis is away, or takes nothing; scoring goes on, and nothing is published\n");
    }
    if (commit_us >= COMMIT_LATE_US) {
        used = add(text, used, "a commit is under way for %" PRId64 " s; are the brokers there?\n",
                   commit_us / 1000000);
    }
    if (survey->partition_count == 0) {
        used = add(text, used, "no partition of telemetry is assigned to this process\n");
    }
    used = add_partitions(survey, text, used);
    if (used == 0) {
        (void)add(text, used, "ready: %" PRIu32 " partitions\n", survey->partition_count);
    }
    return used == 0;
}
