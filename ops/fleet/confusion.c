#include "ops/fleet/confusion.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/assert.h"
#include "schemas/contract.h"
#include "scoring/ladder.h"

enum { MICROS_PER_SECOND = 1000000 };

/* What was seen of one agent. */
struct seen {
    int64_t narrowed_us; /* the first time at or after the onset */
    uint8_t rung;
    bool certified;
    bool warned;
    bool early;
    bool narrowed;
    bool right;
};

struct troth_confusion {
    const struct troth_fleet *fleet;
    int64_t *times; /* room for one a agent, for sorting */
    struct seen *seen;
};

static size_t align(size_t size)
{
    return (size + 15) / 16 * 16;
}

size_t troth_confusion_size(const struct troth_fleet *fleet)
{
    size_t agents = troth_fleet_agents(fleet);
    return align(sizeof(struct troth_confusion)) + align(agents * sizeof(int64_t)) +
           align(agents * sizeof(struct seen));
}

struct troth_confusion *troth_confusion_init(void *memory, const struct troth_fleet *fleet)
{
    char *block = memory;
    struct troth_confusion *confusion = memory;
    uint32_t agents = troth_fleet_agents(fleet);
    memset(block, 0, troth_confusion_size(fleet));
    confusion->fleet = fleet;
    block += align(sizeof(struct troth_confusion));
    confusion->times = (int64_t *)block;
    confusion->seen = (struct seen *)(block + align(agents * sizeof(int64_t)));
    for (uint32_t i = 0; i < agents; i++) {
        confusion->seen[i].rung = TROTH_RUNG_RECERTIFY;
    }
    return confusion;
}

static bool cause_is_right(const struct troth_fleet_truth *truth, unsigned condition,
                           struct troth_text term)
{
    const char *right = troth_fleet_term_name(truth->term);
    if ((truth->conditions >> condition & 1) == 0) {
        return false;
    }
    if (right == NULL || term.data == NULL) {
        return right == NULL && term.data == NULL;
    }
    return strlen(right) == term.length && memcmp(right, term.data, term.length) == 0;
}

void troth_confusion_see(struct troth_confusion *confusion, uint32_t agent, int64_t at_us,
                         unsigned from, unsigned to, unsigned condition, struct troth_text term)
{
    TROTH_ASSERT(from < TROTH_RUNG_COUNT && to < TROTH_RUNG_COUNT &&
                 condition < TROTH_CONDITION_COUNT);
    struct troth_fleet_truth truth;
    struct seen *seen = &confusion->seen[agent];
    troth_fleet_agent(confusion->fleet, agent, &truth);
    bool has_onset = truth.onset_us != TROTH_FLEET_NO_ONSET_US;
    /* A decision bears its record's time, and Kafka keeps milliseconds. */
    bool after = !has_onset || at_us >= truth.onset_us - truth.onset_us % 1000;
    seen->rung = (uint8_t)to;
    seen->certified |= condition == TROTH_CONDITION_CERTIFIED;
    if (to <= from) {
        return;
    }
    if (to == TROTH_RUNG_WARN) {
        seen->warned |= after;
    } else if (!after) {
        seen->early = true;
    } else if (!seen->narrowed) {
        seen->narrowed = true;
        seen->narrowed_us = at_us;
        seen->right = cause_is_right(&truth, condition, term);
    }
}

static bool had_enough(const struct troth_confusion *confusion,
                       const struct troth_confusion_config *config,
                       const struct troth_fleet_truth *truth)
{
    return troth_fleet_end_us(confusion->fleet) - truth->onset_us >= config->enough_us &&
           (truth->kind == TROTH_FLEET_SILENT || truth->events_after >= config->enough_events);
}

/* Counts an agent that has an onset. */
static void judge(const struct troth_confusion *confusion,
                  const struct troth_confusion_config *config,
                  const struct troth_fleet_truth *truth, const struct seen *seen,
                  struct troth_confusion_row *row)
{
    if (seen->narrowed) {
        row->right += seen->right;
        row->wrong += !seen->right;
    } else if (!seen->certified && seen->rung == TROTH_RUNG_RECERTIFY) {
        row->unproven++;
    } else if (seen->rung >= TROTH_RUNG_NARROW) {
        row->held++;
    } else if (!had_enough(confusion, config, truth)) {
        row->late_onset++;
    } else {
        row->missed++;
    }
}

static int compare_times(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a;
    int64_t second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

/* Returns the nearest-rank percentile of sorted times, or -1 where there are none. */
static int64_t percentile(const int64_t *times, size_t count, unsigned percent)
{
    return count == 0 ? -1 : times[(count * percent + 99) / 100 - 1];
}

static void count_kind(struct troth_confusion *confusion,
                       const struct troth_confusion_config *config, unsigned kind,
                       struct troth_confusion_row *row)
{
    size_t times = 0;
    for (uint32_t i = 0; i < troth_fleet_agents(confusion->fleet); i++) {
        struct troth_fleet_truth truth;
        const struct seen *seen = &confusion->seen[i];
        troth_fleet_agent(confusion->fleet, i, &truth);
        if (truth.kind != kind) {
            continue;
        }
        row->agents++;
        row->certified += seen->certified;
        row->warned += seen->warned;
        row->narrowed += seen->narrowed;
        row->early += seen->early;
        if (truth.onset_us != TROTH_FLEET_NO_ONSET_US) {
            judge(confusion, config, &truth, seen, row);
            if (seen->narrowed && seen->right) {
                int64_t took_us = seen->narrowed_us - truth.onset_us;
                confusion->times[times++] = took_us > 0 ? took_us : 0;
            }
        } else if (kind == TROTH_FLEET_HEALTHY) {
            row->wrong += seen->narrowed;
        }
    }
    qsort(confusion->times, times, sizeof(int64_t), compare_times);
    row->p50_us = percentile(confusion->times, times, 50);
    row->p95_us = percentile(confusion->times, times, 95);
}

void troth_confusion_result(struct troth_confusion *confusion,
                            const struct troth_confusion_config *config,
                            struct troth_confusion_result *result)
{
    memset(result, 0, sizeof(*result));
    for (unsigned kind = 0; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        count_kind(confusion, config, kind, &result->rows[kind]);
        result->missed += result->rows[kind].missed;
    }
    const struct troth_confusion_row *healthy = &result->rows[TROTH_FLEET_HEALTHY];
    result->healthy_narrowed = healthy->narrowed;
    result->passed = result->missed == 0 && (uint64_t)healthy->narrowed * 1000 <= healthy->agents &&
                     (uint64_t)healthy->certified * 100 >= (uint64_t)healthy->agents * 99;
}

static bool print_row(const char *name, const struct troth_confusion_row *row, FILE *out)
{
    int written =
        fprintf(out, "%-9s %7u %9u %7u %8u %7u %6u %6u %7u %9u %6u %6u", name, row->agents,
                row->certified, row->warned, row->narrowed, row->right, row->wrong, row->held,
                row->missed, row->unproven, row->late_onset, row->early);
    if (row->p50_us >= 0) {
        written |= fprintf(out, " %8.2f %8.2f\n", (double)row->p50_us / MICROS_PER_SECOND,
                           (double)row->p95_us / MICROS_PER_SECOND);
    } else {
        written |= fprintf(out, " %8s %8s\n", "-", "-");
    }
    return written >= 0;
}

bool troth_confusion_print(const struct troth_confusion_result *result, FILE *out)
{
    const struct troth_confusion_row *healthy = &result->rows[TROTH_FLEET_HEALTHY];
    bool done = fprintf(out, "%-9s %7s %9s %7s %8s %7s %6s %6s %7s %9s %6s %6s %8s %8s\n", "kind",
                        "agents", "certified", "warned", "narrowed", "right", "wrong", "held",
                        "missed", "unproven", "short", "early", "p50 s", "p95 s") >= 0;
    for (unsigned kind = 0; kind < TROTH_FLEET_KIND_COUNT && done; kind++) {
        done = print_row(troth_fleet_kind_name(kind), &result->rows[kind], out);
    }
    return done && fprintf(out,
                           "%s: %u missed (none may be), %u of %u healthy narrowed (one in a "
                           "thousand may be), %u certified (99 in a hundred must be)\n",
                           result->passed ? "passed" : "failed", result->missed,
                           result->healthy_narrowed, healthy->agents, healthy->certified) >= 0;
}

static json_t *row_value(const struct troth_confusion_row *row)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "agents",
        (json_int_t)row->agents, "certified", (json_int_t)row->certified, "warned",
        (json_int_t)row->warned, "narrowed", (json_int_t)row->narrowed, "right",
        (json_int_t)row->right, "wrong", (json_int_t)row->wrong, "held", (json_int_t)row->held,
        "missed", (json_int_t)row->missed, "unproven", (json_int_t)row->unproven, "short",
        (json_int_t)row->late_onset, "early", (json_int_t)row->early, "time_to_narrow_p50_us",
        row->p50_us < 0 ? json_null() : json_integer(row->p50_us), "time_to_narrow_p95_us",
        row->p95_us < 0 ? json_null() : json_integer(row->p95_us));
}

troth_status troth_confusion_write(const struct troth_confusion_result *result, char *buffer,
                                   size_t capacity, size_t *length)
{
    json_t *kinds = json_object();
    for (unsigned kind = 0; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        (void)json_object_set_new(kinds, troth_fleet_kind_name(kind),
                                  row_value(&result->rows[kind]));
    }
    json_t *line = json_pack("{s:b, s:I, s:I, s:o}", "passed", result->passed, "missed",
                             (json_int_t)result->missed, "healthy_narrowed",
                             (json_int_t)result->healthy_narrowed, "kinds", kinds);
    size_t needed = line == NULL ? 0 : json_dumpb(line, buffer, capacity, JSON_COMPACT);
    json_decref(line);
    if (needed == 0) {
        return TROTH_NO_MEMORY;
    }
    if (needed > capacity) {
        return TROTH_FULL;
    }
    *length = needed;
    return TROTH_OK;
}
