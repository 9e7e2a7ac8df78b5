#include "ops/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schemas/assert.h"

#define SECOND_US INT64_C(1000000)

static const struct {
    const char *name;
    int64_t us;
} units[] = {{"d", INT64_C(86400000000)}, {"h", INT64_C(3600000000)},
             {"m", INT64_C(60000000)},    {"s", SECOND_US},
             {"ms", INT64_C(1000)},       {"us", INT64_C(1)}};

enum { UNIT_COUNT = sizeof units / sizeof units[0] };

/* Writes a length of time that is not negative. Returns its length. */
static int format_duration(int64_t duration_us, char *text, size_t capacity)
{
    unsigned i = 0;
    while (i < UNIT_COUNT - 1 && duration_us < units[i].us) {
        i++;
    }
    if (duration_us == 0) {
        return snprintf(text, capacity, "0s");
    }
    const int64_t whole = duration_us / units[i].us;
    const int64_t rest = duration_us % units[i].us;
    if (units[i].us == SECOND_US && whole < 10 && rest >= SECOND_US / 10) {
        return snprintf(text, capacity, "%" PRId64 ".%ds", whole, (int)(rest / (SECOND_US / 10)));
    }
    const bool two = units[i].us > SECOND_US && rest >= units[i + 1].us;
    return two ? snprintf(text, capacity, "%" PRId64 "%s%" PRId64 "%s", whole, units[i].name,
                          rest / units[i + 1].us, units[i + 1].name)
               : snprintf(text, capacity, "%" PRId64 "%s", whole, units[i].name);
}

size_t troth_duration_format(int64_t duration_us, char text[TROTH_DURATION_LENGTH_MAX])
{
    if (duration_us >= 0) {
        return (size_t)format_duration(duration_us, text, TROTH_DURATION_LENGTH_MAX);
    }
    /* The least integer has no opposite; one microsecond less does not show. */
    text[0] = '-';
    return 1 + (size_t)format_duration(duration_us > INT64_MIN ? -duration_us : INT64_MAX, text + 1,
                                       TROTH_DURATION_LENGTH_MAX - 1);
}

size_t troth_time_format(int64_t time_us, char text[TROTH_TIME_LENGTH_MAX])
{
    const int64_t ms = time_us / 1000 - (time_us % 1000 < 0);
    const int64_t rest = (ms % 1000 + 1000) % 1000;
    const time_t seconds = (time_t)((ms - rest) / 1000);
    struct tm date;
    char day[TROTH_TIME_LENGTH_MAX - 8];
    if (gmtime_r(&seconds, &date) == NULL ||
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &date) == 0) {
        return (size_t)snprintf(text, TROTH_TIME_LENGTH_MAX, "%" PRId64 "us", time_us);
    }
    return (size_t)snprintf(text, TROTH_TIME_LENGTH_MAX, "%s.%03dZ", day, (int)rest);
}

/* Returns how many bytes the UTF-8 character at data has, or 0 where it is not one, or controls. */
static size_t character_length(const unsigned char *data, size_t length)
{
    const unsigned char first = data[0];
    const size_t size = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                                       : 4;
    if (size == 0 || size > length || first > 0xF4 || first < 0x20 || first == 0x7F) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((data[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    /* C1 controls, and the marks that turn or hide text: U+200B..U+200F, U+2028..U+202E. */
    const bool c1 = first == 0xC2 && data[1] < 0xA0;
    const bool marks =
        first == 0xE2 && data[1] == 0x80 &&
        ((data[2] >= 0x8B && data[2] <= 0x8F) || (data[2] >= 0xA8 && data[2] <= 0xAE));
    return c1 || marks ? 0 : size;
}

void troth_printable(const char *data, size_t length, char *text, size_t capacity)
{
    size_t to = 0;
    for (size_t from = 0; from < length && to + 5 <= capacity;) {
        const size_t size = character_length((const unsigned char *)data + from, length - from);
        if (size == 0) {
            text[to++] = '?';
            from++;
        } else {
            memcpy(text + to, data + from, size);
            to += size;
            from += size;
        }
    }
    text[to] = '\0';
}

/* Characters of a text, which are columns in all but the widest scripts. */
static unsigned columns_of(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++) {
        count += (*text & 0xC0) != 0x80;
    }
    return count;
}

static char *cell_at(const struct troth_table *table, unsigned row, unsigned column)
{
    return table->cells[row * table->columns + column];
}

bool troth_table_init(struct troth_table *table, const char *const *headings, unsigned columns,
                      unsigned right)
{
    TROTH_ASSERT(columns >= 1 && columns <= TROTH_TABLE_COLUMNS_MAX);
    memset(table, 0, sizeof *table);
    table->columns = columns;
    table->right = right;
    table->cells = malloc(sizeof *table->cells * columns * TROTH_TABLE_ROWS_MAX);
    if (table->cells == NULL) {
        return false;
    }
    for (unsigned i = 0; i < columns; i++) {
        troth_table_cell(table, "%s", headings[i]);
    }
    return true;
}

void troth_table_fini(struct troth_table *table)
{
    free(table->cells);
    memset(table, 0, sizeof *table);
}

void troth_table_cell(struct troth_table *table, const char *format, ...)
{
    if (table->column == 0) {
        if (table->rows == TROTH_TABLE_ROWS_MAX) {
            return;
        }
        table->rows++;
    }
    char raw[TROTH_CELL_LENGTH_MAX];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    troth_printable(raw, length < 0 ? 0 : strlen(raw),
                    cell_at(table, table->rows - 1, table->column), TROTH_CELL_LENGTH_MAX);
    table->column = (table->column + 1) % table->columns;
}

void troth_table_print(const struct troth_table *table, FILE *out, unsigned width,
                       const char *line_end)
{
    unsigned widths[TROTH_TABLE_COLUMNS_MAX] = {0};
    for (unsigned row = 0; row < table->rows; row++) {
        for (unsigned i = 0; i < table->columns; i++) {
            const unsigned columns = columns_of(cell_at(table, row, i));
            widths[i] = columns > widths[i] ? columns : widths[i];
        }
    }
    for (unsigned row = 0; row < table->rows; row++) {
        char line[TROTH_TABLE_COLUMNS_MAX * (2 * TROTH_CELL_LENGTH_MAX + 2) + 1];
        size_t length = 0;
        for (unsigned i = 0; i < table->columns; i++) {
            const char *cell = cell_at(table, row, i);
            const unsigned padding = widths[i] - columns_of(cell);
            const bool right = (table->right >> i & 1) != 0;
            const bool last = i + 1 == table->columns;
            length += (size_t)snprintf(line + length, sizeof line - length, "%*s%s%*s",
                                       right ? (int)padding : 0, "", cell,
                                       right || last ? 0 : (int)padding, "");
            length += (size_t)snprintf(line + length, sizeof line - length, "%s", last ? "" : "  ");
        }
        if (width > 0) {
            char *end = line;
            for (unsigned columns = 0; *end != '\0'; end++) {
                columns += (*end & 0xC0) != 0x80;
                if (columns > width) {
                    break;
                }
            }
            *end = '\0';
        }
        fprintf(out, "%s%s", line, line_end);
    }
}
