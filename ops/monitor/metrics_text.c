#include "ops/monitor/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_OF(NAME, text) text,

static const char *const type_names[] = {TROTH_METRIC_TYPES(NAME_OF)};

enum { LABELS_MAX = 2 };

const char *troth_metric_type_name(enum troth_metric_type type)
{
    return type_names[type];
}

void troth_metrics_text_init(struct troth_metrics_text *text, char *data, size_t capacity)
{
    *text = (struct troth_metrics_text){.data = data, .capacity = capacity};
}

/* A line that is being written; it counts when it is whole. */
struct line {
    struct troth_metrics_text *text;
    size_t end;
    bool fits;
};

static struct line begin(struct troth_metrics_text *text)
{
    return (struct line){.text = text, .end = text->length, .fits = !text->full};
}

static void put(struct line *line, const char *bytes, size_t length)
{
    line->fits = line->fits && length <= line->text->capacity - line->end;
    if (line->fits) {
        memcpy(line->text->data + line->end, bytes, length);
        line->end += length;
    }
}

static void put_text(struct line *line, const char *bytes)
{
    put(line, bytes, strlen(bytes));
}

/* In quoted: a label's value, where a quotation mark would end it; a help text may have some. */
static void put_escaped(struct line *line, const char *bytes, bool quoted)
{
    for (const char *at = bytes; *at != '\0'; at++) {
        if (*at == '\n') {
            put_text(line, "\\n");
        } else {
            if (*at == '\\' || (quoted && *at == '"')) {
                put_text(line, "\\");
            }
            put(line, at, 1);
        }
    }
}

static void end(struct line *line)
{
    put_text(line, "\n");
    if (line->fits) {
        line->text->length = line->end;
    } else {
        line->text->full = true;
    }
}

static void put_labels(struct line *line, const struct troth_metric_label *labels, size_t count)
{
    for (size_t i = 0; i < count && i < LABELS_MAX; i++) {
        put_text(line, i == 0 ? "{" : ",");
        put_text(line, labels[i].name);
        put_text(line, "=\"");
        put_escaped(line, labels[i].value, true);
        put_text(line, "\"");
    }
    put_text(line, count > 0 ? "} " : " ");
}

static void write_sample(struct troth_metrics_text *text, const char *name, const char *suffix,
                         const struct troth_metric_label *labels, size_t count, const char *value)
{
    struct line line = begin(text);
    put_text(&line, name);
    put_text(&line, suffix);
    put_labels(&line, labels, count);
    put_text(&line, value);
    end(&line);
}

/* Exact, so that two scrapes of one time are the same bytes. */
static const char *write_seconds(int64_t us, char buffer[32])
{
    const uint64_t positive = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    snprintf(buffer, 32, "%s%" PRIu64 ".%06" PRIu64, us < 0 ? "-" : "", positive / 1000000,
             positive % 1000000);
    return buffer;
}

void troth_metrics_family(struct troth_metrics_text *text, const struct troth_metric_family *family)
{
    struct line line = begin(text);
    put_text(&line, "# HELP ");
    put_text(&line, family->name);
    put_text(&line, " ");
    put_escaped(&line, family->help, false);
    put_text(&line, "\n# TYPE ");
    put_text(&line, family->name);
    put_text(&line, " ");
    put_text(&line, troth_metric_type_name(family->type));
    end(&line);
}

void troth_metrics_number(struct troth_metrics_text *text, const struct troth_metric_family *family,
                          const struct troth_metric_label *labels, size_t count, uint64_t value)
{
    char buffer[32];
    snprintf(buffer, sizeof buffer, "%" PRIu64, value);
    write_sample(text, family->name, "", labels, count, buffer);
}

void troth_metrics_seconds(struct troth_metrics_text *text,
                           const struct troth_metric_family *family,
                           const struct troth_metric_label *labels, size_t count, int64_t us)
{
    char buffer[32];
    write_sample(text, family->name, "", labels, count, write_seconds(us, buffer));
}

void troth_metrics_histogram(struct troth_metrics_text *text,
                             const struct troth_metric_family *family,
                             const struct troth_histogram *histogram)
{
    char value[32];
    char bound[32];
    uint64_t count = 0;
    for (unsigned i = 0; i <= TROTH_HISTOGRAM_BOUNDS; i++) {
        const struct troth_metric_label label = {"le", bound};
        if (i < TROTH_HISTOGRAM_BOUNDS) {
            snprintf(bound, sizeof bound, "%g", (double)troth_histogram_bound_us(i) / 1e6);
        } else {
            snprintf(bound, sizeof bound, "+Inf");
        }
        count += histogram->counts[i];
        snprintf(value, sizeof value, "%" PRIu64, count);
        write_sample(text, family->name, "_bucket", &label, 1, value);
    }
    write_sample(text, family->name, "_sum", NULL, 0,
                 write_seconds((int64_t)histogram->sum_us, value));
    snprintf(value, sizeof value, "%" PRIu64, count);
    write_sample(text, family->name, "_count", NULL, 0, value);
}
