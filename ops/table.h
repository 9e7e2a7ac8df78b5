/*
 * Text for people: durations, times, and columns that line up.
 *
 * Bytes that are not printable UTF-8 come out as ?, so that a name can neither move the cursor of a
 * terminal nor forge a line.
 *
 * Threads: none shared. Memory: a table keeps copies of its cells, within its bounds.
 */
#ifndef TROTH_OPS_TABLE_H
#define TROTH_OPS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    TROTH_DURATION_LENGTH_MAX = 32,
    TROTH_TIME_LENGTH_MAX = 32,
    TROTH_TABLE_COLUMNS_MAX = 16,
    TROTH_TABLE_ROWS_MAX = 1024,
    TROTH_CELL_LENGTH_MAX = 160 /* bytes, terminator included; longer cells are cut */
};

/* Out text: a length of time, two units at most, as "10m", "1h30m", "250ms". Returns its length. */
size_t troth_duration_format(int64_t duration_us, char text[TROTH_DURATION_LENGTH_MAX]);

/* Out text: a time, UTC, to the millisecond, as "2026-01-31T12:00:00.250Z". Returns its length. */
size_t troth_time_format(int64_t time_us, char text[TROTH_TIME_LENGTH_MAX]);

/* Out text: the bytes fit for a terminal, terminated, cut at capacity. */
void troth_printable(const char *data, size_t length, char *text, size_t capacity);

struct troth_table {
    unsigned columns;
    unsigned rows;
    unsigned column; /* next cell of the last row */
    unsigned right;  /* bit i: column i is set to the right */
    char (*cells)[TROTH_CELL_LENGTH_MAX];
};

/* In headings: of the columns, at most TROTH_TABLE_COLUMNS_MAX. In right: bit i set, column i lines
 * up on the right. Returns whether there was memory. */
bool troth_table_init(struct troth_table *table, const char *const *headings, unsigned columns,
                      unsigned right);
void troth_table_fini(struct troth_table *table);

/* Adds the next cell, row by row; past TROTH_TABLE_ROWS_MAX rows nothing is added. */
void troth_table_cell(struct troth_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints it, two spaces between columns. In width: columns of a terminal to cut at, 0: none. In
 * line_end: as "\n". */
void troth_table_print(const struct troth_table *table, FILE *out, unsigned width,
                       const char *line_end);

#endif
