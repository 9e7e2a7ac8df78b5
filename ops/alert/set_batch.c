/* What of the set is sent to whom, and when. */
#include <string.h>

#include "ops/alert/set_state.h"

enum { CHANGED_US = 1000000 /* a contract's count that changed is sent this often, at most */ };

void troth_alert_delivery_raise(const struct troth_alert_set *set, struct delivery *delivery,
                                int64_t since_us)
{
    delivery->live = true;
    delivery->ended = false;
    delivery->due = set->targets;
    delivery->since_us = since_us;
}

void troth_alert_delivery_end(struct delivery *delivery, const struct troth_alert_now *now)
{
    delivery->ended = true;
    delivery->ended_us = now->wall_us;
    delivery->ended_at_us = now->monotonic_us;
    delivery->due = delivery->told;
    delivery->live = delivery->told != 0;
}

void troth_alert_entry_free(struct troth_alert_set *set, struct entry *entry)
{
    memset(entry, 0, sizeof *entry);
    set->live--;
}

/* Whether nobody has to be told any more: they were, or it has ended by itself by now. */
static bool is_over(const struct troth_alert_set *set, const struct delivery *delivery,
                    const struct troth_alert_now *now)
{
    const int64_t life_us = TROTH_ALERT_LIFE * set->config.resend_us;
    return delivery->live && delivery->ended && delivery->flying == 0 &&
           (delivery->due == 0 || now->monotonic_us - delivery->ended_at_us > life_us);
}

static void clear_over(struct troth_alert_set *set, const struct troth_alert_now *now)
{
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        if (is_over(set, &set->entries[i].delivery, now)) {
            troth_alert_entry_free(set, &set->entries[i]);
        }
    }
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        struct contract *contract = &set->contracts[i];
        if (is_over(set, &contract->many, now)) {
            contract->many = (struct delivery){.live = false};
        }
        if (is_over(set, &contract->stopped, now)) {
            contract->stopped = (struct delivery){.live = false};
        }
    }
}

/* What lasts is due again. */
static void make_due(struct delivery *delivery, uint8_t bit)
{
    if (delivery->live && !delivery->ended) {
        delivery->due |= bit;
    }
}

static void make_all_due(struct troth_alert_set *set, uint8_t bit)
{
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        make_due(&set->entries[i].delivery, bit);
    }
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        make_due(&set->contracts[i].many, bit);
        make_due(&set->contracts[i].stopped, bit);
    }
}

/* Puts a delivery on its way. Returns false where it is not due to that target. A time that has not
 * come yet is no beginning, for Alertmanager: the log's clock may be ahead of ours. */
static bool begin(const struct troth_alert_set *set, struct delivery *delivery, uint8_t bit,
                  const struct troth_alert_now *now, struct troth_alert_sending *sending)
{
    if (!delivery->live || !(delivery->due & bit)) {
        return false;
    }
    const int64_t latest_us = delivery->ended ? delivery->ended_us : now->wall_us;
    delivery->due &= (uint8_t)~bit;
    delivery->flying |= bit;
    delivery->told |= bit;
    *sending = (struct troth_alert_sending){
        .ended = delivery->ended,
        .starts_us = delivery->since_us < latest_us ? delivery->since_us : latest_us,
        .ends_us = delivery->ended ? delivery->ended_us
                                   : now->wall_us + TROTH_ALERT_LIFE * set->config.resend_us};
    return true;
}

static size_t begin_contracts(struct troth_alert_set *set, unsigned target,
                              const struct troth_alert_now *now,
                              struct troth_alert_sending *sendings)
{
    const uint8_t bit = (uint8_t)(1U << target);
    size_t count = 0;
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX && count + 2 <= TROTH_ALERT_BATCH_MAX; i++) {
        struct contract *contract = &set->contracts[i];
        /* While a sweep counts anew its count is not whole. */
        if ((contract->changed & bit) && set->sweeping == 0 &&
            now->monotonic_us - contract->sent_us[target] >= CHANGED_US) {
            make_due(&contract->many, bit);
        }
        if (begin(set, &contract->many, bit, now, &sendings[count])) {
            contract->sent_us[target] = now->monotonic_us;
            contract->changed &= (uint8_t)~bit;
            sendings[count].form = TROTH_ALERT_MANY;
            sendings[count].alert = &contract->alert;
            sendings[count].count = contract->total;
            sendings[count].worst = contract->worst;
            sendings[count++].worst_count = contract->worst_count;
        }
        if (begin(set, &contract->stopped, bit, now, &sendings[count])) {
            sendings[count].form = TROTH_ALERT_OUTAGE;
            sendings[count].alert = &contract->outage;
            sendings[count].count = contract->outage.narrowed;
            count++;
        }
    }
    return count;
}

size_t troth_alert_set_batch(struct troth_alert_set *set, unsigned target,
                             const struct troth_alert_now *now,
                             struct troth_alert_sending sendings[TROTH_ALERT_BATCH_MAX], bool *turn)
{
    const uint8_t bit = (uint8_t)(1U << target);
    clear_over(set, now);
    *turn = now->monotonic_us >= set->resend_at_us[target];
    if (*turn) {
        make_all_due(set, bit);
        set->resend_at_us[target] = now->monotonic_us + set->config.resend_us;
    }
    size_t count = begin_contracts(set, target, now, sendings);
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX && count < TROTH_ALERT_BATCH_MAX; i++) {
        struct entry *entry = &set->entries[i];
        if (begin(set, &entry->delivery, bit, now, &sendings[count])) {
            sendings[count].form = (enum troth_alert_form)entry->form;
            sendings[count].together = entry->together;
            sendings[count++].alert = &entry->alert;
        }
    }
    return count;
}

static void land(struct delivery *delivery, uint8_t bit, bool arrived)
{
    delivery->due |= (uint8_t)(arrived ? 0 : delivery->flying & bit);
    delivery->flying &= (uint8_t)~bit;
}

void troth_alert_set_done(struct troth_alert_set *set, unsigned target, bool arrived,
                          const struct troth_alert_now *now)
{
    const uint8_t bit = (uint8_t)(1U << target);
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        land(&set->entries[i].delivery, bit, arrived);
    }
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        land(&set->contracts[i].many, bit, arrived);
        land(&set->contracts[i].stopped, bit, arrived);
    }
    if (!arrived) {
        set->resend_at_us[target] = now->monotonic_us; /* it may come back without what it knew */
    }
    clear_over(set, now);
}

size_t troth_alert_set_due(const struct troth_alert_set *set)
{
    size_t due = 0;
    for (unsigned i = 0; i < TROTH_ALERT_ENTRIES_MAX; i++) {
        const struct delivery *delivery = &set->entries[i].delivery;
        due += delivery->live && (delivery->due | delivery->flying) != 0;
    }
    for (unsigned i = 0; i < TROTH_ALERT_CONTRACTS_MAX; i++) {
        const struct contract *contract = &set->contracts[i];
        due += contract->many.live && (contract->many.due | contract->many.flying) != 0;
        due += contract->stopped.live && (contract->stopped.due | contract->stopped.flying) != 0;
    }
    return due;
}
