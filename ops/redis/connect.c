#include "ops/redis/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ops/redis/tls.h"

enum { PASSWORD_LENGTH_MAX = 1024, HOST_LENGTH_MAX = 256 };

static const char unix_scheme[] = "unix:";

struct troth_redis_config troth_redis_config_of(const struct troth_config *config)
{
    return (struct troth_redis_config){.prefix = config->prefix,
                                       .address = config->redis_address,
                                       .user = config->redis_user,
                                       .password_file = config->redis_password_file,
                                       .tls = config->redis_tls == TROTH_CONFIG_TLS_ON,
                                       .ca_file = config->redis_ca_file,
                                       .cert_file = config->redis_cert_file,
                                       .key_file = config->redis_key_file,
                                       .database = (int)config->redis_database,
                                       .stream_length = config->redis_stream_length};
}

/* Splits HOST:PORT or [IPV6]:PORT. Returns the port, or -1. */
static int parse_address(const char *address, char host[HOST_LENGTH_MAX])
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address) {
        return -1;
    }
    const bool bracketed = address[0] == '[' && colon[-1] == ']';
    const char *begin = address + (bracketed ? 1 : 0);
    const size_t length = (size_t)(colon - begin) - (bracketed ? 1 : 0);
    char *end = NULL;
    const long port = strtol(colon + 1, &end, 10);
    if (length == 0 || length >= HOST_LENGTH_MAX || end == colon + 1 || *end != '\0' || port < 1 ||
        port > 65535) {
        return -1;
    }
    memcpy(host, begin, length);
    host[length] = '\0';
    return (int)port;
}

/* Reads the file's first line. Returns its length, or -1. */
static ssize_t read_password(const char *path, char password[PASSWORD_LENGTH_MAX])
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return -1;
    }
    const ssize_t length = read(file, password, PASSWORD_LENGTH_MAX - 1);
    close(file);
    if (length <= 0) {
        return -1;
    }
    password[length] = '\0';
    return (ssize_t)strcspn(password, "\r\n");
}

/* Returns what may be the reason where somebody took the connection and says nothing. */
static const char *plain_hint(const struct troth_redis_config *config)
{
    return config->tls ? "" : "; where this is the tls-port of Redis, set redis.tls: on";
}

/* Runs one command of the greeting. */
static troth_status greet(const struct troth_redis_config *config, redisContext *context, int count,
                          const char **arguments, const size_t *lengths, const char *what,
                          char *error)
{
    redisReply *reply = redisCommandArgv(context, count, arguments, lengths);
    if (reply == NULL) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "Redis at %s: no answer to %s: %s%s",
                 config->address, what, context->errstr, plain_hint(config));
        return TROTH_UNREACHABLE;
    }
    const bool refused = reply->type == REDIS_REPLY_ERROR;
    if (refused) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "Redis at %s refuses %s: %s", config->address,
                 what, reply->str);
    }
    freeReplyObject(reply);
    return refused ? TROTH_REFUSED : TROTH_OK;
}

static troth_status authenticate(const struct troth_redis_config *config, redisContext *context,
                                 char *error)
{
    const bool named = config->user != NULL && config->user[0] != '\0';
    if (config->password_file == NULL || config->password_file[0] == '\0') {
        if (named) {
            snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                     "redis.user is %s, but redis.password_file is not set", config->user);
            return TROTH_NOT_FOUND;
        }
        return TROTH_OK;
    }
    char password[PASSWORD_LENGTH_MAX];
    const ssize_t length = read_password(config->password_file, password);
    if (length <= 0) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                 "redis.password_file %s cannot be read or is empty", config->password_file);
        return TROTH_NOT_FOUND;
    }
    const char *arguments[] = {"AUTH", named ? config->user : password, password};
    const size_t lengths[] = {4, named ? strlen(config->user) : (size_t)length, (size_t)length};
    const troth_status status =
        greet(config, context, named ? 3 : 2, arguments, lengths,
              "the user or password (redis.user, redis.password_file)", error);
    explicit_bzero(password, sizeof password);
    return status;
}

static troth_status select_database(const struct troth_redis_config *config, redisContext *context,
                                    char *error)
{
    if (config->database == 0) {
        return TROTH_OK;
    }
    char number[16];
    const int length = snprintf(number, sizeof number, "%d", config->database);
    const char *arguments[] = {"SELECT", number};
    const size_t lengths[] = {6, (size_t)length};
    return greet(config, context, 2, arguments, lengths, "the database (redis.database)", error);
}

static troth_status dial_tls(const struct troth_redis_config *config, const char *host, int port,
                             int64_t timeout_us, redisContext **context, char *error)
{
    const struct troth_redis_tls tls = {.host = host,
                                        .port = port,
                                        .ca_file = config->ca_file,
                                        .cert_file = config->cert_file,
                                        .key_file = config->key_file};
    int descriptor = -1;
    const troth_status status = troth_redis_tls_open(&tls, timeout_us, &descriptor, error);
    if (status != TROTH_OK) {
        return status;
    }
    *context = redisConnectFd(descriptor);
    if (*context == NULL) {
        close(descriptor);
        return TROTH_NO_MEMORY;
    }
    return TROTH_OK;
}

/* Out context: perhaps with an error of its own. Else error tells. */
static troth_status dial(const struct troth_redis_config *config, int64_t timeout_us,
                         redisContext **context, char *error)
{
    const struct timeval timeout = {.tv_sec = timeout_us / 1000000,
                                    .tv_usec = timeout_us % 1000000};
    char host[HOST_LENGTH_MAX];
    if (strncmp(config->address, unix_scheme, sizeof unix_scheme - 1) == 0) {
        *context = redisConnectUnixWithTimeout(config->address + sizeof unix_scheme - 1, timeout);
        return *context != NULL ? TROTH_OK : TROTH_NO_MEMORY;
    }
    const int port = parse_address(config->address, host);
    if (port < 0) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                 "redis.address %s is not HOST:PORT, [IPV6]:PORT or unix:PATH", config->address);
        return TROTH_UNREACHABLE;
    }
    if (config->tls) {
        return dial_tls(config, host, port, timeout_us, context, error);
    }
    *context = redisConnectWithTimeout(host, port, timeout);
    return *context != NULL ? TROTH_OK : TROTH_NO_MEMORY;
}

troth_status troth_redis_connect(const struct troth_redis_config *config, int64_t timeout_us,
                                 redisContext **out, char error[TROTH_REDIS_ERROR_LENGTH_MAX])
{
    const struct timeval timeout = {.tv_sec = timeout_us / 1000000,
                                    .tv_usec = timeout_us % 1000000};
    snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "no memory for a connection");
    redisContext *context = NULL;
    troth_status status = dial(config, timeout_us, &context, error);
    if (status != TROTH_OK) {
        return status;
    }
    status = TROTH_UNREACHABLE;
    if (context->err != 0 || redisSetTimeout(context, timeout) != REDIS_OK) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                 "Redis at %s cannot be reached: %s; is it running, and is redis.address right?",
                 config->address, context->errstr);
        goto out;
    }
    if (context->connection_type == REDIS_CONN_TCP && !config->tls) {
        const int on = 1; /* a narrowing must not wait for a full segment */
        (void)setsockopt(context->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    status = authenticate(config, context, error);
    if (status == TROTH_OK) {
        status = select_database(config, context, error);
    }
out:
    if (status != TROTH_OK) {
        redisFree(context);
        return status;
    }
    error[0] = '\0';
    *out = context;
    return TROTH_OK;
}

troth_status troth_redis_check(const struct troth_redis_config *config, redisContext *context,
                               char error[TROTH_REDIS_ERROR_LENGTH_MAX])
{
    redisReply *reply = redisCommand(context, "INFO server");
    if (reply == NULL) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "Redis at %s: no answer to INFO: %s%s",
                 config->address, context->errstr, plain_hint(config));
        return TROTH_UNREACHABLE;
    }
    troth_status status = TROTH_REFUSED;
    static const char version_key[] = "redis_version:";
    const char *info = reply->type == REDIS_REPLY_STRING ? reply->str : "";
    const char *version = strstr(info, version_key);
    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                 "Redis at %s refuses INFO: %s; schemas/redis.md has the rights that a user needs",
                 config->address, reply->str);
    } else if (strstr(info, "redis_mode:cluster") != NULL) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                 "Redis at %s is a Redis Cluster; use one server, with replicas and Sentinel if "
                 "wanted",
                 config->address);
    } else if (version == NULL ||
               strtol(version + sizeof version_key - 1, NULL, 10) < TROTH_REDIS_OLDEST_MAJOR) {
        snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                 "Redis at %s is too old: 6.0 or later is needed, 7.0 or later is better",
                 config->address);
    } else {
        status = TROTH_OK;
    }
    freeReplyObject(reply);
    return status;
}
