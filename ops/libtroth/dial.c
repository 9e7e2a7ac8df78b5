#include "ops/libtroth/dial.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PASSWORD_MAX = 1024,
    HOST_MAX = 256,
    PREFIX_MAX = 128,
    ADDRESS_MAX = 512,
    TIMEOUT_LEAST_US = 1000
};

#define TIMEOUT_MOST_US  INT64_C(60000000)
#define OPEN_FOR_MOST_US INT64_C(604800000000)

static const char unix_scheme[] = "unix:";

/* ---- options ---- */

/* Splits HOST:PORT or [IPV6]:PORT. Returns the port, or -1. */
static int parse_address(const char *address, char host[HOST_MAX])
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address) {
        return -1;
    }
    const size_t bracket = address[0] == '[' && colon[-1] == ']' ? 1 : 0;
    const size_t length = (size_t)(colon - address) - bracket - bracket;
    char *end = NULL;
    const long port = strtol(colon + 1, &end, 10);
    if (length == 0 || length >= HOST_MAX || colon[1] < '0' || colon[1] > '9' || *end != '\0' ||
        port < 1 || port > 65535) {
        return -1;
    }
    memcpy(host, address + bracket, length);
    host[length] = '\0';
    return (int)port;
}

static bool is_unix(const char *address)
{
    return strncmp(address, unix_scheme, sizeof unix_scheme - 1) == 0;
}

static bool is_address(const char *address)
{
    char host[HOST_MAX];
    return address != NULL && strnlen(address, ADDRESS_MAX) < ADDRESS_MAX &&
           (is_unix(address) ? address[sizeof unix_scheme - 1] != '\0'
                             : parse_address(address, host) > 0);
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *credentials_problem(const struct troth_client_options *options)
{
    if (is_given(options->password) && is_given(options->password_file)) {
        return "password and password_file are both set; set one of them";
    }
    if (is_given(options->user) && !is_given(options->password) &&
        !is_given(options->password_file)) {
        return "user is set, but neither password nor password_file";
    }
    if (is_given(options->password) && strlen(options->password) >= PASSWORD_MAX) {
        return "password is too long; at most 1,023 bytes";
    }
    return NULL;
}

static const char *options_problem(const struct troth_client_options *options)
{
    if (options == NULL) {
        return "there are no options; begin with troth_client_options_init";
    }
    if (!is_address(options->address)) {
        return "address is not HOST:PORT, [IPV6]:PORT or unix:PATH";
    }
    if (options->database < 0) {
        return "database is negative; give its number, 0 or more";
    }
    if (!is_given(options->prefix) || strlen(options->prefix) > PREFIX_MAX) {
        return "prefix must have 1 to 128 bytes, as troth";
    }
    if (options->timeout_us < TIMEOUT_LEAST_US || options->timeout_us > TIMEOUT_MOST_US) {
        return "timeout_us must be 1,000 to 60,000,000 microseconds";
    }
    if (options->open_for_us < 0 || options->open_for_us > OPEN_FOR_MOST_US) {
        return "open_for_us must be 0 to 604,800,000,000 microseconds (a week)";
    }
    if (options->agents_max < 1 || options->agents_max > TROTH_CLIENT_AGENTS_LIMIT) {
        return "agents_max must be 1 to 1,048,576";
    }
    if (options->capabilities_max < 1 ||
        options->capabilities_max > TROTH_CLIENT_CAPABILITIES_LIMIT) {
        return "capabilities_max must be 1 to 1,024";
    }
    return credentials_problem(options);
}

bool troth_dial_check(const struct troth_client_options *options,
                      char problem[TROTH_CLIENT_PROBLEM_MAX])
{
    const char *found = options_problem(options);
    snprintf(problem, TROTH_CLIENT_PROBLEM_MAX, "%s", found != NULL ? found : "");
    return found == NULL;
}

/* ---- the greeting ---- */

struct greeting {
    const struct troth_client_options *options;
    redisContext *context;
    char *problem;
};

/* Says one thing. In what: for the problem, with what mends a refusal. Returns the reply, the
 * caller's to free, or NULL with status. */
static redisReply *say(const struct greeting *greeting, int count, const char **words,
                       const size_t *lengths, const char *what, enum troth_client_status *status)
{
    redisContext *context = greeting->context;
    redisReply *reply = redisCommandArgv(context, count, words, lengths);
    *status = TROTH_CLIENT_OK;
    if (reply == NULL) {
        snprintf(greeting->problem, TROTH_CLIENT_PROBLEM_MAX, "Redis at %s: no answer to %s: %s",
                 greeting->options->address, what, context->errstr);
        *status = TROTH_CLIENT_UNREACHABLE;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(greeting->problem, TROTH_CLIENT_PROBLEM_MAX, "Redis at %s refuses %s: %s",
                 greeting->options->address, what, reply->str);
        /* A server that still loads its data says so to everything: that passes. */
        const bool passes = strncmp(reply->str, "LOADING", 7) == 0;
        *status = passes ? TROTH_CLIENT_UNREACHABLE : TROTH_CLIENT_REFUSED;
        freeReplyObject(reply);
        reply = NULL;
    }
    return reply;
}

static enum troth_client_status say_words(const struct greeting *greeting, int count,
                                          const char **words, const char *what)
{
    size_t lengths[8];
    for (int i = 0; i < count; i++) {
        lengths[i] = strlen(words[i]);
    }
    enum troth_client_status status = TROTH_CLIENT_OK;
    freeReplyObject(say(greeting, count, words, lengths, what, &status));
    return status;
}

/* Out password: the file's first line. Returns its length, or -1. */
static ssize_t read_password(const char *path, char password[PASSWORD_MAX])
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return -1;
    }
    const ssize_t length = read(file, password, PASSWORD_MAX - 1);
    close(file);
    if (length <= 0) {
        return -1;
    }
    password[length] = '\0';
    password[strcspn(password, "\r\n")] = '\0';
    return (ssize_t)strlen(password);
}

static enum troth_client_status authenticate(const struct greeting *greeting)
{
    const struct troth_client_options *options = greeting->options;
    char password[PASSWORD_MAX];
    if (is_given(options->password_file)) {
        if (read_password(options->password_file, password) <= 0) {
            snprintf(greeting->problem, TROTH_CLIENT_PROBLEM_MAX,
                     "password_file %s cannot be read or is empty", options->password_file);
            return TROTH_CLIENT_REFUSED;
        }
    } else if (is_given(options->password)) {
        snprintf(password, sizeof password, "%s", options->password);
    } else {
        return TROTH_CLIENT_OK;
    }
    const bool named = is_given(options->user);
    const char *words[] = {"AUTH", named ? options->user : password, password};
    const enum troth_client_status status =
        say_words(greeting, named ? 3 : 2, words, "the user or password");
    explicit_bzero(password, sizeof password);
    return status;
}

static enum troth_client_status select_database(const struct greeting *greeting)
{
    if (greeting->options->database == 0) {
        return TROTH_CLIENT_OK;
    }
    char number[16];
    snprintf(number, sizeof number, "%d", greeting->options->database);
    const char *words[] = {"SELECT", number};
    return say_words(greeting, 2, words, "the database");
}

static redisContext *reach(const struct troth_client_options *options)
{
    const struct timeval timeout = {.tv_sec = options->timeout_us / 1000000,
                                    .tv_usec = options->timeout_us % 1000000};
    char host[HOST_MAX];
    redisContext *context =
        is_unix(options->address)
            ? redisConnectUnixWithTimeout(options->address + sizeof unix_scheme - 1, timeout)
            : redisConnectWithTimeout(host, parse_address(options->address, host), timeout);
    if (context != NULL && context->err == 0) {
        (void)redisSetTimeout(context, timeout);
        (void)fcntl(context->fd, F_SETFD, FD_CLOEXEC);
        const int on = 1;
        if (context->connection_type == REDIS_CONN_TCP) {
            (void)setsockopt(context->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
    return context;
}

static enum troth_client_status connect_one(const struct troth_client_options *options,
                                            redisContext **context, char *problem)
{
    *context = reach(options);
    if (*context == NULL) {
        snprintf(problem, TROTH_CLIENT_PROBLEM_MAX, "no memory for a connection");
        return TROTH_CLIENT_NO_MEMORY;
    }
    if ((*context)->err != 0) {
        snprintf(problem, TROTH_CLIENT_PROBLEM_MAX,
                 "Redis at %s cannot be reached: %s; is it running, and is the address right?",
                 options->address, (*context)->errstr);
        return TROTH_CLIENT_UNREACHABLE;
    }
    const struct greeting greeting = {options, *context, problem};
    const enum troth_client_status status = authenticate(&greeting);
    return status == TROTH_CLIENT_OK ? select_database(&greeting) : status;
}

/* ---- both ---- */

static const char rights[] = "(the rights that a router needs stand in schemas/redis.md)";

/* Subscribes. Out id: of the connection, in text. */
static enum troth_client_status listen_on(const struct greeting *greeting, char id[24])
{
    enum troth_client_status status = TROTH_CLIENT_OK;
    char what[128];
    snprintf(what, sizeof what, "CLIENT ID %s", rights);
    const char *ask[] = {"CLIENT", "ID"};
    const size_t lengths[] = {6, 2};
    redisReply *reply = say(greeting, 2, ask, lengths, what, &status);
    if (reply == NULL) {
        return status;
    }
    snprintf(id, 24, "%lld", reply->integer);
    freeReplyObject(reply);
    char narrowed[PREFIX_MAX + 16];
    snprintf(narrowed, sizeof narrowed, "%s:narrowed", greeting->options->prefix);
    const char *const channels[] = {"__redis__:invalidate", narrowed};
    for (unsigned i = 0; i < 2 && status == TROTH_CLIENT_OK; i++) {
        snprintf(what, sizeof what, "SUBSCRIBE %.24s %s", channels[i], rights);
        const char *words[] = {"SUBSCRIBE", channels[i]};
        status = say_words(greeting, 2, words, what);
    }
    return status;
}

static enum troth_client_status track(const struct greeting *greeting, const char *id)
{
    char what[128];
    snprintf(what, sizeof what, "CLIENT TRACKING %s", rights);
    const char *words[] = {"CLIENT", "TRACKING", "ON", "REDIRECT", id};
    return say_words(greeting, 5, words, what);
}

static void stop_blocking(redisContext *context)
{
    (void)fcntl(context->fd, F_SETFL, fcntl(context->fd, F_GETFL) | O_NONBLOCK);
    context->flags &= ~REDIS_BLOCK;
}

enum troth_client_status troth_dial_open(const struct troth_client_options *options,
                                         struct troth_dial *dial,
                                         char problem[TROTH_CLIENT_PROBLEM_MAX])
{
    struct troth_dial made = {0};
    char id[24];
    enum troth_client_status status = connect_one(options, &made.heard, problem);
    if (status == TROTH_CLIENT_OK) {
        status = connect_one(options, &made.data, problem);
    }
    if (status == TROTH_CLIENT_OK) {
        status = listen_on(&(struct greeting){options, made.heard, problem}, id);
    }
    if (status == TROTH_CLIENT_OK) {
        status = track(&(struct greeting){options, made.data, problem}, id);
    }
    if (status != TROTH_CLIENT_OK) {
        troth_dial_close(&made);
        return status;
    }
    stop_blocking(made.heard);
    stop_blocking(made.data);
    *dial = made;
    return TROTH_CLIENT_OK;
}

void troth_dial_close(struct troth_dial *dial)
{
    redisFree(dial->data); /* NULL is nothing */
    redisFree(dial->heard);
    *dial = (struct troth_dial){0};
}
