#ifndef NVB_CLI_CLI_H
#define NVB_CLI_CLI_H

/*
 * What the commands share: the global options, reading a command's own options from a table, and
 * the only functions that print. Results go to standard output, messages to standard error.
 */

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/notes.h"
#include "host/host.h"

enum nvb_log_level {
    NVB_LOG_ERROR,
    NVB_LOG_WARN,
    NVB_LOG_INFO,
    NVB_LOG_DEBUG,
};

enum {
    NVB_EXIT_OK = 0,
    NVB_EXIT_FOUND = 1, /* it found something wrong: doctor, validate, diff, a host without GPUs */
    NVB_EXIT_USAGE = 2, /* the call or a configuration file is wrong */
    NVB_EXIT_ENGINE = 125 /* run and its kin: nvbind or the engine failed before the container */
};

struct nvb_cli {
    const char *config; /* --config or NVBIND_CONFIG, or NULL */
    struct nvb_host_options host;
    enum nvb_log_level level;
    bool color; /* for standard error */
};

/* ---- a command's own options ------------------------------------------------------------------
 */

struct nvb_cli_option {
    const char *name;  /* without dashes */
    char letter;       /* or 0 */
    const char *value; /* the value as the help shows it, or NULL for a flag. Completion reads it:
                          "json|yaml" are the words it takes, "[=device|strict]" may be left out and
                          stands behind "=" only, FILE and DIR are paths, SELECTION is GPUs,
                          CAPABILITIES, PROFILE and ENGINES lists of such, CDI a device's name; any
                          other name is left to the user */
    const char *help;  /* one line */
};

/* What a command found: parallel to its option table. */
struct nvb_cli_values {
    struct nvb_strv *values; /* one list an option, in the order given; a flag, or a value that was
                                left out, has "" per use */
    size_t count;            /* of the table */
    char **rest;             /* the words that are no options: borrowed from argv */
    int rest_count;
};

#define _cleanup_cli_values_ _cleanup_(nvb_cli_values_done)

/*
 * Reads ARGV (the words behind the command's name) by TABLE, which ends with a NULL name. Options
 * may stand anywhere; "--" ends them; "--name=value" and "--name value", "-nvalue". An unknown
 * option is a usage error that names the nearest one.
 */
int nvb_cli_parse(const struct nvb_cli_option *table, int argc, char **argv,
                  struct nvb_cli_values *ret, struct nvb_error **err);
void nvb_cli_values_done(struct nvb_cli_values *values);

/* The last value given for option INDEX of the table, borrowed, or NULL. */
const char *nvb_cli_value(const struct nvb_cli_values *values, size_t index);

/* ---- printing ---------------------------------------------------------------------------------
 */

/* Prints ERROR and its hint to standard error and returns STATUS. */
int nvb_cli_fail(const struct nvb_cli *cli, const struct nvb_error *error, int status);

/* Prints the notes that the log level lets through to standard error. */
void nvb_cli_print_notes(const struct nvb_cli *cli, const struct nvb_notes *notes);

/* NVB_EXIT_USAGE for errors in what the user wrote, else NVB_EXIT_FOUND. */
int nvb_cli_status_of(const struct nvb_error *error);

/* Appends TEXT with '?' for every character but newline and tab that would steer a terminal: host
 * files, names and the caller's words are untrusted. */
void nvb_cli_add_printable(struct nvb_str *s, const char *text);

/* The same without newline and tab: what is quoted in a line cannot make a second one, which would
 * pass for a message of ours. */
void nvb_cli_add_line(struct nvb_str *s, const char *text);

/* Writes TEXT to standard output; a failure to do so (full disk, closed pipe) is an error. */
int nvb_cli_print(const struct nvb_cli *cli, const char *text, size_t len);

/*
 * Appends a table: COLUMNS headers, then ROWS * COLUMNS cells (borrowed), padded to the widest.
 * Cells are printed with control characters replaced: they may come from untrusted files.
 */
void nvb_cli_table(struct nvb_str *ret, const char *const *headers, size_t columns,
                   const struct nvb_strv *cells);

/* ---- the commands: each gets the words from its own name on and returns the exit status -------
 */

int nvb_cmd_run(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_exec(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_kube(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_info(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_doctor(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_cdi(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_config(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_profile(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_generate(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_compose(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_podman(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_migrate(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_bench(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_selftest(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_simulate(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_help(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_complete(struct nvb_cli *cli, int argc, char **argv);

#endif
