#ifndef NVB_CLI_GENERATE_H
#define NVB_CLI_GENERATE_H

/* What the formats of "nvbind generate" share. */

#include "cli/cli.h"
#include "cli/planning.h"

/* Options that several formats have, by their place in each one's table. */
enum {
    NVB_GENERATE_OUTPUT,
    NVB_GENERATE_INSTALL,
    NVB_GENERATE_UNIT,
    NVB_GENERATE_SCOPE,
    NVB_GENERATE_HELP,
    NVB_GENERATE_PODMAN_VERSION,                             /* Quadlet's alone */
    NVB_GENERATE_SERVICE_USER = NVB_GENERATE_PODMAN_VERSION, /* systemd's alone */
    NVB_GENERATE_COMPOSE_HELP = 4, /* Compose has options of its own behind the first */
};

extern const struct nvb_cli_option nvb_generate_compose_options[];
extern const struct nvb_cli_option nvb_generate_slurm_options[];

/* Those of slurm. */
enum {
    NVB_GENERATE_SLURM_JOB = 1,
    NVB_GENERATE_SLURM_PARTITION,
    NVB_GENERATE_SLURM_ACCOUNT,
    NVB_GENERATE_SLURM_TIME,
    NVB_GENERATE_SLURM_TYPE,
    NVB_GENERATE_SLURM_HELP,
};

/* Those of kube. */
enum {
    NVB_GENERATE_KUBE_TARGET = 1,
    NVB_GENERATE_KUBE_KIND,
    NVB_GENERATE_KUBE_DRA,
    NVB_GENERATE_KUBE_DRA_VERSION,
    NVB_GENERATE_KUBE_PRODUCT,
    NVB_GENERATE_KUBE_RESOURCE,
    NVB_GENERATE_KUBE_RUNTIME_CLASS,
    NVB_GENERATE_KUBE_PODMAN_VERSION,
    NVB_GENERATE_KUBE_HELP,
};

struct nvb_generate {
    const struct nvb_cli *cli;
    const struct nvb_cli_option *options;
    struct nvb_cli_values values;
    struct nvb_strv own, words; /* the format's options, and run's words */
    struct nvb_cli_planning planning;
    struct nvb_request request;
    struct nvb_plan plan;
    struct nvb_exec exec;
    struct nvb_str text;
    bool is_user;
    char *unit;
    char *description;
};

/*
 * Reads run's words and resolves the plan. KEPT: what is written is used later, without nvbind.
 * Prints what there is to say. Returns 0 or -1.
 */
int nvb_generate_plan(struct nvb_generate *g, bool kept, struct nvb_error **err);

/* The two halves of it, for who has to know the request before it is resolved, and prints the notes
 * himself. */
int nvb_generate_read(struct nvb_generate *g, struct nvb_error **err);
int nvb_generate_resolve(struct nvb_generate *g, bool kept, struct nvb_error **err);

/* Writes g->text to --output with MODE (less the umask), or prints it. Returns 0 or -1. */
int nvb_generate_put(const struct nvb_generate *g, mode_t mode, struct nvb_error **err);

/*
 * CDI's names for the plan's GPUs, by UUID where a name by UUID is there: out of the files that the
 * engine reads without nvbind, however the plan would bring them here and now. *RET_FILE, where it
 * is not NULL, is the file that has the last of them; owned, left alone where no file was asked.
 * Returns 0, or 1 where there are none for all of them.
 */
int nvb_generate_name_devices(const struct nvb_generate *g, struct nvb_strv *ret, char **ret_file);

/* The last part of the image's name: "ollama/ollama:latest" is "ollama". Owned by the caller. */
char *nvb_generate_name_of_image(const char *image);

/* "5.4" or "5.4.2" as major * 100 + minor. Returns 0 or -1. */
int nvb_generate_parse_version(const char *word, unsigned *ret);

/* Puts a copy of WORD before WORDS. */
void nvb_generate_put_first(struct nvb_strv *words, const char *word);

/* Each format's own: from the options and words read to the file written. Return 0 or -1. */
int nvb_generate_quadlet(struct nvb_generate *g, struct nvb_error **err);
int nvb_generate_systemd(struct nvb_generate *g, struct nvb_error **err);
int nvb_generate_compose(struct nvb_generate *g, struct nvb_error **err);
int nvb_generate_kube(struct nvb_generate *g, struct nvb_error **err);
int nvb_generate_slurm(struct nvb_generate *g, struct nvb_error **err);

#endif
