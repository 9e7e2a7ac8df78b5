#include "ops/commands/replay_weeks.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/report.h"
#include "consumers/week_record.h"
#include "ops/commands/review_week_show.h"
#include "ops/message.h"
#include "schemas/assert.h"

/* Whether a ledger counts nothing: then the engine need not have written it, either. */
static bool is_empty(const struct troth_week *week)
{
    static struct troth_week counted; /* large, as is the next */
    static struct troth_week nothing;
    counted = *week;
    counted.changed = false;
    troth_week_init(&nothing, week->number, 0);
    return memcmp(&counted, &nothing, sizeof counted) == 0;
}

void troth_replay_weeks_note(struct troth_replay_weeks *weeks, const struct troth_week *week,
                             const char *contract, int32_t partition, int64_t clock_us)
{
    if (weeks->failed || is_empty(week)) {
        return;
    }
    const struct troth_week_place place = {contract, partition, clock_us};
    struct troth_replayed_week *items =
        realloc(weeks->items, (weeks->count + 1) * sizeof *weeks->items);
    char *text = troth_week_write(week, &place, NULL);
    weeks->items = items != NULL ? items : weeks->items;
    if (items == NULL || text == NULL) {
        free(text);
        weeks->failed = true;
        troth_message_error("no memory for the weeks");
        return;
    }
    struct troth_replayed_week *item = &items[weeks->count++];
    item->number = week->number;
    item->text = text;
    snprintf(item->contract, sizeof item->contract, "%s", contract);
}

static int by_contract_and_week(const void *left, const void *right)
{
    const struct troth_replayed_week *a = left;
    const struct troth_replayed_week *b = right;
    const int order = strcmp(a->contract, b->contract);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

/* The record, without what it would list of exceptions. */
static bool print_record(const struct troth_replayed_week *week)
{
    json_t *record = json_loads(week->text, 0, NULL);
    json_object_del(record, "debt");
    json_object_del(record, "debt_left_out");
    json_t *line = json_pack("{s:o}", "week", record);
    char *text = line != NULL ? json_dumps(line, TROTH_REPORT_FLAGS) : NULL;
    if (text != NULL) {
        puts(text);
    }
    const bool good = text != NULL;
    free(text);
    json_decref(line);
    return good;
}

static void load(struct troth_ledger *ledger, const struct troth_replayed_week *week,
                 int32_t partition)
{
    char wrong[TROTH_LEDGER_WRONG_MAX];
    const bool added = troth_ledger_add(ledger, partition, week->text, strlen(week->text), wrong);
    TROTH_ASSERT(added);
}

/* In before: the week before of the same contract, or NULL. */
static bool print_report(const struct troth_context *context, int32_t partition,
                         const struct troth_replayed_week *week,
                         const struct troth_replayed_week *before)
{
    static struct troth_ledger ledgers[2];
    static struct troth_weeks none; /* it knows of no other partitions */
    const struct troth_week_report report = {
        .context = context, .weeks = &none, .now = &ledgers[0], .before = &ledgers[1]};
    troth_ledger_init(&ledgers[0], week->contract, week->number);
    troth_ledger_init(&ledgers[1], week->contract, week->number > 0 ? week->number - 1 : 0);
    load(&ledgers[0], week, partition);
    if (before != NULL) {
        load(&ledgers[1], before, partition);
    }
    const bool good = troth_week_report_print(&report, false);
    troth_ledger_fini(&ledgers[0]);
    troth_ledger_fini(&ledgers[1]);
    return good;
}

bool troth_replay_weeks_print(struct troth_replay_weeks *weeks, const struct troth_context *context,
                              struct troth_shard *shard, int32_t partition)
{
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        const struct troth_week *week = troth_shard_ledger(shard, slot);
        if (week != NULL) {
            troth_replay_weeks_note(weeks, week, troth_shard_rules(shard, slot)->contract->name,
                                    partition, troth_shard_clock_us(shard));
        }
    }
    if (weeks->count > 0) {
        qsort(weeks->items, weeks->count, sizeof *weeks->items, by_contract_and_week);
    }
    bool good = !weeks->failed;
    for (size_t i = 0; good && i < weeks->count; i++) {
        const struct troth_replayed_week *week = &weeks->items[i];
        const bool follows = i > 0 && week[-1].number == week->number - 1 &&
                             strcmp(week[-1].contract, week->contract) == 0;
        good = context->json ? print_record(week)
                             : print_report(context, partition, week, follows ? week - 1 : NULL);
    }
    if (!good && !weeks->failed) {
        troth_message_error("no memory for the weeks");
    }
    return good;
}

void troth_replay_weeks_fini(struct troth_replay_weeks *weeks)
{
    for (size_t i = 0; i < weeks->count; i++) {
        free(weeks->items[i].text);
    }
    free(weeks->items);
}
