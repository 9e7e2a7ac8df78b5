#include "scoring/window.h"

/* Of a ring that was left at `head`: the ages at the instant of its slots, newest first, go from
 * `shift` (of the head) to panes - 1. Returns shift, or panes where the whole ring has left. */
static int64_t ring_shift(const struct troth_rules *rules, const struct troth_standing *standing,
                          unsigned term, const struct troth_instant *instant)
{
    const int64_t shift = instant->terms[term].pane - troth_hot_of(standing, term)->head;
    const int64_t panes = rules->contract->terms[term].panes;
    return shift < panes ? shift : panes;
}

/* The slot that the head will have among the older panes: the instant's, `shift` panes back. Those
 * before it go down from there, around the ring; its own is TROTH_NEWEST. */
static unsigned head_slot(const struct troth_rules *rules, unsigned term,
                          const struct troth_instant *instant, int64_t shift)
{
    const unsigned older = rules->contract->terms[term].panes - 1U;
    const unsigned slot = instant->terms[term].slot + older - (unsigned)shift;
    return slot < older ? slot : slot - older;
}

static inline unsigned slot_before(const struct troth_rules *rules, unsigned term, unsigned slot)
{
    return slot == 0 ? rules->contract->terms[term].panes - 2U : slot - 1;
}

struct troth_sums troth_window_sums(const struct troth_rules *rules,
                                    const struct troth_standing *standing, unsigned term,
                                    const struct troth_instant *instant)
{
    const unsigned panes = rules->contract->terms[term].panes;
    const double *weight = rules->terms[term].weight;
    const int64_t shift = ring_shift(rules, standing, term, instant);
    struct troth_sums sums = {0.0, 0.0, false};
    if (shift >= panes) {
        return sums;
    }
    unsigned slot = head_slot(rules, term, instant, shift);
    for (unsigned age = (unsigned)shift; age < panes; age++) {
        const union troth_pane pane =
            *troth_pane_of(rules, standing, term, age == shift ? TROTH_NEWEST : slot);
        if (pane.sum != 0) { /* kept or broken; of most agents most panes are empty */
            sums.g += pane.count.kept * weight[age];
            sums.b += pane.count.broken * weight[age];
            sums.any = true;
        }
        slot = slot_before(rules, term, slot);
    }
    return sums;
}

void troth_window_counts(const struct troth_rules *rules, const struct troth_standing *standing,
                         unsigned term, const struct troth_instant *instant, uint64_t *kept,
                         uint64_t *broken)
{
    uint64_t k = 0;
    uint64_t b = 0;
    if (rules->terms[term].shares) {
        const unsigned panes = rules->contract->terms[term].panes;
        const int64_t shift = ring_shift(rules, standing, term, instant);
        unsigned slot = shift < panes ? head_slot(rules, term, instant, shift) : 0;
        for (int64_t age = shift; age < panes; age++) {
            const union troth_pane pane =
                *troth_pane_of(rules, standing, term, age == shift ? TROTH_NEWEST : slot);
            k += pane.count.kept;
            b += pane.count.broken;
            slot = slot_before(rules, term, slot);
        }
    } else if (rules->contract->terms[term].kind == TROTH_TERM_NEVER) {
        b = (uint64_t)troth_hot_of(standing, term)->level;
    }
    *kept = k;
    *broken = b;
}

bool troth_window_amount(const struct troth_rules *rules, const struct troth_standing *standing,
                         unsigned term, const struct troth_instant *instant, int64_t *sum)
{
    const unsigned panes = rules->contract->terms[term].panes;
    const uint64_t used = (uint64_t)troth_hot_of(standing, term)->level;
    const int64_t shift = ring_shift(rules, standing, term, instant);
    unsigned slot = shift < panes ? head_slot(rules, term, instant, shift) : 0;
    int64_t total = 0;
    bool any = false;
    for (int64_t age = shift; age < panes; age++) {
        const unsigned place = age == shift ? TROTH_NEWEST : slot;
        any |= (used >> place & 1U) != 0;
        if (__builtin_add_overflow(total, troth_pane_of(rules, standing, term, place)->sum,
                                   &total)) {
            total = INT64_MAX;
        }
        slot = slot_before(rules, term, slot);
    }
    *sum = total;
    return any;
}

int64_t troth_window_newest(const struct troth_rules *rules, const struct troth_standing *standing,
                            unsigned term, const struct troth_instant *instant)
{
    const unsigned panes = rules->contract->terms[term].panes;
    const struct troth_hot *hot = troth_hot_of(standing, term);
    const bool shares = rules->terms[term].shares;
    const int64_t shift = ring_shift(rules, standing, term, instant);
    unsigned slot = shift < panes ? head_slot(rules, term, instant, shift) : 0;
    for (int64_t age = shift; age < panes; age++) {
        const unsigned place = age == shift ? TROTH_NEWEST : slot;
        const union troth_pane pane = *troth_pane_of(rules, standing, term, place);
        const bool used = shares ? (pane.count.kept | pane.count.broken) != 0
                                 : ((uint64_t)hot->level >> place & 1U) != 0;
        if (used) {
            return instant->terms[term].pane - age;
        }
        slot = slot_before(rules, term, slot);
    }
    return -1;
}

unsigned troth_witnesses(const struct troth_rules *rules, const struct troth_standing *standing,
                         unsigned term, int64_t offsets[TROTH_WITNESSES_MAX])
{
    const struct troth_cold *cold = troth_cold_of(rules, standing, term);
    unsigned count = 0;
    for (unsigned i = 0; i < TROTH_WITNESSES_MAX; i++) {
        if (cold->witness_low[i] == UINT32_MAX && cold->witness_high[i] == UINT16_MAX) {
            break;
        }
        offsets[count++] = (int64_t)cold->witness_high[i] << 32 | cold->witness_low[i];
    }
    return count;
}
