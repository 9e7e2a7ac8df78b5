#include "tests/sim/sim_log.h"

#include <string.h>

#include "schemas/assert.h"

char *sim_copy_of(const void *data, size_t length)
{
    char *copy = malloc(length + 1);
    TROTH_ASSERT(copy != NULL);
    if (length > 0) {
        memcpy(copy, data, length);
    }
    copy[length] = '\0';
    return copy;
}

static void record_fini(struct sim_record *record)
{
    free(record->key);
    free(record->value);
    for (unsigned i = 0; i < record->header_count; i++) {
        free(record->header_names[i]);
        free(record->header_values[i]);
    }
}

void sim_log_init(struct sim_log *log, struct sim_clock *clock, uint64_t *random,
                  int32_t partition_count)
{
    TROTH_ASSERT(partition_count <= SIM_PARTITIONS_MAX);
    memset(log, 0, sizeof *log);
    log->clock = clock;
    log->random = random;
    log->partition_count = partition_count;
    log->transaction_max_us = 10 * SIM_SECOND_US;
    for (int32_t p = 0; p < SIM_PARTITIONS_MAX; p++) {
        log->committed[p] = TROTH_OFFSET_NONE;
    }
}

void sim_log_fini(struct sim_log *log)
{
    for (unsigned topic = 0; topic < TROTH_TOPIC_COUNT; topic++) {
        for (int32_t p = 0; p < SIM_PARTITIONS_MAX; p++) {
            struct sim_partition *partition = &log->topics[topic][p];
            for (int64_t i = 0; i < partition->count; i++) {
                record_fini(&partition->records[i]);
            }
            free(partition->records);
        }
    }
    for (unsigned id = 0; id < SIM_IDS_MAX; id++) {
        free(log->ids[id].places);
    }
}

int32_t sim_log_width(const struct sim_log *log, enum troth_topic topic)
{
    return topic == TROTH_TOPIC_CONTRACTS || topic == TROTH_TOPIC_DECISIONS ? 1
                                                                            : log->partition_count;
}

/* Appends an empty record with its time. */
static struct sim_record *put(struct sim_log *log, enum troth_topic topic, int32_t number,
                              enum sim_fate fate)
{
    struct sim_partition *partition = &log->topics[topic][number];
    TROTH_ASSERT(number >= 0 && number < sim_log_width(log, topic));
    if (partition->count == partition->capacity) {
        partition->capacity = partition->capacity > 0 ? partition->capacity * 2 : 64;
        partition->records =
            realloc(partition->records, (size_t)partition->capacity * sizeof *partition->records);
        TROTH_ASSERT(partition->records != NULL);
    }
    const int64_t skew_us = topic == TROTH_TOPIC_TELEMETRY ? log->clock->telemetry_skew_us
                                                           : log->clock->control_skew_us;
    const int64_t now_us = SIM_EPOCH_US + log->clock->monotonic_us + skew_us;
    struct sim_record *record = &partition->records[partition->count++];
    memset(record, 0, sizeof *record);
    record->timestamp_us = now_us - now_us % 1000;
    record->fate = (uint8_t)fate;
    /* An operator's push waits until all replicas have it. (A forged pointer in between would be
     * judged otherwise by a replay; it would have to be as quick as the replicas.) */
    const bool acknowledged = topic == TROTH_TOPIC_CONTRACTS || topic == TROTH_TOPIC_DECISIONS;
    if (log->prompt || acknowledged || random_below(log->random, 4) > 0) {
        partition->high = partition->count;
    }
    return record;
}

static void fill(struct sim_record *record, const struct troth_log_record *from)
{
    record->key = from->key != NULL ? sim_copy_of(from->key, from->key_length) : NULL;
    record->key_length = from->key != NULL ? (uint32_t)from->key_length : 0;
    record->value = from->value != NULL ? sim_copy_of(from->value, from->value_length) : NULL;
    record->value_length = from->value != NULL ? (uint32_t)from->value_length : 0;
    TROTH_ASSERT(from->header_count <= TROTH_HEADERS_MAX);
    for (size_t i = 0; i < from->header_count; i++) {
        const struct troth_log_header *header = &from->headers[i];
        record->header_names[i] = sim_copy_of(header->name, strlen(header->name));
        record->header_values[i] = sim_copy_of(header->value, header->value_length);
    }
    record->header_count = (uint8_t)from->header_count;
}

int64_t sim_log_append(struct sim_log *log, enum troth_topic topic, int32_t partition,
                       const struct troth_log_record *record)
{
    if (log->frozen && topic == TROTH_TOPIC_TELEMETRY) {
        return log->topics[topic][partition].count - 1;
    }
    fill(put(log, topic, partition, SIM_COMMITTED), record);
    return log->topics[topic][partition].count - 1;
}

/* Decides the transaction of an id: its records, its offsets, and a marker in each partition. */
static void decide(struct sim_log *log, struct sim_id *id, bool commit)
{
    bool touched[TROTH_TOPIC_COUNT][SIM_PARTITIONS_MAX] = {{false}};
    id->arrives_us = 0;
    if (!id->ongoing) {
        return;
    }
    for (size_t i = 0; i < id->place_count; i++) {
        const struct sim_place *place = &id->places[i];
        struct sim_record *record =
            &log->topics[place->topic][place->partition].records[place->offset];
        record->fate = commit ? SIM_COMMITTED : SIM_ABORTED;
        touched[place->topic][place->partition] = true;
        if (commit && log->on_committed != NULL) {
            log->on_committed(log->context, record, (enum troth_topic)place->topic);
        }
    }
    for (unsigned topic = 0; topic < TROTH_TOPIC_COUNT; topic++) {
        for (int32_t p = 0; p < log->partition_count; p++) {
            if (touched[topic][p]) {
                (void)put(log, (enum troth_topic)topic, p, SIM_MARKER);
            }
        }
    }
    for (size_t i = 0; commit && i < id->offset_count; i++) {
        log->committed[id->offsets[i].partition] = id->offsets[i].offset;
    }
    log->counts.committed += commit;
    log->counts.aborted += !commit;
    id->ongoing = false;
    id->place_count = 0;
    id->offset_count = 0;
}

int32_t sim_log_open_id(struct sim_log *log, unsigned number)
{
    struct sim_id *id = &log->ids[number];
    /* A commit that is still under way may arrive just before. */
    const bool arrives = id->arrives_us != 0 && random_below(log->random, 2) == 0;
    id->arrives_us = 0;
    if (log->bug == SIM_BUG_NO_INIT) {
        return id->epoch;
    }
    log->counts.late += arrives && id->ongoing;
    decide(log, id, arrives);
    return ++id->epoch;
}

static bool is_fenced(struct sim_log *log, const struct sim_id *id, int32_t epoch)
{
    log->counts.fenced += id->epoch != epoch;
    return id->epoch != epoch;
}

static void begin(struct sim_log *log, struct sim_id *id)
{
    if (!id->ongoing) {
        id->ongoing = true;
        id->began_us = log->clock->monotonic_us;
    }
}

troth_status sim_log_produce(struct sim_log *log, unsigned number, int32_t epoch,
                             enum troth_topic topic, int32_t partition,
                             const struct troth_log_record *record)
{
    struct sim_id *id = &log->ids[number];
    if (is_fenced(log, id, epoch)) {
        return TROTH_FENCED;
    }
    begin(log, id);
    fill(put(log, topic, partition, SIM_OPEN), record);
    TROTH_ASSERT(id->place_count < SIM_BATCH_MAX);
    if (id->place_count == id->place_capacity) {
        id->place_capacity = id->place_capacity > 0 ? id->place_capacity * 2 : 64;
        id->places = realloc(id->places, id->place_capacity * sizeof *id->places);
        TROTH_ASSERT(id->places != NULL);
    }
    id->places[id->place_count++] =
        (struct sim_place){(uint8_t)topic, partition, log->topics[topic][partition].count - 1};
    return TROTH_OK;
}

troth_status sim_log_add_offsets(struct sim_log *log, unsigned number, int32_t epoch,
                                 const struct troth_log_offset *offsets, size_t count)
{
    struct sim_id *id = &log->ids[number];
    if (is_fenced(log, id, epoch)) {
        return TROTH_FENCED;
    }
    begin(log, id);
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < id->offset_count && id->offsets[k].partition != offsets[i].partition) {
            k++;
        }
        TROTH_ASSERT(k < SIM_PARTITIONS_MAX);
        id->offset_count = k == id->offset_count ? k + 1 : id->offset_count;
        id->offsets[k] = offsets[i];
    }
    return TROTH_OK;
}

troth_status sim_log_end(struct sim_log *log, unsigned number, int32_t epoch, bool commit)
{
    struct sim_id *id = &log->ids[number];
    if (is_fenced(log, id, epoch)) {
        return TROTH_FENCED;
    }
    decide(log, id, commit);
    return TROTH_OK;
}

void sim_log_end_late(struct sim_log *log, unsigned number, int32_t epoch, int64_t after_us)
{
    struct sim_id *id = &log->ids[number];
    if (id->ongoing && id->epoch == epoch) {
        id->arrives_us = log->clock->monotonic_us + after_us;
    }
}

void sim_log_pass(struct sim_log *log)
{
    const int64_t now_us = log->clock->monotonic_us;
    for (unsigned i = 0; i < SIM_IDS_MAX; i++) {
        struct sim_id *id = &log->ids[i];
        if (id->arrives_us != 0 && now_us >= id->arrives_us) {
            log->counts.late += id->ongoing;
            decide(log, id, true);
        } else if (id->ongoing && now_us - id->began_us > log->transaction_max_us) {
            decide(log, id, false);
            log->counts.timed_out++;
            id->epoch++; /* its producer, where it still lives, is fenced */
        }
    }
    for (unsigned topic = 0; topic < TROTH_TOPIC_COUNT; topic++) {
        for (int32_t p = 0; p < log->partition_count; p++) {
            if (log->prompt || random_below(log->random, 2) == 0) {
                log->topics[topic][p].high = log->topics[topic][p].count;
            }
        }
    }
}

int64_t sim_log_stable(const struct sim_log *log, enum troth_topic topic, int32_t partition)
{
    int64_t stable = log->topics[topic][partition].high;
    for (unsigned i = 0; i < SIM_IDS_MAX; i++) {
        const struct sim_id *id = &log->ids[i];
        for (size_t k = 0; k < id->place_count; k++) {
            const struct sim_place *place = &id->places[k];
            if (place->topic == topic && place->partition == partition && place->offset < stable) {
                stable = place->offset;
            }
        }
    }
    return stable;
}

bool sim_log_is_unstable(const struct sim_log *log, int32_t partition)
{
    for (unsigned i = 0; i < SIM_IDS_MAX; i++) {
        for (size_t k = 0; k < log->ids[i].offset_count; k++) {
            if (log->ids[i].offsets[k].partition == partition) {
                return true;
            }
        }
    }
    return false;
}

void sim_log_compact(struct sim_log *log, enum troth_topic topic, int32_t number, int64_t until)
{
    struct sim_partition *partition = &log->topics[topic][number];
    const int64_t stable = sim_log_stable(log, topic, number);
    until = until < stable ? until : stable;
    for (int64_t i = 0; i < until; i++) {
        struct sim_record *record = &partition->records[i];
        record->gone |= record->fate == SIM_ABORTED || record->fate == SIM_MARKER;
        for (int64_t k = i + 1; k < until && !record->gone && record->key != NULL; k++) {
            const struct sim_record *later = &partition->records[k];
            record->gone = later->fate == SIM_COMMITTED &&
                           later->key_length == record->key_length &&
                           memcmp(later->key, record->key, record->key_length) == 0;
        }
    }
}

const char *sim_record_header(const struct sim_record *record, const char *name)
{
    for (unsigned i = 0; i < record->header_count; i++) {
        if (strcmp(record->header_names[i], name) == 0) {
            return record->header_values[i];
        }
    }
    return NULL;
}

bool sim_log_is_last(const struct sim_partition *partition, int64_t offset)
{
    const struct sim_record *record = &partition->records[offset];
    for (int64_t i = offset + 1; i < partition->count; i++) {
        const struct sim_record *later = &partition->records[i];
        if (later->fate == SIM_COMMITTED && later->key_length == record->key_length &&
            memcmp(later->key, record->key, record->key_length) == 0) {
            return false;
        }
    }
    return true;
}
