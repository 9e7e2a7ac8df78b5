/*
 * troth contract diff: what changes from one version to another, and which terms keep their
 * evidence. Documents are compared in their canonical form, so what was written out and what was
 * left to a default are the same.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/commands/contract_parts.h"
#include "ops/config/options.h"
#include "ops/message.h"
#include "schemas/assert.h"

enum { PATH_LENGTH_MAX = 256, DEPTH_MAX = 8 };

struct comparison {
    struct troth_contract_source source;
    struct troth_contract sides[2];
};

static json_t *canonical(const struct troth_contract *contract)
{
    char *text = malloc(TROTH_CONTRACT_LENGTH_MAX);
    size_t length = 0;
    TROTH_ASSERT(text != NULL);
    const troth_status status =
        troth_contract_write(contract, text, TROTH_CONTRACT_LENGTH_MAX, &length);
    TROTH_ASSERT(status == TROTH_OK);
    json_t *document = json_loadb(text, length, JSON_DECODE_ANY, NULL);
    free(text);
    TROTH_ASSERT(json_is_object(document));
    return document;
}

static void add_change(json_t *changes, const char *path, const json_t *from, const json_t *to)
{
    json_t *change = json_pack("{s:s}", "key", path);
    json_object_set_new(change, "from", from != NULL ? json_deep_copy(from) : json_null());
    json_object_set_new(change, "to", to != NULL ? json_deep_copy(to) : json_null());
    json_array_append_new(changes, change);
}

/* Adds what differs between two values, object by object; anything else is compared whole. */
static void compare(json_t *changes, const char *path, const json_t *from, const json_t *to,
                    unsigned depth)
{
    if (from != NULL && to != NULL && json_equal(from, to)) {
        return;
    }
    if (!json_is_object(from) || !json_is_object(to) || depth == DEPTH_MAX) {
        add_change(changes, path, from, to);
        return;
    }
    for (unsigned side = 0; side < 2; side++) {
        json_t *walked = (json_t *)(uintptr_t)(side == 0 ? from : to);
        for (void *at = json_object_iter(walked); at != NULL;
             at = json_object_iter_next(walked, at)) {
            char inner[PATH_LENGTH_MAX];
            const char *key = json_object_iter_key(at);
            if (side == 1 && json_object_get(from, key) != NULL) {
                continue;
            }
            if (path[0] == '\0' && strcmp(key, "terms") == 0) {
                continue; /* compared term by term */
            }
            snprintf(inner, sizeof inner, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
            compare(changes, inner, json_object_get(from, key), json_object_get(to, key),
                    depth + 1);
        }
    }
}

static int find_term(const struct troth_contract *contract, const char *name)
{
    for (int i = 0; i < contract->term_count; i++) {
        if (strcmp(contract->terms[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* What becomes of a term's evidence. In from, to: its index in each, -1: not there. */
static const char *fate_of(const struct comparison *comparison, int from, int to)
{
    if (from < 0) {
        return "new";
    }
    if (to < 0) {
        return "gone";
    }
    return troth_term_equal(&comparison->sides[0], (unsigned)from, &comparison->sides[1],
                            (unsigned)to)
               ? "kept"
               : "anew";
}

static void add_term(json_t *terms, const struct comparison *comparison, json_t *documents[2],
                     int from, int to)
{
    const char *name =
        to >= 0 ? comparison->sides[1].terms[to].name : comparison->sides[0].terms[from].name;
    json_t *changes = json_array();
    if (from >= 0 && to >= 0) {
        compare(changes, "", json_array_get(json_object_get(documents[0], "terms"), (size_t)from),
                json_array_get(json_object_get(documents[1], "terms"), (size_t)to), 1);
    }
    json_array_append_new(terms, json_pack("{s:s, s:s, s:o}", "name", name, "evidence",
                                           fate_of(comparison, from, to), "changes", changes));
}

/* Returns the whole comparison as JSON. */
static json_t *describe(const struct comparison *comparison)
{
    json_t *documents[2] = {canonical(&comparison->sides[0]), canonical(&comparison->sides[1])};
    json_t *changes = json_array();
    json_t *terms = json_array();
    compare(changes, "", documents[0], documents[1], 0);
    for (int i = 0; i < comparison->sides[0].term_count; i++) {
        add_term(terms, comparison, documents, i,
                 find_term(&comparison->sides[1], comparison->sides[0].terms[i].name));
    }
    for (int i = 0; i < comparison->sides[1].term_count; i++) {
        if (find_term(&comparison->sides[0], comparison->sides[1].terms[i].name) < 0) {
            add_term(terms, comparison, documents, -1, i);
        }
    }
    json_decref(documents[0]);
    json_decref(documents[1]);
    return json_pack("{s:o, s:o}", "changes", changes, "terms", terms);
}

static void print_value(const json_t *value)
{
    if (json_is_string(value)) {
        printf("%s", json_string_value(value));
    } else if (json_is_null(value)) {
        printf("(none)");
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        printf("%s", text != NULL ? text : "?");
        free(text);
    }
}

static void print_changes(const json_t *changes, const char *indent)
{
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *change = json_array_get(changes, i);
        printf("%s%s: ", indent, json_string_value(json_object_get(change, "key")));
        print_value(json_object_get(change, "from"));
        printf(" -> ");
        print_value(json_object_get(change, "to"));
        putchar('\n');
    }
}

static void print_text(const json_t *description)
{
    static const struct {
        const char *fate;
        char sign;
        const char *meaning;
    } fates[] = {{"kept", ' ', "unchanged, keeps its evidence"},
                 {"anew", '~', "changed, its evidence starts anew"},
                 {"new", '+', "new, starts without evidence"},
                 {"gone", '-', "gone, with its evidence"}};
    const json_t *terms = json_object_get(description, "terms");
    print_changes(json_object_get(description, "changes"), "");
    for (size_t i = 0; i < json_array_size(terms); i++) {
        const json_t *term = json_array_get(terms, i);
        const char *fate = json_string_value(json_object_get(term, "evidence"));
        for (size_t f = 0; f < sizeof fates / sizeof fates[0]; f++) {
            if (strcmp(fates[f].fate, fate) == 0) {
                printf("%c term %s: %s\n", fates[f].sign,
                       json_string_value(json_object_get(term, "name")), fates[f].meaning);
            }
        }
        print_changes(json_object_get(term, "changes"), "    ");
    }
}

int troth_contract_diff_run(const struct troth_context *context, int argc, char **argv)
{
    int operands;
    if (troth_options_parse(NULL, 0, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 2) {
        troth_message_error("troth contract diff A B; each a file, NAME@VERSION or NAME");
        return TROTH_EXIT_USAGE;
    }
    struct comparison *comparison = calloc(1, sizeof *comparison);
    if (comparison == NULL) {
        troth_message_error("no memory");
        return TROTH_EXIT_NO;
    }
    const bool good =
        troth_contract_source_load(&comparison->source, context, argv[1], &comparison->sides[0]) &&
        troth_contract_source_load(&comparison->source, context, argv[2], &comparison->sides[1]);
    if (good) {
        json_t *description = describe(comparison);
        if (context->json) {
            json_dumpf(description, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
            putchar('\n');
        } else {
            print_text(description);
        }
        json_decref(description);
    }
    troth_contract_source_fini(&comparison->source);
    free(comparison);
    return good ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}
