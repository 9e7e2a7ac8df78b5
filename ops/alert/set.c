#include "ops/alert/set.h"

#include <stdlib.h>
#include <string.h>

#include "ops/alert/set_state.h"
#include "schemas/assert.h"
#include "scoring/ladder.h"

troth_status troth_alert_set_create(const struct troth_alert_set_config *config,
                                    struct troth_alert_set **set)
{
    struct troth_alert_set *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return TROTH_NO_MEMORY;
    }
    TROTH_ASSERT(config->targets >= 1 && config->targets <= TROTH_ALERT_TARGETS_MAX);
    made->config = *config;
    made->targets = (uint8_t)((1U << config->targets) - 1);
    *set = made;
    return TROTH_OK;
}

void troth_alert_set_destroy(struct troth_alert_set *set)
{
    free(set);
}

/* FNV-1a (Fowler, Noll and Vo) over agent and contract: to pass over most entries by one number. */
static uint32_t key_of(const struct troth_alert *alert)
{
    uint32_t key = 2166136261U;
    for (unsigned i = 0; i < alert->agent_length; i++) {
        key = (key ^ (uint8_t)alert->agent[i]) * 16777619U;
    }
    for (const char *c = alert->contract; *c != '\0'; c++) {
        key = (key ^ (uint8_t)*c) * 16777619U;
    }
    return key;
}

static bool is_of(const struct entry *entry, uint32_t key, const struct troth_alert *alert)
{
    return entry->delivery.live && entry->key == key &&
           entry->alert.agent_length == alert->agent_length &&
           memcmp(entry->alert.agent, alert->agent, alert->agent_length) == 0 &&
           strcmp(entry->alert.contract, alert->contract) == 0;
}

static enum troth_alert_form form_of(const struct troth_alert *alert)
{
    return alert->rung >= TROTH_RUNG_REVIEW                ? TROTH_ALERT_WAITING
           : alert->condition == TROTH_CONDITION_FRESHNESS ? TROTH_ALERT_STALE
                                                           : TROTH_ALERT_NARROWED;
}

/* ---- Contracts. ---- */

static bool is_idle(const struct contract *contract)
{
    return contract->total == 0 && contract->singles == 0 && !contract->many.live &&
           !contract->stopped.live;
}

/* Returns the contract's record, or NULL where there is no room for another. */
static struct contract *contract_of(struct troth_alert_set *set, const char *name)
{
    struct contract *free_one = NULL;
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        struct contract *contract = &set->contracts[i];
        if (contract->used && strcmp(contract->alert.contract, name) == 0) {
            return contract;
        }
        if (free_one == NULL && (!contract->used || is_idle(contract))) {
            free_one = contract;
        }
    }
    if (free_one == NULL) {
        set->dropped++;
        return NULL;
    }
    memset(free_one, 0, offsetof(struct contract, narrowed)); /* with no total all of these are 0 */
    free_one->used = true;
    memcpy(free_one->alert.contract, name, strlen(name) + 1);
    return free_one;
}

static void set_narrowed(struct contract *contract, int32_t partition, uint32_t narrowed)
{
    if (contract->narrowed[partition] != narrowed) {
        contract->changed = UINT8_MAX;
    }
    contract->total += narrowed;
    contract->total -= contract->narrowed[partition];
    contract->narrowed[partition] = narrowed;
}

static bool is_worse(const struct troth_alert_worst *a, const struct troth_alert_worst *b)
{
    return a->rung > b->rung || (a->rung == b->rung && a->score < b->score);
}

static void forget_worst(struct contract *contract, unsigned place)
{
    contract->worst_count--;
    memmove(&contract->worst[place], &contract->worst[place + 1],
            (contract->worst_count - place) * sizeof *contract->worst);
}

static void forget_worst_agent(struct contract *contract, const struct troth_alert *alert)
{
    for (unsigned i = 0; i < contract->worst_count; i++) {
        const struct troth_alert_worst *one = &contract->worst[i];
        if (one->agent_length == alert->agent_length &&
            memcmp(one->agent, alert->agent, one->agent_length) == 0) {
            forget_worst(contract, i);
            return;
        }
    }
}

/* Keeps the worst few that are heard of, the worst first. */
static void offer_worst(struct contract *contract, const struct troth_alert *alert)
{
    struct troth_alert_worst one = {.rung = alert->rung,
                                    .score = alert->score,
                                    .partition = alert->partition,
                                    .agent_length = alert->agent_length};
    memcpy(one.agent, alert->agent, alert->agent_length);
    forget_worst_agent(contract, alert);
    unsigned place = 0;
    while (place < contract->worst_count && !is_worse(&one, &contract->worst[place])) {
        place++;
    }
    if (place == TROTH_ALERT_WORST_MAX) {
        return;
    }
    if (contract->worst_count == TROTH_ALERT_WORST_MAX) {
        contract->worst_count--;
    }
    memmove(&contract->worst[place + 1], &contract->worst[place],
            (contract->worst_count - place) * sizeof *contract->worst);
    contract->worst[place] = one;
    contract->worst_count++;
}

static void end_entry(struct troth_alert_set *set, struct entry *entry,
                      const struct troth_alert_now *now)
{
    if (!entry->delivery.ended) {
        set->contracts[entry->contract].singles--;
    }
    troth_alert_delivery_end(&entry->delivery, now);
    if (!entry->delivery.live) {
        troth_alert_entry_free(set, entry);
    }
}

/* ---- Many at once. ---- */

static bool is_told_together(const struct contract *contract)
{
    return contract->many.live && !contract->many.ended;
}

static void begin_many(struct troth_alert_set *set, struct contract *contract,
                       const struct troth_alert *alert, const struct troth_alert_now *now)
{
    const uint16_t number = (uint16_t)(contract - set->contracts);
    contract->worst_count = 0;
    contract->changed = 0;
    troth_alert_delivery_raise(set, &contract->many, alert->since_us);
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        struct entry *entry = &set->entries[i];
        if (entry->delivery.live && entry->contract == number && !entry->delivery.ended) {
            offer_worst(contract, &entry->alert);
            entry->together = true;
            end_entry(set, entry, now);
        }
    }
    offer_worst(contract, alert);
}

/* Goes back to alerts of single agents where that is due. In silent: the contract's is not ended,
 * as somebody else may speak for it. Returns whether it does: then a sweep finds the agents. */
static bool end_many(struct troth_alert_set *set, struct contract *contract, bool silent,
                     const struct troth_alert_now *now)
{
    const bool few = contract->total * 5 <= (uint64_t)set->config.limit * 4 &&
                     contract->total <= TROTH_ALERT_ENTRIES_MAX - set->live;
    if (!is_told_together(contract) || !few || set->sweeping > 0) {
        return false;
    }
    contract->worst_count = 0;
    if (silent) {
        contract->many = (struct delivery){.live = false};
    } else {
        troth_alert_delivery_end(&contract->many, now);
    }
    return contract->total > 0;
}

static bool end_all_many(struct troth_alert_set *set, bool silent,
                         const struct troth_alert_now *now)
{
    bool any = false;
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        any |= end_many(set, &set->contracts[i], silent, now);
    }
    return any;
}

/* ---- One agent. ---- */

/* Whether what a sweep says is known already: then it is no news. */
static bool is_known(const struct entry *entry, const struct troth_alert *alert)
{
    const struct troth_alert *known = &entry->alert;
    return !entry->delivery.ended && known->rung == alert->rung &&
           known->condition == alert->condition && known->since_us == alert->since_us &&
           known->consequence == alert->consequence && strcmp(known->owner, alert->owner) == 0;
}

static struct entry *free_entry(struct troth_alert_set *set)
{
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        if (!set->entries[i].delivery.live) {
            set->live++;
            return &set->entries[i];
        }
    }
    return NULL;
}

static void note_entry(struct troth_alert_set *set, struct entry *entry,
                       const struct troth_alert *alert)
{
    const bool lasts = entry->delivery.live && !entry->delivery.ended;
    entry->seen = true;
    if (lasts && is_known(entry, alert)) {
        entry->alert.partition = alert->partition;
        entry->alert.source = alert->source;
        return;
    }
    set->contracts[entry->contract].singles += !lasts;
    entry->together = false;
    entry->alert = *alert;
    troth_alert_delivery_raise(set, &entry->delivery,
                               lasts ? entry->delivery.since_us : alert->since_us);
}

static void raise_single(struct troth_alert_set *set, struct contract *contract,
                         const struct troth_alert *alert, const struct troth_alert_now *now)
{
    const uint32_t key = key_of(alert);
    const enum troth_alert_form form = form_of(alert);
    struct entry *found = NULL;
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        struct entry *entry = &set->entries[i];
        if (!is_of(entry, key, alert)) {
            continue;
        }
        if (entry->form == form) {
            found = entry;
        } else if (!entry->delivery.ended) {
            end_entry(set, entry, now);
        }
    }
    if (found == NULL) {
        found = free_entry(set);
        if (found == NULL) { /* the set is full, so the contract's alert speaks for its agents */
            begin_many(set, contract, alert, now);
            return;
        }
        found->key = key;
        found->form = (uint8_t)form;
    }
    found->contract = (uint16_t)(contract - set->contracts);
    note_entry(set, found, alert);
}

static void take_raised(struct troth_alert_set *set, const struct troth_alert *alert,
                        const struct troth_alert_now *now)
{
    struct contract *contract = contract_of(set, alert->contract);
    if (contract == NULL) {
        return;
    }
    set_narrowed(contract, alert->partition, alert->narrowed);
    contract->alert = *alert;
    if (is_told_together(contract)) {
        offer_worst(contract, alert);
    } else if (contract->total > set->config.limit) {
        begin_many(set, contract, alert, now);
    } else {
        raise_single(set, contract, alert, now);
    }
}

static bool take_ended(struct troth_alert_set *set, const struct troth_alert *alert,
                       const struct troth_alert_now *now)
{
    const uint32_t key = key_of(alert);
    struct contract *contract = contract_of(set, alert->contract);
    if (contract == NULL) {
        return false;
    }
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        if (is_of(&set->entries[i], key, alert) && !set->entries[i].delivery.ended) {
            end_entry(set, &set->entries[i], now);
        }
    }
    set_narrowed(contract, alert->partition, alert->narrowed);
    forget_worst_agent(contract, alert);
    return end_many(set, contract, false, now);
}

/* ---- Partitions. ---- */

static void note_sweeping(struct troth_alert_set *set, struct partition *partition, bool sweeping)
{
    set->sweeping += sweeping && !partition->sweeping;
    set->sweeping -= !sweeping && partition->sweeping;
    partition->sweeping = sweeping;
}

/* What a sweep does not say is not there, so it begins with nothing. */
static void take_sweep(struct troth_alert_set *set, const struct troth_alert *alert)
{
    struct partition *partition = &set->partitions[alert->partition];
    partition->source = alert->source;
    note_sweeping(set, partition, true);
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        struct entry *entry = &set->entries[i];
        entry->seen &= entry->alert.partition != alert->partition;
    }
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        if (set->contracts[i].used) {
            set_narrowed(&set->contracts[i], alert->partition, 0);
        }
    }
}

static bool take_swept(struct troth_alert_set *set, const struct troth_alert *alert,
                       const struct troth_alert_now *now)
{
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        struct entry *entry = &set->entries[i];
        if (entry->delivery.live && entry->alert.partition == alert->partition && !entry->seen &&
            !entry->delivery.ended) {
            end_entry(set, entry, now);
        }
    }
    note_sweeping(set, &set->partitions[alert->partition], false);
    return end_all_many(set, false, now);
}

static bool take_dropped(struct troth_alert_set *set, const struct troth_alert *alert,
                         const struct troth_alert_now *now)
{
    struct partition *partition = &set->partitions[alert->partition];
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        struct entry *entry = &set->entries[i];
        if (entry->delivery.live && entry->alert.partition == alert->partition &&
            !entry->delivery.ended) {
            set->contracts[entry->contract].singles--;
            troth_alert_entry_free(set, entry);
        }
    }
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        struct contract *contract = &set->contracts[i];
        if (!contract->used) {
            continue;
        }
        set_narrowed(contract, alert->partition, 0);
        for (unsigned w = contract->worst_count; w-- > 0;) {
            if (contract->worst[w].partition == alert->partition) {
                forget_worst(contract, w);
            }
        }
    }
    partition->source = 0;
    note_sweeping(set, partition, false);
    return end_all_many(set, true, now);
}

static void take_stopped(struct troth_alert_set *set, const struct troth_alert *alert,
                         const struct troth_alert_now *now)
{
    struct contract *contract = contract_of(set, alert->contract);
    if (contract == NULL) {
        return;
    }
    const bool lasts = contract->stopped.live && !contract->stopped.ended;
    if (alert->narrowed > 0) {
        contract->outage = *alert;
        if (!lasts) {
            troth_alert_delivery_raise(set, &contract->stopped, alert->since_us);
        }
    } else if (lasts) {
        troth_alert_delivery_end(&contract->stopped, now);
    }
}

bool troth_alert_set_take(struct troth_alert_set *set, const struct troth_alert *alert,
                          uint64_t wanted, const struct troth_alert_now *now)
{
    if (alert->kind == TROTH_ALERT_STOPPED) {
        take_stopped(set, alert, now);
        return false;
    }
    if (alert->partition < 0 || alert->partition >= TROTH_ALERT_PARTITIONS_MAX) {
        set->dropped++;
        return false;
    }
    if (alert->kind == TROTH_ALERT_SWEEP) {
        take_sweep(set, alert);
        return false;
    }
    if (alert->source != set->partitions[alert->partition].source) {
        return false; /* the word of a former owner */
    }
    switch (alert->kind) {
    case TROTH_ALERT_RAISED:
        take_raised(set, alert, now);
        return false;
    case TROTH_ALERT_ENDED:
        return take_ended(set, alert, now);
    case TROTH_ALERT_SWEPT:
        /* Where something was lost on the way another sweep comes, and ends what is to end. */
        return alert->sweep == wanted && take_swept(set, alert, now);
    default:
        return take_dropped(set, alert, now);
    }
}

void troth_alert_set_forget(struct troth_alert_set *set)
{
    set->sweeping = 0;
    set->live = 0;
    memset(set->partitions, 0, sizeof set->partitions);
    memset(set->entries, 0, sizeof set->entries);
    memset(set->contracts, 0, sizeof set->contracts);
}

void troth_alert_set_count(const struct troth_alert_set *set, uint64_t *single, uint64_t *together,
                           uint64_t *dropped)
{
    *single = 0;
    *together = 0;
    *dropped = set->dropped;
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        const struct contract *contract = &set->contracts[i];
        *single += contract->singles;
        *together += is_told_together(contract);
        *together += contract->stopped.live && !contract->stopped.ended;
    }
}
