/* The configuration as people read it: what is in effect, the flags, and the example file. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/config/config.h"
#include "ops/config/parameters.h"
#include "ops/config/parse.h"
#include "ops/kafka/property.h"
#include "schemas/assert.h"

enum { TEXT_COLUMNS = 92 }; /* help is wrapped before this column */

static const char masked[] = "********";

static const char *source_name(enum troth_config_source source)
{
    static const char *const names[] = {"default", "file", "environment", "flag"};
    return names[source];
}

static const struct troth_config_map *map_of(const struct troth_config *config,
                                             const struct troth_parameter *parameter)
{
    return (const struct troth_config_map *)(const void *)((const char *)config +
                                                           parameter->offset);
}

static const char *shown(const struct troth_config_entry *entry)
{
    return troth_kafka_property_is_secret(entry->name) ? masked : entry->value;
}

/* In value: taken over. */
static json_t *json_row(json_t *value, enum troth_config_source source)
{
    json_t *row = json_pack("{s:o, s:s}", "value", value, "source", source_name(source));
    TROTH_ASSERT(row != NULL);
    return row;
}

static json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("(not UTF-8)");
}

static void print_json(const struct troth_config *config, FILE *out)
{
    size_t count;
    char buffer[TROTH_PARSE_TEXT_MAX];
    const struct troth_parameter *table = troth_parameters(&count);
    json_t *rows = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *row;
        if (table[i].type == TROTH_PARAMETER_MAP) {
            const struct troth_config_map *map = map_of(config, &table[i]);
            row = json_object();
            for (uint32_t e = 0; e < map->count; e++) {
                json_object_set_new(
                    row, map->entries[e].name,
                    json_row(json_text(shown(&map->entries[e])), map->entries[e].source));
            }
        } else if (table[i].type == TROTH_PARAMETER_INTEGER) {
            const char *digits = troth_parameter_write(config, &table[i], buffer);
            row = json_row(json_integer(strtoll(digits, NULL, 10)), config->sources[i]);
        } else {
            row = json_row(json_text(troth_parameter_write(config, &table[i], buffer)),
                           config->sources[i]);
        }
        json_object_set_new(rows, table[i].key, row);
    }
    json_t *whole = json_pack("{s:s?, s:o}", "file", config->file, "parameters", rows);
    TROTH_ASSERT(whole != NULL);
    json_dumpf(whole, out, JSON_COMPACT);
    fputc('\n', out);
    json_decref(whole);
}

/* Writes text so that YAML reads the same text back: a JSON string is one of YAML's. */
static void print_quoted(FILE *out, const char *text, int *columns)
{
    json_t *value = json_text(text);
    char *quoted = json_dumps(value, JSON_ENCODE_ANY);
    TROTH_ASSERT(quoted != NULL);
    *columns += fprintf(out, "%s", quoted);
    free(quoted);
    json_decref(value);
}

static void print_source(FILE *out, int columns, enum troth_config_source source)
{
    fprintf(out, "%*s# %s\n", columns < 44 ? 44 - columns : 1, "", source_name(source));
}

/* Opens the group of a key where the row before stood in another. Returns the key within it. */
static const char *enter_group(FILE *out, const char *key, const char *before)
{
    const char *dot = strchr(key, '.');
    if (dot == NULL) {
        return key;
    }
    size_t length = (size_t)(dot - key) + 1;
    if (before == NULL || strncmp(before, key, length) != 0) {
        fprintf(out, "%.*s:\n", (int)length - 1, key);
    }
    return dot + 1;
}

static void print_yaml(const struct troth_config *config, FILE *out)
{
    size_t count;
    char buffer[TROTH_PARSE_TEXT_MAX];
    const struct troth_parameter *table = troth_parameters(&count);
    fprintf(out, "# file: %s\n", config->file != NULL ? config->file : "none");
    for (size_t i = 0; i < count; i++) {
        const char *key = enter_group(out, table[i].key, i > 0 ? table[i - 1].key : NULL);
        int columns = fprintf(out, "%s%s:", key != table[i].key ? "  " : "", key);
        if (table[i].type == TROTH_PARAMETER_MAP) {
            const struct troth_config_map *map = map_of(config, &table[i]);
            fputs(map->count == 0 ? " {}\n" : "\n", out);
            for (uint32_t e = 0; e < map->count; e++) {
                columns = fprintf(out, "  %s: ", map->entries[e].name);
                print_quoted(out, shown(&map->entries[e]), &columns);
                print_source(out, columns, map->entries[e].source);
            }
            continue;
        }
        const char *text = troth_parameter_write(config, &table[i], buffer);
        columns += fprintf(out, " ");
        if (table[i].type == TROTH_PARAMETER_TEXT) {
            print_quoted(out, text, &columns);
        } else {
            columns += fprintf(out, "%s", text);
        }
        print_source(out, columns, config->sources[i]);
    }
}

void troth_config_print(const struct troth_config *config, FILE *out, bool json)
{
    if (json) {
        print_json(config, out);
    } else {
        print_yaml(config, out);
    }
}

/* Writes text in lines that each begin with `indent`, broken at spaces. */
static void print_wrapped(FILE *out, const char *indent, const char *text)
{
    size_t columns = TEXT_COLUMNS - strlen(indent);
    while (*text != '\0') {
        size_t length = strlen(text);
        if (length > columns) {
            length = columns;
            while (length > 0 && text[length] != ' ') {
                length--;
            }
            if (length == 0) {
                length = strcspn(text, " ");
            }
        }
        fprintf(out, "%s%.*s\n", indent, (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

static const char *initial_of(const struct troth_parameter *parameter)
{
    return parameter->derived != NULL ? parameter->derived : parameter->initial;
}

void troth_config_print_flags(FILE *out)
{
    size_t count;
    char right[256];
    const struct troth_parameter *table = troth_parameters(&count);
    for (size_t i = 0; i < count; i++) {
        char flag[64];
        snprintf(flag, sizeof flag, "--%s", table[i].key);
        for (char *at = flag; *at != '\0'; at++) {
            *at = *at == '.' || *at == '_' ? '-' : *at;
        }
        if (table[i].type == TROTH_PARAMETER_MAP) {
            fprintf(out, "  %s NAME=VALUE, as often as needed\n", flag);
        } else {
            fprintf(out, "  %s VALUE\n", flag);
        }
        print_wrapped(out, "      ", table[i].help);
        if (table[i].type != TROTH_PARAMETER_MAP) {
            fprintf(out, "      Default %s; %s.\n", initial_of(&table[i]),
                    troth_parameter_right(&table[i], right, sizeof right));
        }
    }
    fprintf(out, "  --bootstrap HOST:PORT,...\n      Short for --kafka bootstrap.servers=...\n");
}

void troth_config_print_example(FILE *out)
{
    size_t count;
    char right[256];
    const struct troth_parameter *table = troth_parameters(&count);
    fputs(
        "# Configuration of trothd and troth: every parameter, with its default.\n"
        "#\n"
        "# A later source wins: this file, then the environment (TROTH_REDIS_ADDRESS for\n"
        "# redis.address), then a flag (--redis-address). `troth --print-config` shows what is in\n"
        "# effect and where it came from. The file is named by --config or TROTH_CONFIG, else it "
        "is\n"
        "# ./troth.yaml where that exists. A duration is an integer with ms, s, m, h or d.\n",
        out);
    for (size_t i = 0; i < count; i++) {
        fputc('\n', out);
        const char *key = enter_group(out, table[i].key, i > 0 ? table[i - 1].key : NULL);
        const char *indent = key != table[i].key ? "  # " : "# ";
        print_wrapped(out, indent, table[i].help);
        if (table[i].type == TROTH_PARAMETER_MAP) {
            fprintf(out, "%s:\n  # %s\n", key, table[i].example);
            continue;
        }
        fprintf(out, "%sExpected: %s.\n", indent,
                troth_parameter_right(&table[i], right, sizeof right));
        if (table[i].derived != NULL) {
            fprintf(out, "%sDefault: %s.\n%s%s: \"\"\n", indent, table[i].derived, indent, key);
        } else {
            fprintf(out, "%s%s: %s\n", indent, key, table[i].initial);
        }
    }
}
