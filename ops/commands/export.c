/* troth export: what is recorded of an agent, in one file that anybody can check. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "consumers/clock.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/export/checks.h"
#include "ops/export/write.h"
#include "ops/keys.h"
#include "ops/message.h"
#include "ops/redis/reader.h"

enum {
    TRIES = 10,     /* a transaction's end reaches one partition before another */
    PAUSE_MS = 300, /* between them */
    FILE_MODE = 0644
};

struct export_options {
    const char *agent;
    const char *contract;
    const char *since;
    const char *key;
    const char *out;
    int64_t since_us;
};

static int64_t now_us(void)
{
    const struct troth_clock clock = troth_clock_system();
    return clock.wall_us(clock.context);
}

/* "7d" ago, or a time of microseconds. */
static bool parse_since(struct export_options *options)
{
    int64_t ago_us = 0;
    if (options->since == NULL) {
        return true;
    }
    if (troth_parse_duration(options->since, &ago_us)) {
        const int64_t since_us = now_us() - ago_us;
        options->since_us = since_us > 0 ? since_us : 0;
        return true;
    }
    if (troth_parse_integer(options->since, &options->since_us) && options->since_us >= 0) {
        return true;
    }
    troth_message_error("--since %s: must be how long ago, as 7d, or microseconds since 1970",
                        options->since);
    return false;
}

/* Collects and writes it once. */
static troth_status make(const struct troth_context *context, const struct export_options *options,
                         const struct troth_framing *framing, const struct troth_secret_key *secret,
                         struct troth_chain *chain)
{
    struct troth_export_collection *collection = malloc(sizeof *collection);
    if (collection == NULL) {
        troth_message_error("no memory");
        return TROTH_NO_MEMORY;
    }
    troth_status status = troth_export_collect(collection, context->config, options->agent,
                                               options->contract, options->since_us);
    if (status == TROTH_OK) {
        status = troth_export_write(collection, framing, now_us(), secret, chain);
    }
    if (status != TROTH_OK) {
        troth_message_error("%s", collection->error);
    }
    troth_export_collection_fini(collection);
    free(collection);
    return status;
}

/* Makes it, until it holds: what one transaction changed in two partitions is not seen in both at
 * once. Out valid: whether it does. */
static troth_status make_whole(const struct troth_context *context,
                               const struct export_options *options,
                               const struct troth_framing *framing,
                               const struct troth_secret_key *secret, struct troth_chain *chain,
                               struct troth_export_report *report, bool *valid)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    struct troth_public_key key;
    troth_key_public(secret, &key);
    *valid = false;
    for (unsigned i = 0; i < TRIES && !*valid; i++) {
        struct troth_export_file file;
        if (i > 0) {
            (void)nanosleep(&pause, NULL);
        }
        troth_chain_fini(chain);
        troth_chain_init(chain);
        const troth_status status = make(context, options, framing, secret, chain);
        if (status != TROTH_OK) {
            return status;
        }
        *valid = troth_export_check(chain->text, chain->length, &key, framing, &file, report) ==
                     TROTH_OK &&
                 troth_export_is_valid(report);
        troth_export_file_fini(&file);
    }
    return TROTH_OK;
}

/* Writes a new file, whole, or leaves none. */
static bool write_file(const char *path, const struct troth_chain *chain)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (file < 0) {
        troth_message_error("%s: %s%s", path, strerror(errno),
                            errno == EEXIST ? "; evidence is not written over, name another" : "");
        return false;
    }
    size_t done = 0;
    while (done < chain->length) {
        const ssize_t written = write(file, chain->text + done, chain->length - done);
        if (written < 0 && errno != EINTR) {
            break;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    const bool whole = done == chain->length && fsync(file) == 0;
    const int problem = errno;
    if (close(file) != 0 || !whole) {
        troth_message_error("%s could not be written: %s", path, strerror(whole ? errno : problem));
        (void)unlink(path);
        return false;
    }
    return true;
}

static void tell(const struct troth_context *context, const struct export_options *options,
                 const struct troth_chain *chain, const struct troth_export_report *report,
                 const struct troth_secret_key *secret, bool valid)
{
    char id[TROTH_KEY_ID_LENGTH + 1];
    struct troth_public_key key;
    troth_key_public(secret, &key);
    troth_key_id(&key, id);
    const uint64_t told = report->findings[TROTH_EXPORT_INTERVENTIONS].looked;
    if (context->json) {
        troth_redis_reader_print_json(
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:b, s:o}", "file", options->out, "agent",
                      options->agent, "bytes", (json_int_t)chain->length, "lines",
                      (json_int_t)chain->lines, "interventions", (json_int_t)told, "key", id,
                      "valid", valid, "checks", troth_export_report_json(report)));
        return;
    }
    printf("%s: %zu lines, %" PRIu64 " interventions, signed with key %s\n", options->out,
           chain->lines, told, id);
    if (!valid) {
        troth_export_print(report);
    }
}

static int export_with(const struct troth_context *context, const struct export_options *options,
                       const struct troth_framing *framing, const struct troth_secret_key *secret)
{
    struct troth_export_report *report = calloc(1, sizeof *report);
    struct troth_chain chain;
    bool valid = false;
    int result = TROTH_EXIT_NO;
    troth_chain_init(&chain);
    if (report == NULL) {
        troth_message_error("no memory");
    } else if (make_whole(context, options, framing, secret, &chain, report, &valid) == TROTH_OK &&
               write_file(options->out, &chain)) {
        tell(context, options, &chain, report, secret, valid);
        result = valid ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
        if (!valid) {
            troth_message_error("it was written, and does not hold, as above: something of this "
                                "agent is missing in Kafka, or is not as an engine wrote it");
        }
    }
    troth_chain_fini(&chain);
    free(report);
    return result;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    struct export_options options = {0};
    const struct troth_option known[] = {
        {.name = "contract", .kind = TROTH_OPTION_TEXT, .target = &options.contract},
        {.name = "since", .kind = TROTH_OPTION_TEXT, .target = &options.since},
        {.name = "key", .kind = TROTH_OPTION_TEXT, .target = &options.key},
        {.name = "out", .kind = TROTH_OPTION_TEXT, .target = &options.out},
    };
    int operands = 0;
    if (troth_options_parse(known, sizeof known / sizeof known[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 1 || options.key == NULL || options.out == NULL) {
        troth_message_error("usage: troth export AGENT --key FILE --out FILE; make a key with "
                            "`troth key new --out FILE`");
        return TROTH_EXIT_USAGE;
    }
    options.agent = argv[1];
    if (!parse_since(&options)) {
        return TROTH_EXIT_USAGE;
    }
    if (access(options.out, F_OK) == 0) {
        troth_message_error("%s is there already; evidence is not written over, name another",
                            options.out);
        return TROTH_EXIT_NO;
    }
    struct troth_framing *framing = NULL;
    struct troth_secret_key secret;
    char error[TROTH_KAFKA_ERROR_LENGTH];
    if (troth_config_framing_open(context->config, &framing, error, sizeof error) != TROTH_OK) {
        troth_message_error("%s", error);
        return TROTH_EXIT_NO;
    }
    int result = TROTH_EXIT_NO;
    if (troth_keys_read_secret(options.key, &secret)) {
        result = export_with(context, &options, framing, &secret);
        troth_keys_wipe(&secret);
    }
    free(framing);
    return result;
}

const struct troth_command troth_command_export = {
    .name = "export",
    .arguments = "AGENT [--contract C] [--since T] --key FILE --out FILE",
    .summary = "what is recorded of an agent, in one signed file",
    .help =
        "Writes contracts, standings, interventions with the bytes of their witnesses, rulings\n"
        "and decisions, each line with the hash of the one before, signed at the end\n"
        "(schemas/export.md). Telemetry expires; the file keeps what the interventions rest on.\n"
        "\n"
        "  --contract C     this contract alone\n"
        "  --since T        from so long ago, as 30d, or microseconds since 1970; default: all\n"
        "  --key FILE       the secret key that signs it (troth key new)\n"
        "  --out FILE       a new file\n"
        "\n"
        "What was written is checked as `troth verify` does. Exit status 1 where it does not\n"
        "hold, too. Needs the rights of an operator in Kafka.",
    .run = run,
};
