#include "ops/fleet/choice.h"

#include <math.h>

#define ONE (UINT64_C(1) << 32) /* a column's fair share */

double fleet_zipf_weight(uint32_t rank, uint32_t steps)
{
    double base = (double)rank + 1;
    double power = 1;
    for (uint32_t whole = steps / FLEET_ZIPF_STEPS; whole > 0; whole--) {
        power *= base;
    }
    double root = base;
    for (uint32_t bit = FLEET_ZIPF_STEPS / 2; bit > 0; bit /= 2) {
        root = sqrt(root);
        if ((steps & bit) != 0) {
            power *= root;
        }
    }
    return 1 / power;
}

/* Out scaled: each weight in units in which the mean is ONE and the sum is exact. Returns the sum
 * of the weights. */
static double scale(uint64_t *scaled, uint32_t count, uint32_t steps)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += fleet_zipf_weight(i, steps);
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        double part = fleet_zipf_weight(i, steps) / sum * (double)count * (double)ONE;
        scaled[i] = (uint64_t)part;
        total += scaled[i];
    }
    /* Rounding leaves a trifle over or short; the greatest weight takes it. */
    scaled[0] += (uint64_t)count * ONE - total;
    return sum;
}

double fleet_choice_init(struct fleet_column *columns, uint32_t count, uint32_t steps,
                         uint64_t *scaled, uint32_t *stack)
{
    double sum = scale(scaled, count, steps);
    uint32_t small = 0;     /* columns below ONE: stack[0 .. small) */
    uint32_t large = count; /* the others: stack[large .. count) */
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (struct fleet_column){.threshold = UINT32_MAX, .alias = i};
        if (scaled[i] < ONE) {
            stack[small++] = i;
        } else {
            stack[--large] = i;
        }
    }
    /* Each turn settles one small column for good, so there are at most count turns. */
    while (small > 0 && large < count) {
        uint32_t less = stack[--small];
        uint32_t more = stack[large];
        columns[less] = (struct fleet_column){.threshold = (uint32_t)scaled[less], .alias = more};
        scaled[more] -= ONE - scaled[less];
        if (scaled[more] < ONE) {
            large++;
            stack[small++] = more;
        }
    }
    return sum;
}
