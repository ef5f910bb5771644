#include "cli/help.h"

#include <string.h>

static const struct nvb_command commands[] = {
    {"run", "run a container with GPUs", nvb_cmd_run},
    {"create", "make a container with GPUs without starting it", nvb_cmd_run},
    {"info", "GPUs, driver and engines of this machine", nvb_cmd_info},
    {"cdi", "write and check CDI specifications", nvb_cmd_cdi},
    {"simulate", "make a simulated host, for machines without a GPU", nvb_cmd_simulate},
};

const struct nvb_command *nvb_command_find(const char *name)
{
    for (size_t i = 0; i < NVB_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

const char **nvb_command_names(void)
{
    const char **names = nvb_calloc(NVB_COUNT(commands) + 2, sizeof(*names));
    for (size_t i = 0; i < NVB_COUNT(commands); i++)
        names[i] = commands[i].name;
    names[NVB_COUNT(commands)] = "help";
    return names;
}

static void add_options(struct nvb_str *s, const struct nvb_cli_option *table)
{
    for (; table->name; table++) {
        _cleanup_str_ struct nvb_str left = NVB_STR_INIT;
        if (table->letter)
            nvb_str_addf(&left, "-%c, ", table->letter);
        nvb_str_addf(&left, "--%s", table->name);
        if (table->value)
            nvb_str_addf(&left, " %s", table->value);
        nvb_str_addf(s, "  %-32s %s\n", left.data, table->help);
    }
}

int nvb_help_command(const struct nvb_cli *cli, const char *usage, const char *text,
                     const struct nvb_cli_option *table)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    nvb_str_addf(&s, "usage: nvbind %s\n", usage);
    if (text)
        nvb_str_addf(&s, "\n%s", text);
    if (table) {
        nvb_str_add(&s, "\noptions:\n");
        add_options(&s, table);
    }
    return nvb_cli_print(cli, s.data, s.len);
}

static int overview(const struct nvb_cli *cli)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    nvb_str_add(&s, "usage: nvbind [GLOBAL OPTIONS] COMMAND ...\n\n"
                    "GPU containers on rootless Podman, and on Docker.\n\ncommands:\n");
    for (size_t i = 0; i < NVB_COUNT(commands); i++)
        nvb_str_addf(&s, "  %-10s %s\n", commands[i].name, commands[i].summary);
    nvb_str_addf(&s, "  %-10s %s\n", "help", "this text, or that of a command");
    nvb_str_add(&s, "\nglobal options (before the command):\n");
    add_options(&s, nvb_global_options);
    nvb_str_add(&s, "\nexample:\n  nvbind run --gpu all docker.io/library/debian nvidia-smi\n");
    return nvb_cli_print(cli, s.data, s.len);
}

int nvb_help(const struct nvb_cli *cli, const char *name)
{
    if (!name)
        return overview(cli);
    const struct nvb_command *command = nvb_command_find(name);
    if (!command) {
        _cleanup_error_ struct nvb_error *err = NULL;
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "no command '%s' to help with", name);
        (void)nvb_error_hint(&err, "nvbind help");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    /* Each command prints its own help: it owns its option table. */
    char *argv[] = {(char *)command->name, (char *)"--help", NULL};
    struct nvb_cli own = *cli;
    return command->main(&own, 2, argv);
}

int nvb_print_version(const struct nvb_cli *cli)
{
    static const char text[] = "nvbind " NVB_VERSION "\n";
    return nvb_cli_print(cli, text, sizeof(text) - 1);
}
