/*
 * The week's ledgers, and what is shown of reviews and exceptions: schemas/reviews.md.
 *
 * Ledgers are written with standings, never without: a ledger that is in a transaction has counted
 * all records up to those that the transaction commits, and so no standing is ahead of it. A
 * checkpoint says up to where that is; restored, the shard's ledgers count from there on, and what
 * is applied again before it they know.
 */
#include <stdlib.h>
#include <string.h>

#include "consumers/report.h"
#include "consumers/week_record.h"
#include "consumers/worker/review.h"
#include "schemas/assert.h"

/* ---- Exceptions. ---- */

static const struct troth_booked *booked(const struct troth_worker *worker, int64_t position)
{
    const uint32_t number = worker->book != NULL && position >= 0
                                ? troth_book_find(worker->book, position)
                                : TROTH_BOOK_MAX;
    return number < TROTH_BOOK_MAX ? troth_book_entry(worker->book, number) : NULL;
}

static json_t *debt_of(struct troth_text owner, int64_t since_us, int64_t until_us, uint32_t uses)
{
    json_t *debt = json_object();
    json_object_set_new(debt, "owner",
                        owner.data != NULL ? json_stringn_nocheck(owner.data, owner.length)
                                           : json_null());
    json_object_set_new(debt, "since",
                        since_us != TROTH_NEVER_US ? json_integer(since_us) : json_null());
    json_object_set_new(debt, "until", json_integer(until_us));
    json_object_set_new(debt, "uses", json_integer(uses));
    return debt;
}

/* Lists the exceptions of a docket that have not ended. Out until_us: the last end; 0: there is
 * none. */
static json_t *list_debts(const struct troth_worker *worker, const struct troth_docket *docket,
                          const struct troth_contract *contract, int64_t clock_us,
                          int64_t *until_us)
{
    json_t *list = json_array();
    *until_us = 0;
    for (unsigned i = 0; i < contract->term_count; i++) {
        if (troth_docket_waives(docket, i, clock_us)) {
            const struct troth_booked *decision = booked(worker, docket->waived_position[i]);
            const struct troth_text nobody = {NULL, 0};
            json_t *debt = debt_of(decision != NULL ? decision->decision.by : nobody,
                                   decision != NULL ? decision->time_us : TROTH_NEVER_US,
                                   docket->waived_until_us[i], docket->waived_uses[i]);
            json_object_set_new(debt, "term", json_string(contract->terms[i].name));
            json_array_append_new(list, debt);
            *until_us =
                docket->waived_until_us[i] > *until_us ? docket->waived_until_us[i] : *until_us;
        }
    }
    for (unsigned i = 0; i < TROTH_EXCEPTIONS_MAX; i++) {
        const struct troth_exception *exception = &docket->exceptions[i];
        if (exception->until_us > clock_us) {
            const struct troth_text owner = {exception->owner, exception->owner_length};
            json_t *debt =
                debt_of(owner, exception->since_us, exception->until_us, exception->uses);
            json_object_set_new(debt, "term", json_null());
            json_array_append_new(list, debt);
            *until_us = exception->until_us > *until_us ? exception->until_us : *until_us;
        }
    }
    return list;
}

void troth_worker_look_at_review(struct troth_worker *worker,
                                 const struct troth_partition *partition, uint32_t standing,
                                 struct troth_publication *publication)
{
    struct troth_review_publication *review = &publication->review;
    const struct troth_published *published = &partition->published[standing];
    const bool unknown = !published->known && partition->found_applied != TROTH_OFFSET_NONE;
    troth_shard_review_of(partition->shard, standing, &review->view);
    review->may_be_listed = published->reviewed || unknown;
    review->may_be_indebted = published->indebted || unknown;
    review->debt = "[]";
    review->debt_until_us = 0;
    const struct troth_docket *docket = review->view.docket;
    if (docket == NULL) {
        return;
    }
    const struct troth_booked *claim = booked(worker, docket->claimed_position);
    if (claim != NULL) {
        review->claimed_by = claim->decision.by;
    }
    json_t *list = list_debts(worker, docket, publication->view->rules->contract,
                              publication->as_of_us, &review->debt_until_us);
    free(worker->debt_text);
    worker->debt_text = json_dumps(list, TROTH_REPORT_FLAGS);
    review->debt = worker->debt_text != NULL ? worker->debt_text : "[]";
    json_decref(list);
}

/* Lists what is open of a contract, by agent, for the record of a week that has ended. */
static struct troth_week_debt debts_of_contract(const struct troth_worker *worker,
                                                const struct troth_partition *partition,
                                                const struct troth_rules *rules, int64_t end_us)
{
    struct troth_week_debt debts = {.list = json_array()};
    const uint32_t count = troth_shard_standings(partition->shard);
    for (uint32_t i = 0; i < count; i++) {
        const struct troth_docket *docket = troth_shard_docket_of(partition->shard, i);
        struct troth_standing_view view;
        if (docket == NULL || !troth_shard_view(partition->shard, i, &view) ||
            view.rules != rules) {
            continue;
        }
        int64_t until_us;
        size_t at;
        json_t *debt;
        json_t *list = list_debts(worker, docket, rules->contract, end_us, &until_us);
        json_array_foreach(list, at, debt)
        {
            if (json_array_size(debts.list) == TROTH_WEEK_DEBTS_MAX) {
                debts.left_out++;
                continue;
            }
            json_object_set_new(debt, "agent",
                                json_stringn_nocheck(view.agent.data, view.agent.length));
            json_array_append(debts.list, debt);
        }
        json_decref(list);
    }
    return debts;
}

/* ---- Ledgers. ---- */

static void send_week(struct troth_worker *worker, struct troth_partition *partition,
                      const struct troth_week *week, const struct troth_rules *rules)
{
    const int64_t clock_us = troth_shard_clock_us(partition->shard);
    const int64_t end_us = troth_week_start_us(week->number + 1);
    const struct troth_week_place place = {rules->contract->name, partition->number, clock_us};
    struct troth_week_debt debts = {NULL, 0};
    char key[TROTH_WEEK_KEY_MAX];
    if (clock_us >= end_us) {
        debts = debts_of_contract(worker, partition, rules, end_us);
    }
    char *text = troth_week_write(week, &place, &debts);
    json_decref(debts.list);
    if (text == NULL) {
        worker->broken = TROTH_NO_MEMORY;
        return;
    }
    if (worker->config.checkpoint_us > 0) {
        const size_t length = troth_week_key(rules->contract->name, week->number, key);
        troth_worker_send_standing(worker, partition, key, length, (const uint8_t *)text,
                                   strlen(text));
    }
    troth_weeks_put(&partition->weeks, rules->contract->name, week->number, text);
}

void troth_worker_on_week(void *context, unsigned slot, const struct troth_week *week)
{
    struct troth_partition *partition = context;
    partition->week_due = true; /* what begins now is not to be counted after what has ended */
    send_week(partition->owner, partition, week, troth_shard_rules(partition->shard, slot));
}

void troth_worker_send_weeks(struct troth_worker *worker, struct troth_partition *partition)
{
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        struct troth_week *week = troth_shard_ledger(partition->shard, slot);
        if (week != NULL && week->changed) {
            send_week(worker, partition, week, troth_shard_rules(partition->shard, slot));
            week->changed = false;
        }
    }
    partition->week_due = false;
    partition->weeks_until = partition->next_offset;
}

void troth_worker_take_week(struct troth_worker *worker, struct troth_partition *partition,
                            const struct troth_log_item *item, struct troth_text contract,
                            int64_t number)
{
    char name[TROTH_NAME_LENGTH_MAX + 1];
    if (!item->has_value) {
        return; /* nobody ends one */
    }
    char *text = malloc(item->value_length + 1);
    if (text == NULL) {
        worker->broken = TROTH_NO_MEMORY;
        return;
    }
    memcpy(text, item->value, item->value_length);
    text[item->value_length] = '\0';
    memcpy(name, contract.data, contract.length);
    name[contract.length] = '\0';
    troth_weeks_put(&partition->weeks, name, number, text);
}

void troth_worker_restore_weeks(struct troth_worker *worker, struct troth_partition *partition)
{
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        struct troth_week *week = troth_shard_ledger(partition->shard, slot);
        const struct troth_rules *rules = troth_shard_rules(partition->shard, slot);
        const struct troth_week_entry *entry =
            week != NULL ? troth_weeks_newest(&partition->weeks, rules->contract->name) : NULL;
        struct troth_week read;
        if (entry == NULL) {
            continue;
        }
        if (troth_week_read(entry->text, strlen(entry->text), &read) != TROTH_OK) {
            troth_worker_say(worker, TROTH_LEVEL_ERROR,
                             "telemetry[%d]: the ledger of %s is damaged: the week's counts begin "
                             "anew",
                             (int)partition->number, rules->contract->name);
        } else if (read.number >= week->number) {
            *week = read;
        } else {
            week->reviews_carried = troth_week_open(&read);
            week->changed = true;
        }
    }
}

troth_status troth_worker_tell_weeks(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_store *store = worker->config.store;
    struct troth_weeks *weeks = &partition->weeks;
    for (uint32_t i = 0; i < weeks->count;) {
        const struct troth_week_entry *entry = &weeks->entries[i];
        const bool gone = entry->text == NULL;
        if (!entry->told) {
            const troth_status status =
                store->put_week(store, partition->number, partition->next_offset, entry->contract,
                                entry->number, entry->text, gone ? 0 : strlen(entry->text));
            if (status != TROTH_OK) {
                return status;
            }
            troth_weeks_note_told(weeks, i);
        }
        i += !gone; /* else another has its place */
    }
    return TROTH_OK;
}
