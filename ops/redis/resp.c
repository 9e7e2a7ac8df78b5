#include "ops/redis/resp.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/assert.h"

enum {
    FIRST_CAPACITY = 64 * 1024,
    HEAD_LENGTH = 5,        /* "*NN\r\n": most commands of ours have 10 to 99 arguments */
    NUMBER_LENGTH_MAX = 24, /* digits of a 64-bit integer, its sign and a terminator */
    BULK_OVERHEAD_MAX = 32, /* "$", a length, and two line ends */
    DECIMAL_PLACES = 9,
    ARGUMENTS_MAX = 1000000, /* what a Redis server takes in one command, and more than we write */
};

void troth_resp_init(struct troth_resp *resp, size_t limit)
{
    TROTH_ASSERT(limit >= 1);
    memset(resp, 0, sizeof *resp);
    resp->limit = limit;
}

void troth_resp_fini(struct troth_resp *resp)
{
    free(resp->data);
    memset(resp, 0, sizeof *resp);
}

struct troth_resp_mark troth_resp_mark(const struct troth_resp *resp)
{
    return (struct troth_resp_mark){.length = resp->length, .commands = resp->commands};
}

void troth_resp_rollback(struct troth_resp *resp, struct troth_resp_mark mark)
{
    TROTH_ASSERT(mark.length <= resp->length && mark.commands <= resp->commands);
    resp->length = mark.length;
    resp->commands = mark.commands;
    resp->full = false;
}

/* Makes the buffer larger. Returns whether so many bytes fit now. */
static __attribute__((noinline)) bool grow(struct troth_resp *resp, size_t more)
{
    if (resp->full || more > resp->limit - resp->length) {
        resp->full = true;
        return false;
    }
    const size_t needed = resp->length + more;
    size_t capacity = resp->capacity > 0 ? resp->capacity : FIRST_CAPACITY;
    while (capacity < needed) {
        capacity *= 2;
    }
    capacity = capacity < resp->limit ? capacity : resp->limit;
    char *data = realloc(resp->data, capacity);
    if (data == NULL) {
        resp->full = true;
        return false;
    }
    resp->data = data;
    resp->capacity = capacity;
    return true;
}

/* Makes room for more bytes. Returns where they go, or NULL when the buffer is full. */
static inline char *room(struct troth_resp *resp, size_t more)
{
    const bool fits = more <= resp->capacity - resp->length && !resp->full; /* <= the limit */
    return fits || grow(resp, more) ? resp->data + resp->length : NULL;
}

/* The digits of 0 to 99: numbers are written two digits at a time. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* Writes an unsigned number in decimal so that it ends before `end`. Returns its first byte. */
static inline char *put_number_before(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value < 10) {
        *--end = (char)('0' + value);
        return end;
    }
    end -= 2;
    memcpy(end, pairs + 2 * value, 2);
    return end;
}

/* Writes an unsigned number in decimal. Returns the byte after it. */
static inline char *put_number(char *at, uint64_t value)
{
    if (value < 10) {
        *at = (char)('0' + value);
        return at + 1;
    }
    if (value < 100) {
        memcpy(at, pairs + 2 * value, 2);
        return at + 2;
    }
    char digits[NUMBER_LENGTH_MAX];
    char *const end = digits + sizeof digits;
    const char *first = put_number_before(end, value);
    memcpy(at, first, (size_t)(end - first));
    return at + (end - first);
}

static inline char *put_bulk_head(char *at, size_t length)
{
    *at++ = '$';
    at = put_number(at, length);
    memcpy(at, "\r\n", 2);
    return at + 2;
}

/* Adds an argument that is one run of bytes. */
static inline void add_bytes(struct troth_resp *resp, const char *data, size_t length)
{
    char *at = room(resp, length + BULK_OVERHEAD_MAX);
    if (at == NULL) {
        return;
    }
    at = put_bulk_head(at, length);
    if (length > 0) {
        memcpy(at, data, length);
    }
    memcpy(at + length, "\r\n", 2);
    resp->length = (size_t)(at + length + 2 - resp->data);
    resp->arguments++;
}

void troth_resp_begin(struct troth_resp *resp, const char *name)
{
    resp->head = resp->length;
    resp->arguments = 0;
    if (room(resp, HEAD_LENGTH) != NULL) {
        resp->length += HEAD_LENGTH;
    }
    troth_resp_string(resp, name);
}

void troth_resp_joined(struct troth_resp *resp, const struct troth_text *parts, unsigned count)
{
    size_t length = 0;
    for (unsigned i = 0; i < count; i++) {
        length += parts[i].length;
    }
    char *at = room(resp, length + BULK_OVERHEAD_MAX);
    if (at == NULL) {
        return;
    }
    at = put_bulk_head(at, length);
    for (unsigned i = 0; i < count; i++) {
        if (parts[i].length > 0) {
            memcpy(at, parts[i].data, parts[i].length);
            at += parts[i].length;
        }
    }
    memcpy(at, "\r\n", 2);
    resp->length = (size_t)(at + 2 - resp->data);
    resp->arguments++;
}

void troth_resp_bytes(struct troth_resp *resp, const char *data, size_t length)
{
    TROTH_ASSERT(length <= UINT32_MAX);
    add_bytes(resp, data, length);
}

void troth_resp_integer(struct troth_resp *resp, int64_t value)
{
    char text[NUMBER_LENGTH_MAX];
    char *const end = text + sizeof text;
    char *first = put_number_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0) {
        *--first = '-';
    }
    add_bytes(resp, first, (size_t)(end - first));
}

size_t troth_decimal_format(double value, char text[TROTH_DECIMAL_LENGTH_MAX])
{
    if (!(fabs(value) < 1e9)) {
        /* A budget's sum may be this large; such values are whole numbers of micros or tokens. */
        return (size_t)snprintf(text, TROTH_DECIMAL_LENGTH_MAX, "%.15g", value);
    }
    const int64_t billionths = llround(value * 1e9);
    const uint64_t size = billionths < 0 ? 0 - (uint64_t)billionths : (uint64_t)billionths;
    char *at = text;
    if (billionths < 0) {
        *at++ = '-';
    }
    at = put_number(at, size / 1000000000);
    uint64_t rest = size % 1000000000;
    if (rest > 0) {
        /* Nine digits, less the zeros that end them. */
        (void)put_number_before(at + 1 + DECIMAL_PLACES, rest + 1000000000);
        *at = '.';
        at += 1 + DECIMAL_PLACES;
        while (at[-1] == '0') {
            at--;
        }
    }
    *at = '\0';
    return (size_t)(at - text);
}

void troth_resp_decimal(struct troth_resp *resp, double value)
{
    char text[TROTH_DECIMAL_LENGTH_MAX];
    const size_t length = troth_decimal_format(value, text);
    add_bytes(resp, text, length);
}

/* Writes the command's head; where its count does not have two digits, the arguments move. */
void troth_resp_end(struct troth_resp *resp)
{
    TROTH_ASSERT(resp->arguments >= 1 || resp->full);
    TROTH_ASSERT(resp->arguments < ARGUMENTS_MAX);
    if (resp->full) {
        return;
    }
    char head[BULK_OVERHEAD_MAX] = "*";
    char *at = put_number(head + 1, resp->arguments);
    *at++ = '\r';
    *at++ = '\n';
    const size_t length = (size_t)(at - head);
    if (length > HEAD_LENGTH && room(resp, length - HEAD_LENGTH) == NULL) {
        return;
    }
    char *begin = resp->data + resp->head;
    if (length != HEAD_LENGTH) {
        memmove(begin + length, begin + HEAD_LENGTH, resp->length - resp->head - HEAD_LENGTH);
    }
    memcpy(begin, head, length);
    resp->length = resp->length + length - HEAD_LENGTH;
    resp->commands++;
}

void troth_resp_copy(struct troth_resp *resp, const char *data, size_t length, uint64_t commands)
{
    char *at = room(resp, length);
    if (at == NULL) {
        return;
    }
    memcpy(at, data, length);
    resp->length += length;
    resp->commands += commands;
}
