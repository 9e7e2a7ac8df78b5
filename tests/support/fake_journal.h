/*
 * What the fake log and the fake store were told and did, in one order: so a test can say "this
 * came before that" across the two.
 *
 * Threads: one. Memory: grows; released by fini.
 */
#ifndef TROTH_TESTS_SUPPORT_FAKE_JOURNAL_H
#define TROTH_TESTS_SUPPORT_FAKE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/assert.h"
#include "schemas/contract.h"

enum fake_act {
    FAKE_STARTED,      /* the log gives a partition's records, from offset on */
    FAKE_ARRIVED,      /* a record that a worker sent stands in the log */
    FAKE_COMMITTED,    /* the offset of one partition */
    FAKE_NARROWED,     /* a standing was put by narrow() */
    FAKE_STANDING,     /* a standing was put */
    FAKE_AGENT,        /* an agent was put, by narrow() too */
    FAKE_ANNOUNCED,    /* a widening's record was put */
    FAKE_OUTAGE,       /* that telemetry stopped, or is over, was put */
    FAKE_WEEK,         /* a ledger of the week was put; text: it */
    FAKE_REMOVED,      /* a standing was said to have ended */
    FAKE_ACKNOWLEDGED, /* the store has answered everything */
    FAKE_OWNED,        /* a partition was made a worker's in the store; offset: found applied */
    FAKE_REBUILT       /* everything of a partition was put since */
};

/* How far something that was put in the store is. */
enum fake_state { FAKE_QUEUED, FAKE_SENT, FAKE_DONE, FAKE_DROPPED };

struct fake_entry {
    uint8_t act;   /* enum fake_act */
    uint8_t state; /* enum fake_state, of what the store was given */
    uint8_t topic;
    uint8_t rung;
    uint16_t score;
    bool last;    /* of a removal */
    bool timid;   /* of a narrowing */
    bool guarded; /* of an outage: it runs; score: standings that are hit; as_of_us: since when */
    int32_t partition;
    int64_t offset; /* of what the store was given: applied */
    int64_t as_of_us;
    int64_t good_until_us;
    int64_t offer_until_us;
    char agent[TROTH_AGENT_LENGTH_MAX + 1];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    char *text; /* the record, or the standing's report; may be NULL */
};

struct fake_journal {
    struct fake_entry *entries;
    size_t count;
    size_t capacity;
};

/* Returns the new entry, valid until the next. */
static inline struct fake_entry *fake_journal_add(struct fake_journal *journal, enum fake_act act)
{
    if (journal->count == journal->capacity) {
        journal->capacity = journal->capacity > 0 ? journal->capacity * 2 : 256;
        journal->entries = realloc(journal->entries, journal->capacity * sizeof *journal->entries);
        TROTH_ASSERT(journal->entries != NULL);
    }
    struct fake_entry *entry = &journal->entries[journal->count++];
    memset(entry, 0, sizeof *entry);
    entry->act = (uint8_t)act;
    return entry;
}

static inline void fake_journal_fini(struct fake_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++) {
        free(journal->entries[i].text);
    }
    free(journal->entries);
    *journal = (struct fake_journal){0};
}

/* Returns how many entries there are of an act, of the agent where one is given, from a place on.
 */
static inline size_t fake_journal_count(const struct fake_journal *journal, enum fake_act act,
                                        const char *agent, size_t from)
{
    size_t count = 0;
    for (size_t i = from; i < journal->count; i++) {
        count += journal->entries[i].act == act &&
                 (agent == NULL || strcmp(journal->entries[i].agent, agent) == 0);
    }
    return count;
}

/* Returns the place of the first entry of an act (and agent, where given) from a place on; the
 * count where there is none. */
static inline size_t fake_journal_find(const struct fake_journal *journal, enum fake_act act,
                                       const char *agent, size_t from)
{
    for (size_t i = from; i < journal->count; i++) {
        if (journal->entries[i].act == act &&
            (agent == NULL || strcmp(journal->entries[i].agent, agent) == 0)) {
            return i;
        }
    }
    return journal->count;
}

#endif
