#include "ops/redis/pipe.h"

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
    CHUNK_MASK = TROTH_PIPE_CHUNKS_MAX - 1,
    COMPACT_AT = 1024 * 1024, /* bytes gone at the buffer's front for which it is not yet moved */
    FRAME_MAX = 4096          /* bytes of a chunk's frame: prefix and scripts are bounded */
};

static struct troth_pipe_entry *entry_at(const struct troth_pipe *pipe, uint32_t i)
{
    return &pipe->entries[(pipe->first + i) & RING_MASK];
}

static struct troth_pipe_chunk *chunk_at(const struct troth_pipe *pipe, uint32_t i)
{
    return &pipe->chunks[(pipe->chunk_first + i) & CHUNK_MASK];
}

troth_status troth_pipe_init(struct troth_pipe *pipe, size_t buffer_max, struct troth_clock clock,
                             struct troth_fences *fences)
{
    memset(pipe, 0, sizeof *pipe);
    troth_resp_init(&pipe->out, buffer_max);
    troth_resp_init(&pipe->wire, buffer_max + FRAME_MAX);
    pipe->clock = clock;
    pipe->fences = fences;
    pipe->entries = calloc(TROTH_PIPE_ENTRIES_MAX, sizeof *pipe->entries);
    pipe->chunks = calloc(TROTH_PIPE_CHUNKS_MAX, sizeof *pipe->chunks);
    return pipe->entries != NULL && pipe->chunks != NULL ? TROTH_OK : TROTH_NO_MEMORY;
}

void troth_pipe_fini(struct troth_pipe *pipe)
{
    troth_pipe_close(pipe);
    troth_resp_fini(&pipe->out);
    troth_resp_fini(&pipe->wire);
    free(pipe->entries);
    free(pipe->chunks);
    pipe->entries = NULL;
    pipe->chunks = NULL;
}

/* ---- answers, without an object for each ---- */

static char nothing; /* an object for hiredis: not NULL */

static void note_answer(const redisReadTask *task, int type, long long integer)
{
    struct troth_pipe *pipe = task->privdata;
    if (task->parent == NULL) {
        pipe->answer.type = type;
        pipe->answer.integer = integer;
    }
}

/* Whether an error says only that one before it ended the transaction. */
static bool is_consequence(const char *text, size_t length)
{
    static const char name[] = "EXECABORT";
    return length >= sizeof name - 1 && memcmp(text, name, sizeof name - 1) == 0;
}

/* Errors count wherever they stand: those of a transaction are inside an array. */
static void *note_string(const redisReadTask *task, char *text, size_t length)
{
    struct troth_pipe *pipe = task->privdata;
    note_answer(task, task->type, 0);
    if (task->type == REDIS_REPLY_ERROR) {
        static const char *const useless[] = {"READONLY", "LOADING", "MASTERDOWN"};
        pipe->refusals++;
        if (!is_consequence(text, length)) {
            snprintf(pipe->error, sizeof pipe->error, "Redis answered: %.*s",
                     (int)(length < 400 ? length : 400), text);
        }
        for (unsigned i = 0; i < sizeof useless / sizeof useless[0]; i++) {
            const size_t name = strlen(useless[i]);
            pipe->answer.useless |= length >= name && memcmp(text, useless[i], name) == 0;
        }
    }
    return &nothing;
}

#if HIREDIS_MAJOR >= 1
static void *note_array(const redisReadTask *task, size_t count)
#else
static void *note_array(const redisReadTask *task, int count)
#endif
{
    (void)count;
    note_answer(task, task->type, 0);
    return &nothing;
}

static void *note_integer(const redisReadTask *task, long long integer)
{
    note_answer(task, task->type, integer);
    return &nothing;
}

/* The task's type is what nil came instead of: an array, where EXEC did nothing. */
static void *note_nil(const redisReadTask *task)
{
    note_answer(task, REDIS_REPLY_NIL, 0);
    return &nothing;
}

static void free_nothing(void *object)
{
    (void)object;
}

static redisReplyObjectFunctions reader_functions = {.createString = note_string,
                                                     .createArray = note_array,
                                                     .createInteger = note_integer,
                                                     .createNil = note_nil,
                                                     .freeObject = free_nothing};

/* ---- the connection ---- */

void troth_pipe_open(struct troth_pipe *pipe, redisContext *context)
{
    TROTH_ASSERT(pipe->context == NULL && pipe->count == 0);
    (void)fcntl(context->fd, F_SETFL, fcntl(context->fd, F_GETFL) | O_NONBLOCK);
    const int window = TROTH_PIPE_WINDOW; /* so that the server has work between two flushes */
    (void)setsockopt(context->fd, SOL_SOCKET, SO_SNDBUF, &window, sizeof window);
    context->flags &= ~REDIS_BLOCK; /* redisBufferRead then takes EAGAIN for what it is */
    context->reader->fn = &reader_functions;
    context->reader->privdata = pipe;
    pipe->context = context;
    pipe->heard_us = pipe->clock.monotonic_us(pipe->clock.context);
}

void troth_pipe_close(struct troth_pipe *pipe)
{
    const struct troth_resp_mark start = {.length = 0, .commands = 0};
    if (pipe->context != NULL) {
        redisFree(pipe->context);
        pipe->context = NULL;
    }
    pipe->count = 0;
    pipe->flying = 0;
    pipe->released = 0;
    pipe->chunk_count = 0;
    pipe->bytes_flying = 0;
    pipe->answered = 0;
    pipe->bytes_written = 0;
    pipe->taken = 0;
    pipe->sent = 0;
    troth_resp_rollback(&pipe->out, start);
    troth_resp_rollback(&pipe->wire, start);
}

static troth_status lost(struct troth_pipe *pipe, const char *why)
{
    char text[TROTH_REDIS_ERROR_LENGTH_MAX - 64];
    snprintf(text, sizeof text, "%s", why); /* which may be the error itself */
    snprintf(pipe->error, sizeof pipe->error, "the connection to Redis was lost: %s", text);
    troth_pipe_close(pipe);
    return TROTH_UNREACHABLE;
}

/* ---- entries ---- */

void troth_pipe_begin(struct troth_pipe *pipe)
{
    struct troth_resp *out = &pipe->out;
    if (pipe->taken == out->length) {
        pipe->taken = 0;
        out->length = 0;
    } else if (pipe->taken >= COMPACT_AT && pipe->taken >= out->length / 2) {
        memmove(out->data, out->data + pipe->taken, out->length - pipe->taken);
        out->length -= pipe->taken;
        pipe->taken = 0;
    }
    pipe->mark = troth_resp_mark(out);
}

troth_status troth_pipe_end(struct troth_pipe *pipe, struct troth_pipe_entry entry)
{
    const size_t bytes = pipe->out.length - pipe->mark.length;
    TROTH_ASSERT(troth_fences_find(pipe->fences, entry.partition) != NULL);
    if (pipe->out.full || pipe->count == TROTH_PIPE_ENTRIES_MAX || bytes > UINT32_MAX / 2) {
        troth_resp_rollback(&pipe->out, pipe->mark);
        return TROTH_FULL;
    }
    if (bytes == 0) {
        return TROTH_OK;
    }
    entry.bytes = (uint32_t)bytes;
    entry.commands = (uint32_t)(pipe->out.commands - pipe->mark.commands);
    *entry_at(pipe, pipe->count++) = entry;
    pipe->bytes_written += bytes;
    return TROTH_OK;
}

void troth_pipe_release(struct troth_pipe *pipe)
{
    pipe->released = pipe->count - pipe->flying;
}

static void take_back(struct troth_pipe *pipe, uint64_t tag, int32_t partition)
{
    struct troth_resp *out = &pipe->out;
    size_t from = pipe->taken; /* of the entry, in out */
    size_t to = from;          /* where what is kept goes */
    const uint32_t queued = pipe->count - pipe->flying;
    uint32_t kept = 0;
    uint32_t released = 0;
    for (uint32_t i = 0; i < queued; i++) {
        const struct troth_pipe_entry entry = *entry_at(pipe, pipe->flying + i);
        const size_t at = from;
        from += entry.bytes;
        if (entry.view && (tag != 0 ? entry.tag == tag : entry.partition == partition)) {
            pipe->bytes_written -= entry.bytes;
            continue;
        }
        if (to != at) {
            memmove(out->data + to, out->data + at, entry.bytes);
        }
        to += entry.bytes;
        released += i < pipe->released;
        *entry_at(pipe, pipe->flying + kept++) = entry;
    }
    out->length = to;
    pipe->count = pipe->flying + kept;
    pipe->released = released;
}

void troth_pipe_take_back(struct troth_pipe *pipe, uint64_t tag)
{
    TROTH_ASSERT(tag != 0);
    take_back(pipe, tag, -1);
}

void troth_pipe_forget(struct troth_pipe *pipe, int32_t partition)
{
    take_back(pipe, 0, partition);
}

/* ---- sending ---- */

/* Puts the next chunk on the wire, where something may be sent and the window has room. Returns
 * whether it did. */
static bool next_chunk(struct troth_pipe *pipe)
{
    const struct troth_resp_mark start = {.length = 0, .commands = 0};
    if (pipe->released == 0 || pipe->bytes_flying >= TROTH_PIPE_WINDOW ||
        pipe->chunk_count == TROTH_PIPE_CHUNKS_MAX) {
        return false;
    }
    const struct troth_pipe_entry *head = entry_at(pipe, pipe->flying);
    struct troth_fence *fence = troth_fences_find(pipe->fences, head->partition);
    size_t bytes = 0;
    uint32_t count = 0;
    uint64_t commands = 0;
    for (; count < pipe->released; count++) {
        const struct troth_pipe_entry *entry = entry_at(pipe, pipe->flying + count);
        const bool fits = entry->kind == TROTH_PIPE_WRITES && head->kind == TROTH_PIPE_WRITES &&
                          entry->partition == head->partition &&
                          bytes + entry->bytes <= TROTH_PIPE_CHUNK;
        if (count > 0 && !fits) {
            break;
        }
        bytes += entry->bytes;
        commands += entry->commands;
        fence->applied = entry->applied > fence->applied ? entry->applied : fence->applied;
    }
    troth_resp_rollback(&pipe->wire, start);
    pipe->sent = 0;
    if (head->kind == TROTH_PIPE_WRITES) {
        troth_fence_write_begin(&pipe->wire, pipe->fences, fence);
    }
    troth_resp_copy(&pipe->wire, pipe->out.data + pipe->taken, bytes, commands);
    if (head->kind == TROTH_PIPE_WRITES) {
        troth_fence_write_end(&pipe->wire);
    }
    if (pipe->wire.full) {
        return false; /* no memory for it now; transmit sees that */
    }
    *chunk_at(pipe, pipe->chunk_count++) =
        (struct troth_pipe_chunk){.applied = fence->applied,
                                  .entries = count,
                                  .bytes = (uint32_t)pipe->wire.length,
                                  .answers = (uint32_t)pipe->wire.commands,
                                  .due = (uint32_t)pipe->wire.commands,
                                  .partition = head->partition,
                                  .generation = fence->generation,
                                  .kind = head->kind};
    fence->checked_us = pipe->clock.monotonic_us(pipe->clock.context);
    pipe->heard_us = pipe->chunk_count == 1 ? fence->checked_us : pipe->heard_us;
    pipe->bytes_flying += (uint32_t)pipe->wire.length;
    pipe->taken += bytes;
    pipe->flying += count;
    pipe->released -= count;
    return true;
}

static troth_status transmit(struct troth_pipe *pipe)
{
    while (pipe->sent < pipe->wire.length || next_chunk(pipe)) {
        const ssize_t sent = send(pipe->context->fd, pipe->wire.data + pipe->sent,
                                  pipe->wire.length - pipe->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK ? TROTH_OK : lost(pipe, strerror(errno));
        }
        pipe->sent += (size_t)sent;
    }
    return pipe->wire.full ? lost(pipe, "there is no memory for what is to be sent") : TROTH_OK;
}

/* ---- receiving ---- */

/* A chunk was not taken: it is not ours any more, or the view is gone. */
static void not_taken(struct troth_pipe *pipe, const struct troth_pipe_chunk *chunk,
                      struct troth_fence *fence)
{
    pipe->fenced++;
    if (chunk->generation == fence->generation) {
        fence->owned = false;
        fence->doubted = true;
    }
}

/* All answers of the oldest chunk have come. */
static void end_chunk(struct troth_pipe *pipe)
{
    const struct troth_pipe_chunk chunk = *chunk_at(pipe, 0);
    struct troth_fence *fence = troth_fences_find(pipe->fences, chunk.partition);
    const bool writes = chunk.kind == TROTH_PIPE_WRITES || chunk.kind == TROTH_PIPE_FRAMED;
    /* After a good word a nil says that somebody came between the check and EXEC. */
    const bool undone = writes && pipe->answer.type == REDIS_REPLY_NIL;
    if (chunk.word == TROTH_FENCE_LOST || (undone && chunk.word != TROTH_FENCE_WORSE)) {
        not_taken(pipe, &chunk, fence);
    } else if (writes && !undone && chunk.generation == fence->generation &&
               pipe->answer.type == REDIS_REPLY_ARRAY && chunk.applied > fence->acknowledged) {
        fence->acknowledged = chunk.applied;
    }
    pipe->chunk_first = (pipe->chunk_first + 1) & CHUNK_MASK;
    pipe->chunk_count--;
    pipe->bytes_flying -= chunk.bytes;
    pipe->first = (pipe->first + chunk.entries) & RING_MASK;
    pipe->count -= chunk.entries;
    pipe->flying -= chunk.entries;
    pipe->answered += chunk.entries;
}

/* Takes one answer in. Returns what is wrong, or NULL. */
static const char *take_answer(struct troth_pipe *pipe)
{
    if (pipe->answer.useless) {
        return pipe->error;
    }
    if (pipe->chunk_count == 0) {
        return "an answer came to nothing that was asked";
    }
    struct troth_pipe_chunk *chunk = chunk_at(pipe, 0);
    const bool framed = chunk->kind == TROTH_PIPE_WRITES || chunk->kind == TROTH_PIPE_FRAMED;
    if (chunk->answers - chunk->due == (framed ? 1 : 0)) {
        if (pipe->answer.type != REDIS_REPLY_INTEGER) {
            /* Without a check EXEC goes through: nothing more may be sent on this connection. */
            return pipe->answer.type == REDIS_REPLY_ERROR ? pipe->error : "a check said no word";
        }
        if (chunk->kind == TROTH_PIPE_ASKS) {
            pipe->word = pipe->answer.integer;
        } else {
            chunk->word = (int16_t)pipe->answer.integer;
        }
    }
    if (--chunk->due == 0) {
        end_chunk(pipe);
    }
    return NULL;
}

/* Takes the answers that have come. */
static troth_status receive(struct troth_pipe *pipe)
{
    if (redisBufferRead(pipe->context) != REDIS_OK) {
        return lost(pipe, pipe->context->errstr);
    }
    for (bool any = false;; any = true) {
        void *answer = NULL;
        if (redisGetReplyFromReader(pipe->context, &answer) != REDIS_OK) {
            return lost(pipe, "the answer is not Redis's protocol");
        }
        if (answer == NULL) {
            return TROTH_OK;
        }
        if (!any) {
            pipe->heard_us = pipe->clock.monotonic_us(pipe->clock.context);
        }
        const char *wrong = take_answer(pipe);
        if (wrong != NULL) {
            pipe->answer.useless = false;
            return lost(pipe, wrong);
        }
    }
}

/* Waits until the socket can go on, at most wait_us. */
static void wait_for_socket(struct troth_pipe *pipe, int64_t wait_us)
{
    struct pollfd event = {.fd = pipe->context->fd, .events = POLLIN};
    if (pipe->sent < pipe->wire.length) {
        event.events |= POLLOUT;
    }
    const struct timespec wait = {.tv_sec = wait_us / 1000000,
                                  .tv_nsec = (wait_us % 1000000) * 1000};
    (void)ppoll(&event, 1, &wait, NULL);
}

/* Sends and receives until so many entries are answered, and where the goal is SENT until all that
 * is released is sent. */
static troth_status pump_to(struct troth_pipe *pipe, enum troth_pipe_goal goal, uint64_t answered,
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
        if (status == TROTH_OK && pipe->chunk_count > 0 &&
            now_us - pipe->heard_us > TROTH_PIPE_SILENCE_US) {
            return lost(pipe, "no answer for 5 seconds");
        }
        const bool reached = goal == TROTH_PIPE_SENT
                                 ? pipe->released == 0 && pipe->sent == pipe->wire.length
                                 : pipe->answered >= answered;
        if (status != TROTH_OK || reached) {
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
    return pump_to(pipe, goal, pipe->answered + pipe->flying + pipe->released, timeout_us);
}

troth_status troth_pipe_hear(struct troth_pipe *pipe)
{
    return pipe->context == NULL ? TROTH_UNREACHABLE : receive(pipe);
}

bool troth_pipe_holds(const struct troth_pipe *pipe, uint64_t tag)
{
    bool holds = false;
    for (uint32_t i = 0; i < pipe->count && !holds; i++) {
        holds = entry_at(pipe, i)->tag == tag;
    }
    return holds;
}

troth_status troth_pipe_settle(struct troth_pipe *pipe, uint64_t tag, int64_t timeout_us)
{
    uint32_t last = 0; /* one past the last entry about the tag */
    for (uint32_t i = 0; i < pipe->count; i++) {
        last = entry_at(pipe, i)->tag == tag ? i + 1 : last;
    }
    if (last > pipe->flying + pipe->released) {
        pipe->released = last - pipe->flying;
    }
    return last == 0 ? TROTH_OK
                     : pump_to(pipe, TROTH_PIPE_ANSWERED, pipe->answered + last, timeout_us);
}
