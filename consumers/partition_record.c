#include "consumers/partition_record.h"

#include <string.h>

#include "consumers/avro/write.h"
#include "consumers/record_read.h"
#include "schemas/assert.h"
#include "scoring/snapshot.h"

static const char genesis_key[] = "\0genesis";
static const char claim_key[] = "\0claim";
static const char checkpoint_key[] = "\0checkpoint";

enum { PARTITIONER_NAME_MAX = 64 };

size_t troth_standing_key(struct troth_text agent, struct troth_text contract,
                          char key[TROTH_STANDING_KEY_MAX])
{
    TROTH_ASSERT(agent.length >= 1 && agent.length <= TROTH_AGENT_LENGTH_MAX &&
                 contract.length >= 1 && contract.length <= TROTH_NAME_LENGTH_MAX);
    memcpy(key, agent.data, agent.length);
    key[agent.length] = '\0';
    memcpy(key + agent.length + 1, contract.data, contract.length);
    return agent.length + 1 + contract.length;
}

size_t troth_agent_key(struct troth_text agent, char key[TROTH_STANDING_KEY_MAX])
{
    TROTH_ASSERT(agent.length >= 1 && agent.length <= TROTH_AGENT_LENGTH_MAX);
    memcpy(key, agent.data, agent.length);
    key[agent.length] = '\0';
    return agent.length + 1;
}

const char *troth_partition_key(enum troth_record_kind kind, size_t *length)
{
    switch (kind) {
    case TROTH_RECORD_GENESIS:
        *length = sizeof genesis_key - 1;
        return genesis_key;
    case TROTH_RECORD_CLAIM:
        *length = sizeof claim_key - 1;
        return claim_key;
    default:
        TROTH_ASSERT(kind == TROTH_RECORD_CHECKPOINT);
        *length = sizeof checkpoint_key - 1;
        return checkpoint_key;
    }
}

static bool is_key(const void *key, size_t length, enum troth_record_kind kind)
{
    size_t known_length;
    const char *known = troth_partition_key(kind, &known_length);
    return length == known_length && memcmp(key, known, length) == 0;
}

troth_status troth_record_key_read(const void *key, size_t length, enum troth_record_kind *kind,
                                   struct troth_text *agent, struct troth_text *contract)
{
    const char *bytes = key;
    if (length == 0) {
        return TROTH_INVALID;
    }
    if (bytes[0] == '\0') {
        for (unsigned k = TROTH_RECORD_GENESIS; k <= TROTH_RECORD_CHECKPOINT; k++) {
            if (is_key(key, length, (enum troth_record_kind)k)) {
                *kind = (enum troth_record_kind)k;
                return TROTH_OK;
            }
        }
        return TROTH_UNSUPPORTED;
    }
    const char *zero = memchr(bytes, '\0', length);
    if (zero == NULL) {
        return TROTH_INVALID;
    }
    const size_t agent_length = (size_t)(zero - bytes);
    const size_t contract_length = length - agent_length - 1;
    if (agent_length > TROTH_AGENT_LENGTH_MAX || contract_length > TROTH_NAME_LENGTH_MAX ||
        memchr(zero + 1, '\0', contract_length) != NULL) {
        return TROTH_INVALID;
    }
    *agent = (struct troth_text){bytes, (uint32_t)agent_length};
    if (contract_length == 0) {
        *kind = TROTH_RECORD_AGENT;
        return TROTH_OK;
    }
    *kind = TROTH_RECORD_STANDING;
    *contract = (struct troth_text){zero + 1, (uint32_t)contract_length};
    return TROTH_OK;
}

static size_t finish(const struct avro_writer *writer, const uint8_t *buffer)
{
    TROTH_ASSERT(!writer->full);
    return (size_t)(writer->next - buffer);
}

size_t troth_genesis_encode(const struct troth_genesis *genesis,
                            uint8_t buffer[TROTH_PARTITION_RECORD_MAX])
{
    struct avro_writer writer = {.next = buffer, .end = buffer + TROTH_PARTITION_RECORD_MAX};
    const char *name = troth_partitioner_name(genesis->partitioner);
    write_long(&writer, TROTH_PARTITION_FORMAT);
    write_long(&writer, genesis->era);
    write_long(&writer, genesis->partitions);
    write_long(&writer, (int64_t)strlen(name));
    write_bytes(&writer, name, strlen(name));
    return finish(&writer, buffer);
}

size_t troth_claim_encode(const struct troth_claim *claim,
                          uint8_t buffer[TROTH_PARTITION_RECORD_MAX])
{
    struct avro_writer writer = {.next = buffer, .end = buffer + TROTH_PARTITION_RECORD_MAX};
    TROTH_ASSERT(claim->instance.length >= 1 &&
                 claim->instance.length <= TROTH_INSTANCE_LENGTH_MAX);
    write_long(&writer, TROTH_PARTITION_FORMAT);
    write_long(&writer, claim->instance.length);
    write_bytes(&writer, claim->instance.data, claim->instance.length);
    write_bytes(&writer, claim->nonce, sizeof claim->nonce);
    write_long(&writer, claim->era);
    write_long(&writer, claim->at_us);
    return finish(&writer, buffer);
}

size_t troth_checkpoint_encode(const struct troth_checkpoint *checkpoint,
                               uint8_t buffer[TROTH_CHECKPOINT_LENGTH_MAX])
{
    struct avro_writer writer = {.next = buffer, .end = buffer + TROTH_CHECKPOINT_LENGTH_MAX};
    TROTH_ASSERT(checkpoint->version_count <= TROTH_CONTRACTS_MAX);
    write_long(&writer, TROTH_CHECKPOINT_FORMAT);
    write_long(&writer, checkpoint->era);
    write_long(&writer, checkpoint->offset);
    write_long(&writer, checkpoint->told);
    write_long(&writer, checkpoint->clock_us);
    if (checkpoint->version_count > 0) {
        write_long(&writer, checkpoint->version_count);
        for (unsigned i = 0; i < checkpoint->version_count; i++) {
            const struct troth_version *version = &checkpoint->versions[i];
            write_long(&writer, version->contract.length);
            write_bytes(&writer, version->contract.data, version->contract.length);
            write_long(&writer, version->version);
        }
    }
    write_long(&writer, 0);
    write_long(&writer, checkpoint->decided);
    if (checkpoint->ruled_count > 0) {
        write_long(&writer, checkpoint->ruled_count);
        for (unsigned i = 0; i < checkpoint->ruled_count; i++) {
            write_long(&writer, checkpoint->ruled[i]);
        }
    }
    write_long(&writer, 0);
    write_long(&writer, checkpoint->weeks);
    return finish(&writer, buffer);
}

troth_status troth_genesis_decode(const void *bytes, size_t length, struct troth_genesis *genesis)
{
    struct record_reader reader = record_begin(bytes, length, TROTH_PARTITION_FORMAT);
    struct troth_genesis read = {.era = record_long(&reader)};
    read.partitions = (int32_t)record_long_in(&reader, 1, INT32_MAX);
    const struct troth_text text = record_text(&reader, PARTITIONER_NAME_MAX);
    const troth_status status = record_finish(&reader);
    if (status != TROTH_OK) {
        return status;
    }
    char name[PARTITIONER_NAME_MAX + 1] = {0};
    memcpy(name, text.data, text.length);
    if (!troth_partitioner_find(name, &read.partitioner)) {
        return TROTH_UNSUPPORTED;
    }
    *genesis = read;
    return TROTH_OK;
}

troth_status troth_claim_decode(const void *bytes, size_t length, struct troth_claim *claim)
{
    struct record_reader reader = record_begin(bytes, length, TROTH_PARTITION_FORMAT);
    struct troth_claim read = {.instance = record_text(&reader, TROTH_INSTANCE_LENGTH_MAX)};
    record_fixed(&reader, read.nonce, sizeof read.nonce);
    read.era = record_long(&reader);
    read.at_us = record_long(&reader);
    const troth_status status = record_finish(&reader);
    if (status != TROTH_OK) {
        return status;
    }
    if (read.instance.length == 0) {
        return TROTH_INVALID;
    }
    *claim = read;
    return TROTH_OK;
}

troth_status troth_checkpoint_decode(const void *bytes, size_t length,
                                     struct troth_checkpoint *checkpoint)
{
    struct record_reader reader = record_begin(bytes, length, TROTH_CHECKPOINT_FORMAT);
    struct troth_checkpoint read = {.era = record_long(&reader)};
    struct record_items items = {0, 0};
    struct record_items ruled = {0, 0};
    read.offset = record_long_in(&reader, 0, INT64_MAX);
    read.told = record_long_in(&reader, read.offset, INT64_MAX);
    read.clock_us = record_long_in(&reader, 0, TROTH_SNAPSHOT_MAX);
    while (record_item(&reader, &items, TROTH_CONTRACTS_MAX)) {
        struct troth_version *version = &read.versions[read.version_count++];
        version->contract = record_text(&reader, TROTH_NAME_LENGTH_MAX);
        version->version = record_long_in(&reader, 1, INT64_MAX);
    }
    read.decided = reader.format >= 2 ? record_long_in(&reader, -1, INT64_MAX) : -1;
    while (reader.format >= 2 && record_item(&reader, &ruled, TROTH_RULED_AHEAD)) {
        read.ruled[read.ruled_count++] = record_long_in(&reader, 0, INT64_MAX);
    }
    read.weeks = reader.format >= 3 ? record_long_in(&reader, 0, read.told) : read.told;
    const troth_status status = record_finish(&reader);
    if (status == TROTH_OK) {
        *checkpoint = read;
    }
    return status;
}
