/*
 * Claim: no bytes, read as a standing's record, make the decoder do more than refuse them; and one
 * that it takes encodes, and decodes to the same record again. What a shard then imports, under a
 * contract in force, lives on in it for an hour of deadlines, is looked at, and is written down as
 * a record that restores.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/partition_record.h"
#include "consumers/standing_record.h"
#include "schemas/assert.h"
#include "scoring/outlook.h"
#include "scoring/shard_snapshot.h"

#define HOUR_US INT64_C(3600000000)

/* The contract of tests/golden_standings, so that its records are a corpus. */
static const char contract_text[] =
    "{contract: golden, version: 3, promise: p, owner: o, consequence: medium, window: 10m, "
    "panes: 5, hold: 1m, certify: {confidence: 0.6, within: 1h}, terms: ["
    "{name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 2, fresh: 2}, "
    "{name: complete, completeness: true, floor: 0.8, required: false}, "
    "{name: grounded, judged: {by: [judge]}, floor: 0.7, required: false}, "
    "{name: no-leak, never: {kind: exception}}, "
    "{name: spend, budget: {sum: cost_micros, at_most: 1000}}, "
    "{name: audited, cadence: {when: {kind: heartbeat}, every: 20m}, required: false}]}";

static struct troth_contract contract;
static struct troth_rules rules;
static struct troth_snapshot snapshot;
static struct troth_snapshot again;
static uint8_t buffers[2][TROTH_STANDING_LENGTH_MAX];
static void *memory;

static const struct troth_shard_config config = {
    .agents_max = 2, .standings_max = 2, .standing_bytes = 4096, .max_ahead_us = 60000000};

static void prepare(void)
{
    static struct troth_problems problems;
    TROTH_ASSERT(troth_contract_parse(contract_text, sizeof contract_text - 1, &contract,
                                      &problems) == TROTH_OK);
    troth_rules_init(&rules, &contract);
    memory = aligned_alloc(64, (troth_shard_size(&config) + 63) / 64 * 64);
    TROTH_ASSERT(memory != NULL);
}

/* Lets a standing live for an hour, and writes it down. */
static void live_on(struct troth_shard *shard, uint32_t standing)
{
    struct troth_standing_view view;
    size_t length;
    int64_t good_until_us;
    int64_t offer_until_us;
    TROTH_ASSERT(troth_shard_view(shard, standing, &view));
    (void)troth_outlook_score(&view.sight);
    troth_outlook_until(&view.sight, &good_until_us, &offer_until_us);
    const int64_t clock_us = troth_shard_clock_us(shard);
    TROTH_ASSERT(troth_shard_apply(shard, clock_us + HOUR_US, troth_shard_offset(shard) + 1, NULL,
                                   0) == TROTH_OK);
    TROTH_ASSERT(troth_shard_export(shard, standing, &again));
    TROTH_ASSERT(troth_standing_encode(&again, buffers[1], sizeof buffers[1], &length) == TROTH_OK);
    TROTH_ASSERT(troth_standing_decode(buffers[1], length, &again) == TROTH_OK);
    TROTH_ASSERT(troth_shard_import(shard, &again, &standing) == TROTH_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = 0;
    size_t length_again = 0;
    uint32_t standing = 0;
    if (memory == NULL) {
        prepare();
    }
    const troth_status status = troth_standing_decode(data, size, &snapshot);
    if (status != TROTH_OK) {
        TROTH_ASSERT(status == TROTH_UNDECODABLE || status == TROTH_OVER_LIMIT ||
                     status == TROTH_INVALID || status == TROTH_UNSUPPORTED);
        return 0;
    }
    TROTH_ASSERT(troth_standing_encode(&snapshot, buffers[0], sizeof buffers[0], &length) ==
                 TROTH_OK);
    TROTH_ASSERT(troth_standing_decode(buffers[0], length, &again) == TROTH_OK);
    TROTH_ASSERT(troth_standing_encode(&again, buffers[1], sizeof buffers[1], &length_again) ==
                 TROTH_OK);
    TROTH_ASSERT(length == length_again && memcmp(buffers[0], buffers[1], length) == 0);
    if (snapshot.clock_us < 0 || snapshot.clock_us > TROTH_SNAPSHOT_MAX || snapshot.offset < -1) {
        return 0;
    }
    memset(memory, 0, troth_shard_size(&config));
    struct troth_shard *shard = troth_shard_init(memory, &config);
    TROTH_ASSERT(troth_shard_contract(shard, &rules) == TROTH_OK);
    troth_shard_resume(shard, snapshot.clock_us, snapshot.offset);
    if (troth_shard_import(shard, &snapshot, &standing) == TROTH_OK &&
        snapshot.offset < (INT64_C(1) << 48) - 2 &&
        snapshot.clock_us <= TROTH_SNAPSHOT_MAX - HOUR_US) {
        live_on(shard, standing);
    }
    return 0;
}
