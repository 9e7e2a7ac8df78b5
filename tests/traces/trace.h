/*
 * Traces: scripts of calls on the log (consumers/log.h), and what they give. The same script is run
 * on the simulated log and on a real Kafka; the two traces must be the same.
 *
 *     trace_scripts.c    the scripts          trace_member.c    one member's calls, on any log
 *     trace_sim.c        the simulated side   trace_kafka.c     the real one, a process a member
 *
 * What a step gives is a line of text: the status, or what a poll brought. Of records the order
 * within each partition is told, and of assignment events the order of their kinds; how either
 * falls into polls, and what comes between, is left to the log. Offsets are told as they are: the
 * simulation has markers where Kafka has them.
 *
 * Nothing waits by the clock: a poll is repeated until what the script names has come.
 *
 * Threads: one a process. Memory: fixed.
 */
#ifndef TROTH_TESTS_TRACES_TRACE_H
#define TROTH_TESTS_TRACES_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/log.h"

enum {
    TRACE_PARTITIONS = 2,
    TRACE_MEMBERS_MAX = 3,
    TRACE_STEPS_MAX = 48,
    TRACE_TEXT_MAX = 8192,
    TRACE_OFFSETS_MAX = TRACE_PARTITIONS
};

enum trace_act {
    TRACE_DONE, /* the end of a script */
    /* Lives. */
    TRACE_OPEN,   /* member, instance */
    TRACE_CLOSE,  /* member */
    TRACE_KILL,   /* member */
    TRACE_FREEZE, /* member: it stands still, and nothing is heard of it */
    TRACE_THAW,   /* member */
    /* A member's calls. */
    TRACE_POLL,         /* until `count` records of `topic` have come that were not told yet */
    TRACE_POLL_END,     /* until END of `topic` */
    TRACE_POLL_EVENT,   /* until an event of `kind` */
    TRACE_POLL_FAILURE, /* until a poll fails */
    TRACE_SETTLE,       /* all that are not frozen, until each has the partitions of `owned` */
    TRACE_EXTENT,       /* partition */
    TRACE_CATCH_UP,     /* topic */
    TRACE_START,        /* partition, offset */
    TRACE_RECALL,       /* partition */
    TRACE_RECALLED,     /* partition */
    TRACE_SEND,         /* topic, partition, key, value */
    TRACE_FLUSH,
    TRACE_COMMIT, /* offsets, count */
    /* Others, and what is there in the end. */
    TRACE_FEED,       /* topic, partition, key, value: by somebody else, in no transaction */
    TRACE_FEED_OPEN,  /* the same, in a transaction that stays open */
    TRACE_FEED_CLOSE, /* which ends now: `kept` or aborted */
    TRACE_TRIM,       /* topic, partition, offset: the records before it are deleted */
    TRACE_SEE,        /* topic, partition: what a reader of committed records gets */
    TRACE_GROUP       /* the group's offsets */
};

struct trace_step {
    enum trace_act act;
    int member;
    unsigned instance;
    enum troth_topic topic;
    enum troth_log_kind kind;
    int32_t partition;
    int64_t offset;
    unsigned count;
    bool kept;
    uint32_t owned[TRACE_MEMBERS_MAX]; /* bit p: telemetry[p] */
    uint32_t anew;                     /* bit m: and after a rebalance, member m */
    struct troth_log_offset offsets[TRACE_OFFSETS_MAX];
    const char *key;    /* NULL: none */
    const char *value;  /* NULL: a tombstone */
    const char *header; /* the value of a header `reason`; NULL: none */
};

struct trace_script {
    const char *claim;
    struct trace_step steps[TRACE_STEPS_MAX];
};

extern const struct trace_script trace_scripts[];
extern const int trace_script_count;

struct trace_text {
    size_t length;
    char data[TRACE_TEXT_MAX];
};

__attribute__((format(printf, 2, 3))) void trace_say(struct trace_text *text, const char *format,
                                                     ...);

/* Says a record. In key, value: NULL: none. */
void trace_say_record(struct trace_text *text, int64_t offset, const char *key, size_t key_length,
                      const char *value, size_t value_length);

/* Says what a step does, for people. */
void trace_say_step(struct trace_text *text, const struct trace_step *step);

/* A member: its log, and what came by polls and was not told yet. */
struct trace_member {
    struct troth_log *log;
    uint32_t owned; /* bit p: telemetry[p] */
    troth_status failed;
    unsigned seen[TROTH_LOG_END + 1]; /* items of each kind, since they were told last */
    unsigned waiting[TROTH_TOPIC_COUNT];
    bool ended[TROTH_TOPIC_COUNT];
    int last_kind; /* of the events told; -1: none */
    struct trace_text events;
    struct trace_text records[TROTH_TOPIC_COUNT][TRACE_PARTITIONS];
};

void trace_member_init(struct trace_member *member, struct troth_log *log);

/* Whether a step is one that polls. */
bool trace_is_poll(const struct trace_step *step);

/* Polls once, unless what the step waits for has come before; to settle, all the same. In slot: of
 * the member. Returns whether it has come. */
bool trace_member_poll(struct trace_member *member, int slot, const struct trace_step *step);

/* Tells what polls brought of what the step asks for. */
void trace_member_tell(struct trace_member *member, const struct trace_step *step,
                       struct trace_text *out);

/* Makes a call that is no poll. */
void trace_member_call(struct trace_member *member, const struct trace_step *step,
                       struct trace_text *out);

/* A side. All of it is one script's: open begins it anew. */
struct trace_side {
    const char *name;
    void (*open)(int script);
    /* In awaited: what others see should come to be this, sooner or later. */
    void (*step)(const struct trace_step *step, const struct trace_text *awaited,
                 struct trace_text *out);
    void (*close)(void);
};

extern const struct trace_side trace_sim;
extern unsigned trace_sim_bug; /* enum sim_bug: of the simulated side, from its next script on */
extern const struct trace_side trace_kafka;

/* trace_kafka.c. What a child process does. Returns its exit status. */
int trace_kafka_child(char **arguments);

#endif
