#include "ops/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/message.h"

/* Opens a regular file for reading, of the file itself and not of what may stand there a moment
 * later. Returns -1 (told) where it cannot be. */
static int open_file(const char *path, struct stat *info)
{
    /* A pipe without a writer must not hold us up. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, info) != 0) {
        troth_message_error("%s: cannot be read: %s", path, strerror(errno));
    } else if (!S_ISREG(info->st_mode)) {
        troth_message_error("%s: is no file with a key", path);
    } else {
        return file;
    }
    if (file >= 0) {
        close(file);
    }
    return -1;
}

/* Reads until the end or until the buffer is full. Returns how many bytes, or -1. */
static ssize_t read_all(int file, char *buffer, size_t capacity)
{
    size_t length = 0;
    while (length < capacity) {
        const ssize_t count = read(file, buffer + length, capacity - length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        length += (size_t)count;
    }
    return (ssize_t)length;
}

bool troth_keys_read_secret(const char *path, struct troth_secret_key *secret)
{
    struct stat info;
    char text[TROTH_KEY_TEXT_MAX + 1] = "";
    const int file = open_file(path, &info);
    if (file < 0) {
        return false;
    }
    const bool open_to_others = (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    const ssize_t length = open_to_others ? 0 : read_all(file, text, sizeof text - 1);
    const int failure = errno;
    close(file);
    bool good = false;
    if (open_to_others) {
        troth_message_error("%s: others than its owner may read this secret key (mode %04o); chmod "
                            "600 %s, and where others could, replace it (troth key new)",
                            path, (unsigned)(info.st_mode & 07777), path);
    } else if (length < 0) {
        troth_message_error("%s: cannot be read: %s", path, strerror(failure));
    } else if (strncmp(text, "troth-public", 12) == 0) {
        troth_message_error("%s: is a public key; signing takes the secret one", path);
    } else if (!troth_key_read_secret(text, secret)) {
        troth_message_error("%s: its first line is no secret key of Troth; make one with troth key "
                            "new --out FILE",
                            path);
    } else {
        good = true;
    }
    sodium_memzero(text, sizeof text);
    return good;
}

static bool write_all(int file, const char *text, size_t length)
{
    while (length > 0) {
        const ssize_t count = write(file, text, length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        text += count;
        length -= (size_t)count;
    }
    return true;
}

bool troth_keys_write_secret(const char *path, const struct troth_secret_key *secret)
{
    char text[TROTH_KEY_TEXT_MAX + 1];
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0 && errno == EEXIST) {
        troth_message_error("%s: is there already, and a key that is lost is lost; name another "
                            "file",
                            path);
        return false;
    }
    if (file < 0) {
        troth_message_error("%s: cannot be made: %s", path, strerror(errno));
        return false;
    }
    troth_key_write_secret(secret, text);
    const size_t length = strlen(text);
    text[length] = '\n';
    const bool written = write_all(file, text, length + 1) &&
                         fchmod(file, S_IRUSR | S_IWUSR) == 0 && fsync(file) == 0;
    sodium_memzero(text, sizeof text);
    if (!written) {
        troth_message_error("%s: cannot be written: %s", path, strerror(errno));
        (void)unlink(path);
    }
    close(file);
    return written;
}

void troth_keys_wipe(struct troth_secret_key *secret)
{
    sodium_memzero(secret, sizeof *secret);
}

bool troth_keys_read_trust(const char *path, struct troth_trust *trust)
{
    struct stat info;
    struct troth_trust_problem problem;
    const int file = open_file(path, &info);
    if (file < 0) {
        return false;
    }
    char *text = malloc(TROTH_TRUST_BYTES_MAX + 1);
    const ssize_t length = text != NULL ? read_all(file, text, TROTH_TRUST_BYTES_MAX + 1) : -1;
    const int failure = errno;
    close(file);
    bool good = false;
    if ((info.st_mode & S_IWOTH) != 0) {
        troth_message_error("%s: anybody may write this trust file; chmod o-w %s, and look at what "
                            "stands in it",
                            path, path);
    } else if (length < 0) {
        troth_message_error("%s: cannot be read: %s", path, strerror(failure));
    } else if (troth_trust_read(text, (size_t)length, trust, &problem) != TROTH_OK) {
        troth_message_error("%s:%u: %s", path, problem.line, problem.text);
    } else {
        good = true;
    }
    free(text);
    return good;
}
