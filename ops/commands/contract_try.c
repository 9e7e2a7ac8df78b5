/*
 * troth contract try: a new version over recorded telemetry, beside the version in force. Both
 * sides begin with nothing at the first record; ops/trial.h says what is compared.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "consumers/report.h"
#include "ops/commands/contract_parts.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/kafka/telemetry.h"
#include "ops/message.h"
#include "ops/progress.h"
#include "ops/table.h"
#include "ops/trial.h"
#include "ops/trial_report.h"

/* What was asked for. */
struct request {
    const char *new;       /* a file, or NAME@VERSION */
    const char *file;      /* of recorded events; NULL: from Kafka */
    const char *against;   /* NULL: what is in force, or in `contracts` */
    const char *contracts; /* a directory */
    const char *from;
    const char *to;
    bool all;
    bool interventions;
};

struct attempt {
    const struct troth_context *context;
    struct request request;
    struct troth_contract new;
    struct troth_contract old;
    bool has_old;
    int64_t from_us;
    int64_t to_us;
    struct troth_trial *trial;
    struct troth_contract_source source;
    struct troth_contract_files files;
    struct troth_progress progress;
    struct troth_report_origin origin;
    uint64_t records;
    struct troth_telemetry telemetry;
    int64_t kept_from_us;   /* the latest time that a partition goes back to, of those that do not
                               go back to from_us; 0: all do */
    int32_t kept_partition; /* that one */
    bool is_first;          /* nothing of the partition was given yet */
    bool is_cut;            /* the partition keeps no earlier record than the first to come */
};

/* ---- The two versions ----------------------------------------------------------------------- */

/* Looks for the version in a directory of contracts. */
static bool find_in_files(struct attempt *attempt)
{
    if (troth_contract_files_add(&attempt->files, attempt->request.contracts) != TROTH_OK) {
        return false;
    }
    for (size_t i = 0; i < attempt->files.count; i++) {
        const struct troth_contract *contract = &attempt->files.files[i]->contract;
        if (strcmp(contract->name, attempt->new.name) == 0) {
            attempt->old = *contract;
            attempt->has_old = true;
        }
    }
    return true;
}

/* Looks for the version in force. */
static bool find_in_force(struct attempt *attempt)
{
    struct troth_contract_source *source = &attempt->source;
    if (!source->topic_read && !troth_contract_read_topic(attempt->context, &source->topic)) {
        return false;
    }
    source->topic_read = true;
    const struct troth_registry_version *found =
        troth_registry_topic_find(&source->topic, attempt->new.name,
                                  troth_registry_topic_in_force(&source->topic, attempt->new.name));
    attempt->has_old = found != NULL;
    if (found != NULL) {
        attempt->old = *found->contract;
    }
    return true;
}

static bool load_contracts(struct attempt *attempt)
{
    const struct request *request = &attempt->request;
    bool good =
        troth_contract_source_load(&attempt->source, attempt->context, request->new, &attempt->new);
    if (good && request->against != NULL) {
        good = troth_contract_source_load(&attempt->source, attempt->context, request->against,
                                          &attempt->old);
        attempt->has_old = good;
    } else if (good && request->contracts != NULL) {
        good = find_in_files(attempt);
    } else if (good && request->file == NULL) {
        good = find_in_force(attempt);
    }
    if (good && attempt->has_old && strcmp(attempt->old.name, attempt->new.name) == 0 &&
        attempt->new.version < attempt->old.version) {
        troth_message_warn("%s: version: %" PRId64 " is lower than %" PRId64
                           " of the other; troth contract push will want %" PRId64 " or higher",
                           request->new, attempt->new.version, attempt->old.version,
                           attempt->old.version + 1);
    }
    return good;
}

/* ---- The records ---------------------------------------------------------------------------- */

static void print_intervention(void *context, enum troth_trial_side side,
                               const struct troth_intervention *told)
{
    const struct attempt *attempt = context;
    json_t *line = json_object();
    json_object_set_new(line, "intervention", troth_report_intervention(&attempt->origin, told));
    json_object_set_new(line, "under", json_string(side == TROTH_TRIAL_OLD ? "old" : "new"));
    json_dumpf(line, stdout, TROTH_REPORT_FLAGS);
    putchar('\n');
    json_decref(line);
}

static bool belongs(void *context, struct troth_text agent)
{
    const struct attempt *attempt = context;
    return troth_partition_of(attempt->telemetry.partitioner, agent.data, agent.length,
                              attempt->telemetry.partitions) == attempt->origin.partition;
}

static bool make_trial(struct attempt *attempt)
{
    const struct troth_trial_config config = {
        .sides = {[TROTH_TRIAL_OLD] = attempt->has_old ? &attempt->old : NULL,
                  [TROTH_TRIAL_NEW] = &attempt->new},
        .engine = attempt->context->config,
        .belongs = attempt->request.file == NULL ? belongs : NULL,
        .on_intervention = attempt->request.interventions ? print_intervention : NULL,
        .context = attempt};
    attempt->trial = troth_trial_create(&config);
    return attempt->trial != NULL;
}

static void take_records(void *context, const struct troth_recorded *recorded)
{
    struct attempt *attempt = context;
    troth_trial_take(attempt->trial, recorded);
    attempt->records += recorded->count;
    troth_progress_show(&attempt->progress, attempt->records);
}

static void pass_decision(void *context, const struct troth_recorded_decision *decision)
{
    struct attempt *attempt = context;
    troth_trial_pass(attempt->trial, decision->recorded_at_us, decision->offset);
}

/* What was in force then is not compared. */
static void pass_contract(void *context, const struct troth_recorded_contract *contract)
{
    struct attempt *attempt = context;
    const struct troth_recorded recorded = {
        .recorded_at_us = {contract->recorded_at_us}, .offsets = {contract->offset}, .count = 1};
    take_records(attempt, &recorded);
}

static void take_log(void *context, const struct troth_recorded_log *log)
{
    struct attempt *attempt = context;
    attempt->origin = (struct troth_report_origin){log->topic, log->partition, log->era};
}

static bool read_file(struct attempt *attempt)
{
    struct troth_recording recording = {.path = attempt->request.file,
                                        .group = TROTH_PREFETCH,
                                        .on_records = take_records,
                                        .on_decision = pass_decision,
                                        .on_contract = pass_contract,
                                        .on_log = take_log,
                                        .context = attempt};
    attempt->origin = (struct troth_report_origin){"replay", 0, 1};
    return troth_trial_begin(attempt->trial, 0) && troth_recording_read(&recording) &&
           troth_trial_end(attempt->trial) && troth_recording_is_whole(&recording);
}

static bool take_telemetry(void *context, const struct troth_recorded *recorded)
{
    struct attempt *attempt = context;
    const int64_t first_us = recorded->recorded_at_us[0];
    if (attempt->is_first && attempt->is_cut && first_us > attempt->kept_from_us &&
        first_us > attempt->from_us) {
        attempt->kept_from_us = first_us;
        attempt->kept_partition = attempt->origin.partition;
    }
    attempt->is_first = false;
    take_records(attempt, recorded);
    return true;
}

static bool read_partition(struct attempt *attempt, int32_t partition)
{
    struct troth_telemetry *telemetry = &attempt->telemetry;
    struct troth_telemetry_range range;
    attempt->origin =
        (struct troth_report_origin){telemetry->topic, partition, attempt->context->config->era};
    troth_status status =
        troth_telemetry_find(telemetry, partition, attempt->from_us, attempt->to_us, &range);
    if (status == TROTH_OK) {
        attempt->is_first = true;
        attempt->is_cut = range.low > 0 && range.first == range.low;
        if (!troth_trial_begin(attempt->trial, partition)) {
            return false;
        }
        status = troth_telemetry_read(telemetry, partition, &range, take_telemetry, attempt);
    }
    if (status != TROTH_OK) {
        troth_message_error("%s", telemetry->error);
        return false;
    }
    return troth_trial_end(attempt->trial);
}

static bool read_kafka(struct attempt *attempt)
{
    struct troth_telemetry *telemetry = &attempt->telemetry;
    bool good = troth_telemetry_open(telemetry, attempt->context->config) == TROTH_OK;
    if (!good) {
        troth_message_error("%s", telemetry->error);
    }
    for (int32_t p = 0; p < telemetry->partitions && good; p++) {
        good = read_partition(attempt, p);
    }
    troth_telemetry_close(telemetry);
    return good;
}

/* Says what of the time was not there. */
static void tell_kept(const struct attempt *attempt)
{
    char time[TROTH_TIME_LENGTH_MAX];
    if (attempt->kept_from_us > 0) {
        (void)troth_time_format(attempt->kept_from_us, time);
        troth_message_warn("%s[%" PRId32
                           "] goes back to %s alone: what came before is not kept any "
                           "more, so its agents begin there. retention.ms of the topic says how "
                           "long records stay",
                           attempt->telemetry.topic, attempt->kept_partition, time);
    }
}

static void tell_rejects(const struct troth_trial_results *results)
{
    for (unsigned i = 1; i < TROTH_STATUS_COUNT; i++) {
        if (results->rejects[i] > 0) {
            troth_message_info("%" PRIu64 " events not applied: %s (%s)", results->rejects[i],
                               troth_status_name((troth_status)i),
                               troth_status_meaning((troth_status)i));
        }
    }
}

/* ---- The command ---------------------------------------------------------------------------- */

static bool read_time(const char *option, const char *text, int64_t *time_us)
{
    const struct troth_clock clock = troth_clock_system();
    if (text != NULL && !troth_parse_time(text, clock.wall_us(clock.context), time_us)) {
        troth_message_error("%s %s: must be a time, as 2026-11-24 or 2026-11-24T10:52Z (UTC), how "
                            "long ago, as 7d, or microseconds since 1970; 0 is the beginning",
                            option, text);
        return false;
    }
    return true;
}

/* Checks what was asked for. Returns whether it can be done; else what is wrong has been told. */
static bool check_request(struct attempt *attempt, int operands)
{
    const struct request *request = &attempt->request;
    const char *wrong = NULL;
    if (operands < 1 || operands > 2) {
        wrong =
            "troth contract try NEW.yaml --from TIME, or troth contract try NEW.yaml FILE.jsonl";
    } else if (request->file != NULL && (request->from != NULL || request->to != NULL)) {
        wrong = "--from and --to are of telemetry in Kafka; a file is taken whole";
    } else if (request->file == NULL && request->from == NULL) {
        wrong = "since when? --from 7d, or a file of recorded events: see troth contract --help";
    } else if (request->against != NULL && request->contracts != NULL) {
        wrong = "--against and --contracts both name the old version; give one";
    } else if (request->interventions && !attempt->context->json) {
        wrong = "--interventions goes with --json";
    }
    if (wrong != NULL) {
        troth_message_error("%s", wrong);
        return false;
    }
    if (!read_time("--from", request->from, &attempt->from_us) ||
        !read_time("--to", request->to, &attempt->to_us)) {
        return false;
    }
    if (attempt->from_us >= attempt->to_us) {
        troth_message_error("--to %s is not after --from %s", request->to, request->from);
        return false;
    }
    return true;
}

static bool run_trial(struct attempt *attempt)
{
    if (!load_contracts(attempt) || !make_trial(attempt)) {
        return false;
    }
    troth_progress_start(&attempt->progress, "records");
    const bool good = attempt->request.file != NULL ? read_file(attempt) : read_kafka(attempt);
    (void)troth_progress_end(&attempt->progress);
    if (!good) {
        return false;
    }
    tell_kept(attempt);
    tell_rejects(troth_trial_results(attempt->trial));
    if (attempt->context->json) {
        troth_trial_print_json(attempt->trial);
        return true;
    }
    return troth_trial_print(attempt->trial, attempt->request.all ? SIZE_MAX : TROTH_TRIAL_LISTED);
}

int troth_contract_try_run(const struct troth_context *context, int argc, char **argv)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (attempt == NULL) {
        troth_message_error("no memory");
        return TROTH_EXIT_NO;
    }
    struct request *request = &attempt->request;
    const struct troth_option options[] = {
        {.name = "from", .kind = TROTH_OPTION_TEXT, .target = &request->from},
        {.name = "to", .kind = TROTH_OPTION_TEXT, .target = &request->to},
        {.name = "against", .kind = TROTH_OPTION_TEXT, .target = &request->against},
        {.name = "contracts", .kind = TROTH_OPTION_TEXT, .target = &request->contracts},
        {.name = "all", .kind = TROTH_OPTION_FLAG, .target = &request->all},
        {.name = "interventions", .kind = TROTH_OPTION_FLAG, .target = &request->interventions},
    };
    int operands = 0;
    int result = TROTH_EXIT_USAGE;
    attempt->context = context;
    attempt->to_us = INT64_MAX;
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) ==
        TROTH_OK) {
        request->new = operands > 0 ? argv[1] : NULL;
        request->file = operands > 1 ? argv[2] : NULL;
        if (check_request(attempt, operands)) {
            result = run_trial(attempt) ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
        }
    }
    troth_trial_destroy(attempt->trial);
    troth_contract_source_fini(&attempt->source);
    troth_contract_files_fini(&attempt->files);
    free(attempt);
    return result;
}
