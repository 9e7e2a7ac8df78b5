#include "ops/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "ops/config/parameters.h"
#include "ops/kafka/property.h"
#include "ops/message.h"
#include "schemas/assert.h"

enum {
    KEY_LENGTH_MAX = 256,  /* bytes of a key's whole path; a longer one is cut where it is told */
    PROBLEMS_TOLD_MAX = 16 /* of one load; the rest is counted */
};

static const char variable_prefix[] = "TROTH_";

struct loader {
    struct troth_config *config;
    uint32_t problems;
    uint32_t lines[TROTH_CONFIG_PARAMETERS_MAX]; /* where the file set a row; 0: nowhere */
    const char *file;
};

/* In line: of the file, or 0 where `where` is not a file. */
static void tell(struct loader *loader, const char *where, size_t line, const char *key,
                 const char *reason)
{
    loader->problems++;
    if (loader->problems > PROBLEMS_TOLD_MAX) {
        return;
    }
    const char *joint = key[0] != '\0' ? ": " : "";
    if (line > 0) {
        troth_message_error("%s:%zu: %s%s%s", where, line, key, joint, reason);
    } else {
        troth_message_error("%s: %s%s%s", where, key, joint, reason);
    }
}

static void tell_unknown(struct loader *loader, const char *where, size_t line, const char *key)
{
    char reason[KEY_LENGTH_MAX + 64];
    const char *nearest = troth_parameter_nearest(key);
    snprintf(reason, sizeof reason, "there is no such key%s%s%s",
             nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
             nearest != NULL ? "?" : "");
    tell(loader, where, line, key, reason);
}

/* The file. */

static size_t line_of(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

static const char *text_of(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* Returns whether a scalar would be read as it is written: no NUL within. */
static bool is_whole(const yaml_node_t *node)
{
    return strlen(text_of(node)) == node->data.scalar.length;
}

/* A key without a value, as when all below it is commented out: it leaves the default. */
static bool is_null(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    const char *text = text_of(node);
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static void set_scalar(struct loader *loader, const struct troth_parameter *parameter,
                       const char *path, const char *entry, const yaml_node_t *value)
{
    char reason[TROTH_PARAMETER_REASON_LENGTH];
    if (value->type != YAML_SCALAR_NODE || !is_whole(value)) {
        char right[256];
        snprintf(reason, sizeof reason, "must be one value; expected %s",
                 entry != NULL ? "text or a number"
                               : troth_parameter_right(parameter, right, sizeof right));
        tell(loader, loader->file, line_of(value), path, reason);
        return;
    }
    troth_status status = troth_parameter_set(loader->config, parameter, entry, text_of(value),
                                              TROTH_CONFIG_FILE, reason);
    if (status != TROTH_OK) {
        tell(loader, loader->file, line_of(value), path, reason);
    }
}

static bool has_entry(const struct troth_config_map *map, const char *name)
{
    for (uint32_t i = 0; i < map->count; i++) {
        if (strcmp(map->entries[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void read_map(struct loader *loader, yaml_document_t *document,
                     const struct troth_parameter *parameter, const yaml_node_t *node)
{
    char path[KEY_LENGTH_MAX];
    char right[256];
    char reason[TROTH_PARAMETER_REASON_LENGTH];
    if (node->type != YAML_MAPPING_NODE) {
        snprintf(reason, sizeof reason, "must be a map; expected %s",
                 troth_parameter_right(parameter, right, sizeof right));
        tell(loader, loader->file, line_of(node), parameter->key, reason);
        return;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(document, pair->value);
        if (key->type != YAML_SCALAR_NODE || !is_whole(key)) {
            tell(loader, loader->file, line_of(key), parameter->key, "a key must be text");
            continue;
        }
        snprintf(path, sizeof path, "%s.%s", parameter->key, text_of(key));
        if (has_entry(troth_parameter_map(loader->config, parameter), text_of(key))) {
            tell(loader, loader->file, line_of(key), path, "is set twice; keep one");
            continue;
        }
        set_scalar(loader, parameter, path, text_of(key), value);
    }
}

/* Returns whether some parameter's key goes on after this path and a dot. */
static bool is_group(const char *path)
{
    size_t count;
    size_t length = strlen(path);
    const struct troth_parameter *table = troth_parameters(&count);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(table[i].key, path, length) == 0 && table[i].key[length] == '.') {
            return true;
        }
    }
    return false;
}

static void read_parameter(struct loader *loader, yaml_document_t *document,
                           const struct troth_parameter *parameter, const yaml_node_t *key,
                           const yaml_node_t *value)
{
    size_t count;
    size_t row = (size_t)(parameter - troth_parameters(&count));
    if (loader->lines[row] != 0) {
        char reason[64];
        snprintf(reason, sizeof reason, "is set twice, first on line %u; keep one",
                 loader->lines[row]);
        tell(loader, loader->file, line_of(key), parameter->key, reason);
        return;
    }
    loader->lines[row] = (uint32_t)line_of(key);
    if (is_null(value)) {
        return;
    }
    if (parameter->type == TROTH_PARAMETER_MAP) {
        read_map(loader, document, parameter, value);
    } else {
        set_scalar(loader, parameter, parameter->key, NULL, value);
    }
}

/* Reads the keys of the top level, or of a group below it (in `group`, else NULL). */
static void read_keys(struct loader *loader, yaml_document_t *document, const yaml_node_t *node,
                      const char *group)
{
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(document, pair->value);
        if (key->type != YAML_SCALAR_NODE || !is_whole(key)) {
            tell(loader, loader->file, line_of(key), "", "a key must be text");
            continue;
        }
        char path[KEY_LENGTH_MAX];
        snprintf(path, sizeof path, "%s%s%s", group != NULL ? group : "", group != NULL ? "." : "",
                 text_of(key));
        const struct troth_parameter *parameter = troth_parameter_find(path, strlen(path));
        if (parameter != NULL && strcmp(parameter->key, path) == 0) {
            read_parameter(loader, document, parameter, key, value);
        } else if (group == NULL && is_group(path) && value->type == YAML_MAPPING_NODE) {
            read_keys(loader, document, value, path);
        } else if (group == NULL && is_group(path) && is_null(value)) {
            continue;
        } else if (group == NULL && is_group(path)) {
            tell(loader, loader->file, line_of(value), path, "must be a map of keys");
        } else {
            tell_unknown(loader, loader->file, line_of(key), path);
        }
    }
}

static void read_document(struct loader *loader, const char *text, size_t length)
{
    yaml_parser_t parser;
    yaml_document_t document;
    TROTH_ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    if (!yaml_parser_load(&parser, &document)) {
        char reason[256];
        snprintf(reason, sizeof reason, "is not YAML: %s%s%s",
                 parser.context != NULL ? parser.context : "", parser.context != NULL ? ", " : "",
                 parser.problem != NULL ? parser.problem : "it cannot be read");
        tell(loader, loader->file, parser.problem_mark.line + 1, "", reason);
        yaml_parser_delete(&parser);
        return;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    if (root != NULL && root->type == YAML_MAPPING_NODE) {
        read_keys(loader, &document, root, NULL);
    } else if (root != NULL && !is_null(root)) {
        tell(loader, loader->file, line_of(root), "", "must be a map of keys, as `prefix: troth`");
    }
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
}

static troth_status read_file(struct loader *loader, const char *path, bool may_be_absent)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        if (may_be_absent && errno == ENOENT) {
            return TROTH_OK;
        }
        troth_message_error("%s: cannot be read: %s", path, strerror(errno));
        return TROTH_NOT_FOUND;
    }
    troth_status status = TROTH_NO_MEMORY;
    loader->config->file = strdup(path);
    char *text = malloc(TROTH_CONFIG_FILE_LENGTH_MAX + 1);
    if (text == NULL || loader->config->file == NULL) {
        goto out;
    }
    size_t length = fread(text, 1, TROTH_CONFIG_FILE_LENGTH_MAX + 1, file);
    if (ferror(file)) {
        troth_message_error("%s: cannot be read: %s", path, strerror(errno));
        status = TROTH_NOT_FOUND;
    } else if (length > TROTH_CONFIG_FILE_LENGTH_MAX) {
        troth_message_error("%s: is too long; at most %d bytes", path,
                            TROTH_CONFIG_FILE_LENGTH_MAX);
        status = TROTH_INVALID;
    } else {
        loader->file = loader->config->file;
        read_document(loader, text, length);
        status = TROTH_OK;
    }
out:
    free(text);
    fclose(file);
    return status;
}

/* The environment and the flags. */

static void set_from(struct loader *loader, const char *where,
                     const struct troth_parameter *parameter, const char *entry, const char *value,
                     enum troth_config_source source)
{
    char reason[TROTH_PARAMETER_REASON_LENGTH];
    troth_status status =
        troth_parameter_set(loader->config, parameter, entry, value, source, reason);
    if (status != TROTH_OK) {
        tell(loader, where, 0, entry != NULL ? entry : "", reason);
    }
}

/* Returns the map parameter whose name, with an underscore, begins a variable's name. Out entry:
 * the rest, as librdkafka writes it. */
static const struct troth_parameter *find_entry(const char *name, char *entry, size_t capacity)
{
    size_t count;
    const struct troth_parameter *table = troth_parameters(&count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(table[i].key);
        if (table[i].type != TROTH_PARAMETER_MAP || strlen(name) <= length + 1 ||
            name[length] != '_' || troth_parameter_find(name, length) != &table[i]) {
            continue;
        }
        snprintf(entry, capacity, "%s", name + length + 1);
        for (char *at = entry; *at != '\0'; at++) {
            *at = *at == '_' ? '.' : (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
        }
        return &table[i];
    }
    return NULL;
}

static void read_variable(struct loader *loader, const char *variable)
{
    const char *equals = strchr(variable, '=');
    size_t prefix = sizeof variable_prefix - 1;
    if (equals == NULL || strncmp(variable, variable_prefix, prefix) != 0) {
        return;
    }
    char where[KEY_LENGTH_MAX];
    char entry[KEY_LENGTH_MAX];
    snprintf(where, sizeof where, "%.*s", (int)(equals - variable), variable);
    const char *name = where + prefix;
    if (strcmp(name, "CONFIG") == 0) {
        return;
    }
    const struct troth_parameter *parameter = troth_parameter_find(name, strlen(name));
    if (parameter != NULL && parameter->type == TROTH_PARAMETER_MAP) {
        tell(loader, where, 0, "", "names a map; set one entry, as TROTH_KAFKA_BOOTSTRAP_SERVERS");
    } else if (parameter != NULL) {
        set_from(loader, where, parameter, NULL, equals + 1, TROTH_CONFIG_ENVIRONMENT);
    } else if ((parameter = find_entry(name, entry, sizeof entry)) != NULL) {
        set_from(loader, where, parameter, entry, equals + 1, TROTH_CONFIG_ENVIRONMENT);
    } else if (troth_parameter_nearest(name) != NULL) {
        /* Other programs may own other TROTH_ names, so only what looks like a slip is told. */
        troth_message_warn("%s: is no parameter and is ignored; did you mean %s?", where,
                           troth_parameter_nearest(name));
    }
}

static void read_flag(struct loader *loader, const struct troth_config_flag *flag)
{
    char where[KEY_LENGTH_MAX];
    char entry[KEY_LENGTH_MAX];
    snprintf(where, sizeof where, "--%s", flag->name);
    bool is_bootstrap = strcmp(flag->name, "bootstrap") == 0;
    const char *key = is_bootstrap ? "kafka" : flag->name;
    const struct troth_parameter *parameter = troth_parameter_find(key, strlen(key));
    if (parameter == NULL) {
        tell_unknown(loader, where, 0, "");
        return;
    }
    if (parameter->type != TROTH_PARAMETER_MAP) {
        set_from(loader, where, parameter, NULL, flag->value, TROTH_CONFIG_FLAG);
        return;
    }
    if (is_bootstrap) {
        set_from(loader, where, parameter, "bootstrap.servers", flag->value, TROTH_CONFIG_FLAG);
        return;
    }
    const char *equals = strchr(flag->value, '=');
    if (equals == NULL || equals == flag->value || (size_t)(equals - flag->value) >= sizeof entry) {
        tell(loader, where, 0, "", "expected NAME=VALUE, as --kafka bootstrap.servers=HOST:PORT");
        return;
    }
    snprintf(entry, sizeof entry, "%.*s", (int)(equals - flag->value), flag->value);
    if (troth_kafka_property_is_secret(entry)) {
        tell(loader, where, 0, entry,
             "is a secret, and every user of this machine can read a command line; set it in the "
             "file or in the environment (TROTH_KAFKA_SASL_PASSWORD for sasl.password)");
        return;
    }
    set_from(loader, where, parameter, entry, equals + 1, TROTH_CONFIG_FLAG);
}

/* Putting it together. */

static void set_defaults(struct loader *loader)
{
    size_t count;
    const struct troth_parameter *table = troth_parameters(&count);
    for (size_t i = 0; i < count; i++) {
        if (table[i].type != TROTH_PARAMETER_MAP) {
            char reason[TROTH_PARAMETER_REASON_LENGTH];
            troth_status status = troth_parameter_set(
                loader->config, &table[i], NULL, table[i].initial, TROTH_CONFIG_DEFAULT, reason);
            TROTH_ASSERT(status == TROTH_OK);
        }
    }
}

static void replace_empty(char **text, const char *with)
{
    if ((*text)[0] == '\0') {
        free(*text);
        *text = strdup(with);
        TROTH_ASSERT(*text != NULL);
    }
}

static const char *find_variable(char **environment, const char *name)
{
    size_t length = strlen(name);
    for (char **at = environment; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=' && (*at)[length + 1] != '\0') {
            return *at + length + 1;
        }
    }
    return NULL;
}

troth_status troth_config_load(struct troth_config *config,
                               const struct troth_config_request *request)
{
    memset(config, 0, sizeof *config);
    struct loader loader = {.config = config};
    set_defaults(&loader);
    const char *path =
        request->file != NULL ? request->file : find_variable(request->environment, "TROTH_CONFIG");
    troth_status status = read_file(&loader, path != NULL ? path : "troth.yaml", path == NULL);
    if (status != TROTH_OK) {
        return status;
    }
    for (char **at = request->environment; at != NULL && *at != NULL; at++) {
        read_variable(&loader, *at);
    }
    for (size_t i = 0; i < request->flag_count; i++) {
        read_flag(&loader, &request->flags[i]);
    }
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    replace_empty(&config->group, config->prefix);
    replace_empty(&config->instance, host);
    if (loader.problems > PROBLEMS_TOLD_MAX) {
        troth_message_error("and %u more", loader.problems - PROBLEMS_TOLD_MAX);
    }
    return loader.problems == 0 ? TROTH_OK : TROTH_INVALID;
}

void troth_config_fini(struct troth_config *config)
{
    size_t count;
    const struct troth_parameter *table = troth_parameters(&count);
    for (size_t i = 0; i < count; i++) {
        if (table[i].type == TROTH_PARAMETER_TEXT) {
            free(*troth_parameter_text(config, &table[i]));
        } else if (table[i].type == TROTH_PARAMETER_MAP) {
            struct troth_config_map *map = troth_parameter_map(config, &table[i]);
            for (uint32_t e = 0; e < map->count; e++) {
                free(map->entries[e].name);
                free(map->entries[e].value);
            }
        }
    }
    free(config->file);
    memset(config, 0, sizeof *config);
}

bool troth_config_is_flag(const char *name, size_t length)
{
    static const char bootstrap[] = "bootstrap";
    return troth_parameter_find(name, length) != NULL ||
           (length == sizeof bootstrap - 1 && memcmp(name, bootstrap, length) == 0);
}

const char *troth_config_kafka(const struct troth_config *config, const char *name)
{
    for (uint32_t i = 0; i < config->kafka.count; i++) {
        if (strcmp(config->kafka.entries[i].name, name) == 0) {
            return config->kafka.entries[i].value;
        }
    }
    return NULL;
}

const char *troth_config_topic(const struct troth_config *config, const char *suffix, char *buffer,
                               size_t capacity)
{
    int length = snprintf(buffer, capacity, "%s.%s", config->prefix, suffix);
    TROTH_ASSERT(length > 0 && (size_t)length < capacity);
    return buffer;
}

/* Reads the first line of a file that holds a secret. In key: of the parameter that names it. */
static troth_status read_secret(const char *key, const char *path, const char *what, char **secret)
{
    if (path[0] == '\0') {
        *secret = NULL;
        return TROTH_OK;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        troth_message_error("%s: %s: cannot be read: %s", key, path, strerror(errno));
        return TROTH_NOT_FOUND;
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = getline(&line, &capacity, file);
    fclose(file);
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
        line[--length] = '\0';
    }
    if (length <= 0) {
        free(line);
        troth_message_error("%s: %s: is empty; its first line is %s", key, path, what);
        return TROTH_NOT_FOUND;
    }
    *secret = line;
    return TROTH_OK;
}

troth_status troth_config_redis_password(const struct troth_config *config, char **password)
{
    return read_secret("redis.password_file", config->redis_password_file, "the password",
                       password);
}

troth_status troth_config_alertmanager_authorization(const struct troth_config *config,
                                                     char **authorization)
{
    return read_secret("alertmanager.authorization_file", config->alertmanager_authorization_file,
                       "what the Authorization header says, as `Bearer TOKEN`", authorization);
}
