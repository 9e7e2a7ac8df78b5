#include "consumers/week_record.h"

#include <math.h>
#include <string.h>

#include "consumers/report.h"
#include "schemas/assert.h"

static const char key_start[] = "\0week"; /* the literal's own NUL ends it, too */

size_t troth_week_key(const char *contract, int64_t number, char key[TROTH_WEEK_KEY_MAX])
{
    const size_t length = strlen(contract);
    char label[TROTH_WEEK_LABEL_LENGTH];
    TROTH_ASSERT(length <= TROTH_NAME_LENGTH_MAX);
    troth_week_label(number, label);
    memcpy(key, key_start, sizeof key_start);
    memcpy(key + sizeof key_start, contract, length + 1);
    memcpy(key + sizeof key_start + length + 1, label, strlen(label));
    return sizeof key_start + length + 1 + strlen(label);
}

bool troth_week_key_read(const void *key, size_t length, struct troth_text *contract,
                         int64_t *number)
{
    const char *bytes = key;
    if (length <= sizeof key_start || memcmp(bytes, key_start, sizeof key_start) != 0) {
        return false;
    }
    const char *name = bytes + sizeof key_start;
    const char *end = bytes + length;
    const char *zero = memchr(name, '\0', (size_t)(end - name));
    if (zero == NULL || zero == name || zero - name > TROTH_NAME_LENGTH_MAX) {
        return false;
    }
    *contract = (struct troth_text){name, (uint32_t)(zero - name)};
    *number = troth_week_find(zero + 1, (size_t)(end - zero - 1));
    return *number >= 0;
}

static json_t *histogram_of(const uint32_t histogram[TROTH_WEEK_BUCKETS])
{
    json_t *list = json_array();
    for (unsigned i = 0; i < TROTH_WEEK_BUCKETS; i++) {
        if (histogram[i] > 0) {
            json_array_append_new(list,
                                  json_pack("[I,I]", (json_int_t)i, (json_int_t)histogram[i]));
        }
    }
    return list;
}

char *troth_week_write(const struct troth_week *week, const struct troth_week_place *place,
                       const struct troth_week_debt *debt)
{
    char label[TROTH_WEEK_LABEL_LENGTH];
    const int64_t end_us = troth_week_start_us(week->number + 1);
    const bool closed = place->as_of_us >= end_us;
    json_t *object = json_object();
    json_t *rescues = json_object();
    troth_week_label(week->number, label);
    json_object_set_new(object, "week", json_string(label));
    json_object_set_new(object, "contract", json_string(place->contract));
    json_object_set_new(object, "partition", json_integer(place->partition));
    json_object_set_new(object, "from", json_integer(troth_week_start_us(week->number)));
    json_object_set_new(object, "as_of", json_integer(closed ? end_us : place->as_of_us));
    json_object_set_new(object, "closed", json_boolean(closed));
#define SET_COUNT(name) json_object_set_new(object, #name, json_integer((json_int_t)week->name));
    TROTH_WEEK_COUNTS(SET_COUNT)
#undef SET_COUNT
    for (unsigned i = 0; i < TROTH_RESCUE_COUNT; i++) {
        json_object_set_new(rescues, troth_rescue_name(i),
                            json_integer((json_int_t)week->rescues[i]));
    }
    json_object_set_new(object, "rescues", rescues);
    json_object_set_new(object, "time_to_narrow", histogram_of(week->time_to_narrow));
    json_object_set_new(object, "recovery", histogram_of(week->recovery));
    json_object_set_new(object, "debt",
                        debt != NULL && debt->list != NULL ? json_incref(debt->list)
                                                           : json_array());
    json_object_set_new(object, "debt_left_out",
                        json_integer(debt != NULL ? (json_int_t)debt->left_out : 0));
    char *text = json_dumps(object, TROTH_REPORT_FLAGS);
    json_decref(object);
    return text;
}

static bool read_count(const json_t *object, const char *name, uint64_t *count)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *count = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_histogram(const json_t *list, uint32_t histogram[TROTH_WEEK_BUCKETS])
{
    json_int_t last = -1;
    size_t i;
    json_t *pair;
    if (!json_is_array(list)) {
        return false;
    }
    json_array_foreach(list, i, pair)
    {
        const json_int_t bucket = json_integer_value(json_array_get(pair, 0));
        const json_int_t count = json_integer_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || !json_is_integer(json_array_get(pair, 0)) ||
            bucket <= last || bucket >= TROTH_WEEK_BUCKETS || count < 1 || count > UINT32_MAX) {
            return false;
        }
        histogram[bucket] = (uint32_t)count;
        last = bucket;
    }
    return true;
}

troth_status troth_week_read(const char *text, size_t length, struct troth_week *week)
{
    json_t *object = json_loadb(text, length, 0, NULL);
    struct troth_week read;
    memset(&read, 0, sizeof read);
    const json_t *label = json_object_get(object, "week");
    const json_t *rescues = json_object_get(object, "rescues");
    read.number = json_is_string(label)
                      ? troth_week_find(json_string_value(label), json_string_length(label))
                      : -1;
    bool valid = read.number >= 0;
#define READ_COUNT(name) valid = valid && read_count(object, #name, &read.name);
    TROTH_WEEK_COUNTS(READ_COUNT)
#undef READ_COUNT
    for (unsigned i = 0; i < TROTH_RESCUE_COUNT; i++) {
        valid = valid && read_count(rescues, troth_rescue_name(i), &read.rescues[i]);
    }
    valid = valid && read_histogram(json_object_get(object, "time_to_narrow"), read.time_to_narrow);
    valid = valid && read_histogram(json_object_get(object, "recovery"), read.recovery);
    json_decref(object);
    if (!valid) {
        return TROTH_INVALID;
    }
    *week = read;
    return TROTH_OK;
}

static void add_histogram(uint32_t sum[TROTH_WEEK_BUCKETS],
                          const uint32_t histogram[TROTH_WEEK_BUCKETS])
{
    for (unsigned i = 0; i < TROTH_WEEK_BUCKETS; i++) {
        sum[i] = histogram[i] > UINT32_MAX - sum[i] ? UINT32_MAX : sum[i] + histogram[i];
    }
}

void troth_week_add(struct troth_week *sum, const struct troth_week *week)
{
#define ADD_COUNT(name) sum->name += week->name;
    TROTH_WEEK_COUNTS(ADD_COUNT)
#undef ADD_COUNT
    for (unsigned i = 0; i < TROTH_RESCUE_COUNT; i++) {
        sum->rescues[i] += week->rescues[i];
    }
    add_histogram(sum->time_to_narrow, week->time_to_narrow);
    add_histogram(sum->recovery, week->recovery);
}

int64_t troth_week_percentile(const uint32_t histogram[TROTH_WEEK_BUCKETS], double of)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < TROTH_WEEK_BUCKETS; i++) {
        total += histogram[i];
    }
    const uint64_t place = (uint64_t)ceil(of * (double)total);
    uint64_t passed = 0;
    for (unsigned i = 0; i < TROTH_WEEK_BUCKETS; i++) {
        passed += histogram[i];
        if (passed > 0 && passed >= place) {
            return troth_week_bucket_most(i);
        }
    }
    return -1;
}
