#include "ops/resp.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/assert.h"

enum {
    FIRST_CAPACITY = 64 * 1024,
    HEAD_LENGTH = 5,         /* "*NN\r\n": most commands of ours have 10 to 99 arguments */
    NUMBER_LENGTH_MAX = 24,  /* digits of a 64-bit integer, its sign and a terminator */
    BULK_OVERHEAD_MAX = 32,  /* "$", a length, and two line ends */
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

/* Makes room for more bytes. Returns where they go, or NULL when the buffer is full. */
static char *room(struct troth_resp *resp, size_t more)
{
    if (resp->full || more > resp->limit - resp->length) {
        resp->full = true;
        return NULL;
    }
    const size_t needed = resp->length + more;
    if (needed > resp->capacity) {
        size_t capacity = resp->capacity > 0 ? resp->capacity : FIRST_CAPACITY;
        while (capacity < needed) {
            capacity *= 2;
        }
        capacity = capacity < resp->limit ? capacity : resp->limit;
        char *data = realloc(resp->data, capacity);
        if (data == NULL) {
            resp->full = true;
            return NULL;
        }
        resp->data = data;
        resp->capacity = capacity;
    }
    return resp->data + resp->length;
}

/* Writes an unsigned number in decimal. Returns the byte after it. */
static char *put_number(char *at, uint64_t value)
{
    char digits[NUMBER_LENGTH_MAX];
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

static char *put_bulk_head(char *at, size_t length)
{
    *at++ = '$';
    at = put_number(at, length);
    *at++ = '\r';
    *at++ = '\n';
    return at;
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
    *at++ = '\r';
    *at++ = '\n';
    resp->length = (size_t)(at - resp->data);
    resp->arguments++;
}

void troth_resp_bytes(struct troth_resp *resp, const char *data, size_t length)
{
    TROTH_ASSERT(length <= UINT32_MAX);
    const struct troth_text part = {.data = data, .length = (uint32_t)length};
    troth_resp_joined(resp, &part, 1);
}

void troth_resp_string(struct troth_resp *resp, const char *text)
{
    troth_resp_bytes(resp, text, strlen(text));
}

void troth_resp_integer(struct troth_resp *resp, int64_t value)
{
    char text[NUMBER_LENGTH_MAX];
    char *at = text;
    if (value < 0) {
        *at++ = '-';
    }
    at = put_number(at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    troth_resp_bytes(resp, text, (size_t)(at - text));
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
        *at++ = '.';
        for (uint64_t unit = 100000000; rest > 0; unit /= 10) {
            *at++ = (char)('0' + rest / unit);
            rest %= unit;
        }
    }
    *at = '\0';
    return (size_t)(at - text);
}

void troth_resp_decimal(struct troth_resp *resp, double value)
{
    char text[TROTH_DECIMAL_LENGTH_MAX];
    const size_t length = troth_decimal_format(value, text);
    troth_resp_bytes(resp, text, length);
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

struct troth_text troth_resp_text(const char *text)
{
    return (struct troth_text){.data = text, .length = (uint32_t)strlen(text)};
}
