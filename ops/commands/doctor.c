/* troth doctor: what is wrong with this installation, and what mends it. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/commands/doctor_parts.h"
#include "ops/config/options.h"
#include "ops/kafka/registry_topic.h"
#include "ops/kafka/topics.h"
#include "ops/message.h"
#include "schemas/contract_lint.h"

static const char *const diagnosis_names[] = {"ok", "warn", "fail"};

void troth_doctor_tell(struct troth_doctor *doctor, enum troth_diagnosis diagnosis,
                       const char *area, const char *fix, const char *format, ...)
{
    char raw[TROTH_MESSAGE_LENGTH_MAX];
    char text[TROTH_MESSAGE_LENGTH_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    (void)troth_message_escape(raw, strlen(raw), text, sizeof text);
    doctor->counts[diagnosis]++;
    if (doctor->json) {
        json_t *object = json_pack("{s:s, s:s, s:s, s:s?}", "diagnosis", diagnosis_names[diagnosis],
                                   "area", area, "text", text, "fix", fix);
        if (object != NULL) {
            json_dumpf(object, stdout, JSON_COMPACT);
            fputc('\n', stdout);
        }
        json_decref(object);
    } else {
        printf("%-4s  %-9s  %s\n", diagnosis_names[diagnosis], area, text);
        if (fix != NULL && fix[0] != '\0') {
            printf("                 to mend it: %s\n", fix);
        }
    }
    fflush(stdout); /* the next look may take a while */
}

static void look_at_config(struct troth_doctor *doctor)
{
    static const char area[] = "config";
    const struct troth_config *config = doctor->config;
    struct stat about;
    troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL, "%s; prefix %s, instance %s",
                      config->file != NULL ? config->file : "no file, defaults and flags alone",
                      config->prefix, config->instance);
    bool secret = false;
    for (uint32_t i = 0; i < config->kafka.count; i++) {
        secret = secret || (strstr(config->kafka.entries[i].name, "password") != NULL &&
                            config->kafka.entries[i].source == TROTH_CONFIG_FILE);
    }
    if (secret && stat(config->file, &about) == 0 && (about.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, "chmod 600 the file",
                          "%s holds a password and others may read it", config->file);
    }
    if (config->redis_password_file[0] != '\0' && stat(config->redis_password_file, &about) == 0 &&
        (about.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, "chmod 600 the file",
                          "%s: others may read the password", config->redis_password_file);
    }
    for (uint32_t i = 0; i < config->schemas.count; i++) {
        if (access(config->schemas.entries[i].value, R_OK) != 0) {
            troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area, "correct the path",
                              "schemas.%s: %s cannot be read", config->schemas.entries[i].name,
                              config->schemas.entries[i].value);
        }
    }
    if (config->clock == TROTH_CONFIG_CLOCK_CREATE_TIME) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, "use log_append_time in production",
                          "clock is create_time: whoever writes to telemetry sets the time");
    }
}

static void look_at_topics(struct troth_doctor *doctor)
{
    static const char area[] = "topics";
    struct troth_kafka_property entries[TROTH_CONFIG_ENTRIES_MAX];
    const struct troth_topics_config config = troth_topics_config_of(doctor->config, entries);
    struct troth_topics_report *report = calloc(1, sizeof *report);
    char error[TROTH_KAFKA_ERROR_LENGTH] = "no memory";
    const troth_status status =
        report != NULL ? troth_topics_check(&config, report, error, sizeof error) : TROTH_NO_MEMORY;
    if (status != TROTH_OK && status != TROTH_INVALID) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area, NULL, "%s", error);
        free(report);
        return;
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct troth_topics_finding *finding = &report->findings[i];
        troth_doctor_tell(doctor, finding->is_warning ? TROTH_DIAGNOSIS_WARN : TROTH_DIAGNOSIS_FAIL,
                          area, finding->command, "%s: %s", finding->topic, finding->text);
    }
    if (report->problems == 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL,
                          "all %d topics keep their promises; telemetry has %d partitions%s",
                          TROTH_TOPIC_COUNT, report->partitions,
                          report->settings_known ? "" : " (this broker does not tell settings)");
    }
    if (report->partitions > 0 && doctor->config->workers > report->partitions) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, "config",
                          "lower `workers`, or make more partitions",
                          "%d workers share %d partitions; the rest stands idle",
                          (int)doctor->config->workers, report->partitions);
    }
    free(report);
}

/* Returns how many warnings lint has of one contract. */
static unsigned lint_contract(struct troth_doctor *doctor, const struct troth_contract *contract,
                              struct troth_findings *findings)
{
    troth_contract_lint(contract, 0, findings);
    for (uint32_t i = 0; i < findings->count && i < TROTH_FINDINGS_MAX; i++) {
        const struct troth_finding *finding = &findings->items[i];
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, "contracts", NULL, "%s@%lld%s%s: %s",
                          contract->name, (long long)contract->version,
                          finding->term[0] != '\0' ? ", term " : "", finding->term, finding->text);
    }
    return findings->count;
}

static void look_at_contracts(struct troth_doctor *doctor)
{
    static const char area[] = "contracts";
    char error[TROTH_KAFKA_ERROR_LENGTH];
    struct troth_registry_topic topic;
    struct troth_findings *findings = calloc(1, sizeof *findings);
    if (troth_registry_topic_read(&topic, doctor->config, error) != TROTH_OK || findings == NULL) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area, "troth topics create", "%s", error);
        goto out;
    }
    for (size_t i = 0; i < topic.refusal_count && i < TROTH_REGISTRY_REFUSALS_MAX; i++) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, "push a higher version",
                          "offset %lld, key %s: workers refuse it: %s",
                          (long long)topic.refusals[i].offset, topic.refusals[i].key,
                          topic.refusals[i].reason);
    }
    const struct troth_in_force *list;
    const size_t count = troth_registry_in_force(topic.registry, &list);
    unsigned warnings = 0;
    for (size_t i = 0; i < count; i++) {
        const struct troth_registry_version *version =
            troth_registry_topic_find(&topic, list[i].name, list[i].version);
        warnings += version != NULL ? lint_contract(doctor, version->contract, findings) : 0;
    }
    if (count == 0) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, "troth contract push FILE",
                          "no contract is in force, so nothing is scored");
    } else {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL, "%zu in force, %u warnings",
                          count, warnings);
    }
out:
    troth_registry_topic_fini(&topic);
    free(findings);
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    int operands;
    if (troth_options_parse(NULL, 0, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 0) {
        troth_message_error("troth doctor takes no operand");
        return TROTH_EXIT_USAGE;
    }
    struct troth_doctor doctor = {.config = context->config, .json = context->json};
    look_at_config(&doctor);
    troth_doctor_signatures(&doctor);
    if (troth_doctor_kafka(&doctor)) {
        troth_doctor_transactions(&doctor);
        look_at_topics(&doctor);
        look_at_contracts(&doctor);
    }
    troth_doctor_redis(&doctor);
    const unsigned fails = doctor.counts[TROTH_DIAGNOSIS_FAIL];
    const unsigned warns = doctor.counts[TROTH_DIAGNOSIS_WARN];
    if (!context->json) {
        printf("\n%u ok, %u warn, %u fail\n", doctor.counts[TROTH_DIAGNOSIS_OK], warns, fails);
    }
    return fails == 0 ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}

const struct troth_command troth_command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "what is wrong with this installation, and what mends it",
    .help = "Looks at the configuration, signatures, Kafka, the topics, the contracts in force, "
            "the engine's\n"
            "group, rights and progress, Redis, and the clocks. Writes nothing. Each line is ok, "
            "warn or\n"
            "fail; the exit status is 1 where one is fail.\n",
    .run = run,
};
