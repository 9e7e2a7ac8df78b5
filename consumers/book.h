/*
 * The book: every decision of the decisions topic, by its offset, as a worker has read them.
 *
 * The topic is read whole and kept whole, since a partition may be restored from before any of
 * them. A person decides some times a day; the bounds are far above what a year of a large fleet
 * brings.
 *
 * Threads: one worker's. Memory: decisions are kept until the book is destroyed; bounded by
 * TROTH_BOOK_MAX and TROTH_BOOK_BYTES_MAX.
 */
#ifndef TROTH_CONSUMERS_BOOK_H
#define TROTH_CONSUMERS_BOOK_H

#include <stddef.h>
#include <stdint.h>

#include "consumers/control_record.h"
#include "consumers/signed.h"
#include "schemas/decision.h"
#include "schemas/status.h"

enum { TROTH_BOOK_MAX = 1048576 };                 /* decisions */
#define TROTH_BOOK_BYTES_MAX (UINT64_C(256) << 20) /* of their records */
enum { TROTH_BOOK_DISTRUSTED_MAX = 4096 };         /* of them, those that are not believed */

struct troth_book;

/* A decision in the book; its texts live as long as the book. */
struct troth_booked {
    struct troth_decision decision; /* position: the record's offset */
    int64_t time_us;
    uint8_t distrust; /* enum troth_distrust; TROTH_DISTRUST_COUNT: it is believed */
};

/* Returns a book, or NULL without memory. */
struct troth_book *troth_book_create(void);
void troth_book_destroy(struct troth_book *book);

/* Asks for signatures from now on (schemas/signatures.md). In signing: borrowed as long as the
 * book. */
void troth_book_ask(struct troth_book *book, const struct troth_signing *signing);

/*
 * Takes a record of the decisions topic. What is not signed as is asked stands in the book too, the
 * first TROTH_BOOK_DISTRUSTED_MAX of it, so that it can be ruled and is never lost in silence.
 * Out reason: why it was refused, for people; lives until the next take.
 * Returns TROTH_OK; TROTH_INVALID, TROTH_UNDECODABLE or TROTH_OVER_LIMIT: no decision, or not under
 * its agent's key; TROTH_REFUSED: it is not believed (troth_book_distrust); TROTH_FULL or
 * TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_book_take(struct troth_book *book, const struct troth_control_record *record,
                             const char **reason);

/* Returns why the record that was taken last is not believed; TROTH_DISTRUST_COUNT: it is, or no
 * signature was asked for. */
enum troth_distrust troth_book_distrust(const struct troth_book *book);

/* Returns how many there are; they are numbered from 0 in the order of their offsets. */
uint32_t troth_book_count(const struct troth_book *book);

/* Returns a decision by number; lives until the next take. */
const struct troth_booked *troth_book_entry(const struct troth_book *book, uint32_t number);

/* Returns the number of the decision at an offset, or TROTH_BOOK_MAX: there is none. */
uint32_t troth_book_find(const struct troth_book *book, int64_t offset);

/* Returns the number of the first decision at or past an offset; the count where there is none. */
uint32_t troth_book_from(const struct troth_book *book, int64_t offset);

#endif
