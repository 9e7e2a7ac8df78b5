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
};

struct troth_book *troth_book_create(void)
{
    return calloc(1, sizeof(struct troth_book));
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
    free(book);
}

static bool same_text(struct troth_text a, struct troth_text b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static bool grow(struct troth_book *book)
{
    const uint32_t capacity = book->capacity > 0 ? 2 * book->capacity : ENTRIES_FIRST;
    struct troth_booked *entries = realloc(book->entries, capacity * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    book->entries = entries;
    book->capacity = capacity;
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

troth_status troth_book_take(struct troth_book *book, const struct troth_control_record *record,
                             const char **reason)
{
    struct troth_decision decision;
    TROTH_ASSERT(book->count == 0 ||
                 record->offset > book->entries[book->count - 1].decision.position);
    *reason = "it has no value";
    if (record->value == NULL) {
        return TROTH_INVALID;
    }
    const troth_status status =
        troth_decision_decode(record->value, record->value_length, &decision);
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
    *reason = "the book is full: there are too many decisions; begin a new era";
    if (book->count == TROTH_BOOK_MAX ||
        book->bytes + record->value_length > TROTH_BOOK_BYTES_MAX) {
        return TROTH_FULL;
    }
    *reason = "no memory";
    decision.position = record->offset;
    if ((book->count == book->capacity && !grow(book)) || !keep(&decision)) {
        return TROTH_NO_MEMORY;
    }
    book->entries[book->count++] =
        (struct troth_booked){.decision = decision, .time_us = record->time_us};
    book->bytes += record->value_length;
    return TROTH_OK;
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
