#include "consumers/worker/look.h"

#include "consumers/worker/guard.h"
#include "schemas/assert.h"
#include "scoring/agents.h"

struct troth_publication troth_worker_look(const struct troth_partition *partition,
                                           uint32_t standing, struct troth_standing_view *view)
{
    struct troth_publication publication = {.partition = partition->number,
                                            .applied = partition->next_offset,
                                            .as_of_us = troth_shard_clock_us(partition->shard),
                                            .view = view,
                                            .score = troth_outlook_score(&view->sight)};
    troth_outlook_until(&view->sight, &publication.good_until_us, &publication.offer_until_us);
    publication.guarded = troth_worker_is_guarded(partition, standing, view);
    return publication;
}

/* What is guarded is offered by its former rung until its guard ends, and readers see to that end:
 * from good_until on they take what is behind it. */
static struct troth_offer offer_of(const struct troth_partition *partition, uint32_t standing,
                                   const struct troth_publication *publication)
{
    const struct troth_standing *state = publication->view->standing;
    struct troth_offer offer = {.contract = publication->view->rules->contract,
                                .rung = (uint8_t)state->rung,
                                .limiting = publication->score.limiting,
                                .score = publication->score.score,
                                .good_until_us = publication->good_until_us,
                                .offer_until_us = publication->offer_until_us};
    if (publication->guarded) {
        const int64_t until_us = partition->outages[state->contract].until_us;
        offer.guarded = true;
        offer.behind = offer.rung;
        offer.rung = troth_worker_former_rung(partition, standing);
        offer.good_until_us = until_us;
        offer.offer_until_us = until_us > offer.offer_until_us ? until_us : offer.offer_until_us;
    }
    return offer;
}

bool troth_worker_look_at_agent(struct troth_partition *partition, uint32_t standing,
                                const struct troth_publication *publication,
                                struct troth_agent_publication *agent)
{
    uint32_t standings[TROTH_OFFERS_MAX];
    struct troth_offer offers[TROTH_OFFERS_MAX];
    const uint32_t found = troth_shard_of_agent(partition->shard, publication->view->agent,
                                                standings, TROTH_OFFERS_MAX);
    const uint32_t count = found < TROTH_OFFERS_MAX ? found : TROTH_OFFERS_MAX;
    bool was_guarded = false;
    for (uint32_t i = 0; i < count; i++) {
        was_guarded |= partition->published[standings[i]].guarded;
        if (standings[i] == standing) {
            offers[i] = offer_of(partition, standing, publication);
            continue;
        }
        struct troth_standing_view view;
        const bool there = troth_shard_view(partition->shard, standings[i], &view);
        TROTH_ASSERT(there);
        const struct troth_publication other = troth_worker_look(partition, standings[i], &view);
        offers[i] = offer_of(partition, standings[i], &other);
    }
    *agent = (struct troth_agent_publication){.partition = partition->number,
                                              .applied = publication->applied,
                                              .as_of_us = publication->as_of_us,
                                              .agent = publication->view->agent,
                                              .whole = publication->whole};
    troth_meet_of(&agent->meet, offers, count);
    for (uint32_t i = 0; agent->meet.guarded && i < count; i++) {
        partition->published[standings[i]].guarded = true; /* from here on it may be shown so */
    }
    /* Its scope changes with its guard, though the rung of the standing that it is put for may not.
     */
    agent->whole |= agent->meet.guarded || was_guarded;
    return was_guarded;
}

void troth_worker_note_unguarded(struct troth_partition *partition, struct troth_text agent)
{
    uint32_t standings[TROTH_OFFERS_MAX];
    const uint32_t found =
        troth_shard_of_agent(partition->shard, agent, standings, TROTH_OFFERS_MAX);
    for (uint32_t i = 0; i < found && i < TROTH_OFFERS_MAX; i++) {
        partition->published[standings[i]].guarded = false;
    }
}

void troth_worker_note_published(struct troth_partition *partition, uint32_t standing,
                                 const struct troth_publication *publication)
{
    const struct troth_published before = partition->published[standing];
    const struct troth_review_publication *review = &publication->review;
    partition->published[standing] = (struct troth_published){
        .at_us = publication->as_of_us,
        .good_until_us = publication->good_until_us,
        .score = publication->score.score,
        .rung = (uint8_t)publication->view->standing->rung,
        .known = true,
        .guarded = before.guarded,
        .reviewed =
            publication->whole ? review->view.state >= TROTH_REVIEW_BY_LADDER : before.reviewed,
        .indebted = publication->whole ? review->debt_until_us > 0 : before.indebted,
        .hit = before.hit & 3U,
        .widened = before.widened};
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
