/* The parsing canonical form of a schema, and its fingerprint. */
#include <stdio.h>
#include <stdlib.h>

#include "consumers/avro/schema.h"

/* CRC-64-AVRO of no bytes; also the polynomial (Avro specification, "Schema Fingerprints"). */
#define EMPTY_FINGERPRINT UINT64_C(0xc15d213aa4d7a795)

struct form {
    const struct troth_avro_schema *schema;
    FILE *out;
    bool defined[TROTH_SCHEMA_NODES_MAX]; /* a named type is written whole once */
};

static void write_type(struct form *form, unsigned index);

static void write_record(struct form *form, const struct troth_avro_node *node)
{
    const struct troth_avro_edge *edges = &form->schema->edges[node->first];
    (void)fprintf(form->out, "{\"name\":\"%s\",\"type\":\"record\",\"fields\":[", node->name);
    for (unsigned i = 0; i < node->count; i++) {
        (void)fprintf(form->out, "%s{\"name\":\"%s\",\"type\":", i > 0 ? "," : "", edges[i].name);
        write_type(form, edges[i].node);
        (void)fputc('}', form->out);
    }
    (void)fputs("]}", form->out);
}

static void write_enum(struct form *form, const struct troth_avro_node *node)
{
    const struct troth_avro_edge *edges = &form->schema->edges[node->first];
    (void)fprintf(form->out, "{\"name\":\"%s\",\"type\":\"enum\",\"symbols\":[", node->name);
    for (unsigned i = 0; i < node->count; i++) {
        (void)fprintf(form->out, "%s\"%s\"", i > 0 ? "," : "", edges[i].name);
    }
    (void)fputs("]}", form->out);
}

static void write_union(struct form *form, const struct troth_avro_node *node)
{
    const struct troth_avro_edge *edges = &form->schema->edges[node->first];
    (void)fputc('[', form->out);
    for (unsigned i = 0; i < node->count; i++) {
        if (i > 0) {
            (void)fputc(',', form->out);
        }
        write_type(form, edges[i].node);
    }
    (void)fputc(']', form->out);
}

/* Names are Avro names, so nothing needs escaping. Recursion ends where the text's nesting ends: a
 * named type is entered once. */
static void write_type(struct form *form, unsigned index)
{
    const struct troth_avro_node *node = &form->schema->nodes[index];
    if (node->name != NULL && form->defined[index]) {
        (void)fprintf(form->out, "\"%s\"", node->name);
        return;
    }
    form->defined[index] = true;
    switch (node->type) {
    case TROTH_AVRO_RECORD:
        write_record(form, node);
        break;
    case TROTH_AVRO_ENUM:
        write_enum(form, node);
        break;
    case TROTH_AVRO_FIXED:
        (void)fprintf(form->out, "{\"name\":\"%s\",\"type\":\"fixed\",\"size\":%u}", node->name,
                      (unsigned)node->size);
        break;
    case TROTH_AVRO_ARRAY:
    case TROTH_AVRO_MAP:
        (void)fprintf(form->out, "{\"type\":\"%s\",\"%s\":", troth_avro_type_name(node->type),
                      node->type == TROTH_AVRO_ARRAY ? "items" : "values");
        write_type(form, form->schema->edges[node->first].node);
        (void)fputc('}', form->out);
        break;
    case TROTH_AVRO_UNION:
        write_union(form, node);
        break;
    default:
        (void)fprintf(form->out, "\"%s\"", troth_avro_type_name(node->type));
        break;
    }
}

troth_status troth_avro_canonical_form(const struct troth_avro_schema *schema, char **text,
                                       size_t *length)
{
    char *written = NULL;
    size_t size = 0;
    struct form form = {.schema = schema, .out = open_memstream(&written, &size)};
    if (form.out == NULL) {
        return TROTH_NO_MEMORY;
    }
    write_type(&form, schema->root);
    bool failed = ferror(form.out) != 0;
    if (fclose(form.out) != 0 || failed) {
        free(written);
        return TROTH_NO_MEMORY;
    }
    *text = written;
    *length = size;
    return TROTH_OK;
}

uint64_t troth_avro_fingerprint(const char *text, size_t length)
{
    uint64_t fingerprint = EMPTY_FINGERPRINT;
    for (size_t i = 0; i < length; i++) {
        fingerprint ^= (uint8_t)text[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            fingerprint = fingerprint >> 1 ^ (EMPTY_FINGERPRINT & (0 - (fingerprint & 1)));
        }
    }
    return fingerprint;
}
