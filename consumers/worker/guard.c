#include "consumers/worker/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    RECALL_LOOKS = 1 << 18, /* at standings, to find what is hit, in one go: some 30 ms */
    LIST_LOOKS = 1 << 15    /* at what was published of them, in one go */
};

static const struct troth_outage_rules *rules_of(const struct troth_partition *partition)
{
    const struct troth_worker *worker = partition->owner;
    return &worker->config.outage;
}

static uint32_t standings_in(const struct troth_partition *partition, unsigned slot)
{
    uint32_t rungs[TROTH_RUNG_COUNT];
    uint32_t count = 0;
    troth_shard_rungs(partition->shard, slot, rungs);
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        count += rungs[rung];
    }
    return count;
}

/* ---- What is hit. ---- */

static bool is_stale(const struct troth_intervention *told)
{
    return told->narrowing && told->cause.condition == TROTH_CONDITION_FRESHNESS &&
           (told->to == TROTH_RUNG_NARROW || told->to == TROTH_RUNG_RECERTIFY);
}

static struct troth_outage *outage_of(struct troth_partition *partition,
                                      const struct troth_contract *contract, unsigned *slot)
{
    for (*slot = 0; *slot < TROTH_CONTRACTS_MAX; ++*slot) {
        const struct troth_rules *rules = troth_shard_rules(partition->shard, *slot);
        if (rules != NULL && rules->contract == contract) {
            struct troth_outage *outage = &partition->outages[*slot];
            troth_outage_follow(outage, contract, troth_shard_clock_us(partition->shard));
            return outage;
        }
    }
    return NULL;
}

/* What had a guard, or is to have one, is published for that; and who is alerted of it is looked
 * over. */
static void begin_list(struct troth_partition *partition)
{
    troth_worker_sweep_anew(partition);
    partition->guards_next = 0;
    partition->guards_end = troth_shard_standings(partition->shard);
    partition->outages_told = false;
}

/* Freshness takes on what it took from clear or warn before: it stays hit, from now on. */
static bool stays_hit(const struct troth_outage *outage, const struct troth_intervention *told)
{
    const int64_t now_us = told->decided_at_us;
    return troth_outage_holds(outage, told->from_since_us, now_us) ||
           troth_outage_counts(outage, told->from_since_us, now_us);
}

void troth_worker_note_step(struct troth_worker *worker, struct troth_partition *partition,
                            const struct troth_intervention *told)
{
    struct troth_published *published = &partition->published[told->standing];
    const unsigned was = published->hit;
    unsigned slot = 0;
    if (worker->config.outage.guard_us <= 0 || worker->config.store == NULL ||
        (was == 0 && !is_stale(told))) {
        return;
    }
    struct troth_outage *outage = outage_of(partition, told->contract, &slot);
    published->hit = 0;
    if (outage == NULL) {
        return;
    }
    if (is_stale(told) && told->from < TROTH_RUNG_NARROW) {
        published->hit = (1U + told->from) & 3U;
    } else if (is_stale(told) && was != 0 && stays_hit(outage, told)) {
        published->hit = was & 3U;
    }
    if (published->hit != 0) {
        troth_outage_hit(outage, told->decided_at_us);
    }
    if (was != 0) {
        troth_outage_unhit(outage, told->from_since_us);
    }
    if (published->hit != 0 && partition->outages_known &&
        troth_outage_begin(outage, rules_of(partition), standings_in(partition, slot))) {
        begin_list(partition);
    }
}

/* A standing says by itself that it was hit, and when, unless it was at narrow before recertify:
 * then it left narrow when it entered recertify. Which rung it had it does not say: warn is the
 * worse of the two. */
static void recall(struct troth_partition *partition, uint32_t standing)
{
    struct troth_standing_view view;
    struct troth_published *published = &partition->published[standing];
    if (published->hit != 0 || !troth_shard_view(partition->shard, standing, &view)) {
        return;
    }
    const struct troth_standing *state = view.standing;
    const bool hit = state->cause == TROTH_CONDITION_FRESHNESS && state->since_us >= 0 &&
                     (state->rung == TROTH_RUNG_NARROW ||
                      (state->rung == TROTH_RUNG_RECERTIFY &&
                       troth_past_of(view.rules, state)->left_us != state->since_us));
    if (hit) {
        struct troth_outage *outage = &partition->outages[state->contract];
        troth_outage_follow(outage, view.rules->contract, troth_shard_clock_us(partition->shard));
        published->hit = 1U + TROTH_RUNG_WARN;
        troth_outage_hit(outage, state->since_us);
    }
}

bool troth_worker_recall_outages(struct troth_worker *worker, struct troth_partition *partition)
{
    if (partition->outages_known || worker->config.outage.guard_us <= 0) {
        return true;
    }
    const uint32_t count = troth_shard_standings(partition->shard);
    for (uint32_t looks = 0; looks < RECALL_LOOKS && partition->hits_next < count; looks++) {
        recall(partition, partition->hits_next++);
    }
    if (partition->hits_next < count) {
        return false;
    }
    const int64_t clock_us = troth_shard_clock_us(partition->shard);
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        if (troth_shard_rules(partition->shard, slot) != NULL) {
            troth_outage_recall(&partition->outages[slot], &worker->config.outage,
                                standings_in(partition, slot), clock_us);
        }
    }
    partition->outages_known = true;
    partition->outages_told = false;
    if (partition->view == TROTH_VIEW_OWNED) {
        begin_list(partition); /* else everything is published anyway, when it is owned */
    }
    return true;
}

/* ---- Which of it is guarded. ---- */

static bool is_held(const struct troth_partition *partition, uint32_t standing,
                    const struct troth_standing_view *view)
{
    const struct troth_outage *outage = &partition->outages[view->standing->contract];
    return partition->published[standing].hit != 0 && partition->outages_known &&
           outage->version == view->rules->contract->version &&
           troth_outage_holds(outage, view->standing->since_us,
                              troth_shard_clock_us(partition->shard));
}

bool troth_worker_excuses(struct troth_partition *partition, const struct troth_intervention *told)
{
    const struct troth_worker *worker = partition->owner;
    unsigned slot = 0;
    if (worker->config.outage.guard_us <= 0 || partition->published[told->standing].hit == 0 ||
        told->contract->consequence == TROTH_CONSEQUENCE_HIGH || !partition->outages_known) {
        return false;
    }
    const struct troth_outage *outage = outage_of(partition, told->contract, &slot);
    return outage != NULL &&
           troth_outage_holds(outage, told->decided_at_us, troth_shard_clock_us(partition->shard));
}

bool troth_worker_is_excused(const struct troth_partition *partition, uint32_t standing,
                             const struct troth_standing_view *view)
{
    const struct troth_worker *worker = partition->owner;
    return worker->config.outage.guard_us > 0 && worker->config.store != NULL &&
           view->rules->contract->consequence != TROTH_CONSEQUENCE_HIGH &&
           is_held(partition, standing, view);
}

uint8_t troth_worker_former_rung(const struct troth_partition *partition, uint32_t standing)
{
    return (uint8_t)(partition->published[standing].hit - 1U);
}

bool troth_worker_is_guarded(const struct troth_partition *partition, uint32_t standing,
                             struct troth_standing_view *view)
{
    const struct troth_worker *worker = partition->owner;
    const struct troth_published *published = &partition->published[standing];
    return published->hit != 0 && view->rules->contract->consequence != TROTH_CONSEQUENCE_HIGH &&
           published->widened <= worker->committed && troth_worker_has_passed(partition) &&
           is_held(partition, standing, view) &&
           !troth_ladder_proof_above(&view->sight, troth_worker_former_rung(partition, standing));
}

bool troth_worker_unguard(struct troth_partition *partition, uint32_t standing)
{
    struct troth_standing_view view;
    if (!troth_shard_view(partition->shard, standing, &view) ||
        !is_held(partition, standing, &view) ||
        !troth_ladder_proof_above(&view.sight, troth_worker_former_rung(partition, standing))) {
        return false;
    }
    partition->published[standing].hit = 0;
    troth_outage_unhit(&partition->outages[view.standing->contract], view.standing->since_us);
    return true;
}

void troth_worker_list_guards(struct troth_partition *partition)
{
    for (uint32_t looks = 0; looks < LIST_LOOKS && partition->guards_next < partition->guards_end;
         looks++) {
        const uint32_t standing = partition->guards_next++;
        const struct troth_published *published = &partition->published[standing];
        if ((published->hit != 0 || published->guarded) &&
            troth_shard_rung(partition->shard, standing) < TROTH_RUNG_COUNT) {
            troth_shard_mark_dirty(partition->shard, standing, TROTH_DIRTY_MOVED);
        }
    }
}

/* ---- What is told. ---- */

static void say_begun(const struct troth_worker *worker, const struct troth_partition *partition,
                      const struct troth_outage *outage, bool guards)
{
    char guard[96] = "none of them is guarded, as consequence is high";
    if (guards) {
        snprintf(guard, sizeof guard, "they keep their former scope for at most %" PRId64 " s",
                 worker->config.outage.guard_us / 1000000);
    }
    troth_worker_say(worker, TROTH_LEVEL_WARNING,
                     "telemetry stopped for %s on telemetry[%" PRId32 "]: %" PRIu32 " of %" PRIu32
                     " standings were narrowed for freshness alone; %s",
                     outage->contract, partition->number, outage->hit, outage->standings, guard);
}

static void say_ended(const struct troth_worker *worker, const struct troth_partition *partition,
                      const struct troth_outage_told *told)
{
    troth_worker_say(worker, TROTH_LEVEL_INFO,
                     "telemetry[%" PRId32 "]: nothing of %s is guarded any more: what was narrowed "
                     "has recovered or changed, or the time for it is over",
                     partition->number, told->contract);
}

/* Notes how the outage in a slot stands with what was told of it. */
static void notice(struct troth_worker *worker, struct troth_partition *partition, unsigned slot)
{
    struct troth_outage *outage = &partition->outages[slot];
    struct troth_outage_told *told = &partition->outage_told[slot];
    const struct troth_rules *rules = troth_shard_rules(partition->shard, slot);
    const int64_t clock_us = troth_shard_clock_us(partition->shard);
    if (rules != NULL) {
        troth_outage_follow(outage, rules->contract, clock_us);
        (void)troth_outage_pass(outage, clock_us);
    } else if (outage->running) {
        troth_outage_end(outage, clock_us + 1);
    }
    if (told->running && (!outage->running || outage->begun_us != told->begun_us ||
                          strcmp(outage->contract, told->contract) != 0)) {
        say_ended(worker, partition, told);
        told->running = false;
        told->due = true;
        partition->outages_running--;
        begin_list(partition);
        return;
    }
    if (outage->running && !told->running &&
        (!told->due || told->contract[0] == '\0' ||
         strcmp(outage->contract, told->contract) == 0)) {
        say_begun(worker, partition, outage,
                  rules->contract->consequence != TROTH_CONSEQUENCE_HIGH);
        memcpy(told->contract, outage->contract, sizeof told->contract);
        told->running = true;
        told->begun_us = outage->begun_us;
        partition->outages_running++;
        worker->counts.outages++;
    }
    told->due |= told->running && told->hit != outage->hit;
    told->hit = outage->hit;
}

static troth_status put_outage(struct troth_worker *worker, struct troth_partition *partition,
                               unsigned slot)
{
    struct troth_store *store = worker->config.store;
    const struct troth_outage *outage = &partition->outages[slot];
    const struct troth_outage_told *told = &partition->outage_told[slot];
    const struct troth_rules *rules = troth_shard_rules(partition->shard, slot);
    const bool guards = rules != NULL && rules->contract->consequence != TROTH_CONSEQUENCE_HIGH;
    const struct troth_outage_publication publication = {
        .partition = partition->number,
        .applied = partition->next_offset,
        .as_of_us = troth_shard_clock_us(partition->shard),
        .contract = told->contract,
        .running = told->running,
        .since_us = outage->begun_us,
        .guarded_until_us = guards ? outage->until_us : 0,
        .hit = outage->hit,
        .standings = standings_in(partition, slot),
    };
    return store->put_outage(store, &publication);
}

troth_status troth_worker_tell_outages(struct troth_worker *worker,
                                       struct troth_partition *partition)
{
    if (worker->config.outage.guard_us <= 0 || !partition->outages_known ||
        (partition->outages_told && partition->outages_running == 0)) {
        return TROTH_OK;
    }
    bool left = false;
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        struct troth_outage_told *told = &partition->outage_told[slot];
        if (troth_shard_rules(partition->shard, slot) == NULL && told->contract[0] == '\0') {
            continue;
        }
        notice(worker, partition, slot);
        if (!told->due) {
            continue;
        }
        const troth_status status = put_outage(worker, partition, slot);
        if (status != TROTH_OK) {
            return status;
        }
        told->due = false;
        left |= !told->running && partition->outages[slot].running; /* another one, in its turn */
    }
    partition->outages_told = !left;
    return TROTH_OK;
}

void troth_worker_tell_outages_anew(struct troth_partition *partition)
{
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        struct troth_outage_told *told = &partition->outage_told[slot];
        const struct troth_rules *rules = troth_shard_rules(partition->shard, slot);
        if (rules != NULL && !told->running) {
            memcpy(told->contract, rules->contract->name, sizeof told->contract);
        }
        told->due = told->contract[0] != '\0';
    }
    partition->outages_told = false;
}

const struct troth_outage *troth_worker_outage(const struct troth_partition *partition,
                                               unsigned slot, uint32_t *standings)
{
    const struct troth_outage *outage = &partition->outages[slot];
    if (!outage->running || partition->view == TROTH_VIEW_FENCED ||
        troth_shard_clock_us(partition->shard) >= outage->until_us) {
        return NULL;
    }
    *standings = standings_in(partition, slot);
    return outage;
}
