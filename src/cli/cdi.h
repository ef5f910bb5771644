#ifndef NVB_CLI_CDI_H
#define NVB_CLI_CDI_H

/* What the files of "nvbind cdi" share. */

#include "cdi/codec.h"
#include "cdi/registry.h"
#include "cli/cli.h"
#include "cli/help.h"

extern const struct nvb_cli_option nvb_cdi_list_options[];
extern const struct nvb_cli_option nvb_cdi_show_options[];
extern const struct nvb_cli_option nvb_cdi_validate_options[];
extern const struct nvb_cli_option nvb_cdi_diff_options[];
extern const struct nvb_cli_option nvb_cdi_refresh_options[];

int nvb_cmd_cdi_list(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_cdi_show(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_cdi_validate(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_cdi_diff(struct nvb_cli *cli, int argc, char **argv);
int nvb_cmd_cdi_refresh(struct nvb_cli *cli, int argc, char **argv);

/* The caller, the engines that are asked about, and the root whose folders count. */
struct nvb_cdi_view {
    struct nvb_user user;
    struct nvb_root root;
    struct nvb_cdi_consumers consumers; /* by --for, else those that are installed here */
    bool named;                         /* they were named by --for */
};

#define _cleanup_cdi_view_ _cleanup_(nvb_cdi_view_done)

/* FOR is --for's value or NULL. Returns 0 or -1. */
int nvb_cdi_view_open(const struct nvb_cli *cli, const char *for_engines, struct nvb_cdi_view *ret,
                      struct nvb_error **err);
void nvb_cdi_view_done(struct nvb_cdi_view *view);

/*
 * Reads the registry as the first of the engines sees it (none: as CDI itself says): its folders,
 * then, where it takes one of its caller's, the private one of "cdi refresh". *RET_CONSUMER becomes
 * that engine, borrowed, or NULL.
 */
void nvb_cdi_view_read(const struct nvb_cdi_view *view, struct nvb_cdi_registry *ret,
                       const struct nvb_cdi_consumer **ret_consumer, struct nvb_notes *notes);

/* json|yaml, by WORD (--format), or DEFAULT where that is NULL. Returns 0, or -1 with a usage
 * error. */
int nvb_cdi_parse_format(const char *word, enum nvb_cdi_format fallback, enum nvb_cdi_format *ret,
                         struct nvb_error **err);

#endif
