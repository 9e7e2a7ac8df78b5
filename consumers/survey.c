#include "consumers/survey.h"

#include <string.h>

void troth_survey_init(struct troth_survey *survey)
{
    memset(&survey->counts, 0, sizeof survey->counts);
    survey->counts.store_connected = true; /* until one says otherwise */
    survey->commit_begun_us = 0;
    survey->partition_count = 0;
    survey->contract_count = 0;
}

void troth_survey_copy(struct troth_survey *to, const struct troth_survey *from)
{
    to->counts = from->counts;
    to->commit_begun_us = from->commit_begun_us;
    to->partition_count = from->partition_count;
    to->contract_count = from->contract_count;
    memcpy(to->partitions, from->partitions, from->partition_count * sizeof *from->partitions);
    memcpy(to->contracts, from->contracts, from->contract_count * sizeof *from->contracts);
}

void troth_survey_add_counts(struct troth_worker_counts *sum, const struct troth_worker_counts *one)
{
    sum->records += one->records;
    sum->restored += one->restored;
    sum->applied += one->applied;
    sum->unbound += one->unbound;
    sum->ticks += one->ticks;
    sum->pointers += one->pointers;
    sum->duplicates += one->duplicates;
    sum->late += one->late;
    sum->missing += one->missing;
    for (unsigned i = 0; i < TROTH_STATUS_COUNT; i++) {
        sum->rejects[i] += one->rejects[i];
    }
    for (unsigned i = 0; i < TROTH_RULING_COUNT; i++) {
        sum->rulings[i] += one->rulings[i];
    }
    sum->decisions_unreadable += one->decisions_unreadable;
    for (unsigned i = 0; i < TROTH_DISTRUST_COUNT; i++) {
        sum->distrusted_contracts[i] += one->distrusted_contracts[i];
        sum->distrusted_decisions[i] += one->distrusted_decisions[i];
    }
    sum->interventions += one->interventions;
    for (unsigned i = 0; i < TROTH_CONDITION_COUNT; i++) {
        sum->narrowings[i] += one->narrowings[i];
        sum->widenings[i] += one->widenings[i];
    }
    sum->unannounced += one->unannounced;
    sum->published += one->published;
    sum->outages += one->outages;
    sum->evicted += one->evicted;
    sum->restores += one->restores;
    sum->saved += one->saved;
    sum->saved_bytes += one->saved_bytes;
    sum->commits += one->commits;
    sum->commit_us += one->commit_us;
    sum->commit_failures += one->commit_failures;
    sum->store_failures += one->store_failures;
    sum->fenced += one->fenced;
    troth_histogram_add(&sum->to_store, &one->to_store);
    troth_histogram_add(&sum->to_narrow, &one->to_narrow);
    sum->partitions += one->partitions;
    sum->live += one->live;
    sum->agents += one->agents;
    sum->standings += one->standings;
    sum->standing_bytes += one->standing_bytes;
    sum->contracts = one->contracts > sum->contracts ? one->contracts : sum->contracts;
    sum->store_connected &= one->store_connected;
    sum->log_away |= one->log_away;
}

void troth_survey_forget_held(struct troth_worker_counts *counts)
{
    counts->partitions = 0;
    counts->live = 0;
    counts->agents = 0;
    counts->standings = 0;
    counts->standing_bytes = 0;
    counts->contracts = 0;
    counts->store_connected = true; /* it is not asked */
    counts->log_away = false;
}

/* Tells of two partitions as one: the worst of both. */
static void join(struct troth_partition_survey *others, const struct troth_partition_survey *one)
{
    const bool earlier = one->clock_us != 0 && one->clock_us < others->clock_us;
    const bool older = one->checkpoint_us != 0 && one->checkpoint_us < others->checkpoint_us;
    others->started &= one->started;
    others->caught_up &= one->caught_up;
    others->fenced |= one->fenced;
    others->lag += one->lag;
    others->clock_us = others->clock_us == 0 || earlier ? one->clock_us : others->clock_us;
    others->checkpoint_us =
        others->checkpoint_us == 0 || older ? one->checkpoint_us : others->checkpoint_us;
    others->agents = one->agents > others->agents ? one->agents : others->agents;
    others->standings = one->standings > others->standings ? one->standings : others->standings;
}

static void add_partition(struct troth_survey *sum, const struct troth_partition_survey *one)
{
    for (uint32_t i = 0; i < sum->partition_count && i < TROTH_PARTITIONS_MAX; i++) {
        struct troth_partition_survey *there = &sum->partitions[i];
        if (there->number == one->number) {
            *there = one->clock_us > there->clock_us ? *one : *there;
            return;
        }
    }
    if (sum->partition_count <= TROTH_PARTITIONS_MAX) {
        struct troth_partition_survey *place = &sum->partitions[sum->partition_count];
        *place = *one;
        place->number =
            sum->partition_count < TROTH_PARTITIONS_MAX ? one->number : TROTH_SURVEY_OTHERS;
        sum->partition_count++;
    } else {
        join(&sum->partitions[TROTH_PARTITIONS_MAX], one);
    }
}

/* Returns the place of a contract; beyond the bound, of the others. */
static struct troth_contract_survey *place_of(struct troth_survey *survey, const char *contract)
{
    uint32_t i = 0;
    while (i < survey->contract_count && strcmp(survey->contracts[i].name, contract) != 0) {
        i++;
    }
    if (i == survey->contract_count && i >= TROTH_CONTRACTS_MAX) {
        contract = TROTH_SURVEY_OTHER;
        for (i = 0; i < survey->contract_count && i < TROTH_CONTRACTS_MAX &&
                    strcmp(survey->contracts[i].name, contract) != 0;) {
            i++; /* a contract may have that very name */
        }
    }
    struct troth_contract_survey *place = &survey->contracts[i];
    if (i == survey->contract_count) {
        memset(place, 0, sizeof *place);
        memcpy(place->name, contract, strlen(contract) + 1);
        survey->contract_count++;
    }
    return place;
}

void troth_survey_add_rungs(struct troth_survey *survey, const char *contract,
                            const uint64_t rungs[TROTH_RUNG_COUNT], uint64_t reviews)
{
    struct troth_contract_survey *place = place_of(survey, contract);
    place->reviews += reviews;
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        place->rungs[rung] += rungs[rung];
    }
}

void troth_survey_add_outage(struct troth_survey *survey, const char *contract,
                             const struct troth_outage_survey *outage)
{
    struct troth_outage_survey *sum = &place_of(survey, contract)->outage;
    if (outage->partitions > 0 && (sum->partitions == 0 || outage->since_us < sum->since_us)) {
        sum->since_us = outage->since_us;
    }
    sum->partitions += outage->partitions;
    sum->hit += outage->hit;
    sum->standings += outage->standings;
    sum->guarded += outage->guarded;
}

void troth_survey_add(struct troth_survey *sum, const struct troth_survey *one)
{
    troth_survey_add_counts(&sum->counts, &one->counts);
    if (one->commit_begun_us != 0 &&
        (sum->commit_begun_us == 0 || one->commit_begun_us < sum->commit_begun_us)) {
        sum->commit_begun_us = one->commit_begun_us;
    }
    for (uint32_t i = 0; i < one->partition_count; i++) {
        add_partition(sum, &one->partitions[i]);
    }
    for (uint32_t i = 0; i < one->contract_count; i++) {
        troth_survey_add_rungs(sum, one->contracts[i].name, one->contracts[i].rungs,
                               one->contracts[i].reviews);
        troth_survey_add_outage(sum, one->contracts[i].name, &one->contracts[i].outage);
    }
}

const struct troth_outage_survey *troth_survey_outage(const struct troth_survey *survey,
                                                      const char *contract)
{
    for (uint32_t i = 0; i < survey->contract_count; i++) {
        if (strcmp(survey->contracts[i].name, contract) == 0) {
            return &survey->contracts[i].outage;
        }
    }
    return NULL;
}
