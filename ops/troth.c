/* troth: the operator's command. Takes what all subcommands share, then hands over to one. */
#include <errno.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/message.h"
#include "ops/version.h"

struct section {
    const char *title;
    const struct troth_command *commands[8]; /* NULL-terminated */
};

/* In the order in which a newcomer meets them. */
static const struct section sections[] = {
    {"Begin", {&troth_command_sandbox, &troth_command_doctor, &troth_command_topics, NULL}},
    {"Contracts and events",
     {&troth_command_contract, &troth_command_replay, &troth_command_dump, &troth_command_emit,
      &troth_command_fleet, NULL}},
    {"Agents",
     {&troth_command_standing, &troth_command_explain, &troth_command_top, &troth_command_tail,
      &troth_command_route, NULL}},
    {"Reviews and decisions",
     {&troth_command_review, &troth_command_decide, &troth_command_dispute, NULL}},
    {"Evidence", {&troth_command_export, &troth_command_verify, NULL}},
    {"Operation", {&troth_command_redis, &troth_command_key, NULL}},
};
enum { SECTION_COUNT = sizeof sections / sizeof sections[0] };

static void print_help(FILE *out)
{
    fputs("troth: how surely AI agents keep their contracts, and what they may do meanwhile\n"
          "\n"
          "Usage: troth COMMAND [OPTION]...\n",
          out);
    for (size_t s = 0; s < SECTION_COUNT; s++) {
        fprintf(out, "\n%s\n", sections[s].title);
        for (const struct troth_command *const *at = sections[s].commands; *at != NULL; at++) {
            fprintf(out, "  %-10s %s\n", (*at)->name, (*at)->summary);
        }
    }
    fputs("\n"
          "Options of every command\n"
          "  --bootstrap HOST:PORT  Kafka; short for --kafka bootstrap.servers=HOST:PORT\n"
          "  --config FILE          configuration; else TROTH_CONFIG, else ./troth.yaml if it is "
          "there\n"
          "  --json                 one JSON object a line\n"
          "  --print-config         what is configured, and where each value came from\n"
          "  --print-example        a documented configuration file\n"
          "  --help, --version\n"
          "\n"
          "Every parameter may be set in the file (redis.address), in the environment\n"
          "(TROTH_REDIS_ADDRESS) or by a flag (--redis-address); `troth help config` lists them.\n"
          "Exit status: 0 done, 1 no, 2 wrong use.\n"
          "\n"
          "First steps: troth sandbox, or troth COMMAND --help.\n",
          out);
}

static void print_command_help(const struct troth_command *command)
{
    printf("troth %s: %s\n\nUsage: troth %s %s\n", command->name, command->summary, command->name,
           command->arguments);
    if (command->help != NULL) {
        size_t length = strlen(command->help);
        printf("\n%s%s", command->help,
               length > 0 && command->help[length - 1] == '\n' ? "" : "\n");
    }
    puts("\nOptions of every command: troth --help. Parameters: troth help config.");
}

static void print_version(bool json)
{
    if (json) {
        json_t *object =
            json_pack("{s:s, s:s}", "version", TROTH_VERSION, "librdkafka", rd_kafka_version_str());
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
        json_decref(object);
    } else {
        printf("troth %s (librdkafka %s)\n", TROTH_VERSION, rd_kafka_version_str());
    }
}

static const struct troth_command *find_command(const char *name)
{
    for (size_t s = 0; s < SECTION_COUNT; s++) {
        for (const struct troth_command *const *at = sections[s].commands; *at != NULL; at++) {
            if (strcmp((*at)->name, name) == 0) {
                return *at;
            }
        }
    }
    return NULL;
}

static int tell_unknown(const char *name)
{
    struct troth_nearest nearest = troth_nearest_start(name);
    for (size_t s = 0; s < SECTION_COUNT; s++) {
        for (const struct troth_command *const *at = sections[s].commands; *at != NULL; at++) {
            troth_nearest_offer(&nearest, (*at)->name);
        }
    }
    if (name[0] == '-') {
        troth_message_error("there is no option %s before the command; see troth --help", name);
    } else if (nearest.best != NULL) {
        troth_message_error("there is no command \"%s\"; did you mean \"troth %s\"?", name,
                            nearest.best);
    } else {
        troth_message_error("there is no command \"%s\"; see troth --help", name);
    }
    return TROTH_EXIT_USAGE;
}

/* What was asked for must have arrived: a full disk is an error, a reader that left is not. */
static int finish_output(int result)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return result;
    }
    if (errno != EPIPE) {
        troth_message_error("the output could not be written: %s", strerror(errno));
    }
    return result == TROTH_EXIT_DONE ? TROTH_EXIT_NO : result;
}

static int run_command(const struct troth_command *command,
                       const struct troth_common_options *options, int argc, char **argv)
{
    struct troth_config config;
    struct troth_context context = {.config = &config, .json = options->json};
    int result = TROTH_EXIT_USAGE;
    if (troth_config_load(&config, &options->request) == TROTH_OK) {
        if (options->print_config) {
            troth_config_print(&config, stdout, options->json);
            result = TROTH_EXIT_DONE;
        } else {
            result = command->run(&context, argc, argv);
        }
    }
    troth_config_fini(&config);
    return result;
}

static int print_help_of(const char *topic)
{
    if (topic == NULL) {
        print_help(stdout);
        return TROTH_EXIT_DONE;
    }
    if (strcmp(topic, "config") == 0) {
        puts("Parameters, as flags; see also troth --print-example.\n");
        troth_config_print_flags(stdout);
        return TROTH_EXIT_DONE;
    }
    const struct troth_command *command = find_command(topic);
    if (command == NULL) {
        return tell_unknown(topic);
    }
    print_command_help(command);
    return TROTH_EXIT_DONE;
}

static int dispatch(int argc, char **argv, struct troth_common_options *options)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (options->version) {
        print_version(options->json);
        return TROTH_EXIT_DONE;
    }
    if (options->print_example) {
        troth_config_print_example(stdout);
        return TROTH_EXIT_DONE;
    }
    if (name != NULL && strcmp(name, "help") == 0) {
        return print_help_of(argc > 2 ? argv[2] : NULL);
    }
    if (options->help) {
        return print_help_of(name);
    }
    if (name == NULL && options->print_config) {
        return run_command(NULL, options, 0, NULL);
    }
    if (name == NULL) {
        print_help(stderr);
        return TROTH_EXIT_USAGE;
    }
    const struct troth_command *command = find_command(name);
    if (command == NULL) {
        return tell_unknown(name);
    }
    return run_command(command, options, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    /* A connection that the other side closed is a status, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    troth_message_setup("troth", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    struct troth_common_options options;
    if (troth_options_take_common(&argc, argv, &options) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    options.request.environment = environ;
    return finish_output(dispatch(argc, argv, &options));
}
