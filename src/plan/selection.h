#ifndef NVB_PLAN_SELECTION_H
#define NVB_PLAN_SELECTION_H

/* Which GPUs: from the words of a user to GPUs of this machine. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/notes.h"
#include "base/str.h"
#include "host/host.h"
#include "host/nvml.h"

enum nvb_selection_kind {
    NVB_SELECT_NONE,
    NVB_SELECT_COUNT,
    NVB_SELECT_ITEMS,
};

enum nvb_selection_item_kind {
    NVB_ITEM_ALL,
    NVB_ITEM_INDEX, /* first to last */
    NVB_ITEM_UUID,  /* the beginning of one */
    NVB_ITEM_PCI,   /* "0000:65:00.0", lower case */
    NVB_ITEM_MIG,   /* "0:1", "mig0:1" or "MIG-…" */
    NVB_ITEM_CDI,   /* a device of another vendor or class: "amd.com/gpu=0" */
};

struct nvb_selection_item {
    enum nvb_selection_item_kind kind;
    uint64_t first, last;
    char *text; /* owned: what the user wrote, or the PCI address in the driver's form */
};

struct nvb_selection {
    enum nvb_selection_kind kind;
    uint64_t count;
    struct nvb_selection_items NVB_VEC(struct nvb_selection_item) items;
    unsigned capabilities; /* named in Docker's --gpus; 0: none */
};

#define _cleanup_selection_ _cleanup_(nvb_selection_done)

void nvb_selection_done(struct nvb_selection *selection);

/*
 * Reads the contract's SELECTION: all, none, count=N, or a list of: an index, "gpu" and an index, a
 * range, a UUID or the beginning of one, a PCI address with or without domain, MIG (G:I or a MIG
 * UUID), a CDI name. A usage error names the forms.
 */
int nvb_selection_parse(const char *text, struct nvb_selection *ret, struct nvb_error **err);

/*
 * Reads Docker's --gpus: all, a number, and key=value fields (device, count, driver, capabilities)
 * as a line of CSV. Fields without a key behind "device=" or "capabilities=" belong to that, so
 * device=0,1 needs no quotes. "count=-1" is all.
 */
int nvb_selection_parse_docker(const char *text, struct nvb_selection *ret, struct nvb_error **err);

/*
 * Reads NVIDIA_VISIBLE_DEVICES as a request, as nvb_visible_clean() has it (plan/visible.h): void,
 * none and no word at all ask for nothing; else as SELECTION without count.
 */
int nvb_selection_parse_visible(const char *text, struct nvb_selection *ret,
                                struct nvb_error **err);

/* The units (plan/units.h) that the caller may take: nothing narrowed him, or a list. */
struct nvb_allowed {
    bool narrowed;
    const char *by;            /* the variable that did, a constant; the last one of several */
    char *words;               /* its value; owned */
    bool *units;               /* one for each unit of the machine; owned */
    struct nvb_strv variables; /* all that narrowed */
};

#define _cleanup_allowed_ _cleanup_(nvb_allowed_done)

/*
 * Reads how ENVIRONMENT narrows the caller: SLURM_STEP_GPUS, else SLURM_JOB_GPUS, else
 * CUDA_VISIBLE_DEVICES (its list ends at the first word that is no GPU, as CUDA reads it), and
 * NVIDIA_VISIBLE_DEVICES (nvb_visible_clean()). Unset, empty and "void" narrow nothing; "none",
 * "-1" and "NoDevFiles" leave nothing. A GPU means all on it. Where CUDA_VISIBLE_DEVICES names a
 * MIG device it goes before Slurm's lists, which number such devices in a way of Slurm's own.
 */
void nvb_allowed_read(char *const *environment, const struct nvb_gpus *gpus,
                      struct nvb_allowed *ret);
void nvb_allowed_done(struct nvb_allowed *allowed);

/* Whether ENVIRONMENT names, where it narrows, MIG devices that only NVML can tell apart. */
bool nvb_allowed_needs_nvml(char *const *environment);

/* What was chosen. */
struct nvb_choice {
    struct nvb_choice_units NVB_VEC(size_t) units; /* places in nvb_units_list(), ascending, once */
    bool all;                /* every unit of the machine, and "all" was said */
    struct nvb_strv foreign; /* CDI names of other vendors and classes */
};

#define _cleanup_choice_ _cleanup_(nvb_choice_done)

void nvb_choice_done(struct nvb_choice *choice);

/* How many units, of those that programs can use, ALLOWED leaves. */
size_t nvb_allowed_count(const struct nvb_allowed *allowed, const struct nvb_gpus *gpus);

/*
 * Chooses by SELECTION among GPUS and their MIG devices; "all" and count mean: of the ALLOWED ones,
 * and count means those that programs can use. What is named and not allowed is chosen with a
 * warning, and so is the whole of a GPU that is cut. Errors name what there is. count takes the
 * least busy by what NVML said, where it was asked and answered (NVML may be NULL: it was not
 * asked), else the lowest indices, and says which in NOTES.
 */
int nvb_selection_choose(const struct nvb_selection *selection, const struct nvb_gpus *gpus,
                         const struct nvb_allowed *allowed, const struct nvb_nvml *nvml,
                         struct nvb_choice *ret, struct nvb_notes *notes, struct nvb_error **err);

#endif
