/*
 * The reviews that are open, as Redis has them: the longest overdue first, page by page, each with
 * the hash of its standing (schemas/redis.md, PREFIX:reviews).
 *
 * A walk asks for a page of the set, then for the hashes of its members at once. What is opened or
 * ends meanwhile may be seen or not.
 *
 * Threads: one. Memory: a walk owns its page and the contracts that it has read.
 */
#ifndef TROTH_OPS_REVIEW_OPEN_H
#define TROTH_OPS_REVIEW_OPEN_H

#include "ops/redis/reader.h"

enum { TROTH_REVIEW_PAGE_MAX = 200, TROTH_REVIEW_TEXT_MAX = 512 };

struct troth_review {
    struct troth_fields standing;           /* the page's */
    char agent[TROTH_AGENT_LENGTH_MAX + 1]; /* as it is, terminated */
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    int64_t since_us; /* when it was opened, which is when it was due */
};

struct troth_review_contract;

struct troth_review_walk {
    struct troth_redis_reader *reader;
    const char *only;  /* contract; NULL: every one */
    const char *owner; /* of the contract; NULL: whoever */
    int64_t next;      /* place in the set */
    bool done;
    struct troth_review page[TROTH_REVIEW_PAGE_MAX];
    unsigned count; /* of the page */
    struct troth_review_contract *contracts;
    unsigned contract_count;
};

/* In reader, only, owner: borrowed until the end. Out walk: before the first page. */
void troth_review_walk_init(struct troth_review_walk *walk, struct troth_redis_reader *reader,
                            const char *only, const char *owner);
void troth_review_walk_fini(struct troth_review_walk *walk);

/* Reads the next page, of at most `most` reviews; walk->count is 0 at the end. Returns false with
 * the reader's error. */
bool troth_review_walk_next(struct troth_review_walk *walk, unsigned most);

/* Out more: how many there are after the page. Returns false with the reader's error. */
bool troth_review_walk_rest(struct troth_review_walk *walk, uint64_t *more);

/* Returns the contract that Redis has under that name, the walk's, or NULL: it cannot be read. It
 * need not be of the version that a standing was scored by. */
const struct troth_contract *troth_review_walk_contract(struct troth_review_walk *walk,
                                                        const char *name);

/* Out text: a standing's review in words, terminated: since when one is open and who has claimed
 * it, or when the clock opens the next; "" where neither is so. In standing: its hash. Returns
 * text. */
const char *troth_review_text(const struct troth_fields *standing, int64_t now_us,
                              char text[TROTH_REVIEW_TEXT_MAX]);

/* Out name: who has claimed a standing's review, terminated, as "ann"; "somebody who is not on
 * record any more" where only that is known; "" where nobody has. Returns name. */
const char *troth_review_claimer(const struct troth_fields *standing, char *name, size_t capacity);

/* Returns what every command says of a review, as an object. */
json_t *troth_review_json(const struct troth_review *review, int64_t now_us);

#endif
