/*
 * Exceptions that are open, "debt" (schemas/reviews.md): what is let pass, by whom, since when,
 * until when, and how often it was used.
 *
 * Threads: one. Memory: a list owns its items, at most TROTH_DEBTS_MAX; what is above is counted.
 */
#ifndef TROTH_OPS_REVIEW_DEBT_H
#define TROTH_OPS_REVIEW_DEBT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/redis/reader.h"
#include "schemas/contract.h"

enum {
    TROTH_DEBTS_MAX = 10000,
    TROTH_DEBT_OWNER_MAX = 256, /* bytes of an owner's name */
    TROTH_DEBT_TEXT_MAX = 640
};

struct troth_debt {
    char agent[TROTH_AGENT_LENGTH_MAX + 1];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    char term[TROTH_NAME_LENGTH_MAX + 1]; /* "": of EXCEPTION events, no waiver */
    char owner[TROTH_DEBT_OWNER_MAX + 1]; /* "": not to be had any more */
    int64_t since_us;                     /* -1: likewise */
    int64_t until_us;
    int64_t uses;
};

struct troth_debts {
    struct troth_debt *items; /* owned */
    unsigned count;
    unsigned capacity;
    uint64_t left_out; /* that are there besides */
};

/* In debts: all bytes zero, or filled. */
void troth_debts_fini(struct troth_debts *debts);

/* Adds what an array of exceptions has, as `debt` of a standing's hash or of a ledger.
 * In agent: whose they are; NULL: each says it. In array: any value; what is no exception is passed
 * over. In ends_after_us: those whose end is at or before it are passed over.
 * Returns whether there was memory. */
bool troth_debts_add(struct troth_debts *debts, const char *agent, const char *contract,
                     const json_t *array, int64_t ends_after_us);

/* Adds those of a standing, by its hash, that end after a time. Returns whether there was memory.
 */
bool troth_debts_add_standing(struct troth_debts *debts, const struct troth_fields *standing,
                              int64_t ends_after_us);

/* The oldest first; before them those whose age is not known. */
void troth_debts_sort(struct troth_debts *debts);

/* Returns it as an object. */
json_t *troth_debt_json(const struct troth_debt *debt);

/* Out text: as "resolves is waived by ann since ..., 3d ago, until ..., in 4d; used 12 times".
 * Returns text. */
const char *troth_debt_text(const struct troth_debt *debt, int64_t now_us,
                            char text[TROTH_DEBT_TEXT_MAX]);

#endif
