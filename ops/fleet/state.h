/*
 * What a fleet is made of. Private to ops/fleet.
 */
#ifndef TROTH_OPS_FLEET_STATE_H
#define TROTH_OPS_FLEET_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/fleet/choice.h"
#include "ops/fleet/fleet.h"
#include "ops/fleet/random.h"

enum { FLEET_MILLION = 1000000, FLEET_ID_DIGITS = 18 };

/* A number that an agent has taken and not sent yet. */
enum fleet_owed { FLEET_OWED_NOT, FLEET_OWED_HELD, FLEET_OWED_DUE };

/* One agent. Rates are in parts of 2^32. */
struct fleet_member {
    int64_t onset_us;
    int64_t seq;        /* the next number */
    int64_t owed_seq;   /* of the event that comes late */
    int64_t owed_at_us; /* its time */
    uint64_t events;
    uint64_t events_after;
    uint32_t period_ms; /* drifting, rescued: of the rise; flapping: of a phase */
    uint32_t healthy[TROTH_FLEET_RATES];
    uint32_t degraded;
    uint32_t cost_most; /* micros of one task */
    uint32_t last_task;
    uint8_t kind;
    uint8_t term; /* whose rate degrades; NO_TERM where none does */
    uint8_t owed; /* enum fleet_owed */
    bool rescue_due;
    bool leaked;
};

struct troth_fleet {
    struct troth_fleet_config config;
    struct fleet_random random; /* of the events; the agents' own is used up at init */
    struct fleet_member *members;
    struct fleet_column *columns; /* NULL: all alike */
    uint64_t slot;                /* the next one */
    uint64_t slots;
    uint32_t name_digits;
    bool again; /* the last event comes a second time */
    int64_t recorded_at_us;
    struct troth_event event;
    struct troth_verdict verdict;
    struct troth_attribute attribute;
    char name[TROTH_FLEET_NAME_LENGTH];
    char session[FLEET_ID_DIGITS];
    char task[FLEET_ID_DIGITS];
};

/* Returns how many events the duration has room for. */
uint64_t fleet_slots(const struct troth_fleet_config *config);

/* Out name: the agent's. Returns its length. */
uint32_t fleet_name(const struct troth_fleet *fleet, uint32_t agent,
                    char name[TROTH_FLEET_NAME_LENGTH]);

/* Returns the rate, in parts of 2^32, at which a term's evidence breaks at a time. */
uint32_t fleet_rate(const struct fleet_member *member, enum troth_fleet_term term, int64_t time_us);

#endif
