/*
 * nvbind [GLOBAL OPTIONS] COMMAND [WORDS...]
 *
 * Global options stand before the command; what stands behind it is the command's alone, because
 * -v, -q, -h and --config mean something else to an engine.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/help.h"

enum {
    OPT_CONFIG,
    OPT_HOST_ROOT,
    OPT_DRIVER_ROOT,
    OPT_DEV_ROOT,
    OPT_COLOR,
    OPT_VERBOSE,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION,
};

const struct nvb_cli_option nvb_global_options[] = {
    [OPT_CONFIG] = {"config", 0, "FILE", "read this configuration file alone"},
    [OPT_HOST_ROOT] = {"host-root", 0, "DIR", "discover in DIR instead of /"},
    [OPT_DRIVER_ROOT] = {"driver-root", 0, "DIR", "the driver's files alone lie under DIR"},
    [OPT_DEV_ROOT] = {"dev-root", 0, "DIR", "the device nodes alone lie under DIR"},
    [OPT_COLOR] = {"color", 0, "auto|always|never", "colour in messages"},
    [OPT_VERBOSE] = {"verbose", 'v', NULL, "say what is chosen and why; twice for more"},
    [OPT_QUIET] = {"quiet", 'q', NULL, "errors alone"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    [OPT_VERSION] = {"version", 0, NULL, "show the version"},
    {0},
};

static int read_level(struct nvb_cli *cli, struct nvb_error **err)
{
    static const char *const words[] = {"error", "warn", "info", "debug", NULL};
    const char *text = getenv("NVBIND_LOG");
    cli->level = NVB_LOG_WARN;
    if (!text || !*text)
        return 0;
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            cli->level = (enum nvb_log_level)i;
            return 0;
        }
    }
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "NVBIND_LOG is '%s'", text);
    return nvb_error_hint(err, "NVBIND_LOG=error, warn, info or debug");
}

static int read_color(struct nvb_cli *cli, const char *when, struct nvb_error **err)
{
    const char *no_color = getenv("NO_COLOR"); /* no-color.org: set and not empty */
    if (when && strcmp(when, "always") == 0) {
        cli->color = true;
    } else if (when && strcmp(when, "never") == 0) {
        cli->color = false;
    } else if (!when || strcmp(when, "auto") == 0) {
        cli->color = !(no_color && *no_color) && isatty(STDERR_FILENO) == 1;
    } else {
        return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                              "--color is '%s'; it takes auto, always or never", when);
    }
    return 0;
}

static const char *option_or_env(const struct nvb_cli_values *values, size_t index,
                                 const char *name)
{
    const char *value = nvb_cli_value(values, index);
    if (value)
        return value;
    value = getenv(name);
    return value && *value ? value : NULL;
}

/* How many words belong to the global options: up to the first that is none. */
static int global_words(int argc, char **argv)
{
    int n = 0;
    while (n < argc && argv[n][0] == '-' && argv[n][1] != '\0') {
        bool takes_next = false;
        for (const struct nvb_cli_option *o = nvb_global_options; o->name; o++) {
            if (o->value && nvb_has_prefix(argv[n], "--") && strcmp(argv[n] + 2, o->name) == 0)
                takes_next = true;
        }
        n += takes_next ? 2 : 1;
    }
    return n < argc ? n : argc;
}

static void apply_verbosity(struct nvb_cli *cli, const struct nvb_cli_values *values)
{
    if (values->values[OPT_QUIET].count)
        cli->level = NVB_LOG_ERROR;
    if (values->values[OPT_VERBOSE].count)
        cli->level = values->values[OPT_VERBOSE].count > 1 ? NVB_LOG_DEBUG : NVB_LOG_INFO;
}

static int unknown_command(const struct nvb_cli *cli, const char *word)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_free_ const char **names = nvb_command_names(nvb_commands);
    const char *near = nvb_nearest(word, names);
    (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "unknown command '%s'", word);
    if (near)
        (void)nvb_error_hint(&err, "did you mean 'nvbind %s'?", near);
    else
        (void)nvb_error_hint(&err, "nvbind help");
    return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
}

/* What a wrong global option or variable ends with: 'run' promises its caller that 2 is the
 * container's own status. */
static int call_status(const char *word)
{
    const struct nvb_command *command = word ? nvb_command_find(nvb_commands, word) : NULL;
    return command && command->takes_engine_options ? NVB_EXIT_ENGINE : NVB_EXIT_USAGE;
}

static int run_command(struct nvb_cli *cli, int argc, char **argv)
{
    const struct nvb_command *command = nvb_command_find(nvb_commands, argv[0]);
    if (!command)
        return unknown_command(cli, argv[0]);
    return command->main(cli, argc, argv);
}

int main(int argc, char **argv)
{
    struct nvb_cli cli = {.level = NVB_LOG_WARN};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    int count = global_words(argc - 1, argv + 1);

    if (read_level(&cli, &err) < 0 ||
        nvb_cli_parse(nvb_global_options, count, argv + 1, &values, &err) < 0 ||
        read_color(&cli, nvb_cli_value(&values, OPT_COLOR), &err) < 0)
        return nvb_cli_fail(&cli, err, call_status(count < argc - 1 ? argv[1 + count] : NULL));
    apply_verbosity(&cli, &values);
    cli.config = option_or_env(&values, OPT_CONFIG, "NVBIND_CONFIG");
    cli.host.host_root = option_or_env(&values, OPT_HOST_ROOT, "NVBIND_HOST_ROOT");
    cli.host.driver_root = option_or_env(&values, OPT_DRIVER_ROOT, "NVBIND_DRIVER_ROOT");
    cli.host.dev_root = option_or_env(&values, OPT_DEV_ROOT, "NVBIND_DEV_ROOT");

    if (values.values[OPT_VERSION].count)
        return nvb_print_version(&cli);
    if (values.values[OPT_HELP].count)
        return nvb_help(&cli, NULL);
    if (count == argc - 1) {
        (void)nvb_help(&cli, NULL);
        return NVB_EXIT_USAGE;
    }
    return run_command(&cli, argc - 1 - count, argv + 1 + count);
}
