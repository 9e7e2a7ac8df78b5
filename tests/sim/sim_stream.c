#include "tests/sim/sim_stream.h"

#include <string.h>

#include "consumers/avro/encode.h"
#include "consumers/decision_record.h"
#include "consumers/partitioner.h"
#include "schemas/assert.h"
#include "tests/support/scenario_random.h"

enum { VALUE_MAX = 4096 };

static const char *const agent_names[SIM_AGENTS_MAX] = {
    "agent-0", "agent-1", "agent-2", "agent-3", "agent-4",  "agent-5",
    "agent-6", "agent-7", "agent-8", "agent-9", "agent-10", "agent-11"};

static const char *const names[SIM_CONTRACTS_MAX] = {"refunds", "quotes", "mails"};

const char *sim_agent_name(unsigned agent)
{
    TROTH_ASSERT(agent < SIM_AGENTS_MAX);
    return agent_names[agent];
}

void sim_stream_init(struct sim_stream *stream, struct sim_cluster *cluster)
{
    uint64_t *random = &cluster->random;
    *stream =
        (struct sim_stream){.cluster = cluster,
                            .agents = 3 + (unsigned)random_below(random, SIM_AGENTS_MAX - 2),
                            .contracts = 1 + (unsigned)random_below(random, SIM_CONTRACTS_MAX),
                            .trouble = 1 + (unsigned)random_below(random, 30),
                            .forges = random_below(random, 2) == 0,
                            .decides = random_below(random, 3) > 0,
                            .versions = random_below(random, 3) > 0,
                            .globs = random_below(random, 2) == 0};
    /* Where telemetry's clock is ahead, a forged pointer may be good in a replay and bad in the
     * run: consumers/worker/contracts.c says so, and that is known. */
    cluster->clock.control_leads = stream->forges;
    sim_clock_set(&cluster->clock, 0);
}

void sim_stream_fini(struct sim_stream *stream)
{
    for (size_t i = 0; i < stream->kept_count; i++) {
        free(stream->kept[i].value);
    }
}

static void append(struct sim_stream *stream, enum troth_topic topic, int32_t partition,
                   const char *key, const char *value, size_t length)
{
    const struct troth_log_record record = {.key = key,
                                            .key_length = key != NULL ? strlen(key) : 0,
                                            .value = value,
                                            .value_length = length};
    (void)sim_log_append(&stream->cluster->log, topic, partition, &record);
}

static int32_t place_of(const struct sim_stream *stream, const char *agent)
{
    return troth_partition_of(TROTH_PARTITIONER_MURMUR2, agent, strlen(agent),
                              stream->cluster->log.partition_count);
}

/* A POINTER that no engine sent. */
static size_t forge(struct sim_stream *stream, char value[VALUE_MAX])
{
    uint64_t *random = &stream->cluster->random;
    const bool decision = stream->decides && random_below(random, 2) == 0;
    const char *topic = decision ? "decisions" : "contracts";
    const int64_t end =
        stream->cluster->log.topics[decision ? TROTH_TOPIC_DECISIONS : TROTH_TOPIC_CONTRACTS][0]
            .count;
    char number[24];
    const int digits =
        snprintf(number, sizeof number, "%lld", (long long)random_below(random, (uint64_t)end + 3));
    const struct troth_attribute attributes[2] = {{{"topic", 5}, {topic, 9}},
                                                  {{"offset", 6}, {number, (uint32_t)digits}}};
    struct troth_event event = {.kind = TROTH_KIND_POINTER,
                                .source = TROTH_SOURCE_ENGINE,
                                .agent = {"", 0},
                                .at_us = sim_clock_wall_us(&stream->cluster->clock),
                                .attributes = attributes,
                                .attribute_count = 2};
    event.present = 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT |
                    1U << TROTH_FIELD_KIND | 1U << TROTH_FIELD_SOURCE |
                    1U << TROTH_FIELD_ATTRIBUTES;
    size_t length = 0;
    const troth_status status = troth_encode(&event, value, VALUE_MAX, &length);
    TROTH_ASSERT(status == TROTH_OK);
    return length;
}

/* An agent's event, now. Time passes as the record wants it to. Out agent: whose. */
static size_t draw(struct sim_stream *stream, char value[VALUE_MAX], unsigned *agent)
{
    struct sim_clock *clock = &stream->cluster->clock;
    uint64_t *random = &stream->cluster->random;
    const int64_t now_us = SIM_EPOCH_US + clock->monotonic_us + clock->telemetry_skew_us;
    const unsigned silent = stream->fades ? stream->agents / 2 : 0;
    const int64_t silence_us = stream->fades ? 3 * DAY : 31 * MINUTE;
    if (silent > 0 && random_below(random, 50) == 0) {
        stream->shift = (unsigned)random_below(random, silent + 1);
    }
    struct record record = random_record(random, now_us, agent_names + stream->shift,
                                         stream->agents - silent, stream->trouble);
    int64_t ahead_us = record.timestamp_us - now_us;
    if (ahead_us > 5 * SECOND && ahead_us <= silence_us &&
        random_below(random, stream->fades ? 2 : 4) == 0) {
        sim_clock_leap(clock, ahead_us);
        ahead_us = 0;
    } else if (ahead_us >= 0 && ahead_us <= 5 * SECOND) {
        sim_clock_move(clock, ahead_us / 8);
        ahead_us -= ahead_us / 8;
    }
    record.event.at_us -= ahead_us;
    if (random_below(random, 100) == 0) {
        record.event.at_us += 2 * MINUTE; /* by a clock that is fast */
    }
    for (*agent = 0; agent_names[*agent] != record.event.agent.data; (*agent)++) {
    }
    size_t length = 0;
    const troth_status status = troth_encode(&record.event, value, VALUE_MAX, &length);
    TROTH_ASSERT(status == TROTH_OK);
    return length;
}

/* Keeps an event to be sent again, or sends one that was kept. */
static void keep(struct sim_stream *stream, unsigned agent, const char *value, size_t length)
{
    const size_t slot = random_below(&stream->cluster->random, SIM_KEPT_MAX);
    if (slot < stream->kept_count) {
        const struct sim_sent *sent = &stream->kept[slot];
        const char *name = agent_names[sent->agent];
        append(stream, TROTH_TOPIC_TELEMETRY, place_of(stream, name), name, sent->value,
               sent->length);
        free(sent->value);
        stream->kept[slot] = stream->kept[--stream->kept_count];
    } else if (stream->kept_count < SIM_KEPT_MAX) {
        char *copy = malloc(length);
        TROTH_ASSERT(copy != NULL);
        memcpy(copy, value, length);
        stream->kept[stream->kept_count++] = (struct sim_sent){copy, length, agent};
    }
}

void sim_stream_event(struct sim_stream *stream)
{
    uint64_t *random = &stream->cluster->random;
    char value[VALUE_MAX];
    unsigned agent = 0;
    if (sim_brokers_are_away(stream->cluster)) {
        return;
    }
    const size_t length = draw(stream, value, &agent);
    const char *name = agent_names[agent];
    const int32_t place = place_of(stream, name);
    const int32_t other = (place + 1) % stream->cluster->log.partition_count;
    stream->sent++;
    switch (random_below(random, 100)) {
    case 0:
        append(stream, TROTH_TOPIC_TELEMETRY, place, name, "?", 1);
        break;
    case 1:
        append(stream, TROTH_TOPIC_TELEMETRY, place, name, NULL, 0);
        break;
    case 2:
        append(stream, TROTH_TOPIC_TELEMETRY, other, name, value, length);
        break;
    case 3:
        append(stream, TROTH_TOPIC_TELEMETRY, place, NULL, value, length);
        break;
    case 4:
        append(stream, TROTH_TOPIC_TELEMETRY, place, "somebody else", value, length);
        break;
    case 5:
    case 6:
        if (stream->forges) {
            const size_t forged = forge(stream, value);
            append(stream, TROTH_TOPIC_TELEMETRY, place, NULL, value, forged);
        }
        break;
    case 7: /* held back: it comes later, out of order */
        keep(stream, agent, value, length);
        break;
    case 8: /* and again, as a duplicate */
    case 9:
        append(stream, TROTH_TOPIC_TELEMETRY, place, name, value, length);
        keep(stream, agent, value, length);
        break;
    default:
        append(stream, TROTH_TOPIC_TELEMETRY, place, name, value, length);
        break;
    }
}

void sim_stream_push(struct sim_stream *stream, unsigned number)
{
    static const char *const globs[] = {"*", "*", "agent-?", "agent-*1*"};
    static struct troth_contract contract;
    static char json[TROTH_CONTRACT_LENGTH_MAX];
    uint64_t *random = &stream->cluster->random;
    char key[64];
    char version[24];
    size_t length = 0;
    TROTH_ASSERT(number < SIM_CONTRACTS_MAX);
    stream->version[number] += 1 + (int64_t)random_below(random, 2);
    if (stream->version[number] <= 2 || random_below(random, 2) == 0) {
        stream->seed[number] = random_next(random); /* else every term is as it was */
    }
    uint64_t terms = stream->seed[number];
    const struct troth_rules *rules =
        random_rules(&terms, names[number], (unsigned)stream->version[number]);
    contract = *rules->contract;
    scenario_rules_free(rules);
    snprintf(contract.applies_to, sizeof contract.applies_to, "%s",
             stream->globs ? PICK(random, globs) : "*");
    const troth_status status = troth_contract_write(&contract, json, sizeof json, &length);
    TROTH_ASSERT(status == TROTH_OK);
    snprintf(key, sizeof key, "%s@%lld", names[number], (long long)stream->version[number]);
    const bool good = random_below(random, 10) > 0 || stream->version[number] <= 2;
    append(stream, TROTH_TOPIC_CONTRACTS, 0, key, json, good ? length : length / 2);
    if (random_below(random, 8) > 0 || stream->version[number] <= 2) {
        snprintf(version, sizeof version, "%lld", (long long)stream->version[number]);
        append(stream, TROTH_TOPIC_CONTRACTS, 0, names[number], version, strlen(version));
    }
}

/* Of the last records of the agent's partition one of its own, or any. */
static int64_t record_of(const struct sim_stream *stream, int32_t place, const char *agent)
{
    uint64_t *random = &stream->cluster->random;
    const struct sim_partition *topic = &stream->cluster->log.topics[TROTH_TOPIC_TELEMETRY][place];
    const int64_t from = topic->count - (int64_t)random_below(random, 20);
    for (int64_t i = from - 1; i >= 0 && i > from - 60; i--) {
        if (topic->records[i].key != NULL && strcmp(topic->records[i].key, agent) == 0) {
            return i;
        }
    }
    return (int64_t)random_below(random, (uint64_t)topic->count + 3);
}

void sim_stream_decide(struct sim_stream *stream)
{
    static const char *const terms[] = {"t0", "t1", "t2", "t3"};
    static uint8_t value[TROTH_DECISION_RECORD_MAX];
    uint64_t *random = &stream->cluster->random;
    const char *agent = agent_names[random_below(random, stream->agents)];
    struct troth_decision d = {.agent = text_of(agent),
                               .contract = text_of(names[random_below(random, stream->contracts)]),
                               .by = text_of("ann"),
                               .reason = text_of("as the seed has it"),
                               .position = -1,
                               .at_us = sim_clock_wall_us(&stream->cluster->clock),
                               .offset = -1,
                               .partition = -1,
                               .action = (uint8_t)random_below(random, TROTH_ACTION_COUNT),
                               .expected = TROTH_RUNG_COUNT};
    const unsigned number =
        random_below(random, 10) == 0 && stream->decided > 0 ? stream->decided : ++stream->decided;
    memcpy(d.id, &number, sizeof number);
    if (random_below(random, 20) == 0) {
        d.contract = text_of("nothing");
    }
    if (random_below(random, 5) == 0) {
        d.expected = (uint8_t)random_below(random, TROTH_RUNG_COUNT);
    }
    if (d.action >= TROTH_ACTION_WAIVE && d.action <= TROTH_ACTION_DISPUTE_REJECT) {
        d.term = text_of(PICK(random, terms));
    }
    if (d.action == TROTH_ACTION_WAIVE) {
        d.until_us = d.at_us + (int64_t)random_below(random, HOUR);
    } else if (d.action > TROTH_ACTION_WAIVE && d.action <= TROTH_ACTION_DISPUTE_REJECT) {
        d.topic = text_of("troth.telemetry");
        d.partition = place_of(stream, agent);
        d.offset = record_of(stream, d.partition, agent);
    }
    const size_t length = troth_decision_encode(&d, value);
    append(stream, TROTH_TOPIC_DECISIONS, 0, random_below(random, 40) == 0 ? "nobody" : agent,
           (const char *)value, length);
}
