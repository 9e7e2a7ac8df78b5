/*
 * libtroth: which agent may do this work now, answered within a router from a local copy of what
 * Troth keeps in Redis. The layout and the rules are those of schemas/redis.md.
 *
 *     struct troth_client_options options;
 *     troth_client_options_init(&options);
 *     options.address = "127.0.0.1:6379";
 *     struct troth_client *client = NULL;
 *     if (troth_client_open(&options, &client) == TROTH_CLIENT_OK) {
 *         struct troth_client_question question;
 *         struct troth_client_agent agent;
 *         troth_client_question_init(&question, "refund");
 *         if (troth_client_pick(client, &question, &agent) == TROTH_CLIENT_OK) {
 *             ... agent.name may be given the task ...
 *         }
 *         troth_client_close(client);
 *     }
 *
 * How it is kept true. The first question about a capability loads its agents; from then on Redis
 * tells the handle's own thread which of them changed (client tracking, redirected to a second
 * connection). An agent whose narrowing is told on PREFIX:narrowed is not given from that message
 * on until it has been read again. Any other change of an agent is read within some 10 ms (with
 * more than 200 changes at once, at most 20,000 a second are read); the order of a capability's
 * agents, and those new to it, within 20 ms and 100 us more for each of its agents (a second for
 * 10,000). A connection that dies without a word is noticed within a second and timeout_us; and all
 * is read again once a minute, come what may.
 *
 * When Redis is away. What was read holds until each agent's own offer_until: that is the promise
 * of whoever wrote it, and it is given on until then, marked `cached`. After that the question's
 * `failure` decides:
 *   closed  nobody is given: TROTH_CLIENT_UNREACHABLE.
 *   open    an agent is given on for open_for_us more, marked `unverified`: a clear or warned one
 *           with no more than narrow leaves it, any other with what its rung left it; one last seen
 *           at review or pause never, nor one whose narrowing was told but could not be read. Its
 *           traffic, capabilities, cost and contracts bind as ever.
 * The same goes for agents that Redis has lost while PREFIX:meta says that its view is being
 * rebuilt, but those are not given to a closed question at all: Redis can be asked, and says that
 * they are unproven. Where Redis answers that an agent is past its offer_until, nobody gets it: an
 * engine that has died cannot keep an agent trusted.
 *
 * How it picks. As the function troth_route does, by the same steps, with the same promises: nobody
 * past offer_until or outside of what it may do; each agent let in for its share of traffic; bands
 * of 50 points, evenly drawn within; a share of calls that gives agents on probation first; at most
 * 256 agents looked at. Chance comes of numbers of the handle's own, seeded by getrandom() and
 * spread by splitmix64 (Steele, Lea and Flood, 2014) in place of troth_route's SHA-1, which costs
 * some ten times as much: so the shares are the same, but not the single answers. A question with
 * `random` is answered by SHA-1, exactly as troth_route would for that RANDOM.
 *
 * Threads: every function but close may be called from any thread at any time. A pick from loaded
 * agents takes no lock, makes no system call (where reading the clock is none) and allocates
 * nothing. The handle has one thread of its own, with all signals blocked. After fork() only the
 * parent may use it.
 *
 * Memory: all of it is the handle's, taken at open or bounded by its options; what goes out is in
 * the caller's structures, and the one pointer in them holds until close.
 *
 * Built on hiredis and POSIX threads alone. No TLS: a unix socket, or a tunnel on this machine.
 */
#ifndef TROTH_H
#define TROTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TROTH_CLIENT_API __attribute__((visibility("default")))

/* What a call came to. */
enum troth_client_status {
    TROTH_CLIENT_OK = 0,
    TROTH_CLIENT_NOBODY,      /* nobody may have this work now */
    TROTH_CLIENT_UNPROVEN,    /* the agent has no standing that counts: never take it for free */
    TROTH_CLIENT_REBUILDING,  /* either of these, while Redis is written anew: ask again later */
    TROTH_CLIENT_UNREACHABLE, /* Redis cannot be asked, and nothing that was read holds */
    TROTH_CLIENT_REFUSED,     /* Redis says no: user, password, rights, database or layout */
    TROTH_CLIENT_INVALID,     /* an argument will not do; for options troth_client_problem says
                                 which */
    TROTH_CLIENT_FULL,        /* a bound of the options is reached */
    TROTH_CLIENT_NO_MEMORY    /* memory, a thread or a descriptor could not be had */
};

enum troth_client_rung {
    TROTH_CLIENT_CLEAR = 0,
    TROTH_CLIENT_WARN,
    TROTH_CLIENT_NARROW,
    TROTH_CLIENT_RECERTIFY,
    TROTH_CLIENT_REVIEW,
    TROTH_CLIENT_PAUSE
};

enum troth_client_failure { TROTH_CLIENT_FAIL_CLOSED = 0, TROTH_CLIENT_FAIL_OPEN };

enum {
    TROTH_CLIENT_NAME_MAX = 128,           /* bytes of an agent's name */
    TROTH_CLIENT_COUNT_MAX = 64,           /* agents of one answer */
    TROTH_CLIENT_RANDOM_MAX = 64,          /* bytes of a question's random */
    TROTH_CLIENT_PROBLEM_MAX = 512,        /* bytes of a problem, its terminator included */
    TROTH_CLIENT_AGENTS_LIMIT = 1 << 20,   /* what agents_max may be */
    TROTH_CLIENT_CAPABILITIES_LIMIT = 1024 /* what capabilities_max may be */
};

struct troth_client; /* opaque */

/* Texts are copied by open. */
struct troth_client_options {
    const char *address;       /* HOST:PORT, [IPV6]:PORT or unix:PATH; default 127.0.0.1:6379 */
    const char *user;          /* NULL: the default user */
    const char *password;      /* NULL: none; not with password_file */
    const char *password_file; /* NULL: none; its first line, read at each connecting */
    int database;              /* number, 0..; default 0 */
    const char *prefix;        /* of the keys, without the colon; default troth; 1..128 bytes */
    int64_t timeout_us; /* for connecting, for an answer of Redis, and for a call that must wait for
                           either; 1,000..60,000,000; default 500,000 */
    int64_t open_for_us; /* how long after offer_until a fail-open question still gives an agent;
                            0..604,800,000,000 (a week); default 3,600,000,000 (an hour) */
    unsigned agents_max; /* agents kept; 1..TROTH_CLIENT_AGENTS_LIMIT; default 65,536; 256 bytes
                            each, used as they come, and some 40 more */
    unsigned capabilities_max; /* that may be asked for; 1..TROTH_CLIENT_CAPABILITIES_LIMIT; default
                                  64 */
    int64_t (*clock)(void *context); /* NULL: the machine's; else microseconds since 1970 UTC, from
                                        any thread: the time by which agents are judged */
    void *clock_context;
};

struct troth_client_question {
    const char *capability;  /* [a-z0-9][a-z0-9._-]{0,62} */
    const char *contract;    /* NULL: any; else only agents that this contract counts for */
    const char *consequence; /* NULL: any; else low, medium or high: only agents with a contract of
                                this consequence or a higher one */
    int64_t cost_micros;     /* of the task, in millionths, >= 0: only agents that may spend it; 0:
                                not said */
    double explore; /* share of the calls that gives agents on probation first, 0..1; init: 0.05 */
    enum troth_client_failure failure; /* init: closed */
    const char *random; /* NULL: the handle draws; else 1 to 64 bytes: the answer is troth_route's
                           for this RANDOM */
    int64_t now_us;     /* 0: the clock's; else the time to answer for, microseconds since 1970 */
};

/* One agent, as it may be used now: past good_until a clear or warned one is given as narrow, with
 * the narrow scope. */
struct troth_client_agent {
    char name[TROTH_CLIENT_NAME_MAX + 1]; /* any bytes but control characters; terminated */
    unsigned name_length;                 /* bytes, 1..TROTH_CLIENT_NAME_MAX */
    unsigned score;                       /* 0..1000 */
    enum troth_client_rung rung;
    double traffic;           /* 0..1, of the work that it would get; a pick has drawn it already */
    const char *capabilities; /* joined by commas; the handle's, until close */
    int64_t max_cost_micros;  /* that one task may cost; -1: no limit */
    int64_t good_until_us;    /* microseconds since 1970 */
    int64_t offer_until_us;
    bool guarded;    /* telemetry stopped, and its former scope is kept for a while */
    bool cached;     /* Redis is away, or being read anew: this was read before that, and holds */
    bool unverified; /* fail-open only: this does not hold any more, and nobody can be asked */
};

/* Why others were not given; as COUNTS of troth_route. */
struct troth_client_passed {
    unsigned listed;    /* agents of the capability */
    unsigned reads;     /* of them, looked at; at most 256 */
    unsigned unproven;  /* of these: without a hash, or with one that cannot be read */
    unsigned expired;   /* past offer_until */
    unsigned unfit;     /* not for this capability, cost, contract or consequence */
    unsigned held_back; /* their traffic did not let them in, or they are just being narrowed */
    bool exploring;     /* those on probation came first */
};

struct troth_client_statistics {
    uint64_t questions;     /* picks and candidates answered from loaded agents */
    uint64_t unverified;    /* agents given by fail-open that do not hold any more */
    uint64_t agents;        /* kept now */
    uint64_t agents_max;    /* that may be kept */
    uint64_t agents_over;   /* times that one could not be kept, as so many are */
    uint64_t capabilities;  /* asked for so far */
    uint64_t lists_over;    /* agents not to be had, as too many different lists were seen */
    uint64_t unreadable;    /* hashes whose values are not what the layout says */
    uint64_t invalidations; /* keys that Redis said have changed */
    uint64_t narrowings;    /* messages on PREFIX:narrowed */
    uint64_t reads;         /* hashes read */
    uint64_t routes;        /* times that a capability's order was read */
    uint64_t pending;       /* known to have changed, and not read yet */
    uint64_t connects;      /* times connected */
    uint64_t losses;        /* times that the connection was lost */
    bool live;              /* connected, and all that is kept is read */
    bool rebuilding;        /* Redis is being written anew */
};

/* Out options: the defaults above. */
TROTH_CLIENT_API void troth_client_options_init(struct troth_client_options *options);

/*
 * Opens a handle and starts its thread, which connects; whether Redis is there shows at the first
 * question. Out client: to be given to troth_client_close.
 * Returns OK, INVALID (troth_client_problem(NULL, options, ...) says what) or NO_MEMORY; then
 * client is untouched.
 */
TROTH_CLIENT_API __attribute__((warn_unused_result)) enum troth_client_status
troth_client_open(const struct troth_client_options *options, struct troth_client **client);

/* Ends the thread and frees the handle; may take as long as connecting does. No other call may be
 * running. NULL: nothing. */
TROTH_CLIENT_API void troth_client_close(struct troth_client *client);

/* Out question: any agent for the capability (borrowed), fail-closed, explore 0.05. */
TROTH_CLIENT_API void troth_client_question_init(struct troth_client_question *question,
                                                 const char *capability);

/*
 * Picks one agent for a task. Only the first question about a capability waits, at most timeout_us.
 * Out agent: on OK; else untouched.
 * Returns OK, NOBODY, REBUILDING, UNREACHABLE, REFUSED, INVALID or FULL (capabilities_max).
 */
TROTH_CLIENT_API __attribute__((warn_unused_result)) enum troth_client_status
troth_client_pick(struct troth_client *client, const struct troth_client_question *question,
                  struct troth_client_agent *agent);

/*
 * Picks up to `wanted` agents (1..TROTH_CLIENT_COUNT_MAX), the best first, as troth_client_pick.
 * Out agents: room for as many; count: how many they are, on any status. Out passed: NULL, or why
 * others were not given; zeros where nobody was looked at.
 */
TROTH_CLIENT_API __attribute__((warn_unused_result)) enum troth_client_status
troth_client_candidates(struct troth_client *client, const struct troth_client_question *question,
                        unsigned wanted, struct troth_client_agent *agents, unsigned *count,
                        struct troth_client_passed *passed);

/*
 * Says what one agent may do now. An agent that is kept (of a capability that was asked for, or
 * asked for by name before) is answered from memory, another by a round trip to Redis, at most
 * timeout_us; one without a hash always by a round trip.
 * In name: bytes and how many, 1..TROTH_CLIENT_NAME_MAX.
 * Out agent: on OK and NOBODY; else untouched.
 * Returns OK; NOBODY: it may do nothing now (at pause, no traffic, past offer_until, or just being
 * narrowed); UNPROVEN; REBUILDING; UNREACHABLE; REFUSED; INVALID.
 */
TROTH_CLIENT_API __attribute__((warn_unused_result)) enum troth_client_status
troth_client_standing(struct troth_client *client, const char *name, size_t name_length,
                      enum troth_client_failure failure, struct troth_client_agent *agent);

TROTH_CLIENT_API void troth_client_statistics(struct troth_client *client,
                                              struct troth_client_statistics *statistics);

/*
 * Out problem: what is wrong and what would mend it, terminated; empty when nothing is. Of a
 * client: the last trouble with Redis, until it is over. Without one (NULL): what is wrong with
 * options. Never has a password in it.
 */
TROTH_CLIENT_API void troth_client_problem(struct troth_client *client,
                                           const struct troth_client_options *options,
                                           char problem[TROTH_CLIENT_PROBLEM_MAX]);

/* Return names, as `unreachable` and `recertify`; never NULL. */
TROTH_CLIENT_API const char *troth_client_status_name(enum troth_client_status status);
TROTH_CLIENT_API const char *troth_client_rung_name(enum troth_client_rung rung);

#ifdef __cplusplus
}
#endif

#endif
