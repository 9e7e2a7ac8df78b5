/* troth sandbox: an embedded broker for the first steps, until it is interrupted. */
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/kafka/sandbox.h"
#include "ops/message.h"

enum { DEFAULT_PARTITIONS = 4 };

static void print_json(const char *bootstrap, const char *prefix, int32_t partitions)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:{s:s}}", "bootstrap", bootstrap, "prefix",
                               prefix, "partitions", partitions, "clock", "create_time", "kafka",
                               "fetch.wait.max.ms", "5");
    char *text = json_dumps(object, JSON_COMPACT);
    if (text != NULL) {
        puts(text);
    }
    free(text);
    json_decref(object);
}

/* What is printed is a configuration: saved, it is what the other commands need. */
static void print_configuration(const char *bootstrap, const char *prefix, int32_t partitions)
{
    printf("# troth sandbox: an embedded broker; gone when the command ends\n"
           "prefix: %s\n"
           "clock: create_time        # the embedded broker does not stamp records\n"
           "kafka:\n"
           "  bootstrap.servers: %s\n"
           "  fetch.wait.max.ms: 5    # it sleeps all of this when there is nothing to read\n"
           "topics:\n"
           "  partitions: %" PRId32 "\n",
           prefix, bootstrap, partitions);
}

static int serve(const char *prefix, int32_t partitions, bool json)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before the broker's threads, which inherit it */
    struct troth_sandbox *sandbox;
    char error[512] = "";
    if (troth_sandbox_open(prefix, partitions, &sandbox, error, sizeof(error)) != TROTH_OK) {
        troth_message_error("%s", error);
        return TROTH_EXIT_NO;
    }
    const char *bootstrap = troth_sandbox_bootstrap(sandbox);
    if (json) {
        print_json(bootstrap, prefix, partitions);
    } else {
        print_configuration(bootstrap, prefix, partitions);
    }
    fflush(stdout);
    troth_message_info("an embedded broker runs at %s, until this command is interrupted. It keeps "
                       "5 MiB a partition in memory and drops the oldest; it shows how things fit "
                       "together, and proves neither delivery nor speed",
                       bootstrap);
    int signal_number;
    (void)sigwait(&ends, &signal_number);
    troth_sandbox_close(sandbox);
    return TROTH_EXIT_DONE;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    int64_t partitions = DEFAULT_PARTITIONS;
    const struct troth_option options[] = {
        {"partitions", TROTH_OPTION_INTEGER, &partitions, 1, TROTH_SANDBOX_PARTITIONS_MAX},
    };
    int operands;
    if (troth_options_parse(options, 1, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 0) {
        troth_message_error("troth sandbox takes no operands; see troth sandbox --help");
        return TROTH_EXIT_USAGE;
    }
    return serve(context->config->prefix, (int32_t)partitions, context->json);
}

const struct troth_command troth_command_sandbox = {
    .name = "sandbox",
    .arguments = "[--partitions N]",
    .summary = "an embedded broker for the first steps, without Kafka",
    .help =
        "Runs a broker inside this process, on 127.0.0.1 and a port of the system's choice, "
        "with\n"
        "Troth's six topics, until it gets SIGINT or SIGTERM. Prints a configuration for the\n"
        "other commands:\n"
        "\n"
        "    troth sandbox > sandbox.yaml &\n"
        "    trothd --config sandbox.yaml\n"
        "\n"
        "It is librdkafka's mock cluster: it shows how things fit together. It is no Kafka: it\n"
        "keeps 5 MiB a partition in memory and silently drops the oldest, knows neither "
        "aborted\n"
        "transactions nor fencing, does not stamp records (so `clock: create_time`), and lets "
        "a\n"
        "group wait 3 s at its first join. It proves neither delivery nor speed; for that,\n"
        "ops/local/kafka start runs Apache Kafka on this machine.\n"
        "\n"
        "  --partitions N     of telemetry and the others that have several (default 4)\n",
    .run = run,
};
