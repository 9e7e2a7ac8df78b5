#include "ops/trial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ops/message.h"
#include "ops/shard_memory.h"
#include "schemas/assert.h"
#include "schemas/hash.h"

/* What a standing went through, by its index in the shard. */
struct track {
    int64_t certified_us; /* first, where `certified` */
    int64_t narrowed_us;  /* first, where there are narrowings */
    struct troth_cause cause;
    uint64_t history; /* hash of all changes of rung and their times */
    uint32_t narrowings;
    uint32_t reviews;
    uint32_t pauses;
    uint8_t narrowed_to;
    bool certified;
};

struct side {
    struct troth_trial *trial;
    enum troth_trial_side number;
    struct troth_rules *rules; /* NULL: there is no such side */
    struct troth_shard_memory memory;
    struct track *tracks; /* by standing, reserved as the shard is */
    size_t tracks_size;
};

struct troth_trial {
    struct troth_trial_config config;
    struct side sides[TROTH_TRIAL_SIDES];
    struct troth_trial_results results;
    size_t capacity; /* of the entries */
    int32_t partition;
};

/* ---- What happens to standings ------------------------------------------------------------- */

static void note_intervention(void *context, const struct troth_intervention *told)
{
    struct side *side = context;
    struct track *track = &side->tracks[told->standing];
    const struct {
        uint64_t before;
        int64_t at_us;
        uint8_t from_to[8];
    } step = {track->history, told->decided_at_us, {told->from, told->to}};
    track->history = XXH3_64bits(&step, sizeof step);
    if (told->cause.condition == TROTH_CONDITION_CERTIFIED && !track->certified) {
        track->certified = true;
        track->certified_us = told->decided_at_us;
    }
    track->reviews += told->to == TROTH_RUNG_REVIEW;
    track->pauses += told->to == TROTH_RUNG_PAUSE;
    if (told->from < TROTH_RUNG_NARROW && told->to >= TROTH_RUNG_NARROW) {
        if (track->narrowings++ == 0) {
            track->narrowed_us = told->decided_at_us;
            track->narrowed_to = told->to;
            track->cause = told->cause;
        }
    }
    if (side->trial->config.on_intervention != NULL) {
        side->trial->config.on_intervention(side->trial->config.context, side->number, told);
    }
}

static bool belongs(void *context, struct troth_text agent)
{
    const struct side *side = context;
    const struct troth_trial_config *config = &side->trial->config;
    return config->belongs(config->context, agent);
}

void troth_trial_take(struct troth_trial *trial, const struct troth_recorded *recorded)
{
    struct troth_trial_results *results = &trial->results;
    troth_status statuses[TROTH_PREFETCH] = {TROTH_OK};
    struct troth_ahead ahead;
    for (unsigned s = 0; s < TROTH_TRIAL_SIDES; s++) {
        struct troth_shard *shard = trial->sides[s].memory.shard;
        if (shard == NULL) {
            continue;
        }
        troth_shard_seek(shard, recorded->events, recorded->count, &ahead);
        troth_shard_touch(shard, &ahead);
        for (unsigned i = 0; i < recorded->count; i++) {
            statuses[i] =
                troth_shard_apply(shard, recorded->recorded_at_us[i], recorded->offsets[i],
                                  recorded->events[i], ahead.hashes[i]);
        }
    }
    for (unsigned i = 0; i < recorded->count; i++) {
        const int64_t time_us = recorded->recorded_at_us[i];
        results->rejects[statuses[i]]++;
        if (results->first_us == TROTH_NEVER_US || time_us < results->first_us) {
            results->first_us = time_us;
        }
        results->last_us = time_us > results->last_us ? time_us : results->last_us;
    }
    results->records += recorded->count;
}

void troth_trial_pass(struct troth_trial *trial, int64_t recorded_at_us, int64_t offset)
{
    const struct troth_recorded recorded = {
        .recorded_at_us = {recorded_at_us}, .offsets = {offset}, .count = 1};
    troth_trial_take(trial, &recorded);
    trial->results.decisions++;
}

/* ---- Comparing ------------------------------------------------------------------------------ */

/* Notes the first required term of a standing at recertify that lacks the proof. */
static void find_lacking(const struct troth_rules *rules, struct troth_standing_view *view,
                         struct troth_trial_course *course)
{
    for (unsigned i = 0; i < rules->term_count && course->lacking == TROTH_NO_TERM; i++) {
        const struct troth_term *term = &rules->contract->terms[i];
        if (term->required && rules->terms[i].shares) {
            const struct troth_tally *tally = troth_tally_of(rules, view->standing, i);
            const bool proved = (uint64_t)tally->kept + tally->broken >= term->evidence &&
                                troth_counters_certified(rules, i, tally->kept, tally->broken);
            course->lacking = proved ? TROTH_NO_TERM : (uint8_t)i;
            course->kept = proved ? 0 : tally->kept;
            course->broken = proved ? 0 : tally->broken;
        } else if (term->required && (rules->cadence_mask >> i & 1) != 0 &&
                   troth_sight_freshness(&view->sight, i, 1.0) < 1.0) {
            course->lacking = (uint8_t)i;
        }
    }
}

/* Out course: of a standing. */
static void follow_course(const struct side *side, uint32_t standing,
                          struct troth_trial_course *course)
{
    const struct track *track = &side->tracks[standing];
    struct troth_standing_view view;
    if (!troth_shard_view(side->memory.shard, standing, &view)) {
        return;
    }
    *course = (struct troth_trial_course){
        .applies = true,
        .rung = (uint8_t)view.standing->rung,
        .lacking = TROTH_NO_TERM,
        .narrowed_to = track->narrowed_to,
        .certified_us = track->certified ? track->certified_us : TROTH_NEVER_US,
        .narrowed_us = track->narrowings > 0 ? track->narrowed_us : TROTH_NEVER_US,
        .cause =
            track->narrowings > 0 ? track->cause : troth_standing_cause(side->rules, view.standing),
        .narrowings = track->narrowings,
        .reviews = track->reviews,
        .pauses = track->pauses};
    if (course->certified_us == TROTH_NEVER_US && course->rung == TROTH_RUNG_RECERTIFY) {
        find_lacking(side->rules, &view, course);
    }
}

static void add_totals(struct troth_trial_totals *totals, const struct troth_trial_course *course)
{
    totals->agents += course->applies;
    totals->certified += course->applies && course->certified_us != TROTH_NEVER_US;
    totals->narrowed += course->narrowings > 0;
    totals->narrowings += course->narrowings;
    totals->reviews += course->reviews;
    totals->pauses += course->pauses;
    totals->rungs[course->rung] += course->applies;
}

/* In same: the histories are. */
static enum troth_trial_fate fate_of(const struct troth_trial *trial,
                                     const struct troth_trial_course sides[TROTH_TRIAL_SIDES],
                                     bool same)
{
    const struct troth_trial_course *old = &sides[TROTH_TRIAL_OLD];
    const struct troth_trial_course *new = &sides[TROTH_TRIAL_NEW];
    const bool alone = trial->sides[TROTH_TRIAL_OLD].rules == NULL;
    const bool proved = new->certified_us != TROTH_NEVER_US;
    const bool was_proved = old->certified_us != TROTH_NEVER_US;
    if (!new->applies) {
        return TROTH_TRIAL_RELEASED;
    }
    if (!proved) {
        return old->applies && !was_proved ? TROTH_TRIAL_UNPROVEN : TROTH_TRIAL_UNCERTIFIED;
    }
    if (new->narrowings > 0 && old->narrowings == 0 && (was_proved || !old->applies)) {
        return TROTH_TRIAL_NARROWED;
    }
    if (alone || !old->applies) {
        return alone ? TROTH_TRIAL_SAME : TROTH_TRIAL_BOUND;
    }
    if (!was_proved) {
        return TROTH_TRIAL_CERTIFIED;
    }
    if (old->narrowings > 0 && new->narrowings == 0) {
        return TROTH_TRIAL_WIDENED;
    }
    if (new->narrowed_us != old->narrowed_us) {
        return new->narrowed_us < old->narrowed_us ? TROTH_TRIAL_EARLIER : TROTH_TRIAL_LATER;
    }
    return same ? TROTH_TRIAL_SAME : TROTH_TRIAL_OTHERWISE;
}

static int64_t when_of(enum troth_trial_fate fate,
                       const struct troth_trial_course sides[TROTH_TRIAL_SIDES])
{
    const struct troth_trial_course *old = &sides[TROTH_TRIAL_OLD];
    const struct troth_trial_course *new = &sides[TROTH_TRIAL_NEW];
    switch (fate) {
    case TROTH_TRIAL_NARROWED:
    case TROTH_TRIAL_EARLIER:
        return new->narrowed_us;
    case TROTH_TRIAL_LATER:
    case TROTH_TRIAL_WIDENED:
        return old->narrowed_us;
    case TROTH_TRIAL_CERTIFIED:
        return new->certified_us;
    default:
        return TROTH_NEVER_US;
    }
}

static bool add_entry(struct troth_trial *trial, struct troth_text agent,
                      enum troth_trial_fate fate,
                      const struct troth_trial_course sides[TROTH_TRIAL_SIDES])
{
    struct troth_trial_results *results = &trial->results;
    if (results->entry_count == trial->capacity) {
        const size_t capacity = trial->capacity > 0 ? 2 * trial->capacity : 256;
        struct troth_trial_entry *entries =
            realloc(results->entries, capacity * sizeof *results->entries);
        if (entries == NULL) {
            return false;
        }
        results->entries = entries;
        trial->capacity = capacity;
    }
    char *name = strndup(agent.data, agent.length);
    if (name == NULL) {
        return false;
    }
    struct troth_trial_entry *entry = &results->entries[results->entry_count++];
    *entry = (struct troth_trial_entry){.agent = name,
                                        .partition = trial->partition,
                                        .fate = (uint8_t)fate,
                                        .when_us = when_of(fate, sides)};
    memcpy(entry->sides, sides, sizeof entry->sides);
    return true;
}

/* Compares an agent, by its standing under one side. */
static bool compare(struct troth_trial *trial, enum troth_trial_side known, uint32_t standing)
{
    struct troth_trial_course courses[TROTH_TRIAL_SIDES] = {{0}};
    struct troth_standing_view view;
    struct side *other = &trial->sides[known ^ 1U];
    uint32_t found = 0;
    uint64_t histories[TROTH_TRIAL_SIDES] = {0};
    if (!troth_shard_view(trial->sides[known].memory.shard, standing, &view)) {
        return true;
    }
    const struct troth_text agent = view.agent;
    for (unsigned s = 0; s < TROTH_TRIAL_SIDES; s++) {
        courses[s].certified_us = TROTH_NEVER_US;
        courses[s].narrowed_us = TROTH_NEVER_US;
        courses[s].lacking = TROTH_NO_TERM;
    }
    follow_course(&trial->sides[known], standing, &courses[known]);
    histories[known] = trial->sides[known].tracks[standing].history;
    if (other->rules != NULL && troth_shard_of_agent(other->memory.shard, agent, &found, 1) > 0) {
        follow_course(other, found, &courses[other->number]);
        histories[other->number] = other->tracks[found].history;
    }
    if (known == TROTH_TRIAL_OLD && courses[TROTH_TRIAL_NEW].applies) {
        return true; /* it was compared by its standing under the new one */
    }
    for (unsigned s = 0; s < TROTH_TRIAL_SIDES; s++) {
        add_totals(&trial->results.sides[s], &courses[s]);
    }
    const bool same = courses[TROTH_TRIAL_OLD].applies == courses[TROTH_TRIAL_NEW].applies &&
                      histories[TROTH_TRIAL_OLD] == histories[TROTH_TRIAL_NEW];
    const enum troth_trial_fate fate = fate_of(trial, courses, same);
    trial->results.agents++;
    trial->results.differing += !same;
    trial->results.fates[fate]++;
    return fate == TROTH_TRIAL_SAME || add_entry(trial, agent, fate, courses);
}

static void close_sides(struct troth_trial *trial)
{
    for (unsigned s = 0; s < TROTH_TRIAL_SIDES; s++) {
        struct side *side = &trial->sides[s];
        troth_shard_memory_close(&side->memory);
        if (side->tracks != NULL) {
            munmap(side->tracks, side->tracks_size);
        }
        side->tracks = NULL;
    }
}

bool troth_trial_end(struct troth_trial *trial)
{
    bool good = true;
    for (unsigned s = TROTH_TRIAL_SIDES; s-- > 0;) {
        const struct side *side = &trial->sides[s];
        const uint32_t count = side->rules != NULL ? troth_shard_standings(side->memory.shard) : 0;
        for (uint32_t i = 0; i < count && good; i++) {
            good = compare(trial, side->number, i);
        }
    }
    if (!good) {
        troth_message_error("no memory for more than %zu agents that fare otherwise; try a shorter "
                            "time",
                            trial->results.entry_count);
    }
    close_sides(trial);
    return good;
}

/* ---- Beginning ------------------------------------------------------------------------------ */

static bool open_side(struct side *side)
{
    const struct troth_config *engine = side->trial->config.engine;
    const struct troth_shard_config shard = {
        .standing_bytes = side->rules->size,
        .on_intervention = note_intervention,
        .belongs = side->trial->config.belongs != NULL ? belongs : NULL,
        .context = side};
    if (!troth_shard_memory_open(&side->memory, shard, engine)) {
        return false;
    }
    side->tracks_size = (size_t)engine->standings_max * sizeof *side->tracks;
    side->tracks = mmap(NULL, side->tracks_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (side->tracks == MAP_FAILED) {
        side->tracks = NULL;
        troth_message_error("no memory for %" PRId64 " standings; lower standings_max",
                            engine->standings_max);
        return false;
    }
    const troth_status status = troth_shard_contract(side->memory.shard, side->rules);
    TROTH_ASSERT(status == TROTH_OK); /* the first contract of an empty shard */
    return true;
}

bool troth_trial_begin(struct troth_trial *trial, int32_t partition)
{
    bool good = true;
    trial->partition = partition;
    for (unsigned s = 0; s < TROTH_TRIAL_SIDES && good; s++) {
        good = trial->sides[s].rules == NULL || open_side(&trial->sides[s]);
    }
    return good;
}

struct troth_trial *troth_trial_create(const struct troth_trial_config *config)
{
    struct troth_trial *trial = calloc(1, sizeof *trial);
    bool good = trial != NULL;
    for (unsigned s = 0; s < TROTH_TRIAL_SIDES && good; s++) {
        struct side *side = &trial->sides[s];
        side->trial = trial;
        side->number = (enum troth_trial_side)s;
        if (config->sides[s] != NULL) {
            side->rules = malloc(sizeof *side->rules);
            good = side->rules != NULL;
        }
        if (side->rules != NULL) {
            troth_rules_init(side->rules, config->sides[s]);
        }
    }
    if (!good) {
        troth_message_error("no memory for two contracts");
        troth_trial_destroy(trial);
        return NULL;
    }
    trial->config = *config;
    trial->results.first_us = TROTH_NEVER_US;
    trial->results.last_us = TROTH_NEVER_US;
    return trial;
}

void troth_trial_destroy(struct troth_trial *trial)
{
    if (trial == NULL) {
        return;
    }
    close_sides(trial);
    for (unsigned s = 0; s < TROTH_TRIAL_SIDES; s++) {
        free(trial->sides[s].rules);
    }
    for (size_t i = 0; i < trial->results.entry_count; i++) {
        free(trial->results.entries[i].agent);
    }
    free(trial->results.entries);
    free(trial);
}

/* ---- Results -------------------------------------------------------------------------------- */

static int by_fate(const void *left, const void *right)
{
    const struct troth_trial_entry *a = left;
    const struct troth_trial_entry *b = right;
    if (a->fate != b->fate) {
        return a->fate < b->fate ? -1 : 1;
    }
    if (a->when_us != b->when_us) {
        return a->when_us < b->when_us ? -1 : 1;
    }
    const int order = strcmp(a->agent, b->agent);
    return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

const struct troth_trial_results *troth_trial_results(struct troth_trial *trial)
{
    struct troth_trial_results *results = &trial->results;
    if (results->entry_count > 0) {
        qsort(results->entries, results->entry_count, sizeof *results->entries, by_fate);
    }
    return results;
}

const struct troth_rules *troth_trial_rules(const struct troth_trial *trial,
                                            enum troth_trial_side side)
{
    return trial->sides[side].rules;
}

const char *troth_trial_fate_name(unsigned fate)
{
#define TROTH_NAME_FATE(NAME, text) text,
    static const char *const names[] = {TROTH_TRIAL_FATES(TROTH_NAME_FATE)};
#undef TROTH_NAME_FATE
    return fate < TROTH_TRIAL_FATE_COUNT ? names[fate] : "?";
}
