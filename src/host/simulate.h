#ifndef NVB_HOST_SIMULATE_H
#define NVB_HOST_SIMULATE_H

/*
 * A simulated host: a folder with everything that discovery reads, for demos and tests on machines
 * without a GPU. Its libraries are real ELF files that say so when asked; its device nodes are
 * regular files, also when root makes it, so that the tree is the same for everybody.
 */

#include "base/error.h"
#include "base/str.h"

#define NVB_SIMULATE_MAX_GPUS 64
#define NVB_SIMULATE_DRIVER   "550.163.01"

/* An exported function of every simulated library: int nvbind_simulated(void), which returns 1. */
#define NVB_SIMULATED_SYMBOL "nvbind_simulated"

enum nvb_simulate_layout {
    NVB_SIMULATE_RUN,    /* as NVIDIA's .run installer leaves a Debian machine */
    NVB_SIMULATE_DEBIAN, /* as Debian's packages do: libraries behind alternatives */
};

struct nvb_simulate_options {
    const char *folder;
    unsigned gpus;       /* 1 to NVB_SIMULATE_MAX_GPUS */
    const char *version; /* of the driver: digits and two or three parts, "550.163.01" */
    enum nvb_simulate_layout layout;
    const struct nvb_strv *mig; /* how GPUs are cut (see below), in any order; or NULL */
};

/*
 * How GPUs are cut into MIG devices: "GPUS:INSTANCE[,INSTANCE…]".
 * GPUS is an index, a range "0-3" or "all"; a GPU is named once. INSTANCE is a profile of the
 * simulated model by nvidia-smi's name, such as 1g.5gb; "3x1g.5gb" is three of them, and
 * "3g.20gb/2" has two compute instances instead of one. Instances get the numbers, and the places
 * on the GPU, that the driver gives to the largest first; more than fit is a usage error.
 */

/* Reads a word such as "debian" into *ret; another word is a usage error. */
int nvb_simulate_parse_layout(const char *word, enum nvb_simulate_layout *ret,
                              struct nvb_error **err);

/*
 * Makes the tree. The folder is new (the one above it is there), or empty, or an earlier
 * simulation, which is then removed first; anything else is a usage error and left as it is.
 * NVB_SIMULATED_MARK is written last: a tree without it is not complete. The same options give the
 * same tree, byte for byte. Returns 0 or -1.
 */
int nvb_simulate_write(const struct nvb_simulate_options *options, struct nvb_error **err);

#endif
