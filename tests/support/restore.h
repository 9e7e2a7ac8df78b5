/*
 * What tests of restarts share: every standing of a shard as records, and a second shard that is
 * restored from them.
 *
 * Memory: saved_standings allocates; saved_free gives back. Threads: one.
 */
#ifndef TROTH_TESTS_SUPPORT_RESTORE_H
#define TROTH_TESTS_SUPPORT_RESTORE_H

#include "tests/support/scenario.h"

#include "consumers/standing_record.h"
#include "scoring/shard_snapshot.h"
#include "scoring/shard_state.h"

enum { SAVED_MAX = 128 };

/* One standing as its record, and its next deadline, which is not in the record. */
struct saved_record {
    char agent[TROTH_AGENT_LENGTH_MAX + 1];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    int64_t deadline_us;
    size_t length;
    uint8_t bytes[TROTH_STANDING_LENGTH_MAX];
};

/* All standings of a shard, by agent and contract. */
struct saved {
    int64_t clock_us;
    int64_t offset;
    unsigned count;
    struct saved_record *records; /* SAVED_MAX */
};

static inline int saved_order(const void *a, const void *b)
{
    const struct saved_record *x = a;
    const struct saved_record *y = b;
    const int order = strcmp(x->agent, y->agent);
    return order != 0 ? order : strcmp(x->contract, y->contract);
}

/* Writes down every standing of a shard. */
static inline void saved_take(struct saved *saved, struct troth_shard *shard)
{
    static struct troth_snapshot snapshot;
    if (saved->records == NULL) {
        saved->records = calloc(SAVED_MAX, sizeof *saved->records);
        assert_non_null(saved->records);
    }
    saved->clock_us = troth_shard_clock_us(shard);
    saved->offset = troth_shard_offset(shard);
    saved->count = 0;
    for (uint32_t i = 0; i < troth_shard_standings(shard); i++) {
        if (!troth_shard_export(shard, i, &snapshot)) {
            continue;
        }
        assert_true(saved->count < SAVED_MAX);
        struct saved_record *record = &saved->records[saved->count++];
        memset(record->agent, 0, sizeof record->agent);
        memset(record->contract, 0, sizeof record->contract);
        memcpy(record->agent, snapshot.agent.data, snapshot.agent.length);
        memcpy(record->contract, snapshot.contract.data, snapshot.contract.length);
        record->deadline_us = shard->deadlines[i];
        assert_int_equal(
            troth_standing_encode(&snapshot, record->bytes, sizeof record->bytes, &record->length),
            TROTH_OK);
    }
    qsort(saved->records, saved->count, sizeof *saved->records, saved_order);
}

static inline void saved_free(struct saved *saved)
{
    free(saved->records);
    saved->records = NULL;
}

/* Puts one record into a shard. */
static inline troth_status saved_put(struct troth_shard *shard, const struct saved_record *record)
{
    static struct troth_snapshot snapshot;
    uint32_t standing = TROTH_NONE;
    /* What a snapshot held before must not matter. */
    memset(&snapshot, 0xa5, sizeof snapshot);
    assert_int_equal(troth_standing_decode(record->bytes, record->length, &snapshot), TROTH_OK);
    return troth_shard_import(shard, &snapshot, &standing);
}

/* Restores a scenario that was just opened, its contracts put in force by the caller: every record
 * in an order drawn from `random`. */
static inline void saved_restore(const struct saved *saved, struct scenario *s, uint64_t *random)
{
    unsigned order[SAVED_MAX];
    for (unsigned i = 0; i < saved->count; i++) {
        const unsigned place = (unsigned)random_below(random, i + 1);
        order[i] = order[place];
        order[place] = i;
    }
    troth_shard_resume(s->shard, saved->clock_us, saved->offset);
    s->offset = saved->offset + 1;
    for (unsigned i = 0; i < saved->count; i++) {
        assert_int_equal(saved_put(s->shard, &saved->records[order[i]]), TROTH_OK);
    }
}

/* Whether both say the same of every standing, deadlines included. */
static inline bool saved_equal(const struct saved *a, const struct saved *b)
{
    if (a->count != b->count || a->clock_us != b->clock_us || a->offset != b->offset) {
        return false;
    }
    for (unsigned i = 0; i < a->count; i++) {
        const struct saved_record *x = &a->records[i];
        const struct saved_record *y = &b->records[i];
        if (saved_order(x, y) != 0 || x->deadline_us != y->deadline_us || x->length != y->length ||
            memcmp(x->bytes, y->bytes, x->length) != 0) {
            return false;
        }
    }
    return true;
}

#endif
