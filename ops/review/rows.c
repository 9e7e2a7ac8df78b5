#include "ops/review/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/table.h"

/* A ledger and what it tells. */
struct week {
    const struct troth_ledger *ledger;
    struct troth_signals signals;
};

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Writes "N words (share %)"; without the share where there is none. */
static void share_text(char *text, uint64_t count, double share, const char *of)
{
    if (share < 0) {
        snprintf(text, TROTH_WEEK_FIGURE_MAX, "%" PRIu64, count);
    } else {
        snprintf(text, TROTH_WEEK_FIGURE_MAX, "%" PRIu64 " (%.0f %% of %s)", count, 100 * share,
                 of);
    }
}

static void time_text(char *text, int64_t time_us, uint64_t times)
{
    char duration[TROTH_DURATION_LENGTH_MAX];
    if (time_us < 0) {
        snprintf(text, TROTH_WEEK_FIGURE_MAX, "none was timed");
        return;
    }
    (void)troth_duration_format(time_us, duration);
    snprintf(text, TROTH_WEEK_FIGURE_MAX, "%s (of %" PRIu64 ")", duration, times);
}

/* ---- the measures: a text and a number each; NAN: there is none ---- */

static double known(double value)
{
    return value < 0 ? NAN : value;
}

static double rescues(const struct week *week, char *text)
{
    const struct troth_week *counts = &week->ledger->week;
    const double ratio = week->signals.rescues_per_task;
    const int length =
        ratio < 0 ? snprintf(text, TROTH_WEEK_FIGURE_MAX, "no task")
                  : snprintf(text, TROTH_WEEK_FIGURE_MAX, "%.2f per 100 tasks", 100 * ratio);
    snprintf(text + length, TROTH_WEEK_FIGURE_MAX - (size_t)length,
             " (%" PRIu64 " in %" PRIu64 "; %" PRIu64 " reported later)", week->signals.rescues,
             counts->tasks, counts->rescue_reports);
    return known(ratio);
}

static double narrowings(const struct week *week, char *text)
{
    const struct troth_week *counts = &week->ledger->week;
    snprintf(text, TROTH_WEEK_FIGURE_MAX,
             "%" PRIu64 " (%" PRIu64 " for staleness, %" PRIu64 " decided)", counts->narrowed,
             counts->narrowed_stale, counts->narrowed_decided);
    return (double)counts->narrowed;
}

static double narrow_p50(const struct week *week, char *text)
{
    time_text(text, week->signals.narrow_p50_us, week->signals.narrowings_timed);
    return known((double)week->signals.narrow_p50_us);
}

static double narrow_p95(const struct week *week, char *text)
{
    time_text(text, week->signals.narrow_p95_us, week->signals.narrowings_timed);
    return known((double)week->signals.narrow_p95_us);
}

static double recovery_p50(const struct week *week, char *text)
{
    time_text(text, week->signals.recovery_p50_us, week->signals.recoveries_timed);
    return known((double)week->signals.recovery_p50_us);
}

static double recovery_p95(const struct week *week, char *text)
{
    time_text(text, week->signals.recovery_p95_us, week->signals.recoveries_timed);
    return known((double)week->signals.recovery_p95_us);
}

static double relapses(const struct week *week, char *text)
{
    snprintf(text, TROTH_WEEK_FIGURE_MAX, "%" PRIu64, week->ledger->week.relapses);
    return (double)week->ledger->week.relapses;
}

static double reviews_due(const struct week *week, char *text)
{
    const struct troth_week *counts = &week->ledger->week;
    const uint64_t by_clock = counts->reviews_opened > counts->reviews_by_ladder
                                  ? counts->reviews_opened - counts->reviews_by_ladder
                                  : 0;
    snprintf(text, TROTH_WEEK_FIGURE_MAX,
             "%" PRIu64 " (%" PRIu64 " carried over, %" PRIu64 " by the ladder, %" PRIu64
             " by the clock)",
             week->signals.reviews_due, counts->reviews_carried, counts->reviews_by_ladder,
             by_clock);
    return (double)week->signals.reviews_due;
}

static double reviews_done(const struct week *week, char *text)
{
    share_text(text, week->ledger->week.reviews_done, week->signals.reviews_done_share,
               "those due");
    return known(week->signals.reviews_done_share);
}

static double reviews_concrete(const struct week *week, char *text)
{
    share_text(text, week->ledger->week.reviews_concrete, week->signals.reviews_concrete_share,
               "those done");
    return known(week->signals.reviews_concrete_share);
}

static double reviews_open(const struct week *week, char *text)
{
    const uint64_t dropped = week->ledger->week.reviews_dropped;
    const int length =
        snprintf(text, TROTH_WEEK_FIGURE_MAX, "%" PRIu64, week->signals.reviews_open);
    if (dropped > 0) {
        snprintf(text + length, TROTH_WEEK_FIGURE_MAX - (size_t)length,
                 " (%" PRIu64 " more went with their standing)", dropped);
    }
    return (double)week->signals.reviews_open;
}

static double exceptions(const struct week *week, char *text)
{
    const struct troth_week *counts = &week->ledger->week;
    snprintf(text, TROTH_WEEK_FIGURE_MAX, "%" PRIu64 " waiver use%s, %" PRIu64 " exception event%s",
             counts->waiver_uses, plural(counts->waiver_uses), counts->exceptions,
             plural(counts->exceptions));
    return (double)(counts->waiver_uses + counts->exceptions);
}

static double stale(const struct week *week, char *text)
{
    const uint64_t late = week->ledger->week.late_kept;
    snprintf(text, TROTH_WEEK_FIGURE_MAX, "%" PRIu64 " event%s came too late to count", late,
             plural(late));
    return (double)late;
}

static double hidden(const struct week *week, char *text)
{
    const struct troth_week *counts = &week->ledger->week;
    snprintf(text, TROTH_WEEK_FIGURE_MAX, "%" PRIu64 " broken one%s came late, %" PRIu64 " missing",
             counts->late_broken, plural(counts->late_broken), counts->missing);
    return (double)(counts->late_broken + counts->missing);
}

enum better { NEITHER, LESS, MORE };

static const struct {
    const char *measure;
    double (*figure)(const struct week *week, char *text);
    enum better better;
    bool counts; /* grows over the week: an open one is not compared with a whole one */
} measures[] = {
    {"Rescues", rescues, LESS, false},
    {"Narrowed", narrowings, NEITHER, true},
    {"Time to narrow, p50", narrow_p50, LESS, false},
    {"Time to narrow, p95", narrow_p95, LESS, false},
    {"Recovery, p50", recovery_p50, LESS, false},
    {"Recovery, p95", recovery_p95, LESS, false},
    {"Relapses", relapses, LESS, true},
    {"Reviews due", reviews_due, NEITHER, true},
    {"Reviews done", reviews_done, MORE, true},
    {"Ended in a change of scope", reviews_concrete, MORE, false},
    {"Reviews still open", reviews_open, LESS, true},
    {"Let pass", exceptions, LESS, true},
    {"Stale evidence", stale, LESS, true},
    {"Hidden evidence", hidden, LESS, true},
};
enum { MEASURE_COUNT = sizeof measures / sizeof measures[0] };
_Static_assert((int)MEASURE_COUNT <= (int)TROTH_WEEK_ROWS_MAX, "rows of a week");

static const char *compare(double now, double before, enum better better)
{
    if (better == NEITHER || isnan(now) || isnan(before)) {
        return "";
    }
    if (fabs(now - before) < 1e-12) {
        return "same";
    }
    return (now < before) == (better == LESS) ? "better" : "worse";
}

unsigned troth_week_rows(const struct troth_ledger *now, const struct troth_ledger *before,
                         struct troth_week_row rows[TROTH_WEEK_ROWS_MAX])
{
    const struct week weeks[2] = {{now, troth_ledger_signals(now)},
                                  {before, troth_ledger_signals(before)}};
    for (unsigned i = 0; i < MEASURE_COUNT; i++) {
        struct troth_week_row *row = &rows[i];
        const bool fair = !measures[i].counts || now->open + before->open == 0;
        *row = (struct troth_week_row){.measure = measures[i].measure, .verdict = ""};
        const double figure = measures[i].figure(&weeks[0], row->now);
        if (before->partitions > 0) {
            const double earlier = measures[i].figure(&weeks[1], row->before);
            row->verdict = fair ? compare(figure, earlier, measures[i].better) : "";
        }
    }
    return MEASURE_COUNT;
}

const char *troth_week_rescues_text(const struct troth_ledger *ledger,
                                    char text[TROTH_WEEK_FIGURE_MAX])
{
    bool told[TROTH_RESCUE_COUNT] = {false};
    size_t length = 0;
    text[0] = '\0';
    for (unsigned round = 0; round < TROTH_RESCUE_COUNT; round++) {
        unsigned most = TROTH_RESCUE_COUNT;
        for (unsigned i = 0; i < TROTH_RESCUE_COUNT; i++) {
            if (!told[i] && ledger->week.rescues[i] > 0 &&
                (most == TROTH_RESCUE_COUNT ||
                 ledger->week.rescues[i] > ledger->week.rescues[most])) {
                most = i;
            }
        }
        if (most == TROTH_RESCUE_COUNT || length >= TROTH_WEEK_FIGURE_MAX) {
            break;
        }
        told[most] = true;
        length += (size_t)snprintf(text + length, TROTH_WEEK_FIGURE_MAX - length,
                                   "%s%" PRIu64 " %s", length > 0 ? ", " : "",
                                   ledger->week.rescues[most], troth_rescue_name(most));
    }
    return text;
}
