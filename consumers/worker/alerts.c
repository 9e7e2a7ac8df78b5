/*
 * Who is alerted of what: narrowings as they happen, the end of one when it is committed, and
 * sweeps over what is narrowed already.
 */
#include <string.h>

#include "consumers/alerts.h"
#include "consumers/worker/guard.h"
#include "consumers/worker/state.h"
#include "schemas/assert.h"
#include "scoring/agents.h"
#include "scoring/window.h"

enum { SWEEP_MAX = 2048 /* standings of a partition that are looked at in a turn */ };

static bool is_narrowed(unsigned rung)
{
    return rung == TROTH_RUNG_NARROW || rung == TROTH_RUNG_REVIEW || rung == TROTH_RUNG_PAUSE;
}

/* Whether a standing of that contract at that rung is told of by itself. */
static bool alarms(const struct troth_contract *contract, unsigned rung)
{
    return contract->mode == TROTH_MODE_ENFORCE && is_narrowed(rung);
}

static uint64_t source_of(const struct troth_worker *worker)
{
    uint64_t halves[2];
    _Static_assert(sizeof halves == sizeof worker->config.nonce, "the nonce has two halves");
    memcpy(halves, worker->config.nonce, sizeof halves);
    return halves[0] ^ halves[1];
}

/* ---- What is told. ---- */

/* How many of a contract's narrowed standings nobody is alerted of, as an outage has narrowed them.
 */
static uint32_t excused(const struct troth_partition *partition, unsigned slot,
                        const struct troth_rules *rules, const uint32_t rungs[TROTH_RUNG_COUNT])
{
    uint32_t standings = 0;
    const struct troth_outage *outage = troth_worker_outage(partition, slot, &standings);
    if (outage == NULL || !outage->running ||
        rules->contract->consequence == TROTH_CONSEQUENCE_HIGH) {
        return 0;
    }
    return outage->hit < rungs[TROTH_RUNG_NARROW] ? outage->hit : rungs[TROTH_RUNG_NARROW];
}

static uint32_t narrowed_of(const struct troth_partition *partition, const char *contract)
{
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        const struct troth_rules *rules = troth_shard_rules(partition->shard, slot);
        if (rules != NULL && strcmp(rules->contract->name, contract) == 0) {
            uint32_t rungs[TROTH_RUNG_COUNT];
            troth_shard_rungs(partition->shard, slot, rungs);
            const bool counts = rules->contract->mode == TROTH_MODE_ENFORCE;
            return counts ? rungs[TROTH_RUNG_NARROW] + rungs[TROTH_RUNG_REVIEW] +
                                rungs[TROTH_RUNG_PAUSE] - excused(partition, slot, rules, rungs)
                          : 0;
        }
    }
    return 0;
}

static struct troth_alert alert_of(const struct troth_partition *partition, unsigned kind)
{
    return (struct troth_alert){.kind = (uint8_t)kind,
                                .partition = partition->number,
                                .source = source_of(partition->owner),
                                .sweep = partition->sweep,
                                .time_to_narrow_us = -1};
}

static void name(struct troth_alert *alert, const struct troth_partition *partition,
                 struct troth_text agent, const char *contract)
{
    TROTH_ASSERT(agent.length <= sizeof alert->agent);
    memcpy(alert->agent, agent.data, agent.length);
    alert->agent_length = (uint8_t)agent.length;
    memcpy(alert->contract, contract, strlen(contract) + 1);
    alert->narrowed = narrowed_of(partition, contract);
}

static void explain(struct troth_alert *alert, const struct troth_contract *contract,
                    const struct troth_cause *cause)
{
    alert->consequence = (uint8_t)contract->consequence;
    memcpy(alert->owner, contract->owner, sizeof alert->owner);
    alert->condition = cause->condition;
    alert->observed = cause->observed;
    alert->limit = cause->limit;
    if (cause->term != TROTH_NO_TERM) {
        memcpy(alert->term, contract->terms[cause->term].name, sizeof alert->term);
    }
}

static void add_witnesses(struct troth_alert *alert, int64_t cause, const int64_t *broken,
                          unsigned count)
{
    if (cause >= 0) {
        alert->witnesses[alert->witness_count++] = cause;
    }
    for (unsigned i = 0; i < count; i++) {
        if (broken[i] != cause) {
            alert->witnesses[alert->witness_count++] = broken[i];
        }
    }
}

static void tell(struct troth_worker *worker, const struct troth_alert *alert)
{
    struct troth_alerts *alerts = worker->config.alerts;
    (void)alerts->tell(alerts, alert); /* where there is no room a sweep is wanted, and comes */
}

/* ---- Sweeps. ---- */

static void begin_sweep(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_alerts *alerts = worker->config.alerts;
    partition->sweep = alerts->wanted(alerts);
    partition->sweep_next = 0;
    partition->sweep_commit = 0;
    partition->sweeping = true;
    partition->sweep_due = false;
    const struct troth_alert begun = alert_of(partition, TROTH_ALERT_SWEEP);
    tell(worker, &begun);
}

static void tell_found(struct troth_worker *worker, struct troth_partition *partition,
                       uint32_t standing)
{
    struct troth_standing_view view;
    int64_t broken[TROTH_WITNESSES_MAX];
    if (!is_narrowed(troth_shard_rung(partition->shard, standing)) ||
        !troth_shard_view(partition->shard, standing, &view) ||
        !alarms(view.rules->contract, view.standing->rung)) {
        return;
    }
    if (troth_worker_is_excused(partition, standing, &view)) {
        return;
    }
    const struct troth_cause cause = troth_standing_cause(view.rules, view.standing);
    struct troth_alert alert = alert_of(partition, TROTH_ALERT_RAISED);
    name(&alert, partition, view.agent, view.rules->contract->name);
    explain(&alert, view.rules->contract, &cause);
    alert.rung = (uint8_t)view.standing->rung;
    alert.score = troth_outlook_score(&view.sight).score;
    alert.since_us = view.standing->since_us;
    const unsigned count = cause.term != TROTH_NO_TERM
                               ? troth_witnesses(view.rules, view.standing, cause.term, broken)
                               : 0;
    add_witnesses(&alert, troth_past_of(view.rules, view.standing)->cause_offset, broken, count);
    tell(worker, &alert);
}

/* A widening that was seen must be committed before what was not found is taken for ended. */
static void end_sweep(struct troth_worker *worker, struct troth_partition *partition)
{
    if (partition->sweep_commit == 0) {
        partition->sweep_commit = worker->widened + 1; /* 0: not noted yet */
    }
    if (partition->sweep_commit - 1 <= worker->committed) {
        const struct troth_alert swept = alert_of(partition, TROTH_ALERT_SWEPT);
        tell(worker, &swept);
        partition->sweeping = false;
    }
}

static void sweep(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_alerts *alerts = worker->config.alerts;
    const uint32_t end = troth_shard_standings(partition->shard);
    for (unsigned i = 0; i < SWEEP_MAX && partition->sweep_next < end && alerts->has_room(alerts);
         i++) {
        tell_found(worker, partition, partition->sweep_next++);
    }
    if (partition->sweep_next >= end) {
        end_sweep(worker, partition);
    }
}

void troth_worker_sweep_in_turn(struct troth_worker *worker)
{
    struct troth_alerts *alerts = worker->config.alerts;
    for (uint32_t i = 0; alerts != NULL && i < worker->partition_count; i++) {
        struct troth_partition *partition = worker->partitions[i];
        if (!troth_partition_speaks(partition)) {
            continue;
        }
        if (partition->sweep_due || partition->sweep != alerts->wanted(alerts)) {
            begin_sweep(worker, partition);
        }
        if (partition->sweeping) {
            sweep(worker, partition);
        }
    }
}

void troth_worker_sweep_anew(struct troth_partition *partition)
{
    partition->sweep_due = true;
}

/* ---- Changes. ---- */

static bool is_ours(const struct troth_worker *worker, const struct troth_partition *partition)
{
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        if (worker->partitions[i] == partition) {
            return true;
        }
    }
    return false;
}

/* Notes the end of one, to be told when it is committed. With too many of them a sweep finds it. */
static void note_ended(struct troth_worker *worker, struct troth_partition *partition,
                       struct troth_text agent, const char *contract)
{
    if (worker->ending_count == ENDINGS_MAX) {
        troth_worker_sweep_anew(partition);
        return;
    }
    struct ending *ending = &worker->endings[worker->ending_count++];
    ending->partition = partition;
    ending->commit = worker->commit_number;
    ending->agent_length = (uint8_t)agent.length;
    memcpy(ending->agent, agent.data, agent.length);
    memcpy(ending->contract, contract, strlen(contract) + 1);
}

void troth_worker_alert(struct troth_worker *worker, struct troth_partition *partition,
                        const struct troth_intervention *told)
{
    if (worker->config.alerts == NULL) {
        return;
    }
    if (partition->sweep == 0) {
        begin_sweep(worker, partition); /* nobody takes our word for it before */
    }
    if (!alarms(told->contract, told->to)) {
        if (alarms(told->contract, told->from)) {
            note_ended(worker, partition, told->agent, told->contract->name);
        }
        return;
    }
    if (troth_worker_excuses(partition, told)) {
        return; /* the outage is told of, once */
    }
    struct troth_alert alert = alert_of(partition, TROTH_ALERT_RAISED);
    name(&alert, partition, told->agent, told->contract->name);
    explain(&alert, told->contract, &told->cause);
    alert.rung = told->to;
    alert.score = told->score.score;
    alert.since_us = told->decided_at_us;
    if (told->narrowing) {
        alert.time_to_narrow_us = told->decided_at_us - told->degraded_at_us;
    }
    add_witnesses(&alert, told->cause_offset, told->witness_offsets, told->witness_count);
    tell(worker, &alert);
}

void troth_worker_alert_ended(struct troth_worker *worker, struct troth_partition *partition,
                              struct troth_text agent, const char *contract)
{
    if (worker->config.alerts != NULL && troth_partition_speaks(partition)) {
        note_ended(worker, partition, agent, contract);
    }
}

/* Whether a standing is narrowed (again): then it has not ended. */
static bool lasts(const struct ending *ending)
{
    uint32_t standings[TROTH_CONTRACTS_MAX];
    struct troth_partition *partition = ending->partition;
    const struct troth_text agent = {ending->agent, ending->agent_length};
    const uint32_t found =
        troth_shard_of_agent(partition->shard, agent, standings, TROTH_CONTRACTS_MAX);
    for (uint32_t i = 0; i < found && i < TROTH_CONTRACTS_MAX; i++) {
        struct troth_standing_view view;
        if (is_narrowed(troth_shard_rung(partition->shard, standings[i])) &&
            troth_shard_view(partition->shard, standings[i], &view) &&
            !troth_worker_is_excused(partition, standings[i], &view) &&
            strcmp(view.rules->contract->name, ending->contract) == 0) {
            return true;
        }
    }
    return false;
}

void troth_worker_tell_endings(struct troth_worker *worker)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < worker->ending_count; i++) {
        const struct ending *ending = &worker->endings[i];
        if (ending->commit > worker->committed) {
            worker->endings[kept++] = *ending;
        } else if (is_ours(worker, ending->partition) && !lasts(ending)) {
            struct troth_alert alert = alert_of(ending->partition, TROTH_ALERT_ENDED);
            name(&alert, ending->partition,
                 (struct troth_text){ending->agent, ending->agent_length}, ending->contract);
            tell(worker, &alert);
        }
    }
    worker->ending_count = kept;
}

void troth_worker_drop_alerts(struct troth_worker *worker, struct troth_partition *partition)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < worker->ending_count; i++) {
        if (worker->endings[i].partition != partition) {
            worker->endings[kept++] = worker->endings[i];
        }
    }
    worker->ending_count = kept;
    if (worker->config.alerts != NULL && partition->sweep != 0) {
        const struct troth_alert dropped = alert_of(partition, TROTH_ALERT_DROPPED);
        tell(worker, &dropped);
    }
}
