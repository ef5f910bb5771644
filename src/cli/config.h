#ifndef NVB_CLI_CONFIG_H
#define NVB_CLI_CONFIG_H

/* What the sub-commands of "nvbind config" share. */

#include "cli/cli.h"

/*
 * Reads the words by TABLE, whose first option is --help. Returns true where the command goes on;
 * else *ret_status is its exit status. MAX is how many plain words it takes.
 */
bool nvb_config_begin(struct nvb_cli *cli, const struct nvb_cli_option *table, int argc,
                      char **argv, int max, const char *usage, const char *text,
                      struct nvb_cli_values *ret, int *ret_status);

extern const struct nvb_cli_option nvb_config_engine_options[];
int nvb_cmd_config_engine(struct nvb_cli *cli, int argc, char **argv);

#endif
