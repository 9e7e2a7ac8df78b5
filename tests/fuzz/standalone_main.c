/*
 * Runs a fuzz target on files, without a fuzzer: the target's corpus as a plain test.
 *
 *     NAME_fuzz FILE|DIRECTORY...
 *
 * Every file, and every file of a directory (not of those within it), is given to
 * LLVMFuzzerTestOneInput once. Exit status 0: all ran; 2: nothing to run, or a file that cannot be
 * read. A target that finds a bug traps.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_LENGTH_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns whether the file was read and run. */
static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *input = malloc(INPUT_LENGTH_MAX);
    int ran = 0;
    if (file != NULL && input != NULL) {
        const size_t length = fread(input, 1, INPUT_LENGTH_MAX, file);
        /* A buffer of the input's own size, so that a sanitizer sees a read past its end. */
        uint8_t *exact = malloc(length > 0 ? length : 1);
        if (exact != NULL) {
            memcpy(exact, input, length);
            (void)LLVMFuzzerTestOneInput(exact, length);
            ran = 1;
        }
        free(exact);
    }
    free(input);
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!ran) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
    }
    return ran;
}

/* Runs the files of a directory. Returns how many, or -1 when one could not be. */
static int run_directory(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;
    if (directory == NULL) {
        (void)fprintf(stderr, "%s: cannot be opened\n", path);
        return -1;
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL && count >= 0;
         entry = readdir(directory)) {
        char file[4096];
        struct stat status;
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (stat(file, &status) == 0 && S_ISREG(status.st_mode)) {
            count = run_file(file) ? count + 1 : -1;
        }
    }
    (void)closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        const int is_directory = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
        const int ran = is_directory ? run_directory(argv[i]) : run_file(argv[i]) ? 1 : -1;
        if (ran < 0) {
            return 2;
        }
        count += ran;
    }
    (void)printf("%d inputs\n", count);
    return count > 0 ? 0 : 2;
}
