/*
 * The inside of a shard, shared by shard.c (the stream of records), shard_standings.c (standings
 * that begin, move and end), shard_contracts.c (contracts coming, changing and going), shard_idle.c
 * (agents that go), shard_decide.c (what people decide), shard_review.c (reviews and the week),
 * shard_versions.c (new versions of agents) and shard_snapshot.c (standings written down and
 * restored). Nobody else includes this, but for bench/apply.c, which looks
 * at the agents alone.
 */
#ifndef TROTH_SCORING_SHARD_STATE_H
#define TROTH_SCORING_SHARD_STATE_H

#include <string.h>

#include "scoring/agents.h"
#include "scoring/blocks.h"
#include "scoring/evidence.h"
#include "scoring/sequence.h"
#include "scoring/shard.h"

enum {
    GROUP = 512,     /* deadlines whose least one is kept: a clock step looks at these first */
    MARK_LIVE = 1,   /* the index is in use */
    MARK_LISTED = 2, /* the standing ended while it was on the list of those that changed, */
    MARK_LATER = 4   /* or on that of those that only time did */
};

/* Standings to be looked at, each at most once. */
struct troth_ring {
    uint32_t *standings;
    uint32_t first;
    uint32_t count;
};

/* A contract in force. */
struct troth_slot {
    const struct troth_rules *rules; /* NULL: free */
    struct troth_instant now;        /* of the clock */
    struct troth_instant past;       /* of the deadline handled last */
    struct troth_readings readings;
    uint32_t rungs[TROTH_RUNG_COUNT]; /* standings on each */
    struct troth_week *week;          /* the ledger */
};

/* Of a standing's reviews. */
struct troth_review {
    int64_t since_us; /* WAITING: when the clock was set; open: when it was opened; else nothing */
    int64_t fell_us;  /* when it left clear or warn for worse; TROTH_NEVER_US: it did not, or is
                         there again */
};

/* A place in the log. */
struct troth_since {
    int64_t offset;
    int64_t clock_us; /* of the shard before that record */
};

struct troth_shard {
    struct troth_shard_config config;
    int64_t clock_us;
    int64_t before_us;  /* the clock before the record applied last */
    int64_t offset;     /* of the record applied last; -1 before the first */
    int64_t next_us;    /* no deadline is earlier, nor is: */
    int64_t look_us;    /* when idle agents are looked for next; TROTH_LAST_US: never */
    uint32_t standings; /* one past the greatest index */
    uint32_t live;
    uint32_t free_standing; /* first of the list of free indices, linked by lines[] */
    uint32_t generation;    /* of the set of contracts; starts at 1 */
    uint32_t slot_count;
    uint32_t sequence_count; /* one past the greatest index of sequence windows so far */
    uint32_t free_sequences; /* first of the list of free ones, linked by `uses`; or TROTH_NONE */
    uint32_t dirty_taken;    /* how many were, modulo 2^32: whose turn it is */
    uint32_t unsaved_first;  /* the ring of agents that changed since they were written down */
    uint32_t unsaved_count;
    struct troth_shard_counts counts;
    struct troth_agents agents;
    struct troth_blocks blocks;
    int64_t *deadlines;      /* by standing; TROTH_LAST_US where there is none */
    int64_t *group_us;       /* by GROUP standings: no deadline of theirs is earlier */
    uint32_t *lines;         /* by standing: its block; or, free, the next free index */
    struct troth_ring dirty; /* changed standings, */
    struct troth_ring later; /* and those that only time changed */
    uint8_t *marks;          /* by standing: MARK_* */
    uint32_t *docket_of;     /* by standing that has one: its docket */
    struct troth_docket *dockets;
    uint32_t docket_count; /* one past the greatest index of a docket so far */
    uint32_t free_docket;  /* first of the list of free ones; TROTH_NONE */
    struct troth_sequences *sequences;
    uint32_t *unsaved;                 /* the agents, in the order of: */
    struct troth_since *unsaved_since; /* the first records that changed them since */
    int64_t
        *true_until; /* by agent, while it is ahead: offset up to which its standings are true */
    struct troth_review *reviews; /* by standing */
    struct troth_week *weeks;     /* by slot */
    int64_t week_end_us;          /* of the week that the clock is in */
    int64_t counts_from;          /* the first record that the ledgers do not know */
    struct troth_week uncounted;  /* what the others did */
    struct troth_slot slots[TROTH_CONTRACTS_MAX];
};

/* Whether the ledgers count the record that is being applied. */
static inline bool troth_shard_counts(const struct troth_shard *shard)
{
    return shard->offset >= shard->counts_from;
}

/* The ledger that it is counted in. */
static inline struct troth_week *troth_shard_week(struct troth_shard *shard, unsigned slot)
{
    return troth_shard_counts(shard) ? &shard->weeks[slot] : &shard->uncounted;
}

static inline struct troth_standing *troth_shard_at(const struct troth_shard *shard,
                                                    uint32_t standing)
{
    return (struct troth_standing *)troth_blocks_at(&shard->blocks, shard->lines[standing]);
}

/* The docket of a standing that has one. */
static inline struct troth_docket *troth_shard_docket(const struct troth_shard *shard,
                                                      uint32_t standing)
{
    return &shard->dockets[shard->docket_of[standing]];
}

/* Looks at a standing at an instant, with its docket. */
static inline void troth_shard_sight(const struct troth_shard *shard, uint32_t index,
                                     const struct troth_standing *standing,
                                     const struct troth_instant *instant, struct troth_sight *sight)
{
    troth_sight_init(sight, shard->slots[standing->contract].rules, standing,
                     standing->docketed ? troth_shard_docket(shard, index) : NULL, instant);
}

/* Whether an event reaches a contract that applies to its agent: an agent's own events reach all.
 */
static inline bool troth_shard_reaches(const struct troth_event *event,
                                       const struct troth_contract *contract)
{
    if (event->source == TROTH_SOURCE_SELF || event->contract.data == NULL) {
        return true;
    }
    return strlen(contract->name) == event->contract.length &&
           memcmp(contract->name, event->contract.data, event->contract.length) == 0;
}

/* Every change of a standing's rung is booked: in from, to: TROTH_RUNG_COUNT where it begins or
 * ends. */
static inline void troth_shard_book_rung(struct troth_shard *shard, unsigned slot, unsigned from,
                                         unsigned to)
{
    uint32_t *rungs = shard->slots[slot].rungs;
    if (from < TROTH_RUNG_COUNT) {
        rungs[from]--;
    }
    if (to < TROTH_RUNG_COUNT) {
        rungs[to]++;
    }
}

/* Puts a standing on the list of those that changed; troth_shard_mark_dirty for who has it at hand.
 * One that time changed first, and then something else, is on both: on the second it is passed
 * over when it comes. */
static inline void troth_shard_note(struct troth_shard *shard, uint32_t index,
                                    struct troth_standing *standing, unsigned flags)
{
    const unsigned listed = TROTH_DIRTY_LISTED | (flags & TROTH_DIRTY_LATER);
    if (!(standing->dirty & listed)) {
        struct troth_ring *ring = flags & TROTH_DIRTY_LATER ? &shard->later : &shard->dirty;
        uint32_t end = ring->first + ring->count;
        end = end < shard->config.standings_max ? end : end - shard->config.standings_max;
        ring->standings[end] = index;
        ring->count++;
        standing->dirty |= flags & TROTH_DIRTY_LATER ? TROTH_DIRTY_LATER : TROTH_DIRTY_LISTED;
    }
    standing->dirty |= flags & TROTH_DIRTY_CHANGES;
}

/* Notes that the record being applied changed something of an agent that its standings' records
 * must say. */
static inline void troth_shard_note_agent(struct troth_shard *shard, uint32_t agent)
{
    if (!shard->agents.agents[agent].unsaved) {
        uint32_t end = shard->unsaved_first + shard->unsaved_count;
        end = end < shard->config.agents_max ? end : end - shard->config.agents_max;
        shard->agents.agents[agent].unsaved = true;
        shard->unsaved[end] = agent;
        shard->unsaved_since[end] = (struct troth_since){shard->offset, shard->before_us};
        shard->unsaved_count++;
    }
}

/* Begins a standing of an agent under the contract in a slot, at the clock. Returns false when
 * there is no room. */
bool troth_shard_begin(struct troth_shard *shard, uint32_t agent, unsigned slot);

/* Takes back a standing that has just begun, as if it never had. */
void troth_shard_unbegin(struct troth_shard *shard, uint32_t standing);

/* Ends a standing: takes it from its agent, gives its block and index back, and tells. Whoever ends
 * it sees to the agent next. */
void troth_shard_end(struct troth_shard *shard, uint32_t standing);

/* Sees to an agent that may have lost its last standing: without sequence windows either, it goes;
 * with some it must be written down anew. */
void troth_shard_see_to_agent(struct troth_shard *shard, uint32_t agent);

/* Removes an agent without a standing, with its sequence windows, and tells. */
void troth_shard_drop_agent(struct troth_shard *shard, uint32_t agent);

/* Returns the agent's sequence windows, made where it has none. */
struct troth_sequences *troth_shard_sequences(struct troth_shard *shard, struct troth_agent *agent);

/* Looks at a standing and lets it take at most one step. In offset: of the record that caused the
 * look. In worsened: as troth_ladder_step. Returns whether its rung or its phase changed, so that
 * its deadline must be set anew. */
bool troth_shard_settle(struct troth_shard *shard, uint32_t index, struct troth_standing *standing,
                        struct troth_sight *sight, int64_t offset, bool worsened);

/* Writes a step into a standing, and tells of it. In decision: that it came of; NULL: the ladder.
 */
void troth_shard_take_step(struct troth_shard *shard, uint32_t index,
                           struct troth_standing *standing, struct troth_sight *sight,
                           const struct troth_step *step, int64_t offset,
                           const struct troth_decision *decision);

/* shard_decide.c. Gives a standing a docket, where it has none. Returns it, or NULL: all are in
 * use.
 */
struct troth_docket *troth_shard_make_docket(struct troth_shard *shard, uint32_t standing);

/* Takes a standing's docket back. */
void troth_shard_drop_docket(struct troth_shard *shard, uint32_t standing);

/* Counts the uses of waivers that a record made. In offset: of the record, applied. */
void troth_shard_note_uses(struct troth_shard *shard, uint32_t standing, int64_t offset);

/* What the version of its agent that an event bears did to a standing. */
enum troth_hearing {
    TROTH_HEARD_NOTHING,
    TROTH_HEARD_ANEW,   /* it was at recertify, and starts anew there */
    TROTH_HEARD_ENTERED /* it has entered recertify: the event's change of rung */
};

/* shard_versions.c. Hears which version of its agent an event bears, before its evidence is taken.
 * In standing: of a contract that asks; its slot's `now` is the clock. In event, moment: that reach
 * it. Where it returns anything but NOTHING the deadline must be set. */
enum troth_hearing troth_shard_hear(struct troth_shard *shard, uint32_t index,
                                    struct troth_standing *standing,
                                    const struct troth_event *event,
                                    const struct troth_moment *moment);

/* Sets a standing's next deadline, as the sight sees it. */
void troth_shard_schedule(struct troth_shard *shard, uint32_t index, struct troth_sight *sight);

/* Sets a standing's next deadline to a time. */
void troth_shard_set_deadline(struct troth_shard *shard, uint32_t index, int64_t due_us);

/* Notes with the agent what the events of its first standing will touch. */
static inline void troth_shard_note_first(struct troth_agent *agent,
                                          const struct troth_standing *standing)
{
    agent->certifying = standing->rung == TROTH_RUNG_RECERTIFY;
    agent->looked_at = standing->rung != TROTH_RUNG_CLEAR && !agent->certifying;
}

/* The same, if this is its first standing. */
void troth_shard_note_rung(struct troth_shard *shard, uint32_t index,
                           const struct troth_standing *standing);

/* Returns the slot of the contract of that name, or TROTH_CONTRACTS_MAX. */
unsigned troth_shard_find_slot(const struct troth_shard *shard, struct troth_text name);

/* Handles every deadline up to a time, the clock or before it. In offset: of the record that moved
 * the clock. */
void troth_shard_run_deadlines(struct troth_shard *shard, int64_t offset, int64_t until_us);

/* shard_review.c. The clock moves on: deadlines and the ends of weeks, in their order. */
void troth_shard_enter_time(struct troth_shard *shard, int64_t time_us, int64_t offset);

/* Tells of the ledger of a contract, as it is about to begin anew, or the contract to go. */
void troth_shard_end_week(const struct troth_shard *shard, unsigned slot);

/* A standing has taken a step. In onset_us: of the causing term, where its CUSUM is above 0; else
 * TROTH_NEVER_US. */
void troth_shard_review_step(struct troth_shard *shard, uint32_t index,
                             struct troth_standing *standing, const struct troth_step *step,
                             int64_t time_us, int64_t onset_us,
                             const struct troth_decision *decision);

/* A decision was taken, and what it says is done. In applied: the rung has changed by it. */
void troth_shard_review_decided(struct troth_shard *shard, uint32_t index,
                                struct troth_standing *standing, unsigned action, bool applied);

/* Somebody takes an open review upon them. Returns the ruling. */
unsigned troth_shard_claim_review(struct troth_shard *shard, uint32_t index,
                                  const struct troth_standing *standing,
                                  const struct troth_decision *decision);

/* A standing ends. */
void troth_shard_drop_review(struct troth_shard *shard, const struct troth_standing *standing);

/* Returns when the clock opens a review, or TROTH_LAST_US. */
int64_t troth_shard_review_due_us(const struct troth_shard *shard, uint32_t index,
                                  const struct troth_standing *standing);

/* Opens it where that time has come. Returns whether it did. */
bool troth_shard_review_by_clock(struct troth_shard *shard, uint32_t index,
                                 struct troth_standing *standing, int64_t time_us);

/* Remembers what an EXCEPTION event lets pass, where it says whose it is and until when. */
void troth_shard_note_exception(struct troth_shard *shard, uint32_t index,
                                const struct troth_event *event, int64_t at_us);

/* shard_idle.c. Plans the next look for idle agents, after the clock. */
void troth_shard_plan_look(struct troth_shard *shard);

/* Looks for idle agents, at the clock, after all deadlines up to it. */
void troth_shard_look_for_idle(struct troth_shard *shard);

/* Looks at a standing again at the clock, after its contract changed, and sets its deadline. */
void troth_shard_reconsider(struct troth_shard *shard, uint32_t standing);

#endif
