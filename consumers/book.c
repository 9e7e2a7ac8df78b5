#include "consumers/book.h"

#include <stdlib.h>
#include <string.h>

#include "consumers/decision_record.h"
#include "schemas/assert.h"

enum { ENTRIES_FIRST = 64 };

struct troth_book {
    struct troth_booked *entries;
    uint32_t count;
    uint32_t capacity;
    uint64_t bytes;
    uint32_t distrusted;
    struct troth_signing signing;
    struct troth_signers signers; /* of the record that is taken */
    /* Those that were signed, by id and their own time: number + 1, or 0. Twice the capacity. */
    uint32_t *signed_ones;
};

struct troth_book *troth_book_create(void)
{
    struct troth_book *book = calloc(1, sizeof *book);
    if (book != NULL) {
        book->signers.distrust = TROTH_DISTRUST_COUNT;
    }
    return book;
}

void troth_book_destroy(struct troth_book *book)
{
    if (book == NULL) {
        return;
    }
    for (uint32_t i = 0; i < book->count; i++) {
        free((void *)(uintptr_t)book->entries[i].decision.agent.data); /* see keep() */
    }
    free(book->entries);
    free(book->signed_ones);
    free(book);
}

void troth_book_ask(struct troth_book *book, const struct troth_signing *signing)
{
    book->signing = *signing;
}

enum troth_distrust troth_book_distrust(const struct troth_book *book)
{
    return book->signers.distrust;
}

static bool same_text(struct troth_text a, struct troth_text b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

/* ---- What was signed, so that no copy of it counts again. ---- */

/* Returns the place of a decision among those that were signed: its own, or an empty one. An id is
 * drawn at random, so its first bytes will do; with two of one id, who signed both is to blame. */
static uint32_t *place_of(const struct troth_book *book, const struct troth_decision *decision)
{
    const uint32_t mask = 2 * book->capacity - 1;
    uint64_t id = 0;
    memcpy(&id, decision->id, sizeof id);
    uint32_t at =
        (uint32_t)(((id ^ (uint64_t)decision->at_us) * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
    for (;; at++) {
        uint32_t *place = &book->signed_ones[at & mask];
        const struct troth_decision *other =
            *place != 0 ? &book->entries[*place - 1].decision : NULL;
        if (other == NULL || (other->at_us == decision->at_us &&
                              memcmp(other->id, decision->id, sizeof other->id) == 0)) {
            return place;
        }
    }
}

/* Doubles the room for entries, and for those that were signed. Returns false without memory: then
 * it is as it was. */
static bool grow(struct troth_book *book)
{
    const uint32_t capacity = book->capacity > 0 ? 2 * book->capacity : ENTRIES_FIRST;
    struct troth_booked *entries = realloc(book->entries, capacity * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    book->entries = entries;
    uint32_t *places = calloc(2 * (size_t)capacity, sizeof *places);
    if (places == NULL) {
        return false;
    }
    uint32_t *old = book->signed_ones;
    const uint32_t old_count = 2 * book->capacity;
    book->signed_ones = places;
    book->capacity = capacity;
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i] != 0) {
            *place_of(book, &book->entries[old[i] - 1].decision) = old[i];
        }
    }
    free(old);
    return true;
}

static struct troth_text copy(char **to, struct troth_text text)
{
    if (text.data == NULL) {
        return text;
    }
    memcpy(*to, text.data, text.length);
    const struct troth_text copied = {*to, text.length};
    *to += text.length;
    return copied;
}

/* Copies the texts into one piece of memory, at whose start the agent's name stands. Returns false
 * without memory. */
static bool keep(struct troth_decision *d)
{
    char *texts = malloc((size_t)d->agent.length + d->contract.length + d->by.length +
                         d->reason.length + d->term.length + d->topic.length);
    if (texts == NULL) {
        return false;
    }
    d->agent = copy(&texts, d->agent);
    d->contract = copy(&texts, d->contract);
    d->by = copy(&texts, d->by);
    d->reason = copy(&texts, d->reason);
    d->term = copy(&texts, d->term);
    d->topic = copy(&texts, d->topic);
    return true;
}

/* Judges a decision's signatures, where they are asked for. Returns TROTH_OK, TROTH_REFUSED or
 * TROTH_NO_MEMORY. */
static troth_status judge(struct troth_book *book, const struct troth_control_record *record,
                          const struct troth_decision *decision)
{
    struct troth_signers *signers = &book->signers;
    if (!troth_signed_is_asked(&book->signing, TROTH_ROLE_OPERATOR, record->time_us)) {
        return TROTH_OK;
    }
    const troth_status status =
        troth_signed_judge(book->signing.trust, TROTH_ROLE_OPERATOR, record, signers);
    if (status != TROTH_OK) {
        return status;
    }
    const int64_t apart_us = decision->at_us > record->time_us ? decision->at_us - record->time_us
                                                               : record->time_us - decision->at_us;
    if (apart_us > TROTH_SIGNED_WITHIN_US) {
        return troth_signed_distrust(
            signers, TROTH_DISTRUST_STALE, "its time and the log's are %lld s apart, of at most %d",
            (long long)(apart_us / 1000000), (int)(TROTH_SIGNED_WITHIN_US / 1000000));
    }
    if (book->capacity > 0 && *place_of(book, decision) != 0) {
        const uint32_t number = *place_of(book, decision) - 1;
        return troth_signed_distrust(signers, TROTH_DISTRUST_REPLAYED, "of offset %lld",
                                     (long long)book->entries[number].decision.position);
    }
    return TROTH_OK;
}

/* Makes an entry. Returns TROTH_OK, TROTH_FULL or TROTH_NO_MEMORY. */
static troth_status enter(struct troth_book *book, const struct troth_control_record *record,
                          struct troth_decision *decision, const char **reason)
{
    *reason = "the book is full: there are too many decisions; begin a new era";
    if (book->count == TROTH_BOOK_MAX ||
        book->bytes + record->value_length > TROTH_BOOK_BYTES_MAX) {
        return TROTH_FULL;
    }
    *reason = "no memory";
    decision->position = record->offset;
    if ((book->count == book->capacity && !grow(book)) || !keep(decision)) {
        return TROTH_NO_MEMORY;
    }
    if (book->signers.count > 0 && book->signers.distrust == TROTH_DISTRUST_COUNT) {
        *place_of(book, decision) = book->count + 1;
    }
    book->entries[book->count++] =
        (struct troth_booked){.decision = *decision,
                              .time_us = record->time_us,
                              .distrust = (uint8_t)book->signers.distrust};
    book->bytes += record->value_length;
    return TROTH_OK;
}

troth_status troth_book_take(struct troth_book *book, const struct troth_control_record *record,
                             const char **reason)
{
    struct troth_decision decision;
    TROTH_ASSERT(book->count == 0 ||
                 record->offset > book->entries[book->count - 1].decision.position);
    book->signers = (struct troth_signers){.distrust = TROTH_DISTRUST_COUNT};
    *reason = "it has no value";
    if (record->value == NULL) {
        return TROTH_INVALID;
    }
    troth_status status = troth_decision_decode(record->value, record->value_length, &decision);
    *reason = "it is no decision as schemas/decision.avsc has it; use troth decide";
    if (status != TROTH_OK) {
        return status;
    }
    *reason = "its key is not its agent's name";
    if (record->key == NULL ||
        !same_text((struct troth_text){record->key, (uint32_t)record->key_length},
                   decision.agent)) {
        return TROTH_INVALID;
    }
    status = judge(book, record, &decision);
    if (status == TROTH_NO_MEMORY) {
        *reason = "no memory";
        return status;
    }
    if (status == TROTH_REFUSED && book->distrusted++ >= TROTH_BOOK_DISTRUSTED_MAX) {
        *reason = book->signers.reason;
        return status;
    }
    const troth_status entered = enter(book, record, &decision, reason);
    if (entered == TROTH_OK && status == TROTH_REFUSED) {
        *reason = book->signers.reason;
    }
    return entered == TROTH_OK ? status : entered;
}

uint32_t troth_book_count(const struct troth_book *book)
{
    return book->count;
}

const struct troth_booked *troth_book_entry(const struct troth_book *book, uint32_t number)
{
    TROTH_ASSERT(number < book->count);
    return &book->entries[number];
}

uint32_t troth_book_from(const struct troth_book *book, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = book->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (book->entries[middle].decision.position < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t troth_book_find(const struct troth_book *book, int64_t offset)
{
    const uint32_t number = troth_book_from(book, offset);
    return number < book->count && book->entries[number].decision.position == offset
               ? number
               : TROTH_BOOK_MAX;
}
