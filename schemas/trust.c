#include "schemas/trust.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_OF(NAME, text, signs)  text,
#define SIGNS_OF(NAME, text, signs) signs,

static const char *const role_names[] = {TROTH_ROLES(NAME_OF)};
static const char *const role_signs[] = {TROTH_ROLES(SIGNS_OF)};

enum { LINE_MAX_LENGTH = 511, WORD_MAX = 64 };

const char *troth_role_name(enum troth_role role)
{
    return role_names[role];
}

const char *troth_role_signs(enum troth_role role)
{
    return role_signs[role];
}

/* ---- Times. ---- */

/* Reads digits of a fixed count. Returns -1 where they are none. */
static int number_of(const char *text, unsigned digits)
{
    int number = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

bool troth_trust_time(const char *text, size_t length, int64_t *time_us)
{
    const bool whole =
        length == 20 && text[10] == 'T' && text[13] == ':' && text[16] == ':' && text[19] == 'Z';
    if ((length != 10 && !whole) || text[4] != '-' || text[7] != '-') {
        return false;
    }
    const int year = number_of(text, 4), month = number_of(text + 5, 2);
    const int day = number_of(text + 8, 2);
    const int hour = whole ? number_of(text + 11, 2) : 0;
    const int minute = whole ? number_of(text + 14, 2) : 0;
    const int second = whole ? number_of(text + 17, 2) : 0;
    if (year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 ||
        day > days_of_month(year, month) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 59) {
        return false;
    }
    int64_t days = day - 1;
    for (int y = 1970; y < year; y++) {
        days += 365 + is_leap(y);
    }
    for (int m = 1; m < month; m++) {
        days += days_of_month(year, m);
    }
    *time_us = ((days * 24 + hour) * 60 + minute) * INT64_C(60000000) + second * INT64_C(1000000);
    return true;
}

/* ---- A line. ---- */

__attribute__((format(printf, 2, 3))) static bool wrong(struct troth_trust_problem *problem,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return false;
}

static bool read_roles(const char *word, size_t length, unsigned *roles)
{
    *roles = 0;
    for (size_t at = 0; at <= length;) {
        const char *comma = memchr(word + at, ',', length - at);
        const size_t size = comma != NULL ? (size_t)(comma - word) - at : length - at;
        unsigned role = 0;
        while (role < TROTH_ROLE_COUNT && (strlen(role_names[role]) != size ||
                                           memcmp(role_names[role], word + at, size) != 0)) {
            role++;
        }
        if (role == TROTH_ROLE_COUNT) {
            return false;
        }
        *roles |= 1U << role;
        at += size + 1;
    }
    return true;
}

/* Reads since= and until= where they stand. Out rest: what follows them. */
static bool read_times(const char *text, struct troth_trusted *trusted, const char **rest,
                       struct troth_trust_problem *problem)
{
    static const char *const words[] = {"since=", "until="};
    int64_t *const times[] = {&trusted->since_us, &trusted->until_us};
    for (unsigned i = 0; i < 2; i++) {
        if (strncmp(text, words[i], 6) != 0) {
            continue;
        }
        const size_t length = strcspn(text, " \t");
        if (!troth_trust_time(text + 6, length - 6, times[i])) {
            return wrong(problem, "%.*s: must be a time as %s2026-12-01T00:00:00Z",
                         (int)(length < WORD_MAX ? length : WORD_MAX), text, words[i]);
        }
        text += length + strspn(text + length, " \t");
    }
    *rest = text;
    return trusted->since_us < trusted->until_us ||
           wrong(problem, "since= must be before until=, or the key never counts");
}

static bool read_name(const char *text, struct troth_trusted *trusted,
                      struct troth_trust_problem *problem)
{
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        length--;
    }
    if (length == 0 || length > TROTH_TRUSTED_NAME_MAX) {
        return wrong(problem,
                     "the key has no name, or one of more than %d bytes; write whose it "
                     "is after the roles",
                     TROTH_TRUSTED_NAME_MAX);
    }
    if (strncmp(text, "since=", 6) == 0 || strncmp(text, "until=", 6) == 0) {
        return wrong(problem, "since= and until= stand once each, in this order, before the name");
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return wrong(problem, "the name has a control character");
        }
    }
    memcpy(trusted->name, text, length);
    trusted->name[length] = '\0';
    return true;
}

/* In line: terminated, without a newline, neither empty nor a comment. */
static bool read_line(const char *line, struct troth_trust *trust,
                      struct troth_trust_problem *problem)
{
    struct troth_trusted trusted = {.since_us = INT64_MIN, .until_us = INT64_MAX};
    const char *rest = NULL;
    if (strncmp(line, "troth-secret", 12) == 0) {
        return wrong(problem, "this is a secret key, which belongs to nobody but its owner; take "
                              "it out, and replace the key (troth key new)");
    }
    if (!troth_key_read_public(line, &trusted.key, &rest)) {
        return wrong(problem, "must be troth-public BASE64 ROLES NAME, as troth key show prints");
    }
    const size_t length = strcspn(rest, " \t");
    if (!read_roles(rest, length, &trusted.roles)) {
        return wrong(problem, "%.*s: the role must be author, operator or author,operator",
                     (int)(length < WORD_MAX ? length : WORD_MAX), rest);
    }
    rest += length + strspn(rest + length, " \t");
    if (!read_times(rest, &trusted, &rest, problem) || !read_name(rest, &trusted, problem)) {
        return false;
    }
    troth_key_id(&trusted.key, trusted.id);
    if (troth_trust_find(trust, trusted.id) != NULL) {
        return wrong(problem, "the key %s stands there already; a key has one line", trusted.id);
    }
    if (trust->count == TROTH_TRUSTED_MAX) {
        return wrong(problem, "there are more than %d keys", TROTH_TRUSTED_MAX);
    }
    trust->keys[trust->count++] = trusted;
    return true;
}

troth_status troth_trust_read(const char *text, size_t length, struct troth_trust *trust,
                              struct troth_trust_problem *problem)
{
    char line[LINE_MAX_LENGTH + 1];
    trust->count = 0;
    problem->line = 0;
    if (length > TROTH_TRUST_BYTES_MAX) {
        (void)wrong(problem, "it is longer than %d bytes", TROTH_TRUST_BYTES_MAX);
        return TROTH_FULL;
    }
    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t size = end != NULL ? (size_t)(end - text) - at : length - at;
        const char *start = text + at;
        at += size + 1;
        problem->line++;
        size -= size > 0 && start[size - 1] == '\r';
        const size_t kept = size <= LINE_MAX_LENGTH ? size : 0;
        memcpy(line, start, kept);
        line[kept] = '\0';
        if (size > LINE_MAX_LENGTH || strlen(line) != size) {
            (void)wrong(problem, "the line has a zero byte, or more than %d", LINE_MAX_LENGTH);
            return TROTH_INVALID;
        }
        const char *first = line + strspn(line, " \t");
        if (*first == '\0' || *first == '#') {
            continue;
        }
        const bool full = trust->count == TROTH_TRUSTED_MAX;
        if (!read_line(first, trust, problem)) {
            return full ? TROTH_FULL : TROTH_INVALID;
        }
    }
    return TROTH_OK;
}

const struct troth_trusted *troth_trust_find(const struct troth_trust *trust, const char *id)
{
    for (size_t i = 0; i < trust->count; i++) {
        if (memcmp(trust->keys[i].id, id, TROTH_KEY_ID_LENGTH) == 0) {
            return &trust->keys[i];
        }
    }
    return NULL;
}
