/*
 * A connection to Redis on which commands are queued, sent and answered without waiting for each.
 *
 *     begin ... write to out ... end   an entry: commands about one thing, kept together
 *     release                          what is queued so far may be sent
 *     pump                             puts entries of one partition into chunks, sends, takes
 * answers
 *
 *     entries  | in flight: in chunks that are sent or being sent | queued, in out |
 *
 * A chunk is what the fence lets pass or refuses as a whole (ops/redis/fence.h); it is bounded, so
 * that a server is never busy with one for more than a few milliseconds. Only as much is in flight
 * as keeps a server busy for some 10 to 20 ms; the rest waits here, where what is not in flight can
 * still be taken back: a narrowing that goes out on another connection takes back what is queued
 * about the same agent, and waits the few milliseconds until what is in flight about it is
 * answered. So an older, wider state never lands on a newer, narrower one.
 *
 * Answers are read without an allocation each: what matters of one is a word, an error, or nil.
 *
 * Threads: one. Memory: buffers grow up to their limit; entries and chunks are fixed rings, taken
 * at init. On a loss of the connection everything is forgotten.
 */
#ifndef TROTH_OPS_REDIS_PIPE_H
#define TROTH_OPS_REDIS_PIPE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "consumers/clock.h"
#include "ops/redis/connect.h"
#include "ops/redis/fence.h"
#include "ops/redis/resp.h"
#include "schemas/status.h"

enum {
    TROTH_PIPE_ENTRIES_MAX = 1 << 17, /* queued at once */
    TROTH_PIPE_WINDOW = 1024 * 1024,  /* bytes in flight: some 10 to 20 ms of work for a server */
    TROTH_PIPE_CHUNK = 16 * 1024,     /* bytes of a chunk of several entries: some 0.4 ms of work */
    TROTH_PIPE_CHUNKS_MAX = 1 << 11   /* in flight: a chunk has its frame's 500 bytes at least */
};

/* How long a server may be silent with commands unanswered before the connection is given up. */
#define TROTH_PIPE_SILENCE_US INT64_C(5000000)

/* How an entry is sent. */
enum troth_pipe_kind {
    TROTH_PIPE_WRITES, /* in a chunk, with others of its partition */
    TROTH_PIPE_FRAMED, /* alone: it brings the frame of a chunk with it */
    TROTH_PIPE_CHECKS, /* alone, without a frame: one command, whose answer is a fence's word */
    TROTH_PIPE_ASKS    /* the same, and the answer is the caller's */
};

struct troth_pipe_entry {
    int64_t applied;   /* one past the last record that is in it; TROTH_OFFSET_NONE: none */
    uint64_t tag;      /* what it is about; 0: nothing that a narrowing is about */
    uint32_t bytes;    /* of its commands */
    uint32_t commands; /* how many they are */
    int32_t partition; /* owned once */
    uint8_t kind;      /* enum troth_pipe_kind */
    bool view;         /* a state that a later one replaces: may be taken back */
};

struct troth_pipe_chunk {
    int64_t applied;
    uint32_t entries;
    uint32_t bytes;
    uint32_t answers; /* that it has */
    uint32_t due;     /* of them */
    int32_t partition;
    uint32_t generation; /* of the fence, when it was put together */
    int16_t word;        /* the fence's, when it has come */
    uint8_t kind;
};

struct troth_pipe {
    redisContext *context; /* NULL: closed */
    struct troth_clock clock;
    struct troth_fences *fences; /* borrowed */
    struct troth_resp out;       /* commands of the queued entries, from `taken` on */
    size_t taken;
    struct troth_resp wire; /* the last chunk, from `sent` on not yet given to the kernel */
    size_t sent;
    struct troth_pipe_entry *entries;
    uint32_t first; /* oldest entry that is unanswered */
    uint32_t count;
    uint32_t flying;   /* of them, in flight */
    uint32_t released; /* of those queued, may be sent */
    struct troth_pipe_chunk *chunks;
    uint32_t chunk_first;
    uint32_t chunk_count;
    uint32_t bytes_flying;
    uint64_t answered;           /* entries, since it was opened */
    uint64_t bytes_written;      /* of entries, since it was opened, less those taken back */
    int64_t heard_us;            /* when the last answer came, or sending began after all was */
    struct troth_resp_mark mark; /* where the open entry begins */
    int64_t word;                /* the answer to the last entry that asked */
    uint64_t refusals;           /* errors answered, ever */
    uint64_t refusals_told;      /* the owner's: of them, told on */
    uint64_t fenced;             /* chunks that were not taken, ever */
    struct {
        int type; /* REDIS_REPLY_* of the whole answer */
        long long integer;
        bool useless; /* the server is: not a master, or still loading */
    } answer;         /* that is being read */
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
};

/* In buffer_max: bytes queued. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_pipe_init(struct troth_pipe *pipe, size_t buffer_max, struct troth_clock clock,
                             struct troth_fences *fences);
void troth_pipe_fini(struct troth_pipe *pipe);

/* Takes a connection over: makes it non-blocking; it is the pipe's until it closes. */
void troth_pipe_open(struct troth_pipe *pipe, redisContext *context);
/* Closes and forgets everything queued. */
void troth_pipe_close(struct troth_pipe *pipe);

/* Opens an entry: commands are then written to pipe->out. */
void troth_pipe_begin(struct troth_pipe *pipe);
/* Queues the entry. In entry: bytes and commands are filled in. Returns TROTH_OK, or TROTH_FULL:
 * nothing of it was kept. */
TROTH_MUST_CHECK
troth_status troth_pipe_end(struct troth_pipe *pipe, struct troth_pipe_entry entry);

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

/* Takes back what is queued and a view: about the tag; or of a partition. */
void troth_pipe_take_back(struct troth_pipe *pipe, uint64_t tag);
void troth_pipe_forget(struct troth_pipe *pipe, int32_t partition);

/* Whether something about the tag is not answered. */
bool troth_pipe_holds(const struct troth_pipe *pipe, uint64_t tag);

/* Releases what is left about the tag, with what is before it, and waits until it is answered.
 * Returns as troth_pipe_pump. */
TROTH_MUST_CHECK
troth_status troth_pipe_settle(struct troth_pipe *pipe, uint64_t tag, int64_t timeout_us);

#endif
