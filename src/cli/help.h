#ifndef NVB_CLI_HELP_H
#define NVB_CLI_HELP_H

#include "cli/cli.h"

/* The table of commands: what help, completion and "did you mean" read. */

struct nvb_command {
    const char *name;
    const char *summary; /* one line, lower case, no full stop */
    int (*main)(struct nvb_cli *cli, int argc, char **argv);
    const struct nvb_cli_option *options; /* its own, ended by a NULL name; or NULL */
    const struct nvb_command *commands;   /* its sub-commands, ended by a NULL name; or NULL */
    const char *operand;       /* what its plain words are, spelled as an option's value; or NULL */
    bool takes_engine_options; /* run, create and exec */
    bool hidden;               /* for programs: in no help, and never meant */
};

extern const struct nvb_cli_option nvb_global_options[];

/* Each beside its command. */
extern const struct nvb_cli_option nvb_run_options[];
extern const struct nvb_cli_option nvb_exec_options[];
extern const struct nvb_cli_option nvb_info_options[];
extern const struct nvb_cli_option nvb_doctor_options[];
extern const struct nvb_cli_option nvb_compose_options[];
extern const struct nvb_cli_option nvb_migrate_options[];
extern const struct nvb_cli_option nvb_bench_options[];
extern const struct nvb_cli_option nvb_selftest_options[];
extern const struct nvb_cli_option nvb_simulate_options[];
extern const struct nvb_command nvb_cdi_commands[];
extern const struct nvb_command nvb_generate_commands[];
extern const struct nvb_command nvb_kube_commands[];
extern const struct nvb_command nvb_config_commands[];
extern const struct nvb_command nvb_profile_commands[];

/* The commands, ended by a NULL name. */
extern const struct nvb_command nvb_commands[];

/* The command NAME of TABLE (ended by a NULL name), or NULL. */
const struct nvb_command *nvb_command_find(const struct nvb_command *table, const char *name);

/* The names of TABLE that are not hidden, NULL-terminated; the array is the caller's to free, the
 * names are not. */
const char **nvb_command_names(const struct nvb_command *table);

/* Prints the help of COMMAND, or the overview where it is NULL. Returns the exit status. */
int nvb_help(const struct nvb_cli *cli, const char *command);

/*
 * Runs one of NAME's own commands (COMMANDS ends with {0}): ARGV[1] is its word. --help prints TEXT
 * and the list; no word prints it too and is a wrong call, as an unknown one is, which gets the
 * nearest. Returns the exit status.
 */
int nvb_run_subcommand(struct nvb_cli *cli, const char *name, const char *text,
                       const struct nvb_command *commands, int argc, char **argv);

/* Prints a command's usage, its text, and TABLE (may be NULL). Returns the exit status. */
int nvb_help_command(const struct nvb_cli *cli, const char *usage, const char *text,
                     const struct nvb_cli_option *table);

int nvb_print_version(const struct nvb_cli *cli);

#endif
