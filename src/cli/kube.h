#ifndef NVB_CLI_KUBE_H
#define NVB_CLI_KUBE_H

/* The commands of "nvbind kube". */

#include "cli/cli.h"
#include "cli/planning.h"
#include "play/play.h"

extern const struct nvb_cli_option nvb_kube_play_options[];
extern const struct nvb_cli_option nvb_kube_down_options[];
extern const struct nvb_cli_option nvb_kube_generate_options[];

/* Each returns the exit status. */
int nvb_kube_play(struct nvb_cli *cli, int argc, char **argv);
int nvb_kube_generate(struct nvb_cli *cli, int argc, char **argv);

/*
 * Reads the user and the configuration and finds Podman, which must make its containers on this
 * machine. Returns 0 or -1.
 */
int nvb_kube_find_podman(struct nvb_cli_planning *planning, struct nvb_error **err);

/*
 * Runs "podman WORDS" and collects what it prints; what it says on standard error is the error
 * where it fails. Returns 0 or -1.
 */
int nvb_kube_ask(const struct nvb_cli_planning *planning, struct nvb_strv *words,
                 struct nvb_str *ret, struct nvb_error **err);

/* Becomes "podman kube VERB" with WORDS and, from added_environment of PLANS' kind, ADDED. Returns
 * only on failure: -1. */
int nvb_kube_become(const struct nvb_cli_planning *planning, const char *verb,
                    const struct nvb_strv *words, const struct nvb_strv *added,
                    struct nvb_error **err);

/*
 * Appends the words for Podman of the options that stand in TABLE from FIRST on, as VALUES has
 * them.
 */
void nvb_kube_pass_on(const struct nvb_cli_option *table, const struct nvb_cli_values *values,
                      size_t first, struct nvb_strv *ret);

/* How GPUs are chosen. All borrowed. */
struct nvb_kube_choosing {
    const struct nvb_cli_planning *planning; /* with its engine */
    const struct nvb_strv *gone;             /* pods that are about to be replaced */
    bool dry_run;                            /* nothing is loaded or made */
    bool share;
};

/* Chooses for PODS among what this machine has and no container holds (nvb_play_choose). Returns 0
 * or -1. */
int nvb_kube_choose_gpus(const struct nvb_kube_choosing *how, struct nvb_play_pods *pods,
                         struct nvb_notes *notes, struct nvb_error **err);

#endif
