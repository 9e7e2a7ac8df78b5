/* The inside of the set, shared by set.c (what is told) and set_batch.c (what is sent). Nobody else
 * includes this. */
#ifndef TROTH_OPS_ALERT_SET_STATE_H
#define TROTH_OPS_ALERT_SET_STATE_H

#include "ops/alert/set.h"

/* How far an alert is on its way. Bits are of targets. */
struct delivery {
    bool live; /* it is there: it lasts, or its end is being told */
    bool ended;
    uint8_t due;      /* it is to be sent to these, */
    uint8_t flying;   /* is being sent to these, */
    uint8_t told;     /* and these may know of it */
    int64_t since_us; /* wall clock, as the next */
    int64_t ended_us;
    int64_t ended_at_us; /* monotonic */
};

struct entry {
    struct delivery delivery;
    uint32_t key; /* a hash of agent and contract */
    uint16_t contract;
    uint8_t form;
    bool seen; /* in the sweep of its partition that goes on */
    bool together;
    struct troth_alert alert;
};

struct contract {
    bool used;
    uint8_t changed;  /* its count has, since it was sent to these; bits are of targets */
    uint32_t singles; /* entries of it that last */
    uint64_t total;   /* standings that are narrowed, over all partitions */
    struct delivery many;
    struct delivery stopped;
    int64_t sent_us[TROTH_ALERT_TARGETS_MAX]; /* monotonic: many, last */
    struct troth_alert alert;                 /* the last that was told of a standing of it */
    struct troth_alert outage;
    unsigned worst_count;
    struct troth_alert_worst worst[TROTH_ALERT_WORST_MAX];
    uint32_t narrowed[TROTH_ALERT_PARTITIONS_MAX]; /* standings, by partition */
};

struct partition {
    uint64_t source; /* who tells of it; 0: nobody */
    bool sweeping;
};

struct troth_alert_set {
    struct troth_alert_set_config config;
    uint8_t targets; /* a bit each */
    uint32_t sweeping;
    uint32_t live; /* entries */
    uint64_t dropped;
    int64_t resend_at_us[TROTH_ALERT_TARGETS_MAX]; /* monotonic */
    struct partition partitions[TROTH_ALERT_PARTITIONS_MAX];
    struct entry entries[TROTH_ALERT_ENTRIES_MAX];
    struct contract contracts[TROTH_ALERT_CONTRACTS_MAX];
};

/* set_batch.c. An alert lasts, and is news. */
void troth_alert_delivery_raise(const struct troth_alert_set *set, struct delivery *delivery,
                                int64_t since_us);

/* It has ended; nobody is told who does not know of it. */
void troth_alert_delivery_end(struct delivery *delivery, const struct troth_alert_now *now);

/* Takes an entry out. */
void troth_alert_entry_free(struct troth_alert_set *set, struct entry *entry);

#endif
