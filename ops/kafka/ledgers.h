/*
 * The weeks' ledgers in the topic of standings: the topic read whole, of which the last record of
 * each partition, contract and week is kept (schemas/reviews.md).
 *
 * Threads: one. Memory: what is kept, of two weeks, is the result's.
 */
#ifndef TROTH_OPS_KAFKA_LEDGERS_H
#define TROTH_OPS_KAFKA_LEDGERS_H

#include <jansson.h>
#include <stdint.h>

#include "consumers/kafka/client.h"
#include "ops/config/config.h"
#include "schemas/contract.h"
#include "schemas/status.h"
#include "schemas/week.h"

struct troth_ledgers {
    const char *contract; /* kept alone; NULL: every one. Borrowed */
    int64_t number;       /* of the week; it and the one before are kept */
    json_t *records;      /* by contract, by week's label, by partition: the JSON's text */
    int32_t partitions;   /* of the topic */
    uint64_t read;        /* records of the topic */
    int64_t first;        /* number of the oldest week that the topic has; -1: it has none */
    int64_t last;         /* likewise the newest */
};

/*
 * Reads PREFIX.standings, committed records alone, from its beginning to what is its end now.
 * In contract: or NULL. In number: of the week.
 * Out ledgers: to be given to troth_ledgers_fini in every case.
 * Out error: TROTH_KAFKA_ERROR_LENGTH bytes: why it failed and what would be right.
 * Returns TROTH_OK, TROTH_INVALID, TROTH_UNREACHABLE, TROTH_NOT_FOUND, TROTH_TIMED_OUT (nothing
 * came for half a minute), TROTH_REFUSED or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_ledgers_read(struct troth_ledgers *ledgers, const struct troth_config *config,
                                const char *contract, int64_t number, char *error);

void troth_ledgers_fini(struct troth_ledgers *ledgers);

#endif
