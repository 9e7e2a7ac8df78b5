/*
 * The ledger of a week as a record: the JSON of schemas/reviews.md, the same bytes in the topic of
 * standings and in Redis.
 *
 * Memory: what is returned is the caller's. Threads: pure.
 */
#ifndef TROTH_CONSUMERS_WEEK_RECORD_H
#define TROTH_CONSUMERS_WEEK_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/contract.h"
#include "schemas/status.h"
#include "scoring/week.h"

enum {
    TROTH_WEEK_KEY_MAX = 7 + TROTH_NAME_LENGTH_MAX + TROTH_WEEK_LABEL_LENGTH,
    TROTH_WEEK_DEBTS_MAX = 256 /* exceptions that a closed week's record names */
};

/* Exceptions that were open when a week was closed. */
struct troth_week_debt {
    json_t *list; /* array; owned */
    uint64_t left_out;
};

/* Where and when a ledger stands. */
struct troth_week_place {
    const char *contract;
    int32_t partition;
    int64_t as_of_us; /* the shard's clock */
};

/* Out key: of the record. Returns its length. */
size_t troth_week_key(const char *contract, int64_t number, char key[TROTH_WEEK_KEY_MAX]);

/* Whether a key is that of a ledger. Out contract, number: whose. */
bool troth_week_key_read(const void *key, size_t length, struct troth_text *contract,
                         int64_t *number);

/* Writes a ledger. In debt: of a closed week; NULL: none. Returns the text, to be freed; NULL: no
 * memory. */
char *troth_week_write(const struct troth_week *week, const struct troth_week_place *place,
                       const struct troth_week_debt *debt);

/* Reads a ledger. In text: any bytes. Out week: untouched on failure, `changed` false. Returns
 * TROTH_OK, TROTH_INVALID or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_week_read(const char *text, size_t length, struct troth_week *week);

/* Adds what one ledger counted to another, whose week may be any. */
void troth_week_add(struct troth_week *sum, const struct troth_week *week);

/* Returns the greatest time of the bucket that the share `of` (0..1) of the counted times is in, at
 * most; -1: none is counted. */
int64_t troth_week_percentile(const uint32_t histogram[TROTH_WEEK_BUCKETS], double of);

#endif
