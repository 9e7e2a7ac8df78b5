#include "tests/sim/sim_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "consumers/report.h"
#include "consumers/week_record.h"
#include "schemas/assert.h"
#include "scoring/outlook.h"

void sim_check_init(struct sim_check *check, struct sim_cluster *cluster,
                    const struct troth_worker_config *config)
{
    memset(check, 0, sizeof *check);
    check->cluster = cluster;
    check->config = config;
    check->changes = calloc(SIM_CHANGES_MAX, sizeof *check->changes);
    TROTH_ASSERT(check->changes != NULL);
}

void sim_check_fini(struct sim_check *check)
{
    free(check->changes);
    if (check->ran) {
        for (int32_t p = 0; p < check->cluster->log.partition_count; p++) {
            sim_undisturbed_fini(&check->runs[p]);
        }
        sim_versions_fini(&check->versions);
    }
}

void sim_check_fail(struct sim_check *check, const char *format, ...)
{
    va_list arguments;
    if (!check->failed) {
        check->failed = true;
        va_start(arguments, format);
        vsnprintf(check->why, sizeof check->why, format, arguments);
        va_end(arguments);
        if (check->verbose) {
            printf("    %10.3f VIOLATION: %s\n", (double)check->cluster->clock.monotonic_us / 1e6,
                   check->why);
        }
    }
}

/* ---- Always. ---- */

static uint8_t rung_of(const json_t *told, const char *key)
{
    const char *rung = json_string_value(json_object_get(told, key));
    return (uint8_t)troth_rung_find(rung, strlen(rung));
}

/* A standing's changes follow upon each other, whatever made them; its first one leaves recertify.
 * A pause is left by a decision alone. */
static void check_follows(struct sim_check *check, const struct sim_change *change)
{
    uint8_t at = TROTH_RUNG_RECERTIFY;
    for (const struct sim_change *before = check->changes; before < change; before++) {
        if (strcmp(before->id, change->id) == 0) {
            sim_check_fail(check, "intervention %s, of %s/%s, bears the id of another", change->id,
                           change->agent, change->contract);
        }
        if (strcmp(before->agent, change->agent) == 0 &&
            strcmp(before->contract, change->contract) == 0) {
            at = before->to;
        }
    }
    if (!check->lives_anew &&
        (change->from != at || (at == TROTH_RUNG_PAUSE && !change->decided))) {
        sim_check_fail(check, "%s/%s goes from %s to %s, and was at %s", change->agent,
                       change->contract, troth_rung_name(change->from), troth_rung_name(change->to),
                       troth_rung_name(at));
    }
}

void sim_check_committed(void *context, const struct sim_record *record, enum troth_topic topic)
{
    struct sim_check *check = context;
    if (topic != TROTH_TOPIC_INTERVENTIONS) {
        return;
    }
    json_t *told = json_loads(record->value, 0, NULL);
    if (json_object_get(told, "ruling") != NULL) {
        check->rulings++;
        json_decref(told);
        return;
    }
    TROTH_ASSERT(told != NULL && check->change_count < SIM_CHANGES_MAX);
    struct sim_change *change = &check->changes[check->change_count++];
    const json_t *witness = json_array_get(json_object_get(told, "witnesses"), 0);
    snprintf(change->agent, sizeof change->agent, "%s",
             json_string_value(json_object_get(told, "agent")));
    snprintf(change->contract, sizeof change->contract, "%s",
             json_string_value(json_object_get(told, "contract")));
    change->cause_offset = json_integer_value(json_object_get(witness, "offset"));
    snprintf(change->id, sizeof change->id, "%s", json_string_value(json_object_get(told, "id")));
    change->from = rung_of(told, "from");
    change->to = rung_of(told, "to");
    const json_t *cause = json_object_get(json_object_get(told, "cause"), "condition");
    change->stale = strcmp(json_string_value(cause), "freshness") == 0;
    change->decided = strcmp(json_string_value(cause), "decision") == 0;
    json_decref(told);
    check_follows(check, change);
}

/* What a former owner sent must not land after the present one's. */
static void check_not_stale(struct sim_check *check, const struct sim_write *write)
{
    const struct sim_redis *redis = &check->cluster->redis;
    for (size_t i = redis->count - 1; i-- > 0;) {
        const struct sim_write *before = &redis->writes[i];
        if (before->partition != write->partition) {
            continue;
        }
        if (before->era == write->era && before->claim > write->claim) {
            sim_check_fail(check,
                           "telemetry[%" PRId32 "] is claim %" PRId64
                           "'s in redis, and a write of claim %" PRId64 " landed",
                           write->partition, before->claim, write->claim);
        }
        return;
    }
}

/* Returns the row that a write of a standing changes, or NULL: nothing of it is shown. */
static const struct sim_write *row_before(const struct sim_redis *redis,
                                          const struct sim_write *write)
{
    for (size_t i = redis->count - 1; i-- > 0;) {
        const struct sim_write *before = &redis->writes[i];
        if (strcmp(before->agent, write->agent) == 0 &&
            strcmp(before->contract, write->contract) == 0 &&
            (before->kind == SIM_WRITE_REMOVE || before->kind == SIM_WRITE_STANDING)) {
            return before->kind == SIM_WRITE_STANDING ? before : NULL;
        }
    }
    return NULL;
}

/* Who takes a partition over finds how much of its log a former owner has shown. Until it has
 * applied as much itself, it may not show a standing wider. */
static void check_not_behind(struct sim_check *check, const struct sim_write *write)
{
    const struct sim_redis *redis = &check->cluster->redis;
    const struct sim_write *own = NULL;
    for (size_t i = redis->count - 1;
         write->kind == SIM_WRITE_STANDING && i-- > 0 && own == NULL;) {
        const struct sim_write *before = &redis->writes[i];
        own =
            before->kind == SIM_WRITE_OWN && before->partition == write->partition ? before : NULL;
    }
    if (own == NULL || write->sent_applied >= own->applied) {
        return;
    }
    const struct sim_write *row = row_before(redis, write);
    if (row != NULL && write->rung < row->rung) {
        sim_check_fail(check,
                       "%s/%s is shown at %s by who has applied telemetry[%" PRId32
                       "] up to %" PRId64 "; who had it before has shown %s, up to %" PRId64,
                       write->agent, write->contract, troth_rung_name(write->rung),
                       write->partition, write->sent_applied, troth_rung_name(row->rung),
                       own->applied);
    }
}

/* What is committed of a standing: its rung, and the one that it had before freshness alone took it
 * from clear or warn to narrow or recertify. */
struct rungs {
    uint8_t now;
    uint8_t former;
};

static struct rungs committed_of(const struct sim_check *check, const char *agent,
                                 const char *contract)
{
    struct rungs found = {TROTH_RUNG_RECERTIFY, TROTH_RUNG_RECERTIFY};
    for (size_t i = 0; i < check->change_count; i++) {
        const struct sim_change *change = &check->changes[i];
        if (strcmp(change->agent, agent) != 0 || strcmp(change->contract, contract) != 0) {
            continue;
        }
        const bool narrows = change->to == TROTH_RUNG_NARROW || change->to == TROTH_RUNG_RECERTIFY;
        const bool goes_on = change->from == TROTH_RUNG_NARROW && found.former < found.now;
        if (!change->stale || !narrows) {
            found.former = change->to;
        } else if (change->from < TROTH_RUNG_NARROW) {
            found.former = change->from;
        } else if (!goes_on) {
            found.former = change->to;
        }
        found.now = change->to;
    }
    return found;
}

/* Returns the agent's row before a write of it, or NULL. */
static const struct sim_write *agent_before(const struct sim_redis *redis,
                                            const struct sim_write *write)
{
    for (size_t i = redis->count - 1; i-- > 0;) {
        const struct sim_write *before = &redis->writes[i];
        if (strcmp(before->agent, write->agent) == 0 &&
            (before->kind == SIM_WRITE_AGENT ||
             (before->kind == SIM_WRITE_REMOVE && before->last))) {
            return before->kind == SIM_WRITE_AGENT ? before : NULL;
        }
    }
    return NULL;
}

/* An agent is the meet of its standings; those that are shown, and committed, bound it. What is no
 * wider than it was binds nobody: who takes a partition over may see less. */
static void check_agent(struct sim_check *check, const struct sim_write *write)
{
    const struct sim_redis *redis = &check->cluster->redis;
    const struct sim_write *before = agent_before(redis, write);
    check->guarded += write->guarded;
    if (check->lives_anew || (before != NULL && write->rung >= before->rung && !write->guarded)) {
        return;
    }
    for (size_t i = 0; i < check->change_count; i++) {
        const struct sim_change *change = &check->changes[i];
        bool complete = false;
        if (strcmp(change->agent, write->agent) != 0) {
            continue;
        }
        const struct sim_write *row =
            sim_redis_shows(redis, change->agent, change->contract, &complete);
        const struct rungs committed = committed_of(check, change->agent, change->contract);
        uint8_t bound = write->guarded ? committed.former : committed.now;
        bound = row != NULL && row->rung < bound ? row->rung : bound;
        if (row != NULL && write->rung < bound) {
            sim_check_fail(check, "%s is shown at %s%s; of %s %s is committed, and %s before that",
                           write->agent, troth_rung_name(write->rung),
                           write->guarded ? ", guarded" : "", change->contract,
                           troth_rung_name(committed.now), troth_rung_name(committed.former));
            return;
        }
    }
}

void sim_check_written(void *context, const struct sim_write *write)
{
    struct sim_check *check = context;
    unsigned committed = TROTH_RUNG_RECERTIFY;
    check_not_stale(check, write);
    check_not_behind(check, write);
    if (write->kind == SIM_WRITE_AGENT) {
        check_agent(check, write);
    }
    if (write->kind != SIM_WRITE_STANDING || write->cause_offset < 0) {
        return;
    }
    for (size_t i = 0; i < check->change_count; i++) {
        const struct sim_change *change = &check->changes[i];
        if (strcmp(change->agent, write->agent) != 0 ||
            strcmp(change->contract, write->contract) != 0) {
            continue;
        }
        committed = change->to;
        if (change->cause_offset == write->cause_offset && change->to == write->rung) {
            return;
        }
    }
    /* One record may take a standing down the ladder and up again in part, as from clear by
     * recertify to narrow. To who looks that is a narrowing. */
    const struct sim_write *row = row_before(&check->cluster->redis, write);
    const bool widens =
        (write->cause == TROTH_CONDITION_CALM || write->cause == TROTH_CONDITION_CERTIFIED) &&
        (row == NULL || write->rung <= row->rung);
    if (widens || (write->rung < committed && !check->lives_anew)) {
        sim_check_fail(check,
                       "%s/%s is shown at %s by version %" PRId64 " for offset %" PRId64
                       " of telemetry[%" PRId32 "], which is not committed; committed is %s",
                       write->agent, write->contract, troth_rung_name(write->rung), write->version,
                       write->cause_offset, write->partition, troth_rung_name(committed));
    }
}

/* ---- Lines. ---- */

struct lines {
    char **items;
    size_t count;
    size_t capacity;
};

static void lines_add(struct lines *lines, char *line)
{
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity > 0 ? lines->capacity * 2 : 64;
        lines->items = realloc(lines->items, lines->capacity * sizeof *lines->items);
        TROTH_ASSERT(lines->items != NULL);
    }
    lines->items[lines->count++] = line;
}

static void lines_fini(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->items[i]);
    }
    free(lines->items);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct lines *lines)
{
    if (lines->count > 0) {
        qsort(lines->items, lines->count, sizeof *lines->items, compare_lines);
    }
}

/* What is there twice is there once; what is left is sorted. */
static void drop_doubles(struct lines *lines)
{
    size_t kept = 0;
    sort(lines);
    for (size_t i = 0; i < lines->count; i++) {
        if (kept > 0 && strcmp(lines->items[kept - 1], lines->items[i]) == 0) {
            free(lines->items[i]);
        } else {
            lines->items[kept++] = lines->items[i];
        }
    }
    lines->count = kept;
}

/* Compares two lists, sorted. */
static void compare(struct sim_check *check, const char *what, struct lines *expected,
                    struct lines *found)
{
    size_t i = 0;
    sort(expected);
    sort(found);
    while (i < expected->count && i < found->count &&
           strcmp(expected->items[i], found->items[i]) == 0) {
        i++;
    }
    if (i < expected->count || i < found->count) {
        sim_check_fail(check,
                       "%s: %zu expected, %zu found; the first difference:\n    expected %.700s\n"
                       "    found    %.700s",
                       what, expected->count, found->count,
                       i < expected->count ? expected->items[i] : "(nothing)",
                       i < found->count ? found->items[i] : "(nothing)");
    }
}

__attribute__((format(printf, 1, 2))) static char *line_of(const char *format, ...)
{
    char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    const int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    TROTH_ASSERT(length >= 0);
    return line;
}

/* ---- At the end. ---- */

/* An intervention with its standing, and its place among those of that standing: the order between
 * standings is not promised. In lines: of those before it. */
static char *line_of_intervention(const struct lines *lines, const char *report)
{
    char standing[2 * SIM_NAME_MAX];
    json_t *told = json_loads(report, 0, NULL);
    TROTH_ASSERT(told != NULL);
    const int length = snprintf(standing, sizeof standing, "%s/%s ",
                                json_string_value(json_object_get(told, "agent")),
                                json_string_value(json_object_get(told, "contract")));
    size_t before = 0;
    for (size_t i = 0; i < lines->count; i++) {
        before += strncmp(lines->items[i], standing, (size_t)length) == 0;
    }
    json_decref(told);
    return line_of("%s%04zu %s", standing, before, report);
}

static void check_interventions(struct sim_check *check)
{
    const struct sim_log *log = &check->cluster->log;
    struct lines expected = {0};
    struct lines found = {0};
    for (int32_t p = 0; p < log->partition_count; p++) {
        for (size_t i = 0; i < check->runs[p].told_count; i++) {
            lines_add(&expected, line_of_intervention(&expected, check->runs[p].told[i]));
        }
        const struct sim_partition *topic = &log->topics[TROTH_TOPIC_INTERVENTIONS][p];
        for (int64_t i = 0; i < topic->count; i++) {
            if (topic->records[i].fate == SIM_COMMITTED) {
                lines_add(&found, line_of_intervention(&found, topic->records[i].value));
            }
        }
    }
    compare(check, "interventions", &expected, &found);
    lines_fini(&expected);
    lines_fini(&found);
}

/* Each contract's weeks were counted once, through all that happened. */
static void check_weeks(struct sim_check *check)
{
    const struct sim_log *log = &check->cluster->log;
    struct lines expected = {0};
    struct lines found = {0};
    for (int32_t p = 0; p < log->partition_count; p++) {
        for (size_t i = 0; i < check->runs[p].week_count; i++) {
            if (check->runs[p].weeks[i][0] != '\0') {
                lines_add(&expected, line_of("%s", check->runs[p].weeks[i]));
            }
        }
        const struct sim_partition *topic = &log->topics[TROTH_TOPIC_STANDINGS][p];
        for (int64_t i = 0; i < topic->count; i++) {
            const struct sim_record *record = &topic->records[i];
            struct troth_text contract;
            struct troth_week week;
            char name[TROTH_NAME_LENGTH_MAX + 1];
            int64_t number = 0;
            if (record->fate != SIM_COMMITTED || record->value == NULL ||
                !troth_week_key_read(record->key, record->key_length, &contract, &number) ||
                !sim_log_is_last(topic, i)) {
                continue;
            }
            if (troth_week_read(record->value, record->value_length, &week) != TROTH_OK ||
                week.number != number) {
                sim_check_fail(check, "a ledger of week %" PRId64 " cannot be read", number);
                continue;
            }
            snprintf(name, sizeof name, "%.*s", (int)contract.length, contract.data);
            char *line = sim_undisturbed_week(&week, name, p);
            if (line[0] != '\0') {
                lines_add(&found, line);
            } else {
                free(line);
            }
        }
    }
    compare(check, "ledgers", &expected, &found);
    lines_fini(&expected);
    lines_fini(&found);
}

static void check_rejects(struct sim_check *check)
{
    const struct sim_log *log = &check->cluster->log;
    struct lines expected = {0};
    struct lines found = {0};
    for (int32_t p = 0; p < log->partition_count; p++) {
        for (size_t i = 0; i < check->runs[p].reject_count; i++) {
            const struct sim_reject *reject = &check->runs[p].rejects[i];
            lines_add(&expected, line_of("%" PRId32 "/%" PRId64 " %s", p, reject->offset,
                                         troth_status_name(reject->reason)));
        }
        const struct sim_partition *topic = &log->topics[TROTH_TOPIC_REJECTS][p];
        for (int64_t i = 0; i < topic->count; i++) {
            const struct sim_record *record = &topic->records[i];
            if (record->fate == SIM_COMMITTED) {
                lines_add(&found, line_of("%s/%s %s", sim_record_header(record, "partition"),
                                          sim_record_header(record, "offset"),
                                          sim_record_header(record, "reason")));
            }
        }
    }
    compare(check, "rejects", &expected, &found);
    lines_fini(&expected);
    lines_fini(&found);
}

static void check_standing_row(struct sim_check *check, struct troth_standing_view *view)
{
    char agent[SIM_NAME_MAX];
    const char *contract = view->rules->contract->name;
    bool complete = false;
    snprintf(agent, sizeof agent, "%.*s", (int)view->agent.length, view->agent.data);
    const struct sim_write *row =
        sim_redis_shows(&check->cluster->redis, agent, contract, &complete);
    const struct troth_score score = troth_outlook_score(&view->sight);
    if (row == NULL || !complete) {
        sim_check_fail(check, "%s/%s is shown %s", agent, contract,
                       row == NULL ? "nowhere" : "in part");
        return;
    }
    const int off = (int)row->score - (int)score.score;
    if (row->rung != view->standing->rung || row->version != view->rules->contract->version ||
        (off < 0 ? -off : off) > (int)check->config->dead_band) {
        sim_check_fail(check,
                       "%s/%s is shown at %s with %u by version %" PRId64
                       "; it is at %s with %u by version %" PRId64,
                       agent, contract, troth_rung_name(row->rung), row->score, row->version,
                       troth_rung_name(view->standing->rung), score.score,
                       view->rules->contract->version);
    }
}

/* An agent's row: the meet of its standings. */
static void check_agent_row(struct sim_check *check, const struct sim_undisturbed *run,
                            struct troth_text name)
{
    uint32_t standings[TROTH_CONTRACTS_MAX];
    char agent[SIM_NAME_MAX];
    bool complete = false;
    unsigned rung = 0;
    snprintf(agent, sizeof agent, "%.*s", (int)name.length, name.data);
    const uint32_t count = troth_shard_of_agent(run->shard, name, standings, TROTH_CONTRACTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct troth_standing_view view;
        if (troth_shard_view(run->shard, standings[i], &view)) {
            rung = view.standing->rung > rung ? view.standing->rung : rung;
        }
    }
    const struct sim_write *row = sim_redis_shows(&check->cluster->redis, agent, NULL, &complete);
    const bool as_it_is = row != NULL && (row->guarded ? row->rung <= rung : row->rung == rung);
    if (!as_it_is || !complete) {
        sim_check_fail(check, "agent %s is shown %s%s; it is at %s", agent,
                       row == NULL ? "nowhere" : troth_rung_name(row->rung),
                       row != NULL && !complete ? ", in part" : "", troth_rung_name(rung));
    }
}

/* Whether the undisturbed run has a standing of an agent; under a contract, where one is given. */
static bool has_standing(struct troth_shard *shard, const char *agent, const char *contract)
{
    for (uint32_t s = 0; s < troth_shard_standings(shard); s++) {
        struct troth_standing_view view;
        if (troth_shard_view(shard, s, &view) && view.agent.length == strlen(agent) &&
            memcmp(view.agent.data, agent, view.agent.length) == 0 &&
            (contract == NULL || strcmp(view.rules->contract->name, contract) == 0)) {
            return true;
        }
    }
    return false;
}

/* Rows of standings, and of agents, that are no more. */
static void check_no_other_rows(struct sim_check *check)
{
    const struct sim_redis *redis = &check->cluster->redis;
    for (size_t i = 0; i < redis->count && !check->failed; i++) {
        const struct sim_write *write = &redis->writes[i];
        const char *contract = write->kind == SIM_WRITE_STANDING ? write->contract : NULL;
        bool complete = false;
        if ((write->kind == SIM_WRITE_STANDING || write->kind == SIM_WRITE_AGENT) &&
            sim_redis_shows(redis, write->agent, contract, &complete) != NULL &&
            !has_standing(check->runs[write->partition].shard, write->agent, contract)) {
            sim_check_fail(check, "%s/%s is shown, and is no more", write->agent,
                           contract != NULL ? contract : "");
        }
    }
}

static void check_redis(struct sim_check *check)
{
    for (int32_t p = 0; p < check->cluster->log.partition_count && !check->failed; p++) {
        struct sim_undisturbed *run = &check->runs[p];
        for (uint32_t s = 0; s < troth_shard_standings(run->shard); s++) {
            struct troth_standing_view view;
            if (troth_shard_view(run->shard, s, &view)) {
                check_standing_row(check, &view);
                check_agent_row(check, run, view.agent);
            }
        }
    }
    check_no_other_rows(check);
}

static void check_versions(struct sim_check *check)
{
    for (size_t i = 0; i < check->versions.count; i++) {
        const struct sim_version *v = &check->versions.items[i];
        const int64_t wanted = sim_versions_in_force(&check->versions, v->name);
        for (int32_t p = 0; p < check->cluster->log.partition_count; p++) {
            const int64_t run = sim_undisturbed_version(&check->runs[p], v->name);
            if (run != wanted) {
                sim_check_fail(
                    check, "%s@%" PRId64 " is in force, and telemetry[%" PRId32 "] runs %" PRId64,
                    v->name, wanted, p, run);
            }
        }
    }
}

void sim_check_rest(struct sim_check *check)
{
    struct sim_log *log = &check->cluster->log;
    sim_versions_read(&check->versions, log);
    for (int32_t p = 0; p < log->partition_count; p++) {
        sim_undisturbed_run(&check->runs[p], log, p, &check->versions, check->config);
    }
    check->ran = true;
    check_interventions(check);
    check_rejects(check);
    if (check->config->checkpoint_us > 0) {
        check_weeks(check);
    }
    check_versions(check);
    check_redis(check);
}

void sim_check_standings(struct sim_check *check, size_t since, const char *who)
{
    const struct sim_redis *redis = &check->cluster->redis;
    struct lines expected = {0};
    struct lines found = {0};
    for (int32_t p = 0; p < check->cluster->log.partition_count; p++) {
        struct troth_shard *shard = check->runs[p].shard;
        for (uint32_t s = 0; s < troth_shard_standings(shard); s++) {
            struct troth_standing_view view;
            if (troth_shard_view(shard, s, &view)) {
                json_t *report = troth_report_standing(&view);
                lines_add(&expected, json_dumps(report, TROTH_REPORT_FLAGS));
                json_decref(report);
            }
        }
    }
    for (size_t i = since; i < redis->count; i++) {
        if (redis->writes[i].report != NULL) {
            lines_add(&found, line_of("%s", redis->writes[i].report));
        }
    }
    drop_doubles(&found); /* a guard that ends meanwhile has its standings published again */
    compare(check, who, &expected, &found);
    lines_fini(&expected);
    lines_fini(&found);
}
