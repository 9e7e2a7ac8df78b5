#include "consumers/worker/look.h"

#include "schemas/assert.h"
#include "scoring/agents.h"

struct troth_publication troth_worker_look(const struct troth_partition *partition,
                                           struct troth_standing_view *view)
{
    struct troth_publication publication = {.partition = partition->number,
                                            .applied = partition->next_offset,
                                            .as_of_us = troth_shard_clock_us(partition->shard),
                                            .view = view,
                                            .score = troth_outlook_score(&view->sight)};
    troth_outlook_until(&view->sight, &publication.good_until_us, &publication.offer_until_us);
    return publication;
}

static struct troth_offer offer_of(const struct troth_publication *publication)
{
    return (struct troth_offer){.contract = publication->view->rules->contract,
                                .rung = (uint8_t)publication->view->standing->rung,
                                .limiting = publication->score.limiting,
                                .score = publication->score.score,
                                .good_until_us = publication->good_until_us,
                                .offer_until_us = publication->offer_until_us};
}

void troth_worker_look_at_agent(struct troth_partition *partition, uint32_t standing,
                                const struct troth_publication *publication,
                                struct troth_agent_publication *agent)
{
    uint32_t standings[TROTH_OFFERS_MAX];
    struct troth_offer offers[TROTH_OFFERS_MAX];
    const uint32_t found = troth_shard_of_agent(partition->shard, publication->view->agent,
                                                standings, TROTH_OFFERS_MAX);
    const uint32_t count = found < TROTH_OFFERS_MAX ? found : TROTH_OFFERS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (standings[i] == standing) {
            offers[i] = offer_of(publication);
            continue;
        }
        struct troth_standing_view view;
        const bool there = troth_shard_view(partition->shard, standings[i], &view);
        TROTH_ASSERT(there);
        const struct troth_publication other = troth_worker_look(partition, &view);
        offers[i] = offer_of(&other);
    }
    *agent = (struct troth_agent_publication){.partition = partition->number,
                                              .applied = publication->applied,
                                              .as_of_us = publication->as_of_us,
                                              .agent = publication->view->agent,
                                              .whole = publication->whole};
    troth_meet_of(&agent->meet, offers, count);
}

void troth_worker_note_published(struct troth_partition *partition, uint32_t standing,
                                 const struct troth_publication *publication)
{
    partition->published[standing] =
        (struct troth_published){.at_us = publication->as_of_us,
                                 .good_until_us = publication->good_until_us,
                                 .score = publication->score.score,
                                 .rung = (uint8_t)publication->view->standing->rung,
                                 .known = true,
                                 .widened = partition->published[standing].widened};
}

bool troth_worker_is_widened(const struct troth_worker *worker,
                             const struct troth_partition *partition, struct troth_text agent,
                             uint32_t *count)
{
    uint32_t standings[TROTH_OFFERS_MAX];
    const uint32_t found =
        troth_shard_of_agent(partition->shard, agent, standings, TROTH_OFFERS_MAX);
    bool widened = false;
    *count = found;
    for (uint32_t i = 0; i < found && i < TROTH_OFFERS_MAX; i++) {
        widened |= partition->published[standings[i]].widened > worker->committed;
    }
    return widened;
}
