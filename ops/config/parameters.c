#include "ops/config/parameters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/alert/json.h"
#include "ops/alert/urls.h"
#include "ops/config/parse.h"
#include "ops/kafka/property.h"
#include "ops/monitor/http.h"
#include "schemas/assert.h"
#include "schemas/trust.h"

#define AT(member)          offsetof(struct troth_config, member)
#define NAME_OF(NAME, text) text,
#define SECONDS(count)      (INT64_C(1000000) * (count))
#define MILLISECONDS(count) (INT64_C(1000) * (count))

static const char *const clock_names[] = {TROTH_CONFIG_CLOCKS(NAME_OF) NULL};
static const char *const delivery_names[] = {TROTH_CONFIG_DELIVERIES(NAME_OF) NULL};
static const char *const tls_names[] = {TROTH_CONFIG_TLS(NAME_OF) NULL};
static const char *const signatures_names[] = {TROTH_CONFIG_SIGNATURES(NAME_OF) NULL};
static const char *const partitioner_names[] = {TROTH_PARTITIONERS(NAME_OF) NULL};
static const char *const framing_names[] = {TROTH_FRAMINGS(NAME_OF) NULL};

static bool accepts_prefix(const char *name, const char *value)
{
    (void)name;
    size_t length = strlen(value);
    if (length < 1 || length > TROTH_CONFIG_PREFIX_LENGTH_MAX || value[0] == '.') {
        return false;
    }
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return strspn(value, allowed) == length;
}

static bool accepts_name(const char *name, const char *value)
{
    (void)name;
    size_t length = strlen(value);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)value[i] < 0x21 || value[i] == 0x7f) {
            return false;
        }
    }
    return length <= 200;
}

static bool accepts_address(const char *name, const char *value)
{
    (void)name;
    if (strncmp(value, "unix:", 5) == 0) {
        return value[5] != '\0' && strlen(value + 5) <= 107; /* sockaddr_un's room */
    }
    const char *colon = strrchr(value, ':');
    int64_t port;
    if (colon == NULL || colon == value || !troth_parse_integer(colon + 1, &port) || port < 1 ||
        port > 65535) {
        return false;
    }
    /* An IPv6 address has colons of its own, so it stands in brackets. */
    const char *inner = memchr(value, ':', (size_t)(colon - value));
    return inner == NULL || (value[0] == '[' && colon[-1] == ']');
}

static bool accepts_http(const char *name, const char *value)
{
    (void)name;
    return strcmp(value, "off") == 0 || troth_http_accepts(value);
}

static bool accepts_urls(const char *name, const char *value)
{
    struct troth_alert_urls urls;
    (void)name;
    return troth_alert_urls_read(value, &urls);
}

static bool accepts_link(const char *name, const char *value)
{
    (void)name;
    return troth_alert_link_accepts(value);
}

static bool accepts_time(const char *name, const char *value)
{
    int64_t time_us;
    (void)name;
    return value[0] == '\0' || troth_trust_time(value, strlen(value), &time_us);
}

static bool accepts_schema(const char *name, const char *value)
{
    int64_t id;
    return troth_parse_integer(name, &id) && id >= 0 && id <= UINT32_MAX && value[0] != '\0';
}

static const struct troth_parameter table[] = {
    {.key = "prefix",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(prefix),
     .initial = "troth",
     .accepts = accepts_prefix,
     .right = "1 to 48 letters, digits, '.', '_' or '-', not beginning with '.'",
     .help = "Names everything of this installation: topics PREFIX.telemetry and so on, Redis keys "
             "PREFIX:..."},
    {.key = "kafka",
     .type = TROTH_PARAMETER_MAP,
     .offset = AT(kafka),
     .right = "librdkafka properties, as bootstrap.servers: HOST:PORT",
     .example = "bootstrap.servers: 127.0.0.1:9092",
     .help = "librdkafka properties, passed through: bootstrap.servers, security.protocol, "
             "sasl.mechanism and the rest. Passwords belong here or in the environment, never in a "
             "flag."},
    {.key = "group",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(group),
     .initial = "",
     .accepts = accepts_name,
     .right = "at most 200 characters without spaces",
     .derived = "the prefix",
     .help = "Consumer group of the engine: its processes share the telemetry partitions."},
    {.key = "instance",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(instance),
     .initial = "",
     .accepts = accepts_name,
     .right = "at most 200 characters without spaces",
     .derived = "the host's name",
     .help = "Names this process within the group (static membership). Must differ between "
             "processes and stay the same over a restart."},
    {.key = "workers",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(workers),
     .initial = "1",
     .low = 1,
     .high = 64,
     .help = "Threads of the engine, each a member of the group. More than there are partitions "
             "stand idle."},
    {.key = "clock",
     .type = TROTH_PARAMETER_ENUM,
     .offset = AT(clock),
     .initial = "log_append_time",
     .names = clock_names,
     .help = "Where a record's time comes from. create_time trusts the producers' clocks: for the "
             "embedded broker and for loading old events, not for production."},
    {.key = "topics.partitions",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(topics_partitions),
     .initial = "12",
     .low = 1,
     .high = 10000,
     .help = "Partitions of telemetry and standings, used when topics are created. Cannot be "
             "changed later without a new era."},
    {.key = "topics.replication",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(topics_replication),
     .initial = "1",
     .low = 1,
     .high = 32,
     .help = "Replicas of every topic, used when topics are created. 3 in production."},
    {.key = "era",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(era),
     .initial = "1",
     .low = 1,
     .high = 1000000000,
     .help = "Number of the log that the topics hold. Make it greater when topics are made anew or "
             "another cluster takes over, and run `troth redis rebuild --new-era`."},
    {.key = "partitioner",
     .type = TROTH_PARAMETER_ENUM,
     .offset = AT(partitioner),
     .initial = "murmur2_random",
     .names = partitioner_names,
     .help = "How the producers of telemetry choose a partition by key, in librdkafka's names; "
             "Java's default is murmur2_random. A record elsewhere is rejected as misrouted."},
    {.key = "framing",
     .type = TROTH_PARAMETER_ENUM,
     .offset = AT(framing),
     .initial = "any",
     .names = framing_names,
     .help = "Which framings of an event are accepted: bare Avro, Confluent's wire format, Avro's "
             "single object, or any of them."},
    {.key = "schemas",
     .type = TROTH_PARAMETER_MAP,
     .offset = AT(schemas),
     .accepts = accepts_schema,
     .right = "ID: FILE, a schema id and the path of an .avsc file or `embedded`",
     .example = "17: /etc/troth/agent_event_17.avsc",
     .help = "Writers' schemas: the id in Confluent's wire format, and the .avsc file that it "
             "stands for; `embedded` names the schema that Troth itself writes."},
    {.key = "redis.address",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(redis_address),
     .initial = "127.0.0.1:6379",
     .accepts = accepts_address,
     .right = "HOST:PORT, [IPV6]:PORT or unix:PATH",
     .help = "Where Redis listens."},
    {.key = "redis.user",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(redis_user),
     .initial = "",
     .accepts = accepts_name,
     .right = "at most 200 characters without spaces",
     .derived = "Redis' default user",
     .help = "The user of Redis' ACL."},
    {.key = "redis.password_file",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(redis_password_file),
     .initial = "",
     .derived = "no password",
     .help = "A file whose first line is the password of Redis."},
    {.key = "redis.tls",
     .type = TROTH_PARAMETER_ENUM,
     .offset = AT(redis_tls),
     .initial = "off",
     .names = tls_names,
     .help = "Whether Redis is spoken to by TLS: then redis.address is its tls-port, and its "
             "certificate must bear the name or address that stands there. A unix socket needs "
             "none."},
    {.key = "redis.ca_file",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(redis_ca_file),
     .initial = "",
     .derived = "the authorities that the system trusts",
     .help = "A PEM file of the authorities that may have signed Redis' certificate."},
    {.key = "redis.cert_file",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(redis_cert_file),
     .initial = "",
     .derived = "none; Redis asks for one unless tls-auth-clients is no",
     .help = "A PEM file with the certificate that is shown to Redis, and its chain."},
    {.key = "redis.key_file",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(redis_key_file),
     .initial = "",
     .derived = "redis.cert_file, which may hold both",
     .help = "A PEM file with the key to redis.cert_file, without a passphrase."},
    {.key = "redis.database",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(redis_database),
     .initial = "0",
     .low = 0,
     .high = 1023,
     .help = "Number of the Redis database."},
    {.key = "redis.stream_length",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(redis_stream_length),
     .initial = "100000",
     .low = 100,
     .high = 10000000,
     .help =
         "Entries that the stream PREFIX:interventions keeps, about: enough for the longest time "
         "that a router may be away without having to read every agent again. An entry takes "
         "about 1 KB of Redis' memory."},
    {.key = "http",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(http),
     .initial = "127.0.0.1:9464",
     .accepts = accepts_http,
     .right = "HOST:PORT or [IPV6]:PORT, with port 0 for any, or off",
     .help = "Where the engine serves /metrics (Prometheus), /healthz and /readyz, to whoever can "
             "reach it. Port 0: any that is free, which the log tells."},
    {.key = "publish",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(publish_us),
     .initial = "50ms",
     .low = MILLISECONDS(1),
     .high = SECONDS(60),
     .help = "Scores that change within this time are written to Redis once. A narrowing never "
             "waits for it."},
    {.key = "dead_band",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(dead_band),
     .initial = "5",
     .low = 0,
     .high = 1000,
     .help = "Points by which a score must have moved to be worth a write."},
    {.key = "max_narrowed",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(max_narrowed),
     .initial = "50",
     .low = 1,
     .high = 100,
     .help =
         "Percent. Where freshness alone narrows more than so many of a contract's standings in "
         "a partition (at least 20) within the contract's hold, its telemetry has stopped: an "
         "outage, and not so many agents that went bad at once."},
    {.key = "guard_for",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(guard_for_us),
     .initial = "1h",
     .low = 0,
     .high = SECONDS(24 * 3600),
     .help = "For so long, at most, agents that an outage narrowed are offered by their former "
             "scope; never where consequence is high. 0s: outages are not looked for, and every "
             "narrowing counts at once."},
    {.key = "delivery",
     .type = TROTH_PARAMETER_ENUM,
     .offset = AT(delivery),
     .initial = "exactly_once",
     .names = delivery_names,
     .help =
         "With exactly_once interventions, rejects, standings and progress are one transaction, "
         "there once or not at all. With at_least_once there are no transactions, so no rights "
         "on a transactional id are needed; interventions and rejects may be there twice after "
         "a crash, and standings are not kept (no checkpoints), so that a restart reads all "
         "telemetry that there is."},
    {.key = "commit",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(commit_us),
     .initial = "1s",
     .low = MILLISECONDS(10),
     .high = SECONDS(60),
     .help = "How often progress is committed; after a crash at most this much is read again."},
    {.key = "checkpoint",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(checkpoint_us),
     .initial = "1s",
     .low = 0,
     .high = SECONDS(600),
     .help =
         "How often the standings that changed are written to Kafka, so that a restart reads "
         "them and the records since. Rounds get a tenth of the loop's time at most. 0s: never, as "
         "with at_least_once; a restart then reads all telemetry that is kept."},
    {.key = "tick",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(tick_us),
     .initial = "1s",
     .low = 0,
     .high = SECONDS(60),
     .help = "A partition that was silent this long is given a tick, so that deadlines pass; 0s: "
             "never, where recorded events are sent by their own time."},
    {.key = "agents_max",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(agents_max),
     .initial = "100000",
     .low = 1,
     .high = 16000000,
     .help = "Agents that one partition may hold; events of more are rejected. Memory is reserved "
             "for so many, and used as they come."},
    {.key = "standings_max",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(standings_max),
     .initial = "200000",
     .low = 1,
     .high = 32000000,
     .help = "Standings (an agent under a contract) that one partition may hold."},
    {.key = "max_ahead",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(max_ahead_us),
     .initial = "60s",
     .low = 0,
     .high = SECONDS(86400),
     .help = "An event whose time is further than this past its record's is rejected: freshness "
             "cannot be bought with a fast clock."},
    {.key = "drain",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(drain_us),
     .initial = "30s",
     .low = 0,
     .high = SECONDS(3600),
     .help =
         "How long a worker that ends may publish what Redis has not taken yet. What is left is "
         "published by the next owner."},
    {.key = "evict_after",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(evict_after_us),
     .initial = "30d",
     .low = 0,
     .high = SECONDS(86400 * 3650),
     .help = "An agent in recertify with nothing on record gives its place back after one to two "
             "times this long without an event, by the log's clock; its next event begins it anew. "
             "The same for all processes. 0s: never."},
    {.key = "alertmanager.urls",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(alertmanager_urls),
     .initial = "",
     .accepts = accepts_urls,
     .right = "1 to 4 URLs of http:// or https://, without a user, separated by commas",
     .derived = "nobody is alerted",
     .help = "Alertmanagers that are told at once of each agent that is narrowed, and when it is "
             "over. All of a cluster are named, since each is sent everything."},
    {.key = "alertmanager.authorization_file",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(alertmanager_authorization_file),
     .initial = "",
     .derived = "no such header",
     .help = "A file whose first line is sent to Alertmanagers as the header Authorization, such "
             "as `Bearer TOKEN`."},
    {.key = "alertmanager.link",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(alertmanager_link),
     .initial = "",
     .accepts = accepts_link,
     .right = "a URL of http:// or https://, with {agent} and {contract} where these stand",
     .derived = "no link",
     .help = "Where an alert leads, as https://fleet.example/agents/{agent}?contract={contract}."},
    {.key = "alertmanager.resend",
     .type = TROTH_PARAMETER_DURATION,
     .offset = AT(alertmanager_resend_us),
     .initial = "30s",
     .low = SECONDS(1),
     .high = SECONDS(600),
     .help = "An alert that lasts is sent again this often, and ends by itself when it was not for "
             "four times as long: when no engine runs any more."},
    {.key = "alertmanager.limit",
     .type = TROTH_PARAMETER_INTEGER,
     .offset = AT(alertmanager_limit),
     .initial = "100",
     .low = 1,
     .high = 1000,
     .help = "Agents of one contract and process that are told of one by one. With more narrowed "
             "at once there is one alert for the contract, until a fifth less than this is left."},
    {.key = "signatures.require",
     .type = TROTH_PARAMETER_ENUM,
     .offset = AT(signatures_require),
     .initial = "off",
     .names = signatures_names,
     .help = "Which records must be signed by a key of signatures.trust_file to be believed: "
             "contracts by authors, decisions by operators. The same for all processes, and for "
             "good: what is not believed never takes effect."},
    {.key = "signatures.since",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(signatures_since),
     .initial = "",
     .accepts = accepts_time,
     .right = "a time as 2026-12-01T00:00:00Z",
     .derived = "the beginning of the log",
     .help = "From when on, by the log's time. What the log took before need not be signed, so "
             "that turning signatures on changes no history: set it to when that was."},
    {.key = "signatures.trust_file",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(signatures_trust_file),
     .initial = "",
     .derived = "none",
     .help = "Whose signatures count: a public key a line, with roles and name "
             "(schemas/signatures.md). The same for all processes."},
    {.key = "signatures.key_file",
     .type = TROTH_PARAMETER_TEXT,
     .offset = AT(signatures_key_file),
     .initial = "",
     .derived = "none; commands sign with --key FILE",
     .help = "The secret key that troth signs contracts and decisions with; trothd needs none. "
             "For its owner alone (troth key new)."},
};
enum { ROW_COUNT = sizeof table / sizeof table[0] };

_Static_assert((int)ROW_COUNT <= (int)TROTH_CONFIG_PARAMETERS_MAX, "room for the sources");

const struct troth_parameter *troth_parameters(size_t *count)
{
    *count = ROW_COUNT;
    return table;
}

const struct troth_parameter *troth_parameter_find(const char *key, size_t length)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (troth_parse_same_name(table[i].key, strlen(table[i].key), key, length)) {
            return &table[i];
        }
    }
    return NULL;
}

const char *troth_parameter_nearest(const char *key)
{
    struct troth_nearest nearest = troth_nearest_start(key);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        troth_nearest_offer(&nearest, table[i].key);
    }
    return nearest.best;
}

int64_t *troth_parameter_integer(struct troth_config *config,
                                 const struct troth_parameter *parameter)
{
    return (int64_t *)(void *)((char *)config + parameter->offset);
}

char **troth_parameter_text(struct troth_config *config, const struct troth_parameter *parameter)
{
    return (char **)(void *)((char *)config + parameter->offset);
}

struct troth_config_map *troth_parameter_map(struct troth_config *config,
                                             const struct troth_parameter *parameter)
{
    return (struct troth_config_map *)(void *)((char *)config + parameter->offset);
}

const char *troth_parameter_right(const struct troth_parameter *parameter, char *buffer,
                                  size_t capacity)
{
    char low[TROTH_PARSE_TEXT_MAX];
    char high[TROTH_PARSE_TEXT_MAX];
    if (parameter->right != NULL) {
        snprintf(buffer, capacity, "%s", parameter->right);
    } else if (parameter->type == TROTH_PARAMETER_INTEGER) {
        snprintf(buffer, capacity, "an integer from %" PRId64 " to %" PRId64, parameter->low,
                 parameter->high);
    } else if (parameter->type == TROTH_PARAMETER_DURATION) {
        snprintf(buffer, capacity, "a duration from %s to %s, an integer with ms, s, m, h or d",
                 troth_parse_write_duration(parameter->low, low),
                 troth_parse_write_duration(parameter->high, high));
    } else if (parameter->type == TROTH_PARAMETER_ENUM) {
        size_t used = 0;
        for (size_t i = 0; parameter->names[i] != NULL && used < capacity; i++) {
            const char *joint = i == 0 ? "" : parameter->names[i + 1] == NULL ? " or " : ", ";
            used += (size_t)snprintf(buffer + used, capacity - used, "%s%s", joint,
                                     parameter->names[i]);
        }
    } else {
        snprintf(buffer, capacity, "text");
    }
    return buffer;
}

static troth_status refuse(const struct troth_parameter *parameter, const char *value, char *reason)
{
    char right[256];
    snprintf(reason, TROTH_PARAMETER_REASON_LENGTH, "\"%.100s\" will not do; expected %s", value,
             troth_parameter_right(parameter, right, sizeof right));
    return TROTH_INVALID;
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    TROTH_ASSERT(copy != NULL); /* a few KiB at start */
    return copy;
}

static troth_status set_entry(struct troth_config *config, const struct troth_parameter *parameter,
                              const char *name, const char *value, enum troth_config_source source,
                              char *reason)
{
    struct troth_config_map *map = troth_parameter_map(config, parameter);
    if (parameter->accepts != NULL && !parameter->accepts(name, value)) {
        return refuse(parameter, name, reason);
    }
    if (map == &config->kafka) {
        troth_status status =
            troth_kafka_property_check(name, value, reason, TROTH_PARAMETER_REASON_LENGTH);
        if (status != TROTH_OK) {
            return status;
        }
    }
    uint32_t i = 0;
    while (i < map->count && strcmp(map->entries[i].name, name) != 0) {
        i++;
    }
    if (i == TROTH_CONFIG_ENTRIES_MAX) {
        snprintf(reason, TROTH_PARAMETER_REASON_LENGTH, "is one too many; at most %d entries",
                 TROTH_CONFIG_ENTRIES_MAX);
        return TROTH_FULL;
    }
    struct troth_config_entry *entry = &map->entries[i];
    if (i == map->count) {
        entry->name = copy_text(name);
        map->count++;
    }
    free(entry->value);
    entry->value = copy_text(value);
    entry->source = source;
    return TROTH_OK;
}

static bool read_value(const struct troth_parameter *parameter, const char *value, int64_t *number)
{
    if (parameter->type == TROTH_PARAMETER_ENUM) {
        for (size_t i = 0; parameter->names[i] != NULL; i++) {
            if (strcmp(parameter->names[i], value) == 0) {
                *number = (int64_t)i;
                return true;
            }
        }
        return false;
    }
    int64_t read;
    bool is_read = parameter->type == TROTH_PARAMETER_DURATION ? troth_parse_duration(value, &read)
                                                               : troth_parse_integer(value, &read);
    if (!is_read || read < parameter->low || read > parameter->high) {
        return false;
    }
    *number = read;
    return true;
}

troth_status troth_parameter_set(struct troth_config *config,
                                 const struct troth_parameter *parameter, const char *entry,
                                 const char *value, enum troth_config_source source,
                                 char reason[TROTH_PARAMETER_REASON_LENGTH])
{
    if (strlen(value) > TROTH_CONFIG_TEXT_LENGTH_MAX) {
        snprintf(reason, TROTH_PARAMETER_REASON_LENGTH, "is too long; at most %d bytes",
                 TROTH_CONFIG_TEXT_LENGTH_MAX);
        return TROTH_INVALID;
    }
    if (parameter->type == TROTH_PARAMETER_MAP) {
        return set_entry(config, parameter, entry, value, source, reason);
    }
    if (parameter->type == TROTH_PARAMETER_TEXT) {
        if (parameter->accepts != NULL && !parameter->accepts(NULL, value)) {
            return refuse(parameter, value, reason);
        }
        char **text = troth_parameter_text(config, parameter);
        free(*text);
        *text = copy_text(value);
    } else if (!read_value(parameter, value, troth_parameter_integer(config, parameter))) {
        return refuse(parameter, value, reason);
    }
    config->sources[parameter - table] = source;
    return TROTH_OK;
}

const char *troth_parameter_write(const struct troth_config *config,
                                  const struct troth_parameter *parameter, char *buffer)
{
    const char *at = (const char *)config + parameter->offset;
    if (parameter->type == TROTH_PARAMETER_TEXT) {
        return *(char *const *)(const void *)at;
    }
    int64_t number = *(const int64_t *)(const void *)at;
    if (parameter->type == TROTH_PARAMETER_ENUM) {
        return parameter->names[number];
    }
    if (parameter->type == TROTH_PARAMETER_DURATION) {
        return troth_parse_write_duration(number, buffer);
    }
    snprintf(buffer, TROTH_PARSE_TEXT_MAX, "%" PRId64, number);
    return buffer;
}

const char *troth_config_clock_name(const struct troth_config *config)
{
    return clock_names[config->clock];
}

const char *troth_config_partitioner_name(const struct troth_config *config)
{
    return partitioner_names[config->partitioner];
}
