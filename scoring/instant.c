#include "scoring/instant.h"

void troth_instant_move(const struct troth_rules *rules, struct troth_instant *instant,
                        int64_t time_us)
{
    instant->time_us = time_us;
    int64_t from = 0;
    int64_t until = INT64_MAX;
    for (unsigned i = 0; i < rules->term_count; i++) {
        if (!rules->terms[i].windowed) {
            continue;
        }
        const int64_t width = rules->terms[i].pane_us;
        const int64_t pane = time_us / width;
        const int64_t start = pane * width;
        instant->terms[i].pane = pane;
        instant->terms[i].start_us = start;
        instant->terms[i].slot = troth_ring_slot(rules, i, pane);
        from = start > from ? start : from;
        until = start + width < until ? start + width : until;
    }
    instant->from_us = from;
    instant->until_us = until;
}
