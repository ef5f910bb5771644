#include "cli/help.h"

#include <string.h>

#include "base/nearest.h"

const struct nvb_command nvb_commands[] = {
    {
        .name = "run",
        .summary = "run a container with GPUs",
        .main = nvb_cmd_run,
        .options = nvb_run_options,
        .takes_engine_options = true,
    },
    {
        .name = "create",
        .summary = "make a container with GPUs without starting it",
        .main = nvb_cmd_run,
        .options = nvb_run_options,
        .takes_engine_options = true,
    },
    {
        .name = "exec",
        .summary = "run a command in a container that is there",
        .main = nvb_cmd_exec,
        .options = nvb_exec_options,
        .operand = "CONTAINER",
        .takes_engine_options = true,
    },
    {
        .name = "compose",
        .summary = "run a Compose project with the GPUs that its files ask for",
        .main = nvb_cmd_compose,
        .options = nvb_compose_options,
    },
    {
        .name = "info",
        .summary = "GPUs, driver and engines of this machine",
        .main = nvb_cmd_info,
        .options = nvb_info_options,
    },
    {
        .name = "doctor",
        .summary = "every known reason why a GPU container fails, and its fix",
        .main = nvb_cmd_doctor,
        .options = nvb_doctor_options,
        .operand = "CHECK",
    },
    {
        .name = "cdi",
        .summary = "write, list, check and compare CDI specifications",
        .main = nvb_cmd_cdi,
        .commands = nvb_cdi_commands,
    },
    {
        .name = "config",
        .summary = "show, write and check the configuration",
        .main = nvb_cmd_config,
        .commands = nvb_config_commands,
    },
    {
        .name = "profile",
        .summary = "show the profiles that run takes",
        .main = nvb_cmd_profile,
        .commands = nvb_profile_commands,
    },
    {
        .name = "selftest",
        .summary = "prove on this machine that GPUs reach a container, without an image",
        .main = nvb_cmd_selftest,
        .options = nvb_selftest_options,
    },
    {
        .name = "bench",
        .summary = "measure starts, memory and what passthrough adds, on this machine",
        .main = nvb_cmd_bench,
        .options = nvb_bench_options,
        .operand = "start|memory|passthrough|rootless|generate|hook|freshness",
    },
    {
        .name = "generate",
        .summary = "write the container down as a Quadlet, a service, a script",
        .main = nvb_cmd_generate,
        .commands = nvb_generate_commands,
    },
    {
        .name = "kube",
        .summary = "run a cluster's YAML on Podman, with its GPUs",
        .main = nvb_cmd_kube,
        .commands = nvb_kube_commands,
    },
    {
        .name = "migrate",
        .summary = "rewrite scripts, units and Compose files from Docker to Podman",
        .main = nvb_cmd_migrate,
        .options = nvb_migrate_options,
        .operand = "FILE",
    },
    {
        .name = "simulate",
        .summary = "make a simulated host, for machines without a GPU",
        .main = nvb_cmd_simulate,
        .options = nvb_simulate_options,
        .operand = "DIR",
    },
    {
        .name = "help",
        .summary = "this text, or that of a command",
        .main = nvb_cmd_help,
        .operand = "COMMAND",
    },
    {
        .name = "__complete",
        .summary = "candidates for a shell's completion",
        .main = nvb_cmd_complete,
        .hidden = true,
    },
    {
        .name = "__podman",
        .summary = "what podman-compose calls as Podman",
        .main = nvb_cmd_podman,
        .hidden = true,
    },
    {0},
};

const struct nvb_command *nvb_command_find(const struct nvb_command *table, const char *name)
{
    for (; table->name; table++) {
        if (strcmp(table->name, name) == 0)
            return table;
    }
    return NULL;
}

const char **nvb_command_names(const struct nvb_command *table)
{
    size_t count = 0;
    size_t used = 0;
    while (table[count].name)
        count++;
    const char **names = nvb_calloc(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++) {
        if (!table[i].hidden)
            names[used++] = table[i].name;
    }
    return names;
}

static void add_options(struct nvb_str *s, const struct nvb_cli_option *table)
{
    for (; table->name; table++) {
        _cleanup_str_ struct nvb_str left = NVB_STR_INIT;
        if (table->letter)
            nvb_str_addf(&left, "-%c, ", table->letter);
        nvb_str_addf(&left, "--%s", table->name);
        if (table->value) /* "[=WORD]" is glued to its option, as it must be on the command line */
            nvb_str_addf(&left, "%s%s", table->value[0] == '[' ? "" : " ", table->value);
        if (left.len > 32) /* a long one has its line alone */
            nvb_str_addf(s, "  %s\n  %-32s %s\n", left.data, "", table->help);
        else
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
    for (const struct nvb_command *c = nvb_commands; c->name; c++) {
        if (!c->hidden)
            nvb_str_addf(&s, "  %-10s %s\n", c->name, c->summary);
    }
    nvb_str_add(&s, "\nglobal options (before the command):\n");
    add_options(&s, nvb_global_options);
    nvb_str_add(&s, "\nexample:\n  nvbind run --gpu all debian:trixie nvidia-smi\n");
    return nvb_cli_print(cli, s.data, s.len);
}

int nvb_help(const struct nvb_cli *cli, const char *name)
{
    if (!name)
        return overview(cli);
    const struct nvb_command *command = nvb_command_find(nvb_commands, name);
    if (!command || command->hidden) {
        _cleanup_error_ struct nvb_error *err = NULL;
        _cleanup_free_ const char **names = nvb_command_names(nvb_commands);
        const char *near = nvb_nearest(name, names);
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "no command '%s' to help with", name);
        if (near)
            (void)nvb_error_hint(&err, "did you mean 'nvbind help %s'?", near);
        else
            (void)nvb_error_hint(&err, "nvbind help");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    /* Each command prints its own help: it owns its option table. */
    char *argv[] = {(char *)command->name, (char *)"--help", NULL};
    struct nvb_cli own = *cli;
    return command->main(&own, 2, argv);
}

int nvb_cmd_help(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    if (argc > 2) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "help takes one command, not '%s' as well",
                             argv[2]);
        const struct nvb_command *first = nvb_command_find(nvb_commands, argv[1]);
        if (first && first->commands && nvb_command_find(first->commands, argv[2]))
            (void)nvb_error_hint(&err, "nvbind %s %s --help", argv[1], argv[2]);
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return nvb_help(cli, NULL);
    return nvb_help(cli, argv[1]);
}

int nvb_print_version(const struct nvb_cli *cli)
{
    static const char text[] = "nvbind " NVB_VERSION "\n";
    return nvb_cli_print(cli, text, sizeof(text) - 1);
}

static int help_subcommands(const struct nvb_cli *cli, const char *name, const char *text,
                            const struct nvb_command *commands)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    _cleanup_free_ char *usage = nvb_strdupf("%s COMMAND ...", name);
    nvb_str_addf(&s, "%s\n\ncommands:\n", text);
    for (const struct nvb_command *command = commands; command->name; command++)
        nvb_str_addf(&s, "  %-10s %s\n", command->name, command->summary);
    nvb_str_addf(&s, "\nnvbind %s COMMAND --help shows the options of each.\n", name);
    return nvb_help_command(cli, usage, s.data, NULL);
}

int nvb_run_subcommand(struct nvb_cli *cli, const char *name, const char *text,
                       const struct nvb_command *commands, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        int status = help_subcommands(cli, name, text, commands);
        return word ? status : NVB_EXIT_USAGE;
    }
    const struct nvb_command *command = nvb_command_find(commands, word);
    if (command)
        return command->main(cli, argc - 1, argv + 1);
    _cleanup_free_ const char **names = nvb_command_names(commands);
    const char *near = nvb_nearest(word, names);
    (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "unknown command '%s %s'", name, word);
    if (near)
        (void)nvb_error_hint(&err, "did you mean 'nvbind %s %s'?", name, near);
    else
        (void)nvb_error_hint(&err, "nvbind %s --help", name);
    return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
}
