#include "ops/contract_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/message.h"

/* Reads a whole file, at most limit bytes. Returns it, to be freed, or NULL with errno set. */
static char *read_file(const char *path, size_t limit, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(limit + 1);
    if (file == NULL || text == NULL) {
        free(text);
        if (file != NULL) {
            fclose(file);
        }
        return NULL;
    }
    *length = fread(text, 1, limit + 1, file);
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (failed || *length > limit) {
        errno = failed ? EIO : EFBIG;
        free(text);
        return NULL;
    }
    return text;
}

static void tell_problems(const char *path, const struct troth_problems *problems)
{
    const uint32_t kept =
        problems->count < TROTH_PROBLEMS_MAX ? problems->count : TROTH_PROBLEMS_MAX;
    for (uint32_t i = 0; i < kept; i++) {
        const struct troth_problem *p = &problems->items[i];
        troth_message_error("%s:%u:%u: %s%s%s", path, p->line, p->column, p->key,
                            p->key[0] != '\0' ? ": " : "", p->text);
    }
    if (problems->count > kept) {
        troth_message_error("%s: and %u more", path, problems->count - kept);
    }
}

static troth_status add_file(struct troth_contract_files *files, const char *path)
{
    if (files->count == TROTH_CONTRACT_FILES_MAX) {
        troth_message_error("%s: more than %d contracts; name fewer", path,
                            TROTH_CONTRACT_FILES_MAX);
        return TROTH_FULL;
    }
    size_t length = 0;
    char *text = read_file(path, TROTH_CONTRACT_LENGTH_MAX, &length);
    if (text == NULL) {
        troth_message_error("%s: %s", path, strerror(errno));
        return TROTH_NOT_FOUND;
    }
    struct troth_contract_file *file = calloc(1, sizeof *file);
    struct troth_problems *problems = calloc(1, sizeof *problems);
    troth_status status = TROTH_NO_MEMORY;
    if (file != NULL && problems != NULL && (file->path = strdup(path)) != NULL) {
        status = troth_contract_parse(text, length, &file->contract, problems);
        if (status == TROTH_INVALID) {
            tell_problems(path, problems);
        }
    }
    for (size_t i = 0; i < files->count && status == TROTH_OK; i++) {
        if (strcmp(files->files[i]->contract.name, file->contract.name) == 0) {
            troth_message_error("%s: contract %s is in %s too; keep one version of each", path,
                                file->contract.name, files->files[i]->path);
            status = TROTH_INVALID;
        }
    }
    if (status == TROTH_OK) {
        files->files[files->count++] = file;
    } else if (file != NULL) {
        free(file->path);
        free(file);
    }
    free(problems);
    free(text);
    return status;
}

static int is_contract(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && entry->d_name[0] != '.' &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

troth_status troth_contract_files_add(struct troth_contract_files *files, const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        troth_message_error("%s: %s", path, strerror(errno));
        return TROTH_NOT_FOUND;
    }
    if (!S_ISDIR(about.st_mode)) {
        return add_file(files, path);
    }
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, is_contract, by_bytes);
    troth_status worst = TROTH_OK;
    if (count <= 0) {
        troth_message_error("%s: no *.yaml or *.json in it; name a directory of contracts", path);
        worst = TROTH_NOT_FOUND;
    }
    for (int i = 0; i < count; i++) {
        char full[4096];
        const int length = snprintf(full, sizeof full, "%s/%s", path, entries[i]->d_name);
        const troth_status status =
            length > 0 && (size_t)length < sizeof full ? add_file(files, full) : TROTH_FULL;
        worst = worst == TROTH_OK ? status : worst;
        free(entries[i]);
    }
    free(entries);
    return worst;
}

void troth_contract_files_fini(struct troth_contract_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i]->path);
        free(files->files[i]);
    }
    files->count = 0;
}
