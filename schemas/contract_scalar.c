#include "schemas/contract_scalar.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/contract.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_one_of(const char *text, size_t length, const char *const *known)
{
    for (; *known != NULL; known++) {
        if (strlen(*known) == length && memcmp(*known, text, length) == 0) {
            return true;
        }
    }
    return false;
}

size_t troth_utf8_read(const char *text, size_t length, uint32_t *code)
{
    const unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    const size_t width = lead >= 0xC2 && lead < 0xE0   ? 2
                         : lead >= 0xE0 && lead < 0xF0 ? 3
                         : lead >= 0xF0 && lead < 0xF5 ? 4
                                                       : 0;
    if (width == 0 || width > length) {
        return 0;
    }
    uint32_t value = lead & (0xFFU >> (width + 1));
    for (size_t i = 1; i < width; i++) {
        const unsigned char c = (unsigned char)text[i];
        if ((c & 0xC0U) != 0x80U) {
            return 0;
        }
        value = value << 6 | (c & 0x3FU);
    }
    const bool overlong = (width == 3 && value < 0x800) || (width == 4 && value < 0x10000);
    if (overlong || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
        return 0;
    }
    *code = value;
    return width;
}

bool troth_scalar_is_number(const char *text, size_t length)
{
    const char *p = text;
    const char *const end = text + length;
    p += p < end && (*p == '-' || *p == '+');
    const char *const first = p;
    while (p < end && is_digit(*p)) {
        p++;
    }
    size_t digits = (size_t)(p - first);
    if (digits > 1 && *first == '0') {
        return false; /* octal to some */
    }
    if (p < end && *p == '.') {
        for (p++; p < end && is_digit(*p); p++) {
            digits++;
        }
    }
    if (digits == 0) {
        return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '-' || *p == '+');
        const char *const exponent = p;
        while (p < end && is_digit(*p)) {
            p++;
        }
        if (p == exponent) {
            return false;
        }
    }
    return p == end;
}

bool troth_scalar_is_null(const char *text, size_t length)
{
    static const char *const known[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, length, known);
}

bool troth_scalar_boolean(const char *text, size_t length, bool *value)
{
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    const bool is_true = is_one_of(text, length, trues);
    if (!is_true && !is_one_of(text, length, falses)) {
        return false;
    }
    *value = is_true;
    return true;
}

/* 0x1F, 0o17, 0b1, 017, 1_000 and 1:30: whatever begins as a number and has no other characters
 * than numbers of some base and form have. */
static bool is_exotic_number(const char *text, size_t length)
{
    size_t i = text[0] == '-' || text[0] == '+';
    if (i == length || !is_digit(text[i])) {
        return false;
    }
    if (text[i] == '0' && i + 2 < length && strchr("xXoObB", text[i + 1]) != NULL) {
        for (i += 2; i < length; i++) {
            if (!is_digit(text[i]) && text[i] != '_' &&
                !(lower(text[i]) >= 'a' && lower(text[i]) <= 'f')) {
                return false;
            }
        }
        return true;
    }
    unsigned dots = 0;
    for (; i < length; i++) {
        dots += text[i] == '.';
        if (!is_digit(text[i]) && text[i] != '_' && text[i] != ':' && text[i] != '.') {
            return false;
        }
    }
    return dots <= 1;
}

/* 2024-01-31, with or without a time of day. */
static bool is_date(const char *text, size_t length)
{
    static const unsigned char most[3] = {4, 2, 2};
    size_t i = 0;
    for (unsigned part = 0; part < 3; part++) {
        size_t digits = 0;
        for (; i < length && is_digit(text[i]) && digits < most[part]; i++) {
            digits++;
        }
        if (digits == 0 || (part == 0 && digits != 4)) {
            return false;
        }
        if (part < 2 && (i == length || text[i++] != '-')) {
            return false;
        }
    }
    return i == length || text[i] == 'T' || text[i] == 't' || text[i] == ' ';
}

bool troth_scalar_is_special(const char *text, size_t length)
{
    static const char *const words[] = {"yes",  "no",    "on",    "off",  "true", "false",
                                        ".inf", "-.inf", "+.inf", ".nan", NULL};
    char word[8];
    if (troth_scalar_is_null(text, length)) {
        return true;
    }
    if (length < sizeof word) {
        for (size_t i = 0; i < length; i++) {
            word[i] = lower(text[i]);
        }
        if (is_one_of(word, length, words)) {
            return true;
        }
    }
    return troth_scalar_is_number(text, length) || is_exotic_number(text, length) ||
           is_date(text, length);
}

struct troth_whole troth_scalar_whole(const char *text, size_t length)
{
    const char *p = text;
    const char *const end = text + length;
    const bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    const char *const digits = p;
    while (p < end && *p != 'e' && *p != 'E') {
        p++;
    }
    const char *const digits_end = p;
    int64_t exponent = 0;
    if (p < end) {
        p++;
        const bool down = *p == '-';
        for (p += *p == '-' || *p == '+'; p < end; p++) {
            /* A document is too short for its digits to bring a greater exponent back. */
            exponent = exponent < 1000000 ? exponent * 10 + (*p - '0') : exponent;
        }
        exponent = down ? -exponent : exponent;
    }
    const char *point = memchr(digits, '.', (size_t)(digits_end - digits));
    int64_t whole_digits = (point != NULL ? point : digits_end) - digits + exponent;
    const uint64_t limit = (uint64_t)INT64_MAX + 1;
    uint64_t magnitude = 0;
    bool over = false;
    bool fraction = false;
    for (p = digits; p < digits_end; p++) {
        if (*p == '.') {
            continue;
        }
        const unsigned digit = (unsigned)(*p - '0');
        if (whole_digits-- <= 0) {
            fraction |= digit != 0;
        } else if (magnitude > (limit - digit) / 10) {
            over = true;
        } else {
            magnitude = magnitude * 10 + digit;
        }
    }
    for (; whole_digits > 0 && magnitude != 0 && !over; whole_digits--) {
        over = magnitude > limit / 10;
        magnitude *= 10;
    }
    if (over || (!negative && magnitude == limit) || (negative && magnitude == limit && fraction)) {
        return (struct troth_whole){.beyond = negative ? -1 : 1};
    }
    const int64_t toward_zero = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    const bool down = negative && fraction;
    return (struct troth_whole){.floor = toward_zero - down, .exact = !fraction};
}

double troth_scalar_double(const char *text)
{
    /* glibc's "C" locale is a constant: neither allocated nor refused. */
    const double value = strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0));
    return value == 0.0 ? 0.0 : value;
}

int64_t troth_scalar_duration(const char *text, size_t length)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"ms", TROTH_MILLISECOND_US},
                 {"s", INT64_C(1000000)},
                 {"m", INT64_C(60000000)},
                 {"h", INT64_C(3600000000)},
                 {"d", TROTH_DAY_US}};
    size_t digits = 0;
    int64_t count = 0;
    for (; digits < length && is_digit(text[digits]); digits++) {
        if (digits == 11) {
            return -1; /* 366 days have as many milliseconds */
        }
        count = count * 10 + (text[digits] - '0');
    }
    if (digits == 0 || (digits > 1 && text[0] == '0')) {
        return -1;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) == length - digits &&
            memcmp(units[i].name, text + digits, length - digits) == 0) {
            return count <= TROTH_DURATION_MAX_US / units[i].us ? count * units[i].us : -1;
        }
    }
    return -1;
}

bool troth_scalar_is_name(const char *text, size_t length)
{
    if (length == 0 || length > TROTH_NAME_LENGTH_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        const bool inner = i > 0 && (c == '.' || c == '_' || c == '-');
        if (!(c >= 'a' && c <= 'z') && !is_digit(c) && !inner) {
            return false;
        }
    }
    return true;
}

enum { NEAREST_LENGTH_MAX = 32, NEAREST_DISTANCE_MAX = 2 };

/* Levenshtein's distance by rows; lengths at most NEAREST_LENGTH_MAX. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned row[NEAREST_LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            const unsigned replaced = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            const unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[b_length];
}

const char *troth_scalar_nearest(const char *text, size_t length, const char *const *known)
{
    const char *nearest = NULL;
    unsigned least = NEAREST_DISTANCE_MAX + 1;
    if (length > NEAREST_LENGTH_MAX) {
        return NULL;
    }
    for (; *known != NULL; known++) {
        const size_t known_length = strlen(*known);
        /* Of a short word two changes would leave nothing. */
        if (known_length > NEAREST_LENGTH_MAX || known_length <= NEAREST_DISTANCE_MAX) {
            continue;
        }
        const unsigned d = distance(text, length, *known, known_length);
        if (d < least) {
            least = d;
            nearest = *known;
        }
    }
    return nearest;
}
