#include "ops/review/ledger.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "consumers/week_record.h"

enum { WORD_BITS = 64 };

void troth_ledger_init(struct troth_ledger *ledger, const char *contract, int64_t number)
{
    memset(ledger, 0, sizeof *ledger);
    snprintf(ledger->contract, sizeof ledger->contract, "%s", contract);
    troth_week_init(&ledger->week, number, 0);
    ledger->as_of_us = troth_week_start_us(number) + TROTH_WEEK_US;
}

void troth_ledger_fini(struct troth_ledger *ledger)
{
    troth_debts_fini(&ledger->debts);
}

bool troth_ledger_has(const struct troth_ledger *ledger, int32_t partition)
{
    return partition >= 0 && partition < TROTH_LEDGER_PARTITIONS_MAX &&
           (ledger->present[partition / WORD_BITS] >> (partition % WORD_BITS) & 1) != 0;
}

/* ---- one record ---- */

/* Whether the record is of the contract, the week and the partition. */
static bool is_of(const struct troth_ledger *ledger, int32_t partition, const json_t *record,
                  char wrong[TROTH_LEDGER_WRONG_MAX])
{
    char label[TROTH_WEEK_LABEL_LENGTH];
    const char *contract = json_string_value(json_object_get(record, "contract"));
    const char *week = json_string_value(json_object_get(record, "week"));
    const json_t *number = json_object_get(record, "partition");
    troth_week_label(ledger->week.number, label);
    if (contract == NULL || strcmp(contract, ledger->contract) != 0 || week == NULL ||
        strcmp(week, label) != 0 || !json_is_integer(number) ||
        json_integer_value(number) != partition) {
        snprintf(wrong, TROTH_LEDGER_WRONG_MAX,
                 "it is not of the contract, the week and the partition under which it stands");
        return false;
    }
    if (!json_is_boolean(json_object_get(record, "closed")) ||
        !json_is_integer(json_object_get(record, "as_of"))) {
        snprintf(wrong, TROTH_LEDGER_WRONG_MAX, "`closed` or `as_of` is not there");
        return false;
    }
    return true;
}

/* ---- the sum ---- */

/* Adds a record that is of this place. In week: what it counts. */
static void add_record(struct troth_ledger *ledger, int32_t partition, const json_t *record,
                       const struct troth_week *week)
{
    const bool closed = json_is_true(json_object_get(record, "closed"));
    const int64_t as_of_us = json_integer_value(json_object_get(record, "as_of"));
    const json_int_t left_out = json_integer_value(json_object_get(record, "debt_left_out"));
    troth_week_add(&ledger->week, week);
    ledger->debts.left_out += left_out > 0 ? (uint64_t)left_out : 0;
    ledger->partitions++;
    ledger->open += !closed;
    ledger->as_of_us = !closed && as_of_us < ledger->as_of_us ? as_of_us : ledger->as_of_us;
    ledger->present[partition / WORD_BITS] |= UINT64_C(1) << (partition % WORD_BITS);
}

bool troth_ledger_add(struct troth_ledger *ledger, int32_t partition, const char *text,
                      size_t length, char wrong[TROTH_LEDGER_WRONG_MAX])
{
    json_t *record = json_loadb(text, length, 0, NULL);
    struct troth_week week;
    bool added = false;
    if (partition < 0 || partition >= TROTH_LEDGER_PARTITIONS_MAX ||
        troth_ledger_has(ledger, partition)) {
        snprintf(wrong, TROTH_LEDGER_WRONG_MAX, "there is no such partition, or it was there");
    } else if (troth_week_read(text, length, &week) != TROTH_OK) {
        snprintf(wrong, TROTH_LEDGER_WRONG_MAX, "it is not a week as schemas/reviews.md has it");
    } else if (is_of(ledger, partition, record, wrong)) {
        added = troth_debts_add(&ledger->debts, NULL, ledger->contract,
                                json_object_get(record, "debt"), -1);
        snprintf(wrong, TROTH_LEDGER_WRONG_MAX, "%s", added ? "" : "no memory");
    }
    if (added) {
        add_record(ledger, partition, record, &week);
    }
    json_decref(record);
    return added;
}

/* ---- what it tells ---- */

uint64_t troth_ledger_times(const uint32_t histogram[TROTH_WEEK_BUCKETS])
{
    uint64_t times = 0;
    for (unsigned i = 0; i < TROTH_WEEK_BUCKETS; i++) {
        times += histogram[i];
    }
    return times;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : -1;
}

struct troth_signals troth_ledger_signals(const struct troth_ledger *ledger)
{
    const struct troth_week *week = &ledger->week;
    const uint64_t rescues = week->rescued_tasks + week->rescue_reports;
    const uint64_t due = week->reviews_carried + week->reviews_opened;
    return (struct troth_signals){
        .rescues = rescues,
        .rescues_per_task = share(rescues, week->tasks),
        .narrowings_timed = troth_ledger_times(week->time_to_narrow),
        .narrow_p50_us = troth_week_percentile(week->time_to_narrow, 0.5),
        .narrow_p95_us = troth_week_percentile(week->time_to_narrow, 0.95),
        .recoveries_timed = troth_ledger_times(week->recovery),
        .recovery_p50_us = troth_week_percentile(week->recovery, 0.5),
        .recovery_p95_us = troth_week_percentile(week->recovery, 0.95),
        .reviews_due = due,
        .reviews_open = troth_week_open(week),
        .reviews_done_share = share(week->reviews_done, due),
        .reviews_concrete_share = share(week->reviews_concrete, week->reviews_done),
    };
}
