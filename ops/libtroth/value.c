#include "ops/libtroth/value.h"

#include <string.h>

#include "ops/libtroth/troth.h"

enum { NAME_LENGTH_MAX = 63 /* of a contract or capability */ };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool troth_value_integer(const char *text, size_t length, int64_t *value)
{
    const bool negative = length > 0 && text[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == length) {
        return false;
    }
    uint64_t sum = 0;
    for (; at < length; at++) {
        const uint64_t digit = (uint64_t)(text[at] - '0');
        if (!is_digit(text[at]) || sum > ((uint64_t)INT64_MAX - digit) / 10) {
            return false;
        }
        sum = 10 * sum + digit;
    }
    *value = negative ? -(int64_t)sum : (int64_t)sum;
    return true;
}

bool troth_value_share(const char *text, size_t length, double *value)
{
    enum { PLACES = 9 };
    uint64_t billionths = 0;
    unsigned places = 0;
    bool pointed = false;
    bool any = false;
    for (size_t at = 0; at < length; at++) {
        if (text[at] == '.' && !pointed && any) {
            pointed = true;
        } else if (!is_digit(text[at])) {
            return false;
        } else if (!pointed || places < PLACES) {
            billionths = 10 * billionths + (uint64_t)(text[at] - '0');
            places += pointed;
            any = true;
            if (billionths > 1000000000) {
                return false;
            }
        }
    }
    for (; places < PLACES; places++) {
        billionths *= 10;
    }
    if (!any || billionths > 1000000000) {
        return false;
    }
    *value = (double)billionths / 1e9; /* both are exact, so this is the nearest to the text */
    return true;
}

static bool is_text(const char *text, size_t length, const char *other)
{
    return length == strlen(other) && memcmp(text, other, length) == 0;
}

bool troth_value_rung(const char *text, size_t length, uint8_t *rung)
{
    for (unsigned i = 0; i <= TROTH_CLIENT_PAUSE; i++) {
        if (is_text(text, length, troth_client_rung_name((enum troth_client_rung)i))) {
            *rung = (uint8_t)i;
            return true;
        }
    }
    return false;
}

int troth_value_consequence(const char *text, size_t length)
{
    static const char *const names[] = {"low", "medium", "high"};
    for (int i = 0; i < 3; i++) {
        if (is_text(text, length, names[i])) {
            return i;
        }
    }
    return -1;
}

bool troth_value_is_name(const char *text)
{
    if (text == NULL) {
        return false;
    }
    const size_t length = strnlen(text, NAME_LENGTH_MAX + 1);
    if (length == 0 || length > NAME_LENGTH_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        const bool plain = is_digit(text[i]) || (text[i] >= 'a' && text[i] <= 'z');
        const bool inner = text[i] == '.' || text[i] == '_' || text[i] == '-';
        if (!plain && (i == 0 || !inner)) {
            return false;
        }
    }
    return true;
}

uint64_t troth_value_hash(const char *data, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
    }
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 33;
}

size_t troth_value_narrowed(const char *record, size_t length, char *name, size_t capacity)
{
    /* It stands second, behind an id that the engine makes of digits, so the first is the one. */
    static const char key[] = "\"agent\":";
    const char *found = memmem(record, length, key, sizeof key - 1);
    if (found == NULL) {
        return 0;
    }
    const char *const end = record + length;
    const char *at = found + sizeof key - 1;
    while (at < end && *at == ' ') {
        at++;
    }
    if (at == end || *at++ != '"') {
        return 0;
    }
    size_t taken = 0;
    for (; at < end && *at != '"'; at++) {
        if (*at == '\\') {
            at++; /* of an agent's bytes JSON escapes these two alone; \u00xx is not one of them */
            if (at == end || (*at != '"' && *at != '\\' && *at != '/')) {
                return 0;
            }
        }
        if (taken == capacity) {
            return 0;
        }
        name[taken++] = *at;
    }
    return at < end ? taken : 0;
}
