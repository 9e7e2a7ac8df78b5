/*
 * Claims: a later source wins, value by value; every row of the table takes its limits and refuses
 * what lies just outside; what is wrong is told with file, line, key and what would be right; a
 * secret is neither printed nor taken from a flag; what is printed reads back as the same
 * configuration; the example in the tree is the table's; and no file, whatever its bytes, does more
 * than be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/config/config.h"
#include "ops/config/parameters.h"
#include "ops/config/parse.h"

enum { TOLD_MAX = 65536, TEXT_MAX = 65536 };

/* What was told on stderr by the last load. */
static char told[TOLD_MAX];

static FILE *file_with(const char *text, size_t length, char *path, size_t capacity)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fflush(file), 0);
    snprintf(path, capacity, "/proc/self/fd/%d", fileno(file));
    return file;
}

/* Loads with stderr kept in `told`. In yaml: NULL for no file. */
static troth_status load_bytes(struct troth_config *config, const char *yaml, size_t length,
                               char **environment, const struct troth_config_flag *flags,
                               size_t flag_count)
{
    static char *none[] = {NULL};
    char path[64];
    char empty_path[64];
    FILE *empty = file_with("", 0, empty_path, sizeof empty_path);
    FILE *file = yaml != NULL ? file_with(yaml, length, path, sizeof path) : NULL;
    const struct troth_config_request request = {.file = yaml != NULL ? path : empty_path,
                                                 .flags = flags,
                                                 .flag_count = flag_count,
                                                 .environment =
                                                     environment != NULL ? environment : none};
    FILE *errors = tmpfile();
    assert_non_null(errors);
    fflush(stderr);
    const int kept = dup(STDERR_FILENO);
    dup2(fileno(errors), STDERR_FILENO);
    const troth_status status = troth_config_load(config, &request);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(errors);
    const size_t read = fread(told, 1, sizeof told - 1, errors);
    told[read] = '\0';
    fclose(errors);
    if (file != NULL) {
        fclose(file);
    }
    fclose(empty);
    return status;
}

static troth_status load(struct troth_config *config, const char *yaml, char **environment,
                         const struct troth_config_flag *flags, size_t flag_count)
{
    return load_bytes(config, yaml, yaml != NULL ? strlen(yaml) : 0, environment, flags,
                      flag_count);
}

static void assert_told(const char *part)
{
    if (strstr(told, part) == NULL) {
        fail_msg("\"%s\" was not told, but:\n%s", part, told);
    }
}

/* Loads a file that must be refused with these words. */
static void refuse(const char *yaml, const char *part)
{
    struct troth_config config;
    if (load(&config, yaml, NULL, NULL, 0) != TROTH_INVALID) {
        fail_msg("was not refused:\n%s", yaml);
    }
    assert_told(part);
    troth_config_fini(&config);
}

static void a_later_source_wins_value_by_value(void **state)
{
    (void)state;
    struct troth_config config;
    char *environment[] = {"TROTH_WORKERS=3",
                           "TROTH_REDIS_DATABASE=4",
                           "TROTH_KAFKA_BOOTSTRAP_SERVERS=env:1",
                           "TROTH_SCHEMAS_9=/nine.avsc",
                           "PATH=/bin",
                           NULL};
    const struct troth_config_flag flags[] = {
        {"redis-database", "5"}, {"kafka", "linger.ms=7"}, {"redis.address", "[::1]:6379"}};
    const char *yaml = "prefix: fromfile\n"
                       "workers: 2\n"
                       "redis:\n  database: 3\n"
                       "tick: 2s\n"
                       "kafka:\n  bootstrap.servers: file:1\n  sasl.mechanism: PLAIN\n";
    assert_int_equal(load(&config, yaml, environment, flags, 3), TROTH_OK);
    assert_string_equal(config.prefix, "fromfile");
    assert_string_equal(config.group, "fromfile"); /* follows the prefix */
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.redis_database, 5);
    assert_int_equal(config.tick_us, 2000000);
    assert_int_equal(config.publish_us, 50000);
    assert_string_equal(config.redis_address, "[::1]:6379");
    assert_string_equal(troth_config_kafka(&config, "bootstrap.servers"), "env:1");
    assert_string_equal(troth_config_kafka(&config, "sasl.mechanism"), "PLAIN");
    assert_string_equal(troth_config_kafka(&config, "linger.ms"), "7");
    assert_null(troth_config_kafka(&config, "sasl.username"));
    assert_int_equal(config.schemas.count, 1);
    assert_string_equal(config.schemas.entries[0].name, "9");
    assert_string_equal(told, "");
    troth_config_fini(&config);
}

/* Sets one row through the environment. */
static troth_status set_row(struct troth_config *config, const struct troth_parameter *row,
                            const char *value)
{
    char variable[256];
    int length = snprintf(variable, sizeof variable, "TROTH_%s=", row->key);
    for (int i = 0; i < length - 1; i++) {
        variable[i] = (char)(variable[i] == '.'                         ? '_'
                             : variable[i] >= 'a' && variable[i] <= 'z' ? variable[i] - 'a' + 'A'
                                                                        : variable[i]);
    }
    snprintf(variable + length, sizeof variable - (size_t)length, "%s", value);
    char *environment[] = {variable, NULL};
    return load(config, NULL, environment, NULL, 0);
}

static void assert_row(const struct troth_parameter *row, int64_t number, bool is_right)
{
    struct troth_config config;
    char value[TROTH_PARSE_TEXT_MAX];
    char written[TROTH_PARSE_TEXT_MAX];
    if (row->type == TROTH_PARAMETER_DURATION && number >= 0) {
        (void)troth_parse_write_duration(number, value);
    } else {
        snprintf(value, sizeof value, "%" PRId64, number);
    }
    const troth_status status = set_row(&config, row, value);
    if ((status == TROTH_OK) != is_right) {
        fail_msg("%s: %s was %s\n%s", row->key, value, is_right ? "refused" : "taken", told);
    }
    if (is_right) {
        assert_int_equal(*troth_parameter_integer(&config, row), number);
        assert_string_equal(troth_parameter_write(&config, row, written), value);
    }
    troth_config_fini(&config);
}

static void every_row_takes_its_limits_and_refuses_what_lies_outside(void **state)
{
    (void)state;
    size_t count;
    const struct troth_parameter *table = troth_parameters(&count);
    unsigned limited = 0;
    for (size_t i = 0; i < count; i++) {
        if (table[i].type != TROTH_PARAMETER_INTEGER && table[i].type != TROTH_PARAMETER_DURATION) {
            continue;
        }
        limited++;
        assert_row(&table[i], table[i].low, true);
        assert_row(&table[i], table[i].high, true);
        assert_row(&table[i], table[i].low - 1, false);
        assert_row(&table[i], table[i].high + 1, false);
    }
    assert_true(limited >= 10);
}

static void every_row_has_a_default_that_it_takes_and_a_key_of_its_own(void **state)
{
    (void)state;
    size_t count;
    struct troth_config config;
    char buffer[TROTH_PARSE_TEXT_MAX];
    const struct troth_parameter *table = troth_parameters(&count);
    assert_int_equal(load(&config, NULL, NULL, NULL, 0), TROTH_OK);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(troth_parameter_find(table[i].key, strlen(table[i].key)), &table[i]);
        assert_non_null(table[i].help);
        if (table[i].type != TROTH_PARAMETER_MAP && table[i].derived == NULL) {
            int64_t default_us;
            int64_t shown_us;
            const char *shown = troth_parameter_write(&config, &table[i], buffer);
            if (table[i].type == TROTH_PARAMETER_DURATION) {
                assert_true(troth_parse_duration(table[i].initial, &default_us));
                assert_true(troth_parse_duration(shown, &shown_us));
                assert_int_equal(default_us, shown_us);
            } else {
                assert_string_equal(shown, table[i].initial);
            }
            assert_int_equal(config.sources[i], TROTH_CONFIG_DEFAULT);
        }
    }
    assert_true(config.instance[0] != '\0');
    troth_config_fini(&config);
}

static void what_is_wrong_is_told_with_line_key_and_what_is_right(void **state)
{
    (void)state;
    refuse("prefix: a\nworkers: 65\n",
           ":2: workers: \"65\" will not do; expected an integer from 1 to 64");
    refuse("redis:\n  adress: x\n", ":2: redis.adress: there is no such key; did you mean "
                                    "redis.address?");
    refuse("clock: now\n", ":1: clock: \"now\" will not do; expected log_append_time or "
                           "create_time");
    refuse("delivery: at_most_once\n", ":1: delivery: \"at_most_once\" will not do; expected "
                                       "exactly_once or at_least_once");
    refuse("tick: 5\n", ":1: tick: \"5\" will not do; expected a duration from 0s to 1m");
    refuse("redis: here\n", ":1: redis: must be a map of keys");
    refuse("redis:\n  address: nowhere\n", "expected HOST:PORT, [IPV6]:PORT or unix:PATH");
    refuse("workers: [1]\n", ":1: workers: must be one value");
    refuse("kafka: x\n", ":1: kafka: must be a map");
    refuse("kafka:\n  bootstrap.serves: x\n",
           ":2: kafka.bootstrap.serves: librdkafka has no such property; did you mean "
           "bootstrap.servers?");
    refuse("kafka:\n  linger.ms: soon\n", ":2: kafka.linger.ms:");
    refuse("kafka:\n  group.id: x\n", "set `group` instead");
    refuse("kafka:\n  enable.auto.commit: \"true\"\n", ":2: kafka.enable.auto.commit:");
    refuse("kafka:\n  linger.ms: 1\n  linger.ms: 2\n", ":3: kafka.linger.ms: is set twice");
    refuse("tick: 1s\ntick: 2s\n", ":2: tick: is set twice, first on line 1");
    refuse("schemas:\n  one: /a.avsc\n", ":2: schemas.one:");
    refuse("schemas:\n  4294967296: /a.avsc\n", ":2: schemas.4294967296:");
    refuse("prefix: a:b\n", ":1: prefix: \"a:b\" will not do");
    refuse("a: [\n", ": is not YAML: ");
    refuse("- a\n", ":1: must be a map of keys");
    refuse("Prefix: a\n", "did you mean prefix?"); /* in a file a key is written one way */
}

static void all_problems_of_all_sources_are_told_at_once(void **state)
{
    (void)state;
    struct troth_config config;
    char *environment[] = {"TROTH_DEAD_BAND=many", "TROTH_WORKRES=2", NULL};
    const struct troth_config_flag flags[] = {{"tick", "never"}};
    assert_int_equal(load(&config, "workers: 0\n", environment, flags, 1), TROTH_INVALID);
    assert_told(":1: workers:");
    assert_told("TROTH_DEAD_BAND: \"many\"");
    assert_told("TROTH_WORKRES: is no parameter and is ignored; did you mean workers?");
    assert_told("--tick: \"never\"");
    troth_config_fini(&config);
}

static void a_key_without_a_value_leaves_the_default(void **state)
{
    (void)state;
    struct troth_config config;
    assert_int_equal(
        load(&config, "kafka:\nredis:\n  # address: x\ntick:\nworkers: ~\n", NULL, NULL, 0),
        TROTH_OK);
    assert_int_equal(config.workers, 1);
    assert_int_equal(config.kafka.count, 0);
    troth_config_fini(&config);
}

static void a_file_that_was_named_must_be_there(void **state)
{
    (void)state;
    struct troth_config config;
    const struct troth_config_request request = {.file = "/nonexistent/troth.yaml"};
    assert_int_equal(troth_config_load(&config, &request), TROTH_NOT_FOUND);
    troth_config_fini(&config);
}

/* Returns what is printed, to be freed. */
static char *printed(const struct troth_config *config, bool json)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    troth_config_print(config, out, json);
    fclose(out);
    return text;
}

static void a_secret_is_neither_printed_nor_taken_from_a_flag(void **state)
{
    (void)state;
    struct troth_config config;
    char *environment[] = {"TROTH_KAFKA_SASL_PASSWORD=hush-env", NULL};
    const char *yaml = "kafka:\n  ssl.key.password: hush-file\n";
    assert_int_equal(load(&config, yaml, environment, NULL, 0), TROTH_OK);
    assert_string_equal(troth_config_kafka(&config, "sasl.password"), "hush-env");
    for (int json = 0; json <= 1; json++) {
        char *text = printed(&config, json != 0);
        assert_null(strstr(text, "hush"));
        assert_non_null(strstr(text, "sasl.password"));
        assert_non_null(strstr(text, "********"));
        free(text);
    }
    troth_config_fini(&config);

    static const char *const secrets[] = {"sasl.password=hush", "ssl.key.password=hush",
                                          "ssl.keystore.password=hush", "ssl.key.pem=hush",
                                          "sasl.oauthbearer.client.secret=hush"};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        const struct troth_config_flag flags[] = {{"kafka", secrets[i]}};
        assert_int_equal(load(&config, NULL, NULL, flags, 1), TROTH_INVALID);
        assert_told("set it in the file or in the environment");
        assert_null(strstr(told, "hush"));
        troth_config_fini(&config);
    }
}

static void what_is_printed_reads_back_as_the_same(void **state)
{
    (void)state;
    struct troth_config first;
    struct troth_config second;
    const char *yaml = "prefix: p-1\nclock: create_time\ndelivery: at_least_once\n"
                       "publish: 1500ms\n"
                       "redis: {address: \"unix:/tmp/a \\\"b\\\".sock\", user: \"~\"}\n"
                       "kafka: {client.rack: 'a: \"b\" # c', bootstrap.servers: 'h:1,i:2'}\n"
                       "schemas: {0: x.avsc, 4294967295: y.avsc}\n";
    assert_int_equal(load(&first, yaml, NULL, NULL, 0), TROTH_OK);
    char *text = printed(&first, false);
    assert_int_equal(load(&second, text, NULL, NULL, 0), TROTH_OK);
    char *one = printed(&first, true);
    char *other = printed(&second, true);
    /* Values are the same; sources differ, since now all come from a file. */
    assert_string_equal(first.redis_address, second.redis_address);
    assert_string_equal(second.redis_user, "~");
    assert_string_equal(troth_config_kafka(&second, "client.rack"), "a: \"b\" # c");
    assert_int_equal(second.publish_us, 1500000);
    assert_int_equal(second.schemas.count, 2);
    assert_int_equal(second.clock, TROTH_CONFIG_CLOCK_CREATE_TIME);
    assert_int_equal(second.delivery, TROTH_CONFIG_AT_LEAST_ONCE);
    assert_non_null(strstr(one, "\"workers\":{\"value\":1,\"source\":\"default\"}"));
    assert_non_null(strstr(other, "\"workers\":{\"value\":1,\"source\":\"file\"}"));
    free(text);
    free(one);
    free(other);
    troth_config_fini(&first);
    troth_config_fini(&second);
}

static void the_example_in_the_tree_is_the_tables(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    troth_config_print_example(out);
    fclose(out);
    char *there = calloc(1, TEXT_MAX);
    FILE *file = fopen("ops/troth.example.yaml", "re");
    if (file == NULL) {
        fail_msg("ops/troth.example.yaml is not there; run from the root of the tree");
    }
    assert_true(fread(there, 1, TEXT_MAX - 1, file) > 0);
    fclose(file);
    assert_string_equal(there, text); /* else: troth --print-example > ops/troth.example.yaml */

    struct troth_config config;
    assert_int_equal(load(&config, there, NULL, NULL, 0), TROTH_OK);
    assert_string_equal(told, "");
    assert_string_equal(config.prefix, "troth");
    troth_config_fini(&config);

    /* With the comment signs taken off the keys it says the same. */
    char *open = calloc(1, TEXT_MAX);
    size_t used = 0;
    for (char *line = strtok(there, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const size_t indent = strspn(line, " ");
        const char *key = line + indent + 2;
        const bool is_key = line[indent] == '#' && strchr("abcdefghijklmnopqrstuvwxyz1", key[0]) &&
                            key[strcspn(key, ": ")] == ':';
        used += (size_t)snprintf(open + used, TEXT_MAX - used, "%.*s%s\n", (int)indent, line,
                                 is_key ? key : line + indent);
    }
    assert_int_equal(load(&config, open, NULL, NULL, 0), TROTH_OK);
    assert_int_equal(config.sources[4], TROTH_CONFIG_FILE); /* the keys were read indeed */
    assert_string_equal(troth_config_kafka(&config, "bootstrap.servers"), "127.0.0.1:9092");
    troth_config_fini(&config);
    free(open);
    free(there);
    free(text);
}

static void a_topics_name_and_the_password_come_from_the_configuration(void **state)
{
    (void)state;
    struct troth_config config;
    char path[64];
    char buffer[TROTH_CONFIG_PREFIX_LENGTH_MAX + 32];
    char *password = NULL;
    FILE *file = file_with("secret word\r\nrest", 17, path, sizeof path);
    const struct troth_config_flag flags[] = {{"redis-password-file", path}, {"prefix", "eu"}};
    assert_int_equal(load(&config, NULL, NULL, flags, 2), TROTH_OK);
    assert_string_equal(troth_config_topic(&config, "standings", buffer, sizeof buffer),
                        "eu.standings");
    assert_int_equal(troth_config_redis_password(&config, &password), TROTH_OK);
    assert_string_equal(password, "secret word");
    free(password);
    troth_config_fini(&config);
    fclose(file);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13; /* xorshift64, Marsaglia 2003 */
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void no_file_does_more_than_be_refused(void **state)
{
    (void)state;
    const uint64_t first_seed = 0x7201234567ULL;
    uint64_t seed = first_seed;
    print_message("seed %" PRIx64 "\n", first_seed);
    static const char base[] = "prefix: a\nkafka:\n  bootstrap.servers: h:1\nredis:\n"
                               "  address: 127.0.0.1:1\nworkers: 2\nschemas: {1: a}\ntick: 1s\n";
    unsigned refused = 0;
    for (int round = 0; round < 2000; round++) {
        char text[sizeof base];
        memcpy(text, base, sizeof base);
        const unsigned changes = 1 + (unsigned)(next_random(&seed) % 4);
        for (unsigned i = 0; i < changes; i++) {
            const size_t at = next_random(&seed) % (sizeof base - 1);
            static const char odd[] = ":{}[]&*!|>'\"%@`#-\n \t~\0\xff\x80";
            text[at] = next_random(&seed) % 2 == 0 ? odd[next_random(&seed) % (sizeof odd - 1)]
                                                   : (char)(next_random(&seed) & 0xff);
        }
        struct troth_config config;
        const troth_status status = load_bytes(&config, text, sizeof base - 1, NULL, NULL, 0);
        assert_true(status == TROTH_OK || status == TROTH_INVALID);
        assert_true((status == TROTH_INVALID) == (strstr(told, "error: ") != NULL));
        refused += status == TROTH_INVALID;
        troth_config_fini(&config);
    }
    assert_true(refused > 200);
}

static void a_file_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct troth_config config;
    const size_t length = TROTH_CONFIG_FILE_LENGTH_MAX;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, ' ', length + 1);
    text[0] = '#';
    assert_int_equal(load_bytes(&config, text, length, NULL, NULL, 0), TROTH_OK);
    troth_config_fini(&config);
    assert_int_equal(load_bytes(&config, text, length + 1, NULL, NULL, 0), TROTH_INVALID);
    assert_told("is too long");
    troth_config_fini(&config);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_source_wins_value_by_value),
        cmocka_unit_test(every_row_takes_its_limits_and_refuses_what_lies_outside),
        cmocka_unit_test(every_row_has_a_default_that_it_takes_and_a_key_of_its_own),
        cmocka_unit_test(what_is_wrong_is_told_with_line_key_and_what_is_right),
        cmocka_unit_test(all_problems_of_all_sources_are_told_at_once),
        cmocka_unit_test(a_key_without_a_value_leaves_the_default),
        cmocka_unit_test(a_file_that_was_named_must_be_there),
        cmocka_unit_test(a_secret_is_neither_printed_nor_taken_from_a_flag),
        cmocka_unit_test(what_is_printed_reads_back_as_the_same),
        cmocka_unit_test(the_example_in_the_tree_is_the_tables),
        cmocka_unit_test(a_topics_name_and_the_password_come_from_the_configuration),
        cmocka_unit_test(no_file_does_more_than_be_refused),
        cmocka_unit_test(a_file_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
