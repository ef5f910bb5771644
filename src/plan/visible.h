#ifndef NVB_PLAN_VISIBLE_H
#define NVB_PLAN_VISIBLE_H

/*
 * Requests for GPUs in the words of NVIDIA's own container runtime: variables, and mounts of
 * /dev/null. Under CDI an engine ignores them all, so they are read here and mean what they mean
 * there. An image's own variables are no request: nothing that is only in an image is read.
 */

#include "base/error.h"
#include "plan/plan.h"

#define NVB_VISIBLE       "NVIDIA_VISIBLE_DEVICES"
#define NVB_GRANTED       "NVIDIA_DRIVER_CAPABILITIES"
#define NVB_IMEX_CHANNELS "NVIDIA_IMEX_CHANNELS"

/*
 * TEXT, a value of NVIDIA_VISIBLE_DEVICES, with one spelling for each meaning. Owned. Spaces around
 * a word and empty words do not count. No word, or "void" among them: "", nothing is asked for.
 * Else the first of "all" and "none" is the answer, else it is the words with commas between them.
 */
char *nvb_visible_clean(const char *text);

/* The same for NVIDIA_DRIVER_CAPABILITIES, which has no words that swallow others. */
char *nvb_visible_clean_list(const char *text);

/*
 * The value of NAME in a container of LINE: of the last --env, else of the last --env-file that has
 * it ("NAME" alone takes ENVIRONMENT's in both). Owned; NULL where it is not set. A file that
 * cannot be read sets nothing: the engine says so.
 */
char *nvb_visible_find_variable(const struct nvb_plan_line *line, const char *name,
                                char *const *environment);

/*
 * Appends what LINE asks for by mounts of /dev/null below /var/run/nvidia-container-devices: the
 * words behind that folder, "cdi/VENDOR/CLASS/NAME" as the CDI name.
 */
void nvb_visible_read_mounts(const struct nvb_plan_line *line, struct nvb_strv *ret);

/*
 * Appends the nodes of the IMEX channels that LINE asks for: NVIDIA_IMEX_CHANNELS, a list of
 * numbers, or "imex/N" among those mounts, which go before it. "all" is no number and asks for
 * none.
 */
void nvb_visible_read_channels(const struct nvb_plan_line *line, char *const *environment,
                               struct nvb_strv *ret);

/*
 * Adds to *ret what LINE asks for of managing MIG (enum nvb_cdi_mig_management):
 * NVIDIA_MIG_CONFIG_DEVICES and NVIDIA_MIG_MONITOR_DEVICES, whose one value is "all". Returns 0, or
 * -1 for another.
 */
int nvb_visible_read_mig(const struct nvb_plan_line *line, char *const *environment, unsigned *ret,
                         struct nvb_error **err);

/* Takes those mounts out of LINE, and VARIABLE's --env where it is not NULL. */
void nvb_visible_drop(struct nvb_plan_line *line, const char *variable);

#endif
