/*
 * The fleet's random numbers: xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded by splitmix64
 * (Steele, Lea and Flood, 2014) as its authors advise. Integers alone, so the same on every
 * machine.
 */
#ifndef TROTH_OPS_FLEET_RANDOM_H
#define TROTH_OPS_FLEET_RANDOM_H

#include <stdint.h>

struct fleet_random {
    uint64_t state[4];
};

static inline void fleet_random_init(struct fleet_random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t mixed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = mixed ^ mixed >> 31;
    }
}

static inline uint64_t fleet_random_next(struct fleet_random *random)
{
    uint64_t *state = random->state;
    uint64_t scaled = state[1] * 5;
    uint64_t result = (scaled << 7 | scaled >> 57) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = state[3] << 45 | state[3] >> 19;
    return result;
}

/* Returns a number from 0 to below - 1 (below >= 1), each at most below / 2^32 too likely. */
static inline uint32_t fleet_random_below(struct fleet_random *random, uint32_t below)
{
    return (uint32_t)((fleet_random_next(random) >> 32) * below >> 32);
}

/* Returns a number from least to most, both included. */
static inline uint32_t fleet_random_between(struct fleet_random *random, uint32_t least,
                                            uint32_t most)
{
    return least + fleet_random_below(random, most - least + 1);
}

#endif
