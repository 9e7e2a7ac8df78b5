/*
 * Rows of standings that have ended, taken out of the store.
 *
 * What is put of a standing that lives is put again whenever the store may not have it. A row that
 * is to go has nobody who would see to that, so the last of them are remembered: until the store
 * takes them, and for when it comes back older than it was. After a restart they are known by the
 * tombstones that were read, as long as the log keeps those.
 *
 * A ring of TROTH_REMOVALS_MAX; of more than that the oldest are forgotten. What is left of a row
 * then is not offered: it is past its `offer_until`, or soon is.
 */
#include <string.h>

#include "consumers/worker/view.h"
#include "schemas/assert.h"
#include "scoring/agents.h"

void troth_partition_note_removal(struct troth_partition *partition, struct troth_text agent,
                                  struct troth_text contract)
{
    TROTH_ASSERT(agent.length <= TROTH_AGENT_LENGTH_MAX &&
                 contract.length <= TROTH_NAME_LENGTH_MAX);
    struct troth_removal *removal =
        &partition->removals[partition->removals_end++ % TROTH_REMOVALS_MAX];
    removal->agent_length = (uint8_t)agent.length;
    memcpy(removal->agent, agent.data, agent.length);
    memcpy(removal->contract, contract.data, contract.length);
    removal->contract[contract.length] = '\0';
    if (partition->removals_end - partition->removals_next > TROTH_REMOVALS_MAX) {
        partition->removals_next = partition->removals_end - TROTH_REMOVALS_MAX;
    }
}

void troth_partition_remove_anew(struct troth_partition *partition)
{
    partition->removals_next = partition->removals_end > TROTH_REMOVALS_MAX
                                   ? partition->removals_end - TROTH_REMOVALS_MAX
                                   : 0;
}

/* Whether the agent has a standing under that contract (again). Out any: it has some standing. */
static bool lives(const struct troth_partition *partition, struct troth_text agent,
                  const char *contract, bool *any)
{
    uint32_t standings[TROTH_CONTRACTS_MAX];
    const uint32_t count =
        troth_shard_of_agent(partition->shard, agent, standings, TROTH_CONTRACTS_MAX);
    *any = count > 0;
    for (uint32_t i = 0; i < count && i < TROTH_CONTRACTS_MAX; i++) {
        struct troth_standing_view view;
        if (troth_shard_view(partition->shard, standings[i], &view) &&
            strcmp(view.rules->contract->name, contract) == 0) {
            return true;
        }
    }
    return false;
}

troth_status troth_worker_remove(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_store *store = worker->config.store;
    while (partition->removals_next < partition->removals_end) {
        const struct troth_removal *removal =
            &partition->removals[partition->removals_next % TROTH_REMOVALS_MAX];
        const struct troth_text agent = {removal->agent, removal->agent_length};
        bool any = false;
        if (!lives(partition, agent, removal->contract, &any)) {
            const troth_status status = store->remove(
                store, partition->number, partition->next_offset, agent, removal->contract, !any);
            if (status != TROTH_OK) {
                return status;
            }
        }
        partition->removals_next++;
    }
    return TROTH_OK;
}
