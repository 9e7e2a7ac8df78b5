/*
 * A worker of one partition that walks a fleet's events from the poll to their standings, and what
 * it takes for that, in CPU time of the thread.
 *
 * Events are made and encoded some turns ahead, which is not counted, and lie in memory that is
 * cold by then. Threads: one. Memory: of the walker, until it is closed.
 */
#ifndef TROTH_BENCH_WALK_WALKER_H
#define TROTH_BENCH_WALK_WALKER_H

#include "bench/standard_load.h"

#include "bench/walk/memory_log.h"
#include "consumers/worker.h"

enum { WALKER_TURNS = 16 }; /* so many polls' events are made at a time */

#define WALKER_ROUND ((uint64_t)WALKER_TURNS * TROTH_BATCH_MAX) /* events of so many */

enum walker_choice {
    WALKER_FLEETS, /* of agents, as the fleet is configured */
    WALKER_UNIFORM /* all alike */
};

struct walker_config {
    const char *contract; /* the document of refunds@1; borrowed */
    uint32_t agents;
    uint32_t late_ppm; /* of the events; they fall into older panes of the window */
};

struct walker {
    struct memory_log log;
    struct walker_config config;
    struct troth_fleet *fleet; /* Zipf 1.0 */
    struct troth_worker *worker;
    char *bytes; /* keys and values of a round, and */
    struct troth_log_item *items;
    size_t made; /* how many of the round there are */
    uint64_t random;
    uint64_t late; /* events that were */
    uint64_t events;
};

/* The standard load's three share terms. Of the certified, an agent is certified after five kept
 * pieces of evidence, and what it breaks is taken as where little hangs on it: so a fleet that has
 * just begun is at clear and stays there, and no intervention is among what is measured. */
extern const char walker_contract[];
extern const char walker_contract_certified[];

/* Out walker: with the contract in force. Ends the program, with a message, where there is no
 * memory. */
void walker_open(struct walker *walker, const struct walker_config *config);

/* Gives each agent so many kept events, in an order that has nothing to do with how likely it is to
 * be chosen later. */
void walker_warm(struct walker *walker, unsigned events);

/* Returns CPU-nanoseconds an event of so many rounds, one of which comes before and is not counted
 * where `settle`. */
double walker_take(struct walker *walker, enum walker_choice choice, unsigned rounds, bool settle);

/* The log's time moves on to the next pane of the window, with one event. Returns the
 * CPU-nanoseconds that its turn took. */
double walker_pass_pane(struct walker *walker);

/* All events that were given must have been applied; gives all memory back. */
void walker_close(struct walker *walker);

#endif
