/*
 * Messages for people: errors, warnings and the engine's log, one line each, on stderr.
 *
 * A line says what is wrong and what would be right. What came from outside may hold anything, so
 * control characters are written as \xNN: a name in a record cannot move somebody's cursor.
 *
 * Threads: any may write, a line is one write; set up once, before other threads start.
 * Memory: none is taken; a line longer than TROTH_MESSAGE_LENGTH_MAX is cut.
 */
#ifndef TROTH_OPS_MESSAGE_H
#define TROTH_OPS_MESSAGE_H

#include <stdarg.h>
#include <stddef.h>

enum { TROTH_MESSAGE_LENGTH_MAX = 4096 };

enum troth_message_level {
    TROTH_MESSAGE_ERROR,
    TROTH_MESSAGE_WARNING,
    TROTH_MESSAGE_INFO,
    TROTH_MESSAGE_DEBUG
};

enum troth_message_style {
    TROTH_MESSAGE_PLAIN, /* "troth: error: ..." : a command at a terminal */
    TROTH_MESSAGE_TIMED  /* "2026-03-01T09:00:00.000Z trothd error: ..." : a daemon's log */
};

/* In program: borrowed for good. In level: the least important that is still written. Until this is
 * called: "troth", plain, info. */
void troth_message_setup(const char *program, enum troth_message_style style,
                         enum troth_message_level level);

/* Writes one line. In format: as printf's, without a newline. */
__attribute__((format(printf, 1, 2))) void troth_message_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void troth_message_warn(const char *format, ...);
__attribute__((format(printf, 1, 2))) void troth_message_info(const char *format, ...);
__attribute__((format(printf, 1, 2))) void troth_message_debug(const char *format, ...);

/* As above, with the level as a value. */
__attribute__((format(printf, 2, 0))) void
troth_message_write(enum troth_message_level level, const char *format, va_list arguments);

/* Copies text with control characters (and bytes that are not UTF-8) escaped.
 * Out buffer: at most capacity bytes (>= 1), always terminated. Returns buffer. */
char *troth_message_escape(const char *text, size_t length, char *buffer, size_t capacity);

#endif
