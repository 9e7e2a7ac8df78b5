/*
 * A decision: what a person said about one agent under one contract, and what became of it.
 *
 * The names, their order and their numbers are those of schemas/decision.avsc; what each action
 * does is told in schemas/decisions.md.
 *
 * Memory: a decision owns nothing; its texts live as long as the bytes that it was read from.
 * Threads: plain data.
 */
#ifndef TROTH_SCHEMAS_DECISION_H
#define TROTH_SCHEMAS_DECISION_H

#include <stdint.h>

#include "schemas/event.h"

/* X(NAME, "name in JSON and in commands"); Avro's symbol is NAME. Order is Avro's order. */
#define TROTH_ACTIONS(X)                                                                           \
    X(KEEP, "keep")                                                                                \
    X(NARROW, "narrow")                                                                            \
    X(REVIEW, "review")                                                                            \
    X(PAUSE, "pause")                                                                              \
    X(RESTORE, "restore")                                                                          \
    X(RECERTIFY, "recertify")                                                                      \
    X(WAIVE, "waive")                                                                              \
    X(DISPUTE_OPEN, "dispute_open")                                                                \
    X(DISPUTE_UPHOLD, "dispute_uphold")                                                            \
    X(DISPUTE_REJECT, "dispute_reject")                                                            \
    X(CLAIM, "claim")

#define TROTH_ENUMERATE_ACTION(NAME, text) TROTH_ACTION_##NAME,
enum troth_action { TROTH_ACTIONS(TROTH_ENUMERATE_ACTION) TROTH_ACTION_COUNT };
#undef TROTH_ENUMERATE_ACTION

/* X(NAME, "name", "what it means, and what mends it") */
#define TROTH_RULINGS(X)                                                                           \
    X(APPLIED, "applied", "done")                                                                  \
    X(UNCHANGED, "unchanged", "taken; the rung stays as it is")                                    \
    X(REPEATED, "repeated", "a decision of this id was taken before")                              \
    X(MOVED_ON, "moved_on",                                                                        \
      "the standing has changed since: it is not on the rung that was stated; look and decide "    \
      "again")                                                                                     \
    X(NOT_BOUND, "not_bound", "no contract of that name is in force for the agent")                \
    X(NOT_FROM_HERE, "not_from_here",                                                              \
      "restore is for narrow and review alone; the way out of pause is recertify")                 \
    X(NO_TERM, "no_term", "the contract has no such term, or none that this can be said of")       \
    X(NO_RECORD, "no_record",                                                                      \
      "the record cannot be read any more, or is no evidence of the agent for that term")          \
    X(NOT_OPEN, "not_open", "no dispute of that record and term is open, or no review is")         \
    X(NO_ROOM, "no_room", "the shard, or the agent's docket, holds as much as it may")             \
    X(NOT_BELIEVED, "not_believed",                                                                \
      "it is not signed as the engine asks; the engine's log says what is missing")

#define TROTH_ENUMERATE_RULING(NAME, text, meaning) TROTH_RULING_##NAME,
enum troth_ruling { TROTH_RULINGS(TROTH_ENUMERATE_RULING) TROTH_RULING_COUNT };
#undef TROTH_ENUMERATE_RULING

enum {
    TROTH_DECISION_ID_LENGTH = 16,
    TROTH_DECISION_BY_MAX = 256,     /* bytes of a person's name */
    TROTH_DECISION_REASON_MAX = 4096 /* bytes of a reason */
};

struct troth_decision {
    uint8_t id[TROTH_DECISION_ID_LENGTH];
    struct troth_text agent;
    struct troth_text contract;
    struct troth_text by;
    struct troth_text reason;
    struct troth_text term;  /* of a waiver or a dispute; else absent */
    int64_t position;        /* offset of its record; -1: of none */
    int64_t at_us;           /* by the person's clock */
    int64_t until_us;        /* of a waiver, above 0; else 0 */
    struct troth_text topic; /* of a dispute: of the record; else absent */
    int64_t offset;          /* likewise; else -1 */
    int32_t partition;       /* likewise; else -1 */
    uint8_t action;          /* enum troth_action */
    uint8_t expected;        /* the rung that the person saw; TROTH_RUNG_COUNT: not stated */
};

/* Returns what is wrong with a decision, as "key: what must be", or NULL: a name too long or empty,
 * no author or reason, a waiver without term and end, a dispute without term and record, a time out
 * of range. In decision: any values within its types, texts UTF-8 or not. */
const char *troth_decision_check(const struct troth_decision *decision);

/* Finds an action by name. Returns TROTH_ACTION_COUNT: there is none. */
unsigned troth_action_find(struct troth_text name);

/* Returns the name of an action or a ruling, or what a ruling means; never NULL for one in range.
 */
const char *troth_action_name(unsigned action);
const char *troth_ruling_name(unsigned ruling);
const char *troth_ruling_meaning(unsigned ruling);

#endif
