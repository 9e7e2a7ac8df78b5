/*
 * What comes into the simulated cluster from outside: agents' events, operators' contracts, and
 * what nobody should send.
 *
 * Events come twice, out of order, in the wrong partition, without a key, ahead of their time, as
 * garbage, and as forged ticks and pointers. Contracts are of random terms; new versions keep some.
 *
 * Threads: one. Memory: a few events that are held back; sim_stream_fini gives them back.
 */
#ifndef TROTH_TESTS_SIM_STREAM_H
#define TROTH_TESTS_SIM_STREAM_H

#include "tests/sim/sim_member.h"

enum { SIM_AGENTS_MAX = 12, SIM_CONTRACTS_MAX = 3, SIM_KEPT_MAX = 8 };

/* An event that was sent, and may be sent again. */
struct sim_sent {
    char *value;
    size_t length;
    unsigned agent;
};

struct sim_stream {
    struct sim_cluster *cluster;
    unsigned agents;
    unsigned contracts;
    unsigned trouble; /* percent of what can be broken that is */
    bool forges;
    bool decides;   /* people decide */
    bool versions;  /* contracts change in mid-run */
    bool globs;     /* and so does whom they apply to */
    bool fades;     /* half of the agents are silent, by turns, and silences are long */
    unsigned shift; /* the first agent that is not */
    int64_t version[SIM_CONTRACTS_MAX];
    uint64_t seed[SIM_CONTRACTS_MAX]; /* of its terms */
    struct sim_sent kept[SIM_KEPT_MAX];
    size_t kept_count;
    uint64_t sent;
    unsigned decided;
};

void sim_stream_init(struct sim_stream *stream, struct sim_cluster *cluster);
void sim_stream_fini(struct sim_stream *stream);

/* A record of telemetry comes. */
void sim_stream_event(struct sim_stream *stream);

/* An operator pushes a version of a contract, the first or the next. */
void sim_stream_push(struct sim_stream *stream, unsigned contract);

/* A person decides something of an agent, by a record of the decisions topic. */
void sim_stream_decide(struct sim_stream *stream);

/* Returns an agent's name. */
const char *sim_agent_name(unsigned agent);

#endif
