#include "ops/libtroth/choose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    READS_MAX = 256,      /* rows looked at in a call */
    READS_BY_RANK = 192,  /* of them, from the top; a route of no more is looked through */
    READS_PROBATION = 64, /* of them, in an exploring call, before anything else */
    FRUITLESS_MAX = 32,   /* places in a row of a band that give nobody, before it is left */
    INDEX_SIZE = 1024,    /* a power of two, more than twice READS_MAX */
    ATTEMPTS = 4          /* at an order that is written meanwhile */
};

#define RELAXED memory_order_relaxed

/* One call under way. */
struct walk {
    const struct troth_call *call;
    const struct troth_places *places;
    uint32_t first[TROTH_CACHE_BANDS + 1];
    uint32_t probation;
    struct troth_client_agent *agents;
    unsigned found;
    unsigned unverified;
    struct troth_client_passed passed;
    struct troth_shuffle shuffle;
    /* What was looked at: slot, and whether it was tried. */
    uint32_t seen[READS_MAX + 1];
    bool indexed; /* before that nothing can come twice */
    uint32_t index[INDEX_SIZE];
};

static bool is_exploring(const struct walk *walk)
{
    return walk->passed.exploring;
}

/* ---- what was looked at ---- */

enum { TRIED = 1 }; /* in an entry of the index: (slot + 1) * 2 + TRIED */

static uint32_t *entry_of(struct walk *walk, uint32_t slot)
{
    uint32_t at = slot * UINT32_C(2654435769) >> 22; /* 32 - log2(INDEX_SIZE) */
    while (walk->index[at] != 0 && walk->index[at] / 2 != slot + 1) {
        at = (at + 1) % INDEX_SIZE;
    }
    return &walk->index[at];
}

/* From here on an agent may come again. */
static void begin_index(struct walk *walk)
{
    if (!walk->indexed) {
        walk->indexed = true;
        memset(walk->index, 0, sizeof walk->index);
        for (unsigned i = 0; i < walk->passed.reads; i++) {
            *entry_of(walk, walk->seen[i]) = (walk->seen[i] + 1) * 2 + TRIED;
        }
    }
}

/* Notes that a row is looked at. In tried: so that it is not tried again. Returns false when it was
 * tried before. */
static bool note(struct walk *walk, uint32_t slot, bool tried)
{
    if (!walk->indexed) {
        walk->seen[walk->passed.reads++] = slot;
        return true;
    }
    uint32_t *entry = entry_of(walk, slot);
    if (*entry == 0) {
        *entry = (slot + 1) * 2;
        walk->passed.reads++;
    }
    const bool fresh = (*entry & TRIED) == 0;
    *entry |= tried ? TRIED : 0;
    return fresh;
}

/* ---- one agent ---- */

enum troth_verdict troth_judge(const struct troth_call *call, struct troth_row_view *view,
                               bool *unverified)
{
    *unverified = false;
    if (view->state == TROTH_ROW_DOUBTED) {
        return TROTH_VERDICT_DOUBTED;
    }
    const bool absent = view->state == TROTH_ROW_ABSENT;
    if (view->state != TROTH_ROW_KNOWN && !absent) {
        return TROTH_VERDICT_UNPROVEN;
    }
    const bool expired = call->now_us >= view->offer_until_us;
    if (absent || expired) {
        const bool unknown = absent ? call->rebuilding || !call->live : !call->live;
        const bool trusted = view->rung < TROTH_CLIENT_REVIEW && view->offer_until_us > 0 &&
                             call->now_us - call->open_for_us < view->offer_until_us;
        if (!call->open || !unknown || !trusted) {
            return absent ? TROTH_VERDICT_UNPROVEN : TROTH_VERDICT_EXPIRED;
        }
        *unverified = true;
    }
    const bool good = view->rung == TROTH_CLIENT_CLEAR || view->rung == TROTH_CLIENT_WARN;
    if (good && (expired || call->now_us >= view->good_until_us)) {
        view->rung = TROTH_CLIENT_NARROW;
        view->traffic = view->narrow_traffic;
        view->capabilities = view->narrow_capabilities;
        view->max_cost_micros = view->narrow_max_cost_micros;
    }
    return TROTH_VERDICT_USABLE;
}

void troth_fill_agent(const struct troth_call *call, const struct troth_row_view *view,
                      const char *name, bool unverified, struct troth_client_agent *agent)
{
    memcpy(agent->name, name, view->name_length);
    agent->name[view->name_length] = '\0';
    agent->name_length = view->name_length;
    agent->score = view->score;
    agent->rung = (enum troth_client_rung)view->rung;
    agent->traffic = view->traffic;
    agent->capabilities = troth_lists_text(&call->cache->lists, view->capabilities);
    agent->max_cost_micros = view->max_cost_micros;
    agent->good_until_us = view->good_until_us;
    agent->offer_until_us = view->offer_until_us;
    agent->guarded = view->guarded;
    agent->cached = !call->live;
    agent->unverified = unverified;
}

/* Whether the caller can use it: its capability, cost, contract and consequence. */
static bool fits(const struct troth_call *call, const struct troth_row_view *view)
{
    const struct troth_lists *lists = &call->cache->lists;
    return troth_lists_has(lists, view->capabilities, call->capability, call->capability_length,
                           call->capability_hash) &&
           (view->max_cost_micros < 0 || view->max_cost_micros >= call->cost_micros) &&
           (call->contract == NULL ||
            troth_lists_has(lists, view->contracts, call->contract, call->contract_length,
                            call->contract_hash)) &&
           (call->consequence < 0 || view->consequence >= call->consequence);
}

/* Whether its share of the traffic lets it in. On probation it is let in more where the call
 * explores and less elsewhere, so that the whole is its share again. */
static bool is_admitted(const struct walk *walk, uint32_t slot, const struct troth_row_view *view,
                        const char *name)
{
    const struct troth_call *call = walk->call;
    double share = view->traffic;
    if (view->rung == TROTH_CLIENT_RECERTIFY) {
        share = is_exploring(walk) ? share / call->explore
                                   : (share - call->explore) / (1 - call->explore);
    }
    return share >= 1 || (share > 0 && troth_draw_agent(&call->draw, slot, name,
                                                        view->name_length) < share * 4294967296.0);
}

/* Tries an agent. In agent: NULL, only to see. Out view: as judged. Returns whether it may be
 * given.
 */
static bool offer(struct walk *walk, uint32_t slot, struct troth_row_view *view,
                  struct troth_client_agent *agent)
{
    const struct troth_call *call = walk->call;
    struct troth_client_passed *passed = &walk->passed;
    char name[TROTH_CLIENT_NAME_MAX];
    bool unverified = false;
    if (!troth_row_read(&call->cache->rows[slot], view, name)) {
        passed->held_back++; /* it is written just now: it has its turn in the next call */
        return false;
    }
    switch (troth_judge(call, view, &unverified)) {
    case TROTH_VERDICT_UNPROVEN:
        passed->unproven++;
        return false;
    case TROTH_VERDICT_EXPIRED:
        passed->expired++;
        return false;
    case TROTH_VERDICT_DOUBTED:
        passed->held_back++;
        return false;
    case TROTH_VERDICT_USABLE:
        break;
    }
    if (!fits(call, view)) {
        passed->unfit++;
        return false;
    }
    if (!is_admitted(walk, slot, view, name)) {
        passed->held_back++;
        return false;
    }
    if (agent != NULL) {
        troth_fill_agent(call, view, name, unverified, agent);
        walk->unverified += unverified;
    }
    return true;
}

static bool offer_next(struct walk *walk, uint32_t slot)
{
    struct troth_row_view view;
    if (!offer(walk, slot, &view, &walk->agents[walk->found])) {
        return false;
    }
    walk->found++;
    return true;
}

/* ---- where agents are looked for ---- */

static bool is_full(const struct walk *walk)
{
    return walk->found >= walk->call->wanted;
}

/* Returns the slot in a place, always one that there is. */
static uint32_t slot_at(const struct walk *walk, uint32_t place)
{
    const uint32_t slot = place < walk->places->capacity
                              ? atomic_load_explicit(&walk->places->slots[place], RELAXED)
                              : 0;
    return slot < walk->call->cache->agents_max ? slot : 0;
}

static uint32_t size_of(const struct walk *walk)
{
    return walk->first[TROTH_CACHE_BANDS];
}

/* Those on probation first. One that is not any more is left to its rank. */
static void explore(struct walk *walk)
{
    begin_index(walk);
    troth_shuffle_begin(&walk->shuffle, &walk->call->draw, TROTH_DRAW_PROBATION, walk->probation);
    uint32_t place = 0;
    for (unsigned i = 0; i < READS_PROBATION && !is_full(walk); i++) {
        if (!troth_shuffle_next(&walk->shuffle, &place)) {
            return;
        }
        const uint32_t slot = slot_at(walk, size_of(walk) + place);
        struct troth_row_view view;
        const bool read = troth_row_read(&walk->call->cache->rows[slot], &view, NULL);
        const bool known = read && view.state != TROTH_ROW_MISSING && view.state != TROTH_ROW_FREE;
        const bool on_probation = known && view.rung == TROTH_CLIENT_RECERTIFY;
        if (note(walk, slot, on_probation) && on_probation) {
            (void)offer_next(walk, slot);
        }
    }
}

/* Draws from one band until it is not worth more. */
static void from_band(struct walk *walk, unsigned b, unsigned limit, bool whole)
{
    const uint32_t begin = walk->first[b];
    const uint32_t end = walk->first[b + 1];
    if (end <= begin) {
        return;
    }
    troth_shuffle_begin(&walk->shuffle, &walk->call->draw, TROTH_CACHE_BANDS - 1 - b, end - begin);
    unsigned fruitless = 0;
    uint32_t place = 0;
    while (!is_full(walk) && walk->passed.reads < limit && (whole || fruitless < FRUITLESS_MAX) &&
           troth_shuffle_next(&walk->shuffle, &place)) {
        const uint32_t slot = slot_at(walk, begin + place);
        fruitless = note(walk, slot, true) && offer_next(walk, slot) ? 0 : fruitless + 1;
    }
}

static void by_rank(struct walk *walk)
{
    const bool whole = size_of(walk) <= READS_BY_RANK;
    const unsigned limit = whole ? READS_MAX : READS_BY_RANK;
    for (unsigned b = 0; b < TROTH_CACHE_BANDS && !is_full(walk); b++) {
        from_band(walk, b, limit, whole);
    }
}

struct chosen {
    uint32_t slot;
    uint32_t rank; /* band from the top, then as drawn */
};

static int by_chosen_rank(const void *a, const void *b)
{
    const struct chosen *x = a;
    const struct chosen *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* Behind many that cannot be given: what is left of the looks goes to places over the whole route,
 * and the best of what is found there is taken. */
static void from_anywhere(struct walk *walk)
{
    struct chosen chosen[READS_MAX];
    unsigned count = 0;
    begin_index(walk);
    troth_shuffle_begin(&walk->shuffle, &walk->call->draw, TROTH_DRAW_ALL, size_of(walk));
    uint32_t place = 0;
    for (unsigned i = 0; i < READS_MAX && walk->passed.reads < READS_MAX; i++) {
        if (!troth_shuffle_next(&walk->shuffle, &place)) {
            break;
        }
        const uint32_t slot = slot_at(walk, place);
        struct troth_row_view view;
        if (note(walk, slot, true) && offer(walk, slot, &view, NULL)) {
            const unsigned band = view.score / TROTH_CACHE_BAND_POINTS;
            const unsigned above =
                TROTH_CACHE_BANDS - (band < TROTH_CACHE_BANDS ? band : TROTH_CACHE_BANDS - 1);
            chosen[count] = (struct chosen){.slot = slot, .rank = above * READS_MAX + count};
            count++;
        }
    }
    qsort(chosen, count, sizeof *chosen, by_chosen_rank);
    for (unsigned i = 0; i < count && !is_full(walk); i++) {
        (void)offer_next(walk, chosen[i].slot); /* judged anew, as it may have changed since */
    }
}

static void walk_through(struct walk *walk, const struct troth_order *order)
{
    walk->found = 0;
    walk->unverified = 0;
    walk->indexed = false;
    walk->passed = (struct troth_client_passed){0};
    walk->places = atomic_load_explicit(&order->places, memory_order_acquire);
    for (unsigned b = 0; b <= TROTH_CACHE_BANDS; b++) {
        walk->first[b] = atomic_load_explicit(&order->first[b], RELAXED);
    }
    walk->probation = atomic_load_explicit(&order->probation, RELAXED);
    walk->passed.listed = size_of(walk);
    walk->passed.exploring =
        troth_draw_explore(&walk->call->draw) < walk->call->explore * 4294967296.0;
    if (walk->places == NULL) {
        return;
    }
    if (is_exploring(walk)) {
        explore(walk);
    }
    by_rank(walk);
    if (!is_full(walk) && size_of(walk) > READS_BY_RANK) {
        from_anywhere(walk);
    }
}

unsigned troth_choose(const struct troth_call *call, const struct troth_route *route,
                      struct troth_client_agent *agents, struct troth_client_passed *passed,
                      unsigned *unverified)
{
    struct walk walk;
    walk.call = call;
    walk.agents = agents;
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        const uint32_t current = atomic_load_explicit(&route->current, memory_order_acquire);
        const struct troth_order *order = &route->orders[current];
        const uint64_t before = atomic_load_explicit(&order->sequence, memory_order_acquire);
        walk_through(&walk, order);
        atomic_thread_fence(memory_order_acquire);
        if ((before & 1) == 0 && atomic_load_explicit(&order->sequence, RELAXED) == before) {
            break;
        }
        /* Written twice meanwhile. What was chosen may be given in any case: the rows said so. */
    }
    *passed = walk.passed;
    *unverified = walk.unverified;
    return walk.found;
}
