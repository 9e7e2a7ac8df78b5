/*
 * Claim: whichever allocation fails, the n-th of a worker's life for every n, while it starts,
 * takes contracts, applies, tells, writes checkpoints or restores, the worker either goes on or
 * ends with a status; made anew it comes to the same standings, and every intervention stands once.
 *
 * The linker gives the engine's calls of malloc, calloc, realloc and mmap to this file; what the
 * test itself and its fakes allocate is not counted.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_mmap(void *place, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_mmap(void *place, size_t size, int protection, int flags, int file, off_t offset);

static bool armed;
static unsigned allocations; /* of the engine, since the run began */
static unsigned fails_at;    /* the number of the one that fails */
static bool failed;

static bool fails(void)
{
    const bool now = armed && allocations == fails_at;
    allocations += armed ? 1 : 0;
    failed |= now;
    return now;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_mmap(void *place, size_t size, int protection, int flags, int file, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(place, size, protection, flags, file, offset);
}

#define malloc(size)          __real_malloc(size)
#define calloc(count, size)   __real_calloc(count, size)
#define realloc(memory, size) __real_realloc(memory, size)

#include "tests/support/fake_world.h"

enum { AGENTS = 6, RUNS_MAX = 5000 };

static struct world world;
static unsigned ends; /* of workers, because an allocation failed */

/* Makes a worker; again where there is no memory for it. */
static void join(void)
{
    troth_status status = TROTH_NO_MEMORY;
    world.config.nonce[15]++;
    fake_log_open(&world.log, &world.cluster);
    while (status == TROTH_NO_MEMORY) {
        armed = true;
        status = troth_worker_create(&world.config, &world.worker);
        armed = false;
        ends += status != TROTH_OK ? 1 : 0;
    }
    assert_int_equal(status, TROTH_OK);
    for (int32_t i = 0; i < world.cluster.partition_count; i++) {
        fake_log_assign(&world.log, i);
    }
}

static void run_for(int64_t us)
{
    const int64_t end_us = world.clock.monotonic_us + us;
    while (world.clock.monotonic_us < end_us) {
        armed = true;
        const troth_status status = troth_worker_step(world.worker);
        armed = false;
        if (status != TROTH_OK) {
            assert_true(failed);
            ends++;
            world_crash(&world);
            join();
        }
    }
}

static void work(void)
{
    for (unsigned i = 0; i < AGENTS; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i);
        world_tasks(&world, agent, TROTH_OUTCOME_OK, 20);
    }
}

/* What of the standings does not depend on how long a life took: a line each of agent, version,
 * rung and counts. In text: their reports; freed. Returns: the caller's to free. */
static char *essence(char *text)
{
    char *lines = calloc(1, strlen(text) + 1);
    char *end = lines;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *report = json_loads(line, 0, NULL);
        assert_non_null(report);
        end += sprintf(end, "%s %lld %s", json_string_value(json_object_get(report, "agent")),
                       json_integer_value(json_object_get(report, "contract_version")),
                       json_string_value(json_object_get(report, "rung")));
        const json_t *term = json_array_get(json_object_get(report, "terms"), 0);
        end += sprintf(end, " %lld %lld\n", json_integer_value(json_object_get(term, "kept")),
                       json_integer_value(json_object_get(term, "broken")));
        json_decref(report);
    }
    free(text);
    return lines;
}

/* A life with a bit of everything, and one failure. Returns the standings; the caller's to free. */
static char *live(size_t *told)
{
    allocations = 0;
    failed = false;
    world_open(&world, 2);
    world.config.checkpoint_us = SECOND_US / 2;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    join();
    run_for(SECOND_US);
    work();
    run_for(SECOND_US);
    world_leak(&world, "a1");
    run_for(SECOND_US);
    world_push(&world, WORLD_CONTRACT("refunds", 2));
    run_for(SECOND_US);
    world_leak(&world, "a2");
    run_for(SECOND_US);
    world_crash(&world);
    join();
    run_for(SECOND_US);
    work();
    world_leak(&world, "a3");
    run_for(20 * SECOND_US);
    *told = world_told(&world);
    char *standings = essence(world_standings(&world));
    world_close(&world);
    return standings;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    size_t expected_told;
    fails_at = UINT_MAX;
    char *expected = live(&expected_told);
    const unsigned count = allocations;
    assert_true(expected_told > 3 && count > 10);
    failed = true;
    for (fails_at = 0; failed; fails_at++) {
        size_t told;
        assert_true(fails_at < RUNS_MAX);
        char *standings = live(&told);
        if (told != expected_told || strcmp(standings, expected) != 0) {
            fail_msg("allocation %u: %zu interventions of %zu\n%s\n%s", fails_at, told,
                     expected_told, standings, expected);
        }
        free(standings);
    }
    free(expected);
    printf("  %u allocations, %u failed, %u workers ended of it\n", count, fails_at - 1, ends);
    assert_true(fails_at - 1 >= count && ends > 10); /* else little was tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail)};
    json_set_alloc_funcs(__wrap_malloc, free);
    return cmocka_run_group_tests_name("allocation", tests, NULL, NULL);
}
