/*
 * The lists of names that agents have (capabilities, contracts), each kept once: a fleet has many
 * agents and few different lists. An agent holds a number in place of its list.
 *
 * Invariants: a list that was added stays, unmoved and unchanged, until fini; number 0 is the empty
 * list. So a text may be given out, and readers need no lock.
 *
 * Threads: one adds, any number read. Memory: at most TROTH_LISTS_MAX lists of in all
 * TROTH_LISTS_BYTES_MAX bytes.
 */
#ifndef TROTH_OPS_LIBTROTH_LISTS_H
#define TROTH_OPS_LIBTROTH_LISTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TROTH_LISTS_MAX = 4096,
    TROTH_LISTS_BYTES_MAX = 8 * 1024 * 1024,
    TROTH_LISTS_MEMBERS_MAX = 256,
    TROTH_LISTS_NONE = 0xffff /* no list: it could not be added */
};

struct troth_list;

struct troth_lists {
    _Atomic(struct troth_list *) lists[TROTH_LISTS_MAX];
    uint32_t count;
    size_t bytes;
};

/* Returns whether memory was there. */
bool troth_lists_init(struct troth_lists *lists);
void troth_lists_fini(struct troth_lists *lists);

/* Returns the number of a list joined by commas, added where it is new; TROTH_LISTS_NONE where
 * there is no room or memory, or a list has more than TROTH_LISTS_MEMBERS_MAX members. */
uint16_t troth_lists_add(struct troth_lists *lists, const char *text, size_t length);

/* Returns the text of a list, terminated; the empty one for a number that there is not. */
const char *troth_lists_text(const struct troth_lists *lists, uint16_t number);

/* Returns whether a list has a member. In hash: troth_value_hash of its name. */
bool troth_lists_has(const struct troth_lists *lists, uint16_t number, const char *name,
                     size_t length, uint64_t hash);

#endif
