/* troth key: keys to sign contracts, decisions and exports with. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/keys.h"
#include "ops/message.h"

/* Prints the public half: the line for a trust file, and the id. */
static int print_key(const struct troth_context *context, const struct troth_secret_key *secret,
                     const char *path)
{
    struct troth_public_key key;
    char text[TROTH_KEY_TEXT_MAX];
    char id[TROTH_KEY_ID_LENGTH + 1];
    troth_key_public(secret, &key);
    troth_key_write_public(&key, text);
    troth_key_id(&key, id);
    if (context->json) {
        json_t *object = json_pack("{s:s, s:s, s:s}", "id", id, "public", text, "file", path);
        if (object != NULL) {
            json_dumpf(object, stdout, JSON_COMPACT);
            fputc('\n', stdout);
        }
        json_decref(object);
    } else {
        printf("%s\nid %s\n", text, id);
    }
    return TROTH_EXIT_DONE;
}

static int run_new(const struct troth_context *context, const char *path)
{
    struct troth_secret_key secret;
    if (!troth_key_make(&secret)) {
        troth_message_error("the system gives no randomness; no key was made");
        return TROTH_EXIT_NO;
    }
    int status = TROTH_EXIT_NO;
    if (troth_keys_write_secret(path, &secret)) {
        status = print_key(context, &secret, path);
        if (!context->json) {
            time_t now = time(NULL);
            struct tm parts;
            char since[32];
            (void)gmtime_r(&now, &parts);
            (void)strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &parts);
            troth_message_info("the secret is in %s, for nobody but you. The first line printed is "
                               "for the trust file, with author or operator (or both, with a "
                               "comma), since=%s and your name behind it",
                               path, since);
        }
    }
    troth_keys_wipe(&secret);
    return status;
}

static int run_show(const struct troth_context *context, const char *path)
{
    struct troth_secret_key secret;
    int status = TROTH_EXIT_NO;
    if (troth_keys_read_secret(path, &secret)) {
        status = print_key(context, &secret, path);
        troth_keys_wipe(&secret);
    }
    return status;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    const char *out = NULL;
    const struct troth_option known[] = {
        {.name = "out", .kind = TROTH_OPTION_TEXT, .target = &out},
    };
    int operands = 0;
    if (troth_options_parse(known, 1, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands == 1 && strcmp(argv[1], "new") == 0 && out != NULL && out[0] != '\0') {
        return run_new(context, out);
    }
    if (operands == 2 && strcmp(argv[1], "show") == 0 && out == NULL) {
        return run_show(context, argv[2]);
    }
    troth_message_error("usage: troth key new --out FILE, or troth key show FILE; see troth key "
                        "--help");
    return TROTH_EXIT_USAGE;
}

const struct troth_command troth_command_key = {
    .name = "key",
    .arguments = "new --out FILE | show FILE",
    .summary = "make a key to sign with, or show its public half",
    .help =
        "  new    makes an Ed25519 key: the secret one goes to FILE (mode 0600, never over\n"
        "         another file), the public one and its id are printed\n"
        "  show   prints the public one and the id of a secret key's file\n"
        "\n"
        "The public line, with roles and a name behind it, stands in the trust file of whoever\n"
        "is to believe it (schemas/signatures.md):\n"
        "\n"
        "    troth-public BASE64 author,operator since=2026-12-01T00:00:00Z Mia\n",
    .run = run,
};
