/*
 * Redis commands, written by hand into one buffer: a command costs a few memory copies, where
 * hiredis's printf costs twenty times that.
 *
 *     *3\r\n $4\r\nHSET\r\n $5\r\nmykey\r\n ...
 *
 * Invariants: what lies before a mark is whole commands; the count of arguments in a command's head
 * is the count of those that follow, because end() writes it. The buffer grows up to its limit;
 * what does not fit raises `full`, and the caller rolls back to its mark.
 *
 * Threads: one writer. Memory: the buffer is the module's, from init to fini.
 */
#ifndef TROTH_OPS_REDIS_RESP_H
#define TROTH_OPS_REDIS_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "schemas/event.h"

enum { TROTH_DECIMAL_LENGTH_MAX = 32 }; /* bytes of a number in text, its terminator included */

struct troth_resp {
    char *data;
    size_t length;
    size_t capacity;
    size_t limit;       /* the buffer never grows past this */
    size_t head;        /* where the open command begins */
    uint32_t arguments; /* of the open command, so far */
    uint64_t commands;  /* ended so far: one answer is due for each */
    bool full;          /* something did not fit since the last rollback */
};

/* A place between two commands. */
struct troth_resp_mark {
    size_t length;
    uint64_t commands;
};

/* In limit: bytes, >= 1. Nothing is taken before the first write. */
void troth_resp_init(struct troth_resp *resp, size_t limit);
void troth_resp_fini(struct troth_resp *resp);

struct troth_resp_mark troth_resp_mark(const struct troth_resp *resp);

/* Forgets what was written since the mark, and lowers `full`. */
void troth_resp_rollback(struct troth_resp *resp, struct troth_resp_mark mark);

/* Opens a command; its name is the first argument. In name: terminated. */
void troth_resp_begin(struct troth_resp *resp, const char *name);

/* Adds one argument: bytes, parts put together, a number, a terminated text. */
void troth_resp_bytes(struct troth_resp *resp, const char *data, size_t length);
void troth_resp_joined(struct troth_resp *resp, const struct troth_text *parts, unsigned count);
void troth_resp_integer(struct troth_resp *resp, int64_t value);

/* Inline, as nearly every text is a constant, of which the compiler knows the length. */
static inline void troth_resp_string(struct troth_resp *resp, const char *text)
{
    troth_resp_bytes(resp, text, strlen(text));
}

/* Adds a decimal with at most nine digits after the point, as 0.95. */
void troth_resp_decimal(struct troth_resp *resp, double value);

/* Ends the open command. */
void troth_resp_end(struct troth_resp *resp);

/* Adds whole commands that were written elsewhere. In commands: how many they are. */
void troth_resp_copy(struct troth_resp *resp, const char *data, size_t length, uint64_t commands);

/* Out text: the decimal as troth_resp_decimal writes it, terminated. Returns its length. */
size_t troth_decimal_format(double value, char text[TROTH_DECIMAL_LENGTH_MAX]);

#endif
