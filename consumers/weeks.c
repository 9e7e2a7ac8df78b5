#include "consumers/weeks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct troth_week_entry *find(struct troth_weeks *weeks, const char *contract,
                                     int64_t number)
{
    for (uint32_t i = 0; i < weeks->count; i++) {
        if (weeks->entries[i].number == number &&
            strcmp(weeks->entries[i].contract, contract) == 0) {
            return &weeks->entries[i];
        }
    }
    return NULL;
}

/* What is too old now is to be forgotten by the store, too. */
static void drop_old(struct troth_weeks *weeks)
{
    for (uint32_t i = 0; i < weeks->count; i++) {
        struct troth_week_entry *entry = &weeks->entries[i];
        if (entry->text != NULL && entry->number <= weeks->newest - TROTH_WEEKS_KEPT) {
            free(entry->text);
            entry->text = NULL;
            entry->told = false;
        }
    }
}

void troth_weeks_put(struct troth_weeks *weeks, const char *contract, int64_t number, char *text)
{
    if (number > weeks->newest) {
        weeks->newest = number;
        drop_old(weeks);
    }
    struct troth_week_entry *entry = find(weeks, contract, number);
    if (entry == NULL && number > weeks->newest - TROTH_WEEKS_KEPT &&
        weeks->count < TROTH_WEEK_RECORDS_MAX) {
        entry = &weeks->entries[weeks->count++];
        *entry = (struct troth_week_entry){.number = number};
        snprintf(entry->contract, sizeof entry->contract, "%s", contract);
    }
    if (entry == NULL) {
        free(text);
        return;
    }
    free(entry->text);
    entry->text = text;
    entry->told = false;
}

const struct troth_week_entry *troth_weeks_newest(const struct troth_weeks *weeks,
                                                  const char *contract)
{
    const struct troth_week_entry *newest = NULL;
    for (uint32_t i = 0; i < weeks->count; i++) {
        const struct troth_week_entry *entry = &weeks->entries[i];
        if (entry->text != NULL && strcmp(entry->contract, contract) == 0 &&
            (newest == NULL || entry->number > newest->number)) {
            newest = entry;
        }
    }
    return newest;
}

void troth_weeks_note_told(struct troth_weeks *weeks, uint32_t place)
{
    struct troth_week_entry *entry = &weeks->entries[place];
    entry->told = true;
    if (entry->text == NULL) {
        *entry = weeks->entries[--weeks->count];
    }
}

void troth_weeks_tell_anew(struct troth_weeks *weeks)
{
    for (uint32_t i = 0; i < weeks->count; i++) {
        weeks->entries[i].told = false;
    }
}

void troth_weeks_fini(struct troth_weeks *weeks)
{
    for (uint32_t i = 0; i < weeks->count; i++) {
        free(weeks->entries[i].text);
    }
    weeks->count = 0;
}
