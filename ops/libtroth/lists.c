#include "ops/libtroth/lists.h"

#include <stdlib.h>
#include <string.h>

#include "ops/libtroth/value.h"

struct troth_list {
    uint64_t hash; /* of the whole text */
    uint32_t length;
    uint32_t count;
    const char *text; /* behind the members */
    struct member {
        uint64_t hash;
        uint32_t at;
        uint32_t length;
    } members[];
};

static struct troth_list *list_of(const struct troth_lists *lists, uint16_t number)
{
    return number < TROTH_LISTS_MAX
               ? atomic_load_explicit(&lists->lists[number], memory_order_acquire)
               : NULL;
}

bool troth_lists_init(struct troth_lists *lists)
{
    memset(lists, 0, sizeof *lists);
    return troth_lists_add(lists, "", 0) == 0;
}

void troth_lists_fini(struct troth_lists *lists)
{
    for (uint32_t i = 0; i < lists->count; i++) {
        free(list_of(lists, (uint16_t)i));
    }
    lists->count = 0;
}

/* Makes a list. In count: of its members. Returns NULL where there is no memory. */
static struct troth_list *make(const char *text, size_t length, uint32_t count)
{
    struct troth_list *list = malloc(sizeof *list + count * sizeof list->members[0] + length + 1);
    if (list == NULL) {
        return NULL;
    }
    char *copy = (char *)&list->members[count];
    if (length > 0) {
        memcpy(copy, text, length);
    }
    copy[length] = '\0';
    list->hash = troth_value_hash(copy, length);
    list->length = (uint32_t)length;
    list->count = count;
    list->text = copy;
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t end = at + (uint32_t)strcspn(copy + at, ",");
        list->members[i] = (struct member){
            .hash = troth_value_hash(copy + at, end - at), .at = at, .length = end - at};
        at = end + 1;
    }
    return list;
}

uint16_t troth_lists_add(struct troth_lists *lists, const char *text, size_t length)
{
    const uint64_t hash = troth_value_hash(text, length);
    for (uint32_t i = 0; i < lists->count; i++) {
        const struct troth_list *list = list_of(lists, (uint16_t)i);
        if (list->hash == hash && list->length == length && memcmp(list->text, text, length) == 0) {
            return (uint16_t)i;
        }
    }
    uint32_t count = length > 0 ? 1 : 0;
    for (size_t i = 0; i < length; i++) {
        count += text[i] == ',';
        if (text[i] == '\0') {
            return TROTH_LISTS_NONE;
        }
    }
    const size_t bytes = length + 1 + count * sizeof(struct member);
    if (lists->count == TROTH_LISTS_MAX || count > TROTH_LISTS_MEMBERS_MAX ||
        bytes > TROTH_LISTS_BYTES_MAX - lists->bytes) {
        return TROTH_LISTS_NONE;
    }
    struct troth_list *list = make(text, length, count);
    if (list == NULL) {
        return TROTH_LISTS_NONE;
    }
    lists->bytes += bytes;
    atomic_store_explicit(&lists->lists[lists->count], list, memory_order_release);
    return (uint16_t)lists->count++;
}

const char *troth_lists_text(const struct troth_lists *lists, uint16_t number)
{
    const struct troth_list *list = list_of(lists, number);
    return list != NULL ? list->text : "";
}

bool troth_lists_has(const struct troth_lists *lists, uint16_t number, const char *name,
                     size_t length, uint64_t hash)
{
    const struct troth_list *list = list_of(lists, number);
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        const struct member *member = &list->members[i];
        if (member->hash == hash && member->length == length &&
            memcmp(list->text + member->at, name, length) == 0) {
            return true;
        }
    }
    return false;
}
