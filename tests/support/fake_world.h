/*
 * A worker in a world of its own: fake log, store and clock, and short ways to say what happens.
 *
 * Threads: one. Memory: world_open and world_close; a world is large, so it is kept static.
 */
#ifndef TROTH_TESTS_SUPPORT_FAKE_WORLD_H
#define TROTH_TESTS_SUPPORT_FAKE_WORLD_H

#include "tests/support/fake_clock.h"
#include "tests/support/fake_journal.h"
#include "tests/support/fake_log.h"
#include "tests/support/fake_store.h"

#include "consumers/avro/encode.h"
#include "consumers/decision_record.h"
#include "consumers/worker.h"

enum { WORLD_STEPS_MAX = 1000000, WORLD_SAID_MAX = 65536 };

#define WORLD_TOPIC "troth.telemetry"
#define SECOND_US   INT64_C(1000000)

struct world {
    struct fake_clock clock;
    struct fake_journal journal;
    struct fake_cluster cluster;
    struct fake_log log;
    struct fake_store store;
    struct troth_framing framing;
    struct troth_worker_config config;
    struct troth_worker *worker;
    char said[WORLD_SAID_MAX]; /* what the worker told people, a line each; the last of it */
    size_t said_length;
};

static inline void world_say(void *context, enum troth_level level, const char *text)
{
    struct world *world = context;
    (void)level;
    const size_t length = strlen(text) + 1;
    if (world->said_length + length >= sizeof world->said) {
        world->said_length = 0;
    }
    memcpy(world->said + world->said_length, text, length);
    world->said[world->said_length + length - 1] = '\n';
    world->said_length += length;
    world->said[world->said_length] = '\0';
}

static inline void world_open(struct world *world, int32_t partitions)
{
    memset(world, 0, sizeof *world);
    world->clock = (struct fake_clock){.monotonic_us = 1000, .wall_us = FAKE_EPOCH_US};
    fake_cluster_init(&world->cluster, &world->clock, &world->journal, partitions);
    fake_store_init(&world->store, &world->clock, &world->journal);
    assert_int_equal(troth_framing_init(&world->framing, TROTH_FRAMING_BARE), TROTH_OK);
    world->config = (struct troth_worker_config){.log = &world->log.log,
                                                 .store = &world->store.store,
                                                 .clock = fake_clock_calls(&world->clock),
                                                 .framing = &world->framing,
                                                 .partitioner = TROTH_PARTITIONER_MURMUR2,
                                                 .telemetry_topic = WORLD_TOPIC,
                                                 .era = 1,
                                                 .publish_us = 50000,
                                                 .commit_us = SECOND_US,
                                                 .dead_band = 5,
                                                 .agents_max = 1000,
                                                 .standings_max = 1000,
                                                 .standing_bytes = 4096,
                                                 .max_ahead_us = 60 * SECOND_US,
                                                 .say = world_say,
                                                 .say_context = world};
}

/* A member joins the group; its worker owns nothing yet. */
static inline void world_join(struct world *world)
{
    fake_log_open(&world->log, &world->cluster);
    world->config.nonce[15]++;
    assert_int_equal(troth_worker_create(&world->config, &world->worker), TROTH_OK);
}

/* A member joins and gets all partitions. */
static inline void world_start(struct world *world)
{
    world_join(world);
    for (int32_t i = 0; i < world->cluster.partition_count; i++) {
        fake_log_assign(&world->log, i);
    }
}

/* The worker ends as if it had been killed. */
static inline void world_crash(struct world *world)
{
    troth_worker_destroy(world->worker);
    world->worker = NULL;
    world->log.log.close(&world->log.log);
    if (world->store.connected) {
        fake_store_break(&world->store);
    }
}

static inline void world_close(struct world *world)
{
    if (world->worker != NULL) {
        world_crash(world);
    }
    fake_cluster_fini(&world->cluster);
    fake_journal_fini(&world->journal);
}

static inline void world_step(struct world *world)
{
    const troth_status status = troth_worker_step(world->worker);
    if (status != TROTH_OK) {
        fail_msg("step: %s\n%s", troth_status_name(status), world->said);
    }
}

/* Runs the loop until so much time has passed; what there is to read is read first. */
static inline void world_run(struct world *world, int64_t us)
{
    const int64_t end_us = world->clock.monotonic_us + us;
    for (unsigned i = 0; world->clock.monotonic_us < end_us; i++) {
        assert_true(i < WORLD_STEPS_MAX);
        world_step(world);
    }
}

static inline struct troth_worker_counts world_counts(const struct world *world)
{
    struct troth_worker_counts counts;
    troth_worker_count(world->worker, &counts);
    return counts;
}

/* ---- What happens. ---- */

/* Writes a contract. Out contract. Returns the offset of its document. */
static inline int64_t world_write(struct world *world, const char *yaml,
                                  struct troth_contract *contract)
{
    static struct troth_problems problems;
    static char json[TROTH_CONTRACT_LENGTH_MAX];
    char key[128];
    size_t length = 0;
    problems.count = 0;
    if (troth_contract_parse(yaml, strlen(yaml), contract, &problems) != TROTH_OK) {
        fail_msg("%s: %s", problems.items[0].key, problems.items[0].text);
    }
    assert_int_equal(troth_contract_write(contract, json, sizeof json, &length), TROTH_OK);
    snprintf(key, sizeof key, "%s@%lld", contract->name, (long long)contract->version);
    return fake_cluster_append(&world->cluster, TROTH_TOPIC_CONTRACTS, 0, key, strlen(key), json,
                               length);
}

/* Puts a version in force, and lets a millisecond pass: a pointer to it must be younger. */
static inline void world_put_in_force(struct world *world, const char *name, long long version)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", version);
    fake_cluster_append(&world->cluster, TROTH_TOPIC_CONTRACTS, 0, name, strlen(name), number,
                        strlen(number));
    fake_clock_move(&world->clock, 1000);
}

/* Writes a contract and puts it in force. Returns the offset of its document. */
static inline int64_t world_push(struct world *world, const char *yaml)
{
    static struct troth_contract contract;
    const int64_t offset = world_write(world, yaml, &contract);
    world_put_in_force(world, contract.name, contract.version);
    return offset;
}

/* An event of an agent, now. */
static inline struct troth_event world_event(const struct world *world, const char *agent,
                                             enum troth_kind kind, enum troth_outcome outcome)
{
    struct troth_event event = {.present = 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT |
                                           1U << TROTH_FIELD_AT | 1U << TROTH_FIELD_KIND |
                                           1U << TROTH_FIELD_SOURCE,
                                .kind = (uint8_t)kind,
                                .outcome = (uint8_t)outcome,
                                .at_us = world->clock.wall_us,
                                .agent = {agent, (uint32_t)strlen(agent)}};
    event.present |= outcome != TROTH_OUTCOME_NONE ? 1U << TROTH_FIELD_OUTCOME : 0;
    return event;
}

static inline int32_t world_place(const struct world *world, const char *agent)
{
    return troth_partition_of(TROTH_PARTITIONER_MURMUR2, agent, strlen(agent),
                              world->cluster.partition_count);
}

/* Appends an event to a partition, under a key (NULL: none). Returns its offset. */
static inline int64_t world_append_to(struct world *world, int32_t partition, const char *key,
                                      const struct troth_event *event)
{
    char value[4096];
    size_t length = 0;
    assert_int_equal(troth_encode(event, value, sizeof value, &length), TROTH_OK);
    return fake_cluster_append(&world->cluster, TROTH_TOPIC_TELEMETRY, partition, key,
                               key != NULL ? strlen(key) : 0, value, length);
}

/* Appends an event where it belongs. */
static inline int64_t world_append(struct world *world, const struct troth_event *event)
{
    char agent[TROTH_AGENT_LENGTH_MAX + 1];
    snprintf(agent, sizeof agent, "%.*s", (int)event->agent.length, event->agent.data);
    return world_append_to(world, world_place(world, agent), agent, event);
}

/* An agent does a task so many times. */
static inline void world_tasks(struct world *world, const char *agent, enum troth_outcome outcome,
                               unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct troth_event event = world_event(world, agent, TROTH_KIND_TASK, outcome);
        world_append(world, &event);
    }
}

/* An agent does what it never may: its standing goes to pause. */
static inline int64_t world_leak(struct world *world, const char *agent)
{
    struct troth_event event = world_event(world, agent, TROTH_KIND_TOOL, TROTH_OUTCOME_OK);
    event.present |= 1U << TROTH_FIELD_TOOL;
    event.tool = (struct troth_text){"export", 6};
    return world_append(world, &event);
}

/* A decision on an agent under `refunds`, to be filled in. Its id is of `number`. */
static inline struct troth_decision world_decision(const struct world *world, const char *agent,
                                                   enum troth_action action, unsigned number)
{
    struct troth_decision decision = {.agent = troth_text_of(agent),
                                      .contract = troth_text_of("refunds"),
                                      .by = troth_text_of("ann"),
                                      .reason = troth_text_of("a test's"),
                                      .position = -1,
                                      .at_us = world->clock.wall_us,
                                      .offset = -1,
                                      .partition = -1,
                                      .action = (uint8_t)action,
                                      .expected = TROTH_RUNG_COUNT};
    memcpy(decision.id, &number, sizeof number);
    return decision;
}

/* Writes a decision, and lets a millisecond pass. Returns its offset. */
static inline int64_t world_decide(struct world *world, const struct troth_decision *decision)
{
    static uint8_t value[TROTH_DECISION_RECORD_MAX];
    const size_t length = troth_decision_encode(decision, value);
    const int64_t offset =
        fake_cluster_append(&world->cluster, TROTH_TOPIC_DECISIONS, 0, decision->agent.data,
                            decision->agent.length, value, length);
    fake_clock_move(&world->clock, 1000);
    return offset;
}

/* A contract that ten clean tasks satisfy (clear), and one use of `export` breaks (pause). */
#define WORLD_CONTRACT(name, version)                                                              \
    "contract: " name "\n"                                                                         \
    "version: " #version "\n"                                                                      \
    "promise: It does what it says.\n"                                                             \
    "owner: ops\n"                                                                                 \
    "capabilities: [refund, quote]\n"                                                              \
    "window: 10m\n"                                                                                \
    "panes: 10\n"                                                                                  \
    "hold: 1m\n"                                                                                   \
    "certify: {confidence: 0.6, within: 1d}\n"                                                     \
    "terms:\n"                                                                                     \
    "  - {name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 10}\n"    \
    "  - {name: no-leak, never: {kind: tool, tool: export}}\n"

/* ---- What came of it. ---- */

static inline size_t world_told(const struct world *world)
{
    return fake_cluster_count(&world->cluster, TROTH_TOPIC_INTERVENTIONS);
}

/* Returns how many records of a kind the engine appended to a telemetry partition. */
static inline size_t world_own(struct world *world, int32_t number, enum troth_kind kind)
{
    const struct fake_partition *partition = &world->cluster.topics[TROTH_TOPIC_TELEMETRY][number];
    size_t count = 0;
    for (size_t i = 0; i < partition->count; i++) {
        static struct troth_event event;
        static struct troth_scratch scratch;
        struct troth_reason reason;
        const struct fake_record *record = &partition->records[i];
        count += record->key == NULL && record->value != NULL &&
                 troth_framing_decode(&world->framing, record->value, record->value_length, &event,
                                      &scratch, &reason) == TROTH_OK &&
                 event.kind == kind;
    }
    return count;
}

static int world_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Makes the worker publish every standing anew, and returns their reports, sorted, a line each;
 * the caller's to free. */
static inline char *world_standings(struct world *world)
{
    fake_store_break(&world->store);
    world->store.reports = true;
    const size_t from = world->journal.count;
    world_run(world, 2 * world->config.publish_us);
    world->store.reports = false;
    char **lines = calloc(world->journal.count - from + 1, sizeof *lines);
    size_t count = 0;
    size_t size = 1;
    for (size_t i = from; i < world->journal.count; i++) {
        const struct fake_entry *entry = &world->journal.entries[i];
        if (entry->act == FAKE_STANDING) {
            size += strlen(entry->text) + 1;
            lines[count++] = entry->text;
        }
    }
    qsort(lines, count, sizeof *lines, world_compare);
    char *text = calloc(1, size);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s\n", lines[i]);
    }
    free(lines);
    return text;
}

#endif
