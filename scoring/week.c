#include "scoring/week.h"

#include <string.h>

void troth_week_init(struct troth_week *week, int64_t number, uint64_t carried)
{
    memset(week, 0, sizeof *week);
    week->number = number;
    week->reviews_carried = carried;
}

void troth_week_count(uint32_t histogram[TROTH_WEEK_BUCKETS], int64_t time_us)
{
    uint32_t *count = &histogram[troth_week_bucket(time_us)];
    *count += *count < UINT32_MAX;
}

void troth_week_note(struct troth_week *week, const struct troth_event *event)
{
    week->changed = true;
    const bool rescued = troth_event_has(event, TROTH_FIELD_RESCUE);
    switch ((enum troth_kind)event->kind) {
    case TROTH_KIND_TASK:
        week->tasks++;
        week->rescued_tasks += rescued;
        break;
    case TROTH_KIND_RESCUE:
        week->rescue_reports++;
        break;
    case TROTH_KIND_EXCEPTION:
        week->exceptions++;
        return;
    default:
        return;
    }
    if (rescued) {
        week->rescues[event->rescue]++;
    }
}
