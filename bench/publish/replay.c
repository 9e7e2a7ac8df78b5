#include "bench/publish/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ops/kafka/link.h"
#include "schemas/assert.h"
#include "schemas/event.h"

enum { ANSWERS = 64 * 1024, TAIL = 64, WAIT_MS = 10000 };

static const char question[] = "*2\r\n$4\r\nECHO\r\n$20\r\nthe bench's last one\r\n";
static const char last_answer[] = "$20\r\nthe bench's last one\r\n";

/* What came last, so that an answer cut in two is seen. */
struct answers {
    char data[TAIL + ANSWERS];
    size_t tail; /* bytes at the front that were looked at before */
};

/* Returns whether an answer says no: an error, or nil instead of what a transaction did. */
static bool says_no(const char *data, size_t length)
{
    return memmem(data, length, "\r\n-", 3) != NULL || memmem(data, length, "*-1\r\n", 5) != NULL;
}

/* Takes what there is. Returns 1: the last answer has come; 0: not yet; -1: it went wrong. */
static int take(int fd, struct answers *answers)
{
    const ssize_t got = recv(fd, answers->data + answers->tail, ANSWERS, 0);
    if (got <= 0) {
        return got < 0 && errno == EAGAIN ? 0 : -1;
    }
    const size_t length = answers->tail + (size_t)got;
    const size_t last = sizeof last_answer - 1;
    if (says_no(answers->data, length)) {
        return -1;
    }
    if (length >= last && memcmp(answers->data + length - last, last_answer, last) == 0) {
        return 1;
    }
    answers->tail = length < TAIL ? length : TAIL;
    memmove(answers->data, answers->data + length - answers->tail, answers->tail);
    return 0;
}

/* Gives the socket one piece. Returns the bytes that it took, or -1. */
static ssize_t give(int fd, const char *data, size_t left, size_t piece)
{
    const ssize_t sent = send(fd, data, left < piece ? left : piece, MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

double bench_replay(int fd, const char *data, size_t length, size_t piece)
{
    static struct answers answers;
    size_t sent = 0; /* of the data, then of the question */
    const size_t all = length + sizeof question - 1;
    int over = 0;
    answers.tail = 0;
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    const int64_t began_us = troth_kafka_monotonic_us();
    while (over == 0) {
        struct pollfd polled = {.fd = fd, .events = sent < all ? POLLIN | POLLOUT : POLLIN};
        if (poll(&polled, 1, WAIT_MS) <= 0) {
            return -1.0;
        }
        if ((polled.revents & POLLOUT) != 0) {
            const ssize_t more = sent < length
                                     ? give(fd, data + sent, length - sent, piece)
                                     : give(fd, question + (sent - length), all - sent, piece);
            over = more < 0 ? -1 : 0;
            sent += more > 0 ? (size_t)more : 0;
        }
        if (over == 0 && (polled.revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
            over = take(fd, &answers);
        }
    }
    return over > 0 ? (double)(troth_kafka_monotonic_us() - began_us) / 1e6 : -1.0;
}

/* Returns the length of the command at the front. Out first: its name. */
static size_t command_length(const char *data, size_t left, struct troth_text *first)
{
    char *at = NULL;
    long arguments = strtol(data + 1, &at, 10);
    const char *name = NULL;
    for (at += 2; arguments > 0; arguments--) {
        char *text = NULL;
        const long length = strtol(at + 1, &text, 10);
        text += 2;
        if (name == NULL) {
            name = text;
            *first = (struct troth_text){text, (uint32_t)length};
        }
        at = text + length + 2;
        TROTH_ASSERT((size_t)(at - data) <= left);
    }
    return (size_t)(at - data);
}

size_t bench_unfence(const char *data, size_t length, char *bare)
{
    static const char *const fence[] = {"WATCH", "EVAL", "MULTI", "EXEC"};
    size_t kept = 0;
    for (size_t at = 0; at < length;) {
        struct troth_text name = {NULL, 0};
        const size_t size = command_length(data + at, length - at, &name);
        bool fences = false;
        for (unsigned i = 0; i < sizeof fence / sizeof fence[0]; i++) {
            fences |=
                strlen(fence[i]) == name.length && memcmp(fence[i], name.data, name.length) == 0;
        }
        if (!fences) {
            memcpy(bare + kept, data + at, size);
            kept += size;
        }
        at += size;
    }
    return kept;
}
