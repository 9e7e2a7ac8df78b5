#include "ops/redis_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "schemas/assert.h"

enum {
    RING_MASK = TROTH_PIPE_ENTRIES_MAX - 1,
    COMPACT_AT = 1024 * 1024 /* sent bytes at the buffer's front for which it is not yet moved */
};

static struct troth_pipe_entry *entry_at(const struct troth_pipe *pipe, uint32_t i)
{
    return &pipe->entries[(pipe->first + i) & RING_MASK];
}

troth_status troth_pipe_init(struct troth_pipe *pipe, size_t buffer_max, struct troth_clock clock)
{
    memset(pipe, 0, sizeof *pipe);
    troth_resp_init(&pipe->out, buffer_max);
    pipe->clock = clock;
    pipe->entries = calloc(TROTH_PIPE_ENTRIES_MAX, sizeof *pipe->entries);
    return pipe->entries != NULL ? TROTH_OK : TROTH_NO_MEMORY;
}

void troth_pipe_fini(struct troth_pipe *pipe)
{
    troth_pipe_close(pipe);
    troth_resp_fini(&pipe->out);
    free(pipe->entries);
    pipe->entries = NULL;
}

void troth_pipe_open(struct troth_pipe *pipe, redisContext *context)
{
    TROTH_ASSERT(pipe->context == NULL && pipe->count == 0);
    (void)fcntl(context->fd, F_SETFL, fcntl(context->fd, F_GETFL) | O_NONBLOCK);
    const int window = TROTH_PIPE_WINDOW; /* so that the server has work between two flushes */
    (void)setsockopt(context->fd, SOL_SOCKET, SO_SNDBUF, &window, sizeof window);
    context->flags &= ~REDIS_BLOCK; /* redisBufferRead then takes EAGAIN for what it is */
    pipe->context = context;
    pipe->heard_us = pipe->clock.monotonic_us(pipe->clock.context);
}

void troth_pipe_close(struct troth_pipe *pipe)
{
    if (pipe->context != NULL) {
        redisFree(pipe->context);
        pipe->context = NULL;
    }
    pipe->count = 0;
    pipe->sent = 0;
    pipe->bytes_written = 0;
    pipe->bytes_released = 0;
    pipe->bytes_sent = 0;
    pipe->bytes_answered = 0;
    troth_resp_rollback(&pipe->out, (struct troth_resp_mark){.length = 0, .commands = 0});
}

static troth_status lost(struct troth_pipe *pipe, const char *why)
{
    snprintf(pipe->error, sizeof pipe->error, "the connection to Redis was lost: %s", why);
    troth_pipe_close(pipe);
    return TROTH_UNREACHABLE;
}

void troth_pipe_begin(struct troth_pipe *pipe)
{
    struct troth_resp *out = &pipe->out;
    if (pipe->sent == out->length) {
        pipe->sent = 0;
        out->length = 0;
    } else if (pipe->sent >= COMPACT_AT && pipe->sent >= out->length / 2) {
        memmove(out->data, out->data + pipe->sent, out->length - pipe->sent);
        out->length -= pipe->sent;
        pipe->sent = 0;
    }
    pipe->mark = troth_resp_mark(out);
}

troth_status troth_pipe_end(struct troth_pipe *pipe, uint64_t tag, bool view)
{
    const size_t bytes = pipe->out.length - pipe->mark.length;
    if (pipe->out.full || pipe->count == TROTH_PIPE_ENTRIES_MAX || bytes > UINT32_MAX) {
        troth_resp_rollback(&pipe->out, pipe->mark);
        return TROTH_FULL;
    }
    if (bytes == 0) {
        return TROTH_OK;
    }
    *entry_at(pipe, pipe->count++) =
        (struct troth_pipe_entry){.tag = tag,
                                  .bytes = (uint32_t)bytes,
                                  .answers = (uint32_t)(pipe->out.commands - pipe->mark.commands),
                                  .view = view};
    pipe->bytes_written += bytes;
    return TROTH_OK;
}

/* Counts the errors in an answer; those of a transaction are inside an array. Returns false where
 * the server is of no use any more: not a master, or still loading. */
static bool take_errors(struct troth_pipe *pipe, const redisReply *reply)
{
    bool usable = true;
    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; i++) {
            usable = take_errors(pipe, reply->element[i]) && usable;
        }
    } else if (reply->type == REDIS_REPLY_ERROR) {
        pipe->refusals++;
        snprintf(pipe->error, sizeof pipe->error, "Redis answered: %s", reply->str);
        usable = strncmp(reply->str, "READONLY", 8) != 0 &&
                 strncmp(reply->str, "LOADING", 7) != 0 &&
                 strncmp(reply->str, "MASTERDOWN", 10) != 0;
    }
    return usable;
}

/* Takes the answers that have come. */
static troth_status receive(struct troth_pipe *pipe)
{
    if (redisBufferRead(pipe->context) != REDIS_OK) {
        char why[128];
        snprintf(why, sizeof why, "%s", pipe->context->errstr);
        return lost(pipe, why);
    }
    for (;;) {
        void *answer = NULL;
        if (redisGetReplyFromReader(pipe->context, &answer) != REDIS_OK) {
            return lost(pipe, "the answer is not Redis's protocol");
        }
        if (answer == NULL) {
            return TROTH_OK;
        }
        const bool usable = take_errors(pipe, answer);
        freeReplyObject(answer);
        if (!usable) {
            char why[TROTH_REDIS_ERROR_LENGTH_MAX - 64];
            snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, pipe->error);
            return lost(pipe, why);
        }
        if (pipe->count == 0) {
            return lost(pipe, "an answer came to nothing that was asked");
        }
        pipe->heard_us = pipe->clock.monotonic_us(pipe->clock.context);
        struct troth_pipe_entry *entry = entry_at(pipe, 0);
        if (--entry->answers == 0) {
            pipe->bytes_answered += entry->bytes;
            pipe->first = (pipe->first + 1) & RING_MASK;
            pipe->count--;
        }
    }
}

/* How many bytes may be sent now: the window's rest; an entry that is begun may always be ended, or
 * one larger than the window would never be answered. */
static size_t allowance(const struct troth_pipe *pipe)
{
    const uint64_t flying = pipe->bytes_sent - pipe->bytes_answered;
    const uint64_t window = flying < TROTH_PIPE_WINDOW ? TROTH_PIPE_WINDOW - flying : 0;
    const uint64_t entry = pipe->count > 0 ? entry_at(pipe, 0)->bytes : 0;
    const uint64_t begun = entry > flying ? entry - flying : 0;
    const uint64_t allowed = window > begun ? window : begun;
    const uint64_t unsent = pipe->bytes_released - pipe->bytes_sent;
    return (size_t)(allowed < unsent ? allowed : unsent);
}

static troth_status transmit(struct troth_pipe *pipe)
{
    for (size_t bytes = allowance(pipe); bytes > 0; bytes = allowance(pipe)) {
        const ssize_t sent =
            send(pipe->context->fd, pipe->out.data + pipe->sent, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK ? TROTH_OK : lost(pipe, strerror(errno));
        }
        if (pipe->bytes_sent == pipe->bytes_answered) {
            pipe->heard_us = pipe->clock.monotonic_us(pipe->clock.context);
        }
        pipe->sent += (size_t)sent;
        pipe->bytes_sent += (uint64_t)sent;
    }
    return TROTH_OK;
}

/* Waits until the socket can go on, at most wait_us. */
static void wait_for_socket(struct troth_pipe *pipe, int64_t wait_us)
{
    struct pollfd event = {.fd = pipe->context->fd, .events = POLLIN};
    if (allowance(pipe) > 0) {
        event.events |= POLLOUT;
    }
    const struct timespec wait = {.tv_sec = wait_us / 1000000,
                                  .tv_nsec = (wait_us % 1000000) * 1000};
    (void)ppoll(&event, 1, &wait, NULL);
}

/* Returns whether so many bytes, since it was opened, are sent or answered. */
static bool reached(const struct troth_pipe *pipe, enum troth_pipe_goal goal, uint64_t bytes)
{
    return (goal == TROTH_PIPE_SENT ? pipe->bytes_sent : pipe->bytes_answered) >= bytes;
}

static troth_status pump_to(struct troth_pipe *pipe, enum troth_pipe_goal goal, uint64_t bytes,
                            int64_t timeout_us)
{
    const int64_t deadline_us = pipe->clock.monotonic_us(pipe->clock.context) + timeout_us;
    for (;;) {
        if (pipe->context == NULL) {
            return TROTH_UNREACHABLE;
        }
        troth_status status = transmit(pipe);
        status = status == TROTH_OK ? receive(pipe) : status;
        const int64_t now_us = pipe->clock.monotonic_us(pipe->clock.context);
        if (status == TROTH_OK && pipe->bytes_sent > pipe->bytes_answered &&
            now_us - pipe->heard_us > TROTH_PIPE_SILENCE_US) {
            return lost(pipe, "no answer for 5 seconds");
        }
        if (status != TROTH_OK || reached(pipe, goal, bytes)) {
            return status;
        }
        if (now_us >= deadline_us) {
            return TROTH_TIMED_OUT;
        }
        wait_for_socket(pipe, deadline_us - now_us);
    }
}

troth_status troth_pipe_pump(struct troth_pipe *pipe, enum troth_pipe_goal goal, int64_t timeout_us)
{
    return pump_to(pipe, goal, pipe->bytes_released, timeout_us);
}

void troth_pipe_release(struct troth_pipe *pipe)
{
    pipe->bytes_released = pipe->bytes_written;
}

troth_status troth_pipe_hear(struct troth_pipe *pipe)
{
    return pipe->context == NULL ? TROTH_UNREACHABLE : receive(pipe);
}

void troth_pipe_take_back(struct troth_pipe *pipe, uint64_t tag)
{
    struct troth_resp *out = &pipe->out;
    uint64_t position = pipe->bytes_answered; /* of the entry's first byte, since it was opened */
    size_t from = 0;                          /* of the entry, in out */
    size_t to = SIZE_MAX;                     /* where what is kept goes */
    uint64_t released = pipe->bytes_released;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pipe->count; i++) {
        const struct troth_pipe_entry entry = *entry_at(pipe, i);
        const bool unsent = position >= pipe->bytes_sent;
        if (unsent) {
            from = pipe->sent + (size_t)(position - pipe->bytes_sent);
            to = to != SIZE_MAX ? to : from;
        }
        position += entry.bytes;
        if (unsent && entry.view && entry.tag == tag) {
            released -= position <= pipe->bytes_released ? entry.bytes : 0;
            continue;
        }
        *entry_at(pipe, kept++) = entry;
        if (unsent) {
            if (to != from) {
                memmove(out->data + to, out->data + from, entry.bytes);
            }
            to += entry.bytes;
        }
    }
    if (kept < pipe->count) {
        pipe->bytes_written -= out->length - to;
        pipe->bytes_released = released;
        out->length = to;
        pipe->count = kept;
    }
}

troth_status troth_pipe_settle(struct troth_pipe *pipe, uint64_t tag, int64_t timeout_us)
{
    uint64_t position = pipe->bytes_answered;
    uint64_t last = 0; /* end of the last entry about the tag */
    for (uint32_t i = 0; i < pipe->count; i++) {
        const struct troth_pipe_entry *entry = entry_at(pipe, i);
        position += entry->bytes;
        last = entry->tag == tag ? position : last;
    }
    pipe->bytes_released = last > pipe->bytes_released ? last : pipe->bytes_released;
    return last == 0 ? TROTH_OK : pump_to(pipe, TROTH_PIPE_ANSWERED, last, timeout_us);
}
