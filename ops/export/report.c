#include "ops/export/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ops/table.h"

#define NAME_OF(NAME, text, meaning)    text,
#define MEANING_OF(NAME, text, meaning) meaning,
static const char *const names[] = {TROTH_EXPORT_CHECKS(NAME_OF)};
static const char *const meanings[] = {TROTH_EXPORT_CHECKS(MEANING_OF)};

void troth_export_looked(struct troth_export_report *report, enum troth_export_check check,
                         uint64_t count)
{
    report->findings[check].made = true;
    report->findings[check].looked += count;
}

static void write_text(char texts[TROTH_EXPORT_TEXTS_MAX][TROTH_EXPORT_TEXT_LENGTH],
                       unsigned *count, const char *format, va_list arguments)
{
    if (*count < TROTH_EXPORT_TEXTS_MAX) {
        (void)vsnprintf(texts[(*count)++], TROTH_EXPORT_TEXT_LENGTH, format, arguments);
    }
}

void troth_export_wrong(struct troth_export_report *report, enum troth_export_check check,
                        const char *format, ...)
{
    struct troth_export_finding *finding = &report->findings[check];
    va_list arguments;
    va_start(arguments, format);
    write_text(finding->wrong_text, &finding->wrong_texts, format, arguments);
    va_end(arguments);
    finding->made = true;
    finding->wrong++;
}

void troth_export_note(struct troth_export_report *report, enum troth_export_check check,
                       const char *format, ...)
{
    struct troth_export_finding *finding = &report->findings[check];
    va_list arguments;
    va_start(arguments, format);
    write_text(finding->noted_text, &finding->noted_texts, format, arguments);
    va_end(arguments);
    finding->noted++;
}

bool troth_export_is_valid(const struct troth_export_report *report)
{
    for (unsigned i = 0; i < TROTH_EXPORT_CHECK_COUNT; i++) {
        if (report->findings[i].wrong > 0) {
            return false;
        }
    }
    return report->findings[TROTH_EXPORT_CHAIN].made;
}

/* What came from a file may hold anything. */
static void print_texts(const char (*texts)[TROTH_EXPORT_TEXT_LENGTH], unsigned count, uint64_t all)
{
    for (unsigned i = 0; i < count; i++) {
        char printable[TROTH_EXPORT_TEXT_LENGTH];
        troth_printable(texts[i], strlen(texts[i]), printable, sizeof printable);
        printf("        %s\n", printable);
    }
    if (all > count) {
        printf("        and %" PRIu64 " more\n", all - count);
    }
}

void troth_export_print(const struct troth_export_report *report)
{
    for (unsigned i = 0; i < TROTH_EXPORT_CHECK_COUNT; i++) {
        const struct troth_export_finding *finding = &report->findings[i];
        if (!finding->made) {
            continue;
        }
        if (finding->wrong > 0) {
            printf("FAILED  %-14s %" PRIu64 " wrong of %" PRIu64 "\n", names[i], finding->wrong,
                   finding->looked > finding->wrong ? finding->looked : finding->wrong);
        } else {
            printf("ok      %-14s %" PRIu64 " %s\n", names[i], finding->looked, meanings[i]);
        }
        print_texts(finding->wrong_text, finding->wrong_texts, finding->wrong);
        print_texts(finding->noted_text, finding->noted_texts, finding->noted);
    }
}

static json_t *texts_json(const char (*texts)[TROTH_EXPORT_TEXT_LENGTH], unsigned count)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < count; i++) {
        char printable[TROTH_EXPORT_TEXT_LENGTH];
        troth_printable(texts[i], strlen(texts[i]), printable, sizeof printable);
        json_array_append_new(array, json_string(printable));
    }
    return array;
}

json_t *troth_export_report_json(const struct troth_export_report *report)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < TROTH_EXPORT_CHECK_COUNT; i++) {
        const struct troth_export_finding *finding = &report->findings[i];
        if (finding->made) {
            json_array_append_new(
                array, json_pack("{s:s, s:b, s:I, s:I, s:o, s:o}", "check", names[i], "ok",
                                 finding->wrong == 0, "looked_at", (json_int_t)finding->looked,
                                 "wrong", (json_int_t)finding->wrong, "problems",
                                 texts_json(finding->wrong_text, finding->wrong_texts), "notes",
                                 texts_json(finding->noted_text, finding->noted_texts)));
        }
    }
    return array;
}
