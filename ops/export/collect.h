/*
 * What Kafka holds of one agent, for an export: read once, in an order in which it fits together.
 *
 * The standings are read before the interventions, and what a standing does not know of yet is left
 * out: what a transaction changed in both is then in both or in neither.
 *
 * Threads: one. Memory: a collection owns all that it gives, at most about twice what an export may
 * be long.
 */
#ifndef TROTH_OPS_EXPORT_COLLECT_H
#define TROTH_OPS_EXPORT_COLLECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/config/config.h"
#include "ops/export/file.h"
#include "ops/kafka/scan.h"
#include "schemas/status.h"

/* A record that is kept. */
struct troth_export_record {
    int64_t offset;
    int64_t timestamp_us;
    json_t *object;     /* of JSON: parsed; of a decision: as people read it */
    json_t *signatures; /* of a contract or a decision: the values of its headers */
    uint8_t *value;     /* else NULL */
    size_t length;
    int64_t era; /* of an intervention */
    bool ruling;
};

struct troth_export_records {
    struct troth_export_record *items;
    size_t count;
    size_t capacity;
};

/* What is known of the agent under one contract. */
struct troth_export_subject {
    char contract[TROTH_NAME_LENGTH_MAX + 1];
    bool has_standing; /* a record of it was found, */
    bool ended;        /* which was a tombstone */
    int64_t standing_offset;
    uint8_t *standing;
    size_t standing_length;
    int64_t true_until; /* the offset of telemetry that it is true for */
    int64_t clock_us;   /* and the shard's clock there */
    int64_t version;    /* that it is under */
    int rung;           /* where it is */
    int64_t since_us;
    int begin_rung; /* where the export begins; -1: not known so far */
    int64_t begin_since_us;
    const char *because; /* as in the file; NULL: not known so far */
    int64_t version_low; /* of the contract, that are named; 0: none */
    int64_t version_high;
    int64_t cause_offset; /* of the last intervention taken, and its ordinal */
    unsigned ordinal;
};

struct troth_export_collection {
    const struct troth_config *config;
    const char *agent;
    const char *only;
    int64_t since_us;
    int64_t era;
    char topics[5][TROTH_KAFKA_NAME_LENGTH];
    struct troth_export_range telemetry;
    struct troth_export_range interventions;
    struct troth_export_range decisions;
    struct troth_export_range contracts;
    struct troth_export_range standings;
    struct troth_export_subject *subjects;
    size_t subject_count;
    struct troth_export_records told;      /* interventions and rulings */
    struct troth_export_records decided;   /* decisions */
    struct troth_export_records versions;  /* contracts */
    struct troth_export_records witnesses; /* telemetry; value NULL: it has expired */
    json_t *ids;                           /* of what was told: a set */
    json_t *named;                         /* of decisions that it names: a set */
    size_t bytes;                          /* kept so far */
    uint64_t seen;                         /* records read so far */
    struct troth_scan scan;
    char error[TROTH_KAFKA_ERROR_LENGTH];
};

/*
 * Reads it all.
 * In only: a contract, or NULL. In since_us: 0: from the beginning.
 * Out collection: to be given to troth_export_collection_fini in every case.
 * Returns TROTH_OK; TROTH_NOT_FOUND (nothing is known of the agent, or a topic is not there);
 * TROTH_FULL (more than an export may hold) or what Kafka says; with the collection's error.
 */
TROTH_MUST_CHECK
troth_status troth_export_collect(struct troth_export_collection *collection,
                                  const struct troth_config *config, const char *agent,
                                  const char *only, int64_t since_us);

void troth_export_collection_fini(struct troth_export_collection *collection);

/* The parts, in their order; each returns as the whole. */
troth_status troth_export_collect_standings(struct troth_export_collection *collection);
troth_status troth_export_collect_told(struct troth_export_collection *collection);
troth_status troth_export_collect_decisions(struct troth_export_collection *collection);
troth_status troth_export_collect_contracts(struct troth_export_collection *collection);
troth_status troth_export_collect_witnesses(struct troth_export_collection *collection);

/* ---- Shared by the parts. ---- */

/* Returns what is known of a contract, noting it where it is new; NULL: one contract too many. */
struct troth_export_subject *troth_export_subject(struct troth_export_collection *collection,
                                                  const char *contract);

/* Keeps a record: of its value a copy; in value: NULL: none. Returns it, or NULL: there is no room,
 * with the collection's error. */
struct troth_export_record *troth_export_keep(struct troth_export_collection *collection,
                                              struct troth_export_records *records, int64_t offset,
                                              const void *value, size_t length);

/* Gives a record that is kept its value, of which it has none yet. Returns as above. */
bool troth_export_keep_value(struct troth_export_collection *collection,
                             struct troth_export_record *record, const void *value, size_t length);

/* Says that there is more than an export holds. */
void troth_export_tell_full(struct troth_export_collection *collection);

/* When the log took a record, microseconds. */
int64_t troth_export_time_us(const rd_kafka_message_t *message);

/* Whether a record's key is the agent's name. */
bool troth_export_is_of(const struct troth_export_collection *collection,
                        const rd_kafka_message_t *message);

/* Fills in a topic's range, as it is now. In place: of its name in the collection. In keyed: the
 * partition is the agent's, else 0. */
troth_status troth_export_open_range(struct troth_export_collection *collection, unsigned place,
                                     const char *suffix, bool keyed,
                                     struct troth_export_range *range);

/* Reads a range that was opened, showing how far it is. */
troth_status troth_export_scan(struct troth_export_collection *collection,
                               const struct troth_export_range *range, troth_scan_take *take);

/* The signatures that a record bears: an array of its headers' values. */
json_t *troth_export_signatures(const rd_kafka_message_t *message);

/* Whether a record of troth.interventions is an intervention or a ruling under a contract that is
 * wanted. In only: as above. */
bool troth_export_is_told(const json_t *object, const char *only, bool *ruling);

#endif
