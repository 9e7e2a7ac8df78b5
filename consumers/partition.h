/*
 * A telemetry partition that a worker owns: its shard, how far it is, and what of it is published.
 *
 * Threads: its worker's. Memory: mapped when the partition is assigned, sized by configuration, and
 * given back when it is revoked; pages are touched as standings come.
 */
#ifndef TROTH_CONSUMERS_PARTITION_H
#define TROTH_CONSUMERS_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/log.h"
#include "consumers/outage.h"
#include "consumers/partition_record.h"
#include "consumers/weeks.h"
#include "scoring/shard.h"

/* What the store was last told of a standing. */
struct troth_published {
    int64_t at_us; /* the shard's clock then */
    int64_t good_until_us;
    uint16_t score;
    uint8_t rung;
    bool known : 1;    /* something was published since the store was last connected */
    bool guarded : 1;  /* its agent is, or may be, shown as guarded for it (worker/guard.c) */
    bool reviewed : 1; /* it was shown with an open review, */
    bool indebted : 1; /* and with an exception */
    uint8_t hit : 2; /* 1 + the rung that it was hit at by an outage, clear or warn; 0: it is not */
    uint32_t
        widened; /* number of the commit that its last widening waits, or waited, for; 0: none */
};

/* A standing that has ended, and whose row is to go from the store. */
struct troth_removal {
    uint8_t agent_length;
    char agent[TROTH_AGENT_LENGTH_MAX];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
};

enum {
    TROTH_REMOVALS_MAX = 4096 /* remembered, of a partition */
};

/* How a partition stands with the store. */
enum troth_view {
    TROTH_VIEW_UNOWNED, /* the store does not know yet that it is ours */
    TROTH_VIEW_OWNED,
    TROTH_VIEW_FENCED /* it is another's there: nothing of it is published any more */
};

/* What is published anew next, the least trusted first. */
enum troth_anew {
    TROTH_ANEW_DONE,   /* everything has been, and that was told to the store */
    TROTH_ANEW_NARROW, /* narrow and worse */
    TROTH_ANEW_WARN,
    TROTH_ANEW_CLEAR,
    TROTH_ANEW_TELL /* nothing but to tell it */
};

/* What was told of an outage. */
struct troth_outage_told {
    char contract[TROTH_NAME_LENGTH_MAX + 1]; /* empty: nothing was */
    bool running;
    bool due; /* it is to be told anew */
    int64_t begun_us;
    uint32_t hit;
};

struct troth_partition {
    int32_t number;
    bool measured;          /* its extent is known; it starts once the contracts are read */
    bool started;           /* the log gives its records */
    bool waits;             /* at a pointer, for what it names: nothing is applied meanwhile */
    bool caught_up;         /* it has read what was in the log when it was assigned */
    bool check_pointers;    /* something may be to be pointed to */
    int64_t next_offset;    /* of the record to apply next */
    int64_t restored_until; /* records before this offset are applied in silence */
    int64_t end_offset;     /* one past the last record when it was assigned */
    int64_t low_offset;     /* the first record of its log that was kept, when it was assigned */
    int64_t lost;           /* records that were needed and are not kept any more */
    int64_t settled_until;  /* pointers before this offset are judged by what is read by now */
    int64_t point_after_us; /* monotonic: when a pointer is sent next, at the earliest */
    int64_t decided;        /* all decisions up to this offset were ruled, or are of others; -1 */
    int64_t ruled[TROTH_RULED_AHEAD]; /* offsets past it of those that were */
    unsigned ruled_count;
    int64_t decision_pointed; /* up to here they were looked at, to be pointed to */
    int64_t committed;        /* last committed, or TROTH_OFFSET_NONE */
    int64_t heard_us;         /* monotonic: when a record last came, or a tick was sent */
    /* Of the claim, and of what was written down before (worker/restore.c). */
    bool claim_due;        /* a claim is to be committed */
    bool claimed;          /* it is */
    bool recalled;         /* standings are being read, */
    bool restored;         /* or have been */
    uint64_t claim_number; /* among this worker's claims; 0: none was sent */
    int64_t claim;         /* its offset, the fencing token; -1: none yet */
    int64_t genesis_era;   /* 0: there is none */
    int64_t saved_era;     /* of the last checkpoint, and what it says; 0: there is none */
    int64_t saved_offset;
    int64_t saved_told;
    int64_t saved_clock_us;
    char missing[TROTH_NAME_LENGTH_MAX + 24]; /* NAME@VERSION that it needs and cannot have */
    /* Of what is being written down (worker/checkpoint.c). */
    int64_t checkpoint_us; /* the clock where a restart would begin to read; 0: not known */
    int64_t sent_us;       /* the same, of the checkpoint that is being committed */
    bool whole_due;        /* everything must be, before anything else is committed */
    bool saving;           /* something was, and is not committed */
    /* Of the week's ledgers (worker/week.c). */
    struct troth_weeks weeks;
    int64_t weeks_until; /* those written down have counted the records before this offset */
    bool week_due;       /* they are to be written with the next commit, whatever else is */
    /* Of the store (worker/view.c). */
    int64_t found_applied;  /* the offset that the store had applied when it was last owned there */
    uint32_t owned;         /* how often this claim has owned it there */
    uint8_t view;           /* enum troth_view: how it stands with the store */
    uint8_t anew;           /* enum troth_anew: what of it is to be published anew next, */
    uint32_t anew_next;     /* from which standing on */
    uint32_t restates;      /* a commit before which it is not told that everything has been */
    uint64_t removals_next; /* the first that the store was not told of (worker/removals.c) */
    uint64_t removals_end;
    /* Of telemetry that stopped (worker/guard.c). */
    bool outages_known;       /* they were found again, from the standings that it has */
    bool outages_told;        /* the store was told of all that is new of them */
    uint32_t outages_running; /* as the store was told */
    uint32_t hits_next;       /* the first standing that was not looked at to find them again */
    uint32_t guards_next;     /* the first that is to be published for its guard, if it has one, */
    uint32_t guards_end;      /* and one past the last */
    struct troth_outage *outages;          /* by slot */
    struct troth_outage_told *outage_told; /* the same */
    /* Of the alerts (worker/alerts.c). */
    bool sweeping;         /* what is narrowed of it is being told, */
    uint32_t sweep_next;   /* from which standing on; */
    uint32_t sweep_commit; /* all was, and waits for one less than this; 0: it was not */
    uint64_t sweep;        /* number of the sweep that was begun last; 0: none was */
    bool sweep_due;        /* another is to begin, whatever its number */
    struct troth_shard *shard;
    struct troth_published *published;    /* by standing */
    struct troth_removal *removals;       /* a ring of TROTH_REMOVALS_MAX */
    int64_t pointed[TROTH_CONTRACTS_MAX]; /* by place in the registry: version pointed to last */
    void *memory;
    size_t memory_size;
    void *owner; /* its worker */
};

/* Maps the memory of a partition, all zero but for what is given and the shard.
 * In config: of its shard. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_partition_init(struct troth_partition *partition, int32_t number,
                                  const struct troth_shard_config *config);

/* Gives it back. A partition that is all zero is fine. */
void troth_partition_fini(struct troth_partition *partition);

/* worker/removals.c. Notes that a standing has ended, for troth_worker_remove. */
void troth_partition_note_removal(struct troth_partition *partition, struct troth_text agent,
                                  struct troth_text contract);

/* The store may have come back older: all that are remembered are to be told again. */
void troth_partition_remove_anew(struct troth_partition *partition);

/* Whether what the partition does is told: it has passed what was committed before. */
static inline bool troth_partition_speaks(const struct troth_partition *partition)
{
    return partition->started && partition->next_offset >= partition->restored_until;
}

/*
 * Whether a standing is worth a write: a change of rung, a score past the dead band, or half of the
 * published time to `good_until` gone or moved. In score, good_until_us: now.
 */
bool troth_partition_is_news(const struct troth_published *published, uint32_t dead_band,
                             int64_t clock_us, unsigned rung, uint16_t score,
                             int64_t good_until_us);

/* Whether half of the published time to `good_until` is gone. */
bool troth_partition_is_stale(const struct troth_published *published, int64_t clock_us);

/* Whether kept evidence alone, on top of what is published, cannot be news yet: so that the score
 * need not be computed. */
bool troth_partition_is_settled(const struct troth_published *published, uint32_t dead_band,
                                int64_t clock_us);

#endif
