#include "ops/review/debt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/table.h"

enum { FIRST_CAPACITY = 16 };

void troth_debts_fini(struct troth_debts *debts)
{
    free(debts->items);
    memset(debts, 0, sizeof *debts);
}

/* Returns room for one more, or NULL: there is no memory. */
static struct troth_debt *room(struct troth_debts *debts)
{
    if (debts->count == debts->capacity) {
        const unsigned capacity = debts->capacity == 0 ? FIRST_CAPACITY : 2 * debts->capacity;
        struct troth_debt *items = realloc(debts->items, capacity * sizeof *items);
        if (items == NULL) {
            return NULL;
        }
        debts->items = items;
        debts->capacity = capacity;
    }
    return &debts->items[debts->count];
}

static void copy_text(char *text, size_t capacity, const json_t *value)
{
    snprintf(text, capacity, "%s", json_is_string(value) ? json_string_value(value) : "");
}

bool troth_debts_add(struct troth_debts *debts, const char *agent, const char *contract,
                     const json_t *array, int64_t ends_after_us)
{
    size_t i;
    const json_t *item;
    json_array_foreach(array, i, item)
    {
        const json_t *until = json_object_get(item, "until");
        const json_t *since = json_object_get(item, "since");
        if (!json_is_integer(until) || json_integer_value(until) <= ends_after_us) {
            continue;
        }
        if (debts->count >= TROTH_DEBTS_MAX) {
            debts->left_out++;
            continue;
        }
        struct troth_debt *debt = room(debts);
        if (debt == NULL) {
            return false;
        }
        memset(debt, 0, sizeof *debt);
        if (agent != NULL) {
            snprintf(debt->agent, sizeof debt->agent, "%s", agent);
        } else {
            copy_text(debt->agent, sizeof debt->agent, json_object_get(item, "agent"));
        }
        snprintf(debt->contract, sizeof debt->contract, "%s", contract);
        copy_text(debt->term, sizeof debt->term, json_object_get(item, "term"));
        copy_text(debt->owner, sizeof debt->owner, json_object_get(item, "owner"));
        debt->since_us = json_is_integer(since) ? json_integer_value(since) : -1;
        debt->until_us = json_integer_value(until);
        debt->uses = json_integer_value(json_object_get(item, "uses"));
        debts->count++;
    }
    return true;
}

bool troth_debts_add_standing(struct troth_debts *debts, const struct troth_fields *standing,
                              int64_t ends_after_us)
{
    char agent[TROTH_AGENT_LENGTH_MAX + 1];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    const struct troth_text debt = troth_fields_find(standing, "debt");
    json_t *array = json_loadb(debt.data != NULL ? debt.data : "", debt.length, 0, NULL);
    const struct troth_text name = troth_fields_find(standing, "agent");
    snprintf(agent, sizeof agent, "%.*s", (int)name.length, name.data != NULL ? name.data : "");
    troth_fields_text(standing, "contract", contract, sizeof contract);
    const bool added = troth_debts_add(debts, agent, contract, array, ends_after_us);
    json_decref(array);
    return added;
}

static int compare(const void *a, const void *b)
{
    const struct troth_debt *one = a;
    const struct troth_debt *other = b;
    if (one->since_us != other->since_us) {
        return one->since_us < other->since_us ? -1 : 1;
    }
    const int agents = strcmp(one->agent, other->agent);
    return agents != 0 ? agents : strcmp(one->term, other->term);
}

void troth_debts_sort(struct troth_debts *debts)
{
    if (debts->count > 1) {
        qsort(debts->items, debts->count, sizeof *debts->items, compare);
    }
}

/* A text that is not there is null. */
static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

json_t *troth_debt_json(const struct troth_debt *debt)
{
    char agent[TROTH_CELL_LENGTH_MAX];
    json_t *name = json_string(debt->agent);
    if (name == NULL) { /* it is not UTF-8 */
        troth_printable(debt->agent, strlen(debt->agent), agent, sizeof agent);
        name = json_string(agent);
    }
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:I, s:I}", "agent", name, "contract",
                     debt->contract, "term", text_or_null(debt->term), "owner",
                     text_or_null(debt->owner), "since",
                     debt->since_us < 0 ? json_null() : json_integer(debt->since_us), "until",
                     (json_int_t)debt->until_us, "uses", (json_int_t)debt->uses);
}

const char *troth_debt_text(const struct troth_debt *debt, int64_t now_us,
                            char text[TROTH_DEBT_TEXT_MAX])
{
    char time[TROTH_TIME_LENGTH_MAX];
    char age[TROTH_DURATION_LENGTH_MAX];
    char left[TROTH_DURATION_LENGTH_MAX];
    char since[2 * TROTH_DURATION_LENGTH_MAX] = "";
    char owner[TROTH_DEBT_OWNER_MAX + 1];
    (void)troth_time_format(debt->until_us, time);
    (void)troth_duration_format(debt->until_us - now_us, left);
    if (debt->since_us >= 0) {
        (void)troth_duration_format(now_us > debt->since_us ? now_us - debt->since_us : 0, age);
        snprintf(since, sizeof since, " %s ago", age);
    }
    troth_printable(debt->owner, strlen(debt->owner), owner, sizeof owner);
    snprintf(text, TROTH_DEBT_TEXT_MAX, "%s%s by %s%s, until %s (in %s), used %" PRId64 " time%s",
             debt->term, debt->term[0] != '\0' ? " waived" : "let pass",
             owner[0] != '\0' ? owner : "somebody who is not on record any more", since, time, left,
             debt->uses, debt->uses == 1 ? "" : "s");
    return text;
}
