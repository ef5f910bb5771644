#ifndef NVB_CLI_CHECKLIST_H
#define NVB_CLI_CHECKLIST_H

/* "migrate --checklist": what moving from Docker to Podman takes, point by point, each looked at on
 * this machine and in the working folder. */

#include "cli/cli.h"

/* Prints the list, or with JSON one object. Returns the exit status: 1 while something is to do. */
int nvb_cli_checklist(struct nvb_cli *cli, bool json);

#endif
