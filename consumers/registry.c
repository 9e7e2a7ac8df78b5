#include "consumers/registry.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/contract_loosen.h"

struct version {
    int64_t offset;
    int64_t time_us;
    bool put;        /* in force, by a record `contract` */
    int64_t put_us;  /* the time of the first that did */
    int64_t put_gap; /* the last missing offset between the `contract` record before and that one */
    struct troth_contract contract;
    struct troth_rules rules;
};

struct troth_registry {
    struct version *versions[TROTH_VERSIONS_MAX];
    size_t version_count;
    struct troth_in_force in_force[TROTH_CONTRACTS_MAX];
    size_t in_force_count;
    int64_t next; /* one past the last record */
    int64_t gap;  /* the last offset before it without a record */
    struct troth_signing signing;
    struct troth_signers signers; /* of the record that is taken */
};

struct troth_registry *troth_registry_create(void)
{
    struct troth_registry *registry = calloc(1, sizeof *registry);
    if (registry != NULL) {
        registry->gap = -1;
        registry->signers.distrust = TROTH_DISTRUST_COUNT;
    }
    return registry;
}

void troth_registry_destroy(struct troth_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    for (size_t i = 0; i < registry->version_count; i++) {
        free(registry->versions[i]);
    }
    free(registry);
}

void troth_registry_ask(struct troth_registry *registry, const struct troth_signing *signing)
{
    registry->signing = *signing;
}

enum troth_distrust troth_registry_distrust(const struct troth_registry *registry)
{
    return registry->signers.distrust;
}

static struct version *find_version(const struct troth_registry *registry, const char *name,
                                    int64_t number)
{
    for (size_t i = 0; i < registry->version_count; i++) {
        struct version *version = registry->versions[i];
        if (version->contract.version == number && strcmp(version->contract.name, name) == 0) {
            return version;
        }
    }
    return NULL;
}

static struct troth_in_force *find_in_force(struct troth_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->in_force_count; i++) {
        if (strcmp(registry->in_force[i].name, name) == 0) {
            return &registry->in_force[i];
        }
    }
    return NULL;
}

/* Reads a whole positive number of at most 18 digits. Returns 0 where it is none. */
static int64_t read_version(const char *text, size_t length)
{
    int64_t number = 0;
    if (length == 0 || length > 18) {
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* Returns the highest version of a contract that was taken, or NULL. */
static const struct version *find_highest(const struct troth_registry *registry, const char *name)
{
    const struct version *highest = NULL;
    for (size_t i = 0; i < registry->version_count; i++) {
        const struct version *version = registry->versions[i];
        if (strcmp(version->contract.name, name) == 0 &&
            (highest == NULL || version->contract.version > highest->contract.version)) {
            highest = version;
        }
    }
    return highest;
}

/* Judges what a signed version changes. Each is held against the one before it, in force or not, so
 * that two authors stand behind every loosening on the way from the first to the last. */
static troth_status judge_change(struct troth_registry *registry,
                                 const struct troth_contract *contract,
                                 char reason[TROTH_REASON_LENGTH])
{
    char key[TROTH_LOOSENED_LENGTH];
    const struct version *highest = find_highest(registry, contract->name);
    if (highest == NULL) {
        return TROTH_OK;
    }
    if (contract->version < highest->contract.version) {
        snprintf(reason, TROTH_REASON_LENGTH,
                 "version %lld is lower than %lld, which is there already; push a higher one",
                 (long long)contract->version, (long long)highest->contract.version);
        return TROTH_INVALID;
    }
    const bool high = contract->consequence == TROTH_CONSEQUENCE_HIGH ||
                      highest->contract.consequence == TROTH_CONSEQUENCE_HIGH;
    if (!high || registry->signers.persons >= 2 ||
        !troth_contract_loosens(&highest->contract, contract, key)) {
        return TROTH_OK;
    }
    const troth_status status = troth_signed_distrust(
        &registry->signers, TROTH_DISTRUST_SECOND_KEY,
        "it may be looser than version %lld, and its consequence is high (%s)",
        (long long)highest->contract.version, key);
    snprintf(reason, TROTH_REASON_LENGTH, "%s", registry->signers.reason);
    return status;
}

/* `contract@version`: the document. */
static troth_status take_version(struct troth_registry *registry,
                                 const struct troth_control_record *record, const char *name,
                                 int64_t number, char reason[TROTH_REASON_LENGTH])
{
    if (registry->version_count == TROTH_VERSIONS_MAX) {
        snprintf(reason, TROTH_REASON_LENGTH,
                 "more than %d versions; delete old ones by tombstones", TROTH_VERSIONS_MAX);
        return TROTH_FULL;
    }
    struct version *version = calloc(1, sizeof *version);
    struct troth_problems *problems = malloc(sizeof *problems);
    troth_status status = version != NULL && problems != NULL
                              ? troth_contract_parse(record->value, record->value_length,
                                                     &version->contract, problems)
                              : TROTH_NO_MEMORY;
    if (status == TROTH_INVALID) {
        const struct troth_problem *p = &problems->items[0];
        snprintf(reason, TROTH_REASON_LENGTH, "line %u%s%.100s: %.300s", p->line,
                 p->key[0] != '\0' ? ", " : "", p->key, p->text);
    } else if (status != TROTH_OK) {
        snprintf(reason, TROTH_REASON_LENGTH, "%s", troth_status_meaning(status));
    } else if (strcmp(version->contract.name, name) != 0 || version->contract.version != number) {
        snprintf(reason, TROTH_REASON_LENGTH, "it holds %s@%lld; key and contract must agree",
                 version->contract.name, (long long)version->contract.version);
        status = TROTH_INVALID;
    } else if (registry->signers.count > 0) {
        status = judge_change(registry, &version->contract, reason);
    }
    free(problems);
    if (status != TROTH_OK) {
        free(version);
        return status;
    }
    version->offset = record->offset;
    version->time_us = record->time_us;
    troth_rules_init(&version->rules, &version->contract);
    registry->versions[registry->version_count++] = version;
    return TROTH_OK;
}

/* `contract`: which version is in force. */
static troth_status take_in_force(struct troth_registry *registry,
                                  const struct troth_control_record *record, const char *name,
                                  int64_t number, char reason[TROTH_REASON_LENGTH])
{
    struct version *version = find_version(registry, name, number);
    struct troth_in_force *in_force = find_in_force(registry, name);
    if (in_force != NULL && number < in_force->version) {
        snprintf(reason, TROTH_REASON_LENGTH,
                 "version %lld is lower than %lld, which is in force; push a higher one",
                 (long long)number, (long long)in_force->version);
        return TROTH_INVALID;
    }
    if (version == NULL) {
        snprintf(reason, TROTH_REASON_LENGTH, "there is no usable %s@%lld; push it again", name,
                 (long long)number);
        return TROTH_INVALID;
    }
    if (in_force == NULL) {
        if (registry->in_force_count == TROTH_CONTRACTS_MAX) {
            snprintf(reason, TROTH_REASON_LENGTH, "more than %d contracts in force",
                     TROTH_CONTRACTS_MAX);
            return TROTH_FULL;
        }
        in_force = &registry->in_force[registry->in_force_count++];
        snprintf(in_force->name, sizeof in_force->name, "%s", name);
        in_force->put_offset = -1;
    }
    if (!version->put) {
        version->put = true;
        version->put_us = record->time_us;
        version->put_gap = registry->gap > in_force->put_offset ? registry->gap : -1;
    }
    in_force->version = number;
    in_force->offset = version->offset;
    in_force->put_offset = record->offset;
    return TROTH_OK;
}

/* Whether the bytes are a contract's name: [a-z0-9][a-z0-9._-]{0,62}. */
static bool is_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const char c = name[i];
        const bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!first && (i == 0 || (c != '.' && c != '_' && c != '-'))) {
            return false;
        }
    }
    return length >= 1 && length <= TROTH_NAME_LENGTH_MAX;
}

/* Books that a record stands at an offset, and that none stands between it and the one before. */
static void note_offset(struct troth_registry *registry, int64_t offset)
{
    if (offset > registry->next) {
        registry->gap = offset - 1;
    }
    if (offset >= registry->next) {
        registry->next = offset + 1;
    }
}

troth_status troth_registry_take(struct troth_registry *registry,
                                 const struct troth_control_record *record,
                                 char reason[TROTH_REASON_LENGTH])
{
    char name[TROTH_NAME_LENGTH_MAX + 1];
    const char *key = record->key;
    const char *at = key != NULL ? memchr(key, '@', record->key_length) : NULL;
    const size_t name_length = at != NULL ? (size_t)(at - key) : record->key_length;
    reason[0] = '\0';
    registry->signers = (struct troth_signers){.distrust = TROTH_DISTRUST_COUNT};
    note_offset(registry, record->offset);
    if (key == NULL || !is_name(key, name_length)) {
        snprintf(reason, TROTH_REASON_LENGTH, "the key must be CONTRACT or CONTRACT@VERSION");
        return TROTH_INVALID;
    }
    memcpy(name, key, name_length);
    name[name_length] = '\0';
    if (record->value == NULL) {
        return TROTH_OK; /* a version that nobody needs any more; shards that run it keep it */
    }
    if (troth_signed_is_asked(&registry->signing, TROTH_ROLE_AUTHOR, record->time_us)) {
        const troth_status status = troth_signed_judge(registry->signing.trust, TROTH_ROLE_AUTHOR,
                                                       record, &registry->signers);
        if (status != TROTH_OK) {
            snprintf(reason, TROTH_REASON_LENGTH, "%s",
                     status == TROTH_REFUSED ? registry->signers.reason
                                             : troth_status_meaning(status));
            return status;
        }
    }
    if (at == NULL) {
        const int64_t number = read_version(record->value, record->value_length);
        if (number == 0) {
            snprintf(reason, TROTH_REASON_LENGTH, "the value of %s must be the number of a version",
                     name);
            return TROTH_INVALID;
        }
        return take_in_force(registry, record, name, number, reason);
    }
    const int64_t number = read_version(at + 1, record->key_length - name_length - 1);
    const struct version *known = number > 0 ? find_version(registry, name, number) : NULL;
    if (known != NULL) {
        snprintf(reason, TROTH_REASON_LENGTH,
                 "%s@%lld is already there, at offset %lld; push a higher version", name,
                 (long long)number, (long long)known->offset);
        return TROTH_INVALID;
    }
    return take_version(registry, record, name, number, reason);
}

static const struct version *version_at(const struct troth_registry *registry, int64_t offset)
{
    for (size_t i = 0; i < registry->version_count; i++) {
        if (registry->versions[i]->offset == offset) {
            return registry->versions[i];
        }
    }
    return NULL;
}

const struct troth_rules *troth_registry_at(const struct troth_registry *registry, int64_t offset)
{
    const struct version *version = version_at(registry, offset);
    return version != NULL ? &version->rules : NULL;
}

const struct troth_rules *troth_registry_find(const struct troth_registry *registry,
                                              struct troth_text contract, int64_t version)
{
    for (size_t i = 0; i < registry->version_count; i++) {
        const struct version *v = registry->versions[i];
        if (v->contract.version == version && strlen(v->contract.name) == contract.length &&
            memcmp(v->contract.name, contract.data, contract.length) == 0) {
            return &v->rules;
        }
    }
    return NULL;
}

/* The lowest version, not below the given one, that is known to have been put in force: numbers
 * rise, so none was before it; NULL: none. */
static const struct version *first_put(const struct troth_registry *registry,
                                       const struct version *given)
{
    const struct version *first = NULL;
    for (size_t i = 0; i < registry->version_count; i++) {
        const struct version *version = registry->versions[i];
        if (version->put && version->contract.version >= given->contract.version &&
            strcmp(version->contract.name, given->contract.name) == 0 &&
            (first == NULL || version->contract.version < first->contract.version)) {
            first = version;
        }
    }
    return first;
}

const struct troth_rules *troth_registry_pointed(const struct troth_registry *registry,
                                                 int64_t offset, int64_t time_us)
{
    const struct version *version = version_at(registry, offset);
    const struct version *put = version != NULL ? first_put(registry, version) : NULL;
    if (put == NULL || version->time_us >= time_us ||
        (put->put_us >= time_us && put->put_gap <= version->offset)) {
        return NULL;
    }
    return &version->rules;
}

size_t troth_registry_in_force(const struct troth_registry *registry,
                               const struct troth_in_force **list)
{
    *list = registry->in_force;
    return registry->in_force_count;
}
