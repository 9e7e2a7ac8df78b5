#include "ops/config/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/config/parse.h"
#include "ops/message.h"

/* An argument taken apart: --name, --name=value, or an operand (name NULL). */
struct argument {
    const char *name;
    size_t name_length;
    const char *value; /* after the equals sign, or NULL */
};

static struct argument take_apart(const char *text)
{
    struct argument argument = {NULL, 0, NULL};
    if (strncmp(text, "--", 2) == 0 && text[2] != '\0') {
        const char *equals = strchr(text, '=');
        argument.name = text + 2;
        argument.name_length = equals != NULL ? (size_t)(equals - argument.name) : strlen(text + 2);
        argument.value = equals != NULL ? equals + 1 : NULL;
    } else if (text[0] == '-' && text[1] != '\0' && text[1] != '-') {
        argument.name = text + 1;
        argument.name_length = strlen(argument.name);
    }
    return argument;
}

static bool is_named(const struct argument *argument, const char *name)
{
    return argument->name != NULL &&
           troth_parse_same_name(argument->name, argument->name_length, name, strlen(name));
}

/* Finds the switch of that name among the common options, or NULL. */
static bool *find_switch(struct troth_common_options *options, const struct argument *argument)
{
    const struct {
        const char *name;
        bool *target;
    } switches[] = {
        {"json", &options->json},
        {"help", &options->help},
        {"h", &options->help},
        {"version", &options->version},
        {"print-config", &options->print_config},
        {"print-example", &options->print_example},
    };
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (is_named(argument, switches[i].name)) {
            return switches[i].target;
        }
    }
    return NULL;
}

static troth_status add_flag(struct troth_common_options *options, const struct argument *argument,
                             const char *value)
{
    size_t index = options->request.flag_count;
    if (index == TROTH_OPTIONS_FLAGS_MAX) {
        troth_message_error("more than %d options; put them into a file and name it by --config",
                            TROTH_OPTIONS_FLAGS_MAX);
        return TROTH_INVALID;
    }
    snprintf(options->names[index], sizeof options->names[index], "%.*s",
             (int)argument->name_length, argument->name);
    options->flags[index] =
        (struct troth_config_flag){.name = options->names[index], .value = value};
    options->request.flag_count++;
    return TROTH_OK;
}

troth_status troth_options_take_common(int *argc, char **argv, struct troth_common_options *options)
{
    memset(options, 0, sizeof *options);
    options->request.flags = options->flags;
    int kept = 1;
    bool ended = false;
    for (int i = 1; i < *argc; i++) {
        struct argument argument = take_apart(argv[i]);
        ended = ended || strcmp(argv[i], "--") == 0;
        bool is_config = is_named(&argument, "config");
        bool *target = ended ? NULL : find_switch(options, &argument);
        if (target != NULL && argument.value == NULL) {
            *target = true;
        } else if (target != NULL) {
            troth_message_error("--%.*s takes no value", (int)argument.name_length, argument.name);
            return TROTH_INVALID;
        } else if (ended || argument.name == NULL ||
                   !(is_config || troth_config_is_flag(argument.name, argument.name_length))) {
            argv[kept++] = argv[i];
        } else {
            if (argument.value == NULL && i + 1 == *argc) {
                troth_message_error("%s needs a value", argv[i]);
                return TROTH_INVALID;
            }
            const char *value = argument.value != NULL ? argument.value : argv[++i];
            if (is_config) {
                options->request.file = value;
            } else if (add_flag(options, &argument, value) != TROTH_OK) {
                return TROTH_INVALID;
            }
        }
    }
    *argc = kept;
    argv[kept] = NULL;
    return TROTH_OK;
}

static troth_status refuse(const struct troth_option *option, const char *value)
{
    char low[TROTH_PARSE_TEXT_MAX];
    char high[TROTH_PARSE_TEXT_MAX];
    switch (option->kind) {
    case TROTH_OPTION_INTEGER:
        troth_message_error("--%s: \"%.100s\" will not do; expected an integer from %" PRId64
                            " to %" PRId64,
                            option->name, value, option->low, option->high);
        break;
    case TROTH_OPTION_DURATION:
        troth_message_error("--%s: \"%.100s\" will not do; expected a duration from %s to %s, an "
                            "integer with ms, s, m, h or d",
                            option->name, value, troth_parse_write_duration(option->low, low),
                            troth_parse_write_duration(option->high, high));
        break;
    default:
        troth_message_error("--%s: \"%.100s\" will not do; expected a rate, as 240/h, 4/m or 0.5/s",
                            option->name, value);
        break;
    }
    return TROTH_INVALID;
}

static troth_status add_text(const struct troth_option *option, const char *value)
{
    struct troth_option_texts *texts = option->target;
    if (texts->count == TROTH_OPTION_TEXTS_MAX) {
        troth_message_error("--%s may be given at most %d times", option->name,
                            TROTH_OPTION_TEXTS_MAX);
        return TROTH_INVALID;
    }
    texts->items[texts->count++] = value;
    return TROTH_OK;
}

static troth_status set_option(const struct troth_option *option, const char *value)
{
    int64_t number = 0;
    switch (option->kind) {
    case TROTH_OPTION_FLAG:
        break;
    case TROTH_OPTION_TEXT:
        *(const char **)option->target = value;
        break;
    case TROTH_OPTION_TEXTS:
        return add_text(option, value);
    case TROTH_OPTION_RATE:
        if (!troth_parse_rate(value, option->target)) {
            return refuse(option, value);
        }
        break;
    case TROTH_OPTION_INTEGER:
    case TROTH_OPTION_DURATION:
        if (!(option->kind == TROTH_OPTION_INTEGER ? troth_parse_integer(value, &number)
                                                   : troth_parse_duration(value, &number)) ||
            number < option->low || number > option->high) {
            return refuse(option, value);
        }
        *(int64_t *)option->target = number;
        break;
    }
    return TROTH_OK;
}

static troth_status tell_unknown(const struct troth_option *options, size_t count,
                                 const struct argument *argument)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)argument->name_length, argument->name);
    struct troth_nearest nearest = troth_nearest_start(name);
    for (size_t i = 0; i < count; i++) {
        troth_nearest_offer(&nearest, options[i].name);
    }
    static const char *const common[] = {"json",   "help",         "version",
                                         "config", "print-config", "bootstrap"};
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        troth_nearest_offer(&nearest, common[i]);
    }
    if (nearest.best != NULL) {
        troth_message_error("there is no option --%s; did you mean --%s?", name, nearest.best);
    } else {
        troth_message_error("there is no option --%s; see --help", name);
    }
    return TROTH_INVALID;
}

static const struct troth_option *find_option(const struct troth_option *options, size_t count,
                                              const struct argument *argument)
{
    for (size_t i = 0; i < count; i++) {
        if (is_named(argument, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

troth_status troth_options_parse(const struct troth_option *options, size_t count, int argc,
                                 char **argv, int *operands)
{
    int kept = 1;
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        struct argument argument = take_apart(argv[i]);
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        }
        if (ended || argument.name == NULL) {
            argv[kept++] = argv[i];
            continue;
        }
        const struct troth_option *option = find_option(options, count, &argument);
        if (option == NULL) {
            return tell_unknown(options, count, &argument);
        }
        if (option->kind == TROTH_OPTION_FLAG) {
            if (argument.value != NULL) {
                troth_message_error("--%s takes no value", option->name);
                return TROTH_INVALID;
            }
            *(bool *)option->target = true;
            continue;
        }
        if (argument.value == NULL && i + 1 == argc) {
            troth_message_error("--%s needs a value", option->name);
            return TROTH_INVALID;
        }
        const char *value = argument.value != NULL ? argument.value : argv[++i];
        if (set_option(option, value) != TROTH_OK) {
            return TROTH_INVALID;
        }
    }
    *operands = kept - 1;
    argv[kept] = NULL;
    return TROTH_OK;
}
