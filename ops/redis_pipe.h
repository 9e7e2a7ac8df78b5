/*
 * A pipelined connection to Redis: entries of whole commands queue, are sent, are answered.
 *
 *     answered ->| in flight: sent, not answered |<- unsent ->|
 *                                                            written here
 *
 * At most a window of bytes is in flight, so that what is unsent can still be taken back: a
 * narrowing that goes out on another connection takes back what is queued about the same agent, and
 * waits the few milliseconds until what is in flight about it is answered. So an older, wider state
 * never lands on a newer, narrower one.
 *
 * Threads: one. Memory: the buffer grows up to its limit; entries are a fixed ring, taken at init.
 * On a loss of the connection everything is forgotten.
 */
#ifndef TROTH_OPS_REDIS_PIPE_H
#define TROTH_OPS_REDIS_PIPE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "consumers/clock.h"
#include "ops/redis_connect.h"
#include "ops/resp.h"
#include "schemas/status.h"

enum {
    TROTH_PIPE_ENTRIES_MAX = 1 << 17, /* queued at once */
    TROTH_PIPE_WINDOW = 1024 * 1024   /* bytes in flight: some 10 to 20 ms of work for a server */
};

/* How long a server may be silent with commands unanswered before the connection is given up. */
#define TROTH_PIPE_SILENCE_US INT64_C(5000000)

struct troth_pipe_entry {
    uint64_t tag;     /* what it is about; 0: nothing that a narrowing is about */
    uint32_t bytes;   /* of its commands */
    uint32_t answers; /* still due */
    bool view;        /* a state that a later one replaces: may be taken back */
};

struct troth_pipe {
    redisContext *context; /* NULL: closed */
    struct troth_clock clock;
    struct troth_resp out; /* unanswered bytes that are not sent begin at `sent` */
    size_t sent;           /* bytes of out already given to the kernel */
    struct troth_pipe_entry *entries;
    uint32_t first; /* oldest entry that is unanswered */
    uint32_t count;
    uint64_t bytes_written;  /* since it was opened: queued, less those taken back */
    uint64_t bytes_released; /* may be sent */
    uint64_t bytes_sent;
    uint64_t bytes_answered;
    int64_t heard_us; /* when the last answer came, or sending began after all was answered */
    struct troth_resp_mark mark; /* where the open entry begins */
    uint64_t refusals;           /* errors answered, ever */
    uint64_t refusals_told;      /* the owner's: of them, told on */
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
};

/* In buffer_max: bytes. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_pipe_init(struct troth_pipe *pipe, size_t buffer_max, struct troth_clock clock);
void troth_pipe_fini(struct troth_pipe *pipe);

/* Takes a connection over: makes it non-blocking; it is the pipe's until it closes. */
void troth_pipe_open(struct troth_pipe *pipe, redisContext *context);
/* Closes and forgets everything queued. */
void troth_pipe_close(struct troth_pipe *pipe);

/* Opens an entry: commands are then written to pipe->out. */
void troth_pipe_begin(struct troth_pipe *pipe);
/* Queues the entry. Returns TROTH_OK, or TROTH_FULL: nothing of it was kept. */
TROTH_MUST_CHECK
troth_status troth_pipe_end(struct troth_pipe *pipe, uint64_t tag, bool view);

/* Lets everything queued so far be sent. */
void troth_pipe_release(struct troth_pipe *pipe);

/* How far troth_pipe_pump goes. */
enum troth_pipe_goal { TROTH_PIPE_SENT, TROTH_PIPE_ANSWERED };

/* Sends and takes answers until the goal is reached for everything released, at most timeout_us
 * (0: what goes without waiting). Returns TROTH_OK, TROTH_TIMED_OUT, or TROTH_UNREACHABLE: closed.
 */
TROTH_MUST_CHECK
troth_status troth_pipe_pump(struct troth_pipe *pipe, enum troth_pipe_goal goal,
                             int64_t timeout_us);

/* Takes answers that have come, without sending or waiting. Returns TROTH_OK or TROTH_UNREACHABLE:
 * closed. */
TROTH_MUST_CHECK
troth_status troth_pipe_hear(struct troth_pipe *pipe);

/* Takes back what is unsent and a view about the tag. */
void troth_pipe_take_back(struct troth_pipe *pipe, uint64_t tag);

/* Releases what is left about the tag, with what is before it, and waits until it is answered.
 * Returns as troth_pipe_pump. */
TROTH_MUST_CHECK
troth_status troth_pipe_settle(struct troth_pipe *pipe, uint64_t tag, int64_t timeout_us);

#endif
