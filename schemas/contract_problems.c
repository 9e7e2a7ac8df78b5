#include "schemas/contract_problems.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *troth_excerpt(const char *text, size_t length, char *excerpt, size_t capacity)
{
    size_t kept = length < capacity ? length : capacity - 1;
    while (kept < length && kept > 0 && ((unsigned char)text[kept] & 0xC0U) == 0x80U) {
        kept--;
    }
    for (size_t i = 0; i < kept; i++) {
        const unsigned char c = (unsigned char)text[i];
        excerpt[i] = c < 0x20 || c == 0x7F ? '?' : text[i];
    }
    excerpt[kept] = '\0';
    return excerpt;
}

static bool is_before(const struct troth_problem *a, const struct troth_problem *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Keeps the list sorted; on equal places what was told first comes first. */
static void keep(struct troth_problems *problems, const struct troth_problem *problem)
{
    uint32_t place = problems->count < TROTH_PROBLEMS_MAX ? problems->count : TROTH_PROBLEMS_MAX;
    if (place == TROTH_PROBLEMS_MAX && !is_before(problem, &problems->items[--place])) {
        return;
    }
    for (; place > 0 && is_before(problem, &problems->items[place - 1]); place--) {
        problems->items[place] = problems->items[place - 1];
    }
    problems->items[place] = *problem;
}

void troth_problems_add(struct troth_problems *problems, uint32_t line, uint32_t column,
                        const char *key, const char *format, ...)
{
    struct troth_problem problem = {.line = line, .column = column};
    char text[2 * TROTH_PROBLEM_LENGTH_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)troth_excerpt(key, strlen(key), problem.key, sizeof problem.key);
    (void)troth_excerpt(text, strlen(text), problem.text, sizeof problem.text);
    keep(problems, &problem);
    if (problems->count < UINT32_MAX) {
        problems->count++;
    }
}
