/*
 * Those who are alerted, as the worker sees them: told of each standing that is narrowed, as it
 * happens, and of each that is not any more, once that is committed.
 *
 * What is told is a change, or part of a sweep: all that is narrowed of one partition, said anew
 * between SWEEP and SWEPT, so that whoever listens can forget what was not said. A partition is
 * swept when it has been restored, when a contract of it changed, and when the listener asks for it
 * (wanted), since it lost something or wants to know again what it did not keep.
 *
 * Only enforced standings at narrow, review or pause are told of. What is advised or in the shadow
 * takes nothing from an agent; and recertify is where everybody starts and where the silent go, so
 * nobody is woken for it.
 *
 * Threads: tell from any, several at a time; it copies and never waits. Memory: the caller's.
 */
#ifndef TROTH_CONSUMERS_ALERTS_H
#define TROTH_CONSUMERS_ALERTS_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/contract.h"
#include "schemas/event.h"
#include "scoring/standing.h"

enum { TROTH_ALERT_WITNESSES_MAX = TROTH_WITNESSES_MAX + 1 };

enum troth_alert_kind {
    TROTH_ALERT_RAISED,  /* a standing is narrowed: just now, or as a sweep finds it */
    TROTH_ALERT_ENDED,   /* it is not any more, and that is committed */
    TROTH_ALERT_SWEEP,   /* all of a partition that is narrowed follows */
    TROTH_ALERT_SWEPT,   /* and was told: what was not is not narrowed */
    TROTH_ALERT_DROPPED, /* the partition goes to somebody else, who tells of it from now on */
    TROTH_ALERT_STOPPED  /* a contract's telemetry has stopped, or (narrowed is 0) is there again */
};

/* What is told. Of ENDED only agent, contract and what is not of the cause; of the rest from SWEEP
 * on partition, source and sweep; of STOPPED contract, since_us and narrowed, the standings that it
 * has narrowed. */
struct troth_alert {
    uint8_t kind;        /* enum troth_alert_kind */
    uint8_t rung;        /* enum troth_rung */
    uint8_t condition;   /* enum troth_condition of the last change of rung */
    uint8_t consequence; /* enum troth_consequence of the contract */
    uint8_t agent_length;
    uint8_t witness_count;
    uint16_t score; /* 0..1000 */
    int32_t partition;
    uint32_t narrowed;         /* standings of the contract in this partition that are, with this */
    uint64_t source;           /* the worker that tells; another's word on a partition is void */
    uint64_t sweep;            /* number that was wanted when the sweep began */
    int64_t since_us;          /* when the rung was entered, the log's time */
    int64_t time_to_narrow_us; /* -1: not known, or not a narrowing */
    double observed;           /* as in struct troth_cause */
    double limit;
    int64_t witnesses[TROTH_ALERT_WITNESSES_MAX]; /* offsets in the partition: the cause's first */
    char agent[TROTH_AGENT_LENGTH_MAX];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    char term[TROTH_NAME_LENGTH_MAX + 1]; /* "": none */
    char owner[TROTH_AGENT_LENGTH_MAX + 1];
};

struct troth_alerts {
    /* Takes a copy. Returns whether there was room; where there was none, another sweep is wanted.
     */
    bool (*tell)(struct troth_alerts *alerts, const struct troth_alert *alert);
    /* Returns the number of the sweep that is wanted, from 1; it grows. */
    uint64_t (*wanted)(struct troth_alerts *alerts);
    /* Returns whether a sweep may go on: it leaves room for what happens. */
    bool (*has_room)(struct troth_alerts *alerts);
};

#endif
