/*
 * Claims: a secret key comes back from its file, which is for its owner alone, replaces nothing and
 * is refused when others may read it; a trust file is read whole or refused with the line that is
 * wrong; its times are those of the calendar; and no bytes make it anything else.
 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ops/keys.h"

static char folder[] = "/tmp/troth-keys-XXXXXX";
static struct troth_trust trust;
static struct troth_trust_problem problem;

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

/* A new key's public line. */
static const char *new_line(struct troth_secret_key *secret)
{
    static char text[TROTH_KEY_TEXT_MAX];
    struct troth_public_key key;
    assert_true(troth_key_make(secret));
    troth_key_public(secret, &key);
    troth_key_write_public(&key, text);
    return text;
}

static void test_secret_comes_back(void **state)
{
    (void)state;
    struct troth_secret_key secret, again;
    struct stat info;
    (void)new_line(&secret);
    umask(0);
    assert_true(troth_keys_write_secret(path_of("key"), &secret));
    assert_int_equal(stat(path_of("key"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_true(troth_keys_read_secret(path_of("key"), &again));
    assert_memory_equal(&secret, &again, sizeof secret);
    assert_true(troth_key_make(&again));
    assert_false(troth_keys_write_secret(path_of("key"), &again)); /* it would be lost */
    assert_true(troth_keys_read_secret(path_of("key"), &again));
    assert_memory_equal(&secret, &again, sizeof secret);
    troth_keys_wipe(&again);
    const struct troth_secret_key zero = {{0}};
    assert_memory_equal(&again, &zero, sizeof again);
}

static void test_secret_is_for_its_owner(void **state)
{
    (void)state;
    struct troth_secret_key secret, again;
    (void)new_line(&secret);
    assert_true(troth_keys_write_secret(path_of("mine"), &secret));
    static const mode_t open_modes[] = {0640, 0604, 0660, 0602, 0610, 0666};
    for (unsigned i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        assert_int_equal(chmod(path_of("mine"), open_modes[i]), 0);
        assert_false(troth_keys_read_secret(path_of("mine"), &again));
    }
    assert_int_equal(chmod(path_of("mine"), 0400), 0);
    assert_true(troth_keys_read_secret(path_of("mine"), &again));
}

static void test_no_secret(void **state)
{
    (void)state;
    struct troth_secret_key secret;
    char line[128];
    assert_false(troth_keys_read_secret(path_of("nowhere"), &secret));
    assert_false(troth_keys_read_secret(folder, &secret));
    put("empty", "", 0600);
    assert_false(troth_keys_read_secret(path_of("empty"), &secret));
    put("words", "my dog's name, and then much more than there could be of a key in one line\n",
        0600);
    assert_false(troth_keys_read_secret(path_of("words"), &secret));
    snprintf(line, sizeof line, "%s\n", new_line(&secret));
    put("public", line, 0600);
    assert_false(troth_keys_read_secret(path_of("public"), &secret));
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    assert_false(troth_keys_read_secret(path_of("pipe"), &secret)); /* and it does not hang */
    assert_false(troth_keys_write_secret(path_of("no/such/folder"), &secret));
}

static void test_trust_file(void **state)
{
    (void)state;
    struct troth_secret_key secret;
    char text[1024];
    int length =
        snprintf(text, sizeof text, "# who may\n\n%s author Mia Chen \r\n", new_line(&secret));
    length += snprintf(text + length, sizeof text - (size_t)length,
                       "  %s operator,author since=2026-12-01 until=2027-01-01T10:20:30Z Ann\n",
                       new_line(&secret));
    snprintf(text + length, sizeof text - (size_t)length, "%s operator until=2027-01-01 Bob",
             new_line(&secret));
    put("trust", text, 0644);
    assert_true(troth_keys_read_trust(path_of("trust"), &trust));
    assert_int_equal(trust.count, 3);
    assert_string_equal(trust.keys[0].name, "Mia Chen");
    assert_int_equal(trust.keys[0].roles, 1 << TROTH_ROLE_AUTHOR);
    assert_true(trust.keys[0].since_us == INT64_MIN && trust.keys[0].until_us == INT64_MAX);
    assert_string_equal(trust.keys[1].name, "Ann");
    assert_int_equal(trust.keys[1].roles, 1 << TROTH_ROLE_AUTHOR | 1 << TROTH_ROLE_OPERATOR);
    assert_true(trust.keys[1].since_us == INT64_C(1796083200000000));
    assert_true(trust.keys[1].until_us == INT64_C(1798798830000000));
    assert_true(trust.keys[2].since_us == INT64_MIN &&
                trust.keys[2].until_us == INT64_C(1798761600000000));
    struct troth_public_key key;
    char id[TROTH_KEY_ID_LENGTH + 1];
    troth_key_public(&secret, &key);
    troth_key_id(&key, id);
    assert_ptr_equal(troth_trust_find(&trust, id), &trust.keys[2]);
    assert_null(troth_trust_find(&trust, "0000000000000000"));
    assert_int_equal(chmod(path_of("trust"), 0646), 0);
    assert_false(troth_keys_read_trust(path_of("trust"), &trust));
    assert_false(troth_keys_read_trust(path_of("nowhere"), &trust));
}

/* Each with a public line in place of %s; the first line is good. */
static void test_wrong_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *told;
    } cases[] = {
        {"ssh-ed25519 AAAA mia", "must be troth-public"},
        {"troth-public AAAA author Mia", "must be troth-public"},
        {"%s", "role must be"},
        {"%s boss Mia", "boss: the role must be"},
        {"%s author, Mia", "role must be"},
        {"%s ,author Mia", "role must be"},
        {"%s author,author,boss Mia", "role must be"},
        {"%s author", "no name"},
        {"%s author   ", "no name"},
        {"%s author since=2026-12-01", "no name"},
        {"%s author since=yesterday Mia", "must be a time as since="},
        {"%s author until=2026-13-01 Mia", "must be a time as until="},
        {"%s author until=2026-02-29 Mia", "must be a time"},
        {"%s author until=2026-12-01T24:00:00Z Mia", "must be a time"},
        {"%s author until=2026-12-01T00:00:00 Mia", "must be a time"},
        {"%s author until=1969-12-01 Mia", "must be a time"},
        {"%s author since=2026-12-01 until=2026-12-01 Mia", "before until="},
        {"%s author until=2027-12-01 since=2026-12-01 Mia", "in this order"},
        {"%s author since=2026-12-01 since=2026-12-02 Mia", "once each"},
        {"%s author Mi\tia", "control character"},
        {"troth-secret AAAA", "secret key"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct troth_secret_key secret;
        char text[1024];
        int length = snprintf(text, sizeof text, "%s author Ann\n", new_line(&secret));
        const char *mark = strstr(cases[i].line, "%s");
        snprintf(text + length, sizeof text - (size_t)length, "%s%s\n",
                 mark != NULL ? new_line(&secret) : "", mark != NULL ? mark + 2 : cases[i].line);
        assert_int_equal(troth_trust_read(text, strlen(text), &trust, &problem), TROTH_INVALID);
        assert_int_equal(problem.line, 2);
        if (strstr(problem.text, cases[i].told) == NULL) {
            fail_msg("\"%s\" says: %s", cases[i].line, problem.text);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    static char text[TROTH_TRUST_BYTES_MAX + 2];
    struct troth_secret_key secret;
    size_t length = 0;
    for (unsigned i = 0; i <= TROTH_TRUSTED_MAX; i++) {
        assert_int_equal(troth_trust_read(text, length, &trust, &problem), TROTH_OK);
        assert_int_equal(trust.count, i);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s author P%u\n",
                                   new_line(&secret), i);
    }
    assert_int_equal(troth_trust_read(text, length, &trust, &problem), TROTH_FULL);
    length = (size_t)snprintf(text, sizeof text, "%s author Mia\n", new_line(&secret));
    memcpy(text + length, text, length); /* the same key again */
    assert_int_equal(troth_trust_read(text, 2 * length, &trust, &problem), TROTH_INVALID);
    assert_non_null(strstr(problem.text, "already"));
    memset(text, '\n', sizeof text);
    assert_int_equal(troth_trust_read(text, TROTH_TRUST_BYTES_MAX, &trust, &problem), TROTH_OK);
    assert_int_equal(troth_trust_read(text, TROTH_TRUST_BYTES_MAX + 1, &trust, &problem),
                     TROTH_FULL);
    memset(text, 'a', 512);
    assert_int_equal(troth_trust_read(text, 512, &trust, &problem), TROTH_INVALID);
    assert_int_equal(troth_trust_read("\0# x\n", 5, &trust, &problem), TROTH_INVALID);
}

/* Against the C library's calendar. */
static void test_times_are_the_calendar_s(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 84006; day++) { /* to the end of 2199 */
        const time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm parts;
        char text[32];
        int64_t time_us = -1;
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_int_equal(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts), 20);
        assert_true(troth_trust_time(text, 20, &time_us));
        assert_true(time_us == (int64_t)seconds * 1000000);
        assert_true(troth_trust_time(text, 10, &time_us));
        assert_true(time_us == day * INT64_C(86400000000));
    }
    int64_t time_us = -1;
    assert_false(troth_trust_time("2200-01-01", 10, &time_us));
}

/* Any bytes, and good lines with some changed, are read or refused, and no more. */
static void test_hostile_bytes(void **state)
{
    (void)state;
    unsigned seed = 20260301;
    for (unsigned round = 0; round < 20000; round++) {
        char text[256];
        static const char good[] = "troth-public AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= "
                                   "author,operator since=2026-01-01 until=2027-01-01 Mia\n";
        memcpy(text, good, sizeof good);
        for (unsigned change = round % 4; change > 0; change--) {
            seed = seed * 1664525 + 1013904223;
            text[seed % (sizeof good - 1)] = (char)(seed >> 24);
        }
        const troth_status status = troth_trust_read(text, sizeof good - 1, &trust, &problem);
        assert_true(status == TROTH_OK || (status == TROTH_INVALID && problem.line > 0));
        assert_true(round % 4 != 0 || (status == TROTH_OK && trust.count == 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_comes_back),
        cmocka_unit_test(test_secret_is_for_its_owner),
        cmocka_unit_test(test_no_secret),
        cmocka_unit_test(test_trust_file),
        cmocka_unit_test(test_wrong_lines_are_named),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_times_are_the_calendar_s),
        cmocka_unit_test(test_hostile_bytes),
    };
    assert_non_null(mkdtemp(folder));
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
