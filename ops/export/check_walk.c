/*
 * Whether the changes of rung of a standing follow from one another, so that none is left out: each
 * leaves the rung that the one before came to, and has been on it since then; calm lasted as long
 * as the relapses ask for, which are counted along.
 */
#include <inttypes.h>
#include <string.h>

#include "ops/export/checks.h"
#include "scoring/predicate.h"

#define DAY_US INT64_C(86400000000)

enum { RELAPSE_DOUBLINGS_MAX = 6 };

/* Whether a version of the contract, of those after one and up to another, does not apply to the
 * agent: with it the standing ended. */
static bool was_unbound(const struct troth_export_file *file, const struct troth_export_walk *walk,
                        int64_t until)
{
    for (size_t i = 0; i < file->version_count; i++) {
        const struct troth_contract *contract = &file->versions[i]->contract;
        if (strcmp(contract->name, walk->contract) == 0 && contract->version > walk->version &&
            contract->version <= until &&
            !troth_glob_matches(contract->applies_to, file->agent, strlen(file->agent))) {
            return true;
        }
    }
    return false;
}

/* Whether the standing can have been evicted: at rest in recertify, a day after it left narrow,
 * review or pause, and when nothing was ever decided of it. */
static bool can_be_evicted(const struct troth_export_walk *walk,
                           const struct troth_intervention *told)
{
    const bool left_soon = walk->left_known && walk->left_us != TROTH_NEVER_US &&
                           told->from_since_us - walk->left_us < DAY_US;
    return walk->rung == TROTH_RUNG_RECERTIFY && !walk->decided && !left_soon;
}

/* Whether the standing can have ended in between, and begun anew. That it was evicted is told, as
 * the file cannot prove it. */
static bool began_anew(const struct troth_export_file *file, const struct troth_export_walk *walk,
                       const struct troth_intervention *told)
{
    return told->from == TROTH_RUNG_RECERTIFY && told->from_since_us > walk->since_us &&
           (can_be_evicted(walk, told) || was_unbound(file, walk, told->contract->version));
}

static void check_place(const struct troth_export_file *file, struct troth_export_walk *walk,
                        const struct troth_export_line *line, const struct troth_intervention *told,
                        struct troth_export_report *report)
{
    troth_export_looked(report, TROTH_EXPORT_CONTINUITY, 1);
    if (told->from == walk->rung && told->from_since_us == walk->since_us) {
        return;
    }
    if (began_anew(file, walk, told)) {
        troth_export_note(report, TROTH_EXPORT_CONTINUITY,
                          "line %zu: the standing under %s began anew at %" PRId64
                          ", as one does that was evicted at rest; Kafka alone can tell that no "
                          "change is left out there",
                          line->number, walk->contract, told->from_since_us);
        walk->relapses = 0;
        walk->left_us = TROTH_NEVER_US;
        walk->left_known = true;
        walk->decided = false;
        return;
    }
    troth_export_wrong(report, TROTH_EXPORT_CONTINUITY,
                       "line %zu: it leaves %s, held since %" PRId64
                       ", but %s came to %s at %" PRId64 ": a change between them is left out",
                       line->number, troth_rung_name(told->from), told->from_since_us,
                       walk->contract, troth_rung_name((unsigned)walk->rung), walk->since_us);
    walk->relapses = -1;
    walk->left_known = false;
    walk->began_us = told->decided_at_us;
}

static void check_order(const struct troth_export_walk *walk, const struct troth_export_line *line,
                        const struct troth_intervention *told, struct troth_export_report *report)
{
    const int64_t era = troth_export_integer(line->object, "era");
    if (told->decided_at_us < told->from_since_us ||
        (walk->last != NULL &&
         (era < walk->era || (era == walk->era && told->cause_offset < walk->cause_offset) ||
          told->contract->version < walk->version))) {
        troth_export_wrong(report, TROTH_EXPORT_CONTINUITY,
                           "line %zu: it is of before the one before it, by time, record or "
                           "version of the contract",
                           line->number);
    }
}

/* A step down for calm: how long it was calm, and how long it had to be. */
static void check_hold(const struct troth_export_walk *walk, const struct troth_export_line *line,
                       const struct troth_intervention *told, struct troth_export_report *report)
{
    const int64_t hold_us = told->contract->hold_us;
    const double observed = told->cause.observed;
    const double limit = told->cause.limit;
    bool fits = false;
    for (int i = 0; i <= RELAPSE_DOUBLINGS_MAX; i++) {
        const bool meant = walk->relapses < 0 || i == walk->relapses ||
                           (i == RELAPSE_DOUBLINGS_MAX && walk->relapses > i);
        fits |= meant && limit == (double)(hold_us << i);
    }
    troth_export_looked(report, TROTH_EXPORT_HOLDS, 1);
    if (!fits) {
        troth_export_wrong(report, TROTH_EXPORT_HOLDS,
                           "line %zu: after %d relapses calm must not last %.0f us", line->number,
                           walk->relapses, limit);
    } else if (observed < limit || observed > (double)(told->decided_at_us - told->from_since_us)) {
        troth_export_wrong(report, TROTH_EXPORT_HOLDS,
                           "line %zu: it was calm for %.0f us, less than it must be or longer than "
                           "on that rung",
                           line->number, observed);
    }
}

static bool is_held(unsigned rung)
{
    return rung == TROTH_RUNG_NARROW || rung == TROTH_RUNG_REVIEW || rung == TROTH_RUNG_PAUSE;
}

/* Counts relapses as the ladder does (DESIGN 6). */
static void count_relapses(struct troth_export_walk *walk, const struct troth_intervention *told)
{
    const int64_t now_us = told->decided_at_us;
    if (is_held(told->from) && (told->to < told->from || told->to == TROTH_RUNG_RECERTIFY)) {
        walk->left_us = now_us;
        walk->left_known = true;
    }
    if (told->from > TROTH_RUNG_WARN || !is_held(told->to)) {
        return;
    }
    /* Where it last left narrow is from before the beginning, that is at least so long ago. */
    const int64_t left_us = walk->left_known ? walk->left_us : walk->began_us;
    const bool soon = left_us != TROTH_NEVER_US && now_us - left_us <= DAY_US;
    if (!soon) {
        walk->relapses = 0;
    } else if (!walk->left_known) {
        walk->relapses = -1;
    } else if (walk->relapses >= 0 && walk->relapses < TROTH_RELAPSES_MAX) {
        walk->relapses++;
    }
}

void troth_export_walk_change(const struct troth_export_file *file, struct troth_export_walk *walk,
                              const struct troth_export_line *line,
                              const struct troth_export_version *version,
                              const struct troth_intervention *told,
                              struct troth_export_report *report)
{
    check_place(file, walk, line, told, report);
    check_order(walk, line, told, report);
    if (told->cause.condition == TROTH_CONDITION_CALM) {
        check_hold(walk, line, told, report);
    }
    count_relapses(walk, told);
    if (walk->moment_us != told->decided_at_us) {
        walk->moment_us = told->decided_at_us;
        walk->moment_rungs = 1U << told->from;
    }
    walk->moment_rungs |= 1U << told->to;
    walk->rung = told->to;
    walk->since_us = told->decided_at_us;
    walk->version = version->contract.version;
    walk->era = troth_export_integer(line->object, "era");
    walk->cause_offset = told->cause_offset;
    walk->last = json_object_get(line->object, "intervention");
}

void troth_export_walk_ruling(struct troth_export_walk *walk, const struct troth_export_line *line,
                              struct troth_export_report *report)
{
    const json_t *ruling = json_object_get(line->object, "ruling");
    const int64_t decided_us = troth_export_integer(ruling, "decided_at");
    const char *const ends[] = {"from", "to"};
    if (walk->moment_us != decided_us) {
        walk->moment_us = decided_us;
        walk->moment_rungs = 1U << walk->rung;
    }
    troth_export_looked(report, TROTH_EXPORT_CONTINUITY, 1);
    for (unsigned i = 0; i < 2; i++) {
        const char *name = troth_export_text(ruling, ends[i]);
        const int rung = troth_rung_find(name, strlen(name));
        if (json_is_null(json_object_get(ruling, ends[i]))) {
            continue;
        }
        if (rung < 0 || !(walk->moment_rungs >> rung & 1)) {
            troth_export_wrong(report, TROTH_EXPORT_CONTINUITY,
                               "line %zu: the ruling found the standing at %s, but %s was at %s "
                               "then: a change before it is left out",
                               line->number, name, walk->contract,
                               troth_rung_name((unsigned)walk->rung));
            break;
        }
    }
    walk->decided |= strcmp(troth_export_text(ruling, "ruling"), "not_bound") != 0;
    /* Recertify decided in recertify: everything starts anew, and no rung changes. */
    if (walk->rung == TROTH_RUNG_RECERTIFY &&
        strcmp(troth_export_text(ruling, "action"), "recertify") == 0 &&
        strcmp(troth_export_text(ruling, "ruling"), "unchanged") == 0) {
        walk->since_us = decided_us;
    }
}
