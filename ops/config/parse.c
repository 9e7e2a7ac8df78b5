#include "ops/config/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_LENGTH_MAX = 64 }; /* names longer than this are near to nothing */

static const struct {
    const char *name;
    int64_t us;
} units[] = {
    /* from the greatest, so that the first which divides is the one to write */
    {"d", INT64_C(86400000000)}, {"h", INT64_C(3600000000)}, {"m", INT64_C(60000000)},
    {"s", INT64_C(1000000)},     {"ms", INT64_C(1000)},      {"us", INT64_C(1)},
};
enum { UNIT_COUNT = sizeof units / sizeof units[0] };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits. Returns what follows them, or NULL when there is none or the value does not fit. */
static const char *read_digits(const char *text, int64_t *value)
{
    int64_t sum = 0;
    const char *at = text;
    for (; is_digit(*at); at++) {
        if (__builtin_mul_overflow(sum, INT64_C(10), &sum) ||
            __builtin_add_overflow(sum, (int64_t)(*at - '0'), &sum)) {
            return NULL;
        }
    }
    if (at == text) {
        return NULL;
    }
    *value = sum;
    return at;
}

bool troth_parse_integer(const char *text, int64_t *value)
{
    int64_t magnitude;
    bool negative = text[0] == '-';
    const char *rest = read_digits(text + negative, &magnitude);
    if (rest == NULL || *rest != '\0') {
        return false;
    }
    *value = negative ? -magnitude : magnitude;
    return true;
}

bool troth_parse_duration(const char *text, int64_t *value_us)
{
    int64_t count;
    const char *unit = read_digits(text, &count);
    if (unit == NULL) {
        return false;
    }
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        int64_t product;
        if (strcmp(unit, units[i].name) == 0 &&
            !__builtin_mul_overflow(count, units[i].us, &product)) {
            *value_us = product;
            return true;
        }
    }
    return false;
}

/* Reads so many digits. Returns what follows them, or NULL where they are none or out of range. */
static const char *read_number(const char *text, unsigned digits, int64_t low, int64_t high,
                               int64_t *number)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (text == NULL || !is_digit(text[i])) {
            return NULL;
        }
        sum = sum * 10 + (text[i] - '0');
    }
    *number = sum;
    return sum >= low && sum <= high ? text + digits : NULL;
}

/* Returns what follows a character, or NULL where it is not there. */
static const char *pass(const char *text, char wanted)
{
    return text != NULL && *text == wanted ? text + 1 : NULL;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar, counted from March on in eras of 400
 * years (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, days_from_civil). */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400;
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* Out us: of what follows the date, T10:52[:16[.25]]Z, or nothing. Returns whether it is that. */
static bool read_clock(const char *text, int64_t *us)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction_us = 0;
    if (*text != '\0') {
        text = read_number(pass(text, 'T'), 2, 0, 23, &hour);
        text = read_number(pass(text, ':'), 2, 0, 59, &minute);
        if (text != NULL && *text == ':') {
            text = read_number(text + 1, 2, 0, 59, &second);
        }
        if (text != NULL && *text == '.') {
            int64_t unit_us = 100000;
            const char *first = ++text;
            for (; is_digit(*text) && unit_us > 0; text++, unit_us /= 10) {
                fraction_us += unit_us * (*text - '0');
            }
            text = text > first ? text : NULL;
        }
        text = pass(text, 'Z');
    }
    *us = ((hour * 60 + minute) * 60 + second) * 1000000 + fraction_us;
    return text != NULL && *text == '\0';
}

static bool read_date(const char *text, int64_t *time_us)
{
    static const int64_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = 0;
    int64_t month = 1;
    int64_t day = 1;
    int64_t clock_us = 0;
    text = read_number(text, 4, 1970, 9999, &year);
    text = read_number(pass(text, '-'), 2, 1, 12, &month);
    text = read_number(pass(text, '-'), 2, 1, 31, &day);
    const bool leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (text == NULL || day > lengths[month - 1] || (month == 2 && day == 29 && !leaps) ||
        !read_clock(text, &clock_us)) {
        return false;
    }
    *time_us = days_from_civil(year, month, day) * INT64_C(86400000000) + clock_us;
    return true;
}

bool troth_parse_time(const char *text, int64_t now_us, int64_t *time_us)
{
    int64_t value = 0;
    if (troth_parse_duration(text, &value)) {
        *time_us = value < now_us ? now_us - value : 0;
        return true;
    }
    if ((troth_parse_integer(text, &value) && value >= 0) || read_date(text, &value)) {
        *time_us = value;
        return true;
    }
    return false;
}

bool troth_parse_rate(const char *text, double *per_hour)
{
    int64_t whole;
    const char *at = read_digits(text, &whole);
    if (at == NULL) {
        return false;
    }
    double value = (double)whole;
    if (*at == '.') {
        at++;
        double scale = 0.1;
        for (; is_digit(*at); at++) {
            value += scale * (*at - '0');
            scale /= 10;
        }
    }
    static const struct {
        const char *name;
        double per_hour;
    } every[] = {{"", 3600}, {"/s", 3600}, {"/m", 60}, {"/h", 1}, {"/d", 1.0 / 24}};
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
        if (strcmp(at, every[i].name) == 0) {
            *per_hour = value * every[i].per_hour;
            return true;
        }
    }
    return false;
}

const char *troth_parse_write_duration(int64_t value_us, char *buffer)
{
    size_t unit = UNIT_COUNT - 1;
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (value_us != 0 ? value_us % units[i].us == 0 : i == 3) {
            unit = i;
            break;
        }
    }
    snprintf(buffer, TROTH_PARSE_TEXT_MAX, "%" PRId64 "%s", value_us / units[unit].us,
             units[unit].name);
    return buffer;
}

static char plain(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c == '-' || c == '.' ? '_' : c;
}

bool troth_parse_same_name(const char *a, size_t a_length, const char *b, size_t b_length)
{
    if (a_length != b_length) {
        return false;
    }
    for (size_t i = 0; i < a_length; i++) {
        if (plain(a[i]) != plain(b[i])) {
            return false;
        }
    }
    return true;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance (1966), a swap of neighbors counting 1 as Damerau's (1964); case and
 * separators do not count. Both at most NAME_LENGTH_MAX long. */
static unsigned distance_between(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][NAME_LENGTH_MAX + 1];
    unsigned *before = rows[0];
    unsigned *last = rows[1];
    unsigned *row = rows[2];
    for (size_t j = 0; j <= b_length; j++) {
        last[j] = (unsigned)j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            char x = plain(a[i - 1]);
            char y = plain(b[j - 1]);
            row[j] = least(last[j - 1] + (x != y), least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == plain(b[j - 2]) && plain(a[i - 2]) == y) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        unsigned *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b_length];
}

struct troth_nearest troth_nearest_start(const char *given)
{
    size_t length = strlen(given);
    /* A third of the letters may be wrong, at least two: closer than chance among a few dozen
     * names, far enough for a slip of the hand. */
    unsigned limit = length / 3 > 2 ? (unsigned)(length / 3) : 2;
    return (struct troth_nearest){.given = given, .best = NULL, .distance = limit + 1};
}

void troth_nearest_offer(struct troth_nearest *nearest, const char *name)
{
    size_t given_length = strlen(nearest->given);
    size_t length = strlen(name);
    if (given_length > NAME_LENGTH_MAX || length > NAME_LENGTH_MAX) {
        return;
    }
    unsigned distance = distance_between(nearest->given, given_length, name, length);
    if (distance < nearest->distance && distance < length) {
        nearest->distance = distance;
        nearest->best = name;
    }
}
