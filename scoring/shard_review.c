/*
 * Reviews of standings, exceptions, and the ledgers of the week. The rules are those of
 * schemas/reviews.md.
 *
 * A ledger counts what the record being applied did, unless that was counted before the shard was
 * restored: then it goes into a ledger that nobody reads.
 */
#include <string.h>

#include "schemas/assert.h"
#include "scoring/shard_state.h"

/* ---- Weeks. ---- */

void troth_shard_end_week(const struct troth_shard *shard, unsigned slot)
{
    if (troth_shard_counts(shard) && shard->config.on_week != NULL) {
        shard->config.on_week(shard->config.context, slot, &shard->weeks[slot]);
    }
}

/* Ends the ledgers of a week, and begins those of another. One that was restored may be ahead of
 * records that are applied again. */
static void turn_week(struct troth_shard *shard, int64_t number)
{
    for (unsigned slot = 0; slot < shard->slot_count; slot++) {
        struct troth_week *week = &shard->weeks[slot];
        if (shard->slots[slot].rules == NULL || week->number >= number) {
            continue;
        }
        if (shard->before_us > 0) { /* else it is no time at all that has passed */
            troth_shard_end_week(shard, slot);
        }
        troth_week_init(week, number, troth_week_open(week));
        week->changed = true;
    }
    shard->week_end_us = troth_week_start_us(number + 1);
}

void troth_shard_enter_time(struct troth_shard *shard, int64_t time_us, int64_t offset)
{
    shard->clock_us = time_us;
    while (time_us >= shard->week_end_us) {
        int64_t next_us = time_us;
        if (shard->next_us < shard->week_end_us) {
            troth_shard_run_deadlines(shard, offset, shard->week_end_us - 1);
        }
        if (shard->next_us >= shard->week_end_us && shard->next_us < time_us) {
            next_us = shard->next_us;
        }
        turn_week(shard, troth_week_of(next_us));
    }
    if (shard->next_us <= time_us) {
        troth_shard_run_deadlines(shard, offset, time_us);
    }
}

void troth_shard_count_from(struct troth_shard *shard, int64_t offset)
{
    shard->counts_from = offset;
}

struct troth_week *troth_shard_ledger(struct troth_shard *shard, unsigned slot)
{
    return slot < shard->slot_count && shard->slots[slot].rules != NULL ? &shard->weeks[slot]
                                                                        : NULL;
}

/* ---- Reviews. ---- */

static bool is_held(unsigned rung)
{
    return rung == TROTH_RUNG_REVIEW || rung == TROTH_RUNG_PAUSE;
}

static bool is_open(const struct troth_standing *standing)
{
    return standing->review >= TROTH_REVIEW_BY_LADDER;
}

static void open_review(struct troth_shard *shard, uint32_t index, struct troth_standing *standing,
                        unsigned state, int64_t time_us)
{
    struct troth_week *week = troth_shard_week(shard, standing->contract);
    if (!is_open(standing)) {
        shard->reviews[index].since_us = time_us;
        week->reviews_opened++;
        week->reviews_by_ladder += state == TROTH_REVIEW_BY_LADDER;
    }
    standing->review = state & 3U;
    week->changed = true;
}

/* The clock runs from now on. */
static void start_clock(struct troth_shard *shard, uint32_t index, struct troth_standing *standing,
                        int64_t time_us)
{
    standing->review = TROTH_REVIEW_WAITING;
    shard->reviews[index].since_us = time_us;
}

/* Counts a change of rung from or to where an agent is trusted. */
static void count_step(struct troth_shard *shard, uint32_t index,
                       const struct troth_standing *standing, const struct troth_step *step,
                       int64_t time_us, int64_t onset_us)
{
    struct troth_week *week = troth_shard_week(shard, standing->contract);
    struct troth_review *review = &shard->reviews[index];
    const bool trusted = step->from <= TROTH_RUNG_WARN;
    if (trusted && step->to > TROTH_RUNG_WARN) {
        week->narrowed++;
        week->narrowed_stale += step->cause.condition == TROTH_CONDITION_FRESHNESS;
        week->narrowed_decided += step->cause.condition == TROTH_CONDITION_DECISION;
        week->relapses += step->to != TROTH_RUNG_RECERTIFY && standing->relapses > 0;
        if (onset_us != TROTH_NEVER_US) {
            troth_week_count(week->time_to_narrow, time_us - onset_us);
        }
        review->fell_us = time_us;
        week->changed = true;
    } else if (!trusted && step->to <= TROTH_RUNG_WARN && review->fell_us != TROTH_NEVER_US) {
        week->recovered++;
        troth_week_count(week->recovery, time_us - review->fell_us);
        review->fell_us = TROTH_NEVER_US;
        week->changed = true;
    }
}

void troth_shard_review_step(struct troth_shard *shard, uint32_t index,
                             struct troth_standing *standing, const struct troth_step *step,
                             int64_t time_us, int64_t onset_us,
                             const struct troth_decision *decision)
{
    count_step(shard, index, standing, step, time_us, onset_us);
    if (is_held(step->to) && !is_held(step->from) &&
        (decision == NULL || decision->action != TROTH_ACTION_PAUSE)) {
        open_review(shard, index, standing, TROTH_REVIEW_BY_LADDER, time_us);
    } else if (step->to == TROTH_RUNG_RECERTIFY && !is_open(standing)) {
        standing->review = TROTH_REVIEW_NONE;
    } else if (step->from == TROTH_RUNG_RECERTIFY && !is_held(step->to) && !is_open(standing)) {
        start_clock(shard, index, standing, time_us);
    }
    if (standing->docketed && decision == NULL) {
        struct troth_docket *docket = troth_shard_docket(shard, index);
        uint16_t *count = step->to > step->from ? &docket->narrowed_since : &docket->widened_since;
        *count = (uint16_t)(*count + (*count < UINT16_MAX));
    }
}

static bool ends_review(unsigned action)
{
    return action == TROTH_ACTION_KEEP || action == TROTH_ACTION_NARROW ||
           action == TROTH_ACTION_PAUSE || action == TROTH_ACTION_RESTORE ||
           action == TROTH_ACTION_RECERTIFY;
}

void troth_shard_review_decided(struct troth_shard *shard, uint32_t index,
                                struct troth_standing *standing, unsigned action, bool applied)
{
    if (!ends_review(action)) {
        return;
    }
    struct troth_docket *docket = troth_shard_docket(shard, index);
    if (is_open(standing)) {
        struct troth_week *week = troth_shard_week(shard, standing->contract);
        week->reviews_done++;
        week->reviews_concrete += applied;
        week->changed = true;
    }
    docket->claimed_position = -1;
    docket->claimed_us = TROTH_NEVER_US;
    standing->review = TROTH_REVIEW_NONE;
    if (standing->rung != TROTH_RUNG_RECERTIFY) {
        start_clock(shard, index, standing, shard->clock_us);
    }
    struct troth_sight sight;
    troth_shard_sight(shard, index, standing, &shard->slots[standing->contract].now, &sight);
    docket->reviewed_us = shard->clock_us;
    docket->reviewed_score = troth_outlook_score(&sight).score;
    docket->reviewed_rung = (uint8_t)standing->rung;
    docket->narrowed_since = 0;
    docket->widened_since = 0;
}

unsigned troth_shard_claim_review(struct troth_shard *shard, uint32_t index,
                                  const struct troth_standing *standing,
                                  const struct troth_decision *decision)
{
    if (!is_open(standing)) {
        return TROTH_RULING_NOT_OPEN;
    }
    struct troth_docket *docket = troth_shard_docket(shard, index);
    docket->claimed_position = decision->position;
    docket->claimed_us = shard->clock_us;
    return TROTH_RULING_UNCHANGED;
}

void troth_shard_drop_review(struct troth_shard *shard, const struct troth_standing *standing)
{
    if (is_open(standing)) {
        struct troth_week *week = troth_shard_week(shard, standing->contract);
        week->reviews_dropped++;
        week->changed = true;
    }
}

int64_t troth_shard_review_due_us(const struct troth_shard *shard, uint32_t index,
                                  const struct troth_standing *standing)
{
    return standing->review == TROTH_REVIEW_WAITING
               ? shard->reviews[index].since_us +
                     shard->slots[standing->contract].rules->contract->review_every_us
               : TROTH_LAST_US;
}

bool troth_shard_review_by_clock(struct troth_shard *shard, uint32_t index,
                                 struct troth_standing *standing, int64_t time_us)
{
    const bool due = troth_shard_review_due_us(shard, index, standing) <= time_us;
    if (due) {
        open_review(shard, index, standing, TROTH_REVIEW_BY_CLOCK, time_us);
    }
    return due;
}

void troth_shard_review_of(const struct troth_shard *shard, uint32_t index,
                           struct troth_review_view *view)
{
    const struct troth_standing *standing = troth_shard_at(shard, index);
    const struct troth_docket *docket =
        standing->docketed ? troth_shard_docket(shard, index) : NULL;
    *view = (struct troth_review_view){
        .state = standing->review,
        .since_us = is_open(standing) ? shard->reviews[index].since_us : TROTH_NEVER_US,
        .next_us = troth_shard_review_due_us(shard, index, standing),
        .docket = docket,
    };
}

/* ---- Exceptions. ---- */

/* The place of an owner's exception among those of a docket; else of a free one, or of the one that
 * ended first. NULL: all are in use and none has ended. */
static struct troth_exception *place_for(struct troth_docket *docket, struct troth_text owner,
                                         int64_t now_us)
{
    struct troth_exception *found = NULL;
    for (unsigned i = 0; i < TROTH_EXCEPTIONS_MAX; i++) {
        struct troth_exception *exception = &docket->exceptions[i];
        if (exception->owner_length == owner.length &&
            memcmp(exception->owner, owner.data, owner.length) == 0) {
            return exception;
        }
        if (exception->until_us <= now_us &&
            (found == NULL || exception->until_us < found->until_us)) {
            found = exception;
        }
    }
    if (found != NULL) {
        *found = (struct troth_exception){.owner_length = (uint8_t)owner.length,
                                          .since_us = TROTH_NEVER_US,
                                          .until_us = TROTH_NEVER_US};
        memcpy(found->owner, owner.data, owner.length);
    }
    return found;
}

void troth_shard_note_exception(struct troth_shard *shard, uint32_t index,
                                const struct troth_event *event, int64_t at_us)
{
    struct troth_text owner = event->owner;
    if (event->kind != TROTH_KIND_EXCEPTION || event->source == TROTH_SOURCE_SELF ||
        owner.data == NULL || owner.length == 0 || !troth_event_has(event, TROTH_FIELD_UNTIL) ||
        event->until_us < 0 || event->until_us > TROTH_UNTIL_MAX_US) {
        return;
    }
    while (owner.length > TROTH_OWNER_MAX ||
           (owner.length < event->owner.length &&
            ((uint8_t)owner.data[owner.length] & 0xc0U) == 0x80U)) {
        owner.length--; /* not within a character of UTF-8 */
    }
    struct troth_docket *docket = troth_shard_make_docket(shard, index);
    struct troth_exception *exception =
        docket != NULL ? place_for(docket, owner, shard->clock_us) : NULL;
    if (exception == NULL) {
        return;
    }
    exception->uses += exception->uses < UINT32_MAX;
    troth_shard_note(shard, index, troth_shard_at(shard, index), TROTH_DIRTY_MOVED);
    if (exception->since_us == TROTH_NEVER_US || at_us < exception->since_us) {
        exception->since_us = at_us;
    }
    if (event->until_us > exception->until_us) {
        exception->until_us = event->until_us;
    }
}
