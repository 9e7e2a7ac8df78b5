#include "ops/message.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "schemas/assert.h"

static struct {
    const char *program;
    enum troth_message_style style;
    enum troth_message_level level;
} setup = {"troth", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO};

void troth_message_setup(const char *program, enum troth_message_style style,
                         enum troth_message_level level)
{
    setup.program = program;
    setup.style = style;
    setup.level = level;
}

/* Returns the length of the UTF-8 sequence at text, or 0 where there is none or it is a control
 * character (C0, DEL or C1). Overlong forms and surrogates are let through: nothing is decoded. */
static size_t printable_length(const unsigned char *text, size_t length)
{
    if (text[0] < 0x80) {
        return text[0] >= 0x20 && text[0] != 0x7f ? 1 : 0;
    }
    size_t need = text[0] >= 0xf0 && text[0] < 0xf5   ? 4
                  : text[0] >= 0xe0 && text[0] < 0xf0 ? 3
                  : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                                                      : 0;
    if (need == 0 || need > length || (text[0] == 0xc2 && text[1] < 0xa0)) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return need;
}

char *troth_message_escape(const char *text, size_t length, char *buffer, size_t capacity)
{
    TROTH_ASSERT(capacity >= 1);
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = (const unsigned char *)text;
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        size_t run = printable_length(bytes + i, length - i);
        size_t need = run > 0 ? run : 4;
        if (used + need >= capacity) {
            break;
        }
        if (run > 0) {
            memcpy(buffer + used, bytes + i, run);
            i += run;
        } else {
            const char escape[4] = {'\\', 'x', digits[bytes[i] >> 4], digits[bytes[i] & 15]};
            memcpy(buffer + used, escape, sizeof escape);
            i++;
        }
        used += need;
    }
    buffer[used] = '\0';
    return buffer;
}

static size_t write_time(char *buffer, size_t capacity)
{
    struct timespec now;
    struct tm calendar;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &calendar);
    size_t used = strftime(buffer, capacity, "%Y-%m-%dT%H:%M:%S", &calendar);
    int more = snprintf(buffer + used, capacity - used, ".%03ldZ ", now.tv_nsec / 1000000);
    return used + (more > 0 ? (size_t)more : 0);
}

void troth_message_write(enum troth_message_level level, const char *format, va_list arguments)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (level > setup.level) {
        return;
    }
    char text[TROTH_MESSAGE_LENGTH_MAX];
    char line[TROTH_MESSAGE_LENGTH_MAX + 128];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0) {
        return;
    }
    size_t kept = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    size_t used = 0;
    if (setup.style == TROTH_MESSAGE_TIMED) {
        used = write_time(line, sizeof line);
    }
    /* At a terminal an ordinary remark needs no label. */
    bool label = setup.style == TROTH_MESSAGE_TIMED || level != TROTH_MESSAGE_INFO;
    int more = snprintf(line + used, sizeof line - used, "%.32s%s%s: ", setup.program,
                        setup.style == TROTH_MESSAGE_TIMED ? " "
                        : label                            ? ": "
                                                           : "",
                        label ? names[level] : "");
    used += more > 0 ? (size_t)more : 0;
    troth_message_escape(text, kept, line + used, sizeof line - used - 1);
    used += strlen(line + used);
    line[used++] = '\n';
    /* Nothing sensible is left to do when stderr itself is gone. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}

#define TROTH_MESSAGE_AT(name, level)                                                              \
    void troth_message_##name(const char *format, ...)                                             \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        troth_message_write(level, format, arguments);                                             \
        va_end(arguments);                                                                         \
    }

TROTH_MESSAGE_AT(error, TROTH_MESSAGE_ERROR)
TROTH_MESSAGE_AT(warn, TROTH_MESSAGE_WARNING)
TROTH_MESSAGE_AT(info, TROTH_MESSAGE_INFO)
TROTH_MESSAGE_AT(debug, TROTH_MESSAGE_DEBUG)
